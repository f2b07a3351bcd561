"""Models and inputs that are wrong, and stored bytes that somebody changed: each ends in its own
error at the client, and the next good request succeeds."""

import hashlib
import math
import os
import sqlite3
import struct
import unittest

import onnx
import wire
from mesh import MeshCase, await_condition, example_model, example_rows

HUGE = 1 << 62


def dense(weights, bias=(3,), x=("n", 2), raw=None):
    """x * w + b, with whatever shapes."""
    count = math.prod(weights)
    return onnx.model(
        [onnx.node("Gemm", ["x", "w", "b"], ["y"])], [onnx.value("x", x)],
        [onnx.value("y", ("n", 3))],
        [onnx.tensor("w", weights, raw=raw if raw is not None else bytes(4 * count)),
         onnx.tensor("b", bias, raw=bytes(4 * math.prod(bias)))])


def reshape(shape):
    return onnx.model([onnx.node("Reshape", ["x", "s"], ["y"])], [onnx.value("x", (2, 3))],
                      [onnx.value("y", ("a", "b"))],
                      [onnx.tensor("s", (len(shape),), shape, onnx.INT64)])


def relu_of(shape):
    return onnx.relu(shape=shape)


# What no worker may run. All are sealed and signed by their owner: only a worker can see them.
BAD_MODELS = {
    "text": b"This is certainly no model.",
    "one byte": b"\x08",
    "noise": hashlib.shake_256(b"noise").digest(5000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "cut in half": example_model("digits")[:20000],
    "cut at the end": example_model("breast-cancer")[:-1],
    "no graph": onnx.field(1, 8) + onnx.field(8, onnx.field(2, 13)),
    "no operator set": onnx.field(1, 8) + onnx.relu()[onnx.relu().index(b"\x3a"):-4],
    "operator set of another world": onnx.model([onnx.node("Relu", ["x"], ["y"])],
                                                [onnx.value("x", (2, 3))],
                                                [onnx.value("y", (2, 3))], opset=9999),
    "cycle of two": onnx.model([onnx.node("Relu", ["b"], ["a"]), onnx.node("Relu", ["a"], ["b"])],
                               [onnx.value("x", (2, 3))], [onnx.value("b", (2, 3))]),
    "cycle of one": onnx.model([onnx.node("Add", ["x", "y"], ["y"])], [onnx.value("x", (2, 3))],
                               [onnx.value("y", (2, 3))]),
    "a result made twice": onnx.model([onnx.node("Relu", ["x"], ["y"]),
                                       onnx.node("Tanh", ["x"], ["y"])],
                                      [onnx.value("x", (2, 3))], [onnx.value("y", (2, 3))]),
    "an output of nowhere": onnx.model([onnx.node("Relu", ["x"], ["y"])],
                                       [onnx.value("x", (2, 3))], [onnx.value("z", (2, 3))]),
    "an input of nowhere": onnx.model([onnx.node("Relu", ["w"], ["y"])],
                                      [onnx.value("x", (2, 3))], [onnx.value("y", (2, 3))]),
    "an unknown operator": onnx.model([onnx.node("Summon", ["x"], ["y"])],
                                      [onnx.value("x", (2, 3))], [onnx.value("y", (2, 3))]),
    "an unknown domain": onnx.model([onnx.node("Relu", ["x"], ["y"], domain="com.evil")],
                                    [onnx.value("x", (2, 3))], [onnx.value("y", (2, 3))]),
    "weights of another shape": dense((5, 3), x=(1, 2)),
    "a bias of another shape": dense((2, 3), bias=(4,), x=(1, 2)),
    "weights shorter than they say": dense((2, 3), raw=bytes(23)),
    "weights longer than they say": dense((2, 3), raw=bytes(25)),
    "weights of negative size": dense((-2, -3), raw=bytes(24)),
    "weights of a huge dimension": dense((HUGE, 3), raw=bytes(24)),
    "weights whose size overflows": dense((1 << 32, 1 << 32), raw=b""),
    "weights of nine dimensions": dense((1,) * 9, raw=bytes(4)),
    "an input of negative size": relu_of((2, -3)),
    "an input of huge size": relu_of((HUGE, 4)),
    "an input whose size overflows": relu_of((1 << 32, 1 << 32)),
    "a shape of other size": reshape((7, 7)),
    "a shape of two unknowns": reshape((-1, -1)),
    "a shape below -1": reshape((-2, 3)),
    "a shape that overflows": reshape((HUGE, 4)),
    "more memory than there is": onnx.model(
        [onnx.node("MatMul", ["a", "b"], ["y"])], [onnx.value("x", (2, 3))],
        [onnx.value("y", (1 << 18, 1 << 18))],
        [onnx.tensor("a", (1 << 18, 1), raw=bytes(4 << 18)),
         onnx.tensor("b", (1, 1 << 18), raw=bytes(4 << 18))]),
}

NAN, INFINITY = float("nan"), float("inf")


class Data(MeshCase):
    @classmethod
    def prepare(cls):
        cls.owner, cls.user = cls.mesh.user(), cls.mesh.user()
        cls.owner.enrol()
        cls.user.enrol()
        cls.owner_id = cls.owner.identity.public
        cls.measurement = cls.mesh.measurement()
        cls.share("good", example_model("breast-cancer"))
        cls.share("relu", onnx.relu())

    @classmethod
    def grant(cls, name):
        cls.owner.grant(name, cls.user.identity.public, cls.measurement)
        cls.user.put_request_key(cls.owner_id, name, cls.measurement)

    @classmethod
    def share(cls, name, content, version=1):
        model = cls.owner.push(name, content, version)
        if version == 1:
            cls.grant(name)
        return model

    def infer(self, name, tensors=None, **options):
        return self.user.infer(self.owner_id, name, tensors or wire.floats([[1, -2, 3]]), **options)

    def assert_well(self):
        answer = self.infer("good", wire.floats(example_rows(1)))
        expected = example_rows(1, table="expected")[0]
        for got, due in zip(answer.values(), expected):
            self.assertAlmostEqual(got, due, delta=1e-5)

    def tearDown(self):
        self.assert_well()
        for name, process in self.mesh.processes().items():
            if name.startswith("worker"):
                self.assertEqual(process["restarts"], 0, process)

    # -- models

    def test_models_that_are_none_are_refused(self):
        for number, (what, content) in enumerate(BAD_MODELS.items()):
            with self.subTest(what):
                name = f"bad-{number}"
                self.share(name, content)
                with self.assertRaises(wire.Refused) as caught:
                    self.infer(name, wire.floats([[1, 2], [3, 4]]))
                self.assertIn(caught.exception.name, ("model_refused", "input_refused"), what)
                self.assert_well()
                self.owner.to(wire.MODELS)("models.remove", {1: name, 2: 0})
                self.owner.to(wire.KEYS)("keys.remove_model_key", {1: name, 2: 0})

    def test_a_refused_model_can_be_replaced_by_a_good_one(self):
        self.share("second-try", b"no model")
        self.assert_refused("model_refused", self.infer, "second-try")
        self.share("second-try", onnx.relu(), version=2)
        self.assertEqual(self.infer("second-try", version=2).values(), (1, 0, 3))

    # -- inputs

    def test_numbers_that_are_none_never_become_a_probability(self):
        """IEEE numbers are the model's to judge: what comes of them is NaN, in their row alone."""
        for number in (NAN, INFINITY, -INFINITY):
            with self.subTest(number):
                rows = example_rows(2)
                rows[0][4] = number
                values = self.infer("good", wire.floats(rows)).values()
                self.assertTrue(math.isnan(values[0]) and math.isnan(values[1]), values)
                for got, due in zip(values[2:], example_rows(2, table="expected")[1]):
                    self.assertAlmostEqual(got, due, delta=1e-5)

    def test_no_rows_have_no_probabilities(self):
        self.assertEqual(self.infer("good", [("", 1, (0, 30), b"")]).values(), ())

    def test_inputs_of_another_shape_are_refused(self):
        row = example_rows(1)[0]
        wrong = {"a column too few": wire.floats([row[:-1]]),
                 "a column too many": wire.floats([row + [1.0]]),
                 "one number": wire.floats([[1.0]]),
                 "a dimension more": [("", 1, (1, 1, 30), struct.pack("<30f", *row))],
                 "a dimension less": [("", 1, (30,), struct.pack("<30f", *row))],
                 "a scalar": [("", 1, (), struct.pack("<f", 1))],
                 "negative rows": [("", 1, (-1, 30), struct.pack("<30f", *row))],
                 "huge rows": [("", 1, (HUGE, 30), struct.pack("<30f", *row))],
                 "a size that overflows": [("", 1, (1 << 61, 8), struct.pack("<30f", *row))],
                 "nine dimensions": [("", 1, (1,) * 8 + (30,), struct.pack("<30f", *row))],
                 "fewer bytes": [("", 1, (1, 30), struct.pack("<29f", *row[:-1]))],
                 "more bytes": [("", 1, (1, 30), struct.pack("<31f", *row, 1))],
                 "no bytes": [("", 1, (1, 30), b"")],
                 "another type": [("", 7, (1, 30), bytes(240))],
                 "a type that is none": [("", 99, (1, 30), bytes(120))],
                 "another name": wire.floats([row], "nobody"),
                 "two tensors": wire.floats([row]) * 2,
                 "seventeen tensors": wire.floats([row]) * 17,
                 "no tensor": b"\x81\x01\x90",
                 "no map": b"\x90",
                 "no msgpack": b"\xc1\xff\x00",
                 "an array of 2^28": b"\x81\x01\xdd\x10\x00\x00\x00",
                 "trailing bytes": wire.pack_request(wire.floats([row])) + b"\x00"}
        for what, tensors in wrong.items():
            with self.subTest(what):
                self.assert_refused("input_refused", self.infer, "good", tensors)
                self.assert_well()

    def test_requests_sealed_for_something_else_are_refused(self):
        """Each part that a request is bound to, changed: it does not open."""
        rows = wire.floats(example_rows(1))
        request_id = os.urandom(16)

        def sealed(**changes):
            arguments = {"owner": self.owner_id, "name": "good", "version": 0, "tensors": rows,
                         "request_id": request_id,
                         "key": self.user.request_keys[self.owner_id, "good"], **changes}
            return self.user.seal_request(**arguments)

        whole = sealed()
        flipped = bytearray(whole)
        flipped[50] ^= 1
        wrong = {"another key": sealed(key=os.urandom(32)),
                 "another request": sealed(request_id=os.urandom(16)),
                 "another owner": sealed(owner=os.urandom(32)),
                 "another model": sealed(name="relu"),
                 "another version": sealed(version=1),
                 "one bit": bytes(flipped),
                 "a byte less": whole[:-1],
                 "a byte more": whole + b"\0"}
        for what, bulk in wrong.items():
            with self.subTest(what):
                self.assert_refused("corrupt", self.infer, "good", request_id=request_id,
                                    sealed=bulk)
        self.assert_refused("malformed", self.infer, "good", request_id=request_id,
                            sealed=bytes(40))
        self.infer("good", request_id=request_id, sealed=whole)

    def test_unknown_models_are_not_found(self):
        self.user.put_request_key(self.owner_id, "nothing", self.measurement)
        self.assert_refused("not_granted", self.infer, "nothing")
        self.assert_refused("no_model_key", self.infer, "good", version=77)
        for name in ("", "UPPER", "../up", "a/b", "-dash", "x" * 65):
            self.user.request_keys[self.owner_id, name] = os.urandom(32)
            with self.subTest(name):
                self.assert_refused("bad_input", self.infer, name)

    # -- uploads

    def big(self, name, version=1, mark="m"):
        """A model of three chunks."""
        return wire.Model(self.owner.identity, name, version, onnx.relu(doc=mark * 600000))

    def begin(self, model):
        """A stream of it: its connection, its call, and where it begins."""
        models = self.owner.to(wire.MODELS)
        msgid = models.start("models.push", {1: model.manifest, 2: model.signature})
        return models, msgid, models.await_told(msgid, 5)

    def push(self, model, content, end=True):
        models, msgid, kept = self.begin(model)
        models.send_chunks(msgid, wire.pieces(content[kept:]), end)
        return models.finish(msgid, "models.push")

    def test_more_and_less_than_the_model_is_refused(self):
        model = self.big("size")
        content = b"".join(model.chunks)
        for wrong in (content[:-1], b"", content[:262144], content + b"x"):
            self.assert_refused("content_mismatch", self.push, model, wrong)
        self.push(model, content)
        self.push(model, content)  # stored already: nothing is sent, and it ends well

    def test_more_of_what_is_stored_is_refused(self):
        model = self.big("stored")
        self.owner.upload(model)
        models, msgid, kept = self.begin(model)
        self.assertEqual(kept, sum(map(len, model.chunks)))
        models.send_chunks(msgid, [b"x"])
        self.assert_refused("content_mismatch", models.finish, msgid, "models.push")
        self.assertEqual(self.owner.upload(model), kept)

    def test_content_that_the_manifest_does_not_name_is_refused(self):
        model, other = self.big("content"), self.big("content")
        flipped = bytearray(model.chunks[0])
        flipped[1000] ^= 4
        for chunks in ([model.chunks[1], model.chunks[0], model.chunks[2]],
                       [model.chunks[0], other.chunks[1], model.chunks[2]],
                       [bytes(flipped)] + model.chunks[1:]):
            self.assert_refused("content_mismatch", self.push, model, b"".join(chunks))
        self.assertEqual(self.owner.upload(model), 0)

    def test_chunks_before_the_beginning_is_told_are_refused(self):
        model = self.big("early")
        models = self.owner.to(wire.MODELS)
        for event, bulk in ((1, b"x"), (3, None)):
            msgid = models.start("models.push", {1: model.manifest, 2: model.signature})
            models.await_told(msgid, 5)
            models.note(msgid, event, 1, bulk)  # the first one is number 0
            self.assert_refused("protocol_error", models.finish, msgid, "models.push")
        msgid = models.start("models.push", {1: model.manifest, 2: model.signature})
        models.await_told(msgid, 5)
        models.note(msgid, 5, 0)  # only a service says that
        self.assert_refused("protocol_error", models.finish, msgid, "models.push")

    def test_chunks_swapped_or_mixed_by_their_owner_do_not_open(self):
        """The manifest names them and is signed, but each chunk knows its place and version."""
        first = self.big("mixed")
        swapped, mixed = self.big("swapped"), self.big("mixed", 2)
        swapped.chunks[0], swapped.chunks[1] = swapped.chunks[1], swapped.chunks[0]
        mixed.key = first.key
        mixed.chunks[1] = first.chunks[1]
        for model in (swapped, first, mixed):
            model.seal_manifest()
            self.owner.put_model_key(model.name, model.version, model.key, model.sha256)
            self.owner.upload(model)
            if model.version == 1:
                self.grant(model.name)
            if model is first:
                self.assertEqual(self.infer(model.name, version=1).values(), (1, 0, 3))
            else:
                self.assert_refused("corrupt", self.infer, model.name, version=model.version)

    def test_manifests_that_are_not_the_callers_are_refused(self):
        model = self.big("manifest")
        thief = self.mesh.user()
        thief.enrol()
        args = {1: model.manifest, 2: model.signature}
        self.assert_refused("not_owner", thief.to(wire.MODELS).call, "models.push", args)
        models = self.owner.to(wire.MODELS)
        self.assert_refused("signature_invalid", models.call, "models.push",
                            {**args, 2: os.urandom(64)})
        for at in (12, 16, 40, 72, 104, 136):
            altered = bytearray(model.manifest)
            altered[at] ^= 1
            with self.assertRaises(wire.Refused, msg=at) as caught:
                models("models.push", {**args, 1: bytes(altered)})
            self.assertIn(caught.exception.name, ("signature_invalid", "malformed"))
        huge = self.big("manifest")
        huge.size = 1 << 40
        huge.seal_manifest()
        self.assert_refused("malformed", models.call, "models.push",
                            {1: huge.manifest, 2: huge.signature})
        self.owner.upload(model)
        older = self.big("manifest")  # the same version, sealed anew
        self.assert_refused("stale_version", models.call, "models.push",
                            {1: older.manifest, 2: older.signature})

    def test_a_model_signed_by_another_key_than_the_enrolled_is_refused(self):
        """The store cannot know; the worker asks the key service whose signature counts."""
        stranger = wire.Identity()
        stranger.public = self.owner_id
        model = wire.Model(stranger, "stranger", 1, onnx.relu())
        self.owner.put_model_key("stranger", 1, model.key, model.sha256)
        self.owner.upload(model)
        self.grant("stranger")
        self.assert_refused("signature_invalid", self.infer, "stranger")

    # -- the store's disk

    def rows(self, sql, *values):
        database = sqlite3.connect(os.path.join(self.mesh.state, "models", "models.db"))
        try:
            with database:
                return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def blob(self, name, version=1):
        blob = self.rows("SELECT blob FROM models WHERE name = ? AND version = ?", name,
                         version)[0][0]
        return os.path.join(self.mesh.state, "models", "blobs", blob)

    def push_big(self, name, version=1, mark="m"):
        return self.share(name, onnx.relu(doc=mark * 600000), version)

    def test_a_flipped_bit_on_the_disk_is_noticed(self):
        self.push_big("bit-rot")
        for at in (0, 300000, -1):
            with self.subTest(at):
                path = self.blob("bit-rot")
                with open(path, "r+b") as file:
                    content = bytearray(file.read())
                    content[at] ^= 0x10
                    file.seek(0)
                    file.write(content)
                self.assert_refused("corrupt", self.infer, "bit-rot")
                content[at] ^= 0x10
                with open(path, "r+b") as file:
                    file.write(content)
        self.assertEqual(self.infer("bit-rot").values(), (1, 0, 3))

    def test_a_shorter_or_missing_file_is_noticed(self):
        self.push_big("shorter")
        path = self.blob("shorter")
        with open(path, "rb") as file:
            content = file.read()
        for size in (len(content) - 1, 262184, 1, 0):
            os.truncate(path, size)
            self.assert_refused("corrupt", self.infer, "shorter")
        os.remove(path)
        with self.assertRaises(wire.Refused) as caught:
            self.infer("shorter")
        self.assertIn(caught.exception.name, ("corrupt", "not_found"))
        with open(path, "wb") as file:
            file.write(content)
        self.assertEqual(self.infer("shorter").values(), (1, 0, 3))

    def test_chunks_of_two_versions_mixed_on_the_disk_are_noticed(self):
        self.push_big("versions", 1, "a")
        self.push_big("versions", 2, "b")
        with open(self.blob("versions", 1), "rb") as file:
            old = file.read()
        path = self.blob("versions", 2)
        with open(path, "rb") as file:
            new = file.read()
        for mixed in (old[:262184] + new[262184:], new[:262184] + old[262184:], old):
            with open(path, "wb") as file:
                file.write(mixed)
            self.assert_refused("corrupt", self.infer, "versions")
        with open(path, "wb") as file:
            file.write(new)
        self.assertEqual(self.infer("versions").version, 2)

    def test_an_old_version_is_never_served_as_the_newest(self):
        """The store goes back to the day before version 2, in every way that it could."""
        self.push_big("old", 1, "a")
        columns = "size, sealed_size, created_ms, content_sha256, manifest, signature, blob"
        before = self.rows(f"SELECT {columns} FROM models WHERE name = 'old'")[0]
        self.push_big("old", 2, "b")
        after = self.rows(f"SELECT {columns} FROM models WHERE name = 'old' AND version = 2")[0]
        with open(self.blob("old", 1), "rb") as file:
            first = file.read()
        with open(self.blob("old", 2), "rb") as file:
            second = file.read()
        # Its row under the new number, its bytes under the new name.
        self.rows("UPDATE models SET size=?, sealed_size=?, created_ms=?, content_sha256=?, "
                  "manifest=?, signature=? WHERE name = 'old' AND version = 2", *before[:-1])
        with open(self.blob("old", 2), "wb") as file:
            file.write(first)
        with self.assertRaises(wire.Refused) as caught:
            self.infer("old")
        self.assertIn(caught.exception.name, ("rollback_detected", "corrupt"))
        # The new version was never there.
        self.rows("DELETE FROM models WHERE name = 'old' AND version = 2")
        self.assert_refused("not_found", self.infer, "old")
        # As it should be.
        row = self.rows("SELECT owner FROM models WHERE name = 'old'")[0]
        self.rows(f"INSERT INTO models(owner, name, version, {columns}) "
                  "VALUES(?, 'old', 2, ?, ?, ?, ?, ?, ?, ?)", *row, *after)
        with open(self.blob("old", 2), "wb") as file:
            file.write(second)
        self.assertEqual(self.infer("old").version, 2)

    def test_an_index_from_yesterday_is_noticed_after_a_restart(self):
        """models.db of before a push, put back under a store that restarts."""
        self.push_big("yesterday", 1, "a")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        path = os.path.join(self.mesh.state, "models", "models.db")
        with open(path, "rb") as file:
            old = file.read()
        model = self.push_big("yesterday", 2, "b")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        pid = self.mesh.kill("models")  # it is started again only after a pause
        with open(path, "wb") as file:
            file.write(old)
        for rest in ("-wal", "-shm"):
            if os.path.exists(path + rest):
                os.remove(path + rest)
        self.mesh.await_restart("models", pid)
        self.mesh.await_ready()
        self.owner.drop(wire.MODELS)

        def refusal():
            try:
                self.infer("yesterday")
            except wire.Refused as refused:
                return refused.name
            return None

        self.assertIn(await_condition(refusal, "a refusal"), ("not_found", "rollback_detected"))
        self.owner.upload(model)  # the owner can mend it
        self.assertEqual(self.infer("yesterday", version=2).version, 2)


if __name__ == "__main__":
    unittest.main()
