/*  call_end_test.c - calls that are over before they were answered: every reason reaches the
   handler, and calls made for another one end with it.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/client_stream.h"
#include "rpc/trace.h"
#include "tests/unit/echo_service.h"

static uint64_t s_watch(tacit_client_t *client, uint32_t deadline_ms)
{
    tacit_echo_watch_args_t args = {0};
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, &tacit_echo_watch, &args, tacit_span(NULL, 0),
                                        deadline_ms, &call, NULL),
                     TACIT_OK);
    return call;
}

static tacit_echo_watched_result_t s_watched(tacit_client_t *client)
{
    tacit_echo_watched_args_t args = {0};
    tacit_echo_watched_result_t result;
    assert_int_equal(tacit_echo_watched_call(client, &args, &result, NULL), TACIT_OK);
    return result;
}

/*  Of open calls, so many are left after a while; the others were told.  */
static void s_await_open(tacit_client_t *client, uint32_t open)
{
    for (int i = 0; i < 100 && s_watched(client).open > open; i++) {
        zclock_sleep(30);
    }
    assert_int_equal(s_watched(client).open, open);
}

static void s_assert_reply(tacit_client_t *client, uint64_t call, tacit_status_t status)
{
    tacit_reply_t reply;
    assert_int_equal(tacit_client_next(client, 5000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, call);
    assert_int_equal(reply.status, status);
}

/*  --- every reason ---------------------------------------------------------------------------- */

static void a_cancelled_call_reaches_its_handler_and_no_other(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_client_t *other = echo_connect(&echo_of_test, &echo_of_test.user);
    uint32_t ended = s_watched(client).ended;
    uint64_t call = s_watch(client, 0);
    uint64_t kept = s_watch(client, 2000);
    assert_int_equal(s_watch(other, 2000), 1);
    s_await_open(client, 3);
    tacit_client_cancel(client, call);
    tacit_client_cancel(client, call); /* which is none any more */
    tacit_client_cancel(client, 12345);
    s_await_open(client, 2);
    assert_int_equal(s_watched(client).ended, ended + 1);
    tacit_reply_t reply;
    assert_int_equal(tacit_client_next(client, 20, &reply, NULL), TACIT_DEADLINE_EXCEEDED);
    tacit_client_cancel(client, kept);
    tacit_client_destroy(&other);
    s_await_open(client, 0);
    tacit_client_destroy(&client);
}

static void a_deadline_reaches_the_handler(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    uint64_t call = s_watch(client, 100);
    s_assert_reply(client, call, TACIT_DEADLINE_EXCEEDED);
    s_await_open(client, 0);
    tacit_client_destroy(&client);
}

static void a_caller_that_vanishes_reaches_the_handler(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_client_t *gone = echo_connect(&echo_of_test, &echo_of_test.user);
    for (int i = 0; i < 10; i++) {
        (void)s_watch(gone, 0);
    }
    while (s_watched(client).open < 10) {
        zclock_sleep(5);
    }
    tacit_client_destroy(&gone);
    s_await_open(client, 0);
    tacit_client_destroy(&client);
}

static void a_session_that_ends_reaches_the_handler(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.operator_user);
    tacit_client_t *bound = echo_bind(&echo_of_test, &echo_of_test.user, TACIT_ROLE_USER);
    uint64_t call = s_watch(bound, 0);
    tacit_echo_end_sessions_args_t args = {.peer = tacit_span(echo_of_test.user.public_key, 32)};
    tacit_echo_end_sessions_result_t result;
    s_await_open(client, 1);
    assert_int_equal(tacit_echo_end_sessions_call(client, &args, &result, NULL), TACIT_OK);
    s_assert_reply(bound, call, TACIT_SESSION_EXPIRED);
    s_await_open(client, 0);
    tacit_client_destroy(&bound);
    tacit_client_destroy(&client);
}

static void a_server_that_ends_reaches_the_handler(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    uint64_t call = s_watch(client, 0);
    (void)s_watched(client);
    echo_stop(&echo);
    assert_int_equal(echo.watching, 0);
    assert_int_equal(echo.ended, 1);
    s_assert_reply(client, call, TACIT_UNREACHABLE);
    tacit_client_destroy(&client);
}

/*  --- calls for another ----------------------------------------------------------------------- */

static void a_call_for_another_ends_by_its_deadline(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    uint64_t now = (uint64_t)zclock_mono();
    tacit_trace_t work = tacit_trace_root();
    work.deadline_ms = now + 150;
    tacit_trace_t before = tacit_trace_enter(&work);
    uint64_t call = s_watch(client, 0);
    s_assert_reply(client, call, TACIT_DEADLINE_EXCEEDED);
    uint64_t took = (uint64_t)zclock_mono() - now;
    tacit_echo_watch_args_t args = {0};
    zclock_sleep(200); /* its service was told to be a little quicker */
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_watch, &args, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_DEADLINE_EXCEEDED); /* there is nobody left to do it for */
    tacit_trace_enter(&before);
    assert_in_range(took, 100, 5000);
    s_await_open(client, 0);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_call_reaches_its_handler_and_no_other),
        cmocka_unit_test(a_deadline_reaches_the_handler),
        cmocka_unit_test(a_caller_that_vanishes_reaches_the_handler),
        cmocka_unit_test(a_session_that_ends_reaches_the_handler),
        cmocka_unit_test(a_server_that_ends_reaches_the_handler),
        cmocka_unit_test(a_call_for_another_ends_by_its_deadline),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
