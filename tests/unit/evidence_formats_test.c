/*  evidence_formats_test.c - TDX, Nitro and SEV-SNP by simulated vendors that break one thing at a
    time; then good evidence with every byte altered and at every length.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "enclave/dcap.h"
#include "enclave/nitro.h"
#include "enclave/snp.h"
#include "enclave/tcb_status.h"
#include "tests/evidence/nitro_forge.h"
#include "tests/evidence/snp_forge.h"
#include "tests/evidence/tdx_forge.h"

enum { STEP = 13 /* every so-manieth byte of what is long */ };

/*  A refusal says everything that it must, and its code.  */
static void s_expect(const char *name, tacit_status_t expected, tacit_status_t status,
                     const tacit_error_t *error)
{
    if (status != expected) {
        print_error("%s: expected %s, got %s: %s, %s, %s\n", name, tacit_status_name(expected),
                    tacit_status_name(status), error->claim, error->expected, error->got);
    }
    assert_int_equal(status, expected);
    if (status != TACIT_OK) {
        assert_int_equal(error->code, expected);
        assert_true(error->claim[0] && error->expected[0] && error->got[0] && error->remedy[0]);
    }
}

/*  A copy of exactly that size, so that a sanitizer sees a read beyond.  */
static uint8_t *s_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

/*  --- Intel --------------------------------------------------------------------------------- */

static tacit_status_t s_verify_tdx(const tdx_sample_t *sample, tacit_span_t quote,
                                   tacit_verdict_t *verdict, tacit_error_t *error)
{
    return tacit_dcap_verify(quote, &sample->collateral, sample->root_sha256, FORGE_NOW_MS, verdict,
                             error);
}

static void test_tdx_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < tdx_class_count; i++) {
        tdx_sample_t sample;
        tacit_verdict_t verdict = {0};
        tacit_error_t error = {0};
        tdx_forge_open(&tdx_classes[i], &sample);
        tacit_status_t status =
            s_verify_tdx(&sample, tacit_span(sample.quote, sample.quote_size), &verdict, &error);
        s_expect(tdx_classes[i].name, tdx_classes[i].expected, status, &error);
        if (status == TACIT_OK) {
            assert_string_equal(tacit_tcb_status_name(verdict.tcb_status),
                                tacit_tcb_status_name(tdx_classes[i].merged));
            assert_int_equal(verdict.debug, strcmp(tdx_classes[i].name, "debug") == 0);
            assert_true(verdict.simulated);
            assert_true(verdict.expires_ms > FORGE_NOW_MS);
        }
        tdx_forge_close(&sample);
    }
}

/*  A genuine domain that no known launcher started is nobody's member (tee_test.c has the others).
 */
static void test_tdx_is_no_member(void **state)
{
    (void)state;
    tdx_sample_t sample;
    tacit_claims_t claims;
    tacit_error_t error = {0};
    tdx_forge_open(&tdx_classes[0], &sample);
    tacit_span_t quote = tacit_span(sample.quote, sample.quote_size);
    assert_int_equal(tacit_evidence_verify(quote, &sample.collateral, sample.root_sha256,
                                           FORGE_NOW_MS, &claims, &error),
                     TACIT_MEASUREMENT_REFUSED);
    assert_string_equal(error.claim, "mrtd");
    assert_int_equal(tacit_evidence_verify_report(quote, &claims, &error),
                     TACIT_MEASUREMENT_REFUSED);
    tdx_forge_close(&sample);
}

static void s_alter_tdx(const char *name)
{
    size_t row = 0;
    while (strcmp(tdx_classes[row].name, name) != 0) {
        row++;
    }
    tdx_sample_t sample;
    tdx_forge_open(&tdx_classes[row], &sample);
    for (size_t i = 0; i < sample.quote_size; i += STEP) {
        tacit_verdict_t verdict;
        sample.quote[i] ^= 1;
        assert_int_not_equal(
            s_verify_tdx(&sample, tacit_span(sample.quote, sample.quote_size), &verdict, NULL),
            TACIT_OK);
        sample.quote[i] ^= 1;
    }
    for (size_t size = 0; size < sample.quote_size; size++) {
        tacit_verdict_t verdict;
        uint8_t *cut = s_copy(sample.quote, size);
        assert_int_not_equal(s_verify_tdx(&sample, tacit_span(cut, size), &verdict, NULL),
                             TACIT_OK);
        free(cut);
    }
    tdx_forge_close(&sample);
}

static void test_tdx_altered(void **state)
{
    (void)state;
    s_alter_tdx("v4_td");
    s_alter_tdx("v5_td15");
}

/*  --- AWS ----------------------------------------------------------------------------------- */

static void test_nitro_classes(void **state)
{
    (void)state;
    static uint8_t document[NITRO_FORGE_MAX];
    nitro_forge_t forge;
    nitro_forge_open(&forge);
    for (size_t i = 0; i < nitro_class_count; i++) {
        tacit_verdict_t verdict = {0};
        tacit_error_t error = {0};
        size_t size = nitro_forge_document(&forge, &nitro_classes[i], document);
        uint8_t *exact = s_copy(document, size);
        tacit_status_t status = tacit_nitro_verify(tacit_span(exact, size), forge.root_sha256, NULL,
                                                   FORGE_NOW_MS, &verdict, &error);
        s_expect(nitro_classes[i].name, nitro_classes[i].expected, status, &error);
        if (status == TACIT_OK) {
            assert_int_equal(verdict.debug, strcmp(nitro_classes[i].name, "debug") == 0);
            assert_true(verdict.simulated);
            assert_int_equal(verdict.claims.nitro.pcr_mask, 0xffff);
            assert_int_equal(verdict.expires_ms, FORGE_NOW_MS + 3 * FORGE_HOUR_S * 1000);
        }
        free(exact);
    }
    nitro_forge_close(&forge);
}

/*  The leaf's life: to its last millisecond, and not from it on.  */
static void test_nitro_expires(void **state)
{
    (void)state;
    static uint8_t document[NITRO_FORGE_MAX];
    nitro_forge_t forge;
    tacit_verdict_t verdict;
    nitro_forge_open(&forge);
    tacit_span_t bytes =
        tacit_span(document, nitro_forge_document(&forge, &nitro_classes[0], document));
    uint64_t end_ms = FORGE_NOW_MS + 3 * FORGE_HOUR_S * 1000;
    assert_int_equal(tacit_nitro_verify(bytes, forge.root_sha256, NULL, end_ms - 1, &verdict, NULL),
                     TACIT_OK);
    assert_int_equal(
        tacit_nitro_verify(bytes, forge.root_sha256, NULL, end_ms + 1000, &verdict, NULL),
        TACIT_COLLATERAL_EXPIRED);
    nitro_forge_close(&forge);
}

/*  A chain that was validated is not validated again, but its time and everything else is.  */
static void test_nitro_cached(void **state)
{
    (void)state;
    static uint8_t document[NITRO_FORGE_MAX];
    static tacit_chain_cache_t cache;
    nitro_forge_t forge;
    tacit_verdict_t verdict;
    uint64_t end_ms = FORGE_NOW_MS + 3 * FORGE_HOUR_S * 1000;
    nitro_forge_open(&forge);
    for (size_t i = 0; i < nitro_class_count; i++) {
        size_t size = nitro_forge_document(&forge, &nitro_classes[i], document);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(tacit_nitro_verify(tacit_span(document, size), forge.root_sha256,
                                                &cache, FORGE_NOW_MS, &verdict, NULL),
                             nitro_classes[i].expected);
        }
    }
    tacit_span_t bytes =
        tacit_span(document, nitro_forge_document(&forge, &nitro_classes[0], document));
    assert_int_equal(
        tacit_nitro_verify(bytes, forge.root_sha256, &cache, end_ms - 1, &verdict, NULL), TACIT_OK);
    assert_int_equal(
        tacit_nitro_verify(bytes, forge.root_sha256, &cache, end_ms + 1000, &verdict, NULL),
        TACIT_COLLATERAL_EXPIRED);
    nitro_forge_close(&forge);
}

static void test_chain_cache_gives_up_the_oldest(void **state)
{
    (void)state;
    static tacit_chain_cache_t cache;
    tacit_period_t found;
    uint8_t key[32] = {0};
    for (unsigned i = 0; i <= TACIT_CHAIN_CACHE_SLOTS; i++) {
        key[0] = (uint8_t)i;
        tacit_chain_cache_put(&cache, key, (tacit_period_t){10, 20});
    }
    assert_true(tacit_chain_cache_find(&cache, key, 10, &found));
    assert_false(tacit_chain_cache_find(&cache, key, 9, &found));
    assert_false(tacit_chain_cache_find(&cache, key, 20, &found));
    assert_false(tacit_chain_cache_find(NULL, key, 10, &found));
    key[0] = 0;
    assert_false(tacit_chain_cache_find(&cache, key, 10, &found));
    key[0] = 1;
    assert_true(tacit_chain_cache_find(&cache, key, 10, &found));
}

static void test_nitro_altered(void **state)
{
    (void)state;
    static uint8_t document[NITRO_FORGE_MAX];
    nitro_forge_t forge;
    tacit_verdict_t verdict;
    nitro_forge_open(&forge);
    size_t size = nitro_forge_document(&forge, &nitro_classes[0], document);
    for (size_t i = 0; i < size; i += STEP) {
        document[i] ^= 1;
        assert_int_not_equal(tacit_nitro_verify(tacit_span(document, size), forge.root_sha256, NULL,
                                                FORGE_NOW_MS, &verdict, NULL),
                             TACIT_OK);
        document[i] ^= 1;
    }
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = s_copy(document, cut);
        assert_int_equal(tacit_nitro_verify(tacit_span(exact, cut), forge.root_sha256, NULL,
                                            FORGE_NOW_MS, &verdict, NULL),
                         TACIT_EVIDENCE_MALFORMED);
        free(exact);
    }
    nitro_forge_close(&forge);
}

/*  --- AMD ----------------------------------------------------------------------------------- */

static tacit_status_t s_verify_snp(const snp_sample_t *sample, tacit_span_t report,
                                   tacit_verdict_t *verdict, tacit_error_t *error)
{
    const tacit_snp_chain_t chain = {.vek = forge_span(&sample->vek),
                                     .ask = forge_span(&sample->ask),
                                     .ark = forge_span(&sample->ark),
                                     .crl = sample->crl.size ? forge_span(&sample->crl)
                                                             : tacit_span(NULL, 0)};
    return tacit_snp_verify(report, &chain, sample->root_sha256, NULL, FORGE_NOW_MS, verdict,
                            error);
}

static snp_forge_t s_snp;

static void test_snp_classes(void **state)
{
    (void)state;
    static snp_sample_t sample;
    for (size_t i = 0; i < snp_class_count; i++) {
        tacit_verdict_t verdict = {0};
        tacit_error_t error = {0};
        snp_forge_sample(&s_snp, &snp_classes[i], &sample);
        tacit_status_t status = s_verify_snp(
            &sample, tacit_span(sample.report, sizeof sample.report), &verdict, &error);
        s_expect(snp_classes[i].name, snp_classes[i].expected, status, &error);
        if (status == TACIT_OK) {
            assert_int_equal(verdict.debug, strcmp(snp_classes[i].name, "debug_allowed") == 0);
            assert_true(verdict.simulated);
            assert_int_equal(verdict.platform_id_size, TACIT_SNP_CHIP_ID_SIZE);
        }
    }
}

static void test_snp_certificates_missing(void **state)
{
    (void)state;
    static snp_sample_t sample;
    tacit_verdict_t verdict;
    snp_forge_sample(&s_snp, &snp_classes[0], &sample);
    forge_der_t *const ders[] = {&sample.vek, &sample.ask, &sample.ark};
    for (size_t i = 0; i < sizeof ders / sizeof ders[0]; i++) {
        size_t kept = ders[i]->size;
        ders[i]->size = 0;
        assert_int_equal(
            s_verify_snp(&sample, tacit_span(sample.report, sizeof sample.report), &verdict, NULL),
            TACIT_COLLATERAL_MISSING);
        ders[i]->size = kept;
    }
}

static void s_expect_altered(const snp_sample_t *sample, uint8_t *bytes, size_t size)
{
    tacit_verdict_t verdict;
    for (size_t i = 0; i < size; i += STEP) {
        bytes[i] ^= 1;
        assert_int_not_equal(
            s_verify_snp(sample, tacit_span(sample->report, sizeof sample->report), &verdict, NULL),
            TACIT_OK);
        bytes[i] ^= 1;
    }
}

static void test_snp_altered(void **state)
{
    (void)state;
    static snp_sample_t sample;
    tacit_verdict_t verdict;
    snp_forge_sample(&s_snp, &snp_classes[0], &sample);
    s_expect_altered(&sample, sample.report, sizeof sample.report);
    s_expect_altered(&sample, sample.vek.bytes, sample.vek.size);
    s_expect_altered(&sample, sample.ask.bytes, sample.ask.size);
    s_expect_altered(&sample, sample.ark.bytes, sample.ark.size);
    for (size_t size = 0; size < sizeof sample.report; size++) {
        uint8_t *cut = s_copy(sample.report, size);
        assert_int_equal(s_verify_snp(&sample, tacit_span(cut, size), &verdict, NULL),
                         TACIT_EVIDENCE_MALFORMED);
        free(cut);
    }
}

static int s_open_snp(void **state)
{
    (void)state;
    snp_forge_open(&s_snp);
    return 0;
}

static int s_close_snp(void **state)
{
    (void)state;
    snp_forge_close(&s_snp);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tdx_classes),
        cmocka_unit_test(test_tdx_is_no_member),
        cmocka_unit_test(test_tdx_altered),
        cmocka_unit_test(test_nitro_classes),
        cmocka_unit_test(test_nitro_expires),
        cmocka_unit_test(test_nitro_cached),
        cmocka_unit_test(test_chain_cache_gives_up_the_oldest),
        cmocka_unit_test(test_nitro_altered),
        cmocka_unit_test(test_snp_classes),
        cmocka_unit_test(test_snp_certificates_missing),
        cmocka_unit_test(test_snp_altered),
    };
    return cmocka_run_group_tests(tests, s_open_snp, s_close_snp);
}
