"""Services that are asked to end while they work: what they accepted is answered, what comes later is
refused in a way that says so, and a second signal is not argued with."""

import os
import signal
import threading
import time
import unittest

import onnx
import wire
from mesh import PATIENCE, SANITIZED, MeshCase, await_condition, share_model

LAYERS = 240 if SANITIZED else 120  # a request for a second or two
ROW = wire.floats([[1.0, -2.0, 3.0]])
DEADLINE = PATIENCE / 2
ENDLESS = 2400  # layers: nobody waits for it
THREADS = 4
TRIES = 5  # to see workers busy before they are done
#: What a caller may be told whose call came too late; nothing at all where it was not even read.
LATE = {"draining", "no_session"}


class Drain(MeshCase):
    workers = 2
    limit = 170 if not SANITIZED else 560

    @classmethod
    def prepare(cls):
        cls.owner, cls.user = cls.mesh.user(), cls.mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        cls.owner_id = cls.owner.identity.public
        for name, content in (("quick", onnx.relu()), ("slow", onnx.slow(LAYERS)),
                              ("endless", onnx.slow(ENDLESS))):
            share_model(cls.owner, cls.user, cls.mesh, name, content)

    def setUp(self):
        for user in (self.owner, self.user):
            for role in list(user.connections):
                user.drop(role)

    def another(self, user=None):
        """The same person over connections of its own."""
        user = user or self.user
        one = wire.User(self.mesh.state, user.identity, timeout=PATIENCE / 4)
        one.request_keys = user.request_keys
        self.addCleanup(one.close)
        return one

    def ask_to_end(self, name):
        """SIGTERM, as an operator's kill; its pid."""
        pid = self.mesh.pid(name)
        os.kill(pid, signal.SIGTERM)
        return pid

    def start_slow(self, user=None, name="slow"):
        return (user or self.user).start_infer(self.owner_id, name, onnx.SLOW_ROWS,
                                               deadline_ms=int(DEADLINE * 1000))

    def finish_slow(self, started, user=None):
        answer = (user or self.user).finish_infer(self.owner_id, "slow", started, DEADLINE)
        self.assertEqual(answer.outputs[0][3], [onnx.SLOW_SIDE, onnx.SLOW_SIDE])

    def quick(self, user):
        answer = user.infer(self.owner_id, "quick", ROW, timeout=DEADLINE)
        self.assertEqual(answer.values(), (1, 0, 3))

    def start_busy(self, count, workers, users=None):
        """So many requests, that are seen to occupy so many workers; where all are done before
        anybody looked, once more."""
        users = users or [self.user] * count
        for _ in range(TRIES):
            started = [self.start_slow(user) for user in users]
            try:
                await_condition(lambda: self.mesh.busy_workers() == workers, f"{workers} workers work",
                                PATIENCE / 12, pause=0.01)
                return started
            except AssertionError as error:
                last = error
                for user, one in zip(users, started):
                    self.finish_slow(one, user)
        raise last

    # -- workers

    def test_a_worker_under_load_loses_no_call(self):
        failures, answered = [], []
        over = threading.Event()

        def load(user):
            while not over.is_set():
                try:
                    self.quick(user)
                    answered.append(1)
                except Exception as error:  # whatever it is, it is one too many
                    failures.append(error)

        for user in (users := [self.another() for _ in range(THREADS)]):
            self.quick(user)
        threads = [threading.Thread(target=load, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        pid = self.ask_to_end("worker-1")
        self.mesh.await_restart("worker-1", pid)
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(answered), THREADS)
        self.mesh.await_ready()

    def test_a_worker_finishes_its_job(self):
        lost = self.mesh.log("gateway").count("was lost")
        started = self.start_busy(3, 2)
        pids = [self.ask_to_end(name) for name in ("worker-1", "worker-2")]
        for one in started[:2]:
            self.finish_slow(one)
        self.finish_slow(started[2])  # that no worker took before: by one of the next life
        for name, pid in zip(("worker-1", "worker-2"), pids):
            self.mesh.await_restart(name, pid)
        self.assertEqual(self.mesh.log("gateway").count("was lost"), lost)
        self.mesh.await_ready()

    # -- the gateway

    def test_the_gateway_answers_what_it_accepted(self):
        started = self.start_busy(3, 2)
        pid = self.ask_to_end("gateway")
        await_condition(lambda: self.user.to(wire.GATEWAY)("inference.health")[1] == "draining",
                        "the gateway says that it drains")
        refused = self.assert_refused("draining", self.user.infer, self.owner_id, "quick", ROW)
        self.assertGreater(refused.detail[6], 0)
        for one in started:
            self.finish_slow(one)
        self.mesh.await_restart("gateway", pid)
        self.mesh.await_ready()

    def test_a_second_signal_is_the_end(self):
        started = self.start_slow(name="endless")
        await_condition(self.mesh.busy_workers, "a worker works")
        pid = self.ask_to_end("gateway")
        await_condition(lambda: self.user.to(wire.GATEWAY)("inference.health")[1] == "draining",
                        "the gateway says that it drains")
        os.kill(pid, signal.SIGTERM)
        await_condition(lambda: not os.path.exists(f"/proc/{pid}/exe") or
                        self.user.to(wire.GATEWAY).lost(), "it ends at once", PATIENCE / 10)
        with self.assertRaises((wire.Silence, wire.Refused)):
            self.user.finish_infer(self.owner_id, "endless", started, 1)
        self.mesh.await_restart("gateway", pid)
        for name in ("worker-1", "worker-2"):  # one of them is at it still
            self.mesh.await_restart(name, self.mesh.kill(name))
        self.mesh.await_ready()

    # -- the model store

    def push_models(self, user, thread, outcomes):
        """Until something is refused: what was answered, and what had no answer."""
        for number in range(10000):
            name = f"m{thread}-{number}"
            try:
                user.upload(wire.Model(user.identity, name, 1, bytes(100)))
            except wire.Refused as error:
                self.assertIn(error.name, LATE)
                outcomes["refused"].append(name)
                return
            except wire.Silence:
                return
            outcomes["answered"].append(name)

    def test_the_model_store_answers_what_it_stored(self):
        users = [self.another(self.owner) for _ in range(THREADS)]
        for user in users:
            user.timeout = 5
            user.to(wire.MODELS).timeout = 5
        outcomes = {"answered": [], "refused": []}
        threads = [threading.Thread(target=self.push_models, args=(user, number, outcomes))
                   for number, user in enumerate(users)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        pid = self.ask_to_end("models")
        for thread in threads:
            thread.join()
        self.mesh.await_restart("models", pid)
        self.mesh.await_ready()
        self.owner.drop(wire.MODELS)
        listed, offset, more = [], 0, True
        while more:
            page = self.owner.to(wire.MODELS)("models.list", {1: self.owner_id, 2: offset})
            listed += [model[2] for model in page[1]]
            offset, more = offset + 256, page[2]
        stored = {name for name in listed if name.startswith("m")}
        self.assertGreater(len(outcomes["answered"]), 0)
        self.assertEqual(stored, set(outcomes["answered"]))

    # -- all of it; the last one by its name

    def test_when_all_is_answered_the_mesh_goes_down(self):
        users = [self.another() for _ in range(3)]
        started = self.start_busy(3, 2, users)
        down = threading.Thread(target=self.mesh.down)
        down.start()
        for user, one in zip(users, started):
            self.finish_slow(one, user)
        down.join()
        self.assertIsNone(self.mesh.supervisor())


if __name__ == "__main__":
    unittest.main()
