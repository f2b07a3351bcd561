"""engine_models_test.py - the models of bench/models: the same file every time, and the engine's two
backends agree on each of the small ones."""

import array
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import unittest

MODELS = os.environ["TACIT_MODELS"]
ENGINE = os.environ["TACIT_BENCH_ENGINE"]
SMALL = {"cnn_small": ([2, 3, 32, 32], "f"), "mlp_small": ([3, 784], "f"),
         "transformer_small": ([2, 64], "q"), "tabular_mlp": ([32, 30], "f")}
TOLERANCE = 1e-4  # of the largest output


def build(folder, name):
    subprocess.run([sys.executable, os.path.join(MODELS, "build.py"), folder, name], check=True)
    return os.path.join(folder, name + ".onnx")


def answer(folder, model, dims, data, backend):
    output = os.path.join(folder, "output.bin")
    done = subprocess.run([ENGINE, model, "--serve", data, "--shape", ",".join(map(str, dims)),
                           "--backend", backend], input=f"save {output}\n", text=True, check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout.splitlines()[-1] == "saved", done.stdout
    with open(output, "rb") as file:
        return array.array("f", file.read())


class Models(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def test_the_same_name_gives_the_same_file(self):
        digests = []
        for _ in range(2):
            with open(build(self.folder, "tabular_mlp"), "rb") as file:
                digests.append(hashlib.sha256(file.read()).hexdigest())
            os.remove(os.path.join(self.folder, "tabular_mlp.onnx"))
        self.assertEqual(digests[0], digests[1])

    def test_both_backends_agree(self):
        for name, (dims, code) in SMALL.items():
            with self.subTest(name):
                model, count = build(self.folder, name), 1
                for dim in dims:
                    count *= dim
                draw = random.Random(name)
                items = (draw.gauss(0, 1) if code == "f" else draw.randrange(1000)
                         for _ in range(count))
                data = os.path.join(self.folder, "input.bin")
                with open(data, "wb") as file:
                    file.write(array.array(code, items).tobytes())
                one, other = (answer(self.folder, model, dims, data, backend)
                              for backend in ("onednn", "portable"))
                self.assertGreater(len(one), 0)
                apart = max(abs(a - b) for a, b in zip(one, other))
                self.assertLess(apart, TOLERANCE * max(map(abs, one)))


if __name__ == "__main__":
    unittest.main()
