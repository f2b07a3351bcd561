"""tacit-mlowner quantize: an 8-bit model of a float32 one, what it says of it, and what it refuses;
no mesh."""

import json
import os
import signal
import stat
import subprocess
import tempfile
import time
import unittest

import onnx
from inspect_test import npy
from mesh import EXAMPLES

MLOWNER = os.path.join(os.environ["TACIT_BIN"], "tacit-mlowner")
BAD_INPUT, USAGE, CONFLICT = 3, 2, 18
MODEL = os.path.join(EXAMPLES, "breast-cancer", "model.onnx")
SIDE = 1024


def run(*arguments):
    return subprocess.run([MLOWNER, *arguments], capture_output=True, text=True, timeout=120,
                          check=False)


class Quantize(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="quantize-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.made = os.path.join(self.folder, "made.onnx")

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def quantize(self, *arguments, model=MODEL):
        return run("quantize", model, "--out", self.made, *arguments)

    def linear(self, nodes=None, shape=("n", 4)):
        weights = [0.1 + 0.37 * (i * 7 % 5) for i in range(12)]
        return self.write("linear.onnx", onnx.model(
            nodes or [onnx.node("MatMul", ["x", "w"], ["y"])], [onnx.value("x", shape)],
            [onnx.value("y", (shape[0], 3))], [onnx.tensor("w", (4, 3), weights)]))

    def rows(self, count=70, name="rows.npy"):
        numbers = [(i * 31 % 17) / 7 for i in range(4 * count)]
        return self.write(name, npy((count, 4), numbers))

    def test_a_trained_model_keeps_its_classes(self):
        folder = os.path.dirname(MODEL)
        rows, labels = os.path.join(folder, "inputs.csv"), os.path.join(folder, "labels.csv")
        for method in ("minmax", "percentile"):
            done = self.quantize("--data", rows, "--labels", labels, "--method", method, "--json", "--force")
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertEqual((said["method"], said["rows"]), (method, 143))
            self.assertEqual(said["bytes_after"], os.path.getsize(self.made))
            self.assertEqual(said["nodes_int8"], {"Gemm": 3})
            self.assertIn("Softmax", said["nodes_float32"])
            told = said["comparison"]
            self.assertGreaterEqual(told["same_class"], 142)
            self.assertGreaterEqual(told["right_fp32"], 136)
            self.assertLessEqual(abs(told["right"] - told["right_fp32"]), 1)
        for backend in ("onednn", "portable"):
            done = run("inspect", self.made, "--precision", "int8", "--backend", backend, "--data", rows,
                       "--against", MODEL, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["precision"], "int8")
            self.assertGreaterEqual(told["comparison"]["same_class"], 142)

    def test_pictures(self):
        folder = os.path.join(EXAMPLES, "digits")
        done = self.quantize("--data", os.path.join(folder, "images"), "--labels",
                             os.path.join(folder, "labels.csv"), "--json",
                             model=os.path.join(folder, "model.onnx"))
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said["nodes_int8"]["Conv"], 2)
        self.assertLess(said["bytes_after"], 0.4 * said["bytes_before"])
        self.assertGreaterEqual(said["comparison"]["right"], 178)
        self.assertEqual(said["comparison"]["right_fp32"], 179)

    def test_a_folder_of_arrays(self):
        """As numpy makes them: float64, for a model of float32."""
        folder = os.path.join(self.folder, "rows")
        os.mkdir(folder)
        for i in range(3):
            self.write(f"rows/{i}.npy", npy((20, 4), [(k * 31 % 17) / 7 for k in range(80)], "f8"))
        done = self.quantize("--data", folder, "--json", model=self.linear())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["comparison"]["rows"], 60)

    def test_for_people(self):
        done = self.quantize("--data", self.rows(), model=self.linear())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("by 70 rows", done.stdout)
        self.assertIn("1 MatMul", done.stdout)
        self.assertIn("int8 beside fp32, over 70 rows", done.stdout)
        self.assertEqual(done.stderr, "")
        self.assertNotIn("So few rows", done.stdout)
        done = self.quantize("--data", self.rows(3), "--force", model=self.linear())
        self.assertIn("So few rows", done.stdout)

    def test_writes_over_nothing(self):
        model, rows = self.linear(), self.rows()
        os.chmod(model, 0o640)
        self.write("made.onnx", b"mine")
        done = self.quantize("--data", rows, model=model)
        self.assertEqual(done.returncode, CONFLICT)
        self.assertIn("--force", done.stderr)
        with open(self.made, "rb") as file:
            self.assertEqual(file.read(), b"mine")
        self.assertEqual(self.quantize("--data", rows, "--force", model=model).returncode, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.made).st_mode), 0o640)
        done = run("quantize", model, "--data", rows, "--out", model, "--force")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn("the model itself", done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["linear.onnx", "made.onnx", "rows.npy"])

    def test_refuses_by_code(self):
        model, rows = self.linear(), self.rows()
        self.assertEqual(self.quantize("--data", rows, model=model).returncode, 0)
        quantized = self.made
        self.made = os.path.join(self.folder, "other.onnx")
        numbers = [0.5] * 40
        numbers[29] = float("nan")
        bad = self.write("bad.npy", npy((10, 4), numbers))
        wide = self.write("wide.npy", npy((10, 5), [1] * 50))
        none = self.write("none.npy", npy((0, 4), []))
        relu = self.write("relu.onnx", onnx.relu(shape=("n", 4)))
        for arguments, chosen, code, text in (
                (("--data", rows), quantized, BAD_INPUT, "quantized already"),
                (("--data", rows), relu, BAD_INPUT, "nothing is quantized"),
                (("--data", bad), model, BAD_INPUT, "row 7: input x is NaN"),
                (("--data", wide), model, BAD_INPUT, "[?, 4]"),
                (("--data", none), model, BAD_INPUT, "no rows"),
                (("--data", model), model, BAD_INPUT, "not an .npy file"),
                (("--data", rows), rows, BAD_INPUT, "rows.npy"),
                (("--data", rows, "--data", rows), model, USAGE, "--data was given 2 times"),
                (("--data", rows, "--labels", rows), model, BAD_INPUT, "not one class"),
                (("--data", rows, "--labels", self.write("few.csv", b"class\n1\n0\n")), model, BAD_INPUT,
                 "not one class"),
                (("--data", self.write("text.csv", b"a,b\nc,d\n")), model, BAD_INPUT, "text.csv"),
                (("--data", os.path.join(EXAMPLES, "digits")), model, BAD_INPUT, "not a kind of file"),
                (("--data", rows, "--method", "best"), model, USAGE, "minmax or percentile"),
                (("--data", rows, "--threads", "0"), model, USAGE, "--threads"),
                ((), model, USAGE, "--data")):
            with self.subTest(arguments=arguments, model=chosen):
                done = self.quantize(*arguments, model=chosen)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertFalse(os.path.exists(self.made))
        self.assertEqual(run("quantize", model, "--data", rows).returncode, USAGE)
        nowhere = os.path.join(self.folder, "no", "made.onnx")
        done = run("quantize", model, "--data", rows, "--out", nowhere)
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn("cannot be written", done.stderr)

    def test_a_model_of_several_rows_at_once(self):
        model = self.linear(shape=(10, 4))
        self.assertEqual(self.quantize("--data", self.rows(70), model=model).returncode, 0)
        done = self.quantize("--data", self.rows(7), "--force", model=model)
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn("no multiple", done.stderr)

    def test_inputs_without_rows(self):
        model = self.write("scaled.onnx", onnx.model(
            [onnx.node("Mul", ["x", "s"], ["z"]), onnx.node("MatMul", ["z", "w"], ["y"])],
            [onnx.value("s", ()), onnx.value("x", ("n", 4))], [onnx.value("y", ("n", 3))],
            [onnx.tensor("w", (4, 3), [0.1 * i for i in range(12)])]))
        factor = self.write("s.npy", npy((), [0.5]))
        done = self.quantize("--data", factor, "--data", self.rows(), "--json", model=model)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["comparison"]["rows"], 70)

    def test_float32_models_are_sent_here(self):
        model, rows = self.linear(), self.rows()
        for arguments in (("push", model), ("inspect", model, "--data", rows)):
            done = run(*arguments, "--precision", "int8")
            self.assertEqual(done.returncode, BAD_INPUT)
            self.assertIn("tacit-mlowner quantize", done.stderr)

    def test_stopped_it_leaves_nothing(self):
        layers = 40
        model = self.write("deep.onnx", onnx.model(
            [onnx.node("MatMul", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(layers)],
            [onnx.value("x0", ("n", SIDE))], [onnx.value(f"x{layers}", ("n", SIDE))],
            [onnx.tensor("w", (SIDE, SIDE), raw=bytes(4 * SIDE * SIDE))]))
        count = 8192
        rows = self.write("many.npy", npy((1, SIDE), [1] * SIDE).replace(
            b"(1, 1024), }   ", f"({count}, {SIDE}), }}".encode()) + bytes(4 * SIDE * (count - 1)))
        with subprocess.Popen([MLOWNER, "quantize", model, "--data", rows, "--out", self.made],
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            self.assertNotEqual(process.wait(timeout=20), 0)
        self.assertEqual(sorted(os.listdir(self.folder)), ["deep.onnx", "many.npy"])


if __name__ == "__main__":
    unittest.main()
