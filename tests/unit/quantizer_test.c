/*  quantizer_test.c - ranges become grids by their law, and a model of float32 one of bytes that
    answers nearly the same, or is refused by name.  */

#include "engine_model.h"

#include "services/inference/quantizer/grid.h"
#include "services/inference/quantizer/quantizer.h"
#include "services/inference/quantizer/range.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { F32 = TACIT_DTYPE_FLOAT32, I64 = TACIT_DTYPE_INT64, END = MODEL_END };

/* --- ranges ----------------------------------------------------------------------------------- */

static void test_a_range_is_of_all_numbers(void **state)
{
    (void)state;
    tacit_range_t range = {0};
    float first[] = {1, -3, 2};
    float second[] = {5, 0};
    float low = 0;
    float high = 0;
    size_t at = 0;
    assert_true(tacit_range_add(&range, first, 3, &at));
    assert_true(tacit_range_add(&range, second, 2, &at));
    assert_true(tacit_range_add(&range, NULL, 0, &at));
    tacit_range_ends(&range, 100, &low, &high);
    assert_true(low == -3 && high == 5 && range.count == 5);
}

static void test_a_range_takes_no_nan_nor_infinity(void **state)
{
    (void)state;
    float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        tacit_range_t range = {0};
        float numbers[] = {1, 2, bad[i], 3};
        size_t at = 0;
        assert_false(tacit_range_add(&range, numbers, 4, &at));
        assert_int_equal(at, 2);
        assert_int_equal(range.count, 0);
    }
}

static void test_what_is_rare_is_cut_off(void **state)
{
    (void)state;
    uint64_t *bins = calloc(TACIT_RANGE_BINS, sizeof *bins);
    tacit_range_t range = {.bins = bins};
    float numbers[10000];
    float low = 0;
    float high = 0;
    size_t at = 0;
    assert_non_null(bins);
    for (size_t i = 0; i < 10000; i++) {
        numbers[i] = (float)i / 10000.0F;
    }
    numbers[77] = 1000; /* one in ten thousand; the span doubles ten times */
    assert_true(tacit_range_add(&range, numbers, 50, &at));
    assert_true(tacit_range_add(&range, numbers + 50, 9950, &at));
    tacit_range_ends(&range, 99.9, &low, &high);
    assert_true(low >= 0 && low < 0.3F);
    assert_true(high > 0.99F && high < 1.3F);
    tacit_range_ends(&range, 100, &low, &high);
    assert_true(low == 0 && high == 1000);
    free(bins);
}

static void test_zeros_before_the_first_number_count(void **state)
{
    (void)state;
    uint64_t *bins = calloc(TACIT_RANGE_BINS, sizeof *bins);
    tacit_range_t range = {.bins = bins};
    float zeros[100] = {0};
    float one = 1;
    float low = 0;
    float high = 1;
    size_t at = 0;
    assert_non_null(bins);
    assert_true(tacit_range_add(&range, zeros, 100, &at));
    tacit_range_ends(&range, 90, &low, &high);
    assert_true(low == 0 && high == 0);
    assert_true(tacit_range_add(&range, &one, 1, &at));
    tacit_range_ends(&range, 90, &low, &high);
    assert_true(low == 0 && high < 0.01F);
    free(bins);
}

/* --- grids ------------------------------------------------------------------------------------ */

static void test_a_grid_holds_zero_and_both_ends(void **state)
{
    (void)state;
    static const float ends[][2] = {{0, 6},   {-1, 1},        {-0.3F, 2.7F},  {2, 5},
                                    {-5, -2}, {-1e-3F, 1e3F}, {-1e30F, 1e30F}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        float low = ends[i][0];
        float high = ends[i][1];
        tacit_grid_t grid = tacit_grid(low, high);
        assert_true(isfinite(grid.scale) && grid.scale > 0);
        assert_int_equal(tacit_grid_step(&grid, 0), grid.zero);
        assert_true(tacit_grid_number(&grid, grid.zero) == 0);
        for (size_t k = 0; k < 2; k++) {
            float number = tacit_grid_number(&grid, tacit_grid_step(&grid, ends[i][k]));
            assert_true(fabs((double)number - (double)ends[i][k]) <=
                        0.5001 * (double)grid.scale + 1e-7 * fabs((double)ends[i][k]));
        }
    }
}

static void test_no_step_is_infinite(void **state)
{
    (void)state;
    tacit_grid_t up = tacit_grid(0, FLT_MAX);
    tacit_grid_t both = tacit_grid(-FLT_MAX, FLT_MAX);
    assert_true(isfinite(tacit_grid_number(&up, 255)));
    assert_true(isfinite(tacit_grid_number(&both, 0)));
    assert_true(isfinite(tacit_grid_number(&both, 255)));
    assert_int_equal(tacit_grid_step(&both, 0), both.zero);
}

static void test_ranges_without_extent_have_grids(void **state)
{
    (void)state;
    tacit_grid_t nothing = tacit_grid(0, 0);
    tacit_grid_t one = tacit_grid(3, 3);
    tacit_grid_t least = tacit_grid(0, 1e-40F);
    assert_true(nothing.scale == 1 && nothing.zero == 0);
    assert_int_equal(tacit_grid_step(&one, 3), 255);
    assert_int_equal(one.zero, 0);
    assert_true(least.scale >= FLT_MIN && isfinite(1 / least.scale));
}

static void test_a_clip_at_the_ends_is_idle(void **state)
{
    (void)state;
    tacit_grid_t six = tacit_grid(0, 6);
    tacit_grid_t both = tacit_grid(-1, 1);
    assert_true(tacit_grid_within(&six, 0, HUGE_VALF));
    assert_true(tacit_grid_within(&six, 0, 6));
    assert_false(tacit_grid_within(&six, 0, 5));
    assert_false(tacit_grid_within(&both, 0, HUGE_VALF));
    assert_true(tacit_grid_within(&both, -HUGE_VALF, HUGE_VALF));
}

static void test_weights_come_back_to_half_a_step(void **state)
{
    (void)state;
    float numbers[6 * 4];
    int8_t steps[6 * 4];
    for (size_t i = 0; i < 24; i++) {
        numbers[i] = sinf((float)i * 1.7F) * (float)(i % 4 + 1);
    }
    for (size_t f = 0; f < 4; f++) { /* features are columns */
        tacit_weights_t weights = {numbers + f, 6, 1, 4, 2.0F};
        float scale = tacit_weights_scale(&weights, 0, 1);
        tacit_weights_steps(&weights, scale, steps + f);
        int most = 0;
        for (size_t i = 0; i < 6; i++) {
            int step = (int)steps[i * 4 + f];
            double back = (double)((float)step * scale);
            most = abs(step) > most ? abs(step) : most;
            assert_true(fabs(back - 2 * (double)numbers[i * 4 + f]) <= 0.5001 * (double)scale);
        }
        assert_int_equal(most, 127);
    }
}

static void test_a_bias_fits_its_steps(void **state)
{
    (void)state;
    float tiny[] = {1e-12F, -1e-12F};
    float none[] = {0, 0};
    tacit_weights_t small = {tiny, 1, 2, 0, 1};
    tacit_weights_t zero = {none, 1, 2, 0, 1};
    float scale = tacit_weights_scale(&small, 1000, 0.01F);
    int32_t step = tacit_bias_step(1000, scale * 0.01F);
    assert_true(step > 0 && step <= 1 << 30);
    assert_true(fabs((double)step * (double)scale * 0.01 - 1000) < 1);
    scale = tacit_weights_scale(&zero, 0.25F, 0.5F);
    step = tacit_bias_step(0.25F, scale * 0.5F);
    assert_true(fabs((double)step * (double)scale * 0.5 - 0.25) < 1e-4);
    assert_true(tacit_weights_scale(&zero, 0, 1) == 1);
}

/* --- models ----------------------------------------------------------------------------------- */

/*  Rows of one input: so many numbers in each.  */
typedef struct s_rows {
    float *numbers;
    size_t rows, batch, each;
    size_t rank;
    int64_t dims[TACIT_ENGINE_RANK_MAX]; /* of a row, from the second */
} s_rows_t;

static tacit_status_t s_take(void *self, size_t batch,
                             tacit_engine_tensor_t ret_items[TACIT_ENGINE_INPUTS_MAX],
                             size_t *ret_count, tacit_error_t *ret_error)
{
    (void)ret_error;
    s_rows_t *rows = self;
    size_t from = batch * rows->batch;
    size_t some = rows->rows - from < rows->batch ? rows->rows - from : rows->batch;
    tacit_engine_tensor_t item = {
        .name = tacit_span_string("x"),
        .dtype = TACIT_DTYPE_FLOAT32,
        .rank = rows->rank,
        .data = tacit_span(rows->numbers + from * rows->each, some * rows->each * sizeof(float))};
    memcpy(item.dims, rows->dims, sizeof item.dims);
    item.dims[0] = (int64_t)some;
    ret_items[0] = item;
    *ret_count = 1;
    return TACIT_OK;
}

static s_rows_t s_rows(size_t rows, size_t batch, int64_t a, int64_t b, int64_t c)
{
    s_rows_t made = {.rows = rows, .batch = batch, .each = (size_t)a, .rank = 2, .dims = {0, a}};
    if (b > 0) {
        made.each = (size_t)(a * b * c);
        made.rank = 4;
        made.dims[2] = b;
        made.dims[3] = c;
    }
    made.numbers = calloc(rows * made.each + 1, sizeof(float));
    assert_non_null(made.numbers);
    for (size_t i = 0; i < rows * made.each; i++) {
        made.numbers[i] = sinf((float)i * 0.37F) * 2 + (float)(i % 7) * 0.1F;
    }
    return made;
}

static tacit_status_t s_quantize(const uint8_t *bytes, size_t size, s_rows_t *rows, double percent,
                                 tacit_quantized_t **ret_quantized, tacit_error_t *ret_error)
{
    const tacit_quantizer_options_t options = {.percent = percent};
    const tacit_quantizer_rows_t given = {
        .self = rows,
        .batches = rows->rows > 0 ? (rows->rows + rows->batch - 1) / rows->batch : 0,
        .batch = rows->batch,
        .take = s_take};
    return tacit_quantize(tacit_span(bytes, size), &options, &given, ret_quantized, ret_error);
}

/*  The first output for all rows; free it.  */
static float *s_answers(tacit_span_t model, tacit_precision_t precision, bool portable,
                        s_rows_t *rows, size_t *ret_count)
{
    tacit_engine_t *engine = NULL;
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    tacit_engine_tensor_t items[TACIT_ENGINE_INPUTS_MAX];
    tacit_engine_options_t options = {.portable = portable, .precision = precision};
    s_rows_t all = *rows;
    size_t count = 0;
    all.batch = rows->rows;
    if (tacit_engine_load(model, &options, &engine, &error) != TACIT_OK ||
        s_take(&all, 0, items, &count, &error) != TACIT_OK ||
        tacit_engine_run(engine, items, count, &result, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    const tacit_engine_tensor_t *output = tacit_engine_result_tensors(result, &count);
    float *numbers = malloc(output->data.size);
    assert_non_null(numbers);
    memcpy(numbers, output->data.data, output->data.size);
    *ret_count = output->data.size / sizeof(float);
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
    return numbers;
}

static size_t s_nodes(const tacit_quantized_t *quantized, const char *op, bool bytes)
{
    size_t count = 0;
    const tacit_quantized_count_t *counts = tacit_quantized_counts(quantized, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(counts[i].op, op) == 0) {
            return bytes ? counts[i].bytes : counts[i].real;
        }
    }
    return 0;
}

/*  Quantizes the model, and holds its answers in both backends against float32's: apart by a share
    of the largest at most. Frees the model.  */
static tacit_quantized_t *s_near(Onnx__ModelProto *model, s_rows_t *rows, double percent,
                                 double share)
{
    size_t size = 0;
    size_t count = 0;
    uint8_t *bytes = model_pack(model, &size);
    tacit_quantized_t *quantized = NULL;
    tacit_error_t error = {0};
    model_free(model);
    if (s_quantize(bytes, size, rows, percent, &quantized, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    float *expected = s_answers(tacit_span(bytes, size), TACIT_PRECISION_FP32, false, rows, &count);
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)expected[i]));
    }
    for (int portable = 0; portable < 2; portable++) {
        size_t same = 0;
        float *got = s_answers(tacit_quantized_model(quantized), TACIT_PRECISION_INT8,
                               portable != 0, rows, &same);
        assert_int_equal(same, count);
        for (size_t i = 0; i < count; i++) {
            if (fabs((double)got[i] - (double)expected[i]) > share * most) {
                fail_msg("number %zu: %f for %f, of numbers up to %f", i, (double)got[i],
                         (double)expected[i], most);
            }
        }
        free(got);
    }
    free(expected);
    free(bytes);
    return quantized;
}

static void s_window(Onnx__NodeProto *node, int64_t size, int64_t stride, int64_t pad)
{
    int64_t window[] = {size, size};
    int64_t strides[] = {stride, stride};
    int64_t pads[] = {pad, pad, pad, pad};
    node_integers(node, "kernel_shape", 2, window);
    node_integers(node, "strides", 2, strides);
    node_integers(node, "pads", 4, pads);
}

static void s_normalize(Onnx__ModelProto *model, const char *x, const char *y)
{
    char inputs[64];
    float scale[] = {1, 2, 0.5F, 1, 1, 1.5F, 1, 1};
    float shift[] = {0, 0.5F, 0, -0.5F, 0, 0, 0.1F, 0};
    float variance[] = {1, 1, 2, 1, 0.5F, 1, 1, 1};
    (void)model_floats(model, "bn_scale", 8, scale);
    (void)model_floats(model, "bn_shift", 8, shift);
    (void)model_floats(model, "bn_mean", 8, shift);
    (void)model_floats(model, "bn_variance", 8, variance);
    (void)snprintf(inputs, sizeof inputs, "%s bn_scale bn_shift bn_mean bn_variance", x);
    (void)model_node(model, "BatchNormalization", inputs, y);
}

/*  Every kind of node that carries bytes: joined, gated, pooled, moved, added up, bent.  */
static Onnx__ModelProto *s_network(void)
{
    Onnx__ModelProto *model = model_new(13);
    float six[] = {6};
    float zero[] = {0};
    float scales[] = {1, 1, 2, 2};
    int64_t order[] = {0, 2, 3, 1};
    int64_t back[] = {0, 3, 1, 2};
    int64_t flat[] = {0, -1};
    model_input(model, "x", F32, -1, 3, 8, 8, END);
    (void)model_weights(model, "w1", 8, 3, 3, 3, END);
    (void)model_weights(model, "b1", 8, END);
    (void)model_weights(model, "w2", 8, 1, 3, 3, END);
    (void)model_weights(model, "w3", 8, 8, 1, 1, END);
    (void)model_weights(model, "w4", 8, 16, 1, 1, END);
    (void)model_weights(model, "w5", 8, 8, 1, 1, END);
    (void)model_weights(model, "w6", 32, 6, END);
    (void)model_weights(model, "b6", 6, END);
    (void)model_weights(model, "w7", 4, 6, END);
    (void)model_weights(model, "b7", 4, END);
    (void)model_floats(model, "zero", 1, zero);
    (void)model_floats(model, "six", 1, six);
    model->graph->initializer[model->graph->n_initializer - 1]->n_dims = 0;
    model->graph->initializer[model->graph->n_initializer - 2]->n_dims = 0;
    (void)model_floats(model, "scales", 4, scales);
    (void)model_integers(model, "flat", 2, flat);
    s_window(model_node(model, "Conv", "x w1 b1", "c1"), 3, 1, 1);
    s_normalize(model, "c1", "n1");
    (void)model_node(model, "Relu", "n1", "r1");
    Onnx__NodeProto *depthwise = model_node(model, "Conv", "r1 w2", "c2");
    s_window(depthwise, 3, 1, 1);
    node_integer(depthwise, "group", 8);
    (void)model_node(model, "Clip", "c2 zero six", "r2");
    (void)model_node(model, "Add", "r1 r2", "a");
    (void)model_node(model, "GlobalAveragePool", "a", "g");
    s_window(model_node(model, "Conv", "g w3", "c3"), 1, 1, 0);
    (void)model_node(model, "Sigmoid", "c3", "s");
    (void)model_node(model, "Mul", "a s", "m");
    s_window(model_node(model, "MaxPool", "m", "p"), 2, 2, 0);
    s_window(model_node(model, "AveragePool", "m", "q"), 2, 2, 0);
    node_integer(model_node(model, "Concat", "p q", "j"), "axis", 1);
    s_window(model_node(model, "Conv", "j w4", "c4"), 1, 1, 0);
    (void)model_node(model, "LeakyRelu", "c4", "l");
    node_text(model_node(model, "Resize", "l - scales", "u"), "mode", "nearest");
    node_integers(model_node(model, "Transpose", "u", "t"), "perm", 4, order);
    node_integers(model_node(model, "Transpose", "t", "t2"), "perm", 4, back);
    s_window(model_node(model, "Conv", "t2 w5", "c5"), 1, 1, 0);
    s_window(model_node(model, "MaxPool", "c5", "p5"), 4, 4, 0);
    (void)model_node(model, "Reshape", "p5 flat", "f");
    (void)model_node(model, "MatMul", "f w6", "h");
    (void)model_node(model, "Add", "h b6", "h2");
    (void)model_node(model, "Relu", "h2", "h3");
    Onnx__NodeProto *gemm = model_node(model, "Gemm", "h3 w7 b7", "y");
    node_integer(gemm, "transB", 1);
    node_real(gemm, "alpha", 0.5F);
    node_real(gemm, "beta", 2.0F);
    model_output(model, "y", F32, -1, 4, END);
    return model;
}

static void test_a_network_of_every_kind(void **state)
{
    (void)state;
    static const double percents[] = {100, 99.99};
    for (size_t i = 0; i < 2; i++) {
        s_rows_t rows = s_rows(9, 4, 3, 8, 8);
        tacit_quantized_t *quantized = s_near(s_network(), &rows, percents[i], 0.05);
        assert_int_equal(s_nodes(quantized, "Conv", true), 5);
        assert_int_equal(s_nodes(quantized, "Gemm", true), 2); /* one was MatMul and Add */
        assert_int_equal(s_nodes(quantized, "Add", true), 1);
        assert_int_equal(s_nodes(quantized, "Conv", false), 0);
        assert_int_equal(s_nodes(quantized, "Relu", false), 0);
        assert_int_equal(s_nodes(quantized, "Clip", false), 0);
        assert_int_equal(s_nodes(quantized, "BatchNormalization", false), 0);
        tacit_quantized_destroy(&quantized);
        free(rows.numbers);
    }
}

static void test_names_and_metadata_stay(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(4, 4, 3, 8, 8);
    Onnx__ModelProto *model = s_network();
    model_metadata(model, "labels", "a,b,c,d");
    model->doc_string = strdup("ours");
    tacit_quantized_t *quantized = s_near(model, &rows, 100, 0.05);
    tacit_span_t made = tacit_quantized_model(quantized);
    Onnx__ModelProto *read = onnx__model_proto__unpack(NULL, made.size, made.data);
    assert_non_null(read);
    assert_string_equal(read->doc_string, "ours");
    assert_string_equal(read->metadata_props[0]->value, "a,b,c,d");
    assert_int_equal(read->opset_import[0]->version, 13);
    assert_int_equal(read->graph->n_input, 1);
    assert_string_equal(read->graph->input[0]->name, "x");
    assert_string_equal(read->graph->output[0]->name, "y");
    assert_int_equal(read->graph->output[0]->type->tensor_type->elem_type, F32);
    onnx__model_proto__free_unpacked(read, NULL);
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/*  As exporters of other frameworks leave it: weights behind a Transpose, scaled and shifted after.
 */
static void test_what_treats_features_one_by_one_goes_into_weights(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    int64_t order[] = {3, 2, 0, 1};
    model_input(model, "x", F32, -1, 3, 8, 8, END);
    (void)model_weights(model, "w", 3, 3, 3, 5, END);
    (void)model_weights(model, "scale", 1, 5, 1, 1, END);
    (void)model_weights(model, "shift", 5, 1, 1, END);
    node_integers(model_node(model, "Transpose", "w", "t"), "perm", 4, order);
    s_window(model_node(model, "Conv", "x t", "c"), 3, 1, 1);
    (void)model_node(model, "Identity", "c", "i");
    (void)model_node(model, "Mul", "i scale", "m");
    (void)model_node(model, "Add", "shift m", "s");
    (void)model_node(model, "Relu", "s", "y");
    model_output(model, "y", F32, -1, 5, 8, 8, END);
    s_rows_t rows = s_rows(4, 2, 3, 8, 8);
    tacit_quantized_t *quantized = s_near(model, &rows, 100, 0.03);
    size_t count = 0;
    (void)tacit_quantized_counts(quantized, &count);
    assert_int_equal(count, 1);
    assert_int_equal(s_nodes(quantized, "Conv", true), 1);
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/*  Products of more than matrices: what is added to them for each column stays exact.  */
static void test_products_with_a_bias_stay_real(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(14);
    model_input(model, "x", F32, -1, 3, 8, 8, END);
    (void)model_weights(model, "w1", 8, 6, END);
    (void)model_weights(model, "b1", 6, END);
    (void)model_weights(model, "w2", 6, 4, END);
    (void)model_weights(model, "b2", 4, END);
    (void)model_node(model, "MatMul", "x w1", "h");
    (void)model_node(model, "Add", "b1 h", "h1");
    (void)model_node(model, "Relu", "h1", "h2");
    (void)model_node(model, "MatMul", "h2 w2", "z");
    (void)model_node(model, "Add", "z b2", "y");
    model_output(model, "y", F32, -1, 3, 8, 4, END);
    s_rows_t rows = s_rows(5, 2, 3, 8, 8);
    tacit_quantized_t *quantized = s_near(model, &rows, 100, 0.02);
    assert_int_equal(s_nodes(quantized, "MatMul", true), 2);
    assert_int_equal(s_nodes(quantized, "Add", true), 0);
    assert_int_equal(s_nodes(quantized, "Add", false), 0); /* of the products */
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/*  What later opsets take as inputs, a lower one has as attributes.  */
static Onnx__ModelProto *s_old_network(void)
{
    Onnx__ModelProto *model = model_new(9);
    float scales[] = {1, 1, 2, 2};
    int64_t axes[] = {2, 3};
    int64_t starts[] = {1, 1};
    int64_t ends[] = {7, 7};
    int64_t pads[] = {0, 0, 1, 1, 0, 0, 1, 1};
    int64_t parts[] = {2, 6};
    model->ir_version = 3; /* initializers are inputs, too */
    model_input(model, "x", F32, -1, 3, 8, 8, END);
    (void)model_weights(model, "w1", 8, 3, 3, 3, END);
    model_input(model, "w1", F32, 8, 3, 3, 3, END);
    (void)model_weights(model, "w2", 4, 6, 1, 1, END);
    (void)model_weights(model, "w3", 5, 4, END);
    (void)model_weights(model, "b3", 5, END);
    (void)model_floats(model, "scales", 4, scales);
    Onnx__NodeProto *pad = model_node(model, "Pad", "x", "xp");
    node_integers(pad, "pads", 8, pads);
    node_real(pad, "value", 0);
    s_window(model_node(model, "Conv", "xp w1", "c1"), 3, 1, 0);
    s_normalize(model, "c1", "n1");
    Onnx__NodeProto *clip = model_node(model, "Clip", "n1", "r1");
    node_real(clip, "min", 0);
    node_real(clip, "max", 6);
    node_real(model_node(model, "Dropout", "r1", "d"), "ratio", 0.5F);
    Onnx__NodeProto *slice = model_node(model, "Slice", "d", "s");
    node_integers(slice, "starts", 2, starts);
    node_integers(slice, "ends", 2, ends);
    node_integers(slice, "axes", 2, axes);
    Onnx__NodeProto *split = model_node(model, "Split", "s", "s1 s2");
    node_integer(split, "axis", 1);
    node_integers(split, "split", 2, parts);
    node_text(model_node(model, "Upsample", "s2 scales", "u"), "mode", "nearest");
    s_window(model_node(model, "Conv", "u w2", "c2"), 1, 1, 0);
    (void)model_node(model, "GlobalAveragePool", "c2", "g");
    node_integers(model_node(model, "Squeeze", "g", "q"), "axes", 2, axes);
    node_integer(model_node(model, "Gemm", "q w3 b3", "z"), "transB", 1);
    (void)model_node(model, "Softmax", "z", "y");
    model_output(model, "y", F32, -1, 5, END);
    return model;
}

static void test_a_lower_opset_is_raised(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(5, 2, 3, 8, 8);
    tacit_quantized_t *quantized = s_near(s_old_network(), &rows, 100, 0.02);
    tacit_span_t made = tacit_quantized_model(quantized);
    Onnx__ModelProto *read = onnx__model_proto__unpack(NULL, made.size, made.data);
    assert_non_null(read);
    assert_int_equal(read->opset_import[0]->version, 13);
    assert_int_equal(read->graph->n_input, 1);
    assert_true(read->ir_version >= 7);
    onnx__model_proto__free_unpacked(read, NULL);
    assert_int_equal(s_nodes(quantized, "Conv", true), 2);
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/*  Values that branches of an If use from outside keep their names.  */
static void test_graphs_in_nodes_see_what_they_saw(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    uint8_t truth = 1;
    model_input(model, "x", F32, -1, 6, END);
    (void)model_weights(model, "w", 6, 4, END);
    (void)model_raw(model, "yes", TACIT_DTYPE_BOOL, 0, NULL, &truth, 1);
    (void)model_node(model, "MatMul", "x w", "h");
    Onnx__NodeProto *choice = model_node(model, "If", "yes", "y");
    for (int i = 0; i < 2; i++) {
        Onnx__ModelProto *inner = model_new(13);
        (void)model_node(inner, i == 0 ? "Relu" : "Neg", "h", i == 0 ? "p" : "n");
        model_output(inner, i == 0 ? "p" : "n", F32, -1, 4, END);
        node_graph(choice, i == 0 ? "then_branch" : "else_branch", inner);
    }
    model_output(model, "y", F32, -1, 4, END);
    s_rows_t rows = s_rows(3, 3, 6, 0, 0);
    tacit_quantized_t *quantized = s_near(model, &rows, 100, 0.02);
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/*  More values than are looked at in one go.  */
static void test_deep_networks_are_looked_at_in_parts(void **state)
{
    (void)state;
    enum { LAYERS = 2 * TACIT_ENGINE_INPUTS_MAX + 3 };
    Onnx__ModelProto *model = model_new(13);
    float unit[] = {0.6F, 0.8F, -0.8F, 0.6F};
    int64_t dims[] = {2, 2};
    model_input(model, "x", F32, -1, 2, END);
    (void)model_raw(model, "w", F32, 2, dims, unit, sizeof unit);
    for (int i = 0; i < LAYERS; i++) {
        char from[8];
        char to[8];
        char inputs[16];
        (void)snprintf(from, sizeof from, i == 0 ? "x" : "v%d", i);
        (void)snprintf(to, sizeof to, i == LAYERS - 1 ? "y" : "v%d", i + 1);
        (void)snprintf(inputs, sizeof inputs, "%s w", from);
        (void)model_node(model, "MatMul", inputs, to);
    }
    model_output(model, "y", F32, -1, 2, END);
    s_rows_t rows = s_rows(6, 6, 2, 0, 0);
    tacit_quantized_t *quantized = s_near(model, &rows, 100, 0.3);
    assert_int_equal(s_nodes(quantized, "MatMul", true), LAYERS);
    tacit_quantized_destroy(&quantized);
    free(rows.numbers);
}

/* --- refusals --------------------------------------------------------------------------------- */

static tacit_error_t s_refused(Onnx__ModelProto *model, s_rows_t *rows)
{
    size_t size = 0;
    uint8_t *bytes = model_pack(model, &size);
    tacit_quantized_t *quantized = NULL;
    tacit_error_t error = {0};
    model_free(model);
    assert_int_not_equal(s_quantize(bytes, size, rows, 100, &quantized, &error), TACIT_OK);
    assert_null(quantized);
    free(bytes);
    return error;
}

static void test_without_rows_it_is_refused(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(0, 4, 3, 8, 8);
    assert_int_equal(s_refused(s_network(), &rows).code, TACIT_BAD_INPUT);
    free(rows.numbers);
}

static void test_rows_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(4, 4, 5, 8, 8);
    tacit_error_t error = s_refused(s_network(), &rows);
    assert_int_equal(error.code, TACIT_BAD_INPUT);
    assert_string_equal(error.claim, "x");
    free(rows.numbers);
}

static void test_the_row_of_a_nan_is_told(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(9, 4, 3, 8, 8);
    rows.numbers[6 * rows.each + 5] = NAN;
    tacit_error_t error = s_refused(s_network(), &rows);
    assert_int_equal(error.code, TACIT_BAD_INPUT);
    assert_string_equal(error.claim, "row 6");
    rows.numbers[6 * rows.each + 5] = FLT_MAX; /* sums are infinite */
    error = s_refused(s_network(), &rows);
    assert_int_equal(error.code, TACIT_BAD_INPUT);
    assert_string_equal(error.claim, "row 6");
    free(rows.numbers);
}

static void test_what_is_quantized_already_is_refused(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    float scale[] = {0.5F};
    model_input(model, "x", F32, -1, 4, END);
    (void)model_floats(model, "s", 1, scale);
    model->graph->initializer[0]->n_dims = 0;
    (void)model_node(model, "QuantizeLinear", "x s", "q");
    (void)model_node(model, "DequantizeLinear", "q s", "y");
    model_output(model, "y", F32, -1, 4, END);
    s_rows_t rows = s_rows(4, 4, 4, 0, 0);
    tacit_error_t error = s_refused(model, &rows);
    assert_int_equal(error.code, TACIT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "QuantizeLinear"));
    free(rows.numbers);
}

static void test_nothing_to_quantize_is_refused(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, 4, END);
    (void)model_node(model, "Relu", "x", "y");
    model_output(model, "y", F32, -1, 4, END);
    s_rows_t rows = s_rows(4, 4, 4, 0, 0);
    tacit_error_t error = s_refused(model, &rows);
    assert_int_equal(error.code, TACIT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "nothing is quantized"));
    free(rows.numbers);
}

static void test_an_operator_that_cannot_be_raised_is_named(void **state)
{
    (void)state;
    Onnx__ModelProto *model = model_new(11);
    model_input(model, "x", F32, -1, 4, 6, 6, END);
    (void)model_weights(model, "w", 4, 4, 1, 1, END);
    s_window(model_node(model, "Conv", "x w", "c"), 1, 1, 0);
    node_integer(model_node(model, "Softmax", "c", "y"), "axis", 1); /* of 4 dimensions */
    model_output(model, "y", F32, -1, 4, 6, 6, END);
    s_rows_t rows = s_rows(4, 4, 4, 6, 6);
    tacit_error_t error = s_refused(model, &rows);
    assert_int_equal(error.code, TACIT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "Softmax of opset 11"));
    assert_non_null(strstr(error.remedy, "opset 13"));
    free(rows.numbers);
}

static void test_bytes_that_are_no_model_are_refused(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(4, 4, 3, 8, 8);
    tacit_quantized_t *quantized = NULL;
    tacit_error_t error = {0};
    size_t size = 0;
    Onnx__ModelProto *model = s_old_network();
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    for (size_t cut = 0; cut < size; cut += 97) {
        assert_int_not_equal(s_quantize(bytes, cut, &rows, 100, &quantized, &error), TACIT_OK);
    }
    free(bytes);
    free(rows.numbers);
}

static void test_memory_has_a_limit(void **state)
{
    (void)state;
    s_rows_t rows = s_rows(4, 4, 3, 8, 8);
    size_t size = 0;
    Onnx__ModelProto *model = s_network();
    uint8_t *bytes = model_pack(model, &size);
    const tacit_quantizer_options_t options = {.percent = 99, .memory_limit = 256 << 10};
    const tacit_quantizer_rows_t given = {.self = &rows, .batches = 1, .batch = 4, .take = s_take};
    tacit_quantized_t *quantized = NULL;
    tacit_error_t error = {0};
    model_free(model);
    assert_int_equal(tacit_quantize(tacit_span(bytes, size), &options, &given, &quantized, &error),
                     TACIT_TOO_LARGE);
    free(bytes);
    free(rows.numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range_is_of_all_numbers),
        cmocka_unit_test(test_a_range_takes_no_nan_nor_infinity),
        cmocka_unit_test(test_what_is_rare_is_cut_off),
        cmocka_unit_test(test_zeros_before_the_first_number_count),
        cmocka_unit_test(test_a_grid_holds_zero_and_both_ends),
        cmocka_unit_test(test_no_step_is_infinite),
        cmocka_unit_test(test_ranges_without_extent_have_grids),
        cmocka_unit_test(test_a_clip_at_the_ends_is_idle),
        cmocka_unit_test(test_weights_come_back_to_half_a_step),
        cmocka_unit_test(test_a_bias_fits_its_steps),
        cmocka_unit_test(test_a_network_of_every_kind),
        cmocka_unit_test(test_names_and_metadata_stay),
        cmocka_unit_test(test_what_treats_features_one_by_one_goes_into_weights),
        cmocka_unit_test(test_products_with_a_bias_stay_real),
        cmocka_unit_test(test_a_lower_opset_is_raised),
        cmocka_unit_test(test_graphs_in_nodes_see_what_they_saw),
        cmocka_unit_test(test_deep_networks_are_looked_at_in_parts),
        cmocka_unit_test(test_without_rows_it_is_refused),
        cmocka_unit_test(test_rows_that_do_not_fit_are_refused),
        cmocka_unit_test(test_the_row_of_a_nan_is_told),
        cmocka_unit_test(test_what_is_quantized_already_is_refused),
        cmocka_unit_test(test_nothing_to_quantize_is_refused),
        cmocka_unit_test(test_an_operator_that_cannot_be_raised_is_named),
        cmocka_unit_test(test_bytes_that_are_no_model_are_refused),
        cmocka_unit_test(test_memory_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
