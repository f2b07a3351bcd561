/*  channel.h - one service at several endpoints: calls that survive a lost connection.

    A channel keeps a connection to each endpoint that its source names, makes broken ones again in
    the background (on threads of their own, with backoff and jitter), and gives each call to the
    one that has least to do and failed least. A call that has not left yet waits for a connection;
    one that has is sent again only where that is safe: the service drained and refused it, or the
    contract says `idempotent`, or `keyed`: then each try has the same idempotency key, given or
   made here, by which the service keeps its answer. It is tried again within its deadline and a
   retry budget (rpc/retry.h), after a delay that honours what a busy service asks for. Hedging is
   off unless the owner says so.

    Methods with streams are not for channels: what was sent is not kept. One thread only; dialing
    happens on others, that only the source sees.  */

#ifndef TACIT_RPC_CHANNEL_H
#define TACIT_RPC_CHANNEL_H

#include "rpc/client.h"
#include "rpc/trust.h"

enum {
    TACIT_CHANNEL_ROUTES_MAX = 8,     /* endpoints with a connection */
    TACIT_CHANNEL_CALLS_MAX = 256,    /* started and not yet given back */
    TACIT_CHANNEL_ATTEMPTS_MAX = 4,   /* default: of one call, the first one counted */
    TACIT_CHANNEL_RESOLVE_MS = 30000, /* between two looks for new endpoints, all being well */
    TACIT_CHANNEL_KEPT_MAX = 64 * 1024 * 1024 /* bytes kept to be sent again, of all calls */
};

/*  Where a service answers, and with which CURVE key.  */
typedef struct tacit_target {
    char endpoint[TACIT_ENDPOINT_MAX];
    uint8_t server_key[32];
} tacit_target_t;

/*  Who knows the endpoints and how to connect. Called on threads of the channel's, several at a
    time; self must bear that, and outlive the channel.  */
typedef struct tacit_channel_source {
    /*  Who there is now, best first, at most max. Asked for at the start, when a connection broke,
        and now and then.  */
    tacit_status_t (*resolve)(void *self, tacit_target_t *ret_targets, size_t max,
                              size_t *ret_count, tacit_error_t *ret_error);
    /*  Connect and bind; should end soon once *stop is true (tacit_client_config_t).  */
    tacit_status_t (*connect)(void *self, const tacit_target_t *target, const atomic_bool *stop,
                              tacit_client_t **ret_client, tacit_error_t *ret_error);
    void (*destroy)(void *self); /* called by the channel's end; may be NULL */
    void *self;
    bool lane;  /* open a bulk lane on every connection: where bulks are large */
    bool fixed; /* there will be no other endpoints: where all refuse us, calls end at once */
} tacit_channel_source_t;

typedef struct tacit_channel_config {
    tacit_channel_source_t source;
    tacit_client_metrics_t *metrics; /* where calls are counted; may be NULL */
    uint32_t patience_ms;  /* how long a call waits where there is no connection; 0: its deadline */
    uint32_t attempts_max; /* of one call; 0: TACIT_CHANNEL_ATTEMPTS_MAX, 1: no retries */
    uint32_t hedge_ms;     /* a repeatable call without an answer after so long is also sent to
                              another endpoint, and the first answer counts; 0: never */
} tacit_channel_config_t;

typedef struct tacit_channel tacit_channel_t;

/*  Does not wait for a connection. Takes the source, also where it fails.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_new(const tacit_channel_config_t *config,
                                                  tacit_channel_t **ret_channel,
                                                  tacit_error_t *ret_error);
/*  Waits for dialing under way to notice.  */
void tacit_channel_destroy(tacit_channel_t **channel);

/*  Call and wait, as tacit_client_call_request; what is returned is borrowed until the next call of
    any function here. Where no endpoint could be reached, the error says why.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_call(tacit_channel_t *channel,
                                                   const tacit_request_t *request, void *ret_result,
                                                   tacit_span_t *ret_bulk,
                                                   tacit_error_t *ret_error);

/*  The same in two halves, as tacit_client_start and tacit_client_next; numbers are the channel's
    own. Arguments are kept. BUSY beyond the limits above.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_start(tacit_channel_t *channel,
                                                    const tacit_request_t *request,
                                                    uint64_t *ret_call, tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_channel_next(tacit_channel_t *channel, uint32_t timeout_ms,
                                                   tacit_reply_t *ret_reply,
                                                   tacit_error_t *ret_error);

/*  With no call under way, next (which then gives nothing) keeps connections up all the same.  */

/*  Let go of a call; who has it is told.  */
void tacit_channel_cancel(tacit_channel_t *channel, uint64_t call);

/*  A file that polls readable when something may have happened, timers included: call next with
    timeout 0 until it gives nothing, or the channel stands still.  */
int tacit_channel_file(const tacit_channel_t *channel);

/*  How many endpoints are connected at this moment.  */
size_t tacit_channel_ready(const tacit_channel_t *channel);

/*  --- sources --------------------------------------------------------------------------------- */

/*  Endpoints that are known beforehand. Of config, endpoint and server_key are the targets'; keys
    and targets are copied, the party is borrowed for the channel's life.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_fixed(const tacit_client_config_t *config,
                                                    const tacit_target_t *targets, size_t count,
                                                    tacit_channel_source_t *ret_source,
                                                    tacit_error_t *ret_error);

#endif
