/*  channel_test.c - several endpoints, lost connections, retries and their bounds, hedging, kept
    arguments, sessions, polling, limits.  */

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/channel_internal.h"
#include "tests/unit/scripted_service.h"

static echo_service_t s_echo;   /* nobody changes it */
static tacit_method_t s_repeat; /* echo.echo, as if its contract said idempotent */

static int s_setup(void **state)
{
    (void)state;
    echo_init(&s_echo);
    echo_start(&s_echo);
    s_repeat = tacit_echo_echo;
    s_repeat.idempotent = true;
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    echo_stop(&s_echo);
    return 0;
}

/*  --- helpers --------------------------------------------------------------------------------- */

static tacit_channel_t *s_channel_with(tacit_channel_config_t config, const tacit_target_t *targets,
                                       size_t count, const tacit_party_t *party)
{
    tacit_channel_t *channel = NULL;
    tacit_client_config_t client = echo_config(&s_echo, &s_echo.user);
    client.party = party;
    client.connect_ms = 2000;
    assert_int_equal(tacit_channel_fixed(&client, targets, count, &config.source, NULL), TACIT_OK);
    assert_int_equal(tacit_channel_new(&config, &channel, NULL), TACIT_OK);
    return channel;
}

static tacit_channel_t *s_channel(const tacit_target_t *targets, size_t count)
{
    return s_channel_with((tacit_channel_config_t){.patience_ms = 0}, targets, count, NULL);
}

static tacit_status_t s_call_within(tacit_channel_t *channel, const tacit_method_t *method,
                                    uint32_t deadline_ms, tacit_error_t *ret_error)
{
    const tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = method, .args = &args, .deadline_ms = deadline_ms};
    tacit_error_t error;
    return tacit_channel_call(channel, &request, NULL, NULL, ret_error ? ret_error : &error);
}

static tacit_status_t s_call(tacit_channel_t *channel, const tacit_method_t *method)
{
    return s_call_within(channel, method, 0, NULL);
}

/*  Calls until so many endpoints are connected.  */
static void s_await_ready(tacit_channel_t *channel, size_t count)
{
    for (int i = 0; i < 500 && tacit_channel_ready(channel) < count; i++) {
        tacit_reply_t reply;
        (void)!tacit_channel_next(channel, 0, &reply, NULL);
        usleep(10 * 1000);
    }
    assert_int_equal(tacit_channel_ready(channel), count);
}

/*  A port that nobody listens at, and one where nobody ever shakes hands.  */
static tacit_target_t s_closed_target(void)
{
    tacit_target_t target = echo_target(&s_echo);
    snprintf(target.endpoint, sizeof target.endpoint, "tcp://127.0.0.1:1");
    return target;
}

static tacit_target_t s_silent_target(zsock_t *silent)
{
    tacit_target_t target = echo_target(&s_echo);
    snprintf(target.endpoint, sizeof target.endpoint, "tcp://127.0.0.1:%d",
             zsock_bind(silent, "tcp://127.0.0.1:*"));
    return target;
}

static atomic_int s_freed;

static void s_free(void *data, void *hint)
{
    (void)hint;
    free(data);
    s_freed++;
}

static tacit_request_t s_bulk_request(const tacit_method_t *method, const void *args, size_t size)
{
    uint8_t *bulk = malloc(size);
    memset(bulk, 9, size);
    s_freed = 0;
    return (tacit_request_t){
        .method = method, .args = args, .bulk = tacit_span(bulk, size), .free_bulk = s_free};
}

/*  --- calls ----------------------------------------------------------------------------------- */

static void answers_a_call(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span_string("hello")};
    const tacit_request_t request = {.method = &tacit_echo_echo, .args = &args};
    tacit_echo_echo_result_t result;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tacit_channel_call(channel, &request, &result, NULL, NULL), TACIT_OK);
        assert_true(tacit_span_equal(result.text, args.text));
    }
    tacit_echo_fail_args_t fail = {.how = 0};
    const tacit_request_t failing = {.method = &tacit_echo_fail, .args = &fail};
    tacit_error_t error;
    assert_int_equal(tacit_channel_call(channel, &failing, NULL, NULL, &error), TACIT_ECHO_BROKEN);
    assert_string_equal(error.name, "broken");
    tacit_channel_destroy(&channel);
    tacit_channel_destroy(&channel);
}

static void answers_asynchronous_calls_by_number(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    enum { COUNT = 200 };
    for (int round = 0; round < 2; round++) {
        uint64_t first = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u", i); /* gone when it is sent */
            tacit_echo_echo_args_t args = {.text = tacit_span_string(text)};
            const tacit_request_t request = {.method = round ? &s_repeat : &tacit_echo_echo,
                                             .args = &args};
            uint64_t call = 0;
            assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
            first = i ? first : call;
            assert_int_equal(call, first + i);
        }
        bool seen[COUNT] = {false};
        for (unsigned i = 0; i < COUNT; i++) {
            tacit_reply_t reply;
            char text[16];
            assert_int_equal(tacit_channel_next(channel, 5000, &reply, NULL), TACIT_OK);
            assert_int_equal(reply.status, TACIT_OK);
            size_t index = reply.call - first;
            assert_false(seen[index]);
            seen[index] = true;
            snprintf(text, sizeof text, "%zu", index);
            const tacit_echo_echo_result_t *result = reply.result;
            assert_true(tacit_span_equal(result->text, tacit_span_string(text)));
        }
    }
    tacit_reply_t none;
    assert_int_equal(tacit_channel_next(channel, 100, &none, NULL), TACIT_DEADLINE_EXCEEDED);
    tacit_channel_destroy(&channel);
}

static void its_file_tells_when_to_look(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    for (int i = 0; i < 20; i++) {
        tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
        const tacit_request_t request = {.method = &tacit_echo_echo, .args = &args};
        uint64_t call = 0;
        tacit_reply_t reply;
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
        while (tacit_channel_next(channel, 0, &reply, NULL) != TACIT_OK) {
            struct pollfd file = {.fd = tacit_channel_file(channel), .events = POLLIN};
            assert_int_equal(poll(&file, 1, 5000), 1);
        }
        assert_int_equal(reply.call, call);
    }
    tacit_channel_destroy(&channel);
}

/*  Timers count too: a call to nobody ends on the poller.  */
static void its_file_tells_of_deadlines(void **state)
{
    (void)state;
    tacit_target_t target = s_closed_target();
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = &s_repeat, .args = &args, .deadline_ms = 300};
    uint64_t call = 0;
    tacit_reply_t reply;
    int turns = 0;
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    for (; tacit_channel_next(channel, 0, &reply, NULL) != TACIT_OK; turns++) {
        struct pollfd file = {.fd = tacit_channel_file(channel), .events = POLLIN};
        assert_int_equal(poll(&file, 1, 5000), 1);
    }
    assert_int_equal(reply.status, TACIT_UNREACHABLE);
    assert_true(turns < 200); /* it does not spin */
    tacit_channel_destroy(&channel);
}

/*  --- several endpoints ----------------------------------------------------------------------- */

static void spreads_calls(void **state)
{
    (void)state;
    scripted_t services[3];
    tacit_target_t targets[3];
    for (size_t i = 0; i < 3; i++) {
        scripted_start(&services[i]);
        targets[i] = scripted_target(&services[i]);
    }
    tacit_channel_t *channel = s_channel(targets, 3);
    s_await_ready(channel, 3);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(services[i].requests >= 10);
        scripted_stop(&services[i]);
    }
    tacit_channel_destroy(&channel);
}

static void a_broken_endpoint_delays_nothing(void **state)
{
    (void)state;
    zsock_t *silent = zsock_new(ZMQ_STREAM);
    const tacit_target_t targets[] = {s_closed_target(), s_silent_target(silent),
                                      echo_target(&s_echo)};
    tacit_channel_t *channel = s_channel(targets, 3);
    s_await_ready(channel, 1);
    int64_t began = zclock_mono();
    int64_t longest = 0;
    for (int i = 0; zclock_mono() - began < 1500; i++) {
        int64_t start = zclock_mono();
        assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
        int64_t taken = zclock_mono() - start;
        longest = taken > longest ? taken : longest;
        usleep(1000);
    }
    assert_true(longest < 500); /* an attempt to connect takes 2000 */
    tacit_channel_destroy(&channel);
    assert_true(zclock_mono() - began < 3000); /* dialing is told to stop */
    zsock_destroy(&silent);
}

static void prefers_who_does_not_fail(void **state)
{
    (void)state;
    scripted_t services[2];
    tacit_target_t targets[2];
    for (size_t i = 0; i < 2; i++) {
        scripted_start(&services[i]);
        targets[i] = scripted_target(&services[i]);
    }
    scripted_be(&services[0], SCRIPTED_BROKEN, 0);
    tacit_channel_t *channel = s_channel(targets, 2);
    s_await_ready(channel, 2);
    int failed = 0;
    for (int i = 0; i < 60; i++) {
        failed += s_call(channel, &tacit_echo_echo) != TACIT_OK;
    }
    assert_true(failed >= 1 && failed <= 10);
    assert_true(services[1].requests >= 50);
    tacit_channel_destroy(&channel);
    scripted_stop(&services[0]);
    scripted_stop(&services[1]);
}

/*  --- lost connections ------------------------------------------------------------------------ */

static void reconnects_to_a_restarted_service(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    tacit_channel_t *channel =
        s_channel_with((tacit_channel_config_t){.metrics = metrics}, &target, 1, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
        scripted_be(&service, SCRIPTED_HANG_UP, 1);
        assert_int_equal(s_call(channel, &s_repeat), TACIT_OK);
    }
    assert_int_equal(service.requests, 9);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_LOST), 3);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_CONNECTED), 4);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_RETRY), 3);
    tacit_channel_destroy(&channel);
    tacit_client_metrics_destroy(&metrics);
    scripted_stop(&service);
}

/*  Killed and restarted under load: what may be sent again is answered, all of it.  */
static void a_restart_under_load_loses_no_idempotent_call(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = &s_repeat, .args = &args};
    unsigned started = 0;
    unsigned ended = 0;
    while (ended < 2000) {
        uint64_t call = 0;
        tacit_reply_t reply;
        while (started < 2000 && started - ended < 32) {
            assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
            if (++started == 1000 || started == 1500) {
                scripted_be(&service, SCRIPTED_HANG_UP, 1);
            }
        }
        assert_int_equal(tacit_channel_next(channel, 10000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
        ended++;
    }
    assert_true(service.requests >= 2000);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

static void what_is_not_idempotent_is_sent_once(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_HANG_UP, 1);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_UNREACHABLE);
    assert_int_equal(service.requests, 1);
    scripted_be(&service, SCRIPTED_BUSY, 1);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_BUSY);
    assert_int_equal(service.requests, 2);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

static void an_idempotency_key_is_told_and_repeats_nothing(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    tacit_request_t request = {.method = &tacit_echo_echo,
                               .args = &args,
                               .idempotency_key = tacit_span_string("the same again")};
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_HANG_UP, 1);
    assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL), TACIT_UNREACHABLE);
    assert_int_equal(service.requests, 1);
    assert_int_equal(service.keyed, 1);
    static const uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX + 1];
    request.idempotency_key = tacit_span(key, TACIT_IDEMPOTENCY_KEY_MAX);
    assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL), TACIT_OK);
    request.idempotency_key = tacit_span(key, TACIT_IDEMPOTENCY_KEY_MAX + 1);
    assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL), TACIT_BAD_INPUT);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

/*  Each malformed reply costs a connection and an attempt, and no more.  */
static void a_service_of_garbage_is_left_alone(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_GARBAGE, 0);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_PROTOCOL_ERROR);
    assert_int_equal(service.requests, 1);
    assert_int_equal(s_call(channel, &s_repeat), TACIT_PROTOCOL_ERROR);
    assert_int_equal(service.requests, 1 + TACIT_CHANNEL_ATTEMPTS_MAX);
    scripted_be(&service, SCRIPTED_GARBAGE, 1);
    assert_int_equal(s_call(channel, &s_repeat), TACIT_OK);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

/*  A service that takes connections and nothing else: every call ends by its deadline, and what is
    kept for it stays within the channel's bounds.  */
static void a_service_that_never_reads_costs_deadlines(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = NULL;
    const tacit_endpoint_bind_t config = {.address = "tcp://127.0.0.1:*",
                                          .public_key = s_echo.server.public_key,
                                          .secret_key = s_echo.server.secret_key,
                                          .zap_domain = "test.deaf",
                                          .frame_max = TACIT_BULK_MAX};
    assert_int_equal(tacit_endpoint_bind(&config, &endpoint, NULL), TACIT_OK);
    tacit_target_t target = echo_target(&s_echo);
    snprintf(target.endpoint, sizeof target.endpoint, "%s", tacit_endpoint_address(endpoint));
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    tacit_echo_bulk_args_t args = {.copy = false};
    int started = 0;
    for (int round = 0; round < 3; round++) {
        uint64_t call = 0;
        tacit_status_t status = TACIT_OK;
        int pending = 0;
        while (status == TACIT_OK) {
            tacit_request_t request = s_bulk_request(&tacit_echo_bulk, &args, 1000000);
            request.deadline_ms = 200;
            status = tacit_channel_start(channel, &request, &call, NULL);
            pending += status == TACIT_OK;
        }
        assert_int_equal(status, TACIT_BUSY);
        assert_true(channel->kept_bytes <= TACIT_CHANNEL_KEPT_MAX);
        for (started += pending; pending > 0; pending--) {
            tacit_reply_t reply;
            assert_int_equal(tacit_channel_next(channel, 5000, &reply, NULL), TACIT_OK);
            assert_int_equal(reply.status, TACIT_DEADLINE_EXCEEDED);
        }
        assert_int_equal(channel->kept_bytes, 0);
    }
    assert_true(started >= 3 * 60);
    tacit_channel_destroy(&channel);
    tacit_endpoint_destroy(&endpoint);
}

/*  --- nobody there ---------------------------------------------------------------------------- */

static void patience_ends_in_why_nobody_answers(void **state)
{
    (void)state;
    tacit_target_t target = s_closed_target();
    tacit_channel_t *channel =
        s_channel_with((tacit_channel_config_t){.patience_ms = 300}, &target, 1, NULL);
    tacit_error_t error;
    int64_t began = zclock_mono();
    assert_int_equal(s_call_within(channel, &tacit_echo_echo, 0, &error), TACIT_UNREACHABLE);
    int64_t taken = zclock_mono() - began;
    assert_true(taken >= 300 && taken < 2000);
    assert_non_null(strstr(error.message, "tcp://127.0.0.1:1"));
    began = zclock_mono();
    assert_int_equal(s_call_within(channel, &tacit_echo_echo, 100, &error), TACIT_UNREACHABLE);
    assert_true(zclock_mono() - began < 290);
    tacit_channel_destroy(&channel);
}

static void a_wrong_key_ends_calls_at_once(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    echo_keys_t other;
    echo_make_keys(&other);
    memcpy(target.server_key, other.public_key, sizeof other.public_key);
    tacit_channel_t *channel = s_channel(&target, 1);
    int64_t began = zclock_mono();
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_WRONG_SERVER_KEY);
    assert_true(zclock_mono() - began < 3000);
    tacit_channel_destroy(&channel);
}

static void a_silent_service_ends_in_the_deadline(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_SILENT, 0);
    int64_t began = zclock_mono();
    assert_int_equal(s_call_within(channel, &s_repeat, 300, NULL), TACIT_DEADLINE_EXCEEDED);
    int64_t taken = zclock_mono() - began;
    assert_true(taken >= 290 && taken < 2000);
    assert_int_equal(service.requests, 1);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

/*  --- busy services and the budget ------------------------------------------------------------ */

static void honours_retry_after(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    service.retry_after_ms = 250;
    tacit_target_t target = scripted_target(&service);
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    tacit_channel_t *channel =
        s_channel_with((tacit_channel_config_t){.metrics = metrics}, &target, 1, NULL);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_BUSY, 1);
    int64_t began = zclock_mono();
    assert_int_equal(s_call(channel, &s_repeat), TACIT_OK);
    assert_true(zclock_mono() - began >= 250);
    assert_int_equal(service.requests, 2);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_RETRY), 1);
    /*  A wait beyond the deadline is no wait.  */
    scripted_be(&service, SCRIPTED_BUSY, 1);
    began = zclock_mono();
    assert_int_equal(s_call_within(channel, &s_repeat, 200, NULL), TACIT_BUSY);
    assert_true(zclock_mono() - began < 190);
    tacit_channel_destroy(&channel);
    tacit_client_metrics_destroy(&metrics);
    scripted_stop(&service);
}

/*  It did not run, so that any call goes elsewhere, and costs no budget.  */
static void what_a_draining_service_refuses_goes_elsewhere(void **state)
{
    (void)state;
    enum { CALLS = 3 * TACIT_RETRY_FLOOR };
    scripted_t services[2];
    tacit_target_t targets[2];
    for (size_t i = 0; i < 2; i++) {
        scripted_start(&services[i]);
        services[i].retry_after_ms = 5000;
        targets[i] = scripted_target(&services[i]);
    }
    tacit_channel_t *channel = s_channel(targets, 2);
    s_await_ready(channel, 2);
    scripted_be(&services[0], SCRIPTED_DRAINING, 0);
    const tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = &tacit_echo_echo, .args = &args};
    for (int i = 0; i < CALLS; i++) {
        uint64_t call = 0;
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    }
    for (int i = 0; i < CALLS; i++) {
        tacit_reply_t reply;
        assert_int_equal(tacit_channel_next(channel, 4000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    assert_true(services[0].requests > 0);
    assert_int_equal(services[1].requests, CALLS);
    int refused = services[0].requests;
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    assert_int_equal(services[0].requests, refused); /* it is left alone */
    tacit_channel_destroy(&channel);
    scripted_stop(&services[0]);
    scripted_stop(&services[1]);
}

static void a_draining_service_without_another_is_asked_again(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    service.retry_after_ms = 100;
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_DRAINING, 1);
    int64_t began = zclock_mono();
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    assert_true(zclock_mono() - began >= 100);
    assert_int_equal(service.requests, 2);
    scripted_be(&service, SCRIPTED_DRAINING, 0);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_DRAINING);
    assert_int_equal(service.requests, 2 + TACIT_CHANNEL_ATTEMPTS_MAX);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

static void attempts_are_bounded(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    for (unsigned most = 1; most <= 3; most++) {
        tacit_channel_t *channel =
            s_channel_with((tacit_channel_config_t){.attempts_max = most}, &target, 1, NULL);
        s_await_ready(channel, 1);
        scripted_be(&service, SCRIPTED_BUSY, 0);
        service.requests = 0;
        assert_int_equal(s_call(channel, &s_repeat), TACIT_BUSY);
        assert_int_equal(service.requests, most);
        tacit_channel_destroy(&channel);
    }
    scripted_stop(&service);
}

static void a_failing_service_is_not_flooded(void **state)
{
    (void)state;
    enum { CALLS = 200 };
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    tacit_channel_t *channel =
        s_channel_with((tacit_channel_config_t){.metrics = metrics}, &target, 1, NULL);
    s_await_ready(channel, 1);
    scripted_be(&service, SCRIPTED_BUSY, 0);
    int64_t began = zclock_mono();
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = &s_repeat, .args = &args};
    for (int i = 0; i < CALLS; i++) {
        uint64_t call = 0;
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    }
    for (int i = 0; i < CALLS; i++) {
        tacit_reply_t reply;
        assert_int_equal(tacit_channel_next(channel, 10000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_BUSY);
    }
    int seconds = (int)((zclock_mono() - began) / 1000) + 1;
    int most = CALLS + TACIT_RETRY_FLOOR + CALLS * TACIT_RETRY_PERCENT / 100 + seconds;
    assert_true(service.requests <= most);
    assert_true(service.requests > CALLS);
    assert_true(tacit_client_metrics_read(metrics, TACIT_COUNT_RETRY_REFUSED) > 0);
    tacit_channel_destroy(&channel);
    tacit_client_metrics_destroy(&metrics);
    scripted_stop(&service);
}

/*  --- hedging --------------------------------------------------------------------------------- */

static void hedges_where_told(void **state)
{
    (void)state;
    scripted_t silent;
    scripted_start(&silent);
    scripted_be(&silent, SCRIPTED_SILENT, 0);
    const tacit_target_t targets[] = {scripted_target(&silent), echo_target(&s_echo)};
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    tacit_channel_t *channel = s_channel_with(
        (tacit_channel_config_t){.hedge_ms = 50, .metrics = metrics}, targets, 2, NULL);
    s_await_ready(channel, 2);
    int64_t began = zclock_mono();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s_call(channel, &s_repeat), TACIT_OK);
    }
    assert_true(zclock_mono() - began < 2000);
    assert_true(silent.requests >= 1);
    uint64_t hedges = tacit_client_metrics_read(metrics, TACIT_COUNT_HEDGE);
    assert_int_equal(hedges, silent.requests);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_HEDGE_WON), hedges);
    for (int i = 0; i < 200 && silent.cancels < silent.requests; i++) {
        usleep(10 * 1000);
    }
    assert_int_equal(silent.cancels, silent.requests); /* the losers were told */
    tacit_channel_destroy(&channel);
    tacit_client_metrics_destroy(&metrics);
    scripted_stop(&silent);
}

static void does_not_hedge_what_may_not_repeat(void **state)
{
    (void)state;
    scripted_t services[2];
    tacit_target_t targets[2];
    for (size_t i = 0; i < 2; i++) {
        scripted_start(&services[i]);
        scripted_be(&services[i], SCRIPTED_SILENT, 0);
        targets[i] = scripted_target(&services[i]);
    }
    tacit_channel_t *channel =
        s_channel_with((tacit_channel_config_t){.hedge_ms = 20}, targets, 2, NULL);
    s_await_ready(channel, 2);
    assert_int_equal(s_call_within(channel, &tacit_echo_echo, 200, NULL), TACIT_DEADLINE_EXCEEDED);
    assert_int_equal(services[0].requests + services[1].requests, 1);
    assert_int_equal(s_call_within(channel, &s_repeat, 200, NULL), TACIT_DEADLINE_EXCEEDED);
    assert_int_equal(services[0].requests + services[1].requests, 3);
    tacit_channel_destroy(&channel);
    scripted_stop(&services[0]);
    scripted_stop(&services[1]);
}

/*  --- sessions and secrets -------------------------------------------------------------------- */

static void binds_again_when_a_session_ended(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_party_t party = echo_party(&s_echo, &s_echo.user, TACIT_ROLE_USER);
    tacit_channel_t *channel = s_channel_with((tacit_channel_config_t){0}, &target, 1, &party);
    tacit_method_t as_user = tacit_echo_as_user;
    as_user.idempotent = true;
    tacit_echo_end_sessions_args_t end = {.peer = tacit_span(s_echo.user.public_key, 32)};
    const tacit_request_t ending = {.method = &tacit_echo_end_sessions, .args = &end};
    for (int i = 0; i < 3; i++) {
        const tacit_echo_as_user_args_t args = {0};
        const tacit_request_t request = {.method = &as_user, .args = &args};
        assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL), TACIT_OK);
        assert_int_equal(tacit_channel_call(channel, &ending, NULL, NULL, NULL), TACIT_OK);
    }
    tacit_channel_destroy(&channel);
}

/*  Kept before there is a session, sealed for the one that came.  */
static void secrets_are_kept_until_they_are_sent(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_party_t party = echo_party(&s_echo, &s_echo.user, TACIT_ROLE_USER);
    tacit_channel_t *channel = s_channel_with((tacit_channel_config_t){0}, &target, 1, &party);
    uint8_t secret[32];
    memset(secret, 0x3c, sizeof secret);
    tacit_echo_secret_args_t args = {.secret = tacit_span(secret, sizeof secret)};
    const tacit_request_t request = {.method = &tacit_echo_secret, .args = &args};
    uint64_t call = 0;
    tacit_reply_t reply;
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    assert_int_equal(channel->works[0].state, TACIT_WORK_QUEUED);
    assert_null(memmem(channel->works[0].saved.data, channel->works[0].saved.size, secret, 8));
    memset(secret, 0, sizeof secret);
    assert_int_equal(tacit_channel_next(channel, 5000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.status, TACIT_OK);
    const tacit_echo_secret_result_t *result = reply.result;
    assert_int_equal(result->secret.data[31], 0x3c);
    tacit_channel_destroy(&channel);
}

static void renews_a_session_while_the_old_one_serves(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_party_t party = echo_party(&s_echo, &s_echo.user, TACIT_ROLE_USER);
    tacit_channel_t *channel = s_channel_with((tacit_channel_config_t){0}, &target, 1, &party);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    const tacit_client_t *before = channel->routes[0].client;
    assert_true(channel->routes[0].renew_ms < UINT64_MAX);
    channel->routes[0].renew_ms = 0;
    tacit_echo_hold_args_t args = {.text = tacit_span("", 0)};
    const tacit_request_t request = {.method = &tacit_echo_hold, .args = &args};
    uint64_t call = 0;
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    for (int i = 0; i < 500 && channel->routes[0].client == before; i++) {
        assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
        usleep(2000);
    }
    assert_ptr_not_equal(channel->routes[0].client, before);
    tacit_echo_release_args_t none = {0};
    const tacit_request_t release = {.method = &tacit_echo_release, .args = &none};
    tacit_reply_t reply;
    assert_int_equal(tacit_channel_call(channel, &release, NULL, NULL, NULL), TACIT_OK);
    assert_int_equal(tacit_channel_next(channel, 5000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, call); /* over the retired connection */
    assert_int_equal(reply.status, TACIT_OK);
    assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
    tacit_channel_destroy(&channel);
}

/*  --- bulk, cancellation, limits -------------------------------------------------------------- */

static void s_assert_freed_once(void)
{
    for (int i = 0; i < 500 && s_freed == 0; i++) {
        usleep(10 * 1000);
    }
    assert_int_equal(s_freed, 1);
}

static void bulk_is_taken_and_freed_once(void **state)
{
    (void)state;
    enum { SIZE = 200 * 1000 };
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_method_t repeat = tacit_echo_bulk;
    repeat.idempotent = true;
    tacit_echo_bulk_args_t args = {.copy = true};
    tacit_request_t request = s_bulk_request(&repeat, &args, SIZE);
    tacit_span_t bulk;
    assert_int_equal(tacit_channel_call(channel, &request, NULL, &bulk, NULL), TACIT_OK);
    assert_int_equal(bulk.size, SIZE);
    assert_int_equal(bulk.data[SIZE - 1], 9);
    s_assert_freed_once();
    tacit_echo_narrow_args_t narrow = {.size = 0};
    for (size_t size = 100; size <= 101; size++) {
        request = s_bulk_request(&tacit_echo_narrow, &narrow, size);
        assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL),
                         size == 100 ? TACIT_OK : TACIT_BAD_BULK);
        s_assert_freed_once();
    }
    uint64_t call = 0;
    request = s_bulk_request(&repeat, &args, SIZE);
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    tacit_channel_cancel(channel, call);
    s_assert_freed_once();
    tacit_channel_destroy(&channel);
}

static void bulk_goes_by_a_lane_where_told(void **state)
{
    (void)state;
    enum { SIZE = 1000 * 1000, COUNT = 20 };
    tacit_target_t target = echo_target(&s_echo);
    tacit_party_t party = echo_party(&s_echo, &s_echo.user, TACIT_ROLE_USER);
    tacit_client_config_t client = echo_config(&s_echo, &s_echo.user);
    tacit_channel_config_t config = {.patience_ms = 0};
    tacit_channel_t *channel = NULL;
    client.party = &party;
    assert_int_equal(tacit_channel_fixed(&client, &target, 1, &config.source, NULL), TACIT_OK);
    config.source.lane = true;
    assert_int_equal(tacit_channel_new(&config, &channel, NULL), TACIT_OK);
    tacit_echo_bulk_args_t args = {.copy = true};
    for (int i = 0; i < COUNT; i++) {
        uint64_t call = 0;
        tacit_request_t request = s_bulk_request(&tacit_echo_bulk, &args, SIZE);
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        tacit_reply_t reply;
        while (tacit_channel_next(channel, 0, &reply, NULL) != TACIT_OK) {
            struct pollfd file = {.fd = tacit_channel_file(channel), .events = POLLIN};
            assert_int_equal(poll(&file, 1, 5000), 1);
        }
        assert_int_equal(reply.status, TACIT_OK);
        assert_int_equal(reply.bulk.size, SIZE);
    }
    assert_true(channel->routes[0].client->lane.received >= COUNT);
    tacit_channel_destroy(&channel);
}

static void methods_with_streams_are_refused(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_method_t streams = tacit_echo_echo;
    streams.stream_in.chunk_max = 1;
    assert_int_equal(s_call(channel, &streams), TACIT_BAD_INPUT);
    tacit_channel_destroy(&channel);
}

static void calls_are_bounded(void **state)
{
    (void)state;
    tacit_target_t target = s_closed_target();
    tacit_channel_t *channel = s_channel(&target, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    tacit_request_t request = {.method = &tacit_echo_echo, .args = &args, .deadline_ms = 5000};
    uint64_t call = 0;
    uint64_t first = 0;
    for (int i = 0; i < TACIT_CHANNEL_CALLS_MAX; i++) {
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
        first = first ? first : call;
    }
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_BUSY);
    tacit_channel_cancel(channel, first);
    tacit_channel_cancel(channel, first); /* which is none any more */
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_BUSY);
    tacit_channel_destroy(&channel);
    channel = s_channel(&target, 1);
    tacit_echo_bulk_args_t bulk = {.copy = false};
    request = (tacit_request_t){.method = &tacit_echo_bulk, .args = &bulk};
    uint8_t *bytes = calloc(1, TACIT_BULK_MAX);
    request.bulk = tacit_span(bytes, TACIT_BULK_MAX - (size_t)65536);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    }
    request.bulk.size = TACIT_BULK_MAX;
    assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_BUSY);
    free(bytes);
    tacit_channel_destroy(&channel);
}

/*  More at once than one connection takes: the others wait for their turn.  */
static void calls_beyond_a_connections_room_wait(void **state)
{
    (void)state;
    scripted_t service;
    scripted_start(&service);
    tacit_target_t target = scripted_target(&service);
    tacit_channel_t *channel = s_channel(&target, 1);
    s_await_ready(channel, 1);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    const tacit_request_t request = {.method = &tacit_echo_echo, .args = &args};
    for (int i = 0; i < TACIT_CHANNEL_CALLS_MAX; i++) {
        uint64_t call = 0;
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), TACIT_OK);
    }
    for (int i = 0; i < TACIT_CHANNEL_CALLS_MAX; i++) {
        tacit_reply_t reply;
        assert_int_equal(tacit_channel_next(channel, 5000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    assert_int_equal(service.requests, TACIT_CHANNEL_CALLS_MAX);
    tacit_channel_destroy(&channel);
    scripted_stop(&service);
}

static void arguments_beyond_their_bounds_are_refused_at_once(void **state)
{
    (void)state;
    tacit_target_t target = echo_target(&s_echo);
    tacit_channel_t *channel = s_channel(&target, 1);
    static const uint8_t bytes[1025];
    uint64_t call = 0;
    for (size_t size = 1024; size <= 1025; size++) {
        tacit_echo_echo_args_t args = {.text = tacit_span(bytes, size)};
        const tacit_request_t request = {.method = &tacit_echo_echo, .args = &args};
        tacit_status_t expected = size == 1024 ? TACIT_OK : TACIT_BAD_INPUT;
        assert_int_equal(tacit_channel_call(channel, &request, NULL, NULL, NULL), expected);
        assert_int_equal(tacit_channel_start(channel, &request, &call, NULL), expected);
    }
    tacit_channel_destroy(&channel);
    tacit_client_config_t config = echo_config(&s_echo, &s_echo.user);
    tacit_target_t targets[TACIT_CHANNEL_ROUTES_MAX + 1] = {0};
    tacit_channel_source_t source;
    assert_int_equal(tacit_channel_fixed(&config, targets, 0, &source, NULL), TACIT_BAD_INPUT);
    assert_int_equal(
        tacit_channel_fixed(&config, targets, TACIT_CHANNEL_ROUTES_MAX + 1, &source, NULL),
        TACIT_BAD_INPUT);
}

/*  --- endpoints that change ------------------------------------------------------------------- */

typedef struct {
    echo_service_t *echo; /* whom a look finds */
    atomic_int looks;
    atomic_int down; /* so many looks fail first */
    atomic_bool destroyed;
} s_book_t;

static tacit_status_t s_look(void *self, tacit_target_t *ret_targets, size_t max, size_t *ret_count,
                             tacit_error_t *ret_error)
{
    s_book_t *book = self;
    book->looks++;
    if (book->down > 0) {
        book->down--;
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, "the book is closed");
    }
    assert_true(max == TACIT_CHANNEL_ROUTES_MAX);
    ret_targets[0] = echo_target(book->echo);
    *ret_count = 1;
    return TACIT_OK;
}

static tacit_status_t s_dial(void *self, const tacit_target_t *target, const atomic_bool *stop,
                             tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    const s_book_t *book = self;
    tacit_client_config_t config = echo_config(book->echo, &s_echo.user);
    config.endpoint = target->endpoint;
    config.server_key = target->server_key;
    config.stop = stop;
    return tacit_client_new(&config, ret_client, ret_error);
}

static void s_close_book(void *self)
{
    ((s_book_t *)self)->destroyed = true;
}

/*  As when a service is restarted: another port, another key.  */
static void takes_what_another_look_finds(void **state)
{
    (void)state;
    echo_service_t lives[3];
    s_book_t book = {.echo = &lives[0], .down = 3};
    tacit_channel_t *channel = NULL;
    const tacit_channel_config_t config = {
        .source = {.resolve = s_look, .connect = s_dial, .destroy = s_close_book, .self = &book}};
    for (size_t i = 0; i < 3; i++) {
        echo_init(&lives[i]);
        echo_start(&lives[i]);
        book.echo = &lives[i];
        if (i == 0) {
            assert_int_equal(tacit_channel_new(&config, &channel, NULL), TACIT_OK);
        }
        assert_int_equal(s_call(channel, &s_repeat), TACIT_OK);
        assert_int_equal(s_call(channel, &tacit_echo_echo), TACIT_OK);
        echo_stop(&lives[i]);
    }
    assert_true(book.looks >= 5);
    assert_true(book.looks < 30);
    tacit_channel_destroy(&channel);
    assert_true(book.destroyed);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_a_call),
        CASE(answers_asynchronous_calls_by_number),
        CASE(its_file_tells_when_to_look),
        CASE(its_file_tells_of_deadlines),
        CASE(spreads_calls),
        CASE(a_broken_endpoint_delays_nothing),
        CASE(prefers_who_does_not_fail),
        CASE(takes_what_another_look_finds),
        CASE(reconnects_to_a_restarted_service),
        CASE(a_restart_under_load_loses_no_idempotent_call),
        CASE(what_is_not_idempotent_is_sent_once),
        CASE(an_idempotency_key_is_told_and_repeats_nothing),
        CASE(a_service_of_garbage_is_left_alone),
        CASE(a_service_that_never_reads_costs_deadlines),
        CASE(patience_ends_in_why_nobody_answers),
        CASE(a_wrong_key_ends_calls_at_once),
        CASE(a_silent_service_ends_in_the_deadline),
        CASE(honours_retry_after),
        CASE(what_a_draining_service_refuses_goes_elsewhere),
        CASE(a_draining_service_without_another_is_asked_again),
        CASE(attempts_are_bounded),
        CASE(a_failing_service_is_not_flooded),
        CASE(hedges_where_told),
        CASE(does_not_hedge_what_may_not_repeat),
        CASE(binds_again_when_a_session_ended),
        CASE(secrets_are_kept_until_they_are_sent),
        CASE(renews_a_session_while_the_old_one_serves),
        CASE(bulk_is_taken_and_freed_once),
        CASE(bulk_goes_by_a_lane_where_told),
        CASE(methods_with_streams_are_refused),
        CASE(calls_are_bounded),
        CASE(calls_beyond_a_connections_room_wait),
        CASE(arguments_beyond_their_bounds_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
