/*  amd_crl.h - AMD's list of revoked signing keys: issued by the ARK of a product line, about its
    ASK or ASVK. AMD's service gives it by product line; honoured where it is given.  */

#ifndef TACIT_ENCLAVE_AMD_CRL_H
#define TACIT_ENCLAVE_AMD_CRL_H

#include <openssl/x509.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_AMD_CRL_MAX = 64 * 1024 }; /* bytes */

/*  The list in DER must be exactly one, issued and signed by the ARK, and valid at now_ms (Unix
   ms); the ASK must not be on it. EVIDENCE_MALFORMED, SIGNATURE_INVALID, COLLATERAL_EXPIRED,
    CERTIFICATE_REVOKED. until_ms: when the next list is due.  */
TACIT_MUST_CHECK tacit_status_t tacit_amd_crl_check(tacit_span_t der, X509 *ark, X509 *ask,
                                                    uint64_t now_ms, uint64_t *ret_until_ms,
                                                    tacit_error_t *ret_error);

#endif
