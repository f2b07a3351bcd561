/*  row_kernels.c - plain loops over rows for the compiler to vectorise: curves, sums, softmax,
    normalizations of rows. Compiled once per instruction set.  */

#include "services/inference/engine/portable/exponential.h"

#include <math.h>
#include <string.h>

/* --- curves ----------------------------------------------------------------------------------- */

INLINE float s_tanh(float given)
{
    const float most = 7.90531110763549805F;
    float x = given < -most ? -most : given;
    x = x > most ? most : x;
    float z = x * x;
    float p = -2.76076847742355e-16F;
    p = p * z + 2.00018790482477e-13F;
    p = p * z - 8.60467152213735e-11F;
    p = p * z + 5.12229709037114e-08F;
    p = p * z + 1.48572235717979e-05F;
    p = p * z + 6.37261928875436e-04F;
    p = p * z + 4.89352455891786e-03F;
    float q = 1.19825839466702e-06F;
    q = q * z + 1.18534705686654e-04F;
    q = q * z + 2.26843463243900e-03F;
    q = q * z + 4.89352518554385e-03F;
    return x * p / q;
}

INLINE float s_erf(float given)
{
    float x = given < -4.0F ? -4.0F : given;
    x = x > 4.0F ? 4.0F : x;
    float z = x * x;
    float p = -2.72614225801306e-10F;
    p = p * z + 2.77068142495902e-08F;
    p = p * z - 2.10102402082508e-06F;
    p = p * z - 5.69250639462346e-05F;
    p = p * z - 7.34990630326855e-04F;
    p = p * z - 2.95459980854025e-03F;
    p = p * z - 1.60960333262415e-02F;
    float q = -1.45660718464996e-05F;
    q = q * z - 2.13374055278905e-04F;
    q = q * z - 1.68282697438203e-03F;
    q = q * z - 7.37332916720468e-03F;
    q = q * z - 1.42647390514189e-02F;
    return x * p / q;
}

INLINE float s_bounded(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

#define EACH(name, expression)                                                                     \
    static void s_each_##name(float a, float b, const float *from, float *to, size_t count)        \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        for (size_t i = 0; i < count; i++) {                                                       \
            float x = from[i];                                                                     \
            to[i] = (expression);                                                                  \
        }                                                                                          \
    }

EACH(exp, tacit_exp(x))
EACH(tanh, s_tanh(x))
EACH(sigmoid, 1.0F / (1.0F + tacit_exp(-x)))
EACH(erf, s_erf(x))
EACH(gelu, 0.5F * x * (1.0F + s_erf(x * 0.707106781186547524F)))
EACH(gelu_tanh, 0.5F * x * (1.0F + s_tanh(x * (0.797884560802865F + 0.0356774081363001F * x * x))))
EACH(elu, x < 0 ? a * (tacit_exp(x) - 1.0F) : x)
EACH(leaky, x < 0 ? x * a : x)
EACH(clamp, s_bounded(x, a, b))
EACH(hard_swish, x *s_bounded(x *(1.0F / 6.0F) + 0.5F, 0.0F, 1.0F))
EACH(swish, x / (1.0F + tacit_exp(-x)))

typedef void (*s_each_t)(float a, float b, const float *from, float *to, size_t count);

void TACIT_OF_ISA(tacit_curve)(tacit_curve_t curve, float a, float b, const float *x, float *y,
                               size_t count)
{
    static const s_each_t all[TACIT_CURVES] = {
        [TACIT_CURVE_EXP] = s_each_exp,         [TACIT_CURVE_TANH] = s_each_tanh,
        [TACIT_CURVE_SIGMOID] = s_each_sigmoid, [TACIT_CURVE_ERF] = s_each_erf,
        [TACIT_CURVE_GELU] = s_each_gelu,       [TACIT_CURVE_GELU_TANH] = s_each_gelu_tanh,
        [TACIT_CURVE_ELU] = s_each_elu,         [TACIT_CURVE_LEAKY] = s_each_leaky,
        [TACIT_CURVE_CLAMP] = s_each_clamp,     [TACIT_CURVE_HARD_SWISH] = s_each_hard_swish,
        [TACIT_CURVE_SWISH] = s_each_swish,
    };
    all[curve](a, b, x, y, count);
}

/* --- rows ------------------------------------------------------------------------------------- */

void TACIT_OF_ISA(tacit_add)(const float *a, const float *b, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
}

/*  Block by block, so that scale and shift stay in registers.  */
void TACIT_OF_ISA(tacit_affine_rows)(const tacit_rows_t *rows)
{
    size_t at = 0;
    for (; at + TACIT_BLOCK <= rows->length; at += TACIT_BLOCK) {
        const float *scale = rows->scale + at;
        const float *shift = rows->shift + at;
        for (size_t i = 0; i < rows->count; i++) {
            const float *x = rows->x + i * rows->length + at;
            float *y = rows->y + i * rows->step + at;
            for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
                float result = x[lane] * scale[lane] + shift[lane];
                y[lane] = result < rows->low ? rows->low : result;
            }
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        for (size_t c = at; c < rows->length; c++) {
            float result = rows->x[i * rows->length + c] * rows->scale[c] + rows->shift[c];
            rows->y[i * rows->step + c] = result < rows->low ? rows->low : result;
        }
    }
}

INLINE float s_total(const float lanes[TACIT_BLOCK])
{
    float total = 0;
    for (size_t i = 0; i < TACIT_BLOCK; i++) {
        total += lanes[i];
    }
    return total;
}

static float s_row_largest(const float *x, size_t length)
{
    float lanes[TACIT_BLOCK];
    for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
        lanes[lane] = -INFINITY;
    }
    size_t i = 0;
    for (; i + TACIT_BLOCK <= length; i += TACIT_BLOCK) {
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
        }
    }
    float largest = -INFINITY;
    for (; i < length; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
        largest = lanes[lane] > largest ? lanes[lane] : largest;
    }
    return largest;
}

void TACIT_OF_ISA(tacit_softmax)(const float *x, float *y, size_t rows, size_t length)
{
    for (size_t row = 0; row < rows; row++, x += length, y += length) {
        float largest = s_row_largest(x, length);
        float lanes[TACIT_BLOCK] = {0};
        size_t i = 0;
        for (; i + TACIT_BLOCK <= length; i += TACIT_BLOCK) {
            for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
                float item = tacit_exp(x[i + lane] - largest);
                y[i + lane] = item;
                lanes[lane] += item;
            }
        }
        float sum = 0;
        for (; i < length; i++) {
            y[i] = tacit_exp(x[i] - largest);
            sum += y[i];
        }
        float factor = 1.0F / (sum + s_total(lanes));
        for (i = 0; i < length; i++) {
            y[i] *= factor;
        }
    }
}

static float s_row_sum(const float *x, size_t length)
{
    float lanes[TACIT_BLOCK] = {0};
    size_t i = 0;
    for (; i + TACIT_BLOCK <= length; i += TACIT_BLOCK) {
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            lanes[lane] += x[i + lane];
        }
    }
    float sum = s_total(lanes);
    for (; i < length; i++) {
        sum += x[i];
    }
    return sum;
}

static float s_row_squares(const float *x, float mean, size_t length)
{
    float lanes[TACIT_BLOCK] = {0};
    size_t i = 0;
    for (; i + TACIT_BLOCK <= length; i += TACIT_BLOCK) {
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            lanes[lane] += (x[i + lane] - mean) * (x[i + lane] - mean);
        }
    }
    float sum = s_total(lanes);
    for (; i < length; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return sum;
}

void TACIT_OF_ISA(tacit_normalize)(const float *x, const float *scale, const float *bias,
                                   float epsilon, float *y, size_t rows, size_t length)
{
    for (size_t row = 0; row < rows; row++, x += length, y += length) {
        float mean = s_row_sum(x, length) / (float)length;
        float variance = s_row_squares(x, mean, length) / (float)length;
        float factor = 1.0F / sqrtf(variance + epsilon);
        if (bias != NULL) {
            for (size_t i = 0; i < length; i++) {
                y[i] = (x[i] - mean) * factor * scale[i] + bias[i];
            }
            continue;
        }
        for (size_t i = 0; i < length; i++) {
            y[i] = (x[i] - mean) * factor * scale[i];
        }
    }
}
