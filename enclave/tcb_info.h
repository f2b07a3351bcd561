/*  tcb_info.h - the signed list of TCB levels of a platform model: SGX, versions 2 and 3, and TDX,
    version 3.  */

#ifndef TACIT_ENCLAVE_TCB_INFO_H
#define TACIT_ENCLAVE_TCB_INFO_H

#include <openssl/evp.h>

#include "enclave/pck.h"
#include "enclave/tcb_status.h"
#include "enclave/td_report.h"

/*  Who is judged. Borrowed.  */
typedef struct tacit_tcb_subject {
    const tacit_pck_t *pck;
    const tacit_td_report_t *td; /* NULL: SGX */
} tacit_tcb_subject_t;

/*  What TCB info says of a platform, nothing merged yet.  */
typedef struct tacit_tcb_finding {
    uint32_t version;              /* of the document */
    tacit_level_t platform;        /* first level that the platform reaches in everything */
    tacit_tcb_status_t sgx_status; /* of the first level that it reaches without its TDX parts */
    bool has_module;               /* the TDX module has levels of its own */
    tacit_level_t module;          /* then the one that it reaches */
    bool relaunched_is_current;    /* TDX 1.5: the module loaded now is of the newest level */
} tacit_tcb_finding_t;

/*  Judge a platform by {"tcbInfo":..}: signature by signer, dates, kind, model (FMSPC, PCEID), then
    the first level that it reaches in every component; for TDX its components too (from index 2
    where the module has a version of its own) and the module's identity. As
    tacit_signed_json_open, and UNSUPPORTED (kind or version), COLLATERAL_MISSING (of another
    model), TCB_UNSUPPORTED (no level, or a module that is not listed), TCB_STATUS_REFUSED (no
    status that a level may have), MEASUREMENT_REFUSED (not the vendor's TDX module).  */
TACIT_MUST_CHECK tacit_status_t tacit_tcb_info_judge(tacit_span_t text, EVP_PKEY *signer,
                                                     uint64_t now_ms,
                                                     const tacit_tcb_subject_t *subject,
                                                     tacit_tcb_finding_t *ret_finding,
                                                     tacit_error_t *ret_error);

/*  The platform's status with its TDX module's: OutOfDate where the module is, unless the domain
    only has to be relaunched to have the current one.  */
tacit_tcb_status_t tacit_tcb_finding_status(const tacit_tcb_finding_t *finding,
                                            tacit_tcb_status_t enclave);

#endif
