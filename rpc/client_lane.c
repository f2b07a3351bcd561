/*  client_lane.c - what comes and goes by a client's lane, and its end; all of it happens where the
    client pumps its connection.  */

#include "rpc/client_lane.h"

#include "rpc/client_internal.h"

/*  --- the end --------------------------------------------------------------------------------- */

static void s_clear(tacit_client_lane_t *lane)
{
    lane->linked = false;
    lane->recalled = false;
    lane->over = false;
    tacit_lane_sender_destroy(&lane->sender);
    tacit_lane_receiver_destroy(&lane->receiver);
    tacit_lane_pool_destroy(&lane->pool);
    tacit_endpoint_destroy(&lane->endpoint);
}

static bool s_notify(const tacit_client_t *self, uint64_t granted)
{
    zmq_msg_t message;
    tacit_lane_credit_message(granted, &message);
    bool sent = tacit_endpoint_send(self->endpoint, &message, 0);
    if (!sent) {
        zmq_msg_close(&message);
    }
    return sent;
}

static void s_end(tacit_client_t *self, const char *what)
{
    if (!self->lane.endpoint && !self->lane.receiver) {
        return;
    }
    if (self->lane.reopen.opened_ms > 0) {
        tacit_lane_reopen_lost(&self->lane.reopen, tacit_client_now());
    }
    s_clear(&self->lane);
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &self->calls.slots[i];
        if (tacit_outstanding_lacks(slot)) {
            tacit_error_t error;
            tacit_error_set(&error, TACIT_INTERRUPTED,
                            "%s ran, but its answer's bulk was lost with the lane (%s)",
                            slot->method->name, what ? what : "closed");
            tacit_outstanding_fail(slot, &error);
        }
    }
}

void tacit_client_lane_end(tacit_client_t *self, const char *what)
{
    if (self->lane.endpoint && what && self->lost.code == TACIT_OK) {
        (void)s_notify(self, TACIT_LANE_OVER);
    }
    s_end(self, what);
}

/*  The service wants it back: nothing more is sent by it, and it ends when no call is under way. */
static void s_give_back(tacit_client_t *self)
{
    if (self->lane.recalled && self->calls.count == 0) {
        tacit_client_lane_end(self, "the service recalled it");
    }
}

/*  What a service sent by a lane that it had recalled is still on its way.  */
static void s_peer_ended(tacit_client_t *self)
{
    tacit_client_lane_t *lane = &self->lane;
    lane->over = lane->recalled && tacit_lane_receiver_target(lane->receiver, 0);
    if (!lane->over) {
        s_end(self, "the peer ended it"); /* and needs not be told */
    }
}

void tacit_client_lane_refresh(tacit_client_t *self, uint64_t now_ms)
{
    tacit_client_lane_t *lane = &self->lane;
    if (lane->endpoint && !lane->polled && now_ms >= lane->used_ms + TACIT_LANE_SPARE_MS / 2) {
        (void)tacit_client_take_in(self);
        (void)tacit_client_lane_read_events(self);
    }
    s_give_back(self);
    if (tacit_client_lane_is_up(lane) && self->calls.count == 0 &&
        (tacit_lane_sender_is_spent(lane->sender) ||
         tacit_lane_receiver_is_spent(lane->receiver))) {
        tacit_lane_reopen_renewed(&lane->reopen);
        tacit_client_lane_end(self, "its keys were used enough");
    }
}

/*  --- sending --------------------------------------------------------------------------------- */

static void s_flush(tacit_client_t *self)
{
    tacit_client_lane_t *lane = &self->lane;
    zmq_msg_t frame;
    tacit_status_t status = TACIT_PENDING;
    while (lane->endpoint && (status = tacit_lane_sender_next(lane->sender, &frame)) == TACIT_OK) {
        if (!tacit_endpoint_send(lane->endpoint, &frame, 0)) {
            zmq_msg_close(&frame);
            tacit_client_lane_end(self, "its connection takes no more");
        }
    }
    if (status != TACIT_PENDING) {
        tacit_client_lane_end(self, tacit_status_text(status));
    }
}

bool tacit_client_lane_is_up(const tacit_client_lane_t *lane)
{
    return lane->endpoint && lane->receiver && tacit_lane_receiver_greeted(lane->receiver);
}

/*  A lane that is recalled sends what was announced, and no more.  */
static bool s_is_open(const tacit_client_lane_t *lane)
{
    return tacit_client_lane_is_up(lane) && !lane->recalled;
}

bool tacit_client_lane_flows(const tacit_client_t *self, size_t size)
{
    return s_is_open(&self->lane) && tacit_lane_sender_flows(self->lane.sender, size);
}

bool tacit_client_lane_carry(tacit_client_t *self, zmq_msg_t *bulk)
{
    tacit_client_lane_t *lane = &self->lane;
    tacit_lane_ticket_t ticket;
    if (!s_is_open(lane) || !tacit_lane_sender_offer(lane->sender, zmq_msg_size(bulk), &ticket)) {
        lane->missed = lane->missed || zmq_msg_size(bulk) >= TACIT_LANE_BULK_MIN;
        return tacit_endpoint_send(self->endpoint, bulk, 0);
    }
    if (!tacit_lane_ticket_send(&ticket, self->endpoint)) {
        return false;
    }
    lane->sent++;
    lane->used_ms = tacit_client_now();
    tacit_lane_sender_put(lane->sender, bulk);
    s_flush(self);
    return true;
}

/*  --- receiving ------------------------------------------------------------------------------- */

/*  A ticket of a lane that this end has given up is late: its message is without bulk.  */
bool tacit_client_lane_expect(tacit_client_t *self, tacit_span_t bytes,
                              tacit_lane_ticket_t *ret_ticket)
{
    tacit_client_lane_t *lane = &self->lane;
    if (!lane->asked || tacit_lane_ticket_parse(bytes, ret_ticket) != TACIT_OK) {
        return false;
    }
    if (lane->receiver && tacit_lane_receiver_expect(lane->receiver, ret_ticket) != TACIT_OK) {
        tacit_client_lane_end(self, "a ticket out of order");
    }
    return true;
}

void tacit_client_lane_aim(tacit_client_t *self, const tacit_lane_target_t *target)
{
    if (self->lane.receiver) {
        tacit_lane_receiver_aim(self->lane.receiver, target);
    }
}

bool tacit_client_lane_credit(tacit_client_t *self, tacit_span_t bytes)
{
    uint64_t granted = 0;
    if (tacit_lane_credit_parse(bytes, &granted) != TACIT_OK || !self->lane.asked) {
        return false;
    }
    if (!self->lane.endpoint) {
        return true; /* late */
    }
    if (granted == TACIT_LANE_OVER) {
        s_peer_ended(self);
    } else if (granted == TACIT_LANE_RECALL) {
        self->lane.recalled = true;
        s_give_back(self);
    } else if (tacit_lane_sender_credit(self->lane.sender, granted) != TACIT_OK) {
        tacit_client_lane_end(self, "credit that is none");
    } else {
        s_flush(self);
    }
    return true;
}

/*  Whose bulk it was may have ended meanwhile.  */
static void s_deliver(tacit_client_t *self, const tacit_lane_target_t *target, zmq_msg_t *bulk)
{
    tacit_slot_t *slot = tacit_outstanding_lacking(&self->calls, target->msgid);
    self->lane.received++;
    self->lane.used_ms = tacit_client_now();
    if (slot) {
        tacit_outstanding_fill(slot, target, bulk, tacit_client_now());
    }
    zmq_msg_close(bulk);
}

static void s_advance(tacit_client_t *self)
{
    tacit_client_lane_t *lane = &self->lane;
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    uint64_t granted = 0;
    tacit_status_t status = TACIT_OK;
    while ((status = tacit_lane_receiver_next(lane->receiver, &target, &bulk)) == TACIT_OK) {
        s_deliver(self, &target, &bulk);
    }
    if (status != TACIT_PENDING) {
        tacit_client_lane_end(self, tacit_status_text(status));
    } else if (lane->over && !tacit_lane_receiver_target(lane->receiver, 0)) {
        s_end(self, "the peer ended it");
    } else if (tacit_lane_receiver_credit_due(lane->receiver, &granted) &&
               s_notify(self, granted)) {
        tacit_lane_receiver_credit_sent(lane->receiver, granted);
    }
}

static bool s_receive(tacit_client_t *self)
{
    tacit_client_lane_t *lane = &self->lane;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool received = lane->endpoint && tacit_endpoint_receive(lane->endpoint, &frame, ZMQ_DONTWAIT);
    if (received &&
        (zmq_msg_more(&frame) || tacit_lane_receiver_take(lane->receiver, &frame) != TACIT_OK)) {
        tacit_client_lane_end(self, "a frame that is not the next one");
    } else if (received) {
        s_advance(self);
    }
    zmq_msg_close(&frame);
    return received;
}

/*  True where there were any: who waits for one looks again before it sleeps.  */
bool tacit_client_lane_read_events(tacit_client_t *self)
{
    tacit_client_lane_t *lane = &self->lane;
    tacit_link_event_t event;
    bool any = false;
    while (lane->endpoint && tacit_endpoint_event(lane->endpoint, &event)) {
        any = true;
        if (event.link == TACIT_LINK_UP) {
            lane->linked = true;
        } else {
            tacit_client_lane_end(self, "its connection was lost");
        }
    }
    return any;
}

/*  What was parked may have got its ticket.  */
bool tacit_client_lane_take_in(tacit_client_t *self)
{
    bool any = false;
    if (!self->lane.endpoint) {
        return false;
    }
    if (self->lane.receiver) {
        s_advance(self);
    }
    while (s_receive(self)) {
        any = true;
    }
    return any;
}

bool tacit_client_lane_lacks(const tacit_client_t *self)
{
    const tacit_client_lane_t *lane = &self->lane;
    return lane->missed && !lane->endpoint &&
           tacit_lane_reopen_due(&lane->reopen, tacit_client_now());
}

void *tacit_client_lane_socket(tacit_client_t *client)
{
    return client->lane.endpoint ? tacit_endpoint_socket(client->lane.endpoint) : NULL;
}
