/*  remote_model_answer.c - an answer is proven before it is opened.  */

#include <stdlib.h>

#include "clients/lib/answer_proof.h"
#include "clients/lib/remote_model_internal.h"

/*  Fills the answer's proof.  */
static tacit_status_t s_verify(const tacit_remote_model_t *self, const tacit_remote_call_t *pending,
                               const tacit_inference_infer_result_t *reply, tacit_span_t response,
                               tacit_answer_t *answer, tacit_error_t *ret_error)
{
    const tacit_question_t question = {
        .envelope = &pending->envelope,
        .request = tacit_span(pending->sealed, pending->sealed_size),
        .measurements = (const uint8_t(*)[32])self->measurements,
        .measurement_count = self->measurement_count,
        .issuer = tacit_mesh_result_key(self->user->mesh),
        .mesh_id = tacit_mesh_id(self->user->mesh),
    };
    tacit_status_t status = tacit_answer_prove(&question, reply->receipt, reply->result, response,
                                               &answer->receipt, ret_error);
    if (!status) {
        memcpy(answer->receipt_bytes, reply->receipt.data, sizeof answer->receipt_bytes);
        memcpy(answer->result_bytes, reply->result.data, sizeof answer->result_bytes);
    }
    return status;
}

static tacit_status_t s_open(const tacit_remote_model_t *self, const tacit_remote_call_t *pending,
                             tacit_span_t response, tacit_answer_t *answer,
                             tacit_error_t *ret_error)
{
    tacit_secret_t *plain = NULL;
    tacit_envelope_t envelope = pending->envelope;
    envelope.version = answer->receipt.envelope.version;
    if (response.size <= TACIT_SEAL_OVERHEAD) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the sealed answer is too short");
    }
    tacit_status_t status = tacit_secret_new(response.size - TACIT_SEAL_OVERHEAD, &plain);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l)");
        return status;
    }
    status = tacit_envelope_open(&envelope, TACIT_DIRECTION_RESPONSE, self->request_key->data,
                                 response, plain->data);
    if (status) {
        tacit_error_set(ret_error, status, "the sealed answer does not open");
    } else {
        status = tacit_answer_decode(tacit_secret_span(plain), answer, ret_error);
    }
    tacit_secret_destroy(&plain);
    return status;
}

tacit_status_t tacit_remote_accept(const tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                   const tacit_reply_t *reply, tacit_answer_t *answer,
                                   tacit_error_t *ret_error)
{
    const tacit_inference_infer_result_t *result = reply->result;
    uint64_t received_us = tacit_remote_now_us();
    if (!result || reply->bulk.size == 0) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the gateway sent no answer");
    }
    answer->phases = (tacit_phases_t){
        .seal_us = pending->seal_us,
        .queued_us = result->queued_us,
        .worker_us = result->worker_us,
        .answer_us = result->answer_us,
        .receipt_us = result->receipt_us,
    };
    tacit_status_t status = s_verify(self, pending, result, reply->bulk, answer, ret_error);
    if (!status) {
        status = s_open(self, pending, reply->bulk, answer, ret_error);
    }
    if (status) {
        return status;
    }
    answer->sealed_response = malloc(reply->bulk.size);
    if (!answer->sealed_response) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(answer->sealed_response, reply->bulk.data, reply->bulk.size);
    answer->sealed_response_size = reply->bulk.size;
    answer->sealed_request = pending->sealed;
    answer->sealed_request_size = pending->sealed_size;
    pending->sealed = NULL;
    answer->phases.verify_us = tacit_remote_now_us() - received_us;
    answer->phases.total_us = tacit_remote_now_us() - pending->started_us;
    return TACIT_OK;
}
