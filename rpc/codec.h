/*  codec.h - msgpack under a schema: structs out by msgpack-c, foreign bytes in by a bounded
   reader.

    Records are maps with small integer keys. The reader checks every count against the bytes that
    remain before it allocates, nesting against TACIT_CODEC_DEPTH_MAX, every bound of the schema,
    UTF-8 of strings, that required fields are there and no key comes twice; unknown keys are
    skipped, within the same bounds. Strings and bytes are borrowed from the frame; only lists and
    opened secrets take memory, from the caller's arena.  */

#ifndef TACIT_RPC_CODEC_H
#define TACIT_RPC_CODEC_H

#include "rpc/arena.h"
#include "rpc/buffer.h"
#include "rpc/reader.h"
#include "rpc/schema.h"

enum {
    TACIT_CODEC_FIELDS_MAX = 64, /* fields of one record */
    TACIT_CODEC_UNKNOWN_MAX = 32 /* unknown keys of one map */
};

/*  How fields of kind secret are sealed; NULL keys refuse them (NO_SESSION). On the wire such a
    field is bytes: tacit_seal under the transcript "tacit/secret/v1", session, msgid, method, and
    the field's number.  */
typedef struct tacit_secret_context {
    const uint8_t *key;     /* TACIT_KEY_SIZE bytes, of that direction of the session */
    const uint8_t *session; /* TACIT_SESSION_ID_SIZE bytes */
    uint64_t msgid;
    const char *method;
} tacit_secret_context_t;

/*  Append the encoding of a struct. BAD_INPUT (claim: the field) where a value breaks its bound.
    An optional field is sent where has_NAME is set, or where it is a span whose data is not NULL.
    The buffer is as it was after a failure.  */
TACIT_MUST_CHECK tacit_status_t tacit_codec_encode(const tacit_record_t *record, const void *value,
                                                   const tacit_secret_context_t *secrets,
                                                   tacit_buffer_t *buffer,
                                                   tacit_error_t *ret_error);

/*  Decode exactly bytes into the struct, which is zeroed first, and again after a failure:
      MALFORMED   not msgpack of ours, truncated, something left over, a key twice
      TOO_LARGE   nested too deeply, too many unknown keys, more than the arena gives
      BAD_INPUT   claim, expected, got: a field missing, of the wrong type, or beyond its bound
      NO_SESSION  a secret and no keys;   CORRUPT   a secret not sealed for this place
    Spans of the struct borrow from bytes, lists and secrets from the arena (NULL where the record
    has neither).  */
TACIT_MUST_CHECK tacit_status_t tacit_codec_decode(const tacit_record_t *record, tacit_span_t bytes,
                                                   const tacit_secret_context_t *secrets,
                                                   tacit_arena_t *arena, void *ret_value,
                                                   tacit_error_t *ret_error);

#endif
