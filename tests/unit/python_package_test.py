"""The package tacit without a mesh: its codec beside the C codec, its errors beside enclave/status.h,
and what it does with peers that do not keep to the protocol.

TACIT_CODEC_TOOL names the program of codec_tool.c.
"""

import array
import asyncio
import dataclasses
import enum
import functools
import os
import pickle
import random
import re
import subprocess
import sys
import tempfile
import typing
import unittest

# A sanitizer's runtime is preloaded for the C library in this process, and for nobody else.
os.environ.pop("LD_PRELOAD", None)
os.environ.pop("ASAN_OPTIONS", None)

import msgpack
import zmq
import zmq.asyncio

import tacit
from codec_python_test import SAMPLE, pack, random_sample
from tacit import codec, errors, frame
from tacit.codec import Field
from tacit.idl import attestation, inference, introduction, keys, mesh, models, session
from tacit.options import Options
from tacit.service import Method

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.environ["TACIT_CODEC_TOOL"]
CONTRACTS = (session, introduction, attestation, keys, models, inference, mesh)


class Color(enum.IntEnum):
    RED, GREEN, BLUE = 1, 5, 9


@dataclasses.dataclass(slots=True, kw_only=True)
class Point(codec.Record):
    x: int
    label: str
    FIELDS = (Field(1, "x", "i32"), Field(2, "label", "string", maximum=8))
    ENCODED_MAX = 64


_FIELDS = (  # codec_sample.c
    Field(1, "flag", "bool"), Field(2, "small", "u8"), Field(3, "middle", "u16"),
    Field(4, "large", "u32"), Field(5, "huge", "u64"), Field(6, "signed32", "i32"),
    Field(7, "signed64", "i64"), Field(8, "real", "f64"),
    Field(9, "text", "string", minimum=1, maximum=8),
    Field(10, "blob", "bytes", minimum=2, maximum=16),
    Field(11, "color", "enum", target=Color), Field(12, "point", "struct", target=Point),
    Field(13, "numbers", "u32", list_maximum=4),
    Field(14, "points", "struct", list_maximum=4, target=Point),
    Field(15, "names", "string", maximum=8, list_maximum=4),
    Field(16, "maybe_number", "u32", optional=True),
    Field(17, "maybe_text", "string", maximum=8, optional=True),
    Field(300, "maybe_point", "struct", target=Point, optional=True),
)
Sample = dataclasses.make_dataclass(
    "Sample",
    [(field.name, typing.Any, dataclasses.field(default=None)) for field in _FIELDS],
    bases=(codec.Record,), kw_only=True, namespace={"FIELDS": _FIELDS, "ENCODED_MAX": 4096})


def judge_in_c(data):
    """(None, encoded again) or (name of the error, its claim)."""
    done = subprocess.run([TOOL, "copy"], input=data, capture_output=True, check=False)
    if done.returncode == 0:
        return None, done.stdout
    name, _, claim = done.stderr.decode().partition(" ")
    return name, claim.strip()


def judge_in_python(data):
    try:
        return None, codec.encode(codec.decode(Sample, data))
    except errors.TacitError as error:
        return error.name, error.claim


class Codec(unittest.TestCase):
    def assert_same(self, data):
        in_c, in_python = judge_in_c(data), judge_in_python(data)
        self.assertEqual(in_python[0], in_c[0], data.hex())
        if in_c[0] in (None, "bad_input"):
            self.assertEqual(in_python[1], in_c[1], data.hex())
        return in_c[0]

    def test_random_records_are_read_and_written_alike(self):
        generator = random.Random(7)
        for _ in range(30):
            self.assertIsNone(self.assert_same(pack(random_sample(generator))))

    def test_bounds_are_the_same(self):
        values = (None, True, 0, 1, 2, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1,
                  2**32, 2**63, 2**64 - 1, -(2**31), -(2**31) - 1, -(2**63), 0.5, "", "a",
                  "12345678", "123456789", "a\0b", b"", b"12", b"x" * 16, b"x" * 17, [], [0] * 4,
                  [0] * 5, ["a"], {}, {1: 0}, {1: 0, 2: "l"}, {1: 0, 2: "l", 3: None}, 5, 9)
        refused = set()
        for number in (*range(1, 18), 300):
            for value in random.Random(number).sample(values, 7):
                refused.add(self.assert_same(pack(SAMPLE | {number: value})))
        self.assertEqual(refused, {None, "bad_input"})

    def test_shapes_are_the_same(self):
        deep = [functools.reduce(lambda inner, _: [inner], range(n), 0) for n in range(5, 10)]
        cases = [pack(SAMPLE | {40: value}) for value in deep]
        cases += [pack(SAMPLE | dict.fromkeys(range(400, 400 + n), 0)) for n in (32, 33)]
        cases += [pack(SAMPLE | {key: 1}) for key in (0, -1, "a", 2**32 - 1, 2**32)]
        cases += [pack(SAMPLE | {40: msgpack.ExtType(1, b"x")}), pack(SAMPLE) + b"\x00", b"",
                  b"\xc1", pack([]), pack({}), pack(SAMPLE)[:-1]]
        body = pack(SAMPLE)
        twice = bytes([0xDE, 0, len(SAMPLE) + 1]) + body[3:] + b"\x02\x07"
        cases.append(twice)
        for data in cases:
            with self.subTest(data[:8].hex()):
                self.assert_same(data)

    def test_mutations_are_judged_the_same(self):
        generator = random.Random(11)
        body = pack(SAMPLE)
        judged = set()
        for _ in range(100):
            data = bytearray(body)
            for _ in range(generator.randint(1, 3)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            in_c, in_python = judge_in_c(bytes(data))[0], judge_in_python(bytes(data))[0]
            judged.add(in_c)
            if "bad_input" in (in_c, in_python) and in_c is not None:
                self.assertIsNotNone(in_python, data.hex())  # which fault comes first may differ
            else:
                self.assertEqual(in_c, in_python, data.hex())
        self.assertLessEqual({None, "malformed", "bad_input"}, judged)

    def test_every_truncation_is_refused(self):
        body = pack(SAMPLE)
        for size in range(len(body)):
            with self.assertRaises(errors.Malformed):
                codec.decode(Sample, body[:size])

    def test_a_secret_needs_a_session(self):
        args = keys.PutModelKeyArgs(name="m", version=1, model_key=bytes(32),
                                    content_sha256=bytes(32))
        with self.assertRaises(errors.NoSession):
            codec.encode(args)
        with self.assertRaises(errors.BadInput):
            codec.to_map(dataclasses.replace(args, model_key=bytes(31)), lambda *_: b"")


class Generated(unittest.TestCase):
    def test_hints_are_types(self):
        for module in CONTRACTS:
            for one in vars(module).values():
                if isinstance(one, type):
                    typing.get_type_hints(one)
                    for member in vars(one).values():
                        if callable(member) and not isinstance(member, type):
                            typing.get_type_hints(member)

    def test_every_method_has_words(self):
        for module in CONTRACTS:
            client = next(one for name, one in vars(module).items() if name.endswith("Client"))
            for name in module.SERVICE.methods:
                method = getattr(client, name, None) or getattr(client, name + "_")
                self.assertTrue(method.__doc__, name)

    def test_errors_are_those_of_the_header(self):
        with open(os.path.join(SOURCE, "enclave", "status.h"), encoding="utf-8") as file:
            rows = re.findall(r'X\([A-Z_0-9]+,\s*(\d+),\s*"([^"]+)",\s*"([^"]+)"\)', file.read())
        header = {int(code): (name, text) for code, name, text in rows if int(code) >= 100}
        ours = {one.code: (one.name, one.__doc__) for one in vars(errors).values()
                if isinstance(one, type) and issubclass(one, errors.TacitError) and one.code}
        self.assertEqual(ours, header)

    def test_an_unknown_code_is_an_error_all_the_same(self):
        error = errors.make(777777, "novel", "something new", remedy="upgrade")
        self.assertEqual((error.code, error.name, error.remedy), (777777, "novel", "upgrade"))
        self.assertIsInstance(errors.make(4031, "not_granted", ""), keys.NotGranted)


class Foreign(unittest.TestCase):
    """Whatever comes in ends in a reply or in one of our errors."""

    def test_mutated_replies(self):
        generator = random.Random(3)
        bodies = [pack([1, 1, None, SAMPLE]), pack([1, 2**63, None, {1: [[[{}]]]}]),
                  pack([1, 7, [4031, "not_granted", "no", {1: "a", 2: "b", 5: "c", 9: [1]}], None])]
        ends = set()
        for number in range(9000):
            data = bytearray(bodies[number % len(bodies)])
            for _ in range(generator.randint(1, 4)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            try:
                reply = frame.reply(bytes(data[:generator.randint(1, len(data))]
                                          if number % 5 == 0 else data))
                if reply.failure is None:
                    codec.from_map(Sample, reply.result)
                else:
                    str(reply.failure.error())
                ends.add(None)
            except errors.TacitError as error:
                ends.add(error.name)
        self.assertLessEqual({None, "malformed", "bad_input"}, ends)

    def test_towers_of_containers(self):
        for head in (b"\x91", b"\x81\x01", b"\xdd\x00\x00\x00\x01"):
            for depth in (7, 8, 9, 500, 20000):
                with self.subTest(head=head, depth=depth), self.assertRaises(errors.TacitError):
                    reply = frame.reply(b"\x94\x01\x01\xc0" + head * depth + b"\xc0")
                    codec.from_map(Sample, reply.result)


class Installed(unittest.TestCase):
    def test_it_works_where_it_was_installed(self):
        preload = os.environ.get("TACIT_PRELOAD")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run([os.environ["TACIT_CMAKE"], "--install", os.environ["TACIT_BUILD"],
                            "--component", "python", "--prefix", prefix], check=True,
                           capture_output=True, env=environment)
            environment["PYTHONPATH"] = os.path.join(prefix, "lib", "python3", "dist-packages")
            if preload:
                environment |= {"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0"}
            said = subprocess.run(
                [sys.executable, "-B", "-c",
                 "import tacit, tacit.idl.mesh; print(tacit.__file__, tacit.Identity.ephemeral())"],
                check=False, capture_output=True, encoding="utf-8", env=environment, cwd="/")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(said.stdout.startswith(prefix), said.stdout)


class Secrets(unittest.TestCase):
    def test_are_neither_printed_nor_pickled(self):
        secret = tacit.Secret.copy(b"canary" * 4)
        self.assertNotIn("canary", repr(secret) + str(secret))
        self.assertEqual(secret.reveal(), b"canary" * 4)
        for one in (secret, secret.handle):
            with self.assertRaises(TypeError):
                pickle.dumps(one)

    def test_have_bounds(self):
        self.assertEqual(len(tacit.Secret.random(65536)), 65536)
        for size in (0, 65537):
            with self.assertRaises(errors.TooLarge):
                tacit.Secret.random(size)


@dataclasses.dataclass(slots=True, kw_only=True)
class Text(codec.Record):
    text: bytes
    FIELDS = (Field(1, "text", "bytes", maximum=64),)
    ENCODED_MAX = 80


ECHO = Method("echo.echo", Text, Text, deadline_ms=2000)
BULK = Method("echo.bulk", Text, Text, deadline_ms=2000, bulk_in=10, bulk_out=10)


class Peers(unittest.IsolatedAsyncioTestCase):
    """A ROUTER that answers as the test wants."""

    async def asyncSetUp(self):
        self.context = zmq.asyncio.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.connection = await tacit.Connection.open(f"tcp://127.0.0.1:{port}")
        self.addAsyncCleanup(self.end)

    async def end(self):
        await self.connection.close()
        self.router.close(0)
        self.context.term()

    async def ask(self, answer, method=ECHO, **options):
        """One call; answer(msgid, args, meta) gives the frames of the reply."""
        call = asyncio.create_task(self.connection.call(method, Text(text=b"hello"),
                                                        Options(**options)))
        who, frame, *bulk = await self.router.recv_multipart()
        kind, msgid, name, (args, meta) = msgpack.unpackb(frame, strict_map_key=False)
        self.assertEqual((kind, name), (0, method.name))
        frames = answer(msgid, args, meta)
        await self.router.send_multipart([who, *frames])
        return await call

    @staticmethod
    def reply(msgid, error=None, result=None):
        return [msgpack.packb([1, msgid, error, result])]

    async def test_an_answer(self):
        seen = {}

        def answer(msgid, args, meta):
            seen.update(meta)
            return self.reply(msgid, None, args)

        parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"
        reply = await self.ask(answer, deadline=1.0, traceparent=parent, idempotency_key=b"once")
        self.assertEqual(reply.result, Text(text=b"hello"))
        span = seen.pop(2)
        self.assertEqual(seen, {1: 950, 3: b"once"})
        self.assertTrue(span.startswith(parent[:36]) and span.endswith("-00"), span)
        self.assertNotEqual(span, parent)

    async def test_traces(self):
        seen = []

        def answer(msgid, args, meta):
            seen.append(meta[2])
            return self.reply(msgid, None, args)

        await self.ask(answer)
        with tacit.trace.entered() as name:
            self.assertEqual(tacit.trace.current(), name)
            await self.ask(answer)
            await self.ask(answer)
        await self.ask(answer)
        self.assertIsNone(tacit.trace.current())
        self.assertEqual({span[:36] for span in seen[1:3]}, {name[:36]})
        self.assertEqual(len({span[:36] for span in seen}), 3)
        self.assertEqual(len({*seen, name}), 5)
        for text in ("", "00-a", name.upper(), name + "0", "01" + name[2:],
                     "00-" + "0" * 32 + name[35:], name[:36] + "0" * 16 + "-01"):
            with self.subTest(text), self.assertRaises(errors.BadInput):
                await self.connection.call(ECHO, Text(text=b""), Options(traceparent=text))

    async def test_a_refusal(self):
        with self.assertRaises(keys.NotGranted) as caught:
            await self.ask(lambda msgid, *_: self.reply(
                msgid, [4031, "not_granted", "no", {1: "model", 2: "a", 3: "b", 4: "p", 5: "do"}]))
        error = caught.exception
        self.assertEqual((error.claim, error.expected, error.got, error.policy, error.remedy),
                         ("model", "a", "b", "p", "do"))

    async def test_broken_replies_end_the_connection(self):
        for data in (b"", b"\xc1", msgpack.packb(7), msgpack.packb([1, 1, None]),
                     msgpack.packb([1, "1", None, {}]), msgpack.packb([2, 1, None, {}]),
                     msgpack.packb([1, 99, None, {}]), msgpack.packb([1, 0, None, {}]),
                     msgpack.packb([1, True, None, {}]), b"\xdd\xff\xff\xff\xff",
                     b"\x91" * 100000 + b"\x00", bytes(1024 * 1024 + 1),
                     *(msgpack.packb([1, 1, failure, None]) for failure in (
                         7, [], [0, "a", "b", {}], ["x", "a", "b", {}], [1000, "a", "b"],
                         [1000, b"a", "b", {}], [1000, "a", "b", {1: 1}], [2**31, "a", "b", {}])),
                     msgpack.packb([1, 1, [1000, "a", "b", {}], {}])):
            with self.subTest(data[:8].hex()):
                await self.connection.close()
                self.connection = await tacit.Connection.open(self.router.LAST_ENDPOINT.decode())
                with self.assertRaises(errors.ProtocolError):
                    await self.ask(lambda *_, data=data: [data])
                with self.assertRaises(errors.ProtocolError):  # and it stays ended
                    await self.connection.call(ECHO, Text(text=b""))

    async def test_too_many_frames_end_it(self):
        with self.assertRaises(errors.ProtocolError):
            await self.ask(lambda msgid, *_: self.reply(msgid, None, {1: b""}) + [b"", b""])

    async def test_results_beyond_the_contract_end_the_call_alone(self):
        for result in (None, {}, {1: b"x" * 65}, {1: "text"}, [], {"1": b""}):
            with self.subTest(result=result), self.assertRaises(errors.ProtocolError):
                await self.ask(lambda msgid, *_, r=result: self.reply(msgid, None, r))
        reply = await self.ask(lambda msgid, args, _: self.reply(msgid, None, args))
        self.assertEqual(reply.result, Text(text=b"hello"))

    async def test_bulk_has_bounds(self):
        with self.assertRaises(errors.BadBulk):
            await self.connection.call(BULK, Text(text=b""), Options(bulk=b"x" * 11))
        for method, size in ((BULK, 11), (ECHO, 1)):
            with self.assertRaises(errors.BadBulk):
                await self.ask(lambda msgid, args, _, size=size: self.reply(msgid, None, args) +
                               [b"x" * size], method)
        reply = await self.ask(lambda msgid, args, _: self.reply(msgid, None, args) + [b"x" * 10],
                               BULK)
        self.assertEqual(reply.bulk, b"x" * 10)

    async def test_silence_ends_at_the_deadline_and_lateness_does_not_matter(self):
        with self.assertRaises(errors.DeadlineExceeded):
            await self.connection.call(ECHO, Text(text=b"late"), Options(deadline=0.05))
        who, frame = await self.router.recv_multipart()
        _, msgid, _, (args, _) = msgpack.unpackb(frame, strict_map_key=False)
        await self.router.send_multipart([who, *self.reply(msgid, None, args)])
        reply = await self.ask(lambda msgid, args, _: self.reply(msgid, None, args))
        self.assertEqual(reply.result, Text(text=b"hello"))

    async def test_a_cancelled_call_is_forgotten(self):
        call = asyncio.create_task(self.connection.call(ECHO, Text(text=b"gone")))
        await self.router.recv_multipart()
        call.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await call
        await self.router.recv_multipart()  # the service is told
        reply = await self.ask(lambda msgid, args, _: self.reply(msgid, None, args))
        self.assertEqual(reply.result, Text(text=b"hello"))

    async def test_outstanding_calls_have_a_bound(self):
        calls = [asyncio.create_task(self.connection.call(ECHO, Text(text=b"")))
                 for _ in range(65)]
        await asyncio.sleep(0.1)
        busy = [call for call in calls if call.done()]
        self.assertEqual(len(busy), 1)
        self.assertIsInstance(busy[0].exception(), errors.Busy)
        await self.connection.close()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        self.assertEqual({type(end) for end in ends}, {errors.Busy, errors.Unreachable})

    async def test_a_peer_that_goes_ends_the_calls(self):
        call = asyncio.create_task(self.connection.call(ECHO, Text(text=b"")))
        await self.router.recv_multipart()
        self.router.close(0)
        with self.assertRaises(errors.Unreachable):
            await call

    async def test_plaintext_is_never_bound(self):
        with self.assertRaises(errors.BadInput):
            await self.connection.bind(None, None, tacit.Role.KEYS)


class Tensors(unittest.TestCase):
    def test_lists_of_numbers_are_tensors_of_their_shape(self):
        for numbers, shape in (([1, 2, 3], (3,)), ([[1.5], [2]], (2, 1)), (((1, 2),), (1, 2)),
                               ([[[[1, 2], [3, 4]]]], (1, 1, 2, 2)), ([array.array("f", [1])], (1, 1))):
            with self.subTest(numbers):
                tensor = tacit.Tensor.floats(numbers)
                self.assertEqual((tensor.dtype, tensor.shape), (tacit.Dtype.FLOAT32, shape))
        self.assertEqual(tacit.Tensor.floats([[1, 2], [3, 4]]).tolist(), [[1, 2], [3, 4]])

    def test_what_is_no_tensor_is_refused(self):
        deep = [1.0]
        for _ in range(8):
            deep = [deep]
        for numbers in ([], [[]], 1.0, "ab", [["a"]], [[1e60]], [[1], 2], [1, [2]], [[1, 2], [3]],
                        deep, [None], {1: 2}):
            with self.subTest(numbers), self.assertRaises(errors.BadInput):
                tacit.Tensor.floats(numbers)


if __name__ == "__main__":
    unittest.main()
