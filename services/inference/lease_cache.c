/*  lease_cache.c - a small table, searched in full.  */

#include "services/inference/lease_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/secret.h"

struct tacit_lease_cache {
    tacit_secret_t *memory;
    tacit_lease_t *leases; /* TACIT_LEASES_MAX of them, in memory; ends_ms 0: free */
};

tacit_lease_cache_t *tacit_lease_cache_new(void)
{
    tacit_lease_cache_t *self = calloc(1, sizeof *self);
    if (self && tacit_secret_new(TACIT_LEASES_MAX * sizeof(tacit_lease_t), &self->memory)) {
        free(self);
        return NULL;
    }
    if (self) {
        self->leases = (tacit_lease_t *)(void *)self->memory->data;
    }
    return self;
}

void tacit_lease_cache_destroy(tacit_lease_cache_t **cache)
{
    if (*cache) {
        tacit_secret_destroy(&(*cache)->memory);
        free(*cache);
        *cache = NULL;
    }
}

uint64_t tacit_lease_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void tacit_lease_cache_wipe_ended(tacit_lease_cache_t *cache, uint64_t now_ms)
{
    for (size_t i = 0; i < TACIT_LEASES_MAX; i++) {
        tacit_lease_t *lease = &cache->leases[i];
        if (lease->ends_ms && now_ms >= lease->ends_ms) {
            sodium_memzero(lease, sizeof *lease);
        }
    }
}

static bool s_is_for(const tacit_lease_t *lease, const tacit_envelope_t *envelope)
{
    return lease->ends_ms && lease->asked_version == envelope->version &&
           memcmp(lease->user, envelope->user, 32) == 0 &&
           memcmp(lease->owner, envelope->owner, 32) == 0 &&
           strcmp(lease->name, envelope->name) == 0;
}

const tacit_lease_t *tacit_lease_cache_find(tacit_lease_cache_t *cache,
                                            const tacit_envelope_t *envelope, uint64_t now_ms)
{
    tacit_lease_cache_wipe_ended(cache, now_ms);
    for (size_t i = 0; i < TACIT_LEASES_MAX; i++) {
        if (s_is_for(&cache->leases[i], envelope)) {
            return &cache->leases[i];
        }
    }
    return NULL;
}

tacit_lease_t *tacit_lease_cache_slot(tacit_lease_cache_t *cache, uint64_t now_ms)
{
    tacit_lease_cache_wipe_ended(cache, now_ms);
    tacit_lease_t *first = &cache->leases[0];
    for (size_t i = 1; i < TACIT_LEASES_MAX && first->ends_ms; i++) {
        if (cache->leases[i].ends_ms < first->ends_ms) {
            first = &cache->leases[i];
        }
    }
    sodium_memzero(first, sizeof *first);
    return first;
}

void tacit_lease_cache_drop(tacit_lease_cache_t *cache, const tacit_lease_t *lease)
{
    sodium_memzero(&cache->leases[lease - cache->leases], sizeof *lease);
}
