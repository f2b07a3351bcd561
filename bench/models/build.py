#!/usr/bin/python3
"""build.py - models of seeded random weights, for benchmarks and comparisons.

    build.py DIR [NAME...]     writes DIR/NAME.onnx for each name, or for all; existing ones stay
    build.py --list

The same name gives the same file everywhere. The batch is dynamic ("N") in all of them.
"""

import os
import sys

import quantized
from graph import INT64, Graph


def _finish(graph, x, size, features=1000):
    """Global average, then one linear layer."""
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])], axis=1)
    return _end(graph, graph.linear(x, size, features), features)


def _end(graph, x, features):
    graph.output(x, ["N", features])
    return graph


# --- MobileNetV2: normalizations folded already, ReLU6 as Clip ------------------------------------

def _relu6(graph, x, bounds):
    return graph.node("Clip", [x, *bounds])


def mobilenetv2():
    graph = Graph("mobilenetv2")
    bounds = graph.constant([0.0], []), graph.constant([6.0], [])
    x = graph.input("x", ["N", 3, 224, 224])
    x = _relu6(graph, graph.conv(x, 3, 32, 3, 2), bounds)
    channels = 32
    for expand, features, repeat, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2),
                                             (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                             (6, 320, 1, 1)]:
        for i in range(repeat):
            y, hidden = x, channels * expand
            if expand > 1:
                y = _relu6(graph, graph.conv(y, channels, hidden, 1), bounds)
            y = _relu6(graph, graph.conv(y, hidden, hidden, 3, stride if i == 0 else 1,
                                         group=hidden), bounds)
            y = graph.conv(y, hidden, features, 1, gain=1.0)
            same = channels == features and (stride == 1 or i > 0)
            x = graph.node("Add", [x, y]) if same else y
            channels = features
    return _finish(graph, _relu6(graph, graph.conv(x, channels, 1280, 1), bounds), 1280)


# --- ResNet-50 and DenseNet-121: normalizations in the graph --------------------------------------

def resnet50():
    graph = Graph("resnet50")

    def part(x, channels, features, kernel, stride=1, gain=1.0):
        x = graph.conv(x, channels, features, kernel, stride, bias=False)
        return graph.normalize(x, features, gain)

    x = graph.relu(part(graph.input("x", ["N", 3, 224, 224]), 3, 64, 7, 2))
    x = graph.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, repeat, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(repeat):
            step = stride if i == 0 else 1
            y = graph.relu(part(x, channels, width, 1))
            y = graph.relu(part(y, width, width, 3, step))
            y = part(y, width, width * 4, 1, gain=0.25)
            x = part(x, channels, width * 4, 1, step, gain=0.7) if i == 0 else x
            x = graph.relu(graph.node("Add", [y, x]))
            channels = width * 4
    return _finish(graph, x, channels)


def densenet121():
    graph = Graph("densenet121")
    growth = 32
    x = graph.conv(graph.input("x", ["N", 3, 224, 224]), 3, 64, 7, 2, bias=False)
    x = graph.relu(graph.normalize(x, 64))
    x = graph.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for block, layers in enumerate([6, 12, 24, 16]):
        for _ in range(layers):
            y = graph.relu(graph.normalize(x, channels))
            y = graph.conv(y, channels, 4 * growth, 1, bias=False)
            y = graph.relu(graph.normalize(y, 4 * growth))
            y = graph.conv(y, 4 * growth, growth, 3, bias=False, gain=1.0)
            x = graph.node("Concat", [x, y], axis=1)
            channels += growth
        x = graph.relu(graph.normalize(x, channels))
        if block < 3:
            x = graph.conv(x, channels, channels // 2, 1, bias=False, gain=1.0)
            x = graph.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
            channels //= 2
    return _finish(graph, x, channels)


# --- small ones -----------------------------------------------------------------------------------

def cnn_small():
    graph = Graph("cnn_small")
    x, channels = graph.input("x", ["N", 3, 32, 32]), 3
    for features in (32, 64, 128):
        x = graph.relu(graph.conv(x, channels, features, 3))
        x = graph.relu(graph.conv(x, features, features, 3))
        x = graph.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
        channels = features
    x = graph.node("Flatten", [x], axis=1)
    x = graph.relu(graph.linear(x, 128 * 4 * 4, 128, gain=2.0))
    return _end(graph, graph.node("Softmax", [graph.linear(x, 128, 10)], axis=1), 10)


def mlp_small():
    graph = Graph("mlp_small")
    x = graph.relu(graph.linear(graph.input("x", ["N", 784]), 784, 512, gain=2.0))
    x = graph.relu(graph.linear(x, 512, 256, gain=2.0))
    return _end(graph, graph.node("Softmax", [graph.linear(x, 256, 10)], axis=1), 10)


def tabular_mlp():
    """As exported from scikit-learn or Keras: MatMul and Add, activations with exponentials."""
    graph = Graph("tabular_mlp")
    x = graph.node("Tanh", [graph.matmul_add(graph.input("x", ["N", 30]), 30, 64)])
    x = graph.node("Tanh", [graph.matmul_add(x, 64, 64)])
    x = graph.node("Elu", [graph.matmul_add(x, 64, 32)])
    x = graph.node("Sigmoid", [graph.matmul_add(x, 32, 16)])
    return _end(graph, graph.node("Softmax", [graph.matmul_add(x, 16, 4)], axis=1), 4)


def _layer_norm(graph, x, size):
    """As exporters write it before opset 17."""
    centred = graph.node("Sub", [x, graph.node("ReduceMean", [x], axes=[-1])])
    square = graph.node("Pow", [centred, graph.constant([2.0], [])])
    variance = graph.node("ReduceMean", [square], axes=[-1])
    root = graph.node("Sqrt", [graph.node("Add", [variance, graph.constant([1e-5], [])])])
    scale = graph.constant([graph.random.uniform(0.8, 1.2) for _ in range(size)])
    scaled = graph.node("Mul", [graph.node("Div", [centred, root]), scale])
    return graph.node("Add", [scaled, graph.weights([size], 0.1)])


def _gelu(graph, x):
    erf = graph.node("Erf", [graph.node("Div", [x, graph.constant([2.0 ** 0.5], [])])])
    grown = graph.node("Mul", [x, graph.node("Add", [erf, graph.constant([1.0], [])])])
    return graph.node("Mul", [grown, graph.constant([0.5], [])])


def _attention(graph, x, tokens, size, heads):
    def part(order):
        y = graph.matmul_add(x, size, size)
        y = graph.node("Reshape", [y, graph.integers(0, tokens, heads, size // heads)])
        return graph.node("Transpose", [y], perm=order)

    q, k, v = part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3])
    root = graph.constant([(size / heads) ** 0.5], [])
    scores = graph.node("Div", [graph.node("MatMul", [q, k]), root])
    mixed = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), v])
    mixed = graph.node("Transpose", [mixed], perm=[0, 2, 1, 3])
    mixed = graph.node("Reshape", [mixed, graph.integers(0, tokens, size)])
    return graph.matmul_add(mixed, size, size)


def _encoder(name, tokens, size, heads, words=1000):
    """Two layers over token numbers, in the shape of BERT."""
    graph = Graph(name)
    x = graph.input("x", ["N", tokens], INT64)
    x = graph.node("Gather", [graph.weights([words, size], 1.0), x])
    x = _layer_norm(graph, graph.node("Add", [x, graph.weights([tokens, size], 0.5)]), size)
    for _ in range(2):
        x = graph.node("Add", [x, _attention(graph, x, tokens, size, heads)])
        x = _layer_norm(graph, x, size)
        y = _gelu(graph, graph.matmul_add(x, size, 4 * size))
        x = graph.node("Add", [x, graph.matmul_add(y, 4 * size, size)])
        x = _layer_norm(graph, x, size)
    x = graph.node("ReduceMean", [x], axes=[1], keepdims=0)
    return _end(graph, graph.linear(x, size, 4), 4)


def transformer_small():
    return _encoder("transformer_small", 64, 128, 4)


def bert_128():
    return _encoder("bert_128", 128, 768, 12)


def bert_384():
    return _encoder("bert_384", 384, 768, 12)


NETWORKS = {function.__name__: function for function in (
    mobilenetv2, resnet50, densenet121, cnn_small, mlp_small, transformer_small, tabular_mlp,
    bert_128, bert_384)}
NETWORKS.update(quantized.NETWORKS)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(NETWORKS))
        return
    if len(sys.argv) < 2 or any(name not in NETWORKS for name in sys.argv[2:]):
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[2:] or NETWORKS:
        path = os.path.join(folder, name + ".onnx")
        if not os.path.exists(path):
            with open(path + ".part", "wb") as file:
                file.write(NETWORKS[name]().encode())
            os.rename(path + ".part", path)


if __name__ == "__main__":
    main()
