/*  platformd.c - the loop: one thread, one poll, no waiting on any single caller.

    Measuring happens between polls; it takes as long as hashing what was not seen before. A reply
    that its caller does not take, a packet of another process, or one that breaks the protocol ends
    that connection and no other.  */

#include "services/platform/platformd.h"

#include <sodium.h>
#include <unistd.h>

#include "rpc/actor.h"
#include "rpc/log.h"
#include "services/platform/exchange.h"
#include "services/platform/listener.h"

enum { S_FIXED_ITEMS = 2, S_ITEMS_PER_CONNECTION = 2 };

typedef struct {
    tacit_peer_t peer;
    tacit_caller_t caller;
} s_connection_t;

typedef struct {
    zsock_t *pipe;
    int listener;
    char socket[TACIT_PLATFORMD_PATH_MAX];
    tacit_platform_state_t *state;
    tacit_quoting_t *quoting;
    tacit_measurer_t *measurer;
    tacit_exchange_t exchange;
    uint8_t *reply; /* TACIT_PLATFORM_REPLY_MAX */
    s_connection_t connections[TACIT_PLATFORMD_CONNECTIONS_MAX];
    size_t count;
    zmq_pollitem_t items[S_FIXED_ITEMS + S_ITEMS_PER_CONNECTION * TACIT_PLATFORMD_CONNECTIONS_MAX];
} s_platformd_t;

/*  --- callers ----------------------------------------------------------------------------------
 */

static void s_send_refusal(s_platformd_t *self, const tacit_peer_t *peer,
                           const tacit_error_t *error)
{
    size_t size = tacit_exchange_refusal(TACIT_PLATFORM_HELLO, error, self->reply);
    (void)!tacit_peer_send(peer, tacit_span(self->reply, size));
    tacit_log_error("caller_refused", error);
}

static bool s_is_our_user(const tacit_peer_t *peer)
{
    return geteuid() == 0 || peer->uid == geteuid();
}

static tacit_status_t s_check_caller(s_platformd_t *self, const tacit_peer_t *peer,
                                     tacit_error_t *ret_error)
{
    if (!s_is_our_user(peer)) {
        return tacit_error_claim(ret_error, TACIT_PLATFORM_REFUSED, "user", "the platform's",
                                 "another");
    }
    if (self->count == TACIT_PLATFORMD_CONNECTIONS_MAX) {
        return tacit_error_set(ret_error, TACIT_BUSY, "the platform serves %d callers already",
                               TACIT_PLATFORMD_CONNECTIONS_MAX);
    }
    return TACIT_OK;
}

static tacit_status_t s_welcome(s_platformd_t *self, const tacit_peer_t *peer,
                                const tacit_measured_t *measured)
{
    s_connection_t *connection = &self->connections[self->count];
    *connection = (s_connection_t){.peer = *peer, .caller = {.self = measured->self}};
    randombytes_buf(connection->caller.challenge, sizeof connection->caller.challenge);
    size_t size = tacit_exchange_hello(
        self->state->tee, &connection->caller,
        tacit_span(measured->configuration, measured->configuration_size), self->reply);
    tacit_status_t status = tacit_peer_send(peer, tacit_span(self->reply, size));
    self->count += status ? 0 : 1;
    return status;
}

static tacit_status_t s_admit(s_platformd_t *self, const tacit_peer_t *peer,
                              tacit_error_t *ret_error)
{
    tacit_measured_t measured = {.configuration = NULL};
    tacit_status_t status = s_check_caller(self, peer, ret_error);
    if (!status) {
        status = tacit_measurer_measure(self->measurer, peer->pid, &measured, ret_error);
    }
    if (!status && tacit_peer_is_gone(peer)) {
        status = tacit_error_set(ret_error, TACIT_PLATFORM_REFUSED, "the process has ended");
    }
    if (!status && s_welcome(self, peer, &measured)) {
        status = tacit_error_set(ret_error, TACIT_UNREACHABLE, "the process does not listen");
    }
    free(measured.configuration);
    return status;
}

static void s_on_listener(s_platformd_t *self)
{
    tacit_peer_t peer;
    tacit_error_t error;
    if (tacit_listener_accept(self->listener, &peer)) {
        return;
    }
    if (s_admit(self, &peer, &error)) {
        s_send_refusal(self, &peer, &error);
        tacit_peer_close(&peer);
        return;
    }
    const tacit_self_t *measured = &self->connections[self->count - 1].caller.self;
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, measured->mrenclave, sizeof measured->mrenclave);
    tacit_log(TACIT_LOG_INFO, "caller_measured", "pid %d: measurement %s, product %u, svn %u%s",
              (int)peer.pid, hex, measured->product_id, measured->svn,
              measured->debug ? ", debug" : "");
}

/*  --- requests ---------------------------------------------------------------------------------
 */

/*  False where the connection is over.  */
static bool s_serve(s_platformd_t *self, const s_connection_t *connection)
{
    uint8_t request[TACIT_PLATFORM_REQUEST_MAX];
    size_t size = 0;
    bool broken = false;
    if (tacit_peer_is_gone(&connection->peer)) {
        return false;
    }
    tacit_status_t status = tacit_peer_receive(&connection->peer, request, sizeof request, &size);
    if (status == TACIT_PENDING || status == TACIT_UNREACHABLE) {
        return status == TACIT_PENDING;
    }
    if (status) {
        tacit_error_t error;
        tacit_error_set(&error, status, NULL);
        s_send_refusal(self, &connection->peer, &error);
        return false;
    }
    size_t reply_size = tacit_exchange_answer(&self->exchange, &connection->caller,
                                              tacit_span(request, size), self->reply, &broken);
    status = tacit_peer_send(&connection->peer, tacit_span(self->reply, reply_size));
    sodium_memzero(self->reply, reply_size); /* it may have been a key */
    return !status && !broken;
}

static void s_drop(s_platformd_t *self, size_t index)
{
    tacit_log(TACIT_LOG_INFO, "caller_gone", "pid %d", (int)self->connections[index].peer.pid);
    tacit_peer_close(&self->connections[index].peer);
    self->connections[index] = self->connections[--self->count];
}

static bool s_is_ready(const s_platformd_t *self, size_t index)
{
    const zmq_pollitem_t *items = &self->items[S_FIXED_ITEMS + S_ITEMS_PER_CONNECTION * index];
    return items[0].revents || items[1].revents;
}

/*  From the last to the first: dropping one moves only one that was served already.  */
static void s_on_connections(s_platformd_t *self)
{
    for (size_t i = self->count; i > 0; i--) {
        if (s_is_ready(self, i - 1) && !s_serve(self, &self->connections[i - 1])) {
            s_drop(self, i - 1);
        }
    }
}

/*  --- loop -------------------------------------------------------------------------------------
 */

static int s_fill_items(s_platformd_t *self)
{
    int count = 0;
    self->items[count++] =
        (zmq_pollitem_t){.socket = zsock_resolve(self->pipe), .events = ZMQ_POLLIN};
    self->items[count++] = (zmq_pollitem_t){.fd = self->listener, .events = ZMQ_POLLIN};
    for (size_t i = 0; i < self->count; i++) {
        const tacit_peer_t *peer = &self->connections[i].peer;
        self->items[count++] = (zmq_pollitem_t){.fd = peer->fd, .events = ZMQ_POLLIN};
        self->items[count++] = (zmq_pollitem_t){.fd = peer->pidfd, .events = ZMQ_POLLIN};
    }
    return count;
}

static void s_refresh(s_platformd_t *self)
{
    bool issued = false;
    tacit_status_t status =
        tacit_platform_state_refresh(self->state, (uint64_t)time(NULL), &issued);
    if (status || issued) {
        tacit_log(status ? TACIT_LOG_ERROR : TACIT_LOG_INFO, "collateral_issued", "%s",
                  tacit_status_text(status));
    }
}

static bool s_is_told_to_end(zsock_t *pipe)
{
    char *command = zstr_recv(pipe);
    bool end = !command || streq(command, "$TERM");
    freen(command);
    return end;
}

static void s_loop(s_platformd_t *self)
{
    for (;;) {
        int found = zmq_poll(self->items, s_fill_items(self), TACIT_PLATFORMD_TICK_MS);
        s_refresh(self);
        if (found < 0 && errno != EINTR) {
            tacit_log(TACIT_LOG_ERROR, "poll_failed", "%s", zmq_strerror(errno));
            return;
        }
        if (found <= 0) {
            continue;
        }
        if (self->items[0].revents && s_is_told_to_end(self->pipe)) {
            return;
        }
        s_on_connections(self); /* before a new one changes what the items mean */
        if (self->items[1].revents) {
            s_on_listener(self);
        }
    }
}

static tacit_status_t s_open_state(s_platformd_t *self, const tacit_platformd_args_t *args,
                                   tacit_error_t *ret_error)
{
    tacit_tee_t tee = TACIT_TEE_SGX;
    if (args->tee[0] && !tacit_tee_from_name(args->tee, &tee)) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "tee", "sgx, tdx or nitro", args->tee);
    }
    return tacit_platform_state_open(args->state, args->tee[0] ? &tee : NULL, &self->state,
                                     ret_error);
}

static tacit_status_t s_start(s_platformd_t *self, const tacit_platformd_args_t *args,
                              tacit_error_t *ret_error)
{
    tacit_status_t status = s_open_state(self, args, ret_error);
    if (status) {
        return status;
    }
    if ((self->state->pki && tacit_quoting_new(self->state->pki, &self->quoting)) ||
        tacit_measurer_new(&self->measurer)) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, "cannot set up quoting");
    }
    self->exchange = (tacit_exchange_t){.state = self->state, .quoting = self->quoting};
    status = tacit_listener_open(args->socket, &self->listener, ret_error);
    if (!status) {
        snprintf(self->socket, sizeof self->socket, "%s", args->socket);
    }
    return status;
}

static void s_stop(s_platformd_t *self)
{
    while (self->count > 0) {
        s_drop(self, self->count - 1);
    }
    if (self->listener >= 0) {
        (void)unlink(self->socket);
        close(self->listener);
    }
    tacit_measurer_destroy(&self->measurer);
    tacit_quoting_destroy(&self->quoting);
    tacit_platform_state_destroy(&self->state);
    free(self->reply);
    free(self);
}

void tacit_platformd_actor(zsock_t *pipe, void *args)
{
    zsock_signal(pipe, 0);
    tacit_error_t error;
    s_platformd_t *self = calloc(1, sizeof *self);
    uint8_t *reply = malloc(TACIT_PLATFORM_REPLY_MAX);
    if (!self || !reply) {
        free(self);
        free(reply);
        tacit_error_set(&error, TACIT_NO_MEMORY, NULL);
        tacit_actor_failed(pipe, &error);
        tacit_actor_linger(pipe);
        return;
    }
    self->pipe = pipe;
    self->listener = -1;
    self->reply = reply;
    if (s_start(self, args, &error)) {
        tacit_actor_failed(pipe, &error);
        tacit_actor_linger(pipe);
    } else {
        tacit_actor_ready(pipe, self->socket);
        s_loop(self);
    }
    s_stop(self);
}
