/*  policy_chain.h - the history of policies, checked link by link by whoever has the texts.

    A chain starts at the mesh's operator, whose key trust.json holds. Each policy names the head
    before it, counts up by one, and is signed by those whom the policy before it lets change it
    (its `changes`; the operator where it says nothing). So nobody needs to be asked: texts,
    signatures and one key prove the policy in force. */

#ifndef TACIT_ENCLAVE_POLICY_CHAIN_H
#define TACIT_ENCLAVE_POLICY_CHAIN_H

#include "enclave/policy.h"

enum {
    TACIT_POLICY_SIGNATURE_SIZE = 96, /* Ed25519 key (32), signature (64) */
    TACIT_POLICY_SIGNATURES_SIZE_MAX = TACIT_POLICY_SIGNATURE_SIZE * TACIT_POLICY_CHANGERS_MAX
};

typedef struct tacit_policy_chain {
    uint64_t number;  /* of the last policy; 0 before the first */
    uint8_t head[32]; /* its; zeroes before the first */
    uint8_t operator_key[32];
    tacit_policy_changers_t changers; /* who may sign the next one */
} tacit_policy_chain_t;

void tacit_policy_chain_start(const uint8_t operator_key[32], tacit_policy_chain_t *ret_chain);

/*  Sign a text: one of the signatures of that policy.  */
void tacit_policy_chain_sign(tacit_span_t text, const uint8_t secret_key[64],
                             uint8_t ret_signature[TACIT_POLICY_SIGNATURE_SIZE]);

/*  Are these (whole signatures, one after the other) by enough of those who may change the policy?
    SIGNATURE_INVALID where one is wrong, by somebody else, by one twice, or where they are too
    few.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_chain_signed(const tacit_policy_chain_t *chain,
                                                          tacit_span_t text,
                                                          tacit_span_t signatures,
                                                          tacit_error_t *ret_error);

/*  Does this policy come next? SIGNATURE_INVALID, POLICY_REFUSED (its text), ALREADY_EXISTS
   (another number or previous head). The policy is the caller's; the chain stands as before until
   it is advanced.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_chain_check(const tacit_policy_chain_t *chain,
                                                         tacit_span_t text, tacit_span_t signatures,
                                                         tacit_policy_t **ret_policy,
                                                         tacit_error_t *ret_error);
void tacit_policy_chain_advance(tacit_policy_chain_t *chain, tacit_span_t text,
                                const tacit_policy_t *policy);

#endif
