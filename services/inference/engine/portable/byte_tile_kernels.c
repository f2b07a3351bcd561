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

/* NOLINTBEGIN(clang-analyzer-core.*): what the analyzer misses is set where loops unroll */
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
    for (size_t i = 0; i < POINTERS; i++) {
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
/* NOLINTEND(clang-analyzer-core.*) */

/*  One vector of sums goes where it belongs.  */
static void s_put(const tacit_byte_tile_t *tile, tacit_sums_t sums, size_t pixel, size_t feature)
{
    size_t room = tile->features - feature;
    size_t at = pixel * tile->y_pixel + feature;
    if (tile->finish == TACIT_BYTE_BYTES) {
        tacit_ends_t ends = tacit_ends(tile->grid);
        tacit_put_bytes((uint8_t *)tile->y + at,
                        tacit_numbers(sums, tacit_load(tile->scales + feature), &ends), room);
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

/*  All of a part's sums, as they are in memory.  */
static __attribute__((noinline)) void s_finish(const tacit_byte_tile_t *tile, const s_part_t *part,
                                               const tacit_sums_t *sums, size_t pixels,
                                               size_t blocks)
{
    for (size_t p = 0; p < pixels; p++) {
        for (size_t b = 0; b < blocks * REGISTERS; b++, sums++) {
            size_t feature = part->feature + b * LANES;
            if (feature < tile->features) {
                s_put(tile, *sums, part->pixel + p, feature);
            }
        }
    }
}

#if defined(TACIT_NARROWS)

/*  16 bytes of some feature's block.  */
INLINE void s_store(const tacit_byte_tile_t *tile, const s_part_t *part, __m128i bytes,
                    size_t pixel, size_t block, bool whole)
{
    size_t feature = part->feature + block * TACIT_BLOCK;
    uint8_t *to = (uint8_t *)tile->y + (part->pixel + pixel) * tile->y_pixel + feature;
    size_t room = tile->features - feature;
    if (whole || room >= TACIT_BLOCK) {
        _mm_storeu_si128((__m128i_u *)(void *)to, bytes);
        return;
    }
#if defined(__AVX512BW__)
    _mm_mask_storeu_epi8(to, (__mmask16)((1U << room) - 1), bytes);
#else
    memcpy(to, &bytes, room);
#endif
}

/*  All of a part's sums become bytes while they are in registers.  */
INLINE void s_narrow(const tacit_byte_tile_t *tile, const s_part_t *part, const tacit_sums_t *sums,
                     size_t pixels, size_t blocks)
{
    tacit_narrow_t narrow = tacit_narrow_for(tile->grid);
    size_t vectors = blocks * REGISTERS;
    bool whole = tile->features - part->feature >= blocks * TACIT_BLOCK;
    tacit_lanes_t scales[BLOCKS_WIDE * REGISTERS];
#pragma GCC unroll 4
    for (size_t b = 0; b < vectors; b++) {
        scales[b] = tacit_load(tile->scales + part->feature + b * LANES);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < pixels * vectors; i += TACIT_CHUNKS) {
        tacit_sums_t four[TACIT_CHUNKS];
        tacit_lanes_t of[TACIT_CHUNKS];
#pragma GCC unroll 4
        for (size_t k = 0; k < TACIT_CHUNKS; k++) {
            size_t at = i + k < pixels * vectors ? i + k : i;
            four[k] = sums[at];
            of[k] = scales[at % vectors];
        }
        tacit_register_t bytes = tacit_in_order(tacit_narrow(four, of, &narrow));
#pragma GCC unroll 4
        for (size_t k = 0; k < TACIT_CHUNKS / REGISTERS; k++) {
            size_t at = i / REGISTERS + k;
            if (at < pixels * blocks) {
                s_store(tile, part, tacit_part(bytes, k), at / blocks, at % blocks, whole);
            }
        }
    }
}

#endif

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
#if defined(TACIT_NARROWS)
    if (tile->finish == TACIT_BYTE_BYTES) {
        s_narrow(tile, part, sums, pixels, blocks);
        return;
    }
#endif
    tacit_sums_t copy[SUMS];
#pragma GCC unroll 64
    for (size_t i = 0; i < pixels * blocks * REGISTERS; i++) {
        copy[i] = sums[i];
    }
    s_finish(tile, part, copy, pixels, blocks);
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

/*  All features of some outputs. As many outputs in each part, as near as they divide.  */
static void s_run_some(const tacit_byte_tile_t *tile, size_t first, size_t pixels)
{
    size_t parts = (pixels + TILE - 1) / TILE;
    size_t blocks = tacit_byte_blocks(tile->features);
    bool narrow = BLOCKS_WIDE > BLOCKS && pixels <= TILE_WIDE;
    for (size_t block = 0; block < blocks;) {
        size_t left = blocks - block;
        size_t count = narrow && left >= BLOCKS_WIDE ? BLOCKS_WIDE : left >= BLOCKS ? BLOCKS : 1;
        for (size_t i = 0; i < parts; i++) {
            size_t at = first + i * pixels / parts;
            size_t each = first + (i + 1) * pixels / parts - at;
            s_part_t part = {tile->x + at * tile->x_pixel, at, block * TACIT_BLOCK};
            if (count > BLOCKS) {
                s_wide(tile, &part, each);
            } else if (count == BLOCKS) {
                s_some(tile, &part, each);
            } else {
                s_one(tile, &part, each);
            }
        }
        block += count;
    }
}

/*  Outputs that stay in the nearest cache together with what they are made of, unless weights are
    many: those are to come by once only.  */
enum { NEAREST = 24 * 1024, WEIGHTS_MANY = 256 * 1024 };

static void s_run(const tacit_byte_tile_t *tile)
{
    size_t bytes = tile->x_pixel + tile->features * (tile->finish == TACIT_BYTE_BYTES ? 1 : 4);
    size_t tiles = NEAREST / TILE / bytes;
    size_t most = (tiles > 0 ? tiles : 1) * TILE;
    if (tacit_byte_blocks(tile->features) * s_block_size(tile) > WEIGHTS_MANY) {
        most = tile->pixels;
    }
    for (size_t at = 0; at < tile->pixels; at += most) {
        s_run_some(tile, at, tile->pixels - at < most ? tile->pixels - at : most);
    }
}

#define TEXT2(a) #a
#define TEXT(a)  TEXT2(a)

const tacit_bytes_t TACIT_OF_ISA(tacit_bytes) = {
    .name = TEXT(TACIT_ISA_NAME),
    .tile = s_run,
    .depthwise = TACIT_OF_ISA(tacit_depthwise_bytes),
};
