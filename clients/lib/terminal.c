/*  terminal.c - UTF-8 is read with the C library's own tables (C.UTF-8), whatever the user's
    locale, so that tables stay aligned in scripts too.  */

#include "clients/lib/terminal.h"

#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

typedef struct s_utf8 {
    locale_t own;
    locale_t before;
} s_utf8_t;

static void s_enter(s_utf8_t *utf8)
{
    utf8->own = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    utf8->before = utf8->own != (locale_t)0 ? uselocale(utf8->own) : (locale_t)0;
}

static void s_leave(s_utf8_t *utf8)
{
    if (utf8->own != (locale_t)0) {
        (void)uselocale(utf8->before);
        freelocale(utf8->own);
    }
}

/*  Embeddings, overrides and isolates make text read in another order than it is written.  */
static bool s_turns_direction(wchar_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
           c == 0x200f;
}

/*  The character at text: its bytes, and its columns, or -1 where it must not be shown.  */
static size_t s_character(const char *text, int *ret_columns)
{
    wchar_t c = 0;
    mbstate_t state = {0};
    size_t size = mbrtowc(&c, text, strnlen(text, MB_LEN_MAX), &state);
    if (size == 0 || size == (size_t)-1 || size == (size_t)-2) {
        *ret_columns = -1;
        return 1;
    }
    *ret_columns = s_turns_direction(c) ? -1 : wcwidth(c);
    return size;
}

static bool s_is_plain(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

bool tacit_terminal_is(FILE *stream)
{
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool tacit_terminal_colour(FILE *stream)
{
    const char *refused = getenv("NO_COLOR");
    return tacit_terminal_is(stream) && !(refused && *refused);
}

size_t tacit_terminal_columns(FILE *stream)
{
    struct winsize size = {0};
    return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

size_t tacit_terminal_clean(const char *text, char *ret_clean, size_t size)
{
    s_utf8_t utf8;
    size_t used = 0;
    s_enter(&utf8);
    while (*text) {
        int columns = 0;
        size_t taken = s_character(text, &columns);
        const char *from = columns < 0 ? "?" : text;
        size_t given = columns < 0 ? 1 : taken;
        if (given >= size - used) {
            break;
        }
        memcpy(ret_clean + used, from, given);
        used += given;
        text += taken;
    }
    ret_clean[used] = '\0';
    s_leave(&utf8);
    return used;
}

size_t tacit_text_width(const char *text)
{
    s_utf8_t utf8;
    size_t width = 0;
    if (s_is_plain(text)) {
        return strlen(text);
    }
    s_enter(&utf8);
    while (*text) {
        int columns = 0;
        text += s_character(text, &columns);
        width += columns < 0 ? 1 : (size_t)columns;
    }
    s_leave(&utf8);
    return width;
}
