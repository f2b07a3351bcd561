"""Small networks over 8-bit numbers in every form that ONNX Runtime's quantizers write: operators of com.microsoft,
pairs of (De)QuantizeLinear, numbers found while running."""

import numpy
from onnx import TensorProto

from graph import FLOAT, INT64, Graph
from quantized import STEPS

INT8 = TensorProto.INT8
F, U, S = numpy.float32, numpy.uint8, numpy.int8
MICROSOFT = "com.microsoft"


class Bytes(Graph):
    """A tensor of bytes is a triple: its name, its scale, its zero point."""

    def grid(self, span=6.0, zero=0, kind=U):
        return self.constant(F(span / 255)), self.constant(kind(zero))

    def quantize(self, x, span=6.0, zero=128, kind=U):
        scale, at = self.grid(span, zero, kind)
        return self.node("QuantizeLinear", x, scale, at), scale, at

    def reals(self, x):
        return self.node("DequantizeLinear", *x)

    def ours(self, kind, *inputs, grid=None, before=False, **attributes):
        scale, at = grid or self.grid()
        order = [scale, at, *inputs] if before else [*inputs, scale, at]
        return self.node(kind, *order, domain=MICROSOFT, **attributes), scale, at

    def conv(self, x, channels, filters, kernel=3, stride=1, per_channel=True, group=1, kind=S, grid=None):
        count = filters if per_channel else 1
        low, high = (-127, 128) if kind == S else (0, 256)
        weights = self.constant(self.random.integers(low, high, (filters, channels // group, kernel, kernel)).astype(kind))
        scales = self.constant(self.uniform(count, low=0.6, high=1.2) * F(1.2 / 74 / (channels // group) ** 0.5 / kernel))
        zeros = self.constant(numpy.full(count, 0 if kind == S else 128, kind))
        if not per_channel:
            scales, zeros = self.constant(F(0.004)), self.constant(kind(0 if kind == S else 131))
        bias = self.constant(self.random.integers(-300, 300, filters).astype(numpy.int32))
        scale, at = grid or self.grid()
        y = self.node("QLinearConv", *x, weights, scales, zeros, scale, at, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                      pads=[kernel // 2] * 4, group=group)
        return y, scale, at


def operators(kind=U, opset=11):
    """As quantize_static(QOperator): what is between convolutions, and what moves bytes."""
    g = Bytes(opset, 401)
    zero = 128 if kind == U else 3
    x = g.image(2, 3, 18, 18, declared=["N", 3, 18, 18])
    x = g.quantize(x, 7.0, zero, kind)
    grid = lambda span=6.0, z=zero: g.grid(span, z, kind)
    a = g.conv(x, 3, 16, grid=grid())
    a = (g.node("MaxPool", a[0], kernel_shape=[2, 2], strides=[2, 2]) if opset > 11 else a[0], *a[1:])
    b = g.conv(a, 16, 16, per_channel=False, kind=kind if kind == U else S, grid=grid(4.0))
    c = g.ours("QLinearLeakyRelu", *b, grid=grid(3.0), alpha=0.1)
    d = g.ours("QLinearSigmoid", *c, grid=grid(1.2, 0 if kind == U else -128))
    swish = g.ours("QLinearMul", *c, *d, grid=grid(2.0))
    total = g.ours("QLinearAdd", *a, *swish, grid=grid(8.0))
    joined = g.ours("QLinearConcat", *a, *c, *total, grid=grid(7.0), before=True, axis=1)
    mean = g.ours("QLinearAveragePool", *joined, grid=grid(5.0), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    half = g.ours("QLinearAveragePool", *joined, grid=grid(5.0), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    all_ = g.ours("QLinearGlobalAveragePool", *mean, grid=grid(3.0), channels_last=0)
    flat = (g.node("Flatten", all_[0], axis=1), *all_[1:])
    weights = g.constant(g.random.integers(-127, 128, (48, 10)).astype(S))
    sums = g.ours("QGemm", *flat, weights, g.constant(F(0.003)), g.constant(S(0)), g.constant(g.random.integers(-200, 200, 10).astype(numpy.int32)), grid=grid(3.0),
                  alpha=1.0, transA=0, transB=0)
    moved = [(g.node("Transpose", total[0], perm=[0, 2, 3, 1]), *total[1:]), (g.node("Reshape", total[0], g.integers(0, 16, -1)), *total[1:])]
    if opset > 12:
        moved.append((g.node("Pad", total[0], g.integers(0, 0, 1, 1, 0, 0, 1, 1), total[2]), *total[1:]))
        moved += [(part, *total[1:]) for part in g.split(total[0], 1, 6, 10)]
        moved.append((g.node("Gather", total[0], g.integers(3, 1), axis=1), *total[1:]))
        moved.append((g.node("Resize", total[0], "", g.constant(F([1, 1, 2, 2])), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"), *total[1:]))
        moved.append((g.node("Slice", total[0], g.integers(1), g.integers(5), g.integers(1)), *total[1:]))
    best = g.node("ArgMax", sums[0], axis=1, keepdims=0) if opset > 12 else None
    outputs = [g.reals(y) for y in (b, c, d, swish, total, joined, mean, half, sums, *moved)]
    return g.model(*outputs, *([best] if best else []), kinds=[FLOAT] * len(outputs) + ([INT64] if best else []))


def softmax(kind=U):
    """ONNX Runtime counts in fixed point here: a step of the grid apart."""
    g = Bytes(13, 402)
    zero = 0 if kind == U else -128
    x = g.quantize(g.input("x", ["N", 5, 12], g.normal(3, 5, 12, scale=2)), 10.0, 120 if kind == U else -5, kind)
    outputs = [g.ours("QLinearSoftmax", *x, grid=g.grid(255 / 256, zero, kind), axis=axis, opset=opset) for axis, opset in ((-1, 13), (1, 11), (1, 13))]
    return g.model(*[g.reals(y) for y in outputs])


def exact(kind=U):
    """What gives the very bytes: tables, parts put together, averages."""
    g = Bytes(13, 406)
    zero = 128 if kind == U else 3
    grid = lambda span=6.0, z=zero: g.grid(span, z, kind)
    a, b = (g.quantize(g.input(name, ["N", 5, 9, 8], g.normal(2, 5, 9, 8)), span, zero, kind) for name, span in (("a", 6.0), ("b", 4.0)))
    joined = g.ours("QLinearConcat", *a, *b, *a, grid=grid(6.0), before=True, axis=-3)
    made = [joined, g.ours("QLinearConcat", *a, *b, grid=grid(5.0), before=True, axis=3), g.ours("QLinearLeakyRelu", *a, grid=grid(3.0), alpha=0.2),
            g.ours("QLinearSigmoid", *b, grid=grid(1.1, 0 if kind == U else -128)), g.ours("QLinearAveragePool", *joined, grid=grid(3.0), kernel_shape=[3, 3], strides=[2, 2]),
            g.ours("QLinearAveragePool", *a, grid=grid(2.93), kernel_shape=[3, 2], strides=[1, 1], auto_pad="SAME_UPPER")]
    scale, at = grid(5.0)
    again = g.node("DequantizeLinear", g.node("QuantizeLinear", "a", scale, at, domain=MICROSOFT), scale, at, domain=MICROSOFT)
    return g.model(*[g.reals(y) for y in made], again)


def where():
    g = Bytes(13, 403)
    a, b = (g.quantize(g.input(name, ["N", 4, 6], g.normal(3, 4, 6)), span, zero) for name, span, zero in (("a", 6.0, 128), ("b", 4.0, 100)))
    mask = g.input("mask", [4, 6], g.random.random((4, 6)) < 0.5, 9)
    return g.model(g.reals(g.ours("QLinearWhere", mask, *a, *b, grid=g.grid(5.0, 110))))


def pairs(kind=S, opset=13):
    """As quantize_static(QDQ): every operator between pairs, weights per channel, biases of 32 bits, Relu and Clip left in."""
    g = Graph(opset, 404)
    low = -128 if kind == S else 0

    def pair(x, span=6.0, zero=0):
        scale, at = g.constant(F(span / 255)), g.constant(kind(zero))
        return g.node("DequantizeLinear", g.node("QuantizeLinear", x, scale, at), scale, at)

    def weights(*shape, axis=0):
        scales = g.uniform(shape[axis], low=0.5, high=1.5) * F(2 / 127 / numpy.prod(shape[1:]) ** 0.5)
        return g.node("DequantizeLinear", g.constant(g.random.integers(-127, 128, shape).astype(S)), g.constant(scales),
                      g.constant(numpy.zeros(shape[axis], S)), axis=axis), scales

    def conv(x, channels, filters, step, group=1, stride=1):
        w, scales = weights(filters, channels // group, 3, 3)
        bias = g.node("DequantizeLinear", g.constant(g.random.integers(-500, 500, filters).astype(numpy.int32)), g.constant((scales * F(step)).astype(F)),
                      g.constant(numpy.zeros(filters, numpy.int32)), axis=0)
        return g.node("Conv", x, w, bias, pads=[1] * 4, kernel_shape=[3, 3], group=group, strides=[stride] * 2)

    x = pair(g.image(2, 3, 16, 16, declared=["N", 3, 16, 16]), 7.0, low + 128)
    x = pair(g.relu(conv(x, 3, 16, 7 / 255)), 6.0, low)
    y = pair(g.clip(conv(x, 16, 16, 6 / 255, 16)), 6.0, low)
    z = pair(g.node("Add", x, y), 12.0, low)
    z = pair(g.node("MaxPool", z, kernel_shape=[2, 2], strides=[2, 2]), 12.0, low)
    gate = pair(g.node("Sigmoid", z), 1.0, low)
    z = pair(g.node("Mul", z, gate), 12.0, low)
    joined = pair(g.node("Concat", z, gate, axis=1), 12.0, low)
    mean = pair(g.node("AveragePool", joined, kernel_shape=[2, 2], strides=[2, 2]), 8.0, low)
    up = pair(g.node("Resize", mean, "", g.constant(F([1, 1, 2, 2])), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"), 8.0, low)
    flat = pair(g.node("Flatten", pair(g.node("GlobalAveragePool", mean), 4.0, low)), 4.0, low)
    w, _ = weights(10, 32)
    sums = pair(g.node("Gemm", flat, w, transB=1), 6.0, low + 128)
    w, _ = weights(32, 7, axis=1)
    more = pair(g.node("MatMul", flat, w), 6.0, low + 128)
    return g.model(sums, more, g.node("Softmax", sums, axis=1), up)


def dynamic(opset=11):
    """As quantize_dynamic: grids found while running, sums made real, weights per column or of one scale; and embeddings of bytes."""
    g = Graph(opset, 405)
    ids = g.input("ids", ["N", "T"], g.random.integers(0, 40, (2, 7)), INT64)
    table = g.constant(g.random.integers(0, 256, (40, 24)).astype(U))
    x = g.node("DequantizeLinear", g.node("Gather", table, ids), g.constant(F(0.01)), g.constant(U(120)))

    def product(x, a, b, per_column):
        y, scale, zero = g.node("DynamicQuantizeLinear", x, outputs=3)
        weights = g.constant(g.random.integers(-127, 128, (a, b)).astype(S) if per_column else g.random.integers(0, 256, (a, b)).astype(U))
        zeros = g.constant(numpy.zeros(b, S)) if per_column else g.constant(U(125))
        scales = g.constant(g.uniform(b) * F(0.01)) if per_column else g.constant(F(0.01))
        sums = g.node("Cast", g.node("MatMulInteger", y, weights, zero, zeros), to=FLOAT)
        return g.node("Add", g.node("Mul", sums, g.node("Mul", scale, scales)), g.constant(g.normal(b)))
    x = g.relu(product(x, 24, 32, False))
    x = g.node("Tanh", product(x, 32, 16, True))
    image = g.node("Unsqueeze", x, axes=[1]) if opset < 13 else g.unsqueeze(x, 1)
    y, scale, zero = g.node("DynamicQuantizeLinear", image, outputs=3)
    sums = g.node("ConvInteger", y, g.constant(g.random.integers(0, 256, (5, 1, 3, 3)).astype(U)), zero, g.constant(U(128)), pads=[1] * 4, kernel_shape=[3, 3])
    picture = g.node("Add", g.node("Mul", g.node("Cast", sums, to=FLOAT), g.node("Mul", scale, g.constant(F(0.02)))), g.constant(g.normal(1, 5, 1, 1)))
    return g.model(x, picture)


MODELS = {
    **{f"qoperator-{'uint8' if kind == U else 'int8'}-{opset}": lambda k=kind, o=opset: operators(k, o) for kind in (U, S) for opset in (11, 13)},
    **{f"qoperator-softmax-{'uint8' if kind == U else 'int8'}": lambda k=kind: softmax(k) for kind in (U, S)},
    **{f"qoperator-exact-{'uint8' if kind == U else 'int8'}": lambda k=kind: exact(k) for kind in (U, S)},
    "qoperator-where": where,
    **{f"qdq-{'uint8' if kind == U else 'int8'}": lambda k=kind: pairs(k) for kind in (U, S)},
    **{f"dynamic-{opset}": lambda o=opset: dynamic(o) for opset in (11, 13)},
}
# some steps of a grid: sums of maps are in fixed point there (see quantized.py), and floats fall beside ties
LIMITS = {name: STEPS for name in MODELS if name.startswith(("qoperator-int", "qoperator-uint", "qdq"))}
