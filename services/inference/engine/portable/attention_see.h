/*  attention_see.h - tensors as they lie, which a step reads as if they were turned or repeated. */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_ATTENTION_SEE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_ATTENTION_SEE_H

#include "services/inference/engine/planner.h"

/*  A tensor as it lies: the slot, and the step along each dimension.  */
typedef struct tacit_seen {
    int slot;
    size_t rank;
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    size_t steps[TACIT_ENGINE_RANK_MAX];
    float scale;
} tacit_seen_t;

enum { TACIT_SIGHT_MAX = 8 };

/*  The values that were seen through: their steps go, once it is certain that nothing reads them.
 */
typedef struct tacit_sight {
    tacit_planner_t *planner;
    int passed[TACIT_SIGHT_MAX];
    size_t passed_count;
} tacit_sight_t;

/*  A constant of one number.  */
bool tacit_see_number(const tacit_planner_t *planner, int value, float *ret_number);

/*  The order of dimensions behind a Transpose, from that before it; false where its perm is none:
    nobody has looked yet at a node that is still to come.  */
bool tacit_see_transpose(const tacit_graph_node_t *node, size_t rank, size_t *order);

/*  The value through the Transposes and scales that made it.  */
bool tacit_see(tacit_sight_t *sight, int value, tacit_seen_t *ret_seen);

/*  A value of that type, repeated where it is smaller than the shape.  */
bool tacit_see_repeated(tacit_planner_t *planner, int value, tacit_dtype_t dtype,
                        const tacit_shape_t *to, tacit_seen_t *ret_seen);

#endif
