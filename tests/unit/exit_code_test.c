/*  exit_code_test.c - each exit code has one meaning, and errors say all they know.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/print_error.h"
#include "idl/inference.h"
#include "idl/keys.h"

static void test_codes_are_unique_and_ordered(void **state)
{
    size_t count = 0;
    const tacit_exit_row_t *rows = tacit_exit_rows(&count);
    (void)state;
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || rows[i].code > rows[i - 1].code);
        assert_true(rows[i].code <= 130);
        assert_string_equal(tacit_exit_name(rows[i].code), rows[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[i].name, rows[j].name);
        }
    }
    assert_string_equal(tacit_exit_name((tacit_exit_t)99), "other");
}

static void test_the_documented_codes(void **state)
{
    static const struct {
        tacit_status_t status;
        int code;
    } rows[] = {
        {TACIT_OK, 0},
        {TACIT_INTERNAL, 1},
        {TACIT_CLIENT_USAGE, 2},
        {TACIT_BAD_INPUT, 3},
        {TACIT_INFERENCE_INPUT_REFUSED, 3},
        {TACIT_UNREACHABLE, 4},
        {TACIT_WRONG_SERVER_KEY, 5},
        {TACIT_REFUSED_BY_ZAP, 6},
        {TACIT_EVIDENCE_MALFORMED, 7},
        {TACIT_MEASUREMENT_REFUSED, 7},
        {TACIT_PLATFORM_REFUSED, 7},
        {TACIT_KEYS_NOT_GRANTED, 8},
        {TACIT_KEYS_GRANT_REVOKED, 9},
        {TACIT_NOT_FOUND, 10},
        {TACIT_DEADLINE_EXCEEDED, 11},
        {TACIT_INFERENCE_NO_WORKER, 12},
        {TACIT_STORAGE_FULL, 13},
        {TACIT_CORRUPT, 14},
        {TACIT_ROLLBACK_DETECTED, 14},
        {TACIT_INFERENCE_MODEL_REFUSED, 15},
        {TACIT_KEYS_NOT_ENROLLED, 16},
        {TACIT_KEYS_GRANT_EXPIRED, 17},
        {TACIT_KEYS_GRANT_USED_UP, 17},
        {TACIT_INTERRUPTED, 130},
        {TACIT_USER_REVOKED, 9},
        {(tacit_status_t)324, 1},
        {(tacit_status_t)31337, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tacit_exit_code(rows[i].status), rows[i].code);
    }
}

static tacit_error_t s_refusal(void)
{
    tacit_error_t error;
    (void)tacit_error_claim(&error, TACIT_MEASUREMENT_REFUSED, "mrenclave", "aa", "b\033b");
    tacit_error_policy(&error, "policy 3, line 12");
    tacit_error_remedy(&error, "ask the operator");
    return error;
}

static char *s_print(const tacit_error_t *error, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    if (json) {
        tacit_print_error_json(stream, error);
    } else {
        tacit_print_error(stream, "tacit-test", error);
    }
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void test_for_people(void **state)
{
    tacit_error_t error = s_refusal();
    char *text = s_print(&error, false);
    (void)state;
    assert_string_equal(text, "tacit-test: the policy does not list this code\n"
                              "  what      mrenclave\n"
                              "  expected  aa\n"
                              "  got       b?b\n"
                              "  policy    policy 3, line 12\n"
                              "  to do     ask the operator\n");
    free(text);
}

static void test_for_programs(void **state)
{
    tacit_error_t error = s_refusal();
    char *text = s_print(&error, true);
    json_t *root = json_loads(text, 0, NULL);
    json_t *body = json_object_get(root, "error");
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(body, "code")), 311);
    assert_int_equal(json_integer_value(json_object_get(body, "exit")), 7);
    assert_string_equal(json_string_value(json_object_get(body, "name")), "measurement_refused");
    assert_string_equal(json_string_value(json_object_get(body, "exit_name")), "evidence_refused");
    assert_string_equal(json_string_value(json_object_get(body, "got")), "b?b");
    assert_string_equal(json_string_value(json_object_get(body, "remedy")), "ask the operator");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_decref(root);
    free(text);
}

static void test_bytes_that_are_no_text(void **state)
{
    tacit_error_t error;
    (void)state;
    (void)tacit_error_set(&error, TACIT_CORRUPT, "\xff\xfe");
    char *text = s_print(&error, true);
    assert_non_null(strstr(text, "\"message\":\"??\""));
    free(text);
}

static void test_an_error_without_a_message(void **state)
{
    const tacit_error_t error = {.code = TACIT_UNREACHABLE};
    char *text = s_print(&error, false);
    (void)state;
    assert_string_equal(text, "tacit-test: nothing answers at that endpoint\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_unique_and_ordered),
        cmocka_unit_test(test_the_documented_codes),
        cmocka_unit_test(test_for_people),
        cmocka_unit_test(test_for_programs),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_an_error_without_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
