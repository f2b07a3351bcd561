/*  whole_file.h - small files read and replaced as a whole.

    Replacing is atomic and durable: written beside, synced, renamed over, the folder synced. Who
    reads while it happens sees the old or the new, never a part. For configurations, signatures
    and state of bounded size.  */

#ifndef TACIT_ENCLAVE_WHOLE_FILE_H
#define TACIT_ENCLAVE_WHOLE_FILE_H

#include <sys/types.h>

#include "enclave/span.h"
#include "enclave/status.h"

/*  A regular file of at most size_max bytes, with a NUL after them; free() it. NOT_FOUND where
    there is none, TOO_LARGE, STORAGE_FAILED.  */
TACIT_MUST_CHECK tacit_status_t tacit_whole_file_read(const char *path, size_t size_max,
                                                      uint8_t **ret_bytes, size_t *ret_size);

/*  Replace or make the file. STORAGE_FULL or STORAGE_FAILED: then the old is still there.  */
TACIT_MUST_CHECK tacit_status_t tacit_whole_file_replace(const char *path, tacit_span_t bytes,
                                                         mode_t mode);

/*  Make the file unless there is one: ALREADY_EXISTS then. Of several who try, one succeeds.  */
TACIT_MUST_CHECK tacit_status_t tacit_whole_file_create(const char *path, tacit_span_t bytes,
                                                        mode_t mode);

#endif
