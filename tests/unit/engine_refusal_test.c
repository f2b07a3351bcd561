/*  engine_refusal_test.c - models that the engine must not load, each refused by its code and with
    the name of what is wrong.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { F32 = TACIT_DTYPE_FLOAT32, I64 = TACIT_DTYPE_INT64, END = MODEL_END };

static tacit_status_t s_load_bytes(const void *bytes, size_t size, tacit_error_t *ret_error)
{
    tacit_engine_t *engine = NULL;
    tacit_status_t status = tacit_engine_load(tacit_span(bytes, size), NULL, &engine, ret_error);
    assert_true((engine != NULL) == (status == TACIT_OK));
    tacit_engine_destroy(&engine);
    return status;
}

/*  Load a model that must be refused, with this text in the message.  */
static void s_expect(Onnx__ModelProto *model, tacit_status_t expected, const char *text)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    tacit_status_t status = model_load(model, NULL, &engine, &error);
    assert_null(engine);
    if (status != expected || error.code != expected || strstr(error.message, text) == NULL) {
        fail_msg("expected %d with '%s', got %d: %s", (int)expected, text, (int)status,
                 error.message);
    }
}

/*  x [2, 3] -> Relu -> y; the last node is named "last".  */
static Onnx__ModelProto *s_simple(void)
{
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    model_node(model, "Relu", "x", "y")->name = strdup("last");
    model_output(model, "y", F32, 2, 3, END);
    return model;
}

/*  x [2, 3] -> (op inputs -> y), with a constant w [4, 4] and v [2] at hand.  */
static Onnx__NodeProto *s_with(Onnx__ModelProto **ret_model, const char *op, const char *inputs)
{
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    (void)model_weights(model, "w", 4, 4, END);
    (void)model_weights(model, "v", 2, END);
    Onnx__NodeProto *node = model_node(model, op, inputs, "y");
    node->name = strdup("last");
    model_output(model, "y", F32, -1, -1, END);
    *ret_model = model;
    return node;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void test_refuses_what_is_no_model(void **state)
{
    (void)state;
    static const char text[] = "This is certainly not a model, it is a sentence.";
    tacit_error_t error = {0};
    uint8_t noise[4096];
    assert_int_equal(s_load_bytes("", 0, &error), TACIT_MALFORMED);
    assert_int_equal(s_load_bytes(text, sizeof(text), &error), TACIT_MALFORMED);
    assert_int_equal(s_load_bytes(text, sizeof(text), NULL), TACIT_MALFORMED);
    uint32_t random = 1;
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(noise); i++) {
            random = random * 1664525U + 1013904223U;
            noise[i] = (uint8_t)(random >> 24);
        }
        assert_int_not_equal(s_load_bytes(noise, sizeof(noise), &error), TACIT_OK);
    }
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_simple();
    (void)model_weights(model, "unused", 4, 4, END);
    size_t size = 0;
    size_t loaded = 0;
    uint8_t *bytes = model_pack(model, &size);
    model_free(model);
    for (size_t i = 0; i <= size; i++) {
        uint8_t *part = malloc(i + 1); /* so that a read past the end shows */
        assert_non_null(part);
        memcpy(part, bytes, i);
        tacit_error_t error = {0};
        tacit_status_t status = s_load_bytes(part, i, &error);
        assert_true(status == TACIT_OK || status == TACIT_MALFORMED || status == TACIT_UNSUPPORTED);
        loaded += status == TACIT_OK ? 1U : 0U;
        free(part);
    }
    assert_int_equal(loaded, 1); /* the whole one: opset_import stands last */
    free(bytes);
}

/*  field 7 (graph) > 1 (node) > 5 (attribute) > 6 (graph) > ...  */
static size_t s_nest(uint8_t *bytes, size_t depth)
{
    static const uint8_t fields[] = {0x3a, 0x0a, 0x2a, 0x32};
    size_t size = 0;
    for (size_t i = depth; i-- > 0;) {
        uint8_t head[3] = {fields[i == 0 ? 0 : (i - 1) % 3 + 1], (uint8_t)(size & 0x7f),
                           (uint8_t)(size >> 7)};
        size_t length = size > 0x7f ? 3 : 2;
        head[1] |= size > 0x7f ? 0x80 : 0;
        memmove(bytes + length, bytes, size);
        memcpy(bytes, head, length);
        size += length;
    }
    return size;
}

static void test_nesting_is_bounded(void **state)
{
    (void)state;
    uint8_t bytes[8192];
    tacit_error_t error = {0};
    size_t size = s_nest(bytes, 15); /* the file itself is the sixteenth level */
    assert_int_not_equal(s_load_bytes(bytes, size, &error), TACIT_OK);
    assert_null(strstr(error.message, "nested"));
    for (size_t depth = 16; depth < 2000; depth += 97) {
        size = s_nest(bytes, depth);
        assert_int_equal(s_load_bytes(bytes, size, &error), TACIT_MALFORMED);
        assert_non_null(strstr(error.message, "nested"));
    }
}

static void test_a_second_graph_is_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x3a, 0, 0x3a, 0};
    tacit_error_t error = {0};
    assert_int_equal(s_load_bytes(bytes, sizeof(bytes), &error), TACIT_MALFORMED);
    assert_non_null(strstr(error.message, "twice"));
}

/*  Two bytes per empty node would take a hundred each in memory.  */
static void test_decoding_cannot_blow_up(void **state)
{
    (void)state;
    const size_t nodes = 200000;
    uint8_t *bytes = malloc(2 * nodes + 8);
    assert_non_null(bytes);
    size_t body = 2 * nodes;
    size_t size = 0;
    bytes[size++] = 0x3a;
    for (; body > 0x7f; body >>= 7) {
        bytes[size++] = (uint8_t)(body | 0x80);
    }
    bytes[size++] = (uint8_t)body;
    for (size_t i = 0; i < nodes; i++) {
        bytes[size++] = 0x0a;
        bytes[size++] = 0;
    }
    tacit_error_t error = {0};
    assert_int_equal(s_load_bytes(bytes, size, &error), TACIT_MALFORMED);
    assert_non_null(strstr(error.message, "within its bounds"));
    free(bytes);
}

/* --- the graph -------------------------------------------------------------------------------- */

static void test_refuses_unsound_graphs(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_simple();
    free(model->graph->node[0]->input[0]);
    model->graph->node[0]->input[0] = strdup("nowhere");
    s_expect(model, TACIT_MALFORMED, "node last: it needs a value that nothing makes");

    model = s_simple();
    free(model->graph->node[0]->input[0]);
    model->graph->node[0]->input[0] = strdup("y");
    s_expect(model, TACIT_MALFORMED, "node last: it needs its own or a later node's output");

    model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    model_node(model, "Add", "x b", "a")->name = strdup("first");
    (void)model_node(model, "Relu", "a", "b");
    model_output(model, "b", F32, 2, 3, END);
    s_expect(model, TACIT_MALFORMED, "node first: it needs its own or a later node's output");

    model = s_simple();
    (void)model_node(model, "Sigmoid", "x", "y");
    s_expect(model, TACIT_MALFORMED, "value y: it is made twice");

    model = s_simple();
    (void)model_weights(model, "y", 2, 3, END);
    s_expect(model, TACIT_MALFORMED, "value y: it is made twice");

    model = s_simple();
    model_output(model, "z", F32, 2, 3, END);
    s_expect(model, TACIT_MALFORMED, "output z: no node makes it");

    model = s_simple();
    model_output(model, "y", F32, 2, 3, END);
    s_expect(model, TACIT_MALFORMED, "output y: it is listed twice");

    model = s_simple();
    model->graph->output[0]->type->tensor_type->elem_type = TACIT_DTYPE_INT32;
    s_expect(model, TACIT_MALFORMED, "its declared type is not the one computed");

    model = s_simple();
    free(model->graph->node[0]->name);
    model->graph->node[0]->name = strdup("a\x1b[31m");
    s_expect(model, TACIT_MALFORMED, "control characters");

    model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    s_expect(model, TACIT_MALFORMED, "no outputs");
}

static void test_refuses_shapes_that_do_not_fit(void **state)
{
    (void)state;
    Onnx__ModelProto *model = NULL;
    (void)s_with(&model, "MatMul", "x w");
    s_expect(model, TACIT_MALFORMED, "node 'last' (MatMul): shapes [2, 3] and [4, 4]");
    (void)s_with(&model, "Gemm", "x w");
    s_expect(model, TACIT_MALFORMED, "a row of 3 elements does not meet a column of 4");
    (void)s_with(&model, "Add", "x w");
    s_expect(model, TACIT_MALFORMED, "do not broadcast");
    (void)s_with(&model, "Conv", "x w");
    s_expect(model, TACIT_MALFORMED, "node 'last' (Conv)");
    node_integer(s_with(&model, "Concat", "x w"), "axis", 0);
    s_expect(model, TACIT_MALFORMED, "differ outside the axis");
    node_integer(s_with(&model, "Softmax", "x"), "axis", 2);
    s_expect(model, TACIT_MALFORMED, "axis 2 is outside its input");
    static const int64_t wrong[] = {0, 0};
    node_integers(s_with(&model, "Transpose", "x"), "perm", 2, wrong);
    s_expect(model, TACIT_MALFORMED, "perm is no permutation");
    model = s_simple();
    model->graph->output[0]->type->tensor_type->shape->dim[1]->dim_value = 4;
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "y");
    assert_string_equal(error.expected, "[2, 4]");
    assert_string_equal(error.got, "[2, 3]");
}

static void s_expect_reshape(int64_t a, int64_t b, const char *text)
{
    Onnx__ModelProto *model = NULL;
    const int64_t dims[] = {a, b};
    (void)s_with(&model, "Reshape", "x shape");
    (void)model_integers(model, "shape", 2, dims);
    s_expect(model, TACIT_MALFORMED, text);
}

static void test_refuses_impossible_reshapes(void **state)
{
    (void)state;
    s_expect_reshape(4, 2, "does not fit the new shape");
    s_expect_reshape(-1, 4, "does not fit the new shape");
    s_expect_reshape(-1, -1, "wrong dimension");
    s_expect_reshape(-2, 3, "wrong dimension");
    s_expect_reshape(INT64_MAX, INT64_MAX, "wrong dimension");
    s_expect_reshape(0x7fffffff, 0x7fffffff, "too large");
}

static void test_refuses_windows_out_of_bounds(void **state)
{
    (void)state;
    static const int64_t cases[][6] = {
        /* kernel, stride, pads before and after in both dimensions */
        {0, 1, 0, 0, 0, 0},         {-3, 1, 0, 0, 0, 0},        {5, 1, 0, 0, 0, 0},
        {2, 0, 0, 0, 0, 0},         {2, 1, -1, 0, 0, 0},        {2, 1, 2, 0, 0, 0},
        {INT64_MAX, 1, 0, 0, 0, 0}, {2, INT64_MIN, 0, 0, 0, 0}, {2, 1, 0, 0, 0, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Onnx__ModelProto *model = model_new(13);
        const int64_t kernel[] = {cases[i][0], cases[i][0]};
        const int64_t strides[] = {cases[i][1], cases[i][1]};
        model_input(model, "x", F32, 1, 1, 4, 4, END);
        Onnx__NodeProto *node = model_node(model, "MaxPool", "x", "y");
        node_integers(node, "kernel_shape", 2, kernel);
        node_integers(node, "strides", 2, strides);
        node_integers(node, "pads", 4, &cases[i][2]);
        model_output(model, "y", F32, -1, -1, -1, -1, END);
        s_expect(model, TACIT_MALFORMED, "(MaxPool)");
    }
}

/* --- tensors ---------------------------------------------------------------------------------- */

static void test_refuses_wrong_initializers(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_simple();
    model_weights(model, "w", 4, 4, END)->raw_data.len--;
    s_expect(model, TACIT_MALFORMED, "tensor 'w': the number of elements differs");

    model = s_simple();
    model_weights(model, "w", 4, 4, END)->dims[0] = 5;
    s_expect(model, TACIT_MALFORMED, "tensor 'w': the number of elements differs");

    model = s_simple();
    model_weights(model, "w", 4, 4, END)->dims[0] = -4;
    s_expect(model, TACIT_MALFORMED, "tensor 'w': a dimension is negative");

    model = s_simple();
    Onnx__TensorProto *tensor = model_weights(model, "w", 4, 4, END);
    tensor->dims[0] = INT64_MAX;
    s_expect(model, TACIT_TOO_LARGE, "tensor 'w': the dimensions are too large");

    model = s_simple();
    tensor = model_weights(model, "w", 0, 4, END);
    tensor->dims[1] = INT64_MAX; /* no elements, yet beyond any arithmetic */
    s_expect(model, TACIT_TOO_LARGE, "tensor 'w': the dimensions are too large");

    model = s_simple();
    tensor = model_weights(model, "w", 4, 4, END);
    tensor->dims[0] = 65536;
    tensor->dims[1] = 8192; /* 2 GiB, one byte over the limit */
    s_expect(model, TACIT_TOO_LARGE, "tensor 'w': the dimensions are too large");

    model = s_simple();
    (void)model_weights(model, "w", 1, 1, 1, 1, 1, 1, 1, 1, 1, END);
    s_expect(model, TACIT_TOO_LARGE, "tensor 'w': too many dimensions");

    model = s_simple();
    model_weights(model, "w", 4, 4, END)->data_type = 10;
    s_expect(model, TACIT_UNSUPPORTED, "tensor 'w': element type 10 (float16)");

    model = s_simple();
    model_weights(model, "w", 4, 4, END)->data_type = -7;
    s_expect(model, TACIT_UNSUPPORTED, "tensor 'w': element type -7");
}

static void test_refuses_external_data(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_simple();
    Onnx__TensorProto *tensor = model_weights(model, "w", 4, 4, END);
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    s_expect(model, TACIT_UNSUPPORTED, "tensor 'w': external data");

    model = s_simple();
    model_metadata(model, "location", "/etc/passwd");
    tensor = model_weights(model, "w", 4, 4, END);
    tensor->external_data = model->metadata_props;
    tensor->n_external_data = model->n_metadata_props;
    model->metadata_props = NULL;
    model->n_metadata_props = 0;
    s_expect(model, TACIT_UNSUPPORTED, "tensor 'w': external data");
}

static void test_refuses_wrong_values(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_simple();
    model->graph->input[0]->type->tensor_type->shape->dim[0]->dim_value = -2;
    s_expect(model, TACIT_MALFORMED, "value x: a dimension is negative or too large");

    model = s_simple();
    model->graph->input[0]->type->tensor_type->shape->dim[0]->dim_value = (int64_t)1 << 40;
    s_expect(model, TACIT_MALFORMED, "value x: a dimension is negative or too large");

    model = s_simple();
    model->graph->input[0]->type->tensor_type->elem_type = 8;
    s_expect(model, TACIT_UNSUPPORTED, "value x: its type (string)");

    model = s_simple();
    model->graph->input[0]->type->tensor_type->elem_type = I64;
    s_expect(model, TACIT_MALFORMED, "output y: its declared type is not the one computed");

    model = s_simple();
    model_input(model, "a", F32, 1, 1, 1, 1, 1, 1, 1, 1, 1, END);
    s_expect(model, TACIT_UNSUPPORTED, "value a: it has too many dimensions");
}

/* --- operators -------------------------------------------------------------------------------- */

static void test_refuses_unknown_operators(void **state)
{
    (void)state;
    Onnx__ModelProto *model = NULL;
    (void)s_with(&model, "StringNormalizer", "x w");
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_UNSUPPORTED);
    assert_string_equal(error.claim, "node last");
    assert_string_equal(error.got, "StringNormalizer");
    assert_non_null(
        strstr(error.message, "operator StringNormalizer of domain ai.onnx at opset 13"));
    assert_non_null(strstr(error.message, "node 'last'"));

    s_with(&model, "Relu", "x")->domain = strdup("com.example");
    s_expect(model, TACIT_UNSUPPORTED, "operator Relu of domain com.example");

    (void)s_with(&model, "Relu", "x");
    model->opset_import[0]->version = 18;
    s_expect(model, TACIT_UNSUPPORTED, "opset: 18 is not between");
    (void)s_with(&model, "Relu", "x");
    model->opset_import[0]->version = 5;
    s_expect(model, TACIT_UNSUPPORTED, "operator Relu of domain ai.onnx at opset 5");
}

static void test_refuses_wrong_nodes(void **state)
{
    (void)state;
    Onnx__ModelProto *model = NULL;
    node_integer(s_with(&model, "Relu", "x"), "slope", 1);
    s_expect(model, TACIT_UNSUPPORTED, "attribute 'slope' is not known");
    node_real(s_with(&model, "Softmax", "x"), "axis", 1);
    s_expect(model, TACIT_MALFORMED, "attribute 'axis' has the wrong type");
    Onnx__NodeProto *node = s_with(&model, "Softmax", "x");
    node_integer(node, "axis", 1);
    node_integer(node, "axis", 0);
    s_expect(model, TACIT_MALFORMED, "it has an attribute twice");
    (void)s_with(&model, "Add", "x");
    s_expect(model, TACIT_MALFORMED, "it has too few inputs");
    (void)s_with(&model, "Relu", "x w");
    s_expect(model, TACIT_MALFORMED, "it has too many inputs");
    (void)s_with(&model, "Add", "x -");
    s_expect(model, TACIT_MALFORMED, "it has too few inputs");
    (void)s_with(&model, "Reshape", "x v");
    s_expect(model, TACIT_MALFORMED, "input 1 of type float32 is of the wrong type");
    node_text(s_with(&model, "MaxPool", "x"), "auto_pad", "SOME");
    s_expect(model, TACIT_MALFORMED, "(MaxPool)");
    node_integer(s_with(&model, "Cast", "x"), "to", 10);
    s_expect(model, TACIT_UNSUPPORTED, "the type 10 (float16) to cast to");
    (void)s_with(&model, "BatchNormalization", "x v v v v");
    s_expect(model, TACIT_MALFORMED, "one number per channel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_is_no_model),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_a_second_graph_is_refused),
        cmocka_unit_test(test_decoding_cannot_blow_up),
        cmocka_unit_test(test_refuses_unsound_graphs),
        cmocka_unit_test(test_refuses_shapes_that_do_not_fit),
        cmocka_unit_test(test_refuses_impossible_reshapes),
        cmocka_unit_test(test_refuses_windows_out_of_bounds),
        cmocka_unit_test(test_refuses_wrong_initializers),
        cmocka_unit_test(test_refuses_external_data),
        cmocka_unit_test(test_refuses_wrong_values),
        cmocka_unit_test(test_refuses_unknown_operators),
        cmocka_unit_test(test_refuses_wrong_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
