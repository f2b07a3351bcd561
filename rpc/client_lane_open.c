/*  client_lane_open.c - opening a lane, and opening another one after it was lost.

    Opening waits for the server's answer and hello, a second at most, and half of the call's time
    at most; back-off between attempts is lane_reopen.h's.  */

#include <sodium.h>

#include "idl/session.h"
#include "rpc/client_internal.h"
#include "rpc/client_lane.h"

static void s_wait(tacit_client_t *self, uint64_t until_ms)
{
    if (!tacit_client_pump(self)) {
        tacit_client_sleep(self, until_ms);
    }
}

static uint32_t s_left(uint64_t until_ms)
{
    uint64_t now_ms = tacit_client_now();
    return until_ms > now_ms ? (uint32_t)(until_ms - now_ms) : 1;
}

/*  session.lane, beside what the client's owner may be reading just now.  */
static tacit_status_t s_ask(tacit_client_t *self, uint64_t until_ms,
                            tacit_session_lane_result_t *ret_result, zmq_msg_t *ret_frame,
                            tacit_error_t *ret_error)
{
    tacit_session_lane_args_t args = {.cipher = (uint8_t)tacit_lane_cipher_best()};
    const tacit_request_t request = {
        .method = &tacit_session_lane, .args = &args, .deadline_ms = s_left(until_ms)};
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
                                uint32_t within_ms, tacit_error_t *ret_error)
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
    const tacit_endpoint_connect_t config = {
        .address = address, .connect_ms = within_ms, .lane_name = name, .lane_token = token};
    tacit_status_t status = tacit_endpoint_connect(&config, &self->lane.endpoint, ret_error);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(token, sizeof token);
    return status;
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
    while (lane->endpoint && !tacit_client_lane_is_up(lane) && tacit_client_now() < until_ms) {
        s_wait(self, until_ms);
    }
    return tacit_client_lane_is_up(lane) ? TACIT_OK : TACIT_UNREACHABLE;
}

/*  The answer is borrowed from that frame.  */
static tacit_status_t s_try(tacit_client_t *self, uint64_t until_ms, zmq_msg_t *frame,
                            tacit_error_t *ret_error)
{
    tacit_session_lane_result_t result = {.port = 0};
    tacit_status_t status = s_ask(self, until_ms, &result, frame, ret_error);
    if (status == TACIT_OK) {
        status = tacit_lane_reopen_name(&self->lane.reopen, result.lane_id.data);
    }
    if (status == TACIT_OK) {
        status = s_make_ends(self, &result);
    }
    if (status == TACIT_OK) {
        status = s_connect(self, &result, s_left(until_ms), ret_error);
    }
    return status == TACIT_OK ? s_greet(self, until_ms) : status;
}

/*  Whatever there was before is over.  */
static tacit_status_t s_open(tacit_client_t *self, uint64_t until_ms, tacit_error_t *ret_error)
{
    tacit_client_lane_t *lane = &self->lane;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    lane->asked = true;
    lane->opening = true;
    tacit_status_t status = s_try(self, until_ms, &frame, ret_error);
    lane->opening = false;
    zmq_msg_close(&frame);
    if (status != TACIT_OK) {
        tacit_client_lane_end(self, "it could not be opened");
        tacit_lane_reopen_lost(&lane->reopen, tacit_client_now());
        return ret_error && ret_error->code == status ? status
                                                      : tacit_error_set(ret_error, status, NULL);
    }
    lane->missed = false;
    lane->opened++;
    lane->used_ms = tacit_client_now();
    tacit_lane_reopen_opened(&lane->reopen, lane->used_ms);
    return TACIT_OK;
}

tacit_status_t tacit_client_open_lane(tacit_client_t *client, tacit_error_t *ret_error)
{
    if (!client->session) {
        return tacit_error_set(ret_error, TACIT_NO_SESSION, NULL);
    }
    if (client->lane.endpoint || client->lane.opening) {
        return tacit_error_set(ret_error, TACIT_ALREADY_EXISTS, NULL);
    }
    return s_open(client, tacit_client_now() + TACIT_LANE_OPEN_MS, ret_error);
}

bool tacit_client_lane_pays(const tacit_client_t *self, const tacit_method_t *method,
                            size_t bulk_size)
{
    const tacit_client_lane_t *lane = &self->lane;
    return self->session && !lane->opening &&
           (bulk_size >= TACIT_LANE_BULK_MIN || lane->wanted ||
            method->stream_in.chunk_max >= TACIT_LANE_BULK_MIN ||
            method->stream_out.chunk_max >= TACIT_LANE_BULK_MIN);
}

void tacit_client_lane_prepare(tacit_client_t *self, uint32_t within_ms)
{
    tacit_client_lane_t *lane = &self->lane;
    uint64_t now_ms = tacit_client_now();
    uint32_t patience_ms = within_ms < TACIT_LANE_OPEN_MS ? within_ms : TACIT_LANE_OPEN_MS;
    tacit_client_lane_refresh(self, now_ms);
    if (!lane->endpoint && !lane->polled && self->lost.code == TACIT_OK &&
        tacit_lane_reopen_due(&lane->reopen, now_ms)) {
        (void)s_open(self, now_ms + patience_ms, NULL); /* without a lane it goes over CURVE */
    }
}
