/*  engine_byte_maps_test.c - operators over bytes give the same whichever way their maps lie:
   behind a convolution channels lie side by side, an input is row-major. With both backends and the
   loops of every instruction set; and products of two matrices that both come with the input.  */

#include "services/inference/engine/portable/vector.h"
#include "services/inference/engine/tensor.h"

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { F32 = TACIT_DTYPE_FLOAT32, U8 = TACIT_DTYPE_UINT8, S8 = TACIT_DTYPE_INT8 };
enum { S32 = TACIT_DTYPE_INT32, END = MODEL_END, BATCH = 2, CHANNELS = 20, ROWS = 7, COLUMNS = 9 };
enum { COUNT = BATCH * CHANNELS * ROWS * COLUMNS };

static uint8_t s_x[COUNT];

static void s_fill(void)
{
    uint32_t state = 11;
    for (size_t i = 0; i < COUNT; i++) {
        state = state * 1664525U + 1013904223U;
        s_x[i] = (uint8_t)(state >> 24);
    }
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

typedef void (*s_check_t)(const char *name, const tacit_engine_tensor_t *outputs, size_t count);

/*  Run a model with the portable backend and each instruction set, then with oneDNN; x is its only
    input.  */
static void s_run(Onnx__ModelProto *model, const char *name, tacit_dtype_t dtype, s_check_t check)
{
    size_t size = 0;
    uint8_t *onnx = model_pack(model, &size);
    model_free(model);
    tacit_engine_tensor_t input = {.dtype = dtype,
                                   .rank = 4,
                                   .dims = {BATCH, CHANNELS, ROWS, COLUMNS},
                                   .data = tacit_span(s_x, COUNT)};
    for (int i = 0; i <= TACIT_ISAS; i++) {
        tacit_error_t error = {0};
        tacit_engine_options_t options = {.portable = i < TACIT_ISAS,
                                          .threads = i % 2 == 0 ? 1 : 2};
        tacit_engine_t *engine = NULL;
        tacit_engine_result_t *result = NULL;
        size_t count = 0;
        if (i < TACIT_ISAS && !tacit_vector_choose((tacit_isa_t)i)) {
            continue;
        }
        if (tacit_engine_load(tacit_span(onnx, size), &options, &engine, &error) != TACIT_OK ||
            tacit_engine_run(engine, &input, 1, &result, &error) != TACIT_OK) {
            fail_msg("%s: %s", name, error.message);
        }
        const tacit_engine_tensor_t *outputs = tacit_engine_result_tensors(result, &count);
        check(name, outputs, count);
        tacit_engine_result_destroy(&result);
        tacit_engine_destroy(&engine);
    }
    free(onnx);
}

static void s_check_same(const char *name, const tacit_engine_tensor_t *outputs, size_t count)
{
    assert_int_equal(count, 2);
    assert_int_equal(outputs[0].data.size, outputs[1].data.size);
    assert_true(outputs[0].data.size > 0);
    for (size_t i = 0; i < outputs[0].data.size; i++) {
        if (outputs[0].data.data[i] != outputs[1].data.data[i]) {
            fail_msg("%s: byte %zu is %d, and the other way %d", name, i, outputs[0].data.data[i],
                     outputs[1].data.data[i]);
        }
    }
}

static void s_add_output(Onnx__ModelProto *model, const char *name, int type, size_t rank)
{
    if (rank == 2) {
        model_output(model, name, type, -1, -1, END);
    } else if (rank == 4) {
        model_output(model, name, type, -1, -1, -1, -1, END);
    } else {
        model_output(model, name, type, -1, -1, -1, -1, -1, END);
    }
}

/* --- maps ------------------------------------------------------------------------------------- */

typedef struct s_attribute {
    const char *name;
    int64_t numbers[6];
    size_t count; /* 0: a single integer */
} s_attribute_t;

/*  In `inputs`, @ is x or what a convolution that changes nothing makes of it.  */
typedef struct s_case {
    const char *op, *inputs;
    bool microsoft;
    s_attribute_t attributes[4];
} s_case_t;

static const s_case_t s_cases[] = {
    {"QLinearAdd", "@ s z x t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearAdd", "x s z @ t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearAdd", "@ s z channel t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearMul", "@ s z channel t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearMul", "channel t o @ s z u z", true, {{NULL, {0}, 0}}},
    {"QLinearMul", "@ s z plane t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearAdd", "@ s z row t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearAdd", "@ s z single t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearMul", "@ s z picture t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearAdd", "@ s z low t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearConcat", "u z @ s z x t o @ u z", true, {{"axis", {1}, 0}}},
    {"QLinearConcat", "u z @ s z x t o", true, {{"axis", {2}, 0}}},
    {"QLinearSigmoid", "@ s z u z", true, {{NULL, {0}, 0}}},
    {"QLinearLeakyRelu", "@ s z u z", true, {{NULL, {0}, 0}}},
    {"QLinearSoftmax", "@ s z u z", true, {{"axis", {1}, 0}}},
    {"QLinearWhere", "choice @ s z x t o u z", true, {{NULL, {0}, 0}}},
    {"QLinearGlobalAveragePool", "@ s z u z", true, {{NULL, {0}, 0}}},
    {"DequantizeLinear", "@ s z", false, {{NULL, {0}, 0}}},
    {"DequantizeLinear", "@ each eachzero", false, {{"axis", {1}, 0}}},
    {"Transpose", "@", false, {{"perm", {0, 2, 3, 1}, 4}}},
    {"Concat", "@ x", false, {{"axis", {1}, 0}}},
    {"Resize", "@ - n", false, {{NULL, {0}, 0}}},
    {"Resize", "@ - p", false, {{NULL, {0}, 0}}},
    {"Flatten", "@", false, {{"axis", {1}, 0}}},
    {"MatMulInteger", "@ turned z o", false, {{NULL, {0}, 0}}},
};

static void s_add_constants(Onnx__ModelProto *model, int type)
{
    static const uint8_t zeros[CHANNELS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const int64_t channel[] = {1, CHANNELS, 1, 1};
    const int64_t plane[] = {1, 1, ROWS, COLUMNS};
    const int64_t row[] = {COLUMNS};
    const int64_t picture[] = {BATCH, CHANNELS, 1, 1};
    const int64_t low[] = {CHANNELS, 1, 1};
    const int64_t turned[] = {COLUMNS, 5};
    static const float larger[] = {1, 1, 2, 3};
    static const float mixed[] = {1, 2, 1.7F, 0.6F};
    float scales[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        scales[i] = 0.05F + 0.01F * (float)i;
    }
    (void)model_floats(model, "each", CHANNELS, scales);
    (void)model_raw(model, "eachzero", type, 1, &channel[1], zeros, CHANNELS);
    (void)model_raw(model, "channel", type, 4, channel, s_x + 5, CHANNELS);
    (void)model_raw(model, "plane", type, 4, plane, s_x + 7, (size_t)ROWS * COLUMNS);
    (void)model_raw(model, "row", type, 1, row, s_x + 9, COLUMNS);
    (void)model_raw(model, "picture", type, 4, picture, s_x + 11, (size_t)BATCH * CHANNELS);
    (void)model_raw(model, "low", type, 3, low, s_x + 13, CHANNELS);
    (void)model_raw(model, "turned", type, 2, turned, s_x + 15, (size_t)COLUMNS * 5);
    (void)model_floats(model, "n", 4, larger);
    (void)model_floats(model, "p", 4, mixed);
    s_scalar_byte(model, "single", type, 77);
    s_scalar_byte(model, "z", type, 9);
    s_scalar_byte(model, "o", type, 3);
    s_scalar_byte(model, "wz", S8, 0);
    s_scalar_real(model, "s", 0.1F);
    s_scalar_real(model, "t", 0.07F);
    s_scalar_real(model, "u", 0.13F);
    s_scalar_real(model, "one", 1.0F);
}

/*  i = a convolution that gives the bytes of x back.  */
static void s_add_identity(Onnx__ModelProto *model)
{
    static int8_t weights[CHANNELS * CHANNELS];
    const int64_t dims[] = {CHANNELS, CHANNELS, 1, 1};
    for (size_t i = 0; i < CHANNELS; i++) {
        weights[i * CHANNELS + i] = 1;
    }
    (void)model_raw(model, "w", S8, 4, dims, weights, sizeof(weights));
    (void)model_node(model, "QLinearConv", "x one z w one wz one z", "i");
}

static void s_add_node(Onnx__ModelProto *model, const s_case_t *c, const char *map, const char *to)
{
    char inputs[128] = "";
    for (size_t i = 0, used = 0; c->inputs[i] != '\0'; i++) {
        inputs[used++] = c->inputs[i] == '@' ? map[0] : c->inputs[i];
    }
    Onnx__NodeProto *node = c->microsoft ? model_node_microsoft(model, c->op, inputs, to)
                                         : model_node(model, c->op, inputs, to);
    for (const s_attribute_t *a = c->attributes; a->name != NULL; a++) {
        if (a->count == 0) {
            node_integer(node, a->name, a->numbers[0]);
        } else {
            node_integers(node, a->name, a->count, a->numbers);
        }
    }
}

static void test_maps_lie_either_way(void **state)
{
    (void)state;
    s_fill();
    for (size_t i = 0; i < 2 * sizeof(s_cases) / sizeof(s_cases[0]); i++) {
        const s_case_t *c = &s_cases[i / 2];
        int type = i % 2 == 0 ? U8 : S8;
        int to = strcmp(c->op, "DequantizeLinear") == 0 ? F32
                 : strcmp(c->op, "MatMulInteger") == 0  ? S32
                                                        : type;
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", type, BATCH, CHANNELS, ROWS, COLUMNS, END);
        s_add_constants(model, type);
        s_add_identity(model);
        s_scalar_real(model, "half", 0.4F);
        if (strcmp(c->op, "QLinearWhere") == 0) {
            (void)model_node(model, "DequantizeLinear", "x s z", "reals");
            (void)model_node(model, "Less", "reals half", "choice");
        }
        s_add_node(model, c, "i", "y");
        s_add_node(model, c, "x", "v");
        size_t rank = strcmp(c->op, "Flatten") == 0 ? 2 : 4;
        s_add_output(model, "y", to, rank);
        s_add_output(model, "v", to, rank);
        s_run(model, c->inputs, (tacit_dtype_t)type, s_check_same);
    }
}

/* --- windows ---------------------------------------------------------------------------------- */

typedef struct s_window {
    int64_t kernel[2], stride[2], pads[4], ceil, padding;
} s_window_t;

static const s_window_t s_windows[] = {
    {{2, 2}, {2, 2}, {0, 0, 0, 0}, 0, 0}, {{3, 3}, {2, 2}, {1, 1, 1, 1}, 0, 0},
    {{3, 3}, {2, 2}, {1, 1, 1, 1}, 0, 1}, {{3, 2}, {1, 2}, {2, 0, 1, 1}, 1, 0},
    {{3, 3}, {2, 3}, {0, 1, 0, 1}, 1, 1}, {{7, 9}, {1, 1}, {0, 0, 0, 0}, 0, 0},
};

static void s_set_window(Onnx__NodeProto *node, const s_window_t *window, bool deep, bool average)
{
    /* The same with a dimension of 1 before them.  */
    const int64_t kernel[] = {1, window->kernel[0], window->kernel[1]};
    const int64_t stride[] = {1, window->stride[0], window->stride[1]};
    const int64_t pads[] = {0, window->pads[0], window->pads[1],
                            0, window->pads[2], window->pads[3]};
    size_t first = deep ? 0 : 1;
    node_integers(node, "kernel_shape", 3 - first, kernel + first);
    node_integers(node, "strides", 3 - first, stride + first);
    node_integers(node, "pads", deep ? 6 : 4, deep ? pads : window->pads);
    node_integer(node, "ceil_mode", window->ceil);
    if (average) {
        node_integer(node, "count_include_pad", window->padding);
    }
}

static Onnx__NodeProto *s_add_pool(Onnx__ModelProto *model, bool average, const char *from,
                                   const char *to)
{
    char inputs[32];
    (void)snprintf(inputs, sizeof(inputs), average ? "%s s z u z" : "%s", from);
    return average ? model_node_microsoft(model, "QLinearAveragePool", inputs, to)
                   : model_node(model, "MaxPool", inputs, to);
}

/*  Over maps that are deep the plain kernels go.  */
static void test_pools_are_those_of_plain_kernels(void **state)
{
    (void)state;
    const int64_t deep[] = {BATCH, CHANNELS, 1, ROWS, COLUMNS};
    s_fill();
    for (size_t i = 0; i < 4 * sizeof(s_windows) / sizeof(s_windows[0]); i++) {
        bool average = i % 4 >= 2;
        int type = i % 2 == 0 ? U8 : S8;
        const s_window_t *window = &s_windows[i / 4];
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", type, BATCH, CHANNELS, ROWS, COLUMNS, END);
        s_add_constants(model, type);
        (void)model_integers(model, "deep", 5, deep);
        (void)model_node(model, "Reshape", "x deep", "d");
        s_set_window(s_add_pool(model, average, "x", "y"), window, false, average);
        s_set_window(s_add_pool(model, average, "d", "v"), window, true, average);
        s_add_output(model, "y", type, 4);
        s_add_output(model, "v", type, 5);
        s_run(model, average ? "average" : "largest", (tacit_dtype_t)type, s_check_same);
    }
}

/* --- between DequantizeLinear and QuantizeLinear ---------------------------------------------- */

/*  In `inputs`, r is x as reals on the grid of s and z, q on that of t and o.  */
static const s_case_t s_chains[] = {
    {"Concat", "r q r", false, {{"axis", {1}, 0}}},
    {"AveragePool", "r", false, {{"kernel_shape", {3, 2}, 2}, {"pads", {1, 0, 1, 1}, 4}}},
    {"GlobalAveragePool", "r", false, {{NULL, {0}, 0}}},
    {"Sigmoid", "r", false, {{NULL, {0}, 0}}},
    {"LeakyRelu", "r", false, {{NULL, {0}, 0}}},
    {"HardSwish", "r", false, {{NULL, {0}, 0}}},
    {"Tanh", "r", false, {{NULL, {0}, 0}}},
    {"Clip", "r l h", false, {{NULL, {0}, 0}}},
    {"Relu", "r", false, {{NULL, {0}, 0}}},
    {"MatMul", "r e", false, {{NULL, {0}, 0}}},
    {"DepthToSpace", "r", false, {{"blocksize", {2}, 0}}},
    {"Resize", "r - n", false, {{NULL, {0}, 0}}},
    {"Add", "r q", false, {{NULL, {0}, 0}}},
    {"Mul", "r q", false, {{NULL, {0}, 0}}},
    {"Transpose", "r", false, {{"perm", {0, 2, 3, 1}, 4}}},
    {"MaxPool", "r", false, {{"kernel_shape", {3, 2}, 2}, {"pads", {1, 0, 1, 1}, 4}}},
};

/*  What is used twice stays as it is; both give the same but where rounding in float32 decides.  */
static void s_check_near(const char *name, const tacit_engine_tensor_t *outputs, size_t count)
{
    size_t apart = 0;
    assert_int_equal(count, 3);
    assert_int_equal(outputs[0].data.size, outputs[1].data.size);
    for (size_t i = 0; i < outputs[0].data.size; i++) {
        uint8_t difference = (uint8_t)(outputs[0].data.data[i] - outputs[1].data.data[i]);
        apart += difference != 0 ? 1 : 0;
        if (difference > 1 && difference < UINT8_MAX) {
            fail_msg("%s: byte %zu is %d apart", name, i, difference);
        }
    }
    if (apart * 200 > outputs[0].data.size) {
        fail_msg("%s: %zu of %zu bytes are apart", name, apart, outputs[0].data.size);
    }
}

static void test_chains_are_as_their_operators(void **state)
{
    (void)state;
    static const int64_t order[] = {0, 1, 3, 2};
    s_fill();
    for (size_t i = 0; i < 2 * sizeof(s_chains) / sizeof(s_chains[0]); i++) {
        const s_case_t *c = &s_chains[i / 2];
        int type = i % 2 == 0 ? U8 : S8;
        bool moves = strstr("Transpose MaxPool DepthToSpace Resize", c->op) != NULL;
        Onnx__ModelProto *model = model_new(14);
        model_input(model, "x", type, BATCH, CHANNELS, ROWS, COLUMNS, END);
        s_add_constants(model, type);
        (void)model_node(model, "DequantizeLinear", "x s z", "r");
        (void)model_node(model, "DequantizeLinear", "x t o", "q");
        node_integers(model_node(model, "Transpose", "x", "turn"), "perm", 4, order);
        (void)model_node(model, "DequantizeLinear", "turn t o", "e");
        s_scalar_real(model, "l", -3.0F);
        s_scalar_real(model, "h", 6.0F);
        s_add_node(model, c, "x", "a");
        s_add_node(model, c, "x", "b");
        (void)model_node(model, "QuantizeLinear", moves ? "a s z" : "a u z", "y");
        (void)model_node(model, "QuantizeLinear", moves ? "b s z" : "b u z", "v");
        (void)model_node(model, "QuantizeLinear", "b t o", "other");
        s_add_output(model, "y", type, 4);
        s_add_output(model, "v", type, 4);
        s_add_output(model, "other", type, 4);
        s_run(model, c->op, (tacit_dtype_t)type, s_check_near);
    }
}

/* --- products of two inputs ------------------------------------------------------------------- */

static int32_t s_element(size_t at, int type)
{
    return type == S8 ? (int8_t)s_x[at] : s_x[at];
}

static int s_type;

/*  x times itself turned, less zero points of 9 and 3.  */
static void s_check_product(const char *name, const tacit_engine_tensor_t *outputs, size_t count)
{
    assert_int_equal(count, 1);
    assert_int_equal(outputs[0].data.size,
                     (size_t)BATCH * CHANNELS * ROWS * ROWS * sizeof(int32_t));
    const int32_t *y = (const int32_t *)(const void *)outputs[0].data.data;
    for (size_t n = 0; n < (size_t)BATCH * CHANNELS * ROWS * ROWS; n++) {
        size_t first = n / ROWS / ROWS * ROWS * COLUMNS;
        int32_t sum = 0;
        for (size_t k = 0; k < COLUMNS; k++) {
            sum += (s_element(first + n / ROWS % ROWS * COLUMNS + k, s_type) - 9) *
                   (s_element(first + n % ROWS * COLUMNS + k, s_type) - 3);
        }
        if (y[n] != sum) {
            fail_msg("%s: sum %zu is %d, not %d", name, n, y[n], sum);
        }
    }
}

static void test_products_of_inputs(void **state)
{
    (void)state;
    const int64_t order[] = {0, 1, 3, 2};
    s_fill();
    for (int i = 0; i < 2; i++) {
        s_type = i == 0 ? U8 : S8;
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", s_type, BATCH, CHANNELS, ROWS, COLUMNS, END);
        s_add_constants(model, s_type);
        node_integers(model_node(model, "Transpose", "x", "turn"), "perm", 4, order);
        (void)model_node(model, "MatMulInteger", "x turn z o", "y");
        s_add_output(model, "y", S32, 4);
        s_run(model, "product", (tacit_dtype_t)s_type, s_check_product);
    }
}

/* --- products by constant weights ------------------------------------------------------------- */

/*  In `inputs`, @ is the input or the same bytes as a constant, whose product plain kernels make
    while the model is loaded.  */
typedef struct s_product {
    const char *op, *inputs;
    int x_type, w_type, w_zero, y_type;
    bool turned;
} s_product_t;

static const s_product_t s_products[] = {
    {"MatMulInteger", "@ w z k", U8, S8, 0, S32, false},
    {"MatMulInteger", "@ w z k", S8, S8, -5, S32, false},
    {"MatMulInteger", "@ w z k", U8, U8, 128, S32, false},
    {"MatMulInteger", "@ w - k", S8, U8, 7, S32, false},
    {"MatMulInteger", "@ w", U8, U8, 0, S32, false},
    {"QLinearMatMul", "@ s z w t k u o", U8, S8, 0, U8, false},
    {"QLinearMatMul", "@ s z w each k u o", S8, S8, 3, S8, false},
    {"QLinearMatMul", "@ s z w each k u o", U8, U8, 128, S8, false},
    {"QGemm", "@ s z w each k b u o", U8, S8, 0, U8, true},
    {"QGemm", "@ s z w t k b u o", S8, U8, 100, S8, true},
    {"QGemm", "@ s z w each k b", U8, S8, 0, F32, true},
    {"QGemm", "@ s z w t k", S8, S8, -1, F32, false},
};

/*  Rows, depth and columns.  */
static const int64_t s_sizes[][3] = {{40, 63, 33}, {45, 56, 70}, {1, 2520, 17},
                                     {504, 5, 1},  {840, 3, 8},  {630, 4, 16}};

enum { WEIGHTS = 1 << 16, COLUMNS_MAX = 70 };

static void s_add_product(Onnx__ModelProto *model, const s_product_t *p, const int64_t *size)
{
    static uint8_t weights[WEIGHTS];
    const int64_t dims[] = {size[p->turned ? 2 : 1], size[p->turned ? 1 : 2]};
    float scales[COLUMNS_MAX];
    int32_t bias[COLUMNS_MAX];
    for (size_t i = 0; i < WEIGHTS; i++) {
        weights[i] = (uint8_t)(s_x[i % COUNT] + i / COUNT * 31);
    }
    for (int i = 0; i < COLUMNS_MAX; i++) {
        scales[i] = 0.001F + 0.0001F * (float)i;
        bias[i] = i * 100 - 1500;
    }
    (void)model_integers(model, "size", 2, size);
    (void)model_raw(model, "c", p->x_type, 2, size, s_x, COUNT);
    (void)model_raw(model, "w", p->w_type, 2, dims, weights, (size_t)(dims[0] * dims[1]));
    (void)model_raw(model, "each", F32, 1, &size[2], scales, (size_t)size[2] * sizeof(float));
    (void)model_raw(model, "b", S32, 1, &size[2], bias, (size_t)size[2] * sizeof(int32_t));
    s_scalar_byte(model, "z", p->x_type, 9);
    s_scalar_byte(model, "k", p->w_type, p->w_zero);
    s_scalar_byte(model, "o", p->y_type == S8 ? S8 : U8, 3);
    s_scalar_real(model, "s", 0.1F);
    s_scalar_real(model, "t", 0.002F);
    s_scalar_real(model, "u", 1.3F);
    (void)model_node(model, "Reshape", "x size", "a");
}

static void test_products_are_those_of_plain_kernels(void **state)
{
    (void)state;
    enum { SIZES = sizeof(s_sizes) / sizeof(s_sizes[0]) };
    s_fill();
    for (size_t i = 0; i < 2 * sizeof(s_products) / sizeof(s_products[0]); i++) {
        const s_product_t *p = &s_products[i / 2];
        const int64_t *size = s_sizes[(i / 2 + i % 2 * SIZES / 2) % SIZES];
        const bool gemm = strcmp(p->op, "QGemm") == 0;
        s_case_t c = {p->op, p->inputs, gemm, {{NULL, {0}, 0}}};
        if (p->turned) {
            c.attributes[0] = (s_attribute_t){"transB", {1}, 0};
        }
        Onnx__ModelProto *model = model_new(13);
        model_input(model, "x", p->x_type, BATCH, CHANNELS, ROWS, COLUMNS, END);
        s_add_product(model, p, size);
        s_add_node(model, &c, "a", "y");
        s_add_node(model, &c, "c", "v");
        s_add_output(model, "y", p->y_type, 2);
        s_add_output(model, "v", p->y_type, 2);
        s_run(model, p->inputs, (tacit_dtype_t)p->x_type, s_check_same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_lie_either_way),
        cmocka_unit_test(test_pools_are_those_of_plain_kernels),
        cmocka_unit_test(test_chains_are_as_their_operators),
        cmocka_unit_test(test_products_of_inputs),
        cmocka_unit_test(test_products_are_those_of_plain_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
