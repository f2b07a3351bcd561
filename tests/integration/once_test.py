"""Calls whose answer is lost on the way run once: the client sends them again with the same key, and is
answered by what the service kept, or by its state after kill -9."""

import os
import unittest

import wire
from mesh import EXAMPLES, MeshCase
from main_job_test import Person

BUILT = os.environ["TACIT_FAULTS_BUILT"] == "1"
MODEL = os.path.join(EXAMPLES, "breast-cancer", "model.onnx")
KEY = {3: b"0123456789abcdef"}  # meta


@unittest.skipUnless(BUILT, "built without fault points")
class LostAnswers(MeshCase):
    @classmethod
    def prepare_state(cls, mesh):
        os.environ["TACIT_FAULTS"] = "; ".join(
            f"disconnect {method} times=1" for method in
            ("keys.grant", "keys.enrol", "keys.put_model_key", "models.push"))
        cls.addClassCleanup(os.environ.pop, "TACIT_FAULTS")

    def test_the_commands_do_what_they_are_told_once(self):
        owner = Person(self.mesh, "tacit-mlowner", "vendor")
        owner("push", MODEL, "--name", "m", check=True)
        granted = owner("grant", "m", "--user", "ab" * 32, "--json", check=True).json["grant"]
        shown = owner("list", "--json", check=True).json
        self.assertIn(granted, str(shown))
        pushed = owner("push", MODEL, "--name", "m", "--json", check=True).json
        self.assertEqual(pushed["version"], 2)


class Restarts(MeshCase):
    def setUp(self):
        self.owner = self.mesh.user()
        self.owner.enrol()

    def restart(self, name, role):
        self.mesh.await_restart(name, self.mesh.kill(name))
        self.mesh.await_ready()
        self.owner.drop(role)

    def test_a_grant_survives_with_its_key(self):
        self.owner.push("g", b"model")
        args = {1: "g", 2: bytes(32), 3: bytes(32), 4: 0, 5: 0}
        first = self.owner.to(wire.KEYS)("keys.grant", args, meta=KEY)[1]
        self.assertEqual(self.owner.to(wire.KEYS)("keys.grant", args, meta=KEY)[1], first)
        self.restart("keys", wire.KEYS)
        self.assertEqual(self.owner.to(wire.KEYS)("keys.grant", args, meta=KEY)[1], first)
        self.restart("keys", wire.KEYS)
        for changed in ({5: 3}, {4: 1 << 41}, {2: b"\1" * 32}):
            self.assert_refused("key_reused", self.owner.to(wire.KEYS), "keys.grant",
                                {**args, **changed}, meta=KEY)
        grants = self.owner.to(wire.KEYS)("keys.list", {1: 0})[2]
        self.assertEqual([grant[1] for grant in grants], [first])

    def test_an_answer_is_kept_while_the_service_runs(self):
        self.owner.push("r", b"model")
        models = self.owner.to(wire.MODELS)
        models("models.remove", {1: "r", 2: 0}, meta=KEY)
        models("models.remove", {1: "r", 2: 0}, meta=KEY)
        self.assert_refused("not_found", models, "models.remove", {1: "r", 2: 0})
        self.assert_refused("key_reused", models, "models.remove", {1: "s", 2: 0}, meta=KEY)
        self.restart("models", wire.MODELS)
        self.assert_refused("not_found", self.owner.to(wire.MODELS), "models.remove",
                            {1: "r", 2: 0}, meta=KEY)


if __name__ == "__main__":
    unittest.main()
