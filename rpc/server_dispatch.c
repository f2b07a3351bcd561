/*  server_dispatch.c - the way of a request through every check to its handler.  */

#include "rpc/caller.h"
#include "rpc/pending_room.h"
#include "rpc/server_internal.h"
#include "rpc/server_keyed.h"
#include "rpc/server_observe.h"
#include "rpc/server_untaken.h"
#include "rpc/server_work.h"

/*  Has its caller any pending call, on this connection or another?  */
static bool s_has_pending(const tacit_server_t *self, const tacit_call_t *call)
{
    const tacit_call_t *other = self->pending;
    while (other && memcmp(call->curve ? other->id.peer : other->id.routing,
                           call->curve ? call->id.peer : call->id.routing,
                           call->curve ? sizeof call->id.peer : sizeof call->id.routing) != 0) {
        other = other->next;
    }
    return other != NULL;
}

static bool s_is_busy(const tacit_server_t *self, const tacit_call_t *call)
{
    const tacit_pending_room_t taken = {
        .count = self->pending_count,
        .bytes = self->pending_bytes,
        .own_count = call->connection ? call->connection->pending - 1 : 0,
    };
    bool enclave = call->entry->method->caller == TACIT_CALLER_ENCLAVE;
    tacit_room_t room = tacit_pending_room(&taken, tacit_call_held(call), enclave);
    return room == TACIT_ROOM_NONE || (room == TACIT_ROOM_FOR_NEW && s_has_pending(self, call));
}

static tacit_status_t s_check_bulk(const tacit_call_t *call)
{
    const tacit_method_t *method = call->entry->method;
    size_t size = zmq_msg_size(&call->bulk) + call->expected;
    return call->has_bulk && (method->bulk_in_max == 0 || size > method->bulk_in_max)
               ? TACIT_BAD_BULK
               : TACIT_OK;
}

static tacit_status_t s_decode(tacit_call_t *call)
{
    const tacit_method_t *method = call->entry->method;
    const tacit_session_t *session = tacit_call_session(call);
    tacit_secret_context_t secrets = {.msgid = call->msgid, .method = method->name};
    if (session) {
        secrets.key = session->receive_key->data;
        secrets.session = session->id;
    }
    void *args = tacit_call_args(call, method->args->size);
    return !args ? TACIT_NO_MEMORY
                 : tacit_codec_decode(method->args, call->request.args, &secrets, call->arena, args,
                                      &call->error);
}

/*  Everything that is checked before a handler runs.  */
static tacit_status_t s_admit(tacit_server_t *self, tacit_call_t *call)
{
    tacit_status_t status = tacit_frame_parse_request(call->body, &call->request, &call->error);
    if (status != TACIT_OK) {
        return status;
    }
    call->entry = tacit_method_table_find(&self->methods, call->request.method);
    tacit_server_observe_method(self, call);
    status = tacit_server_observe_trace(call);
    if (status != TACIT_OK || !call->entry) {
        return call->entry ? status : TACIT_UNKNOWN_METHOD;
    }
    const tacit_method_t *method = call->entry->method;
    const tacit_frame_meta_t *meta = &call->request.meta;
    uint64_t now = call->arrived_ns / 1000000; /* by the same clock as tacit_server_now */
    bool sooner = meta->has_deadline_ms && meta->deadline_ms < method->deadline_ms;
    call->deadline_ms = now + (sooner ? meta->deadline_ms : method->deadline_ms);
    call->trace.deadline_ms = call->deadline_ms;
    call->connection = tacit_session_table_find(&self->sessions, &call->id, now);
    if (call->connection) {
        tacit_session_table_hold(call->connection);
    }
    status = s_check_bulk(call);
    if (status == TACIT_OK) {
        status =
            tacit_caller_check(method, call->connection, tacit_server_operator(self), &call->error);
    }
    if (status == TACIT_OK && self->draining) {
        status = tacit_server_drain_check(call);
    }
    if (status == TACIT_OK && s_is_busy(self, call)) {
        status = TACIT_BUSY;
    }
    if (status == TACIT_OK) {
        status = s_decode(call);
    }
    if (status == TACIT_OK) {
        status = tacit_caller_owns(method, call->connection, call->args, &call->error);
    }
    return status == TACIT_OK ? tacit_server_stream_open(self, call) : status;
}

void tacit_server_enter(tacit_server_t *self, tacit_call_t *call)
{
    if (!tacit_server_untaken_hold(self, call)) {
        tacit_server_proceed(self, call);
    }
}

void tacit_server_proceed(tacit_server_t *self, tacit_call_t *call)
{
    if (call->entry->gate) {
        tacit_server_limits_enter(self, call);
    } else {
        tacit_server_run(self, call);
    }
}

static void *s_result_room(tacit_server_t *self, size_t size)
{
    if (size > self->result_capacity) {
        void *grown = realloc(self->result, size);
        if (!grown) {
            return NULL;
        }
        self->result = grown;
        self->result_capacity = size;
    }
    memset(self->result, 0, size);
    return self->result;
}

void tacit_server_run(tacit_server_t *self, tacit_call_t *call)
{
    const tacit_entry_t *entry = call->entry;
    if (entry->method->keyed != TACIT_KEYED_NONE && tacit_server_keyed_take(self, call)) {
        return;
    }
    void *result = s_result_room(self, entry->method->result->size);
    tacit_trace_t before = tacit_trace_enter(&call->trace);
    tacit_status_t status =
        result ? entry->method->invoke(entry->handlers, entry->self, call, call->args, result)
               : TACIT_NO_MEMORY;
    tacit_trace_enter(&before);
    if (call->state == TACIT_CALL_FINISHED) {
        tacit_server_give_call(self, call);
    } else if (status == TACIT_PENDING) {
        tacit_server_keep(self, call);
        if (call->asked) {
            tacit_server_work_part(self, call);
        }
    } else {
        if (call->reply) {
            tacit_server_keyed_end(self, call, status, result);
        }
        tacit_server_answer(self, call, status, result);
        tacit_server_give_call(self, call);
    }
}

void tacit_server_dispatch(tacit_server_t *self, tacit_call_t *call, bool too_many)
{
    tacit_server_observe_arrival(call);
    tacit_status_t status = too_many ? TACIT_BAD_BULK : tacit_server_lane_expect(self, call);
    if (!tacit_frame_request_msgid(call->body, &call->msgid)) {
        self->stats.dropped += status != TACIT_OK || (!tacit_server_stream_event(self, call) &&
                                                      !tacit_server_lane_event(self, call));
        tacit_server_give_call(self, call);
        return;
    }
    if (status == TACIT_OK) {
        status = s_admit(self, call);
    }
    if (status == TACIT_OK && call->has_ticket) {
        tacit_server_lane_await(self, call);
    } else if (status == TACIT_OK) {
        tacit_server_enter(self, call);
    } else {
        tacit_server_answer(self, call, status, NULL);
        tacit_server_give_call(self, call);
    }
}
