/*  server_lane_life.c - announcing lanes, recalling idle ones, ending any.  */

#include "rpc/server_lane_life.h"

#include <sodium.h>

#include "rpc/server_lane_socket.h"
#include "rpc/zap.h"

/*  --- the end --------------------------------------------------------------------------------- */

bool tacit_server_lane_tell(const tacit_server_t *self, const tacit_server_lane_t *row,
                            uint64_t granted)
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

void tacit_server_lane_end(tacit_server_t *self, tacit_server_lane_t *row, bool broken)
{
    if (!row->ended) {
        row->ended = true;
        self->lanes.broken += broken;
        (void)tacit_server_lane_tell(self, row, TACIT_LANE_OVER);
    }
}

void tacit_server_lane_discard(tacit_server_t *self, tacit_server_lane_t *row)
{
    tacit_zap_forget(self->lanes.domain, row->name);
    tacit_server_lane_free(row);
}

/*  Nothing was sent by a lane that never connected.  */
static void s_recall(tacit_server_t *self, tacit_server_lane_t *row, uint64_t now)
{
    self->lanes.recalled++;
    if (!row->connected) {
        tacit_server_lane_end(self, row, false);
        return;
    }
    row->recalled = true;
    row->due_ms = now + self->lanes.recall_ms;
    (void)tacit_server_lane_tell(self, row, TACIT_LANE_RECALL);
}

/*  --- time ------------------------------------------------------------------------------------ */

static bool s_session_lives(tacit_server_t *self, const tacit_server_lane_t *row)
{
    const tacit_connection_t *connection = tacit_session_table_peek(&self->sessions, &row->id);
    return connection && connection->session && !connection->expired &&
           memcmp(connection->session->id, row->session, sizeof row->session) == 0;
}

/*  True where it is to end now.  */
static bool s_is_over(tacit_server_t *self, const tacit_server_lane_t *row, uint64_t now)
{
    bool due = now >= row->due_ms;
    return !s_session_lives(self, row) || (!row->connected && due) ||
           (row->recalled && due && tacit_server_lane_quiet(row));
}

void tacit_server_lane_sweep(tacit_server_t *self)
{
    tacit_server_lanes_t *lanes = &self->lanes;
    uint64_t now = tacit_server_now();
    for (size_t i = 0; i < lanes->table.count; i++) {
        tacit_server_lane_t *row = lanes->table.rows[i];
        if (s_is_over(self, row, now)) {
            tacit_server_lane_end(self, row, false);
        } else if (tacit_lane_table_stuck(&lanes->table, row, now)) {
            tacit_server_lane_end(self, row, true);
        } else if (tacit_lane_table_stale(&lanes->table, row, now)) {
            s_recall(self, row, now);
        }
    }
    if (lanes->pool && now >= lanes->trim_ms) {
        tacit_lane_pool_trim(lanes->pool);
        lanes->trim_ms = now + TACIT_LANE_TRIM_MS;
    }
    tacit_server_lane_settle(self);
}

void tacit_server_lane_init(tacit_server_t *self)
{
    tacit_lane_table_init(&self->lanes.table);
    self->lanes.recall_ms = TACIT_LANE_RECALL_MS;
}

/*  --- the beginning --------------------------------------------------------------------------- */

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

/*  Announced under a name of its own.  */
static tacit_status_t s_add(tacit_server_t *self, const tacit_call_t *call,
                            tacit_lane_cipher_t cipher, uint64_t now, tacit_server_lane_t **ret_row)
{
    const tacit_session_t *session = tacit_call_session(call);
    uint8_t token[TACIT_LANE_TOKEN_SIZE];
    tacit_server_lane_t *row = calloc(1, sizeof *row);
    if (!row) {
        return TACIT_NO_MEMORY;
    }
    row->id = call->id;
    row->fd = -1;
    row->due_ms = now + TACIT_LANE_ADMIT_MS;
    row->used_ms = now;
    memcpy(row->session, session->id, sizeof row->session);
    randombytes_buf(row->name, sizeof row->name);
    tacit_lane_token(session->exporter, row->name, token);
    tacit_status_t status = s_make_ends(self, row, session->exporter, cipher);
    if (status == TACIT_OK) {
        status = tacit_zap_expect(self->lanes.domain, row->name, token, TACIT_LANE_ADMIT_MS);
    }
    sodium_memzero(token, sizeof token);
    if (status != TACIT_OK) {
        tacit_server_lane_free(row);
        return status;
    }
    tacit_lane_table_add(&self->lanes.table, row);
    *ret_row = row;
    return TACIT_OK;
}

/*  Where there is no room the longest idle lane goes, if any is idle.  */
static tacit_status_t s_make_room(tacit_server_t *self, const tacit_call_t *call, uint64_t now)
{
    tacit_server_lane_t *victim = NULL;
    tacit_status_t status = tacit_lane_table_room(&self->lanes.table, call->id.peer, now, &victim);
    if (status == TACIT_OK && victim) {
        s_recall(self, victim, now);
    }
    return status;
}

tacit_status_t tacit_server_lane_open(tacit_server_t *self, tacit_call_t *call, uint8_t cipher,
                                      tacit_session_lane_result_t *ret_result)
{
    tacit_lane_cipher_t own = tacit_lane_cipher_best();
    tacit_lane_cipher_t both = cipher > (uint8_t)own ? (tacit_lane_cipher_t)cipher : own;
    tacit_server_lane_t *row = tacit_lane_table_find(&self->lanes.table, &call->id);
    uint64_t now = tacit_server_now();
    if (!tacit_call_session(call) || call->connection->expired) {
        return TACIT_NO_SESSION;
    }
    if (cipher != TACIT_LANE_AES256_GCM && cipher != TACIT_LANE_CHACHA20_POLY1305) {
        return tacit_error_claim(&call->error, TACIT_BAD_INPUT, "cipher", "1 or 2", "another");
    }
    if (row) {
        tacit_server_lane_end(self, row, false);
    }
    tacit_status_t status = s_make_room(self, call, now);
    if (status == TACIT_OK) {
        status = tacit_lane_socket_listen(self);
    }
    if (status == TACIT_OK) {
        status = s_add(self, call, both, now, &row);
    }
    if (status == TACIT_OK) {
        ret_result->lane_id =
            tacit_arena_copy(call->arena, tacit_span(row->name, sizeof row->name));
        ret_result->cipher = (uint8_t)both;
        ret_result->port = tacit_endpoint_port(self->lanes.endpoint);
        status = ret_result->lane_id.data ? TACIT_OK : TACIT_NO_MEMORY;
    }
    return status;
}
