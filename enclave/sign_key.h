/*  sign_key.h - the signer's RSA-3072 key of tacit-sign.  */

#ifndef TACIT_ENCLAVE_SIGN_KEY_H
#define TACIT_ENCLAVE_SIGN_KEY_H

#include <openssl/evp.h>

#include "enclave/error.h"

/*  Load the PEM file, or make one (mode 0600) where there is none; of several who make it at once
    all use the one that was first. Refuses a key that others may read. EVP_PKEY_free it.  */
TACIT_MUST_CHECK tacit_status_t tacit_sign_key(const char *path, EVP_PKEY **ret_key,
                                               tacit_error_t *ret_error);

#endif
