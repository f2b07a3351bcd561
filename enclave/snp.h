/*  snp.h - is this AMD SEV-SNP report genuine, and what does it say?  */

#ifndef TACIT_ENCLAVE_SNP_H
#define TACIT_ENCLAVE_SNP_H

#include "enclave/chain_cache.h"

/*  The certificates of the key that signed, DER each. Borrowed.  */
typedef struct tacit_snp_chain {
    tacit_span_t vek; /* VCEK or VLEK */
    tacit_span_t ask; /* or ASVK */
    tacit_span_t ark;
    tacit_span_t crl; /* of the ARK, about ask; data NULL: none is given */
} tacit_snp_chain_t;

/*  Verify a report at a time (Unix ms), anchored in the ARK whose DER has SHA-256 root_sha256:
    form, chain, signature; then the certificate against the report: the kind of key, product line,
    reported TCB and (VCEK) chip id; and the list of revoked keys, where one is given. A guest whose policy allows debugging is genuine and says so.
    As tacit_vendor_chain_parse and _verify, tacit_amd_crl_check, and UNSUPPORTED, COLLATERAL_MISSING, TCB_UNSUPPORTED
    (the certificate is of another TCB), PLATFORM_REFUSED (of another chip). cache may be NULL.  */
TACIT_MUST_CHECK tacit_status_t tacit_snp_verify(tacit_span_t report,
                                                 const tacit_snp_chain_t *chain,
                                                 const uint8_t root_sha256[32],
                                                 tacit_chain_cache_t *cache, uint64_t now_ms,
                                                 tacit_verdict_t *ret_verdict,
                                                 tacit_error_t *ret_error);

#endif
