/*  normalization.c - BatchNormalization, LayerNormalization, InstanceNormalization,
    MeanVarianceNormalization, LRN. Along one axis: softmax.c.  */

#include "services/inference/engine/ops/joined.h"
#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <string.h>

/* --- BatchNormalization ----------------------------------------------------------------------- */

TACIT_INFER(batch_normalization)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_graph_node_t *node = inference->node;
    bool training = tacit_graph_node_integer(node, "training_mode", 0) != 0;
    inference->parameters->real.alpha = tacit_graph_node_real(node, "epsilon", 1e-5F);
    inference->parameters->real.beta = tacit_graph_node_real(node, "momentum", 0.9F);
    inference->parameters->real.training = training;
    if (node->output_count > 1 && !training) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_UNSUPPORTED,
                                       "it has too many outputs");
    }
    bool fits = x->rank >= 2;
    for (size_t i = 1; fits && i < inference->node->input_count; i++) {
        const tacit_shape_t *vector = &inference->inputs[i].shape;
        fits = vector->rank == 1 && vector->dims[0] == x->dims[1];
    }
    if (!fits) {
        return tacit_graph_node_refuse(
            inference->node, inference->error, TACIT_MALFORMED,
            "scale, bias, mean and variance have not one number per channel");
    }
    inference->outputs[0].shape = *x;
    for (size_t i = 1; i < node->output_count; i++) {
        inference->outputs[i].shape = inference->inputs[1].shape;
    }
    return TACIT_OK;
}

/*  Mean and variance over all but the channel.  */
static void s_channel_moments(const float *x, const tacit_shape_t *shape, size_t channel,
                              float *ret_mean, float *ret_variance)
{
    size_t channels = (size_t)shape->dims[1];
    size_t batch = (size_t)shape->dims[0];
    size_t area = tacit_shape_span(shape, 2, shape->rank);
    double sum = 0;
    double squares = 0;
    for (size_t n = 0; n < batch; n++) {
        for (size_t i = 0; i < area; i++) {
            sum += (double)x[(n * channels + channel) * area + i];
        }
    }
    double mean = sum / (double)(batch * area);
    for (size_t n = 0; n < batch; n++) {
        for (size_t i = 0; i < area; i++) {
            double away = (double)x[(n * channels + channel) * area + i] - mean;
            squares += away * away;
        }
    }
    *ret_mean = (float)mean;
    *ret_variance = (float)(squares / (double)(batch * area));
}

/*  The running number after this batch.  */
static void s_run_on(tacit_tensor_t *outputs, size_t output_count, size_t i, size_t channel,
                     float held, float fresh, float momentum)
{
    if (i < output_count && outputs[i].data != NULL) {
        ((float *)outputs[i].data)[channel] = held * momentum + fresh * (1.0F - momentum);
    }
}

TACIT_KERNEL(batch_normalization)
{
    (void)input_count;
    const float *scale = inputs[1].data;
    const float *bias = inputs[2].data;
    const float *mean = inputs[3].data;
    const float *variance = inputs[4].data;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t channels = (size_t)shape->dims[1];
    size_t area = tacit_shape_span(shape, 2, shape->rank);
    const float *x = inputs[0].data;
    float *y = outputs[0].data;
    for (size_t n = 0; n < (size_t)shape->dims[0] * channels; n++) {
        size_t c = n % channels;
        float middle = mean[c];
        float spread = variance[c];
        if (parameters->real.training) {
            s_channel_moments(x, shape, c, &middle, &spread);
            s_run_on(outputs, output_count, 1, c, mean[c], middle, parameters->real.beta);
            s_run_on(outputs, output_count, 2, c, variance[c], spread, parameters->real.beta);
        }
        float factor = scale[c] / sqrtf(spread + parameters->real.alpha);
        float offset = bias[c] - middle * factor;
        for (size_t i = n * area; i < (n + 1) * area; i++) {
            y[i] = x[i] * factor + offset;
        }
    }
    return NULL;
}

static tacit_status_t s_normalization_steps(tacit_planner_t *planner,
                                            const tacit_inference_t *inference,
                                            const_dnnl_primitive_desc_t desc, int value)
{
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN,
                              DNNL_ARG_VARIANCE};
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    dnnl_memory_desc_t vector = tacit_onednn_strided(1, &shape->dims[1], NULL);
    tacit_argument_t arguments[6];
    for (size_t i = 0; i < 5; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        arguments[i] = (tacit_argument_t){ids[i], slot, vector};
        if (i == 0) {
            arguments[i].layout = *tacit_planner_layout(planner, slot);
        } else {
            arguments[i].slot = tacit_planner_plain(planner, slot);
        }
        if (arguments[i].slot == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    int y = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &arguments[0].layout);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    arguments[5] = (tacit_argument_t){DNNL_ARG_DST, y, arguments[0].layout};
    tacit_planner_bind(planner, value, y);
    return tacit_planner_primitive(planner, desc, arguments, 6);
}

/*  A Relu that follows is merged.  */
TACIT_ACCELERATE(batch_normalization)
{
    const tacit_graph_node_t *node = inference->node;
    if (inference->parameters->real.training) {
        return TACIT_OK;
    }
    const int *parts = NULL;
    if (tacit_planner_parts(planner, tacit_planner_slot(planner, node->inputs[0]), &parts) > 0) {
        return tacit_joined_normalize(planner, inference, ret_done);
    }
    int value = node->outputs[0];
    const tacit_graph_node_t *next = tacit_planner_follower(planner, value);
    bool relu = tacit_planner_may_merge(planner) && tacit_graph_node_is(next, "Relu");
    unsigned flags = dnnl_use_global_stats | dnnl_use_scale | dnnl_use_shift;
    flags |= relu ? (unsigned)dnnl_fuse_norm_relu : 0U;
    dnnl_memory_desc_t layout =
        *tacit_planner_layout(planner, tacit_planner_slot(planner, node->inputs[0]));
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_batch_normalization_desc_t desc;
    dnnl_primitive_desc_t primitive = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_batch_normalization_forward_desc_init(&desc, dnnl_forward_inference, &layout,
                                                   inference->parameters->real.alpha,
                                                   flags) == dnnl_success &&
        dnnl_primitive_desc_create(&primitive, &desc, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        if (relu) {
            tacit_planner_absorb(planner, next);
            value = next->outputs[0];
        }
        status = s_normalization_steps(planner, inference, primitive, value);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(primitive);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* --- LayerNormalization, InstanceNormalization, MeanVarianceNormalization --------------------- */

enum { S_LANES = 8 /* sums side by side, which do not wait for one another */ };

static double s_sum_up(const double *lanes)
{
    double sum = 0;
    for (size_t i = 0; i < S_LANES; i++) {
        sum += lanes[i];
    }
    return sum;
}

static void s_moments(const float *x, size_t count, double *ret_mean, double *ret_variance)
{
    double sums[S_LANES] = {0};
    double squares[S_LANES] = {0};
    for (size_t i = 0; i < count; i++) {
        sums[i % S_LANES] += (double)x[i];
    }
    double mean = s_sum_up(sums) / (double)count;
    for (size_t i = 0; i < count; i++) {
        double apart = (double)x[i] - mean;
        squares[i % S_LANES] += apart * apart;
    }
    *ret_mean = mean;
    *ret_variance = s_sum_up(squares) / (double)count;
}

TACIT_INFER(layer_normalization)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    size_t *axis = &inference->parameters->real.axis;
    tacit_status_t status = tacit_infer_axis(inference, "axis", -1, x->rank, axis);
    if (status != TACIT_OK) {
        return status;
    }
    inference->parameters->real.alpha = tacit_graph_node_real(node, "epsilon", 1e-5F);
    tacit_shape_t reduced = *x;
    for (size_t i = *axis; i < x->rank; i++) {
        reduced.dims[i] = 1;
    }
    for (size_t i = 1; i < node->input_count; i++) {
        tacit_shape_t common;
        if (tacit_given(inference->inputs, node->input_count, i) &&
            (!tacit_shape_broadcast(x, &inference->inputs[i].shape, &common) ||
             !tacit_shape_equal(x, &common))) {
            return tacit_infer_refuse(inference, "its scale or bias does not fit its input");
        }
    }
    for (size_t i = 0; i < node->output_count; i++) {
        inference->outputs[i].shape = i == 0 ? *x : reduced;
    }
    return TACIT_OK;
}

static void s_note(tacit_tensor_t *outputs, size_t output_count, size_t i, size_t row, double x)
{
    if (i < output_count && outputs[i].data != NULL) {
        ((float *)outputs[i].data)[row] = (float)x;
    }
}

TACIT_KERNEL(layer_normalization)
{
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t length = tacit_shape_span(shape, parameters->real.axis, shape->rank);
    bool biased = tacit_given(inputs, input_count, 2);
    size_t scales[TACIT_ENGINE_RANK_MAX];
    size_t biases[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX];
    tacit_shape_strides(&inputs[1].shape, shape, scales);
    if (biased) {
        tacit_shape_strides(&inputs[2].shape, shape, biases);
    }
    bool moments = tacit_given(outputs, output_count, 1) || tacit_given(outputs, output_count, 2);
    if (!moments && length > 0 && inputs[1].count == length &&
        (!biased || inputs[2].count == length)) {
        tacit_vector()->normalize(inputs[0].data, inputs[1].data, biased ? inputs[2].data : NULL,
                                  parameters->real.alpha, outputs[0].data,
                                  outputs[0].count / length, length);
        return NULL;
    }
    for (size_t row = 0; length > 0 && row < outputs[0].count / length; row++) {
        const float *x = (const float *)inputs[0].data + row * length;
        float *y = (float *)outputs[0].data + row * length;
        double mean = 0;
        double variance = 0;
        s_moments(x, length, &mean, &variance);
        double factor = 1.0 / sqrt(variance + (double)parameters->real.alpha);
        s_note(outputs, output_count, 1, row, mean);
        s_note(outputs, output_count, 2, row, factor);
        for (size_t i = 0; i < length; i++) {
            tacit_coordinates(shape, row * length + i, at);
            float bias =
                biased ? ((const float *)inputs[2].data)[tacit_offset(shape->rank, at, biases)] : 0;
            float scale = ((const float *)inputs[1].data)[tacit_offset(shape->rank, at, scales)];
            y[i] = (float)(((double)x[i] - mean) * factor) * scale + bias;
        }
    }
    return NULL;
}

TACIT_INFER(instance_normalization)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    inference->parameters->real.alpha = tacit_graph_node_real(inference->node, "epsilon", 1e-5F);
    for (size_t i = 1; i < 3; i++) {
        const tacit_shape_t *vector = &inference->inputs[i].shape;
        if (x->rank < 3 || vector->rank != 1 || vector->dims[0] != x->dims[1]) {
            return tacit_infer_refuse(inference, "scale and bias have not one number per channel");
        }
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(instance_normalization)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t channels = (size_t)shape->dims[1];
    size_t area = tacit_shape_span(shape, 2, shape->rank);
    for (size_t map = 0; area > 0 && map < outputs[0].count / area; map++) {
        const float *x = (const float *)inputs[0].data + map * area;
        float *y = (float *)outputs[0].data + map * area;
        float scale = ((const float *)inputs[1].data)[map % channels];
        float bias = ((const float *)inputs[2].data)[map % channels];
        double mean = 0;
        double variance = 0;
        s_moments(x, area, &mean, &variance);
        double factor = 1.0 / sqrt(variance + (double)parameters->real.alpha);
        for (size_t i = 0; i < area; i++) {
            y[i] = (float)(((double)x[i] - mean) * factor) * scale + bias;
        }
    }
    return NULL;
}

/*  Over the axes [0, 2, 3..], which is each channel; others are refused.  */
TACIT_INFER(mean_variance)
{
    static const int64_t usual[] = {0, 2, 3};
    const tacit_attribute_t *axes = tacit_graph_node_attribute(inference->node, "axes");
    bool fits = inference->inputs[0].shape.rank == 4;
    if (axes != NULL) {
        fits &= axes->count == 3 && memcmp(axes->integers, usual, sizeof(usual)) == 0;
    }
    if (!fits) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_UNSUPPORTED,
                                       "only the axes 0, 2 and 3 of four are computed");
    }
    return tacit_infer_same(inference);
}

TACIT_KERNEL(mean_variance)
{
    (void)parameters, (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t channels = (size_t)shape->dims[1];
    size_t area = tacit_shape_span(shape, 2, shape->rank);
    for (size_t c = 0; c < channels; c++) {
        float mean = 0;
        float variance = 0;
        s_channel_moments(inputs[0].data, shape, c, &mean, &variance);
        for (size_t n = 0; n < (size_t)shape->dims[0]; n++) {
            size_t at = (n * channels + c) * area;
            for (size_t i = at; i < at + area; i++) {
                float x = ((const float *)inputs[0].data)[i];
                ((float *)outputs[0].data)[i] = (x - mean) / (sqrtf(variance) + 1e-9F);
            }
        }
    }
    return NULL;
}

/* --- LRN -------------------------------------------------------------------------------------- */

TACIT_INFER(local_response)
{
    int64_t size = tacit_graph_node_integer(inference->node, "size", 0);
    if (inference->inputs[0].shape.rank < 3 || size < 1 || size > TACIT_WINDOW_MAX) {
        return tacit_infer_refuse(inference, "its size or input does not fit");
    }
    inference->parameters->node.node = inference->node;
    return tacit_infer_same(inference);
}

TACIT_KERNEL(local_response)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    int64_t size = tacit_graph_node_integer(node, "size", 1);
    float alpha = tacit_graph_node_real(node, "alpha", 0.0001F);
    float beta = tacit_graph_node_real(node, "beta", 0.75F);
    float bias = tacit_graph_node_real(node, "bias", 1.0F);
    const tacit_shape_t *shape = &outputs[0].shape;
    int64_t channels = shape->dims[1];
    size_t area = tacit_shape_span(shape, 2, shape->rank);
    const float *x = inputs[0].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        int64_t channel = (int64_t)(n / area) % channels;
        int64_t from = channel - (size - 1) / 2;
        int64_t to = channel + size / 2;
        float sum = 0.0F;
        for (int64_t c = from < 0 ? 0 : from; c <= to && c < channels; c++) {
            float item = x[n + (size_t)c * area - (size_t)channel * area];
            sum += item * item;
        }
        ((float *)outputs[0].data)[n] = x[n] / powf(bias + alpha / (float)size * sum, beta);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(normalization) = {
    {"BatchNormalization", 7, 8, FLOAT32, "TTTTT|T", 5, "epsilon:f momentum:f spatial:i=1", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"BatchNormalization", 9, 13, FLOAT32, "TTTTT|T", 5, "epsilon:f momentum:f", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"BatchNormalization", 14, 17, FLOAT32, "TTTTT|TTT", 5, "epsilon:f momentum:f training_mode:i", 0, 0, I(batch_normalization), K(batch_normalization), A(batch_normalization)},
    {"LayerNormalization", 1, 17, FLOAT32, "TTT|Tff", 2, "axis:i epsilon:f stash_type:i=1", 0, 0, I(layer_normalization), K(layer_normalization), NULL},
    {"InstanceNormalization", 6, 17, FLOAT32, "TTT|T", 3, "epsilon:f", 0, 0, I(instance_normalization), K(instance_normalization), NULL},
    {"MeanVarianceNormalization", 9, 17, FLOAT32, "T|T", 1, "axes:I", 0, 0, I(mean_variance), K(mean_variance), NULL},
    {"LRN", 1, 17, FLOAT32, "T|T", 1, "alpha:f beta:f bias:f size:i", 0, 0, I(local_response), K(local_response), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
