/*  ear_token.h - attestation results that are signed: EAR as a JWT or a CWT.

    JWT: JWS compact serialisation (RFC 7515, RFC 7519) with ES256 or EdDSA (RFC 8037). CWT:
    COSE_Sign1 (RFC 9052, section 4.2; RFC 8392) with the same two, tagged 18, by others' choice
    within tag 61 or with no tag. The algorithm is the key's: a header that names another, none, or
    anything critical, is refused.  */

#ifndef TACIT_ENCLAVE_EAR_TOKEN_H
#define TACIT_ENCLAVE_EAR_TOKEN_H

#include <openssl/evp.h>

#include "enclave/ear.h"

enum { TACIT_EAR_TOKEN_MAX = 32 * 1024 }; /* bytes of a token */

typedef enum tacit_ear_format { TACIT_EAR_JWT, TACIT_EAR_CWT } tacit_ear_format_t;

/*  P-256 or Ed25519; UNSUPPORTED for any other key. Writes at most TACIT_EAR_TOKEN_MAX bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_ear_sign(const tacit_ear_t *ear, tacit_ear_format_t format,
                                               EVP_PKEY *key, uint8_t *ret_token, size_t *ret_size,
                                               tacit_error_t *ret_error);

/*  By its bytes the token is a JWT (text) or a CWT. MALFORMED, SIGNATURE_INVALID, RESULT_EXPIRED,
   or RESULT_INVALID where it is issued later than now_ms by more than a minute.  */
TACIT_MUST_CHECK tacit_status_t tacit_ear_verify(tacit_span_t token, EVP_PKEY *key, uint64_t now_ms,
                                                 tacit_ear_t *ret_ear,
                                                 tacit_ear_format_t *ret_format,
                                                 tacit_error_t *ret_error);

#endif
