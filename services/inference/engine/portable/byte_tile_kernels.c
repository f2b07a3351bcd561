/*  byte_tile_kernels.c - the tile of products of bytes (see byte_tile.h): outputs x features sums
    stay in registers, while each step takes four bytes of each output and of each feature.
    Compiled once per instruction set, with sums that wrap around and without fused
    multiplication.  */

#include "services/inference/engine/portable/byte_lanes.h"

/*  Outputs and blocks of features that a tile holds; and where there are few outputs.  */
#if defined(__AVX512VNNI__)
enum { TILE = 14, BLOCKS = 2, BLOCKS_WIDE = 4, TILE_WIDE = 4 };
#elif TACIT_LANES == 16
enum { TILE = 8, BLOCKS = 2, BLOCKS_WIDE = 2, TILE_WIDE = 8 };
#elif TACIT_LANES == 8
enum { TILE = 4, BLOCKS = 1, BLOCKS_WIDE = 1, TILE_WIDE = 4 };
#else
enum { TILE = 2, BLOCKS = 1, BLOCKS_WIDE = 1, TILE_WIDE = 2 };
#endif

enum {
    SUMS = TILE * BLOCKS * REGISTERS + TILE_WIDE * BLOCKS_WIDE * REGISTERS,
    STEP = TACIT_BLOCK * TACIT_BYTE_GROUP, /* bytes of a block's weights for one group */
    NEAR = 3,                              /* outputs that are reached from one pointer */
    POINTERS = (TILE + NEAR - 1) / NEAR
};

/*  A part of the tile's work.  */
typedef struct s_part {
    const uint8_t *x;
    size_t pixel, feature; /* first ones */
} s_part_t;

INLINE size_t s_groups(const tacit_byte_tile_t *tile)
{
    return (tile->depth + TACIT_BYTE_GROUP - 1) / TACIT_BYTE_GROUP;
}

/*  Bytes of a block's weights.  */
INLINE size_t s_block_size(const tacit_byte_tile_t *tile)
{
    return tile->rows * tile->places * s_groups(tile) * STEP;
}

/*  One group of each output. `pixels` and `blocks` are constants where this is used, so that the
    sums stay in registers.  */
INLINE void s_add_group(tacit_sums_t *sums, const uint8_t *const *from, size_t step,
                        const int8_t *w, size_t block_size, size_t pixels, size_t blocks)
{
    tacit_weights_t weights[BLOCKS_WIDE * REGISTERS];
#pragma GCC unroll 8
    for (size_t b = 0; b < blocks * REGISTERS; b++) {
        weights[b] = tacit_weights(tacit_load_groups(w + b / REGISTERS * block_size +
                                                     b % REGISTERS * LANES * TACIT_BYTE_GROUP));
    }
#pragma GCC unroll 16
    for (size_t p = 0; p < pixels; p++) {
        tacit_items_t items = tacit_items(tacit_all_groups(from[p / NEAR] + p % NEAR * step));
#pragma GCC unroll 8
        for (size_t b = 0; b < blocks * REGISTERS; b++) {
            sums[p * blocks * REGISTERS + b] =
                tacit_dot(sums[p * blocks * REGISTERS + b], items, weights[b]);
        }
    }
}

/*  One run of each output.  */
INLINE void s_add_run(const tacit_byte_tile_t *tile, tacit_sums_t *sums, const uint8_t *x,
                      const int8_t *w, size_t pixels, size_t blocks)
{
    const uint8_t *from[POINTERS];
    size_t block_size = s_block_size(tile);
    size_t step = tile->x_pixel;
    size_t groups = s_groups(tile);
#pragma GCC unroll 8
    for (size_t i = 0; i < (pixels + NEAR - 1) / NEAR; i++) {
        from[i] = x + i * NEAR * step;
    }
    for (size_t g = 1; g < groups; g++, w += STEP) {
        s_add_group(sums, from, step, w, block_size, pixels, blocks);
#pragma GCC unroll 8
        for (size_t i = 0; i < (pixels + NEAR - 1) / NEAR; i++) {
            from[i] += TACIT_BYTE_GROUP;
        }
    }
    size_t rest = tile->depth % TACIT_BYTE_GROUP;
    size_t back = groups > 1 && rest > 0 ? TACIT_BYTE_GROUP - rest : 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < (pixels + NEAR - 1) / NEAR; i++) {
        from[i] -= back;
    }
    s_add_group(sums, from, step, w, block_size, pixels, blocks);
}

/*  One vector of sums goes where it belongs.  */
INLINE void s_put(const tacit_byte_tile_t *tile, tacit_sums_t sums, size_t pixel, size_t feature,
                  const tacit_ends_t *ends)
{
    size_t room = tile->features - feature;
    size_t at = pixel * tile->y_pixel + feature;
    if (tile->finish == TACIT_BYTE_BYTES) {
        tacit_put_bytes((uint8_t *)tile->y + at,
                        tacit_numbers(sums, tacit_load(tile->scales + feature), ends), room);
        return;
    }
    if (tile->finish == TACIT_BYTE_REALS) {
        tacit_lanes_t reals =
            __builtin_convertvector(sums, tacit_lanes_t) * tacit_load(tile->scales + feature) +
            tacit_load(tile->shifts + feature);
        sums = (tacit_sums_t)tacit_clamp(reals, tacit_all(tile->low), tacit_all(tile->high));
    }
    int32_t *y = (int32_t *)tile->y + at; /* or floats */
    if (room >= LANES) {
        *(tacit_loose_sums_t *)y = sums;
        return;
    }
    for (size_t i = 0; i < room; i++) {
        y[i] = sums[i];
    }
}

INLINE void s_tile(const tacit_byte_tile_t *tile, const s_part_t *part, size_t pixels,
                   size_t blocks)
{
    tacit_sums_t sums[SUMS];
    size_t feature = part->feature;
    const int8_t *w = tile->w + feature / TACIT_BLOCK * s_block_size(tile);
    size_t size = s_groups(tile) * STEP;
#pragma GCC unroll 16
    for (size_t b = 0; b < blocks * REGISTERS; b++) {
        tacit_sums_t start = tacit_load_sums(tile->start + feature + b * LANES);
#pragma GCC unroll 16
        for (size_t p = 0; p < pixels; p++) {
            sums[p * blocks * REGISTERS + b] = start;
        }
    }
    for (size_t row = 0; row < tile->rows; row++) {
        const uint8_t *x = part->x + row * tile->x_row;
        for (size_t place = 0; place < tile->places; place++, x += tile->x_place, w += size) {
            s_add_run(tile, sums, x, w, pixels, blocks);
        }
    }
    tacit_ends_t ends = tacit_ends(tile->grid);
#pragma GCC unroll 64
    for (size_t i = 0; i < pixels * blocks * REGISTERS; i++) {
        size_t at = feature + i % (blocks * REGISTERS) * LANES;
        if (at < tile->features) {
            s_put(tile, sums[i], part->pixel + i / (blocks * REGISTERS), at, &ends);
        }
    }
}

/*  Each number of outputs has code of its own.  */
#define CASE(n, most, blocks)                                                                      \
    case n:                                                                                        \
        if ((n) <= (most)) {                                                                       \
            s_tile(tile, part, n, blocks);                                                         \
        }                                                                                          \
        break;

#define TILES(name, most, blocks)                                                                  \
    static void s_##name(const tacit_byte_tile_t *tile, const s_part_t *part, size_t pixels)       \
    {                                                                                              \
        switch (pixels) {                                                                          \
            CASE(1, most, blocks)                                                                  \
            CASE(2, most, blocks)                                                                  \
            CASE(3, most, blocks)                                                                  \
            CASE(4, most, blocks)                                                                  \
            CASE(5, most, blocks)                                                                  \
            CASE(6, most, blocks)                                                                  \
            CASE(7, most, blocks)                                                                  \
            CASE(8, most, blocks)                                                                  \
            CASE(9, most, blocks)                                                                  \
            CASE(10, most, blocks)                                                                 \
            CASE(11, most, blocks)                                                                 \
            CASE(12, most, blocks)                                                                 \
            CASE(13, most, blocks)                                                                 \
            CASE(14, most, blocks)                                                                 \
        default:                                                                                   \
            break;                                                                                 \
        }                                                                                          \
    }

TILES(one, TILE, 1)
TILES(some, TILE, BLOCKS)
TILES(wide, TILE_WIDE, BLOCKS_WIDE)

static void s_run(const tacit_byte_tile_t *tile)
{
    /* As many outputs in each part, as near as they divide.  */
    size_t parts = (tile->pixels + TILE - 1) / TILE;
    size_t blocks = (tile->features + TACIT_BLOCK - 1) / TACIT_BLOCK;
    bool narrow = BLOCKS_WIDE > BLOCKS && tile->pixels <= TILE_WIDE;
    for (size_t block = 0; block < blocks;) {
        size_t left = blocks - block;
        size_t count = narrow && left >= BLOCKS_WIDE ? BLOCKS_WIDE : left >= BLOCKS ? BLOCKS : 1;
        for (size_t i = 0; i < parts; i++) {
            size_t at = i * tile->pixels / parts;
            size_t pixels = (i + 1) * tile->pixels / parts - at;
            s_part_t part = {tile->x + at * tile->x_pixel, at, block * TACIT_BLOCK};
            if (count > BLOCKS) {
                s_wide(tile, &part, pixels);
            } else if (count == BLOCKS) {
                s_some(tile, &part, pixels);
            } else {
                s_one(tile, &part, pixels);
            }
        }
        block += count;
    }
}

#define TEXT2(a) #a
#define TEXT(a)  TEXT2(a)

const tacit_bytes_t TACIT_OF_ISA(tacit_bytes) = {
    .name = TEXT(TACIT_ISA_NAME),
    .tile = s_run,
};
