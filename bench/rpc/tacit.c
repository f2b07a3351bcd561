/*  tacit.c - tacit-bench-tacit: Tacit's side of the comparison, by its public client and server.

    The server is an enclave. Variants of the client: "" binds as a user, "attested" as an enclave
    too, "bare" opens no session.  */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/identity.h"
#include "bench/rpc/load.h"
#include "idl/bench.h"
#include "rpc/call_stream.h"
#include "rpc/client_stream.h"
#include "rpc/server.h"

enum { S_ADDRESS_MAX = 256, S_ARGUMENT_MAX = 4096, S_CHUNK_MAX = 256 * 1024 };

/*  --- server ---------------------------------------------------------------------------------- */

static tacit_status_t s_echo(void *self, tacit_call_t *call, const tacit_bench_echo_args_t *args,
                             tacit_bench_echo_result_t *ret_result)
{
    (void)self;
    (void)call;
    ret_result->payload = args->payload;
    return TACIT_OK;
}

static tacit_status_t s_reflect(void *self, tacit_call_t *call,
                                const tacit_bench_reflect_args_t *args,
                                tacit_bench_reflect_result_t *ret_result)
{
    (void)self;
    (void)args;
    (void)ret_result;
    return tacit_call_copy_bulk(call, tacit_call_bulk(call));
}

/*  What a running pull has still to send.  */
typedef struct {
    uint64_t left;
    size_t chunk;
    uint8_t data[S_CHUNK_MAX];
} s_pull_t;

static void s_keep(void *data, void *hint)
{
    (void)data;
    (void)hint;
}

static void s_pull_ready(void *self, tacit_call_t *call)
{
    s_pull_t *pull = self;
    tacit_status_t status = TACIT_OK;
    while (pull->left > 0 && status == TACIT_OK) {
        size_t size = pull->left < pull->chunk ? (size_t)pull->left : pull->chunk;
        status = tacit_call_send(call, pull->data, size, s_keep, NULL);
        pull->left -= status == TACIT_OK ? size : 0;
    }
    if (status != TACIT_PENDING) {
        static const tacit_bench_pull_result_t result;
        tacit_call_finish(&call, status, &result);
    }
}

/*  Chunks are sent from one buffer, which stays: one pull at a time.  */
static tacit_status_t s_pull(void *self, tacit_call_t *call, const tacit_bench_pull_args_t *args,
                             tacit_bench_pull_result_t *ret_result)
{
    static s_pull_t pull;
    (void)self;
    (void)ret_result;
    if (args->chunk == 0 || args->chunk > sizeof pull.data) {
        return TACIT_BAD_INPUT;
    }
    pull.left = args->bytes;
    pull.chunk = args->chunk;
    tacit_status_t status = tacit_call_on_stream(call, s_pull_ready, &pull);
    return status == TACIT_OK ? TACIT_PENDING : status;
}

static void s_serve(const load_options_t *options)
{
    static const tacit_bench_handlers_t handlers = {
        .echo = s_echo, .reflect = s_reflect, .pull = s_pull};
    const identity_t *self = identity_new(options->folder, !load_is(options, "bare"));
    tacit_server_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                                    .public_key = self->public_key,
                                    .secret_key = self->secret_key,
                                    .party = &self->party,
                                    .zap_domain = "bench"};
    tacit_server_t *server = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    zloop_t *loop = zloop_new();
    must(tacit_server_new(&config, &server, &error), &error);
    must(tacit_server_add(server, &tacit_bench_service, &handlers, NULL), &error);
    must(tacit_server_attach(server, loop), &error);
    char line[S_ADDRESS_MAX + 66];
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, self->public_key, sizeof self->public_key);
    snprintf(line, sizeof line, "%s#%s", tacit_server_endpoint(server), hex);
    load_ready(line);
    zloop_start(loop);
}

/*  --- client ---------------------------------------------------------------------------------- */

typedef struct {
    const load_options_t *options;
    tacit_client_t *client;
    const tacit_method_t *method;
    tacit_bench_echo_args_t args;
    tacit_span_t bulk;
} s_connection_t;

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
    static identity_t *self; /* one identity for all connections of this process */
    s_connection_t *connection = calloc(1, sizeof *connection);
    char address[S_ADDRESS_MAX];
    uint8_t server_key[32];
    tacit_error_t error = {.code = TACIT_OK};
    load_check(connection != NULL, "memory");
    s_parse(options->address, address, server_key);
    self = self ? self : identity_new(options->folder, load_is(options, "attested"));
    tacit_client_config_t config = {.endpoint = address,
                                    .server_key = server_key,
                                    .public_key = self->public_key,
                                    .secret_key = self->secret_key,
                                    .party = load_is(options, "bare") ? NULL : &self->party,
                                    .peer_role = TACIT_ROLE_WORKER,
                                    .connect_ms = LOAD_WAIT_MS,
                                    .coalesce = true};
    must(tacit_client_new(&config, &connection->client, &error), &error);
    connection->options = options;
    bool small = options->size <= S_ARGUMENT_MAX;
    tacit_span_t payload = tacit_span(options->payload, options->size);
    connection->method = small ? &tacit_bench_echo : &tacit_bench_reflect;
    connection->args.payload = small ? payload : tacit_span(NULL, 0);
    connection->bulk = small ? tacit_span(NULL, 0) : payload;
    return connection;
}

static void s_disconnect(void *self)
{
    s_connection_t *connection = self;
    tacit_client_destroy(&connection->client);
    free(connection);
}

static tacit_request_t s_request(const s_connection_t *connection)
{
    return (tacit_request_t){.method = connection->method,
                             .args = &connection->args,
                             .bulk = connection->bulk,
                             .free_bulk = connection->bulk.size > 0 ? s_keep : NULL};
}

static void s_answered(const s_connection_t *connection, const tacit_bench_echo_result_t *result,
                       tacit_span_t bulk)
{
    tacit_span_t answer = connection->bulk.size > 0 ? bulk : result->payload;
    load_answer(connection->options, answer.data, answer.size);
}

static void s_call(void *self)
{
    s_connection_t *connection = self;
    tacit_request_t request = s_request(connection);
    tacit_bench_echo_result_t result;
    tacit_span_t bulk = tacit_span(NULL, 0);
    tacit_error_t error = {.code = TACIT_OK};
    must(tacit_client_call_request(connection->client, &request, &result, &bulk, &error), &error);
    s_answered(connection, &result, bulk);
}

static void s_start(void *self)
{
    s_connection_t *connection = self;
    tacit_request_t request = s_request(connection);
    tacit_error_t error = {.code = TACIT_OK};
    uint64_t call = 0;
    must(tacit_client_start_request(connection->client, &request, &call, &error), &error);
}

static void s_next(void *self)
{
    s_connection_t *connection = self;
    tacit_reply_t reply;
    tacit_error_t error = {.code = TACIT_OK};
    must(tacit_client_next(connection->client, LOAD_WAIT_MS, &reply, &error), &error);
    must(reply.status, &reply.error);
    s_answered(connection, reply.result, reply.bulk);
}

static void s_client_pull(void *self)
{
    s_connection_t *connection = self;
    const load_options_t *options = connection->options;
    tacit_bench_pull_args_t args = {.bytes = options->amount, .chunk = (uint32_t)options->size};
    tacit_error_t error = {.code = TACIT_OK};
    uint64_t call = 0;
    uint64_t bytes = 0;
    must(tacit_client_start(connection->client, &tacit_bench_pull, &args, tacit_span(NULL, 0), 0,
                            &call, &error),
         &error);
    for (;;) {
        tacit_span_t chunk = tacit_span(NULL, 0);
        must(tacit_client_receive(connection->client, call, LOAD_WAIT_MS, &chunk, &error), &error);
        if (!chunk.data) {
            break;
        }
        bytes += chunk.size;
    }
    tacit_reply_t reply;
    must(tacit_client_finish(connection->client, call, &reply, &error), &error);
    must(reply.status, &reply.error);
    load_check(bytes == options->amount, "the stream was cut");
}

int main(int argc, char **argv)
{
    static const load_peer_t peer = {.name = "tacit",
                                     .serve = s_serve,
                                     .connect = s_connect,
                                     .disconnect = s_disconnect,
                                     .call = s_call,
                                     .start = s_start,
                                     .next = s_next,
                                     .pull = s_client_pull};
    return load_main(argc, argv, &peer);
}
