/*  ops.h - what the operators' files offer to the table (operators.c).

    Per operator: infer, kernel, and accelerate where oneDNN is faster; see operator.h.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_OPS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_OPS_H

#include "services/inference/engine/operator.h"

#define TACIT_INFER(name) tacit_status_t tacit_infer_##name(const tacit_inference_t *inference)
#define TACIT_KERNEL(name)                                                                         \
    void tacit_kernel_##name(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,   \
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
#define TACIT_ACCELERATE(name)                                                                     \
    tacit_status_t tacit_accelerate_##name(tacit_planner_t *planner,                               \
                                           const tacit_inference_t *inference, bool *ret_done)

/*  elementwise.c  */
TACIT_INFER(broadcast);
TACIT_KERNEL(add);
TACIT_KERNEL(sub);
TACIT_KERNEL(mul);
TACIT_KERNEL(div);
TACIT_ACCELERATE(add);
TACIT_ACCELERATE(sub);
TACIT_ACCELERATE(mul);
TACIT_ACCELERATE(div);

/*  activation.c  */
TACIT_INFER(same);
TACIT_INFER(leaky_relu);
TACIT_INFER(clip);
TACIT_KERNEL(relu);
TACIT_KERNEL(leaky_relu);
TACIT_KERNEL(sigmoid);
TACIT_KERNEL(tanh);
TACIT_KERNEL(clip);
TACIT_ACCELERATE(activation);

/*  cast.c  */
TACIT_KERNEL(cast);

/*  matrix.c  */
TACIT_INFER(gemm);
TACIT_INFER(matmul);
TACIT_KERNEL(gemm);
TACIT_KERNEL(matmul);
TACIT_ACCELERATE(gemm);
TACIT_ACCELERATE(matmul);

/*  convolution.c  */
TACIT_INFER(convolution);
TACIT_KERNEL(convolution);
TACIT_ACCELERATE(convolution);

/*  pooling.c  */
TACIT_INFER(pool);
TACIT_INFER(global_pool);
TACIT_KERNEL(max_pool);
TACIT_KERNEL(average_pool);
TACIT_ACCELERATE(max_pool);
TACIT_ACCELERATE(average_pool);

/*  normalization.c  */
TACIT_INFER(batch_normalization);
TACIT_INFER(softmax_flat);
TACIT_INFER(softmax);
TACIT_KERNEL(batch_normalization);
TACIT_KERNEL(softmax_flat);
TACIT_KERNEL(softmax);
TACIT_ACCELERATE(batch_normalization);
TACIT_ACCELERATE(softmax_flat);
TACIT_ACCELERATE(softmax);

/*  shape.c  */
TACIT_INFER(reshape);
TACIT_INFER(flatten);
TACIT_INFER(squeeze);
TACIT_INFER(unsqueeze);
TACIT_INFER(dropout);
TACIT_INFER(transpose);
TACIT_INFER(concat);
TACIT_KERNEL(copy);
TACIT_KERNEL(transpose);
TACIT_KERNEL(concat);
TACIT_ACCELERATE(concat);

/*  reduction.c  */
TACIT_INFER(arg_max);
TACIT_KERNEL(arg_max);

#endif
