/*  policy_appraisal.c - a table of small checks; the first that refuses decides.

    What is not listed is refused, so that rules that are all zero accept nothing. The refusal
    shows the policy's line: the one that holds the offending value, else that of the list which
    lacks it.  */

#include "enclave/policy_appraisal.h"

#include "enclave/policy_document.h"
#include "enclave/tcb_status.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct s_refusal {
    tacit_status_t code;
    const char *message; /* NULL: the code's own */
    const char *claim;
    const char *expected;
    const char *got;
    const char *line; /* a text that the policy line at fault holds */
    const char *remedy;
} s_refusal_t;

typedef struct s_hex {
    char text[2 * TACIT_REGISTER_SIZE + 1];
} s_hex_t;

static s_hex_t s_hex(const uint8_t *bytes, size_t size)
{
    s_hex_t hex;
    (void)sodium_bin2hex(hex.text, sizeof hex.text, bytes, size);
    return hex;
}

/*  The line at fault, "line 12: ...", from the first that holds section on; that a list is not
    there at all is said, too.  */
static void s_find_line(tacit_span_t text, const char *section, const char *needle, char *ret_line,
                        size_t size)
{
    unsigned long first = 1;
    if (tacit_policy_line(text, section, 1, ret_line, size)) {
        first = strtoul(ret_line + strlen("line "), NULL, 10);
    }
    if (!tacit_policy_line(text, needle, (unsigned)first, ret_line, size)) {
        snprintf(ret_line, size, "%s none", needle);
    }
}

static tacit_status_t s_refuse_in(const tacit_appraisal_t *self, const char *section,
                                  const s_refusal_t *refusal)
{
    char line[TACIT_ERROR_VALUE_MAX];
    s_find_line(self->text, section, refusal->line, line, sizeof line);
    tacit_error_claim(self->error, refusal->code, refusal->claim, refusal->expected, refusal->got);
    if (self->error && refusal->message) {
        snprintf(self->error->message, sizeof self->error->message, "%s", refusal->message);
    }
    tacit_error_policy(self->error, "%s", line);
    tacit_error_remedy(self->error, "%s", refusal->remedy);
    return refusal->code;
}

static tacit_status_t s_refuse(const tacit_appraisal_t *self, const s_refusal_t *refusal)
{
    return s_refuse_in(self, "", refusal);
}

static tacit_status_t s_check_anchor(const tacit_appraisal_t *self)
{
    const tacit_claims_t *claims = self->claims;
    const s_hex_t got = s_hex(claims->root_sha256, sizeof claims->root_sha256);
    for (size_t i = 0; i < self->rules->root_count; i++) {
        const tacit_policy_root_t *root = &self->rules->roots[i];
        if (memcmp(root->sha256, claims->root_sha256, sizeof root->sha256) != 0) {
            continue;
        }
        if (root->simulated == claims->simulated) {
            return TACIT_OK;
        }
        return s_refuse(self, &(s_refusal_t){TACIT_TRUST_ANCHOR_REFUSED, NULL, "root.simulated",
                                             root->simulated ? "a simulated anchor"
                                                             : "an anchor of real hardware",
                                             claims->root_name, got.text,
                                             "say simulated: true of an anchor that is"});
    }
    return s_refuse(self, &(s_refusal_t){TACIT_TRUST_ANCHOR_REFUSED, NULL, "root.sha256",
                                         "an anchor listed under roots", got.text, "roots:",
                                         "list the anchor under roots, if it may be trusted"});
}

static tacit_status_t s_check_revoked(const tacit_appraisal_t *self)
{
    const tacit_policy_rules_t *rules = self->rules;
    const tacit_claims_t *claims = self->claims;
    const struct {
        const tacit_policy_ids_t *revoked;
        const uint8_t *id;
        size_t size;
        tacit_status_t code;
        const char *claim;
    } lists[] = {
        {&rules->revoked_measurements, claims->mrenclave, 32, TACIT_MEASUREMENT_REFUSED,
         "mrenclave"},
        {&rules->revoked_signers, claims->mrsigner, 32, TACIT_SIGNER_REFUSED, "mrsigner"},
        {&rules->revoked_platforms, claims->platform_id, 16, TACIT_PLATFORM_REFUSED, "platform_id"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (tacit_policy_lists(lists[i].revoked, lists[i].id, lists[i].size)) {
            const s_hex_t got = s_hex(lists[i].id, lists[i].size);
            /*  The same id may stand under enclaves, too.  */
            return s_refuse_in(self, "revoked:",
                               &(s_refusal_t){lists[i].code, "the policy revokes this",
                                              lists[i].claim, "one that is not revoked", got.text,
                                              got.text,
                                              "replace what was revoked, and attest again"});
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_check_product(const tacit_appraisal_t *self)
{
    char expected[32];
    char got[32];
    if (tacit_role_is_enclave(self->role) && self->claims->product_id == (uint16_t)self->role) {
        return TACIT_OK;
    }
    snprintf(expected, sizeof expected, "%d (%s)", (int)self->role, tacit_role_name(self->role));
    snprintf(got, sizeof got, "%u", (unsigned)self->claims->product_id);
    return s_refuse(self, &(s_refusal_t){TACIT_ROLE_REFUSED, NULL, "product_id", expected, got,
                                         "enclaves:", "run the code that was signed for the role"});
}

/*  How one entry judges: higher codes of this order came closer to acceptance.  */
typedef enum s_closeness {
    S_OTHER_ROLE,
    S_OTHER_CODE,
    S_OTHER_SIGNER,
    S_OLD,
    S_DEBUGGED,
    S_MATCH
} s_closeness_t;

static s_closeness_t s_compare(const tacit_policy_enclave_t *entry, const tacit_appraisal_t *self)
{
    const tacit_claims_t *claims = self->claims;
    const uint8_t *measured = entry->by_signer ? claims->mrsigner : claims->mrenclave;
    if (entry->role != self->role) {
        return S_OTHER_ROLE;
    }
    if (entry->tee != claims->tee ||
        memcmp(entry->measurement, measured, sizeof entry->measurement) != 0) {
        return entry->by_signer ? S_OTHER_SIGNER : S_OTHER_CODE;
    }
    if (entry->by_signer && claims->svn < entry->minimum_svn) {
        return S_OLD;
    }
    return claims->debug && !entry->debug_allowed ? S_DEBUGGED : S_MATCH;
}

/*  The text that marks an entry's line: of registers the one that programs differ in.  */
static s_hex_t s_line_of(const tacit_policy_enclave_t *entry)
{
    size_t place = entry->tee == TACIT_TEE_TDX && !entry->by_signer ? TACIT_REGISTERS_MAX - 1 : 0;
    return entry->tee == TACIT_TEE_SGX ? s_hex(entry->measurement, sizeof entry->measurement)
                                       : s_hex(entry->registers.values[place], TACIT_REGISTER_SIZE);
}

static tacit_status_t s_refuse_enclave(const tacit_appraisal_t *self, s_closeness_t closeness,
                                       const tacit_policy_enclave_t *entry)
{
    const tacit_claims_t *claims = self->claims;
    const char *role = tacit_role_name(self->role);
    const s_hex_t listed = entry ? s_hex(entry->measurement, 32) : (s_hex_t){""};
    const s_hex_t line = entry ? s_line_of(entry) : (s_hex_t){""};
    const s_hex_t code = s_hex(claims->mrenclave, 32);
    const s_hex_t signer = s_hex(claims->mrsigner, 32);
    char minimum[32];
    char svn[32];
    snprintf(minimum, sizeof minimum, "at least %u", entry ? (unsigned)entry->minimum_svn : 0U);
    snprintf(svn, sizeof svn, "%u", (unsigned)claims->svn);
    const s_refusal_t refusals[] = {
        [S_OTHER_ROLE] = {TACIT_ROLE_REFUSED, NULL, "role", "a role listed under enclaves", role,
                          "enclaves:", "list the code for this role under enclaves"},
        [S_OTHER_CODE] = {TACIT_MEASUREMENT_REFUSED, NULL, "mrenclave", listed.text, code.text,
                          line.text, "list the measurement, or run the code that is listed"},
        [S_OTHER_SIGNER] = {TACIT_SIGNER_REFUSED, NULL, "mrsigner", listed.text, signer.text,
                            line.text, "list the signer, or run code that a listed one signed"},
        [S_OLD] = {TACIT_SVN_TOO_LOW, NULL, "svn", minimum, svn, line.text,
                   "update the code to the present security version"},
        [S_DEBUGGED] = {TACIT_DEBUG_REFUSED, NULL, "debug", "no debug mode", "debug mode",
                        line.text, "run a production enclave"},
    };
    return s_refuse(self, &refusals[closeness]);
}

/*  Before the entries are compared: debug mode is part of the measured configuration, so that its
    measurement is never listed, and "another measurement" would hide what is wrong.  */
static tacit_status_t s_check_debug(const tacit_appraisal_t *self)
{
    if (!self->claims->debug) {
        return TACIT_OK;
    }
    for (size_t i = 0; i < self->rules->enclave_count; i++) {
        if (self->rules->enclaves[i].role == self->role && self->rules->enclaves[i].debug_allowed) {
            return TACIT_OK;
        }
    }
    return s_refuse(self, &(s_refusal_t){TACIT_DEBUG_REFUSED, NULL, "debug", "no debug mode",
                                         "debug mode: the host can read its memory",
                                         "enclaves:", "run a production enclave"});
}

static tacit_status_t s_check_enclave(const tacit_appraisal_t *self)
{
    const tacit_policy_enclave_t *closest = NULL;
    s_closeness_t closeness = S_OTHER_ROLE;
    for (size_t i = 0; i < self->rules->enclave_count; i++) {
        s_closeness_t found = s_compare(&self->rules->enclaves[i], self);
        if (found == S_MATCH) {
            return TACIT_OK;
        }
        if (found > closeness) {
            closeness = found;
            closest = &self->rules->enclaves[i];
        }
    }
    return s_refuse_enclave(self, closeness, closest);
}

static tacit_status_t s_check_platform(const tacit_appraisal_t *self)
{
    const tacit_policy_ids_t *platforms = &self->rules->platforms;
    if (platforms->count == 0 || tacit_policy_lists(platforms, self->claims->platform_id, 16)) {
        return TACIT_OK;
    }
    const s_hex_t got = s_hex(self->claims->platform_id, 16);
    return s_refuse(self,
                    &(s_refusal_t){TACIT_PLATFORM_REFUSED, "the policy does not list this platform",
                                   "platform_id", "one listed under platforms", got.text,
                                   "platforms:", "list the platform, if its host may be trusted"});
}

static tacit_status_t s_check_status(const tacit_appraisal_t *self)
{
    uint32_t status = (uint32_t)self->claims->tcb_status;
    if (!tacit_tee_is_graded(self->claims->tee)) {
        return TACIT_OK;
    }
    if (status < TACIT_TCB_STATUSES && status != TACIT_TCB_REVOKED &&
        (self->rules->statuses & (UINT32_C(1) << status))) {
        return TACIT_OK;
    }
    return s_refuse(
        self,
        &(s_refusal_t){TACIT_TCB_STATUS_REFUSED, NULL, "tcb_status", "one listed under statuses",
                       tacit_tcb_status_name(self->claims->tcb_status),
                       "statuses:", "update the platform's firmware, or accept the status"});
}

static bool s_advisory_accepted(const tacit_policy_rules_t *rules, tacit_span_t advisory)
{
    for (size_t i = 0; i < rules->advisory_count; i++) {
        if (tacit_span_equal(advisory, tacit_span_string(rules->advisories[i]))) {
            return true;
        }
    }
    return false;
}

/*  Claims list advisories with commas between them. All that are not accepted are told at once.  */
static tacit_status_t s_check_advisories(const tacit_appraisal_t *self)
{
    char got[TACIT_ERROR_VALUE_MAX] = "";
    const char *next = self->claims->advisories;
    while (*next) {
        size_t size = strcspn(next, ",");
        if (size > 0 && !s_advisory_accepted(self->rules, tacit_span(next, size))) {
            tacit_advisories_add(got, sizeof got, next, size);
        }
        next += size + (next[size] == ',');
    }
    if (!got[0]) {
        return TACIT_OK;
    }
    return s_refuse(
        self,
        &(s_refusal_t){TACIT_TCB_STATUS_REFUSED, "the policy does not accept this advisory",
                       "advisories", "those listed under advisories_accepted", got,
                       "advisories_accepted:", "update the platform, or accept the advisory"});
}

static tacit_status_t s_check_evaluation(const tacit_appraisal_t *self)
{
    char expected[32];
    char got[32];
    uint32_t minimum = self->rules->minimum_tcb_evaluation_number;
    uint32_t number = self->claims->tcb_evaluation_number;
    if (number >= minimum) {
        return TACIT_OK;
    }
    snprintf(expected, sizeof expected, "at least %" PRIu32, minimum);
    snprintf(got, sizeof got, "%" PRIu32, number);
    return s_refuse(
        self,
        &(s_refusal_t){TACIT_COLLATERAL_EXPIRED, "the collateral is older than the policy allows",
                       "tcb_evaluation_number", expected, got,
                       "minimum_tcb_evaluation_number:", "fetch the present collateral"});
}

static const struct {
    const char *name;
    tacit_status_t (*check)(const tacit_appraisal_t *self);
} s_checks[] = {
    {"trust anchor", s_check_anchor},    {"revocations", s_check_revoked},
    {"product", s_check_product},        {"debug mode", s_check_debug},
    {"code or signer", s_check_enclave}, {"platform", s_check_platform},
    {"TCB status", s_check_status},      {"advisories", s_check_advisories},
    {"collateral", s_check_evaluation},
};

tacit_status_t tacit_policy_appraisal(const tacit_appraisal_t *appraisal)
{
    for (size_t i = 0; i < sizeof s_checks / sizeof s_checks[0]; i++) {
        tacit_status_t status = s_checks[i].check(appraisal);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}

void tacit_policy_explain(
    const tacit_policy_t *policy, const tacit_claims_t *claims, tacit_role_t role,
    void (*tell)(void *context, const char *check, const tacit_error_t *refusal), void *context)
{
    for (size_t i = 0; i < sizeof s_checks / sizeof s_checks[0]; i++) {
        tacit_error_t refusal = {.code = TACIT_OK};
        const tacit_appraisal_t appraisal = {
            .rules = tacit_policy_rules(policy),
            .text = tacit_policy_text(policy),
            .claims = claims,
            .role = role,
            .error = &refusal,
        };
        tell(context, s_checks[i].name, s_checks[i].check(&appraisal) ? &refusal : NULL);
    }
}
