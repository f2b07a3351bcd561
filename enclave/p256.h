/*  p256.h - ECDSA over P-256 with SHA-256, in the raw form that quotes and collateral use:
    keys are x || y, signatures r || s, each half 32 bytes big-endian.

    A signature (r, s) has a twin (r, n - s) that verifies as well: never take signatures, or the
    bytes of a quote, as an identity.  */

#ifndef TACIT_ENCLAVE_P256_H
#define TACIT_ENCLAVE_P256_H

#include <openssl/evp.h>

#include "enclave/sgx_quote.h"
#include "enclave/span.h"
#include "enclave/status.h"

/*  The public key of these coordinates: free with EVP_PKEY_free. MALFORMED where they are not a
    point of the curve.  */
TACIT_MUST_CHECK tacit_status_t tacit_p256_key(const uint8_t xy[TACIT_ECDSA_KEY_SIZE],
                                               EVP_PKEY **ret_key);

/*  True for an EC key on P-256, named, not spelt out in parameters.  */
bool tacit_p256_is_key(const EVP_PKEY *key);

/*  SIGNATURE_INVALID unless the key signed the message.  */
TACIT_MUST_CHECK tacit_status_t tacit_p256_verify(
    EVP_PKEY *key, tacit_span_t message, const uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE]);

#endif
