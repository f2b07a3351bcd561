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
         "transformer_small": ([2, 64], "q"), "tabular_mlp": ([32, 30], "f"),
         "cnn_small_qlinear": ([2, 3, 32, 32], "f"), "transformer_dynamic": ([2, 64], "q")}
TOLERANCE = 1e-4  # of the largest output


def build(folder, name):
    subprocess.run([sys.executable, os.path.join(MODELS, "build.py"), folder, name], check=True)
    return os.path.join(folder, name + ".onnx")


def flags():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        return file.read()


def has(isa):
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = file.read()
    return all(f" {flag} " in flags for flag in ISAS[isa])


ISAS = {"baseline": [], "avx2": ["avx2", "fma"],
        "avx512": ["avx512f", "avx512vl", "avx512bw", "avx512dq"]}
WAYS = [["--backend", "onednn"], ["--backend", "portable", "--threads", "2"],
        *(["--backend", "portable", "--isa", isa] for isa in ISAS if has(isa))]


def answer(folder, model, dims, data, way):
    output = os.path.join(folder, "output.bin")
    done = subprocess.run([ENGINE, model, "--serve", data, "--shape", ",".join(map(str, dims)),
                           *way], input=f"save {output}\n", text=True, check=True,
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


def curves_after_convolutions(graph, x):
    for curve in ("Sigmoid", "Tanh", "HardSwish", "Elu", "LeakyRelu"):
        x = graph.node(curve, [graph.conv(x, 16, 16, 3)])
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])])


def convolution(channels, features, kernel, **attributes):
    """Windows, strides, paddings and groups of every kind, with a bias and a Relu."""
    def function(graph, x):
        attributes.setdefault("group", 1)
        if channels != 16:
            x = graph.relu(graph.conv(x, 16, channels, 1))
        dims = [features, channels // attributes["group"], *kernel]
        w = graph.weights(dims, (dims[1] * kernel[0] * kernel[1]) ** -0.5)
        inputs = [x, w, graph.weights([features], 0.3)]
        return graph.relu(graph.node("Conv", inputs, kernel_shape=list(kernel), **attributes))
    return function


def pools(graph, x):
    x = graph.conv(x, 16, 24, 3)
    y = [graph.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
         graph.node("AveragePool", [x], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
         graph.node("AveragePool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                    count_include_pad=1)]
    y = [graph.node("Resize", [item, "", "", graph.integers(2, 24, 4, 4)], mode="nearest")
         for item in y]
    return graph.normalize(graph.node("Concat", y, axis=1), 72)


MERGED = {function.__name__: (function, [2, 16, 9, 9]) for function in (
    residual_chain, residual_of_two_branches, residual_that_is_read_later,
    residual_seen_in_another_shape, residual_of_itself, curves_after_convolutions, pools)}
MERGED |= {name: (convolution(*arguments[:3], **arguments[3]), [2, 16, 19, 17])
           for name, arguments in {
    "one": (16, 40, [1, 1], {}),
    "one_of_many": (16, 200, [1, 1], {}),
    "odd_channels": (21, 37, [3, 3], {"pads": [1, 1, 1, 1]}),
    "few_channels": (3, 16, [7, 7], {"strides": [2, 2], "pads": [3, 3, 3, 3]}),
    "stride_two": (16, 32, [1, 1], {"strides": [2, 2]}),
    "stride_three": (16, 48, [5, 3], {"strides": [3, 3], "pads": [2, 1, 2, 1]}),
    "uneven": (16, 48, [3, 1], {"strides": [1, 2], "pads": [2, 0, 0, 1]}),
    "dilated": (16, 48, [3, 3], {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
    "depthwise": (40, 40, [3, 3], {"group": 40, "pads": [1, 1, 1, 1]}),
    "depthwise_two": (40, 40, [5, 5], {"group": 40, "strides": [2, 2], "pads": [2, 2, 2, 2]}),
    "depthwise_dilated": (16, 16, [3, 3], {"group": 16, "dilations": [2, 2],
                                           "pads": [2, 2, 2, 2]}),
    "depthwise_wide": (16, 16, [3, 3], {"group": 16, "strides": [3, 1], "pads": [0, 2, 1, 2]}),
    "groups": (64, 96, [3, 3], {"group": 2, "pads": [1, 1, 1, 1]}),
    "narrow_groups": (24, 24, [3, 3], {"group": 3, "pads": [1, 1, 1, 1]}),
}.items()}


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
        first = answer(self.folder, model, dims, data, WAYS[0])
        self.assertGreater(len(first), 0)
        for way in WAYS[1:]:
            other = answer(self.folder, model, dims, data, way)
            self.assertEqual(len(first), len(other))
            apart = max(abs(a - b) for a, b in zip(first, other))
            self.assertLess(apart, TOLERANCE * max(map(abs, first)), way)
            if "--threads" in way:
                again = answer(self.folder, model, dims, data, way)
                self.assertEqual(other, again, "the same threads, another result")

    def half(self, model, dims, code):
        """bfloat16 has 8 bits of fraction: the answer differs, by little."""
        draw = random.Random(model)
        count = 1
        for dim in dims:
            count *= dim
        items = (draw.gauss(0, 1) if code == "f" else draw.randrange(1000) for _ in range(count))
        data = os.path.join(self.folder, "input.bin")
        with open(data, "wb") as file:
            file.write(array.array(code, items).tobytes())
        whole = answer(self.folder, model, dims, data, WAYS[0])
        half = answer(self.folder, model, dims, data, [*WAYS[0], "--precision", "bf16"])
        self.assertEqual(len(whole), len(half))
        apart = max(abs(a - b) for a, b in zip(whole, half))
        self.assertLess(apart, 0.05 * max(map(abs, whole)))
        return apart

    @unittest.skipUnless(" avx512_bf16 " in flags(), "no bfloat16 here")
    def test_bfloat16_is_near(self):
        apart = []
        for name, (function, dims) in MERGED.items():
            with self.subTest(name):
                graph = Graph(name, 14)
                graph.output(function(graph, graph.input("x", ["N", *dims[1:]])),
                             ["N", "C", "H", "W"])
                model = os.path.join(self.folder, name + ".onnx")
                with open(model, "wb") as file:
                    file.write(graph.encode())
                apart.append(self.half(model, dims, "f"))
        for name in ("cnn_small", "mlp_small", "transformer_small"):
            with self.subTest(name):
                apart.append(self.half(build(self.folder, name), *SMALL[name]))
        self.assertGreater(min(apart), 0, "nothing was computed in bfloat16")

    def test_nothing_is_executable_that_was_not_at_start(self):
        """The portable backend serves under the filter; the filter is there."""
        model = build(self.folder, "mlp_small")
        data = os.path.join(self.folder, "input.bin")
        with open(data, "wb") as file:
            file.write(bytes(4 * 784))
        with subprocess.Popen([ENGINE, model, "--serve", data, "--shape", "1,784", "--backend",
                               "portable"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            self.assertTrue(process.stdout.readline().startswith("load "))
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                self.assertIn("Seccomp:\t2", file.read())
            with open(f"/proc/{process.pid}/maps", encoding="ascii") as file:
                rights = [line.split()[1] for line in file]
            self.assertFalse([right for right in rights if "w" in right and "x" in right])
            process.communicate("10\n")

    def test_all_ways_to_compute_agree(self):
        for name, (dims, code) in SMALL.items():
            with self.subTest(name):
                self.check(build(self.folder, name), dims, code)

    def test_merged_nodes_give_what_they_give_alone(self):
        for name, (function, dims) in MERGED.items():
            with self.subTest(name):
                graph = Graph(name, 14)
                output = function(graph, graph.input("x", ["N", *dims[1:]]))
                graph.output(output, ["N", "C", "H", "W"])
                model = os.path.join(self.folder, name + ".onnx")
                with open(model, "wb") as file:
                    file.write(graph.encode())
                self.check(model, dims, "f")


if __name__ == "__main__":
    unittest.main()
