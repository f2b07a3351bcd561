/*  engine_join_test.c - Concats whose parts stay where they are (ops/joined.h) give what they give
    in one piece: blocks as a DenseNet has them, and graphs that need the whole after all.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, FIRST = 64, GROWTH = 32, LAYERS = 3, SIDE = 9 };

typedef enum {
    PLAIN_BLOCK, /* normalizations and Concats alone read the joined maps */
    READ_WHOLE,  /* so does an average, at the end */
    GIVEN_OUT,   /* so does who runs the model */
    ADDED_LATE,  /* the first part is read and could be written over, once it was joined */
    VARIANTS
} s_variant_t;

static const char *s_name(char *text, const char *what, int layer)
{
    (void)snprintf(text, 16, "%s%d", what, layer);
    return text;
}

/*  scale, shift, mean, variance; the variance is above 0.  */
static void s_normalize(Onnx__ModelProto *model, int layer, int channels, const char *from,
                        const char *to)
{
    static const char *const vectors[] = {"scale", "shift", "mean", "variance"};
    char inputs[128];
    char name[16];
    (void)snprintf(inputs, sizeof inputs, "%s", from);
    for (size_t i = 0; i < 4; i++) {
        Onnx__TensorProto *vector =
            model_weights(model, s_name(name, vectors[i], layer), channels, END);
        float *items = (float *)(void *)vector->raw_data.data;
        for (int c = 0; i == 3 && c < channels; c++) {
            items[c] = items[c] * items[c] + 0.1F;
        }
        size_t used = strlen(inputs);
        (void)snprintf(inputs + used, sizeof inputs - used, " %s", name);
    }
    (void)model_node(model, "BatchNormalization", inputs, to);
}

/*  One layer: normalize, Relu, 3 x 3, and beside what there is.  */
static void s_layer(Onnx__ModelProto *model, int layer, int channels)
{
    static const int64_t one[] = {1, 1, 1, 1};
    char from[16];
    char to[16];
    char other[40];
    s_normalize(model, layer, channels, s_name(from, "x", layer), s_name(to, "n", layer));
    (void)model_node(model, "Relu", s_name(from, "n", layer), s_name(to, "r", layer));
    (void)model_weights(model, s_name(to, "w", layer), GROWTH, channels, 3, 3, END);
    (void)snprintf(other, sizeof other, "r%d w%d", layer, layer);
    node_integers(model_node(model, "Conv", other, s_name(to, "y", layer)), "pads", 4, one);
    (void)snprintf(other, sizeof other, "x%d y%d", layer, layer);
    node_integer(model_node(model, "Concat", other, s_name(to, "x", layer + 1)), "axis", 1);
}

/*  The last node that names the first part, while later ones still gather it.  */
static void s_add_late(Onnx__ModelProto *model)
{
    (void)model_weights(model, "v", FIRST, FIRST, 1, 1, END);
    (void)model_node(model, "Conv", "x v", "a");
    (void)model_node(model, "Add", "a x0", "z");
}

static Onnx__ModelProto *s_block(s_variant_t variant)
{
    int channels = FIRST;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, FIRST, SIDE, SIDE, END);
    (void)model_weights(model, "w", FIRST, FIRST, 1, 1, END);
    (void)model_node(model, "Conv", "x w", "x0");
    for (int layer = 0; layer < LAYERS; layer++, channels += GROWTH) {
        s_layer(model, layer, channels);
        if (variant == ADDED_LATE && layer == 0) {
            s_add_late(model);
        }
    }
    s_normalize(model, LAYERS, channels, "x3", "n");
    (void)model_node(model, "Relu", "n", "m");
    (void)model_node(model, "GlobalAveragePool", "m", "y");
    model_output(model, "y", F32, -1, channels, 1, 1, END);
    if (variant == READ_WHOLE) {
        (void)model_node(model, "GlobalAveragePool", "x2", "z");
        model_output(model, "z", F32, -1, channels - GROWTH, 1, 1, END);
    } else if (variant == GIVEN_OUT) {
        model_output(model, "x2", F32, -1, channels - GROWTH, SIDE, SIDE, END);
    } else if (variant == ADDED_LATE) {
        model_output(model, "z", F32, -1, FIRST, SIDE, SIDE, END);
    }
    return model;
}

static tacit_engine_result_t *s_run(tacit_engine_t *engine, int64_t batch, float first)
{
    size_t count = (size_t)batch * FIRST * SIDE * SIDE;
    float *x = calloc(count, sizeof(float));
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    assert_non_null(x);
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)(i % 97) / 97.0F - 0.4F;
    }
    x[0] = first;
    const tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                         .rank = 4,
                                         .dims = {batch, FIRST, SIDE, SIDE},
                                         .data = tacit_span(x, count * sizeof(float))};
    if (tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    free(x);
    return result;
}

/*  To a ten-thousandth of the output's largest number.  */
static void s_expect_same(const tacit_engine_tensor_t *got, const tacit_engine_tensor_t *expected)
{
    const float *a = (const float *)(const void *)got->data.data;
    const float *b = (const float *)(const void *)expected->data.data;
    size_t count = got->data.size / sizeof(float);
    float largest = 0;
    assert_int_equal(got->data.size, expected->data.size);
    for (size_t i = 0; i < count; i++) {
        largest = fabsf(b[i]) > largest ? fabsf(b[i]) : largest;
    }
    for (size_t i = 0; i < count; i++) {
        if (isnan(a[i]) != isnan(b[i]) || fabsf(a[i] - b[i]) > 1e-4F * largest) {
            fail_msg("element %zu: %g, expected %g", i, (double)a[i], (double)b[i]);
        }
    }
}

/*  Whether a step of the last run gathered parts.  */
static bool s_gathered(const tacit_engine_t *engine)
{
    tacit_engine_step_t steps[64];
    size_t count = tacit_engine_profile(engine, steps, 64);
    bool gathered = false;
    for (size_t i = 0; i < count && i < 64; i++) {
        gathered |= strcmp(steps[i].how, "gathered") == 0;
    }
    return gathered;
}

static void s_compare(s_variant_t variant, int64_t batch, float first)
{
    const tacit_engine_options_t portable = {.portable = true};
    tacit_engine_t *engines[2] = {NULL, NULL};
    tacit_engine_result_t *results[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(model_load(s_block(variant), i == 1 ? &portable : NULL, &engines[i], NULL),
                         TACIT_OK);
        results[i] = s_run(engines[i], batch, first);
    }
    size_t count = 0;
    const tacit_engine_tensor_t *got = tacit_engine_result_tensors(results[0], &count);
    const tacit_engine_tensor_t *expected = tacit_engine_result_tensors(results[1], &count);
    for (size_t i = 0; i < count; i++) {
        s_expect_same(&got[i], &expected[i]);
    }
    assert_false(s_gathered(engines[1]));
    for (size_t i = 0; i < 2; i++) {
        tacit_engine_result_destroy(&results[i]);
        tacit_engine_destroy(&engines[i]);
    }
}

static void test_blocks_are_what_they_are_in_one_piece(void **state)
{
    (void)state;
    for (s_variant_t variant = PLAIN_BLOCK; variant < VARIANTS; variant++) {
        s_compare(variant, 1, 0.5F);
        s_compare(variant, 3, 0.5F);
    }
}

static void test_nan_flows_through_blocks(void **state)
{
    (void)state;
    s_compare(PLAIN_BLOCK, 1, NAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_what_they_are_in_one_piece),
        cmocka_unit_test(test_nan_flows_through_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
