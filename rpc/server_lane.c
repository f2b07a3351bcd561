/*  server_lane.c - lanes of sessions: announcing, frames in and out, requests that wait for their
    bulk.

    A lane that is to end is marked first, since calls of its own may be on the stack, and taken
    down when the loop has nothing else to do with it.  */

#include "rpc/server_lane.h"

#include <inttypes.h>
#include <sodium.h>

#include "rpc/lane_receiver.h"
#include "rpc/lane_sender.h"
#include "rpc/server_internal.h"
#include "rpc/zap.h"

struct tacit_server_lane {
    tacit_connection_id_t id; /* of the CURVE connection */
    uint8_t session[TACIT_SESSION_ID_SIZE];
    uint8_t name[TACIT_LANE_ID_SIZE];
    uint8_t routing[TACIT_ROUTING_ID_SIZE]; /* of the lane's connection */
    int fd;                                 /* of it */
    bool connected;                         /* its hello came */
    bool ended;
    uint64_t admit_end_ms; /* monotonic; until when it may connect */
    tacit_lane_sender_t *sender;
    tacit_lane_receiver_t *receiver;
};

static tacit_server_lane_t *s_find(const tacit_server_lanes_t *lanes,
                                   const tacit_connection_id_t *id)
{
    for (size_t i = 0; i < lanes->count; i++) {
        tacit_server_lane_t *row = lanes->rows[i];
        if (!row->ended && memcmp(&row->id, id, sizeof row->id) == 0) {
            return row;
        }
    }
    return NULL;
}

/*  --- the end --------------------------------------------------------------------------------- */

static bool s_notify(const tacit_server_t *self, const tacit_server_lane_t *row, uint64_t granted)
{
    zmq_msg_t routing;
    zmq_msg_t message;
    tacit_server_address(&routing, row->id.routing);
    tacit_lane_credit_message(granted, &message);
    bool sent = tacit_endpoint_send(self->endpoint, &routing, ZMQ_SNDMORE) &&
                tacit_endpoint_send(self->endpoint, &message, 0);
    if (!sent) {
        zmq_msg_close(&routing);
        zmq_msg_close(&message);
    }
    return sent;
}

/*  broken: by the peer, who is told.  */
static void s_mark(tacit_server_t *self, tacit_server_lane_t *row, bool broken)
{
    if (!row->ended) {
        row->ended = true;
        self->lanes.broken += broken;
        (void)s_notify(self, row, 0);
    }
}

static void s_free(tacit_server_t *self, tacit_server_lane_t *row)
{
    tacit_zap_forget(self->lanes.domain, row->name);
    tacit_lane_sender_destroy(&row->sender);
    tacit_lane_receiver_destroy(&row->receiver);
    free(row);
}

/*  --- requests that wait ---------------------------------------------------------------------- */

/*  A call that waited is the server's again.  */
static void s_release(tacit_server_t *self, tacit_call_t *call)
{
    tacit_server_unkeep(self, call);
    call->expected = 0;
}

static void s_refuse(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    bool answered = call->state == TACIT_CALL_ZOMBIE;
    s_release(self, call);
    if (!answered) {
        tacit_server_answer(self, call, status, NULL);
    }
    tacit_server_give_call(self, call);
}

/*  The bulk of a request is complete.  */
static void s_run(tacit_server_t *self, tacit_call_t *call, zmq_msg_t *bulk)
{
    if (!tacit_call_alive(call)) {
        bool late = tacit_call_remaining_ms(call) == 0;
        s_refuse(self, call, late ? TACIT_DEADLINE_EXCEEDED : TACIT_SESSION_EXPIRED);
        return;
    }
    s_release(self, call);
    zmq_msg_move(&call->bulk, bulk);
    call->state = TACIT_CALL_RUNNING;
    tacit_server_enter(self, call);
}

static void s_deliver(tacit_server_t *self, const tacit_server_lane_t *row,
                      const tacit_lane_target_t *target, zmq_msg_t *bulk)
{
    self->lanes.bulks_in++;
    self->lanes.bytes_in += zmq_msg_size(bulk);
    if (target->aim == TACIT_LANE_CALL) {
        s_run(self, target->call, bulk);
    } else {
        tacit_server_stream_fill(self, &row->id, target->msgid, target->number, bulk);
    }
    zmq_msg_close(bulk);
}

void tacit_server_lane_aim(tacit_server_t *self, const tacit_connection_id_t *id,
                           const tacit_lane_target_t *target)
{
    tacit_server_lane_t *row = s_find(&self->lanes, id);
    if (row) {
        tacit_lane_receiver_aim(row->receiver, target);
    }
}

void tacit_server_lane_await(tacit_server_t *self, tacit_call_t *call)
{
    tacit_server_lane_t *row = s_find(&self->lanes, &call->id);
    if (!row) { /* it ended while the call was admitted */
        tacit_server_answer(self, call, TACIT_INTERRUPTED, NULL);
        tacit_server_give_call(self, call);
        return;
    }
    const tacit_lane_target_t target = {.aim = TACIT_LANE_CALL, .call = call};
    tacit_lane_receiver_aim(row->receiver, &target);
    tacit_server_keep(self, call);
}

/*  Calls that were answered otherwise: their bytes are nobody's. With all, calls that wait too.  */
static void s_drop_calls(tacit_server_t *self, tacit_server_lane_t *row, bool all)
{
    tacit_lane_target_t *target = NULL;
    for (size_t i = 0; (target = tacit_lane_receiver_target(row->receiver, i)); i++) {
        tacit_call_t *call = target->aim == TACIT_LANE_CALL ? target->call : NULL;
        if (call && (all || call->state == TACIT_CALL_ZOMBIE)) {
            target->aim = TACIT_LANE_NOBODY;
            s_refuse(self, call, TACIT_INTERRUPTED);
        } else if (all && target->aim == TACIT_LANE_CHUNK) {
            tacit_server_stream_break(self, &row->id, target->msgid);
        }
    }
}

/*  --- what comes in --------------------------------------------------------------------------- */

static void s_flush(tacit_server_t *self, tacit_server_lane_t *row);

static void s_advance(tacit_server_t *self, tacit_server_lane_t *row)
{
    tacit_lane_target_t target;
    zmq_msg_t bulk;
    uint64_t granted = 0;
    tacit_status_t status = TACIT_OK;
    while (!row->ended &&
           (status = tacit_lane_receiver_next(row->receiver, &target, &bulk)) == TACIT_OK) {
        s_deliver(self, row, &target, &bulk);
    }
    if (row->ended) {
        return;
    }
    if (status != TACIT_PENDING) {
        s_mark(self, row, true);
    } else if (tacit_lane_receiver_credit_due(row->receiver, &granted) &&
               s_notify(self, row, granted)) {
        tacit_lane_receiver_credit_sent(row->receiver, granted);
    }
}

tacit_status_t tacit_server_lane_expect(tacit_server_t *self, tacit_call_t *call)
{
    tacit_lane_ticket_t ticket;
    if (!call->has_ticket) {
        return TACIT_OK;
    }
    tacit_span_t bytes = tacit_span(zmq_msg_data(&call->ticket), zmq_msg_size(&call->ticket));
    tacit_server_lane_t *row = s_find(&self->lanes, &call->id);
    tacit_status_t status = tacit_lane_ticket_parse(bytes, &ticket);
    if (status == TACIT_OK && row && row->connected) {
        status = tacit_lane_receiver_expect(row->receiver, &ticket);
    } else if (status == TACIT_OK) {
        return tacit_error_set(&call->error, TACIT_INTERRUPTED,
                               "the bulk was to come by a lane that is not open");
    }
    if (status != TACIT_OK) {
        if (row) {
            s_mark(self, row, true);
        }
        return tacit_error_set(&call->error, TACIT_BAD_BULK, "a ticket that is not the next one");
    }
    call->expected = (size_t)ticket.size;
    return TACIT_OK;
}

bool tacit_server_lane_event(tacit_server_t *self, const tacit_call_t *carrier)
{
    uint64_t granted = 0;
    if (carrier->has_bulk || tacit_lane_credit_parse(carrier->body, &granted) != TACIT_OK) {
        return false;
    }
    tacit_server_lane_t *row = s_find(&self->lanes, &carrier->id);
    if (row && (granted == 0 || tacit_lane_sender_credit(row->sender, granted) != TACIT_OK)) {
        s_mark(self, row, granted != 0);
    } else if (row) {
        s_flush(self, row);
    }
    return true;
}

/*  --- what goes out --------------------------------------------------------------------------- */

bool tacit_server_lane_send(const tacit_server_t *self,
                            const uint8_t routing[TACIT_ROUTING_ID_SIZE], zmq_msg_t *frame)
{
    zmq_msg_t address;
    tacit_server_address(&address, routing);
    bool sent = tacit_endpoint_send(self->lanes.endpoint, &address, ZMQ_SNDMORE) &&
                tacit_endpoint_send(self->lanes.endpoint, frame, 0);
    if (!sent) {
        zmq_msg_close(&address);
        zmq_msg_close(frame);
    }
    return sent;
}

static bool s_send_frame(tacit_server_t *self, const tacit_server_lane_t *row, zmq_msg_t *frame)
{
#ifdef TACIT_FAULTS
    if (tacit_server_fault_lane(self, TACIT_FAULT_LANE_OUT, row->id.peer, row->routing, row->fd,
                                frame)) {
        return true;
    }
#endif
    return tacit_server_lane_send(self, row->routing, frame);
}

static void s_flush(tacit_server_t *self, tacit_server_lane_t *row)
{
    zmq_msg_t frame;
    tacit_status_t status = TACIT_OK;
    while (!row->ended && (status = tacit_lane_sender_next(row->sender, &frame)) == TACIT_OK) {
        if (!s_send_frame(self, row, &frame)) {
            s_mark(self, row, false);
        }
    }
    if (status != TACIT_OK && status != TACIT_PENDING) {
        s_mark(self, row, false);
    }
}

bool tacit_server_lane_flows(const tacit_server_t *self, const tacit_connection_id_t *id,
                             size_t size)
{
    const tacit_server_lane_t *row = size >= TACIT_LANE_BULK_MIN ? s_find(&self->lanes, id) : NULL;
    return row && row->connected && tacit_lane_sender_flows(row->sender, size);
}

bool tacit_server_lane_is_idle(const tacit_server_t *self)
{
    bool idle = true;
    for (size_t i = 0; i < self->lanes.count; i++) {
        const tacit_server_lane_t *row = self->lanes.rows[i];
        idle = idle && (row->ended || tacit_lane_sender_is_idle(row->sender));
    }
    return idle;
}

bool tacit_server_lane_carry(tacit_server_t *self, const tacit_connection_id_t *id, zmq_msg_t *bulk)
{
    tacit_lane_ticket_t ticket;
    size_t size = zmq_msg_size(bulk);
    tacit_server_lane_t *row = size >= TACIT_LANE_BULK_MIN ? s_find(&self->lanes, id) : NULL;
    if (!row || !row->connected || !tacit_lane_sender_offer(row->sender, size, &ticket)) {
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
    self->lanes.bulks_out++;
    self->lanes.bytes_out += size;
    tacit_lane_sender_put(row->sender, bulk);
    s_flush(self, row);
    return true;
}

/*  --- frames ---------------------------------------------------------------------------------- */

static void s_read_events(tacit_server_t *self)
{
    tacit_link_event_t event;
    while (self->lanes.endpoint && tacit_endpoint_event(self->lanes.endpoint, &event)) {
        for (size_t i = 0; event.link == TACIT_LINK_LOST && i < self->lanes.count; i++) {
            tacit_server_lane_t *row = self->lanes.rows[i];
            if (row->connected && row->fd == event.fd) {
                s_mark(self, row, false);
            }
        }
    }
}

/*  The first frame of a connection that ZAP admitted for that lane.  */
static void s_greet(tacit_server_t *self, tacit_server_lane_t *row, const uint8_t *routing,
                    zmq_msg_t *frame)
{
    char name[2 * TACIT_LANE_ID_SIZE + 1];
    const char *user = zmq_msg_gets(frame, "User-Id");
    sodium_bin2hex(name, sizeof name, row->name, sizeof row->name);
    if (!user || strcmp(user, name) != 0) {
        self->lanes.dropped++;
        return;
    }
    s_read_events(self); /* news of an old connection with the same file */
    row->fd = zmq_msg_get(frame, ZMQ_SRCFD);
    memcpy(row->routing, routing, sizeof row->routing);
    zmq_msg_t hello;
    if (tacit_lane_receiver_take(row->receiver, frame) != TACIT_OK) {
        s_mark(self, row, true);
    } else if (tacit_lane_sender_hello(row->sender, &hello) == TACIT_OK) {
        row->connected = s_send_frame(self, row, &hello);
    }
}

static tacit_server_lane_t *s_find_name(const tacit_server_lanes_t *lanes, const uint8_t *name)
{
    for (size_t i = 0; name && i < lanes->count; i++) {
        if (!lanes->rows[i]->ended && memcmp(lanes->rows[i]->name, name, TACIT_LANE_ID_SIZE) == 0) {
            return lanes->rows[i];
        }
    }
    return NULL;
}

/*  Frames without tickets are nothing yet: who sends many while others did too is let go of.  */
static void s_bound_parked(tacit_server_t *self, tacit_server_lane_t *row)
{
    uint64_t bytes = row->ended ? 0 : tacit_lane_receiver_parked(row->receiver);
    for (size_t i = 0; bytes > 0 && i < self->lanes.count; i++) {
        const tacit_server_lane_t *other = self->lanes.rows[i];
        bytes += other != row && !other->ended ? tacit_lane_receiver_parked(other->receiver) : 0;
    }
    if (bytes > TACIT_LANES_PARKED_MAX) {
        s_mark(self, row, true);
    }
}

static tacit_server_lane_t *s_find_frames(const tacit_server_t *self, zmq_msg_t *frame)
{
    tacit_span_t bytes = tacit_span(zmq_msg_data(frame), zmq_msg_size(frame));
    return s_find_name(&self->lanes, tacit_lane_frame_id(bytes));
}

void tacit_server_lane_take(tacit_server_t *self, const uint8_t routing[TACIT_ROUTING_ID_SIZE],
                            zmq_msg_t *frame)
{
    tacit_server_lane_t *row = s_find_frames(self, frame);
    if (!row || (row->connected && memcmp(routing, row->routing, sizeof row->routing) != 0)) {
        self->lanes.dropped++;
    } else if (!row->connected) {
        s_greet(self, row, routing, frame);
    } else if (tacit_lane_receiver_take(row->receiver, frame) != TACIT_OK) {
        s_mark(self, row, true);
    } else {
        s_advance(self, row);
        s_bound_parked(self, row);
    }
}

/*  A message was read, up to its first frame.  */
static void s_take(tacit_server_t *self, zmq_msg_t *routing, zmq_msg_t *frame)
{
    if (zmq_msg_size(routing) != TACIT_ROUTING_ID_SIZE || zmq_msg_more(frame)) {
        self->lanes.dropped++;
        return;
    }
#ifdef TACIT_FAULTS
    const tacit_server_lane_t *row = s_find_frames(self, frame);
    if (row && tacit_server_fault_lane(self, TACIT_FAULT_LANE_IN, row->id.peer,
                                       zmq_msg_data(routing), -1, frame)) {
        return;
    }
#endif
    tacit_server_lane_take(self, zmq_msg_data(routing), frame);
}

static bool s_receive(tacit_server_t *self)
{
    void *socket = tacit_endpoint_socket(self->lanes.endpoint);
    zmq_msg_t routing;
    zmq_msg_t frame;
    zmq_msg_init(&routing);
    zmq_msg_init(&frame);
    bool received = zmq_msg_recv(&routing, socket, ZMQ_DONTWAIT) >= 0;
    if (received && zmq_msg_more(&routing) && zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
        s_take(self, &routing, &frame);
        while (zmq_msg_more(&frame) && zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
        }
    }
    zmq_msg_close(&routing);
    zmq_msg_close(&frame);
    return received;
}

static int s_on_input(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    for (size_t i = 0; i < TACIT_LANE_BATCH && s_receive(argument); i++) {
    }
    tacit_server_tell(argument);
    tacit_server_lane_settle(argument);
    return 0;
}

static int s_on_monitor(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    s_read_events(argument);
    tacit_server_lane_settle(argument);
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

void tacit_server_lane_settle(tacit_server_t *self)
{
    tacit_server_lanes_t *lanes = &self->lanes;
    for (size_t i = lanes->count; i > 0; i--) {
        tacit_server_lane_t *row = lanes->rows[i - 1];
        if (!row->ended) {
            s_advance(self, row); /* what was parked may have got its ticket */
            s_drop_calls(self, row, false);
        }
        if (row->ended) {
            lanes->rows[i - 1] = lanes->rows[--lanes->count];
            s_drop_calls(self, row, true);
            s_free(self, row);
        }
    }
}

static bool s_session_lives(tacit_server_t *self, const tacit_server_lane_t *row)
{
    const tacit_connection_t *connection = tacit_session_table_peek(&self->sessions, &row->id);
    return connection && connection->session && !connection->expired &&
           memcmp(connection->session->id, row->session, sizeof row->session) == 0;
}

void tacit_server_lane_sweep(tacit_server_t *self)
{
    tacit_server_lanes_t *lanes = &self->lanes;
    uint64_t now = tacit_server_now();
    for (size_t i = 0; i < lanes->count; i++) {
        tacit_server_lane_t *row = lanes->rows[i];
        if (!s_session_lives(self, row) || (!row->connected && now >= row->admit_end_ms)) {
            s_mark(self, row, false);
        }
    }
    if (lanes->pool && now >= lanes->trim_ms) {
        tacit_lane_pool_trim(lanes->pool);
        lanes->trim_ms = now + TACIT_LANE_TRIM_MS;
    }
    tacit_server_lane_settle(self);
}

void tacit_server_lane_close(tacit_server_t *self)
{
    tacit_server_lanes_t *lanes = &self->lanes;
    while (lanes->count > 0) {
        tacit_server_lane_t *row = lanes->rows[--lanes->count];
        tacit_lane_target_t *target = NULL;
        for (size_t i = 0; (target = tacit_lane_receiver_target(row->receiver, i)); i++) {
            if (target->aim == TACIT_LANE_CALL) {
                s_release(self, target->call);
                tacit_server_give_call(self, target->call);
            }
        }
        s_free(self, row);
    }
    if (lanes->endpoint) {
        tacit_zap_forget(lanes->domain, NULL);
    }
    tacit_endpoint_destroy(&lanes->endpoint);
    tacit_lane_pool_destroy(&lanes->pool);
}

static bool s_poll(tacit_server_t *self, void *socket, zloop_fn *handler)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zloop_poller(self->loop, &item, handler, self) != 0) {
        return false;
    }
    zloop_poller_set_tolerant(self->loop, &item);
    return true;
}

/*  The socket, once.  */
static tacit_status_t s_listen(tacit_server_t *self)
{
    static _Atomic uint64_t number;
    tacit_server_lanes_t *lanes = &self->lanes;
    char address[256];
    if (lanes->endpoint) {
        return TACIT_OK;
    }
    lanes->pool = lanes->pool ? lanes->pool : tacit_lane_pool_new();
    if (!self->loop || !lanes->pool ||
        tacit_endpoint_lane_address(tacit_endpoint_address(self->endpoint), 0, address,
                                    sizeof address) != TACIT_OK) {
        return TACIT_UNSUPPORTED;
    }
    snprintf(lanes->domain, sizeof lanes->domain, "tacit.lane.%" PRIu64, ++number);
    const tacit_endpoint_bind_t config = {.address = address,
                                          .zap_domain = lanes->domain,
                                          .frame_max = TACIT_LANE_FRAME_MAX,
                                          .lane = true};
    if (tacit_endpoint_bind(&config, &lanes->endpoint, NULL) != TACIT_OK) {
        return TACIT_UNSUPPORTED;
    }
    if (!s_poll(self, tacit_endpoint_socket(lanes->endpoint), s_on_input) ||
        !s_poll(self, tacit_endpoint_monitor(lanes->endpoint), s_on_monitor)) {
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

static tacit_status_t s_make_ends(tacit_server_t *self, tacit_server_lane_t *row,
                                  const uint8_t exporter[32], tacit_lane_cipher_t cipher)
{
    tacit_lane_seal_t *out = NULL;
    tacit_lane_seal_t *in = NULL;
    tacit_status_t status =
        tacit_lane_seal_new(exporter, row->name, cipher, TACIT_SIDE_SERVER, true, &out);
    if (status == TACIT_OK) {
        status = tacit_lane_seal_new(exporter, row->name, cipher, TACIT_SIDE_CLIENT, false, &in);
    }
    if (status == TACIT_OK) {
        row->sender = tacit_lane_sender_new(&out, self->lanes.pool);
        row->receiver = tacit_lane_receiver_new(&in, self->lanes.pool);
        status = row->sender && row->receiver ? TACIT_OK : TACIT_NO_MEMORY;
    }
    tacit_lane_seal_destroy(&out);
    tacit_lane_seal_destroy(&in);
    return status;
}

static tacit_status_t s_add(tacit_server_t *self, const tacit_call_t *call,
                            tacit_lane_cipher_t cipher, tacit_server_lane_t **ret_row)
{
    const tacit_session_t *session = tacit_call_session(call);
    uint8_t token[TACIT_LANE_TOKEN_SIZE];
    tacit_server_lane_t *row = calloc(1, sizeof *row);
    if (!row) {
        return TACIT_NO_MEMORY;
    }
    row->id = call->id;
    row->fd = -1;
    row->admit_end_ms = tacit_server_now() + TACIT_LANE_ADMIT_MS;
    memcpy(row->session, session->id, sizeof row->session);
    randombytes_buf(row->name, sizeof row->name);
    tacit_lane_token(session->exporter, row->name, token);
    tacit_status_t status = s_make_ends(self, row, session->exporter, cipher);
    if (status == TACIT_OK) {
        status = tacit_zap_expect(self->lanes.domain, row->name, token, TACIT_LANE_ADMIT_MS);
    }
    if (status != TACIT_OK) {
        s_free(self, row);
        return status;
    }
    self->lanes.rows[self->lanes.count++] = row;
    *ret_row = row;
    return TACIT_OK;
}

tacit_status_t tacit_server_lane_open(tacit_server_t *self, tacit_call_t *call, uint8_t cipher,
                                      tacit_session_lane_result_t *ret_result)
{
    tacit_lane_cipher_t own = tacit_lane_cipher_best();
    tacit_server_lane_t *row = s_find(&self->lanes, &call->id);
    if (!tacit_call_session(call) || call->connection->expired) {
        return TACIT_NO_SESSION;
    }
    if (cipher != TACIT_LANE_AES256_GCM && cipher != TACIT_LANE_CHACHA20_POLY1305) {
        return tacit_error_claim(&call->error, TACIT_BAD_INPUT, "cipher", "1 or 2", "another");
    }
    if (row) {
        s_mark(self, row, false);
    }
    if (self->lanes.count == TACIT_LANES_MAX) {
        return TACIT_BUSY;
    }
    tacit_status_t status = s_listen(self);
    if (status == TACIT_OK) {
        status = s_add(self, call, cipher > (uint8_t)own ? cipher : own, &row);
    }
    if (status == TACIT_OK) {
        ret_result->lane_id =
            tacit_arena_copy(call->arena, tacit_span(row->name, sizeof row->name));
        ret_result->cipher = (uint8_t)(cipher > (uint8_t)own ? cipher : own);
        ret_result->port = tacit_endpoint_port(self->lanes.endpoint);
        status = ret_result->lane_id.data ? TACIT_OK : TACIT_NO_MEMORY;
    }
    return status;
}
