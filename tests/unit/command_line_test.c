/*  command_line_test.c - options of daemons and build tools: what is taken, what is refused.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/command_line.h"
#include "enclave/wrap.h"

enum { S_WORDS_MAX = 16, S_TEXT_SIZE = 8 };

typedef struct {
    bool loud;
    const char *file;
    char text[S_TEXT_SIZE];
    unsigned long number;
} s_values_t;

static bool s_take_number(void *self, const char *value)
{
    return tacit_command_line_number(value, 65535, &((s_values_t *)self)->number);
}

static const tacit_line_option_t s_options[] = {
    {.name = "loud",
     .help = "a flag",
     .kind = TACIT_OPTION_FLAG,
     .offset = offsetof(s_values_t, loud)},
    {.name = "file",
     .argument = "FILE",
     .help = "a word",
     .kind = TACIT_OPTION_WORD,
     .required = true,
     .offset = offsetof(s_values_t, file)},
    {.name = "text",
     .argument = "TEXT",
     .help = "a text",
     .kind = TACIT_OPTION_TEXT,
     .offset = offsetof(s_values_t, text),
     .size = S_TEXT_SIZE},
    {.name = "number",
     .argument = "N",
     .help = "a number",
     .kind = TACIT_OPTION_TAKE,
     .take = s_take_number},
};

static tacit_command_line_t s_line = {
    .name = "tacit-test",
    .summary = "a program for a test",
    .usage = "--file FILE",
    .options = s_options,
    .option_count = sizeof s_options / sizeof *s_options,
};

/*  Words apart by single spaces.  */
static int s_parse(const char *text, s_values_t *ret_values, const char **ret_operand)
{
    static char words[256];
    char *argv[S_WORDS_MAX] = {"tacit-test"};
    int argc = 1;
    char *rest = NULL;
    snprintf(words, sizeof words, "%s", text);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    memset(ret_values, 0, sizeof *ret_values);
    return tacit_command_line_parse(&s_line, argc, argv, ret_values, ret_operand);
}

static void test_every_kind_of_option_is_taken(void **state)
{
    s_values_t values;
    (void)state;
    assert_int_equal(s_parse("--loud --file=a --text 1234567 --number 65535", &values, NULL), -1);
    assert_true(values.loud);
    assert_string_equal(values.file, "a");
    assert_string_equal(values.text, "1234567");
    assert_int_equal(values.number, 65535);
}

static void test_what_is_not_given_stays(void **state)
{
    s_values_t values;
    (void)state;
    assert_int_equal(s_parse("--file a", &values, NULL), -1);
    assert_false(values.loud);
    assert_string_equal(values.text, "");
}

static void test_a_bad_command_line_is_refused(void **state)
{
    static const char *const bad[] = {
        "",                         /* a required option is missing */
        "--file=",                  /* or empty */
        "--file",                   /* its value is missing */
        "--file a --other",         /* unknown */
        "--file a --loud=yes",      /* a flag has no value */
        "--file a --text 12345678", /* one longer than fits */
        "--file a --number 65536",  /* one more than allowed */
        "--file a --number -1",     /* no sign */
        "--file a --number 1x",     /* nothing after it */
        "--file a --number=",       /* nothing at all */
        "--file a --number 99999999999999999999",
        "--file a operand", /* no operand in the table */
    };
    s_values_t values;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(s_parse(bad[i], &values, NULL), TACIT_COMMAND_LINE_USAGE);
    }
}

static void test_one_operand_where_the_table_has_one(void **state)
{
    s_values_t values;
    const char *operand = NULL;
    (void)state;
    s_line.operand = "PROGRAM";
    assert_int_equal(s_parse("--file a", &values, &operand), TACIT_COMMAND_LINE_USAGE);
    assert_int_equal(s_parse("x --file a y", &values, &operand), TACIT_COMMAND_LINE_USAGE);
    assert_int_equal(s_parse("x --file a", &values, &operand), -1);
    assert_string_equal(operand, "x");
    s_line.operand = NULL;
}

static void test_help_and_version_end_well(void **state)
{
    s_values_t values;
    (void)state;
    assert_int_equal(s_parse("--help", &values, NULL), 0);
    assert_int_equal(s_parse("--loud --version", &values, NULL), 0);
}

static void s_wraps_as(const char *text, int column, const char *expected)
{
    char *wrapped = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&wrapped, &size);
    assert_non_null(stream);
    tacit_wrap(stream, text, column);
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(wrapped, expected);
    free(wrapped);
}

static void test_help_is_wrapped_between_words(void **state)
{
    (void)state;
    s_wraps_as("", 0, "\n");
    s_wraps_as("one two", 73, "one two\n"); /* 80 columns */
    s_wraps_as("one two", 74,
               "one\n"
               "                                                                    "
               "      two\n");
    s_wraps_as("one\ntwo\n\nthree", 2, "one\n  two\n\n  three\n");
    s_wraps_as(
        "longer-than-the-line x", 79,
        "longer-than-the-line\n"
        "                                                                               x\n");
    s_wraps_as(
        "a b", TACIT_WRAP_WIDTH,
        "a\n"
        "                                                                                b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_option_is_taken),
        cmocka_unit_test(test_what_is_not_given_stays),
        cmocka_unit_test(test_a_bad_command_line_is_refused),
        cmocka_unit_test(test_one_operand_where_the_table_has_one),
        cmocka_unit_test(test_help_and_version_end_well),
        cmocka_unit_test(test_help_is_wrapped_between_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
