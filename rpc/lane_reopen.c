/*  lane_reopen.c - names that were used, and a back-off.  */

#include "rpc/lane_reopen.h"

#include <string.h>

#include "rpc/retry.h"

bool tacit_lane_reopen_due(const tacit_lane_reopen_t *reopen, uint64_t now_ms)
{
    return reopen->count < TACIT_LANES_PER_SESSION_MAX && now_ms >= reopen->next_ms;
}

tacit_status_t tacit_lane_reopen_name(tacit_lane_reopen_t *reopen,
                                      const uint8_t name[TACIT_LANE_ID_SIZE])
{
    for (size_t i = 0; i < reopen->count; i++) {
        if (memcmp(reopen->names[i], name, TACIT_LANE_ID_SIZE) == 0) {
            return TACIT_PROTOCOL_ERROR;
        }
    }
    if (reopen->count == TACIT_LANES_PER_SESSION_MAX) {
        return TACIT_TOO_LARGE;
    }
    memcpy(reopen->names[reopen->count++], name, TACIT_LANE_ID_SIZE);
    return TACIT_OK;
}

void tacit_lane_reopen_opened(tacit_lane_reopen_t *reopen, uint64_t now_ms)
{
    reopen->opened_ms = now_ms;
}

/*  A half of the time is certain, the other drawn, so that clients of a service that was cut off do
    not come back together.  */
static uint64_t s_delay_ms(unsigned failures)
{
    unsigned doublings = failures - 1 < 16 ? failures - 1 : 16;
    uint64_t most = (uint64_t)TACIT_LANE_REOPEN_MS << doublings;
    most = most < TACIT_LANE_REOPEN_CAP_MS ? most : TACIT_LANE_REOPEN_CAP_MS;
    return most / 2 + tacit_backoff_ms((uint32_t)(most / 2), (uint32_t)(most / 2), 0);
}

void tacit_lane_reopen_lost(tacit_lane_reopen_t *reopen, uint64_t now_ms)
{
    bool lasted =
        reopen->opened_ms > 0 && now_ms - reopen->opened_ms >= (uint64_t)TACIT_LANE_STEADY_MS;
    reopen->opened_ms = 0;
    reopen->failures = lasted ? 0 : reopen->failures + 1;
    reopen->next_ms = lasted ? now_ms : now_ms + s_delay_ms(reopen->failures);
}

void tacit_lane_reopen_renewed(tacit_lane_reopen_t *reopen)
{
    reopen->opened_ms = 0;
    reopen->next_ms = 0;
}

void tacit_lane_reopen_inherit(tacit_lane_reopen_t *reopen, const tacit_lane_reopen_t *before,
                               uint64_t now_ms)
{
    reopen->failures += before->failures;
    if (reopen->opened_ms == 0 && reopen->failures > 0) {
        reopen->next_ms = now_ms + s_delay_ms(reopen->failures);
    }
}
