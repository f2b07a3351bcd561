/*  quantized.h - what the operators over 8-bit numbers share: where their operands stand, grids,
   and oneDNN's attributes for them.

    Both backends give the same bytes: sums are exact, sums and scale are multiplied in float32, and
    rounded half to even before the zero point is added. Where oneDNN would round otherwise, the
    plain kernel computes.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_QUANTIZED_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_QUANTIZED_H

#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/integer.h"

/*  Numbers of inputs; 0: the operator has none.  */
typedef struct tacit_operands {
    size_t a, a_zero, b, b_zero;
    size_t a_scale, b_scale, y_scale, y_zero; /* no y_scale: the sums are the result */
    size_t bias;
    size_t factor, shift; /* reals that sums are multiplied by, and that are added then */
} tacit_operands_t;

/*  Bare sums (MatMulInteger, ConvInteger); sums as reals; QLinearMatMul and QLinearConv, which
   alone has a bias; QGemm.  */
extern const tacit_operands_t tacit_operands_sums;
extern const tacit_operands_t tacit_operands_reals;
extern const tacit_operands_t tacit_operands_linear;
extern const tacit_operands_t tacit_operands_gemm;

/*  Byte i as a number; a zero point (0 where absent) and a scale: one for all, or one per channel.
 */
int32_t tacit_quantized_byte(const tacit_tensor_t *tensor, size_t i);
int32_t tacit_quantized_zero(const tacit_tensor_t *inputs, size_t count, size_t i, size_t channel);
float tacit_quantized_scale(const tacit_tensor_t *tensor, size_t channel);

/*  The grid of one tensor, whose scale and zero point (may be absent) are single numbers.  */
tacit_grid_t tacit_quantized_grid(const tacit_tensor_t *inputs, size_t count, size_t tensor,
                                  size_t scale, size_t zero);

/*  A quantity has one number, or as many as there are channels.  */
bool tacit_quantized_fit(const tacit_inference_t *inference, size_t i, int64_t channels);

/*  What a sum stands for, per channel, in steps of the result (in reals where it has no grid).  */
void tacit_quantized_scales(const tacit_operands_t *operands, const tacit_tensor_t *inputs,
                            size_t count, size_t row, size_t channels, float *ret_scales);

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  Whether everything but a (and bias) is known while planning.  */
bool tacit_quantized_known(const tacit_operands_t *operands, const tacit_inference_t *inference);

/*  How the weights lie: the sums of `channels`, over `depth` weights each.  */
typedef struct tacit_quantized_weights {
    size_t channels, depth;
    size_t channel_step, step; /* to the next channel, to the next weight of one */
} tacit_quantized_weights_t;

/*  Whether oneDNN gives the bytes that the operator's definition asks for: weights are int8 around
    0, and sums are exact in float32, unless they saturate. What it needs to know of the weights is
    found once, as they may go.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantized_exact(tacit_planner_t *planner,
                                                      const tacit_operands_t *operands,
                                                      const tacit_inference_t *inference,
                                                      const tacit_quantized_weights_t *weights,
                                                      bool *ret_exact);

/*  Scales, zero points and rounding; NULL where oneDNN refuses.  */
dnnl_primitive_attr_t tacit_quantized_attributes(const tacit_operands_t *operands,
                                                 const tacit_inference_t *inference,
                                                 size_t channels);

/*  Plan products with oneDNN, where it has them: by a grid, and of bare sums, that become reals
    where scaled. And those reals: a row of factors, and one of shifts.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantized_product(tacit_planner_t *planner,
                                                        const tacit_operands_t *operands,
                                                        const tacit_inference_t *inference,
                                                        bool *ret_done);
TACIT_MUST_CHECK tacit_status_t tacit_quantized_sums(tacit_planner_t *planner,
                                                     const tacit_inference_t *inference,
                                                     bool scaled, bool *ret_done);
void tacit_quantized_reals(const tacit_tensor_t *inputs, size_t count, size_t columns,
                           float *ret_factors, float *ret_shifts);

/*  Plan products with tiles of bytes (portable/integer_product.c), with either backend.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantized_tiles(tacit_planner_t *planner,
                                                      const tacit_operands_t *operands,
                                                      const tacit_inference_t *inference,
                                                      bool *ret_done);

/*  Plan convolutions with tiles of bytes (portable/byte_convolution.c), with either backend.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantized_windows(tacit_planner_t *planner,
                                                        const tacit_operands_t *operands,
                                                        const tacit_inference_t *inference,
                                                        bool *ret_done);

/*  A slot of the elements of `input`, packed in any order without gaps; and one for an output of
    the same order. The slot's number or TACIT_NO_SLOT.  */
int tacit_quantized_dense(tacit_planner_t *planner, int slot);
int tacit_quantized_like(tacit_planner_t *planner, int slot, tacit_dtype_t dtype);

/*  Plan a kernel of single elements: over those inputs in one layout, and the other ones as they
    are. Only where all maps have the output's shape. By the operator's own kernel, where it needs
   no parameters, or by another one.  */
TACIT_MUST_CHECK tacit_status_t tacit_quantized_elements(tacit_planner_t *planner,
                                                         const tacit_inference_t *inference,
                                                         const size_t *maps, size_t map_count,
                                                         bool *ret_done);
TACIT_MUST_CHECK tacit_status_t tacit_quantized_elements_by(tacit_planner_t *planner,
                                                            const tacit_inference_t *inference,
                                                            const size_t *maps, size_t map_count,
                                                            tacit_kernel_t kernel,
                                                            const void *recipe, bool *ret_done);

#endif
