/*  byte_depth.h - convolutions of bytes where each channel has a filter of its own, built once per
    instruction set (as vector.h). Sums and results are those of byte_tile.h.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_DEPTH_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_BYTE_DEPTH_H

#include "services/inference/engine/portable/byte_tile.h"

/*  Channels of a block; rows and places of a window, and columns that it may stretch over.  */
enum {
    TACIT_DEPTH_BLOCK = 64,
    TACIT_DEPTH_ROWS_MAX = 8,
    TACIT_DEPTH_PLACES_MAX = 9,
    TACIT_DEPTH_SPAN_MAX = 64
};

/*  Rows of outputs of one block of channels, that lie side by side in x and y.  */
typedef struct tacit_byte_depth {
    const uint8_t *x; /* the map, at the block's first channel */
    size_t height, width;
    size_t x_pixel;       /* step from pixel to pixel */
    size_t channels;      /* of the block */
    uint8_t around;       /* what is around the map */
    uint8_t flip;         /* bits that are turned over in x, and around it */
    const int8_t *w;      /* packed: of the block */
    const int32_t *start; /* filled up to a whole block, as scales are */
    const float *scales;
    tacit_grid_t grid;
    bool sums; /* they are the result: y is int32 */
    void *y;   /* of the first row */
    size_t y_pixel;
    size_t first, count;            /* rows of outputs */
    size_t pixels;                  /* of each */
    size_t rows, places;            /* of the window */
    ptrdiff_t top, left;            /* of the first one of all windows, in the map */
    size_t down, right;             /* from output to output.. */
    size_t apart_down, apart_right; /* ..and within the window */
} tacit_byte_depth_t;

/*  Weights [channels, rows, places] packed: [block][places][rows / 4][64][4], then their sums.  */
typedef struct tacit_byte_filters {
    size_t channels, rows, places;
    bool flip; /* as tacit_byte_weights_t has it */
} tacit_byte_filters_t;

size_t tacit_byte_filters_block(const tacit_byte_filters_t *filters); /* bytes of a block */
size_t tacit_byte_filters_size(const tacit_byte_filters_t *filters);
void tacit_byte_filters_pack(const void *given, const void *source, void *ret_packed);
const int32_t *tacit_byte_filters_sums(const tacit_byte_filters_t *filters, const void *packed);

#endif
