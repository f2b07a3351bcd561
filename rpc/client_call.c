/*  client_call.c - requests that are made and replies that are given back.

    Sent frames are encoded into one buffer that is reused.  */

#include "rpc/client_internal.h"
#include "rpc/trace.h"

/*  --- sending --------------------------------------------------------------------------------- */

static tacit_secret_context_t s_secrets(const tacit_client_t *self, const tacit_slot_t *slot,
                                        bool sending)
{
    const tacit_session_t *session = self->session;
    tacit_secret_context_t context = {.msgid = slot->msgid, .method = slot->method->name};
    if (session) {
        context.key = sending ? session->send_key->data : session->receive_key->data;
        context.session = session->id;
    }
    return context;
}

static tacit_status_t s_encode(tacit_client_t *self, const tacit_slot_t *slot,
                               const tacit_request_t *request, uint32_t deadline_ms,
                               tacit_error_t *ret_error)
{
    uint32_t transit = deadline_ms / 4 < TACIT_TRANSIT_MS ? deadline_ms / 4 : TACIT_TRANSIT_MS;
    tacit_trace_t current = tacit_trace_current();
    tacit_trace_t trace = current.set ? tacit_trace_child(&current) : tacit_trace_root();
    char traceparent[TACIT_TRACE_TEXT_SIZE + 1];
    tacit_trace_format(&trace, traceparent);
    tacit_frame_meta_t meta = {
        .has_deadline_ms = true,
        .deadline_ms = deadline_ms - transit,
        .has_traceparent = true,
        .traceparent = tacit_span(traceparent, TACIT_TRACE_TEXT_SIZE),
    };
    if (request->idempotency_key.size > 0) {
        meta.has_idempotency_key = true;
        meta.idempotency_key = request->idempotency_key;
    }
    tacit_secret_context_t secrets = s_secrets(self, slot, true);
    tacit_buffer_clear(&self->out);
    tacit_status_t status = tacit_frame_request_begin(&self->out, slot->msgid, slot->method->name);
    if (status == TACIT_OK) {
        status =
            tacit_codec_encode(slot->method->args, request->args, &secrets, &self->out, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
        status = tacit_frame_request_end(&self->out, &meta);
    }
    return status == TACIT_OK ? TACIT_OK : tacit_error_set(ret_error, status, NULL);
}

/*  In ms from now: as asked, as the contract allows, and no longer than what it is done for.  */
static uint32_t s_deadline(const tacit_request_t *request, uint64_t now_ms)
{
    uint32_t most = request->method->deadline_ms;
    uint64_t deadline_ms =
        request->deadline_ms > 0 && request->deadline_ms < most ? request->deadline_ms : most;
    uint64_t until_ms = tacit_trace_current().deadline_ms;
    if (until_ms > 0) {
        uint64_t left = until_ms > now_ms ? until_ms - now_ms : 0;
        deadline_ms = left < deadline_ms ? left : deadline_ms;
    }
    return (uint32_t)deadline_ms;
}

static tacit_status_t s_check_start(tacit_client_t *self, const tacit_method_t *method,
                                    size_t bulk_size, uint64_t now_ms, tacit_error_t *ret_error)
{
    if (tacit_client_check_lost(self, ret_error) != TACIT_OK) {
        return self->lost.code;
    }
    if (bulk_size > method->bulk_in_max) {
        return tacit_error_set(ret_error, TACIT_BAD_BULK, "%s takes at most %llu bytes of bulk",
                               method->name, (unsigned long long)method->bulk_in_max);
    }
    if (method->caller != TACIT_CALLER_ANYONE && self->session && now_ms >= self->session_end_ms) {
        return tacit_error_set(ret_error, TACIT_SESSION_EXPIRED, NULL);
    }
    return TACIT_OK;
}

tacit_status_t tacit_client_start_message(tacit_client_t *self, const tacit_request_t *request,
                                          zmq_msg_t *bulk, tacit_slot_t **ret_slot,
                                          tacit_error_t *ret_error)
{
    const tacit_method_t *method = request->method;
    uint64_t now_ms = tacit_client_now();
    tacit_status_t status = s_check_start(self, method, zmq_msg_size(bulk), now_ms, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    uint32_t deadline_ms = s_deadline(request, now_ms);
    if (deadline_ms == 0) {
        return tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED,
                               "the call that this one is for is over");
    }
    tacit_slot_t *slot = tacit_outstanding_open(&self->calls, method, now_ms + deadline_ms);
    if (!slot) {
        return tacit_error_set(ret_error, TACIT_BUSY, "%d calls are outstanding",
                               (int)TACIT_CLIENT_CALLS_MAX);
    }
    status = tacit_client_open_stream(slot, request->args);
    status = status == TACIT_OK ? s_encode(self, slot, request, deadline_ms, ret_error)
                                : tacit_error_set(ret_error, status, NULL);
    size_t size = self->out.size + zmq_msg_size(bulk);
    if (status == TACIT_OK) {
        status = tacit_client_send_request(self, request, bulk, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_outstanding_release(&self->calls, slot);
        return status;
    }
    slot->meter = tacit_client_metrics_begin(self->metrics, method, size);
    *ret_slot = slot;
    return TACIT_OK;
}

tacit_status_t tacit_client_bulk_message(const tacit_request_t *request, zmq_msg_t *ret_message,
                                         tacit_error_t *ret_error)
{
    void *data = (void *)request->bulk.data; /* libzmq only reads what is sent */
    size_t size = request->bulk.size;
    int made = request->free_bulk
                   ? zmq_msg_init_data(ret_message, data, size, request->free_bulk, request->hint)
                   : zmq_msg_init_size(ret_message, size);
    if (made != 0) {
        if (request->free_bulk) {
            request->free_bulk(data, request->hint);
        }
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!request->free_bulk && size > 0) {
        memcpy(zmq_msg_data(ret_message), data, size);
    }
    return TACIT_OK;
}

/*  Opening a lane takes from the call's time, half of it at most.  */
static tacit_request_t s_prepare(tacit_client_t *self, const tacit_request_t *request)
{
    tacit_request_t rest = *request;
    if (!tacit_client_lane_pays(self, request->method, request->bulk.size)) {
        return rest;
    }
    uint64_t began_ms = tacit_client_now();
    uint32_t deadline_ms = s_deadline(request, began_ms);
    tacit_client_lane_prepare(self, deadline_ms / 2);
    uint64_t spent_ms = tacit_client_now() - began_ms;
    if (spent_ms > 0 && deadline_ms > 0) {
        rest.deadline_ms = spent_ms < deadline_ms ? deadline_ms - (uint32_t)spent_ms : 1;
    }
    return rest;
}

static tacit_status_t s_start(tacit_client_t *self, const tacit_request_t *request,
                              tacit_slot_t **ret_slot, tacit_error_t *ret_error)
{
    zmq_msg_t bulk;
    tacit_status_t status = TACIT_OK;
    tacit_request_t rest = s_prepare(self, request);
    if (!request->free_bulk && tacit_client_lane_flows(self, request->bulk.size)) {
        (void)zmq_msg_init_data(&bulk, (void *)request->bulk.data, request->bulk.size, NULL, NULL);
    } else {
        status = tacit_client_bulk_message(request, &bulk, ret_error);
    }
    if (status == TACIT_OK) {
        status = tacit_client_start_message(self, &rest, &bulk, ret_slot, ret_error);
        zmq_msg_close(&bulk);
    }
    return status;
}

/*  --- results --------------------------------------------------------------------------------- */

void tacit_client_release_taken(tacit_client_t *self)
{
    if (self->taken) {
        tacit_outstanding_release(&self->calls, self->taken);
        tacit_arena_reset(self->arena);
        self->taken = NULL;
    }
}

static tacit_status_t s_decode(tacit_client_t *self, tacit_slot_t *slot, void *result,
                               tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    if (slot->error.code != TACIT_OK) {
        if (ret_error) {
            *ret_error = slot->error;
        }
        return slot->error.code;
    }
    const uint8_t *frame = zmq_msg_data(&slot->frame);
    tacit_span_t bytes = tacit_span(frame + slot->result_offset, slot->result_size);
    tacit_secret_context_t secrets = s_secrets(self, slot, false);
    tacit_error_t why;
    tacit_status_t status =
        tacit_codec_decode(slot->method->result, bytes, &secrets, self->arena, result, &why);
    if (status != TACIT_OK) {
        return tacit_error_claim(ret_error, TACIT_PROTOCOL_ERROR, why.claim, why.expected, why.got);
    }
    if (ret_bulk) {
        *ret_bulk = tacit_span(zmq_msg_data(&slot->bulk), zmq_msg_size(&slot->bulk));
    }
    return TACIT_OK;
}

/*  Make the ended slot the taken one and decode what it holds.  */
static tacit_status_t s_finish(tacit_client_t *self, tacit_slot_t *slot, void *result,
                               tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    tacit_outstanding_take(&self->calls, slot);
    self->taken = slot;
    tacit_status_t status = s_decode(self, slot, result, ret_bulk, ret_error);
    tacit_client_metrics_end(&slot->meter, status,
                             zmq_msg_size(&slot->frame) + zmq_msg_size(&slot->bulk));
    return status;
}

/*  The client's own room for a result of that method; NULL without memory.  */
static void *s_result_room(tacit_client_t *self, const tacit_method_t *method)
{
    if (method->result->size > self->result_capacity) {
        void *grown = realloc(self->result, method->result->size);
        if (!grown) {
            return NULL;
        }
        self->result = grown;
        self->result_capacity = method->result->size;
    }
    return self->result;
}

tacit_status_t tacit_client_call_request(tacit_client_t *client, const tacit_request_t *request,
                                         void *ret_result, tacit_span_t *ret_bulk,
                                         tacit_error_t *ret_error)
{
    tacit_slot_t *slot = NULL;
    tacit_client_release_taken(client);
    void *result = ret_result ? ret_result : s_result_room(client, request->method);
    tacit_status_t status = TACIT_OK;
    if (!result) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    } else if (tacit_method_has_streams(request->method)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has streams: start it",
                                 request->method->name);
    }
    if (status != TACIT_OK && request->free_bulk) {
        request->free_bulk((void *)request->bulk.data, request->hint);
    }
    if (status == TACIT_OK) {
        status = s_start(client, request, &slot, ret_error);
    }
    if (!slot) {
        return status;
    }
    tacit_client_flush(client);
    while (slot->state == TACIT_SLOT_WAITING) {
        if (!tacit_client_listen(client, slot->deadline_ms) && !tacit_client_pump_once(client)) {
            tacit_client_sleep(client, UINT64_MAX);
        }
    }
    return s_finish(client, slot, result, ret_bulk, ret_error);
}

tacit_status_t tacit_client_call(tacit_client_t *client, const tacit_method_t *method,
                                 const void *args, tacit_span_t bulk, uint32_t deadline_ms,
                                 void *ret_result, tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    const tacit_request_t request = {
        .method = method, .args = args, .bulk = bulk, .deadline_ms = deadline_ms};
    return tacit_client_call_request(client, &request, ret_result, ret_bulk, ret_error);
}

tacit_status_t tacit_client_start_request(tacit_client_t *client, const tacit_request_t *request,
                                          uint64_t *ret_call, tacit_error_t *ret_error)
{
    tacit_slot_t *slot = NULL;
    tacit_status_t status = s_start(client, request, &slot, ret_error);
    if (slot) {
        *ret_call = slot->msgid;
    }
    return status;
}

tacit_status_t tacit_client_start(tacit_client_t *client, const tacit_method_t *method,
                                  const void *args, tacit_span_t bulk, uint32_t deadline_ms,
                                  uint64_t *ret_call, tacit_error_t *ret_error)
{
    const tacit_request_t request = {
        .method = method, .args = args, .bulk = bulk, .deadline_ms = deadline_ms};
    return tacit_client_start_request(client, &request, ret_call, ret_error);
}

/*  The first call that ended by what came in, or by its deadline; NULL where none did.  */
static tacit_slot_t *s_next_ended(tacit_client_t *self)
{
    (void)tacit_client_pump(self);
    (void)tacit_outstanding_expire(&self->calls, tacit_client_now());
    return tacit_outstanding_ended(&self->calls);
}

tacit_status_t tacit_client_give_reply(tacit_client_t *self, tacit_slot_t *slot,
                                       tacit_reply_t *ret_reply, tacit_error_t *ret_error)
{
    void *result = s_result_room(self, slot->method);
    if (!result) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    *ret_reply = (tacit_reply_t){.call = slot->msgid, .method = slot->method};
    ret_reply->status = s_finish(self, slot, result, &ret_reply->bulk, &ret_reply->error);
    ret_reply->result = ret_reply->status == TACIT_OK ? result : NULL;
    return TACIT_OK;
}

tacit_status_t tacit_client_next(tacit_client_t *client, uint32_t timeout_ms,
                                 tacit_reply_t *ret_reply, tacit_error_t *ret_error)
{
    tacit_client_release_taken(client);
    /*  What ended already goes first: requests held back meanwhile share more of a message.  */
    tacit_slot_t *slot = tacit_outstanding_ended(&client->calls);
    uint64_t until = slot ? 0 : tacit_client_now() + timeout_ms;
    while (!slot && !(slot = s_next_ended(client))) {
        if (client->held.count > 0) {
            tacit_client_flush(client); /* which takes up the socket's signal: look again */
            continue;
        }
        if (client->calls.count == 0 || tacit_client_now() >= until) {
            return tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED, "no call has ended yet");
        }
        tacit_client_sleep(client, until);
    }
    return tacit_client_give_reply(client, slot, ret_reply, ret_error);
}
