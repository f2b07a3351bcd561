/*  byte_tile.h - products of bytes, built once per instruction set (as vector.h): rows of bytes
    times packed weights, summed up exactly in 32 bits that wrap around, and finished on the way
   out.

    A row is what an output sees: runs of bytes, one after the other or apart. A product of matrices
    has rows of one run; a convolution of maps whose channels lie side by side has one run per row
    of its window. Bytes of x are unsigned, weights are int8 around 0: who has int8 in x turns its
    highest bit over, and whoever has zero points puts what they make of the weights' sums into what
    the sums start with.

    Weights lie [features / 16][runs][depth / 4][16][4], what is missing being 0, and behind them
    each feature's sum (int32). They are the same for all instruction sets, and so is every result.
 */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_TILE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_TILE_H

#include "services/inference/engine/portable/integer.h"
#include "services/inference/engine/portable/vector.h"

enum { TACIT_BYTE_GROUP = 4 }; /* bytes that are multiplied and summed up together */

/* --- weights ---------------------------------------------------------------------------------- */

/*  Weights of `features` sums, and where they are in what came (steps in bytes). Of a product:
    rows = places = 1. joined: the places of a row, channels and all, make one run.  */
typedef struct tacit_byte_weights {
    size_t features;
    size_t rows, places, channels;
    size_t feature, row, place, channel; /* steps */
    bool joined;
    bool flip; /* they are uint8, and become int8 with 128 less: a zero point of 128 becomes 0 */
} tacit_byte_weights_t;

/*  Bytes that packed weights take; fill (tacit_fill_t: given is a tacit_byte_weights_t, the target
    is zeroed); and the sums in them, one per feature, filled up to whole blocks.  */
size_t tacit_byte_weights_size(const tacit_byte_weights_t *weights);
void tacit_byte_weights_pack(const void *given, const void *source, void *ret_packed);
const int32_t *tacit_byte_weights_sums(const tacit_byte_weights_t *weights, const void *packed);

/*  Several parts side by side (groups of a convolution): each begins with a block of its own.  */
size_t tacit_byte_blocks(size_t features);

/* --- the tile --------------------------------------------------------------------------------- */

typedef enum tacit_byte_finish {
    TACIT_BYTE_SUMS,  /* y: int32 */
    TACIT_BYTE_BYTES, /* y: bytes, sums times scales on the grid's zero point */
    TACIT_BYTE_REALS, /* y: float32, sums times scales plus shifts, within bounds */
} tacit_byte_finish_t;

/*  Some outputs and all features. Vectors over features are filled up to whole blocks of 16.  */
typedef struct tacit_byte_tile {
    const uint8_t *x;      /* the first output's first run */
    size_t x_pixel;        /* steps in bytes: to the next output.. */
    size_t x_row, x_place; /* ..to the next run: `rows` times `places` of them */
    size_t rows, places;
    size_t depth;    /* bytes of a run; at least 4, or up to 3 more are read */
    const int8_t *w; /* packed: of the first feature's block */
    size_t pixels;   /* outputs */
    size_t features;
    const int32_t *start; /* what sums begin with: bias, and what zero points make */
    tacit_byte_finish_t finish;
    const float *scales; /* BYTES, REALS */
    const float *shifts; /* REALS */
    float low, high;     /* REALS */
    tacit_grid_t grid;   /* BYTES: zero point and sign; its scale is not used */
    void *y;
    size_t y_pixel; /* step to the next output, in elements */
} tacit_byte_tile_t;

struct tacit_byte_depth;

typedef struct tacit_bytes {
    const char *name;
    void (*tile)(const tacit_byte_tile_t *tile);
    void (*depthwise)(const struct tacit_byte_depth *depth); /* byte_depth.h */
} tacit_bytes_t;

/*  Those of the instruction set that vector.h chose.  */
const tacit_bytes_t *tacit_bytes(void);

extern const tacit_bytes_t tacit_bytes_baseline;
extern const tacit_bytes_t tacit_bytes_avx2;
extern const tacit_bytes_t tacit_bytes_avx512;
extern const tacit_bytes_t tacit_bytes_vnni;

#endif
