/*  log_test.c - every line of the log is one whole JSON object, whatever was logged.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rpc/log.h"
#include "rpc/trace.h"

enum { S_OUTPUT_MAX = 256 * 1024, S_THREADS = 4, S_LINES = 50 };

static char s_output[S_OUTPUT_MAX];

/*  Run with standard error in a file, and return what was written.  */
static const char *s_capture(void (*run)(void *), void *argument)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    int saved = dup(STDERR_FILENO);
    /*  Appending, as a log file is opened: then writes of many threads never overlap.  */
    assert_true(file >= 0 && fcntl(file, F_SETFL, O_APPEND) == 0);
    assert_true(saved >= 0 && dup2(file, STDERR_FILENO) >= 0);
    run(argument);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    ssize_t size = pread(file, s_output, sizeof s_output - 1, 0);
    assert_true(size >= 0);
    s_output[size] = '\0';
    close(saved);
    close(file);
    return s_output;
}

static json_t *s_parse_line(const char *line)
{
    json_error_t reason;
    const char *end = strchr(line, '\n');
    assert_non_null(end);
    assert_true(end - line < TACIT_LOG_LINE_MAX);
    json_t *object = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, &reason);
    assert_true(json_is_object(object));
    return object;
}

static void s_assert_member(json_t *object, const char *name, const char *expected)
{
    const char *found = json_string_value(json_object_get(object, name));
    assert_non_null(found);
    assert_string_equal(found, expected);
}

static void s_log_text(void *text)
{
    tacit_log(TACIT_LOG_WARNING, "some_event", "%s", (const char *)text);
}

static void s_log_every_level(void *unused)
{
    (void)unused;
    tacit_log(TACIT_LOG_DEBUG, "e", "d");
    tacit_log(TACIT_LOG_INFO, "e", "i");
    tacit_log(TACIT_LOG_WARNING, "e", "w");
    tacit_log(TACIT_LOG_ERROR, "e", "e");
}

static size_t s_count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

/*  Runs first, before tacit_log_open.  */
static void nothing_is_logged_before_opening(void **state)
{
    (void)state;
    assert_string_equal(s_capture(s_log_every_level, NULL), "");
}

static void a_line_has_its_members(void **state)
{
    (void)state;
    tacit_log_open("tacit-test", TACIT_LOG_DEBUG);
    json_t *object = s_parse_line(s_capture(s_log_text, "hello"));
    s_assert_member(object, "level", "warning");
    s_assert_member(object, "program", "tacit-test");
    s_assert_member(object, "event", "some_event");
    s_assert_member(object, "text", "hello");
    const char *time = json_string_value(json_object_get(object, "time"));
    assert_int_equal(strlen(time), strlen("2026-01-01T00:00:00.000Z"));
    assert_true(time[10] == 'T' && time[19] == '.' && time[23] == 'Z');
    json_decref(object);
}

static void levels_below_the_least_are_silent(void **state)
{
    (void)state;
    for (int least = TACIT_LOG_DEBUG; least <= TACIT_LOG_ERROR; least++) {
        tacit_log_open("tacit-test", (tacit_log_level_t)least);
        assert_int_equal(s_count_lines(s_capture(s_log_every_level, NULL)),
                         TACIT_LOG_ERROR + 1 - least);
    }
    tacit_log_open("tacit-test", TACIT_LOG_DEBUG);
}

static void texts_are_escaped(void **state)
{
    (void)state;
    char text[] = "quote \" slash \\ line\n tab\t bell\a del\x7f \xc3\xbc bad\xff";
    const char *line = s_capture(s_log_text, text);
    assert_int_equal(s_count_lines(line), 1);
    json_t *object = s_parse_line(line);
    s_assert_member(object, "text", "quote \" slash \\ line\n tab\t bell\a del\x7f \xc3\xbc bad?");
    json_decref(object);
}

static void long_lines_are_cut_but_whole(void **state)
{
    static const char *const units[] = {"x", "\n", "\xc3\xbc", "\"", "\xf0\x9f\x98\x80", "\xff"};
    char text[2 * TACIT_LOG_LINE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i]);
        for (size_t shift = 0; shift < 8; shift++) {
            memset(text, 'a', shift);
            size_t size = shift;
            while (size + length < sizeof text) {
                memcpy(text + size, units[i], length);
                size += length;
            }
            text[size] = '\0';
            const char *line = s_capture(s_log_text, text);
            assert_true(strlen(line) > TACIT_LOG_LINE_MAX - 16);
            assert_true(strlen(line) <= TACIT_LOG_LINE_MAX);
            json_decref(s_parse_line(line));
        }
    }
}

static void s_log_error(void *error)
{
    tacit_log_error("refused", error);
}

static void errors_show_their_parts(void **state)
{
    tacit_error_t error;
    (void)state;
    (void)tacit_error_claim(&error, TACIT_DEBUG_REFUSED, "debug", "false", "true");
    tacit_error_remedy(&error, "sign a production build");
    json_t *object = s_parse_line(s_capture(s_log_error, &error));
    s_assert_member(object, "level", "error");
    s_assert_member(object, "event", "refused");
    s_assert_member(object, "code", "debug_refused");
    s_assert_member(object, "claim", "debug");
    s_assert_member(object, "expected", "false");
    s_assert_member(object, "got", "true");
    s_assert_member(object, "remedy", "sign a production build");
    assert_null(json_object_get(object, "policy"));
    json_decref(object);
}

static void the_largest_error_is_one_line(void **state)
{
    tacit_error_t error;
    (void)state;
    for (int fill = 1; fill < 256; fill++) {
        memset(&error, fill, sizeof error);
        error.name[sizeof error.name - 1] = '\0';
        error.message[sizeof error.message - 1] = '\0';
        error.claim[sizeof error.claim - 1] = '\0';
        error.expected[sizeof error.expected - 1] = '\0';
        error.got[sizeof error.got - 1] = '\0';
        error.policy[sizeof error.policy - 1] = '\0';
        error.remedy[sizeof error.remedy - 1] = '\0';
        const char *line = s_capture(s_log_error, &error);
        assert_int_equal(s_count_lines(line), 1);
        json_decref(s_parse_line(line));
    }
}

static void s_log_call(void *call)
{
    tacit_log_call(TACIT_LOG_DEBUG, call);
}

static void a_call_is_a_line_of_numbers(void **state)
{
    (void)state;
    tacit_log_call_t call = {
        .method = "keys.release", .outcome = "not_granted", .microseconds = 7, .bytes_out = 9};
    json_t *object = s_parse_line(s_capture(s_log_call, &call));
    s_assert_member(object, "event", "call");
    s_assert_member(object, "method", "keys.release");
    s_assert_member(object, "outcome", "not_granted");
    assert_int_equal(json_integer_value(json_object_get(object, "us")), 7);
    assert_int_equal(json_integer_value(json_object_get(object, "bytes_out")), 9);
    assert_null(json_object_get(object, "trace"));
    json_decref(object);
}

static void lines_of_a_call_name_its_trace(void **state)
{
    (void)state;
    static const char text[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    tacit_trace_t trace;
    assert_int_equal(tacit_trace_parse(tacit_span_string(text), &trace), TACIT_OK);
    tacit_trace_enter(&trace);
    json_t *object = s_parse_line(s_capture(s_log_text, "hello"));
    tacit_trace_enter(NULL);
    s_assert_member(object, "trace", "0af7651916cd43dd8448eb211c80319c");
    s_assert_member(object, "span", "b7ad6b7169203331");
    json_decref(object);
}

/*  Lines as if the clock stood still would be exactly the limit; a second may begin meanwhile.  */
static void s_log_flood(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < 3 * TACIT_LOG_LINES_MAX; i++) {
        tacit_log(TACIT_LOG_INFO, "flood", "x");
    }
}

static void a_flood_is_counted_instead_of_written(void **state)
{
    (void)state;
    size_t lines = s_count_lines(s_capture(s_log_flood, NULL));
    assert_in_range(lines, 1, 2 * TACIT_LOG_LINES_MAX + 1);
    sleep(1);
    const char *told = s_capture(s_log_text, "hello");
    assert_int_equal(s_count_lines(told), 2);
    json_t *object = s_parse_line(told);
    s_assert_member(object, "event", "lines_withheld");
    assert_true(json_integer_value(json_object_get(object, "lines")) >= TACIT_LOG_LINES_MAX - 1);
    json_decref(object);
}

static void *s_log_many(void *text)
{
    for (size_t i = 0; i < S_LINES; i++) {
        tacit_log(TACIT_LOG_INFO, "thread", "%s", (const char *)text);
    }
    return NULL;
}

static void s_log_in_threads(void *text)
{
    pthread_t threads[S_THREADS];
    for (size_t i = 0; i < S_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, s_log_many, text), 0);
    }
    for (size_t i = 0; i < S_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void threads_do_not_mix_lines(void **state)
{
    char text[200];
    (void)state;
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *line = s_capture(s_log_in_threads, text);
    assert_int_equal(s_count_lines(line), S_THREADS * S_LINES);
    for (size_t i = 0; i < (size_t)S_THREADS * S_LINES; i++) {
        json_t *object = s_parse_line(line);
        s_assert_member(object, "text", text);
        json_decref(object);
        line = strchr(line, '\n') + 1;
    }
}

static void levels_have_names(void **state)
{
    tacit_log_level_t level = TACIT_LOG_DEBUG;
    (void)state;
    assert_true(tacit_log_level_from_name("warning", &level) && level == TACIT_LOG_WARNING);
    assert_true(tacit_log_level_from_name("debug", &level) && level == TACIT_LOG_DEBUG);
    assert_false(tacit_log_level_from_name("warn", &level));
    assert_false(tacit_log_level_from_name("", &level));
    assert_int_equal(level, TACIT_LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_logged_before_opening),
        cmocka_unit_test(a_line_has_its_members),
        cmocka_unit_test(levels_below_the_least_are_silent),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(long_lines_are_cut_but_whole),
        cmocka_unit_test(errors_show_their_parts),
        cmocka_unit_test(the_largest_error_is_one_line),
        cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(a_call_is_a_line_of_numbers),
        cmocka_unit_test(lines_of_a_call_name_its_trace),
        cmocka_unit_test(a_flood_is_counted_instead_of_written), /* leaves none for this second */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
