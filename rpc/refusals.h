/*  refusals.h - the sessions that an endpoint refused, until somebody takes them to be written
   down.

    Strangers open sessions as they like: the ring is small, and what does not fit is counted.
    Not thread-safe: endpoint and taker are on one loop.  */

#ifndef TACIT_RPC_REFUSALS_H
#define TACIT_RPC_REFUSALS_H

#include "enclave/error.h"
#include "enclave/role.h"

#include <stddef.h>

enum { TACIT_REFUSALS_HELD_MAX = 16 };

typedef struct tacit_refused_session {
    uint64_t time_ms;
    uint8_t peer[32];  /* CURVE key */
    tacit_role_t role; /* that it wanted to speak as */
    tacit_error_t error;
} tacit_refused_session_t;

typedef struct tacit_refusals {
    tacit_refused_session_t held[TACIT_REFUSALS_HELD_MAX]; /* oldest first */
    size_t count;
    uint32_t suppressed; /* did not fit */
} tacit_refusals_t;

/*  NULL refusals: nobody wants to know. An error of this service's own is no refusal.  */
void tacit_refusals_add(tacit_refusals_t *refusals, const uint8_t peer[32], tacit_role_t role,
                        const tacit_error_t *error);

/*  Empty again.  */
void tacit_refusals_clear(tacit_refusals_t *refusals);

#endif
