/*  server_untaken_test.c - clients that ask for much and do not read, as a server and its other
    clients see them.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rpc/endpoint.h"
#include "tests/unit/turns_service.h"

#define S_MIB ((uint64_t)1024 * 1024)

enum { S_ANSWER = 1024 * 1024, S_CALLS = 40, S_GOOD_MS = 2000, S_SOCKET_BYTES = 4096 };

/*  --- a client that need not read ------------------------------------------------------------- */

/*  With the smallest of queues: what it does not read stays at the server.  */
static void *s_connect(const turns_service_t *turns)
{
    echo_keys_t keys;
    echo_make_keys(&keys);
    const int one = 1;
    const int none = 0;
    const int bytes = S_SOCKET_BYTES;
    void *socket = zmq_socket(tacit_endpoint_context(), ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &one, sizeof one);
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVBUF, &bytes, sizeof bytes);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, turns->keys.public_key, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key, 32);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, 32);
    assert_int_equal(zmq_connect(socket, turns->endpoint), 0);
    return socket;
}

static void s_ask(void *socket, uint64_t msgid, uint32_t ms)
{
    const tacit_turns_large_args_t args = {.size = S_ANSWER, .ms = ms};
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    assert_int_equal(tacit_frame_request_begin(&buffer, msgid, "turns.large"), TACIT_OK);
    assert_int_equal(tacit_codec_encode(&tacit_turns_large_args_record, &args, NULL, &buffer, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_frame_request_end(&buffer, NULL), TACIT_OK);
    assert_int_equal(zmq_send(socket, buffer.data, buffer.size, 0), buffer.size);
    tacit_buffer_free(&buffer);
}

static void s_ask_all(void *socket, uint32_t ms)
{
    for (uint64_t i = 0; i < S_CALLS; i++) {
        s_ask(socket, i, ms);
    }
}

/*  The code of the next answer; PENDING where there is none for a while. Answers come once each. */
static tacit_status_t s_read(void *socket, bool *answered, uint64_t *ret_msgid)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    zmq_msg_t frame;
    tacit_frame_reply_t reply;
    if (zmq_poll(&item, 1, 3000) <= 0) {
        return TACIT_PENDING;
    }
    zmq_msg_init(&frame);
    assert_true(zmq_msg_recv(&frame, socket, 0) >= 0);
    assert_int_equal(tacit_frame_parse_reply(tacit_span(zmq_msg_data(&frame), zmq_msg_size(&frame)),
                                             &reply, NULL),
                     TACIT_OK);
    *ret_msgid = reply.msgid;
    tacit_status_t status = reply.failed ? reply.error.code : TACIT_OK;
    assert_true(reply.msgid < S_CALLS && !answered[reply.msgid]);
    answered[reply.msgid] = true;
    if (status == TACIT_OK) {
        assert_true(zmq_msg_more(&frame));
        assert_int_equal(zmq_msg_recv(&frame, socket, 0), S_ANSWER);
    }
    assert_false(zmq_msg_more(&frame));
    zmq_msg_close(&frame);
    return status;
}

/*  Reads an answer to each call; how many were interrupted.  */
static size_t s_read_all(void *socket, bool in_order)
{
    bool answered[S_CALLS] = {false};
    size_t interrupted = 0;
    for (uint64_t i = 0; i < S_CALLS; i++) {
        uint64_t msgid = 0;
        tacit_status_t status = s_read(socket, answered, &msgid);
        assert_true(status == TACIT_OK || status == TACIT_INTERRUPTED);
        assert_true(!in_order || msgid == i);
        interrupted += status == TACIT_INTERRUPTED;
    }
    return interrupted;
}

/*  --- who reads ------------------------------------------------------------------------------- */

static void s_assert_served(const turns_service_t *turns)
{
    tacit_client_t *client = turns_connect(turns, NULL, false);
    for (int i = 0; i < 5; i++) {
        const tacit_turns_large_args_t args = {.size = S_ANSWER};
        tacit_turns_large_result_t result;
        tacit_span_t bulk;
        assert_int_equal(tacit_client_call(client, &tacit_turns_large, &args, tacit_span(NULL, 0),
                                           S_GOOD_MS, &result, &bulk, NULL),
                         TACIT_OK);
        assert_int_equal(bulk.size, S_ANSWER);
    }
    tacit_client_destroy(&client);
}

static void s_await_at_least(const turns_service_t *turns, const char *name, uint64_t number)
{
    for (int i = 0; i < 500 && turns_metric(turns, name) < number; i++) {
        zclock_sleep(10);
    }
    assert_true(turns_metric(turns, name) >= number);
}

/*  --- cases ----------------------------------------------------------------------------------- */

static void calls_wait_until_their_caller_reads(void **state)
{
    (void)state;
    turns_service_t turns;
    turns_start_with(&turns, &(tacit_untaken_limits_t){.hold = 4 * S_MIB});
    void *socket = s_connect(&turns);
    s_ask_all(socket, 0);
    s_await_at_least(&turns, "tacit_rpc_held", 1);
    for (int i = 0; i < 3; i++) {
        s_assert_served(&turns);
        assert_in_range(turns_metric(&turns, "tacit_rpc_untaken_bytes"), 4 * S_MIB + 1,
                        6 * S_MIB); /* its own, and perhaps one that was just read */
    }
    assert_int_equal(s_read_all(socket, true), 0);
    turns_await_metric(&turns, "tacit_rpc_held", 0);
    turns_await_metric(&turns, "tacit_rpc_untaken_bytes", 0);
    assert_int_equal(turns_metric(&turns, "tacit_rpc_undelivered_total"), 0);
    zmq_close(socket);
    turns_stop(&turns);
}

static void calls_that_wait_end_with_their_caller(void **state)
{
    (void)state;
    turns_service_t turns;
    turns_start_with(&turns, &(tacit_untaken_limits_t){.hold = 4 * S_MIB});
    void *socket = s_connect(&turns);
    s_ask_all(socket, 0);
    s_await_at_least(&turns, "tacit_rpc_held", 1);
    zmq_close(socket);
    turns_await_metric(&turns, "tacit_rpc_held", 0);
    turns_await_metric(&turns, "tacit_rpc_untaken_bytes", 0);
    turns_await_metric(&turns, "tacit_rpc_pending", 0);
    turns_stop(&turns);
}

/*  Calls that began before it was known that their caller does not read.  */
static void answers_beyond_the_limit_are_let_go_of(void **state)
{
    (void)state;
    turns_service_t turns;
    const uint64_t most = 16 * S_MIB;
    turns_start_with(&turns, &(tacit_untaken_limits_t){.hold = most, .most = most});
    void *socket = s_connect(&turns);
    s_ask_all(socket, 1);
    s_await_at_least(&turns, "tacit_rpc_untaken_refused_total", 1);
    assert_true(turns_metric(&turns, "tacit_rpc_untaken_bytes") <= most);
    s_assert_served(&turns);
    turns_await_metric(&turns, "tacit_rpc_pending", 0);
    size_t interrupted = s_read_all(socket, false);
    assert_in_range(interrupted, 1, S_CALLS - 16);
    assert_int_equal(turns_metric(&turns, "tacit_rpc_untaken_refused_total"), interrupted);
    zmq_close(socket);
    turns_stop(&turns);
}

static void who_stands_still_gives_way_to_others(void **state)
{
    (void)state;
    enum { DEAF = 4 };
    turns_service_t turns;
    const tacit_untaken_limits_t limits = {
        .hold = 8 * S_MIB, .all = 20 * S_MIB, .all_most = 28 * S_MIB};
    turns_start_with(&turns, &limits);
    void *deaf[DEAF];
    for (int i = 0; i < DEAF; i++) {
        deaf[i] = s_connect(&turns);
        s_ask_all(deaf[i], 0);
    }
    while (turns_metric(&turns, "tacit_rpc_untaken_cut_total") == 0) {
        for (int i = 0; i < DEAF; i++) {
            s_ask(deaf[i], S_CALLS, 0);
        }
        assert_true(turns_metric(&turns, "tacit_rpc_untaken_bytes") <= limits.all_most);
        s_assert_served(&turns);
    }
    s_assert_served(&turns);
    for (int i = 0; i < DEAF; i++) {
        zmq_close(deaf[i]);
    }
    turns_await_metric(&turns, "tacit_rpc_untaken_bytes", 0);
    turns_stop(&turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_wait_until_their_caller_reads),
        cmocka_unit_test(calls_that_wait_end_with_their_caller),
        cmocka_unit_test(answers_beyond_the_limit_are_let_go_of),
        cmocka_unit_test(who_stands_still_gives_way_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
