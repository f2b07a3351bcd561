/*  stream_calls_test.c - streams between both ends, with readers and callers of every kind: over
    CURVE alone, and in sessions whose large chunks go by a lane.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/limits.h"
#include "tests/unit/flow_service.h"

static flow_service_t s_service;

static int s_setup(void **state)
{
    (void)state;
    flow_start(&s_service);
    return 0;
}

static int s_setup_bound(void **state)
{
    s_service.bound = true;
    return s_setup(state);
}

static int s_teardown(void **state)
{
    (void)state;
    flow_stop(&s_service);
    return 0;
}

/*  --- both ends ------------------------------------------------------------------------------- */

static void pushes_up_to_the_bounds_and_no_further(void **state)
{
    (void)state;
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_push_args_t args = {.sleeper = false};
    uint8_t bytes[1001] = {0};
    tacit_reply_t reply;
    uint64_t call = flow_begin(client, &tacit_flow_push, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_pull_args_t args = {.chunks = 100, .size = TACIT_STREAM_CHUNK_MAX};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = flow_begin(client, &tacit_flow_pull, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_pull_args_t args = {.chunks = 3, .size = 10, .fails = true};
    tacit_span_t chunk;
    tacit_reply_t reply;
    tacit_error_t error;
    uint64_t call = flow_begin(client, &tacit_flow_pull, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = flow_begin(client, &tacit_flow_echo, &args);
    for (int i = 0; i < 64; i++) {
        uint8_t *bytes = malloc(16384);
        memset(bytes, i, 16384);
        assert_int_equal(tacit_client_send(client, call, bytes, 16384, flow_free, NULL, NULL),
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
    tacit_client_t *slow = flow_connect(&s_service);
    tacit_client_t *other = flow_connect(&s_service);
    tacit_flow_pull_args_t endless = {.chunks = UINT32_MAX, .size = TACIT_STREAM_CHUNK_MAX};
    for (int i = 0; i < TACIT_STREAMS_PER_CONNECTION_MAX; i++) {
        (void)flow_begin(slow, &tacit_flow_pull, &endless);
    }
    uint64_t one_more = flow_begin(slow, &tacit_flow_pull, &endless);
    tacit_reply_t reply;
    assert_int_equal(tacit_client_finish(slow, one_more, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_BUSY);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(flow_open(other), TACIT_STREAMS_PER_CONNECTION_MAX);
    }
    assert_int_equal(flow_open(slow), TACIT_STREAMS_PER_CONNECTION_MAX);
    tacit_client_destroy(&slow); /* vanishes in the middle of them */
    flow_await_none(other);
    tacit_client_destroy(&other);
}

static void a_cancelled_call_lets_its_handler_go(void **state)
{
    (void)state;
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_pull_args_t endless = {.chunks = UINT32_MAX, .size = 1000};
    uint64_t call = flow_begin(client, &tacit_flow_pull, &endless);
    tacit_span_t chunk;
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, NULL), TACIT_OK);
    tacit_client_cancel(client, call);
    assert_int_equal(tacit_client_receive(client, call, 0, &chunk, NULL), TACIT_BAD_INPUT);
    /*  What was handed over is freed although it goes nowhere.  */
    assert_int_equal(tacit_client_send(client, call, malloc(1), 1, flow_free, NULL, NULL),
                     TACIT_BAD_INPUT);
    flow_await_none(client);
    tacit_client_destroy(&client);
}

static void a_deadline_ends_a_stream_at_both_ends(void **state)
{
    (void)state;
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_brief_args_t args = {0};
    uint64_t call = flow_begin(client, &tacit_flow_brief, &args);
    uint8_t byte = 1;
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i <= TACIT_STREAM_WINDOW && status == TACIT_OK; i++) {
        status = tacit_client_send(client, call, &byte, 1, NULL, NULL, NULL);
        assert_true(i < TACIT_STREAM_WINDOW ? status == TACIT_OK : status != TACIT_OK);
    }
    assert_int_equal(status, TACIT_DEADLINE_EXCEEDED);
    tacit_client_cancel(client, call);
    flow_await_none(client);
    tacit_client_destroy(&client);
}

static void nothing_yet_is_pending_and_a_call_that_waits_is_refused(void **state)
{
    (void)state;
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_echo_args_t args = {0};
    tacit_span_t chunk;
    uint64_t call = flow_begin(client, &tacit_flow_echo, &args);
    assert_int_equal(tacit_client_receive(client, call, 20, &chunk, NULL), TACIT_PENDING);
    assert_int_equal(tacit_client_call(client, &tacit_flow_echo, &args, chunk, 0, NULL, NULL, NULL),
                     TACIT_BAD_INPUT);
    tacit_client_cancel(client, call);
    flow_await_none(client);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_up_to_the_bounds_and_no_further),
        cmocka_unit_test(pulls_in_order_and_ends_once),
        cmocka_unit_test(an_error_ends_both_streams_after_what_was_sent),
        cmocka_unit_test(streams_both_ways_at_once),
        cmocka_unit_test(a_reader_that_stands_still_holds_nobody_up),
        cmocka_unit_test(a_cancelled_call_lets_its_handler_go),
        cmocka_unit_test(a_deadline_ends_a_stream_at_both_ends),
        cmocka_unit_test(nothing_yet_is_pending_and_a_call_that_waits_is_refused),
    };
    int failed = cmocka_run_group_tests_name("over CURVE", tests, s_setup, s_teardown);
    return failed + cmocka_run_group_tests_name("by a lane", tests, s_setup_bound, s_teardown);
}
