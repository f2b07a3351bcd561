/*  passes.h - changes to a graph that keep what it computes, made once at load.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PASSES_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PASSES_H

#include "services/inference/engine/graph.h"

/*  Scale the weights of a Conv by the BatchNormalization of constants that alone follows it.  */
TACIT_MUST_CHECK tacit_status_t tacit_pass_fold_normalization(tacit_graph_t *graph,
                                                              tacit_error_t *error);

/*  Make one node of those that together are a LayerNormalization, a GELU, or x * sigmoid(x). Sums
   run in another order, and NaN stays NaN.  */
TACIT_MUST_CHECK tacit_status_t tacit_pass_fuse(tacit_graph_t *graph, tacit_error_t *error);

/*  Move what leads from a product to scores, and through Softmax to the next one, before that.  */
TACIT_MUST_CHECK tacit_status_t tacit_pass_order(tacit_graph_t *graph, tacit_error_t *error);

/*  Make a Conv, and Spread, of a ConvTranspose with constant weights.  */
TACIT_MUST_CHECK tacit_status_t tacit_pass_transposed(tacit_graph_t *graph, tacit_error_t *error);

/*  Make operators over bytes of those between DequantizeLinear and QuantizeLinear.  */
TACIT_MUST_CHECK tacit_status_t tacit_pass_quantize(tacit_graph_t *graph, tacit_error_t *error);

#endif
