/*  evidence.c - verdicts of any kind as claims of a mesh.

    Policies, results and receipts speak of one measurement and one signer; launch.h says how those
    come out of the registers of TDX and Nitro.  */

#include "enclave/evidence.h"

#include "enclave/dcap.h"
#include "enclave/evidence_refusal.h"
#include "enclave/launch.h"
#include "enclave/nitro.h"
#include "enclave/tcb_status.h"

enum { S_COSE_ARRAY = 0x84, S_COSE_TAG = 0xd2 }; /* first bytes; those of quotes are versions */

const char *tacit_tcb_status_shown(tacit_tee_t tee, tacit_tcb_status_t status)
{
    return tacit_tee_is_graded(tee) ? tacit_tcb_status_name(status) : "none";
}

static bool s_is_nitro(tacit_span_t evidence)
{
    return evidence.size > 0 &&
           (evidence.data[0] == S_COSE_ARRAY || evidence.data[0] == S_COSE_TAG);
}

/*  --- what the program's own part says -------------------------------------------------------- */

static void s_claim_identity(const tacit_self_t *identity, const uint8_t report_data[64],
                             tacit_claims_t *claims)
{
    claims->tee = identity->tee;
    memcpy(claims->mrenclave, identity->mrenclave, sizeof claims->mrenclave);
    memcpy(claims->mrsigner, identity->mrsigner, sizeof claims->mrsigner);
    memcpy(claims->report_data, report_data, sizeof claims->report_data);
    claims->product_id = identity->product_id;
    claims->svn = identity->svn;
    claims->debug = identity->debug;
}

static void s_claim_enclave(const uint8_t *body, tacit_claims_t *claims)
{
    tacit_sgx_report_t report = tacit_sgx_report(body);
    tacit_self_t identity = {.tee = TACIT_TEE_SGX,
                             .product_id = report.product_id,
                             .svn = report.svn,
                             .debug = report.debug};
    memcpy(identity.mrenclave, report.mrenclave, sizeof identity.mrenclave);
    memcpy(identity.mrsigner, report.mrsigner, sizeof identity.mrsigner);
    s_claim_identity(&identity, report.data, claims);
}

static tacit_status_t s_claim_dcap(bool is_tdx, tacit_span_t body, tacit_claims_t *claims,
                                   tacit_error_t *error)
{
    if (!is_tdx) {
        s_claim_enclave(body.data, claims);
        return TACIT_OK;
    }
    const tacit_td_report_t td = {.bytes = body};
    tacit_self_t identity;
    tacit_status_t status = tacit_launch_read_td(&td, &identity, error);
    if (status == TACIT_OK) {
        s_claim_identity(&identity, body.data + TACIT_TD_REPORT_DATA, claims);
    }
    return status;
}

static tacit_status_t s_claim_nitro(const tacit_nitro_claims_t *nitro, tacit_claims_t *claims,
                                    tacit_error_t *error)
{
    const uint8_t *pcrs[TACIT_NITRO_PCRS] = {NULL};
    for (size_t i = 0; i < TACIT_NITRO_PCRS; i++) {
        pcrs[i] = nitro->pcr_mask >> i & 1 ? nitro->pcrs[i] : NULL;
    }
    tacit_self_t identity;
    tacit_status_t status = tacit_launch_read_pcrs(
        pcrs, tacit_span(nitro->user_data.bytes, nitro->user_data.size), &identity, error);
    if (status == TACIT_OK) {
        s_claim_identity(&identity, nitro->user_data.bytes, claims);
        memcpy(claims->attestation_key_sha256, nitro->attestation_key_sha256,
               sizeof claims->attestation_key_sha256);
    }
    return status;
}

/*  --- what vouches for it --------------------------------------------------------------------- */

static void s_claim_collateral(const tacit_dcap_claims_t *dcap, tacit_claims_t *claims)
{
    memcpy(claims->fmspc, dcap->fmspc, sizeof claims->fmspc);
    memcpy(claims->attestation_key_sha256, dcap->attestation_key_sha256,
           sizeof claims->attestation_key_sha256);
    memcpy(claims->pck_issuer_sha256, dcap->pck_issuer_sha256, sizeof claims->pck_issuer_sha256);
    claims->marks = dcap->marks;
    claims->tcb_evaluation_number = dcap->marks.tcb_info < dcap->marks.qe_identity
                                        ? dcap->marks.tcb_info
                                        : dcap->marks.qe_identity;
}

void tacit_verdict_claim_platform(const tacit_verdict_t *verdict, tacit_claims_t *ret_claims)
{
    tacit_claims_t *claims = ret_claims;
    memset(claims, 0, sizeof *claims);
    claims->tee = verdict->kind == TACIT_EVIDENCE_NITRO ? TACIT_TEE_NITRO
                  : verdict->claims.dcap.is_tdx         ? TACIT_TEE_TDX
                                                        : TACIT_TEE_SGX;
    claims->debug = verdict->debug;
    memcpy(claims->root_sha256, verdict->root_sha256, sizeof claims->root_sha256);
    memcpy(claims->root_name, verdict->root_name, sizeof claims->root_name);
    memcpy(claims->platform_id, verdict->platform_id, sizeof claims->platform_id);
    memcpy(claims->advisories, verdict->advisories, sizeof claims->advisories);
    claims->simulated = verdict->simulated;
    claims->tcb_status = verdict->tcb_status;
    claims->expires_ms = verdict->expires_ms;
    if (verdict->kind == TACIT_EVIDENCE_DCAP) {
        s_claim_collateral(&verdict->claims.dcap, claims);
    }
}

tacit_status_t tacit_verdict_claim_code(const tacit_verdict_t *verdict, tacit_claims_t *claims,
                                        tacit_error_t *ret_error)
{
    if (verdict->kind == TACIT_EVIDENCE_NITRO) {
        return s_claim_nitro(&verdict->claims.nitro, claims, ret_error);
    }
    const tacit_dcap_claims_t *dcap = &verdict->claims.dcap;
    return s_claim_dcap(dcap->is_tdx, tacit_span(dcap->body, dcap->body_size), claims, ret_error);
}

tacit_status_t tacit_evidence_verify(tacit_span_t quote, const tacit_collateral_t *collateral,
                                     const uint8_t root_sha256[32], uint64_t now_ms,
                                     tacit_claims_t *ret_claims, tacit_error_t *ret_error)
{
    tacit_verdict_t verdict;
    tacit_claims_t claims;
    tacit_status_t status =
        s_is_nitro(quote)
            ? tacit_nitro_verify(quote, root_sha256, NULL, now_ms, &verdict, ret_error)
            : tacit_dcap_verify(quote, collateral, root_sha256, now_ms, &verdict, ret_error);
    if (status == TACIT_OK && verdict.has_tcb_status && verdict.tcb_status == TACIT_TCB_REVOKED) {
        status = tacit_evidence_refuse(ret_error, TACIT_TCB_STATUS_REFUSED, "tcb_status",
                                       "not Revoked", tacit_tcb_status_name(verdict.tcb_status));
    }
    if (status == TACIT_OK) {
        tacit_verdict_claim_platform(&verdict, &claims);
        status = tacit_verdict_claim_code(&verdict, &claims, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_claims = claims;
    }
    return status;
}

static tacit_status_t s_verify_document(tacit_span_t document, tacit_claims_t *claims,
                                        tacit_error_t *error)
{
    tacit_verdict_t verdict;
    tacit_status_t status = tacit_nitro_verify_body(document, &verdict, error);
    return status == TACIT_OK ? s_claim_nitro(&verdict.claims.nitro, claims, error) : status;
}

static tacit_status_t s_verify_quote(tacit_span_t quote, tacit_claims_t *claims,
                                     tacit_error_t *error)
{
    tacit_dcap_quote_t parsed;
    tacit_status_t status = tacit_dcap_quote_parse(quote, &parsed, error);
    if (status == TACIT_OK) {
        status = tacit_dcap_verify_body(&parsed, claims->attestation_key_sha256, error);
    }
    return status == TACIT_OK ? s_claim_dcap(parsed.is_tdx, parsed.body, claims, error) : status;
}

tacit_status_t tacit_evidence_verify_report(tacit_span_t quote, tacit_claims_t *ret_claims,
                                            tacit_error_t *ret_error)
{
    tacit_claims_t claims = {0};
    tacit_status_t status = s_is_nitro(quote) ? s_verify_document(quote, &claims, ret_error)
                                              : s_verify_quote(quote, &claims, ret_error);
    if (status == TACIT_OK) {
        *ret_claims = claims;
    }
    return status;
}
