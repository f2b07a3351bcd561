/*  answer_proof.c - see answer_proof.h.  */

#include "clients/lib/answer_proof.h"

#include <sodium.h>

#include "clients/lib/hex.h"
#include "clients/lib/receipt_bundle.h"
#include "enclave/clock.h"

static tacit_status_t s_expect(bool agrees, const char *claim, tacit_error_t *ret_error)
{
    if (agrees) {
        return TACIT_OK;
    }
    tacit_error_claim(ret_error, TACIT_RESULT_INVALID, claim, "that of this request and its answer",
                      "another");
    tacit_error_remedy(ret_error, "something between you and the worker changed requests or "
                                  "answers; tell the operator");
    return TACIT_RESULT_INVALID;
}

static bool s_is_digest(const uint8_t expected[32], tacit_span_t bytes)
{
    uint8_t digest[32];
    (void)crypto_hash_sha256(digest, bytes.data, bytes.size);
    return memcmp(digest, expected, sizeof digest) == 0;
}

/*  The receipt speaks of exactly this request and this answer.  */
static tacit_status_t s_check_receipt(const tacit_question_t *question,
                                      const tacit_receipt_t *receipt, tacit_span_t response,
                                      tacit_error_t *ret_error)
{
    const tacit_envelope_t *sent = question->envelope;
    const tacit_envelope_t *got = &receipt->envelope;
    bool version = got->version >= 1 && (sent->version == 0 || sent->version == got->version);
    bool model = memcmp(sent->owner, got->owner, 32) == 0 && strcmp(sent->name, got->name) == 0;
    const struct {
        bool agrees;
        const char *claim;
    } checks[] = {
        {memcmp(sent->request_id, got->request_id, TACIT_REQUEST_ID_SIZE) == 0,
         "receipt: request id"},
        {memcmp(sent->user, got->user, 32) == 0, "receipt: user"},
        {model, "receipt: model"},
        {version, "receipt: version"},
        {s_is_digest(receipt->request_sha256, question->request), "receipt: request digest"},
        {s_is_digest(receipt->response_sha256, response), "receipt: response digest"},
    };
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !status; i++) {
        status = s_expect(checks[i].agrees, checks[i].claim, ret_error);
    }
    return status;
}

static tacit_status_t s_check_measurement(const tacit_question_t *question,
                                          const uint8_t measurement[32], tacit_error_t *ret_error)
{
    char got[TACIT_HEX_KEY_SIZE];
    for (size_t i = 0; i < question->measurement_count; i++) {
        if (memcmp(question->measurements[i], measurement, 32) == 0) {
            return TACIT_OK;
        }
    }
    tacit_hex_key(measurement, got);
    return tacit_error_claim(ret_error, TACIT_MEASUREMENT_REFUSED, "receipt: measurement",
                             "that of a worker that was given the request key", got);
}

tacit_status_t tacit_answer_prove(const tacit_question_t *question, tacit_span_t receipt,
                                  tacit_span_t result, tacit_span_t response,
                                  tacit_receipt_t *ret_receipt, tacit_error_t *ret_error)
{
    tacit_result_t worker;
    tacit_receipt_t proven;
    tacit_status_t status = tacit_result_verify(result, question->issuer, question->mesh_id,
                                                tacit_now_ms(), &worker, ret_error);
    if (!status) {
        status = tacit_receipt_verify(receipt, worker.signing_key, &proven, ret_error);
    }
    if (!status) {
        status = tacit_receipt_agree(&proven, &worker, ret_error);
    }
    if (!status) {
        status = s_check_receipt(question, &proven, response, ret_error);
    }
    if (!status) {
        status = s_check_measurement(question, worker.mrenclave, ret_error);
    }
    if (!status) {
        *ret_receipt = proven;
    }
    return status;
}
