/*  span.h - borrowed bytes, and a bounds-checked little-endian cursor over them.

    Foreign bytes travel as spans, never as bare pointers; a reader compares with what remains,
    and the first short read makes every later one fail, so that a parser checks once.  */

#ifndef TACIT_ENCLAVE_SPAN_H
#define TACIT_ENCLAVE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct tacit_span {
    const uint8_t *data; /* borrowed; may be NULL when size is 0 */
    size_t size;         /* bytes */
} tacit_span_t;

static inline tacit_span_t tacit_span(const void *data, size_t size)
{
    return (tacit_span_t){.data = data, .size = size};
}

static inline tacit_span_t tacit_span_string(const char *text)
{
    return tacit_span(text, strlen(text));
}

/*  For values that are no secret; secrets are compared with sodium_memcmp.  */
static inline bool tacit_span_equal(tacit_span_t a, tacit_span_t b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

typedef struct tacit_cursor {
    tacit_span_t rest; /* what was not read yet */
    bool failed;       /* a read went past the end */
} tacit_cursor_t;

static inline tacit_cursor_t tacit_cursor(tacit_span_t span)
{
    return (tacit_cursor_t){.rest = span, .failed = false};
}

/*  The next size bytes, borrowed; an empty span and failed set where fewer remain.  */
static inline tacit_span_t tacit_cursor_take(tacit_cursor_t *cursor, size_t size)
{
    if (cursor->failed || size > cursor->rest.size) {
        cursor->failed = true;
        return tacit_span(NULL, 0);
    }
    tacit_span_t taken = tacit_span(cursor->rest.data, size);
    cursor->rest.data += size;
    cursor->rest.size -= size;
    return taken;
}

static inline void tacit_cursor_copy(tacit_cursor_t *cursor, void *ret_bytes, size_t size)
{
    tacit_span_t taken = tacit_cursor_take(cursor, size);
    if (!cursor->failed && size > 0) {
        memcpy(ret_bytes, taken.data, size);
    }
}

static inline uint64_t tacit_cursor_little(tacit_cursor_t *cursor, size_t width)
{
    tacit_span_t taken = tacit_cursor_take(cursor, width);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.size; i++) {
        value |= (uint64_t)taken.data[i] << (8 * i);
    }
    return value;
}

static inline uint8_t tacit_cursor_u8(tacit_cursor_t *cursor)
{
    return (uint8_t)tacit_cursor_little(cursor, 1);
}

static inline uint16_t tacit_cursor_u16(tacit_cursor_t *cursor)
{
    return (uint16_t)tacit_cursor_little(cursor, 2);
}

static inline uint32_t tacit_cursor_u32(tacit_cursor_t *cursor)
{
    return (uint32_t)tacit_cursor_little(cursor, 4);
}

static inline uint64_t tacit_cursor_u64(tacit_cursor_t *cursor)
{
    return tacit_cursor_little(cursor, 8);
}

/*  True when everything was read and nothing is left over: exact consumption.  */
static inline bool tacit_cursor_done(const tacit_cursor_t *cursor)
{
    return !cursor->failed && cursor->rest.size == 0;
}

#endif
