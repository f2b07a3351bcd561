/*  measurement.h - what an enclave is: its executable's bytes and its configuration's bytes.

    MRENCLAVE = SHA-256("tacit/measurement/v1" || 0 || SHA-256(executable) ||
    SHA-256(configuration)). The configuration lists every library by hash
   (enclave_configuration.h), so that the measurement covers all code that runs.  */

#ifndef TACIT_ENCLAVE_MEASUREMENT_H
#define TACIT_ENCLAVE_MEASUREMENT_H

#include "enclave/span.h"
#include "enclave/status.h"

/*  Beside the executable.  */
#define TACIT_CONFIGURATION_SUFFIX ".enclave"
#define TACIT_SIGSTRUCT_SUFFIX     ".sigstruct"

/*  SHA-256 of a file from its beginning, wherever the descriptor stands. STORAGE_FAILED where
    reading fails.  */
TACIT_MUST_CHECK tacit_status_t tacit_measure_file(int fd, uint8_t ret_sha256[32]);

void tacit_measure(const uint8_t executable_sha256[32], tacit_span_t configuration,
                   uint8_t ret_mrenclave[32]);

#endif
