"""Networks that read: transformer encoders, LSTM and GRU, and plain perceptrons."""

import numpy
from onnx import helper

from graph import FLOAT, INT64, Graph


def layer_norm(g, x, width):
    scale, shift = g.constant(g.uniform(width)), g.constant(g.normal(width, scale=0.1))
    if g.opset >= 17:
        return g.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)
    centred = g.node("Sub", x, g.reduce("ReduceMean", x, -1))
    spread = g.reduce("ReduceMean", g.node("Pow", centred, g.inline(numpy.float32(2))), -1)
    root = g.node("Sqrt", g.node("Add", spread, g.inline(numpy.float32(1e-5))))
    return g.node("Add", g.node("Mul", g.node("Div", centred, root), scale), shift)


def gelu(g, x, kind="erf"):
    if kind == "tanh":
        cube = g.node("Mul", g.node("Mul", x, x), x)
        inner = g.node("Add", x, g.node("Mul", cube, g.inline(numpy.float32(0.044715))))
        tanh = g.node("Tanh", g.node("Mul", inner, g.inline(numpy.float32(0.7978845608))))
        half = g.node("Mul", x, g.inline(numpy.float32(0.5)))
        return g.node("Mul", half, g.node("Add", tanh, g.inline(numpy.float32(1.0))))
    erf = g.node("Erf", g.node("Div", x, g.inline(numpy.float32(2 ** 0.5))))
    product = g.node("Mul", x, g.node("Add", erf, g.inline(numpy.float32(1.0))))
    return g.node("Mul", product, g.inline(numpy.float32(0.5)))


def heads(g, x, count, size, dynamic):
    """[N, S, W] to [N, H, S, D]."""
    if dynamic:
        shape = g.node("Shape", x)
        parts = [g.unsqueeze(g.node("Gather", shape, g.inline(numpy.int64(i)), axis=0), 0)
                 for i in (0, 1)]
        x = g.node("Reshape", x, g.node("Concat", *parts, g.integers(count), g.integers(size), axis=0))
    else:
        x = g.node("Reshape", x, g.integers(0, 0, count, size))
    return g.node("Transpose", x, perm=[0, 2, 1, 3])


def attention(g, x, width, count, mask, dynamic, einsum):
    size = width // count
    q, k, v = (heads(g, g.dense(x, width, width), count, size, dynamic) for _ in range(3))
    if einsum:
        scores = g.node("Einsum", q, k, equation="bhqd,bhkd->bhqk")
    else:
        scores = g.node("MatMul", q, g.node("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g.node("Div", scores, g.inline(numpy.float32(size ** 0.5)))
    scores = g.node("Add", scores, mask) if mask else scores
    weights = g.node("Softmax", scores, axis=3 if g.opset < 13 else -1)
    y = g.node("Einsum", weights, v, equation="b h q k , b h k d -> b h q d") if einsum \
        else g.node("MatMul", weights, v)
    y = g.node("Transpose", y, perm=[0, 2, 1, 3])
    y = g.reshape(y, None, -1, width) if dynamic else g.node("Reshape", y, g.integers(0, 0, width))
    return g.dense(y, width, width)


def bert(opset=11, dynamic=False, einsum=False, activation="erf", layers=2, width=64, seed=31):
    g = Graph(opset, seed)
    length, words = 24, 500
    shape = ["batch", "sequence"] if dynamic else [2, length]
    ids = g.input("input_ids", shape, g.random.integers(0, words, (2, length)), INT64)
    allowed = numpy.ones((2, length), numpy.int64)
    allowed[1, 17:] = 0
    allowed = g.input("attention_mask", shape, allowed, INT64)
    x = g.node("Gather", g.constant(g.normal(words, width)), ids, axis=0)
    places = g.constant(g.normal(length * 2, width, scale=0.3))
    if dynamic:
        count = g.node("Gather", g.node("Shape", ids), g.inline(numpy.int64(1)), axis=0)
        rows = g.node("Slice", places, g.integers(0), g.unsqueeze(count, 0), g.integers(0))
        x = g.node("Add", x, rows)
    else:
        x = g.node("Add", x, g.slice(places, 0, length, 0))
    x = layer_norm(g, x, width)
    mask = g.node("Cast", g.unsqueeze(allowed, 1, 2), to=FLOAT)
    mask = g.node("Mul", g.node("Sub", g.inline(numpy.float32(1.0)), mask), g.inline(numpy.float32(-10000.0)))
    for _ in range(layers):
        x = layer_norm(g, g.node("Add", x, attention(g, x, width, 4, mask, dynamic, einsum)), width)
        y = g.dense(gelu(g, g.dense(x, width, 4 * width), activation), 4 * width, width)
        x = layer_norm(g, g.node("Add", x, y), width)
    first = g.node("Gather", x, g.inline(numpy.int64(0)), axis=1)
    return g.model(x, g.gemm(g.node("Tanh", g.gemm(first, width, width)), width, 3))


def vision_transformer(opset=14):
    g = Graph(opset, 33)
    x = g.conv(g.image(2, 3, 32, 32, declared=["N", 3, 32, 32]), 3, 48, 8, 8, 0)
    x = g.node("Transpose", g.node("Reshape", x, g.integers(0, 48, -1)), perm=[0, 2, 1])
    token = g.node("Expand", g.constant(g.normal(1, 1, 48)),
                   g.node("Concat", g.unsqueeze(g.batch(x), 0), g.integers(1), g.integers(48), axis=0))
    x = g.node("Add", g.node("Concat", token, x, axis=1), g.constant(g.normal(1, 17, 48, scale=0.3)))
    for _ in range(2):
        x = g.node("Add", x, attention(g, layer_norm(g, x, 48), 48, 4, None, False, False))
        x = g.node("Add", x, g.dense(gelu(g, g.dense(layer_norm(g, x, 48), 48, 96)), 96, 48))
    x = g.node("Gather", layer_norm(g, x, 48), g.inline(numpy.int64(0)), axis=1)
    return g.model(g.gemm(x, 48, 10))


def recurrent(kind, opset, both=False, layers=1, states=False, reset=0, lengths=False,
              activations=None, seed=41):
    """x: [sequence, batch, features], as PyTorch writes it."""
    g = Graph(opset, seed)
    steps, rows, wide, hidden = 12, 3, 10, 16
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    x = g.input("x", ["sequence", "batch", wide], g.normal(steps, rows, wide))
    given = [g.input("lengths", [rows], numpy.array([12, 7, 4], numpy.int32), 6)] if lengths else [""]
    outputs = []
    for _ in range(layers):
        directions = 2 if both else 1
        weights = [g.constant(g.normal(directions, gates * hidden, n, scale=n ** -0.5))
                   for n in (wide, hidden)]
        weights.append(g.constant(g.normal(directions, 2 * gates * hidden, scale=0.1)))
        extra = list(given)
        if states:
            extra += [g.constant(g.normal(directions, rows, hidden))
                      for _ in range(2 if kind == "LSTM" else 1)]
        options = {"direction": "bidirectional"} if both else {}
        if kind == "GRU":
            options["linear_before_reset"] = reset
        if activations:
            options["activations"] = activations * directions
        made = g.node(kind, x, *weights, *extra, outputs=3 if kind == "LSTM" else 2,
                      hidden_size=hidden, **options)
        if both:
            y = g.node("Transpose", made[0], perm=[0, 2, 1, 3])
            x, wide = g.node("Reshape", y, g.integers(0, 0, -1)), 2 * hidden
        else:
            x, wide = g.squeeze(made[0], 1), hidden
        outputs = made[1:]
    last = g.node("Gather", x, g.inline(numpy.int64(-1)), axis=0)
    return g.model(g.gemm(last, wide, 5), x, *outputs)


def text_cnn(opset=9):
    g = Graph(opset, 51)
    ids = g.input("ids", ["N", 20], g.random.integers(0, 300, (2, 20)), INT64)
    x = g.node("Transpose", g.node("Gather", g.constant(g.normal(300, 32)), ids), perm=[0, 2, 1])
    parts = []
    for kernel in (3, 4, 5):
        y = g.node("Conv", x, g.constant(g.normal(24, 32, kernel, scale=0.1)),
                   g.constant(g.normal(24, scale=0.1)), kernel_shape=[kernel])
        parts.append(g.squeeze(g.node("GlobalMaxPool", g.relu(y)), 2))
    return g.model(g.node("LogSoftmax", g.gemm(g.node("Concat", *parts, axis=1), 72, 4), axis=1))


def perceptron(opset=13, widths=(20, 64, 64, 5), act="Relu", matmul=False, last="Softmax", rows=7):
    g = Graph(opset, 61)
    x = g.input("x", ["N", widths[0]], g.normal(rows, widths[0]))
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        x = g.dense(x, a, b) if matmul else g.gemm(x, a, b, transpose=i % 2)
        if i + 2 < len(widths):
            x = g.node(act, x)
    return g.model(g.node(last, x, **({"axis": 1} if "Softmax" in last else {})))


def embedding_tabular(opset=12):
    """Categories through embeddings beside numbers, with batch normalization."""
    g = Graph(opset, 62)
    kinds = g.input("kinds", ["N", 3], g.random.integers(0, 9, (6, 3)), INT64)
    numbers = g.input("numbers", ["N", 5], g.normal(6, 5))
    parts = [g.node("Gather", g.constant(g.normal(9, 4)),
                    g.node("Gather", kinds, g.inline(numpy.int64(i)), axis=1), axis=0) for i in range(3)]
    x = g.node("Concat", *parts, g.norm(numbers, 5), axis=1)
    x = g.norm(g.relu(g.gemm(x, 17, 32)), 32)
    return g.model(g.node("Sigmoid", g.gemm(x, 32, 1)))


def odds_and_ends(opset=13):
    """What exporters put between layers: Where, Expand, Tile, ConstantOfShape, Pad, Range, ArgMax."""
    g = Graph(opset, 63)
    x = g.input("x", ["N", 4, 6], g.normal(2, 4, 6))
    shape = g.node("Shape", x)
    ones = g.node("ConstantOfShape", shape, value=helper.make_tensor("value", FLOAT, [1], [1.0]))
    y = g.node("Where", g.node("Greater", x, g.inline(numpy.float32(0))), x,
               g.node("Mul", ones, g.inline(numpy.float32(0.1))))
    y = g.node("Pad", y, g.integers(0, 1, 1, 0, 0, 2), mode="reflect")
    y = g.node("Tile", y, g.integers(1, 2, 1))
    last = g.node("Gather", g.node("Shape", y), g.inline(numpy.int64(2)), axis=0)
    steps = g.node("Range", g.inline(numpy.int64(0)), last, g.inline(numpy.int64(1)))
    y = g.node("Add", y, g.node("Cast", steps, to=FLOAT))
    z = g.node("Expand", g.reduce("ReduceSum", y, 1, 2),
               g.node("Concat", g.unsqueeze(g.batch(x), 0), g.integers(3, 5), axis=0))
    best = g.node("ArgMax", y, axis=-1, keepdims=0)
    values, places = g.node("TopK", y, g.integers(3), outputs=2, axis=-1)
    norm = g.node("LpPool", g.unsqueeze(y, 1), kernel_shape=[2, 2], strides=[2, 2], p=2)
    return g.model(y, z, best, values, places, norm,
                   kinds=[FLOAT, FLOAT, INT64, FLOAT, INT64, FLOAT])


def einsums(opset=12):
    g = Graph(opset, 64)
    a = g.input("a", ["N", 3, 4], g.normal(2, 3, 4))
    b = g.input("b", ["N", 4, 5], g.normal(2, 4, 5))
    square = g.input("c", [3, 3], g.normal(3, 3))
    return g.model(g.node("Einsum", a, b, equation="bij,bjk->bik"),
                   g.node("Einsum", a, b, equation="...ij,...jk"),
                   g.node("Einsum", square, equation="ii->i"),
                   g.node("Einsum", square, equation="ii"),
                   g.node("Einsum", a, square, b, equation="nij,ik,njl->lk"),
                   g.node("Einsum", a, equation="nij->j"))


def detector(opset=11):
    """A head that looks at regions: pooled, aligned, the best boxes kept."""
    g = Graph(opset, 65)
    x = g.relu(g.conv(g.input("x", ["N", 3, 24, 24], g.normal(2, 3, 24, 24)), 3, 8))
    corners = numpy.sort(g.random.uniform(0, 40, (6, 2, 2)), axis=1).reshape(6, 4).astype(numpy.float32)
    rows = numpy.array([0, 1, 1, 0, 1, 0])
    regions = numpy.concatenate([rows[:, None], corners], 1).astype(numpy.float32)
    pooled = g.node("MaxRoiPool", x, g.constant(regions), pooled_shape=[3, 2], spatial_scale=0.5)
    aligned = g.node("RoiAlign", x, g.constant(corners), g.integers(*rows), output_height=3, output_width=2,
                     sampling_ratio=2, spatial_scale=0.5)
    scores = g.node("Softmax", g.gemm(g.node("Flatten", aligned), 48, 3), axis=1)
    turned = g.unsqueeze(g.node("Transpose", scores, perm=[1, 0]), 0)
    kept = g.node("NonMaxSuppression", g.constant(corners[None]), turned, g.integers(4),
                  g.constant(numpy.array([0.4], numpy.float32)), g.constant(numpy.array([0.2], numpy.float32)))
    return g.model(pooled, aligned, scores, kept, kinds=[FLOAT, FLOAT, FLOAT, INT64])


MODELS = {
    "detector": detector,
    "bert": bert,
    "bert-opset13-dynamic": lambda: bert(13, dynamic=True),
    "bert-opset17-layernorm": lambda: bert(17, dynamic=True, layers=4, seed=32),
    "bert-einsum": lambda: bert(12, einsum=True),
    "bert-gelu-tanh": lambda: bert(14, activation="tanh"),
    "vision-transformer": vision_transformer,
    "lstm": lambda: recurrent("LSTM", 9),
    "lstm-opset7-states": lambda: recurrent("LSTM", 7, states=True),
    "lstm-bidirectional-2": lambda: recurrent("LSTM", 14, both=True, layers=2),
    "lstm-lengths": lambda: recurrent("LSTM", 13, both=True, lengths=True),
    "gru": lambda: recurrent("GRU", 11, reset=1),
    "gru-bidirectional-2": lambda: recurrent("GRU", 13, both=True, layers=2, reset=1, states=True),
    "gru-reset-before": lambda: recurrent("GRU", 7, reset=0),
    "gru-hard": lambda: recurrent("GRU", 14, activations=["HardSigmoid", "Tanh"]),
    "rnn": lambda: recurrent("RNN", 14, both=True),
    "text-cnn": text_cnn,
    "mlp": perceptron,
    "mlp-matmul": lambda: perceptron(7, (30, 128, 10), "Tanh", True, "LogSoftmax", 32),
    "mlp-elu": lambda: perceptron(9, (8, 32, 32, 1), "Elu", False, "Sigmoid"),
    "mlp-selu": lambda: perceptron(17, (8, 32, 16, 3), "Selu", True, "Softplus"),
    "autoencoder": lambda: perceptron(12, (64, 32, 8, 32, 64), "LeakyRelu", False, "Sigmoid"),
    "embedding-tabular": embedding_tabular,
    "odds-and-ends": odds_and_ends,
    "odds-and-ends-opset17": lambda: odds_and_ends(17),
    "einsums": einsums,
}
