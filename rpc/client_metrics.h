/*  client_metrics.h - what the calls of clients came to: counters and latencies by method, retries,
    hedges, connections, as OpenMetrics text for the owner.

    The same rows as a server's (rpc/metrics.h), under the names tacit_client_*. Labels are names of
    methods and error codes. May be shared by clients of one thread; one thread only.  */

#ifndef TACIT_RPC_CLIENT_METRICS_H
#define TACIT_RPC_CLIENT_METRICS_H

#include "rpc/metrics.h"

enum { TACIT_CLIENT_METHODS_MAX = 64 /* methods told apart; further ones: "other" */ };

typedef struct tacit_client_metrics tacit_client_metrics_t;

/*  NULL without memory.  */
tacit_client_metrics_t *tacit_client_metrics_new(void);
void tacit_client_metrics_destroy(tacit_client_metrics_t **metrics);

/*  A call that is being counted; row NULL: it is not.  */
typedef struct tacit_meter {
    tacit_method_metrics_t *row;
    uint64_t started_ns;
} tacit_meter_t;

/*  metrics may be NULL in all that follows: nothing is counted. An ended meter counts no more.  */
tacit_meter_t tacit_client_metrics_begin(tacit_client_metrics_t *metrics,
                                         const tacit_method_t *method, size_t bytes_out);
void tacit_client_metrics_end(tacit_meter_t *meter, tacit_status_t status, size_t bytes_in);

/*  A connection was tried, and how that ended; one was lost.  */
void tacit_client_metrics_connected(tacit_client_metrics_t *metrics, tacit_status_t status);
void tacit_client_metrics_lost(tacit_client_metrics_t *metrics);

typedef enum tacit_client_count {
    TACIT_COUNT_RETRY,         /* a call was sent again */
    TACIT_COUNT_RETRY_REFUSED, /* the retry budget had nothing left */
    TACIT_COUNT_HEDGE,         /* a second attempt went out beside the first */
    TACIT_COUNT_HEDGE_WON,     /* and was answered first */
    TACIT_COUNT_CONNECTED,
    TACIT_COUNT_CONNECT_FAILED,
    TACIT_COUNT_LOST,
    TACIT_COUNTS
} tacit_client_count_t;

void tacit_client_metrics_count(tacit_client_metrics_t *metrics, tacit_client_count_t what);
uint64_t tacit_client_metrics_read(const tacit_client_metrics_t *metrics,
                                   tacit_client_count_t what);

/*  OpenMetrics text, appended. TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_metrics_write(const tacit_client_metrics_t *metrics,
                                                           tacit_buffer_t *buffer);

#endif
