/*  inputs.h - what is sent to a model: a tensor for each of its inputs, and how they are cut into
    requests.

    Rows are the first dimension. Unless they are to be sent whole, all inputs have as many, and a
    request takes the same rows of each.  */

#ifndef TACIT_CLIENTS_DATAOWNER_INPUTS_H
#define TACIT_CLIENTS_DATAOWNER_INPUTS_H

#include "clients/lib/options.h"
#include "clients/lib/tensor.h"

enum { TACIT_INPUTS_MAX = TACIT_INFERENCE_REQUEST_INPUTS_MAX };

typedef struct tacit_inputs {
    tacit_tensor_t tensors[TACIT_INPUTS_MAX]; /* owned */
    size_t count;
    size_t rows; /* of the first one, 1 for a scalar */
    bool whole;  /* one request takes all of each */
} tacit_inputs_t;

/*  Of a command line MODEL FILE... (the model's only input) or MODEL --input NAME=FILE..., where
    files of one name are joined; with --whole, --narrow and --wide. Release it in any case.
    BAD_INPUT (claim: the input) where the numbers of rows differ, TACIT_CLIENT_USAGE for another
    line.  */
TACIT_MUST_CHECK tacit_status_t tacit_inputs_load(const tacit_invocation_t *invocation,
                                                  tacit_inputs_t *ret_inputs,
                                                  tacit_error_t *ret_error);
void tacit_inputs_release(tacit_inputs_t *inputs);

/*  A request's tensors, borrowed from the inputs and from their own shapes.  */
typedef struct tacit_inputs_cut {
    tacit_inference_tensor_t tensors[TACIT_INPUTS_MAX];
    int64_t dims[TACIT_INPUTS_MAX][TACIT_TENSOR_RANK_MAX];
} tacit_inputs_cut_t;

/*  Count rows from first on. The cut must not move.  */
void tacit_inputs_take(const tacit_inputs_t *inputs, size_t first, size_t count,
                       tacit_inputs_cut_t *ret_cut);

#endif
