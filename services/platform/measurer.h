/*  measurer.h - who is that process? What the processor does when it builds and launches an
    enclave, done from outside by the kernel's word: hash what runs, compare with what was signed.

    Limits of a simulation, said plainly: what a process did to its own data before it was measured
    is not seen, nor what it loads afterwards; both have to be in the code that was measured.  */

#ifndef TACIT_PLATFORM_MEASURER_H
#define TACIT_PLATFORM_MEASURER_H

#include <sys/types.h>

#include "enclave/platform.h"

typedef struct tacit_measurer tacit_measurer_t;

typedef struct tacit_measured {
    tacit_self_t self;
    uint8_t *configuration; /* the text; free() it */
    size_t configuration_size;
} tacit_measured_t;

TACIT_MUST_CHECK tacit_status_t tacit_measurer_new(tacit_measurer_t **ret_measurer);
void tacit_measurer_destroy(tacit_measurer_t **measurer);

/*  Measure a process that the caller holds by pidfd, so that pid stays its. PLATFORM_REFUSED with
    claim, expected, got and remedy.  */
TACIT_MUST_CHECK tacit_status_t tacit_measurer_measure(tacit_measurer_t *measurer, pid_t pid,
                                                       tacit_measured_t *ret_measured,
                                                       tacit_error_t *ret_error);

#endif
