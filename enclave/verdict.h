/*  verdict.h - what verification finds, apart from every policy.

    Genuine evidence of any format ends in one of these: the anchor that its chain ends in, the
    platform, its state, and the claims in the format's own words. Evidence that is not genuine has
    no verdict but a refusal. Whether a verdict is good enough is policy (policy_appraisal.h).

    All by value: nothing borrows from the evidence.  */

#ifndef TACIT_ENCLAVE_VERDICT_H
#define TACIT_ENCLAVE_VERDICT_H

#include "enclave/collateral_marks.h"
#include "enclave/dcap_quote.h"
#include "enclave/evidence.h"
#include "enclave/nitro_document.h"
#include "enclave/snp_report.h"

enum { TACIT_PLATFORM_ID_MAX = 64 };

typedef enum tacit_evidence_kind {
    TACIT_EVIDENCE_DCAP,  /* Intel SGX and TDX */
    TACIT_EVIDENCE_NITRO, /* AWS Nitro Enclaves */
    TACIT_EVIDENCE_SNP    /* AMD SEV-SNP */
} tacit_evidence_kind_t;

typedef struct tacit_period {
    uint64_t from_ms; /* Unix ms */
    uint64_t until_ms;
} tacit_period_t;

/*  SGX and TDX.  */
typedef struct tacit_dcap_claims {
    uint16_t version; /* of the quote */
    bool is_tdx;
    uint8_t body[TACIT_TD_REPORT_15_SIZE]; /* the report, as signed; read by offset */
    size_t body_size;
    uint8_t fmspc[6];                   /* platform model */
    uint8_t attestation_key_sha256[32]; /* of the quote's ECDSA attestation key (x||y) */
    tacit_tcb_status_t platform_status; /* by TCB info */
    tacit_tcb_status_t qe_status;       /* by QE identity */
    bool has_module_status;             /* TDX modules with a version of their own */
    tacit_tcb_status_t module_status;
    char tcb_date[24];              /* of the platform's level; may be empty */
    uint32_t tcb_info_version;      /* 2 or 3 */
    size_t trailing;                /* zero bytes after the quote */
    tacit_period_t collateral;      /* when all documents and CRLs are valid */
    tacit_period_t pck;             /* when the PCK certificate is */
    tacit_collateral_marks_t marks; /* for collateral that may only move forward */
    uint8_t pck_issuer_sha256[32];  /* of the public key of who issued the PCK CRL */
} tacit_dcap_claims_t;

typedef struct tacit_nitro_field {
    bool present; /* false: absent or null */
    size_t size;
    uint8_t bytes[TACIT_NITRO_FIELD_MAX];
} tacit_nitro_field_t;

typedef struct tacit_nitro_claims {
    bool tagged;
    char module_id[TACIT_NITRO_MODULE_MAX + 1];
    uint64_t timestamp_ms; /* Unix ms */
    uint32_t pcr_mask;     /* bit n: PCR n is there */
    uint8_t pcrs[TACIT_NITRO_PCRS][TACIT_NITRO_PCR_SIZE];
    tacit_nitro_field_t public_key;
    tacit_nitro_field_t user_data;
    tacit_nitro_field_t nonce;
    tacit_period_t chain;               /* when every certificate is valid */
    uint8_t attestation_key_sha256[32]; /* of the leaf's public key, as the certificate has it */
} tacit_nitro_claims_t;

typedef struct tacit_snp_claims {
    uint8_t report[TACIT_SNP_REPORT_SIZE]; /* as signed; read by offset */
    char product[TACIT_SNP_PRODUCT_MAX];   /* "Milan-B0" */
    bool is_vlek;                          /* the platform's key is its cloud's, not its chip's */
    tacit_period_t vek;
} tacit_snp_claims_t;

typedef struct tacit_verdict {
    tacit_evidence_kind_t kind;
    uint8_t root_sha256[32]; /* SHA-256 of the trust anchor's certificate (DER) */
    char root_name[128];     /* its common name */
    bool simulated;          /* the anchor's name says SIMULATED */
    bool debug;              /* the host can read its memory */
    uint8_t platform_id[TACIT_PLATFORM_ID_MAX]; /* PPID, chip id, or PCR4 */
    size_t platform_id_size;
    bool has_tcb_status;           /* DCAP alone grades platforms */
    tacit_tcb_status_t tcb_status; /* merged */
    char advisories[256];          /* comma-separated; may be empty */
    uint64_t expires_ms;           /* Unix ms: the earliest end of anything it rests on */
    union {
        tacit_dcap_claims_t dcap;
        tacit_nitro_claims_t nitro;
        tacit_snp_claims_t snp;
    } claims;
} tacit_verdict_t;

/*  What a verdict on SGX, TDX or Nitro says of the platform, in a mesh's words; the rest is zero.
 */
void tacit_verdict_claim_platform(const tacit_verdict_t *verdict, tacit_claims_t *ret_claims);

/*  And of the code, added to these. MEASUREMENT_REFUSED or REPORT_DATA_MISMATCH, with nothing
   added, where no launcher that is known measured it (launch.h): genuine, but nobody's member.  */
TACIT_MUST_CHECK tacit_status_t tacit_verdict_claim_code(const tacit_verdict_t *verdict,
                                                         tacit_claims_t *claims,
                                                         tacit_error_t *ret_error);

#endif
