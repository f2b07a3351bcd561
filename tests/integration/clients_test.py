#!/usr/bin/env python3
"""The owners' clients as their users meet them: real programs, real files, real refusals.

What the protocol refuses is tested elsewhere with clients of the test's own; here it is what the
programs print, save and leave behind, and that a receipt proves what it says, and nothing else.
"""

import base64
import csv
import json
import os
import shutil
import signal
import stat
import subprocess
import threading
import time
import unittest

import onnx
from mesh import BIN, EXAMPLES, PATIENCE, MeshCase, await_condition, run

BREAST = os.path.join(EXAMPLES, "breast-cancer")
DIGITS = os.path.join(EXAMPLES, "digits")
INPUTS = os.path.join(BREAST, "inputs.csv")
PICTURES = [os.path.join(DIGITS, "images", f"{number:03}.png") for number in range(10)]


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Clients(MeshCase):
    workers = 2

    @classmethod
    def prepare(cls):
        cls.vendor = cls.owner("init", "--json", check=True).json["user"]
        cls.clinic = cls.user("init", "--json", check=True).json["user"]
        for name, folder in (("breast-cancer", BREAST), ("digits", DIGITS)):
            cls.owner("push", os.path.join(folder, "model.onnx"), "--name", name, check=True)
            cls.owner("grant", name, "--user", cls.clinic, check=True)
        cls.big = os.path.join(cls.mesh.folder, "big.csv")
        with open(INPUTS, encoding="utf-8") as file:
            lines = file.read().splitlines()
        with open(cls.big, "w", encoding="utf-8") as file:
            file.write("\n".join([lines[0]] + lines[1:] * 100) + "\n")

    @classmethod
    def owner(cls, *arguments, **options):
        return cls.mesh.client("tacit-mlowner", *arguments, *cls.mesh.identity("vendor"), **options)

    @classmethod
    def user(cls, *arguments, who="clinic", **options):
        return cls.mesh.client("tacit-dataowner", *arguments, *cls.mesh.identity(who), **options)

    def path(self, name):
        return os.path.join(self.mesh.folder, name)

    def infer(self, *arguments, model="breast-cancer", **options):
        return self.user("infer", f"{self.vendor}/{model}", *arguments, **options)

    def assert_expected(self, saved, example, times=1):
        """Each probability is that of the training framework."""
        got = read_csv(saved)
        want = read_csv(os.path.join(example, "expected.csv")) * times
        self.assertGreaterEqual(len(want), len(got))
        self.assertGreater(len(got), 0)
        for row, expected in zip(got, want):
            for name, value in expected.items():
                self.assertLessEqual(abs(float(row[name]) - float(value)), 1e-5)
        return got

    # -- predictions

    def test_rows_come_back_in_their_order(self):
        for batch in (1, 7, 64, 1000):
            saved = self.path(f"rows-{batch}.csv")
            outcome = self.infer(INPUTS, "--batch", batch, "--output", saved, "--json", check=True)
            rows = self.assert_expected(saved, BREAST)
            self.assertEqual([row["row"] for row in rows], [str(i + 1) for i in range(143)])
            self.assertEqual(len(outcome.json["receipts"]), -(-143 // batch))
            self.assertEqual(outcome.json["model"]["version"], 1)
            self.assertIs(outcome.json["model"]["simulated"], True)

    def test_pictures_are_rows_named_by_their_files(self):
        saved = self.path("pictures.csv")
        outcome = self.infer(*PICTURES, "--output", saved, "--timing", model="digits", check=True)
        rows = self.assert_expected(saved, DIGITS)
        self.assertEqual([row["file"] for row in rows], [os.path.basename(p) for p in PICTURES])
        self.assertIn("000.png", outcome.out)
        for phase in ("seal", "queued", "worker", "load", "open", "run", "verify", "total"):
            self.assertRegex(outcome.out, rf"(?m)^{phase} +[0-9]+\.[0-9]{{3}} ")

    def test_json_has_every_value_in_full(self):
        outcome = self.infer(PICTURES[0], "--json", "--timing", model="digits", check=True)
        answer = outcome.json
        (values,) = answer["outputs"][0]["data"]
        self.assertEqual(answer["outputs"][0]["shape"], [1, 10])
        self.assertAlmostEqual(sum(values), 1, places=5)
        self.assertEqual(answer["predictions"][0]["label"], answer["labels"][values.index(max(values))])
        self.assertEqual(answer["timing"]["requests"], 1)

    # -- models of several inputs

    def two_inputs(self):
        """Pushes the model once; files of its inputs, b's rows in two of them."""
        path = self.path("pair.onnx")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(onnx.pair())
            self.owner("push", path, "--name", "pair", check=True)
            self.owner("grant", "pair", "--user", self.clinic, check=True)
        texts = {"a": "1,2\n3,4\n5,6\n", "b1": "-7\n", "b2": "8\n-9\n"}
        for name, text in texts.items():
            with open(self.path(f"{name}.csv"), "w", encoding="utf-8") as file:
                file.write(text)
        return {name: self.path(f"{name}.csv") for name in texts}

    def test_each_input_has_its_files_and_each_output_is_told(self):
        files = self.two_inputs()
        inputs = ("--input", f"b={files['b1']}", "--input", f"a={files['a']}",
                  "-i", f"b={files['b2']}")
        joined, positive, both = (self.path(f"two-{end}") for end in ("j.npy", "p.npy", "b.csv"))
        for batch in (1, 2, 64):
            outcome = self.infer(*inputs, "--batch", batch, "--json", "--output", f"positive={positive}",
                                 "--output", joined, "-o", both, model="pair", check=True)
            first, second = outcome.json["outputs"]
            self.assertEqual((first["name"], second["name"]), ("joined", "positive"))
            self.assertEqual(first["data"], [[1, 2, -7], [3, 4, 8], [5, 6, -9]])
            self.assertEqual(second["data"], [[0], [8], [0]])
            self.assertEqual(len(outcome.json["receipts"]), -(-3 // batch))
            self.assertEqual(read_csv(both)[1], {"row": "2", "joined[0]": "3", "joined[1]": "4",
                                                 "joined[2]": "8", "positive": "8"})
            for saved, shape in ((joined, b"(3, 3)"), (positive, b"(3, 1)")):
                with open(saved, "rb") as file:
                    self.assertIn(shape, file.read())
        table = self.infer(*inputs, model="pair", check=True).out.splitlines()
        self.assertRegex(table[0], r"^ROW +joined\[0\] +joined\[1\] +joined\[2\] +positive$")
        self.assertEqual(table[2].split(), ["2", "3", "4", "8", "8"])

    def test_inputs_that_do_not_fit_are_refused_before_anything_is_sent(self):
        files = self.two_inputs()
        a, b = f"a={files['a']}", f"b={files['b1']}"
        outcome = self.infer("--input", a, "--input", b, "--json", model="pair")
        self.assert_exit(3, "bad_input", outcome)
        self.assertEqual(outcome.error["claim"], "input b")
        self.assertEqual(outcome.error["got"], "1")
        for wrong in (("--input", files["a"]), ("--input", f"={files['a']}"), ("--input", "a="),
                      ("--input", a, files["b1"]), (), ("--input", a, "--output", f"x={b}.csv")):
            self.assert_exit(2, "usage", self.infer(*wrong, "--json", model="pair"))
        # The model is who knows what whole inputs are; it is asked, and says which one is wrong.
        outcome = self.infer("--input", a, "--input", b, "--whole", "--json", model="pair")
        self.assert_exit(3, "input_refused", outcome)
        outcome = self.infer("--input", a, "--json", model="pair")
        self.assert_exit(3, "input_refused", outcome)
        outcome = self.infer("--input", a, "-i", f"c={files['a']}", "--json", model="pair")
        self.assert_exit(3, "input_refused", outcome)

    def test_an_output_that_there_is_not_costs_no_answer(self):
        files = self.two_inputs()
        outcome = self.infer("-i", f"a={files['a']}", "-i", f"b={files['b2']}", "-i",
                             f"b={files['b1']}", "--output", f"none={self.path('none.npy')}", "--json",
                             model="pair")
        self.assert_exit(3, "bad_input", outcome)
        self.assertIn("no output none", outcome.error["message"])
        self.assertEqual(outcome.json["outputs"][1]["data"], [[8], [0], [0]])

    def test_metrics_tell_what_was_called_and_how_it_ended(self):
        path = self.path("metrics.txt")
        self.infer(INPUTS, "--batch", "50", "--metrics", path, check=True)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('\ntacit_client_calls_total{method="inference.infer"} 3\n', text)
        self.assertIn('\ntacit_client_calls_total{method="attestation.lookup"} ', text)
        self.assertTrue(text.endswith("# EOF\n"))
        self.owner("grant", "nothing", "--user", self.clinic, "--metrics", path)
        self.mesh.operator("status", "--metrics", path, check=True)
        with open(path, encoding="utf-8") as file:
            self.assertIn('method="mesh.status"} 1\n', file.read())
        self.mesh.client("tacit-rpc", "call", "models.health", "--metrics", path, check=True)
        with open(path, encoding="utf-8") as file:
            self.assertIn('method="models.health"} 1\n', file.read())

    def test_labels_of_the_user_replace_the_models(self):
        labels = self.path("labels.txt")
        with open(labels, "w", encoding="utf-8") as file:
            file.write("bad\ngood\n")
        outcome = self.infer(INPUTS, "--labels", labels, "--json", check=True)
        self.assertEqual(outcome.json["labels"], ["bad", "good"])
        with open(labels, "w", encoding="utf-8") as file:
            file.write("bad\n\ngood\n")
        self.assert_exit(3, "bad_input", self.infer(INPUTS, "--labels", labels, "--json"))

    def test_owners_may_be_abbreviated(self):
        for owner in (self.vendor[:8], self.vendor[:40].upper()):
            self.user("infer", f"{owner}/digits@1", PICTURES[0], check=True)
        self.assert_exit(3, "bad_input", self.user("infer", f"{self.vendor[:7]}/digits", PICTURES[0],
                                                   "--json"))
        self.assert_exit(10, "not_found", self.user("infer", "00000000/digits", PICTURES[0],
                                                    "--json"))

    # -- refusals

    def test_a_state_that_is_not_these_programs_is_refused_at_once(self):
        state = os.path.join(self.mesh.folder, "elsewhere")
        os.makedirs(state)
        shutil.copy(os.path.join(self.mesh.state, "trust.json"), state)
        outcome = run(os.path.join(BIN, "tacit-operator"), "up", "--state", state, "--json",
                      timeout=20)
        self.assert_exit(7, "wrong_mesh", outcome)
        outcome = run(os.path.join(BIN, "tacit-operator"), "status", "--state", state)
        self.assertEqual(outcome.code, 4, str(outcome))  # and nothing of it runs

    def test_a_launch_that_is_interrupted_leaves_nothing_running(self):
        state = os.path.join(self.mesh.folder, "launch")
        command = [os.path.join(BIN, "tacit-operator"), "up", "--state", state]
        up = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        await_condition(lambda: os.path.exists(os.path.join(state, "run", "mesh.json")),
                        "the supervisor is there", pause=0.005)
        up.send_signal(signal.SIGINT)
        _, said = up.communicate(timeout=PATIENCE)
        self.assertEqual(up.returncode, 130, said)
        outcome = run(command[0], "status", "--state", state)
        self.assertEqual(outcome.code, 4, str(outcome))

    def test_each_refusal_has_its_own_exit_code(self):
        self.user("init", who="stranger", check=True)
        nobody = self.path("nobody")
        cases = [
            (2, "usage", self.infer(INPUTS, "--output", "x.txt", "--json")),
            (2, "usage", self.infer(INPUTS, "--batch", "0", "--json")),
            (2, "usage", self.infer(INPUTS, "--measurement", "00", "--json")),
            (3, "bad_input", self.infer(self.path("absent.csv"), "--json")),
            (3, "input_refused", self.infer(PICTURES[0], "--json")),
            (8, "not_granted", self.infer(INPUTS, "--json", who="stranger")),
            (10, "not_found", self.infer(INPUTS, "--json", who="nobody")),
            (10, "no_model_key", self.infer(INPUTS, "--json", model="breast-cancer@9")),
            (12, "no_worker", self.infer(INPUTS, "--json", "--measurement", "00" * 32)),
        ]
        for code, name, outcome in cases:
            with self.subTest(name):
                self.assert_exit(code, name, outcome)
                self.assertEqual(outcome.out, "")
        self.assertFalse(os.path.exists(nobody))

    def test_a_user_who_is_not_enrolled_is_told_so(self):
        folder = self.path("fresh")
        self.user("init", who="fresh", check=True)
        os.unlink(os.path.join(folder, "identity.json"))
        with open(os.path.join(folder, "identity.json"), "w", encoding="utf-8") as file:
            file.write(json.dumps({"curve_secret": "11" * 32, "signing_seed": "22" * 32}) + "\n")
        os.chmod(os.path.join(folder, "identity.json"), 0o600)
        error = self.assert_exit(16, "not_enrolled", self.infer(INPUTS, "--json", who="fresh"))
        self.assertIn("init", error["remedy"])

    def test_keys_that_others_may_read_are_refused(self):
        self.user("init", who="careless", check=True)
        path = os.path.join(self.path("careless"), "identity.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        os.chmod(path, 0o640)
        error = self.assert_exit(3, "bad_input", self.user("init", "--json", who="careless"))
        self.assertIn("chmod 600", error["remedy"])

    def test_what_is_no_model_is_not_pushed(self):
        cut = self.path("cut.onnx")
        with open(os.path.join(DIGITS, "model.onnx"), "rb") as whole, open(cut, "wb") as file:
            file.write(whole.read()[:30000])
        for path in (INPUTS, PICTURES[0], cut, self.mesh.folder, self.path("absent")):
            self.assert_exit(3, "bad_input", self.owner("push", path, "--name", "none", "--json"))
        self.assertNotIn("none", [model["name"] for model in self.models()])

    # -- a model's life

    def models(self):
        return self.owner("list", "--json", check=True).json["models"]

    def versions(self, name):
        return [model["version"] for model in self.models() if model["name"] == name]

    def test_a_model_from_push_to_rm(self):
        onnx = os.path.join(DIGITS, "model.onnx")
        for version in (1, 2):
            pushed = self.owner("push", onnx, "--name", "life", "--json", check=True).json
            self.assertEqual(pushed["version"], version)
        self.owner("grant", "life", "--user", self.clinic, check=True)
        self.assertEqual(self.infer(PICTURES[0], "--json", model="life").json["model"]["version"], 2)
        self.assertEqual(self.owner("rotate", "life", "--json", check=True).json["version"], 3)
        self.assertEqual(self.versions("life"), [1, 3])
        time.sleep(1)
        self.assertEqual(self.infer(PICTURES[0], "--json", model="life").json["model"]["version"], 3)
        self.assert_exit(10, "no_model_key", self.infer(PICTURES[0], "--json", model="life@2"))
        self.owner("rm", "life@1", check=True)
        self.assertEqual(self.versions("life"), [3])
        self.owner("rm", "life", check=True)
        self.assertEqual(self.versions("life"), [])
        self.assert_exit(10, "not_found", self.owner("rm", "life", "--json"))
        # pushed again under its name it is nobody's: the grant went with it
        self.owner("push", onnx, "--name", "life", check=True)
        time.sleep(1)
        self.assert_exit(9, "grant_revoked", self.infer(PICTURES[0], "--json", model="life"))

    def test_grants_end_as_they_were_made(self):
        onnx = os.path.join(DIGITS, "model.onnx")
        self.owner("push", onnx, "--name", "counted", check=True)
        self.owner("grant", "counted", "--user", self.clinic, "--uses", "2", check=True)
        for _ in range(2):
            self.infer(PICTURES[0], model="counted", check=True)
        self.assert_exit(17, "grant_used_up", self.infer(PICTURES[0], "--json", model="counted"))
        self.owner("grant", "counted", "--user", self.clinic, "--expires", "2s", check=True)
        self.infer(PICTURES[0], model="counted", check=True)
        time.sleep(3)
        self.assert_exit(17, "grant_expired", self.infer(PICTURES[0], "--json", model="counted"))
        grant = self.owner("grant", "counted", "--user", self.clinic, "--json", check=True).json
        self.infer(PICTURES[0], model="counted", check=True)
        self.owner("revoke", grant["grant"], check=True)
        time.sleep(1)
        self.assert_exit(9, "grant_revoked", self.infer(PICTURES[0], "--json", model="counted"))

    def test_a_push_that_was_killed_leaves_nothing_to_run(self):
        large = self.path("large.onnx")
        with open(os.path.join(DIGITS, "model.onnx"), "rb") as file:
            model = file.read()
        notes = b"n" * 50_000_000  # ModelProto.doc_string
        with open(large, "wb") as file:
            file.write(model + b"\x32" + self.varint(len(notes)) + notes)
        command = [os.path.join(BIN, "tacit-mlowner"), "push", large, "--name", "killed", "--state",
                   self.mesh.state, *self.mesh.identity("vendor")]
        for delay in (0.05, 0.1, 0.2, 0.4):
            push = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            push.send_signal(signal.SIGKILL)
            push.wait()
        complete = [model["version"] for model in self.models()
                    if model["name"] == "killed" and model["complete"]]
        pushed = self.owner("push", os.path.join(DIGITS, "model.onnx"), "--name", "killed", "--json",
                            check=True).json
        self.assertTrue(all(pushed["version"] > version for version in complete))
        self.owner("grant", "killed", "--user", self.clinic, check=True)
        answer = self.infer(PICTURES[0], "--json", model="killed", check=True).json
        self.assertEqual(answer["model"]["version"], pushed["version"])
        self.assertEqual([name for name in os.listdir(self.path("vendor")) if "sealed" in name], [])

    @staticmethod
    def varint(number):
        parts = bytearray()
        while number > 127:
            parts.append(number & 127 | 128)
            number >>= 7
        return bytes(parts + bytes([number]))

    def test_a_large_model_needs_little_locked_memory(self):
        large = self.path("little.onnx")
        with open(os.path.join(DIGITS, "model.onnx"), "rb") as file:
            model = file.read()
        notes = b"n" * 5_000_000
        with open(large, "wb") as file:
            file.write(model + b"\x32" + self.varint(len(notes)) + notes)
        words = [os.path.join(BIN, "tacit-mlowner"), "push", large, "--name", "little", "--state",
                 self.mesh.state, *self.mesh.identity("vendor")]
        limited = subprocess.run(["sh", "-c", 'ulimit -l 1024 && exec "$@"', "sh", *words],
                                 capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(limited.returncode, 0, limited.stderr.decode())
        self.owner("rotate", "little", check=True)
        self.owner("rm", "little", check=True)

    # -- receipts

    def one_receipt(self, name):
        folder = self.path(name)
        self.infer(PICTURES[0], "--receipts", folder, "--keep-sealed", model="digits", check=True)
        (path,) = [entry for entry in os.listdir(folder) if entry.endswith(".json")]
        return os.path.join(folder, path)

    def verify(self, path, *arguments):
        return self.mesh.client("tacit-dataowner", "receipt", "verify", path, "--json", *arguments)

    def test_a_receipt_proves_its_request_and_answer(self):
        path = self.one_receipt("receipt-good")
        sealed = path.removesuffix(".json")
        proven = self.verify(path, "--request", sealed + ".request", "--response",
                             sealed + ".response").json
        self.assertIs(proven["verified"], True)
        self.assertEqual(proven["user"], self.clinic)
        self.assertEqual(proven["owner"], self.vendor)
        self.assertEqual(proven["name"], "digits")
        self.assertEqual(proven["mrenclave"], self.mesh.measurement().hex())
        self.assert_exit(14, "corrupt", self.verify(path, "--request", sealed + ".response"))
        self.assert_exit(14, "corrupt", self.verify(path, "--response", sealed + ".request"))
        listed = self.user("receipt", "list", os.path.dirname(path), "--json", check=True).json
        self.assertEqual([entry["verified"] for entry in listed], [True])

    def test_a_receipt_with_any_part_changed_proves_nothing(self):
        path = self.one_receipt("receipt-changed")
        changed = os.path.join(os.path.dirname(path), "changed")
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        for member in ("receipt", "result", "nonce", "introduction"):
            content = base64.b64decode(whole[member])
            for at in {0, 9, len(content) // 3, len(content) // 2, len(content) - 1}:
                parts = bytearray(content)
                parts[at] ^= 1
                with open(changed, "w", encoding="utf-8") as file:
                    json.dump({**whole, member: base64.b64encode(parts).decode()}, file)
                outcome = self.verify(changed)
                self.assertNotEqual(outcome.code, 0, f"{member} {at}")
                self.assertEqual(outcome.out, "")
        for time_ms in (whole["time_ms"] - 1, whole["time_ms"] + 600_000, 0):
            with open(changed, "w", encoding="utf-8") as file:
                json.dump({**whole, "time_ms": time_ms}, file)
            self.assertNotEqual(self.verify(changed).code, 0)

    def test_parts_of_two_receipts_prove_nothing(self):
        first = self.one_receipt("receipt-first")
        second = self.one_receipt("receipt-second")
        with open(first, encoding="utf-8") as file:
            one = json.load(file)
        with open(second, encoding="utf-8") as file:
            other = json.load(file)
        mixed = self.path("mixed.json")
        for member in ("receipt", "nonce", "introduction"):
            if one[member] == other[member]:
                continue
            with open(mixed, "w", encoding="utf-8") as file:
                json.dump({**one, member: other[member]}, file)
            self.assertNotEqual(self.verify(mixed).code, 0, member)

    def test_a_receipt_of_another_mesh_proves_nothing(self):
        path = self.one_receipt("receipt-foreign")
        foreign = self.path("foreign")
        os.makedirs(foreign, exist_ok=True)
        with open(os.path.join(self.mesh.state, "trust.json"), encoding="utf-8") as file:
            trust = json.load(file)
        for member in ("root_sha256", "operator_signing_key", "attestation_mrsigner"):
            changed = ("1" if trust[member][0] == "0" else "0") + trust[member][1:]
            with open(os.path.join(foreign, "trust.json"), "w", encoding="utf-8") as file:
                json.dump({**trust, member: changed}, file)
            outcome = subprocess.run(
                [os.path.join(BIN, "tacit-dataowner"), "receipt", "verify", path, "--state",
                 foreign], capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual(outcome.returncode, 7, outcome.stderr.decode())

    # -- faults

    def test_inference_goes_on_when_services_are_killed_under_it(self):
        saved = self.path("killed.csv")
        outcome = []
        worker = threading.Thread(target=lambda: outcome.append(
            self.infer(self.big, "--batch", "8", "--output", saved, "--receipts",
                       self.path("killed-receipts"), "--json")))
        worker.start()
        for name in ("worker-1", "gateway", "keys", "attestation"):
            time.sleep(0.5)
            self.mesh.kill(name)
        worker.join(PATIENCE * 2)
        self.assertFalse(worker.is_alive())
        self.assertEqual(outcome[0].code, 0, outcome[0].err)
        self.assertEqual(len(self.assert_expected(saved, BREAST, times=100)), 14300)
        self.mesh.await_ready()

    def test_an_interrupted_inference_leaves_nothing_half_done(self):
        saved = self.path("interrupted.csv")
        folder = self.path("interrupted")
        command = [os.path.join(BIN, "tacit-dataowner"), "infer", f"{self.vendor}/breast-cancer",
                   self.big, "--batch", "4", "--output", saved, "--receipts", folder, "--state",
                   self.mesh.state, *self.mesh.identity("clinic")]
        for delay in (0.3, 0.35, 0.4):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)
        self.assertFalse(os.path.exists(saved))
        if os.path.isdir(folder):
            names = os.listdir(folder)
            self.assertEqual([name for name in names if not name.endswith(".json")], [])
            for name in names[:5]:
                self.assertEqual(self.verify(os.path.join(folder, name)).code, 0)

    # -- secrets

    def test_no_program_prints_a_secret(self):
        secrets = set()
        for folder, _, names in os.walk(self.mesh.folder):
            for name in names:
                if folder.startswith(self.mesh.state) or not name.endswith(".json"):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    content = json.load(file)
                for member in ("curve_secret", "signing_seed", "model_key", "request_key"):
                    if isinstance(content, dict) and member in content:
                        secrets.add(content[member])
        self.assertGreater(len(secrets), 5)
        outputs = [self.user("init", "--json"), self.user("verify"), self.owner("verify", "--json"),
                   self.owner("list"), self.owner("list", "--json"),
                   self.infer(PICTURES[0], "--json", model="digits"), self.infer(PICTURES[0])]
        text = "".join(outcome.out + outcome.err for outcome in outputs) + self.mesh.logs()
        self.assertEqual([secret for secret in secrets if secret in text], [])


if __name__ == "__main__":
    unittest.main()
