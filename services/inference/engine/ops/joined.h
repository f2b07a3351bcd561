/*  joined.h - maps that a Concat puts side by side, and that only normalizations read: they stay
    where they are, and each normalization gathers them (oneDNN's backend, channels last).

    In a DenseNet every layer reads all maps before it: each Concat would copy them once more.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_JOINED_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_JOINED_H

#include "services/inference/engine/planner.h"

/*  Join what the Concat reads, where nobody needs it in one piece; ret_done stays false elsewhere.
 */
TACIT_MUST_CHECK tacit_status_t tacit_joined_concat(tacit_planner_t *planner,
                                                    const tacit_inference_t *inference,
                                                    bool *ret_done);

/*  A BatchNormalization of joined maps, with the Relu that follows.  */
TACIT_MUST_CHECK tacit_status_t tacit_joined_normalize(tacit_planner_t *planner,
                                                       const tacit_inference_t *inference,
                                                       bool *ret_done);

#endif
