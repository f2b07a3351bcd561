/*  reader.h - the bounded msgpack reader: the only code that parses foreign msgpack.

    It reads one token at a time from borrowed bytes: a scalar, a string or bytes with their
    content, or the head of a container. A length or count is compared with the bytes that remain
    (an element takes at least one, a pair two) before it is told to anybody, so that no caller can
    be made to allocate more than was sent. Integers come in any width. Extension types and the
    reserved byte are refused. Never recursive.  */

#ifndef TACIT_RPC_READER_H
#define TACIT_RPC_READER_H

#include "enclave/span.h"
#include "enclave/status.h"

enum { TACIT_CODEC_DEPTH_MAX = 8 /* nested containers */ };

typedef struct tacit_reader {
    tacit_span_t rest; /* what was not read yet */
} tacit_reader_t;

typedef enum tacit_token_kind {
    TACIT_TOKEN_NIL,
    TACIT_TOKEN_BOOL,     /* number: 0 or 1 */
    TACIT_TOKEN_UNSIGNED, /* number: any integer from 0 on, however it was written */
    TACIT_TOKEN_NEGATIVE, /* integer: below 0 */
    TACIT_TOKEN_FLOAT,    /* real */
    TACIT_TOKEN_STRING,   /* bytes: not yet checked to be UTF-8 */
    TACIT_TOKEN_BYTES,    /* bytes */
    TACIT_TOKEN_ARRAY,    /* number: elements that follow */
    TACIT_TOKEN_MAP       /* number: pairs that follow */
} tacit_token_kind_t;

typedef struct tacit_token {
    tacit_token_kind_t kind;
    union {
        uint64_t number;
        int64_t integer;
        double real;
        tacit_span_t bytes; /* borrowed */
    };
} tacit_token_t;

static inline tacit_reader_t tacit_reader(tacit_span_t bytes)
{
    return (tacit_reader_t){.rest = bytes};
}

/*  The next token. MALFORMED where the bytes end early or are no msgpack of ours; the reader then
    stays where it was.  */
TACIT_MUST_CHECK tacit_status_t tacit_reader_next(tacit_reader_t *reader, tacit_token_t *ret_token);

/*  Pass over one whole value of at most depth nested containers (up to TACIT_CODEC_DEPTH_MAX) and
    return its bytes. MALFORMED, or TOO_LARGE where it is deeper.  */
TACIT_MUST_CHECK tacit_status_t tacit_reader_skip(tacit_reader_t *reader, size_t depth,
                                                  tacit_span_t *ret_value);

static inline bool tacit_reader_done(const tacit_reader_t *reader)
{
    return reader->rest.size == 0;
}

/*  "nil", "bool", "integer", "negative integer", ...; for refusals.  */
const char *tacit_token_kind_name(tacit_token_kind_t kind);

#endif
