/*  engine_groups_test.c - convolutions in groups of the portable backend beside the plain sum: few
    channels and features a group, many, and odd numbers of them; each instruction set, and any
    number of threads.  */

#include "engine_model.h"
#include "services/inference/engine/portable/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END };

typedef struct {
    int64_t groups, channels, features; /* of a group, both */
    int64_t batch, height, width;
    int64_t kernel[2];
    int64_t stride;
    int64_t pads[4]; /* top, left, bottom, right */
    int64_t dilation;
    bool add;
    const char *how;
} s_case_t;

static const s_case_t s_cases[] = {
    {8, 1, 2, 1, 9, 7, {3, 3}, 1, {1, 1, 1, 1}, 1, false, "groups"},
    {16, 2, 2, 3, 6, 17, {3, 3}, 1, {1, 1, 1, 1}, 1, true, "groups"},
    {7, 3, 3, 1, 8, 9, {3, 3}, 2, {1, 0, 0, 1}, 1, false, "groups"},
    {8, 4, 4, 3, 10, 16, {3, 3}, 1, {1, 1, 1, 1}, 1, true, "groups"},
    {5, 5, 5, 1, 5, 29, {1, 1}, 1, {0, 0, 0, 0}, 1, false, "groups"},
    {6, 8, 8, 1, 15, 14, {3, 3}, 2, {1, 1, 1, 1}, 1, true, "groups"},
    {2, 24, 24, 1, 7, 7, {3, 3}, 1, {1, 1, 1, 1}, 1, false, "groups"},
    {3, 80, 20, 1, 6, 6, {1, 1}, 1, {0, 0, 0, 0}, 1, false, "groups"},
    {3, 20, 80, 3, 4, 4, {1, 1}, 1, {0, 0, 0, 0}, 1, true, "groups"},
    {3, 5, 7, 1, 9, 9, {2, 3}, 1, {2, 0, 1, 3}, 2, false, "groups"},
    {2, 16, 8, 1, 8, 5, {3, 1}, 1, {1, 0, 1, 0}, 1, false, "groups"},
    {2, 16, 32, 1, 8, 5, {3, 3}, 1, {1, 1, 1, 1}, 1, false, "tiles"},
    {18, 1, 1, 1, 8, 5, {3, 3}, 1, {1, 1, 1, 1}, 1, false, "depthwise"},
    {40, 2, 1, 1, 6, 5, {3, 3}, 1, {1, 1, 1, 1}, 1, false, "plain C"},
};

enum { CASES = sizeof s_cases / sizeof *s_cases };

static int64_t s_output(const s_case_t *given, size_t i)
{
    int64_t side = i == 0 ? given->height : given->width;
    int64_t reach = (given->kernel[i] - 1) * given->dilation + 1;
    return (side + given->pads[i] + given->pads[i + 2] - reach) / given->stride + 1;
}

static size_t s_count_x(const s_case_t *given)
{
    return (size_t)(given->batch * given->groups * given->channels * given->height * given->width);
}

static size_t s_count_y(const s_case_t *given)
{
    return (size_t)(given->batch * given->groups * given->features * s_output(given, 0) *
                    s_output(given, 1));
}

static float s_weight(int64_t i)
{
    return (float)((i * 7919) % 1009) / 1009.0F - 0.5F;
}

static float *s_items(size_t count, bool weights)
{
    float *items = calloc(count, sizeof(float));
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) {
        items[i] = weights ? s_weight((int64_t)i) : (float)((i * 104729) % 997) / 997.0F - 0.4F;
    }
    return items;
}

static void s_add_constants(Onnx__ModelProto *model, const s_case_t *given)
{
    const int64_t dims[] = {given->groups * given->features, given->channels, given->kernel[0],
                            given->kernel[1]};
    size_t count = (size_t)(dims[0] * dims[1] * dims[2] * dims[3]);
    float *w = s_items(count, true);
    (void)model_raw(model, "w", F32, 4, dims, w, count * sizeof(float));
    (void)model_floats(model, "bias", (size_t)dims[0], w);
    free(w);
}

static tacit_engine_t *s_load(const s_case_t *given, unsigned threads)
{
    int64_t channels = given->groups * given->channels;
    int64_t features = given->groups * given->features;
    const int64_t strides[] = {given->stride, given->stride};
    const int64_t dilations[] = {given->dilation, given->dilation};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, given->batch, channels, given->height, given->width, END);
    s_add_constants(model, given);
    if (given->add) {
        model_input(model, "r", F32, given->batch, features, s_output(given, 0), s_output(given, 1),
                    END);
    }
    Onnx__NodeProto *node = model_node(model, "Conv", "x w bias", "a");
    node_integers(node, "pads", 4, given->pads);
    node_integers(node, "strides", 2, strides);
    node_integers(node, "dilations", 2, dilations);
    node_integer(node, "group", given->groups);
    if (given->add) {
        (void)model_node(model, "Add", "a r", "s");
    }
    (void)model_node(model, "Relu", given->add ? "s" : "a", "y");
    model_output(model, "y", F32, given->batch, features, s_output(given, 0), s_output(given, 1),
                 END);
    tacit_engine_options_t options = {.portable = true, .threads = threads, .profile = true};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, &options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    return engine;
}

static void s_check_how(const tacit_engine_t *engine, const char *how)
{
    tacit_engine_step_t steps[16];
    size_t count = tacit_engine_profile(engine, steps, 16);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(steps[i].op, "Conv") == 0 && strcmp(steps[i].how, "reorder") != 0) {
            assert_string_equal(steps[i].how, how);
        }
    }
}

/*  The outputs, in new memory.  */
static float *s_run(tacit_engine_t *engine, const s_case_t *given, const float *x, const float *r)
{
    const tacit_engine_tensor_t inputs[] = {
        {.name = tacit_span_string("x"),
         .dtype = TACIT_DTYPE_FLOAT32,
         .rank = 4,
         .dims = {given->batch, given->groups * given->channels, given->height, given->width},
         .data = tacit_span(x, s_count_x(given) * sizeof(float))},
        {.name = tacit_span_string("r"),
         .dtype = TACIT_DTYPE_FLOAT32,
         .rank = 4,
         .dims = {given->batch, given->groups * given->features, s_output(given, 0),
                  s_output(given, 1)},
         .data = tacit_span(r, s_count_y(given) * sizeof(float))}};
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    if (tacit_engine_run(engine, inputs, given->add ? 2 : 1, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    size_t count = 0;
    tacit_span_t data = tacit_engine_result_tensors(result, &count)[0].data;
    assert_int_equal(data.size, s_count_y(given) * sizeof(float));
    float *y = malloc(data.size);
    assert_non_null(y);
    memcpy(y, data.data, data.size);
    tacit_engine_result_destroy(&result);
    return y;
}

/*  One output, summed up plainly: map is that of a feature of an image.  */
static double s_expected(const s_case_t *given, const float *x, int64_t map, int64_t row,
                         int64_t column)
{
    int64_t features = given->groups * given->features;
    int64_t f = map % features;
    int64_t first = (map / features * given->groups + f / given->features) * given->channels;
    int64_t window = given->kernel[0] * given->kernel[1];
    double sum = (double)s_weight(f);
    for (int64_t i = 0; i < given->channels * window; i++) {
        int64_t place = i % window;
        int64_t at_row =
            row * given->stride + place / given->kernel[1] * given->dilation - given->pads[0];
        int64_t at_column =
            column * given->stride + place % given->kernel[1] * given->dilation - given->pads[1];
        if (at_row >= 0 && at_row < given->height && at_column >= 0 && at_column < given->width) {
            int64_t at = ((first + i / window) * given->height + at_row) * given->width + at_column;
            sum += (double)x[at] * (double)s_weight(f * given->channels * window + i);
        }
    }
    return sum;
}

static void s_compare(const s_case_t *given, const float *x, const float *r, const float *y)
{
    int64_t height = s_output(given, 0);
    int64_t width = s_output(given, 1);
    for (int64_t i = 0; i < (int64_t)s_count_y(given); i++) {
        double sum = s_expected(given, x, i / (height * width), i / width % height, i % width);
        sum = fmax(0, given->add ? sum + (double)r[i] : sum);
        if (!(fabs((double)y[i] - sum) <= 2e-5)) {
            fail_msg("%s, case %zu, element %lld is %g, not %g", tacit_vector()->name,
                     (size_t)(given - s_cases), (long long)i, (double)y[i], sum);
        }
    }
}

static void s_check(size_t number)
{
    const s_case_t *given = &s_cases[number];
    float *x = s_items(s_count_x(given), false);
    float *r = s_items(s_count_y(given), false);
    float *outputs[2];
    for (unsigned i = 0; i < 2; i++) {
        tacit_engine_t *engine = s_load(given, i + 1);
        outputs[i] = s_run(engine, given, x, r);
        s_check_how(engine, given->how);
        tacit_engine_destroy(&engine);
    }
    s_compare(given, x, r, outputs[0]);
    assert_memory_equal(outputs[0], outputs[1], s_count_y(given) * sizeof(float));
    free(outputs[0]);
    free(outputs[1]);
    free(x);
    free(r);
}

static void groups_are_summed_up(void **state)
{
    (void)state;
    model_each_isa(CASES, s_check);
}

/*  A weight of 0 times infinity would make NaN in the groups next to it; and what was packed before
    does not keep such a map from being convolved as it should be.  */
static void infinity_stays_in_its_group(void **state)
{
    (void)state;
    const s_case_t *given = &s_cases[5];
    size_t each = s_count_y(given) / (size_t)given->groups;
    float *x = s_items(s_count_x(given), false);
    float *r = s_items(s_count_y(given), false);
    tacit_engine_t *engine = s_load(given, 1);
    float *finite = s_run(engine, given, x, r);
    x[0] = INFINITY;
    float *y = s_run(engine, given, x, r);
    assert_true(isinf(y[0]) || y[0] == 0.0F);
    for (size_t i = each; i < s_count_y(given); i++) {
        assert_float_equal(y[i], finite[i], 2e-5F);
    }
    x[0] = NAN;
    free(y);
    y = s_run(engine, given, x, r);
    assert_true(isnan(y[0]));
    for (size_t i = each; i < s_count_y(given); i++) {
        assert_float_equal(y[i], finite[i], 2e-5F);
    }
    tacit_engine_destroy(&engine);
    free(finite);
    free(y);
    free(r);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_summed_up),
        cmocka_unit_test(infinity_stays_in_its_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
