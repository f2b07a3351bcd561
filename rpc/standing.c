/*  standing.c - see standing.h.  */

#include "rpc/standing.h"

#include <inttypes.h>
#include <stdio.h>

void tacit_standing_take(tacit_standing_t *standing, const tacit_policy_rules_t *rules,
                         uint64_t now_ms)
{
    standing->policy_number = rules->number;
    standing->since_ms = now_ms;
    standing->revoked_users = rules->revoked_users;
}

tacit_status_t tacit_standing_admits(const tacit_standing_t *standing, tacit_role_t role,
                                     const uint8_t curve_key[32], tacit_error_t *ret_error)
{
    if (!standing || role == TACIT_ROLE_OPERATOR ||
        !tacit_policy_lists(&standing->revoked_users, curve_key, 32)) {
        return TACIT_OK;
    }
    tacit_error_claim(ret_error, TACIT_USER_REVOKED, "user", "a key that the policy admits",
                      "one listed under revoked");
    tacit_error_policy(ret_error, "revoked: users:");
    tacit_error_remedy(ret_error, "ask the operator why, or begin anew with another identity");
    return TACIT_USER_REVOKED;
}

static tacit_status_t s_refuse_stale(const tacit_standing_t *standing,
                                     const tacit_session_t *session, tacit_error_t *error)
{
    char expected[48];
    char got[48];
    snprintf(expected, sizeof expected, "policy %" PRIu64 " or later", standing->policy_number);
    snprintf(got, sizeof got, "policy %" PRIu64, session->peer_result.policy_number);
    tacit_error_claim(error, TACIT_RESULT_EXPIRED, "result.policy_number", expected, got);
    tacit_error_remedy(error, "attest anew under the policy in force");
    return TACIT_RESULT_EXPIRED;
}

tacit_status_t tacit_standing_check(const tacit_standing_t *standing,
                                    const tacit_session_t *session, uint64_t now_ms,
                                    tacit_error_t *ret_error)
{
    if (!standing) {
        return TACIT_OK;
    }
    if (session->peer_attested && session->peer_result.policy_number < standing->policy_number &&
        now_ms - standing->since_ms >= TACIT_STANDING_GRACE_MS) {
        return s_refuse_stale(standing, session, ret_error);
    }
    return tacit_standing_admits(standing, session->peer_role, session->peer_curve, ret_error);
}
