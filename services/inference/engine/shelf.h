/*  shelf.h - plans kept, each for one set of shapes; the one that was not used for longest goes. */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_SHELF_H
#define TACIT_SERVICES_INFERENCE_ENGINE_SHELF_H

#include "services/inference/engine/plan.h"

/*  A plan with what it was made for.  */
typedef struct tacit_kept {
    tacit_plan_t *plan;    /* NULL: free */
    tacit_shape_t *shapes; /* of the inputs */
    bool careful;
    uint64_t used; /* when, in runs */
} tacit_kept_t;

typedef struct tacit_shelf {
    tacit_plan_request_t request; /* what all have in common */
    tacit_kept_t kept[TACIT_ENGINE_PLANS_MAX];
} tacit_shelf_t;

/*  The plan for these shapes; NULL where there is none.  */
tacit_kept_t *tacit_shelf_find(tacit_shelf_t *shelf, const tacit_tensor_t *inputs, bool careful);

/*  Make it, in the place of another one where there are as many as may be.  */
TACIT_MUST_CHECK tacit_status_t tacit_shelf_make(tacit_shelf_t *shelf, const tacit_tensor_t *inputs,
                                                 bool careful, tacit_kept_t **ret_kept,
                                                 tacit_error_t *error);

/*  The one that was used last; NULL without any.  */
const tacit_plan_t *tacit_shelf_last(const tacit_shelf_t *shelf);

/*  Wipe and free one, or all.  */
void tacit_shelf_drop(tacit_kept_t *kept);
void tacit_shelf_clear(tacit_shelf_t *shelf);

#endif
