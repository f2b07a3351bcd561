/*  engine_weights_test.c - where weights are while a model is loaded and run: read from the file's
    own bytes, which go meanwhile; packed, and gone as they came; there again for other shapes.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, CHANNELS = 64, FEATURES = 256, OUTPUTS = 32 };

static const tacit_engine_options_t s_backends[] = {{.portable = false}, {.portable = true}};

enum { BACKENDS = sizeof s_backends / sizeof *s_backends };

/*  The elements as a list of numbers, not as raw bytes.  */
static void s_make_list(Onnx__TensorProto *tensor)
{
    tensor->n_float_data = tensor->raw_data.len / sizeof(float);
    tensor->float_data = (float *)(void *)tensor->raw_data.data;
    tensor->raw_data = (ProtobufCBinaryData){0};
    tensor->has_raw_data = false;
}

/*  Maps of any size: 3 x 3 to as many channels, 1 x 1 to more, their means, a product.  */
static Onnx__ModelProto *s_network(bool raw)
{
    static const int64_t one[] = {1, 1, 1, 1};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, CHANNELS, -1, -1, END);
    Onnx__TensorProto *weights[] = {
        model_weights(model, "v", CHANNELS, CHANNELS, 3, 3, END),
        model_weights(model, "w", FEATURES, CHANNELS, 1, 1, END),
        model_weights(model, "u", FEATURES, OUTPUTS * 4, END),
    };
    node_integers(model_node(model, "Conv", "x v", "a"), "pads", 4, one);
    (void)model_node(model, "Relu", "a", "b");
    (void)model_node(model, "Conv", "b w", "c");
    (void)model_node(model, "GlobalAveragePool", "c", "d");
    (void)model_node(model, "Flatten", "d", "e");
    (void)model_node(model, "MatMul", "e u", "y");
    model_output(model, "y", F32, -1, OUTPUTS * 4, END);
    for (size_t i = 0; !raw && i < sizeof weights / sizeof *weights; i++) {
        s_make_list(weights[i]);
    }
    return model;
}

static tacit_engine_t *s_load(Onnx__ModelProto *model, const tacit_engine_options_t *options)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    return engine;
}

typedef struct {
    int64_t batch, side;
    float first; /* of the input's elements */
} s_case_t;

/*  The outputs, in new memory.  */
static float *s_run(tacit_engine_t *engine, const s_case_t *given, size_t *ret_count)
{
    size_t count = (size_t)(given->batch * CHANNELS * given->side * given->side);
    float *x = calloc(count + 1, sizeof(float));
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    assert_non_null(x);
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)(i % 251) / 251.0F - 0.5F;
    }
    x[0] = given->first;
    tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                   .rank = 4,
                                   .dims = {given->batch, CHANNELS, given->side, given->side},
                                   .data = tacit_span(x, count * sizeof(float))};
    if (tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    size_t outputs = 0;
    const tacit_engine_tensor_t *output = tacit_engine_result_tensors(result, &outputs);
    float *y = malloc(output->data.size + 1);
    assert_non_null(y);
    memcpy(y, output->data.data, output->data.size);
    *ret_count = output->data.size / sizeof(float);
    tacit_engine_result_destroy(&result);
    free(x);
    return y;
}

static void s_expect_same(const float *got, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool same = isnan(expected[i])
                        ? isnan(got[i]) != 0
                        : fabsf(got[i] - expected[i]) <= 1e-4F + 1e-4F * fabsf(expected[i]);
        if (!same) {
            fail_msg("element %zu: %g, expected %g", i, (double)got[i], (double)expected[i]);
        }
    }
}

/*  From a text, where large weights stay.  */
static tacit_engine_t *s_load_text(Onnx__ModelProto *model, const tacit_engine_options_t *options)
{
    size_t size = 0;
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    tacit_engine_t *engine = NULL;
    tacit_engine_text_t *text = NULL;
    assert_int_equal(tacit_engine_text_new(size, false, &text, NULL), TACIT_OK);
    memcpy(tacit_engine_text_data(text), bytes, size);
    free(bytes);
    assert_int_equal(tacit_engine_load_text(&text, options, &engine, NULL), TACIT_OK);
    assert_null(text);
    return engine;
}

/*  One engine for all shapes, in an order that changes what they are packed for; beside it a new
   one for each.  */
static void test_other_shapes_have_the_weights_still(void **state)
{
    (void)state;
    static const s_case_t cases[] = {{1, 6, 1}, {1, 16, 1},  {3, 16, 1}, {1, 16, NAN}, {5, 7, 1},
                                     {0, 8, 1}, {1, 6, NAN}, {2, 9, -1}, {1, 6, 1},    {1, 31, 2}};
    for (size_t i = 0; i < 2 * BACKENDS; i++) {
        const tacit_engine_options_t *backend = &s_backends[i / 2];
        tacit_engine_t *engine =
            i % 2 == 0 ? s_load(s_network(true), backend) : s_load_text(s_network(true), backend);
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            size_t count = 0;
            size_t expected_count = 0;
            tacit_engine_t *fresh = s_load(s_network(true), backend);
            float *got = s_run(engine, &cases[k], &count);
            float *expected = s_run(fresh, &cases[k], &expected_count);
            assert_int_equal(count, cases[k].batch * OUTPUTS * 4);
            assert_int_equal(count, expected_count);
            s_expect_same(got, expected, count);
            free(expected);
            free(got);
            tacit_engine_destroy(&fresh);
        }
        tacit_engine_destroy(&engine);
    }
}

static void test_raw_elements_are_those_of_the_list(void **state)
{
    (void)state;
    static const s_case_t given = {1, 6, 1};
    for (size_t i = 0; i < BACKENDS; i++) {
        size_t count = 0;
        tacit_engine_t *raw = s_load(s_network(true), &s_backends[i]);
        tacit_engine_t *listed = s_load(s_network(false), &s_backends[i]);
        float *got = s_run(raw, &given, &count);
        float *expected = s_run(listed, &given, &count);
        assert_memory_equal(got, expected, count * sizeof(float));
        free(expected);
        free(got);
        tacit_engine_destroy(&listed);
        tacit_engine_destroy(&raw);
    }
}

/*  A product alone, of 4 MiB: both what came and what was packed would be 8.  */
static void test_weights_are_there_once(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1, CHANNELS, 14, 14, END);
    (void)model_weights(model, "w", 1024, CHANNELS, 4, 4, END);
    (void)model_node(model, "Conv", "x w", "y");
    model_output(model, "y", F32, 1, 1024, 11, 11, END);
    size_t size = 0;
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    for (size_t i = 0; i < BACKENDS; i++) {
        tacit_engine_t *engine = NULL;
        assert_int_equal(tacit_engine_load(tacit_span(bytes, size), &s_backends[i], &engine, NULL),
                         TACIT_OK);
        assert_true(tacit_engine_memory(engine) < size + size / 2);
        tacit_engine_destroy(&engine);
    }
    free(bytes);
}

/* --- texts that go ---------------------------------------------------------------------------- */

static tacit_engine_text_t *s_text(const uint8_t *bytes, size_t size)
{
    tacit_engine_text_t *text = NULL;
    assert_int_equal(tacit_engine_text_new(size, false, &text, NULL), TACIT_OK);
    memcpy(tacit_engine_text_data(text), bytes, size);
    return text;
}

static void test_a_text_that_goes_is_read_as_one_that_stays(void **state)
{
    (void)state;
    static const s_case_t given = {1, 6, 1};
    size_t size = 0;
    Onnx__ModelProto *model = s_network(true);
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    for (size_t i = 0; i < BACKENDS; i++) {
        size_t count = 0;
        tacit_engine_t *engines[2] = {NULL, NULL};
        tacit_engine_text_t *text = s_text(bytes, size);
        assert_int_equal(tacit_engine_load_text(&text, &s_backends[i], &engines[0], NULL),
                         TACIT_OK);
        assert_null(text);
        assert_int_equal(
            tacit_engine_load(tacit_span(bytes, size), &s_backends[i], &engines[1], NULL),
            TACIT_OK);
        float *got = s_run(engines[0], &given, &count);
        float *expected = s_run(engines[1], &given, &count);
        assert_memory_equal(got, expected, count * sizeof(float));
        free(expected);
        free(got);
        tacit_engine_destroy(&engines[0]);
        tacit_engine_destroy(&engines[1]);
    }
    free(bytes);
}

/*  Tables that nothing packs stay where they came; small constants before, between and behind.  */
static void test_a_text_keeps_tables(void **state)
{
    (void)state;
    enum { ROWS = 300, LENGTH = 64 };
    for (size_t i = 0; i < BACKENDS; i++) {
        float *got[2] = {NULL, NULL};
        for (size_t k = 0; k < 2; k++) {
            Onnx__ModelProto *model = model_new(13);
            model_input(model, "x", F32, -1, CHANNELS, -1, -1, END);
            (void)model_weights(model, "before", LENGTH, END);
            (void)model_weights(model, "one", ROWS, LENGTH, END);
            (void)model_weights(model, "between", ROWS, 1, END);
            (void)model_weights(model, "other", ROWS, LENGTH, END);
            (void)model_weights(model, "behind", LENGTH, END);
            (void)model_node(model, "Add", "one before", "a");
            (void)model_node(model, "Mul", "a between", "b");
            (void)model_node(model, "Sub", "b other", "c");
            (void)model_node(model, "Add", "c behind", "d");
            (void)model_node(model, "GlobalAveragePool", "x", "mean");
            (void)model_node(model, "Flatten", "mean", "row");
            (void)model_node(model, "Add", "d row", "y");
            model_output(model, "y", F32, ROWS, LENGTH, END);
            static const s_case_t given = {1, 2, 1};
            size_t count = 0;
            tacit_engine_t *engine =
                k == 0 ? s_load(model, &s_backends[i]) : s_load_text(model, &s_backends[i]);
            got[k] = s_run(engine, &given, &count);
            assert_int_equal(count, ROWS * LENGTH);
            tacit_engine_destroy(&engine);
        }
        assert_memory_equal(got[0], got[1], ROWS * LENGTH * sizeof(float));
        free(got[0]);
        free(got[1]);
    }
}

static void test_a_refused_text_goes_too(void **state)
{
    (void)state;
    size_t size = 0;
    Onnx__ModelProto *model = s_network(true);
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    const size_t sizes[] = {1, size / 2, size - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tacit_engine_t *engine = NULL;
        tacit_engine_text_t *text = s_text(bytes, sizes[i]);
        assert_int_equal(tacit_engine_load_text(&text, NULL, &engine, NULL), TACIT_MALFORMED);
        assert_null(text);
        assert_null(engine);
    }
    free(bytes);
}

static void test_texts_are_limited(void **state)
{
    (void)state;
    tacit_engine_text_t *text = NULL;
    assert_int_equal(tacit_engine_text_new(0, false, &text, NULL), TACIT_MALFORMED);
    assert_int_equal(
        tacit_engine_text_new((size_t)TACIT_ENGINE_MODEL_SIZE_MAX + 1, false, &text, NULL),
        TACIT_TOO_LARGE);
    assert_int_equal(tacit_engine_text_new(TACIT_ENGINE_MODEL_SIZE_MAX, false, &text, NULL),
                     TACIT_OK);
    tacit_engine_text_destroy(&text);
    assert_null(text);
    tacit_engine_text_destroy(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_shapes_have_the_weights_still),
        cmocka_unit_test(test_raw_elements_are_those_of_the_list),
        cmocka_unit_test(test_weights_are_there_once),
        cmocka_unit_test(test_a_text_that_goes_is_read_as_one_that_stays),
        cmocka_unit_test(test_a_text_keeps_tables),
        cmocka_unit_test(test_a_refused_text_goes_too),
        cmocka_unit_test(test_texts_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
