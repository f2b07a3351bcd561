/*  refusal_log.h - the last refusals in full, for the operator: a ring in memory. The program's
    log has them all.  */

#ifndef TACIT_SERVICES_ATTESTATION_REFUSAL_LOG_H
#define TACIT_SERVICES_ATTESTATION_REFUSAL_LOG_H

#include "enclave/error.h"
#include "enclave/role.h"

#include <stddef.h>

enum { TACIT_REFUSALS_MAX = 256 };

typedef struct tacit_refusal {
    uint64_t time_ms;
    tacit_role_t role; /* that was asked for */
    tacit_error_t error;
} tacit_refusal_t;

typedef struct tacit_refusal_log tacit_refusal_log_t;

tacit_refusal_log_t *tacit_refusal_log_new(void);
void tacit_refusal_log_destroy(tacit_refusal_log_t **log);

/*  Also logs it.  */
void tacit_refusal_log_add(tacit_refusal_log_t *log, uint64_t time_ms, tacit_role_t role,
                           const tacit_error_t *error);

/*  The index-th newest (0: the last); NULL beyond.  */
const tacit_refusal_t *tacit_refusal_log_get(const tacit_refusal_log_t *log, size_t index);

#endif
