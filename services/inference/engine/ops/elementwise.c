/*  elementwise.c - Add, Sub, Mul, Div with numpy's broadcasting.

    Integers wrap; an integer divided by 0 is 0, so that a foreign number cannot stop the process.
 */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"

#include <string.h>

/*  One run of elements: each operand steps by 0 or 1.  */
typedef void (*s_loop_t)(const void *a, size_t step_a, const void *b, size_t step_b, void *y,
                         size_t count);

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LOOP(name, type, expression)                                                               \
    static void name(const void *a, size_t step_a, const void *b, size_t step_b, void *y,          \
                     size_t count)                                                                 \
    {                                                                                              \
        const type *left = a;                                                                      \
        const type *right = b;                                                                     \
        type *to = y;                                                                              \
        if (step_a == 1 && step_b == 1) {                                                          \
            for (size_t i = 0; i < count; i++) {                                                   \
                type p = left[i], q = right[i];                                                    \
                to[i] = (type)(expression);                                                        \
            }                                                                                      \
        } else if (step_a == 1) {                                                                  \
            type q = right[0];                                                                     \
            for (size_t i = 0; i < count; i++) {                                                   \
                type p = left[i];                                                                  \
                to[i] = (type)(expression);                                                        \
            }                                                                                      \
        } else {                                                                                   \
            type p = left[0];                                                                      \
            for (size_t i = 0; i < count; i++) {                                                   \
                type q = right[i * step_b];                                                        \
                to[i] = (type)(expression);                                                        \
            }                                                                                      \
        }                                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define WRAP(p) ((uint64_t)(p))

#define LOOPS(name, type)                                                                          \
    LOOP(s_add_##name, type, WRAP(p) + WRAP(q))                                                    \
    LOOP(s_sub_##name, type, WRAP(p) - WRAP(q))                                                    \
    LOOP(s_mul_##name, type, WRAP(p) * WRAP(q))

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

static void s_compute(const s_loops_t *loops, const tacit_tensor_t *inputs, tacit_tensor_t *output)
{
    s_loop_t loop = s_loop(loops, output->dtype);
    s_frame_t frame = s_frame(&inputs[0].shape, &inputs[1].shape, &output->shape);
    size_t inner = frame.rank > 0 ? frame.rank - 1 : 0;
    size_t run = frame.rank > 0 ? frame.dims[inner] : 1;
    size_t step_a = frame.rank > 0 ? frame.a[inner] : 0;
    size_t step_b = frame.rank > 0 ? frame.b[inner] : 0;
    size_t size = tacit_dtype_size(output->dtype);
    size_t index[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at_a = 0;
    size_t at_b = 0;
    for (size_t done = 0; done < output->count; done += run) {
        loop((const uint8_t *)inputs[0].data + at_a * size, step_a,
             (const uint8_t *)inputs[1].data + at_b * size, step_b,
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
        s_compute(&loops, inputs, &outputs[0]);                                                    \
    }

BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)

TACIT_INFER(broadcast)
{
    const tacit_tensor_t *inputs = inference->inputs;
    if (!tacit_shape_broadcast(&inputs[0].shape, &inputs[1].shape, &inference->outputs[0].shape)) {
        char a[TACIT_SHAPE_TEXT_MAX];
        char b[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(inputs[0].shape.rank, inputs[0].shape.dims, a);
        tacit_shape_text(inputs[1].shape.rank, inputs[1].shape.dims, b);
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "shapes %s and %s do not broadcast", a, b);
    }
    return TACIT_OK;
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
    tacit_activation_t activation;
    value = tacit_planner_merge_activation(planner, value, &activation);
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
