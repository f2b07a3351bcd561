/*  window.h - the sliding window of convolutions and pools: attributes, padding, output size.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_WINDOW_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_WINDOW_H

#include "services/inference/engine/operator.h"

#include <oneapi/dnnl/dnnl.h>

/*  Read and check the attributes for an input of shape [N, C, spatial..], and find the output's
    spatial dimensions. kernel: the weights' spatial dimensions, or NULL for a pool, which must
    name its own. Pads of a pool are smaller than its window.  */
TACIT_MUST_CHECK tacit_status_t tacit_window_read(const tacit_inference_t *inference,
                                                  const int64_t *kernel, tacit_window_t *ret_window,
                                                  int64_t ret_output[TACIT_SPATIAL_MAX]);

/*  The attributes alone, without auto_pad, and no output.  */
TACIT_MUST_CHECK tacit_status_t tacit_window_attributes(const tacit_inference_t *inference,
                                                        const int64_t *kernel,
                                                        tacit_window_t *ret_window);

/*  The same in three dimensions, with leading ones: kernels have one loop nest.  */
typedef struct tacit_frame {
    tacit_window_t window;
    int64_t input[TACIT_SPATIAL_MAX];
    int64_t output[TACIT_SPATIAL_MAX];
} tacit_frame_t;

tacit_frame_t tacit_window_frame(const tacit_window_t *window, const tacit_shape_t *input,
                                 const tacit_shape_t *output);

/*  The average of each place of a window, in float32 (pooling.c).  */
void tacit_window_average(const tacit_window_t *window, const tacit_tensor_t *x, tacit_tensor_t *y);

/*  The same as oneDNN has it: a dilation of 0 is none.  */
typedef struct tacit_onednn_window {
    dnnl_dims_t stride;
    dnnl_dims_t dilation;
    dnnl_dims_t begin;
    dnnl_dims_t end;
} tacit_onednn_window_t;

tacit_onednn_window_t tacit_window_onednn(const tacit_window_t *window);

#endif
