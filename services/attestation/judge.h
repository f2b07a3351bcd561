/*  judge.h - one decision: is this evidence genuine, made for this channel, and does the policy let
    it take the role? If so, a signed result for the CURVE key.  */

#ifndef TACIT_SERVICES_ATTESTATION_JUDGE_H
#define TACIT_SERVICES_ATTESTATION_JUDGE_H

#include "enclave/policy.h"
#include "enclave/result.h"
#include "services/attestation/collateral_store.h"

/*  What is to be judged. Borrowed.  */
typedef struct tacit_case {
    tacit_role_t role;
    tacit_span_t quote;
    tacit_collateral_t collateral;
    const uint8_t *curve_key;                    /* 32 bytes: of the connection */
    const uint8_t *signing_key;                  /* 32 bytes */
    uint8_t report_data[TACIT_REPORT_DATA_SIZE]; /* that the quote must carry */
} tacit_case_t;

/*  By what. Borrowed.  */
typedef struct tacit_verifier {
    const tacit_policy_t *policy;
    const uint8_t *policy_head;   /* 32 bytes */
    uint64_t policy_number;       /* 0: before the first */
    const uint8_t *root_sha256;   /* 32 bytes */
    const uint8_t *mesh_id;       /* 32 bytes */
    const uint8_t *result_secret; /* Ed25519, 64 bytes */
    tacit_collateral_store_t *collateral;
} tacit_verifier_t;

/*  The attestation service's result for itself: genuine and made for this, but not by policy, for
    clients judge it by trust.json. Its policy may be NULL then.  */
TACIT_MUST_CHECK tacit_status_t tacit_judge_self(const tacit_verifier_t *verifier,
                                                 const tacit_case_t *judged, uint64_t now_ms,
                                                 tacit_result_t *ret_result,
                                                 uint8_t ret_bytes[TACIT_RESULT_SIZE],
                                                 tacit_error_t *ret_error);

/*  The result, signed, once what it rests on is remembered. Refusals say what failed, in full;
    ret_genuine: the evidence is genuine and was made for this, so that whoever sent it may know. */
TACIT_MUST_CHECK tacit_status_t tacit_judge(const tacit_verifier_t *verifier,
                                            const tacit_case_t *judged, uint64_t now_ms,
                                            tacit_result_t *ret_result,
                                            uint8_t ret_bytes[TACIT_RESULT_SIZE], bool *ret_genuine,
                                            tacit_error_t *ret_error);

#endif
