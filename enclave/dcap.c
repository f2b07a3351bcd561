/*  dcap.c - the verification of SGX and TDX quotes, step by step.

    The steps stand in a table in the order in which they must run: nothing is read from a
    document before the signature over it was verified, and the claims are filled in last. What
    each step needs and leaves behind is in one structure, freed in one place.  */

#include "enclave/dcap.h"

#include <openssl/evp.h>

#include "enclave/chain_trust.h"
#include "enclave/evidence_refusal.h"
#include "enclave/p256.h"
#include "enclave/pck.h"
#include "enclave/qe_identity.h"
#include "enclave/tcb_info.h"

static const char s_simulated[] = "SIMULATED";

/*  One verification while it runs.  */
typedef struct verification {
    tacit_span_t bytes; /* the quote; borrowed, as the next two */
    const tacit_collateral_t *collateral;
    const uint8_t *root_sha256;
    uint64_t now_ms;
    tacit_dcap_quote_t quote; /* borrows from bytes */
    tacit_chain_t pck_chain;  /* owned, as the next three */
    tacit_chain_t signer_chain;
    tacit_chain_t crl_issuer_chain;
    tacit_chain_trust_t *trust;
    tacit_pck_t pck;
    tacit_tcb_finding_t platform; /* by TCB info */
    tacit_level_t enclave;        /* the quoting enclave, by QE identity */
    tacit_tcb_status_t status;    /* merged */
} verification_t;

static tacit_status_t s_parse_quote(verification_t *self, tacit_error_t *error)
{
    return tacit_dcap_quote_parse(self->bytes, &self->quote, error);
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
        tacit_chain_trust_new(&self->pck_chain, self->collateral->root_crl,
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

static tacit_status_t s_verify_signature(const tacit_dcap_quote_t *quote, tacit_error_t *error)
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
                                   self->quote.is_tdx ? "TD_QE" : "QE", self->now_ms,
                                   &self->quote.qe_report, &self->enclave, error);
}

static tacit_status_t s_judge_platform(verification_t *self, tacit_error_t *error)
{
    const tacit_tcb_subject_t subject = {.pck = &self->pck,
                                         .td = self->quote.is_tdx ? &self->quote.td : NULL};
    return tacit_tcb_info_judge(self->collateral->tcb_info,
                                X509_get0_pubkey(tacit_chain_leaf(&self->signer_chain)),
                                self->now_ms, &subject, &self->platform, error);
}

/*  Which status is good enough is policy.  */
static tacit_status_t s_merge(verification_t *self, tacit_error_t *error)
{
    (void)error;
    self->status = tacit_tcb_finding_status(&self->platform, self->enclave.status);
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

static uint64_t s_later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool s_hash_key(const tacit_dcap_quote_t *quote, uint8_t ret_sha256[32])
{
    return EVP_Digest(quote->attestation_key, TACIT_ECDSA_KEY_SIZE, ret_sha256, NULL, EVP_sha256(),
                      NULL) == 1;
}

static bool s_hash_issuer(const verification_t *self, uint8_t ret_sha256[32])
{
    unsigned size = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (X509_pubkey_digest(self->pck_chain.certificates[1], EVP_sha256(), digest, &size) != 1) {
        return false;
    }
    memcpy(ret_sha256, digest, 32);
    return true;
}

static void s_claim_quote(const verification_t *self, tacit_dcap_claims_t *claims)
{
    const tacit_dcap_quote_t *quote = &self->quote;
    claims->version = quote->version;
    claims->is_tdx = quote->is_tdx;
    memcpy(claims->body, quote->body.data, quote->body.size);
    claims->body_size = quote->body.size;
    claims->trailing = quote->trailing;
    memcpy(claims->fmspc, self->pck.fmspc, sizeof claims->fmspc);
}

static void s_claim_levels(const verification_t *self, tacit_dcap_claims_t *claims)
{
    const tacit_tcb_finding_t *platform = &self->platform;
    claims->platform_status = platform->platform.status;
    claims->qe_status = self->enclave.status;
    claims->has_module_status = platform->has_module;
    claims->module_status = platform->module.status;
    memcpy(claims->tcb_date, platform->platform.date, sizeof claims->tcb_date);
    claims->tcb_info_version = platform->version;
    claims->marks.tcb_info = platform->platform.evaluation_number;
    claims->marks.qe_identity = self->enclave.evaluation_number;
}

static void s_claim_periods(const verification_t *self, tacit_dcap_claims_t *claims)
{
    const X509 *pck = tacit_chain_leaf(&self->pck_chain);
    const tacit_level_t *platform = &self->platform.platform;
    tacit_period_t lists = tacit_chain_trust_lists(self->trust, &claims->marks);
    claims->collateral.from_ms =
        s_later(lists.from_ms, s_later(platform->issued_ms, self->enclave.issued_ms));
    claims->collateral.until_ms = s_earlier(
        lists.until_ms, s_earlier(platform->next_update_ms, self->enclave.next_update_ms));
    (void)tacit_certificate_time(X509_get0_notBefore(pck), &claims->pck.from_ms);
    (void)tacit_certificate_time(X509_get0_notAfter(pck), &claims->pck.until_ms);
}

static void s_claim(const verification_t *self, tacit_verdict_t *verdict)
{
    memcpy(verdict->root_sha256, self->root_sha256, sizeof verdict->root_sha256);
    (void)tacit_certificate_common_name(tacit_chain_root(&self->pck_chain), verdict->root_name);
    verdict->simulated = strstr(verdict->root_name, s_simulated) != NULL;
    verdict->debug =
        self->quote.is_tdx ? tacit_td_debug(&self->quote.td) : self->quote.report.debug;
    memcpy(verdict->platform_id, self->pck.ppid, sizeof self->pck.ppid);
    verdict->platform_id_size = sizeof self->pck.ppid;
    verdict->has_tcb_status = true;
    verdict->tcb_status = self->status;
    const char *const lists[] = {self->platform.platform.advisories,
                                 self->platform.module.advisories, self->enclave.advisories};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        tacit_advisories_merge(verdict->advisories, sizeof verdict->advisories, lists[i]);
    }
    s_claim_quote(self, &verdict->claims.dcap);
    s_claim_levels(self, &verdict->claims.dcap);
    s_claim_periods(self, &verdict->claims.dcap);
    verdict->expires_ms =
        s_earlier(tacit_chain_trust_expires(self->trust), verdict->claims.dcap.collateral.until_ms);
}

static void s_clear(verification_t *self)
{
    tacit_chain_trust_destroy(&self->trust);
    tacit_chain_clear(&self->pck_chain);
    tacit_chain_clear(&self->signer_chain);
    tacit_chain_clear(&self->crl_issuer_chain);
}

tacit_status_t tacit_dcap_verify(tacit_span_t quote, const tacit_collateral_t *collateral,
                                 const uint8_t root_sha256[32], uint64_t now_ms,
                                 tacit_verdict_t *ret_verdict, tacit_error_t *ret_error)
{
    verification_t self = {
        .bytes = quote, .collateral = collateral, .root_sha256 = root_sha256, .now_ms = now_ms};
    tacit_verdict_t verdict = {.kind = TACIT_EVIDENCE_DCAP};
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < sizeof s_steps / sizeof s_steps[0]; i++) {
        status = s_steps[i](&self, ret_error);
    }
    if (status == TACIT_OK &&
        (!s_hash_key(&self.quote, verdict.claims.dcap.attestation_key_sha256) ||
         !s_hash_issuer(&self, verdict.claims.dcap.pck_issuer_sha256))) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (status == TACIT_OK) {
        s_claim(&self, &verdict);
        *ret_verdict = verdict;
    }
    s_clear(&self);
    return status;
}

tacit_status_t tacit_dcap_verify_body(const tacit_dcap_quote_t *quote, uint8_t ret_key_sha256[32],
                                      tacit_error_t *ret_error)
{
    tacit_status_t status = s_verify_signature(quote, ret_error);
    if (status == TACIT_OK && !s_hash_key(quote, ret_key_sha256)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    return status;
}
