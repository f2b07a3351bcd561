/*  attention_kernels.c - what attention needs beside products: keys in columns, and scores that
    become weights. Compiled once per instruction set.  */

#include "services/inference/engine/portable/exponential.h"

#include <math.h>

/* --- columns ---------------------------------------------------------------------------------- */

/*  As many rows as a register has lanes, turned: halves change places, then quarters.  */
INLINE void s_turn(const float *x, size_t step, float *y)
{
    tacit_lanes_t rows[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        rows[i] = tacit_load(x + (size_t)i * step);
    }
#pragma GCC unroll 4
    for (int half = LANES / 2; half > 0; half /= 2) {
        tacit_mask_t low = {0};
        tacit_mask_t high = {0};
#pragma GCC unroll 16
        for (int lane = 0; lane < LANES; lane++) {
            low[lane] = (lane & half) != 0 ? LANES + lane - half : lane;
            high[lane] = (lane & half) != 0 ? LANES + lane : lane + half;
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
            if ((i & half) == 0) {
                tacit_lanes_t a = rows[i];
                tacit_lanes_t b = rows[i + half];
                rows[i] = __builtin_shuffle(a, b, low);
                rows[i + half] = __builtin_shuffle(a, b, high);
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        tacit_store(y + (size_t)i * TACIT_BLOCK, rows[i]);
    }
}

/*  Some of 16 rows, number by number.  */
static void s_turn_part(const float *x, size_t step, size_t rows, size_t length, float *y)
{
    for (size_t i = 0; i < length; i++) {
        for (size_t row = 0; row < TACIT_BLOCK; row++) {
            y[i * TACIT_BLOCK + row] = row < rows ? x[row * step + i] : 0.0F;
        }
    }
}

void TACIT_OF_ISA(tacit_columns)(const tacit_columns_t *columns)
{
    size_t whole = columns->length / LANES * LANES;
    size_t height = (columns->length + TACIT_BLOCK - 1) / TACIT_BLOCK * TACIT_BLOCK;
    for (size_t row = 0; row < columns->rows; row += TACIT_BLOCK) {
        const float *x = columns->x + row * columns->step;
        float *y = columns->y + row * height;
        size_t left = columns->rows - row;
        size_t done = left >= TACIT_BLOCK ? whole : 0;
        for (size_t i = 0; i < done; i += LANES) {
            for (size_t part = 0; part < TACIT_BLOCK; part += LANES) {
                s_turn(x + part * columns->step + i, columns->step, y + i * TACIT_BLOCK + part);
            }
        }
        s_turn_part(x + done, columns->step, left < TACIT_BLOCK ? left : TACIT_BLOCK,
                    columns->length - done, y + done * TACIT_BLOCK);
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

void TACIT_OF_ISA(tacit_lines)(const tacit_lines_t *lines)
{
    size_t length = lines->length;
    tacit_lanes_t scale = tacit_all(lines->scale);
    for (size_t row = 0; row < lines->rows; row++) {
        const float *x = lines->x + row * lines->step;
        float *y = lines->y + row * TACIT_BLOCK;
        size_t at = 0;
        for (; lines->apart == 1 && at + TACIT_BLOCK <= length; at += TACIT_BLOCK) {
#pragma GCC unroll 4
            for (size_t i = 0; i < TACIT_BLOCK; i += LANES) {
                tacit_store(y + at * lines->pitch + i, tacit_load(x + at + i) * scale);
            }
        }
        for (; at < length; at += TACIT_BLOCK) {
            for (size_t i = 0; i < TACIT_BLOCK; i++) {
                y[at * lines->pitch + i] =
                    at + i < length ? x[(at + i) * lines->apart] * lines->scale : 0.0F;
            }
        }
    }
}

/* --- scores ----------------------------------------------------------------------------------- */

/*  Those of one block that are there.  */
static void s_mask(const tacit_scores_t *scores, size_t row, size_t at, size_t count, float *x)
{
    for (size_t i = 0; scores->chosen != NULL && i < count; i++) {
        size_t place = row * scores->chosen_row + (at + i) * scores->chosen_column;
        x[i] = (scores->chosen[place] != 0) == scores->kept ? x[i] : scores->instead;
    }
    for (size_t i = 0; scores->added != NULL && i < count; i++) {
        x[i] += scores->added[row * scores->added_row + (at + i) * scores->added_column];
    }
}

/*  Pairs, then pairs of those: the same order for all instruction sets.  */
INLINE float s_largest(float lanes[TACIT_BLOCK])
{
#pragma GCC unroll 4
    for (size_t half = TACIT_BLOCK / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (size_t i = 0; i < half; i++) {
            lanes[i] = lanes[i + half] > lanes[i] ? lanes[i + half] : lanes[i];
        }
    }
    return lanes[0];
}

INLINE float s_sum(float lanes[TACIT_BLOCK])
{
#pragma GCC unroll 4
    for (size_t half = TACIT_BLOCK / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (size_t i = 0; i < half; i++) {
            lanes[i] += lanes[i + half];
        }
    }
    return lanes[0];
}

/*  Masks a row. What fills up the last block is less than any score.  */
static void s_prepare(const tacit_scores_t *scores, size_t row, float *x)
{
    size_t pitch = scores->rows * TACIT_BLOCK;
    bool masked = scores->added != NULL || scores->chosen != NULL;
    for (size_t at = 0; masked && at < scores->length; at += TACIT_BLOCK) {
        size_t left = scores->length - at;
        s_mask(scores, row, at, left < TACIT_BLOCK ? left : TACIT_BLOCK,
               x + at / TACIT_BLOCK * pitch);
    }
    size_t last = scores->length % TACIT_BLOCK;
    for (size_t i = last; last > 0 && i < TACIT_BLOCK; i++) {
        x[scores->length / TACIT_BLOCK * pitch + i] = -INFINITY;
    }
}

/*  NaN is passed over: the row becomes NaN nevertheless.  */
INLINE float s_row_largest(const float *x, size_t blocks, size_t pitch)
{
    tacit_lanes_t most[REGISTERS];
    float lanes[TACIT_BLOCK];
#pragma GCC unroll 4
    for (size_t r = 0; r < REGISTERS; r++) {
        most[r] = tacit_all(-INFINITY);
    }
    for (size_t block = 0; block < blocks; block++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < REGISTERS; r++) {
            tacit_lanes_t items = tacit_load(x + block * pitch + r * LANES);
            tacit_mask_t more = items > most[r];
            most[r] =
                (tacit_lanes_t)(((tacit_mask_t)items & more) | ((tacit_mask_t)most[r] & ~more));
        }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < REGISTERS; r++) {
        tacit_store(lanes + r * LANES, most[r]);
    }
    return s_largest(lanes);
}

void TACIT_OF_ISA(tacit_weigh)(const tacit_scores_t *scores)
{
    size_t pitch = scores->rows * TACIT_BLOCK;
    size_t blocks = (scores->length + TACIT_BLOCK - 1) / TACIT_BLOCK;
    for (size_t row = 0; row < scores->rows; row++) {
        float *x = scores->x + row * TACIT_BLOCK;
        s_prepare(scores, row, x);
        float largest = s_row_largest(x, blocks, pitch);
        float lanes[TACIT_BLOCK] = {0};
        for (size_t block = 0; block < blocks; block++) {
            for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
                float item = tacit_exp(x[block * pitch + lane] - largest);
                x[block * pitch + lane] = item;
                lanes[lane] += item;
            }
        }
        float factor = 1.0F / s_sum(lanes);
        for (size_t block = 0; block < blocks; block++) {
            for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
                x[block * pitch + lane] *= factor;
            }
        }
    }
}
