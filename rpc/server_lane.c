/*  server_lane.c - what lanes carry: tickets, credit and frames, in and out, and requests that wait
    for their bulk.  */

#include "rpc/server_lane.h"

#include <sodium.h>

#include "rpc/server_internal.h"
#include "rpc/server_lane_life.h"
#include "rpc/server_lane_socket.h"

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
    tacit_server_lane_t *row = tacit_lane_table_find(&self->lanes.table, id);
    if (row) {
        tacit_lane_receiver_aim(row->receiver, target);
    }
}

void tacit_server_lane_await(tacit_server_t *self, tacit_call_t *call)
{
    tacit_server_lane_t *row = tacit_lane_table_find(&self->lanes.table, &call->id);
    if (!row) { /* it ended while the call was admitted */
        tacit_server_answer(self, call, TACIT_BULK_LOST, NULL);
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
            s_refuse(self, call, TACIT_BULK_LOST);
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
        tacit_server_lane_end(self, row, true);
    } else if (tacit_lane_receiver_credit_due(row->receiver, &granted) &&
               tacit_server_lane_tell(self, row, granted)) {
        tacit_lane_receiver_credit_sent(row->receiver, granted);
    }
}

/*  A chunk that never comes ends its stream; a request is answered by whoever asked.  */
static tacit_status_t s_miss(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
                             const char *why)
{
    tacit_stream_frame_t frame;
    if (tacit_stream_frame_parse(call->body, &frame) == TACIT_OK) {
        tacit_server_stream_break(self, &call->id, frame.msgid);
    }
    return tacit_error_set(&call->error, status, "%s", why);
}

tacit_status_t tacit_server_lane_expect(tacit_server_t *self, tacit_call_t *call)
{
    tacit_lane_ticket_t ticket;
    if (!call->has_ticket) {
        return TACIT_OK;
    }
    tacit_span_t bytes = tacit_span(zmq_msg_data(&call->ticket), zmq_msg_size(&call->ticket));
    tacit_server_lane_t *row = tacit_lane_table_find(&self->lanes.table, &call->id);
    tacit_status_t status = tacit_lane_ticket_parse(bytes, &ticket);
    if (status == TACIT_OK && row && row->connected) {
        status = tacit_lane_receiver_expect(row->receiver, &ticket);
    } else if (status == TACIT_OK) {
        return s_miss(self, call, TACIT_BULK_LOST,
                      "its bulk was to come by a lane that is not open: this call did not run");
    }
    if (status != TACIT_OK) {
        if (row) {
            tacit_server_lane_end(self, row, true);
        }
        return s_miss(self, call, TACIT_BAD_BULK, "a ticket that is not the next one");
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
    tacit_server_lane_t *row = tacit_lane_table_find(&self->lanes.table, &carrier->id);
    if (row && (granted == TACIT_LANE_OVER ||
                tacit_lane_sender_credit(row->sender, granted) != TACIT_OK)) {
        tacit_server_lane_end(self, row, granted != TACIT_LANE_OVER);
    } else if (row) {
        row->used_ms = tacit_server_now();
        s_flush(self, row);
    }
    return true;
}

/*  --- what goes out --------------------------------------------------------------------------- */

static void s_flush(tacit_server_t *self, tacit_server_lane_t *row)
{
    zmq_msg_t frame;
    tacit_status_t status = TACIT_OK;
    while (!row->ended && (status = tacit_lane_sender_next(row->sender, &frame)) == TACIT_OK) {
        if (!tacit_lane_socket_send(self, row, &frame)) {
            tacit_server_lane_end(self, row, false);
        }
    }
    if (status != TACIT_OK && status != TACIT_PENDING) {
        tacit_server_lane_end(self, row, false);
    }
}

/*  A lane that is recalled sends what was announced, and no more.  */
static tacit_server_lane_t *s_find_open(const tacit_server_t *self, const tacit_connection_id_t *id,
                                        size_t size)
{
    tacit_server_lane_t *row =
        size >= TACIT_LANE_BULK_MIN ? tacit_lane_table_find(&self->lanes.table, id) : NULL;
    return row && row->connected && !row->recalled ? row : NULL;
}

bool tacit_server_lane_flows(const tacit_server_t *self, const tacit_connection_id_t *id,
                             size_t size)
{
    const tacit_server_lane_t *row = s_find_open(self, id, size);
    return row && tacit_lane_sender_flows(row->sender, size);
}

bool tacit_server_lane_is_idle(const tacit_server_t *self)
{
    bool idle = true;
    for (size_t i = 0; i < self->lanes.table.count; i++) {
        const tacit_server_lane_t *row = self->lanes.table.rows[i];
        idle = idle && (row->ended || tacit_lane_sender_is_idle(row->sender));
    }
    return idle;
}

bool tacit_server_lane_carry(tacit_server_t *self, const tacit_connection_id_t *id, zmq_msg_t *bulk)
{
    tacit_lane_ticket_t ticket;
    size_t size = zmq_msg_size(bulk);
    tacit_server_lane_t *row = s_find_open(self, id, size);
    if (!row || !tacit_lane_sender_offer(row->sender, size, &ticket)) {
        return tacit_endpoint_send(self->endpoint, bulk, 0);
    }
    if (!tacit_lane_ticket_send(&ticket, self->endpoint)) {
        return false;
    }
    row->used_ms = tacit_server_now();
    self->lanes.bulks_out++;
    self->lanes.bytes_out += size;
    tacit_lane_sender_put(row->sender, bulk);
    s_flush(self, row);
    return true;
}

/*  --- frames ---------------------------------------------------------------------------------- */

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
    tacit_lane_socket_read_events(self); /* news of an old connection with the same file */
    row->fd = zmq_msg_get(frame, ZMQ_SRCFD);
    memcpy(row->routing, routing, sizeof row->routing);
    zmq_msg_t hello;
    if (tacit_lane_receiver_take(row->receiver, frame) != TACIT_OK) {
        tacit_server_lane_end(self, row, true);
    } else if (tacit_lane_sender_hello(row->sender, &hello) == TACIT_OK) {
        row->connected = tacit_lane_socket_send(self, row, &hello);
    }
}

/*  Frames without tickets are nothing yet: who sends many while others did too is let go of.  */
static void s_bound_parked(tacit_server_t *self, tacit_server_lane_t *row)
{
    bool parks = !row->ended && tacit_lane_receiver_parked(row->receiver) > 0;
    uint64_t bytes = parks ? tacit_lane_table_parked(&self->lanes.table) : 0;
    if (bytes > TACIT_LANES_PARKED_MAX) {
        tacit_server_lane_end(self, row, true);
    }
}

void tacit_server_lane_take(tacit_server_t *self, const uint8_t routing[TACIT_ROUTING_ID_SIZE],
                            zmq_msg_t *frame)
{
    tacit_span_t bytes = tacit_span(zmq_msg_data(frame), zmq_msg_size(frame));
    tacit_server_lane_t *row =
        tacit_lane_table_find_name(&self->lanes.table, tacit_lane_frame_id(bytes));
    if (!row || (row->connected && memcmp(routing, row->routing, sizeof row->routing) != 0)) {
        self->lanes.dropped++;
    } else if (!row->connected) {
        s_greet(self, row, routing, frame);
    } else if (tacit_lane_receiver_take(row->receiver, frame) != TACIT_OK) {
        tacit_server_lane_end(self, row, true);
    } else {
        row->used_ms = tacit_server_now();
        s_advance(self, row);
        s_bound_parked(self, row);
    }
}

/*  --- life ------------------------------------------------------------------------------------ */

void tacit_server_lane_settle(tacit_server_t *self)
{
    tacit_lane_table_t *table = &self->lanes.table;
    for (size_t i = table->count; i > 0; i--) {
        tacit_server_lane_t *row = table->rows[i - 1];
        if (!row->ended) {
            s_advance(self, row); /* what was parked may have got its ticket */
            s_drop_calls(self, row, false);
        }
        if (row->ended) {
            (void)tacit_lane_table_remove(table, i - 1);
            s_drop_calls(self, row, true);
            tacit_server_lane_discard(self, row);
        }
    }
}

/*  Nobody is answered any more.  */
static void s_let_go(tacit_server_t *self, tacit_server_lane_t *row)
{
    tacit_lane_target_t *target = NULL;
    for (size_t i = 0; (target = tacit_lane_receiver_target(row->receiver, i)); i++) {
        if (target->aim == TACIT_LANE_CALL) {
            s_release(self, target->call);
            tacit_server_give_call(self, target->call);
        }
    }
}

void tacit_server_lane_close(tacit_server_t *self)
{
    tacit_lane_table_t *table = &self->lanes.table;
    while (table->count > 0) {
        tacit_server_lane_t *row = tacit_lane_table_remove(table, table->count - 1);
        s_let_go(self, row);
        tacit_server_lane_discard(self, row);
    }
    tacit_lane_socket_close(self);
}
