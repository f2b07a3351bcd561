/*  engine_precision_test.c - an engine computes in the precision that it was asked for, or refuses
   by name.  */

#include "engine_model.h"

#include "services/inference/engine/onednn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { F32 = TACIT_DTYPE_FLOAT32, U8 = TACIT_DTYPE_UINT8, END = MODEL_END, COUNT = 16 * 36 };

/*  A convolution, what pools and adds, and a product at last.  */
static Onnx__ModelProto *s_network(void)
{
    Onnx__ModelProto *model = model_new(13);
    int64_t pads[] = {1, 1, 1, 1};
    int64_t window[] = {2, 2};
    int64_t strides[] = {2, 2};
    model_input(model, "x", F32, 1, 16, 6, 6, END);
    (void)model_weights(model, "w", 16, 16, 3, 3, END);
    (void)model_weights(model, "m", 144, 5, END);
    node_integers(model_node(model, "Conv", "x w", "a"), "pads", 4, pads);
    (void)model_node(model, "Relu", "a", "b");
    (void)model_node(model, "Add", "b x", "c");
    Onnx__NodeProto *pool = model_node(model, "MaxPool", "c", "d");
    node_integers(pool, "kernel_shape", 2, window);
    node_integers(pool, "strides", 2, strides);
    (void)model_node(model, "Flatten", "d", "e");
    (void)model_node(model, "MatMul", "e m", "y");
    model_output(model, "y", F32, 1, 5, END);
    return model;
}

static Onnx__ModelProto *s_quantized(void)
{
    Onnx__ModelProto *model = model_new(13);
    float scale[] = {0.5F};
    model_input(model, "x", F32, 1, 5, END);
    (void)model_floats(model, "s", 1, scale);
    (void)model_node(model, "QuantizeLinear", "x s", "y");
    model_output(model, "y", U8, 1, 5, END);
    model->graph->initializer[0]->n_dims = 0;
    return model;
}

static tacit_status_t s_load(Onnx__ModelProto *model, tacit_precision_t precision, bool portable,
                             tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_engine_options_t options = {
        .precision = precision, .portable = portable, .profile = true};
    return model_load(model, &options, ret_engine, ret_error);
}

static bool s_profile_has(const tacit_engine_t *engine, const char *word)
{
    tacit_engine_step_t steps[32];
    size_t count = tacit_engine_profile(engine, steps, 32);
    for (size_t i = 0; i < count && i < 32; i++) {
        if (strstr(steps[i].how, word) != NULL) {
            return true;
        }
    }
    return false;
}

static void s_run(tacit_engine_t *engine, float ret_numbers[5])
{
    float x[COUNT];
    tacit_error_t error = {0};
    tacit_engine_result_t *result = NULL;
    size_t count = 0;
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = (float)((i * 7919) % 1000) / 500.0F - 1.0F;
    }
    tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                   .rank = 4,
                                   .dims = {1, 16, 6, 6},
                                   .data = tacit_span(x, sizeof(x))};
    if (tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    const tacit_engine_tensor_t *output = tacit_engine_result_tensors(result, &count);
    assert_int_equal(output->data.size, 5 * sizeof(float));
    memcpy(ret_numbers, output->data.data, 5 * sizeof(float));
    tacit_engine_result_destroy(&result);
}

static void test_bf16_is_near_fp32(void **state)
{
    (void)state;
    tacit_engine_t *whole = NULL;
    tacit_engine_t *half = NULL;
    tacit_error_t error = {0};
    float expected[5];
    float got[5];
    float again[5];
    double largest = 0;
    double apart = 0;
    assert_int_equal(tacit_engine_offers(TACIT_PRECISION_BF16, false), tacit_onednn_has_bf16());
    if (!tacit_onednn_has_bf16()) {
        assert_int_equal(s_load(s_network(), TACIT_PRECISION_BF16, false, &half, &error),
                         TACIT_UNSUPPORTED);
        assert_string_equal(error.claim, "precision");
        return;
    }
    assert_int_equal(s_load(s_network(), TACIT_PRECISION_FP32, false, &whole, &error), TACIT_OK);
    assert_int_equal(s_load(s_network(), TACIT_PRECISION_BF16, false, &half, &error), TACIT_OK);
    assert_int_equal(tacit_engine_precision(half), TACIT_PRECISION_BF16);
    s_run(whole, expected);
    s_run(half, got);
    s_run(half, again);
    assert_memory_equal(got, again, sizeof(got));
    for (size_t i = 0; i < 5; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        apart = fmax(apart, fabs((double)expected[i] - (double)got[i]));
    }
    assert_true(apart > 0 && apart < 0.02 * largest);
    assert_true(s_profile_has(half, "bf16"));
    assert_false(s_profile_has(whole, "bf16"));
    tacit_engine_destroy(&whole);
    tacit_engine_destroy(&half);
}

static void test_the_portable_backend_has_no_bf16(void **state)
{
    (void)state;
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    assert_false(tacit_engine_offers(TACIT_PRECISION_BF16, true));
    assert_true(tacit_engine_offers(TACIT_PRECISION_FP32, true));
    assert_true(tacit_engine_offers(TACIT_PRECISION_INT8, true));
    assert_int_equal(s_load(s_network(), TACIT_PRECISION_BF16, true, &engine, &error),
                     TACIT_UNSUPPORTED);
    assert_null(engine);
    assert_string_equal(error.claim, "precision");
    assert_string_equal(error.got, "the portable backend");
}

static void test_int8_needs_a_model_over_bytes(void **state)
{
    (void)state;
    for (int portable = 0; portable < 2; portable++) {
        tacit_engine_t *engine = NULL;
        tacit_error_t error = {0};
        assert_int_equal(s_load(s_network(), TACIT_PRECISION_INT8, portable == 1, &engine, &error),
                         TACIT_UNSUPPORTED);
        assert_string_equal(error.claim, "precision");
        assert_int_equal(
            s_load(s_quantized(), TACIT_PRECISION_INT8, portable == 1, &engine, &error), TACIT_OK);
        assert_int_equal(tacit_engine_precision(engine), TACIT_PRECISION_INT8);
        tacit_engine_destroy(&engine);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < TACIT_PRECISIONS; i++) {
        tacit_precision_t precision = TACIT_PRECISIONS;
        assert_true(
            tacit_precision_from_name(tacit_precision_name((tacit_precision_t)i), &precision));
        assert_int_equal(precision, i);
    }
    tacit_precision_t untouched = TACIT_PRECISION_BF16;
    assert_false(tacit_precision_from_name("fp64", &untouched));
    assert_false(tacit_precision_from_name("", &untouched));
    assert_int_equal(untouched, TACIT_PRECISION_BF16);
    assert_string_equal(tacit_precision_name(TACIT_PRECISIONS), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16_is_near_fp32),
        cmocka_unit_test(test_the_portable_backend_has_no_bf16),
        cmocka_unit_test(test_int8_needs_a_model_over_bytes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
