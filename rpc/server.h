/*  server.h - one bound endpoint that answers calls from generated tables.

    The owner's thread runs it, on a CZMQ zloop. Before a handler runs the frame was bounded and
    decoded, the method found, the caller's session looked up under (User-Id, connection) and the
    method's `caller` enforced. Handlers answer at once, or return TACIT_PENDING and finish the
    call later; a call that is not finished by its deadline is answered DEADLINE_EXCEEDED. Where the
    contract limits a method its calls take turns (rpc/admission.h), and handlers of `blocking`
    methods, or parts of others, run in a pool of threads (rpc/server_work.h).

    Every service also answers, for anyone: NAME.health and NAME.describe; for the operator:
    NAME.metrics; an endpoint with a party answers session.open and session.confirm. Handlers run in
    the trace of their call (rpc/trace.h).  */

#ifndef TACIT_RPC_SERVER_H
#define TACIT_RPC_SERVER_H

#include <czmq.h>
#include <stdatomic.h>

#include "enclave/binding.h"
#include "rpc/codec.h"
#include "rpc/refusals.h"
#include "rpc/standing.h"
#include "rpc/trace.h"
#include "rpc/untaken.h"

typedef struct tacit_server tacit_server_t;

typedef struct tacit_server_config {
    const char *endpoint;      /* to bind; "tcp://127.0.0.1:*" picks a port; "ipc://path" */
    const uint8_t *public_key; /* CURVE, 32 bytes each; both NULL: plaintext, methods for anyone */
    const uint8_t *secret_key;
    const tacit_party_t *party;  /* NULL: no sessions. Borrowed; may change between calls */
    const uint8_t *operator_key; /* CURVE key of the operator, 32 bytes; NULL: there is none */
    /*  Whose sessions hold after a policy came into force; NULL: all do. Borrowed; may change  */
    const tacit_standing_t *standing;
    /*  Where sessions that were refused are put; NULL: nowhere. Borrowed  */
    tacit_refusals_t *refusals;
    uint32_t threads;               /* of the pool for blocking methods; 0: TACIT_POOL_THREADS */
    tacit_untaken_limits_t untaken; /* bytes of answers that wait to be read */
    const char *zap_domain;         /* names this endpoint's admission rule; see zap.h. Plaintext is
                                       always TACIT_ZAP_INTRODUCTION */
} tacit_server_config_t;

TACIT_MUST_CHECK tacit_status_t tacit_server_new(const tacit_server_config_t *config,
                                                 tacit_server_t **ret_server,
                                                 tacit_error_t *ret_error);
/*  The pool begins nothing more, and handlers that run there are told that their calls are over;
    what they return within TACIT_POOL_STOP_MS is answered. False where one did not end: then what
    they were given (self) must be left alone until the process ends. The loop must not run any
    more. Destroying stops, too.  */
bool tacit_server_stop(tacit_server_t *server);
/*  The loop it was attached to must not run any more; it may be destroyed before or after. Calls
    still pending are no longer alive and are freed when they are finished.  */
void tacit_server_destroy(tacit_server_t **server);

/*  Serve a service: its table, its handlers struct and what handlers get as self. Borrowed.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_add(tacit_server_t *server,
                                                 const tacit_service_t *service,
                                                 const void *handlers, void *self);

/*  What was bound, with the port filled in. Borrowed.  */
const char *tacit_server_endpoint(const tacit_server_t *server);

/*  Read and answer on that loop, and watch deadlines and session expiry there.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_attach(tacit_server_t *server, zloop_t *loop);

/*  From now on new calls of users, owners and the operator are refused with DRAINING, which says
    that they did not run; what finishing the others may need is let through: calls of enclaves,
    methods for anyone, sessions, metrics. rpc/drain.h is the whole of an orderly end.  */
void tacit_server_drain(tacit_server_t *server);
bool tacit_server_is_draining(const tacit_server_t *server);
/*  No call is pending, and no lane has something to send.  */
bool tacit_server_is_idle(const tacit_server_t *server);
/*  Answers every pending call INTERRUPTED: their handlers are told, and finish them.  */
void tacit_server_interrupt(tacit_server_t *server);

/*  End every session whose peer's CURVE key is that; NULL: every session.  */
void tacit_server_end_sessions(tacit_server_t *server, const uint8_t *peer_curve);

/*  What happened so far, for metrics.  */
typedef struct tacit_server_stats {
    uint64_t received;    /* messages */
    uint64_t answered;    /* calls that succeeded */
    uint64_t refused;     /* answered with an error */
    uint64_t dropped;     /* messages that could not be answered: no identity, no msgid */
    uint64_t undelivered; /* replies that the connection did not take */
} tacit_server_stats_t;

const tacit_server_stats_t *tacit_server_stats(const tacit_server_t *server);

/*  NAME.metrics of this server tells what the methods of another one did, too: of a plaintext
    endpoint, where nobody can be the operator. Both are on one thread, and the other one lives as
    long as this one serves.  */
void tacit_server_tell_of(tacit_server_t *server, const tacit_server_t *other);

/*  --- inside a handler, or later with a pending call ------------------------------------------ */

/*  The caller. peer key is always there on CURVE; session is NULL for methods for anyone called
    without one.  */
const uint8_t *tacit_call_peer(const tacit_call_t *call); /* 32 bytes; NULL on plaintext */
const tacit_session_t *tacit_call_session(const tacit_call_t *call);
tacit_span_t tacit_call_bulk(const tacit_call_t *call); /* borrowed until the call is finished */
/*  Does the policy in force revoke that user? For who acts on behalf of one; on the server's thread
    alone: in the pool it says yes.  */
bool tacit_call_revokes(const tacit_call_t *call, const uint8_t user[32]);
uint64_t tacit_call_remaining_ms(const tacit_call_t *call);
/*  What the call belongs to, to be entered again where a pending call is worked on later.  */
const tacit_trace_t *tacit_call_trace(const tacit_call_t *call);
/*  By what this call will be known when it is sent again; NULL where it came without an idempotency
    key, or the contract keeps no answers. See rpc/reply_cache.h.  */
const struct tacit_reply_key *tacit_call_reply_key(const tacit_call_t *call);
/*  Where a handler explains a refusal, and takes memory for its result's spans and lists.  */
tacit_error_t *tacit_call_error(tacit_call_t *call);
tacit_arena_t *tacit_call_arena(tacit_call_t *call);
/*  The reply's bulk frame: copied, or taken over without a copy (free_fn is called later, perhaps
    by another thread).  */
TACIT_MUST_CHECK tacit_status_t tacit_call_copy_bulk(tacit_call_t *call, tacit_span_t bulk);
TACIT_MUST_CHECK tacit_status_t tacit_call_take_bulk(tacit_call_t *call, uint8_t *data, size_t size,
                                                     void (*free_fn)(void *data, void *hint),
                                                     void *hint);

/*  For a handler in the pool, which answers by what it returns and never finishes a call itself:
    becomes true when nobody waits for the answer any more (deadline, cancelled, caller gone,
    session or server ended), so that long work can end early. tacit_call_alive looks at it, too.
    NULL outside of the pool.  */
const atomic_bool *tacit_call_over(const tacit_call_t *call);

/*  A call's slow part, for a handler on the server's thread, which has the service's state to
    itself, and where only this would block it.  */
typedef struct tacit_call_part {
    /*  In the pool, as a handler of a blocking method: touches its context and its call alone, and
        neither receives nor sends chunks.  */
    tacit_status_t (*work)(void *context, tacit_call_t *call, void *ret_result);
    /*  On the server's thread again, with what work returned (INTERRUPTED where it was never
       begun). Runs in any case, also where the call is over (tacit_call_alive tells) or the server
       is about to end. What this returns is the answer; PENDING: there will be one later, and who
        asked to be told (tacit_call_on_end, tacit_call_on_stream) is told at once.  */
    tacit_status_t (*done)(void *context, tacit_call_t *call, tacit_status_t status,
                           void *ret_result);
} tacit_call_part_t;

/*  By a handler, which returns what this returns, or later on a pending call: PENDING, or why
    neither of the two will run. Until done runs the call is the pool's: its owner is told nothing,
    and leaves it alone. One part at a time; a limit of the method bounds how many calls are at it,
    and keeps their turns fair.  */
TACIT_MUST_CHECK tacit_status_t tacit_call_work(tacit_call_t *call, const tacit_call_part_t *work,
                                                void *context);

/*  Answer a call whose handler returned TACIT_PENDING, once; *call becomes NULL. result is of the
    method's result record (ignored where status failed). A pending call whose peer went away or
    whose deadline passed is finished all the same; tacit_call_alive tells.  */
void tacit_call_finish(tacit_call_t **call, tacit_status_t status, const void *result);
bool tacit_call_alive(const tacit_call_t *call);

/*  For a handler that returns TACIT_PENDING: to be told, on the server's loop, when the call is
    over before it was finished (deadline, cancelled by its caller, caller gone, session or server
    ended). It then lets go of what it works on and finishes the call, at once or later. Not for
    handlers in the pool.  */
void tacit_call_on_end(tacit_call_t *call, void (*ended)(void *self, tacit_call_t *call),
                       void *self);

#endif
