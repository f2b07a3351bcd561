/*  evidence_refusal.h - how the verification of evidence refuses: claim, expected, got, and the
    remedy that belongs to the code.  */

#ifndef TACIT_ENCLAVE_EVIDENCE_REFUSAL_H
#define TACIT_ENCLAVE_EVIDENCE_REFUSAL_H

#include "enclave/error.h"
#include "enclave/span.h"

/*  As tacit_error_claim, with the code's remedy added.  */
tacit_status_t tacit_evidence_refuse(tacit_error_t *error, tacit_status_t code, const char *claim,
                                     const char *expected, const char *got);

/*  For claims that are short byte strings, shown in hexadecimal.  */
tacit_status_t tacit_evidence_refuse_bytes(tacit_error_t *error, tacit_status_t code,
                                           const char *claim, tacit_span_t expected,
                                           tacit_span_t got);

/*  For claims that are numbers.  */
tacit_status_t tacit_evidence_refuse_number(tacit_error_t *error, tacit_status_t code,
                                            const char *claim, uint64_t expected, uint64_t got);

#endif
