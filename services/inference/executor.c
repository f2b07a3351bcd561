/*  executor.c - the phases of one inference.

    Until the request is open, a refusal goes to the gateway in the clear: it says nothing about
    plaintext. From then on whatever goes wrong (a shape that does not fit, say) is part of the
    sealed answer, for its user alone.  */

#include "services/inference/executor.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/secret.h"
#include "idl/inference.h"
#include "idl/keys.h"
#include "rpc/log.h"
#include "rpc/shared_bytes.h"
#include "services/inference/lease_cache.h"
#include "services/inference/model_cache.h"
#include "services/inference/model_fetch.h"

struct tacit_executor {
    tacit_node_t *node;
    tacit_engine_options_t options;
    tacit_isolation_t isolation;
    tacit_channel_t *keys;
    tacit_channel_t *models;
    tacit_lease_cache_t *leases;
    tacit_model_cache_t *cache;
    tacit_arena_t *arena; /* of one request: lists of its plaintext */
};

void tacit_task_destroy(tacit_task_t **task)
{
    if (*task) {
        free((*task)->sealed);
        tacit_shared_bytes_release((*task)->answer, NULL);
        free(*task);
        *task = NULL;
    }
}

tacit_status_t tacit_executor_new(tacit_node_t *node, const tacit_engine_options_t *options,
                                  tacit_isolation_t isolation, tacit_executor_t **ret_executor,
                                  tacit_error_t *ret_error)
{
    tacit_executor_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->node = node;
    self->options = *options;
    self->isolation = isolation;
    self->leases = tacit_lease_cache_new();
    self->cache = tacit_model_cache_new();
    self->arena = tacit_arena_new();
    tacit_status_t status = self->leases && self->cache && self->arena
                                ? TACIT_OK
                                : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (!status) {
        status = tacit_node_channel(node, TACIT_ROLE_KEYS, 0, &self->keys, ret_error);
    }
    if (!status) {
        status = tacit_node_channel(node, TACIT_ROLE_MODELS, 0, &self->models, ret_error);
    }
    if (status) {
        tacit_executor_destroy(&self);
        return status;
    }
    *ret_executor = self;
    return TACIT_OK;
}

void tacit_executor_destroy(tacit_executor_t **executor)
{
    if (*executor) {
        tacit_executor_t *self = *executor;
        tacit_channel_destroy(&self->keys);
        tacit_channel_destroy(&self->models);
        tacit_lease_cache_destroy(&self->leases);
        tacit_model_cache_destroy(&self->cache);
        tacit_arena_destroy(&self->arena);
        free(self);
        *executor = NULL;
    }
}

/*  --- keys ------------------------------------------------------------------------------------ */

static void s_fill_lease(const tacit_envelope_t *envelope,
                         const tacit_keys_release_result_t *released, uint64_t asked_ms,
                         tacit_lease_t *ret_lease)
{
    memcpy(ret_lease->user, envelope->user, 32);
    memcpy(ret_lease->owner, envelope->owner, 32);
    memcpy(ret_lease->name, envelope->name, sizeof ret_lease->name);
    ret_lease->asked_version = envelope->version;
    ret_lease->version = released->version;
    memcpy(ret_lease->model_key, released->model_key.data, TACIT_KEY_SIZE);
    memcpy(ret_lease->request_key, released->request_key.data, TACIT_KEY_SIZE);
    memcpy(ret_lease->owner_signing_key, released->owner_signing_key.data, 32);
    memcpy(ret_lease->content_sha256, released->content_sha256.data, 32);
    /*  From when it was asked for: the way back is on the lease. Ends one later than now where the
        lease is for this request only; the caller drops it then.  */
    ret_lease->ends_ms = asked_ms + (released->lease_ms ? released->lease_ms : 1);
}

/*  A use is spent by what was asked, not by the user's number for it: the same sealed request
   again, after a lost worker or answer, is the same use; another one under the same number is not.
 */
static tacit_status_t s_ask_keys(tacit_executor_t *self, const tacit_task_t *task,
                                 const tacit_lease_t **ret_lease, bool *ret_once,
                                 tacit_error_t *ret_error)
{
    const tacit_envelope_t *envelope = &task->envelope;
    tacit_keys_release_args_t args = {
        .user = tacit_span(envelope->user, 32),
        .owner = tacit_span(envelope->owner, 32),
        .name = tacit_span_string(envelope->name),
        .version = envelope->version,
        .request_id = tacit_span(task->sealed_sha256, TACIT_REQUEST_ID_SIZE),
    };
    tacit_keys_release_result_t released = {0};
    const tacit_request_t request = {.method = &tacit_keys_release, .args = &args};
    uint64_t asked_ms = tacit_lease_now_ms();
    tacit_status_t status = tacit_channel_call(self->keys, &request, &released, NULL, ret_error);
    if (status) {
        return status;
    }
    tacit_lease_t *lease = tacit_lease_cache_slot(self->leases, asked_ms);
    s_fill_lease(envelope, &released, asked_ms, lease);
    *ret_once = released.lease_ms == 0;
    *ret_lease = lease;
    return TACIT_OK;
}

static tacit_status_t s_get_keys(tacit_executor_t *self, const tacit_task_t *task,
                                 const tacit_lease_t **ret_lease, bool *ret_once,
                                 tacit_error_t *ret_error)
{
    *ret_once = false;
    *ret_lease = tacit_lease_cache_find(self->leases, &task->envelope, tacit_lease_now_ms());
    if (*ret_lease) {
        return TACIT_OK;
    }
    return s_ask_keys(self, task, ret_lease, ret_once, ret_error);
}

/*  --- the model ------------------------------------------------------------------------------- */

static tacit_status_t s_get_engine(tacit_executor_t *self, const tacit_lease_t *lease,
                                   tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_model_id_t model = {.version = lease->version};
    memcpy(model.owner, lease->owner, 32);
    memcpy(model.name, lease->name, sizeof model.name);
    *ret_engine = tacit_model_cache_find(self->cache, &model, lease->content_sha256);
    if (*ret_engine) {
        return TACIT_OK;
    }
    tacit_engine_t *engine = NULL;
    tacit_status_t status =
        tacit_model_fetch(self->models, lease, &self->options, &engine, ret_error);
    if (status) {
        return status;
    }
    tacit_model_cache_put(self->cache, &model, lease->content_sha256, &engine);
    *ret_engine = tacit_model_cache_find(self->cache, &model, lease->content_sha256);
    return TACIT_OK;
}

/*  --- plaintext ------------------------------------------------------------------------------- */

typedef struct {
    uint64_t load_us;
    uint64_t open_us;
    uint64_t run_us;
} s_times_t;

static tacit_status_t s_take_inputs(const tacit_inference_request_t *request,
                                    tacit_engine_tensor_t *ret_inputs)
{
    for (size_t i = 0; i < request->inputs.count; i++) {
        const tacit_inference_tensor_t *from = &request->inputs.items[i];
        ret_inputs[i] = (tacit_engine_tensor_t){
            .name = from->name,
            .dtype = (tacit_dtype_t)from->dtype,
            .rank = from->shape.count,
            .data = from->data,
        };
        if (from->shape.count > TACIT_ENGINE_RANK_MAX) {
            return TACIT_TOO_LARGE;
        }
        if (from->shape.count) { /* a scalar has no dimensions, and no list of them */
            memcpy(ret_inputs[i].dims, from->shape.items, from->shape.count * sizeof(int64_t));
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_state_outputs(tacit_arena_t *arena, const tacit_engine_result_t *result,
                                      tacit_inference_response_t *ret_response)
{
    size_t count = 0;
    const tacit_engine_tensor_t *tensors = tacit_engine_result_tensors(result, &count);
    tacit_inference_tensor_t *items = tacit_arena_alloc(arena, (count ? count : 1) * sizeof *items);
    if (!items) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t *dims = tacit_arena_alloc(arena, TACIT_ENGINE_RANK_MAX * sizeof *dims);
        if (!dims) {
            return TACIT_NO_MEMORY;
        }
        memcpy(dims, tensors[i].dims, tensors[i].rank * sizeof *dims);
        items[i] = (tacit_inference_tensor_t){
            .name = tensors[i].name,
            .dtype = (uint32_t)tensors[i].dtype,
            .data = tensors[i].data,
        };
        items[i].shape.items = dims;
        items[i].shape.count = tensors[i].rank;
    }
    ret_response->outputs.items = items;
    ret_response->outputs.count = count;
    return TACIT_OK;
}

static void s_state_failure(const tacit_error_t *error, tacit_inference_response_t *ret_response)
{
    ret_response->has_failure = true;
    ret_response->failure = (tacit_inference_failure_t){
        .code = (uint32_t)TACIT_INFERENCE_INPUT_REFUSED,
        .name = tacit_span_string("input_refused"),
        .message = tacit_span_string(error->message),
        .claim = tacit_span_string(error->claim),
        .expected = tacit_span_string(error->expected),
        .got = tacit_span_string(error->got),
        .remedy = tacit_span_string(error->remedy),
    };
}

/*  Encode the answer in secret memory and seal it.  */
static tacit_status_t s_seal_answer(const tacit_lease_t *lease,
                                    const tacit_inference_response_t *response, tacit_task_t *task)
{
    uint64_t started_us = tacit_monotonic_ns() / 1000;
    tacit_buffer_t plain;
    tacit_buffer_init(&plain, tacit_inference_response_record.encoded_max);
    tacit_status_t status =
        tacit_codec_encode(&tacit_inference_response_record, response, NULL, &plain, &task->error);
    if (!status) {
        task->answer_size = plain.size + TACIT_SEAL_OVERHEAD;
        task->answer = tacit_shared_bytes_new(task->answer_size);
        status = task->answer ? TACIT_OK : TACIT_NO_MEMORY;
    }
    if (!status) {
        tacit_envelope_t envelope = task->envelope;
        envelope.version = lease->version;
        tacit_envelope_seal(&envelope, TACIT_DIRECTION_RESPONSE, lease->request_key,
                            tacit_span(plain.data, plain.size), task->answer);
    }
    tacit_buffer_free(&plain);
    task->answer_us = tacit_monotonic_ns() / 1000 - started_us;
    return status;
}

static tacit_status_t s_run(tacit_executor_t *self, tacit_engine_t *engine, tacit_span_t plaintext,
                            s_times_t *times, const tacit_lease_t *lease, tacit_task_t *task)
{
    tacit_inference_request_t request = {0};
    tacit_inference_response_t response = {0};
    tacit_engine_tensor_t inputs[TACIT_INFERENCE_REQUEST_INPUTS_MAX] = {0};
    tacit_engine_result_t *result = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    uint64_t started_us = tacit_monotonic_ns() / 1000;
    tacit_status_t status = tacit_codec_decode(&tacit_inference_request_record, plaintext, NULL,
                                               self->arena, &request, &error);
    if (!status) {
        status = s_take_inputs(&request, inputs);
    }
    if (!status) {
        status = tacit_engine_run(engine, inputs, request.inputs.count, &result, &error);
    }
    times->run_us = tacit_monotonic_ns() / 1000 - started_us;
    if (!status) {
        status = s_state_outputs(self->arena, result, &response);
    } else if (!error.code) {
        tacit_error_set(&error, status, NULL);
    }
    if (status) {
        s_state_failure(&error, &response);
    }
    response.labels = tacit_span_string(tacit_engine_labels(engine));
    response.load_us = times->load_us;
    response.open_us = times->open_us;
    response.run_us = times->run_us;
    status = s_seal_answer(lease, &response, task);
    tacit_engine_result_destroy(&result);
    return status;
}

static tacit_status_t s_open_and_run(tacit_executor_t *self, tacit_engine_t *engine,
                                     const tacit_lease_t *lease, s_times_t *times,
                                     tacit_task_t *task)
{
    if (task->sealed_size <= TACIT_SEAL_OVERHEAD) {
        return tacit_error_set(&task->error, TACIT_MALFORMED, "the sealed request is too short");
    }
    tacit_secret_t *plaintext = NULL;
    uint64_t started_us = tacit_monotonic_ns() / 1000;
    tacit_status_t status = tacit_secret_new(task->sealed_size - TACIT_SEAL_OVERHEAD, &plaintext);
    if (status) {
        return tacit_error_set(&task->error, status,
                               "the worker cannot lock memory for the request");
    }
    status = tacit_envelope_open(&task->envelope, TACIT_DIRECTION_REQUEST, lease->request_key,
                                 tacit_span(task->sealed, task->sealed_size), plaintext->data);
    times->open_us = tacit_monotonic_ns() / 1000 - started_us;
    if (status) {
        tacit_error_set(&task->error, status, "the sealed request does not open");
        tacit_error_remedy(&task->error, "it was altered on its way, or sealed under another key");
    } else {
        status = s_run(self, engine, tacit_secret_span(plaintext), times, lease, task);
    }
    tacit_arena_reset(self->arena);
    tacit_secret_destroy(&plaintext);
    return status;
}

/*  --- the receipt ----------------------------------------------------------------------------- */

static void s_sign(tacit_executor_t *self, const tacit_lease_t *lease, tacit_precision_t precision,
                   tacit_task_t *task)
{
    uint64_t started_us = tacit_monotonic_ns() / 1000;
    tacit_result_t result;
    tacit_node_copy_result(self->node, task->result, &result);
    tacit_receipt_t receipt = {
        .envelope = task->envelope,
        .simulated = result.simulated,
        .isolation = self->isolation,
        .backend = self->options.portable ? TACIT_BACKEND_PORTABLE : TACIT_BACKEND_ONEDNN,
        .precision = precision,
        .time_ms = tacit_now_ms(),
    };
    receipt.envelope.version = lease->version;
    memcpy(receipt.request_sha256, task->sealed_sha256, 32);
    crypto_hash_sha256(receipt.response_sha256, task->answer, task->answer_size);
    memcpy(receipt.model_sha256, lease->content_sha256, 32);
    memcpy(receipt.mrenclave, result.mrenclave, 32);
    memcpy(receipt.policy_head, result.policy_head, 32);
    memcpy(receipt.mesh_id, result.mesh_id, 32);
    tacit_receipt_sign(&receipt, tacit_node_signing_secret_key(self->node), task->receipt);
    task->receipt_us = tacit_monotonic_ns() / 1000 - started_us;
}

static tacit_status_t s_execute(tacit_executor_t *self, tacit_task_t *task)
{
    const tacit_lease_t *lease = NULL;
    bool once = false;
    tacit_engine_t *engine = NULL;
    s_times_t times = {0};
    crypto_hash_sha256(task->sealed_sha256, task->sealed, task->sealed_size);
    uint64_t started_us = tacit_monotonic_ns() / 1000;
    tacit_status_t status = s_get_keys(self, task, &lease, &once, &task->error);
    if (status) {
        return status;
    }
    status = s_get_engine(self, lease, &engine, &task->error);
    times.load_us = tacit_monotonic_ns() / 1000 - started_us;
    if (!status) {
        status = s_open_and_run(self, engine, lease, &times, task);
    }
    if (!status) {
        s_sign(self, lease, tacit_engine_precision(engine), task);
    }
    if (once) {
        tacit_lease_cache_drop(self->leases, lease);
    }
    return status;
}

void tacit_executor_run(tacit_executor_t *executor, tacit_task_t *task)
{
    tacit_trace_t before = tacit_trace_enter(&task->trace);
    task->status = s_execute(executor, task);
    if (task->status) {
        tacit_log(TACIT_LOG_DEBUG, "job_failed", "%s", tacit_status_name(task->status));
    } else {
        tacit_log(TACIT_LOG_DEBUG, "job_done", "answered");
    }
    tacit_trace_enter(&before);
    if (task->status && !task->error.code) {
        tacit_error_set(&task->error, task->status, NULL);
    }
    task->resident_count =
        tacit_model_cache_list(executor->cache, task->residents, TACIT_SCHEDULER_RESIDENTS_MAX);
}

void tacit_executor_idle(tacit_executor_t *executor)
{
    tacit_reply_t none;
    tacit_lease_cache_wipe_ended(executor->leases, tacit_lease_now_ms());
    (void)!tacit_channel_next(executor->keys, 0, &none, NULL);
    (void)!tacit_channel_next(executor->models, 0, &none, NULL);
}
