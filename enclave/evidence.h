/*  evidence.h - is this evidence genuine, and what does it say?

    What a mesh asks of its members: Intel SGX or TDX quotes with full collateral, as Intel's quote
    verification does it (dcap.h), or AWS Nitro documents, which need none (nitro.h). The bytes
    tell which. Simulated platforms make the same bytes under roots of their own, so that one
    verifier judges both; the anchor's name is reported and says SIMULATED.

    Every byte of a quote and of its collateral is foreign: no allocation follows a length inside
    them that was not checked, and all of them must be consumed exactly.  */

#ifndef TACIT_ENCLAVE_EVIDENCE_H
#define TACIT_ENCLAVE_EVIDENCE_H

#include "enclave/collateral_marks.h"
#include "enclave/error.h"
#include "enclave/span.h"
#include "enclave/tee.h"

enum {
    TACIT_REPORT_DATA_SIZE = 64,
    TACIT_MEASUREMENT_SIZE = 32,
    TACIT_QUOTE_MAX = 16 * 1024,          /* bytes of one quote */
    TACIT_COLLATERAL_PART_MAX = 64 * 1024 /* bytes of each part of the collateral */
};

/*  What a verifier needs beside the quote, each as its distribution point gives it.  */
typedef struct tacit_collateral {
    tacit_span_t tcb_info;             /* JSON {"tcbInfo":{..},"signature":hex} */
    tacit_span_t qe_identity;          /* JSON {"enclaveIdentity":{..},"signature":hex} */
    tacit_span_t tcb_signing_chain;    /* PEM: TCB signer, root */
    tacit_span_t pck_crl_issuer_chain; /* PEM: PCK CA, root */
    tacit_span_t root_crl;             /* DER */
    tacit_span_t pck_crl;              /* DER */
} tacit_collateral_t;

typedef enum tacit_tcb_status {
    TACIT_TCB_UP_TO_DATE = 0,
    TACIT_TCB_SW_HARDENING_NEEDED = 1,
    TACIT_TCB_CONFIGURATION_NEEDED = 2,
    TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED = 3,
    TACIT_TCB_OUT_OF_DATE = 4,
    TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED = 5,
    TACIT_TCB_REVOKED = 6,
    TACIT_TCB_TD_RELAUNCH_ADVISED = 7, /* current, but the domain began on an older module */
    TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED = 8
} tacit_tcb_status_t;

enum { TACIT_TCB_STATUSES = TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED + 1 };

/*  Intel's spelling: "UpToDate", "SWHardeningNeeded", ... Never NULL.  */
const char *tacit_tcb_status_name(tacit_tcb_status_t status);

/*  The same for who reads it: "none" for a kind whose platforms have no status.  */
const char *tacit_tcb_status_shown(tacit_tee_t tee, tacit_tcb_status_t status);

/*  The status of that spelling, or false.  */
bool tacit_tcb_status_from_name(const char *name, tacit_tcb_status_t *ret_status);

/*  What genuine evidence says. All by value: nothing borrows from the quote.  */
typedef struct tacit_claims {
    uint8_t root_sha256[32];            /* SHA-256 of the trust anchor's certificate (DER) */
    char root_name[128];                /* its common name */
    bool simulated;                     /* the anchor's name says SIMULATED */
    tacit_tee_t tee;                    /* the next two are in its words (tee.h) */
    uint8_t mrenclave[32];              /* the code and its configuration */
    uint8_t mrsigner[32];               /* who signed it */
    uint16_t product_id;                /* ISVPRODID, as launch.h says elsewhere */
    uint16_t svn;                       /* ISVSVN, the same */
    bool debug;                         /* the host can read this enclave's memory */
    uint8_t report_data[64];            /* what the enclave committed to */
    uint8_t platform_id[16];            /* PPID of the PCK certificate, or PCR4's beginning */
    uint8_t fmspc[6];                   /* platform model; zero for Nitro, as the next but one */
    uint8_t attestation_key_sha256[32]; /* of the key that signed the evidence */
    tacit_tcb_status_t tcb_status;      /* merged, of platform and quoting enclave */
    char advisories[256];               /* comma-separated advisory ids; may be empty */
    uint32_t tcb_evaluation_number;     /* tcbEvaluationDataNumber, the lower of the two */
    tacit_collateral_marks_t marks;     /* of the collateral; zero for Nitro, as the next */
    uint8_t pck_issuer_sha256[32];      /* of the public key of who issued the PCK CRL */
    uint64_t expires_ms; /* Unix ms: the earliest end of the collateral and certificates */
} tacit_claims_t;

/*  Verify evidence with its collateral (ignored for Nitro) at a time (Unix ms), anchored in the
    certificate whose DER has SHA-256 root_sha256. Missing, expired, revoked or unmatched anything
    is a refusal, and so is a status of Revoked, or a launcher that is not known (launch.h).  */
TACIT_MUST_CHECK tacit_status_t tacit_evidence_verify(tacit_span_t quote,
                                                      const tacit_collateral_t *collateral,
                                                      const uint8_t root_sha256[32],
                                                      uint64_t now_ms, tacit_claims_t *ret_claims,
                                                      tacit_error_t *ret_error);

/*  Only the enclave's own part of the evidence: its attestation key signed what it says. Says
    nothing about the attestation key; that is for who has an attestation result naming it. Fills
    the claims of the report and attestation_key_sha256, and leaves the rest zero.  */
TACIT_MUST_CHECK tacit_status_t tacit_evidence_verify_report(tacit_span_t quote,
                                                             tacit_claims_t *ret_claims,
                                                             tacit_error_t *ret_error);

#endif
