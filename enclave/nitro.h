/*  nitro.h - is this AWS Nitro attestation document genuine, and what does it say?  */

#ifndef TACIT_ENCLAVE_NITRO_H
#define TACIT_ENCLAVE_NITRO_H

#include "enclave/chain_cache.h"

enum { TACIT_NITRO_SKEW_MS = 5 * 60 * 1000 /* how far the maker's clock may be ahead */ };

/*  Verify a document at a time (Unix ms), anchored in the certificate whose DER has SHA-256
    root_sha256: form, chain cabundle || certificate, signature, and that it was made while its leaf
    was valid and not after now. A document of a debug enclave is genuine and says debug. Comparing
    PCRs, nonce, user_data and public_key is the caller's. cache may be NULL.  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_verify(tacit_span_t document,
                                                   const uint8_t root_sha256[32],
                                                   tacit_chain_cache_t *cache, uint64_t now_ms,
                                                   tacit_verdict_t *ret_verdict,
                                                   tacit_error_t *ret_error);

/*  Only the enclave's own part: the document's certificate signed it. Says nothing about the
    certificate; that is for who has an attestation result naming its key. Fills
    attestation_key_sha256 and what the document says, and leaves the rest zero.  */
TACIT_MUST_CHECK tacit_status_t tacit_nitro_verify_body(tacit_span_t document,
                                                        tacit_verdict_t *ret_verdict,
                                                        tacit_error_t *ret_error);

#endif
