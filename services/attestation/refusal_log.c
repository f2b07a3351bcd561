/*  refusal_log.c - a ring that forgets the oldest.  */

#include "services/attestation/refusal_log.h"

#include <stdlib.h>

#include "rpc/log.h"

struct tacit_refusal_log {
    tacit_refusal_t ring[TACIT_REFUSALS_MAX];
    size_t count; /* ever added */
};

tacit_refusal_log_t *tacit_refusal_log_new(void)
{
    return calloc(1, sizeof(tacit_refusal_log_t));
}

void tacit_refusal_log_destroy(tacit_refusal_log_t **log)
{
    free(*log);
    *log = NULL;
}

void tacit_refusal_log_add(tacit_refusal_log_t *log, uint64_t time_ms, tacit_role_t role,
                           const tacit_error_t *error)
{
    log->ring[log->count++ % TACIT_REFUSALS_MAX] =
        (tacit_refusal_t){.time_ms = time_ms, .role = role, .error = *error};
    tacit_log_error("evidence_refused", error);
}

const tacit_refusal_t *tacit_refusal_log_get(const tacit_refusal_log_t *log, size_t index)
{
    if (index >= log->count || index >= TACIT_REFUSALS_MAX) {
        return NULL;
    }
    return &log->ring[(log->count - 1 - index) % TACIT_REFUSALS_MAX];
}
