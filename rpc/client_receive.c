/*  client_receive.c - what comes in: replies, batches, streams' notifications, the connection's
   end.

    Received messages are kept where they came in and results borrow from them. Waiting sleeps on
    the files of the socket and of its monitor, so that a lost connection ends a call at once.  */

#include "rpc/client_internal.h"

/*  --- receiving ------------------------------------------------------------------------------- */

void tacit_client_lose(tacit_client_t *self, tacit_status_t status, const char *what)
{
    if (self->lost.code == TACIT_OK) {
        tacit_error_set(&self->lost, status, "%s: %s", tacit_endpoint_address(self->endpoint),
                        what ? what : tacit_status_text(status));
        tacit_outstanding_fail_all(&self->calls, &self->lost);
        tacit_client_lane_end(self, "the connection ended");
        if (self->up) {
            tacit_client_metrics_lost(self->metrics);
        }
    }
}

tacit_status_t tacit_client_check_lost(const tacit_client_t *self, tacit_error_t *ret_error)
{
    if (self->lost.code != TACIT_OK && ret_error) {
        *ret_error = self->lost;
    }
    return self->lost.code;
}

/*  What may follow frame 0.  */
typedef struct {
    zmq_msg_t bulk;
    zmq_msg_t ticket; /* where the bulk is empty */
    bool has_bulk;
    bool has_ticket;
    tacit_lane_ticket_t lane;
} s_rest_t;

/*  The rest of a message; false where it has more frames than the protocol knows.  */
static bool s_receive_rest(void *socket, s_rest_t *rest)
{
    if (zmq_msg_recv(&rest->bulk, socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    rest->has_ticket = zmq_msg_more(&rest->bulk);
    if (!rest->has_ticket) {
        return true;
    }
    bool fits = zmq_msg_recv(&rest->ticket, socket, ZMQ_DONTWAIT) >= 0 &&
                !zmq_msg_more(&rest->ticket) && zmq_msg_size(&rest->bulk) == 0;
    while (zmq_msg_more(&rest->ticket)) {
        if (zmq_msg_recv(&rest->ticket, socket, ZMQ_DONTWAIT) < 0) {
            return false;
        }
    }
    return fits;
}

static bool s_bulk_allowed(const tacit_method_t *method, bool has_bulk, size_t size)
{
    return !has_bulk || (method->bulk_out_max > 0 && size <= method->bulk_out_max);
}

/*  The bulk of a reply comes by the lane.  */
static void s_await(tacit_client_t *self, tacit_slot_t *slot, const tacit_frame_reply_t *reply,
                    zmq_msg_t *frame)
{
    const tacit_lane_target_t target = {.aim = TACIT_LANE_CALL, .msgid = reply->msgid};
    tacit_error_t error;
    if (slot->awaits) {
        return; /* answered twice: the first counts */
    }
    if (reply->failed || !self->lane.receiver) {
        tacit_error_set(&error, TACIT_INTERRUPTED,
                        "%s ran, but its answer's bulk was lost with the lane", slot->method->name);
        tacit_outstanding_fail(slot, reply->failed ? &reply->error : &error);
        return;
    }
    tacit_outstanding_await(slot, reply, frame);
    tacit_client_lane_aim(self, &target);
}

/*  A reply to nothing we wait for is late where we asked once, and otherwise made up. bytes are in
    frame.  */
static void s_settle(tacit_client_t *self, tacit_span_t bytes, zmq_msg_t *frame, s_rest_t *rest)
{
    tacit_frame_reply_t reply;
    zmq_msg_t *bulk = &rest->bulk;
    bool has_bulk = rest->has_bulk;
    size_t size = rest->has_ticket ? (size_t)rest->lane.size : zmq_msg_size(bulk);
    if (tacit_client_take_notification(self, bytes, bulk, has_bulk,
                                       rest->has_ticket ? &rest->lane : NULL) ||
        (!has_bulk && tacit_client_lane_credit(self, bytes))) {
        return;
    }
    if (tacit_frame_parse_reply(bytes, &reply, NULL) != TACIT_OK) {
        tacit_client_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a malformed reply");
        return;
    }
    tacit_slot_t *slot = tacit_outstanding_find(&self->calls, reply.msgid);
    if (!slot) {
        if (reply.msgid == 0 || reply.msgid > self->calls.last_msgid) {
            tacit_client_lose(self, TACIT_PROTOCOL_ERROR,
                              "the peer answered a call that was never made");
        }
        return;
    }
    if (!s_bulk_allowed(slot->method, has_bulk && !reply.failed, size)) {
        tacit_error_t error;
        tacit_error_set(&error, TACIT_BAD_BULK, "the reply to %s has bulk beyond its contract",
                        slot->method->name);
        tacit_outstanding_fail(slot, &error);
        return;
    }
    if (size >= TACIT_LANE_BULK_MIN) {
        self->lane.wanted = true;
        self->lane.missed = self->lane.missed || !rest->has_ticket;
    }
    if (rest->has_ticket) {
        s_await(self, slot, &reply, frame);
    } else if (!slot->awaits) {
        tacit_outstanding_answer(slot, &reply, frame, bulk);
    }
}

/*  Replies that share a message each keep a reference to it.  */
static void s_settle_batch(tacit_client_t *self, zmq_msg_t *frame)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    size_t count = 0;
    const uint8_t *start = zmq_msg_data(frame);
    if (tacit_batch_parse(tacit_span(start, zmq_msg_size(frame)), frames, &count) != TACIT_OK) {
        tacit_client_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a malformed batch");
        return;
    }
    for (size_t i = 0; i < count && self->lost.code == TACIT_OK; i++) {
        zmq_msg_t part;
        s_rest_t none = {.has_bulk = false};
        zmq_msg_init(&part);
        zmq_msg_init(&none.bulk);
        if (zmq_msg_copy(&part, frame) == 0) {
            const uint8_t *data = zmq_msg_data(&part);
            s_settle(self, tacit_span(data + (frames[i].data - start), frames[i].size), &part,
                     &none);
        } else {
            tacit_client_lose(self, TACIT_NO_MEMORY, NULL);
        }
        zmq_msg_close(&part);
        zmq_msg_close(&none.bulk);
    }
}

static bool s_expect(tacit_client_t *self, s_rest_t *rest)
{
    tacit_span_t bytes = tacit_span(zmq_msg_data(&rest->ticket), zmq_msg_size(&rest->ticket));
    return tacit_client_lane_expect(self, bytes, &rest->lane);
}

/*  One message; flags: ZMQ_DONTWAIT, or 0 to wait for it as long as the socket does. False where
    there is none.  */
static bool s_receive(tacit_client_t *self, int flags)
{
    void *socket = tacit_endpoint_socket(self->endpoint);
    zmq_msg_t frame;
    s_rest_t rest = {.has_bulk = false};
    zmq_msg_init(&frame);
    zmq_msg_init(&rest.bulk);
    zmq_msg_init(&rest.ticket);
    bool received = tacit_endpoint_receive(self->endpoint, &frame, flags);
    if (received) {
        rest.has_bulk = zmq_msg_more(&frame);
        tacit_span_t bytes = tacit_span(zmq_msg_data(&frame), zmq_msg_size(&frame));
        if (rest.has_bulk && !s_receive_rest(socket, &rest)) {
            tacit_client_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent too many frames");
        } else if (rest.has_ticket && !s_expect(self, &rest)) {
            tacit_client_lose(self, TACIT_PROTOCOL_ERROR, "the peer sent a ticket for no lane");
        } else if (!rest.has_bulk && tacit_batch_is(bytes)) {
            s_settle_batch(self, &frame);
        } else {
            s_settle(self, bytes, &frame, &rest);
        }
    }
    zmq_msg_close(&frame);
    zmq_msg_close(&rest.bulk);
    zmq_msg_close(&rest.ticket);
    return received;
}

/*  What came in before a connection ended is still there and is read first.  */
void tacit_client_read_events(tacit_client_t *self)
{
    tacit_link_event_t event;
    while (tacit_endpoint_event(self->endpoint, &event)) {
        if (event.link == TACIT_LINK_UP) {
            self->up = true;
            continue;
        }
        while (s_receive(self, ZMQ_DONTWAIT)) {
        }
        tacit_client_lose(self, event.status,
                          self->up ? "the connection was lost" : tacit_status_text(event.status));
    }
}

bool tacit_client_take_in(tacit_client_t *self)
{
    bool any = false;
    while (s_receive(self, ZMQ_DONTWAIT)) {
        any = true;
    }
    return tacit_client_lane_take_in(self) || any;
}

/*  Monitors are looked at only where messages ran out.  */
bool tacit_client_pump(tacit_client_t *self)
{
    bool any = tacit_client_take_in(self) || tacit_client_lane_read_events(self);
    if (!any) {
        tacit_client_read_events(self);
    }
    return any;
}

bool tacit_client_pump_once(tacit_client_t *self)
{
    return s_receive(self, ZMQ_DONTWAIT) || tacit_client_lane_take_in(self);
}

/*  libzmq waits for one socket with a third of the system calls that watching others too takes.  */
bool tacit_client_listen(tacit_client_t *self, uint64_t until_ms)
{
    bool alone = !self->lane.endpoint && !self->stop && self->lost.code == TACIT_OK;
    return alone && until_ms > tacit_client_now() + TACIT_CLIENT_LISTEN_MS && s_receive(self, 0);
}

/*  Who may be stopped looks up now and then.  */
static uint64_t s_nap(tacit_client_t *self, uint64_t now, uint64_t wake)
{
    if (self->stop && atomic_load(self->stop)) {
        tacit_client_lose(self, TACIT_INTERRUPTED, NULL);
    }
    return self->stop && wake > now + TACIT_STOP_MS ? now + TACIT_STOP_MS : wake;
}

/*  Sleep until something comes, a call times out, or until_ms.  */
void tacit_client_sleep(tacit_client_t *self, uint64_t until_ms)
{
    uint64_t now = tacit_client_now();
    uint64_t first = tacit_outstanding_expire(&self->calls, 0); /* ends none, tells the earliest */
    uint64_t wake = until_ms < first ? until_ms : first;
    if (first <= now) {
        (void)tacit_outstanding_expire(&self->calls, now);
        return; /* that is what the caller slept for */
    }
    wake = s_nap(self, now, wake);
    if (self->lost.code == TACIT_OK && wake > now) {
        unsigned fired = tacit_endpoint_wait_both(self->endpoint, self->lane.endpoint, wake - now);
        if (fired & TACIT_WAIT_OTHER_MONITOR) {
            (void)tacit_client_lane_read_events(self);
        }
        if (fired & TACIT_WAIT_MONITOR) {
            tacit_client_read_events(self);
        }
    }
}
