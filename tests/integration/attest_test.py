"""attest_test.py - tacit-attest against genuine and broken evidence, and its command line.

Every folder below TACIT_EVIDENCE that has an expected.json is verified at its validation_time: the
result must be the expected one, and so must every field that expected.json and the report both
name. The samples are no part of the source; without their folder these tests say that they skip.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.path.join(os.environ["TACIT_BIN"], "tacit-attest")
EVIDENCE = os.environ.get("TACIT_EVIDENCE") or os.environ.get("TACIT_EVIDENCE_DEFAULT", "")

# Words of the samples' makers, and what a verifier cannot know.
PROSE = {"name", "sources", "files", "reason", "error_class", "oracle", "based_on", "trust_anchor",
         "optional_format", "note"}


def samples():
    found = []
    for folder, _, files in os.walk(EVIDENCE):
        if "expected.json" in files:
            found.append(folder)
    return sorted(found)


def expected_of(folder):
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        return json.load(file)


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)


def verify(folder, expected, *options):
    time = expected.get("validation_time")
    at = ["--at", time] if time else []
    root = ["--root", os.path.join(folder, "root_ca.der")] if expected.get("simulated") else []
    return run("verify", folder, *at, *root, *options)


class Samples(unittest.TestCase):
    def setUp(self):
        if not samples():
            self.skipTest(f"no samples in {EVIDENCE or 'TACIT_EVIDENCE'}")

    def judge(self, folder):
        expected = expected_of(folder)
        done = verify(folder, expected, "--json")
        self.assertEqual(done.stderr, "")
        got = json.loads(done.stdout)
        genuine = expected["result"] == "VERIFIED"
        if expected["result"] != "EITHER":
            self.assertEqual(got["result"], "VERIFIED" if genuine else "REJECT", got)
            self.assertEqual(done.returncode, 0 if genuine else 1)
        if got["result"] == "REJECT":
            self.assertTrue(got["code"] and got["explanation"])
        names = set(expected) - PROSE - {"result"}
        if genuine:
            self.assertEqual(names - set(got), set(), "fields that the report lacks")
        for name in names & set(got):
            self.assertEqual(got[name], expected[name], name)

    def test_every_sample(self):
        for folder in samples():
            with self.subTest(os.path.relpath(folder, EVIDENCE)):
                self.judge(folder)

    def test_lines_for_people_say_the_same(self):
        for folder in samples():
            expected = expected_of(folder)
            done = verify(folder, expected)
            with self.subTest(os.path.relpath(folder, EVIDENCE)):
                word = "VERIFIED" if done.returncode == 0 else "REJECT"
                self.assertRegex(done.stdout, rf"\Aresult +{word}\n")
                self.assertTrue(done.stdout.isascii())

    def test_a_root_in_the_folder_is_nobody_s(self):
        for folder in samples():
            expected = expected_of(folder)
            if expected.get("simulated") and expected["result"] == "VERIFIED":
                done = run("verify", folder, "--at", expected["validation_time"], "--json")
                self.assertEqual(done.returncode, 1)
                self.assertEqual(json.loads(done.stdout)["code"], "trust_anchor_refused")

    def test_another_root_refuses_everything(self):
        with tempfile.TemporaryDirectory() as scratch:
            key = os.path.join(scratch, "root.pem")
            done = subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", os.devnull, "-out", key, "-subj", "/CN=Nobody"],
                capture_output=True, check=False)
            if done.returncode != 0:
                self.skipTest("no openssl program here")
            for folder in samples():
                expected = expected_of(folder)
                if expected["result"] != "VERIFIED" or expected["kind"].startswith("tpm2"):
                    continue
                judged = run("verify", folder, "--at", expected["validation_time"], "--root", key,
                             "--json")
                with self.subTest(os.path.relpath(folder, EVIDENCE)):
                    self.assertEqual(json.loads(judged.stdout)["code"], "trust_anchor_refused")

    def test_each_missing_file_refuses(self):
        needless = {"expected.json", "root_ca.der", "root.der"}
        for folder in samples():
            expected = expected_of(folder)
            if expected["result"] != "VERIFIED":
                continue
            for missing in sorted(set(os.listdir(folder)) - needless):
                with tempfile.TemporaryDirectory() as scratch:
                    copy = os.path.join(scratch, "copy")
                    shutil.copytree(folder, copy)
                    os.remove(os.path.join(copy, missing))
                    with self.subTest(f"{os.path.relpath(folder, EVIDENCE)} without {missing}"):
                        done = verify(copy, expected, "--json")
                        self.assertEqual(done.returncode, 1, done.stdout)
                        self.assertEqual(json.loads(done.stdout)["code"], "collateral_missing")

    def test_lists_in_each_other_s_place_refuse(self):
        """Both are there and valid; but the number of either would count as the other's."""
        for folder in samples():
            expected = expected_of(folder)
            if expected["result"] != "VERIFIED" or expected["kind"] != "intel-dcap":
                continue
            with tempfile.TemporaryDirectory() as scratch:
                copy = os.path.join(scratch, "copy")
                shutil.copytree(folder, copy)
                for name, other in (("root_ca_crl.der", "pck_crl.der"),
                                    ("pck_crl.der", "root_ca_crl.der")):
                    shutil.copyfile(os.path.join(folder, other), os.path.join(copy, name))
                with self.subTest(os.path.relpath(folder, EVIDENCE)):
                    got = json.loads(verify(copy, expected, "--json").stdout)
                    self.assertEqual((got.get("code"), got.get("claim")),
                                     ("collateral_missing", "root_crl"))

    def test_nothing_follows_what_is_exact(self):
        """A byte more, where the format leaves no room for one."""
        for folder, name, more in (("snp/milan_vcek", "ask.pem", b"-"),
                                   ("snp/milan_vcek", "report.bin", b"\0"),
                                   ("nitro/blocky_full", "doc.cbor", b"\0"),
                                   ("tpm_azure/q1", "hcl_report.bin", b"\1"),
                                   ("tdx_v4/phala_b0c0", "pck_crl.der", b"\0"),
                                   ("tdx_v4/phala_b0c0", "tcb_signing_chain.pem", b"-")):
            with tempfile.TemporaryDirectory() as scratch:
                copy = os.path.join(scratch, "copy")
                shutil.copytree(os.path.join(EVIDENCE, folder), copy)
                with open(os.path.join(EVIDENCE, folder, name), "rb") as file:
                    content = file.read() + more
                os.remove(os.path.join(copy, name))
                with open(os.path.join(copy, name), "wb") as file:
                    file.write(content)
                with self.subTest((folder, name)):
                    done = verify(copy, expected_of(os.path.join(EVIDENCE, folder)), "--json")
                    self.assertEqual(json.loads(done.stdout).get("code"), "evidence_malformed")


class Ear(unittest.TestCase):
    """Attestation results as tokens: what is written is read, by us and by who knows only RFCs."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        forge = os.path.join(os.environ["TACIT_TEST_BIN"], "evidence_forge")
        subprocess.run([forge, cls.scratch.name], check=True, timeout=120)
        cls.keys = {name: cls.make_key(name, *options) for name, options in (
            ("ed25519", ("ed25519",)),
            ("p256", ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
            ("p384", ("EC", "-pkeyopt", "ec_paramgen_curve:P-384")))}

    @classmethod
    def path(cls, name):
        return os.path.join(cls.scratch.name, name)

    @classmethod
    def make_key(cls, name, *options):
        private, public = cls.path(f"{name}.pem"), cls.path(f"{name}.pub")
        subprocess.run(["openssl", "genpkey", "-algorithm", *options, "-out", private],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public],
                       check=True, capture_output=True)
        return private, public

    def sample(self, result="VERIFIED"):
        """One of the simulated vendors' that ends so."""
        for kind in ("tdx", "nitro", "snp"):
            top = self.path(kind)
            for name in sorted(os.listdir(top)):
                folder = os.path.join(top, name)
                if expected_of(folder)["result"] == result:
                    return folder, expected_of(folder)["validation_time"]
        raise AssertionError(f"no sample is {result}")

    def write(self, form, key, folder, at, out="token"):
        return run("verify", folder, "--at", at, "--root", os.path.join(folder, "root.der"),
                   "--ear", form, "--key", self.keys[key][0], "--out", self.path(out), "--json")

    def read(self, key, at, name="token"):
        done = run("ear", self.path(name), "--key", self.keys[key][1], "--at", at, "--json")
        return done.returncode, json.loads(done.stdout)

    def test_what_is_written_is_read(self):
        folder, at = self.sample()
        evidence = next(name for name in ("quote.bin", "doc.cbor", "report.bin")
                        if os.path.exists(os.path.join(folder, name)))
        with open(os.path.join(folder, evidence), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        for form in ("jwt", "cwt"):
            for key in ("ed25519", "p256"):
                with self.subTest((form, key)):
                    done = self.write(form, key, folder, at)
                    self.assertEqual(done.returncode, 0, done)
                    judged = json.loads(done.stdout)
                    code, said = self.read(key, at)
                    self.assertEqual((code, said["result"], said["format"]), (0, "VERIFIED", form))
                    (submod,) = said["submods"].values()
                    self.assertEqual(submod["evidence_sha256"], digest)
                    self.assertEqual(submod["trust_anchor"], judged["trust_anchor"])
                    self.assertTrue(submod["simulated"])
                    self.assertNotIn("hardware", submod["vector"])  # none is claimed
                    other = "p256" if key == "ed25519" else "ed25519"
                    self.assertEqual(self.read(other, at)[0], 1)

    def test_a_jwt_is_what_the_draft_says(self):
        """Read by nothing of ours."""
        folder, at = self.sample()
        self.write("jwt", "ed25519", folder, at)
        with open(self.path("token"), encoding="ascii") as file:
            signed, signature = file.read().rsplit(".", 1)
        head, claims = [json.loads(self.decode(part)) for part in signed.split(".")]
        self.assertEqual(head["alg"], "EdDSA")
        self.assertEqual(claims["eat_profile"], "tag:ietf.org,2026:rats/ear#04")
        self.assertIn(claims["ear_status"], ("none", "affirming", "warning", "contraindicated"))
        self.assertEqual(set(claims["ear_verifier_id"]), {"developer", "build"})
        (submod,) = claims["submods"].values()
        self.assertTrue(submod["ear_appraisal_policy_ids"])
        self.assertGreater(claims["exp"], claims["iat"])
        for name, content in (("signed", signed.encode()), ("signature", self.decode(signature))):
            with open(self.path(name), "wb") as file:
                file.write(content)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-inkey",
                        self.keys["ed25519"][1], "-in", self.path("signed"), "-sigfile",
                        self.path("signature")], check=True, capture_output=True)

    @staticmethod
    def decode(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def test_refused_evidence_has_a_token_that_says_so(self):
        folder, at = self.sample("REJECT")
        self.assertEqual(self.write("cwt", "p256", folder, at).returncode, 1)
        code, said = self.read("p256", at)
        self.assertEqual(code, 0)
        self.assertIn(said["status"], ("contraindicated", "none"))

    def test_tokens_end(self):
        folder, at = self.sample()
        self.write("jwt", "p256", folder, at)
        code, said = self.read("p256", "2090-01-01")
        self.assertEqual((code, said["code"]), (1, "result_expired"))
        code, said = self.read("p256", "2001-01-01")
        self.assertEqual((code, said["code"]), (1, "result_invalid"))

    def test_a_token_cut_or_foreign_is_refused(self):
        folder, at = self.sample()
        for form in ("jwt", "cwt"):
            self.write(form, "ed25519", folder, at)
            with open(self.path("token"), "rb") as file:
                token = file.read()
            for content in (b"", token[:-1], token + b"x", token[:len(token) // 2], b"e30.e30.",
                            bytes(100), b"\xd2\x84" + token):
                with open(self.path("bad"), "wb") as file:
                    file.write(content)
                code, said = self.read("ed25519", at, "bad")
                self.assertEqual((code, said["result"]), (1, "REJECT"))
                self.assertIn(said["code"], ("malformed", "signature_invalid"))

    def test_usage(self):
        folder, at = self.sample()
        private, public = self.keys["p256"]
        self.write("jwt", "p256", folder, at)
        for arguments in (["verify", folder, "--ear", "jwt"], ["verify", folder, "--key", private],
                          ["verify", folder, "--ear", "xml", "--key", private, "--out", "x"],
                          ["ear", self.path("token")],
                          ["ear", self.path("token"), "--key", public, "--ear", "jwt"],
                          ["ear", self.path("none"), "--key", public],
                          ["ear", self.path("token"), "--key", self.path("none")]):
            with self.subTest(arguments):
                self.assertEqual(run(*arguments).returncode, 2)
        for key in (public, self.path("token"), self.keys["p384"][0]):  # no such private key
            done = run("verify", folder, "--ear", "jwt", "--key", key, "--out", self.path("x"))
            self.assertEqual((done.returncode, os.path.exists(self.path("x"))), (2, False))


class Forged(unittest.TestCase):
    """Every class of mistake that the simulated vendors make, through the program."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        forge = os.path.join(os.environ["TACIT_TEST_BIN"], "evidence_forge")
        subprocess.run([forge, cls.scratch.name], check=True, timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def folders(self):
        for kind in ("tdx", "nitro", "snp"):
            top = os.path.join(self.scratch.name, kind)
            for name in sorted(os.listdir(top)):
                yield f"{kind}/{name}", os.path.join(top, name)

    def test_every_class(self):
        for name, folder in self.folders():
            expected = expected_of(folder)
            done = run("verify", folder, "--at", expected.pop("validation_time"), "--root",
                       os.path.join(folder, "root.der"), "--json")
            got = json.loads(done.stdout)
            with self.subTest(name):
                self.assertEqual({key: got.get(key) for key in expected}, expected)
                self.assertEqual(done.returncode, 0 if expected["result"] == "VERIFIED" else 1)
                if done.returncode == 0:
                    self.assertTrue(got["simulated"])

    def test_no_simulated_vendor_is_a_real_one(self):
        for name, folder in self.folders():
            expected = expected_of(folder)
            if expected["result"] == "VERIFIED":
                done = run("verify", folder, "--at", expected["validation_time"], "--json")
                with self.subTest(name):
                    self.assertEqual(json.loads(done.stdout)["code"], "trust_anchor_refused")


class CommandLine(unittest.TestCase):
    def test_help_and_version(self):
        self.assertIn("verify", run("--help").stdout)
        self.assertRegex(run("--version").stdout, r"\Atacit-attest \d")

    def test_usage(self):
        for arguments in ([], ["verify"], ["judge", "."], ["verify", ".", "."],
                          ["verify", ".", "--at", "yesterday"], ["verify", ".", "--at", "2025-02-30"],
                          ["verify", ".", "--nonsense"], ["verify", "/no/such/folder"],
                          ["verify", ".", "--root", "/no/such/file"]):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr)

    def test_times(self):
        with tempfile.TemporaryDirectory() as empty:
            for text, shown in (("2025-07-04T10:28:44Z", "2025-07-04T10:28:44+00:00"),
                                ("2025-07-04 10:28", "2025-07-04T10:28:00+00:00"),
                                ("2025-07-04T12:28:44.5+02:00", "2025-07-04T10:28:44.500000+00:00"),
                                ("2025-07-04", "2025-07-04T00:00:00+00:00"),
                                ("1751624924", "2025-07-04T10:28:44+00:00")):
                with self.subTest(text):
                    report = json.loads(run("verify", empty, "--at", text, "--json").stdout)
                    self.assertEqual(report["validation_time"], shown)

    def test_a_folder_without_evidence(self):
        with tempfile.TemporaryDirectory() as empty:
            done = run("verify", empty, "--json")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(json.loads(done.stdout)["result"], "REJECT")

    def test_too_large(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "quote.bin"), "wb") as file:
                file.write(bytes(64 * 1024 + 1))
            done = run("verify", folder, "--json")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(json.loads(done.stdout)["code"], "too_large")


if __name__ == "__main__":
    unittest.main()
