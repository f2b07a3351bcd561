/*  memory.c - counted, aligned, wiped memory.

    Each block has a header of one alignment unit before it, so that freeing needs no size. It is
    cut from what calloc gives, which knows what the kernel has cleared already.  */

#include "services/inference/engine/memory.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/clock.h"

enum { POOL_CHUNK_SIZE = 64 * 1024, POOL_ALIGNMENT = 16, SPARE_SIZE_MIN = 4096 };

typedef struct s_header {
    tacit_budget_t *budget; /* charged for size */
    size_t size;            /* bytes with the header */
    void *whole;            /* as calloc gave it; NULL: it lies in spare pages */
} s_header_t;

typedef struct s_chunk {
    struct s_chunk *next;
    size_t size; /* bytes after this header */
    size_t used; /* of them */
    size_t unused;
} s_chunk_t;

struct tacit_pool {
    tacit_budget_t *budget;
    s_chunk_t *chunks; /* the first has room */
};

void tacit_budget_start(tacit_budget_t *budget, uint32_t limit_ms)
{
    atomic_store(&budget->cancelled, false);
    budget->deadline_us =
        limit_ms > 0 ? tacit_monotonic_ns() / 1000 + (uint64_t)limit_ms * 1000U : 0;
}

tacit_status_t tacit_budget_check(const tacit_budget_t *budget, tacit_error_t *error)
{
    if (atomic_load(&budget->cancelled)) {
        return tacit_error_set(error, TACIT_DEADLINE_EXCEEDED, "the run was cancelled");
    }
    if (budget->deadline_us != 0 && tacit_monotonic_ns() / 1000 >= budget->deadline_us) {
        return tacit_error_set(error, TACIT_DEADLINE_EXCEEDED,
                               "the model takes longer than it may");
    }
    return TACIT_OK;
}

static bool s_allows(const tacit_budget_t *budget, size_t size)
{
    size_t left = budget->limit - budget->used;
    return left >= 2 * (size_t)TACIT_MEMORY_ALIGNMENT &&
           size <= left - 2 * (size_t)TACIT_MEMORY_ALIGNMENT;
}

size_t tacit_memory_whole(size_t size)
{
    size_t rounded = (size + TACIT_MEMORY_ALIGNMENT - 1) & ~(size_t)(TACIT_MEMORY_ALIGNMENT - 1);
    return rounded + TACIT_MEMORY_ALIGNMENT;
}

/*  The block gets its header and is counted.  */
static void *s_begin(tacit_budget_t *budget, void *block, size_t total, void *whole)
{
    s_header_t header = {.budget = budget, .size = total, .whole = whole};
    memcpy(block, &header, sizeof(header));
    budget->used += total;
    return (uint8_t *)block + TACIT_MEMORY_ALIGNMENT;
}

void *tacit_memory_adopt(tacit_budget_t *budget, void *place, size_t size)
{
    return s_allows(budget, size) ? s_begin(budget, place, tacit_memory_whole(size), NULL) : NULL;
}

void *tacit_memory_new(tacit_budget_t *budget, size_t size, tacit_error_t *error)
{
    if (!s_allows(budget, size)) {
        (void)tacit_error_set(error, TACIT_TOO_LARGE,
                              "the memory limit of %zu bytes does not allow %zu bytes more",
                              budget->limit, size);
        tacit_error_remedy(error, "allow the engine more memory, or use smaller inputs");
        return NULL;
    }
    size_t total = tacit_memory_whole(size);
    void *spare = budget->spare != NULL && total >= SPARE_SIZE_MIN
                      ? tacit_spare_take(budget->spare, total)
                      : NULL;
    if (spare != NULL) {
        return s_begin(budget, spare, total, NULL);
    }
    uint8_t *whole = calloc(1, total + TACIT_MEMORY_ALIGNMENT);
    if (whole == NULL) {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, "no memory for %zu bytes", size);
        return NULL;
    }
    uint8_t *block =
        whole + TACIT_MEMORY_ALIGNMENT - (uintptr_t)whole % (uintptr_t)TACIT_MEMORY_ALIGNMENT;
    return s_begin(budget, block, total, whole);
}

void tacit_memory_free(void *data)
{
    if (data == NULL) {
        return;
    }
    uint8_t *block = (uint8_t *)data - TACIT_MEMORY_ALIGNMENT;
    s_header_t header;
    memcpy(&header, block, sizeof(header));
    header.budget->used -= header.size;
    sodium_memzero(block, header.size);
    if (header.whole != NULL) {
        free(header.whole);
    } else if (header.budget->spare != NULL) {
        tacit_spare_add(header.budget->spare, block, header.size);
    }
}

tacit_pool_t *tacit_pool_new(tacit_budget_t *budget, tacit_error_t *error)
{
    tacit_pool_t *pool = tacit_memory_new(budget, sizeof(*pool), error);
    if (pool != NULL) {
        pool->budget = budget;
    }
    return pool;
}

static s_chunk_t *s_chunk_new(tacit_pool_t *pool, size_t size, tacit_error_t *error)
{
    size_t room = size > POOL_CHUNK_SIZE ? size : POOL_CHUNK_SIZE;
    s_chunk_t *chunk = tacit_memory_new(pool->budget, sizeof(s_chunk_t) + room, error);
    if (chunk != NULL) {
        *chunk = (s_chunk_t){.next = pool->chunks, .size = room};
        pool->chunks = chunk;
    }
    return chunk;
}

void *tacit_pool_take(tacit_pool_t *pool, size_t count, size_t size, tacit_error_t *error)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        (void)tacit_error_set(error, TACIT_TOO_LARGE, "%zu items of %zu bytes", count, size);
        return NULL;
    }
    bytes = (bytes + POOL_ALIGNMENT - 1) & ~(size_t)(POOL_ALIGNMENT - 1);
    s_chunk_t *chunk = pool->chunks;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        chunk = s_chunk_new(pool, bytes, error);
    }
    if (chunk == NULL) {
        return NULL;
    }
    void *taken = (uint8_t *)(chunk + 1) + chunk->used;
    chunk->used += bytes;
    return taken;
}

char *tacit_pool_text(tacit_pool_t *pool, const char *text, tacit_error_t *error)
{
    size_t size = strlen(text) + 1;
    char *copy = tacit_pool_take(pool, size, 1, error);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void tacit_pool_destroy(tacit_pool_t **pool)
{
    if (*pool == NULL) {
        return;
    }
    s_chunk_t *chunk = (*pool)->chunks;
    while (chunk != NULL) {
        s_chunk_t *next = chunk->next;
        tacit_memory_free(chunk);
        chunk = next;
    }
    tacit_memory_free(*pool);
    *pool = NULL;
}
