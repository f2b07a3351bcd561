/*  batches.h - rows of an owner's data, and their classes, in batches that a model takes.  */

#ifndef TACIT_CLIENTS_MLOWNER_BATCHES_H
#define TACIT_CLIENTS_MLOWNER_BATCHES_H

#include "clients/mlowner/local_run.h"

/*  Of a batch, where the model leaves that open: rows, and numbers of an input.  */
enum { TACIT_BATCHES_ROWS = 32, TACIT_BATCHES_NUMBERS = 64 * 1024 };

typedef struct tacit_batches {
    tacit_local_arrays_t inputs;
    int64_t *labels; /* of each row; owned; NULL: none */
    size_t rows;     /* of all */
    size_t batch;    /* of one; the last may have fewer */
    size_t count;    /* of batches */
    bool whole;      /* some inputs have no rows, and all is one batch */
} tacit_batches_t;

/*  By --data and --labels. Zero the batches first, and release them, whatever comes of it.  */
TACIT_MUST_CHECK tacit_status_t tacit_batches_open(const tacit_invocation_t *invocation,
                                                   const tacit_engine_t *engine,
                                                   tacit_batches_t *ret_batches,
                                                   tacit_error_t *ret_error);
void tacit_batches_release(tacit_batches_t *batches);

/*  The inputs of a batch, for a model with that engine's inputs; ret_rows of them. Valid until the
    next call.  */
TACIT_MUST_CHECK tacit_status_t tacit_batches_take(tacit_batches_t *batches,
                                                   const tacit_engine_t *engine, size_t number,
                                                   tacit_engine_tensor_t *ret_items,
                                                   size_t *ret_rows, tacit_error_t *ret_error);

#endif
