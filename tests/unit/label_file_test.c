/*  label_file_test.c - classes of rows from tables, by name or number; errors name the line, never
    what stands there.  */

#include "clients/mlowner/label_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/*  What comes of a table with that text.  */
static tacit_status_t s_read(const char *text, const char *names, size_t rows, int64_t **ret_labels,
                             tacit_error_t *ret_error)
{
    char path[] = "/tmp/labels-XXXXXX.csv";
    int file = mkstemps(path, 4);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    (void)close(file);
    tacit_status_t status = tacit_label_file_read(path, names, rows, ret_labels, ret_error);
    (void)unlink(path);
    return status;
}

static void s_expect(const char *text, const char *names, size_t rows, const int64_t *labels)
{
    int64_t *got = NULL;
    tacit_error_t error = {0};
    if (s_read(text, names, rows, &got, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(got[i], labels[i]);
    }
    free(got);
}

static void test_names_and_numbers(void **state)
{
    (void)state;
    static const int64_t labels[] = {1, 0, 2, 1};
    s_expect("label\nb\na\nc\nb\n", "a,b,c", 4, labels);
    s_expect("b\na\nc\nb", "a,b,c", 4, labels);
    s_expect("file,label\r\nx.png,1\r\ny.png,0\r\nz.png,2\r\n,1\r\n", "", 4, labels);
    s_expect("x,\"b\"\ny,\"a\"\nz,c\n\"q\",b\n", "a,b,c", 4, labels);
    s_expect("7\n3\n5\n7\n", "3,7,5", 4, labels); /* names, though they look like numbers */
}

static void test_negative_numbers_are_classes(void **state)
{
    (void)state;
    static const int64_t labels[] = {-1, 1};
    s_expect("-1\n1\n", "", 2, labels);
}

static void test_refusals_name_the_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\nsecret\n", "1\n2 \n", "1\n\n",
                                        "1\n99999999999999999999\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t *labels = NULL;
        tacit_error_t error = {0};
        assert_int_equal(s_read(texts[i], "a,b", 2, &labels, &error), TACIT_BAD_INPUT);
        assert_null(labels);
        assert_non_null(strstr(error.message, "line 2"));
        assert_null(strstr(error.message, "secret"));
    }
}

static void test_one_class_for_each_row(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\n", "a\nb\na\n", "", "label\na\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t *labels = NULL;
        tacit_error_t error = {0};
        assert_int_equal(s_read(texts[i], "a,b", 2, &labels, &error), TACIT_BAD_INPUT);
        assert_null(labels);
        assert_non_null(strstr(error.message, "not one class for each row"));
        assert_null(strstr(error.message, "int64")); /* which is of arrays */
    }
}

static void test_a_field_without_end_is_none(void **state)
{
    (void)state;
    char text[400];
    int64_t *labels = NULL;
    tacit_error_t error = {0};
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[1] = '\n';
    assert_int_equal(s_read(text, "", 2, &labels, &error), TACIT_BAD_INPUT);
    assert_int_equal(tacit_label_file_read("/nowhere/x.csv", "", 2, &labels, &error),
                     TACIT_NOT_FOUND);
    assert_null(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_numbers),
        cmocka_unit_test(test_negative_numbers_are_classes),
        cmocka_unit_test(test_refusals_name_the_line),
        cmocka_unit_test(test_one_class_for_each_row),
        cmocka_unit_test(test_a_field_without_end_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
