/*  file.h - a user's file into secret memory, for what users send is plaintext.

    Writing is enclave/whole_file.h's.  */

#ifndef TACIT_CLIENTS_FILE_H
#define TACIT_CLIENTS_FILE_H

#include "enclave/error.h"
#include "enclave/secret.h"

/*  Reads a regular file of 1..size_max bytes. BAD_INPUT where there is no such file, it may not be
    read, is empty or is no regular file; TOO_LARGE beyond size_max.  */
TACIT_MUST_CHECK tacit_status_t tacit_file_read(const char *path, size_t size_max,
                                                tacit_secret_t **ret_bytes,
                                                tacit_error_t *ret_error);

#endif
