/*  call_stream.h - streams for handlers: chunks of a call that the handler answers later.

    The handler of a method with streams names a function that is told when there is news, returns
    TACIT_PENDING, and finishes the call when it has read and sent what it wants: a successful
    answer ends both streams well, any other one ends them in that error, once. The function runs
    on the server's loop whenever chunks or credit came, the caller's stream ended, or the call is
    over (tacit_call_alive: deadline, nothing moved for TACIT_STREAM_IDLE_MS, caller gone or
    cancelled); then it must finish the call. It may finish it at any time.  */

#ifndef TACIT_RPC_CALL_STREAM_H
#define TACIT_RPC_CALL_STREAM_H

#include "rpc/server.h"

/*  To be called by the handler; ready runs for the first time after the handler returned.
    BAD_INPUT for a method without streams.  */
TACIT_MUST_CHECK tacit_status_t tacit_call_on_stream(tacit_call_t *call,
                                                     void (*ready)(void *self, tacit_call_t *call),
                                                     void *self);

/*  Of a resumable stream that comes in: so many bytes, from the first one on, are here and durable.
    To be called by the handler before it returns, which says where the caller begins; then whenever
    it pays. BAD_INPUT where that is less than before, or more than came; UNREACHABLE.  */
TACIT_MUST_CHECK tacit_status_t tacit_call_kept(tacit_call_t *call, uint64_t bytes);

/*  The next chunk of the caller's, borrowed until the next one is asked for or the call is
    finished. OK without data: the caller ended its stream. PENDING: there is none yet.
    UNREACHABLE: the call is over.  */
TACIT_MUST_CHECK tacit_status_t tacit_call_receive(tacit_call_t *call, tacit_span_t *ret_chunk);

/*  Send a chunk. With free_fn it is taken without a copy (freed later, perhaps by another thread;
    after UNREACHABLE too), else copied. PENDING: the caller has not read enough; ready will be
    told. TOO_LARGE beyond the method's bounds, BAD_INPUT for an empty one, NO_MEMORY,
    UNREACHABLE: the call is over.  */
TACIT_MUST_CHECK tacit_status_t tacit_call_send(tacit_call_t *call, void *data, size_t size,
                                                void (*free_fn)(void *data, void *hint),
                                                void *hint);

#endif
