/*  quantize_chain.h - what stands around a node that may become an operator over bytes:
    DequantizeLinear before it, QuantizeLinear behind it (quantize_pass.c).  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_QUANTIZE_CHAIN_H
#define TACIT_SERVICES_INFERENCE_ENGINE_QUANTIZE_CHAIN_H

#include "services/inference/engine/operator.h"

/*  A tensor of bytes with its grid: values; zero is TACIT_NO_VALUE where left out.  */
typedef struct tacit_chain {
    int bytes, scale, zero;
} tacit_chain_t;

/*  What a value holds where it is constant, else NULL; whether a node is that operator.  */
const tacit_tensor_t *tacit_chain_content(const tacit_graph_t *graph, int value);
bool tacit_chain_is(const tacit_graph_node_t *node, const char *name);

/*  The one node that uses a value, unless it is an output; else NULL.  */
tacit_graph_node_t *tacit_chain_follower(tacit_graph_t *graph, int value);

/*  The grid of a QuantizeLinear or DequantizeLinear: constants.  */
bool tacit_chain_grid(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                      tacit_chain_t *ret_grid);

/*  What a value was made from: activations, with one scale.  */
bool tacit_chain_map(const tacit_graph_t *graph, int value, tacit_chain_t *ret_map);

/*  Constant int8 weights around 0, with a scale for all or one per place of that axis.  */
bool tacit_chain_weights(const tacit_graph_t *graph, int value, int64_t axis,
                         tacit_chain_t *ret_weights);

/*  A bias whose numbers are steps of both scales' product; TACIT_NO_VALUE where there is none.  */
bool tacit_chain_bias(const tacit_graph_t *graph, int value, const tacit_chain_t *x,
                      const tacit_chain_t *w, int *ret_bias);

/*  The QuantizeLinear that alone follows, maybe behind a Relu or Clip that does nothing; else NULL.
 */
tacit_graph_node_t *tacit_chain_quantizer(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                          tacit_chain_t *ret_grid);

/*  The node becomes that operator of these inputs, and makes what `last` made.  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_rewrite(tacit_graph_t *graph, tacit_graph_node_t *node,
                                                    tacit_graph_node_t *last,
                                                    const tacit_operator_t *op, const int *inputs,
                                                    size_t count, tacit_error_t *error);

/*  A function of single reals between the two becomes a table of bytes (quantize_table.c).  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_table(tacit_graph_t *graph, tacit_graph_node_t *node,
                                                  tacit_error_t *error);

/*  A MatMul of bytes by weights of bytes that no QuantizeLinear follows makes reals of its sums
    (quantize_reals.c).  */
TACIT_MUST_CHECK tacit_status_t tacit_chain_reals(tacit_graph_t *graph, tacit_graph_node_t *node,
                                                  tacit_error_t *error);

#endif
