/*  server.c - the socket, the loop, and the way of a request through every check to its handler.

    Nothing here waits: a message is read when there is one, a reply is sent or dropped. Replies
    that a connection does not take (its queue is full, it is gone) end its sessions.  */

#include "rpc/server.h"

#include <errno.h>
#include <sodium.h>

#include "rpc/call.h"
#include "rpc/caller.h"
#include "rpc/session_service.h"
#include "rpc/zap.h"

struct tacit_server {
    tacit_endpoint_t *endpoint;
    bool curve;
    bool has_operator;
    uint8_t operator_key[TACIT_CURVE_KEY_SIZE];
    tacit_method_table_t methods;
    tacit_session_table_t sessions;
    tacit_session_service_t session_service;
    zloop_t *loop;         /* borrowed; NULL until attached */
    int timer;             /* of the earliest deadline */
    uint64_t timer_ms;     /* when it goes off, monotonic; UINT64_MAX: never */
    tacit_call_t *pending; /* pending ones and zombies */
    size_t pending_count;
    uint64_t pending_bytes; /* that they hold */
    tacit_call_t *idle;     /* for reuse */
    size_t idle_count;
    tacit_buffer_t out; /* frame 0 being written */
    void *result;       /* room for a handler's result */
    size_t result_capacity;
    tacit_server_stats_t stats;
};

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

static const uint8_t *s_operator(const tacit_server_t *self)
{
    return self->has_operator ? self->operator_key : NULL;
}

/*  --- call objects ---------------------------------------------------------------------------- */

static tacit_call_t *s_take_call(tacit_server_t *self)
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

static void s_give_call(tacit_server_t *self, tacit_call_t *call)
{
    if (call->connection) {
        tacit_session_table_release(&self->sessions, call->connection);
    }
    if (self->idle_count == TACIT_CALLS_IDLE_MAX) {
        tacit_call_destroy(&call);
        return;
    }
    tacit_call_reset(call);
    call->next = self->idle;
    self->idle = call;
    self->idle_count++;
}

static void s_enlist(tacit_server_t *self, tacit_call_t *call)
{
    call->previous = NULL;
    call->next = self->pending;
    if (call->next) {
        call->next->previous = call;
    }
    self->pending = call;
    self->pending_count++;
    self->pending_bytes += tacit_call_size(call);
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
    self->pending_bytes -= tacit_call_size(call);
}

/*  --- replies --------------------------------------------------------------------------------- */

/*  A connection that takes no reply has its sessions ended: it must not go on as if all was well.
 */
static void s_give_up(tacit_server_t *self, const tacit_call_t *call)
{
    self->stats.undelivered++;
    tacit_connection_t *row = tacit_session_table_find(&self->sessions, &call->id, s_now());
    if (row) {
        tacit_session_table_end(&self->sessions, row);
    }
}

/*  The frame in self->out, and the call's bulk if with_bulk.  */
static void s_send(tacit_server_t *self, tacit_call_t *call, bool with_bulk)
{
    void *socket = tacit_endpoint_socket(self->endpoint);
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, self->out.size) != 0) {
        s_give_up(self, call);
        return;
    }
    memcpy(zmq_msg_data(&frame), self->out.data, self->out.size);
    bool bulk = with_bulk && zmq_msg_size(&call->reply_bulk) > 0;
    bool sent = zmq_send(socket, call->id.routing, sizeof call->id.routing,
                         ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                zmq_msg_send(&frame, socket, (bulk ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0 &&
                (!bulk || zmq_msg_send(&call->reply_bulk, socket, ZMQ_DONTWAIT) >= 0);
    if (!sent) {
        zmq_msg_close(&frame);
        s_give_up(self, call);
    }
}

static void s_send_error(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    tacit_call_explain(call, status);
    self->stats.refused++;
    tacit_buffer_clear(&self->out);
    if (tacit_frame_error(&self->out, call->msgid, &call->error) != TACIT_OK) {
        s_give_up(self, call);
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

static void s_answer(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
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
    if (status == TACIT_OK) {
        self->stats.answered++;
        s_send(self, call, true);
    } else {
        s_send_error(self, call, status);
    }
}

/*  --- pending calls --------------------------------------------------------------------------- */

static int s_on_deadline(zloop_t *loop, int timer, void *argument);

static void s_arm(tacit_server_t *self, uint64_t deadline_ms)
{
    if (deadline_ms >= self->timer_ms) {
        return;
    }
    if (self->timer_ms != UINT64_MAX) {
        zloop_timer_end(self->loop, self->timer);
    }
    uint64_t now = s_now();
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
    uint64_t now = s_now();
    uint64_t earliest = UINT64_MAX;
    for (tacit_call_t *call = self->pending; call; call = call->next) {
        if (call->state != TACIT_CALL_PENDING) {
            continue;
        }
        if (call->deadline_ms <= now) {
            s_answer(self, call, TACIT_DEADLINE_EXCEEDED, NULL);
            call->state = TACIT_CALL_ZOMBIE;
        } else if (call->deadline_ms < earliest) {
            earliest = call->deadline_ms;
        }
    }
    s_arm(self, earliest);
    return 0;
}

/*  The handler answers later, or did already while it ran.  */
static void s_keep(tacit_server_t *self, tacit_call_t *call)
{
    tacit_status_t status = TACIT_OK;
    if (!call->connection) {
        tacit_session_service_settle(&self->session_service);
        status = tacit_session_table_open(&self->sessions, &call->id,
                                          zmq_msg_get(&call->frame, ZMQ_SRCFD), s_now(),
                                          &call->connection);
        if (status == TACIT_OK) {
            tacit_session_table_hold(call->connection);
        }
    }
    call->state = TACIT_CALL_PENDING;
    s_enlist(self, call);
    if (status != TACIT_OK) {
        s_answer(self, call, status, NULL);
        call->state = TACIT_CALL_ZOMBIE;
    } else {
        s_arm(self, call->deadline_ms);
    }
}

void tacit_server_finish(tacit_call_t *call, tacit_status_t status, const void *result)
{
    tacit_server_t *self = call->server;
    bool kept = call->state == TACIT_CALL_PENDING || call->state == TACIT_CALL_ZOMBIE;
    if (call->state == TACIT_CALL_PENDING && tacit_call_remaining_ms(call) == 0) {
        status = TACIT_DEADLINE_EXCEEDED;
    }
    if (call->state == TACIT_CALL_PENDING || call->state == TACIT_CALL_RUNNING) {
        s_answer(self, call, status, result);
        call->state = TACIT_CALL_FINISHED;
    }
    if (kept) {
        s_delist(self, call);
        s_give_call(self, call);
    }
}

/*  --- requests -------------------------------------------------------------------------------- */

/*  Calls of a connection that has none pending are let in beyond the limit, so that a crowd of
    waiting calls does not shut others out.  */
static bool s_is_busy(const tacit_server_t *self, const tacit_call_t *call)
{
    size_t own = call->connection ? call->connection->pending - 1 : 0;
    size_t most = own > 0 ? TACIT_CALLS_PENDING_MAX : TACIT_CALLS_PENDING_HARD_MAX;
    return own >= TACIT_CALLS_PENDING_PER_CONNECTION_MAX || self->pending_count >= most ||
           self->pending_bytes + tacit_call_size(call) > TACIT_CALLS_PENDING_BYTES_MAX;
}

static tacit_status_t s_check_bulk(const tacit_call_t *call)
{
    const tacit_method_t *method = call->entry->method;
    size_t size = zmq_msg_size(&call->bulk);
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
    tacit_status_t status = tacit_frame_parse_request(
        tacit_span(zmq_msg_data(&call->frame), zmq_msg_size(&call->frame)), &call->request,
        &call->error);
    if (status != TACIT_OK) {
        return status;
    }
    call->entry = tacit_method_table_find(&self->methods, call->request.method);
    if (!call->entry) {
        return TACIT_UNKNOWN_METHOD;
    }
    const tacit_method_t *method = call->entry->method;
    const tacit_frame_meta_t *meta = &call->request.meta;
    uint64_t now = s_now();
    bool sooner = meta->has_deadline_ms && meta->deadline_ms < method->deadline_ms;
    call->deadline_ms = now + (sooner ? meta->deadline_ms : method->deadline_ms);
    call->connection = tacit_session_table_find(&self->sessions, &call->id, now);
    if (call->connection) {
        tacit_session_table_hold(call->connection);
    }
    status = s_check_bulk(call);
    if (status == TACIT_OK) {
        status = tacit_caller_check(method, call->connection, s_operator(self), &call->error);
    }
    if (status == TACIT_OK && s_is_busy(self, call)) {
        status = TACIT_BUSY;
    }
    if (status == TACIT_OK) {
        status = s_decode(call);
    }
    return status != TACIT_OK
               ? status
               : tacit_caller_owns(method, call->connection, call->args, &call->error);
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

static void s_run(tacit_server_t *self, tacit_call_t *call)
{
    const tacit_entry_t *entry = call->entry;
    void *result = s_result_room(self, entry->method->result->size);
    tacit_status_t status =
        result ? entry->method->invoke(entry->handlers, entry->self, call, call->args, result)
               : TACIT_NO_MEMORY;
    if (call->state == TACIT_CALL_FINISHED) {
        s_give_call(self, call);
    } else if (status == TACIT_PENDING) {
        s_keep(self, call);
    } else {
        s_answer(self, call, status, result);
        s_give_call(self, call);
    }
}

static void s_refuse(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    s_send_error(self, call, status);
    s_give_call(self, call);
}

static void s_dispatch(tacit_server_t *self, tacit_call_t *call, bool too_many)
{
    tacit_span_t frame = tacit_span(zmq_msg_data(&call->frame), zmq_msg_size(&call->frame));
    if (!tacit_frame_request_msgid(frame, &call->msgid)) {
        self->stats.dropped++;
        s_give_call(self, call);
        return;
    }
    tacit_status_t status = too_many ? TACIT_BAD_BULK : s_admit(self, call);
    if (status == TACIT_OK) {
        s_run(self, call);
    } else {
        s_refuse(self, call, status);
    }
}

/*  --- reading --------------------------------------------------------------------------------- */

/*  Who sent it, by the socket's word. False: nobody whom we could know.
    Routing ids that a client chose itself differ from libzmq's in form, or are as hard to guess as
    a counter that starts at random; together with the User-Id they give nobody another's session.
 */
static bool s_identify(const tacit_server_t *self, zmq_msg_t *routing, tacit_call_t *call)
{
    const uint8_t *id = zmq_msg_data(routing);
    if (zmq_msg_size(routing) != TACIT_ROUTING_ID_SIZE || id[0] != 0) {
        return false;
    }
    memcpy(call->id.routing, id, TACIT_ROUTING_ID_SIZE);
    memset(call->id.peer, 0, sizeof call->id.peer);
    call->curve = self->curve;
    if (!self->curve) {
        return true;
    }
    const char *user = zmq_msg_gets(&call->frame, "User-Id");
    size_t size = 0;
    return user && strlen(user) == 2 * sizeof call->id.peer &&
           sodium_hex2bin(call->id.peer, sizeof call->id.peer, user, 2 * sizeof call->id.peer, NULL,
                          &size, NULL) == 0 &&
           size == sizeof call->id.peer;
}

/*  Read away the rest of a message.  */
static void s_skip(void *socket, zmq_msg_t *part)
{
    while (zmq_msg_more(part) && zmq_msg_recv(part, socket, ZMQ_DONTWAIT) >= 0) {
    }
}

/*  Frames after the routing id. False where there is none.  */
static bool s_read_frames(void *socket, tacit_call_t *call, bool *ret_too_many)
{
    if (zmq_msg_recv(&call->frame, socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    call->has_bulk = zmq_msg_more(&call->frame);
    if (call->has_bulk && zmq_msg_recv(&call->bulk, socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    *ret_too_many = zmq_msg_more(&call->bulk);
    if (*ret_too_many) {
        zmq_msg_t rest;
        zmq_msg_init(&rest);
        if (zmq_msg_recv(&rest, socket, ZMQ_DONTWAIT) >= 0) {
            s_skip(socket, &rest);
        }
        zmq_msg_close(&rest);
    }
    return true;
}

/*  One message. False where there is none.  */
static bool s_read(tacit_server_t *self)
{
    void *socket = tacit_endpoint_socket(self->endpoint);
    zmq_msg_t routing;
    zmq_msg_init(&routing);
    if (zmq_msg_recv(&routing, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&routing);
        return false;
    }
    self->stats.received++;
    tacit_call_t *call = zmq_msg_more(&routing) ? s_take_call(self) : NULL;
    bool too_many = false;
    if (!call) {
        self->stats.dropped++;
        s_skip(socket, &routing);
    } else if (!s_read_frames(socket, call, &too_many) || !s_identify(self, &routing, call)) {
        self->stats.dropped++;
        s_give_call(self, call);
    } else {
        s_dispatch(self, call, too_many);
    }
    zmq_msg_close(&routing);
    return true;
}

static int s_on_input(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    for (size_t i = 0; i < TACIT_SERVER_BATCH && s_read(argument); i++) {
    }
    return 0;
}

static int s_on_monitor(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    tacit_server_t *self = argument;
    tacit_session_service_settle(&self->session_service);
    return 0;
}

static int s_on_sweep(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_server_t *self = argument;
    tacit_session_table_sweep(&self->sessions, s_now());
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

static tacit_status_t s_open(tacit_server_t *self, const tacit_server_config_t *config,
                             tacit_error_t *ret_error)
{
    self->curve = config->secret_key != NULL;
    if (!self->curve && config->party) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "a plaintext endpoint has no sessions");
    }
    if (config->operator_key) {
        self->has_operator = true;
        memcpy(self->operator_key, config->operator_key, sizeof self->operator_key);
    }
    tacit_endpoint_bind_t endpoint = {
        .address = config->endpoint,
        .public_key = config->public_key,
        .secret_key = config->secret_key,
        .zap_domain = self->curve ? config->zap_domain : TACIT_ZAP_INTRODUCTION,
        .frame_max = self->curve ? TACIT_BULK_MAX : TACIT_FRAME_MAX,
    };
    tacit_status_t status = tacit_endpoint_bind(&endpoint, &self->endpoint, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    self->session_service = (tacit_session_service_t){
        .table = &self->sessions,
        .endpoint = self->endpoint,
        .party = config->party,
        .operator_key = s_operator(self),
    };
    if (config->party) {
        status = tacit_server_add(self, &tacit_session_service, &tacit_session_service_handlers,
                                  &self->session_service);
    }
    return status == TACIT_OK ? TACIT_OK : tacit_error_set(ret_error, status, NULL);
}

tacit_status_t tacit_server_new(const tacit_server_config_t *config, tacit_server_t **ret_server,
                                tacit_error_t *ret_error)
{
    tacit_server_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->timer_ms = UINT64_MAX;
    tacit_buffer_init(&self->out, TACIT_FRAME_MAX);
    tacit_status_t status = s_open(self, config, ret_error);
    if (status != TACIT_OK) {
        tacit_server_destroy(&self);
        return status;
    }
    *ret_server = self;
    return TACIT_OK;
}

/*  Whoever has a pending call still finishes it, and that frees it.  */
static void s_orphan(tacit_server_t *self)
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
    }
}

void tacit_server_destroy(tacit_server_t **server)
{
    tacit_server_t *self = server ? *server : NULL;
    if (!self) {
        return;
    }
    s_orphan(self);
    tacit_session_table_clear(&self->sessions);
    while (self->idle) {
        tacit_call_t *call = self->idle;
        self->idle = call->next;
        tacit_call_destroy(&call);
    }
    tacit_endpoint_destroy(&self->endpoint);
    tacit_method_table_clear(&self->methods);
    tacit_buffer_free(&self->out);
    free(self->result);
    free(self);
    *server = NULL;
}

tacit_status_t tacit_server_add(tacit_server_t *server, const tacit_service_t *service,
                                const void *handlers, void *self)
{
    return tacit_method_table_add(&server->methods, service, handlers, self);
}

const char *tacit_server_endpoint(const tacit_server_t *server)
{
    return tacit_endpoint_address(server->endpoint);
}

const tacit_server_stats_t *tacit_server_stats(const tacit_server_t *server)
{
    return &server->stats;
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

tacit_status_t tacit_server_attach(tacit_server_t *server, zloop_t *loop)
{
    if (server->loop) {
        return TACIT_ALREADY_EXISTS;
    }
    server->loop = loop;
    bool attached = s_poll(server, tacit_endpoint_socket(server->endpoint), s_on_input) &&
                    s_poll(server, tacit_endpoint_monitor(server->endpoint), s_on_monitor) &&
                    zloop_timer(loop, TACIT_SWEEP_MS, 0, s_on_sweep, server) >= 0;
    return attached ? TACIT_OK : TACIT_NO_MEMORY;
}

void tacit_server_end_sessions(tacit_server_t *server, const uint8_t *peer_curve)
{
    tacit_session_table_end_peer(&server->sessions, peer_curve);
}
