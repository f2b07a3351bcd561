"""Isolation levels: a strict mesh answers with the portable backend, under a measurement of its own
that its policy alone allows; what was granted to strict workers is not given to others; and a
strict worker can make no code. The order of the tests' names is that of a day."""

import csv
import os
import re
import unittest

from inspect_test import npy
from main_job_test import Person
from mesh import BIN, EXAMPLES, MeshCase, run

EXAMPLE = os.path.join(EXAMPLES, "breast-cancer")
DEPENDENCIES = os.path.join(EXAMPLES, os.pardir, "docs", "dependencies.md")
COUNT = 4


def facts(program):
    return run("tacit-sign", "--show", "--json", os.path.join(BIN, program), check=True).json


def libraries(program):
    """What it may load, as the files' names begin ("libzmq"), without those of sanitizers."""
    with open(os.path.join(BIN, program + ".enclave"), encoding="utf-8") as file:
        paths = [line.split()[2] for line in file if line.startswith("library")]
    names = {re.split(r"\.so|-\d|-x86", os.path.basename(path))[0] for path in paths}
    return {name for name in names if not name.endswith("san")}


def seccomp(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(line.split()[1] for line in file if line.startswith("Seccomp:"))


class Strict(MeshCase):
    @classmethod
    def prepare_state(cls, mesh):
        with open(mesh.manifest, "a", encoding="utf-8") as file:
            file.write("isolation: strict\n")

    @classmethod
    def prepare(cls):
        cls.owner = Person(cls.mesh, "tacit-mlowner", "vendor")
        cls.user = Person(cls.mesh, "tacit-dataowner", "clinic")
        cls.rows = os.path.join(cls.mesh.folder, "rows.csv")
        with open(os.path.join(EXAMPLE, "inputs.csv"), encoding="utf-8") as source, \
                open(cls.rows, "w", encoding="utf-8") as to:
            csv.writer(to).writerows(list(csv.reader(source))[:COUNT])
        cls.owner("push", os.path.join(EXAMPLE, "model.onnx"), "--name", "bc", check=True)
        cls.owner("grant", "bc", "--user", cls.user.id, check=True)

    def infer(self, model="bc", **options):
        return self.user("infer", f"{self.owner.id}/{model}", self.rows, **options)

    def receipt(self, model="bc"):
        """That of one inference, verified by the trust file alone."""
        path = self.infer(model, check=True).json["receipts"][0]
        return self.user("receipt", "verify", path, check=True).json

    def test_1_a_strict_mesh_infers_with_the_portable_backend(self):
        status = self.mesh.status()
        receipt = self.receipt()
        for said in (status, receipt, facts("tacit-workerd-strict")):
            self.assertEqual((said["isolation"], said["backend"]), ("strict", "portable"))
        self.assertEqual(receipt["mrenclave"], facts("tacit-workerd-strict")["measurement"])
        self.assertIn("Workers: strict isolation, portable backend.",
                      self.mesh.operator("status", check=True).out)
        self.assertEqual(seccomp(self.mesh.pid("worker-1")), "2")

    def test_2_each_choice_is_a_measurement_of_its_own(self):
        programs = ("tacit-workerd", "tacit-workerd-portable", "tacit-workerd-strict")
        shown = [facts(program) for program in programs]
        self.assertEqual([(said["isolation"], said["backend"]) for said in shown],
                         [("standard", "onednn"), ("standard", "portable"),
                          ("strict", "portable")])
        self.assertEqual(len({said["measurement"] for said in shown}), 3)

    def test_2_only_workers_of_its_backend_load_onednn_and_the_documents_name_all_libraries(self):
        named = {program: libraries(program) for program in ("tacit-workerd", "tacit-workerd-strict")}
        self.assertEqual(named["tacit-workerd"] - named["tacit-workerd-strict"], {"libdnnl", "libOpenCL"})
        with open(DEPENDENCIES, encoding="utf-8") as file:
            told = file.read()
        self.assertEqual([name for name in named["tacit-workerd"] if f"`{name}`" not in told], [])

    def test_2_what_strict_workers_cannot_compute_is_refused_by_name(self):
        self.owner("push", os.path.join(EXAMPLE, "model.onnx"), "--name", "half", "--precision",
                   "bf16", check=True)
        self.owner("grant", "half", "--user", self.user.id, check=True)
        outcome = self.infer(model="half")
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("cannot compute in bf16", outcome.err)
        self.assertEqual(self.receipt()["precision"], "fp32")

    def test_2_only_a_model_over_bytes_is_pushed_as_such(self):
        outcome = self.owner("push", os.path.join(EXAMPLE, "model.onnx"), "--precision", "int8")
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("8-bit", outcome.err)
        self.assertIn("tacit-mlowner quantize", outcome.err)
        outcome = self.owner("push", os.path.join(EXAMPLE, "model.onnx"), "--precision", "fp64")
        self.assertEqual(outcome.code, 2)

    def test_2_what_its_owner_quantized_is_computed_in_bytes(self):
        with open(os.path.join(EXAMPLE, "inputs.csv"), encoding="utf-8") as file:
            cases = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
        rows = os.path.join(self.mesh.folder, "rows.npy")
        model = os.path.join(self.mesh.folder, "bytes.onnx")
        with open(rows, "wb") as file:
            file.write(npy((len(cases), len(cases[0])), sum(cases, [])))
        self.owner("quantize", os.path.join(EXAMPLE, "model.onnx"), "--data", rows, "--out", model, check=True)
        self.owner("push", model, "--precision", "int8", check=True)
        self.owner("grant", "bytes", "--user", self.user.id, check=True)
        receipt = self.receipt("bytes")
        self.assertEqual((receipt["precision"], receipt["backend"]), ("int8", "portable"))

    def test_3_its_policy_allows_strict_workers_alone(self):
        text = self.mesh.operator("policy", "generate", check=True).out
        self.assertIn(facts("tacit-workerd-strict")["measurement"], text)
        self.assertNotIn(facts("tacit-workerd")["measurement"], text)

    def test_4_a_what_was_granted_to_strict_workers_is_not_given_to_others(self):
        self.mesh.down()
        self.mesh.up("--isolation", "standard")
        self.assertEqual(self.mesh.status()["backend"], "onednn")
        self.assertNotEqual(self.infer().code, 0)
        self.owner("grant", "bc", "--user", self.user.id, check=True)
        receipt = self.receipt()
        self.assertEqual((receipt["isolation"], receipt["backend"]), ("standard", "onednn"))
        self.assertEqual(receipt["mrenclave"], facts("tacit-workerd")["measurement"])
        self.assertEqual(seccomp(self.mesh.pid("worker-1")), "0")

    def test_4_b_with_onednn_they_compute_in_the_precision_that_the_owner_chose(self):
        self.owner("grant", "half", "--user", self.user.id, check=True)
        with open("/proc/cpuinfo", encoding="ascii") as file:
            able = " avx512_bf16 " in file.read()
        if able:
            self.assertEqual(self.receipt("half")["precision"], "bf16")
            self.owner("rotate", "half", check=True)
            self.assertEqual(self.receipt("half")["precision"], "bf16")
        else:
            self.assertIn("cannot compute in bf16", self.infer("half").err)

    def test_5_what_cannot_be_is_refused_before_anything_starts(self):
        self.mesh.down()
        outcome = self.mesh.operator("up", self.mesh.manifest, "--backend", "onednn")
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("strict", outcome.err)
        self.assertIsNone(self.mesh.supervisor())


if __name__ == "__main__":
    unittest.main()
