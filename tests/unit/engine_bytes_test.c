/*  engine_bytes_test.c - products of bytes with the loops of each instruction set, to the last bit
    what their definition says.  */

#include "services/inference/engine/portable/byte_tile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS_MAX = 1 << 16, EDGE = 8, CASES = 400 };

static uint32_t s_state;

static uint32_t s_draw(uint32_t below)
{
    s_state = s_state * 1664525U + 1013904223U;
    return (s_state >> 8) % below;
}

/*  A product of rows of runs, and what is known of it.  */
typedef struct s_case {
    tacit_byte_weights_t weights;
    tacit_byte_tile_t tile;
    size_t x_size, y_count;
    uint8_t *x, *w;
    void *packed;
    int32_t *start;
    float *scales, *shifts;
    void *y;
} s_case_t;

static void *s_random(size_t size, bool extreme)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(extreme ? 127 + s_draw(2) * 128 : s_draw(256));
    }
    return bytes;
}

/*  Rows may overlap, as those of a window do.  */
static void s_make_case(s_case_t *it)
{
    tacit_byte_weights_t *weights = &it->weights;
    *it = (s_case_t){.weights = {.features = 1 + s_draw(s_draw(2) == 0 ? 20 : 100),
                                 .rows = 1 + s_draw(3),
                                 .places = 1 + s_draw(3),
                                 .channels = 1 + s_draw(s_draw(2) == 0 ? 9 : 40),
                                 .joined = s_draw(2) == 0,
                                 .flip = s_draw(2) == 0}};
    bool apart = s_draw(2) == 0; /* features side by side, as in a product, or last */
    weights->channel = apart ? weights->features : weights->rows * weights->places;
    weights->place = apart ? weights->features * weights->channels : 1;
    weights->row = weights->places * weights->place;
    weights->feature = apart ? 1 : weights->rows * weights->places * weights->channels;
    size_t depth = weights->channels * (weights->joined ? weights->places : 1);
    tacit_byte_tile_t *tile = &it->tile;
    *tile = (tacit_byte_tile_t){.rows = weights->rows,
                                .places = weights->joined ? 1 : weights->places,
                                .depth = depth,
                                .pixels = 1 + s_draw(40),
                                .features = weights->features,
                                .finish = (tacit_byte_finish_t)s_draw(3),
                                .low = -50.0F,
                                .high = 60.0F,
                                .grid.sign = s_draw(2) == 0};
    tile->x_pixel = 1 + s_draw(2 * (uint32_t)depth);
    tile->x_place = depth + s_draw(3);
    tile->x_row = tile->x_place * tile->places + s_draw(5);
    tile->grid.zero = tile->grid.sign ? (int32_t)s_draw(256) - 128 : (int32_t)s_draw(256);
    tile->y_pixel = tile->features + s_draw(4);
    it->y_count = tile->pixels * tile->y_pixel;
    it->x_size = (tile->pixels - 1) * tile->x_pixel + (tile->rows - 1) * tile->x_row +
                 (tile->places - 1) * tile->x_place + (depth < 4 ? 4 : depth);
}

static void s_fill_case(s_case_t *it)
{
    size_t filled = tacit_byte_blocks(it->tile.features) * TACIT_BLOCK;
    bool extreme = s_draw(8) == 0;
    it->x = s_random(it->x_size, extreme);
    it->w = s_random(it->weights.features * it->weights.rows * it->weights.places *
                         it->weights.channels,
                     extreme);
    it->packed = calloc(1, tacit_byte_weights_size(&it->weights));
    it->start = calloc(filled, sizeof(*it->start));
    it->scales = calloc(filled, sizeof(*it->scales));
    it->shifts = calloc(filled, sizeof(*it->shifts));
    it->y = malloc((it->y_count + EDGE) * 4);
    assert_true(it->packed != NULL && it->start != NULL && it->scales != NULL &&
                it->shifts != NULL && it->y != NULL);
    tacit_byte_weights_pack(&it->weights, it->w, it->packed);
    for (size_t f = 0; f < it->tile.features; f++) {
        it->start[f] = s_draw(50) == 0 ? INT32_MAX - 100 : (int32_t)s_draw(20000) - 10000;
        it->scales[f] = (float)s_draw(1000) * (s_draw(20) == 0 ? 1e6F : 1e-5F);
        it->scales[f] = s_draw(50) == 0 ? NAN : it->scales[f];
        it->shifts[f] = (float)s_draw(100) - 50.0F;
    }
    it->tile.x = it->x;
    it->tile.w = it->packed;
    it->tile.start = it->start;
    it->tile.scales = it->scales;
    it->tile.shifts = it->shifts;
    it->tile.y = it->y;
}

static void s_drop_case(s_case_t *it)
{
    free(it->x);
    free(it->w);
    free(it->packed);
    free(it->start);
    free(it->scales);
    free(it->shifts);
    free(it->y);
}

static int8_t s_weight(const s_case_t *it, size_t feature, size_t row, size_t place, size_t channel)
{
    const tacit_byte_weights_t *weights = &it->weights;
    uint8_t byte = it->w[feature * weights->feature + row * weights->row + place * weights->place +
                         channel * weights->channel];
    return (int8_t)(byte ^ (weights->flip ? 0x80 : 0));
}

static int32_t s_sum(const s_case_t *it, size_t pixel, size_t feature)
{
    const tacit_byte_weights_t *weights = &it->weights;
    uint32_t sum = (uint32_t)it->start[feature];
    for (size_t row = 0; row < weights->rows; row++) {
        for (size_t place = 0; place < weights->places; place++) {
            const uint8_t *x = it->x + pixel * it->tile.x_pixel + row * it->tile.x_row +
                               place * (weights->joined ? weights->channels : it->tile.x_place);
            for (size_t c = 0; c < weights->channels; c++) {
                sum += (uint32_t)(x[c] * s_weight(it, feature, row, place, c));
            }
        }
    }
    return (int32_t)sum;
}

static uint8_t s_byte(float steps, tacit_grid_t grid)
{
    float low = (float)((grid.sign ? -128 : 0) - grid.zero);
    float high = (float)((grid.sign ? 127 : 255) - grid.zero);
    steps = steps > low ? steps : low;
    steps = steps < high ? steps : high;
    return (uint8_t)((int32_t)nearbyintf(steps) + grid.zero);
}

static void s_check_output(const s_case_t *it, size_t pixel, size_t feature)
{
    const tacit_byte_tile_t *tile = &it->tile;
    size_t at = pixel * tile->y_pixel + feature;
    int32_t sum = s_sum(it, pixel, feature);
    float steps = (float)sum * it->scales[feature];
    if (tile->finish == TACIT_BYTE_SUMS) {
        assert_int_equal(((int32_t *)it->y)[at], sum);
    } else if (tile->finish == TACIT_BYTE_BYTES) {
        assert_int_equal(((uint8_t *)it->y)[at], s_byte(steps, tile->grid));
    } else {
        float real = steps + it->shifts[feature];
        real = real < tile->low ? tile->low : real;
        real = real > tile->high ? tile->high : real;
        assert_memory_equal((float *)it->y + at, &real, isnan(real) ? 0 : sizeof(real));
    }
}

/*  The outputs, and that nothing is written between and behind them.  */
static void s_check_case(const s_case_t *it)
{
    const tacit_byte_tile_t *tile = &it->tile;
    size_t size = tile->finish == TACIT_BYTE_BYTES ? 1 : 4;
    memset(it->y, 0x5a, (it->y_count + EDGE) * size);
    tacit_bytes()->tile(tile);
    for (size_t i = 0; i < it->y_count + EDGE; i++) {
        if (i < it->y_count && i % tile->y_pixel < tile->features) {
            s_check_output(it, i / tile->y_pixel, i % tile->y_pixel);
        } else {
            assert_memory_equal((uint8_t *)it->y + i * size, "ZZZZ", size);
        }
    }
}

static void tiles_sum_exactly(void **state)
{
    (void)state;
    s_state = 1;
    for (size_t i = 0; i < CASES; i++) {
        s_case_t it;
        s_make_case(&it);
        s_fill_case(&it);
        for (int isa = 0; isa < TACIT_ISAS; isa++) {
            if (tacit_vector_choose((tacit_isa_t)isa)) {
                s_check_case(&it);
            }
        }
        s_drop_case(&it);
    }
}

static void sums_of_weights_are_kept(void **state)
{
    (void)state;
    s_state = 2;
    for (size_t i = 0; i < CASES / 4; i++) {
        s_case_t it;
        s_make_case(&it);
        s_fill_case(&it);
        const int32_t *sums = tacit_byte_weights_sums(&it.weights, it.packed);
        for (size_t f = 0; f < it.weights.features; f++) {
            int32_t sum = 0;
            for (size_t k = 0; k < it.weights.rows * it.weights.places * it.weights.channels; k++) {
                size_t place = k / it.weights.channels;
                sum += s_weight(&it, f, place / it.weights.places, place % it.weights.places,
                                k % it.weights.channels);
            }
            assert_int_equal(sums[f], sum);
        }
        s_drop_case(&it);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_sum_exactly),
        cmocka_unit_test(sums_of_weights_are_kept),
    };
    return cmocka_run_group_tests_name("engine bytes", tests, NULL, NULL);
}
