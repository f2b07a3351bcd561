/*  vendor_chain.h - certificate chains of AWS and AMD: their form, and their path at a time.

    What certificates.h and chain_trust.h are for Intel, whose chains come in PEM with CRLs. These
    come in DER, without revocation lists, and each vendor has algorithms of its own.  */

#ifndef TACIT_ENCLAVE_VENDOR_CHAIN_H
#define TACIT_ENCLAVE_VENDOR_CHAIN_H

#include <openssl/x509.h>

#include "enclave/chain_cache.h"
#include "enclave/error.h"

enum { TACIT_VENDOR_CHAIN_MAX = TACIT_NITRO_BUNDLE_MAX + 1 /* certificates */ };

typedef enum tacit_vendor {
    TACIT_VENDOR_AWS, /* P-384 and ecdsa-with-SHA384 throughout */
    TACIT_VENDOR_AMD  /* RSA-4096, PSS with SHA-384; a leaf on P-384 */
} tacit_vendor_t;

typedef struct tacit_vendor_chain {
    tacit_vendor_t vendor;
    X509 *certificates[TACIT_VENDOR_CHAIN_MAX]; /* owned; leaf first, root last */
    size_t count;
} tacit_vendor_chain_t;

/*  Parse certificates, each consumed exactly, leaf first, and check keys, algorithms and uses; the
    last must be the root whose DER has SHA-256 root_sha256. EVIDENCE_MALFORMED,
    CERTIFICATE_INVALID, TRUST_ANCHOR_REFUSED. Free with tacit_vendor_chain_clear.  */
TACIT_MUST_CHECK tacit_status_t tacit_vendor_chain_parse(tacit_vendor_t vendor,
                                                         const tacit_span_t *ders, size_t count,
                                                         const uint8_t root_sha256[32],
                                                         tacit_vendor_chain_t *ret_chain,
                                                         tacit_error_t *ret_error);

/*  Safe on a zeroed chain, and twice.  */
void tacit_vendor_chain_clear(tacit_vendor_chain_t *chain);

/*  Signatures, dates and path; and the period in which all certificates are valid. A chain that the
    cache (NULL: none) knows was validated before.
    SIGNATURE_INVALID, CERTIFICATE_INVALID, COLLATERAL_EXPIRED.  */
TACIT_MUST_CHECK tacit_status_t tacit_vendor_chain_verify(const tacit_vendor_chain_t *chain,
                                                          tacit_chain_cache_t *cache,
                                                          uint64_t now_ms,
                                                          tacit_period_t *ret_period,
                                                          tacit_error_t *ret_error);

static inline X509 *tacit_vendor_chain_leaf(const tacit_vendor_chain_t *chain)
{
    return chain->certificates[0];
}

/*  Anchor's hash, name, and whether it says SIMULATED, into the verdict.  */
void tacit_vendor_chain_claim_root(const tacit_vendor_chain_t *chain, const uint8_t root_sha256[32],
                                   tacit_verdict_t *verdict);

#endif
