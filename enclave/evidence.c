/*  evidence.c - the verification of SGX quotes, step by step.

    The steps stand in a table in the order in which they must run: nothing is read from a
    document before the signature over it was verified, and the claims are filled in last. What
    each step needs and leaves behind is in one structure, freed in one place.  */

#include "enclave/evidence.h"

#include <openssl/evp.h>

#include "enclave/chain_trust.h"
#include "enclave/evidence_refusal.h"
#include "enclave/p256.h"
#include "enclave/pck.h"
#include "enclave/qe_identity.h"
#include "enclave/sgx_quote.h"
#include "enclave/tcb_info.h"

static const char s_simulated[] = "SIMULATED";

/*  One verification while it runs.  */
typedef struct verification {
    tacit_span_t bytes; /* the quote; borrowed, as the next two */
    const tacit_collateral_t *collateral;
    const uint8_t *root_sha256;
    uint64_t now_ms;
    tacit_sgx_quote_t quote; /* borrows from bytes */
    tacit_chain_t pck_chain; /* owned, as the next three */
    tacit_chain_t signer_chain;
    tacit_chain_t crl_issuer_chain;
    tacit_chain_trust_t *trust;
    tacit_pck_t pck;
    tacit_verdict_t platform;  /* by TCB info */
    tacit_verdict_t enclave;   /* the quoting enclave, by QE identity */
    tacit_tcb_status_t status; /* merged */
} verification_t;

static tacit_status_t s_parse_quote(verification_t *self, tacit_error_t *error)
{
    return tacit_sgx_quote_parse(self->bytes, &self->quote, error);
}

static tacit_status_t s_check_collateral(verification_t *self, tacit_error_t *error)
{
    const struct {
        const char *name;
        tacit_span_t part;
    } parts[] = {
        {"tcb_info", self->collateral->tcb_info},
        {"qe_identity", self->collateral->qe_identity},
        {"tcb_signing_chain", self->collateral->tcb_signing_chain},
        {"pck_crl_issuer_chain", self->collateral->pck_crl_issuer_chain},
        {"root_crl", self->collateral->root_crl},
        {"pck_crl", self->collateral->pck_crl},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].part.size == 0) {
            return tacit_evidence_refuse(error, TACIT_COLLATERAL_MISSING, parts[i].name,
                                         "this part of the collateral", "nothing");
        }
        if (parts[i].part.size > TACIT_COLLATERAL_PART_MAX) {
            return tacit_evidence_refuse_number(error, TACIT_TOO_LARGE, parts[i].name,
                                                TACIT_COLLATERAL_PART_MAX, parts[i].part.size);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_parse_chains(verification_t *self, tacit_error_t *error)
{
    const struct {
        tacit_chain_kind_t kind;
        tacit_span_t pem;
        tacit_chain_t *chain;
    } chains[] = {
        {TACIT_CHAIN_PCK, self->quote.certificates, &self->pck_chain},
        {TACIT_CHAIN_TCB_SIGNER, self->collateral->tcb_signing_chain, &self->signer_chain},
        {TACIT_CHAIN_CRL_ISSUER, self->collateral->pck_crl_issuer_chain, &self->crl_issuer_chain},
    };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        tacit_status_t status = tacit_chain_parse(chains[i].kind, chains[i].pem, self->root_sha256,
                                                  chains[i].chain, error);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}

/*  The PCK CRL is verified with the CA in the quote's chain, so the chain that came with the CRL
    must be that CA's: the same certificate, or another one of its name and key.  */
static tacit_status_t s_verify_crl_issuer(verification_t *self, tacit_error_t *error)
{
    X509 *quoted = self->pck_chain.certificates[1];
    X509 *issuer = tacit_chain_leaf(&self->crl_issuer_chain);
    if (X509_cmp(quoted, issuer) == 0) {
        return TACIT_OK;
    }
    if (X509_NAME_cmp(X509_get_subject_name(quoted), X509_get_subject_name(issuer)) != 0 ||
        EVP_PKEY_eq(X509_get0_pubkey(quoted), X509_get0_pubkey(issuer)) != 1) {
        return tacit_evidence_refuse(error, TACIT_COLLATERAL_MISSING, "pck_crl_issuer_chain",
                                     "the CA of this PCK certificate", "another CA");
    }
    return tacit_chain_trust_verify(self->trust, &self->crl_issuer_chain, error);
}

static tacit_status_t s_verify_chains(verification_t *self, tacit_error_t *error)
{
    tacit_status_t status =
        tacit_chain_trust_new(tacit_chain_root(&self->pck_chain), self->collateral->root_crl,
                              self->collateral->pck_crl, self->now_ms, &self->trust, error);
    if (status == TACIT_OK) {
        status = tacit_chain_trust_verify(self->trust, &self->pck_chain, error);
    }
    if (status == TACIT_OK) {
        status = tacit_chain_trust_verify(self->trust, &self->signer_chain, error);
    }
    if (status == TACIT_OK) {
        status = s_verify_crl_issuer(self, error);
    }
    return status;
}

static tacit_status_t s_verify_qe_report(verification_t *self, tacit_error_t *error)
{
    EVP_PKEY *pck_key = X509_get0_pubkey(tacit_chain_leaf(&self->pck_chain));
    tacit_status_t status =
        tacit_p256_verify(pck_key, self->quote.qe_report.bytes, self->quote.qe_signature);
    if (status != TACIT_OK) {
        return tacit_evidence_refuse(error, status, "quote.qe_report",
                                     "signed by the PCK certificate's key",
                                     "a signature that does not verify");
    }
    return TACIT_OK;
}

/*  The quoting enclave vouches for the attestation key in its report_data:
    SHA-256(key || authentication data), then 32 zero bytes.  */
static tacit_status_t s_verify_qe_binding(verification_t *self, tacit_error_t *error)
{
    uint8_t expected[TACIT_REPORT_DATA_SIZE] = {0};
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool hashed =
        hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(hash, self->quote.attestation_key, TACIT_ECDSA_KEY_SIZE) == 1 &&
        EVP_DigestUpdate(hash, self->quote.auth_data.data, self->quote.auth_data.size) == 1 &&
        EVP_DigestFinal_ex(hash, expected, NULL) == 1;
    EVP_MD_CTX_free(hash);
    if (!hashed) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    if (memcmp(expected, self->quote.qe_report.data, sizeof expected) != 0) {
        return tacit_evidence_refuse_bytes(
            error, TACIT_QE_REFUSED, "quote.qe_report.report_data",
            tacit_span(expected, sizeof expected),
            tacit_span(self->quote.qe_report.data, TACIT_REPORT_DATA_SIZE));
    }
    return TACIT_OK;
}

static tacit_status_t s_verify_signature(const tacit_sgx_quote_t *quote, tacit_error_t *error)
{
    EVP_PKEY *key = NULL;
    tacit_status_t status = tacit_p256_key(quote->attestation_key, &key);
    if (status == TACIT_MALFORMED) {
        return tacit_evidence_refuse(error, TACIT_EVIDENCE_MALFORMED, "quote.attestation_key",
                                     "a point of P-256", "other bytes");
    }
    if (status == TACIT_OK) {
        status = tacit_p256_verify(key, quote->signed_part, quote->signature);
        EVP_PKEY_free(key);
    }
    if (status != TACIT_OK) {
        return tacit_evidence_refuse(error, status, "quote.report",
                                     "signed by the quote's attestation key",
                                     "a signature that does not verify");
    }
    return TACIT_OK;
}

static tacit_status_t s_verify_quote(verification_t *self, tacit_error_t *error)
{
    return s_verify_signature(&self->quote, error);
}

static tacit_status_t s_parse_pck(verification_t *self, tacit_error_t *error)
{
    return tacit_pck_parse(tacit_chain_leaf(&self->pck_chain), &self->pck, error);
}

static tacit_status_t s_judge_enclave(verification_t *self, tacit_error_t *error)
{
    return tacit_qe_identity_judge(self->collateral->qe_identity,
                                   X509_get0_pubkey(tacit_chain_leaf(&self->signer_chain)),
                                   self->now_ms, &self->quote.qe_report, &self->enclave, error);
}

static tacit_status_t s_judge_platform(verification_t *self, tacit_error_t *error)
{
    return tacit_tcb_info_judge(self->collateral->tcb_info,
                                X509_get0_pubkey(tacit_chain_leaf(&self->signer_chain)),
                                self->now_ms, &self->pck, &self->platform, error);
}

/*  Which status is good enough is policy; Revoked never is.  */
static tacit_status_t s_merge(verification_t *self, tacit_error_t *error)
{
    self->status = tacit_tcb_status_merge(self->platform.status, self->enclave.status);
    if (self->status == TACIT_TCB_REVOKED) {
        return tacit_evidence_refuse(error, TACIT_TCB_STATUS_REFUSED, "tcb_status", "not Revoked",
                                     tacit_tcb_status_name(self->status));
    }
    return TACIT_OK;
}

typedef tacit_status_t step_t(verification_t *self, tacit_error_t *error);

static step_t *const s_steps[] = {
    s_parse_quote,      s_check_collateral,  s_parse_chains, s_verify_chains,
    s_verify_qe_report, s_verify_qe_binding, s_verify_quote, s_parse_pck,
    s_judge_enclave,    s_judge_platform,    s_merge,
};

static uint64_t s_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool s_claim_report(const tacit_sgx_quote_t *quote, tacit_claims_t *claims)
{
    const tacit_sgx_report_t *report = &quote->report;
    memcpy(claims->mrenclave, report->mrenclave, sizeof claims->mrenclave);
    memcpy(claims->mrsigner, report->mrsigner, sizeof claims->mrsigner);
    memcpy(claims->report_data, report->data, sizeof claims->report_data);
    claims->product_id = report->product_id;
    claims->svn = report->svn;
    claims->debug = report->debug;
    return EVP_Digest(quote->attestation_key, TACIT_ECDSA_KEY_SIZE, claims->attestation_key_sha256,
                      NULL, EVP_sha256(), NULL) == 1;
}

static void s_claim_platform(const verification_t *self, tacit_claims_t *claims)
{
    memcpy(claims->root_sha256, self->root_sha256, sizeof claims->root_sha256);
    (void)tacit_certificate_common_name(tacit_chain_root(&self->pck_chain), claims->root_name);
    claims->simulated = strstr(claims->root_name, s_simulated) != NULL;
    memcpy(claims->platform_id, self->pck.ppid, sizeof claims->platform_id);
    memcpy(claims->fmspc, self->pck.fmspc, sizeof claims->fmspc);
    claims->tcb_status = self->status;
    tacit_advisories_merge(claims->advisories, sizeof claims->advisories,
                           self->platform.advisories);
    tacit_advisories_merge(claims->advisories, sizeof claims->advisories, self->enclave.advisories);
    claims->tcb_evaluation_number =
        self->platform.evaluation_number < self->enclave.evaluation_number
            ? self->platform.evaluation_number
            : self->enclave.evaluation_number;
    claims->expires_ms =
        s_earlier(tacit_chain_trust_expires(self->trust),
                  s_earlier(self->platform.next_update_ms, self->enclave.next_update_ms));
}

static void s_clear(verification_t *self)
{
    tacit_chain_trust_destroy(&self->trust);
    tacit_chain_clear(&self->pck_chain);
    tacit_chain_clear(&self->signer_chain);
    tacit_chain_clear(&self->crl_issuer_chain);
}

tacit_status_t tacit_evidence_verify(tacit_span_t quote, const tacit_collateral_t *collateral,
                                     const uint8_t root_sha256[32], uint64_t now_ms,
                                     tacit_claims_t *ret_claims, tacit_error_t *ret_error)
{
    verification_t self = {
        .bytes = quote, .collateral = collateral, .root_sha256 = root_sha256, .now_ms = now_ms};
    tacit_claims_t claims = {0};
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < sizeof s_steps / sizeof s_steps[0]; i++) {
        status = s_steps[i](&self, ret_error);
    }
    if (status == TACIT_OK && !s_claim_report(&self.quote, &claims)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (status == TACIT_OK) {
        s_claim_platform(&self, &claims);
        *ret_claims = claims;
    }
    s_clear(&self);
    return status;
}

tacit_status_t tacit_evidence_verify_report(tacit_span_t quote, tacit_claims_t *ret_claims,
                                            tacit_error_t *ret_error)
{
    tacit_sgx_quote_t parsed;
    tacit_claims_t claims = {0};
    tacit_status_t status = tacit_sgx_quote_parse(quote, &parsed, ret_error);
    if (status == TACIT_OK) {
        status = s_verify_signature(&parsed, ret_error);
    }
    if (status == TACIT_OK && !s_claim_report(&parsed, &claims)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (status == TACIT_OK) {
        *ret_claims = claims;
    }
    return status;
}
