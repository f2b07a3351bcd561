/*  vector_kernels.c - the inner loops; compiled once per instruction set (see vector.h), which sets
    TACIT_ISA_NAME and TACIT_LANES, the floats of a register.

    The tile is where the time goes: outputs x features sums stay in registers, while each step
    takes one vector of weights per 16 features and one number per output. Everything else is plain
    loops for the compiler to vectorise; sums run in 16 lanes, which makes their order, and so the
    result, the same for all instruction sets but for fused multiplication.  */

#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <string.h>
#ifdef __SSE__
#include <immintrin.h>
#endif

#if TACIT_LANES == 16
enum { TILE = 14, BLOCKS = 2, BLOCKS_WIDE = 4, TILE_WIDE = 7 };
#elif TACIT_LANES == 8
enum { TILE = 6, BLOCKS = 1, BLOCKS_WIDE = 2, TILE_WIDE = 2 };
#else
enum { TILE = 3, BLOCKS = 1, BLOCKS_WIDE = 1, TILE_WIDE = 3 };
#endif

enum { LANES = TACIT_LANES, REGISTERS = TACIT_BLOCK / TACIT_LANES };
enum { TILE_SUMS = TILE * BLOCKS * REGISTERS + TILE_WIDE * BLOCKS_WIDE * REGISTERS };

typedef float s_vector_t __attribute__((vector_size(sizeof(float) * LANES)));
typedef float s_loose_t __attribute__((vector_size(sizeof(float) * LANES), may_alias, aligned(4)));
typedef int32_t s_mask_t __attribute__((vector_size(sizeof(float) * LANES)));

#define INLINE static inline __attribute__((always_inline))

/*  The number in every lane.  */
INLINE s_vector_t s_all(float number)
{
    return number - (s_vector_t){0};
}

INLINE s_vector_t s_load(const float *from)
{
    return *(const s_loose_t *)from;
}

INLINE void s_store(float *to, s_vector_t vector)
{
    *(s_loose_t *)to = vector;
}

/*  NaN stays NaN: the processor's instructions give the second operand then.  */
INLINE s_vector_t s_clamp(s_vector_t x, s_vector_t low, s_vector_t high)
{
#if TACIT_LANES == 16
    return _mm512_min_ps(high, _mm512_max_ps(low, x));
#elif TACIT_LANES == 8
    return _mm256_min_ps(high, _mm256_max_ps(low, x));
#elif defined(__SSE__)
    return _mm_min_ps(high, _mm_max_ps(low, x));
#else
    s_mask_t below = x < low;
    x = (s_vector_t)(((s_mask_t)low & below) | ((s_mask_t)x & ~below));
    s_mask_t above = x > high;
    return (s_vector_t)(((s_mask_t)high & above) | ((s_mask_t)x & ~above));
#endif
}

/* --- the tile --------------------------------------------------------------------------------- */

/*  Sums that do not fill their last block, row by row.  */
static void s_finish_part(const tacit_tile_t *tile, float *sums, float *y, size_t feature,
                          size_t pixels, size_t width)
{
    size_t room = tile->features - feature < width ? tile->features - feature : width;
    for (size_t p = 0; p < pixels; p++) {
        for (size_t i = 0; i < room; i++) {
            float *to = y + p * tile->y_pixel + i / TACIT_BLOCK * tile->y_block + i % TACIT_BLOCK;
            float sum = sums[p * width + i] + (tile->add ? *to : 0.0F);
            sum = sum < tile->low ? tile->low : sum;
            *to = sum > tile->high ? tile->high : sum;
        }
    }
}

/*  `pixels` and `blocks` are constants where this is used, so that the sums stay in registers.  */
INLINE void s_finish_tile(const tacit_tile_t *tile, s_vector_t *sums, float *y, size_t feature,
                          int pixels, int blocks)
{
    s_vector_t low = s_all(tile->low);
    s_vector_t high = s_all(tile->high);
    if (tile->dense && feature + (size_t)blocks * TACIT_BLOCK > tile->features) {
        float copy[TILE_SUMS * LANES];
#pragma GCC unroll 64
        for (int i = 0; i < pixels * blocks * REGISTERS; i++) {
            s_store(copy + i * LANES, sums[i]);
        }
        s_finish_part(tile, copy, y, feature, (size_t)pixels, (size_t)blocks * TACIT_BLOCK);
        return;
    }
    if (tile->add) {
#pragma GCC unroll 64
        for (int i = 0; i < pixels * blocks * REGISTERS; i++) {
            int b = i % (blocks * REGISTERS);
            sums[i] +=
                s_load(y + (size_t)(i / (blocks * REGISTERS)) * tile->y_pixel +
                       (size_t)(b / REGISTERS) * tile->y_block + (size_t)(b % REGISTERS) * LANES);
        }
    }
#pragma GCC unroll 64
    for (int i = 0; i < pixels * blocks * REGISTERS; i++) {
        int b = i % (blocks * REGISTERS);
        s_store(y + (size_t)(i / (blocks * REGISTERS)) * tile->y_pixel +
                    (size_t)(b / REGISTERS) * tile->y_block + (size_t)(b % REGISTERS) * LANES,
                s_clamp(sums[i], low, high));
    }
}

INLINE void s_tile(const tacit_tile_t *tile, const float *x, float *y, size_t feature, int pixels,
                   int blocks, size_t x_pixel, size_t x_channel)
{
    s_vector_t sums[TILE_SUMS];
    size_t block_size = tile->blocks * tile->rows * tile->places * TACIT_BLOCK * TACIT_BLOCK;
    const float *w = tile->w + feature / TACIT_BLOCK * block_size;
#pragma GCC unroll 16
    for (int b = 0; b < blocks * REGISTERS; b++) {
        s_vector_t bias =
            tile->bias != NULL ? s_load(tile->bias + feature + (size_t)b * LANES) : s_all(0);
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++) {
            sums[p * blocks * REGISTERS + b] = bias;
        }
    }
    for (size_t block = 0; block < tile->blocks; block++) {
        size_t channels = block + 1 < tile->blocks ? TACIT_BLOCK : tile->last;
        for (size_t place = 0; place < tile->rows * tile->places; place++) {
            const float *from = x + block * tile->x_block + place / tile->places * tile->x_row +
                                place % tile->places * tile->x_place;
            const float *next = from + tile->x_block;
            for (size_t c = 0; c < channels; c++) {
                s_vector_t weights[BLOCKS_WIDE * REGISTERS];
#pragma GCC unroll 8
                for (int b = 0; b < blocks * REGISTERS; b++) {
                    weights[b] = s_load(w + (size_t)(b / REGISTERS) * block_size +
                                        (size_t)(b % REGISTERS) * LANES);
                }
                if (x_pixel >= TACIT_BLOCK) {
                    __builtin_prefetch(next + c * x_pixel);
                }
#pragma GCC unroll 16
                for (int p = 0; p < pixels; p++) {
                    s_vector_t item = s_all(from[(size_t)p * x_pixel + c * x_channel]);
#pragma GCC unroll 8
                    for (int b = 0; b < blocks * REGISTERS; b++) {
                        sums[p * blocks * REGISTERS + b] += item * weights[b];
                    }
                }
                w += TACIT_BLOCK;
            }
            w += (TACIT_BLOCK - channels) * TACIT_BLOCK;
        }
    }
    s_finish_tile(tile, sums, y, feature, pixels, blocks);
}

/*  Each number of outputs has code of its own, for the steps that matter.  */
#define CASE(n, most, blocks, x_pixel, x_channel)                                                  \
    case n:                                                                                        \
        if ((n) <= (most)) {                                                                       \
            s_tile(tile, x, y, feature, n, blocks, x_pixel, x_channel);                            \
        }                                                                                          \
        break;

#define TILES(name, blocks, x_pixel, x_channel)                                                    \
    static void s_##name(const tacit_tile_t *tile, const float *x, float *y, size_t feature,       \
                         size_t pixels)                                                            \
    {                                                                                              \
        switch (pixels) {                                                                          \
            CASE(1, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(2, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(3, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(4, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(5, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(6, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(7, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(8, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(9, TILE, blocks, x_pixel, x_channel)                                              \
            CASE(10, TILE, blocks, x_pixel, x_channel)                                             \
            CASE(11, TILE, blocks, x_pixel, x_channel)                                             \
            CASE(12, TILE, blocks, x_pixel, x_channel)                                             \
            CASE(13, TILE, blocks, x_pixel, x_channel)                                             \
            CASE(14, TILE, blocks, x_pixel, x_channel)                                             \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
    }

#define TILES_WIDE(name, x_pixel, x_channel)                                                       \
    static void s_##name(const tacit_tile_t *tile, const float *x, float *y, size_t feature,       \
                         size_t pixels)                                                            \
    {                                                                                              \
        switch (pixels) {                                                                          \
            CASE(1, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(2, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(3, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(4, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(5, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(6, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
            CASE(7, TILE_WIDE, BLOCKS_WIDE, x_pixel, x_channel)                                    \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
    }

typedef void (*s_tiles_t)(const tacit_tile_t *tile, const float *x, float *y, size_t feature,
                          size_t pixels);

TILES(near_one, 1, TACIT_BLOCK, 1)
TILES(near_two, BLOCKS, TACIT_BLOCK, 1)
TILES_WIDE(near_wide, TACIT_BLOCK, 1)
TILES(panel_one, 1, 1, TACIT_TILE_MAX)
TILES(panel_two, BLOCKS, 1, TACIT_TILE_MAX)
TILES_WIDE(panel_wide, 1, TACIT_TILE_MAX)
TILES(far_one, 1, 2 * TACIT_BLOCK, 1)
TILES(far_two, BLOCKS, 2 * TACIT_BLOCK, 1)
TILES(any_one, 1, tile->x_pixel, tile->x_channel)
TILES(any_two, BLOCKS, tile->x_pixel, tile->x_channel)
TILES_WIDE(any_wide, tile->x_pixel, tile->x_channel)

typedef struct s_choice {
    size_t x_pixel, x_channel; /* 0: any */
    s_tiles_t one, two, wide;
} s_choice_t;

static const s_choice_t s_choices[] = {
    {TACIT_BLOCK, 1, s_near_one, s_near_two, s_near_wide},
    {1, TACIT_TILE_MAX, s_panel_one, s_panel_two, s_panel_wide},
    {2 * TACIT_BLOCK, 1, s_far_one, s_far_two, s_any_wide},
    {0, 0, s_any_one, s_any_two, s_any_wide},
};

static void s_convolve(const tacit_tile_t *tile)
{
    const s_choice_t *choice = s_choices;
    while (choice->x_pixel != 0 &&
           (choice->x_pixel != tile->x_pixel || choice->x_channel != tile->x_channel)) {
        choice++;
    }
    /* As many outputs in each tile, as near as they divide.  */
    size_t tiles = (tile->pixels + TILE - 1) / TILE;
    size_t blocks = (tile->features + TACIT_BLOCK - 1) / TACIT_BLOCK;
    bool narrow = BLOCKS_WIDE > BLOCKS && (tile->pixels + tiles - 1) / tiles <= TILE_WIDE;
    for (size_t block = 0; block < blocks;) {
        size_t left = blocks - block;
        bool wide = narrow && left >= BLOCKS_WIDE;
        bool two = left >= BLOCKS;
        s_tiles_t run = wide ? choice->wide : two ? choice->two : choice->one;
        for (size_t i = 0, at = 0; i < tiles; i++) {
            size_t end = (i + 1) * tile->pixels / tiles;
            run(tile, tile->x + at * tile->x_pixel,
                tile->y + at * tile->y_pixel + block * tile->y_block, block * TACIT_BLOCK,
                end - at);
            at = end;
        }
        block += wide ? BLOCKS_WIDE : two ? BLOCKS : 1;
    }
}

/* --- depthwise -------------------------------------------------------------------------------- */

INLINE void s_finish_depth(const tacit_depth_t *depth, const s_vector_t *sums, float *y, int pixels)
{
    s_vector_t low = s_all(depth->low);
    s_vector_t high = s_all(depth->high);
    for (int i = 0; i < pixels * REGISTERS; i++) {
        float *to = y + (size_t)(i / REGISTERS) * depth->y_pixel + i % REGISTERS * LANES;
        s_vector_t sum = depth->add ? sums[i] + s_load(to) : sums[i];
        s_store(to, s_clamp(sum, low, high));
    }
}

/*  Outputs [at, at + pixels), windows' rows [from, to) and places [left, right) of them.  */
INLINE void s_depth_tile(const tacit_depth_t *depth, size_t at, int pixels, size_t from, size_t to,
                         size_t left, size_t right, size_t stride, size_t x_pixel)
{
    enum { MOST = 8 };
    s_vector_t sums[MOST * REGISTERS];
    for (int i = 0; i < pixels * REGISTERS; i++) {
        sums[i] = depth->bias != NULL ? s_load(depth->bias + i % REGISTERS * LANES) : s_all(0);
    }
    ptrdiff_t column = depth->left + (ptrdiff_t)(at * stride);
    for (size_t row = from; row < to; row++) {
        ptrdiff_t line = depth->top + (ptrdiff_t)(row * depth->apart);
        const float *x = depth->x + (line * (ptrdiff_t)depth->width + column) * (ptrdiff_t)x_pixel;
#pragma GCC unroll 3
        for (size_t place = left; place < right; place++) {
            const float *w = depth->w + (row * depth->places + place) * TACIT_BLOCK;
            const float *items = x + place * depth->apart * x_pixel;
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++) {
#pragma GCC unroll 4
                for (int r = 0; r < REGISTERS; r++) {
                    sums[p * REGISTERS + r] +=
                        s_load(items + (size_t)p * stride * x_pixel + r * LANES) *
                        s_load(w + r * LANES);
                }
            }
        }
    }
    s_finish_depth(depth, sums, depth->y + at * depth->y_pixel, pixels);
}

/*  The first and last places [ret_from, ret_to) of a window at `start` that lie in [0, size).  */
INLINE void s_inside(ptrdiff_t start, size_t places, size_t apart, size_t size, size_t *ret_from,
                     size_t *ret_to)
{
    size_t from = 0;
    size_t to = places;
    while (from < to && start + (ptrdiff_t)(from * apart) < 0) {
        from++;
    }
    while (to > from && start + (ptrdiff_t)((to - 1) * apart) >= (ptrdiff_t)size) {
        to--;
    }
    *ret_from = from;
    *ret_to = to;
}

/*  How many outputs from `at` on have their whole windows in the row.  */
INLINE size_t s_depth_inside(const tacit_depth_t *depth, size_t at, size_t stride)
{
    ptrdiff_t column = depth->left + (ptrdiff_t)(at * stride);
    ptrdiff_t room =
        (ptrdiff_t)depth->width - 1 - column - (ptrdiff_t)((depth->places - 1) * depth->apart);
    size_t fit = column < 0 || room < 0 ? 0 : (size_t)room / stride + 1;
    return fit < depth->pixels - at ? fit : depth->pixels - at;
}

#define DEPTH_STEP(n)                                                                              \
    for (; inside >= (n); at += (n), inside -= (n)) {                                              \
        s_depth_tile(depth, at, n, from, to, 0, places, stride, x_pixel);                          \
    }

/*  Eight at once, then what is left; one by one where the windows reach beyond the row.  */
INLINE void s_depth_row(const tacit_depth_t *depth, size_t from, size_t to, size_t stride,
                        size_t x_pixel, size_t places)
{
    for (size_t at = 0; at < depth->pixels;) {
        size_t inside = s_depth_inside(depth, at, stride);
        if (inside == 0) {
            size_t left = 0;
            size_t right = 0;
            s_inside(depth->left + (ptrdiff_t)(at * stride), places, depth->apart, depth->width,
                     &left, &right);
            s_depth_tile(depth, at, 1, from, to, left, right, stride, x_pixel);
            at++;
        }
        if (LANES == 16) { /* of four lanes the sums would not stay in registers */
            DEPTH_STEP(8)
        }
        DEPTH_STEP(4)
        DEPTH_STEP(2)
        DEPTH_STEP(1)
    }
}

INLINE void s_depth_rows(const tacit_depth_t *depth, size_t from, size_t to, size_t stride,
                         size_t x_pixel)
{
    if (depth->places == 3) {
        s_depth_row(depth, from, to, stride, x_pixel, 3);
    } else {
        s_depth_row(depth, from, to, stride, x_pixel, depth->places);
    }
}

static void s_depthwise(const tacit_depth_t *depth)
{
    size_t from = 0;
    size_t to = 0;
    s_inside(depth->top, depth->rows, depth->apart, depth->height, &from, &to);
    if (depth->x_pixel != TACIT_BLOCK) {
        s_depth_rows(depth, from, to, depth->stride, depth->x_pixel);
    } else if (depth->stride == 1) {
        s_depth_rows(depth, from, to, 1, TACIT_BLOCK);
    } else if (depth->stride == 2) {
        s_depth_rows(depth, from, to, 2, TACIT_BLOCK);
    } else {
        s_depth_rows(depth, from, to, depth->stride, TACIT_BLOCK);
    }
}

/* --- curves ----------------------------------------------------------------------------------- */

INLINE float s_power(int32_t exponent)
{
    int32_t bits = (exponent + 127) * (1 << 23);
    float power;
    memcpy(&power, &bits, sizeof(power));
    return power;
}

/*  2^n e^r with r in [-ln 2 / 2, ln 2 / 2]; the power in two factors, as it may be out of range. */
INLINE float s_exp(float x)
{
    const float magic = 12582912.0F; /* 1.5 2^23: adding it rounds */
    x = x < -104.0F ? -104.0F : x;
    x = x > 89.0F ? 89.0F : x;
    float shifted = x * 1.44269504088896341F + magic;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof(bits));
    int32_t n = (int32_t)((uint32_t)bits - 0x4b400000U);
    float whole = shifted - magic;
    float r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    int32_t half = n >> 1;
    float result = p * s_power(half) * s_power(n - half);
    return x != x ? x : result;
}

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

EACH(exp, s_exp(x))
EACH(tanh, s_tanh(x))
EACH(sigmoid, 1.0F / (1.0F + s_exp(-x)))
EACH(erf, s_erf(x))
EACH(gelu, 0.5F * x * (1.0F + s_erf(x * 0.707106781186547524F)))
EACH(elu, x < 0 ? a * (s_exp(x) - 1.0F) : x)
EACH(leaky, x < 0 ? x * a : x)
EACH(clamp, s_bounded(x, a, b))
EACH(hard_swish, x *s_bounded(x *(1.0F / 6.0F) + 0.5F, 0.0F, 1.0F))
EACH(swish, x / (1.0F + s_exp(-x)))

typedef void (*s_each_t)(float a, float b, const float *from, float *to, size_t count);

static void s_curve(tacit_curve_t curve, float a, float b, const float *x, float *y, size_t count)
{
    static const s_each_t all[TACIT_CURVES] = {
        [TACIT_CURVE_EXP] = s_each_exp,
        [TACIT_CURVE_TANH] = s_each_tanh,
        [TACIT_CURVE_SIGMOID] = s_each_sigmoid,
        [TACIT_CURVE_ERF] = s_each_erf,
        [TACIT_CURVE_GELU] = s_each_gelu,
        [TACIT_CURVE_ELU] = s_each_elu,
        [TACIT_CURVE_LEAKY] = s_each_leaky,
        [TACIT_CURVE_CLAMP] = s_each_clamp,
        [TACIT_CURVE_HARD_SWISH] = s_each_hard_swish,
        [TACIT_CURVE_SWISH] = s_each_swish,
    };
    all[curve](a, b, x, y, count);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void s_add(const float *a, const float *b, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = a[i] + b[i];
    }
}

static void s_affine(const float *x, const float *scale, const float *shift, float low, float high,
                     float *y, size_t pixels)
{
    for (size_t i = 0; i < pixels * TACIT_BLOCK; i += TACIT_BLOCK) {
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            y[i + lane] = s_bounded(x[i + lane] * scale[lane] + shift[lane], low, high);
        }
    }
}

/*  Block by block, so that scale and shift stay in registers.  */
static void s_affine_rows(const tacit_rows_t *rows)
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

static void s_softmax(const float *x, float *y, size_t rows, size_t length)
{
    for (size_t row = 0; row < rows; row++, x += length, y += length) {
        float largest = s_row_largest(x, length);
        float lanes[TACIT_BLOCK] = {0};
        size_t i = 0;
        for (; i + TACIT_BLOCK <= length; i += TACIT_BLOCK) {
            for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
                float item = s_exp(x[i + lane] - largest);
                y[i + lane] = item;
                lanes[lane] += item;
            }
        }
        float sum = 0;
        for (; i < length; i++) {
            y[i] = s_exp(x[i] - largest);
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

static void s_normalize(const float *x, const float *scale, const float *bias, float epsilon,
                        float *y, size_t rows, size_t length)
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

/* --- pools ------------------------------------------------------------------------------------ */

INLINE s_vector_t s_larger(s_vector_t a, s_vector_t b)
{
    s_mask_t keep = (b <= a) | (a != a);
    return (s_vector_t)(((s_mask_t)a & keep) | ((s_mask_t)b & ~keep));
}

static void s_largest(const float *x, const tacit_places_t *places, float *y)
{
    for (size_t r = 0; r < REGISTERS; r++) {
        s_vector_t largest = s_all(-INFINITY);
        for (size_t i = 0; i < places->rows; i++) {
            const float *row = x + i * places->row_step * TACIT_BLOCK + r * LANES;
            for (size_t k = 0; k < places->places; k++) {
                largest = s_larger(largest, s_load(row + k * places->step * TACIT_BLOCK));
            }
        }
        s_store(y + r * LANES, largest);
    }
}

static void s_sum(const float *x, const tacit_places_t *places, float *y)
{
    for (size_t r = 0; r < REGISTERS; r++) {
        s_vector_t sum = s_all(0);
        for (size_t i = 0; i < places->rows; i++) {
            const float *row = x + i * places->row_step * TACIT_BLOCK + r * LANES;
            for (size_t k = 0; k < places->places; k++) {
                sum += s_load(row + k * places->step * TACIT_BLOCK);
            }
        }
        s_store(y + r * LANES, sum);
    }
}

/* --- Winograd's transforms -------------------------------------------------------------------- */

enum { TILE_SIDE = 4, TILE_ITEMS = 16 };

/*  Both ways work on four vectors `apart` from each other: rows first, then columns.  */
INLINE void s_differ(s_vector_t *at, int apart)
{
    s_vector_t second = at[apart];
    s_vector_t third = at[2 * apart];
    at[0] -= third;
    at[apart] = second + third;
    at[2 * apart] = third - second;
    at[3 * apart] = second - at[3 * apart];
}

INLINE void s_gather(s_vector_t *at, int apart)
{
    s_vector_t second = at[apart];
    s_vector_t third = at[2 * apart];
    at[0] += second + third;
    at[apart] = second - third - at[3 * apart];
}

static void s_into(const tacit_into_t *into)
{
    for (size_t n = 0; n < into->tiles * REGISTERS; n++) {
        size_t lane = n % REGISTERS * LANES;
        const float *x = into->x + n / REGISTERS * 2 * TACIT_BLOCK + lane;
        float *y = into->y + n / REGISTERS * TACIT_BLOCK + lane;
        s_vector_t items[TILE_ITEMS];
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            items[i] = s_load(x + i / TILE_SIDE * into->row + i % TILE_SIDE * TACIT_BLOCK);
        }
#pragma GCC unroll 4
        for (int i = 0; i < TILE_SIDE; i++) {
            s_differ(items + i, TILE_SIDE);
        }
#pragma GCC unroll 4
        for (int i = 0; i < TILE_SIDE; i++) {
            s_differ(items + (ptrdiff_t)i * TILE_SIDE, 1);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            s_store(y + i * into->step, items[i]);
        }
    }
}

/*  One register of a tile: its pixels that are there.  */
INLINE void s_put_tile(const tacit_out_of_t *out, const s_vector_t *items, float *y, size_t columns)
{
    for (size_t i = 0; i < out->rows; i++) {
        for (size_t k = 0; k < columns; k++) {
            float *to = y + i * out->row + k * TACIT_BLOCK;
            s_vector_t sum = items[i * TILE_SIDE + k];
            sum = out->add ? sum + s_load(to) : sum;
            s_store(to, s_clamp(sum, s_all(out->low), s_all(out->high)));
        }
    }
}

static void s_out_of(const tacit_out_of_t *out)
{
    size_t tiles = (out->columns + 1) / 2;
    for (size_t n = 0; n < tiles * REGISTERS; n++) {
        size_t lane = n % REGISTERS * LANES;
        size_t tile = n / REGISTERS;
        const float *x = out->x + tile * TACIT_BLOCK + lane;
        s_vector_t bias = out->bias != NULL ? s_load(out->bias + lane) : s_all(0);
        s_vector_t items[TILE_ITEMS];
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            items[i] = s_load(x + i * out->step);
        }
#pragma GCC unroll 4
        for (int i = 0; i < TILE_SIDE; i++) {
            s_gather(items + i, TILE_SIDE);
        }
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            s_gather(items + (ptrdiff_t)i * TILE_SIDE, 1);
            items[i * TILE_SIDE] += bias;
            items[i * TILE_SIDE + 1] += bias;
        }
        size_t left = out->columns - 2 * tile;
        s_put_tile(out, items, out->y + tile * 2 * TACIT_BLOCK + lane, left < 2 ? left : 2);
    }
}

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define TEXT2(a)    #a
#define TEXT(a)     TEXT2(a)

const tacit_vector_t JOIN(tacit_vector_, TACIT_ISA_NAME) = {
    .name = TEXT(TACIT_ISA_NAME),
    .blocks = BLOCKS,
    .wide = BLOCKS_WIDE,
    .narrow = TILE_WIDE,
    .convolve = s_convolve,
    .depthwise = s_depthwise,
    .curve = s_curve,
    .add = s_add,
    .affine = s_affine,
    .affine_rows = s_affine_rows,
    .softmax = s_softmax,
    .normalize = s_normalize,
    .largest = s_largest,
    .sum = s_sum,
    .into = s_into,
    .out_of = s_out_of,
};
