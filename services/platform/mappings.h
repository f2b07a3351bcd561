/*  mappings.h - is all code in a process's memory measured code?

    Reads /proc/PID/smaps. Every executable mapping has to be the executable itself or a library
    that the configuration lists, from the very file that has the listed hash, not writable, and
    (unless it is a debug enclave) not written to since.  */

#ifndef TACIT_PLATFORM_MAPPINGS_H
#define TACIT_PLATFORM_MAPPINGS_H

#include <stdio.h>
#include <sys/types.h>

#include "enclave/enclave_configuration.h"
#include "services/platform/file_hashes.h"

enum {
    TACIT_MAPPINGS_MAX = 16 * 1024, /* mappings of one process */
    TACIT_MAPPING_LINE_MAX = 8192   /* bytes; paths are at most 4096, escaped a little longer */
};

typedef struct tacit_mappings_expected {
    const char *executable;          /* path */
    const tacit_file_facts_t *facts; /* of the executable */
    const tacit_enclave_configuration_t *configuration;
    tacit_file_hashes_t *hashes;
} tacit_mappings_expected_t;

/*  PLATFORM_REFUSED with claim, expected, got and remedy. smaps is read to its end.  */
TACIT_MUST_CHECK tacit_status_t tacit_mappings_check(FILE *smaps,
                                                     const tacit_mappings_expected_t *expected,
                                                     tacit_error_t *ret_error);

#endif
