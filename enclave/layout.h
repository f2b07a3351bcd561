/*  layout.h - fixed little-endian layouts: what result, manifest and receipt are made of.

    Each has a magic of 8 bytes, a version, one size, and zeroes wherever it says nothing, so that
    one value has one encoding. The writer fills a buffer of exactly that size; the readers extend
    span.h's cursor and fail it on anything that is not canonical. Offsets stand as tables in the
    .c files and in docs/PROTOCOL.md.  */

#ifndef TACIT_ENCLAVE_LAYOUT_H
#define TACIT_ENCLAVE_LAYOUT_H

#include "enclave/span.h"

#include <stdlib.h>

enum { TACIT_LAYOUT_MAGIC_SIZE = 8, TACIT_LAYOUT_VERSION = 1 };

typedef struct tacit_writer {
    uint8_t *next;
    size_t rest; /* bytes still to be written */
} tacit_writer_t;

/*  Takes size zeroed bytes of the buffer; programmer error to ask for more than it has.  */
static inline uint8_t *tacit_writer_take(tacit_writer_t *writer, size_t size)
{
    if (size > writer->rest) {
        abort();
    }
    uint8_t *taken = writer->next;
    writer->next += size;
    writer->rest -= size;
    return taken;
}

static inline void tacit_writer_bytes(tacit_writer_t *writer, const void *bytes, size_t size)
{
    memcpy(tacit_writer_take(writer, size), bytes, size);
}

static inline void tacit_writer_little(tacit_writer_t *writer, uint64_t value, size_t width)
{
    uint8_t *to = tacit_writer_take(writer, width);
    for (size_t i = 0; i < width; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

/*  A text in a field of size bytes, the unused ones zero.  */
static inline void tacit_writer_text(tacit_writer_t *writer, const char *text, size_t size)
{
    memcpy(tacit_writer_take(writer, size), text, strnlen(text, size));
}

/*  Zeroes the whole buffer and writes magic and layout version.  */
static inline tacit_writer_t tacit_writer(uint8_t *buffer, size_t size, const char *magic)
{
    memset(buffer, 0, size);
    tacit_writer_t writer = {.next = buffer, .rest = size};
    tacit_writer_bytes(&writer, magic, TACIT_LAYOUT_MAGIC_SIZE);
    tacit_writer_little(&writer, TACIT_LAYOUT_VERSION, 2);
    return writer;
}

/*  A cursor behind magic and version, failed where they differ.  */
static inline tacit_cursor_t tacit_layout_cursor(tacit_span_t bytes, const char *magic)
{
    tacit_cursor_t cursor = tacit_cursor(bytes);
    tacit_span_t found = tacit_cursor_take(&cursor, TACIT_LAYOUT_MAGIC_SIZE);
    if (!tacit_span_equal(found, tacit_span(magic, TACIT_LAYOUT_MAGIC_SIZE)) ||
        tacit_cursor_u16(&cursor) != TACIT_LAYOUT_VERSION) {
        cursor.failed = true;
    }
    return cursor;
}

/*  Reserved bytes: all zero.  */
static inline void tacit_cursor_zeroes(tacit_cursor_t *cursor, size_t size)
{
    tacit_span_t taken = tacit_cursor_take(cursor, size);
    for (size_t i = 0; i < taken.size; i++) {
        if (taken.data[i] != 0) {
            cursor->failed = true;
        }
    }
}

/*  A text of at most size bytes into size + 1, its unused bytes zero.  */
static inline void tacit_cursor_text(tacit_cursor_t *cursor, char *ret_text, size_t size)
{
    tacit_span_t field = tacit_cursor_take(cursor, size);
    if (cursor->failed) {
        return;
    }
    size_t length = strnlen((const char *)field.data, size);
    tacit_cursor_t tail = tacit_cursor(tacit_span(field.data + length, size - length));
    tacit_cursor_zeroes(&tail, size - length);
    cursor->failed = tail.failed;
    memcpy(ret_text, field.data, length);
    ret_text[length] = '\0';
}

#endif
