/*  attestation_tables_test.c - who is genuine now: limits, order, expiry.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "services/attestation/member_table.h"

enum { S_NOW = 1000 };

static tacit_member_t s_member(uint32_t number, tacit_role_t role, uint64_t issued_ms,
                               uint64_t expires_ms)
{
    tacit_member_t member = {
        .result = {.role = role, .issued_ms = issued_ms, .expires_ms = expires_ms}};
    memcpy(member.result.curve_key, &number, sizeof number);
    return member;
}

static tacit_status_t s_put(tacit_member_table_t *table, uint32_t number, uint64_t issued_ms,
                            uint64_t expires_ms, uint64_t now_ms)
{
    tacit_member_t member = s_member(number, TACIT_ROLE_WORKER, issued_ms, expires_ms);
    return tacit_member_table_put(table, &member, now_ms);
}

static void full_at_the_limit_until_one_expires(void **state)
{
    (void)state;
    tacit_member_table_t *table = tacit_member_table_new();
    for (uint32_t i = 0; i < TACIT_MEMBERS_MAX; i++) {
        assert_int_equal(s_put(table, i, 1, i == 0 ? S_NOW + 1 : S_NOW + 100, S_NOW), TACIT_OK);
    }
    assert_int_equal(s_put(table, 9999, 1, S_NOW + 100, S_NOW), TACIT_BUSY);
    assert_int_equal(s_put(table, 9999, 1, S_NOW + 100, S_NOW + 1), TACIT_OK);
    tacit_member_table_destroy(&table);
}

static void the_same_key_is_one_member(void **state)
{
    (void)state;
    const tacit_member_t *found[4];
    tacit_member_table_t *table = tacit_member_table_new();
    assert_int_equal(s_put(table, 7, 1, S_NOW + 1, S_NOW), TACIT_OK);
    assert_int_equal(s_put(table, 7, 5, S_NOW + 9, S_NOW), TACIT_OK);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, S_NOW, found, 4), 1);
    assert_int_equal(found[0]->result.issued_ms, 5);
    tacit_member_table_destroy(&table);
}

static void newest_first_of_one_role_and_not_expired(void **state)
{
    (void)state;
    const tacit_member_t *found[8];
    tacit_member_table_t *table = tacit_member_table_new();
    const uint64_t issued[] = {3, 9, 1, 7, 5};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(s_put(table, i, issued[i], S_NOW + issued[i], S_NOW), TACIT_OK);
    }
    tacit_member_t other = s_member(50, TACIT_ROLE_KEYS, 100, S_NOW + 100);
    assert_int_equal(tacit_member_table_put(table, &other, S_NOW), TACIT_OK);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_WORKER, S_NOW + 3, found, 8), 3);
    assert_int_equal(found[0]->result.issued_ms, 9);
    assert_int_equal(found[1]->result.issued_ms, 7);
    assert_int_equal(found[2]->result.issued_ms, 5);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, S_NOW, found, 2), 2);
    assert_int_equal(found[0]->result.issued_ms, 100);
    assert_int_equal(found[1]->result.issued_ms, 9);
    tacit_member_table_clear(table);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, S_NOW, found, 8), 0);
    tacit_member_table_destroy(&table);
}

static void who_leaves_is_not_found(void **state)
{
    (void)state;
    const tacit_member_t *found[8];
    tacit_member_table_t *table = tacit_member_table_new();
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(s_put(table, i, i + 1, S_NOW + 10, S_NOW), TACIT_OK);
    }
    tacit_member_t second = s_member(1, TACIT_ROLE_WORKER, 2, S_NOW + 10);
    tacit_member_t stranger = s_member(7, TACIT_ROLE_WORKER, 2, S_NOW + 10);
    tacit_member_table_remove(table, second.result.curve_key);
    tacit_member_table_remove(table, second.result.curve_key);
    tacit_member_table_remove(table, stranger.result.curve_key);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, S_NOW, found, 8), 2);
    assert_int_equal(found[0]->result.issued_ms, 3);
    assert_int_equal(found[1]->result.issued_ms, 1);
    tacit_member_table_destroy(&table);
}

static void a_member_is_known_by_its_key_until_it_expires(void **state)
{
    (void)state;
    tacit_member_table_t *table = tacit_member_table_new();
    tacit_member_t stranger = s_member(8, TACIT_ROLE_WORKER, 1, S_NOW + 10);
    assert_int_equal(s_put(table, 7, 1, S_NOW + 10, S_NOW), TACIT_OK);
    tacit_member_t member = s_member(7, TACIT_ROLE_WORKER, 1, S_NOW + 10);
    const uint8_t *key = member.result.curve_key;
    assert_non_null(tacit_member_table_get(table, key, S_NOW + 9));
    assert_null(tacit_member_table_get(table, key, S_NOW + 10));
    assert_null(tacit_member_table_get(table, stranger.result.curve_key, S_NOW));
    tacit_member_table_destroy(&table);
}

static void who_is_silent_is_not_found_until_heard(void **state)
{
    (void)state;
    const tacit_member_t *found[4];
    uint64_t later = S_NOW + TACIT_MEMBER_SILENCE_MS;
    tacit_member_table_t *table = tacit_member_table_new();
    tacit_member_t member = s_member(7, TACIT_ROLE_WORKER, 1, later + 100);
    tacit_member_t stranger = s_member(8, TACIT_ROLE_WORKER, 1, later + 100);
    assert_int_equal(tacit_member_table_put(table, &member, S_NOW), TACIT_OK);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, later - 1, found, 4), 1);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, later, found, 4), 0);
    tacit_member_table_hear(table, stranger.result.curve_key, later);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, later, found, 4), 0);
    tacit_member_table_hear(table, member.result.curve_key, later);
    assert_int_equal(tacit_member_table_find(table, TACIT_ROLE_NONE, later, found, 4), 1);
    tacit_member_table_destroy(&table);
}

static void the_silent_give_way_in_a_full_table(void **state)
{
    (void)state;
    uint64_t later = S_NOW + TACIT_MEMBER_SILENCE_MS;
    tacit_member_table_t *table = tacit_member_table_new();
    for (uint32_t i = 0; i < TACIT_MEMBERS_MAX; i++) {
        assert_int_equal(s_put(table, i, 1, later + 100, S_NOW), TACIT_OK);
    }
    assert_int_equal(s_put(table, 9999, 1, later + 100, later - 1), TACIT_BUSY);
    assert_int_equal(s_put(table, 9999, 1, later + 100, later), TACIT_OK);
    tacit_member_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_at_the_limit_until_one_expires),
        cmocka_unit_test(the_same_key_is_one_member),
        cmocka_unit_test(newest_first_of_one_role_and_not_expired),
        cmocka_unit_test(who_leaves_is_not_found),
        cmocka_unit_test(a_member_is_known_by_its_key_until_it_expires),
        cmocka_unit_test(who_is_silent_is_not_found_until_heard),
        cmocka_unit_test(the_silent_give_way_in_a_full_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
