/*  client_server_test.c - calls between both ends: results, refusals, deadlines, bulk, what
    connections end in, and who may call what.  */

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/builtin.h"
#include "rpc/limits.h"
#include "rpc/zap.h"
#include "tests/unit/echo_service.h"

static const tacit_span_t s_no_bulk = {NULL, 0};

/*  One service for all cases that leave it as it was.  */
static echo_service_t s_shared;

static int s_setup(void **state)
{
    echo_init(&s_shared);
    echo_start(&s_shared);
    *state = &s_shared;
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    echo_stop(&s_shared);
    return 0;
}

static void s_assert_echo(tacit_client_t *client, const char *text)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string(text)};
    tacit_echo_echo_result_t result;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_echo_echo_call(client, &args, &result, &error);
    assert_string_equal(status == TACIT_OK ? "" : error.message, "");
    assert_true(tacit_span_equal(result.text, args.text));
}

static tacit_status_t s_call(tacit_client_t *client, const tacit_method_t *method, const void *args,
                             tacit_error_t *ret_error)
{
    memset(ret_error, 0, sizeof *ret_error);
    return tacit_client_call(client, method, args, s_no_bulk, 0, NULL, NULL, ret_error);
}

/*  --- calls ----------------------------------------------------------------------------------- */

static void answers_a_call(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    s_assert_echo(client, "hello");
    s_assert_echo(client, "");
    assert_null(tacit_client_session(client));
    tacit_client_destroy(&client);
    tacit_client_destroy(&client);
}

static void serves_over_ipc(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    snprintf(echo.address, sizeof echo.address, "ipc:///tmp/tacit-test-%d.sock", (int)getpid());
    echo_start(&echo);
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    s_assert_echo(client, "over a file");
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

static void tells_health_and_description(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_health_result_t health;
    tacit_describe_result_t description;
    uint8_t hash[32];
    assert_int_equal(tacit_builtin_init(&builtin, "echo"), TACIT_OK);
    assert_int_equal(tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_HEALTH], &args,
                                       s_no_bulk, 0, &health, NULL, NULL),
                     TACIT_OK);
    assert_true(tacit_span_equal(health.status, tacit_span_string("ready")));
    assert_int_equal(tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_DESCRIBE], &args,
                                       s_no_bulk, 0, &description, NULL, NULL),
                     TACIT_OK);
    assert_true(tacit_span_equal(description.text, tacit_span_string(tacit_echo_service.text)));
    crypto_hash_sha256(hash, description.text.data, description.text.size);
    assert_memory_equal(hash, description.sha256.data, 32);
    tacit_client_destroy(&client);
}

/*  True where the endpoint's metrics have that line. As the operator, over a connection of its own.
 */
static bool s_metrics_have(const echo_service_t *echo, const char *wanted)
{
    tacit_client_t *client = echo_bind(echo, &echo->operator_user, TACIT_ROLE_OPERATOR);
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_metrics_result_t metrics;
    assert_int_equal(tacit_builtin_init(&builtin, "echo"), TACIT_OK);
    assert_int_equal(tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_METRICS], &args,
                                       s_no_bulk, 0, &metrics, NULL, NULL),
                     TACIT_OK);
    char line[256];
    snprintf(line, sizeof line, "\n%s\n", wanted);
    bool have = memmem(metrics.text.data, metrics.text.size, line, strlen(line)) != NULL;
    tacit_client_destroy(&client);
    return have;
}

static void counts_what_it_does_for_the_operator(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    tacit_method_t unknown = tacit_echo_echo;
    tacit_echo_echo_args_t args = {.text = tacit_span_string("private words")};
    tacit_echo_fail_args_t fail = {.how = 0};
    tacit_error_t error;
    unknown.name = "echo.private";
    s_assert_echo(client, "private words");
    s_assert_echo(client, "private words");
    assert_int_equal(s_call(client, &tacit_echo_fail, &fail, &error), TACIT_ECHO_BROKEN);
    assert_int_equal(s_call(client, &unknown, &args, &error), TACIT_UNKNOWN_METHOD);
    assert_true(s_metrics_have(&echo, "tacit_rpc_calls_total{method=\"echo.echo\"} 2"));
    assert_true(s_metrics_have(&echo, "tacit_rpc_in_flight{method=\"echo.metrics\"} 1"));
    assert_true(s_metrics_have(&echo,
                               "tacit_rpc_refusals_total{method=\"echo.fail\",code=\"901001\""
                               ",error=\"broken\"} 1"));
    assert_true(s_metrics_have(&echo, "tacit_rpc_refusals_total{method=\"unknown\",code=\"204\""
                                      ",error=\"unknown_method\"} 1"));
    assert_true(s_metrics_have(
        &echo, "tacit_rpc_duration_seconds_bucket{method=\"echo.echo\",le=\"+Inf\"} 2"));
    assert_true(s_metrics_have(&echo, "tacit_rpc_connections_refused_total 0"));
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

static void metrics_are_for_nobody_but_the_operator(void **state)
{
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_error_t error;
    assert_int_equal(tacit_builtin_init(&builtin, "echo"), TACIT_OK);
    const tacit_method_t *metrics = &builtin.methods[TACIT_BUILTIN_METRICS];
    tacit_client_t *stranger = echo_connect(*state, &s_shared.user);
    assert_int_equal(s_call(stranger, metrics, &args, &error), TACIT_NO_SESSION);
    tacit_client_destroy(&stranger);
    tacit_client_t *user = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    assert_int_equal(s_call(user, metrics, &args, &error), TACIT_CALLER_REFUSED);
    tacit_client_destroy(&user);
}

static void refuses_an_unknown_method(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_method_t method = tacit_echo_echo;
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    tacit_error_t error;
    method.name = "echo.ech";
    assert_int_equal(s_call(client, &method, &args, &error), TACIT_UNKNOWN_METHOD);
    method.name = "echo.echoo";
    assert_int_equal(s_call(client, &method, &args, &error), TACIT_UNKNOWN_METHOD);
    assert_string_equal(error.name, "unknown_method");
    s_assert_echo(client, "still there");
    tacit_client_destroy(&client);
}

static void passes_a_handlers_error_on(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_error_t error;
    tacit_echo_fail_args_t args = {.how = 0};
    assert_int_equal(s_call(client, &tacit_echo_fail, &args, &error), TACIT_ECHO_BROKEN);
    assert_string_equal(error.name, "broken");
    assert_string_equal(error.message, "the handler refused on purpose");
    args.how = 2;
    assert_int_equal(s_call(client, &tacit_echo_fail, &args, &error), TACIT_NOT_FOUND);
    assert_string_equal(error.claim, "text");
    tacit_client_destroy(&client);
}

static void hides_a_result_that_breaks_its_bound(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_error_t error;
    tacit_echo_fail_args_t args = {.how = 1};
    assert_int_equal(s_call(client, &tacit_echo_fail, &args, &error), TACIT_INTERNAL);
    assert_string_equal(error.claim, "");
    tacit_client_destroy(&client);
}

static void refuses_arguments_beyond_their_bound(void **state)
{
    static const uint8_t text[1025];
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_error_t error;
    tacit_echo_echo_args_t args = {.text = tacit_span(text, 1024)};
    assert_int_equal(s_call(client, &tacit_echo_echo, &args, &error), TACIT_OK);
    args.text.size = 1025;
    assert_int_equal(s_call(client, &tacit_echo_echo, &args, &error), TACIT_BAD_INPUT);
    assert_string_equal(error.claim, "text");
    tacit_client_destroy(&client);
}

static void starts_many_calls_and_takes_them_as_they_end(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    uint64_t call = 0;
    tacit_error_t error;
    uint8_t digit = 0;
    for (size_t i = 0; i < TACIT_CLIENT_CALLS_MAX; i++) {
        digit = (uint8_t)i;
        tacit_echo_echo_args_t args = {.text = tacit_span(&digit, 1)};
        assert_int_equal(
            tacit_client_start(client, &tacit_echo_echo, &args, s_no_bulk, 0, &call, &error),
            TACIT_OK);
        assert_int_equal(call, i + 1);
    }
    tacit_echo_echo_args_t one_more = {.text = s_no_bulk};
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_echo, &one_more, s_no_bulk, 0, &call, &error),
        TACIT_BUSY);
    for (size_t i = 0; i < TACIT_CLIENT_CALLS_MAX; i++) {
        tacit_reply_t reply;
        assert_int_equal(tacit_client_next(client, 5000, &reply, &error), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
        assert_ptr_equal(reply.method, &tacit_echo_echo);
        const tacit_echo_echo_result_t *result = reply.result;
        assert_int_equal(result->text.size, 1);
        assert_int_equal(result->text.data[0], reply.call - 1);
    }
    tacit_reply_t none;
    assert_int_equal(tacit_client_next(client, 0, &none, &error), TACIT_DEADLINE_EXCEEDED);
    tacit_client_destroy(&client);
}

static void a_call_overtakes_one_that_was_started(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_echo_hold_args_t hold = {.text = s_no_bulk};
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    tacit_reply_t reply;
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_hold, &hold, s_no_bulk, 0, &call, NULL),
                     TACIT_OK);
    s_assert_echo(client, "before");
    assert_int_equal(tacit_client_next(client, 20, &reply, NULL), TACIT_DEADLINE_EXCEEDED);
    assert_int_equal(tacit_echo_release_call(client, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.alive, 1);
    assert_int_equal(tacit_client_next(client, 1000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, call);
    assert_int_equal(reply.status, TACIT_OK);
    assert_true(((tacit_echo_hold_result_t *)reply.result)->alive);
    tacit_client_destroy(&client);
}

static void a_handler_may_finish_its_call_itself(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_echo_at_once_args_t args = {.text = tacit_span("now", 3)};
    tacit_echo_at_once_result_t result;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tacit_echo_at_once_call(client, &args, &result, NULL), TACIT_OK);
        assert_true(result.alive);
        assert_true(tacit_span_equal(result.text, args.text));
    }
    tacit_client_destroy(&client);
}

/*  --- deadlines ------------------------------------------------------------------------------- */

static void a_handler_that_never_answers_ends_by_the_deadline(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    tacit_error_t error;
    int64_t start = zclock_mono();
    assert_int_equal(
        tacit_client_call(client, &tacit_echo_hold, &args, s_no_bulk, 300, NULL, NULL, &error),
        TACIT_DEADLINE_EXCEEDED);
    int64_t took = zclock_mono() - start;
    assert_in_range(took, 200, 320);
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    assert_int_equal(tacit_echo_release_call(client, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, 1);
    assert_int_equal(released.alive, 0);
    s_assert_echo(client, "after");
    tacit_client_destroy(&client);
}

static void a_deadline_beyond_the_contracts_is_cut(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    int64_t start = zclock_mono();
    assert_int_equal(
        tacit_client_call(client, &tacit_echo_hold, &args, s_no_bulk, 60000, NULL, NULL, NULL),
        TACIT_DEADLINE_EXCEEDED);
    assert_in_range(zclock_mono() - start, 1800, 2100);
    tacit_echo_release_args_t release = {0};
    assert_int_equal(tacit_echo_release_call(client, &release, NULL, NULL), TACIT_OK);
    tacit_client_destroy(&client);
}

static void pending_calls_of_one_connection_are_bounded(void **state)
{
    tacit_client_t *one = echo_connect(*state, &s_shared.user);
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    uint64_t call = 0;
    tacit_reply_t reply;
    for (size_t i = 0; i < TACIT_CALLS_PENDING_PER_CONNECTION_MAX; i++) {
        assert_int_equal(
            tacit_client_start(one, &tacit_echo_hold, &args, s_no_bulk, 100, &call, NULL),
            TACIT_OK);
    }
    for (size_t i = 0; i < TACIT_CALLS_PENDING_PER_CONNECTION_MAX; i++) {
        assert_int_equal(tacit_client_next(one, 1000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_DEADLINE_EXCEEDED);
    }
    /*  Answered for the handler, who still has them.  */
    tacit_error_t error;
    assert_int_equal(s_call(one, &tacit_echo_hold, &args, &error), TACIT_BUSY);
    assert_int_equal(error.retry_after_ms, TACIT_BUSY_RETRY_MS);
    tacit_client_t *other = echo_connect(*state, &s_shared.user);
    s_assert_echo(other, "not shut out");
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    assert_int_equal(tacit_echo_release_call(other, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, TACIT_CALLS_PENDING_PER_CONNECTION_MAX);
    s_assert_echo(one, "free again");
    tacit_client_destroy(&one);
    tacit_client_destroy(&other);
}

static void pending_calls_in_total_are_bounded(void **state)
{
    enum { CLIENTS = TACIT_CALLS_PENDING_MAX / TACIT_CLIENT_CALLS_MAX };
    tacit_client_t *clients[CLIENTS];
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    uint64_t call = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = echo_connect(*state, &s_shared.user);
        for (size_t k = 0; k < TACIT_CLIENT_CALLS_MAX - (i == 0); k++) {
            assert_int_equal(
                tacit_client_start(clients[i], &tacit_echo_hold, &args, s_no_bulk, 0, &call, NULL),
                TACIT_OK);
        }
    }
    zclock_sleep(100);
    /*  The last one below the limit is taken, the one at it is not.  */
    tacit_reply_t reply;
    assert_int_equal(
        tacit_client_start(clients[0], &tacit_echo_hold, &args, s_no_bulk, 0, &call, NULL),
        TACIT_OK);
    assert_int_equal(tacit_client_next(clients[0], 50, &reply, NULL), TACIT_DEADLINE_EXCEEDED);
    tacit_error_t error;
    tacit_echo_echo_args_t echo = {.text = s_no_bulk};
    tacit_client_t *same = echo_connect(*state, &s_shared.user);
    assert_int_equal(s_call(same, &tacit_echo_echo, &echo, &error), TACIT_BUSY);
    tacit_client_destroy(&same); /* another connection of a key is the same caller's */
    tacit_client_t *other = echo_connect(*state, &s_shared.operator_user);
    s_assert_echo(other, "who has none pending is let in");
    assert_int_equal(tacit_client_start(other, &tacit_echo_hold, &args, s_no_bulk, 0, &call, NULL),
                     TACIT_OK);
    assert_int_equal(s_call(other, &tacit_echo_echo, &echo, &error), TACIT_BUSY);
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_t *last = echo_connect(*state, &keys);
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    assert_int_equal(tacit_echo_release_call(last, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, TACIT_CALLS_PENDING_MAX + 1);
    for (size_t i = 0; i < CLIENTS; i++) {
        tacit_client_destroy(&clients[i]);
    }
    tacit_client_destroy(&other);
    tacit_client_destroy(&last);
}

/*  --- bulk ------------------------------------------------------------------------------------ */

static void s_assert_bulk(tacit_client_t *client, size_t size, bool copy)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    randombytes_buf(bytes, size);
    tacit_echo_bulk_args_t args = {.copy = copy};
    tacit_echo_bulk_result_t result;
    tacit_span_t bulk = {NULL, 1};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_client_call(client, &tacit_echo_bulk, &args,
                                              tacit_span(bytes, size), 0, &result, &bulk, &error);
    assert_string_equal(status == TACIT_OK ? "" : error.message, "");
    assert_int_equal(result.size, size);
    assert_true(tacit_span_equal(bulk, tacit_span(bytes, size)));
    free(bytes);
}

static void carries_bulk_both_ways(void **state)
{
    static const size_t sizes[] = {0, 1, 32, 33, 34, 8192, 100000, 1 << 20, TACIT_BULK_MAX};
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s_assert_bulk(client, sizes[i], true);
        s_assert_bulk(client, sizes[i], false);
    }
    tacit_client_destroy(&client);
}

static void refuses_bulk_beyond_the_contract(void **state)
{
    static const uint8_t bytes[102];
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_echo_narrow_args_t args = {.size = 100};
    tacit_error_t error;
    tacit_span_t bulk;
    assert_int_equal(tacit_client_call(client, &tacit_echo_narrow, &args, tacit_span(bytes, 100), 0,
                                       NULL, &bulk, &error),
                     TACIT_OK);
    assert_int_equal(bulk.size, 100);
    assert_int_equal(tacit_client_call(client, &tacit_echo_narrow, &args, tacit_span(bytes, 101), 0,
                                       NULL, &bulk, &error),
                     TACIT_BAD_BULK);
    /*  The same judged by the server.  */
    tacit_method_t wide = tacit_echo_narrow;
    wide.bulk_in_max = 1000;
    assert_int_equal(
        tacit_client_call(client, &wide, &args, tacit_span(bytes, 101), 0, NULL, &bulk, &error),
        TACIT_BAD_BULK);
    args.size = 101;
    assert_int_equal(s_call(client, &tacit_echo_narrow, &args, &error), TACIT_BAD_BULK);
    tacit_method_t none = tacit_echo_echo;
    none.bulk_in_max = 1000;
    tacit_echo_echo_args_t echo = {.text = s_no_bulk};
    assert_int_equal(
        tacit_client_call(client, &none, &echo, tacit_span(bytes, 1), 0, NULL, &bulk, &error),
        TACIT_BAD_BULK);
    tacit_client_destroy(&client);
}

static void refuses_bulk_that_the_reply_may_not_have(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    tacit_method_t strict = tacit_echo_narrow;
    tacit_echo_narrow_args_t args = {.size = 51};
    tacit_error_t error;
    strict.bulk_out_max = 50;
    assert_int_equal(s_call(client, &strict, &args, &error), TACIT_BAD_BULK);
    args.size = 50;
    assert_int_equal(s_call(client, &strict, &args, &error), TACIT_OK);
    tacit_client_destroy(&client);
}

static void a_frame_beyond_the_limit_ends_the_connection(void **state)
{
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    uint8_t *bytes = calloc(1, TACIT_BULK_MAX + 1);
    assert_non_null(bytes);
    tacit_method_t wide = tacit_echo_bulk;
    tacit_echo_bulk_args_t args = {.copy = true};
    tacit_error_t error;
    wide.bulk_in_max = UINT64_MAX;
    assert_int_equal(tacit_client_call(client, &wide, &args, tacit_span(bytes, TACIT_BULK_MAX + 1),
                                       0, NULL, NULL, &error),
                     TACIT_UNREACHABLE);
    free(bytes);
    tacit_client_destroy(&client);
    client = echo_connect(*state, &s_shared.user);
    s_assert_echo(client, "served");
    tacit_client_destroy(&client);
}

/*  --- connections ----------------------------------------------------------------------------- */

static void s_assert_refused(const tacit_client_config_t *config, tacit_status_t code)
{
    tacit_client_t *client = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    int64_t start = zclock_mono();
    assert_int_equal(tacit_client_new(config, &client, &error), code);
    assert_int_equal(error.code, code);
    assert_null(client);
    assert_in_range(zclock_mono() - start, 0, config->connect_ms + 200);
}

static void tells_that_nobody_is_there(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    config.endpoint = "tcp://127.0.0.1:1";
    s_assert_refused(&config, TACIT_UNREACHABLE);
    config.endpoint = "ipc:///tmp/tacit-nobody.sock";
    s_assert_refused(&config, TACIT_UNREACHABLE);
}

static void tells_a_bad_endpoint(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    static const char *const bad[] = {"", "inproc://echo", "tcp://", "tcp://127.0.0.1",
                                      "udp://127.0.0.1:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.endpoint = bad[i];
        s_assert_refused(&config, TACIT_BAD_INPUT);
    }
    config.endpoint = NULL;
    s_assert_refused(&config, TACIT_BAD_INPUT);
}

static void tells_a_wrong_server_key(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    config.server_key = s_shared.operator_user.public_key;
    s_assert_refused(&config, TACIT_WRONG_SERVER_KEY);
}

static void tells_that_zap_refused(void **state)
{
    echo_keys_t stranger;
    echo_make_keys(&stranger);
    const uint8_t admitted[1][32] = {{0}};
    memcpy((void *)admitted[0], s_shared.user.public_key, 32);
    assert_int_equal(tacit_zap_admit("test.echo", admitted, 1), TACIT_OK);
    tacit_client_config_t config = echo_config(*state, &stranger);
    s_assert_refused(&config, TACIT_REFUSED_BY_ZAP);
    tacit_client_t *client = echo_connect(*state, &s_shared.user);
    s_assert_echo(client, "on the list");
    tacit_client_destroy(&client);
    assert_int_equal(tacit_zap_admit("test.echo", NULL, 0), TACIT_OK);
    client = echo_connect(*state, &stranger);
    tacit_client_destroy(&client);
}

static void tells_a_silent_peer_by_the_deadline(void **state)
{
    int port = 0;
    zsock_t *silent = zsock_new(ZMQ_STREAM); /* accepts, says nothing of its own */
    port = zsock_bind(silent, "tcp://127.0.0.1:*");
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    config.endpoint = endpoint;
    config.connect_ms = 300;
    s_assert_refused(&config, TACIT_UNREACHABLE);
    zsock_destroy(&silent);
}

static void plaintext_and_curve_do_not_meet(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    config.server_key = NULL;
    s_assert_refused(&config, TACIT_PROTOCOL_ERROR);
    echo_service_t plain;
    echo_init(&plain);
    plain.plaintext = true;
    echo_start(&plain);
    config = echo_config(&plain, &plain.user);
    config.server_key = plain.server.public_key;
    s_assert_refused(&config, TACIT_WRONG_SERVER_KEY);
    echo_stop(&plain);
}

static void a_plaintext_endpoint_serves_anyone_and_nobody_else(void **state)
{
    (void)state;
    echo_service_t plain;
    echo_init(&plain);
    plain.plaintext = true;
    echo_start(&plain);
    tacit_client_t *client = echo_connect(&plain, &plain.user);
    s_assert_echo(client, "in the open");
    tacit_echo_as_user_args_t args = {0};
    tacit_error_t error;
    assert_int_equal(s_call(client, &tacit_echo_as_user, &args, &error), TACIT_NO_SESSION);
    tacit_client_destroy(&client);
    tacit_client_config_t config = echo_config(&plain, &plain.user);
    tacit_party_t party = echo_party(&plain, &plain.user, TACIT_ROLE_USER);
    config.party = &party;
    s_assert_refused(&config, TACIT_BAD_INPUT);
    echo_stop(&plain);
}

static void a_lost_server_ends_outstanding_calls_at_once(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    uint64_t call = 0;
    tacit_reply_t reply;
    assert_int_equal(tacit_client_start(client, &tacit_echo_hold, &args, s_no_bulk, 0, &call, NULL),
                     TACIT_OK);
    s_assert_echo(client, "so that it is there");
    echo_stop(&echo);
    int64_t start = zclock_mono();
    assert_int_equal(tacit_client_next(client, 5000, &reply, NULL), TACIT_OK);
    assert_in_range(zclock_mono() - start, 0, 1000);
    assert_int_equal(reply.status, TACIT_UNREACHABLE);
    assert_null(reply.result);
    tacit_error_t error;
    assert_int_equal(s_call(client, &tacit_echo_hold, &args, &error), TACIT_UNREACHABLE);
    tacit_client_destroy(&client);
}

/*  The child dies with a call pending; the server goes on, and the call is no longer alive.  */
static void a_client_killed_in_a_call_harms_nobody(void **state)
{
    echo_service_t *echo = *state;
    char program[512];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(size > 0);
    program[size] = 0;
    char server[65];
    sodium_bin2hex(server, sizeof server, echo->server.public_key, 32);
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, "hold", echo->endpoint, server, (char *)NULL);
        _exit(127);
    }
    tacit_client_t *client = echo_connect(echo, &echo->user);
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released = {.released = 0};
    echo_await_metric(echo, "tacit_rpc_in_flight{method=\"echo.hold\"}", 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    zclock_sleep(300); /* the server hears of it */
    assert_int_equal(tacit_echo_release_call(client, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, 1);
    assert_int_equal(released.alive, 0);
    s_assert_echo(client, "goes on");
    tacit_client_destroy(&client);
}

/*  What the child of the case above runs.  */
static int s_hold_forever(const char *endpoint, const char *server_key)
{
    echo_keys_t keys;
    uint8_t key[32];
    size_t size = 0;
    tacit_client_t *client = NULL;
    if (sodium_init() < 0 ||
        sodium_hex2bin(key, sizeof key, server_key, strlen(server_key), NULL, &size, NULL) != 0) {
        return 1;
    }
    echo_make_keys(&keys);
    tacit_client_config_t config = {.endpoint = endpoint,
                                    .server_key = key,
                                    .public_key = keys.public_key,
                                    .secret_key = keys.secret_key};
    tacit_echo_hold_args_t args = {.text = s_no_bulk};
    return tacit_client_new(&config, &client, NULL) == TACIT_OK &&
           tacit_client_call(client, &tacit_echo_hold, &args, s_no_bulk, 0, NULL, NULL, NULL) ==
               TACIT_OK;
}

/*  --- sessions and callers -------------------------------------------------------------------- */

static void a_user_binds_and_is_known(void **state)
{
    tacit_client_t *client = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    assert_non_null(tacit_client_session(client));
    assert_int_equal(tacit_client_session(client)->peer_role, TACIT_ROLE_MESH);
    tacit_echo_as_user_args_t args = {0};
    tacit_echo_as_user_result_t result;
    assert_int_equal(tacit_echo_as_user_call(client, &args, &result, NULL), TACIT_OK);
    assert_int_equal(result.role, TACIT_ROLE_USER);
    assert_memory_equal(result.peer.data, s_shared.user.public_key, 32);
    tacit_client_destroy(&client);
}

static void each_method_has_its_callers(void **state)
{
    tacit_client_t *none = echo_connect(*state, &s_shared.user);
    tacit_client_t *user = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    tacit_client_t *chief = echo_bind(*state, &s_shared.operator_user, TACIT_ROLE_OPERATOR);
    tacit_client_t *modest = echo_bind(*state, &s_shared.operator_user, TACIT_ROLE_USER);
    tacit_echo_as_owner_args_t owner = {.owner = tacit_span(s_shared.user.public_key, 32)};
    const uint8_t nothing[64] = {0};
    const struct {
        const tacit_method_t *method;
        const void *args;
        tacit_status_t expected[4]; /* without session, user, operator, operator as user */
    } rows[] = {
        {&tacit_echo_as_user, nothing, {TACIT_NO_SESSION, TACIT_OK, TACIT_OK, TACIT_OK}},
        {&tacit_echo_as_owner,
         &owner,
         {TACIT_NO_SESSION, TACIT_OK, TACIT_CALLER_REFUSED, TACIT_CALLER_REFUSED}},
        {&tacit_echo_as_operator,
         nothing,
         {TACIT_NO_SESSION, TACIT_CALLER_REFUSED, TACIT_OK, TACIT_CALLER_REFUSED}},
        {&tacit_echo_as_worker,
         nothing,
         {TACIT_NO_SESSION, TACIT_CALLER_REFUSED, TACIT_CALLER_REFUSED, TACIT_CALLER_REFUSED}},
        {&tacit_echo_as_keys,
         nothing,
         {TACIT_NO_SESSION, TACIT_CALLER_REFUSED, TACIT_CALLER_REFUSED, TACIT_CALLER_REFUSED}},
    };
    tacit_client_t *clients[] = {none, user, chief, modest};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < 4; k++) {
            tacit_error_t error;
            assert_int_equal(s_call(clients[k], rows[i].method, rows[i].args, &error),
                             rows[i].expected[k]);
        }
    }
    for (size_t k = 0; k < 4; k++) {
        s_assert_echo(clients[k], "anyone");
        tacit_client_destroy(&clients[k]);
    }
}

static void nobody_else_opens_as_the_operator(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    tacit_party_t party = echo_party(*state, &s_shared.user, TACIT_ROLE_OPERATOR);
    config.party = &party;
    s_assert_refused(&config, TACIT_ROLE_REFUSED);
}

static void another_mesh_is_refused(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    tacit_party_t party = echo_party(*state, &s_shared.user, TACIT_ROLE_USER);
    party.mesh_id[0] ^= 1;
    config.party = &party;
    s_assert_refused(&config, TACIT_WRONG_MESH);
}

static void a_server_of_another_role_is_refused(void **state)
{
    tacit_client_config_t config = echo_config(*state, &s_shared.user);
    tacit_party_t party = echo_party(*state, &s_shared.user, TACIT_ROLE_USER);
    config.party = &party;
    config.peer_role = TACIT_ROLE_KEYS;
    tacit_client_t *client = NULL;
    assert_int_not_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    assert_null(client);
}

static void an_endpoint_without_a_party_has_no_sessions(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo.no_sessions = true;
    echo_start(&echo);
    tacit_client_config_t config = echo_config(&echo, &echo.user);
    tacit_party_t party = echo_party(&echo, &echo.user, TACIT_ROLE_USER);
    config.party = &party;
    s_assert_refused(&config, TACIT_UNKNOWN_METHOD);
    echo_stop(&echo);
}

static void secrets_travel_under_the_session(void **state)
{
    uint8_t secret[32];
    randombytes_buf(secret, sizeof secret);
    tacit_client_t *client = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    tacit_echo_secret_args_t args = {.secret = tacit_span(secret, sizeof secret)};
    tacit_echo_secret_result_t result;
    assert_int_equal(tacit_echo_secret_call(client, &args, &result, NULL), TACIT_OK);
    assert_true(tacit_span_equal(result.secret, args.secret));
    tacit_client_destroy(&client);
    client = echo_connect(*state, &s_shared.user);
    assert_int_equal(tacit_echo_secret_call(client, &args, &result, NULL), TACIT_NO_SESSION);
    tacit_client_destroy(&client);
}

static void ended_sessions_take_their_calls_along(void **state)
{
    tacit_client_t *client = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    tacit_client_t *other = echo_bind(*state, &s_shared.operator_user, TACIT_ROLE_OPERATOR);
    tacit_echo_hold_user_args_t hold = {0};
    tacit_echo_as_user_args_t args = {0};
    tacit_echo_release_args_t release = {0};
    tacit_echo_release_result_t released;
    tacit_echo_end_sessions_args_t end = {.peer = tacit_span(s_shared.user.public_key, 32)};
    tacit_error_t error;
    uint64_t call = 0;
    tacit_reply_t reply;
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_hold_user, &hold, s_no_bulk, 0, &call, NULL),
        TACIT_OK);
    assert_int_equal(s_call(client, &tacit_echo_as_user, &args, &error), TACIT_OK);
    assert_int_equal(s_call(other, &tacit_echo_end_sessions, &end, &error), TACIT_OK);
    assert_int_equal(s_call(client, &tacit_echo_as_user, &args, &error), TACIT_SESSION_EXPIRED);
    assert_int_equal(s_call(other, &tacit_echo_as_user, &args, &error), TACIT_OK);
    s_assert_echo(client, "anyone still");
    assert_int_equal(tacit_echo_release_call(other, &release, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, 1);
    assert_int_equal(released.alive, 0);
    assert_int_equal(tacit_client_next(client, 1000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_SESSION_EXPIRED);
    uint8_t everybody[32] = {0};
    end.peer = tacit_span(everybody, 32);
    assert_int_equal(s_call(other, &tacit_echo_end_sessions, &end, &error), TACIT_OK);
    assert_int_equal(s_call(other, &tacit_echo_as_user, &args, &error), TACIT_SESSION_EXPIRED);
    tacit_client_destroy(&client);
    tacit_client_destroy(&other);
}

/*  More sessions one after another than may be at once: closed ones make room.  */
static void closed_connections_leave_no_sessions(void **state)
{
    tacit_client_t *kept = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
    tacit_echo_as_user_args_t args = {0};
    tacit_error_t error;
    for (size_t i = 0; i < TACIT_SESSIONS_PER_PEER_MAX + 10; i++) {
        tacit_client_t *client = echo_bind(*state, &s_shared.user, TACIT_ROLE_USER);
        tacit_client_destroy(&client);
    }
    assert_int_equal(s_call(kept, &tacit_echo_as_user, &args, &error), TACIT_OK);
    tacit_client_destroy(&kept);
}

#define CASE(name) cmocka_unit_test(name)

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "hold") == 0) {
        return s_hold_forever(argv[2], argv[3]);
    }
    const struct CMUnitTest tests[] = {
        CASE(answers_a_call),
        CASE(serves_over_ipc),
        CASE(tells_health_and_description),
        CASE(counts_what_it_does_for_the_operator),
        CASE(metrics_are_for_nobody_but_the_operator),
        CASE(refuses_an_unknown_method),
        CASE(passes_a_handlers_error_on),
        CASE(hides_a_result_that_breaks_its_bound),
        CASE(refuses_arguments_beyond_their_bound),
        CASE(starts_many_calls_and_takes_them_as_they_end),
        CASE(a_call_overtakes_one_that_was_started),
        CASE(a_handler_may_finish_its_call_itself),
        CASE(a_handler_that_never_answers_ends_by_the_deadline),
        CASE(a_deadline_beyond_the_contracts_is_cut),
        CASE(pending_calls_of_one_connection_are_bounded),
        CASE(pending_calls_in_total_are_bounded),
        CASE(carries_bulk_both_ways),
        CASE(refuses_bulk_beyond_the_contract),
        CASE(refuses_bulk_that_the_reply_may_not_have),
        CASE(a_frame_beyond_the_limit_ends_the_connection),
        CASE(tells_that_nobody_is_there),
        CASE(tells_a_bad_endpoint),
        CASE(tells_a_wrong_server_key),
        CASE(tells_that_zap_refused),
        CASE(tells_a_silent_peer_by_the_deadline),
        CASE(plaintext_and_curve_do_not_meet),
        CASE(a_plaintext_endpoint_serves_anyone_and_nobody_else),
        CASE(a_lost_server_ends_outstanding_calls_at_once),
        CASE(a_client_killed_in_a_call_harms_nobody),
        CASE(a_user_binds_and_is_known),
        CASE(each_method_has_its_callers),
        CASE(nobody_else_opens_as_the_operator),
        CASE(another_mesh_is_refused),
        CASE(a_server_of_another_role_is_refused),
        CASE(an_endpoint_without_a_party_has_no_sessions),
        CASE(secrets_travel_under_the_session),
        CASE(ended_sessions_take_their_calls_along),
        CASE(closed_connections_leave_no_sessions),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
