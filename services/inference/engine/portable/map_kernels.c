/*  map_kernels.c - loops over maps in blocks of 16 channels, channel by channel: depthwise
    convolutions, normalizations, pools, Winograd's transforms. Compiled once per instruction set.
 */

#include "services/inference/engine/portable/lanes.h"

#include <math.h>

/* --- depthwise -------------------------------------------------------------------------------- */

INLINE void s_finish_depth(const tacit_depth_t *depth, const tacit_lanes_t *sums, float *y,
                           size_t pixels)
{
    tacit_lanes_t low = tacit_all(depth->low);
    tacit_lanes_t high = tacit_all(depth->high);
    for (size_t i = 0; i < pixels * REGISTERS; i++) {
        float *to = y + i / REGISTERS * depth->y_pixel + i % REGISTERS * LANES;
        tacit_lanes_t sum = depth->add ? sums[i] + tacit_load(to) : sums[i];
        tacit_store(to, tacit_clamp(sum, low, high));
    }
}

/*  Outputs [at, at + pixels), windows' rows [from, to) and places [left, right) of them.  */
INLINE void s_depth_tile(const tacit_depth_t *depth, size_t at, size_t pixels, size_t from,
                         size_t to, size_t left, size_t right, size_t stride, size_t x_pixel)
{
    enum { MOST = 8 };
    tacit_lanes_t sums[MOST * REGISTERS];
    for (size_t i = 0; i < pixels * REGISTERS; i++) {
        sums[i] =
            depth->bias != NULL ? tacit_load(depth->bias + i % REGISTERS * LANES) : tacit_all(0);
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
            for (size_t p = 0; p < pixels; p++) {
#pragma GCC unroll 4
                for (size_t r = 0; r < REGISTERS; r++) {
                    sums[p * REGISTERS + r] +=
                        tacit_load(items + p * stride * x_pixel + r * LANES) *
                        tacit_load(w + r * LANES);
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

void TACIT_OF_ISA(tacit_depthwise)(const tacit_depth_t *depth)
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

/* --- normalizations --------------------------------------------------------------------------- */

void TACIT_OF_ISA(tacit_affine)(const float *x, const float *scale, const float *shift, float low,
                                float high, float *y, size_t pixels)
{
    for (size_t i = 0; i < pixels * REGISTERS; i++) {
        size_t lane = i % REGISTERS * LANES;
        tacit_lanes_t item = tacit_load(x + i * LANES) * tacit_load(scale + lane);
        item += tacit_load(shift + lane);
        tacit_store(y + i * LANES, tacit_clamp(item, tacit_all(low), tacit_all(high)));
    }
}

/* --- pools ------------------------------------------------------------------------------------ */

INLINE tacit_lanes_t s_larger(tacit_lanes_t a, tacit_lanes_t b)
{
    tacit_mask_t keep = (b <= a) | (a != a);
    return (tacit_lanes_t)(((tacit_mask_t)a & keep) | ((tacit_mask_t)b & ~keep));
}

void TACIT_OF_ISA(tacit_largest)(const float *x, const tacit_places_t *places, float *y)
{
    for (size_t r = 0; r < REGISTERS; r++) {
        tacit_lanes_t largest = tacit_all(-INFINITY);
        for (size_t i = 0; i < places->rows; i++) {
            const float *row = x + i * places->row_step * TACIT_BLOCK + r * LANES;
            for (size_t k = 0; k < places->places; k++) {
                largest = s_larger(largest, tacit_load(row + k * places->step * TACIT_BLOCK));
            }
        }
        tacit_store(y + r * LANES, largest);
    }
}

void TACIT_OF_ISA(tacit_sum)(const float *x, const tacit_places_t *places, float *y)
{
    for (size_t r = 0; r < REGISTERS; r++) {
        tacit_lanes_t sum = tacit_all(0);
        for (size_t i = 0; i < places->rows; i++) {
            const float *row = x + i * places->row_step * TACIT_BLOCK + r * LANES;
            for (size_t k = 0; k < places->places; k++) {
                sum += tacit_load(row + k * places->step * TACIT_BLOCK);
            }
        }
        tacit_store(y + r * LANES, sum);
    }
}

/* --- Winograd's transforms -------------------------------------------------------------------- */

enum { TILE_SIDE = 4, TILE_ITEMS = 16 };

/*  Both ways work on four vectors `apart` from each other: rows first, then columns.  */
INLINE void s_differ(tacit_lanes_t *at, size_t apart)
{
    tacit_lanes_t second = at[apart];
    tacit_lanes_t third = at[2 * apart];
    at[0] -= third;
    at[apart] = second + third;
    at[2 * apart] = third - second;
    at[3 * apart] = second - at[3 * apart];
}

INLINE void s_gather(tacit_lanes_t *at, size_t apart)
{
    tacit_lanes_t second = at[apart];
    tacit_lanes_t third = at[2 * apart];
    at[0] += second + third;
    at[apart] = second - third - at[3 * apart];
}

void TACIT_OF_ISA(tacit_into)(const tacit_into_t *into)
{
    for (size_t n = 0; n < into->tiles * REGISTERS; n++) {
        size_t lane = n % REGISTERS * LANES;
        const float *x = into->x + n / REGISTERS * 2 * into->pixel + lane;
        float *y = into->y + n / REGISTERS * TACIT_BLOCK + lane;
        tacit_lanes_t items[TILE_ITEMS];
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            items[i] = tacit_load(x + i / TILE_SIDE * into->row + i % TILE_SIDE * into->pixel);
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < TILE_SIDE; i++) {
            s_differ(items + i, TILE_SIDE);
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < TILE_SIDE; i++) {
            s_differ(items + i * TILE_SIDE, 1);
        }
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            tacit_store(y + i * into->step, items[i]);
        }
    }
}

/*  One register of a tile: its pixels that are there.  */
INLINE void s_put_tile(const tacit_out_of_t *out, const tacit_lanes_t *items, float *y,
                       size_t columns)
{
    for (size_t i = 0; i < out->rows; i++) {
        for (size_t k = 0; k < columns; k++) {
            float *to = y + i * out->row + k * out->pixel;
            tacit_lanes_t sum = items[i * TILE_SIDE + k];
            sum = out->add ? sum + tacit_load(to) : sum;
            tacit_store(to, tacit_clamp(sum, tacit_all(out->low), tacit_all(out->high)));
        }
    }
}

void TACIT_OF_ISA(tacit_out_of)(const tacit_out_of_t *out)
{
    size_t tiles = (out->columns + 1) / 2;
    for (size_t n = 0; n < tiles * REGISTERS; n++) {
        size_t lane = n % REGISTERS * LANES;
        size_t tile = n / REGISTERS;
        const float *x = out->x + tile * TACIT_BLOCK + lane;
        tacit_lanes_t bias = out->bias != NULL ? tacit_load(out->bias + lane) : tacit_all(0);
        tacit_lanes_t items[TILE_ITEMS];
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_ITEMS; i++) {
            items[i] = tacit_load(x + i * out->step);
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < TILE_SIDE; i++) {
            s_gather(items + i, TILE_SIDE);
        }
#pragma GCC unroll 2
        for (size_t i = 0; i < 2; i++) {
            s_gather(items + i * TILE_SIDE, 1);
            items[i * TILE_SIDE] += bias;
            items[i * TILE_SIDE + 1] += bias;
        }
        size_t left = out->columns - 2 * tile;
        s_put_tile(out, items, out->y + tile * 2 * out->pixel + lane, left < 2 ? left : 2);
    }
}
