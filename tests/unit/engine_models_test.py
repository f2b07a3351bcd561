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
sys.path.insert(0, MODELS)
from graph import Graph  # noqa: E402

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


def residual_chain(graph, x):
    for _ in range(3):
        x = graph.relu(graph.node("Add", [graph.conv(x, 16, 16, 3), x]))
    return x


def residual_of_two_branches(graph, x):
    return graph.relu(graph.node("Add", [graph.conv(x, 16, 16, 3), graph.conv(x, 16, 16, 1)]))


def residual_that_is_read_later(graph, x):
    first = graph.conv(x, 16, 16, 1)
    mixed = graph.node("Add", [first, graph.conv(graph.relu(first), 16, 16, 3)])
    return graph.node("Concat", [mixed, graph.node("Sigmoid", [first])], axis=1)


def residual_seen_in_another_shape(graph, x):
    first = graph.conv(x, 16, 16, 1)
    seen = graph.node("Reshape", [first, graph.integers(0, 16, 9, 9)])
    mixed = graph.node("Add", [graph.conv(x, 16, 16, 3), first])
    return graph.node("Concat", [mixed, seen], axis=1)


def residual_of_itself(graph, x):
    y = graph.conv(x, 16, 16, 3)
    return graph.node("Add", [y, y])


MERGED = {function.__name__: (function, [2, 16, 9, 9]) for function in (
    residual_chain, residual_of_two_branches, residual_that_is_read_later,
    residual_seen_in_another_shape, residual_of_itself)}


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

    def check(self, model, dims, code):
        count = 1
        for dim in dims:
            count *= dim
        draw = random.Random(model)
        items = (draw.gauss(0, 1) if code == "f" else draw.randrange(1000) for _ in range(count))
        data = os.path.join(self.folder, "input.bin")
        with open(data, "wb") as file:
            file.write(array.array(code, items).tobytes())
        one, other = (answer(self.folder, model, dims, data, backend)
                      for backend in ("onednn", "portable"))
        self.assertGreater(len(one), 0)
        apart = max(abs(a - b) for a, b in zip(one, other))
        self.assertLess(apart, TOLERANCE * max(map(abs, one)))

    def test_both_backends_agree(self):
        for name, (dims, code) in SMALL.items():
            with self.subTest(name):
                self.check(build(self.folder, name), dims, code)

    def test_merged_nodes_give_what_they_give_alone(self):
        for name, (function, dims) in MERGED.items():
            with self.subTest(name):
                graph = Graph(name)
                output = function(graph, graph.input("x", ["N", *dims[1:]]))
                graph.output(output, ["N", "C", "H", "W"])
                model = os.path.join(self.folder, name + ".onnx")
                with open(model, "wb") as file:
                    file.write(graph.encode())
                self.check(model, dims, "f")


if __name__ == "__main__":
    unittest.main()
