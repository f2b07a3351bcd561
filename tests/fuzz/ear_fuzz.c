/*  ear_fuzz.c - foreign bytes as a claims-set and as a token.

    What is read is written and read again as the same, in both forms; a refusal explains itself;
    and no bytes are a token by this key, whose secret nobody has.  */

#include <stdlib.h>
#include <string.h>

#include "enclave/ear_token.h"

#define NOW_MS UINT64_C(1790000010000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_again(const tacit_ear_t *ear)
{
    static uint8_t claims[TACIT_EAR_CLAIMS_MAX];
    tacit_ear_t json;
    tacit_ear_t cbor;
    size_t size = 0;
    if (tacit_ear_write_json(ear, claims, &size) != TACIT_OK ||
        tacit_ear_read_json(tacit_span(claims, size), &json, NULL) != TACIT_OK ||
        tacit_ear_write_cbor(ear, claims, &size) != TACIT_OK ||
        tacit_ear_read_cbor(tacit_span(claims, size), &cbor, NULL) != TACIT_OK ||
        json.status != cbor.status || json.issued_s != cbor.issued_s ||
        json.submod_count != cbor.submod_count) {
        abort();
    }
}

static void s_take(tacit_status_t status, const tacit_ear_t *ear, const tacit_error_t *error)
{
    if (status == TACIT_OK) {
        s_again(ear);
    } else if (error->code != status || error->message[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *key;
    static const uint8_t public_key[32] = {9};
    tacit_span_t bytes = tacit_span(data, size);
    tacit_error_t error = {0};
    tacit_ear_t ear;
    tacit_ear_format_t format;
    if (!key) {
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, sizeof public_key);
    }
    s_take(tacit_ear_read_json(bytes, &ear, &error), &ear, &error);
    s_take(tacit_ear_read_cbor(bytes, &ear, &error), &ear, &error);
    if (tacit_ear_verify(bytes, key, NOW_MS, &ear, &format, &error) == TACIT_OK) {
        abort();
    }
    return 0;
}
