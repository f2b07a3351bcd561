"""The main job in meshes of simulated TDX domains and Nitro enclaves, as every other test has it in
one of SGX: launched, pushed, granted, inferred, revoked, started again; and another measurement
than the policy's refused."""

import csv
import os
import re
import unittest

from main_job_test import Person
from mesh import EXAMPLES, MeshCase, await_condition

ROWS = os.path.join(EXAMPLES, "breast-cancer", "inputs.csv")


class Tee:
    """One kind's mesh; the order of the tests' names is that of a day."""

    registers = ()  # of a code
    program = ""  # the register that tells one program from another

    @classmethod
    def prepare(cls):
        cls.owner = Person(cls.mesh, "tacit-mlowner", "vendor")
        cls.user = Person(cls.mesh, "tacit-dataowner", "clinic")
        cls.rows = os.path.join(cls.mesh.folder, "rows.csv")
        with open(ROWS, encoding="utf-8") as source, open(cls.rows, "w", encoding="utf-8") as to:
            csv.writer(to).writerows(list(csv.reader(source))[:4])
        cls.owner("push", os.path.join(EXAMPLES, "breast-cancer", "model.onnx"), "--name", "bc",
                  check=True)
        cls.grant = cls.owner("grant", "bc", "--user", cls.user.id, check=True).json["grant"]

    def infer(self, **options):
        return self.user("infer", f"{self.owner.id}/bc", self.rows, **options)

    def policy(self):
        return self.mesh.operator("policy", "generate", check=True).out

    def apply(self, text):
        path = os.path.join(self.mesh.folder, "policy.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.mesh.operator("policy", "apply", path, check=True)

    def test_1_one_inference_by_attested_code_of_this_kind(self):
        self.infer(check=True)
        seen = self.user("verify", check=True).json
        self.assertEqual(seen["tee"], self.tee)
        self.assertTrue(seen["simulated"])
        self.assertIn("SIMULATED", seen["trust_anchor"])
        self.assertEqual({member["tee"] for member in self.mesh.status()["members"]}, {self.tee})
        self.assertEqual({s["tcb_status"] for s in seen["services"]},
                         {"none" if self.tee == "nitro" else "UpToDate"})
        self.assertEqual(len({s["mrenclave"] for s in seen["services"]}), 5)
        self.assertEqual(len({s["mrsigner"] for s in seen["services"]}), 1)

    def test_2_the_policy_names_the_registers_of_this_kind(self):
        text = self.policy()
        self.assertNotIn("mrenclave", text)
        for name in self.registers:
            self.assertEqual(len(re.findall(rf"^    {name}: [0-9a-f]{{96}}$", text, re.M)), 4, name)

    def test_3_what_was_sealed_opens_again_and_the_kind_stays(self):
        self.mesh.down()
        other = self.mesh.operator("up", self.mesh.manifest, "--tee", "sgx")
        self.assertNotEqual(other.code, 0, str(other))
        self.assertIn(f"is of {self.tee}, not sgx", other.err)
        self.mesh.operator("up", self.mesh.manifest, check=True)
        self.mesh.await_ready()
        self.infer(check=True)

    def test_4_a_revoked_grant_serves_nobody(self):
        self.owner("revoke", self.grant, check=True)
        outcome = await_condition(lambda: (lambda o: o.code and o)(self.infer()), "it is refused")
        self.assertEqual(outcome.error["name"], "grant_revoked")

    def test_5_another_measurement_than_the_policys_is_refused(self):
        text = self.policy()
        head, worker = text.split("  - role: worker\n")
        found = re.search(rf"    {self.program}: ([0-9a-f]{{96}})", worker)
        other = found.group(1)[:-2] + format(int(found.group(1)[-2:], 16) ^ 1, "02x")
        self.apply(head + "  - role: worker\n" + worker.replace(found.group(1), other))

        def refused():
            refusals = self.mesh.operator("audit", "refusals", "--json", check=True).json
            return [r for r in refusals if r["name"] == "measurement_refused"]

        refusal = await_condition(refused, "the workers are refused")[0]
        self.assertIn(f"{self.program}: {other}", refusal["policy"])
        await_condition(lambda: "worker" not in self.mesh.roles(), "no worker is a member")


class Tdx(Tee, MeshCase):
    tee = "tdx"
    registers = ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")
    program = "rtmr3"


class Nitro(Tee, MeshCase):
    tee = "nitro"
    registers = ("pcr0", "pcr1", "pcr2")
    program = "pcr0"


if __name__ == "__main__":
    unittest.main()
