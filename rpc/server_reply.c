/*  server_reply.c - answers: a reply is sent or dropped, never waited for.  */

#include "rpc/server_internal.h"
#include "rpc/server_observe.h"
#include "rpc/server_untaken.h"

/*  --- replies --------------------------------------------------------------------------------- */

/*  A connection that takes no reply has its sessions ended: it must not go on as if all was well.
 */
static void s_give_up(tacit_server_t *self, const tacit_connection_id_t *id)
{
    self->stats.undelivered++;
    tacit_connection_t *row = tacit_session_table_find(&self->sessions, id, tacit_server_now());
    if (row) {
        tacit_session_table_end(&self->sessions, row);
    }
}

bool tacit_server_send(tacit_server_t *self, const tacit_connection_id_t *id, zmq_msg_t *frame,
                       zmq_msg_t *bulk)
{
    zmq_msg_t routing;
    tacit_server_address(&routing, id->routing);
    bool sent = tacit_endpoint_send(self->endpoint, &routing, ZMQ_SNDMORE) &&
                tacit_endpoint_send(self->endpoint, frame, bulk ? ZMQ_SNDMORE : 0) &&
                (!bulk || tacit_server_lane_carry(self, id, bulk));
    if (!sent) {
        zmq_msg_close(&routing);
        zmq_msg_close(frame);
        s_give_up(self, id);
    }
    return sent;
}

static void s_flush(tacit_server_t *self)
{
    zmq_msg_t message;
    if (self->replies.count == 0) {
        return;
    }
    if (tacit_batch_seal(&self->replies, &message) != TACIT_OK) {
        s_give_up(self, &self->batch->id);
    } else if (!tacit_server_untaken_count(self, self->batch, &message, false)) {
        zmq_msg_close(&message);
        s_give_up(self, &self->batch->id);
    } else {
        (void)tacit_server_send(self, &self->batch->id, &message, NULL);
    }
}

void tacit_server_begin_batch(tacit_server_t *self, const tacit_call_t *batch)
{
    self->batch = batch;
}

void tacit_server_end_batch(tacit_server_t *self)
{
    s_flush(self);
    self->batch = NULL;
}

/*  Is this reply held, to share a message? What does not fit beside the others sends them off.  */
static bool s_hold(tacit_server_t *self, const tacit_call_t *call)
{
    if (!self->batch || !call->batched ||
        memcmp(&call->id, &self->batch->id, sizeof call->id) != 0) {
        return false;
    }
    if (!tacit_batch_fits(&self->replies, self->out.size)) {
        s_flush(self);
    }
    return tacit_batch_add(&self->replies, tacit_buffer_span(&self->out)) == TACIT_OK;
}

/*  The frame in self->out, and the call's bulk if with_bulk. Where faults are asked for it is alone
    in its message, so that a fault is one call's.  */
static void s_send(tacit_server_t *self, tacit_call_t *call, bool with_bulk)
{
    bool bulk = with_bulk && zmq_msg_size(&call->reply_bulk) > 0;
    zmq_msg_t frame;
    if (!bulk && !tacit_server_has_faults(self) && s_hold(self, call)) {
        return;
    }
    if (zmq_msg_init_size(&frame, self->out.size) != 0) {
        s_give_up(self, &call->id);
        return;
    }
    memcpy(zmq_msg_data(&frame), self->out.data, self->out.size);
    if (!tacit_server_untaken_count(self, call, &frame, false) ||
        (bulk && !tacit_server_untaken_count(self, call, &call->reply_bulk, true))) {
        zmq_msg_close(&frame);
        s_give_up(self, &call->id);
        return;
    }
#ifdef TACIT_FAULTS
    if (tacit_server_fault_out(self, call, TACIT_FAULT_REPLY, &frame,
                               bulk ? &call->reply_bulk : NULL)) {
        return;
    }
#endif
    (void)tacit_server_send(self, &call->id, &frame, bulk ? &call->reply_bulk : NULL);
}

static void s_send_error(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    tacit_call_explain(call, status);
    if (status == TACIT_BUSY && call->error.retry_after_ms == 0) {
        call->error.retry_after_ms = TACIT_BUSY_RETRY_MS;
    }
    self->stats.refused++;
    tacit_buffer_clear(&self->out);
    if (tacit_frame_error(&self->out, call->msgid, &call->error) != TACIT_OK) {
        s_give_up(self, &call->id);
        return;
    }
    s_send(self, call, false);
}

static tacit_status_t s_encode(tacit_server_t *self, const tacit_call_t *call, const void *result,
                               tacit_error_t *ret_error)
{
    const tacit_session_t *session = tacit_call_session(call);
    const tacit_method_t *method = call->entry->method;
    tacit_secret_context_t secrets = {.msgid = call->msgid, .method = method->name};
    if (session) {
        secrets.key = session->send_key->data;
        secrets.session = session->id;
    }
    tacit_buffer_clear(&self->out);
    tacit_status_t status = tacit_frame_reply_begin(&self->out, call->msgid);
    return status != TACIT_OK
               ? status
               : tacit_codec_encode(method->result, result, &secrets, &self->out, ret_error);
}

/*  A session that ended takes its calls along.  */
static tacit_status_t s_judge_end(const tacit_call_t *call, tacit_status_t status)
{
    const tacit_connection_t *row = call->connection;
    if (row && call->entry->method->caller != TACIT_CALLER_ANYONE && (row->ended || row->expired)) {
        return TACIT_SESSION_EXPIRED;
    }
    return status;
}

void tacit_server_answer(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
                         const void *result)
{
    status = s_judge_end(call, status);
    if (status == TACIT_PENDING || (status == TACIT_OK && !result)) {
        tacit_error_set(&call->error, TACIT_INTERNAL, NULL);
        status = TACIT_INTERNAL;
    }
    if (status == TACIT_OK && s_encode(self, call, result, &call->error) != TACIT_OK) {
        /*  What breaks a bound is this service's fault, and no business of the caller's.  */
        tacit_error_set(&call->error, TACIT_INTERNAL, NULL);
        status = TACIT_INTERNAL;
    }
    size_t bulk = status == TACIT_OK ? zmq_msg_size(&call->reply_bulk) : 0;
    if (status == TACIT_OK) {
        status = tacit_server_untaken_check(self, call, self->out.size + bulk);
    }
    if (status == TACIT_OK) {
        self->stats.answered++;
        s_send(self, call, true);
    } else {
        s_send_error(self, call, status);
    }
    tacit_server_observe_end(self, call, status, self->out.size + bulk);
}
