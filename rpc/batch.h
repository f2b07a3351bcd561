/*  batch.h - small frames that share one message.

        [2, "$batch", [bytes, bytes, ...]]

    What bounds small calls is not their bytes but messages: system calls, wake-ups, a nonce and a
    MAC each. Requests that queue up go out together, and what is answered at once comes back
    together. The bytes are whole frames, requests or replies as they would have come alone, in
    their order; they have no bulk, and there is no batch within a batch.  */

#ifndef TACIT_RPC_BATCH_H
#define TACIT_RPC_BATCH_H

#include <zmq.h>

#include "rpc/frame.h"

enum {
    TACIT_BATCH_FRAMES_MAX = 64,       /* of one message */
    TACIT_BATCH_HOLD_MAX = 32,         /* that are held */
    TACIT_BATCH_HOLD_SOME = 16,        /* beyond which half of what is under way is enough */
    TACIT_BATCH_FRAME_MAX = 4096,      /* bytes of a frame that is worth it; larger ones go alone */
    TACIT_BATCH_BYTES_MAX = 64 * 1024, /* of all frames that are held */
    TACIT_BATCH_HEAD_MAX = 16          /* of the envelope around them, and of each of them */
};

/*  Frames that wait to be sent.  */
typedef struct tacit_batch {
    tacit_buffer_t frames; /* one after the other, each with its head as bytes of msgpack */
    size_t count;
} tacit_batch_t;

void tacit_batch_init(tacit_batch_t *batch);
void tacit_batch_free(tacit_batch_t *batch);

/*  Is there room for a frame of that size beside those that it holds?  */
bool tacit_batch_fits(const tacit_batch_t *batch, size_t size);

/*  Holds a copy. TOO_LARGE where it does not fit, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_batch_add(tacit_batch_t *batch, tacit_span_t frame);

/*  The message to send for all that it holds, at least one; a single frame goes as it is. The batch
    is empty afterwards, also where it fails (NO_MEMORY).  */
TACIT_MUST_CHECK tacit_status_t tacit_batch_seal(tacit_batch_t *batch, zmq_msg_t *ret_message);

/*  Does a foreign frame start like a batch?  */
bool tacit_batch_is(tacit_span_t frame);

/*  The frames of a foreign batch, borrowed, in order; each still is to be parsed. The batch is
    consumed exactly: MALFORMED, TOO_LARGE beyond TACIT_FRAME_MAX or TACIT_BATCH_FRAMES_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_batch_parse(tacit_span_t frame,
                                                  tacit_span_t ret_frames[TACIT_BATCH_FRAMES_MAX],
                                                  size_t *ret_count);

#endif
