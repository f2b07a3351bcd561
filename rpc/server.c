/*  server.c - the socket on its loop, and the endpoint's life.

    Nothing here waits for one caller: messages are read when there are any, or for some
    milliseconds where there is nothing else to do; a reply is sent or dropped. Replies that a
    connection does not take (its queue is full, it is gone) end its sessions.  */

#include "rpc/server.h"

#include <errno.h>

#include "rpc/server_internal.h"
#include "rpc/server_keyed.h"
#include "rpc/server_untaken.h"
#include "rpc/text.h"
#include "rpc/zap.h"

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
    return user && strlen(user) == 2 * sizeof call->id.peer &&
           tacit_text_get_hex(user, sizeof call->id.peer, call->id.peer);
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
    call->has_ticket = zmq_msg_more(&call->bulk);
    if (call->has_ticket && zmq_msg_recv(&call->ticket, socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    *ret_too_many = zmq_msg_more(&call->ticket) || (call->has_ticket && zmq_msg_size(&call->bulk));
    s_skip(socket, &call->ticket);
    return true;
}

/*  To its checks, unless a fault is to happen to it.  */
static void s_dispatch(tacit_server_t *self, tacit_call_t *call, bool too_many)
{
#ifdef TACIT_FAULTS
    if (tacit_server_fault_in(self, call, too_many)) {
        return;
    }
#endif
    tacit_server_dispatch(self, call, too_many);
}

/*  A call of a batch: shares its message, and who it is from.  */
static void s_dispatch_part(tacit_server_t *self, tacit_call_t *batch, size_t offset, size_t size)
{
    tacit_call_t *call = tacit_server_take_call(self);
    if (!call || zmq_msg_copy(&call->frame, &batch->frame) != 0) {
        self->stats.dropped++;
        if (call) {
            tacit_server_give_call(self, call);
        }
        return;
    }
    call->id = batch->id;
    call->curve = batch->curve;
    call->batched = true;
    call->body = tacit_span((const uint8_t *)zmq_msg_data(&call->frame) + offset, size);
    s_dispatch(self, call, false);
}

/*  Calls that share a message: each is run as if it had come alone. How many there were.  */
static size_t s_run_batch(tacit_server_t *self, tacit_call_t *batch)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    size_t count = 0;
    if (batch->has_bulk || tacit_batch_parse(batch->body, frames, &count) != TACIT_OK) {
        self->stats.dropped++;
        tacit_server_give_call(self, batch);
        return 1;
    }
    self->stats.received += count - 1;
    tacit_server_begin_batch(self, batch);
    for (size_t i = 0; i < count; i++) {
        s_dispatch_part(self, batch, (size_t)(frames[i].data - batch->body.data), frames[i].size);
    }
    tacit_server_end_batch(self);
    tacit_server_give_call(self, batch);
    return count;
}

/*  Runs what was read; how many calls it was.  */
static size_t s_run(tacit_server_t *self, tacit_call_t *call, bool too_many)
{
    call->body = tacit_span(zmq_msg_data(&call->frame), zmq_msg_size(&call->frame));
    if (tacit_batch_is(call->body)) {
        return s_run_batch(self, call);
    }
    s_dispatch(self, call, too_many);
    return 1;
}

/*  One message: how many calls it held, 0 where there is none; flags: ZMQ_DONTWAIT, or 0 to wait
    for it as long as the socket does.  */
static size_t s_read(tacit_server_t *self, int flags)
{
    void *socket = tacit_endpoint_socket(self->endpoint);
    zmq_msg_t routing;
    zmq_msg_init(&routing);
    if (zmq_msg_recv(&routing, socket, flags) < 0) {
        zmq_msg_close(&routing);
        return 0;
    }
    size_t count = 1;
    self->stats.received++;
    tacit_call_t *call = zmq_msg_more(&routing) ? tacit_server_take_call(self) : NULL;
    bool too_many = false;
    if (!call) {
        self->stats.dropped++;
        s_skip(socket, &routing);
    } else if (!s_read_frames(socket, call, &too_many) || !s_identify(self, &routing, call)) {
        self->stats.dropped++;
        tacit_server_give_call(self, call);
    } else {
        count = s_run(self, call, too_many);
    }
    zmq_msg_close(&routing);
    return count;
}

/*  Requests that are answered at once and follow each other closely are waited for here, for which
    libzmq looks twice at its files, and by way of the loop six times. Not where there is more to
    look after; the loop's other work waits a few milliseconds at most, once requests stop coming.
    The wait is longer than a tick of the kernel's clock (4 ms): a timer before the next tick costs
    a virtual machine more than all the looks.  */
static bool s_listens(const tacit_server_t *self, uint64_t began_ms)
{
    uint64_t now_ms = tacit_server_now();
    return began_ms - self->idle_ms <= TACIT_SERVER_BRISK_MS &&
           now_ms - began_ms < TACIT_SERVER_TURN_MS && self->pending_count == 0 &&
           self->lanes.table.count == 0;
}

static int s_on_input(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    tacit_server_t *self = argument;
    uint64_t began_ms = tacit_server_now();
    size_t count = s_read(self, ZMQ_DONTWAIT);
    bool listens = s_listens(self, began_ms);
    for (size_t i = count; count > 0 && (i < TACIT_SERVER_BATCH || listens); i += count) {
        count = s_read(self, listens ? 0 : ZMQ_DONTWAIT);
        listens = s_listens(self, began_ms);
    }
    tacit_server_tell(self);
    tacit_server_lane_settle(self);
    self->idle_ms = tacit_server_now();
    return 0;
}

static int s_on_monitor(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    tacit_server_t *self = argument;
    tacit_session_service_settle(&self->session_service);
    tacit_server_sweep(self);
    tacit_server_lane_sweep(self);
    return 0;
}

static int s_on_sweep(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_server_t *self = argument;
    tacit_session_table_sweep(&self->sessions, tacit_server_now());
    tacit_server_sweep(self);
    tacit_server_lane_sweep(self);
    tacit_server_untaken_sweep(self);
    return 0;
}

static int s_on_standing(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_server_t *self = argument;
    tacit_session_service_judge(&self->session_service);
    tacit_server_sweep(self);
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

static tacit_status_t s_open(tacit_server_t *self, const tacit_server_config_t *config,
                             tacit_error_t *ret_error)
{
#ifdef TACIT_FAULTS
    tacit_status_t faults = tacit_server_faults_new(&self->faults, ret_error);
    if (faults != TACIT_OK) {
        return faults;
    }
#endif
    tacit_server_lane_init(self);
    self->curve = config->secret_key != NULL;
    self->threads = config->threads > 0 ? config->threads : TACIT_POOL_THREADS;
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
        .standing = config->standing,
        .refusals = config->refusals,
        .operator_key = tacit_server_operator(self),
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
    self->unknown.name = "unknown";
    tacit_buffer_init(&self->out, TACIT_FRAME_MAX);
    tacit_batch_init(&self->replies);
    self->untaken = tacit_untaken_new(&config->untaken);
    tacit_status_t status = self->untaken ? s_open(self, config, ret_error)
                                          : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status != TACIT_OK) {
        tacit_server_destroy(&self);
        return status;
    }
    *ret_server = self;
    return TACIT_OK;
}

void tacit_server_destroy(tacit_server_t **server)
{
    tacit_server_t *self = server ? *server : NULL;
    if (!self) {
        return;
    }
    *server = NULL;
#ifdef TACIT_FAULTS
    tacit_server_faults_destroy(&self->faults);
#endif
    if (!tacit_server_stop(self)) {
        tacit_endpoint_destroy(&self->endpoint); /* the rest is the stuck handler's */
        return;
    }
    tacit_server_lane_close(self);
    tacit_server_limits_destroy(self);
    tacit_server_keyed_close(self);
    tacit_server_orphan(self);
    tacit_session_table_clear(&self->sessions);
    while (self->idle) {
        tacit_call_t *call = self->idle;
        self->idle = call->next;
        tacit_call_destroy(&call);
    }
    tacit_endpoint_destroy(&self->endpoint);
    tacit_method_table_clear(&self->methods);
    tacit_buffer_free(&self->out);
    tacit_batch_free(&self->replies);
    tacit_untaken_destroy(&self->untaken);
    free(self->result);
    free(self);
}

tacit_status_t tacit_server_add(tacit_server_t *server, const tacit_service_t *service,
                                const void *handlers, void *self)
{
    tacit_status_t status = tacit_method_table_add(&server->methods, service, handlers, self);
    return status == TACIT_OK && server->loop ? tacit_server_limits_start(server) : status;
}

const char *tacit_server_endpoint(const tacit_server_t *server)
{
    return tacit_endpoint_address(server->endpoint);
}

const tacit_server_stats_t *tacit_server_stats(const tacit_server_t *server)
{
    return &server->stats;
}

bool tacit_server_poll(tacit_server_t *server, zmq_pollitem_t item, zloop_fn *handler)
{
    if (zloop_poller(server->loop, &item, handler, server) != 0) {
        return false;
    }
    zloop_poller_set_tolerant(server->loop, &item);
    return true;
}

tacit_status_t tacit_server_attach(tacit_server_t *server, zloop_t *loop)
{
    if (server->loop) {
        return TACIT_ALREADY_EXISTS;
    }
    server->loop = loop;
    zmq_pollitem_t input = {.socket = tacit_endpoint_socket(server->endpoint),
                            .events = ZMQ_POLLIN};
    zmq_pollitem_t monitor = {.fd = tacit_endpoint_monitor_file(server->endpoint),
                              .events = ZMQ_POLLIN};
    bool attached = tacit_server_poll(server, input, s_on_input) &&
                    tacit_server_poll(server, monitor, s_on_monitor) &&
                    zloop_timer(loop, TACIT_SWEEP_MS, 0, s_on_sweep, server) >= 0 &&
                    (!server->session_service.standing ||
                     zloop_timer(loop, TACIT_STANDING_TICK_MS, 0, s_on_standing, server) >= 0);
    return attached ? tacit_server_limits_start(server) : TACIT_NO_MEMORY;
}

void tacit_server_end_sessions(tacit_server_t *server, const uint8_t *peer_curve)
{
    tacit_session_table_end_peer(&server->sessions, peer_curve);
}

bool tacit_call_revokes(const tacit_call_t *call, const uint8_t user[32])
{
    return call->work ||
           (call->server && tacit_standing_admits(call->server->session_service.standing,
                                                  TACIT_ROLE_USER, user, NULL) != TACIT_OK);
}
