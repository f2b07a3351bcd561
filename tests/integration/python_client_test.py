#!/usr/bin/env python3
"""The package tacit against a real mesh: what the owners' programs do, done from Python with the same
files, and every refusal by its class."""

import asyncio
import csv
import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest

# A sanitizer's runtime is preloaded for the C library in this process, and for nobody else.
os.environ.pop("LD_PRELOAD", None)
os.environ.pop("ASAN_OPTIONS", None)

import msgpack
import zmq

import onnx
import tacit
import wire
from mesh import EXAMPLES, PATIENCE, MeshCase, await_condition
from tacit import errors
from tacit.idl import attestation, inference, keys, models

BREAST = os.path.join(EXAMPLES, "breast-cancer")
INPUTS = os.path.join(BREAST, "inputs.csv")


def in_loop(test):
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(self):
        return asyncio.run(asyncio.wait_for(test(self), PATIENCE))

    return run


def rows(count):
    with open(INPUTS, encoding="utf-8") as file:
        return [[float(value) for value in row] for row in list(csv.reader(file))[1:count + 1]]


class Liar(threading.Thread):
    """An introduction endpoint that passes questions on, and changes what it likes of the answer."""

    def __init__(self, real, change):
        super().__init__(daemon=True)
        self.real, self.change = real, change
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.stop = threading.Event()

    def run(self):
        with wire.Connection(self.real) as real:
            while not self.stop.is_set():
                if not self.socket.poll(50):
                    continue
                who, frame = self.socket.recv_multipart()
                _, msgid, method, (args, _) = msgpack.unpackb(frame, strict_map_key=False)
                said = real(method, args)
                self.change(said)
                self.socket.send_multipart([who, msgpack.packb([1, msgid, None, said])])
        self.socket.close(0)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        self.join()


class PythonClient(MeshCase):
    workers = 2
    log_level = "debug"  # a line for each call

    @classmethod
    def prepare(cls):
        cls.trust_file = os.path.join(cls.mesh.state, "trust.json")
        cls.trust = tacit.Trust.load(cls.trust_file)
        asyncio.run(cls.publish())

    @classmethod
    def folder(cls, name):
        return os.path.join(cls.mesh.folder, name)

    @classmethod
    def open(cls, name, state=None, **options):
        identity = tacit.Identity.open(cls.folder(name))
        return tacit.Mesh.open(state or cls.mesh.state, identity=identity,
                               timeout=PATIENCE / 4, **options)

    @classmethod
    async def publish(cls):
        """A model of the vendor's, granted to the clinic."""
        async with await cls.open("clinic") as mesh:
            cls.clinic = mesh.identity.public
            await tacit.DataOwner(mesh).enrol()
        async with await cls.open("vendor") as mesh, tacit.MLOwner(mesh) as owner:
            cls.vendor = mesh.identity.public
            await owner.enrol()
            steps = []
            version = await owner.push("breast-cancer", os.path.join(BREAST, "model.onnx"),
                                       progress=lambda done, of: steps.append((done, of)))
            assert version == 1 and steps and steps[-1][0] == steps[-1][1], (version, steps)
            await owner.grant("breast-cancer", cls.clinic)
        cls.reference = tacit.Reference(cls.vendor, "breast-cancer")

    async def assert_raises(self, kind, awaitable):
        with self.assertRaises(kind) as caught:
            await awaitable
        self.assertEqual(caught.exception.code, kind.code)
        return caught.exception

    def altered_state(self, **changes):
        """A state folder whose trust.json says something else."""
        folder = self.folder(f"trust-{len(os.listdir(self.mesh.folder))}")
        os.mkdir(folder)
        with open(self.trust_file, encoding="utf-8") as file:
            trust = json.load(file)
        trust.update(changes)
        with open(os.path.join(folder, "trust.json"), "w", encoding="utf-8") as file:
            json.dump(trust, file)
        return folder

    # -- what the owners' programs do

    @in_loop
    async def test_answers_are_those_of_the_training_framework(self):
        with open(os.path.join(BREAST, "expected.csv"), encoding="utf-8") as file:
            expected = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
        async with await self.open("clinic") as mesh:
            self.assertTrue(mesh.service.simulated)
            self.assertIn("SIMULATED", mesh.service.root_name)
            async with await tacit.DataOwner(mesh).model(self.reference) as model:
                table = rows(143)
                parts = [table[at:at + 16] for at in range(0, 143, 16)]
                answers = await asyncio.gather(
                    *(model.infer(tacit.Tensor.floats(part), padding=100) for part in parts))
        got = [row for answer in answers for row in self.probabilities(answer)]
        self.assertEqual(len(got), 143)
        for row, want in zip(got, expected):
            for value, wanted in zip(row, want):
                self.assertLessEqual(abs(value - wanted), 1e-5)
        receipt = answers[0].receipt
        self.assertEqual((receipt.user, receipt.owner, receipt.model, receipt.version),
                         (self.clinic, self.vendor, "breast-cancer", 1))
        self.assertEqual(receipt.measurement, self.mesh.measurement())
        self.assertEqual((receipt.isolation, receipt.backend), ("standard", "onednn"))
        self.assertEqual(receipt.precision, "fp32")

    @in_loop
    async def test_inputs_and_outputs_by_name(self):
        path = self.folder("pair.onnx")
        with open(path, "wb") as file:
            file.write(onnx.pair())
        async with await self.open("vendor") as mesh, tacit.MLOwner(mesh) as owner:
            await owner.push("pair", path)
            await owner.grant("pair", self.clinic)
        a, b = tacit.Tensor.floats([[1, 2], [3, 4]]), tacit.Tensor.floats([[-5], [6]], name="b")
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(
                    tacit.Reference(self.vendor, "pair")) as model:
                for inputs in ({"a": a, "b": b}, [b, dataclasses.replace(a, name="a")]):
                    answer = await model.infer(inputs)
                    self.assertEqual(answer.output("joined").tolist(), [[1, 2, -5], [3, 4, 6]])
                    self.assertEqual(answer.output("positive").tolist(), [[0], [6]])
                error = await self.assert_raises(inference.InputRefused, model.infer({"a": a}))
                self.assertEqual((error.claim, error.expected, error.got), ("inputs", "2 inputs", "1 inputs"))
        with self.assertRaises(errors.NotFound) as caught:
            answer.output("none")
        self.assertEqual(caught.exception.expected, "joined, positive")

    @in_loop
    async def test_large_bulk_needs_no_lane(self):
        """C clients and services take it by a lane; here it goes over CURVE, both ways."""
        half = 400_000
        path = self.folder("wide.onnx")
        with open(path, "wb") as file:
            file.write(onnx.relu(shape=("n", 2 * half)))
        async with await self.open("vendor") as mesh, tacit.MLOwner(mesh) as owner:
            await owner.push("wide", path)
            await owner.grant("wide", self.clinic)
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(tacit.Reference(self.vendor, "wide")) as model:
                answer = await model.infer(tacit.Tensor.floats([list(range(-half, half))]))
        self.assertEqual(answer.outputs[0].tolist(), [[0] * half + list(range(half))])

    @staticmethod
    def probabilities(answer):
        return next(output for output in answer.outputs
                    if output.dtype == tacit.Dtype.FLOAT32 and len(output.shape) == 2).tolist()

    @in_loop
    async def test_programs_and_package_share_folders(self):
        """What Python pushed and keyed, the C client uses, and the other way round."""
        outcome = self.mesh.client("tacit-dataowner", "infer",
                                   f"{self.vendor.hex()}/breast-cancer", INPUTS, "--json",
                                   *self.mesh.identity("clinic"), check=True)
        self.assertEqual(outcome.json["model"]["version"], 1)
        self.mesh.client("tacit-mlowner", "push", os.path.join(BREAST, "model.onnx"), "--name",
                         "from-c", *self.mesh.identity("vendor"), check=True)
        self.mesh.client("tacit-mlowner", "grant", "from-c", "--user", self.clinic.hex(),
                         *self.mesh.identity("vendor"), check=True)
        async with await self.open("clinic") as mesh:
            owner = tacit.DataOwner(mesh)
            async with await owner.model(f"{self.vendor.hex()[:8]}/from-c@1") as model:
                answer = await model.infer(tacit.Tensor.floats(rows(3)))
        self.assertEqual(len(self.probabilities(answer)), 3)
        async with await self.open("vendor") as mesh, tacit.MLOwner(mesh) as owner:
            self.assertEqual(await owner.push("from-c", os.path.join(BREAST, "model.onnx")), 2)
            listed = await owner.models.list(owner=self.vendor, offset=0)
        versions = {(one.name, one.version) for one in listed.models}
        self.assertLessEqual({("from-c", 1), ("from-c", 2)}, versions)

    @in_loop
    async def test_a_receipt_is_proof_for_both(self):
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(self.reference) as model:
                answer = await model.infer(tacit.Tensor.floats(rows(1)))
        path = answer.save_receipt(self.folder("receipts"))
        receipt, worker = tacit.receipt.verify(self.trust, path)
        self.assertEqual(receipt, answer.receipt)
        self.assertEqual(worker.measurement, self.mesh.measurement())
        outcome = self.mesh.client("tacit-dataowner", "receipt", "verify", path, "--json",
                                   *self.mesh.identity("clinic"))
        self.assertEqual(outcome.code, 0, str(outcome))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        bundle = json.loads(text)
        changed = os.path.join(self.folder("receipts"), "changed.json")
        forged = "A" if bundle["receipt"][40] != "A" else "B"
        bundle["receipt"] = bundle["receipt"][:40] + forged + bundle["receipt"][41:]
        with open(changed, "w", encoding="utf-8") as file:
            json.dump(bundle, file)
        with self.assertRaises(errors.TacitError):
            tacit.receipt.verify(self.trust, changed)
        other = tacit.Trust.load(os.path.join(
            self.altered_state(operator_curve_key="11" * 32), "trust.json"))
        with self.assertRaises(errors.WrongMesh):
            tacit.receipt.verify(other, path)

    @in_loop
    async def test_a_restarted_gateway_is_found_again(self):
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(self.reference) as model:
                await model.infer(tacit.Tensor.floats(rows(1)))
                self.mesh.kill("gateway")
                answer = await model.infer(tacit.Tensor.floats(rows(2)))
        self.assertEqual(len(self.probabilities(answer)), 2)
        self.mesh.await_ready()

    @in_loop
    async def test_lookup_and_describe(self):
        async with await self.open("clinic") as mesh:
            roles = {member.role for member in await mesh.lookup()}
            self.assertLessEqual({tacit.Role.KEYS, tacit.Role.MODELS, tacit.Role.GATEWAY}, roles)
            async with await mesh.connect(keys.KeysClient) as client:
                session = client.connection.session
                self.assertTrue(session.attested)
                self.assertEqual(session.peer_role, tacit.Role.KEYS)
                self.assertEqual(await client.health(), "ready")
                contract = await client.describe()
                self.assertEqual(contract.sha256, keys.SERVICE.sha256)
                self.assertIn(b"service keys 4", contract.text)
                await self.assert_raises(errors.CallerRefused, client.metrics())
            head = await mesh.attestation.head(traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
                                               idempotency_key=b"k" * 32)
            self.assertEqual(head.head, session.policy_head)

    # -- refusals

    @in_loop
    async def test_calls_carry_a_trace(self):
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(self.reference) as model:
                with tacit.trace.entered() as name:
                    await model.infer(tacit.Tensor.floats(rows(1)))
        logged = lambda: name[3:35] in self.mesh.log("gateway")
        await asyncio.to_thread(await_condition, logged, "the gateway logs the trace", 10)

    @in_loop
    async def test_the_operator_reads_metrics(self):
        identity = tacit.Identity.load(os.path.join(self.mesh.state, "operator"))
        async with await tacit.Mesh.open(self.mesh.state, identity=identity,
                                         role=tacit.Role.OPERATOR) as mesh:
            text = await mesh.attestation.metrics()
            self.assertIn("# EOF", text)
            self.assertGreater(len((await mesh.attestation.policy_history(limit=1)).entries), 0)

    @in_loop
    async def test_it_is_not_led_back(self):
        """By the memory of the C clients, which one folder shares."""
        place = os.path.join(self.folder("rememberer"), "policy.json")
        async with await self.open("rememberer") as mesh:
            head = mesh.policy_head
            self.assertEqual(head, (await mesh.attestation.head()).head)
        with open(place, encoding="utf-8") as file:
            seen = json.load(file)
        self.assertEqual(seen["head"], head.hex())
        verified = await asyncio.to_thread(
            self.mesh.client, "tacit-mlowner", "verify", "--identity", self.folder("rememberer"))
        self.assertEqual(verified.code, 0, verified)
        for lie in ({"number": seen["number"] + 1, "head": seen["head"]},
                    {"number": seen["number"], "head": "00" * 32}):
            with open(place, "w", encoding="utf-8") as file:
                json.dump(lie, file)
            error = await self.assert_raises(errors.RollbackDetected, self.open("rememberer"))
            self.assertEqual(error.claim, "policy history")
        with open(place, "w", encoding="utf-8") as file:
            file.write("{}")
        await self.assert_raises(errors.BadInput, self.open("rememberer"))
        os.remove(place)
        async with await self.open("rememberer") as mesh:
            self.assertEqual(mesh.policy_head, head)
        ephemeral = tacit.Identity.ephemeral()  # no folder, no memory; the chain is checked
        async with await tacit.Mesh.open(self.mesh.state, identity=ephemeral) as mesh:
            self.assertEqual(mesh.policy_head, head)

    @in_loop
    async def test_who_is_not_granted(self):
        async with await self.open("stranger") as mesh:
            owner = tacit.DataOwner(mesh)
            with self.assertRaises(keys.NotEnrolled):
                await owner.model(self.reference)
            await owner.enrol()
            async with await owner.model(self.reference) as model:
                error = await self.assert_raises(
                    keys.NotGranted, model.infer(tacit.Tensor.floats(rows(1))))
                self.assertIsInstance(error, tacit.ServiceError)

    @in_loop
    async def test_revoked_within_a_second(self):
        async with await self.open("patient") as mesh, await self.open("vendor") as vendor:
            data = tacit.DataOwner(mesh)
            await data.enrol()
            async with tacit.MLOwner(vendor) as owner:
                await owner.grant("breast-cancer", mesh.identity.public)
                async with await data.model(self.reference) as model:
                    await model.infer(tacit.Tensor.floats(rows(1)))
                    self.assertEqual(
                        await owner.revoke("breast-cancer", mesh.identity.public), 1)
                    await asyncio.sleep(1.0)
                    await self.assert_raises(
                        keys.GrantRevoked, model.infer(tacit.Tensor.floats(rows(1))))

    @in_loop
    async def test_spent_uses(self):
        async with await self.open("guest") as mesh, await self.open("vendor") as vendor:
            data = tacit.DataOwner(mesh)
            await data.enrol()
            async with tacit.MLOwner(vendor) as owner:
                await owner.grant("breast-cancer", mesh.identity.public, uses=1)
                async with await data.model(self.reference) as model:
                    await model.infer(tacit.Tensor.floats(rows(1)))
                    await self.assert_raises(
                        keys.GrantUsedUp, model.infer(tacit.Tensor.floats(rows(1))))

    @in_loop
    async def test_grants_end_by_themselves(self):
        async with await self.open("visitor") as mesh, await self.open("vendor") as vendor:
            data = tacit.DataOwner(mesh)
            await data.enrol()
            async with tacit.MLOwner(vendor) as owner:
                await owner.grant("breast-cancer", mesh.identity.public, seconds=0.2)
                await asyncio.sleep(1.2)
                async with await data.model(self.reference) as model:
                    await self.assert_raises(
                        keys.GrantExpired, model.infer(tacit.Tensor.floats(rows(1))))

    @in_loop
    async def test_a_deadline_holds(self):
        async with await self.open("clinic") as mesh:
            async with await tacit.DataOwner(mesh).model(self.reference) as model:
                await self.assert_raises(
                    errors.DeadlineExceeded,
                    model.infer(tacit.Tensor.floats(rows(1)), deadline=0.0))
                begun = time.monotonic()
                with self.assertRaises(errors.DeadlineExceeded):
                    await model.infer(tacit.Tensor.floats(rows(1) * 60000), deadline=0.001)
                self.assertLess(time.monotonic() - begun, PATIENCE / 4)
                await model.infer(tacit.Tensor.floats(rows(1)))  # and nothing is broken by it

    @in_loop
    async def test_another_meshs_trust(self):
        for change in ({"operator_curve_key": "11" * 32}, {"root_sha256": "22" * 32},
                       {"attestation_mrsigner": "33" * 32}):
            state = self.altered_state(**change)
            await self.assert_raises(errors.WrongMesh, self.open("clinic", state))
        await self.assert_raises(errors.NotFound, self.open("clinic", self.folder("nothing")))

    @in_loop
    async def test_a_liar_at_the_introduction(self):
        own, _ = wire.curve_pair()
        real = self.trust.introduction
        kept = {}

        def swap(said):
            said[1] = own

        def result_key(said):
            said[2] = own

        def replay(said):
            kept.setdefault("said", dict(said))
            said.update(kept["said"])

        def cut(said):
            said[5] = said[5][:-1]

        def drop(said):
            said[11] = b""

        cases = [(swap, errors.ReportDataMismatch), (result_key, errors.ReportDataMismatch),
                 (cut, errors.EvidenceMalformed), (drop, errors.CollateralMissing)]
        for change, kind in cases:
            with self.subTest(change.__name__), Liar(real, change) as liar:
                state = self.altered_state(introduction=liar.endpoint)
                await self.assert_raises(kind, self.open("clinic", state))
        with Liar(real, replay) as liar:
            state = self.altered_state(introduction=liar.endpoint)
            async with await self.open("clinic", state):
                pass
            await self.assert_raises(errors.ReportDataMismatch, self.open("clinic", state))

    @in_loop
    async def test_another_server_key(self):
        async with await self.open("clinic") as mesh:
            (member, *_) = await mesh.lookup(tacit.Role.KEYS)
            other, _ = wire.curve_pair()
            await self.assert_raises(errors.WrongServerKey, tacit.Connection.open(
                member.endpoint, server_key=other, identity=mesh.identity, timeout=PATIENCE / 4))
            connection = await tacit.Connection.open(
                member.endpoint, server_key=member.curve_key, identity=mesh.identity,
                timeout=PATIENCE / 4)
            async with connection:  # the key service is nobody's gateway
                with self.assertRaises(errors.TacitError) as caught:
                    await connection.bind(self.trust, mesh.identity, tacit.Role.GATEWAY,
                                          verified=mesh.verified)
                self.assertIn(caught.exception.code, (314, 317, 315, 320))
                self.assertIsNone(connection.session)
            with self.assertRaises(errors.TacitError):
                async with await tacit.Connection.open(
                        member.endpoint, server_key=member.curve_key,
                        identity=mesh.identity) as connection:
                    await connection.bind(self.trust, mesh.identity, tacit.Role.KEYS)

    @in_loop
    async def test_without_a_session_or_a_right(self):
        async with await self.open("clinic") as mesh:
            (member, *_) = await mesh.lookup(tacit.Role.KEYS)
            async with await tacit.Connection.open(
                    member.endpoint, server_key=member.curve_key,
                    identity=mesh.identity) as connection:
                client = keys.KeysClient(connection)
                await self.assert_raises(errors.NoSession, client.list(offset=0))
                with self.assertRaises(errors.NoSession):
                    await client.put_model_key(name="x", version=1, model_key=bytes(32),
                                               content_sha256=bytes(32))
            await self.assert_raises(errors.CallerRefused, mesh.attestation.audit(from_=0, limit=1))
            async with await mesh.connect(keys.KeysClient) as client:
                await self.assert_raises(errors.CallerRefused, client.audit(from_=0, limit=1))
                bad = await self.assert_raises(errors.BadInput, client.revoke(grant_id=b"short"))
                self.assertEqual(bad.claim, "grant_id")

    @in_loop
    async def test_nobody_there(self):
        await self.assert_raises(errors.Unreachable, tacit.Connection.open(
            "tcp://127.0.0.1:1", server_key=bytes(31) + b"1", timeout=2.0))
        await self.assert_raises(errors.BadInput, tacit.Connection.open("inproc://x"))

    @in_loop
    async def test_a_lost_connection_fails_its_calls_at_once(self):
        async with await self.open("clinic") as mesh:
            client = await mesh.connect(inference.InferenceClient)
            call = asyncio.create_task(client.infer(
                owner=self.vendor, name="breast-cancer", version=0, request_id=os.urandom(16),
                bulk=b"x" * 100))
            await asyncio.sleep(0)
            await client.close()
            with self.assertRaises(errors.TacitError):
                await call
            await self.assert_raises(errors.Unreachable, client.infer(
                owner=self.vendor, name="breast-cancer", version=0, request_id=os.urandom(16),
                bulk=b"x" * 100))

    @in_loop
    async def test_idempotent_calls_survive_a_restart(self):
        """The model store is killed under load and comes back with other keys at another port."""
        async with await self.open("clinic") as mesh:
            async with await mesh.connect(models.ModelsClient) as client:
                ended = asyncio.Event()

                async def ask():
                    answered = 0
                    while not ended.is_set():
                        said = await client.get(owner=self.vendor, name="breast-cancer", version=1)
                        self.assertEqual(len(said.manifest), 256)
                        answered += 1
                        await asyncio.sleep(0.01)
                    return answered

                asking = [asyncio.create_task(ask()) for _ in range(4)]
                await asyncio.sleep(0.2)
                pid = self.mesh.kill("models")
                await asyncio.to_thread(self.mesh.await_restart, "models", pid)
                await asyncio.sleep(0.2)
                ended.set()
                self.assertGreater(min(await asyncio.gather(*asking)), 5)

    @in_loop
    async def test_a_key_file_that_others_may_read(self):
        folder = self.folder("careless")
        tacit.Identity.open(folder)
        os.chmod(os.path.join(folder, "identity.json"), 0o644)
        with self.assertRaises(errors.BadInput) as caught:
            tacit.Identity.load(folder)
        self.assertIn("chmod", caught.exception.remedy)

    def test_the_example(self):
        shutil.rmtree(self.folder("example"), ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(EXAMPLES, "python", "predict.py"),
             "--state", self.mesh.state, "--folder", self.folder("example")],
            capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
            env={**os.environ, **PRELOAD})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("143 rows", done.stdout)
        self.assertIn("receipt", done.stdout)


PRELOAD = {}  # what a further process of Python needs
if os.environ.get("TACIT_PRELOAD"):
    PRELOAD = {"LD_PRELOAD": os.environ["TACIT_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"}

assert attestation and models

if __name__ == "__main__":
    unittest.main()
