"""What a refusal says, to whom, and for how long: a stranger hears the code, whose evidence is
genuine hears why, and the operator reads all of it, after a kill -9 as well."""

import os
import re
import unittest

import wire
from identity_test import Enclave
from mesh import MeshCase, await_condition
from operator_view import OperatorView

BURST = 64  # services/attestation/refusal_journal.h


def junk_evidence(user, role=wire.WORKER, quote=b"\x03" + bytes(431)):
    return {1: role, 2: os.urandom(32), 3: "", 4: user.mesh, 5: quote,
            **{field: b"" for field in range(6, 12)}}


class Refusals(MeshCase):
    workers = 0

    def audit(self):
        return self.mesh.operator("audit", "refusals", "--json", check=True).json

    def of(self, actor, **wanted):
        return [entry for entry in self.audit() if entry["actor"] == actor.hex() and
                all(entry[name] == value for name, value in wanted.items())]

    def assert_code_alone(self, error):
        self.assertEqual(error.detail, {}, str(error))
        for word in ("expected", "line ", os.sep):
            self.assertNotIn(word, error.message)

    def assert_explained(self, entry):
        for field in ("claim", "expected", "got", "at", "role"):
            self.assertTrue(entry[field], (field, entry))

    # -- evidence

    def test_a_stranger_with_junk_for_evidence_hears_the_code_alone(self):
        with self.mesh.user() as stranger:
            attestation = stranger.to(wire.ATTESTATION)
            for args in (junk_evidence(stranger), junk_evidence(stranger, role=wire.ATTESTATION),
                         {**junk_evidence(stranger), 4: os.urandom(32)}):
                with self.assertRaises(wire.Refused) as caught:
                    attestation("attestation.attest", args)
                self.assert_code_alone(caught.exception)
                entry = self.of(stranger.identity.public, name=caught.exception.name)[0]
                self.assertEqual((entry["action"], entry["at"]), ("attest", "attestation"))
                self.assert_explained(entry)

    def test_an_altered_quote_of_a_genuine_platform_hears_the_code_alone(self):
        with Enclave(self.mesh) as enclave:
            args = enclave.evidence()
            quote = bytearray(args[5])
            quote[112] ^= 1
            self.assert_code_alone(self.assert_refused(
                "signature_invalid", enclave.attest, {**args, 5: bytes(quote)}))
            self.assert_code_alone(self.assert_refused(
                "report_data_mismatch", enclave.attest, {**args, 2: os.urandom(32)}))

    def test_genuine_evidence_hears_why_and_which_line_decided(self):
        with Enclave(self.mesh) as enclave:
            error = self.assert_refused("measurement_refused", enclave.attest)
            self.assertEqual(error.detail[1], "mrenclave")
            self.assertTrue(error.detail[2] and error.detail[3] and error.detail[5], error.detail)
            self.assertRegex(error.detail[4], r"^line \d+: ")
            entry = self.of(enclave.identity.public)[0]
            self.assert_explained(entry)
            self.assertRegex(entry["policy"], r"^line \d+: ")
            self.assertTrue(entry["remedy"])

    # -- sessions

    def refused_session(self, role, peer, name, prove=None):
        """A stranger's attempt, and the entry that tells of it."""
        with self.mesh.user() as stranger:
            with stranger.connect(peer) as connection:
                error = self.assert_refused(name, connection.bind, role, peer, stranger.mesh, prove)
            self.assert_code_alone(error)
            entries = await_condition(lambda: self.of(stranger.identity.public, action="session"),
                                      "the refusal is in the audit chain")
        self.assertEqual((entries[0]["name"], entries[0]["at"], entries[0]["role"]),
                         (name, wire.ROLE_NAMES[peer], wire.ROLE_NAMES[role]))
        self.assert_explained(entries[0])

    def test_who_claims_to_be_the_operator_is_recorded_by_every_service(self):
        for peer in (wire.ATTESTATION, wire.KEYS, wire.MODELS, wire.GATEWAY):
            with self.subTest(wire.ROLE_NAMES[peer]):
                self.refused_session(wire.OPERATOR, peer, "role_refused")

    def test_a_worker_without_a_result_is_recorded(self):
        self.refused_session(wire.WORKER, wire.KEYS, "result_invalid",
                             lambda _: (bytes(512), bytes(1200)))

    def test_a_caller_without_the_right_hears_the_code_alone(self):
        with self.mesh.user() as stranger:
            for role, method in ((wire.KEYS, "keys.release"), (wire.KEYS, "keys.audit"),
                                 (wire.ATTESTATION, "attestation.audit"),
                                 (wire.GATEWAY, "inference.fetch")):
                error = self.assert_refused("caller_refused", stranger.to(role).call, method)
                self.assert_code_alone(error)
            self.assert_code_alone(self.assert_refused(
                "not_enrolled", stranger.to(wire.KEYS).call, "keys.list", {1: 0}))

    def test_who_is_no_member_reports_nothing(self):
        with self.mesh.user() as stranger:
            before = len(self.audit())
            self.assert_code_alone(self.assert_refused(
                "caller_refused", stranger.to(wire.ATTESTATION).call, "attestation.report",
                {1: [], 2: 1000}))
            self.assertEqual(len(self.audit()), before)

    # -- how long, and how much

    def test_the_chain_survives_kill_9(self):
        with self.mesh.user() as stranger:
            self.assert_refused("role_refused", stranger.to(wire.ATTESTATION).call,
                                "attestation.attest", junk_evidence(stranger, role=wire.USER))
        before = self.audit()
        pid = self.mesh.kill("attestation")
        self.mesh.await_restart("attestation", pid)
        self.mesh.await_ready()
        after = self.audit()
        self.assertEqual(after[-len(before):], before)
        self.assertEqual([entry["number"] for entry in after], list(range(len(after), 0, -1)))

    def test_who_was_killed_is_no_member_for_long(self):
        members = lambda: [member.key for member in OperatorView(self.mesh.state).members()
                           if member.role == wire.MODELS]
        before = members()
        pid = self.mesh.kill("models")
        self.mesh.await_restart("models", pid)
        self.mesh.await_ready()
        await_condition(lambda: len(members()) == 1 and members() != before,
                        "only the new one is a member")

    def test_a_flood_is_counted_not_kept(self):
        """The code is one that no other case here has."""
        with self.mesh.user() as stranger:
            attestation = stranger.to(wire.ATTESTATION)
            args = {**junk_evidence(stranger), 5: b"short"}
            for _ in range(3 * BURST):
                self.assert_refused("evidence_malformed", attestation.call, "attestation.attest",
                                    args)
            kept = self.of(stranger.identity.public, name="evidence_malformed")
            self.assertLessEqual(len(kept), BURST + 2)
            self.assertGreater(len(kept), BURST // 2)
            with Enclave(self.mesh) as enclave:  # a flood of one code hides no other
                self.assert_refused("report_data_mismatch", enclave.attest,
                                    {**enclave.evidence(), 2: os.urandom(32)})
                self.assertTrue(self.of(enclave.identity.public))
        outcome = self.mesh.operator("audit", "refusals")
        self.assertIn("more were refused", outcome.err)
        self.assertIn("evidence_malformed", outcome.out)

    def test_the_metric_counts_them_by_code(self):
        self.refused_session(wire.OPERATOR, wire.KEYS, "role_refused")
        text = self.mesh.operator("metrics", check=True).out
        lines = [line for line in text.splitlines() if "session.open" in line and
                 "role_refused" in line and 'service="keys"' in line]
        self.assertEqual(len(lines), 1, text)
        self.assertGreaterEqual(float(re.split(r"\s+", lines[0])[1]), 1)


if __name__ == "__main__":
    unittest.main()
