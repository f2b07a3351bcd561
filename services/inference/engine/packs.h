/*  packs.h - constants in the order in which the portable kernels read them, packed once and shared
    by all plans of an engine.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PACKS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PACKS_H

#include "services/inference/engine/memory.h"

typedef struct tacit_packs tacit_packs_t;

TACIT_MUST_CHECK tacit_status_t tacit_packs_new(tacit_budget_t *budget, tacit_packs_t **ret_packs,
                                                tacit_error_t *error);

/*  Wipes and frees. NULL-safe.  */
void tacit_packs_destroy(tacit_packs_t **packs);

/*  What was packed from the source in this way, or NULL.  */
const void *tacit_packs_find(const tacit_packs_t *packs, const void *source, uint64_t kind);

/*  Zeroed bytes to pack the source into; NULL with the error set.  */
void *tacit_packs_add(tacit_packs_t *packs, const void *source, uint64_t kind, size_t size,
                      tacit_error_t *error);

#endif
