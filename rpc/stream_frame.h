/*  stream_frame.h - what travels on a stream: notifications that belong to a call by its msgid.

        [2, msgid, event, number]

    A chunk's bytes are the frame after it. KEPT is for resumable streams to a service alone. A
   stream ends well by END, or by the call's successful reply; any other reply, or CANCEL, ends it
   in an error.  */

#ifndef TACIT_RPC_STREAM_FRAME_H
#define TACIT_RPC_STREAM_FRAME_H

#include "enclave/span.h"
#include "enclave/status.h"

typedef enum tacit_stream_event {
    TACIT_STREAM_CHUNK = 1,  /* number: of the chunk, from 0 */
    TACIT_STREAM_CREDIT = 2, /* number: of chunks that may have been sent in all */
    TACIT_STREAM_END = 3,    /* number: of chunks that were sent in all */
    TACIT_STREAM_CANCEL = 4, /* number: 0; the caller wants no more */
    TACIT_STREAM_KEPT = 5    /* number: of bytes, from the first one on, that the service has and
                                will have whatever happens to it; sending begins at the first told */
} tacit_stream_event_t;

typedef struct tacit_stream_frame {
    uint64_t msgid;
    tacit_stream_event_t event;
    uint64_t number;
} tacit_stream_frame_t;

enum { TACIT_STREAM_FRAME_MAX = 21 }; /* bytes */

/*  Bytes written, of TACIT_STREAM_FRAME_MAX that there must be room for.  */
size_t tacit_stream_frame_write(const tacit_stream_frame_t *frame, uint8_t *to);

/*  A foreign frame, consumed exactly. MALFORMED where it is no such notification.  */
TACIT_MUST_CHECK tacit_status_t tacit_stream_frame_parse(tacit_span_t bytes,
                                                         tacit_stream_frame_t *ret_frame);

#endif
