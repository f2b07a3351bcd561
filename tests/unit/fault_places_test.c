/*  fault_places_test.c - each fault at each place: what the caller sees of a request, a reply, a
    stream or a lane that suffers it once, and that the service is as well as before.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/channel.h"
#include "rpc/limits.h"
#include "tests/unit/flow_service.h"

enum { LARGE = 3 * TACIT_LANE_FRAGMENT, DEADLINE_MS = 400, CHUNKS = 4, CHUNK = 500 };

/*  What one message's fault makes of its call. ANY_ERROR: which depends on the byte.  */
enum { ANY_ERROR = -1, ANYTHING = -2 };

typedef struct {
    const char *rule;
    int status;
} s_case_t;

static void s_judge(const s_case_t *fault, tacit_status_t status)
{
    if (fault->status == ANY_ERROR) {
        assert_int_not_equal(status, TACIT_OK);
    } else if (fault->status != ANYTHING && (int)status != fault->status) {
        fail_msg("%s: %s", fault->rule, tacit_status_name(status));
    }
}

static void s_set(const char *rule)
{
    assert_int_equal(setenv("TACIT_FAULTS", rule, 1), 0);
}

/*  --- calls ----------------------------------------------------------------------------------- */

static void s_start_echo(echo_service_t *echo, const char *rule)
{
    s_set(rule);
    echo_init(echo);
    echo_start(echo);
    assert_int_equal(unsetenv("TACIT_FAULTS"), 0);
}

static tacit_status_t s_echo(tacit_client_t *client, const char *text)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string(text)};
    tacit_echo_echo_result_t result;
    return tacit_client_call(client, &tacit_echo_echo, &args, tacit_span(NULL, 0), DEADLINE_MS,
                             &result, NULL, NULL);
}

/*  A connection that the fault ended is made anew.  */
static void s_assert_serves(const echo_service_t *echo, tacit_client_t **client)
{
    tacit_client_destroy(client);
    *client = echo_connect(echo, &echo->user);
    assert_int_equal(s_echo(*client, "well"), TACIT_OK);
    assert_int_equal(echo_metric(echo, "tacit_rpc_pending"), 0);
}

static void calls_end_whatever_happens_to_a_request_or_a_reply(void **state)
{
    (void)state;
    static const s_case_t cases[] = {
        {"delay echo.echo at=request ms=60 times=1", TACIT_OK},
        {"delay echo.echo at=request ms=600 times=1", TACIT_DEADLINE_EXCEEDED},
        {"drop echo.echo at=request times=1", TACIT_DEADLINE_EXCEEDED},
        {"duplicate echo.echo at=request times=1", TACIT_OK},
        {"reorder echo.echo at=request times=1", TACIT_OK},
        {"corrupt echo.echo at=request times=1 seed=1", ANYTHING},
        {"corrupt echo.echo at=request times=1 seed=2", ANYTHING},
        {"disconnect echo.echo at=request times=1", TACIT_UNREACHABLE},
        {"delay echo.echo at=reply ms=60 times=1", TACIT_OK},
        {"drop echo.echo at=reply times=1", TACIT_DEADLINE_EXCEEDED},
        {"duplicate echo.echo at=reply times=1", TACIT_OK},
        {"reorder echo.echo at=reply times=1", TACIT_OK},
        {"corrupt echo.echo times=1 seed=3", ANYTHING},
        {"disconnect echo.echo times=1", TACIT_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        echo_service_t echo;
        s_start_echo(&echo, cases[i].rule);
        tacit_client_t *client = echo_connect(&echo, &echo.user);
        s_judge(&cases[i], s_echo(client, "x"));
        s_assert_serves(&echo, &client);
        tacit_client_destroy(&client);
        echo_stop(&echo);
    }
}

/*  How often the handler of echo.echo ran when its caller has one answer.  */
static uint64_t s_runs(const char *rule)
{
    echo_service_t echo;
    s_start_echo(&echo, rule);
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    assert_int_equal(s_echo(client, "x"), TACIT_OK);
    uint64_t runs = echo_metric(&echo, "tacit_rpc_calls_total{method=\"echo.echo\"}");
    tacit_client_destroy(&client);
    echo_stop(&echo);
    return runs;
}

static void a_request_that_comes_twice_runs_twice_and_is_answered_once(void **state)
{
    (void)state;
    assert_int_equal(s_runs("duplicate echo.echo at=request"), 2);
    assert_int_equal(s_runs("duplicate echo.echo at=reply"), 1);
}

static uint32_t s_release(tacit_client_t *client)
{
    tacit_echo_release_args_t args = {0};
    tacit_echo_release_result_t result = {.released = 0};
    assert_int_equal(tacit_echo_release_call(client, &args, &result, NULL), TACIT_OK);
    return result.released;
}

/*  The first waits for the second, which the service therefore reads first.  */
static void requests_change_places(void **state)
{
    (void)state;
    echo_service_t echo;
    s_start_echo(&echo, "reorder echo.hold at=request times=1");
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    tacit_echo_hold_args_t args = {.text = tacit_span_string("first")};
    tacit_reply_t reply;
    uint64_t call = 0;
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_hold, &args, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_OK);
    assert_int_equal(s_release(client), 0);
    assert_int_equal(s_release(client), 1);
    assert_int_equal(tacit_client_next(client, 2000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, call);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  What is held back when the service ends is given up.  */
static void a_service_ends_with_messages_held_back(void **state)
{
    (void)state;
    static const char *const rules[] = {"delay echo.bulk at=request ms=5000",
                                        "delay echo.bulk at=reply ms=5000"};
    for (size_t i = 0; i < 2; i++) {
        echo_service_t echo;
        s_start_echo(&echo, rules[i]);
        tacit_client_t *client = echo_connect(&echo, &echo.user);
        tacit_echo_bulk_args_t args = {.copy = false};
        assert_int_equal(tacit_client_call(client, &tacit_echo_bulk, &args, tacit_span("y", 1), 100,
                                           NULL, NULL, NULL),
                         TACIT_DEADLINE_EXCEEDED);
        tacit_client_destroy(&client);
        echo_stop(&echo);
    }
}

/*  --- lanes ----------------------------------------------------------------------------------- */

static tacit_status_t s_bulk(tacit_client_t *client)
{
    static uint8_t bytes[LARGE];
    tacit_echo_bulk_args_t args = {.copy = true};
    tacit_echo_bulk_result_t result = {.size = 0};
    tacit_span_t bulk;
    tacit_status_t status =
        tacit_client_call(client, &tacit_echo_bulk, &args, tacit_span(bytes, sizeof bytes), 1000,
                          &result, &bulk, NULL);
    if (status == TACIT_OK) {
        assert_int_equal(result.size, sizeof bytes);
        assert_memory_equal(bulk.data, bytes, sizeof bytes);
    }
    return status;
}

/*  The first frame of each direction greets.  */
static void a_lane_that_suffers_ends_its_calls_and_not_its_session(void **state)
{
    (void)state;
    static const s_case_t cases[] = {
        {"delay session.lane at=lane-in ms=10 after=1", TACIT_OK},
        {"drop session.lane at=lane-in after=1 times=1", TACIT_BULK_LOST},
        {"duplicate session.lane at=lane-in after=1 times=1", TACIT_BULK_LOST},
        {"reorder session.lane at=lane-in after=1 times=1", TACIT_BULK_LOST},
        {"corrupt session.lane at=lane-in after=1 times=1 seed=1", TACIT_BULK_LOST},
        {"disconnect session.lane at=lane-in after=1 times=1", TACIT_BULK_LOST},
        {"delay session.lane at=lane-out ms=10 after=1", TACIT_OK},
        {"drop session.lane at=lane-out after=1 times=1", TACIT_INTERRUPTED},
        {"duplicate session.lane at=lane-out after=1 times=1", TACIT_INTERRUPTED},
        {"reorder session.lane at=lane-out after=1 times=1", TACIT_INTERRUPTED},
        {"corrupt session.lane at=lane-out after=1 times=1 seed=1", TACIT_INTERRUPTED},
        {"disconnect session.lane at=lane-out after=1 times=1", TACIT_INTERRUPTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        echo_service_t echo;
        s_start_echo(&echo, cases[i].rule);
        tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
        s_judge(&cases[i], s_bulk(client));
        assert_int_equal(s_bulk(client), TACIT_OK);
        assert_int_equal(echo_metric(&echo, "tacit_rpc_pending"), 0);
        tacit_client_destroy(&client);
        echo_stop(&echo);
    }
}

/*  A greeting that is lost: all goes over CURVE.  */
static void without_greetings_there_is_no_lane(void **state)
{
    (void)state;
    static const char *const rules[] = {"drop * at=lane-in", "drop * at=lane-out",
                                        "corrupt * at=lane-in seed=5"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        echo_service_t echo;
        s_start_echo(&echo, rules[i]);
        tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
        assert_int_equal(s_bulk(client), TACIT_OK);
        assert_int_equal(echo_metric(&echo, "tacit_rpc_lane_bulks_in_total"), 0);
        tacit_client_destroy(&client);
        echo_stop(&echo);
    }
}

/*  --- streams --------------------------------------------------------------------------------- */

static tacit_status_t s_push(tacit_client_t *client)
{
    static uint8_t bytes[CHUNK];
    tacit_flow_push_args_t args = {.sleeper = false};
    tacit_reply_t reply;
    tacit_status_t status = TACIT_OK;
    uint64_t call = flow_begin(client, &tacit_flow_push, &args);
    for (size_t i = 0; i < CHUNKS && status == TACIT_OK; i++) {
        status = tacit_client_send(client, call, bytes, sizeof bytes, NULL, NULL, NULL);
    }
    if (status == TACIT_OK) {
        assert_true(tacit_client_end(client, call, NULL) != TACIT_PENDING);
    }
    status = tacit_client_finish(client, call, &reply, NULL);
    if (status == TACIT_OK && reply.status == TACIT_OK) {
        assert_int_equal(((tacit_flow_push_result_t *)reply.result)->chunks, CHUNKS);
    }
    return status == TACIT_OK ? reply.status : status;
}

static tacit_status_t s_pull(tacit_client_t *client)
{
    tacit_flow_pull_args_t args = {.chunks = CHUNKS, .size = CHUNK};
    tacit_reply_t reply;
    tacit_span_t chunk = {NULL, 0};
    uint64_t call = flow_begin(client, &tacit_flow_pull, &args);
    tacit_status_t status = TACIT_OK;
    uint64_t received = 0;
    do {
        status = tacit_client_receive(client, call, 2000, &chunk, NULL);
        received += status == TACIT_OK && chunk.data;
    } while (status == TACIT_OK && chunk.data);
    if (status == TACIT_OK) {
        status = tacit_client_finish(client, call, &reply, NULL);
        status = status == TACIT_OK ? reply.status : status;
        assert_true(status != TACIT_OK || received == CHUNKS);
    } else {
        tacit_client_cancel(client, call);
    }
    return status;
}

static void s_try_stream(const s_case_t *fault, tacit_status_t (*stream)(tacit_client_t *client))
{
    flow_service_t flow = {.open = 0};
    s_set(fault->rule);
    flow_start(&flow);
    assert_int_equal(unsetenv("TACIT_FAULTS"), 0);
    tacit_client_t *client = flow_connect(&flow);
    s_judge(fault, stream(client));
    tacit_client_destroy(&client);
    client = flow_connect(&flow);
    assert_int_equal(stream(client), TACIT_OK);
    flow_await_none(client);
    tacit_client_destroy(&client);
    flow_stop(&flow);
}

static void streams_arrive_whole_or_end_in_an_error(void **state)
{
    (void)state;
    static const s_case_t in[] = {
        {"delay flow.push at=stream-in ms=30 times=5", TACIT_OK},
        {"drop flow.push at=stream-in after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"duplicate flow.push at=stream-in after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"reorder flow.push at=stream-in after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"corrupt flow.push at=stream-in after=1 times=1 seed=1", ANY_ERROR},
        {"corrupt flow.push at=stream-in after=1 times=1 seed=4", ANY_ERROR},
        {"disconnect flow.push at=stream-in after=1 times=1", TACIT_UNREACHABLE},
    };
    static const s_case_t out[] = {
        {"delay flow.pull at=stream-out ms=30 times=4; delay flow.pull ms=60 times=1", TACIT_OK},
        {"drop flow.pull at=stream-out after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"duplicate flow.pull at=stream-out after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"reorder flow.pull at=stream-out after=1 times=1", TACIT_PROTOCOL_ERROR},
        {"corrupt flow.pull at=stream-out after=1 times=1 seed=1", ANY_ERROR},
        {"disconnect flow.pull at=stream-out after=1 times=1", TACIT_UNREACHABLE},
    };
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        s_try_stream(&in[i], s_push);
    }
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
        s_try_stream(&out[i], s_pull);
    }
}

/*  --- channels -------------------------------------------------------------------------------- */

static tacit_channel_t *s_channel(const echo_service_t *echo, const tacit_party_t *party)
{
    tacit_client_config_t client = echo_config(echo, &echo->user);
    tacit_target_t target = {.endpoint = ""};
    tacit_channel_config_t config = {.patience_ms = 0};
    tacit_channel_t *channel = NULL;
    client.party = party;
    snprintf(target.endpoint, sizeof target.endpoint, "%s", echo->endpoint);
    memcpy(target.server_key, echo->server.public_key, sizeof target.server_key);
    assert_int_equal(tacit_channel_fixed(&client, &target, 1, &config.source, NULL), TACIT_OK);
    assert_int_equal(tacit_channel_new(&config, &channel, NULL), TACIT_OK);
    return channel;
}

/*  What the counter is after the call.  */
static uint32_t s_count(tacit_channel_t *channel, uint32_t add)
{
    const tacit_echo_count_args_t args = {.add = add};
    const tacit_request_t request = {.method = &tacit_echo_count, .args = &args};
    tacit_echo_count_result_t result = {.count = 0};
    assert_int_equal(tacit_channel_call(channel, &request, &result, NULL, NULL), TACIT_OK);
    return result.count;
}

/*  A channel says the call again over another connection, and by its own key: the handler ran once,
    and the answer is the one that was lost.  */
static void a_keyed_call_whose_answer_was_lost_runs_once(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        uint64_t hits; /* answers that were kept, and given again */
    } cases[] = {
        {"disconnect echo.count at=request times=1", 0},
        {"disconnect echo.count at=reply times=1", 1},
        {"disconnect echo.count at=reply times=2", 2},
        {"disconnect echo.count at=request times=1; disconnect echo.count at=reply times=1", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        echo_service_t echo;
        s_start_echo(&echo, cases[i].rule);
        tacit_party_t party = echo_party(&echo, &echo.user, TACIT_ROLE_USER);
        tacit_channel_t *channel = s_channel(&echo, &party);
        assert_int_equal(s_count(channel, 3), 3);
        assert_int_equal(s_count(channel, 3), 6); /* another call with the same arguments */
        assert_int_equal(echo_metric(&echo, "tacit_rpc_reply_hits_total"), cases[i].hits);
        tacit_channel_destroy(&channel);
        echo_stop(&echo);
    }
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(calls_end_whatever_happens_to_a_request_or_a_reply),
        CASE(a_request_that_comes_twice_runs_twice_and_is_answered_once),
        CASE(requests_change_places),
        CASE(a_service_ends_with_messages_held_back),
        CASE(a_lane_that_suffers_ends_its_calls_and_not_its_session),
        CASE(without_greetings_there_is_no_lane),
        CASE(streams_arrive_whole_or_end_in_an_error),
        CASE(a_keyed_call_whose_answer_was_lost_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
