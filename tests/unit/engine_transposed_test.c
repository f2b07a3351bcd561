/*  engine_transposed_test.c - a ConvTranspose with constant weights, which becomes a Conv and
   Spread, gives what the plain kernel gives, which computes it where the weights come as an input.
 */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END };

enum { S_CHANNELS_MAX = 64, S_ITEMS = S_CHANNELS_MAX * S_CHANNELS_MAX * 16 };

typedef struct s_case {
    int64_t channels, features, group; /* features of a group */
    int64_t kernel, across;            /* the window's height and width; height 0: no height */
    int64_t stride, begin, end;
    int64_t extra; /* output_padding; less than 0: none of the next two either */
    const char *auto_pad;
    int64_t wanted; /* output_shape, in each dimension; 0: none */
} s_case_t;

static const s_case_t s_cases[] = {
    {5, 3, 1, 3, 3, 1, 0, 0, -1, NULL, 0},         {5, 16, 1, 2, 2, 2, 0, 0, -1, NULL, 0},
    {16, 32, 1, 4, 4, 2, 1, 1, -1, NULL, 0},       {16, 16, 1, 3, 3, 2, 1, 1, 1, NULL, 0},
    {8, 5, 1, 5, 2, 3, 1, 0, 2, NULL, 0},          {6, 4, 2, 4, 3, 2, 1, 1, -1, NULL, 0},
    {16, 1, 16, 4, 4, 2, 1, 1, -1, NULL, 0},       {7, 16, 1, 2, 1, 3, 0, 0, -1, NULL, 0},
    {4, 6, 1, 0, 16, 8, 4, 4, -1, NULL, 0},        {16, 16, 1, 0, 4, 2, 1, 1, -1, NULL, 0},
    {4, 3, 1, 3, 3, 2, 0, 0, -1, "SAME_UPPER", 0}, {4, 3, 1, 4, 3, 2, 0, 0, -1, "SAME_LOWER", 0},
    {4, 16, 1, 3, 3, 2, 0, 0, -1, NULL, 11},       {4, 16, 1, 3, 3, 2, 0, 0, -1, NULL, 9},
    {4, 2, 1, 1, 1, 2, 0, 0, 1, NULL, 0},
};

static float s_x[2 * S_CHANNELS_MAX * 30];
static float s_w[S_ITEMS];
static float s_bias[S_CHANNELS_MAX];

static void s_fill(float *items, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525U + 1013904223U;
        items[i] = (float)(int)(seed >> 16 & 0xff) / 128.0F - 1.0F;
    }
}

static void s_pairs(Onnx__NodeProto *node, const char *name, size_t spatial, int64_t item)
{
    node_integers(node, name, spatial, (const int64_t[]){item, item});
}

static Onnx__ModelProto *s_model(const s_case_t *one, bool constant, bool biased)
{
    size_t spatial = one->kernel > 0 ? 2 : 1;
    const int64_t shape[] = {one->channels, one->features, spatial > 1 ? one->kernel : one->across,
                             one->across};
    const int64_t vector[] = {one->features * one->group};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, -1, -1, spatial > 1 ? -1 : END, END);
    if (constant) {
        size_t count = (size_t)(shape[0] * shape[1] * shape[2] * (spatial > 1 ? shape[3] : 1));
        (void)model_raw(model, "w", F32, spatial + 2, shape, s_w, count * sizeof(float));
    } else {
        model_input(model, "w", F32, -1, -1, -1, spatial > 1 ? -1 : END, END);
    }
    (void)model_raw(model, "b", F32, 1, vector, s_bias, (size_t)vector[0] * sizeof(float));
    Onnx__NodeProto *node = model_node(model, "ConvTranspose", biased ? "x w b" : "x w", "z");
    node_integer(node, "group", one->group);
    s_pairs(node, "strides", spatial, one->stride);
    if (one->auto_pad != NULL) {
        node_text(node, "auto_pad", one->auto_pad);
    } else if (one->wanted == 0) {
        const int64_t pads[] = {one->begin, spatial > 1 ? one->begin : one->end, one->end,
                                one->end};
        node_integers(node, "pads", 2 * spatial, pads);
    }
    if (one->extra >= 0) {
        s_pairs(node, "output_padding", spatial, one->extra);
    }
    if (one->wanted > 0) {
        s_pairs(node, "output_shape", spatial, one->wanted);
    }
    (void)model_node(model, "Relu", "z", "y");
    model_output(model, "y", F32, -1, -1, -1, spatial > 1 ? -1 : END, END);
    return model;
}

static tacit_engine_result_t *s_run(const s_case_t *one, bool constant, bool biased, bool portable,
                                    tacit_engine_t **ret_engine)
{
    size_t spatial = one->kernel > 0 ? 2 : 1;
    tacit_engine_options_t options = {.portable = portable};
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    tacit_engine_tensor_t inputs[] = {
        {tacit_span_string("x"),
         TACIT_DTYPE_FLOAT32,
         spatial + 2,
         {2, one->channels, 5, 4},
         {NULL, 0}},
        {tacit_span_string("w"),
         TACIT_DTYPE_FLOAT32,
         spatial + 2,
         {one->channels, one->features, spatial > 1 ? one->kernel : one->across, one->across},
         {NULL, 0}}};
    for (size_t i = 0; i < 2; i++) {
        size_t count = 1;
        for (size_t k = 0; k < inputs[i].rank; k++) {
            count *= (size_t)inputs[i].dims[k];
        }
        inputs[i].data = tacit_span(i == 0 ? s_x : s_w, count * sizeof(float));
    }
    if (model_load(s_model(one, constant, biased), &options, ret_engine, &error) != TACIT_OK ||
        tacit_engine_run(*ret_engine, inputs, constant ? 1 : 2, &result, &error) != TACIT_OK) {
        fail_msg("case %td: %s (%s, %s)", one - s_cases, error.message, error.expected, error.got);
    }
    return result;
}

static void test_as_the_plain_kernel(void **state)
{
    (void)state;
    s_fill(s_x, sizeof s_x / sizeof s_x[0], 1);
    s_fill(s_w, S_ITEMS, 2);
    s_fill(s_bias, S_CHANNELS_MAX, 3);
    for (size_t n = 0; n < sizeof s_cases / sizeof s_cases[0] * 4; n++) {
        const s_case_t *one = &s_cases[n / 4];
        tacit_engine_t *engines[2] = {NULL};
        tacit_engine_result_t *results[2];
        const tacit_engine_tensor_t *tensors[2];
        for (size_t k = 0; k < 2; k++) {
            size_t count = 0;
            results[k] = s_run(one, k == 0, (n & 1) != 0, (n & 2) != 0, &engines[k]);
            tensors[k] = tacit_engine_result_tensors(results[k], &count);
        }
        assert_memory_equal(tensors[0]->dims, tensors[1]->dims, sizeof tensors[0]->dims);
        assert_int_equal(tensors[0]->data.size, tensors[1]->data.size);
        for (size_t i = 0; i < tensors[0]->data.size / sizeof(float); i++) {
            float a = ((const float *)(const void *)tensors[0]->data.data)[i];
            float b = ((const float *)(const void *)tensors[1]->data.data)[i];
            if (!(fabsf(a - b) <= 1e-4F)) {
                fail_msg("case %zu, backend %zu: %g and %g at %zu", n / 4, n >> 1 & 1, (double)a,
                         (double)b, i);
            }
        }
        for (size_t k = 0; k < 2; k++) {
            tacit_engine_result_destroy(&results[k]);
            tacit_engine_destroy(&engines[k]);
        }
    }
}

/*  What cannot be: refused as the plain kernel refuses it.  */
static void test_refuses_what_does_not_fit(void **state)
{
    static const s_case_t wrong[] = {
        {4, 2, 1, 1, 1, 1, 3, 3, -1, NULL, 0}, /* nothing is left */
        {4, 2, 3, 2, 2, 2, 0, 0, -1, NULL, 0}, /* groups */
    };
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        tacit_engine_t *engine = NULL;
        tacit_engine_result_t *result = NULL;
        tacit_error_t error = {0};
        tacit_engine_tensor_t input = {tacit_span_string("x"),
                                       TACIT_DTYPE_FLOAT32,
                                       4,
                                       {1, 4, 5, 4},
                                       tacit_span(s_x, 80 * sizeof(float))};
        assert_int_equal(model_load(s_model(&wrong[n], true, true), NULL, &engine, &error),
                         TACIT_OK);
        assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_BAD_INPUT);
        tacit_engine_destroy(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_plain_kernel),
        cmocka_unit_test(test_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("engine_transposed", tests, NULL, NULL);
}
