/*  evidence.c - verdicts on SGX quotes as claims of a mesh.

    A mesh is made of SGX enclaves, genuine or simulated: its policies, results and receipts speak
    of MRENCLAVE and MRSIGNER. Other evidence is judged by dcap.h, nitro.h and snp.h, and does not
    become a member's claims.  */

#include "enclave/evidence.h"

#include "enclave/dcap.h"
#include "enclave/evidence_refusal.h"
#include "enclave/tcb_status.h"

static void s_claim_report(const uint8_t *body, tacit_claims_t *claims)
{
    tacit_sgx_report_t report = tacit_sgx_report(body);
    memcpy(claims->mrenclave, report.mrenclave, sizeof claims->mrenclave);
    memcpy(claims->mrsigner, report.mrsigner, sizeof claims->mrsigner);
    memcpy(claims->report_data, report.data, sizeof claims->report_data);
    claims->product_id = report.product_id;
    claims->svn = report.svn;
    claims->debug = report.debug;
}

static void s_claim_platform(const tacit_verdict_t *verdict, tacit_claims_t *claims)
{
    const tacit_dcap_claims_t *dcap = &verdict->claims.dcap;
    memcpy(claims->root_sha256, verdict->root_sha256, sizeof claims->root_sha256);
    memcpy(claims->root_name, verdict->root_name, sizeof claims->root_name);
    memcpy(claims->platform_id, verdict->platform_id, sizeof claims->platform_id);
    memcpy(claims->fmspc, dcap->fmspc, sizeof claims->fmspc);
    memcpy(claims->attestation_key_sha256, dcap->attestation_key_sha256,
           sizeof claims->attestation_key_sha256);
    memcpy(claims->advisories, verdict->advisories, sizeof claims->advisories);
    claims->simulated = verdict->simulated;
    claims->tcb_status = verdict->tcb_status;
    claims->tcb_evaluation_number = dcap->marks.tcb_info < dcap->marks.qe_identity
                                        ? dcap->marks.tcb_info
                                        : dcap->marks.qe_identity;
    claims->expires_ms = verdict->expires_ms;
}

static tacit_status_t s_check_kind(bool is_tdx, tacit_error_t *error)
{
    return is_tdx ? tacit_evidence_refuse_number(error, TACIT_UNSUPPORTED, "quote.tee_type",
                                                 TACIT_QUOTE_TEE_SGX, TACIT_QUOTE_TEE_TDX)
                  : TACIT_OK;
}

tacit_status_t tacit_evidence_verify(tacit_span_t quote, const tacit_collateral_t *collateral,
                                     const uint8_t root_sha256[32], uint64_t now_ms,
                                     tacit_claims_t *ret_claims, tacit_error_t *ret_error)
{
    tacit_verdict_t verdict;
    tacit_status_t status =
        tacit_dcap_verify(quote, collateral, root_sha256, now_ms, &verdict, ret_error);
    if (status == TACIT_OK) {
        status = s_check_kind(verdict.claims.dcap.is_tdx, ret_error);
    }
    if (status == TACIT_OK && verdict.tcb_status == TACIT_TCB_REVOKED) {
        status = tacit_evidence_refuse(ret_error, TACIT_TCB_STATUS_REFUSED, "tcb_status",
                                       "not Revoked", tacit_tcb_status_name(verdict.tcb_status));
    }
    if (status == TACIT_OK) {
        tacit_claims_t claims = {0};
        s_claim_report(verdict.claims.dcap.body, &claims);
        s_claim_platform(&verdict, &claims);
        *ret_claims = claims;
    }
    return status;
}

tacit_status_t tacit_evidence_verify_report(tacit_span_t quote, tacit_claims_t *ret_claims,
                                            tacit_error_t *ret_error)
{
    tacit_dcap_quote_t parsed;
    tacit_claims_t claims = {0};
    tacit_status_t status = tacit_dcap_quote_parse(quote, &parsed, ret_error);
    if (status == TACIT_OK) {
        status = s_check_kind(parsed.is_tdx, ret_error);
    }
    if (status == TACIT_OK) {
        status = tacit_dcap_verify_body(&parsed, claims.attestation_key_sha256, ret_error);
    }
    if (status == TACIT_OK) {
        s_claim_report(parsed.body.data, &claims);
        *ret_claims = claims;
    }
    return status;
}
