/*  engine_test.c - what the engine computes, and what it refuses at run.

    Small models built by hand (engine_model.h); refusals at load are in engine_refusal_test.c.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { F32 = TACIT_DTYPE_FLOAT32, I64 = TACIT_DTYPE_INT64, END = MODEL_END };

static const tacit_engine_options_t s_backends[] = {{.portable = false}, {.portable = true}};

static tacit_engine_tensor_t s_floats(const char *name, const float *items, size_t rank,
                                      const int64_t *dims)
{
    tacit_engine_tensor_t tensor = {
        .name = tacit_span_string(name), .dtype = TACIT_DTYPE_FLOAT32, .rank = rank};
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        tensor.dims[i] = dims[i];
        count *= (size_t)dims[i];
    }
    tensor.data = tacit_span(items, count * sizeof(float));
    return tensor;
}

static tacit_engine_t *s_load(Onnx__ModelProto *model, const tacit_engine_options_t *options)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s (%s, %s, %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    return engine;
}

static tacit_engine_result_t *s_run(tacit_engine_t *engine, const tacit_engine_tensor_t *inputs,
                                    size_t count)
{
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    if (tacit_engine_run(engine, inputs, count, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s (%s, %s, %s)", error.message, error.claim, error.expected, error.got);
    }
    return result;
}

static const float *s_result_floats(const tacit_engine_result_t *result)
{
    size_t count = 0;
    const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
    assert_true(count >= 1);
    assert_int_equal(tensors[0].dtype, TACIT_DTYPE_FLOAT32);
    return (const float *)(const void *)tensors[0].data.data;
}

/*  y = relu(x W + b), x [N, 3], W [3, 2].  */
static Onnx__ModelProto *s_perceptron(void)
{
    static const float weights[] = {1, -1, 2, 0.5F, 3, -2};
    static const float bias[] = {0.5F, 1};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, 3, END);
    Onnx__TensorProto *w = model_floats(model, "w", 6, weights);
    w->dims = realloc(w->dims, 2 * sizeof(int64_t));
    assert_non_null(w->dims);
    w->n_dims = 2;
    w->dims[0] = 3;
    w->dims[1] = 2;
    (void)model_floats(model, "b", 2, bias);
    (void)model_node(model, "Gemm", "x w b", "z");
    (void)model_node(model, "Relu", "z", "y");
    model_output(model, "y", F32, -1, 2, END);
    model_metadata(model, "labels", "benign,malignant");
    return model;
}

static void test_describes_itself(void **state)
{
    (void)state;
    tacit_engine_t *engine = s_load(s_perceptron(), NULL);
    size_t count = 0;
    const tacit_engine_value_t *inputs = tacit_engine_inputs(engine, &count);
    assert_int_equal(count, 1);
    assert_string_equal(inputs[0].name, "x");
    assert_int_equal(inputs[0].dtype, TACIT_DTYPE_FLOAT32);
    assert_true(inputs[0].ranked);
    assert_int_equal(inputs[0].rank, 2);
    assert_int_equal(inputs[0].dims[0], -1);
    assert_int_equal(inputs[0].dims[1], 3);
    assert_string_equal(tacit_engine_outputs(engine, &count)[0].name, "y");
    assert_int_equal(tacit_engine_opset(engine), 13);
    assert_string_equal(tacit_engine_labels(engine), "benign,malignant");
    assert_int_equal(tacit_engine_parameter_count(engine), 8);
    const char *const *operators = tacit_engine_operators(engine, &count);
    assert_int_equal(count, 2);
    assert_string_equal(operators[0], "Gemm");
    assert_string_equal(operators[1], "Relu");
    tacit_engine_destroy(&engine);
    assert_null(engine);
    tacit_engine_destroy(&engine);
}

static void test_computes_a_perceptron(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, -1, -1, -1};
    static const float expected[] = {14.5F, 0, 0, 3.5F};
    const int64_t dims[] = {2, 3};
    tacit_engine_tensor_t input = s_floats("x", x, 2, dims);
    for (size_t i = 0; i < 2; i++) {
        tacit_engine_t *engine = s_load(s_perceptron(), &s_backends[i]);
        tacit_engine_result_t *result = s_run(engine, &input, 1);
        size_t count = 0;
        const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
        assert_int_equal(count, 1);
        assert_int_equal(tensors[0].rank, 2);
        assert_int_equal(tensors[0].dims[0], 2);
        assert_int_equal(tensors[0].dims[1], 2);
        assert_memory_equal(tensors[0].data.data, expected, sizeof(expected));
        tacit_engine_result_destroy(&result);
        assert_null(result);
        tacit_engine_destroy(&engine);
    }
}

static void test_every_batch_gives_the_same_rows(void **state)
{
    (void)state;
    float x[3 * 9];
    for (size_t i = 0; i < 27; i++) {
        x[i] = (float)i / 7.0F - 2.0F;
    }
    tacit_engine_t *engine = s_load(s_perceptron(), NULL);
    size_t after = 0;
    for (int64_t round = 0; round < 36; round++) {
        const int64_t dims[] = {round % 9 + 1, 3}; /* more shapes than are kept */
        tacit_engine_tensor_t input = s_floats("x", x, 2, dims);
        tacit_engine_result_t *result = s_run(engine, &input, 1);
        const float *y = s_result_floats(result);
        for (int64_t i = 0; i < dims[0]; i++) {
            float z = x[3 * i] + 2 * x[3 * i + 1] + 3 * x[3 * i + 2] + 0.5F;
            assert_true(fabsf(y[2 * i] - fmaxf(z, 0)) < 1e-4F);
        }
        tacit_engine_result_destroy(&result);
        if (round == 17) {
            after = tacit_engine_memory(engine);
        }
    }
    assert_int_equal(tacit_engine_memory(engine), after);
    tacit_engine_destroy(&engine);
}

static void test_unaligned_input(void **state)
{
    (void)state;
    uint8_t bytes[1 + 3 * sizeof(float)];
    static const float x[] = {1, 2, 3};
    memcpy(bytes + 1, x, sizeof(x));
    const int64_t dims[] = {1, 3};
    tacit_engine_tensor_t input = s_floats("x", x, 2, dims);
    input.data.data = bytes + 1;
    tacit_engine_t *engine = s_load(s_perceptron(), NULL);
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    assert_true(s_result_floats(result)[0] == 14.5F);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

/* --- refusals at run -------------------------------------------------------------------------- */

static void s_expect_refusal(const tacit_engine_tensor_t *inputs, size_t count, const char *claim,
                             const char *expected, const char *got)
{
    tacit_engine_t *engine = s_load(s_perceptron(), NULL);
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    assert_int_equal(tacit_engine_run(engine, inputs, count, &result, &error), TACIT_BAD_INPUT);
    assert_int_equal(error.code, TACIT_BAD_INPUT);
    assert_null(result);
    assert_string_equal(error.claim, claim);
    assert_string_equal(error.expected, expected);
    assert_string_equal(error.got, got);
    assert_int_equal(tacit_engine_run(engine, inputs, count, &result, NULL), TACIT_BAD_INPUT);
    tacit_engine_destroy(&engine);
}

static void test_refuses_wrong_inputs(void **state)
{
    (void)state;
    static const float x[16] = {0};
    const int64_t good[] = {2, 3};
    const int64_t wide[] = {2, 4};
    const int64_t negative[] = {-1, 3};
    tacit_engine_tensor_t input = s_floats("x", x, 2, good);
    tacit_engine_tensor_t two[] = {input, input};
    s_expect_refusal(two, 0, "inputs", "1 inputs", "0 inputs");
    s_expect_refusal(two, 2, "inputs", "1 inputs", "2 inputs");
    tacit_engine_tensor_t wrong = s_floats("x", x, 2, wide);
    s_expect_refusal(&wrong, 1, "x", "[?, 3]", "[2, 4]");
    wrong = s_floats("z", x, 2, good);
    s_expect_refusal(&wrong, 1, "x", "a tensor of this name", "none");
    wrong = s_floats("x", x, 1, good);
    s_expect_refusal(&wrong, 1, "x", "[?, 3]", "[2]");
    wrong = input;
    wrong.rank = TACIT_ENGINE_RANK_MAX + 1;
    s_expect_refusal(&wrong, 1, "x", "[?, 3]", "[2, 3, 0, 0, 0, 0, 0, 0]");
    wrong = input;
    memcpy(wrong.dims, negative, sizeof(negative));
    s_expect_refusal(&wrong, 1, "x", "[?, 3]", "[?, 3]");
    wrong = input;
    wrong.dtype = TACIT_DTYPE_INT32;
    s_expect_refusal(&wrong, 1, "x", "float32", "int32");
    wrong = input;
    wrong.data.size--;
    s_expect_refusal(&wrong, 1, "x", "24 bytes", "23 bytes");
    wrong.data.size += 2;
    s_expect_refusal(&wrong, 1, "x", "24 bytes", "25 bytes");
    wrong = input;
    wrong.dims[0] = INT64_MAX;
    s_expect_refusal(&wrong, 1, "x", "0 bytes", "24 bytes");
}

static void test_an_only_input_needs_no_name(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3};
    const int64_t dims[] = {1, 3};
    tacit_engine_tensor_t input = s_floats("", x, 2, dims);
    tacit_engine_t *engine = s_load(s_perceptron(), NULL);
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    assert_true(s_result_floats(result)[0] == 14.5F);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

static void test_memory_limit(void **state)
{
    (void)state;
    enum { ROWS = 100000 };
    float *x = calloc((size_t)ROWS * 3, sizeof(float));
    assert_non_null(x);
    const tacit_engine_options_t options = {.memory_limit = 1 << 20};
    tacit_engine_t *engine = s_load(s_perceptron(), &options);
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    int64_t dims[] = {ROWS, 3};
    tacit_engine_tensor_t input = s_floats("x", x, 2, dims);
    assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_TOO_LARGE);
    assert_int_equal(error.code, TACIT_TOO_LARGE);
    dims[0] = 1;
    input = s_floats("x", x, 2, dims);
    result = s_run(engine, &input, 1);
    tacit_engine_result_destroy(&result);
    assert_true(tacit_engine_memory(engine) <= options.memory_limit);
    tacit_engine_destroy(&engine);
    const tacit_engine_options_t tiny = {.memory_limit = 1000};
    assert_int_equal(model_load(s_perceptron(), &tiny, &engine, &error), TACIT_TOO_LARGE);
    assert_null(engine);
    const tacit_engine_options_t crowded = {.threads = TACIT_ENGINE_THREADS_MAX + 1};
    assert_int_equal(model_load(s_perceptron(), &crowded, &engine, &error), TACIT_BAD_INPUT);
    free(x);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void s_check_extremes(Onnx__ModelProto *model, const tacit_engine_options_t *options)
{
    static const float x[] = {NAN, 1, -INFINITY, INFINITY};
    const int64_t dims[] = {1, 1, 2, 2};
    tacit_engine_tensor_t input = s_floats("x", x, 4, dims);
    tacit_engine_t *engine = s_load(model, options);
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    const float *y = s_result_floats(result);
    assert_true(isnan(y[0]));
    assert_true(y[1] == 1);
    assert_true(y[2] == 0);
    tacit_engine_result_destroy(&result);
    /* Numbers without NaN take the other plan, and the NaN is gone.  */
    static const float plain[] = {-2, 1, 0, 3};
    input = s_floats("x", plain, 4, dims);
    result = s_run(engine, &input, 1);
    assert_true(s_result_floats(result)[0] == 0);
    assert_true(s_result_floats(result)[3] == 3 || s_result_floats(result)[3] == 6);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

static void test_nan_flows(void **state)
{
    (void)state;
    static const float one = 1;
    static const float bounds[] = {0, 6};
    const int64_t window[] = {1, 1};
    for (size_t i = 0; i < 2; i++) {
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", F32, -1, 1, 2, 2, END);
        Onnx__TensorProto *w = model_floats(model, "w", 1, &one);
        w->dims = realloc(w->dims, 4 * sizeof(int64_t));
        assert_non_null(w->dims);
        w->n_dims = 4;
        w->dims[0] = w->dims[1] = w->dims[2] = w->dims[3] = 1;
        (void)model_node(model, "Conv", "x w", "a");
        (void)model_node(model, "Relu", "a", "b");
        node_integers(model_node(model, "MaxPool", "b", "y"), "kernel_shape", 2, window);
        model_output(model, "y", F32, -1, 1, 2, 2, END);
        s_check_extremes(model, &s_backends[i]);
        model = model_new(13);
        model_input(model, "x", F32, -1, 1, 2, 2, END);
        model_floats(model, "low", 1, &bounds[0])->n_dims = 0;
        model_floats(model, "high", 1, &bounds[1])->n_dims = 0;
        (void)model_node(model, "Clip", "x low high", "y");
        model_output(model, "y", F32, -1, 1, 2, 2, END);
        s_check_extremes(model, &s_backends[i]);
    }
}

static void test_integers_never_trap(void **state)
{
    (void)state;
    static const int64_t a[] = {7, INT64_MIN, -9, INT64_MAX};
    static const int64_t b[] = {0, -1, 2, INT64_MAX};
    static const int64_t quotients[] = {0, INT64_MIN, -4, 1};
    const int64_t dims[] = {4};
    Onnx__ModelProto *model = model_new(14);
    model_input(model, "a", I64, 4, END);
    model_input(model, "b", I64, 4, END);
    (void)model_node(model, "Div", "a b", "q");
    (void)model_node(model, "Mul", "a b", "p");
    model_output(model, "q", I64, 4, END);
    model_output(model, "p", I64, 4, END);
    tacit_engine_t *engine = s_load(model, NULL);
    tacit_engine_tensor_t inputs[] = {
        {tacit_span_string("b"), TACIT_DTYPE_INT64, 1, {4}, tacit_span(b, sizeof(b))},
        {tacit_span_string("a"), TACIT_DTYPE_INT64, 1, {4}, tacit_span(a, sizeof(a))}};
    tacit_engine_result_t *result = s_run(engine, inputs, 2);
    size_t count = 0;
    const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
    assert_int_equal(count, 2);
    assert_memory_equal(tensors[0].data.data, quotients, sizeof(quotients));
    assert_int_equal(dims[0], tensors[1].dims[0]);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

/*  Indices are elements of an input: what lies outside is found while running.  */
static void test_indices_stay_inside(void **state)
{
    (void)state;
    static const float data[] = {1, 2, 3};
    static const int64_t good[] = {-3, 2};
    static const int64_t bad[][2] = {{0, 3}, {-4, 0}, {INT64_MIN, 0}, {0, INT64_MAX}};
    Onnx__ModelProto *model = model_new(14);
    model_input(model, "i", I64, 2, END);
    (void)model_floats(model, "data", 3, data);
    Onnx__NodeProto *node = model_node(model, "Gather", "data i", "y");
    node->name = strdup("pick");
    model_output(model, "y", F32, 2, END);
    tacit_engine_t *engine = s_load(model, NULL);
    tacit_engine_tensor_t input = {
        tacit_span_string("i"), TACIT_DTYPE_INT64, 1, {2}, tacit_span(good, sizeof(good))};
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    size_t count = 0;
    const float *y = (const float *)tacit_engine_result_tensors(result, &count)[0].data.data;
    assert_true(y[0] == 1.0F && y[1] == 3.0F);
    tacit_engine_result_destroy(&result);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tacit_error_t error = {0};
        input.data = tacit_span(bad[i], sizeof(bad[i]));
        assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_BAD_INPUT);
        assert_string_equal(error.claim, "node pick");
    }
    tacit_engine_destroy(&engine);
}

/*  A model of many large products: longer than a millisecond, however fast the machine.  */
static Onnx__ModelProto *s_long_model(void)
{
    Onnx__ModelProto *model = model_new(14);
    model_input(model, "v0", F32, 256, 256, END);
    for (unsigned i = 0; i < 12; i++) {
        char inputs[32];
        char output[16];
        (void)snprintf(inputs, sizeof(inputs), "v%u v%u", i, i);
        (void)snprintf(output, sizeof(output), "v%u", i + 1);
        (void)model_node(model, "MatMul", inputs, output);
    }
    model_output(model, "v12", F32, 256, 256, END);
    return model;
}

static void test_time_is_limited(void **state)
{
    (void)state;
    for (unsigned portable = 0; portable < 2; portable++) {
        tacit_engine_options_t options = {.portable = portable == 1, .run_ms = 60000};
        tacit_engine_t *engine = s_load(s_long_model(), &options);
        size_t size = 256 * 256 * sizeof(float);
        uint8_t *zeros = calloc(1, size);
        assert_non_null(zeros);
        tacit_engine_tensor_t input = {
            tacit_span_string("v0"), TACIT_DTYPE_FLOAT32, 2, {256, 256}, tacit_span(zeros, size)};
        tacit_engine_cancel(engine); /* between runs it has no effect */
        tacit_engine_result_t *result = s_run(engine, &input, 1);
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
        free(zeros);
    }
    /* Planning alone takes longer than this, or running does.  */
    tacit_engine_options_t options = {.portable = true, .run_ms = 1};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    tacit_status_t status = model_load(s_long_model(), &options, &engine, &error);
    if (status == TACIT_OK) {
        size_t size = 256 * 256 * sizeof(float);
        uint8_t *zeros = calloc(1, size);
        tacit_engine_tensor_t input = {
            tacit_span_string("v0"), TACIT_DTYPE_FLOAT32, 2, {256, 256}, tacit_span(zeros, size)};
        tacit_engine_result_t *result = NULL;
        status = tacit_engine_run(engine, &input, 1, &result, &error);
        assert_null(result);
        free(zeros);
    }
    assert_int_equal(status, TACIT_DEADLINE_EXCEEDED);
    assert_int_equal(error.code, TACIT_DEADLINE_EXCEEDED);
    tacit_engine_destroy(&engine);
}

static void test_casts_saturate(void **state)
{
    (void)state;
    static const float x[] = {NAN, 300.7F, -1e30F, -3.9F, INFINITY};
    static const uint8_t narrow[] = {0, 255, 0, 0, 255};
    static const int64_t wide[] = {0, 300, INT64_MIN, -3, INT64_MAX};
    const int64_t dims[] = {5};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 5, END);
    node_integer(model_node(model, "Cast", "x", "u"), "to", TACIT_DTYPE_UINT8);
    node_integer(model_node(model, "Cast", "x", "i"), "to", TACIT_DTYPE_INT64);
    model_output(model, "u", TACIT_DTYPE_UINT8, 5, END);
    model_output(model, "i", I64, 5, END);
    tacit_engine_t *engine = s_load(model, NULL);
    tacit_engine_tensor_t input = s_floats("x", x, 1, dims);
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    size_t count = 0;
    const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
    assert_memory_equal(tensors[0].data.data, narrow, sizeof(narrow));
    assert_memory_equal(tensors[1].data.data, wide, sizeof(wide));
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

/* --- the two backends, and merging ------------------------------------------------------------ */

static void s_window(Onnx__NodeProto *node, int64_t size, int64_t stride, int64_t pad)
{
    const int64_t kernel[] = {size, size};
    const int64_t strides[] = {stride, stride};
    const int64_t pads[] = {pad, pad, pad, pad};
    node_integers(node, "kernel_shape", 2, kernel);
    node_integers(node, "strides", 2, strides);
    node_integers(node, "pads", 4, pads);
}

static void s_normalize(Onnx__ModelProto *model, const char *prefix, int channels,
                        const char *input, const char *output)
{
    static const char *const parts[] = {"scale", "shift", "mean", "variance"};
    char inputs[128];
    (void)snprintf(inputs, sizeof(inputs), "%s", input);
    for (size_t i = 0; i < 4; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s_%s", prefix, parts[i]);
        Onnx__TensorProto *tensor = model_weights(model, name, channels, END);
        for (int k = 0; i == 3 && k < channels; k++) {
            float variance;
            memcpy(&variance, tensor->raw_data.data + (size_t)k * sizeof(float), sizeof(float));
            variance = variance * variance + 0.1F;
            memcpy(tensor->raw_data.data + (size_t)k * sizeof(float), &variance, sizeof(float));
        }
        size_t used = strlen(inputs);
        (void)snprintf(inputs + used, sizeof(inputs) - used, " %s", name);
    }
    (void)model_node(model, "BatchNormalization", inputs, output);
}

/*  A network with everything that is merged or kept in oneDNN's layout: convolutions with
    normalization and activations, depthwise, a sum, a join, pools, a channel scale, a product.  */
static Onnx__ModelProto *s_network(void)
{
    static const int64_t flat[] = {0, -1};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, 3, 17, 17, END);
    (void)model_weights(model, "w1", 16, 3, 3, 3, END);
    s_window(model_node(model, "Conv", "x w1", "c1"), 3, 2, 1);
    s_normalize(model, "n1", 16, "c1", "n1");
    (void)model_node(model, "Relu", "n1", "r1");
    (void)model_weights(model, "w2", 16, 1, 3, 3, END);
    (void)model_weights(model, "b2", 16, END);
    Onnx__NodeProto *depthwise = model_node(model, "Conv", "r1 w2 b2", "c2");
    s_window(depthwise, 3, 1, 1);
    node_integer(depthwise, "group", 16);
    (void)model_node(model, "Sigmoid", "c2", "s2");
    (void)model_node(model, "Add", "r1 s2", "sum");
    (void)model_node(model, "Tanh", "sum", "t");
    (void)model_node(model, "Concat", "t r1", "joined");
    node_integer(model->graph->node[model->graph->n_node - 1], "axis", 1);
    s_normalize(model, "n2", 32, "joined", "n2");
    (void)model_node(model, "Relu", "n2", "r2");
    s_window(model_node(model, "MaxPool", "r2", "m"), 3, 2, 1);
    (void)model_weights(model, "scale", 32, 1, 1, END);
    (void)model_node(model, "Mul", "m scale", "scaled");
    s_window(model_node(model, "AveragePool", "scaled", "a"), 2, 2, 0);
    (void)model_node(model, "LeakyRelu", "a", "l");
    (void)model_integers(model, "flat", 2, flat);
    (void)model_node(model, "Reshape", "l flat", "f");
    (void)model_weights(model, "w3", 128, 10, END);
    (void)model_weights(model, "b3", 10, END);
    (void)model_node(model, "MatMul", "f w3", "p");
    (void)model_node(model, "Add", "p b3", "q");
    (void)model_node(model, "Softmax", "q", "y");
    model_output(model, "y", F32, -1, 10, END);
    model_output(model, "joined", F32, -1, 32, 9, 9, END);
    return model;
}

static void test_backends_agree(void **state)
{
    (void)state;
    enum { BATCH = 2, ITEMS = BATCH * 3 * 17 * 17 };
    float x[ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        x[i] = sinf((float)i);
    }
    const int64_t dims[] = {BATCH, 3, 17, 17};
    tacit_engine_tensor_t input = s_floats("x", x, 4, dims);
    tacit_engine_t *fast = s_load(s_network(), &s_backends[0]);
    tacit_engine_t *plain = s_load(s_network(), &s_backends[1]);
    tacit_engine_result_t *left = s_run(fast, &input, 1);
    tacit_engine_result_t *again = s_run(fast, &input, 1);
    tacit_engine_result_t *right = s_run(plain, &input, 1);
    size_t count = 0;
    for (size_t k = 0; k < 2; k++) {
        const tacit_engine_tensor_t *a = &tacit_engine_result_tensors(left, &count)[k];
        const tacit_engine_tensor_t *b = &tacit_engine_result_tensors(right, &count)[k];
        const tacit_engine_tensor_t *c = &tacit_engine_result_tensors(again, &count)[k];
        assert_int_equal(a->data.size, b->data.size);
        for (size_t i = 0; i < a->data.size / sizeof(float); i++) {
            float p = ((const float *)(const void *)a->data.data)[i];
            float q = ((const float *)(const void *)b->data.data)[i];
            assert_true(fabsf(p - q) <= 1e-5F + 1e-4F * fabsf(q));
        }
        assert_memory_equal(a->data.data, c->data.data, a->data.size);
    }
    tacit_engine_result_destroy(&left);
    tacit_engine_result_destroy(&again);
    tacit_engine_result_destroy(&right);
    tacit_engine_destroy(&fast);
    tacit_engine_destroy(&plain);
}

/*  Sums of maps whose channels fill no vector, as convolutions of groups leave them, with an
    activation behind.  */
static void test_few_channels(void **state)
{
    (void)state;
    static const int channels[] = {4, 8, 16, 20, 24, 40};
    static const char *const ops[] = {"Add", "Mul", "Sub"};
    enum { BATCH = 3, ITEMS = BATCH * 24 * 20 };
    float x[ITEMS];
    const int64_t dims[] = {BATCH, 24, 4, 5};
    for (size_t i = 0; i < ITEMS; i++) {
        x[i] = sinf((float)i);
    }
    for (size_t i = 0; i < 18; i++) {
        tacit_engine_result_t *results[2];
        tacit_engine_t *engines[2];
        tacit_engine_tensor_t input = s_floats("x", x, 4, dims);
        for (size_t k = 0; k < 2; k++) {
            Onnx__ModelProto *model = model_new(13);
            model_input(model, "x", F32, -1, 24, 4, 5, END);
            (void)model_weights(model, "w", channels[i / 3], 12, 5, 5, END);
            (void)model_weights(model, "v", channels[i / 3], 12, 5, 5, END);
            for (size_t n = 0; n < 2; n++) {
                Onnx__NodeProto *node =
                    model_node(model, "Conv", n == 0 ? "x w" : "x v", n == 0 ? "a" : "b");
                s_window(node, 5, 1, 2);
                node_integer(node, "group", 2);
            }
            (void)model_node(model, "Relu", "a", "c"); /* so that the sum merges with no Conv */
            (void)model_node(model, "MaxPool", "b", "d");
            s_window(model->graph->node[model->graph->n_node - 1], 1, 1, 0);
            (void)model_node(model, ops[i % 3], "c d", "e");
            (void)model_node(model, i % 2 == 0 ? "Relu" : "Sigmoid", "e", "y");
            model_output(model, "y", F32, -1, channels[i / 3], 4, 5, END);
            engines[k] = s_load(model, &s_backends[k]);
            results[k] = s_run(engines[k], &input, 1);
        }
        size_t count = 0;
        const tacit_engine_tensor_t *a = &tacit_engine_result_tensors(results[0], &count)[0];
        const tacit_engine_tensor_t *b = &tacit_engine_result_tensors(results[1], &count)[0];
        for (size_t n = 0; n < a->data.size / sizeof(float); n++) {
            float p = ((const float *)(const void *)a->data.data)[n];
            float q = ((const float *)(const void *)b->data.data)[n];
            assert_true(fabsf(p - q) <= 1e-5F + 1e-4F * fabsf(q));
        }
        for (size_t k = 0; k < 2; k++) {
            tacit_engine_result_destroy(&results[k]);
            tacit_engine_destroy(&engines[k]);
        }
    }
}

/*  The new shape comes as an input: such a plan holds contents of a request, and is not kept.  */
static void test_shape_as_input(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, 4, 5, 6};
    static const int64_t shapes[][2] = {{3, 2}, {-1, 6}, {2, 3}};
    static const int64_t rows[] = {3, 1, 2};
    const int64_t dims[] = {2, 3};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    model_input(model, "shape", I64, 2, END);
    (void)model_node(model, "Reshape", "x shape", "y");
    model_output(model, "y", F32, -1, -1, END);
    tacit_engine_t *engine = s_load(model, NULL);
    size_t before = tacit_engine_memory(engine);
    for (size_t i = 0; i < 3; i++) {
        tacit_engine_tensor_t inputs[] = {s_floats("x", x, 2, dims), {.rank = 0}};
        inputs[1] = (tacit_engine_tensor_t){tacit_span_string("shape"),
                                            TACIT_DTYPE_INT64,
                                            1,
                                            {2},
                                            tacit_span(shapes[i], sizeof(shapes[i]))};
        tacit_engine_result_t *result = s_run(engine, inputs, 2);
        size_t count = 0;
        assert_int_equal(tacit_engine_result_tensors(result, &count)[0].dims[0], rows[i]);
        tacit_engine_result_destroy(&result);
        assert_int_equal(tacit_engine_memory(engine), before);
    }
    tacit_engine_destroy(&engine);
}

/*  Exporters declare a free batch of models that hold the one they were exported with, and shapes
   of outputs that hold it, too.  */
static void test_a_batch_that_is_held(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    for (int64_t rows = 1; rows <= 12; rows++) {
        const int64_t dims[] = {rows, 1};
        const int64_t shape[] = {rows, rows == 9 ? 2 : 1}; /* of 9 rows: one that nothing fits */
        Onnx__ModelProto *model = model_new(13);
        tacit_engine_t *engine = NULL;
        tacit_error_t error = {0};
        model_input(model, "x", F32, -1, 1, END);
        (void)model_weights(model, "w", (int)rows, rows == 9 ? 1 : 4, END);
        (void)model_integers(model, "shape", 2, shape);
        (void)model_node(model, "Reshape", "x shape", "held");
        (void)model_node(model, "MatMul", "held w", "y");
        if (rows != 9) {
            free(model->graph->node[1]->op_type);
            model->graph->node[1]->op_type = strdup("Add");
        }
        model_output(model, "y", F32, 9, 9, END);
        tacit_status_t status = model_load(model, NULL, &engine, &error);
        assert_int_equal(status, rows != 9 ? TACIT_OK : TACIT_MALFORMED);
        if (status == TACIT_OK) {
            assert_int_equal(error.code, TACIT_OK);
            tacit_engine_tensor_t input = s_floats("x", x, 2, dims);
            tacit_engine_result_t *result = s_run(engine, &input, 1);
            tacit_engine_result_destroy(&result);
        } else {
            assert_non_null(strstr(error.message, "does not fit the new shape"));
        }
        tacit_engine_destroy(&engine);
    }
}

/*  Products of what shape arithmetic and tables of float64 need.  */
static void test_products_of_other_types(void **state)
{
    (void)state;
    static const int64_t whole[] = {1, INT64_MAX, -3, 2};
    const int64_t dims[] = {2, 2};
    for (size_t i = 0; i < 2; i++) {
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", I64, 2, 2, END);
        (void)model_node(model, "MatMul", "x x", "y");
        model_output(model, "y", I64, 2, 2, END);
        tacit_engine_t *engine = s_load(model, &s_backends[i]);
        tacit_engine_tensor_t input = {.name = tacit_span_string("x"),
                                       .dtype = TACIT_DTYPE_INT64,
                                       .rank = 2,
                                       .dims = {dims[0], dims[1]},
                                       .data = tacit_span(whole, sizeof(whole))};
        tacit_engine_result_t *result = s_run(engine, &input, 1);
        size_t count = 0;
        int64_t y[4];
        memcpy(y, tacit_engine_result_tensors(result, &count)[0].data.data, sizeof(y));
        assert_int_equal(y[2], -3 - 6);
        assert_int_equal((uint64_t)y[0], 1U + (uint64_t)INT64_MAX * (uint64_t)-3); /* it wraps */
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
    }
}

/* --- nothing stays ---------------------------------------------------------------------------- */

enum { CANARY_WORDS = 4, CANARY_REPEATS = 64, MAP_MAX = 256 << 20 };

/*  The canary is only ever written by this; its words are made, not stored.  */
static uint32_t s_canary_word(size_t i)
{
    return 0x3f5a0000U + (uint32_t)((i % CANARY_WORDS) * 0x1357U + 0x2b1dU);
}

static size_t s_count_canaries(const uint8_t *bytes, size_t size)
{
    size_t found = 0;
    for (size_t i = 0; i + CANARY_WORDS * sizeof(uint32_t) <= size; i += sizeof(uint32_t)) {
        bool same = true;
        for (size_t k = 0; same && k < CANARY_WORDS; k++) {
            uint32_t word;
            memcpy(&word, bytes + i + k * sizeof(word), sizeof(word));
            same = word == s_canary_word(k);
        }
        found += same ? 1U : 0U;
    }
    return found;
}

/*  Code that ThreadSanitizer instruments spills a vector of what it computes with.  */
#ifdef __SANITIZE_THREAD__
enum { SPILLED_MAX = 1 };
#else
enum { SPILLED_MAX = 0 };
#endif

/*  Search all writable memory of this process.  */
static size_t s_search_memory(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    FILE *memory = fopen("/proc/self/mem", "rb");
    assert_non_null(maps);
    assert_non_null(memory);
    static uint8_t chunk[1 << 16];
    size_t found = 0;
    char line[512];
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *rest = NULL;
        unsigned long from = strtoul(line, &rest, 16);
        unsigned long to = strtoul(rest + 1, &rest, 16);
        if (strncmp(rest, " rw", 3) != 0 || to - from > MAP_MAX) {
            continue;
        }
        for (unsigned long at = from; at < to; at += sizeof(chunk)) {
            size_t want = to - at < sizeof(chunk) ? to - at : sizeof(chunk);
            (void)fseek(memory, (long)at, SEEK_SET);
            size_t got = fread(chunk, 1, want, memory);
            bool own = at <= (unsigned long)chunk && (unsigned long)chunk < at + sizeof(chunk);
            found += own ? 0 : s_count_canaries(chunk, got);
            memset(chunk, 0, sizeof(chunk));
        }
    }
    (void)fclose(maps);
    (void)fclose(memory);
    return found;
}

static void test_plaintext_is_wiped(void **state)
{
    (void)state;
    const size_t size = (size_t)CANARY_WORDS * CANARY_REPEATS * sizeof(uint32_t);
    uint8_t *x = malloc(size);
    assert_non_null(x);
    const int64_t dims[] = {1, (int64_t)CANARY_WORDS * CANARY_REPEATS};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, (int)dims[1], END);
    (void)model_node(model, "Relu", "x", "r");
    (void)model_node(model, "Concat", "r x", "y");
    node_integer(model->graph->node[1], "axis", 1);
    model_output(model, "y", F32, -1, 2 * (int)dims[1], END);
    tacit_engine_t *engine = s_load(model, NULL);
    for (size_t i = 0; i < size / sizeof(uint32_t); i++) {
        uint32_t word = s_canary_word(i);
        memcpy(x + i * sizeof(word), &word, sizeof(word));
    }
    tacit_engine_tensor_t input = s_floats("x", (const float *)(const void *)x, 2, dims);
    tacit_engine_result_t *result = s_run(engine, &input, 1);
    assert_true(s_search_memory() >= CANARY_REPEATS - 1);
    tacit_engine_result_destroy(&result);
    memset(x, 0, size);
    assert_true(s_search_memory() <= SPILLED_MAX);
    free(x);
    tacit_engine_destroy(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describes_itself),
        cmocka_unit_test(test_computes_a_perceptron),
        cmocka_unit_test(test_every_batch_gives_the_same_rows),
        cmocka_unit_test(test_unaligned_input),
        cmocka_unit_test(test_refuses_wrong_inputs),
        cmocka_unit_test(test_an_only_input_needs_no_name),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_nan_flows),
        cmocka_unit_test(test_integers_never_trap),
        cmocka_unit_test(test_indices_stay_inside),
        cmocka_unit_test(test_time_is_limited),
        cmocka_unit_test(test_casts_saturate),
        cmocka_unit_test(test_backends_agree),
        cmocka_unit_test(test_few_channels),
        cmocka_unit_test(test_shape_as_input),
        cmocka_unit_test(test_a_batch_that_is_held),
        cmocka_unit_test(test_products_of_other_types),
        cmocka_unit_test(test_plaintext_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
