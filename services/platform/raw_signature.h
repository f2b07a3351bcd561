/*  raw_signature.h - ECDSA signatures as quotes and COSE carry them: r || s, each as long as the
    curve's order, big-endian.  */

#ifndef TACIT_PLATFORM_RAW_SIGNATURE_H
#define TACIT_PLATFORM_RAW_SIGNATURE_H

#include <openssl/evp.h>

#include "enclave/span.h"
#include "enclave/status.h"

enum { TACIT_P256_HALF = 32, TACIT_P384_HALF = 48 };

/*  By SHA-256 where half is that of P-256, by SHA-384 where it is that of P-384; the key must be on
    that curve. Writes 2 * half bytes.  */
TACIT_MUST_CHECK tacit_status_t tacit_raw_signature(EVP_PKEY *key, size_t half, tacit_span_t bytes,
                                                    uint8_t *ret_signature);

#endif
