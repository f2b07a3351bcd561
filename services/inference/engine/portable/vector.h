/*  vector.h - the inner loops that the plain kernels are made of, built once per instruction set.

    vector_kernels.c is compiled for x86-64's baseline, for AVX2 with FMA, and for AVX-512; the best
    one that the processor has is chosen at start. No code is made at run time. Results of one
    instruction set are the same from run to run; those of two differ by rounding.

    Maps come in blocks of 16 channels: [batch, channels / 16, height, width, 16], the last block
    filled up. What is in the lanes beyond the last channel is never read as a channel.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_VECTOR_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TACIT_BLOCK = 16, TACIT_TILE_MAX = 14 };

/*  One row of outputs: pixels of a map, or rows of a matrix; several blocks of features. What is
    summed up is over `blocks` blocks of 16 channels, the first one from `first` on, the last of
    `last` ones, and a window.  */
typedef struct tacit_tile {
    const float *x;        /* of the first output's first channel, its window's first place */
    size_t x_pixel;        /* steps: to the next output.. */
    size_t x_channel;      /* ..to the next channel of the block.. */
    size_t x_block;        /* ..to the next block.. */
    size_t x_row, x_place; /* ..within the window */
    size_t blocks, first, last;
    size_t rows, places; /* of the window */
    size_t deep;         /* of its planes, those behind the first one; and the step to the next */
    size_t x_plane;
    const float *w;    /* [features / 16, blocks, planes, rows, places, 16 channels, 16 features] */
    const float *bias; /* [features], filled up to whole blocks; NULL: none */
    float *y;
    size_t y_pixel, y_block; /* steps: to the next output, to the next 16 features */
    size_t pixels;           /* outputs */
    size_t features;         /* in all: the last block may be partly there */
    bool dense;              /* y ends with the features: do not write beyond them */
    bool add;                /* to what y holds */
    float low, high;         /* bounds of the result */
} tacit_tile_t;

/*  A row of a depthwise convolution: one block of channels.  */
typedef struct tacit_depth {
    const float *x; /* the block's map */
    size_t width, height;
    size_t x_pixel; /* step to the next pixel */
    const float *w; /* [rows, places, 16] */
    const float *bias;
    float *y;             /* the row */
    size_t y_pixel;       /* step to the next pixel */
    size_t pixels;        /* of the row */
    ptrdiff_t top, left;  /* of the first output's window, in the input; may be outside */
    size_t rows, places;  /* of the window */
    size_t stride, apart; /* of outputs; of the window's columns and rows */
    bool add;
    float low, high;
} tacit_depth_t;

typedef enum tacit_curve {
    TACIT_CURVE_EXP,
    TACIT_CURVE_TANH,
    TACIT_CURVE_SIGMOID,
    TACIT_CURVE_ERF,
    TACIT_CURVE_GELU,       /* x (1 + erf(x / sqrt 2)) / 2 */
    TACIT_CURVE_GELU_TANH,  /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    TACIT_CURVE_ELU,        /* a (exp x - 1) below 0 */
    TACIT_CURVE_LEAKY,      /* a x below 0 */
    TACIT_CURVE_CLAMP,      /* within [a, b] */
    TACIT_CURVE_HARD_SWISH, /* x clamp(x / 6 + 1/2, 0, 1) */
    TACIT_CURVE_SWISH,      /* x sigmoid(x) */
    TACIT_CURVES
} tacit_curve_t;

/*  Rows of channels that are scaled and shifted, channel by channel, on their way into wider ones.
 */
typedef struct tacit_rows {
    const float *x, *scale, *shift;
    float low; /* bound of the results */
    float *y;
    size_t length; /* of a row, dense in x */
    size_t step;   /* from row to row in y */
    size_t count;
} tacit_rows_t;

/*  Places under a window: rows of them, both with their steps.  */
typedef struct tacit_places {
    size_t rows, row_step;
    size_t places, step;
} tacit_places_t;

/*  Winograd's transforms for windows of 3 x 3: tiles of 2 x 2 outputs, one block of channels, side
    by side in a row. Each tile has 16 vectors, `step` apart; those of two tiles are a block apart.

    Into: y = the transformed tile of 4 x 4 pixels. Out of: 2 x 2 pixels of it, and bounds.  */
typedef struct tacit_into {
    const float *x; /* of the first tile's first pixel: all of its 4 x 4 are there */
    size_t row;     /* steps to the next row of x.. */
    size_t pixel;   /* ..and to the next pixel */
    float *y;
    size_t step, tiles;
} tacit_into_t;

typedef struct tacit_out_of {
    const float *x;
    size_t step;
    const float *bias; /* NULL: none */
    float *y;
    size_t row, pixel;    /* steps to the next row and pixel of y */
    size_t rows, columns; /* of y that are there: rows 1 or 2 */
    bool add;             /* to what y holds */
    float low, high;
} tacit_out_of_t;

/*  Rows of a matrix in columns of 16: what lies in rows of `length`, one of them `step` behind the
    other, becomes [rows / 16, length filled up to 16s, 16 rows]. What fills up the rows is 0.  */
typedef struct tacit_columns {
    const float *x;
    size_t step, rows, length;
    float *y;
} tacit_columns_t;

/*  Rows in blocks of 16 numbers, [length / 16, pitch rows, 16], each number times `scale`.  */
typedef struct tacit_lines {
    const float *x;
    size_t step, apart; /* from row to row, from number to number */
    size_t rows, length;
    float scale;
    float *y;
    size_t pitch;
} tacit_lines_t;

/*  Scores [length / 16, rows, 16] that become weights: added to and chosen from before, where there
    is something to add or choose, with its steps from row to row and from column to column (0 or
    1). Each row ends up with a sum of 1.  */
typedef struct tacit_scores {
    float *x;
    size_t rows, length;
    const float *added; /* of the first row; NULL: nothing */
    size_t added_row, added_column;
    const uint8_t *chosen; /* which scores stay, as `kept` says; others are `instead`; NULL: all */
    size_t chosen_row, chosen_column;
    bool kept;
    float instead;
} tacit_scores_t;

typedef struct tacit_vector {
    const char *name;
    size_t blocks; /* of features, that a tile sums up together.. */
    size_t wide;   /* ..and where there are at most `narrow` outputs */
    size_t narrow;
    void (*convolve)(const tacit_tile_t *tile);
    void (*depthwise)(const tacit_depth_t *depth);
    void (*curve)(tacit_curve_t curve, float a, float b, const float *x, float *y, size_t count);
    void (*add)(const float *a, const float *b, float *y, size_t count);
    /* y = x scale + shift for each pixel of one block, then bounds.  */
    void (*affine)(const float *x, const float *scale, const float *shift, float low, float high,
                   float *y, size_t pixels);
    void (*affine_rows)(const tacit_rows_t *rows);
    void (*softmax)(const float *x, float *y, size_t rows, size_t length);
    /* Rows to mean 0 and variance 1, then scaled and shifted; bias may be NULL.  */
    void (*normalize)(const float *x, const float *scale, const float *bias, float epsilon,
                      float *y, size_t rows, size_t length);
    /* The largest, or the sum, of one block's pixels; steps are in pixels.  */
    void (*largest)(const float *x, const tacit_places_t *places, float *y);
    void (*sum)(const float *x, const tacit_places_t *places, float *y);
    void (*into)(const tacit_into_t *into);
    void (*out_of)(const tacit_out_of_t *out_of);
    void (*columns)(const tacit_columns_t *columns);
    void (*lines)(const tacit_lines_t *lines);
    void (*weigh)(const tacit_scores_t *scores);
} tacit_vector_t;

typedef enum tacit_isa {
    TACIT_ISA_BASELINE,
    TACIT_ISA_AVX2,
    TACIT_ISA_AVX512,
    TACIT_ISA_VNNI, /* AVX-512 as well; products of bytes have loops of their own */
    TACIT_ISAS
} tacit_isa_t;

/*  The chosen one, and its loops.  */
tacit_isa_t tacit_vector_isa(void);
const tacit_vector_t *tacit_vector(void);

/*  Choose another one from now on, for tests; false where the processor has it not.  */
bool tacit_vector_choose(tacit_isa_t isa);

extern const tacit_vector_t tacit_vector_baseline;
extern const tacit_vector_t tacit_vector_avx2;
extern const tacit_vector_t tacit_vector_avx512;

#endif
