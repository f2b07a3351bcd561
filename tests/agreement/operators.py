"""Small graphs that put what exporters write of one kind side by side: every form of an operator."""

import numpy
from onnx import helper

from graph import BOOL, DOUBLE, FLOAT, INT32, INT64, UINT8, Graph

F, I = numpy.float32, numpy.int64


def integer_arithmetic(opset=13):
    """What shapes, masks and positions are computed with."""
    g = Graph(opset, 201)
    a = g.input("a", ["N", 5], g.random.integers(-9, 9, (4, 5)), INT64)
    b = g.input("b", [5], numpy.array([3, -2, 4, 1, -7]), INT64)
    c = g.input("c", ["N", 5], g.random.integers(-9, 9, (4, 5)).astype(numpy.int32), INT32)
    d = g.input("d", ["N", 5], g.normal(4, 5).astype(numpy.float64), DOUBLE)
    t = g.input("t", ["N", 5], g.random.random((4, 5)) < 0.5, BOOL)
    outputs = [g.node("Mod", a, b), g.node("Mod", d, g.constant(numpy.array([0.7])), fmod=1),
               g.node("Div", a, b), g.node("MatMul", a, g.node("Transpose", a)),
               g.node("MatMul", c, g.node("Transpose", c)), g.node("MatMul", d, g.node("Transpose", d)),
               g.node("Clip", a, g.integers_scalar(-3), g.integers_scalar(4)), g.node("Clip", d, "", g.constant(numpy.array(0.5))),
               g.node("Max", a, b), g.node("Min", c, g.constant(numpy.array([2], numpy.int32))),
               g.node("Where", t, a, b), g.node("Where", g.node("Not", t), d, g.constant(numpy.array(1.5))),
               g.node("CumSum", a, g.inline(I(1)), reverse=1), g.node("CumSum", d, g.inline(numpy.int32(-2)), exclusive=1),
               g.node("Pow", a, g.inline(I(2))), g.node("Pow", d, g.inline(F(3))), g.node("Abs", c), g.node("Sign", a),
               g.node("Neg", a), g.node("Equal", a, b), g.node("Greater", c, g.constant(numpy.int32(0).reshape(1))),
               g.node("LessOrEqual", d, g.constant(numpy.array(0.1))), g.node("Xor", t, g.node("Greater", a, b)),
               g.reduce("ReduceSum", a, 0, keepdims=0), g.reduce("ReduceMax", c, -1), g.reduce("ReduceMin", a, 1),
               g.reduce("ReduceProd", c, 1, keepdims=0), g.reduce("ReduceMean", d, 0, 1), g.reduce("ReduceL2", d, 1),
               g.node("Cast", d, to=INT64), g.node("Cast", t, to=FLOAT), g.node("Cast", a, to=BOOL), g.node("Cast", a, to=DOUBLE),
               g.node("Cast", g.node("Abs", a), to=UINT8), g.node("Relu", d), g.node("Sigmoid", d), g.node("Tanh", d),
               g.node("Softmax", d, axis=1), g.node("LogSoftmax", d, axis=-1), g.node("Sum", d, d, d),
               g.node("Gemm", d, d, transB=1, alpha=0.5), g.node("Add", a, a), g.node("Identity", t),
               g.node("Exp", d), g.node("Reciprocal", d), g.node("Floor", d), g.node("Sqrt", g.node("Abs", d))]
    kinds = [INT64, DOUBLE, INT64, INT64, INT32, DOUBLE, INT64, DOUBLE, INT64, INT32, INT64, DOUBLE, INT64, DOUBLE, INT64, DOUBLE,
             INT32, INT64, INT64, BOOL, BOOL, BOOL, BOOL, INT64, INT32, INT64, INT32, DOUBLE, DOUBLE, INT64, FLOAT, BOOL, DOUBLE,
             UINT8] + [DOUBLE] * 7 + [INT64, BOOL] + [DOUBLE] * 4
    return g.model(*outputs, kinds=kinds)


def selection(opset=13):
    g = Graph(opset, 202)
    x = g.input("x", ["N", 6, 5], g.normal(3, 6, 5))    # runs for 3 rows alone, whatever is declared
    places = g.input("places", ["N", 2, 5], g.random.integers(-6, 6, (3, 2, 5)), INT64)
    rows = g.input("rows", [4], numpy.array([0, -1, 2, 2], numpy.int32), INT32)
    values, top = g.node("TopK", x, g.integers(3), outputs=2, axis=1, largest=1, sorted=1)
    low, lowest = g.node("TopK", x, g.integers(2), outputs=2, axis=-1, largest=0)
    ties = g.node("Round", x)
    outputs = [g.node("GatherElements", x, places, axis=1), g.node("Gather", x, rows, axis=-1), g.node("Gather", x, g.integers_scalar(-2), axis=1),
               g.node("GatherND", x, g.constant(numpy.array([[0, 1], [2, 5]]))), g.node("GatherND", x, g.constant(numpy.array([[1], [5], [0]])), batch_dims=1),
               g.node("ScatterND", x, g.constant(numpy.array([[0, 1], [2, -1]])), g.constant(g.normal(2, 5))),
               g.node("ScatterElements", x, g.constant(numpy.array([[[1, 0, -2, 3, 5]]])), g.constant(g.normal(1, 1, 5)), axis=1),
               g.node("OneHot", g.node("Cast", rows, to=INT64), g.integers_scalar(4), g.constant(F([-1, 2])), axis=0), g.node("OneHot", g.node("Cast", rows, to=INT64), g.integers(3), g.constant(F([0, 1]))),
               values, low, g.node("Expand", g.constant(g.normal(6, 1)), g.node("Shape", x)), g.node("Tile", x, g.integers(1, 2, 1)),
               g.node("Compress", x, g.constant(numpy.array([True, False, True])), axis=1), g.node("Trilu", x, upper=0) if opset > 13 else x,
               g.node("Hardmax", x, axis=1), g.node("ArgMax", ties, axis=2, select_last_index=1), g.node("ArgMin", ties, axis=-2, keepdims=0),
               top, lowest, g.node("NonZero", g.constant(F([[0, 2], [3, 0]]))), g.node("Shape", x), g.node("Size", x),
               g.node("Range", g.integers_scalar(0), g.node("Gather", g.node("Shape", x), g.integers_scalar(1)), g.integers_scalar(2))]
    return g.model(*outputs, kinds=[FLOAT] * 16 + [INT64] * (len(outputs) - 16))


def slicing(opset=13):
    g = Graph(opset, 203)
    x = g.input("x", ["N", 6, 8], g.normal(2, 6, 8))
    if opset < 10:
        parts = [g.node("Slice", x, starts=[1, -5], ends=[2147483647, -1], axes=[1, 2]), g.node("Slice", x, starts=[0, 2], ends=[1, 9])]
        halves = g.node("Split", x, outputs=3, axis=1) + g.node("Split", x, outputs=2, axis=-1, split=[3, 5])
        padded = [g.node("Pad", x, pads=[0, 1, 2, 0, 0, -1], value=0.5), g.node("Pad", x, pads=[0, 1, 2, 0, 2, 1], mode="reflect")]
        shaped = [g.node("Unsqueeze", x, axes=[0, 4]), g.node("Squeeze", g.node("Slice", x, starts=[2], ends=[3], axes=[1])), g.node("Flatten", x, axis=2)]
        return g.model(*parts, *halves, *padded, *shaped)
    last = g.integers(9223372036854775807)
    parts = [g.node("Slice", x, g.integers(1, -5), g.constant(numpy.array([2147483647, -1])), g.integers(1, -1)),
             g.node("Slice", x, g.integers(-1), g.integers(-9223372036854775807), g.integers(2), g.integers(-1)),
             g.node("Slice", x, g.integers(0), last, g.integers(1), g.integers(2)), g.node("Slice", x, g.constant(numpy.int32([0, 1])), g.constant(numpy.int32([9, 3])))]
    halves = g.node("Split", x, outputs=3, axis=1) + (g.node("Split", x, g.integers(3, 5), outputs=2, axis=-1) if opset > 12
                                                     else g.node("Split", x, outputs=2, axis=-1, split=[3, 5]))
    padded = [g.node("Pad", x, g.integers(0, 1, 2, 0, 0, -1), g.constant(F(0.5))), g.node("Pad", x, g.integers(0, 1, 2, 0, 2, 1), mode="reflect"),
              g.node("Pad", x, g.integers(0, 0, 2, 0, 0, 1), mode="edge")] if opset > 10 else []
    shaped = [g.unsqueeze(x, 0, -1), g.node("Squeeze", g.node("Slice", x, g.integers(2), g.integers(3), g.integers(1))), g.node("Flatten", x, axis=0),
              g.node("Flatten", x, axis=2), g.node("Reshape", x, g.integers(0, -1)), g.node("Reshape", x, g.integers(-1, 0, 4)),
              g.node("Transpose", x), g.node("Concat", x, x, axis=-1)]
    return g.model(*parts, *halves, *padded, *shaped)


def resizes(opset=13, side=(5, 7)):
    g = Graph(opset, 204)
    x = g.input("x", ["N", 3, *side], g.normal(2, 3, *side))
    outputs = []
    scales = g.constant(F([1, 1, 1.6, 0.7]))
    double = g.constant(F([1, 1, 2, 2]))
    half = g.constant(F([1, 1, 0.5, 0.5]))
    sizes = g.integers(2, 3, 8, 11)
    none = "" if opset > 11 else g.constant(F([]))
    modes = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel") + (("tf_half_pixel_for_nn",) if opset < 13 else ())
    for coordinates in modes:
        for mode in ("nearest", "linear", "cubic"):
            if "tf_" in coordinates and mode != "nearest":
                continue
            for scale in (double,) if "corners" in coordinates else (scales, double, half):
                outputs.append(g.node("Resize", x, none, scale, mode=mode, coordinate_transformation_mode=coordinates, cubic_coeff_a=-0.5))
            outputs.append(g.node("Resize", x, none, none, sizes, mode=mode, coordinate_transformation_mode=coordinates))
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        outputs.append(g.node("Resize", x, none, scales, mode="nearest", nearest_mode=rounding, coordinate_transformation_mode="asymmetric"))
        outputs.append(g.node("Resize", x, none, double, mode="nearest", nearest_mode=rounding))
    outputs.append(g.node("Resize", x, g.constant(F([])), double, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"))
    # as PyTorch writes interpolate(size=..): the size computed from a shape
    shape = g.node("Slice", g.node("Shape", x), g.integers(0), g.integers(2), g.integers(0))
    wanted = g.node("Concat", shape, g.integers(9, 13), axis=0)
    outputs.append(g.node("Resize", x, none, none, wanted, mode="linear", coordinate_transformation_mode="pytorch_half_pixel"))
    return g.model(*outputs)


def upsamples(opset=9):
    g = Graph(opset, 205)
    x = g.input("x", ["N", 3, 5, 6], g.normal(2, 3, 5, 6))
    if opset == 7:
        return g.model(*[g.node("Upsample", x, mode=mode, scales=[1.0, 1.0, 2.0, 3.0]) for mode in ("nearest", "linear")])
    kind = "Upsample" if opset == 9 else "Resize"
    return g.model(*[g.node(kind, x, g.constant(F([1, 1, *s])), mode=mode) for mode in ("nearest", "linear") for s in ((2, 2), (1.5, 3))])


def pools(opset=11):
    g = Graph(opset, 206)
    x = g.input("x", ["N", 4, 11, 10], g.normal(2, 4, 11, 10))
    line = g.input("line", ["N", 4, 13], g.normal(2, 4, 13))
    block = g.input("block", ["N", 3, 6, 7, 5], g.normal(1, 3, 6, 7, 5))
    outputs = []
    for kind in ("AveragePool", "MaxPool"):
        for ceil in (0, 1):
            for include in (0, 1) if kind == "AveragePool" else (None,):
                extra = {} if include is None else {"count_include_pad": include}
                extra.update({"ceil_mode": ceil} if opset > 9 else {})
                outputs.append(g.node(kind, x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], **extra))
                outputs.append(g.node(kind, x, kernel_shape=[2, 3], strides=[2, 3], pads=[0, 1, 1, 0], **extra))
                outputs.append(g.node(kind, line, kernel_shape=[3], strides=[2], **extra))
                outputs.append(g.node(kind, block, kernel_shape=[2, 3, 2], strides=[2, 1, 1], pads=[0, 1, 0, 1, 1, 1], **extra))
        for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            outputs.append(g.node(kind, x, kernel_shape=[3, 2], strides=[2, 2], auto_pad=auto))
    if opset > 9:
        outputs.append(g.node("MaxPool", x, kernel_shape=[3, 3], dilations=[2, 2], strides=[1, 1]))
    outputs += [g.node("GlobalAveragePool", line), g.node("GlobalMaxPool", block), g.node("LpPool", x, kernel_shape=[3, 3], p=2, strides=[2, 2]),
                g.node("LRN", x, size=3, alpha=0.1, beta=0.5, bias=2.0), g.node("LRN", x, size=5)]
    return g.model(*outputs)


def convolutions(opset=13):
    g = Graph(opset, 207)
    x = g.input("x", ["N", 6, 9, 10], g.normal(2, 6, 9, 10))
    line = g.input("line", ["N", 4, 15], g.normal(2, 4, 15))
    block = g.input("block", ["N", 2, 5, 6, 7], g.normal(1, 2, 5, 6, 7))
    given = g.input("given", [5, 6, 3, 3], g.normal(5, 6, 3, 3))
    w = lambda *shape: g.constant(g.normal(*shape, scale=0.2))
    outputs = [g.node("Conv", x, w(8, 6, 3, 3)), g.node("Conv", x, given, w(5), pads=[1, 1, 1, 1]), g.node("Conv", x, w(8, 6, 3, 2), pads=[0, 1, 2, 0], strides=[2, 1]),
               g.node("Conv", x, w(6, 1, 3, 3), group=6, pads=[2, 2, 2, 2], dilations=[2, 2]), g.node("Conv", x, w(12, 2, 1, 1), w(12), group=3),
               g.node("Conv", x, w(12, 1, 5, 5), w(12), group=6, auto_pad="SAME_UPPER", strides=[2, 2]), g.node("Conv", x, w(4, 6, 3, 3), auto_pad="SAME_LOWER", strides=[2, 2]),
               g.node("Conv", x, w(4, 6, 3, 3), auto_pad="VALID"), g.node("Conv", line, w(6, 4, 3), w(6), pads=[4, 0], dilations=[2]), g.node("Conv", line, w(4, 1, 5), group=4, strides=[3]),
               g.node("Conv", block, w(4, 2, 3, 3, 3), w(4), pads=[1] * 6, strides=[1, 2, 2]), g.node("ConvTranspose", x, w(6, 4, 2, 2), w(4), strides=[2, 2]),
               g.node("ConvTranspose", x, w(6, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]), g.node("ConvTranspose", x, w(6, 2, 4, 4), w(4), group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
               g.node("ConvTranspose", x, w(6, 1, 3, 3), group=6, dilations=[2, 2]), g.node("ConvTranspose", x, w(6, 3, 3, 3), strides=[2, 2], output_shape=[18, 20]),
               g.node("ConvTranspose", x, w(6, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"), g.node("ConvTranspose", line, w(4, 3, 4), w(3), strides=[2], pads=[1, 1]),
               g.node("ConvTranspose", block, w(2, 3, 2, 2, 2), strides=[2, 2, 2])]
    return g.model(*outputs)


def normalizations(opset=13):
    g = Graph(opset, 208)
    x = g.input("x", ["N", 8, 5, 6], g.normal(2, 8, 5, 6))
    flat = g.input("flat", ["N", 8], g.normal(3, 8))
    line = g.input("line", ["N", 8, 7], g.normal(2, 8, 7))
    outputs = [g.norm(flat, 8), g.norm(line, 8), g.norm(x, 8), g.relu(g.norm(g.relu(x), 8))]
    if opset > 13:
        outputs.append(g.node("BatchNormalization", x, *(g.constant(g.uniform(8)) for _ in range(4)), training_mode=0, momentum=0.9))
    grouped = g.node("Reshape", x, g.integers(0, 4, -1))
    grouped = g.node("InstanceNormalization", grouped, g.constant(numpy.ones(4, F)), g.constant(numpy.zeros(4, F)), epsilon=1e-5)
    grouped = g.node("Reshape", grouped, g.node("Shape", x))
    grouped = g.node("Add", g.node("Mul", grouped, g.constant(g.normal(8, 1, 1))), g.constant(g.normal(8, 1, 1)))
    outputs += [grouped, g.node("InstanceNormalization", line, g.constant(g.uniform(8)), g.constant(g.normal(8))), g.node("LpNormalization", flat, axis=1, p=2),
                g.node("MeanVarianceNormalization", x) if opset > 8 else x]
    for axis in (1, 2, -1):
        outputs += [g.node("Softmax", x, axis=axis), g.node("LogSoftmax", line, axis=axis)]
    # as PyTorch writes F.normalize, and RMS norms
    length = g.reduce("ReduceL2", flat, 1)
    length = g.node("Clip", length, g.inline(F(1e-12))) if opset > 10 else g.node("Clip", length, min=1e-12)
    outputs.append(g.node("Div", flat, g.node("Expand", length, g.node("Shape", flat)) if opset > 7 else length))
    mean = g.reduce("ReduceMean", g.node("Pow", line, g.inline(F(2))), -1)
    root = g.node("Reciprocal", g.node("Sqrt", g.node("Add", mean, g.inline(F(1e-6)))))
    outputs.append(g.node("Mul", g.node("Mul", line, root), g.constant(g.uniform(7))))
    if opset > 16:
        outputs += [g.node("LayerNormalization", line, g.constant(g.uniform(7))), g.node("LayerNormalization", x, g.constant(g.uniform(5, 6)), g.constant(g.normal(5, 6)), axis=2)]
    return g.model(*outputs)


def products(opset=13):
    """Gemm and MatMul with what they may be given."""
    g = Graph(opset, 209)
    x = g.input("x", ["N", 12], g.normal(5, 12))
    cube = g.input("cube", ["N", 4, 12], g.normal(3, 4, 12))
    other = g.input("other", ["N", 12, 6], g.normal(3, 12, 6))
    vector = g.input("vector", [12], g.normal(12))
    w = lambda *shape: g.constant(g.normal(*shape, scale=0.3))
    return g.model(g.node("Gemm", x, w(12, 7), w(7), alpha=0.5, beta=2.0), g.node("Gemm", x, w(7, 12), w(1), transB=1), g.node("Gemm", x, x, w(12), transA=1), *([g.node("Gemm", x, w(12, 7))] if opset > 10 else []), g.node("Gemm", x, w(12, 7), g.constant(F(0.5))),
                   g.node("Gemm", x, w(12, 7), w(1, 7)), g.node("MatMul", cube, other), g.node("MatMul", cube, w(12, 9)), g.node("MatMul", cube, vector), g.node("MatMul", vector, other),
                   g.node("MatMul", w(2, 1, 5, 4), cube), g.node("Add", g.node("MatMul", cube, w(12, 9)), w(4, 9)), g.node("Relu", g.node("Add", w(9), g.node("MatMul", cube, w(12, 9)))))


def activations(opset=13):
    g = Graph(opset, 210)
    x = g.input("x", ["N", 6, 4], g.normal(3, 6, 4, scale=3))
    one = lambda kind, **options: g.node(kind, x, **options)
    outputs = [one("Relu"), one("LeakyRelu", alpha=0.2), one("Elu", alpha=1.5), one("Selu"), one("Sigmoid"), one("Tanh"), one("Softplus"), one("Softsign"), one("HardSigmoid", alpha=1 / 6),
               one("Exp"), one("Abs"), one("Neg"), one("Floor"), one("Ceil"), *([one("Sign"), one("Erf")] if opset > 8 else []), one("Sin"), one("Cos"), one("Atan"),
               g.node("PRelu", x, g.constant(g.uniform(6, 1))), g.node("PRelu", x, g.constant(g.uniform(1))), g.node("Log", one("Abs")), g.node("Mul", x, one("Sigmoid")),
               g.node("Mul", x, g.node("Tanh", one("Softplus"))), g.node("Mul", x, g.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)), g.node("Max", x, g.inline(F(0.1))), g.node("Min", x, x, g.inline(F(1)))]
    if opset > 9:
        outputs += [one("ThresholdedRelu", alpha=0.5), one("IsNaN") and one("Identity")]
    if opset > 11:
        outputs.append(one("Celu", alpha=0.7))
    if opset > 13:
        outputs.append(one("HardSwish"))
    return g.model(*outputs)


def cells(opset=11, kind="LSTM", layout=0):
    """Recurrent layers with states made from shapes, lengths from 64-bit integers, and single outputs."""
    g = Graph(opset, 211)
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    hidden, wide = 8, 6
    x = g.input("x", ["batch", "time", wide], g.normal(3, 9, wide))
    lengths = g.input("lengths", ["batch"], numpy.array([9, 5, 2]), INT64)
    if not layout:
        x = g.node("Transpose", x, perm=[1, 0, 2])
    shape = g.node("Shape", x)
    rows = g.unsqueeze(g.node("Gather", shape, g.inline(I(0 if layout else 1)), axis=0), 0)
    made = []
    for direction in ("forward", "reverse", "bidirectional"):
        both = 2 if direction == "bidirectional" else 1
        w = [g.constant(g.normal(both, gates * hidden, n, scale=0.4)) for n in (wide, hidden)] + [g.constant(g.normal(both, 2 * gates * hidden, scale=0.1))]
        order = [rows, g.integers(both), g.integers(hidden)] if layout else [g.integers(both), rows, g.integers(hidden)]
        zero = g.node("ConstantOfShape", g.node("Concat", *order, axis=0))
        states = [zero] * (2 if kind == "LSTM" else 1)
        options = {"layout": 1} if layout else {}
        options.update({"linear_before_reset": 1} if kind == "GRU" else {})
        full = g.node(kind, x, *w, g.node("Cast", lengths, to=INT32), *states, outputs=2, hidden_size=hidden, direction=direction, **options)
        short = g.name("last")
        g.nodes.append(helper.make_node(kind, [x, *w], ["", short], hidden_size=hidden, direction=direction, **options))
        made += [*full, short]
    if kind == "LSTM":      # peepholes, clipping, coupled gates
        w = [g.constant(g.normal(1, 4 * hidden, n, scale=0.4)) for n in (wide, hidden)] + [g.constant(g.normal(1, 8 * hidden, scale=0.1))]
        made.append(g.node(kind, x, *w, "", "", "", g.constant(g.normal(1, 3 * hidden, scale=0.3)), outputs=2, hidden_size=hidden, clip=0.9, **options)[0])
        made.append(g.node(kind, x, *w, outputs=2, hidden_size=hidden, input_forget=1, **options)[0])
        made.append(g.node(kind, x, *w, "", "", zero if layout else g.constant(g.normal(1, 3, hidden, scale=3)), outputs=2, hidden_size=hidden, clip=0.7)[0])
    return g.model(*made)


MODELS = {
    **{f"ops-numbers-{opset}": lambda o=opset: integer_arithmetic(o) for opset in (12, 13)},
    **{f"ops-selection-{opset}": lambda o=opset: selection(o) for opset in (12, 17)},
    **{f"ops-slicing-{opset}": lambda o=opset: slicing(o) for opset in (7, 9, 10, 11, 13)},
    **{f"ops-resize-{opset}": lambda o=opset: resizes(o) for opset in (11, 13)},
    **{f"ops-upsample-{opset}": lambda o=opset: upsamples(o) for opset in (7, 9, 10)},
    **{f"ops-pools-{opset}": lambda o=opset: pools(o) for opset in (8, 11)},
    "ops-convolutions": convolutions,
    **{f"ops-normalizations-{opset}": lambda o=opset: normalizations(o) for opset in (9, 11, 14, 17)},
    **{f"ops-products-{opset}": lambda o=opset: products(o) for opset in (9, 13)},
    **{f"ops-activations-{opset}": lambda o=opset: activations(o) for opset in (8, 12, 16)},
    **{f"ops-{kind.lower()}-{opset}": lambda o=opset, k=kind: cells(o, k) for kind in ("LSTM", "GRU", "RNN") for opset in (9, 14)},
}
