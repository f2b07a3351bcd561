/*  wrap.c - see wrap.h.  */

#include "enclave/wrap.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*  Bytes of the first line of text, at most so many where that is possible without cutting a word.
 */
static size_t s_fitting(const char *text, size_t most)
{
    size_t size = strcspn(text, "\n");
    size_t fits = 0;
    for (size_t at = 0; at <= size; at++) {
        bool ends = at == size || text[at] == ' ';
        if (ends && (at <= most || fits == 0)) {
            fits = at;
        }
    }
    return fits;
}

void tacit_wrap(FILE *stream, const char *text, int column)
{
    size_t most = column < TACIT_WRAP_WIDTH ? (size_t)(TACIT_WRAP_WIDTH - column) : 0;
    size_t size = s_fitting(text, most);
    (void)fprintf(stream, "%.*s\n", (int)size, text);
    for (text += size; *text; text += size) {
        text++; /* the space or the line feed */
        size = s_fitting(text, most);
        (void)fprintf(stream, "%*s%.*s\n", size ? column : 0, "", (int)size, text);
    }
}
