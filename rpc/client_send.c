/*  client_send.c - an encoded request on its way out: alone, or held for others to share a message
    with it.  */

#include "rpc/client_internal.h"

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

/*  Bulk that was to be sealed at once, and now is not: what is only borrowed is copied.  */
static tacit_status_t s_own(const tacit_client_t *self, const tacit_request_t *request,
                            zmq_msg_t *bulk, tacit_error_t *ret_error)
{
    tacit_span_t bytes = request->bulk;
    if (bytes.size == 0 || request->free_bulk || zmq_msg_data(bulk) != bytes.data ||
        tacit_client_lane_flows(self, bytes.size)) {
        return TACIT_OK;
    }
    zmq_msg_close(bulk);
    zmq_msg_init(bulk);
    return tacit_client_bulk_message(request, bulk, ret_error);
}

static tacit_status_t s_send(tacit_client_t *self, zmq_msg_t *bulk, tacit_error_t *ret_error)
{
    bool more = zmq_msg_size(bulk) > 0;
    if (!s_send_frame(self, tacit_buffer_span(&self->out), more ? ZMQ_SNDMORE : 0)) {
        tacit_client_read_events(self);
        tacit_status_t lost = tacit_client_check_lost(self, ret_error);
        return lost != TACIT_OK ? lost
                                : tacit_error_set(ret_error, TACIT_BUSY,
                                                  "the connection takes no more just now");
    }
    if (more && !tacit_client_lane_carry(self, bulk)) {
        /*  Half a message is sent: nothing after it would make sense.  */
        tacit_client_lose(self, TACIT_NO_MEMORY, "no memory for a bulk frame");
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
        tacit_client_lose(client, TACIT_NO_MEMORY, NULL);
        return;
    }
    if (!tacit_endpoint_send(client->endpoint, &message, 0)) {
        zmq_msg_close(&message);
        tacit_client_read_events(client);
        tacit_client_lose(client, TACIT_UNREACHABLE, "the connection takes no more");
    }
}

/*  Whatever was started before goes out before what cannot wait for others.  */
tacit_status_t tacit_client_send_request(tacit_client_t *self, const tacit_request_t *request,
                                         zmq_msg_t *bulk, tacit_error_t *ret_error)
{
    bool lone = self->calls.count == 1;
    tacit_span_t frame = tacit_buffer_span(&self->out);
    if (self->coalesce && !lone && zmq_msg_size(bulk) == 0 && frame.size <= TACIT_BATCH_FRAME_MAX) {
        if (!tacit_batch_fits(&self->held, frame.size)) {
            tacit_client_flush(self);
        }
        tacit_status_t status = tacit_batch_add(&self->held, frame);
        if (self->held.count >= TACIT_BATCH_HOLD_SOME &&
            self->held.count >= self->calls.count / 2) {
            tacit_client_flush(self); /* the peer works on one half while the other gathers */
        }
        return status ? tacit_error_set(ret_error, status, NULL) : TACIT_OK;
    }
    tacit_client_flush(self);
    tacit_status_t status = tacit_client_check_lost(self, ret_error);
    if (status == TACIT_OK) {
        status = s_own(self, request, bulk, ret_error);
    }
    return status ? status : s_send(self, bulk, ret_error);
}
