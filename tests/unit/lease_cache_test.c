/*  lease_cache_test.c - a lease is found for exactly whom and what it was lent for, until it ends,
   and wiped then.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#include "services/inference/lease_cache.h"

enum { S_NOW = 5000, S_END = S_NOW + 800 };

static tacit_lease_cache_t *s_cache;

static int s_setup(void **state)
{
    (void)state;
    s_cache = tacit_lease_cache_new();
    return s_cache ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_lease_cache_destroy(&s_cache);
    tacit_lease_cache_destroy(&s_cache);
    return 0;
}

static tacit_envelope_t s_envelope(uint8_t user, uint8_t owner, const char *name, uint32_t version)
{
    tacit_envelope_t envelope = {.version = version};
    memset(envelope.user, user, sizeof envelope.user);
    memset(envelope.owner, owner, sizeof envelope.owner);
    snprintf(envelope.name, sizeof envelope.name, "%s", name);
    return envelope;
}

/*  A lease for that envelope, as an executor fills it.  */
static tacit_lease_t *s_lend(const tacit_envelope_t *envelope, uint64_t now_ms, uint64_t ends_ms)
{
    tacit_lease_t *lease = tacit_lease_cache_slot(s_cache, now_ms);
    assert_non_null(lease);
    assert_true(sodium_is_zero((const unsigned char *)lease, sizeof *lease));
    memcpy(lease->user, envelope->user, 32);
    memcpy(lease->owner, envelope->owner, 32);
    memcpy(lease->name, envelope->name, sizeof lease->name);
    lease->asked_version = envelope->version;
    lease->version = envelope->version ? envelope->version : 9;
    memset(lease->model_key, 0xaa, sizeof lease->model_key);
    memset(lease->request_key, 0xbb, sizeof lease->request_key);
    lease->ends_ms = ends_ms;
    return lease;
}

static void a_lease_is_found_until_it_ends(void **state)
{
    (void)state;
    tacit_envelope_t envelope = s_envelope(1, 2, "m", 3);
    assert_null(tacit_lease_cache_find(s_cache, &envelope, S_NOW));
    const tacit_lease_t *lent = s_lend(&envelope, S_NOW, S_END);
    assert_ptr_equal(tacit_lease_cache_find(s_cache, &envelope, S_NOW), lent);
    assert_ptr_equal(tacit_lease_cache_find(s_cache, &envelope, S_END - 1), lent);
    assert_null(tacit_lease_cache_find(s_cache, &envelope, S_END));
    assert_null(tacit_lease_cache_find(s_cache, &envelope, S_NOW)); /* wiped: not found before */
}

static void what_ended_is_wiped(void **state)
{
    (void)state;
    tacit_envelope_t first = s_envelope(1, 2, "m", 3);
    tacit_envelope_t second = s_envelope(1, 2, "n", 3);
    const tacit_lease_t *ended = s_lend(&first, S_NOW, S_END);
    const tacit_lease_t *other = s_lend(&second, S_NOW, S_END + 1);
    tacit_lease_cache_wipe_ended(s_cache, S_END);
    assert_true(sodium_is_zero((const unsigned char *)ended, sizeof *ended));
    assert_false(sodium_is_zero(other->model_key, sizeof other->model_key));
}

static void a_lease_is_for_one_user_model_and_version(void **state)
{
    (void)state;
    const tacit_envelope_t lent = s_envelope(1, 2, "m", 3);
    const tacit_envelope_t others[] = {s_envelope(9, 2, "m", 3), s_envelope(1, 9, "m", 3),
                                       s_envelope(1, 2, "mm", 3), s_envelope(1, 2, "m", 4),
                                       s_envelope(1, 2, "m", 0)};
    (void)s_lend(&lent, S_NOW, S_END);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_null(tacit_lease_cache_find(s_cache, &others[i], S_NOW));
    }
    assert_non_null(tacit_lease_cache_find(s_cache, &lent, S_NOW));
}

/*  "The newest" is a question of its own: its answer may be another one next time.  */
static void the_newest_is_found_by_who_asked_for_the_newest(void **state)
{
    (void)state;
    const tacit_envelope_t newest = s_envelope(1, 2, "m", 0);
    const tacit_envelope_t exact = s_envelope(1, 2, "m", 9);
    (void)s_lend(&newest, S_NOW, S_END);
    const tacit_lease_t *found = tacit_lease_cache_find(s_cache, &newest, S_NOW);
    assert_non_null(found);
    assert_int_equal(found->version, 9);
    assert_null(tacit_lease_cache_find(s_cache, &exact, S_NOW));
}

static void a_dropped_lease_is_wiped(void **state)
{
    (void)state;
    tacit_envelope_t first = s_envelope(1, 2, "m", 3);
    tacit_envelope_t second = s_envelope(1, 2, "n", 3);
    const tacit_lease_t *dropped = s_lend(&first, S_NOW, S_END);
    (void)s_lend(&second, S_NOW, S_END);
    tacit_lease_cache_drop(s_cache, dropped);
    assert_true(sodium_is_zero((const unsigned char *)dropped, sizeof *dropped));
    assert_null(tacit_lease_cache_find(s_cache, &first, S_NOW));
    assert_non_null(tacit_lease_cache_find(s_cache, &second, S_NOW));
}

/*  At the limit all are there; one more takes the place of the one that ends first.  */
static void leases_are_limited(void **state)
{
    (void)state;
    tacit_envelope_t envelopes[TACIT_LEASES_MAX + 1];
    for (int i = 0; i <= TACIT_LEASES_MAX; i++) {
        envelopes[i] = s_envelope((uint8_t)i, 2, "m", 3);
    }
    for (int i = 0; i < TACIT_LEASES_MAX; i++) {
        (void)s_lend(&envelopes[i], S_NOW, i == 17 ? S_END - 1 : S_END);
    }
    for (size_t i = 0; i < TACIT_LEASES_MAX; i++) {
        assert_non_null(tacit_lease_cache_find(s_cache, &envelopes[i], S_NOW));
    }
    (void)s_lend(&envelopes[TACIT_LEASES_MAX], S_NOW, S_END);
    for (size_t i = 0; i <= TACIT_LEASES_MAX; i++) {
        const tacit_lease_t *found = tacit_lease_cache_find(s_cache, &envelopes[i], S_NOW);
        assert_true((found != NULL) == (i != 17));
    }
}

static void an_ended_lease_gives_its_slot(void **state)
{
    (void)state;
    tacit_envelope_t early = s_envelope(200, 2, "m", 3);
    const tacit_lease_t *ended = s_lend(&early, S_NOW, S_NOW + 1);
    for (int i = 1; i < TACIT_LEASES_MAX; i++) {
        tacit_envelope_t envelope = s_envelope((uint8_t)i, 2, "m", 3);
        (void)s_lend(&envelope, S_NOW, S_END);
    }
    assert_ptr_equal(tacit_lease_cache_slot(s_cache, S_NOW + 1), ended);
}

static void an_unfilled_slot_is_found_by_nobody(void **state)
{
    (void)state;
    const tacit_envelope_t zero = {.version = 0};
    (void)tacit_lease_cache_slot(s_cache, S_NOW);
    assert_null(tacit_lease_cache_find(s_cache, &zero, S_NOW));
    assert_null(tacit_lease_cache_find(s_cache, &zero, 0));
}

static void time_goes_on(void **state)
{
    (void)state;
    uint64_t first = tacit_lease_now_ms();
    uint64_t second = tacit_lease_now_ms();
    assert_true(first > 0);
    assert_true(second >= first && second - first < 10000);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(a_lease_is_found_until_it_ends),
        S_CASE(what_ended_is_wiped),
        S_CASE(a_lease_is_for_one_user_model_and_version),
        S_CASE(the_newest_is_found_by_who_asked_for_the_newest),
        S_CASE(a_dropped_lease_is_wiped),
        S_CASE(leases_are_limited),
        S_CASE(an_ended_lease_gives_its_slot),
        S_CASE(an_unfilled_slot_is_found_by_nobody),
        S_CASE(time_goes_on),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
