"""What people do, through the programs that they type: the main job on both examples, its receipts,
lists, rotation and removal; scaling; the mesh going down and up again with its state."""

import csv
import glob
import json
import os
import shutil
import time
import unittest

from mesh import EXAMPLES, MeshCase, await_condition, example_rows, run

TOLERANCE = 1e-5
HEX = "0123456789abcdef"


def strict(text):
    """JSON as RFC 8259 has it: no NaN."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


class Person:
    """Somebody at a terminal."""

    def __init__(self, mesh, program, name):
        self.mesh, self.program, self.options = mesh, program, mesh.identity(name)
        self.folder = self.options[1]
        self.id = self("init", check=True).json["user"]

    def __call__(self, *arguments, **options):
        return self.mesh.client(self.program, *arguments, "--json", *self.options, **options)


class MainJob(MeshCase):
    workers = 2

    @classmethod
    def prepare(cls):
        cls.owner = Person(cls.mesh, "tacit-mlowner", "vendor")
        cls.user = Person(cls.mesh, "tacit-dataowner", "clinic")
        for name in ("breast-cancer", "digits"):
            cls.publish(name, os.path.join(EXAMPLES, name, "model.onnx"))

    @classmethod
    def publish(cls, name, path):
        cls.owner("push", path, "--name", name, check=True)
        cls.owner("grant", name, "--user", cls.user.id, check=True)

    def file(self, name, text):
        path = os.path.join(self.mesh.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def table(self, count):
        rows = [",".join(map(repr, row)) for row in example_rows(count)]
        return self.file(f"{self._testMethodName}.csv", "\n".join(rows) + "\n")

    def model(self, name):
        return f"{self.owner.id}/{name}"

    def infer(self, name, *files, **options):
        return self.user("infer", self.model(name), *files, **options)

    def assert_expected(self, outcome, name, count):
        """Probabilities and labels are the training framework's."""
        self.assertEqual(outcome.code, 0, outcome)
        said = strict(outcome.out)
        expected = example_rows(count, name, "expected")
        with open(os.path.join(EXAMPLES, name, "expected.csv"), encoding="utf-8") as file:
            labels = next(csv.reader(file))
        output = said["outputs"][0]
        self.assertEqual(output["shape"], [count, len(labels)])
        for got, due in zip(output["data"], expected):
            for value, wanted in zip(got, due):
                self.assertAlmostEqual(value, wanted, delta=TOLERANCE)
        for prediction, due in zip(said["predictions"], expected):
            self.assertEqual(prediction["label"], labels[due.index(max(due))])
            self.assertAlmostEqual(prediction["probability"], max(due), delta=TOLERANCE)
        self.assertEqual(said["model"]["owner"], self.owner.id)
        self.assertIs(said["model"]["simulated"], True)
        return said

    # -- inference

    def test_a_table_gets_the_expected_probabilities(self):
        self.assert_expected(self.infer("breast-cancer", self.table(20)), "breast-cancer", 20)

    def test_pictures_get_the_expected_probabilities(self):
        pictures = sorted(glob.glob(os.path.join(EXAMPLES, "digits", "images", "*.png")))[:12]
        self.assert_expected(self.infer("digits", *pictures), "digits", 12)

    def test_batches_give_what_one_request_gives(self):
        said = self.assert_expected(self.infer("breast-cancer", self.table(17), "--batch", "5"),
                                    "breast-cancer", 17)
        self.assertEqual(len(said["receipts"]), 4)

    def test_predictions_are_saved(self):
        path = os.path.join(self.mesh.folder, "saved.csv")
        outcome = self.infer("breast-cancer", self.table(4), "--output", path)
        self.assertEqual(outcome.code, 0, outcome)
        with open(path, encoding="utf-8") as file:
            rows = list(csv.reader(file))
        self.assertEqual(len(rows), 5)
        for row, due in zip(rows[1:], example_rows(4, table="expected")):
            for value, wanted in zip(row[-2:], due):
                self.assertAlmostEqual(float(value), wanted, delta=TOLERANCE)

    def test_numbers_that_are_none_make_no_prediction(self):
        rows = [list(map(repr, row)) for row in example_rows(2)]
        rows[0][7] = "nan"
        path = self.file("nan.csv", "\n".join(map(",".join, rows)) + "\n")
        outcome = self.infer("breast-cancer", path)
        if outcome.code == 0:
            said = strict(outcome.out)
            self.assertNotIn("label", (said.get("predictions") or [{}])[0])
        else:
            self.assertEqual(outcome.code, 3, outcome)

    def test_inputs_that_do_not_fit_end_in_bad_input(self):
        rows = example_rows(2)
        wrong = {"short.csv": "\n".join(",".join(map(repr, row[:-1])) for row in rows),
                 "long.csv": "\n".join(",".join(map(repr, row + [1.0])) for row in rows),
                 "ragged.csv": ",".join(map(repr, rows[0])) + "\n1,2\n",
                 "text.csv": ",".join(["1.0"] * 29 + ["benign"]) + "\n" +
                             ",".join(["1.0"] * 29 + ["x"]) + "\n",
                 "empty.csv": "", "false.png": "no picture", "unknown.xyz": "1,2\n"}
        for name, text in wrong.items():
            with self.subTest(name):
                outcome = self.infer("breast-cancer", self.file(name, text))
                self.assertEqual((outcome.code, outcome.error["exit_name"]), (3, "bad_input"),
                                 outcome)
                self.assertTrue(outcome.error["message"])
        outcome = self.infer("breast-cancer", "/nonexistent.csv")
        self.assertEqual(outcome.code, 3, outcome)
        self.assert_expected(self.infer("breast-cancer", self.table(1)), "breast-cancer", 1)

    # -- receipts

    def receipt(self, name):
        folder = os.path.join(self.mesh.folder, name)
        outcome = self.infer("breast-cancer", self.table(2), "--receipts", folder, "--keep-sealed")
        self.assertEqual(outcome.code, 0, outcome)
        return strict(outcome.out)["receipts"][0]

    def test_a_receipt_says_what_answered(self):
        path = self.receipt("receipts")
        said = self.user("receipt", "verify", path, check=True).json
        self.assertEqual((said["user"], said["owner"], said["name"], said["version"]),
                         (self.user.id, self.owner.id, "breast-cancer", 1))
        self.assertEqual(bytes.fromhex(said["mrenclave"]), self.mesh.measurement())
        self.assertIs(said["simulated"], True)
        self.assertIn("SIMULATED", said["trust_anchor"])
        self.assertLess(abs(said["time_ms"] / 1000 - time.time()), 60)
        base = os.path.splitext(path)[0]
        self.user("receipt", "verify", path, "--request", f"{base}.request", "--response",
                  f"{base}.response", check=True)
        listed = self.user("receipt", "list", os.path.dirname(path), check=True).json
        self.assertEqual([entry["request_id"] for entry in listed], [said["request_id"]])

    def test_an_altered_receipt_is_refused(self):
        path = self.receipt("altered-receipts")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        refused = 0
        for at in range(20, len(text), 211):
            if text[at] not in HEX:
                continue
            changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]
            copy = self.file("altered.json", changed)
            outcome = self.user("receipt", "verify", copy)
            self.assertNotEqual(outcome.code, 0, f"byte {at}: {text[at - 20:at + 20]}")
            refused += 1
        self.assertGreater(refused, 3)
        base = os.path.splitext(path)[0]
        for option, kept in (("--request", f"{base}.response"),
                             ("--response", f"{base}.request")):
            outcome = self.user("receipt", "verify", path, option, kept)
            self.assertNotEqual(outcome.code, 0, outcome)

    def test_a_receipt_is_verified_without_the_mesh(self):
        path = self.receipt("offline")
        state = os.path.join(self.mesh.folder, "offline-state")
        os.makedirs(state)
        shutil.copy(os.path.join(self.mesh.state, "trust.json"), state)
        outcome = run("tacit-dataowner", "receipt", "verify", path, "--json", "--state", state,
                      *self.user.options)
        self.assertEqual(outcome.code, 0, outcome)

    # -- owners

    def test_list_rotate_and_remove(self):
        self.publish("passing", os.path.join(EXAMPLES, "breast-cancer", "model.onnx"))
        self.assert_expected(self.infer("passing", self.table(1)), "breast-cancer", 1)
        self.assertEqual(self.owner("rotate", "passing", check=True).json["version"], 2)
        listed = self.owner("list", check=True).json
        self.assertEqual([m["version"] for m in listed["models"] if m["name"] == "passing"], [2])
        self.assertEqual({grant["state"] for grant in listed["grants"]
                          if grant["model"] == "passing"}, {"active"})
        time.sleep(1)  # a worker may use the former version for so long
        said = self.assert_expected(self.infer("passing", self.table(1)), "breast-cancer", 1)
        self.assertEqual(said["model"]["version"], 2)
        outcome = self.infer("passing@1", self.table(1))
        self.assertEqual(outcome.code, 10, outcome)
        self.owner("rm", "passing", check=True)
        listed = self.owner("list", check=True).json
        self.assertNotIn("passing", [m["name"] for m in listed["models"]])
        self.assert_exit(10, "not_found", self.owner("rm", "passing"))
        time.sleep(1)
        outcome = self.infer("passing", self.table(1))
        self.assertIn(outcome.code, (8, 9, 10), outcome)

    def test_a_second_version_is_the_newest(self):
        self.publish("growing", os.path.join(EXAMPLES, "breast-cancer", "model.onnx"))
        pushed = self.owner("push", os.path.join(EXAMPLES, "breast-cancer", "model.onnx"),
                            "--name", "growing", check=True).json
        self.assertEqual(pushed["version"], 2)
        self.assertEqual(self.assert_expected(self.infer("growing", self.table(1)),
                                              "breast-cancer", 1)["model"]["version"], 2)
        self.assertEqual(self.assert_expected(self.infer("growing@1", self.table(1)),
                                              "breast-cancer", 1)["model"]["version"], 1)

    def test_refusals_have_exit_codes_and_words(self):
        stranger = Person(self.mesh, "tacit-dataowner", "stranger")
        table = self.table(1)
        outcome = stranger("infer", self.model("breast-cancer"), table)
        error = self.assert_exit(8, "not_granted", outcome)
        self.assertTrue(error["remedy"])
        for unknown in (self.model("unheard-of"), f"{'0' * 64}/digits"):  # or only hidden
            self.assert_exit(8, "not_granted", stranger("infer", unknown, table))
        self.assertEqual(stranger("infer").code, 2)
        self.assertEqual(stranger("sing").code, 2)
        self.assertEqual(self.owner("push", "/nonexistent.onnx").code, 3)
        self.assertEqual(self.owner("grant", "breast-cancer", "--user", "nobody").code, 2)
        self.assertEqual(self.owner("grant", "nothing", "--user", self.user.id).code, 10)
        not_onnx = self.file("not.onnx", "certainly no model")
        self.assertIn(self.owner("push", not_onnx, "--name", "text").code, (0, 3, 15))

    def test_revoked_and_spent_grants_have_exit_codes_of_their_own(self):
        guest = Person(self.mesh, "tacit-dataowner", "guest")
        table, model = self.table(1), self.model("breast-cancer")
        self.owner("grant", "breast-cancer", "--user", guest.id, "--uses", "1", check=True)
        self.assertEqual(guest("infer", model, table).code, 0)
        self.assert_exit(17, "grant_used_up", guest("infer", model, table))
        self.owner("grant", "breast-cancer", "--user", guest.id, check=True)
        self.assertEqual(guest("infer", model, table).code, 0)
        self.assertEqual(self.owner("revoke", "breast-cancer", "--user", guest.id,
                                    check=True).json["revoked"], 1)
        time.sleep(1)
        self.assert_exit(9, "grant_revoked", guest("infer", model, table))

    # -- operators

    def test_verify_shows_who_stands_behind_the_mesh(self):
        for person in (self.owner, self.user):
            said = person("verify", check=True).json
            self.assertIs(said["simulated"], True)
            self.assertIn("SIMULATED", said["trust_anchor"])
            roles = [service["role"] for service in said["services"]]
            for role in ("attestation", "keys", "models", "gateway", "worker"):
                self.assertIn(role, roles)
            workers = {service["mrenclave"] for service in said["services"]
                       if service["role"] == "worker"}
            self.assertEqual(workers, {self.mesh.measurement().hex()})

    def attested_workers(self):
        return self.mesh.roles().count("worker")

    def test_scaling_up_and_down(self):
        self.assertEqual(self.mesh.operator("scale", "--workers", "4", "--json",
                                            check=True).json, {"before": 2, "workers": 4})
        status = self.mesh.status()
        self.assertEqual(len(status["workers"]), 4)
        self.assertEqual({worker["state"] for worker in status["workers"]}, {"ready"})
        self.assert_expected(self.infer("breast-cancer", self.table(30), "--batch", "1"),
                             "breast-cancer", 30)
        self.assertEqual(self.attested_workers(), 4)
        self.mesh.operator("scale", "--workers", "0", check=True)
        await_condition(lambda: self.attested_workers() == 0, "workers that left are no members")
        outcome = self.infer("breast-cancer", self.table(1), "--timeout", "5")
        self.assertIn(outcome.code, (11, 12), outcome)
        self.mesh.operator("scale", "--workers", "2", check=True)
        self.assert_expected(self.infer("breast-cancer", self.table(1)), "breast-cancer", 1)
        self.mesh.await_ready(2)
        self.assertEqual(len(self.mesh.status()["workers"]), 2)
        self.assertEqual(self.mesh.operator("scale", "--workers", "65").code, 2)

    def test_status_is_json(self):
        status = strict(self.mesh.operator("status", "--json", check=True).out)
        self.assertEqual({"simulated", "isolation", "backend", "processes", "members", "workers", "queued",
                          "answered", "failed"}, set(status))
        names = {process["name"] for process in status["processes"]}
        self.assertEqual(names, {"platform", "attestation", "keys", "models", "gateway",
                                 "worker-1", "worker-2"})
        second = self.mesh.operator("up", self.mesh.manifest, "--json")
        self.assertEqual((second.error["name"], second.code), ("already_exists", 18), second)

    def test_zz_down_and_up_again_keeps_everything(self):
        """Last of all, by its name: every process is a new one afterwards."""
        before = self.owner("list", check=True).json
        policy = self.mesh.operator("policy", "log", "--json", check=True).json
        audit = self.mesh.operator("audit", "keys", "--json", check=True).json
        self.assertEqual(self.mesh.operator("down", "--json", check=True).json, {"down": True})
        self.assertIsNone(self.mesh.supervisor())
        for program in (self.owner("list"), self.infer("breast-cancer", self.table(1)),
                        self.mesh.operator("status", "--json")):
            self.assertEqual((program.code, program.error["name"]), (4, "unreachable"), program)
        self.mesh.up()
        self.assertEqual(self.owner("list", check=True).json, before)
        self.assert_expected(self.infer("breast-cancer", self.table(3)), "breast-cancer", 3)
        self.assertEqual(self.mesh.operator("policy", "log", "--json", check=True).json, policy)
        now = self.mesh.operator("audit", "keys", "--json", check=True).json
        self.assertEqual(now[:len(audit)], audit)


if __name__ == "__main__":
    unittest.main()
