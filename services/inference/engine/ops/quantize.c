/*  quantize.c - between reals and 8-bit numbers: (De)QuantizeLinear, DynamicQuantizeLinear.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/last.h"

#include <math.h>

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

/*  One channel after the other, each as long as the span of places that share a scale.  */
typedef struct s_stretch {
    size_t channels, length;
} s_stretch_t;

static s_stretch_t s_stretch(const tacit_parameters_t *parameters, const tacit_tensor_t *tensor,
                             size_t scales)
{
    size_t axis = parameters->axis.axis;
    if (scales == 1) {
        return (s_stretch_t){1, tensor->count};
    }
    return (s_stretch_t){(size_t)tensor->shape.dims[axis],
                         tacit_shape_span(&tensor->shape, axis + 1, tensor->shape.rank)};
}

static void s_quantize_sums(const int32_t *x, size_t count, tacit_grid_t grid, uint8_t *y)
{
    for (size_t i = 0; i < count; i++) {
        float real = (float)x[i];
        tacit_integer()->quantize(&real, 1, grid, &y[i]);
    }
}

TACIT_KERNEL(quantize)
{
    (void)output_count;
    s_stretch_t stretch = s_stretch(parameters, &outputs[0], inputs[1].count);
    uint8_t *y = outputs[0].data;
    for (size_t n = 0, i = 0; n < outputs[0].count; n += stretch.length, i++) {
        size_t channel = i % stretch.channels;
        tacit_grid_t grid = {.scale = tacit_quantized_scale(&inputs[1], channel),
                             .zero = tacit_quantized_zero(inputs, input_count, 2, channel),
                             .sign = outputs[0].dtype == TACIT_DTYPE_INT8};
        if (inputs[0].dtype == TACIT_DTYPE_INT32) {
            s_quantize_sums((const int32_t *)inputs[0].data + n, stretch.length, grid, y + n);
        } else {
            tacit_integer()->quantize((const float *)inputs[0].data + n, stretch.length, grid,
                                      y + n);
        }
    }
    return NULL;
}

/*  The numbers of a bias: 32 bits.  */
static void s_dequantize_sums(const int32_t *x, size_t count, int64_t zero, float scale, float *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = (float)(x[i] - zero) * scale;
    }
}

TACIT_KERNEL(dequantize)
{
    (void)output_count;
    s_stretch_t stretch = s_stretch(parameters, &outputs[0], inputs[1].count);
    bool zeroed = tacit_given(inputs, input_count, 2);
    float *y = outputs[0].data;
    for (size_t n = 0, i = 0; n < outputs[0].count; n += stretch.length, i++) {
        size_t channel = i % stretch.channels;
        float scale = tacit_quantized_scale(&inputs[1], channel);
        int64_t zero =
            zeroed ? tacit_element_integer(&inputs[2], inputs[2].count > 1 ? channel : 0) : 0;
        if (inputs[0].dtype == TACIT_DTYPE_INT32) {
            s_dequantize_sums((const int32_t *)inputs[0].data + n, stretch.length, zero, scale,
                              y + n);
        } else {
            tacit_grid_t grid = {
                .scale = scale, .zero = (int32_t)zero, .sign = inputs[0].dtype == TACIT_DTYPE_INT8};
            tacit_integer()->dequantize((const uint8_t *)inputs[0].data + n, stretch.length, grid,
                                        y + n);
        }
    }
    return NULL;
}

/*  With one scale the order of elements does not matter.  */
TACIT_ACCELERATE(linear)
{
    static const size_t maps[] = {0};
    if (inference->inputs[1].count != 1 || !tacit_onednn_has_type(inference->inputs[0].dtype)) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_planner_onednn(planner) == NULL
                                ? tacit_last_linear(planner, inference, ret_done)
                                : TACIT_OK;
    return status == TACIT_OK && !*ret_done
               ? tacit_quantized_elements(planner, inference, maps, 1, ret_done)
               : status;
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
    tacit_integer()->range(x, inputs[0].count, &low, &high);
    float scale = (high - low) / 255.0F;
    double zero = scale > 0 ? fmax(0, fmin(255, rint((double)(-low / scale)))) : 0;
    tacit_grid_t grid = {.scale = scale, .zero = (int32_t)zero};
    if (scale > 0) {
        tacit_integer()->quantize(x, inputs[0].count, grid, outputs[0].data);
    } else if (outputs[0].count > 0) {
        memset(outputs[0].data, 0, outputs[0].count);
    }
    if (output_count > 1 && outputs[1].data != NULL) {
        *(float *)outputs[1].data = scale;
    }
    if (output_count > 2 && outputs[2].data != NULL) {
        *(uint8_t *)outputs[2].data = (uint8_t)zero;
    }
    return NULL;
}

/* clang-format off */
#define REAL_OR_SUM (FLOAT32 | TACIT_TYPE_BIT(TACIT_DTYPE_INT32))
#define QUANTIZED   (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT32))
TACIT_OPERATORS(quantize) = {
    {"QuantizeLinear", 10, 12, REAL_OR_SUM, "TfQ|z", 2, "", 0, BYTES | BOTH, I(linear), K(quantize), A(linear)},
    {"QuantizeLinear", 13, 17, REAL_OR_SUM, "TfQ|z", 2, "axis:i", 0, BYTES | BOTH, I(linear), K(quantize), A(linear)},
    {"DequantizeLinear", 10, 12, QUANTIZED, "TfT|f", 2, "", 0, BYTES | BOTH, I(linear), K(dequantize), A(linear)},
    {"DequantizeLinear", 13, 17, QUANTIZED, "TfT|f", 2, "axis:i", 0, BYTES | BOTH, I(linear), K(dequantize), A(linear)},
    {"QuantizeLinear", 1, 1, REAL_OR_SUM, "TfQ|z", 2, "axis:i", 0, MS | BYTES | BOTH, I(linear), K(quantize), A(linear)},
    {"DequantizeLinear", 1, 1, QUANTIZED, "TfT|f", 2, "axis:i", 0, MS | BYTES | BOTH, I(linear), K(dequantize), A(linear)},
    {"DynamicQuantizeLinear", 11, 17, FLOAT32, "T|ufu", 1, "", 0, 0, I(dynamic), K(dynamic), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
