/*  arena.h - memory of one message that is given back all at once, wiped.

    Lists come from ordinary memory, opened secrets from locked memory (enclave/secret.h). Nothing
    is taken before it is asked for, and a reset keeps small blocks, so that a message without
    lists and secrets costs no allocation, and most others none either.  */

#ifndef TACIT_RPC_ARENA_H
#define TACIT_RPC_ARENA_H

#include "enclave/span.h"

enum { TACIT_ARENA_MAX = 4 * 1024 * 1024 /* bytes taken from one arena between resets */ };

typedef struct tacit_arena tacit_arena_t;

/*  NULL without memory.  */
tacit_arena_t *tacit_arena_new(void);
void tacit_arena_destroy(tacit_arena_t **arena);
void tacit_arena_reset(tacit_arena_t *arena);

/*  Zeroed, aligned for any type; NULL beyond TACIT_ARENA_MAX or without memory.  */
void *tacit_arena_alloc(tacit_arena_t *arena, size_t size);
/*  The same from locked memory that is left out of core dumps: for secrets.  */
void *tacit_arena_alloc_secret(tacit_arena_t *arena, size_t size);
/*  A copy of the bytes in the arena; an empty span with data NULL when that fails.  */
tacit_span_t tacit_arena_copy(tacit_arena_t *arena, tacit_span_t bytes);
/*  Whether size bytes more stay within TACIT_ARENA_MAX: tells a limit from missing memory.  */
bool tacit_arena_fits(const tacit_arena_t *arena, size_t size);

#endif
