#!/usr/bin/env python3
"""docs/writing-a-service.md is true: its service, its C client, and its contract in Python."""

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

# A sanitizer's runtime is preloaded for the C library in this process, and for nobody else.
os.environ.pop("LD_PRELOAD", None)
os.environ.pop("ASAN_OPTIONS", None)

import echo
import tacit
from tacit import errors

BUILD = os.environ["TACIT_ECHO"]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 60
PRELOAD = {}  # what a further process of Python needs
if os.environ.get("TACIT_PRELOAD"):
    PRELOAD = {"LD_PRELOAD": os.environ["TACIT_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"}


def in_loop(test):
    @functools.wraps(test)
    def run(self):
        return asyncio.run(asyncio.wait_for(test(self), PATIENCE))

    return run


class EchoExample(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([os.path.join(BUILD, "echo-server"), "tcp://127.0.0.1:*"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       encoding="utf-8")
        self.addCleanup(self.end)
        word, self.endpoint, self.key = self.server.stdout.readline().split()
        self.assertEqual(word, "READY")

    def end(self):
        """It ends in good order, and no sanitizer complains."""
        self.server.send_signal(signal.SIGTERM)
        _, said = self.server.communicate(timeout=PATIENCE)
        self.assertEqual((self.server.returncode, said), (0, ""))

    def run_client(self, *arguments, **environment):
        return subprocess.run(arguments, capture_output=True, encoding="utf-8", timeout=PATIENCE,
                              check=False, env={**os.environ, **environment})

    def open(self):
        return tacit.Connection.open(self.endpoint, server_key=bytes.fromhex(self.key),
                                     identity=tacit.Identity.ephemeral(), timeout=PATIENCE / 4)

    def test_the_c_client(self):
        done = self.run_client(os.path.join(BUILD, "echo-client"), self.endpoint, self.key, "hello")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "say: hello\nreverse: olleh\nleave_note: 1\n", ""))

    def test_the_c_client_knows_another_server(self):
        done = self.run_client(os.path.join(BUILD, "echo-client"), self.endpoint, "11" * 32, "hello")
        self.assertEqual(done.returncode, 1)
        self.assertIn("wrong_server_key", done.stderr)

    def test_the_python_script(self):
        done = self.run_client(sys.executable, "-B",
                               os.path.join(SOURCE, "examples", "echo", "call.py"),
                               self.endpoint, self.key, "hello", **PRELOAD)
        self.assertEqual((done.returncode, done.stdout),
                         (0, "say: hello\nreverse: olleh\nleave_note: 1\nleave_note: 2\n"
                             "leave_note: 3\nbox_full: 3 notes fit\n"), done.stderr)

    def rpc(self, *arguments):
        """tacit-rpc at this server, as nobody in particular."""
        return self.run_client(os.path.join(BUILD, "..", "..", "bin", "tacit-rpc"), *arguments,
                               "--endpoint", self.endpoint, "--server-key", self.key,
                               "--state", "/nonexistent")

    def test_the_tool_sends_and_receives_streams(self):
        data = os.urandom(3_000_001)
        with tempfile.TemporaryDirectory() as folder:
            given, taken = os.path.join(folder, "given"), os.path.join(folder, "taken")
            with open(given, "wb") as file:
                file.write(data)
            done = self.rpc("call", "echo.repeat", "--in", given, "--out", taken)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(json.loads(done.stdout), {"bytes": len(data)})
            with open(taken, "rb") as file:
                self.assertEqual(file.read(), data)
            done = self.rpc("call", "echo.repeat", "--out", taken)
            self.assertEqual((done.returncode, json.loads(done.stdout)), (0, {"bytes": 0}))
            self.assertEqual(os.path.getsize(taken), 0)
            for arguments in (("echo.repeat", "--in", given), ("echo.repeat", "--out", folder),
                              ("echo.repeat", "--in", given + "x", "--out", taken),
                              ("echo.say", '{"text": "x"}', "--in", given)):
                self.assertEqual(self.rpc("call", *arguments).returncode, 3, arguments)

    def test_the_tool_measures(self):
        told = json.loads(self.rpc("bench", "echo.reverse", "--size", "1000", "--duration", "1",
                                   "--outstanding", "8", "--json").stdout)
        self.assertEqual((told["bulk_bytes"], told["outstanding"], told["failed"]), (1000, 8, 0))
        self.assertGreater(told["calls"], 10)
        self.assertGreaterEqual(told["seconds"], 1)
        for arguments in (("--size", "1048577"), ("--duration", "0"), ("--duration", "86401")):
            self.assertEqual(self.rpc("bench", "echo.reverse", *arguments).returncode, 2, arguments)

    @in_loop
    async def test_bounds_of_the_contract(self):
        async with echo.EchoClient(await self.open()) as client:
            self.assertEqual((await client.say(text="x" * 256)).text, "x" * 256)
            for text in ("", "x" * 257, "a\0b"):
                with self.assertRaises(errors.BadInput):
                    await client.say(text=text)
            data = os.urandom(1 << 20)
            self.assertEqual(await client.reverse(bulk=data), data[::-1])
            with self.assertRaises(errors.BadBulk):
                await client.reverse(bulk=data + b"x")
            with self.assertRaises(errors.NoSession):
                await client.leave_note(note=b"without a session")

    @in_loop
    async def test_slow_calls_hold_nobody_up(self):
        async with echo.EchoClient(await self.open()) as client, \
                echo.EchoClient(await self.open()) as other:
            salt = b"pepper and salt "
            keys = [asyncio.create_task(client.stretch(words="the same", salt=salt))
                    for _ in range(10)]  # two run and eight wait
            self.assertEqual((await other.say(text="x")).text, "x")
            keys = {(await one).key for one in keys}
            self.assertEqual(keys, {(await other.stretch(words="the same", salt=salt)).key})
            self.assertNotIn((await other.stretch(words="others", salt=salt)).key, keys)

    @in_loop
    async def test_it_is_of_no_mesh_and_no_enclave(self):
        identity = tacit.Identity.ephemeral()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trust.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"simulated": True, "root_sha256": "11" * 32,
                           "operator_signing_key": "22" * 32, "operator_curve_key": "33" * 32,
                           "attestation_mrsigner": "44" * 32, "attestation_svn": 1,
                           "introduction": "tcp://127.0.0.1:1"}, file)
            trust = tacit.Trust.load(path)
        for whose, role, kind in ((trust, tacit.Role.MESH, errors.WrongMesh),
                                  (None, tacit.Role.KEYS, errors.ResultInvalid)):
            async with await self.open() as connection:
                with self.assertRaises(kind):
                    await connection.bind(whose, identity, role)
                self.assertIsNone(connection.session)

    @in_loop
    async def test_streams(self):
        async with echo.EchoClient(await self.open()) as client:
            async with client.repeat() as stream:
                async def give():
                    for number in range(300):
                        await stream.send(b"%d" % number * 1000)
                    await stream.end()

                giving = asyncio.create_task(give())
                got = [chunk async for chunk in stream]
                await giving
                self.assertEqual(got, [b"%d" % number * 1000 for number in range(300)])
                self.assertEqual((await stream.result()).bytes, sum(map(len, got)))
            for _ in range(6):  # more than a connection may have at a time
                async with client.repeat() as stream:
                    await stream.send(b"left alone")
            self.assertEqual((await client.say(text="x")).text, "x")

    @in_loop
    async def test_calls_side_by_side(self):
        async with echo.EchoClient(await self.open()) as client:
            said = await asyncio.gather(*(client.say(text=str(n)) for n in range(60)))
        self.assertEqual([one.text for one in said], [str(n) for n in range(60)])


if __name__ == "__main__":
    unittest.main()
