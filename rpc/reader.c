/*  reader.c - the bounded msgpack reader.

    Heads of 0xc0..0xdf stand in a table; the others carry their value in the head itself.  */

#include "rpc/reader.h"

enum { S_FIXMAP = 0x80, S_FIXARRAY = 0x90, S_FIXSTR = 0xa0, S_TABLE = 0xc0, S_NEGATIVE = 0xe0 };

typedef enum {
    S_REFUSED,
    S_NIL,
    S_FALSE,
    S_TRUE,
    S_UNSIGNED,
    S_SIGNED,
    S_FLOAT,
    S_STRING,
    S_BYTES,
    S_ARRAY,
    S_MAP
} s_form_t;

typedef struct {
    uint8_t form;  /* s_form_t */
    uint8_t width; /* bytes of the number after the head */
} s_head_t;

/*  The specification's table, four heads a line.  */
/* clang-format off */
static const s_head_t s_heads[32] = {
    {S_NIL, 0},      {S_REFUSED, 0},  {S_FALSE, 0},    {S_TRUE, 0},     /* c0 nil, c1 reserved */
    {S_BYTES, 1},    {S_BYTES, 2},    {S_BYTES, 4},    {S_REFUSED, 0},  /* c7 ext 8 */
    {S_REFUSED, 0},  {S_REFUSED, 0},  {S_FLOAT, 4},    {S_FLOAT, 8},    /* c8, c9 ext 16, 32 */
    {S_UNSIGNED, 1}, {S_UNSIGNED, 2}, {S_UNSIGNED, 4}, {S_UNSIGNED, 8},
    {S_SIGNED, 1},   {S_SIGNED, 2},   {S_SIGNED, 4},   {S_SIGNED, 8},
    {S_REFUSED, 0},  {S_REFUSED, 0},  {S_REFUSED, 0},  {S_REFUSED, 0},  /* d4..d8 fixext */
    {S_REFUSED, 0},  {S_STRING, 1},   {S_STRING, 2},   {S_STRING, 4},
    {S_ARRAY, 2},    {S_ARRAY, 4},    {S_MAP, 2},      {S_MAP, 4},
};
/* clang-format on */

/*  What a head says: its form, and its number.  */
typedef struct {
    s_form_t form;
    uint8_t width;
    uint64_t number;
} s_said_t;

static uint64_t s_big(const uint8_t *bytes, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static s_said_t s_fixed(uint8_t head)
{
    if (head < S_FIXMAP) {
        return (s_said_t){.form = S_UNSIGNED, .number = head};
    }
    if (head < S_FIXARRAY) {
        return (s_said_t){.form = S_MAP, .number = head & 0x0f};
    }
    if (head < S_FIXSTR) {
        return (s_said_t){.form = S_ARRAY, .number = head & 0x0f};
    }
    if (head < S_TABLE) {
        return (s_said_t){.form = S_STRING, .number = head & 0x1f};
    }
    return (s_said_t){.form = S_SIGNED, .width = 1, .number = head};
}

/*  The number of that width as two's complement.  */
static int64_t s_signed(uint64_t number, uint8_t width)
{
    switch (width) {
    case 1:
        return (int8_t)number;
    case 2:
        return (int16_t)number;
    case 4:
        return (int32_t)number;
    default:
        return (int64_t)number;
    }
}

static void s_take_integer(s_said_t said, tacit_token_t *token)
{
    int64_t integer = s_signed(said.number, said.width);
    if (integer < 0) {
        token->kind = TACIT_TOKEN_NEGATIVE;
        token->integer = integer;
    } else {
        token->kind = TACIT_TOKEN_UNSIGNED;
        token->number = (uint64_t)integer;
    }
}

static void s_take_float(s_said_t said, tacit_token_t *token)
{
    token->kind = TACIT_TOKEN_FLOAT;
    if (said.width == sizeof(float)) {
        uint32_t bits = (uint32_t)said.number;
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        token->real = (double)narrow;
    } else {
        memcpy(&token->real, &said.number, sizeof token->real);
    }
}

/*  Content of a string or bytes, of said.number bytes.  */
static tacit_status_t s_take_content(s_said_t said, tacit_cursor_t *cursor, tacit_token_t *token)
{
    if (said.number > cursor->rest.size) {
        return TACIT_MALFORMED;
    }
    token->kind = said.form == S_STRING ? TACIT_TOKEN_STRING : TACIT_TOKEN_BYTES;
    token->bytes = tacit_cursor_take(cursor, (size_t)said.number);
    return TACIT_OK;
}

/*  A container's count: each element takes a byte at least, each pair two.  */
static tacit_status_t s_take_count(s_said_t said, const tacit_cursor_t *cursor,
                                   tacit_token_t *token)
{
    size_t least = said.form == S_MAP ? 2 : 1;
    if (said.number > cursor->rest.size / least) {
        return TACIT_MALFORMED;
    }
    token->kind = said.form == S_MAP ? TACIT_TOKEN_MAP : TACIT_TOKEN_ARRAY;
    token->number = said.number;
    return TACIT_OK;
}

static tacit_status_t s_take(s_said_t said, tacit_cursor_t *cursor, tacit_token_t *token)
{
    switch (said.form) {
    case S_NIL:
        token->kind = TACIT_TOKEN_NIL;
        return TACIT_OK;
    case S_FALSE:
    case S_TRUE:
        token->kind = TACIT_TOKEN_BOOL;
        token->number = said.form == S_TRUE;
        return TACIT_OK;
    case S_UNSIGNED:
        token->kind = TACIT_TOKEN_UNSIGNED;
        token->number = said.number;
        return TACIT_OK;
    case S_SIGNED:
        s_take_integer(said, token);
        return TACIT_OK;
    case S_FLOAT:
        s_take_float(said, token);
        return TACIT_OK;
    case S_STRING:
    case S_BYTES:
        return s_take_content(said, cursor, token);
    case S_ARRAY:
    case S_MAP:
        return s_take_count(said, cursor, token);
    case S_REFUSED:
        break;
    }
    return TACIT_MALFORMED;
}

tacit_status_t tacit_reader_next(tacit_reader_t *reader, tacit_token_t *ret_token)
{
    tacit_cursor_t cursor = tacit_cursor(reader->rest);
    tacit_token_t token = {.kind = TACIT_TOKEN_NIL};
    uint8_t head = tacit_cursor_u8(&cursor);
    s_said_t said;
    if (head < S_TABLE || head >= S_NEGATIVE) {
        said = s_fixed(head);
    } else {
        const s_head_t *row = &s_heads[head - S_TABLE];
        tacit_span_t number = tacit_cursor_take(&cursor, row->width);
        said = (s_said_t){.form = (s_form_t)row->form,
                          .width = row->width,
                          .number = s_big(number.data, number.size)};
    }
    if (cursor.failed) {
        return TACIT_MALFORMED;
    }
    tacit_status_t status = s_take(said, &cursor, &token);
    if (status == TACIT_OK) {
        reader->rest = cursor.rest;
        *ret_token = token;
    }
    return status;
}

tacit_status_t tacit_reader_skip(tacit_reader_t *reader, size_t depth, tacit_span_t *ret_value)
{
    uint64_t left[TACIT_CODEC_DEPTH_MAX + 1] = {1}; /* values to pass over at each level */
    size_t level = 0;
    tacit_reader_t ahead = *reader;
    if (depth > TACIT_CODEC_DEPTH_MAX) {
        depth = TACIT_CODEC_DEPTH_MAX;
    }
    while (level > 0 || left[0] > 0) {
        if (left[level] == 0) {
            level--;
            continue;
        }
        left[level]--;
        tacit_token_t token;
        tacit_status_t status = tacit_reader_next(&ahead, &token);
        if (status != TACIT_OK) {
            return status;
        }
        if (token.kind == TACIT_TOKEN_ARRAY || token.kind == TACIT_TOKEN_MAP) {
            if (level == depth) {
                return TACIT_TOO_LARGE;
            }
            left[++level] = token.kind == TACIT_TOKEN_MAP ? 2 * token.number : token.number;
        }
    }
    *ret_value = tacit_span(reader->rest.data, reader->rest.size - ahead.rest.size);
    *reader = ahead;
    return TACIT_OK;
}

const char *tacit_token_kind_name(tacit_token_kind_t kind)
{
    static const char *const names[] = {
        [TACIT_TOKEN_NIL] = "nil",          [TACIT_TOKEN_BOOL] = "bool",
        [TACIT_TOKEN_UNSIGNED] = "integer", [TACIT_TOKEN_NEGATIVE] = "negative integer",
        [TACIT_TOKEN_FLOAT] = "float",      [TACIT_TOKEN_STRING] = "string",
        [TACIT_TOKEN_BYTES] = "bytes",      [TACIT_TOKEN_ARRAY] = "list",
        [TACIT_TOKEN_MAP] = "map",
    };
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}
