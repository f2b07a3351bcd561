"""tacit-mlowner inspect: what it says of models, and that it computes what they say; no mesh."""

import json
import os
import struct
import subprocess
import tempfile
import unittest
import zipfile

import onnx
from mesh import EXAMPLES

MLOWNER = os.path.join(os.environ["TACIT_BIN"], "tacit-mlowner")
BAD_INPUT, USAGE = 3, 2


def head(shape, kind="f4"):
    header = f"{{'descr': '<{kind}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def npy(shape, numbers, kind="f4"):
    return head(shape, kind) + struct.pack(f"<{len(numbers)}{'d' if kind == 'f8' else 'f'}", *numbers)


def numbers_of(path):
    with open(path, "rb") as file:
        content = file.read()
    data = content[10 + struct.unpack("<H", content[8:10])[0]:]
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def difference():
    """y = a - b, and twice that."""
    return onnx.model([onnx.node("Sub", ["a", "b"], ["y"]), onnx.node("Add", ["y", "y"], ["z"])],
                      [onnx.value("a", ("n", 2)), onnx.value("b", (1, 2))],
                      [onnx.value("y", ("n", 2)), onnx.value("z", ("n", 2))])


class Inspect(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="inspect-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def inspect(self, *arguments):
        return subprocess.run([MLOWNER, "inspect", *arguments], capture_output=True, text=True,
                              timeout=60, check=False)

    def test_describes(self):
        done = self.inspect("--json", self.write("m.onnx", difference()))
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said["opset"], 13)
        self.assertEqual(said["operators"], ["Sub", "Add"])
        self.assertEqual(said["inputs"][0], {"name": "a", "type": "float32", "shape": [None, 2]})
        self.assertEqual([value["name"] for value in said["outputs"]], ["y", "z"])
        self.assertGreater(said["memory_bytes"], 0)

    def test_for_people(self):
        done = self.inspect(self.write("m.onnx", difference()))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Tacit runs this model.", done.stdout)
        self.assertIn("[?,2]", done.stdout)

    def test_runs_in_the_order_of_inputs_with_both_backends(self):
        model = self.write("m.onnx", difference())
        a = self.write("1.npy", npy((2, 2), [1, 2, 3, 4]))
        b = self.write("2.npy", npy((1, 2), [10, 20]))
        for backend in ("onednn", "portable"):
            out = os.path.join(self.folder, backend)
            done = self.inspect("--json", model, "--run", a, "--run", b, "--out", out, "--backend",
                                backend, "--repeat", "3", "--threads", "2")
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertEqual((said["isolation"], said["backend"]), ("standard", backend))
            self.assertEqual(said["repeat"], 3)
            self.assertGreaterEqual(json.loads(done.stdout)["median_ms"], 0)
            self.assertEqual(numbers_of(os.path.join(out, "output_0.npy")), [-9, -18, -7, -16])
            self.assertEqual(numbers_of(os.path.join(out, "output_1.npy")), [-18, -36, -14, -32])

    def archive(self, name, compressed=False, **arrays):
        path = os.path.join(self.folder, name)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as file:
            for key, content in arrays.items():
                with file.open(f"{key}.npy", "w", force_zip64=True) as entry:
                    entry.write(content)
        return path

    def test_inputs_from_an_archive(self):
        model = self.write("m.onnx", difference())
        arrays = {"b": npy((1, 2), [10, 20]), "a": npy((2, 2), [1, 2, 3, 4], "f8")}
        out = os.path.join(self.folder, "out")
        done = self.inspect(model, "--run", self.archive("all.npz", **arrays), "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(numbers_of(os.path.join(out, "output_0.npy")), [-9, -18, -7, -16])
        for path, text in ((self.archive("some.npz", c=arrays["b"], a=arrays["a"]), "no array named 'b'"),
                           (self.archive("small.npz", True, **arrays), "numpy.savez")):
            done = self.inspect(model, "--run", path, "--out", out)
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(text, done.stderr)
            self.assertIn(os.path.basename(path), done.stderr)
        done = self.inspect("--json", self.linear(), "--data", self.archive("x.npz", x=npy((5, 4), range(20))),
                            "--against", self.linear("other.onnx", -1), "--labels",
                            self.archive("y.npz", labels=npy((5,), [0] * 5).replace(b"<f4", b"<i4")))
        self.assertEqual(json.loads(done.stdout)["comparison"]["rows"], 5)

    def test_files_larger_than_a_request(self):
        count = 1 << 20
        path = self.write("large.npy", head((count, 4), "f8") + bytes(32 * count))
        out = os.path.join(self.folder, "out")
        done = self.inspect(self.linear(), "--run", path, "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.path.getsize(os.path.join(out, "output_0.npy")) - 12 * count, 128)

    def test_types_of_64_bits_and_branches(self):
        """float64 stays where the model takes it; what shapes leave open is said to be open."""
        model = onnx.model([onnx.node("Sigmoid", ["x"], ["y"])], [onnx.value("x", ("n", "m"), 11)],
                           [onnx.value("y", ("n", "m"), 11)])
        path = self.write("m.onnx", model)
        done = self.inspect(path)
        self.assertIn("leave shapes open", done.stdout)
        self.assertFalse(json.loads(self.inspect("--json", path).stdout)["planned"])
        out = os.path.join(self.folder, "out")
        done = self.inspect("--json", path, "--run", self.write("x.npy", npy((1, 1), [0], "f8")), "--out", out)
        self.assertTrue(json.loads(done.stdout)["planned"], done.stderr)
        with open(os.path.join(out, "output_0.npy"), "rb") as file:
            self.assertEqual(struct.unpack("<d", file.read()[-8:])[0], 0.5)

    def test_errors_name_the_file(self):
        model = self.linear()
        for arguments, text in (((os.path.join(self.folder, "none.onnx"),), "none.onnx: it cannot be opened: No such file or directory"),
                                ((model, "--run", "nowhere.npy", "--out", self.folder), "nowhere.npy: "),
                                ((model, "--run", model, "--out", self.folder), "linear.onnx: not an .npy file"),
                                ((model, "--run", self.rows(), "--out", model), "is no folder")):
            done = self.inspect(*arguments)
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn(text, done.stderr)

    def test_runs_as_strict_workers_run(self):
        model = self.write("m.onnx", difference())
        a = self.write("1.npy", npy((2, 2), [1, 2, 3, 4]))
        b = self.write("2.npy", npy((1, 2), [10, 20]))
        out = os.path.join(self.folder, "strict")
        done = self.inspect("--json", model, "--run", a, "--run", b, "--out", out, "--isolation",
                            "strict")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual((said["isolation"], said["backend"]), ("strict", "portable"))

    def linear(self, name="linear.onnx", sign=1):
        """y = x W with a class for each of three columns."""
        weights = [sign * (0.1 + 0.37 * (i * 7 % 5)) for i in range(12)]
        return self.write(name, onnx.model(
            [onnx.node("MatMul", ["x", "w"], ["y"])], [onnx.value("x", ("n", 4))],
            [onnx.value("y", ("n", 3))], [onnx.tensor("w", (4, 3), weights)]))

    def rows(self, count=70):
        return self.write("rows.npy", npy((count, 4), [(i * 31 % 17) / 7 for i in range(4 * count)]))

    def test_says_what_a_precision_changes(self):
        with open("/proc/cpuinfo", encoding="ascii") as file:
            able = " avx512_bf16 " in file.read()
        model, rows = self.linear(), self.rows()
        labels = self.write("labels.npy", npy((70,), [0] * 70).replace(b"<f4", b"<i4"))
        done = self.inspect("--json", model, "--precision", "bf16", "--data", rows, "--labels", labels)
        if not able:
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("AVX-512 BF16", done.stderr)
            return
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said["precision"], "bf16")
        told = said["comparison"]
        self.assertEqual(told["rows"], 70)
        self.assertGreater(told["largest_difference"], 0)
        self.assertLess(told["largest_difference"], 0.01 * told["largest_number"])
        self.assertGreaterEqual(told["largest_difference"], told["mean_difference"])
        self.assertGreaterEqual(told["same_class"], 60)
        self.assertLessEqual(abs(told["right"] - told["right_fp32"]), 70 - told["same_class"])
        people = self.inspect(model, "--precision", "bf16", "--data", rows, "--labels", labels)
        self.assertIn("bf16 beside fp32, over 70 rows", people.stdout)
        self.assertIn("accuracy", people.stdout)

    def test_compares_with_another_model(self):
        done = self.inspect("--json", self.linear(), "--data", self.rows(), "--against",
                            self.linear("other.onnx", -1))
        told = json.loads(done.stdout)["comparison"]
        self.assertAlmostEqual(told["largest_difference"], 2 * told["largest_number"], places=5)
        self.assertNotIn("right", told)

    def test_a_profile_is_of_the_runs_that_are_told(self):
        """Neither of the first one, which prepares, nor of those that are compared."""
        folder = os.path.join(EXAMPLES, "digits")
        model, row = os.path.join(folder, "model.onnx"), os.path.join(folder, "images", "000.png")
        done = self.inspect("--json", model, "--run", row, "--out", os.path.join(self.folder, "out"),
                            "--repeat", "2", "--profile", "--data", row, "--against", model)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertIn("Conv", [step["operator"] for step in said["steps"]])
        self.assertLessEqual(sum(step["nanoseconds"] for step in said["steps"]), 2e6 * said["median_ms"])
        self.assertEqual(said["comparison"]["same_class"], 1)

    def test_infinite_answers_are_told(self):
        """JSON has no infinity: null, and what can be told beside it."""
        done = self.inspect("--json", self.linear("huge.onnx", 2e38), "--data", self.rows(), "--against",
                            self.linear())
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)["comparison"]
        self.assertIsNone(told["largest_difference"])
        self.assertIsNone(told["mean_difference"])
        self.assertGreater(told["largest_number"], 0)
        self.assertIn("same_class", told)

    def test_nothing_is_run_where_options_do_not_go_together(self):
        out = os.path.join(self.folder, "out")
        done = self.inspect(self.linear(), "--run", self.rows(), "--out", out, "--labels", "y.csv")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("need --data", done.stderr)
        self.assertFalse(os.path.exists(out))

    def test_refuses_what_cannot_be_compared(self):
        model, rows = self.linear(), self.rows()
        short = self.write("short.npy", npy((3,), [0] * 3).replace(b"<f4", b"<i4"))
        for arguments, code in (
                ((model, "--precision", "fp16"), USAGE),
                ((model, "--data", rows), USAGE),
                ((model, "--labels", rows), USAGE),
                ((model, "--against", model), USAGE),
                ((model, "--data", rows, "--data", rows, "--against", model), USAGE),
                ((model, "--data", rows, "--labels", rows, "--against", model), BAD_INPUT),
                ((model, "--data", rows, "--labels", short, "--against", model), BAD_INPUT),
                ((model, "--data", rows, "--against", rows), BAD_INPUT),
                ((model, "--precision", "int8"), BAD_INPUT),
                ((model, "--precision", "bf16", "--backend", "portable"), BAD_INPUT)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.inspect(*arguments).returncode, code)

    def test_names_what_it_refuses(self):
        model = onnx.model([onnx.node("StringSplit", ["x"], ["y"])], [onnx.value("x", (2,))],
                           [onnx.value("y", (2,))])
        done = self.inspect(self.write("m.onnx", model))
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn("StringSplit-of-y", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_refuses_wrong_arguments(self):
        model = self.write("m.onnx", difference())
        a = self.write("1.npy", npy((2, 2), [1, 2, 3, 4]))
        out = os.path.join(self.folder, "out")
        for arguments, code in (
                ((model, "--run", a), USAGE),
                ((model, "--run", a, "--out", out), USAGE),
                ((model, "--backend", "fast"), USAGE),
                ((model, "--isolation", "loose"), USAGE),
                ((model, "--isolation", "strict", "--backend", "onednn"), USAGE),
                ((model, "--threads", "0"), USAGE),
                ((model, "--threads", "65"), USAGE),
                ((model, "--run", a, "--run", a, "--out", out, "--repeat", "-1"), USAGE),
                ((model, "--run", a, "--run", model, "--out", out), BAD_INPUT),
                ((model, "--run", a, "--run", a, "--out", a), BAD_INPUT),
                ((model + ".none",), BAD_INPUT)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.inspect(*arguments).returncode, code)
        self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    unittest.main()
