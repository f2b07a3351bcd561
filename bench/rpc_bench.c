/*  rpc_bench.c - tacit-bench-rpc: what the rpc layer adds to raw libzmq under CURVE.

    tacit-bench-rpc [CALLS]

    Two servers on threads of their own, both behind ZAP, on loopback TCP: a ROUTER that sends back
    what it got, and a tacit_server_t with one method. The client calls them in turns, so that both
    see the same machine. Prints p50 of one call at a time, and calls a second with 64 outstanding,
    for 32 and 1024 bytes.  */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/client.h"
#include "rpc/endpoint.h"
#include "rpc/server.h"

enum {
    CALLS_DEFAULT = 20000,
    CALLS_MAX = 10 * 1000 * 1000,
    ROUND = 500, /* calls to one server before the other's turn */
    OUTSTANDING = TACIT_CLIENT_CALLS_MAX,
    TEXT_MAX = 1024
};

typedef struct {
    uint8_t public_key[32];
    uint8_t secret_key[32];
} s_keys_t;

static s_keys_t s_server_keys;
static s_keys_t s_client_keys;
static char s_raw_address[256];
static char s_rpc_address[256];

/*  --- the method ------------------------------------------------------------------------------ */

typedef struct {
    tacit_span_t text;
} s_text_t;

static const tacit_field_t s_fields[] = {
    {.name = "text",
     .number = 1,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(s_text_t, text),
     .max = TEXT_MAX},
};

static const tacit_record_t s_record = {.name = "bench.text",
                                        .size = sizeof(s_text_t),
                                        .fields = s_fields,
                                        .field_count = 1,
                                        .encoded_max = TEXT_MAX + 8};

static tacit_status_t s_echo(const void *handlers, void *self, tacit_call_t *call, const void *args,
                             void *ret_result)
{
    (void)handlers;
    (void)self;
    (void)call;
    ((s_text_t *)ret_result)->text = ((const s_text_t *)args)->text;
    return TACIT_OK;
}

static const tacit_method_t s_method = {.name = "bench.echo",
                                        .args = &s_record,
                                        .result = &s_record,
                                        .caller = TACIT_CALLER_ANYONE,
                                        .deadline_ms = 10000,
                                        .invoke = s_echo};

static const tacit_service_t s_service = {
    .name = "bench", .number = 999, .text = "", .methods = &s_method, .method_count = 1};

/*  --- servers --------------------------------------------------------------------------------- */

static int s_on_pipe(zloop_t *loop, zsock_t *pipe, void *unused)
{
    (void)loop;
    (void)pipe;
    (void)unused;
    return -1;
}

static void s_serve(zsock_t *pipe, void *unused)
{
    (void)unused;
    tacit_server_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                                    .public_key = s_server_keys.public_key,
                                    .secret_key = s_server_keys.secret_key,
                                    .zap_domain = "bench"};
    tacit_server_t *server = NULL;
    zloop_t *loop = zloop_new();
    if (tacit_server_new(&config, &server, NULL) != TACIT_OK ||
        tacit_server_add(server, &s_service, NULL, NULL) != TACIT_OK ||
        tacit_server_attach(server, loop) != TACIT_OK) {
        exit(1);
    }
    snprintf(s_rpc_address, sizeof s_rpc_address, "%s", tacit_server_endpoint(server));
    zloop_reader(loop, pipe, s_on_pipe, NULL);
    zsock_signal(pipe, 0);
    zloop_start(loop);
    tacit_server_destroy(&server);
    zloop_destroy(&loop);
}

/*  Everything that waits, back where it came from.  */
static void s_reflect(void *socket)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0) {
        (void)zmq_msg_send(&part, socket, (zmq_msg_more(&part) ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT);
    }
    zmq_msg_close(&part);
}

static void s_serve_raw(zsock_t *pipe, void *unused)
{
    (void)unused;
    tacit_endpoint_bind_t config = {.address = "tcp://127.0.0.1:*",
                                    .public_key = s_server_keys.public_key,
                                    .secret_key = s_server_keys.secret_key,
                                    .zap_domain = "bench",
                                    .frame_max = TACIT_BULK_MAX};
    tacit_endpoint_t *endpoint = NULL;
    if (tacit_endpoint_bind(&config, &endpoint, NULL) != TACIT_OK) {
        exit(1);
    }
    snprintf(s_raw_address, sizeof s_raw_address, "%s", tacit_endpoint_address(endpoint));
    zsock_signal(pipe, 0);
    zmq_pollitem_t items[] = {
        {.socket = tacit_endpoint_socket(endpoint), .events = ZMQ_POLLIN},
        {.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN},
    };
    while (!items[1].revents && zmq_poll(items, 2, -1) >= 0) {
        s_reflect(items[0].socket);
    }
    tacit_endpoint_destroy(&endpoint);
}

/*  --- clients --------------------------------------------------------------------------------- */

typedef struct {
    tacit_endpoint_t *raw;
    tacit_client_t *client;
    uint8_t text[TEXT_MAX];
    size_t size;
    uint32_t *times_ns[2]; /* of single calls: raw, rpc */
    size_t count;
} s_bench_t;

static uint64_t s_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void s_check(bool fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "tacit-bench-rpc: %s (%s)\n", what, zmq_strerror(zmq_errno()));
        _exit(1); /* CZMQ's own clean-up must not meet actors that still run */
    }
}

static void s_raw_send(const s_bench_t *bench)
{
    zmq_msg_t message;
    s_check(zmq_msg_init_size(&message, bench->size) == 0, "memory");
    memcpy(zmq_msg_data(&message), bench->text, bench->size);
    s_check(tacit_endpoint_send(bench->raw, &message, 0), "send");
}

static void s_raw_receive(const s_bench_t *bench)
{
    uint8_t reply[TEXT_MAX];
    int size = zmq_recv(tacit_endpoint_socket(bench->raw), reply, sizeof reply, 0);
    s_check(size == (int)bench->size, "receive");
}

static void s_raw_call(const s_bench_t *bench)
{
    s_raw_send(bench);
    s_raw_receive(bench);
}

static void s_rpc_call(const s_bench_t *bench)
{
    s_text_t args = {.text = tacit_span(bench->text, bench->size)};
    s_text_t result;
    s_check(tacit_client_call(bench->client, &s_method, &args, tacit_span(NULL, 0), 0, &result,
                              NULL, NULL) == TACIT_OK &&
                result.text.size == bench->size,
            "call");
}

static void s_rpc_start(const s_bench_t *bench)
{
    s_text_t args = {.text = tacit_span(bench->text, bench->size)};
    uint64_t call = 0;
    s_check(tacit_client_start(bench->client, &s_method, &args, tacit_span(NULL, 0), 0, &call,
                               NULL) == TACIT_OK,
            "start");
}

static void s_rpc_next(const s_bench_t *bench)
{
    tacit_reply_t reply;
    s_check(tacit_client_next(bench->client, 10000, &reply, NULL) == TACIT_OK &&
                reply.status == TACIT_OK,
            "next");
}

static void s_latency_round(s_bench_t *bench, size_t kind, size_t from)
{
    for (size_t i = from; i < from + ROUND && i < bench->count; i++) {
        uint64_t start = s_now_ns();
        kind == 0 ? s_raw_call(bench) : s_rpc_call(bench);
        bench->times_ns[kind][i] = (uint32_t)(s_now_ns() - start);
    }
}

static int s_compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a;
    uint32_t other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static double s_median_us(const s_bench_t *bench, size_t kind)
{
    qsort(bench->times_ns[kind], bench->count, sizeof(uint32_t), s_compare);
    size_t middle = bench->count / 2;
    return bench->times_ns[kind][middle] / 1000.0;
}

static void s_latency(s_bench_t *bench)
{
    for (size_t i = 0; i < bench->count; i += ROUND) {
        s_latency_round(bench, 0, i);
        s_latency_round(bench, 1, i);
    }
    double raw = s_median_us(bench, 0);
    double rpc = s_median_us(bench, 1);
    printf("latency %zu B: raw CURVE p50 %.1f us, tacit p50 %.1f us, ratio %.2f\n", bench->size,
           raw, rpc, rpc / raw);
}

/*  ns for so many calls with OUTSTANDING of them under way.  */
static uint64_t s_flood(const s_bench_t *bench, void (*start)(const s_bench_t *),
                        void (*next)(const s_bench_t *))
{
    uint64_t began = s_now_ns();
    for (size_t i = 0; i < OUTSTANDING; i++) {
        start(bench);
    }
    for (size_t i = OUTSTANDING; i < bench->count; i++) {
        next(bench);
        start(bench);
    }
    for (size_t i = 0; i < OUTSTANDING; i++) {
        next(bench);
    }
    return s_now_ns() - began;
}

static void s_throughput(s_bench_t *bench)
{
    double raw = 0;
    double rpc = 0;
    for (size_t i = 0; i < 5; i++) {
        double raw_now =
            (double)bench->count * 1e9 / (double)s_flood(bench, s_raw_send, s_raw_receive);
        double rpc_now =
            (double)bench->count * 1e9 / (double)s_flood(bench, s_rpc_start, s_rpc_next);
        raw = raw_now > raw ? raw_now : raw;
        rpc = rpc_now > rpc ? rpc_now : rpc;
    }
    printf("throughput %zu B x %d: raw CURVE %.0f calls/s, tacit %.0f calls/s, ratio %.2f\n",
           bench->size, (int)OUTSTANDING, raw, rpc, rpc / raw);
}

static void s_connect(s_bench_t *bench)
{
    tacit_endpoint_connect_t raw = {.address = s_raw_address,
                                    .server_key = s_server_keys.public_key,
                                    .public_key = s_client_keys.public_key,
                                    .secret_key = s_client_keys.secret_key,
                                    .connect_ms = 5000};
    tacit_client_config_t client = {.endpoint = s_rpc_address,
                                    .server_key = s_server_keys.public_key,
                                    .public_key = s_client_keys.public_key,
                                    .secret_key = s_client_keys.secret_key,
                                    .coalesce = true};
    tacit_link_event_t event;
    s_check(tacit_endpoint_connect(&raw, &bench->raw, NULL) == TACIT_OK &&
                tacit_client_new(&client, &bench->client, NULL) == TACIT_OK,
            "connect");
    while (!tacit_endpoint_event(bench->raw, &event)) {
        tacit_endpoint_wait(bench->raw, 100);
    }
    s_check(event.link == TACIT_LINK_UP, "raw connection");
}

static bool s_wants_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

int main(int argc, char **argv)
{
    if (s_wants_help(argc, argv)) {
        puts(
            "usage: tacit-bench-rpc [CALLS]\n\n"
            "Unary calls beside raw libzmq under CURVE, in turns: p50, and calls a second with 64\n"
            "outstanding. CALLS is 64 to 10000000 of each kind and size, by default 20000.");
        return 0;
    }
    s_bench_t bench = {.count = argc > 1 ? strtoul(argv[1], NULL, 10) : CALLS_DEFAULT};
    s_check(argc <= 2 && bench.count >= OUTSTANDING && bench.count <= CALLS_MAX,
            "usage: tacit-bench-rpc [CALLS], 64 or more");
    s_check(sodium_init() >= 0, "libsodium");
    crypto_box_keypair(s_server_keys.public_key, s_server_keys.secret_key);
    crypto_box_keypair(s_client_keys.public_key, s_client_keys.secret_key);
    for (size_t i = 0; i < 2; i++) {
        bench.times_ns[i] = calloc(bench.count, sizeof(uint32_t));
        s_check(bench.times_ns[i] != NULL, "memory");
    }
    zactor_t *raw = zactor_new(s_serve_raw, NULL);
    zactor_t *rpc = zactor_new(s_serve, NULL);
    s_connect(&bench);
    static const size_t sizes[] = {32, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bench.size = sizes[i];
        s_latency(&bench);
        s_throughput(&bench);
    }
    tacit_client_destroy(&bench.client);
    tacit_endpoint_destroy(&bench.raw);
    zactor_destroy(&raw);
    zactor_destroy(&rpc);
    free(bench.times_ns[0]);
    free(bench.times_ns[1]);
    return 0;
}
