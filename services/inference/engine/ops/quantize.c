/*  quantize.c - 8-bit numbers: (De)QuantizeLinear, DynamicQuantizeLinear, and the products and
    convolutions over them, summed up in 32 bits.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/window.h"

#include <math.h>

static int32_t s_byte(const tacit_tensor_t *tensor, size_t i)
{
    return tensor->dtype == TACIT_DTYPE_INT8 ? ((const int8_t *)tensor->data)[i]
                                             : ((const uint8_t *)tensor->data)[i];
}

static void s_put_byte(tacit_tensor_t *tensor, size_t i, double x)
{
    if (tensor->dtype == TACIT_DTYPE_INT8) {
        ((int8_t *)tensor->data)[i] = (int8_t)tacit_saturate(x, INT8_MIN, INT8_MAX);
    } else {
        ((uint8_t *)tensor->data)[i] = (uint8_t)tacit_saturate(x, 0, UINT8_MAX);
    }
}

/*  A zero point or scale: one for all, or one per channel.  */
static int32_t s_zero(const tacit_tensor_t *inputs, size_t count, size_t i, size_t channel)
{
    return tacit_given(inputs, count, i) ? s_byte(&inputs[i], inputs[i].count > 1 ? channel : 0)
                                         : 0;
}

static float s_scale(const tacit_tensor_t *tensor, size_t channel)
{
    return ((const float *)tensor->data)[tensor->count > 1 ? channel : 0];
}

/* --- between reals and bytes ------------------------------------------------------------------ */

/*  The scale is one number, or one per place along the axis; the zero point is as the scale.  */
TACIT_INFER(linear)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_tensor_t *scale = &inference->inputs[1];
    size_t axis = 0;
    bool fits = scale->shape.rank <= 1 && scale->count > 0;
    if (fits && scale->count > 1) {
        tacit_status_t status = tacit_infer_axis(inference, "axis", 1, x->rank, &axis);
        if (status != TACIT_OK) {
            return status;
        }
        fits = scale->shape.dims[0] == x->dims[axis];
    }
    if (tacit_given(inference->inputs, inference->node->input_count, 2)) {
        fits &= inference->inputs[2].count == scale->count;
    }
    inference->parameters->axis.axis = axis;
    return fits ? tacit_infer_same(inference)
                : tacit_infer_refuse(inference, "its scale or zero point does not fit its input");
}

static size_t s_channel(const tacit_parameters_t *parameters, const tacit_shape_t *shape, size_t n)
{
    size_t axis = parameters->axis.axis;
    return shape->rank == 0
               ? 0
               : n / tacit_shape_span(shape, axis + 1, shape->rank) % (size_t)shape->dims[axis];
}

TACIT_KERNEL(quantize)
{
    (void)output_count;
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t channel = s_channel(parameters, &outputs[0].shape, n);
        float x = (float)tacit_element_real(&inputs[0], n) / s_scale(&inputs[1], channel);
        s_put_byte(&outputs[0], n, rint((double)x) + s_zero(inputs, input_count, 2, channel));
    }
    return NULL;
}

TACIT_KERNEL(dequantize)
{
    (void)output_count;
    float *y = outputs[0].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t channel = s_channel(parameters, &outputs[0].shape, n);
        int64_t zero = tacit_given(inputs, input_count, 2)
                           ? tacit_element_integer(&inputs[2], inputs[2].count > 1 ? channel : 0)
                           : 0;
        y[n] = (float)(tacit_element_integer(&inputs[0], n) - zero) * s_scale(&inputs[1], channel);
    }
    return NULL;
}

TACIT_INFER(dynamic)
{
    inference->outputs[0].shape = inference->inputs[0].shape;
    for (size_t i = 1; i < inference->node->output_count; i++) {
        inference->outputs[i].shape = (tacit_shape_t){.rank = 0};
    }
    return TACIT_OK;
}

TACIT_KERNEL(dynamic)
{
    (void)parameters, (void)input_count;
    const float *x = inputs[0].data;
    float low = 0.0F;
    float high = 0.0F;
    for (size_t i = 0; i < inputs[0].count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float scale = (high - low) / 255.0F;
    double zero = scale > 0 ? fmax(0, fmin(255, rint((double)(-low / scale)))) : 0;
    for (size_t i = 0; i < inputs[0].count; i++) {
        s_put_byte(&outputs[0], i, scale > 0 ? rint((double)(x[i] / scale)) + zero : 0);
    }
    if (output_count > 1 && outputs[1].data != NULL) {
        *(float *)outputs[1].data = scale;
    }
    if (output_count > 2 && outputs[2].data != NULL) {
        *(uint8_t *)outputs[2].data = (uint8_t)zero;
    }
    return NULL;
}

/* --- products --------------------------------------------------------------------------------- */

/*  Where an operator has its operands.  */
typedef struct s_operands {
    size_t a, a_zero, b, b_zero;
    size_t a_scale, b_scale, y_scale, y_zero; /* 0: none, the sums are the result */
} s_operands_t;

static const s_operands_t s_integer = {.a = 0, .b = 1, .a_zero = 2, .b_zero = 3};
static const s_operands_t s_linear = {.a = 0,
                                      .a_scale = 1,
                                      .a_zero = 2,
                                      .b = 3,
                                      .b_scale = 4,
                                      .b_zero = 5,
                                      .y_scale = 6,
                                      .y_zero = 7};

static void s_put_sum(const s_operands_t *o, const tacit_tensor_t *inputs, size_t count,
                      tacit_tensor_t *output, size_t n, size_t row, size_t channel, int32_t sum)
{
    if (o->y_scale == 0) {
        ((int32_t *)output->data)[n] = sum;
        return;
    }
    float scale = s_scale(&inputs[o->a_scale], row) * s_scale(&inputs[o->b_scale], channel) /
                  s_scale(&inputs[o->y_scale], 0);
    s_put_byte(output, n, rint((double)((float)sum * scale)) + s_zero(inputs, count, o->y_zero, 0));
}

/*  A quantity has one number, or as many as there are channels.  */
static bool s_numbers_fit(const tacit_inference_t *inference, size_t i, int64_t channels)
{
    const tacit_tensor_t *inputs = inference->inputs;
    return !tacit_given(inputs, inference->node->input_count, i) || inputs[i].count == 1 ||
           (inputs[i].shape.rank <= 2 && inputs[i].count == (size_t)channels);
}

static tacit_status_t s_infer_product(const tacit_inference_t *inference, const s_operands_t *o)
{
    const tacit_shape_t *a = &inference->inputs[o->a].shape;
    const tacit_shape_t *b = &inference->inputs[o->b].shape;
    tacit_shape_t batch_a = *a;
    tacit_shape_t batch_b = *b;
    tacit_shape_t shape = {.rank = 0};
    bool fits = a->rank >= 2 && b->rank >= 2 && a->dims[a->rank - 1] == b->dims[b->rank - 2];
    if (fits) {
        batch_a.rank -= 2;
        batch_b.rank -= 2;
        fits = tacit_shape_broadcast(&batch_a, &batch_b, &shape);
    }
    if (fits) {
        shape.dims[shape.rank] = a->dims[a->rank - 2];
        shape.dims[shape.rank + 1] = b->dims[b->rank - 1];
        shape.rank += 2;
        int64_t rows = a->dims[a->rank - 2];
        int64_t columns = b->dims[b->rank - 1];
        fits = s_numbers_fit(inference, o->a_zero, rows) &&
               s_numbers_fit(inference, o->b_zero, columns) &&
               (o->y_scale == 0 || (s_numbers_fit(inference, o->a_scale, rows) &&
                                    s_numbers_fit(inference, o->b_scale, columns) &&
                                    s_numbers_fit(inference, o->y_scale, 1) &&
                                    s_numbers_fit(inference, o->y_zero, 1)));
    }
    inference->outputs[0].shape = shape;
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its operands do not multiply");
}

TACIT_INFER(integer_product)
{
    return s_infer_product(inference, &s_integer);
}

TACIT_INFER(linear_product)
{
    return s_infer_product(inference, &s_linear);
}

static void s_product(const s_operands_t *o, const tacit_tensor_t *inputs, size_t count,
                      tacit_tensor_t *output)
{
    const tacit_tensor_t *a = &inputs[o->a];
    const tacit_tensor_t *b = &inputs[o->b];
    size_t rank = output->shape.rank;
    size_t columns = (size_t)output->shape.dims[rank - 1];
    size_t rows = (size_t)output->shape.dims[rank - 2];
    size_t depth = (size_t)a->shape.dims[a->shape.rank - 1];
    tacit_shape_t batch = output->shape;
    tacit_shape_t batch_a = a->shape;
    tacit_shape_t batch_b = b->shape;
    size_t strides_a[TACIT_ENGINE_RANK_MAX] = {0};
    size_t strides_b[TACIT_ENGINE_RANK_MAX] = {0};
    batch.rank -= 2;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    tacit_shape_strides(&batch_a, &batch, strides_a);
    tacit_shape_strides(&batch_b, &batch, strides_b);
    for (size_t n = 0; n < output->count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX] = {0};
        tacit_coordinates(&output->shape, n, at);
        size_t row = at[rank - 2];
        size_t column = at[rank - 1];
        size_t from_a = (tacit_offset(batch.rank, at, strides_a) * rows + row) * depth;
        size_t from_b = tacit_offset(batch.rank, at, strides_b) * depth * columns + column;
        int32_t zero_a = s_zero(inputs, count, o->a_zero, row);
        int32_t zero_b = s_zero(inputs, count, o->b_zero, column);
        uint32_t sum = 0;
        for (size_t k = 0; k < depth; k++) {
            sum += (uint32_t)((s_byte(a, from_a + k) - zero_a) *
                              (s_byte(b, from_b + k * columns) - zero_b));
        }
        s_put_sum(o, inputs, count, output, n, row, column, (int32_t)sum);
    }
}

TACIT_KERNEL(integer_product)
{
    (void)parameters, (void)output_count;
    s_product(&s_integer, inputs, input_count, &outputs[0]);
    return NULL;
}

TACIT_KERNEL(linear_product)
{
    (void)parameters, (void)output_count;
    s_product(&s_linear, inputs, input_count, &outputs[0]);
    return NULL;
}

/* --- convolutions ----------------------------------------------------------------------------- */

enum { BIAS = 8 };

static tacit_status_t s_infer_convolution(const tacit_inference_t *inference, const s_operands_t *o)
{
    const tacit_shape_t *x = &inference->inputs[o->a].shape;
    const tacit_shape_t *w = &inference->inputs[o->b].shape;
    tacit_window_t *window = &inference->parameters->window;
    int64_t output[TACIT_SPATIAL_MAX];
    if (w->rank != x->rank) {
        return tacit_infer_refuse(inference, "weights and input have different ranks");
    }
    tacit_status_t status = tacit_window_read(inference, &w->dims[2], window, output);
    if (status != TACIT_OK) {
        return status;
    }
    int64_t group = window->group;
    int64_t features = w->dims[0];
    bool fits = group >= 1 && features >= 1 && group <= features && features % group == 0 &&
                x->dims[1] % group == 0 && x->dims[1] / group == w->dims[1] &&
                s_numbers_fit(inference, o->a_zero, 1) &&
                s_numbers_fit(inference, o->b_zero, features);
    if (o->y_scale != 0) {
        const tacit_tensor_t *bias = &inference->inputs[BIAS];
        fits &= s_numbers_fit(inference, o->a_scale, 1) &&
                s_numbers_fit(inference, o->b_scale, features) &&
                s_numbers_fit(inference, o->y_scale, 1) && s_numbers_fit(inference, o->y_zero, 1);
        fits &= !tacit_given(inference->inputs, inference->node->input_count, BIAS) ||
                (bias->shape.rank == 1 && bias->shape.dims[0] == features);
    }
    if (!fits) {
        return tacit_infer_refuse(inference, "its weights, scales or bias do not fit its input");
    }
    tacit_shape_t *y = &inference->outputs[0].shape;
    *y = (tacit_shape_t){.rank = x->rank, .dims = {x->dims[0], features}};
    memcpy(&y->dims[2], output, window->spatial * sizeof(int64_t));
    return TACIT_OK;
}

TACIT_INFER(integer_convolution)
{
    return s_infer_convolution(inference, &s_integer);
}

TACIT_INFER(linear_convolution)
{
    return s_infer_convolution(inference, &s_linear);
}

/*  One place of one channel's map under the window; padding counts as the zero point.  */
static uint32_t s_window_sum(const tacit_frame_t *frame, const tacit_tensor_t *x, size_t map,
                             int32_t zero_x, const tacit_tensor_t *w, size_t kernel, int32_t zero_w,
                             const size_t *at)
{
    const int64_t *size = frame->window.kernel;
    uint32_t sum = 0;
    for (int64_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        int64_t place[] = {i / size[2] / size[1], i / size[2] % size[1], i % size[2]};
        int64_t from = 0;
        bool inside = true;
        for (size_t d = 0; d < TACIT_SPATIAL_MAX; d++) {
            int64_t of = (int64_t)at[d] * frame->window.stride[d] +
                         place[d] * frame->window.dilation[d] - frame->window.begin[d];
            inside &= of >= 0 && of < frame->input[d];
            from = from * frame->input[d] + of;
        }
        if (inside) {
            sum += (uint32_t)((s_byte(x, map + (size_t)from) - zero_x) *
                              (s_byte(w, kernel + (size_t)i) - zero_w));
        }
    }
    return sum;
}

static void s_convolve(const s_operands_t *o, const tacit_parameters_t *parameters,
                       const tacit_tensor_t *inputs, size_t count, tacit_tensor_t *output)
{
    const tacit_tensor_t *x = &inputs[o->a];
    const tacit_tensor_t *w = &inputs[o->b];
    tacit_frame_t frame = tacit_window_frame(&parameters->window, &x->shape, &output->shape);
    size_t features = (size_t)output->shape.dims[1];
    size_t per_group = features / (size_t)parameters->window.group;
    size_t channels = (size_t)w->shape.dims[1];
    size_t area_x = tacit_shape_span(&x->shape, 2, x->shape.rank);
    size_t area_y = tacit_shape_span(&output->shape, 2, output->shape.rank);
    size_t area_w = tacit_shape_span(&w->shape, 2, w->shape.rank);
    tacit_shape_t places = {.rank = TACIT_SPATIAL_MAX};
    memcpy(places.dims, frame.output, sizeof(frame.output));
    int32_t zero_x = s_zero(inputs, count, o->a_zero, 0);
    for (size_t n = 0; n < output->count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX] = {0};
        size_t feature = n / area_y % features;
        size_t batch = n / area_y / features;
        int32_t zero_w = s_zero(inputs, count, o->b_zero, feature);
        size_t first = batch * (size_t)x->shape.dims[1] + feature / per_group * channels;
        uint32_t sum = 0;
        tacit_coordinates(&places, n % area_y, at);
        for (size_t c = 0; c < channels; c++) {
            sum += s_window_sum(&frame, x, (first + c) * area_x, zero_x, w,
                                (feature * channels + c) * area_w, zero_w, at);
        }
        if (o->y_scale != 0 && tacit_given(inputs, count, BIAS)) {
            sum += (uint32_t)((const int32_t *)inputs[BIAS].data)[feature];
        }
        s_put_sum(o, inputs, count, output, n, 0, feature, (int32_t)sum);
    }
}

TACIT_KERNEL(integer_convolution)
{
    (void)output_count;
    s_convolve(&s_integer, parameters, inputs, input_count, &outputs[0]);
    return NULL;
}

TACIT_KERNEL(linear_convolution)
{
    (void)output_count;
    s_convolve(&s_linear, parameters, inputs, input_count, &outputs[0]);
    return NULL;
}

/* clang-format off */
#define REAL_OR_SUM (FLOAT32 | TACIT_TYPE_BIT(TACIT_DTYPE_INT32))
#define QUANTIZED   (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT32))
TACIT_OPERATORS(quantize) = {
    {"QuantizeLinear", 10, 12, REAL_OR_SUM, "TfQ|z", 2, "", 0, 0, I(linear), K(quantize), NULL},
    {"QuantizeLinear", 13, 17, REAL_OR_SUM, "TfQ|z", 2, "axis:i", 0, 0, I(linear), K(quantize), NULL},
    {"DequantizeLinear", 10, 12, QUANTIZED, "TfT|f", 2, "", 0, 0, I(linear), K(dequantize), NULL},
    {"DequantizeLinear", 13, 17, QUANTIZED, "TfT|f", 2, "axis:i", 0, 0, I(linear), K(dequantize), NULL},
    {"DynamicQuantizeLinear", 11, 17, FLOAT32, "T|ufu", 1, "", 0, 0, I(dynamic), K(dynamic), NULL},
    {"MatMulInteger", 10, 17, ANY, "QWQW|d", 2, "", 0, 0, I(integer_product), K(integer_product), NULL},
    {"QLinearMatMul", 10, 17, ANY, "QfQWfWfY|Y", 8, "", 0, 0, I(linear_product), K(linear_product), NULL},
    {"ConvInteger", 10, 17, ANY, "QWQW|d", 2, WINDOW " dilations:I group:i", 0, 0, I(integer_convolution), K(integer_convolution), NULL},
    {"QLinearConv", 10, 17, ANY, "QfQWfWfYd|Y", 8, WINDOW " dilations:I group:i", 0, 0, I(linear_convolution), K(linear_convolution), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
