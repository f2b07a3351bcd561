/*  metrics.h - what an endpoint did: counters and latencies per method, as OpenMetrics text.

    Labels are names from the contracts' tables and from the tables of error codes, never anything
    that came over the wire, so that neither their number nor their text is a caller's to choose.
    Not thread-safe: the endpoint's thread counts and writes.  */

#ifndef TACIT_RPC_METRICS_H
#define TACIT_RPC_METRICS_H

#include "rpc/buffer.h"
#include "rpc/schema.h"

enum {
    TACIT_METRICS_BUCKETS = 18,          /* bounds of the latency histogram, and one beyond */
    TACIT_METRICS_CODES_MAX = 24,        /* distinct codes of one method; further ones: "other" */
    TACIT_METRICS_TEXT_MAX = 1000 * 1000 /* bytes of one endpoint's text: fits a frame */
};

typedef struct tacit_refusal_count {
    int code;
    uint64_t count;
} tacit_refusal_count_t;

/*  Calls of a method with limits.  */
typedef struct tacit_turns {
    uint64_t running;
    uint64_t waiting;
    uint64_t refused; /* busy: there was no room for them */
} tacit_turns_t;

typedef struct tacit_method_metrics {
    const char *name;               /* of the method; borrowed */
    const tacit_service_t *service; /* whose table names its codes; may be NULL */
    uint64_t ended;                 /* calls answered, refused ones included */
    uint64_t in_flight;
    uint64_t bytes_in; /* frames as received, without envelope of CURVE */
    uint64_t bytes_out;
    uint64_t nanoseconds; /* of all that ended */
    uint64_t buckets[TACIT_METRICS_BUCKETS + 1];
    tacit_refusal_count_t refusals[TACIT_METRICS_CODES_MAX];
    size_t refusal_count;
    uint64_t other_refusals;
    const tacit_turns_t *turns; /* NULL: it has no limits; borrowed */
} tacit_method_metrics_t;

/*  A call was read; then, once, how it ended.  */
void tacit_metrics_begin(tacit_method_metrics_t *method, size_t bytes_in);
void tacit_metrics_end(tacit_method_metrics_t *method, tacit_status_t status, uint64_t nanoseconds,
                       size_t bytes_out);

/*  The wire name of a code as the service's table and the general one have it, else "other".  */
const char *tacit_metrics_code_name(const tacit_service_t *service, int code);

/*  A number of the endpoint itself.  */
typedef struct tacit_metric {
    const char *name; /* without "_total" */
    const char *help;
    bool counter; /* else a gauge */
    uint64_t value;
} tacit_metric_t;

/*  The whole text, "# EOF" included; methods that were never called are left out. What is told of
    methods is named after prefix: "tacit_rpc" at a server. TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_metrics_write(const char *prefix,
                                                    const tacit_method_metrics_t *const *methods,
                                                    size_t method_count,
                                                    const tacit_metric_t *numbers,
                                                    size_t number_count, tacit_buffer_t *buffer);

#endif
