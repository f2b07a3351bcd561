/*  echo_server.c - a service in one file: docs/writing-a-service.md goes through it.

        echo-server ENDPOINT

    Prints "READY ENDPOINT KEY" when it serves; ends on SIGTERM or SIGINT.  */

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "enclave/secret.h"
#include "idl/echo.h"
#include "rpc/call_stream.h"
#include "rpc/server.h"
#include "rpc/zap.h"

enum {
    S_CALLERS_MAX = 64,
    S_NOTES_MAX = 3,
    S_KEY_SIZE = 32,
    S_PWHASH_MEMORY = 16 * 1024 * 1024 /* bytes */
};

typedef struct {
    uint8_t key[32]; /* CURVE public key: who it is */
    uint32_t notes;
} s_caller_t;

typedef struct {
    uint8_t public_key[32];
    tacit_secret_t *secret_key;
    tacit_party_t party;
    tacit_server_t *server;
    zloop_t *loop;
    int signal_fd;
    s_caller_t callers[S_CALLERS_MAX];
    size_t caller_count;
} s_echo_t;

/*  --- handlers: all that a service author writes ---------------------------------------------- */

static tacit_status_t s_say(void *argument, tacit_call_t *call, const tacit_echo_say_args_t *args,
                            tacit_echo_say_result_t *ret_result)
{
    (void)argument;
    (void)call;
    ret_result->text = args->text; /* borrowed of the request, which lives until the answer */
    return TACIT_OK;
}

static tacit_status_t s_reverse(void *argument, tacit_call_t *call,
                                const tacit_echo_reverse_args_t *args,
                                tacit_echo_reverse_result_t *ret_result)
{
    (void)argument;
    (void)args;
    (void)ret_result;
    tacit_span_t bulk = tacit_call_bulk(call);
    uint8_t *turned = tacit_arena_alloc(tacit_call_arena(call), bulk.size + 1);
    if (!turned) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < bulk.size; i++) {
        turned[i] = bulk.data[bulk.size - 1 - i];
    }
    return tacit_call_copy_bulk(call, tacit_span(turned, bulk.size));
}

/*  One stream; in the call's arena.  */
typedef struct {
    tacit_span_t chunk; /* received, and not sent yet */
    uint64_t bytes;
} s_repeat_t;

static void s_on_repeat(void *argument, tacit_call_t *call)
{
    s_repeat_t *self = argument;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (!status) {
        status = self->chunk.data ? TACIT_OK : tacit_call_receive(call, &self->chunk);
        if (!status && !self->chunk.data) {
            const tacit_echo_repeat_result_t result = {.bytes = self->bytes};
            tacit_call_finish(&call, TACIT_OK, &result); /* and self is gone, with the call */
            return;
        }
        status =
            status ? status
                   : tacit_call_send(call, (void *)self->chunk.data, self->chunk.size, NULL, NULL);
        if (!status) {
            self->bytes += self->chunk.size;
            self->chunk = tacit_span(NULL, 0);
        }
    }
    if (status != TACIT_PENDING) {
        tacit_call_finish(&call, status, NULL);
    }
}

static tacit_status_t s_repeat(void *argument, tacit_call_t *call,
                               const tacit_echo_repeat_args_t *args,
                               tacit_echo_repeat_result_t *ret_result)
{
    (void)argument;
    (void)args;
    (void)ret_result;
    s_repeat_t *self = tacit_arena_alloc(tacit_call_arena(call), sizeof *self);
    tacit_status_t status = self ? tacit_call_on_stream(call, s_on_repeat, self) : TACIT_NO_MEMORY;
    return status ? status : TACIT_PENDING;
}

/*  On a thread of the pool: touches what it was given, and nothing else of the service.  */
static tacit_status_t s_stretch(void *argument, tacit_call_t *call,
                                const tacit_echo_stretch_args_t *args,
                                tacit_echo_stretch_result_t *ret_result)
{
    (void)argument;
    uint8_t *key = tacit_arena_alloc(tacit_call_arena(call), S_KEY_SIZE);
    if (!key || crypto_pwhash(key, S_KEY_SIZE, (const char *)args->words.data, args->words.size,
                              args->salt.data, crypto_pwhash_OPSLIMIT_MIN, S_PWHASH_MEMORY,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return TACIT_NO_MEMORY;
    }
    ret_result->key = tacit_span(key, S_KEY_SIZE);
    return TACIT_OK;
}

/*  The caller's row; NULL where the table is full.  */
static s_caller_t *s_find(s_echo_t *self, const uint8_t key[32])
{
    for (size_t i = 0; i < self->caller_count; i++) {
        if (memcmp(self->callers[i].key, key, 32) == 0) {
            return &self->callers[i];
        }
    }
    if (self->caller_count == S_CALLERS_MAX) {
        return NULL;
    }
    s_caller_t *caller = &self->callers[self->caller_count++];
    memcpy(caller->key, key, 32);
    return caller;
}

static tacit_status_t s_leave_note(void *argument, tacit_call_t *call,
                                   const tacit_echo_leave_note_args_t *args,
                                   tacit_echo_leave_note_result_t *ret_result)
{
    (void)args; /* args->note is plaintext in locked memory here, and wiped after the answer */
    s_echo_t *self = argument;
    s_caller_t *caller = s_find(self, tacit_call_peer(call));
    if (!caller || caller->notes == S_NOTES_MAX) {
        return tacit_error_set_named(tacit_call_error(call), (tacit_status_t)TACIT_ECHO_BOX_FULL,
                                     "box_full", "%d notes fit", S_NOTES_MAX);
    }
    ret_result->count = ++caller->notes;
    return TACIT_OK;
}

static const tacit_echo_handlers_t s_handlers = {
    .say = s_say,
    .reverse = s_reverse,
    .stretch = s_stretch,
    .repeat = s_repeat,
    .leave_note = s_leave_note,
};

/*  --- serving --------------------------------------------------------------------------------- */

static int s_on_signal(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    (void)argument;
    return -1; /* ends the loop */
}

static tacit_status_t s_watch_signals(s_echo_t *self)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    zmq_pollitem_t item = {.fd = self->signal_fd, .events = ZMQ_POLLIN};
    zloop_set_nonstop(self->loop, true);
    return self->signal_fd >= 0 && zloop_poller(self->loop, &item, s_on_signal, NULL) == 0
               ? TACIT_OK
               : TACIT_INTERNAL;
}

static tacit_status_t s_open(s_echo_t *self, const char *endpoint, tacit_error_t *ret_error)
{
    if (tacit_secret_new(32, &self->secret_key)) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    crypto_box_keypair(self->public_key, self->secret_key->data); /* new at every start */
    self->party = (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = self->public_key};
    const tacit_server_config_t config = {
        .endpoint = endpoint,
        .public_key = self->public_key,
        .secret_key = self->secret_key->data,
        .party = &self->party, /* with it the endpoint answers session.open */
        .zap_domain = "echo",  /* admits every CURVE key, and nobody without one */
    };
    tacit_status_t status = tacit_server_new(&config, &self->server, ret_error);
    if (!status) {
        status = tacit_server_add(self->server, &tacit_echo_service, &s_handlers, self);
    }
    if (!status) {
        status = tacit_server_attach(self->server, self->loop);
    }
    return status;
}

static void s_tell(const s_echo_t *self)
{
    char key[65];
    sodium_bin2hex(key, sizeof key, self->public_key, 32);
    printf("READY %s %s\n", tacit_server_endpoint(self->server), key);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    s_echo_t echo = {.signal_fd = -1};
    tacit_error_t error = {.code = TACIT_OK};
    if (argc != 2 || tacit_process_init()) {
        fprintf(stderr, "usage: echo-server ENDPOINT\n");
        return 2;
    }
    echo.loop = zloop_new();
    tacit_status_t status = s_watch_signals(&echo);
    if (!status) {
        status = s_open(&echo, argv[1], &error);
    }
    if (status) {
        fprintf(stderr, "echo-server: %s\n", error.message);
    } else {
        s_tell(&echo);
        zloop_start(echo.loop);
    }
    zloop_destroy(&echo.loop);
    tacit_server_destroy(&echo.server);
    tacit_secret_destroy(&echo.secret_key);
    (void)close(echo.signal_fd);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
