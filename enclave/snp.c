/*  snp.c - the verification of SEV-SNP reports.  */

#include "enclave/snp.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "enclave/amd_crl.h"
#include "enclave/certificates.h"
#include "enclave/ecdsa.h"
#include "enclave/evidence_refusal.h"
#include "enclave/vek.h"
#include "enclave/vendor_chain.h"

enum { CHAIN_COUNT = 3, HALF_SIZE = 48 };

/*  Product lines, and the processors that belong to them by CPUID.  */
static const struct {
    const char *line;
    uint8_t family;
    uint8_t first_model;
    uint8_t last_model;
} s_processors[] = {
    {"Milan", 0x19, 0x00, 0x0f},
    {"Genoa", 0x19, 0x10, 0x1f},
    {"Genoa", 0x19, 0xa0, 0xaf},
};

enum { PROCESSORS = sizeof s_processors / sizeof s_processors[0] };

/*  Products that are certified by another line's keys: smaller chips of the same generation.  */
static const struct {
    const char *product;
    const char *line;
} s_lines[] = {
    {"Bergamo", "Genoa"},
    {"Siena", "Genoa"},
};

/*  Names of the certificates, before the product line, by the kind of key.  */
static const struct {
    const char *vek;
    const char *ask;
} s_names[] = {
    [TACIT_SNP_KEY_VCEK] = {"SEV-VCEK", "SEV-"},
    [TACIT_SNP_KEY_VLEK] = {"SEV-VLEK", "SEV-VLEK-"},
};

typedef struct verification {
    tacit_snp_report_t report;  /* borrows */
    tacit_vendor_chain_t chain; /* owned */
    tacit_span_t crl;           /* borrowed */
    tacit_vek_t vek;
    char line[TACIT_SNP_PRODUCT_MAX]; /* "Milan" of "Milan-B0", "Genoa" of "Siena-A1" */
} verification_t;

/*  The line of "Milan-B0" or "Siena-A1", whether it is one that we know or not.  */
static void s_find_line(const char *product, char ret_line[TACIT_SNP_PRODUCT_MAX])
{
    size_t length = strcspn(product, "-");
    snprintf(ret_line, TACIT_SNP_PRODUCT_MAX, "%.*s", (int)length, product);
    for (size_t i = 0; i < sizeof s_lines / sizeof s_lines[0]; i++) {
        if (strcmp(ret_line, s_lines[i].product) == 0) {
            snprintf(ret_line, TACIT_SNP_PRODUCT_MAX, "%s", s_lines[i].line);
        }
    }
}

static bool s_is_known_line(const char *line)
{
    for (size_t i = 0; i < PROCESSORS; i++) {
        if (strcmp(line, s_processors[i].line) == 0) {
            return true;
        }
    }
    return false;
}

/*  Does a certificate's common name end like that? Simulated vendors put a word before it.  */
static bool s_name_ends(const X509 *certificate, const char *start, const char *line)
{
    char name[TACIT_COMMON_NAME_MAX];
    char end[TACIT_COMMON_NAME_MAX];
    snprintf(end, sizeof end, "%s%s", start, line);
    if (!tacit_certificate_common_name(certificate, name) || strlen(name) < strlen(end)) {
        return false;
    }
    size_t before = strlen(name) - strlen(end);
    return strcmp(name + before, end) == 0 && (before == 0 || name[before - 1] == ' ');
}

static tacit_status_t s_check_names(verification_t *self, tacit_error_t *error)
{
    uint32_t key = self->report.signing_key;
    s_find_line(self->vek.product, self->line);
    if (!s_is_known_line(self->line)) {
        return tacit_evidence_refuse(error, TACIT_UNSUPPORTED, "vek.product", "Milan or Genoa",
                                     self->vek.product);
    }
    if (!s_name_ends(self->chain.certificates[0], s_names[key].vek, "") ||
        !s_name_ends(self->chain.certificates[1], s_names[key].ask, self->line) ||
        !s_name_ends(self->chain.certificates[2], "ARK-", self->line)) {
        return tacit_evidence_refuse(error, TACIT_CERTIFICATE_INVALID, "vek_chain",
                                     key == TACIT_SNP_KEY_VLEK
                                         ? "VLEK, ASVK and ARK of the product line"
                                         : "VCEK, ASK and ARK of the product line",
                                     "other certificates");
    }
    return TACIT_OK;
}

static tacit_status_t s_verify_signature(verification_t *self, tacit_error_t *error)
{
    uint8_t signature[2 * HALF_SIZE];
    tacit_span_t bytes = tacit_span(self->report.bytes, TACIT_SNP_SIGNED_SIZE);
    tacit_snp_report_signature(&self->report, signature);
    tacit_status_t status =
        tacit_ecdsa_verify(X509_get0_pubkey(tacit_vendor_chain_leaf(&self->chain)), EVP_sha384(),
                           &bytes, 1, signature, HALF_SIZE);
    if (status != TACIT_OK) {
        return tacit_evidence_refuse(error, status, "snp.report", "signed by the VEK",
                                     "a signature that does not verify");
    }
    return TACIT_OK;
}

static tacit_status_t s_check_tcb(verification_t *self, tacit_error_t *error)
{
    const uint8_t *reported = self->report.bytes + TACIT_SNP_REPORTED_TCB;
    if (memcmp(reported, self->vek.tcb, TACIT_SNP_TCB_SIZE) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_TCB_UNSUPPORTED, "snp.reported_tcb",
                                           tacit_span(self->vek.tcb, TACIT_SNP_TCB_SIZE),
                                           tacit_span(reported, TACIT_SNP_TCB_SIZE));
    }
    return TACIT_OK;
}

static tacit_status_t s_check_chip(verification_t *self, tacit_error_t *error)
{
    const uint8_t *chip_id = self->report.bytes + TACIT_SNP_CHIP_ID;
    if (self->report.signing_key == TACIT_SNP_KEY_VLEK) {
        return TACIT_OK;
    }
    if (!self->vek.has_chip_id || memcmp(chip_id, self->vek.chip_id, TACIT_SNP_CHIP_ID_SIZE) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_PLATFORM_REFUSED, "snp.chip_id",
                                           tacit_span(self->vek.chip_id, TACIT_SNP_CHIP_ID_SIZE),
                                           tacit_span(chip_id, TACIT_SNP_CHIP_ID_SIZE));
    }
    return TACIT_OK;
}

/*  From version 3 on the report tells the processor.  */
static tacit_status_t s_check_processor(verification_t *self, tacit_error_t *error)
{
    const uint8_t *cpuid = self->report.bytes + TACIT_SNP_CPUID;
    if (self->report.version < TACIT_SNP_VERSION_CPUID) {
        return TACIT_OK;
    }
    for (size_t i = 0; i < PROCESSORS; i++) {
        if (strcmp(self->line, s_processors[i].line) == 0 && cpuid[0] == s_processors[i].family &&
            cpuid[1] >= s_processors[i].first_model && cpuid[1] <= s_processors[i].last_model) {
            return TACIT_OK;
        }
    }
    return tacit_evidence_refuse(error, TACIT_PLATFORM_REFUSED, "snp.cpuid",
                                 "a processor of the certificate's product line", "another");
}

static tacit_status_t s_parse_chain(verification_t *self, const tacit_snp_chain_t *chain,
                                    const uint8_t root_sha256[32], tacit_error_t *error)
{
    const tacit_span_t ders[CHAIN_COUNT] = {chain->vek, chain->ask, chain->ark};
    static const char *const names[CHAIN_COUNT] = {"vek", "ask", "ark"};
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        if (ders[i].size == 0) {
            return tacit_evidence_refuse(error, TACIT_COLLATERAL_MISSING, names[i],
                                         "this certificate", "nothing");
        }
    }
    tacit_status_t status = tacit_vendor_chain_parse(TACIT_VENDOR_AMD, ders, CHAIN_COUNT,
                                                     root_sha256, &self->chain, error);
    return status ? status
                  : tacit_vek_parse(tacit_vendor_chain_leaf(&self->chain), &self->vek, error);
}

/*  A list that was given and does not hold refuses; what rests on one that does ends with it.  */
static tacit_status_t s_check_revocation(const verification_t *self, uint64_t now_ms,
                                         tacit_period_t *period, tacit_error_t *error)
{
    uint64_t until_ms = 0;
    if (!self->crl.data) {
        return TACIT_OK;
    }
    tacit_status_t status =
        tacit_amd_crl_check(self->crl, self->chain.certificates[2], self->chain.certificates[1],
                            now_ms, &until_ms, error);
    if (status == TACIT_OK && until_ms < period->until_ms) {
        period->until_ms = until_ms;
    }
    return status;
}

static tacit_status_t s_verify(verification_t *self, tacit_chain_cache_t *cache, uint64_t now_ms,
                               tacit_period_t *period, tacit_error_t *error)
{
    static tacit_status_t (*const checks[])(verification_t * self, tacit_error_t * error) = {
        s_check_names, s_verify_signature, s_check_tcb, s_check_chip, s_check_processor,
    };
    tacit_status_t status = tacit_vendor_chain_verify(&self->chain, cache, now_ms, period, error);
    if (status == TACIT_OK) {
        status = s_check_revocation(self, now_ms, period, error);
    }
    for (size_t i = 0; status == TACIT_OK && i < sizeof checks / sizeof checks[0]; i++) {
        status = checks[i](self, error);
    }
    return status;
}

/*  The chip's window is told; the whole chain's end is when the verdict ends.  */
static void s_claim(const verification_t *self, tacit_verdict_t *verdict)
{
    tacit_snp_claims_t *claims = &verdict->claims.snp;
    const X509 *leaf = tacit_vendor_chain_leaf(&self->chain);
    memcpy(claims->report, self->report.bytes, TACIT_SNP_REPORT_SIZE);
    memcpy(claims->product, self->vek.product, sizeof claims->product);
    claims->is_vlek = self->report.signing_key == TACIT_SNP_KEY_VLEK;
    (void)tacit_certificate_time(X509_get0_notBefore(leaf), &claims->vek.from_ms);
    (void)tacit_certificate_time(X509_get0_notAfter(leaf), &claims->vek.until_ms);
    verdict->debug = tacit_snp_debug_allowed(self->report.policy);
    memcpy(verdict->platform_id, self->report.bytes + TACIT_SNP_CHIP_ID, TACIT_SNP_CHIP_ID_SIZE);
    verdict->platform_id_size = TACIT_SNP_CHIP_ID_SIZE;
}

tacit_status_t tacit_snp_verify(tacit_span_t report, const tacit_snp_chain_t *chain,
                                const uint8_t root_sha256[32], tacit_chain_cache_t *cache,
                                uint64_t now_ms, tacit_verdict_t *ret_verdict,
                                tacit_error_t *ret_error)
{
    verification_t self = {.crl = chain->crl};
    tacit_verdict_t verdict = {.kind = TACIT_EVIDENCE_SNP};
    tacit_period_t period = {0};
    tacit_status_t status = tacit_snp_report_parse(report, &self.report, ret_error);
    if (status == TACIT_OK) {
        status = s_parse_chain(&self, chain, root_sha256, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_verify(&self, cache, now_ms, &period, ret_error);
    }
    if (status == TACIT_OK) {
        s_claim(&self, &verdict);
        tacit_vendor_chain_claim_root(&self.chain, root_sha256, &verdict);
        verdict.expires_ms = period.until_ms;
        *ret_verdict = verdict;
    }
    tacit_vendor_chain_clear(&self.chain);
    return status;
}
