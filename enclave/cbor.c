/*  cbor.c - one recursive reader, bounded in depth, that skips and judges at once.  */

#include "enclave/cbor.h"

enum {
    INFO_ONE_BYTE = 24, /* additional information: the argument follows in 1, 2, 4 or 8 bytes */
    INFO_EIGHT_BYTES = 27,
    INFO_INDEFINITE = 31,
    SIMPLE_FALSE = 20,
    SIMPLE_UNDEFINED = 23,
    BREAK = 0xff
};

typedef struct head {
    tacit_cbor_type_t type;
    uint64_t number;
    bool indefinite;
} head_t;

static bool s_read_item(tacit_cursor_t *cursor, unsigned depth, tacit_cbor_t *ret_item);

/*  The argument of a head, which must have needed the bytes it took.  */
static uint64_t s_read_argument(tacit_cursor_t *cursor, uint8_t info)
{
    static const uint64_t smallest[] = {INFO_ONE_BYTE, 0x100, 0x10000, 0x100000000};
    size_t width = (size_t)1 << (info - INFO_ONE_BYTE);
    tacit_span_t bytes = tacit_cursor_take(cursor, width);
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        number = number << 8 | bytes.data[i];
    }
    if (number < smallest[info - INFO_ONE_BYTE]) {
        cursor->failed = true;
    }
    return number;
}

static bool s_read_head(tacit_cursor_t *cursor, head_t *ret_head)
{
    uint8_t first = tacit_cursor_u8(cursor);
    uint8_t info = first & 0x1f;
    head_t head = {.type = (tacit_cbor_type_t)(first >> 5), .number = info};
    if (info == INFO_INDEFINITE) {
        head.indefinite = true;
        cursor->failed |= head.type != TACIT_CBOR_ARRAY && head.type != TACIT_CBOR_MAP;
    } else if (info > INFO_EIGHT_BYTES) {
        cursor->failed = true;
    } else if (info >= INFO_ONE_BYTE) {
        head.number = s_read_argument(cursor, info);
    }
    /*  Floats, and simple values without a meaning, are in no document of ours.  */
    if (head.type == TACIT_CBOR_SIMPLE && (info < SIMPLE_FALSE || info > SIMPLE_UNDEFINED)) {
        cursor->failed = true;
    }
    *ret_head = head;
    return !cursor->failed;
}

/*  Continuation bytes of a UTF-8 sequence, and the least code point that needs them; false for a
    byte that starts none.  */
static bool s_utf8_start(uint8_t byte, size_t *ret_more, uint32_t *ret_code, uint32_t *ret_least)
{
    static const struct {
        uint8_t mask;
        uint8_t bits;
        uint32_t least;
    } starts[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if ((byte & starts[i].mask) == starts[i].bits) {
            *ret_more = i;
            *ret_code = byte & (uint8_t)~starts[i].mask;
            *ret_least = starts[i].least;
            return true;
        }
    }
    return false;
}

static bool s_is_utf8(tacit_span_t text)
{
    for (size_t i = 0; i < text.size;) {
        size_t more = 0;
        uint32_t code = 0;
        uint32_t least = 0;
        if (!s_utf8_start(text.data[i++], &more, &code, &least) || more > text.size - i) {
            return false;
        }
        for (; more > 0; more--, i++) {
            if ((text.data[i] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (text.data[i] & 0x3f);
        }
        if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
    }
    return true;
}

static bool s_take_break(tacit_cursor_t *cursor)
{
    if (!cursor->failed && cursor->rest.size > 0 && cursor->rest.data[0] == BREAK) {
        (void)tacit_cursor_take(cursor, 1);
        return true;
    }
    return false;
}

/*  Another entry, unless the container is complete: counted, or ended by a break.  */
static bool s_more(tacit_cursor_t *cursor, const head_t *head, uint64_t count)
{
    if (cursor->failed) {
        return false;
    }
    return head->indefinite ? !s_take_break(cursor) : count < head->number;
}

static bool s_read_array(tacit_cursor_t *cursor, const head_t *head, unsigned depth,
                         uint64_t *ret_count)
{
    tacit_cbor_t item;
    uint64_t count = 0;
    for (; s_more(cursor, head, count); count++) {
        if (!s_read_item(cursor, depth + 1, &item)) {
            return false;
        }
    }
    *ret_count = count;
    return !cursor->failed;
}

static bool s_is_key(const tacit_cbor_t *key)
{
    return key->type <= TACIT_CBOR_TEXT;
}

/*  Shortest forms only: keys are equal when their encodings are.  */
static bool s_read_map(tacit_cursor_t *cursor, const head_t *head, unsigned depth,
                       uint64_t *ret_count)
{
    tacit_span_t keys[TACIT_CBOR_ENTRIES_MAX];
    uint64_t count = 0;
    for (; s_more(cursor, head, count); count++) {
        tacit_cbor_t key;
        tacit_cbor_t value;
        if (count == TACIT_CBOR_ENTRIES_MAX || !s_read_item(cursor, depth + 1, &key) ||
            !s_is_key(&key)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (tacit_span_equal(keys[i], key.whole)) {
                return false;
            }
        }
        keys[count] = key.whole;
        if (!s_read_item(cursor, depth + 1, &value)) {
            return false;
        }
    }
    *ret_count = count;
    return !cursor->failed;
}

static bool s_read_content(tacit_cursor_t *cursor, const head_t *head, unsigned depth,
                           tacit_cbor_t *item)
{
    tacit_cbor_t inner;
    tacit_span_t start = cursor->rest;
    bool good = true;
    switch (head->type) {
    case TACIT_CBOR_BYTES:
    case TACIT_CBOR_TEXT:
        item->content = tacit_cursor_take(cursor, head->number);
        return !cursor->failed && (head->type == TACIT_CBOR_BYTES || s_is_utf8(item->content));
    case TACIT_CBOR_ARRAY:
        good = s_read_array(cursor, head, depth, &item->number);
        break;
    case TACIT_CBOR_MAP:
        good = s_read_map(cursor, head, depth, &item->number);
        break;
    case TACIT_CBOR_TAG:
        good = s_read_item(cursor, depth + 1, &inner);
        break;
    default:
        return true;
    }
    if (good) {
        /*  The break that ends an indefinite container is none of its items.  */
        item->content = tacit_span(start.data, start.size - cursor->rest.size - head->indefinite);
    }
    return good;
}

static bool s_read_item(tacit_cursor_t *cursor, unsigned depth, tacit_cbor_t *ret_item)
{
    head_t head;
    tacit_span_t start = cursor->rest;
    if (depth > TACIT_CBOR_DEPTH_MAX || !s_read_head(cursor, &head)) {
        cursor->failed = true;
        return false;
    }
    tacit_cbor_t item = {.type = head.type, .number = head.number};
    if (!s_read_content(cursor, &head, depth, &item)) {
        cursor->failed = true;
        return false;
    }
    item.whole = tacit_span(start.data, start.size - cursor->rest.size);
    *ret_item = item;
    return true;
}

bool tacit_cbor_read(tacit_span_t bytes, tacit_cbor_t *ret_item)
{
    tacit_cursor_t cursor = tacit_cursor(bytes);
    tacit_cbor_t item;
    if (!s_read_item(&cursor, 0, &item) || !tacit_cursor_done(&cursor)) {
        return false;
    }
    *ret_item = item;
    return true;
}

bool tacit_cbor_next(tacit_span_t *content, tacit_cbor_t *ret_item)
{
    tacit_cursor_t cursor = tacit_cursor(*content);
    if (content->size == 0 || !s_read_item(&cursor, 1, ret_item)) {
        return false;
    }
    *content = cursor.rest;
    return true;
}
