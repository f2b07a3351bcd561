/*  nng.c - bench-nng: nng over TLS (mbedTLS), certificates on both sides.

    Raw REQ and REP sockets, nng's counterpart of DEALER and ROUTER: one request does not wait for
    the one before. A raw request carries its number itself, with the highest bit set.  */

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/load.h"

enum { S_QUEUE = 2 * LOAD_OUTSTANDING_MAX, S_TEXT_MAX = 16 * 1024 };

typedef struct {
    const load_options_t *options;
    nng_socket socket;
    uint32_t number; /* of the last request */
} s_connection_t;

static void s_must(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "bench: nng: %s\n", nng_strerror(result));
    }
    load_check(result == 0, what);
}

static void s_read(const load_options_t *options, const char *name, char ret_text[S_TEXT_MAX])
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", options->folder, name);
    FILE *file = fopen(path, "r");
    load_check(file != NULL, path);
    size_t size = fread(ret_text, 1, S_TEXT_MAX - 1, file);
    ret_text[size] = 0;
    load_check(size > 0, path);
    fclose(file);
}

static nng_tls_config *s_tls(const load_options_t *options, nng_tls_mode mode, const char *who)
{
    static char root[S_TEXT_MAX];
    static char certificate[S_TEXT_MAX];
    static char key[S_TEXT_MAX];
    char name[32];
    nng_tls_config *tls = NULL;
    s_read(options, "ca.pem", root);
    snprintf(name, sizeof name, "%s.pem", who);
    s_read(options, name, certificate);
    snprintf(name, sizeof name, "%s.key", who);
    s_read(options, name, key);
    s_must(nng_tls_config_alloc(&tls, mode), "TLS");
    s_must(nng_tls_config_ca_chain(tls, root, NULL), "root");
    s_must(nng_tls_config_own_cert(tls, certificate, key, NULL), "certificate");
    s_must(nng_tls_config_auth_mode(tls, NNG_TLS_AUTH_MODE_REQUIRED), "TLS mode");
    return tls;
}

static void s_queues(nng_socket socket)
{
    s_must(nng_socket_set_int(socket, NNG_OPT_SENDBUF, S_QUEUE), "queue");
    s_must(nng_socket_set_int(socket, NNG_OPT_RECVBUF, S_QUEUE), "queue");
    s_must(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0), "size");
}

static void s_serve(const load_options_t *options)
{
    nng_socket socket;
    nng_listener listener;
    nng_sockaddr address;
    s_must(nng_rep0_open_raw(&socket), "socket");
    s_queues(socket);
    s_must(nng_listener_create(&listener, socket, "tls+tcp://127.0.0.1:0"), "listener");
    s_must(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG,
                                s_tls(options, NNG_TLS_MODE_SERVER, "server")),
           "TLS");
    s_must(nng_listener_start(listener, 0), "listen");
    s_must(nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address), "address");
    char text[64];
    const uint8_t *port = (const uint8_t *)&address.s_in.sa_port; /* network order */
    snprintf(text, sizeof text, "tls+tcp://127.0.0.1:%u", 256U * port[0] + port[1]);
    load_ready(text);
    for (;;) {
        nng_msg *message = NULL;
        s_must(nng_recvmsg(socket, &message, 0), "receive");
        s_must(nng_sendmsg(socket, message, 0), "send");
    }
}

static void *s_connect(const load_options_t *options)
{
    s_connection_t *self = calloc(1, sizeof *self);
    nng_dialer dialer;
    load_check(self != NULL, "memory");
    self->options = options;
    s_must(nng_req0_open_raw(&self->socket), "socket");
    s_queues(self->socket);
    s_must(nng_socket_set_ms(self->socket, NNG_OPT_RECVTIMEO, LOAD_WAIT_MS), "timeout");
    s_must(nng_dialer_create(&dialer, self->socket, options->address), "dialer");
    nng_tls_config *tls = s_tls(options, NNG_TLS_MODE_CLIENT, "client");
    s_must(nng_tls_config_server_name(tls, "localhost"), "name");
    s_must(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls), "TLS");
    nng_tls_config_free(tls);
    s_must(nng_dialer_start(dialer, 0), "connect");
    return self;
}

/*  nng_close over TLS does not always return (1.5.2): sockets end with this program.  */
static void s_disconnect(void *connection)
{
    free(connection);
}

static void s_start(void *connection)
{
    s_connection_t *self = connection;
    nng_msg *message = NULL;
    s_must(nng_msg_alloc(&message, 0), "memory");
    s_must(nng_msg_append(message, self->options->payload, self->options->size), "memory");
    s_must(nng_msg_header_append_u32(message, 0x80000000U | ++self->number), "memory");
    s_must(nng_sendmsg(self->socket, message, 0), "send");
}

static void s_next(void *connection)
{
    s_connection_t *self = connection;
    nng_msg *message = NULL;
    s_must(nng_recvmsg(self->socket, &message, 0), "receive");
    load_answer(self->options, nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
}

static void s_call(void *connection)
{
    s_start(connection);
    s_next(connection);
}

int main(int argc, char **argv)
{
    static const load_peer_t peer = {.name = "nng",
                                     .serve = s_serve,
                                     .connect = s_connect,
                                     .disconnect = s_disconnect,
                                     .call = s_call,
                                     .start = s_start,
                                     .next = s_next};
    return load_main(argc, argv, &peer);
}
