/*  policy_store_test.c - the history of policies: signed, linked, durable, and never set back. On
    the real platform.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/whole_file.h"
#include "platform_fixture.h"
#include "services/attestation/policy_store.h"
#include "store_fixture.h"

static uint8_t s_public[crypto_sign_PUBLICKEYBYTES];
static uint8_t s_secret[crypto_sign_SECRETKEYBYTES];
static tacit_policy_store_t *s_store;

static void s_close(void)
{
    tacit_policy_store_destroy(&s_store);
}

static tacit_status_t s_open(tacit_error_t *ret_error)
{
    s_close();
    return tacit_policy_store_open(store_fixture_folder, s_public, store_fixture_mesh_id,
                                   platform_fixture(), &s_store, ret_error);
}

static const store_fixture_t s_fixture = {s_open, s_close};

/*  A policy that accepts nothing, with that number after that head; free() it.  */
static char *s_text(uint64_t number, const uint8_t previous[32])
{
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    char *text = NULL;
    rules->number = number;
    memcpy(rules->previous, previous, 32);
    rules->root_count = 1;
    rules->roots[0].simulated = true;
    rules->statuses = 1;
    rules->enclave_count = 1;
    rules->enclaves[0].role = TACIT_ROLE_WORKER;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_policy_format(rules, &text, &error)) {
        fail_msg("%s", error.message);
    }
    free(rules);
    return text;
}

static tacit_status_t s_apply(uint64_t number, const uint8_t previous[32])
{
    uint8_t signature[TACIT_POLICY_SIGNATURE_SIZE];
    char *text = s_text(number, previous);
    tacit_policy_chain_sign(tacit_span_string(text), s_secret, signature);
    tacit_status_t status = tacit_policy_store_apply(
        s_store, tacit_span_string(text), tacit_span(signature, sizeof signature), number, NULL);
    free(text);
    return status;
}

static int s_setup_group(void **state)
{
    (void)store_fixture_group(state);
    return crypto_sign_keypair(s_public, s_secret);
}

static void before_the_first_nothing_is_in_force(void **state)
{
    (void)state;
    assert_null(tacit_policy_store_policy(s_store));
    assert_true(sodium_is_zero(tacit_policy_store_head(s_store), 32));
}

static void what_was_applied_is_there_after_reopening(void **state)
{
    (void)state;
    uint8_t head[32];
    tacit_policy_link_t links[4];
    size_t count = 0;
    assert_int_equal(s_apply(1, tacit_policy_store_head(s_store)), TACIT_OK);
    assert_int_equal(s_apply(2, tacit_policy_store_head(s_store)), TACIT_OK);
    memcpy(head, tacit_policy_store_head(s_store), sizeof head);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(tacit_policy_number(tacit_policy_store_policy(s_store)), 2);
    assert_memory_equal(tacit_policy_store_head(s_store), head, 32);
    assert_int_equal(tacit_policy_store_history(s_store, links, 4, &count), TACIT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(links[0].number, 2);
    assert_memory_equal(links[0].previous, links[1].head, 32);
}

static void what_does_not_follow_is_a_conflict(void **state)
{
    (void)state;
    static const uint8_t none[32];
    uint8_t other[32];
    memset(other, 7, sizeof other);
    assert_int_equal(s_apply(2, other), TACIT_ALREADY_EXISTS);
    assert_int_equal(s_apply(1, none), TACIT_OK);
    assert_int_equal(s_apply(1, none), TACIT_ALREADY_EXISTS);
    assert_int_equal(s_apply(3, tacit_policy_store_head(s_store)), TACIT_ALREADY_EXISTS);
    assert_int_equal(s_apply(2, other), TACIT_ALREADY_EXISTS);
    assert_int_equal(s_apply(2, tacit_policy_store_head(s_store)), TACIT_OK);
}

static void anothers_signature_is_refused(void **state)
{
    (void)state;
    uint8_t signature[TACIT_POLICY_SIGNATURE_SIZE];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(public_key, secret);
    char *text = s_text(1, tacit_policy_store_head(s_store));
    tacit_policy_chain_sign(tacit_span_string(text), secret, signature);
    assert_int_equal(tacit_policy_store_apply(s_store, tacit_span_string(text),
                                              tacit_span(signature, sizeof signature), 1, NULL),
                     TACIT_SIGNATURE_INVALID);
    free(text);
    assert_null(tacit_policy_store_policy(s_store));
}

/*  The database as it was before the last apply.  */
static void an_old_copy_put_back_is_noticed(void **state)
{
    (void)state;
    char path[STATE_FOLDER_MAX + 32];
    uint8_t *old = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/attestation.db", store_fixture_folder);
    assert_int_equal(s_apply(1, tacit_policy_store_head(s_store)), TACIT_OK);
    tacit_policy_store_destroy(&s_store); /* checkpoints the log into the file */
    assert_int_equal(tacit_whole_file_read(path, 1 << 20, &old, &size), TACIT_OK);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_apply(2, tacit_policy_store_head(s_store)), TACIT_OK);
    tacit_policy_store_destroy(&s_store);
    assert_int_equal(tacit_whole_file_replace(path, tacit_span(old, size), 0600), TACIT_OK);
    free(old);
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(s_open(&error), TACIT_ROLLBACK_DETECTED);
    assert_string_equal(error.expected, "policy 2");
}

static void another_operators_history_is_refused(void **state)
{
    (void)state;
    assert_int_equal(s_apply(1, tacit_policy_store_head(s_store)), TACIT_OK);
    uint8_t kept[32];
    memcpy(kept, s_public, sizeof kept);
    s_public[0] ^= 1;
    assert_int_equal(s_open(NULL), TACIT_SIGNATURE_INVALID);
    memcpy(s_public, kept, sizeof kept);
    assert_int_equal(s_open(NULL), TACIT_OK);
}

#define S_TEST(name) STORE_CASE(name, &s_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(before_the_first_nothing_is_in_force),
        S_TEST(what_was_applied_is_there_after_reopening),
        S_TEST(what_does_not_follow_is_a_conflict),
        S_TEST(anothers_signature_is_refused),
        S_TEST(an_old_copy_put_back_is_noticed),
        S_TEST(another_operators_history_is_refused),
    };
    return cmocka_run_group_tests(tests, s_setup_group, store_fixture_group_end);
}
