/*  cast.c - Cast. Floats to integers truncate and saturate, NaN gives 0; integers wrap.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>
#include <string.h>

static int64_t s_saturate(double x, double low, double high, int64_t lowest, int64_t highest)
{
    if (isnan(x)) {
        return 0;
    }
    if (x <= low) {
        return lowest;
    }
    return x >= high ? highest : (int64_t)x;
}

/*  From a real (x) or an integer (n) to each type.  */
#define REAL_u8     (uint8_t) s_saturate((double)x, 0, UINT8_MAX, 0, UINT8_MAX)
#define REAL_i8     (int8_t) s_saturate((double)x, INT8_MIN, INT8_MAX, INT8_MIN, INT8_MAX)
#define REAL_i32    (int32_t) s_saturate((double)x, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX)
#define REAL_i64    s_saturate((double)x, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX)
#define REAL_f32    (float)x
#define REAL_f64    (double)x
#define REAL_b      (uint8_t)(x != 0)
#define INTEGER_u8  (uint8_t) x
#define INTEGER_i8  (int8_t) x
#define INTEGER_i32 (int32_t) x
#define INTEGER_i64 (int64_t) x
#define INTEGER_f32 (float)x
#define INTEGER_f64 (double)x
#define INTEGER_b   (uint8_t)(x != 0)
#define BOOL_u8     (uint8_t)(x != 0)
#define BOOL_i8     (int8_t)(x != 0)
#define BOOL_i32    (int32_t)(x != 0)
#define BOOL_i64    (int64_t)(x != 0)
#define BOOL_f32    (float)(x != 0)
#define BOOL_f64    (double)(x != 0)
#define BOOL_b      (uint8_t)(x != 0)

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define CAST(kind, from, type_from, to, type_to)                                                   \
    static void s_##from##_##to(const void *source, void *target, size_t count)                    \
    {                                                                                              \
        const type_from *left = source;                                                            \
        type_to *right = target;                                                                   \
        for (size_t i = 0; i < count; i++) {                                                       \
            type_from x = left[i];                                                                 \
            right[i] = kind##_##to;                                                                \
        }                                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#define CASTS(kind, from, type)                                                                    \
    CAST(kind, from, type, f32, float)                                                             \
    CAST(kind, from, type, u8, uint8_t)                                                            \
    CAST(kind, from, type, i8, int8_t)                                                             \
    CAST(kind, from, type, i32, int32_t)                                                           \
    CAST(kind, from, type, i64, int64_t)                                                           \
    CAST(kind, from, type, b, uint8_t)                                                             \
    CAST(kind, from, type, f64, double)

CASTS(REAL, f32, float)
CASTS(INTEGER, u8, uint8_t)
CASTS(INTEGER, i8, int8_t)
CASTS(INTEGER, i32, int32_t)
CASTS(INTEGER, i64, int64_t)
CASTS(BOOL, b, uint8_t)
CASTS(REAL, f64, double)

typedef void (*s_cast_t)(const void *source, void *target, size_t count);

enum { TYPES = 7 };

#define ROW(from)                                                                                  \
    {                                                                                              \
        s_##from##_f32, s_##from##_u8, s_##from##_i8, s_##from##_i32, s_##from##_i64,              \
            s_##from##_b, s_##from##_f64                                                           \
    }

static const s_cast_t s_casts[TYPES][TYPES] = {ROW(f32), ROW(u8), ROW(i8), ROW(i32),
                                               ROW(i64), ROW(b),  ROW(f64)};

static size_t s_column(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return 0;
    case TACIT_DTYPE_UINT8:
        return 1;
    case TACIT_DTYPE_INT8:
        return 2;
    case TACIT_DTYPE_INT32:
        return 3;
    case TACIT_DTYPE_INT64:
        return 4;
    case TACIT_DTYPE_BOOL:
        return 5;
    default:
        return 6;
    }
}

TACIT_KERNEL(cast)
{
    (void)parameters, (void)input_count, (void)output_count;
    s_casts[s_column(inputs[0].dtype)][s_column(outputs[0].dtype)](inputs[0].data, outputs[0].data,
                                                                   outputs[0].count);
    return NULL;
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* clang-format off */
TACIT_OPERATORS(cast) = {
    {"Cast", 6, 17, ANY, "T|k", 1, "to:i", 0, 0, I(same), K(cast), NULL},
    {"CastLike", 15, 17, ANY, "TU|U", 2, "", 0, 0, I(same), K(cast), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
