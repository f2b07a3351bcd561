/*  sample.h - a folder of evidence: the file names tell the format.

        quote.bin     Intel SGX or TDX: and tcb_info.json, qe_identity.json, tcb_signing_chain.pem,
                      pck_crl_issuer_chain.pem, root_ca_crl.der, pck_crl.der
        doc.cbor      AWS Nitro Enclaves
        report.bin    AMD SEV-SNP: and vek, ask and ark, each .der or .pem; with crl.der, the ARK's
                      list, the ask must not be revoked
        quote.msg     TPM 2.0 of an Azure confidential VM: and quote.sig, pcrs.bin, ak.pem,
                      hcl_report.bin; with vek, ask and ark the hardware report is judged too

    Roots that lie in the folder are never trusted for lying there.  */

#ifndef TACIT_CLIENTS_ATTEST_SAMPLE_H
#define TACIT_CLIENTS_ATTEST_SAMPLE_H

#include "enclave/error.h"
#include "enclave/span.h"

typedef enum tacit_sample_kind {
    TACIT_SAMPLE_NONE, /* no evidence that we know */
    TACIT_SAMPLE_DCAP,
    TACIT_SAMPLE_NITRO,
    TACIT_SAMPLE_SNP,
    TACIT_SAMPLE_TPM
} tacit_sample_kind_t;

typedef enum tacit_sample_part {
    TACIT_PART_QUOTE,
    TACIT_PART_TCB_INFO,
    TACIT_PART_QE_IDENTITY,
    TACIT_PART_TCB_SIGNING_CHAIN,
    TACIT_PART_PCK_CRL_ISSUER_CHAIN,
    TACIT_PART_ROOT_CRL,
    TACIT_PART_PCK_CRL,
    TACIT_PART_DOCUMENT,
    TACIT_PART_REPORT,
    TACIT_PART_TPM_MESSAGE,
    TACIT_PART_TPM_SIGNATURE,
    TACIT_PART_TPM_PCRS,
    TACIT_PART_TPM_KEY,
    TACIT_PART_HCL_REPORT,
    TACIT_PART_VEK, /* DER, as the next two, whatever the file has */
    TACIT_PART_ASK,
    TACIT_PART_ARK,
    TACIT_PART_AMD_CRL,
    TACIT_PARTS
} tacit_sample_part_t;

typedef struct tacit_sample {
    tacit_sample_kind_t kind;
    tacit_span_t parts[TACIT_PARTS]; /* owned; empty where there is no such file */
} tacit_sample_t;

/*  Read the folder. NOT_FOUND where it is none, TOO_LARGE, STORAGE_FAILED, EVIDENCE_MALFORMED (a
    certificate). Free with tacit_sample_clear.  */
TACIT_MUST_CHECK tacit_status_t tacit_sample_load(const char *folder, tacit_sample_t *ret_sample,
                                                  tacit_error_t *ret_error);

/*  Safe on a zeroed one, and twice.  */
void tacit_sample_clear(tacit_sample_t *sample);

/*  One certificate of a file, DER or PEM, as DER; free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_sample_certificate(const char *path, tacit_span_t *ret_der,
                                                         tacit_error_t *ret_error);

#endif
