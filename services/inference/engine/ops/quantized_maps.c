/*  quantized_maps.c - what ONNX Runtime's quantizer writes between convolutions (com.microsoft):
    QLinearAdd, QLinearMul, QLinearGlobalAveragePool.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"

/* --- two maps --------------------------------------------------------------------------------- */

enum { LEFT = 0, LEFT_SCALE, LEFT_ZERO, RIGHT, RIGHT_SCALE, RIGHT_ZERO, Y_SCALE, Y_ZERO };

TACIT_INFER(pair)
{
    static const size_t numbers[] = {LEFT_SCALE, LEFT_ZERO, RIGHT_SCALE,
                                     RIGHT_ZERO, Y_SCALE,   Y_ZERO};
    const tacit_tensor_t *inputs = inference->inputs;
    bool fits = tacit_shape_broadcast(&inputs[LEFT].shape, &inputs[RIGHT].shape,
                                      &inference->outputs[0].shape);
    for (size_t i = 0; fits && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fits = tacit_quantized_fit(inference, numbers[i], 1);
    }
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its operands do not fit each other");
}

typedef void (*s_combine_t)(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b,
                            tacit_grid_t of_b, size_t count, tacit_grid_t of_y, uint8_t *y);

static void s_pair(s_combine_t combine, const tacit_tensor_t *inputs, size_t count,
                   tacit_tensor_t *output)
{
    tacit_grid_t of_a = tacit_quantized_grid(inputs, count, LEFT, LEFT_SCALE, LEFT_ZERO);
    tacit_grid_t of_b = tacit_quantized_grid(inputs, count, RIGHT, RIGHT_SCALE, RIGHT_ZERO);
    tacit_grid_t of_y = tacit_quantized_grid(inputs, count, LEFT, Y_SCALE, Y_ZERO);
    const uint8_t *a = inputs[LEFT].data;
    const uint8_t *b = inputs[RIGHT].data;
    uint8_t *y = output->data;
    if (tacit_shape_equal(&inputs[LEFT].shape, &inputs[RIGHT].shape)) {
        combine(a, of_a, b, of_b, output->count, of_y, y);
        return;
    }
    size_t strides_a[TACIT_ENGINE_RANK_MAX] = {0};
    size_t strides_b[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_shape_strides(&inputs[LEFT].shape, &output->shape, strides_a);
    tacit_shape_strides(&inputs[RIGHT].shape, &output->shape, strides_b);
    for (size_t n = 0; n < output->count; n++) {
        size_t at[TACIT_ENGINE_RANK_MAX] = {0};
        tacit_coordinates(&output->shape, n, at);
        combine(a + tacit_offset(output->shape.rank, at, strides_a), of_a,
                b + tacit_offset(output->shape.rank, at, strides_b), of_b, 1, of_y, y + n);
    }
}

TACIT_KERNEL(add)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->add, inputs, input_count, &outputs[0]);
    return NULL;
}

TACIT_KERNEL(multiply)
{
    (void)parameters, (void)output_count;
    s_pair(tacit_integer()->multiply, inputs, input_count, &outputs[0]);
    return NULL;
}

TACIT_ACCELERATE(pair)
{
    static const size_t maps[] = {LEFT, RIGHT};
    return tacit_quantized_elements(planner, inference, maps, 2, ret_done);
}

/* --- averages --------------------------------------------------------------------------------- */

enum { X = 0, X_SCALE, X_ZERO, MEAN_SCALE, MEAN_ZERO };

TACIT_INFER(average)
{
    static const size_t numbers[] = {X_SCALE, X_ZERO, MEAN_SCALE, MEAN_ZERO};
    const tacit_shape_t *x = &inference->inputs[X].shape;
    bool fits = x->rank >= 3 && tacit_shape_span(x, 2, x->rank) > 0;
    for (size_t i = 0; fits && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fits = tacit_quantized_fit(inference, numbers[i], 1);
    }
    inference->outputs[0].shape = *x;
    for (size_t i = 2; i < x->rank; i++) {
        inference->outputs[0].shape.dims[i] = 1;
    }
    *inference->scratch = fits ? (size_t)x->dims[1] * (sizeof(int32_t) + sizeof(float)) : 0;
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its input has no places to average");
}

/*  Sums of one picture's channels, whose elements are `step` apart, the channels `apart`.  */
static void s_sum(const tacit_tensor_t *x, size_t first, size_t area, size_t step, size_t channels,
                  size_t apart, int32_t *ret_sums)
{
    memset(ret_sums, 0, channels * sizeof(int32_t));
    const uint8_t *bytes = (const uint8_t *)x->data + first;
    for (size_t i = 0; apart == 1 && i < area; i++) {
        tacit_integer()->accumulate(bytes + i * step, channels, x->dtype == TACIT_DTYPE_INT8,
                                    ret_sums);
    }
    for (size_t c = 0; apart != 1 && c < channels; c++) {
        for (size_t i = 0; i < area; i++) {
            ret_sums[c] += tacit_quantized_byte(x, first + c * apart + i * step);
        }
    }
}

static void s_average(const tacit_tensor_t *inputs, size_t count, tacit_tensor_t *output,
                      bool channels_last, void *scratch)
{
    const tacit_tensor_t *x = &inputs[X];
    size_t batches = (size_t)x->shape.dims[0];
    size_t channels = (size_t)x->shape.dims[1];
    size_t area = tacit_shape_span(&x->shape, 2, x->shape.rank);
    tacit_grid_t of_x = tacit_quantized_grid(inputs, count, X, X_SCALE, X_ZERO);
    tacit_grid_t of_y = tacit_quantized_grid(inputs, count, X, MEAN_SCALE, MEAN_ZERO);
    float *scales = scratch;
    int32_t *sums = (int32_t *)(void *)(scales + channels);
    for (size_t c = 0; c < channels; c++) {
        scales[c] = of_x.scale / ((float)area * of_y.scale);
    }
    for (size_t batch = 0; batch < batches; batch++) {
        s_sum(x, batch * channels * area, area, channels_last ? channels : 1, channels,
              channels_last ? 1 : area, sums);
        for (size_t c = 0; c < channels; c++) {
            sums[c] -= (int32_t)area * of_x.zero;
        }
        tacit_integer()->place(sums, scales, channels, of_y,
                               (uint8_t *)output->data + batch * channels);
    }
}

TACIT_KERNEL(average)
{
    (void)parameters;
    s_average(inputs, input_count, &outputs[0], false, outputs[output_count].data);
    return NULL;
}

static const char *s_average_last(const tacit_parameters_t *parameters,
                                  const tacit_tensor_t *inputs, size_t input_count,
                                  tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters;
    s_average(inputs, input_count, &outputs[0], true, outputs[output_count].data);
    return NULL;
}

/*  The layout in which a place's channels are neighbours, as convolutions leave maps.  */
static dnnl_memory_desc_t s_channels_last(const tacit_tensor_t *tensor)
{
    int64_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    const tacit_shape_t *shape = &tensor->shape;
    int64_t step = shape->dims[1];
    strides[1] = 1;
    for (size_t i = shape->rank; i-- > 2;) {
        strides[i] = step;
        step *= shape->dims[i];
    }
    strides[0] = step;
    return tacit_onednn_retyped(tacit_onednn_strided(shape->rank, shape->dims, strides),
                                tensor->dtype);
}

TACIT_ACCELERATE(average)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[MEAN_ZERO + 2];
    for (size_t i = 0; i <= MEAN_ZERO; i++) {
        slots[i] = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    }
    dnnl_memory_desc_t last = s_channels_last(&inference->inputs[X]);
    if (tacit_planner_is_plain(planner, slots[X]) ||
        !dnnl_memory_desc_equal(tacit_planner_layout(planner, slots[X]), &last)) {
        return TACIT_OK;
    }
    int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                   &inference->outputs[0].shape, NULL);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[MEAN_ZERO + 1] = y;
    tacit_planner_bind(planner, node->outputs[0], y);
    *ret_done = true;
    size_t scratch = (size_t)inference->inputs[X].shape.dims[1] * (sizeof(int32_t) + sizeof(float));
    return tacit_planner_kernel(planner, s_average_last, "bytes", NULL, slots, MEAN_ZERO + 1, 1,
                                scratch);
}

/* clang-format off */
#define EIGHT_BITS (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8))
TACIT_OPERATORS(quantized_maps) = {
    {"QLinearAdd", 1, 1, EIGHT_BITS, "TfTTfTfT|T", 7, "", 0, MS | BYTES, I(pair), K(add), A(pair)},
    {"QLinearMul", 1, 1, EIGHT_BITS, "TfTTfTfT|T", 7, "", 0, MS | BYTES, I(pair), K(multiply), A(pair)},
    {"QLinearGlobalAveragePool", 1, 1, EIGHT_BITS, "TfTfT|T", 4, "channels_last:i=0", 0, MS | BYTES, I(average), K(average), A(average)},
    TACIT_OPERATORS_END
};
/* clang-format on */
