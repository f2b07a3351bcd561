/*  enclave_configuration.h - what an enclave may run besides its executable: the text beside it,
    EXECUTABLE.enclave, which is measured with it.

        role = worker
        product = 5
        svn = 1
        debug = no
        isolation = standard
        backend = onednn
        library = /usr/lib/x86_64-linux-gnu/libc.so.6 <SHA-256 in hex>

    Strict: `key = value` lines only, each ended by a newline, every key but library exactly once
    (isolation and backend in a worker's only, and such that go together: isolation.h),
    libraries as absolute real paths, none twice. A text that could be read in two ways would be
    measured in one and obeyed in the other.  */

#ifndef TACIT_ENCLAVE_ENCLAVE_CONFIGURATION_H
#define TACIT_ENCLAVE_ENCLAVE_CONFIGURATION_H

#include "enclave/error.h"
#include "enclave/isolation.h"
#include "enclave/role.h"
#include "enclave/span.h"

enum {
    TACIT_CONFIGURATION_TEXT_MAX = 32 * 1024, /* bytes */
    TACIT_CONFIGURATION_LIBRARIES_MAX = 128,
    TACIT_CONFIGURATION_PATH_MAX = 512 /* bytes of a library's path, with the final NUL */
};

typedef struct tacit_library {
    char path[TACIT_CONFIGURATION_PATH_MAX];
    uint8_t sha256[32];
} tacit_library_t;

typedef struct tacit_enclave_configuration {
    tacit_role_t role;
    uint16_t product_id; /* the role's number: checked */
    uint16_t svn;
    bool debug;
    tacit_isolation_t isolation; /* NONE but for workers */
    tacit_backend_t backend;     /* NONE but for workers */
    tacit_library_t *libraries;  /* owned */
    size_t library_count;
} tacit_enclave_configuration_t;

/*  MALFORMED or TOO_LARGE with the line in the message.  */
TACIT_MUST_CHECK tacit_status_t tacit_enclave_configuration_parse(
    tacit_span_t text, tacit_enclave_configuration_t **ret_configuration, tacit_error_t *ret_error);
void tacit_enclave_configuration_destroy(tacit_enclave_configuration_t **configuration);

/*  The text of a configuration: parses back to the same. free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_enclave_configuration_format(
    const tacit_enclave_configuration_t *configuration, char **ret_text, tacit_error_t *ret_error);

/*  The library of that path, or NULL.  */
const tacit_library_t *
tacit_enclave_configuration_find(const tacit_enclave_configuration_t *configuration,
                                 const char *path);

#endif
