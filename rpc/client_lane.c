/*  client_lane.c - opening a lane, what comes and goes by it, and its end.

    Opening waits for the server's answer and hello, a second at most. Everything else happens
    where the client pumps its connection.  */

#include "rpc/client_lane.h"

#include <sodium.h>

#include "idl/session.h"
#include "rpc/client_internal.h"

/*  --- the end --------------------------------------------------------------------------------- */

static void s_clear(tacit_client_lane_t *lane)
{
    lane->linked = false;
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
    s_clear(&self->lane);
    for (size_t i = 0; i < TACIT_SLOTS; i++) {
        tacit_slot_t *slot = &self->calls.slots[i];
        if (tacit_outstanding_lacks(slot)) {
            tacit_error_t error;
            tacit_error_set(&error, TACIT_INTERRUPTED, "%s: the bulk lane ended (%s)",
                            slot->method->name, what ? what : "closed");
            tacit_outstanding_fail(slot, &error);
        }
    }
}

void tacit_client_lane_end(tacit_client_t *self, const char *what)
{
    if (self->lane.endpoint && what && self->lost.code == TACIT_OK) {
        (void)s_notify(self, 0);
    }
    s_end(self, what);
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

static bool s_is_up(const tacit_client_lane_t *lane)
{
    return lane->endpoint && lane->receiver && tacit_lane_receiver_greeted(lane->receiver);
}

bool tacit_client_lane_flows(const tacit_client_t *self, size_t size)
{
    return s_is_up(&self->lane) && tacit_lane_sender_flows(self->lane.sender, size);
}

bool tacit_client_lane_carry(tacit_client_t *self, zmq_msg_t *bulk)
{
    tacit_client_lane_t *lane = &self->lane;
    tacit_lane_ticket_t ticket;
    if (!s_is_up(lane) || !tacit_lane_sender_offer(lane->sender, zmq_msg_size(bulk), &ticket)) {
        return tacit_endpoint_send(self->endpoint, bulk, 0);
    }
    zmq_msg_t empty;
    zmq_msg_t message;
    zmq_msg_init(&empty);
    tacit_lane_ticket_message(&ticket, &message);
    if (!tacit_endpoint_send(self->endpoint, &empty, ZMQ_SNDMORE) ||
        !tacit_endpoint_send(self->endpoint, &message, 0)) {
        zmq_msg_close(&message);
        return false;
    }
    lane->sent++;
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
    if (!lane->tried || tacit_lane_ticket_parse(bytes, ret_ticket) != TACIT_OK) {
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
    if (tacit_lane_credit_parse(bytes, &granted) != TACIT_OK || !self->lane.tried) {
        return false;
    }
    if (!self->lane.endpoint) {
        return true; /* late */
    }
    if (granted == 0) {
        s_end(self, "the peer ended it"); /* and needs not be told */
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

/*  --- opening --------------------------------------------------------------------------------- */

static void s_wait(tacit_client_t *self, uint64_t until_ms)
{
    if (!tacit_client_pump(self)) {
        tacit_client_sleep(self, until_ms);
    }
}

/*  session.lane, beside what the client's owner may be reading just now.  */
static tacit_status_t s_ask(tacit_client_t *self, uint64_t until_ms,
                            tacit_session_lane_result_t *ret_result, zmq_msg_t *ret_frame,
                            tacit_error_t *ret_error)
{
    tacit_session_lane_args_t args = {.cipher = (uint8_t)tacit_lane_cipher_best()};
    const tacit_request_t request = {
        .method = &tacit_session_lane, .args = &args, .deadline_ms = TACIT_LANE_OPEN_MS};
    tacit_slot_t *slot = NULL;
    zmq_msg_t none;
    zmq_msg_init(&none);
    tacit_status_t status = tacit_client_start_message(self, &request, &none, &slot, ret_error);
    zmq_msg_close(&none);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_client_flush(self);
    while (slot->state == TACIT_SLOT_WAITING) {
        s_wait(self, until_ms);
    }
    status = slot->error.code;
    if (status != TACIT_OK && ret_error) {
        *ret_error = slot->error;
    }
    if (status == TACIT_OK) {
        zmq_msg_move(ret_frame, &slot->frame);
        const uint8_t *bytes = (const uint8_t *)zmq_msg_data(ret_frame) + slot->result_offset;
        status = tacit_codec_decode(tacit_session_lane.result, tacit_span(bytes, slot->result_size),
                                    NULL, NULL, ret_result, ret_error);
    }
    tacit_client_metrics_end(&slot->meter, status, zmq_msg_size(ret_frame));
    tacit_outstanding_release(&self->calls, slot);
    return status;
}

static tacit_status_t s_connect(tacit_client_t *self, const tacit_session_lane_result_t *lane,
                                tacit_error_t *ret_error)
{
    char address[256];
    char name[2 * TACIT_LANE_ID_SIZE + 1];
    char token[2 * TACIT_LANE_TOKEN_SIZE + 1];
    uint8_t bytes[TACIT_LANE_TOKEN_SIZE];
    const char *own = tacit_endpoint_address(self->endpoint);
    bool file = strncmp(own, "ipc://", 6) == 0;
    if ((lane->port == 0) != file ||
        tacit_endpoint_lane_address(own, lane->port, address, sizeof address) != TACIT_OK) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "no place for a lane");
    }
    tacit_lane_token(self->session->exporter, lane->lane_id.data, bytes);
    sodium_bin2hex(name, sizeof name, lane->lane_id.data, TACIT_LANE_ID_SIZE);
    sodium_bin2hex(token, sizeof token, bytes, sizeof bytes);
    const tacit_endpoint_connect_t config = {.address = address,
                                             .connect_ms = TACIT_LANE_OPEN_MS,
                                             .lane_name = name,
                                             .lane_token = token};
    return tacit_endpoint_connect(&config, &self->lane.endpoint, ret_error);
}

static tacit_status_t s_make_ends(tacit_client_t *self, const tacit_session_lane_result_t *lane)
{
    const uint8_t *exporter = self->session->exporter;
    const uint8_t *id = lane->lane_id.data;
    tacit_lane_cipher_t cipher = (tacit_lane_cipher_t)lane->cipher;
    tacit_lane_seal_t *out = NULL;
    tacit_lane_seal_t *in = NULL;
    tacit_status_t status =
        tacit_lane_seal_new(exporter, id, cipher, TACIT_SIDE_CLIENT, true, &out);
    if (status == TACIT_OK) {
        status = tacit_lane_seal_new(exporter, id, cipher, TACIT_SIDE_SERVER, false, &in);
    }
    if (status == TACIT_OK) {
        self->lane.pool = tacit_lane_pool_new();
        self->lane.sender = self->lane.pool ? tacit_lane_sender_new(&out, self->lane.pool) : NULL;
        self->lane.receiver =
            self->lane.pool ? tacit_lane_receiver_new(&in, self->lane.pool) : NULL;
        status = self->lane.sender && self->lane.receiver ? TACIT_OK : TACIT_NO_MEMORY;
    }
    tacit_lane_seal_destroy(&out);
    tacit_lane_seal_destroy(&in);
    return status;
}

static tacit_status_t s_greet(tacit_client_t *self, uint64_t until_ms)
{
    tacit_client_lane_t *lane = &self->lane;
    zmq_msg_t hello;
    while (lane->endpoint && !lane->linked && tacit_client_now() < until_ms) {
        s_wait(self, until_ms);
    }
    if (!lane->linked || tacit_lane_sender_hello(lane->sender, &hello) != TACIT_OK) {
        return TACIT_UNREACHABLE;
    }
    if (!tacit_endpoint_send(lane->endpoint, &hello, 0)) {
        zmq_msg_close(&hello);
        return TACIT_UNREACHABLE;
    }
    while (lane->endpoint && !s_is_up(lane) && tacit_client_now() < until_ms) {
        s_wait(self, until_ms);
    }
    return s_is_up(lane) ? TACIT_OK : TACIT_UNREACHABLE;
}

static tacit_status_t s_open(tacit_client_t *client, tacit_error_t *ret_error)
{
    if (client->lane.tried || !client->session) {
        return tacit_error_set(ret_error, client->session ? TACIT_ALREADY_EXISTS : TACIT_NO_SESSION,
                               NULL);
    }
    uint64_t until_ms = tacit_client_now() + TACIT_LANE_OPEN_MS;
    tacit_session_lane_result_t result = {.port = 0};
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    client->lane.tried = true;
    tacit_status_t status = s_ask(client, until_ms, &result, &frame, ret_error);
    if (status == TACIT_OK) {
        status = s_make_ends(client, &result);
    }
    if (status == TACIT_OK) {
        status = s_connect(client, &result, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_greet(client, until_ms);
    }
    zmq_msg_close(&frame);
    if (status != TACIT_OK) {
        tacit_client_lane_end(client, "it could not be opened");
        s_clear(&client->lane);
        return ret_error && ret_error->code == status ? status
                                                      : tacit_error_set(ret_error, status, NULL);
    }
    return TACIT_OK;
}

tacit_status_t tacit_client_open_lane(tacit_client_t *client, tacit_error_t *ret_error)
{
    return s_open(client, ret_error);
}

void *tacit_client_lane_socket(tacit_client_t *client)
{
    return client->lane.endpoint ? tacit_endpoint_socket(client->lane.endpoint) : NULL;
}

void tacit_client_lane_prepare(tacit_client_t *self, const tacit_method_t *method, size_t bulk_size)
{
    const tacit_client_lane_t *lane = &self->lane;
    bool large = bulk_size >= TACIT_LANE_BULK_MIN || lane->wanted ||
                 method->stream_in.chunk_max >= TACIT_LANE_BULK_MIN ||
                 method->stream_out.chunk_max >= TACIT_LANE_BULK_MIN;
    if (large && self->session && !lane->tried && !lane->polled && self->lost.code == TACIT_OK) {
        (void)s_open(self, NULL); /* without a lane it goes over CURVE */
    }
}
