/*  integer.h - the inner loops over 8-bit numbers, built once per instruction set (as vector.h).

    Sums are exact, in 32 bits that wrap around. Between reals and bytes: half to even, and beyond
    the ends the end. So results are the same for all instruction sets.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_INTEGER_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_INTEGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*  What a byte stands for: (byte - zero) * scale.  */
typedef struct tacit_grid {
    float scale;
    int32_t zero;
    bool sign; /* bytes are int8 */
} tacit_grid_t;

/*  What sums stand for, one by one.  */
typedef struct tacit_reals {
    const float *factors, *shifts;
    float low, high;
} tacit_reals_t;

typedef struct tacit_integer {
    void (*quantize)(const float *x, size_t count, tacit_grid_t grid, uint8_t *y);
    void (*dequantize)(const uint8_t *x, size_t count, tacit_grid_t grid, float *y);
    /* y = a + b, and a * b, of what the bytes stand for.  */
    void (*add)(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b, tacit_grid_t of_b,
                size_t count, tacit_grid_t of_y, uint8_t *y);
    void (*multiply)(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b, tacit_grid_t of_b,
                     size_t count, tacit_grid_t of_y, uint8_t *y);
    /* Sums times scales (one per sum; the grid's own is not used).  */
    void (*place)(const int32_t *sums, const float *scales, size_t count, tacit_grid_t grid,
                  uint8_t *y);
    /* y = x - zero, in 16 bits.  */
    void (*widen)(const uint8_t *x, size_t count, int32_t zero, bool sign, int16_t *y);
    /* sums[r] = the product of x and row r of w, which are `depth` long.  */
    void (*dot)(const int16_t *x, const int16_t *w, size_t depth, size_t rows, int32_t *sums);
    /* sums[i] += x[i], and y[i] = x[i] - factor * of[i].  */
    void (*accumulate)(const uint8_t *x, size_t count, bool sign, int32_t *sums);
    void (*lessen)(const int32_t *x, const int32_t *of, int32_t factor, size_t count, int32_t *y);
    /* y = sums * factors + shifts, within bounds.  */
    void (*real)(const int32_t *sums, size_t count, const tacit_reals_t *reals, float *y);
    void (*range)(const float *x, size_t count, float *ret_low, float *ret_high);
} tacit_integer_t;

/*  Those of the instruction set that vector.h chose.  */
const tacit_integer_t *tacit_integer(void);

extern const tacit_integer_t tacit_integer_baseline;
extern const tacit_integer_t tacit_integer_avx2;
extern const tacit_integer_t tacit_integer_avx512;

#endif
