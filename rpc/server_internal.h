/*  server_internal.h - what the files of the server share: server.c reads, server_dispatch.c checks
    and runs, server_reply.c answers, server_pending.c keeps what is answered later or waits: for
    its bulk (server_lane.c), until its caller has read (server_untaken.c), for its turn
    (server_limits.c), or for the pool (server_work.c).  */

#ifndef TACIT_RPC_SERVER_INTERNAL_H
#define TACIT_RPC_SERVER_INTERNAL_H

#include "rpc/batch.h"
#include "rpc/call.h"
#include "rpc/reply_cache.h"
#include "rpc/server_fault.h"
#include "rpc/server_lane.h"
#include "rpc/server_limits.h"
#include "rpc/session_service.h"
#include "rpc/untaken.h"

struct tacit_server {
    tacit_endpoint_t *endpoint;
    bool curve;
    bool draining; /* takes no new calls of users */
    bool has_operator;
    uint8_t operator_key[TACIT_CURVE_KEY_SIZE];
    tacit_method_table_t methods;
    tacit_session_table_t sessions;
    tacit_session_service_t session_service;
    zloop_t *loop;         /* borrowed; NULL until attached */
    int timer;             /* of the earliest deadline */
    uint64_t timer_ms;     /* when it goes off, monotonic; UINT64_MAX: never */
    tacit_call_t *pending; /* pending ones and zombies */
    size_t pending_count;
    uint64_t pending_bytes; /* that they hold */
    size_t streams;         /* calls that have any */
    size_t listeners;       /* calls whose handler wants to be told */
    tacit_server_lanes_t lanes;
    tacit_server_limits_t *limits;     /* owned; NULL where no method has any */
    uint32_t threads;                  /* of its pool */
    tacit_reply_cache_t *replies_kept; /* owned; NULL until a call with a key came */
    tacit_untaken_t *untaken;          /* owned; answers that were not read */
    bool untaken_polled;
    size_t held;              /* calls that wait for that */
    uint64_t untaken_refused; /* answers that were let go of */
    uint64_t untaken_cut;     /* connections that gave way */
    tacit_call_t *idle;       /* for reuse */
    size_t idle_count;
    tacit_buffer_t out;        /* frame 0 being written */
    tacit_batch_t replies;     /* to the batch that is being worked on */
    const tacit_call_t *batch; /* NULL: none is */
    void *result;              /* room for a handler's result */
    size_t result_capacity;
    uint64_t idle_ms; /* when all requests had been read */
    tacit_server_stats_t stats;
    tacit_method_metrics_t unknown; /* calls of methods that there are not */
    const tacit_server_t *told;     /* whose methods metrics tells, too; NULL: none */
#ifdef TACIT_FAULTS
    tacit_server_faults_t *faults; /* NULL: none are asked for */
#endif
};

static inline uint64_t tacit_server_now(void)
{
    return (uint64_t)zclock_mono();
}

/*  The first frame of a message to that connection: so small that the message holds it itself.  */
static inline void tacit_server_address(zmq_msg_t *ret_message,
                                        const uint8_t routing[TACIT_ROUTING_ID_SIZE])
{
    (void)zmq_msg_init_size(ret_message, TACIT_ROUTING_ID_SIZE);
    memcpy(zmq_msg_data(ret_message), routing, TACIT_ROUTING_ID_SIZE);
}

static inline bool tacit_server_has_faults(const tacit_server_t *server)
{
#ifdef TACIT_FAULTS
    return server->faults != NULL;
#else
    (void)server;
    return false;
#endif
}

static inline const uint8_t *tacit_server_operator(const tacit_server_t *server)
{
    return server->has_operator ? server->operator_key : NULL;
}

/*  A call object, new or used before; NULL without memory. Given back when it was answered.  */
tacit_call_t *tacit_server_take_call(tacit_server_t *server);
void tacit_server_give_call(tacit_server_t *server, tacit_call_t *call);

/*  Check and run a call whose frames and identity were read. Takes the call.  */
void tacit_server_dispatch(tacit_server_t *server, tacit_call_t *call, bool too_many_frames);

/*  Run the handler of a call that was admitted, when its caller has read enough; when it is its
    turn. Both take the call.  */
void tacit_server_enter(tacit_server_t *server, tacit_call_t *call);
void tacit_server_proceed(tacit_server_t *server, tacit_call_t *call);
/*  Run it at once, here.  */
void tacit_server_run(tacit_server_t *server, tacit_call_t *call);

/*  Send the result, or the error of a status that is not OK. The call stays the caller's.  */
void tacit_server_answer(tacit_server_t *server, tacit_call_t *call, tacit_status_t status,
                         const void *result);

/*  A frame 0 on its way to that connection, and what follows it (NULL: nothing): sent, or the
    connection's session ended (false). Takes the frame, and what was sent.  */
bool tacit_server_send(tacit_server_t *server, const tacit_connection_id_t *id, zmq_msg_t *frame,
                       zmq_msg_t *bulk);

/*  From here on replies to the calls of that batch are held; end sends them.  */
void tacit_server_begin_batch(tacit_server_t *server, const tacit_call_t *batch);
void tacit_server_end_batch(tacit_server_t *server);

/*  The handler answers later. Takes the call until then; it is over already (a zombie) where there
    is no memory for it.  */
void tacit_server_keep(tacit_server_t *server, tacit_call_t *call);
/*  It is pending no more, and whoever calls this has it.  */
void tacit_server_unkeep(tacit_server_t *server, tacit_call_t *call);

/*  The streams of a call that was admitted: none, BUSY at a limit, NO_MEMORY; and their end.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_stream_open(tacit_server_t *server,
                                                         tacit_call_t *call);
void tacit_server_stream_close(tacit_server_t *server, tacit_call_t *call);

/*  A message that is a stream's notification, read into that call object; false: it is none.  */
bool tacit_server_stream_event(tacit_server_t *server, tacit_call_t *carrier);

/*  The call whose stream that notification is of; NULL: of none that is open.  */
const tacit_call_t *tacit_server_stream_find(const tacit_server_t *server,
                                             const tacit_call_t *carrier);

/*  A chunk's bytes came by the caller's lane, or never will.  */
void tacit_server_stream_fill(tacit_server_t *server, const tacit_connection_id_t *id,
                              uint64_t msgid, uint64_t number, zmq_msg_t *bulk);
void tacit_server_stream_break(tacit_server_t *server, const tacit_connection_id_t *id,
                               uint64_t msgid);

/*  A call whose handler has not begun waits, pending, for what it needs; its deadline and its
    caller's end reach it. Unpark: it is to go on; false: it is over, and was answered.  */
void tacit_server_park(tacit_server_t *server, tacit_call_t *call);
bool tacit_server_unpark(tacit_server_t *server, tacit_call_t *call);

/*  Who is to be told of that call's news; NULL: nobody.  */
void tacit_server_hear(tacit_call_t *call, void (*ready)(void *self, tacit_call_t *call),
                       void *self);

/*  A pending call is over before its handler finished it: answer it so; the handler is told.  */
void tacit_server_end(tacit_server_t *server, tacit_call_t *call, tacit_status_t status);

/*  Its caller wants that pending call no more; false: there is none.  */
bool tacit_server_cancel(tacit_server_t *server, const tacit_connection_id_t *id, uint64_t msgid);

/*  Tell handlers what they asked to be told; and first end calls whose session or connection is
    gone and streams that stand still.  */
void tacit_server_tell(tacit_server_t *server);
void tacit_server_sweep(tacit_server_t *server);

/*  Have the loop that it is attached to look at that, too.  */
bool tacit_server_poll(tacit_server_t *server, zmq_pollitem_t item, zloop_fn *handler);

/*  DRAINING for a new call that a draining server does not take.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_drain_check(tacit_call_t *call);

/*  Let go of what is pending: its owners finish and so free it.  */
void tacit_server_orphan(tacit_server_t *server);

#endif
