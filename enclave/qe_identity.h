/*  qe_identity.h - is this the vendor's quoting enclave, and how old is it?  */

#ifndef TACIT_ENCLAVE_QE_IDENTITY_H
#define TACIT_ENCLAVE_QE_IDENTITY_H

#include <openssl/evp.h>

#include "enclave/sgx_quote.h"
#include "enclave/tcb_status.h"

/*  Judge a quoting enclave's report by {"enclaveIdentity":..}: signature by signer, dates, masked
    MISCSELECT and ATTRIBUTES, MRSIGNER, ISVPRODID, then the first level whose ISVSVN it reaches.
    id is "QE" for SGX and "TD_QE" for TDX. As tacit_signed_json_open, and UNSUPPORTED (kind or
    version), QE_REFUSED (another enclave, or no level), TCB_STATUS_REFUSED (no status that an
    enclave may have).  */
TACIT_MUST_CHECK tacit_status_t tacit_qe_identity_judge(tacit_span_t text, EVP_PKEY *signer,
                                                        const char *id, uint64_t now_ms,
                                                        const tacit_sgx_report_t *report,
                                                        tacit_level_t *ret_reached,
                                                        tacit_error_t *ret_error);

#endif
