/*  generate.c - tensors out of little: Shape, Size, ConstantOfShape, Range, EyeLike, CastLike's
   type, window functions, MelWeightMatrix.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

/*  Put a number into an element of any type.  */
static void s_put(tacit_tensor_t *tensor, size_t i, double x)
{
    switch (tensor->dtype) {
    case TACIT_DTYPE_FLOAT32:
        ((float *)tensor->data)[i] = (float)x;
        break;
    case TACIT_DTYPE_FLOAT64:
        ((double *)tensor->data)[i] = x;
        break;
    case TACIT_DTYPE_INT32:
        ((int32_t *)tensor->data)[i] = (int32_t)tacit_saturate(x, INT32_MIN, INT32_MAX);
        break;
    case TACIT_DTYPE_INT64:
        ((int64_t *)tensor->data)[i] = tacit_saturate(x, INT64_MIN, INT64_MAX);
        break;
    case TACIT_DTYPE_INT8:
        ((int8_t *)tensor->data)[i] = (int8_t)tacit_saturate(x, INT8_MIN, INT8_MAX);
        break;
    default:
        ((uint8_t *)tensor->data)[i] = (uint8_t)tacit_saturate(x, 0, UINT8_MAX);
        break;
    }
}

/* --- Shape, Size ------------------------------------------------------------------------------ */

static int64_t s_clamp(int64_t x, int64_t rank)
{
    x += x < 0 ? rank : 0;
    return x < 0 ? 0 : (x > rank ? rank : x);
}

TACIT_INFER(shape)
{
    int64_t rank = (int64_t)inference->inputs[0].shape.rank;
    int64_t start = tacit_graph_node_integer(inference->node, "start", 0);
    int64_t end = tacit_graph_node_integer(inference->node, "end", rank);
    start = s_clamp(start < -rank ? -rank : start, rank);
    end = s_clamp(end < -rank ? -rank : end, rank);
    inference->parameters->axis.axis = (size_t)start;
    inference->outputs[0].shape =
        (tacit_shape_t){.rank = 1, .dims = {end > start ? end - start : 0}};
    return TACIT_OK;
}

TACIT_KERNEL(shape)
{
    (void)input_count, (void)output_count;
    memcpy(outputs[0].data, inputs[0].shape.dims + parameters->axis.axis,
           outputs[0].count * sizeof(int64_t));
    return NULL;
}

TACIT_INFER(scalar)
{
    inference->outputs[0].shape = (tacit_shape_t){.rank = 0};
    return TACIT_OK;
}

TACIT_KERNEL(size)
{
    (void)parameters, (void)input_count, (void)output_count;
    *(int64_t *)outputs[0].data = (int64_t)inputs[0].count;
    return NULL;
}

/* --- ConstantOfShape, Range, EyeLike ---------------------------------------------------------- */

TACIT_INFER(constant_of_shape)
{
    const tacit_tensor_t *wanted = &inference->inputs[0];
    const tacit_attribute_t *value = tacit_graph_node_attribute(inference->node, "value");
    if (wanted->shape.rank != 1 || wanted->count > TACIT_ENGINE_RANK_MAX ||
        (value != NULL && value->tensor->count != 1)) {
        return tacit_infer_refuse(inference, "its shape or value does not fit");
    }
    tacit_shape_t shape = {.rank = wanted->count};
    for (size_t i = 0; i < shape.rank; i++) {
        shape.dims[i] = ((const int64_t *)wanted->data)[i];
    }
    inference->parameters->node.node = inference->node;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_KERNEL(constant_of_shape)
{
    (void)inputs, (void)input_count, (void)output_count;
    const tacit_attribute_t *value = tacit_graph_node_attribute(parameters->node.node, "value");
    const float zero = 0.0F;
    for (size_t i = 0; i < outputs[0].count; i++) {
        tacit_element_copy(tacit_dtype_size(outputs[0].dtype), outputs[0].data, i,
                           value != NULL ? value->tensor->data : &zero, 0);
    }
    return NULL;
}

TACIT_INFER(range)
{
    for (size_t i = 0; i < 3; i++) {
        if (inference->inputs[i].count != 1) {
            return tacit_infer_refuse(inference, "its limits are not one number each");
        }
    }
    double start = tacit_element_real(&inference->inputs[0], 0);
    double limit = tacit_element_real(&inference->inputs[1], 0);
    double delta = tacit_element_real(&inference->inputs[2], 0);
    double count = delta != 0 ? ceil((limit - start) / delta) : NAN;
    if (!(count <= TACIT_TENSOR_SIZE_MAX)) {
        return tacit_infer_refuse(inference, "its range has no end");
    }
    inference->outputs[0].shape =
        (tacit_shape_t){.rank = 1, .dims = {count > 0 ? (int64_t)count : 0}};
    return TACIT_OK;
}

TACIT_KERNEL(range)
{
    (void)parameters, (void)input_count, (void)output_count;
    if (outputs[0].dtype == TACIT_DTYPE_INT64) {
        uint64_t start = (uint64_t)tacit_element_integer(&inputs[0], 0);
        uint64_t delta = (uint64_t)tacit_element_integer(&inputs[2], 0);
        for (size_t i = 0; i < outputs[0].count; i++) {
            ((int64_t *)outputs[0].data)[i] = (int64_t)(start + i * delta);
        }
        return NULL;
    }
    double start = tacit_element_real(&inputs[0], 0);
    double delta = tacit_element_real(&inputs[2], 0);
    for (size_t i = 0; i < outputs[0].count; i++) {
        s_put(&outputs[0], i, start + (double)i * delta);
    }
    return NULL;
}

TACIT_INFER(eye)
{
    inference->parameters->node.mode = tacit_graph_node_integer(inference->node, "k", 0);
    if (inference->inputs[0].shape.rank != 2) {
        return tacit_infer_refuse(inference, "its input is no matrix");
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(eye)
{
    (void)inputs, (void)input_count, (void)output_count;
    int64_t columns = outputs[0].shape.dims[1];
    for (size_t n = 0; n < outputs[0].count; n++) {
        int64_t column = (int64_t)n % columns;
        int64_t row = (int64_t)n / columns;
        s_put(&outputs[0], n, column - row == parameters->node.mode ? 1 : 0);
    }
    return NULL;
}

/* --- windows ---------------------------------------------------------------------------------- */

TACIT_INFER(window)
{
    if (inference->inputs[0].count != 1) {
        return tacit_infer_refuse(inference, "its size is not one number");
    }
    int64_t size = tacit_element_integer(&inference->inputs[0], 0);
    inference->parameters->node.mode =
        tacit_graph_node_integer(inference->node, "periodic", 1) != 0;
    inference->outputs[0].shape = (tacit_shape_t){.rank = 1, .dims = {size}};
    return TACIT_OK;
}

/*  a - b cos(x) + c cos(2x) over the window.  */
static const char *s_window(const tacit_parameters_t *parameters, tacit_tensor_t *output, double a,
                            double b, double c)
{
    double period = (double)output->count - (parameters->node.mode != 0 ? 0 : 1);
    for (size_t i = 0; i < output->count; i++) {
        double x = period > 0 ? 2 * M_PI * (double)i / period : 0;
        s_put(output, i, a - b * cos(x) + c * cos(2 * x));
    }
    return NULL;
}

TACIT_KERNEL(hann)
{
    (void)inputs, (void)input_count, (void)output_count;
    return s_window(parameters, &outputs[0], 0.5, 0.5, 0);
}

TACIT_KERNEL(hamming)
{
    (void)inputs, (void)input_count, (void)output_count;
    return s_window(parameters, &outputs[0], 25.0 / 46.0, 21.0 / 46.0, 0);
}

TACIT_KERNEL(blackman)
{
    (void)inputs, (void)input_count, (void)output_count;
    return s_window(parameters, &outputs[0], 0.42, 0.5, 0.08);
}

/* --- MelWeightMatrix -------------------------------------------------------------------------- */

enum { MEL_BINS = 0, MEL_LENGTH, MEL_RATE, MEL_LOW, MEL_HIGH, MEL_INPUTS };

TACIT_INFER(mel)
{
    for (size_t i = 0; i < MEL_INPUTS; i++) {
        if (inference->inputs[i].count != 1) {
            return tacit_infer_refuse(inference, "an input is not one number");
        }
    }
    int64_t bins = tacit_element_integer(&inference->inputs[MEL_BINS], 0);
    int64_t length = tacit_element_integer(&inference->inputs[MEL_LENGTH], 0);
    if (bins < 1 || bins > TACIT_TENSOR_SIZE_MAX || length < 1 || length > TACIT_TENSOR_SIZE_MAX) {
        return tacit_infer_refuse(inference, "its sizes are out of bounds");
    }
    inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {length / 2 + 1, bins}};
    return TACIT_OK;
}

static double s_mel(double hertz)
{
    return 2595.0 * log10(1.0 + hertz / 700.0);
}

/*  The spectrogram's line at boundary i of the mel bands.  */
static int64_t s_line(const tacit_tensor_t *inputs, int64_t i)
{
    double low = s_mel(tacit_element_real(&inputs[MEL_LOW], 0));
    double high = s_mel(tacit_element_real(&inputs[MEL_HIGH], 0));
    double bins = tacit_element_real(&inputs[MEL_BINS], 0);
    double hertz = 700.0 * (pow(10.0, (low + (double)i * (high - low) / (bins + 2)) / 2595.0) - 1);
    double length = tacit_element_real(&inputs[MEL_LENGTH], 0);
    return tacit_saturate(floor((length + 1) * hertz / tacit_element_real(&inputs[MEL_RATE], 0)), 0,
                          INT32_MAX);
}

TACIT_KERNEL(mel)
{
    (void)parameters, (void)input_count, (void)output_count;
    int64_t lines = outputs[0].shape.dims[0];
    int64_t bins = outputs[0].shape.dims[1];
    for (int64_t bin = 0; bin < bins; bin++) {
        int64_t low = s_line(inputs, bin);
        int64_t middle = s_line(inputs, bin + 1);
        int64_t high = s_line(inputs, bin + 2);
        for (int64_t line = 0; line < lines; line++) {
            double weight = 0;
            if (low == middle) {
                weight = line == middle ? 1 : 0;
            } else if (line >= low && line <= middle) {
                weight = (double)(line - low) / (double)(middle - low);
            }
            if (line >= middle && line < high && high > middle) {
                weight = (double)(high - line) / (double)(high - middle);
            }
            s_put(&outputs[0], (size_t)(line * bins + bin), weight);
        }
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(generate) = {
    {"Shape", 1, 14, ANY, "T|i", 1, "", 0, SHAPES, I(shape), K(shape), NULL},
    {"Shape", 15, 17, ANY, "T|i", 1, "start:i end:i", 0, SHAPES, I(shape), K(shape), NULL},
    {"Size", 1, 17, ANY, "T|i", 1, "", 0, SHAPES, I(scalar), K(size), NULL},
    {"ConstantOfShape", 9, 17, ANY, "i|v", 1, "value:t", 1, 0, I(constant_of_shape), K(constant_of_shape), NULL},
    {"Range", 11, 17, NUMBER, "TTT|T", 3, "", 0x7, 0, I(range), K(range), NULL},
    {"EyeLike", 9, 17, ANY, "T|e", 1, "dtype:i k:i", 0, SHAPES, I(eye), K(eye), NULL},
    {"HannWindow", 17, 17, ANY, "j|o", 1, "output_datatype:i periodic:i", 1, 0, I(window), K(hann), NULL},
    {"HammingWindow", 17, 17, ANY, "j|o", 1, "output_datatype:i periodic:i", 1, 0, I(window), K(hamming), NULL},
    {"BlackmanWindow", 17, 17, ANY, "j|o", 1, "output_datatype:i periodic:i", 1, 0, I(window), K(blackman), NULL},
    {"MelWeightMatrix", 17, 17, ANY, "jjjff|o", 5, "output_datatype:i", 0x7, 0, I(mel), K(mel), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
