/*  evidence_test.c - the verifier against a vendor that breaks one thing at a time.

    Quotes and collateral come from the simulated platform, which makes the same bytes as a real
    one; each case says what is wrong and which refusal must follow.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "enclave/evidence.h"
#include "enclave/p256.h"
#include "enclave/sgx_quote.h"
#include "enclave/tcb_status.h"
#include "services/platform/quoting.h"
#include "services/platform/tcb_info.h"

#define NOW_S  1790000000ULL /* when everything is issued and judged */
#define NOW_MS (NOW_S * 1000)
#define DAY_S  (24ULL * 3600)

/*  A vendor, its platform and one quote.  */
typedef struct world {
    tacit_pki_t *pki;
    tacit_collateral_t collateral;
    uint8_t root_sha256[32];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size;
} world_t;

static const tacit_self_t s_self = {
    .mrenclave = {1, 2, 3}, .mrsigner = {4, 5, 6}, .product_id = 0x1234, .svn = 0x5678};

static void s_quote(world_t *world, const tacit_self_t *self)
{
    tacit_quoting_t *quoting = NULL;
    const uint8_t report_data[64] = {7, 8, 9};
    assert_int_equal(tacit_quoting_new(world->pki, &quoting), TACIT_OK);
    assert_int_equal(
        tacit_quoting_quote(quoting, self, report_data, world->quote, &world->quote_size),
        TACIT_OK);
    tacit_quoting_destroy(&quoting);
}

static void s_open(world_t *world, const tacit_pki_options_t *options)
{
    tacit_pki_options_t present = options ? *options : (tacit_pki_options_t){0};
    present.now_s = NOW_S;
    memset(world, 0, sizeof *world);
    assert_int_equal(tacit_pki_new(&present, &world->pki), TACIT_OK);
    world->collateral = *tacit_pki_collateral(world->pki);
    tacit_pki_root_sha256(world->pki, world->root_sha256);
    s_quote(world, &s_self);
}

static void s_close(world_t *world)
{
    tacit_pki_destroy(&world->pki);
}

static tacit_status_t s_verify(const world_t *world, tacit_claims_t *claims, tacit_error_t *error)
{
    return tacit_evidence_verify(tacit_span(world->quote, world->quote_size), &world->collateral,
                                 world->root_sha256, NOW_MS, claims, error);
}

/*  Refused by this code and claim (NULL: any), with everything that a refusal must say; and the
    claims stay untouched.  */
static void s_expect(const world_t *world, tacit_status_t code, const char *claim)
{
    tacit_claims_t claims;
    tacit_claims_t untouched;
    memset(&claims, 0x5a, sizeof claims);
    memset(&untouched, 0x5a, sizeof untouched);
    tacit_error_t error = {0};
    tacit_status_t status = s_verify(world, &claims, &error);
    if (status != code) {
        print_error("expected %s, got %s: %s, %s, %s\n", tacit_status_name(code),
                    tacit_status_name(status), error.claim, error.expected, error.got);
    }
    assert_int_equal(status, code);
    if (code == TACIT_OK) {
        return;
    }
    assert_int_equal(error.code, code);
    assert_true(error.claim[0] && error.expected[0] && error.got[0] && error.remedy[0]);
    assert_memory_equal(&claims, &untouched, sizeof claims);
    if (claim) {
        assert_string_equal(error.claim, claim);
    }
}

static void s_expect_with(const tacit_pki_options_t *options, tacit_status_t code,
                          const char *claim)
{
    world_t world;
    s_open(&world, options);
    s_expect(&world, code, claim);
    s_close(&world);
}

/*  --- Claims -------------------------------------------------------------------------------- */

static void test_claims(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t claims;
    s_open(&world, &(tacit_pki_options_t){.tcb_evaluation_number = 21, .advisory = "SIM-SA-1"});
    assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
    assert_memory_equal(claims.root_sha256, world.root_sha256, 32);
    assert_string_equal(claims.root_name, "SIMULATED SGX Root CA");
    assert_true(claims.simulated);
    assert_memory_equal(claims.mrenclave, s_self.mrenclave, 32);
    assert_memory_equal(claims.mrsigner, s_self.mrsigner, 32);
    assert_int_equal(claims.product_id, s_self.product_id);
    assert_int_equal(claims.svn, s_self.svn);
    assert_false(claims.debug);
    assert_int_equal(claims.report_data[0], 7);
    const tacit_sgx_platform_t *platform = tacit_pki_platform(world.pki);
    assert_memory_equal(claims.platform_id, platform->ppid, sizeof platform->ppid);
    assert_memory_equal(claims.fmspc, platform->fmspc, sizeof platform->fmspc);
    assert_int_equal(claims.tcb_status, TACIT_TCB_UP_TO_DATE);
    assert_string_equal(claims.advisories, "SIM-SA-1");
    assert_int_equal(claims.tcb_evaluation_number, 21);
    assert_int_equal(claims.expires_ms,
                     (NOW_S - TACIT_PKI_BACKDATE_S + TACIT_PKI_COLLATERAL_S) * 1000);
    s_close(&world);
}

static void test_debug_shows(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t claims;
    tacit_self_t self = s_self;
    self.debug = true;
    s_open(&world, NULL);
    s_quote(&world, &self);
    assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
    assert_true(claims.debug);
    s_close(&world);
}

static void test_name_without_simulated(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t claims;
    s_open(&world, &(tacit_pki_options_t){.root_name = "Another SGX Root CA"});
    assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
    assert_false(claims.simulated);
    s_close(&world);
}

static void test_report_names_the_same_key(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t whole;
    tacit_claims_t alone;
    s_open(&world, NULL);
    tacit_span_t quote = tacit_span(world.quote, world.quote_size);
    assert_int_equal(s_verify(&world, &whole, NULL), TACIT_OK);
    assert_int_equal(tacit_evidence_verify_report(quote, &alone, NULL), TACIT_OK);
    assert_memory_equal(alone.attestation_key_sha256, whole.attestation_key_sha256, 32);
    assert_memory_equal(alone.mrenclave, whole.mrenclave, 32);
    assert_int_equal(alone.expires_ms, 0);
    world.quote[TACIT_QUOTE_REPORT + TACIT_REPORT_DATA] ^= 1;
    assert_int_equal(tacit_evidence_verify_report(quote, &alone, NULL), TACIT_SIGNATURE_INVALID);
    s_close(&world);
}

/*  The earliest end of anything is the end of the claims.  */
static void test_each_end_shortens(void **state)
{
    (void)state;
    for (int item = 0; item < TACIT_PKI_ITEMS; item++) {
        world_t world;
        tacit_claims_t claims;
        tacit_pki_options_t options = {0};
        options.validity[item] = (tacit_validity_t){NOW_S - DAY_S, NOW_S + 2 * DAY_S};
        s_open(&world, &options);
        assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
        assert_int_equal(claims.expires_ms, (NOW_S + 2 * DAY_S) * 1000);
        s_close(&world);
    }
}

/*  --- Dates and revocation ------------------------------------------------------------------ */

/*  Which refusal follows when each of them is not valid now.  */
static const struct {
    tacit_status_t code;
    const char *claim;
    const char *early_claim; /* where another claim says that it is too early */
} s_dates[TACIT_PKI_ITEMS] = {
    [TACIT_PKI_ITEM_ROOT] = {TACIT_CERTIFICATE_INVALID, "pck_chain", NULL},
    [TACIT_PKI_ITEM_CA] = {TACIT_CERTIFICATE_INVALID, "pck_chain", NULL},
    [TACIT_PKI_ITEM_PCK] = {TACIT_CERTIFICATE_INVALID, "pck_chain", NULL},
    [TACIT_PKI_ITEM_TCB_SIGNER] = {TACIT_CERTIFICATE_INVALID, "tcb_signing_chain", NULL},
    [TACIT_PKI_ITEM_ROOT_CRL] = {TACIT_COLLATERAL_EXPIRED, "root_crl", NULL},
    [TACIT_PKI_ITEM_PCK_CRL] = {TACIT_COLLATERAL_EXPIRED, "pck_crl", NULL},
    [TACIT_PKI_ITEM_TCB_INFO] = {TACIT_COLLATERAL_EXPIRED, "tcb_info.nextUpdate",
                                 "tcb_info.issueDate"},
    [TACIT_PKI_ITEM_QE_IDENTITY] = {TACIT_COLLATERAL_EXPIRED, "qe_identity.nextUpdate",
                                    "qe_identity.issueDate"},
};

static void test_each_date_passed(void **state)
{
    (void)state;
    for (int item = 0; item < TACIT_PKI_ITEMS; item++) {
        tacit_pki_options_t options = {0};
        bool is_document = s_dates[item].early_claim != NULL;
        options.validity[item] = (tacit_validity_t){NOW_S - 9 * DAY_S, NOW_S - is_document};
        s_expect_with(&options, s_dates[item].code, s_dates[item].claim);
        if (is_document) { /* its vendor counts the last second in */
            options.validity[item].until_s = NOW_S;
            s_expect_with(&options, TACIT_OK, NULL);
        }
    }
}

static void test_each_date_to_come(void **state)
{
    (void)state;
    for (int item = 0; item < TACIT_PKI_ITEMS; item++) {
        tacit_pki_options_t options = {0};
        const char *early = s_dates[item].early_claim;
        options.validity[item] = (tacit_validity_t){NOW_S + 1, NOW_S + 9 * DAY_S};
        s_expect_with(&options, s_dates[item].code, early ? early : s_dates[item].claim);
    }
}

static void test_revoked(void **state)
{
    (void)state;
    s_expect_with(&(tacit_pki_options_t){.revoke_pck = true}, TACIT_CERTIFICATE_REVOKED,
                  "pck_chain");
    s_expect_with(&(tacit_pki_options_t){.revoke_ca = true}, TACIT_CERTIFICATE_REVOKED,
                  "pck_chain");
    s_expect_with(&(tacit_pki_options_t){.revoke_tcb_signer = true}, TACIT_CERTIFICATE_REVOKED,
                  "tcb_signing_chain");
}

/*  --- Collateral that is missing, foreign or in the wrong place ----------------------------- */

/*  The parts by number, so that cases can go through them.  */
enum { PART_TCB_INFO, PART_QE_IDENTITY, PART_SIGNER, PART_ISSUER, PART_ROOT_CRL, PART_PCK_CRL };

static tacit_span_t *s_part(tacit_collateral_t *collateral, int part)
{
    tacit_span_t *const parts[] = {
        &collateral->tcb_info,          &collateral->qe_identity,
        &collateral->tcb_signing_chain, &collateral->pck_crl_issuer_chain,
        &collateral->root_crl,          &collateral->pck_crl};
    return parts[part];
}

static const char *const s_part_names[] = {
    "tcb_info", "qe_identity", "tcb_signing_chain", "pck_crl_issuer_chain", "root_crl", "pck_crl"};

enum { PART_COUNT = sizeof s_part_names / sizeof s_part_names[0] };

static void test_each_part_missing(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    for (int part = 0; part < PART_COUNT; part++) {
        tacit_span_t *span = s_part(&world.collateral, part);
        tacit_span_t kept = *span;
        *span = tacit_span(NULL, 0);
        s_expect(&world, TACIT_COLLATERAL_MISSING, s_part_names[part]);
        *span = kept;
    }
    s_expect(&world, TACIT_OK, NULL);
    s_close(&world);
}

static void test_each_part_too_large(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    char *blanks = malloc(TACIT_COLLATERAL_PART_MAX + 1);
    assert_non_null(blanks);
    for (int part = 0; part < PART_COUNT; part++) {
        tacit_span_t *span = s_part(&world.collateral, part);
        tacit_span_t kept = *span;
        memset(blanks, ' ', TACIT_COLLATERAL_PART_MAX + 1);
        memcpy(blanks, kept.data, kept.size);
        *span = tacit_span(blanks, TACIT_COLLATERAL_PART_MAX + 1);
        s_expect(&world, TACIT_TOO_LARGE, s_part_names[part]);
        /*  Blanks may follow a text, up to the limit; nothing may follow DER.  */
        span->size = TACIT_COLLATERAL_PART_MAX;
        s_expect(&world, part >= PART_ROOT_CRL ? TACIT_EVIDENCE_MALFORMED : TACIT_OK, NULL);
        *span = kept;
    }
    free(blanks);
    s_close(&world);
}

/*  Another vendor of the same names, whose root is not the pinned one.  */
static void test_each_part_of_another_vendor(void **state)
{
    (void)state;
    static const tacit_status_t codes[PART_COUNT] = {
        TACIT_SIGNATURE_INVALID,    TACIT_SIGNATURE_INVALID,  TACIT_TRUST_ANCHOR_REFUSED,
        TACIT_TRUST_ANCHOR_REFUSED, TACIT_COLLATERAL_MISSING, TACIT_COLLATERAL_MISSING};
    world_t world;
    world_t other;
    s_open(&world, NULL);
    s_open(&other, NULL);
    for (int part = 0; part < PART_COUNT; part++) {
        tacit_span_t *span = s_part(&world.collateral, part);
        tacit_span_t kept = *span;
        *span = *s_part(&other.collateral, part);
        s_expect(&world, codes[part], NULL);
        *span = kept;
    }
    memcpy(world.root_sha256, other.root_sha256, 32);
    s_expect(&world, TACIT_TRUST_ANCHOR_REFUSED, "root_sha256");
    s_close(&other);
    s_close(&world);
}

static void test_parts_in_each_other_s_place(void **state)
{
    (void)state;
    static const struct {
        int part;
        int with;
        tacit_status_t code;
    } cases[] = {
        {PART_PCK_CRL, PART_ROOT_CRL, TACIT_COLLATERAL_MISSING},
        {PART_ROOT_CRL, PART_PCK_CRL, TACIT_COLLATERAL_MISSING},
        {PART_SIGNER, PART_ISSUER, TACIT_CERTIFICATE_INVALID},
        {PART_ISSUER, PART_SIGNER, TACIT_CERTIFICATE_INVALID},
        {PART_TCB_INFO, PART_QE_IDENTITY, TACIT_EVIDENCE_MALFORMED},
        {PART_QE_IDENTITY, PART_TCB_INFO, TACIT_EVIDENCE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_t world;
        s_open(&world, NULL);
        *s_part(&world.collateral, cases[i].part) = *s_part(&world.collateral, cases[i].with);
        s_expect(&world, cases[i].code, NULL);
        s_close(&world);
    }
    /*  Both lists are there, but each would lend its number to the other.  */
    world_t world;
    s_open(&world, NULL);
    tacit_span_t root_crl = world.collateral.root_crl;
    world.collateral.root_crl = world.collateral.pck_crl;
    world.collateral.pck_crl = root_crl;
    s_expect(&world, TACIT_COLLATERAL_MISSING, "root_crl");
    s_close(&world);
}

/*  Every byte of a quote and of each part counts.  */
static void test_any_byte_altered(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    for (size_t i = 0; i < world.quote_size; i += 3) {
        tacit_claims_t claims;
        world.quote[i] ^= 1;
        assert_int_not_equal(s_verify(&world, &claims, NULL), TACIT_OK);
        world.quote[i] ^= 1;
    }
    for (int part = 0; part < PART_COUNT; part++) {
        tacit_span_t *span = s_part(&world.collateral, part);
        tacit_span_t kept = *span;
        uint8_t *copy = malloc(kept.size);
        assert_non_null(copy);
        memcpy(copy, kept.data, kept.size);
        *span = tacit_span(copy, kept.size);
        for (size_t i = 0; i < kept.size; i += 7) {
            tacit_claims_t claims;
            copy[i] ^= 1;
            assert_int_not_equal(s_verify(&world, &claims, NULL), TACIT_OK);
            copy[i] ^= 1;
        }
        *span = kept;
        free(copy);
    }
    s_close(&world);
}

/*  --- TCB levels ---------------------------------------------------------------------------- */

static void test_platform_status(void **state)
{
    (void)state;
    for (int status = TACIT_TCB_UP_TO_DATE; status < TACIT_TCB_REVOKED; status++) {
        world_t world;
        tacit_claims_t claims;
        const char *name = tacit_tcb_status_name((tacit_tcb_status_t)status);
        s_open(&world, &(tacit_pki_options_t){.tcb_status = name});
        assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
        assert_int_equal(claims.tcb_status, status);
        s_close(&world);
    }
}

static void test_enclave_out_of_date(void **state)
{
    (void)state;
    static const struct {
        const char *platform;
        tacit_tcb_status_t merged;
    } cases[] = {
        {"UpToDate", TACIT_TCB_OUT_OF_DATE},
        {"SWHardeningNeeded", TACIT_TCB_OUT_OF_DATE},
        {"ConfigurationNeeded", TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
        {"ConfigurationAndSWHardeningNeeded", TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
        {"OutOfDate", TACIT_TCB_OUT_OF_DATE},
        {"OutOfDateConfigurationNeeded", TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_t world;
        tacit_claims_t claims;
        s_open(&world,
               &(tacit_pki_options_t){.tcb_status = cases[i].platform, .qe_status = "OutOfDate"});
        assert_int_equal(s_verify(&world, &claims, NULL), TACIT_OK);
        assert_int_equal(claims.tcb_status, cases[i].merged);
        s_close(&world);
    }
}

static void test_levels_that_never_verify(void **state)
{
    (void)state;
    static const struct {
        tacit_pki_options_t options;
        tacit_status_t code;
        const char *claim;
    } cases[] = {
        {{.tcb_status = "Revoked"}, TACIT_TCB_STATUS_REFUSED, "tcb_status"},
        {{.tcb_status = "Splendid"}, TACIT_TCB_STATUS_REFUSED, "tcb_info.tcbStatus"},
        {{.qe_status = "Revoked"}, TACIT_TCB_STATUS_REFUSED, "tcb_status"},
        {{.qe_status = "Splendid"}, TACIT_TCB_STATUS_REFUSED, "qe_identity.tcbStatus"},
        {{.qe_status = "SWHardeningNeeded"}, TACIT_TCB_STATUS_REFUSED, "qe_identity.tcbStatus"},
        {{.tcb_above_platform = true}, TACIT_TCB_UNSUPPORTED, "tcb_info.tcbLevels"},
        {{.foreign_fmspc = true}, TACIT_COLLATERAL_MISSING, "tcb_info.fmspc"},
        {{.foreign_pceid = true}, TACIT_COLLATERAL_MISSING, "tcb_info.pceId"},
        {{.foreign_qe_signer = true}, TACIT_QE_REFUSED, "mrsigner"},
        {{.tcb_info_id = "TDX"}, TACIT_UNSUPPORTED, "tcb_info.version"},
        {{.tcb_info_version = 4}, TACIT_UNSUPPORTED, "tcb_info.version"},
        {{.tcb_info_version = 2}, TACIT_UNSUPPORTED, "tcb_info.version"},
        {{.qe_id = "TD_QE"}, TACIT_UNSUPPORTED, "qe_identity.version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s_expect_with(&cases[i].options, cases[i].code, cases[i].claim);
    }
}

/*  --- Signed documents, altered and signed again -------------------------------------------- */

typedef enum document { DOCUMENT_TCB_INFO, DOCUMENT_QE_IDENTITY } document_t;

/*  The inner object of a document with one text in it replaced (NULL: as it is).  */
static char *s_inner(const world_t *world, document_t document, const char *find,
                     const char *replace)
{
    const tacit_pki_options_t options = {0};
    const tacit_validity_t validity = {NOW_S - DAY_S, NOW_S + DAY_S};
    char text[TACIT_TCB_INFO_TEXT_MAX];
    if (document == DOCUMENT_TCB_INFO) {
        tacit_tcb_info_text(tacit_pki_platform(world->pki), &options, validity, text);
    } else {
        tacit_qe_identity_text(&options, validity, text);
    }
    char *at = find ? strstr(text, find) : text;
    assert_non_null(at);
    char *inner = NULL;
    int printed = asprintf(&inner, "%.*s%s%s", (int)(at - text), text, replace ? replace : "",
                           at + (find ? strlen(find) : 0));
    assert_true(printed > 0);
    return inner;
}

static void s_expect_resigned(document_t document, const char *find, const char *replace,
                              tacit_status_t code)
{
    world_t world;
    s_open(&world, NULL);
    bool is_info = document == DOCUMENT_TCB_INFO;
    char *inner = s_inner(&world, document, find, replace);
    char *text = NULL;
    assert_int_equal(
        tacit_pki_envelope(world.pki, is_info ? "tcbInfo" : "enclaveIdentity", inner, &text),
        TACIT_OK);
    tacit_span_t *part = s_part(&world.collateral, is_info ? PART_TCB_INFO : PART_QE_IDENTITY);
    *part = tacit_span_string(text);
    s_expect(&world, code, NULL);
    free(text);
    free(inner);
    s_close(&world);
}

static void test_tcb_info_content(void **state)
{
    (void)state;
    static const struct {
        const char *find;
        const char *replace;
        tacit_status_t code;
    } cases[] = {
        {NULL, NULL, TACIT_OK},
        {"{\"id\"", "{ \"id\"", TACIT_OK},
        {"{\"id\"", "{\"note\":\"}{\\\"}\",\"id\"", TACIT_OK},
        {"{\"id\"", "{\"version\":3,\"id\"", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbType\":0", "\"tcbType\":1", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbType\":0,", "", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":-1",
         TACIT_EVIDENCE_MALFORMED},
        {"\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":4294967295", TACIT_OK},
        {"\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":4294967296",
         TACIT_EVIDENCE_MALFORMED},
        {"\"version\":3", "\"version\":\"3\"", TACIT_UNSUPPORTED},
        {"{\"svn\":6}", "{\"svn\":255}", TACIT_OK},
        {"{\"svn\":6}", "{\"svn\":256}", TACIT_EVIDENCE_MALFORMED},
        {"{\"svn\":6}", "{\"svn\":-1}", TACIT_EVIDENCE_MALFORMED},
        {"{\"svn\":6}", "{\"svn\":6.0}", TACIT_EVIDENCE_MALFORMED},
        {"{\"svn\":6},", "", TACIT_EVIDENCE_MALFORMED},
        {"{\"svn\":6},", "{\"svn\":6},{\"svn\":6},", TACIT_EVIDENCE_MALFORMED},
        {"\"pcesvn\":13", "\"pcesvn\":65536", TACIT_EVIDENCE_MALFORMED},
        {"\"fmspc\":\"", "\"fmspc\":\"00", TACIT_EVIDENCE_MALFORMED},
        {"\"issueDate\":\"", "\"issueDate\":\" ", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbLevels\"", "\"levels\"", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbLevels\":[", "\"tcbLevels\":[7,", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbStatus\":\"UpToDate\"},", "\"tcbStatus\":7},", TACIT_OK}, /* of a higher level */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s_expect_resigned(DOCUMENT_TCB_INFO, cases[i].find, cases[i].replace, cases[i].code);
    }
}

static void test_qe_identity_content(void **state)
{
    (void)state;
    static const struct {
        const char *find;
        const char *replace;
        tacit_status_t code;
    } cases[] = {
        {NULL, NULL, TACIT_OK},
        {"\"version\":2", "\"version\":3", TACIT_UNSUPPORTED},
        {"\"miscselect\":\"00000000\"", "\"miscselect\":\"00000001\"", TACIT_QE_REFUSED},
        {"\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\"",
         "\"miscselect\":\"00000001\",\"miscselectMask\":\"FFFFFFFE\"", TACIT_OK},
        {"\"attributes\":\"11", "\"attributes\":\"13", TACIT_QE_REFUSED},
        {"\"attributes\":\"11", "\"attributes\":\"15", TACIT_OK}, /* masked */
        {"\"attributesMask\":\"FBFF", "\"attributesMask\":\"FBF", TACIT_EVIDENCE_MALFORMED},
        {"\"miscselectMask\"", "\"mask\"", TACIT_EVIDENCE_MALFORMED},
        {"\"isvprodid\":1", "\"isvprodid\":2", TACIT_QE_REFUSED},
        {"\"isvprodid\":1", "\"isvprodid\":65537", TACIT_EVIDENCE_MALFORMED},
        {"\"tcbLevels\":[", "\"tcbLevels\":[],\"old\":[", TACIT_EVIDENCE_MALFORMED},
        {"\"isvsvn\":8", "\"isvsvn\":9", TACIT_OK}, /* the next level */
        {"\"isvsvn\":8", "\"isvsvn\":null", TACIT_EVIDENCE_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s_expect_resigned(DOCUMENT_QE_IDENTITY, cases[i].find, cases[i].replace, cases[i].code);
    }
}

static void test_impossible_dates(void **state)
{
    (void)state;
    static const char *const dates[] = {"2026-02-31T00:00:00Z", "2026-13-01T00:00:00Z",
                                        "2026-01-01T25:00:00Z", "2026-01-01T00:61:00Z",
                                        "1969-01-01T00:00:00Z", "2026-01-01 00:00:00Z",
                                        "2026-01-01T00:00:00+", "2026-01-01T00:00:00",
                                        "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z"};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        char replace[96];
        snprintf(replace, sizeof replace, "\"issueDate\":\"%s\",\"was\":\"", dates[i]);
        s_expect_resigned(DOCUMENT_TCB_INFO, "\"issueDate\":\"", replace, TACIT_EVIDENCE_MALFORMED);
    }
}

/*  The envelope is no part of what is signed, so that it has exactly one form.  */
static void test_envelope_form(void **state)
{
    (void)state;
    static const struct {
        const char *format; /* of the inner object, then the signature */
        tacit_status_t code;
    } cases[] = {
        {"{\"tcbInfo\":%s,\"signature\":\"%s\"}", TACIT_OK},
        {" {\r\n\"tcbInfo\" :\t%s , \"signature\" : \"%s\" } \n", TACIT_OK},
        {"{\"tcbInfo\":%s,\"signature\":\"%s\"}}", TACIT_EVIDENCE_MALFORMED},
        {"{\"tcbInfo\":%s,\"signature\":\"%s\"", TACIT_EVIDENCE_MALFORMED},
        {"{\"tcbInfo\":%s,\"signature\":\"%s\",\"more\":1}", TACIT_EVIDENCE_MALFORMED},
        {"{\"tcbInfo\":%s,\"signature\":\"00%s\"}", TACIT_EVIDENCE_MALFORMED},
        {"{\"tcbInfo\":[%s],\"signature\":\"%s\"}", TACIT_EVIDENCE_MALFORMED},
        {"{\"TcbInfo\":%s,\"signature\":\"%s\"}", TACIT_EVIDENCE_MALFORMED},
        {"{\"TcbInfo\" : %s , \"signature\" : \"%s\" }", TACIT_EVIDENCE_MALFORMED},
        {"/\n\"tcbInfo\" : %s , \"signature\" : \"%s\" }", TACIT_EVIDENCE_MALFORMED},
        {"{\"tcbInfo\":%s \"signature\":\"%s\"}", TACIT_EVIDENCE_MALFORMED},
        {"x{\"tcbInfo\":%s,\"signature\":\"%s\"}", TACIT_EVIDENCE_MALFORMED},
    };
    world_t world;
    s_open(&world, NULL);
    char *inner = s_inner(&world, DOCUMENT_TCB_INFO, NULL, NULL);
    char *whole = NULL;
    assert_int_equal(tacit_pki_envelope(world.pki, "tcbInfo", inner, &whole), TACIT_OK);
    char hex[2 * TACIT_ECDSA_SIGNATURE_SIZE + 1] = "";
    memcpy(hex, whole + strlen(whole) - 2 - (sizeof hex - 1), sizeof hex - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *format = cases[i].format;
        const char *first = strstr(format, "%s");
        const char *second = strstr(first + 2, "%s");
        char *text = NULL;
        int printed = asprintf(&text, "%.*s%s%.*s%s%s", (int)(first - format), format, inner,
                               (int)(second - first - 2), first + 2, hex, second + 2);
        assert_true(printed > 0);
        world.collateral.tcb_info = tacit_span_string(text);
        s_expect(&world, cases[i].code, NULL);
        free(text);
    }
    free(whole);
    free(inner);
    s_close(&world);
}

/*  Only the TCB signer's key signs documents.  */
static void test_document_signed_by_the_platform(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    char *inner = s_inner(&world, DOCUMENT_TCB_INFO, NULL, NULL);
    uint8_t signature[TACIT_ECDSA_SIGNATURE_SIZE];
    assert_int_equal(tacit_pki_sign(world.pki, TACIT_PKI_PCK, tacit_span_string(inner), signature),
                     TACIT_OK);
    char hex[2 * sizeof signature + 1];
    for (size_t i = 0; i < sizeof signature; i++) {
        snprintf(hex + 2 * i, 3, "%02x", signature[i]);
    }
    char *text = NULL;
    assert_true(asprintf(&text, "{\"tcbInfo\":%s,\"signature\":\"%s\"}", inner, hex) > 0);
    world.collateral.tcb_info = tacit_span_string(text);
    s_expect(&world, TACIT_SIGNATURE_INVALID, "tcb_info");
    free(text);
    free(inner);
    s_close(&world);
}

/*  --- The quote's form ---------------------------------------------------------------------- */

static void test_quote_fields(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint8_t change; /* added */
        tacit_status_t code;
    } cases[] = {
        {TACIT_HEADER_VERSION, 0xff, TACIT_UNSUPPORTED},     /* 2 */
        {TACIT_HEADER_VERSION, 1, TACIT_EVIDENCE_MALFORMED}, /* 4, whose section is another */
        {TACIT_HEADER_VERSION, 2, TACIT_UNSUPPORTED},        /* 5, whose body has a type */
        {TACIT_HEADER_VERSION, 3, TACIT_UNSUPPORTED},        /* 6 */
        {TACIT_HEADER_KEY_TYPE, 1, TACIT_UNSUPPORTED},
        {TACIT_HEADER_TEE_TYPE, 0x81, TACIT_UNSUPPORTED},
        {TACIT_HEADER_QE_VENDOR, 1, TACIT_QE_REFUSED},
        {TACIT_QUOTE_SECTION_LENGTH, 1, TACIT_EVIDENCE_MALFORMED},
        {TACIT_QUOTE_SECTION_LENGTH, 0xff, TACIT_EVIDENCE_MALFORMED}, /* one less */
        {TACIT_QUOTE_SECTION_LENGTH + 3, 0x7f, TACIT_EVIDENCE_MALFORMED},
        {TACIT_QUOTE_SECTION_LENGTH + 3, 0xff, TACIT_EVIDENCE_MALFORMED},
        {TACIT_QUOTE_KEY, 1, TACIT_QE_REFUSED}, /* the quoting enclave vouched for another key */
        {TACIT_QUOTE_AUTH_LENGTH, 1, TACIT_EVIDENCE_MALFORMED},
        {TACIT_QUOTE_AUTH_LENGTH + 1, 0xff, TACIT_EVIDENCE_MALFORMED},
        {TACIT_QUOTE_AUTH_LENGTH + 2 + 32, 1, TACIT_UNSUPPORTED}, /* certification data */
        {TACIT_QUOTE_AUTH_LENGTH + 2 + 32 + 2, 1, TACIT_EVIDENCE_MALFORMED}, /* and its length */
        {TACIT_QUOTE_AUTH_LENGTH + 2 + 32 + 5, 0xff, TACIT_EVIDENCE_MALFORMED},
    };
    world_t world;
    s_open(&world, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t kept = world.quote[cases[i].offset];
        world.quote[cases[i].offset] = (uint8_t)(kept + cases[i].change);
        s_expect(&world, cases[i].code, NULL);
        world.quote[cases[i].offset] = kept;
    }
    s_close(&world);
}

static void test_quote_cut(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    for (size_t size = 0; size < world.quote_size; size++) {
        tacit_claims_t claims;
        uint8_t *cut = malloc(size > 0 ? size : 1);
        assert_non_null(cut);
        memcpy(cut, world.quote, size);
        assert_int_equal(tacit_evidence_verify_report(tacit_span(cut, size), &claims, NULL),
                         TACIT_EVIDENCE_MALFORMED);
        free(cut);
    }
    s_close(&world);
}

static void test_attestation_key_off_the_curve(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t claims;
    s_open(&world, NULL);
    tacit_span_t quote = tacit_span(world.quote, world.quote_size);
    world.quote[TACIT_QUOTE_KEY + TACIT_ECDSA_KEY_SIZE - 1] ^= 1;
    assert_int_equal(tacit_evidence_verify_report(quote, &claims, NULL), TACIT_EVIDENCE_MALFORMED);
    memset(world.quote + TACIT_QUOTE_KEY, 0, TACIT_ECDSA_KEY_SIZE);
    assert_int_equal(tacit_evidence_verify_report(quote, &claims, NULL), TACIT_EVIDENCE_MALFORMED);
    memset(world.quote + TACIT_QUOTE_KEY, 0xff, TACIT_ECDSA_KEY_SIZE);
    assert_int_equal(tacit_evidence_verify_report(quote, &claims, NULL), TACIT_EVIDENCE_MALFORMED);
    s_close(&world);
}

/*  Zero, and the largest halves: no signature, and no crash.  */
static void test_degenerate_signatures(void **state)
{
    (void)state;
    world_t world;
    s_open(&world, NULL);
    memset(world.quote + TACIT_QUOTE_SIGNATURE, 0, TACIT_ECDSA_SIGNATURE_SIZE);
    s_expect(&world, TACIT_SIGNATURE_INVALID, "quote.report");
    memset(world.quote + TACIT_QUOTE_SIGNATURE, 0xff, TACIT_ECDSA_SIGNATURE_SIZE);
    s_expect(&world, TACIT_SIGNATURE_INVALID, "quote.report");
    memset(world.quote + TACIT_QUOTE_QE_SIGNATURE, 0, TACIT_ECDSA_SIGNATURE_SIZE);
    s_expect(&world, TACIT_SIGNATURE_INVALID, "quote.qe_report");
    s_close(&world);
}

/*  --- The certificates in the quote, which nothing signs as a text -------------------------- */

/*  Put other certification data into the quote, with lengths that fit.  */
static void s_set_chain(world_t *world, const char *pem, size_t size)
{
    size_t length_at = TACIT_QUOTE_AUTH_LENGTH + 2 + 32 + 2;
    size_t chain_at = length_at + 4;
    assert_true(chain_at + size <= TACIT_QUOTE_MAX);
    memcpy(world->quote + chain_at, pem, size);
    world->quote_size = chain_at + size;
    size_t section = world->quote_size - TACIT_QUOTE_SIGNATURE;
    for (size_t i = 0; i < 4; i++) {
        world->quote[length_at + i] = (uint8_t)(size >> (8 * i));
        world->quote[TACIT_QUOTE_SECTION_LENGTH + i] = (uint8_t)(section >> (8 * i));
    }
}

/*  The n-th block of the quote's chain, with its line's end.  */
static tacit_span_t s_block(const world_t *world, size_t n)
{
    const char *at = (const char *)tacit_pki_pck_chain(world->pki).data;
    const char *end = at;
    for (size_t i = 0; i <= n; i++) {
        at = strstr(end, "-----BEGIN");
        assert_non_null(at);
        end = strstr(at, "-----END CERTIFICATE-----\n");
        assert_non_null(end);
        end += strlen("-----END CERTIFICATE-----\n");
    }
    return tacit_span(at, (size_t)(end - at));
}

static void test_chain_form(void **state)
{
    (void)state;
    /*  Digits stand for the certificates: 0 PCK, 1 CA, 2 root; the rest is itself.  */
    static const struct {
        const char *form;
        tacit_status_t code;
    } cases[] = {
        {"012", TACIT_OK},
        {" \n0\r\n1\t2\n\n", TACIT_OK},
        {"", TACIT_EVIDENCE_MALFORMED},
        {"01", TACIT_EVIDENCE_MALFORMED},
        {"0122", TACIT_EVIDENCE_MALFORMED},
        {"0x12", TACIT_EVIDENCE_MALFORMED},
        {"x012", TACIT_EVIDENCE_MALFORMED},
        {"012x", TACIT_EVIDENCE_MALFORMED},
        {"021", TACIT_TRUST_ANCHOR_REFUSED},
        {"210", TACIT_TRUST_ANCHOR_REFUSED},
        {"102", TACIT_CERTIFICATE_INVALID},
        {"112", TACIT_CERTIFICATE_INVALID},
        {"022", TACIT_CERTIFICATE_INVALID},
        {"002", TACIT_CERTIFICATE_INVALID},
    };
    world_t world;
    s_open(&world, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TACIT_QUOTE_MAX / 2];
        size_t size = 0;
        for (const char *at = cases[i].form; *at; at++) {
            tacit_span_t piece =
                *at >= '0' && *at <= '2' ? s_block(&world, (size_t)(*at - '0')) : tacit_span(at, 1);
            memcpy(text + size, piece.data, piece.size);
            size += piece.size;
        }
        s_set_chain(&world, text, size);
        s_expect(&world, cases[i].code, NULL);
    }
    s_close(&world);
}

/*  A genuine platform's certificates under another one's report.  */
static void test_chain_of_another_platform(void **state)
{
    (void)state;
    world_t world;
    world_t other;
    s_open(&world, NULL);
    s_open(&other, NULL);
    tacit_span_t chain = tacit_pki_pck_chain(other.pki);
    s_set_chain(&world, (const char *)chain.data, chain.size);
    s_expect(&world, TACIT_TRUST_ANCHOR_REFUSED, "root_sha256");
    world.collateral = other.collateral;
    memcpy(world.root_sha256, other.root_sha256, 32);
    s_expect(&world, TACIT_SIGNATURE_INVALID, "quote.qe_report");
    s_close(&other);
    s_close(&world);
}

/*  --- Small parts --------------------------------------------------------------------------- */

static void test_status_names(void **state)
{
    (void)state;
    for (int i = TACIT_TCB_UP_TO_DATE; i <= TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
         i++) {
        tacit_tcb_status_t status;
        assert_true(
            tacit_tcb_status_from_name(tacit_tcb_status_name((tacit_tcb_status_t)i), &status));
        assert_int_equal(status, i);
    }
    tacit_tcb_status_t untouched = TACIT_TCB_OUT_OF_DATE;
    assert_false(tacit_tcb_status_from_name("uptodate", &untouched));
    assert_false(tacit_tcb_status_from_name("", &untouched));
    assert_false(tacit_tcb_status_from_name(NULL, &untouched));
    assert_int_equal(untouched, TACIT_TCB_OUT_OF_DATE);
    assert_non_null(tacit_tcb_status_name((tacit_tcb_status_t)99));
}

static void test_revoked_wins(void **state)
{
    (void)state;
    for (int i = TACIT_TCB_UP_TO_DATE; i <= TACIT_TCB_REVOKED; i++) {
        tacit_tcb_status_t status = (tacit_tcb_status_t)i;
        assert_int_equal(tacit_tcb_status_merge(status, TACIT_TCB_REVOKED), TACIT_TCB_REVOKED);
        assert_int_equal(tacit_tcb_status_merge(TACIT_TCB_REVOKED, status), TACIT_TCB_REVOKED);
    }
}

static void test_advisories_are_whole(void **state)
{
    (void)state;
    char list[24] = "";
    tacit_advisories_add(list, sizeof list, "SA-00001", 8);
    tacit_advisories_add(list, sizeof list, "SA-00001", 8);
    assert_string_equal(list, "SA-00001");
    tacit_advisories_merge(list, sizeof list, "SA-00001,SA-2");
    assert_string_equal(list, "SA-00001,SA-2");
    tacit_advisories_merge(list, sizeof list, "SA-00003,S4");
    assert_string_equal(list, "SA-00001,SA-2,...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_debug_shows),
        cmocka_unit_test(test_name_without_simulated),
        cmocka_unit_test(test_report_names_the_same_key),
        cmocka_unit_test(test_each_end_shortens),
        cmocka_unit_test(test_each_date_passed),
        cmocka_unit_test(test_each_date_to_come),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_each_part_missing),
        cmocka_unit_test(test_each_part_too_large),
        cmocka_unit_test(test_each_part_of_another_vendor),
        cmocka_unit_test(test_parts_in_each_other_s_place),
        cmocka_unit_test(test_any_byte_altered),
        cmocka_unit_test(test_platform_status),
        cmocka_unit_test(test_enclave_out_of_date),
        cmocka_unit_test(test_levels_that_never_verify),
        cmocka_unit_test(test_tcb_info_content),
        cmocka_unit_test(test_qe_identity_content),
        cmocka_unit_test(test_impossible_dates),
        cmocka_unit_test(test_envelope_form),
        cmocka_unit_test(test_document_signed_by_the_platform),
        cmocka_unit_test(test_quote_fields),
        cmocka_unit_test(test_quote_cut),
        cmocka_unit_test(test_attestation_key_off_the_curve),
        cmocka_unit_test(test_degenerate_signatures),
        cmocka_unit_test(test_chain_form),
        cmocka_unit_test(test_chain_of_another_platform),
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_revoked_wins),
        cmocka_unit_test(test_advisories_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
