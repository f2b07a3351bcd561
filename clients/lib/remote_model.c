/*  remote_model.c - requests are sealed, sent and waited for.  */

#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/remote_model_internal.h"
#include "rpc/codec.h"

enum { S_ENCODE_SLACK = 8192 /* bytes of a request beside its elements */ };

/*  --- opening --------------------------------------------------------------------------------- */

tacit_status_t tacit_remote_model_open(tacit_user_t *user, const char *identity,
                                       const tacit_model_reference_t *reference,
                                       const uint8_t (*measurements)[32], size_t count,
                                       tacit_remote_model_t **ret_model, tacit_error_t *ret_error)
{
    if (count > TACIT_REQUEST_KEYS_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "at most %d measurements",
                               TACIT_REQUEST_KEYS_MAX);
    }
    tacit_remote_model_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->user = user;
    self->identity = identity;
    self->reference = *reference;
    self->pinned = count > 0;
    self->measurement_count = count;
    if (count > 0) {
        memcpy(self->measurements, measurements, count * 32);
    }
    tacit_status_t status = tacit_remote_add_workers(self, ret_error);
    if (!status) {
        status = tacit_remote_share_key(self, false, ret_error);
    }
    if (!status) {
        status = tacit_user_connect(user, TACIT_ROLE_GATEWAY, &self->gateway, ret_error);
    }
    if (status) {
        tacit_remote_model_destroy(&self);
        return status;
    }
    *ret_model = self;
    return TACIT_OK;
}

void tacit_remote_model_destroy(tacit_remote_model_t **model)
{
    if (model && *model) {
        tacit_remote_model_t *self = *model;
        for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX; i++) {
            tacit_shared_bytes_release(self->pending[i].sealed, NULL);
        }
        tacit_client_destroy(&self->gateway);
        tacit_secret_destroy(&self->request_key);
        free(self);
        *model = NULL;
    }
}

size_t tacit_remote_model_width(const tacit_remote_model_t *model)
{
    size_t workers = model->workers ? model->workers : 1;
    return workers < TACIT_REMOTE_CALLS_MAX ? workers : TACIT_REMOTE_CALLS_MAX;
}

size_t tacit_remote_model_pending(const tacit_remote_model_t *model)
{
    return model->pending_count;
}

/*  --- sending --------------------------------------------------------------------------------- */

tacit_status_t tacit_remote_send(tacit_remote_model_t *self, tacit_remote_call_t *pending,
                                 tacit_error_t *ret_error)
{
    tacit_inference_infer_args_t args = {
        .owner = tacit_span(pending->envelope.owner, 32),
        .name = tacit_span_string(pending->envelope.name),
        .version = pending->envelope.version,
        .request_id = tacit_span(pending->envelope.request_id, TACIT_REQUEST_ID_SIZE),
    };
    pending->attempts++;
    pending->call = 0;
    if (!self->gateway) {
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, "no gateway answers");
    }
    const tacit_request_t request = {
        .method = &tacit_inference_infer,
        .args = &args,
        .bulk = tacit_span(pending->sealed, pending->sealed_size),
        .free_bulk = tacit_shared_bytes_release,
        .deadline_ms = tacit_user_deadline(self->user, &tacit_inference_infer),
    };
    tacit_shared_bytes_hold(pending->sealed);
    return tacit_client_start_request(self->gateway, &request, &pending->call, ret_error);
}

/*  The plaintext of a request, in memory that is locked before anything is written to it.  */
static tacit_status_t s_encode(const tacit_inference_tensor_t *inputs, size_t count,
                               tacit_buffer_t *ret_plain, tacit_error_t *ret_error)
{
    size_t size = S_ENCODE_SLACK;
    for (size_t i = 0; i < count; i++) {
        size += inputs[i].data.size;
    }
    tacit_inference_request_t request = {.has_padding = false};
    request.inputs.items = (tacit_inference_tensor_t *)inputs;
    request.inputs.count = count;
    tacit_buffer_init(ret_plain, tacit_inference_request_record.encoded_max);
    if (tacit_buffer_reserve(ret_plain, size) ||
        sodium_mlock(ret_plain->data, ret_plain->capacity) != 0) {
        tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l) or send less "
                                      "at a time (--batch)");
        return TACIT_NO_MEMORY;
    }
    return tacit_codec_encode(&tacit_inference_request_record, &request, NULL, ret_plain,
                              ret_error);
}

static tacit_status_t s_seal(tacit_remote_model_t *self, const tacit_inference_tensor_t *inputs,
                             size_t count, tacit_remote_call_t *pending, tacit_error_t *ret_error)
{
    tacit_buffer_t plain = {.data = NULL};
    tacit_status_t status = s_encode(inputs, count, &plain, ret_error);
    if (!status) {
        pending->sealed_size = plain.size + TACIT_SEAL_OVERHEAD;
        pending->sealed = tacit_shared_bytes_new(pending->sealed_size);
        status = pending->sealed ? TACIT_OK : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!status) {
        tacit_envelope_seal(&pending->envelope, TACIT_DIRECTION_REQUEST, self->request_key->data,
                            tacit_buffer_span(&plain), pending->sealed);
    }
    if (plain.data) {
        (void)sodium_munlock(plain.data, plain.capacity); /* wipes, too */
    }
    tacit_buffer_free(&plain);
    return status;
}

static void s_forget(tacit_remote_model_t *self, tacit_remote_call_t *pending)
{
    tacit_shared_bytes_release(pending->sealed, NULL);
    *pending = (tacit_remote_call_t){.used = false};
    self->pending_count--;
}

tacit_status_t tacit_remote_model_start(tacit_remote_model_t *model,
                                        const tacit_inference_tensor_t *inputs, size_t count,
                                        uint64_t tag, tacit_error_t *ret_error)
{
    tacit_remote_call_t *pending = NULL;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !pending; i++) {
        pending = model->pending[i].used ? NULL : &model->pending[i];
    }
    if (!pending) {
        return tacit_error_set(ret_error, TACIT_BUSY, "%d requests are on their way",
                               TACIT_REMOTE_CALLS_MAX);
    }
    *pending = (tacit_remote_call_t){.used = true, .tag = tag, .started_us = tacit_remote_now_us()};
    model->pending_count++;
    pending->envelope.version = model->reference.version;
    randombytes_buf(pending->envelope.request_id, TACIT_REQUEST_ID_SIZE);
    memcpy(pending->envelope.user, model->user->identity->public_key, 32);
    memcpy(pending->envelope.owner, model->reference.owner, 32);
    memcpy(pending->envelope.name, model->reference.name, sizeof pending->envelope.name);
    tacit_status_t status = s_seal(model, inputs, count, pending, ret_error);
    pending->seal_us = tacit_remote_now_us() - pending->started_us;
    if (status) {
        s_forget(model, pending);
        return status;
    }
    /*  A connection that is over shows in next, which makes a new one and sends again.  */
    (void)tacit_remote_send(model, pending, NULL);
    return TACIT_OK;
}

/*  --- the answer ------------------------------------------------------------------------------ */

static tacit_remote_call_t *s_find(tacit_remote_model_t *self, uint64_t call)
{
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX; i++) {
        if (self->pending[i].used && self->pending[i].call == call) {
            return &self->pending[i];
        }
    }
    return NULL;
}

/*  Any of those on their way.  */
static tacit_remote_call_t *s_any(tacit_remote_model_t *self)
{
    tacit_remote_call_t *found = NULL;
    for (size_t i = 0; i < TACIT_REMOTE_CALLS_MAX && !found; i++) {
        found = self->pending[i].used ? &self->pending[i] : NULL;
    }
    return found;
}

/*  One reply, of whatever kind, and whose it is: NULL where it is none of ours.  */
static tacit_remote_call_t *s_receive(tacit_remote_model_t *self, tacit_reply_t *ret_reply)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = TACIT_DEADLINE_EXCEEDED;
    if (self->gateway) {
        status = tacit_client_next(self->gateway, UINT32_MAX / 2, ret_reply, &error);
    }
    if (!status) {
        return s_find(self, ret_reply->call);
    }
    if (status == TACIT_DEADLINE_EXCEEDED) {
        /*  Nothing is outstanding there: what was to be sent found no connection.  */
        status = tacit_error_set(&error, TACIT_UNREACHABLE, NULL);
    }
    *ret_reply = (tacit_reply_t){.status = status, .error = error};
    return s_any(self);
}

tacit_status_t tacit_remote_model_next(tacit_remote_model_t *model, tacit_answer_t *ret_answer,
                                       tacit_error_t *ret_error)
{
    tacit_reply_t reply = {.call = 0};
    memset(ret_answer, 0, sizeof *ret_answer);
    while (model->pending_count > 0) {
        tacit_remote_call_t *pending = s_receive(model, &reply);
        if (!pending) {
            continue;
        }
        ret_answer->tag = pending->tag;
        tacit_status_t status =
            reply.status ? tacit_remote_repair(model, pending, &reply.error, ret_error)
                         : tacit_remote_accept(model, pending, &reply, ret_answer, ret_error);
        if (status || !reply.status) {
            s_forget(model, pending);
            return status;
        }
    }
    return tacit_error_set(ret_error, TACIT_NOT_FOUND, "no request is on its way");
}

tacit_status_t tacit_remote_model_bundle(const tacit_remote_model_t *model,
                                         const tacit_answer_t *answer,
                                         tacit_receipt_bundle_t *ret_bundle)
{
    const tacit_mesh_t *mesh = model->user->mesh;
    return tacit_receipt_bundle_make(answer->receipt_bytes, answer->result_bytes,
                                     tacit_mesh_nonce(mesh), tacit_mesh_introduction(mesh),
                                     answer->receipt.time_ms, ret_bundle);
}
