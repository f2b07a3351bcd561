/*  arg_max.c - ArgMax and ArgMin.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

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

/*  The position of the largest (or smallest) along one line: the first NaN, else of equals the
   first or last.  */
/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define ARG(name, type, operation)                                                                 \
    static size_t s_##name(const void *line, size_t length, size_t step, bool last)                \
    {                                                                                              \
        const type *items = line;                                                                  \
        size_t best = 0;                                                                           \
        for (size_t i = 1; i < length; i++) {                                                      \
            type item = items[i * step], held = items[best * step];                                \
            if (item operation held || (last && item == held) || (item != item && held == held)) { \
                best = i;                                                                          \
            }                                                                                      \
        }                                                                                          \
        return best;                                                                               \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

ARG(max_f32, float, >)
ARG(max_f64, double, >)
ARG(max_u8, uint8_t, >)
ARG(max_i8, int8_t, >)
ARG(max_i32, int32_t, >)
ARG(max_i64, int64_t, >)
ARG(min_f32, float, <)
ARG(min_f64, double, <)
ARG(min_u8, uint8_t, <)
ARG(min_i8, int8_t, <)
ARG(min_i32, int32_t, <)
ARG(min_i64, int64_t, <)

typedef size_t (*s_arg_t)(const void *line, size_t length, size_t step, bool last);

static void s_arg_all(const s_arg_t *table, const tacit_parameters_t *parameters,
                      const tacit_tensor_t *input, tacit_tensor_t *output)
{
    const tacit_shape_t *shape = &input->shape;
    size_t axis = parameters->axis.axis;
    size_t length = (size_t)shape->dims[axis];
    size_t inner = tacit_shape_span(shape, axis + 1, shape->rank);
    size_t size = tacit_dtype_size(input->dtype);
    s_arg_t arg = table[tacit_column(input->dtype)];
    int64_t *to = output->data;
    for (size_t n = 0; n < output->count; n++) {
        size_t base = n / inner * length * inner + n % inner;
        const uint8_t *line = (const uint8_t *)input->data + base * size;
        to[n] = (int64_t)arg(line, length, inner, parameters->axis.last);
    }
}

TACIT_KERNEL(arg_max)
{
    static const s_arg_t table[TACIT_COLUMNS] = {s_max_f32, s_max_f64, s_max_u8,
                                                 s_max_i8,  s_max_i32, s_max_i64};
    (void)input_count, (void)output_count;
    s_arg_all(table, parameters, &inputs[0], &outputs[0]);
    return NULL;
}

TACIT_KERNEL(arg_min)
{
    static const s_arg_t table[TACIT_COLUMNS] = {s_min_f32, s_min_f64, s_min_u8,
                                                 s_min_i8,  s_min_i32, s_min_i64};
    (void)input_count, (void)output_count;
    s_arg_all(table, parameters, &inputs[0], &outputs[0]);
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(arg_max) = {
    {"ArgMax", 1, 17, NUMBER, "T|i", 1, "axis:i keepdims:i select_last_index:i", 0, 0, I(arg_max), K(arg_max), NULL},
    {"ArgMin", 1, 17, NUMBER, "T|i", 1, "axis:i keepdims:i select_last_index:i", 0, 0, I(arg_max), K(arg_min), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
