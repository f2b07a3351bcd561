/*  sign_show.h - who a signed executable is: read back, checked and printed, as a policy has to
   list it.  */

#ifndef TACIT_ENCLAVE_SIGN_SHOW_H
#define TACIT_ENCLAVE_SIGN_SHOW_H

#include "enclave/error.h"
#include "enclave/span.h"
#include "enclave/tee.h"

/*  MRENCLAVE of an executable with that configuration.  */
TACIT_MUST_CHECK tacit_status_t tacit_sign_measure(const char *executable,
                                                   tacit_span_t configuration,
                                                   uint8_t ret_mrenclave[32],
                                                   tacit_error_t *ret_error);

/*  Prints it as a mesh of that kind measures it. MEASUREMENT_REFUSED where executable or
    configuration changed after signing.  */
TACIT_MUST_CHECK tacit_status_t tacit_sign_show(const char *executable, tacit_tee_t tee, bool json,
                                                tacit_error_t *ret_error);

#endif
