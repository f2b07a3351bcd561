"""Who one is cannot be borrowed: keys, evidence, code, roles, platforms and meshes of others are
refused, each by its own error. Beside every attack stands the same call made honestly."""

import hashlib
import json
import os
import re
import select
import shutil
import struct
import subprocess
import threading
import time
import unittest

import msgpack
import zmq
from zmq.utils import z85

import wire
from mesh import (BIN, PATIENCE, SANITIZED, TEST_BIN, Mesh, MeshCase, await_condition,
                  example_rows, run, share_model)

SOURCE = os.path.join(TEST_BIN, "evidence_source")


class Enclave:
    """Genuine evidence in the hands of whoever asks for it: an evidence_source, and the protocol
    that an honest enclave would speak with it."""

    def __init__(self, mesh, program=SOURCE, platform=None):
        socket = os.path.join((platform or mesh).state, "run", "platform.sock")
        self.mesh = mesh
        self.process = subprocess.Popen([program, socket], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.identity = wire.Identity()
        self.user = wire.User(mesh.state, self.identity, timeout=PATIENCE / 4)
        self.result = None

    def close(self):
        self.user.close()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def ask(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError("no word from the evidence source")
        answer = self.process.stdout.readline().decode().strip()
        if not answer or answer.startswith("refused"):
            raise AssertionError(f"{line.split()[0]}: {answer}")
        return answer

    def quote(self, commitment, purpose=1):
        return bytes.fromhex(self.ask(f"quote {purpose} {commitment.hex()}"))

    def collateral(self):
        return [bytes.fromhex(part) for part in self.ask("collateral").split()]

    def commitment(self, session, role=wire.WORKER):
        """What evidence for attestd commits to."""
        return hashlib.sha512(wire.transcript(
            "tacit/attest/v1", role, session.exporter, self.identity.public,
            self.identity.sign_public, self.user.mesh)).digest()

    def evidence(self, **changes):
        """Arguments of an honest attestation.attest on our session; changes by field number."""
        attestation = self.user.to(wire.ATTESTATION)
        quote = self.quote(self.commitment(attestation.session))
        args = {1: wire.WORKER, 2: self.identity.sign_public, 3: "", 4: self.user.mesh, 5: quote}
        args.update(zip(range(6, 12), self.collateral()))
        args.update({int(key[1:]): value for key, value in changes.items()})
        return args

    def attest(self, args=None):
        """The attestation result."""
        attestation = self.user.to(wire.ATTESTATION)
        self.result = attestation("attestation.attest", args or self.evidence())[1]
        return self.result

    def bind(self, role, result=None):
        """A session with a member, as a worker."""
        connection = self.user.connect(role)
        try:
            connection.bind(wire.WORKER, role, self.user.mesh,
                            lambda commitment: (result or self.result, self.quote(commitment)))
        except BaseException:
            connection.close()
            raise
        return connection


def rules(mesh, extra, worker=None):
    """Text of the policy that would follow for the programs at hand, with entries more; worker is
    put in place of the entry of the build's worker."""
    text = mesh.operator("policy", "generate", check=True).out
    if worker:
        text = re.sub(r"  - role: worker\n    mrenclave: \w+\n    debug: refused\n", worker, text)
    return text.replace("statuses:", extra + "statuses:")


def apply_policy(mesh, extra, worker=None):
    path = os.path.join(mesh.folder, "policy.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(rules(mesh, extra, worker))
    outcome = mesh.operator("policy", "apply", path)
    assert outcome.code == 0, outcome
    mesh.await_ready()


def make_collateral(mesh, kind):
    made = run(os.path.join(TEST_BIN, "collateral_maker"),
               os.path.join(mesh.state, "platform", "pki.pem"), kind, check=True)
    return [bytes.fromhex(part) for part in made.out.split()]


def entry(measurement):
    return f"  - role: worker\n    mrenclave: {measurement}\n    debug: refused\n"


def shown(program):
    return run("tacit-sign", "--show", "--json", program, check=True).json


def copy_program(folder, name, program="tacit-workerd", *sign):
    """A copy of a program in a folder of its own, signed anew where options are given."""
    place = os.path.join(folder, name)
    os.mkdir(place)
    source = SOURCE if program == "evidence_source" else os.path.join(BIN, program)
    path = os.path.join(place, os.path.basename(source))
    for suffix in ("", ".enclave", ".sigstruct"):
        shutil.copy(source + suffix, path + suffix)
    if sign:
        run("tacit-sign", *sign, path, check=True)
    return path


def build_signer():
    return os.path.join(os.path.dirname(BIN), "signer.pem")


def start_service(program, trust, platform, state=None):
    """Start a service by hand as the host could; (READY or FAILED NAME, process)."""
    command = [program, "--trust", trust, "--platform",
               os.path.join(platform.state, "run", "platform.sock"), "--log-level", "error"]
    if state:
        command += ["--state", state]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if not select.select([process.stdout], [], [], PATIENCE)[0]:
        process.kill()
        process.wait()
        raise AssertionError(f"{program} says nothing")
    word = process.stdout.readline().decode().strip()
    return word, process


class Verdict:
    """What became of a service that was started by hand."""

    def __init__(self, program, trust, platform, state=None):
        self.word, process = start_service(program, trust, platform, state)
        if self.word.startswith("READY"):
            process.terminate()
        self.code = process.wait(PATIENCE)
        process.stdout.close()
        found = re.match(r"FAILED (\w+):", self.word)
        self.name = found.group(1) if found else "ready"


class Identities(MeshCase):
    @classmethod
    def prepare(cls):
        cls.trust = os.path.join(cls.mesh.state, "trust.json")
        cls.debug_source = copy_program(cls.mesh.folder, "debug-source", "evidence_source", "--key",
                                        os.path.join(cls.mesh.folder, "host.pem"), "--role",
                                        "worker", "--debug")
        # The operator lists the evidence source; and even its debug build, as refused in debug.
        apply_policy(cls.mesh, entry(shown(SOURCE)["measurement"]) +
                     entry(shown(cls.debug_source)["measurement"]))
        cls.owner, cls.user = cls.mesh.user(), cls.mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        share_model(cls.owner, cls.user, cls.mesh)
        cls.mesh.client("tacit-mlowner", "init", *cls.mesh.identity("somebody"), check=True)
        cls.foreign = Mesh(workers=0)
        cls.addClassCleanup(cls.foreign.destroy)
        cls.foreign.up()

    def tearDown(self):
        """The mesh serves whatever was tried."""
        for connection in list(self.user.connections):
            self.user.drop(connection)
        answer = self.user.infer(self.owner.identity.public, "breast-cancer",
                                 wire.floats(example_rows(1)))
        self.assertEqual(len(answer.values()), 2)
        for name, process in self.mesh.processes().items():
            self.assertEqual(process["restarts"], 0, name)

    # -- evidence sent to the attestation service

    def test_honest_evidence_gives_a_result_that_opens_the_key_service(self):
        with Enclave(self.mesh) as enclave:
            enclave.attest()
            measurement = bytes.fromhex(shown(SOURCE)["measurement"])
            self.owner.grant("breast-cancer", self.user.identity.public, measurement)
            key = os.urandom(32)
            self.user.to(wire.KEYS)("keys.put_request_key", {
                1: self.owner.identity.public, 2: "breast-cancer", 3: measurement},
                secrets={4: key})
            with enclave.bind(wire.KEYS) as keys:
                released, _ = keys.call("keys.release", {
                    1: self.user.identity.public, 2: self.owner.identity.public,
                    3: "breast-cancer", 4: 0, 5: os.urandom(16)}, opened=(2, 3))
            self.assertEqual(released[3], key)

    def refuse_evidence(self, name, **changes):
        with Enclave(self.mesh) as enclave:
            args = enclave.evidence(**changes)
            error = self.assert_refused(name, enclave.attest, args)
            enclave.attest()  # the same session, honestly
        return error

    def test_a_quote_of_another_session_is_refused(self):
        with Enclave(self.mesh) as enclave:
            old = enclave.evidence()
            enclave.user.drop(wire.ATTESTATION)
            self.assert_refused("report_data_mismatch", enclave.attest, old)
            enclave.attest()

    def test_a_quote_replayed_by_another_process_is_refused(self):
        with Enclave(self.mesh) as victim, Enclave(self.mesh) as thief:
            victim.attest()
            stolen = victim.evidence()
            self.assert_refused("report_data_mismatch", thief.attest, stolen)
            stolen[2] = thief.identity.sign_public
            self.assert_refused("report_data_mismatch", thief.attest, stolen)

    def test_the_attestation_services_own_evidence_is_refused(self):
        quote = wire.introduction(self.user.trust)[5]
        self.refuse_evidence("report_data_mismatch", _5=quote)

    def test_a_quote_of_a_neighbour_is_refused(self):
        with self.user.connect(wire.GATEWAY) as gateway:
            quote = gateway.open(wire.USER, wire.GATEWAY, self.user.mesh).server_quote
        self.refuse_evidence("report_data_mismatch", _5=quote)

    def test_a_quote_for_another_purpose_is_refused(self):
        with Enclave(self.mesh) as enclave:
            session = enclave.user.to(wire.ATTESTATION).session
            quote = enclave.quote(enclave.commitment(session), purpose=2)
            self.assert_refused("report_data_mismatch", enclave.attest,
                                enclave.evidence(_5=quote))

    def test_evidence_for_another_signing_key_is_refused(self):
        self.refuse_evidence("report_data_mismatch", _2=os.urandom(32))

    def test_evidence_for_another_role_is_refused(self):
        self.refuse_evidence("report_data_mismatch", _1=wire.KEYS)
        with Enclave(self.mesh) as enclave:
            session = enclave.user.to(wire.ATTESTATION).session
            for role in (wire.KEYS, wire.MODELS, wire.GATEWAY):
                quote = enclave.quote(enclave.commitment(session, role))
                self.assert_refused("role_refused", enclave.attest,
                                    enclave.evidence(_1=role, _5=quote))
            for role in (0, wire.ATTESTATION, 6, wire.USER, wire.OPERATOR, wire.MESH, 255):
                self.assert_refused("role_refused", enclave.attest, enclave.evidence(_1=role))

    def test_evidence_for_another_mesh_is_refused(self):
        self.refuse_evidence("wrong_mesh", _4=os.urandom(32))

    def test_altered_evidence_is_refused(self):
        with Enclave(self.mesh) as enclave:
            args = enclave.evidence()
            quote = args[5]
            refusals = set()
            for at in range(0, len(quote), 61):
                altered = bytearray(quote)
                altered[at] ^= 0x20
                with self.assertRaises(wire.Refused, msg=f"byte {at}") as caught:
                    enclave.attest({**args, 5: bytes(altered)})
                if caught.exception.name != "unsupported":  # versions and key types to come
                    self.assertGreaterEqual(caught.exception.code, 300, caught.exception)
                refusals.add(caught.exception.name)
            self.assertIn("signature_invalid", refusals)
            for size in (0, 1, 47, 48, 431, 432, 435, len(quote) // 2, len(quote) - 1):
                self.assert_refused("evidence_malformed", enclave.attest,
                                    {**args, 5: quote[:size]})
            enclave.attest(args)

    def test_missing_collateral_is_refused(self):
        names = {6: "TCB info", 7: "QE identity", 8: "TCB signing chain",
                 9: "CRL issuer chain", 10: "root CRL", 11: "PCK CRL"}
        with Enclave(self.mesh) as enclave:
            args = enclave.evidence()
            for field, what in names.items():
                with self.subTest(what):
                    self.assert_refused("collateral_missing", enclave.attest,
                                        {**args, field: b""})
            for crl in (args[10], args[11]):  # one does not stand for the other
                self.assert_refused("collateral_missing", enclave.attest,
                                    {**args, 10: crl, 11: crl})
            enclave.attest(args)

    def test_collateral_out_of_order_is_refused(self):
        refusals = {"expired-pck-crl": "collateral_expired",
                    "expired-root-crl": "collateral_expired",
                    "future-pck-crl": "collateral_expired",
                    "expired-tcb-info": "collateral_expired",
                    "expired-qe-identity": "collateral_expired",
                    "revoked-platform": "certificate_revoked",
                    "revoked-ca": "certificate_revoked",
                    "revoked-tcb-signer": "certificate_revoked",
                    "out-of-date": "tcb_status_refused",
                    "no-level": "tcb_unsupported",
                    "foreign-qe": "qe_refused"}
        with Enclave(self.mesh) as enclave:
            args = enclave.evidence()
            for kind, name in refusals.items():
                with self.subTest(kind):
                    parts = self.make_collateral(kind)
                    self.assert_refused(name, enclave.attest,
                                        {**args, **dict(zip(range(6, 12), parts))})
            enclave.attest(args)

    def make_collateral(self, kind):
        return make_collateral(self.mesh, kind)

    def test_evidence_of_a_foreign_platform_is_refused(self):
        with Enclave(self.mesh, platform=self.foreign) as enclave:
            self.assert_refused("trust_anchor_refused", enclave.attest)
            with Enclave(self.mesh) as native:
                ours = dict(zip(range(6, 12), native.collateral()))
            with self.assertRaises(wire.Refused) as caught:
                enclave.attest({**enclave.evidence(), **ours})
            self.assertIn(caught.exception.name, ("trust_anchor_refused", "certificate_invalid"))

    # -- code

    def test_a_debug_enclave_is_refused_even_where_its_code_is_listed(self):
        with Enclave(self.mesh, self.debug_source) as enclave:
            error = self.assert_refused("debug_refused", enclave.attest)
            self.assertTrue(error.detail[4] and error.detail[5], error.detail)

    def test_the_genuine_worker_started_by_the_host_is_accepted(self):
        path = copy_program(self.mesh.folder, "genuine")
        self.assertEqual(Verdict(path, self.trust, self.mesh).name, "ready")
        self.mesh.await_ready()

    def test_a_worker_changed_by_one_byte_is_refused(self):
        path = copy_program(self.mesh.folder, "changed")
        with open(path, "r+b") as program:
            at = program.read().index(b"asked to stop")
            program.seek(at)
            program.write(b"A")
        verdict = Verdict(path, self.trust, self.mesh)
        self.assertEqual((verdict.name, verdict.code), ("platform_refused", 1), verdict.word)
        run("tacit-sign", "--key", os.path.join(self.mesh.folder, "host.pem"), "--role", "worker",
            path, check=True)
        verdict = Verdict(path, self.trust, self.mesh)
        self.assertEqual((verdict.name, verdict.code), ("measurement_refused", 1), verdict.word)

    def test_a_changed_configuration_or_signature_is_refused(self):
        for suffix in (".enclave", ".sigstruct"):
            path = copy_program(self.mesh.folder, f"altered{suffix}")
            with open(path + suffix, "r+b") as file:
                file.seek(200)
                byte = file.read(1)
                file.seek(200)
                file.write(bytes([byte[0] ^ 1]))
            self.assertEqual(Verdict(path, self.trust, self.mesh).name, "platform_refused")
            os.remove(path + suffix)
            self.assertEqual(Verdict(path, self.trust, self.mesh).name, "platform_refused")

    def test_a_debug_worker_is_refused(self):
        path = copy_program(self.mesh.folder, "debug", "tacit-workerd", "--key",
                            os.path.join(self.mesh.folder, "host.pem"), "--role", "worker",
                            "--debug")
        self.assertEqual(Verdict(path, self.trust, self.mesh).name, "debug_refused")

    def test_code_signed_for_another_role_is_refused(self):
        path = copy_program(self.mesh.folder, "gateway-worker", "tacit-workerd", "--key",
                            build_signer(), "--role", "gateway")
        self.assertEqual(Verdict(path, self.trust, self.mesh).name, "role_refused")
        state = os.path.join(self.mesh.folder, "rogue-state")
        os.mkdir(state)
        path = copy_program(self.mesh.folder, "worker-keyd", "tacit-keyd", "--key",
                            build_signer(), "--role", "worker")
        self.assertEqual(Verdict(path, self.trust, self.mesh, state).name, "role_refused")

    def test_refusals_are_told_to_the_operator_in_full(self):
        with Enclave(self.mesh, self.debug_source) as enclave:
            self.assert_refused("debug_refused", enclave.attest)
        told = self.mesh.operator("audit", "refusals", "--json", check=True).json
        newest = next(one for one in told if one["name"] == "debug_refused")  # others report late
        self.assertEqual((newest["role"], newest["claim"]), ("worker", "debug"))

    # -- meshes

    def test_a_service_with_a_foreign_trust_file_is_refused(self):
        """Theirs to the end: their attestation service judges evidence of our platform."""
        path = copy_program(self.mesh.folder, "their-trust")
        trust = os.path.join(self.foreign.state, "trust.json")
        self.assertEqual(Verdict(path, trust, self.mesh).name, "trust_anchor_refused")
        self.assertEqual(Verdict(path, trust, self.foreign).name, "ready")

    def test_a_service_under_a_foreign_platform_is_refused(self):
        path = copy_program(self.mesh.folder, "their-platform")
        self.assertEqual(Verdict(path, self.trust, self.foreign).name, "trust_anchor_refused")

    def altered_trust(self, name, **changes):
        with open(self.trust, encoding="utf-8") as file:
            trust = json.load(file)
        trust.update(changes)
        folder = os.path.join(self.mesh.folder, name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "trust.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(trust, file)
        return path

    def test_a_service_with_an_altered_trust_file_is_refused(self):
        """Another operator is another mesh, though it is the same attestation service."""
        path = copy_program(self.mesh.folder, "altered-trust")
        other = self.altered_trust("other-operator", operator_curve_key="11" * 32)
        self.assertEqual(Verdict(path, other, self.mesh).name, "wrong_mesh")

    def test_a_client_with_an_altered_trust_file_refuses_the_mesh(self):
        """At once where the mesh says who it is; by its evidence where that is a lie."""
        changes = {"root_sha256": ("22" * 32, "trust_anchor_refused"),
                   "attestation_mrsigner": ("33" * 32, "signer_refused"),
                   "attestation_svn": (7, "svn_too_low"),
                   "attestation_mrenclave": ("44" * 32, "measurement_refused"),
                   "operator_signing_key": ("55" * 32, "report_data_mismatch")}
        for field, (value, name) in changes.items():
            with self.subTest(field):
                path = self.altered_trust(f"altered-{field}", **{field: value})
                outcome = self.verify(os.path.dirname(path))
                self.assertEqual((outcome.error["name"], outcome.code), ("wrong_mesh", 7), outcome)
                with open(path, encoding="utf-8") as file:
                    lie = wire.mesh_id(json.load(file))
                state = self.middle(lambda _, fresh, lie=lie: {**fresh(), 3: lie},
                                    **{field: value})
                outcome = self.verify(state)
                self.assertEqual((outcome.error["name"], outcome.code), (name, 7), outcome)

    # -- sessions

    def test_every_method_refuses_callers_that_it_does_not_name(self):
        """The contracts themselves say whom to expect: each service describes its own."""
        refused = 0
        for role, peer in self.user.peers().items():
            service = {wire.GATEWAY: "inference"}.get(role, wire.ROLE_NAMES[role])
            with self.user.connect(role) as stranger, self.user.connect(role) as user:
                idl = stranger(f"{service}.describe")[1].decode()
                callers = dict(re.findall(r"^method (\w+)\b.*?\bcaller (\w+)", idl, re.M | re.S))
                self.assertGreater(len(callers), 4, service)
                user.bind(wire.USER, role, self.user.mesh)
                for method, caller in callers.items():
                    name = f"{service}.{method}"
                    if caller == "anyone":
                        continue
                    self.assert_refused("no_session", stranger.call, name)
                    refused += 1
                    if caller in ("operator", "enclave"):
                        self.assert_refused("caller_refused", user.call, name)
                        refused += 1
        self.assertGreater(refused, 30)

    def test_a_key_that_is_not_enrolled_can_do_nothing_at_the_key_service(self):
        stranger = self.mesh.user()
        keys = stranger.to(wire.KEYS)
        key, owner = os.urandom(32), self.owner.identity.public
        measurement = self.mesh.measurement()
        calls = [("keys.put_model_key", {1: "m", 2: 1, 4: os.urandom(32)}, {3: key}),
                 ("keys.remove_model_key", {1: "m", 2: 0}, {}),
                 ("keys.grant", {1: "m", 2: owner, 3: measurement, 4: 0, 5: 0}, {}),
                 ("keys.revoke", {1: os.urandom(16)}, {}),
                 ("keys.put_request_key", {1: owner, 2: "m", 3: measurement}, {4: key}),
                 ("keys.list", {1: 0}, {})]
        for method, args, secrets in calls:
            with self.subTest(method):
                self.assert_refused("not_enrolled", keys.call, method, args, secrets=secrets)
        stranger.request_keys[owner, "breast-cancer"] = key
        self.assert_refused("not_enrolled", stranger.infer, owner, "breast-cancer",
                            wire.floats(example_rows(1)))
        stranger.enrol()
        self.assertEqual(keys("keys.list", {1: 0})[1], [])

    def test_a_supervisor_admits_its_operator_only(self):
        outcome = self.mesh.client("tacit-operator", "status", "--json",
                                   *self.mesh.identity("somebody"))
        self.assertEqual((outcome.error["name"], outcome.code), ("refused_by_zap", 6), outcome)

    def test_roles_are_not_taken_by_saying_so(self):
        for role in (wire.ATTESTATION, wire.KEYS, wire.MODELS, wire.GATEWAY, wire.WORKER):
            with self.user.connect(wire.KEYS) as keys:
                binding = keys.open(role, wire.KEYS, self.user.mesh)
                with self.assertRaises(wire.Refused) as caught:
                    binding.confirm()
                self.assertEqual(caught.exception.name, "result_invalid", caught.exception)
                self.assert_refused("no_session", keys.call, "keys.list", {1: 0})
        with self.user.connect(wire.KEYS) as keys:
            for role in (wire.OPERATOR, wire.MESH, 0, 6, 255):
                self.assert_refused("role_refused", keys.open, role, wire.KEYS, self.user.mesh)
            keys.bind(wire.USER, wire.KEYS, self.user.mesh)
            self.assert_refused("caller_refused", keys.call, "keys.audit", {1: 1, 2: 1})

    def test_another_mesh_is_refused_at_every_endpoint(self):
        for role in self.user.peers():
            with self.user.connect(role) as connection:
                self.assert_refused("wrong_mesh", connection.open, wire.USER, role,
                                    os.urandom(32))
                connection.bind(wire.USER, role, self.user.mesh)

    def test_a_nonce_works_once(self):
        with self.user.connect(wire.KEYS) as keys, self.user.connect(wire.KEYS) as other:
            self.assert_refused("nonce_refused", keys.call, "session.confirm", {3: bytes(64)})
            binding = keys.open(wire.USER, wire.KEYS, self.user.mesh)
            binding.connection = other  # another connection of the same key
            self.assert_refused("nonce_refused", binding.confirm)
            binding.connection = keys
            binding.confirm()
            self.assert_refused("nonce_refused", binding.confirm)
            keys("keys.list", {1: 0})

    def test_a_wrong_confirmation_ends_in_no_session(self):
        with self.user.connect(wire.KEYS) as keys:
            binding = keys.open(wire.USER, wire.KEYS, self.user.mesh)
            self.assert_refused("confirmation_failed", binding.confirm, mac=os.urandom(64))
            self.assert_refused("nonce_refused", binding.confirm)
            self.assert_refused("no_session", keys.call, "keys.list", {1: 0})
            # What was said over CURVE differs from what went into the transcript.
            self.assert_refused("confirmation_failed", keys.open(
                wire.USER, wire.KEYS, self.user.mesh, **{}).confirm, mac=bytes(64))
            for args in ({3: os.urandom(32)}, {4: wire.curve_pair()[0]}):
                binding = wire.Binding(keys, wire.USER, wire.KEYS, self.user.mesh, args)
                self.assert_refused("confirmation_failed", binding.confirm)
            keys.bind(wire.USER, wire.KEYS, self.user.mesh)

    def test_ephemeral_keys_of_small_order_are_refused(self):
        low = [bytes(32), b"\x01" + bytes(31), bytes.fromhex(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
        with self.user.connect(wire.KEYS) as keys:
            for key in low:
                self.assert_refused("protocol_error", wire.Binding, keys, wire.USER, wire.KEYS,
                                    self.user.mesh, {4: key})

    def test_evidence_of_another_session_or_process_binds_nothing(self):
        with Enclave(self.mesh) as victim, Enclave(self.mesh) as thief:
            victim.attest()
            thief.attest()
            captured = {}

            def prove(commitment):
                captured["quote"] = victim.quote(commitment)
                return victim.result, captured["quote"]

            with victim.user.connect(wire.KEYS) as keys:
                keys.bind(wire.WORKER, wire.KEYS, victim.user.mesh, prove)
            with victim.user.connect(wire.KEYS) as keys:  # its own key, another session
                binding = keys.open(wire.WORKER, wire.KEYS, victim.user.mesh)
                self.assert_refused("report_data_mismatch", binding.confirm, victim.result,
                                    captured["quote"])
            for result, quote in ((victim.result, captured["quote"]),
                                  (victim.result, None)):
                with thief.user.connect(wire.KEYS) as keys:
                    binding = keys.open(wire.WORKER, wire.KEYS, thief.user.mesh)
                    fresh = quote or thief.quote(binding.commitment("client"))
                    self.assert_refused("result_invalid", binding.confirm, result, fresh)
                    self.assert_refused("no_session", keys.call, "keys.list", {1: 0})
            thief.bind(wire.KEYS).close()

    def test_reflected_evidence_is_refused(self):
        """What the server proves itself with, sent back to it."""
        for role in (wire.KEYS, wire.WORKER):
            with self.user.connect(wire.KEYS) as keys:
                binding = keys.open(role, wire.KEYS, self.user.mesh)
                self.assert_refused("result_invalid", binding.confirm, binding.server_result,
                                    binding.server_quote)
        with self.user.connect(wire.KEYS) as keys:  # its nonce and ephemeral key too
            first = keys.open(wire.USER, wire.KEYS, self.user.mesh)
            with self.assertRaises(wire.Refused):
                wire.Binding(keys, wire.USER, wire.KEYS, self.user.mesh,
                             {3: first.accept[3], 4: first.accept[4]}).confirm()

    def test_a_quote_for_the_wrong_side_is_refused(self):
        with Enclave(self.mesh) as enclave:
            enclave.attest()
            with enclave.user.connect(wire.KEYS) as keys:
                binding = keys.open(wire.WORKER, wire.KEYS, enclave.user.mesh)
                self.assert_refused("report_data_mismatch", binding.confirm, enclave.result,
                                    enclave.quote(binding.commitment("server")))
                binding = keys.open(wire.WORKER, wire.KEYS, enclave.user.mesh)
                self.assert_refused("report_data_mismatch", binding.confirm, enclave.result,
                                    enclave.quote(binding.commitment("client"), purpose=2))

    def test_an_altered_result_is_refused(self):
        with Enclave(self.mesh) as enclave:
            enclave.attest()
            whole = enclave.result
            for at, what in ((10, "role"), (11, "flags"), (32, "expiry"), (40, "CURVE key"),
                             (136, "MRENCLAVE"), (280, "mesh id"), (312, "issuer"),
                             (448, "signature")):
                with self.subTest(what):
                    altered = bytearray(whole)
                    altered[at] ^= 1
                    with self.assertRaises(wire.Refused) as caught:
                        enclave.bind(wire.KEYS, bytes(altered))
                    self.assertGreaterEqual(caught.exception.code, 300)
            with self.assertRaises(wire.Refused):  # an enclave of ours, a result of theirs
                enclave.bind(wire.KEYS, whole[:448] + os.urandom(64))
            enclave.bind(wire.KEYS).close()

    def test_a_result_for_one_role_opens_no_other(self):
        with Enclave(self.mesh) as enclave:
            enclave.attest()
            for role in (wire.KEYS, wire.GATEWAY, wire.MODELS):
                with enclave.user.connect(wire.KEYS) as keys:
                    binding = keys.open(role, wire.KEYS, enclave.user.mesh)
                    self.assert_refused("role_refused", binding.confirm, enclave.result,
                                        enclave.quote(binding.commitment("client")))

    def test_secrets_sealed_elsewhere_are_corrupt(self):
        keys = self.owner.to(wire.KEYS)
        args = {1: "m", 2: 1, 4: os.urandom(32)}
        key = os.urandom(32)

        def put(msgid, method, field, session=keys.session):
            keys.msgid += 1
            sealed = session.seal(msgid or keys.msgid, method, field, key)
            frame = msgpack.packb([0, keys.msgid, "keys.put_model_key",
                                   [{**args, 3: sealed}, {}]])
            keys.send(frame)
            return keys.finish(keys.msgid, "keys.put_model_key")

        self.assert_refused("corrupt", put, 1, "keys.put_model_key", 3)
        self.assert_refused("corrupt", put, 0, "keys.put_request_key", 3)
        self.assert_refused("corrupt", put, 0, "keys.put_model_key", 4)
        self.assert_refused("corrupt", put, 0, "keys.put_model_key", 3,
                            self.user.to(wire.KEYS).session)
        put(0, "keys.put_model_key", 3)
        self.owner.to(wire.KEYS)("keys.remove_model_key", {1: "m", 2: 0})

    # -- a man in the middle

    def middle(self, change, **trust):
        """An introduction endpoint of the attacker's that relays, and changes what it likes; the
        folder of a trust file that names it."""
        said = wire.introduction(self.user.trust)
        server = zmq.Context.instance().socket(zmq.ROUTER)
        server.linger = 0
        port = server.bind_to_random_port("tcp://127.0.0.1")
        stop = threading.Event()

        def serve():
            with wire.Connection(self.user.trust["introduction"]) as genuine:
                while not stop.is_set():
                    if not server.poll(50):
                        continue
                    route, frame = server.recv_multipart()
                    _, msgid, _, (args, _) = msgpack.unpackb(frame, strict_map_key=False)
                    answer = change(said, lambda: genuine("introduction.introduce", {1: args[1]}))
                    server.send_multipart([route, msgpack.packb([1, msgid, None, answer])])

        thread = threading.Thread(target=serve)
        thread.start()

        def end():
            stop.set()
            thread.join()
            server.close(0)

        self.addCleanup(end)
        path = self.altered_trust(f"middle-{port}", introduction=f"tcp://127.0.0.1:{port}",
                                  **trust)
        return os.path.dirname(path)

    def verify(self, state):
        return run("tacit-mlowner", "verify", "--json", "--state", state,
                   *self.mesh.identity("somebody"))

    def false_endpoint(self):
        """A CURVE server with a key of the attacker's."""
        public, secret = wire.curve_pair()
        server = zmq.Context.instance().socket(zmq.ROUTER)
        server.linger = 0
        server.curve_server = True
        server.curve_publickey, server.curve_secretkey = z85.encode(public), z85.encode(secret)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        self.addCleanup(server.close, 0)
        return f"tcp://127.0.0.1:{port}", public

    def test_a_relay_that_changes_nothing_is_only_a_wire(self):
        outcome = self.verify(self.middle(lambda _, fresh: fresh()))
        self.assertEqual(outcome.code, 0, outcome)

    def test_a_swapped_server_key_is_noticed(self):
        endpoint, key = self.false_endpoint()
        outcome = self.verify(self.middle(lambda _, fresh: {**fresh(), 4: endpoint}))
        self.assertEqual((outcome.error["name"], outcome.code), ("wrong_server_key", 5), outcome)
        outcome = self.verify(self.middle(lambda _, fresh: {**fresh(), 4: endpoint, 1: key}))
        self.assertEqual((outcome.error["name"], outcome.code), ("report_data_mismatch", 7),
                         outcome)

    def test_a_swapped_result_key_is_noticed(self):
        outcome = self.verify(self.middle(lambda _, fresh: {**fresh(), 2: os.urandom(32)}))
        self.assertEqual((outcome.error["name"], outcome.code), ("report_data_mismatch", 7),
                         outcome)

    def test_an_old_introduction_is_noticed(self):
        outcome = self.verify(self.middle(lambda old, _: old))
        self.assertEqual((outcome.error["name"], outcome.code), ("report_data_mismatch", 7),
                         outcome)

    def test_an_introduction_without_revocation_lists_is_noticed(self):
        for field in (10, 11):
            outcome = self.verify(self.middle(lambda _, fresh, f=field: {**fresh(), f: b""}))
            self.assertEqual((outcome.error["name"], outcome.code), ("collateral_missing", 7),
                             outcome)

    def test_another_enclave_cannot_introduce_itself_as_attestation(self):
        """A genuine quote over the right nonce, but of code that is no attestation service."""
        with Enclave(self.mesh) as enclave:
            key, result_key = wire.curve_pair()[0], wire.sign_pair()[0]

            def change(_old, fresh):
                said = fresh()
                return said

            server_state = self.middle(change)
            self.assertEqual(self.verify(server_state).code, 0)
            quote = enclave.quote(os.urandom(64), purpose=2)
            outcome = self.verify(self.middle(
                lambda _, fresh: {**fresh(), 1: key, 2: result_key, 5: quote}))
            self.assertEqual(outcome.code, 7, outcome)
            self.assertIn(outcome.error["name"], ("role_refused", "report_data_mismatch"))


class Policies(MeshCase):
    """What the policy in force says decides, from the moment it is applied."""

    @classmethod
    def prepare(cls):
        cls.trust = os.path.join(cls.mesh.state, "trust.json")

    def test_old_code_and_other_signers_are_refused_under_a_policy_by_signer(self):
        signer = shown(os.path.join(BIN, "tacit-workerd"))["signer"]
        apply_policy(self.mesh, "", worker=f"  - role: worker\n    mrsigner: {signer}\n"
                                           "    product: 5\n    minimum_svn: 1\n")
        old = copy_program(self.mesh.folder, "svn-1")
        new = copy_program(self.mesh.folder, "svn-2", "tacit-workerd", "--key", build_signer(),
                           "--role", "worker", "--svn", "2")
        other = copy_program(self.mesh.folder, "svn-9", "tacit-workerd", "--key",
                             os.path.join(self.mesh.folder, "host.pem"), "--role", "worker",
                             "--svn", "9")
        older = copy_program(self.mesh.folder, "svn-0", "tacit-workerd", "--key", build_signer(),
                             "--role", "worker", "--svn", "0")
        self.assertEqual(Verdict(old, self.trust, self.mesh).name, "ready")
        self.assertEqual(Verdict(new, self.trust, self.mesh).name, "ready")
        self.assertEqual(Verdict(older, self.trust, self.mesh).name, "svn_too_low")
        self.assertEqual(Verdict(other, self.trust, self.mesh).name, "signer_refused")

    def test_what_a_policy_drops_attests_no_more(self):
        apply_policy(self.mesh, entry(shown(SOURCE)["measurement"]))
        with Enclave(self.mesh) as enclave:
            enclave.attest()
            apply_policy(self.mesh, "")
            self.assert_refused("measurement_refused", enclave.attest)
            connection = enclave.user.to(wire.ATTESTATION)

            def keys():
                return {member[2][40:72]
                        for member in connection("attestation.lookup", {1: wire.WORKER})[1]}

            self.assertNotIn(enclave.identity.public, keys())
            # The mesh's own worker attests again, as every policy asks of it.
            await_condition(lambda: len(keys()) == 1, "the mesh's worker is there")
            self.assertNotIn(enclave.identity.public, keys())

    def test_policies_follow_each_other_and_are_the_operators(self):
        text = rules(self.mesh, "")
        apply_policy(self.mesh, "")
        path = os.path.join(self.mesh.folder, "late.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)  # once more: it does not follow the one in force
        outcome = self.mesh.operator("policy", "apply", path, "--json")
        self.assertEqual((outcome.error["name"], outcome.code), ("policy_conflict", 18), outcome)
        operator = wire.Identity(os.path.join(self.mesh.state, "operator"))
        forger = wire.Identity()
        user = self.mesh.user(identity=operator, role=wire.OPERATOR)
        text = rules(self.mesh, "").encode()
        head = hashlib.sha256(b"tacit/policy/v1\0" + text).digest()
        for secret, name in ((forger.sign_secret, "policy_unsigned"), (operator.sign_secret, None)):
            signature = wire.sign(b"tacit/policy/signature/v1\0" + head, secret)
            public = (forger if name else operator).sign_public
            args = {1: text, 2: public + signature}
            if name:
                self.assert_refused(name, user.to(wire.ATTESTATION).call,
                                    "attestation.apply_policy", args)
            else:
                self.assertEqual(user.to(wire.ATTESTATION)("attestation.apply_policy", args)[1],
                                 head)
        self.mesh.await_ready()

    def test_history_survives_a_restart(self):
        apply_policy(self.mesh, "")
        before = self.mesh.operator("policy", "log", "--json", check=True).json
        pid = self.mesh.kill("attestation")
        self.mesh.await_restart("attestation", pid)
        self.mesh.await_ready()
        self.assertEqual(self.mesh.operator("policy", "log", "--json", check=True).json, before)
        self.assertEqual([entry["number"] for entry in before],
                         list(range(len(before), 0, -1)))



class CollateralMovesForward(MeshCase):
    """Valid collateral that is older than what was believed hides a revocation."""

    workers = 0

    @classmethod
    def prepare(cls):
        apply_policy(cls.mesh, entry(shown(SOURCE)["measurement"]))

    def attest(self, enclave, parts=None):
        args = enclave.evidence()
        return enclave.attest({**args, **dict(zip(range(6, 12), parts or args_parts(args)))})

    def refuse(self, claim, enclave, parts):
        error = self.assert_refused("collateral_expired", self.attest, enclave, parts)
        self.assertEqual(self.mesh.operator("audit", "refusals", "--json",
                                            check=True).json[0]["claim"], claim, str(error))

    def test_downgrade_of_collateral(self):
        with Enclave(self.mesh) as enclave:
            self.attest(enclave)
            self.refuse("root_crl.number", enclave, make_collateral(self.mesh, "older-lists"))
            self.refuse("tcb_info.tcbEvaluationDataNumber", enclave,
                        make_collateral(self.mesh, "older-levels"))
            time.sleep(1.1)  # lists are numbered by the second
            newer = make_collateral(self.mesh, "good")
            self.attest(enclave, newer)
            self.refuse("root_crl.number", enclave, enclave.collateral())
        time.sleep(1.1)
        pid = self.mesh.kill("platform")  # starts again, and issues newer ones
        self.mesh.await_restart("platform", pid)
        self.mesh.await_ready()
        with Enclave(self.mesh) as enclave:
            self.refuse("root_crl.number", enclave, newer)
            self.attest(enclave)


def args_parts(args):
    return [args[number] for number in range(6, 12)]


if __name__ == "__main__":
    unittest.main()
