/*  engine_vector_test.c - the loops of each instruction set beside the C library's functions.  */

#include "services/inference/engine/portable/product.h"
#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 4001, ROW = 37, ROWS = 5 };

static float s_x[COUNT];
static float s_y[COUNT];

/*  Numbers in [-span, span].  */
static void s_fill(float span)
{
    for (size_t i = 0; i < COUNT; i++) {
        s_x[i] = span * ((float)i / (float)(COUNT / 2) - 1.0F);
    }
}

static double s_gelu_tanh(double x)
{
    return 0.5 * x * (1.0 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

static double s_gelu(double x)
{
    return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
}

static double s_sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double s_swish(double x)
{
    return x * s_sigmoid(x);
}

static double s_hard_swish(double x)
{
    return x * fmax(0.0, fmin(1.0, x / 6.0 + 0.5));
}

typedef struct s_case {
    tacit_curve_t curve;
    double (*exact)(double x);
    float span;
    double relative, absolute;
} s_case_t;

static const s_case_t s_cases[] = {
    {TACIT_CURVE_EXP, exp, 88.0F, 1e-6, 1e-37},
    {TACIT_CURVE_TANH, tanh, 20.0F, 1e-6, 3e-7},
    {TACIT_CURVE_SIGMOID, s_sigmoid, 80.0F, 1e-6, 1e-7},
    {TACIT_CURVE_ERF, erf, 8.0F, 1e-6, 5e-7},
    {TACIT_CURVE_GELU, s_gelu, 8.0F, 1e-6, 2e-6},
    {TACIT_CURVE_GELU_TANH, s_gelu_tanh, 8.0F, 1e-6, 2e-6},
    {TACIT_CURVE_SWISH, s_swish, 80.0F, 2e-6, 1e-7},
    {TACIT_CURVE_HARD_SWISH, s_hard_swish, 8.0F, 1e-6, 1e-6},
};

static void s_for_each_isa(void (*check)(const tacit_vector_t *vector))
{
    size_t checked = 0;
    for (int isa = 0; isa < TACIT_ISAS; isa++) {
        if (tacit_vector_choose((tacit_isa_t)isa)) {
            check(tacit_vector());
            checked++;
        }
    }
    assert_true(checked > 0);
}

static void s_check_curves(const tacit_vector_t *vector)
{
    for (size_t i = 0; i < sizeof(s_cases) / sizeof(s_cases[0]); i++) {
        const s_case_t *row = &s_cases[i];
        s_fill(row->span);
        vector->curve(row->curve, 0.0F, 0.0F, s_x, s_y, COUNT);
        for (size_t k = 0; k < COUNT; k++) {
            double exact = row->exact((double)s_x[k]);
            double apart = fabs((double)s_y[k] - exact);
            if (!(apart <= row->absolute + row->relative * fabs(exact))) {
                fail_msg("%s: curve %d at %g is %g, not %g", vector->name, (int)row->curve,
                         (double)s_x[k], (double)s_y[k], exact);
            }
        }
    }
}

static void curves_are_those_of_the_c_library(void **state)
{
    (void)state;
    s_for_each_isa(s_check_curves);
}

static void s_check_extremes(const tacit_vector_t *vector)
{
    const float x[] = {NAN, INFINITY, -INFINITY, 1e30F, -1e30F};
    float y[5];
    for (int curve = 0; curve < TACIT_CURVES; curve++) {
        vector->curve((tacit_curve_t)curve, -1.0F, 1.0F, x, y, 5);
        assert_true(isnan(y[0]));
    }
    vector->curve(TACIT_CURVE_EXP, 0.0F, 0.0F, x, y, 5);
    assert_true(isinf(y[1]) && y[2] == 0.0F && isinf(y[3]) && y[4] == 0.0F);
    vector->curve(TACIT_CURVE_TANH, 0.0F, 0.0F, x, y, 5);
    assert_true(fabsf(y[1] - 1.0F) < 1e-6F && fabsf(y[2] + 1.0F) < 1e-6F);
    vector->curve(TACIT_CURVE_CLAMP, -1.0F, 1.0F, x, y, 5);
    assert_true(y[1] == 1.0F && y[2] == -1.0F);
}

static void nan_stays_and_infinity_has_its_limit(void **state)
{
    (void)state;
    s_for_each_isa(s_check_extremes);
}

static void s_check_rows(const tacit_vector_t *vector)
{
    float scale[ROW];
    s_fill(9.0F);
    for (size_t i = 0; i < ROW; i++) {
        scale[i] = 1.0F;
    }
    vector->softmax(s_x, s_y, ROWS, ROW);
    for (size_t row = 0; row < ROWS; row++) {
        double sum = 0;
        for (size_t i = 0; i < ROW; i++) {
            sum += (double)s_y[row * ROW + i];
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
    }
    vector->normalize(s_x, scale, NULL, 0.0F, s_y, ROWS, ROW);
    for (size_t row = 0; row < ROWS; row++) {
        double squares = 0;
        for (size_t i = 0; i < ROW; i++) {
            squares += (double)s_y[row * ROW + i] * (double)s_y[row * ROW + i];
        }
        assert_true(fabs(squares / ROW - 1.0) < 1e-2);
    }
}

static void rows_of_any_length_are_normalised(void **state)
{
    (void)state;
    s_for_each_isa(s_check_rows);
}

static void an_instruction_set_that_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_false(tacit_vector_choose(TACIT_ISAS));
}

/*  Packed weights of a product, and back.  */
static void packed_matrices_come_back(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {16, 16}, {17, 33}, {40, 5}, {3, 70}, {1, 20}};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        size_t k = sizes[i / 2][0];
        size_t n = sizes[i / 2][1];
        bool turned = i % 2 != 0;
        const tacit_product_t product = {
            .k = k, .n = n, .b_row = turned ? 1 : n, .b_column = turned ? k : 1};
        float *elements = calloc(k * n, sizeof(float));
        float *again = calloc(k * n, sizeof(float));
        float *packed = calloc(1, tacit_product_packed_size(&product));
        assert_non_null(elements);
        assert_non_null(again);
        assert_non_null(packed);
        for (size_t e = 0; e < k * n; e++) {
            elements[e] = (float)(e + 1);
        }
        tacit_product_fill(&product, elements, packed);
        assert_float_equal(packed[0], 1.0F, 0.0F);
        tacit_product_unpack(&product, packed, again);
        assert_memory_equal(elements, again, k * n * sizeof(float));
        free(packed);
        free(again);
        free(elements);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_those_of_the_c_library),
        cmocka_unit_test(nan_stays_and_infinity_has_its_limit),
        cmocka_unit_test(rows_of_any_length_are_normalised),
        cmocka_unit_test(an_instruction_set_that_is_not_there_is_refused),
        cmocka_unit_test(packed_matrices_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
