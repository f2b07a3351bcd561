/*  judge.c - one small function for each format.  */

#include "clients/attest/judge.h"

#include <openssl/evp.h>

#include "enclave/dcap.h"
#include "enclave/evidence_refusal.h"
#include "enclave/nitro.h"
#include "enclave/snp.h"
#include "enclave/vendor_roots.h"

typedef struct judging {
    const tacit_sample_t *sample;
    const uint8_t *root_sha256; /* NULL: the vendors' */
    uint64_t now_ms;
} judging_t;

/*  The root that was asked for, else the vendor's. The anchor that the evidence came with chooses
    among a vendor's roots, nothing more.  */
static const uint8_t *s_root(const judging_t *self, tacit_evidence_kind_t kind, tacit_span_t anchor)
{
    uint8_t sha256[EVP_MAX_MD_SIZE] = {0};
    if (self->root_sha256) {
        return self->root_sha256;
    }
    if (anchor.size > 0) {
        (void)EVP_Digest(anchor.data, anchor.size, sha256, NULL, EVP_sha256(), NULL);
    }
    return tacit_vendor_root(kind, sha256);
}

static tacit_status_t s_judge_dcap(const judging_t *self, tacit_judgement_t *judgement)
{
    const tacit_span_t *parts = self->sample->parts;
    const tacit_collateral_t collateral = {
        .tcb_info = parts[TACIT_PART_TCB_INFO],
        .qe_identity = parts[TACIT_PART_QE_IDENTITY],
        .tcb_signing_chain = parts[TACIT_PART_TCB_SIGNING_CHAIN],
        .pck_crl_issuer_chain = parts[TACIT_PART_PCK_CRL_ISSUER_CHAIN],
        .root_crl = parts[TACIT_PART_ROOT_CRL],
        .pck_crl = parts[TACIT_PART_PCK_CRL],
    };
    return tacit_dcap_verify(parts[TACIT_PART_QUOTE], &collateral,
                             s_root(self, TACIT_EVIDENCE_DCAP, tacit_span(NULL, 0)), self->now_ms,
                             &judgement->verdict, &judgement->error);
}

static tacit_status_t s_judge_nitro(const judging_t *self, tacit_judgement_t *judgement)
{
    return tacit_nitro_verify(self->sample->parts[TACIT_PART_DOCUMENT],
                              s_root(self, TACIT_EVIDENCE_NITRO, tacit_span(NULL, 0)), NULL,
                              self->now_ms, &judgement->verdict, &judgement->error);
}

static tacit_status_t s_judge_report(const judging_t *self, tacit_span_t report,
                                     tacit_judgement_t *judgement)
{
    const tacit_span_t *parts = self->sample->parts;
    const tacit_snp_chain_t chain = {.vek = parts[TACIT_PART_VEK],
                                     .ask = parts[TACIT_PART_ASK],
                                     .ark = parts[TACIT_PART_ARK],
                                     .crl = parts[TACIT_PART_AMD_CRL]};
    return tacit_snp_verify(report, &chain, s_root(self, TACIT_EVIDENCE_SNP, chain.ark), NULL,
                            self->now_ms, &judgement->verdict, &judgement->error);
}

static tacit_status_t s_judge_snp(const judging_t *self, tacit_judgement_t *judgement)
{
    return s_judge_report(self, self->sample->parts[TACIT_PART_REPORT], judgement);
}

/*  A VEK in the folder asks for the hardware report to be judged as well.  */
static tacit_status_t s_judge_tpm(const judging_t *self, tacit_judgement_t *judgement)
{
    const tacit_span_t *parts = self->sample->parts;
    const tacit_tpm_evidence_t evidence = {
        .message = parts[TACIT_PART_TPM_MESSAGE],
        .signature = parts[TACIT_PART_TPM_SIGNATURE],
        .pcrs = parts[TACIT_PART_TPM_PCRS],
        .key = parts[TACIT_PART_TPM_KEY],
        .report = parts[TACIT_PART_HCL_REPORT],
    };
    tacit_status_t status = tacit_tpm_quote_verify(&evidence, &judgement->tpm, &judgement->error);
    judgement->has_verdict = parts[TACIT_PART_VEK].size > 0;
    if (status == TACIT_OK && judgement->has_verdict) {
        status = s_judge_report(self, judgement->tpm.snp_report, judgement);
    }
    return status;
}

static tacit_status_t s_judge_none(const judging_t *self, tacit_judgement_t *judgement)
{
    (void)self;
    return tacit_evidence_refuse(&judgement->error, TACIT_COLLATERAL_MISSING, "evidence",
                                 "quote.bin, doc.cbor, report.bin or quote.msg", "none of them");
}

void tacit_judge_sample(const tacit_sample_t *sample, const uint8_t *root_sha256, uint64_t now_ms,
                        tacit_judgement_t *ret_judgement)
{
    static tacit_status_t (*const judges[])(const judging_t *, tacit_judgement_t *) = {
        [TACIT_SAMPLE_NONE] = s_judge_none,   [TACIT_SAMPLE_DCAP] = s_judge_dcap,
        [TACIT_SAMPLE_NITRO] = s_judge_nitro, [TACIT_SAMPLE_SNP] = s_judge_snp,
        [TACIT_SAMPLE_TPM] = s_judge_tpm,
    };
    const judging_t judging = {.sample = sample, .root_sha256 = root_sha256, .now_ms = now_ms};
    memset(ret_judgement, 0, sizeof *ret_judgement);
    ret_judgement->has_verdict = true;
    ret_judgement->status = judges[sample->kind](&judging, ret_judgement);
    ret_judgement->has_verdict &= ret_judgement->status == TACIT_OK;
}
