/*  tcb_info.h - the JSON of a simulated vendor: TCB info v3 and QE identity v2, unsigned.  */

#ifndef TACIT_PLATFORM_TCB_INFO_H
#define TACIT_PLATFORM_TCB_INFO_H

#include "services/platform/pki.h"

enum {
    TACIT_TCB_INFO_TEXT_MAX = 8192,
    TACIT_QE_SVN = 8, /* of the simulated quoting enclave */
    TACIT_QE_PRODUCT_ID = 1,
    TACIT_TDX_MODULE_SVN = 6, /* of the simulated TDX module */
    TACIT_TDX_MODULE_VERSION = 1,
    TACIT_TDX_COMPONENT = 3,     /* TDX TCB component 2 of the simulated machine */
    TACIT_TDX_COMPONENT_OLD = 2, /* that a level which is out of date wants */
    TACIT_TDX_SIGNER_SIZE = 48
};

/*  MRSIGNER of the simulated quoting enclave.  */
void tacit_qe_mrsigner(uint8_t ret_mrsigner[32]);

/*  MRSIGNERSEAM of the simulated TDX module.  */
void tacit_tdx_module_signer(uint8_t ret_signer[TACIT_TDX_SIGNER_SIZE]);

/*  The inner objects, whose exact bytes are signed; NUL-terminated. options is not NULL.  */
void tacit_tcb_info_text(const tacit_sgx_platform_t *platform, const tacit_pki_options_t *options,
                         tacit_validity_t validity, char ret_text[TACIT_TCB_INFO_TEXT_MAX]);
void tacit_qe_identity_text(const tacit_pki_options_t *options, tacit_validity_t validity,
                            char ret_text[TACIT_TCB_INFO_TEXT_MAX]);

#endif
