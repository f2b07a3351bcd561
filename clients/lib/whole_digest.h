/*  whole_digest.h - SHA-256 of a file of any size, without holding it.  */

#ifndef TACIT_CLIENTS_WHOLE_DIGEST_H
#define TACIT_CLIENTS_WHOLE_DIGEST_H

#include "enclave/error.h"

/*  NOT_FOUND where there is no such file, BAD_INPUT where it cannot be read.  */
TACIT_MUST_CHECK tacit_status_t tacit_whole_digest(const char *path, uint8_t ret_digest[32],
                                                   tacit_error_t *ret_error);

#endif
