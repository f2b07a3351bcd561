/*  arena.c - two chains of blocks, ordinary and locked, filled from the front.

    Memory is zero whenever it is handed out: blocks start zeroed, and a reset wipes what was used.
    Locked blocks cost system calls and are therefore kept across resets.  */

#include "rpc/arena.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/secret.h"

enum {
    S_BLOCK_MIN = 4096,       /* ordinary blocks; a multiple of the alignment, as all here */
    S_BLOCK_KEEP = 64 * 1024, /* larger ones are freed by a reset */
    S_SECRET_MIN = 1024,      /* locked blocks: most messages hold one to three keys */
    S_SECRET_KEEP = 16 * 1024
};

typedef struct s_block {
    struct s_block *next;
    tacit_secret_t *locked; /* owns data, or NULL: data is owned itself */
    uint8_t *data;
    size_t capacity;
    size_t used;
} s_block_t;

typedef struct {
    s_block_t *first;
    s_block_t *current; /* blocks before it are full */
    bool locked;
    size_t least; /* bytes of a block */
    size_t keep;  /* most bytes of a block that a reset keeps */
} s_chain_t;

struct tacit_arena {
    s_chain_t plain;
    s_chain_t secret;
    size_t taken; /* bytes of both, with padding */
};

tacit_arena_t *tacit_arena_new(void)
{
    tacit_arena_t *arena = calloc(1, sizeof *arena);
    if (arena) {
        arena->plain = (s_chain_t){.least = S_BLOCK_MIN, .keep = S_BLOCK_KEEP};
        arena->secret = (s_chain_t){.locked = true, .least = S_SECRET_MIN, .keep = S_SECRET_KEEP};
    }
    return arena;
}

static void s_block_destroy(s_block_t *block)
{
    if (block->locked) {
        tacit_secret_destroy(&block->locked);
    } else {
        free(block->data);
    }
    free(block);
}

static s_block_t *s_block_new(bool locked, size_t size)
{
    s_block_t *block = calloc(1, sizeof *block);
    if (!block) {
        return NULL;
    }
    block->capacity = size;
    if (!locked) {
        block->data = calloc(1, block->capacity);
    } else if (tacit_secret_new(block->capacity, &block->locked) == TACIT_OK) {
        block->data = block->locked->data;
    }
    if (!block->data) {
        s_block_destroy(block);
        return NULL;
    }
    return block;
}

/*  Wipe what was used; free blocks larger than keep.  */
static void s_chain_reset(s_chain_t *chain, size_t keep)
{
    s_block_t **link = &chain->first;
    while (*link) {
        s_block_t *block = *link;
        sodium_memzero(block->data, block->used);
        block->used = 0;
        if (block->capacity > keep) {
            *link = block->next;
            s_block_destroy(block);
        } else {
            link = &block->next;
        }
    }
    chain->current = chain->first;
}

void tacit_arena_reset(tacit_arena_t *arena)
{
    s_chain_reset(&arena->plain, arena->plain.keep);
    s_chain_reset(&arena->secret, arena->secret.keep);
    arena->taken = 0;
}

void tacit_arena_destroy(tacit_arena_t **arena)
{
    if (arena && *arena) {
        s_chain_reset(&(*arena)->plain, 0);
        s_chain_reset(&(*arena)->secret, 0);
        free(*arena);
        *arena = NULL;
    }
}

/*  The block that has room for size bytes: the current one, one kept from before, or a new one
    twice as large as the last.  */
static s_block_t *s_chain_find(s_chain_t *chain, size_t size)
{
    s_block_t *block = chain->current;
    while (block && block->capacity - block->used < size && block->next) {
        block = block->next;
    }
    if (!block || block->capacity - block->used < size) {
        size_t doubled = block ? 2 * block->capacity : chain->least;
        if (doubled > chain->keep) {
            doubled = chain->keep;
        }
        s_block_t *added = s_block_new(chain->locked, size > doubled ? size : doubled);
        if (!added) {
            return NULL;
        }
        *(block ? &block->next : &chain->first) = added;
        block = added;
    }
    chain->current = block;
    return block;
}

static size_t s_padded(size_t size)
{
    const size_t align = _Alignof(max_align_t);
    return size == 0 ? align : (size + align - 1) / align * align;
}

bool tacit_arena_fits(const tacit_arena_t *arena, size_t size)
{
    return size <= TACIT_ARENA_MAX && s_padded(size) <= TACIT_ARENA_MAX - arena->taken;
}

static void *s_alloc(tacit_arena_t *arena, s_chain_t *chain, size_t size)
{
    if (!tacit_arena_fits(arena, size)) {
        return NULL;
    }
    size_t padded = s_padded(size);
    s_block_t *block = s_chain_find(chain, padded);
    if (!block) {
        return NULL;
    }
    void *memory = block->data + block->used;
    block->used += padded;
    arena->taken += padded;
    return memory;
}

void *tacit_arena_alloc(tacit_arena_t *arena, size_t size)
{
    return s_alloc(arena, &arena->plain, size);
}

void *tacit_arena_alloc_secret(tacit_arena_t *arena, size_t size)
{
    return s_alloc(arena, &arena->secret, size);
}

tacit_span_t tacit_arena_copy(tacit_arena_t *arena, tacit_span_t bytes)
{
    uint8_t *copy = tacit_arena_alloc(arena, bytes.size);
    if (!copy) {
        return tacit_span(NULL, 0);
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return tacit_span(copy, bytes.size);
}
