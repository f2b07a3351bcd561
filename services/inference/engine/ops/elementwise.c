/*  elementwise.c - functions of two numbers or more, with numpy's broadcasting: arithmetic,
    comparison, logic, Min, Max, Sum, Mean, Where.

    Integers wrap; an integer divided by 0 is 0, so that a foreign number cannot stop the process.
 */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"

#include <math.h>
#include <string.h>

/*  One run of elements: each operand steps by 0 or 1.  */
typedef void (*s_loop_t)(const void *a, size_t step_a, const void *b, size_t step_b, void *y,
                         size_t count);

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LOOP_TO(name, type, result, expression)                                                    \
    static void name(const void *a, size_t step_a, const void *b, size_t step_b, void *y,          \
                     size_t count)                                                                 \
    {                                                                                              \
        const type *left = a;                                                                      \
        const type *right = b;                                                                     \
        result *to = y;                                                                            \
        if (step_a == 1 && step_b == 1) {                                                          \
            for (size_t i = 0; i < count; i++) {                                                   \
                type p = left[i], q = right[i];                                                    \
                (void)q;                                                                           \
                to[i] = (result)(expression);                                                      \
            }                                                                                      \
        } else if (step_a == 1) {                                                                  \
            type q = right[0];                                                                     \
            for (size_t i = 0; i < count; i++) {                                                   \
                type p = left[i];                                                                  \
                (void)q;                                                                           \
                to[i] = (result)(expression);                                                      \
            }                                                                                      \
        } else {                                                                                   \
            type p = left[0];                                                                      \
            for (size_t i = 0; i < count; i++) {                                                   \
                type q = right[i * step_b];                                                        \
                (void)q;                                                                           \
                to[i] = (result)(expression);                                                      \
            }                                                                                      \
        }                                                                                          \
    }
#define LOOP(name, type, expression) LOOP_TO(name, type, type, expression)
/* NOLINTEND(bugprone-macro-parentheses) */

#define WRAP(p) ((uint64_t)(p))

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

/*  The loop for a type; the table is in the order of the cases.  */
typedef struct s_loops {
    s_loop_t f32, f64, u8, i8, i32, i64;
} s_loops_t;

static s_loop_t s_loop(const s_loops_t *loops, tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return loops->f32;
    case TACIT_DTYPE_FLOAT64:
        return loops->f64;
    case TACIT_DTYPE_UINT8:
        return loops->u8;
    case TACIT_DTYPE_INT8:
        return loops->i8;
    case TACIT_DTYPE_INT32:
        return loops->i32;
    default:
        return loops->i64;
    }
}

/*  The shape without dimensions of 1, neighbours joined where both operands run on.  */
typedef struct s_frame {
    size_t rank;
    size_t dims[TACIT_ENGINE_RANK_MAX];
    size_t a[TACIT_ENGINE_RANK_MAX]; /* strides, in elements */
    size_t b[TACIT_ENGINE_RANK_MAX];
} s_frame_t;

static s_frame_t s_frame(const tacit_shape_t *a, const tacit_shape_t *b, const tacit_shape_t *y)
{
    size_t strides_a[TACIT_ENGINE_RANK_MAX];
    size_t strides_b[TACIT_ENGINE_RANK_MAX];
    tacit_shape_strides(a, y, strides_a);
    tacit_shape_strides(b, y, strides_b);
    s_frame_t frame = {.rank = 0};
    for (size_t i = 0; i < y->rank; i++) {
        size_t dim = (size_t)y->dims[i];
        if (dim == 1) {
            continue;
        }
        size_t last = frame.rank > 0 ? frame.rank - 1 : 0;
        bool joins = frame.rank > 0 && frame.a[last] == strides_a[i] * dim &&
                     frame.b[last] == strides_b[i] * dim;
        if (!joins) {
            last = frame.rank++;
            frame.dims[last] = 1;
        }
        frame.dims[last] *= dim;
        frame.a[last] = strides_a[i];
        frame.b[last] = strides_b[i];
    }
    return frame;
}

static void s_compute(s_loop_t loop, const tacit_tensor_t *a, const tacit_tensor_t *b,
                      tacit_tensor_t *output)
{
    s_frame_t frame = s_frame(&a->shape, &b->shape, &output->shape);
    size_t inner = frame.rank > 0 ? frame.rank - 1 : 0;
    size_t run = frame.rank > 0 ? frame.dims[inner] : 1;
    size_t step_a = frame.rank > 0 ? frame.a[inner] : 0;
    size_t step_b = frame.rank > 0 ? frame.b[inner] : 0;
    size_t size_a = tacit_dtype_size(a->dtype);
    size_t size_b = tacit_dtype_size(b->dtype);
    size_t size = tacit_dtype_size(output->dtype);
    size_t index[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at_a = 0;
    size_t at_b = 0;
    for (size_t done = 0; done < output->count; done += run) {
        loop((const uint8_t *)a->data + at_a * size_a, step_a,
             (const uint8_t *)b->data + at_b * size_b, step_b,
             (uint8_t *)output->data + done * size, run);
        for (size_t i = inner; i-- > 0;) {
            at_a += frame.a[i];
            at_b += frame.b[i];
            if (++index[i] < frame.dims[i]) {
                break;
            }
            at_a -= frame.a[i] * frame.dims[i];
            at_b -= frame.b[i] * frame.dims[i];
            index[i] = 0;
        }
    }
}

#define BINARY(name)                                                                               \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        static const s_loops_t loops = {s_##name##_f32, s_##name##_f64, s_##name##_u8,             \
                                        s_##name##_i8,  s_##name##_i32, s_##name##_i64};           \
        (void)parameters, (void)input_count, (void)output_count;                                   \
        s_compute(s_loop(&loops, inputs[0].dtype), &inputs[0], &inputs[1], &outputs[0]);           \
        return NULL;                                                                               \
    }

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)

/* --- comparison and logic --------------------------------------------------------------------- */

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
        s_compute(s_##name, &inputs[0], &inputs[1], &outputs[0]);                                  \
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

/* --- remainder, power ------------------------------------------------------------------------- */

/*  The sign of the divisor (Python), and that of the dividend (C).  */
#define PYTHON(p, q) ((q) == 0 || (q) == -1 ? 0 : ((p) % (q) + (q)) % (q))
#define WITH_C(p, q) ((q) == 0 || (q) == -1 ? 0 : (p) % (q))

LOOP(s_mod_f32, float, fmodf(p, q) != 0 && (p < 0) != (q < 0) ? fmodf(p, q) + q : fmodf(p, q))
LOOP(s_mod_f64, double, fmod(p, q) != 0 && (p < 0) != (q < 0) ? fmod(p, q) + q : fmod(p, q))
LOOP(s_mod_u8, uint8_t, q == 0 ? 0 : p % q)
LOOP(s_mod_i8, int8_t, PYTHON(p, q))
LOOP(s_mod_i32, int32_t, PYTHON((int64_t)p, (int64_t)q))
LOOP(s_mod_i64, int64_t,
     q == 0 || q == -1 ? 0 : (p % q != 0 && (p < 0) != (q < 0) ? p % q + q : p % q))
LOOP(s_fmod_f32, float, fmodf(p, q))
LOOP(s_fmod_f64, double, fmod(p, q))
LOOP(s_fmod_u8, uint8_t, q == 0 ? 0 : p % q)
LOOP(s_fmod_i8, int8_t, WITH_C(p, q))
LOOP(s_fmod_i32, int32_t, WITH_C(p, q))
LOOP(s_fmod_i64, int64_t, WITH_C(p, q))
BINARY(mod)
BINARY(fmod)

TACIT_INFER(modulo)
{
    inference->parameters->node.mode = tacit_graph_node_integer(inference->node, "fmod", 0) != 0;
    return tacit_infer_broadcast(inference);
}

TACIT_KERNEL(modulo)
{
    return parameters->node.mode != 0
               ? tacit_kernel_fmod(parameters, inputs, input_count, outputs, output_count)
               : tacit_kernel_mod(parameters, inputs, input_count, outputs, output_count);
}

LOOP(s_pow_f32, float, q == 2.0F ? p * p : powf(p, q))
LOOP(s_pow_f64, double, pow(p, q))

static void s_pow_element(const tacit_tensor_t *base, size_t i, double exponent,
                          tacit_tensor_t *output, size_t n)
{
    double power = pow(tacit_element_real(base, i), exponent);
    switch (output->dtype) {
    case TACIT_DTYPE_FLOAT32:
        ((float *)output->data)[n] = (float)power;
        break;
    case TACIT_DTYPE_FLOAT64:
        ((double *)output->data)[n] = power;
        break;
    case TACIT_DTYPE_INT32:
        ((int32_t *)output->data)[n] = (int32_t)tacit_saturate(power, INT32_MIN, INT32_MAX);
        break;
    default:
        ((int64_t *)output->data)[n] = tacit_saturate(power, INT64_MIN, INT64_MAX);
        break;
    }
}

/*  The exponent may have another type than the base.  */
TACIT_KERNEL(pow)
{
    (void)parameters, (void)input_count, (void)output_count;
    if (inputs[0].dtype == inputs[1].dtype && inputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        s_compute(s_pow_f32, &inputs[0], &inputs[1], &outputs[0]);
        return NULL;
    }
    if (inputs[0].dtype == inputs[1].dtype && inputs[0].dtype == TACIT_DTYPE_FLOAT64) {
        s_compute(s_pow_f64, &inputs[0], &inputs[1], &outputs[0]);
        return NULL;
    }
    size_t a[TACIT_ENGINE_RANK_MAX];
    size_t b[TACIT_ENGINE_RANK_MAX];
    size_t at[TACIT_ENGINE_RANK_MAX];
    size_t rank = outputs[0].shape.rank;
    tacit_shape_strides(&inputs[0].shape, &outputs[0].shape, a);
    tacit_shape_strides(&inputs[1].shape, &outputs[0].shape, b);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(&outputs[0].shape, n, at);
        s_pow_element(&inputs[0], tacit_offset(rank, at, a),
                      tacit_element_real(&inputs[1], tacit_offset(rank, at, b)), &outputs[0], n);
    }
    return NULL;
}

/*  The slope is broadcast to the input, not the input to the slope.  */
LOOP(s_prelu_f32, float, p < 0 ? p * q : p)
LOOP(s_prelu_f64, double, p < 0 ? p * q : p)
LOOP(s_prelu_u8, uint8_t, p)
LOOP(s_prelu_i8, int8_t, p < 0 ? p * q : p)
LOOP(s_prelu_i32, int32_t, p < 0 ? WRAP(p) * WRAP(q) : WRAP(p))
LOOP(s_prelu_i64, int64_t, p < 0 ? WRAP(p) * WRAP(q) : WRAP(p))
BINARY(prelu)

TACIT_INFER(prelu)
{
    tacit_status_t status = tacit_infer_broadcast(inference);
    if (status == TACIT_OK &&
        !tacit_shape_equal(&inference->outputs[0].shape, &inference->inputs[0].shape)) {
        return tacit_infer_refuse(inference, "its slope does not broadcast to its input");
    }
    return status;
}

/*  Before opset 7 a vector had one slope per channel.  */
static tacit_tensor_t s_channels(const tacit_tensor_t *slope, const tacit_shape_t *shape)
{
    tacit_tensor_t seen = *slope;
    if (slope->shape.rank == 1 && slope->count > 1 && shape->rank > 1) {
        seen.shape = (tacit_shape_t){.rank = shape->rank - 1};
        for (size_t i = 0; i < seen.shape.rank; i++) {
            seen.shape.dims[i] = i == 0 ? slope->shape.dims[0] : 1;
        }
    }
    return seen;
}

TACIT_INFER(prelu_channels)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    tacit_tensor_t slope = s_channels(&inference->inputs[1], shape);
    inference->outputs[0].shape = *shape;
    tacit_shape_t common;
    if (!tacit_shape_broadcast(shape, &slope.shape, &common) ||
        !tacit_shape_equal(shape, &common)) {
        return tacit_infer_refuse(inference, "its slope has not one number per channel");
    }
    return TACIT_OK;
}

TACIT_KERNEL(prelu_channels)
{
    tacit_tensor_t seen[] = {inputs[0], s_channels(&inputs[1], &inputs[0].shape)};
    return tacit_kernel_prelu(parameters, seen, input_count, outputs, output_count);
}

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
static void s_fold(const s_loops_t *loops, const tacit_tensor_t *inputs, size_t count,
                   tacit_tensor_t *output)
{
    static const s_loops_t first = {s_first_f32, s_first_f64, s_first_u8,
                                    s_first_i8,  s_first_i32, s_first_i64};
    s_compute(s_loop(&first, output->dtype), &inputs[0], output, output);
    for (size_t i = 1; i < count; i++) {
        s_compute(s_loop(loops, output->dtype), output, &inputs[i], output);
    }
}

#define VARIADIC(name)                                                                             \
    TACIT_KERNEL(name##_all)                                                                       \
    {                                                                                              \
        static const s_loops_t loops = {s_##name##_f32, s_##name##_f64, s_##name##_u8,             \
                                        s_##name##_i8,  s_##name##_i32, s_##name##_i64};           \
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
    return s_accelerate(planner, inference, dnnl_binary_mul, true, ret_done);
}

TACIT_ACCELERATE(div)
{
    return s_accelerate(planner, inference, dnnl_binary_div, false, ret_done);
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* clang-format off */
TACIT_OPERATORS(elementwise) = {
    {"Add", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(add), A(add)},
    {"Sub", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(sub), A(sub)},
    {"Mul", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(mul), A(mul)},
    {"Div", 6, 17, NUMBER, "TT|T", 2, "", 0, 0, I(broadcast), K(div), A(div)},
    {"Equal", 7, 17, ANY, "TT|b", 2, "", 0, 0, I(broadcast), K(equality), NULL},
    {"Less", 7, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(less), NULL},
    {"LessOrEqual", 12, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(less_or_equal), NULL},
    {"Greater", 7, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(greater), NULL},
    {"GreaterOrEqual", 12, 17, NUMBER, "TT|b", 2, "", 0, 0, I(broadcast), K(greater_or_equal), NULL},
    {"And", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(and), NULL},
    {"Or", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(or), NULL},
    {"Xor", 7, 17, BOOLEAN, "TT|b", 2, "", 0, 0, I(broadcast), K(xor), NULL},
    {"BitShift", 11, 17, TACIT_TYPE_BIT(TACIT_DTYPE_UINT8), "TT|T", 2, "direction:s", 0, 0, I(shift), K(shift), NULL},
    {"Mod", 10, 17, NUMBER, "TT|T", 2, "fmod:i", 0, 0, I(modulo), K(modulo), NULL},
    {"Pow", 7, 17, FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64), "TU|T", 2, "", 0, 0, I(broadcast), K(pow), NULL},
    {"PRelu", 6, 6, NUMBER, "TT|T", 2, "", 0, 0, I(prelu_channels), K(prelu_channels), NULL},
    {"PRelu", 7, 17, NUMBER, "TT|T", 2, "", 0, 0, I(prelu), K(prelu), NULL},
    {"Min", 6, 17, NUMBER, "T*|T", 1, "", 0, 0, I(broadcast), K(min_all), NULL},
    {"Max", 6, 17, NUMBER, "T*|T", 1, "", 0, 0, I(broadcast), K(max_all), NULL},
    {"Sum", 6, 17, FLOAT, "T*|T", 1, "", 0, 0, I(broadcast), K(add_all), NULL},
    {"Mean", 6, 17, FLOAT, "T*|T", 1, "", 0, 0, I(broadcast), K(mean_all), NULL},
    {"Where", 9, 17, ANY, "bTT|T", 3, "", 0, 0, I(broadcast), K(where), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
