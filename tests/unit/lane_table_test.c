/*  lane_table_test.c - whose lane goes when, and when the next one may come: rules without sockets,
    and with a clock of the test's.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/lane_reopen.h"
#include "rpc/server_lane_table.h"

static const uint8_t s_exporter[32] = {1};
static tacit_lane_pool_t *s_pool;

/*  The number-th lane, of that peer.  */
static tacit_server_lane_t *s_lane(uint8_t peer, uint8_t number, uint64_t used_ms)
{
    tacit_server_lane_t *row = calloc(1, sizeof *row);
    tacit_lane_seal_t *out = NULL;
    tacit_lane_seal_t *in = NULL;
    assert_non_null(row);
    memset(row->id.peer, peer, sizeof row->id.peer);
    row->id.routing[0] = number;
    row->name[0] = number;
    row->connected = true;
    row->used_ms = used_ms;
    assert_int_equal(tacit_lane_seal_new(s_exporter, row->name, TACIT_LANE_AES256_GCM,
                                         TACIT_SIDE_SERVER, true, &out),
                     TACIT_OK);
    assert_int_equal(tacit_lane_seal_new(s_exporter, row->name, TACIT_LANE_AES256_GCM,
                                         TACIT_SIDE_CLIENT, false, &in),
                     TACIT_OK);
    row->sender = tacit_lane_sender_new(&out, s_pool);
    row->receiver = tacit_lane_receiver_new(&in, s_pool);
    return row;
}

static void s_occupy(tacit_server_lane_t *row)
{
    const tacit_lane_ticket_t ticket = {.first = 1, .size = 1000};
    assert_int_equal(tacit_lane_receiver_expect(row->receiver, &ticket), TACIT_OK);
}

static int s_setup(void **state)
{
    tacit_lane_table_t *table = calloc(1, sizeof *table);
    tacit_lane_table_init(table);
    s_pool = tacit_lane_pool_new();
    *state = table;
    return table && s_pool ? 0 : 1;
}

static int s_teardown(void **state)
{
    tacit_lane_table_t *table = *state;
    while (table->count > 0) {
        tacit_server_lane_free(tacit_lane_table_remove(table, 0));
    }
    tacit_lane_pool_destroy(&s_pool);
    free(table);
    return 0;
}

/*  So many lanes of two peers, the first one used at time 1000, the next ones later.  */
static void s_fill(tacit_lane_table_t *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tacit_lane_table_add(table, s_lane((uint8_t)(i % 2), (uint8_t)i, 1000 + i));
    }
}

static const uint8_t s_stranger[TACIT_CURVE_KEY_SIZE] = {9};

static tacit_status_t s_room(const tacit_lane_table_t *table, const uint8_t *peer, uint64_t now_ms,
                             tacit_server_lane_t **ret_victim)
{
    *ret_victim = NULL;
    return tacit_lane_table_room(table, peer, now_ms, ret_victim);
}

/*  --- the table ------------------------------------------------------------------------------- */

static void has_room_up_to_the_limit_and_then_the_longest_idle_lane_goes(void **state)
{
    tacit_lane_table_t *table = *state;
    tacit_server_lane_t *victim = NULL;
    s_fill(table, TACIT_LANES_MAX - 1);
    assert_int_equal(s_room(table, s_stranger, 5000, &victim), TACIT_OK);
    assert_null(victim);
    tacit_lane_table_add(table, s_lane(7, 200, 4999));
    table->rows[3]->used_ms = 7; /* the longest */
    assert_int_equal(s_room(table, s_stranger, 5000, &victim), TACIT_OK);
    assert_ptr_equal(victim, table->rows[3]);
    victim->recalled = true;
    assert_int_equal(s_room(table, s_stranger, 5000, &victim), TACIT_OK);
    assert_null(victim); /* it left its place already */
}

static void takes_no_lane_that_is_in_use_or_was_a_moment_ago(void **state)
{
    tacit_lane_table_t *table = *state;
    tacit_server_lane_t *victim = NULL;
    s_fill(table, TACIT_LANES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        table->rows[i]->used_ms = 1000;
    }
    assert_int_equal(s_room(table, s_stranger, 1000 + TACIT_LANE_SPARE_MS - 1, &victim),
                     TACIT_BUSY);
    assert_int_equal(s_room(table, s_stranger, 1000 + TACIT_LANE_SPARE_MS, &victim), TACIT_OK);
    for (size_t i = 0; i < table->count; i++) {
        s_occupy(table->rows[i]);
    }
    assert_int_equal(s_room(table, s_stranger, 1000000, &victim), TACIT_BUSY);
    assert_false(tacit_lane_table_stale(table, table->rows[0], 1000000));
}

static void bounds_the_lanes_that_leave(void **state)
{
    tacit_lane_table_t *table = *state;
    tacit_server_lane_t *victim = NULL;
    s_fill(table, TACIT_LANES_MAX);
    for (size_t i = 0; i < TACIT_LANES_RECALLED_MAX; i++) {
        assert_int_equal(s_room(table, s_stranger, 100000, &victim), TACIT_OK);
        assert_ptr_equal(victim, table->rows[i]);
        victim->recalled = true;
        tacit_lane_table_add(table, s_lane((uint8_t)(i % 2), (uint8_t)(100 + i), 50000));
    }
    assert_int_equal(s_room(table, s_stranger, 100000, &victim), TACIT_BUSY);
    tacit_server_lane_free(tacit_lane_table_remove(table, 0));
    assert_int_equal(s_room(table, s_stranger, 100000, &victim), TACIT_OK);
    assert_non_null(victim);
}

/*  Who has many lanes loses one of them, and not another peer's.  */
static void bounds_the_lanes_of_one_peer(void **state)
{
    tacit_lane_table_t *table = *state;
    tacit_server_lane_t *victim = NULL;
    const uint8_t greedy[TACIT_CURVE_KEY_SIZE] = {0};
    tacit_lane_table_add(table, s_lane(5, 250, 1)); /* somebody's, idle for longest */
    for (size_t i = 0; i < TACIT_LANES_PER_PEER_MAX - 1; i++) {
        tacit_lane_table_add(table, s_lane(0, (uint8_t)i, 2000 + i));
    }
    assert_int_equal(s_room(table, greedy, 100000, &victim), TACIT_OK);
    assert_null(victim);
    tacit_lane_table_add(table, s_lane(0, 99, 90000));
    assert_int_equal(s_room(table, greedy, 100000, &victim), TACIT_OK);
    assert_ptr_equal(victim, table->rows[1]);
    assert_int_equal(s_room(table, s_stranger, 100000, &victim), TACIT_OK);
    assert_null(victim);
}

static void knows_idle_lanes_by_their_time(void **state)
{
    tacit_lane_table_t *table = *state;
    s_fill(table, 1);
    tacit_server_lane_t *row = table->rows[0];
    assert_false(tacit_lane_table_stale(table, row, 1000 + TACIT_LANE_IDLE_MS - 1));
    assert_true(tacit_lane_table_stale(table, row, 1000 + TACIT_LANE_IDLE_MS));
    assert_false(tacit_lane_table_stale(table, row, 0)); /* used later than that */
    row->recalled = true;
    assert_false(tacit_lane_table_stale(table, row, 1000 + TACIT_LANE_IDLE_MS));
    row->recalled = false;
    assert_false(tacit_lane_table_stuck(table, row, 1000 + TACIT_LANE_IDLE_MS));
    s_occupy(row);
    assert_false(tacit_lane_table_stale(table, row, 1000 + TACIT_LANE_IDLE_MS));
    assert_false(tacit_lane_table_stuck(table, row, 1000 + TACIT_LANE_IDLE_MS - 1));
    assert_true(tacit_lane_table_stuck(table, row, 1000 + TACIT_LANE_IDLE_MS));
    row->ended = true;
    assert_false(tacit_lane_table_stale(table, row, 1000 + TACIT_LANE_IDLE_MS));
}

static void finds_lanes_that_have_not_ended(void **state)
{
    tacit_lane_table_t *table = *state;
    s_fill(table, 5);
    tacit_server_lane_t *row = table->rows[4];
    tacit_connection_id_t other = row->id;
    assert_ptr_equal(tacit_lane_table_find(table, &row->id), row);
    assert_ptr_equal(tacit_lane_table_find_name(table, row->name), row);
    other.routing[1] ^= 1;
    assert_null(tacit_lane_table_find(table, &other));
    assert_null(tacit_lane_table_find_name(table, NULL));
    row->ended = true;
    assert_null(tacit_lane_table_find(table, &row->id));
    assert_null(tacit_lane_table_find_name(table, row->name));
}

/*  --- opening again --------------------------------------------------------------------------- */

static void opens_again_at_once_what_had_lasted(void **state)
{
    (void)state;
    tacit_lane_reopen_t reopen = {.count = 0};
    assert_true(tacit_lane_reopen_due(&reopen, 0));
    tacit_lane_reopen_opened(&reopen, 1000);
    tacit_lane_reopen_lost(&reopen, 1000 + TACIT_LANE_STEADY_MS);
    assert_true(tacit_lane_reopen_due(&reopen, 1000 + TACIT_LANE_STEADY_MS));
    tacit_lane_reopen_opened(&reopen, 50000);
    tacit_lane_reopen_lost(&reopen, 50000 + TACIT_LANE_STEADY_MS - 1);
    assert_false(tacit_lane_reopen_due(&reopen, 50000 + TACIT_LANE_STEADY_MS));
    tacit_lane_reopen_renewed(&reopen); /* whose key was used enough */
    assert_true(tacit_lane_reopen_due(&reopen, 50000 + TACIT_LANE_STEADY_MS));
}

/*  Every attempt fails: within an hour there are some dozens.  */
static void tries_ever_more_seldom(void **state)
{
    (void)state;
    tacit_lane_reopen_t reopen = {.count = 0};
    uint64_t now_ms = 5;
    uint64_t most = TACIT_LANE_REOPEN_MS;
    for (size_t i = 0; i < 40; i++) {
        tacit_lane_reopen_lost(&reopen, now_ms);
        assert_true(reopen.next_ms >= now_ms + most / 2 && reopen.next_ms <= now_ms + most);
        assert_false(tacit_lane_reopen_due(&reopen, reopen.next_ms - 1));
        assert_true(tacit_lane_reopen_due(&reopen, reopen.next_ms));
        now_ms = reopen.next_ms;
        most = 2 * most < TACIT_LANE_REOPEN_CAP_MS ? 2 * most : TACIT_LANE_REOPEN_CAP_MS;
    }
    assert_true(now_ms > (uint64_t)15 * 60 * 1000);
    tacit_lane_reopen_t next = {.count = 0}; /* of the connection that takes its place */
    tacit_lane_reopen_inherit(&next, &reopen, now_ms);
    assert_false(tacit_lane_reopen_due(&next, now_ms + TACIT_LANE_REOPEN_CAP_MS / 2 - 1));
}

/*  A service that gave a name twice would have two lanes under one key.  */
static void takes_no_name_twice_in_a_session(void **state)
{
    (void)state;
    tacit_lane_reopen_t reopen = {.count = 0};
    uint8_t name[TACIT_LANE_ID_SIZE] = {0};
    for (size_t i = 0; i < TACIT_LANES_PER_SESSION_MAX; i++) {
        assert_true(tacit_lane_reopen_due(&reopen, 0));
        name[15] = (uint8_t)i;
        assert_int_equal(tacit_lane_reopen_name(&reopen, name), TACIT_OK);
        assert_int_equal(tacit_lane_reopen_name(&reopen, name), TACIT_PROTOCOL_ERROR);
        name[15] = 0;
        assert_int_equal(tacit_lane_reopen_name(&reopen, name), TACIT_PROTOCOL_ERROR);
    }
    name[15] = TACIT_LANES_PER_SESSION_MAX;
    assert_int_equal(tacit_lane_reopen_name(&reopen, name), TACIT_TOO_LARGE);
    assert_false(tacit_lane_reopen_due(&reopen, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            has_room_up_to_the_limit_and_then_the_longest_idle_lane_goes, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(takes_no_lane_that_is_in_use_or_was_a_moment_ago, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(bounds_the_lanes_that_leave, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(bounds_the_lanes_of_one_peer, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(knows_idle_lanes_by_their_time, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(finds_lanes_that_have_not_ended, s_setup, s_teardown),
        cmocka_unit_test(opens_again_at_once_what_had_lasted),
        cmocka_unit_test(tries_ever_more_seldom),
        cmocka_unit_test(takes_no_name_twice_in_a_session),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
