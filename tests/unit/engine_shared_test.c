/*  engine_shared_test.c - constants that several nodes read, each in its own way, give what a
    constant for each of them gives; and values are read before others are written over them.  */

#include "services/inference/engine/tensor.h"

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, U8 = TACIT_DTYPE_UINT8, S8 = TACIT_DTYPE_INT8 };
enum { S32 = TACIT_DTYPE_INT32, END = MODEL_END, BYTES_MAX = 1 << 18, INPUTS_MAX = 2 };

static uint8_t s_bytes[BYTES_MAX];

static const void *s_draw(size_t count, tacit_dtype_t dtype, uint32_t seed)
{
    uint32_t state = seed * 2654435761U + 1;
    assert_true(count * tacit_dtype_size(dtype) <= BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        if (dtype == TACIT_DTYPE_FLOAT32) {
            float number = (float)(state >> 24) / 128.0F - 1.0F;
            memcpy(s_bytes + i * sizeof(number), &number, sizeof(number));
        } else {
            s_bytes[i] = (uint8_t)(state >> 24);
        }
    }
    return s_bytes;
}

/*  A constant whose elements do not follow from its name.  */
static void s_constant(Onnx__ModelProto *model, const char *name, tacit_dtype_t dtype,
                       const tacit_shape_t *shape)
{
    size_t count = tacit_shape_span(shape, 0, shape->rank);
    (void)model_raw(model, name, dtype, shape->rank, shape->dims, s_draw(count, dtype, 7),
                    count * tacit_dtype_size(dtype));
}

static void s_scalar_byte(Onnx__ModelProto *model, const char *name, int dtype, int number)
{
    uint8_t byte = (uint8_t)number;
    (void)model_raw(model, name, dtype, 0, NULL, &byte, 1);
}

static void s_scalar_real(Onnx__ModelProto *model, const char *name, float number)
{
    (void)model_raw(model, name, F32, 0, NULL, &number, sizeof(number));
}

/*  All outputs of a run on inputs of the declared shapes; frees the model.  */
static tacit_engine_result_t *s_run(Onnx__ModelProto *model, bool portable,
                                    tacit_engine_t **ret_engine)
{
    tacit_error_t error = {0};
    tacit_engine_options_t options = {.portable = portable};
    tacit_engine_result_t *result = NULL;
    tacit_engine_tensor_t inputs[INPUTS_MAX];
    uint8_t *items[INPUTS_MAX] = {NULL};
    size_t count = 0;
    if (model_load(model, &options, ret_engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    const tacit_engine_value_t *declared = tacit_engine_inputs(*ret_engine, &count);
    assert_true(count <= INPUTS_MAX);
    for (size_t i = 0; i < count; i++) {
        tacit_shape_t shape = {.rank = declared[i].rank};
        memcpy(shape.dims, declared[i].dims, sizeof(shape.dims));
        size_t elements = tacit_shape_span(&shape, 0, shape.rank);
        size_t size = elements * tacit_dtype_size(declared[i].dtype);
        items[i] = malloc(size);
        assert_non_null(items[i]);
        memcpy(items[i], s_draw(elements, declared[i].dtype, (uint32_t)i), size);
        inputs[i] = (tacit_engine_tensor_t){.name = tacit_span_string(declared[i].name),
                                            .dtype = declared[i].dtype,
                                            .rank = shape.rank,
                                            .data = tacit_span(items[i], size)};
        memcpy(inputs[i].dims, shape.dims, sizeof(shape.dims));
    }
    if (tacit_engine_run(*ret_engine, inputs, count, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    for (size_t i = 0; i < count; i++) {
        free(items[i]);
    }
    return result;
}

/*  Outputs y and z of both models agree, with either backend.  */
static void s_compare(const char *name, Onnx__ModelProto *(*make)(bool apart), size_t outputs)
{
    for (int portable = 0; portable < 2; portable++) {
        tacit_engine_t *engines[2] = {NULL, NULL};
        tacit_engine_result_t *results[2];
        const tacit_engine_tensor_t *made[2];
        for (int i = 0; i < 2; i++) {
            size_t count = 0;
            results[i] = s_run(make(i == 1), portable == 1, &engines[i]);
            made[i] = tacit_engine_result_tensors(results[i], &count);
            assert_true(count >= outputs);
        }
        for (size_t k = 0; k < outputs; k++) {
            size_t size = made[0][k].data.size;
            assert_int_equal(size, made[1][k].data.size);
            for (size_t at = 0; at < size; at += sizeof(float)) {
                float one;
                float other;
                memcpy(&one, made[0][k].data.data + at, sizeof(one));
                memcpy(&other, made[1][k].data.data + at, sizeof(other));
                bool same = made[0][k].dtype == TACIT_DTYPE_FLOAT32
                                ? fabsf(one - other) <= 1e-4F + 1e-4F * fabsf(other)
                                : memcmp(&one, &other, sizeof(one)) == 0;
                if (!same) {
                    fail_msg("%s (%d): output %zu differs at %zu of %zu", name, portable, k, at,
                             size);
                }
            }
        }
        for (int i = 0; i < 2; i++) {
            tacit_engine_result_destroy(&results[i]);
            tacit_engine_destroy(&engines[i]);
        }
    }
}

/* --- convolutions ----------------------------------------------------------------------------- */

/*  Dilations decide how weights of bytes are packed.  */
static Onnx__ModelProto *s_dilations(bool apart, int64_t channels, int64_t group, int64_t dilation,
                                     int64_t side)
{
    const int64_t pair[] = {dilation, dilation};
    const tacit_shape_t shape = {.rank = 4, .dims = {5 * group, channels / group, 3, 3}};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 1, (int)channels, (int)side, (int)side, END);
    s_constant(model, "w", TACIT_DTYPE_INT8, &shape);
    s_constant(model, "v", TACIT_DTYPE_INT8, &shape);
    node_integers(model_node(model, "ConvInteger", "x w", "a"), "dilations", 2, pair);
    node_integer(model->graph->node[0], "group", group);
    node_integer(model_node(model, "ConvInteger", apart ? "x v" : "x w", "b"), "group", group);
    model_output(model, "a", S32, -1, -1, -1, -1, END);
    model_output(model, "b", S32, -1, -1, -1, -1, END);
    return model;
}

static Onnx__ModelProto *s_joined(bool apart)
{
    return s_dilations(apart, 3, 1, 2, 9);
}

/*  Filters of one channel each; what they stretch over decides.  */
static Onnx__ModelProto *s_filters(bool apart)
{
    const int64_t far[] = {40, 40};
    const tacit_shape_t shape = {.rank = 4, .dims = {20, 1, 3, 3}};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 1, 20, 90, 90, END);
    s_constant(model, "w", TACIT_DTYPE_INT8, &shape);
    s_constant(model, "v", TACIT_DTYPE_INT8, &shape);
    node_integer(model_node(model, "ConvInteger", "x w", "a"), "group", 20);
    Onnx__NodeProto *node = model_node(model, "ConvInteger", apart ? "x v" : "x w", "b");
    node_integer(node, "group", 20);
    node_integers(node, "dilations", 2, far);
    model_output(model, "a", S32, -1, -1, -1, -1, END);
    model_output(model, "b", S32, -1, -1, -1, -1, END);
    return model;
}

static void test_dilations(void **state)
{
    (void)state;
    s_compare("joined", s_joined, 2);
    s_compare("filters", s_filters, 2);
}

/* --- Reshape ---------------------------------------------------------------------------------- */

/*  Weights, and the same seen with another shape: the node that reads these comes first.  */
static Onnx__ModelProto *s_seen(bool apart, const char *op, tacit_dtype_t dtype, int type)
{
    const tacit_shape_t shape = {.rank = 2, .dims = {8, 128}};
    const int64_t other[] = {64, 16};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", type, 6, 8, END);
    model_input(model, "u", type, 6, 64, END);
    s_constant(model, "w", dtype, &shape);
    s_constant(model, "v", dtype, &shape);
    (void)model_integers(model, "s", 2, other);
    (void)model_node(model, "Reshape", apart ? "v s" : "w s", "r");
    (void)model_node(model, op, "u r", "y");
    (void)model_node(model, op, "x w", "z");
    model_output(model, "y", dtype == TACIT_DTYPE_FLOAT32 ? F32 : S32, 6, 16, END);
    model_output(model, "z", dtype == TACIT_DTYPE_FLOAT32 ? F32 : S32, 6, 128, END);
    return model;
}

static Onnx__ModelProto *s_seen_reals(bool apart)
{
    return s_seen(apart, "MatMul", TACIT_DTYPE_FLOAT32, F32);
}

static Onnx__ModelProto *s_seen_bytes(bool apart)
{
    return s_seen(apart, "MatMulInteger", TACIT_DTYPE_INT8, U8);
}

/*  Weights of a convolution as a matrix.  */
static Onnx__ModelProto *s_seen_window(bool apart)
{
    const tacit_shape_t shape = {.rank = 4, .dims = {32, 32, 3, 3}};
    const int64_t one[] = {1, 1, 1, 1};
    const int64_t other[] = {96, 96};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1, 32, 16, 16, END);
    model_input(model, "u", F32, 6, 96, END);
    s_constant(model, "w", TACIT_DTYPE_FLOAT32, &shape);
    s_constant(model, "v", TACIT_DTYPE_FLOAT32, &shape);
    (void)model_integers(model, "s", 2, other);
    node_integers(model_node(model, "Conv", "x w", "y"), "pads", 4, one);
    (void)model_node(model, "Reshape", apart ? "v s" : "w s", "r");
    (void)model_node(model, "MatMul", "u r", "z");
    model_output(model, "y", F32, 1, 32, 16, 16, END);
    model_output(model, "z", F32, 6, 96, END);
    return model;
}

static void test_other_shapes(void **state)
{
    (void)state;
    s_compare("reals", s_seen_reals, 2);
    s_compare("bytes", s_seen_bytes, 2);
    s_compare("window", s_seen_window, 2);
}

/* --- turned ----------------------------------------------------------------------------------- */

static Onnx__ModelProto *s_turned_column(bool apart)
{
    const tacit_shape_t shape = {.rank = 2, .dims = {40, 1}};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 6, 40, END);
    model_input(model, "u", F32, 6, 1, END);
    s_constant(model, "w", TACIT_DTYPE_FLOAT32, &shape);
    s_constant(model, "v", TACIT_DTYPE_FLOAT32, &shape);
    (void)model_node(model, "MatMul", "x w", "y");
    node_integer(model_node(model, "Gemm", apart ? "u v" : "u w", "z"), "transB", 1);
    model_output(model, "y", F32, 6, 1, END);
    model_output(model, "z", F32, 6, 40, END);
    return model;
}

static Onnx__ModelProto *s_turned_bytes(bool apart)
{
    const tacit_shape_t shape = {.rank = 2, .dims = {64, 4}};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 8, 64, END);
    model_input(model, "u", U8, 8, 4, END);
    s_constant(model, "w", TACIT_DTYPE_INT8, &shape);
    s_constant(model, "v", TACIT_DTYPE_INT8, &shape);
    s_scalar_real(model, "s", 0.01F);
    s_scalar_byte(model, "o", U8, 100);
    s_scalar_byte(model, "p", S8, 0);
    (void)model_node(model, "QLinearMatMul", "x s o w s p s o", "y");
    Onnx__NodeProto *node = model_node_microsoft(
        model, "QGemm", apart ? "u s o v s p - s o" : "u s o w s p - s o", "z");
    node_integer(node, "transB", 1);
    model_output(model, "y", U8, 8, 4, END);
    model_output(model, "z", U8, 8, 64, END);
    return model;
}

static void test_turned(void **state)
{
    (void)state;
    s_compare("column", s_turned_column, 2);
    s_compare("bytes", s_turned_bytes, 2);
}

/* --- values that are read late ---------------------------------------------------------------- */

/*  A sum is written over what was turned before, for scores that are made afterwards. apart: that
    is an output, too, so nothing is written over it.  */
static Onnx__ModelProto *s_residual(bool apart)
{
    static const int64_t order[] = {0, 1, 3, 2};
    const tacit_shape_t shape = {.rank = 2, .dims = {16, 16}};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1, 2, 8, 16, END);
    s_constant(model, "w", TACIT_DTYPE_FLOAT32, &shape);
    (void)model_node(model, "Mul", "x x", "a");
    node_integers(model_node(model, "Transpose", "a", "t"), "perm", 4, order);
    (void)model_node(model, "MatMul", "x w", "m");
    (void)model_node(model, "Add", "m a", "s");
    (void)model_node(model, "MatMul", "s t", "c");
    node_integer(model_node(model, "Softmax", "c", "f"), "axis", -1);
    (void)model_node(model, "MatMul", "f s", "y");
    model_output(model, "y", F32, 1, 2, 8, 16, END);
    if (apart) {
        model_output(model, "a", F32, 1, 2, 8, 16, END);
    }
    return model;
}

static void test_read_late(void **state)
{
    (void)state;
    s_compare("residual", s_residual, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dilations),
        cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_turned),
        cmocka_unit_test(test_read_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
