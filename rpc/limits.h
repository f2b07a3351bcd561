/*  limits.h - every bound of the rpc layer that is not part of a format.

    A queue, map, timer or frame count without a row here is a defect. Bounds of what one message
    may hold stand with its parser (rpc/frame.h, rpc/arena.h).  */

#ifndef TACIT_RPC_LIMITS_H
#define TACIT_RPC_LIMITS_H

#include "rpc/frame.h"

enum {
    /*  Frames.  */
    TACIT_CURVE_OVERHEAD = 33,                     /* bytes that CURVE adds to a frame */
    TACIT_BULK_MAX = 16 * 1024 * 1024 + 64 * 1024, /* largest bulk of any contract */
    TACIT_CURVE_KEY_SIZE = 32,
    TACIT_ROUTING_ID_SIZE = 5, /* as libzmq generates them: 0, then a number */

    /*  Queues between a socket and its connections, in messages each.  */
    TACIT_SERVER_RECEIVE_HWM = 32,
    TACIT_SERVER_SEND_HWM = 288, /* twice a client's calls and its streams' chunks and credit, */
    /*                              since pipes tell what was read in halves,                   */
    TACIT_CLIENT_HWM = 288, /* so that a client within its limit never fills them */
    TACIT_LISTEN_BACKLOG = 512,

    /*  Times of a connection, in ms unless said otherwise.  */
    TACIT_CLIENT_LISTEN_MS = 10, /* that a client waits for an answer only, before it looks up */
    TACIT_SERVER_LISTEN_MS = 5,  /* that a server waits for requests only: see server.c */
    TACIT_SERVER_BRISK_MS = 1,   /* within which the last one came after the one before, for that */
    TACIT_SERVER_TURN_MS = 2,    /* after which the loop's other work has its turn */
    TACIT_HANDSHAKE_MS = 5000,   /* a server drops connections that take longer */
    TACIT_LINGER_MS = 1000,      /* for the last messages of a closed socket */
    TACIT_KEEPALIVE_IDLE_S = 10, /* a host that is gone is noticed in 25 s */
    TACIT_KEEPALIVE_INTERVAL_S = 5,
    TACIT_KEEPALIVE_PROBES = 3,

    /*  A server's state; all of it is per endpoint.  */
    TACIT_SERVICES_MAX = 16,          /* services of one endpoint */
    TACIT_CONNECTIONS_MAX = 1024,     /* connections with any state */
    TACIT_SESSIONS_MAX = 512,         /* each holds two locked pages */
    TACIT_SESSIONS_PER_PEER_MAX = 64, /* of one CURVE key */
    TACIT_BINDINGS_MAX = 128,         /* handshakes under way; the oldest gives way */
    TACIT_CALLS_PENDING_PER_CONNECTION_MAX = 64,
    TACIT_CALLS_PENDING_MAX = 1024,      /* for callers who have some already */
    TACIT_CALLS_PENDING_HARD_MAX = 1280, /* for those who have none: nobody is shut out */
    TACIT_CALL_LARGE_MIN = 16 * 1024,    /* bytes of a request; below only its number counts */
    TACIT_CALLS_IDLE_MAX = 64,           /* call objects kept for reuse */
    TACIT_SERVER_BATCH = 64,             /* calls read before the loop serves others, about */
    TACIT_BUSY_RETRY_MS = 100,           /* before a caller who was told `busy` should try again */
    TACIT_BUSY_RETRY_MIN_MS = 10,        /* where the service knows how long calls take */
    TACIT_BUSY_RETRY_MAX_MS = 10000,
    TACIT_REPLY_KEPT_MS = 120000,            /* that an answer is kept by its key */
    TACIT_REPLIES_MAX = 4096,                /* kept and under way */
    TACIT_REPLIES_PER_CALLER_MAX = 512,      /* of one CURVE key */
    TACIT_REPLY_BYTES_MAX = 4 * 1024 * 1024, /* of encoded results, at most as the contract says */
    TACIT_REPLY_BYTES_PER_CALLER_MAX = 512 * 1024,
    TACIT_DRAINING_RETRY_MS = 250,  /* the same of `draining`, where nobody else serves */
    TACIT_DRAIN_MAX_MS = 3000,      /* for what was accepted, once the service is to end */
    TACIT_DRAIN_LONGEST_MS = 20000, /* the same of who waits for others: no service takes longer */
    TACIT_DRAIN_QUIET_MS = 100,     /* that connections last when all is done */
    TACIT_DRAIN_TICK_MS = 20,       /* between two looks whether it is done */
    TACIT_SWEEP_MS = 1000,          /* between looks for expired sessions */
    TACIT_UNTAKEN_MESSAGE_MIN = 2048, /* bytes of a message that is counted; else its number is */
    TACIT_UNTAKEN_STILL_MS = 2000,    /* who took nothing for so long gives way to others */

    /*  The pool of threads in which handlers of blocking methods run, of one endpoint.  */
    TACIT_POOL_THREADS = 4, /* where the owner says nothing */
    TACIT_POOL_THREADS_MAX = 64,
    TACIT_POOL_STACK = 2 * 1024 * 1024, /* bytes, of each */
    TACIT_POOL_STOP_MS = 5000,          /* for handlers to end when the server does */

    /*  Streams; beyond a window nothing is sent, so that this bounds memory at any speed.  */
    TACIT_STREAM_CHUNK_MAX = 256 * 1024, /* bytes, of any contract */
    TACIT_STREAM_WINDOW = 16,            /* chunks sent and not yet read by the receiver */
    TACIT_STREAMS_PER_CONNECTION_MAX = 4,
    TACIT_STREAMS_MAX = 64,       /* of one endpoint: 256 MiB of windows each way */
    TACIT_STREAM_IDLE_MS = 10000, /* a stream on which nothing moves for so long is over */

    /*  Bulk lanes: frames beside CURVE for what is large.  */
    TACIT_LANE_FRAGMENT = 256 * 1024,                /* plaintext of a frame */
    TACIT_LANE_FRAME_MAX = TACIT_LANE_FRAGMENT + 40, /* bytes of a frame */
    TACIT_LANE_BULK_MIN = 16 * 1024,                 /* smaller bulk is quicker within CURVE */
    TACIT_LANE_WINDOW = 64,                          /* frames sent and not yet opened */
    TACIT_LANE_HWM = 2 * TACIT_LANE_WINDOW + 2,      /* pipes tell what was read in halves */
    TACIT_LANE_FRAMES_MAX = 1024 * 1024, /* under one key: far below what AES-GCM bears */
    TACIT_LANE_QUEUED_MAX = 128,         /* bulks announced and not all sent, of a lane */
    TACIT_LANE_TICKETS_MAX = TACIT_LANE_QUEUED_MAX + TACIT_LANE_WINDOW, /* ... and not all here */
    TACIT_LANE_OPEN_MS = 1000,                  /* for a client to open one; then it does without */
    TACIT_LANE_ADMIT_MS = 5000,                 /* that a server waits for its connection */
    TACIT_LANE_TRIM_MS = 5000,                  /* after which memory that nobody needed is freed */
    TACIT_LANE_IDLE_MS = 60000,                 /* without use, after which a lane is recalled */
    TACIT_LANE_SPARE_MS = 1000,                 /* the same where another one needs its place */
    TACIT_LANE_RECALL_MS = 5000,                /* that a recalled lane lasts at least */
    TACIT_LANES_MAX = 64,                       /* of one endpoint */
    TACIT_LANES_PER_PEER_MAX = 32,              /* of one CURVE key */
    TACIT_LANES_RECALLED_MAX = 16,              /* recalled ones beside those, of one endpoint */
    TACIT_LANES_PER_SESSION_MAX = 64,           /* one after the other; then CURVE alone */
    TACIT_LANE_STEADY_MS = 10000,               /* what lasted so long is opened again at once */
    TACIT_LANE_REOPEN_MS = 1000,                /* else after this, doubled each time ... */
    TACIT_LANE_REOPEN_CAP_MS = 60000,           /* ... up to that */
    TACIT_LANES_PARKED_MAX = 256 * 1024 * 1024, /* bytes without tickets, of one endpoint */
    TACIT_LANE_BATCH = 16,                      /* frames read before the loop serves others */
    TACIT_LANE_POOL_KEPT_MAX = 96 * 1024 * 1024, /* bytes of free buffers kept for reuse */

    /*  A client.  */
    TACIT_TRANSIT_MS = 50, /* what a server is told to be quicker than the caller's deadline */
    TACIT_STOP_MS = 50     /* how soon who connects sees that it is to stop */
};

/*  Bytes of requests that pending calls of one endpoint hold (rpc/pending_room.h): of callers who
    have some; of who has none; and of enclaves that have none.  */
#define TACIT_CALLS_PENDING_BYTES_MAX         ((uint64_t)512 * 1024 * 1024)
#define TACIT_CALLS_PENDING_BYTES_HARD_MAX    ((uint64_t)640 * 1024 * 1024)
#define TACIT_CALLS_PENDING_BYTES_ENCLAVE_MAX ((uint64_t)768 * 1024 * 1024)

/*  Bytes of large answers that were not taken (rpc/untaken.h): of a connection, beyond which its
    calls wait, and beyond which it gets none; the same of all, for those who have some and for
    those who have none.  */
#define TACIT_UNTAKEN_HOLD    ((uint64_t)32 * 1024 * 1024)
#define TACIT_UNTAKEN_MAX     ((uint64_t)256 * 1024 * 1024)
#define TACIT_UNTAKEN_ALL     ((uint64_t)512 * 1024 * 1024)
#define TACIT_UNTAKEN_ALL_MAX ((uint64_t)768 * 1024 * 1024)

#endif
