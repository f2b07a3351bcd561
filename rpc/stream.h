/*  stream.h - one end of a call's streams: what may be sent, what came in and was not yet read.

    The same at both ends: `in` is what this end receives. Nothing here sends or waits; the owner
    sends a frame and then says that it did. A peer that breaks sequence, credit or bounds gets
    PROTOCOL_ERROR, and the owner ends the call.  */

#ifndef TACIT_RPC_STREAM_H
#define TACIT_RPC_STREAM_H

#include <zmq.h>

#include "rpc/limits.h"
#include "rpc/schema.h"
#include "rpc/stream_frame.h"

typedef struct tacit_inflow {
    tacit_stream_bounds_t bounds;
    zmq_msg_t queue[TACIT_STREAM_WINDOW]; /* announced, not read; a ring */
    bool filled[TACIT_STREAM_WINDOW];     /* its bytes are there; else they come by the lane */
    size_t lacking;                       /* how many are not */
    size_t head;
    size_t count;
    uint64_t next;    /* number of the chunk that comes next */
    uint64_t granted; /* chunks that may come in all */
    uint64_t total;   /* bytes so far, with those before the offset that it began at */
    uint64_t kept;    /* of a resumable stream to a service: bytes told to be kept */
    bool placed;      /* where it begins was said; else nothing may come */
    bool ended;       /* no more come */
} tacit_inflow_t;

typedef struct tacit_outflow {
    tacit_stream_bounds_t bounds;
    uint64_t next;
    uint64_t granted;
    uint64_t total;
    uint64_t kept;
    bool placed;
    bool ended;
} tacit_outflow_t;

typedef struct tacit_stream {
    tacit_inflow_t in;
    tacit_outflow_t out;
    zmq_msg_t current; /* the chunk that its reader has */
    uint64_t moved_ms; /* when anything last came or went, monotonic */
    bool news;         /* at a server: its handler is to be told */
} tacit_stream_t;

/*  NULL without memory. A direction whose chunk_max is 0 has ended before it began.  */
tacit_stream_t *tacit_stream_new(const tacit_stream_bounds_t *in, const tacit_stream_bounds_t *out,
                                 uint64_t now_ms);
void tacit_stream_destroy(tacit_stream_t **stream);

/*  Of a resumable stream whose receiver is the caller both ends know the offset from the start.
    False where it is beyond all that the stream may hold.  */
TACIT_MUST_CHECK bool tacit_stream_place(tacit_stream_t *stream, const tacit_method_t *method,
                                         const void *args);
/*  This end is a service that keeps so many bytes of the resumable stream that comes in; the first
    time it says where the stream begins. BAD_INPUT where that is less than before, or more than
    came.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_keep(tacit_stream_t *stream, uint64_t bytes);

/*  A notification from the peer; a chunk is moved out of bulk. PROTOCOL_ERROR where it breaks a
    rule, INTERRUPTED for CANCEL.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_take(tacit_stream_t *stream,
                                                  const tacit_stream_frame_t *frame,
                                                  zmq_msg_t *bulk, bool has_bulk, uint64_t now_ms);

/*  A chunk whose bytes come by the lane takes its place among the others; and they come. fill
    leaves bulk alone where nobody waits for it any more.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_await(tacit_stream_t *stream,
                                                   const tacit_stream_frame_t *frame, uint64_t size,
                                                   uint64_t now_ms);
void tacit_stream_fill(tacit_stream_t *stream, uint64_t number, zmq_msg_t *bulk, uint64_t now_ms);

/*  The next chunk, valid until the next read: OK; OK without data where the stream has ended;
    PENDING where nothing is there yet.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_read(tacit_stream_t *stream, tacit_span_t *ret_chunk);

/*  True where the peer should be told of credit, and how much; granted once that was sent.  */
bool tacit_stream_credit_due(const tacit_stream_t *stream, uint64_t *ret_granted);
void tacit_stream_credit_sent(tacit_stream_t *stream, uint64_t granted);

/*  May a chunk of that size be sent: OK, PENDING (no credit, or not known yet where the stream
    begins), TOO_LARGE (a bound), BAD_INPUT
    (empty, or after the end). Then its number is out.next, and sent says that it went.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_may_send(const tacit_stream_t *stream, size_t size);
void tacit_stream_sent(tacit_stream_t *stream, size_t size, uint64_t now_ms);

#endif
