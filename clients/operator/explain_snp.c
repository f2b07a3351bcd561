/*  explain_snp.c - three checks: the anchor, the guest's policy, the kind of evidence.  */

#include "clients/operator/explain_snp.h"

#include "clients/lib/hex.h"

static bool s_is_listed(const tacit_policy_rules_t *rules, const uint8_t root_sha256[32])
{
    for (size_t i = 0; i < rules->root_count; i++) {
        if (memcmp(rules->roots[i].sha256, root_sha256, 32) == 0) {
            return true;
        }
    }
    return false;
}

static const tacit_error_t *s_anchor(const tacit_verdict_t *verdict,
                                     const tacit_policy_rules_t *rules, tacit_error_t *error)
{
    char root[TACIT_HEX_KEY_SIZE];
    if (s_is_listed(rules, verdict->root_sha256)) {
        return NULL;
    }
    tacit_hex_key(verdict->root_sha256, root);
    tacit_error_claim(error, TACIT_TRUST_ANCHOR_REFUSED, "root_sha256", "one under roots", root);
    tacit_error_policy(error, "roots");
    tacit_error_remedy(error, "list it under roots if its evidence is to be believed");
    return error;
}

static const tacit_error_t *s_debug(const tacit_verdict_t *verdict,
                                    const tacit_policy_rules_t *rules, tacit_error_t *error)
{
    (void)rules;
    if (!verdict->debug) {
        return NULL;
    }
    tacit_error_claim(error, TACIT_DEBUG_REFUSED, "snp.policy", "a guest policy without debugging",
                      "bit 19 (DEBUG) is set");
    tacit_error_policy(error, "debug: refused");
    tacit_error_remedy(error, "launch the guest with a policy that does not allow debugging");
    return error;
}

static const tacit_error_t *s_kind(const tacit_verdict_t *verdict,
                                   const tacit_policy_rules_t *rules, tacit_error_t *error)
{
    (void)verdict;
    (void)rules;
    tacit_error_claim(error, TACIT_UNSUPPORTED, "evidence", "an SGX or TDX quote, a Nitro document",
                      "an SEV-SNP report");
    tacit_error_policy(error, "enclaves: no entry speaks of SEV-SNP");
    tacit_error_remedy(error, "reports are verified (tacit-attest verify), and no member of a mesh "
                              "is accepted by one: run it on SGX, TDX or Nitro");
    return error;
}

void tacit_explain_snp_checks(const tacit_verdict_t *verdict, const tacit_policy_rules_t *rules,
                              tacit_explain_fn tell, void *context)
{
    static const struct {
        const char *name;
        const tacit_error_t *(*check)(const tacit_verdict_t *, const tacit_policy_rules_t *,
                                      tacit_error_t *);
    } checks[] = {{"trust anchor", s_anchor}, {"debug", s_debug}, {"kind of evidence", s_kind}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        tacit_error_t error = {.code = TACIT_OK};
        tell(context, checks[i].name, checks[i].check(verdict, rules, &error));
    }
}

tacit_tier_t tacit_explain_snp_tier(const tacit_verdict_t *verdict)
{
    return verdict->debug ? TACIT_TIER_CONTRAINDICATED : TACIT_TIER_AFFIRMING;
}
