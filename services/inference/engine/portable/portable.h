/*  portable.h - how the portable backend plans nodes: blocked maps, and the loops of vector.h.

    Between convolutions maps stay in blocks of 16 channels (the same layout for all instruction
    sets); matrices stay row-major. Weights are packed once. What none of these takes is the plain
    kernel's.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_PORTABLE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_PORTABLE_H

#include "services/inference/engine/ops/window.h"
#include "services/inference/engine/packs.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/vector.h"

/*  Who plans nodes of this operator, or NULL.  */
tacit_accelerate_t tacit_portable_find(const char *name);

/*  Each of them.  */
tacit_status_t tacit_portable_convolution(tacit_planner_t *planner,
                                          const tacit_inference_t *inference, bool *ret_done);
tacit_status_t tacit_portable_gemm(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done);
tacit_status_t tacit_portable_matmul(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done);
tacit_status_t tacit_portable_activation(tacit_planner_t *planner,
                                         const tacit_inference_t *inference, bool *ret_done);
tacit_status_t tacit_portable_sum(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  bool *ret_done);
tacit_status_t tacit_portable_batch_normalization(tacit_planner_t *planner,
                                                  const tacit_inference_t *inference,
                                                  bool *ret_done);
/*  Of oneDNN's maps too, where they lie in such blocks.  */
tacit_status_t tacit_portable_gate(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done);
tacit_status_t tacit_spread_blocks(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done);
tacit_status_t tacit_portable_concat(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done);
tacit_status_t tacit_portable_max_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                       bool *ret_done);
tacit_status_t tacit_portable_average_pool(tacit_planner_t *planner,
                                           const tacit_inference_t *inference, bool *ret_done);

/*  The elements of a product's weights as they came, from what was packed of them; false where
    nothing was.  */
bool tacit_portable_restore(const tacit_packs_t *packs, const void *origin,
                            const tacit_tensor_t *tensor, void *ret_elements);

/*  The blocked layout of a shape of rank 3 or 4.  */
dnnl_memory_desc_t tacit_blocked_layout(const tacit_shape_t *shape);

/*  Whether a slot lies in blocks; its number once it does, a step being added where it does not. */
bool tacit_blocked_is(const tacit_planner_t *planner, int slot);
int tacit_blocked_slot(tacit_planner_t *planner, int slot);

/*  A step that copies row-major to blocks, or back.  */
TACIT_MUST_CHECK tacit_status_t tacit_blocked_reorder(tacit_planner_t *planner, int from, int to);

/*  The batch, blocks and pixels of a map; of rank 5: of a plane of it.  */
typedef struct tacit_blocked {
    size_t batch, channels, blocks;
    size_t height, width; /* height 1 for rank 3 */
} tacit_blocked_t;

tacit_blocked_t tacit_blocked_of(const tacit_shape_t *shape);

/*  What is done to a result: bounds within the loop, a curve after it.  */
typedef struct tacit_finish {
    float low, high;
    bool curved;
    tacit_curve_t curve;
    float a, b;
} tacit_finish_t;

tacit_finish_t tacit_finish_of(const tacit_activation_t *activation);
void tacit_finish_run(const tacit_finish_t *finish, float *y, size_t count);

/*  A constant vector of one number per channel, filled up to whole blocks. `slot` may be none.  */
TACIT_MUST_CHECK tacit_status_t tacit_blocked_vector(tacit_planner_t *planner, int slot,
                                                     size_t count, const float **ret_vector);

/*  Threads to share work among.  */
int tacit_portable_threads(void);

#endif
