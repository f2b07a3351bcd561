/*  client_stream.h - streams of a call that tacit_client_start began.

    Send chunks and end; receive chunks until there are no more; finish gives the call's result.
    Other calls of the same client go on meanwhile. A stream ends once: well, or in the error that
    all functions here then return until finish or cancel lets go of the call.  */

#ifndef TACIT_RPC_CLIENT_STREAM_H
#define TACIT_RPC_CLIENT_STREAM_H

#include "rpc/client.h"

/*  Send a chunk, waiting for the receiver's credit. With free_fn it is taken without a copy (freed
    later, perhaps by another thread; where this fails too), else copied.
    TOO_LARGE beyond the method's bounds, BAD_INPUT for an empty one, after the end, or a call that
    is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_send(tacit_client_t *client, uint64_t call, void *data,
                                                  size_t size,
                                                  void (*free_fn)(void *data, void *hint),
                                                  void *hint, tacit_error_t *ret_error);
/*  Whether a chunk of that size would go out at once: OK; PENDING: there is no credit; else as
   send. For who must not wait, because chunks come the other way too.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_can_send(tacit_client_t *client, uint64_t call,
                                                      size_t size, tacit_error_t *ret_error);
/*  Of a resumable stream to the service: bytes that it has and keeps. The first time this says
    where sending begins, and nothing can be sent before. PENDING: it said nothing by the timeout.
 */
TACIT_MUST_CHECK tacit_status_t tacit_client_kept(tacit_client_t *client, uint64_t call,
                                                  uint32_t timeout_ms, uint64_t *ret_bytes,
                                                  tacit_error_t *ret_error);
/*  No more chunks come from here.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_end(tacit_client_t *client, uint64_t call,
                                                 tacit_error_t *ret_error);

/*  The next chunk, borrowed until the next receive on that call. OK without data: the stream has
    ended well, and the call with it. PENDING: none came by the timeout.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_receive(tacit_client_t *client, uint64_t call,
                                                     uint32_t timeout_ms, tacit_span_t *ret_chunk,
                                                     tacit_error_t *ret_error);

/*  Wait for the call's answer and let go of the call; chunks not yet received are dropped. The
    reply is as from tacit_client_next.  */
TACIT_MUST_CHECK tacit_status_t tacit_client_finish(tacit_client_t *client, uint64_t call,
                                                    tacit_reply_t *ret_reply,
                                                    tacit_error_t *ret_error);

/*  Let go of a call at once, with streams or without; the service is told.  */
void tacit_client_cancel(tacit_client_t *client, uint64_t call);

#endif
