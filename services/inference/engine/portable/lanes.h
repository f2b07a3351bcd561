/*  lanes.h - what the inner loops are written with: registers of TACIT_LANES floats. For the files
    that are compiled once per instruction set (see vector.h), which sets TACIT_ISA_NAME too.

    Sums run in 16 lanes, whatever the register: their order, and so the result, is the same for all
    instruction sets but for fused multiplication.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_LANES_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_LANES_H

#include "services/inference/engine/portable/vector.h"

enum { LANES = TACIT_LANES, REGISTERS = TACIT_BLOCK / TACIT_LANES };

typedef float tacit_lanes_t __attribute__((vector_size(sizeof(float) * LANES)));
typedef float tacit_loose_t
    __attribute__((vector_size(sizeof(float) * LANES), may_alias, aligned(4)));
typedef int32_t tacit_mask_t __attribute__((vector_size(sizeof(float) * LANES)));

/*  Checks of a sanitizer in each copy of a loop would take minutes to compile.  */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INLINE static inline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/*  The number in every lane.  */
INLINE tacit_lanes_t tacit_all(float number)
{
    return number - (tacit_lanes_t){0};
}

INLINE tacit_lanes_t tacit_load(const float *from)
{
    return *(const tacit_loose_t *)from;
}

INLINE void tacit_store(float *to, tacit_lanes_t vector)
{
    *(tacit_loose_t *)to = vector;
}

/*  NaN stays NaN.  */
INLINE tacit_lanes_t tacit_clamp(tacit_lanes_t x, tacit_lanes_t low, tacit_lanes_t high)
{
    tacit_mask_t below = x < low;
    x = (tacit_lanes_t)(((tacit_mask_t)low & below) | ((tacit_mask_t)x & ~below));
    tacit_mask_t above = x > high;
    return (tacit_lanes_t)(((tacit_mask_t)high & above) | ((tacit_mask_t)x & ~above));
}

/*  A function of this instruction set.  */
#define TACIT_JOIN2(a, b)  a##_##b
#define TACIT_JOIN(a, b)   TACIT_JOIN2(a, b)
#define TACIT_OF_ISA(name) TACIT_JOIN(name, TACIT_ISA_NAME)

/*  Those of vector.h, one file for each kind.  */
void TACIT_OF_ISA(tacit_convolve)(const tacit_tile_t *tile);
void TACIT_OF_ISA(tacit_depthwise)(const tacit_depth_t *depth);
void TACIT_OF_ISA(tacit_curve)(tacit_curve_t curve, float a, float b, const float *x, float *y,
                               size_t count);
void TACIT_OF_ISA(tacit_add)(const float *a, const float *b, float *y, size_t count);
void TACIT_OF_ISA(tacit_affine)(const float *x, const float *scale, const float *shift, float low,
                                float high, float *y, size_t pixels);
void TACIT_OF_ISA(tacit_affine_rows)(const tacit_rows_t *rows);
void TACIT_OF_ISA(tacit_softmax)(const float *x, float *y, size_t rows, size_t length);
void TACIT_OF_ISA(tacit_normalize)(const float *x, const float *scale, const float *bias,
                                   float epsilon, float *y, size_t rows, size_t length);
void TACIT_OF_ISA(tacit_largest)(const float *x, const tacit_places_t *places, float *y);
void TACIT_OF_ISA(tacit_sum)(const float *x, const tacit_places_t *places, float *y);
void TACIT_OF_ISA(tacit_into)(const tacit_into_t *into);
void TACIT_OF_ISA(tacit_out_of)(const tacit_out_of_t *out);
void TACIT_OF_ISA(tacit_columns)(const tacit_columns_t *columns);
void TACIT_OF_ISA(tacit_lines)(const tacit_lines_t *lines);
void TACIT_OF_ISA(tacit_weigh)(const tacit_scores_t *scores);

#endif
