"""graph.py - ONNX files of seeded random weights, written with the standard library alone.

A Graph collects nodes and initializers and knows how to encode itself as a ModelProto. Values are
names; every method that makes a node returns its output's name. Weights are drawn so that
activations neither die out nor overflow: variance 2 / fan-in where a ReLU follows, 1 / fan-in
elsewhere.
"""

import array
import math
import random
import struct

FLOAT, UINT8, INT8, INT32, INT64 = 1, 2, 3, 6, 7
CODES = {FLOAT: "f", UINT8: "B", INT8: "b", INT32: "i", INT64: "q"}  # of array
TABLE_SIZE = 1 << 16  # draws are picked from as many normal ones


def _varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _integer(field, number):
    return _varint(field << 3) + _varint(number)


def _bytes(field, data):
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name, dtype, dims, raw):
    """A TensorProto: the raw bytes are not copied into a larger string more often than needed."""
    return b"".join([*(_integer(1, dim) for dim in dims), _integer(2, dtype), _bytes(8, name),
                     _bytes(9, raw)])


def _attribute(name, value):
    if isinstance(value, float):
        return _bytes(1, name) + _varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, int):
        return _bytes(1, name) + _integer(3, value) + _integer(20, 2)
    if isinstance(value, str):
        return _bytes(1, name) + _bytes(4, value) + _integer(20, 3)
    if all(isinstance(item, int) for item in value):
        return _bytes(1, name) + b"".join(_integer(8, item) for item in value) + _integer(20, 7)
    if all(isinstance(item, float) for item in value):
        items = b"".join(_varint(7 << 3 | 5) + struct.pack("<f", item) for item in value)
        return _bytes(1, name) + items + _integer(20, 6)
    items = b"".join(_bytes(9, item) for item in value)
    return _bytes(1, name) + items + _integer(20, 8)


def _value_info(name, dtype, dims):
    shape = b"".join(_bytes(1, _bytes(2, dim) if isinstance(dim, str) else _integer(1, dim))
                     for dim in dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, _integer(1, dtype) + _bytes(2, shape)))


class Graph:
    def __init__(self, name, opset=13):
        self.name = name
        self.opsets = {"": opset}
        self.inputs, self.outputs, self.nodes, self.initializers = [], [], [], []
        self.random = random.Random(name)
        gauss = self.random.gauss
        self.table = [gauss(0.0, 1.0) for _ in range(TABLE_SIZE)]
        self.shapes = {}  # of initializers

    def _fresh(self, kind):
        return f"{kind}_{len(self.nodes) + len(self.initializers)}"

    def input(self, name, dims, dtype=FLOAT):
        self.inputs.append(_value_info(name, dtype, dims))
        return name

    def output(self, name, dims, dtype=FLOAT):
        self.outputs.append(_value_info(name, dtype, dims))

    def constant(self, values, dims=None, dtype=FLOAT):
        name = self._fresh("c")
        dims = [len(values)] if dims is None else dims
        raw = array.array(CODES[dtype], values).tobytes()
        self.initializers.append(_tensor(name, dtype, dims, raw))
        self.shapes[name] = dims
        return name

    def integers(self, *values):
        return self.constant(values, dtype=INT64)

    def weights(self, dims, deviation):
        count = math.prod(dims)
        table = [deviation * item for item in self.table]
        picks = array.array("H", self.random.randbytes(2 * count))
        return self.constant(map(table.__getitem__, picks), dims)

    def node(self, kind, inputs, outputs=1, domain="", **attributes):
        names = [self._fresh(kind.lower()) + (f"_{i}" if outputs > 1 else "")
                 for i in range(outputs)]
        parts = [_bytes(1, name) for name in inputs] + [_bytes(2, name) for name in names]
        parts += [_bytes(3, names[0]), _bytes(4, kind)]
        parts += [_bytes(5, _attribute(key, value)) for key, value in attributes.items()]
        parts += [_bytes(7, domain)] if domain else []
        self.nodes.append(b"".join(parts))
        return names[0] if outputs == 1 else names

    # What most networks share.

    def conv(self, x, channels, features, kernel, stride=1, pad=None, group=1, bias=True, gain=2.0):
        kernel = kernel if isinstance(kernel, (list, tuple)) else [kernel, kernel]
        pad = [size // 2 for size in kernel] if pad is None else [pad, pad]
        fan_in = channels // group * math.prod(kernel)
        w = self.weights([features, channels // group, *kernel], math.sqrt(gain / fan_in))
        inputs = [x, w] + ([self.weights([features], 0.05)] if bias else [])
        return self.node("Conv", inputs, kernel_shape=list(kernel), strides=[stride, stride],
                         pads=pad + pad, group=group)

    def normalize(self, x, channels, gain=1.0):
        """A BatchNormalization that leaves magnitudes nearly alone."""
        draw = self.random.uniform
        vectors = [[gain * draw(0.8, 1.2) for _ in range(channels)],
                   [draw(-0.1, 0.1) for _ in range(channels)],
                   [draw(-0.1, 0.1) for _ in range(channels)],
                   [draw(0.8, 1.2) for _ in range(channels)]]
        return self.node("BatchNormalization", [x, *map(self.constant, vectors)], epsilon=1e-5)

    def relu(self, x):
        return self.node("Relu", [x])

    def linear(self, x, size, features, gain=1.0):
        w = self.weights([features, size], math.sqrt(gain / size))
        return self.node("Gemm", [x, w, self.weights([features], 0.05)], transB=1)

    def matmul_add(self, x, size, features, gain=1.0):
        w = self.weights([size, features], math.sqrt(gain / size))
        return self.node("Add", [self.node("MatMul", [x, w]), self.weights([features], 0.05)])

    def encode(self):
        graph = b"".join([*(_bytes(1, node) for node in self.nodes), _bytes(2, self.name),
                          *(_bytes(5, item) for item in self.initializers),
                          *(_bytes(11, item) for item in self.inputs),
                          *(_bytes(12, item) for item in self.outputs)])
        opsets = b"".join(_bytes(8, (_bytes(1, domain) if domain else b"") + _integer(2, version))
                          for domain, version in self.opsets.items())
        return _integer(1, 8) + _bytes(2, "tacit-models") + opsets + _bytes(7, graph)
