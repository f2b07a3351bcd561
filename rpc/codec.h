/*  codec.h - msgpack under a schema: structs out by msgpack-c, foreign bytes in by a bounded reader.

    Records are maps with small integer keys. The reader checks every count against the bytes that
    remain before it allocates, nesting against TACIT_CODEC_DEPTH_MAX, every bound of the schema,
    UTF-8 of strings, that required fields are there and no key comes twice; unknown keys are
    skipped, within the same bounds. Strings and bytes are borrowed from the frame; only lists
    take memory, from the caller's arena.  */

#ifndef TACIT_RPC_CODEC_H
#define TACIT_RPC_CODEC_H

#include "rpc/schema.h"

enum {
    TACIT_CODEC_DEPTH_MAX = 8,          /* nested containers */
    TACIT_ARENA_MAX = 4 * 1024 * 1024   /* bytes of lists in one message */
};

/*  Memory that is freed all at once; wiped first, since it may hold opened secrets.  */
typedef struct tacit_arena tacit_arena_t;

tacit_arena_t *tacit_arena_new(void);
void tacit_arena_destroy(tacit_arena_t **arena);
void tacit_arena_reset(tacit_arena_t *arena);
/*  Zeroed, aligned for any type; NULL beyond TACIT_ARENA_MAX or without memory.  */
void *tacit_arena_alloc(tacit_arena_t *arena, size_t size);
/*  A copy of the bytes in the arena; an empty span with data NULL when that fails.  */
tacit_span_t tacit_arena_copy(tacit_arena_t *arena, tacit_span_t bytes);

/*  How fields of kind secret are sealed; NULL keys refuse them (NO_SESSION).  */
typedef struct tacit_secret_context {
    const uint8_t *key;       /* TACIT_KEY_SIZE bytes, of that direction of the session */
    const uint8_t *session;   /* TACIT_SESSION_ID_SIZE bytes */
    uint64_t msgid;
    const char *method;
} tacit_secret_context_t;

/*  A growing output buffer that never exceeds max.  */
typedef struct tacit_buffer {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
    size_t max;
} tacit_buffer_t;

void tacit_buffer_init(tacit_buffer_t *buffer, size_t max);
void tacit_buffer_clear(tacit_buffer_t *buffer); /* keeps the memory */
void tacit_buffer_free(tacit_buffer_t *buffer);  /* wipes it first */
TACIT_MUST_CHECK tacit_status_t tacit_buffer_append(tacit_buffer_t *buffer, const void *data,
                                                    size_t size);

/*  Append the encoding of a struct. BAD_INPUT (claim: the field) where a value breaks its bound. */
TACIT_MUST_CHECK tacit_status_t tacit_codec_encode(const tacit_record_t *record, const void *value,
                                                   const tacit_secret_context_t *secrets,
                                                   tacit_buffer_t *buffer,
                                                   tacit_error_t *ret_error);

/*  Decode exactly bytes into the zeroed struct. MALFORMED, TOO_LARGE or BAD_INPUT (claim: the
    field) otherwise. Spans of the struct borrow from bytes, lists and secrets from the arena.  */
TACIT_MUST_CHECK tacit_status_t tacit_codec_decode(const tacit_record_t *record, tacit_span_t bytes,
                                                   const tacit_secret_context_t *secrets,
                                                   tacit_arena_t *arena, void *ret_value,
                                                   tacit_error_t *ret_error);

#endif
