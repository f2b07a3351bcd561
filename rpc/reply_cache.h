/*  reply_cache.h - answers kept by idempotency key, so that a call that is sent again runs once.

    An entry is known by its caller's CURVE key, method and idempotency key, and holds a digest of
   the arguments and bulk: the same key with another call is KEY_REUSED. It begins when a call is
   about to run. Whoever asks meanwhile waits for that call; once it succeeded its result is kept
   for TACIT_REPLY_KEPT_MS, encoded, with its secrets sealed under a key that only the cache has;
   what failed is forgotten, since a handler that refuses has done nothing. Nothing is forgotten
   early: beyond the limits new calls with keys are BUSY. One thread only.

    Memory ends with the process. For methods that the contract calls `keyed durable` the service's
    own state answers after that: the handler asks tacit_call_reply_key, keeps the id in the
    transaction that is the effect, and looks for it first.  */

#ifndef TACIT_RPC_REPLY_CACHE_H
#define TACIT_RPC_REPLY_CACHE_H

#include "rpc/codec.h"

enum { TACIT_REPLY_ID_SIZE = 32 };

/*  Which call it is, and what it asked for.  */
typedef struct tacit_reply_key {
    uint8_t id[TACIT_REPLY_ID_SIZE];     /* of caller, method and idempotency key */
    uint8_t digest[TACIT_REPLY_ID_SIZE]; /* of arguments and bulk */
} tacit_reply_key_t;

typedef struct tacit_reply_cache tacit_reply_cache_t;
typedef struct tacit_reply_entry tacit_reply_entry_t;

typedef enum tacit_reply_found {
    TACIT_REPLY_NEW,     /* the entry was made: run the call, then keep or drop it */
    TACIT_REPLY_RUNNING, /* a call with that key runs */
    TACIT_REPLY_KEPT     /* its result can be read */
} tacit_reply_found_t;

typedef struct tacit_reply_stats {
    uint64_t hits;    /* answered with what was kept */
    uint64_t joins;   /* that waited for another's answer */
    uint64_t refused; /* KEY_REUSED, and BUSY at a limit */
} tacit_reply_stats_t;

tacit_reply_cache_t *tacit_reply_cache_new(void); /* NULL without memory */
void tacit_reply_cache_destroy(tacit_reply_cache_t **cache);

void tacit_reply_key_make(const char *method, const uint8_t caller[32], tacit_span_t key,
                          tacit_span_t args, tacit_span_t bulk, tacit_reply_key_t *ret_key);

/*  KEY_REUSED, BUSY at a limit, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_reply_cache_begin(
    tacit_reply_cache_t *cache, const tacit_method_t *method, const uint8_t caller[32],
    const tacit_reply_key_t *key, uint64_t now_ms, tacit_reply_found_t *ret_found,
    tacit_reply_entry_t **ret_entry, tacit_error_t *ret_error);

/*  The call of a NEW entry succeeded: its result is kept, or dropped where it cannot be encoded. */
void tacit_reply_cache_keep(tacit_reply_cache_t *cache, tacit_reply_entry_t *entry,
                            const void *result, uint64_t now_ms);
/*  It failed: the key is free again.  */
void tacit_reply_cache_drop(tacit_reply_cache_t *cache, tacit_reply_entry_t *entry);

/*  A KEPT entry's result, in room of the method's result record; spans and secrets in the arena. */
TACIT_MUST_CHECK tacit_status_t tacit_reply_cache_read(const tacit_reply_cache_t *cache,
                                                       const tacit_reply_entry_t *entry,
                                                       tacit_arena_t *arena, void *ret_result);

const tacit_reply_key_t *tacit_reply_entry_key(const tacit_reply_entry_t *entry);
const tacit_reply_stats_t *tacit_reply_cache_stats(const tacit_reply_cache_t *cache);
size_t tacit_reply_cache_count(const tacit_reply_cache_t *cache);

#endif
