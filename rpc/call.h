/*  call.h - one call at the server, from its frames to its answer.

    A call is made for every request and reused when it was answered. It holds the received
    messages, since arguments borrow from them, and the arena of lists and of the handler's memory.
    States: running (its handler is on the stack), pending (the handler answers later), zombie
    (answered for the handler, who still has to finish it).  */

#ifndef TACIT_RPC_CALL_H
#define TACIT_RPC_CALL_H

#include <stdatomic.h>
#include <zmq.h>

#include "rpc/frame.h"
#include "rpc/method_table.h"
#include "rpc/server.h"
#include "rpc/session_table.h"
#include "rpc/stream.h"
#include "rpc/trace.h"
#include "rpc/worker_pool.h"

typedef enum tacit_call_state {
    TACIT_CALL_RUNNING,
    TACIT_CALL_FINISHED, /* by its handler, while that still runs */
    TACIT_CALL_PENDING,
    TACIT_CALL_ZOMBIE
} tacit_call_state_t;

struct tacit_call {
    tacit_call_state_t state;
    tacit_server_t *server;     /* NULL: it was destroyed */
    const tacit_entry_t *entry; /* NULL once the server was destroyed */
    tacit_connection_id_t id;   /* who called */
    bool curve;                 /* id.peer is meant */
    uint64_t msgid;
    uint64_t deadline_ms;           /* monotonic */
    tacit_connection_t *connection; /* its row, held while pending; NULL where there is none */
    tacit_frame_request_t request;  /* spans borrow from body */
    zmq_msg_t frame;                /* frame 0, or the batch that holds it */
    tacit_span_t body;              /* frame 0 itself, in frame */
    bool batched;                   /* the reply may share a message too */
    zmq_msg_t bulk;                 /* the request's bulk, or empty */
    zmq_msg_t reply_bulk;           /* the reply's, or empty */
    bool has_bulk;
    zmq_msg_t ticket; /* says that the bulk comes by the lane; or empty */
    bool has_ticket;
    size_t expected;                     /* bytes that come by the lane */
    tacit_error_t error;                 /* the handler's explanation */
    tacit_arena_t *arena;                /* owned */
    struct tacit_reply_entry *reply;     /* where its answer is to be kept; NULL: nowhere */
    struct tacit_reply_entry *waits_for; /* another call's answer, which is its own, too; or NULL */
    tacit_stream_t *stream;              /* owned; NULL where the method has none */
    bool news;                           /* its handler is to be told */
    bool held;                           /* waits until its caller has read; has not begun */
    void (*ready)(void *self, tacit_call_t *call); /* NULL: it wants to be told nothing */
    void *ready_self;
    tacit_place_t place;         /* at its method's gate */
    struct tacit_call_job *job;  /* in the arena; for all its work in the pool */
    struct tacit_call_job *work; /* the same while it is the pool's */
    bool asked;                  /* for work there, by its handler, which has not returned yet */
    void *args;                  /* owned; decoded */
    size_t args_capacity;
    tacit_trace_t trace;             /* what it belongs to */
    tacit_method_metrics_t *metrics; /* where it is counted; NULL: not yet, or not any more */
    uint64_t arrived_ns;             /* monotonic */
    tacit_call_t *previous;          /* among the server's pending ones */
    tacit_call_t *next;              /* there, or among the idle ones */
};

/*  A call's work in the pool of threads. What its handler reads and writes there is nobody else's
    until the job was taken back; what the server's thread has to say to it is said by `over`.  */
typedef struct tacit_call_job {
    tacit_job_t job;
    tacit_call_t *call;
    const tacit_call_part_t *part; /* of a handler's work; NULL: the whole handler */
    void *context;
    void (*ready)(void *self, tacit_call_t *call); /* who is to be told again afterwards */
    void *ready_self;
    const tacit_session_t *session; /* lives as long as the call is kept */
    atomic_bool over;               /* nobody waits for its answer */
    tacit_error_t error;            /* the handler's explanation */
    tacit_status_t status;          /* what it returned */
    void *result;
} tacit_call_job_t;

/*  A call with empty messages; NULL without memory.  */
tacit_call_t *tacit_call_new(void);
void tacit_call_destroy(tacit_call_t **call);

/*  Gives messages and arena back; what it allocated stays for the next request.  */
void tacit_call_reset(tacit_call_t *call);

/*  Zeroed room for arguments of that size, or NULL.  */
void *tacit_call_args(tacit_call_t *call, size_t size);

/*  Bytes of its request, bulk included.  */
size_t tacit_call_size(const tacit_call_t *call);
/*  Bytes of memory that it keeps: all of a batch that it came in.  */
size_t tacit_call_held(const tacit_call_t *call);

/*  Complete the error by code and by the service's table: what goes on the wire.  */
void tacit_call_explain(tacit_call_t *call, tacit_status_t status);

/*  The server's part of tacit_call_finish: answers and takes the call back.  */
void tacit_server_finish(tacit_call_t *call, tacit_status_t status, const void *result);

#endif
