/*  spare.c - ranges of memory, in their order.  */

#include "services/inference/engine/spare.h"

#include "services/inference/engine/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GROW_STEP = 64 };

/*  Offsets in the pages. Ranges do not touch: those that would are one.  */
typedef struct s_range {
    size_t from, to;
} s_range_t;

struct tacit_spare {
    uint8_t *pages;
    size_t size;
    size_t page; /* bytes of one */
    s_range_t *ranges;
    size_t count, capacity;
    bool locked;
    bool given_back;
    bool closed; /* pages could not be locked again: nothing is taken any more */
};

tacit_spare_t *tacit_spare_new(void *pages, size_t size, bool locked)
{
    long page = sysconf(_SC_PAGESIZE);
    tacit_spare_t *spare = calloc(1, sizeof(*spare));
    if (spare != NULL) {
        spare->pages = pages;
        spare->size = size;
        spare->locked = locked;
        spare->page = page > 0 ? (size_t)page : 4096;
    }
    return spare;
}

void tacit_spare_destroy(tacit_spare_t **spare)
{
    if (*spare != NULL) {
        free((*spare)->ranges);
        free(*spare);
        *spare = NULL;
    }
}

/*  The whole pages of a part. The kernel takes none that are locked.  */
static void s_give_back(tacit_spare_t *spare, size_t from, size_t to)
{
    from = (from + spare->page - 1) / spare->page * spare->page;
    to = to / spare->page * spare->page;
    if (from >= to) {
        return;
    }
    uint8_t *pages = spare->pages + from;
    if (spare->locked) {
        (void)munlock(pages, to - from);
    }
    (void)madvise(pages, to - from, MADV_DONTNEED);
    if (spare->locked && mlock2(pages, to - from, MLOCK_ONFAULT) != 0) {
        spare->closed = true;
    }
}

static bool s_insert(tacit_spare_t *spare, size_t at, s_range_t range)
{
    if (spare->count == spare->capacity) {
        s_range_t *ranges =
            realloc(spare->ranges, (spare->capacity + GROW_STEP) * sizeof(s_range_t));
        if (ranges == NULL) {
            return false; /* it is not used again, that is all */
        }
        spare->ranges = ranges;
        spare->capacity += GROW_STEP;
    }
    memmove(spare->ranges + at + 1, spare->ranges + at, (spare->count - at) * sizeof(s_range_t));
    spare->ranges[at] = range;
    spare->count++;
    return true;
}

static void s_remove(tacit_spare_t *spare, size_t at)
{
    spare->count--;
    memmove(spare->ranges + at, spare->ranges + at + 1, (spare->count - at) * sizeof(s_range_t));
}

void tacit_spare_add(tacit_spare_t *spare, void *part, size_t size)
{
    size_t from = (size_t)((uint8_t *)part - spare->pages);
    s_range_t range = {from, from + size};
    size_t at = 0;
    while (at < spare->count && spare->ranges[at].from < from) {
        at++;
    }
    if (spare->given_back) {
        s_give_back(spare, range.from, range.to);
    }
    if (at < spare->count && spare->ranges[at].from == range.to) {
        range.to = spare->ranges[at].to;
        s_remove(spare, at);
    }
    if (at > 0 && spare->ranges[at - 1].to == range.from) {
        spare->ranges[at - 1].to = range.to;
    } else if (range.from < range.to) {
        (void)s_insert(spare, at, range);
    }
}

void *tacit_spare_take(tacit_spare_t *spare, size_t size)
{
    size_t best = spare->count;
    for (size_t i = 0; i < spare->count; i++) {
        size_t room = spare->ranges[i].to - spare->ranges[i].from;
        if (room >= size &&
            (best == spare->count || room < spare->ranges[best].to - spare->ranges[best].from)) {
            best = i;
        }
    }
    if (best == spare->count || spare->closed) {
        return NULL;
    }
    void *taken = spare->pages + spare->ranges[best].from;
    spare->ranges[best].from += size;
    if (spare->ranges[best].from == spare->ranges[best].to) {
        s_remove(spare, best);
    }
    return taken;
}

void tacit_spare_give_back(tacit_spare_t *spare)
{
    spare->given_back = true;
    for (size_t i = 0; i < spare->count; i++) {
        s_give_back(spare, spare->ranges[i].from, spare->ranges[i].to);
    }
}
