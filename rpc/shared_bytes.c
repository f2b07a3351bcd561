/*  shared_bytes.c - a count of holders before the bytes.  */

#include "rpc/shared_bytes.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct {
    atomic_size_t holders;
    alignas(max_align_t) uint8_t bytes[];
} s_shared_t;

static s_shared_t *s_shared(void *bytes)
{
    return (s_shared_t *)((uint8_t *)bytes - offsetof(s_shared_t, bytes));
}

uint8_t *tacit_shared_bytes_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(s_shared_t)) {
        return NULL;
    }
    s_shared_t *shared = malloc(sizeof *shared + size);
    if (!shared) {
        return NULL;
    }
    atomic_init(&shared->holders, 1);
    return shared->bytes;
}

void tacit_shared_bytes_hold(uint8_t *bytes)
{
    atomic_fetch_add(&s_shared(bytes)->holders, 1);
}

void tacit_shared_bytes_release(void *bytes, void *hint)
{
    (void)hint;
    if (bytes && atomic_fetch_sub(&s_shared(bytes)->holders, 1) == 1) {
        free(s_shared(bytes));
    }
}
