/*  comparison.c - comparison, logic, shifts, and Where, with numpy's broadcasting.  */

#include "services/inference/engine/ops/pairwise.h"

#define COMPARE(name, operation)                                                                   \
    LOOP_TO(s_##name##_f32, float, uint8_t, p operation q)                                         \
    LOOP_TO(s_##name##_f64, double, uint8_t, p operation q)                                        \
    LOOP_TO(s_##name##_u8, uint8_t, uint8_t, p operation q)                                        \
    LOOP_TO(s_##name##_i8, int8_t, uint8_t, p operation q)                                         \
    LOOP_TO(s_##name##_i32, int32_t, uint8_t, p operation q)                                       \
    LOOP_TO(s_##name##_i64, int64_t, uint8_t, p operation q)                                       \
    BINARY(name)

COMPARE(equal, ==)
COMPARE(less, <)
COMPARE(less_or_equal, <=)
COMPARE(greater, >)
COMPARE(greater_or_equal, >=)

#define LOGIC(name, expression)                                                                    \
    LOOP(s_##name, uint8_t, expression)                                                            \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        (void)parameters, (void)input_count, (void)output_count;                                   \
        tacit_pairwise(s_##name, &inputs[0], &inputs[1], &outputs[0]);                             \
        return NULL;                                                                               \
    }

LOGIC(and, p != 0 && q != 0)
LOGIC(or, p != 0 || q != 0)
LOGIC(xor, (p != 0) != (q != 0))
LOGIC(equal_bool, (p != 0) == (q != 0))
LOGIC(shift_left, q < 8 ? p << q : 0)
LOGIC(shift_right, q < 8 ? p >> q : 0)

TACIT_KERNEL(equality)
{
    return inputs[0].dtype == TACIT_DTYPE_BOOL
               ? tacit_kernel_equal_bool(parameters, inputs, input_count, outputs, output_count)
               : tacit_kernel_equal(parameters, inputs, input_count, outputs, output_count);
}

TACIT_INFER(shift)
{
    const char *direction = tacit_graph_node_text(inference->node, "direction", "");
    inference->parameters->node.mode = strcmp(direction, "LEFT") == 0;
    if (inference->parameters->node.mode == 0 && strcmp(direction, "RIGHT") != 0) {
        return tacit_infer_refuse(inference, "its direction is neither LEFT nor RIGHT");
    }
    return tacit_infer_broadcast(inference);
}

TACIT_KERNEL(shift)
{
    return parameters->node.mode != 0
               ? tacit_kernel_shift_left(parameters, inputs, input_count, outputs, output_count)
               : tacit_kernel_shift_right(parameters, inputs, input_count, outputs, output_count);
}

TACIT_KERNEL(where)
{
    (void)parameters, (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t strides[3][TACIT_ENGINE_RANK_MAX];
    size_t at[TACIT_ENGINE_RANK_MAX];
    size_t size = tacit_dtype_size(outputs[0].dtype);
    for (size_t i = 0; i < 3; i++) {
        tacit_shape_strides(&inputs[i].shape, shape, strides[i]);
    }
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        const uint8_t *condition = inputs[0].data;
        size_t chosen = condition[tacit_offset(shape->rank, at, strides[0])] != 0 ? 1 : 2;
        tacit_element_copy(size, outputs[0].data, n, inputs[chosen].data,
                           tacit_offset(shape->rank, at, strides[chosen]));
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(comparison) = {
    {"Equal", 7, 17, ANY, "TT|b", 2, "", 0, 0, I(broadcast), K(equality), NULL},
    {"Less", 7, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(less), NULL},
    {"LessOrEqual", 12, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(less_or_equal), NULL},
    {"Greater", 7, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(greater), NULL},
    {"GreaterOrEqual", 12, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(greater_or_equal), NULL},
    {"And", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(and), NULL},
    {"Or", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(or), NULL},
    {"Xor", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(xor), NULL},
    {"BitShift", 11, 17, TACIT_TYPE_BIT(TACIT_DTYPE_UINT8), "TT|T", 2, "direction:s", 0, 0, I(shift), K(shift), NULL},
    {"Where", 9, 17, ANY, "bTT|T", 3, "", 0, 0, I(broadcast), K(where), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
