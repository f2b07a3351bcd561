/*  evidence_samples_test.c - genuine and broken quotes, judged at the time when they were valid.

    Each sample folder says in expected.json what a verifier must make of it. Genuine ones are then
    altered, byte by byte, and cut, length by length: none of these may verify. The samples are no
    part of the source; TACIT_EVIDENCE names their folder, and without it the tests are skipped. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/evidence.h"

enum {
    PATH_SIZE = 512,
    FILE_MAX = TACIT_COLLATERAL_PART_MAX,
    SAMPLES_MAX = 64,
    MUTATION_STEP = 7 /* every so-manieth byte of what is long */
};

typedef enum part {
    PART_QUOTE,
    PART_TCB_INFO,
    PART_QE_IDENTITY,
    PART_SIGNER_CHAIN,
    PART_CRL_CHAIN,
    PART_ROOT_CRL,
    PART_PCK_CRL,
    PARTS
} part_t;

static const char *const s_files[PARTS] = {
    [PART_QUOTE] = "quote.bin",
    [PART_TCB_INFO] = "tcb_info.json",
    [PART_QE_IDENTITY] = "qe_identity.json",
    [PART_SIGNER_CHAIN] = "tcb_signing_chain.pem",
    [PART_CRL_CHAIN] = "pck_crl_issuer_chain.pem",
    [PART_ROOT_CRL] = "root_ca_crl.der",
    [PART_PCK_CRL] = "pck_crl.der",
};

/*  SHA-256 of Intel's SGX Root CA.  */
static const char s_intel_root[] =
    "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";

typedef struct sample {
    uint8_t *parts[PARTS]; /* owned */
    size_t sizes[PARTS];
    json_t *expected;
    uint64_t time_ms;
    uint8_t root_sha256[32];
} sample_t;

static const char *s_folder(void)
{
    const char *folder = getenv("TACIT_EVIDENCE");
    return folder ? folder : TACIT_EVIDENCE_DEFAULT;
}

/*  The file's bytes in memory of exactly their size, so that a sanitizer sees reads beyond.  */
static uint8_t *s_load(const char *sample, const char *file, size_t *ret_size)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s/%s", s_folder(), sample, file);
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return NULL;
    }
    uint8_t *buffer = malloc(FILE_MAX);
    assert_non_null(buffer);
    *ret_size = fread(buffer, 1, FILE_MAX, stream);
    fclose(stream);
    uint8_t *exact = realloc(buffer, *ret_size > 0 ? *ret_size : 1);
    assert_non_null(exact);
    return exact;
}

static const char *s_text(const sample_t *sample, const char *member)
{
    const char *text = json_string_value(json_object_get(sample->expected, member));
    return text ? text : "";
}

static void s_find_root(sample_t *sample, const char *name)
{
    size_t size = 0;
    uint8_t *root = s_load(name, "root_ca.der", &size);
    sodium_hex2bin(sample->root_sha256, 32, s_intel_root, 64, NULL, NULL, NULL);
    if (root) {
        uint8_t digest[32];
        crypto_hash_sha256(digest, root, size);
        if (json_is_true(json_object_get(sample->expected, "simulated"))) {
            memcpy(sample->root_sha256, digest, 32);
        } else {
            assert_memory_equal(sample->root_sha256, digest, 32);
        }
    }
    free(root);
}

static bool s_open(sample_t *sample, const char *name)
{
    size_t size = 0;
    memset(sample, 0, sizeof *sample);
    char *text = (char *)s_load(name, "expected.json", &size);
    if (!text) {
        return false;
    }
    sample->expected = json_loadb(text, size, 0, NULL);
    free(text);
    assert_non_null(sample->expected);
    for (part_t i = 0; i < PARTS; i++) {
        sample->parts[i] = s_load(name, s_files[i], &sample->sizes[i]);
    }
    struct tm date = {0};
    if (!strptime(s_text(sample, "validation_time"), "%Y-%m-%dT%H:%M:%S", &date)) {
        date = (struct tm){.tm_year = 125, .tm_mday = 1};
    }
    sample->time_ms = (uint64_t)timegm(&date) * 1000;
    s_find_root(sample, name);
    return true;
}

static void s_close(sample_t *sample)
{
    for (part_t i = 0; i < PARTS; i++) {
        free(sample->parts[i]);
    }
    json_decref(sample->expected);
}

/*  A genuine sample, or none: the test is skipped.  */
static void s_open_genuine(sample_t *sample)
{
    if (!s_open(sample, "sgx_v3/phala_a067")) {
        printf("skipped: no samples in %s\n", s_folder());
        skip();
    }
}

static tacit_status_t s_verify(const sample_t *sample, tacit_claims_t *claims, tacit_error_t *error)
{
    tacit_span_t spans[PARTS];
    for (part_t i = 0; i < PARTS; i++) {
        spans[i] = tacit_span(sample->parts[i], sample->sizes[i]);
    }
    tacit_collateral_t collateral = {
        .tcb_info = spans[PART_TCB_INFO],
        .qe_identity = spans[PART_QE_IDENTITY],
        .tcb_signing_chain = spans[PART_SIGNER_CHAIN],
        .pck_crl_issuer_chain = spans[PART_CRL_CHAIN],
        .root_crl = spans[PART_ROOT_CRL],
        .pck_crl = spans[PART_PCK_CRL],
    };
    return tacit_evidence_verify(spans[PART_QUOTE], &collateral, sample->root_sha256,
                                 sample->time_ms, claims, error);
}

/*  Codes of the refusals that a sample's reason decides.  */
static const struct {
    const char *error_class;
    tacit_status_t code;
} s_classes[] = {
    {"qe-binding", TACIT_QE_REFUSED},
    {"expired", TACIT_COLLATERAL_EXPIRED},
    {"quote-signature", TACIT_SIGNATURE_INVALID},
    {"missing-collateral", TACIT_COLLATERAL_MISSING},
    {"qe-identity-signature", TACIT_SIGNATURE_INVALID},
    {"qe-report-signature", TACIT_SIGNATURE_INVALID},
    {"tcb-info-signature", TACIT_SIGNATURE_INVALID},
    {"format", TACIT_EVIDENCE_MALFORMED},
    {"tcb-info-mismatch", TACIT_COLLATERAL_MISSING},
    {"revoked", TACIT_CERTIFICATE_REVOKED},
};

static void s_expect_hex(const sample_t *sample, const char *member, const uint8_t *bytes,
                         size_t size)
{
    char text[2 * TACIT_REPORT_DATA_SIZE + 1];
    sodium_bin2hex(text, sizeof text, bytes, size);
    if (json_object_get(sample->expected, member)) {
        assert_string_equal(text, s_text(sample, member));
    }
}

static void s_expect_number(const sample_t *sample, const char *member, uint64_t number)
{
    const json_t *expected = json_object_get(sample->expected, member);
    if (expected) {
        assert_int_equal(number, json_integer_value(expected));
    }
}

static void s_expect_claims(const sample_t *sample, const tacit_claims_t *claims)
{
    assert_string_equal(tacit_tcb_status_name(claims->tcb_status), s_text(sample, "tcb_status"));
    s_expect_hex(sample, "mrenclave", claims->mrenclave, sizeof claims->mrenclave);
    s_expect_hex(sample, "mrsigner", claims->mrsigner, sizeof claims->mrsigner);
    s_expect_hex(sample, "report_data", claims->report_data, sizeof claims->report_data);
    s_expect_hex(sample, "fmspc", claims->fmspc, sizeof claims->fmspc);
    const json_t *expected = sample->expected;
    assert_int_equal(claims->debug, json_is_true(json_object_get(expected, "debug")));
    assert_int_equal(claims->simulated, json_is_true(json_object_get(expected, "simulated")));
    s_expect_number(sample, "isvprodid", claims->product_id);
    s_expect_number(sample, "isvsvn", claims->svn);
    assert_true(claims->expires_ms > sample->time_ms);
    assert_memory_equal(claims->root_sha256, sample->root_sha256, 32);
    const json_t *advisories = json_object_get(expected, "advisories");
    for (size_t i = 0; i < json_array_size(advisories); i++) {
        const char *id = json_string_value(json_array_get(advisories, i));
        assert_non_null(strstr(claims->advisories, id));
    }
}

static void s_expect_refusal(const sample_t *sample, tacit_status_t status,
                             const tacit_error_t *error)
{
    assert_int_not_equal(status, TACIT_OK);
    assert_int_equal(error->code, status);
    assert_true(error->claim[0] && error->expected[0] && error->got[0] && error->remedy[0]);
    for (size_t i = 0; i < sizeof s_classes / sizeof s_classes[0]; i++) {
        if (strcmp(s_text(sample, "error_class"), s_classes[i].error_class) == 0) {
            assert_int_equal(status, s_classes[i].code);
        }
    }
}

static void s_judge(const char *name)
{
    sample_t sample;
    assert_true(s_open(&sample, name));
    tacit_claims_t claims;
    tacit_error_t error = {0};
    tacit_status_t status = s_verify(&sample, &claims, &error);
    bool is_tdx = strstr(name, "/tdx_") != NULL;
    printf("%s: %s %s\n", name, tacit_status_name(status),
           status == TACIT_OK ? tacit_tcb_status_name(claims.tcb_status) : error.claim);
    if (is_tdx) { /* genuine, but nobody knows what launched it */
        assert_int_equal(status, TACIT_MEASUREMENT_REFUSED);
    } else if (strcmp(s_text(&sample, "result"), "VERIFIED") == 0) {
        assert_int_equal(status, TACIT_OK);
        s_expect_claims(&sample, &claims);
    } else {
        s_expect_refusal(&sample, status, &error);
    }
    s_close(&sample);
}

static void s_judge_folder(const char *kind, size_t *ret_count)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", s_folder(), kind);
    DIR *folder = opendir(path);
    if (!folder) {
        printf("skipped: no samples in %s\n", path);
        skip();
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[PATH_SIZE];
        snprintf(name, sizeof name, "%s/%s", kind, entry->d_name);
        if (entry->d_name[0] != '.') {
            s_judge(name);
            (*ret_count)++;
        }
    }
    closedir(folder);
}

static void test_genuine_samples(void **state)
{
    (void)state;
    size_t count = 0;
    s_judge_folder("sgx_v3", &count);
    assert_in_range(count, 1, SAMPLES_MAX);
}

static void test_simulated_samples(void **state)
{
    (void)state;
    size_t count = 0;
    s_judge_folder("sim", &count);
    assert_in_range(count, 1, SAMPLES_MAX);
}

static void test_root_of_another_vendor(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    sample.root_sha256[31] ^= 1;
    tacit_claims_t claims;
    tacit_error_t error = {0};
    assert_int_equal(s_verify(&sample, &claims, &error), TACIT_TRUST_ANCHOR_REFUSED);
    assert_string_equal(error.claim, "root_sha256");
    s_close(&sample);
}

static void test_report_alone(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    tacit_claims_t claims;
    tacit_claims_t whole;
    tacit_span_t quote = tacit_span(sample.parts[PART_QUOTE], sample.sizes[PART_QUOTE]);
    assert_int_equal(tacit_evidence_verify_report(quote, &claims, NULL), TACIT_OK);
    assert_int_equal(s_verify(&sample, &whole, NULL), TACIT_OK);
    assert_memory_equal(claims.mrenclave, whole.mrenclave, 32);
    assert_memory_equal(claims.report_data, whole.report_data, 64);
    assert_memory_equal(claims.attestation_key_sha256, whole.attestation_key_sha256, 32);
    assert_int_equal(claims.expires_ms, 0);
    assert_int_equal(claims.root_name[0], 0);
    s_close(&sample);
}

/*  The earliest end decides: until it all is well, after it nothing is.  */
static void test_expires_at_the_earliest_end(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    tacit_claims_t claims;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_OK);
    sample.time_ms = claims.expires_ms;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_OK);
    sample.time_ms = claims.expires_ms + 1;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_COLLATERAL_EXPIRED);
    s_close(&sample);
}

static void test_zero_bytes_may_follow(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    size_t size = sample.sizes[PART_QUOTE];
    uint8_t *longer = calloc(1, TACIT_QUOTE_MAX + 1);
    assert_non_null(longer);
    memcpy(longer, sample.parts[PART_QUOTE], size);
    free(sample.parts[PART_QUOTE]);
    sample.parts[PART_QUOTE] = longer;
    tacit_claims_t claims;
    sample.sizes[PART_QUOTE] = TACIT_QUOTE_MAX;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_OK);
    sample.sizes[PART_QUOTE] = TACIT_QUOTE_MAX + 1;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_TOO_LARGE);
    sample.sizes[PART_QUOTE] = TACIT_QUOTE_MAX;
    longer[TACIT_QUOTE_MAX - 1] = 1;
    assert_int_equal(s_verify(&sample, &claims, NULL), TACIT_EVIDENCE_MALFORMED);
    s_close(&sample);
}

static void test_any_byte_altered(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    for (part_t part = 0; part < PARTS; part++) {
        for (size_t i = 0; i < sample.sizes[part]; i += MUTATION_STEP) {
            tacit_claims_t claims = {0};
            sample.parts[part][i] ^= 1;
            tacit_status_t status = s_verify(&sample, &claims, NULL);
            sample.parts[part][i] ^= 1;
            if (status == TACIT_OK) {
                print_error("%s verifies with byte %zu altered\n", s_files[part], i);
            }
            assert_int_not_equal(status, TACIT_OK);
            assert_int_equal(claims.expires_ms, 0);
        }
    }
    s_close(&sample);
}

/*  Cut to a copy of exactly that length, so that a sanitizer sees any read beyond it.  */
static void s_cut_and_verify(sample_t *sample, part_t part, size_t size)
{
    uint8_t *whole = sample->parts[part];
    size_t whole_size = sample->sizes[part];
    sample->parts[part] = malloc(size > 0 ? size : 1);
    assert_non_null(sample->parts[part]);
    memcpy(sample->parts[part], whole, size);
    sample->sizes[part] = size;
    tacit_claims_t claims;
    tacit_status_t status = s_verify(sample, &claims, NULL);
    free(sample->parts[part]);
    sample->parts[part] = whole;
    sample->sizes[part] = whole_size;
    if (status == TACIT_OK) {
        print_error("%s verifies when cut to %zu bytes\n", s_files[part], size);
    }
    assert_int_not_equal(status, TACIT_OK);
}

static void test_any_length_cut(void **state)
{
    (void)state;
    sample_t sample;
    s_open_genuine(&sample);
    for (part_t part = 0; part < PARTS; part++) {
        /*  A blank line's end that closes a text is no part of it.  */
        size_t size = sample.sizes[part];
        size -= size > 0 && sample.parts[part][size - 1] == '\n';
        size_t step = part == PART_QUOTE ? 1 : MUTATION_STEP;
        for (size_t cut = 0; cut < size; cut += step) {
            s_cut_and_verify(&sample, part, cut);
        }
    }
    s_close(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genuine_samples),
        cmocka_unit_test(test_simulated_samples),
        cmocka_unit_test(test_root_of_another_vendor),
        cmocka_unit_test(test_report_alone),
        cmocka_unit_test(test_expires_at_the_earliest_end),
        cmocka_unit_test(test_zero_bytes_may_follow),
        cmocka_unit_test(test_any_byte_altered),
        cmocka_unit_test(test_any_length_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
