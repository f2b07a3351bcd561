/*  quantized.c - grids, and what oneDNN is told of them.  */

#include "services/inference/engine/ops/quantized.h"

#include "services/inference/engine/ops/ops.h"

#include <math.h>
#include <stdlib.h>

const tacit_operands_t tacit_operands_sums = {.a = 0, .b = 1, .a_zero = 2, .b_zero = 3};
const tacit_operands_t tacit_operands_reals = {
    .a = 0, .b = 1, .a_zero = 2, .b_zero = 3, .factor = 4, .shift = 5};
const tacit_operands_t tacit_operands_linear = {.a = 0,
                                                .a_scale = 1,
                                                .a_zero = 2,
                                                .b = 3,
                                                .b_scale = 4,
                                                .b_zero = 5,
                                                .y_scale = 6,
                                                .y_zero = 7,
                                                .bias = 8};
const tacit_operands_t tacit_operands_gemm = {.a = 0,
                                              .a_scale = 1,
                                              .a_zero = 2,
                                              .b = 3,
                                              .b_scale = 4,
                                              .b_zero = 5,
                                              .bias = 6,
                                              .y_scale = 7,
                                              .y_zero = 8};

int32_t tacit_quantized_byte(const tacit_tensor_t *tensor, size_t i)
{
    return tensor->dtype == TACIT_DTYPE_INT8 ? ((const int8_t *)tensor->data)[i]
                                             : ((const uint8_t *)tensor->data)[i];
}

int32_t tacit_quantized_zero(const tacit_tensor_t *inputs, size_t count, size_t i, size_t channel)
{
    return i > 0 && tacit_given(inputs, count, i)
               ? tacit_quantized_byte(&inputs[i], inputs[i].count > 1 ? channel : 0)
               : 0;
}

float tacit_quantized_scale(const tacit_tensor_t *tensor, size_t channel)
{
    return ((const float *)tensor->data)[tensor->count > 1 ? channel : 0];
}

tacit_grid_t tacit_quantized_grid(const tacit_tensor_t *inputs, size_t count, size_t tensor,
                                  size_t scale, size_t zero)
{
    return (tacit_grid_t){.scale = tacit_quantized_scale(&inputs[scale], 0),
                          .zero = tacit_quantized_zero(inputs, count, zero, 0),
                          .sign = inputs[tensor].dtype == TACIT_DTYPE_INT8};
}

bool tacit_quantized_fit(const tacit_inference_t *inference, size_t i, int64_t channels)
{
    const tacit_tensor_t *inputs = inference->inputs;
    return i == 0 || !tacit_given(inputs, inference->node->input_count, i) ||
           inputs[i].count == 1 ||
           (inputs[i].shape.rank <= 2 && inputs[i].count == (size_t)channels);
}

void tacit_quantized_scales(const tacit_operands_t *operands, const tacit_tensor_t *inputs,
                            size_t count, size_t row, size_t channels, float *ret_scales)
{
    bool placed = tacit_given(inputs, count, operands->y_scale);
    float a = tacit_quantized_scale(&inputs[operands->a_scale], row);
    float y = placed ? tacit_quantized_scale(&inputs[operands->y_scale], 0) : 1.0F;
    for (size_t i = 0; i < channels; i++) {
        float scale = a * tacit_quantized_scale(&inputs[operands->b_scale], i);
        ret_scales[i] = placed ? scale / y : scale;
    }
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

static bool s_known(const tacit_inference_t *inference, size_t i)
{
    return i == 0 || !tacit_given(inference->inputs, inference->node->input_count, i) ||
           inference->inputs[i].data != NULL;
}

bool tacit_quantized_known(const tacit_operands_t *operands, const tacit_inference_t *inference)
{
    return inference->inputs[operands->b].data != NULL && s_known(inference, operands->a_zero) &&
           s_known(inference, operands->b_zero) && s_known(inference, operands->a_scale) &&
           s_known(inference, operands->b_scale) && s_known(inference, operands->y_scale) &&
           s_known(inference, operands->y_zero) && s_known(inference, operands->bias);
}

/*  float32 has every whole number below that.  */
static const double s_whole = 16777216.0;

/*  Sums that wrap around beyond int32 do not in there.  */
static const double s_most = 2147483648.0;

enum { DEPTH_MAX = 1 << 16 }; /* so many products of bytes fit 32 bits */

enum { PACK_MAGNITUDES = 0x6d61676e }; /* a way of packing of its own */

/*  The sum of each channel's weights without their signs.  */
static void s_sum_magnitudes(const void *recipe, const void *source, void *ret_packed)
{
    const tacit_quantized_weights_t *weights = recipe;
    const int8_t *w = source;
    int32_t *sums = ret_packed;
    if (weights->step == 1) {
        for (size_t c = 0; c < weights->channels; c++) {
            int32_t sum = 0;
            for (size_t k = 0; k < weights->depth; k++) {
                size_t at = c * weights->depth + k;
                sum += w[at] < 0 ? -w[at] : w[at];
            }
            sums[c] = sum;
        }
        return;
    }
    for (size_t k = 0; k < weights->depth; k++) {
        for (size_t c = 0; c < weights->channels; c++) {
            size_t at = k * weights->channels + c;
            sums[c] += w[at] < 0 ? -w[at] : w[at];
        }
    }
}

/*  The largest sum that may come out of a channel.  */
static double s_largest(const tacit_operands_t *operands, const tacit_inference_t *inference,
                        int32_t magnitude, size_t channel)
{
    const tacit_tensor_t *inputs = inference->inputs;
    size_t count = inference->node->input_count;
    int32_t zero = tacit_quantized_zero(inputs, count, operands->a_zero, 0);
    bool sign = inputs[operands->a].dtype == TACIT_DTYPE_INT8;
    int32_t low = zero - (sign ? INT8_MIN : 0);
    int32_t high = (sign ? INT8_MAX : UINT8_MAX) - zero;
    double largest = (double)magnitude * (double)(low > high ? low : high);
    if (operands->bias > 0 && tacit_given(inputs, count, operands->bias)) {
        largest += fabs((double)((const int32_t *)inputs[operands->bias].data)[channel]);
    }
    return largest;
}

/*  Whether a channel's sums are exact in float32.  */
static bool s_is_exact(const tacit_operands_t *operands, const tacit_inference_t *inference,
                       int32_t magnitude, size_t channel)
{
    const tacit_tensor_t *inputs = inference->inputs;
    double most = s_whole;
    if (operands->y_scale > 0 &&
        tacit_given(inputs, inference->node->input_count, operands->y_scale)) {
        /* beyond that, what is rounded saturates */
        double step = (double)(tacit_quantized_scale(&inputs[operands->a_scale], 0) *
                               tacit_quantized_scale(&inputs[operands->b_scale], channel) /
                               tacit_quantized_scale(&inputs[operands->y_scale], 0));
        if (!isfinite(step)) {
            return false;
        }
        most = step * s_whole >= 1024.0 ? s_most : s_whole;
    }
    return s_largest(operands, inference, magnitude, channel) < most;
}

tacit_status_t tacit_quantized_exact(tacit_planner_t *planner, const tacit_operands_t *operands,
                                     const tacit_inference_t *inference,
                                     const tacit_quantized_weights_t *weights, bool *ret_exact)
{
    const tacit_tensor_t *inputs = inference->inputs;
    size_t count = inference->node->input_count;
    const tacit_tensor_t *zero = &inputs[operands->b_zero];
    bool exact = tacit_onednn_sums_bytes() && inputs[operands->b].dtype == TACIT_DTYPE_INT8 &&
                 weights->depth < DEPTH_MAX;
    for (size_t i = 0; tacit_given(inputs, count, operands->b_zero) && i < zero->count; i++) {
        exact = exact && tacit_quantized_byte(zero, i) == 0;
    }
    *ret_exact = false;
    if (!exact) {
        return TACIT_OK;
    }
    int slot = tacit_planner_slot(planner, inference->node->inputs[operands->b]);
    const int32_t *magnitudes =
        tacit_planner_pack(planner, slot, PACK_MAGNITUDES + (weights->step == 1 ? 1 : 0),
                           weights->channels * sizeof(int32_t), s_sum_magnitudes, weights);
    if (magnitudes == NULL) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_keep(planner, slot);
    for (size_t c = 0; exact && c < weights->channels; c++) {
        exact = s_is_exact(operands, inference, magnitudes[c], c);
    }
    *ret_exact = exact;
    return TACIT_OK;
}

static dnnl_status_t s_set_zeros(dnnl_primitive_attr_t attributes, int32_t source, int32_t target)
{
    dnnl_status_t status = dnnl_success;
    if (source != 0) {
        status = dnnl_primitive_attr_set_zero_points(attributes, DNNL_ARG_SRC, 1, 0, &source);
    }
    if (status == dnnl_success && target != 0) {
        /* It is added in float32: only to whole numbers, so that they are rounded first.  */
        dnnl_post_ops_t operations = NULL;
        status = dnnl_primitive_attr_set_zero_points(attributes, DNNL_ARG_DST, 1, 0, &target);
        status = status == dnnl_success ? dnnl_post_ops_create(&operations) : status;
        if (status == dnnl_success) {
            status = dnnl_post_ops_append_eltwise(operations, 1.0F, dnnl_eltwise_round, 0.0F, 0.0F);
        }
        if (status == dnnl_success) {
            status = dnnl_primitive_attr_set_post_ops(attributes, operations);
        }
        (void)dnnl_post_ops_destroy(operations);
    }
    return status;
}

dnnl_primitive_attr_t tacit_quantized_attributes(const tacit_operands_t *operands,
                                                 const tacit_inference_t *inference,
                                                 size_t channels)
{
    const tacit_tensor_t *inputs = inference->inputs;
    size_t count = inference->node->input_count;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success && operands->a_scale > 0) {
        float *scales = malloc((channels + 1) * sizeof(float));
        status = scales != NULL ? dnnl_success : dnnl_out_of_memory;
        if (scales != NULL) {
            bool one = inputs[operands->b_scale].count == 1;
            size_t numbers = one ? 1 : channels;
            tacit_quantized_scales(operands, inputs, count, 0, numbers, scales);
            status = dnnl_primitive_attr_set_output_scales(attributes, (dnnl_dim_t)numbers,
                                                           one ? 0 : 1 << 1, scales);
        }
        free(scales);
    }
    if (status == dnnl_success) {
        status = s_set_zeros(attributes, tacit_quantized_zero(inputs, count, operands->a_zero, 0),
                             tacit_quantized_zero(inputs, count, operands->y_zero, 0));
    }
    if (status != dnnl_success && attributes != NULL) {
        (void)dnnl_primitive_attr_destroy(attributes);
        attributes = NULL;
    }
    return attributes;
}

/* --- single elements -------------------------------------------------------------------------- */

int tacit_quantized_dense(tacit_planner_t *planner, int slot)
{
    bool dense =
        slot == TACIT_NO_SLOT || tacit_planner_slot_size(planner, slot) ==
                                     tacit_tensor_size(tacit_planner_tensor(planner, slot));
    return dense ? slot : tacit_planner_plain(planner, slot);
}

int tacit_quantized_like(tacit_planner_t *planner, int slot, tacit_dtype_t dtype)
{
    tacit_shape_t shape = tacit_planner_tensor(planner, slot)->shape;
    dnnl_memory_desc_t layout = tacit_onednn_retyped(*tacit_planner_layout(planner, slot), dtype);
    return tacit_planner_new_slot(planner, dtype, &shape, &layout);
}

tacit_status_t tacit_quantized_elements(tacit_planner_t *planner,
                                        const tacit_inference_t *inference, const size_t *maps,
                                        size_t map_count, bool *ret_done)
{
    return tacit_quantized_elements_by(planner, inference, maps, map_count,
                                       inference->node->op->kernel, NULL, ret_done);
}

tacit_status_t tacit_quantized_elements_by(tacit_planner_t *planner,
                                           const tacit_inference_t *inference, const size_t *maps,
                                           size_t map_count, tacit_kernel_t kernel,
                                           const void *recipe, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    for (size_t i = 0; i < map_count; i++) {
        if (!tacit_shape_equal(&inference->inputs[maps[i]].shape, &inference->outputs[0].shape)) {
            return TACIT_OK;
        }
    }
    for (size_t i = 0; i < node->input_count; i++) {
        slots[i] = tacit_planner_slot(planner, node->inputs[i]);
    }
    size_t lead = 0; /* one that is not row-major already, if there is any */
    for (size_t i = map_count; i-- > 0;) {
        lead = tacit_planner_is_plain(planner, slots[maps[i]]) ? lead : i;
    }
    int first = tacit_quantized_dense(planner, slots[maps[lead]]);
    slots[maps[lead]] = first;
    for (size_t i = 0; first != TACIT_NO_SLOT && i < map_count; i++) {
        dnnl_memory_desc_t layout = *tacit_planner_layout(planner, first);
        slots[maps[i]] = tacit_planner_arrange(planner, slots[maps[i]], NULL, &layout);
        first = slots[maps[i]] != TACIT_NO_SLOT ? first : TACIT_NO_SLOT;
    }
    int y = first != TACIT_NO_SLOT
                ? tacit_quantized_like(planner, first, inference->outputs[0].dtype)
                : TACIT_NO_SLOT;
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[node->input_count] = y;
    *ret_done = true;
    tacit_planner_bind(planner, node->outputs[0], y);
    return tacit_planner_kernel(planner, kernel, "bytes", recipe, slots, node->input_count, 1, 0);
}
