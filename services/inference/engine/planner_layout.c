/*  planner_layout.c - where a value lies, and how: the same in another layout, in parts, or over
   the memory of another one.  */

#include "services/inference/engine/planner.h"

#include "services/inference/engine/plan_internal.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/portable.h"

#include <string.h>

static tacit_status_t s_add_reorder(tacit_planner_t *planner, int from, int to,
                                    const dnnl_memory_desc_t *seen,
                                    const dnnl_memory_desc_t *wanted)
{
    if (planner->plan->onednn == NULL) {
        return tacit_dtype_size(planner->plan->slots[from].tensor.dtype) == 1
                   ? tacit_last_reorder(planner, from, to)
                   : tacit_blocked_reorder(planner, from, to);
    }
    dnnl_engine_t engine = tacit_onednn_engine(planner->plan->onednn);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes == NULL ||
        dnnl_reorder_primitive_desc_create(&desc, seen, engine, wanted, engine, attributes) !=
            dnnl_success) {
        status = tacit_error_set(planner->error, TACIT_INTERNAL, "oneDNN does not reorder");
    } else {
        tacit_argument_t arguments[] = {{DNNL_ARG_FROM, from, *seen}, {DNNL_ARG_TO, to, *wanted}};
        status = tacit_planner_primitive(planner, desc, arguments, 2);
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* --- joined values ---------------------------------------------------------------------------- */

int tacit_planner_join(tacit_planner_t *planner, const tacit_shape_t *shape,
                       const dnnl_memory_desc_t *layout, const int *parts, size_t count)
{
    tacit_slot_t slot;
    int *copy = tacit_pool_take(planner->plan->pool, count, sizeof(int), planner->error);
    if (copy == NULL ||
        !tacit_planner_describe(planner, TACIT_DTYPE_FLOAT32, shape, layout, &slot)) {
        return TACIT_NO_SLOT;
    }
    memcpy(copy, parts, count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        planner->plan->slots[parts[i]].viewed = true; /* who joins them may read them late */
    }
    slot.plain = false;
    slot.parts = copy;
    slot.part_count = count;
    return tacit_planner_add_slot(planner, &slot);
}

size_t tacit_planner_parts(const tacit_planner_t *planner, int slot, const int **ret_parts)
{
    const tacit_slot_t *known = &planner->plan->slots[slot];
    if (known->part_count > 0) {
        *ret_parts = known->parts;
    }
    return known->part_count;
}

static tacit_status_t s_add_concat(tacit_planner_t *planner, int slot, int to)
{
    tacit_plan_t *plan = planner->plan;
    size_t count = plan->slots[slot].part_count;
    const dnnl_memory_desc_t *target = &plan->slots[to].layout;
    dnnl_memory_desc_t *layouts =
        tacit_pool_take(plan->pool, count, sizeof(*layouts), planner->error);
    tacit_argument_t *arguments =
        tacit_pool_take(plan->pool, count + 1, sizeof(*arguments), planner->error);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = planner->error->code;
    for (size_t i = 0; layouts != NULL && arguments != NULL && i < count; i++) {
        int part = plan->slots[slot].parts[i];
        layouts[i] = plan->slots[part].layout;
        arguments[i] = (tacit_argument_t){DNNL_ARG_MULTIPLE_SRC + (int)i, part, layouts[i]};
    }
    if (layouts != NULL && arguments != NULL && attributes != NULL) {
        arguments[count] = (tacit_argument_t){DNNL_ARG_DST, to, *target};
        status =
            dnnl_concat_primitive_desc_create(&desc, target, (int)count, 1, layouts, attributes,
                                              tacit_onednn_engine(plan->onednn)) == dnnl_success
                ? tacit_planner_primitive(planner, desc, arguments, count + 1)
                : tacit_error_set(planner->error, TACIT_INTERNAL, "oneDNN does not join");
    }
    (void)dnnl_primitive_desc_destroy(desc);
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/*  The slot; where it is joined, another one with all of it in one piece.  */
static int s_whole(tacit_planner_t *planner, int slot)
{
    tacit_slot_t whole = planner->plan->slots[slot];
    if (whole.part_count == 0) {
        return slot;
    }
    int to =
        tacit_planner_new_slot(planner, whole.tensor.dtype, &whole.tensor.shape, &whole.layout);
    return to != TACIT_NO_SLOT && s_add_concat(planner, slot, to) == TACIT_OK ? to : TACIT_NO_SLOT;
}

int tacit_planner_plain(tacit_planner_t *planner, int slot)
{
    slot = s_whole(planner, slot);
    if (slot == TACIT_NO_SLOT) {
        return TACIT_NO_SLOT;
    }
    tacit_slot_t from = planner->plan->slots[slot];
    if (from.plain || from.plain_copy != TACIT_NO_SLOT) {
        return from.plain ? slot : from.plain_copy;
    }
    dnnl_memory_desc_t wanted =
        tacit_onednn_retyped(tacit_onednn_plain(&from.tensor.shape), from.tensor.dtype);
    int to = tacit_planner_new_slot(planner, from.tensor.dtype, &from.tensor.shape, NULL);
    if (to == TACIT_NO_SLOT ||
        s_add_reorder(planner, slot, to, &from.layout, &wanted) != TACIT_OK) {
        return TACIT_NO_SLOT;
    }
    planner->plan->slots[slot].plain_copy = to;
    return to;
}

/*  A constant in another layout, now.  */
static int s_pack(tacit_planner_t *planner, const tacit_slot_t *from,
                  const dnnl_memory_desc_t *seen, const dnnl_memory_desc_t *wanted)
{
    tacit_onednn_t *onednn = planner->plan->onednn;
    const void *packed = NULL;
    if (from->permanent) {
        packed = tacit_onednn_pack(onednn, from->origin, seen,
                                   from->spent ? NULL : from->tensor.data, wanted, planner->error);
    } else {
        void *own = tacit_planner_own_elements(planner, dnnl_memory_desc_get_size(wanted));
        if (own != NULL && tacit_onednn_reorder(onednn, seen, from->tensor.data, wanted, own,
                                                planner->error) == TACIT_OK) {
            packed = own;
        }
    }
    if (packed == NULL) {
        return TACIT_NO_SLOT;
    }
    tacit_slot_t slot = *from;
    slot.tensor.data = (void *)(uintptr_t)packed; /* read only, as every constant */
    slot.layout = *wanted;
    slot.plain = false;
    slot.spent = slot.packed = false;
    slot.root = TACIT_NO_SLOT;
    return tacit_planner_add_slot(planner, &slot);
}

int tacit_planner_arrange(tacit_planner_t *planner, int slot, const dnnl_memory_desc_t *seen,
                          const dnnl_memory_desc_t *wanted)
{
    slot = s_whole(planner, slot);
    if (slot == TACIT_NO_SLOT) {
        return TACIT_NO_SLOT;
    }
    tacit_slot_t from = planner->plan->slots[slot];
    const dnnl_memory_desc_t *layout = seen != NULL ? seen : &from.layout;
    if (dnnl_memory_desc_equal(layout, wanted)) {
        return slot;
    }
    if (from.constant && planner->plan->onednn != NULL) {
        /* What Winograd's transform made, or rounding, cannot be undone: the elements stay beside
         * it.  */
        planner->plan->slots[slot].packed = from.permanent && wanted->format_kind == dnnl_blocked &&
                                            wanted->data_type == layout->data_type;
        return s_pack(planner, &from, layout, wanted);
    }
    tacit_slot_t moved = from;
    moved.layout = *wanted;
    moved.plain = moved.constant = moved.permanent = moved.packed = moved.spent = false;
    moved.tensor.data = NULL;
    moved.root = TACIT_NO_SLOT;
    moved.size = dnnl_memory_desc_get_size(wanted);
    int to = tacit_planner_add_slot(planner, &moved);
    if (to == TACIT_NO_SLOT || s_add_reorder(planner, slot, to, layout, wanted) != TACIT_OK) {
        return TACIT_NO_SLOT;
    }
    return to;
}

int tacit_planner_take_place(tacit_planner_t *planner, int value, const tacit_graph_node_t *last,
                             const dnnl_memory_desc_t *layout)
{
    int number = tacit_planner_slot(planner, value);
    tacit_slot_t slot = planner->plan->slots[number];
    const int *uses = planner->uses[value];
    bool last_use = !planner->graph->values[value].output &&
                    uses[0] == (int)(last - planner->graph->nodes) &&
                    uses[1] < (int)(planner->node - planner->graph->nodes);
    bool fits = dnnl_memory_desc_equal(&slot.layout, layout) != 0;
    if (fits && last_use && (slot.root == number || slot.taken) && !slot.viewed) {
        slot.taken = true;
        return tacit_planner_add_slot(planner, &slot);
    }
    tacit_slot_t copy = slot;
    copy.layout = *layout;
    copy.plain = slot.plain && fits;
    copy.root = TACIT_NO_SLOT;
    copy.viewed = copy.taken = false;
    copy.size = dnnl_memory_desc_get_size(layout);
    int to = tacit_planner_add_slot(planner, &copy);
    return to != TACIT_NO_SLOT &&
                   s_add_reorder(planner, number, to, &slot.layout, layout) == TACIT_OK
               ? to
               : TACIT_NO_SLOT;
}
