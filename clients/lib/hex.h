/*  hex.h - binary values as users type and read them: lowercase hex digits.  */

#ifndef TACIT_CLIENTS_HEX_H
#define TACIT_CLIENTS_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TACIT_HEX_KEY_SIZE = 2 * 32 + 1, /* a key or digest as text, with the final NUL */
    TACIT_HEX_SHORT_SIZE = 16 + 1    /* its first digits, for tables */
};

/*  True for text of exactly 2 * size hex digits (either case), whose value is then in ret_bytes. */
bool tacit_hex_read(const char *text, uint8_t *ret_bytes, size_t size);

/*  The digits of 32 bytes: all of them, or the first sixteen.  */
void tacit_hex_key(const uint8_t key[32], char ret_text[TACIT_HEX_KEY_SIZE]);
void tacit_hex_short(const uint8_t key[32], char ret_text[TACIT_HEX_SHORT_SIZE]);

#endif
