/*  call.c - what handlers see of a call.  */

#include "rpc/call.h"

#include <czmq.h>
#include <stdlib.h>

tacit_call_t *tacit_call_new(void)
{
    tacit_call_t *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    zmq_msg_init(&self->frame);
    zmq_msg_init(&self->bulk);
    zmq_msg_init(&self->ticket);
    zmq_msg_init(&self->reply_bulk);
    self->arena = tacit_arena_new();
    if (!self->arena) {
        tacit_call_destroy(&self);
    }
    return self;
}

static void s_empty(zmq_msg_t *message)
{
    zmq_msg_close(message);
    zmq_msg_init(message);
}

void tacit_call_reset(tacit_call_t *call)
{
    s_empty(&call->frame);
    s_empty(&call->bulk);
    s_empty(&call->ticket);
    s_empty(&call->reply_bulk);
    tacit_arena_reset(call->arena);
    call->state = TACIT_CALL_RUNNING;
    call->entry = NULL;
    call->connection = NULL;
    call->body = tacit_span(NULL, 0);
    call->batched = false;
    call->has_bulk = false;
    call->has_ticket = false;
    call->expected = 0;
    call->news = false;
    call->held = false;
    call->reply = NULL;
    call->waits_for = NULL;
    call->ready = NULL;
    call->job = NULL;
    call->work = NULL;
    call->asked = false;
    call->error.code = TACIT_OK;
}

void tacit_call_destroy(tacit_call_t **call)
{
    tacit_call_t *self = call ? *call : NULL;
    if (!self) {
        return;
    }
    zmq_msg_close(&self->frame);
    zmq_msg_close(&self->bulk);
    zmq_msg_close(&self->ticket);
    zmq_msg_close(&self->reply_bulk);
    tacit_stream_destroy(&self->stream);
    tacit_arena_destroy(&self->arena);
    free(self->args);
    free(self);
    *call = NULL;
}

void *tacit_call_args(tacit_call_t *call, size_t size)
{
    if (size > call->args_capacity) {
        void *grown = realloc(call->args, size);
        if (!grown) {
            return NULL;
        }
        call->args = grown;
        call->args_capacity = size;
    }
    memset(call->args, 0, size);
    return call->args;
}

size_t tacit_call_size(const tacit_call_t *call)
{
    return call->body.size + zmq_msg_size(&call->bulk) + call->expected;
}

size_t tacit_call_held(const tacit_call_t *call)
{
    return zmq_msg_size(&call->frame) + zmq_msg_size(&call->bulk) + call->expected;
}

static const tacit_error_row_t *s_row(const tacit_service_t *service, tacit_status_t status)
{
    for (size_t i = 0; service && i < service->error_count; i++) {
        if (service->errors[i].code == (int)status) {
            return &service->errors[i];
        }
    }
    return NULL;
}

/*  A handler may return a code without a word, or explain another one than it returns: the code
    that it returns counts. Errors of a service get their name and text from its table.  */
void tacit_call_explain(tacit_call_t *call, tacit_status_t status)
{
    tacit_error_t *error = &call->error;
    if (error->code != status) {
        tacit_error_set(error, status, NULL);
    }
    const tacit_error_row_t *row = s_row(call->entry ? call->entry->service : NULL, status);
    if (row) {
        bool generic = strcmp(error->message, tacit_status_text(status)) == 0;
        snprintf(error->name, sizeof error->name, "%s", row->name);
        if (generic) {
            snprintf(error->message, sizeof error->message, "%s", row->text);
        }
    }
}

/*  --- for handlers ---------------------------------------------------------------------------- */

const uint8_t *tacit_call_peer(const tacit_call_t *call)
{
    return call->curve ? call->id.peer : NULL;
}

const tacit_session_t *tacit_call_session(const tacit_call_t *call)
{
    if (call->work) {
        return call->work->session;
    }
    return call->connection ? call->connection->session : NULL;
}

tacit_span_t tacit_call_bulk(const tacit_call_t *call)
{
    zmq_msg_t *bulk = (zmq_msg_t *)&call->bulk; /* zmq_msg_data takes no const */
    return tacit_span(zmq_msg_data(bulk), zmq_msg_size(bulk));
}

uint64_t tacit_call_remaining_ms(const tacit_call_t *call)
{
    uint64_t now = (uint64_t)zclock_mono();
    return call->deadline_ms > now ? call->deadline_ms - now : 0;
}

const tacit_trace_t *tacit_call_trace(const tacit_call_t *call)
{
    return &call->trace;
}

tacit_error_t *tacit_call_error(tacit_call_t *call)
{
    return call->work ? &call->work->error : &call->error;
}

tacit_arena_t *tacit_call_arena(tacit_call_t *call)
{
    return call->arena;
}

static tacit_status_t s_check_bulk(const tacit_call_t *call, size_t size)
{
    return call->entry && size <= call->entry->method->bulk_out_max ? TACIT_OK : TACIT_BAD_BULK;
}

tacit_status_t tacit_call_copy_bulk(tacit_call_t *call, tacit_span_t bulk)
{
    tacit_status_t status = s_check_bulk(call, bulk.size);
    if (status != TACIT_OK) {
        return status;
    }
    zmq_msg_close(&call->reply_bulk);
    if (zmq_msg_init_size(&call->reply_bulk, bulk.size) != 0) {
        zmq_msg_init(&call->reply_bulk);
        return TACIT_NO_MEMORY;
    }
    if (bulk.size > 0) {
        memcpy(zmq_msg_data(&call->reply_bulk), bulk.data, bulk.size);
    }
    return TACIT_OK;
}

tacit_status_t tacit_call_take_bulk(tacit_call_t *call, uint8_t *data, size_t size,
                                    void (*free_fn)(void *data, void *hint), void *hint)
{
    tacit_status_t status = s_check_bulk(call, size);
    if (status != TACIT_OK) {
        return status;
    }
    zmq_msg_close(&call->reply_bulk);
    if (zmq_msg_init_data(&call->reply_bulk, data, size, free_fn, hint) != 0) {
        zmq_msg_init(&call->reply_bulk);
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

const atomic_bool *tacit_call_over(const tacit_call_t *call)
{
    return call->work ? &call->work->over : NULL;
}

bool tacit_call_alive(const tacit_call_t *call)
{
    const tacit_connection_t *row = call->connection;
    if (call->work) {
        return !atomic_load(&call->work->over) && tacit_call_remaining_ms(call) > 0;
    }
    return call->server && call->state != TACIT_CALL_ZOMBIE && call->state != TACIT_CALL_FINISHED &&
           tacit_call_remaining_ms(call) > 0 && (!row || (!row->ended && !row->expired));
}

void tacit_call_finish(tacit_call_t **call, tacit_status_t status, const void *result)
{
    tacit_call_t *self = *call;
    *call = NULL;
    if (self->work) {
        return; /* the pool's handler answers by what it returns */
    }
    if (self->server) {
        tacit_server_finish(self, status, result);
    } else {
        tacit_call_destroy(&self);
    }
}
