"""Isolation levels: a strict mesh answers with the portable backend, under a measurement of its own
that its policy alone allows, and its workers can bring no code into their memory."""

import json
import os
import tempfile
import unittest

from mesh import BIN, EXAMPLES, Mesh, MeshCase, run

SECCOMP_FILTER = "2"


def maps_of(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return file.read()


def seccomp_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(line.split()[1] for line in file if line.startswith("Seccomp:"))


class StrictMesh(MeshCase):
    isolation = "isolation: strict\n"

    @classmethod
    def setUpClass(cls):
        cls.more = cls.isolation
        super().setUpClass()

    @classmethod
    def prepare_state(cls, mesh):
        with open(mesh.manifest, "a", encoding="utf-8") as file:
            file.write(cls.isolation)

    def infer(self, folder):
        """The example's model by the clients of the build; the receipt as JSON."""
        mesh = self.mesh
        name = os.path.basename(folder)
        model = os.path.join(EXAMPLES, "breast-cancer")
        owner, user = mesh.identity(name + "-owner"), mesh.identity(name + "-user")
        receipts = os.path.join(folder, "receipts")
        mesh.client("tacit-mlowner", "init", *owner, check=True)
        shown = mesh.client("tacit-dataowner", "init", "--json", *user, check=True).json
        mesh.client("tacit-mlowner", "push", os.path.join(model, "model.onnx"), "--name", name,
                    *owner, check=True)
        mesh.client("tacit-mlowner", "grant", name, "--to", shown["user"], *owner, check=True)
        key = mesh.client("tacit-mlowner", "init", "--json", *owner, check=True).json["user"]
        mesh.client("tacit-dataowner", "infer", f"{key}/{name}",
                    os.path.join(model, "inputs.csv"), "--batch", "64", "--receipts", receipts,
                    *user, check=True)
        file = os.path.join(receipts, sorted(os.listdir(receipts))[0])
        return mesh.client("tacit-dataowner", "receipt", "verify", file, "--json", *user,
                           check=True).json

    def test_it_infers_with_the_portable_backend(self):
        with tempfile.TemporaryDirectory() as folder:
            receipt = self.infer(folder)
        self.assertEqual((receipt["isolation"], receipt["backend"]), ("strict", "portable"))
        self.assertEqual(receipt["mrenclave"],
                         self.mesh.measurement("tacit-workerd-strict").hex())


if __name__ == "__main__":
    unittest.main()
