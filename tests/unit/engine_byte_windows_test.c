/*  engine_byte_windows_test.c - convolutions of bytes over random shapes: the loops of every
    instruction set give the bytes of the definition, with one thread and two, for whatever shapes a
    model is run with.  */

#include "services/inference/engine/portable/vector.h"

#include "engine_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { F32 = TACIT_DTYPE_FLOAT32, U8 = TACIT_DTYPE_UINT8, S8 = TACIT_DTYPE_INT8 };
enum { S32 = TACIT_DTYPE_INT32, CASES = 56, FEATURES_MAX = 512 };

static uint32_t s_state;

static int s_draw(int below)
{
    s_state = s_state * 1664525U + 1013904223U;
    return (int)((s_state >> 8) % (uint32_t)below);
}

static int s_pick(size_t count, const int *numbers)
{
    return numbers[s_draw((int)count)];
}

#define PICK(...) s_pick(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (int[]){__VA_ARGS__})

/*  Maps of bytes as numbers, [batch, channels, height, width].  */
typedef struct s_map {
    int dims[4];
    int *items;
} s_map_t;

static size_t s_count(const int *dims)
{
    return (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * (size_t)dims[3];
}

static s_map_t s_map_new(int batch, int channels, int height, int width)
{
    s_map_t map = {.dims = {batch, channels, height, width}};
    map.items = calloc(s_count(map.dims) + 1, sizeof(int));
    assert_non_null(map.items);
    return map;
}

/*  One convolution.  */
typedef struct s_layer {
    int x_type, y_type, w_type;
    int x_zero, y_zero;
    int channels, features, group;
    int kernel[2], stride[2], dilation[2], pads[4];
    bool biased, sums;
    float x_scale, y_scale, scales[FEATURES_MAX];
    int32_t bias[FEATURES_MAX];
    s_map_t w;
} s_layer_t;

static int s_byte(int type, int byte)
{
    return type == S8 ? (int8_t)byte : (uint8_t)byte;
}

static int s_draw_zero(int type)
{
    return s_byte(type, PICK(0, 255, 127, 128, s_draw(256)));
}

static void s_draw_window(s_layer_t *layer, bool flat)
{
    for (int i = 0; i < 2; i++) {
        bool none = flat && i == 0;
        layer->kernel[i] = none ? 1 : PICK(1, 1, 2, 3, 3, 5, 7);
        layer->stride[i] = none ? 1 : PICK(1, 1, 2, 3);
        layer->dilation[i] = none ? 1 : PICK(1, 1, 1, 2);
        layer->pads[i] = none ? 0 : s_draw(3);
        layer->pads[i + 2] = none ? 0 : s_draw(4);
    }
}

/*  Scales so that most results lie within the grid, and some do not.  */
static void s_draw_numbers(s_layer_t *layer)
{
    int depth = layer->channels / layer->group * layer->kernel[0] * layer->kernel[1];
    bool full = s_draw(10) == 0;
    layer->w = s_map_new(layer->features, layer->channels / layer->group, layer->kernel[0],
                         layer->kernel[1]);
    for (size_t i = 0; i < s_count(layer->w.dims); i++) {
        int byte = full ? (s_draw(16) == 0 ? -128 : 127) : s_draw(256) - 128;
        layer->w.items[i] = layer->w_type == S8 ? byte : byte + 128;
    }
    layer->x_scale = 0.5F;
    layer->y_scale = 0.25F;
    for (int f = 0; f < layer->features; f++) {
        layer->scales[f] = (float)PICK(1, 2, 3, 5, 40) * 0.002F / sqrtf((float)depth);
        layer->bias[f] = PICK(0, s_draw(20000) - 10000, INT32_MAX, INT32_MIN);
    }
}

static void s_draw_layer(s_layer_t *layer, bool flat)
{
    bool depthwise = s_draw(3) == 0;
    *layer =
        (s_layer_t){.x_type = PICK(U8, S8),
                    .y_type = PICK(U8, S8),
                    .w_type = PICK(S8, S8, U8),
                    .group = depthwise ? PICK(3, 16, 17, 40, 64, 70, 130) : PICK(1, 1, 1, 2, 3),
                    .biased = s_draw(3) > 0};
    layer->channels = layer->group * (depthwise ? 1 : PICK(1, 3, 4, 5, 8, 17, 33));
    layer->features = layer->group * (depthwise ? PICK(1, 1, 1, 2) : PICK(1, 7, 16, 24, 32, 50));
    layer->features = layer->features > 200 ? layer->group : layer->features;
    layer->x_zero = s_draw_zero(layer->x_type);
    layer->y_zero = s_draw_zero(layer->y_type);
    s_draw_window(layer, flat);
    s_draw_numbers(layer);
}

/*  A layer before the one that is looked at, so that that one gets a map as layers leave it.  */
static void s_draw_first(const s_layer_t *next, s_layer_t *layer)
{
    *layer = (s_layer_t){.x_type = U8,
                         .y_type = next->x_type,
                         .w_type = S8,
                         .x_zero = 3,
                         .y_zero = next->x_zero,
                         .channels = 4,
                         .features = next->channels,
                         .group = 1,
                         .kernel = {1, 1},
                         .stride = {1, 1},
                         .dilation = {1, 1}};
    s_draw_numbers(layer);
}

/* --- as it is defined ------------------------------------------------------------------------- */

static int s_outputs(const s_layer_t *layer, int i, int size)
{
    int span = (layer->kernel[i] - 1) * layer->dilation[i] + 1;
    int room = size + layer->pads[i] + layer->pads[i + 2] - span;
    return room < 0 ? 0 : room / layer->stride[i] + 1;
}

static int32_t s_sum(const s_layer_t *layer, const s_map_t *x, int n, int f, int row, int column)
{
    int channels = layer->channels / layer->group;
    int first = f / (layer->features / layer->group) * channels;
    uint32_t sum = layer->biased ? (uint32_t)layer->bias[f] : 0;
    for (int i = 0; i < channels * layer->kernel[0] * layer->kernel[1]; i++) {
        int c = i / (layer->kernel[0] * layer->kernel[1]);
        int at_row = row * layer->stride[0] - layer->pads[0] +
                     i / layer->kernel[1] % layer->kernel[0] * layer->dilation[0];
        int at_column =
            column * layer->stride[1] - layer->pads[1] + i % layer->kernel[1] * layer->dilation[1];
        if (at_row < 0 || at_row >= x->dims[2] || at_column < 0 || at_column >= x->dims[3]) {
            continue;
        }
        int item =
            x->items[((n * x->dims[1] + first + c) * x->dims[2] + at_row) * x->dims[3] + at_column];
        int w = layer->w.items[f * channels * layer->kernel[0] * layer->kernel[1] + i] -
                (layer->w_type == U8 ? 128 : 0);
        sum += (uint32_t)((item - layer->x_zero) * w);
    }
    return (int32_t)sum;
}

static int s_place(const s_layer_t *layer, int32_t sum, int f)
{
    float scale = layer->x_scale * layer->scales[f] / layer->y_scale;
    float steps = nearbyintf((float)sum * scale) + (float)layer->y_zero;
    float low = layer->y_type == S8 ? -128.0F : 0.0F;
    float high = layer->y_type == S8 ? 127.0F : 255.0F;
    return (int)(steps < low ? low : steps > high ? high : steps);
}

static s_map_t s_convolve(const s_layer_t *layer, const s_map_t *x)
{
    s_map_t y = s_map_new(x->dims[0], layer->features, s_outputs(layer, 0, x->dims[2]),
                          s_outputs(layer, 1, x->dims[3]));
    int area = y.dims[2] * y.dims[3];
    for (size_t i = 0; i < s_count(y.dims); i++) {
        int place = (int)(i % (size_t)area);
        int f = (int)(i / (size_t)area) % layer->features;
        int n = (int)(i / (size_t)area) / layer->features;
        int32_t sum = s_sum(layer, x, n, f, place / y.dims[3], place % y.dims[3]);
        y.items[i] = layer->sums ? sum : s_place(layer, sum, f);
    }
    return y;
}

/* --- by the engine ---------------------------------------------------------------------------- */

static void s_raw_bytes(Onnx__ModelProto *model, const char *name, int type, size_t rank,
                        const int64_t *dims, size_t count, const int *items)
{
    uint8_t *bytes = malloc(count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)items[i];
    }
    (void)model_raw(model, name, type, rank, dims, bytes, count);
    free(bytes);
}

/*  The node and its constants, whose names begin with that letter. flat: one dimension.  */
static void s_add(Onnx__ModelProto *model, const s_layer_t *layer, char letter, const char *from,
                  const char *to, bool flat)
{
    char names[10][8];
    char inputs[100];
    for (int i = 0; i < 10; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%c%d", letter, i);
    }
    size_t skip = flat ? 1 : 0;
    int64_t dims[4] = {layer->features, layer->channels / layer->group};
    int64_t window[3][4];
    for (size_t i = skip; i < 2; i++) {
        dims[2 + i - skip] = layer->kernel[i];
        window[0][i - skip] = layer->stride[i];
        window[1][i - skip] = layer->dilation[i];
        window[2][i - skip] = layer->pads[i];
        window[2][2 + i - 2 * skip] = layer->pads[i + 2];
    }
    s_raw_bytes(model, names[2], layer->x_type, 0, NULL, 1, &layer->x_zero);
    s_raw_bytes(model, names[3], layer->w_type, 4 - skip, dims, s_count(layer->w.dims),
                layer->w.items);
    s_raw_bytes(model, names[5], layer->w_type, 0, NULL, 1, (int[]){layer->w_type == U8 ? 128 : 0});
    if (!layer->sums) {
        (void)model_raw(model, names[1], F32, 0, NULL, &layer->x_scale, sizeof(float));
        (void)model_raw(model, names[4], F32, 1, dims, layer->scales,
                        (size_t)layer->features * sizeof(float));
        (void)model_raw(model, names[6], F32, 0, NULL, &layer->y_scale, sizeof(float));
        s_raw_bytes(model, names[7], layer->y_type, 0, NULL, 1, &layer->y_zero);
    }
    if (layer->biased) {
        (void)model_raw(model, names[8], S32, 1, dims, layer->bias,
                        (size_t)layer->features * sizeof(int32_t));
    }
    (void)(layer->sums
               ? snprintf(inputs, sizeof(inputs), "%s %s %s %s", from, names[3], names[2], names[5])
               : snprintf(inputs, sizeof(inputs), "%s %s %s %s %s %s %s %s %s", from, names[1],
                          names[2], names[3], names[4], names[5], names[6], names[7],
                          layer->biased ? names[8] : "-"));
    Onnx__NodeProto *node =
        model_node(model, layer->sums ? "ConvInteger" : "QLinearConv", inputs, to);
    node_integers(node, "strides", 2 - skip, window[0]);
    node_integers(node, "dilations", 2 - skip, window[1]);
    node_integers(node, "pads", 4 - 2 * skip, window[2]);
    node_integer(node, "group", layer->group);
}

typedef struct s_case {
    s_layer_t first, layer;
    bool two, flat; /* there is a first layer; maps have one dimension */
    int most;       /* size of a map */
    uint8_t *onnx;
    size_t size;
} s_case_t;

static void s_make(s_case_t *it)
{
    const s_layer_t *lead = it->two ? &it->first : &it->layer;
    int y_type = it->layer.sums ? S32 : it->layer.y_type;
    Onnx__ModelProto *model = model_new(13);
    if (it->flat) {
        model_input(model, "x", lead->x_type, -1, lead->channels, -1, MODEL_END);
        model_output(model, "y", y_type, -1, it->layer.features, -1, MODEL_END);
    } else {
        model_input(model, "x", lead->x_type, -1, lead->channels, -1, -1, MODEL_END);
        model_output(model, "y", y_type, -1, it->layer.features, -1, -1, MODEL_END);
    }
    if (it->two) {
        s_add(model, &it->first, 'a', "x", "m", it->flat);
    }
    s_add(model, &it->layer, 'b', it->two ? "m" : "x", "y", it->flat);
    it->onnx = model_pack(model, &it->size);
    model_free(model);
}

static void s_check(const tacit_engine_tensor_t *y, const s_map_t *wanted, const char *what)
{
    size_t count = s_count(wanted->dims);
    assert_int_equal(y->data.size, count * (y->dtype == TACIT_DTYPE_INT32 ? sizeof(int32_t) : 1));
    for (size_t i = 0; i < count; i++) {
        int32_t item = 0;
        if (y->dtype == TACIT_DTYPE_INT32) {
            memcpy(&item, y->data.data + i * sizeof(item), sizeof(item));
        } else {
            item = s_byte(y->dtype == TACIT_DTYPE_INT8 ? S8 : U8, y->data.data[i]);
        }
        if (item != wanted->items[i]) {
            fail_msg("%s: element %zu of %zu is %d, not %d", what, i, count, (int)item,
                     wanted->items[i]);
        }
    }
}

/*  One run with a map, and what comes out.  */
static void s_run(tacit_engine_t *engine, const s_case_t *it, const s_map_t *x,
                  const s_map_t *wanted, const char *what)
{
    tacit_error_t error = {0};
    tacit_engine_result_t *result = NULL;
    size_t count = s_count(x->dims);
    uint8_t *bytes = malloc(count + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)x->items[i];
    }
    tacit_engine_tensor_t input = {
        .dtype = (tacit_dtype_t)(it->two ? it->first : it->layer).x_type,
        .rank = it->flat ? 3 : 4,
        .dims = {x->dims[0], x->dims[1], it->flat ? x->dims[3] : x->dims[2], x->dims[3]},
        .data = tacit_span(bytes, count)};
    if (tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("%s: %s", what, error.message);
    }
    s_check(tacit_engine_result_tensors(result, &count), wanted, what);
    tacit_engine_result_destroy(&result);
    free(bytes);
}

enum { SHAPES = 2 };

/*  The same with one way to compute it: two shapes, one after the other.  */
static void s_compare(const s_case_t *it, const tacit_engine_options_t *options, const s_map_t *x,
                      const s_map_t *wanted, const char *what)
{
    tacit_error_t error = {0};
    tacit_engine_t *engine = NULL;
    if (tacit_engine_load(tacit_span(it->onnx, it->size), options, &engine, &error) != TACIT_OK) {
        fail_msg("%s: %s", what, error.message);
    }
    for (int i = 0; i < SHAPES; i++) {
        s_run(engine, it, &x[i], &wanted[i], what);
    }
    tacit_engine_destroy(&engine);
}

/*  A map that leaves something under each window.  */
static s_map_t s_draw_map(const s_case_t *it, int batch)
{
    const s_layer_t *lead = it->two ? &it->first : &it->layer;
    int height = 0;
    int width = 0;
    do {
        height = it->flat ? 1 : 1 + s_draw(it->most);
        width = 1 + s_draw(it->most + 4);
    } while (s_outputs(&it->layer, 0, height) == 0 || s_outputs(&it->layer, 1, width) == 0);
    s_map_t map = s_map_new(batch, lead->channels, height, width);
    for (size_t i = 0; i < s_count(map.dims); i++) {
        map.items[i] = s_byte(lead->x_type, s_draw(256));
    }
    return map;
}

static s_map_t s_wanted(const s_case_t *it, const s_map_t *x)
{
    if (!it->two) {
        return s_convolve(&it->layer, x);
    }
    s_map_t between = s_convolve(&it->first, x);
    s_map_t wanted = s_convolve(&it->layer, &between);
    free(between.items);
    return wanted;
}

/*  All instruction sets, then the other backend, which is slow to start, for some; few of them with
    two threads, who wait for each other busily.  */
static void s_check_case(s_case_t *it, int number)
{
    static const char *const names[] = {"baseline", "AVX2", "AVX-512", "VNNI", "oneDNN"};
    s_map_t x[SHAPES];
    s_map_t wanted[SHAPES];
    for (int i = 0; i < SHAPES; i++) {
        x[i] = s_draw_map(it, i == 0 ? 1 : 3);
        wanted[i] = s_wanted(it, &x[i]);
    }
    s_make(it);
    for (int isa = 0; isa <= TACIT_ISAS; isa++) {
        char what[40];
        (void)snprintf(what, sizeof(what), "case %d, %s", number, names[isa]);
        tacit_engine_options_t options = {.portable = isa < TACIT_ISAS,
                                          .threads = (number + isa) % 7 == 0 ? 2 : 1};
        bool may = isa < TACIT_ISAS ? tacit_vector_choose((tacit_isa_t)isa) : number % 4 == 3;
        if (may) {
            s_compare(it, &options, x, wanted, what);
        }
    }
    for (int i = 0; i < SHAPES; i++) {
        free(x[i].items);
        free(wanted[i].items);
    }
    free(it->onnx);
    free(it->first.w.items);
    free(it->layer.w.items);
}

static void test_random_windows(void **state)
{
    (void)state;
    s_state = 5;
    for (int i = 0; i < CASES; i++) {
        s_case_t it = {.two = s_draw(2) == 0, .flat = s_draw(6) == 0, .most = 16};
        s_draw_layer(&it.layer, it.flat);
        it.layer.sums = s_draw(6) == 0;
        it.layer.biased = it.layer.biased && !it.layer.sums;
        if (it.two) {
            s_draw_first(&it.layer, &it.first);
        }
        s_check_case(&it, i);
    }
}

/*  Weights that are large enough to go once they are packed, and are divided among the rows.  */
static void test_many_weights(void **state)
{
    (void)state;
    static const int kernels[] = {1, 3};
    s_state = 6;
    for (int i = 0; i < 2; i++) {
        s_case_t it = {.two = true, .most = 6};
        it.layer = (s_layer_t){.x_type = U8,
                               .y_type = U8,
                               .w_type = S8,
                               .x_zero = 7,
                               .y_zero = 100,
                               .channels = i == 0 ? 500 : 260,
                               .features = 150,
                               .group = 1,
                               .kernel = {kernels[i], kernels[i]},
                               .stride = {1, 1},
                               .dilation = {1, 1},
                               .pads = {i, i, i, i},
                               .biased = true};
        s_draw_numbers(&it.layer);
        s_draw_first(&it.layer, &it.first);
        s_check_case(&it, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_windows),
        cmocka_unit_test(test_many_weights),
    };
    return cmocka_run_group_tests_name("engine byte windows", tests, NULL, NULL);
}
