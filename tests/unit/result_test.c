/*  result_test.c - an attestation result says what was signed, to who trusts its issuer, in its
    mesh, in its time; and roles have one name each.  */

#include "enclave/result.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S_SIGNED_SIZE = TACIT_RESULT_SIZE - 64 };

static const uint64_t s_now = UINT64_C(1795219200000);
static uint8_t s_issuer[32];
static uint8_t s_issuer_secret[64];

static tacit_result_t s_sample(void)
{
    tacit_result_t result = {
        .role = TACIT_ROLE_WORKER,
        .simulated = true,
        .debug = true,
        .tcb_status = TACIT_TCB_SW_HARDENING_NEEDED,
        .tee = TACIT_TEE_TDX,
        .product_id = 5,
        .svn = 0x1234,
        .issued_ms = s_now,
        .expires_ms = s_now + TACIT_RESULT_LIFETIME_MS,
    };
    uint8_t *const fields[] = {
        result.curve_key, result.signing_key, result.mrenclave,   result.attestation_key_sha256,
        result.mrsigner,  result.root_sha256, result.policy_head, result.mesh_id};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        memset(fields[i], (int)(i + 1), 32);
    }
    memset(result.platform_id, 0x77, sizeof result.platform_id);
    return result;
}

static tacit_status_t s_verify(const uint8_t *bytes, size_t size, uint64_t now_ms,
                               tacit_result_t *ret_result, tacit_error_t *ret_error)
{
    const tacit_result_t sample = s_sample();
    return tacit_result_verify(tacit_span(bytes, size), s_issuer, sample.mesh_id, now_ms,
                               ret_result, ret_error);
}

static tacit_status_t s_verdict(const uint8_t *bytes, uint64_t now_ms)
{
    tacit_result_t result;
    return s_verify(bytes, TACIT_RESULT_SIZE, now_ms, &result, NULL);
}

/*  What is said of a sample whose byte at offset is value, well signed.  */
static tacit_status_t s_verdict_on_byte(size_t offset, uint8_t value)
{
    uint8_t bytes[TACIT_RESULT_SIZE];
    tacit_result_t result = s_sample();
    tacit_result_sign(&result, s_issuer_secret, bytes);
    bytes[offset] = value;
    (void)crypto_sign_detached(bytes + S_SIGNED_SIZE, NULL, bytes, S_SIGNED_SIZE, s_issuer_secret);
    return s_verdict(bytes, s_now);
}

static void says_what_was_signed(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE];
    tacit_result_t signed_result = s_sample();
    tacit_result_t result = {0};
    tacit_result_sign(&signed_result, s_issuer_secret, bytes);
    assert_memory_equal(signed_result.issuer, s_issuer, 32);
    assert_int_equal(s_verify(bytes, sizeof bytes, s_now, &result, NULL), TACIT_OK);
    assert_int_equal(result.role, TACIT_ROLE_WORKER);
    assert_true(result.simulated);
    assert_true(result.debug);
    assert_int_equal(result.tcb_status, TACIT_TCB_SW_HARDENING_NEEDED);
    assert_int_equal(result.tee, TACIT_TEE_TDX);
    assert_int_equal(result.product_id, 5);
    assert_int_equal(result.svn, 0x1234);
    assert_int_equal(result.issued_ms, s_now);
    assert_int_equal(result.expires_ms, s_now + TACIT_RESULT_LIFETIME_MS);
    assert_memory_equal(result.curve_key, signed_result.curve_key, 32);
    assert_memory_equal(result.signing_key, signed_result.signing_key, 32);
    assert_memory_equal(result.attestation_key_sha256, signed_result.attestation_key_sha256, 32);
    assert_memory_equal(result.mrenclave, signed_result.mrenclave, 32);
    assert_memory_equal(result.mrsigner, signed_result.mrsigner, 32);
    assert_memory_equal(result.platform_id, signed_result.platform_id, 16);
    assert_memory_equal(result.root_sha256, signed_result.root_sha256, 32);
    assert_memory_equal(result.policy_head, signed_result.policy_head, 32);
    assert_memory_equal(result.mesh_id, signed_result.mesh_id, 32);
    assert_memory_equal(result.issuer, s_issuer, 32);
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE];
    tacit_result_t result = s_sample();
    tacit_result_sign(&result, s_issuer_secret, bytes);
    for (size_t bit = 0; bit < (size_t)8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_int_equal(s_verdict(bytes, s_now), TACIT_RESULT_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_int_equal(s_verdict(bytes, s_now), TACIT_OK);
}

static void refuses_every_other_size(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE + 1] = {0};
    tacit_result_t result = s_sample();
    tacit_result_sign(&result, s_issuer_secret, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(s_verify(bytes, size, s_now, &result, NULL),
                         size == TACIT_RESULT_SIZE ? TACIT_OK : TACIT_RESULT_INVALID);
    }
}

static void refuses_what_is_signed_but_not_canonical(void **state)
{
    (void)state;
    static const struct {
        size_t from;
        size_t to;
    } reserved[] = {{15, 16}, {20, 24}, {352, 448}};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        for (size_t offset = reserved[i].from; offset < reserved[i].to; offset++) {
            assert_int_equal(s_verdict_on_byte(offset, 1), TACIT_RESULT_INVALID);
        }
    }
    assert_int_equal(s_verdict_on_byte(0, 'X'), TACIT_RESULT_INVALID); /* magic */
    assert_int_equal(s_verdict_on_byte(8, 2), TACIT_RESULT_INVALID);   /* layout version */
    assert_int_equal(s_verdict_on_byte(9, 1), TACIT_RESULT_INVALID);   /* its high byte */
    assert_int_equal(s_verdict_on_byte(11, 3), TACIT_OK);              /* all flags there are */
    assert_int_equal(s_verdict_on_byte(11, 4), TACIT_RESULT_INVALID);  /* and one more */
    assert_int_equal(s_verdict_on_byte(12, TACIT_TCB_STATUSES - 1), TACIT_OK);
    assert_int_equal(s_verdict_on_byte(12, TACIT_TCB_STATUSES), TACIT_RESULT_INVALID);
    assert_int_equal(s_verdict_on_byte(13, TACIT_TEES - 1), TACIT_OK);
    assert_int_equal(s_verdict_on_byte(13, TACIT_TEES), TACIT_RESULT_INVALID);
    assert_int_equal(s_verdict_on_byte(312, 0), TACIT_RESULT_INVALID); /* names another issuer */
}

static void only_enclaves_have_results(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 256; role++) {
        assert_int_equal(s_verdict_on_byte(10, (uint8_t)role),
                         role >= 1 && role <= 5 ? TACIT_OK : TACIT_RESULT_INVALID);
    }
}

static void lives_from_issue_to_expiry(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE];
    tacit_result_t result = s_sample();
    tacit_result_sign(&result, s_issuer_secret, bytes);
    assert_int_equal(s_verdict(bytes, result.expires_ms - 1), TACIT_OK);
    assert_int_equal(s_verdict(bytes, result.expires_ms), TACIT_RESULT_EXPIRED);
    assert_int_equal(s_verdict(bytes, UINT64_MAX), TACIT_RESULT_EXPIRED);
    assert_int_equal(s_verdict(bytes, s_now - TACIT_RESULT_CLOCK_SKEW_MS), TACIT_OK);
    assert_int_equal(s_verdict(bytes, s_now - TACIT_RESULT_CLOCK_SKEW_MS - 1),
                     TACIT_RESULT_INVALID);
    assert_int_equal(s_verdict(bytes, 0), TACIT_RESULT_INVALID);
}

static void lives_no_longer_than_the_limit(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE];
    tacit_result_t result = s_sample();
    result.expires_ms = result.issued_ms + TACIT_RESULT_LIFETIME_MS + 1;
    tacit_result_sign(&result, s_issuer_secret, bytes);
    assert_int_equal(s_verdict(bytes, s_now), TACIT_RESULT_INVALID);
    result.expires_ms = result.issued_ms;
    tacit_result_sign(&result, s_issuer_secret, bytes);
    assert_int_equal(s_verdict(bytes, s_now), TACIT_RESULT_INVALID);
    result.expires_ms = result.issued_ms - 1;
    tacit_result_sign(&result, s_issuer_secret, bytes);
    assert_int_equal(s_verdict(bytes, s_now), TACIT_RESULT_INVALID);
}

static void refuses_another_issuer_and_another_mesh(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RESULT_SIZE];
    uint8_t key[32];
    uint8_t secret[64];
    tacit_error_t error;
    tacit_result_t result = s_sample();
    tacit_result_t untouched = {.svn = 99};
    tacit_result_sign(&result, s_issuer_secret, bytes);
    (void)crypto_sign_keypair(key, secret);
    assert_int_equal(tacit_result_verify(tacit_span(bytes, sizeof bytes), key, result.mesh_id,
                                         s_now, &untouched, &error),
                     TACIT_RESULT_INVALID);
    assert_string_equal(error.claim, "result.signature");
    result.mesh_id[31] ^= 1;
    assert_int_equal(tacit_result_verify(tacit_span(bytes, sizeof bytes), s_issuer, result.mesh_id,
                                         s_now, &untouched, &error),
                     TACIT_RESULT_INVALID);
    assert_string_equal(error.claim, "result.mesh_id");
    assert_true(error.remedy[0]);
    assert_int_equal(untouched.svn, 99);
}

static void roles_have_one_name_each(void **state)
{
    (void)state;
    static const tacit_role_t roles[] = {
        TACIT_ROLE_ATTESTATION, TACIT_ROLE_KEYS, TACIT_ROLE_MODELS,   TACIT_ROLE_GATEWAY,
        TACIT_ROLE_WORKER,      TACIT_ROLE_USER, TACIT_ROLE_OPERATOR, TACIT_ROLE_MESH};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        assert_int_equal(tacit_role_from_name(tacit_role_name(roles[i])), roles[i]);
        assert_int_equal(tacit_role_is_enclave(roles[i]), roles[i] <= TACIT_ROLE_WORKER);
    }
    assert_int_equal(tacit_role_from_name("Worker"), TACIT_ROLE_NONE);
    assert_int_equal(tacit_role_from_name(""), TACIT_ROLE_NONE);
    assert_int_equal(tacit_role_from_name("none"), TACIT_ROLE_NONE);
    assert_string_equal(tacit_role_name((tacit_role_t)6), "none");
    assert_false(tacit_role_is_enclave(TACIT_ROLE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_signed),
        cmocka_unit_test(refuses_every_flipped_bit),
        cmocka_unit_test(refuses_every_other_size),
        cmocka_unit_test(refuses_what_is_signed_but_not_canonical),
        cmocka_unit_test(only_enclaves_have_results),
        cmocka_unit_test(lives_from_issue_to_expiry),
        cmocka_unit_test(lives_no_longer_than_the_limit),
        cmocka_unit_test(refuses_another_issuer_and_another_mesh),
        cmocka_unit_test(roles_have_one_name_each),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    (void)crypto_sign_keypair(s_issuer, s_issuer_secret);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
