/*  reduction.c - ArgMax.  */

#include "services/inference/engine/ops/ops.h"

TACIT_INFER(arg_max)
{
    const tacit_shape_t *from = &inference->inputs[0].shape;
    size_t axis = 0;
    int64_t wanted = tacit_graph_node_integer(inference->node, "axis", 0);
    if (!tacit_shape_axis(wanted, from->rank, &axis) || from->dims[axis] < 1) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "axis %lld is outside its input, or empty",
                                       (long long)wanted);
    }
    bool keep = tacit_graph_node_integer(inference->node, "keepdims", 1) != 0;
    inference->parameters->axis.axis = axis;
    inference->parameters->axis.last =
        tacit_graph_node_integer(inference->node, "select_last_index", 0) != 0;
    tacit_shape_t shape = {.rank = 0};
    for (size_t i = 0; i < from->rank; i++) {
        if (i != axis || keep) {
            shape.dims[shape.rank++] = i == axis ? 1 : from->dims[i];
        }
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/*  The first NaN is the largest; of equals the first, or the last.  */
#define ARG_MAX(type)                                                                              \
    do {                                                                                           \
        const type *items = (const type *)inputs[0].data + base;                                   \
        for (size_t i = 1; i < length; i++) {                                                      \
            type item = items[i * inner], held = items[best * inner];                              \
            if (item > held || (last && item == held) || (item != item && held == held)) {         \
                best = i;                                                                          \
            }                                                                                      \
        }                                                                                          \
    } while (0)

TACIT_KERNEL(arg_max)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = parameters->axis.axis;
    bool last = parameters->axis.last;
    size_t length = (size_t)shape->dims[axis];
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    int64_t *to = outputs[0].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t base = n / inner * length * inner + n % inner;
        size_t best = 0;
        switch (inputs[0].dtype) {
        case TACIT_DTYPE_FLOAT32:
            ARG_MAX(float);
            break;
        case TACIT_DTYPE_FLOAT64:
            ARG_MAX(double);
            break;
        case TACIT_DTYPE_UINT8:
            ARG_MAX(uint8_t);
            break;
        case TACIT_DTYPE_INT8:
            ARG_MAX(int8_t);
            break;
        case TACIT_DTYPE_INT32:
            ARG_MAX(int32_t);
            break;
        default:
            ARG_MAX(int64_t);
            break;
        }
        to[n] = (int64_t)best;
    }
}
