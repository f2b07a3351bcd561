/*  fuse.h - what fuse.c and its kin find patterns with.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_FUSE_H
#define TACIT_SERVICES_INFERENCE_ENGINE_FUSE_H

#include "services/inference/engine/operator.h"

/*  The node that makes the value, if it is such an operator.  */
tacit_graph_node_t *tacit_fuse_made_by(const tacit_graph_t *graph, int value, const char *name);

/*  The only node that uses the value, if it is such an operator, and the value is no output.  */
tacit_graph_node_t *tacit_fuse_used_by(const tacit_graph_t *graph, int value, const char *name);

/*  Whether that many nodes use the value, and it is no output.  */
bool tacit_fuse_private(const tacit_graph_t *graph, int value, size_t consumers);

/*  The elements of a constant of float32; NULL.  */
const float *tacit_fuse_constant(const tacit_graph_t *graph, int value, size_t *ret_count);

/*  A constant of one number, which is near that one.  */
bool tacit_fuse_is_number(const tacit_graph_t *graph, int value, float number);

/*  The input of a node of two that is not `known`.  */
int tacit_fuse_other(const tacit_graph_node_t *node, int known);

/*  A node becomes another operator of these inputs.  */
TACIT_MUST_CHECK tacit_status_t tacit_fuse_rewrite(tacit_graph_t *graph, tacit_graph_node_t *node,
                                                   const tacit_operator_t *op, const int *inputs,
                                                   size_t count, tacit_error_t *error);

/*  Curves, from the node that each is found from: x * sigmoid(x), GELU by erf and by tanh.  */
TACIT_MUST_CHECK tacit_status_t tacit_fuse_swish(tacit_graph_t *graph, tacit_graph_node_t *sigmoid,
                                                 tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit_fuse_gelu(tacit_graph_t *graph, tacit_graph_node_t *erf,
                                                tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit_fuse_gelu_tanh(tacit_graph_t *graph, tacit_graph_node_t *tanh,
                                                     tacit_error_t *error);

/*  x * HardSigmoid(x), from the HardSigmoid; and what older exporters spell with Clip, from that.
 */
TACIT_MUST_CHECK tacit_status_t tacit_fuse_hard_sigmoid(tacit_graph_t *graph,
                                                        tacit_graph_node_t *sigmoid,
                                                        tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit_fuse_clip(tacit_graph_t *graph, tacit_graph_node_t *clip,
                                                tacit_error_t *error);

#endif
