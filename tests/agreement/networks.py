"""Networks that see: every family that the engine promises, small pictures, all their layers."""

import numpy

from graph import Graph


def resnet(blocks, bottleneck, opset=13, before=False, seed=1):
    """before: normalization before convolution (version 2)."""
    g = Graph(opset, seed)
    x = g.pool(g.unit(g.image(1, 3, 64, 64, declared=["N", 3, 64, 64]), 3, 64, 7, 2), 3, 2, 1)
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        filters = width * (4 if bottleneck else 1)
        for i in range(count):
            stride = 2 if i == 0 and stage > 0 else 1
            if before:
                y = g.relu(g.norm(x, channels))
                short = g.conv(y, channels, filters, 1, stride, bias=False) if channels != filters else x
                y = g.conv(g.unit(g.conv(y, channels, width, 1), width, width, 3, stride), width, filters, 1)
                x = g.node("Add", y, short)
            else:
                short = g.unit(x, channels, filters, 1, stride, act=None) \
                    if stride > 1 or channels != filters else x
                y = g.unit(x, channels, width, 1 if bottleneck else 3, 1 if bottleneck else stride)
                if bottleneck:
                    y = g.unit(y, width, width, 3, stride)
                y = g.unit(y, width, filters, 1 if bottleneck else 3, act=None)
                x = g.relu(g.node("Add", y, short))
            channels = filters
    if before:
        x = g.relu(g.norm(x, channels))
    return g.model(g.classifier(x, channels))


def squeeze_excite(g, x, channels, squeezed, hard=True):
    y = g.node("GlobalAveragePool", x)
    y = g.conv(g.relu(g.conv(y, channels, squeezed, 1)), squeezed, channels, 1)
    y = g.node("HardSigmoid", y, alpha=1 / 6, beta=0.5) if hard else g.node("Sigmoid", y)
    return g.node("Mul", x, y)


def hard_swish(g, x):
    """As it was written before opset 14."""
    if g.opset >= 14:
        return g.node("HardSwish", x)
    y = g.clip(g.node("Add", x, g.inline(numpy.float32(3.0))))
    return g.node("Div", g.node("Mul", x, y), g.inline(numpy.float32(6.0)))


def mobilenet1(opset=9):
    g = Graph(opset, 2)
    x = g.unit(g.image(1, 3, 64, 64), 3, 32, 3, 2)
    channels = 32
    for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                            *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        x = g.unit(x, channels, channels, 3, stride, group=channels)
        x = g.unit(x, channels, filters, 1)
        channels = filters
    return g.model(g.node("Softmax", g.classifier(x, channels), axis=1))


def mobilenet2(opset=12, shapes=False):
    g = Graph(opset, 3)
    x = g.unit(g.image(1, 3, 64, 64, declared=["batch", 3, "height", "width"] if shapes else None),
               3, 32, 3, 2, act="Relu6")
    channels = 32
    for grow, filters, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                         (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            wide = channels * grow
            y = g.unit(x, channels, wide, 1, act="Relu6") if grow > 1 else x
            y = g.unit(y, wide, wide, 3, stride if i == 0 else 1, group=wide, act="Relu6")
            y = g.unit(y, wide, filters, 1, act=None)
            x = g.node("Add", x, y) if i > 0 else y
            channels = filters
    x = g.unit(x, channels, 1280, 1, act="Relu6")
    if not shapes:
        return g.model(g.classifier(x, 1280))
    x = g.reshape(g.node("GlobalAveragePool", x), None, -1)
    return g.model(g.gemm(g.node("Dropout", x), 1280, 100))


def mobilenet3(large, opset=14):
    table = ((16, 3, 16, 0, 0, 1), (64, 3, 24, 0, 0, 2), (72, 3, 24, 0, 0, 1), (72, 5, 40, 1, 0, 2),
             (120, 5, 40, 1, 0, 1), (240, 3, 80, 0, 1, 2), (200, 3, 80, 0, 1, 1),
             (480, 3, 112, 1, 1, 1), (672, 5, 160, 1, 1, 2), (960, 5, 160, 1, 1, 1)) if large else (
                 (16, 3, 16, 1, 0, 2), (72, 3, 24, 0, 0, 2), (88, 3, 24, 0, 0, 1),
                 (96, 5, 40, 1, 1, 2), (240, 5, 40, 1, 1, 1), (288, 5, 96, 1, 1, 2))
    g = Graph(opset, 4)
    x = hard_swish(g, g.unit(g.image(1, 3, 64, 64), 3, 16, 3, 2, act=None))
    channels = 16
    for wide, kernel, filters, excited, swish, stride in table:
        def act(y, swish=swish):
            return hard_swish(g, y) if swish else g.relu(y)
        y = act(g.unit(x, channels, wide, 1, act=None))
        y = act(g.unit(y, wide, wide, kernel, stride, group=wide, act=None))
        y = squeeze_excite(g, y, wide, wide // 4) if excited else y
        y = g.unit(y, wide, filters, 1, act=None)
        x = g.node("Add", x, y) if stride == 1 and channels == filters else y
        channels = filters
    x = hard_swish(g, g.unit(x, channels, 576, 1, act=None))
    x = g.node("Flatten", g.node("GlobalAveragePool", x))
    return g.model(g.gemm(hard_swish(g, g.gemm(x, 576, 256)), 256, 100))


def efficientnet(lite, opset=11):
    g = Graph(opset, 5)

    def act(y):
        return g.clip(y) if lite else g.node("Mul", y, g.node("Sigmoid", y))
    x = act(g.norm(g.conv(g.image(1, 3, 64, 64), 3, 32, 3, 2, bias=False, auto_pad="SAME_UPPER"), 32))
    channels = 32
    for grow, filters, count, stride, kernel in ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5),
                                                 (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
                                                 (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)):
        for i in range(count):
            wide = channels * grow
            y = act(g.unit(x, channels, wide, 1, act=None)) if grow > 1 else x
            y = g.conv(y, wide, wide, kernel, stride if i == 0 else 1, group=wide, bias=False,
                       auto_pad="SAME_UPPER")
            y = act(g.norm(y, wide))
            y = y if lite else squeeze_excite(g, y, wide, max(1, channels // 4), hard=False)
            y = g.unit(y, wide, filters, 1, act=None)
            x = g.node("Add", x, y) if i > 0 else y
            channels = filters
    x = act(g.unit(x, channels, 640, 1, act=None))
    x = g.squeeze(g.reduce("ReduceMean", x, 2, 3, keepdims=1), 2, 3)
    return g.model(g.node("Softmax", g.dense(x, 640, 100), axis=-1))


def densenet(opset=9, blocks=(6, 12, 24, 16)):
    g = Graph(opset, 6)
    x = g.pool(g.unit(g.image(1, 3, 64, 64), 3, 64, 7, 2), 3, 2, 1)
    channels = 64
    for stage, count in enumerate(blocks):
        for _ in range(count):
            y = g.conv(g.relu(g.norm(x, channels)), channels, 128, 1, bias=False)
            y = g.conv(g.relu(g.norm(y, 128)), 128, 32, 3, bias=False)
            x = g.node("Concat", x, y, axis=1)
            channels += 32
        if stage + 1 < len(blocks):
            x = g.conv(g.relu(g.norm(x, channels)), channels, channels // 2, 1, bias=False)
            x = g.pool(x, kind="AveragePool")
            channels //= 2
    return g.model(g.classifier(g.relu(g.norm(x, channels)), channels))


def squeezenet(opset=8):
    g = Graph(opset, 7)
    x = g.pool(g.relu(g.conv(g.image(1, 3, 65, 65), 3, 64, 3, 2, 0)), 3, 2)
    channels = 64
    for i, wide in enumerate((64, 64, 128, 128, 192, 192, 256, 256)):
        y = g.relu(g.conv(x, channels, wide // 4, 1))
        x = g.node("Concat", g.relu(g.conv(y, wide // 4, wide, 1)), g.relu(g.conv(y, wide // 4, wide)),
                   axis=1)
        channels = 2 * wide
        x = g.pool(x, 3, 2) if i in (1, 3) else x
    x = g.relu(g.conv(g.node("Dropout", x, ratio=0.5), channels, 100, 1))
    x = g.node("GlobalAveragePool", x)
    return g.model(g.node("Softmax", g.node("Reshape", x, g.integers(0, -1)), axis=1))


def shuffle(g, x, channels, groups, side):
    y = g.node("Reshape", x, g.integers(-1, groups, channels // groups, side, side))
    y = g.node("Transpose", y, perm=[0, 2, 1, 3, 4])
    return g.node("Reshape", y, g.integers(-1, channels, side, side))


def shufflenet1(opset=7, groups=3):
    g = Graph(opset, 8)
    x = g.pool(g.unit(g.image(1, 3, 64, 64), 3, 24, 3, 2), 3, 2, 1)
    channels, side = 24, 16
    first_filters = 384 if groups == 8 else 240
    for filters, count in ((first_filters, 4), (2 * first_filters, 8), (4 * first_filters, 4)):
        for i in range(count):
            stride = 2 if i == 0 else 1
            made = filters - channels if i == 0 else filters
            first = 1 if channels == 24 else groups
            y = shuffle(g, g.unit(x, channels, filters // 4, 1, group=first), filters // 4, groups, side)
            side //= stride
            y = g.unit(y, filters // 4, filters // 4, 3, stride, group=filters // 4, act=None)
            y = g.unit(y, filters // 4, made, 1, group=groups, act=None)
            x = g.node("Concat", g.pool(x, 3, 2, 1, "AveragePool"), y, axis=1) if i == 0 \
                else g.node("Add", x, y)
            x = g.relu(x)
            channels = filters
    return g.model(g.classifier(x, channels))


def grouped(opset=13):
    """As RegNet and ResNeXt: windows of 3 x 3 in groups of few channels, in groups that share no whole blocks, and wide ones."""
    g = Graph(opset, 31)
    x, channels = g.unit(g.image(2, 3, 48, 40), 3, 24, 3, 2), 24
    for width, group in ((24, 3), (56, 7), (128, 32), (72, 3), (60, 12), (64, 2)):
        y = g.unit(g.unit(x, channels, width, 1), width, width, 3, 2 if width == 128 else 1, group=group)
        y = g.unit(y, width, width, 1, act=None)
        x = g.relu(g.node("Add", y, g.unit(x, channels, width, 1, 2 if width == 128 else 1, act=None)))
        channels = width
    x = g.relu(g.conv(x, 64, 48, 1, group=4))
    x = g.relu(g.conv(x, 48, 96, group=48))
    return g.model(g.classifier(x, 96))


def shufflenet2(opset=11):
    g = Graph(opset, 9)
    x = g.pool(g.unit(g.image(1, 3, 64, 64), 3, 24, 3, 2), 3, 2, 1)
    channels, side = 24, 16
    for filters, count in ((48, 4), (96, 8), (192, 4)):
        half = filters // 2
        for i in range(count):
            if i == 0:
                side //= 2
                left = g.unit(g.unit(x, channels, channels, 3, 2, group=channels, act=None), channels,
                              half, 1)
                right, inner, stride = x, channels, 2
            else:
                left, right = g.split(x, 1, half, half)
                inner, stride = half, 1
            right = g.unit(right, inner, half, 1)
            right = g.unit(g.unit(right, half, half, 3, stride, group=half, act=None), half, half, 1)
            x = shuffle(g, g.node("Concat", left, right, axis=1), filters, 2, side)
            channels = filters
    x = g.reduce("ReduceMean", g.unit(x, channels, 256, 1), 2, 3, keepdims=0)
    return g.model(g.gemm(x, 256, 100))


def inception1(opset=9):
    g = Graph(opset, 10)
    x = g.pool(g.relu(g.conv(g.image(1, 3, 64, 64), 3, 64, 7, 2)), 3, 2, 1)
    x = g.node("LRN", x, size=5, alpha=1e-4, beta=0.75, bias=1.0)
    x = g.relu(g.conv(g.relu(g.conv(x, 64, 64, 1)), 64, 192))
    x = g.pool(g.node("LRN", x, size=5, alpha=1e-4, beta=0.75), 3, 2, 1)
    channels = 192
    for a, b, c, d, e, f in ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
                             (192, 96, 208, 16, 48, 64), (256, 160, 320, 32, 128, 128)):
        parts = [g.relu(g.conv(x, channels, a, 1)),
                 g.relu(g.conv(g.relu(g.conv(x, channels, b, 1)), b, c)),
                 g.relu(g.conv(g.relu(g.conv(x, channels, d, 1)), d, e, 5)),
                 g.relu(g.conv(g.pool(x, 3, 1, 1), channels, f, 1))]
        x, channels = g.node("Concat", *parts, axis=1), a + c + e + f
    return g.model(g.node("Softmax", g.classifier(x, channels), axis=1))


def inception3(opset=13):
    g = Graph(opset, 11)

    def tower(x, channels, *steps):
        for filters, kernel, stride, pads in steps:
            y = g.conv(x, channels, filters, kernel, stride, bias=False) if pads else \
                g.conv(x, channels, filters, kernel, stride, 0, bias=False)
            x, channels = g.relu(g.norm(y, filters)), filters
        return x
    x = tower(g.image(1, 3, 79, 79), 3, (32, 3, 2, 0), (32, 3, 1, 0), (64, 3, 1, 1))
    x = g.pool(tower(g.pool(x, 3, 2), 64, (80, 1, 1, 0), (192, 3, 1, 0)), 3, 1)
    mean = g.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    x = g.node("Concat", tower(x, 192, (64, 1, 1, 1)), tower(x, 192, (48, 1, 1, 1), (64, 5, 1, 1)),
               tower(x, 192, (64, 1, 1, 1), (96, 3, 1, 1), (96, 3, 1, 1)),
               tower(mean, 192, (32, 1, 1, 1)), axis=1)
    x = g.node("Concat", tower(x, 256, (128, 1, 1, 1), (128, (1, 7), 1, 1), (192, (7, 1), 1, 1)),
               tower(x, 256, (96, 1, 1, 1), (96, (3, 1), 1, 1), (96, (1, 3), 1, 1)),
               g.pool(x, 3, 1, 1, ceil_mode=1), axis=1)
    return g.model(g.classifier(x, 544))


def vgg(table, opset=7, normed=False):
    g = Graph(opset, 12)
    x, channels = g.image(1, 3, 32, 32), 3
    for filters in table:
        if filters == 0:
            x = g.pool(x)
            continue
        x = g.unit(x, channels, filters) if normed else g.relu(g.conv(x, channels, filters))
        channels = filters
    x = g.node("Reshape", x, g.integers(0, -1)) if normed else g.node("Flatten", x)
    x = g.node("Dropout", g.relu(g.gemm(x, channels, 1024)))
    return g.model(g.gemm(g.relu(g.gemm(x, 1024, 256)), 256, 100))


VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
VGG11 = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)


def alexnet(opset=10):
    g = Graph(opset, 13)
    x = g.pool(g.relu(g.conv(g.image(1, 3, 99, 99), 3, 64, 11, 4, 2)), 3, 2)
    x = g.pool(g.relu(g.conv(x, 64, 192, 5)), 3, 2)
    x = g.relu(g.conv(g.relu(g.conv(x, 192, 384)), 384, 256, group=2))
    x = g.reshape(g.pool(g.relu(g.conv(x, 256, 256)), 3, 2), None, 1024)
    return g.model(g.gemm(g.relu(g.gemm(x, 1024, 512)), 512, 100))


def unet(opset=11, up="deconv"):
    g = Graph(opset, 14)

    def twice(x, channels, filters):
        return g.unit(g.unit(x, channels, filters), filters, filters)

    def grow(x, channels):
        if up == "deconv":
            return g.node("ConvTranspose", x,
                          g.constant(g.normal(channels, channels // 2, 2, 2, scale=channels ** -0.5)),
                          g.constant(g.normal(channels // 2, scale=0.1)), kernel_shape=[2, 2],
                          strides=[2, 2])
        scales = g.constant(numpy.array([1, 1, 2, 2], numpy.float32))
        if opset < 10:
            x = g.node("Upsample", x, scales, mode="nearest")
        elif opset < 11:
            x = g.node("Resize", x, scales, mode="linear")
        else:
            x = g.node("Resize", x, "", scales, mode="linear" if up == "linear" else "nearest",
                       coordinate_transformation_mode="half_pixel" if up == "linear" else "asymmetric",
                       nearest_mode="floor")
        return g.conv(x, channels, channels // 2, 1)
    x, channels, kept = g.image(1, 1, 64, 64, declared=["N", 1, 64, 64]), 1, []
    for filters in (16, 32, 64):
        x = twice(x, channels, filters)
        kept.append(x)
        x, channels = g.pool(x), filters
    x, channels = twice(x, channels, 128), 128
    for short in reversed(kept):
        x = g.node("Concat", short, grow(x, channels), axis=1)
        x, channels = twice(x, channels, channels // 2), channels // 2
    return g.model(g.node("Sigmoid", g.conv(x, channels, 1, 1)))


MODELS = {
    "resnet18": lambda: resnet((2, 2, 2, 2), False, 9),
    "resnet50": lambda: resnet((3, 4, 6, 3), True, 13),
    "resnet50-v2": lambda: resnet((3, 4, 6, 3), True, 7, before=True, seed=21),
    "mobilenet-v1": mobilenet1,
    "mobilenet-v2": mobilenet2,
    "mobilenet-v2-dynamic": lambda: mobilenet2(17, shapes=True),
    "mobilenet-v3-large": lambda: mobilenet3(True, 14),
    "mobilenet-v3-small": lambda: mobilenet3(False, 11),
    "efficientnet-lite0": lambda: efficientnet(True, 11),
    "efficientnet-b0": lambda: efficientnet(False, 16),
    "densenet121": densenet,
    "squeezenet": squeezenet,
    "shufflenet-v1": shufflenet1,
    "shufflenet-v2": shufflenet2,
    "shufflenet-v1-8": lambda: shufflenet1(9, 8),
    "grouped": grouped,
    "inception-v1": inception1,
    "inception-v3": inception3,
    "vgg16": lambda: vgg(VGG16),
    "vgg11-bn": lambda: vgg(VGG11, 8, True),
    "alexnet": alexnet,
    "unet": unet,
    "unet-upsample": lambda: unet(9, "nearest"),
    "unet-resize10": lambda: unet(10, "linear"),
    "unet-resize": lambda: unet(13, "linear"),
}
