"""Damaged requests to every method of every service, from callers whom the service lets in: each is
refused or answered, none costs memory, and a good caller is served before, meanwhile and after.

TACIT_FRAMES says how many (all methods together), TACIT_FRAMES_EACH how many for each method,
TACIT_SEED what the damage is drawn from."""

import json
import os
import random
import struct
import sys
import time
import unittest

import msgpack

import requests
import wire
from mesh import PATIENCE, SANITIZED, MeshCase, example_rows, memory_kib, share_model

FRAMES = int(os.environ.get("TACIT_FRAMES", "1000000" if SANITIZED else "200000"))
EACH = int(os.environ.get("TACIT_FRAMES_EACH", "0"))
SEED = int(os.environ.get("TACIT_SEED", "20261121"))
BATCH = 60  # calls that share a message; below what a connection may have pending
BARRIER = 1 << 40  # msgids of the good calls in between
LOOK = 50  # batches between looks at the session and the memory
MEMORY_KIB = (512 if SANITIZED else 64) * 1024  # what a service may grow by
# A sanitizer keeps freed memory back; less of it shows better what the service keeps.
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=32"
BULK = os.urandom(4096)
# What good frames do by design; everything else is called.
DEEDS = {"mesh.down", "mesh.scale"}


class Line:
    """One connection into which damage is poured, with a session unless the service has none."""

    def __init__(self, connect):
        self.connect, self.barrier, self.connection = connect, BARRIER, None
        self.renew()

    def renew(self):
        if self.connection:
            self.connection.close()
        self.connection = self.connect()

    def pour(self, frames, health):
        """Send, half of the time in one message; then wait for a good call, by whose answer all of
        them have been read. How long that took."""
        if len(frames) % 2 == 0:
            self.connection.send(msgpack.packb([2, "$batch", frames]))
        else:
            for index, frame in enumerate(frames):
                self.connection.send(*([frame] if index % 16 else [frame, BULK]))
        self.barrier += 1
        began = time.monotonic()
        self.connection.send(msgpack.packb([0, self.barrier, health, [{}, {}]]))
        sign = b"\x94\x01\xcf" + struct.pack(">Q", self.barrier)
        while not self.connection.receive(PATIENCE)[0].startswith(sign):
            pass
        return time.monotonic() - began

    def answers(self, method):
        """A call that needs the session."""
        self.connection.msgid = self.barrier = self.barrier + 1
        try:
            self.connection(method, {1: 0})
        except wire.Refused as refusal:
            return refusal.name not in ("no_session", "session_expired")
        return True


class Target:
    """A service, who calls it, and what is poured into it. Its session's methods are called by a
    stranger: the others would lose theirs."""

    def __init__(self, name, pid, user, operator, methods, stranger=None):
        self.name, self.pid, self.methods = name, pid, methods
        self.lines = {"operator": operator, "session": stranger}
        self.user = user
        self.health = f"{name}.health"

    def line(self, contract, method):
        return self.lines.get(contract.name) or self.lines.get(method.caller.kind, self.user)


class MutatedFrames(MeshCase):
    log_level = "error"
    limit = 3600 if EACH else 560

    @classmethod
    def prepare(cls):
        mesh = cls.mesh
        cls.owner, cls.user = mesh.user(), mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        share_model(cls.owner, cls.user, mesh)
        cls.storm = mesh.user()
        cls.storm.enrol()
        cls.operator = wire.Identity(os.path.join(mesh.state, "operator"))
        contracts = requests.contracts()
        peers = cls.storm.peers()
        pids = {name: process["pid"] for name, process in mesh.processes().items()}
        cls.targets = [
            cls.service(contracts[contract], contracts["session"], pids[process], peers[role],
                        role)
            for contract, process, role in (
                ("attestation", "attestation", wire.ATTESTATION), ("keys", "keys", wire.KEYS),
                ("models", "models", wire.MODELS), ("inference", "gateway", wire.GATEWAY))]
        cls.targets.append(cls.introduction(contracts["introduction"], pids["attestation"]))
        cls.targets.append(cls.supervisor(contracts["mesh"]))

    @classmethod
    def bound(cls, identity, peer, role, own=wire.USER):
        def connect():
            connection = wire.Connection(peer.endpoint, peer.key, identity, PATIENCE)
            connection.bind(own, role, cls.storm.mesh)
            return connection

        return Line(connect)

    @classmethod
    def service(cls, contract, session, pid, peer, role):
        stranger = Line(lambda: wire.Connection(peer.endpoint, peer.key, timeout=PATIENCE))
        return Target(contract.name, pid, cls.bound(cls.storm.identity, peer, role),
                      cls.bound(cls.operator, peer, role, wire.OPERATOR),
                      [(one, method) for one in (contract, session) for method in one.methods],
                      stranger)

    @classmethod
    def introduction(cls, contract, pid):
        line = Line(lambda: wire.Connection(cls.storm.trust["introduction"], timeout=PATIENCE))
        return Target(contract.name, pid, line, line, [(contract, contract.methods[0])])

    @classmethod
    def supervisor(cls, contract):
        with open(os.path.join(cls.mesh.state, "run", "mesh.json"), encoding="utf-8") as file:
            place = json.load(file)
        line = Line(lambda: wire.Connection(place["endpoint"], bytes.fromhex(place["curve_key"]),
                                            cls.operator, PATIENCE))
        return Target(contract.name, cls.mesh.supervisor(), line, line,
                      [(contract, method) for method in contract.methods])

    # -- the storm

    def frames(self, chance, line, contract, method):
        """A batch of damaged requests. Two of three of a good one each, the others of a good one
        that was damaged before."""
        identity = line.connection.identity
        maker = requests.Maker(chance, identity)
        made = []
        while len(made) < BATCH - (chance.random() < 0.5):
            good = maker.request(contract, method, chance.randrange(1, 1 << 16),
                                 line.connection.session)
            for _ in range(3):
                damaged = requests.damage(chance, good)
                if not self.is_deed(damaged):
                    made.append(damaged)
        return made[:BATCH]

    @staticmethod
    def is_deed(frame):
        """Still a good call of a method that must not be called here?"""
        try:
            parts = msgpack.unpackb(frame, strict_map_key=False)
            return parts[2] in DEEDS
        except Exception:  # whatever msgpack says of junk
            return False

    def storm_on(self, target, contract, method, count, chance):
        line = target.line(contract, method)
        slowest, poured, batches = 0.0, 0, 0
        while poured < count:
            frames = self.frames(chance, line, contract, method)
            slowest = max(slowest, line.pour(frames, target.health))
            poured += len(frames)
            batches += 1
            if batches % LOOK == 0:
                self.look(target, line)
        return slowest

    def growth(self, target):
        return memory_kib(target.pid, "VmRSS") - self.before[target.pid]

    def look(self, target, line):
        self.assertLess(self.growth(target), MEMORY_KIB, f"resident memory of {target.name}, KiB")
        if line.connection.session and not line.answers(f"{target.name}.list"):
            line.renew()

    def test_a_storm_of_damaged_requests_leaves_everybody_served(self):
        chance = random.Random(SEED)
        methods = sum(len(target.methods) for target in self.targets)
        count = EACH or FRAMES // methods + 1
        self.before = {target.pid: memory_kib(target.pid, "VmRSS") for target in self.targets}
        for target in self.targets:
            for contract, method in target.methods:
                began = time.monotonic()
                slowest = self.storm_on(target, contract, method, count, chance)
                sys.stderr.write(f"{contract.name}.{method.name}: {count} damaged, "
                                 f"{time.monotonic() - began:.1f} s, slowest good call "
                                 f"{slowest * 1e3:.0f} ms, {self.growth(target) >> 10} MiB more\n")
                self.assert_served()
        self.assert_same_processes()
        for target in self.targets:
            self.assert_reached(target, count)

    def assert_reached(self, target, count):
        """Not all of the damage was so plain that no method saw it."""
        text = self.mesh.operator("metrics", target.name).out
        names = {f"{contract.name}.{method.name}" for contract, method in target.methods}
        for name in names - DEEDS if text else ():
            label = f'method="{name}"}} '
            line = next(line for line in text.splitlines()
                        if line.startswith("tacit_rpc_calls_total") and label in line)
            self.assertGreater(int(line.split()[-1]), count // 20, line)

    def assert_served(self):
        answer = self.user.infer(self.owner.identity.public, "breast-cancer",
                                 wire.floats(example_rows(1)), timeout=PATIENCE)
        self.assertEqual(len(answer.values()), 2)

    def assert_same_processes(self):
        for process in self.mesh.processes().values():
            self.assertEqual(process["restarts"], 0, process)


if __name__ == "__main__":
    unittest.main()
