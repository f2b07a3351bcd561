/*  policy_appraisal.h - genuine claims against the rules of a policy.  */

#ifndef TACIT_ENCLAVE_POLICY_APPRAISAL_H
#define TACIT_ENCLAVE_POLICY_APPRAISAL_H

#include "enclave/policy.h"

/*  Everything one appraisal looks at. All borrowed.  */
typedef struct tacit_appraisal {
    const tacit_policy_rules_t *rules;
    tacit_span_t text; /* that the rules were read from, for its lines */
    const tacit_claims_t *claims;
    tacit_role_t role;
    tacit_error_t *error; /* may be NULL */
} tacit_appraisal_t;

/*  As tacit_policy_appraise.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_appraisal(const tacit_appraisal_t *appraisal);

#endif
