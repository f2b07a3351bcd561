/*  zap.c - the ZAP actor.

    One thread per process answers libzmq's requests on a REP socket, by the tables of zap_table.h,
    which it shares with whoever calls tacit_zap_admit. The thread ends only when the last user says
   so: every other way out of it, cancellation included, aborts the process.  */

#include "rpc/zap.h"

#include <czmq.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "rpc/endpoint.h"
#include "rpc/zap_table.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
#define ZAP_VERSION "1.0"
#define ZAP_WAKE    "inproc://tacit.zap.wake"

enum {
    ZAP_PARTS_MAX = 8 /* version, id, domain, address, routing id, mechanism, credentials */
};

static struct {
    pthread_mutex_t life; /* held while the thread is started or stopped */
    size_t users;
    pthread_t thread;
    zsock_t *handler;     /* REP; the thread's once it runs */
    zsock_t *wake;        /* PAIR to the thread */
    zsock_t *woken;       /* PAIR of the thread */
    pthread_mutex_t lock; /* of what the thread looks at */
    bool stopping;        /* the last user asked for the end, or the process exits */
    bool exit_watched;    /* s_on_exit is registered */
} s_zap = {.life = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

static void s_die(const char *why)
{
    fprintf(stderr, "tacit: ZAP handler: %s; aborting, since libzmq would admit everyone\n", why);
    abort();
}

/*  --- one request ----------------------------------------------------------------------------- */

typedef struct {
    uint8_t data[TACIT_ZAP_FIELD_MAX];
    size_t size;
} s_part_t;

typedef struct {
    s_part_t parts[ZAP_PARTS_MAX];
    size_t count;
    bool malformed; /* too many parts, or one too long */
} s_request_t;

enum {
    PART_VERSION,
    PART_ID,
    PART_DOMAIN,
    PART_ADDRESS,
    PART_ROUTING,
    PART_MECHANISM,
    PART_KEY,
    PART_TOKEN
};

static tacit_span_t s_span(const s_request_t *request, size_t part)
{
    return tacit_span(request->parts[part].data, request->parts[part].size);
}

static bool s_is(const s_request_t *request, size_t part, const char *text)
{
    return tacit_span_equal(s_span(request, part), tacit_span_string(text));
}

/*  Reads all parts, keeps those within bounds. False where there is no message, or no context.  */
static bool s_receive(void *socket, s_request_t *ret_request)
{
    ret_request->count = 0;
    ret_request->malformed = false;
    int more = 1;
    while (more) {
        uint8_t part[TACIT_ZAP_FIELD_MAX];
        int size = zmq_recv(socket, part, sizeof part, ZMQ_DONTWAIT);
        if (size < 0) {
            return false;
        }
        if (size > TACIT_ZAP_FIELD_MAX || ret_request->count == ZAP_PARTS_MAX) {
            ret_request->malformed = true;
        } else {
            s_part_t *kept = &ret_request->parts[ret_request->count++];
            memcpy(kept->data, part, (size_t)size);
            kept->size = (size_t)size;
        }
        size_t length = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length) != 0) {
            return false;
        }
    }
    return true;
}

static bool s_unhex(tacit_span_t text, uint8_t ret_bytes[TACIT_ZAP_EXPECTED_SIZE])
{
    size_t size = 0;
    return text.size == 2 * TACIT_ZAP_EXPECTED_SIZE &&
           sodium_hex2bin(ret_bytes, TACIT_ZAP_EXPECTED_SIZE, (const char *)text.data, text.size,
                          NULL, &size, NULL) == 0 &&
           size == TACIT_ZAP_EXPECTED_SIZE;
}

static bool s_admit_plain(const s_request_t *request, char *user_id)
{
    uint8_t name[TACIT_ZAP_EXPECTED_SIZE];
    uint8_t token[TACIT_ZAP_EXPECTED_SIZE];
    if (request->count != ZAP_PARTS_MAX || !s_unhex(s_span(request, PART_KEY), name) ||
        !s_unhex(s_span(request, PART_TOKEN), token) ||
        !tacit_zap_take_expected(s_span(request, PART_DOMAIN), name, token)) {
        return false;
    }
    sodium_bin2hex(user_id, 2 * TACIT_CURVE_KEY_SIZE + 1, name, sizeof name);
    return true;
}

/*  --- the decision ---------------------------------------------------------------------------- */

/*  user_id stays empty for plaintext peers.  */
static bool s_admit(const s_request_t *request, char user_id[2 * TACIT_CURVE_KEY_SIZE + 1])
{
    if (request->malformed || request->count <= PART_MECHANISM ||
        !s_is(request, PART_VERSION, ZAP_VERSION) || s_span(request, PART_DOMAIN).size == 0) {
        return false;
    }
    if (s_is(request, PART_MECHANISM, "NULL")) {
        return request->count == PART_KEY && s_is(request, PART_DOMAIN, TACIT_ZAP_INTRODUCTION);
    }
    if (s_is(request, PART_MECHANISM, "PLAIN")) {
        return s_admit_plain(request, user_id);
    }
    tacit_span_t key = s_span(request, PART_KEY);
    if (!s_is(request, PART_MECHANISM, "CURVE") || request->count != PART_KEY + 1 ||
        key.size != TACIT_CURVE_KEY_SIZE ||
        !tacit_zap_key_admitted(s_span(request, PART_DOMAIN), key.data)) {
        return false;
    }
    sodium_bin2hex(user_id, 2 * TACIT_CURVE_KEY_SIZE + 1, key.data, key.size);
    return true;
}

static bool s_reply(void *socket, const s_request_t *request, bool admitted, const char *user_id)
{
    tacit_span_t parts[] = {
        tacit_span_string(ZAP_VERSION),
        request->count > PART_ID ? s_span(request, PART_ID) : tacit_span("", 0),
        tacit_span_string(admitted ? "200" : "400"),
        tacit_span_string(admitted ? "OK" : "refused"),
        tacit_span_string(user_id),
        tacit_span("", 0), /* metadata */
    };
    size_t count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i < count; i++) {
        int flags = i + 1 < count ? ZMQ_SNDMORE : 0;
        if (zmq_send(socket, parts[i].data, parts[i].size, flags) < 0) {
            return false;
        }
    }
    return true;
}

/*  False where the socket cannot go on.  */
static bool s_serve(void *socket)
{
    s_request_t request;
    if (!s_receive(socket, &request)) {
        return errno == EAGAIN || errno == EINTR;
    }
    char user_id[2 * TACIT_CURVE_KEY_SIZE + 1] = "";
    bool admitted = s_admit(&request, user_id);
    /*  A connection that went away meanwhile is no reason to stop.  */
    return s_reply(socket, &request, admitted, user_id) || errno == EHOSTUNREACH || errno == EAGAIN;
}

/*  --- the thread ------------------------------------------------------------------------------ */

static bool s_is_stopping(void)
{
    pthread_mutex_lock(&s_zap.lock);
    bool stopping = s_zap.stopping;
    pthread_mutex_unlock(&s_zap.lock);
    return stopping;
}

static void s_ended(void *unused)
{
    (void)unused;
    if (!s_is_stopping()) {
        s_die("ended while endpoints need it");
    }
}

static void s_loop(void)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(s_zap.handler), .events = ZMQ_POLLIN},
        {.socket = zsock_resolve(s_zap.woken), .events = ZMQ_POLLIN},
    };
    bool serving = true;
    while (serving) {
        if (zmq_poll(items, 2, -1) < 0) {
            serving = errno == EINTR;
        } else if (items[1].revents) {
            serving = false;
        } else if (items[0].revents) {
            serving = s_serve(items[0].socket);
        }
    }
}

static void *s_thread(void *unused)
{
    (void)unused;
    pthread_cleanup_push(s_ended, NULL);
    s_loop();
    pthread_cleanup_pop(1);
    return NULL;
}

static void s_set_stopping(bool stopping)
{
    pthread_mutex_lock(&s_zap.lock);
    s_zap.stopping = stopping;
    pthread_mutex_unlock(&s_zap.lock);
}

/*  CZMQ ends its context when a program calls exit with sockets open: an end like any other, and
    no reason to abort. Until then libzmq admits nobody without a handler (ZAP_ENFORCE_DOMAIN).  */
static void s_on_exit(void)
{
    s_set_stopping(true);
}

/*  After CZMQ's own handler was registered, so that it runs before that.  */
static void s_watch_exit(void)
{
    if (!s_zap.exit_watched) {
        s_zap.exit_watched = atexit(s_on_exit) == 0;
    }
}

/*  Signals are for the program's own threads.  */
static bool s_spawn(void)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    bool spawned = pthread_create(&s_zap.thread, NULL, s_thread, NULL) == 0;
    return pthread_sigmask(SIG_SETMASK, &before, NULL) == 0 && spawned;
}

static void s_launch(void)
{
    (void)tacit_endpoint_context();
    s_watch_exit();
    s_set_stopping(false);
    s_zap.handler = zsock_new(ZMQ_REP);
    s_zap.woken = zsock_new(ZMQ_PAIR);
    s_zap.wake = zsock_new(ZMQ_PAIR);
    if (!s_zap.handler || !s_zap.woken || !s_zap.wake) {
        s_die("no socket");
    }
    if (zmq_bind(zsock_resolve(s_zap.handler), ZAP_ADDRESS) != 0 ||
        zmq_bind(zsock_resolve(s_zap.woken), ZAP_WAKE) != 0 ||
        zmq_connect(zsock_resolve(s_zap.wake), ZAP_WAKE) != 0) {
        s_die("cannot bind; is there another handler in this process?");
    }
    if (!s_spawn()) {
        s_die("no thread");
    }
}

static void s_halt(void)
{
    s_set_stopping(true);
    (void)zmq_send(zsock_resolve(s_zap.wake), "", 0, ZMQ_DONTWAIT);
    pthread_join(s_zap.thread, NULL);
    /*  Closing frees a name only some time later, and the next start wants it.  */
    (void)zmq_unbind(zsock_resolve(s_zap.handler), ZAP_ADDRESS);
    (void)zmq_unbind(zsock_resolve(s_zap.woken), ZAP_WAKE);
    zsock_destroy(&s_zap.wake);
    zsock_destroy(&s_zap.woken);
    zsock_destroy(&s_zap.handler);
}

void tacit_zap_start(void)
{
    pthread_mutex_lock(&s_zap.life);
    if (s_zap.users++ == 0) {
        s_launch();
    }
    pthread_mutex_unlock(&s_zap.life);
}

void tacit_zap_stop(void)
{
    pthread_mutex_lock(&s_zap.life);
    if (s_zap.users == 0) {
        s_die("stopped more often than started");
    }
    if (--s_zap.users == 0) {
        s_halt();
    }
    pthread_mutex_unlock(&s_zap.life);
}
