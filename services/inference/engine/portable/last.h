/*  last.h - maps of bytes whose channels lie side by side: [batch, places, channels], dense. So
    the portable backend has them between nodes over bytes, and oneDNN has most of its own.

    Shapes have rank 3 and more; what lies otherwise is turned by a step of its own.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_LAST_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_LAST_H

#include "services/inference/engine/planner.h"

/*  The layout, of bytes or of another type that oneDNN knows.  */
dnnl_memory_desc_t tacit_last_layout(const tacit_shape_t *shape, tacit_dtype_t dtype);

/*  Whether a slot lies so, and not row-major too (as maps of one place or one channel do).  */
bool tacit_last_is(const tacit_planner_t *planner, int slot);

/*  The same elements in that layout, a step being added where they do not lie so; a new slot in it.
    The slot's number or TACIT_NO_SLOT.  */
int tacit_last_slot(tacit_planner_t *planner, int slot);
int tacit_last_new(tacit_planner_t *planner, tacit_dtype_t dtype, const tacit_shape_t *shape);

/*  A step that turns row-major bytes to that layout, or back, or copies them.  */
TACIT_MUST_CHECK tacit_status_t tacit_last_reorder(tacit_planner_t *planner, int from, int to);

/*  Plan a QuantizeLinear of a blocked map, or a DequantizeLinear to one; not done where the input
    is row-major.  */
TACIT_MUST_CHECK tacit_status_t tacit_last_linear(tacit_planner_t *planner,
                                                  const tacit_inference_t *inference,
                                                  bool *ret_done);

/*  Plan a MaxPool of bytes, and a QLinearAveragePool.  */
TACIT_MUST_CHECK tacit_status_t tacit_last_max_pool(tacit_planner_t *planner,
                                                    const tacit_inference_t *inference,
                                                    bool *ret_done);
TACIT_MUST_CHECK tacit_status_t tacit_last_average_pool(tacit_planner_t *planner,
                                                        const tacit_inference_t *inference,
                                                        bool *ret_done);

#endif
