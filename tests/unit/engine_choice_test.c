/*  engine_choice_test.c - If: which branch is planned, what its nodes may name, and which are
 * refused.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, BOOL8 = TACIT_DTYPE_BOOL };
enum { END = MODEL_END, ITEMS = 6 };

static const float s_items[ITEMS] = {1, -2, 3, -4, 5, -6};

/*  A branch of one node, over values of the graph around it.  */
static Onnx__ModelProto *s_branch(const char *op, const char *inputs, const char *made)
{
    Onnx__ModelProto *branch = model_new(13);
    (void)model_node(branch, op, inputs, made);
    model_output(branch, made, F32, END);
    return branch;
}

static Onnx__NodeProto *s_choice(Onnx__ModelProto *model, const char *condition,
                                 Onnx__ModelProto *then, Onnx__ModelProto *other, const char *made)
{
    Onnx__NodeProto *node = model_node(model, "If", condition, made);
    node->name = strdup("choice");
    node_graph(node, "then_branch", then);
    node_graph(node, "else_branch", other);
    return node;
}

/*  Inputs x [-1, -1, 3] and flag; the output y has any shape.  */
static Onnx__ModelProto *s_model(int flags)
{
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, -1, -1, 3, END);
    if (flags > 0) {
        model_input(model, "flag", BOOL8, flags, END);
    }
    return model;
}

static void s_finish(Onnx__ModelProto *model)
{
    Onnx__ValueInfoProto *value = NULL;
    model_output(model, "y", F32, END);
    value = model->graph->output[0];
    onnx__tensor_shape_proto__free_unpacked(value->type->tensor_type->shape, NULL);
    value->type->tensor_type->shape = NULL;
}

static tacit_engine_t *s_load(Onnx__ModelProto *model, bool portable)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    tacit_engine_options_t options = {.portable = portable};
    if (model_load(model, &options, &engine, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    return engine;
}

/*  Run on [a, b, 3] of the items, with flags where the model takes them; the output's rank, and its
    first number.  */
static tacit_status_t s_run(tacit_engine_t *engine, int64_t a, int64_t b, const uint8_t *flags,
                            size_t flag_count, size_t *ret_rank, float *ret_first)
{
    tacit_engine_result_t *result = NULL;
    size_t count = 0;
    tacit_engine_tensor_t inputs[] = {
        {.name = tacit_span_string("x"),
         .dtype = TACIT_DTYPE_FLOAT32,
         .rank = 3,
         .dims = {a, b, 3},
         .data = tacit_span(s_items, (size_t)(a * b * 3) * sizeof(float))},
        {.name = tacit_span_string("flag"),
         .dtype = TACIT_DTYPE_BOOL,
         .rank = 1,
         .dims = {(int64_t)flag_count},
         .data = tacit_span(flags, flag_count)}};
    tacit_status_t status = tacit_engine_run(engine, inputs, flags != NULL ? 2 : 1, &result, NULL);
    if (status == TACIT_OK) {
        const tacit_engine_tensor_t *y = tacit_engine_result_tensors(result, &count);
        *ret_rank = y[0].rank;
        memcpy(ret_first, y[0].data.data, sizeof(float));
    }
    tacit_engine_result_destroy(&result);
    return status;
}

/*  As exporters write squeeze() of a free dimension.  */
static Onnx__ModelProto *s_squeeze(void)
{
    static const int64_t one[] = {1};
    Onnx__ModelProto *model = s_model(0);
    (void)model_integers(model, "one", 1, one);
    (void)model_node(model, "Shape", "x", "shape");
    node_integer(model_node(model, "Gather", "shape one", "size"), "axis", 0);
    (void)model_node(model, "Equal", "size one", "single");
    (void)s_choice(model, "single", s_branch("Squeeze", "x one", "made"),
                   s_branch("Neg", "x", "made"), "chosen");
    (void)model_node(model, "Abs", "chosen", "y");
    s_finish(model);
    return model;
}

static void test_a_shape_chooses(void **state)
{
    (void)state;
    for (int portable = 0; portable < 2; portable++) {
        tacit_engine_t *engine = s_load(s_squeeze(), portable != 0);
        size_t rank = 0;
        float first = 0;
        assert_int_equal(s_run(engine, 2, 1, NULL, 0, &rank, &first), TACIT_OK);
        assert_int_equal(rank, 2);
        assert_int_equal(s_run(engine, 1, 2, NULL, 0, &rank, &first), TACIT_OK);
        assert_int_equal(rank, 3);
        assert_int_equal(s_run(engine, 2, 1, NULL, 0, &rank, &first), TACIT_OK);
        assert_int_equal(rank, 2);
        tacit_engine_destroy(&engine);
    }
}

/*  An If within an If; both give a name that the other gives, too, and one has weights of its own.
 */
static Onnx__ModelProto *s_nested(int flags)
{
    static const float ten[] = {10};
    Onnx__ModelProto *model = s_model(flags);
    Onnx__ModelProto *then = model_new(13);
    static const int64_t zero[] = {0};
    static const int64_t last[] = {1};
    (void)model_integers(then, "last", 1, last);
    (void)model_node(then, "Gather", "flag last", "second");
    Onnx__ModelProto *scaled = s_branch("Mul", "x ten", "made");
    (void)model_floats(scaled, "ten", 1, ten);
    (void)s_choice(then, "second", scaled, s_branch("Identity", "x", "made"), "made");
    model_output(then, "made", F32, END);
    (void)model_integers(model, "zero", 1, zero);
    (void)model_node(model, "Gather", "flag zero", "first");
    (void)s_choice(model, "first", then, s_branch("Neg", "x", "made"), "y");
    s_finish(model);
    return model;
}

static void test_an_input_chooses(void **state)
{
    (void)state;
    static const struct {
        uint8_t flags[2];
        float first;
    } cases[] = {{{1, 1}, 10}, {{1, 0}, 1}, {{0, 1}, -1}, {{0, 0}, -1}, {{1, 1}, 10}};
    for (int portable = 0; portable < 2; portable++) {
        tacit_engine_t *engine = s_load(s_nested(2), portable != 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            size_t rank = 0;
            float first = 0;
            assert_int_equal(s_run(engine, 2, 1, cases[i].flags, 2, &rank, &first), TACIT_OK);
            assert_true(first == cases[i].first);
        }
        tacit_engine_destroy(&engine);
    }
}

static void test_a_condition_is_one_bool(void **state)
{
    (void)state;
    static const uint8_t flags[] = {1, 1};
    Onnx__ModelProto *model = s_model(2);
    size_t rank = 0;
    float first = 0;
    (void)s_choice(model, "flag", s_branch("Neg", "x", "made"), s_branch("Abs", "x", "made"), "y");
    s_finish(model);
    tacit_engine_t *engine = s_load(model, false);
    assert_int_equal(s_run(engine, 2, 1, flags, 2, &rank, &first), TACIT_BAD_INPUT);
    tacit_engine_destroy(&engine);
}

/*  A Conv's bias, normalization and activation may stand in the branch that is not taken.  */
static void test_what_is_merged_across(void **state)
{
    (void)state;
    static const uint8_t flags[][1] = {{1}, {0}};
    float first[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        Onnx__ModelProto *model = s_model(1);
        size_t rank = 0;
        (void)model_weights(model, "w", 3, 4, END);
        (void)model_node(model, "MatMul", "x w", "product");
        (void)s_choice(model, "flag", s_branch("Relu", "product", "made"),
                       s_branch("Identity", "x", "made"), "y");
        s_finish(model);
        tacit_engine_t *engine = s_load(model, false);
        assert_int_equal(s_run(engine, 2, 1, flags[i], 1, &rank, &first[i]), TACIT_OK);
        tacit_engine_destroy(&engine);
    }
    assert_true(first[0] >= 0);
    assert_true(first[1] == 1);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void s_refused(Onnx__ModelProto *model, tacit_status_t expected, const char *text)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    s_finish(model);
    tacit_status_t status = model_load(model, NULL, &engine, &error);
    if (status != expected || strstr(error.message, text) == NULL) {
        fail_msg("expected '%s', got %d: %s", text, (int)status, error.message);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    Onnx__ModelProto *model = s_model(1);
    (void)s_choice(model, "flag", s_branch("Neg", "x", "a"), s_branch("Abs", "x", "b"), "c");
    (void)model_node(model, "Neg", "a", "y"); /* of the branch alone */
    s_refused(model, TACIT_MALFORMED, "it needs a value that nothing makes");

    model = s_model(1);
    (void)s_choice(model, "flag", s_branch("Neg", "x", "a"), s_branch("Abs", "a", "b"), "y");
    s_refused(model, TACIT_MALFORMED, "it needs a value that nothing makes");

    model = s_model(1);
    (void)s_choice(model, "x", s_branch("Neg", "x", "a"), s_branch("Abs", "x", "b"), "y");
    s_refused(model, TACIT_MALFORMED, "node choice: its condition is not one bool");

    model = s_model(1);
    (void)s_choice(model, "flag", s_branch("Neg", "x", "a"), s_branch("Not", "flag", "b"), "y");
    s_refused(model, TACIT_MALFORMED, "node choice: its branches give different types");

    model = s_model(1);
    Onnx__NodeProto *node = model_node(model, "If", "flag", "y");
    node->name = strdup("choice");
    node_graph(node, "then_branch", s_branch("Neg", "x", "a"));
    s_refused(model, TACIT_MALFORMED, "node choice: its branches do not fit it");

    model = s_model(1);
    node = s_choice(model, "flag", s_branch("Neg", "x", "a"), s_branch("Abs", "x", "b"), "y z");
    s_refused(model, TACIT_MALFORMED, "node choice: its branches do not fit it");

    model = s_model(1);
    Onnx__ModelProto *branch = s_branch("Neg", "x", "a");
    model_input(branch, "given", F32, 1, END);
    (void)s_choice(model, "flag", branch, s_branch("Abs", "x", "b"), "y");
    s_refused(model, TACIT_MALFORMED, "node choice: its branches do not fit it");

    model = s_model(1);
    branch = s_branch("Neg", "x", "a");
    model_output(branch, "a", F32, END);
    free(branch->graph->output[0]->name);
    branch->graph->output[0]->name = strdup("nothing");
    branch->graph->n_output = 1;
    onnx__value_info_proto__free_unpacked(branch->graph->output[1], NULL);
    (void)s_choice(model, "flag", branch, s_branch("Abs", "x", "b"), "y");
    s_refused(model, TACIT_MALFORMED, "node choice: a branch gives what nothing makes");

    model = s_model(1);
    (void)s_choice(model, "flag", s_branch("Nonsense", "x", "a"), s_branch("Abs", "x", "b"), "y");
    s_refused(model, TACIT_UNSUPPORTED, "operator Nonsense");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_shape_chooses),
        cmocka_unit_test(test_an_input_chooses),
        cmocka_unit_test(test_a_condition_is_one_bool),
        cmocka_unit_test(test_what_is_merged_across),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
