/*  hostile_peer_test.c - peers that break the protocol on purpose, at either end. What they do must
    cost only themselves: after each, a good client is served.  */

#include <arpa/inet.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/endpoint.h"
#include "tests/unit/echo_service.h"
#include "tests/unit/stranger.h"

static const echo_service_t *s_target = &echo_of_test;

static void s_assert_served(void)
{
    tacit_client_t *client = echo_connect(s_target, &s_target->user);
    tacit_echo_echo_args_t args = {.text = tacit_span("good", 4)};
    tacit_echo_echo_result_t result;
    assert_int_equal(tacit_echo_echo_call(client, &args, &result, NULL), TACIT_OK);
    assert_true(tacit_span_equal(result.text, args.text));
    tacit_client_destroy(&client);
}

/*  --- hostile clients ------------------------------------------------------------------------- */

/*  A connection that sends what it likes.  */
static tacit_endpoint_t *s_connect(void)
{
    tacit_endpoint_connect_t config = {
        .address = s_target->endpoint,
        .server_key = s_target->server.public_key,
        .public_key = s_target->user.public_key,
        .secret_key = s_target->user.secret_key,
        .connect_ms = 2000,
    };
    tacit_endpoint_t *endpoint = NULL;
    tacit_link_event_t event;
    assert_int_equal(tacit_endpoint_connect(&config, &endpoint, NULL), TACIT_OK);
    while (!tacit_endpoint_event(endpoint, &event)) {
        tacit_endpoint_wait(endpoint, 100);
    }
    assert_int_equal(event.link, TACIT_LINK_UP);
    return endpoint;
}

static void s_send(tacit_endpoint_t *endpoint, tacit_span_t bytes, int flags)
{
    int sent = -1;
    for (int i = 0; i < 500 && sent < 0; i++) {
        sent = zmq_send(tacit_endpoint_socket(endpoint), bytes.data, bytes.size, flags);
        if (sent < 0) {
            zclock_sleep(2);
        }
    }
    assert_int_equal(sent, bytes.size);
}

/*  The code of the reply to msgid; OK for a success. PENDING: none came in time.  */
static tacit_status_t s_receive(tacit_endpoint_t *endpoint, uint64_t msgid, int timeout_ms)
{
    void *socket = tacit_endpoint_socket(endpoint);
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, timeout_ms) <= 0) {
        return TACIT_PENDING;
    }
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    assert_true(zmq_msg_recv(&frame, socket, 0) >= 0);
    assert_false(zmq_msg_more(&frame));
    tacit_frame_reply_t reply;
    assert_int_equal(tacit_frame_parse_reply(tacit_span(zmq_msg_data(&frame), zmq_msg_size(&frame)),
                                             &reply, NULL),
                     TACIT_OK);
    assert_int_equal(reply.msgid, msgid);
    tacit_status_t status = reply.failed ? reply.error.code : TACIT_OK;
    zmq_msg_close(&frame);
    return status;
}

/*  A well-formed request to echo.echo; the buffer is the caller's.  */
static void s_encode(tacit_buffer_t *buffer, uint64_t msgid)
{
    tacit_echo_echo_args_t args = {.text = tacit_span("0123456789", 10)};
    tacit_frame_meta_t meta = {.has_deadline_ms = true, .deadline_ms = 1000};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_request_begin(buffer, msgid, "echo.echo"), TACIT_OK);
    assert_int_equal(tacit_codec_encode(&tacit_echo_echo_args_record, &args, NULL, buffer, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_frame_request_end(buffer, &meta), TACIT_OK);
}

/*  Cut before there is a byte for each of the four parts it cannot be answered; cut later it is
    refused.  */
static void frames_cut_at_each_byte_are_refused(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_connect();
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    s_encode(&buffer, 5);
    for (size_t size = 0; size < buffer.size; size++) {
        s_send(endpoint, tacit_span(buffer.data, size), 0);
        if (size >= 5) {
            assert_int_equal(s_receive(endpoint, 5, 2000), TACIT_MALFORMED);
        }
    }
    assert_int_equal(s_receive(endpoint, 5, 50), TACIT_PENDING);
    s_send(endpoint, tacit_buffer_span(&buffer), 0);
    assert_int_equal(s_receive(endpoint, 5, 2000), TACIT_OK);
    tacit_buffer_free(&buffer);
    tacit_endpoint_destroy(&endpoint);
    s_assert_served();
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_connect();
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    s_encode(&buffer, 5);
    assert_int_equal(tacit_buffer_append(&buffer, "\xc0", 1), TACIT_OK);
    s_send(endpoint, tacit_buffer_span(&buffer), 0);
    assert_int_equal(s_receive(endpoint, 5, 2000), TACIT_MALFORMED);
    tacit_buffer_free(&buffer);
    tacit_endpoint_destroy(&endpoint);
}

static void too_many_frames_are_refused(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_connect();
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    for (uint64_t extra = 1; extra < 8; extra++) {
        s_encode(&buffer, extra);
        s_send(endpoint, tacit_buffer_span(&buffer), ZMQ_SNDMORE);
        for (uint64_t i = 1; i < extra; i++) {
            s_send(endpoint, tacit_span("", 0), ZMQ_SNDMORE);
        }
        s_send(endpoint, tacit_span("x", 1), 0);
        assert_int_equal(s_receive(endpoint, extra, 2000), TACIT_BAD_BULK);
    }
    s_encode(&buffer, 9);
    s_send(endpoint, tacit_buffer_span(&buffer), 0);
    assert_int_equal(s_receive(endpoint, 9, 2000), TACIT_OK);
    tacit_buffer_free(&buffer);
    tacit_endpoint_destroy(&endpoint);
}

/*  A reply, a notification, other msgpack, none.  */
static void what_is_no_request_is_dropped(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "\x94\x01\x05\xc0\xc0", "\x93\x02\xa1$\x90", "\xc0", "\x94", "\x80",
        "\xff\xff\xff\xff",     "GET / HTTP/1.1"};
    tacit_endpoint_t *endpoint = s_connect();
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        s_send(endpoint, tacit_span_string(frames[i]), 0);
    }
    assert_int_equal(s_receive(endpoint, 0, 100), TACIT_PENDING);
    tacit_endpoint_destroy(&endpoint);
    s_assert_served();
}

static void damaged_frames_harm_nobody(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = s_connect();
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    for (uint32_t round = 0; round < 5000; round++) {
        s_encode(&buffer, 5);
        for (uint32_t i = 0; i <= round % 3; i++) {
            buffer.data[randombytes_uniform((uint32_t)buffer.size)] =
                (uint8_t)randombytes_uniform(256);
        }
        s_send(endpoint, tacit_buffer_span(&buffer), 0);
        while (zmq_recv(tacit_endpoint_socket(endpoint), &(char){0}, 1, ZMQ_DONTWAIT) >= 0) {
        }
    }
    tacit_buffer_free(&buffer);
    tacit_endpoint_destroy(&endpoint);
    s_assert_served();
}

/*  Names that clients give themselves are not answered.  */
static void chosen_routing_ids_are_dropped(void **state)
{
    (void)state;
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    void *raw = zsock_resolve(socket);
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    s_encode(&buffer, 5);
    zmq_setsockopt(raw, ZMQ_ROUTING_ID, "alice", 5);
    zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, echo_of_test.server.public_key, 32);
    zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, echo_of_test.user.public_key, 32);
    zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, echo_of_test.user.secret_key, 32);
    assert_int_equal(zmq_connect(raw, echo_of_test.endpoint), 0);
    assert_int_equal(zmq_send(raw, buffer.data, buffer.size, 0), buffer.size);
    zmq_pollitem_t item = {.socket = raw, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, 200), 0);
    tacit_buffer_free(&buffer);
    zsock_destroy(&socket);
    s_assert_served();
}

/*  A client that asks for much and reads nothing loses its replies; others are served meanwhile. */
static void a_client_that_does_not_read_stops_nobody(void **state)
{
    (void)state;
    /*  More than fit into both queues and the kernel's.  */
    enum { CALLS = TACIT_SERVER_SEND_HWM + TACIT_CLIENT_HWM + 224 };
    static uint8_t bulk[256 * 1024];
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    s_target = &echo;
    tacit_endpoint_t *endpoint = s_connect();
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    for (uint64_t msgid = 1; msgid <= CALLS; msgid++) {
        tacit_echo_bulk_args_t args = {.copy = true};
        tacit_buffer_clear(&buffer);
        assert_int_equal(tacit_frame_request_begin(&buffer, msgid, "echo.bulk"), TACIT_OK);
        assert_int_equal(
            tacit_codec_encode(&tacit_echo_bulk_args_record, &args, NULL, &buffer, NULL), TACIT_OK);
        assert_int_equal(tacit_frame_request_end(&buffer, NULL), TACIT_OK);
        s_send(endpoint, tacit_buffer_span(&buffer), ZMQ_SNDMORE);
        s_send(endpoint, tacit_span(bulk, sizeof bulk), 0);
        if (msgid % 100 == 0) {
            s_assert_served();
        }
    }
    echo_await_metric(&echo, "tacit_rpc_calls_total{method=\"echo.bulk\"}", CALLS);
    s_assert_served();
    s_target = &echo_of_test;
    tacit_buffer_free(&buffer);
    tacit_endpoint_destroy(&endpoint);
    zactor_destroy(&echo.actor);
    assert_true(echo.stats.received >= CALLS);
    assert_true(echo.stats.undelivered > 0);
}

/*  --- before authentication ------------------------------------------------------------------- */

static void s_greet(int file)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    assert_int_equal(send(file, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
}

/*  Headers of 9 bytes that announce 4 GiB reserve nothing and end the connection.  */
static void a_header_claiming_4_gib_costs_nothing(void **state)
{
    (void)state;
    static const uint8_t headers[][9] = {{0x02, 0, 0, 0, 1, 0, 0, 0, 0},
                                         {0x06, 0, 0, 0, 1, 0, 0, 0, 0},
                                         {0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    s_assert_served();
    long before = stranger_address_space();
    int files[30];
    for (size_t i = 0; i < 30; i++) {
        files[i] = stranger_dial(echo_of_test.endpoint);
        s_greet(files[i]);
        (void)send(files[i], headers[i % 3], 9, MSG_NOSIGNAL);
    }
    s_assert_served();
    assert_true(stranger_address_space() - before < 256L * 1024 * 1024);
    for (size_t i = 0; i < 30; i++) {
        assert_true(stranger_is_closed(files[i]));
        close(files[i]);
    }
    s_assert_served();
}

static void a_stranger_to_the_protocol_is_hung_up_on(void **state)
{
    (void)state;
    int http = stranger_dial(echo_of_test.endpoint);
    static const char request[] = "GET / HTTP/1.1\r\nHost: somewhere.example\r\n\r\n"
                                  "................................................";
    assert_true(send(http, request, sizeof request, MSG_NOSIGNAL) > 0);
    int idle = stranger_dial(echo_of_test.endpoint);
    assert_true(stranger_is_closed(http));
    int64_t start = zclock_mono();
    assert_true(stranger_is_closed(idle)); /* by the handshake's time */
    assert_in_range(zclock_mono() - start, 0, TACIT_HANDSHAKE_MS + 1000);
    close(http);
    close(idle);
    s_assert_served();
}

/*  --- a hostile server ------------------------------------------------------------------------ */

typedef struct {
    tacit_endpoint_t *endpoint;
    tacit_client_t *client;
    uint8_t routing[5];
    uint64_t msgid;
} s_rogue_t;

/*  A client, connected to a server that answers what the test says, with a call outstanding.  */
static s_rogue_t s_rogue(const tacit_method_t *method, const void *args)
{
    s_rogue_t rogue = {.msgid = 0};
    tacit_endpoint_bind_t config = {.address = "tcp://127.0.0.1:*",
                                    .public_key = echo_of_test.server.public_key,
                                    .secret_key = echo_of_test.server.secret_key,
                                    .zap_domain = "test.rogue",
                                    .frame_max = TACIT_BULK_MAX};
    assert_int_equal(tacit_endpoint_bind(&config, &rogue.endpoint, NULL), TACIT_OK);
    tacit_client_config_t client = echo_config(&echo_of_test, &echo_of_test.user);
    client.endpoint = tacit_endpoint_address(rogue.endpoint);
    assert_int_equal(tacit_client_new(&client, &rogue.client, NULL), TACIT_OK);
    assert_int_equal(tacit_client_start(rogue.client, method, args, tacit_span(NULL, 0), 300,
                                        &rogue.msgid, NULL),
                     TACIT_OK);
    void *socket = tacit_endpoint_socket(rogue.endpoint);
    char frame[1024];
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, 5000), 1); /* its own wait is short */
    assert_int_equal(zmq_recv(socket, rogue.routing, 5, 0), 5);
    assert_true(zmq_recv(socket, frame, sizeof frame, 0) > 0);
    return rogue;
}

static s_rogue_t s_rogue_echo(void)
{
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    return s_rogue(&tacit_echo_echo, &args);
}

static void s_answer(s_rogue_t *rogue, const tacit_span_t *frames, size_t count)
{
    void *socket = tacit_endpoint_socket(rogue->endpoint);
    assert_int_equal(zmq_send(socket, rogue->routing, 5, ZMQ_SNDMORE), 5);
    for (size_t i = 0; i < count; i++) {
        int flags = i + 1 < count ? ZMQ_SNDMORE : 0;
        assert_int_equal(zmq_send(socket, frames[i].data, frames[i].size, flags), frames[i].size);
    }
}

/*  How the outstanding call ends; then both ends are destroyed.  */
static tacit_status_t s_outcome(s_rogue_t *rogue)
{
    tacit_reply_t reply;
    assert_int_equal(tacit_client_next(rogue->client, 2000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, rogue->msgid);
    tacit_status_t status = reply.status;
    tacit_client_destroy(&rogue->client);
    tacit_endpoint_destroy(&rogue->endpoint);
    return status;
}

/*  [1, msgid, nil, {1: "x"}], as the codec writes it.  */
#define GOOD_REPLY "\x94\x01\x01\xc0\x81\x01\xc4\x01x"

static void a_good_reply_is_taken(void **state)
{
    (void)state;
    s_rogue_t rogue = s_rogue_echo();
    tacit_span_t frame = tacit_span_string(GOOD_REPLY);
    s_answer(&rogue, &frame, 1);
    assert_int_equal(s_outcome(&rogue), TACIT_OK);
}

static void a_reply_to_no_call_breaks_the_connection(void **state)
{
    (void)state;
    static const char *const replies[] = {"\x94\x01\x02\xc0\x81\x01\xc4\x01x",
                                          "\x94\x01\x00\xc0\x81\x01\xc4\x01x"};
    for (size_t i = 0; i < 2; i++) {
        s_rogue_t rogue = s_rogue_echo();
        tacit_span_t frame = tacit_span(replies[i], sizeof GOOD_REPLY - 1);
        s_answer(&rogue, &frame, 1);
        assert_int_equal(s_outcome(&rogue), TACIT_PROTOCOL_ERROR);
    }
}

static void a_late_reply_is_passed_over(void **state)
{
    (void)state;
    s_rogue_t rogue = s_rogue_echo();
    tacit_reply_t reply;
    assert_int_equal(tacit_client_next(rogue.client, 2000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_DEADLINE_EXCEEDED);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    assert_int_equal(tacit_client_start(rogue.client, &tacit_echo_echo, &args, tacit_span(NULL, 0),
                                        1000, &rogue.msgid, NULL),
                     TACIT_OK);
    tacit_span_t late = tacit_span_string(GOOD_REPLY);
    tacit_span_t due = tacit_span_string("\x94\x01\x02\xc0\x81\x01\xc4\x01y");
    s_answer(&rogue, &late, 1);
    s_answer(&rogue, &due, 1);
    assert_int_equal(s_outcome(&rogue), TACIT_OK);
}

static void malformed_replies_break_the_connection(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof GOOD_REPLY - 1; size++) {
        s_rogue_t rogue = s_rogue_echo();
        tacit_span_t frame = tacit_span(GOOD_REPLY, size);
        s_answer(&rogue, &frame, 1);
        assert_int_equal(s_outcome(&rogue), TACIT_PROTOCOL_ERROR);
    }
    s_rogue_t rogue = s_rogue_echo();
    tacit_span_t trailing = tacit_span(GOOD_REPLY "\xc0", sizeof GOOD_REPLY);
    s_answer(&rogue, &trailing, 1);
    assert_int_equal(s_outcome(&rogue), TACIT_PROTOCOL_ERROR);
}

static void a_result_of_another_type_ends_that_call(void **state)
{
    (void)state;
    static const char *const replies[] = {"\x94\x01\x01\xc0\x81\x01\x2a", "\x94\x01\x01\xc0\x80",
                                          "\x94\x01\x01\xc0\xc3"};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        s_rogue_t rogue = s_rogue_echo();
        tacit_span_t frame = tacit_span_string(replies[i]);
        s_answer(&rogue, &frame, 1);
        assert_int_equal(s_outcome(&rogue), TACIT_PROTOCOL_ERROR);
    }
}

static void bulk_beyond_the_contract_ends_that_call(void **state)
{
    (void)state;
    static const uint8_t bulk[101];
    s_rogue_t rogue = s_rogue_echo();
    tacit_span_t undeclared[] = {tacit_span_string(GOOD_REPLY), tacit_span("", 0)};
    s_answer(&rogue, undeclared, 2);
    assert_int_equal(s_outcome(&rogue), TACIT_BAD_BULK);
    for (size_t size = 100; size <= 101; size++) {
        tacit_echo_narrow_args_t args = {.size = 0};
        rogue = s_rogue(&tacit_echo_narrow, &args);
        tacit_span_t frames[] = {tacit_span_string("\x94\x01\x01\xc0\x80"), tacit_span(bulk, size)};
        s_answer(&rogue, frames, 2);
        assert_int_equal(s_outcome(&rogue), size == 100 ? TACIT_OK : TACIT_BAD_BULK);
    }
}

static void too_many_frames_break_the_connection(void **state)
{
    (void)state;
    tacit_echo_narrow_args_t args = {.size = 0};
    s_rogue_t rogue = s_rogue(&tacit_echo_narrow, &args);
    tacit_span_t frames[] = {tacit_span_string("\x94\x01\x01\xc0\x80"), tacit_span("x", 1),
                             tacit_span("y", 1)};
    s_answer(&rogue, frames, 3);
    assert_int_equal(s_outcome(&rogue), TACIT_PROTOCOL_ERROR);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(frames_cut_at_each_byte_are_refused),
        CASE(trailing_bytes_are_refused),
        CASE(too_many_frames_are_refused),
        CASE(what_is_no_request_is_dropped),
        CASE(damaged_frames_harm_nobody),
        CASE(chosen_routing_ids_are_dropped),
        CASE(a_client_that_does_not_read_stops_nobody),
        CASE(a_header_claiming_4_gib_costs_nothing),
        CASE(a_stranger_to_the_protocol_is_hung_up_on),
        CASE(a_good_reply_is_taken),
        CASE(a_reply_to_no_call_breaks_the_connection),
        CASE(a_late_reply_is_passed_over),
        CASE(malformed_replies_break_the_connection),
        CASE(a_result_of_another_type_ends_that_call),
        CASE(bulk_beyond_the_contract_ends_that_call),
        CASE(too_many_frames_break_the_connection),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
