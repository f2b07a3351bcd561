/*  input_csv_test.c - tables of numbers as text: what is taken, what is refused, and where.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/input_csv.h"

static float s_element(const tacit_tensor_t *tensor, size_t index)
{
    float value = 0;
    assert_true((index + 1) * sizeof value <= tensor->data->size);
    memcpy(&value, tensor->data->data + index * sizeof value, sizeof value);
    return value;
}

static tacit_tensor_t s_parse(const char *text)
{
    tacit_tensor_t tensor = {0};
    tacit_error_t error = {0};
    tacit_status_t status = tacit_csv_parse(tacit_span_string(text), &tensor, &error);
    if (status != TACIT_OK) {
        fail_msg("'%s': %s", text, error.message);
    }
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT32);
    assert_int_equal(tensor.rank, 2);
    return tensor;
}

static float s_single(const char *text)
{
    tacit_tensor_t tensor = s_parse(text);
    float value = s_element(&tensor, 0);
    assert_int_equal(tensor.data->size, sizeof value);
    tacit_tensor_release(&tensor);
    return value;
}

static void s_shape_is(const char *text, int64_t rows, int64_t columns)
{
    tacit_tensor_t tensor = s_parse(text);
    assert_int_equal(tensor.dims[0], rows);
    assert_int_equal(tensor.dims[1], columns);
    tacit_tensor_release(&tensor);
}

/*  Refused at that place, and the output is untouched.  */
static void s_refused(const char *text, const char *place)
{
    tacit_tensor_t tensor = {.rank = 77};
    tacit_error_t error = {0};
    assert_int_equal(tacit_csv_parse(tacit_span_string(text), &tensor, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, place);
    assert_true(strlen(error.message) > 0);
    assert_int_equal(tensor.rank, 77);
    assert_int_equal(tacit_csv_parse(tacit_span_string(text), &tensor, NULL), TACIT_MALFORMED);
}

static void test_rows_and_columns(void **state)
{
    (void)state;
    tacit_tensor_t tensor = s_parse("1,2,3\n4,5,-6.5\n");
    assert_int_equal(tensor.dims[0], 2);
    assert_int_equal(tensor.dims[1], 3);
    assert_float_equal(s_element(&tensor, 0), 1, 0);
    assert_float_equal(s_element(&tensor, 5), -6.5, 0);
    tacit_tensor_release(&tensor);
    tacit_tensor_release(&tensor);
}

static void test_line_ends(void **state)
{
    (void)state;
    s_shape_is("1,2", 1, 2);
    s_shape_is("1,2\n", 1, 2);
    s_shape_is("1,2\r\n3,4\r\n", 2, 2);
    s_shape_is("1,2\r\n3,4", 2, 2);
    s_refused("1,2\r3,4\r", "line 1, column 2");
}

static void test_heading(void **state)
{
    (void)state;
    s_shape_is("a,b\n1,2\n", 1, 2);
    s_shape_is("\xef\xbb\xbfmean radius,b\r\n1,2\r\n", 1, 2);
    s_shape_is("\"a, in mm\",b\n1,2\n", 1, 2);
    s_shape_is("\xef\xbb\xbf"
               "1,2\n",
               1, 2);
    s_refused("a,b\n", "line 2, column 1");
    s_refused("a,b,c\n1,2\n", "line 2, column 1");
    s_refused("a,b\nc,d\n", "line 2, column 1");
    s_refused("a,2\n1,2\n", "line 1, column 1");
    s_refused("1,b\n1,2\n", "line 1, column 2");
}

static void test_spellings(void **state)
{
    (void)state;
    assert_float_equal(s_single("+1.5e2"), 150, 0);
    assert_float_equal(s_single(".5"), 0.5, 0);
    assert_float_equal(s_single("5."), 5, 0);
    assert_float_equal(s_single(" 7\t"), 7, 0);
    assert_float_equal(s_single("1E-3"), 1e-3F, 0);
    assert_float_equal(s_single("0.1"), 0.1F, 0);
    assert_float_equal(s_single("1e-60"), 0, 0);
    assert_true(isnan(s_single("nan")));
    assert_true(isnan(s_single("NaN")));
    assert_true(isinf(s_single("-Infinity")));
    assert_true(s_single("-inf") < 0);
    assert_true(s_single("3.4028234e38") > 3e38F);
}

static void test_rounds_once(void **state)
{
    (void)state;
    /* by way of double this would be a tie, and go to 1 */
    assert_true(s_single("1.00000005960464477539062500000000000000001") > 1.0F);
}

static void test_not_numbers(void **state)
{
    static const char *const wrong[] = {
        "x",   "1x",    "0x10",  "nan(1)", "1e",  "1e+",   ".",  "+",  "-",     "--1",
        "1 2", "1.2.3", "infin", "\"1\"",  "1;2", "1'000", "e5", "NA", "1_000",
    };
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "1,2\n3,%s\n", wrong[i]);
        s_refused(text, "line 2, column 2");
    }
    s_refused("1,1e39\n", "line 1, column 2");
    s_refused("1,-1e39\n", "line 1, column 2");
}

static void test_nul_is_no_number(void **state)
{
    static const char text[] = "1,2\n3,4\0\n";
    tacit_tensor_t tensor;
    (void)state;
    assert_int_equal(tacit_csv_parse(tacit_span(text, sizeof text - 1), &tensor, NULL),
                     TACIT_MALFORMED);
}

static void test_empty_fields_and_lines(void **state)
{
    (void)state;
    s_refused("", "line 1, column 1");
    s_refused("\xef\xbb\xbf", "line 1, column 1");
    s_refused("\n", "line 1, column 1");
    s_refused(",", "line 1, column 1");
    s_refused("1,,3\n", "line 1, column 2");
    s_refused("1,2,\n", "line 1, column 3");
    s_refused(",1\n", "line 1, column 1");
    s_refused("1, \n", "line 1, column 2");
    s_refused("1\n\n2\n", "line 2, column 1");
    s_refused("1\n2\n\n", "line 3, column 1");
}

static void test_ragged_lines(void **state)
{
    (void)state;
    s_refused("1,2\n3\n", "line 2, column 2");
    s_refused("1,2\n3,4,5\n", "line 2, column 3");
    s_refused("1,2\n3,4,\n", "line 2, column 3");
    s_refused("1\n2,\n", "line 2, column 2");
}

static void test_semicolons_get_a_hint(void **state)
{
    tacit_tensor_t tensor;
    tacit_error_t error;
    (void)state;
    assert_int_equal(tacit_csv_parse(tacit_span_string("a;b\n1;2\n"), &tensor, &error),
                     TACIT_MALFORMED);
    assert_non_null(strstr(error.remedy, "comma"));
}

static void test_errors_do_not_repeat_the_data(void **state)
{
    tacit_tensor_t tensor;
    tacit_error_t error;
    (void)state;
    assert_int_equal(tacit_csv_parse(tacit_span_string("1\ncanary\n"), &tensor, &error),
                     TACIT_MALFORMED);
    assert_null(strstr(error.message, "canary"));
    assert_null(strstr(error.got, "canary"));
}

static void test_locale_does_not_matter(void **state)
{
    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
    assert_float_equal(s_single("1.5"), 1.5, 0);
    (void)setlocale(LC_ALL, "C");
}

static void test_every_truncation(void **state)
{
    static const char text[] = "a,b\r\n1.5,-2e3\r\nnan,4\r\n";
    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        char *copy = malloc(size + 1); /* exact, so that reading past the end is seen */
        assert_non_null(copy);
        memcpy(copy, text, size);
        tacit_tensor_t tensor = {0};
        tacit_status_t status = tacit_csv_parse(tacit_span(copy, size), &tensor, NULL);
        assert_true(status == TACIT_OK || status == TACIT_MALFORMED);
        tacit_tensor_release(&tensor);
        free(copy);
    }
}

static char *s_repeat(const char *part, size_t count)
{
    size_t size = strlen(part);
    char *text = malloc(size * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * size, part, size);
    }
    text[size * count] = '\0';
    return text;
}

static void s_repeated(const char *part, size_t count, tacit_status_t expected)
{
    char *text = s_repeat(part, count);
    tacit_tensor_t tensor = {0};
    assert_int_equal(tacit_csv_parse(tacit_span_string(text), &tensor, NULL), expected);
    tacit_tensor_release(&tensor);
    free(text);
}

static void test_rows_limit(void **state)
{
    (void)state;
    s_repeated("1\n", TACIT_CSV_ROWS_MAX, TACIT_OK);
    s_repeated("1\n", TACIT_CSV_ROWS_MAX + 1, TACIT_TOO_LARGE);
}

static void test_columns_limit(void **state)
{
    tacit_tensor_t tensor = {0};
    char *text = s_repeat("1,", TACIT_CSV_COLUMNS_MAX + 1);
    (void)state;
    size_t size = 2 * (size_t)TACIT_CSV_COLUMNS_MAX;
    assert_int_equal(tacit_csv_parse(tacit_span(text, size - 1), &tensor, NULL), TACIT_OK);
    assert_int_equal(tensor.dims[1], TACIT_CSV_COLUMNS_MAX);
    tacit_tensor_release(&tensor);
    assert_int_equal(tacit_csv_parse(tacit_span(text, size + 1), &tensor, NULL), TACIT_TOO_LARGE);
    free(text);
}

static void test_elements_limit(void **state)
{
    char *line = s_repeat("1,", 4096);
    (void)state;
    line[2 * 4096 - 1] = '\n';
    s_repeated(line, 1025, TACIT_TOO_LARGE); /* 4096 * 1024 floats are 16 MiB */
    free(line);
}

static void test_field_limit(void **state)
{
    char text[TACIT_CSV_FIELD_MAX + 2];
    (void)state;
    memset(text, '0', sizeof text);
    text[TACIT_CSV_FIELD_MAX] = '\0';
    assert_float_equal(s_single(text), 0, 0);
    text[TACIT_CSV_FIELD_MAX] = '0';
    text[TACIT_CSV_FIELD_MAX + 1] = '\0';
    s_refused(text, "line 2, column 1"); /* no number, so that it is a heading */
}

static void test_bytes_limit(void **state)
{
    size_t size = (size_t)TACIT_CSV_BYTES_MAX + 1;
    char *text = malloc(size);
    tacit_tensor_t tensor = {0};
    (void)state;
    assert_non_null(text);
    memset(text, ' ', size);
    text[size - 1] = '1';
    assert_int_equal(tacit_csv_parse(tacit_span(text + 1, size - 1), &tensor, NULL), TACIT_OK);
    tacit_tensor_release(&tensor);
    assert_int_equal(tacit_csv_parse(tacit_span(text, size), &tensor, NULL), TACIT_TOO_LARGE);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_columns),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_heading),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_rounds_once),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_nul_is_no_number),
        cmocka_unit_test(test_empty_fields_and_lines),
        cmocka_unit_test(test_ragged_lines),
        cmocka_unit_test(test_semicolons_get_a_hint),
        cmocka_unit_test(test_errors_do_not_repeat_the_data),
        cmocka_unit_test(test_locale_does_not_matter),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_rows_limit),
        cmocka_unit_test(test_columns_limit),
        cmocka_unit_test(test_elements_limit),
        cmocka_unit_test(test_field_limit),
        cmocka_unit_test(test_bytes_limit),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
