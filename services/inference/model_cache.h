/*  model_cache.h - models in a worker's memory, loaded and ready to run: bounded in number and
    bytes, the least recently used goes first. One thread only.  */

#ifndef TACIT_SERVICES_INFERENCE_MODEL_CACHE_H
#define TACIT_SERVICES_INFERENCE_MODEL_CACHE_H

#include "services/inference/engine/engine.h"
#include "services/inference/scheduler.h"

enum { TACIT_MODELS_RESIDENT_MAX = 8 };

#define TACIT_MODELS_MEMORY_MAX ((size_t)4 << 30) /* bytes of all engines */

typedef struct tacit_model_cache tacit_model_cache_t;

tacit_model_cache_t *tacit_model_cache_new(void);
void tacit_model_cache_destroy(tacit_model_cache_t **cache);

/*  The engine of exactly that version and content; NULL where it is not here. Borrowed until put.
 */
tacit_engine_t *tacit_model_cache_find(tacit_model_cache_t *cache, const tacit_model_id_t *model,
                                       const uint8_t content_sha256[32]);

/*  Takes the engine over, making room; gives it back by *engine being NULL.  */
void tacit_model_cache_put(tacit_model_cache_t *cache, const tacit_model_id_t *model,
                           const uint8_t content_sha256[32], tacit_engine_t **engine);

/*  What is held, most recently used first; returns how many of at most max.  */
size_t tacit_model_cache_list(const tacit_model_cache_t *cache, tacit_model_id_t *ret_models,
                              size_t max);

#endif
