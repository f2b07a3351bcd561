/*  text.c - UTF-8 by the table of well-formed sequences, eight ASCII bytes at a time.  */

#include "rpc/text.h"

/*  What may follow a first byte: how many bytes more, and the bounds of the first of them, which
    shut out overlong forms, surrogates and what lies beyond U+10FFFF.  */
typedef struct {
    uint8_t first, last; /* of the first byte */
    uint8_t more;
    uint8_t low, high;
} s_utf8_row_t;

static const s_utf8_row_t s_utf8_rows[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/*  Bytes of the character at the start of text (not empty); 0 where there is none.  */
static size_t s_utf8_length(tacit_span_t text)
{
    const uint8_t *at = text.data;
    if (at[0] < 0x80) {
        return at[0] != 0;
    }
    for (size_t i = 0; i < sizeof s_utf8_rows / sizeof *s_utf8_rows; i++) {
        const s_utf8_row_t *row = &s_utf8_rows[i];
        if (at[0] < row->first || at[0] > row->last) {
            continue;
        }
        if (row->more >= text.size || at[1] < row->low || at[1] > row->high) {
            return 0;
        }
        for (size_t j = 2; j <= row->more; j++) {
            if ((at[j] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return (size_t)row->more + 1;
    }
    return 0;
}

/*  True where eight bytes are all ASCII and none is NUL: a borrow from a zero byte sets its top
    bit, as a byte beyond ASCII has it set already.  */
static bool s_plain_word(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return ((word | (word - 0x0101010101010101U)) & 0x8080808080808080U) == 0;
}

size_t tacit_text_valid_prefix(tacit_span_t text)
{
    size_t at = 0;
    while (at < text.size) {
        if (text.size - at >= sizeof(uint64_t) && s_plain_word(text.data + at)) {
            at += sizeof(uint64_t);
            continue;
        }
        size_t length = s_utf8_length(tacit_span(text.data + at, text.size - at));
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

bool tacit_text_valid(tacit_span_t text)
{
    return tacit_text_valid_prefix(text) == text.size;
}

void tacit_text_clean(char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        at += tacit_text_valid_prefix(tacit_span(text + at, size - at));
        if (at < size) {
            text[at++] = '?';
        }
    }
}

size_t tacit_text_character(tacit_span_t text)
{
    size_t length = s_utf8_length(text);
    return length > 0 ? length : 1;
}

/*  --- hexadecimal ----------------------------------------------------------------------------- */

void tacit_text_put_hex(const uint8_t *bytes, size_t size, char *ret_digits)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret_digits[2 * i] = digits[bytes[i] >> 4];
        ret_digits[2 * i + 1] = digits[bytes[i] & 15];
    }
}

/*  One more than the digit's value; 0: it is none.  */
static const uint8_t s_digits[UINT8_MAX + 1] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool tacit_text_get_hex(const char *digits, size_t size, uint8_t *ret_bytes)
{
    bool good = true;
    for (size_t i = 0; i < size; i++) {
        unsigned high = s_digits[(uint8_t)digits[2 * i]];
        unsigned low = s_digits[(uint8_t)digits[2 * i + 1]];
        ret_bytes[i] = (uint8_t)((high - 1) << 4 | (low - 1));
        good = good && high > 0 && low > 0;
    }
    return good;
}
