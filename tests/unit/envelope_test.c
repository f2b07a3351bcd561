/*  envelope_test.c - a request opens only as this user's for this model; a receipt says what the
    worker signed.  */

#include "enclave/envelope.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { S_SIGNED_SIZE = TACIT_RECEIPT_SIZE - 64 };

static const char s_plaintext[] = "what only two may read";
static uint8_t s_key[TACIT_KEY_SIZE];
static uint8_t s_worker[32];
static uint8_t s_worker_secret[64];
static uint8_t s_sealed[sizeof s_plaintext + TACIT_SEAL_OVERHEAD];
static uint8_t s_opened[sizeof s_plaintext];

static tacit_receipt_t s_sample(void)
{
    tacit_receipt_t receipt = {
        .envelope = {.name = "breast-cancer", .version = 3},
        .simulated = true,
        .isolation = TACIT_ISOLATION_STRICT,
        .backend = TACIT_BACKEND_PORTABLE,
        .precision = TACIT_PRECISION_INT8,
        .time_ms = UINT64_C(1795219200000),
    };
    uint8_t *const fields[] = {
        receipt.envelope.user, receipt.envelope.owner,  receipt.request_sha256, receipt.mrenclave,
        receipt.model_sha256,  receipt.response_sha256, receipt.policy_head,    receipt.mesh_id};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        memset(fields[i], (int)(i + 1), 32);
    }
    memset(receipt.envelope.request_id, 0x99, sizeof receipt.envelope.request_id);
    return receipt;
}

static void s_seal(const tacit_envelope_t *envelope)
{
    tacit_envelope_seal(envelope, TACIT_DIRECTION_REQUEST, s_key,
                        tacit_span(s_plaintext, sizeof s_plaintext), s_sealed);
}

static tacit_status_t s_open(const tacit_envelope_t *envelope, tacit_direction_t direction)
{
    return tacit_envelope_open(envelope, direction, s_key, tacit_span(s_sealed, sizeof s_sealed),
                               s_opened);
}

static tacit_status_t s_verify(const uint8_t *bytes, size_t size)
{
    tacit_receipt_t receipt;
    return tacit_receipt_verify(tacit_span(bytes, size), s_worker, &receipt, NULL);
}

/*  What is said of a sample whose byte at offset is value, well signed.  */
static tacit_status_t s_verdict_on_byte(size_t offset, uint8_t value)
{
    uint8_t bytes[TACIT_RECEIPT_SIZE];
    const tacit_receipt_t receipt = s_sample();
    tacit_receipt_sign(&receipt, s_worker_secret, bytes);
    bytes[offset] = value;
    (void)crypto_sign_detached(bytes + S_SIGNED_SIZE, NULL, bytes, S_SIGNED_SIZE, s_worker_secret);
    return s_verify(bytes, sizeof bytes);
}

static void opens_what_was_sealed(void **state)
{
    (void)state;
    const tacit_envelope_t envelope = s_sample().envelope;
    s_seal(&envelope);
    assert_int_equal(s_open(&envelope, TACIT_DIRECTION_REQUEST), TACIT_OK);
    assert_memory_equal(s_opened, s_plaintext, sizeof s_plaintext);
}

static void a_request_is_no_response(void **state)
{
    (void)state;
    const tacit_envelope_t envelope = s_sample().envelope;
    s_seal(&envelope);
    assert_int_equal(s_open(&envelope, TACIT_DIRECTION_RESPONSE), TACIT_CORRUPT);
    tacit_envelope_seal(&envelope, TACIT_DIRECTION_RESPONSE, s_key,
                        tacit_span(s_plaintext, sizeof s_plaintext), s_sealed);
    assert_int_equal(s_open(&envelope, TACIT_DIRECTION_REQUEST), TACIT_CORRUPT);
    assert_int_equal(s_open(&envelope, TACIT_DIRECTION_RESPONSE), TACIT_OK);
}

static void opens_for_nobody_and_nothing_else(void **state)
{
    (void)state;
    const tacit_envelope_t envelope = s_sample().envelope;
    tacit_envelope_t others[5];
    for (size_t i = 0; i < 5; i++) {
        others[i] = envelope;
    }
    others[0].request_id[0] ^= 1;
    others[1].user[31] ^= 1;
    others[2].owner[31] ^= 1;
    others[3].name[0] = 'a';
    others[4].version++;
    s_seal(&envelope);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(s_open(&others[i], TACIT_DIRECTION_REQUEST), TACIT_CORRUPT);
    }
}

static void a_receipt_says_what_was_signed(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RECEIPT_SIZE];
    const tacit_receipt_t receipt = s_sample();
    tacit_receipt_t verified = {0};
    tacit_receipt_sign(&receipt, s_worker_secret, bytes);
    assert_int_equal(
        tacit_receipt_verify(tacit_span(bytes, sizeof bytes), s_worker, &verified, NULL), TACIT_OK);
    assert_memory_equal(verified.envelope.request_id, receipt.envelope.request_id, 16);
    assert_memory_equal(verified.envelope.user, receipt.envelope.user, 32);
    assert_memory_equal(verified.envelope.owner, receipt.envelope.owner, 32);
    assert_string_equal(verified.envelope.name, receipt.envelope.name);
    assert_int_equal(verified.envelope.version, 3);
    assert_memory_equal(verified.request_sha256, receipt.request_sha256, 32);
    assert_memory_equal(verified.response_sha256, receipt.response_sha256, 32);
    assert_memory_equal(verified.model_sha256, receipt.model_sha256, 32);
    assert_memory_equal(verified.mrenclave, receipt.mrenclave, 32);
    assert_memory_equal(verified.policy_head, receipt.policy_head, 32);
    assert_memory_equal(verified.mesh_id, receipt.mesh_id, 32);
    assert_true(verified.simulated);
    assert_int_equal(verified.isolation, TACIT_ISOLATION_STRICT);
    assert_int_equal(verified.backend, TACIT_BACKEND_PORTABLE);
    assert_int_equal(verified.precision, TACIT_PRECISION_INT8);
    assert_int_equal(verified.time_ms, receipt.time_ms);
}

static void a_receipt_refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RECEIPT_SIZE];
    const tacit_receipt_t receipt = s_sample();
    tacit_receipt_sign(&receipt, s_worker_secret, bytes);
    for (size_t bit = 0; bit < (size_t)8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        tacit_status_t status = s_verify(bytes, sizeof bytes);
        assert_true(status == TACIT_MALFORMED || status == TACIT_SIGNATURE_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_int_equal(s_verify(bytes, sizeof bytes), TACIT_OK);
}

static void a_receipt_has_one_size(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RECEIPT_SIZE + 1] = {0};
    const tacit_receipt_t receipt = s_sample();
    tacit_receipt_sign(&receipt, s_worker_secret, bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(s_verify(bytes, size),
                         size == TACIT_RECEIPT_SIZE ? TACIT_OK : TACIT_MALFORMED);
    }
}

static void a_receipt_is_canonical_though_signed(void **state)
{
    (void)state;
    assert_int_equal(s_verdict_on_byte(10, 0), TACIT_OK);        /* not simulated */
    assert_int_equal(s_verdict_on_byte(10, 2), TACIT_MALFORMED); /* strict, and not portable */
    assert_int_equal(s_verdict_on_byte(10, 4), TACIT_OK);
    assert_int_equal(s_verdict_on_byte(10, 6), TACIT_OK);
    assert_int_equal(s_verdict_on_byte(10, 8), TACIT_MALFORMED);
    assert_int_equal(s_verdict_on_byte(11, 0), TACIT_OK); /* fp32 */
    assert_int_equal(s_verdict_on_byte(11, 1), TACIT_OK);
    assert_int_equal(s_verdict_on_byte(11, 3), TACIT_MALFORMED);         /* no precision */
    assert_int_equal(s_verdict_on_byte(12, 0), TACIT_MALFORMED);         /* version 0 */
    assert_int_equal(s_verdict_on_byte(104, 0), TACIT_MALFORMED);        /* name with a hole */
    assert_int_equal(s_verdict_on_byte(104 + 63, 'a'), TACIT_MALFORMED); /* after its end */
    for (size_t offset = 360; offset < S_SIGNED_SIZE; offset++) {
        assert_int_equal(s_verdict_on_byte(offset, 1), TACIT_MALFORMED);
    }
}

static void a_receipt_is_this_workers(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_RECEIPT_SIZE];
    uint8_t key[32];
    uint8_t secret[64];
    tacit_receipt_t receipt = s_sample();
    tacit_error_t error;
    (void)crypto_sign_keypair(key, secret);
    tacit_receipt_sign(&receipt, secret, bytes);
    assert_int_equal(
        tacit_receipt_verify(tacit_span(bytes, sizeof bytes), s_worker, &receipt, &error),
        TACIT_SIGNATURE_INVALID);
    assert_string_equal(error.claim, "receipt.signature");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_was_sealed),
        cmocka_unit_test(a_request_is_no_response),
        cmocka_unit_test(opens_for_nobody_and_nothing_else),
        cmocka_unit_test(a_receipt_says_what_was_signed),
        cmocka_unit_test(a_receipt_refuses_every_flipped_bit),
        cmocka_unit_test(a_receipt_has_one_size),
        cmocka_unit_test(a_receipt_is_canonical_though_signed),
        cmocka_unit_test(a_receipt_is_this_workers),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    (void)crypto_sign_keypair(s_worker, s_worker_secret);
    randombytes_buf(s_key, sizeof s_key);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
