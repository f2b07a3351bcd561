/*  progress_test.c - the bar on a pseudo-terminal, and its absence elsewhere.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/progress.h"
#include "screen.h"

static void test_short_work_shows_nothing(void **state)
{
    char text[512];
    screen_t screen = screen_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "loading", 10);
    tacit_progress_update(&progress, 5);
    tacit_progress_end(&progress);
    assert_int_equal(screen_read(&screen, text, sizeof text), 0);
    screen_close(&screen);
}

static void test_long_work_draws_and_erases(void **state)
{
    char text[512];
    screen_t screen = screen_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "load\033ing", 10);
    (void)usleep((TACIT_PROGRESS_DELAY_MS + 20) * 1000);
    tacit_progress_update(&progress, 5);
    assert_true(screen_read(&screen, text, sizeof text) > 0);
    assert_non_null(strstr(text, "load?ing [===============               ]  50%"));
    tacit_progress_update(&progress, 6); /* too soon */
    assert_int_equal(screen_read(&screen, text, sizeof text), 0);
    tacit_progress_end(&progress);
    assert_true(screen_read(&screen, text, sizeof text) > 0);
    assert_string_equal(text, "\r\033[K");
    tacit_progress_end(&progress);
    assert_int_equal(screen_read(&screen, text, sizeof text), 0);
    screen_close(&screen);
}

static void test_more_than_the_total(void **state)
{
    char text[512];
    screen_t screen = screen_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "x", 10);
    progress.next_ms = 0;
    tacit_progress_update(&progress, UINT64_MAX);
    assert_true(screen_read(&screen, text, sizeof text) > 0);
    assert_non_null(strstr(text, "100%"));
    tacit_progress_end(&progress);
    screen_close(&screen);
}

static void test_no_terminal(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    tacit_progress_t progress;
    (void)state;
    assert_non_null(stream);
    tacit_progress_start(&progress, stream, "x", 10);
    progress.next_ms = 0;
    tacit_progress_update(&progress, 5);
    tacit_progress_end(&progress);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(size, 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_work_shows_nothing),
        cmocka_unit_test(test_long_work_draws_and_erases),
        cmocka_unit_test(test_more_than_the_total),
        cmocka_unit_test(test_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
