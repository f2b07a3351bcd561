/*  answer_proof.h - is this the answer to exactly that request, by code that was trusted with it?

    The worker's attestation result names its signing key, the receipt is signed by it, both agree,
    and the receipt speaks of these very bytes.  */

#ifndef TACIT_CLIENTS_ANSWER_PROOF_H
#define TACIT_CLIENTS_ANSWER_PROOF_H

#include "enclave/envelope.h"
#include "enclave/result.h"

/*  What was asked. All borrowed.  */
typedef struct tacit_question {
    const tacit_envelope_t *envelope;  /* version 0: any */
    tacit_span_t request;              /* sealed, as it was sent */
    const uint8_t (*measurements)[32]; /* of the workers that have the request key */
    size_t measurement_count;
    const uint8_t *issuer; /* the attestation service's result key, 32 bytes */
    const uint8_t *mesh_id;
} tacit_question_t;

/*  The receipt, once all of it holds; the answer may then be opened for the version that it names.
    RESULT_INVALID or MEASUREMENT_REFUSED with the claim that does not hold, and what
    tacit_result_verify and tacit_receipt_verify refuse with.  */
TACIT_MUST_CHECK tacit_status_t tacit_answer_prove(const tacit_question_t *question,
                                                   tacit_span_t receipt, tacit_span_t result,
                                                   tacit_span_t response,
                                                   tacit_receipt_t *ret_receipt,
                                                   tacit_error_t *ret_error);

#endif
