/*  reader_test.c - the bounded msgpack reader, and what counts as text.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "rpc/reader.h"
#include "rpc/text.h"

#define BYTES(literal) tacit_span(literal, sizeof(literal) - 1)

static void s_number(tacit_span_t bytes, tacit_token_kind_t kind, uint64_t number)
{
    tacit_reader_t reader = tacit_reader(bytes);
    tacit_token_t token;
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_int_equal(token.kind, kind);
    assert_true(token.number == number);
    for (size_t size = 0; size < bytes.size;
         size++) { /* every prefix is refused, nothing is read */
        reader = tacit_reader(tacit_span(bytes.data, size));
        assert_int_equal(tacit_reader_next(&reader, &token), TACIT_MALFORMED);
        assert_int_equal(reader.rest.size, size);
    }
}

static void s_negative(tacit_span_t bytes, int64_t integer)
{
    s_number(bytes, TACIT_TOKEN_NEGATIVE, (uint64_t)integer);
}

static void unsigned_in_every_width(void **state)
{
    (void)state;
    s_number(BYTES("\x00"), TACIT_TOKEN_UNSIGNED, 0);
    s_number(BYTES("\x7f"), TACIT_TOKEN_UNSIGNED, 127);
    s_number(BYTES("\xcc\x07"), TACIT_TOKEN_UNSIGNED, 7);
    s_number(BYTES("\xcc\xff"), TACIT_TOKEN_UNSIGNED, 255);
    s_number(BYTES("\xcd\xff\xfe"), TACIT_TOKEN_UNSIGNED, 0xfffe);
    s_number(BYTES("\xce\x01\x02\x03\x04"), TACIT_TOKEN_UNSIGNED, 0x01020304);
    s_number(BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), TACIT_TOKEN_UNSIGNED, UINT64_MAX);
    s_number(BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x05"), TACIT_TOKEN_UNSIGNED, 5);
    s_number(BYTES("\xd0\x7f"), TACIT_TOKEN_UNSIGNED, 127);
    s_number(BYTES("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), TACIT_TOKEN_UNSIGNED, INT64_MAX);
}

static void negative_in_every_width(void **state)
{
    (void)state;
    s_negative(BYTES("\xff"), -1);
    s_negative(BYTES("\xe0"), -32);
    s_negative(BYTES("\xd0\x80"), -128);
    s_negative(BYTES("\xd1\xff\xff"), -1);
    s_negative(BYTES("\xd1\x80\x00"), -32768);
    s_negative(BYTES("\xd2\x80\x00\x00\x00"), INT32_MIN);
    s_negative(BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), INT64_MIN);
}

static void nil_bool_and_floats(void **state)
{
    (void)state;
    s_number(BYTES("\xc0"), TACIT_TOKEN_NIL, 0);
    s_number(BYTES("\xc2"), TACIT_TOKEN_BOOL, 0);
    s_number(BYTES("\xc3"), TACIT_TOKEN_BOOL, 1);
    tacit_reader_t reader =
        tacit_reader(BYTES("\xca\x3f\xc0\x00\x00\xcb\xbf\xe0\x00\x00\x00\x00\x00\x00"
                           "\xca\x7f\xc0\x00\x00"));
    tacit_token_t token;
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_true(token.kind == TACIT_TOKEN_FLOAT && fabs(token.real - 1.5) < 1e-12);
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_true(token.kind == TACIT_TOKEN_FLOAT && fabs(token.real + 0.5) < 1e-12);
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_true(token.kind == TACIT_TOKEN_FLOAT && isnan(token.real));
    assert_true(tacit_reader_done(&reader));
}

static void s_content(tacit_span_t bytes, tacit_token_kind_t kind, const char *content)
{
    tacit_reader_t reader = tacit_reader(bytes);
    tacit_token_t token;
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_int_equal(token.kind, kind);
    assert_true(tacit_span_equal(token.bytes, tacit_span_string(content)));
    assert_true(tacit_reader_done(&reader));
    for (size_t size = 0; size < bytes.size; size++) {
        reader = tacit_reader(tacit_span(bytes.data, size));
        assert_int_equal(tacit_reader_next(&reader, &token), TACIT_MALFORMED);
    }
}

static void strings_and_bytes_borrow_their_content(void **state)
{
    (void)state;
    s_content(BYTES("\xa0"), TACIT_TOKEN_STRING, "");
    s_content(BYTES("\xa3xyz"), TACIT_TOKEN_STRING, "xyz");
    s_content(BYTES("\xd9\x02xy"), TACIT_TOKEN_STRING, "xy");
    s_content(BYTES("\xda\x00\x02xy"), TACIT_TOKEN_STRING, "xy");
    s_content(BYTES("\xdb\x00\x00\x00\x02xy"), TACIT_TOKEN_STRING, "xy");
    s_content(BYTES("\xc4\x00"), TACIT_TOKEN_BYTES, "");
    s_content(BYTES("\xc4\x02xy"), TACIT_TOKEN_BYTES, "xy");
    s_content(BYTES("\xc5\x00\x02xy"), TACIT_TOKEN_BYTES, "xy");
    s_content(BYTES("\xc6\x00\x00\x00\x02xy"), TACIT_TOKEN_BYTES, "xy");
}

static void counts_are_compared_with_what_remains(void **state)
{
    (void)state;
    const struct {
        tacit_span_t bytes;
        tacit_status_t status;
    } rows[] = {
        {BYTES("\x90"), TACIT_OK},
        {BYTES("\x92\x00\x00"), TACIT_OK},
        {BYTES("\x93\x00\x00"), TACIT_MALFORMED},
        {BYTES("\x80"), TACIT_OK},
        {BYTES("\x81\x00\x00"), TACIT_OK},
        {BYTES("\x82\x00\x00\x00"), TACIT_MALFORMED}, /* a pair and a half */
        {BYTES("\xdc\x00\x02\x00\x00"), TACIT_OK},
        {BYTES("\xdc\x00\x03\x00\x00"), TACIT_MALFORMED},
        {BYTES("\xdd\x10\x00\x00\x00"), TACIT_MALFORMED}, /* 2^28 elements */
        {BYTES("\xdd\xff\xff\xff\xff\x00"), TACIT_MALFORMED},
        {BYTES("\xde\x00\x01\x00\x00"), TACIT_OK},
        {BYTES("\xde\xff\xff\x00\x00"), TACIT_MALFORMED},
        {BYTES("\xdf\x80\x00\x00\x00\x00\x00"), TACIT_MALFORMED}, /* 2 * 2^31 wraps 32 bits */
        {BYTES("\xdf\xff\xff\xff\xff"), TACIT_MALFORMED},
        {BYTES("\xdb\xff\xff\xff\xffxy"), TACIT_MALFORMED},
        {BYTES("\xc6\xff\xff\xff\xffxy"), TACIT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_reader_t reader = tacit_reader(rows[i].bytes);
        tacit_token_t token;
        assert_int_equal(tacit_reader_next(&reader, &token), rows[i].status);
    }
}

static void extensions_and_the_reserved_byte_are_refused(void **state)
{
    static const uint8_t heads[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};
    (void)state;
    for (size_t i = 0; i < sizeof heads; i++) {
        uint8_t bytes[32] = {heads[i], 0x01};
        tacit_reader_t reader = tacit_reader(tacit_span(bytes, sizeof bytes));
        tacit_token_t token;
        tacit_span_t skipped;
        assert_int_equal(tacit_reader_next(&reader, &token), TACIT_MALFORMED);
        assert_int_equal(tacit_reader_skip(&reader, TACIT_CODEC_DEPTH_MAX, &skipped),
                         TACIT_MALFORMED);
        assert_int_equal(reader.rest.size, sizeof bytes);
    }
}

static void skip_passes_over_one_whole_value(void **state)
{
    (void)state;
    tacit_span_t value = BYTES("\x83\x01\x93\x01\xa1x\xc0\xa1k\x81\x02\xc4\x01y\x03\xcb"
                               "\x00\x00\x00\x00\x00\x00\x00\x00");
    uint8_t bytes[64];
    memcpy(bytes, value.data, value.size);
    bytes[value.size] = 0x05;
    tacit_reader_t reader = tacit_reader(tacit_span(bytes, value.size + 1));
    tacit_span_t skipped;
    tacit_token_t token;
    assert_int_equal(tacit_reader_skip(&reader, TACIT_CODEC_DEPTH_MAX, &skipped), TACIT_OK);
    assert_true(tacit_span_equal(skipped, value));
    assert_int_equal(tacit_reader_next(&reader, &token), TACIT_OK);
    assert_int_equal(token.number, 5);
    for (size_t size = 0; size < value.size; size++) {
        reader = tacit_reader(tacit_span(value.data, size));
        assert_int_equal(tacit_reader_skip(&reader, TACIT_CODEC_DEPTH_MAX, &skipped),
                         TACIT_MALFORMED);
        assert_int_equal(reader.rest.size, size);
    }
}

static tacit_status_t s_skip_nested(size_t containers, size_t depth)
{
    uint8_t bytes[TACIT_CODEC_DEPTH_MAX + 8];
    tacit_span_t skipped;
    memset(bytes, 0x91, containers);
    bytes[containers] = 0xc0;
    tacit_reader_t reader = tacit_reader(tacit_span(bytes, containers + 1));
    return tacit_reader_skip(&reader, depth, &skipped);
}

static void skip_limits_depth(void **state)
{
    (void)state;
    for (size_t depth = 0; depth <= TACIT_CODEC_DEPTH_MAX; depth++) {
        assert_int_equal(s_skip_nested(depth, depth), TACIT_OK);
        assert_int_equal(s_skip_nested(depth + 1, depth), TACIT_TOO_LARGE);
    }
    assert_int_equal(s_skip_nested(TACIT_CODEC_DEPTH_MAX + 1, SIZE_MAX), TACIT_TOO_LARGE);
}

static void text_is_well_formed_utf8_without_nul(void **state)
{
    (void)state;
    const struct {
        tacit_span_t text;
        size_t prefix;
    } rows[] = {
        {BYTES(""), 0},
        {BYTES("plain"), 5},
        {BYTES("sixteen bytes..."), 16},
        {BYTES("sixteen\x00 bytes.."), 7},
        {BYTES("sixteen bytes..\x80"), 15},
        {BYTES("\xc2\x80\xdf\xbf"), 4},
        {BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), 12},
        {BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8},
        {BYTES("a\x00"), 1},
        {BYTES("\x80"), 0},
        {BYTES("\xc0\x80"), 0}, /* overlong NUL */
        {BYTES("\xc1\xbf"), 0},
        {BYTES("\xe0\x9f\xbf"), 0},     /* overlong */
        {BYTES("\xed\xa0\x80"), 0},     /* surrogate */
        {BYTES("\xf0\x8f\xbf\xbf"), 0}, /* overlong */
        {BYTES("\xf4\x90\x80\x80"), 0}, /* beyond U+10FFFF */
        {BYTES("\xf5\x80\x80\x80"), 0},
        {BYTES("\xff"), 0},
        {BYTES("x\xc3"), 1}, /* cut */
        {BYTES("x\xe2\x82"), 1},
        {BYTES("x\xf0\x9f\x98"), 1},
        {BYTES("\xe2\x82\x41"), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tacit_text_valid_prefix(rows[i].text), rows[i].prefix);
        assert_int_equal(tacit_text_valid(rows[i].text), rows[i].prefix == rows[i].text.size);
    }
}

static void cleaning_replaces_only_what_is_no_text(void **state)
{
    (void)state;
    char text[] = "a\xff\xc3\xbc\xe2\x82z\x80";
    tacit_text_clean(text, sizeof text - 1);
    assert_string_equal(text, "a?\xc3\xbc??z?");
}

static void hexadecimal_is_read_as_written_and_nothing_else_is(void **state)
{
    uint8_t bytes[256];
    uint8_t back[256];
    char digits[2 * sizeof bytes];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    tacit_text_put_hex(bytes, sizeof bytes, digits);
    assert_memory_equal(digits + 2 * 0x9a, "9a9b9c9d9e9fa0", 14);
    assert_true(tacit_text_get_hex(digits, sizeof back, back));
    assert_memory_equal(back, bytes, sizeof bytes);
    size_t good = 0;
    for (int i = 0; i <= UINT8_MAX; i++) {
        const char high[] = {(char)i, '0'};
        const char low[] = {'0', (char)i};
        good += tacit_text_get_hex(high, 1, back);
        assert_int_equal(tacit_text_get_hex(low, 1, back), tacit_text_get_hex(high, 1, back));
    }
    assert_int_equal(good, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_in_every_width),
        cmocka_unit_test(negative_in_every_width),
        cmocka_unit_test(nil_bool_and_floats),
        cmocka_unit_test(strings_and_bytes_borrow_their_content),
        cmocka_unit_test(counts_are_compared_with_what_remains),
        cmocka_unit_test(extensions_and_the_reserved_byte_are_refused),
        cmocka_unit_test(skip_passes_over_one_whole_value),
        cmocka_unit_test(skip_limits_depth),
        cmocka_unit_test(text_is_well_formed_utf8_without_nul),
        cmocka_unit_test(cleaning_replaces_only_what_is_no_text),
        cmocka_unit_test(hexadecimal_is_read_as_written_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
