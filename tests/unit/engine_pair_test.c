/*  engine_pair_test.c - two convolutions as one step give what they give one by one: wide first and
    depthwise first, any stride, padding and window, activations between, several images, each
    instruction set, any number of threads, both backends.  */

#include "engine_model.h"
#include "services/inference/engine/portable/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, BATCH = 2, CHANNELS = 3, MIDDLE = 48 };
enum { HEIGHT = 77, WIDTH = 83, SIZE = BATCH * CHANNELS * HEIGHT * WIDTH };

typedef struct {
    const char *name;
    bool wide; /* the window of 1 comes first */
    int64_t window, stride;
    int64_t pads[4];
    const char *between, *after; /* activations */
    bool biased;
    int64_t outer; /* channels of the input or output of the pair */
} s_case_t;

static const s_case_t s_cases[] = {
    {"wide", true, 3, 1, {1, 1, 1, 1}, "Clip", "Clip", true, 16},
    {"wide, stride", true, 3, 2, {1, 1, 1, 1}, "Relu", "Identity", true, 24},
    {"wide, far", true, 3, 2, {0, 0, 1, 1}, "Relu", "HardSwish", false, 32},
    {"wide, window", true, 5, 2, {2, 2, 2, 2}, "HardSwish", "Relu", true, 16},
    {"wide, outside", true, 3, 1, {4, 4, 4, 4}, "LeakyRelu", "Relu", true, 16},
    {"depthwise", false, 3, 1, {1, 1, 1, 1}, "Clip", "Identity", true, 16},
    {"depthwise, stride", false, 3, 1, {1, 0, 1, 0}, "HardSwish", "Relu", false, 32},
};

static const tacit_engine_options_t s_options[] = {
    {.portable = true, .threads = 1, .profile = true},
    {.portable = true, .threads = 2, .profile = true},
    {.portable = false, .threads = 1, .profile = true},
};

enum { CASES = sizeof s_cases / sizeof *s_cases, OPTIONS = sizeof s_options / sizeof *s_options };

static void s_convolve(Onnx__ModelProto *model, const s_case_t *given, const char *input,
                       const char *weights, const char *output, int64_t window)
{
    char inputs[32];
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", input, weights,
                   !given->biased      ? "-"
                   : weights[0] == 'v' ? "v_b"
                                       : "w_b");
    Onnx__NodeProto *node = model_node(model, "Conv", inputs, output);
    if (window > 1) {
        const int64_t strides[] = {given->stride, given->stride};
        node_integer(node, "group", MIDDLE);
        node_integers(node, "pads", 4, given->pads);
        node_integers(node, "strides", 2, strides);
    }
}

static void s_activate(Onnx__ModelProto *model, const char *op, const char *input,
                       const char *output)
{
    char inputs[32];
    bool clip = strcmp(op, "Clip") == 0;
    (void)snprintf(inputs, sizeof inputs, "%s%s", input, clip ? " low high" : "");
    (void)model_node(model, op, inputs, output);
}

/*  apart: what is between is given out, so that nothing is merged.  */
static Onnx__ModelProto *s_network(const s_case_t *given, bool apart)
{
    static const float bounds[] = {0.0F, 0.4F};
    static const int64_t one[] = {1, 1, 1, 1};
    Onnx__ModelProto *model = model_new(14);
    int64_t inner = given->wide ? given->outer : MIDDLE;
    int64_t outer = given->wide ? MIDDLE : given->outer;
    const char *wide = given->wide ? "v" : "w";
    const char *deep = given->wide ? "w" : "v";
    model_input(model, "x", F32, BATCH, CHANNELS, HEIGHT, WIDTH, END);
    (void)model_weights(model, "u", inner, CHANNELS, 3, 3, END);
    (void)model_weights(model, wide, outer, inner, 1, 1, END);
    (void)model_weights(model, deep, MIDDLE, 1, given->window, given->window, END);
    (void)model_weights(model, "v_b", MIDDLE, END);
    (void)model_weights(model, "w_b", outer, END);
    (void)model_raw(model, "low", F32, 0, NULL, &bounds[0], sizeof(float));
    (void)model_raw(model, "high", F32, 0, NULL, &bounds[1], sizeof(float));
    node_integers(model_node(model, "Conv", "x u", "a"), "pads", 4, one);
    (void)model_node(model, "Relu", "a", "b");
    s_convolve(model, given, "b", "v", "c", given->wide ? 1 : given->window);
    s_activate(model, given->between, "c", "d");
    s_convolve(model, given, "d", "w", "e", given->wide ? given->window : 1);
    s_activate(model, given->after, "e", "y");
    model_output(model, "y", F32, BATCH, outer, -1, -1, END);
    if (apart) {
        model_output(model, "c", F32, BATCH, MIDDLE, -1, -1, END);
        model_output(model, "d", F32, BATCH, MIDDLE, -1, -1, END);
    }
    return model;
}

static bool s_is_paired(const tacit_engine_t *engine)
{
    tacit_engine_step_t steps[16];
    size_t count = tacit_engine_profile(engine, steps, 16);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(steps[i].how, "pair") == 0) {
            return true;
        }
    }
    return false;
}

/*  The first output, in new memory.  */
static float *s_run(const s_case_t *given, bool apart, const tacit_engine_options_t *options,
                    size_t *ret_count)
{
    static float x[SIZE];
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    for (size_t i = 0; i < SIZE; i++) {
        x[i] = (float)(i * 7919 % 1009) / 1009.0F - 0.4F;
    }
    const tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                         .rank = 4,
                                         .dims = {BATCH, CHANNELS, HEIGHT, WIDTH},
                                         .data = tacit_span(x, sizeof x)};
    if (model_load(s_network(given, apart), options, &engine, &error) != TACIT_OK ||
        tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("%s: %s", given->name, error.message);
    }
    assert_true(s_is_paired(engine) == !apart || !options->portable);
    size_t outputs = 0;
    tacit_span_t data = tacit_engine_result_tensors(result, &outputs)[0].data;
    float *y = malloc(data.size);
    assert_non_null(y);
    memcpy(y, data.data, data.size);
    *ret_count = data.size / sizeof(float);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
    return y;
}

static void s_check(size_t number)
{
    const s_case_t *given = &s_cases[number];
    size_t expected = 0;
    float *alone = s_run(given, true, &s_options[0], &expected);
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t count = 0;
        float *y = s_run(given, false, &s_options[i], &count);
        assert_int_equal(count, expected);
        for (size_t k = 0; k < count; k++) {
            /* The same loops; oneDNN's first convolution adds up in another order.  */
            double most = s_options[i].portable ? 0 : 2e-6;
            if (!(fabs((double)y[k] - (double)alone[k]) <= most)) {
                fail_msg("%s, %s, way %zu: element %zu is %g, not %g", tacit_vector()->name,
                         given->name, i, k, (double)y[k], (double)alone[k]);
            }
        }
        free(y);
    }
    free(alone);
}

static void pairs_are_what_their_parts_are(void **state)
{
    (void)state;
    model_each_isa(CASES, s_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_what_their_parts_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
