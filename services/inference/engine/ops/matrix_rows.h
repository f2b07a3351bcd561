/*  matrix_rows.h - rows times a matrix that is packed in a run, for kernels that use it many times.
 */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_MATRIX_ROWS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_MATRIX_ROWS_H

#include <stddef.h>

/*  [n, k], packed for the tiles of portable/vector.h.  */
typedef struct tacit_matrix_rows {
    size_t n, k;
    const float *w, *bias;
} tacit_matrix_rows_t;

/*  Floats that packing takes.  */
size_t tacit_matrix_rows_room(size_t n, size_t k);

/*  Packs n rows of k, into that room. bias: n, or NULL.  */
tacit_matrix_rows_t tacit_matrix_rows_pack(const float *rows, const float *bias, size_t n, size_t k,
                                           float *room);

/*  y = x rows^T + bias, for `count` rows of x, each `step` behind the one before; y's are dense. */
void tacit_matrix_rows_run(const tacit_matrix_rows_t *matrix, const float *x, size_t step,
                           size_t count, float *y, size_t y_step);

#endif
