/*  tpm_fuzz.c - foreign bytes as a TPM quote of an Azure confidential VM.

    u16 size, quote | u16 size, signature | u16 size, PCRs | u16 size, key in PEM | HCL report. The
    key is the evidence's own, so that inputs which keep quote, signature and key get past it. A
    refusal always explains itself.  */

#include <stdlib.h>

#include "enclave/tpm_quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tacit_tpm_claims_t claims;
    tacit_tpm_evidence_t evidence = {0};
    tacit_error_t error = {0};
    tacit_cursor_t cursor = tacit_cursor(tacit_span(data, size));
    tacit_span_t *const parts[] = {&evidence.message, &evidence.signature, &evidence.pcrs,
                                   &evidence.key};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i] = tacit_cursor_take(&cursor, tacit_cursor_u16(&cursor));
    }
    evidence.report = cursor.failed ? tacit_span(NULL, 0) : cursor.rest;
    tacit_status_t status = tacit_tpm_quote_verify(&evidence, &claims, &error);
    if (status != TACIT_OK && (error.code != status || error.remedy[0] == '\0')) {
        abort();
    }
    return 0;
}
