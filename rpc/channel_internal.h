/*  channel_internal.h - what the files of the channel share: channel.c is what its owner calls and
    waits in, channel_route.c keeps connections, channel_choose.c chooses one, channel_work.c keeps
   calls, channel_attempt.c sends them, judges how attempts ended, and tries again.

    A turn does whatever can be done now: first connections, then what came in, then every call.
    Turns are taken until one changes nothing; then the channel sleeps until the earliest time that
    any of them named.  */

#ifndef TACIT_RPC_CHANNEL_INTERNAL_H
#define TACIT_RPC_CHANNEL_INTERNAL_H

#include "rpc/channel.h"
#include "rpc/client_internal.h"
#include "rpc/dialer.h"
#include "rpc/retry.h"
#include "rpc/trace.h"

/*  FREE -> DIALING -> READY -> (lost) WAITING -> DIALING ...  */
typedef enum tacit_route_state {
    TACIT_ROUTE_FREE,
    TACIT_ROUTE_DIALING,
    TACIT_ROUTE_READY,
    TACIT_ROUTE_WAITING /* for its next try */
} tacit_route_state_t;

typedef struct tacit_route {
    tacit_route_state_t state;
    tacit_target_t target;
    bool gone;              /* not among the last look's endpoints: not dialed again */
    bool renewing;          /* READY, and being dialed for a new session */
    tacit_client_t *client; /* READY: owned */
    uint64_t renew_ms;      /* READY: when to ask for a new session */
    uint64_t next_ms;       /* WAITING: when to dial; READY: not used before (busy) */
    unsigned failures;      /* to connect, in a row */
    uint32_t blame;         /* failures of calls, fading */
    uint64_t faded_ms;
    tacit_error_t error; /* of the last try to connect */
} tacit_route_t;

typedef struct tacit_attempt {
    tacit_slot_t *slot; /* of the client; NULL: none */
    tacit_client_t *client;
    size_t route;
    bool hedge;
} tacit_attempt_t;

typedef enum tacit_work_state {
    TACIT_WORK_FREE,
    TACIT_WORK_QUEUED, /* to be sent, not before next_ms */
    TACIT_WORK_SENT,
    TACIT_WORK_ENDED /* winner has its answer, or error says why there is none */
} tacit_work_state_t;

enum {
    TACIT_WORK_ATTEMPTS = 2, /* at a time */
    TACIT_RETIRED_MAX = TACIT_CHANNEL_ROUTES_MAX * 2
};

/*  A call of the channel's owner.  */
typedef struct tacit_work {
    tacit_work_state_t state;
    uint64_t number;
    const tacit_method_t *method;
    const void *args;     /* borrowed; NULL: saved has them */
    tacit_buffer_t saved; /* encoded, secrets sealed under the channel's own key */
    zmq_msg_t bulk;       /* each attempt has a reference */
    uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX];
    size_t key_size;
    bool repeatable;
    tacit_trace_t trace; /* what the owner worked for */
    uint64_t began_ms;
    uint64_t deadline_ms;
    uint64_t next_ms;  /* QUEUED */
    uint64_t hedge_ms; /* SENT; UINT64_MAX: never, or not again */
    unsigned sent;     /* attempts that left */
    size_t last_route; /* that failed it; TACIT_CHANNEL_ROUTES_MAX: none */
    tacit_attempt_t attempts[TACIT_WORK_ATTEMPTS];
    tacit_attempt_t winner;
    tacit_error_t error; /* of the last failure, OK while there was none */
    tacit_meter_t meter;
} tacit_work_t;

struct tacit_channel {
    tacit_channel_config_t config;
    tacit_dialer_t *dialer;
    tacit_route_t routes[TACIT_CHANNEL_ROUTES_MAX];
    tacit_client_t *retired[TACIT_RETIRED_MAX]; /* until their calls were looked at */
    size_t turn_of;                             /* where choosing starts */
    bool looking;
    bool looked; /* once, with success */
    unsigned look_failures;
    uint64_t look_ms; /* when to look next */
    tacit_error_t look_error;
    tacit_work_t works[TACIT_CHANNEL_CALLS_MAX];
    size_t work_count; /* not FREE */
    size_t work_end;   /* no work is used from there on */
    uint64_t last_number;
    uint64_t kept_bytes;       /* in saved and bulk */
    tacit_client_t *delivered; /* whose taken reply the owner borrows */
    tacit_retry_budget_t budget;
    tacit_secret_t *own_key; /* of saved secrets */
    tacit_arena_t *arena;    /* of arguments read back */
    void *args;              /* the same */
    size_t args_capacity;
    int poll;              /* epoll: all of the files */
    int timer;             /* timerfd: the earliest time */
    uint64_t timer_ms;     /* that it is set to; 0: it is not */
    tacit_dialed_t dialed; /* room for what a dialer brings */
};

/*  --- channel_route.c ------------------------------------------------------------------------- */

/*  Connections that came, went, or are due; true where anything changed.  */
bool tacit_channel_turn_routes(tacit_channel_t *channel, uint64_t now_ms);
/*  The earliest time that a route or a look waits for.  */
uint64_t tacit_channel_routes_wake(const tacit_channel_t *channel, uint64_t now_ms);

/*  The route's connection is of no more use: another one is made.  */
void tacit_channel_break(tacit_channel_t *channel, tacit_route_t *route, uint64_t now_ms);

/*  --- channel_choose.c ------------------------------------------------------------------------ */

/*  The ready route to send a call by, but not avoid where there is another; only_other: then none.
    TACIT_CHANNEL_ROUTES_MAX for none.  */
size_t tacit_channel_choose(tacit_channel_t *channel, size_t avoid, bool only_other,
                            uint64_t now_ms);

/*  How a call on that route ended; a session that ended makes a new connection.  */
void tacit_channel_blame(tacit_channel_t *channel, const tacit_attempt_t *attempt,
                         tacit_status_t status, uint32_t retry_after_ms, uint64_t now_ms);

/*  True where no endpoint will ever take a call, or none did for too long; why.  */
bool tacit_channel_hopeless(const tacit_channel_t *channel, const tacit_work_t *work,
                            uint64_t now_ms, tacit_error_t *ret_error);

/*  --- channel_attempt.c ----------------------------------------------------------------------- */

/*  Send, settle or end a call as far as is possible now; true where anything changed.  */
bool tacit_channel_turn_work(tacit_channel_t *channel, tacit_work_t *work, uint64_t now_ms);
/*  When it is due without anything coming in.  */
uint64_t tacit_channel_work_wake(const tacit_channel_t *channel, const tacit_work_t *work,
                                 uint64_t now_ms);

/*  --- channel_work.c -------------------------------------------------------------------------- */

/*  A work that is queued, its arguments borrowed. free_bulk is taken or done.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_begin(tacit_channel_t *channel,
                                                    const tacit_request_t *request,
                                                    tacit_work_t **ret_work,
                                                    tacit_error_t *ret_error);

/*  Keep the arguments for later: they are borrowed no longer.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_keep(tacit_channel_t *channel, tacit_work_t *work,
                                                   tacit_error_t *ret_error);

/*  The arguments as the codec wants them; in the channel's own room where they were kept.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_args(tacit_channel_t *channel,
                                                   const tacit_work_t *work, const void **ret_args,
                                                   tacit_error_t *ret_error);

/*  The answer of a work that ended, which is forgotten then.  */
TACIT_MUST_CHECK tacit_status_t tacit_channel_deliver(tacit_channel_t *channel, tacit_work_t *work,
                                                      tacit_reply_t *ret_reply,
                                                      tacit_error_t *ret_error);
/*  Let go of a call, whatever its state.  */
void tacit_channel_forget(tacit_channel_t *channel, tacit_work_t *work);

#endif
