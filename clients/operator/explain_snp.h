/*  explain_snp.h - policy explain for SEV-SNP reports: what they say, and which rule keeps them
   out.

    A report can be verified in full, but no member of a mesh is accepted by one.  */

#ifndef TACIT_CLIENTS_EXPLAIN_SNP_H
#define TACIT_CLIENTS_EXPLAIN_SNP_H

#include "clients/operator/explain_verdict.h"
#include "enclave/tier.h"

/*  Tells every check, passed (NULL) or refused.  */
void tacit_explain_snp_checks(const tacit_verdict_t *verdict, const tacit_policy_rules_t *rules,
                              tacit_explain_fn tell, void *context);

/*  Contraindicated where the host can read its memory, else affirming: AMD grades no platforms.  */
tacit_tier_t tacit_explain_snp_tier(const tacit_verdict_t *verdict);

#endif
