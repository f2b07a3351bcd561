/*  tdx_module.h - is this the vendor's TDX module, and how old is it?

    TCB info of TDX names the modules: "tdxModule" for those without a version of their own, and
    "tdxModuleIdentities", one for each version, with levels.  */

#ifndef TACIT_ENCLAVE_TDX_MODULE_H
#define TACIT_ENCLAVE_TDX_MODULE_H

#include <jansson.h>

#include "enclave/error.h"
#include "enclave/tcb_status.h"
#include "enclave/td_report.h"

/*  The module that the domain began on: signer, attributes, then the first level that its ISVSVN
    reaches. *ret_has_level is false where the module has no version of its own. TCB_UNSUPPORTED,
    MEASUREMENT_REFUSED, EVIDENCE_MALFORMED, TCB_STATUS_REFUSED.  */
TACIT_MUST_CHECK tacit_status_t tacit_tdx_module_judge(const json_t *tcb_info,
                                                       const tacit_td_report_t *td,
                                                       bool *ret_has_level,
                                                       tacit_level_t *ret_level,
                                                       tacit_error_t *ret_error);

/*  Is the module that is loaded now (TDX 1.5) at the newest level of its version?  */
bool tacit_tdx_module_is_current(const json_t *tcb_info, const tacit_td_report_t *td);

#endif
