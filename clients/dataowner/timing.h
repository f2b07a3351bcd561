/*  timing.h - where the time of all requests went: mean and worst of each phase.  */

#ifndef TACIT_CLIENTS_DATAOWNER_TIMING_H
#define TACIT_CLIENTS_DATAOWNER_TIMING_H

#include <stdio.h>

#include "clients/lib/answer.h"

typedef struct tacit_timing {
    uint64_t requests;
    tacit_phases_t sum;
    tacit_phases_t most; /* of each phase by itself */
} tacit_timing_t;

void tacit_timing_add(tacit_timing_t *timing, const tacit_phases_t *phases);

/*  A table in milliseconds; or {"requests":9,"seal_us":{"mean":..,"max":..},...}.  */
TACIT_MUST_CHECK tacit_status_t tacit_timing_print(const tacit_timing_t *timing, FILE *stream);
void tacit_timing_print_json(const tacit_timing_t *timing, FILE *stream);

#endif
