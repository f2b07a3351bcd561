"""Processes that die or stand still in the middle of work: the caller gets the answer from another
worker or a clear error before its deadline, and the mesh is whole again afterwards."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

import onnx
import wire
from mesh import BIN, PATIENCE, SANITIZED, MeshCase, await_condition, share_model, stand_still

SEED = int(os.environ.get("TACIT_SEED", "20240607"))
LAYERS = 240 if SANITIZED else 120  # a request for a second or two
ENDLESS = 2400  # layers: nobody lives to answer it
TRIES = 5  # to see workers busy before they are done
DEADLINE = 20.0 if not SANITIZED else 60.0
ROW = wire.floats([[1.0, -2.0, 3.0]])

# What a caller may be told while a process is gone. Anything else is not clear enough.
CLEAR = {"worker_lost", "no_worker", "unreachable", "deadline_exceeded", "session_expired",
         "no_session", "busy", "keys_refused"}


class Loss(MeshCase):
    workers = 2
    limit = 200 if not SANITIZED else 560

    @classmethod
    def prepare(cls):
        cls.random = random.Random(SEED)
        cls.owner, cls.user = cls.mesh.user(), cls.mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        cls.owner_id = cls.owner.identity.public
        for name, content in (("quick", onnx.relu()), ("slow", onnx.slow(LAYERS)),
                              ("endless", onnx.slow(ENDLESS))):
            share_model(cls.owner, cls.user, cls.mesh, name, content)

    def setUp(self):
        self.refresh()
        self.assertEqual(self.quick().values(), (1, 0, 3))

    def tearDown(self):
        """The mesh is whole again, whatever the test did."""
        self.mesh.await_ready()
        self.refresh()
        await_condition(lambda: self.quick().values() == (1, 0, 3), "good requests are answered")

    def refresh(self):
        for role in list(self.user.connections):
            self.user.drop(role)

    def quick(self):
        return self.user.infer(self.owner_id, "quick", ROW, timeout=DEADLINE)

    def another(self):
        user = wire.User(self.mesh.state, self.user.identity, timeout=PATIENCE / 4)
        user.request_keys = self.user.request_keys
        self.addCleanup(user.close)
        return user

    def start_slow(self, user=None, deadline=DEADLINE, name="slow"):
        return (user or self.user).start_infer(self.owner_id, name, onnx.SLOW_ROWS,
                                               deadline_ms=int(deadline * 1000))

    def finish_slow(self, started, user=None, deadline=DEADLINE):
        return (user or self.user).finish_infer(self.owner_id, "slow", started, deadline + 2)

    def start_busy(self, count):
        """Requests that are seen to occupy so many workers; where all are done before anybody
        looked, once more."""
        for _ in range(TRIES):
            started = [self.start_slow() for _ in range(count)]
            try:
                await_condition(lambda: self.mesh.busy_workers() == count, f"{count} workers work",
                                PATIENCE / 12, pause=0.01)
                return started
            except AssertionError as error:
                last = error
                for one in started:
                    self.finish_slow(one)
        raise last

    @staticmethod
    def kill(pid):
        """kill -9 of whom may be gone already."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    # -- workers

    def test_another_worker_answers_for_a_killed_one(self):
        started = self.start_busy(2)
        self.mesh.kill("worker-1")
        begun = time.monotonic()
        for one in started:
            answer = self.finish_slow(one)
            self.assertEqual(answer.outputs[0][3], [onnx.SLOW_SIDE, onnx.SLOW_SIDE])
        self.assertLess(time.monotonic() - begun, DEADLINE)

    def test_a_worker_that_stands_still_is_given_up(self):
        started = self.start_busy(2)
        pid = self.mesh.pid("worker-1")
        stand_still(pid)
        try:
            for one in started:
                self.finish_slow(one)
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_with_no_other_worker_the_next_life_answers_or_an_error_comes_in_time(self):
        self.mesh.operator("scale", "--workers", "1", check=True)
        try:
            started = self.start_busy(1)[0]
            self.mesh.kill("worker-1")
            try:
                self.finish_slow(started)
            except wire.Refused as refused:
                self.assertIn(refused.name, CLEAR)
        finally:
            self.mesh.operator("scale", "--workers", "2", check=True)

    def test_a_request_that_kills_every_worker_is_given_up(self):
        """Three tries, then a clear error: one request must not keep the mesh restarting."""
        self.mesh.operator("scale", "--workers", "1", check=True)
        started = self.start_slow(name="endless")
        refused = None
        until = time.monotonic() + DEADLINE
        try:
            while refused is None and time.monotonic() < until:
                worker = self.mesh.processes()["worker-1"]
                if worker["pid"] and self.mesh.busy_workers():
                    self.kill(worker["pid"])
                try:
                    self.user.to(wire.GATEWAY).finish(started[1], "inference.infer", 0.05)
                    self.fail("answered by a worker that was killed")
                except wire.Silence:
                    pass
                except wire.Refused as error:
                    refused = error.name
        finally:
            self.mesh.operator("scale", "--workers", "2", check=True)
        self.assertIn(refused, ("worker_lost", "no_worker", "deadline_exceeded"))

    def test_a_stream_of_requests_survives_random_kills(self):
        ends, stop = [], threading.Event()

        def stream(user):
            while not stop.is_set():
                begun = time.monotonic()
                try:
                    values = user.infer(self.owner_id, "quick", ROW, timeout=DEADLINE).values()
                    ends.append(("answered" if values == (1, 0, 3) else values, begun))
                except wire.Refused as refused:
                    ends.append((refused.name, begun))
                    time.sleep(0.01)
                except Exception as error:  # pylint: disable=broad-except
                    ends.append((repr(error), begun))
                    return

        threads = [threading.Thread(target=stream, args=(self.another(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        kills = 0
        for _ in range(6):
            time.sleep(self.random.uniform(0.1, 0.5))
            name = self.random.choice(("worker-1", "worker-2"))
            pid = self.mesh.processes()[name]["pid"]
            if pid:
                self.kill(pid)
                kills += 1
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join(DEADLINE + 5)
            self.assertFalse(thread.is_alive(), "a request hangs")
        outcomes = {name for name, _ in ends}
        self.assertLessEqual(outcomes, {"answered"} | CLEAR)
        self.assertGreater([name for name, _ in ends].count("answered"), 20)
        self.assertGreater(kills, 2)

    # -- services

    def stranger(self):
        """A user without a grant, who types: a table, and options."""
        table = os.path.join(self.mesh.folder, "row.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("1,-2,3\n")
        options = ["--json", *self.mesh.identity("somebody")]
        self.mesh.client("tacit-dataowner", "init", *options, check=True)
        return table, options

    def assert_clear_meanwhile(self, process, infers):
        """A user of the program that people type is told plainly, or served, all along."""
        table, options = self.stranger()
        options += ["--timeout", "10"]
        pid = self.mesh.kill(process)
        outcomes = [self.mesh.client("tacit-dataowner", "infer",
                                     f"{self.owner_id.hex()}/quick", table, *options)
                    for _ in range(infers)]
        for outcome in outcomes:
            # Refused for want of a grant is the good end: everybody was reached.
            self.assertIn(outcome.error["name"], CLEAR | {"not_granted", "result_invalid"},
                          outcome)
            self.assertTrue(outcome.error["message"])
        self.mesh.await_restart(process, pid)

    def test_kill_9_of_the_gateway(self):
        started = self.start_busy(1)[0]
        self.assert_clear_meanwhile("gateway", 2)
        with self.assertRaises((wire.Silence, wire.Refused)):
            self.finish_slow(started, deadline=0.1)

    def test_kill_9_of_the_attestation_service(self):
        self.quick()
        self.assert_clear_meanwhile("attestation", 2)
        self.quick()  # who is attested needs it no more for a while

    def test_a_client_waits_for_an_attestation_service_that_restarts(self):
        """Away when it is asked, and started again while the client waits: nobody was granted
        anything, which is what a mesh says that is whole."""
        table, options = self.stranger()
        supervisor, attestation = self.mesh.supervisor(), self.mesh.pid("attestation")
        stand_still(supervisor)
        try:
            os.kill(attestation, signal.SIGKILL)
            client = subprocess.Popen(
                [os.path.join(BIN, "tacit-dataowner"), "infer", f"{self.owner_id.hex()}/quick",
                 table, "--state", self.mesh.state, "--timeout", str(int(DEADLINE)), *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(client.kill)
            time.sleep(1)
            self.assertIsNone(client.poll(), "it gave up at once")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        out, err = client.communicate(timeout=2 * DEADLINE)
        self.assertEqual(json.loads(err or out)["error"]["name"], "not_granted")

    def test_kill_9_of_the_key_service(self):
        self.assert_clear_meanwhile("keys", 2)

    def test_inferences_wait_for_a_key_service_that_restarts(self):
        self.quick()
        for _ in range(2):
            time.sleep(1)  # no lease is left
            pid = self.mesh.kill("keys")
            self.assertEqual(self.quick().values(), (1, 0, 3))
            self.mesh.await_restart("keys", pid)

    def test_kill_9_of_the_model_store(self):
        self.quick()
        pid = self.mesh.kill("models")
        self.quick()  # the model is in memory
        self.mesh.await_restart("models", pid)

    def test_kill_9_of_the_platform(self):
        """What a power cut is to real hardware: everybody starts anew, nothing is lost."""
        before = {name: process["pid"] for name, process in self.mesh.processes().items()}
        self.assert_clear_meanwhile("platform", 1)
        self.mesh.await_ready()
        for name, process in self.mesh.processes().items():
            self.assertNotEqual(process["pid"], before[name], name)
        self.refresh()
        grants = self.owner
        grants.drop(wire.KEYS)
        self.assertEqual({entry[9] for entry in grants.to(wire.KEYS)("keys.list", {1: 0})[2]}, {1})

    def test_services_end_when_their_platform_is_lost(self):
        """By themselves: nothing could be counted or attested any more. Nobody tells them to, for
        the supervisor stands still."""
        pids = {name: process["pid"] for name, process in self.mesh.processes().items()}

        def ended(name):
            try:
                with open(f"/proc/{pids[name]}/stat", encoding="ascii") as file:
                    return file.read().split(") ")[-1][0] == "Z"
            except FileNotFoundError:
                return True

        services = set(pids) - {"platform"}
        supervisor = self.mesh.supervisor()
        stand_still(supervisor)
        try:
            os.kill(pids["platform"], signal.SIGKILL)
            await_condition(lambda: all(ended(name) for name in services), "all of them ended")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.mesh.await_ready()
        for name in services:
            self.assertIn("platform_lost", self.mesh.log(name), name)

    def test_kill_9_of_the_supervisor(self):
        """Its children do not outlive it, and the mesh can be launched again."""
        pids = [process["pid"] for process in self.mesh.processes().values()]
        os.kill(self.mesh.supervisor(), signal.SIGKILL)

        def gone():
            while True:
                try:
                    if os.waitpid(-1, os.WNOHANG)[0] == 0:
                        break
                except ChildProcessError:
                    break
            return not any(os.path.exists(f"/proc/{pid}") for pid in pids)

        await_condition(gone, "its children are gone")
        self.mesh.up()

    # -- standing still

    def test_services_that_stand_still_end_in_the_callers_deadline(self):
        for process in ("keys", "gateway"):
            with self.subTest(process):
                self.quick()
                time.sleep(1)  # no lease is left
                pid = self.mesh.pid(process)
                stand_still(pid)
                begun = time.monotonic()
                try:
                    started = self.user.start_infer(self.owner_id, "quick", ROW, deadline_ms=2000)
                    with self.assertRaises((wire.Refused, wire.Silence)) as caught:
                        self.user.finish_infer(self.owner_id, "quick", started, 4)
                    if process != "gateway":
                        self.assertIn(getattr(caught.exception, "name", "silence"), CLEAR)
                    self.assertLess(time.monotonic() - begun, 8)
                finally:
                    os.kill(pid, signal.SIGCONT)
                self.refresh()
                await_condition(lambda: self.quick().values() == (1, 0, 3), "served again")

    def test_a_client_is_as_patient_as_it_said(self):
        table, options = self.stranger()
        pid = self.mesh.pid("gateway")
        stand_still(pid)
        begun = time.monotonic()
        try:
            outcome = self.mesh.client("tacit-dataowner", "infer", f"{self.owner_id.hex()}/quick",
                                       table, "--timeout", "2", *options)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertIn(outcome.code, (4, 11), outcome)
        self.assertLess(time.monotonic() - begun, 10 if not SANITIZED else 20)


if __name__ == "__main__":
    unittest.main()
