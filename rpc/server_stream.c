/*  server_stream.c - streams of pending calls: notifications in and out, and who is told of news.

    Nothing waits: without credit nothing is sent, so that a reader who stands still costs a window
    of its own and no one else's time.  */

#include "rpc/call_stream.h"
#include "rpc/server_internal.h"
#include "rpc/server_untaken.h"

/*  Is that call's stream open, and for that caller? One that was answered is over,
    though its handler was not told yet.  */
static bool s_is_open_for(const tacit_call_t *call, const tacit_connection_id_t *id)
{
    return call->stream && call->state == TACIT_CALL_PENDING &&
           memcmp(&call->id, id, sizeof *id) == 0;
}

/*  --- opening --------------------------------------------------------------------------------- */

tacit_status_t tacit_server_stream_open(tacit_server_t *self, tacit_call_t *call)
{
    const tacit_method_t *method = call->entry->method;
    if (!tacit_method_has_streams(method)) {
        return TACIT_OK;
    }
    size_t own = 0;
    for (const tacit_call_t *other = self->pending; other; other = other->next) {
        if (s_is_open_for(other, &call->id)) {
            if (other->msgid == call->msgid) {
                return TACIT_PROTOCOL_ERROR; /* its chunks could not be told apart */
            }
            own++;
        }
    }
    if (own >= TACIT_STREAMS_PER_CONNECTION_MAX || self->streams >= TACIT_STREAMS_MAX) {
        return TACIT_BUSY;
    }
    call->stream = tacit_stream_new(&method->stream_in, &method->stream_out, tacit_server_now());
    self->streams += call->stream != NULL;
    if (!call->stream) {
        return TACIT_NO_MEMORY;
    }
    return tacit_stream_place(call->stream, method, call->args)
               ? TACIT_OK
               : tacit_error_claim(&call->error, TACIT_BAD_INPUT, "offset",
                                   "no more than the stream may hold", NULL);
}

void tacit_server_stream_close(tacit_server_t *self, tacit_call_t *call)
{
    if (call->stream) {
        tacit_stream_destroy(&call->stream);
        self->streams--;
    }
}

/*  --- news ------------------------------------------------------------------------------------ */

static tacit_call_t *s_find(const tacit_server_t *self, const tacit_connection_id_t *id,
                            uint64_t msgid)
{
    for (tacit_call_t *call = self->streams > 0 ? self->pending : NULL; call; call = call->next) {
        if (call->msgid == msgid && s_is_open_for(call, id)) {
            return call;
        }
    }
    return NULL;
}

const tacit_call_t *tacit_server_stream_find(const tacit_server_t *self,
                                             const tacit_call_t *carrier)
{
    tacit_stream_frame_t frame;
    return tacit_stream_frame_parse(carrier->body, &frame) == TACIT_OK
               ? s_find(self, &carrier->id, frame.msgid)
               : NULL;
}

static tacit_status_t s_await(tacit_server_t *self, tacit_call_t *call, const tacit_call_t *carrier,
                              const tacit_stream_frame_t *frame)
{
    const tacit_lane_target_t target = {
        .aim = TACIT_LANE_CHUNK, .msgid = frame->msgid, .number = frame->number};
    tacit_status_t status =
        tacit_stream_await(call->stream, frame, carrier->expected, tacit_server_now());
    if (status == TACIT_OK) {
        tacit_server_lane_aim(self, &call->id, &target);
    }
    return status;
}

void tacit_server_stream_fill(tacit_server_t *self, const tacit_connection_id_t *id, uint64_t msgid,
                              uint64_t number, zmq_msg_t *bulk)
{
    const tacit_call_t *call = s_find(self, id, msgid);
    if (call) {
        tacit_stream_fill(call->stream, number, bulk, tacit_server_now());
    }
}

void tacit_server_stream_break(tacit_server_t *self, const tacit_connection_id_t *id,
                               uint64_t msgid)
{
    tacit_call_t *call = s_find(self, id, msgid);
    if (call) {
        tacit_server_end(self, call, TACIT_INTERRUPTED);
    }
}

/*  What comes for a stream that is over was on its way when it ended.  */
bool tacit_server_stream_event(tacit_server_t *self, tacit_call_t *carrier)
{
    tacit_stream_frame_t frame;
    if (tacit_stream_frame_parse(carrier->body, &frame) != TACIT_OK) {
        return false;
    }
    tacit_call_t *call = s_find(self, &carrier->id, frame.msgid);
    if (!call && frame.event == TACIT_STREAM_CANCEL && frame.number == 0 && !carrier->has_bulk) {
        return tacit_server_cancel(self, &carrier->id, frame.msgid);
    }
    if (call) {
        tacit_status_t status = carrier->has_ticket
                                    ? s_await(self, call, carrier, &frame)
                                    : tacit_stream_take(call->stream, &frame, &carrier->bulk,
                                                        carrier->has_bulk, tacit_server_now());
        if (status != TACIT_OK) {
            tacit_server_end(self, call, status);
        }
    }
    return true;
}

/*  --- sending --------------------------------------------------------------------------------- */

/*  A connection that takes nothing has its sessions ended, as with a reply.  */
static bool s_notify(tacit_call_t *call, tacit_stream_event_t event, uint64_t number,
                     zmq_msg_t *chunk)
{
    tacit_server_t *self = call->server;
    zmq_msg_t message;
    tacit_stream_frame_t frame = {.msgid = call->msgid, .event = event, .number = number};
    uint8_t bytes[TACIT_STREAM_FRAME_MAX];
    size_t size = tacit_stream_frame_write(&frame, bytes);
    (void)zmq_msg_init_size(&message, size);
    memcpy(zmq_msg_data(&message), bytes, size);
#ifdef TACIT_FAULTS
    if (tacit_server_fault_out(self, call, TACIT_FAULT_STREAM_OUT, &message, chunk)) {
        return true;
    }
#endif
    return tacit_server_send(self, &call->id, &message, chunk);
}

/*  --- for handlers ---------------------------------------------------------------------------- */

tacit_status_t tacit_call_on_stream(tacit_call_t *call,
                                    void (*ready)(void *self, tacit_call_t *call), void *self)
{
    if (!call->stream) {
        return TACIT_BAD_INPUT;
    }
    call->stream->news = true;
    tacit_call_on_end(call, ready, self);
    return TACIT_OK;
}

tacit_status_t tacit_call_receive(tacit_call_t *call, tacit_span_t *ret_chunk)
{
    if (!tacit_call_alive(call) || !call->stream) {
        return TACIT_UNREACHABLE;
    }
    tacit_status_t status = tacit_stream_read(call->stream, ret_chunk);
    uint64_t granted = 0;
    if (status == TACIT_OK && tacit_stream_credit_due(call->stream, &granted) &&
        s_notify(call, TACIT_STREAM_CREDIT, granted, NULL)) {
        tacit_stream_credit_sent(call->stream, granted);
    }
    return status;
}

tacit_status_t tacit_call_kept(tacit_call_t *call, uint64_t bytes)
{
    if (!tacit_call_alive(call) || !call->stream) {
        return TACIT_UNREACHABLE;
    }
    tacit_status_t status = tacit_stream_keep(call->stream, bytes);
    if (status == TACIT_OK && !s_notify(call, TACIT_STREAM_KEPT, bytes, NULL)) {
        status = TACIT_UNREACHABLE;
    }
    return status;
}

/*  What the lane seals at once needs no copy.  */
static bool s_wrap(const tacit_call_t *call, zmq_msg_t *chunk, void *data, size_t size,
                   void (*free_fn)(void *data, void *hint), void *hint)
{
    if (free_fn || tacit_server_lane_flows(call->server, &call->id, size)) {
        return zmq_msg_init_data(chunk, data, size, free_fn, hint) == 0;
    }
    if (zmq_msg_init_size(chunk, size) != 0) {
        return false;
    }
    memcpy(zmq_msg_data(chunk), data, size);
    return true;
}

tacit_status_t tacit_call_send(tacit_call_t *call, void *data, size_t size,
                               void (*free_fn)(void *data, void *hint), void *hint)
{
    bool alive = tacit_call_alive(call) && call->stream;
    tacit_status_t status = alive ? tacit_stream_may_send(call->stream, size) : TACIT_UNREACHABLE;
    zmq_msg_t chunk;
    if (!alive && free_fn) {
        free_fn(data, hint);
    }
    if (status != TACIT_OK) {
        return status;
    }
    if (!s_wrap(call, &chunk, data, size, free_fn, hint)) {
        return TACIT_NO_MEMORY;
    }
    if (!tacit_server_untaken_count(call->server, call, &chunk, true)) {
        zmq_msg_close(&chunk);
        return TACIT_NO_MEMORY;
    }
    if (!s_notify(call, TACIT_STREAM_CHUNK, call->stream->out.next, &chunk)) {
        zmq_msg_close(&chunk);
        return TACIT_UNREACHABLE;
    }
    tacit_stream_sent(call->stream, size, tacit_server_now());
    return TACIT_OK;
}
