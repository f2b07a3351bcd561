/*  planner.h - what an operator may do while it is planned (inside the engine only).

    A slot is where a value lives at run: its shape, and oneDNN's layout for float32. Constants have
    their elements already. Functions that make a slot return its number, or TACIT_NO_SLOT with the
    planner's error set.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PLANNER_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PLANNER_H

#include "services/inference/engine/onednn.h"
#include "services/inference/engine/operator.h"

enum { TACIT_NO_SLOT = -1, TACIT_PRIMITIVE_ARGUMENTS_MAX = TACIT_NODE_INPUTS_MAX + 8 };

/*  An argument of a primitive: the slot seen through a layout.  */
typedef struct tacit_argument {
    int id; /* DNNL_ARG_* */
    int slot;
    dnnl_memory_desc_t layout;
} tacit_argument_t;

tacit_onednn_t *tacit_planner_onednn(const tacit_planner_t *planner);
tacit_error_t *tacit_planner_error(tacit_planner_t *planner);

/*  Whether activations may be merged into their producer.  */
bool tacit_planner_may_merge(const tacit_planner_t *planner);

/*  Whether products and convolutions take bfloat16: a slot of float32 then may have a layout of
 * that.
 */
bool tacit_planner_is_reduced(const tacit_planner_t *planner);

/*  The slot of a value; what is in it; its layout; whether it is row-major.  */
int tacit_planner_slot(const tacit_planner_t *planner, int value);
const tacit_tensor_t *tacit_planner_tensor(const tacit_planner_t *planner, int slot);
const dnnl_memory_desc_t *tacit_planner_layout(const tacit_planner_t *planner, int slot);
bool tacit_planner_is_plain(const tacit_planner_t *planner, int slot);

/*  Bytes of the slot, with what its layout fills up.  */
size_t tacit_planner_slot_size(const tacit_planner_t *planner, int slot);

/*  A slot for an output, in a layout (NULL: row-major).  */
int tacit_planner_new_slot(tacit_planner_t *planner, tacit_dtype_t dtype,
                           const tacit_shape_t *shape, const dnnl_memory_desc_t *layout);

/*  The same elements row-major, or in another layout; a step is added where they have to be moved
    at run. `seen` is the layout to read the slot through (NULL: its own).  */
int tacit_planner_plain(tacit_planner_t *planner, int slot);
int tacit_planner_arrange(tacit_planner_t *planner, int slot, const dnnl_memory_desc_t *seen,
                          const dnnl_memory_desc_t *wanted);

/*  A value lives in that slot from now on.  */
void tacit_planner_bind(tacit_planner_t *planner, int value, int slot);

/*  A slot where nothing lies: its channels are those of the parts, one after the other. layout: for
    who needs it in one piece after all. And the parts of a slot; 0 where it is an ordinary one.  */
int tacit_planner_join(tacit_planner_t *planner, const tacit_shape_t *shape,
                       const dnnl_memory_desc_t *layout, const int *parts, size_t count);
size_t tacit_planner_parts(const tacit_planner_t *planner, int slot, const int **ret_parts);

/*  The nodes that use the value, each as often as it does; 0 where there are more than `room` (at
    most 2), or the graph gives it out.  */
size_t tacit_planner_users(const tacit_planner_t *planner, int value,
                           const tacit_graph_node_t **ret_users, size_t room);

/*  The node that made the value by a step of its own, where nothing has read it, and its inputs are
    still there; else NULL. And that step goes, as nothing will.  */
const tacit_graph_node_t *tacit_planner_unread(const tacit_planner_t *planner, int value);
void tacit_planner_forget(tacit_planner_t *planner, int value);

/*  The one node that uses the value, unless it is an output of the graph; else NULL.  */
const tacit_graph_node_t *tacit_planner_follower(const tacit_planner_t *planner, int value);

/*  That node was merged into the current one.  */
void tacit_planner_absorb(tacit_planner_t *planner, const tacit_graph_node_t *node);

/*  Add a step that runs the primitive; its scratch memory is provided.  */
TACIT_MUST_CHECK tacit_status_t tacit_planner_primitive(tacit_planner_t *planner,
                                                        const_dnnl_primitive_desc_t desc,
                                                        const tacit_argument_t *arguments,
                                                        size_t count);

/*  Add a step that runs a kernel over slots: inputs, then outputs, in whatever layout the kernel
    knows them to have; scratch: bytes that it needs beside.  */
TACIT_MUST_CHECK tacit_status_t tacit_planner_kernel(tacit_planner_t *planner,
                                                     tacit_kernel_t kernel, const char *how,
                                                     const void *recipe, const int *slots,
                                                     size_t input_count, size_t output_count,
                                                     size_t scratch);

/*  Memory that lives as long as the plan; NULL with the error set. Room in its pool, for recipes;
    and zeroed elements, wiped at the end.  */
void *tacit_planner_room(tacit_planner_t *planner, size_t size);
void *tacit_planner_own_elements(tacit_planner_t *planner, size_t size);

/*  Weights that a portable kernel has packed: made once for all plans where the constant outlives
    them. fill writes `size` bytes; `kind` tells one way of packing from others.  */
typedef void (*tacit_fill_t)(const void *recipe, const void *source, void *ret_packed);
const void *tacit_planner_pack(tacit_planner_t *planner, int slot, uint64_t kind, size_t size,
                               tacit_fill_t fill, const void *recipe);

/*  Whether that way of packing is there already, or still possible; and what is packed so says too
    little for others: the constant's own elements stay beside it.  */
bool tacit_planner_may_pack(const tacit_planner_t *planner, int slot, uint64_t kind);
void tacit_planner_keep(tacit_planner_t *planner, int slot);

/*  Attributes with memory from the planner and an activation to apply (alg 0: none); destroy with
    dnnl_primitive_attr_destroy. NULL where oneDNN refuses.  */
typedef struct tacit_activation {
    dnnl_alg_kind_t alg; /* dnnl_alg_kind_undef: none */
    float alpha, beta;
} tacit_activation_t;

dnnl_primitive_attr_t tacit_planner_attributes(const tacit_activation_t *activation);

/*  The same; with sum, what the target holds is added before the activation.  */
dnnl_primitive_attr_t tacit_planner_attributes_with(const tacit_activation_t *activation, bool sum);

/*  An Add that follows a node, of the node's output and another tensor of the same shape that is
    there already.  */
typedef struct tacit_sum {
    const tacit_graph_node_t *node; /* NULL: none */
    int other;                      /* value */
} tacit_sum_t;

/*  The constant vector that a following Add adds to each row of `shape`, absorbed; or
 *TACIT_NO_SLOT. value becomes what the Add makes.  */
int tacit_planner_merge_bias(tacit_planner_t *planner, int *value, const tacit_shape_t *shape);

/*  Absorb the Add that follows the value, if there is one.  */
bool tacit_planner_merge_sum(tacit_planner_t *planner, int value, const tacit_shape_t *shape,
                             tacit_sum_t *ret_sum);

/*  A slot in this layout with the value's elements in it, for a node to write over: the value's own
    memory where nobody but the node `last`, merged into the current one, reads it from now on;
    else a copy.  */
int tacit_planner_take_place(tacit_planner_t *planner, int value, const tacit_graph_node_t *last,
                             const dnnl_memory_desc_t *layout);

/*  Whether a node is an activation that oneDNN can merge, and which.  */
bool tacit_activation_of(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                         tacit_activation_t *ret_activation);

/*  Absorb the activation that follows the value, if there is one. Returns the value to bind.  */
int tacit_planner_merge_activation(tacit_planner_t *planner, int value,
                                   tacit_activation_t *ret_activation);

#endif
