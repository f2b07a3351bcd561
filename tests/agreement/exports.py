"""Networks as exporters write them: their names, their detours by way of shapes, their leftovers."""

import numpy
from onnx import TensorProto, helper, numpy_helper

from graph import BOOL, FLOAT, INT32, INT64, Graph

F, I = numpy.float32, numpy.int64


def old_pytorch(opset=9):
    """As PyTorch 1.0 wrote: initializers are inputs too, names are numbers, Dropout and Identity stay."""
    g = Graph(opset, 301)
    x = g.image(2, 3, 32, 32, declared=["batch", 3, 32, 32])
    x = g.relu(g.norm(g.conv(x, 3, 16, stride=2), 16))
    x = g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    y = g.norm(g.conv(g.node("Identity", x), 16, 16), 16)
    x = g.relu(g.node("Add", y, x))
    x = g.node("Pad", x, mode="constant", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.0)
    x = g.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    x = g.reshape(x, None, -1)
    x = g.node("Dropout", g.relu(g.gemm(x, 16 * 25, 32)), ratio=0.5)
    model, feeds = g.model(g.gemm(x, 32, 10))
    model.ir_version = 3
    model.graph.input.extend(helper.make_tensor_value_info(c.name, c.data_type, list(c.dims)) for c in model.graph.initializer)
    return model, feeds


def tensorflow(opset=11, batch=None):
    """As tf2onnx writes: NHWC outside, Transpose around, weights transposed in the graph, Relu6, padding before."""
    g = Graph(opset, 302)
    x = g.input("input_1:0", [batch or "unk__1", 33, 31, 3], g.normal(batch or 2, 33, 31, 3))
    x = g.node("Transpose", x, perm=[0, 3, 1, 2])
    weights = g.node("Transpose", g.constant(g.normal(3, 3, 3, 12, scale=0.3)), perm=[3, 2, 0, 1])
    pads = g.constant(numpy.array([0, 0, 0, 0, 0, 0, 1, 1]))
    x = g.node("Pad", x, pads, g.constant(F(0))) if opset > 10 else g.node("Pad", x, pads=[0, 0, 0, 0, 0, 0, 1, 1])
    x = g.node("Conv", x, weights, strides=[2, 2], kernel_shape=[3, 3], auto_pad="VALID", dilations=[1, 1], group=1)
    x = g.node("Add", g.node("Mul", x, g.constant(g.uniform(1, 12, 1, 1))), g.constant(g.normal(1, 12, 1, 1)))
    x = g.clip(x)
    x = g.node("Conv", x, g.constant(g.normal(12, 1, 3, 3, scale=0.4)), g.constant(g.normal(12)), group=12, auto_pad="SAME_UPPER", strides=[2, 2], kernel_shape=[3, 3], dilations=[1, 1])
    x = g.node("LeakyRelu", x, alpha=0.3)
    x = g.node("Transpose", x, perm=[0, 2, 3, 1])
    y = g.reduce("ReduceMean", x, 1, 2, keepdims=0)
    shape = g.node("Cast", g.node("Shape", x), to=INT32)
    first = g.node("Squeeze", g.node("Slice", g.node("Cast", shape, to=INT64), g.integers(0), g.integers(1), g.integers(0)), *([g.integers(0)] if opset > 12 else []),
                   **({} if opset > 12 else {"axes": [0]}))
    wanted = g.node("Concat", g.unsqueeze(first, 0), g.integers(-1), axis=0)
    x = g.node("Reshape", x, wanted)
    x = g.node("Concat", x, y, axis=-1)
    x = g.node("Add", g.node("MatMul", x, g.constant(g.normal(8 * 8 * 12 + 12, 5, scale=0.05))), g.constant(g.normal(5)))
    x = g.node("Softmax", x, axis=1)
    return g.model(g.node("Identity", x))


def keras_recurrent(opset=12):
    """As keras2onnx and tf2onnx write recurrent layers: batch first outside, Squeeze, last step by Slice."""
    g = Graph(opset, 303)
    x = g.input("embedding_input", ["N", 15], g.random.integers(0, 50, (3, 15)).astype(F))
    ids = g.node("Cast", x, to=INT32)
    x = g.node("Gather", g.constant(g.normal(50, 8)), ids, axis=0)
    x = g.node("Transpose", x, perm=[1, 0, 2])
    w = lambda gates, wide, hidden, both=1: [g.constant(g.normal(both, gates * hidden, n, scale=0.3)) for n in (wide, hidden)]
    y, last = g.node("LSTM", x, *w(4, 8, 12, 2), g.constant(g.normal(2, 96, scale=0.1)), outputs=2, hidden_size=12, direction="bidirectional", activations=["Sigmoid", "Tanh", "Tanh"] * 2)
    y = g.node("Reshape", g.node("Transpose", y, perm=[0, 2, 1, 3]), g.integers(0, 0, -1))
    z, end = g.node("GRU", y, *w(3, 24, 10), g.constant(g.normal(1, 60, scale=0.1)), outputs=2, hidden_size=10, activations=["HardSigmoid", "Tanh"])
    z = g.node("Transpose", g.squeeze(z, 1), perm=[1, 0, 2])
    final = g.squeeze(end, 0)
    pooled = g.reduce("ReduceMax", z, 1, keepdims=0)
    merged = g.node("Concat", final, pooled, g.squeeze(g.node("Split", last, outputs=2, axis=0)[0], 0), axis=1)
    return g.model(g.node("Sigmoid", g.dense(merged, 32, 1)), z)


def hugging_face(opset=11, heads=4, width=32, layers=2, head="answer"):
    """BERT as transformers exports it: three int64 inputs, the mask widened, scores by the root, two heads out."""
    g = Graph(opset, 304)
    rows, length, words = 2, 11, 70
    declared = ["batch_size", "sequence_length"]
    ids = g.input("input_ids", declared, g.random.integers(0, words, (rows, length)), INT64)
    mask = numpy.ones((rows, length), I)
    mask[1, 7:] = 0
    mask = g.input("attention_mask", declared, mask, INT64)
    kinds = g.input("token_type_ids", declared, g.random.integers(0, 2, (rows, length)), INT64)
    mask = g.unsqueeze(g.unsqueeze(mask, 1), 2)
    mask = g.node("Sub", g.inline(F(1)), g.node("Cast", mask, to=FLOAT))
    mask = g.node("Mul", mask, g.inline(F(-3.4028234663852886e38 if opset > 12 else -10000)))
    count = g.node("Gather", g.node("Shape", ids), g.inline(I(1)), axis=0)
    positions = g.node("Slice", g.constant(numpy.arange(40)[None]), g.integers(0), g.unsqueeze(count, 0), g.integers(1), g.integers(1))
    x = g.node("Add", g.node("Gather", g.constant(g.normal(words, width)), ids), g.node("Gather", g.constant(g.normal(2, width)), kinds))
    x = g.node("Add", x, g.node("Gather", g.constant(g.normal(40, width)), positions))

    def norm(x):
        if opset > 16:
            return g.node("LayerNormalization", x, g.constant(g.uniform(width)), g.constant(g.normal(width)), axis=-1, epsilon=1e-12)
        centred = g.node("Sub", x, g.reduce("ReduceMean", x, -1))
        spread = g.reduce("ReduceMean", g.node("Pow", centred, g.inline(F(2))), -1)
        y = g.node("Div", centred, g.node("Sqrt", g.node("Add", spread, g.inline(F(1e-12)))))
        return g.node("Add", g.node("Mul", y, g.constant(g.uniform(width))), g.constant(g.normal(width)))

    def dense(x, a, b):
        return g.node("Add", g.constant(g.normal(b, scale=0.1)), g.node("MatMul", x, g.constant(g.normal(a, b, scale=a ** -0.5))))

    def split(x, perm):
        shape = [g.unsqueeze(g.node("Gather", g.node("Shape", x), g.inline(I(i)), axis=0), 0) for i in (0, 1)]
        return g.node("Transpose", g.node("Reshape", x, g.node("Concat", *shape, g.integers(heads), g.integers(width // heads), axis=0)), perm=perm)

    x = norm(x)
    for _ in range(layers):
        q, k, v = split(dense(x, width, width), [0, 2, 1, 3]), split(dense(x, width, width), [0, 2, 3, 1]), split(dense(x, width, width), [0, 2, 1, 3])
        scores = g.node("Add", g.node("Div", g.node("MatMul", q, k), g.inline(F((width / heads) ** 0.5))), mask)
        y = g.node("Transpose", g.node("MatMul", g.node("Softmax", scores, axis=3), v), perm=[0, 2, 1, 3])
        shape = [g.unsqueeze(g.node("Gather", g.node("Shape", y), g.inline(I(i)), axis=0), 0) for i in (0, 1)]
        y = g.node("Reshape", y, g.node("Concat", *shape, g.integers(width), axis=0))
        x = norm(g.node("Add", dense(y, width, width), x))
        y = dense(x, width, 64)
        y = g.node("Mul", g.node("Mul", y, g.node("Add", g.node("Erf", g.node("Div", y, g.inline(F(2 ** 0.5)))), g.inline(F(1)))), g.inline(F(0.5)))
        x = norm(g.node("Add", dense(y, 64, width), x))
    if head == "answer":
        start, end = g.split(dense(x, width, 2), -1, 1, 1)
        return g.model(g.squeeze(start, -1), g.squeeze(end, -1))
    # mean over the words that count, as sentence encoders do
    wide = g.node("Cast", g.node("Expand", g.unsqueeze("attention_mask", -1), g.node("Shape", x)), to=FLOAT)
    total = g.reduce("ReduceSum", g.node("Mul", x, wide), 1, keepdims=0)
    counted = g.reduce("ReduceSum", wide, 1, keepdims=0)
    counted = g.node("Clip", counted, g.inline(F(1e-9)))
    y = g.node("Div", total, counted)
    length = g.node("Expand", g.node("Clip", g.reduce("ReduceL2", y, 1), g.inline(F(1e-12))), g.node("Shape", y))
    return g.model(g.node("Div", y, length), x)


def gpt2(opset=11, past=False):
    """A causal language model: mask from a buffer or from Range, Split of q, k, v, the embedding again as the head."""
    g = Graph(opset, 305)
    words, width, heads, rows, length, before = 60, 32, 4, 2, 7, 5
    ids = g.input("input_ids", ["batch", "seq"], g.random.integers(0, words, (rows, length)), INT64)
    table = g.constant(g.normal(words, width, scale=0.4))
    shape = g.node("Shape", ids)
    count = g.node("Gather", shape, g.inline(I(1)), axis=0)
    caches = []
    if past:
        caches = [g.input(f"past_{i}", [2, "batch", heads, "past", width // heads], g.normal(2, rows, heads, before, width // heads)) for i in range(2)]
        old = g.node("Gather", g.node("Shape", caches[0]), g.inline(I(3)), axis=0)
    else:
        old = g.inline(I(0))
    end = g.node("Add", count, old)
    positions = g.node("Range", old, end, g.inline(I(1)))
    positions = g.node("Reshape", g.unsqueeze(positions, 0), g.node("Concat", g.integers(-1), g.unsqueeze(count, 0), axis=0))
    x = g.node("Add", g.node("Gather", table, ids), g.node("Gather", g.constant(g.normal(32, width, scale=0.2)), positions))

    def conv1d(x, a, b):
        shape = g.node("Shape", x)
        kept = g.node("Slice", shape, g.integers(0), g.integers(-1), g.integers(0))
        flat = g.node("Reshape", x, g.node("Concat", g.integers(-1), g.unsqueeze(g.node("Gather", shape, g.inline(I(-1)), axis=0), 0), axis=0))
        y = g.node("Gemm", flat, g.constant(g.normal(a, b, scale=a ** -0.5)), g.constant(g.normal(b, scale=0.1)))
        return g.node("Reshape", y, g.node("Concat", kept, g.integers(b), axis=0))

    def norm(x):
        centred = g.node("Sub", x, g.reduce("ReduceMean", x, -1))
        spread = g.reduce("ReduceMean", g.node("Mul", centred, centred), -1)
        y = g.node("Div", centred, g.node("Sqrt", g.node("Add", spread, g.inline(F(1e-5)))))
        return g.node("Add", g.node("Mul", y, g.constant(g.uniform(width))), g.constant(g.normal(width, scale=0.1)))

    presents = []
    for layer in range(2):
        q, k, v = g.split(conv1d(norm(x), width, 3 * width), 2, width, width, width)
        q, k, v = (g.node("Transpose", g.node("Reshape", item, g.integers(0, 0, heads, width // heads)), perm=[0, 2, 1, 3]) for item in (q, k, v))
        if past:
            kept = [g.squeeze(g.node("Gather", caches[layer], g.integers(i), axis=0), 0) for i in (0, 1)]
            k, v = g.node("Concat", kept[0], k, axis=-2), g.node("Concat", kept[1], v, axis=-2)
        presents.append(g.node("Concat", g.unsqueeze(k, 0), g.unsqueeze(v, 0), axis=0))
        scores = g.node("Div", g.node("MatMul", q, g.node("Transpose", k, perm=[0, 1, 3, 2])), g.inline(F((width / heads) ** 0.5)))
        if opset > 13:
            ones = g.node("ConstantOfShape", g.node("Concat", g.unsqueeze(end, 0), g.unsqueeze(end, 0), axis=0), value=helper.make_tensor("v", BOOL, [1], [True]))
            buffer = g.unsqueeze(g.node("Cast", g.node("Trilu", g.node("Cast", ones, to=FLOAT), upper=0), to=BOOL), 0, 1)
        else:
            buffer = g.constant(numpy.tril(numpy.ones((32, 32), numpy.uint8))[None, None])
        causal = g.node("Slice", buffer, g.unsqueeze(old, 0), g.unsqueeze(end, 0), g.integers(2), g.integers(1))
        causal = g.node("Slice", causal, g.integers(0), g.unsqueeze(end, 0), g.integers(3), g.integers(1))
        causal = g.node("Cast", causal, to=BOOL)
        scores = g.node("Where", causal, scores, g.inline(F(-1e4)))
        y = g.node("Transpose", g.node("MatMul", g.node("Softmax", scores, axis=3), v), perm=[0, 2, 1, 3])
        x = g.node("Add", x, conv1d(g.node("Reshape", y, g.integers(0, 0, -1)), width, width))
        y = conv1d(norm(x), width, 64)
        cube = g.node("Pow", y, g.inline(F(3)))
        inner = g.node("Mul", g.node("Add", y, g.node("Mul", cube, g.inline(F(0.044715)))), g.inline(F(0.7978845608)))
        y = g.node("Mul", g.node("Mul", y, g.inline(F(0.5))), g.node("Add", g.node("Tanh", inner), g.inline(F(1))))
        x = g.node("Add", x, conv1d(y, 64, width))
    return g.model(g.node("MatMul", norm(x), g.node("Transpose", table, perm=[1, 0])), *presents)


def rotary(opset=14):
    """As decoders of late: RMS norms, rotated halves, grouped keys, a gated product, a mask of the smallest number."""
    g = Graph(opset, 306)
    words, width, heads, groups, rows, length = 50, 32, 4, 2, 2, 6
    size = width // heads
    ids = g.input("input_ids", ["batch", "seq"], g.random.integers(0, words, (rows, length)), INT64)
    x = g.node("Gather", g.constant(g.normal(words, width)), ids)
    count = g.node("Gather", g.node("Shape", ids), g.inline(I(1)), axis=0)
    places = g.node("Cast", g.node("Range", g.inline(I(0)), count, g.inline(I(1))), to=FLOAT)
    angles = g.node("Einsum", places, g.constant((10000 ** (-numpy.arange(0, size, 2) / size)).astype(F)), equation="i,j->ij")
    angles = g.unsqueeze(g.node("Concat", angles, angles, axis=-1), 0, 1)
    cosine, sine = g.node("Cos", angles), g.node("Sin", angles)
    triangle = g.node("Trilu", g.node("Expand", g.inline(F(-3.4028234663852886e38)), g.node("Concat", g.unsqueeze(count, 0), g.unsqueeze(count, 0), axis=0)), g.integers_scalar(1), upper=1)

    def rms(x):
        mean = g.reduce("ReduceMean", g.node("Pow", x, g.inline(F(2))), -1)
        return g.node("Mul", g.constant(g.uniform(width)), g.node("Div", x, g.node("Sqrt", g.node("Add", mean, g.inline(F(1e-6))))))

    def turn(x):
        half = g.integers(size // 2)
        one = g.node("Slice", x, g.integers(0), half, g.integers(3), g.integers(1))
        two = g.node("Slice", x, half, g.integers(9223372036854775807), g.integers(3), g.integers(1))
        return g.node("Add", g.node("Mul", x, cosine), g.node("Mul", g.node("Concat", g.node("Neg", two), one, axis=-1), sine))

    for _ in range(2):
        y = rms(x)
        project = lambda n: g.node("Transpose", g.node("Reshape", g.node("MatMul", y, g.constant(g.normal(width, n * size, scale=0.2))), g.integers(0, 0, n, size)), perm=[0, 2, 1, 3])
        q, k, v = turn(project(heads)), turn(project(groups)), project(groups)
        shape = g.node("Shape", k)
        part = lambda i: g.unsqueeze(g.node("Gather", shape, g.inline(I(i)), axis=0), 0)
        wide = g.node("Concat", part(0), g.integers(groups), g.integers(heads // groups), part(2), g.integers(size), axis=0)
        minus = g.node("Where", g.node("Equal", wide, g.integers(-1)), g.node("ConstantOfShape", g.integers(5), value=helper.make_tensor("v", INT64, [1], [1])), wide)
        repeat = lambda t: g.node("Reshape", g.node("Expand", g.unsqueeze(t, 2), minus), g.node("Concat", part(0), g.integers(heads), part(2), g.integers(size), axis=0))
        scores = g.node("Add", g.node("Div", g.node("MatMul", q, g.node("Transpose", repeat(k), perm=[0, 1, 3, 2])), g.inline(F(size ** 0.5))), triangle)
        y = g.node("MatMul", g.node("Cast", g.node("Softmax", scores, axis=-1), to=FLOAT), repeat(v))
        y = g.node("Reshape", g.node("Transpose", y, perm=[0, 2, 1, 3]), g.integers(0, 0, width))
        x = g.node("Add", x, g.node("MatMul", y, g.constant(g.normal(width, width, scale=0.2))))
        y = rms(x)
        gate = g.node("MatMul", y, g.constant(g.normal(width, 48, scale=0.2)))
        y = g.node("Mul", g.node("Mul", gate, g.node("Sigmoid", gate)), g.node("MatMul", y, g.constant(g.normal(width, 48, scale=0.2))))
        x = g.node("Add", x, g.node("MatMul", y, g.constant(g.normal(48, width, scale=0.2))))
    return g.model(g.node("MatMul", rms(x), g.constant(g.normal(width, words, scale=0.2))))


def relative(opset=12):
    """Buckets of distances between words, as T5 has them: Abs, Less, Log, Min, Where, Gather."""
    g = Graph(opset, 307)
    ids = g.input("input_ids", ["batch", "seq"], g.random.integers(0, 30, (2, 9)), INT64)
    count = g.node("Gather", g.node("Shape", ids), g.inline(I(1)), axis=0)
    places = g.node("Range", g.inline(I(0)), count, g.inline(I(1)))
    apart = g.node("Sub", g.unsqueeze(places, 0), g.unsqueeze(places, 1))
    side = g.node("Mul", g.node("Cast", g.node("Greater", apart, g.inline(I(0))), to=INT64), g.inline(I(16)))
    far = g.node("Abs", apart)
    near = g.node("Less", far, g.inline(I(4)))
    log = g.node("Log", g.node("Div", g.node("Cast", far, to=FLOAT), g.inline(F(4))))
    log = g.node("Cast", g.node("Mul", g.node("Div", log, g.inline(F(2.7725887))), g.inline(F(8))), to=INT64)
    shape = g.node("Shape", log)
    most = g.node("ConstantOfShape", shape, value=helper.make_tensor("v", INT64, [1], [15]))
    log = g.node("Min", g.node("Where", near, far, g.node("Add", log, g.inline(I(4)))), most)
    bucket = g.node("Add", side, g.node("Where", near, far, log))
    bias = g.unsqueeze(g.node("Transpose", g.node("Gather", g.constant(g.normal(32, 4)), bucket), perm=[2, 0, 1]), 0)
    x = g.node("Gather", g.constant(g.normal(30, 16)), ids)
    x = g.node("Transpose", g.node("Reshape", x, g.integers(0, 0, 4, 4)), perm=[0, 2, 1, 3])
    y = g.node("Softmax", g.node("Add", g.node("MatMul", x, g.node("Transpose", x, perm=[0, 1, 3, 2])), bias), axis=-1 if opset > 12 else 3)
    return g.model(g.node("MatMul", y, x), bucket, kinds=[FLOAT, INT64])


def arange(opset=9):
    """torch.arange before Range was an operator: ConstantOfShape, NonZero, Transpose, Squeeze."""
    g = Graph(opset, 308)
    x = g.input("x", ["N", "T", 6], g.normal(2, 5, 6))
    count = g.unsqueeze(g.node("Gather", g.node("Shape", x), g.inline(I(1)), axis=0), 0)
    ones = g.node("ConstantOfShape", count, value=helper.make_tensor("v", FLOAT, [1], [1]))
    places = g.squeeze(g.node("Transpose", g.node("NonZero", ones), perm=[1, 0]), 1)
    y = g.node("Gather", g.constant(g.normal(20, 6)), places)
    y = g.node("Add", x, y)
    z = g.node("Mul", g.unsqueeze(g.node("Cast", places, to=FLOAT), 0), g.inline(F(0.5)))
    return g.model(y, z)


def yolo(opset=11):
    """A detector's head: a sliced stem, SiLU, spatial pyramid, nearest Resize, grids, boxes of three scales joined."""
    g = Graph(opset, 309)
    x = g.input("images", ["N", 3, 32, 32], g.normal(1, 3, 32, 32))
    every = lambda x, axis, first: g.node("Slice", x, g.integers(first), g.integers(9223372036854775807), g.integers(axis), g.integers(2))
    x = g.node("Concat", *(every(every(x, 2, a), 3, b) for b in (0, 1) for a in (0, 1)), axis=1)

    def unit(x, *arguments, **options):
        y = g.conv(x, *arguments, **options)
        return g.node("Mul", y, g.node("Sigmoid", y))
    x = unit(x, 12, 16)
    a = unit(x, 16, 24, 3, 2)
    b = unit(a, 24, 32, 3, 2)
    pyramid = g.node("Concat", b, *(g.node("MaxPool", b, kernel_shape=[k, k], strides=[1, 1], pads=[k // 2] * 4) for k in (5, 9, 13)), axis=1)
    b = unit(pyramid, 128, 32, 1)
    up = g.node("Resize", b, g.constant(F([])), g.constant(F([1, 1, 2, 2])), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    a = unit(g.node("Concat", up, a, axis=1), 56, 24)
    boxes = []
    for level, channels, side, stride in ((a, 24, 8, 4), (b, 32, 4, 8)):
        y = g.conv(level, channels, 21, 1)
        shape = g.node("Shape", y)
        part = lambda i: g.unsqueeze(g.node("Gather", shape, g.inline(I(i)), axis=0), 0)
        y = g.node("Transpose", g.node("Reshape", y, g.node("Concat", part(0), g.integers(3), g.integers(7), part(2), part(3), axis=0)), perm=[0, 1, 3, 4, 2])
        y = g.node("Sigmoid", y)
        grid = numpy.stack(numpy.meshgrid(numpy.arange(side), numpy.arange(side)), -1)[None, None].astype(F)
        centre, size, rest = g.split(y, 4, 2, 2, 3)
        centre = g.node("Mul", g.node("Add", g.node("Sub", g.node("Mul", centre, g.inline(F(2))), g.inline(F(0.5))), g.constant(grid)), g.inline(F(stride)))
        size = g.node("Mul", g.node("Pow", g.node("Mul", size, g.inline(F(2))), g.inline(F(2))), g.constant(g.uniform(1, 3, 1, 1, 2) * 10))
        y = g.node("Concat", centre, size, rest, axis=-1)
        boxes.append(g.node("Reshape", y, g.node("Concat", g.unsqueeze(g.batch(y), 0), g.integers(-1), g.integers(7), axis=0)))
    return g.model(g.node("Concat", *boxes, axis=1))


def swin(opset=13):
    """Windows: a roll by Slice and Concat, Reshape to six dimensions, a bias that is looked up."""
    g = Graph(opset, 310)
    width, side, window, heads = 16, 8, 4, 2
    x = g.input("x", ["N", side, side, width], g.normal(2, side, side, width))

    def roll(x, axis, by):
        by = by % side
        return g.node("Concat", g.node("Slice", x, g.integers(side - by), g.integers(2147483647), g.integers(axis)), g.node("Slice", x, g.integers(0), g.integers(side - by), g.integers(axis)), axis=axis)
    y = roll(roll(x, 1, -2), 2, -2)
    n = side // window
    y = g.node("Reshape", y, g.integers(-1, n, window, n, window, width))
    y = g.node("Reshape", g.node("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), g.integers(-1, window ** 2, width))
    qkv = g.node("Reshape", g.dense(y, width, 3 * width), g.integers(-1, window ** 2, 3, heads, width // heads))
    qkv = g.node("Transpose", qkv, perm=[2, 0, 3, 1, 4])
    q, k, v = (g.node("Gather", qkv, g.inline(I(i)), axis=0) for i in range(3))
    q = g.node("Mul", q, g.inline(F((width / heads) ** -0.5)))
    index = g.random.integers(0, 49, window ** 4)
    bias = g.node("Reshape", g.node("Gather", g.constant(g.normal(49, heads)), g.constant(index)), g.integers(window ** 2, window ** 2, heads))
    scores = g.node("Add", g.node("MatMul", q, g.node("Transpose", k, perm=[0, 1, 3, 2])), g.unsqueeze(g.node("Transpose", bias, perm=[2, 0, 1]), 0))
    mask = numpy.where(g.random.random((n * n, window ** 2, window ** 2)) < 0.3, F(-100), F(0))
    scores = g.node("Add", g.node("Reshape", scores, g.integers(-1, n * n, heads, window ** 2, window ** 2)), g.unsqueeze(g.unsqueeze(g.constant(mask), 1), 0))
    scores = g.node("Softmax", g.node("Reshape", scores, g.integers(-1, heads, window ** 2, window ** 2)), axis=-1)
    y = g.node("Reshape", g.node("Transpose", g.node("MatMul", scores, v), perm=[0, 2, 1, 3]), g.integers(-1, window ** 2, width))
    y = g.node("Transpose", g.node("Reshape", g.dense(y, width, width), g.integers(-1, n, n, window, window, width)), perm=[0, 1, 3, 2, 4, 5])
    y = roll(roll(g.node("Reshape", y, g.integers(-1, side, side, width)), 1, 2), 2, 2)
    return g.model(g.node("Add", x, y))


def convnext(opset=13):
    """Depthwise 7 x 7, a norm over the last axis between Transposes, a scale of its own, stochastic depth left out."""
    g = Graph(opset, 311)
    x = g.conv(g.image(2, 3, 32, 32, declared=["N", 3, 32, 32]), 3, 24, 4, 4, 0)
    for _ in range(2):
        y = g.conv(x, 24, 24, 7, group=24)
        y = g.node("Transpose", y, perm=[0, 2, 3, 1])
        centred = g.node("Sub", y, g.reduce("ReduceMean", y, -1))
        spread = g.reduce("ReduceMean", g.node("Pow", centred, g.inline(F(2))), -1)
        y = g.node("Div", centred, g.node("Sqrt", g.node("Add", spread, g.inline(F(1e-6)))))
        y = g.dense(g.node("Add", g.node("Mul", y, g.constant(g.uniform(24))), g.constant(g.normal(24))), 24, 96)
        y = g.node("Mul", g.node("Mul", y, g.node("Add", g.node("Erf", g.node("Div", y, g.inline(F(2 ** 0.5)))), g.inline(F(1)))), g.inline(F(0.5)))
        y = g.node("Mul", g.constant(g.normal(24)), g.dense(y, 96, 24))
        x = g.node("Add", x, g.node("Transpose", y, perm=[0, 3, 1, 2]))
    return g.model(g.dense(g.reduce("ReduceMean", x, -2, -1, keepdims=0), 24, 10))


def waves(opset=13):
    """Dilated causal convolutions over time, weights normed in the graph, gates, skips; samples shuffled up at last."""
    g = Graph(opset, 312)
    x = g.input("x", ["N", 4, "T"], g.normal(2, 4, 40))
    skips = []
    x = g.node("Conv", x, g.constant(g.normal(12, 4, 1, scale=0.5)))
    for dilation in (1, 2, 4):
        raw = g.constant(g.normal(24, 12, 3, scale=0.3))
        weights = g.node("Mul", g.node("Div", raw, g.reduce("ReduceL2", raw, 1, 2)), g.constant(g.uniform(24, 1, 1)))
        y = g.node("Conv", x, weights, g.constant(g.normal(24, scale=0.1)), dilations=[dilation], pads=[2 * dilation] * 2, kernel_shape=[3])
        y = g.node("Slice", y, g.integers(0), g.integers(-2 * dilation), g.integers(2))
        a, b = g.node("Split", y, g.integers(12, 12), outputs=2, axis=1)
        y = g.node("Mul", g.node("Tanh", a), g.node("Sigmoid", b))
        skips.append(g.node("Conv", y, g.constant(g.normal(8, 12, 1, scale=0.3))))
        x = g.node("Add", x, g.node("Conv", y, g.constant(g.normal(12, 12, 1, scale=0.3)), g.constant(g.normal(12))))
    y = g.relu(g.node("Add", g.node("Add", skips[0], skips[1]), skips[2]))
    y = g.node("ConvTranspose", y, g.constant(g.normal(8, 4, 4, scale=0.3)), strides=[2], pads=[1, 1])
    return g.model(g.node("Tanh", y))


def pixels(opset=11):
    """Super-resolution: DepthToSpace both ways, and as PyTorch writes PixelShuffle; clamped to a byte's range."""
    g = Graph(opset, 313)
    x = g.input("x", ["N", 1, "H", "W"], g.normal(1, 1, 9, 7))
    y = g.relu(g.conv(x, 1, 16, 5))
    y = g.conv(g.node("PRelu", y, g.constant(g.uniform(16, 1, 1))), 16, 8)
    shuffled = [g.node("DepthToSpace", y, blocksize=2, mode=mode) for mode in ("DCR", "CRD")]
    shape = g.node("Shape", y)
    part = lambda i: g.unsqueeze(g.node("Gather", shape, g.inline(I(i)), axis=0), 0)
    z = g.node("Transpose", g.node("Reshape", y, g.node("Concat", part(0), g.integers(2, 2, 2), part(2), part(3), axis=0)), perm=[0, 1, 4, 2, 5, 3])
    twice = lambda i: g.node("Mul", part(i), g.integers(2))
    z = g.node("Reshape", z, g.node("Concat", part(0), g.integers(2), twice(2), twice(3), axis=0))
    z = g.node("Cast", g.node("Round", g.node("Clip", g.node("Mul", z, g.inline(F(255))), g.inline(F(0)), g.inline(F(255)))), to=FLOAT)
    return g.model(*shuffled, z, g.node("SpaceToDepth", z, blocksize=2))


def leftovers(opset=13):
    """What simplifiers leave: an input as an output, a constant as an output, a value used and given out, unused things."""
    g = Graph(opset, 314)
    x = g.input("x", ["N", 4], g.normal(3, 4))
    g.input("unused", [2], g.normal(2))
    g.constant(g.normal(5))
    fixed = g.constant(g.normal(2, 3))
    y = g.relu(g.dense(x, 4, 4))
    z = g.node("Identity", g.node("Identity", g.node("Add", y, y)))
    return g.model(y, z, g.node("Identity", x), g.node("Identity", fixed), g.node("Mul", g.inline(F(2)), g.inline(F(3))))


def branches(opset=11):
    """squeeze() of a free dimension, as PyTorch writes it: If the dimension is 1, Squeeze, else Identity."""
    g = Graph(opset, 315)
    x = g.input("x", ["N", "C", 4], g.normal(3, 1, 4))
    z = g.input("z", ["N", "C", 4], g.normal(3, 2, 4))
    flag = g.input("flag", [], numpy.array(True), BOOL)
    outputs = []

    def branch(name, nodes, made):
        return helper.make_graph(nodes, name, [], [helper.make_empty_tensor_value_info(made) if hasattr(helper, "make_empty_tensor_value_info")
                                                   else helper.make_tensor_value_info(made, FLOAT, None)])
    for i, value in enumerate((x, z)):
        size = g.node("Gather", g.node("Shape", value), g.inline(I(1)), axis=0)
        one = g.node("Equal", size, g.inline(I(1)))
        axes = {"axes": [1]} if opset < 13 else {}
        more = [g.integers(1)] if opset > 12 else []
        then = branch("then", [helper.make_node("Squeeze", [value, *more], [f"squeezed{i}"], name=f"squeeze{i}", **axes)], f"squeezed{i}")
        other = branch("else", [helper.make_node("Identity", [value], [f"kept{i}"], name=f"keep{i}")], f"kept{i}")
        outputs.append(g.node("If", one, then_branch=then, else_branch=other))
    two = numpy_helper.from_array(F([2.0]), "two")
    then = branch("yes", [helper.make_node("Constant", [], ["two"], value=two), helper.make_node("Mul", [x, "two"], ["result"])], "result")
    other = branch("no", [helper.make_node("Neg", [x], ["result"])], "result")
    outputs.append(g.node("If", flag, then_branch=then, else_branch=other))
    return g.model(*[g.relu(y) for y in outputs], outputs[-1])

def decoder(opset=11):
    """A decoder's ConvTransposes: exact ones, overlapping ones, odd sizes, groups, normalizations and activations after."""
    g = Graph(opset, 331)
    x = g.image(2, 24, 7, 5, declared=["batch", 24, "height", "width"])

    def up(x, channels, filters, kernel, stride, group=1, **attributes):
        weights = g.constant(g.normal(channels, filters // group, kernel, kernel, scale=(2.0 / channels) ** 0.5 / kernel))
        return g.node("ConvTranspose", x, weights, g.constant(g.normal(filters, scale=0.1)), strides=[stride] * 2,
                      group=group, **attributes)

    y = g.relu(g.norm(up(x, 24, 32, 4, 2, pads=[1] * 4), 32))
    y = g.node("LeakyRelu", up(y, 32, 16, 2, 2, kernel_shape=[2, 2]), alpha=0.2)
    y = up(y, 16, 16, 4, 2, group=16, pads=[1, 1, 1, 1])
    y = g.node("Tanh", up(y, 16, 3, 3, 1, pads=[1] * 4))
    odd = up(x, 24, 6, 3, 2, pads=[1] * 4, output_padding=[1, 1])
    same = up(x, 24, 16, 3, 2, auto_pad="SAME_UPPER")
    wanted = up(x, 24, 4, 3, 2, output_shape=[15, 11])
    apart = up(x, 24, 4, 3, 2, dilations=[2, 3])
    line = g.node("ConvTranspose", g.node("GlobalMaxPool", g.node("Reshape", x, g.integers(0, 8, -1))),
                  g.constant(g.normal(8, 4, 16, scale=0.2)), strides=[8], pads=[4, 4])
    return g.model(y, odd, same, wanted, apart, line)


def gates(opset=11, spelling=0):
    """Squeeze and excite over channels that fill no whole block, and HardSwish as it was spelled before there was one."""
    g = Graph(opset, 332)
    x = g.image(3, 3, 20, 28, declared=["batch", 3, "height", "width"])

    def swish(x):
        if spelling == 0:
            return g.node("Mul", x, g.node("HardSigmoid", x, alpha=1 / 6, beta=0.5))
        y = g.clip(g.node("Add", x, g.constant(F(3))))
        if spelling == 1:
            return g.node("Div", g.node("Mul", x, y), g.constant(F(6)))
        return g.node("Mul", g.node("Mul", y, g.constant(F(1 / 6))), x)

    y = swish(g.unit(x, 3, 24, stride=2, act=None))
    for channels, group in ((24, 24), (72, 9), (40, 5)):
        y = swish(g.unit(y, 24, channels, 1, act=None))
        y = swish(g.unit(y, channels, channels, group=group, act=None))
        s = g.relu(g.conv(g.node("GlobalAveragePool", y), channels, 8, 1))
        s = g.node("HardSigmoid", g.conv(s, 8, channels, 1), alpha=1 / 6)
        y = g.unit(g.node("Mul", s, y) if channels == 72 else g.node("Mul", y, s), channels, 24, 1, act=None)
    return g.model(g.classifier(y, 24))


def segmentation(opset=11):
    """A head that is made as large as the input: bilinear and nearest Resize by computed sizes, cubic ones by scales."""
    g = Graph(opset, 333)
    x = g.image(2, 3, 37, 45, declared=["batch", 3, "height", "width"])
    low = g.unit(x, 3, 16, stride=2)
    deep = g.unit(low, 16, 16, stride=2, dilation=2)
    none = g.constant(numpy.zeros(0, F))
    sizes = lambda like: g.node("Concat", g.slice(g.node("Shape", deep), 0, 2, 0), g.slice(g.node("Shape", like), 2, 4, 0), axis=0)
    y = g.node("Resize", deep, none, none, sizes(low), mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    y = g.conv(g.node("Add", y, low), 16, 5, 1)
    outs = [g.node("Resize", y, none, none, g.node("Concat", g.integers(2, 5), g.slice(g.node("Shape", x), 2, 4, 0), axis=0),
                   mode=mode, coordinate_transformation_mode=how, nearest_mode="floor")
            for mode, how in (("linear", "align_corners"), ("linear", "half_pixel"), ("nearest", "asymmetric"))]
    outs.append(g.node("Resize", y, none, g.constant(numpy.array([1, 1, 2, 3], F)), mode="cubic", coordinate_transformation_mode="half_pixel"))
    return g.model(*outs)


def selection(opset=13):
    """How much comes out is known once it is computed: boxes above a bound, of an image; the best of them by suppression."""
    g = Graph(opset, 334)
    x = g.image(1, 3, 80, 64, declared=[1, 3, "height", "width"])
    y = g.unit(x, 3, 8, stride=4)
    p = g.node("Transpose", g.node("Reshape", g.conv(y, 8, 5, 1), g.integers(1, 5, -1)), perm=[0, 2, 1])
    corner, size = g.node("Abs", g.slice(p, 0, 2, 2)), g.node("Exp", g.slice(p, 2, 4, 2))
    boxes = g.node("Concat", corner, g.node("Add", corner, size), axis=2)
    score = g.node("Transpose", g.node("Sigmoid", g.slice(p, 4, 5, 2)), perm=[0, 2, 1])
    kept = g.node("NonMaxSuppression", boxes, score, g.integers(20), g.constant(numpy.array([0.5], F)), g.constant(numpy.array([0.4], F)))
    best = g.node("Gather", g.squeeze(boxes, 0), g.squeeze(g.slice(kept, 2, 3, 1), 1), axis=0)
    high = g.node("Transpose", g.node("NonZero", g.node("Greater", score, g.constant(F(0.6)))), perm=[1, 0])
    return g.model(kept, best, high, g.node("GatherND", score, high), kinds=[INT64, FLOAT, INT64, FLOAT])


def liberties(opset=13):
    """What exporters allow themselves: dropping nothing in training, sizes of -1, an opset named twice, small letters."""
    g = Graph(opset, 335)
    x = g.input("x", ["steps", "batch", 4], g.normal(6, 3, 4))
    y = g.node("Dropout", x, g.constant(F(0)), g.constant(numpy.array(True)))
    weights = [g.constant(g.normal(*shape, scale=0.4)) for shape in ((2, 15, 4), (2, 15, 5), (2, 30))]
    y, last = g.node("GRU", y, *weights, outputs=2, hidden_size=5, direction="bidirectional", activation_alpha=[0.3, 0.25],
                     activation_beta=[0.4, 0.6], activations=["HardSigmoid", "tanh", "hardsigmoid", "Tanh"])
    model, feeds = g.model(y, last)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    model.opset_import.append(helper.make_opsetid("ai.onnx", opset))
    del model.graph.value_info[:]
    return model, feeds


MODELS = {
    **{f"export-pytorch-ir3-{opset}": lambda o=opset: old_pytorch(o) for opset in (8, 9)},
    **{f"export-tensorflow-{opset}": lambda o=opset: tensorflow(o) for opset in (10, 11, 13)},
    "export-tensorflow-fixed": lambda: tensorflow(13, 1),
    **{f"export-keras-recurrent-{opset}": lambda o=opset: keras_recurrent(o) for opset in (9, 12, 15)},
    **{f"export-bert-{opset}": lambda o=opset: hugging_face(o) for opset in (11, 13, 17)},
    **{f"export-sentence-{opset}": lambda o=opset: hugging_face(o, head="mean") for opset in (11, 14)},
    **{f"export-gpt2-{opset}": lambda o=opset: gpt2(o) for opset in (11, 13, 14)},
    **{f"export-gpt2-past-{opset}": lambda o=opset: gpt2(o, True) for opset in (11, 14)},
    "export-rotary": rotary,
    "export-relative": relative,
    "export-arange": arange,
    "export-yolo": yolo,
    "export-swin": swin,
    "export-convnext": convnext,
    "export-waves": waves,
    "export-pixels": pixels,
    "export-leftovers": leftovers,
    **{f"export-branches-{opset}": lambda o=opset: branches(o) for opset in (11, 13)},
    "export-decoder": decoder,
    "export-decoder-opset9": lambda: decoder(9),
    "export-gates": gates,
    "export-gates-divided": lambda: gates(9, 1),
    "export-gates-sixth": lambda: gates(13, 2),
    "export-segmentation": segmentation,
    "export-selection": selection,
    "export-liberties": liberties,
}
