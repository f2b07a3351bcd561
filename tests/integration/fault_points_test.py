"""Fault points in a real mesh: late, doubled and lost answers change nothing but the time; and a
build without them has no code of them and says so."""

import os
import time
import unittest

from mesh import BIN, EXAMPLES, MeshCase, run
from main_job_test import Person

BUILT = os.environ["TACIT_FAULTS_BUILT"] == "1"
SERVICES = ("tacit-attestd", "tacit-gatewayd", "tacit-keyd", "tacit-modeld", "tacit-supervisord")


@unittest.skipUnless(BUILT, "built without fault points")
class FaultPoints(MeshCase):
    @classmethod
    def prepare_state(cls, mesh):
        os.environ["TACIT_FAULTS"] = ("delay keys.release ms=200; duplicate models.get_chunk;"
                                      "reorder inference.infer; disconnect models.list seed=1;"
                                      "duplicate keys.release at=request;"
                                      "duplicate inference.complete at=request;"
                                      "delay inference.fetch at=request ms=50;"
                                      "reorder inference.heartbeat at=request")
        cls.addClassCleanup(os.environ.pop, "TACIT_FAULTS")

    def test_the_job_is_done_all_the_same(self):
        owner = Person(self.mesh, "tacit-mlowner", "vendor")
        user = Person(self.mesh, "tacit-dataowner", "clinic")
        owner("push", os.path.join(EXAMPLES, "breast-cancer", "model.onnx"), "--name", "m",
              check=True)
        owner("grant", "m", "--user", user.id, check=True)
        outcome = user("infer", f"{owner.id}/m",
                       os.path.join(EXAMPLES, "breast-cancer", "inputs.csv"))
        self.assertEqual(outcome.code, 0, str(outcome))

    def test_a_lost_connection_is_told(self):
        outcome = self.mesh.client("tacit-rpc", "call", "models.list", '{"offset": 0}', "--json")
        self.assert_exit(4, "unreachable", outcome)

    def test_the_operator_changes_faults_while_the_mesh_runs(self):
        before = self.fault()
        self.assertEqual(len(before), 8)
        try:
            self.assertEqual(self.fault("set", "drop *"), ["drop *"])  # not even asked about
            time.sleep(0.3)
            outcome = self.mesh.operator("status", "--timeout", "1", "--json")
            self.assertNotEqual(outcome.code, 0)
            self.assertEqual(self.fault("clear"), [])
            time.sleep(0.3)
            self.assertEqual(len(self.mesh.processes()), 6)
            wrong = self.mesh.operator("fault", "set", "drop keys.release at=nowhere", "--json")
            self.assert_exit(3, "bad_input", wrong)
            self.assertEqual(self.fault("list"), [])
            self.assertEqual(self.mesh.operator("fault", "set").code, 2)
        finally:
            self.fault("set", *before)
            time.sleep(0.3)

    def fault(self, *words):
        return self.mesh.operator("fault", *words, "--json", check=True).json


class Programs(unittest.TestCase):
    def test_no_mesh_has_no_faults(self):
        outcome = run("tacit-operator", "fault", "--state", "/nonexistent", "--json")
        self.assertEqual((outcome.code, outcome.error["name"]),
                         (4, "unreachable") if BUILT else (3, "unsupported"), str(outcome))

    def test_help_needs_no_fault_points(self):
        outcome = run("tacit-supervisord", "--help", env={"TACIT_FAULTS": "explode *"})
        self.assertEqual(outcome.code, 0, str(outcome))

    def test_code_is_there_only_where_built(self):
        for name in SERVICES:
            with self.subTest(name), open(os.path.join(BIN, name), "rb") as file:
                program = file.read()
                self.assertEqual(b"ACTION METHOD [at=]" in program, BUILT)
                if name != "tacit-supervisord":
                    self.assertEqual(b"this build has no fault points" in program, not BUILT)


if __name__ == "__main__":
    unittest.main()
