/*  elementwise.c - arithmetic of two tensors or more, with numpy's broadcasting: Add, Sub, Mul,
   Div, Min, Max, Sum, Mean.  */

#include "services/inference/engine/ops/pairwise.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/portable.h"

#include <math.h>
#include <string.h>

#define LOOPS(name, type)                                                                          \
    LOOP(s_add_##name, type, WRAP(p) + WRAP(q))                                                    \
    LOOP(s_sub_##name, type, WRAP(p) - WRAP(q))                                                    \
    LOOP(s_mul_##name, type, WRAP(p) * WRAP(q))

/*  The left operand, spread over the output.  */
LOOP(s_first_f32, float, p)
LOOP(s_first_f64, double, p)
LOOP(s_first_u8, uint8_t, p)
LOOP(s_first_i8, int8_t, p)
LOOP(s_first_i32, int32_t, p)
LOOP(s_first_i64, int64_t, p)
LOOP(s_add_f32, float, p + q)
LOOP(s_sub_f32, float, p - q)
LOOP(s_mul_f32, float, p *q)
LOOP(s_div_f32, float, p / q)
LOOP(s_add_f64, double, p + q)
LOOP(s_sub_f64, double, p - q)
LOOP(s_mul_f64, double, p *q)
LOOP(s_div_f64, double, p / q)
LOOPS(u8, uint8_t)
LOOPS(i8, int8_t)
LOOPS(i32, int32_t)
LOOPS(i64, int64_t)
LOOP(s_div_u8, uint8_t, q == 0 ? 0 : p / q)
LOOP(s_div_i8, int8_t, q == 0 ? 0 : p / q)
LOOP(s_div_i32, int32_t, q == 0 ? 0 : (int64_t)p / q)
LOOP(s_div_i64, int64_t, q == 0 ? 0 : (q == -1 ? 0 - WRAP(p) : WRAP(p / q)))

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)

/* --- any number of operands ------------------------------------------------------------------- */

#define SMALLER(p, q) (isnan(p) || (p) < (q) ? (p) : (q))
#define LARGER(p, q)  (isnan(p) || (p) > (q) ? (p) : (q))

#define EXTREME(name, real, operation)                                                             \
    LOOP(s_##name##_f32, float, real(p, q))                                                        \
    LOOP(s_##name##_f64, double, real(p, q))                                                       \
    LOOP(s_##name##_u8, uint8_t, p operation q ? p : q)                                            \
    LOOP(s_##name##_i8, int8_t, p operation q ? p : q)                                             \
    LOOP(s_##name##_i32, int32_t, p operation q ? p : q)                                           \
    LOOP(s_##name##_i64, int64_t, p operation q ? p : q)

EXTREME(min, SMALLER, <)
EXTREME(max, LARGER, >)

/*  Fold the operands into the output, one after the other.  */
static void s_fold(const tacit_loops_t *loops, const tacit_tensor_t *inputs, size_t count,
                   tacit_tensor_t *output)
{
    static const tacit_loops_t first = {s_first_f32, s_first_f64, s_first_u8,
                                        s_first_i8,  s_first_i32, s_first_i64};
    tacit_pairwise(tacit_loop(&first, output->dtype), &inputs[0], output, output);
    for (size_t i = 1; i < count; i++) {
        tacit_pairwise(tacit_loop(loops, output->dtype), output, &inputs[i], output);
    }
}

#define VARIADIC(name)                                                                             \
    TACIT_KERNEL(name##_all)                                                                       \
    {                                                                                              \
        static const tacit_loops_t loops = {s_##name##_f32, s_##name##_f64, s_##name##_u8,         \
                                            s_##name##_i8,  s_##name##_i32, s_##name##_i64};       \
        (void)parameters, (void)output_count;                                                      \
        s_fold(&loops, inputs, input_count, &outputs[0]);                                          \
        return NULL;                                                                               \
    }

VARIADIC(min)
VARIADIC(max)
VARIADIC(add)

TACIT_KERNEL(mean_all)
{
    (void)tacit_kernel_add_all(parameters, inputs, input_count, outputs, output_count);
    for (size_t i = 0; i < outputs[0].count; i++) {
        if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
            ((float *)outputs[0].data)[i] /= (float)input_count;
        } else {
            ((double *)outputs[0].data)[i] /= (double)input_count;
        }
    }
    return NULL;
}

/*  An operand's shape with leading ones, as oneDNN wants equal ranks.  */
static tacit_shape_t s_pad_rank(const tacit_shape_t *shape, size_t rank)
{
    tacit_shape_t padded = {.rank = rank};
    size_t missing = rank - shape->rank;
    for (size_t i = 0; i < rank; i++) {
        padded.dims[i] = i < missing ? 1 : shape->dims[i - missing];
    }
    return padded;
}

static tacit_status_t s_plan_binary(tacit_planner_t *planner, dnnl_alg_kind_t alg, int value,
                                    const tacit_shape_t *shape, const tacit_argument_t *operands,
                                    bool *ret_done)
{
    tacit_activation_t activation = {.alg = dnnl_alg_kind_undef};
    if (tacit_onednn_fills_vectors(&operands[0].layout)) {
        value = tacit_planner_merge_activation(planner, value, &activation);
    }
    dnnl_binary_desc_t desc;
    dnnl_primitive_desc_t primitive = NULL;
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&activation);
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_binary_desc_init(&desc, alg, &operands[0].layout, &operands[1].layout,
                              &operands[0].layout) == dnnl_success &&
        dnnl_primitive_desc_create(&primitive, &desc, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        int slot = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &operands[0].layout);
        tacit_argument_t arguments[] = {
            operands[0], operands[1], {DNNL_ARG_DST, slot, operands[0].layout}};
        status = slot != TACIT_NO_SLOT ? tacit_planner_primitive(planner, primitive, arguments, 3)
                                       : tacit_planner_error(planner)->code;
        tacit_planner_bind(planner, value, slot);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(primitive);
    } else {
        status = tacit_error_set(tacit_planner_error(planner), TACIT_INTERNAL,
                                 "oneDNN does not combine two tensors of one layout");
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/*  Between convolutions values stay in oneDNN's layout: the first operand decides which, the
    second is brought into it, or is one number per channel. Row-major ones are the kernel's.  */
static tacit_status_t s_accelerate(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   dnnl_alg_kind_t alg, bool commutes, bool *ret_done)
{
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[2] = {tacit_planner_slot(planner, inference->node->inputs[0]),
                    tacit_planner_slot(planner, inference->node->inputs[1])};
    if (commutes && tacit_planner_is_plain(planner, slots[0])) {
        int swap = slots[0];
        slots[0] = slots[1];
        slots[1] = swap;
    }
    const tacit_tensor_t *first = tacit_planner_tensor(planner, slots[0]);
    const tacit_tensor_t *second = tacit_planner_tensor(planner, slots[1]);
    if (tacit_planner_is_plain(planner, slots[0]) || !tacit_shape_equal(&first->shape, shape)) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t layout = *tacit_planner_layout(planner, slots[0]);
    dnnl_memory_desc_t other = layout;
    bool same = tacit_shape_equal(&second->shape, shape);
    if (!same) {
        tacit_shape_t padded = s_pad_rank(&second->shape, shape->rank);
        other = tacit_onednn_plain(&padded);
    }
    slots[1] = same ? tacit_planner_arrange(planner, slots[1], NULL, &layout)
                    : tacit_planner_plain(planner, slots[1]);
    if (slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_argument_t operands[] = {{DNNL_ARG_SRC_0, slots[0], layout},
                                   {DNNL_ARG_SRC_1, slots[1], other}};
    return s_plan_binary(planner, alg, inference->node->outputs[0], shape, operands, ret_done);
}

TACIT_ACCELERATE(add)
{
    return s_accelerate(planner, inference, dnnl_binary_add, true, ret_done);
}

TACIT_ACCELERATE(sub)
{
    return s_accelerate(planner, inference, dnnl_binary_sub, false, ret_done);
}

TACIT_ACCELERATE(mul)
{
    /* oneDNN has no fast way where the channels do not fill their blocks */
    tacit_status_t status = tacit_portable_gate(planner, inference, ret_done);
    return status != TACIT_OK || *ret_done
               ? status
               : s_accelerate(planner, inference, dnnl_binary_mul, true, ret_done);
}

TACIT_ACCELERATE(div)
{
    return s_accelerate(planner, inference, dnnl_binary_div, false, ret_done);
}

/* clang-format off */
TACIT_OPERATORS(elementwise) = {
    {"Add", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(add), A(add)},
    {"Sub", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(sub), A(sub)},
    {"Mul", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(mul), A(mul)},
    {"Div", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(div), A(div)},
    {"Min", 6, 17, NUMBER, "T*|T", 1, "", 0, 0, I(broadcast), K(min_all), NULL},
    {"Max", 6, 17, NUMBER, "T*|T", 1, "", 0, 0, I(broadcast), K(max_all), NULL},
    {"Sum", 6, 17, FLOAT, "T*|T", 1, "", 0, 0, I(broadcast), K(add_all), NULL},
    {"Mean", 6, 17, FLOAT, "T*|T", 1, "", 0, 0, I(broadcast), K(mean_all), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
