/*  stream_test.c - streams: their frames, their rules at every limit, and both ends over CURVE
    with readers and callers of every kind.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "idl/flow.h"
#include "rpc/call_stream.h"
#include "rpc/client_internal.h"
#include "rpc/client_stream.h"
#include "rpc/stream.h"
#include "tests/unit/echo_service.h"

/*  --- frames ---------------------------------------------------------------------------------- */

static void frames_are_read_as_written(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, 127, 128, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        uint8_t bytes[TACIT_STREAM_FRAME_MAX];
        tacit_stream_frame_t frame = {numbers[i], TACIT_STREAM_CREDIT, numbers[4 - i]};
        tacit_stream_frame_t again;
        size_t size = tacit_stream_frame_write(&frame, bytes);
        assert_true(size <= sizeof bytes);
        assert_int_equal(tacit_stream_frame_parse(tacit_span(bytes, size), &again), TACIT_OK);
        assert_true(again.msgid == frame.msgid && again.number == frame.number);
        assert_int_equal(again.event, TACIT_STREAM_CREDIT);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(tacit_stream_frame_parse(tacit_span(bytes, cut), &again),
                             TACIT_MALFORMED);
        }
    }
}

static void frames_of_another_form_are_none(void **state)
{
    (void)state;
    const uint8_t bad[][5] = {{0x94, 1, 1, 1, 0}, {0x94, 2, 1, 0, 0},    {0x94, 2, 1, 5, 0},
                              {0x93, 2, 1, 1, 0}, {0x94, 2, 0xff, 1, 0}, {0x93, 2, 1, 1}};
    tacit_stream_frame_t frame;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tacit_stream_frame_parse(tacit_span(bad[i], 5), &frame), TACIT_MALFORMED);
    }
    const uint8_t more[] = {0x94, 2, 1, 1, 0, 0};
    assert_int_equal(tacit_stream_frame_parse(tacit_span(more, 6), &frame), TACIT_MALFORMED);
}

/*  --- rules ----------------------------------------------------------------------------------- */

static const tacit_stream_bounds_t s_bounds = {.chunk_max = 10, .total_max = 100};
static const tacit_stream_bounds_t s_nothing = {.chunk_max = 0};

static tacit_status_t s_give(tacit_stream_t *stream, tacit_stream_event_t event, uint64_t number,
                             size_t size)
{
    zmq_msg_t bulk;
    tacit_stream_frame_t frame = {1, event, number};
    zmq_msg_init_size(&bulk, size);
    memset(zmq_msg_data(&bulk), 7, size);
    tacit_status_t status =
        tacit_stream_take(stream, &frame, &bulk, event == TACIT_STREAM_CHUNK, 5);
    zmq_msg_close(&bulk);
    return status;
}

static void s_assert_refused(tacit_stream_event_t event, uint64_t number, size_t size)
{
    tacit_stream_t *stream = tacit_stream_new(&s_bounds, &s_bounds, 0);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 0, 10), TACIT_OK);
    assert_int_equal(s_give(stream, event, number, size), TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&stream);
}

static void chunks_out_of_order_or_bounds_are_refused(void **state)
{
    (void)state;
    s_assert_refused(TACIT_STREAM_CHUNK, 0, 1);
    s_assert_refused(TACIT_STREAM_CHUNK, 2, 1);
    s_assert_refused(TACIT_STREAM_CHUNK, 1, 0);
    s_assert_refused(TACIT_STREAM_CHUNK, 1, 11);
    s_assert_refused(TACIT_STREAM_END, 0, 0);
    s_assert_refused(TACIT_STREAM_END, 2, 0);
    s_assert_refused(TACIT_STREAM_CANCEL, 1, 0);
}

static void credit_only_grows_by_no_more_than_a_window(void **state)
{
    (void)state;
    s_assert_refused(TACIT_STREAM_CREDIT, 0, 0);
    s_assert_refused(TACIT_STREAM_CREDIT, TACIT_STREAM_WINDOW, 0);
    s_assert_refused(TACIT_STREAM_CREDIT, TACIT_STREAM_WINDOW + 1, 0); /* nothing was sent */
    s_assert_refused(TACIT_STREAM_CREDIT, UINT64_MAX, 0);
    tacit_stream_t *stream = tacit_stream_new(&s_nothing, &s_bounds, 0);
    for (size_t i = 0; i < TACIT_STREAM_WINDOW; i++) {
        assert_int_equal(tacit_stream_may_send(stream, 10), TACIT_OK);
        tacit_stream_sent(stream, 10, 0);
    }
    assert_int_equal(tacit_stream_may_send(stream, 10), TACIT_PENDING);
    assert_int_equal(s_give(stream, TACIT_STREAM_CREDIT, 2 * TACIT_STREAM_WINDOW, 0), TACIT_OK);
    assert_int_equal(tacit_stream_may_send(stream, 10), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CREDIT, 2 * TACIT_STREAM_WINDOW + 1, 0),
                     TACIT_PROTOCOL_ERROR);
    tacit_stream_destroy(&stream);
}

static void a_sender_beyond_its_credit_is_refused(void **state)
{
    (void)state;
    tacit_stream_t *stream = tacit_stream_new(&s_bounds, &s_nothing, 0);
    tacit_span_t chunk;
    uint64_t granted = 0;
    for (uint64_t i = 0; i < TACIT_STREAM_WINDOW; i++) {
        assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, i, 1), TACIT_OK);
    }
    assert_false(tacit_stream_credit_due(stream, &granted));
    /*  Read, but credit was not sent: still beyond.  */
    for (size_t i = 0; i < TACIT_STREAM_WINDOW / 2; i++) {
        assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    }
    assert_true(tacit_stream_credit_due(stream, &granted));
    assert_int_equal(granted, TACIT_STREAM_WINDOW + TACIT_STREAM_WINDOW / 2);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, TACIT_STREAM_WINDOW, 1),
                     TACIT_PROTOCOL_ERROR);
    tacit_stream_credit_sent(stream, granted);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, TACIT_STREAM_WINDOW, 1), TACIT_OK);
    tacit_stream_destroy(&stream);
}

static void the_total_is_bounded_and_the_end_is_once(void **state)
{
    (void)state;
    const tacit_stream_bounds_t bounds = {.chunk_max = 10, .total_max = 15};
    tacit_stream_t *stream = tacit_stream_new(&bounds, &bounds, 0);
    tacit_span_t chunk;
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 0, 10), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 1, 6), TACIT_PROTOCOL_ERROR);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 1, 5), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_END, 2, 0), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_END, 2, 0), TACIT_PROTOCOL_ERROR);
    assert_int_equal(s_give(stream, TACIT_STREAM_CHUNK, 2, 1), TACIT_PROTOCOL_ERROR);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_int_equal(chunk.size, 10);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_int_equal(tacit_stream_read(stream, &chunk), TACIT_OK);
    assert_null(chunk.data);
    assert_int_equal(tacit_stream_may_send(stream, 0), TACIT_BAD_INPUT);
    assert_int_equal(tacit_stream_may_send(stream, 11), TACIT_TOO_LARGE);
    tacit_stream_sent(stream, 10, 0);
    assert_int_equal(tacit_stream_may_send(stream, 6), TACIT_TOO_LARGE);
    assert_int_equal(tacit_stream_may_send(stream, 5), TACIT_OK);
    assert_int_equal(s_give(stream, TACIT_STREAM_CANCEL, 0, 0), TACIT_INTERRUPTED);
    tacit_stream_destroy(&stream);
}

/*  --- the service ----------------------------------------------------------------------------- */

typedef struct {
    echo_keys_t keys;
    char endpoint[128];
    zactor_t *actor;
    tacit_party_t party;
    bool bound;  /* clients bind sessions, so that large chunks go by a lane */
    _Atomic size_t open; /* of flow_t, counted by the actor */
} service_t;

typedef struct {
    service_t *service;
    bool sleeper, fails;
    uint64_t left, size, chunks, bytes;
} flow_t;

static void s_close(flow_t *flow, tacit_call_t *call, tacit_status_t status, const void *result)
{
    tacit_call_finish(&call, status, result);
    flow->service->open--;
    free(flow);
}

static void s_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static void s_push_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_span_t chunk;
    if (!tacit_call_alive(call)) {
        s_close(flow, call, TACIT_INTERRUPTED, NULL);
        return;
    }
    while (!flow->sleeper && tacit_call_receive(call, &chunk) == TACIT_OK) {
        if (!chunk.data) {
            tacit_flow_push_result_t result = {.chunks = flow->chunks, .bytes = flow->bytes};
            s_close(flow, call, TACIT_OK, &result);
            return;
        }
        flow->chunks++;
        flow->bytes += chunk.size;
    }
}

static void s_pull_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (status == TACIT_OK && flow->chunks < flow->left) {
        uint8_t *chunk = malloc(flow->size);
        memset(chunk, (int)flow->chunks, flow->size);
        status = tacit_call_send(call, chunk, flow->size, s_free, NULL);
        if (status != TACIT_OK && status != TACIT_UNREACHABLE) {
            free(chunk);
        }
        flow->chunks += status == TACIT_OK;
    }
    if (status != TACIT_PENDING) {
        tacit_flow_pull_result_t result = {.chunks = flow->chunks};
        s_close(flow, call, flow->fails ? TACIT_CORRUPT : status, &result);
    }
}

/*  Its caller reads as fast as it sends: where there is no credit for an answer, it is BUSY.  */
static void s_echo_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_span_t chunk;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (status == TACIT_OK) {
        status = tacit_call_receive(call, &chunk);
        if (status == TACIT_OK && !chunk.data) {
            tacit_flow_echo_result_t result = {.chunks = flow->chunks};
            s_close(flow, call, TACIT_OK, &result);
            return;
        }
        if (status == TACIT_OK) {
            status = tacit_call_send(call, (void *)chunk.data, chunk.size, NULL, NULL);
            flow->chunks += status == TACIT_OK;
            status = status == TACIT_PENDING ? TACIT_BUSY : status;
        }
    }
    if (status != TACIT_PENDING) {
        s_close(flow, call, status, NULL);
    }
}

static tacit_status_t s_begin(service_t *service, tacit_call_t *call, const flow_t *with,
                              void (*ready)(void *self, tacit_call_t *call))
{
    flow_t *flow = malloc(sizeof *flow);
    *flow = *with;
    flow->service = service;
    service->open++;
    assert_int_equal(tacit_call_on_stream(call, ready, flow), TACIT_OK);
    return TACIT_PENDING;
}

static tacit_status_t s_push(void *self, tacit_call_t *call, const tacit_flow_push_args_t *args,
                             tacit_flow_push_result_t *ret_result)
{
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.sleeper = args->sleeper}, s_push_ready);
}

static tacit_status_t s_brief(void *self, tacit_call_t *call, const tacit_flow_brief_args_t *args,
                              tacit_flow_brief_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.sleeper = true}, s_push_ready);
}

static tacit_status_t s_pull(void *self, tacit_call_t *call, const tacit_flow_pull_args_t *args,
                             tacit_flow_pull_result_t *ret_result)
{
    (void)ret_result;
    flow_t flow = {.left = args->chunks, .size = args->size, .fails = args->fails};
    return s_begin(self, call, &flow, s_pull_ready);
}

static tacit_status_t s_echo(void *self, tacit_call_t *call, const tacit_flow_echo_args_t *args,
                             tacit_flow_echo_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.chunks = 0}, s_echo_ready);
}

static tacit_status_t s_plain(void *self, tacit_call_t *call, const tacit_flow_plain_args_t *args,
                              tacit_flow_plain_result_t *ret_result)
{
    (void)args;
    ret_result->streams = (uint32_t)((service_t *)self)->open;
    return tacit_call_on_stream(call, s_push_ready, NULL) == TACIT_BAD_INPUT ? TACIT_OK
                                                                             : TACIT_INTERNAL;
}

static const tacit_flow_handlers_t s_handlers = {
    .push = s_push, .pull = s_pull, .echo = s_echo, .brief = s_brief, .plain = s_plain};

static int s_on_pipe(zloop_t *loop, zsock_t *pipe, void *unused)
{
    (void)loop;
    (void)unused;
    char *command = zstr_recv(pipe);
    zstr_free(&command);
    return -1;
}

static void s_actor(zsock_t *pipe, void *argument)
{
    service_t *self = argument;
    tacit_server_t *server = NULL;
    zloop_t *loop = zloop_new();
    zloop_set_nonstop(loop, true);
    tacit_server_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                                    .public_key = self->keys.public_key,
                                    .secret_key = self->keys.secret_key,
                                    .zap_domain = "test.flow",
                                    .party = &self->party};
    assert_int_equal(tacit_server_new(&config, &server, NULL), TACIT_OK);
    assert_int_equal(tacit_server_add(server, &tacit_flow_service, &s_handlers, self), TACIT_OK);
    assert_int_equal(tacit_server_attach(server, loop), TACIT_OK);
    snprintf(self->endpoint, sizeof self->endpoint, "%s", tacit_server_endpoint(server));
    zloop_reader(loop, pipe, s_on_pipe, NULL);
    zsock_signal(pipe, 0);
    zloop_start(loop);
    zloop_destroy(&loop);
    tacit_server_destroy(&server);
}

static service_t s_service;

static int s_setup(void **state)
{
    (void)state;
    echo_make_keys(&s_service.keys);
    s_service.party =
        (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = s_service.keys.public_key};
    s_service.actor = zactor_new(s_actor, &s_service);
    return s_service.actor ? 0 : -1;
}

static int s_setup_bound(void **state)
{
    s_service.bound = true;
    return s_setup(state);
}

static int s_teardown(void **state)
{
    (void)state;
    zactor_destroy(&s_service.actor);
    assert_int_equal(s_service.open, 0); /* every stream was let go of */
    return 0;
}

static tacit_client_t *s_connect(void)
{
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_t *client = NULL;
    tacit_client_config_t config = {.endpoint = s_service.endpoint,
                                    .server_key = s_service.keys.public_key,
                                    .public_key = keys.public_key,
                                    .secret_key = keys.secret_key,
                                    .peer_role = TACIT_ROLE_MESH};
    const tacit_party_t party = {.role = TACIT_ROLE_USER, .curve_public = keys.public_key};
    config.party = s_service.bound ? &party : NULL;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    return client;
}

static uint64_t s_start(tacit_client_t *client, const tacit_method_t *method, const void *args)
{
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, method, args, tacit_span(NULL, 0), 0, &call, NULL),
                     TACIT_OK);
    return call;
}

static uint32_t s_streams(tacit_client_t *client)
{
    tacit_flow_plain_args_t args = {0};
    tacit_flow_plain_result_t result;
    assert_int_equal(tacit_flow_plain_call(client, &args, &result, NULL), TACIT_OK);
    return result.streams;
}

static void s_await_no_streams(tacit_client_t *client)
{
    for (int i = 0; i < 60 && s_streams(client) > 0; i++) {
        zclock_sleep(50);
    }
    assert_int_equal(s_streams(client), 0);
}

/*  --- both ends ------------------------------------------------------------------------------- */

static void pushes_up_to_the_bounds_and_no_further(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_push_args_t args = {.sleeper = false};
    uint8_t bytes[1001] = {0};
    tacit_reply_t reply;
    uint64_t call = s_start(client, &tacit_flow_push, &args);
    assert_int_equal(tacit_client_send(client, call, bytes, 1001, NULL, NULL, NULL),
                     TACIT_TOO_LARGE);
    assert_int_equal(tacit_client_send(client, call, bytes, 0, NULL, NULL, NULL), TACIT_BAD_INPUT);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(tacit_client_send(client, call, bytes, 1000, NULL, NULL, NULL), TACIT_OK);
    }
    assert_int_equal(tacit_client_send(client, call, bytes, 1, NULL, NULL, NULL), TACIT_TOO_LARGE);
    assert_int_equal(tacit_client_end(client, call, NULL), TACIT_OK);
    assert_int_equal(tacit_client_end(client, call, NULL), TACIT_BAD_INPUT);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_OK);
    assert_int_equal(((tacit_flow_push_result_t *)reply.result)->chunks, 20);
    assert_int_equal(((tacit_flow_push_result_t *)reply.result)->bytes, 20000);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_BAD_INPUT);
    tacit_client_destroy(&client);
}

static void pulls_in_order_and_ends_once(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_pull_args_t args = {.chunks = 100, .size = TACIT_STREAM_CHUNK_MAX};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = s_start(client, &tacit_flow_pull, &args);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
        assert_int_equal(chunk.size, TACIT_STREAM_CHUNK_MAX);
        assert_int_equal(chunk.data[chunk.size - 1], i);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
        assert_null(chunk.data);
    }
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(((tacit_flow_pull_result_t *)reply.result)->chunks, 100);
    tacit_client_destroy(&client);
}

static void an_error_ends_both_streams_after_what_was_sent(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_pull_args_t args = {.chunks = 3, .size = 10, .fails = true};
    tacit_span_t chunk;
    tacit_reply_t reply;
    tacit_error_t error;
    uint64_t call = s_start(client, &tacit_flow_pull, &args);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    }
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, &error), TACIT_CORRUPT);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_CORRUPT);
    assert_null(reply.result);
    tacit_client_destroy(&client);
}

/*  1 MiB there and back, chunk by chunk.  */
static void streams_both_ways_at_once(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = s_start(client, &tacit_flow_echo, &args);
    for (int i = 0; i < 64; i++) {
        uint8_t *bytes = malloc(16384);
        memset(bytes, i, 16384);
        assert_int_equal(tacit_client_send(client, call, bytes, 16384, s_free, NULL, NULL),
                         TACIT_OK);
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
        assert_true(chunk.size == 16384 && chunk.data[0] == i && chunk.data[16383] == i);
    }
    assert_int_equal(tacit_client_end(client, call, NULL), TACIT_OK);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(((tacit_flow_echo_result_t *)reply.result)->chunks, 64);
    tacit_client_destroy(&client);
}

/*  The endless sender is stopped by credit; others are served meanwhile.  */
static void a_reader_that_stands_still_holds_nobody_up(void **state)
{
    (void)state;
    tacit_client_t *slow = s_connect();
    tacit_client_t *other = s_connect();
    tacit_flow_pull_args_t endless = {.chunks = UINT32_MAX, .size = TACIT_STREAM_CHUNK_MAX};
    for (int i = 0; i < TACIT_STREAMS_PER_CONNECTION_MAX; i++) {
        (void)s_start(slow, &tacit_flow_pull, &endless);
    }
    uint64_t one_more = s_start(slow, &tacit_flow_pull, &endless);
    tacit_reply_t reply;
    assert_int_equal(tacit_client_finish(slow, one_more, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_BUSY);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(s_streams(other), TACIT_STREAMS_PER_CONNECTION_MAX);
    }
    assert_int_equal(s_streams(slow), TACIT_STREAMS_PER_CONNECTION_MAX);
    tacit_client_destroy(&slow); /* vanishes in the middle of them */
    s_await_no_streams(other);
    tacit_client_destroy(&other);
}

static void a_cancelled_call_lets_its_handler_go(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_pull_args_t endless = {.chunks = UINT32_MAX, .size = 1000};
    uint64_t call = s_start(client, &tacit_flow_pull, &endless);
    tacit_span_t chunk;
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    tacit_client_cancel(client, call);
    assert_int_equal(tacit_client_receive(client, call, 0, &chunk, NULL), TACIT_BAD_INPUT);
    /*  What was handed over is freed although it goes nowhere.  */
    assert_int_equal(tacit_client_send(client, call, malloc(1), 1, s_free, NULL, NULL),
                     TACIT_BAD_INPUT);
    s_await_no_streams(client);
    tacit_client_destroy(&client);
}

static void a_deadline_ends_a_stream_at_both_ends(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_brief_args_t args = {0};
    uint64_t call = s_start(client, &tacit_flow_brief, &args);
    uint8_t byte = 1;
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i <= TACIT_STREAM_WINDOW && status == TACIT_OK; i++) {
        status = tacit_client_send(client, call, &byte, 1, NULL, NULL, NULL);
        assert_true(i < TACIT_STREAM_WINDOW ? status == TACIT_OK : status != TACIT_OK);
    }
    assert_int_equal(status, TACIT_DEADLINE_EXCEEDED);
    tacit_client_cancel(client, call);
    s_await_no_streams(client);
    tacit_client_destroy(&client);
}

static void nothing_yet_is_pending_and_a_call_that_waits_is_refused(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_echo_args_t args = {0};
    tacit_span_t chunk;
    uint64_t call = s_start(client, &tacit_flow_echo, &args);
    assert_int_equal(tacit_client_receive(client, call, 20, &chunk, NULL), TACIT_PENDING);
    assert_int_equal(tacit_client_call(client, &tacit_flow_echo, &args, chunk, 0, NULL, NULL, NULL),
                     TACIT_BAD_INPUT);
    tacit_client_cancel(client, call);
    s_await_no_streams(client);
    tacit_client_destroy(&client);
}

/*  --- by a lane ------------------------------------------------------------------------------- */

enum { LANE_CHUNKS = 60 };

static size_t s_size_of(uint64_t number)
{
    static const size_t sizes[] = {TACIT_STREAM_CHUNK_MAX, 1, TACIT_LANE_BULK_MIN,
                                   TACIT_LANE_BULK_MIN - 1, 100000};
    return sizes[number % 5];
}

static void s_fill_chunk(uint8_t *bytes, uint64_t number)
{
    for (size_t i = 0; i < s_size_of(number); i++) {
        bytes[i] = (uint8_t)(number + i * 13 + i / 256);
    }
}

/*  Small chunks over CURVE and large ones by the lane stay in one order.  */
static void keeps_the_order_of_chunks_that_take_either_way(void **state)
{
    (void)state;
    static uint8_t bytes[TACIT_STREAM_CHUNK_MAX];
    tacit_client_t *client = s_connect();
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = s_start(client, &tacit_flow_echo, &args);
    uint64_t received = 0;
    for (uint64_t i = 0; i < LANE_CHUNKS || received < LANE_CHUNKS;) {
        if (i < LANE_CHUNKS && i < received + 4) {
            s_fill_chunk(bytes, i);
            assert_int_equal(tacit_client_send(client, call, bytes, s_size_of(i), NULL, NULL, NULL),
                             TACIT_OK);
            memset(bytes, 0xee, sizeof bytes); /* it was sealed or copied */
            if (++i == LANE_CHUNKS) {
                assert_int_equal(tacit_client_end(client, call, NULL), TACIT_OK);
            }
            continue;
        }
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
        s_fill_chunk(bytes, received);
        assert_int_equal(chunk.size, s_size_of(received));
        assert_memory_equal(chunk.data, bytes, chunk.size);
        received++;
    }
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    assert_null(chunk.data);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(((tacit_flow_echo_result_t *)reply.result)->chunks, LANE_CHUNKS);
    assert_int_equal(client->lane.sent, LANE_CHUNKS / 5 * 3);
    assert_int_equal(client->lane.received, LANE_CHUNKS / 5 * 3);
    tacit_client_destroy(&client);
}

/*  The answer is there before the last chunks are.  */
static void gives_all_chunks_before_a_reply_that_overtook_them(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_pull_args_t args = {.chunks = 8, .size = TACIT_STREAM_CHUNK_MAX};
    tacit_reply_t reply;
    tacit_span_t chunk;
    for (int round = 0; round < 5; round++) {
        uint64_t call = s_start(client, &tacit_flow_pull, &args);
        for (uint8_t i = 0; i < 8; i++) {
            assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
            assert_true(chunk.size == TACIT_STREAM_CHUNK_MAX && chunk.data[0] == i &&
                        chunk.data[chunk.size - 1] == i);
        }
        assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
        assert_null(chunk.data);
        assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    assert_int_equal(client->lane.received, 40);
    tacit_client_destroy(&client);
}

/*  Both ends of it: what was announced never comes, and the next stream goes over CURVE.  */
static void ends_streams_with_a_lane_that_is_cut(void **state)
{
    (void)state;
    static uint8_t bytes[TACIT_STREAM_CHUNK_MAX];
    tacit_client_t *client = s_connect();
    tacit_client_t *other = s_connect();
    tacit_flow_echo_args_t args = {0};
    tacit_error_t error;
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = s_start(client, &tacit_flow_echo, &args);
    tacit_lane_ticket_t ticket;
    assert_true(tacit_lane_sender_offer(client->lane.sender, sizeof bytes, &ticket));
    /*  Announced, and then the lane is closed before a byte of it goes.  */
    tacit_slot_t *slot = tacit_outstanding_find(&client->calls, call);
    const tacit_stream_frame_t frame = {.msgid = call, .event = TACIT_STREAM_CHUNK};
    uint8_t head[TACIT_STREAM_FRAME_MAX];
    zmq_msg_t message;
    size_t size = tacit_stream_frame_write(&frame, head);
    void *socket = tacit_client_socket(client);
    assert_true(slot && zmq_send(socket, head, size, ZMQ_SNDMORE) == (int)size);
    assert_int_equal(zmq_send(socket, "", 0, ZMQ_SNDMORE), 0);
    tacit_lane_ticket_message(&ticket, &message);
    assert_true(zmq_msg_send(&message, socket, 0) > 0);
    assert_int_equal(s_streams(other), 1);
    tacit_client_lane_end(client, "the test cuts it");
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, &error), TACIT_INTERRUPTED);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_INTERRUPTED);
    s_await_no_streams(other);

    call = s_start(client, &tacit_flow_echo, &args);
    assert_int_equal(tacit_client_send(client, call, bytes, sizeof bytes, NULL, NULL, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    assert_int_equal(chunk.size, sizeof bytes);
    assert_null(tacit_client_lane_socket(client));
    tacit_client_cancel(client, call);
    tacit_client_destroy(&client);
    tacit_client_destroy(&other);
}

/*  A ticket larger than a chunk may be ends the call before its bytes are waited for.  */
static void refuses_a_ticket_beyond_a_chunks_bound(void **state)
{
    (void)state;
    tacit_client_t *client = s_connect();
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    uint64_t call = s_start(client, &tacit_flow_echo, &args);
    tacit_lane_ticket_t ticket;
    assert_true(tacit_lane_sender_offer(client->lane.sender, TACIT_STREAM_CHUNK_MAX + 1, &ticket));
    const tacit_stream_frame_t frame = {.msgid = call, .event = TACIT_STREAM_CHUNK};
    uint8_t head[TACIT_STREAM_FRAME_MAX];
    zmq_msg_t message;
    size_t size = tacit_stream_frame_write(&frame, head);
    void *socket = tacit_client_socket(client);
    assert_int_equal(zmq_send(socket, head, size, ZMQ_SNDMORE), (int)size);
    assert_int_equal(zmq_send(socket, "", 0, ZMQ_SNDMORE), 0);
    tacit_lane_ticket_message(&ticket, &message);
    assert_true(zmq_msg_send(&message, socket, 0) > 0);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_PROTOCOL_ERROR);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest bound[] = {
        cmocka_unit_test(pushes_up_to_the_bounds_and_no_further),
        cmocka_unit_test(pulls_in_order_and_ends_once),
        cmocka_unit_test(an_error_ends_both_streams_after_what_was_sent),
        cmocka_unit_test(streams_both_ways_at_once),
        cmocka_unit_test(a_reader_that_stands_still_holds_nobody_up),
        cmocka_unit_test(a_cancelled_call_lets_its_handler_go),
        cmocka_unit_test(keeps_the_order_of_chunks_that_take_either_way),
        cmocka_unit_test(gives_all_chunks_before_a_reply_that_overtook_them),
        cmocka_unit_test(ends_streams_with_a_lane_that_is_cut),
        cmocka_unit_test(refuses_a_ticket_beyond_a_chunks_bound),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_as_written),
        cmocka_unit_test(frames_of_another_form_are_none),
        cmocka_unit_test(chunks_out_of_order_or_bounds_are_refused),
        cmocka_unit_test(credit_only_grows_by_no_more_than_a_window),
        cmocka_unit_test(a_sender_beyond_its_credit_is_refused),
        cmocka_unit_test(the_total_is_bounded_and_the_end_is_once),
        cmocka_unit_test(pushes_up_to_the_bounds_and_no_further),
        cmocka_unit_test(pulls_in_order_and_ends_once),
        cmocka_unit_test(an_error_ends_both_streams_after_what_was_sent),
        cmocka_unit_test(streams_both_ways_at_once),
        cmocka_unit_test(a_reader_that_stands_still_holds_nobody_up),
        cmocka_unit_test(a_cancelled_call_lets_its_handler_go),
        cmocka_unit_test(a_deadline_ends_a_stream_at_both_ends),
        cmocka_unit_test(nothing_yet_is_pending_and_a_call_that_waits_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, s_setup, s_teardown);
    return failed + cmocka_run_group_tests_name("by a lane", bound, s_setup_bound, s_teardown);
}
