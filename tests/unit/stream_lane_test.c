/*  stream_lane_test.c - streams whose large chunks go by a lane, and lanes that end under them.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/client_internal.h"
#include "tests/unit/flow_service.h"

static flow_service_t s_service;

static int s_setup(void **state)
{
    (void)state;
    s_service.bound = true;
    flow_start(&s_service);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    flow_stop(&s_service);
    return 0;
}

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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = flow_begin(client, &tacit_flow_echo, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_pull_args_t args = {.chunks = 8, .size = TACIT_STREAM_CHUNK_MAX};
    tacit_reply_t reply;
    tacit_span_t chunk;
    for (int round = 0; round < 5; round++) {
        uint64_t call = flow_begin(client, &tacit_flow_pull, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_client_t *other = flow_connect(&s_service);
    tacit_flow_echo_args_t args = {0};
    tacit_error_t error;
    tacit_reply_t reply;
    tacit_span_t chunk;
    uint64_t call = flow_begin(client, &tacit_flow_echo, &args);
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
    assert_int_equal(flow_open(other), 1);
    tacit_client_lane_end(client, "the test cuts it");
    assert_int_equal(tacit_client_receive(client, call, 5000, &chunk, &error), TACIT_INTERRUPTED);
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_INTERRUPTED);
    flow_await_none(other);

    call = flow_begin(client, &tacit_flow_echo, &args);
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
    tacit_client_t *client = flow_connect(&s_service);
    tacit_flow_echo_args_t args = {0};
    tacit_reply_t reply;
    uint64_t call = flow_begin(client, &tacit_flow_echo, &args);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_of_chunks_that_take_either_way),
        cmocka_unit_test(gives_all_chunks_before_a_reply_that_overtook_them),
        cmocka_unit_test(ends_streams_with_a_lane_that_is_cut),
        cmocka_unit_test(refuses_a_ticket_beyond_a_chunks_bound),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
