/*  engine_volume_test.c - convolutions in three dimensions of the portable backend beside the plain
    sum, with each instruction set, and any number of threads.  */

#include "engine_model.h"
#include "services/inference/engine/portable/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, SIDES = 3 };

typedef struct {
    int64_t groups, channels, features; /* of a group, both */
    int64_t batch;
    int64_t sides[SIDES], kernel[SIDES], stride[SIDES], dilation[SIDES];
    int64_t pads[2 * SIDES];
    const char *how;
} s_case_t;

static const s_case_t s_cases[] = {
    {1, 3, 20, 2, {5, 7, 9}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, "volume"},
    {1, 40, 72, 1, {4, 5, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, "volume"},
    {1, 18, 5, 3, {6, 5, 4}, {2, 1, 3}, {2, 1, 2}, {2, 1, 1}, {2, 0, 1, 0, 1, 0}, "volume"},
    {1, 17, 33, 1, {3, 4, 5}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}, "volume"},
    {1, 16, 16, 1, {3, 9, 9}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1, 0, 1, 1}, "volume"},
    {2, 16, 16, 1, {4, 5, 6}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, "volume"},
    {6, 4, 4, 1, {4, 5, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, "volume"},
    {18, 1, 1, 1, {4, 5, 6}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, "plain C"},
};

enum { CASES = sizeof s_cases / sizeof *s_cases };

static int64_t s_output(const s_case_t *given, size_t i)
{
    int64_t reach = (given->kernel[i] - 1) * given->dilation[i] + 1;
    return (given->sides[i] + given->pads[i] + given->pads[i + SIDES] - reach) / given->stride[i] +
           1;
}

static int64_t s_window(const s_case_t *given)
{
    return given->kernel[0] * given->kernel[1] * given->kernel[2];
}

static size_t s_count_x(const s_case_t *given)
{
    return (size_t)(given->batch * given->groups * given->channels * given->sides[0] *
                    given->sides[1] * given->sides[2]);
}

static size_t s_count_y(const s_case_t *given)
{
    return (size_t)(given->batch * given->groups * given->features * s_output(given, 0) *
                    s_output(given, 1) * s_output(given, 2));
}

static float s_weight(int64_t i)
{
    return (float)((i * 7919) % 1009) / 1009.0F - 0.5F;
}

static float s_item(int64_t i)
{
    return (float)((i * 104729) % 997) / 997.0F - 0.4F;
}

static float *s_items(size_t count, float (*item)(int64_t i))
{
    float *items = calloc(count, sizeof(float));
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) {
        items[i] = item((int64_t)i);
    }
    return items;
}

static tacit_engine_t *s_load(const s_case_t *given, unsigned threads)
{
    const int64_t dims[] = {given->groups * given->features, given->channels, given->kernel[0],
                            given->kernel[1], given->kernel[2]};
    size_t count = (size_t)(dims[0] * dims[1] * s_window(given));
    Onnx__ModelProto *model = model_new(13);
    float *w = s_items(count + (size_t)dims[0], s_weight);
    model_input(model, "x", F32, given->batch, given->groups * given->channels, given->sides[0],
                given->sides[1], given->sides[2], END);
    (void)model_raw(model, "w", F32, 5, dims, w, count * sizeof(float));
    (void)model_floats(model, "bias", (size_t)dims[0], w);
    free(w);
    Onnx__NodeProto *node = model_node(model, "Conv", "x w bias", "a");
    node_integers(node, "pads", (size_t)2 * SIDES, given->pads);
    node_integers(node, "strides", SIDES, given->stride);
    node_integers(node, "dilations", SIDES, given->dilation);
    node_integer(node, "group", given->groups);
    (void)model_node(model, "Relu", "a", "y");
    model_output(model, "y", F32, given->batch, dims[0], s_output(given, 0), s_output(given, 1),
                 s_output(given, 2), END);
    tacit_engine_options_t options = {.portable = true, .threads = threads, .profile = true};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, &options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    return engine;
}

/*  The outputs, in new memory.  */
static float *s_run(const s_case_t *given, unsigned threads, const float *x)
{
    tacit_engine_t *engine = s_load(given, threads);
    const tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                         .rank = 5,
                                         .dims = {given->batch, given->groups * given->channels,
                                                  given->sides[0], given->sides[1],
                                                  given->sides[2]},
                                         .data = tacit_span(x, s_count_x(given) * sizeof(float))};
    tacit_engine_step_t steps[8];
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    if (tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    size_t count = 0;
    tacit_span_t data = tacit_engine_result_tensors(result, &count)[0].data;
    assert_int_equal(data.size, s_count_y(given) * sizeof(float));
    float *y = malloc(data.size);
    assert_non_null(y);
    memcpy(y, data.data, data.size);
    tacit_engine_result_destroy(&result);
    count = tacit_engine_profile(engine, steps, 8);
    assert_true(count > 0);
    assert_string_equal(steps[0].how, given->how);
    tacit_engine_destroy(&engine);
    return y;
}

/*  One output, summed up plainly: map is that of a feature of an image.  */
static double s_expected(const s_case_t *given, const float *x, int64_t map,
                         const int64_t at[SIDES])
{
    int64_t features = given->groups * given->features;
    int64_t f = map % features;
    int64_t first = (map / features * given->groups + f / given->features) * given->channels;
    double sum = (double)s_weight(f);
    for (int64_t i = 0; i < given->channels * s_window(given); i++) {
        int64_t left = i % s_window(given);
        int64_t places[SIDES] = {left / given->kernel[2] / given->kernel[1],
                                 left / given->kernel[2] % given->kernel[1],
                                 left % given->kernel[2]};
        int64_t element = first + i / s_window(given);
        bool inside = true;
        for (size_t k = 0; k < SIDES; k++) {
            int64_t place =
                at[k] * given->stride[k] + places[k] * given->dilation[k] - given->pads[k];
            inside &= place >= 0 && place < given->sides[k];
            element = element * given->sides[k] + place;
        }
        if (inside) {
            sum += (double)x[element] * (double)s_weight(f * given->channels * s_window(given) + i);
        }
    }
    return sum;
}

static void s_check(size_t number)
{
    const s_case_t *given = &s_cases[number];
    float *x = s_items(s_count_x(given), s_item);
    float *y = s_run(given, 1, x);
    float *shared = s_run(given, 2, x);
    assert_memory_equal(y, shared, s_count_y(given) * sizeof(float));
    for (int64_t i = 0; i < (int64_t)s_count_y(given); i++) {
        int64_t sides[SIDES] = {s_output(given, 0), s_output(given, 1), s_output(given, 2)};
        int64_t at[SIDES] = {i / sides[2] / sides[1] % sides[0], i / sides[2] % sides[1],
                             i % sides[2]};
        double sum = fmax(0, s_expected(given, x, i / sides[2] / sides[1] / sides[0], at));
        if (!(fabs((double)y[i] - sum) <= 4e-5)) {
            fail_msg("%s, case %zu, element %lld is %g, not %g", tacit_vector()->name,
                     (size_t)(given - s_cases), (long long)i, (double)y[i], sum);
        }
    }
    free(x);
    free(y);
    free(shared);
}

static void volumes_are_summed_up(void **state)
{
    (void)state;
    model_each_isa(CASES, s_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
