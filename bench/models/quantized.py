"""quantized.py - networks over 8-bit numbers, as ONNX Runtime's static quantizer writes them.

Two forms of each: "qlinear" has the operators over bytes (QLinearConv, and com.microsoft's
QLinearAdd, QLinearGlobalAveragePool, QGemm); "qdq" has the real ones between QuantizeLinear and
DequantizeLinear. Activations are uint8, weights int8 with a scale per feature, biases int32;
normalizations are folded and the bounds of ReLU and ReLU6 lie in the grids, as the quantizer leaves
them. Grids are drawn, not calibrated: numbers have a variance of about 1.
"""

import math

from graph import INT32, INT8, INT64, UINT8, Graph

RELU, RELU6, REAL = (6.0, 0), (6.0, 0), (12.0, 128)  # the span of a grid and its zero point
DEVIATION = 73.3  # of the bytes that weights are drawn from


class Map:
    """A tensor of bytes: its name (of the reals in the form qdq), scale and zero point."""

    def __init__(self, name, scale, zero, step):
        self.name, self.scale, self.zero, self.step = name, scale, zero, step


class Quantized(Graph):
    def __init__(self, name, form):
        super().__init__(name)
        self.reals = form == "qdq"
        if not self.reals:
            self.opsets["com.microsoft"] = 1

    def grid(self, span, zero):
        step = span * self.random.uniform(0.9, 1.1) / 255
        return self.constant([step], []), self.constant([zero], [], UINT8), step

    def quantize(self, x, span):
        """Reals become a map."""
        scale, zero, step = self.grid(*span)
        return self._leave(self.node("QuantizeLinear", [x, scale, zero]), scale, zero, step)

    def _leave(self, name, scale, zero, step):
        if self.reals:
            name = self.node("DequantizeLinear", [name, scale, zero])
        return Map(name, scale, zero, step)

    def _result(self, x, span, real=None):
        """The map of an operator's output: made real by `real`, or by `x`, which takes its grid."""
        scale, zero, step = self.grid(*span)
        name = self.node("QuantizeLinear", [real, scale, zero]) if self.reals else x(scale, zero)
        return self._leave(name, scale, zero, step)

    def dequantize(self, x):
        return x.name if self.reals else self.node("DequantizeLinear", [x.name, x.scale, x.zero])

    def _weights(self, x, dims, fan_in, gain, axis=0):
        """Bytes, scales, zero points, bias of weights for the map x."""
        features = dims[axis]
        picks = self.random.randbytes(math.prod(dims))
        bytes_ = self.constant((max(byte - 128, -127) for byte in picks), dims, INT8)
        steps = [math.sqrt(gain / fan_in) / DEVIATION * self.random.uniform(0.8, 1.2)
                 for _ in range(features)]
        scales, zeros = self.constant(steps), self.constant([0] * features, None, INT8)
        products = [x.step * step for step in steps]
        bias = self.constant((round(self.random.gauss(0, 0.05) / step) for step in products),
                             [features], INT32)
        if not self.reals:
            return [bytes_, scales, zeros], bias
        zero = self.constant([0] * features, None, INT32)
        return (self.node("DequantizeLinear", [bytes_, scales, zeros], axis=axis),
                self.node("DequantizeLinear", [bias, self.constant(products), zero], axis=0))

    def layer(self, x, channels, features, kernel, stride=1, group=1, span=RELU, gain=2.0):
        fan_in = channels // group * kernel * kernel
        weights, bias = self._weights(x, [features, channels // group, kernel, kernel], fan_in, gain)
        window = {"kernel_shape": [kernel, kernel], "strides": [stride, stride],
                  "pads": [kernel // 2] * 4, "group": group}
        if self.reals:
            return self._result(None, span, self.node("Conv", [x.name, weights, bias], **window))
        return self._result(lambda scale, zero: self.node(
            "QLinearConv", [x.name, x.scale, x.zero, *weights, scale, zero, bias], **window), span)

    def dense(self, x, size, features, span=REAL, gain=1.0):
        weights, bias = self._weights(x, [features, size], size, gain)
        if self.reals:
            return self._result(None, span, self.node("Gemm", [x.name, weights, bias], transB=1))
        return self._result(lambda scale, zero: self.node(
            "QGemm", [x.name, x.scale, x.zero, *weights, bias, scale, zero],
            domain="com.microsoft", transB=1), span)

    def sum(self, x, y, span=REAL):
        if self.reals:
            return self._result(None, span, self.node("Add", [x.name, y.name]))
        return self._result(lambda scale, zero: self.node(
            "QLinearAdd", [x.name, x.scale, x.zero, y.name, y.scale, y.zero, scale, zero],
            domain="com.microsoft"), span)

    def average(self, x):
        if self.reals:
            return self._result(None, RELU, self.node("GlobalAveragePool", [x.name]))
        return self._result(lambda scale, zero: self.node(
            "QLinearGlobalAveragePool", [x.name, x.scale, x.zero, scale, zero],
            domain="com.microsoft", channels_last=0), RELU)

    def moved(self, x, kind, **attributes):
        """An operator that leaves the grid as it is."""
        name = self.node(kind, [x.name], **attributes)
        if self.reals:
            name = self.node("QuantizeLinear", [name, x.scale, x.zero])
        return self._leave(name, x.scale, x.zero, x.step)

    def finish(self, x, size, features):
        x = self.dense(self.moved(x, "Flatten", axis=1), size, features)
        self.output(self.dequantize(x), ["N", features])
        return self


def mobilenetv2(form):
    graph = Quantized("mobilenetv2_" + form, form)
    x = graph.quantize(graph.input("x", ["N", 3, 224, 224]), REAL)
    x, channels = graph.layer(x, 3, 32, 3, 2, span=RELU6), 32
    for expand, features, repeat, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2),
                                             (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                             (6, 320, 1, 1)]:
        for i in range(repeat):
            y, hidden, step = x, channels * expand, stride if i == 0 else 1
            if expand > 1:
                y = graph.layer(y, channels, hidden, 1, span=RELU6)
            y = graph.layer(y, hidden, hidden, 3, step, group=hidden, span=RELU6)
            y = graph.layer(y, hidden, features, 1, span=REAL, gain=1.0)
            x = graph.sum(x, y) if channels == features and step == 1 else y
            channels = features
    x = graph.average(graph.layer(x, channels, 1280, 1, span=RELU6))
    return graph.finish(x, 1280, 1000)


def resnet50(form):
    graph = Quantized("resnet50_" + form, form)
    x = graph.quantize(graph.input("x", ["N", 3, 224, 224]), REAL)
    x = graph.layer(x, 3, 64, 7, 2)
    x = graph.moved(x, "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, repeat, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(repeat):
            step = stride if i == 0 else 1
            y = graph.layer(x, channels, width, 1)
            y = graph.layer(y, width, width, 3, step)
            y = graph.layer(y, width, width * 4, 1, span=REAL, gain=0.5)
            if i == 0:
                x = graph.layer(x, channels, width * 4, 1, step, span=REAL, gain=0.7)
            x, channels = graph.sum(y, x, RELU), width * 4
    return graph.finish(graph.average(x), channels, 1000)


def cnn_small(form):
    graph = Quantized("cnn_small_" + form, form)
    x, channels = graph.quantize(graph.input("x", ["N", 3, 32, 32]), REAL), 3
    for features in (32, 64, 128):
        x = graph.layer(x, channels, features, 3)
        x = graph.layer(x, features, features, 3)
        x = graph.moved(x, "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        channels = features
    x = graph.dense(graph.moved(x, "Flatten", axis=1), 128 * 4 * 4, 128, RELU, gain=2.0)
    x = graph.dense(x, 128, 10)
    graph.output(graph.node("Softmax", [graph.dequantize(x)], axis=1), ["N", 10])
    return graph


def transformer_dynamic():
    """Weights of products alone are bytes; activations get their grid while it runs."""
    graph = Graph("transformer_dynamic")
    size, words, tokens = 128, 1000, 64

    def product(x, inside, features):
        x, scale, zero = graph.node("DynamicQuantizeLinear", [x], 3)
        picks = graph.random.randbytes(inside * features)
        w = graph.constant((max(byte - 128, -127) for byte in picks), [inside, features], INT8)
        step = graph.constant([1 / math.sqrt(inside) / DEVIATION], [])
        sums = graph.node("MatMulInteger", [x, w, zero, graph.constant([0], [], INT8)])
        y = graph.node("Mul", [graph.node("Cast", [sums], to=1), graph.node("Mul", [scale, step])])
        return graph.node("Add", [y, graph.weights([features], 0.05)])

    x = graph.input("x", ["N", tokens], INT64)
    x = graph.node("Gather", [graph.weights([words, size], 1.0), x])
    for _ in range(2):
        y = graph.relu(product(x, size, 4 * size))
        x = graph.node("Add", [x, product(y, 4 * size, size)])
    x = graph.node("ReduceMean", [x], axes=[1], keepdims=0)
    graph.output(product(x, size, 4), ["N", 4])
    return graph


NETWORKS = {f"{make.__name__}_{form}": (lambda make=make, form=form: make(form))
            for make in (mobilenetv2, resnet50, cnn_small) for form in ("qlinear", "qdq")}
NETWORKS["transformer_dynamic"] = transformer_dynamic
