/*  answer.c - see answer.h.  */

#include "clients/lib/answer.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/codec.h"
#include "rpc/shared_bytes.h"

void tacit_answer_release(tacit_answer_t *answer)
{
    if (answer) {
        for (size_t i = 0; i < answer->output_count; i++) {
            tacit_tensor_release(&answer->outputs[i]);
        }
        tacit_shared_bytes_release(answer->sealed_request, NULL);
        free(answer->sealed_response);
        memset(answer, 0, sizeof *answer);
    }
}

static void s_text(tacit_span_t text, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "%.*s", (int)text.size,
                   text.data ? (const char *)text.data : "");
}

/*  What the worker says went wrong, as if it had been found here.  */
static tacit_status_t s_pass_failure(const tacit_inference_failure_t *failure,
                                     tacit_error_t *ret_error)
{
    tacit_error_t error = {.code = TACIT_OK};
    if (failure->code == 0 || failure->code > INT32_MAX) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                               "the worker failed and does not say why");
    }
    (void)tacit_error_set(&error, (tacit_status_t)failure->code, NULL);
    s_text(failure->name, error.name, sizeof error.name);
    s_text(failure->message, error.message, sizeof error.message);
    if (strcmp(error.message, tacit_status_text(TACIT_BAD_INPUT)) == 0) { /* whose argument? */
        snprintf(error.message, sizeof error.message, "the model does not take this input");
    }
    s_text(failure->claim, error.claim, sizeof error.claim);
    s_text(failure->expected, error.expected, sizeof error.expected);
    s_text(failure->got, error.got, sizeof error.got);
    s_text(failure->remedy, error.remedy, sizeof error.remedy);
    if (ret_error) {
        *ret_error = error;
    }
    return error.code;
}

static tacit_status_t s_take_output(const tacit_inference_tensor_t *from,
                                    tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    tacit_tensor_t tensor = {.rank = 0};
    tacit_status_t status =
        tacit_tensor_allocate((tacit_inference_dtype_t)from->dtype, from->shape.count,
                              from->shape.items, &tensor, ret_error);
    if (status) {
        return status;
    }
    if (from->data.size != tensor.data->size) {
        tacit_tensor_release(&tensor);
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                               "an output's size is not that of its shape");
    }
    memcpy(tensor.data->data, from->data.data, from->data.size);
    s_text(from->name, tensor.name, sizeof tensor.name);
    *ret_tensor = tensor;
    return TACIT_OK;
}

static tacit_status_t s_take(const tacit_inference_response_t *response, tacit_answer_t *answer,
                             tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    if (response->has_failure) {
        return s_pass_failure(&response->failure, ret_error);
    }
    if (response->outputs.count == 0) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the answer has no outputs");
    }
    for (size_t i = 0; i < response->outputs.count && !status; i++) {
        status = s_take_output(&response->outputs.items[i], &answer->outputs[i], ret_error);
        answer->output_count += status == TACIT_OK;
    }
    s_text(response->labels, answer->labels, sizeof answer->labels);
    answer->phases.load_us = response->load_us;
    answer->phases.open_us = response->open_us;
    answer->phases.run_us = response->run_us;
    return status;
}

tacit_status_t tacit_answer_decode(tacit_span_t plaintext, tacit_answer_t *answer,
                                   tacit_error_t *ret_error)
{
    tacit_inference_response_t response = {.load_us = 0};
    tacit_arena_t *arena = tacit_arena_new();
    if (!arena) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = tacit_codec_decode(&tacit_inference_response_record, plaintext, NULL,
                                               arena, &response, ret_error);
    if (status) {
        status = tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                                 "the worker's answer is not well formed");
    } else {
        status = s_take(&response, answer, ret_error);
    }
    tacit_arena_destroy(&arena);
    return status;
}
