"""kill -9 of the key service and of the model store, at random moments under load, 50 times: what
was acknowledged is there afterwards, what was not is there whole or not at all."""

import os
import random
import threading
import time
import unittest

import onnx
import wire
from mesh import PATIENCE, SANITIZED, MeshCase, await_condition

SEED = int(os.environ.get("TACIT_SEED", "20240607"))
LIVES, ROUNDS = 5, 5  # of the mesh, and in each life: both services die once a round
ROUND_S = 0.3 if not SANITIZED else 0.6  # of load before a kill, at most


class Journal:
    """What was acknowledged, and what was tried: the truth to compare with."""

    def __init__(self):
        self.grants = {}  # id -> (name, user, state 1 active or 2 revoked)
        self.revoking = set()  # ids whose revocation was tried
        self.keys = {}  # name -> acknowledged version
        self.key_tried = {}  # name -> version tried
        self.models = {}  # (name, version) -> content digest, acknowledged
        self.model_tried = {}  # (name, version) -> digests tried
        self.removed = set()  # acknowledged removals
        self.removing = set()
        self.keys_put = 0  # tried; an owner may have 1024 versions
        self.operations = 0

    def acknowledged(self):
        """What a list asked for from now on must show: the load goes on meanwhile."""
        return dict(self.grants), dict(self.keys), dict(self.models), set(self.removed)


class Worker(threading.Thread):
    """Does one kind of work until stopped; survives that its service goes away."""

    def __init__(self, user, role, work):
        super().__init__(daemon=True)
        self.user, self.role, self.work = user, role, work
        self.stop = threading.Event()
        self.failures = []

    def run(self):
        while not self.stop.is_set():
            try:
                self.work()
                time.sleep(0.001)
            except (wire.Silence, wire.HandshakeFailed, OSError, KeyError):
                self.user.drop(self.role)
                time.sleep(0.02)
            except wire.Refused as refused:
                if refused.name not in ("no_session", "session_expired", "deadline_exceeded",
                                        "nonce_refused", "draining"):
                    self.failures.append(str(refused))
                self.user.drop(self.role)
                time.sleep(0.02)
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(repr(error))
                return

    def end(self):
        self.stop.set()
        self.join(PATIENCE)


class Durability(MeshCase):
    workers = 0
    limit = 280 if not SANITIZED else 800

    @classmethod
    def prepare(cls):
        print(f"seed {SEED}", flush=True)
        cls.random = random.Random(SEED)
        cls.journal = Journal()

    def new_owner(self):
        user = wire.User(self.mesh.state, timeout=1.0 if not SANITIZED else 3.0)
        self.addCleanup(user.close)
        await_condition(lambda: user.enrol() is not None, "enrolled")
        return user

    # -- what is done

    def work_keys(self, owner):
        """One write to the key service; in the journal before it is tried, and when it is known."""
        journal, pick = self.journal, self.random.random()
        keys = owner.to(wire.KEYS)
        active = [grant for grant, entry in journal.grants.items()
                  if entry[2] == 1 and grant not in journal.revoking]
        if journal.keys_put < 900 and pick < 0.3 or not journal.keys:
            journal.keys_put += 1
            name = f"m{self.random.randrange(20)}"
            version = journal.key_tried.get(name, 0) + 1
            journal.key_tried[name] = version
            keys.call("keys.put_model_key", {1: name, 2: version, 4: os.urandom(32)},
                      secrets={3: os.urandom(32)})
            journal.keys[name] = version
        elif pick < 0.8 and len(journal.grants) < 3500 or not active:
            name = self.random.choice(list(journal.keys))
            user = os.urandom(32)
            grant = owner.grant(name, user, bytes(32))
            journal.grants[grant] = (name, user, 1)
        else:
            grant = self.random.choice(active)
            journal.revoking.add(grant)
            owner.revoke(grant)
            journal.grants[grant] = journal.grants[grant][:2] + (2,)
        journal.operations += 1

    def work_models(self, owner):
        """Push a version, or remove one."""
        journal = self.journal
        stored = [key for key in journal.models if key not in journal.removing]
        if self.random.random() < (0.25 if len(stored) < 150 else 0.9) and len(stored) > 5:
            name, version = self.random.choice(stored)
            journal.removing.add((name, version))
            owner.to(wire.MODELS)("models.remove", {1: name, 2: version})
            journal.removed.add((name, version))
        else:
            name = f"p{self.random.randrange(10)}"
            version = 1 + max((v for n, v in journal.model_tried if n == name), default=0)
            size = self.random.choice((100, 5000, 300000, 600000))
            model = wire.Model(owner.identity, name, version, onnx.relu(doc="d" * size))
            journal.model_tried[name, version] = model
            owner.upload(model)
            journal.models[name, version] = model
        journal.operations += 1

    # -- what is there

    def check_keys(self, owner, _every):
        """Every acknowledged grant, revocation and key version is there."""
        acknowledged, versions, _, _ = self.journal.acknowledged()
        grants, models, offset = {}, {}, 0
        while True:
            page = owner.to(wire.KEYS)("keys.list", {1: offset})
            for entry in page[2]:
                grants[entry[1]] = entry
            for entry in page[1]:
                models.setdefault(entry[1], set()).add(entry[2])
            if not page[3]:
                break
            offset += 256
        for grant, (name, user, state) in acknowledged.items():
            self.assertIn(grant, grants, "an acknowledged grant is lost")
            self.assertEqual((grants[grant][3], grants[grant][4]), (name, user))
            if state == 2:
                self.assertEqual(grants[grant][9], 2, "an acknowledged revocation is lost")
            elif grant not in self.journal.revoking:
                self.assertEqual(grants[grant][9], 1)
        for name, version in versions.items():
            self.assertIn(version, models.get(name, ()), "an acknowledged key is lost")

    def check_models(self, owner, every):
        """Every acknowledged version is listed and its bytes are whole; nothing half is."""
        _, _, acknowledged, removed = self.journal.acknowledged()
        models = owner.to(wire.MODELS)
        listed, offset = {}, 0
        while True:
            page = models("models.list", {1: owner.identity.public, 2: offset})
            listed.update({(entry[2], entry[3]): entry for entry in page[1]})
            if not page[2]:
                break
            offset += 256
        for key in acknowledged:
            if key not in self.journal.removing:
                self.assertIn(key, listed, "an acknowledged model is lost")
        for key in removed:
            self.assertNotIn(key, listed, "an acknowledged removal is undone")
        for key in listed:
            self.assertIn(key, self.journal.model_tried)
        looked = list(listed) if every else self.random.sample(sorted(listed),
                                                               min(3, len(listed)))
        for name, version in looked:
            try:
                self.check_model(models, owner.identity.public, name, version)
            except wire.Refused as refused:  # removed since it was listed
                self.assertEqual(refused.name, "not_found")
                self.assertIn((name, version), self.journal.removing)

    def check_model(self, models, owner, name, version):
        model = self.journal.model_tried[name, version]
        said = models("models.get", {1: owner, 2: name, 3: version})
        self.assertEqual((said[1], said[2]), (model.manifest, model.signature))
        for index, chunk in enumerate(model.chunks):
            _, bulk = models.call("models.get_chunk", {1: owner, 2: name, 3: version, 4: index})
            self.assertEqual(bulk, chunk)

    def start_work(self, role, work):
        user = self.new_owner()
        worker = Worker(user, role, lambda: work(user))
        worker.reader = wire.User(self.mesh.state, user.identity, timeout=PATIENCE / 4)
        self.addCleanup(worker.reader.close)
        worker.start()
        return worker

    def round(self, workers):
        """Kill both services, each at a moment of its own, and wait for both."""
        order = list(workers.items())
        self.random.shuffle(order)
        pids = {}
        for process, worker in order:
            time.sleep(self.random.uniform(0.01, ROUND_S))
            self.assertTrue(worker.is_alive(), worker.failures)
            pids[process] = self.mesh.kill(process)
        for process, pid in pids.items():
            self.mesh.await_restart(process, pid)
        self.kills += len(pids)

    def look(self, workers, every):
        """Everything acknowledged so far, while the load goes on."""
        for process, role, check in (("keys", wire.KEYS, self.check_keys),
                                     ("models", wire.MODELS, self.check_models)):
            reader = workers[process].reader
            reader.drop(role)
            await_condition(lambda r=reader, role=role: r.to(role), f"{process} serves again")
            check(reader, every)

    def test_what_was_acknowledged_survives_fifty_kills(self):
        self.kills = 0
        workers = {"keys": self.start_work(wire.KEYS, self.work_keys),
                   "models": self.start_work(wire.MODELS, self.work_models)}
        try:
            for life in range(LIVES):
                for _ in range(ROUNDS):
                    self.round(workers)
                restarts = self.mesh.processes()
                for process in workers:
                    self.assertEqual(restarts[process]["restarts"], ROUNDS)
                if life == LIVES - 1:
                    break
                self.look(workers, every=False)
                self.mesh.down()  # under load too; the next life begins without back-off
                self.mesh.up()
        finally:
            for worker in workers.values():
                worker.end()
        for worker in workers.values():
            self.assertEqual(worker.failures, [])
        self.look(workers, every=True)
        self.assertEqual(self.kills, 50)
        print(f"{self.kills} kills, {self.journal.operations} acknowledged writes", flush=True)
        self.assertGreater(self.journal.operations, 200)
        self.mesh.operator("audit", "keys", "--json", check=True)  # the chain is whole
        folder = os.path.join(self.mesh.state, "models", "blobs")
        self.mesh.down()
        left = [name for name in os.listdir(folder) if name.endswith(".part")]
        self.assertEqual(left, [], "what a crash leaves is tidied up")
        self.mesh.up()


if __name__ == "__main__":
    unittest.main()
