/*  chain_trust.h - are these chains valid at that time, and nobody in them revoked?

    A trust holds one pinned root, both CRLs and a moment; OpenSSL's path validation runs in a
    store that contains nothing else. A CRL is required for every issuer, the root included.  */

#ifndef TACIT_ENCLAVE_CHAIN_TRUST_H
#define TACIT_ENCLAVE_CHAIN_TRUST_H

#include "enclave/certificates.h"
#include "enclave/verdict.h"

typedef struct tacit_chain_trust tacit_chain_trust_t;

/*  The root of the PCK chain, which tacit_chain_parse pinned, is the only anchor. The CRLs are DER:
    the root's and that of the chain's CA, each in its own place, so that neither passes for the
    other's number. EVIDENCE_MALFORMED, CERTIFICATE_INVALID, COLLATERAL_MISSING.  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_trust_new(const tacit_chain_t *pck_chain,
                                                      tacit_span_t root_crl, tacit_span_t pck_crl,
                                                      uint64_t now_ms,
                                                      tacit_chain_trust_t **ret_trust,
                                                      tacit_error_t *ret_error);
void tacit_chain_trust_destroy(tacit_chain_trust_t **trust);

/*  Signatures, dates, path and revocation of the chain. SIGNATURE_INVALID, CERTIFICATE_INVALID,
    CERTIFICATE_REVOKED, COLLATERAL_MISSING (a CRL of another issuer), COLLATERAL_EXPIRED.  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_trust_verify(tacit_chain_trust_t *trust,
                                                         const tacit_chain_t *chain,
                                                         tacit_error_t *ret_error);

/*  Unix ms: the earliest end of the CRLs and of every chain verified so far.  */
uint64_t tacit_chain_trust_expires(const tacit_chain_trust_t *trust);

/*  When both CRLs are valid; and their numbers (zero where they have none) into the marks.  */
tacit_period_t tacit_chain_trust_lists(const tacit_chain_trust_t *trust,
                                       tacit_collateral_marks_t *marks);

#endif
