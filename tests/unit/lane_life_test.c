/*  lane_life_test.c - lanes that come and go in one session: lost and opened again, idle and
    recalled, crowded out; and that no call notices more than it must.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/channel_internal.h"
#include "rpc/client_internal.h"
#include "tests/unit/echo_service.h"

enum { LARGE = 600 * 1000, NEVER = 1000 * 1000 };

static uint8_t s_bytes[LARGE];

/*  A service whose lanes are recalled after those times.  */
static void s_serve(echo_service_t *echo, uint32_t idle_ms, uint32_t spare_ms, uint32_t recall_ms)
{
    echo_init(echo);
    echo->own_lane_times = true;
    echo->lane_idle_ms = idle_ms;
    echo->lane_spare_ms = spare_ms;
    echo->lane_recall_ms = recall_ms;
    echo_start(echo);
    randombytes_buf(s_bytes, sizeof s_bytes);
}

static tacit_client_t *s_bind(const echo_service_t *echo)
{
    return echo_bind(echo, &echo->user, TACIT_ROLE_USER);
}

/*  A bulk there and back.  */
static tacit_status_t s_try(tacit_client_t *client, tacit_error_t *ret_error)
{
    const tacit_echo_bulk_args_t args = {.copy = true};
    tacit_echo_bulk_result_t result;
    tacit_span_t bulk = {NULL, 0};
    ret_error->code = TACIT_OK;
    tacit_status_t status = tacit_client_call(
        client, &tacit_echo_bulk, &args, tacit_span(s_bytes, LARGE), 0, &result, &bulk, ret_error);
    if (status == TACIT_OK) {
        assert_int_equal(bulk.size, LARGE);
        assert_memory_equal(bulk.data, s_bytes, LARGE);
    }
    return status;
}

static void s_assert_bulk(tacit_client_t *client)
{
    tacit_error_t error;
    tacit_status_t status = s_try(client, &error);
    assert_string_equal(status == TACIT_OK ? "" : error.message, "");
}

/*  As if the time until the next attempt were over.  */
static void s_wait_for_next(tacit_client_t *client)
{
    assert_true(client->lane.reopen.next_ms > 0);
    client->lane.reopen.next_ms = 0;
}

/*  As if its lane had last been used long ago: who used it just now need not look for news of it.
 */
static void s_assert_bulk_after_long(tacit_client_t *client)
{
    client->lane.used_ms = 0;
    s_assert_bulk(client);
}

/*  --- lost ------------------------------------------------------------------------------------ */

static void opens_a_lost_lane_again_after_a_time(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    s_assert_bulk(client);
    assert_int_equal(client->lane.opened, 1);
    for (uint64_t round = 1; round < 4; round++) {
        tacit_client_lane_end(client, "the test cuts it");
        s_assert_bulk(client); /* over CURVE */
        assert_int_equal(client->lane.opened, round);
        assert_int_equal(client->lane.sent, round);
        s_wait_for_next(client);
        s_assert_bulk(client);
        assert_int_equal(client->lane.opened, round + 1);
        assert_int_equal(client->lane.sent, round + 1);
        assert_int_equal(client->lane.received, round + 1);
    }
    echo_await_metric(&echo, "tacit_rpc_lanes", 1);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes_broken_total"), 0);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_pending"), 0);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  A network that cuts every lane: calls go on, and lanes are not asked for each time.  */
static void does_not_loop_where_lanes_always_break(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    uint64_t began = tacit_client_now();
    for (size_t i = 0; i < 20; i++) {
        s_assert_bulk(client);
        tacit_client_lane_end(client, "the test cuts it");
    }
    uint64_t attempts_max = 2 + (tacit_client_now() - began) / (TACIT_LANE_REOPEN_MS / 2);
    assert_true(client->lane.opened <= attempts_max);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  The first frame that each lane sends after its hello has sequence 1 in both: what keeps the
    cipher safe is that the lane's name makes the key.  */
static void gives_each_lane_a_name_and_keys_of_its_own(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    s_assert_bulk(client);
    tacit_client_lane_end(client, "the test cuts it");
    s_wait_for_next(client);
    s_assert_bulk(client);
    const tacit_lane_reopen_t *names = &client->lane.reopen;
    assert_int_equal(names->count, 2);
    assert_memory_not_equal(names->names[0], names->names[1], TACIT_LANE_ID_SIZE);
    static const tacit_side_t sides[] = {TACIT_SIDE_CLIENT, TACIT_SIDE_SERVER};
    uint8_t frames[4][1000 + TACIT_LANE_OVERHEAD];
    for (size_t i = 0; i < 4; i++) { /* both lanes, both sides: four keys */
        tacit_lane_seal_t *seal = NULL;
        assert_int_equal(tacit_lane_seal_new(client->session->exporter, names->names[i / 2],
                                             TACIT_LANE_AES256_GCM, sides[i % 2], true, &seal),
                         TACIT_OK);
        assert_int_equal(tacit_lane_seal(seal, 1, tacit_span(s_bytes, 1000), frames[i]), TACIT_OK);
        tacit_lane_seal_destroy(&seal);
        for (size_t j = 0; j < i; j++) { /* one key under one nonce would make them equal */
            assert_memory_not_equal(frames[i] + TACIT_LANE_HEADER_SIZE,
                                    frames[j] + TACIT_LANE_HEADER_SIZE, 1000);
        }
    }
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  Every call ends once: with its answer, as not run, or as run with its answer's bulk lost; and
    all that ran are of the first and the third kind.  */
static void ends_each_call_on_a_lost_lane_once(void **state)
{
    (void)state;
    enum { CALLS = 24 };
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    const tacit_echo_bulk_args_t args = {.copy = true};
    size_t ended[3] = {0};
    for (size_t round = 0; round < 4; round++) {
        tacit_client_t *client = s_bind(&echo);
        uint64_t seen[CALLS] = {0};
        s_assert_bulk(client);
        for (size_t i = 0; i < CALLS; i++) {
            assert_int_equal(tacit_client_start(client, &tacit_echo_bulk, &args,
                                                tacit_span(s_bytes, LARGE), 0, &seen[i], NULL),
                             TACIT_OK);
        }
        zclock_sleep((int)round * 5);
        tacit_client_lane_end(client, round % 2 ? "the test cuts it" : NULL); /* or the network */
        for (size_t i = 0; i < CALLS; i++) {
            tacit_reply_t reply;
            assert_int_equal(tacit_client_next(client, 10000, &reply, NULL), TACIT_OK);
            size_t place = 0;
            while (place < CALLS && seen[place] != reply.call) {
                place++;
            }
            assert_true(place < CALLS);
            seen[place] = 0;
            assert_true(reply.status == TACIT_OK || reply.status == TACIT_BULK_LOST ||
                        reply.status == TACIT_INTERRUPTED);
            ended[0] += reply.status == TACIT_OK;
            ended[1] += reply.status == TACIT_BULK_LOST;
            ended[2] += reply.status == TACIT_INTERRUPTED;
        }
        tacit_reply_t none;
        assert_int_equal(tacit_client_next(client, 0, &none, NULL), TACIT_DEADLINE_EXCEEDED);
        tacit_client_destroy(&client);
    }
    assert_true(ended[1] > 0);
    assert_int_equal(ended[0] + ended[1] + ended[2], 4 * CALLS);
    echo_await_metric(&echo, "tacit_rpc_pending", 0);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_pending_bytes"), 0);
    echo_stop(&echo);
    /*  What ran, and some more; what did not.  */
    assert_true(echo.stats.answered >= ended[0] + ended[2]);
    assert_true(echo.stats.refused >= ended[1]);
}

static void takes_a_fresh_key_before_one_is_used_too_much(void **state)
{
    (void)state;
    enum { FRAMES = 3 }; /* of LARGE */
    uint64_t largest = TACIT_BULK_MAX / TACIT_LANE_FRAGMENT + 1;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    s_assert_bulk(client);
    tacit_lane_sender_limit(client->lane.sender, 1 + 2 * FRAMES + largest - 1);
    assert_false(tacit_lane_sender_is_spent(client->lane.sender));
    s_assert_bulk(client);
    assert_int_equal(client->lane.opened, 1);
    assert_true(tacit_lane_sender_is_spent(client->lane.sender));
    s_assert_bulk(client);
    assert_int_equal(client->lane.opened, 2);
    assert_int_equal(client->lane.sent, 3);

    /*  The same for what comes; and a call under way keeps the lane, while nothing more goes by it
        than the key bears.  */
    tacit_lane_receiver_limit(client->lane.receiver, 1 + FRAMES + largest - 1);
    assert_true(tacit_lane_receiver_is_spent(client->lane.receiver));
    s_assert_bulk(client);
    assert_int_equal(client->lane.opened, 3);
    const tacit_echo_hold_args_t args = {0};
    uint64_t call = 0;
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_hold, &args, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_OK);
    tacit_lane_sender_limit(client->lane.sender, 1 + FRAMES + 1);
    s_assert_bulk(client);
    assert_int_equal(client->lane.opened, 3);
    assert_int_equal(client->lane.sent, 4); /* over CURVE */
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  --- idle ------------------------------------------------------------------------------------ */

/*  Who looks away finds its lane gone, and no call knows.  */
static void recalls_a_lane_that_nobody_uses(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, 100, NEVER, 100);
    tacit_client_t *client = s_bind(&echo);
    s_assert_bulk(client);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes"), 1);
    echo_await_metric(&echo, "tacit_rpc_lanes", 0);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes_recalled_total"), 1);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes_broken_total"), 0);
    assert_non_null(tacit_client_lane_socket(client)); /* it was not told yet */
    s_assert_bulk_after_long(client);
    assert_null(tacit_client_lane_socket(client));
    assert_int_equal(client->lane.sent, 1);
    s_wait_for_next(client);
    s_assert_bulk(client);
    assert_int_equal(client->lane.sent, 2);
    assert_int_equal(client->lane.opened, 2);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  Told between the recall and the end: the client lets go by itself, but not under a call.  */
static void gives_a_recalled_lane_back_between_calls(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, 100, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    const tacit_echo_hold_args_t args = {0};
    uint64_t call = 0;
    s_assert_bulk(client);
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_hold, &args, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_OK);
    echo_await_metric(&echo, "tacit_rpc_lanes_recalled_total", 1);
    s_assert_bulk_after_long(client);
    assert_true(client->lane.recalled);
    assert_int_equal(client->lane.sent, 1); /* nothing more by it */
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes"), 1);
    tacit_client_t *other = s_bind(&echo);
    const tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    tacit_reply_t reply;
    assert_int_equal(tacit_echo_release_call(other, &release, &released, NULL), TACIT_OK);
    assert_int_equal(tacit_client_next(client, 5000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_OK);
    s_assert_bulk(client);
    assert_null(tacit_client_lane_socket(client));
    echo_await_metric(&echo, "tacit_rpc_lanes", 0);
    tacit_client_destroy(&other);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  --- crowded --------------------------------------------------------------------------------- */

static tacit_client_t *s_clients[TACIT_LANES_MAX];

static void s_crowd(const echo_service_t *echo)
{
    echo_keys_t keys[2];
    echo_make_keys(&keys[0]);
    echo_make_keys(&keys[1]);
    for (size_t i = 0; i < TACIT_LANES_MAX; i++) {
        s_clients[i] = echo_bind(echo, &keys[i % 2], TACIT_ROLE_USER);
        assert_int_equal(tacit_client_open_lane(s_clients[i], NULL), TACIT_OK);
        zclock_sleep(i < 2 ? 2 : 0); /* the first one is the longest idle */
    }
    assert_int_equal(echo_metric(echo, "tacit_rpc_lanes"), TACIT_LANES_MAX);
}

static void s_leave(void)
{
    for (size_t i = 0; i < TACIT_LANES_MAX; i++) {
        tacit_client_destroy(&s_clients[i]);
    }
}

static void the_longest_idle_lane_gives_way_and_its_client_sees_no_error(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, 0, 100);
    s_crowd(&echo);
    s_assert_bulk(s_clients[0]);
    tacit_client_t *client = s_bind(&echo);
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes_recalled_total"), 1);
    s_assert_bulk(client);
    assert_int_equal(client->lane.sent, 1);
    echo_await_metric(&echo, "tacit_rpc_lanes", TACIT_LANES_MAX);
    size_t without = 0;
    for (size_t i = 0; i < TACIT_LANES_MAX; i++) {
        s_assert_bulk_after_long(s_clients[i]);
        without += tacit_client_lane_socket(s_clients[i]) == NULL;
    }
    assert_int_equal(without, 1);
    assert_null(tacit_client_lane_socket(s_clients[1]));
    tacit_client_destroy(&client);
    s_leave();
    echo_stop(&echo);
}

static void one_more_is_busy_where_none_is_idle_and_served_without(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    s_crowd(&echo);
    tacit_client_t *client = s_bind(&echo);
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_BUSY);
    s_assert_bulk(client);
    assert_int_equal(client->lane.sent, 0);
    s_assert_bulk(s_clients[0]);
    assert_int_equal(s_clients[0]->lane.sent, 1);
    tacit_client_destroy(&s_clients[0]);
    echo_await_metric(&echo, "tacit_rpc_lanes", TACIT_LANES_MAX - 1);
    s_wait_for_next(client);
    s_assert_bulk(client);
    assert_int_equal(client->lane.sent, 1);
    tacit_client_destroy(&client);
    s_leave();
    echo_await_metric(&echo, "tacit_rpc_lanes", 0);
    echo_stop(&echo);
}

/*  Who polls sockets itself is told when to open another one.  */
static void an_owner_who_polls_opens_the_next_lane_itself(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_client_t *client = s_bind(&echo);
    assert_non_null(tacit_client_socket(client));
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    s_assert_bulk(client);
    assert_false(tacit_client_lane_lacks(client));
    tacit_client_lane_end(client, "the test cuts it");
    s_wait_for_next(client);
    assert_false(tacit_client_lane_lacks(client)); /* nobody missed it */
    s_assert_bulk(client);
    assert_true(tacit_client_lane_lacks(client));
    assert_int_equal(client->lane.opened, 1);
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    assert_false(tacit_client_lane_lacks(client));
    s_assert_bulk(client);
    assert_int_equal(client->lane.sent, 2);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  --- channels -------------------------------------------------------------------------------- */

static void s_call_by(tacit_channel_t *channel)
{
    const tacit_echo_bulk_args_t args = {.copy = true};
    const tacit_request_t request = {
        .method = &tacit_echo_bulk, .args = &args, .bulk = tacit_span(s_bytes, LARGE)};
    tacit_span_t bulk;
    assert_int_equal(tacit_channel_call(channel, &request, NULL, &bulk, NULL), TACIT_OK);
    assert_int_equal(bulk.size, LARGE);
}

/*  A connection whose lane was lost serves on, until another one with a lane takes its place.  */
static void a_channel_gets_its_lane_back(void **state)
{
    (void)state;
    echo_service_t echo;
    s_serve(&echo, NEVER, NEVER, NEVER);
    tacit_party_t party = echo_party(&echo, &echo.user, TACIT_ROLE_USER);
    tacit_client_config_t client = echo_config(&echo, &echo.user);
    tacit_channel_config_t config = {.patience_ms = 0};
    tacit_channel_t *channel = NULL;
    tacit_target_t target;
    client.party = &party;
    snprintf(target.endpoint, sizeof target.endpoint, "%s", echo.endpoint);
    memcpy(target.server_key, echo.server.public_key, sizeof target.server_key);
    assert_int_equal(tacit_channel_fixed(&client, &target, 1, &config.source, NULL), TACIT_OK);
    config.source.lane = true;
    assert_int_equal(tacit_channel_new(&config, &channel, NULL), TACIT_OK);
    s_call_by(channel);
    const tacit_route_t *route = &channel->routes[0];
    const tacit_client_t *first = route->client;
    assert_int_equal(first->lane.sent, 1);
    tacit_client_lane_end(route->client, "the test cuts it");
    s_call_by(channel);
    assert_ptr_equal(route->client, first); /* in its time */
    assert_int_equal(first->lane.sent, 1);
    s_wait_for_next(route->client);
    for (size_t i = 0; i < 200 && (route->client == first || i < 3); i++) {
        s_call_by(channel);
        zclock_sleep(5);
    }
    assert_ptr_not_equal(route->client, first);
    s_call_by(channel);
    assert_true(route->client->lane.sent > 0);
    tacit_channel_destroy(&channel);
    echo_stop(&echo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_lost_lane_again_after_a_time),
        cmocka_unit_test(does_not_loop_where_lanes_always_break),
        cmocka_unit_test(gives_each_lane_a_name_and_keys_of_its_own),
        cmocka_unit_test(ends_each_call_on_a_lost_lane_once),
        cmocka_unit_test(takes_a_fresh_key_before_one_is_used_too_much),
        cmocka_unit_test(recalls_a_lane_that_nobody_uses),
        cmocka_unit_test(gives_a_recalled_lane_back_between_calls),
        cmocka_unit_test(the_longest_idle_lane_gives_way_and_its_client_sees_no_error),
        cmocka_unit_test(one_more_is_busy_where_none_is_idle_and_served_without),
        cmocka_unit_test(an_owner_who_polls_opens_the_next_lane_itself),
        cmocka_unit_test(a_channel_gets_its_lane_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
