/*  inputs.h - what a run was given, checked against what the model declares.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_INPUTS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_INPUTS_H

#include "services/inference/engine/graph.h"

/*  In the graph's order.  */
typedef struct tacit_inputs {
    tacit_tensor_t tensors[TACIT_ENGINE_INPUTS_MAX]; /* data where the contents decide shapes */
    tacit_span_t data[TACIT_ENGINE_INPUTS_MAX];
    bool extreme; /* NaN or infinity among them */
} tacit_inputs_t;

/*  BAD_INPUT, naming the input, where count, name, type, shape or size do not fit. The data stay
    the caller's.  */
TACIT_MUST_CHECK tacit_status_t tacit_inputs_take(const tacit_graph_t *graph,
                                                  const tacit_engine_tensor_t *inputs, size_t count,
                                                  tacit_inputs_t *given, tacit_error_t *error);

#endif
