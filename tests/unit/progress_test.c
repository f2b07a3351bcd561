/*  progress_test.c - the bar on a pseudo-terminal, and its absence elsewhere.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/progress.h"

typedef struct s_screen {
    int master;   /* what a terminal program would read */
    FILE *stream; /* what ours writes */
} s_screen_t;

static s_screen_t s_open(void)
{
    s_screen_t screen = {.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)};
    assert_true(screen.master >= 0);
    assert_int_equal(grantpt(screen.master), 0);
    assert_int_equal(unlockpt(screen.master), 0);
    screen.stream = fopen(ptsname(screen.master), "w");
    assert_non_null(screen.stream);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    return screen;
}

static void s_close(s_screen_t *screen)
{
    assert_int_equal(fclose(screen->stream), 0);
    assert_int_equal(close(screen->master), 0);
}

/*  What was written since the last time.  */
static size_t s_read(const s_screen_t *screen, char *ret_text, size_t size)
{
    ssize_t got = read(screen->master, ret_text, size - 1);
    size_t count = got > 0 ? (size_t)got : 0;
    ret_text[count] = '\0';
    return count;
}

static void test_short_work_shows_nothing(void **state)
{
    char text[512];
    s_screen_t screen = s_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "loading", 10);
    tacit_progress_update(&progress, 5);
    tacit_progress_end(&progress);
    assert_int_equal(s_read(&screen, text, sizeof text), 0);
    s_close(&screen);
}

static void test_long_work_draws_and_erases(void **state)
{
    char text[512];
    s_screen_t screen = s_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "load\033ing", 10);
    (void)usleep((TACIT_PROGRESS_DELAY_MS + 20) * 1000);
    tacit_progress_update(&progress, 5);
    assert_true(s_read(&screen, text, sizeof text) > 0);
    assert_non_null(strstr(text, "load?ing [===============               ]  50%"));
    tacit_progress_update(&progress, 6); /* too soon */
    assert_int_equal(s_read(&screen, text, sizeof text), 0);
    tacit_progress_end(&progress);
    assert_true(s_read(&screen, text, sizeof text) > 0);
    assert_string_equal(text, "\r\033[K");
    tacit_progress_end(&progress);
    assert_int_equal(s_read(&screen, text, sizeof text), 0);
    s_close(&screen);
}

static void test_more_than_the_total(void **state)
{
    char text[512];
    s_screen_t screen = s_open();
    tacit_progress_t progress;
    (void)state;
    tacit_progress_start(&progress, screen.stream, "x", 10);
    progress.next_ms = 0;
    tacit_progress_update(&progress, UINT64_MAX);
    assert_true(s_read(&screen, text, sizeof text) > 0);
    assert_non_null(strstr(text, "100%"));
    tacit_progress_end(&progress);
    s_close(&screen);
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
