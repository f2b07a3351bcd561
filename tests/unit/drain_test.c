/*  drain_test.c - a server that is to end: what it finishes, what it refuses, how long it waits. */

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/builtin.h"
#include "rpc/limits.h"
#include "tests/unit/echo_service.h"

enum { S_PATIENCE_MS = 5000, S_SOON_MS = 1000 };

static echo_service_t s_service;

static int s_setup(void **state)
{
    (void)state;
    echo_init(&s_service);
    s_service.drain_ms = S_PATIENCE_MS;
    echo_start(&s_service);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    echo_stop(&s_service);
    return 0;
}

/*  --- helpers --------------------------------------------------------------------------------- */

static tacit_client_t *s_user(void)
{
    return echo_bind(&s_service, &s_service.user, TACIT_ROLE_USER);
}

static tacit_status_t s_as_user(tacit_client_t *client, tacit_error_t *ret_error)
{
    const tacit_echo_as_user_args_t args = {0};
    tacit_echo_as_user_result_t result;
    return tacit_echo_as_user_call(client, &args, &result, ret_error);
}

/*  A pending call of a user.  */
static uint64_t s_hold(tacit_client_t *client)
{
    const tacit_echo_hold_user_args_t args = {0};
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_hold_user, &args, tacit_span(NULL, 0),
                                        0, &call, NULL),
                     TACIT_OK);
    echo_await_metric(&s_service, "tacit_rpc_pending", 1);
    return call;
}

static tacit_status_t s_next(tacit_client_t *client, uint64_t call)
{
    tacit_reply_t reply;
    tacit_error_t error;
    assert_int_equal(tacit_client_next(client, S_PATIENCE_MS, &reply, &error), TACIT_OK);
    assert_int_equal(reply.call, call);
    return reply.status;
}

static void s_release(tacit_client_t *client)
{
    const tacit_echo_release_args_t args = {0};
    tacit_echo_release_result_t result;
    assert_int_equal(tacit_echo_release_call(client, &args, &result, NULL), TACIT_OK);
    assert_int_equal(result.alive, 1);
}

static void s_begin(void)
{
    echo_drain(&s_service);
    echo_await_metric(&s_service, "tacit_rpc_draining", 1);
}

/*  --- tests ----------------------------------------------------------------------------------- */

static void what_was_accepted_is_finished_and_the_rest_refused(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    uint64_t held = s_hold(client);
    s_begin();
    tacit_error_t error;
    assert_int_equal(s_as_user(client, &error), TACIT_DRAINING);
    assert_string_equal(error.name, "draining");
    assert_int_equal(error.retry_after_ms, TACIT_DRAINING_RETRY_MS);
    assert_false(echo_ends_within(&s_service, 3 * TACIT_DRAIN_TICK_MS));
    s_release(client); /* is for anyone, and what the held call waits for */
    assert_int_equal(s_next(client, held), TACIT_OK);
    assert_true(echo_ends_within(&s_service, S_SOON_MS));
    tacit_client_destroy(&client);
}

static void every_kind_of_user_is_refused(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    tacit_client_t *operator_client =
        echo_bind(&s_service, &s_service.operator_user, TACIT_ROLE_OPERATOR);
    (void)s_hold(client);
    s_begin();
    const tacit_echo_as_owner_args_t own = {.owner = tacit_span(s_service.user.public_key, 32)};
    const tacit_echo_as_operator_args_t none = {0};
    const tacit_echo_as_worker_args_t worker = {0};
    tacit_echo_as_owner_result_t owned;
    tacit_echo_as_operator_result_t operated;
    tacit_echo_as_worker_result_t worked;
    tacit_error_t error;
    assert_int_equal(tacit_echo_as_owner_call(client, &own, &owned, &error), TACIT_DRAINING);
    assert_int_equal(tacit_echo_as_operator_call(operator_client, &none, &operated, &error),
                     TACIT_DRAINING);
    /*  Who may not call is told that, and enclaves' methods are not refused for the drain.  */
    assert_int_equal(tacit_echo_as_operator_call(client, &none, &operated, &error),
                     TACIT_CALLER_REFUSED);
    assert_int_equal(tacit_echo_as_worker_call(client, &worker, &worked, &error),
                     TACIT_CALLER_REFUSED);
    s_release(client);
    tacit_client_destroy(&operator_client);
    tacit_client_destroy(&client);
}

static void sessions_health_and_metrics_go_on(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    (void)s_hold(client);
    s_begin(); /* looked at by a new session of the operator's */
    tacit_client_t *late = s_user();
    tacit_builtin_t builtin;
    const tacit_builtin_args_t args = {0};
    tacit_health_result_t health;
    assert_int_equal(tacit_builtin_init(&builtin, "echo"), TACIT_OK);
    assert_int_equal(tacit_client_call(late, &builtin.methods[TACIT_BUILTIN_HEALTH], &args,
                                       tacit_span(NULL, 0), 0, &health, NULL, NULL),
                     TACIT_OK);
    assert_true(tacit_span_equal(health.status, tacit_span_string("draining")));
    assert_int_equal(s_as_user(late, NULL), TACIT_DRAINING);
    s_release(late);
    tacit_client_destroy(&late);
    tacit_client_destroy(&client);
}

static void the_wait_is_bounded(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo.drain_ms = 100;
    echo_start(&echo);
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    const tacit_echo_hold_user_args_t args = {0};
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_hold_user, &args, tacit_span(NULL, 0),
                                        0, &call, NULL),
                     TACIT_OK);
    echo_await_metric(&echo, "tacit_rpc_pending", 1);
    echo_drain(&echo);
    assert_int_equal(s_next(client, call), TACIT_INTERRUPTED);
    assert_true(echo_ends_within(&echo, S_SOON_MS));
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

static void asked_twice_it_ends_at_once(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    (void)s_hold(client);
    s_begin();
    echo_drain(&s_service);
    assert_true(echo_ends_within(&s_service, S_SOON_MS));
    tacit_client_destroy(&client);
}

static void without_work_it_ends_soon(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    assert_int_equal(s_as_user(client, NULL), TACIT_OK);
    echo_drain(&s_service);
    assert_true(echo_ends_within(&s_service, S_SOON_MS));
    tacit_client_destroy(&client);
}

static void a_call_that_ended_by_itself_holds_nothing_up(void **state)
{
    (void)state;
    tacit_client_t *client = s_user();
    const tacit_echo_hold_user_args_t args = {0};
    tacit_error_t error;
    assert_int_equal(tacit_client_call(client, &tacit_echo_hold_user, &args, tacit_span(NULL, 0),
                                       200, NULL, NULL, &error),
                     TACIT_DEADLINE_EXCEEDED); /* its handler has it still */
    echo_drain(&s_service);
    assert_true(echo_ends_within(&s_service, S_SOON_MS));
    tacit_client_destroy(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_accepted_is_finished_and_the_rest_refused),
        CASE(every_kind_of_user_is_refused),
        CASE(sessions_health_and_metrics_go_on),
        CASE(the_wait_is_bounded),
        CASE(asked_twice_it_ends_at_once),
        CASE(without_work_it_ends_soon),
        CASE(a_call_that_ended_by_itself_holds_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
