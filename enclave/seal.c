/*  seal.c - XChaCha20-Poly1305 with random nonces, and transcripts.

    Sealed layout: nonce 24, ciphertext as long as the plaintext, tag 16. 192-bit random nonces
    need no counter that a restored snapshot of the process could repeat.  */

#include "enclave/seal.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(TACIT_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(TACIT_SEAL_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(TACIT_SEAL_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");

void tacit_seal(const uint8_t key[TACIT_KEY_SIZE], tacit_span_t associated, tacit_span_t plaintext,
                uint8_t *ret_sealed)
{
    uint8_t *ciphertext = ret_sealed + TACIT_SEAL_NONCE_SIZE;
    randombytes_buf(ret_sealed, TACIT_SEAL_NONCE_SIZE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(ciphertext, NULL, plaintext.data,
                                                     plaintext.size, associated.data,
                                                     associated.size, NULL, ret_sealed, key);
}

tacit_status_t tacit_seal_open(const uint8_t key[TACIT_KEY_SIZE], tacit_span_t associated,
                               tacit_span_t sealed, uint8_t *ret_plaintext)
{
    tacit_cursor_t cursor = tacit_cursor(sealed);
    tacit_span_t nonce = tacit_cursor_take(&cursor, TACIT_SEAL_NONCE_SIZE);
    if (cursor.failed || cursor.rest.size < TACIT_SEAL_TAG_SIZE) {
        return TACIT_MALFORMED;
    }
    int refused = crypto_aead_xchacha20poly1305_ietf_decrypt(
        ret_plaintext, NULL, NULL, cursor.rest.data, cursor.rest.size, associated.data,
        associated.size, nonce.data, key);
    if (refused) {
        sodium_memzero(ret_plaintext, cursor.rest.size - TACIT_SEAL_TAG_SIZE);
        return TACIT_CORRUPT;
    }
    return TACIT_OK;
}

void tacit_transcript_start(tacit_transcript_t *transcript, const char *label)
{
    transcript->size = 0;
    tacit_transcript_add(transcript, tacit_span_string(label));
}

static void s_append(tacit_transcript_t *transcript, const void *bytes, size_t size)
{
    /*  A short transcript would bind less than its reader believes: better no process at all.  */
    if (size > TACIT_TRANSCRIPT_MAX - transcript->size) {
        abort();
    }
    if (size > 0) {
        memcpy(transcript->data + transcript->size, bytes, size);
        transcript->size += size;
    }
}

void tacit_transcript_add(tacit_transcript_t *transcript, tacit_span_t field)
{
    if (field.size > TACIT_TRANSCRIPT_MAX) {
        abort();
    }
    uint8_t length[4];
    for (size_t i = 0; i < sizeof length; i++) {
        length[i] = (uint8_t)(field.size >> (8 * i));
    }
    s_append(transcript, length, sizeof length);
    s_append(transcript, field.data, field.size);
}

void tacit_transcript_add_u64(tacit_transcript_t *transcript, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    tacit_transcript_add(transcript, tacit_span(bytes, sizeof bytes));
}
