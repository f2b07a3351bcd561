/*  byte_lanes.h - what products of bytes are written with, for files that are built per instruction
    set: sums of four products each, and the way from sums to bytes.

    AVX-512 VNNI has an instruction for those sums. Without it bytes are widened to 16 bits and
    multiplied in pairs, which is exact, where the instruction for pairs of bytes saturates.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_LANES_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_LANES_H

#include "services/inference/engine/portable/byte_tile.h"
#include "services/inference/engine/portable/lanes.h"

#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

typedef int32_t tacit_sums_t __attribute__((vector_size(sizeof(int32_t) * LANES)));
typedef int32_t tacit_loose_sums_t
    __attribute__((vector_size(sizeof(int32_t) * LANES), may_alias, aligned(4)));
typedef int32_t tacit_loose_groups_t
    __attribute__((vector_size(sizeof(int32_t) * LANES), may_alias, aligned(1)));
typedef int16_t tacit_halves_t __attribute__((vector_size(sizeof(int32_t) * LANES)));
typedef uint8_t tacit_line_t __attribute__((vector_size(LANES)));
typedef uint8_t tacit_bytes_vector_t __attribute__((vector_size(sizeof(int32_t) * LANES)));

enum { TACIT_CHUNKS = 4, TACIT_BYTES = TACIT_CHUNKS * LANES };

INLINE tacit_sums_t tacit_load_sums(const int32_t *from)
{
    return *(const tacit_loose_sums_t *)from;
}

/*  Groups of four bytes, one per lane; and one group in every lane.  */
INLINE tacit_sums_t tacit_load_groups(const void *from)
{
    return *(const tacit_loose_groups_t *)from;
}

INLINE tacit_sums_t tacit_all_groups(const uint8_t *from)
{
    int32_t group;
    memcpy(&group, from, sizeof(group));
    return group - (tacit_sums_t){0};
}

/* --- sums ------------------------------------------------------------------------------------- */

#if defined(__AVX512VNNI__)

typedef tacit_sums_t tacit_items_t;
typedef tacit_sums_t tacit_weights_t;

INLINE tacit_items_t tacit_items(tacit_sums_t groups)
{
    return groups;
}

INLINE tacit_weights_t tacit_weights(tacit_sums_t groups)
{
    return groups;
}

/*  sums + the four products of a lane.  */
INLINE tacit_sums_t tacit_dot(tacit_sums_t sums, tacit_items_t items, tacit_weights_t weights)
{
    return (tacit_sums_t)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)items, (__m512i)weights);
}

#else

/*  The first and third byte of each group, the second and fourth, in 16 bits.  */
typedef struct tacit_items {
    tacit_halves_t even, odd;
} tacit_items_t;
typedef tacit_items_t tacit_weights_t;

INLINE tacit_items_t tacit_items(tacit_sums_t groups)
{
    tacit_halves_t low = (tacit_halves_t)(0x00ff00ff - (tacit_sums_t){0});
    return (tacit_items_t){(tacit_halves_t)groups & low, ((tacit_halves_t)groups >> 8) & low};
}

INLINE tacit_weights_t tacit_weights(tacit_sums_t groups)
{
    tacit_halves_t halves = (tacit_halves_t)groups;
    return (tacit_weights_t){(halves << 8) >> 8, halves >> 8};
}

INLINE tacit_sums_t tacit_pairs(tacit_halves_t a, tacit_halves_t b)
{
#if defined(__AVX512BW__)
    return (tacit_sums_t)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (tacit_sums_t)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (tacit_sums_t)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    tacit_sums_t one = (tacit_sums_t)a;
    tacit_sums_t other = (tacit_sums_t)b;
    return ((one << 16) >> 16) * ((other << 16) >> 16) + (one >> 16) * (other >> 16);
#endif
}

INLINE tacit_sums_t tacit_dot(tacit_sums_t sums, tacit_items_t items, tacit_weights_t weights)
{
    return sums + (tacit_pairs(items.even, weights.even) + tacit_pairs(items.odd, weights.odd));
}

#endif

/* --- bytes ------------------------------------------------------------------------------------ */

/*  The ends of a grid, around its zero point.  */
typedef struct tacit_ends {
    tacit_lanes_t low, high;
    tacit_sums_t zero;
} tacit_ends_t;

INLINE tacit_ends_t tacit_ends(tacit_grid_t grid)
{
    int32_t low = grid.sign ? INT8_MIN : 0;
    int32_t high = grid.sign ? INT8_MAX : UINT8_MAX;
    return (tacit_ends_t){tacit_all((float)(low - grid.zero)), tacit_all((float)(high - grid.zero)),
                          grid.zero - (tacit_sums_t){0}};
}

/*  The numbers for sums that are scaled: rounded half to even, within the ends; NaN is the lowest.
 */
INLINE tacit_sums_t tacit_numbers(tacit_sums_t sums, tacit_lanes_t scales, const tacit_ends_t *ends)
{
    tacit_lanes_t steps = __builtin_convertvector(sums, tacit_lanes_t) * scales;
#if defined(__AVX512F__)
    __m512 least = _mm512_max_ps((__m512)steps, (__m512)ends->low);
    return (tacit_sums_t)_mm512_cvtps_epi32(_mm512_min_ps(least, (__m512)ends->high)) + ends->zero;
#else
    tacit_lanes_t rounder = tacit_all(12582912.0F); /* adding it rounds those below 2^22 */
    tacit_mask_t above = steps > ends->low;
    steps = (tacit_lanes_t)(((tacit_mask_t)steps & above) | ((tacit_mask_t)ends->low & ~above));
    tacit_mask_t below = steps < ends->high;
    steps = (tacit_lanes_t)(((tacit_mask_t)steps & below) | ((tacit_mask_t)ends->high & ~below));
    return __builtin_convertvector((steps + rounder) - rounder, tacit_sums_t) + ends->zero;
#endif
}

/*  The first `room` of them as bytes.  */
INLINE void tacit_put_bytes(uint8_t *to, tacit_sums_t numbers, size_t room)
{
#if defined(__AVX512BW__)
    __m128i bytes = _mm512_cvtepi32_epi8((__m512i)numbers);
    if (room >= LANES) {
        _mm_storeu_si128((__m128i_u *)to, bytes);
    } else {
        _mm_mask_storeu_epi8(to, (__mmask16)((1U << room) - 1), bytes);
    }
#else
    tacit_line_t bytes = __builtin_convertvector(numbers, tacit_line_t);
    if (room >= LANES) {
        memcpy(to, &bytes, LANES);
        return;
    }
    for (size_t i = 0; i < room; i++) {
        to[i] = bytes[i];
    }
#endif
}

#if defined(__SSE2__)
#define TACIT_NARROWS 1

/*  The same instructions for each width of registers.  */
#if TACIT_LANES == 16
typedef __m512 tacit_reals_register_t;
typedef __m512i tacit_register_t;
#define TACIT_X86(name) _mm512_##name
#elif TACIT_LANES == 8
typedef __m256 tacit_reals_register_t;
typedef __m256i tacit_register_t;
#define TACIT_X86(name) _mm256_##name
#else
typedef __m128 tacit_reals_register_t;
typedef __m128i tacit_register_t;
#define TACIT_X86(name) _mm_##name
#endif

/*  A grid as narrowing takes it.  */
typedef struct tacit_narrow {
    tacit_reals_register_t most; /* what is beyond does not fit 32 bits */
    tacit_register_t zero;
    bool sign;
} tacit_narrow_t;

INLINE tacit_narrow_t tacit_narrow_for(tacit_grid_t grid)
{
    return (tacit_narrow_t){TACIT_X86(set1_ps)(65536.0F), TACIT_X86(set1_epi16)((int16_t)grid.zero),
                            grid.sign};
}

/*  Four vectors of sums that are scaled become bytes, four of each by turns. As tacit_numbers() has
    it: what is too large saturates on the way, and NaN is the lowest.  */
INLINE tacit_register_t tacit_narrow(const tacit_sums_t *sums, const tacit_lanes_t *scales,
                                     const tacit_narrow_t *narrow)
{
    tacit_register_t numbers[TACIT_CHUNKS];
#pragma GCC unroll 4
    for (size_t i = 0; i < TACIT_CHUNKS; i++) {
        tacit_reals_register_t steps =
            (tacit_reals_register_t)(__builtin_convertvector(sums[i], tacit_lanes_t) * scales[i]);
        numbers[i] = TACIT_X86(cvtps_epi32)(TACIT_X86(min_ps)(narrow->most, steps));
    }
    tacit_register_t a = TACIT_X86(packs_epi32)(numbers[0], numbers[1]);
    tacit_register_t b = TACIT_X86(packs_epi32)(numbers[2], numbers[3]);
    a = TACIT_X86(adds_epi16)(a, narrow->zero);
    b = TACIT_X86(adds_epi16)(b, narrow->zero);
    return narrow->sign ? TACIT_X86(packs_epi16)(a, b) : TACIT_X86(packus_epi16)(a, b);
}

/*  The bytes of each vector one after the other.  */
INLINE tacit_register_t tacit_in_order(tacit_register_t bytes)
{
#if TACIT_LANES == 16
    return _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
#elif TACIT_LANES == 8
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
#else
    return bytes;
#endif
}

/*  16 bytes of a register; `i` is a constant where this is used.  */
INLINE __m128i tacit_part(tacit_register_t bytes, size_t i)
{
#if TACIT_LANES == 16
    return i == 0   ? _mm512_extracti32x4_epi32(bytes, 0)
           : i == 1 ? _mm512_extracti32x4_epi32(bytes, 1)
           : i == 2 ? _mm512_extracti32x4_epi32(bytes, 2)
                    : _mm512_extracti32x4_epi32(bytes, 3);
#elif TACIT_LANES == 8
    return i == 0 ? _mm256_extracti128_si256(bytes, 0) : _mm256_extracti128_si256(bytes, 1);
#else
    (void)i;
    return bytes;
#endif
}

#endif

/*  The loops of each instruction set that stand in files of their own.  */
void TACIT_OF_ISA(tacit_depthwise_bytes)(const struct tacit_byte_depth *depth);

#endif
