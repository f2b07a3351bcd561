/*  model_cache.c - an array kept in order of use.  */

#include "services/inference/model_cache.h"

#include <stdlib.h>

typedef struct {
    tacit_model_id_t model;
    uint8_t content_sha256[32];
    tacit_engine_t *engine;
} s_entry_t;

struct tacit_model_cache {
    s_entry_t entries[TACIT_MODELS_RESIDENT_MAX]; /* most recently used first */
    size_t count;
};

tacit_model_cache_t *tacit_model_cache_new(void)
{
    return calloc(1, sizeof(tacit_model_cache_t));
}

static void s_drop_last(tacit_model_cache_t *self)
{
    tacit_engine_destroy(&self->entries[--self->count].engine);
}

void tacit_model_cache_destroy(tacit_model_cache_t **cache)
{
    if (*cache) {
        while ((*cache)->count) {
            s_drop_last(*cache);
        }
        free(*cache);
        *cache = NULL;
    }
}

static bool s_is(const s_entry_t *entry, const tacit_model_id_t *model,
                 const uint8_t content_sha256[32])
{
    return memcmp(entry->content_sha256, content_sha256, 32) == 0 &&
           memcmp(entry->model.owner, model->owner, 32) == 0 &&
           strcmp(entry->model.name, model->name) == 0 && entry->model.version == model->version;
}

static void s_move_first(tacit_model_cache_t *self, size_t index)
{
    s_entry_t entry = self->entries[index];
    memmove(&self->entries[1], &self->entries[0], index * sizeof entry);
    self->entries[0] = entry;
}

tacit_engine_t *tacit_model_cache_find(tacit_model_cache_t *cache, const tacit_model_id_t *model,
                                       const uint8_t content_sha256[32])
{
    for (size_t i = 0; i < cache->count; i++) {
        if (s_is(&cache->entries[i], model, content_sha256)) {
            s_move_first(cache, i);
            return cache->entries[0].engine;
        }
    }
    return NULL;
}

static size_t s_memory(const tacit_model_cache_t *self)
{
    size_t bytes = 0;
    for (size_t i = 0; i < self->count; i++) {
        bytes += tacit_engine_memory(self->entries[i].engine);
    }
    return bytes;
}

void tacit_model_cache_put(tacit_model_cache_t *cache, const tacit_model_id_t *model,
                           const uint8_t content_sha256[32], tacit_engine_t **engine)
{
    size_t more = tacit_engine_memory(*engine);
    while (cache->count == TACIT_MODELS_RESIDENT_MAX ||
           (cache->count && s_memory(cache) + more > TACIT_MODELS_MEMORY_MAX)) {
        s_drop_last(cache);
    }
    s_entry_t *entry = &cache->entries[cache->count];
    *entry = (s_entry_t){.model = *model, .engine = *engine};
    memcpy(entry->content_sha256, content_sha256, 32);
    *engine = NULL;
    s_move_first(cache, cache->count++);
}

size_t tacit_model_cache_list(const tacit_model_cache_t *cache, tacit_model_id_t *ret_models,
                              size_t max)
{
    size_t count = cache->count < max ? cache->count : max;
    for (size_t i = 0; i < count; i++) {
        ret_models[i] = cache->entries[i].model;
    }
    return count;
}
