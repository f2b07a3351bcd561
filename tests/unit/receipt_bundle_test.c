/*  receipt_bundle_test.c - files of receipts: read back as written, refused when anything is
    missing, and worth nothing where receipt and result do not agree.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/receipt_bundle.h"

enum { S_INTRODUCTION = 1000 };

static char *s_text; /* of the sample */

static int s_setup(void **state)
{
    uint8_t receipt[TACIT_RECEIPT_SIZE];
    uint8_t result[TACIT_RESULT_SIZE];
    uint8_t nonce[TACIT_BUNDLE_NONCE_SIZE];
    uint8_t introduction[S_INTRODUCTION];
    tacit_receipt_bundle_t bundle;
    (void)state;
    memset(receipt, 1, sizeof receipt);
    memset(result, 2, sizeof result);
    memset(nonce, 3, sizeof nonce);
    memset(introduction, 4, sizeof introduction);
    assert_int_equal(tacit_receipt_bundle_make(receipt, result, nonce,
                                               tacit_span(introduction, sizeof introduction), 1234,
                                               &bundle),
                     TACIT_OK);
    assert_int_equal(tacit_receipt_bundle_format(&bundle, &s_text), TACIT_OK);
    tacit_receipt_bundle_release(&bundle);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    free(s_text);
    return 0;
}

static tacit_status_t s_parse(const char *text, size_t size, tacit_error_t *ret_error)
{
    tacit_receipt_bundle_t bundle = {.time_ms = 0};
    tacit_status_t status = tacit_receipt_bundle_parse(tacit_span(text, size), &bundle, ret_error);
    assert_true(status == TACIT_OK || bundle.introduction == NULL);
    tacit_receipt_bundle_release(&bundle);
    return status;
}

static void test_it_reads_what_it_wrote(void **state)
{
    tacit_receipt_bundle_t bundle;
    (void)state;
    assert_int_equal(tacit_receipt_bundle_parse(tacit_span(s_text, strlen(s_text)), &bundle, NULL),
                     TACIT_OK);
    assert_int_equal(bundle.time_ms, 1234);
    assert_int_equal(bundle.receipt[TACIT_RECEIPT_SIZE - 1], 1);
    assert_int_equal(bundle.result[0], 2);
    assert_int_equal(bundle.nonce[31], 3);
    assert_int_equal(bundle.introduction_size, S_INTRODUCTION);
    assert_int_equal(bundle.introduction[S_INTRODUCTION - 1], 4);
    tacit_receipt_bundle_release(&bundle);
    tacit_receipt_bundle_release(&bundle);
}

static void test_every_part_of_it_is_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size < strlen(s_text); size++) {
        assert_int_equal(s_parse(s_text, size, NULL), TACIT_MALFORMED);
    }
}

/*  The sample with one member set to something else, or taken away.  */
static tacit_status_t s_parse_with(const char *member, json_t *value, tacit_error_t *ret_error)
{
    json_t *object = json_loads(s_text, 0, NULL);
    assert_non_null(object);
    if (value) {
        assert_int_equal(json_object_set_new(object, member, value), 0);
    } else {
        assert_int_equal(json_object_del(object, member), 0);
    }
    char *text = json_dumps(object, 0);
    tacit_status_t status = s_parse(text, strlen(text), ret_error);
    free(text);
    json_decref(object);
    return status;
}

static void test_every_member_is_needed(void **state)
{
    static const char *const members[] = {"type",   "time_ms", "receipt",
                                          "result", "nonce",   "introduction"};
    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        assert_int_equal(s_parse_with(members[i], NULL, NULL), TACIT_MALFORMED);
        assert_int_equal(s_parse_with(members[i], json_null(), NULL), TACIT_MALFORMED);
        assert_int_equal(s_parse_with(members[i], json_string(""), NULL), TACIT_MALFORMED);
        assert_int_equal(s_parse_with(members[i], json_string("?"), NULL), TACIT_MALFORMED);
        assert_int_equal(s_parse_with(members[i], json_array(), NULL), TACIT_MALFORMED);
    }
    assert_int_equal(s_parse_with("more", json_true(), NULL), TACIT_MALFORMED);
    assert_int_equal(s_parse_with("type", json_string("tacit-receipt-v2"), NULL), TACIT_MALFORMED);
    assert_int_equal(s_parse_with("time_ms", json_integer(-1), NULL), TACIT_MALFORMED);
    assert_int_equal(s_parse_with("time_ms", json_real(1), NULL), TACIT_MALFORMED);
    assert_int_equal(s_parse_with("time_ms", json_integer(0), NULL), TACIT_OK);
}

static void test_sizes_are_exact(void **state)
{
    tacit_error_t error = {.code = TACIT_OK};
    (void)state;
    /* 31, 33 and 32 bytes; then 32 with a digit that base64 does not have */
    assert_int_equal(
        s_parse_with("nonce", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="), &error),
        TACIT_MALFORMED);
    assert_string_equal(error.claim, "nonce");
    assert_int_equal(
        s_parse_with("nonce", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), NULL),
        TACIT_MALFORMED);
    assert_int_equal(
        s_parse_with("nonce", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), NULL),
        TACIT_OK);
    assert_int_equal(
        s_parse_with("nonce", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-="), NULL),
        TACIT_MALFORMED);
    assert_int_equal(
        s_parse_with("nonce", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=A"), NULL),
        TACIT_MALFORMED);
}

static void test_files_have_a_limit(void **state)
{
    size_t size = TACIT_BUNDLE_FILE_MAX + 1;
    char *text = malloc(size);
    (void)state;
    assert_non_null(text);
    memset(text, ' ', size);
    memcpy(text, s_text, strlen(s_text));
    assert_int_equal(s_parse(text, size - 1, NULL), TACIT_OK);
    assert_int_equal(s_parse(text, size, NULL), TACIT_TOO_LARGE);
    free(text);
}

/*  --- agreement ------------------------------------------------------------------------------- */

static tacit_receipt_t s_receipt(void)
{
    return (tacit_receipt_t){
        .mrenclave = {1}, .policy_head = {2}, .mesh_id = {3}, .simulated = true};
}

static tacit_result_t s_result(void)
{
    return (tacit_result_t){.role = TACIT_ROLE_WORKER,
                            .simulated = true,
                            .mrenclave = {1},
                            .policy_head = {2},
                            .mesh_id = {3}};
}

static void test_receipt_and_result_must_agree(void **state)
{
    tacit_receipt_t receipt = s_receipt();
    tacit_result_t result = s_result();
    (void)state;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_OK);
    result.role = TACIT_ROLE_GATEWAY;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_ROLE_REFUSED);
    result = s_result();
    result.simulated = false;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_RESULT_INVALID);
    result = s_result();
    result.mrenclave[31] = 1;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_RESULT_INVALID);
    result = s_result();
    result.policy_head[31] = 1;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_RESULT_INVALID);
    result = s_result();
    result.mesh_id[31] = 1;
    assert_int_equal(tacit_receipt_agree(&receipt, &result, NULL), TACIT_WRONG_MESH);
}

static void test_evidence_that_is_none_proves_nothing(void **state)
{
    tacit_trust_t trust = {.simulated = true};
    tacit_receipt_bundle_t bundle;
    tacit_proven_receipt_t proven;
    (void)state;
    assert_int_equal(tacit_receipt_bundle_parse(tacit_span(s_text, strlen(s_text)), &bundle, NULL),
                     TACIT_OK);
    assert_int_not_equal(tacit_receipt_bundle_verify(&bundle, &trust, &proven, NULL), TACIT_OK);
    tacit_receipt_bundle_release(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_reads_what_it_wrote),
        cmocka_unit_test(test_every_part_of_it_is_refused),
        cmocka_unit_test(test_every_member_is_needed),
        cmocka_unit_test(test_sizes_are_exact),
        cmocka_unit_test(test_files_have_a_limit),
        cmocka_unit_test(test_receipt_and_result_must_agree),
        cmocka_unit_test(test_evidence_that_is_none_proves_nothing),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
