/*  standing_test.c - a session holds as long as the policy in force lets it; tiers.  */

#include "rpc/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static tacit_standing_t s_standing;
static tacit_policy_rules_t s_rules;

enum { S_SINCE_MS = 1000 };

static int s_setup(void **state)
{
    (void)state;
    s_standing = (tacit_standing_t){0};
    s_rules = (tacit_policy_rules_t){.number = 5};
    memset(s_rules.revoked_users.items[0], 0xee, 32);
    s_rules.revoked_users.count = 1;
    tacit_standing_take(&s_standing, &s_rules, S_SINCE_MS);
    return 0;
}

static tacit_status_t s_check(const tacit_session_t *session, uint64_t after_ms)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status =
        tacit_standing_check(&s_standing, session, S_SINCE_MS + after_ms, &error);
    assert_int_equal(status, error.code);
    assert_int_equal(status != TACIT_OK, error.remedy[0] != '\0');
    return status;
}

static void results_of_older_policies_end_with_the_grace(void **state)
{
    (void)state;
    tacit_session_t session = {
        .peer_role = TACIT_ROLE_WORKER, .peer_attested = true, .peer_result.policy_number = 4};
    assert_int_equal(s_check(&session, 0), TACIT_OK);
    assert_int_equal(s_check(&session, TACIT_STANDING_GRACE_MS - 1), TACIT_OK);
    assert_int_equal(s_check(&session, TACIT_STANDING_GRACE_MS), TACIT_RESULT_EXPIRED);
    session.peer_result.policy_number = 5;
    assert_int_equal(s_check(&session, TACIT_STANDING_GRACE_MS), TACIT_OK);
    session.peer_result.policy_number = 6; /* it learned of the next one before us */
    assert_int_equal(s_check(&session, TACIT_STANDING_GRACE_MS), TACIT_OK);
}

static void revoked_users_end_at_once(void **state)
{
    (void)state;
    tacit_session_t session = {.peer_role = TACIT_ROLE_USER};
    assert_int_equal(s_check(&session, 0), TACIT_OK);
    memset(session.peer_curve, 0xee, 32);
    assert_int_equal(s_check(&session, 0), TACIT_USER_REVOKED);
    assert_int_equal(tacit_standing_admits(&s_standing, TACIT_ROLE_USER, session.peer_curve, NULL),
                     TACIT_USER_REVOKED);
    session.peer_curve[31] ^= 1;
    assert_int_equal(s_check(&session, 0), TACIT_OK);
    memset(session.peer_curve, 0xee, 32);
    session.peer_role = TACIT_ROLE_OPERATOR; /* or nobody could undo it */
    assert_int_equal(s_check(&session, 0), TACIT_OK);
}

static void who_knows_no_policy_ends_nobody(void **state)
{
    (void)state;
    const tacit_session_t session = {.peer_role = TACIT_ROLE_WORKER, .peer_attested = true};
    assert_int_equal(tacit_standing_check(NULL, &session, 0, NULL), TACIT_OK);
    s_standing = (tacit_standing_t){0};
    assert_int_equal(s_check(&session, TACIT_STANDING_GRACE_MS), TACIT_OK);
}

static void tiers_are_of_evidence_alone(void **state)
{
    (void)state;
    const struct {
        tacit_claims_t claims;
        tacit_tier_t tier;
    } rows[] = {
        {{.tcb_status = TACIT_TCB_UP_TO_DATE}, TACIT_TIER_AFFIRMING},
        {{.tcb_status = TACIT_TCB_UP_TO_DATE, .advisories = "INTEL-SA-1"}, TACIT_TIER_WARNING},
        {{.tcb_status = TACIT_TCB_SW_HARDENING_NEEDED}, TACIT_TIER_WARNING},
        {{.tcb_status = TACIT_TCB_OUT_OF_DATE}, TACIT_TIER_WARNING},
        {{.tcb_status = TACIT_TCB_TD_RELAUNCH_ADVISED}, TACIT_TIER_WARNING},
        {{.tcb_status = TACIT_TCB_REVOKED}, TACIT_TIER_CONTRAINDICATED},
        {{.tcb_status = TACIT_TCB_UP_TO_DATE, .debug = true}, TACIT_TIER_CONTRAINDICATED},
        {{.tee = TACIT_TEE_NITRO, .tcb_status = TACIT_TCB_OUT_OF_DATE}, TACIT_TIER_AFFIRMING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tacit_tier_of(&rows[i].claims), rows[i].tier);
    }
    assert_string_equal(tacit_tier_name(TACIT_TIER_CONTRAINDICATED), "contraindicated");
    assert_string_equal(tacit_tier_name(TACIT_TIER_NONE), "none");
    assert_null(tacit_tier_name((tacit_tier_t)1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(results_of_older_policies_end_with_the_grace, s_setup),
        cmocka_unit_test_setup(revoked_users_end_at_once, s_setup),
        cmocka_unit_test_setup(who_knows_no_policy_ends_nobody, s_setup),
        cmocka_unit_test(tiers_are_of_evidence_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
