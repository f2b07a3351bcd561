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
    size_t size;                        /* of an element of y */
    size_t room;                        /* channels */
    size_t groups;                      /* of rows */
    uint8_t line[TACIT_DEPTH_BLOCK];    /* what rows outside of the map have */
    tacit_bytes_vector_t flip, outside; /* the same, with bits turned over */
    s_four_t w[TACIT_DEPTH_PLACES_MAX * GROUPS_MAX];
    s_four_t lower[TACIT_DEPTH_PLACES_MAX]; /* one row further down in the window */
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

/*  Columns within the map, of four rows that begin at `rows`, for one group.  */
INLINE void s_inner_columns(const s_work_t *work, const uint8_t **rows, const size_t *steps,
                            s_four_t *columns, size_t count, size_t room)
{
    tacit_bytes_vector_t flip = work->flip;
    size_t groups = work->groups;
    for (size_t c = 0; c < count; c++) {
        tacit_bytes_vector_t bytes[TACIT_BYTE_GROUP];
#pragma GCC unroll 4
        for (size_t i = 0; i < TACIT_BYTE_GROUP; i++) {
            bytes[i] = s_load(rows[i], room) ^ flip;
            rows[i] += steps[i];
        }
        columns[c * groups] = s_interleave(bytes);
    }
}

/*  Columns from `first` on, of the rows of the map from `top` on: as many of them as the window
   has, or whole groups.  */
INLINE void s_columns(s_work_t *work, ptrdiff_t top, size_t window, ptrdiff_t first, size_t count,
                      size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    size_t left = first >= 0 ? 0 : (size_t)-first < count ? (size_t)-first : count;
    ptrdiff_t inside = (ptrdiff_t)depth->width - first;
    size_t right = inside <= (ptrdiff_t)left ? left
                   : (size_t)inside < count  ? (size_t)inside
                                             : count;
    s_four_t outside = {{(tacit_sums_t)work->outside, (tacit_sums_t)work->outside,
                         (tacit_sums_t)work->outside, (tacit_sums_t)work->outside}};
    for (size_t g = 0; g < work->groups; g++) {
        const uint8_t *rows[TACIT_BYTE_GROUP];
        size_t steps[TACIT_BYTE_GROUP];
        for (size_t i = 0; i < TACIT_BYTE_GROUP; i++) {
            size_t row = g * TACIT_BYTE_GROUP + i;
            ptrdiff_t at = top + (ptrdiff_t)(row * depth->apart_down);
            bool there = row < window && at >= 0 && at < (ptrdiff_t)depth->height && left < right;
            steps[i] = there ? depth->x_pixel : 0;
            rows[i] =
                there ? work->x + ((size_t)at * depth->width + (size_t)(first + (ptrdiff_t)left)) *
                                      depth->x_pixel
                      : work->line;
        }
        s_four_t *columns = work->columns + g;
        for (size_t c = 0; c < left; c++) {
            columns[c * work->groups] = outside;
        }
        s_inner_columns(work, rows, steps, columns + left * work->groups, right - left, room);
        for (size_t c = right; c < count; c++) {
            columns[c * work->groups] = outside;
        }
    }
}

#if defined(TACIT_NARROWS)

/*  Sums of one pixel become bytes while they are in registers.  */
INLINE void s_narrow(const s_work_t *work, const tacit_sums_t *sums, uint8_t *y, size_t room)
{
    tacit_narrow_t narrow = tacit_narrow_for(work->depth->grid);
    tacit_lanes_t scales[TACIT_CHUNKS];
#pragma GCC unroll 4
    for (size_t j = 0; j < TACIT_CHUNKS; j++) {
        scales[j] = (tacit_lanes_t)work->scales.at[j];
    }
    tacit_register_t line = tacit_narrow(sums, scales, &narrow);
    if (room >= TACIT_BYTES) {
        memcpy(y, &line, TACIT_BYTES);
        return;
    }
#if defined(__AVX512BW__)
    _mm512_mask_storeu_epi8(y, ((__mmask64)1 << room) - 1, line);
#else
    memcpy(y, &line, room);
#endif
}

#endif

/*  Sums of one pixel become elements.  */
static __attribute__((noinline)) void s_put(const s_work_t *work, const tacit_sums_t *sums,
                                            uint8_t *y, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    uint8_t bytes[TACIT_BYTES * sizeof(int32_t)];
    tacit_ends_t ends = tacit_ends(depth->grid);
    for (size_t j = 0; j < TACIT_CHUNKS; j++) {
        tacit_lanes_t scales = (tacit_lanes_t)work->scales.at[j];
        tacit_sums_t numbers = depth->sums ? sums[j] : tacit_numbers(sums[j], scales, &ends);
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
INLINE void s_outputs(const s_work_t *work, const s_four_t *w, const s_four_t *columns, uint8_t *y,
                      size_t pixels, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    size_t groups = work->groups;
    size_t step = depth->right * groups;
    tacit_sums_t sums[PIXELS * TACIT_CHUNKS];
#pragma GCC unroll 16
    for (size_t i = 0; i < pixels * TACIT_CHUNKS; i++) {
        sums[i] = work->start.at[i % TACIT_CHUNKS];
    }
    for (size_t place = 0; place < depth->places; place++) {
        const s_four_t *from = columns + place * depth->apart_right * groups;
        for (size_t g = 0; g < groups; g++, w++, from++) {
#pragma GCC unroll 4
            for (size_t j = 0; j < TACIT_CHUNKS; j++) {
                tacit_weights_t weights = tacit_weights(tacit_load_groups(&w->at[j]));
#pragma GCC unroll 4
                for (size_t p = 0; p < pixels; p++) {
                    tacit_items_t items = tacit_items(tacit_load_groups(&from[p * step].at[j]));
                    sums[p * TACIT_CHUNKS + j] =
                        tacit_dot(sums[p * TACIT_CHUNKS + j], items, weights);
                }
            }
        }
    }
#if defined(TACIT_NARROWS)
    if (!depth->sums) {
#pragma GCC unroll 4
        for (size_t p = 0; p < pixels; p++) {
            s_narrow(work, sums + p * TACIT_CHUNKS, y + p * depth->y_pixel, room);
        }
        return;
    }
#endif
    tacit_sums_t copy[PIXELS * TACIT_CHUNKS];
#pragma GCC unroll 16
    for (size_t i = 0; i < pixels * TACIT_CHUNKS; i++) {
        copy[i] = sums[i];
    }
    for (size_t p = 0; p < pixels; p++) {
        s_put(work, copy + p * TACIT_CHUNKS, y + p * depth->y_pixel * work->size, room);
    }
}

INLINE void s_stretch(const s_work_t *work, const s_four_t *w, uint8_t *y, size_t count,
                      size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    size_t p = 0;
    for (; p + PIXELS <= count; p += PIXELS) {
        s_outputs(work, w, work->columns + p * depth->right * work->groups,
                  y + p * depth->y_pixel * work->size, PIXELS, room);
    }
    for (; p < count; p++) {
        s_outputs(work, w, work->columns + p * depth->right * work->groups,
                  y + p * depth->y_pixel * work->size, 1, room);
    }
}

/*  One row of outputs or two, as many at a time as there is room for their columns.  */
INLINE void s_row(s_work_t *work, ptrdiff_t top, uint8_t *y, bool two, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    size_t span = (depth->places - 1) * depth->apart_right + 1;
    size_t most = (TACIT_DEPTH_SPAN_MAX - span) / depth->right + 1;
    size_t row = depth->pixels * depth->y_pixel * work->size;
    for (size_t at = 0; at < depth->pixels; at += most) {
        size_t count = depth->pixels - at < most ? depth->pixels - at : most;
        uint8_t *to = y + at * depth->y_pixel * work->size;
        s_columns(work, top, depth->rows + (two ? 1 : 0),
                  depth->left + (ptrdiff_t)(at * depth->right), (count - 1) * depth->right + span,
                  room);
        s_stretch(work, work->w, to, count, room);
        if (two) {
            s_stretch(work, work->lower, to + row, count, room);
        }
    }
}

/*  Where a window leaves room for one more row, two rows of outputs share columns.  */
INLINE void s_rows(s_work_t *work, size_t room)
{
    const tacit_byte_depth_t *depth = work->depth;
    bool pairs = depth->rows < TACIT_BYTE_GROUP && depth->down == depth->apart_down;
    for (size_t row = 0; row < depth->count;) {
        bool two = pairs && row + 1 < depth->count;
        s_row(work, depth->top + (ptrdiff_t)((depth->first + row) * depth->down),
              work->y + row * depth->pixels * depth->y_pixel * work->size, two, room);
        row += two ? 2 : 1;
    }
}

/*  The weights of `places` columns, one row further down.  */
INLINE void s_lower(s_work_t *work, size_t places)
{
    for (size_t i = 0; i < places; i++) {
        for (size_t j = 0; j < TACIT_CHUNKS; j++) {
            work->lower[i].at[j] = work->w[i].at[j] << 8;
        }
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
    work.outside = (depth->around - (tacit_bytes_vector_t){0}) ^ work.flip;
    memset(work.line, depth->around, sizeof(work.line));
    for (size_t first = 0; first < depth->channels; first += TACIT_BYTES) {
        work.x = depth->x + first;
        work.y = (uint8_t *)depth->y + first * work.size;
        work.room = depth->channels - first;
        for (size_t i = 0; i < depth->places * groups; i++) {
            work.w[i] = s_spread(depth->w + (i * TACIT_DEPTH_BLOCK + first) * TACIT_BYTE_GROUP);
        }
        if (groups == 1) {
            s_lower(&work, depth->places);
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
