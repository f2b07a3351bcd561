"""What an owner takes back is taken back: within a second, from keys in workers' memory too, and
under a steady stream of requests. Expiry, counted uses and rotated keys beside it."""

import os
import threading
import time
import unittest

import onnx
import wire
from mesh import SANITIZED, MeshCase, await_condition

EFFECTIVE = 1.0  # seconds after which a revoked grant serves nobody
ROW = wire.floats([[1.0, -2.0, 3.0]])


class Stream:
    """Requests of one user, one after the other, each with the time when it was begun."""

    def __init__(self, mesh, user, owner, name):
        self.user = wire.User(mesh.state, user.identity)
        self.user.request_keys = user.request_keys
        self.owner, self.name = owner, name
        self.ends = []  # (begun, error's name or None)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                self.user.infer(self.owner, self.name, ROW)
                self.ends.append((begun, None))
            except wire.Refused as refused:
                self.ends.append((begun, refused.name))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.stop.set()
        self.thread.join()
        self.user.close()


class Revocation(MeshCase):
    workers = 2

    @classmethod
    def prepare(cls):
        cls.owner = cls.mesh.user()
        cls.owner.enrol()
        cls.owner_id = cls.owner.identity.public
        cls.measurement = cls.mesh.measurement()
        cls.owner.push("model", onnx.relu())

    def new_user(self, **grant):
        user = self.mesh.user()
        user.enrol()
        user.put_request_key(self.owner_id, "model", self.measurement)
        user.grant_id = self.owner.grant("model", user.identity.public, self.measurement, **grant)
        return user

    def infer(self, user, **options):
        return user.infer(self.owner_id, "model", ROW, **options)

    def test_a_revoked_grant_serves_nobody_after_a_second(self):
        users = [self.new_user() for _ in range(3)]
        streams = [Stream(self.mesh, user, self.owner_id, "model") for user in users]
        with streams[0], streams[1], streams[2]:
            await_condition(lambda: all(len(stream.ends) > 50 for stream in streams),
                            "requests are answered")
            time.sleep(1)  # so that leases were renewed at least once
            self.owner.revoke(users[0].grant_id)
            revoked = time.monotonic()
            time.sleep(EFFECTIVE + 0.7)
        late = [end for end in streams[0].ends if end[0] > revoked + EFFECTIVE]
        self.assertGreater(len(late), 3)
        self.assertEqual({name for _, name in late}, {"grant_revoked"})
        before = [name for begun, name in streams[0].ends if begun < revoked - 0.1]
        self.assertEqual(set(before), {None})
        for stream in streams[1:]:  # others do not notice
            self.assertEqual({name for _, name in stream.ends}, {None})

    def test_revocation_survives_kill_9_of_the_key_service(self):
        user = self.new_user()
        self.infer(user)
        self.owner.revoke(user.grant_id)
        pid = self.mesh.kill("keys")
        self.mesh.await_restart("keys", pid)
        self.owner.drop(wire.KEYS)
        self.mesh.await_ready()
        time.sleep(EFFECTIVE)
        self.assert_refused("grant_revoked", self.infer, user)

    def test_granting_again_serves_again(self):
        user = self.new_user()
        self.infer(user)
        self.owner.revoke(user.grant_id)
        time.sleep(EFFECTIVE)
        self.assert_refused("grant_revoked", self.infer, user)
        self.owner.grant("model", user.identity.public, self.measurement)
        self.infer(user)

    def test_only_the_owner_revokes(self):
        user = self.new_user()
        self.assert_refused("not_found", user.revoke, user.grant_id)
        self.assert_refused("not_found", self.owner.revoke, os.urandom(16))
        self.infer(user)

    def test_a_grant_ends_at_its_time(self):
        ends = time.time() + (4 if SANITIZED else 2)
        user = self.new_user(expires_ms=int(ends * 1000))
        with Stream(self.mesh, user, self.owner_id, "model") as stream:
            time.sleep(ends - time.time())
            over = time.monotonic()
            time.sleep(EFFECTIVE + 0.5)
        self.assertEqual({name for begun, name in stream.ends if begun < over - 0.5}, {None})
        late = [name for begun, name in stream.ends if begun > over + EFFECTIVE]
        self.assertTrue(late)
        self.assertEqual(set(late), {"grant_expired"})

    def test_a_grant_that_has_ended_was_never_one(self):
        user = self.new_user(expires_ms=1)
        self.assert_refused("grant_expired", self.infer, user)

    def test_counted_uses_are_spent_exactly(self):
        user = self.new_user(uses=25)
        answered, refused = [], []
        lock = threading.Lock()

        def spend():
            connection = wire.User(self.mesh.state, user.identity)
            connection.request_keys = user.request_keys
            for _ in range(10):
                try:
                    self.infer(connection)
                    with lock:
                        answered.append(1)
                except wire.Refused as refusal:
                    with lock:
                        refused.append(refusal.name)
            connection.close()

        threads = [threading.Thread(target=spend) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answered), 25)
        self.assertEqual(set(refused), {"grant_used_up"})
        grants = [grant for grant in user.to(wire.KEYS)("keys.list", {1: 0})[2]
                  if grant[1] == user.grant_id]
        self.assertEqual((grants[0][7], grants[0][8], grants[0][9]), (25, 25, 4))

    def test_the_same_sealed_request_spends_one_use(self):
        user = self.new_user(uses=2)
        request_id = os.urandom(16)
        sealed = user.seal_request(self.owner_id, "model", 0, ROW, request_id)
        for _ in range(3):
            self.infer(user, request_id=request_id, sealed=sealed)
        self.infer(user)
        self.assert_refused("grant_used_up", self.infer, user)

    def test_one_number_for_many_requests_spends_a_use_each(self):
        user = self.new_user(uses=3)
        request_id = os.urandom(16)
        for _ in range(3):
            self.infer(user, request_id=request_id)
        self.assert_refused("grant_used_up", self.infer, user, request_id=request_id)

    def test_a_request_key_put_anew_replaces_the_old_one(self):
        user = self.new_user()
        old = user.request_keys[self.owner_id, "model"]
        self.infer(user)
        new = user.put_request_key(self.owner_id, "model", self.measurement)
        until = time.monotonic() + EFFECTIVE
        while True:
            try:
                self.infer(user)
                break
            except wire.Refused as refused:  # a worker has the old key until its lease ends
                self.assertEqual(refused.name, "corrupt")
                self.assertLess(time.monotonic(), until)
        time.sleep(EFFECTIVE)
        user.request_keys[self.owner_id, "model"] = old
        self.assert_refused("corrupt", self.infer, user)
        user.request_keys[self.owner_id, "model"] = new
        self.infer(user)

    def test_a_removed_key_serves_nobody_after_a_second(self):
        self.owner.push("removed", onnx.relu())
        user = self.mesh.user()
        user.enrol()
        user.put_request_key(self.owner_id, "removed", self.measurement)
        self.owner.grant("removed", user.identity.public, self.measurement)
        with Stream(self.mesh, user, self.owner_id, "removed") as stream:
            await_condition(lambda: len(stream.ends) > 20, "requests are answered")
            self.owner.to(wire.KEYS)("keys.remove_model_key", {1: "removed", 2: 0})
            removed = time.monotonic()
            time.sleep(EFFECTIVE + 0.5)
        late = {name for begun, name in stream.ends if begun > removed + EFFECTIVE}
        self.assertEqual(late, {"no_model_key"})

    def test_a_grant_for_other_code_serves_nobody_here(self):
        user = self.mesh.user()
        user.enrol()
        user.put_request_key(self.owner_id, "model", self.measurement)
        self.owner.grant("model", user.identity.public, os.urandom(32))
        self.assert_refused("not_granted", self.infer, user)
        self.owner.grant("model", user.identity.public, self.measurement)
        self.infer(user)

    def test_a_grant_is_for_one_user(self):
        user, other = self.new_user(), self.mesh.user()
        other.enrol()
        other.put_request_key(self.owner_id, "model", self.measurement)
        self.infer(user)
        self.assert_refused("not_granted", self.infer, other)
        # Nor does a stranger's request key lead to a user's requests.
        other.request_keys = user.request_keys
        self.assert_refused("not_granted", self.infer, other)

    def test_every_decision_is_in_the_audit_chain(self):
        user = self.new_user()
        self.infer(user)
        self.owner.revoke(user.grant_id)
        time.sleep(EFFECTIVE)
        self.assert_refused("grant_revoked", self.infer, user)
        entries = self.mesh.operator("audit", "keys", "--json", check=True).json
        mine = [entry for entry in entries if user.identity.public.hex()[:16] in str(entry)]
        self.assertIn("release", {entry["action"] for entry in mine})
        outcomes = {entry["outcome"] for entry in mine}
        self.assertIn("grant_revoked", outcomes)
        self.assertTrue(outcomes & {"ok", "released"}, outcomes)
        self.assertEqual([entry["number"] for entry in entries],
                         list(range(1, len(entries) + 1)))


if __name__ == "__main__":
    unittest.main()
