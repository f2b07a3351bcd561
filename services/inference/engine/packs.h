/*  packs.h - constants in the order in which the portable kernels read them, packed once and shared
    by all plans of an engine.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PACKS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PACKS_H

#include "services/inference/engine/memory.h"
#include "services/inference/engine/tensor.h"

typedef struct tacit_packs tacit_packs_t;

TACIT_MUST_CHECK tacit_status_t tacit_packs_new(tacit_budget_t *budget, tacit_packs_t **ret_packs,
                                                tacit_error_t *error);

/*  Wipes and frees. NULL-safe.  */
void tacit_packs_destroy(tacit_packs_t **packs);

/*  A constant, seen with a shape (Reshape changes that alone), in an order; and the bytes of what
   is packed so (to find: 0 for any).  */
typedef struct tacit_pack {
    const void *source;
    const tacit_shape_t *shape;
    uint64_t kind;
    size_t size;
} tacit_pack_t;

/*  What was packed so, or NULL.  */
const void *tacit_packs_find(const tacit_packs_t *packs, const tacit_pack_t *wanted);

/*  Zeroed bytes to pack the source into; NULL with the error set.  */
void *tacit_packs_add(tacit_packs_t *packs, const tacit_pack_t *wanted, tacit_error_t *error);

#endif
