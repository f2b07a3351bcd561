/*  sign_libraries.h - which libraries an executable loads, for tacit-sign.  */

#ifndef TACIT_ENCLAVE_SIGN_LIBRARIES_H
#define TACIT_ENCLAVE_SIGN_LIBRARIES_H

#include "enclave/enclave_configuration.h"

/*  Append to the configuration every library that the dynamic linker loads with the executable,
    the linker itself included, in loading order, by real path and hash.  */
TACIT_MUST_CHECK tacit_status_t tacit_sign_libraries(const char *executable,
                                                     tacit_enclave_configuration_t *configuration,
                                                     tacit_error_t *ret_error);

/*  Append one more, that is loaded later.  */
TACIT_MUST_CHECK tacit_status_t tacit_sign_library(const char *path,
                                                   tacit_enclave_configuration_t *configuration,
                                                   tacit_error_t *ret_error);

#endif
