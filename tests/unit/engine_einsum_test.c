/*  engine_einsum_test.c - equations of Einsum that are refused, and some that are not: what they
    compute is compared elsewhere (the ONNX project's tests, tests/agreement).  */

#include "engine_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

enum { F32 = TACIT_DTYPE_FLOAT32, END = MODEL_END };

/*  x [2, 3] and w [3, 4], which may be used twice.  */
static tacit_status_t s_load(const char *equation, const char *inputs, tacit_error_t *ret_error)
{
    tacit_engine_t *engine = NULL;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 2, 3, END);
    (void)model_weights(model, "w", 3, 4, END);
    node_text(model_node(model, "Einsum", inputs, "y"), "equation", equation);
    (void)model_node(model, "Identity", "y", "z");
    model_output(model, "z", F32, END);
    free(model->graph->output[0]->type->tensor_type->shape);
    model->graph->output[0]->type->tensor_type->shape = NULL;
    tacit_status_t status = model_load(model, NULL, &engine, ret_error);
    assert_true((engine != NULL) == (status == TACIT_OK));
    tacit_engine_destroy(&engine);
    return status;
}

static void test_sound_equations(void **state)
{
    (void)state;
    static const char *const pairs[] = {
        "ij,jk->ik",   "ij,jk",         "...j,jk->...k", " a B , B c -> c a ",
        "ij,kl->ijkl", "ij,...->ij...", "ij,jk->",       "i...,...k->k"};
    static const char *const alone[] = {"ij->ji", "ij", "...->...", "ij->", "...j->...", "ij->i"};
    tacit_error_t error = {0};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(s_load(pairs[i], "x w", &error), TACIT_OK);
    }
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        assert_int_equal(s_load(alone[i], "x", &error), TACIT_OK);
    }
    assert_int_equal(s_load("ij,jk,mk,mn->in", "x w x w", &error), TACIT_MALFORMED);
    assert_int_equal(s_load("ij,jk,ij,jl->ikl", "x w x w", &error), TACIT_OK);
}

static void test_unsound_equations(void **state)
{
    (void)state;
    static const char *const pairs[] = {
        "",           "ij",          "ij,jk,kl->il", "ij,ik->jk", "ij,jk->ij->", "ij,jk->iik",
        "ij,jk->im",  "i,jk->ik",    "ijl,jk->ik",   "ij,j1->i",  "ij,jk-ik",    "ij,jk>ik",
        "i..j,jk->k", "......,jk->", "...,...->...", "ij,jk->i,k"};
    tacit_error_t error = {0};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        tacit_status_t status = s_load(pairs[i], "x w", &error);
        if (status != TACIT_MALFORMED) {
            fail_msg("'%s': %d %s", pairs[i], (int)status, error.message);
        }
    }
}

/*  Eight inputs are taken; more are not, nor more dimensions than there may be, nor endless work.
 */
static void test_limits(void **state)
{
    (void)state;
    tacit_error_t error = {0};
    assert_int_equal(s_load("ab,ac,ad,ae,af,ag,ah,ai->a", "x x x x x x x x", &error), TACIT_OK);
    assert_int_equal(s_load("ab,ac,ad,ae,af,ag,ah,ai,aj->a", "x x x x x x x x x", &error),
                     TACIT_MALFORMED);
    assert_int_equal(s_load("ab,cd,ef,gh->abcdefgh", "x x x x", &error), TACIT_OK);
    assert_int_equal(s_load("ab,cd,ef,gh,ai->abcdefghi", "x x x x x", &error), TACIT_MALFORMED);
    tacit_engine_t *engine = NULL;
    Onnx__ModelProto *model = model_new(13);
    model_input(model, "x", F32, 1 << 13, END);
    node_text(model_node(model, "Einsum", "x x x", "y"), "equation", "a,b,c->");
    model_output(model, "y", F32, END);
    assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_OK); /* two at a time */
    tacit_engine_destroy(&engine);
    model = model_new(13);
    model_input(model, "x", F32, 1 << 19, END);
    node_text(model_node(model, "Einsum", "x x", "y"), "equation", "a,b->");
    model_output(model, "y", F32, END);
    assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_OK); /* each summed first */
    tacit_engine_destroy(&engine);
    model = model_new(13);
    model_input(model, "x", F32, 1 << 12, 1 << 6, END);
    node_text(model_node(model, "Einsum", "x x x", "y"), "equation", "ab,cb,db->acd");
    model_output(model, "y", F32, -1, -1, -1, END);
    assert_int_equal(model_load(model, NULL, &engine, &error), TACIT_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound_equations),
                                       cmocka_unit_test(test_unsound_equations),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
