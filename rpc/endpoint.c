/*  endpoint.c - sockets with every option set, and their monitors.  */

#include "rpc/endpoint.h"

#include <arpa/inet.h>
#include <czmq.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>

#include "rpc/zap.h"

/*  In libzmq 4.3.4 but hidden as a draft by its header: CURVE and NULL connections are refused
    where there is no ZAP handler, instead of admitted.  */
#define ZAP_ENFORCE_DOMAIN 93

struct tacit_endpoint {
    zsock_t *socket;
    zsock_t *monitor; /* PAIR at the other end of the socket's monitor */
    bool bound;       /* counts as a user of the ZAP handler */
    bool curve;
    bool empty;        /* the socket was when last looked into, and nothing was sent since */
    char address[256]; /* as bound or connected */
};

typedef struct {
    int option;
    int value;
} s_option_t;

/*  No heartbeats of ZMTP: libzmq 4.3.4 aborts the process when one is due on a connection that
   ended while its input waited for a full queue (zeromq/libzmq#4364), which a peer can bring about.
 */
static const s_option_t s_common[] = {
    {ZMQ_LINGER, TACIT_LINGER_MS},
    {ZMQ_SNDTIMEO, 0},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, TACIT_KEEPALIVE_IDLE_S},
    {ZMQ_TCP_KEEPALIVE_INTVL, TACIT_KEEPALIVE_INTERVAL_S},
    {ZMQ_TCP_KEEPALIVE_CNT, TACIT_KEEPALIVE_PROBES},
};

static const s_option_t s_bound[] = {
    {ZMQ_SNDHWM, TACIT_SERVER_SEND_HWM},
    {ZMQ_RCVHWM, TACIT_SERVER_RECEIVE_HWM},
    {ZMQ_RCVTIMEO, TACIT_SERVER_LISTEN_MS},
    {ZMQ_HANDSHAKE_IVL, TACIT_HANDSHAKE_MS},
    {ZMQ_BACKLOG, TACIT_LISTEN_BACKLOG},
    {ZMQ_ROUTER_MANDATORY, 1}, /* a reply that cannot be sent is an error, not silence */
    {ZMQ_ROUTER_HANDOVER, 0},  /* a newcomer cannot take another's routing id */
    {ZAP_ENFORCE_DOMAIN, 1},
};

/*  Within its credit a lane's peer never fills them.  */
static const s_option_t s_lane[] = {
    {ZMQ_SNDHWM, TACIT_LANE_HWM},
    {ZMQ_RCVHWM, TACIT_LANE_HWM},
};

static const s_option_t s_connected[] = {
    {ZMQ_SNDHWM, TACIT_CLIENT_HWM},
    {ZMQ_RCVHWM, TACIT_CLIENT_HWM},
    {ZMQ_RCVTIMEO, TACIT_CLIENT_LISTEN_MS},
    {ZMQ_IMMEDIATE, 1},      /* nothing is queued for a peer that is not there */
    {ZMQ_RECONNECT_IVL, -1}, /* a lost connection stays lost: its session is gone */
};

static pthread_once_t s_context_once = PTHREAD_ONCE_INIT;

static void s_context_start(void)
{
    zsys_handler_set(NULL);
    zsys_init();
}

void *tacit_endpoint_context(void)
{
    pthread_once(&s_context_once, s_context_start);
    return zsys_init();
}

void *tacit_endpoint_socket(const tacit_endpoint_t *endpoint)
{
    return zsock_resolve(endpoint->socket);
}

void *tacit_endpoint_monitor(const tacit_endpoint_t *endpoint)
{
    return zsock_resolve(endpoint->monitor);
}

bool tacit_endpoint_receive(tacit_endpoint_t *endpoint, zmq_msg_t *message, int flags)
{
    bool received = zmq_msg_recv(message, tacit_endpoint_socket(endpoint), flags) >= 0;
    endpoint->empty = !received && zmq_errno() == EAGAIN;
    return received;
}

bool tacit_endpoint_send(tacit_endpoint_t *endpoint, zmq_msg_t *message, int flags)
{
    void *socket = tacit_endpoint_socket(endpoint);
    endpoint->empty = false;
    if (zmq_msg_send(message, socket, flags | ZMQ_DONTWAIT) >= 0) {
        return true;
    }
    int events = 0;
    size_t size = sizeof events;
    return zmq_errno() == EAGAIN && zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
           zmq_msg_send(message, socket, flags | ZMQ_DONTWAIT) >= 0;
}

const char *tacit_endpoint_address(const tacit_endpoint_t *endpoint)
{
    return endpoint->address;
}

static bool s_set(const tacit_endpoint_t *self, int option, const void *value, size_t size)
{
    return zmq_setsockopt(tacit_endpoint_socket(self), option, value, size) == 0;
}

static bool s_set_int(const tacit_endpoint_t *self, int option, int value)
{
    return s_set(self, option, &value, sizeof value);
}

static bool s_set_all(const tacit_endpoint_t *self, const s_option_t *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!s_set_int(self, options[i].option, options[i].value)) {
            return false;
        }
    }
    return true;
}

/*  IPv6 sockets take IPv4 too, but then print IPv4 addresses as mapped ones: literals of IPv4 get
    plain IPv4.  */
static int s_wants_ipv6(const char *address)
{
    char host[INET_ADDRSTRLEN] = "";
    const char *start = strstr(address, "://") + 3;
    size_t size = strcspn(start, ":");
    if (size >= sizeof host) {
        return 1;
    }
    memcpy(host, start, size);
    struct in_addr parsed;
    return inet_pton(AF_INET, host, &parsed) != 1;
}

static bool s_set_common(const tacit_endpoint_t *self, uint64_t frame_max)
{
    int64_t wire_max = (int64_t)(frame_max + TACIT_CURVE_OVERHEAD);
    return s_set_all(self, s_common, sizeof s_common / sizeof *s_common) &&
           s_set(self, ZMQ_MAXMSGSIZE, &wire_max, sizeof wire_max) &&
           s_set_int(self, ZMQ_IPV6, s_wants_ipv6(self->address));
}

static bool s_set_bound(const tacit_endpoint_t *self, const tacit_endpoint_bind_t *config)
{
    if (!s_set_common(self, config->frame_max) ||
        !s_set_all(self, s_bound, sizeof s_bound / sizeof *s_bound) ||
        !s_set(self, ZMQ_ZAP_DOMAIN, config->zap_domain, strlen(config->zap_domain))) {
        return false;
    }
    if (config->lane) {
        return s_set_all(self, s_lane, sizeof s_lane / sizeof *s_lane) &&
               s_set_int(self, ZMQ_PLAIN_SERVER, 1);
    }
    return !self->curve ||
           (s_set_int(self, ZMQ_CURVE_SERVER, 1) &&
            s_set(self, ZMQ_CURVE_PUBLICKEY, config->public_key, TACIT_CURVE_KEY_SIZE) &&
            s_set(self, ZMQ_CURVE_SECRETKEY, config->secret_key, TACIT_CURVE_KEY_SIZE));
}

static bool s_set_connected(const tacit_endpoint_t *self, const tacit_endpoint_connect_t *config)
{
    if (!s_set_common(self, config->lane_name ? TACIT_LANE_FRAME_MAX : TACIT_BULK_MAX) ||
        !s_set_all(self, s_connected, sizeof s_connected / sizeof *s_connected) ||
        !s_set_int(self, ZMQ_CONNECT_TIMEOUT, (int)config->connect_ms) ||
        !s_set_int(self, ZMQ_HANDSHAKE_IVL, (int)config->connect_ms)) {
        return false;
    }
    if (config->lane_name) {
        return s_set_all(self, s_lane, sizeof s_lane / sizeof *s_lane) &&
               s_set(self, ZMQ_PLAIN_USERNAME, config->lane_name, strlen(config->lane_name)) &&
               s_set(self, ZMQ_PLAIN_PASSWORD, config->lane_token, strlen(config->lane_token));
    }
    return !self->curve ||
           (s_set(self, ZMQ_CURVE_SERVERKEY, config->server_key, TACIT_CURVE_KEY_SIZE) &&
            s_set(self, ZMQ_CURVE_PUBLICKEY, config->public_key, TACIT_CURVE_KEY_SIZE) &&
            s_set(self, ZMQ_CURVE_SECRETKEY, config->secret_key, TACIT_CURVE_KEY_SIZE));
}

/*  What a server counts, and what ends sessions; not every socket that was accepted.  */
enum {
    S_BOUND_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_DISCONNECTED
};

/*  libzmq's I/O thread writes to the monitor and would block at a high-water mark, with every
    connection of the process: the queue has none. What comes in is one small event per connection
    that ended, and the owner reads them on every turn of its loop.  */
static bool s_watch(tacit_endpoint_t *self, int events)
{
    static _Atomic uint64_t number; /* libzmq frees a name some time after its socket was closed */
    char name[64];
    snprintf(name, sizeof name, "inproc://tacit.monitor.%" PRIu64, ++number);
    void *monitor = tacit_endpoint_monitor(self);
    int unlimited = 0;
    return zmq_setsockopt(monitor, ZMQ_RCVHWM, &unlimited, sizeof unlimited) == 0 &&
           zmq_socket_monitor(tacit_endpoint_socket(self), name, events) == 0 &&
           zmq_connect(monitor, name) == 0;
}

static tacit_status_t s_new(const char *address, int type, bool curve,
                            tacit_endpoint_t **ret_endpoint, tacit_error_t *ret_error)
{
    if (!address || strlen(address) >= sizeof(*ret_endpoint)->address ||
        (strncmp(address, "tcp://", 6) != 0 && strncmp(address, "ipc://", 6) != 0)) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "endpoint",
                                 "tcp://HOST:PORT or ipc://PATH", address);
    }
    (void)tacit_endpoint_context();
    tacit_endpoint_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->curve = curve;
    snprintf(self->address, sizeof self->address, "%s", address);
    self->socket = zsock_new(type);
    self->monitor = zsock_new(ZMQ_PAIR);
    if (!self->socket || !self->monitor) {
        tacit_endpoint_destroy(&self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, "no further ZeroMQ sockets: %s",
                               zmq_strerror(errno));
    }
    *ret_endpoint = self;
    return TACIT_OK;
}

static tacit_status_t s_refused(tacit_endpoint_t **endpoint, const char *what,
                                tacit_error_t *ret_error)
{
    int reason = errno;
    tacit_status_t status =
        tacit_error_set(ret_error, reason == EADDRINUSE ? TACIT_ALREADY_EXISTS : TACIT_BAD_INPUT,
                        "cannot %s %s: %s", what, (*endpoint)->address, zmq_strerror(reason));
    tacit_endpoint_destroy(endpoint);
    return status;
}

tacit_status_t tacit_endpoint_bind(const tacit_endpoint_bind_t *config,
                                   tacit_endpoint_t **ret_endpoint, tacit_error_t *ret_error)
{
    bool curve = config->secret_key != NULL;
    if (!config->zap_domain || !*config->zap_domain || curve != (config->public_key != NULL)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "an endpoint needs a ZAP domain, and both CURVE keys or none");
    }
    tacit_endpoint_t *self = NULL;
    tacit_status_t status = s_new(config->address, ZMQ_ROUTER, curve, &self, ret_error);
    if (!self) {
        return status;
    }
    tacit_zap_start();
    self->bound = true;
    if (!s_set_bound(self, config) || !s_watch(self, S_BOUND_EVENTS) ||
        zmq_bind(tacit_endpoint_socket(self), config->address) != 0) {
        return s_refused(&self, "bind", ret_error);
    }
    size_t size = sizeof self->address;
    if (zmq_getsockopt(tacit_endpoint_socket(self), ZMQ_LAST_ENDPOINT, self->address, &size) != 0) {
        return s_refused(&self, "name", ret_error);
    }
    *ret_endpoint = self;
    return TACIT_OK;
}

tacit_status_t tacit_endpoint_connect(const tacit_endpoint_connect_t *config,
                                      tacit_endpoint_t **ret_endpoint, tacit_error_t *ret_error)
{
    bool curve = config->server_key != NULL;
    if (curve && (!config->public_key || !config->secret_key)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "CURVE needs keys of one's own");
    }
    tacit_endpoint_t *self = NULL;
    tacit_status_t status = s_new(config->address, ZMQ_DEALER, curve, &self, ret_error);
    if (!self) {
        return status;
    }
    if (!s_set_connected(self, config) || !s_watch(self, ZMQ_EVENT_ALL) ||
        zmq_connect(tacit_endpoint_socket(self), config->address) != 0) {
        return s_refused(&self, "connect to", ret_error);
    }
    *ret_endpoint = self;
    return TACIT_OK;
}

void tacit_endpoint_destroy(tacit_endpoint_t **endpoint)
{
    tacit_endpoint_t *self = endpoint ? *endpoint : NULL;
    if (!self) {
        return;
    }
    if (self->socket) {
        (void)zmq_socket_monitor(tacit_endpoint_socket(self), NULL, 0);
    }
    zsock_destroy(&self->monitor);
    zsock_destroy(&self->socket);
    if (self->bound) {
        tacit_zap_stop();
    }
    free(self);
    *endpoint = NULL;
}

static int s_file(void *socket)
{
    int file = -1;
    size_t size = sizeof file;
    return zmq_getsockopt(socket, ZMQ_FD, &file, &size) == 0 ? file : -1;
}

int tacit_endpoint_monitor_file(const tacit_endpoint_t *endpoint)
{
    return s_file(tacit_endpoint_monitor(endpoint));
}

/*  Sending takes in commands too, after which a file tells nothing of what may be read.  */
static bool s_has_input(const tacit_endpoint_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    return !self->empty &&
           zmq_getsockopt(tacit_endpoint_socket(self), ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

unsigned tacit_endpoint_wait_both(const tacit_endpoint_t *endpoint, const tacit_endpoint_t *other,
                                  uint64_t timeout_ms)
{
    const tacit_endpoint_t *both[] = {endpoint, other};
    struct pollfd files[4] = {{.fd = -1}};
    nfds_t count = 0;
    for (size_t i = 0; i < 2 && both[i]; i++) {
        if (s_has_input(both[i])) {
            return 0;
        }
        files[count++] =
            (struct pollfd){.fd = s_file(tacit_endpoint_socket(both[i])), .events = POLLIN};
        files[count++] =
            (struct pollfd){.fd = s_file(tacit_endpoint_monitor(both[i])), .events = POLLIN};
    }
    (void)poll(files, count, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    return (files[1].revents ? TACIT_WAIT_MONITOR : 0U) |
           (count > 2 && files[3].revents ? TACIT_WAIT_OTHER_MONITOR : 0U);
}

void tacit_endpoint_wait(const tacit_endpoint_t *endpoint, uint64_t timeout_ms)
{
    (void)tacit_endpoint_wait_both(endpoint, NULL, timeout_ms);
}

/*  --- lanes ----------------------------------------------------------------------------------- */

tacit_status_t tacit_endpoint_lane_address(const char *address, uint16_t port, char *ret_address,
                                           size_t size)
{
    const char *colon = strrchr(address, ':');
    int written = -1;
    if (strncmp(address, "ipc://", 6) == 0) {
        written = snprintf(ret_address, size, "%s.lane", address);
    } else if (strncmp(address, "tcp://", 6) == 0 && colon > address + 5 && port == 0) {
        written = snprintf(ret_address, size, "%.*s:*", (int)(colon - address), address);
    } else if (strncmp(address, "tcp://", 6) == 0 && colon > address + 5) {
        written =
            snprintf(ret_address, size, "%.*s:%u", (int)(colon - address), address, (unsigned)port);
    }
    return written > 0 && (size_t)written < size ? TACIT_OK : TACIT_BAD_INPUT;
}

uint16_t tacit_endpoint_port(const tacit_endpoint_t *endpoint)
{
    const char *colon = strrchr(endpoint->address, ':');
    bool tcp = strncmp(endpoint->address, "tcp://", 6) == 0;
    return tcp && colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

bool tacit_endpoint_event(tacit_endpoint_t *endpoint, tacit_link_event_t *ret_event)
{
    return tacit_link_event_read(tacit_endpoint_monitor(endpoint), endpoint->curve, ret_event);
}
