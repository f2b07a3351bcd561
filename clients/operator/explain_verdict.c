/*  explain_verdict.c - the checks of a policy, with one more for the launcher.  */

#include "clients/operator/explain_verdict.h"

#include <sodium.h>
#include <stdio.h>

#include "enclave/td_report.h"

tacit_status_t tacit_explain_verify(const tacit_sample_t *sample, const tacit_policy_t *policy,
                                    uint64_t now_ms, tacit_judgement_t *ret_judgement,
                                    tacit_error_t *ret_error)
{
    const tacit_policy_rules_t *rules = tacit_policy_rules(policy);
    tacit_judge_sample(sample, NULL, now_ms, ret_judgement);
    for (size_t i = 0; i < rules->root_count && ret_judgement->status == TACIT_TRUST_ANCHOR_REFUSED;
         i++) {
        tacit_judge_sample(sample, rules->roots[i].sha256, now_ms, ret_judgement);
    }
    if (ret_judgement->status && ret_error) {
        *ret_error = ret_judgement->error;
    }
    if (ret_judgement->status == TACIT_TRUST_ANCHOR_REFUSED && ret_error) {
        snprintf(ret_error->expected, sizeof ret_error->expected,
                 "a vendor's root, or one under roots");
        tacit_error_policy(ret_error, "roots:");
    }
    return ret_judgement->status;
}

/*  Passes checks on, but for those of a code that was not read.  */
typedef struct {
    const tacit_error_t *launcher;
    tacit_explain_fn tell;
    void *context;
} s_passing_t;

static void s_pass_on(void *context, const char *check, const tacit_error_t *refusal)
{
    const s_passing_t *passing = context;
    bool read = passing->launcher->code == TACIT_OK;
    bool of_code = strcmp(check, "product") == 0 || strcmp(check, "code or signer") == 0;
    if (read || !of_code) {
        passing->tell(passing->context, check, refusal);
        return;
    }
    if (strcmp(check, "product") == 0) { /* told once */
        return;
    }
    tacit_error_t launcher = *passing->launcher;
    tacit_error_policy(&launcher, "enclaves: entries name code that a known launcher measured");
    tacit_error_remedy(&launcher, "nothing to list: members are started by Tacit's own launcher, "
                                  "which measures what it starts");
    passing->tell(passing->context, "launcher", &launcher);
}

void tacit_explain_checks(const tacit_policy_t *policy, const tacit_claims_t *claims,
                          tacit_role_t role, const tacit_error_t *launcher, tacit_explain_fn tell,
                          void *context)
{
    s_passing_t passing = {.launcher = launcher, .tell = tell, .context = context};
    tacit_policy_explain(policy, claims, role, s_pass_on, &passing);
}

void tacit_explain_code(const tacit_verdict_t *verdict, char ret_text[TACIT_EXPLAIN_CODE_SIZE])
{
    char hex[2 * TACIT_REGISTER_SIZE + 1];
    bool nitro = verdict->kind == TACIT_EVIDENCE_NITRO;
    const uint8_t *value =
        nitro ? verdict->claims.nitro.pcrs[0] : verdict->claims.dcap.body + TACIT_TD_MRTD;
    sodium_bin2hex(hex, sizeof hex, value, TACIT_REGISTER_SIZE);
    snprintf(ret_text, TACIT_EXPLAIN_CODE_SIZE, "%s %s", nitro ? "PCR0" : "MRTD", hex);
}
