/*  receipt_fuzz.c - foreign bytes as a receipt, raw and signed by the worker's key.

    What verifies must be canonical: signing what was read gives the same bytes.  */

#include <sodium.h>
#include <stdlib.h>

#include "enclave/envelope.h"

enum { S_SIGNED_SIZE = TACIT_RECEIPT_SIZE - crypto_sign_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check(tacit_span_t bytes, const uint8_t key[32], const uint8_t secret[64])
{
    tacit_receipt_t receipt;
    tacit_error_t error;
    uint8_t again[TACIT_RECEIPT_SIZE];
    if (tacit_receipt_verify(bytes, key, &receipt, &error) == TACIT_OK) {
        tacit_receipt_sign(&receipt, secret, again);
        if (!tacit_span_equal(bytes, tacit_span(again, sizeof again))) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t key[32];
    uint8_t secret[64];
    uint8_t bytes[TACIT_RECEIPT_SIZE] = {0};
    (void)crypto_sign_seed_keypair(key, secret, seed);
    s_check(tacit_span(data, size), key, secret);
    if (size > 0) {
        memcpy(bytes, data, size < S_SIGNED_SIZE ? size : S_SIGNED_SIZE);
    }
    (void)crypto_sign_detached(bytes + S_SIGNED_SIZE, NULL, bytes, S_SIGNED_SIZE, secret);
    s_check(tacit_span(bytes, sizeof bytes), key, secret);
    return 0;
}
