/*  ops.c - what the files of operators share.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

tacit_status_t tacit_infer_refuse(const tacit_inference_t *inference, const char *reason)
{
    return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED, "%s",
                                   reason);
}

tacit_status_t tacit_infer_axis(const tacit_inference_t *inference, const char *attribute,
                                int64_t fallback, size_t rank, size_t *ret_axis)
{
    int64_t axis = tacit_graph_node_integer(inference->node, attribute, fallback);
    if (!tacit_shape_axis(axis, rank, ret_axis)) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "axis %lld is outside its input", (long long)axis);
    }
    return TACIT_OK;
}

tacit_status_t tacit_infer_same(const tacit_inference_t *inference)
{
    inference->outputs[0].shape = inference->inputs[0].shape;
    return TACIT_OK;
}

tacit_status_t tacit_infer_broadcast(const tacit_inference_t *inference)
{
    const tacit_tensor_t *inputs = inference->inputs;
    tacit_shape_t shape = inputs[0].shape;
    for (size_t i = 1; i < inference->node->input_count; i++) {
        tacit_shape_t common = shape;
        if (!tacit_shape_broadcast(&shape, &inputs[i].shape, &common)) {
            char a[TACIT_SHAPE_TEXT_MAX];
            char b[TACIT_SHAPE_TEXT_MAX];
            tacit_shape_text(shape.rank, shape.dims, a);
            tacit_shape_text(inputs[i].shape.rank, inputs[i].shape.dims, b);
            return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                           "shapes %s and %s do not broadcast", a, b);
        }
        shape = common;
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

int64_t tacit_saturate(double x, int64_t lowest, int64_t highest)
{
    if (isnan(x)) {
        return 0;
    }
    if (x <= (double)lowest) {
        return lowest;
    }
    return x >= (double)highest ? highest : (int64_t)x;
}

double tacit_element_real(const tacit_tensor_t *tensor, size_t i)
{
    switch (tensor->dtype) {
    case TACIT_DTYPE_FLOAT32:
        return (double)((const float *)tensor->data)[i];
    case TACIT_DTYPE_FLOAT64:
        return ((const double *)tensor->data)[i];
    default:
        return (double)tacit_element_integer(tensor, i);
    }
}

int64_t tacit_element_integer(const tacit_tensor_t *tensor, size_t i)
{
    switch (tensor->dtype) {
    case TACIT_DTYPE_INT64:
        return ((const int64_t *)tensor->data)[i];
    case TACIT_DTYPE_INT32:
        return ((const int32_t *)tensor->data)[i];
    case TACIT_DTYPE_INT8:
        return ((const int8_t *)tensor->data)[i];
    case TACIT_DTYPE_FLOAT32:
    case TACIT_DTYPE_FLOAT64:
        return tacit_saturate(tacit_element_real(tensor, i), INT64_MIN, INT64_MAX);
    default:
        return ((const uint8_t *)tensor->data)[i];
    }
}
