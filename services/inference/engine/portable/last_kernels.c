/*  last_kernels.c - loops over maps of bytes whose channels lie side by side; compiled once per
    instruction set, which sets TACIT_ISA_NAME. Without fused multiplication, as
    integer_kernels.c.  */

#include "services/inference/engine/portable/lanes.h"
#include "services/inference/engine/portable/maps.h"

#include <string.h>

enum { SIDE = 16, SIGN_BIT = 0x80 };

/*  Registers of bytes, wherever they lie.  */
#define BYTES_OF(count)                                                                            \
    typedef uint8_t s_bytes_##count##_t __attribute__((vector_size(count), may_alias, aligned(1)));

BYTES_OF(16)
BYTES_OF(32)
BYTES_OF(64)

/* --- turning ---------------------------------------------------------------------------------- */

/*  The first halves of two registers, byte by byte one of each; and the second ones.  */
INLINE s_bytes_16_t s_low(s_bytes_16_t a, s_bytes_16_t b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

INLINE s_bytes_16_t s_high(s_bytes_16_t a, s_bytes_16_t b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                   31);
}

/*  16 rows of 16 bytes: four times, rows that are 8 apart are interleaved.  */
INLINE void s_turn_square(const uint8_t *x, size_t x_step, uint8_t *y, size_t y_step)
{
    s_bytes_16_t rows[SIDE];
#pragma GCC unroll 16
    for (size_t i = 0; i < SIDE; i++) {
        rows[i] = *(const s_bytes_16_t *)(x + i * x_step);
    }
#pragma GCC unroll 4
    for (size_t round = 0; round < 4; round++) {
        s_bytes_16_t turned[SIDE];
#pragma GCC unroll 8
        for (size_t i = 0; i < SIDE / 2; i++) {
            turned[2 * i] = s_low(rows[i], rows[i + SIDE / 2]);
            turned[2 * i + 1] = s_high(rows[i], rows[i + SIDE / 2]);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < SIDE; i++) {
            rows[i] = turned[i];
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < SIDE; i++) {
        *(s_bytes_16_t *)(y + i * y_step) = rows[i];
    }
}

/*  Where square number i begins: the last one lies over the one before it.  */
INLINE size_t s_begin(size_t i, size_t count)
{
    return i + SIDE <= count ? i : count - SIDE;
}

enum { COLOURS = 3 };

/*  16 bytes of pixels, the first, second or third: those of two colours, then the third one's.  */
INLINE s_bytes_16_t s_first_pixels(const s_bytes_16_t *colours)
{
    s_bytes_16_t two = __builtin_shufflevector(colours[0], colours[1], 0, 16, 0, 1, 17, 1, 2, 18, 2,
                                               3, 19, 3, 4, 20, 4, 5);
    return __builtin_shufflevector(two, colours[2], 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13,
                                   20, 15);
}

INLINE s_bytes_16_t s_second_pixels(const s_bytes_16_t *colours)
{
    s_bytes_16_t two = __builtin_shufflevector(colours[0], colours[1], 21, 5, 6, 22, 6, 7, 23, 7, 8,
                                               24, 8, 9, 25, 9, 10, 26);
    return __builtin_shufflevector(two, colours[2], 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25,
                                   14, 15);
}

INLINE s_bytes_16_t s_third_pixels(const s_bytes_16_t *colours)
{
    s_bytes_16_t two = __builtin_shufflevector(colours[0], colours[1], 10, 11, 27, 11, 12, 28, 12,
                                               13, 29, 13, 14, 30, 14, 15, 31, 15);
    return __builtin_shufflevector(two, colours[2], 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30,
                                   13, 14, 31);
}

/*  Three rows, as pictures have.  */
static void s_turn_colours(const uint8_t *x, size_t x_step, size_t columns, uint8_t *y)
{
    for (size_t k = 0; k < columns; k += SIDE) {
        size_t column = s_begin(k, columns);
        s_bytes_16_t colours[COLOURS];
#pragma GCC unroll 3
        for (size_t i = 0; i < COLOURS; i++) {
            colours[i] = *(const s_bytes_16_t *)(x + i * x_step + column);
        }
        *(s_bytes_16_t *)(y + column * COLOURS) = s_first_pixels(colours);
        *(s_bytes_16_t *)(y + column * COLOURS + SIDE) = s_second_pixels(colours);
        *(s_bytes_16_t *)(y + column * COLOURS + (size_t)2 * SIDE) = s_third_pixels(colours);
    }
}

static void s_turn(const uint8_t *x, size_t rows, size_t x_step, size_t columns, uint8_t *y,
                   size_t y_step)
{
    if (rows == COLOURS && y_step == COLOURS && columns >= SIDE) {
        s_turn_colours(x, x_step, columns, y);
        return;
    }
    if (rows < SIDE || columns < SIDE) {
        for (size_t column = 0; column < columns; column++) {
            for (size_t row = 0; row < rows; row++) {
                y[column * y_step + row] = x[row * x_step + column];
            }
        }
        return;
    }
    for (size_t i = 0; i < rows; i += SIDE) {
        size_t row = s_begin(i, rows);
        for (size_t k = 0; k < columns; k += SIDE) {
            size_t column = s_begin(k, columns);
            s_turn_square(x + row * x_step + column, x_step, y + column * y_step + row, y_step);
        }
    }
}

/* --- under windows ---------------------------------------------------------------------------- */

/*  The largest of each of `count` channels; bytes with a sign are compared with that bit turned. */
#define LARGEST_OF(count)                                                                          \
    INLINE void s_largest_##count(const uint8_t *x, const tacit_places_t *places, uint8_t flip,    \
                                  uint8_t *y)                                                      \
    {                                                                                              \
        s_bytes_##count##_t most = *(const s_bytes_##count##_t *)x ^ flip;                         \
        for (size_t row = 0; row < places->rows; row++) {                                          \
            const uint8_t *from = x + row * places->row_step;                                      \
            for (size_t place = 0; place < places->places; place++, from += places->step) {        \
                s_bytes_##count##_t bytes = *(const s_bytes_##count##_t *)from ^ flip;             \
                s_bytes_##count##_t above = (s_bytes_##count##_t)(bytes > most);                   \
                most = (bytes & above) | (most & ~above);                                          \
            }                                                                                      \
        }                                                                                          \
        *(s_bytes_##count##_t *)y = most ^ flip;                                                   \
    }

LARGEST_OF(16)
LARGEST_OF(32)
LARGEST_OF(64)

INLINE void s_largest_one(const uint8_t *x, const tacit_places_t *places, uint8_t flip, uint8_t *y)
{
    uint8_t most = *x ^ flip;
    for (size_t row = 0; row < places->rows; row++) {
        for (size_t place = 0; place < places->places; place++) {
            uint8_t byte = x[row * places->row_step + place * places->step] ^ flip;
            most = byte > most ? byte : most;
        }
    }
    *y = most ^ flip;
}

static void s_largest(const uint8_t *x, const tacit_places_t *places, size_t channels, bool sign,
                      uint8_t *y)
{
    uint8_t flip = sign ? SIGN_BIT : 0;
    size_t c = 0;
    for (; c + 64 <= channels; c += 64) {
        s_largest_64(x + c, places, flip, y + c);
    }
    for (; c + 32 <= channels; c += 32) {
        s_largest_32(x + c, places, flip, y + c);
    }
    for (; c < channels && channels >= 16; c += 16) {
        size_t at = c + 16 <= channels ? c : channels - 16;
        s_largest_16(x + at, places, flip, y + at);
    }
    for (; c < channels; c++) {
        s_largest_one(x + c, places, flip, y + c);
    }
}

INLINE void s_gather_as(const uint8_t *restrict x, size_t channels, tacit_grid_t grid, bool sign,
                        float *restrict sums)
{
    for (size_t c = 0; c < channels; c++) {
        int32_t byte = sign ? (int8_t)x[c] : x[c];
        sums[c] += (float)(byte - grid.zero) * grid.scale;
    }
}

static void s_gather(const uint8_t *x, const tacit_places_t *places, size_t channels,
                     tacit_grid_t grid, float *sums)
{
    for (size_t row = 0; row < places->rows; row++) {
        for (size_t place = 0; place < places->places; place++) {
            const uint8_t *from = x + row * places->row_step + place * places->step;
            if (grid.sign) {
                s_gather_as(from, channels, grid, true, sums);
            } else {
                s_gather_as(from, channels, grid, false, sums);
            }
        }
    }
}

/* --- tables ----------------------------------------------------------------------------------- */

static void s_look_up(const uint8_t *restrict x, size_t count, const uint8_t *restrict table,
                      uint8_t *restrict y)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i++) {
        y[i] = table[x[i]];
    }
}

const tacit_maps_t TACIT_OF_ISA(tacit_maps) = {
    .turn = s_turn, .largest = s_largest, .gather = s_gather, .look_up = s_look_up};
