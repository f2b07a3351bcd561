/*  tpm_quote.h - a TPM 2.0 quote of a confidential VM's virtual TPM, as Azure gives it.

    The attestation key (AK) signed PCRs and extra data; a hardware report (SEV-SNP) commits to the
    AK: its report_data begins with the SHA-256 of a JSON text that lists the AK's public key. That
    says that the quote belongs to the report. Whether the report is genuine is snp.h's matter.  */

#ifndef TACIT_ENCLAVE_TPM_QUOTE_H
#define TACIT_ENCLAVE_TPM_QUOTE_H

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_TPM_PART_MAX = 16 * 1024, /* bytes of each part of the evidence */
    TACIT_TPM_PCRS = 24,
    TACIT_TPM_PCR_SIZE = 32, /* SHA-256 */
    TACIT_TPM_EXTRA_MAX = 64 /* bytes of extra data */
};

/*  Borrowed.  */
typedef struct tacit_tpm_evidence {
    tacit_span_t message;   /* TPMS_ATTEST */
    tacit_span_t signature; /* RSASSA-PKCS1-v1_5 with SHA-256, raw */
    tacit_span_t pcrs;      /* values of the bank, one after the other */
    tacit_span_t key;       /* the AK's public key, PEM */
    tacit_span_t report;    /* HCL report: hardware report and runtime JSON */
} tacit_tpm_evidence_t;

typedef struct tacit_tpm_claims {
    uint8_t extra_data[TACIT_TPM_EXTRA_MAX];
    size_t extra_size;
    size_t pcr_count;
    uint8_t pcrs[TACIT_TPM_PCRS][TACIT_TPM_PCR_SIZE];
    tacit_span_t snp_report; /* inside evidence.report */
    size_t json_offset;      /* of the runtime JSON in evidence.report */
} tacit_tpm_claims_t;

/*  Form, signature, PCR digest, and that the hardware report commits to the AK.
    EVIDENCE_MALFORMED, SIGNATURE_INVALID, UNSUPPORTED, TOO_LARGE, COLLATERAL_MISSING,
    REPORT_DATA_MISMATCH (the report is for another key), MEASUREMENT_REFUSED (other PCRs).  */
TACIT_MUST_CHECK tacit_status_t tacit_tpm_quote_verify(const tacit_tpm_evidence_t *evidence,
                                                       tacit_tpm_claims_t *ret_claims,
                                                       tacit_error_t *ret_error);

#endif
