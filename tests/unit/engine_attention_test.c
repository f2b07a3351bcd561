/*  engine_attention_test.c - attention as one step beside the nodes that it is made of: the same
    numbers with both backends and each instruction set, for every way to write it; and what only
    looks like it stays as it is.  */

#include "engine_model.h"
#include "services/inference/engine/portable/vector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = TACIT_DTYPE_FLOAT32, BOOL = TACIT_DTYPE_BOOL, END = MODEL_END };

/*  How it is written.  */
enum {
    TURNED = 1 << 0,      /* [batch, tokens, heads, width] in and out, by Transposes */
    DIVIDED = 1 << 1,     /* scores over the root of the width */
    MULTIPLIED = 1 << 2,  /* scores times its inverse */
    BEFORE = 1 << 3,      /* q, k and v times numbers of their own */
    ADDED = 1 << 4,       /* a mask of the whole scores */
    ADDED_ROW = 1 << 5,   /* a mask of keys alone */
    ADDED_FIRST = 1 << 6, /* the mask is the sum's first input */
    CHOSEN = 1 << 7,      /* Where(mask, scores, number) */
    LEFT_OUT = 1 << 8,    /* Where(mask, number, scores) */
    FLAT = 1 << 9,        /* batch and heads are one dimension */
    NEGATIVE = 1 << 10,   /* the number is -inf */
    LATE = 1 << 18,       /* masks and v are made behind the scores */
    /* What is not attention: */
    READ_SCORES = 1 << 11,
    READ_WEIGHTS = 1 << 12,
    GIVEN_OUT = 1 << 13,
    OTHER_AXIS = 1 << 14,
    SECOND = 1 << 15, /* weights are the second factor */
    TWICE = 1 << 16,  /* the output's Transpose moves the last dimension */
    /* The step in between is kept from being found.  */
    APART = 1 << 17,
};

typedef struct {
    int64_t batch, heads, rows, keys, width, values;
    unsigned form;
} s_case_t;

static const s_case_t s_cases[] = {
    {1, 4, 64, 64, 32, 32, TURNED | DIVIDED},
    {3, 2, 17, 17, 13, 13, TURNED | MULTIPLIED | ADDED_ROW},
    {1, 3, 5, 33, 16, 7, ADDED | DIVIDED | ADDED_FIRST},
    {2, 2, 40, 40, 20, 20, TURNED | MULTIPLIED | CHOSEN},
    {2, 2, 15, 16, 8, 24, LEFT_OUT | ADDED},
    {2, 5, 30, 31, 9, 9, FLAT | BEFORE},
    {1, 2, 20, 20, 32, 32, TURNED | BEFORE | ADDED},
    {1, 1, 1, 1, 1, 1, DIVIDED},
    {2, 1, 1, 50, 64, 64, TURNED | DIVIDED | ADDED_ROW},
    {1, 2, 150, 130, 64, 64, TURNED | DIVIDED},
    {1, 2, 20, 300, 4, 4, DIVIDED | CHOSEN | NEGATIVE},
    {1, 2, 12, 18, 16, 16, LEFT_OUT | NEGATIVE | TURNED},
    {1, 1, 3, 20, 8, 8, DIVIDED},
    {1, 1, 4, 20, 8, 8, DIVIDED},
    {1, 1, 256, 255, 2, 2, DIVIDED},
    {1, 1, 256, 256, 2, 2, DIVIDED},
    {2, 2, 18, 18, 16, 16, TWICE | DIVIDED},
    {2, 3, 21, 19, 16, 16, TURNED | DIVIDED | ADDED | LATE},
};

static const unsigned s_others[] = {READ_SCORES, READ_WEIGHTS, GIVEN_OUT, OTHER_AXIS, SECOND};

enum { CASES = sizeof s_cases / sizeof *s_cases, OTHERS = sizeof s_others / sizeof *s_others };

static const char *const s_names[] = {"q", "k", "v", "added", "chosen"};

enum { INPUTS = 5, NAME_SIZE = 32 };

/*  Dimensions of an input.  */
static size_t s_dims(const s_case_t *given, size_t input, int64_t *ret_dims)
{
    bool flat = (given->form & FLAT) != 0;
    int64_t rows = input == 0 ? given->rows : given->keys;
    int64_t width = input == 2 ? given->values : given->width;
    if (input > 2) {
        bool row = input == 3 && (given->form & ADDED_ROW) != 0;
        const int64_t dims[] = {given->batch, row ? 1 : given->heads, row ? 1 : given->rows,
                                given->keys};
        memcpy(ret_dims, dims, sizeof dims);
        return 4;
    }
    if ((given->form & TURNED) != 0) {
        const int64_t dims[] = {given->batch, rows, given->heads, width};
        memcpy(ret_dims, dims, sizeof dims);
    } else {
        bool turned = input == 1 && !flat;
        const int64_t dims[] = {given->batch, given->heads, turned ? width : rows,
                                turned ? rows : width};
        memcpy(ret_dims, dims, sizeof dims);
    }
    if (flat) {
        ret_dims[0] *= ret_dims[1];
        memmove(ret_dims + 1, ret_dims + 2, 2 * sizeof *ret_dims);
    }
    return flat ? 3 : 4;
}

static bool s_has(const s_case_t *given, size_t input)
{
    return input < 3 || (input == 3 && (given->form & (ADDED | ADDED_ROW)) != 0) ||
           (input == 4 && (given->form & (CHOSEN | LEFT_OUT)) != 0);
}

/*  A node of `before`, the name and `after`, whose output is the name with a stroke from then on.
 */
static Onnx__NodeProto *s_step(Onnx__ModelProto *model, const char *op, const char *before,
                               char name[NAME_SIZE], const char *after)
{
    char inputs[3 * NAME_SIZE];
    char output[NAME_SIZE];
    (void)snprintf(inputs, sizeof inputs, "%s%s%s", before, name, after);
    (void)snprintf(output, sizeof output, "%.*s'", NAME_SIZE - 2, name);
    memcpy(name, output, NAME_SIZE);
    return model_node(model, op, inputs, output);
}

/*  A factor of attention: turned, scaled.  */
static void s_factor(Onnx__ModelProto *model, const s_case_t *given, size_t input,
                     char name[NAME_SIZE])
{
    static const int64_t turn[] = {0, 2, 1, 3};
    static const int64_t turn_keys[] = {0, 2, 3, 1};
    static const int64_t turn_flat[] = {0, 2, 1};
    (void)snprintf(name, NAME_SIZE, "%s", s_names[input]);
    if ((given->form & TURNED) != 0) {
        node_integers(s_step(model, "Transpose", "", name, ""), "perm", 4,
                      input == 1 ? turn_keys : turn);
    } else if ((given->form & FLAT) != 0 && input == 1) {
        node_integers(s_step(model, "Transpose", "", name, ""), "perm", 3, turn_flat);
    }
    if ((given->form & BEFORE) != 0) {
        (void)s_step(model, input == 1 ? "Div" : "Mul", input == 2 ? "third " : "", name,
                     input == 2 ? "" : " third");
    }
}

static void s_declare(Onnx__ModelProto *model, const s_case_t *given)
{
    for (size_t i = 0; i < INPUTS; i++) {
        int64_t dims[4] = {0};
        if (s_has(given, i)) {
            size_t rank = s_dims(given, i, dims);
            model_input(model, s_names[i], i == 4 ? BOOL : F32, dims[0], dims[1], dims[2],
                        rank == 4 ? dims[3] : (int64_t)END, END);
        }
    }
    const float root = sqrtf((float)given->width);
    const float inverse = 1.0F / root;
    const float third = 1.25F;
    const float number = (given->form & NEGATIVE) != 0 ? -INFINITY : -3.5F;
    (void)model_raw(model, "root", F32, 0, NULL, &root, sizeof root);
    (void)model_raw(model, "inverse", F32, 0, NULL, &inverse, sizeof inverse);
    (void)model_raw(model, "third", F32, 0, NULL, &third, sizeof third);
    (void)model_raw(model, "number", F32, 0, NULL, &number, sizeof number);
}

/*  Scores that become weights; where it is kept apart, the graph gives scores out, too.  */
static void s_weights(Onnx__ModelProto *model, const s_case_t *given, char name[NAME_SIZE])
{
    unsigned form = given->form;
    if ((form & DIVIDED) != 0) {
        (void)s_step(model, "Div", "", name, " root");
    }
    if ((form & MULTIPLIED) != 0) {
        (void)s_step(model, "Mul", "inverse ", name, "");
    }
    if ((form & CHOSEN) != 0) {
        (void)s_step(model, "Where", "chosen ", name, " number");
    }
    if ((form & LEFT_OUT) != 0) {
        (void)s_step(model, "Where", "chosen number ", name, "");
    }
    if ((form & (ADDED | ADDED_ROW)) != 0) {
        bool first = (form & ADDED_FIRST) != 0;
        const char *behind = (form & LATE) != 0 ? " late" : " added";
        (void)s_step(model, "Add", first ? "added " : "", name, first ? "" : behind);
    }
    if ((form & (APART | GIVEN_OUT)) != 0) {
        model_output(model, name, F32, -1, -1, -1, (form & FLAT) != 0 ? (int64_t)END : -1, END);
    }
    if ((form & READ_SCORES) != 0) {
        (void)model_node(model, "Relu", name, "again");
        model_output(model, "again", F32, -1, -1, -1, -1, END);
    }
    node_integer(s_step(model, "Softmax", "", name, ""), "axis", (form & OTHER_AXIS) != 0 ? 1 : -1);
    if ((form & READ_WEIGHTS) != 0) {
        (void)model_node(model, "Relu", name, "again");
        model_output(model, "again", F32, -1, -1, -1, -1, END);
    }
}

static Onnx__ModelProto *s_model(const s_case_t *given)
{
    static const int64_t turn[] = {0, 2, 1, 3};
    static const int64_t turn_more[] = {0, 3, 1, 2};
    char names[3][NAME_SIZE];
    char name[NAME_SIZE] = "s";
    char text[3 * NAME_SIZE];
    Onnx__ModelProto *model = model_new(13);
    s_declare(model, given);
    bool late = (given->form & LATE) != 0;
    for (size_t i = 0; i < (late ? 2 : 3); i++) {
        s_factor(model, given, i, names[i]);
    }
    (void)snprintf(text, sizeof text, "%s %s", names[0], names[1]);
    (void)model_node(model, "MatMul", text, "s");
    if (late) {
        s_factor(model, given, 2, names[2]);
        (void)model_node(model, "Neg", "added", "late");
    }
    s_weights(model, given, name);
    bool second = (given->form & SECOND) != 0;
    (void)snprintf(text, sizeof text, "%s %s", second ? names[2] : name, second ? name : names[2]);
    (void)model_node(model, "MatMul", text, "y");
    (void)snprintf(name, sizeof name, "y");
    if ((given->form & (TURNED | TWICE)) != 0) {
        node_integers(s_step(model, "Transpose", "", name, ""), "perm", 4,
                      (given->form & TWICE) != 0 ? turn_more : turn);
    }
    model_output(model, name, F32, -1, -1, -1, (given->form & FLAT) != 0 ? (int64_t)END : -1, END);
    return model;
}

/*  The inputs' bytes; of what is chosen, in each row the first key stays, or in the third none.  */
static void *s_content(const s_case_t *given, size_t input, size_t *ret_size)
{
    int64_t dims[4] = {1, 1, 1, 1};
    size_t rank = s_dims(given, input, dims);
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= (size_t)dims[i];
    }
    *ret_size = count * (input == 4 ? 1 : sizeof(float));
    uint8_t *bytes = malloc(*ret_size);
    float *items = (float *)(void *)bytes;
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        size_t row = i / (size_t)given->keys;
        bool first = i % (size_t)given->keys == 0;
        bool stays =
            (given->form & NEGATIVE) != 0 && row % 7 == 3 ? false : first || i * 7919 % 5 != 0;
        if (input == 4) {
            bytes[i] = stays == ((given->form & CHOSEN) != 0) ? 1 : 0;
        } else {
            items[i] = (float)(i * 104729 % (997 + input)) / 499.0F - 1.0F;
        }
    }
    return bytes;
}

/*  The last output, in new memory; whether a step was attention.  */
static float *s_run(const s_case_t *given, const tacit_engine_options_t *options, size_t *ret_count,
                    bool *ret_fused)
{
    tacit_engine_t *engine = NULL;
    tacit_error_t error = {0};
    if (model_load(s_model(given), options, &engine, &error) != TACIT_OK) {
        fail_msg("not loaded: %s", error.message);
    }
    tacit_engine_tensor_t inputs[INPUTS];
    size_t input_count = 0;
    for (size_t i = 0; i < INPUTS; i++) {
        if (s_has(given, i)) {
            tacit_engine_tensor_t *input = &inputs[input_count++];
            size_t size = 0;
            *input =
                (tacit_engine_tensor_t){.name = tacit_span_string(s_names[i]),
                                        .dtype = i == 4 ? TACIT_DTYPE_BOOL : TACIT_DTYPE_FLOAT32};
            input->rank = s_dims(given, i, input->dims);
            void *bytes = s_content(given, i, &size);
            input->data = tacit_span(bytes, size);
        }
    }
    tacit_engine_result_t *result = NULL;
    if (tacit_engine_run(engine, inputs, input_count, &result, &error) != TACIT_OK) {
        fail_msg("not run: %s", error.message);
    }
    size_t count = 0;
    const tacit_engine_tensor_t *outputs = tacit_engine_result_tensors(result, &count);
    tacit_span_t data = outputs[count - 1].data;
    float *y = malloc(data.size + 1);
    assert_non_null(y);
    memcpy(y, data.data, data.size);
    *ret_count = data.size / sizeof(float);
    tacit_engine_step_t steps[32];
    size_t step_count = tacit_engine_profile(engine, steps, 32);
    *ret_fused = false;
    for (size_t i = 0; i < step_count; i++) {
        *ret_fused |= strcmp(steps[i].how, "attention") == 0;
    }
    for (size_t i = 0; i < input_count; i++) {
        free((void *)(uintptr_t)inputs[i].data.data);
    }
    tacit_engine_result_destroy(&result);
    tacit_engine_destroy(&engine);
    return y;
}

/*  Without anything to turn or scale before, few rows are left to products of their own.  */
static bool s_pays(const s_case_t *given, bool portable)
{
    return (given->form & (TURNED | FLAT | BEFORE)) != 0 ||
           (given->rows >= 4 && (portable || given->rows * given->keys >= 65536));
}

static void s_expect_same(const s_case_t *given, const tacit_engine_options_t *options)
{
    size_t count = 0;
    size_t expected_count = 0;
    bool fused = false;
    s_case_t apart = *given;
    apart.form |= APART;
    float *got = s_run(given, options, &count, &fused);
    assert_int_equal(fused, s_pays(given, options->portable));
    float *expected = s_run(&apart, options, &expected_count, &fused);
    assert_false(fused);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        bool same = isnan(expected[i]) ? isnan(got[i]) != 0 : fabsf(got[i] - expected[i]) <= 2e-6F;
        if (!same) {
            fail_msg("case %zu, element %zu: %g, expected %g", (size_t)(given - s_cases), i,
                     (double)got[i], (double)expected[i]);
        }
    }
    free(expected);
    free(got);
}

static void test_one_step_gives_what_its_nodes_give(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned n = 0; n < 4; n++) {
            const tacit_engine_options_t options = {
                .portable = (n & 1) != 0, .threads = n / 2 + 1, .profile = true};
            s_expect_same(&s_cases[i], &options);
        }
    }
}

static void test_each_instruction_set(void **state)
{
    (void)state;
    static const tacit_engine_options_t options = {.portable = true, .profile = true};
    const char *before = tacit_vector()->name;
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        for (size_t i = 0; tacit_vector_choose((tacit_isa_t)isa) && i < CASES; i++) {
            s_expect_same(&s_cases[i], &options);
        }
    }
    for (int isa = 0; isa < TACIT_ISAS && strcmp(tacit_vector()->name, before) != 0; isa++) {
        (void)tacit_vector_choose((tacit_isa_t)isa);
    }
}

static void test_rows_without_keys_are_nan(void **state)
{
    (void)state;
    const s_case_t given = {1, 2, 12, 18, 16, 16, CHOSEN | NEGATIVE};
    for (unsigned n = 0; n < 2; n++) {
        const tacit_engine_options_t options = {.portable = n != 0, .profile = true};
        size_t count = 0;
        bool fused = false;
        float *y = s_run(&given, &options, &count, &fused);
        assert_int_equal(fused, options.portable);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(isnan(y[i]) != 0, i / 16 % 7 == 3);
        }
        free(y);
    }
}

static void test_what_others_read_is_not_one_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < OTHERS; i++) {
        for (unsigned n = 0; n < 2; n++) {
            const s_case_t given = {2, 8, 8, 8, 8, 8, DIVIDED | s_others[i]};
            const tacit_engine_options_t options = {.portable = n != 0, .profile = true};
            size_t count = 0;
            bool fused = true;
            free(s_run(&given, &options, &count, &fused));
            assert_false(fused);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step_gives_what_its_nodes_give),
        cmocka_unit_test(test_each_instruction_set),
        cmocka_unit_test(test_rows_without_keys_are_nan),
        cmocka_unit_test(test_what_others_read_is_not_one_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
