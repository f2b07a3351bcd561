/*  engine_fuse_test.c - what exporters spell out is found and computed as one node: GELU by tanh,
    LayerNormalization that centres once or twice; and not where something else reads a part.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END, ROWS = 3, LENGTH = 40 };

static float s_x(size_t i)
{
    return (float)(i * 7919 % 241) / 24.0F - 5.0F;
}

static float s_scale(size_t i)
{
    return 1.0F + (float)i / 64.0F;
}

static void s_number(Onnx__ModelProto *model, const char *name, float number)
{
    (void)model_raw(model, name, F32, 0, NULL, &number, sizeof number);
}

static Onnx__ModelProto *s_begin(void)
{
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, ROWS, LENGTH, END);
    s_number(model, "half", 0.5F);
    s_number(model, "one", 1.0F);
    s_number(model, "two", 2.0F);
    s_number(model, "three", 3.0F);
    s_number(model, "third", 0.044715F);
    s_number(model, "root", 0.7978845608F);
    s_number(model, "epsilon", 1e-5F);
    return model;
}

/*  Runs the model; each output must be as expected. Returns how many steps there were.  */
static size_t s_run(Onnx__ModelProto *model, bool portable, double (*expected)(size_t i))
{
    const tacit_engine_options_t options = {.portable = portable, .profile = true};
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(model, &options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    float x[ROWS * LENGTH];
    for (size_t i = 0; i < (size_t)ROWS * LENGTH; i++) {
        x[i] = s_x(i);
    }
    const tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_FLOAT32,
                                         .rank = 2,
                                         .dims = {ROWS, LENGTH},
                                         .data = tacit_span(x, sizeof x)};
    tacit_engine_result_t *result = NULL;
    assert_int_equal(tacit_engine_run(engine, &input, 1, &result, &error), TACIT_OK);
    size_t count = 0;
    const float *y =
        (const float *)(const void *)tacit_engine_result_tensors(result, &count)[0].data.data;
    for (size_t i = 0; i < (size_t)ROWS * LENGTH; i++) {
        assert_float_equal(y[i], (float)expected(i), 5e-6F);
    }
    size_t steps = tacit_engine_profile(engine, NULL, 0);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
    return steps;
}

static double s_gelu(size_t i)
{
    double x = (double)s_x(i);
    return 0.5 * x * (1.0 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

static double s_layer(size_t i)
{
    size_t row = i / LENGTH * LENGTH;
    double mean = 0;
    double variance = 0;
    for (size_t k = 0; k < LENGTH; k++) {
        mean += (double)s_x(row + k) / LENGTH;
    }
    for (size_t k = 0; k < LENGTH; k++) {
        double away = (double)s_x(row + k) - mean;
        variance += away * away / LENGTH;
    }
    return ((double)s_x(i) - mean) / sqrt(variance + 1e-5) * (double)s_scale(i % LENGTH) +
           (double)s_scale(LENGTH - i % LENGTH);
}

/*  powered: x^3 by Pow; early: half of x first; seen: the cube is an output, too.  */
static Onnx__ModelProto *s_gelu_model(bool powered, bool early, bool seen)
{
    Onnx__ModelProto *model = s_begin();
    if (powered) {
        (void)model_node(model, "Pow", "x three", "cube");
    } else {
        (void)model_node(model, "Mul", "x x", "square");
        (void)model_node(model, "Mul", "square x", "cube");
    }
    (void)model_node(model, "Mul", powered ? "third cube" : "cube third", "part");
    (void)model_node(model, "Add", powered ? "x part" : "part x", "sum");
    (void)model_node(model, "Mul", "sum root", "inside");
    (void)model_node(model, "Tanh", "inside", "bent");
    (void)model_node(model, "Add", "bent one", "grown");
    if (early) {
        (void)model_node(model, "Mul", "x half", "first");
        (void)model_node(model, "Mul", "first grown", "y");
    } else {
        (void)model_node(model, "Mul", "x grown", "first");
        (void)model_node(model, "Mul", "half first", "y");
    }
    model_output(model, "y", F32, ROWS, LENGTH, END);
    if (seen) {
        model_output(model, "cube", F32, ROWS, LENGTH, END);
    }
    return model;
}

static void test_gelu_by_tanh(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        Onnx__ModelProto *model = s_gelu_model((n & 1) != 0, (n & 2) != 0, false);
        assert_int_equal(s_run(model, (n & 4) != 0, s_gelu), 1);
        model = s_gelu_model((n & 1) != 0, (n & 2) != 0, true);
        assert_true(s_run(model, (n & 4) != 0, s_gelu) > 1);
    }
}

/*  again: the variance's values are centred by a Sub of their own; seen: the mean is an output.  */
static Onnx__ModelProto *s_layer_model(bool powered, bool again, bool seen)
{
    static const int64_t last = -1;
    float scale[LENGTH];
    float bias[LENGTH];
    Onnx__ModelProto *model = s_begin();
    for (size_t i = 0; i < LENGTH; i++) {
        scale[i] = s_scale(i);
        bias[i] = s_scale(LENGTH - i);
    }
    (void)model_floats(model, "scale", LENGTH, scale);
    (void)model_floats(model, "bias", LENGTH, bias);
    node_integers(model_node(model, "ReduceMean", "x", "mean"), "axes", 1, &last);
    (void)model_node(model, "Sub", "x mean", "centred");
    if (again) {
        (void)model_node(model, "Sub", "x mean", "away");
    }
    const char *squared = again ? "away away" : "centred centred";
    if (powered) {
        (void)model_node(model, "Pow", again ? "away two" : "centred two", "square");
    } else {
        (void)model_node(model, "Mul", squared, "square");
    }
    node_integers(model_node(model, "ReduceMean", "square", "variance"), "axes", 1, &last);
    (void)model_node(model, "Add", "variance epsilon", "shifted");
    (void)model_node(model, "Sqrt", "shifted", "divisor");
    (void)model_node(model, "Div", "centred divisor", "divided");
    (void)model_node(model, "Mul", "scale divided", "scaled");
    (void)model_node(model, "Add", "scaled bias", "y");
    model_output(model, "y", F32, ROWS, LENGTH, END);
    if (seen) {
        model_output(model, "mean", F32, ROWS, 1, END);
    }
    return model;
}

static void test_layers(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        Onnx__ModelProto *model = s_layer_model((n & 1) != 0, (n & 2) != 0, false);
        assert_int_equal(s_run(model, (n & 4) != 0, s_layer), 1);
        model = s_layer_model((n & 1) != 0, (n & 2) != 0, true);
        assert_true(s_run(model, (n & 4) != 0, s_layer) > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gelu_by_tanh),
        cmocka_unit_test(test_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
