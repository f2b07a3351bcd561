/*  server_pending.c - call objects; calls whose answer comes later: their deadlines, and who is
    told when one is over before its handler finished it, or before it began.

    One timer of the loop stands for the earliest deadline of all.  */

#include "rpc/server_internal.h"
#include "rpc/server_keyed.h"

/*  --- call objects ---------------------------------------------------------------------------- */

tacit_call_t *tacit_server_take_call(tacit_server_t *self)
{
    tacit_call_t *call = self->idle;
    if (!call) {
        call = tacit_call_new();
    } else {
        self->idle = call->next;
        self->idle_count--;
    }
    if (call) {
        call->server = self;
        call->next = NULL;
    }
    return call;
}

void tacit_server_give_call(tacit_server_t *self, tacit_call_t *call)
{
    if (call->connection) {
        tacit_session_table_release(&self->sessions, call->connection);
    }
    tacit_server_stream_close(self, call);
    if (call->place.part) {
        tacit_server_limits_leave(self, call);
    }
    self->listeners -= call->ready != NULL;
    self->held -= call->held;
    if (self->idle_count == TACIT_CALLS_IDLE_MAX) {
        tacit_call_destroy(&call);
        return;
    }
    tacit_call_reset(call);
    call->next = self->idle;
    self->idle = call;
    self->idle_count++;
}

/*  --- the list -------------------------------------------------------------------------------- */

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

/*  --- what handlers are told ------------------------------------------------------------------ */

void tacit_server_end(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    tacit_server_answer(self, call, status, NULL);
    call->state = TACIT_CALL_ZOMBIE;
    call->news = true;
}

bool tacit_server_cancel(tacit_server_t *self, const tacit_connection_id_t *id, uint64_t msgid)
{
    for (tacit_call_t *call = self->pending; call; call = call->next) {
        if (call->state == TACIT_CALL_PENDING && call->msgid == msgid &&
            memcmp(&call->id, id, sizeof *id) == 0) {
            tacit_server_end(self, call, TACIT_INTERRUPTED);
            return true;
        }
    }
    return false;
}

void tacit_server_hear(tacit_call_t *call, void (*ready)(void *self, tacit_call_t *call),
                       void *self)
{
    call->server->listeners += ready != NULL;
    call->server->listeners -= call->ready != NULL;
    call->ready = ready;
    call->ready_self = self;
}

void tacit_call_on_end(tacit_call_t *call, void (*ended)(void *self, tacit_call_t *call),
                       void *self)
{
    tacit_server_hear(call, ended, self);
}

static tacit_call_t *s_with_news(const tacit_server_t *self)
{
    tacit_call_t *call = self->listeners > 0 ? self->pending : NULL;
    while (call && !(call->ready && (call->news || (call->stream && call->stream->news)))) {
        call = call->next;
    }
    return call;
}

/*  A handler may finish this call and others: the list is looked at anew each time.  */
void tacit_server_tell(tacit_server_t *self)
{
    for (tacit_call_t *call = s_with_news(self); call; call = s_with_news(self)) {
        call->news = false;
        if (call->stream) {
            call->stream->news = false;
        }
        tacit_trace_t before = tacit_trace_enter(&call->trace);
        call->ready(call->ready_self, call);
        tacit_trace_enter(&before);
    }
}

void tacit_server_sweep(tacit_server_t *self)
{
    uint64_t now = tacit_server_now();
    for (tacit_call_t *call = self->listeners > 0 ? self->pending : NULL; call; call = call->next) {
        const tacit_connection_t *row = call->connection;
        if (!call->ready || call->state != TACIT_CALL_PENDING) {
            continue;
        }
        if (row && (row->ended || row->expired)) {
            tacit_server_end(self, call, TACIT_SESSION_EXPIRED);
        } else if (call->stream && !call->work &&
                   now - call->stream->moved_ms >= TACIT_STREAM_IDLE_MS) {
            tacit_server_end(self, call, TACIT_DEADLINE_EXCEEDED);
        }
    }
    tacit_server_tell(self);
}

/*  --- calls that have not begun --------------------------------------------------------------- */

/*  It is over, or chunks came, which its handler will find.  */
static void s_on_parked(void *argument, tacit_call_t *call)
{
    (void)argument;
    if (!call->server || call->state == TACIT_CALL_ZOMBIE) {
        tacit_call_finish(&call, TACIT_INTERRUPTED, NULL);
    }
}

void tacit_server_park(tacit_server_t *self, tacit_call_t *call)
{
    tacit_server_hear(call, s_on_parked, NULL);
    tacit_server_keep(self, call);
}

bool tacit_server_unpark(tacit_server_t *self, tacit_call_t *call)
{
    if (!tacit_call_alive(call)) {
        bool late = tacit_call_remaining_ms(call) == 0;
        tacit_server_finish(call, late ? TACIT_DEADLINE_EXCEEDED : TACIT_SESSION_EXPIRED, NULL);
        return false;
    }
    tacit_server_unkeep(self, call);
    tacit_server_hear(call, NULL, NULL);
    call->state = TACIT_CALL_RUNNING;
    return true;
}

/*  --- deadlines, and the end ------------------------------------------------------------------ */

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
            tacit_server_end(self, call, TACIT_DEADLINE_EXCEEDED);
        } else if (call->deadline_ms < earliest) {
            earliest = call->deadline_ms;
        }
    }
    s_arm(self, earliest);
    tacit_server_tell(self);
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
        tacit_server_end(self, call, status);
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
    if (call->reply) {
        tacit_server_keyed_end(self, call, status, result);
    }
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
        if (call->ready) {
            call->ready(call->ready_self, call);
        }
    }
}
