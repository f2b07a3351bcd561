/*  judge.c - verification, binding, age of the collateral, policy, in this order; then the result.
 */

#include "services/attestation/judge.h"

#include <sodium.h>

static tacit_status_t s_check_binding(const tacit_case_t *judged, const tacit_claims_t *claims,
                                      tacit_error_t *ret_error)
{
    if (sodium_memcmp(judged->report_data, claims->report_data, TACIT_REPORT_DATA_SIZE) == 0) {
        return TACIT_OK;
    }
    tacit_status_t status =
        tacit_error_claim(ret_error, TACIT_REPORT_DATA_MISMATCH, "report_data",
                          "a commitment to this session, CURVE key and role", "another");
    tacit_error_remedy(ret_error, "evidence is good for the session it was made in; attest anew");
    return status;
}

static void s_state_result(const tacit_verifier_t *verifier, const tacit_case_t *judged,
                           const tacit_claims_t *claims, uint64_t now_ms,
                           tacit_result_t *ret_result)
{
    uint64_t latest = now_ms + TACIT_RESULT_LIFETIME_MS;
    *ret_result = (tacit_result_t){
        .role = judged->role,
        .simulated = claims->simulated,
        .debug = claims->debug,
        .tcb_status = claims->tcb_status,
        .tee = claims->tee,
        .tier = tacit_tier_of(claims),
        .policy_number = verifier->policy_number,
        .product_id = claims->product_id,
        .svn = claims->svn,
        .issued_ms = now_ms,
        .expires_ms = claims->expires_ms < latest ? claims->expires_ms : latest,
    };
    memcpy(ret_result->curve_key, judged->curve_key, 32);
    memcpy(ret_result->signing_key, judged->signing_key, 32);
    memcpy(ret_result->attestation_key_sha256, claims->attestation_key_sha256, 32);
    memcpy(ret_result->mrenclave, claims->mrenclave, 32);
    memcpy(ret_result->mrsigner, claims->mrsigner, 32);
    memcpy(ret_result->platform_id, claims->platform_id, 16);
    memcpy(ret_result->root_sha256, claims->root_sha256, 32);
    memcpy(ret_result->policy_head, verifier->policy_head, 32);
    memcpy(ret_result->mesh_id, verifier->mesh_id, 32);
}

static tacit_status_t s_verify(const tacit_verifier_t *verifier, const tacit_case_t *judged,
                               uint64_t now_ms, tacit_claims_t *ret_claims,
                               tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_evidence_verify(
        judged->quote, &judged->collateral, verifier->root_sha256, now_ms, ret_claims, ret_error);
    if (!status) {
        status = s_check_binding(judged, ret_claims, ret_error);
    }
    return status ? status
                  : tacit_collateral_store_check(verifier->collateral, ret_claims, ret_error);
}

tacit_status_t tacit_judge_self(const tacit_verifier_t *verifier, const tacit_case_t *judged,
                                uint64_t now_ms, tacit_result_t *ret_result,
                                uint8_t ret_bytes[TACIT_RESULT_SIZE], tacit_error_t *ret_error)
{
    tacit_claims_t claims;
    tacit_status_t status = s_verify(verifier, judged, now_ms, &claims, ret_error);
    if (!status) {
        status = tacit_collateral_store_raise(verifier->collateral, &claims, ret_error);
    }
    if (!status) {
        s_state_result(verifier, judged, &claims, now_ms, ret_result);
        tacit_result_sign(ret_result, verifier->result_secret, ret_bytes);
    }
    return status;
}

tacit_status_t tacit_judge(const tacit_verifier_t *verifier, const tacit_case_t *judged,
                           uint64_t now_ms, tacit_result_t *ret_result,
                           uint8_t ret_bytes[TACIT_RESULT_SIZE], bool *ret_genuine,
                           tacit_error_t *ret_error)
{
    tacit_claims_t claims;
    tacit_status_t status = s_verify(verifier, judged, now_ms, &claims, ret_error);
    *ret_genuine = status == TACIT_OK;
    if (!status) {
        status = tacit_policy_appraise(verifier->policy, &claims, judged->role, ret_error);
    }
    if (!status) {
        status = tacit_collateral_store_raise(verifier->collateral, &claims, ret_error);
    }
    if (!status) {
        s_state_result(verifier, judged, &claims, now_ms, ret_result);
        tacit_result_sign(ret_result, verifier->result_secret, ret_bytes);
    }
    return status;
}
