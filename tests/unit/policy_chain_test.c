/*  policy_chain_test.c - a history of policies is worth what its signatures and links are.  */

#include "enclave/policy_chain.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S_PEOPLE = TACIT_POLICY_CHANGERS_MAX + 1 };

static struct {
    uint8_t public_key[32];
    uint8_t secret_key[64];
} s_people[S_PEOPLE]; /* the first is the operator */

static tacit_policy_chain_t s_chain;

static int s_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < S_PEOPLE; i++) {
        crypto_sign_keypair(s_people[i].public_key, s_people[i].secret_key);
    }
    tacit_policy_chain_start(s_people[0].public_key, &s_chain);
    return 0;
}

/*  The next policy, which the first count people may change by that many signatures; free() it.  */
static char *s_text(size_t count, uint32_t needed)
{
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    tacit_error_t error = {.code = TACIT_OK};
    char *text = NULL;
    rules->number = s_chain.number + 1;
    memcpy(rules->previous, s_chain.head, 32);
    rules->changers.count = count;
    rules->changers.needed = needed;
    for (size_t i = 0; i < count && i < TACIT_POLICY_CHANGERS_MAX; i++) {
        memcpy(rules->changers.keys[i], s_people[i].public_key, 32);
    }
    if (tacit_policy_format(rules, &text, &error)) {
        free(rules);
        return NULL;
    }
    free(rules);
    return text;
}

/*  Signed by those people, one character each: "0" the operator, "a" the eleventh.  */
static tacit_status_t s_check(const char *text, const char *people, tacit_policy_t **ret_policy)
{
    uint8_t signatures[TACIT_POLICY_SIGNATURE_SIZE * 2 * S_PEOPLE];
    size_t size = 0;
    for (const char *one = people; *one; one++) {
        size_t place = (size_t)(*one <= '9' ? *one - '0' : *one - 'a' + 10);
        tacit_policy_chain_sign(tacit_span_string(text), s_people[place].secret_key,
                                signatures + size);
        size += TACIT_POLICY_SIGNATURE_SIZE;
    }
    return tacit_policy_chain_check(&s_chain, tacit_span_string(text), tacit_span(signatures, size),
                                    ret_policy, NULL);
}

static tacit_status_t s_try(const char *text, const char *people)
{
    tacit_policy_t *policy = NULL;
    tacit_status_t status = s_check(text, people, &policy);
    assert_int_equal(status == TACIT_OK, policy != NULL);
    tacit_policy_destroy(&policy);
    return status;
}

static void s_advance(size_t count, uint32_t needed, const char *people)
{
    char *text = s_text(count, needed);
    tacit_policy_t *policy = NULL;
    assert_int_equal(s_check(text, people, &policy), TACIT_OK);
    tacit_policy_chain_advance(&s_chain, tacit_span_string(text), policy);
    tacit_policy_destroy(&policy);
    free(text);
}

static void the_first_is_the_operators(void **state)
{
    (void)state;
    char *text = s_text(0, 0);
    assert_int_equal(s_try(text, "0"), TACIT_OK);
    assert_int_equal(s_try(text, ""), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "1"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "00"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "01"), TACIT_SIGNATURE_INVALID);
    free(text);
}

static void a_change_takes_as_many_as_the_policy_in_force_says(void **state)
{
    (void)state;
    s_advance(3, 2, "0");
    char *text = s_text(1, 1);
    assert_int_equal(s_try(text, "0"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "00"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "03"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "12"), TACIT_OK); /* the operator is not needed */
    assert_int_equal(s_try(text, "201"), TACIT_OK);
    free(text);
    s_advance(1, 1, "12");
    text = s_text(0, 0);
    assert_int_equal(s_try(text, "12"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "0"), TACIT_OK);
    free(text);
}

static void as_many_may_change_it_as_there_is_room_for(void **state)
{
    (void)state;
    s_advance(TACIT_POLICY_CHANGERS_MAX, TACIT_POLICY_CHANGERS_MAX, "0");
    char *text = s_text(1, 1);
    assert_int_equal(s_try(text, "0123456789abcde"), TACIT_SIGNATURE_INVALID);
    assert_int_equal(s_try(text, "0123456789abcdef"), TACIT_OK);
    assert_int_equal(s_try(text, "0123456789abcdefg"), TACIT_SIGNATURE_INVALID);
    free(text);
    assert_null(s_text(TACIT_POLICY_CHANGERS_MAX + 1, 1));
    assert_null(s_text(2, 3));
    assert_null(s_text(2, 0));
}

static void every_byte_of_text_and_signatures_counts(void **state)
{
    (void)state;
    char *text = s_text(0, 0);
    uint8_t signature[TACIT_POLICY_SIGNATURE_SIZE];
    tacit_policy_chain_sign(tacit_span_string(text), s_people[0].secret_key, signature);
    tacit_span_t signatures = tacit_span(signature, sizeof signature);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_int_equal(
            tacit_policy_chain_signed(&s_chain, tacit_span_string(text), signatures, NULL),
            TACIT_SIGNATURE_INVALID);
        signature[i] ^= 1;
        assert_int_equal(tacit_policy_chain_signed(&s_chain, tacit_span_string(text),
                                                   tacit_span(signature, i), NULL),
                         TACIT_SIGNATURE_INVALID);
    }
    for (char *byte = text; *byte; byte++) {
        *byte ^= 1;
        assert_int_equal(
            tacit_policy_chain_signed(&s_chain, tacit_span_string(text), signatures, NULL),
            TACIT_SIGNATURE_INVALID);
        *byte ^= 1;
    }
    assert_int_equal(tacit_policy_chain_signed(&s_chain, tacit_span_string(text), signatures, NULL),
                     TACIT_OK);
    free(text);
}

static void links_cannot_be_left_out_or_put_twice(void **state)
{
    (void)state;
    char *first = s_text(0, 0);
    s_advance(0, 0, "0");
    assert_int_equal(s_try(first, "0"), TACIT_ALREADY_EXISTS);
    char *second = s_text(0, 0);
    s_chain.head[0] ^= 1;
    assert_int_equal(s_try(second, "0"), TACIT_ALREADY_EXISTS);
    s_chain.head[0] ^= 1;
    s_chain.number++;
    assert_int_equal(s_try(second, "0"), TACIT_ALREADY_EXISTS);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_is_the_operators, s_setup),
        cmocka_unit_test_setup(a_change_takes_as_many_as_the_policy_in_force_says, s_setup),
        cmocka_unit_test_setup(as_many_may_change_it_as_there_is_room_for, s_setup),
        cmocka_unit_test_setup(every_byte_of_text_and_signatures_counts, s_setup),
        cmocka_unit_test_setup(links_cannot_be_left_out_or_put_twice, s_setup),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
