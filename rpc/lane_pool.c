/*  lane_pool.c - free buffers in two lists: those of a frame's size, and larger ones.  */

#include "rpc/lane_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "rpc/limits.h"

typedef struct s_block {
    struct s_block *next; /* among free ones */
    size_t capacity;
} s_block_t;

enum {
    S_HEAD = 64, /* before the buffer, which so begins at a cache line */
    S_FRAME = TACIT_LANE_FRAME_MAX
};

_Static_assert(sizeof(s_block_t) <= S_HEAD, "the head has room for a block");

struct tacit_lane_pool {
    pthread_mutex_t lock;
    s_block_t *frames; /* free ones of S_FRAME bytes */
    s_block_t *large;  /* free ones of more */
    size_t kept;       /* bytes of free ones */
    size_t least;      /* of kept, since the last trim: what nobody needed */
    size_t taken;      /* buffers that are in use */
    bool closed;       /* destroyed, but for buffers in use */
};

/*  libzmq takes memory for each frame that comes in, which is given back a moment later. As it
    starts, glibc hands such memory to the kernel every time, and a third of a receiver's time goes
    into pages that are fetched again. It learns by the largest block that was ever given back: that
    one is half of what it keeps of each arena from then on.  */
static void s_teach_malloc(void)
{
    void *volatile block = malloc(TACIT_LANE_WINDOW * (size_t)TACIT_LANE_FRAGMENT / 2);
    free(block);
}

tacit_lane_pool_t *tacit_lane_pool_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_teach_malloc);
    tacit_lane_pool_t *self = calloc(1, sizeof *self);
    if (self && pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        self = NULL;
    }
    return self;
}

static void s_free_list(s_block_t **list, size_t *kept, size_t until)
{
    while (*list && *kept > until) {
        s_block_t *block = *list;
        *list = block->next;
        *kept -= block->capacity;
        free(block);
    }
}

static void s_free(tacit_lane_pool_t *self)
{
    s_free_list(&self->frames, &self->kept, 0);
    s_free_list(&self->large, &self->kept, 0);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

void tacit_lane_pool_destroy(tacit_lane_pool_t **pool)
{
    tacit_lane_pool_t *self = *pool;
    if (!self) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    bool last = self->taken == 0;
    pthread_mutex_unlock(&self->lock);
    if (last) {
        s_free(self);
    }
    *pool = NULL;
}

/*  The first that fits and is not far too large.  */
static s_block_t *s_find(s_block_t **list, size_t size)
{
    for (s_block_t **link = list; *link; link = &(*link)->next) {
        s_block_t *block = *link;
        if (block->capacity >= size && block->capacity / 4 <= size) {
            *link = block->next;
            return block;
        }
    }
    return NULL;
}

static size_t s_round(size_t size)
{
    const size_t step = (size_t)1024 * 1024;
    return size <= S_FRAME ? (size_t)S_FRAME : (size + step - 1) / step * step;
}

static s_block_t *s_new(size_t capacity)
{
    s_block_t *block = aligned_alloc(S_HEAD, S_HEAD + (capacity + S_HEAD - 1) / S_HEAD * S_HEAD);
    if (block) {
        block->capacity = capacity;
    }
    return block;
}

uint8_t *tacit_lane_pool_take(tacit_lane_pool_t *pool, size_t size)
{
    size_t capacity = s_round(size);
    s_block_t **list = capacity == S_FRAME ? &pool->frames : &pool->large;
    pthread_mutex_lock(&pool->lock);
    s_block_t *block = s_find(list, capacity);
    if (block) {
        pool->kept -= block->capacity;
        pool->least = pool->kept < pool->least ? pool->kept : pool->least;
    } else {
        block = s_new(capacity);
    }
    pool->taken += block ? 1 : 0;
    pthread_mutex_unlock(&pool->lock);
    return block ? (uint8_t *)block + S_HEAD : NULL;
}

void tacit_lane_pool_give(void *data, void *pool)
{
    tacit_lane_pool_t *self = pool;
    s_block_t *block = (s_block_t *)(void *)((uint8_t *)data - S_HEAD);
    pthread_mutex_lock(&self->lock);
    s_block_t **list = block->capacity == S_FRAME ? &self->frames : &self->large;
    bool keep = !self->closed && self->kept + block->capacity <= TACIT_LANE_POOL_KEPT_MAX;
    if (keep) {
        block->next = *list;
        *list = block;
        self->kept += block->capacity;
    }
    bool last = --self->taken == 0 && self->closed;
    pthread_mutex_unlock(&self->lock);
    if (!keep) {
        free(block);
    }
    if (last) {
        s_free(self);
    }
}

void tacit_lane_pool_trim(tacit_lane_pool_t *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t until = pool->kept - pool->least;
    s_free_list(&pool->large, &pool->kept, until);
    s_free_list(&pool->frames, &pool->kept, until);
    pool->least = pool->kept;
    pthread_mutex_unlock(&pool->lock);
}
