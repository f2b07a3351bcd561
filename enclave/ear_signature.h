/*  ear_signature.h - the two algorithms that sign attestation results, by the key that is given. */

#ifndef TACIT_ENCLAVE_EAR_SIGNATURE_H
#define TACIT_ENCLAVE_EAR_SIGNATURE_H

#include <openssl/evp.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_EAR_SIGNATURE_SIZE = 64 }; /* of both: r || s, and Ed25519 */

typedef struct tacit_ear_algorithm {
    const char *jose; /* RFC 7518, RFC 8037 */
    int cose;         /* RFC 9053 */
    bool is_ecdsa;
} tacit_ear_algorithm_t;

/*  NULL (UNSUPPORTED) unless the key is on P-256 or Ed25519.  */
const tacit_ear_algorithm_t *tacit_ear_algorithm(EVP_PKEY *key, tacit_error_t *ret_error);

TACIT_MUST_CHECK tacit_status_t
tacit_ear_signature_make(const tacit_ear_algorithm_t *algorithm, EVP_PKEY *key, tacit_span_t bytes,
                         uint8_t ret_signature[TACIT_EAR_SIGNATURE_SIZE]);

/*  SIGNATURE_INVALID.  */
TACIT_MUST_CHECK tacit_status_t tacit_ear_signature_check(
    const tacit_ear_algorithm_t *algorithm, EVP_PKEY *key, tacit_span_t bytes,
    const uint8_t signature[TACIT_EAR_SIGNATURE_SIZE], tacit_error_t *ret_error);

#endif
