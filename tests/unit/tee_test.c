/*  tee_test.c - one program as SGX, TDX and Nitro measure it: what evidence says, what is refused,
    how a policy names it, and that a platform stays of its kind.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "enclave/cbor_writer.h"
#include "enclave/clock.h"
#include "enclave/launch.h"
#include "enclave/nitro.h"
#include "enclave/policy.h"
#include "services/platform/exchange.h"

static const tacit_self_t s_program = {
    .mrenclave = {1, 2, 3}, .mrsigner = {4, 5, 6}, .product_id = TACIT_ROLE_WORKER, .svn = 0x0203};
static const uint8_t s_report_data[64] = {7, 8, 9};

/*  --- evidence -------------------------------------------------------------------------------- */

/*  A vendor of one kind, and evidence of the program.  */
typedef struct world {
    tacit_pki_t *pki;
    tacit_nitro_vendor_t *nitro;
    tacit_collateral_t collateral;
    uint8_t root_sha256[32];
    uint8_t evidence[TACIT_QUOTE_MAX];
    size_t size;
} world_t;

static void s_quote(world_t *world, const tacit_self_t *program)
{
    tacit_quoting_t *quoting = NULL;
    if (world->nitro) {
        assert_int_equal(tacit_nitro_vendor_document(world->nitro, program, s_report_data,
                                                     world->evidence, &world->size),
                         TACIT_OK);
        return;
    }
    assert_int_equal(tacit_quoting_new(world->pki, &quoting), TACIT_OK);
    assert_int_equal(
        tacit_quoting_quote(quoting, program, s_report_data, world->evidence, &world->size),
        TACIT_OK);
    tacit_quoting_destroy(&quoting);
}

static void s_open(world_t *world, tacit_tee_t tee)
{
    const tacit_pki_options_t options = {.tee = tee};
    memset(world, 0, sizeof *world);
    if (tee == TACIT_TEE_NITRO) {
        assert_int_equal(tacit_nitro_vendor_new(&world->nitro), TACIT_OK);
        tacit_span_t der = tacit_nitro_vendor_root_der(world->nitro);
        crypto_hash_sha256(world->root_sha256, der.data, der.size);
    } else {
        assert_int_equal(tacit_pki_new(&options, &world->pki), TACIT_OK);
        world->collateral = *tacit_pki_collateral(world->pki);
        tacit_pki_root_sha256(world->pki, world->root_sha256);
    }
    s_quote(world, &s_program);
}

static void s_close(world_t *world)
{
    tacit_pki_destroy(&world->pki);
    tacit_nitro_vendor_destroy(&world->nitro);
}

static tacit_status_t s_verify(const world_t *world, uint64_t now_ms, tacit_claims_t *claims,
                               tacit_error_t *error)
{
    return tacit_evidence_verify(tacit_span(world->evidence, world->size), &world->collateral,
                                 world->root_sha256, now_ms, claims, error);
}

static void s_expect_program(tacit_tee_t tee, const tacit_claims_t *claims)
{
    const tacit_self_t expected = tacit_launch_identity(tee, &s_program);
    assert_int_equal(claims->tee, tee);
    assert_memory_equal(claims->mrenclave, expected.mrenclave, 32);
    assert_memory_equal(claims->mrsigner, expected.mrsigner, 32);
    assert_memory_equal(claims->report_data, s_report_data, 64);
    assert_int_equal(claims->product_id, s_program.product_id);
    assert_int_equal(claims->svn, s_program.svn);
    assert_false(claims->debug);
}

/*  Verified in full, and by who trusts the attestation key already: the same.  */
static void evidence_of_each_kind_says_the_same(void **state)
{
    (void)state;
    for (int tee = 0; tee < TACIT_TEES; tee++) {
        world_t world;
        tacit_claims_t whole;
        tacit_claims_t part;
        tacit_error_t error = {.code = TACIT_OK};
        s_open(&world, (tacit_tee_t)tee);
        if (s_verify(&world, tacit_now_ms(), &whole, &error)) {
            fail_msg("%s: %s: expected %s, got %s", tacit_tee_name((tacit_tee_t)tee), error.claim,
                     error.expected, error.got);
        }
        s_expect_program((tacit_tee_t)tee, &whole);
        assert_true(whole.simulated);
        assert_int_equal(whole.tcb_status, TACIT_TCB_UP_TO_DATE);
        assert_true(whole.expires_ms > tacit_now_ms() + TACIT_NITRO_REFRESH_S * UINT64_C(1000));
        assert_int_equal(
            tacit_evidence_verify_report(tacit_span(world.evidence, world.size), &part, &error),
            TACIT_OK);
        s_expect_program((tacit_tee_t)tee, &part);
        assert_memory_equal(part.attestation_key_sha256, whole.attestation_key_sha256, 32);
        s_close(&world);
    }
}

static void debug_mode_is_told(void **state)
{
    (void)state;
    tacit_self_t program = s_program;
    program.debug = true;
    for (int tee = 0; tee < TACIT_TEES; tee++) {
        world_t world;
        tacit_claims_t claims;
        s_open(&world, (tacit_tee_t)tee);
        s_quote(&world, &program);
        assert_int_equal(s_verify(&world, tacit_now_ms(), &claims, NULL), TACIT_OK);
        assert_true(claims.debug);
        s_close(&world);
    }
}

static void nothing_verifies_under_another_root_or_after_its_end(void **state)
{
    (void)state;
    for (int tee = 0; tee < TACIT_TEES; tee++) {
        world_t world;
        tacit_claims_t claims;
        s_open(&world, (tacit_tee_t)tee);
        assert_int_equal(s_verify(&world, tacit_now_ms(), &claims, NULL), TACIT_OK);
        assert_int_equal(s_verify(&world, claims.expires_ms, &claims, NULL),
                         TACIT_COLLATERAL_EXPIRED);
        world.root_sha256[31] ^= 1;
        assert_int_equal(s_verify(&world, tacit_now_ms(), &claims, NULL),
                         TACIT_TRUST_ANCHOR_REFUSED);
        s_close(&world);
    }
}

/*  Sampled: each verification costs a millisecond or more.  */
static void no_altered_byte_verifies(void **state)
{
    (void)state;
    for (int tee = TACIT_TEE_TDX; tee < TACIT_TEES; tee++) {
        world_t world;
        tacit_claims_t claims;
        s_open(&world, (tacit_tee_t)tee);
        for (size_t i = 0; i < world.size; i += 29) {
            world.evidence[i] ^= 0x40;
            tacit_span_t bytes = tacit_span(world.evidence, world.size);
            bool part = tacit_evidence_verify_report(bytes, &claims, NULL) == TACIT_OK;
            bool whole = s_verify(&world, tacit_now_ms(), &claims, NULL) == TACIT_OK;
            if (whole || (part && tee == TACIT_TEE_NITRO)) {
                fail_msg("byte %zu of %s", i, tacit_tee_name((tacit_tee_t)tee));
            }
            world.evidence[i] ^= 0x40;
        }
        for (size_t size = 0; size < world.size; size += 31) {
            tacit_span_t bytes = tacit_span(world.evidence, size);
            assert_int_not_equal(tacit_evidence_verify_report(bytes, &claims, NULL), TACIT_OK);
        }
        s_close(&world);
    }
}

/*  One key for all certificates of a platform's life: what a result names stays.  */
static void a_new_leaf_keeps_the_attestation_key(void **state)
{
    (void)state;
    world_t world;
    tacit_claims_t before;
    tacit_claims_t after;
    s_open(&world, TACIT_TEE_NITRO);
    assert_int_equal(s_verify(&world, tacit_now_ms(), &before, NULL), TACIT_OK);
    assert_false(tacit_nitro_vendor_due(world.nitro, (uint64_t)time(NULL)));
    assert_true(
        tacit_nitro_vendor_due(world.nitro, before.expires_ms / 1000 - TACIT_NITRO_REFRESH_S));
    assert_int_equal(tacit_nitro_vendor_refresh(world.nitro), TACIT_OK);
    s_quote(&world, &s_program);
    assert_int_equal(s_verify(&world, tacit_now_ms(), &after, NULL), TACIT_OK);
    assert_memory_equal(before.attestation_key_sha256, after.attestation_key_sha256, 32);
    s_close(&world);
}

/*  --- registers ------------------------------------------------------------------------------- */

static void kinds_have_names(void **state)
{
    (void)state;
    tacit_tee_t tee = TACIT_TEE_SGX;
    for (int i = 0; i < TACIT_TEES; i++) {
        assert_true(tacit_tee_from_name(tacit_tee_name((tacit_tee_t)i), &tee));
        assert_int_equal(tee, i);
    }
    assert_false(tacit_tee_from_name("snp", &tee));
    assert_false(tacit_tee_from_name("", &tee));
    assert_string_equal(tacit_tee_name(TACIT_TEES), "none");
}

/*  No code or signer of one kind passes for another's.  */
static void one_program_is_another_to_each_kind(void **state)
{
    (void)state;
    tacit_self_t identities[TACIT_TEES];
    for (int i = 0; i < TACIT_TEES; i++) {
        identities[i] = tacit_launch_identity((tacit_tee_t)i, &s_program);
        for (int before = 0; before < i; before++) {
            assert_memory_not_equal(identities[i].mrenclave, identities[before].mrenclave, 32);
            assert_memory_not_equal(identities[i].mrsigner, identities[before].mrsigner, 32);
        }
    }
    assert_memory_equal(identities[TACIT_TEE_SGX].mrenclave, s_program.mrenclave, 32);
}

/*  What the host says of a domain has to be what the launcher found, and the launcher a known one.
 */
static void a_domain_is_what_its_launcher_found(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *claim;
    } rows[] = {
        {TACIT_TD_MRTD, "mrtd"},
        {TACIT_TD_RTMR0, "rtmr0"},
        {TACIT_TD_RTMR0 + 48, "rtmr1"},
        {TACIT_TD_RTMR0 + 96, "rtmr2"},
        {TACIT_TD_RTMR0 + 144, "rtmr3"},
        {TACIT_TD_MRCONFIGID, "rtmr3"},
        {TACIT_TD_MROWNER, "rtmr3"},
        {TACIT_TD_MROWNERCONFIG, "rtmr3"},
        {TACIT_TD_MROWNERCONFIG + 2, "rtmr3"},
    };
    uint8_t body[TACIT_TD_REPORT_SIZE] = {0};
    tacit_self_t identity;
    const tacit_td_report_t td = {.bytes = tacit_span(body, sizeof body)};
    tacit_launch_td(&s_program, body);
    assert_int_equal(tacit_launch_read_td(&td, &identity, NULL), TACIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_error_t error = {0};
        body[rows[i].offset] ^= 1;
        assert_int_equal(tacit_launch_read_td(&td, &identity, &error), TACIT_MEASUREMENT_REFUSED);
        assert_string_equal(error.claim, rows[i].claim);
        body[rows[i].offset] ^= 1;
    }
}

static void a_nitro_program_is_what_its_pcrs_say(void **state)
{
    (void)state;
    static const size_t needed[] = {0, 1, 2, 4, 8, 16};
    uint8_t values[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE];
    uint8_t user_data[TACIT_LAUNCH_USER_DATA_SIZE + 1] = {0};
    const uint8_t *pcrs[TACIT_NITRO_PCRS] = {NULL};
    tacit_self_t identity;
    tacit_launch_pcrs(&s_program, tacit_span("i", 1), values);
    tacit_launch_user_data(&s_program, s_report_data, user_data);
    for (size_t i = 0; i < TACIT_LAUNCH_PCRS; i++) {
        pcrs[i] = values[i];
    }
    tacit_span_t said = tacit_span(user_data, TACIT_LAUNCH_USER_DATA_SIZE);
    assert_int_equal(tacit_launch_read_pcrs(pcrs, said, &identity, NULL), TACIT_OK);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        pcrs[needed[i]] = NULL;
        assert_int_equal(tacit_launch_read_pcrs(pcrs, said, &identity, NULL),
                         TACIT_MEASUREMENT_REFUSED);
        pcrs[needed[i]] = values[needed[i]];
    }
    for (int size = -1; size <= 1; size += 2) {
        said.size = (size_t)TACIT_LAUNCH_USER_DATA_SIZE + (size_t)size;
        assert_int_equal(tacit_launch_read_pcrs(pcrs, said, &identity, NULL),
                         TACIT_REPORT_DATA_MISMATCH);
    }
    said.size = TACIT_LAUNCH_USER_DATA_SIZE;
    user_data[TACIT_REPORT_DATA_SIZE + 2] ^= 1; /* another SVN than the program locked */
    assert_int_equal(tacit_launch_read_pcrs(pcrs, said, &identity, NULL),
                     TACIT_MEASUREMENT_REFUSED);
    user_data[TACIT_REPORT_DATA_SIZE + 2] ^= 1;
    memset(values[TACIT_LAUNCH_PCR_SIGNER], 0, TACIT_REGISTER_SIZE); /* an unsigned image */
    assert_int_equal(tacit_launch_read_pcrs(pcrs, said, &identity, NULL),
                     TACIT_MEASUREMENT_REFUSED);
}

/*  --- policy ---------------------------------------------------------------------------------- */

static tacit_policy_rules_t *s_rules(tacit_tee_t tee, bool by_signer)
{
    tacit_registers_t signer;
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    const tacit_self_t identity = tacit_launch_identity(tee, &s_program);
    rules->number = 1;
    rules->root_count = 1;
    rules->roots[0].simulated = true;
    memset(rules->roots[0].sha256, 0xaa, 32);
    rules->statuses = 1;
    rules->enclave_count = 1;
    tacit_policy_enclave_t *entry = &rules->enclaves[0];
    *entry =
        (tacit_policy_enclave_t){.role = TACIT_ROLE_WORKER, .tee = tee, .by_signer = by_signer};
    tacit_launch_registers(tee, &s_program, &entry->registers, &signer);
    entry->minimum_svn = by_signer ? s_program.svn : 0;
    entry->registers = by_signer ? signer : entry->registers;
    memcpy(entry->measurement, by_signer ? identity.mrsigner : identity.mrenclave, 32);
    return rules;
}

static tacit_claims_t s_claims(tacit_tee_t tee)
{
    const tacit_self_t identity = tacit_launch_identity(tee, &s_program);
    tacit_claims_t claims = {
        .simulated = true, .tee = tee, .product_id = identity.product_id, .svn = identity.svn};
    memset(claims.root_sha256, 0xaa, 32);
    memcpy(claims.mrenclave, identity.mrenclave, 32);
    memcpy(claims.mrsigner, identity.mrsigner, 32);
    return claims;
}

/*  The rules as text and back: the same, and they accept that kind's program and no other's.  */
static void a_policy_names_each_kind_in_its_own_registers(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * TACIT_TEES; i++) {
        tacit_tee_t tee = (tacit_tee_t)(i / 2);
        tacit_policy_rules_t *rules = s_rules(tee, i % 2 == 1);
        tacit_policy_t *policy = NULL;
        tacit_error_t error = {0};
        char *text = NULL;
        assert_int_equal(tacit_policy_format(rules, &text, &error), TACIT_OK);
        assert_int_equal(tacit_policy_parse(tacit_span_string(text), &policy, &error), TACIT_OK);
        assert_memory_equal(tacit_policy_rules(policy), rules, sizeof *rules);
        for (int other = 0; other < TACIT_TEES; other++) {
            tacit_claims_t claims = s_claims((tacit_tee_t)other);
            tacit_status_t status =
                tacit_policy_appraise(policy, &claims, TACIT_ROLE_WORKER, &error);
            assert_true((status == TACIT_OK) == (other == (int)tee));
            assert_true(status == TACIT_OK || strstr(text, strchr(error.policy, ':') + 2) != NULL);
            claims.tee = tee; /* the same 32 bytes, said to be of this kind */
            status = tacit_policy_appraise(policy, &claims, TACIT_ROLE_WORKER, &error);
            assert_true((status == TACIT_OK) == (other == (int)tee));
        }
        free(text);
        tacit_policy_destroy(&policy);
        free(rules);
    }
}

/*  Nitro grades no platforms, so that no status can be asked of them; who asks for a least number
    of collateral accepts none of them.  */
static void a_kind_without_statuses_is_asked_for_none(void **state)
{
    (void)state;
    tacit_policy_rules_t *rules = s_rules(TACIT_TEE_NITRO, false);
    const tacit_claims_t claims = s_claims(TACIT_TEE_NITRO);
    static const tacit_status_t expected[] = {TACIT_OK, TACIT_COLLATERAL_EXPIRED};
    rules->statuses = 0;
    for (uint32_t number = 0; number < 2; number++) {
        tacit_policy_t *policy = NULL;
        char *text = NULL;
        rules->minimum_tcb_evaluation_number = number;
        assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_OK);
        assert_int_equal(tacit_policy_parse(tacit_span_string(text), &policy, NULL), TACIT_OK);
        assert_int_equal(tacit_policy_appraise(policy, &claims, TACIT_ROLE_WORKER, NULL),
                         expected[number]);
        tacit_policy_destroy(&policy);
        free(text);
    }
    assert_string_equal(tacit_tcb_status_shown(TACIT_TEE_NITRO, TACIT_TCB_UP_TO_DATE), "none");
    assert_string_equal(tacit_tcb_status_shown(TACIT_TEE_TDX, TACIT_TCB_UP_TO_DATE), "UpToDate");
    free(rules);
}

#define S_X8   "0123456789abcdef"
#define S_HEX  S_X8 S_X8 S_X8 S_X8
#define S_REG  S_HEX S_X8 S_X8
#define S_TD   "mrtd: " S_REG "\n    rtmr0: " S_REG "\n    rtmr1: " S_REG "\n    rtmr2: " S_REG
#define S_PCRS "pcr0: " S_REG "\n    pcr1: " S_REG

static void entries_name_one_kind_wholly(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        bool good;
    } rows[] = {
        {S_TD "\n    rtmr3: " S_REG, true},
        {S_PCRS "\n    pcr2: " S_REG, true},
        {"mrowner: " S_REG "\n    product: 5\n    minimum_svn: 0", true},
        {"pcr8: " S_REG "\n    product: 5\n    minimum_svn: 0", true},
        {S_TD, false},
        {S_PCRS, false},
        {"rtmr3: " S_REG, false},
        {"pcr2: " S_REG, false},
        {"mrowner: " S_REG, false},
        {"pcr8: " S_REG "\n    product: 4\n    minimum_svn: 0", false},
        {S_PCRS "\n    pcr2: " S_REG "\n    product: 5\n    minimum_svn: 0", false},
        {S_PCRS "\n    pcr2: " S_REG "\n    mrenclave: " S_HEX, false},
        {S_PCRS "\n    pcr2: " S_REG "\n    rtmr3: " S_REG, false},
        {S_PCRS "\n    pcr2: " S_REG "\n    pcr8: " S_REG, false},
        {S_TD "\n    rtmr3: " S_HEX, false},
        {S_TD "\n    rtmr3: " S_REG "0", false},
        {"mrenclave: " S_REG, false},
        {"product: 5\n    minimum_svn: 0", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[4096];
        tacit_error_t error = {0};
        tacit_policy_t *policy = NULL;
        snprintf(text, sizeof text,
                 "policy: 1\nnumber: 1\nprevious: "
                 "0000000000000000000000000000000000000000000000000000000000000000\nroots: []\n"
                 "enclaves:\n  - role: worker\n    %s\nstatuses: []\n",
                 rows[i].entry);
        tacit_status_t status = tacit_policy_parse(tacit_span_string(text), &policy, &error);
        if ((status == TACIT_OK) != rows[i].good) {
            fail_msg("row %zu: %s", i, error.message);
        }
        tacit_policy_destroy(&policy);
    }
}

/*  --- platform -------------------------------------------------------------------------------- */

static void s_remove(const char *folder)
{
    static const char *const names[] = {"lock",           "fuse.key",    "pki.pem",
                                        "root.der",       "counters.db", "counters.db-wal",
                                        "counters.db-shm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void a_platform_stays_of_its_kind(void **state)
{
    (void)state;
    for (int tee = 0; tee < TACIT_TEES; tee++) {
        char folder[] = "/tmp/tacit-tee.XXXXXX";
        uint8_t roots[2][32];
        assert_non_null(mkdtemp(folder));
        for (int other = TACIT_TEES; other >= -1; other--) {
            tacit_platform_state_t *opened = NULL;
            const tacit_tee_t wanted = (tacit_tee_t)(other == TACIT_TEES ? tee : other);
            tacit_status_t status =
                tacit_platform_state_open(folder, other < 0 ? NULL : &wanted, &opened, NULL);
            bool fits = other < 0 || (int)wanted == tee;
            assert_int_equal(status, fits ? TACIT_OK : TACIT_BAD_INPUT);
            if (opened) {
                tacit_span_t der = tacit_platform_state_root_der(opened);
                assert_int_equal(opened->tee, tee);
                crypto_hash_sha256(roots[other != TACIT_TEES], der.data, der.size);
                assert_memory_equal(roots[0], roots[other != TACIT_TEES], 32);
            }
            tacit_platform_state_destroy(&opened);
        }
        s_remove(folder);
    }
}

static void half_a_nitro_state_is_refused(void **state)
{
    (void)state;
    tacit_nitro_vendor_t *vendor = NULL;
    tacit_secret_t *bytes = NULL;
    assert_int_equal(tacit_nitro_vendor_new(&vendor), TACIT_OK);
    assert_int_equal(tacit_nitro_vendor_export(vendor, &bytes), TACIT_OK);
    tacit_nitro_vendor_destroy(&vendor);
    assert_true(tacit_nitro_vendor_is_state(tacit_secret_span(bytes)));
    for (size_t size = 0; size < bytes->size - 1; size += 97) {
        assert_int_equal(tacit_nitro_vendor_import(tacit_span(bytes->data, size), &vendor),
                         TACIT_CORRUPT);
    }
    tacit_secret_destroy(&bytes);
}

/*  --- CBOR ------------------------------------------------------------------------------------ */

static void what_is_written_reads_back_strictly(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,     23,    24,         255,         256,
                                       65535, 65536, 0xffffffff, 0x100000000, UINT64_MAX};
    uint8_t buffer[64];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        tacit_cbor_t item;
        tacit_cbor_writer_t out = tacit_cbor_writer(buffer, sizeof buffer);
        tacit_cbor_write_head(&out, TACIT_CBOR_UNSIGNED, numbers[i]);
        assert_true(tacit_cbor_read(tacit_span(buffer, out.size), &item));
        assert_true(item.number == numbers[i]);
        tacit_cbor_writer_t small = tacit_cbor_writer(buffer, out.size - 1);
        tacit_cbor_write_head(&small, TACIT_CBOR_UNSIGNED, numbers[i]);
        tacit_cbor_write_null(&small);
        assert_true(small.failed);
        assert_true(small.size <= out.size - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_of_each_kind_says_the_same),
        cmocka_unit_test(debug_mode_is_told),
        cmocka_unit_test(nothing_verifies_under_another_root_or_after_its_end),
        cmocka_unit_test(no_altered_byte_verifies),
        cmocka_unit_test(a_new_leaf_keeps_the_attestation_key),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(one_program_is_another_to_each_kind),
        cmocka_unit_test(a_domain_is_what_its_launcher_found),
        cmocka_unit_test(a_nitro_program_is_what_its_pcrs_say),
        cmocka_unit_test(a_policy_names_each_kind_in_its_own_registers),
        cmocka_unit_test(a_kind_without_statuses_is_asked_for_none),
        cmocka_unit_test(entries_name_one_kind_wholly),
        cmocka_unit_test(a_platform_stays_of_its_kind),
        cmocka_unit_test(half_a_nitro_state_is_refused),
        cmocka_unit_test(what_is_written_reads_back_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
