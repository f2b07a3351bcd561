/*  receipt_bundle.h - a receipt with all that proves it: for a file, to be checked years later
    without the mesh.

    Holds the worker's signed receipt, the attestation result that names the worker's signing key,
    and the attestation service's evidence (with the nonce that it is fresh by) that names the key
    which signed the result. With trust.json it proves which code answered what, when, under which
    policy. One JSON object; binary values in base64.  */

#ifndef TACIT_CLIENTS_RECEIPT_BUNDLE_H
#define TACIT_CLIENTS_RECEIPT_BUNDLE_H

#include "enclave/envelope.h"
#include "enclave/result.h"
#include "rpc/mesh.h"

enum {
    TACIT_BUNDLE_NONCE_SIZE = 32,
    TACIT_BUNDLE_FILE_MAX = 1048576 /* bytes: base64 of TACIT_INTRODUCTION_MAX, and the rest */
};

typedef struct tacit_receipt_bundle {
    uint64_t time_ms; /* the receipt's own time, which its proof is judged at */
    uint8_t receipt[TACIT_RECEIPT_SIZE];
    uint8_t result[TACIT_RESULT_SIZE];
    uint8_t nonce[TACIT_BUNDLE_NONCE_SIZE];
    uint8_t *introduction; /* owned */
    size_t introduction_size;
} tacit_receipt_bundle_t;

/*  What a bundle proves once it was verified.  */
typedef struct tacit_proven_receipt {
    tacit_receipt_t receipt;
    tacit_result_t result; /* of the worker */
    tacit_claims_t claims; /* of the attestation service */
} tacit_proven_receipt_t;

/*  The introduction is copied. NO_MEMORY; release in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_bundle_make(
    const uint8_t *receipt, const uint8_t *result, const uint8_t nonce[32],
    tacit_span_t introduction, uint64_t time_ms, tacit_receipt_bundle_t *ret_bundle);
void tacit_receipt_bundle_release(tacit_receipt_bundle_t *bundle);

/*  The file's text; free() it. NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_bundle_format(const tacit_receipt_bundle_t *bundle,
                                                            char **ret_text);

/*  Exactly such an object, every member once; MALFORMED with the member as the claim otherwise.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_bundle_parse(tacit_span_t text,
                                                           tacit_receipt_bundle_t *ret_bundle,
                                                           tacit_error_t *ret_error);

/*  A receipt and the result of the worker that signed it agree: role, code, policy, mesh.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_agree(const tacit_receipt_t *receipt,
                                                    const tacit_result_t *result,
                                                    tacit_error_t *ret_error);

/*  The whole chain, as of the receipt's time: trust file, attestation service's evidence, result,
    receipt.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_bundle_verify(const tacit_receipt_bundle_t *bundle,
                                                            const tacit_trust_t *trust,
                                                            tacit_proven_receipt_t *ret_proven,
                                                            tacit_error_t *ret_error);

#endif
