/*  introduction.c - see introduction.h. What the introduction endpoint says is foreign until the
    evidence over our own nonce was verified.  */

#include "rpc/introduction.h"

#include <sodium.h>
#include <stdio.h>

#include "enclave/seal.h"
#include "rpc/arena.h"
#include "rpc/codec.h"

static void s_hex(const uint8_t *bytes, size_t size, char *ret_text)
{
    sodium_bin2hex(ret_text, size * 2 + 1, bytes, size);
}

static tacit_status_t s_expect_key(const char *claim, tacit_status_t code,
                                   const uint8_t expected[32], const uint8_t got[32],
                                   tacit_error_t *ret_error)
{
    if (sodium_memcmp(expected, got, 32) == 0) {
        return TACIT_OK;
    }
    char want[65];
    char have[65];
    s_hex(expected, 32, want);
    s_hex(got, 32, have);
    tacit_error_claim(ret_error, code, claim, want, have);
    tacit_error_remedy(ret_error, "compare trust.json with what the operator published; if they "
                                  "agree, something stands between you and the mesh");
    return code;
}

static tacit_status_t s_expect_number(const char *claim, tacit_status_t code, unsigned least,
                                      unsigned got, tacit_error_t *ret_error)
{
    if (got >= least) {
        return TACIT_OK;
    }
    char want[32];
    char have[32];
    snprintf(want, sizeof want, "at least %u", least);
    snprintf(have, sizeof have, "%u", got);
    return tacit_error_claim(ret_error, code, claim, want, have);
}

/*  Policy for the one service that cannot be judged by the attestation service: trust.json.  */
static tacit_status_t s_appraise_platform(const tacit_trust_t *trust, const tacit_claims_t *claims,
                                          tacit_error_t *ret_error)
{
    if (claims->simulated != trust->simulated) {
        return tacit_error_claim(ret_error, TACIT_TRUST_ANCHOR_REFUSED,
                                 "attestation service: simulated", trust->simulated ? "yes" : "no",
                                 claims->simulated ? "yes" : "no");
    }
    if (claims->tee != trust->tee) {
        return tacit_error_claim(ret_error, TACIT_TRUST_ANCHOR_REFUSED,
                                 "attestation service: kind of environment",
                                 tacit_tee_name(trust->tee), tacit_tee_name(claims->tee));
    }
    if (claims->debug) {
        return tacit_error_claim(ret_error, TACIT_DEBUG_REFUSED, "attestation service: debug", "no",
                                 "yes");
    }
    if (tacit_tee_is_graded(claims->tee) && claims->tcb_status != TACIT_TCB_UP_TO_DATE) {
        return tacit_error_claim(ret_error, TACIT_TCB_STATUS_REFUSED,
                                 "attestation service: TCB status", "UpToDate",
                                 tacit_tcb_status_name(claims->tcb_status));
    }
    return TACIT_OK;
}

static tacit_status_t s_appraise(const tacit_trust_t *trust, const tacit_claims_t *claims,
                                 tacit_error_t *ret_error)
{
    tacit_status_t status = s_appraise_platform(trust, claims, ret_error);
    if (status) {
        return status;
    }
    if (claims->product_id != TACIT_ROLE_ATTESTATION) {
        char got[16];
        snprintf(got, sizeof got, "%u", claims->product_id);
        return tacit_error_claim(ret_error, TACIT_ROLE_REFUSED, "attestation service: product id",
                                 "1", got);
    }
    status = s_expect_key("attestation service: mrsigner", TACIT_SIGNER_REFUSED,
                          trust->attestation_mrsigner, claims->mrsigner, ret_error);
    if (!status) {
        status = s_expect_number("attestation service: svn", TACIT_SVN_TOO_LOW,
                                 trust->attestation_svn, claims->svn, ret_error);
    }
    if (!status && trust->has_attestation_mrenclave) {
        status = s_expect_key("attestation service: mrenclave", TACIT_MEASUREMENT_REFUSED,
                              trust->attestation_mrenclave, claims->mrenclave, ret_error);
    }
    return status;
}

static tacit_status_t s_check_commitment(const tacit_introduction_introduce_result_t *intro,
                                         const uint8_t nonce[32], const tacit_claims_t *claims,
                                         tacit_error_t *ret_error)
{
    uint8_t commitment[64];
    uint8_t expected[TACIT_REPORT_DATA_SIZE];
    tacit_introduction_commitment(nonce, intro->curve_key.data, intro->result_key.data,
                                  intro->mesh_id.data, commitment);
    tacit_report_data(TACIT_QUOTE_INTRODUCTION, commitment, expected);
    if (sodium_memcmp(expected, claims->report_data, sizeof expected)) {
        return tacit_error_claim(ret_error, TACIT_REPORT_DATA_MISMATCH,
                                 "attestation service: report_data",
                                 "a quote over our nonce and its keys", "another quote");
    }
    return TACIT_OK;
}

tacit_status_t tacit_introduction_verify(const tacit_trust_t *trust,
                                         const tacit_introduction_introduce_result_t *intro,
                                         const uint8_t nonce[32], uint64_t now_ms,
                                         tacit_claims_t *ret_claims, tacit_error_t *ret_error)
{
    uint8_t mesh_id[32];
    tacit_trust_mesh_id(trust, mesh_id);
    tacit_status_t status =
        s_expect_key("mesh id", TACIT_WRONG_MESH, mesh_id, intro->mesh_id.data, ret_error);
    if (status) {
        return status;
    }
    tacit_collateral_t collateral = {
        .tcb_info = intro->tcb_info,
        .qe_identity = intro->qe_identity,
        .tcb_signing_chain = intro->tcb_signing_chain,
        .pck_crl_issuer_chain = intro->pck_crl_issuer_chain,
        .root_crl = intro->root_crl,
        .pck_crl = intro->pck_crl,
    };
    tacit_claims_t claims;
    status = tacit_evidence_verify(intro->quote, &collateral, trust->root_sha256, now_ms, &claims,
                                   ret_error);
    if (!status) {
        status = s_appraise(trust, &claims, ret_error);
    }
    if (!status) {
        status = s_check_commitment(intro, nonce, &claims, ret_error);
    }
    if (!status) {
        *ret_claims = claims;
    }
    return status;
}

void tacit_introduction_commitment(const uint8_t nonce[32], const uint8_t curve_key[32],
                                   const uint8_t result_key[32], const uint8_t mesh_id[32],
                                   uint8_t ret_commitment[64])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/introduction/v1");
    tacit_transcript_add(&transcript, tacit_span(nonce, 32));
    tacit_transcript_add(&transcript, tacit_span(curve_key, 32));
    tacit_transcript_add(&transcript, tacit_span(result_key, 32));
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
}

void tacit_attest_commitment(tacit_role_t role, const uint8_t exporter[32],
                             const uint8_t curve_key[32], const uint8_t signing_key[32],
                             const uint8_t mesh_id[32], uint8_t ret_commitment[64])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/attest/v1");
    tacit_transcript_add_u64(&transcript, (uint64_t)role);
    tacit_transcript_add(&transcript, tacit_span(exporter, 32));
    tacit_transcript_add(&transcript, tacit_span(curve_key, 32));
    tacit_transcript_add(&transcript, tacit_span(signing_key, 32));
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha512(ret_commitment, transcript.data, transcript.size);
}

tacit_status_t tacit_introduction_verify_stored(const tacit_trust_t *trust,
                                                tacit_span_t introduction, const uint8_t nonce[32],
                                                uint64_t now_ms, uint8_t ret_result_key[32],
                                                tacit_claims_t *ret_claims,
                                                tacit_error_t *ret_error)
{
    tacit_arena_t *arena = tacit_arena_new();
    if (!arena) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_introduction_introduce_result_t intro = {0};
    tacit_status_t status = tacit_codec_decode(&tacit_introduction_introduce_result_record,
                                               introduction, NULL, arena, &intro, ret_error);
    if (!status) {
        status = tacit_introduction_verify(trust, &intro, nonce, now_ms, ret_claims, ret_error);
    }
    if (!status) {
        memcpy(ret_result_key, intro.result_key.data, 32);
    }
    tacit_arena_destroy(&arena);
    return status;
}
