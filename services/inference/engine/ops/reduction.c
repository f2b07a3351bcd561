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

/*  The position of the largest along one line: the first NaN, else of equals the first or last.  */
/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define ARG_MAX(name, type)                                                                        \
    static size_t s_##name(const void *line, size_t length, size_t step, bool last)                \
    {                                                                                              \
        const type *items = line;                                                                  \
        size_t best = 0;                                                                           \
        for (size_t i = 1; i < length; i++) {                                                      \
            type item = items[i * step], held = items[best * step];                                \
            if (item > held || (last && item == held) || (item != item && held == held)) {         \
                best = i;                                                                          \
            }                                                                                      \
        }                                                                                          \
        return best;                                                                               \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

ARG_MAX(float, float)
ARG_MAX(double, double)
ARG_MAX(uint8, uint8_t)
ARG_MAX(int8, int8_t)
ARG_MAX(int32, int32_t)
ARG_MAX(int64, int64_t)

typedef size_t (*s_arg_max_t)(const void *line, size_t length, size_t step, bool last);

static s_arg_max_t s_arg_max(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return s_float;
    case TACIT_DTYPE_FLOAT64:
        return s_double;
    case TACIT_DTYPE_UINT8:
        return s_uint8;
    case TACIT_DTYPE_INT8:
        return s_int8;
    case TACIT_DTYPE_INT32:
        return s_int32;
    default:
        return s_int64;
    }
}

TACIT_KERNEL(arg_max)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t axis = parameters->axis.axis;
    size_t length = (size_t)shape->dims[axis];
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    size_t size = tacit_dtype_size(inputs[0].dtype);
    s_arg_max_t arg_max = s_arg_max(inputs[0].dtype);
    int64_t *to = outputs[0].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t base = n / inner * length * inner + n % inner;
        const uint8_t *line = (const uint8_t *)inputs[0].data + base * size;
        to[n] = (int64_t)arg_max(line, length, inner, parameters->axis.last);
    }
}
