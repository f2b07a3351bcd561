/*  tcb_info.h - the JSON of a simulated vendor: TCB info v3 and QE identity v2, unsigned.  */

#ifndef TACIT_PLATFORM_TCB_INFO_H
#define TACIT_PLATFORM_TCB_INFO_H

#include "services/platform/pki.h"

enum {
    TACIT_TCB_INFO_TEXT_MAX = 4096,
    TACIT_QE_SVN = 8, /* of the simulated quoting enclave */
    TACIT_QE_PRODUCT_ID = 1
};

/*  MRSIGNER of the simulated quoting enclave.  */
void tacit_qe_mrsigner(uint8_t ret_mrsigner[32]);

/*  The inner objects, whose exact bytes are signed; NUL-terminated. options is not NULL.  */
void tacit_tcb_info_text(const tacit_sgx_platform_t *platform, const tacit_pki_options_t *options,
                         tacit_validity_t validity, char ret_text[TACIT_TCB_INFO_TEXT_MAX]);
void tacit_qe_identity_text(const tacit_pki_options_t *options, tacit_validity_t validity,
                            char ret_text[TACIT_TCB_INFO_TEXT_MAX]);

#endif
