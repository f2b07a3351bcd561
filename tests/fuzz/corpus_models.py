#!/usr/bin/python3
"""corpus_models.py - writes the models that onnx_fuzz starts from.

    /usr/bin/python3 tests/fuzz/corpus_models.py tests/fuzz/corpus/onnx_fuzz

Each has a few nodes of one family, so that mutations of names, numbers and lengths reach the
operators. Needs Debian's python3-onnx; the models are committed, so that the tests do not.
"""

import pathlib
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper

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


def main(folder):
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
