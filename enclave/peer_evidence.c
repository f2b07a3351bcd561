/*  peer_evidence.c - result and fresh quote of one peer, judged together.

    Costs one Ed25519 and one P-256 verification: whether the attestation key is genuine was judged
    with collateral by the attestation service, whose result names it.  */

#include "enclave/peer_evidence.h"

#include "enclave/platform.h"

#include <sodium.h>
#include <stdio.h>

/*  One claim of the quote against the same of the result, as bytes.  */
typedef struct s_agreement {
    const char *claim;
    tacit_span_t in_result;
    tacit_span_t in_quote;
} s_agreement_t;

static tacit_status_t s_refuse(tacit_error_t *error, tacit_status_t code, const char *claim,
                               const char *expected, const char *got)
{
    tacit_error_claim(error, code, claim, expected, got);
    tacit_error_remedy(error, "have the peer attest anew; if this stays, something stands between");
    return code;
}

/*  Values that a refusal shows; none of them is a secret.  */
static tacit_status_t s_disagree(tacit_error_t *error, tacit_status_t code,
                                 const s_agreement_t *agreement)
{
    char expected[2 * 32 + 1] = "";
    char got[2 * 32 + 1] = "";
    (void)sodium_bin2hex(expected, sizeof expected, agreement->in_result.data,
                         agreement->in_result.size);
    (void)sodium_bin2hex(got, sizeof got, agreement->in_quote.data, agreement->in_quote.size);
    return s_refuse(error, code, agreement->claim, expected, got);
}

static tacit_status_t s_agree(const tacit_result_t *result, const tacit_claims_t *claims,
                              tacit_error_t *error)
{
    const s_agreement_t agreements[] = {
        {"quote.attestation_key", tacit_span(result->attestation_key_sha256, 32),
         tacit_span(claims->attestation_key_sha256, 32)},
        {"quote.tee", tacit_span(&result->tee, sizeof result->tee),
         tacit_span(&claims->tee, sizeof claims->tee)},
        {"quote.mrenclave", tacit_span(result->mrenclave, 32), tacit_span(claims->mrenclave, 32)},
        {"quote.mrsigner", tacit_span(result->mrsigner, 32), tacit_span(claims->mrsigner, 32)},
        {"quote.product_id", tacit_span(&result->product_id, sizeof result->product_id),
         tacit_span(&claims->product_id, sizeof claims->product_id)},
        {"quote.svn", tacit_span(&result->svn, sizeof result->svn),
         tacit_span(&claims->svn, sizeof claims->svn)},
        {"quote.debug", tacit_span(&result->debug, sizeof result->debug),
         tacit_span(&claims->debug, sizeof claims->debug)},
    };
    for (size_t i = 0; i < sizeof agreements / sizeof agreements[0]; i++) {
        if (!tacit_span_equal(agreements[i].in_result, agreements[i].in_quote)) {
            return s_disagree(error, TACIT_RESULT_INVALID, &agreements[i]);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_judge_result(const tacit_peer_expected_t *expected, tacit_span_t bytes,
                                     tacit_result_t *ret_result, tacit_error_t *error)
{
    if (!expected->issuer) {
        return s_refuse(error, TACIT_RESULT_INVALID, "result.issuer", "the attestation service",
                        "none is trusted here yet");
    }
    tacit_status_t status = tacit_result_verify(bytes, expected->issuer, expected->mesh_id,
                                                expected->now_ms, ret_result, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (memcmp(ret_result->curve_key, expected->curve_key, 32) != 0) {
        return s_disagree(error, TACIT_RESULT_INVALID,
                          &(s_agreement_t){"result.curve_key", tacit_span(expected->curve_key, 32),
                                           tacit_span(ret_result->curve_key, 32)});
    }
    if (ret_result->role != expected->role) {
        return s_refuse(error, TACIT_ROLE_REFUSED, "result.role", tacit_role_name(expected->role),
                        tacit_role_name(ret_result->role));
    }
    if (expected->policy_head && memcmp(ret_result->policy_head, expected->policy_head, 32) != 0) {
        return s_disagree(error, TACIT_RESULT_INVALID,
                          &(s_agreement_t){"result.policy_head",
                                           tacit_span(expected->policy_head, 32),
                                           tacit_span(ret_result->policy_head, 32)});
    }
    return TACIT_OK;
}

static tacit_status_t s_judge_quote(const tacit_peer_expected_t *expected, tacit_span_t quote,
                                    const tacit_result_t *result, tacit_error_t *error)
{
    tacit_claims_t claims = {0};
    uint8_t report_data[TACIT_REPORT_DATA_SIZE];
    if (quote.size > TACIT_QUOTE_MAX) {
        return s_refuse(error, TACIT_EVIDENCE_MALFORMED, "quote", "a quote", "too many bytes");
    }
    tacit_status_t status = tacit_evidence_verify_report(quote, &claims, error);
    if (status == TACIT_OK) {
        status = s_agree(result, &claims, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    tacit_report_data(TACIT_QUOTE_BINDING, expected->commitment, report_data);
    if (sodium_memcmp(report_data, claims.report_data, sizeof report_data) != 0) {
        return s_refuse(error, TACIT_REPORT_DATA_MISMATCH, "quote.report_data", "this channel",
                        "something else");
    }
    return TACIT_OK;
}

tacit_status_t tacit_peer_evidence_judge(const tacit_peer_expected_t *expected, tacit_span_t result,
                                         tacit_span_t quote, tacit_result_t *ret_result,
                                         tacit_error_t *ret_error)
{
    tacit_result_t judged = {0};
    tacit_status_t status = s_judge_result(expected, result, &judged, ret_error);
    if (status == TACIT_OK) {
        status = s_judge_quote(expected, quote, &judged, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_result = judged;
    }
    return status;
}
