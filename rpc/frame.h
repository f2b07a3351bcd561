/*  frame.h - frame 0 of every message: the envelope around arguments and results.

        request  [0, msgid, "service.method", [args, meta]]
        reply    [1, msgid, nil | [code, name, message, detail], result | nil]

    Arguments and results are encoded straight into the frame's buffer between begin and end, and
    are given back as raw spans, passed over within bounds, to be decoded once the schema is known:

        tacit_frame_request_begin(&buffer, msgid, method->name)
        tacit_codec_encode(method->args, args, secrets, &buffer, &error)
        tacit_frame_request_end(&buffer, &meta)

        tacit_frame_reply_begin(&buffer, msgid)
        tacit_codec_encode(method->result, result, secrets, &buffer, &error)

    A reply whose result cannot be encoded is cleared and replaced by tacit_frame_error.  */

#ifndef TACIT_RPC_FRAME_H
#define TACIT_RPC_FRAME_H

#include "enclave/error.h"
#include "rpc/buffer.h"

enum {
    TACIT_FRAME_MAX = 1024 * 1024, /* bytes of frame 0 */
    TACIT_METHOD_NAME_MAX = 95,    /* bytes of "service.method" */
    TACIT_TRACEPARENT_MAX = 55,    /* W3C trace context, version 00 */
    TACIT_IDEMPOTENCY_KEY_MAX = 32,
    TACIT_OWN_KEY_SIZE = 16,    /* of an idempotency key that nobody gave */
    TACIT_ERROR_WIRE_MAX = 4096 /* bytes of a received error's strings; longer: refused */
};

/*  Every field may be absent.  */
typedef struct tacit_frame_meta {
    bool has_deadline_ms;
    uint32_t deadline_ms; /* what the caller will wait from now on */
    bool has_traceparent;
    tacit_span_t traceparent; /* text; 1..TACIT_TRACEPARENT_MAX bytes */
    bool has_idempotency_key;
    tacit_span_t idempotency_key; /* 1..TACIT_IDEMPOTENCY_KEY_MAX bytes */
} tacit_frame_meta_t;

/*  Spans borrow from the frame.  */
typedef struct tacit_frame_request {
    uint64_t msgid;
    tacit_span_t method; /* text; 1..TACIT_METHOD_NAME_MAX bytes, UTF-8 without NUL */
    tacit_span_t args;   /* one msgpack value, for tacit_codec_decode */
    tacit_frame_meta_t meta;
} tacit_frame_request_t;

typedef struct tacit_frame_reply {
    uint64_t msgid;
    bool failed;         /* error is meant, not result */
    tacit_error_t error; /* code neither OK nor PENDING; texts cut to their bounds, printable */
    tacit_span_t result; /* one msgpack value, for tacit_codec_decode; empty where failed */
} tacit_frame_reply_t;

/*  Writing. The buffer should be initialised with TACIT_FRAME_MAX. BAD_INPUT for a method name or
    meta beyond its bound, TOO_LARGE, NO_MEMORY. meta may be NULL: nothing is said.  */
TACIT_MUST_CHECK tacit_status_t tacit_frame_request_begin(tacit_buffer_t *buffer, uint64_t msgid,
                                                          const char *method);
TACIT_MUST_CHECK tacit_status_t tacit_frame_request_end(tacit_buffer_t *buffer,
                                                        const tacit_frame_meta_t *meta);
/*  A successful reply up to its result, which ends the frame.  */
TACIT_MUST_CHECK tacit_status_t tacit_frame_reply_begin(tacit_buffer_t *buffer, uint64_t msgid);
/*  A whole failed reply. Bytes that are not UTF-8 become '?', so that only memory can fail; an
    error without a code (OK, PENDING) is sent as INTERNAL.  */
TACIT_MUST_CHECK tacit_status_t tacit_frame_error(tacit_buffer_t *buffer, uint64_t msgid,
                                                  const tacit_error_t *error);

/*  Reading of foreign frames, consumed exactly. MALFORMED, TOO_LARGE beyond TACIT_FRAME_MAX or
    TACIT_CODEC_DEPTH_MAX, BAD_INPUT (claim) where meta breaks a bound.  */
TACIT_MUST_CHECK tacit_status_t tacit_frame_parse_request(tacit_span_t frame,
                                                          tacit_frame_request_t *ret_request,
                                                          tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_frame_parse_reply(tacit_span_t frame,
                                                        tacit_frame_reply_t *ret_reply,
                                                        tacit_error_t *ret_error);

/*  The msgid of a frame that starts like a request, so that one that does not parse further can
    still be answered.  */
bool tacit_frame_request_msgid(tacit_span_t frame, uint64_t *ret_msgid);

#endif
