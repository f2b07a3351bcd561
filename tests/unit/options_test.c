/*  options_test.c - command lines: what is understood, what is refused, and what help says.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/help.h"
#include "clients/lib/options.h"
#include "clients/lib/suggest.h"
#include "enclave/whole_file.h"

enum { S_WORDS_MAX = 300 };

static size_t s_runs;

static tacit_status_t s_run(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    static const tacit_method_t method = {.name = "test.method"};
    s_runs++;
    tacit_meter_t meter = tacit_client_metrics_begin(invocation->metrics, &method, 1);
    tacit_client_metrics_end(&meter, TACIT_OK, 1);
    if (tacit_invocation_count(invocation, "fail") > 0) {
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, NULL);
    }
    if (tacit_invocation_count(invocation, "odd") > 0) {
        return tacit_usage_error(invocation, ret_error, "odd: %d", 1);
    }
    return TACIT_OK;
}

static const tacit_option_t s_options[] = {
    {"input", 'i', "FILE", "what to send"},
    {"fail", 0, NULL, "fail"},
    {"odd", 0, NULL, "find fault with the arguments"},
};

static const tacit_command_t s_commands[] = {
    {.name = "infer",
     .summary = "ask a model",
     .operands = "MODEL [FILE]",
     .operands_min = 1,
     .operands_max = 2,
     .options = s_options,
     .option_count = 3,
     .notes = "Notes on it.",
     .run = s_run},
    {.name = "init", .summary = "make keys", .operands = "", .run = s_run},
};

static const tacit_program_t s_program = {.name = "tacit-test",
                                          .summary = "a program to test with",
                                          .identity = "tester",
                                          .commands = s_commands,
                                          .command_count = 2};

/*  Cuts a line into words at spaces; they live until the next call.  */
static int s_words(const char *line, char **ret_words)
{
    static char copy[4096];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        ret_words[count++] = word;
    }
    ret_words[count] = NULL;
    return count;
}

static tacit_status_t s_parse(const char *line, tacit_invocation_t *ret_invocation,
                              tacit_error_t *ret_error)
{
    static char *words[S_WORDS_MAX + 1];
    int count = s_words(line, words);
    return tacit_invocation_parse(&s_program, count, words, ret_invocation, ret_error);
}

static tacit_invocation_t s_taken(const char *line)
{
    tacit_invocation_t invocation;
    tacit_error_t error = {0};
    if (s_parse(line, &invocation, &error) != TACIT_OK) {
        fail_msg("%s: %s", line, error.message);
    }
    return invocation;
}

static void s_refused(const char *line, const char *message, const char *remedy)
{
    tacit_invocation_t invocation;
    tacit_error_t error = {0};
    assert_int_equal(s_parse(line, &invocation, &error), TACIT_CLIENT_USAGE);
    assert_string_equal(error.message, message);
    assert_string_equal(error.remedy, remedy);
    assert_string_equal(error.name, "usage");
}

static void test_command_with_options_and_operands(void **state)
{
    (void)state;
    tacit_invocation_t invocation = s_taken("tacit-test infer --input a.csv m -i b.csv x.png");
    assert_string_equal(invocation.command->name, "infer");
    assert_int_equal(invocation.operand_count, 2);
    assert_string_equal(invocation.operands[0], "m");
    assert_string_equal(invocation.operands[1], "x.png");
    assert_int_equal(tacit_invocation_count(&invocation, "input"), 2);
    assert_string_equal(tacit_invocation_nth(&invocation, "input", 0), "a.csv");
    assert_string_equal(tacit_invocation_value(&invocation, "input"), "b.csv");
    assert_null(tacit_invocation_nth(&invocation, "input", 2));
    assert_null(tacit_invocation_value(&invocation, "fail"));
    assert_false(invocation.json);
    assert_int_equal(invocation.timeout_ms, 0);
}

static void test_global_options_before_and_after(void **state)
{
    (void)state;
    tacit_invocation_t invocation =
        s_taken("tacit-test --state /s --json infer --timeout 7 m --identity /i");
    assert_string_equal(invocation.state, "/s");
    assert_string_equal(invocation.identity, "/i");
    assert_true(invocation.json);
    assert_int_equal(invocation.timeout_ms, 7000);
}

static void test_operands_after_two_dashes(void **state)
{
    (void)state;
    tacit_invocation_t invocation = s_taken("tacit-test infer -- --json");
    assert_false(invocation.json);
    assert_string_equal(invocation.operands[0], "--json");
}

static void test_where_the_state_is(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("TACIT_STATE"), 0);
    assert_int_equal(setenv("HOME", "/home/ada", 1), 0);
    tacit_invocation_t invocation = s_taken("tacit-test init");
    assert_string_equal(invocation.state, "/home/ada/.local/state/tacit");
    assert_string_equal(invocation.identity, "/home/ada/.local/state/tacit/tester");
    assert_int_equal(setenv("TACIT_STATE", "/mesh", 1), 0);
    invocation = s_taken("tacit-test init");
    assert_string_equal(invocation.state, "/mesh");
    assert_string_equal(invocation.identity, "/mesh/tester");
    invocation = s_taken("tacit-test init --state /given");
    assert_string_equal(invocation.state, "/given");
    assert_int_equal(unsetenv("TACIT_STATE"), 0);
}

static void test_wrong_commands(void **state)
{
    (void)state;
    s_refused("tacit-test", "which command?", "see 'tacit-test --help'");
    s_refused("tacit-test --json", "which command?", "see 'tacit-test --help'");
    s_refused("tacit-test infre", "unknown command: infre", "did you mean 'tacit-test infer'?");
    s_refused("tacit-test int", "unknown command: int", "did you mean 'tacit-test init'?");
    s_refused("tacit-test destroy", "unknown command: destroy", "see 'tacit-test --help'");
    s_refused("tacit-test infer2345678901234567890123456789012345678901234567890",
              "unknown command: infer2345678901234567890123456789012345678901234567890",
              "see 'tacit-test --help'");
}

static void test_wrong_options(void **state)
{
    const char *see = "see 'tacit-test infer --help'";
    (void)state;
    s_refused("tacit-test infer m --nothing",
              "unknown option, or one that takes no argument: --nothing", see);
    s_refused("tacit-test infer m --json=1",
              "unknown option, or one that takes no argument: --json=1", see);
    s_refused("tacit-test infer m -x", "unknown option, or one that takes no argument: -x", see);
    s_refused("tacit-test infer m --input", "this option needs an argument: --input", see);
    s_refused("tacit-test infer m -i", "this option needs an argument: -i", see);
    s_refused("tacit-test infer m --input=", "an option's argument is empty: --input", see);
    s_refused("tacit-test --nothing infer m",
              "unknown option, or one that takes no argument: --nothing",
              "see 'tacit-test --help'");
}

static void test_wrong_operands(void **state)
{
    (void)state;
    s_refused("tacit-test infer", "operands are missing: MODEL [FILE]",
              "see 'tacit-test infer --help'");
    s_refused("tacit-test infer m f g", "one operand too many: g", "see 'tacit-test infer --help'");
    s_refused("tacit-test init x", "one operand too many: x", "see 'tacit-test init --help'");
}

static void test_timeouts(void **state)
{
    static const char *const wrong[] = {
        "0", "86401", "-1", "1s", "x", "1.5", "99999999999999999999"};
    char line[128];
    (void)state;
    assert_int_equal(s_taken("tacit-test init --timeout 86400").timeout_ms, 86400000);
    assert_int_equal(s_taken("tacit-test init --timeout 1").timeout_ms, 1000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(line, sizeof line, "tacit-test init --timeout %s", wrong[i]);
        s_refused(line, "--timeout takes 1 to 86400 seconds", "see 'tacit-test init --help'");
    }
}

static void test_number_of_options_limit(void **state)
{
    char line[4096];
    int size = snprintf(line, sizeof line, "tacit-test init");
    (void)state;
    for (size_t i = 0; i < TACIT_OPTION_VALUES_MAX; i++) {
        size += snprintf(line + size, sizeof line - (size_t)size, " --json");
    }
    (void)s_taken(line);
    (void)snprintf(line + size, sizeof line - (size_t)size, " --json");
    s_refused(line, "too many options", "see 'tacit-test init --help'");
}

static void test_long_paths(void **state)
{
    char path[PATH_MAX];
    char *words[] = {(char[]){"tacit-test"}, (char[]){"init"}, (char[]){"--state"}, path, NULL};
    tacit_invocation_t invocation;
    (void)state;
    memset(path, 'p', sizeof path);
    path[PATH_MAX - 1 - strlen("/tester")] = '\0';
    assert_int_equal(tacit_invocation_parse(&s_program, 4, words, &invocation, NULL), TACIT_OK);
    memset(path, 'p', sizeof path);
    path[PATH_MAX - strlen("/tester")] = '\0';
    assert_int_equal(tacit_invocation_parse(&s_program, 4, words, &invocation, NULL),
                     TACIT_CLIENT_USAGE);
}

static int s_program_run(const char *line)
{
    static char *words[S_WORDS_MAX + 1];
    int count = s_words(line, words);
    return tacit_program_run(&s_program, count, words);
}

static void test_exit_codes(void **state)
{
    (void)state;
    s_runs = 0;
    assert_int_equal(s_program_run("tacit-test init"), 0);
    assert_int_equal(s_program_run("tacit-test infer m --fail"), 4);
    assert_int_equal(s_program_run("tacit-test infer m --fail --json"), 4);
    assert_int_equal(s_program_run("tacit-test infer m --odd"), 2);
    assert_int_equal(s_runs, 4);
    assert_int_equal(s_program_run("tacit-test infer"), 2);
    assert_int_equal(s_program_run("tacit-test"), 2);
    assert_int_equal(s_program_run("tacit-test --help"), 0);
    assert_int_equal(s_program_run("tacit-test infer --help"), 0);
    assert_int_equal(s_program_run("tacit-test --version"), 0);
    assert_int_equal(s_program_run("tacit-test init --version"), 0);
    assert_int_equal(s_runs, 4);
}

static void test_usual_remedies_stand_where_there_is_none(void **state)
{
    (void)state;
    tacit_error_t error;
    tacit_error_set(&error, TACIT_UNREACHABLE, NULL);
    tacit_suggest(&error);
    assert_non_null(strstr(error.remedy, "tacit-operator status"));
    tacit_error_set(&error, TACIT_UNREACHABLE, NULL);
    tacit_error_remedy(&error, "own");
    tacit_suggest(&error);
    assert_string_equal(error.remedy, "own");
    tacit_error_set(&error, TACIT_BAD_INPUT, NULL);
    tacit_suggest(&error);
    assert_string_equal(error.remedy, "");
}

static bool s_tells_of_a_call(const char *path)
{
    static const char line[] = "\ntacit_client_calls_total{method=\"test.method\"} 1\n";
    uint8_t *text = NULL;
    size_t size = 0;
    assert_int_equal(tacit_whole_file_read(path, TACIT_METRICS_TEXT_MAX, &text, &size), TACIT_OK);
    bool told =
        strstr((const char *)text, line) && strcmp((const char *)text + size - 6, "# EOF\n") == 0;
    free(text);
    assert_int_equal(unlink(path), 0);
    return told;
}

static void test_metrics_are_written_however_it_ends(void **state)
{
    char folder[] = "/tmp/tacit-test.XXXXXX";
    char line[256];
    char path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/metrics", folder);
    snprintf(line, sizeof line, "tacit-test init --metrics %s", path);
    assert_int_equal(s_program_run(line), 0);
    assert_true(s_tells_of_a_call(path));
    snprintf(line, sizeof line, "tacit-test --metrics %s infer m --fail", path);
    assert_int_equal(s_program_run(line), 4);
    assert_true(s_tells_of_a_call(path));
    snprintf(line, sizeof line, "tacit-test init --metrics %s/none/metrics", folder);
    assert_int_equal(s_program_run(line), 21);
    snprintf(line, sizeof line, "tacit-test infer m --fail --metrics %s/none/metrics", folder);
    assert_int_equal(s_program_run(line), 4);
    assert_int_equal(s_program_run("tacit-test --metrics x --help"), 0);
    assert_int_equal(access("x", F_OK), -1);
    assert_int_equal(rmdir(folder), 0);
}

static void test_help_follows_the_table(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    (void)state;
    assert_non_null(stream);
    tacit_help_program(stream, &s_program);
    tacit_help_command(stream, &s_program, &s_commands[0]);
    assert_int_equal(fclose(stream), 0);
    assert_non_null(strstr(text, "  infer       ask a model\n"));
    assert_non_null(strstr(text, "Usage: tacit-test infer [OPTIONS] MODEL [FILE]\n"));
    assert_non_null(strstr(text, "  -i, --input FILE          what to send\n"));
    assert_non_null(strstr(text, "--timeout SECONDS"));
    assert_non_null(strstr(text, "Notes on it."));
    assert_non_null(strstr(text, "  9  revoked"));
    assert_non_null(strstr(text, "limit; try\n                          again\n"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 80);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_with_options_and_operands),
        cmocka_unit_test(test_global_options_before_and_after),
        cmocka_unit_test(test_operands_after_two_dashes),
        cmocka_unit_test(test_where_the_state_is),
        cmocka_unit_test(test_wrong_commands),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_wrong_operands),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_number_of_options_limit),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_usual_remedies_stand_where_there_is_none),
        cmocka_unit_test(test_metrics_are_written_however_it_ends),
        cmocka_unit_test(test_help_follows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
