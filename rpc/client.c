/*  client.c - connecting, binding, and calls over one DEALER.

    Received messages are kept where they came in and results borrow from them; sent frames are
    encoded into one buffer that is reused. Waiting sleeps on the files of the socket and of its
    monitor, so that a lost connection ends a call at once.  */

#include "rpc/client.h"

#include <czmq.h>

#include "enclave/clock.h"
#include "rpc/batch.h"
#include "rpc/client_bind.h"
#include "rpc/client_stream.h"
#include "rpc/endpoint.h"
#include "rpc/outstanding.h"
#include "rpc/trace.h"

struct tacit_client {
    tacit_endpoint_t *endpoint;
    bool up;                  /* the handshake succeeded */
    tacit_error_t lost;       /* code not OK: why the connection is over */
    tacit_session_t *session; /* NULL without */
    uint64_t session_end_ms;  /* monotonic */
    tacit_outstanding_t calls;
    tacit_slot_t *taken;  /* what the last call's spans borrow from */
    tacit_arena_t *arena; /* lists and secrets of that result */
    tacit_buffer_t out;   /* frame 0 being written */
    bool coalesce;
    tacit_batch_t held; /* requests that wait for each other */
    void *result;       /* of tacit_client_next */
    size_t result_capacity;
};

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

/*  --- receiving ------------------------------------------------------------------------------- */

static void s_lose(tacit_client_t *self, tacit_status_t status, const char *what)
{
    if (self->lost.code == TACIT_OK) {
        tacit_error_set(&self->lost, status, "%s: %s", tacit_endpoint_address(self->endpoint),
                        what ? what : tacit_status_text(status));
        tacit_outstanding_fail_all(&self->calls, &self->lost);
    }
}

static tacit_status_t s_check_lost(const tacit_client_t *self, tacit_error_t *ret_error)
{
    if (self->lost.code != TACIT_OK && ret_error) {
        *ret_error = self->lost;
    }
    return self->lost.code;
}

/*  The rest of a message; false where it has more frames than the protocol knows.  */
static bool s_receive_bulk(void *socket, zmq_msg_t *bulk)
{
    if (zmq_msg_recv(bulk, socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    bool fits = !zmq_msg_more(bulk);
    while (zmq_msg_more(bulk)) {
        if (zmq_msg_recv(bulk, socket, ZMQ_DONTWAIT) < 0) {
            return false;
        }
    }
    return fits;
}

static bool s_bulk_allowed(const tacit_method_t *method, bool has_bulk, size_t size)
{
    return !has_bulk || (method->bulk_out_max > 0 && size <= method->bulk_out_max);
}

/*  Nothing is sent later: what is not taken now is told again with the next chunk that is read.  */
static bool s_notify(const tacit_client_t *self, uint64_t msgid, tacit_stream_event_t event,
                     uint64_t number, zmq_msg_t *chunk)
{
    zmq_msg_t message;
    tacit_stream_frame_t frame = {.msgid = msgid, .event = event, .number = number};
    uint8_t bytes[TACIT_STREAM_FRAME_MAX];
    size_t size = tacit_stream_frame_write(&frame, bytes);
    (void)zmq_msg_init_size(&message, size); /* so small a message holds it itself */
    memcpy(zmq_msg_data(&message), bytes, size);
    bool sent = tacit_endpoint_send(self->endpoint, &message, chunk ? ZMQ_SNDMORE : 0);
    if (!sent) {
        zmq_msg_close(&message);
    }
    return sent;
}

static void s_fail_stream(const tacit_client_t *self, tacit_slot_t *slot, tacit_status_t status,
                          const char *what)
{
    tacit_error_t error;
    tacit_error_set(&error, status, "%s: %s", slot->method->name, what);
    tacit_outstanding_fail(slot, &error);
    (void)s_notify(self, slot->msgid, TACIT_STREAM_CANCEL, 0, NULL);
}

/*  A notification of a stream; false where the message is none.  */
static bool s_take_notification(tacit_client_t *self, tacit_span_t bytes, zmq_msg_t *bulk,
                                bool has_bulk)
{
    tacit_stream_frame_t frame;
    if (tacit_stream_frame_parse(bytes, &frame) != TACIT_OK) {
        return false;
    }
    tacit_slot_t *slot = tacit_outstanding_find(&self->calls, frame.msgid);
    if (frame.msgid == 0 || frame.msgid > self->calls.last_msgid || (slot && !slot->stream)) {
        s_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a chunk for a stream that is none");
    } else if (slot &&
               tacit_stream_take(slot->stream, &frame, bulk, has_bulk, s_now()) != TACIT_OK) {
        s_fail_stream(self, slot, TACIT_PROTOCOL_ERROR, "the peer broke the stream's rules");
    }
    return true;
}

/*  A reply to nothing we wait for is late where we asked once, and otherwise made up. bytes are in
    frame.  */
static void s_settle(tacit_client_t *self, tacit_span_t bytes, zmq_msg_t *frame, zmq_msg_t *bulk,
                     bool has_bulk)
{
    tacit_frame_reply_t reply;
    if (s_take_notification(self, bytes, bulk, has_bulk)) {
        return;
    }
    if (tacit_frame_parse_reply(bytes, &reply, NULL) != TACIT_OK) {
        s_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a malformed reply");
        return;
    }
    tacit_slot_t *slot = tacit_outstanding_find(&self->calls, reply.msgid);
    if (!slot) {
        if (reply.msgid == 0 || reply.msgid > self->calls.last_msgid) {
            s_lose(self, TACIT_PROTOCOL_ERROR, "the peer answered a call that was never made");
        }
        return;
    }
    if (!s_bulk_allowed(slot->method, has_bulk && !reply.failed, zmq_msg_size(bulk))) {
        tacit_error_t error;
        tacit_error_set(&error, TACIT_BAD_BULK, "the reply to %s has bulk beyond its contract",
                        slot->method->name);
        tacit_outstanding_fail(slot, &error);
        return;
    }
    tacit_outstanding_answer(slot, &reply, frame, bulk);
}

/*  Replies that share a message each keep a reference to it.  */
static void s_settle_batch(tacit_client_t *self, zmq_msg_t *frame)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    size_t count = 0;
    const uint8_t *start = zmq_msg_data(frame);
    if (tacit_batch_parse(tacit_span(start, zmq_msg_size(frame)), frames, &count) != TACIT_OK) {
        s_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a malformed batch");
        return;
    }
    for (size_t i = 0; i < count && self->lost.code == TACIT_OK; i++) {
        zmq_msg_t part;
        zmq_msg_t none;
        zmq_msg_init(&part);
        zmq_msg_init(&none);
        if (zmq_msg_copy(&part, frame) == 0) {
            const uint8_t *data = zmq_msg_data(&part);
            s_settle(self, tacit_span(data + (frames[i].data - start), frames[i].size), &part,
                     &none, false);
        } else {
            s_lose(self, TACIT_NO_MEMORY, NULL);
        }
        zmq_msg_close(&part);
        zmq_msg_close(&none);
    }
}

/*  One message, without waiting. False where there is none.  */
static bool s_receive(tacit_client_t *self)
{
    void *socket = tacit_endpoint_socket(self->endpoint);
    zmq_msg_t frame;
    zmq_msg_t bulk;
    zmq_msg_init(&frame);
    zmq_msg_init(&bulk);
    bool received = zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0;
    if (received) {
        bool has_bulk = zmq_msg_more(&frame);
        tacit_span_t bytes = tacit_span(zmq_msg_data(&frame), zmq_msg_size(&frame));
        if (has_bulk && !s_receive_bulk(socket, &bulk)) {
            s_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent too many frames");
        } else if (!has_bulk && tacit_batch_is(bytes)) {
            s_settle_batch(self, &frame);
        } else {
            s_settle(self, bytes, &frame, &bulk, has_bulk);
        }
    }
    zmq_msg_close(&frame);
    zmq_msg_close(&bulk);
    return received;
}

/*  What came in before a connection ended is still there and is read first.  */
static void s_read_events(tacit_client_t *self)
{
    tacit_link_event_t event;
    while (tacit_endpoint_event(self->endpoint, &event)) {
        if (event.link == TACIT_LINK_UP) {
            self->up = true;
            continue;
        }
        while (s_receive(self)) {
        }
        s_lose(self, event.status,
               self->up ? "the connection was lost" : tacit_status_text(event.status));
    }
}

/*  Whatever there is, without waiting; monitors are looked at only where messages ran out.  */
static bool s_pump(tacit_client_t *self)
{
    bool any = false;
    while (s_receive(self)) {
        any = true;
    }
    if (!any) {
        s_read_events(self);
    }
    return any;
}

/*  Sleep until something comes, a call times out, or until_ms.  */
static void s_sleep(tacit_client_t *self, uint64_t until_ms)
{
    uint64_t now = s_now();
    uint64_t first = tacit_outstanding_expire(&self->calls, 0); /* ends none, tells the earliest */
    uint64_t wake = until_ms < first ? until_ms : first;
    if (first <= now) {
        (void)tacit_outstanding_expire(&self->calls, now);
        return; /* that is what the caller slept for */
    }
    if (self->lost.code == TACIT_OK && wake > now) {
        tacit_endpoint_wait(self->endpoint, wake - now);
    }
}

static void s_release_taken(tacit_client_t *self)
{
    if (self->taken) {
        tacit_outstanding_release(&self->calls, self->taken);
        tacit_arena_reset(self->arena);
        self->taken = NULL;
    }
}

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

static tacit_status_t s_encode(tacit_client_t *self, const tacit_slot_t *slot, const void *args,
                               uint32_t deadline_ms, tacit_error_t *ret_error)
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
    tacit_secret_context_t secrets = s_secrets(self, slot, true);
    tacit_buffer_clear(&self->out);
    tacit_status_t status = tacit_frame_request_begin(&self->out, slot->msgid, slot->method->name);
    if (status == TACIT_OK) {
        status = tacit_codec_encode(slot->method->args, args, &secrets, &self->out, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
        status = tacit_frame_request_end(&self->out, &meta);
    }
    return status == TACIT_OK ? TACIT_OK : tacit_error_set(ret_error, status, NULL);
}

/*  One frame, copied. EAGAIN can only come with the first frame of a message.  */
static bool s_send_frame(const tacit_client_t *self, tacit_span_t bytes, int flags)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, bytes.size) != 0) {
        return false;
    }
    if (bytes.size > 0) {
        memcpy(zmq_msg_data(&frame), bytes.data, bytes.size);
    }
    if (!tacit_endpoint_send(self->endpoint, &frame, flags)) {
        zmq_msg_close(&frame);
        return false;
    }
    return true;
}

static tacit_status_t s_send(tacit_client_t *self, tacit_span_t bulk, tacit_error_t *ret_error)
{
    bool more = bulk.size > 0;
    if (!s_send_frame(self, tacit_buffer_span(&self->out), more ? ZMQ_SNDMORE : 0)) {
        s_read_events(self);
        tacit_status_t lost = s_check_lost(self, ret_error);
        return lost != TACIT_OK ? lost
                                : tacit_error_set(ret_error, TACIT_BUSY,
                                                  "the connection takes no more just now");
    }
    if (more && !s_send_frame(self, bulk, 0)) {
        /*  Half a message is sent: nothing after it would make sense.  */
        s_lose(self, TACIT_NO_MEMORY, "no memory for a bulk frame");
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    return TACIT_OK;
}

void tacit_client_flush(tacit_client_t *client)
{
    zmq_msg_t message;
    if (client->held.count == 0) {
        return;
    }
    if (tacit_batch_seal(&client->held, &message) != TACIT_OK) {
        s_lose(client, TACIT_NO_MEMORY, NULL);
        return;
    }
    if (!tacit_endpoint_send(client->endpoint, &message, 0)) {
        zmq_msg_close(&message);
        s_read_events(client);
        s_lose(client, TACIT_UNREACHABLE, "the connection takes no more");
    }
}

/*  Whatever was started before goes out before what cannot wait for others.  */
static tacit_status_t s_send_or_hold(tacit_client_t *self, tacit_span_t bulk,
                                     tacit_error_t *ret_error)
{
    bool lone = self->calls.count == 1;
    tacit_span_t frame = tacit_buffer_span(&self->out);
    if (self->coalesce && !lone && bulk.size == 0 && frame.size <= TACIT_BATCH_FRAME_MAX) {
        if (!tacit_batch_fits(&self->held, frame.size)) {
            tacit_client_flush(self);
        }
        tacit_status_t status = tacit_batch_add(&self->held, frame);
        return status ? tacit_error_set(ret_error, status, NULL) : TACIT_OK;
    }
    tacit_client_flush(self);
    return self->lost.code ? s_check_lost(self, ret_error) : s_send(self, bulk, ret_error);
}

static tacit_status_t s_check_start(tacit_client_t *self, const tacit_method_t *method,
                                    tacit_span_t bulk, tacit_error_t *ret_error)
{
    if (s_check_lost(self, ret_error) != TACIT_OK) {
        return self->lost.code;
    }
    if (bulk.size > method->bulk_in_max) {
        return tacit_error_set(ret_error, TACIT_BAD_BULK, "%s takes at most %llu bytes of bulk",
                               method->name, (unsigned long long)method->bulk_in_max);
    }
    if (method->caller != TACIT_CALLER_ANYONE && self->session && s_now() >= self->session_end_ms) {
        return tacit_error_set(ret_error, TACIT_SESSION_EXPIRED, NULL);
    }
    return TACIT_OK;
}

static bool s_has_streams(const tacit_method_t *method)
{
    return method->stream_in.chunk_max > 0 || method->stream_out.chunk_max > 0;
}

static bool s_open_stream(tacit_slot_t *slot)
{
    if (s_has_streams(slot->method)) {
        slot->stream =
            tacit_stream_new(&slot->method->stream_out, &slot->method->stream_in, s_now());
    }
    return slot->stream || !s_has_streams(slot->method);
}

static tacit_status_t s_start(tacit_client_t *self, const tacit_method_t *method, const void *args,
                              tacit_span_t bulk, uint32_t deadline_ms, tacit_slot_t **ret_slot,
                              tacit_error_t *ret_error)
{
    tacit_status_t status = s_check_start(self, method, bulk, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    if (deadline_ms == 0 || deadline_ms > method->deadline_ms) {
        deadline_ms = method->deadline_ms;
    }
    tacit_slot_t *slot = tacit_outstanding_open(&self->calls, method, s_now() + deadline_ms);
    if (!slot) {
        return tacit_error_set(ret_error, TACIT_BUSY, "%d calls are outstanding",
                               (int)TACIT_CLIENT_CALLS_MAX);
    }
    status = s_open_stream(slot) ? s_encode(self, slot, args, deadline_ms, ret_error)
                                 : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status == TACIT_OK) {
        status = s_send_or_hold(self, bulk, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_outstanding_release(&self->calls, slot);
        return status;
    }
    *ret_slot = slot;
    return TACIT_OK;
}

/*  --- results --------------------------------------------------------------------------------- */

/*  Make the ended slot the taken one and decode what it holds.  */
static tacit_status_t s_finish(tacit_client_t *self, tacit_slot_t *slot, void *result,
                               tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    tacit_outstanding_take(&self->calls, slot);
    self->taken = slot;
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

tacit_status_t tacit_client_call(tacit_client_t *client, const tacit_method_t *method,
                                 const void *args, tacit_span_t bulk, uint32_t deadline_ms,
                                 void *ret_result, tacit_span_t *ret_bulk, tacit_error_t *ret_error)
{
    if (s_has_streams(method)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has streams: start it",
                               method->name);
    }
    s_release_taken(client);
    void *result = ret_result ? ret_result : s_result_room(client, method);
    if (!result) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_slot_t *slot = NULL;
    tacit_status_t status = s_start(client, method, args, bulk, deadline_ms, &slot, ret_error);
    if (!slot) {
        return status;
    }
    tacit_client_flush(client);
    while (slot->state == TACIT_SLOT_WAITING) {
        if (!s_pump(client)) {
            s_sleep(client, UINT64_MAX);
        }
    }
    return s_finish(client, slot, result, ret_bulk, ret_error);
}

tacit_status_t tacit_client_start(tacit_client_t *client, const tacit_method_t *method,
                                  const void *args, tacit_span_t bulk, uint32_t deadline_ms,
                                  uint64_t *ret_call, tacit_error_t *ret_error)
{
    tacit_slot_t *slot = NULL;
    tacit_status_t status = s_start(client, method, args, bulk, deadline_ms, &slot, ret_error);
    if (slot) {
        *ret_call = slot->msgid;
    }
    return status;
}

/*  What ended already goes first: requests held back meanwhile share more of a message.  */
static tacit_slot_t *s_next_ended(tacit_client_t *self)
{
    tacit_slot_t *slot = tacit_outstanding_ended(&self->calls);
    if (!slot) {
        (void)s_pump(self);
        (void)tacit_outstanding_expire(&self->calls, s_now());
        slot = tacit_outstanding_ended(&self->calls);
    }
    return slot;
}

static tacit_status_t s_give_reply(tacit_client_t *self, tacit_slot_t *slot,
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
    s_release_taken(client);
    uint64_t until = s_now() + timeout_ms;
    tacit_slot_t *slot = NULL;
    while (!(slot = s_next_ended(client))) {
        tacit_client_flush(client);
        if (client->calls.count == 0 || s_now() >= until) {
            return tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED, "no call has ended yet");
        }
        s_sleep(client, until);
    }
    return s_give_reply(client, slot, ret_reply, ret_error);
}

/*  --- streams --------------------------------------------------------------------------------- */

static tacit_slot_t *s_find_stream(tacit_client_t *self, uint64_t call, tacit_error_t *ret_error)
{
    tacit_client_flush(self); /* what is asked about must have been sent */
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &self->calls.slots[i];
        bool open = slot->state == TACIT_SLOT_WAITING || slot->state == TACIT_SLOT_ENDED;
        if (open && slot->stream && slot->msgid == call) {
            return slot;
        }
    }
    (void)tacit_error_set(ret_error, TACIT_BAD_INPUT, "no stream is open under that number");
    return NULL;
}

/*  Let something happen; a stream on which nothing moves is given up.  */
static void s_wait_stream(tacit_client_t *self, tacit_slot_t *slot, uint64_t until_ms)
{
    uint64_t idle_ms = slot->stream->moved_ms + TACIT_STREAM_IDLE_MS;
    if (s_pump(self) || slot->state != TACIT_SLOT_WAITING) {
        return;
    }
    if (s_now() >= idle_ms) {
        s_fail_stream(self, slot, TACIT_DEADLINE_EXCEEDED, "nothing moved for too long");
        return;
    }
    s_sleep(self, until_ms < idle_ms ? until_ms : idle_ms);
}

static tacit_status_t s_stream_error(const tacit_slot_t *slot, tacit_error_t *ret_error)
{
    if (slot->error.code == TACIT_OK) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the call has ended already");
    }
    if (ret_error) {
        *ret_error = slot->error;
    }
    return slot->error.code;
}

/*  Until credit is there, and room in the socket, which has no event to wait for.  */
static tacit_status_t s_send_event(tacit_client_t *self, tacit_slot_t *slot,
                                   tacit_stream_event_t event, zmq_msg_t *chunk,
                                   tacit_error_t *ret_error)
{
    while (slot->state == TACIT_SLOT_WAITING) {
        tacit_status_t status =
            chunk ? tacit_stream_may_send(slot->stream, zmq_msg_size(chunk)) : TACIT_OK;
        if (status == TACIT_OK &&
            s_notify(self, slot->msgid, event, slot->stream->out.next, chunk)) {
            if (chunk && !tacit_endpoint_send(self->endpoint, chunk, 0)) {
                s_lose(self, TACIT_NO_MEMORY, "no memory for a chunk");
                break;
            }
            return TACIT_OK;
        }
        if (status != TACIT_OK && status != TACIT_PENDING) {
            return tacit_error_set(ret_error, status, NULL);
        }
        s_wait_stream(self, slot, status == TACIT_OK ? s_now() + 1 : UINT64_MAX);
    }
    return s_stream_error(slot, ret_error);
}

tacit_status_t tacit_client_send(tacit_client_t *client, uint64_t call, void *data, size_t size,
                                 void (*free_fn)(void *data, void *hint), void *hint,
                                 tacit_error_t *ret_error)
{
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    zmq_msg_t chunk;
    if (!slot) {
        if (free_fn) {
            free_fn(data, hint);
        }
        return TACIT_BAD_INPUT;
    }
    (void)s_pump(client);
    int made = free_fn ? zmq_msg_init_data(&chunk, data, size, free_fn, hint)
                       : zmq_msg_init_size(&chunk, size);
    if (made != 0) {
        if (free_fn) {
            free_fn(data, hint);
        }
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (!free_fn && size > 0) {
        memcpy(zmq_msg_data(&chunk), data, size);
    }
    tacit_status_t status = s_send_event(client, slot, TACIT_STREAM_CHUNK, &chunk, ret_error);
    if (status == TACIT_OK) {
        tacit_stream_sent(slot->stream, size, s_now());
    }
    zmq_msg_close(&chunk);
    return status;
}

tacit_status_t tacit_client_end(tacit_client_t *client, uint64_t call, tacit_error_t *ret_error)
{
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot) {
        return TACIT_BAD_INPUT;
    }
    if (slot->stream->out.ended) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the stream was ended already");
    }
    tacit_status_t status = s_send_event(client, slot, TACIT_STREAM_END, NULL, ret_error);
    slot->stream->out.ended = status == TACIT_OK;
    return status;
}

tacit_status_t tacit_client_receive(tacit_client_t *client, uint64_t call, uint32_t timeout_ms,
                                    tacit_span_t *ret_chunk, tacit_error_t *ret_error)
{
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot) {
        return TACIT_BAD_INPUT;
    }
    uint64_t until = s_now() + timeout_ms;
    uint64_t granted = 0;
    (void)s_pump(client);
    while (tacit_stream_read(slot->stream, ret_chunk) == TACIT_PENDING) {
        if (slot->state == TACIT_SLOT_ENDED) {
            return s_stream_error(slot, ret_error);
        }
        if (s_now() >= until) {
            return TACIT_PENDING;
        }
        s_wait_stream(client, slot, until);
    }
    if (slot->state == TACIT_SLOT_WAITING && tacit_stream_credit_due(slot->stream, &granted) &&
        s_notify(client, call, TACIT_STREAM_CREDIT, granted, NULL)) {
        tacit_stream_credit_sent(slot->stream, granted);
    }
    return TACIT_OK;
}

tacit_status_t tacit_client_finish(tacit_client_t *client, uint64_t call, tacit_reply_t *ret_reply,
                                   tacit_error_t *ret_error)
{
    s_release_taken(client);
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot) {
        return TACIT_BAD_INPUT;
    }
    while (slot->state == TACIT_SLOT_WAITING) {
        s_wait_stream(client, slot, UINT64_MAX);
    }
    return s_give_reply(client, slot, ret_reply, ret_error);
}

void tacit_client_cancel(tacit_client_t *client, uint64_t call)
{
    tacit_slot_t *slot = s_find_stream(client, call, NULL);
    if (slot) {
        if (slot->state == TACIT_SLOT_WAITING) {
            (void)s_notify(client, call, TACIT_STREAM_CANCEL, 0, NULL);
        }
        tacit_outstanding_release(&client->calls, slot);
    }
}

/*  --- life ------------------------------------------------------------------------------------ */

static tacit_status_t s_await_up(tacit_client_t *self, uint64_t until_ms, tacit_error_t *ret_error)
{
    (void)s_pump(self);
    while (!self->up && self->lost.code == TACIT_OK && s_now() < until_ms) {
        s_sleep(self, until_ms);
        (void)s_pump(self);
    }
    if (self->lost.code == TACIT_OK && !self->up) {
        s_lose(self, TACIT_UNREACHABLE, "no answer in time");
    }
    return s_check_lost(self, ret_error);
}

static uint32_t s_left(uint64_t until_ms)
{
    uint64_t now = s_now();
    return until_ms > now ? (uint32_t)(until_ms - now) : 1;
}

static tacit_status_t s_connect(tacit_client_t *self, const tacit_client_config_t *config,
                                tacit_error_t *ret_error)
{
    uint32_t connect_ms = config->connect_ms ? config->connect_ms : TACIT_CLIENT_CONNECT_MS;
    uint64_t until_ms = s_now() + connect_ms;
    tacit_endpoint_connect_t endpoint = {
        .address = config->endpoint,
        .server_key = config->server_key,
        .public_key = config->public_key,
        .secret_key = config->secret_key,
        .connect_ms = connect_ms > INT_MAX ? INT_MAX : connect_ms,
    };
    tacit_status_t status = tacit_endpoint_connect(&endpoint, &self->endpoint, ret_error);
    if (status == TACIT_OK) {
        status = s_await_up(self, until_ms, ret_error);
    }
    if (status == TACIT_OK && config->party) {
        status = tacit_client_bind(self, config, s_left(until_ms), &self->session, ret_error);
    }
    if (self->session) {
        uint64_t now = tacit_now_ms();
        uint64_t left = self->session->expires_ms > now ? self->session->expires_ms - now : 0;
        self->session_end_ms =
            s_now() + (left < TACIT_SESSION_LIFETIME_MS ? left : TACIT_SESSION_LIFETIME_MS);
    }
    return status;
}

tacit_status_t tacit_client_new(const tacit_client_config_t *config, tacit_client_t **ret_client,
                                tacit_error_t *ret_error)
{
    if (config->party && !config->server_key) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a plaintext endpoint has no sessions");
    }
    tacit_client_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_buffer_init(&self->out, TACIT_FRAME_MAX);
    tacit_batch_init(&self->held);
    self->coalesce = config->coalesce;
    self->arena = tacit_arena_new();
    tacit_status_t status = self->arena ? s_connect(self, config, ret_error)
                                        : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status != TACIT_OK) {
        tacit_client_destroy(&self);
        return status;
    }
    *ret_client = self;
    return TACIT_OK;
}

void tacit_client_destroy(tacit_client_t **client)
{
    tacit_client_t *self = client ? *client : NULL;
    if (!self) {
        return;
    }
    tacit_outstanding_clear(&self->calls);
    tacit_endpoint_destroy(&self->endpoint);
    tacit_session_destroy(&self->session);
    tacit_arena_destroy(&self->arena);
    tacit_buffer_free(&self->out);
    tacit_batch_free(&self->held);
    free(self->result);
    free(self);
    *client = NULL;
}

const tacit_session_t *tacit_client_session(const tacit_client_t *client)
{
    return client->session;
}

void *tacit_client_socket(tacit_client_t *client)
{
    return tacit_endpoint_socket(client->endpoint);
}
