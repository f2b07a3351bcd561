/*  zmq.c - tacit-bench-zmq: libzmq under CURVE, DEALER and ROUTER, with no RPC on top: the floor.

    The sockets have the options of Tacit's endpoints, ZAP included, so that what differs is what
    Tacit adds.  */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/load.h"
#include "rpc/endpoint.h"

enum { S_ADDRESS_MAX = 256, S_COPY_MAX = 4096 };

typedef struct {
    const load_options_t *options;
    tacit_endpoint_t *endpoint;
} s_connection_t;

/*  Everything back where it came from.  */
static void s_reflect(void *socket)
{
    zmq_msg_t part;
    int forever = -1;
    load_check(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &forever, sizeof forever) == 0, "option");
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, socket, 0) >= 0) {
        (void)zmq_msg_send(&part, socket, (zmq_msg_more(&part) ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT);
    }
    zmq_msg_close(&part);
}

static void s_serve(const load_options_t *options)
{
    (void)options;
    uint8_t public_key[32];
    uint8_t secret_key[32];
    load_check(sodium_init() >= 0, "libsodium");
    crypto_box_keypair(public_key, secret_key);
    tacit_endpoint_bind_t config = {.address = "tcp://127.0.0.1:*",
                                    .public_key = public_key,
                                    .secret_key = secret_key,
                                    .zap_domain = "bench",
                                    .frame_max = TACIT_BULK_MAX};
    tacit_endpoint_t *endpoint = NULL;
    load_check(tacit_endpoint_bind(&config, &endpoint, NULL) == TACIT_OK, "bind");
    char line[512];
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, public_key, sizeof public_key);
    snprintf(line, sizeof line, "%s#%s", tacit_endpoint_address(endpoint), hex);
    load_ready(line);
    s_reflect(tacit_endpoint_socket(endpoint));
}

static void s_await(tacit_endpoint_t *endpoint)
{
    tacit_link_event_t event;
    int wait_ms = LOAD_WAIT_MS;
    while (!tacit_endpoint_event(endpoint, &event)) {
        tacit_endpoint_wait(endpoint, LOAD_WAIT_MS);
    }
    load_check(event.link == TACIT_LINK_UP &&
                   zmq_setsockopt(tacit_endpoint_socket(endpoint), ZMQ_RCVTIMEO, &wait_ms,
                                  sizeof wait_ms) == 0,
               "connection");
}

/*  The address as printed: where, and the server's key.  */
static void s_parse(const char *text, char ret_address[S_ADDRESS_MAX], uint8_t ret_key[32])
{
    const char *hex = strchr(text, '#');
    load_check(hex && hex - text < S_ADDRESS_MAX &&
                   sodium_hex2bin(ret_key, 32, hex + 1, 64, NULL, NULL, NULL) == 0,
               "address");
    memcpy(ret_address, text, (size_t)(hex - text));
    ret_address[hex - text] = 0;
}

static void *s_connect(const load_options_t *options)
{
    s_connection_t *connection = calloc(1, sizeof *connection);
    char address[S_ADDRESS_MAX];
    uint8_t server_key[32];
    uint8_t public_key[32];
    uint8_t secret_key[32];
    load_check(connection && sodium_init() >= 0, "libsodium");
    s_parse(options->address, address, server_key);
    crypto_box_keypair(public_key, secret_key);
    tacit_endpoint_connect_t config = {.address = address,
                                       .server_key = server_key,
                                       .public_key = public_key,
                                       .secret_key = secret_key,
                                       .connect_ms = LOAD_WAIT_MS};
    connection->options = options;
    load_check(tacit_endpoint_connect(&config, &connection->endpoint, NULL) == TACIT_OK, "connect");
    s_await(connection->endpoint);
    return connection;
}

static void s_disconnect(void *self)
{
    s_connection_t *connection = self;
    tacit_endpoint_destroy(&connection->endpoint);
    free(connection);
}

static void s_keep(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

/*  As Tacit does: what is small is copied, what is large is sent from where it is.  */
static void s_start(void *self)
{
    const s_connection_t *connection = self;
    const load_options_t *options = connection->options;
    zmq_msg_t message;
    if (options->size <= S_COPY_MAX) {
        load_check(zmq_msg_init_size(&message, options->size) == 0, "memory");
        memcpy(zmq_msg_data(&message), options->payload, options->size);
    } else {
        load_check(zmq_msg_init_data(&message, (void *)(uintptr_t)options->payload, options->size,
                                     s_keep, NULL) == 0,
                   "memory");
    }
    load_check(tacit_endpoint_send(connection->endpoint, &message, 0), "send");
}

static void s_next(void *self)
{
    const s_connection_t *connection = self;
    zmq_msg_t message;
    zmq_msg_init(&message);
    load_check(zmq_msg_recv(&message, tacit_endpoint_socket(connection->endpoint), 0) >= 0,
               "receive");
    load_answer(connection->options, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
}

static void s_call(void *self)
{
    s_start(self);
    s_next(self);
}

int main(int argc, char **argv)
{
    static const load_peer_t peer = {.name = "zmq",
                                     .serve = s_serve,
                                     .connect = s_connect,
                                     .disconnect = s_disconnect,
                                     .call = s_call,
                                     .start = s_start,
                                     .next = s_next};
    return load_main(argc, argv, &peer);
}
