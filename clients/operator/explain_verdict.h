/*  explain_verdict.h - policy explain: is the evidence in a folder genuine, whoever made it?

    An anchor that the policy does not list, and code that no known launcher measured, are refusals
    among others, and not the end of the explanation.  */

#ifndef TACIT_CLIENTS_EXPLAIN_VERDICT_H
#define TACIT_CLIENTS_EXPLAIN_VERDICT_H

#include "clients/attest/judge.h"
#include "enclave/policy.h"

enum { TACIT_EXPLAIN_CODE_SIZE = 128 };

typedef void (*tacit_explain_fn)(void *context, const char *check, const tacit_error_t *refusal);

/*  Verify at a time, under the vendors' roots, else under one of the policy's.  */
TACIT_MUST_CHECK tacit_status_t tacit_explain_verify(const tacit_sample_t *sample,
                                                     const tacit_policy_t *policy, uint64_t now_ms,
                                                     tacit_judgement_t *ret_judgement,
                                                     tacit_error_t *ret_error);

/*  Every check of the policy, where launcher is the refusal to read the code (OK: it was read): it
    then stands in for the checks of the code.  */
void tacit_explain_checks(const tacit_policy_t *policy, const tacit_claims_t *claims,
                          tacit_role_t role, const tacit_error_t *launcher, tacit_explain_fn tell,
                          void *context);

/*  What names the code of a TDX domain or Nitro enclave that no known launcher measured: "MRTD 91eb
    ...", "PCR0 e72a...".  */
void tacit_explain_code(const tacit_verdict_t *verdict, char ret_text[TACIT_EXPLAIN_CODE_SIZE]);

#endif
