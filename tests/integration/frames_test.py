"""Hostile bytes at every endpoint of a mesh: each is refused by its own error or dropped, costs no
memory, and the service answers the next good call."""

import functools
import json
import os
import random
import socket
import struct
import unittest

import msgpack

import wire
from mesh import PATIENCE, SANITIZED, MeshCase, await_condition, memory_kib

GIB = 1 << 30
MEMORY_SLACK_KIB = 96 * 1024  # what a service may grow by under one attack
SEED = 20240607


def greeting(mechanism):
    return (b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x01" + mechanism.ljust(20, b"\0") + b"\0" +
            b"\0" * 31)


def raw_connection(endpoint):
    host, port = endpoint[len("tcp://"):].rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE / 4)
    return connection


def read_greeting(connection):
    got = b""
    while len(got) < 64:
        part = connection.recv(64 - len(got))
        if not part:
            raise AssertionError("the service closed before its greeting")
        got += part
    return got


def pour(connection, size):
    """Send junk until so much is sent or the peer closes; what went."""
    sent = 0
    junk = b"\xa5" * 65536
    try:
        while sent < size:
            sent += connection.send(junk)
    except OSError:
        pass
    return sent


def is_closed(connection):
    """The peer closes, after whatever it has still to say."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


class Target:
    """An endpoint under attack."""

    def __init__(self, name, process, pid, endpoint, key, identity, health):
        self.name, self.process, self.pid, self.endpoint = name, process, pid, endpoint
        self.key, self.identity, self.health = key, identity, health

    def connect(self):
        return wire.Connection(self.endpoint, self.key, self.identity, PATIENCE / 4)

    def is_well(self):
        with self.connect() as connection:
            return connection(self.health)[1] == "ready"


def for_each(check):
    """Run a test against every target."""

    @functools.wraps(check)
    def test(self):
        for target in self.targets:
            with self.subTest(target.name):
                check(self, target)

    return test


def for_each_connection(check):
    """The same, with a fresh connection to it."""

    @for_each
    @functools.wraps(check)
    def test(self, target):
        with target.connect() as connection:
            check(self, target, connection)

    return test


class Frames(MeshCase):
    @classmethod
    def prepare(cls):
        user = cls.mesh.user()
        peers = user.peers()
        pids = {name: process["pid"] for name, process in cls.mesh.processes().items()}
        names = {wire.ATTESTATION: "attestation", wire.KEYS: "keys", wire.MODELS: "models",
                 wire.GATEWAY: "gateway"}
        services = {"gateway": "inference"}
        cls.targets = [
            Target(name, name, pids[name], peers[role].endpoint, peers[role].key, user.identity,
                   f"{services.get(name, name)}.health")
            for role, name in names.items()]
        cls.targets.append(Target("introduction", "attestation", pids["attestation"],
                                  user.trust["introduction"], None, None, "introduction.health"))
        cls.targets.append(cls._supervisor())

    @classmethod
    def _supervisor(cls):
        with open(os.path.join(cls.mesh.state, "run", "mesh.json"), encoding="utf-8") as file:
            place = json.load(file)
        operator = wire.Identity(os.path.join(cls.mesh.state, "operator"))
        return Target("supervisor", None, cls.mesh.supervisor(), place["endpoint"],
                      bytes.fromhex(place["curve_key"]), operator, "mesh.health")

    def setUp(self):
        self.before = {target.pid: memory_kib(target.pid, "VmRSS") for target in self.targets}
        if not SANITIZED:
            self.virtual = {target.pid: memory_kib(target.pid, "VmSize")
                            for target in self.targets}

    def tearDown(self):
        """Whatever the test did: same processes, no great memory, and everybody answers."""
        for target in self.targets:
            self.assertTrue(target.is_well(), target.name)
            self.assertLess(memory_kib(target.pid, "VmRSS") - self.before[target.pid],
                            MEMORY_SLACK_KIB, f"resident memory of {target.name}")
            if not SANITIZED:
                self.assertLess(memory_kib(target.pid, "VmSize") - self.virtual[target.pid],
                                2 * MEMORY_SLACK_KIB, f"address space of {target.name}")
        for process in self.mesh.processes().values():
            self.assertEqual(process["restarts"], 0, process)

    def refusal(self, connection, *frames):
        """The error that these frames are answered with, by name."""
        connection.send(*frames)
        kind, _msgid, error, result = msgpack.unpackb(connection.receive()[0],
                                                      strict_map_key=False)
        self.assertEqual((kind, result), (1, None))
        return error[1]

    def assert_dropped(self, target, connection, *frames):
        """No answer, and the connection still serves: the next answer is that of the next call."""
        connection.send(*frames)
        connection.msgid = 1 << 40
        msgid = connection.start(target.health)
        answer = msgpack.unpackb(connection.receive()[0], strict_map_key=False)
        self.assertEqual(answer[1], msgid, frames)

    # -- frames that share a message

    @for_each_connection
    def test_calls_of_a_batch_are_answered_and_what_is_none_is_dropped(self, target, connection):
        calls = [msgpack.packb([0, msgid, target.health, [{}, {}]]) for msgid in range(1, 65)]
        connection.send(msgpack.packb([2, "$batch", calls]))
        answered = set()
        while len(answered) < 64:
            answer = msgpack.unpackb(connection.receive()[0], strict_map_key=False)
            answers = ([msgpack.unpackb(frame, strict_map_key=False) for frame in answer[2]]
                       if answer[0] == 2 else [answer])
            for kind, msgid, error, result in answers:
                self.assertEqual((kind, error, result[1]), (1, None, "ready"))
                answered.add(msgid)
        for bad in ([2, "$batch", [*calls, calls[0]]], [2, "$batch", []], [2, "$batch", calls[0]],
                    [2, "$batch", [[0, 1, target.health, [{}, {}]]]], [2, "$other", calls],
                    [2, "$batch", [msgpack.packb([2, "$batch", calls])]], [2, "$batch"]):
            self.assert_dropped(target, connection, msgpack.packb(bad))
        self.assert_dropped(target, connection, msgpack.packb([2, "$batch", calls]), b"bulk")

    # -- before anybody is authenticated

    def claim(self, target, first, rest):
        """Connect without a key, say first and rest, pour junk; the service hangs up."""
        with raw_connection(target.endpoint) as connection:
            connection.sendall(first)
            read_greeting(connection)
            try:
                connection.sendall(rest)
            except OSError:
                return
            pour(connection, 64 << 20)
            self.assertTrue(is_closed(connection), f"{target.name} listens on")

    @for_each
    def test_a_4_gib_command_before_the_handshake_is_cut_off(self, target):
        mechanism = b"CURVE" if target.key else b"NULL"
        for flags in (0x06, 0x02, 0x03):  # command, last frame, more to come; long sizes
            self.claim(target, greeting(mechanism), struct.pack(">BQ", flags, 4 * GIB))

    @for_each
    def test_the_largest_length_that_can_be_written_is_cut_off(self, target):
        mechanism = b"CURVE" if target.key else b"NULL"
        for size in (2**63 - 1, 2**63, 2**64 - 1):
            self.claim(target, greeting(mechanism), struct.pack(">BQ", 0x06, size))

    @for_each
    def test_old_protocol_versions_are_cut_off(self, target):
        old = (b"\xff" + struct.pack(">Q", 4 * GIB) + b"\x00",  # ZMTP 1: no version at all
               b"\xff" + b"\0" * 8 + b"\x7f" + b"\x01\x05" + b"\x02" + struct.pack(">Q", 4 * GIB))
        for opening in old:
            with raw_connection(target.endpoint) as connection:
                connection.sendall(opening)
                pour(connection, 16 << 20)
                self.assertTrue(is_closed(connection), f"{target.name} listens on")

    @for_each
    def test_another_mechanism_is_refused(self, target):
        other = b"NULL" if target.key else b"PLAIN"
        with raw_connection(target.endpoint) as connection:
            ready = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
            connection.sendall(greeting(other))
            try:
                connection.sendall(bytes([0x04, len(ready)]) + ready)
            except OSError:
                pass
            self.assertTrue(is_closed(connection), f"{target.name} listens on")

    @for_each
    def test_silent_connections_do_not_keep_others_out(self, target):
        silent = [raw_connection(target.endpoint) for _ in range(32)]
        self.assertTrue(target.is_well())
        for connection in silent:
            connection.close()

    # -- frames that parse as nothing

    @for_each_connection
    def test_an_array_of_2_28_elements_is_refused(self, target, connection):
        huge = {"array32": b"\xdd\x10\x00\x00\x00", "map32": b"\xdf\x10\x00\x00\x00",
                "bin32": b"\xc6\x10\x00\x00\x00", "str32": b"\xdb\x10\x00\x00\x00"}
        method = msgpack.packb(target.health)
        for count in huge.values():
            frame = b"\x94\x00\x01" + method + b"\x92"
            self.assertEqual(self.refusal(connection, frame + count), "malformed")
            self.assertEqual(self.refusal(connection, frame + b"\x81\x01" + count),
                             "malformed")
            self.assert_dropped(target, connection, count)

    @for_each_connection
    def test_nesting_is_refused_at_its_bound(self, target, connection):
        for depth in (9, 100, 100000):
            frame = (b"\x94\x00\x01" + msgpack.packb(target.health) + b"\x92\x81\x01" +
                     b"\x91" * depth + b"\x00" + b"\x80")
            self.assertEqual(self.refusal(connection, frame), "too_large")

    @for_each_connection
    def test_a_request_cut_at_every_byte_is_refused(self, target, connection):
        whole = msgpack.packb([0, 1, target.health, [{1: os.urandom(32)}, {1: 1000}]])
        for size in range(len(whole)):
            connection.send(whole[:size])
        connection.send(whole)
        answers = [msgpack.unpackb(connection.receive()[0], strict_map_key=False)]
        while answers[-1][2] is not None:
            self.assertEqual(answers[-1][2][1], "malformed")
            answers.append(msgpack.unpackb(connection.receive()[0], strict_map_key=False))
        self.assertEqual(answers[-1][3][1], "ready")
        # Cut before four elements can be there it has no msgid, and nobody to answer.
        self.assertEqual(len(answers), len(whole) - 5 + 1)

    @for_each_connection
    def test_every_byte_changed_is_survived(self, target, connection):
        generator = random.Random(SEED)
        whole = msgpack.packb([0, 1, target.health, [{}, {1: 1000}]])
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= generator.randrange(1, 256)
            connection.send(bytes(changed))
        for _ in range(200):
            connection.send(generator.randbytes(generator.randrange(0, 400)))

    @for_each_connection
    def test_trailing_bytes_are_refused(self, target, connection):
        whole = msgpack.packb([0, 1, target.health, [{}, {}]])
        for rest in (b"\x00", b"\xc0", whole):
            self.assertEqual(self.refusal(connection, whole + rest), "malformed")

    # -- envelopes that are none

    @for_each_connection
    def test_an_unknown_method_is_refused(self, target, connection):
        for method in ("nobody.home", target.health + "x", target.health[:-1], "health", ".",
                       "keys.", "a" * 95):
            self.assert_refused("unknown_method", connection.call, method)

    @for_each_connection
    def test_a_method_that_is_no_name_is_refused(self, target, connection):
        for method in ("", "a" * 96, b"keys.health", 7, None, [target.health]):
            frame = msgpack.packb([0, 1, method, [{}, {}]])
            self.assertEqual(self.refusal(connection, frame), "malformed", method)
        self.assertEqual(
            self.refusal(connection, b"\x94\x00\x01\xa4\xff\xfe\xfd\xfc\x92\x80\x80"),
            "malformed")

    @for_each_connection
    def test_a_msgid_of_another_type_is_dropped(self, target, connection):
        for msgid in (-1, 1.5, None, True, "1", b"1", [1], {1: 1}):
            frame = msgpack.packb([0, msgid, target.health, [{}, {}]])
            self.assert_dropped(target, connection, frame)

    @for_each_connection
    def test_every_msgid_comes_back(self, target, connection):
        for msgid in (0, 1, 2**31, 2**32, 2**63, 2**64 - 1):
            connection.send(msgpack.packb([0, msgid, target.health, [{}, {}]]))
            self.assertEqual(msgpack.unpackb(connection.receive()[0],
                                             strict_map_key=False)[1], msgid)

    @for_each_connection
    def test_what_is_no_request_gets_no_service(self, target, connection):
        for kind in (1, 2, 3, -1, "0", None):
            self.assert_dropped(target, connection,
                                msgpack.packb([kind, 1, target.health, [{}, {}]]))
        self.assert_dropped(target, connection, b"")
        for parts in ([0, 1], [0, 1, target.health], [0, 1, target.health, [{}, {}], 0]):
            connection.send(msgpack.packb(parts))
        connection.msgid = 1 << 41
        connection(target.health)

    @for_each_connection
    def test_metadata_out_of_bounds_is_refused(self, target, connection):
        for meta in ({1: -1}, {1: 2**32}, {1: "soon"}, {2: "x" * 56}, {2: ""},
                     {3: b"k" * 33}, {3: b""}, {1: None}):
            with self.assertRaises(wire.Refused, msg=str(meta)):
                connection(target.health, meta=meta)
        connection(target.health, meta={99: "unknown keys are skipped"})

    # -- bulk

    @for_each_connection
    def test_bulk_where_none_belongs_is_refused(self, target, connection):
        self.assert_refused("bad_bulk", connection.call, target.health, bulk=b"x")
        self.assert_refused("bad_bulk", connection.call, target.health, bulk=b"")

    @for_each_connection
    def test_too_many_frames_are_refused(self, target, connection):
        for more in (2, 16, 1000):
            frame = msgpack.packb([0, more, target.health, [{}, {}]])
            self.assertEqual(self.refusal(connection, frame, *[b"x"] * more), "bad_bulk")

    def test_bulk_beyond_its_bound_is_refused(self):
        user = self.mesh.user()
        models, gateway = user.to(wire.MODELS), user.to(wire.GATEWAY)
        push = {1: bytes(256), 2: bytes(64)}
        self.assert_refused("bad_bulk", models.call, "models.push", push, bulk=b"x")
        self.assert_refused("malformed", models.call, "models.push", push)
        infer = {1: user.identity.public, 2: "m", 3: 1, 4: os.urandom(16)}
        self.assert_refused("not_enrolled", gateway.call, "inference.infer", infer,
                            bulk=b"x" * 16842752)
        gateway.start("inference.infer", infer, bulk=b"x" * (16842752 + 1))
        await_condition(gateway.lost, "the gateway hangs up")

    @for_each_connection
    def test_a_frame_beyond_every_bound_ends_the_connection(self, target, connection):
        connection.send(b"x" * (17 << 20))
        await_condition(connection.lost, f"{target.name} hangs up")

    @for_each_connection
    def test_frame_0_beyond_its_bound_is_refused(self, target, connection):
        frame = msgpack.packb([0, 1, target.health, [{99: b"x" * (1 << 20)}, {}]])
        connection.send(frame)
        try:
            answer = msgpack.unpackb(connection.receive(1)[0], strict_map_key=False)
            self.assertEqual(answer[2][1], "too_large", target.name)
        except wire.Silence:
            self.assertTrue(connection.lost(), f"{target.name} neither answers nor hangs up")

    # -- floods

    @for_each_connection
    def test_a_flood_of_requests_ends_with_an_answer_to_each(self, target, connection):
        ids = [connection.start(target.health) for _ in range(1000)]
        for msgid in ids:
            self.assertEqual(connection.finish(msgid, target.health)[0][1], "ready")


if __name__ == "__main__":
    unittest.main()
