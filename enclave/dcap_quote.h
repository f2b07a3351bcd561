/*  dcap_quote.h - Intel ECDSA quotes, versions 3 (SGX), 4 and 5 (SGX and TDX), taken apart.

        v3  header 48 | SGX report 384                          | length u32 | section
        v4  header 48 | SGX report 384 or TD report 584         | length u32 | section
        v5  header 48 | type u16, size u32 | body of that size  | length u32 | section

    The section of v3 is described in sgx_quote.h; from v4 on, what follows the attestation key is
    itself certification data: type u16 = 6, size u32, and inside it the same fields. Parsing
    borrows from the quote and checks form only, no signature.  */

#ifndef TACIT_ENCLAVE_DCAP_QUOTE_H
#define TACIT_ENCLAVE_DCAP_QUOTE_H

#include "enclave/sgx_quote.h"
#include "enclave/td_report.h"

enum {
    TACIT_QUOTE_VERSION_4 = 4,
    TACIT_QUOTE_VERSION_5 = 5,
    TACIT_QUOTE_TEE_SGX = 0x00,
    TACIT_QUOTE_TEE_TDX = 0x81,
    TACIT_QUOTE_BODY_SGX = 1, /* body types of v5 */
    TACIT_QUOTE_BODY_TD = 2,
    TACIT_QUOTE_BODY_TD_15 = 3,
    TACIT_QUOTE_CERT_TYPE_QE_REPORT = 6 /* QE report and what certifies it */
};

/*  A quote taken apart. Spans borrow from it.  */
typedef struct tacit_dcap_quote {
    uint16_t version;
    bool is_tdx;
    tacit_span_t signed_part;       /* header to end of body: what the attestation key signed */
    tacit_span_t body;              /* the report's bytes */
    tacit_sgx_report_t report;      /* of the enclave; zero for TDX */
    tacit_td_report_t td;           /* of the trust domain; zero for SGX */
    const uint8_t *signature;       /* TACIT_ECDSA_SIGNATURE_SIZE, over signed_part */
    const uint8_t *attestation_key; /* TACIT_ECDSA_KEY_SIZE */
    tacit_sgx_report_t qe_report;   /* of the quoting enclave */
    const uint8_t *qe_signature;    /* TACIT_ECDSA_SIGNATURE_SIZE, over qe_report.bytes */
    tacit_span_t auth_data;         /* may be empty; qe_report commits to key and this */
    tacit_span_t certificates;      /* PEM, without the NUL that may end it */
    size_t trailing;                /* zero bytes after the quote */
} tacit_dcap_quote_t;

/*  Take a quote apart. Every length must be met exactly; only zero bytes may follow the quote.
    UNSUPPORTED for other versions, bodies, key types or certification data; QE_REFUSED for another
    vendor's quoting enclave; TOO_LARGE beyond TACIT_QUOTE_MAX; else EVIDENCE_MALFORMED.  */
TACIT_MUST_CHECK tacit_status_t tacit_dcap_quote_parse(tacit_span_t bytes,
                                                       tacit_dcap_quote_t *ret_quote,
                                                       tacit_error_t *ret_error);

/*  Header and body alone, for saying what a quote that was refused claims to be.  */
TACIT_MUST_CHECK tacit_status_t tacit_dcap_quote_parse_body(tacit_span_t bytes,
                                                            tacit_dcap_quote_t *ret_quote,
                                                            tacit_error_t *ret_error);

#endif
