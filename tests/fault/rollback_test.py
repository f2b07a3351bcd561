"""Databases put back by who controls the disk: of the key service and of the attestation service only
the newest copy opens. What is removed, cut or altered does not open either."""

import os
import shutil
import unittest

import wire
from mesh import MeshCase, await_condition


class Rollback(MeshCase):
    workers = 0

    def setUp(self):
        """Each test takes the mesh down and leaves it up."""
        self.owner = wire.User(self.mesh.state, timeout=10)
        self.addCleanup(self.owner.close)
        await_condition(lambda: self.owner.enrol() is not None, "enrolled")

    # -- copies

    def place(self, service):
        return os.path.join(self.mesh.state, service)

    def save(self, service, name):
        """A copy of the stopped service's folder."""
        copy = os.path.join(self.mesh.folder, name)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.place(service), copy)
        return copy

    def restore(self, service, copy):
        shutil.rmtree(self.place(service))
        shutil.copytree(copy, self.place(service))

    def assert_stays_down(self, service, reasons):
        """up fails and says why, the service too, and nothing is left running."""
        before = len(self.mesh.log(service))
        outcome = self.mesh.operator("up", self.mesh.manifest, "--json")
        self.assertNotEqual(outcome.code, 0, outcome)
        said = self.mesh.log(service)[before:]
        self.assertTrue(any(f'"{reason}"' in said for reason in reasons), said)
        self.assertTrue(any(reason in outcome.err for reason in reasons), outcome)
        self.assertIsNone(self.mesh.supervisor(), "a mesh that did not come up is left running")

    # -- the key service

    def test_only_the_newest_copy_of_the_key_database_opens(self):
        self.owner.put_model_key("rolled", 1, os.urandom(32), os.urandom(32))
        grant = self.owner.grant("rolled", os.urandom(32), bytes(32))
        self.mesh.down()
        old = self.save("keys", "old-keys")
        self.mesh.up()
        self.owner.drop(wire.KEYS)
        self.owner.revoke(grant)  # what the thief wants to undo
        self.owner.drop(wire.KEYS)
        self.mesh.down()
        new = self.save("keys", "new-keys")

        self.restore("keys", old)
        self.assert_stays_down("keys", ["rollback_detected"])

        self.restore("keys", new)
        self.mesh.up()
        listed = self.owner.to(wire.KEYS)("keys.list", {1: 0})[2]
        self.assertEqual({entry[1]: entry[9] for entry in listed}[grant], 2)

    def damage(self, path, how):
        if how == "removed":
            for name in os.listdir(os.path.dirname(path)):
                os.remove(os.path.join(os.path.dirname(path), name))
        elif how == "cut":
            os.truncate(path, os.path.getsize(path) // 2)
        else:
            with open(path, "r+b") as file:
                content = bytearray(file.read())
                for at in range(4096, len(content), 61):
                    content[at] ^= 0x55
                file.seek(0)
                file.write(content)

    def test_a_damaged_key_database_does_not_open(self):
        self.mesh.down()
        whole = self.save("keys", "whole-keys")
        for how in ("removed", "cut", "altered"):
            with self.subTest(how):
                self.restore("keys", whole)
                self.damage(os.path.join(self.place("keys"), "keys.db"), how)
                self.assert_stays_down("keys", ["rollback_detected", "corrupt"])
        self.restore("keys", whole)
        self.mesh.up()

    # -- the attestation service

    def policy_number(self):
        return self.mesh.operator("policy", "show", "--json", check=True).json["number"]

    def next_policy(self):
        """Signs and applies the policy that follows; its number."""
        path = os.path.join(self.mesh.folder, "policy.yaml")
        text = self.mesh.operator("policy", "generate", check=True).out
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.mesh.operator("policy", "apply", path, check=True)
        return self.policy_number()

    def test_only_the_newest_copy_of_the_policy_history_opens(self):
        before = self.policy_number()
        self.mesh.down()
        old = self.save("attestation", "old-attestation")
        self.mesh.up()
        after = self.next_policy()
        self.assertEqual(after, before + 1)
        self.mesh.down()
        new = self.save("attestation", "new-attestation")

        self.restore("attestation", old)
        self.assert_stays_down("attestation", ["rollback_detected"])
        shutil.rmtree(self.place("attestation"))
        os.mkdir(self.place("attestation"), 0o700)
        self.assert_stays_down("attestation", ["rollback_detected"])

        self.restore("attestation", new)
        self.mesh.up()
        self.assertEqual(self.policy_number(), after)


if __name__ == "__main__":
    unittest.main()
