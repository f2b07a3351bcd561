/*  normalization.c - BatchNormalization (inference) and Softmax in both meanings.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"

#include <math.h>
#include <string.h>

/* --- BatchNormalization ----------------------------------------------------------------------- */

TACIT_INFER(batch_normalization)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    inference->parameters->real.alpha = tacit_graph_node_real(inference->node, "epsilon", 1e-5F);
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
    return TACIT_OK;
}

TACIT_KERNEL(batch_normalization)
{
    (void)input_count, (void)output_count;
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
        float factor = scale[c] / sqrtf(variance[c] + parameters->real.alpha);
        float offset = bias[c] - mean[c] * factor;
        for (size_t i = n * area; i < (n + 1) * area; i++) {
            y[i] = x[i] * factor + offset;
        }
    }
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
    int value = node->outputs[0];
    const tacit_graph_node_t *next = tacit_planner_follower(planner, value);
    bool relu =
        tacit_planner_may_merge(planner) && next != NULL && strcmp(next->op->name, "Relu") == 0;
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

/* --- Softmax ---------------------------------------------------------------------------------- */

static tacit_status_t s_softmax_axis(const tacit_inference_t *inference, int64_t fallback)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    int64_t axis = tacit_graph_node_integer(inference->node, "axis", fallback);
    if (!tacit_shape_axis(axis, shape->rank, &inference->parameters->axis.axis)) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "axis %lld is outside its input", (long long)axis);
    }
    inference->outputs[0].shape = *shape;
    return TACIT_OK;
}

/*  Before opset 13 everything from the axis on was one row.  */
TACIT_INFER(softmax_flat)
{
    return s_softmax_axis(inference, 1);
}

TACIT_INFER(softmax)
{
    return s_softmax_axis(inference, -1);
}

/*  The tensor as [outer, length, inner], normalised over length.  */
static void s_softmax(const float *x, float *y, size_t outer, size_t length, size_t inner)
{
    for (size_t row = 0; row < outer * inner; row++) {
        size_t base = row / inner * length * inner + row % inner;
        float largest = -INFINITY;
        float sum = 0.0F;
        for (size_t i = 0; i < length; i++) {
            float item = x[base + i * inner];
            largest = item > largest ? item : largest;
        }
        for (size_t i = 0; i < length; i++) {
            float item = expf(x[base + i * inner] - largest);
            y[base + i * inner] = item;
            sum += item;
        }
        for (size_t i = 0; i < length; i++) {
            y[base + i * inner] /= sum;
        }
    }
}

TACIT_KERNEL(softmax_flat)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t axis = parameters->axis.axis;
    s_softmax(inputs[0].data, outputs[0].data, tacit_shape_span(shape, 0, axis),
              tacit_shape_span(shape, axis, shape->rank), 1);
}

TACIT_KERNEL(softmax)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t axis = parameters->axis.axis;
    s_softmax(inputs[0].data, outputs[0].data, tacit_shape_span(shape, 0, axis),
              (size_t)shape->dims[axis], tacit_shape_span(shape, axis + 1, shape->rank));
}

static tacit_status_t s_accelerate_softmax(tacit_planner_t *planner,
                                           const tacit_inference_t *inference, size_t end,
                                           bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    size_t axis = inference->parameters->axis.axis;
    int64_t dims[] = {(int64_t)tacit_shape_span(shape, 0, axis),
                      (int64_t)tacit_shape_span(shape, axis, end),
                      (int64_t)tacit_shape_span(shape, end, shape->rank)};
    dnnl_memory_desc_t layout = tacit_onednn_strided(dims[2] == 1 ? 2 : 3, dims, NULL);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_softmax_desc_t desc;
    dnnl_primitive_desc_t primitive = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_softmax_forward_desc_init(&desc, dnnl_forward_inference, &layout, 1) == dnnl_success &&
        dnnl_primitive_desc_create(&primitive, &desc, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        int x = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0]));
        int y = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, NULL);
        tacit_argument_t arguments[] = {{DNNL_ARG_SRC, x, layout}, {DNNL_ARG_DST, y, layout}};
        status = x != TACIT_NO_SLOT && y != TACIT_NO_SLOT
                     ? tacit_planner_primitive(planner, primitive, arguments, 2)
                     : tacit_planner_error(planner)->code;
        tacit_planner_bind(planner, node->outputs[0], y);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(primitive);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

TACIT_ACCELERATE(softmax_flat)
{
    return s_accelerate_softmax(planner, inference, inference->outputs[0].shape.rank, ret_done);
}

TACIT_ACCELERATE(softmax)
{
    return s_accelerate_softmax(planner, inference, inference->parameters->axis.axis + 1, ret_done);
}
