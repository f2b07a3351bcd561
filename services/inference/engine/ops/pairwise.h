/*  pairwise.h - functions of two numbers over tensors, with numpy's broadcasting: the loops, and
   who calls them.

    Integers wrap; an integer divided by 0 is 0, so that a foreign number cannot stop the process.
 */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_PAIRWISE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_PAIRWISE_H

#include "services/inference/engine/ops/ops.h"

/*  One run of elements: each operand steps by 0 or 1.  */
typedef void (*tacit_loop_t)(const void *a, size_t step_a, const void *b, size_t step_b, void *y,
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

/*  The loop for a type; the table is in the order of the cases.  */
typedef struct tacit_loops {
    tacit_loop_t f32, f64, u8, i8, i32, i64;
} tacit_loops_t;

static inline tacit_loop_t tacit_loop(const tacit_loops_t *loops, tacit_dtype_t dtype)
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

/*  The loop over both operands, seen as if they had the output's shape.  */
void tacit_pairwise(tacit_loop_t loop, const tacit_tensor_t *a, const tacit_tensor_t *b,
                    tacit_tensor_t *output);

/*  The kernel of an operator that has a loop for each type.  */
#define BINARY(name)                                                                               \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        static const tacit_loops_t loops = {s_##name##_f32, s_##name##_f64, s_##name##_u8,         \
                                            s_##name##_i8,  s_##name##_i32, s_##name##_i64};       \
        (void)parameters, (void)input_count, (void)output_count;                                   \
        tacit_pairwise(tacit_loop(&loops, inputs[0].dtype), &inputs[0], &inputs[1], &outputs[0]);  \
        return NULL;                                                                               \
    }

#endif
