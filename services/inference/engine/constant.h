/*  constant.h - a TensorProto's elements as a tensor of our own.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_CONSTANT_H
#define TACIT_SERVICES_INFERENCE_ENGINE_CONSTANT_H

#include "services/inference/engine/graph.h"

/*  Checks type, dimensions and number of elements before it allocates; external data and segments
    are refused. `what` names the tensor in errors. Elements belong to the graph. raw: the raw
    elements where they stand apart from the proto, else empty.  */
TACIT_MUST_CHECK tacit_status_t tacit_constant_read(tacit_graph_t *graph,
                                                    const Onnx__TensorProto *proto,
                                                    tacit_span_t raw, const char *what,
                                                    tacit_tensor_t *ret_tensor,
                                                    tacit_error_t *error);

/*  A tensor of text: each stands for itself by its position (int64). ret_texts: as many as the
   tensor has elements; the graph's.  */
TACIT_MUST_CHECK tacit_status_t tacit_constant_read_texts(
    tacit_graph_t *graph, const Onnx__TensorProto *proto, const char *what,
    tacit_tensor_t *ret_tensor, const char *const **ret_texts, tacit_error_t *error);

#endif
