/*  engine_winograd_test.c - windows of 3 x 3 of the portable backend beside the plain sum: maps of
    even and odd sides, any padding, channels that do not fill their blocks, each instruction set,
    and any number of threads.  */

#include "engine_model.h"
#include "services/inference/engine/portable/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, CHANNELS = 40, FEATURES = 72, BATCH = 2 };

typedef struct {
    int64_t height, width;
    int64_t pads[4]; /* top, left, bottom, right */
    bool add;
} s_case_t;

static const s_case_t s_cases[] = {
    {8, 8, {1, 1, 1, 1}, false},  {9, 13, {1, 1, 1, 1}, true}, {12, 11, {0, 0, 0, 0}, false},
    {7, 16, {2, 1, 0, 2}, false}, {33, 5, {1, 2, 1, 2}, true},
};

enum { CASES = sizeof s_cases / sizeof *s_cases };

static int64_t s_output(const s_case_t *given, size_t i)
{
    int64_t side = i == 0 ? given->height : given->width;
    return side + given->pads[i] + given->pads[i + 2] - 2;
}

static float s_weight(int64_t i)
{
    return (float)((i * 7919) % 1009) / 1009.0F - 0.5F;
}

static float s_item(int64_t i)
{
    return (float)((i * 104729) % 997) / 997.0F - 0.4F;
}

static tacit_engine_t *s_load(const s_case_t *given, unsigned threads)
{
    static float w[FEATURES * CHANNELS * 9];
    static float bias[FEATURES];
    const int64_t dims[] = {FEATURES, CHANNELS, 3, 3};
    for (int64_t i = 0; i < (int64_t)FEATURES * CHANNELS * 9; i++) {
        w[i] = s_weight(i);
    }
    for (int64_t i = 0; i < FEATURES; i++) {
        bias[i] = s_weight(i + 5);
    }
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, BATCH, CHANNELS, given->height, given->width, END);
    (void)model_raw(model, "w", F32, 4, dims, w, sizeof w);
    (void)model_floats(model, "bias", FEATURES, bias);
    /* The first one puts the maps in blocks.  */
    node_integers(model_node(model, "Conv", "x w bias", "a"), "pads", 4, given->pads);
    (void)model_node(model, "Relu", given->add ? "s" : "a", "y");
    if (given->add) {
        model_input(model, "r", F32, BATCH, FEATURES, s_output(given, 0), s_output(given, 1), END);
        (void)model_node(model, "Add", "a r", "s");
        Onnx__NodeProto *sum = model->graph->node[2];
        model->graph->node[2] = model->graph->node[1];
        model->graph->node[1] = sum;
    }
    model_output(model, "y", F32, BATCH, FEATURES, s_output(given, 0), s_output(given, 1), END);
    tacit_engine_options_t options = {.portable = true, .threads = threads, .profile = true};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, &options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    return engine;
}

/*  The step that convolves, by name.  */
static bool s_is_transformed(const tacit_engine_t *engine)
{
    tacit_engine_step_t steps[16];
    size_t count = tacit_engine_profile(engine, steps, 16);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(steps[i].op, "Conv") == 0 && strcmp(steps[i].how, "winograd") == 0) {
            return true;
        }
    }
    return false;
}

static float *s_items(size_t count)
{
    float *items = calloc(count, sizeof(float));
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) {
        items[i] = s_item((int64_t)i);
    }
    return items;
}

/*  The outputs, in new memory.  */
static float *s_run(tacit_engine_t *engine, const s_case_t *given, const float *x, const float *r,
                    size_t *ret_size)
{
    size_t count_x = (size_t)((int64_t)BATCH * CHANNELS * given->height * given->width);
    size_t count_y = (size_t)((int64_t)BATCH * FEATURES * s_output(given, 0) * s_output(given, 1));
    const tacit_engine_tensor_t inputs[] = {
        {.name = tacit_span_string("x"),
         .dtype = TACIT_DTYPE_FLOAT32,
         .rank = 4,
         .dims = {BATCH, CHANNELS, given->height, given->width},
         .data = tacit_span(x, count_x * sizeof(float))},
        {.name = tacit_span_string("r"),
         .dtype = TACIT_DTYPE_FLOAT32,
         .rank = 4,
         .dims = {BATCH, FEATURES, s_output(given, 0), s_output(given, 1)},
         .data = tacit_span(r, count_y * sizeof(float))}};
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    if (tacit_engine_run(engine, inputs, given->add ? 2 : 1, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    size_t count = 0;
    tacit_span_t data = tacit_engine_result_tensors(result, &count)[0].data;
    float *y = malloc(data.size);
    assert_non_null(y);
    memcpy(y, data.data, data.size);
    *ret_size = data.size;
    tacit_engine_result_destroy(&result);
    return y;
}

/*  One output, summed up plainly.  */
static double s_expected(const s_case_t *given, const float *x, int64_t n, int64_t f, int64_t row,
                         int64_t column)
{
    double sum = (double)s_weight(f + 5);
    for (int64_t i = 0; i < (int64_t)CHANNELS * 9; i++) {
        int64_t at_row = row + i / 3 % 3 - given->pads[0];
        int64_t at_column = column + i % 3 - given->pads[1];
        if (at_row >= 0 && at_row < given->height && at_column >= 0 && at_column < given->width) {
            int64_t map = n * CHANNELS + i / 9;
            sum += (double)x[(map * given->height + at_row) * given->width + at_column] *
                   (double)s_weight(f * CHANNELS * 9 + i);
        }
    }
    return sum;
}

static void s_compare(const s_case_t *given, const float *x, const float *r, const float *y)
{
    int64_t height = s_output(given, 0);
    int64_t width = s_output(given, 1);
    for (int64_t i = 0; i < (int64_t)BATCH * FEATURES * height * width;
         i += 7) { /* 7 divides no side */
        int64_t map = i / (height * width);
        double sum =
            s_expected(given, x, map / FEATURES, map % FEATURES, i / width % height, i % width);
        sum = fmax(0, given->add ? sum + (double)r[i] : sum);
        if (!(fabs((double)y[i] - sum) <= 3e-5)) {
            fail_msg("%s, element %lld is %g, not %g", tacit_vector()->name, (long long)i,
                     (double)y[i], sum);
        }
    }
}

static void s_check(size_t number)
{
    const s_case_t *given = &s_cases[number];
    float *x = s_items((size_t)((int64_t)BATCH * CHANNELS * given->height * given->width));
    float *r =
        s_items((size_t)((int64_t)BATCH * FEATURES * s_output(given, 0) * s_output(given, 1)));
    float *outputs[2];
    size_t sizes[2];
    for (unsigned i = 0; i < 2; i++) {
        tacit_engine_t *engine = s_load(given, i + 1);
        assert_true(s_is_transformed(engine));
        outputs[i] = s_run(engine, given, x, r, &sizes[i]);
        tacit_engine_destroy(&engine);
    }
    s_compare(given, x, r, outputs[0]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(outputs[0], outputs[1], sizes[0]);
    free(outputs[0]);
    free(outputs[1]);
    free(x);
    free(r);
}

static void windows_of_three_are_summed_up(void **state)
{
    (void)state;
    model_each_isa(CASES, s_check);
}

/*  The transform would make NaN of infinity where no NaN is.  */
static void infinity_stays_where_it_is(void **state)
{
    (void)state;
    const s_case_t *given = &s_cases[0];
    size_t size = 0;
    float *x = s_items((size_t)((int64_t)BATCH * CHANNELS * given->height * given->width));
    x[0] = INFINITY;
    tacit_engine_t *engine = s_load(given, 1);
    float *y = s_run(engine, given, x, NULL, &size);
    assert_false(s_is_transformed(engine));
    for (size_t i = 0; i < size / sizeof(float); i++) {
        assert_true(y[i] == y[i]);
    }
    tacit_engine_destroy(&engine);
    free(y);
    free(x);
}

/*  Two convolutions, the second one of which has its input from the first, however that lies.  */
static float *s_run_two(bool portable, size_t *ret_count)
{
    static float x[BATCH * 3 * 17 * 19];
    static const int64_t one[] = {1, 1, 1, 1};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, BATCH, 3, 17, 19, END);
    (void)model_weights(model, "u", 48, 3, 3, 3, END);
    (void)model_weights(model, "v", 80, 48, 3, 3, END);
    (void)model_weights(model, "b", 80, END);
    node_integers(model_node(model, "Conv", "x u", "a"), "pads", 4, one);
    (void)model_node(model, "Relu", "a", "c");
    node_integers(model_node(model, "Conv", "c v b", "d"), "pads", 4, one);
    (void)model_node(model, "HardSwish", "d", "y");
    model_output(model, "y", F32, BATCH, 80, 17, 19, END);
    model->opset_import[0]->version = 14;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        x[i] = s_item((int64_t)i);
    }
    tacit_engine_options_t options = {.portable = portable};
    const tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                         .rank = 4,
                                         .dims = {BATCH, 3, 17, 19},
                                         .data = tacit_span(x, sizeof x)};
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    if (model_load(model, &options, &engine, &error) != TACIT_OK ||
        tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
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

/*  Between maps of oneDNN, too.  */
static void both_backends_agree(void **state)
{
    (void)state;
    size_t count = 0;
    size_t other = 0;
    float *plain = s_run_two(false, &count);
    float *blocked = s_run_two(true, &other);
    assert_int_equal(count, other);
    for (size_t i = 0; i < count; i++) {
        if (!(fabsf(plain[i] - blocked[i]) <= 2e-5F * (1.0F + fabsf(plain[i])))) {
            fail_msg("element %zu is %g and %g", i, (double)plain[i], (double)blocked[i]);
        }
    }
    free(plain);
    free(blocked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_three_are_summed_up),
        cmocka_unit_test(infinity_stays_where_it_is),
        cmocka_unit_test(both_backends_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
