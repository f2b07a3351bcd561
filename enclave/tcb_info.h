/*  tcb_info.h - the signed list of TCB levels of a platform model, SGX, versions 2 and 3.  */

#ifndef TACIT_ENCLAVE_TCB_INFO_H
#define TACIT_ENCLAVE_TCB_INFO_H

#include <openssl/evp.h>

#include "enclave/pck.h"
#include "enclave/tcb_status.h"

/*  Judge a platform by {"tcbInfo":..}: signature by signer, dates, model (FMSPC, PCEID), then the
    first level that it reaches in every component. As tacit_signed_json_open, and UNSUPPORTED
    (kind or version), COLLATERAL_MISSING (of another model), TCB_UNSUPPORTED (no level),
    TCB_STATUS_REFUSED (Revoked, or a status that this build does not know).  */
TACIT_MUST_CHECK tacit_status_t tacit_tcb_info_judge(tacit_span_t text, EVP_PKEY *signer,
                                                     uint64_t now_ms, const tacit_pck_t *pck,
                                                     tacit_verdict_t *ret_verdict,
                                                     tacit_error_t *ret_error);

#endif
