/*  policy_diff_test.c - what changes between policies is exactly what somebody gains or loses.

    The laws are tried on random policies over a small world (few anchors, signers, platforms), so
    that policies overlap: no change means the same answer for everybody, another answer means a
    change to that side, and whoever turns the question round gets the same list turned round.  */

#include "enclave/policy_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S_ROUNDS = 1500, S_IDS = 3, S_CLAIMS = 200 };

static uint32_t s_seed;

static uint32_t s_random(uint32_t below)
{
    s_seed = s_seed * 1664525U + 1013904223U;
    return (s_seed >> 8) % below;
}

static void s_id(uint8_t *ret_id, size_t size)
{
    memset(ret_id, (int)(1 + s_random(S_IDS)), size);
}

static void s_ids(tacit_policy_ids_t *ids, size_t size)
{
    ids->count = s_random(3);
    for (size_t i = 0; i < ids->count; i++) {
        s_id(ids->items[i], size);
    }
}

static void s_enclave(tacit_policy_enclave_t *entry)
{
    entry->role = s_random(2) ? TACIT_ROLE_WORKER : TACIT_ROLE_KEYS;
    entry->by_signer = s_random(2);
    entry->minimum_svn = entry->by_signer ? (uint16_t)s_random(3) : 0;
    entry->debug_allowed = s_random(3) == 0;
    s_id(entry->measurement, 32);
}

static void s_make(tacit_policy_rules_t *rules)
{
    memset(rules, 0, sizeof *rules);
    rules->number = 1;
    rules->root_count = s_random(3);
    for (size_t i = 0; i < rules->root_count; i++) {
        s_id(rules->roots[i].sha256, 32);
        rules->roots[i].simulated = s_random(2);
    }
    rules->enclave_count = s_random(4);
    for (size_t i = 0; i < rules->enclave_count; i++) {
        s_enclave(&rules->enclaves[i]);
    }
    rules->statuses = s_random(4);
    rules->advisory_count = s_random(3);
    for (size_t i = 0; i < rules->advisory_count; i++) {
        snprintf(rules->advisories[i], sizeof rules->advisories[i], "SA-%u", s_random(2));
    }
    s_ids(&rules->platforms, 16);
    s_ids(&rules->revoked_measurements, 32);
    s_ids(&rules->revoked_signers, 32);
    s_ids(&rules->revoked_platforms, 16);
    s_ids(&rules->revoked_users, 32);
    rules->minimum_tcb_evaluation_number = s_random(2);
    rules->changers.count = s_random(3);
    for (size_t i = 0; i < rules->changers.count; i++) {
        memset(rules->changers.keys[i], (int)i + 1, 32);
    }
    rules->changers.needed =
        rules->changers.count ? 1 + s_random((uint32_t)rules->changers.count) : 0;
}

static tacit_role_t s_claim(tacit_claims_t *ret_claims)
{
    tacit_role_t role = s_random(2) ? TACIT_ROLE_WORKER : TACIT_ROLE_KEYS;
    *ret_claims = (tacit_claims_t){
        .root_name = "a root",
        .simulated = s_random(2),
        .product_id = (uint16_t)role,
        .svn = (uint16_t)s_random(3),
        .tcb_status = s_random(2) ? TACIT_TCB_UP_TO_DATE : TACIT_TCB_SW_HARDENING_NEEDED,
        .debug = s_random(4) == 0,
        .tcb_evaluation_number = s_random(2),
    };
    if (s_random(3) == 0) {
        snprintf(ret_claims->advisories, sizeof ret_claims->advisories, "SA-%u", s_random(2));
    }
    s_id(ret_claims->root_sha256, 32);
    s_id(ret_claims->mrenclave, 32);
    s_id(ret_claims->mrsigner, 32);
    s_id(ret_claims->platform_id, 16);
    return role;
}

typedef struct {
    size_t gained;
    size_t lost;
    uint32_t gained_sum; /* of the subjects, whatever their order */
    uint32_t lost_sum;
} s_count_t;

static void s_count(void *context, const tacit_policy_change_t *change)
{
    s_count_t *count = context;
    uint32_t sum = 5381;
    for (const char *text = change->what; *text; text++) {
        sum = sum * 33 + (uint8_t)*text;
    }
    for (const char *text = change->subject; *text; text++) {
        sum = sum * 33 + (uint8_t)*text;
    }
    *(change->gained ? &count->gained : &count->lost) += 1;
    *(change->gained ? &count->gained_sum : &count->lost_sum) += sum;
}

static s_count_t s_diff(const tacit_policy_rules_t *from, const tacit_policy_rules_t *to)
{
    s_count_t count = {0};
    size_t told = tacit_policy_diff(from, to, s_count, &count);
    assert_int_equal(told, count.gained + count.lost);
    assert_int_equal(tacit_policy_diff(from, to, NULL, NULL), count.gained + count.lost);
    return count;
}

static bool s_accepts(const tacit_policy_t *policy, const tacit_claims_t *claims, tacit_role_t role)
{
    return tacit_policy_appraise(policy, claims, role, NULL) == TACIT_OK;
}

static tacit_policy_t *s_policy(const tacit_policy_rules_t *rules)
{
    char *text = NULL;
    tacit_policy_t *policy = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_policy_format(rules, &text, &error) ||
        tacit_policy_parse(tacit_span_string(text), &policy, &error)) {
        fail_msg("%s: %s", error.message, error.claim);
    }
    free(text);
    return policy;
}

/*  Whoever one of them lets in and the other does not is a change to that side.  */
static void s_try_pair(const tacit_policy_rules_t *from, const tacit_policy_rules_t *to)
{
    tacit_policy_t *before = s_policy(from);
    tacit_policy_t *after = s_policy(to);
    const s_count_t changes = s_diff(from, to);
    const s_count_t back = s_diff(to, from);
    assert_int_equal(changes.gained, back.lost);
    assert_int_equal(changes.lost, back.gained);
    assert_int_equal(changes.gained_sum, back.lost_sum);
    assert_int_equal(changes.lost_sum, back.gained_sum);
    for (int i = 0; i < S_CLAIMS; i++) {
        tacit_claims_t claims;
        tacit_role_t role = s_claim(&claims);
        bool was = s_accepts(before, &claims, role);
        bool is = s_accepts(after, &claims, role);
        assert_true(was || !is || changes.gained > 0);
        assert_true(!was || is || changes.lost > 0);
    }
    tacit_policy_destroy(&before);
    tacit_policy_destroy(&after);
}

static void whoever_is_let_in_anew_is_a_gain_and_whoever_is_not_a_loss(void **state)
{
    (void)state;
    tacit_policy_rules_t *from = calloc(1, sizeof *from);
    tacit_policy_rules_t *to = calloc(1, sizeof *to);
    for (int round = 0; round < S_ROUNDS; round++) {
        s_seed = (uint32_t)round;
        s_make(from);
        s_make(to);
        s_try_pair(from, to);
    }
    free(from);
    free(to);
}

static void s_reverse_ids(tacit_policy_ids_t *ids)
{
    for (size_t i = 0; i < ids->count / 2; i++) {
        uint8_t other[32];
        memcpy(other, ids->items[i], 32);
        memcpy(ids->items[i], ids->items[ids->count - 1 - i], 32);
        memcpy(ids->items[ids->count - 1 - i], other, 32);
    }
}

static void the_same_in_another_order_and_twice_is_no_change(void **state)
{
    (void)state;
    tacit_policy_rules_t *from = calloc(1, sizeof *from);
    tacit_policy_rules_t *to = calloc(1, sizeof *to);
    for (int round = 0; round < S_ROUNDS; round++) {
        s_seed = (uint32_t)round;
        s_make(from);
        *to = *from;
        to->number = 7;
        assert_int_equal(tacit_policy_diff(from, to, NULL, NULL), 0);
        for (size_t i = 0; i < from->enclave_count; i++) { /* once more, backwards */
            to->enclaves[to->enclave_count++] = from->enclaves[from->enclave_count - 1 - i];
        }
        for (size_t i = 0; i < from->root_count; i++) {
            to->roots[to->root_count++] = from->roots[i];
        }
        s_reverse_ids(&to->platforms);
        s_reverse_ids(&to->revoked_measurements);
        s_reverse_ids(&to->revoked_users);
        assert_int_equal(tacit_policy_diff(from, to, NULL, NULL), 0);
        assert_int_equal(tacit_policy_diff(to, from, NULL, NULL), 0);
    }
    free(from);
    free(to);
}

static void what_a_revocation_makes_void_is_no_privilege(void **state)
{
    (void)state;
    tacit_policy_rules_t *from = calloc(1, sizeof *from);
    tacit_policy_rules_t *to = calloc(1, sizeof *to);
    memset(from->revoked_measurements.items[0], 1, 32);
    from->revoked_measurements.count = 1;
    *to = *from;
    to->enclave_count = 1;
    to->enclaves[0].role = TACIT_ROLE_WORKER;
    memset(to->enclaves[0].measurement, 1, 32);
    assert_int_equal(tacit_policy_diff(from, to, NULL, NULL), 0);
    to->revoked_measurements.count = 0; /* now it counts: it may take part, and it may return */
    const s_count_t changes = s_diff(from, to);
    assert_int_equal(changes.gained, 2);
    assert_int_equal(changes.lost, 0);
    free(from);
    free(to);
}

/*  One step up or down each, and how it is told.  */
static void each_kind_of_privilege_is_told(void **state)
{
    (void)state;
    tacit_policy_rules_t *bare = calloc(1, sizeof *bare);
    tacit_policy_rules_t *more = calloc(1, sizeof *more);
    for (int kind = 0; kind < 11; kind++) {
        memset(more, 0, sizeof *more);
        memset(bare, 0, sizeof *bare);
        bool loses = kind >= 5; /* saying more lets in less */
        more->root_count = kind == 0;
        more->enclave_count = kind == 1;
        more->enclaves[0].role = TACIT_ROLE_WORKER;
        more->statuses = kind == 2 ? 2 : 0;
        more->advisory_count = kind == 3;
        more->minimum_tcb_evaluation_number = kind == 5;
        more->platforms.count = kind == 6;
        more->revoked_platforms.count = kind == 7;
        more->revoked_measurements.count = kind == 8;
        more->revoked_signers.count = kind == 9;
        more->revoked_users.count = kind == 10;
        if (kind == 4) { /* fewer signatures */
            bare->changers = (tacit_policy_changers_t){.count = 2, .needed = 2, .keys = {{1}, {2}}};
            more->changers = (tacit_policy_changers_t){.count = 2, .needed = 1, .keys = {{1}, {2}}};
        }
        const s_count_t changes = s_diff(bare, more);
        assert_int_equal(changes.gained, loses ? 0 : 1);
        assert_int_equal(changes.lost, loses ? 1 : 0);
    }
    free(bare);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_is_let_in_anew_is_a_gain_and_whoever_is_not_a_loss),
        cmocka_unit_test(the_same_in_another_order_and_twice_is_no_change),
        cmocka_unit_test(what_a_revocation_makes_void_is_no_privilege),
        cmocka_unit_test(each_kind_of_privilege_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
