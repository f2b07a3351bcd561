/*  dcap.h - is this Intel quote (SGX or TDX, versions 3 to 5) genuine, and what does it say?

    Verification apart from policy: a platform whose status is Revoked is told as such, and it is
    policy that never accepts it.  */

#ifndef TACIT_ENCLAVE_DCAP_H
#define TACIT_ENCLAVE_DCAP_H

#include "enclave/verdict.h"

/*  Verify a quote with its collateral at a time (Unix ms), anchored in the certificate whose DER
   has SHA-256 root_sha256. Missing, expired, revoked or unmatched anything is a refusal.  */
TACIT_MUST_CHECK tacit_status_t tacit_dcap_verify(tacit_span_t quote,
                                                  const tacit_collateral_t *collateral,
                                                  const uint8_t root_sha256[32], uint64_t now_ms,
                                                  tacit_verdict_t *ret_verdict,
                                                  tacit_error_t *ret_error);

/*  Only that the quote's attestation key signed its header and body; SHA-256 of that key.  */
TACIT_MUST_CHECK tacit_status_t tacit_dcap_verify_body(const tacit_dcap_quote_t *quote,
                                                       uint8_t ret_key_sha256[32],
                                                       tacit_error_t *ret_error);

#endif
