/*  metrics.c - counting, and the text that Prometheus and OpenMetrics readers take.

    The text is written family by family, as the format wants: all samples of one name together.  */

#include "rpc/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { S_LINE_MAX = 384 };

/*  Upper bounds of the histogram. The text is what a reader sees: no float is formatted.  */
static const struct {
    uint64_t nanoseconds;
    const char *seconds;
} s_bounds[TACIT_METRICS_BUCKETS] = {
    {50000, "0.00005"},    {100000, "0.0001"},    {250000, "0.00025"}, {500000, "0.0005"},
    {1000000, "0.001"},    {2500000, "0.0025"},   {5000000, "0.005"},  {10000000, "0.01"},
    {25000000, "0.025"},   {50000000, "0.05"},    {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"},    {1000000000, "1.0"},   {2500000000, "2.5"}, {5000000000, "5.0"},
    {10000000000, "10.0"}, {30000000000, "30.0"},
};

/*  --- counting -------------------------------------------------------------------------------- */

void tacit_metrics_begin(tacit_method_metrics_t *method, size_t bytes_in)
{
    method->in_flight++;
    method->bytes_in += bytes_in;
}

static void s_count_refusal(tacit_method_metrics_t *method, int code)
{
    for (size_t i = 0; i < method->refusal_count; i++) {
        if (method->refusals[i].code == code) {
            method->refusals[i].count++;
            return;
        }
    }
    if (method->refusal_count == TACIT_METRICS_CODES_MAX) {
        method->other_refusals++;
        return;
    }
    method->refusals[method->refusal_count++] = (tacit_refusal_count_t){code, 1};
}

void tacit_metrics_end(tacit_method_metrics_t *method, tacit_status_t status, uint64_t nanoseconds,
                       size_t bytes_out)
{
    size_t bucket = 0;
    while (bucket < TACIT_METRICS_BUCKETS && nanoseconds > s_bounds[bucket].nanoseconds) {
        bucket++;
    }
    method->buckets[bucket]++;
    method->in_flight -= method->in_flight > 0;
    method->ended++;
    method->bytes_out += bytes_out;
    method->nanoseconds += nanoseconds;
    if (status != TACIT_OK) {
        s_count_refusal(method, (int)status);
    }
}

const char *tacit_metrics_code_name(const tacit_service_t *service, int code)
{
    for (size_t i = 0; service && i < service->error_count; i++) {
        if (service->errors[i].code == code) {
            return service->errors[i].name;
        }
    }
    const char *name = tacit_status_name((tacit_status_t)code);
    return strcmp(name, "error") == 0 ? "other" : name;
}

/*  --- text ------------------------------------------------------------------------------------ */

typedef struct {
    const char *prefix;
    const tacit_method_metrics_t *const *methods;
    size_t count;
    tacit_buffer_t *buffer;
    tacit_status_t status; /* of the first line that failed */
} s_text_t;

static void s_line(s_text_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void s_line(s_text_t *text, const char *format, ...)
{
    char line[S_LINE_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof line) {
        text->status = text->status ? text->status : TACIT_TOO_LARGE;
    } else if (text->status == TACIT_OK) {
        text->status = tacit_buffer_append(text->buffer, line, (size_t)size);
    }
}

/*  prefix "" where the name is whole.  */
static void s_head(s_text_t *text, const char *prefix, const char *name, const char *type,
                   const char *unit, const char *help)
{
    s_line(text, "# TYPE %s%s %s\n", prefix, name, type);
    if (unit) {
        s_line(text, "# UNIT %s%s %s\n", prefix, name, unit);
    }
    s_line(text, "# HELP %s%s %s\n", prefix, name, help);
}

/*  A family with one number per method.  */
typedef struct {
    const char *name;
    const char *unit;
    const char *help;
    bool counter;
    size_t offset; /* of the uint64_t */
} s_family_t;

static const s_family_t s_families[] = {
    {"_calls", NULL, "Calls that were answered, refused ones included.", true,
     offsetof(tacit_method_metrics_t, ended)},
    {"_in_flight", NULL, "Calls that are not answered yet.", false,
     offsetof(tacit_method_metrics_t, in_flight)},
    {"_received_bytes", "bytes", "Bytes of requests.", true,
     offsetof(tacit_method_metrics_t, bytes_in)},
    {"_sent_bytes", "bytes", "Bytes of replies.", true,
     offsetof(tacit_method_metrics_t, bytes_out)},
};

static bool s_was_called(const tacit_method_metrics_t *method)
{
    return method->ended > 0 || method->in_flight > 0;
}

static void s_write_family(s_text_t *text, const s_family_t *family)
{
    s_head(text, text->prefix, family->name, family->counter ? "counter" : "gauge", family->unit,
           family->help);
    for (size_t i = 0; i < text->count; i++) {
        const tacit_method_metrics_t *method = text->methods[i];
        uint64_t value;
        memcpy(&value, (const uint8_t *)method + family->offset, sizeof value);
        if (s_was_called(method)) {
            s_line(text, "%s%s%s{method=\"%s\"} %" PRIu64 "\n", text->prefix, family->name,
                   family->counter ? "_total" : "", method->name, value);
        }
    }
}

/*  The same of methods with limits.  */
static const s_family_t s_turns[] = {
    {"_running", NULL, "Calls of a limited method that run.", false,
     offsetof(tacit_turns_t, running)},
    {"_waiting", NULL, "Calls of a limited method that wait for their turn.", false,
     offsetof(tacit_turns_t, waiting)},
    {"_crowded_out", NULL, "Calls of a limited method that were refused: there was no room.", true,
     offsetof(tacit_turns_t, refused)},
};

static bool s_any_turns(const s_text_t *text)
{
    size_t i = 0;
    while (i < text->count && !text->methods[i]->turns) {
        i++;
    }
    return i < text->count;
}

static void s_write_turns(s_text_t *text, const s_family_t *family)
{
    s_head(text, text->prefix, family->name, family->counter ? "counter" : "gauge", family->unit,
           family->help);
    for (size_t i = 0; i < text->count; i++) {
        const tacit_method_metrics_t *method = text->methods[i];
        if (method->turns && s_was_called(method)) {
            uint64_t value;
            memcpy(&value, (const uint8_t *)method->turns + family->offset, sizeof value);
            s_line(text, "%s%s%s{method=\"%s\"} %" PRIu64 "\n", text->prefix, family->name,
                   family->counter ? "_total" : "", method->name, value);
        }
    }
}

static void s_write_refusals(s_text_t *text)
{
    s_head(text, text->prefix, "_refusals", "counter", NULL,
           "Calls answered with an error, by code.");
    for (size_t i = 0; i < text->count; i++) {
        const tacit_method_metrics_t *method = text->methods[i];
        for (size_t j = 0; j < method->refusal_count; j++) {
            const tacit_refusal_count_t *row = &method->refusals[j];
            s_line(text, "%s_refusals_total{method=\"%s\",code=\"%d\",error=\"%s\"} %" PRIu64 "\n",
                   text->prefix, method->name, row->code,
                   tacit_metrics_code_name(method->service, row->code), row->count);
        }
        if (method->other_refusals > 0) {
            s_line(text,
                   "%s_refusals_total{method=\"%s\",code=\"0\",error=\"other\"} %" PRIu64 "\n",
                   text->prefix, method->name, method->other_refusals);
        }
    }
}

static void s_write_histogram(s_text_t *text, const tacit_method_metrics_t *method)
{
    static const char family[] = "_duration_seconds";
    uint64_t sum = 0;
    for (size_t i = 0; i < TACIT_METRICS_BUCKETS; i++) {
        sum += method->buckets[i];
        s_line(text, "%s%s_bucket{method=\"%s\",le=\"%s\"} %" PRIu64 "\n", text->prefix, family,
               method->name, s_bounds[i].seconds, sum);
    }
    sum += method->buckets[TACIT_METRICS_BUCKETS];
    s_line(text, "%s%s_bucket{method=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", text->prefix, family,
           method->name, sum);
    s_line(text, "%s%s_sum{method=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n", text->prefix, family,
           method->name, method->nanoseconds / 1000000000, method->nanoseconds % 1000000000);
    s_line(text, "%s%s_count{method=\"%s\"} %" PRIu64 "\n", text->prefix, family, method->name,
           sum);
}

static void s_write_latencies(s_text_t *text)
{
    s_head(text, text->prefix, "_duration_seconds", "histogram", "seconds",
           "From the request to its answer.");
    for (size_t i = 0; i < text->count; i++) {
        if (s_was_called(text->methods[i])) {
            s_write_histogram(text, text->methods[i]);
        }
    }
}

tacit_status_t tacit_metrics_write(const char *prefix, const tacit_method_metrics_t *const *methods,
                                   size_t method_count, const tacit_metric_t *numbers,
                                   size_t number_count, tacit_buffer_t *buffer)
{
    s_text_t text = {.prefix = prefix, .methods = methods, .count = method_count, .buffer = buffer};
    for (size_t i = 0; i < sizeof s_families / sizeof *s_families; i++) {
        s_write_family(&text, &s_families[i]);
    }
    for (size_t i = 0; s_any_turns(&text) && i < sizeof s_turns / sizeof *s_turns; i++) {
        s_write_turns(&text, &s_turns[i]);
    }
    s_write_refusals(&text);
    s_write_latencies(&text);
    for (size_t i = 0; i < number_count; i++) {
        const tacit_metric_t *number = &numbers[i];
        s_head(&text, "", number->name, number->counter ? "counter" : "gauge", NULL, number->help);
        s_line(&text, "%s%s %" PRIu64 "\n", number->name, number->counter ? "_total" : "",
               number->value);
    }
    s_line(&text, "# EOF\n");
    return text.status;
}
