/*  file_hashes.h - SHA-256 of executables and libraries, remembered while they do not change.

    Known by device, inode, size, mtime and ctime. A file that changed a moment ago is not
    remembered: it could change again within the clock's grain and look the same.  */

#ifndef TACIT_PLATFORM_FILE_HASHES_H
#define TACIT_PLATFORM_FILE_HASHES_H

#include "enclave/span.h"
#include "enclave/status.h"

enum {
    TACIT_FILE_HASHES_MAX = 512,   /* files remembered; the oldest is forgotten */
    TACIT_FILE_HASHES_SETTLE_S = 2 /* a file must have been left alone so long */
};

typedef struct tacit_file_facts {
    uint8_t sha256[32];
    char mapping[40]; /* "dev inode" as a memory map of the file shows them */
} tacit_file_facts_t;

typedef struct tacit_file_hashes tacit_file_hashes_t;

TACIT_MUST_CHECK tacit_status_t tacit_file_hashes_new(tacit_file_hashes_t **ret_hashes);
void tacit_file_hashes_destroy(tacit_file_hashes_t **hashes);

/*  CORRUPT where the file changed while it was read.  */
TACIT_MUST_CHECK tacit_status_t tacit_file_hashes_get(tacit_file_hashes_t *hashes, int fd,
                                                      tacit_file_facts_t *ret_facts);

#endif
