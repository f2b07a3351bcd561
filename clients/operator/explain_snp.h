/*  explain_snp.h - policy explain for SEV-SNP reports: what they say, and which rule keeps them
   out.

    A report can be verified in full, but no member of a mesh is accepted by one.  */

#ifndef TACIT_CLIENTS_EXPLAIN_SNP_H
#define TACIT_CLIENTS_EXPLAIN_SNP_H

#include "clients/attest/judge.h"
#include "enclave/policy.h"
#include "enclave/tier.h"

typedef void (*tacit_explain_fn)(void *context, const char *check, const tacit_error_t *refusal);

/*  Verify at a time, under one of the policy's roots, else under AMD's: an anchor that the policy
    does not list is one of the refusals, not the end.  */
TACIT_MUST_CHECK tacit_status_t tacit_explain_snp_verify(const tacit_sample_t *sample,
                                                         const tacit_policy_rules_t *rules,
                                                         uint64_t now_ms,
                                                         tacit_judgement_t *ret_judgement,
                                                         tacit_error_t *ret_error);

/*  Tells every check, passed (NULL) or refused.  */
void tacit_explain_snp_checks(const tacit_verdict_t *verdict, const tacit_policy_rules_t *rules,
                              tacit_explain_fn tell, void *context);

/*  Contraindicated where the host can read its memory, else affirming: AMD grades no platforms.  */
tacit_tier_t tacit_explain_snp_tier(const tacit_verdict_t *verdict);

#endif
