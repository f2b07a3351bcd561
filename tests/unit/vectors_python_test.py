"""The package tacit agrees with tests/vectors, and the vectors with the script that makes them."""

import asyncio
import ctypes
import hashlib
import hmac
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

# A sanitizer's runtime is preloaded for the C library in this process, and for nobody else.
os.environ.pop("LD_PRELOAD", None)
os.environ.pop("ASAN_OPTIONS", None)

import msgpack

import tacit
from tacit import codec, errors, frame
from tacit.idl import inference, keys, models, session

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.path.join(SOURCE, "tests", "vectors")
sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))

import wire  # the protocol's second implementation

RECORDS = {
    "keys.grant_args": keys.GrantArgs, "keys.list_result": keys.ListResult,
    "models.list_args": models.ListArgs, "inference.request": inference.Request,
    "inference.response": inference.Response, "session.open_args": session.OpenArgs,
}


def load(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return json.load(file)


def number(value):
    return int(value[4:]) if isinstance(value, str) else value


def plain(value):
    """A map of the codec as the vectors' JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return f"u64:{value}" if isinstance(value, int) and abs(value) > 2**53 else value


class Vectors(unittest.TestCase):
    maxDiff = None

    def test_are_what_the_script_makes(self):
        run = subprocess.run(["/usr/bin/python3", "-B", os.path.join(VECTORS, "make.py")],
                             capture_output=True, encoding="utf-8", timeout=60, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def test_requests(self):
        for vector in load("frames.json")["requests"]:
            meta = {int(key): bytes.fromhex(value) if key == "3" else value
                    for key, value in vector["meta"].items()}
            args = msgpack.unpackb(bytes.fromhex(vector["args"]), strict_map_key=False)
            made = frame.request(number(vector["msgid"]), vector["method"], args, meta)
            self.assertEqual(made.hex(), vector["frame"])

    def test_replies(self):
        vectors = load("frames.json")
        for vector in vectors["replies"]:
            reply = frame.reply(bytes.fromhex(vector["frame"]))
            self.assertEqual(reply.msgid, number(vector["msgid"]))
            if "error" in vector:
                error = reply.failure.error()
                self.assertEqual({name: getattr(error, name) for name in vector["error"]},
                                 vector["error"] | {"message": error.message})
            else:
                self.assertEqual(reply.result,
                                 codec.unpack(bytes.fromhex(vector["result"])))
        for vector in vectors["refused_replies"]:
            with self.subTest(vector["why"]), self.assertRaises(errors.TacitError) as caught:
                frame.reply(bytes.fromhex(vector["frame"]))
            self.assertEqual(caught.exception.name, vector["name"])

    def test_records(self):
        vectors = load("codec.json")
        for vector in vectors["records"]:
            record = codec.decode(RECORDS[vector["record"]], bytes.fromhex(vector["bytes"]))
            self.assertEqual(plain(codec.to_map(record)), vector["fields"])
            self.assertEqual(codec.encode(record).hex(), vector["bytes"])
        for vector in vectors["refused"]:
            with self.subTest(vector["why"]), self.assertRaises(errors.TacitError) as caught:
                codec.decode(RECORDS[vector["record"]], bytes.fromhex(vector["bytes"]))
            self.assertEqual(caught.exception.name, vector["name"])

    def test_mesh_ids(self):
        for vector in load("commitments.json")["trust"]:
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                json.dump(vector["trust"], file)
                file.flush()
                self.assertEqual(tacit.Trust.load(file.name).mesh_id.hex(), vector["mesh_id"])

    def test_a_request_is_sealed_as_the_vectors_say(self):
        """By the key of a key file; the nonce is random, so that it is opened, not compared."""
        vector = load("layouts.json")["inference"]
        owner, measurement = bytes.fromhex(vector["owner"]), bytes.fromhex(vector["mrenclave"])
        with tempfile.TemporaryDirectory() as folder:
            self.write(folder, "identity.json", curve_secret=vector["user_secret"],
                       signing_seed="00" * 32)
            ring = os.path.join(folder, "request-keys", vector["owner"], vector["name"])
            os.makedirs(ring, 0o700)
            self.write(ring, f"{vector['mrenclave']}.json", request_key=vector["request_key"])
            identity = tacit.Identity.load(folder)
            self.assertEqual(identity.id, vector["user"])
            self.assertEqual(identity.signing_public, wire.sign_pair(bytes(32))[0])
            sealed = self.seal(folder, identity, owner, vector, measurement)
        envelope = wire.transcript("tacit/inference/request/v1",
                                   bytes.fromhex(vector["request_id"]), identity.public, owner,
                                   vector["name"], vector["version_asked"])
        opened = wire.unseal(bytes.fromhex(vector["request_key"]), envelope, sealed)
        self.assertEqual(opened.hex(), vector["request_plaintext"])

    @staticmethod
    def write(folder, name, **fields):
        path = os.path.join(folder, name)
        text = ", ".join(f'"{key}": "{value}"' for key, value in fields.items())
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(f"{{{text}}}\n")

    @staticmethod
    def seal(folder, identity, owner, vector, measurement):
        from tacit import _native
        fresh = (ctypes.c_uint8 * 1)(7)
        key = _native.make("secret", _native.lib.tacit_native_request_key_open,
                           _native.path(folder), owner, vector["name"].encode(), measurement, 1,
                           outs=[fresh])
        assert list(fresh) == [0]
        plaintext = bytes.fromhex(vector["request_plaintext"])
        envelope = _native.Envelope(
            request_id=(ctypes.c_uint8 * 16)(*bytes.fromhex(vector["request_id"])),
            user=(ctypes.c_uint8 * 32)(*identity.public), owner=(ctypes.c_uint8 * 32)(*owner),
            name=vector["name"].encode(), version=vector["version_asked"])
        room = ctypes.create_string_buffer(len(plaintext) + 40)
        _native.call(_native.lib.tacit_native_request_seal, ctypes.byref(envelope), key, plaintext,
                     len(plaintext), room, len(room))
        for name in (b"", b"no/name", b"x" * 65):
            envelope.name = name
            try:
                _native.call(_native.lib.tacit_native_request_seal, ctypes.byref(envelope), key,
                             plaintext, len(plaintext), room, len(room))
            except errors.BadInput:
                continue
            raise AssertionError(name)
        return room.raw


class Server:
    """The server's half of the binding by the vectors' formulas, where a connection would be."""

    def __init__(self, identity, wrong=None):
        self.identity, self.wrong = identity, wrong
        self.server_key, _ = wire.curve_pair()
        self.methods = []

    async def call(self, method, args, _options):
        self.methods.append(method.name)
        return tacit.service.Reply(getattr(self, method.name.partition(".")[2])(args))

    def open(self, args):
        public, secret = wire.curve_pair()
        nonce, session_id, head = os.urandom(32), os.urandom(16), os.urandom(32)
        self.session_id = session_id
        transcript = hashlib.sha512(wire.transcript(
            "tacit/binding/v1", args.role, 18, self.identity.public, self.server_key,
            args.ephemeral, public, args.nonce, nonce, "mesh", args.mesh_id, head,
            session_id)).digest()
        self.root = hmac.digest(transcript, wire.x25519(secret, args.ephemeral), "sha512")
        self.evidence = hashlib.sha512(struct.pack("<Q", 0) * 4).digest()
        if self.wrong == "nonce":
            nonce = os.urandom(32)
        if self.wrong == "small order":
            public = bytes(32)
        return session.OpenResult(session_id=session_id, policy_head=head, nonce=nonce,
                                  ephemeral=public)

    def expand(self, label, side, size):
        info = wire.transcript(label, side, self.evidence) + b"\x01"
        return hmac.digest(self.root, info, "sha512")[:size]

    def confirm(self, args):
        side = "client" if self.wrong == "reflected" else "server"
        if self.wrong is None:
            assert args.mac == self.expand("tacit/binding/confirm/v1", "client", 64)
            assert args.result is None and args.quote is None
        return session.ConfirmResult(mac=self.expand("tacit/binding/confirm/v1", side, 64))


class Binding(unittest.TestCase):
    def bind(self, wrong=None):
        from tacit.session import bind
        identity = tacit.Identity.ephemeral()
        server = Server(identity, wrong)
        made = asyncio.run(bind(server, None, identity, tacit.Role.MESH, None, tacit.Role.USER, 5))
        return server, made

    def test_both_halves_have_the_same_keys(self):
        server, made = self.bind()
        self.assertEqual(made.id, server.session_id)
        self.assertEqual(server.methods, ["session.open", "session.confirm"])
        place = wire.transcript("tacit/secret/v1", made.id, 5, "echo.leave_note", 1)
        sealed = made.sealer(5, "echo.leave_note")(1, tacit.Secret.copy(b"a note"))
        key = server.expand("tacit/binding/key/v1", "client", 32)
        self.assertEqual(wire.unseal(key, place, sealed), b"a note")
        back = wire.seal(server.expand("tacit/binding/key/v1", "server", 32), place, b"an answer")
        opener = made.opener(5, "echo.leave_note")
        self.assertEqual(opener(1, back).reveal(), b"an answer")
        for field, msgid, method in ((2, 5, "echo.leave_note"), (1, 6, "echo.leave_note"),
                                     (1, 5, "echo.say")):
            with self.assertRaises(errors.Corrupt):
                made.opener(msgid, method)(field, back)
        with self.assertRaises(errors.Corrupt):  # one's own, sent back
            opener(1, sealed)
        for size in range(41):
            with self.assertRaises(errors.TacitError):
                opener(1, back[:size])

    def test_a_server_that_is_not_there(self):
        for wrong, kind in (("nonce", errors.ConfirmationFailed),
                            ("reflected", errors.ConfirmationFailed),
                            ("small order", errors.ProtocolError)):
            with self.subTest(wrong), self.assertRaises(kind):
                self.bind(wrong)


if __name__ == "__main__":
    unittest.main()
