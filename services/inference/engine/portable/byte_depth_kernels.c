/*  byte_depth_kernels.c - depthwise convolutions of bytes (see byte_depth.h). Compiled once per
    instruction set, with sums that wrap around and without fused multiplication.

    A column of the window's rows is interleaved, four rows at a time, so that each channel has the
    bytes that are summed up together; the windows side by side share these columns. Interleaving
    goes on within 16 bytes, so the channels of vectors are in an order of their own: vector j has
    four of each 16, from 4 j on. Narrowing undoes that.  */

#include "services/inference/engine/portable/byte_depth.h"
#include "services/inference/engine/portable/byte_lanes.h"

enum {
    GROUPS_MAX = TACIT_DEPTH_ROWS_MAX / TACIT_BYTE_GROUP,
    CHUNK = 16,                  /* bytes within which things are interleaved */
    PIXELS = LANES == 16 ? 4 : 2 /* outputs whose sums are in registers */
};

/*  Four vectors: all channels of one column, or whatever belongs to them.  */
typedef struct s_four {
    tacit_sums_t at[TACIT_CHUNKS];
} s_four_t;

/*  The work on as many channels as a register has bytes.  */
typedef struct s_work {
    const tacit_byte_depth_t *depth;
    const uint8_t *x;
    uint8_t *y;
    size_t size;   /* of an element of y */
    size_t room;   /* channels */
    size_t groups; /* of rows */
    tacit_bytes_vector_t around, flip;
    s_four_t w[TACIT_DEPTH_PLACES_MAX * GROUPS_MAX];
    s_four_t start, scales;
    s_four_t columns[TACIT_DEPTH_SPAN_MAX * GROUPS_MAX];
} s_work_t;

/*  What lies in the order of channels, four bytes for each, in the order of the vectors.  */
INLINE s_four_t s_spread(const void *from)
{
    s_four_t four;
    for (size_t j = 0; j < TACIT_CHUNKS; j++) {
        for (size_t i = 0; i < TACIT_BYTES / CHUNK; i++) {
            memcpy((uint8_t *)&four.at[j] + i * CHUNK,
                   (const uint8_t *)from + (i * TACIT_CHUNKS + j) * CHUNK, CHUNK);
        }
    }
    return four;
}

INLINE tacit_bytes_vector_t s_load(const uint8_t *from, size_t room)
{
    tacit_bytes_vector_t bytes = {0};
    if (room >= TACIT_BYTES) {
        memcpy(&bytes, from, TACIT_BYTES);
        return bytes;
    }
#if defined(__AVX512BW__)
    return (tacit_bytes_vector_t)_mm512_maskz_loadu_epi8(((__mmask64)1 << room) - 1, from);
#else
    memcpy(&bytes, from, room);
    return bytes;
#endif
}

/*  Within each 16 bytes (or 8 pairs): those of the lower half, or of the upper one, by turns.  */
INLINE tacit_bytes_vector_t s_mix(tacit_bytes_vector_t a, tacit_bytes_vector_t b, size_t width,
                                  size_t half)
{
    tacit_bytes_vector_t order;
    for (size_t i = 0; i < TACIT_BYTES; i++) {
        size_t item = i % CHUNK / width; /* of the mixed 16 bytes */
        size_t from = i / CHUNK * CHUNK + half * CHUNK / 2 + item / 2 * width + i % width;
        order[i] = (uint8_t)(from + item % 2 * TACIT_BYTES);
    }
#if defined(__clang__)
    tacit_bytes_vector_t mixed;
    for (size_t i = 0; i < TACIT_BYTES; i++) {
        mixed[i] = order[i] < TACIT_BYTES ? a[order[i]] : b[order[i] - TACIT_BYTES];
    }
    return mixed;
#else
    return __builtin_shuffle(a, b, order);
#endif
}

INLINE s_four_t s_interleave(const tacit_bytes_vector_t *rows)
{
    tacit_bytes_vector_t low = s_mix(rows[0], rows[1], 1, 0);
    tacit_bytes_vector_t high = s_mix(rows[0], rows[1], 1, 1);
    tacit_bytes_vector_t low2 = s_mix(rows[2], rows[3], 1, 0);
    tacit_bytes_vector_t high2 = s_mix(rows[2], rows[3], 1, 1);
    return (s_four_t){{(tacit_sums_t)s_mix(low, low2, 2, 0), (tacit_sums_t)s_mix(low, low2, 2, 1),
                       (tacit_sums_t)s_mix(high, high2, 2, 0),
                       (tacit_sums_t)s_mix(high, high2, 2, 1)}};
}

/*  Columns from `first` on, of the rows of the map that the output's row sees.  */
INLINE void s_columns(s_work_t *work, ptrdiff_t top, ptrdiff_t first, size_t count, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    for (size_t g = 0; g < work->groups; g++) {
        const uint8_t *rows[TACIT_BYTE_GROUP];
        for (size_t i = 0; i < TACIT_BYTE_GROUP; i++) {
            size_t row = g * TACIT_BYTE_GROUP + i;
            ptrdiff_t at = top + (ptrdiff_t)(row * depth->apart_down);
            bool there = row < depth->rows && at >= 0 && at < (ptrdiff_t)depth->height;
            rows[i] = there ? work->x + (size_t)at * depth->width * depth->x_pixel : NULL;
        }
        for (size_t c = 0; c < count; c++) {
            ptrdiff_t at = first + (ptrdiff_t)c;
            bool there = at >= 0 && at < (ptrdiff_t)depth->width;
            tacit_bytes_vector_t bytes[TACIT_BYTE_GROUP];
#pragma GCC unroll 4
            for (size_t i = 0; i < TACIT_BYTE_GROUP; i++) {
                bytes[i] = work->around;
                if (there && rows[i] != NULL) {
                    bytes[i] = s_load(rows[i] + (size_t)at * depth->x_pixel, room) ^ work->flip;
                }
            }
            work->columns[c * work->groups + g] = s_interleave(bytes);
        }
    }
}

/*  Sums of one pixel become elements.  */
INLINE void s_put(const s_work_t *work, const tacit_sums_t *sums, uint8_t *y, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    uint8_t bytes[TACIT_BYTES * sizeof(int32_t)];
    tacit_lanes_t scales[TACIT_CHUNKS];
#pragma GCC unroll 4
    for (size_t j = 0; j < TACIT_CHUNKS; j++) {
        scales[j] = (tacit_lanes_t)work->scales.at[j];
    }
#if defined(__AVX512BW__)
    if (!depth->sums) {
        tacit_narrow_t narrow = tacit_narrow_for(depth->grid);
        __m512i line = tacit_narrow(sums, scales, &narrow);
        if (room >= TACIT_BYTES) {
            _mm512_storeu_si512((__m512i_u *)(void *)y, line);
        } else {
            _mm512_mask_storeu_epi8(y, ((__mmask64)1 << room) - 1, line);
        }
        return;
    }
#endif
    tacit_ends_t ends = tacit_ends(depth->grid);
    for (size_t j = 0; j < TACIT_CHUNKS; j++) {
        tacit_sums_t numbers = depth->sums ? sums[j] : tacit_numbers(sums[j], scales[j], &ends);
        for (size_t i = 0; i < LANES; i++) {
            size_t channel = i / 4 * CHUNK + j * 4 + i % 4;
            int32_t number = numbers[i];
            uint8_t byte = (uint8_t)number;
            memcpy(bytes + channel * work->size, depth->sums ? (void *)&number : (void *)&byte,
                   work->size);
        }
    }
    memcpy(y, bytes, room * work->size);
}

/*  Some outputs of a row from their columns; `pixels` is a constant where this is used.  */
INLINE void s_outputs(const s_work_t *work, const s_four_t *columns, uint8_t *y, size_t pixels,
                      size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    const s_four_t *w = work->w;
    tacit_sums_t sums[PIXELS][TACIT_CHUNKS];
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++) {
#pragma GCC unroll 4
        for (size_t j = 0; j < TACIT_CHUNKS; j++) {
            sums[p][j] = work->start.at[j];
        }
    }
    for (size_t place = 0; place < depth->places; place++) {
        const s_four_t *from = columns + place * depth->apart_right * work->groups;
        for (size_t g = 0; g < work->groups; g++, w++, from++) {
#pragma GCC unroll 4
            for (size_t j = 0; j < TACIT_CHUNKS; j++) {
                tacit_weights_t weights = tacit_weights(w->at[j]);
#pragma GCC unroll 4
                for (size_t p = 0; p < pixels; p++) {
                    tacit_items_t items = tacit_items(from[p * depth->right * work->groups].at[j]);
                    sums[p][j] = tacit_dot(sums[p][j], items, weights);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (size_t p = 0; p < pixels; p++) {
        s_put(work, sums[p], y + p * depth->y_pixel * work->size, room);
    }
}

/*  One row of outputs, as many at a time as there is room for their columns.  */
INLINE void s_row(s_work_t *work, ptrdiff_t top, uint8_t *y, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    size_t span = (depth->places - 1) * depth->apart_right + 1;
    size_t most = (TACIT_DEPTH_SPAN_MAX - span) / depth->right + 1;
    for (size_t at = 0; at < depth->pixels; at += most) {
        size_t count = depth->pixels - at < most ? depth->pixels - at : most;
        s_columns(work, top, depth->left + (ptrdiff_t)(at * depth->right),
                  (count - 1) * depth->right + span, room);
        size_t p = 0;
        for (; p + PIXELS <= count; p += PIXELS) {
            s_outputs(work, work->columns + p * depth->right * work->groups,
                      y + (at + p) * depth->y_pixel * work->size, PIXELS, room);
        }
        for (; p < count; p++) {
            s_outputs(work, work->columns + p * depth->right * work->groups,
                      y + (at + p) * depth->y_pixel * work->size, 1, room);
        }
    }
}

INLINE void s_rows(s_work_t *work, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    for (size_t row = 0; row < depth->count; row++) {
        s_row(work, depth->top + (ptrdiff_t)((depth->first + row) * depth->down),
              work->y + row * depth->pixels * depth->y_pixel * work->size, room);
    }
}

void TACIT_OF_ISA(tacit_depthwise_bytes)(const tacit_byte_depth_t *depth)
{
    s_work_t work;
    size_t groups = (depth->rows + TACIT_BYTE_GROUP - 1) / TACIT_BYTE_GROUP;
    work.depth = depth;
    work.groups = groups;
    work.size = depth->sums ? sizeof(int32_t) : 1;
    work.flip = depth->flip - (tacit_bytes_vector_t){0};
    work.around = (depth->around - (tacit_bytes_vector_t){0}) ^ work.flip;
    for (size_t first = 0; first < depth->channels; first += TACIT_BYTES) {
        work.x = depth->x + first;
        work.y = (uint8_t *)depth->y + first * work.size;
        work.room = depth->channels - first;
        for (size_t i = 0; i < depth->places * groups; i++) {
            work.w[i] = s_spread(depth->w + (i * TACIT_DEPTH_BLOCK + first) * TACIT_BYTE_GROUP);
        }
        work.start = s_spread(depth->start + first);
        work.scales = s_spread(depth->scales + first);
        if (work.room >= TACIT_BYTES) {
            s_rows(&work, TACIT_BYTES);
        } else {
            s_rows(&work, work.room);
        }
    }
}
