"""Just enough protobuf to write ONNX models, wrong ones above all, without the onnx package."""

import struct

FLOAT, INT64 = 1, 7


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """Length-delimited where value is bytes or text, else a varint."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b"".join(field(number, value) for value in values)


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(20, 2) + field(3, value)
    return field(1, name) + field(20, 7) + fields(8, value)


def node(operator, inputs, outputs, domain="", **attributes):
    return (fields(1, inputs) + fields(2, outputs) + field(3, f"{operator}-of-{outputs[0]}") +
            field(4, operator) + fields(5, [attribute(*pair) for pair in attributes.items()]) +
            field(7, domain))


def value(name, shape, dtype=FLOAT):
    """dims: numbers, or text for a free one."""
    dims = fields(1, [field(2, dim) if isinstance(dim, str) else field(1, dim) for dim in shape])
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, dims)))


def tensor(name, shape, numbers=None, dtype=FLOAT, raw=None):
    if raw is None:
        raw = struct.pack(f"<{len(numbers)}{'f' if dtype == FLOAT else 'q'}", *numbers)
    return fields(1, shape) + field(2, dtype) + field(8, name) + field(9, raw)


def model(nodes, inputs, outputs, initializers=(), opset=13, doc=""):
    graph = (fields(1, nodes) + field(2, "graph") + fields(5, initializers) +
             fields(11, inputs) + fields(12, outputs))
    return (field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset)) +
            (field(6, doc) if doc else b""))


def pair():
    """Two inputs, two outputs: joined = [a, b] and positive = max(b, 0), row by row."""
    return model([node("Concat", ["a", "b"], ["joined"], axis=1), node("Relu", ["b"], ["positive"])],
                 [value("a", ("n", 2)), value("b", ("n", 1))],
                 [value("joined", ("n", 3)), value("positive", ("n", 1))])


SLOW_SIDE = 512
#: A row that slow() takes.
SLOW_ROWS = [("", 1, (SLOW_SIDE, SLOW_SIDE), bytes(4 * SLOW_SIDE * SLOW_SIDE))]


def slow(layers):
    """One product of matrices after the other: some ten milliseconds each."""
    nodes = [node("MatMul", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(layers)]
    weights = tensor("w", (SLOW_SIDE, SLOW_SIDE), raw=bytes(4 * SLOW_SIDE * SLOW_SIDE))
    return model(nodes, [value("x0", ("n", SLOW_SIDE))], [value(f"x{layers}", ("n", SLOW_SIDE))],
                 [weights])


def relu(doc="", shape=("n", 3)):
    """A good one: y = max(x, 0)."""
    return model([node("Relu", ["x"], ["y"])], [value("x", shape)], [value("y", shape)], doc=doc)
