/*  engine_recurrent_test.c - sequences that go side by side give what each gives alone: more than
   go at once, longer than what is computed ahead, of lengths of their own, in both directions.  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END };

enum { STEPS = 37, BATCH = 70, FEATURES = 5, HIDDEN = 9, DIRECTIONS = 2 };

typedef struct s_kind {
    const char *op;
    int gates;
    int64_t linear; /* linear_before_reset; less than 0: no such attribute */
} s_kind_t;

static const s_kind_t s_kinds[] = {{"RNN", 1, -1}, {"GRU", 3, 0}, {"GRU", 3, 1}, {"LSTM", 4, -1}};

static tacit_engine_t *s_load(const s_kind_t *kind, bool portable)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    tacit_engine_options_t options = {.portable = portable};
    Onnx__ModelProto *model = model_new(14);
    model_input(model, "x", F32, -1, -1, FEATURES, END);
    model_input(model, "n", TACIT_DTYPE_INT32, -1, END);
    (void)model_weights(model, "w", DIRECTIONS, kind->gates * HIDDEN, FEATURES, END);
    (void)model_weights(model, "r", DIRECTIONS, kind->gates * HIDDEN, HIDDEN, END);
    (void)model_weights(model, "b", DIRECTIONS, 2 * kind->gates * HIDDEN, END);
    Onnx__NodeProto *node = model_node(model, kind->op, "x w r b n", "y h");
    node_integer(node, "hidden_size", HIDDEN);
    node_text(node, "direction", "bidirectional");
    if (kind->linear >= 0) {
        node_integer(node, "linear_before_reset", kind->linear);
    }
    model_output(model, "y", F32, -1, -1, -1, -1, END);
    model_output(model, "h", F32, -1, -1, -1, END);
    assert_int_equal(model_load(model, &options, &engine, &error), TACIT_OK);
    return engine;
}

/*  y: [STEPS, DIRECTIONS, batch, HIDDEN].  */
static tacit_engine_result_t *s_run(tacit_engine_t *engine, const float *x, const int32_t *lengths,
                                    int64_t batch)
{
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {0};
    tacit_engine_tensor_t inputs[] = {
        {tacit_span_string("x"),
         TACIT_DTYPE_FLOAT32,
         3,
         {STEPS, batch, FEATURES},
         tacit_span(x, (size_t)(STEPS * batch * FEATURES) * sizeof(float))},
        {tacit_span_string("n"),
         TACIT_DTYPE_INT32,
         1,
         {batch},
         tacit_span(lengths, (size_t)batch * sizeof(int32_t))}};
    if (tacit_engine_run(engine, inputs, 2, &result, &error) != TACIT_OK) {
        fail_msg("%s (%s, %s)", error.message, error.expected, error.got);
    }
    return result;
}

static const float *s_output(const tacit_engine_result_t *result, size_t i)
{
    size_t count = 0;
    return (const float *)(const void *)tacit_engine_result_tensors(result, &count)[i].data.data;
}

static void s_compare(tacit_engine_t *engine, const float *x, const int32_t *lengths)
{
    static float one[STEPS * FEATURES];
    tacit_engine_result_t *all = s_run(engine, x, lengths, BATCH);
    for (size_t b = 0; b < BATCH; b += 23) {
        for (size_t t = 0; t < STEPS; t++) {
            memcpy(one + t * FEATURES, x + (t * BATCH + b) * FEATURES, FEATURES * sizeof(float));
        }
        tacit_engine_result_t *alone = s_run(engine, one, &lengths[b], 1);
        for (size_t i = 0; i < STEPS * DIRECTIONS * HIDDEN; i++) {
            size_t at = (i / HIDDEN * BATCH + b) * HIDDEN + i % HIDDEN;
            assert_true(fabsf(s_output(all, 0)[at] - s_output(alone, 0)[i]) <= 1e-5F);
            bool inside = i / HIDDEN / DIRECTIONS < (size_t)lengths[b];
            assert_true(inside || s_output(all, 0)[at] == 0.0F);
        }
        for (size_t i = 0; i < (size_t)(DIRECTIONS * HIDDEN); i++) {
            size_t at = (i / HIDDEN * BATCH + b) * HIDDEN + i % HIDDEN;
            assert_true(fabsf(s_output(all, 1)[at] - s_output(alone, 1)[i]) <= 1e-5F);
        }
        tacit_engine_result_destroy(&alone);
    }
    tacit_engine_result_destroy(&all);
}

static void test_side_by_side(void **state)
{
    static float x[STEPS * BATCH * FEATURES];
    int32_t lengths[BATCH];
    (void)state;
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        x[i] = (float)((int)(i * 37 % 101) - 50) / 25.0F;
    }
    for (size_t i = 0; i < BATCH; i++) {
        lengths[i] = (int32_t)(i * 11 % (STEPS + 1));
    }
    lengths[23] = STEPS;
    for (size_t k = 0; k < 2 * sizeof s_kinds / sizeof s_kinds[0]; k++) {
        tacit_engine_t *engine = s_load(&s_kinds[k / 2], k % 2 != 0);
        s_compare(engine, x, lengths);
        tacit_engine_destroy(&engine);
    }
}

static void test_a_length_beyond_the_input(void **state)
{
    static float x[STEPS * FEATURES];
    static const int32_t wrong[] = {-1, STEPS + 1};
    (void)state;
    tacit_engine_t *engine = s_load(&s_kinds[3], false);
    for (size_t i = 0; i < 2; i++) {
        tacit_engine_result_t *result = NULL;
        tacit_error_t error = {0};
        tacit_engine_tensor_t inputs[] = {{tacit_span_string("x"),
                                           TACIT_DTYPE_FLOAT32,
                                           3,
                                           {STEPS, 1, FEATURES},
                                           tacit_span(x, sizeof x)},
                                          {tacit_span_string("n"),
                                           TACIT_DTYPE_INT32,
                                           1,
                                           {1},
                                           tacit_span(&wrong[i], sizeof wrong[i])}};
        assert_int_equal(tacit_engine_run(engine, inputs, 2, &result, &error), TACIT_BAD_INPUT);
    }
    tacit_engine_destroy(&engine);
}

/*  Steps of no features take no memory, but time for each.  */
static void test_steps_that_nobody_sees(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        tacit_engine_t *engine = NULL;
        tacit_error_t error = {0};
        Onnx__ModelProto *model = model_new(14);
        model_input(model, "x", F32, i == 0 ? 1 << 25 : 1 << 26, 1, 0, END);
        (void)model_weights(model, "w", 1, 4 * 8, 0, END);
        (void)model_weights(model, "r", 1, 4 * 8, 8, END);
        (void)model_node(model, "LSTM", "x w r", "- h");
        model_output(model, "h", F32, 1, 1, 8, END);
        assert_int_equal(model_load(model, NULL, &engine, &error),
                         i == 0 ? TACIT_OK : TACIT_TOO_LARGE);
        tacit_engine_destroy(&engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_a_length_beyond_the_input),
        cmocka_unit_test(test_steps_that_nobody_sees),
    };
    return cmocka_run_group_tests_name("engine_recurrent", tests, NULL, NULL);
}
