/*  client_stream.c - a client's streams: notifications in and out, and waiting for credit or
   chunks.

    Everything waits on the client's one connection, so that other calls go on meanwhile.  */

#include "rpc/client_internal.h"

/*  --- notifications --------------------------------------------------------------------------- */

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

/*  Of a lane that this end has given up the bytes never come.  */
static tacit_status_t s_await(tacit_client_t *self, tacit_slot_t *slot,
                              const tacit_stream_frame_t *frame, const tacit_lane_ticket_t *ticket)
{
    const tacit_lane_target_t target = {
        .aim = TACIT_LANE_CHUNK, .msgid = frame->msgid, .number = frame->number};
    if (!self->lane.receiver) {
        s_fail_stream(self, slot, TACIT_INTERRUPTED, "the bulk lane ended");
        return TACIT_OK;
    }
    tacit_client_lane_aim(self, &target);
    return tacit_stream_await(slot->stream, frame, ticket->size, tacit_client_now());
}

/*  A notification of a stream; false where the message is none.  */
bool tacit_client_take_notification(tacit_client_t *self, tacit_span_t bytes, zmq_msg_t *bulk,
                                    bool has_bulk, const tacit_lane_ticket_t *ticket)
{
    tacit_stream_frame_t frame;
    if (tacit_stream_frame_parse(bytes, &frame) != TACIT_OK) {
        return false;
    }
    tacit_slot_t *slot = tacit_outstanding_find(&self->calls, frame.msgid);
    if (frame.msgid == 0 || frame.msgid > self->calls.last_msgid || (slot && !slot->stream)) {
        tacit_client_lose(self, TACIT_PROTOCOL_ERROR,
                          "the peer sent a chunk for a stream that is none");
    } else if (slot) {
        tacit_status_t status =
            ticket ? s_await(self, slot, &frame, ticket)
                   : tacit_stream_take(slot->stream, &frame, bulk, has_bulk, tacit_client_now());
        if (status != TACIT_OK) {
            s_fail_stream(self, slot, TACIT_PROTOCOL_ERROR, "the peer broke the stream's rules");
        }
    }
    return true;
}

/*  --- for callers ----------------------------------------------------------------------------- */

tacit_status_t tacit_client_open_stream(tacit_slot_t *slot, const void *args)
{
    if (!tacit_method_has_streams(slot->method)) {
        return TACIT_OK;
    }
    slot->stream =
        tacit_stream_new(&slot->method->stream_out, &slot->method->stream_in, tacit_client_now());
    if (!slot->stream) {
        return TACIT_NO_MEMORY;
    }
    return tacit_stream_place(slot->stream, slot->method, args) ? TACIT_OK : TACIT_BAD_INPUT;
}

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

/*  Chunks may still be on their way by the lane when the answer is there.  */
static bool s_is_open(const tacit_slot_t *slot)
{
    return slot->state == TACIT_SLOT_WAITING || tacit_outstanding_lacks(slot);
}

/*  Let something happen; a stream on which nothing moves is given up.  */
static void s_wait_stream(tacit_client_t *self, tacit_slot_t *slot, uint64_t until_ms)
{
    uint64_t idle_ms = slot->stream->moved_ms + TACIT_STREAM_IDLE_MS;
    if (tacit_client_take_in(self) || !s_is_open(slot)) {
        return;
    }
    if (tacit_client_now() >= idle_ms) {
        s_fail_stream(self, slot, TACIT_DEADLINE_EXCEEDED, "nothing moved for too long");
        return;
    }
    tacit_client_sleep(self, until_ms < idle_ms ? until_ms : idle_ms);
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

/*  A chunk of the caller's memory, which the lane seals at once; else it is copied.  */
static tacit_status_t s_copy(zmq_msg_t *chunk, const void *data, size_t size)
{
    if (zmq_msg_init_size(chunk, size) != 0) {
        return TACIT_NO_MEMORY;
    }
    if (size > 0) {
        memcpy(zmq_msg_data(chunk), data, size);
    }
    return TACIT_OK;
}

static tacit_status_t s_own(const tacit_client_t *self, zmq_msg_t *chunk, const void *borrowed)
{
    zmq_msg_t own;
    size_t size = zmq_msg_size(chunk);
    if (!borrowed || zmq_msg_data(chunk) != borrowed || tacit_client_lane_flows(self, size)) {
        return TACIT_OK;
    }
    tacit_status_t status = s_copy(&own, borrowed, size);
    if (status == TACIT_OK) {
        zmq_msg_move(chunk, &own);
        zmq_msg_close(&own);
    }
    return status;
}

/*  Until credit is there, and room in the socket, which has no event to wait for.  */
static tacit_status_t s_send_event(tacit_client_t *self, tacit_slot_t *slot,
                                   tacit_stream_event_t event, zmq_msg_t *chunk,
                                   const void *borrowed, tacit_error_t *ret_error)
{
    while (slot->state == TACIT_SLOT_WAITING) {
        tacit_status_t status =
            chunk ? tacit_stream_may_send(slot->stream, zmq_msg_size(chunk)) : TACIT_OK;
        if (!chunk && !slot->stream->out.placed) {
            status = TACIT_PENDING; /* no end before the beginning */
        }
        if (status == TACIT_OK && chunk) {
            status = s_own(self, chunk, borrowed);
        }
        if (status == TACIT_OK &&
            s_notify(self, slot->msgid, event, slot->stream->out.next, chunk)) {
            if (chunk && !tacit_client_lane_carry(self, chunk)) {
                tacit_client_lose(self, TACIT_NO_MEMORY, "no memory for a chunk");
                break;
            }
            return TACIT_OK;
        }
        if (status != TACIT_OK && status != TACIT_PENDING) {
            return tacit_error_set(ret_error, status, NULL);
        }
        s_wait_stream(self, slot, status == TACIT_OK ? tacit_client_now() + 1 : UINT64_MAX);
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
    (void)tacit_client_pump(client);
    bool borrowed = !free_fn && tacit_client_lane_flows(client, size);
    bool made = free_fn || borrowed ? zmq_msg_init_data(&chunk, data, size, free_fn, hint) == 0
                                    : s_copy(&chunk, data, size) == TACIT_OK;
    if (!made) {
        if (free_fn) {
            free_fn(data, hint);
        }
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status =
        s_send_event(client, slot, TACIT_STREAM_CHUNK, &chunk, borrowed ? data : NULL, ret_error);
    if (status == TACIT_OK) {
        tacit_stream_sent(slot->stream, size, tacit_client_now());
    }
    zmq_msg_close(&chunk);
    return status;
}

tacit_status_t tacit_client_can_send(tacit_client_t *client, uint64_t call, size_t size,
                                     tacit_error_t *ret_error)
{
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot) {
        return TACIT_BAD_INPUT;
    }
    (void)tacit_client_pump(client);
    if (slot->state != TACIT_SLOT_WAITING) {
        return s_stream_error(slot, ret_error);
    }
    tacit_status_t status = tacit_stream_may_send(slot->stream, size);
    return status == TACIT_OK || status == TACIT_PENDING ? status
                                                         : tacit_error_set(ret_error, status, NULL);
}

tacit_status_t tacit_client_kept(tacit_client_t *client, uint64_t call, uint32_t timeout_ms,
                                 uint64_t *ret_bytes, tacit_error_t *ret_error)
{
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot || !slot->stream->out.bounds.resumable) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "no resumable stream goes that way");
    }
    uint64_t until = tacit_client_now() + timeout_ms;
    (void)tacit_client_pump(client);
    while (!slot->stream->out.placed) {
        if (!s_is_open(slot)) {
            return s_stream_error(slot, ret_error);
        }
        if (tacit_client_now() >= until) {
            return TACIT_PENDING;
        }
        s_wait_stream(client, slot, until);
    }
    *ret_bytes = slot->stream->out.kept;
    return TACIT_OK;
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
    tacit_status_t status = s_send_event(client, slot, TACIT_STREAM_END, NULL, NULL, ret_error);
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
    uint64_t until = tacit_client_now() + timeout_ms;
    uint64_t granted = 0;
    if (timeout_ms == 0) {
        (void)tacit_client_pump(client);
    }
    while (tacit_stream_read(slot->stream, ret_chunk) == TACIT_PENDING) {
        if (!s_is_open(slot)) {
            return s_stream_error(slot, ret_error);
        }
        if (tacit_client_now() >= until) {
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
    tacit_client_release_taken(client);
    tacit_slot_t *slot = s_find_stream(client, call, ret_error);
    if (!slot) {
        return TACIT_BAD_INPUT;
    }
    while (slot->state == TACIT_SLOT_WAITING) {
        s_wait_stream(client, slot, UINT64_MAX);
    }
    return tacit_client_give_reply(client, slot, ret_reply, ret_error);
}

void tacit_client_abandon(tacit_client_t *client, tacit_slot_t *slot)
{
    if (slot->state == TACIT_SLOT_WAITING) {
        tacit_client_flush(client); /* what is cancelled must have been sent */
        (void)s_notify(client, slot->msgid, TACIT_STREAM_CANCEL, 0, NULL);
    }
    tacit_outstanding_release(&client->calls, slot);
}

void tacit_client_cancel(tacit_client_t *client, uint64_t call)
{
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &client->calls.slots[i];
        bool open = slot->state == TACIT_SLOT_WAITING || slot->state == TACIT_SLOT_ENDED;
        if (open && slot->msgid == call) {
            tacit_client_abandon(client, slot);
            return;
        }
    }
}
