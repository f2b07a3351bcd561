/*  ecdsa.h - ECDSA over raw signatures, for OpenSSL's EVP, which wants DER.  */

#ifndef TACIT_ENCLAVE_ECDSA_H
#define TACIT_ENCLAVE_ECDSA_H

#include <openssl/evp.h>

#include "enclave/span.h"
#include "enclave/status.h"

enum { TACIT_ECDSA_HALF_MAX = 48 /* bytes of r or s: P-384 */ };

/*  True for an EC key on the named curve ("prime256v1", "secp384r1"), not spelt out in
    parameters.  */
bool tacit_ecdsa_is_key(const EVP_PKEY *key, const char *group);

/*  SIGNATURE_INVALID unless the key signed the concatenation of the parts. signature is r || s,
    each half_size bytes, big-endian.  */
TACIT_MUST_CHECK tacit_status_t tacit_ecdsa_verify(EVP_PKEY *key, const EVP_MD *hash,
                                                   const tacit_span_t *parts, size_t part_count,
                                                   const uint8_t *signature, size_t half_size);

#endif
