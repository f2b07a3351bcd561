"""A graph being written, with seeded random weights, for the models of the agreement check."""

import numpy
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL
DOUBLE, STRING, UINT8 = TensorProto.DOUBLE, TensorProto.STRING, TensorProto.UINT8
ML = "ai.onnx.ml"


class Graph:
    """Values are names; each method that adds nodes returns the names of what they make."""

    def __init__(self, opset=13, seed=1, ml=0):
        self.opset, self.ml = opset, ml
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.constants, self.inputs, self.feeds = [], [], [], {}
        self.count = 0

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    def input(self, name, shape, array, kind=FLOAT):
        """Declared with that shape (text: a free dimension); run on the array."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        self.feeds[name] = array
        return name

    def image(self, *shape, declared=None):
        return self.input("x", declared or list(shape), self.normal(*shape))

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(numpy.float32)

    def uniform(self, *shape, low=0.5, high=1.5):
        return self.random.uniform(low, high, shape).astype(numpy.float32)

    def constant(self, array):
        name = self.name("w")
        self.constants.append(numpy_helper.from_array(numpy.array(array, order="C"), name))
        return name

    def integers(self, *items):
        return self.constant(numpy.array(items, numpy.int64))

    def integers_scalar(self, item):
        return self.constant(numpy.array(item, numpy.int64))

    def inline(self, array):
        """A Constant node, as exporters write for small things."""
        return self.node("Constant", value=numpy_helper.from_array(numpy.array(array)))

    def node(self, kind, *inputs, outputs=1, domain="", **attributes):
        made = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, domain=domain,
                                           name=f"{kind}_{self.count}", **attributes))
        return made[0] if outputs == 1 else made

    # --- layers ------------------------------------------------------------------------------

    def conv(self, x, channels, filters, kernel=3, stride=1, pad=None, group=1, bias=True,
             dilation=1, **attributes):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = [(k - 1) // 2 * dilation for k in kernel] if pad is None else [pad] * 2
        fan = channels // group * kernel[0] * kernel[1]
        weights = [self.constant(self.normal(filters, channels // group, *kernel,
                                             scale=(2.0 / fan) ** 0.5))]
        if bias:
            weights.append(self.constant(self.normal(filters, scale=0.1)))
        if "auto_pad" not in attributes:
            attributes["pads"] = pads * 2
        return self.node("Conv", x, *weights, kernel_shape=kernel, strides=[stride] * 2,
                         group=group, dilations=[dilation] * 2, **attributes)

    def norm(self, x, channels):
        return self.node("BatchNormalization", x,
                         self.constant(self.uniform(channels)),
                         self.constant(self.normal(channels, scale=0.1)),
                         self.constant(self.normal(channels, scale=0.1)),
                         self.constant(self.uniform(channels)), epsilon=1e-5)

    def relu(self, x):
        return self.node("Relu", x)

    def clip(self, x, low=0.0, high=6.0):
        if self.opset < 11:
            return self.node("Clip", x, min=low, max=high)
        return self.node("Clip", x, self.inline(numpy.float32(low)), self.inline(numpy.float32(high)))

    def unit(self, x, channels, filters, *arguments, act="Relu", **options):
        """Conv, normalization, activation: the brick of most networks."""
        y = self.norm(self.conv(x, channels, filters, *arguments, bias=False, **options), filters)
        if act == "Relu6":
            return self.clip(y)
        return self.node(act, y) if act else y

    def gemm(self, x, inputs, outputs, transpose=1):
        shape = (outputs, inputs) if transpose else (inputs, outputs)
        return self.node("Gemm", x, self.constant(self.normal(*shape, scale=inputs ** -0.5)),
                         self.constant(self.normal(outputs, scale=0.1)), transB=transpose)

    def dense(self, x, inputs, outputs):
        """MatMul and Add, for any rank."""
        y = self.node("MatMul", x, self.constant(self.normal(inputs, outputs, scale=inputs ** -0.5)))
        return self.node("Add", y, self.constant(self.normal(outputs, scale=0.1)))

    def pool(self, x, kernel=2, stride=2, pad=0, kind="MaxPool", **attributes):
        return self.node(kind, x, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
                         **attributes)

    def squeeze(self, x, *axes):
        if self.opset < 13:
            return self.node("Squeeze", x, axes=list(axes))
        return self.node("Squeeze", x, self.integers(*axes))

    def unsqueeze(self, x, *axes):
        if self.opset < 13:
            return self.node("Unsqueeze", x, axes=list(axes))
        return self.node("Unsqueeze", x, self.integers(*axes))

    def reduce(self, kind, x, *axes, keepdims=1):
        if self.opset >= (13 if kind == "ReduceSum" else 18):
            return self.node(kind, x, self.integers(*axes), keepdims=keepdims)
        return self.node(kind, x, axes=list(axes), keepdims=keepdims)

    def split(self, x, axis, *sizes):
        if self.opset < 13:
            return self.node("Split", x, outputs=len(sizes), axis=axis, split=list(sizes))
        return self.node("Split", x, self.integers(*sizes), outputs=len(sizes), axis=axis)

    def slice(self, x, start, end, axis):
        if self.opset < 10:
            return self.node("Slice", x, starts=[start], ends=[end], axes=[axis])
        return self.node("Slice", x, self.integers(start), self.integers(end), self.integers(axis))

    def batch(self, x):
        """The first dimension, as PyTorch's exporter asks for it."""
        return self.node("Gather", self.node("Shape", x), self.inline(numpy.int64(0)), axis=0)

    def reshape(self, x, *shape):
        """Reshape by a computed shape: None is the batch."""
        parts = [self.unsqueeze(self.batch(x) if item is None else self.inline(numpy.int64(item)), 0)
                 for item in shape]
        return self.node("Reshape", x, self.node("Concat", *parts, axis=0))

    def classifier(self, x, channels, classes=100):
        y = self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)
        return self.gemm(y, channels, classes)

    # --- the model ---------------------------------------------------------------------------

    def model(self, *outputs, kinds=None, shapes=None):
        kinds = kinds or [FLOAT] * len(outputs)
        shapes = shapes or [None] * len(outputs)
        infos = [kind(name) if callable(kind) else
                 helper.make_tensor_value_info(name, kind, shape)
                 for name, kind, shape in zip(outputs, kinds, shapes)]
        graph = helper.make_graph(self.nodes, "graph", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        if self.ml:
            opsets.append(helper.make_opsetid(ML, self.ml))
        model = helper.make_model(graph, opset_imports=opsets, producer_name="")
        model.ir_version = 3 if self.opset < 9 else 7
        if self.opset < 9:
            graph = model.graph
            graph.input.extend(
                helper.make_tensor_value_info(c.name, c.data_type, list(c.dims))
                for c in graph.initializer)
        return model, self.feeds
