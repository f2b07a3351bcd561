/*  policy.h - which code, signers, platforms and statuses the mesh accepts.

    A YAML text (docs/policy.md), signed by the operator with Ed25519 over its exact bytes, chained
    to the one before it by that one's head. Appraisal of genuine claims is apart from verification
    (evidence.h); an empty policy accepts nothing.  */

#ifndef TACIT_ENCLAVE_POLICY_H
#define TACIT_ENCLAVE_POLICY_H

#include "enclave/evidence.h"
#include "enclave/role.h"

enum {
    TACIT_POLICY_TEXT_MAX = 64 * 1024, /* bytes of the YAML text */
    TACIT_POLICY_ENCLAVES_MAX = 64,    /* entries */
    TACIT_POLICY_ROOTS_MAX = 8,
    TACIT_POLICY_LIST_MAX = 256        /* platforms, revoked measurements, statuses */
};

typedef struct tacit_policy tacit_policy_t;

/*  Parse and check. POLICY_REFUSED with the line in the error where anything is unknown, missing,
    of the wrong type, or over a limit.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_parse(tacit_span_t text, tacit_policy_t **ret_policy,
                                                   tacit_error_t *ret_error);
void tacit_policy_destroy(tacit_policy_t **policy);

/*  SHA-256 of the exact text under the label "tacit/policy/v1".  */
void tacit_policy_head(tacit_span_t text, uint8_t ret_head[32]);

/*  Ed25519 over label and text, by the operator.  */
void tacit_policy_sign(tacit_span_t text, const uint8_t secret_key[64], uint8_t ret_signature[64]);
TACIT_MUST_CHECK tacit_status_t tacit_policy_verify(tacit_span_t text, tacit_span_t signature,
                                                    const uint8_t operator_key[32],
                                                    tacit_error_t *ret_error);

uint64_t tacit_policy_number(const tacit_policy_t *policy);         /* from 1, counts up by 1 */
const uint8_t *tacit_policy_previous(const tacit_policy_t *policy); /* 32 bytes, zeroes for the first */

/*  Does the policy let such an enclave take that role? Refusals name claim, expected, got, policy
    line and remedy.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_appraise(const tacit_policy_t *policy,
                                                      const tacit_claims_t *claims,
                                                      tacit_role_t role, tacit_error_t *ret_error);

#endif
