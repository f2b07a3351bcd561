/*  standing.h - who may still speak after the policy changed: what a server asks of its sessions.

    A session outlives the moment that it was judged at. When another policy comes into force, every
    attested member is judged anew within a moment; who still shows a result of an older policy
    then was refused, or does not ask, and is heard no longer. Users are CURVE keys, and a policy
    revokes them by name. The owner changes a standing on the loop of the servers that use it.  */

#ifndef TACIT_RPC_STANDING_H
#define TACIT_RPC_STANDING_H

#include "enclave/binding.h"
#include "enclave/policy.h"

enum {
    TACIT_STANDING_GRACE_MS = 700, /* for members to be judged anew, from when we learned of it */
    TACIT_STANDING_TICK_MS = 200   /* between looks at all sessions */
};

typedef struct tacit_standing {
    uint64_t policy_number; /* in force; 0: none is known yet */
    uint64_t since_ms;      /* monotonic: when that was learned */
    tacit_policy_ids_t revoked_users;
} tacit_standing_t;

/*  A policy came into force (or is found so at a start).  */
void tacit_standing_take(tacit_standing_t *standing, const tacit_policy_rules_t *rules,
                         uint64_t now_ms);

/*  May that key open a session? USER_REVOKED. The operator cannot be shut out. NULL: all may.  */
TACIT_MUST_CHECK tacit_status_t tacit_standing_admits(const tacit_standing_t *standing,
                                                      tacit_role_t role,
                                                      const uint8_t curve_key[32],
                                                      tacit_error_t *ret_error);

/*  Does a session still hold? RESULT_EXPIRED where its result is of an older policy and the grace
    is over, USER_REVOKED.  */
TACIT_MUST_CHECK tacit_status_t tacit_standing_check(const tacit_standing_t *standing,
                                                     const tacit_session_t *session,
                                                     uint64_t now_ms, tacit_error_t *ret_error);

#endif
