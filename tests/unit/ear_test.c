/*  ear_test.c - attestation results as EAR: golden tokens that another program made, every refusal
    by its claim, and a token cut or altered at every byte.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/ear_token.h"

#define S_ISSUED_S UINT64_C(1790000000)
#define S_NOW_MS   ((S_ISSUED_S + 10) * 1000)

/*  Made by an encoder of its own, in Python, and signed by libsodium with the seed 00 01 .. 1f.  */
static const char s_golden_claims[] =
    "{\"ear_status\":\"warning\",\"ear_verifier_id\":{\"build\":\"test "
    "1\",\"developer\":\"tacit\"},\"eat_"
    "nonce\":\"AAECAwQFBgc\",\"eat_profile\":\"tag:ietf.org,2026:rats/"
    "ear#04\",\"exp\":1790000300,\"i"
    "at\":1790000000,\"submods\":{\"intel-dcap\":{\"ear_appraisal_policy_ids\":[\"tacit:verificatio"
    "n/"
    "1\"],\"ear_status\":\"warning\",\"ear_trustworthiness_vector\":{\"configuration\":2,\"hardware"
    "\":32,\"runtime-opaque\":2},\"tacit_evidence_sha256\":\"222222222222222222222222222222222222"
    "2222222222222222222222222222\",\"tacit_simulated\":false,\"tacit_trust_anchor\":\"1111111111"
    "111111111111111111111111111111111111111111111111111111\"}}}";

static const char s_golden_cbor[] =
    "a7190109781d7461673a696574662e6f72672c323032363a726174732f6561722330341903e81820061a6a"
    "b13b80041a6ab13cac0a4800010203040506071903eca200657461636974016674657374203119010aa16a"
    "696e74656c2d64636170a61903e818201903e9a3010204182005021903eb817474616369743a7665726966"
    "69636174696f6e2f313a00011557f43a000115585820111111111111111111111111111111111111111111"
    "11111111111111111111113a00011559582022222222222222222222222222222222222222222222222222"
    "22222222222222";

static const char s_golden_jwt[] =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJlYXJfc3RhdHVzIjoid2FybmluZyIsImVhcl92ZXJpZmllc"
    "l9pZCI6eyJidWlsZCI6InRlc3QgMSIsImRldmVsb3BlciI6InRhY2l0In0sImVhdF9ub25jZSI6IkFBRUNBd1F"
    "GQmdjIiwiZWF0X3Byb2ZpbGUiOiJ0YWc6aWV0Zi5vcmcsMjAyNjpyYXRzL2VhciMwNCIsImV4cCI6MTc5MDAwM"
    "DMwMCwiaWF0IjoxNzkwMDAwMDAwLCJzdWJtb2RzIjp7ImludGVsLWRjYXAiOnsiZWFyX2FwcHJhaXNhbF9wb2x"
    "pY3lfaWRzIjpbInRhY2l0OnZlcmlmaWNhdGlvbi8xIl0sImVhcl9zdGF0dXMiOiJ3YXJuaW5nIiwiZWFyX3Ryd"
    "XN0d29ydGhpbmVzc192ZWN0b3IiOnsiY29uZmlndXJhdGlvbiI6MiwiaGFyZHdhcmUiOjMyLCJydW50aW1lLW9"
    "wYXF1ZSI6Mn0sInRhY2l0X2V2aWRlbmNlX3NoYTI1NiI6IjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyM"
    "jIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIiLCJ0YWNpdF9zaW11bGF0ZWQiOmZhbHNlLCJ0YWN"
    "pdF90cnVzdF9hbmNob3IiOiIxMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExM"
    "TExMTExMTExMTExMTExMTExIn19fQ.woH2iySyKU5HK7sbSya7bz-nkQtx-f5sTmYJLNOVJ2Ln8wcx78Lmx4Gw"
    "jwQ7lXYGMfXn2XAKXzHkywVK1m9KAw";

static const char s_golden_cwt[] =
    "d28443a10127a058dea7190109781d7461673a696574662e6f72672c323032363a726174732f6561722330"
    "341903e81820061a6ab13b80041a6ab13cac0a4800010203040506071903eca20065746163697401667465"
    "7374203119010aa16a696e74656c2d64636170a61903e818201903e9a3010204182005021903eb81747461"
    "6369743a766572696669636174696f6e2f313a00011557f43a000115585820111111111111111111111111"
    "11111111111111111111111111111111111111113a00011559582022222222222222222222222222222222"
    "2222222222222222222222222222222258405e6d016f821152ba4f8fba187881652da9599d8bce94ffb394"
    "e14fca362f4e491efecb5f40ee8915cb09d5945dbcbf8e29680863d2f3dfa9a52eec115c8f8b07";

static EVP_PKEY *s_ed25519;
static EVP_PKEY *s_p256;
static uint8_t s_token[TACIT_EAR_TOKEN_MAX];

static tacit_ear_t s_ear(void)
{
    tacit_ear_t ear = {.issued_s = S_ISSUED_S,
                       .expires_s = S_ISSUED_S + 300,
                       .developer = "tacit",
                       .build = "test 1",
                       .nonce = {0, 1, 2, 3, 4, 5, 6, 7},
                       .nonce_size = 8,
                       .submod_count = 1};
    tacit_ear_appraisal_t *appraisal = &ear.submods[0];
    *appraisal = (tacit_ear_appraisal_t){.name = "intel-dcap",
                                         .status = TACIT_TIER_WARNING,
                                         .policies = {TACIT_EAR_POLICY},
                                         .policy_count = 1,
                                         .is_ours = true};
    appraisal->vector[TACIT_EAR_CONFIGURATION] = 2;
    appraisal->vector[TACIT_EAR_HARDWARE] = 32;
    appraisal->vector[TACIT_EAR_RUNTIME_OPAQUE] = 2;
    memset(appraisal->trust_anchor, 0x11, 32);
    memset(appraisal->evidence_sha256, 0x22, 32);
    tacit_ear_conclude(&ear);
    return ear;
}

static int s_setup_group(void **state)
{
    (void)state;
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)i;
    }
    s_ed25519 = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    s_p256 = EVP_EC_gen("P-256");
    return sodium_init() < 0 || !s_ed25519 || !s_p256;
}

static int s_teardown_group(void **state)
{
    (void)state;
    EVP_PKEY_free(s_ed25519);
    EVP_PKEY_free(s_p256);
    return 0;
}

static size_t s_from_hex(const char *hex, uint8_t *ret_bytes)
{
    size_t size = 0;
    assert_int_equal(
        sodium_hex2bin(ret_bytes, TACIT_EAR_TOKEN_MAX, hex, strlen(hex), NULL, &size, NULL), 0);
    return size;
}

static void s_assert_golden(const tacit_ear_t *ear)
{
    const tacit_ear_t wanted = s_ear();
    assert_int_equal(ear->status, TACIT_TIER_WARNING);
    assert_int_equal(ear->issued_s, wanted.issued_s);
    assert_int_equal(ear->expires_s, wanted.expires_s);
    assert_string_equal(ear->developer, "tacit");
    assert_string_equal(ear->build, "test 1");
    assert_int_equal(ear->nonce_size, 8);
    assert_memory_equal(ear->nonce, wanted.nonce, 8);
    assert_int_equal(ear->submod_count, 1);
    const tacit_ear_appraisal_t *appraisal = &ear->submods[0];
    assert_string_equal(appraisal->name, "intel-dcap");
    assert_memory_equal(appraisal->vector, wanted.submods[0].vector, sizeof appraisal->vector);
    assert_string_equal(appraisal->policies[0], TACIT_EAR_POLICY);
    assert_true(appraisal->is_ours && !appraisal->simulated);
    assert_memory_equal(appraisal->trust_anchor, wanted.submods[0].trust_anchor, 32);
    assert_memory_equal(appraisal->evidence_sha256, wanted.submods[0].evidence_sha256, 32);
}

static tacit_status_t s_verify(const uint8_t *token, size_t size, EVP_PKEY *key, uint64_t now_ms)
{
    tacit_ear_t ear;
    tacit_ear_format_t format;
    return tacit_ear_verify(tacit_span(token, size), key, now_ms, &ear, &format, NULL);
}

static void golden_tokens_are_written_and_read(void **state)
{
    (void)state;
    uint8_t golden[TACIT_EAR_TOKEN_MAX];
    const tacit_ear_t ear = s_ear();
    tacit_ear_t read;
    tacit_ear_format_t format = TACIT_EAR_CWT;
    size_t size = 0;
    assert_int_equal(tacit_ear_sign(&ear, TACIT_EAR_JWT, s_ed25519, s_token, &size, NULL),
                     TACIT_OK);
    assert_int_equal(size, strlen(s_golden_jwt));
    assert_memory_equal(s_token, s_golden_jwt, size);
    assert_int_equal(tacit_ear_verify(tacit_span_string(s_golden_jwt), s_ed25519, S_NOW_MS, &read,
                                      &format, NULL),
                     TACIT_OK);
    assert_int_equal(format, TACIT_EAR_JWT);
    s_assert_golden(&read);
    assert_int_equal(tacit_ear_sign(&ear, TACIT_EAR_CWT, s_ed25519, s_token, &size, NULL),
                     TACIT_OK);
    assert_int_equal(size, s_from_hex(s_golden_cwt, golden));
    assert_memory_equal(s_token, golden, size);
    assert_int_equal(
        tacit_ear_verify(tacit_span(golden, size), s_ed25519, S_NOW_MS, &read, &format, NULL),
        TACIT_OK);
    assert_int_equal(format, TACIT_EAR_CWT);
    s_assert_golden(&read);
}

static void golden_claims_are_written(void **state)
{
    (void)state;
    uint8_t claims[TACIT_EAR_CLAIMS_MAX];
    uint8_t golden[TACIT_EAR_TOKEN_MAX];
    const tacit_ear_t ear = s_ear();
    size_t size = 0;
    assert_int_equal(tacit_ear_write_json(&ear, claims, &size), TACIT_OK);
    assert_int_equal(size, strlen(s_golden_claims));
    assert_memory_equal(claims, s_golden_claims, size);
    assert_int_equal(tacit_ear_write_cbor(&ear, claims, &size), TACIT_OK);
    assert_int_equal(size, s_from_hex(s_golden_cbor, golden));
    assert_memory_equal(claims, golden, size);
}

static void both_algorithms_sign_both_forms(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {s_ed25519, s_p256};
    const tacit_ear_t ear = s_ear();
    for (size_t i = 0; i < 4; i++) {
        tacit_ear_format_t format = i & 1 ? TACIT_EAR_CWT : TACIT_EAR_JWT;
        size_t size = 0;
        assert_int_equal(tacit_ear_sign(&ear, format, keys[i / 2], s_token, &size, NULL), TACIT_OK);
        assert_int_equal(s_verify(s_token, size, keys[i / 2], S_NOW_MS), TACIT_OK);
        /*  Another key is another algorithm, too: the header is refused before the signature.  */
        assert_int_equal(s_verify(s_token, size, keys[1 - i / 2], S_NOW_MS), TACIT_MALFORMED);
    }
    EVP_PKEY *other = EVP_EC_gen("P-256");
    size_t size = 0;
    assert_int_equal(tacit_ear_sign(&ear, TACIT_EAR_JWT, s_p256, s_token, &size, NULL), TACIT_OK);
    assert_int_equal(s_verify(s_token, size, other, S_NOW_MS), TACIT_SIGNATURE_INVALID);
    EVP_PKEY_free(other);
    other = EVP_EC_gen("P-384");
    assert_int_equal(s_verify(s_token, size, other, S_NOW_MS), TACIT_UNSUPPORTED);
    EVP_PKEY_free(other);
}

static void cut_or_altered_anywhere_it_is_refused(void **state)
{
    (void)state;
    const tacit_ear_t ear = s_ear();
    for (size_t form = 0; form < 2; form++) {
        size_t size = 0;
        assert_int_equal(
            tacit_ear_sign(&ear, (tacit_ear_format_t)form, s_ed25519, s_token, &size, NULL),
            TACIT_OK);
        for (size_t at = 0; at < size; at++) {
            uint8_t *copy = malloc(size + 1); /* of exact size: a read beyond is seen */
            memcpy(copy, s_token, at);
            uint8_t *cut = realloc(copy, at ? at : 1);
            assert_int_not_equal(s_verify(cut, at, s_ed25519, S_NOW_MS), TACIT_OK);
            free(cut);
            s_token[at] ^= 1;
            assert_int_not_equal(s_verify(s_token, size, s_ed25519, S_NOW_MS), TACIT_OK);
            s_token[at] ^= 1;
        }
        s_token[size] = form == 0 ? 'A' : 0;
        assert_int_not_equal(s_verify(s_token, size + 1, s_ed25519, S_NOW_MS), TACIT_OK);
        assert_int_equal(s_verify(s_token, size, s_ed25519, S_NOW_MS), TACIT_OK);
    }
}

/*  RFC 8725: the algorithm is the key's, never the token's choice.  */
static void a_header_chooses_nothing(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"ES256\"}",
        "{}",
        "[]",
        "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
    };
    const char *rest = strchr(s_golden_jwt, '.');
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char header[128];
        sodium_bin2base64(header, sizeof header, (const uint8_t *)headers[i], strlen(headers[i]),
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        int size = snprintf((char *)s_token, sizeof s_token, "%s%s", header, rest);
        assert_int_equal(s_verify(s_token, (size_t)size, s_ed25519, S_NOW_MS), TACIT_MALFORMED);
    }
}

static void tags_of_others_are_read(void **state)
{
    (void)state;
    static const uint8_t cwt_tag[] = {0xd8, 0x3d}; /* 61 */
    uint8_t bytes[TACIT_EAR_TOKEN_MAX + 8];
    size_t size = s_from_hex(s_golden_cwt, bytes + sizeof cwt_tag);
    memcpy(bytes, cwt_tag, sizeof cwt_tag);
    assert_int_equal(s_verify(bytes, size + 2, s_ed25519, S_NOW_MS), TACIT_OK);
    assert_int_equal(s_verify(bytes + 3, size - 1, s_ed25519, S_NOW_MS), TACIT_OK); /* no tag */
    bytes[2] = 0xd1; /* COSE_Mac0's */
    assert_int_equal(s_verify(bytes + 2, size, s_ed25519, S_NOW_MS), TACIT_MALFORMED);
}

static void times_are_kept(void **state)
{
    (void)state;
    const uint8_t *token = (const uint8_t *)s_golden_jwt;
    size_t size = strlen(s_golden_jwt);
    uint64_t issued_ms = S_ISSUED_S * 1000;
    assert_int_equal(s_verify(token, size, s_ed25519, issued_ms - 60 * 1000), TACIT_OK);
    assert_int_equal(s_verify(token, size, s_ed25519, issued_ms - 60 * 1000 - 1),
                     TACIT_RESULT_INVALID);
    assert_int_equal(s_verify(token, size, s_ed25519, issued_ms + 300 * 1000 - 1), TACIT_OK);
    assert_int_equal(s_verify(token, size, s_ed25519, issued_ms + 300 * 1000),
                     TACIT_RESULT_EXPIRED);
}

/*  The golden claims with one piece of text in place of another; the claim that is refused.  */
static const struct {
    const char *from;
    const char *to;
    const char *claim; /* NULL: accepted */
} s_changes[] = {
    {"ear#04", "ear#03", "eat_profile"},
    {"\"iat\":1790000000", "\"iat\":1790000000.0", "iat"},
    {"\"iat\":1790000000", "\"iat\":-1", "iat"},
    {"\"iat\":1790000000,", "", "iat"},
    {"\"exp\":1790000300", "\"exp\":1.5", "exp"},
    {"\"exp\":1790000300", "\"exp\":1790000000", "exp"},
    {"\"exp\":1790000300", "\"exp\":1790000001", NULL},
    {"\"build\":\"test 1\",", "", "ear_verifier_id"},
    {"AAECAwQFBgc", "AAECAwQFBg", "eat_nonce"},
    {"AAECAwQFBgc", "AAECAwQFBgc=", "eat_nonce"},
    {"\"intel-dcap\":{", "\"intel-dcap\":[],\"b\":{", "submods"},
    {"{\"ear_status\":\"warning\"", "{\"ear_status\":\"affirming\"", "ear_status"},
    {"{\"ear_status\":\"warning\"", "{\"ear_status\":\"good\"", "ear_status"},
    {"{\"ear_status\":\"warning\"", "{\"ear_status\":\"contraindicated\"", NULL},
    {"],\"ear_status\":\"warning\"", "],\"ear_status\":\"none\"", "ear_status"},
    {"],\"ear_status\":\"warning\"", "],\"ear_status\":96", "ear_status"},
    {"\"hardware\":32", "\"hardware\":96", "ear_status"},
    {"\"hardware\":32", "\"hardware\":127", "ear_status"},
    {"\"hardware\":32", "\"hardware\":128", "ear_trustworthiness_vector"},
    {"\"hardware\":32", "\"hardware\":-129", "ear_trustworthiness_vector"},
    {"\"hardware\":32", "\"hardware\":\"32\"", "ear_trustworthiness_vector"},
    {"\"hardware\":32", "\"cost\":32", "ear_trustworthiness_vector"},
    {"[\"tacit:verification/1\"]", "[]", "ear_appraisal_policy_ids"},
    {"[\"tacit:verification/1\"]", "[1]", "ear_appraisal_policy_ids"},
    {"[\"tacit:verification/1\"]", "[\"a\",\"b\",\"c\",\"d\"]", NULL},
    {"[\"tacit:verification/1\"]", "[\"a\",\"b\",\"c\",\"d\",\"e\"]", "ear_appraisal_policy_ids"},
    {"\"tacit_simulated\":false", "\"tacit_simulated\":0", "tacit_simulated"},
    {"\"tacit_trust_anchor\":\"11", "\"tacit_trust_anchor\":\"1", "tacit_simulated"},
    {"\"iat\":", "\"future_claim\":{\"a\":[1]},\"iat\":", NULL}, /* section 4: ignored */
    {"\"iat\":", "\"iat\":1,\"iat\":", "claims-set"},
    {"{\"ear_status\":\"warning\",\"ear_v", "[{\"ear_status\":\"warning\",\"ear_v", "claims-set"},
};

static void every_claim_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_changes / sizeof *s_changes; i++) {
        char text[2 * sizeof s_golden_claims];
        tacit_error_t error = {.code = TACIT_OK};
        tacit_ear_t ear;
        const char *at = strstr(s_golden_claims, s_changes[i].from);
        assert_non_null(at);
        int size = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - s_golden_claims),
                            s_golden_claims, s_changes[i].to, at + strlen(s_changes[i].from));
        tacit_status_t status = tacit_ear_read_json(tacit_span(text, (size_t)size), &ear, &error);
        if (status != (s_changes[i].claim ? TACIT_MALFORMED : TACIT_OK) ||
            (status && strcmp(error.claim, s_changes[i].claim) != 0)) {
            fail_msg("%s for %s: %s", s_changes[i].to, s_changes[i].from, error.claim);
        }
    }
}

static void submodules_have_a_most(void **state)
{
    (void)state;
    uint8_t claims[TACIT_EAR_CLAIMS_MAX];
    size_t size = 0;
    tacit_ear_t ear = s_ear();
    tacit_ear_t read;
    for (size_t i = 1; i < TACIT_EAR_SUBMODS_MAX; i++) {
        ear.submods[i] = ear.submods[0];
        ear.submods[i].name[0] = (char)('a' + i);
    }
    ear.submod_count = TACIT_EAR_SUBMODS_MAX;
    assert_int_equal(tacit_ear_write_cbor(&ear, claims, &size), TACIT_OK);
    assert_int_equal(tacit_ear_read_cbor(tacit_span(claims, size), &read, NULL), TACIT_OK);
    assert_int_equal(read.submod_count, TACIT_EAR_SUBMODS_MAX);
    ear.submod_count = 0;
    assert_int_equal(tacit_ear_write_cbor(&ear, claims, &size), TACIT_OK);
    assert_int_equal(tacit_ear_read_cbor(tacit_span(claims, size), &read, NULL), TACIT_MALFORMED);
}

static void values_are_in_their_tiers(void **state)
{
    (void)state;
    static const struct {
        int8_t value;
        tacit_tier_t tier;
    } rows[] = {
        {-1, TACIT_TIER_NONE},
        {0, TACIT_TIER_NONE},
        {1, TACIT_TIER_NONE},
        {2, TACIT_TIER_AFFIRMING},
        {31, TACIT_TIER_AFFIRMING},
        {-2, TACIT_TIER_AFFIRMING},
        {-32, TACIT_TIER_AFFIRMING},
        {32, TACIT_TIER_WARNING},
        {95, TACIT_TIER_WARNING},
        {-33, TACIT_TIER_WARNING},
        {-96, TACIT_TIER_WARNING},
        {96, TACIT_TIER_CONTRAINDICATED},
        {127, TACIT_TIER_CONTRAINDICATED},
        {-97, TACIT_TIER_CONTRAINDICATED},
        {-128, TACIT_TIER_CONTRAINDICATED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tacit_ear_tier(rows[i].value), rows[i].tier);
    }
}

static tacit_ear_appraisal_t s_appraise(tacit_tcb_status_t status, bool debug, bool simulated)
{
    tacit_ear_appraisal_t appraisal;
    const tacit_verdict_t verdict = {
        .has_tcb_status = true, .tcb_status = status, .debug = debug, .simulated = simulated};
    tacit_ear_appraise(&verdict, &appraisal);
    return appraisal;
}

static void a_verdict_becomes_claims(void **state)
{
    (void)state;
    tacit_ear_appraisal_t appraisal = s_appraise(TACIT_TCB_UP_TO_DATE, false, false);
    assert_int_equal(appraisal.status, TACIT_TIER_AFFIRMING);
    assert_int_equal(appraisal.vector[TACIT_EAR_HARDWARE], 2);
    assert_int_equal(appraisal.vector[TACIT_EAR_EXECUTABLES], 0); /* of code nothing is known */
    assert_int_equal(s_appraise(TACIT_TCB_OUT_OF_DATE, false, false).status, TACIT_TIER_WARNING);
    assert_int_equal(s_appraise(TACIT_TCB_REVOKED, false, false).status,
                     TACIT_TIER_CONTRAINDICATED);
    assert_int_equal(s_appraise(TACIT_TCB_UP_TO_DATE, true, false).status,
                     TACIT_TIER_CONTRAINDICATED);
    appraisal = s_appraise(TACIT_TCB_CONFIGURATION_NEEDED, false, false);
    assert_int_equal(appraisal.vector[TACIT_EAR_CONFIGURATION], 32);
    appraisal = s_appraise(TACIT_TCB_UP_TO_DATE, false, true); /* no hardware is claimed */
    assert_int_equal(appraisal.vector[TACIT_EAR_HARDWARE], 0);
    assert_true(appraisal.simulated);
}

static void a_refusal_becomes_claims(void **state)
{
    (void)state;
    tacit_ear_appraisal_t appraisal;
    tacit_ear_refuse(TACIT_SIGNATURE_INVALID, &appraisal);
    assert_int_equal(appraisal.status, TACIT_TIER_CONTRAINDICATED);
    tacit_ear_refuse(TACIT_COLLATERAL_MISSING, &appraisal);
    assert_int_equal(appraisal.status, TACIT_TIER_NONE);
    tacit_ear_refuse(TACIT_EVIDENCE_MALFORMED, &appraisal);
    assert_int_equal(appraisal.status, TACIT_TIER_NONE);
    assert_int_equal(appraisal.vector[TACIT_EAR_HARDWARE], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_tokens_are_written_and_read),
        cmocka_unit_test(golden_claims_are_written),
        cmocka_unit_test(both_algorithms_sign_both_forms),
        cmocka_unit_test(cut_or_altered_anywhere_it_is_refused),
        cmocka_unit_test(a_header_chooses_nothing),
        cmocka_unit_test(tags_of_others_are_read),
        cmocka_unit_test(times_are_kept),
        cmocka_unit_test(every_claim_is_checked),
        cmocka_unit_test(submodules_have_a_most),
        cmocka_unit_test(values_are_in_their_tiers),
        cmocka_unit_test(a_verdict_becomes_claims),
        cmocka_unit_test(a_refusal_becomes_claims),
    };
    return cmocka_run_group_tests(tests, s_setup_group, s_teardown_group);
}
