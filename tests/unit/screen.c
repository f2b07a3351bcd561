/*  screen.c - see screen.h.  */

#include "screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

screen_t screen_open(void)
{
    screen_t screen = {.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)};
    assert_true(screen.master >= 0);
    assert_int_equal(grantpt(screen.master), 0);
    assert_int_equal(unlockpt(screen.master), 0);
    screen.stream = fopen(ptsname(screen.master), "w");
    assert_non_null(screen.stream);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    return screen;
}

void screen_close(screen_t *screen)
{
    assert_int_equal(fclose(screen->stream), 0);
    assert_int_equal(close(screen->master), 0);
}

size_t screen_read(const screen_t *screen, char *ret_text, size_t size)
{
    ssize_t got = read(screen->master, ret_text, size - 1);
    size_t count = got > 0 ? (size_t)got : 0;
    ret_text[count] = '\0';
    return count;
}
