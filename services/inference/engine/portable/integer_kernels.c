/*  integer_kernels.c - loops over bytes for the compiler to vectorise; compiled once per
   instruction set, which sets TACIT_ISA_NAME. Without fused multiplication, which would round
   otherwise in one of them than in another; and with sums that wrap around.  */

#include "services/inference/engine/portable/integer.h"
#include "services/inference/engine/portable/lanes.h"

/*  Adding this number rounds those below 2^22 to whole ones, half to even.  */
static const float s_rounder = 12582912.0F;

typedef struct s_ends {
    float low, high;
} s_ends_t;

INLINE s_ends_t s_ends(tacit_grid_t grid)
{
    int32_t low = grid.sign ? INT8_MIN : 0;
    int32_t high = grid.sign ? INT8_MAX : UINT8_MAX;
    return (s_ends_t){(float)(low - grid.zero), (float)(high - grid.zero)};
}

/*  The byte for a real number of steps; NaN is the lowest.  */
INLINE uint8_t s_byte(float steps, s_ends_t ends, int32_t zero)
{
    steps = steps > ends.low ? steps : ends.low;
    steps = steps < ends.high ? steps : ends.high;
    float whole = (steps + s_rounder) - s_rounder;
    return (uint8_t)((int32_t)whole + zero);
}

INLINE int32_t s_number(uint8_t byte, bool sign)
{
    return sign ? (int8_t)byte : byte;
}

INLINE float s_real(uint8_t byte, tacit_grid_t grid, bool sign)
{
    return (float)(s_number(byte, sign) - grid.zero) * grid.scale;
}

static void s_quantize(const float *restrict x, size_t count, tacit_grid_t grid,
                       uint8_t *restrict y)
{
    s_ends_t ends = s_ends(grid);
    for (size_t i = 0; i < count; i++) {
        y[i] = s_byte(x[i] / grid.scale, ends, grid.zero);
    }
}

INLINE void s_dequantize_as(const uint8_t *restrict x, size_t count, tacit_grid_t grid, bool sign,
                            float *restrict y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = s_real(x[i], grid, sign);
    }
}

static void s_dequantize(const uint8_t *x, size_t count, tacit_grid_t grid, float *y)
{
    if (grid.sign) {
        s_dequantize_as(x, count, grid, true, y);
    } else {
        s_dequantize_as(x, count, grid, false, y);
    }
}

/*  Two operands, and what is done to them.  */
INLINE void s_combine(const uint8_t *restrict a, tacit_grid_t of_a, const uint8_t *restrict b,
                      tacit_grid_t of_b, size_t count, tacit_grid_t of_y, bool sign, bool product,
                      uint8_t *restrict y)
{
    s_ends_t ends = s_ends(of_y);
    for (size_t i = 0; i < count; i++) {
        float left = s_real(a[i], of_a, sign);
        float right = s_real(b[i], of_b, sign);
        float result = product ? left * right : left + right;
        y[i] = s_byte(result / of_y.scale, ends, of_y.zero);
    }
}

static void s_add(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b, tacit_grid_t of_b,
                  size_t count, tacit_grid_t of_y, uint8_t *y)
{
    if (of_y.sign) {
        s_combine(a, of_a, b, of_b, count, of_y, true, false, y);
    } else {
        s_combine(a, of_a, b, of_b, count, of_y, false, false, y);
    }
}

static void s_multiply(const uint8_t *a, tacit_grid_t of_a, const uint8_t *b, tacit_grid_t of_b,
                       size_t count, tacit_grid_t of_y, uint8_t *y)
{
    if (of_y.sign) {
        s_combine(a, of_a, b, of_b, count, of_y, true, true, y);
    } else {
        s_combine(a, of_a, b, of_b, count, of_y, false, true, y);
    }
}

static void s_place(const int32_t *restrict sums, const float *restrict scales, size_t count,
                    tacit_grid_t grid, uint8_t *restrict y)
{
    s_ends_t ends = s_ends(grid);
    for (size_t i = 0; i < count; i++) {
        y[i] = s_byte((float)sums[i] * scales[i], ends, grid.zero);
    }
}

INLINE void s_widen_as(const uint8_t *restrict x, size_t count, int32_t zero, bool sign,
                       int16_t *restrict y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = (int16_t)(s_number(x[i], sign) - zero);
    }
}

static void s_widen(const uint8_t *x, size_t count, int32_t zero, bool sign, int16_t *y)
{
    if (sign) {
        s_widen_as(x, count, zero, true, y);
    } else {
        s_widen_as(x, count, zero, false, y);
    }
}

INLINE void s_accumulate_as(const uint8_t *restrict x, size_t count, bool sign,
                            int32_t *restrict sums)
{
    for (size_t i = 0; i < count; i++) {
        sums[i] += s_number(x[i], sign);
    }
}

static void s_accumulate(const uint8_t *x, size_t count, bool sign, int32_t *sums)
{
    if (sign) {
        s_accumulate_as(x, count, true, sums);
    } else {
        s_accumulate_as(x, count, false, sums);
    }
}

static void s_lessen(const int32_t *x, const int32_t *of, int32_t factor, size_t count, int32_t *y)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] - factor * of[i];
    }
}

static void s_reals(const int32_t *restrict sums, size_t count, const tacit_reals_t *reals,
                    float *restrict y)
{
    const float *restrict factors = reals->factors;
    const float *restrict shifts = reals->shifts;
    float low = reals->low;
    float high = reals->high;
    for (size_t i = 0; i < count; i++) {
        float real = (float)sums[i] * factors[i] + shifts[i];
        real = real < low ? low : real;
        y[i] = real > high ? high : real;
    }
}

enum { ROWS = 4 };

/*  Four rows together, as they share what is loaded of x.  */
static void s_dot(const int16_t *restrict x, const int16_t *restrict w, size_t depth, size_t rows,
                  int32_t *restrict sums)
{
    size_t r = 0;
    for (; r + ROWS <= rows; r += ROWS) {
        const int16_t *of = w + r * depth;
        int32_t a = 0;
        int32_t b = 0;
        int32_t c = 0;
        int32_t d = 0;
        for (size_t k = 0; k < depth; k++) {
            a += x[k] * of[k];
            b += x[k] * of[depth + k];
            c += x[k] * of[2 * depth + k];
            d += x[k] * of[3 * depth + k];
        }
        sums[r] = a;
        sums[r + 1] = b;
        sums[r + 2] = c;
        sums[r + 3] = d;
    }
    for (; r < rows; r++) {
        int32_t sum = 0;
        for (size_t k = 0; k < depth; k++) {
            sum += x[k] * w[r * depth + k];
        }
        sums[r] = sum;
    }
}

enum { STREAMS = 4, STEP = LANES * STREAMS };

/*  a where the mask has all bits, else b.  */
INLINE tacit_lanes_t s_pick(tacit_mask_t mask, tacit_lanes_t a, tacit_lanes_t b)
{
    return (tacit_lanes_t)(((tacit_mask_t)a & mask) | ((tacit_mask_t)b & ~mask));
}

/*  Of the numbers and 0; NaN is none.  */
static void s_range(const float *x, size_t count, float *ret_low, float *ret_high)
{
    tacit_lanes_t lows[STREAMS] = {{0}};
    tacit_lanes_t highs[STREAMS] = {{0}};
    float low = 0;
    float high = 0;
    size_t i = 0;
    for (; i + STEP <= count; i += STEP) {
#pragma GCC unroll 4
        for (size_t k = 0; k < STREAMS; k++) {
            tacit_lanes_t items = *(const tacit_loose_t *)(x + i + k * LANES);
            lows[k] = s_pick(items < lows[k], items, lows[k]);
            highs[k] = s_pick(items > highs[k], items, highs[k]);
        }
    }
    for (; i < count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    for (size_t k = 0; k < STEP; k++) {
        float of_lows = lows[k / LANES][k % LANES];
        float of_highs = highs[k / LANES][k % LANES];
        low = of_lows < low ? of_lows : low;
        high = of_highs > high ? of_highs : high;
    }
    *ret_low = low;
    *ret_high = high;
}

const tacit_integer_t TACIT_OF_ISA(tacit_integer) = {
    .quantize = s_quantize,
    .dequantize = s_dequantize,
    .add = s_add,
    .multiply = s_multiply,
    .place = s_place,
    .widen = s_widen,
    .dot = s_dot,
    .accumulate = s_accumulate,
    .lessen = s_lessen,
    .real = s_reals,
    .range = s_range,
};
