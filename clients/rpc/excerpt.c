/*  excerpt.c - foreign text, line by line.  */

#include "clients/rpc/excerpt.h"

#include <string.h>

/*  The line that begins there, without its end.  */
static tacit_span_t s_line(tacit_span_t text, size_t from)
{
    const uint8_t *start = text.data + from;
    const uint8_t *end = memchr(start, '\n', text.size - from);
    return tacit_span(start, end ? (size_t)(end - start) : text.size - from);
}

static bool s_begins(tacit_span_t line, const char *with)
{
    size_t size = strlen(with);
    return line.size >= size && memcmp(line.data, with, size) == 0;
}

/*  "method NAME", and then no further letter of a name.  */
static bool s_declares(tacit_span_t line, const char *name)
{
    static const char word[] = "method ";
    size_t skip = sizeof word - 1;
    if (!s_begins(line, word) || !s_begins(tacit_span(line.data + skip, line.size - skip), name)) {
        return false;
    }
    size_t end = skip + strlen(name);
    return end == line.size || line.data[end] == ' ' || line.data[end] == '(';
}

/*  Where the block of lines ends that begins there.  */
static size_t s_block_end(tacit_span_t text, size_t from)
{
    while (from < text.size && s_line(text, from).size > 0) {
        from += s_line(text, from).size + 1;
    }
    return from < text.size ? from : text.size;
}

tacit_span_t tacit_excerpt_method(tacit_span_t text, const char *name)
{
    size_t comment = 0; /* where the comment before this line begins, or the line itself */
    bool commented = false;
    for (size_t at = 0; at < text.size;) {
        tacit_span_t line = s_line(text, at);
        comment = commented ? comment : at;
        if (s_declares(line, name)) {
            return tacit_span(text.data + comment, s_block_end(text, at) - comment);
        }
        commented = s_begins(line, "##");
        at += line.size + 1;
    }
    return tacit_span(NULL, 0);
}
