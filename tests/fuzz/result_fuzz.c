/*  result_fuzz.c - foreign bytes as an attestation result, raw and signed by the trusted issuer.

    What verifies must be canonical: signing what was read gives the same bytes.  */

#include <sodium.h>
#include <stdlib.h>

#include "enclave/result.h"

enum { S_SIGNED_SIZE = TACIT_RESULT_SIZE - crypto_sign_BYTES, S_ISSUER_OFFSET = 312 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check(tacit_span_t bytes, const uint8_t issuer[32], const uint8_t secret[64])
{
    static const uint8_t mesh_id[32] = {0};
    static const uint64_t times[] = {0, UINT64_C(1795219200000), UINT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        tacit_result_t result;
        tacit_error_t error;
        uint8_t again[TACIT_RESULT_SIZE];
        if (tacit_result_verify(bytes, issuer, mesh_id, times[i], &result, &error) == TACIT_OK) {
            tacit_result_sign(&result, secret, again);
            if (!tacit_span_equal(bytes, tacit_span(again, sizeof again))) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t issuer[32];
    uint8_t secret[64];
    uint8_t bytes[TACIT_RESULT_SIZE] = {0};
    (void)crypto_sign_seed_keypair(issuer, secret, seed);
    s_check(tacit_span(data, size), issuer, secret);
    if (size > 0) {
        memcpy(bytes, data, size < S_SIGNED_SIZE ? size : S_SIGNED_SIZE);
    }
    memcpy(bytes + S_ISSUER_OFFSET, issuer, sizeof issuer); /* else nothing gets further */
    (void)crypto_sign_detached(bytes + S_SIGNED_SIZE, NULL, bytes, S_SIGNED_SIZE, secret);
    s_check(tacit_span(bytes, sizeof bytes), issuer, secret);
    return 0;
}
