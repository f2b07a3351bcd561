/*  zap.c - the ZAP actor, and the table of keys that domains admit.

    One thread per process answers libzmq's requests on a REP socket; the table is shared with
    whoever calls tacit_zap_admit, under one lock. The thread ends only when the last user says so:
    every other way out of it, cancellation included, aborts the process.  */

#include "rpc/zap.h"

#include <czmq.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "rpc/endpoint.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
#define ZAP_VERSION "1.0"
#define ZAP_WAKE    "inproc://tacit.zap.wake"

enum {
    ZAP_FIELD_MAX = 255, /* bytes of every part of a request; RFC 27 allows no more */
    ZAP_PARTS_MAX = 8    /* version, id, domain, address, routing id, mechanism, credentials */
};

typedef struct {
    char name[ZAP_FIELD_MAX + 1];
    uint8_t (*keys)[TACIT_CURVE_KEY_SIZE]; /* owned, ascending; NULL: every key */
    size_t count;
    bool listed; /* keys decide; else the row is free */
} s_domain_t;

/*  A connection that was announced.  */
typedef struct {
    char domain[TACIT_ZAP_DOMAIN_MAX + 1]; /* empty: the row is free */
    uint8_t name[TACIT_ZAP_EXPECTED_SIZE];
    uint8_t token[TACIT_ZAP_EXPECTED_SIZE];
    uint64_t end_ms; /* monotonic */
} s_expected_t;

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
    s_domain_t domains[TACIT_ZAP_DOMAINS_MAX]; /* kept when the thread ends */
    s_expected_t expected[TACIT_ZAP_EXPECTED_MAX];
} s_zap = {.life = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

static void s_die(const char *why)
{
    fprintf(stderr, "tacit: ZAP handler: %s; aborting, since libzmq would admit everyone\n", why);
    abort();
}

/*  --- one request ----------------------------------------------------------------------------- */

typedef struct {
    uint8_t data[ZAP_FIELD_MAX];
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
        uint8_t part[ZAP_FIELD_MAX];
        int size = zmq_recv(socket, part, sizeof part, ZMQ_DONTWAIT);
        if (size < 0) {
            return false;
        }
        if (size > ZAP_FIELD_MAX || ret_request->count == ZAP_PARTS_MAX) {
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

static int s_compare(const void *a, const void *b)
{
    return memcmp(a, b, TACIT_CURVE_KEY_SIZE);
}

static s_domain_t *s_find(tacit_span_t name)
{
    for (size_t i = 0; i < TACIT_ZAP_DOMAINS_MAX; i++) {
        s_domain_t *domain = &s_zap.domains[i];
        if (domain->listed && tacit_span_equal(name, tacit_span_string(domain->name))) {
            return domain;
        }
    }
    return NULL;
}

static bool s_key_admitted(tacit_span_t domain_name, const uint8_t *key)
{
    pthread_mutex_lock(&s_zap.lock);
    const s_domain_t *domain = s_find(domain_name);
    bool admitted =
        !domain || (domain->count > 0 && bsearch(key, domain->keys, domain->count,
                                                 TACIT_CURVE_KEY_SIZE, s_compare) != NULL);
    pthread_mutex_unlock(&s_zap.lock);
    return admitted;
}

/*  --- connections that were announced ----------------------------------------------------------
 */

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

static bool s_unhex(tacit_span_t text, uint8_t ret_bytes[TACIT_ZAP_EXPECTED_SIZE])
{
    size_t size = 0;
    return text.size == 2 * TACIT_ZAP_EXPECTED_SIZE &&
           sodium_hex2bin(ret_bytes, TACIT_ZAP_EXPECTED_SIZE, (const char *)text.data, text.size,
                          NULL, &size, NULL) == 0 &&
           size == TACIT_ZAP_EXPECTED_SIZE;
}

/*  Whoever knows the token comes in once.  */
static bool s_take_expected(tacit_span_t domain, const uint8_t *name, const uint8_t *token)
{
    bool found = false;
    uint64_t now = s_now();
    pthread_mutex_lock(&s_zap.lock);
    for (size_t i = 0; i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *row = &s_zap.expected[i];
        if (row->domain[0] && now < row->end_ms &&
            tacit_span_equal(domain, tacit_span_string(row->domain)) &&
            memcmp(row->name, name, sizeof row->name) == 0 &&
            sodium_memcmp(row->token, token, sizeof row->token) == 0) {
            sodium_memzero(row, sizeof *row);
            found = true;
        }
    }
    pthread_mutex_unlock(&s_zap.lock);
    return found;
}

static bool s_admit_plain(const s_request_t *request, char *user_id)
{
    uint8_t name[TACIT_ZAP_EXPECTED_SIZE];
    uint8_t token[TACIT_ZAP_EXPECTED_SIZE];
    if (request->count != ZAP_PARTS_MAX || !s_unhex(s_span(request, PART_KEY), name) ||
        !s_unhex(s_span(request, PART_TOKEN), token) ||
        !s_take_expected(s_span(request, PART_DOMAIN), name, token)) {
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
        !s_key_admitted(s_span(request, PART_DOMAIN), key.data)) {
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

/*  --- lists of keys --------------------------------------------------------------------------- */

static void s_forget(s_domain_t *domain)
{
    free(domain->keys);
    memset(domain, 0, sizeof *domain);
}

/*  The domain's row, or a free one; NULL where there is none.  */
static s_domain_t *s_row(const char *name)
{
    s_domain_t *found = s_find(tacit_span_string(name));
    for (size_t i = 0; !found && i < TACIT_ZAP_DOMAINS_MAX; i++) {
        found = s_zap.domains[i].listed ? NULL : &s_zap.domains[i];
    }
    return found;
}

static tacit_status_t s_list(const char *name, uint8_t (*keys)[TACIT_CURVE_KEY_SIZE], size_t count)
{
    s_domain_t *row = s_row(name);
    if (!row) {
        free(keys);
        return TACIT_TOO_LARGE;
    }
    s_forget(row);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->keys = keys;
    row->count = count;
    row->listed = true;
    return TACIT_OK;
}

static void s_unlist(const char *name)
{
    s_domain_t *row = s_find(tacit_span_string(name));
    if (row) {
        s_forget(row);
    }
}

tacit_status_t tacit_zap_admit(const char *domain, const uint8_t (*keys)[32], size_t count)
{
    if (!domain || !*domain || strlen(domain) > ZAP_FIELD_MAX) {
        return TACIT_BAD_INPUT;
    }
    if (count > TACIT_ZAP_KEYS_MAX) {
        return TACIT_TOO_LARGE;
    }
    uint8_t(*sorted)[TACIT_CURVE_KEY_SIZE] = NULL;
    if (keys && count > 0) {
        sorted = calloc(count, sizeof *sorted);
        if (!sorted) {
            return TACIT_NO_MEMORY;
        }
        memcpy(sorted, keys, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, s_compare);
    }
    tacit_status_t status = TACIT_OK;
    pthread_mutex_lock(&s_zap.lock);
    if (keys) {
        status = s_list(domain, sorted, count);
    } else {
        s_unlist(domain);
    }
    pthread_mutex_unlock(&s_zap.lock);
    return status;
}

/*  --- announcing ------------------------------------------------------------------------------ */

tacit_status_t tacit_zap_expect(const char *domain, const uint8_t name[TACIT_ZAP_EXPECTED_SIZE],
                                const uint8_t token[TACIT_ZAP_EXPECTED_SIZE], uint32_t within_ms)
{
    if (!domain || !*domain || strlen(domain) > TACIT_ZAP_DOMAIN_MAX) {
        return TACIT_BAD_INPUT;
    }
    uint64_t now = s_now();
    s_expected_t *row = NULL;
    pthread_mutex_lock(&s_zap.lock);
    for (size_t i = 0; !row && i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *other = &s_zap.expected[i];
        row = !other->domain[0] || now >= other->end_ms ? other : NULL;
    }
    if (row) {
        snprintf(row->domain, sizeof row->domain, "%s", domain);
        memcpy(row->name, name, sizeof row->name);
        memcpy(row->token, token, sizeof row->token);
        row->end_ms = now + within_ms;
    }
    pthread_mutex_unlock(&s_zap.lock);
    return row ? TACIT_OK : TACIT_BUSY;
}

void tacit_zap_forget(const char *domain, const uint8_t *name)
{
    pthread_mutex_lock(&s_zap.lock);
    for (size_t i = 0; i < TACIT_ZAP_EXPECTED_MAX; i++) {
        s_expected_t *row = &s_zap.expected[i];
        if (strcmp(row->domain, domain) == 0 &&
            (!name || memcmp(row->name, name, sizeof row->name) == 0)) {
            sodium_memzero(row, sizeof *row);
        }
    }
    pthread_mutex_unlock(&s_zap.lock);
}
