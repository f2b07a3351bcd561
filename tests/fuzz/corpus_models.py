#!/usr/bin/python3
"""corpus_models.py - writes the models that onnx_fuzz starts from.

    /usr/bin/python3 tests/fuzz/corpus_models.py tests/fuzz/corpus/onnx_fuzz

Each has a few nodes of one family, so that mutations of names, numbers and lengths reach the
operators; the larger ones are small variants of what tests/agreement compares. Needs Debian's
python3-onnx; the models are committed, so that the tests do not.
"""

import pathlib
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "agreement"))
import exports    # noqa: E402
import networks   # noqa: E402
import quantizers  # noqa: E402
import sequences  # noqa: E402
import tables     # noqa: E402
from graph import FLOAT as F32, INT64 as I64, ML, Graph  # noqa: E402

FLOAT, INT64, UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8


def constant(name, *dims):
    count = int(numpy.prod(dims))
    return numpy_helper.from_array(
        numpy.linspace(-1, 1, count).astype(numpy.float32).reshape(dims), name)


def integers(name, *items):
    return numpy_helper.from_array(numpy.array(items, numpy.int64), name)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def save(folder, name, opset, nodes, constants, inputs, outputs):
    def values(items):
        return [helper.make_tensor_value_info(*item) for item in items]
    graph = helper.make_graph(nodes, name, values(inputs), values(outputs), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                              producer_name="")
    helper.set_model_props(model, {"labels": "a,b"})
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def residual():
    g = Graph(13, 1)
    x = g.unit(g.image(1, 2, 8, 8, declared=["N", 2, 8, 8]), 2, 4)
    y = g.unit(g.unit(x, 4, 4, 3, 2), 4, 4, act=None)
    x = g.relu(g.node("Add", y, g.unit(x, 4, 4, 1, 2, act=None)))
    x = networks.squeeze_excite(g, networks.hard_swish(g, x), 4, 2)
    return g.model(g.classifier(g.unit(x, 4, 4, 3, 1, group=4, act="Relu6"), 4, 3))


def shuffled():
    g = Graph(11, 2)
    x = g.image(1, 4, 4, 4)
    left, right = g.split(x, 1, 2, 2)
    x = networks.shuffle(g, g.node("Concat", left, g.relu(right), axis=1), 4, 2, 4)
    x = g.node("LRN", g.pool(x, 3, 1, 1, "AveragePool"), size=3)
    x = g.node("ConvTranspose", x, g.constant(g.normal(4, 2, 2, 2)), strides=[2, 2])
    x = g.node("Resize", x, "", g.constant(numpy.array([1, 1, 0.5, 2], numpy.float32)), mode="linear")
    return g.model(g.node("LpPool", x, kernel_shape=[2, 2]))


def encoder():
    g = Graph(17, 3)
    ids = g.input("ids", ["N", 4], numpy.zeros((1, 4), numpy.int64), I64)
    x = g.node("Gather", g.constant(g.normal(7, 8)), ids)
    x = sequences.layer_norm(g, g.node("Add", x, sequences.attention(g, x, 8, 2, None, True, False)), 8)
    return g.model(sequences.gelu(g, sequences.attention(g, x, 8, 2, None, False, True)))


def memory(kind):
    g = Graph(14, 4)
    gates = 4 if kind == "LSTM" else 3
    x = g.input("x", [3, 2, 3], g.normal(3, 2, 3))
    weights = [g.constant(g.normal(2, gates * 4, n)) for n in (3, 4)]
    made = g.node(kind, x, *weights, g.constant(g.normal(2, gates * 8)), outputs=2, hidden_size=4,
                  direction="bidirectional")
    return g.model(*made)


def forest(classes, ids):
    g, x = tables.table(seed=5)
    grown = tables.Forest(g, 2, 2, ids, missing=True, modes=tables.MODES)
    label, scores = g.node("TreeEnsembleClassifier", x, outputs=2, domain=ML, post_transform="LOGISTIC",
                           **tables.labels(classes), **grown.attributes("class"))
    grown = tables.Forest(g, 2, 2, range(2))
    y = g.node("TreeEnsembleRegressor", x, domain=ML, n_targets=2, aggregate_function="AVERAGE",
               base_values=[0.5, 1.0], **grown.attributes("target"))
    return g.model(label, scores, y, kinds=[I64, F32, F32])


def everything_else():
    g = Graph(13, 6)
    x = g.input("x", ["N", 3, 4], g.normal(2, 3, 4))
    y = g.node("CumSum", g.node("Pad", x, g.integers(0, 1, 0, 0, 0, 1), mode="reflect"), g.integers(1))
    y = g.node("ScatterND", y, g.constant(numpy.array([[0, 1], [0, 2]], numpy.int64)),
               g.constant(g.normal(2, 5)))
    y = g.slice(y, 0, 3, 2)
    y = g.node("Where", g.node("Greater", y, g.inline(numpy.float32(0))), y, g.node("Neg", y))
    best, places = g.node("TopK", y, g.integers(2), outputs=2)
    picked = g.node("GatherElements", y, places, axis=-1)
    hot = g.node("OneHot", places, g.inline(numpy.int64(3)), g.constant(numpy.array([0, 1], numpy.float32)))
    tiled = g.node("Tile", g.node("Expand", g.reduce("ReduceSum", y, 2), g.integers(1, 1, 2)), g.integers(1, 2, 1))
    return g.model(best, picked, hot, tiled, g.node("ArgMin", y, axis=1),
                   kinds=[F32] * 4 + [I64])


def quantised():
    g = Graph(13, 7)
    scale, zero = g.constant(numpy.float32(0.1)), g.constant(numpy.uint8(3))
    x = g.node("QuantizeLinear", g.image(1, 2, 5, 5), scale, zero)
    weights = g.constant(g.random.integers(0, 9, (3, 2, 3, 3)).astype(numpy.uint8))
    y = g.node("QLinearConv", x, scale, zero, weights, scale, zero, scale, zero)
    y = g.node("MatMulInteger", y, g.constant(g.random.integers(0, 9, (3, 2)).astype(numpy.uint8)), zero, zero)
    made = g.node("DynamicQuantizeLinear", g.node("Cast", y, to=F32), outputs=3)
    return g.model(g.node("DequantizeLinear", *made))


def pair(g, x, step=0.05, zero=0, kind=numpy.int8):
    scale, at = g.constant(numpy.float32(step)), g.constant(kind(zero))
    return g.node("DequantizeLinear", g.node("QuantizeLinear", x, scale, at), scale, at)


def steps(g, *shape, kind=numpy.int8, scale=0.01, **attributes):
    """Constants as steps of one scale, as QDQ has weights and biases."""
    return g.node("DequantizeLinear", g.constant(g.random.integers(-9, 9, shape).astype(kind)),
                  g.constant(numpy.float32(scale)), **attributes)


def chained():
    """Every operator between Quantize- and DequantizeLinear that becomes one over bytes."""
    g = Graph(13, 8)
    x = pair(g, g.image(1, 2, 6, 6, declared=["N", 2, 6, 6]))
    y = g.node("Conv", x, steps(g, 4, 2, 3, 3), steps(g, 4, kind=numpy.int32, scale=0.0005), pads=[1] * 4)
    y = pair(g, g.relu(y), 0.05, -128)
    y = pair(g, g.node("Conv", y, steps(g, 4, 1, 3, 3), group=4, pads=[1] * 4))
    y = pair(g, g.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]))
    y = pair(g, g.node("Concat", pair(g, g.node("Add", y, y)), pair(g, g.node("Sigmoid", y)), axis=1))
    y = pair(g, g.node("AveragePool", y, kernel_shape=[2, 2]))
    y = pair(g, g.node("Resize", y, "", g.constant(numpy.array([1, 1, 2, 2], numpy.float32)), mode="nearest"))
    y = pair(g, g.node("Mul", y, pair(g, g.node("GlobalAveragePool", y))))
    y = pair(g, g.node("Transpose", y, perm=[0, 2, 3, 1]))
    made = pair(g, g.node("MatMul", y, steps(g, 8, 5)))
    flat = pair(g, g.node("Flatten", made))
    return g.model(g.node("Add", g.node("MatMul", y, steps(g, 8, 5)), g.constant(g.normal(5))),
                   g.node("Gemm", flat, steps(g, 3, 80), transB=1))


def grouped():
    """Convolutions of bytes in groups and of single channels, of int8 and uint8, that share weights."""
    g = Graph(13, 9)
    scale, zero, around = (g.constant(x) for x in (numpy.float32(0.1), numpy.uint8(3), numpy.int8(0)))
    x = g.input("x", ["N", 4, 9, 9], g.random.integers(0, 9, (1, 4, 9, 9)).astype(numpy.uint8), UINT8)
    weights = g.constant(g.random.integers(-9, 9, (4, 2, 3, 3)).astype(numpy.int8))
    single = g.constant(g.random.integers(-9, 9, (4, 1, 3, 3)).astype(numpy.int8))
    y = g.node("QLinearConv", x, scale, zero, weights, scale, around, scale, zero, group=2, pads=[1] * 4)
    y = g.node("QLinearConv", y, scale, zero, single, scale, around, scale, zero, group=4, dilations=[2, 2])
    y = g.node("QLinearConv", y, scale, zero, single, scale, around, scale, zero, group=4, auto_pad="SAME_LOWER")
    return g.model(y, g.node("ConvInteger", x, weights, zero, group=2, dilations=[2, 2]), kinds=[UINT8, TensorProto.INT32])


def dynamic():
    """Products whose grids are found while running; a matrix that is read in two shapes, and turned."""
    g = Graph(13, 10)
    x = g.input("x", ["N", 8], g.normal(2, 8))
    made, scale, zero = g.node("DynamicQuantizeLinear", x, outputs=3)
    weights = g.constant(g.random.integers(-9, 9, (8, 4)).astype(numpy.int8))
    y = g.node("Cast", g.node("MatMulInteger", made, weights, zero), to=F32)
    y = g.node("Add", g.node("Mul", y, g.node("Mul", scale, g.constant(numpy.float32(0.1)))), g.constant(g.normal(4)))
    seen = g.node("Reshape", weights, g.integers(4, 8))
    z = g.node("MatMulInteger", g.node("QuantizeLinear", y, scale, zero), seen)
    w = g.constant(g.normal(4, 8))
    return g.model(z, g.node("Gemm", g.node("MatMul", y, w), w, transB=1), kinds=[TensorProto.INT32, F32])


def masked():
    """Attention with what is added to scores, and with what chooses among them."""
    g = Graph(13, 11)
    x = g.input("x", ["N", 5, 8], g.normal(1, 5, 8))
    x = g.node("Add", x, sequences.attention(g, x, 8, 2, g.constant(g.normal(1, 1, 5, 5)), True, False))
    q, k, v = (sequences.heads(g, x, 2, 4, True) for _ in range(3))
    scores = g.node("MatMul", g.node("Mul", q, g.inline(numpy.float32(0.5))), g.node("Transpose", k, perm=[0, 1, 3, 2]))
    chosen = g.constant(numpy.tril(numpy.ones((1, 1, 5, 5), bool)))
    scores = g.node("Where", chosen, scores, g.inline(numpy.float32(-1e4)))
    y = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
    return g.model(g.node("Transpose", y, perm=[0, 2, 1, 3]))


def curves():
    """Curves in the spellings of exporters; a ConvTranspose in groups; Resize between points."""
    g = Graph(13, 12)
    six, three, sixth = (g.constant(numpy.float32(x)) for x in (6, 3, 1 / 6))

    def clipped(x):
        return g.clip(g.node("Add", x, three))

    x = g.image(1, 4, 4, 4, declared=["N", 4, 4, 4])
    x = g.node("Mul", x, g.node("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    x = g.node("Div", g.node("Mul", x, clipped(x)), six)
    x = g.node("Mul", g.node("Mul", clipped(x), sixth), x)
    x = g.node("Mul", x, g.node("Sigmoid", x))
    x = sequences.gelu(g, sequences.gelu(g, x), "tanh")
    x = g.node("ConvTranspose", x, g.constant(g.normal(4, 1, 3, 3)), g.constant(g.normal(2)), group=2,
               strides=[2, 2], pads=[1, 0, 1, 0], output_padding=[1, 1])
    y = g.node("Resize", x, "", "", g.integers(1, 2, 3, 5), mode="cubic", coordinate_transformation_mode="align_corners")
    return g.model(y, g.node("Resize", x, "", g.constant(numpy.array([1, 1, 2, 0.5], numpy.float32)), mode="linear"))


SMALL = {
    "chained": chained, "grouped": grouped, "dynamic": dynamic, "masked": masked, "curves": curves,
    "residual": residual, "shuffled": shuffled, "encoder": encoder, "einsums": sequences.einsums,
    "lstm": lambda: memory("LSTM"), "gru": lambda: memory("GRU"), "quantised": quantised,
    "forest": lambda: forest(3, range(3)), "forest-binary": lambda: forest(2, (0,)),
    "features": tables.features, "zipmap": lambda: tables.columns(2, 2), "svm": lambda: tables.svm(2, likely=True),
    "linear": lambda: tables.linear(3, text=True), "svr": tables.svm_regressor,
    "others": everything_else, "detector": sequences.detector,
    "branches": exports.branches, "parts": quantizers.exact, "looked-up": lambda: tables.looked_up(True),
    "coded": lambda: tables.boosted("lightgbm", True, 2),
}


def main(folder):
    for name, make in SMALL.items():
        (folder / f"{name}.onnx").write_bytes(make()[0].SerializeToString())
    save(folder, "perceptron", 13,
         [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Relu", "c", "d"),
          node("Gemm", "d v b", "e", transB=1, alpha=0.5), node("Softmax", "e", "y")],
         [constant("w", 3, 4), constant("b", 4), constant("v", 4, 4)],
         [("x", FLOAT, ["N", 3])], [("y", FLOAT, ["N", 4])])
    save(folder, "convolution", 11,
         [node("Conv", "x w", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
          node("BatchNormalization", "a s s s v", "b"), node("Clip", "b", "c"),
          node("Conv", "c g", "d", group=4, auto_pad="SAME_UPPER"),
          node("MaxPool", "d", "e", kernel_shape=[2, 2], ceil_mode=1),
          node("Concat", "e e", "f", axis=1), node("GlobalAveragePool", "f", "h"),
          node("Flatten", "h", "y")],
         [constant("w", 4, 2, 3, 3), constant("s", 4),
          numpy_helper.from_array(numpy.ones(4, numpy.float32), "v"), constant("g", 4, 1, 3, 3)],
         [("x", FLOAT, ["N", 2, 8, 8])], [("y", FLOAT, ["N", 8])])
    save(folder, "shapes", 13,
         [node("Reshape", "x s", "a"), node("Transpose", "a", "b", perm=[1, 0, 2]),
          node("Unsqueeze", "b one", "c"), node("Squeeze", "c one", "d"),
          node("Concat", "d d", "e", axis=-1), node("ArgMax", "e", "y", axis=2, keepdims=0)],
         [integers("s", 2, -1, 3), integers("one", 1)],
         [("x", FLOAT, [4, 6])], [("y", INT64, [4, 2])])
    save(folder, "pools", 12,
         [node("AveragePool", "x", "a", kernel_shape=[3], pads=[1, 1], count_include_pad=1),
          node("MaxPool", "a", "b i", kernel_shape=[2], dilations=[2]),
          node("LeakyRelu", "b", "c"), node("Tanh", "c", "d"), node("Dropout", "d", "y")],
         [], [("x", FLOAT, [1, 2, 9])], [("y", FLOAT, [1, 2, 7]), ("i", INT64, [1, 2, 7])])
    save(folder, "integers", 14,
         [node("Constant", "", "k", value_ints=[1, 2, 0]), node("Cast", "x", "a", to=INT64),
          node("Div", "a k", "b"), node("Mul", "b k", "c"), node("Sub", "c s", "d"),
          node("Cast", "d", "y", to=UINT8)],
         [], [("x", UINT8, ["N", 3]), ("s", INT64, [1])], [("y", UINT8, ["N", 3])])
    save(folder, "asked", 14, [node("Reshape", "x s", "y", allowzero=1)], [],
         [("x", FLOAT, [2, 3]), ("s", INT64, [2])], [("y", FLOAT, ["A", "B"])])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
