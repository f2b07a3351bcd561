/*  server_reply.c - answers, and calls whose answer comes later.

    A reply is sent or dropped, never waited for. One timer of the loop stands for the earliest
    deadline of all pending calls.  */

#include "rpc/server_internal.h"
#include "rpc/server_observe.h"

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

/*  Takes the frame; bulk may be NULL.  */
static void s_send_message(tacit_server_t *self, const tacit_connection_id_t *id, zmq_msg_t *frame,
                           zmq_msg_t *bulk)
{
    zmq_msg_t routing;
    (void)zmq_msg_init_size(&routing, sizeof id->routing); /* so small a message holds it itself */
    memcpy(zmq_msg_data(&routing), id->routing, sizeof id->routing);
    bool sent = tacit_endpoint_send(self->endpoint, &routing, ZMQ_SNDMORE) &&
                tacit_endpoint_send(self->endpoint, frame, bulk ? ZMQ_SNDMORE : 0) &&
                (!bulk || tacit_server_lane_carry(self, id, bulk));
    if (!sent) {
        zmq_msg_close(&routing);
        zmq_msg_close(frame);
        s_give_up(self, id);
    }
}

static void s_flush(tacit_server_t *self)
{
    zmq_msg_t message;
    if (self->replies.count == 0) {
        return;
    }
    if (tacit_batch_seal(&self->replies, &message) != TACIT_OK) {
        s_give_up(self, &self->batch_for);
        return;
    }
    s_send_message(self, &self->batch_for, &message, NULL);
}

void tacit_server_begin_batch(tacit_server_t *self, const tacit_connection_id_t *id)
{
    self->batch_for = *id;
    self->in_batch = true;
}

void tacit_server_end_batch(tacit_server_t *self)
{
    s_flush(self);
    self->in_batch = false;
}

/*  Is this reply held, to share a message? What does not fit beside the others sends them off.  */
static bool s_hold(tacit_server_t *self, const tacit_call_t *call)
{
    if (!self->in_batch || !call->batched ||
        memcmp(&call->id, &self->batch_for, sizeof call->id) != 0) {
        return false;
    }
    if (!tacit_batch_fits(&self->replies, self->out.size)) {
        s_flush(self);
    }
    return tacit_batch_add(&self->replies, tacit_buffer_span(&self->out)) == TACIT_OK;
}

#ifdef TACIT_FAULTS
/*  Alone in its message, so that a fault is one call's.  */
static void s_send_faulty(tacit_server_t *self, tacit_call_t *call, bool bulk)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, self->out.size) != 0) {
        s_give_up(self, &call->id);
        return;
    }
    memcpy(zmq_msg_data(&frame), self->out.data, self->out.size);
    const tacit_fault_reply_t reply = {
        .method = call->entry ? call->entry->method->name : "",
        .peer = call->id.peer,
        .routing = call->id.routing,
        .fd = zmq_msg_get(&call->frame, ZMQ_SRCFD),
        .frame = &frame,
        .bulk = bulk ? &call->reply_bulk : NULL,
    };
    tacit_faults_take(self->faults, tacit_endpoint_socket(self->endpoint), self->loop, &reply);
}
#endif

/*  The frame in self->out, and the call's bulk if with_bulk.  */
static void s_send(tacit_server_t *self, tacit_call_t *call, bool with_bulk)
{
    bool bulk = with_bulk && zmq_msg_size(&call->reply_bulk) > 0;
#ifdef TACIT_FAULTS
    if (self->faults) {
        s_send_faulty(self, call, bulk);
        return;
    }
#endif
    zmq_msg_t frame;
    if (!bulk && s_hold(self, call)) {
        return;
    }
    if (zmq_msg_init_size(&frame, self->out.size) != 0) {
        s_give_up(self, &call->id);
        return;
    }
    memcpy(zmq_msg_data(&frame), self->out.data, self->out.size);
    s_send_message(self, &call->id, &frame, bulk ? &call->reply_bulk : NULL);
}

static void s_send_error(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    tacit_call_explain(call, status);
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
        self->stats.answered++;
        s_send(self, call, true);
    } else {
        s_send_error(self, call, status);
    }
    tacit_server_observe_end(self, call, status, self->out.size + bulk);
}

/*  --- pending calls --------------------------------------------------------------------------- */

static void s_enlist(tacit_server_t *self, tacit_call_t *call)
{
    call->previous = NULL;
    call->next = self->pending;
    if (call->next) {
        call->next->previous = call;
    }
    self->pending = call;
    self->pending_count++;
    self->pending_bytes += tacit_call_held(call);
}

static void s_delist(tacit_server_t *self, tacit_call_t *call)
{
    if (call->previous) {
        call->previous->next = call->next;
    } else {
        self->pending = call->next;
    }
    if (call->next) {
        call->next->previous = call->previous;
    }
    self->pending_count--;
    self->pending_bytes -= tacit_call_held(call);
}

static int s_on_deadline(zloop_t *loop, int timer, void *argument);

static void s_arm(tacit_server_t *self, uint64_t deadline_ms)
{
    if (deadline_ms >= self->timer_ms) {
        return;
    }
    if (self->timer_ms != UINT64_MAX) {
        zloop_timer_end(self->loop, self->timer);
    }
    uint64_t now = tacit_server_now();
    self->timer =
        zloop_timer(self->loop, deadline_ms > now ? deadline_ms - now : 1, 1, s_on_deadline, self);
    self->timer_ms = deadline_ms;
}

static int s_on_deadline(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    tacit_server_t *self = argument;
    if (timer != self->timer) {
        return 0;
    }
    self->timer_ms = UINT64_MAX;
    uint64_t now = tacit_server_now();
    uint64_t earliest = UINT64_MAX;
    for (tacit_call_t *call = self->pending; call; call = call->next) {
        if (call->state != TACIT_CALL_PENDING) {
            continue;
        }
        if (call->deadline_ms <= now) {
            tacit_server_answer(self, call, TACIT_DEADLINE_EXCEEDED, NULL);
            call->state = TACIT_CALL_ZOMBIE;
            if (call->stream) {
                call->stream->news = true;
            }
        } else if (call->deadline_ms < earliest) {
            earliest = call->deadline_ms;
        }
    }
    s_arm(self, earliest);
    tacit_server_stream_tell(self);
    return 0;
}

/*  The handler answers later, or did already while it ran.  */
void tacit_server_keep(tacit_server_t *self, tacit_call_t *call)
{
    tacit_status_t status = TACIT_OK;
    if (!call->connection) {
        tacit_session_service_settle(&self->session_service);
        status = tacit_session_table_open(&self->sessions, &call->id,
                                          zmq_msg_get(&call->frame, ZMQ_SRCFD), tacit_server_now(),
                                          &call->connection);
        if (status == TACIT_OK) {
            tacit_session_table_hold(call->connection);
        }
    }
    call->state = TACIT_CALL_PENDING;
    s_enlist(self, call);
    if (status != TACIT_OK) {
        tacit_server_answer(self, call, status, NULL);
        call->state = TACIT_CALL_ZOMBIE;
    } else {
        s_arm(self, call->deadline_ms);
    }
}

void tacit_server_unkeep(tacit_server_t *self, tacit_call_t *call)
{
    s_delist(self, call);
}

void tacit_server_finish(tacit_call_t *call, tacit_status_t status, const void *result)
{
    tacit_server_t *self = call->server;
    bool kept = call->state == TACIT_CALL_PENDING || call->state == TACIT_CALL_ZOMBIE;
    if (call->state == TACIT_CALL_PENDING && tacit_call_remaining_ms(call) == 0) {
        status = TACIT_DEADLINE_EXCEEDED;
    }
    if (call->state == TACIT_CALL_PENDING || call->state == TACIT_CALL_RUNNING) {
        tacit_server_answer(self, call, status, result);
        call->state = TACIT_CALL_FINISHED;
    }
    if (kept) {
        s_delist(self, call);
        tacit_server_give_call(self, call);
    }
}

/*  Whoever has a pending call still finishes it, and that frees it.  */
void tacit_server_orphan(tacit_server_t *self)
{
    while (self->pending) {
        tacit_call_t *call = self->pending;
        s_delist(self, call);
        if (call->connection) {
            tacit_session_table_release(&self->sessions, call->connection);
            call->connection = NULL;
        }
        call->server = NULL;
        call->entry = NULL;
        tacit_server_stream_orphan(call);
    }
}
