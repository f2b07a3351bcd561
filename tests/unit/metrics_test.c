/*  metrics_test.c - counters, buckets at their bounds, and the text of it all.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/metrics.h"

static const tacit_error_row_t s_errors[] = {{"broken", 901001, "it broke"}};
static const tacit_service_t s_service = {.name = "echo", .errors = s_errors, .error_count = 1};

static tacit_method_metrics_t s_new(void)
{
    return (tacit_method_metrics_t){.name = "echo.echo", .service = &s_service};
}

static void s_end(tacit_method_metrics_t *method, int code, uint64_t nanoseconds)
{
    tacit_metrics_begin(method, 10);
    tacit_metrics_end(method, (tacit_status_t)code, nanoseconds, 20);
}

static void counts_from_arrival_to_answer(void **state)
{
    (void)state;
    tacit_method_metrics_t method = s_new();
    tacit_metrics_begin(&method, 7);
    assert_int_equal(method.in_flight, 1);
    assert_int_equal(method.ended, 0);
    tacit_metrics_end(&method, TACIT_OK, 1000, 9);
    assert_int_equal(method.in_flight, 0);
    assert_int_equal(method.ended, 1);
    assert_int_equal(method.bytes_in, 7);
    assert_int_equal(method.bytes_out, 9);
    assert_int_equal(method.nanoseconds, 1000);
    assert_int_equal(method.refusal_count, 0);
}

static void a_bucket_holds_its_bound_and_nothing_beyond(void **state)
{
    (void)state;
    tacit_method_metrics_t method = s_new();
    s_end(&method, TACIT_OK, 0);
    s_end(&method, TACIT_OK, 50000);
    s_end(&method, TACIT_OK, 50001);
    s_end(&method, TACIT_OK, 30000000000);
    s_end(&method, TACIT_OK, 30000000001);
    assert_int_equal(method.buckets[0], 2);
    assert_int_equal(method.buckets[1], 1);
    assert_int_equal(method.buckets[TACIT_METRICS_BUCKETS - 1], 1);
    assert_int_equal(method.buckets[TACIT_METRICS_BUCKETS], 1);
}

static void codes_of_one_method_are_bounded(void **state)
{
    (void)state;
    tacit_method_metrics_t method = s_new();
    for (int i = 0; i < TACIT_METRICS_CODES_MAX + 5; i++) {
        s_end(&method, 5000 + i, 1);
        s_end(&method, 5000, 1);
    }
    assert_int_equal(method.refusal_count, TACIT_METRICS_CODES_MAX);
    assert_int_equal(method.refusals[0].count, TACIT_METRICS_CODES_MAX + 6);
    assert_int_equal(method.other_refusals, 5);
}

static void names_codes_by_tables_only(void **state)
{
    (void)state;
    assert_string_equal(tacit_metrics_code_name(&s_service, 901001), "broken");
    assert_string_equal(tacit_metrics_code_name(&s_service, TACIT_BUSY), "busy");
    assert_string_equal(tacit_metrics_code_name(&s_service, 123456), "other");
    assert_string_equal(tacit_metrics_code_name(NULL, 901001), "other");
}

static bool s_has(const tacit_buffer_t *buffer, const char *text)
{
    return memmem(buffer->data, buffer->size, text, strlen(text)) != NULL;
}

static void writes_families_and_ends(void **state)
{
    (void)state;
    tacit_method_metrics_t method = s_new();
    tacit_method_metrics_t silent = s_new();
    silent.name = "echo.silent";
    s_end(&method, TACIT_OK, 2000000);
    s_end(&method, 901001, 1500000000);
    const tacit_method_metrics_t *rows[] = {&method, &silent};
    const tacit_metric_t numbers[] = {{"tacit_rpc_sessions", "Sessions.", false, 3}};
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_METRICS_TEXT_MAX);
    assert_int_equal(tacit_metrics_write("tacit_rpc", rows, 2, numbers, 1, &buffer), TACIT_OK);
    assert_true(s_has(&buffer, "# TYPE tacit_rpc_calls counter\n"));
    assert_true(s_has(&buffer, "\ntacit_rpc_calls_total{method=\"echo.echo\"} 2\n"));
    assert_true(s_has(&buffer, "{method=\"echo.echo\",code=\"901001\",error=\"broken\"} 1\n"));
    assert_true(s_has(&buffer, "_bucket{method=\"echo.echo\",le=\"0.001\"} 0\n"));
    assert_true(s_has(&buffer, "_bucket{method=\"echo.echo\",le=\"0.0025\"} 1\n"));
    assert_true(s_has(&buffer, "_bucket{method=\"echo.echo\",le=\"+Inf\"} 2\n"));
    assert_true(s_has(&buffer, "_sum{method=\"echo.echo\"} 1.502000000\n"));
    assert_true(s_has(&buffer, "\ntacit_rpc_sessions 3\n"));
    assert_false(s_has(&buffer, "echo.silent"));
    assert_memory_equal(buffer.data + buffer.size - 6, "# EOF\n", 6);
    tacit_buffer_free(&buffer);
}

static void tells_that_the_text_is_too_long(void **state)
{
    (void)state;
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, 100);
    assert_int_equal(tacit_metrics_write("tacit_rpc", NULL, 0, NULL, 0, &buffer), TACIT_TOO_LARGE);
    tacit_buffer_free(&buffer);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(counts_from_arrival_to_answer),   CASE(a_bucket_holds_its_bound_and_nothing_beyond),
        CASE(codes_of_one_method_are_bounded), CASE(names_codes_by_tables_only),
        CASE(writes_families_and_ends),        CASE(tells_that_the_text_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
