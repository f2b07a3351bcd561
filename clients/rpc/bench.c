/*  bench.c - tacit-rpc bench: the same call many times, some of them at once.

    Times are the client's own: from handing a call over to taking its answer.  */

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"

#include "clients/rpc/commands.h"

enum {
    S_CALLS_DEFAULT = 1000,
    S_CALLS_MAX = 10 * 1000 * 1000,
    S_CALLS_FIRST = 4096, /* room to begin with, where time decides */
    S_SECONDS_MAX = 24 * 60 * 60
};

typedef struct {
    const tacit_rpc_target_t *target;
    uint32_t timeout_ms;
    size_t calls;     /* at most */
    uint64_t stop_ns; /* none is started from then on */
    tacit_span_t bulk;
    size_t outstanding;
    size_t capacity;    /* of times_ns */
    uint64_t *times_ns; /* of each call: when it started, then how long it took */
    uint64_t first;     /* the first call's number */
    size_t started;
    size_t ended;
    size_t failed;
    tacit_error_t failure; /* the first */
    uint64_t elapsed_ns;
} s_bench_t;

static tacit_status_t s_number(const tacit_invocation_t *invocation, const char *name,
                               size_t standard, size_t most, size_t *ret_number,
                               tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(invocation, name);
    char *end = NULL;
    unsigned long long number = text ? strtoull(text, &end, 10) : standard;
    if (text && (text[0] < '0' || text[0] > '9' || *end || number == 0 || number > most)) {
        return tacit_usage_error(invocation, ret_error, "--%s takes a number from 1 to %zu", name,
                                 most);
    }
    *ret_number = number;
    return TACIT_OK;
}

static bool s_grow(s_bench_t *bench)
{
    if (bench->times_ns && bench->started < bench->capacity) {
        return true;
    }
    size_t capacity = bench->capacity ? bench->capacity * 2 : S_CALLS_FIRST;
    uint64_t *grown = realloc(bench->times_ns, capacity * sizeof *grown);
    if (grown) {
        bench->times_ns = grown;
        bench->capacity = capacity;
    }
    return grown;
}

static tacit_status_t s_start(s_bench_t *bench, tacit_error_t *ret_error)
{
    if (!s_grow(bench)) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    const tacit_rpc_target_t *target = bench->target;
    uint64_t call = 0;
    uint64_t now = tacit_monotonic_ns();
    tacit_status_t status = tacit_client_start(target->link.client, target->method, target->args,
                                               bench->bulk, bench->timeout_ms, &call, ret_error);
    if (!status) {
        bench->first = bench->started == 0 ? call : bench->first;
        bench->times_ns[bench->started++] = now;
    }
    return status;
}

static tacit_status_t s_take(s_bench_t *bench, tacit_error_t *ret_error)
{
    tacit_reply_t reply;
    tacit_status_t status =
        tacit_client_next(bench->target->link.client, UINT32_MAX, &reply, ret_error);
    if (status) {
        return status;
    }
    uint64_t index = reply.call - bench->first;
    if (index >= bench->started) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, NULL);
    }
    bench->times_ns[index] = tacit_monotonic_ns() - bench->times_ns[index];
    bench->ended++;
    if (reply.status && bench->failed++ == 0) {
        bench->failure = reply.error;
    }
    return TACIT_OK;
}

static tacit_status_t s_run(s_bench_t *bench, tacit_error_t *ret_error)
{
    uint64_t begin = tacit_monotonic_ns();
    tacit_status_t status = TACIT_OK;
    bool more = true;
    while (!status && (more || bench->ended < bench->started)) {
        more = bench->started == 0 ||
               (bench->started < bench->calls && tacit_monotonic_ns() < bench->stop_ns);
        bool room = bench->started - bench->ended < bench->outstanding;
        if (more || bench->ended < bench->started) {
            status = more && room ? s_start(bench, ret_error) : s_take(bench, ret_error);
        }
    }
    bench->calls = bench->ended;
    bench->elapsed_ns = tacit_monotonic_ns() - begin;
    return status;
}

static int s_compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/*  The time that so many thousandths of all calls kept; times are sorted.  */
static double s_percentile(const s_bench_t *bench, size_t thousandths)
{
    size_t index = (bench->calls * thousandths + 999) / 1000;
    index = index > 0 ? index - 1 : 0;
    return (double)bench->times_ns[index] / 1000.0;
}

static void s_print(s_bench_t *bench, bool json)
{
    qsort(bench->times_ns, bench->calls, sizeof *bench->times_ns, s_compare);
    double seconds = (double)bench->elapsed_ns / 1e9;
    double rate = (double)bench->calls / seconds;
    double p50 = s_percentile(bench, 500);
    double p90 = s_percentile(bench, 900);
    double p99 = s_percentile(bench, 990);
    double most = s_percentile(bench, 1000);
    if (!json) {
        printf("%zu calls, %zu at once, %zu failed, %.3f s: %.0f calls/s\n"
               "p50 %.0f us, p90 %.0f us, p99 %.0f us, max %.0f us\n",
               bench->calls, bench->outstanding, bench->failed, seconds, rate, p50, p90, p99, most);
        return;
    }
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "method",
                  bench->target->method->name, "calls", (json_int_t)bench->calls, "bulk_bytes",
                  (json_int_t)bench->bulk.size, "outstanding", (json_int_t)bench->outstanding,
                  "failed", (json_int_t)bench->failed, "seconds", seconds, "calls_per_second", rate,
                  "p50_us", p50, "p90_us", p90, "p99_us", p99, "max_us", most);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(object);
}

/*  How long, or how often.  */
static tacit_status_t s_read_limits(const tacit_invocation_t *invocation, s_bench_t *bench,
                                    tacit_error_t *ret_error)
{
    size_t seconds = 0;
    bool timed = tacit_invocation_value(invocation, "duration") != NULL;
    if (timed && tacit_invocation_value(invocation, "calls")) {
        return tacit_usage_error(invocation, ret_error, "--calls or --duration, not both");
    }
    tacit_status_t status = s_number(invocation, "calls", timed ? S_CALLS_MAX : S_CALLS_DEFAULT,
                                     S_CALLS_MAX, &bench->calls, ret_error);
    if (!status) {
        status = s_number(invocation, "duration", 1, S_SECONDS_MAX, &seconds, ret_error);
    }
    if (!status) {
        status = s_number(invocation, "outstanding", 1, TACIT_CLIENT_CALLS_MAX, &bench->outstanding,
                          ret_error);
    }
    bench->stop_ns = timed ? tacit_monotonic_ns() + (uint64_t)seconds * 1000000000 : UINT64_MAX;
    return status;
}

/*  Made-up bulk, the same for all calls.  */
static tacit_status_t s_make_bulk(const tacit_invocation_t *invocation, uint8_t **ret_made,
                                  s_bench_t *bench, tacit_error_t *ret_error)
{
    size_t size = 0;
    const tacit_method_t *method = bench->target->method;
    bench->bulk = tacit_rpc_target_bulk(bench->target);
    if (!tacit_invocation_value(invocation, "size")) {
        return TACIT_OK;
    }
    if (bench->bulk.size > 0 || method->bulk_in_max == 0) {
        return tacit_usage_error(invocation, ret_error,
                                 "--size is for methods with bulk, and "
                                 "without --bulk");
    }
    tacit_status_t status =
        s_number(invocation, "size", 1, (size_t)method->bulk_in_max, &size, ret_error);
    if (status) {
        return status;
    }
    uint8_t *made = malloc(size ? size : 1);
    if (!made) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    randombytes_buf(made, size);
    bench->bulk = tacit_span(made, size);
    *ret_made = made;
    return TACIT_OK;
}

static tacit_status_t s_bench(const tacit_invocation_t *invocation,
                              const tacit_rpc_target_t *target, tacit_error_t *ret_error)
{
    s_bench_t bench = {.target = target, .timeout_ms = invocation->timeout_ms};
    uint8_t *made = NULL;
    tacit_status_t status = s_make_bulk(invocation, &made, &bench, ret_error);
    if (!status) {
        status = s_read_limits(invocation, &bench, ret_error);
    }
    if (!status) {
        status = s_run(&bench, ret_error);
    }
    if (!status) {
        s_print(&bench, invocation->json);
    }
    if (!status && bench.failed > 0) {
        *ret_error = bench.failure;
        status = bench.failure.code;
    }
    free(bench.times_ns);
    free(made);
    return status;
}

tacit_status_t tacit_rpc_bench(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_rpc_target_t target = {0};
    tacit_status_t status = tacit_rpc_target_open(invocation, &target, ret_error);
    if (!status) {
        status = s_bench(invocation, &target, ret_error);
    }
    tacit_rpc_target_close(&target);
    return status;
}
