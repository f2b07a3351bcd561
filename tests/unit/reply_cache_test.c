/*  reply_cache_test.c - answers kept by key: once run, joined, refused, bounded, forgotten in time;
   and a server that keeps them.  */

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>

#include <cmocka.h>

#include "enclave/secret.h"
#include "idl/echo.h"
#include "rpc/limits.h"
#include "rpc/reply_cache.h"
#include "tests/unit/echo_service.h"

static const uint8_t s_caller[32] = {1};
static const uint8_t s_stranger[32] = {2};
static tacit_reply_cache_t *s_cache;

static int s_setup(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    s_cache = tacit_reply_cache_new();
    return s_cache ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_reply_cache_destroy(&s_cache);
    tacit_reply_cache_destroy(&s_cache);
    return 0;
}

/*  --- helpers --------------------------------------------------------------------------------- */

static tacit_reply_key_t s_key(const uint8_t caller[32], uint32_t number, const char *args)
{
    tacit_reply_key_t key;
    tacit_reply_key_make("echo.echo", caller, tacit_span((const uint8_t *)&number, sizeof number),
                         tacit_span_string(args), tacit_span(NULL, 0), &key);
    return key;
}

static tacit_status_t s_begin(const tacit_method_t *method, const uint8_t caller[32],
                              uint32_t number, const char *args, uint64_t now_ms,
                              tacit_reply_found_t *ret_found, tacit_reply_entry_t **ret_entry)
{
    tacit_error_t error;
    tacit_reply_key_t key = s_key(caller, number, args);
    return tacit_reply_cache_begin(s_cache, method, caller, &key, now_ms, ret_found, ret_entry,
                                   &error);
}

static tacit_reply_entry_t *s_new(const tacit_method_t *method, uint32_t number, uint64_t now_ms)
{
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = NULL;
    assert_int_equal(s_begin(method, s_caller, number, "a", now_ms, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_NEW);
    return entry;
}

static void s_keep(tacit_reply_entry_t *entry, const char *text, uint64_t now_ms)
{
    const tacit_echo_echo_result_t result = {.text = tacit_span_string(text)};
    tacit_reply_cache_keep(s_cache, entry, &result, now_ms);
}

/*  --- the cache ------------------------------------------------------------------------------- */

static void a_result_is_kept_and_read(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = s_new(&tacit_echo_echo, 1, 10);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "a", 11, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_RUNNING);
    s_keep(entry, "kept", 12);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "a", 13, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_KEPT);
    tacit_arena_t *arena = tacit_arena_new();
    tacit_echo_echo_result_t result = {0};
    assert_int_equal(tacit_reply_cache_read(s_cache, entry, arena, &result), TACIT_OK);
    assert_true(tacit_span_equal(result.text, tacit_span_string("kept")));
    tacit_arena_destroy(&arena);
    assert_int_equal(tacit_reply_cache_stats(s_cache)->hits, 1);
    assert_int_equal(tacit_reply_cache_stats(s_cache)->joins, 1);
}

static void a_key_is_one_callers_and_one_calls(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = s_new(&tacit_echo_echo, 1, 10);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "b", 11, &found, &entry),
                     TACIT_KEY_REUSED);
    s_keep(entry, "x", 12);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "b", 13, &found, &entry),
                     TACIT_KEY_REUSED);
    assert_int_equal(tacit_reply_cache_stats(s_cache)->refused, 2);
    assert_int_equal(s_begin(&tacit_echo_echo, s_stranger, 1, "b", 13, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_NEW);
}

static void what_failed_is_forgotten(void **state)
{
    (void)state;
    tacit_reply_entry_t *entry = s_new(&tacit_echo_echo, 1, 10);
    tacit_reply_cache_drop(s_cache, entry);
    assert_int_equal(tacit_reply_cache_count(s_cache), 0);
    s_keep(s_new(&tacit_echo_echo, 1, 10), "again", 10);
    /*  A result that breaks its bound was never sent, and is not kept either.  */
    static const char broad[1025] = "";
    const tacit_echo_echo_result_t result = {.text = tacit_span(broad, sizeof broad)};
    tacit_reply_cache_keep(s_cache, s_new(&tacit_echo_echo, 2, 10), &result, 10);
    assert_int_equal(tacit_reply_cache_count(s_cache), 1);
}

static void answers_are_kept_for_their_time(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = s_new(&tacit_echo_echo, 1, 10);
    s_keep(entry, "x", 10);
    (void)s_new(&tacit_echo_echo, 2, 10); /* runs, however long */
    uint64_t end = 10 + TACIT_REPLY_KEPT_MS;
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "a", end - 1, &found, &entry),
                     TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_KEPT);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 1, "a", end, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_NEW);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 2, "a", end * 2, &found, &entry),
                     TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_RUNNING);
}

static void a_callers_entries_are_bounded(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = NULL;
    for (uint32_t i = 0; i < TACIT_REPLIES_PER_CALLER_MAX; i++) {
        s_keep(s_new(&tacit_echo_echo, i, 10), "x", 10);
    }
    uint32_t next = TACIT_REPLIES_PER_CALLER_MAX;
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, next, "a", 11, &found, &entry),
                     TACIT_BUSY);
    /*  Others are not shut out, and nothing that was promised is gone.  */
    assert_int_equal(s_begin(&tacit_echo_echo, s_stranger, 1, "a", 11, &found, &entry), TACIT_OK);
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 0, "a", 11, &found, &entry), TACIT_OK);
    assert_int_equal(found, TACIT_REPLY_KEPT);
}

static void bytes_are_bounded_before_anything_runs(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = NULL;
    size_t most = TACIT_REPLY_BYTES_PER_CALLER_MAX / tacit_echo_echo.result->encoded_max;
    assert_true(most < TACIT_REPLIES_PER_CALLER_MAX);
    for (uint32_t i = 0; i < most; i++) {
        entry = s_new(&tacit_echo_echo, i, 10);
    }
    assert_int_equal(s_begin(&tacit_echo_echo, s_caller, 9999, "a", 10, &found, &entry),
                     TACIT_BUSY);
    s_keep(entry, "small", 10); /* what it really takes counts from now on */
    (void)s_new(&tacit_echo_echo, 9999, 10);
}

static void all_entries_are_bounded(void **state)
{
    (void)state;
    tacit_reply_found_t found;
    tacit_reply_entry_t *entry = NULL;
    uint8_t caller[32] = {0};
    for (uint32_t i = 0; i < TACIT_REPLIES_MAX; i++) {
        caller[1] = (uint8_t)(i / TACIT_REPLIES_PER_CALLER_MAX);
        assert_int_equal(s_begin(&tacit_echo_echo, caller, i, "a", 10, &found, &entry), TACIT_OK);
        s_keep(entry, "x", 10);
    }
    assert_int_equal(s_begin(&tacit_echo_echo, s_stranger, 1, "a", 10, &found, &entry), TACIT_BUSY);
    assert_int_equal(
        s_begin(&tacit_echo_echo, s_stranger, 1, "a", 10 + TACIT_REPLY_KEPT_MS, &found, &entry),
        TACIT_OK);
    assert_int_equal(tacit_reply_cache_count(s_cache), 1);
}

static void secrets_are_kept_sealed(void **state)
{
    (void)state;
    uint8_t secret[32];
    randombytes_buf(secret, sizeof secret);
    tacit_reply_entry_t *entry = s_new(&tacit_echo_secret, 1, 10);
    const tacit_echo_secret_result_t result = {.secret = tacit_span(secret, sizeof secret)};
    tacit_reply_cache_keep(s_cache, entry, &result, 10);
    tacit_arena_t *arena = tacit_arena_new();
    tacit_echo_secret_result_t read = {0};
    assert_int_equal(tacit_reply_cache_read(s_cache, entry, arena, &read), TACIT_OK);
    assert_true(tacit_span_equal(read.secret, result.secret));
    tacit_arena_destroy(&arena);
}

static void a_key_depends_on_all_that_makes_it(void **state)
{
    (void)state;
    tacit_reply_key_t one;
    tacit_reply_key_t other;
    const tacit_span_t a = tacit_span("a", 1);
    const tacit_span_t ab = tacit_span("ab", 2);
    const tacit_span_t none = tacit_span(NULL, 0);
    tacit_reply_key_make("m", s_caller, a, ab, none, &one);
    tacit_reply_key_make("n", s_caller, a, ab, none, &other);
    assert_memory_not_equal(one.id, other.id, sizeof one.id);
    assert_memory_equal(one.digest, other.digest, sizeof one.digest);
    tacit_reply_key_make("m", s_caller, ab, ab, none, &other);
    assert_memory_not_equal(one.id, other.id, sizeof one.id);
    tacit_reply_key_make("m", s_caller, a, a, tacit_span("b", 1), &other); /* the same bytes */
    assert_memory_equal(one.id, other.id, sizeof one.id);
    assert_memory_not_equal(one.digest, other.digest, sizeof one.digest);
}

/*  --- a server -------------------------------------------------------------------------------- */

static uint64_t s_start(tacit_client_t *client, const tacit_method_t *method, const void *args,
                        const char *key)
{
    uint64_t call = 0;
    const tacit_request_t request = {
        .method = method, .args = args, .idempotency_key = tacit_span_string(key)};
    assert_int_equal(tacit_client_start_request(client, &request, &call, NULL), TACIT_OK);
    return call;
}

static tacit_status_t s_count(tacit_client_t *client, const char *key, uint32_t add,
                              uint32_t *ret_count)
{
    const tacit_echo_count_args_t args = {.add = add};
    tacit_echo_count_result_t result = {0};
    const tacit_request_t request = {
        .method = &tacit_echo_count, .args = &args, .idempotency_key = tacit_span_string(key)};
    tacit_error_t error;
    tacit_status_t status = tacit_client_call_request(client, &request, &result, NULL, &error);
    *ret_count = result.count;
    return status;
}

static void a_server_runs_a_keyed_call_once(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    uint32_t count = 0;
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    assert_int_equal(s_count(client, "one", 1, &count), TACIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(s_count(client, "one", 1, &count), TACIT_OK);
    assert_int_equal(count, 1);
    tacit_client_destroy(&client); /* another connection and session of the same user */
    client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    assert_int_equal(s_count(client, "one", 1, &count), TACIT_OK);
    assert_int_equal(count, 1);
    assert_int_equal(s_count(client, "one", 2, &count), TACIT_KEY_REUSED);
    assert_int_equal(s_count(client, "two", 2, &count), TACIT_OK);
    assert_int_equal(count, 3);
    assert_int_equal(s_count(client, "", 1, &count), TACIT_OK);
    assert_int_equal(s_count(client, "", 1, &count), TACIT_OK);
    assert_int_equal(count, 5); /* without a key each is a call of its own */
    assert_int_equal(s_count(client, "bad", 0, &count), TACIT_ECHO_BROKEN);
    assert_int_equal(s_count(client, "bad", 3, &count), TACIT_OK); /* it did nothing */
    assert_int_equal(count, 8);
    echo_await_metric(&echo, "tacit_rpc_reply_hits_total", 2);
    echo_await_metric(&echo, "tacit_rpc_reply_refused_total", 1);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

static void calls_with_one_key_share_an_answer(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo_start(&echo);
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    const tacit_echo_hold_keyed_args_t args = {0};
    (void)s_start(client, &tacit_echo_hold_keyed, &args, "same");
    (void)s_start(client, &tacit_echo_hold_keyed, &args, "same");
    echo_await_metric(&echo, "tacit_rpc_pending", 2);
    echo_await_metric(&echo, "tacit_rpc_reply_joins_total", 1);
    const tacit_echo_release_args_t none = {0};
    tacit_echo_release_result_t released;
    tacit_reply_t reply;
    tacit_client_t *other = echo_connect(&echo, &echo.user);
    assert_int_equal(tacit_echo_release_call(other, &none, &released, NULL), TACIT_OK);
    assert_int_equal(released.released, 1); /* the handler ran once */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tacit_client_next(client, 2000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
    }
    /*  Who still waits when the server ends is let go of.  */
    (void)s_start(client, &tacit_echo_hold_keyed, &args, "last");
    (void)s_start(client, &tacit_echo_hold_keyed, &args, "last");
    echo_await_metric(&echo, "tacit_rpc_pending", 2);
    tacit_client_destroy(&other);
    echo_stop(&echo);
    tacit_client_destroy(&client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_result_is_kept_and_read),
        CASE(a_key_is_one_callers_and_one_calls),
        CASE(what_failed_is_forgotten),
        CASE(answers_are_kept_for_their_time),
        CASE(a_callers_entries_are_bounded),
        CASE(bytes_are_bounded_before_anything_runs),
        CASE(all_entries_are_bounded),
        CASE(secrets_are_kept_sealed),
        CASE(a_key_depends_on_all_that_makes_it),
        CASE(a_server_runs_a_keyed_call_once),
        CASE(calls_with_one_key_share_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
