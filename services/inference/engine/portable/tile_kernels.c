/*  tile_kernels.c - the tile (see vector.h), where the time goes: outputs x features sums stay in
    registers, while each step takes one vector of weights per 16 features and one number per
    output. Compiled once per instruction set.  */

#include "services/inference/engine/portable/tile_sizes.h"

enum { TILE_SUMS = TILE * BLOCKS * REGISTERS + TILE_WIDE * BLOCKS_WIDE * REGISTERS };

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
INLINE void s_finish_tile(const tacit_tile_t *tile, tacit_lanes_t *sums, float *y, size_t feature,
                          size_t pixels, size_t blocks)
{
    tacit_lanes_t low = tacit_all(tile->low);
    tacit_lanes_t high = tacit_all(tile->high);
    if (tile->dense && feature + (size_t)blocks * TACIT_BLOCK > tile->features) {
        float copy[TILE_SUMS * LANES];
#pragma GCC unroll 64
        for (size_t i = 0; i < pixels * blocks * REGISTERS; i++) {
            tacit_store(copy + i * LANES, sums[i]);
        }
        s_finish_part(tile, copy, y, feature, (size_t)pixels, (size_t)blocks * TACIT_BLOCK);
        return;
    }
    if (tile->add) {
#pragma GCC unroll 64
        for (size_t i = 0; i < pixels * blocks * REGISTERS; i++) {
            size_t b = i % (blocks * REGISTERS);
            sums[i] += tacit_load(y + (size_t)(i / (blocks * REGISTERS)) * tile->y_pixel +
                                  (size_t)(b / REGISTERS) * tile->y_block +
                                  (size_t)(b % REGISTERS) * LANES);
        }
    }
#pragma GCC unroll 64
    for (size_t i = 0; i < pixels * blocks * REGISTERS; i++) {
        size_t b = i % (blocks * REGISTERS);
        tacit_store(y + (size_t)(i / (blocks * REGISTERS)) * tile->y_pixel +
                        (size_t)(b / REGISTERS) * tile->y_block + (size_t)(b % REGISTERS) * LANES,
                    tacit_clamp(sums[i], low, high));
    }
}

/*  Where a place of the window is.  */
INLINE size_t s_place(const tacit_tile_t *tile, size_t place)
{
    size_t plane = 0;
    if (tile->deep > 0) {
        plane = place / (tile->rows * tile->places) * tile->x_plane;
        place %= tile->rows * tile->places;
    }
    return plane + place / tile->places * tile->x_row + place % tile->places * tile->x_place;
}

INLINE void s_tile(const tacit_tile_t *tile, const float *x, float *y, size_t feature,
                   size_t pixels, size_t blocks, size_t x_pixel, size_t x_channel)
{
    tacit_lanes_t sums[TILE_SUMS];
    size_t window = (tile->deep + 1) * tile->rows * tile->places;
    size_t block_size = tile->blocks * window * TACIT_BLOCK * TACIT_BLOCK;
    const float *w = tile->w + feature / TACIT_BLOCK * block_size;
#pragma GCC unroll 16
    for (size_t b = 0; b < blocks * REGISTERS; b++) {
        tacit_lanes_t bias =
            tile->bias != NULL ? tacit_load(tile->bias + feature + b * LANES) : tacit_all(0);
#pragma GCC unroll 16
        for (size_t p = 0; p < pixels; p++) {
            sums[p * blocks * REGISTERS + b] = bias;
        }
    }
    for (size_t block = 0; block < tile->blocks; block++) {
        size_t first = block > 0 ? 0 : tile->first;
        size_t channels = block + 1 < tile->blocks ? TACIT_BLOCK : tile->last;
        for (size_t place = 0; place < window; place++) {
            const float *from = x + block * tile->x_block + s_place(tile, place);
            const float *next = from + tile->x_block;
            w += first * TACIT_BLOCK;
            for (size_t c = first; c < channels; c++) {
                tacit_lanes_t weights[BLOCKS_WIDE * REGISTERS];
#pragma GCC unroll 8
                for (size_t b = 0; b < blocks * REGISTERS; b++) {
                    weights[b] = tacit_load(w + (size_t)(b / REGISTERS) * block_size +
                                            (size_t)(b % REGISTERS) * LANES);
                }
                /* Of few outputs the others would be beyond the map, and to look for a page that is
                   not there takes long.  */
                if (x_pixel >= TACIT_BLOCK && 2 * pixels >= TILE) {
                    __builtin_prefetch(next + c * x_pixel);
                }
#pragma GCC unroll 16
                for (size_t p = 0; p < pixels; p++) {
                    tacit_lanes_t item = tacit_all(from[p * x_pixel + c * x_channel]);
#pragma GCC unroll 8
                    for (size_t b = 0; b < blocks * REGISTERS; b++) {
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
TILES(far_one, 1, (size_t)2 * TACIT_BLOCK, 1)
TILES(far_two, BLOCKS, (size_t)2 * TACIT_BLOCK, 1)
TILES(any_one, 1, tile->x_pixel, tile->x_channel)
TILES(any_two, BLOCKS, tile->x_pixel, tile->x_channel)
TILES_WIDE(any_wide, tile->x_pixel, tile->x_channel)

typedef struct s_choice {
    size_t x_pixel, x_channel; /* 0: any */
    s_tiles_t one, two, wide;
} s_choice_t;

static const s_choice_t s_choices[] = {
    {TACIT_BLOCK, 1, s_near_one, s_near_two, s_near_wide},
    {(size_t)2 * TACIT_BLOCK, 1, s_far_one, s_far_two, s_any_wide},
    {0, 0, s_any_one, s_any_two, s_any_wide},
};

void TACIT_OF_ISA(tacit_convolve)(const tacit_tile_t *tile)
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
