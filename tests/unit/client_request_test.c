/*  client_request_test.c - what a request may say beside its arguments: bulk that is handed over,
    an idempotency key; what its calls are counted as; connecting that is stopped.  */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/endpoint.h"
#include "rpc/frame.h"
#include "rpc/shared_bytes.h"
#include "tests/unit/echo_service.h"

/*  --- bulk that is handed over ---------------------------------------------------------------- */

enum { S_BULK = 300 * 1000 };

static atomic_int s_freed;

static void s_free(void *data, void *hint)
{
    assert_ptr_equal(hint, &s_freed);
    free(data);
    s_freed++;
}

static tacit_request_t s_bulk_request(const tacit_method_t *method, const void *args, size_t size)
{
    uint8_t *bulk = malloc(size);
    assert_non_null(bulk);
    memset(bulk, 0x5a, size);
    s_freed = 0;
    return (tacit_request_t){.method = method,
                             .args = args,
                             .bulk = tacit_span(bulk, size),
                             .free_bulk = s_free,
                             .hint = &s_freed};
}

/*  libzmq's thread frees what it has sent.  */
static void s_assert_freed_once(void)
{
    for (int i = 0; i < 500 && s_freed == 0; i++) {
        usleep(10 * 1000);
    }
    assert_int_equal(s_freed, 1);
}

static void sends_bulk_from_where_it_is(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_echo_bulk_args_t args = {.copy = true};
    tacit_echo_bulk_result_t result;
    tacit_span_t bulk;
    tacit_request_t request = s_bulk_request(&tacit_echo_bulk, &args, S_BULK);
    assert_int_equal(tacit_client_call_request(client, &request, &result, &bulk, NULL), TACIT_OK);
    assert_int_equal(result.size, S_BULK);
    assert_int_equal(bulk.size, S_BULK);
    assert_int_equal(bulk.data[S_BULK - 1], 0x5a);
    s_assert_freed_once();
    uint64_t call = 0;
    tacit_reply_t reply;
    request = s_bulk_request(&tacit_echo_bulk, &args, S_BULK);
    assert_int_equal(tacit_client_start_request(client, &request, &call, NULL), TACIT_OK);
    assert_int_equal(tacit_client_next(client, 5000, &reply, NULL), TACIT_OK);
    assert_int_equal(reply.call, call);
    assert_int_equal(reply.status, TACIT_OK);
    s_assert_freed_once();
    tacit_client_destroy(&client);
}

static void frees_bulk_that_is_refused(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_echo_narrow_args_t args = {.size = 0};
    uint64_t call = 0;
    for (size_t size = 100; size <= 101; size++) {
        tacit_request_t request = s_bulk_request(&tacit_echo_narrow, &args, size);
        assert_int_equal(tacit_client_call_request(client, &request, NULL, NULL, NULL),
                         size == 100 ? TACIT_OK : TACIT_BAD_BULK);
        s_assert_freed_once();
    }
    tacit_method_t streams = tacit_echo_narrow;
    streams.stream_out.chunk_max = 1;
    tacit_request_t request = s_bulk_request(&streams, &args, 1);
    assert_int_equal(tacit_client_call_request(client, &request, NULL, NULL, NULL),
                     TACIT_BAD_INPUT);
    s_assert_freed_once();
    tacit_echo_hold_args_t hold = {.text = tacit_span("", 0)};
    for (int i = 0; i < TACIT_CLIENT_CALLS_MAX; i++) {
        assert_int_equal(tacit_client_start(client, &tacit_echo_hold, &hold, tacit_span(NULL, 0), 0,
                                            &call, NULL),
                         TACIT_OK);
    }
    request = s_bulk_request(&tacit_echo_narrow, &args, 1);
    assert_int_equal(tacit_client_start_request(client, &request, &call, NULL), TACIT_BUSY);
    s_assert_freed_once();
    tacit_client_destroy(&client);
}

static void frees_bulk_of_a_lost_connection(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_t *client = echo_connect(&echo, &echo.user);
    tacit_echo_bulk_args_t args = {.copy = true};
    echo_stop(&echo);
    tacit_request_t request = s_bulk_request(&tacit_echo_bulk, &args, S_BULK);
    assert_int_not_equal(tacit_client_call_request(client, &request, NULL, NULL, NULL), TACIT_OK);
    tacit_client_destroy(&client);
    s_assert_freed_once();
}

static void shared_bytes_live_until_their_last_holder(void **state)
{
    (void)state;
    tacit_client_t *client = echo_connect(&echo_of_test, &echo_of_test.user);
    tacit_echo_bulk_args_t args = {.copy = true};
    uint8_t *bytes = tacit_shared_bytes_new(S_BULK);
    assert_non_null(bytes);
    memset(bytes, 7, S_BULK);
    for (int i = 0; i < 3; i++) {
        const tacit_request_t request = {.method = &tacit_echo_bulk,
                                         .args = &args,
                                         .bulk = tacit_span(bytes, S_BULK),
                                         .free_bulk = tacit_shared_bytes_release};
        tacit_span_t bulk;
        tacit_shared_bytes_hold(bytes);
        assert_int_equal(tacit_client_call_request(client, &request, NULL, &bulk, NULL), TACIT_OK);
        assert_memory_equal(bulk.data, bytes, S_BULK);
    }
    tacit_client_destroy(&client);
    assert_int_equal(bytes[S_BULK - 1], 7);
    tacit_shared_bytes_release(bytes, NULL);
    tacit_shared_bytes_release(NULL, NULL);
    assert_null(tacit_shared_bytes_new(SIZE_MAX));
}

/*  --- the idempotency key --------------------------------------------------------------------- */

static void carries_the_idempotency_key(void **state)
{
    (void)state;
    tacit_endpoint_t *endpoint = NULL;
    tacit_client_t *client = NULL;
    tacit_endpoint_bind_t bind = {.address = "tcp://127.0.0.1:*",
                                  .public_key = echo_of_test.server.public_key,
                                  .secret_key = echo_of_test.server.secret_key,
                                  .zap_domain = "test.request",
                                  .frame_max = TACIT_FRAME_MAX};
    assert_int_equal(tacit_endpoint_bind(&bind, &endpoint, NULL), TACIT_OK);
    tacit_client_config_t config = echo_config(&echo_of_test, &echo_of_test.user);
    config.endpoint = tacit_endpoint_address(endpoint);
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    static const uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX + 1] = {1, 2, 3};
    uint64_t call = 0;
    for (size_t size = 0; size <= sizeof key; size += TACIT_IDEMPOTENCY_KEY_MAX) {
        const tacit_request_t request = {
            .method = &tacit_echo_echo, .args = &args, .idempotency_key = tacit_span(key, size)};
        assert_int_equal(tacit_client_start_request(client, &request, &call, NULL), TACIT_OK);
        uint8_t frame[1024];
        tacit_frame_request_t parsed;
        void *socket = tacit_endpoint_socket(endpoint);
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        assert_int_equal(zmq_poll(&item, 1, 5000), 1); /* its own wait is short */
        assert_int_equal(zmq_recv(socket, frame, sizeof frame, 0), 5);
        int got = zmq_recv(socket, frame, sizeof frame, 0);
        assert_int_equal(tacit_frame_parse_request(tacit_span(frame, (size_t)got), &parsed, NULL),
                         TACIT_OK);
        assert_int_equal(parsed.meta.has_idempotency_key, size > 0);
        assert_true(tacit_span_equal(parsed.meta.idempotency_key, tacit_span(key, size)));
    }
    const tacit_request_t request = {
        .method = &tacit_echo_echo, .args = &args, .idempotency_key = tacit_span(key, sizeof key)};
    assert_int_equal(tacit_client_start_request(client, &request, &call, NULL), TACIT_BAD_INPUT);
    tacit_client_destroy(&client);
    tacit_endpoint_destroy(&endpoint);
}

/*  --- what is counted ------------------------------------------------------------------------- */

static void s_assert_told(const tacit_client_metrics_t *metrics, const char *wanted)
{
    tacit_buffer_t buffer;
    char line[256];
    tacit_buffer_init(&buffer, TACIT_METRICS_TEXT_MAX);
    assert_int_equal(tacit_client_metrics_write(metrics, &buffer), TACIT_OK);
    snprintf(line, sizeof line, "\n%s\n", wanted);
    if (!memmem(buffer.data, buffer.size, line, strlen(line))) {
        fail_msg("not told: %s\n%.*s", wanted, (int)buffer.size, (const char *)buffer.data);
    }
    tacit_buffer_free(&buffer);
}

static void counts_calls_by_method(void **state)
{
    (void)state;
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    assert_non_null(metrics);
    tacit_client_config_t config = echo_config(&echo_of_test, &echo_of_test.user);
    tacit_client_t *client = NULL;
    config.metrics = metrics;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    tacit_echo_fail_args_t fail = {.how = 0};
    tacit_echo_hold_args_t hold = {.text = tacit_span("", 0)};
    uint64_t call = 0;
    assert_int_equal(tacit_echo_echo_call(client, &args, NULL, NULL), TACIT_OK);
    assert_int_equal(tacit_echo_echo_call(client, &args, NULL, NULL), TACIT_OK);
    assert_int_equal(tacit_echo_fail_call(client, &fail, NULL, NULL), TACIT_ECHO_BROKEN);
    assert_int_equal(
        tacit_client_start(client, &tacit_echo_hold, &hold, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_OK);
    s_assert_told(metrics, "tacit_client_calls_total{method=\"echo.echo\"} 2");
    s_assert_told(metrics, "tacit_client_in_flight{method=\"echo.hold\"} 1");
    s_assert_told(metrics, "tacit_client_refusals_total{method=\"echo.fail\",code=\"901001\","
                           "error=\"other\"} 1");
    s_assert_told(metrics,
                  "tacit_client_duration_seconds_bucket{method=\"echo.echo\",le=\"+Inf\"} 2");
    s_assert_told(metrics, "tacit_client_connections_total 1");
    tacit_client_destroy(&client);
    s_assert_told(metrics, "tacit_client_in_flight{method=\"echo.hold\"} 0");
    s_assert_told(metrics, "tacit_client_refusals_total{method=\"echo.hold\",code=\"112\","
                           "error=\"interrupted\"} 1");
    tacit_client_metrics_destroy(&metrics);
    tacit_client_metrics_destroy(&metrics);
}

static void methods_beyond_the_table_share_a_row(void **state)
{
    (void)state;
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    for (int i = 0; i < TACIT_CLIENT_METHODS_MAX + 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "made.up%d", i);
        const tacit_method_t method = {.name = name};
        tacit_meter_t meter = tacit_client_metrics_begin(metrics, &method, 10);
        tacit_client_metrics_end(&meter, TACIT_OK, 20);
        tacit_client_metrics_end(&meter, TACIT_OK, 20);
    }
    s_assert_told(metrics, "tacit_client_calls_total{method=\"made.up63\"} 1");
    s_assert_told(metrics, "tacit_client_calls_total{method=\"other\"} 2");
    s_assert_told(metrics, "tacit_client_sent_bytes_total{method=\"other\"} 20");
    s_assert_told(metrics, "tacit_client_received_bytes_total{method=\"other\"} 40");
    tacit_client_metrics_destroy(&metrics);
    tacit_meter_t none = tacit_client_metrics_begin(NULL, &tacit_echo_echo, 1);
    tacit_client_metrics_end(&none, TACIT_OK, 1);
}

static void counts_connections(void **state)
{
    (void)state;
    tacit_client_metrics_t *metrics = tacit_client_metrics_new();
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_config_t config = echo_config(&echo, &echo.user);
    tacit_client_t *client = NULL;
    tacit_echo_echo_args_t args = {.text = tacit_span("x", 1)};
    config.metrics = metrics;
    config.connect_ms = 500;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    echo_stop(&echo);
    assert_int_equal(tacit_echo_echo_call(client, &args, NULL, NULL), TACIT_UNREACHABLE);
    tacit_client_destroy(&client);
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_UNREACHABLE);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_CONNECTED), 1);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_LOST), 1);
    assert_int_equal(tacit_client_metrics_read(metrics, TACIT_COUNT_CONNECT_FAILED), 1);
    tacit_client_metrics_destroy(&metrics);
}

/*  --- stopping -------------------------------------------------------------------------------- */

static void *s_stop_soon(void *stop)
{
    usleep(100 * 1000);
    atomic_store((atomic_bool *)stop, true);
    return NULL;
}

/*  A listener that never shakes hands.  */
static void stops_connecting_when_told(void **state)
{
    (void)state;
    atomic_bool stop = false;
    pthread_t thread;
    zsock_t *silent = zsock_new(ZMQ_STREAM);
    int port = zsock_bind(silent, "tcp://127.0.0.1:*");
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
    tacit_client_config_t config = echo_config(&echo_of_test, &echo_of_test.user);
    tacit_client_t *client = NULL;
    config.endpoint = address;
    config.stop = &stop;
    config.connect_ms = 30000;
    int64_t began = zclock_mono();
    assert_int_equal(pthread_create(&thread, NULL, s_stop_soon, &stop), 0);
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_INTERRUPTED);
    assert_true(zclock_mono() - began < 10000);
    pthread_join(thread, NULL);
    zsock_destroy(&silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_bulk_from_where_it_is),
        cmocka_unit_test(frees_bulk_that_is_refused),
        cmocka_unit_test(frees_bulk_of_a_lost_connection),
        cmocka_unit_test(shared_bytes_live_until_their_last_holder),
        cmocka_unit_test(carries_the_idempotency_key),
        cmocka_unit_test(counts_calls_by_method),
        cmocka_unit_test(methods_beyond_the_table_share_a_row),
        cmocka_unit_test(counts_connections),
        cmocka_unit_test(stops_connecting_when_told),
    };
    return cmocka_run_group_tests(tests, echo_setup, echo_teardown);
}
