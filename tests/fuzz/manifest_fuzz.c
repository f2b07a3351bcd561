/*  manifest_fuzz.c - foreign bytes as a model manifest, raw and signed by the key that it names.

    What verifies must be canonical and within bounds: its chunks cover it exactly.  */

#include <sodium.h>
#include <stdlib.h>

#include "enclave/model_package.h"

enum { S_KEY_OFFSET = 72 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_check(tacit_span_t bytes, tacit_span_t signature, const uint8_t secret[64])
{
    tacit_model_manifest_t manifest;
    tacit_error_t error;
    uint8_t again[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t again_signature[64];
    if (tacit_model_manifest_verify(bytes, signature, &manifest, &error) != TACIT_OK) {
        return;
    }
    uint64_t whole = (uint64_t)(manifest.chunk_count - 1) * TACIT_MODEL_CHUNK_SIZE;
    size_t last = tacit_model_chunk_sealed_size(manifest.plaintext_size, manifest.chunk_count - 1);
    tacit_model_manifest_sign(&manifest, secret, again, again_signature);
    if (!tacit_span_equal(bytes, tacit_span(again, sizeof again)) ||
        whole + last - TACIT_SEAL_OVERHEAD != manifest.plaintext_size) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t key[32];
    uint8_t secret[64];
    uint8_t signature[64];
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE] = {0};
    (void)crypto_sign_seed_keypair(key, secret, seed);
    if (size > sizeof signature) {
        s_check(tacit_span(data, size - sizeof signature),
                tacit_span(data + size - sizeof signature, sizeof signature), secret);
    }
    if (size > 0) {
        memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    }
    memcpy(bytes + S_KEY_OFFSET, key, sizeof key); /* else nothing gets further */
    (void)crypto_sign_detached(signature, NULL, bytes, sizeof bytes, secret);
    s_check(tacit_span(bytes, sizeof bytes), tacit_span(signature, sizeof signature), secret);
    return 0;
}
