/*  model_reference_test.c - which model is meant, and how long a grant lasts, as users type it.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "clients/lib/hex.h"
#include "clients/lib/model_reference.h"
#include "clients/lib/time_text.h"

static const char s_whole[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static tacit_status_t s_parse(const char *text, tacit_model_reference_t *ret_reference)
{
    return tacit_model_reference_parse(text, NULL, ret_reference, NULL);
}

static void test_whole_owners_are_resolved(void **state)
{
    char text[256];
    tacit_model_reference_t reference;
    (void)state;
    snprintf(text, sizeof text, "%s/triage@7", s_whole);
    assert_int_equal(s_parse(text, &reference), TACIT_OK);
    assert_true(reference.resolved);
    assert_int_equal(reference.owner[0], 0x01);
    assert_int_equal(reference.owner[31], 0xef);
    assert_string_equal(reference.name, "triage");
    assert_int_equal(reference.version, 7);
}

static void test_short_owners_have_to_be_found(void **state)
{
    tacit_model_reference_t reference;
    (void)state;
    assert_int_equal(s_parse("01234ABC/m", &reference), TACIT_OK);
    assert_false(reference.resolved);
    assert_string_equal(reference.owner_digits, "01234abc");
    assert_int_equal(reference.version, 0);
}

static void test_own_models_need_no_owner(void **state)
{
    static const uint8_t own[32] = {5};
    tacit_model_reference_t reference;
    (void)state;
    assert_int_equal(tacit_model_reference_parse("m@2", own, &reference, NULL), TACIT_OK);
    assert_true(reference.resolved);
    assert_memory_equal(reference.owner, own, 32);
    assert_int_equal(reference.version, 2);
    assert_int_equal(tacit_model_reference_parse("01234567/m", own, &reference, NULL),
                     TACIT_BAD_INPUT);
}

static void test_what_names_no_model_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "m",
        "/m",
        "0123456/m",
        "0123456g/m",
        "01234567/",
        "01234567/@",
        "01234567/M",
        "01234567/-m",
        "01234567/m n",
        "01234567/m@",
        "01234567/m@0",
        "01234567/m@01",
        "01234567/m@-1",
        "01234567/m@+1",
        "01234567/m@1x",
        "01234567/m@4294967296",
        "01234567/m@1@2",
        "01234567/a/b",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0/m",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tacit_model_reference_t reference = {.version = 77};
        tacit_error_t error = {.code = TACIT_OK};
        assert_int_equal(tacit_model_reference_parse(texts[i], NULL, &reference, &error),
                         TACIT_BAD_INPUT);
        assert_int_equal(reference.version, 77);
        assert_true(strlen(error.expected) > 0);
    }
}

static void test_limits_of_names_and_versions(void **state)
{
    char text[256];
    tacit_model_reference_t reference;
    (void)state;
    snprintf(text, sizeof text, "01234567/%.64s", s_whole);
    assert_int_equal(s_parse(text, &reference), TACIT_OK);
    snprintf(text, sizeof text, "01234567/%.64sa", s_whole);
    assert_int_equal(s_parse(text, &reference), TACIT_BAD_INPUT);
    assert_int_equal(s_parse("01234567/m@4294967295", &reference), TACIT_OK);
    assert_int_equal(reference.version, UINT32_MAX);
}

static void test_an_abbreviation_must_fit_one_owner(void **state)
{
    static const uint8_t first[32] = {0x01, 0x23, 0x45, 0x67, 1};
    static const uint8_t second[32] = {0x01, 0x23, 0x45, 0x67, 2};
    static const uint8_t other[32] = {0x99};
    tacit_model_reference_t reference;
    tacit_error_t error = {.code = TACIT_OK};
    (void)state;
    assert_int_equal(s_parse("01234567/m", &reference), TACIT_OK);
    assert_int_equal(tacit_model_reference_consider(&reference, other, "m", NULL), TACIT_OK);
    assert_int_equal(tacit_model_reference_consider(&reference, second, "n", NULL), TACIT_OK);
    assert_false(reference.resolved);
    assert_int_equal(tacit_model_reference_consider(&reference, first, "m", NULL), TACIT_OK);
    assert_int_equal(tacit_model_reference_consider(&reference, first, "m", NULL), TACIT_OK);
    assert_true(reference.resolved);
    assert_memory_equal(reference.owner, first, 32);
    assert_int_equal(tacit_model_reference_consider(&reference, second, "m", &error),
                     TACIT_BAD_INPUT);
    assert_non_null(strstr(error.remedy, "64 digits"));
}

static void test_hex_is_exact(void **state)
{
    uint8_t bytes[2] = {0};
    (void)state;
    assert_true(tacit_hex_read("0aFf", bytes, 2));
    assert_memory_equal(bytes, ((uint8_t[]){0x0a, 0xff}), 2);
    assert_false(tacit_hex_read("0aF", bytes, 2));
    assert_false(tacit_hex_read("0aFf0", bytes, 2));
    assert_false(tacit_hex_read("0a f", bytes, 2));
    assert_false(tacit_hex_read("0x0a", bytes, 2));
    assert_false(tacit_hex_read("", bytes, 2));
}

/*  --- times ----------------------------------------------------------------------------------- */

static const uint64_t s_now = UINT64_C(1767225600000); /* 2026-01-01T00:00:00Z */

static void test_times_that_are_understood(void **state)
{
    static const struct {
        const char *text;
        uint64_t after_ms;
    } rows[] = {
        {"1s", 1000},
        {"90s", 90000},
        {"30m", 1800000},
        {"12h", 43200000},
        {"7d", 604800000},
        {"9999999s", 9999999000},
        {"2026-01-02", 86400000},
        {"2026-01-01T00:01Z", 60000},
        {"2026-01-01T00:00:01Z", 1000},
        {"2028-02-29", UINT64_C(68169600000)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t time_ms = 0;
        assert_int_equal(tacit_time_parse(rows[i].text, s_now, &time_ms), TACIT_OK);
        assert_int_equal(time_ms - s_now, rows[i].after_ms);
    }
}

static void test_times_that_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "7",
        "d",
        "7w",
        "0s",
        "-7d",
        "7 d",
        "7d ",
        "10000000s",
        "2026-01-01",
        "2025-12-31",
        "2026-13-01",
        "2026-06-31",
        "2027-02-29",
        "2026-1-02",
        "2026-01-02T",
        "2026-01-02T00:00",
        "2026-01-02T24:00Z",
        "2026-01-02T00:60Z",
        "2026-01-02 00:00Z",
        "02.01.2026",
        "9999d9",
        "+026-01-02",
        "2026-01-02T00:00:00+01:00",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t time_ms = 5;
        assert_int_equal(tacit_time_parse(texts[i], s_now, &time_ms), TACIT_BAD_INPUT);
        assert_int_equal(time_ms, 5);
    }
}

static void test_times_are_written_in_utc(void **state)
{
    char text[TACIT_TIME_TEXT_SIZE];
    (void)state;
    tacit_time_format(s_now, text);
    assert_string_equal(text, "2026-01-01T00:00:00Z");
    tacit_time_format(UINT64_MAX, text);
    assert_string_equal(text, "beyond 9999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_owners_are_resolved),
        cmocka_unit_test(test_short_owners_have_to_be_found),
        cmocka_unit_test(test_own_models_need_no_owner),
        cmocka_unit_test(test_what_names_no_model_is_refused),
        cmocka_unit_test(test_limits_of_names_and_versions),
        cmocka_unit_test(test_an_abbreviation_must_fit_one_owner),
        cmocka_unit_test(test_hex_is_exact),
        cmocka_unit_test(test_times_that_are_understood),
        cmocka_unit_test(test_times_that_are_none),
        cmocka_unit_test(test_times_are_written_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
