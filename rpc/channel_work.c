/*  channel_work.c - a channel's calls as such: taken in, kept to be sent again, delivered,
   forgotten.

    Kept arguments are encoded, so that they need no form of their own; secrets in them are sealed
    under a key that only the channel has.  */

#include <sodium.h>
#include <stdlib.h>

#include "rpc/channel_internal.h"

/*  --- arguments that are kept ----------------------------------------------------------------- */

static tacit_secret_context_t s_own_secrets(const tacit_channel_t *self, const tacit_work_t *work)
{
    static const uint8_t no_session[TACIT_SESSION_ID_SIZE];
    return (tacit_secret_context_t){
        .key = self->own_key->data,
        .session = no_session,
        .msgid = work->number,
        .method = work->method->name,
    };
}

tacit_status_t tacit_channel_keep(tacit_channel_t *channel, tacit_work_t *work,
                                  tacit_error_t *ret_error)
{
    tacit_secret_context_t secrets = s_own_secrets(channel, work);
    if (!work->args) {
        return TACIT_OK;
    }
    tacit_status_t status =
        tacit_codec_encode(work->method->args, work->args, &secrets, &work->saved, ret_error);
    if (status == TACIT_OK) {
        work->args = NULL;
        channel->kept_bytes += work->saved.size;
    }
    return status;
}

tacit_status_t tacit_channel_args(tacit_channel_t *self, const tacit_work_t *work,
                                  const void **ret_args, tacit_error_t *ret_error)
{
    const tacit_record_t *record = work->method->args;
    tacit_secret_context_t secrets = s_own_secrets(self, work);
    if (work->args) {
        *ret_args = work->args;
        return TACIT_OK;
    }
    if (record->size > self->args_capacity) {
        void *grown = realloc(self->args, record->size);
        if (!grown) {
            return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        }
        self->args = grown;
        self->args_capacity = record->size;
    }
    tacit_arena_reset(self->arena);
    *ret_args = self->args;
    return tacit_codec_decode(record, tacit_buffer_span(&work->saved), &secrets, self->arena,
                              self->args, ret_error);
}

void tacit_channel_forget(tacit_channel_t *channel, tacit_work_t *work)
{
    for (size_t i = 0; i < TACIT_WORK_ATTEMPTS; i++) {
        if (work->attempts[i].slot) {
            tacit_client_abandon(work->attempts[i].client, work->attempts[i].slot);
        }
    }
    if (work->winner.slot) {
        tacit_client_abandon(work->winner.client, work->winner.slot);
    }
    tacit_client_metrics_end(&work->meter, TACIT_INTERRUPTED, 0); /* where nobody asked */
    channel->kept_bytes -= work->saved.size + zmq_msg_size(&work->bulk);
    tacit_buffer_free(&work->saved);
    zmq_msg_close(&work->bulk);
    *work = (tacit_work_t){.state = TACIT_WORK_FREE};
    channel->work_count--;
    while (channel->work_end > 0 &&
           channel->works[channel->work_end - 1].state == TACIT_WORK_FREE) {
        channel->work_end--;
    }
}

/*  --- from beginning to end ---------------------------------------------------------------------
 */

static tacit_status_t s_check(const tacit_channel_t *self, const tacit_request_t *request,
                              tacit_error_t *ret_error)
{
    const tacit_method_t *method = request->method;
    if (tacit_method_has_streams(method)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has streams: use a client",
                               method->name);
    }
    if (request->bulk.size > method->bulk_in_max) {
        return tacit_error_set(ret_error, TACIT_BAD_BULK, "%s takes at most %llu bytes of bulk",
                               method->name, (unsigned long long)method->bulk_in_max);
    }
    if (request->idempotency_key.size > TACIT_IDEMPOTENCY_KEY_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "an idempotency key has at most %d bytes",
                               (int)TACIT_IDEMPOTENCY_KEY_MAX);
    }
    if (self->work_count == TACIT_CHANNEL_CALLS_MAX ||
        self->kept_bytes + request->bulk.size > TACIT_CHANNEL_KEPT_MAX) {
        return tacit_error_set(ret_error, TACIT_BUSY, "%zu calls are under way, with %llu bytes",
                               self->work_count, (unsigned long long)self->kept_bytes);
    }
    return TACIT_OK;
}

static tacit_work_t *s_free_work(tacit_channel_t *self)
{
    size_t index = 0;
    while (self->works[index].state != TACIT_WORK_FREE) {
        index++;
    }
    self->work_end = index >= self->work_end ? index + 1 : self->work_end;
    self->work_count++;
    return &self->works[index];
}

tacit_status_t tacit_channel_begin(tacit_channel_t *self, const tacit_request_t *request,
                                   tacit_work_t **ret_work, tacit_error_t *ret_error)
{
    zmq_msg_t bulk;
    tacit_status_t status = s_check(self, request, ret_error);
    if (status != TACIT_OK && request->free_bulk) {
        request->free_bulk((void *)request->bulk.data, request->hint);
    }
    if (status == TACIT_OK) {
        status = tacit_client_bulk_message(request, &bulk, ret_error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    const tacit_method_t *method = request->method;
    uint32_t deadline_ms = request->deadline_ms;
    deadline_ms =
        deadline_ms && deadline_ms < method->deadline_ms ? deadline_ms : method->deadline_ms;
    tacit_work_t *work = s_free_work(self);
    *work = (tacit_work_t){
        .state = TACIT_WORK_QUEUED,
        .number = ++self->last_number,
        .method = method,
        .args = request->args,
        .key_size = request->idempotency_key.size,
        .repeatable = method->idempotent || method->keyed != TACIT_KEYED_NONE,
        .trace = tacit_trace_current(),
        .began_ms = tacit_client_now(),
        .hedge_ms = UINT64_MAX,
        .last_route = TACIT_CHANNEL_ROUTES_MAX,
        .error = {.code = TACIT_OK},
    };
    work->deadline_ms = work->began_ms + deadline_ms;
    if (work->key_size > 0) {
        memcpy(work->key, request->idempotency_key.data, work->key_size);
    } else if (method->keyed != TACIT_KEYED_NONE) {
        work->key_size = TACIT_OWN_KEY_SIZE;
        randombytes_buf(work->key, work->key_size);
    }
    tacit_buffer_init(&work->saved, TACIT_FRAME_MAX);
    zmq_msg_init(&work->bulk);
    zmq_msg_move(&work->bulk, &bulk);
    zmq_msg_close(&bulk);
    self->kept_bytes += request->bulk.size;
    tacit_retry_budget_earn(&self->budget);
    work->meter = tacit_client_metrics_begin(self->config.metrics, method, request->bulk.size);
    *ret_work = work;
    return TACIT_OK;
}

tacit_status_t tacit_channel_deliver(tacit_channel_t *self, tacit_work_t *work,
                                     tacit_reply_t *ret_reply, tacit_error_t *ret_error)
{
    tacit_reply_t reply = {.method = work->method};
    if (work->winner.slot) {
        tacit_status_t status =
            tacit_client_give_reply(work->winner.client, work->winner.slot, &reply, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
        self->delivered = work->winner.client;
        work->winner.slot = NULL;
    } else {
        reply.error = work->error;
        reply.status = work->error.code;
    }
    reply.call = work->number;
    tacit_client_metrics_end(&work->meter, reply.status, reply.bulk.size);
    tacit_channel_forget(self, work);
    *ret_reply = reply;
    return TACIT_OK;
}
