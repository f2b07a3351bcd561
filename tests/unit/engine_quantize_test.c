/*  engine_quantize_test.c - operators over 8-bit numbers: oneDNN and the plain kernels give the
   same bytes, whatever types, zero points, windows and sizes of sums; what is between Dequantize-
   and QuantizeLinear gives the same merged and alone.  */

#include "services/inference/engine/tensor.h"

#include "engine_model.h"

#include <oneapi/dnnl/dnnl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { F32 = TACIT_DTYPE_FLOAT32, U8 = TACIT_DTYPE_UINT8, S8 = TACIT_DTYPE_INT8 };
enum { S32 = TACIT_DTYPE_INT32, END = MODEL_END, BYTES_MAX = 1 << 21 };

static uint8_t s_bytes[BYTES_MAX];

/*  Bytes of a fixed sequence; low: numbers that as int8 lie in [-low, low].  */
static const uint8_t *s_draw(size_t count, uint32_t seed, int low)
{
    uint32_t state = seed * 2654435761U + 1;
    assert_true(count <= BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525U + 1013904223U;
        int number = (int)(state >> 24);
        s_bytes[i] = (uint8_t)(low == 0 ? number : number % (2 * low + 1) - low);
    }
    return s_bytes;
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

/*  The first output of a model that was packed, for bytes as its only input.  */
static tacit_engine_result_t *s_run(tacit_span_t onnx, bool portable, const tacit_shape_t *shape,
                                    tacit_dtype_t dtype, const void *items, bool *ret_fast,
                                    tacit_engine_t **ret_engine)
{
    tacit_error_t error = {0};
    tacit_engine_options_t options = {.portable = portable, .profile = true};
    tacit_engine_result_t *result = NULL;
    tacit_engine_tensor_t input = {.dtype = dtype, .rank = shape->rank};
    size_t size = tacit_dtype_size(dtype);
    for (size_t i = 0; i < shape->rank; i++) {
        input.dims[i] = shape->dims[i];
        size *= (size_t)shape->dims[i];
    }
    input.data = tacit_span(items, size);
    if (tacit_engine_load(onnx, &options, ret_engine, &error) != TACIT_OK ||
        tacit_engine_run(*ret_engine, &input, 1, &result, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    tacit_engine_step_t steps[16];
    size_t count = tacit_engine_profile(*ret_engine, steps, 16);
    *ret_fast = false;
    for (size_t i = 0; i < count && i < 16; i++) {
        *ret_fast |= strstr(steps[i].how, "vnni") != NULL;
    }
    return result;
}

static bool s_has_bytes(void)
{
    unsigned wanted = (unsigned)dnnl_cpu_isa_avx512_core_vnni;
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

/*  Both backends agree to the byte (reals: too); oneDNN computes if it is expected to.  */
static void s_compare(Onnx__ModelProto *model, const char *name, const tacit_shape_t *shape,
                      tacit_dtype_t dtype, const void *items, bool fast)
{
    size_t size = 0;
    uint8_t *onnx = model_pack(model, &size);
    model_free(model);
    tacit_engine_t *engines[2] = {NULL, NULL};
    bool how[2];
    tacit_engine_result_t *results[2];
    for (int i = 0; i < 2; i++) {
        results[i] =
            s_run(tacit_span(onnx, size), i == 1, shape, dtype, items, &how[i], &engines[i]);
    }
    size_t count = 0;
    const tacit_engine_tensor_t *one = tacit_engine_result_tensors(results[0], &count);
    const tacit_engine_tensor_t *other = tacit_engine_result_tensors(results[1], &count);
    assert_int_equal(one->data.size, other->data.size);
    for (size_t i = 0; i < one->data.size; i++) {
        if (one->data.data[i] != other->data.data[i]) {
            fail_msg("%s: byte %zu of %zu is %d and %d", name, i, one->data.size, one->data.data[i],
                     other->data.data[i]);
        }
    }
    if (s_has_bytes() && how[0] != fast) {
        fail_msg("%s: %s", name, fast ? "oneDNN does not compute it" : "oneDNN computes it");
    }
    for (int i = 0; i < 2; i++) {
        tacit_engine_result_destroy(&results[i]);
        tacit_engine_destroy(&engines[i]);
    }
    free(onnx);
}

/* --- QLinearConv ------------------------------------------------------------------------------ */

typedef struct s_case {
    const char *name;
    int x_type, w_type, y_type;
    int x_zero, w_zero, y_zero;
    int channels, features, group, kernel, stride, pad, dilation;
    bool each, biased; /* a scale per feature; a bias */
    float scale;       /* of x, w and y together, about */
    int low;           /* weights lie in [-low, low]; 0: any byte */
    bool full;         /* the input is 255, and the weights 127, everywhere */
    bool fast;
} s_case_t;

static const s_case_t s_cases[] = {
    {"plain", U8, S8, U8, 0, 0, 0, 16, 32, 1, 3, 1, 1, 1, true, true, 3e-4F, 127, false, true},
    {"zero points", U8,   S8,    U8,  13,    0,   121, 16, 32, 1, 3, 1, 1, 1,
     true,          true, 3e-4F, 127, false, true},
    {"one scale", U8, S8, U8, 128,   0,    128,   16,  32,    1,
     3,           2,  1,  1,  false, true, 3e-4F, 127, false, true},
    {"no bias", U8, S8, U8, 255, 0, 1, 16, 32, 1, 3, 1, 0, 1, true, false, 3e-4F, 127, false, true},
    {"signed", S8, S8, S8, 0, 0, 0, 16, 32, 1, 3, 1, 1, 1, true, true, 3e-4F, 127, false, true},
    {"signed zero points",
     S8,
     S8,
     S8,
     -7,
     0,
     5,
     16,
     32,
     1,
     3,
     1,
     1,
     1,
     true,
     true,
     3e-4F,
     127,
     false,
     true},
    {"ends", S8, S8, S8, -128, 0, 127, 8, 8, 1, 3, 1, 1, 1, true, true, 3e-4F, 127, false, true},
    {"to bytes without sign",
     U8,
     S8,
     U8,
     3,
     0,
     7,
     3,
     8,
     1,
     7,
     2,
     3,
     1,
     true,
     true,
     3e-4F,
     127,
     false,
     true},
    {"ties", U8, S8, U8, 9, 0, 3, 4, 16, 1, 1, 1, 0, 1, false, true, 0.5F, 1, false, true},
    {"ties with sign",
     S8,
     S8,
     S8,
     0,
     0,
     1,
     4,
     16,
     1,
     1,
     1,
     0,
     1,
     false,
     true,
     0.5F,
     1,
     false,
     true},
    {"one place", U8, S8, U8, 5,    0,    100,   64,  40,    1,
     1,           1,  0,  1,  true, true, 3e-4F, 127, false, true},
    {"depthwise", U8, S8, U8, 4,    0,    99,    32,  32,    32,
     3,           1,  1,  1,  true, true, 1e-3F, 127, false, true},
    {"depthwise, stride",
     U8,
     S8,
     U8,
     0,
     0,
     0,
     32,
     32,
     32,
     3,
     2,
     1,
     1,
     true,
     true,
     1e-3F,
     127,
     false,
     true},
    {"groups", U8, S8, U8, 17, 0, 31, 32, 64, 2, 3, 1, 1, 1, true, true, 3e-4F, 127, false, true},
    {"dilated", U8, S8, U8, 11, 0, 0, 16, 16, 1, 3, 1, 2, 2, true, true, 3e-4F, 127, false, true},
    {"odd", U8, S8, U8, 11, 0, 33, 5, 7, 1, 3, 1, 1, 1, true, true, 3e-4F, 127, false, true},
    {"saturating", U8, S8, U8, 0, 0, 0, 600, 16, 1, 1, 1, 0, 1, true, true, 1e-3F, 0, true, true},
    {"sums beyond float32",
     U8,
     S8,
     U8,
     0,
     0,
     0,
     600,
     16,
     1,
     1,
     1,
     0,
     1,
     true,
     true,
     1e-6F,
     0,
     true,
     false},
    {"weights not around 0",
     U8,
     S8,
     U8,
     3,
     9,
     4,
     16,
     16,
     1,
     3,
     1,
     1,
     1,
     true,
     true,
     3e-4F,
     0,
     false,
     false},
    {"weights without sign",
     U8,
     U8,
     U8,
     3,
     120,
     4,
     16,
     16,
     1,
     3,
     1,
     1,
     1,
     true,
     true,
     3e-4F,
     0,
     false,
     false},
};

/*  Scales whose product over y's is about `scale`; of one for all exactly.  */
static void s_add_scales(Onnx__ModelProto *model, const s_case_t *c)
{
    float scales[64];
    int64_t features = c->features;
    for (int i = 0; i < c->features; i++) {
        scales[i] = c->scale * (1.0F + 0.01F * (float)i);
    }
    s_scalar_real(model, "xs", 0.5F);
    s_scalar_real(model, "ys", 0.5F);
    if (c->each) {
        (void)model_raw(model, "ws", F32, 1, &features, scales, sizeof(float) * (size_t)features);
    } else {
        s_scalar_real(model, "ws", c->scale);
    }
}

static void s_add_weights(Onnx__ModelProto *model, const s_case_t *c)
{
    int64_t dims[] = {c->features, c->channels / c->group, c->kernel, c->kernel};
    size_t count = (size_t)(dims[0] * dims[1] * dims[2] * dims[3]);
    int32_t bias[64];
    (void)s_draw(count, 7, c->low);
    if (c->full) {
        memset(s_bytes, 127, count);
    }
    (void)model_raw(model, "w", c->w_type, 4, dims, s_bytes, count);
    for (int i = 0; i < c->features; i++) {
        bias[i] = (i * 7919) % 2001 - 1000;
    }
    if (c->biased) {
        (void)model_raw(model, "b", S32, 1, dims, bias, sizeof(int32_t) * (size_t)c->features);
    }
}

static void s_set_window(Onnx__NodeProto *node, const s_case_t *c)
{
    int64_t pads[] = {c->pad, c->pad, c->pad, c->pad};
    int64_t strides[] = {c->stride, c->stride};
    int64_t dilations[] = {c->dilation, c->dilation};
    node_integers(node, "pads", 4, pads);
    node_integers(node, "strides", 2, strides);
    node_integers(node, "dilations", 2, dilations);
    node_integer(node, "group", c->group);
}

static void test_convolutions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(s_cases) / sizeof(s_cases[0]); i++) {
        const s_case_t *c = &s_cases[i];
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", c->x_type, 2, c->channels, 11, 9, END);
        s_add_weights(model, c);
        s_add_scales(model, c);
        s_scalar_byte(model, "xz", c->x_type, c->x_zero);
        s_scalar_byte(model, "wz", c->w_type, c->w_zero);
        s_scalar_byte(model, "yz", c->y_type, c->y_zero);
        s_set_window(model_node(model, "QLinearConv",
                                c->biased ? "x xs xz w ws wz ys yz b" : "x xs xz w ws wz ys yz",
                                "y"),
                     c);
        model_output(model, "y", c->y_type, -1, c->features, -1, -1, END);
        tacit_shape_t shape = {.rank = 4, .dims = {2, c->channels, 11, 9}};
        const uint8_t *x = s_draw((size_t)(2 * c->channels * 99), 3, 0);
        if (c->full) {
            memset(s_bytes, 255, (size_t)(2 * c->channels * 99));
        }
        s_compare(model, c->name, &shape, (tacit_dtype_t)c->x_type, x, c->fast);
    }
}

static void test_integer_convolutions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(s_cases) / sizeof(s_cases[0]); i++) {
        const s_case_t *c = &s_cases[i];
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", c->x_type, 2, c->channels, 11, 9, END);
        s_add_weights(model, c);
        s_scalar_byte(model, "xz", c->x_type, c->x_zero);
        s_scalar_byte(model, "wz", c->w_type, c->w_zero);
        s_set_window(model_node(model, "ConvInteger", "x w xz wz", "y"), c);
        model_output(model, "y", S32, -1, c->features, -1, -1, END);
        tacit_shape_t shape = {.rank = 4, .dims = {2, c->channels, 11, 9}};
        const uint8_t *x = s_draw((size_t)(2 * c->channels * 99), 3, 0);
        bool fast = c->fast && !c->full;
        s_compare(model, c->name, &shape, (tacit_dtype_t)c->x_type, x, fast);
    }
}

/* --- products --------------------------------------------------------------------------------- */

typedef struct s_product {
    const char *op, *inputs;
    int x_type, x_zero, w_type, w_zero, y_type, y_zero;
    bool turned, fast;
} s_product_t;

static const s_product_t s_products[] = {
    {"QLinearMatMul", "x xs xz w ws wz ys yz", U8, 3, S8, 0, U8, 120, false, true},
    {"QLinearMatMul", "x xs xz w ws wz ys yz", S8, -3, S8, 0, S8, 0, false, true},
    {"QLinearMatMul", "x xs xz w ws wz ys yz", U8, 3, S8, 1, U8, 120, false, false},
    {"QLinearMatMul", "x xs xz w ws wz ys yz", U8, 3, U8, 128, U8, 120, false, false},
    {"QGemm", "x xs xz w ws wz b ys yz", U8, 3, S8, 0, U8, 120, false, true},
    {"QGemm", "x xs xz w ws wz b ys yz", U8, 3, S8, 0, U8, 0, true, true},
    {"QGemm", "x xs xz w ws wz - ys yz", S8, 3, S8, 0, S8, 7, true, true},
    {"QGemm", "x xs xz w ws wz b", U8, 3, S8, 0, F32, 0, true, true},
    {"QGemm", "x xs xz w ws wz b", U8, 3, S8, 2, F32, 0, true, false},
    {"MatMulInteger", "x w", U8, 0, S8, 0, S32, 0, false, true},
    {"MatMulInteger", "x w xz", U8, 77, S8, 0, S32, 0, false, true},
    {"MatMulInteger", "x w xz wz", S8, -77, S8, 0, S32, 0, false, true},
    {"MatMulInteger", "x w xz wz", U8, 77, S8, -5, S32, 0, false, true},
    {"MatMulInteger", "x w - wz", S8, 0, S8, -5, S32, 0, false, true},
    {"MatMulInteger", "x w xz wz", U8, 77, U8, 12, S32, 0, false, false},
};

enum { ROWS = 7, DEPTH = 45, COLUMNS = 33 };

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(s_products) / sizeof(s_products[0]); i++) {
        const s_product_t *p = &s_products[i];
        bool gemm = strcmp(p->op, "QGemm") == 0;
        int64_t dims[] = {p->turned ? COLUMNS : DEPTH, p->turned ? DEPTH : COLUMNS};
        int32_t bias[COLUMNS];
        int64_t columns = COLUMNS;
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", p->x_type, -1, DEPTH, END);
        (void)model_raw(model, "w", p->w_type, 2, dims, s_draw(DEPTH * COLUMNS, 5, 0),
                        DEPTH * COLUMNS);
        for (int k = 0; k < COLUMNS; k++) {
            bias[k] = k * 100 - 1500;
        }
        (void)model_raw(model, "b", S32, 1, &columns, bias, sizeof(bias));
        s_scalar_real(model, "xs", 0.25F);
        s_scalar_real(model, "ws", 0.0013F);
        s_scalar_real(model, "ys", 0.5F);
        s_scalar_byte(model, "xz", p->x_type, p->x_zero);
        s_scalar_byte(model, "wz", p->w_type, p->w_zero);
        s_scalar_byte(model, "yz", p->y_type == F32 || p->y_type == S32 ? U8 : p->y_type,
                      p->y_zero);
        Onnx__NodeProto *node = gemm ? model_node_microsoft(model, p->op, p->inputs, "y")
                                     : model_node(model, p->op, p->inputs, "y");
        if (p->turned) {
            node_integer(node, "transB", 1);
        }
        model_output(model, "y", p->y_type, -1, COLUMNS, END);
        tacit_shape_t shape = {.rank = 2, .dims = {ROWS, DEPTH}};
        s_compare(model, p->inputs, &shape, (tacit_dtype_t)p->x_type,
                  s_draw((size_t)ROWS * DEPTH, 3, 0), p->fast);
    }
}

/*  What may stand around MatMulInteger where the grid of its input is found while it runs.  */
typedef struct s_dynamic {
    const char *name;
    int weights_zero;
    size_t scales; /* of the weights; 0: none */
    bool biased, relu;
} s_dynamic_t;

static const s_dynamic_t s_dynamics[] = {
    {"bare", 0, 0, false, false},        {"one scale", 0, 1, true, true},
    {"scales", 0, COLUMNS, true, false}, {"no bias", 0, COLUMNS, false, true},
    {"zero", -5, 1, true, false},
};

/*  apart: the sums are given out, so that nothing is merged with the product.  */
static Onnx__ModelProto *s_dynamic_model(const s_dynamic_t *form, bool apart)
{
    Onnx__ModelProto *model = model_new(13);
    int64_t dims[] = {DEPTH, COLUMNS};
    float numbers[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        numbers[i] = (float)(i + 1) / 64.0F;
    }
    model_input(model, "x", F32, -1, DEPTH, END);
    (void)model_raw(model, "w", S8, 2, dims, s_draw((size_t)DEPTH * COLUMNS, 5, 0),
                    (size_t)DEPTH * COLUMNS);
    s_scalar_byte(model, "wz", S8, form->weights_zero);
    (void)model_node(model, "DynamicQuantizeLinear", "x", "q s z");
    (void)model_node(model, "MatMulInteger", "q w z wz", "sums");
    node_integer(model_node(model, "Cast", "sums", "real"), "to", F32);
    if (form->scales > 0) {
        (void)model_floats(model, "ws", form->scales, numbers);
        (void)model_node(model, "Mul", "s ws", "both");
    }
    (void)model_node(model, "Mul", form->scales > 0 ? "real both" : "s real", "a");
    if (form->biased) {
        (void)model_floats(model, "bias", COLUMNS, numbers);
    }
    (void)model_node(model, form->biased ? "Add" : "Identity", form->biased ? "bias a" : "a", "b");
    (void)model_node(model, form->relu ? "Relu" : "Identity", "b", "y");
    model_output(model, "y", F32, -1, COLUMNS, END);
    if (apart) {
        model_output(model, "sums", S32, -1, COLUMNS, END);
    }
    return model;
}

/*  Merged and apart give the same bytes.  */
static void s_compare_dynamic(const s_dynamic_t *form, const tacit_shape_t *shape, const float *x)
{
    tacit_engine_t *engines[2] = {NULL, NULL};
    tacit_engine_result_t *results[2];
    tacit_span_t outputs[2];
    for (int i = 0; i < 2; i++) {
        size_t size = 0;
        size_t count = 0;
        bool fast = false;
        Onnx__ModelProto *model = s_dynamic_model(form, i == 1);
        uint8_t *onnx = model_pack(model, &size);
        model_free(model);
        results[i] =
            s_run(tacit_span(onnx, size), false, shape, TACIT_DTYPE_FLOAT32, x, &fast, &engines[i]);
        outputs[i] = tacit_engine_result_tensors(results[i], &count)->data;
        free(onnx);
    }
    assert_int_equal(outputs[0].size, outputs[1].size);
    assert_memory_equal(outputs[0].data, outputs[1].data, outputs[0].size);
    for (int i = 0; i < 2; i++) {
        tacit_engine_result_destroy(&results[i]);
        tacit_engine_destroy(&engines[i]);
    }
}

/*  The zero point comes with the input.  */
static void test_dynamic_products(void **state)
{
    (void)state;
    float x[ROWS * DEPTH];
    tacit_shape_t shape = {.rank = 2, .dims = {ROWS, DEPTH}};
    for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
        x[i] = (float)((i * 7919) % 1000) / 250.0F - 1.0F;
    }
    for (size_t i = 0; i < sizeof(s_dynamics) / sizeof(s_dynamics[0]); i++) {
        s_compare(s_dynamic_model(&s_dynamics[i], false), s_dynamics[i].name, &shape,
                  TACIT_DTYPE_FLOAT32, x, true);
        s_compare_dynamic(&s_dynamics[i], &shape, x);
    }
}

/* --- weights that went ------------------------------------------------------------------------ */

/*  Packed weights do for other shapes, after those that came were let go.  */
static void test_other_shapes(void **state)
{
    (void)state;
    enum { CHANNELS = 128, FEATURES = 512, SIZE = CHANNELS * FEATURES * 9, MOST = 9 };
    static const int64_t sides[] = {6, MOST, 1, 6};
    tacit_engine_t *engines[2] = {NULL, NULL};
    tacit_error_t error = {0};
    for (int i = 0; i < 2; i++) {
        int64_t dims[] = {FEATURES, CHANNELS, 3, 3};
        int64_t pads[] = {1, 1, 1, 1};
        tacit_engine_options_t options = {.portable = i == 1};
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", U8, 1, CHANNELS, -1, -1, END);
        (void)model_raw(model, "w", S8, 4, dims, s_draw(SIZE, 5, 127), SIZE);
        s_scalar_real(model, "s", 0.1F);
        s_scalar_real(model, "ws", 0.003F);
        s_scalar_byte(model, "z", U8, 9);
        s_scalar_byte(model, "wz", S8, 0);
        node_integers(model_node(model, "QLinearConv", "x s z w ws wz s z", "y"), "pads", 4, pads);
        model_output(model, "y", U8, 1, FEATURES, -1, -1, END);
        assert_int_equal(model_load(model, &options, &engines[i], &error), TACIT_OK);
    }
    for (size_t n = 0; n < sizeof(sides) / sizeof(sides[0]); n++) {
        size_t count = (size_t)(CHANNELS * sides[n] * sides[n]);
        tacit_engine_tensor_t input = {.dtype = TACIT_DTYPE_UINT8,
                                       .rank = 4,
                                       .dims = {1, CHANNELS, sides[n], sides[n]},
                                       .data = tacit_span(s_draw(count, 7, 0), count)};
        tacit_engine_result_t *results[2] = {NULL, NULL};
        const tacit_engine_tensor_t *outputs[2];
        for (int i = 0; i < 2; i++) {
            assert_int_equal(tacit_engine_run(engines[i], &input, 1, &results[i], &error),
                             TACIT_OK);
            outputs[i] = tacit_engine_result_tensors(results[i], &count);
        }
        assert_memory_equal(outputs[0]->data.data, outputs[1]->data.data, outputs[0]->data.size);
        tacit_engine_result_destroy(&results[0]);
        tacit_engine_result_destroy(&results[1]);
    }
    if (s_has_bytes()) {
        assert_true(tacit_engine_memory(engines[0]) < 2UL * SIZE); /* with all the plans */
    }
    tacit_engine_destroy(&engines[0]);
    tacit_engine_destroy(&engines[1]);
}

/* --- maps ------------------------------------------------------------------------------------- */

static void test_maps_after_convolutions(void **state)
{
    (void)state;
    for (int type = U8; type <= S8; type++) {
        Onnx__ModelProto *model = model_new(13);
        int64_t dims[] = {24, 24, 1, 1};
        model_input(model, "x", type, 2, 24, 6, 5, END);
        (void)model_raw(model, "w", S8, 4, dims, s_draw(576, 5, 127), 576);
        s_scalar_real(model, "s", 0.1F);
        s_scalar_real(model, "t", 0.07F);
        s_scalar_real(model, "ws", 0.004F);
        s_scalar_byte(model, "z", type, 9);
        s_scalar_byte(model, "o", type, 0);
        s_scalar_byte(model, "wz", S8, 0);
        (void)model_node(model, "QLinearConv", "x s z w ws wz t o", "a");
        (void)model_node_microsoft(model, "QLinearAdd", "a t o x s z s z", "b");
        (void)model_node_microsoft(model, "QLinearMul", "b s z a t o s o", "c");
        Onnx__NodeProto *pool = model_node(model, "MaxPool", "c", "d");
        int64_t window[] = {2, 2};
        node_integers(pool, "kernel_shape", 2, window);
        (void)model_node_microsoft(model, "QLinearGlobalAveragePool", "d s o t z", "y");
        model_output(model, "y", type, 2, 24, 1, 1, END);
        tacit_shape_t shape = {.rank = 4, .dims = {2, 24, 6, 5}};
        s_compare(model, "maps", &shape, (tacit_dtype_t)type, s_draw((size_t)2 * 24 * 30, 3, 0),
                  true);
    }
}

/*  What tables and parts give, behind a convolution that oneDNN computes.  */
static void test_tables_and_parts(void **state)
{
    (void)state;
    static const char *const ops[][2] = {{"QLinearSigmoid", "a t o u z"},
                                         {"QLinearLeakyRelu", "a t o u z"},
                                         {"QLinearSoftmax", "a t o u z"},
                                         {"QLinearConcat", "u z a t o x s z a t o"},
                                         {"QLinearAveragePool", "a t o u z"}};
    for (size_t i = 0; i < 2 * sizeof(ops) / sizeof(ops[0]); i++) {
        int type = i % 2 == 0 ? U8 : S8;
        const char *op = ops[i / 2][0];
        Onnx__ModelProto *model = model_new(13);
        int64_t dims[] = {24, 24, 1, 1};
        int64_t window[] = {3, 2};
        model_input(model, "x", type, 2, 24, 6, 5, END);
        (void)model_raw(model, "w", S8, 4, dims, s_draw(576, 5, 127), 576);
        s_scalar_real(model, "s", 0.1F);
        s_scalar_real(model, "t", 0.07F);
        s_scalar_real(model, "u", 0.013F);
        s_scalar_real(model, "ws", 0.004F);
        s_scalar_byte(model, "z", type, 9);
        s_scalar_byte(model, "o", type, 3);
        s_scalar_byte(model, "wz", S8, 0);
        (void)model_node(model, "QLinearConv", "x s z w ws wz t o", "a");
        Onnx__NodeProto *node = model_node_microsoft(model, op, ops[i / 2][1], "y");
        if (strcmp(op, "QLinearConcat") == 0 || strcmp(op, "QLinearSoftmax") == 0) {
            node_integer(node, "axis", 1);
        } else if (strcmp(op, "QLinearAveragePool") == 0) {
            node_integers(node, "kernel_shape", 2, window);
        }
        model_output(model, "y", type, -1, -1, -1, -1, END);
        tacit_shape_t shape = {.rank = 4, .dims = {2, 24, 6, 5}};
        s_compare(model, op, &shape, (tacit_dtype_t)type, s_draw((size_t)2 * 24 * 30, 3, 0), true);
    }
}

/*  Known bytes: halves go to the even neighbour, ends stay ends.  */
static void test_bytes_of_parts(void **state)
{
    (void)state;
    static const uint8_t x[] = {0, 1, 2, 3, 254, 255};
    static const uint8_t expected[] = {128, 128, 129, 130, 255, 255, 0, 1, 2, 3, 254, 255};
    Onnx__ModelProto *model = model_new(13);
    size_t size = 0;
    size_t count = 0;
    bool fast = false;
    model_input(model, "x", U8, 1, 6, END);
    s_scalar_real(model, "half", 0.5F);
    s_scalar_real(model, "one", 1.0F);
    s_scalar_byte(model, "zero", U8, 0);
    s_scalar_byte(model, "middle", U8, 128);
    node_integer(
        model_node_microsoft(model, "QLinearConcat", "one middle x half zero x one middle", "y"),
        "axis", 0);
    model_output(model, "y", U8, 2, 6, END);
    uint8_t *onnx = model_pack(model, &size);
    model_free(model);
    for (int portable = 0; portable < 2; portable++) {
        tacit_engine_t *engine = NULL;
        tacit_shape_t shape = {.rank = 2, .dims = {1, 6}};
        tacit_engine_result_t *result = s_run(tacit_span(onnx, size), portable != 0, &shape,
                                              TACIT_DTYPE_UINT8, x, &fast, &engine);
        const tacit_engine_tensor_t *y = tacit_engine_result_tensors(result, &count);
        assert_int_equal(y->data.size, sizeof(expected));
        assert_memory_equal(y->data.data, expected, sizeof(expected));
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
    }
    free(onnx);
}

/* --- between DequantizeLinear and QuantizeLinear ---------------------------------------------- */

/*  Scales are powers of two: float32 loses nothing, so that merged and alone give the same.  */
static Onnx__ModelProto *s_chain(const char *between, float bound, bool output_too)
{
    Onnx__ModelProto *model = model_new(13);
    int64_t dims[] = {16, 16, 3, 3};
    int64_t features = 16;
    int32_t bias[16] = {0, 100, -100, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    model_input(model, "x", F32, 2, 16, 6, 5, END);
    (void)model_raw(model, "w", S8, 4, dims, s_draw(2304, 5, 31), 2304);
    (void)model_raw(model, "b", S32, 1, &features, bias, sizeof(bias));
    s_scalar_real(model, "s", 0.0625F);
    s_scalar_real(model, "ws", 0.03125F);
    s_scalar_real(model, "bs", 0.0625F * 0.03125F);
    s_scalar_real(model, "low", 0.0F);
    s_scalar_real(model, "high", bound);
    s_scalar_byte(model, "z", U8, 0);
    s_scalar_byte(model, "wz", S8, 0);
    (void)model_node(model, "QuantizeLinear", "x s z", "xq");
    (void)model_node(model, "DequantizeLinear", "xq s z", "xr");
    (void)model_node(model, "DequantizeLinear", "w ws wz", "wr");
    (void)model_node(model, "DequantizeLinear", "b bs", "br");
    int64_t pads[] = {1, 1, 1, 1};
    node_integers(model_node(model, "Conv", "xr wr br", "c"), "pads", 4, pads);
    if (between != NULL) {
        (void)model_node(model, between, strcmp(between, "Clip") == 0 ? "c low high" : "c", "d");
    }
    (void)model_node(model, "QuantizeLinear", between != NULL ? "d s z" : "c s z", "q");
    (void)model_node(model, "DequantizeLinear", "q s z", "y");
    model_output(model, "y", F32, 2, 16, 6, 5, END);
    if (output_too) {
        model_output(model, between != NULL ? "d" : "c", F32, 2, 16, 6, 5, END);
    }
    return model;
}

static void test_chains(void **state)
{
    (void)state;
    float x[2 * 16 * 30];
    tacit_shape_t shape = {.rank = 4, .dims = {2, 16, 6, 5}};
    for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
        x[i] = (float)((i * 7919) % 1000) / 250.0F - 1.0F;
    }
    s_compare(s_chain(NULL, 0, false), "conv", &shape, TACIT_DTYPE_FLOAT32, x, true);
    s_compare(s_chain("Relu", 0, false), "relu", &shape, TACIT_DTYPE_FLOAT32, x, true);
    s_compare(s_chain("Clip", 16.0F, false), "idle clip", &shape, TACIT_DTYPE_FLOAT32, x, true);
    s_compare(s_chain("Clip", 6.0F, false), "clip", &shape, TACIT_DTYPE_FLOAT32, x, false);
    s_compare(s_chain("Sigmoid", 0, false), "sigmoid", &shape, TACIT_DTYPE_FLOAT32, x, false);
    s_compare(s_chain("Relu", 0, true), "an output", &shape, TACIT_DTYPE_FLOAT32, x, false);
}

/*  A scale that turns the order around: the largest real is the smallest byte.  */
static Onnx__ModelProto *s_turned_around(void)
{
    static const int64_t two[] = {2, 2};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 1, 1, 4, 4, END);
    s_scalar_real(model, "s", -1.0F);
    s_scalar_byte(model, "z", U8, 0);
    (void)model_node(model, "DequantizeLinear", "x s z", "a");
    node_integers(model_node(model, "MaxPool", "a", "b"), "kernel_shape", 2, two);
    (void)model_node(model, "QuantizeLinear", "b s z", "y");
    model_output(model, "y", U8, 1, 1, 3, 3, END);
    return model;
}

/*  One number for all columns is a bias, too.  */
static Onnx__ModelProto *s_one_bias(void)
{
    static const int64_t shape[] = {16, 3};
    static const int64_t one[] = {1};
    const int32_t bias = 1000;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 1, 16, END);
    s_scalar_real(model, "s", 0.5F);
    s_scalar_real(model, "p", 0.25F);
    s_scalar_byte(model, "z", U8, 3);
    (void)model_raw(model, "w", S8, 2, shape, s_draw(48, 5, 100), 48);
    (void)model_raw(model, "c", S32, 1, one, &bias, sizeof(bias));
    (void)model_node(model, "DequantizeLinear", "x s z", "a");
    (void)model_node(model, "DequantizeLinear", "w s", "b");
    (void)model_node(model, "DequantizeLinear", "c p", "d");
    (void)model_node(model, "Gemm", "a b d", "y");
    model_output(model, "y", F32, 1, 3, END);
    return model;
}

static void test_chains_that_stay(void **state)
{
    (void)state;
    static uint8_t x[16];
    for (size_t i = 0; i < sizeof(x); i++) {
        x[i] = (uint8_t)(i * 37 % 101 + 1);
    }
    const tacit_shape_t map = {.rank = 4, .dims = {1, 1, 4, 4}};
    const tacit_shape_t row = {.rank = 2, .dims = {1, 16}};
    for (int i = 0; i < 2; i++) {
        tacit_engine_t *engine = NULL;
        bool fast = false;
        size_t size = 0;
        size_t count = 0;
        Onnx__ModelProto *model = s_turned_around();
        uint8_t *onnx = model_pack(model, &size);
        model_free(model);
        tacit_engine_result_t *result =
            s_run(tacit_span(onnx, size), i == 1, &map, TACIT_DTYPE_UINT8, x, &fast, &engine);
        const tacit_engine_tensor_t *y = tacit_engine_result_tensors(result, &count);
        for (size_t k = 0; k < 9; k++) {
            const uint8_t *at = x + k / 3 * 4 + k % 3;
            uint8_t upper = at[0] < at[1] ? at[0] : at[1];
            uint8_t lower = at[4] < at[5] ? at[4] : at[5];
            assert_int_equal(y->data.data[k], upper < lower ? upper : lower);
        }
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
        free(onnx);
    }
    s_compare(s_one_bias(), "one bias", &row, TACIT_DTYPE_UINT8, x, false);
}

/*  Windows that dilation takes past the whole map hold padding alone.  */
static Onnx__ModelProto *s_all_padding(int type, bool indexed)
{
    static const int64_t kernel[] = {3, 3};
    static const int64_t dilations[] = {5, 7};
    static const int64_t pads[] = {10, 14, 10, 14};
    static const int64_t strides[] = {4, 3};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", type, 1, 20, 3, 2, END);
    Onnx__NodeProto *node = model_node(model, "MaxPool", "x", indexed ? "y i" : "y");
    node_integers(node, "kernel_shape", 2, kernel);
    node_integers(node, "dilations", 2, dilations);
    node_integers(node, "pads", 4, pads);
    node_integers(node, "strides", 2, strides);
    model_output(model, "y", type, 1, 20, -1, -1, END);
    return model;
}

static void test_windows_of_padding(void **state)
{
    (void)state;
    static uint8_t x[20 * 3 * 2];
    const tacit_shape_t shape = {.rank = 4, .dims = {1, 20, 3, 2}};
    memcpy(x, s_draw(sizeof(x), 3, 0), sizeof(x));
    s_compare(s_all_padding(S8, false), "int8", &shape, TACIT_DTYPE_INT8, x, false);
    s_compare(s_all_padding(U8, false), "uint8", &shape, TACIT_DTYPE_UINT8, x, false);
    for (int indexed = 0; indexed < 2; indexed++) {
        tacit_engine_t *engine = NULL;
        bool fast = false;
        size_t size = 0;
        size_t count = 0;
        Onnx__ModelProto *model = s_all_padding(S8, indexed == 1);
        uint8_t *onnx = model_pack(model, &size);
        model_free(model);
        tacit_engine_result_t *result =
            s_run(tacit_span(onnx, size), true, &shape, TACIT_DTYPE_INT8, x, &fast, &engine);
        const tacit_engine_tensor_t *y = tacit_engine_result_tensors(result, &count);
        assert_int_equal(y->data.data[0], x[0]); /* the last of nine places */
        assert_int_equal((int8_t)y->data.data[y->dims[3]], INT8_MIN);
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
        free(onnx);
    }
}

/* --- refusals --------------------------------------------------------------------------------- */

/*  Sums of more places than these do not fit.  */
static tacit_status_t s_load_average(int places)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", U8, 1, 1, places, END);
    s_scalar_real(model, "s", 0.5F);
    s_scalar_byte(model, "z", U8, 1);
    (void)model_node_microsoft(model, "QLinearGlobalAveragePool", "x s z s z", "y");
    model_output(model, "y", U8, 1, 1, 1, END);
    tacit_status_t status = model_load(model, NULL, &engine, &error);
    tacit_engine_destroy(&engine);
    return status;
}

static tacit_status_t s_load_maps(const char *op, const char *inputs, int type)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    Onnx__ModelProto *model = model_new(13);
    float scales[] = {0.5F, 0.25F};
    model_input(model, "x", type, 2, 3, 4, 4, END);
    model_input(model, "v", type, 2, 3, 5, 4, END);
    s_scalar_real(model, "s", 0.5F);
    (void)model_floats(model, "two", 2, scales);
    s_scalar_byte(model, "z", type, 1);
    (void)model_node_microsoft(model, op, inputs, "y");
    model_output(model, "y", type, -1, -1, -1, -1, END);
    tacit_status_t status = model_load(model, NULL, &engine, &error);
    tacit_engine_destroy(&engine);
    return status;
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(s_load_maps("QLinearAdd", "x s z x s z s z", U8), TACIT_OK);
    assert_int_equal(s_load_maps("QLinearAdd", "x s z x s z s", U8), TACIT_OK);
    assert_int_equal(s_load_maps("QLinearAdd", "x s z v s z s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearAdd", "x s z x two z s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearAdd", "x s z x s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearMul", "x s z x s z s z s", S8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearGlobalAveragePool", "x s z s z", S8), TACIT_OK);
    assert_int_equal(s_load_maps("QLinearGlobalAveragePool", "x two z s z", S8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QGemm", "x s z x s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearSigmoid", "x s z s z", U8), TACIT_OK);
    assert_int_equal(s_load_maps("QLinearSigmoid", "x two z s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearConcat", "s z x s z x s z", U8), TACIT_OK);
    assert_int_equal(s_load_maps("QLinearConcat", "s z x s z x s", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearConcat", "s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearConcat", "two z x s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearConcat", "s z x s z s s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearConcat", "s z x s z v s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearAveragePool", "x s z s z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearSoftmax", "x s z two z", U8), TACIT_MALFORMED);
    assert_int_equal(s_load_maps("QLinearWhatever", "x s z x s z s z", U8), TACIT_UNSUPPORTED);
    assert_int_equal(s_load_maps("Conv", "x s", U8), TACIT_UNSUPPORTED);
    assert_int_equal(s_load_average(INT32_MAX / UINT8_MAX), TACIT_OK);
    assert_int_equal(s_load_average(INT32_MAX / UINT8_MAX + 1), TACIT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_integer_convolutions),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_dynamic_products),
        cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_maps_after_convolutions),
        cmocka_unit_test(test_tables_and_parts),
        cmocka_unit_test(test_bytes_of_parts),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_chains_that_stay),
        cmocka_unit_test(test_windows_of_padding),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
