"""Uploads that lose the store, the session or the connection: tacit-mlowner goes on from what is kept."""

import os
import re
import signal
import subprocess
import time
import unittest

import onnx
import wire
from mesh import BIN, MeshCase, await_condition
from main_job_test import Person

BUILT = os.environ["TACIT_FAULTS_BUILT"] == "1"
MIB = 1 << 20
STEP = 4 * MIB  # services/models/upload_keeper.h
SIZE = 48 * MIB


class Push:
    """tacit-mlowner push as a process that can be stopped in the middle."""

    def __init__(self, owner, path, name):
        self.mesh = owner.mesh
        self.process = subprocess.Popen(
            [os.path.join(BIN, "tacit-mlowner"), "--state", self.mesh.state, "push", path, "--name",
             name, *owner.options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.blobs = os.path.join(self.mesh.state, "models", "blobs")

    def come(self):
        """Bytes of the largest unfinished blob."""
        sizes = [0]
        for name in os.listdir(self.blobs):
            try:
                if name.endswith(".part"):
                    sizes.append(os.path.getsize(os.path.join(self.blobs, name)))
            except FileNotFoundError:
                pass
        return max(sizes)

    def stop_at(self, least):
        await_condition(lambda: self.come() >= least or self.process.poll() is not None,
                        "the upload is under way", pause=0.001)
        assert self.process.poll() is None, self.process.communicate()
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self, timeout=90):
        out, err = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, (self.process.returncode, out, err)
        return [float(at) for at in re.findall(r"Resumed at ([0-9.]+) MiB", err)], err


class Uploads(MeshCase):
    workers = 0
    faults = ""

    @classmethod
    def prepare_state(cls, mesh):
        if cls.faults:
            os.environ["TACIT_FAULTS"] = cls.faults
            cls.addClassCleanup(os.environ.pop, "TACIT_FAULTS")

    @classmethod
    def prepare(cls):
        cls.owner = Person(cls.mesh, "tacit-mlowner", "vendor")
        cls.path = os.path.join(cls.mesh.folder, "large.onnx")
        with open(cls.path, "wb") as file:
            file.write(onnx.relu(doc="m" * SIZE))
        cls.size = os.path.getsize(cls.path)

    def assert_stored(self, name):
        listed = self.owner("list", check=True).json
        found = [one for one in listed["models"] if one["name"] == name]
        self.assertEqual([one["size"] for one in found], [self.size])


class KillAndCut(Uploads):
    def test_a_push_goes_on_after_the_store_was_killed(self):
        push = Push(self.owner, self.path, "killed")
        push.stop_at(3 * STEP)
        pid = self.mesh.kill("models")
        self.mesh.await_restart("models", pid)
        push.go_on()
        resumed, err = push.end()
        self.assertTrue(resumed and resumed[0] >= 2 * STEP / MIB, err)
        self.assert_stored("killed")
        self.assertIn("upload_resumed", self.mesh.log("models"))

    def test_a_push_goes_on_after_two_kills(self):
        push = Push(self.owner, self.path, "twice")
        for least in (2 * STEP, 6 * STEP):
            push.stop_at(least)
            pid = self.mesh.kill("models")
            self.mesh.await_restart("models", pid)
            push.go_on()
        resumed, err = push.end()
        self.assertGreaterEqual(len(resumed), 2, err)
        self.assertEqual(resumed, sorted(resumed))
        self.assert_stored("twice")

    def test_the_same_push_goes_on_after_the_client_was_killed(self):
        push = Push(self.owner, self.path, "again")
        push.stop_at(3 * STEP)
        push.process.kill()
        push.process.communicate()
        kept = os.path.join(self.owner.folder, "uploads", "again")
        self.assertEqual(os.stat(kept).st_mode & 0o777, 0o600)
        resumed, err = Push(self.owner, self.path, "again").end()
        self.assertTrue(resumed and resumed[0] >= 2 * STEP / MIB, err)
        self.assertIn("Carrying on with again, version 1", err)
        self.assert_stored("again")
        self.assertFalse(os.path.exists(kept))

    def test_another_file_is_no_more_of_that_push(self):
        push = Push(self.owner, self.path, "other")
        push.stop_at(STEP)
        second = self.owner("push", self.path, "--name", "other")  # while the first is at it
        self.assertEqual((second.code, second.error["name"]), (12, "busy"), str(second))
        push.process.kill()
        push.process.communicate()
        small = os.path.join(self.mesh.folder, "small.onnx")
        with open(small, "wb") as file:
            file.write(onnx.relu(doc="s"))
        resumed, err = Push(self.owner, small, "other").end()
        self.assertEqual((resumed, err), ([], ""))
        self.assertEqual(os.listdir(os.path.join(self.owner.folder, "uploads")), [])

    # -- by hand

    def parts(self):
        """Sizes of unfinished blobs."""
        blobs = os.path.join(self.mesh.state, "models", "blobs")
        names = [one for one in os.listdir(blobs) if one.endswith(".part")]
        return [os.path.getsize(os.path.join(blobs, one)) for one in names]

    def half(self, owner, name, size):
        """A connection, a model of which so much is kept, and its call."""
        model = wire.Model(owner.identity, name, 1, os.urandom(600000))
        models = owner.to(wire.MODELS)
        msgid = models.start("models.push", {1: model.manifest, 2: model.signature})
        self.assertEqual(models.await_told(msgid, 5), 0)
        models.send_chunks(msgid, wire.pieces(b"".join(model.chunks)[:size]), end=False)
        await_condition(lambda: size in self.parts(), "it came")
        return models, model, msgid

    def test_a_lost_connection_keeps_what_came(self):
        owner = self.mesh.user()
        owner.enrol()
        models, model, msgid = self.half(owner, "lost", 300000)
        owner.drop(wire.MODELS)
        await_condition(lambda: "upload_waits" in self.mesh.log("models"), "the store notices")
        self.assertEqual(owner.upload(model), 300000)

    def test_the_next_carrier_takes_over(self):
        owner = self.mesh.user()
        owner.enrol()
        former, model, msgid = self.half(owner, "taken", 262144 * 2)
        again = wire.User(self.mesh.state, owner.identity)
        self.addCleanup(again.close)
        self.assertEqual(again.upload(model), 262144 * 2)
        self.assert_refused("taken_over", former.finish, msgid, "models.push")

    def test_another_owner_cannot_go_on_with_it(self):
        owner, thief = self.mesh.user(), self.mesh.user()
        for user in (owner, thief):
            user.enrol()
        models, model, msgid = self.half(owner, "stolen", 262144)
        self.assert_refused("not_owner", thief.to(wire.MODELS).call, "models.push",
                            {1: model.manifest, 2: model.signature})
        content = b"".join(model.chunks)[262144:]
        for number, chunk in enumerate(wire.pieces(content), 1):
            models.note(msgid, 1, number, chunk)
        models.note(msgid, 3, 1 + len(wire.pieces(content)))
        models.finish(msgid, "models.push")

    def forget(self):
        """Takes the blobs out of the kernel's memory."""
        blobs = os.path.join(self.mesh.state, "models", "blobs")
        for name in os.listdir(blobs):
            with open(os.path.join(blobs, name), "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def test_chunks_come_from_memory_and_from_the_disk(self):
        owner = self.mesh.user()
        owner.enrol()
        model = wire.Model(owner.identity, "cold", 1, os.urandom(7 * 262144 + 1))
        owner.upload(model)
        models = owner.to(wire.MODELS)
        where = {1: owner.identity.public, 2: "cold", 3: 1}
        for _ in range(2):
            calls = [models.start("models.get_chunk", {**where, 4: index})
                     for index in range(len(model.chunks))]
            for msgid, chunk in zip(calls, model.chunks):
                self.assertEqual(models.finish(msgid, "models.get_chunk")[1], chunk)
            self.forget()
        msgid = models.start("models.get_chunk", {**where, 4: 0})
        self.assertEqual(models.finish(msgid, "models.get_chunk")[1], model.chunks[0])
        self.assert_refused("not_found", models.call, "models.get_chunk",
                            {**where, 4: len(model.chunks)})

    def test_half_uploads_of_an_owner_are_limited(self):
        owner = self.mesh.user()
        owner.enrol()
        for number in range(4):
            self.half(owner, f"half-{number}", 1000 + number)
        model = wire.Model(owner.identity, "more", 1, os.urandom(1000))
        again = wire.User(self.mesh.state, owner.identity)
        self.addCleanup(again.close)
        self.assert_refused("quota_exceeded", again.to(wire.MODELS).call, "models.push",
                            {1: model.manifest, 2: model.signature})


@unittest.skipUnless(BUILT, "built without fault points")
class ShortSessions(Uploads):
    faults = "shorten session.confirm at=session ms=3000"

    def test_a_push_outlives_its_session(self):
        push = Push(self.owner, self.path, "outlived")
        push.stop_at(2 * STEP)
        time.sleep(4.5)  # the store's sweep ends what is over
        push.go_on()
        resumed, err = push.end()
        self.assertEqual(len(resumed), 1, err)
        self.assertIn("lost", err)
        self.assert_stored("outlived")


@unittest.skipUnless(BUILT, "built without fault points")
class CutStreams(Uploads):
    faults = "disconnect models.push at=stream-in after=60 times=2"

    def test_a_push_goes_on_after_its_connection_was_cut(self):
        outcome = self.owner("push", self.path, "--name", "cut")
        self.assertEqual(outcome.code, 0, str(outcome))
        self.assertGreaterEqual(self.mesh.log("models").count("upload_resumed"), 1)
        self.assert_stored("cut")


if __name__ == "__main__":
    unittest.main()
