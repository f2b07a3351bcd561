/*  client_server_batch_test.c - calls that share messages end as if each had come alone.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/batch.h"
#include "rpc/codec.h"
#include "rpc/endpoint.h"
#include "tests/unit/echo_service.h"

enum { S_WAIT_MS = 5000, S_CALLS = TACIT_CLIENT_CALLS_MAX };

static const tacit_span_t s_no_bulk = {NULL, 0};

static tacit_client_t *s_connect(void)
{
    tacit_client_config_t config = echo_config(&echo_of_test, &echo_of_test.user);
    tacit_client_t *client = NULL;
    config.coalesce = true;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    return client;
}

static uint64_t s_start_echo(tacit_client_t *client, const char *text)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string(text)};
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_echo, &args, s_no_bulk, 0, &call, NULL),
                     TACIT_OK);
    return call;
}

static uint64_t s_start_fail(tacit_client_t *client)
{
    tacit_echo_fail_args_t args = {.how = 0};
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_fail, &args, s_no_bulk, 0, &call, NULL),
                     TACIT_OK);
    return call;
}

/*  --- a client that coalesces ----------------------------------------------------------------- */

static void every_call_has_its_own_answer(void **state)
{
    tacit_client_t *client = s_connect();
    uint64_t first = 0;
    char text[S_CALLS][8];
    (void)state;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < S_CALLS; i++) {
            snprintf(text[i], sizeof text[i], "%zu", i);
            uint64_t call = i % 7 == 3 ? s_start_fail(client) : s_start_echo(client, text[i]);
            first = i == 0 ? call : first;
        }
        for (size_t i = 0; i < S_CALLS; i++) {
            tacit_reply_t reply;
            assert_int_equal(tacit_client_next(client, S_WAIT_MS, &reply, NULL), TACIT_OK);
            size_t number = (size_t)(reply.call - first);
            assert_int_equal(reply.status, number % 7 == 3 ? (int)TACIT_ECHO_BROKEN : TACIT_OK);
            if (!reply.status) {
                const tacit_echo_echo_result_t *result = reply.result;
                assert_true(tacit_span_equal(result->text, tacit_span_string(text[number])));
            }
        }
    }
    tacit_client_destroy(&client);
}

static void a_lone_call_waits_for_nobody(void **state)
{
    tacit_client_t *client = s_connect();
    (void)state;
    s_start_echo(client, "alone");
    zmq_pollitem_t item = {.socket = tacit_client_socket(client), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, S_WAIT_MS), 1); /* without next, call or flush */
    tacit_client_destroy(&client);
}

static void what_is_held_goes_with_a_flush(void **state)
{
    tacit_client_t *client = s_connect();
    tacit_reply_t reply;
    (void)state;
    s_start_echo(client, "one");
    s_start_echo(client, "two");
    tacit_client_flush(client);
    zmq_pollitem_t item = {.socket = tacit_client_socket(client), .events = ZMQ_POLLIN};
    size_t ended = 0;
    while (ended < 2 && zmq_poll(&item, 1, S_WAIT_MS) == 1) { /* nothing else sends them */
        while (!tacit_client_next(client, 0, &reply, NULL)) {
            ended++;
        }
    }
    assert_int_equal(ended, 2);
    tacit_client_destroy(&client);
}

static void bulk_goes_alone_and_after_what_was_held(void **state)
{
    static const uint8_t bytes[100] = {1};
    tacit_client_t *client = s_connect();
    tacit_echo_bulk_args_t args = {.copy = true};
    tacit_reply_t reply;
    uint64_t call = 0;
    (void)state;
    s_start_echo(client, "one");
    s_start_echo(client, "two");
    assert_int_equal(tacit_client_start(client, &tacit_echo_bulk, &args,
                                        tacit_span(bytes, sizeof bytes), 0, &call, NULL),
                     TACIT_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tacit_client_next(client, S_WAIT_MS, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
        assert_int_equal(reply.bulk.size, reply.call == call ? sizeof bytes : 0);
    }
    tacit_client_destroy(&client);
}

/*  Answered later, after the message that they came in was dealt with.  */
static void pending_calls_of_a_batch_are_answered(void **state)
{
    tacit_client_t *client = s_connect();
    tacit_echo_hold_args_t args = {.text = tacit_span_string("later")};
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    tacit_reply_t reply;
    uint64_t call = 0;
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(
            tacit_client_start(client, &tacit_echo_hold, &args, s_no_bulk, 0, &call, NULL),
            TACIT_OK);
    }
    assert_int_equal(tacit_echo_release_call(client, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tacit_client_next(client, S_WAIT_MS, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    tacit_client_destroy(&client);
}

/*  --- a peer that writes its own -------------------------------------------------------------- */

static tacit_endpoint_t *s_raw_connect(void)
{
    tacit_client_config_t config = echo_config(&echo_of_test, &echo_of_test.user);
    tacit_endpoint_connect_t connect = {
        .address = config.endpoint,
        .server_key = config.server_key,
        .public_key = config.public_key,
        .secret_key = config.secret_key,
        .connect_ms = S_WAIT_MS,
    };
    tacit_endpoint_t *endpoint = NULL;
    tacit_link_event_t event;
    assert_int_equal(tacit_endpoint_connect(&connect, &endpoint, NULL), TACIT_OK);
    while (!tacit_endpoint_event(endpoint, &event)) {
        tacit_endpoint_wait(endpoint, 100);
    }
    assert_int_equal(event.link, TACIT_LINK_UP);
    return endpoint;
}

static void s_put_request(tacit_buffer_t *buffer, uint64_t msgid)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string("raw")};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_request_begin(buffer, msgid, tacit_echo_echo.name), TACIT_OK);
    assert_int_equal(tacit_codec_encode(tacit_echo_echo.args, &args, NULL, buffer, NULL), TACIT_OK);
    assert_int_equal(tacit_frame_request_end(buffer, NULL), TACIT_OK);
}

/*  Two good requests around something else, in one message.  */
static void s_put_batch(uint64_t msgid, tacit_span_t between, zmq_msg_t *message)
{
    tacit_batch_t batch;
    tacit_buffer_t buffer;
    tacit_batch_init(&batch);
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    s_put_request(&buffer, msgid);
    assert_int_equal(tacit_batch_add(&batch, tacit_buffer_span(&buffer)), TACIT_OK);
    assert_int_equal(tacit_batch_add(&batch, between), TACIT_OK);
    s_put_request(&buffer, msgid + 1);
    assert_int_equal(tacit_batch_add(&batch, tacit_buffer_span(&buffer)), TACIT_OK);
    assert_int_equal(tacit_batch_seal(&batch, message), TACIT_OK);
    tacit_buffer_free(&buffer);
    tacit_batch_free(&batch);
}

/*  How many replies there are in the next message.  */
static size_t s_receive(const tacit_endpoint_t *endpoint)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    size_t count = 1;
    zmq_msg_t message;
    zmq_pollitem_t item = {.socket = tacit_endpoint_socket(endpoint), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, S_WAIT_MS), 1);
    zmq_msg_init(&message);
    assert_true(zmq_msg_recv(&message, item.socket, ZMQ_DONTWAIT) > 0);
    tacit_span_t bytes = tacit_span(zmq_msg_data(&message), zmq_msg_size(&message));
    if (tacit_batch_is(bytes)) {
        assert_int_equal(tacit_batch_parse(bytes, frames, &count), TACIT_OK);
    }
    zmq_msg_close(&message);
    return count;
}

static void answers_to_a_batch_share_a_message(void **state)
{
    tacit_endpoint_t *endpoint = s_raw_connect();
    tacit_buffer_t third;
    zmq_msg_t message;
    (void)state;
    tacit_buffer_init(&third, TACIT_FRAME_MAX);
    s_put_request(&third, 3);
    s_put_batch(1, tacit_buffer_span(&third), &message);
    assert_true(tacit_endpoint_send(endpoint, &message, 0));
    assert_int_equal(s_receive(endpoint), 3);
    tacit_buffer_free(&third);
    tacit_endpoint_destroy(&endpoint);
}

static void bad_frames_leave_the_others_of_their_batch_alone(void **state)
{
    tacit_endpoint_t *endpoint = s_raw_connect();
    zmq_msg_t inner;
    zmq_msg_t message;
    (void)state;
    s_put_batch(11, tacit_span_string("no frame"), &message);
    assert_true(tacit_endpoint_send(endpoint, &message, 0));
    assert_int_equal(s_receive(endpoint), 2);

    s_put_batch(21, tacit_span_string(""), &message);
    assert_true(tacit_endpoint_send(endpoint, &message, 0));
    assert_int_equal(s_receive(endpoint), 2);

    s_put_batch(31, tacit_span_string("-"), &inner); /* a batch within a batch is no request */
    s_put_batch(41, tacit_span(zmq_msg_data(&inner), zmq_msg_size(&inner)), &message);
    zmq_msg_close(&inner);
    assert_true(tacit_endpoint_send(endpoint, &message, 0));
    assert_int_equal(s_receive(endpoint), 2);
    tacit_endpoint_destroy(&endpoint);
}

static void a_batch_with_bulk_is_dropped(void **state)
{
    tacit_endpoint_t *endpoint = s_raw_connect();
    zmq_msg_t message;
    zmq_msg_t bulk;
    (void)state;
    s_put_batch(51, tacit_span_string("x"), &message);
    assert_int_equal(zmq_msg_init_size(&bulk, 10), 0);
    assert_true(tacit_endpoint_send(endpoint, &message, ZMQ_SNDMORE));
    assert_true(tacit_endpoint_send(endpoint, &bulk, 0));
    s_put_batch(61, tacit_span_string("x"), &message); /* the next one is answered */
    assert_true(tacit_endpoint_send(endpoint, &message, 0));
    assert_int_equal(s_receive(endpoint), 2);
    zmq_pollitem_t item = {.socket = tacit_endpoint_socket(endpoint), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&item, 1, 50), 0);
    tacit_endpoint_destroy(&endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_has_its_own_answer),
        cmocka_unit_test(a_lone_call_waits_for_nobody),
        cmocka_unit_test(what_is_held_goes_with_a_flush),
        cmocka_unit_test(bulk_goes_alone_and_after_what_was_held),
        cmocka_unit_test(pending_calls_of_a_batch_are_answered),
        cmocka_unit_test(answers_to_a_batch_share_a_message),
        cmocka_unit_test(bad_frames_leave_the_others_of_their_batch_alone),
        cmocka_unit_test(a_batch_with_bulk_is_dropped),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
