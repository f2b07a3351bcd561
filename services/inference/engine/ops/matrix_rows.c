/*  matrix_rows.c - see matrix_rows.h.  */

#include "services/inference/engine/ops/matrix_rows.h"

#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <string.h>

static size_t s_blocks(size_t count)
{
    return (count + TACIT_BLOCK - 1) / TACIT_BLOCK;
}

size_t tacit_matrix_rows_room(size_t n, size_t k)
{
    return s_blocks(n) * TACIT_BLOCK * (s_blocks(k) * TACIT_BLOCK + 1);
}

tacit_matrix_rows_t tacit_matrix_rows_pack(const float *rows, const float *bias, size_t n, size_t k,
                                           float *room)
{
    size_t wide = s_blocks(n) * TACIT_BLOCK;
    size_t deep = s_blocks(k) * TACIT_BLOCK;
    float *w = room + wide;
    memset(room, 0, wide * (deep + 1) * sizeof(float));
    if (bias != NULL && n > 0) {
        memcpy(room, bias, n * sizeof(float));
    }
    for (size_t block = 0; block < s_blocks(n); block++) {
        const float *from = rows + block * TACIT_BLOCK * k;
        size_t left = n - block * TACIT_BLOCK;
        size_t lanes = left < TACIT_BLOCK ? left : TACIT_BLOCK;
        float *to = w + block * deep * TACIT_BLOCK;
        for (size_t c = 0; c < k; c++) {
            for (size_t i = 0; i < lanes; i++) {
                to[c * TACIT_BLOCK + i] = from[i * k + c];
            }
        }
    }
    return (tacit_matrix_rows_t){.n = n, .k = k, .w = w, .bias = room};
}

void tacit_matrix_rows_run(const tacit_matrix_rows_t *matrix, const float *x, size_t step,
                           size_t count, float *y, size_t y_step)
{
    size_t blocks = s_blocks(matrix->k);
    if (matrix->n == 0 || count == 0) {
        return;
    }
    if (blocks == 0) { /* nothing to sum up */
        for (size_t i = 0; i < count; i++) {
            memcpy(y + i * y_step, matrix->bias, matrix->n * sizeof(float));
        }
        return;
    }
    tacit_tile_t tile = {.x = x,
                         .x_pixel = step,
                         .x_channel = 1,
                         .x_block = TACIT_BLOCK,
                         .blocks = blocks,
                         .last = matrix->k - (blocks - 1) * TACIT_BLOCK,
                         .rows = 1,
                         .places = 1,
                         .w = matrix->w,
                         .bias = matrix->bias,
                         .y = y,
                         .y_pixel = y_step,
                         .y_block = TACIT_BLOCK,
                         .pixels = count,
                         .features = matrix->n,
                         .dense = true,
                         .low = -INFINITY,
                         .high = INFINITY};
    tacit_vector()->convolve(&tile);
}
