/*  attention.c - runs attention: keys in columns and values in rows of 16, packed once per head;
    then scores, weights and sums of some rows at a time, by the tiles of vector.h.  */

#include "services/inference/engine/portable/attention.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/*  Scores at once: what stays in half of the second cache beside keys and values.  */
enum { SCORES_MAX = 16384, GROUP_MAX = 9 * TACIT_TILE_MAX };

static size_t s_blocks(size_t count)
{
    return (count + TACIT_BLOCK - 1) / TACIT_BLOCK;
}

static size_t s_filled(size_t count)
{
    return s_blocks(count) * TACIT_BLOCK;
}

/*  A thread's memory: keys, values, rows of q, scores.  */
typedef struct s_room {
    float *keys, *values, *queries, *scores;
} s_room_t;

static size_t s_room_size(const tacit_attention_t *attention)
{
    size_t keys = s_filled(attention->keys);
    size_t length = s_filled(attention->length);
    return keys * length + keys * s_filled(attention->width) + attention->group * (length + keys);
}

static s_room_t s_room(const tacit_attention_t *attention, float *from)
{
    size_t keys = s_filled(attention->keys);
    size_t length = s_filled(attention->length);
    s_room_t room = {.keys = from, .values = from + keys * length};
    room.queries = room.values + keys * s_filled(attention->width);
    room.scores = room.queries + attention->group * length;
    return room;
}

size_t tacit_attention_divide(tacit_attention_t *attention)
{
    size_t most = SCORES_MAX / s_filled(attention->keys) / TACIT_TILE_MAX * TACIT_TILE_MAX;
    most = most < TACIT_TILE_MAX ? TACIT_TILE_MAX : most;
    most = most < GROUP_MAX ? most : GROUP_MAX;
    size_t groups = (attention->rows + most - 1) / most;
    attention->group = (attention->rows + groups - 1) / groups;
    attention->threads = tacit_portable_threads();
    return s_room_size(attention) * sizeof(float) * (size_t)attention->threads;
}

/* --- packing ---------------------------------------------------------------------------------- */

/*  Rows in blocks of 16 numbers, [length / 16, pitch rows, 16].  */
static void s_pack_rows(const tacit_attention_place_t *place, const float *from, size_t rows,
                        size_t length, float scale, size_t pitch, float *to)
{
    const tacit_lines_t lines = {.x = from,
                                 .step = place->row,
                                 .apart = place->column,
                                 .rows = rows,
                                 .length = length,
                                 .scale = scale,
                                 .y = to,
                                 .pitch = pitch};
    tacit_vector()->lines(&lines);
}

/*  [keys / 16, length, 16 keys].  */
static void s_pack_keys(const tacit_attention_t *attention, const float *from, float *to)
{
    const tacit_attention_place_t *place = &attention->places[TACIT_ATTENTION_K];
    if (place->row != 1) {
        s_pack_rows(place, from, attention->length, attention->keys, 1.0F,
                    s_filled(attention->length), to);
        return;
    }
    const tacit_columns_t columns = {.x = from,
                                     .step = place->column,
                                     .rows = attention->keys,
                                     .length = attention->length,
                                     .y = to};
    tacit_vector()->columns(&columns);
}

/* --- running ---------------------------------------------------------------------------------- */

/*  A product of rows in blocks of 16: [summed / 16, rows, 16] by [.., summed, 16].  */
static tacit_tile_t s_tile(const float *x, size_t rows, size_t summed, const float *w)
{
    return (tacit_tile_t){.x = x,
                          .x_pixel = TACIT_BLOCK,
                          .x_channel = 1,
                          .x_block = rows * TACIT_BLOCK,
                          .blocks = s_blocks(summed),
                          .last = summed - (s_blocks(summed) - 1) * TACIT_BLOCK,
                          .rows = 1,
                          .places = 1,
                          .w = w,
                          .pixels = rows,
                          .low = -INFINITY,
                          .high = INFINITY};
}

static tacit_scores_t s_scores(const tacit_attention_t *attention, const tacit_tensor_t *inputs,
                               size_t head, size_t row)
{
    const size_t *at = attention->at[head];
    const tacit_attention_place_t *added = &attention->places[TACIT_ATTENTION_ADDED];
    const tacit_attention_place_t *chosen = &attention->places[TACIT_ATTENTION_CHOSEN];
    tacit_scores_t scores = {.length = attention->keys,
                             .added_row = added->row,
                             .added_column = added->column,
                             .chosen_row = chosen->row,
                             .chosen_column = chosen->column,
                             .kept = attention->kept,
                             .instead = attention->instead};
    if (attention->added) {
        scores.added = (const float *)inputs[TACIT_ATTENTION_ADDED].data +
                       at[TACIT_ATTENTION_ADDED] + row * added->row;
    }
    if (attention->chosen) {
        scores.chosen = (const uint8_t *)inputs[TACIT_ATTENTION_CHOSEN].data +
                        at[TACIT_ATTENTION_CHOSEN] + row * chosen->row;
    }
    return scores;
}

static void s_run_rows(const tacit_attention_t *attention, const tacit_tensor_t *inputs,
                       size_t head, size_t row, size_t rows, const s_room_t *room, float *y)
{
    const tacit_attention_place_t *place = &attention->places[TACIT_ATTENTION_Q];
    const float *q = (const float *)inputs[TACIT_ATTENTION_Q].data +
                     attention->at[head][TACIT_ATTENTION_Q] + row * place->row;
    s_pack_rows(place, q, rows, attention->length, attention->scale, rows, room->queries);
    tacit_tile_t tile = s_tile(room->queries, rows, attention->length, room->keys);
    tile.y = room->scores;
    tile.y_pixel = TACIT_BLOCK;
    tile.y_block = rows * TACIT_BLOCK;
    tile.features = s_filled(attention->keys);
    tacit_vector()->convolve(&tile);
    tacit_scores_t scores = s_scores(attention, inputs, head, row);
    scores.x = room->scores;
    scores.rows = rows;
    tacit_vector()->weigh(&scores);
    tile = s_tile(room->scores, rows, attention->keys, room->values);
    tile.y = y + row * attention->places[TACIT_ATTENTION_Y].row;
    tile.y_pixel = attention->places[TACIT_ATTENTION_Y].row;
    tile.y_block = TACIT_BLOCK;
    tile.features = attention->width;
    tile.dense = true;
    tacit_vector()->convolve(&tile);
}

const char *tacit_attention_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const tacit_attention_t *attention = parameters->recipe;
    size_t keys = s_filled(attention->keys);
    int threads = attention->threads;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (size_t head = 0; head < attention->heads; head++) {
        const size_t *at = attention->at[head];
        s_room_t room =
            s_room(attention, (float *)outputs[output_count].data +
                                  (size_t)omp_get_thread_num() * s_room_size(attention));
        s_pack_keys(attention,
                    (const float *)inputs[TACIT_ATTENTION_K].data + at[TACIT_ATTENTION_K],
                    room.keys);
        s_pack_rows(&attention->places[TACIT_ATTENTION_V],
                    (const float *)inputs[TACIT_ATTENTION_V].data + at[TACIT_ATTENTION_V],
                    attention->keys, attention->width, attention->value_scale, keys, room.values);
        float *y = (float *)outputs[0].data + at[TACIT_ATTENTION_Y];
        for (size_t row = 0; row < attention->rows; row += attention->group) {
            size_t left = attention->rows - row;
            s_run_rows(attention, inputs, head, row,
                       left < attention->group ? left : attention->group, &room, y);
        }
    }
    return NULL;
}
