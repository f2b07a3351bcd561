/*  engine_exports_test.c - what exporters and converters write although no standard asks for it. */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "services/inference/engine/limits.h"

enum { F32 = TACIT_DTYPE_FLOAT32, I64 = TACIT_DTYPE_INT64, END = MODEL_END };

/*  Runs it on an only input of floats; the first output's elements stay as long as the result. The
    model is freed.  */
static const float *s_answer(Onnx__ModelProto *model, const float *x, size_t rank,
                             const int64_t *dims, tacit_engine_t **ret_engine,
                             tacit_engine_result_t **ret_result)
{
    tacit_error_t error = {0};
    size_t count = 1;
    tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32, .rank = rank};
    for (size_t i = 0; i < rank; i++) {
        input.dims[i] = dims[i];
        count *= (size_t)dims[i];
    }
    input.data = tacit_span(x, count * sizeof(float));
    if (model_load(model, NULL, ret_engine, &error) != TACIT_OK ||
        tacit_engine_run(*ret_engine, &input, 1, ret_result, &error) != TACIT_OK) {
        fail_msg("%s (%s, %s, %s)", error.message, error.claim, error.expected, error.got);
    }
    return (const float *)(const void *)tacit_engine_result_tensors(*ret_result, &count)[0]
        .data.data;
}

static void s_expect_floats(Onnx__ModelProto *model, const float *x, size_t rank,
                            const int64_t *dims, const float *expected, size_t count)
{
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    const float *answer = s_answer(model, x, rank, dims, &engine, &result);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(answer[i] - expected[i]) < 1e-5F);
    }
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
}

static Onnx__ModelProto *s_relu(void)
{
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    (void)model_node(model, "Relu", "x", "y");
    model_output(model, "y", F32, 2, 3, END);
    return model;
}

static const float s_x[] = {-1, 2, -3, 4, -5, 6};
static const float s_y[] = {0, 2, 0, 4, 0, 6};
static const int64_t s_dims[] = {2, 3};

/*  PyTorch writes functional.dropout as training, dropping nothing.  */
static void test_dropout_that_drops_nothing(void **state)
{
    static const float ratios[] = {0.0F, 0.5F};
    const uint8_t training = 1;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tacit_engine_t *engine = NULL;
        tacit_error_t error = {0};
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", F32, 2, 3, END);
        (void)model_raw(model, "r", F32, 0, NULL, &ratios[i], sizeof(float));
        (void)model_raw(model, "t", TACIT_DTYPE_BOOL, 0, NULL, &training, 1);
        (void)model_node(model, "Dropout", "x r t", "y");
        model_output(model, "y", F32, 2, 3, END);
        if (i == 0) {
            s_expect_floats(model, s_x, 2, s_dims, s_x, 6);
        } else {
            assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_UNSUPPORTED);
        }
    }
}

static void test_minus_one_is_any_size(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_relu();
    model->graph->input[0]->type->tensor_type->shape->dim[0]->dim_value = -1;
    s_expect_floats(model, s_x, 2, s_dims, s_y, 6);
}

static void test_an_opset_named_twice(void **state)
{
    (void)state;
    for (int64_t other = 12; other <= 13; other++) {
        tacit_engine_t *engine = NULL;
        tacit_error_t error = {0};
        Onnx__ModelProto *model = s_relu();
        Onnx__OperatorSetIdProto **imports = calloc(2, sizeof(Onnx__OperatorSetIdProto *));
        Onnx__OperatorSetIdProto *second = calloc(1, sizeof(Onnx__OperatorSetIdProto));
        assert_true(imports != NULL && second != NULL);
        onnx__operator_set_id_proto__init(second);
        second->domain = strdup("ai.onnx");
        second->version = other;
        second->has_version = model->opset_import[0]->has_version;
        imports[0] = model->opset_import[0];
        imports[1] = second;
        free(model->opset_import);
        model->opset_import = imports;
        model->n_opset_import = 2;
        if (other == 13) {
            s_expect_floats(model, s_x, 2, s_dims, s_y, 6);
        } else {
            assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_MALFORMED);
        }
    }
}

/*  An output without a type has the one that its node gives.  */
static void test_an_output_without_a_type(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_relu();
    onnx__type_proto__free_unpacked(model->graph->output[0]->type, NULL);
    model->graph->output[0]->type = NULL;
    s_expect_floats(model, s_x, 2, s_dims, s_y, 6);
    model = s_relu();
    model->graph->output[0]->type->tensor_type->elem_type = 0;
    s_expect_floats(model, s_x, 2, s_dims, s_y, 6);
}

/*  Two directions of one unit each: lists of numbers name those functions that take one, in order.
    With W = 1, R = 0 and one step, a unit is its function of x.  */
static void test_numbers_of_activations(void **state)
{
    static const char *const names[] = {"relu", "LeakyRelu"};
    static const float alphas[] = {0.5F};
    static const float ones[] = {1, 1};
    static const float zeros[] = {0, 0};
    static const float x[] = {-2};
    static const float expected[] = {0, -1};
    const int64_t dims[] = {1, 1, 1};
    const int64_t weights[] = {2, 1, 1};
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1, 1, 1, END);
    (void)model_raw(model, "w", F32, 3, weights, ones, sizeof ones);
    (void)model_raw(model, "r", F32, 3, weights, zeros, sizeof zeros);
    Onnx__NodeProto *node = model_node(model, "RNN", "x w r", "y");
    node_text(node, "direction", "bidirectional");
    node_integer(node, "hidden_size", 1);
    node_texts(node, "activations", 2, names);
    node_reals(node, "activation_alpha", 1, alphas);
    model_output(model, "y", F32, -1, -1, -1, -1, END);
    s_expect_floats(model, x, 3, dims, expected, 2);
}

/*  How much a selection gives is known when it is computed, whatever the size of what it reads: up
    to the limit.  */
static void test_selections_of_many(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, END);
    (void)model_node(model, "Relu", "x", "z");
    (void)model_node(model, "NonZero", "z", "i");
    (void)model_node(model, "Gather", "x i", "y");
    model_output(model, "y", F32, -1, -1, END);
    size_t room = (size_t)TACIT_PLAN_CONSTANT_MAX + 1;
    float *x = calloc(room, sizeof(float));
    assert_non_null(x);
    x[7] = 1;
    x[6000] = 3;
    static const float expected[] = {1, 3};
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    const int64_t dims[] = {TACIT_PLAN_CONSTANT_MAX};
    const float *answer = s_answer(model, x, 1, dims, &engine, &result);
    size_t count = 0;
    assert_int_equal(tacit_engine_result_tensors(result, &count)[0].dims[1], 2);
    assert_memory_equal(answer, expected, sizeof expected);
    tacit_engine_result_destroy(&result);
    tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                   .rank = 1,
                                   .dims = {(int64_t)room},
                                   .data = tacit_span(x, room * sizeof(float))};
    assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_BAD_INPUT);
    assert_string_equal(error.expected, "at most 4194304 elements, as they decide shapes");
    assert_string_equal(error.got, "4194305 elements");
    tacit_engine_destroy(&engine);
    free(x);
}

/*  The three spellings of x * clamp(x / 6 + 1/2, 0, 1) become HardSwish, and give what it gives. */
static void test_spellings_of_hard_swish(void **state)
{
    static const float x[] = {-4, -3, -1, 0.5F, 3, 7};
    static const float six = 6;
    static const float three = 3;
    static const float zero = 0;
    float expected[6];
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        expected[i] = x[i] * fmaxf(0, fminf(1, x[i] / 6 + 0.5F));
    }
    for (int spelling = 0; spelling < 3; spelling++) {
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", F32, 2, 3, END);
        (void)model_raw(model, "six", F32, 0, NULL, &six, sizeof six);
        (void)model_raw(model, "three", F32, 0, NULL, &three, sizeof three);
        (void)model_raw(model, "zero", F32, 0, NULL, &zero, sizeof zero);
        if (spelling == 0) {
            Onnx__NodeProto *node = model_node(model, "HardSigmoid", "x", "h");
            node_real(node, "alpha", 1.0F / 6.0F);
            (void)model_node(model, "Mul", "x h", "y");
        } else {
            (void)model_node(model, "Add", "x three", "a");
            (void)model_node(model, "Clip", "a zero six", "c");
            (void)model_node(model, spelling == 1 ? "Div" : "Mul", spelling == 1 ? "c six" : "x c",
                             "d");
            (void)model_node(model, spelling == 1 ? "Mul" : "Div", spelling == 1 ? "d x" : "d six",
                             "y");
        }
        model_output(model, "y", F32, 2, 3, END);
        s_expect_floats(model, x, 2, s_dims, expected, 6);
    }
}

/*  Channels that do not fill their blocks, times numbers of each image or of all, first or second
    operand, with both backends.  */
static void test_gates_of_channels(void **state)
{
    enum { IMAGES = 2, CHANNELS = 24, AREA = 20 };
    const int64_t dims[] = {IMAGES, 3, 4, 5};
    float x[IMAGES * 3 * AREA];
    (void)state;
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        x[i] = (float)((int)(i * 7 % 23) - 11) / 8.0F;
    }
    for (int kind = 0; kind < 8; kind++) {
        tacit_engine_options_t options = {.portable = (kind & 1) != 0};
        tacit_engine_t *engine = NULL;
        tacit_engine_result_t *result = NULL;
        tacit_error_t error = {0};
        size_t count = 0;
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", F32, -1, 3, 4, 5, END);
        (void)model_weights(model, "w", CHANNELS, 3, 3, 3, END);
        (void)model_weights(model, "v", CHANNELS, CHANNELS, 1, 1, END);
        (void)model_weights(model, "g", 1, CHANNELS, 1, 1, END);
        node_integers(model_node(model, "Conv", "x w", "c"), "pads", 4,
                      (const int64_t[]){1, 1, 1, 1});
        (void)model_node(model, "Conv", "c v", "z");
        (void)model_node(model, "GlobalAveragePool", "z", "p");
        bool own = (kind & 2) != 0;
        (void)model_node(model, "Mul",
                         (kind & 4) != 0 ? (own ? "p z" : "g z")
                         : own           ? "z p"
                                         : "z g",
                         "y");
        (void)model_node(model, "Relu", own ? "p" : "g", "n");
        model_output(model, "y", F32, -1, -1, -1, -1, END);
        model_output(model, "z", F32, -1, -1, -1, -1, END);
        model_output(model, own ? "p" : "g", F32, -1, -1, -1, -1, END);
        assert_int_equal(model_load(model, &options, &engine, &error), TACIT_OK);
        tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                       .rank = 4,
                                       .dims = {dims[0], dims[1], dims[2], dims[3]},
                                       .data = tacit_span(x, sizeof x)};
        assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_OK);
        const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
        const float *y = (const float *)(const void *)tensors[0].data.data;
        const float *z = (const float *)(const void *)tensors[1].data.data;
        const float *g = (const float *)(const void *)tensors[2].data.data;
        for (size_t i = 0; i < IMAGES * CHANNELS * AREA; i++) {
            size_t channel = i / AREA % (own ? IMAGES * CHANNELS : CHANNELS);
            assert_true(fabsf(y[i] - z[i] * g[channel]) <= 1e-6F);
        }
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_that_drops_nothing),
        cmocka_unit_test(test_minus_one_is_any_size),
        cmocka_unit_test(test_an_opset_named_twice),
        cmocka_unit_test(test_an_output_without_a_type),
        cmocka_unit_test(test_numbers_of_activations),
        cmocka_unit_test(test_selections_of_many),
        cmocka_unit_test(test_spellings_of_hard_swish),
        cmocka_unit_test(test_gates_of_channels),
    };
    return cmocka_run_group_tests_name("engine_exports", tests, NULL, NULL);
}
