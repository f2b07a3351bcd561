/*  policy_explain.c - tacit-operator policy explain: evidence in a folder, verified first, then put
    to every check of a policy.  */

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/attest/utc.h"
#include "clients/lib/hex.h"
#include "clients/operator/explain_snp.h"
#include "clients/operator/policy_context.h"
#include "enclave/clock.h"
#include "enclave/tier.h"

typedef struct {
    const tacit_policy_t *policy;
    tacit_role_t role;
    uint64_t now_ms;
    tacit_claims_t claims;
    tacit_error_t launcher;             /* why the code could not be read; OK: it was */
    char code[TACIT_EXPLAIN_CODE_SIZE]; /* then: what there is of it */
    bool json;
    json_t *checks;
    tacit_error_t first; /* of the checks that refuse */
} s_explain_t;

/*  A mesh takes quotes and documents; what else tacit-attest knows has no place in a policy.  */
static tacit_status_t s_check_kind(const tacit_sample_t *sample, tacit_error_t *ret_error)
{
    if (sample->kind == TACIT_SAMPLE_NONE) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "there is no evidence in that folder");
        tacit_error_remedy(ret_error, "name one with quote.bin and its collateral, doc.cbor or "
                                      "report.bin in it: see tacit-attest --help");
        return TACIT_BAD_INPUT;
    }
    if (sample->kind != TACIT_SAMPLE_TPM) {
        return TACIT_OK;
    }
    tacit_error_claim(ret_error, TACIT_UNSUPPORTED, "evidence",
                      "an SGX or TDX quote with collateral, a Nitro document or an SEV-SNP report",
                      "a TPM quote of an Azure VM");
    tacit_error_remedy(ret_error, "tacit-attest verify says whether a TPM quote is genuine; "
                                  "policies do not speak of it");
    return TACIT_UNSUPPORTED;
}

/*  --- report ---------------------------------------------------------------------------------- */

static void s_print_refusal(const tacit_error_t *refusal)
{
    const struct {
        const char *name;
        const char *value;
    } lines[] = {
        {"claim", refusal->claim},   {"expected", refusal->expected}, {"got", refusal->got},
        {"policy", refusal->policy}, {"to do", refusal->remedy},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i].value[0]) {
            printf("           %-8s  %s\n", lines[i].name, lines[i].value);
        }
    }
}

static void s_tell(void *context, const char *check, const tacit_error_t *refusal)
{
    s_explain_t *self = context;
    if (refusal && self->first.code == TACIT_OK) {
        self->first = *refusal;
    }
    if (self->json) {
        json_t *entry = json_pack("{s:s, s:b}", "check", check, "passed", refusal == NULL);
        if (refusal) {
            json_t *why = json_pack(
                "{s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "code", (int)refusal->code, "name",
                refusal->name, "claim", refusal->claim, "expected", refusal->expected, "got",
                refusal->got, "policy", refusal->policy, "remedy", refusal->remedy);
            json_object_set_new(entry, "refusal", why);
        }
        json_array_append_new(self->checks, entry);
        return;
    }
    printf("%-7s  %s%s%s\n", refusal ? "REFUSED" : "passed", check, refusal ? ": " : "",
           refusal ? refusal->name : "");
    if (refusal) {
        s_print_refusal(refusal);
    }
}

typedef struct {
    char code[TACIT_EXPLAIN_CODE_SIZE];
    char signer[TACIT_HEX_KEY_SIZE];
    char root[TACIT_HEX_KEY_SIZE];
    char platform[TACIT_HEX_KEY_SIZE];
    const char *tier;
    const char *status;
} s_shown_t;

static s_shown_t s_show(const s_explain_t *self)
{
    const tacit_claims_t *claims = &self->claims;
    s_shown_t shown;
    uint8_t platform[32] = {0};
    memcpy(platform, claims->platform_id, 16);
    if (self->launcher.code == TACIT_OK) {
        tacit_hex_key(claims->mrenclave, shown.code);
        tacit_hex_key(claims->mrsigner, shown.signer);
    } else {
        memcpy(shown.code, self->code, sizeof shown.code);
        shown.signer[0] = '\0';
    }
    tacit_hex_key(claims->root_sha256, shown.root);
    tacit_hex_key(platform, shown.platform);
    shown.platform[32] = '\0';
    shown.tier = tacit_tier_name(tacit_tier_of(claims));
    shown.status = tacit_tcb_status_shown(claims->tee, claims->tcb_status);
    return shown;
}

static void s_print_claims(const s_explain_t *self)
{
    const tacit_claims_t *claims = &self->claims;
    const s_shown_t shown = s_show(self);
    printf("Genuine    %s, anchor %s%s\n           SHA-256 %s\n", tacit_tee_name(claims->tee),
           claims->root_name, claims->simulated ? " (SIMULATED)" : "", shown.root);
    printf("Tier       %s\nStatus     %s%s%s\n", shown.tier, shown.status,
           claims->advisories[0] ? ", advisories " : "", claims->advisories);
    printf("Platform   %s\nCode       %s\n", shown.platform, shown.code);
    if (self->launcher.code == TACIT_OK) {
        printf("Signer     %s\nProduct    %u, SVN %u\n", shown.signer, (unsigned)claims->product_id,
               (unsigned)claims->svn);
    }
    printf("%s\n", claims->debug ? "Debug      its host can read its memory\n" : "");
    printf("Policy %llu, for role %s:\n", (unsigned long long)tacit_policy_number(self->policy),
           tacit_role_name(self->role));
}

static void s_print_json(const s_explain_t *self)
{
    const tacit_claims_t *claims = &self->claims;
    const s_shown_t shown = s_show(self);
    json_t *object = json_pack(
        "{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:b, s:I, s:s, s:b, s:O}", "tee",
        tacit_tee_name(claims->tee), "root_sha256", shown.root, "simulated", claims->simulated,
        "tier", shown.tier, "tcb_status", shown.status, "advisories", claims->advisories,
        "platform", shown.platform, "measurement", shown.code, "signer", shown.signer, "product",
        (int)claims->product_id, "svn", (int)claims->svn, "debug", claims->debug, "policy_number",
        (json_int_t)tacit_policy_number(self->policy), "role", tacit_role_name(self->role),
        "accepted", self->first.code == TACIT_OK, "checks", self->checks);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

static tacit_status_t s_report(s_explain_t *self, const tacit_verdict_t *verdict,
                               tacit_error_t *ret_error)
{
    tacit_verdict_claim_platform(verdict, &self->claims);
    if (tacit_verdict_claim_code(verdict, &self->claims, &self->launcher) != TACIT_OK) {
        tacit_explain_code(verdict, self->code);
    }
    if (!self->json) {
        s_print_claims(self);
    }
    tacit_explain_checks(self->policy, &self->claims, self->role, &self->launcher, s_tell, self);
    if (self->json) {
        s_print_json(self);
    } else if (self->first.code == TACIT_OK) {
        printf("\nAccepted.\n");
    }
    if (self->first.code != TACIT_OK && ret_error) {
        *ret_error = self->first;
    }
    return self->first.code;
}

/*  --- SEV-SNP --------------------------------------------------------------------------------- */

typedef struct {
    char root[TACIT_HEX_KEY_SIZE];
    char chip[2 * TACIT_SNP_CHIP_ID_SIZE + 1];
    char measurement[2 * TACIT_SNP_MEASUREMENT_SIZE + 1];
    const char *tier;
} s_snp_shown_t;

static s_snp_shown_t s_show_snp(const tacit_verdict_t *verdict)
{
    s_snp_shown_t shown = {.tier = tacit_tier_name(tacit_explain_snp_tier(verdict))};
    tacit_hex_key(verdict->root_sha256, shown.root);
    sodium_bin2hex(shown.chip, sizeof shown.chip, verdict->platform_id, verdict->platform_id_size);
    sodium_bin2hex(shown.measurement, sizeof shown.measurement,
                   verdict->claims.snp.report + TACIT_SNP_MEASUREMENT, TACIT_SNP_MEASUREMENT_SIZE);
    return shown;
}

static void s_print_snp(const s_explain_t *self, const tacit_verdict_t *verdict)
{
    const s_snp_shown_t shown = s_show_snp(verdict);
    printf("Genuine    snp (%s), anchor %s%s\n           SHA-256 %s\n", verdict->claims.snp.product,
           verdict->root_name, verdict->simulated ? " (SIMULATED)" : "", shown.root);
    printf("Tier       %s\nPlatform   %s\nCode       %s%s\n\n", shown.tier, shown.chip,
           shown.measurement,
           verdict->debug ? "\n           DEBUG: its host can read its memory" : "");
    printf("Policy %llu, for role %s:\n", (unsigned long long)tacit_policy_number(self->policy),
           tacit_role_name(self->role));
}

static void s_print_snp_json(const s_explain_t *self, const tacit_verdict_t *verdict)
{
    const s_snp_shown_t shown = s_show_snp(verdict);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:b, s:I, s:s, s:b, s:O}", "tee", "snp", "product",
        verdict->claims.snp.product, "root_sha256", shown.root, "simulated", verdict->simulated,
        "tier", shown.tier, "platform", shown.chip, "measurement", shown.measurement, "debug",
        verdict->debug, "policy_number", (json_int_t)tacit_policy_number(self->policy), "role",
        tacit_role_name(self->role), "accepted", false, "checks", self->checks);
    json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

static tacit_status_t s_report_snp(s_explain_t *self, const tacit_verdict_t *verdict,
                                   tacit_error_t *ret_error)
{
    if (!self->json) {
        s_print_snp(self, verdict);
    }
    tacit_explain_snp_checks(verdict, tacit_policy_rules(self->policy), s_tell, self);
    if (self->json) {
        s_print_snp_json(self, verdict);
    }
    if (ret_error) {
        *ret_error = self->first;
    }
    return self->first.code;
}

/*  --- the command ----------------------------------------------------------------------------- */

static tacit_status_t s_read_options(const tacit_invocation_t *invocation, s_explain_t *self,
                                     tacit_error_t *ret_error)
{
    const char *role = tacit_invocation_value(invocation, "role");
    const char *at = tacit_invocation_value(invocation, "at");
    self->role = role ? tacit_role_from_name(role) : TACIT_ROLE_WORKER;
    self->now_ms = tacit_now_ms();
    self->json = invocation->json;
    if (invocation->operand_count != 2 || !tacit_role_is_enclave(self->role) ||
        (at && !tacit_utc_parse(at, &self->now_ms))) {
        return tacit_usage_error(invocation, ret_error,
                                 "policy explain needs DIR; --role keys, models, gateway or "
                                 "worker; --at a time");
    }
    return TACIT_OK;
}

static tacit_status_t s_run(s_explain_t *self, const char *folder, tacit_error_t *ret_error)
{
    tacit_sample_t sample = {0};
    tacit_judgement_t judgement = {0};
    tacit_status_t status = tacit_sample_load(folder, &sample, ret_error);
    if (!status) {
        status = s_check_kind(&sample, ret_error);
    }
    if (!status) {
        status = tacit_explain_verify(&sample, self->policy, self->now_ms, &judgement, ret_error);
    }
    if (!status) {
        status = sample.kind == TACIT_SAMPLE_SNP ? s_report_snp(self, &judgement.verdict, ret_error)
                                                 : s_report(self, &judgement.verdict, ret_error);
    }
    tacit_sample_clear(&sample);
    return status;
}

tacit_status_t tacit_policy_command_explain(tacit_policy_context_t *context,
                                            tacit_error_t *ret_error)
{
    const tacit_invocation_t *invocation = context->invocation;
    const char *path = tacit_invocation_value(invocation, "policy");
    tacit_policy_file_t file = {0};
    s_explain_t explain = {.checks = json_array()};
    tacit_status_t status = s_read_options(invocation, &explain, ret_error);
    if (!status && path) {
        status = tacit_policy_file_read(path, &file, ret_error);
    }
    explain.policy = path ? file.policy : context->policy;
    if (!status && !explain.policy) {
        status = tacit_error_set(ret_error, TACIT_POLICY_REFUSED, "no policy is in force");
    }
    if (!status) {
        status = s_run(&explain, invocation->operands[1], ret_error);
    }
    json_decref(explain.checks);
    tacit_policy_file_clear(&file);
    return status;
}
