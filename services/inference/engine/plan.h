/*  plan.h - a graph prepared for concrete input shapes: steps, and one arena for all activations.

    Planning infers shapes, computes what depends on constants only, lets oneDNN take the nodes it
    is fast at (merging activations into them, keeping its layouts between them), and lays values
    whose lives do not overlap over each other. Running makes no decisions and allocates nothing. */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PLAN_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PLAN_H

#include "services/inference/engine/graph.h"
#include "services/inference/engine/onednn.h"
#include "services/inference/engine/packs.h"

typedef struct tacit_plan tacit_plan_t;

typedef struct tacit_plan_request {
    const tacit_graph_t *graph;
    tacit_onednn_t *onednn;       /* NULL: plain C kernels only */
    tacit_packs_t *packs;         /* outlive the plan */
    const tacit_tensor_t *inputs; /* in the graph's order; data where the elements decide shapes */
    tacit_graph_t *spends;        /* the graph, where weights may go once packed; or NULL */
    bool careful;                 /* NaN is about: do without what would drop it */
    bool profiled;                /* time each step of each run */
    bool reduced;                 /* bfloat16 where oneDNN is fast with it */
} tacit_plan_request_t;

/*  BAD_INPUT, UNSUPPORTED or TOO_LARGE where the graph cannot take these shapes.  */
TACIT_MUST_CHECK tacit_status_t tacit_plan_new(const tacit_plan_request_t *request,
                                               tacit_plan_t **ret_plan, tacit_error_t *error);

/*  Wipes and frees. NULL-safe.  */
void tacit_plan_destroy(tacit_plan_t **plan);

/*  Compute; inputs[i] are the bytes of input i, as many as its planned shape has. The outputs can
    be read until the next run or tacit_plan_wipe.  */
TACIT_MUST_CHECK tacit_status_t tacit_plan_run(tacit_plan_t *plan, const tacit_span_t *inputs,
                                               tacit_error_t *error);

const tacit_tensor_t *tacit_plan_output(const tacit_plan_t *plan, size_t i);

/*  The steps, at most `room` of them, with the time that they took in all profiled runs; returns
   how many there are. And the bytes of the memory that all activations share.  */
size_t tacit_plan_profile(const tacit_plan_t *plan, tacit_engine_step_t *ret_steps, size_t room);
size_t tacit_plan_arena(const tacit_plan_t *plan);

/*  Forget inputs and activations.  */
void tacit_plan_wipe(tacit_plan_t *plan);

#endif
