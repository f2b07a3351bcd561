/*  server_limits_test.c - methods with limits as their callers see them: turns, refusals, the pool,
    and every way in which a call is over before it ran, or while it does.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>

#include <cmocka.h>

#include "rpc/limits.h"
#include "tests/unit/turns_service.h"

static turns_service_t s_turns;

static int s_setup(void **state)
{
    (void)state;
    turns_start(&s_turns);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    turns_stop(&s_turns);
    return 0;
}

static uint64_t s_now(void)
{
    return (uint64_t)zclock_mono();
}

static uint64_t s_start(tacit_client_t *client, const tacit_method_t *method, const void *args,
                        uint32_t deadline_ms)
{
    uint64_t call = 0;
    assert_int_equal(
        tacit_client_start(client, method, args, tacit_span(NULL, 0), deadline_ms, &call, NULL),
        TACIT_OK);
    return call;
}

static uint64_t s_work(tacit_client_t *client, uint32_t ms, uint32_t deadline_ms)
{
    const tacit_turns_work_args_t args = {.ms = ms};
    return s_start(client, &tacit_turns_work, &args, deadline_ms);
}

static uint64_t s_hold(tacit_client_t *client)
{
    const tacit_turns_hold_args_t args = {.number = 1};
    return s_start(client, &tacit_turns_hold, &args, 0);
}

static uint32_t s_let_go(tacit_client_t *client, uint32_t most)
{
    const tacit_turns_let_go_args_t args = {.most = most};
    tacit_turns_let_go_result_t result;
    assert_int_equal(tacit_turns_let_go_call(client, &args, &result, NULL), TACIT_OK);
    return result.held;
}

/*  How the next call ends.  */
static tacit_status_t s_next(tacit_client_t *client, tacit_reply_t *ret_reply)
{
    tacit_status_t status = tacit_client_next(client, 8000, ret_reply, NULL);
    return status == TACIT_OK ? ret_reply->status : status;
}

static void s_expect(tacit_client_t *client, uint64_t call, tacit_status_t expected)
{
    tacit_reply_t reply = {.call = 0};
    assert_int_equal(s_next(client, &reply), expected);
    assert_int_equal(reply.call, call);
}

static void s_await_running(uint32_t running)
{
    uint64_t end = s_now() + 5000;
    while (s_turns.running != running && s_now() < end) {
        zclock_sleep(2);
    }
    assert_int_equal(s_turns.running, running);
}

static void s_await_held(tacit_client_t *client, uint32_t held)
{
    uint64_t end = s_now() + 5000;
    while (s_let_go(client, 0) != held && s_now() < end) {
        zclock_sleep(2);
    }
    assert_int_equal(s_let_go(client, 0), held);
}

/*  --- limits ---------------------------------------------------------------------------------- */

static void holds_a_methods_and_a_callers_limit(void **state)
{
    (void)state;
    tacit_client_t *one = turns_connect(&s_turns, NULL, false);
    tacit_client_t *two = turns_connect(&s_turns, NULL, false);
    for (int i = 0; i < 3; i++) {
        (void)s_hold(one); /* two of them are held */
    }
    assert_int_equal(s_let_go(one, 0), 2);
    (void)s_hold(two);
    assert_int_equal(s_let_go(two, 0), 3);
    (void)s_hold(two); /* the fourth of all */
    assert_int_equal(s_let_go(two, 0), 3);
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.hold\"}", 2);
    assert_int_equal(turns_metric(&s_turns, "tacit_rpc_running{method=\"turns.hold\"}"), 3);
    (void)s_let_go(one, 3);
    s_await_held(one, 2);
    (void)s_let_go(one, 3);
    tacit_reply_t reply;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s_next(one, &reply), TACIT_OK);
    }
    assert_int_equal(s_next(two, &reply), TACIT_OK);
    assert_int_equal(s_next(two, &reply), TACIT_OK);
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.hold\"}", 0);
    assert_int_equal(turns_metric(&s_turns, "tacit_rpc_running{method=\"turns.hold\"}"), 0);
    tacit_client_destroy(&one);
    tacit_client_destroy(&two);
}

static void refuses_beyond_the_queue_and_says_when(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint64_t before = turns_metric(&s_turns, "tacit_rpc_crowded_out_total{method=\"turns.hold\"}");
    for (int i = 0; i < 5; i++) {
        (void)s_hold(client); /* two run, three wait */
    }
    uint64_t beyond = s_hold(client);
    tacit_reply_t reply;
    assert_int_equal(s_next(client, &reply), TACIT_BUSY);
    assert_int_equal(reply.call, beyond);
    assert_in_range(reply.error.retry_after_ms, TACIT_BUSY_RETRY_MIN_MS, TACIT_BUSY_RETRY_MAX_MS);
    assert_int_equal(turns_metric(&s_turns, "tacit_rpc_crowded_out_total{method=\"turns.hold\"}"),
                     (before == UINT64_MAX ? 0 : before) + 1);
    for (int i = 0; i < 5; i++) {
        (void)s_let_go(client, 1);
        assert_int_equal(s_next(client, &reply), TACIT_OK);
    }
    tacit_client_destroy(&client);
}

static void connections_of_a_key_are_one_caller(void **state)
{
    (void)state;
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_t *one = turns_connect(&s_turns, &keys, false);
    tacit_client_t *two = turns_connect(&s_turns, &keys, true);
    (void)s_hold(one);
    (void)s_hold(one);
    s_await_held(one, 2);
    (void)s_hold(two);
    assert_int_equal(s_let_go(two, 0), 2);
    tacit_client_destroy(&one); /* what it had is over, and the other's turn has come */
    s_await_held(two, 1);
    (void)s_let_go(two, 1);
    tacit_reply_t reply;
    assert_int_equal(s_next(two, &reply), TACIT_OK);
    tacit_client_destroy(&two);
}

/*  Four wait: three of one caller and one of another. A third caller's takes the place of the
    newest of the three.  */
static void who_has_most_gives_way(void **state)
{
    (void)state;
    tacit_client_t *clients[3];
    const int left[] = {4, 2, 1};
    for (int i = 0; i < 3; i++) {
        clients[i] = turns_connect(&s_turns, NULL, false);
    }
    for (int i = 0; i < 4; i++) {
        (void)s_hold(clients[0]);
    }
    uint64_t newest = s_hold(clients[0]);
    s_await_held(clients[0], 2);
    (void)s_hold(clients[1]);
    (void)s_hold(clients[1]);
    s_await_held(clients[1], 3);
    (void)s_hold(clients[2]);
    tacit_reply_t reply;
    assert_int_equal(s_next(clients[0], &reply), TACIT_BUSY);
    assert_int_equal(reply.call, newest);
    assert_true(reply.error.retry_after_ms >= TACIT_BUSY_RETRY_MIN_MS);
    for (int i = 0; i < 3; i++) {
        (void)s_let_go(clients[0], 3);
        zclock_sleep(5);
    }
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < left[i]; j++) {
            assert_int_equal(s_next(clients[i], &reply), TACIT_OK);
        }
        tacit_client_destroy(&clients[i]);
    }
}

static void a_stream_waits_for_its_turn_with_what_came(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    const tacit_turns_flow_args_t args = {0};
    uint8_t chunk[64] = {1};
    uint64_t calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] = s_start(client, &tacit_turns_flow, &args, 0);
    }
    tacit_reply_t reply;
    assert_int_equal(tacit_client_finish(client, calls[2], &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_BUSY);
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(tacit_client_send(client, calls[i], chunk, sizeof chunk, NULL, NULL, NULL),
                         TACIT_OK);
        assert_int_equal(tacit_client_end(client, calls[i], NULL), TACIT_OK);
    }
    for (int i = 1; i >= 0; i--) {
        assert_int_equal(tacit_client_finish(client, calls[i], &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    tacit_client_destroy(&client);
}

/*  --- in the pool ----------------------------------------------------------------------------- */

static void blocking_handlers_hold_nobody_up(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint64_t calls[3];
    s_turns.most = 0;
    uint64_t start = s_now();
    for (int i = 0; i < 3; i++) {
        calls[i] = s_work(client, 300, 0);
    }
    s_await_running(2);
    (void)s_let_go(client, 0); /* is answered meanwhile */
    assert_true(s_now() - start < 300);
    tacit_reply_t reply;
    uint64_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s_next(client, &reply), TACIT_OK);
        threads[i] = ((const tacit_turns_work_result_t *)reply.result)->thread;
    }
    assert_int_equal(reply.call, calls[2]);
    assert_int_not_equal(threads[0], threads[1]);
    assert_in_range(s_now() - start, 590, 5000);
    assert_int_equal(s_turns.most, 2);
    assert_int_equal(turns_metric(&s_turns, "tacit_rpc_pool_threads"), TURNS_THREADS);
    assert_int_equal(turns_metric(&s_turns, "tacit_rpc_pool_busy"), 0);
    tacit_client_destroy(&client);
}

static void carries_bulk_and_secrets(void **state)
{
    (void)state;
    enum { SIZE = 1048576, CALLS = 12 };
    tacit_client_t *client = turns_connect(&s_turns, NULL, true);
    uint8_t *bulk = malloc(SIZE);
    for (size_t size = 0; size <= SIZE; size = size ? size * 1024 : 1024) {
        const tacit_turns_reverse_args_t args = {.has_note = true,
                                                 .note = tacit_span_string("between us")};
        tacit_turns_reverse_result_t result;
        tacit_span_t back;
        randombytes_buf(bulk, SIZE);
        assert_int_equal(tacit_client_call(client, &tacit_turns_reverse, &args,
                                           tacit_span(bulk, size), 0, &result, &back, NULL),
                         TACIT_OK);
        assert_true(tacit_span_equal(result.note, args.note));
        assert_int_equal(back.size, size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(back.data[i], bulk[size - 1 - i]);
        }
    }
    const tacit_turns_reverse_args_t none = {.has_note = false};
    for (int i = 0; i < CALLS; i++) { /* at once */
        uint64_t call = 0;
        assert_int_equal(tacit_client_start(client, &tacit_turns_reverse, &none,
                                            tacit_span(bulk, SIZE), 0, &call, NULL),
                         TACIT_OK);
    }
    tacit_reply_t reply;
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(s_next(client, &reply), TACIT_OK);
        assert_int_equal(reply.bulk.size, SIZE);
        assert_int_equal(reply.bulk.data[0], bulk[SIZE - 1]);
    }
    free(bulk);
    tacit_client_destroy(&client);
}

static void refusals_come_back_as_they_are(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    const tacit_status_t expected[] = {(tacit_status_t)TACIT_TURNS_REFUSED, TACIT_INTERNAL,
                                       TACIT_INTERNAL, TACIT_OK, TACIT_OK};
    for (uint8_t how = 0; how < 5; how++) {
        const tacit_turns_fail_args_t args = {.how = how};
        tacit_turns_fail_result_t result;
        tacit_error_t error = {.code = TACIT_OK};
        assert_int_equal(tacit_turns_fail_call(client, &args, &result, &error), expected[how]);
        assert_string_equal(error.message, how == 0   ? "by turns"
                                           : how <= 2 ? tacit_status_text(TACIT_INTERNAL)
                                                      : "");
    }
    tacit_client_destroy(&client);
}

static void calls_of_a_batch_take_their_turns(void **state)
{
    (void)state;
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_config_t config = {.endpoint = s_turns.endpoint,
                                    .server_key = s_turns.keys.public_key,
                                    .public_key = keys.public_key,
                                    .secret_key = keys.secret_key,
                                    .coalesce = true};
    tacit_client_t *client = NULL;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    for (int i = 0; i < 10; i++) {
        (void)s_work(client, 1, 0);
    }
    tacit_reply_t reply;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(s_next(client, &reply), TACIT_OK);
    }
    tacit_client_destroy(&client);
}

static uint64_t s_parts(tacit_client_t *client, tacit_turns_parts_args_t args, uint32_t deadline_ms)
{
    return s_start(client, &tacit_turns_parts, &args, deadline_ms);
}

static void a_call_in_parts_has_its_middle_in_the_pool(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    tacit_reply_t reply;
    for (uint32_t i = 0; i < 6; i++) { /* two run, and four wait */
        (void)s_parts(client, (tacit_turns_parts_args_t){.ms = 20, .again = i % 3}, 0);
    }
    (void)s_let_go(client, 0); /* is answered meanwhile */
    for (int i = 0; i < 6; i++) {
        assert_int_equal(s_next(client, &reply), TACIT_OK);
        const tacit_turns_parts_result_t *result = reply.result;
        assert_int_equal(result->first, result->last);
        assert_int_not_equal(result->first, result->middle);
    }
    (void)s_parts(client, (tacit_turns_parts_args_t){.ms = 1, .fails = 1}, 0);
    assert_int_equal(s_next(client, &reply), TACIT_NOT_FOUND);
    assert_string_equal(reply.error.message, "in parts");
    tacit_client_destroy(&client);
}

static void a_call_in_parts_that_is_over_has_its_end_all_the_same(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    const tacit_turns_parts_args_t args = {.ms = 4000, .again = 1};
    uint32_t ended = s_turns.parts_ended;
    uint64_t start = s_now();
    uint64_t cancelled = s_parts(client, args, 0);
    uint64_t late = s_parts(client, args, 200);
    tacit_client_cancel(client, s_parts(client, args, 0)); /* which never began */
    s_expect(client, late, TACIT_DEADLINE_EXCEEDED);
    tacit_client_cancel(client, cancelled);
    turns_await_metric(&s_turns, "tacit_rpc_running{method=\"turns.parts\"}", 0);
    assert_int_equal(s_turns.parts_ended, ended + 2);
    assert_true(s_now() - start < 3000);
    tacit_client_destroy(&client);
}

/*  --- over before its end --------------------------------------------------------------------- */

static void what_is_late_in_the_queue_never_runs(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint32_t begun = s_turns.begun;
    (void)s_work(client, 500, 0);
    (void)s_work(client, 500, 0);
    s_await_running(2);
    uint64_t late = s_work(client, 1, 200);
    s_expect(client, late, TACIT_DEADLINE_EXCEEDED);
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.work\"}", 0);
    tacit_reply_t reply;
    assert_int_equal(s_next(client, &reply), TACIT_OK);
    assert_int_equal(s_next(client, &reply), TACIT_OK);
    assert_int_equal(s_turns.begun, begun + 2);
    tacit_client_destroy(&client);
}

static void what_is_cancelled_in_the_queue_is_dropped(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint32_t begun = s_turns.begun;
    tacit_reply_t reply;
    (void)s_work(client, 300, 0);
    (void)s_work(client, 300, 0);
    s_await_running(2);
    for (int i = 0; i < 8; i++) {
        tacit_client_cancel(client, s_work(client, 1, 0));
    }
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.work\"}", 0);
    (void)s_work(client, 1, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s_next(client, &reply), TACIT_OK);
    }
    assert_int_equal(s_turns.begun, begun + 3);
    tacit_client_destroy(&client);
}

static void who_is_over_in_the_pool_is_told(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint32_t over = s_turns.over;
    uint64_t cancelled = s_work(client, 4000, 0);
    uint64_t late = s_work(client, 4000, 300);
    s_await_running(2);
    uint64_t start = s_now();
    tacit_client_cancel(client, cancelled);
    s_expect(client, late, TACIT_DEADLINE_EXCEEDED);
    s_await_running(0);
    assert_true(s_now() - start < 3000);
    assert_int_equal(s_turns.over, over + 2);
    tacit_client_destroy(&client);
}

static void a_caller_that_vanishes_frees_its_places(void **state)
{
    (void)state;
    tacit_client_t *gone = turns_connect(&s_turns, NULL, false);
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    uint32_t begun = s_turns.begun;
    for (int i = 0; i < 10; i++) {
        (void)s_work(gone, 4000, 0);
    }
    s_await_running(2);
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.work\"}", 8);
    uint64_t start = s_now();
    tacit_client_destroy(&gone);
    uint64_t call = s_work(client, 1, 0);
    s_expect(client, call, TACIT_OK);
    assert_true(s_now() - start < 3000);
    assert_int_equal(s_turns.begun, begun + 3);
    turns_await_metric(&s_turns, "tacit_rpc_running{method=\"turns.work\"}", 0);
    tacit_client_destroy(&client);
}

/*  Answered by its deadline; its place is free when its handler has returned, and not before.  */
static void who_is_deaf_keeps_its_turn(void **state)
{
    (void)state;
    tacit_client_t *client = turns_connect(&s_turns, NULL, false);
    const tacit_turns_deaf_args_t args = {.ms = 600};
    uint64_t call = s_start(client, &tacit_turns_deaf, &args, 200);
    s_expect(client, call, TACIT_DEADLINE_EXCEEDED);
    call = s_start(client, &tacit_turns_deaf, &args, 0);
    s_expect(client, call, TACIT_BUSY);
    s_await_running(0);
    turns_await_metric(&s_turns, "tacit_rpc_running{method=\"turns.deaf\"}", 0);
    call = s_start(client, &tacit_turns_deaf, &args, 0);
    s_expect(client, call, TACIT_OK);
    tacit_client_destroy(&client);
}

static void a_server_ends_in_time_with_its_pool_at_work(void **state)
{
    (void)state;
    turns_service_t turns;
    turns_start(&turns);
    tacit_client_t *client = turns_connect(&turns, NULL, true);
    const tacit_turns_deaf_args_t deaf = {.ms = 400};
    uint64_t call = s_start(client, &tacit_turns_deaf, &deaf, 0);
    for (int i = 0; i < 6; i++) {
        (void)s_work(client, 4000, 0);
    }
    for (int i = 0; i < 500 && turns.running < 3; i++) {
        zclock_sleep(5);
    }
    assert_int_equal(turns.running, 3);
    for (int i = 0; i < 6; i++) { /* two begin, but no thread is left for them */
        (void)s_parts(client, (tacit_turns_parts_args_t){.ms = 4000, .again = 1}, 0);
    }
    turns_await_metric(&turns, "tacit_rpc_running{method=\"turns.parts\"}", 2);
    uint64_t start = s_now();
    turns_stop(&turns);
    assert_true(s_now() - start < TACIT_POOL_STOP_MS);
    assert_int_equal(turns.begun, 3);
    assert_int_equal(turns.over, 3);
    tacit_reply_t reply;
    size_t answers = 0; /* what was done is told, as long as the connection lives */
    for (; tacit_client_next(client, 500, &reply, NULL) == TACIT_OK; answers++) {
        const tacit_status_t told = reply.call == call ? TACIT_OK : TACIT_INTERRUPTED;
        assert_true(reply.status == told || reply.status == TACIT_UNREACHABLE);
    }
    assert_in_range(answers, 11, 13); /* those of parts that would have gone on have none */
    assert_int_equal(turns.parts_ended, 2);
    tacit_client_destroy(&client);
}

/*  --- fairness -------------------------------------------------------------------------------- */

enum { S_CROWD = 16, S_CROWD_MS = 20 };

static uint64_t s_crowd_time(tacit_client_t *client, const tacit_turns_crowd_args_t *args)
{
    uint64_t start = s_now();
    tacit_turns_crowd_result_t result;
    assert_int_equal(tacit_turns_crowd_call(client, args, &result, NULL), TACIT_OK);
    return s_now() - start;
}

/*  One caller has a thousand calls under way. Served in the order in which they came, another
    one's would take seconds.  */
static void a_greedy_caller_does_not_starve_a_modest_one(void **state)
{
    (void)state;
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_t *greedy[S_CROWD];
    tacit_client_t *modest = turns_connect(&s_turns, NULL, false);
    const tacit_turns_crowd_args_t args = {.ms = S_CROWD_MS};
    uint64_t alone = s_crowd_time(modest, &args);
    s_turns.shut = true;
    for (int i = 0; i < S_CROWD; i++) {
        greedy[i] = turns_connect(&s_turns, &keys, false);
        for (int j = 0; j < TACIT_CLIENT_CALLS_MAX; j++) {
            (void)s_start(greedy[i], &tacit_turns_crowd, &args, 0);
        }
    }
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.crowd\"}",
                       S_CROWD * TACIT_CLIENT_CALLS_MAX - TURNS_THREADS);
    s_turns.shut = false;
    size_t quick = 0;
    for (int i = 0; i < 9; i++) { /* two turns are fair; the rest is the machine's */
        quick += s_crowd_time(modest, &args) <= 8 * alone;
    }
    assert_in_range(quick, 5, 9);
    for (int i = 0; i < S_CROWD; i++) {
        tacit_client_destroy(&greedy[i]);
    }
    turns_await_metric(&s_turns, "tacit_rpc_waiting{method=\"turns.crowd\"}", 0);
    turns_await_metric(&s_turns, "tacit_rpc_running{method=\"turns.crowd\"}", 0);
    tacit_client_destroy(&modest);
}

/*  Megabytes of answers that their caller does not read are its own trouble.  */
static void who_does_not_read_stalls_nobody(void **state)
{
    (void)state;
    enum { CALLS = 48, SIZE = 1048576 };
    tacit_client_t *sleeper = turns_connect(&s_turns, NULL, true);
    tacit_client_t *client = turns_connect(&s_turns, NULL, true);
    uint8_t *bulk = calloc(1, SIZE);
    const tacit_turns_reverse_args_t args = {.has_note = false};
    for (int i = 0; i < CALLS; i++) {
        uint64_t call = 0;
        assert_int_equal(tacit_client_start(sleeper, &tacit_turns_reverse, &args,
                                            tacit_span(bulk, SIZE), 0, &call, NULL),
                         TACIT_OK);
    }
    for (int i = 0; i < 10; i++) {
        tacit_turns_reverse_result_t result;
        tacit_span_t back;
        uint64_t start = s_now();
        assert_int_equal(tacit_client_call(client, &tacit_turns_reverse, &args,
                                           tacit_span(bulk, 100), 0, &result, &back, NULL),
                         TACIT_OK);
        assert_true(s_now() - start < 2000);
        zclock_sleep(10);
    }
    free(bulk);
    tacit_client_destroy(&sleeper);
    turns_await_metric(&s_turns, "tacit_rpc_running{method=\"turns.reverse\"}", 0);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_a_methods_and_a_callers_limit),
        cmocka_unit_test(refuses_beyond_the_queue_and_says_when),
        cmocka_unit_test(connections_of_a_key_are_one_caller),
        cmocka_unit_test(who_has_most_gives_way),
        cmocka_unit_test(a_stream_waits_for_its_turn_with_what_came),
        cmocka_unit_test(blocking_handlers_hold_nobody_up),
        cmocka_unit_test(carries_bulk_and_secrets),
        cmocka_unit_test(refusals_come_back_as_they_are),
        cmocka_unit_test(calls_of_a_batch_take_their_turns),
        cmocka_unit_test(a_call_in_parts_has_its_middle_in_the_pool),
        cmocka_unit_test(a_call_in_parts_that_is_over_has_its_end_all_the_same),
        cmocka_unit_test(what_is_late_in_the_queue_never_runs),
        cmocka_unit_test(what_is_cancelled_in_the_queue_is_dropped),
        cmocka_unit_test(who_is_over_in_the_pool_is_told),
        cmocka_unit_test(a_caller_that_vanishes_frees_its_places),
        cmocka_unit_test(who_is_deaf_keeps_its_turn),
        cmocka_unit_test(a_server_ends_in_time_with_its_pool_at_work),
        cmocka_unit_test(a_greedy_caller_does_not_starve_a_modest_one),
        cmocka_unit_test(who_does_not_read_stalls_nobody),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
