/*  stream_hostile_test.c - callers that break the rules of streams on purpose, stand still, or are
    too many; and a service that ends in the middle. A broken rule ends that call only.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/endpoint.h"
#include "rpc/stream.h"
#include "tests/unit/flow_service.h"

static flow_service_t s_service;

static int s_setup(void **state)
{
    (void)state;
    flow_start(&s_service);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    flow_stop(&s_service);
    return 0;
}

/*  --- frames of our own ----------------------------------------------------------------------- */

static tacit_endpoint_t *s_dial(void)
{
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_endpoint_connect_t config = {.address = s_service.endpoint,
                                       .server_key = s_service.keys.public_key,
                                       .public_key = keys.public_key,
                                       .secret_key = keys.secret_key,
                                       .connect_ms = 5000};
    tacit_endpoint_t *endpoint = NULL;
    tacit_link_event_t event;
    assert_int_equal(tacit_endpoint_connect(&config, &endpoint, NULL), TACIT_OK);
    while (!tacit_endpoint_event(endpoint, &event)) {
        tacit_endpoint_wait(endpoint, 100);
    }
    assert_int_equal(event.link, TACIT_LINK_UP);
    return endpoint;
}

/*  At once or after a while; with bulk where its size is not 0.  */
static void s_send(tacit_endpoint_t *endpoint, const void *bytes, size_t size, size_t bulk)
{
    void *socket = tacit_endpoint_socket(endpoint);
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&item, 1, 5000), 1);
    assert_int_equal(zmq_send(socket, bytes, size, bulk ? ZMQ_SNDMORE : 0), size);
    if (bulk) {
        zmq_msg_t chunk;
        assert_int_equal(zmq_msg_init_size(&chunk, bulk), 0);
        memset(zmq_msg_data(&chunk), 3, bulk);
        assert_int_equal(zmq_msg_send(&chunk, socket, 0), bulk);
    }
}

static void s_open(tacit_endpoint_t *endpoint, uint64_t msgid, const tacit_method_t *method,
                   const void *args)
{
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    assert_int_equal(tacit_frame_request_begin(&buffer, msgid, method->name), TACIT_OK);
    assert_int_equal(tacit_codec_encode(method->args, args, NULL, &buffer, NULL), TACIT_OK);
    assert_int_equal(tacit_frame_request_end(&buffer, NULL), TACIT_OK);
    s_send(endpoint, buffer.data, buffer.size, 0);
    tacit_buffer_free(&buffer);
}

static void s_open_push(tacit_endpoint_t *endpoint, uint64_t msgid)
{
    tacit_flow_push_args_t args = {.sleeper = true};
    s_open(endpoint, msgid, &tacit_flow_push, &args);
}

static void s_note(tacit_endpoint_t *endpoint, uint64_t msgid, tacit_stream_event_t event,
                   uint64_t number, size_t bulk)
{
    tacit_stream_frame_t frame = {msgid, event, number};
    uint8_t bytes[TACIT_STREAM_FRAME_MAX];
    size_t size = tacit_stream_frame_write(&frame, bytes);
    s_send(endpoint, bytes, size, bulk);
}

/*  The code of the next reply, which is that call's; PENDING where none comes in time.  */
static tacit_status_t s_reply(tacit_endpoint_t *endpoint, uint64_t msgid, int timeout_ms)
{
    void *socket = tacit_endpoint_socket(endpoint);
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    tacit_frame_reply_t reply;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    tacit_status_t status = TACIT_PENDING;
    while (status == TACIT_PENDING && zmq_poll(&item, 1, timeout_ms) > 0) {
        assert_true(zmq_msg_recv(&frame, socket, 0) >= 0);
        tacit_span_t bytes = tacit_span(zmq_msg_data(&frame), zmq_msg_size(&frame));
        bool is_reply = tacit_frame_parse_reply(bytes, &reply, NULL) == TACIT_OK;
        if (is_reply) {
            assert_int_equal(reply.msgid, msgid);
            status = reply.failed ? reply.error.code : TACIT_OK;
        }
        while (zmq_msg_more(&frame)) {
            assert_true(zmq_msg_recv(&frame, socket, 0) >= 0);
        }
    }
    zmq_msg_close(&frame);
    return status;
}

static void s_assert_served(void)
{
    tacit_client_t *client = flow_connect(&s_service);
    flow_await_none(client);
    tacit_client_destroy(&client);
}

/*  --- broken rules ---------------------------------------------------------------------------- */

typedef struct {
    tacit_stream_event_t event;
    uint64_t number;
    size_t bulk;
    uint64_t before; /* good chunks before it */
} s_break_t;

static void each_broken_rule_ends_its_call_only(void **state)
{
    (void)state;
    static const s_break_t breaks[] = {
        {TACIT_STREAM_CHUNK, 1, 10, 0},                                     /* out of order */
        {TACIT_STREAM_CHUNK, 0, 10, 1},                                     /* again */
        {TACIT_STREAM_CHUNK, UINT64_MAX, 10, 0},                            /* far away */
        {TACIT_STREAM_CHUNK, 0, 0, 0},                                      /* without bytes */
        {TACIT_STREAM_CHUNK, 0, 1001, 0},                                   /* beyond its bound */
        {TACIT_STREAM_CHUNK, TACIT_STREAM_WINDOW, 10, TACIT_STREAM_WINDOW}, /* beyond credit */
        {TACIT_STREAM_END, 1, 0, 0},                          /* of more than there were */
        {TACIT_STREAM_END, 1, 10, 1},                         /* with bytes */
        {TACIT_STREAM_CREDIT, TACIT_STREAM_WINDOW + 1, 0, 0}, /* for a stream that is none */
        {TACIT_STREAM_CREDIT, 1, 10, 0},                      /* with bytes */
        {TACIT_STREAM_CANCEL, 1, 0, 0},                       /* with a number */
    };
    tacit_endpoint_t *endpoint = s_dial();
    uint64_t bystander = 1000;
    s_open_push(endpoint, bystander);
    for (uint64_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        s_open_push(endpoint, i + 1);
        for (uint64_t chunk = 0; chunk < breaks[i].before; chunk++) {
            s_note(endpoint, i + 1, TACIT_STREAM_CHUNK, chunk, 10);
        }
        s_note(endpoint, i + 1, breaks[i].event, breaks[i].number, breaks[i].bulk);
        assert_int_equal(s_reply(endpoint, i + 1, 5000), TACIT_PROTOCOL_ERROR);
    }
    s_note(endpoint, bystander, TACIT_STREAM_CANCEL, 0, 0);
    assert_int_equal(s_reply(endpoint, bystander, 5000), TACIT_INTERRUPTED);
    tacit_endpoint_destroy(&endpoint);
    s_assert_served();
}

/*  Within every rule, to the last byte.  */
static void what_keeps_the_rules_is_taken(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_dial();
    tacit_flow_push_args_t args = {.sleeper = false};
    s_open(endpoint, 1, &tacit_flow_push, &args);
    for (uint64_t chunk = 0; chunk < TACIT_STREAM_WINDOW; chunk++) {
        s_note(endpoint, 1, TACIT_STREAM_CHUNK, chunk, 1000);
    }
    s_note(endpoint, 1, TACIT_STREAM_END, TACIT_STREAM_WINDOW, 0);
    assert_int_equal(s_reply(endpoint, 1, 5000), TACIT_OK);
    tacit_endpoint_destroy(&endpoint);
}

static void nobody_reaches_anothers_stream(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_dial();
    tacit_endpoint_t *thief = s_dial();
    s_open_push(endpoint, 7);
    s_note(thief, 7, TACIT_STREAM_CANCEL, 0, 0);
    s_note(thief, 7, TACIT_STREAM_CHUNK, 5, 10);
    s_note(endpoint, 8, TACIT_STREAM_CHUNK, 5, 10); /* a call that there is not */
    assert_int_equal(s_reply(endpoint, 7, 200), TACIT_PENDING);
    s_open_push(endpoint, 7); /* whose chunks could not be told from the first one's */
    assert_int_equal(s_reply(endpoint, 7, 5000), TACIT_PROTOCOL_ERROR);
    s_note(endpoint, 7, TACIT_STREAM_CANCEL, 0, 0);
    assert_int_equal(s_reply(endpoint, 7, 5000), TACIT_INTERRUPTED);
    tacit_endpoint_destroy(&endpoint);
    tacit_endpoint_destroy(&thief);
    s_assert_served();
}

/*  --- crowds, and ends ------------------------------------------------------------------------ */

static void streams_of_an_endpoint_are_bounded(void **state)
{
    (void)state;
    enum { S_CALLERS = TACIT_STREAMS_MAX / TACIT_STREAMS_PER_CONNECTION_MAX };
    tacit_client_t *callers[S_CALLERS];
    tacit_flow_push_args_t args = {.sleeper = true};
    tacit_reply_t reply;
    uint64_t last = 0;
    for (size_t i = 0; i < S_CALLERS; i++) {
        callers[i] = flow_connect(&s_service);
        for (int calls = 0; calls < TACIT_STREAMS_PER_CONNECTION_MAX; calls++) {
            last = flow_begin(callers[i], &tacit_flow_push, &args);
        }
        assert_int_equal(flow_open(callers[i]), (i + 1) * TACIT_STREAMS_PER_CONNECTION_MAX);
    }
    tacit_client_t *late = flow_connect(&s_service);
    uint64_t call = flow_begin(late, &tacit_flow_push, &args);
    assert_int_equal(tacit_client_finish(late, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_BUSY);
    tacit_client_cancel(callers[S_CALLERS - 1], last);
    while (flow_open(callers[S_CALLERS - 1]) == TACIT_STREAMS_MAX) {
        zclock_sleep(10);
    }
    (void)flow_begin(late, &tacit_flow_push, &args);
    assert_int_equal(flow_open(late), TACIT_STREAMS_MAX);
    for (size_t i = 0; i < S_CALLERS; i++) {
        tacit_client_destroy(&callers[i]);
    }
    tacit_client_destroy(&late);
    s_assert_served();
}

/*  Its caller lives and reads nothing: after a while the server ends it, long before the method's
    deadline.  */
static void a_stream_that_stands_still_is_ended(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_dial();
    tacit_flow_pull_args_t args = {.chunks = 100, .size = 1000};
    s_open(endpoint, 1, &tacit_flow_pull, &args);
    assert_int_equal(s_reply(endpoint, 1, TACIT_STREAM_IDLE_MS + 5000), TACIT_DEADLINE_EXCEEDED);
    s_assert_served();
    tacit_endpoint_destroy(&endpoint);
}

static void a_service_that_ends_lets_go_of_its_streams(void **state)
{
    (void)state;
    flow_service_t service = {.open = 0};
    flow_start(&service);
    tacit_client_t *client = flow_connect(&service);
    tacit_flow_pull_args_t endless = {.chunks = UINT32_MAX, .size = 1000};
    uint64_t call = flow_begin(client, &tacit_flow_pull, &endless);
    tacit_span_t chunk;
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    flow_stop(&service); /* which counts what its handlers have not finished */
    tacit_status_t status = TACIT_OK;
    while (status == TACIT_OK) {
        status = tacit_client_receive(client, call, 5000, &chunk, NULL);
    }
    assert_int_equal(status, TACIT_UNREACHABLE);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broken_rule_ends_its_call_only),
        cmocka_unit_test(what_keeps_the_rules_is_taken),
        cmocka_unit_test(nobody_reaches_anothers_stream),
        cmocka_unit_test(streams_of_an_endpoint_are_bounded),
        cmocka_unit_test(a_stream_that_stands_still_is_ended),
        cmocka_unit_test(a_service_that_ends_lets_go_of_its_streams),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
