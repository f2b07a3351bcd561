/*  text.h - what counts as text on the wire.  */

#ifndef TACIT_RPC_TEXT_H
#define TACIT_RPC_TEXT_H

#include "enclave/span.h"

/*  True for well-formed UTF-8 (Unicode 15, table 3-7) without NUL.  */
bool tacit_text_valid(tacit_span_t text);

/*  Bytes at the start of text that are that, in whole characters.  */
size_t tacit_text_valid_prefix(tacit_span_t text);

/*  Put '?' in place of every byte that is no part of such text.  */
void tacit_text_clean(char *text, size_t size);

/*  Bytes of the character at the start of text that is valid and not empty.  */
size_t tacit_text_character(tacit_span_t text);

/*  Bytes as lower-case hexadecimal digits, two each and no NUL, and back (false: other characters).
    For what is no secret: how long it takes depends on the digits.  */
void tacit_text_put_hex(const uint8_t *bytes, size_t size, char *ret_digits);
bool tacit_text_get_hex(const char *digits, size_t size, uint8_t *ret_bytes);

#endif
