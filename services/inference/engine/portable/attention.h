/*  attention.h - softmax(q k^T) v as one step: weights of some rows at a time, which stay in the
    second cache, for one head after the other.

    attention_match.c finds the nodes that are it, attention.c runs them.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_ATTENTION_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_ATTENTION_H

#include "services/inference/engine/portable/portable.h"

/*  What a step reads and writes, in its slots' order.  */
enum {
    TACIT_ATTENTION_Q,
    TACIT_ATTENTION_K,
    TACIT_ATTENTION_V,
    TACIT_ATTENTION_ADDED,
    TACIT_ATTENTION_CHOSEN,
    TACIT_ATTENTION_Y,
    TACIT_ATTENTION_SLOTS
};

/*  Where one of them lies: steps from row to row and from column to column. Of k, rows are those of
    q, and columns those of the scores, too.  */
typedef struct tacit_attention_place {
    size_t row, column;
} tacit_attention_place_t;

typedef struct tacit_attention {
    size_t heads;      /* in all: batches times heads */
    size_t rows;       /* of q and y */
    size_t length;     /* of a row of q */
    size_t keys;       /* columns of k, rows of v */
    size_t width;      /* of v and y */
    float scale;       /* of q.. */
    float value_scale; /* ..and v */
    tacit_attention_place_t places[TACIT_ATTENTION_SLOTS];
    size_t (*at)[TACIT_ATTENTION_SLOTS]; /* where each head begins */
    bool added, chosen;                  /* whether there are such */
    bool kept;                           /* of tacit_scores_t */
    float instead;
    size_t group; /* rows at once */
    int threads;  /* who share the heads */
} tacit_attention_t;

/*  Divide the work; bytes that a run needs beside.  */
size_t tacit_attention_divide(tacit_attention_t *attention);

const char *tacit_attention_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count);

/*  Plan a MatMul together with what follows it, where that is attention.  */
TACIT_MUST_CHECK tacit_status_t tacit_portable_attention(tacit_planner_t *planner,
                                                         const tacit_inference_t *inference,
                                                         bool *ret_done);

#endif
