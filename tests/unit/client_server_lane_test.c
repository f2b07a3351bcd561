/*  client_server_lane_test.c - bulk lanes between both ends: what goes by them, what ends them, and
    that everything works without them.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "idl/session.h"
#include "rpc/builtin.h"
#include "rpc/client_internal.h"
#include "tests/unit/echo_service.h"

enum { LARGE = 600 * 1000, SMALL = 1000 };

static uint8_t s_bytes[TACIT_BULK_MAX];

static int s_setup(void **state)
{
    assert_int_equal(echo_setup(state), 0);
    randombytes_buf(s_bytes, sizeof s_bytes);
    return 0;
}

static tacit_client_t *s_bind(void)
{
    return echo_bind(&echo_of_test, &echo_of_test.user, TACIT_ROLE_USER);
}

/*  A bulk there and back.  */
static tacit_status_t s_try(tacit_client_t *client, size_t size, uint32_t deadline_ms,
                            tacit_error_t *ret_error)
{
    tacit_echo_bulk_args_t args = {.copy = size % 2 == 0};
    tacit_echo_bulk_result_t result = {.size = 0};
    tacit_span_t bulk = {NULL, 0};
    ret_error->code = TACIT_OK;
    tacit_status_t status =
        tacit_client_call(client, &tacit_echo_bulk, &args, tacit_span(s_bytes, size), deadline_ms,
                          &result, &bulk, ret_error);
    if (status == TACIT_OK) {
        assert_int_equal(result.size, size);
        assert_int_equal(bulk.size, size);
        assert_memory_equal(bulk.data, s_bytes, size);
    }
    return status;
}

static void s_assert_bulk(tacit_client_t *client, size_t size)
{
    tacit_error_t error;
    tacit_status_t status = s_try(client, size, 0, &error);
    assert_string_equal(status == TACIT_OK ? "" : error.message, "");
}

static void s_assert_echo(tacit_client_t *client)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string("still there")};
    tacit_echo_echo_result_t result;
    assert_int_equal(tacit_echo_echo_call(client, &args, &result, NULL), TACIT_OK);
}

/*  --- what goes by it ------------------------------------------------------------------------- */

static void carries_large_bulks_both_ways_and_small_ones_over_curve(void **state)
{
    (void)state;
    static const size_t sizes[] = {TACIT_LANE_BULK_MIN, TACIT_LANE_FRAGMENT,
                                   TACIT_LANE_FRAGMENT + 1, LARGE, TACIT_BULK_MAX};
    uint64_t in = echo_metric(&echo_of_test, "tacit_rpc_lane_bulks_in_total");
    uint64_t out = echo_metric(&echo_of_test, "tacit_rpc_lane_bulks_out_total");
    tacit_client_t *client = s_bind();
    s_assert_bulk(client, TACIT_LANE_BULK_MIN - 1);
    assert_null(tacit_client_lane_socket(client));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s_assert_bulk(client, sizes[i]);
        s_assert_bulk(client, SMALL);
    }
    assert_non_null(tacit_client_lane_socket(client));
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lane_bulks_in_total") - in, 5);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lane_bulks_out_total") - out, 5);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes"), 1);
    tacit_client_destroy(&client);
    echo_await_metric(&echo_of_test, "tacit_rpc_lanes", 0);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes_broken_total"), 0);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_pending"), 0);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_pending_bytes"), 0);
}

static void needs_no_lane_without_a_session(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_error_t error;
    s_assert_bulk(client, LARGE);
    assert_null(tacit_client_lane_socket(client));
    assert_int_equal(tacit_client_open_lane(client, &error), TACIT_NO_SESSION);
    tacit_session_lane_args_t args = {.cipher = 1};
    assert_int_equal(tacit_client_call(client, &tacit_session_lane, &args, tacit_span(NULL, 0), 0,
                                       NULL, NULL, &error),
                     TACIT_NO_SESSION);
    tacit_client_destroy(&client);
}

static void serves_lanes_over_ipc(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    snprintf(echo.address, sizeof echo.address, "ipc:///tmp/tacit-lane-%d.sock", (int)getpid());
    echo_start(&echo);
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    s_assert_bulk(client, LARGE);
    assert_int_equal(client->lane.sent, 1);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

static void keeps_many_bulks_under_way(void **state)
{
    (void)state;
    enum { CALLS = 200, OUTSTANDING = 40 };
    tacit_client_t *client = s_bind();
    tacit_echo_bulk_args_t args = {.copy = true};
    size_t started = 0;
    for (size_t done = 0; done < CALLS; done++) {
        while (started < CALLS && started < done + OUTSTANDING) {
            size_t size = (started * 7919) % LARGE;
            uint64_t call = 0;
            assert_int_equal(tacit_client_start(client, &tacit_echo_bulk, &args,
                                                tacit_span(s_bytes + started, size), 0, &call,
                                                NULL),
                             TACIT_OK);
            started++;
        }
        tacit_reply_t reply;
        assert_int_equal(tacit_client_next(client, 10000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
        const tacit_echo_bulk_result_t *result = reply.result;
        assert_int_equal(reply.bulk.size, result->size);
        size_t number = 0;
        while ((number * 7919) % LARGE != result->size) {
            number++;
        }
        assert_memory_equal(reply.bulk.data, s_bytes + number, reply.bulk.size);
    }
    assert_true(client->lane.sent > CALLS / 2);
    tacit_client_destroy(&client);
}

/*  Who polls sockets itself opens the lane itself.  */
static void opens_none_unasked_where_the_owner_polls(void **state)
{
    (void)state;
    tacit_client_t *client = s_bind();
    assert_non_null(tacit_client_socket(client));
    s_assert_bulk(client, LARGE);
    assert_null(tacit_client_lane_socket(client));
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    assert_non_null(tacit_client_lane_socket(client));
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_ALREADY_EXISTS);
    s_assert_bulk(client, LARGE);
    assert_int_equal(client->lane.sent, 1);
    assert_int_equal(client->lane.received, 1);
    tacit_client_destroy(&client);
}

/*  --- hostile peers --------------------------------------------------------------------------- */

static void s_send(tacit_client_t *client, const void *data, size_t size, int flags)
{
    zmq_msg_t message;
    assert_int_equal(zmq_msg_init_size(&message, size), 0);
    memcpy(zmq_msg_data(&message), data, size);
    assert_true(tacit_endpoint_send(client->endpoint, &message, flags));
}

/*  A request whose frame 0 is right, with that ticket.  */
static tacit_slot_t *s_start(tacit_client_t *client, const tacit_method_t *method, const void *args,
                             const tacit_lane_ticket_t *ticket, uint32_t deadline_ms)
{
    tacit_buffer_t frame;
    zmq_msg_t message;
    tacit_slot_t *slot = tacit_outstanding_open(&client->calls, method, tacit_client_now() + 10000);
    const tacit_frame_meta_t meta = {.has_deadline_ms = true, .deadline_ms = deadline_ms};
    tacit_buffer_init(&frame, TACIT_FRAME_MAX);
    assert_int_equal(tacit_frame_request_begin(&frame, slot->msgid, method->name), TACIT_OK);
    assert_int_equal(tacit_codec_encode(method->args, args, NULL, &frame, NULL), TACIT_OK);
    assert_int_equal(tacit_frame_request_end(&frame, &meta), TACIT_OK);
    tacit_lane_ticket_message(ticket, &message);
    s_send(client, frame.data, frame.size, ZMQ_SNDMORE);
    s_send(client, "", 0, ZMQ_SNDMORE);
    assert_true(tacit_endpoint_send(client->endpoint, &message, 0));
    tacit_buffer_free(&frame);
    return slot;
}

/*  How it ends.  */
static tacit_status_t s_outcome(tacit_client_t *client, tacit_slot_t *slot)
{
    uint64_t until = tacit_client_now() + 5000;
    while (slot->state == TACIT_SLOT_WAITING && tacit_client_now() < until) {
        if (!tacit_client_pump(client)) {
            tacit_client_sleep(client, until);
        }
    }
    assert_int_equal(slot->state, TACIT_SLOT_ENDED);
    tacit_status_t status = slot->error.code;
    tacit_outstanding_release(&client->calls, slot);
    return status;
}

static tacit_client_t *s_bind_with_lane(void)
{
    tacit_client_t *client = s_bind();
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    return client;
}

static tacit_lane_ticket_t s_next_ticket(const tacit_client_t *client, uint64_t size)
{
    tacit_lane_ticket_t ticket;
    assert_true(tacit_lane_sender_offer(client->lane.sender, size, &ticket));
    return ticket;
}

/*  The lane is over at both ends, and everything goes on over CURVE.  */
static void s_assert_ended(tacit_client_t *client)
{
    uint64_t until = tacit_client_now() + 2000;
    while (tacit_client_lane_socket(client) && tacit_client_now() < until) {
        s_assert_echo(client);
    }
    assert_null(tacit_client_lane_socket(client));
    s_assert_bulk(client, LARGE);
    echo_await_metric(&echo_of_test, "tacit_rpc_lanes", 0);
    echo_await_metric(&echo_of_test, "tacit_rpc_pending", 0);
    echo_await_metric(&echo_of_test, "tacit_rpc_pending_bytes", 0);
    tacit_client_destroy(&client);
}

static void ends_at_a_ticket_out_of_order(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    static const tacit_lane_ticket_t tickets[] = {{2, LARGE}, {1, TACIT_BULK_MAX + 1UL}, {1, 0}};
    for (size_t i = 0; i < 3; i++) {
        tacit_client_t *client = s_bind_with_lane();
        uint64_t broken = echo_metric(&echo_of_test, "tacit_rpc_lanes_broken_total");
        tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &tickets[i], 5000);
        assert_int_equal(s_outcome(client, slot), TACIT_BAD_BULK);
        assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes_broken_total"), broken + 1);
        s_assert_ended(client);
    }
}

static void refuses_a_ticket_where_there_is_no_lane(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    const tacit_lane_ticket_t ticket = {1, LARGE};
    tacit_client_t *client = s_bind();
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &ticket, 5000);
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    s_assert_echo(client);
    tacit_client_destroy(&client);
}

/*  Refused before a byte of it came; the bytes are thrown away and the lane goes on.  */
static void refuses_a_bulk_beyond_the_contract_and_goes_on(void **state)
{
    (void)state;
    const tacit_echo_narrow_args_t args = {.size = 1};
    tacit_client_t *client = s_bind_with_lane();
    tacit_lane_ticket_t ticket = s_next_ticket(client, LARGE);
    tacit_slot_t *slot = s_start(client, &tacit_echo_narrow, &args, &ticket, 5000);
    assert_int_equal(s_outcome(client, slot), TACIT_BAD_BULK);
    zmq_msg_t bulk;
    assert_int_equal(zmq_msg_init_size(&bulk, LARGE), 0);
    tacit_lane_sender_put(client->lane.sender, &bulk);
    zmq_msg_close(&bulk);
    s_assert_bulk(client, LARGE);
    assert_non_null(tacit_client_lane_socket(client));
    assert_int_equal(client->lane.sent, 1);
    tacit_client_destroy(&client);
}

/*  A bulk that never comes holds nobody up, and is given up at its call's deadline.  */
static void answers_by_the_deadline_where_the_bulk_never_comes(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    tacit_client_t *client = s_bind_with_lane();
    tacit_lane_ticket_t ticket = s_next_ticket(client, LARGE);
    uint64_t started = tacit_client_now();
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &ticket, 300);
    s_assert_echo(client);
    assert_true(tacit_client_now() - started < 200);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_pending"), 1);
    assert_int_equal(s_outcome(client, slot), TACIT_DEADLINE_EXCEEDED);
    echo_await_metric(&echo_of_test, "tacit_rpc_pending", 0);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_pending_bytes"), 0);
    tacit_client_destroy(&client);
}

static void s_send_lane(tacit_client_t *client, const void *data, size_t size)
{
    zmq_msg_t message;
    assert_int_equal(zmq_msg_init_size(&message, size), 0);
    memcpy(zmq_msg_data(&message), data, size);
    assert_true(tacit_endpoint_send(client->lane.endpoint, &message, 0));
}

/*  A frame of the lane that does not open, while a bulk is on its way.  */
static void ends_calls_with_a_lane_that_breaks(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    tacit_client_t *client = s_bind_with_lane();
    tacit_lane_ticket_t ticket = s_next_ticket(client, 1000000);
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &ticket, 5000);
    zmq_msg_t frame;
    zmq_msg_t bulk;
    assert_int_equal(zmq_msg_init_size(&bulk, 1000000), 0);
    tacit_lane_sender_put(client->lane.sender, &bulk);
    zmq_msg_close(&bulk);
    assert_int_equal(tacit_lane_sender_next(client->lane.sender, &frame), TACIT_OK);
    ((uint8_t *)zmq_msg_data(&frame))[100] ^= 1;
    assert_true(tacit_endpoint_send(client->lane.endpoint, &frame, 0));
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    s_assert_ended(client);
}

/*  The connection of the lane goes away while a bulk is on its way.  */
static void ends_calls_with_a_lane_that_is_cut(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    tacit_client_t *client = s_bind_with_lane();
    tacit_lane_ticket_t ticket = s_next_ticket(client, LARGE);
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &ticket, 5000);
    tacit_client_lane_end(client, NULL); /* without a word */
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    s_assert_ended(client);
}

/*  A reply whose bulk cannot be opened.  */
static void ends_a_call_whose_reply_breaks(void **state)
{
    (void)state;
    const tacit_echo_bulk_args_t args = {.copy = true};
    static const uint8_t exporter[32] = {1}; /* of another session */
    tacit_client_t *client = s_bind_with_lane();
    tacit_lane_seal_t *seal = NULL;
    zmq_msg_t bulk;
    zmq_msg_t frame;
    assert_int_equal(tacit_lane_seal_new(exporter, exporter, TACIT_LANE_AES256_GCM,
                                         TACIT_SIDE_SERVER, false, &seal),
                     TACIT_OK);
    tacit_lane_receiver_destroy(&client->lane.receiver);
    client->lane.receiver = tacit_lane_receiver_new(&seal, client->lane.pool);
    tacit_lane_ticket_t ticket = s_next_ticket(client, LARGE);
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &args, &ticket, 5000);
    assert_int_equal(zmq_msg_init_size(&bulk, LARGE), 0);
    tacit_lane_sender_put(client->lane.sender, &bulk);
    zmq_msg_close(&bulk);
    while (tacit_lane_sender_next(client->lane.sender, &frame) == TACIT_OK) {
        assert_true(tacit_endpoint_send(client->lane.endpoint, &frame, 0));
    }
    assert_int_equal(s_outcome(client, slot), TACIT_INTERRUPTED);
    s_assert_ended(client);
}

static void drops_frames_of_other_lanes(void **state)
{
    (void)state;
    tacit_client_t *victim = s_bind_with_lane();
    tacit_client_t *thief = s_bind_with_lane();
    uint64_t dropped = echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total");
    zmq_msg_t frame;
    zmq_msg_t bulk;
    assert_int_equal(zmq_msg_init_size(&bulk, 20000), 0);
    tacit_lane_sender_put(victim->lane.sender, &bulk);
    zmq_msg_close(&bulk);
    assert_int_equal(tacit_lane_sender_next(victim->lane.sender, &frame), TACIT_OK);
    s_send_lane(thief, zmq_msg_data(&frame), zmq_msg_size(&frame)); /* a real one */
    s_send_lane(thief, "short", 5);
    uint8_t noise[1000];
    randombytes_buf(noise, sizeof noise);
    s_send_lane(thief, noise, sizeof noise);
    zmq_msg_close(&frame);
    s_assert_bulk(thief, LARGE);
    assert_int_equal(thief->lane.sent, 1);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total"),
                     dropped + 3);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes"), 2);
    tacit_client_destroy(&victim);
    tacit_client_destroy(&thief);
}

/*  How a connection to the lanes' socket ends.  */
static tacit_link_t s_knock(const char *address, const char *name, const char *token)
{
    tacit_endpoint_t *endpoint = NULL;
    tacit_link_event_t event = {.link = TACIT_LINK_LOST};
    const tacit_endpoint_connect_t config = {
        .address = address, .connect_ms = 2000, .lane_name = name, .lane_token = token};
    assert_int_equal(tacit_endpoint_connect(&config, &endpoint, NULL), TACIT_OK);
    while (!tacit_endpoint_event(endpoint, &event)) {
        tacit_endpoint_wait(endpoint, 100);
    }
    tacit_endpoint_destroy(&endpoint);
    return event.link;
}

static void admits_nobody_but_announced_connections_once(void **state)
{
    (void)state;
    tacit_client_t *client = s_bind_with_lane();
    const char *address = tacit_endpoint_address(client->lane.endpoint);
    static const char zeros[] = "00000000000000000000000000000000";
    assert_int_equal(s_knock(address, NULL, NULL), TACIT_LINK_FAILED);
    assert_int_equal(s_knock(address, zeros, zeros), TACIT_LINK_FAILED);

    /*  Announced, and not connected yet.  */
    tacit_client_t *other = s_bind();
    tacit_session_lane_args_t args = {.cipher = 1};
    tacit_session_lane_result_t result;
    assert_int_equal(tacit_client_call(other, &tacit_session_lane, &args, tacit_span(NULL, 0), 0,
                                       &result, NULL, NULL),
                     TACIT_OK);
    char name[33];
    char token[33];
    uint8_t bytes[TACIT_LANE_TOKEN_SIZE];
    tacit_lane_token(other->session->exporter, result.lane_id.data, bytes);
    sodium_bin2hex(name, sizeof name, result.lane_id.data, TACIT_LANE_ID_SIZE);
    sodium_bin2hex(token, sizeof token, bytes, sizeof bytes);
    assert_int_equal(s_knock(address, name, zeros), TACIT_LINK_FAILED);
    assert_int_equal(s_knock(address, zeros, token), TACIT_LINK_FAILED);
    assert_int_equal(s_knock(address, name, token), TACIT_LINK_UP);
    assert_int_equal(s_knock(address, name, token), TACIT_LINK_FAILED);
    s_assert_bulk(client, LARGE);
    assert_int_equal(client->lane.sent, 1);
    tacit_client_destroy(&other);
    tacit_client_destroy(&client);
}

static void refuses_other_ciphers(void **state)
{
    (void)state;
    tacit_client_t *client = s_bind();
    tacit_error_t error;
    static const uint8_t ciphers[] = {0, 3, 255};
    for (size_t i = 0; i < sizeof ciphers; i++) {
        tacit_session_lane_args_t args = {.cipher = ciphers[i]};
        assert_int_equal(tacit_client_call(client, &tacit_session_lane, &args, tacit_span(NULL, 0),
                                           0, NULL, NULL, &error),
                         TACIT_BAD_INPUT);
        assert_string_equal(error.claim, "cipher");
    }
    tacit_session_lane_args_t args = {.cipher = TACIT_LANE_CHACHA20_POLY1305};
    tacit_session_lane_result_t result;
    assert_int_equal(tacit_client_call(client, &tacit_session_lane, &args, tacit_span(NULL, 0), 0,
                                       &result, NULL, NULL),
                     TACIT_OK);
    assert_int_equal(result.cipher, TACIT_LANE_CHACHA20_POLY1305);
    tacit_client_destroy(&client);
}

static void ends_with_its_session(void **state)
{
    (void)state;
    tacit_client_t *client = s_bind_with_lane();
    tacit_client_t *stranger = echo_connect(&echo_of_test, &echo_of_test.operator_user);
    const tacit_echo_bulk_args_t bulk = {.copy = true};
    tacit_lane_ticket_t ticket = s_next_ticket(client, LARGE);
    tacit_slot_t *slot = s_start(client, &tacit_echo_bulk, &bulk, &ticket, 5000);
    s_assert_echo(client);
    tacit_echo_end_sessions_args_t args = {.peer = tacit_span(echo_of_test.user.public_key, 32)};
    tacit_echo_end_sessions_result_t result;
    assert_int_equal(tacit_echo_end_sessions_call(stranger, &args, &result, NULL), TACIT_OK);
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    tacit_client_destroy(&stranger);
    s_assert_ended(client);
}

/*  Both lanes are asked for in one session: the second takes the first one's place.  */
static void replaces_a_lane_that_is_asked_for_again(void **state)
{
    (void)state;
    tacit_client_t *client = s_bind_with_lane();
    tacit_session_lane_args_t args = {.cipher = 1};
    tacit_session_lane_result_t result;
    assert_int_equal(tacit_client_call(client, &tacit_session_lane, &args, tacit_span(NULL, 0), 0,
                                       &result, NULL, NULL),
                     TACIT_OK);
    s_assert_echo(client);
    assert_null(tacit_client_lane_socket(client));
    s_assert_bulk(client, LARGE);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes"), 1);
    tacit_client_destroy(&client);
}

/*  What it is owed is kept within its own bounds; others are served.  */
static void serves_others_while_a_client_never_reads(void **state)
{
    (void)state;
    tacit_client_t *sleeper = s_bind_with_lane();
    tacit_echo_bulk_args_t args = {.copy = true};
    for (size_t i = 0; i < 30; i++) {
        uint64_t call = 0;
        assert_int_equal(tacit_client_start(sleeper, &tacit_echo_bulk, &args,
                                            tacit_span(s_bytes, 4 * 1000 * 1000), 0, &call, NULL),
                         TACIT_OK);
    }
    tacit_client_t *client = s_bind();
    for (size_t i = 0; i < 10; i++) {
        s_assert_bulk(client, LARGE);
    }
    assert_int_equal(client->lane.received, 10);
    tacit_client_destroy(&sleeper);
    s_assert_bulk(client, LARGE);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_large_bulks_both_ways_and_small_ones_over_curve),
        cmocka_unit_test(needs_no_lane_without_a_session),
        cmocka_unit_test(serves_lanes_over_ipc),
        cmocka_unit_test(keeps_many_bulks_under_way),
        cmocka_unit_test(opens_none_unasked_where_the_owner_polls),
        cmocka_unit_test(ends_at_a_ticket_out_of_order),
        cmocka_unit_test(refuses_a_ticket_where_there_is_no_lane),
        cmocka_unit_test(refuses_a_bulk_beyond_the_contract_and_goes_on),
        cmocka_unit_test(answers_by_the_deadline_where_the_bulk_never_comes),
        cmocka_unit_test(ends_calls_with_a_lane_that_breaks),
        cmocka_unit_test(ends_calls_with_a_lane_that_is_cut),
        cmocka_unit_test(ends_a_call_whose_reply_breaks),
        cmocka_unit_test(drops_frames_of_other_lanes),
        cmocka_unit_test(admits_nobody_but_announced_connections_once),
        cmocka_unit_test(refuses_other_ciphers),
        cmocka_unit_test(ends_with_its_session),
        cmocka_unit_test(replaces_a_lane_that_is_asked_for_again),
        cmocka_unit_test(serves_others_while_a_client_never_reads),
    };
    return cmocka_run_group_tests(tests, s_setup, echo_teardown);
}
