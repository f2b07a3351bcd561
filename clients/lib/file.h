/*  file.h - whole files in and out, at the user's side.

    What a user sends or receives is plaintext: it is read into secret memory, and written so that
    nobody else may read it and no half-written file is ever seen.  */

#ifndef TACIT_CLIENTS_FILE_H
#define TACIT_CLIENTS_FILE_H

#include "enclave/error.h"
#include "enclave/secret.h"

/*  Reads a regular file of 1..size_max bytes. BAD_INPUT where there is no such file, it may not be
    read, is empty or is no regular file; TOO_LARGE beyond size_max.  */
TACIT_MUST_CHECK tacit_status_t tacit_file_read(const char *path, size_t size_max,
                                                tacit_secret_t **ret_bytes,
                                                tacit_error_t *ret_error);

/*  Writes a file (mode 0600) beside its place, syncs it and moves it there, over an older one.  */
TACIT_MUST_CHECK tacit_status_t tacit_file_write(const char *path, tacit_span_t bytes,
                                                 tacit_error_t *ret_error);

#endif
