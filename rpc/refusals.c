/*  refusals.c - a list that is full early.  */

#include "rpc/refusals.h"

#include <string.h>

#include "enclave/clock.h"

static bool s_is_refusal(tacit_status_t status)
{
    return status != TACIT_OK && status != TACIT_NO_MEMORY && status != TACIT_INTERNAL &&
           status != TACIT_BUSY && status != TACIT_UNREACHABLE;
}

void tacit_refusals_add(tacit_refusals_t *refusals, const uint8_t peer[32], tacit_role_t role,
                        const tacit_error_t *error)
{
    if (!refusals || !s_is_refusal(error->code)) {
        return;
    }
    if (refusals->count == TACIT_REFUSALS_HELD_MAX) {
        refusals->suppressed += refusals->suppressed < UINT32_MAX;
        return;
    }
    tacit_refused_session_t *held = &refusals->held[refusals->count++];
    *held = (tacit_refused_session_t){.time_ms = tacit_now_ms(), .role = role, .error = *error};
    memcpy(held->peer, peer, sizeof held->peer);
}

void tacit_refusals_clear(tacit_refusals_t *refusals)
{
    refusals->count = 0;
    refusals->suppressed = 0;
}
