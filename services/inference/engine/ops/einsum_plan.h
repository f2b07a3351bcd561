/*  einsum_plan.h - what an equation of Einsum means for inputs of known shapes.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_EINSUM_PLAN_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_EINSUM_PLAN_H

#include "services/inference/engine/operator.h"

enum {
    TACIT_EINSUM_INPUTS_MAX = 8,
    TACIT_EINSUM_LETTERS = 52,                                         /* A-Z and a-z */
    TACIT_EINSUM_LABELS = TACIT_EINSUM_LETTERS + TACIT_ENGINE_RANK_MAX /* and those of "..." */
};

/*  A tensor by labels: how far apart its elements are along each; 0 where it has not that label, or
    repeats along it. A label that stands twice is the diagonal.  */
typedef struct tacit_einsum_term {
    uint64_t labels; /* bit i: it has label i */
    size_t strides[TACIT_EINSUM_LABELS];
} tacit_einsum_term_t;

typedef struct tacit_einsum {
    size_t sizes[TACIT_EINSUM_LABELS];
    tacit_einsum_term_t inputs[TACIT_EINSUM_INPUTS_MAX];
    size_t input_count;
    uint8_t output_labels[TACIT_ENGINE_RANK_MAX]; /* in order */
    tacit_shape_t output_shape;
    tacit_einsum_term_t output;
} tacit_einsum_t;

/*  NULL, or what is wrong with the equation or the shapes.  */
const char *tacit_einsum_read(const char *equation, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_einsum_t *ret_einsum);

/*  Inputs are taken two at a time, from the first on; what the result of inputs 0..last keeps are
    the labels that the output or a later input has. The last result is the output.  */
uint64_t tacit_einsum_kept(const tacit_einsum_t *einsum, size_t last);

/*  Such a result with its labels in ascending order, and how many elements it has; SIZE_MAX where
    that is too many for a tensor.  */
size_t tacit_einsum_between(const tacit_einsum_t *einsum, uint64_t labels,
                            tacit_einsum_term_t *ret_term);

#endif
