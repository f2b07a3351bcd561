/*  plan_internal.h - a plan's insides, shared by plan_make.c, plan_node.c, plan_weights.c and
   planner*.c (make it), arena.c (lays out its memory) and plan.c (runs it).  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PLAN_INTERNAL_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PLAN_INTERNAL_H

#include "services/inference/engine/plan.h"
#include "services/inference/engine/planner.h"

typedef struct tacit_slot {
    tacit_tensor_t tensor;     /* data: a constant's elements, or set by the layout of the arena */
    dnnl_memory_desc_t layout; /* of the types that oneDNN has */
    bool plain;                /* row-major */
    bool constant;             /* known while planning */
    bool permanent;            /* a constant that outlives the plan */
    bool viewed;               /* a slot of another value shares the memory */
    bool taken;                /* has its root for itself: the value there is dead */
    bool packed;               /* a permanent constant that the packs have in another layout */
    bool spent;                /* whose own elements were let go */
    const void *origin;        /* the permanent constant, for the packs */
    const int *parts;          /* of a value that lies nowhere: it is these side by side */
    size_t part_count;
    size_t size;     /* bytes, with a layout's padding */
    int root;        /* the slot whose memory this is; itself where it has its own */
    int plain_copy;  /* slot with the same, row-major; TACIT_NO_SLOT */
    int first, last; /* steps between which the memory is in use (of a root) */
    size_t offset;   /* in the arena (of a root that is no constant) */
} tacit_slot_t;

/*  Either a kernel over tensors or a primitive over arguments.  */
typedef struct tacit_step {
    const tacit_graph_node_t *node; /* for complaints and profiles */
    const char *how;                /* who computes it, for profiles */
    uint64_t nanoseconds;           /* of all profiled runs */
    tacit_kernel_t kernel;
    tacit_parameters_t parameters;
    const int *slots; /* of the kernel: inputs, outputs, scratch memory */
    size_t input_count, output_count;
    tacit_tensor_t *tensors; /* as slots; made when the arena is */
    dnnl_primitive_t primitive;
    const tacit_argument_t *arguments;
    dnnl_exec_arg_t *memories; /* as arguments */
    size_t argument_count;
} tacit_step_t;

struct tacit_plan {
    const tacit_graph_t *graph;
    tacit_onednn_t *onednn;
    tacit_packs_t *packs;
    tacit_budget_t *budget;
    tacit_pool_t *pool; /* arrays of the steps */
    tacit_slot_t *slots;
    size_t slot_count, slot_capacity;
    tacit_step_t *steps;
    size_t step_count, step_capacity;
    void **owned; /* constants of this plan */
    size_t owned_count, owned_capacity;
    int *value_slots; /* slot of each value; TACIT_NO_SLOT */
    int *output_slots;
    uint8_t *arena;
    size_t arena_size;
    bool profiled; /* runs are timed, step by step */
};

/*  A plan being made.  */
struct tacit_planner {
    tacit_plan_t *plan;
    const tacit_graph_t *graph;
    tacit_graph_t *spends; /* the same: weights are let go once they are packed; NULL: they stay */
    bool careful;
    bool reduced;
    bool *absorbed; /* nodes merged into others */
    int (*uses)[2]; /* of each value: its last consumer, and the last but one; TACIT_NO_NODE */
    const tacit_graph_node_t *node; /* being planned */
    tacit_error_t *error;
};

/*  A slot without memory of its own yet; false with the error set where it is too large.  */
bool tacit_planner_describe(tacit_planner_t *planner, tacit_dtype_t dtype,
                            const tacit_shape_t *shape, const dnnl_memory_desc_t *layout,
                            tacit_slot_t *ret_slot);

/*  Its number, or TACIT_NO_SLOT with the error set.  */
int tacit_planner_add_slot(tacit_planner_t *planner, const tacit_slot_t *slot);
int tacit_planner_constant_slot(tacit_planner_t *planner, const tacit_tensor_t *tensor,
                                bool permanent);

TACIT_MUST_CHECK tacit_status_t tacit_planner_add_step(tacit_planner_t *planner,
                                                       const tacit_step_t *step);

/*  Plan a node, unless it is in a branch that is not taken.  */
TACIT_MUST_CHECK tacit_status_t tacit_planner_node(tacit_planner_t *planner,
                                                   const tacit_graph_node_t *node);
bool tacit_planner_is_taken(const tacit_planner_t *planner, const tacit_graph_node_t *node);

/*  The weights of the node that was planned, by the steps from `first` on, go where nothing reads
    them as they came; those that went are restored for steps that do.  */
void tacit_planner_spend(tacit_planner_t *planner, size_t first);
TACIT_MUST_CHECK tacit_status_t tacit_planner_restore(tacit_planner_t *planner, size_t first);

/*  Give every slot that is no constant an offset, such that slots in use at the same time do not
    overlap; ret_size is what they need together.  */
TACIT_MUST_CHECK tacit_status_t tacit_plan_place(tacit_plan_t *plan, size_t *ret_size,
                                                 tacit_error_t *error);

/*  After all steps are planned: place the arena and make what running needs.  */
TACIT_MUST_CHECK tacit_status_t tacit_plan_finish(tacit_plan_t *plan, tacit_error_t *error);

#endif
