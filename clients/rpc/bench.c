/*  bench.c - tacit-rpc bench: the same call many times, some of them at once.

    Times are the client's own: from handing a call over to taking its answer.  */

#include <stdlib.h>
#include <time.h>

#include "clients/rpc/commands.h"

enum { S_CALLS_DEFAULT = 1000, S_CALLS_MAX = 10 * 1000 * 1000 };

typedef struct {
    const tacit_rpc_target_t *target;
    uint32_t timeout_ms;
    size_t calls;
    size_t outstanding;
    uint64_t *times_ns; /* of each call: when it started, then how long it took */
    uint64_t first;     /* the first call's number */
    size_t started;
    size_t ended;
    size_t failed;
    tacit_error_t failure; /* the first */
    uint64_t elapsed_ns;
} s_bench_t;

static uint64_t s_now_ns(void)
{
    struct timespec now = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

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

static tacit_status_t s_start(s_bench_t *bench, tacit_error_t *ret_error)
{
    const tacit_rpc_target_t *target = bench->target;
    uint64_t call = 0;
    uint64_t now = s_now_ns();
    tacit_status_t status =
        tacit_client_start(target->link.client, target->method, target->args,
                           tacit_rpc_target_bulk(target), bench->timeout_ms, &call, ret_error);
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
    bench->times_ns[index] = s_now_ns() - bench->times_ns[index];
    bench->ended++;
    if (reply.status && bench->failed++ == 0) {
        bench->failure = reply.error;
    }
    return TACIT_OK;
}

static tacit_status_t s_run(s_bench_t *bench, tacit_error_t *ret_error)
{
    uint64_t begin = s_now_ns();
    tacit_status_t status = TACIT_OK;
    while (bench->ended < bench->calls && !status) {
        bool more =
            bench->started < bench->calls && bench->started - bench->ended < bench->outstanding;
        status = more ? s_start(bench, ret_error) : s_take(bench, ret_error);
    }
    bench->elapsed_ns = s_now_ns() - begin;
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
    json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "method",
                               bench->target->method->name, "calls", (json_int_t)bench->calls,
                               "outstanding", (json_int_t)bench->outstanding, "failed",
                               (json_int_t)bench->failed, "seconds", seconds, "calls_per_second",
                               rate, "p50_us", p50, "p90_us", p90, "p99_us", p99, "max_us", most);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(object);
}

static tacit_status_t s_bench(const tacit_invocation_t *invocation,
                              const tacit_rpc_target_t *target, tacit_error_t *ret_error)
{
    s_bench_t bench = {.target = target, .timeout_ms = invocation->timeout_ms};
    tacit_status_t status =
        s_number(invocation, "calls", S_CALLS_DEFAULT, S_CALLS_MAX, &bench.calls, ret_error);
    if (!status) {
        status = s_number(invocation, "outstanding", 1, TACIT_CLIENT_CALLS_MAX, &bench.outstanding,
                          ret_error);
    }
    if (status) {
        return status;
    }
    bench.times_ns = calloc(bench.calls, sizeof *bench.times_ns);
    status = bench.times_ns ? s_run(&bench, ret_error)
                            : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (!status) {
        s_print(&bench, invocation->json);
    }
    if (!status && bench.failed > 0) {
        *ret_error = bench.failure;
        status = bench.failure.code;
    }
    free(bench.times_ns);
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
