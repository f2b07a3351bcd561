/*  policy_test.c - what a policy does not say is refused, by its own code and with the line; what
    the generator writes parses to the same rules.  */

#include "enclave/policy.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define S_HEX_A    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define S_HEX_B    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define S_HEX_C    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define S_ZERO     "0000000000000000000000000000000000000000000000000000000000000000"
#define S_PLATFORM "dddddddddddddddddddddddddddddddd"
#define S_HEAD     "policy: 1\nnumber: 1\nprevious: " S_ZERO "\n"
#define S_ROOTS    "roots:\n  - sha256: " S_HEX_A "\n    simulated: true\n"
#define S_ENCLAVES                                                                                 \
    "enclaves:\n  - role: worker\n    mrenclave: " S_HEX_B                                         \
    "\n  - role: keys\n    mrsigner: " S_HEX_C "\n    product: 2\n    minimum_svn: 3\n"
#define S_STATUSES "statuses: [UpToDate]\n"
#define S_POLICY   S_HEAD S_ROOTS S_ENCLAVES S_STATUSES

static tacit_status_t s_parse(const char *text, tacit_error_t *ret_error)
{
    tacit_policy_t *policy = NULL;
    tacit_status_t status = tacit_policy_parse(tacit_span_string(text), &policy, ret_error);
    assert_int_equal(status == TACIT_OK, policy != NULL);
    tacit_policy_destroy(&policy);
    return status;
}

/*  A worker's claims that S_POLICY accepts.  */
static tacit_claims_t s_worker(void)
{
    tacit_claims_t claims = {
        .root_name = "SIMULATED root",
        .simulated = true,
        .product_id = TACIT_ROLE_WORKER,
        .svn = 1,
        .tcb_status = TACIT_TCB_UP_TO_DATE,
        .tcb_evaluation_number = 17,
    };
    memset(claims.root_sha256, 0xaa, 32);
    memset(claims.mrenclave, 0xbb, 32);
    memset(claims.mrsigner, 0x11, 32);
    memset(claims.platform_id, 0xdd, 16);
    return claims;
}

static tacit_claims_t s_keys(void)
{
    tacit_claims_t claims = s_worker();
    claims.product_id = TACIT_ROLE_KEYS;
    claims.svn = 3;
    memset(claims.mrenclave, 0x22, 32);
    memset(claims.mrsigner, 0xcc, 32);
    return claims;
}

static tacit_status_t s_appraise(const char *text, const tacit_claims_t *claims, tacit_role_t role,
                                 tacit_error_t *ret_error)
{
    tacit_policy_t *policy = NULL;
    assert_int_equal(tacit_policy_parse(tacit_span_string(text), &policy, ret_error), TACIT_OK);
    tacit_status_t status = tacit_policy_appraise(policy, claims, role, ret_error);
    tacit_policy_destroy(&policy);
    return status;
}

/*  The refusal has the code and explains itself.  */
static void s_assert_refused(const char *text, const tacit_claims_t *claims, tacit_role_t role,
                             tacit_status_t code, const char *claim)
{
    tacit_error_t error = {0};
    assert_int_equal(s_appraise(text, claims, role, &error), code);
    assert_int_equal(error.code, code);
    assert_string_equal(error.claim, claim);
    assert_true(error.expected[0] && error.got[0] && error.remedy[0] && error.message[0]);
    assert_int_equal(s_appraise(text, claims, role, NULL), code);
}

static void accepts_what_it_lists(void **state)
{
    (void)state;
    tacit_error_t error;
    const tacit_claims_t worker = s_worker();
    tacit_claims_t keys = s_keys();
    assert_int_equal(s_appraise(S_POLICY, &worker, TACIT_ROLE_WORKER, &error), TACIT_OK);
    assert_int_equal(s_appraise(S_POLICY, &keys, TACIT_ROLE_KEYS, &error), TACIT_OK);
    keys.svn = UINT16_MAX;
    assert_int_equal(s_appraise(S_POLICY, &keys, TACIT_ROLE_KEYS, &error), TACIT_OK);
}

static void an_empty_policy_accepts_nothing(void **state)
{
    (void)state;
    const tacit_claims_t worker = s_worker();
    s_assert_refused(S_HEAD "roots: []\nenclaves: []\nstatuses: []\n", &worker, TACIT_ROLE_WORKER,
                     TACIT_TRUST_ANCHOR_REFUSED, "root.sha256");
    s_assert_refused(S_HEAD S_ROOTS "enclaves: []\n" S_STATUSES, &worker, TACIT_ROLE_WORKER,
                     TACIT_ROLE_REFUSED, "role");
    s_assert_refused(S_HEAD S_ROOTS S_ENCLAVES "statuses: []\n", &worker, TACIT_ROLE_WORKER,
                     TACIT_TCB_STATUS_REFUSED, "tcb_status");
}

static void refuses_other_anchors_and_undeclared_simulation(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    claims.simulated = false;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_TRUST_ANCHOR_REFUSED,
                     "root.simulated");
    claims = s_worker();
    s_assert_refused(S_HEAD "roots: [{sha256: " S_HEX_A
                            ", simulated: false}]\n" S_ENCLAVES S_STATUSES,
                     &claims, TACIT_ROLE_WORKER, TACIT_TRUST_ANCHOR_REFUSED, "root.simulated");
    claims.root_sha256[31] ^= 1;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_TRUST_ANCHOR_REFUSED,
                     "root.sha256");
}

static void refuses_other_code_signers_and_old_versions(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    claims.mrenclave[0] ^= 1;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_MEASUREMENT_REFUSED, "mrenclave");
    claims = s_keys();
    claims.mrsigner[0] ^= 1;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_KEYS, TACIT_SIGNER_REFUSED, "mrsigner");
    claims = s_keys();
    claims.svn = 2;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_KEYS, TACIT_SVN_TOO_LOW, "svn");
}

static void refuses_other_roles(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_KEYS, TACIT_ROLE_REFUSED, "product_id");
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_USER, TACIT_ROLE_REFUSED, "product_id");
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_NONE, TACIT_ROLE_REFUSED, "product_id");
    claims.product_id = TACIT_ROLE_GATEWAY;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_GATEWAY, TACIT_ROLE_REFUSED, "role");
    claims = s_keys(); /* the keys' signer signed it as a worker */
    claims.product_id = TACIT_ROLE_WORKER;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_MEASUREMENT_REFUSED, "mrenclave");
}

static void refuses_debug_unless_allowed(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    claims.debug = true;
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_DEBUG_REFUSED, "debug");
    assert_int_equal(s_appraise(S_HEAD S_ROOTS "enclaves: [{role: worker, mrenclave: " S_HEX_B
                                               ", debug: allowed}]\n" S_STATUSES,
                                &claims, TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
    s_assert_refused(S_HEAD S_ROOTS "enclaves: [{role: worker, mrenclave: " S_HEX_B
                                    ", debug: refused}]\n" S_STATUSES,
                     &claims, TACIT_ROLE_WORKER, TACIT_DEBUG_REFUSED, "debug");
}

static void refuses_statuses_not_listed(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    for (int status = TACIT_TCB_UP_TO_DATE; status < TACIT_TCB_STATUSES; status++) {
        claims.tcb_status = (tacit_tcb_status_t)status;
        assert_int_equal(s_appraise(S_POLICY, &claims, TACIT_ROLE_WORKER, NULL),
                         status == TACIT_TCB_UP_TO_DATE ? TACIT_OK : TACIT_TCB_STATUS_REFUSED);
    }
    claims.tcb_status = TACIT_TCB_SW_HARDENING_NEEDED;
    assert_int_equal(s_appraise(S_HEAD S_ROOTS S_ENCLAVES
                                "statuses: [UpToDate, SWHardeningNeeded]\n",
                                &claims, TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
    claims.tcb_status = TACIT_TCB_TD_RELAUNCH_ADVISED;
    assert_int_equal(s_appraise(S_HEAD S_ROOTS S_ENCLAVES
                                "statuses: [UpToDate, TDRelaunchAdvised]\n",
                                &claims, TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
}

/*  The line at fault: of what is listed and revoked the revocation; of what a list lacks the list,
    and where there is no such list, that.  */
static void names_the_line_that_decides(void **state)
{
    (void)state;
    const tacit_claims_t worker = s_worker();
    tacit_claims_t advised = worker;
    tacit_error_t error = {0};
    assert_int_equal(s_appraise(S_POLICY "revoked: {measurements: [" S_HEX_B "]}\n", &worker,
                                TACIT_ROLE_WORKER, &error),
                     TACIT_MEASUREMENT_REFUSED);
    assert_string_equal(error.policy, "line 15: revoked: {measurements: [" S_HEX_B "]}");
    snprintf(advised.advisories, sizeof advised.advisories, "SA-1,SA-2,SA-3");
    assert_int_equal(s_appraise(S_POLICY, &advised, TACIT_ROLE_WORKER, &error),
                     TACIT_TCB_STATUS_REFUSED);
    assert_string_equal(error.policy, "advisories_accepted: none");
    assert_string_equal(error.got, "SA-1,SA-2,SA-3");
    assert_int_equal(
        s_appraise(S_POLICY "advisories_accepted: [SA-2]\n", &advised, TACIT_ROLE_WORKER, &error),
        TACIT_TCB_STATUS_REFUSED);
    assert_string_equal(error.policy, "line 15: advisories_accepted: [SA-2]");
    assert_string_equal(error.got, "SA-1,SA-3");
}

static void refuses_advisories_not_accepted(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    snprintf(claims.advisories, sizeof claims.advisories, "INTEL-SA-00289,INTEL-SA-00615");
    s_assert_refused(S_POLICY, &claims, TACIT_ROLE_WORKER, TACIT_TCB_STATUS_REFUSED, "advisories");
    s_assert_refused(S_POLICY "advisories_accepted: [INTEL-SA-00289]\n", &claims, TACIT_ROLE_WORKER,
                     TACIT_TCB_STATUS_REFUSED, "advisories");
    assert_int_equal(s_appraise(S_POLICY "advisories_accepted: [INTEL-SA-00615, INTEL-SA-00289]\n",
                                &claims, TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
}

static void refuses_platforms_not_listed(void **state)
{
    (void)state;
    tacit_claims_t claims = s_worker();
    const char *text = S_POLICY "platforms: [" S_PLATFORM "]\n";
    assert_int_equal(s_appraise(text, &claims, TACIT_ROLE_WORKER, NULL), TACIT_OK);
    claims.platform_id[15] ^= 1;
    s_assert_refused(text, &claims, TACIT_ROLE_WORKER, TACIT_PLATFORM_REFUSED, "platform_id");
}

static void refuses_what_is_revoked(void **state)
{
    (void)state;
    const tacit_claims_t worker = s_worker();
    const tacit_claims_t keys = s_keys();
    s_assert_refused(S_POLICY "revoked: {measurements: [" S_HEX_B "]}\n", &worker,
                     TACIT_ROLE_WORKER, TACIT_MEASUREMENT_REFUSED, "mrenclave");
    s_assert_refused(S_POLICY "revoked: {signers: [" S_HEX_C "]}\n", &keys, TACIT_ROLE_KEYS,
                     TACIT_SIGNER_REFUSED, "mrsigner");
    s_assert_refused(S_POLICY "revoked: {platforms: [" S_PLATFORM "]}\n", &keys, TACIT_ROLE_KEYS,
                     TACIT_PLATFORM_REFUSED, "platform_id");
    assert_int_equal(s_appraise(S_POLICY "revoked: {signers: [" S_HEX_C "]}\n", &worker,
                                TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
}

static void refuses_old_collateral(void **state)
{
    (void)state;
    const tacit_claims_t worker = s_worker();
    assert_int_equal(s_appraise(S_POLICY "minimum_tcb_evaluation_number: 17\n", &worker,
                                TACIT_ROLE_WORKER, NULL),
                     TACIT_OK);
    s_assert_refused(S_POLICY "minimum_tcb_evaluation_number: 18\n", &worker, TACIT_ROLE_WORKER,
                     TACIT_COLLATERAL_EXPIRED, "tcb_evaluation_number");
}

static void a_refusal_shows_the_line(void **state)
{
    (void)state;
    tacit_error_t error;
    tacit_claims_t claims = s_keys();
    claims.svn = 0;
    assert_int_equal(s_appraise(S_POLICY, &claims, TACIT_ROLE_KEYS, &error), TACIT_SVN_TOO_LOW);
    assert_string_equal(error.policy, "line 11: mrsigner: " S_HEX_C);
    assert_string_equal(error.expected, "at least 3");
    assert_string_equal(error.got, "0");
    claims = s_worker();
    claims.tcb_status = TACIT_TCB_OUT_OF_DATE;
    assert_int_equal(s_appraise(S_POLICY, &claims, TACIT_ROLE_WORKER, &error),
                     TACIT_TCB_STATUS_REFUSED);
    assert_string_equal(error.policy, "line 14: statuses: [UpToDate]");
    assert_string_equal(error.got, "OutOfDate");
}

static void parsing_refuses_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says; /* in message, claim or policy line */
    } bad[] = {
        {"", "the policy text"},
        {"# nothing\n", "the policy text"},
        {"[]\n", "line 1"},
        {S_POLICY "surprise: 1\n", "line 15: surprise: 1"},
        {S_POLICY "number: 2\n", "number"},
        {S_HEAD S_ROOTS S_ENCLAVES, "statuses"},
        {S_ROOTS S_ENCLAVES S_STATUSES, "policy"},
        {"policy: 2\nnumber: 1\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "policy"},
        {"policy: 1\nnumber: 0\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 2"},
        {"policy: 1\nnumber: -1\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 2"},
        {"policy: 1\nnumber: 1x\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 2"},
        {"policy: 1\nnumber: 01\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 2"},
        {"policy: 1\nnumber: 2\nprevious: " S_ZERO "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 3"},
        {"policy: 1\nnumber: 1\nprevious: " S_HEX_A "\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 3"},
        {"policy: 1\nnumber: 1\nprevious: 00\n" S_ROOTS S_ENCLAVES S_STATUSES, "line 3"},
        {S_HEAD "roots: [{sha256: " S_HEX_A "}]\n" S_ENCLAVES S_STATUSES, "simulated"},
        {S_HEAD "roots: [{sha256: " S_HEX_A ", simulated: maybe}]\n" S_ENCLAVES S_STATUSES,
         "maybe"},
        {S_HEAD "roots: [{sha256: " S_HEX_A ", simulated: 1}]\n" S_ENCLAVES S_STATUSES, "line 4"},
        {S_HEAD "roots:\n" S_ENCLAVES S_STATUSES, "line 4"},
        {S_HEAD S_ROOTS "enclaves: [{role: worker}]\n" S_STATUSES, "either mrenclave"},
        {S_HEAD S_ROOTS "enclaves: [{role: user, mrenclave: " S_HEX_B "}]\n" S_STATUSES, "line 7"},
        {S_HEAD S_ROOTS "enclaves: [{mrenclave: " S_HEX_B "}]\n" S_STATUSES, "role"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrenclave: " S_HEX_B ", mrsigner: " S_HEX_C
                        "}]\n" S_STATUSES,
         "either mrenclave"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrenclave: " S_HEX_B
                        ", minimum_svn: 1}]\n" S_STATUSES,
         "either mrenclave"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrsigner: " S_HEX_C ", product: 2}]\n" S_STATUSES,
         "minimum_svn"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrsigner: " S_HEX_C
                        ", product: 3, minimum_svn: 1}]\n" S_STATUSES,
         "product"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrsigner: " S_HEX_C
                        ", product: 2, minimum_svn: 65536}]\n" S_STATUSES,
         "minimum_svn"},
        {S_HEAD S_ROOTS "enclaves: [{role: keys, mrenclave: BB" S_HEX_B "}]\n" S_STATUSES,
         "line 7"},
        {S_HEAD S_ROOTS S_ENCLAVES "statuses: [Revoked]\n", "line 14"},
        {S_HEAD S_ROOTS S_ENCLAVES "statuses: [uptodate]\n", "line 14"},
        {S_HEAD S_ROOTS S_ENCLAVES "statuses:\n  - [UpToDate]\n", "line"},
        {S_POLICY "platforms: []\n", "platforms"},
        {S_POLICY "platforms: [" S_HEX_A "]\n", "line 15"},
        {S_POLICY "revoked: {people: []}\n", "people"},
        {S_POLICY "advisories_accepted: [a_b]\n", "line 15"},
        {S_POLICY "minimum_tcb_evaluation_number: 4294967296\n", "line 15"},
        {S_POLICY "---\npolicy: 1\n", "line 15"},
        {S_POLICY "...\n", "line 15"},
        {"%YAML 1.1\n---\n" S_POLICY, "line 1"},
        {S_POLICY "# \t\n", "line 15"},
        {S_POLICY "# \xc3\xa9\n", "line 15"},
        {S_HEAD "roots: [{sha256: &a " S_HEX_A
                ", simulated: true}, {sha256: *a, simulated: true}]\n" S_ENCLAVES S_STATUSES,
         "line 4"},
        {S_HEAD "roots: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "line"},
        {"policy: \"1\\0\"\n", "line 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tacit_error_t error = {0};
        assert_int_equal(s_parse(bad[i].text, &error), TACIT_POLICY_REFUSED);
        if (!strstr(error.message, bad[i].says) && !strstr(error.claim, bad[i].says) &&
            !strstr(error.policy, bad[i].says) && !strstr(error.expected, bad[i].says)) {
            fail_msg("case %zu: wants %s: %s / %s / %s", i, bad[i].says, error.message, error.claim,
                     error.policy);
        }
        assert_int_equal(s_parse(bad[i].text, NULL), TACIT_POLICY_REFUSED);
    }
    assert_int_equal(s_parse("---\n" S_POLICY "# a comment\n", NULL), TACIT_OK);
}

static void parsing_survives_truncation_at_every_byte(void **state)
{
    (void)state;
    static const char text[] = S_POLICY;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        tacit_policy_t *policy = NULL;
        if (tacit_policy_parse(tacit_span(text, size), &policy, NULL) == TACIT_OK) {
            assert_true(size == sizeof text - 2); /* only the final line end is missing */
        }
        tacit_policy_destroy(&policy);
    }
}

/*  Rules with every list as long as it may be.  */
static tacit_policy_rules_t *s_full_rules(void)
{
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    rules->number = UINT64_MAX;
    memset(rules->previous, 0xab, sizeof rules->previous);
    rules->root_count = TACIT_POLICY_ROOTS_MAX;
    for (size_t i = 0; i < TACIT_POLICY_ROOTS_MAX; i++) {
        randombytes_buf(rules->roots[i].sha256, 32);
        rules->roots[i].simulated = i % 2 == 0;
    }
    rules->enclave_count = TACIT_POLICY_ENCLAVES_MAX;
    for (size_t i = 0; i < TACIT_POLICY_ENCLAVES_MAX; i++) {
        tacit_policy_enclave_t *enclave = &rules->enclaves[i];
        enclave->role = (tacit_role_t)(1 + i % 5);
        enclave->by_signer = i % 3 == 0;
        enclave->minimum_svn = enclave->by_signer ? (uint16_t)(65535 - i) : 0;
        enclave->debug_allowed = i % 4 == 0;
        randombytes_buf(enclave->measurement, 32);
    }
    rules->statuses =
        ((UINT32_C(1) << TACIT_TCB_STATUSES) - 1) & ~(UINT32_C(1) << TACIT_TCB_REVOKED);
    rules->minimum_tcb_evaluation_number = UINT32_MAX;
    return rules;
}

static void s_fill(tacit_policy_ids_t *ids, size_t size)
{
    ids->count = TACIT_POLICY_LIST_MAX;
    for (size_t i = 0; i < ids->count; i++) {
        randombytes_buf(ids->items[i], size);
    }
}

static void s_assert_round_trip(const tacit_policy_rules_t *rules)
{
    char *text = NULL;
    tacit_error_t error = {0};
    tacit_policy_t *policy = NULL;
    assert_int_equal(tacit_policy_format(rules, &text, &error), TACIT_OK);
    assert_int_equal(tacit_policy_parse(tacit_span_string(text), &policy, &error), TACIT_OK);
    const tacit_policy_rules_t *again = tacit_policy_rules(policy);
    assert_int_equal(tacit_policy_number(policy), rules->number);
    assert_memory_equal(tacit_policy_previous(policy), rules->previous, 32);
    assert_int_equal(again->root_count, rules->root_count);
    assert_int_equal(again->enclave_count, rules->enclave_count);
    for (size_t i = 0; i < rules->enclave_count; i++) {
        assert_int_equal(again->enclaves[i].role, rules->enclaves[i].role);
        assert_int_equal(again->enclaves[i].by_signer, rules->enclaves[i].by_signer);
        assert_int_equal(again->enclaves[i].minimum_svn, rules->enclaves[i].minimum_svn);
        assert_int_equal(again->enclaves[i].debug_allowed, rules->enclaves[i].debug_allowed);
        assert_memory_equal(again->enclaves[i].measurement, rules->enclaves[i].measurement, 32);
    }
    assert_memory_equal(again->roots, rules->roots, sizeof rules->roots);
    assert_int_equal(again->statuses, rules->statuses);
    assert_int_equal(again->advisory_count, rules->advisory_count);
    assert_memory_equal(again->advisories, rules->advisories, sizeof rules->advisories);
    assert_memory_equal(&again->platforms, &rules->platforms, sizeof rules->platforms);
    assert_memory_equal(&again->revoked_measurements, &rules->revoked_measurements,
                        sizeof rules->revoked_measurements);
    assert_memory_equal(&again->revoked_signers, &rules->revoked_signers,
                        sizeof rules->revoked_signers);
    assert_memory_equal(&again->revoked_platforms, &rules->revoked_platforms,
                        sizeof rules->revoked_platforms);
    assert_memory_equal(&again->revoked_users, &rules->revoked_users, sizeof rules->revoked_users);
    assert_memory_equal(&again->changers, &rules->changers, sizeof rules->changers);
    assert_int_equal(again->minimum_tcb_evaluation_number, rules->minimum_tcb_evaluation_number);
    tacit_policy_destroy(&policy);
    free(text);
}

static void formatted_rules_parse_to_the_same(void **state)
{
    (void)state;
    tacit_policy_rules_t *rules = s_full_rules();
    s_fill(&rules->platforms, 16);
    s_fill(&rules->revoked_measurements, 32);
    rules->advisory_count = TACIT_POLICY_LIST_MAX;
    for (int i = 0; i < TACIT_POLICY_LIST_MAX; i++) {
        snprintf(rules->advisories[i], sizeof rules->advisories[i], "INTEL-SA-%05d", i);
    }
    s_assert_round_trip(rules);
    memset(&rules->platforms, 0, sizeof rules->platforms);
    memset(&rules->revoked_measurements, 0, sizeof rules->revoked_measurements);
    s_fill(&rules->revoked_signers, 32);
    s_fill(&rules->revoked_platforms, 16);
    s_assert_round_trip(rules);
    memset(&rules->revoked_signers, 0, sizeof rules->revoked_signers);
    s_fill(&rules->revoked_users, 32);
    rules->changers.count = TACIT_POLICY_CHANGERS_MAX;
    rules->changers.needed = TACIT_POLICY_CHANGERS_MAX;
    randombytes_buf(rules->changers.keys, sizeof rules->changers.keys);
    s_assert_round_trip(rules);
    memset(rules, 0, sizeof *rules);
    rules->number = 1;
    s_assert_round_trip(rules);
    free(rules);
}

static void formatting_refuses_what_parsing_would(void **state)
{
    (void)state;
    char *text = NULL;
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    assert_non_null(rules);
    assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_POLICY_REFUSED); /* number */
    rules->number = 1;
    rules->enclave_count = TACIT_POLICY_ENCLAVES_MAX + 1;
    assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_POLICY_REFUSED);
    rules->enclave_count = 1; /* of role none */
    assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_POLICY_REFUSED);
    rules->enclave_count = 0;
    rules->statuses = UINT32_C(1) << TACIT_TCB_REVOKED;
    assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_POLICY_REFUSED);
    assert_null(text);
    free(rules);
}

/*  A policy with so many roots, enclaves and revoked signers, and padding up to size bytes.  */
static char *s_sized_policy(size_t roots, size_t enclaves, size_t signers, size_t size)
{
    char *text = NULL;
    size_t written = 0;
    FILE *to = open_memstream(&text, &written);
    assert_non_null(to);
    fputs(S_HEAD "roots:\n", to);
    for (size_t i = 0; i < roots; i++) {
        fputs("  - {sha256: " S_HEX_A ", simulated: true}\n", to);
    }
    fputs("enclaves:\n", to);
    for (size_t i = 0; i < enclaves; i++) {
        fputs("  - {role: worker, mrenclave: " S_HEX_B "}\n", to);
    }
    fputs(S_STATUSES "revoked:\n  signers:\n", to);
    for (size_t i = 0; i < signers; i++) {
        fputs("    - " S_HEX_C "\n", to);
    }
    (void)fflush(to);
    while (written < size) {
        fputs(written + 1 < size && written % 80 ? "#" : "\n", to);
        (void)fflush(to);
    }
    assert_int_equal(fclose(to), 0);
    return text;
}

static void keeps_its_limits(void **state)
{
    (void)state;
    static const struct {
        size_t roots;
        size_t enclaves;
        size_t signers;
        size_t size;
        tacit_status_t verdict;
    } cases[] = {
        {TACIT_POLICY_ROOTS_MAX, TACIT_POLICY_ENCLAVES_MAX, TACIT_POLICY_LIST_MAX, 0, TACIT_OK},
        {TACIT_POLICY_ROOTS_MAX + 1, 1, 1, 0, TACIT_POLICY_REFUSED},
        {1, TACIT_POLICY_ENCLAVES_MAX + 1, 1, 0, TACIT_POLICY_REFUSED},
        {1, 1, TACIT_POLICY_LIST_MAX + 1, 0, TACIT_POLICY_REFUSED},
        {1, 1, 1, TACIT_POLICY_TEXT_MAX, TACIT_OK},
        {1, 1, 1, TACIT_POLICY_TEXT_MAX + 1, TACIT_POLICY_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text =
            s_sized_policy(cases[i].roots, cases[i].enclaves, cases[i].signers, cases[i].size);
        assert_int_equal(s_parse(text, NULL), cases[i].verdict);
        free(text);
    }
}

/*  Revoked users, and keys that may change the policy: so many, from key number first on.  */
static tacit_status_t s_try_changes(size_t users, size_t keys, size_t first, const char *signatures)
{
    char *text = NULL;
    size_t written = 0;
    FILE *to = open_memstream(&text, &written);
    assert_non_null(to);
    fputs(S_POLICY "revoked:\n  users:\n", to);
    for (size_t i = 0; i < users; i++) {
        fputs("    - " S_HEX_C "\n", to);
    }
    fprintf(to, "changes:\n  signatures: %s\n  keys:%s\n", signatures, keys ? "" : " []");
    for (size_t i = 0; i < keys; i++) {
        fprintf(to, "    - %064zx\n", first + i);
    }
    assert_int_equal(fclose(to), 0);
    tacit_status_t status = s_parse(text, NULL);
    free(text);
    return status;
}

static void users_and_changers_keep_their_limits(void **state)
{
    (void)state;
    assert_int_equal(s_try_changes(TACIT_POLICY_LIST_MAX, TACIT_POLICY_CHANGERS_MAX, 1, "16"),
                     TACIT_OK);
    assert_int_equal(s_try_changes(TACIT_POLICY_LIST_MAX + 1, 1, 1, "1"), TACIT_POLICY_REFUSED);
    assert_int_equal(s_try_changes(1, TACIT_POLICY_CHANGERS_MAX + 1, 1, "1"), TACIT_POLICY_REFUSED);
    assert_int_equal(s_try_changes(1, 0, 1, "1"), TACIT_POLICY_REFUSED);
    assert_int_equal(s_try_changes(1, 2, 1, "2"), TACIT_OK);
    const char *const wrong[] = {"0", "3", "-1", "01", "2x", "18446744073709551616", "two"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(s_try_changes(1, 2, 1, wrong[i]), TACIT_POLICY_REFUSED);
    }
}

static void a_key_may_change_the_policy_once(void **state)
{
    (void)state;
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(s_parse(S_POLICY "changes:\n  signatures: 1\n  keys: [" S_HEX_A ", " S_HEX_B
                                      ", " S_HEX_A "]\n",
                             &error),
                     TACIT_POLICY_REFUSED);
    assert_string_equal(error.claim, "changes.keys");
    const char *const partial[] = {"changes: {signatures: 1}\n", "changes: {keys: [" S_HEX_A "]}\n",
                                   "changes: {signatures: 1, keys: [" S_HEX_A "], extra: 1}\n"};
    for (size_t i = 0; i < sizeof partial / sizeof *partial; i++) {
        char text[sizeof S_POLICY + 256];
        snprintf(text, sizeof text, "%s%s", S_POLICY, partial[i]);
        assert_int_equal(s_parse(text, NULL), TACIT_POLICY_REFUSED);
    }
}

static void a_signature_is_over_the_exact_text(void **state)
{
    (void)state;
    uint8_t key[32];
    uint8_t secret[64];
    uint8_t signature[64];
    char text[] = S_POLICY;
    const tacit_span_t span = tacit_span_string(text);
    (void)crypto_sign_keypair(key, secret);
    tacit_policy_sign(span, secret, signature);
    assert_int_equal(tacit_policy_verify(span, tacit_span(signature, 64), key, NULL), TACIT_OK);
    for (size_t i = 0; i < span.size; i++) {
        text[i] ^= 1;
        assert_int_equal(tacit_policy_verify(span, tacit_span(signature, 64), key, NULL),
                         TACIT_SIGNATURE_INVALID);
        text[i] ^= 1;
    }
    for (size_t i = 0; i < 64; i++) {
        signature[i] ^= 1;
        assert_int_equal(tacit_policy_verify(span, tacit_span(signature, 64), key, NULL),
                         TACIT_SIGNATURE_INVALID);
        signature[i] ^= 1;
        assert_int_equal(tacit_policy_verify(span, tacit_span(signature, i), key, NULL),
                         TACIT_SIGNATURE_INVALID);
    }
    key[0] ^= 1;
    assert_int_equal(tacit_policy_verify(span, tacit_span(signature, 64), key, NULL),
                     TACIT_SIGNATURE_INVALID);
}

static void the_head_names_the_exact_text(void **state)
{
    (void)state;
    static const char labelled[] = "tacit/policy/v1\0" S_POLICY;
    uint8_t expected[32];
    uint8_t head[32];
    (void)crypto_hash_sha256(expected, (const uint8_t *)labelled, sizeof labelled - 1);
    tacit_policy_head(tacit_span_string(S_POLICY), head);
    assert_memory_equal(head, expected, 32);
    tacit_policy_head(tacit_span_string(S_POLICY "\n"), head);
    assert_memory_not_equal(head, expected, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_it_lists),
        cmocka_unit_test(an_empty_policy_accepts_nothing),
        cmocka_unit_test(refuses_other_anchors_and_undeclared_simulation),
        cmocka_unit_test(refuses_other_code_signers_and_old_versions),
        cmocka_unit_test(refuses_other_roles),
        cmocka_unit_test(refuses_debug_unless_allowed),
        cmocka_unit_test(refuses_statuses_not_listed),
        cmocka_unit_test(names_the_line_that_decides),
        cmocka_unit_test(refuses_advisories_not_accepted),
        cmocka_unit_test(refuses_platforms_not_listed),
        cmocka_unit_test(refuses_what_is_revoked),
        cmocka_unit_test(refuses_old_collateral),
        cmocka_unit_test(a_refusal_shows_the_line),
        cmocka_unit_test(parsing_refuses_with_the_line),
        cmocka_unit_test(parsing_survives_truncation_at_every_byte),
        cmocka_unit_test(formatted_rules_parse_to_the_same),
        cmocka_unit_test(formatting_refuses_what_parsing_would),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(users_and_changers_keep_their_limits),
        cmocka_unit_test(a_key_may_change_the_policy_once),
        cmocka_unit_test(a_signature_is_over_the_exact_text),
        cmocka_unit_test(the_head_names_the_exact_text),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
