"""Disks that are full: writes are refused with storage_full, nothing stored is harmed, reads go on,
and writes work again when there is space."""

import os
import resource
import shutil
import subprocess
import unittest

import onnx
import wire
from mesh import PATIENCE, MeshCase, await_condition

ROW = wire.floats([[1.0, -2.0, 3.0]])


class Writes(MeshCase):
    """What both ways of running out of space share."""

    number = 0  # of models so far

    @classmethod
    def prepare(cls):
        cls.owner, cls.user = cls.mesh.user(), cls.mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        cls.owner_id = cls.owner.identity.public
        cls.owner.push("before", onnx.relu())
        # Counted uses have no lease: every inference is a release, which is a write.
        cls.owner.grant("before", cls.user.identity.public, cls.mesh.measurement(), uses=1000000)
        cls.user.put_request_key(cls.owner_id, "before", cls.mesh.measurement())

    def infer(self, name="before"):
        return self.user.infer(self.owner_id, name, ROW, timeout=PATIENCE / 2)

    def fill(self, write, limit):
        """Write until it is refused; (what was acknowledged, the refusal)."""
        acknowledged = []
        for _ in range(limit):
            try:
                acknowledged.append(write())
            except wire.Refused as refused:
                return acknowledged, refused
        self.fail(f"{limit} writes and no end of the space")

    def write_grant(self):
        return self.owner.grant("before", os.urandom(32), bytes(32))

    def write_model(self):
        Writes.number += 1
        name = f"m{Writes.number}"
        return self.owner.push(name, onnx.relu(doc="x" * 700000))

    def upload(self):
        """A model whose key is at the key service already does not need that service's disk."""
        Writes.number += 1
        model = wire.Model(self.owner.identity, f"u{Writes.number}", 1,
                           onnx.relu(doc="x" * 700000))
        self.owner.upload(model)
        return model

    def assert_kept(self, grants=(), models=()):
        """Everything acknowledged is there and whole."""
        keys, offset, found = self.owner.to(wire.KEYS), 0, set()
        while True:
            page = keys("keys.list", {1: offset})
            found |= {entry[1] for entry in page[2]}
            if not page[3]:
                break
            offset += 256
        self.assertLessEqual(set(grants), found)
        store = self.owner.to(wire.MODELS)
        for model in models:
            for index, chunk in enumerate(model.chunks):
                _, bulk = store.call("models.get_chunk", {1: self.owner_id, 2: model.name, 3: 1,
                                                          4: index})
                self.assertEqual(bulk, chunk)

    def restart(self, process, role):
        pid = self.mesh.kill(process)
        self.mesh.await_restart(process, pid)
        for user in (self.owner, self.user):
            user.drop(role)
        self.mesh.await_ready()

    def assert_well(self, grants, models):
        """There is space again."""
        grants = [*grants, self.write_grant()]
        models = [*models, self.upload()]
        self.assert_kept(grants, models)
        for process, role in (("keys", wire.KEYS), ("models", wire.MODELS)):
            self.restart(process, role)
        self.assert_kept(grants, models)
        await_condition(lambda: self.infer().values() == (1, 0, 3), "good requests are answered")
        self.mesh.operator("audit", "keys", "--json", check=True)


class FileSizes(Writes):
    """A limit on the size of files (RLIMIT_FSIZE), which every user can set."""

    def restrict(self, process, size):
        """Of a process as it runs now; its next life has no limit."""
        resource.prlimit(self.mesh.pid(process), resource.RLIMIT_FSIZE,
                         (size, resource.RLIM_INFINITY))

    def largest(self, folder):
        place = os.path.join(self.mesh.state, folder)
        return max(os.path.getsize(os.path.join(place, name)) for name in os.listdir(place)
                   if os.path.isfile(os.path.join(place, name)))

    def push_as_people_do(self):
        path = os.path.join(self.mesh.folder, "large.onnx")
        with open(path, "wb") as file:
            file.write(onnx.relu(doc="x" * 700000))
        options = self.mesh.identity("vendor")
        self.mesh.client("tacit-mlowner", "init", *options, check=True)
        return self.mesh.client("tacit-mlowner", "push", path, "--name", "large", "--json", *options)

    def test_a_limit_on_the_key_services_files(self):
        self.addCleanup(self.restrict, "keys", resource.RLIM_INFINITY)
        self.restrict("keys", self.largest("keys") + 64 * 1024)
        grants, refused = self.fill(self.write_grant, 4000)
        self.assertEqual(refused.name, "storage_full", refused)
        self.assert_refused("storage_full", self.write_grant)
        self.assert_kept(grants)
        # No release without its audit record. It is smaller than a grant: some may still fit.
        _, refused = self.fill(self.infer, 2000)
        self.assertEqual(refused.name, "storage_full", refused)
        self.restrict("keys", resource.RLIM_INFINITY)
        self.assert_well(grants, [])

    def test_a_limit_on_the_model_stores_files(self):
        self.addCleanup(self.restrict, "models", resource.RLIM_INFINITY)
        models = [self.upload()]
        self.restrict("models", 300000)
        self.assert_refused("storage_full", self.upload)
        self.assert_refused("storage_full", self.upload)
        self.assert_exit(13, "storage_full", self.push_as_people_do())
        self.assert_kept(models=models)
        self.infer()
        self.restrict("models", resource.RLIM_INFINITY)
        self.assert_well([], models)


class SmallDisks(Writes):
    """State folders on disks of a few megabytes, which only root can mount."""

    SIZE_KIB = {"keys": 2048, "models": 6144}

    @classmethod
    def setUpClass(cls):
        cls.mounted = []
        cls.addClassCleanup(cls.unmount)
        super().setUpClass()

    @classmethod
    def unmount(cls):
        for place in cls.mounted:
            subprocess.run(["umount", "-l", place], check=False, capture_output=True)
        shutil.rmtree(cls.mesh.folder, ignore_errors=True)

    @classmethod
    def prepare_state(cls, mesh):
        for name, size in cls.SIZE_KIB.items():
            place = os.path.join(mesh.state, name)
            os.makedirs(place, mode=0o700)
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=0700",
                                   "tmpfs", place], check=False, capture_output=True)
            if done.returncode != 0:
                raise unittest.SkipTest("only root can mount small disks: "
                                        f"{done.stderr.decode().strip()}")
            cls.mounted.append(place)

    def resize(self, name, size):
        place = os.path.join(self.mesh.state, name)
        subprocess.run(["mount", "-o", f"remount,size={size}k", place], check=True)

    def test_a_full_disk_of_the_key_service(self):
        self.addCleanup(self.resize, "keys", 64 * 1024)
        grants, refused = self.fill(self.write_grant, 4000)
        self.assertEqual(refused.name, "storage_full", refused)
        self.assert_kept(grants)
        _, refused = self.fill(self.infer, 2000)
        self.assertEqual(refused.name, "storage_full", refused)
        self.resize("keys", 64 * 1024)
        self.assert_well(grants, [])

    def test_a_full_disk_of_the_model_store(self):
        self.addCleanup(self.resize, "models", 64 * 1024)
        models, refused = self.fill(self.upload, 100)
        self.assertEqual(refused.name, "storage_full", refused)
        self.assertGreater(len(models), 2)
        left = [name for name in os.listdir(os.path.join(self.mesh.state, "models", "blobs"))
                if name.endswith(".part")]
        self.assertEqual(left, [], "an upload that found no space leaves nothing")
        self.assert_kept(models=models)
        self.infer()
        gone = models.pop(0)  # removing makes space
        self.owner.to(wire.MODELS)("models.remove", {1: gone.name, 2: 0})
        models.append(self.upload())
        self.assert_refused("storage_full", self.upload)
        self.resize("models", 64 * 1024)
        self.assert_well([], models)


if __name__ == "__main__":
    unittest.main()
