/*  hex.c - strict both ways: nothing is skipped, nothing may follow.  */

#include "clients/lib/hex.h"

#include <sodium.h>
#include <string.h>

bool tacit_hex_read(const char *text, uint8_t *ret_bytes, size_t size)
{
    size_t digits = 2 * size;
    return strnlen(text, digits + 1) == digits &&
           strspn(text, "0123456789abcdefABCDEF") == digits &&
           sodium_hex2bin(ret_bytes, size, text, digits, NULL, NULL, NULL) == 0;
}

void tacit_hex_key(const uint8_t key[32], char ret_text[TACIT_HEX_KEY_SIZE])
{
    (void)sodium_bin2hex(ret_text, TACIT_HEX_KEY_SIZE, key, 32);
}

void tacit_hex_short(const uint8_t key[32], char ret_text[TACIT_HEX_SHORT_SIZE])
{
    (void)sodium_bin2hex(ret_text, TACIT_HEX_SHORT_SIZE, key, TACIT_HEX_SHORT_SIZE / 2);
}
