/*  planner.c - slots, steps and merging: what operators do while they are planned.  */

#include "services/inference/engine/planner.h"

#include "services/inference/engine/plan_internal.h"
#include "services/inference/engine/portable/portable.h"

#include <stdlib.h>
#include <string.h>

enum { GROW_STEP = 64 };

/*  Room for one more item.  */
static void *s_grow(void *items, size_t count, size_t *capacity, size_t size, tacit_error_t *error)
{
    if (count < *capacity) {
        return items;
    }
    void *grown = realloc(items, (*capacity + *capacity / 2 + GROW_STEP) * size);
    if (grown == NULL) {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
        return NULL;
    }
    *capacity += *capacity / 2 + GROW_STEP;
    return grown;
}

/* --- slots ------------------------------------------------------------------------------------ */

tacit_onednn_t *tacit_planner_onednn(const tacit_planner_t *planner)
{
    return planner->plan->onednn;
}

tacit_error_t *tacit_planner_error(tacit_planner_t *planner)
{
    return planner->error;
}

bool tacit_planner_may_merge(const tacit_planner_t *planner)
{
    return !planner->careful;
}

bool tacit_planner_is_reduced(const tacit_planner_t *planner)
{
    return planner->reduced;
}

int tacit_planner_slot(const tacit_planner_t *planner, int value)
{
    return value == TACIT_NO_VALUE ? TACIT_NO_SLOT : planner->plan->value_slots[value];
}

const tacit_tensor_t *tacit_planner_tensor(const tacit_planner_t *planner, int slot)
{
    return &planner->plan->slots[slot].tensor;
}

const dnnl_memory_desc_t *tacit_planner_layout(const tacit_planner_t *planner, int slot)
{
    return &planner->plan->slots[slot].layout;
}

bool tacit_planner_is_plain(const tacit_planner_t *planner, int slot)
{
    return planner->plan->slots[slot].plain;
}

size_t tacit_planner_slot_size(const tacit_planner_t *planner, int slot)
{
    return planner->plan->slots[slot].size;
}

int tacit_planner_add_slot(tacit_planner_t *planner, const tacit_slot_t *slot)
{
    tacit_plan_t *plan = planner->plan;
    tacit_slot_t *slots = s_grow(plan->slots, plan->slot_count, &plan->slot_capacity,
                                 sizeof(tacit_slot_t), planner->error);
    if (slots == NULL) {
        return TACIT_NO_SLOT;
    }
    int number = (int)plan->slot_count++;
    plan->slots = slots;
    slots[number] = *slot;
    slots[number].root = slot->root == TACIT_NO_SLOT ? number : slot->root;
    slots[number].plain_copy = TACIT_NO_SLOT;
    return number;
}

/*  A slot without memory of its own yet. false with the error set where it is too large.  */
bool tacit_planner_describe(tacit_planner_t *planner, tacit_dtype_t dtype,
                            const tacit_shape_t *shape, const dnnl_memory_desc_t *layout,
                            tacit_slot_t *ret_slot)
{
    tacit_slot_t slot = {.tensor = {.dtype = dtype, .shape = *shape}, .root = TACIT_NO_SLOT};
    if (!tacit_shape_count(shape, dtype, &slot.tensor.count)) {
        char text[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(shape->rank, shape->dims, text);
        (void)tacit_error_set(planner->error, TACIT_TOO_LARGE, "a tensor of shape %s is too large",
                              text);
        return false;
    }
    dnnl_memory_desc_t plain = {0};
    if (tacit_onednn_has_type(dtype) && slot.tensor.count > 0) {
        plain = tacit_onednn_retyped(tacit_onednn_plain(shape), dtype);
    }
    slot.layout = layout != NULL ? *layout : plain;
    slot.plain = layout == NULL || dnnl_memory_desc_equal(layout, &plain) != 0;
    slot.size = slot.plain ? tacit_tensor_size(&slot.tensor) : dnnl_memory_desc_get_size(layout);
    *ret_slot = slot;
    return true;
}

int tacit_planner_new_slot(tacit_planner_t *planner, tacit_dtype_t dtype,
                           const tacit_shape_t *shape, const dnnl_memory_desc_t *layout)
{
    tacit_slot_t slot;
    return tacit_planner_describe(planner, dtype, shape, layout, &slot)
               ? tacit_planner_add_slot(planner, &slot)
               : TACIT_NO_SLOT;
}

int tacit_planner_constant_slot(tacit_planner_t *planner, const tacit_tensor_t *tensor,
                                bool permanent)
{
    tacit_slot_t slot;
    if (!tacit_planner_describe(planner, tensor->dtype, &tensor->shape, NULL, &slot)) {
        return TACIT_NO_SLOT;
    }
    slot.tensor.data = tensor->data;
    slot.constant = true;
    slot.permanent = permanent;
    return tacit_planner_add_slot(planner, &slot);
}

/*  Zeroed elements that live as long as the plan.  */
void *tacit_planner_own_elements(tacit_planner_t *planner, size_t size)
{
    tacit_plan_t *plan = planner->plan;
    void **owned = s_grow((void *)plan->owned, plan->owned_count, &plan->owned_capacity,
                          sizeof(void *), planner->error);
    if (owned == NULL) {
        return NULL;
    }
    plan->owned = owned;
    void *elements = tacit_memory_new(plan->budget, size, planner->error);
    if (elements != NULL) {
        owned[plan->owned_count++] = elements;
    }
    return elements;
}

void tacit_planner_bind(tacit_planner_t *planner, int value, int slot)
{
    planner->plan->value_slots[value] = slot;
}

/* --- steps ------------------------------------------------------------------------------------ */

tacit_status_t tacit_planner_add_step(tacit_planner_t *planner, const tacit_step_t *step)
{
    tacit_plan_t *plan = planner->plan;
    tacit_step_t *steps = s_grow(plan->steps, plan->step_count, &plan->step_capacity,
                                 sizeof(tacit_step_t), planner->error);
    if (steps == NULL) {
        return planner->error->code;
    }
    plan->steps = steps;
    steps[plan->step_count] = *step;
    steps[plan->step_count++].node = planner->node;
    return TACIT_OK;
}

/*  The arguments of the step with the scratch memory that the primitive wants.  */
static tacit_status_t s_keep_arguments(tacit_planner_t *planner, const_dnnl_primitive_desc_t desc,
                                       const tacit_argument_t *arguments, size_t count,
                                       tacit_step_t *step)
{
    tacit_argument_t *copy =
        tacit_pool_take(planner->plan->pool, count + 1, sizeof(tacit_argument_t), planner->error);
    if (copy == NULL) {
        return planner->error->code;
    }
    memcpy(copy, arguments, count * sizeof(tacit_argument_t));
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    size_t scratch_size = scratch != NULL ? dnnl_memory_desc_get_size(scratch) : 0;
    if (scratch_size > 0) {
        tacit_slot_t slot = {.tensor = {.dtype = TACIT_DTYPE_UINT8},
                             .size = scratch_size,
                             .root = TACIT_NO_SLOT,
                             .plain = true};
        int number = tacit_planner_add_slot(planner, &slot);
        if (number == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        copy[count++] = (tacit_argument_t){DNNL_ARG_SCRATCHPAD, number, *scratch};
    }
    step->arguments = copy;
    step->argument_count = count;
    return TACIT_OK;
}

tacit_status_t tacit_planner_primitive(tacit_planner_t *planner, const_dnnl_primitive_desc_t desc,
                                       const tacit_argument_t *arguments, size_t count)
{
    tacit_step_t step = {0};
    tacit_status_t status = s_keep_arguments(planner, desc, arguments, count, &step);
    if (status != TACIT_OK) {
        return status;
    }
    if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&step.how) !=
            dnnl_success ||
        dnnl_primitive_create(&step.primitive, desc) != dnnl_success) {
        return tacit_error_set(planner->error, TACIT_INTERNAL, "oneDNN makes no primitive");
    }
    status = tacit_planner_add_step(planner, &step);
    if (status != TACIT_OK) {
        (void)dnnl_primitive_destroy(step.primitive);
    }
    return status;
}

tacit_status_t tacit_planner_kernel(tacit_planner_t *planner, tacit_kernel_t kernel,
                                    const char *how, const void *recipe, const int *slots,
                                    size_t input_count, size_t output_count, size_t scratch)
{
    size_t count = input_count + output_count;
    int *copy = tacit_pool_take(planner->plan->pool, count + 1, sizeof(int), planner->error);
    if (copy == NULL) {
        return planner->error->code;
    }
    memcpy(copy, slots, count * sizeof(int));
    copy[count] = TACIT_NO_SLOT;
    if (scratch > 0) {
        tacit_slot_t slot = {.tensor = {.dtype = TACIT_DTYPE_UINT8},
                             .size = scratch,
                             .root = TACIT_NO_SLOT,
                             .plain = true};
        copy[count] = tacit_planner_add_slot(planner, &slot);
        if (copy[count] == TACIT_NO_SLOT) {
            return planner->error->code;
        }
    }
    tacit_step_t step = {.how = how,
                         .kernel = kernel,
                         .parameters.recipe = recipe,
                         .slots = copy,
                         .input_count = input_count,
                         .output_count = output_count};
    return tacit_planner_add_step(planner, &step);
}

void *tacit_planner_room(tacit_planner_t *planner, size_t size)
{
    return tacit_pool_take(planner->plan->pool, 1, size, planner->error);
}

const void *tacit_planner_pack(tacit_planner_t *planner, int slot, uint64_t kind, size_t size,
                               tacit_fill_t fill, const void *recipe)
{
    const tacit_slot_t *from = &planner->plan->slots[slot];
    tacit_packs_t *packs = planner->plan->packs;
    const void *known = from->permanent ? tacit_packs_find(packs, from->origin, kind) : NULL;
    planner->plan->slots[slot].packed = from->permanent;
    if (known != NULL) {
        return known;
    }
    if (from->spent) {
        (void)tacit_error_set(planner->error, TACIT_INTERNAL, "the weights were let go");
        return NULL;
    }
    void *packed = from->permanent
                       ? tacit_packs_add(packs, from->origin, kind, size, planner->error)
                       : tacit_planner_own_elements(planner, size);
    if (packed != NULL) {
        fill(recipe, from->tensor.data, packed);
    }
    return packed;
}

bool tacit_planner_may_pack(const tacit_planner_t *planner, int slot, uint64_t kind)
{
    const tacit_slot_t *from = &planner->plan->slots[slot];
    return !from->spent || tacit_packs_find(planner->plan->packs, from->origin, kind) != NULL;
}

void tacit_planner_keep(tacit_planner_t *planner, int slot)
{
    planner->plan->slots[slot].packed = false;
}

static tacit_status_t s_add_reorder(tacit_planner_t *planner, int from, int to,
                                    const dnnl_memory_desc_t *seen,
                                    const dnnl_memory_desc_t *wanted)
{
    if (planner->plan->onednn == NULL) {
        return tacit_blocked_reorder(planner, from, to);
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
    if (from.constant) {
        /* What Winograd's transform made, or rounding, cannot be undone: the elements stay beside
         * it.  */
        planner->plan->slots[slot].packed = from.permanent && wanted->format_kind == dnnl_blocked &&
                                            wanted->data_type == layout->data_type;
        return s_pack(planner, &from, layout, wanted);
    }
    tacit_slot_t moved = from;
    moved.layout = *wanted;
    moved.plain = false;
    moved.root = TACIT_NO_SLOT;
    moved.size = dnnl_memory_desc_get_size(wanted);
    int to = tacit_planner_add_slot(planner, &moved);
    if (to == TACIT_NO_SLOT || s_add_reorder(planner, slot, to, layout, wanted) != TACIT_OK) {
        return TACIT_NO_SLOT;
    }
    return to;
}

/* --- merging ---------------------------------------------------------------------------------- */

const tacit_graph_node_t *tacit_planner_follower(const tacit_planner_t *planner, int value)
{
    const tacit_value_t *known = &planner->graph->values[value];
    return known->consumers == 1 && !known->output ? &planner->graph->nodes[known->consumer] : NULL;
}

size_t tacit_planner_users(const tacit_planner_t *planner, int value,
                           const tacit_graph_node_t **ret_users, size_t room)
{
    const tacit_value_t *known = &planner->graph->values[value];
    const int *uses = planner->uses[value];
    if (known->output || known->consumers > room || known->consumers > 2) {
        return 0;
    }
    for (size_t i = 0; i < known->consumers; i++) {
        ret_users[i] = &planner->graph->nodes[uses[i]];
    }
    return known->consumers;
}

void tacit_planner_absorb(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    planner->absorbed[node - planner->graph->nodes] = true;
}

/*  One number per column, known to be so from the shape.  */
static bool s_is_row(const tacit_shape_t *shape, int64_t columns)
{
    return shape->rank > 0 && shape->dims[shape->rank - 1] == columns &&
           tacit_shape_span(shape, 0, shape->rank) == (size_t)columns;
}

int tacit_planner_merge_bias(tacit_planner_t *planner, int *value, const tacit_shape_t *shape)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, *value);
    if (!tacit_planner_may_merge(planner) || node == NULL || strcmp(node->op->name, "Add") != 0) {
        return TACIT_NO_SLOT;
    }
    int other = node->inputs[0] == *value ? node->inputs[1] : node->inputs[0];
    int slot = tacit_planner_slot(planner, other);
    if (slot == TACIT_NO_SLOT || tacit_planner_tensor(planner, slot)->data == NULL) {
        return TACIT_NO_SLOT;
    }
    const tacit_shape_t *vector = &tacit_planner_tensor(planner, slot)->shape;
    if (vector->rank > shape->rank || !s_is_row(vector, shape->dims[shape->rank - 1])) {
        return TACIT_NO_SLOT;
    }
    tacit_planner_absorb(planner, node);
    *value = node->outputs[0];
    return slot;
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

bool tacit_planner_merge_sum(tacit_planner_t *planner, int value, const tacit_shape_t *shape,
                             tacit_sum_t *ret_sum)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, value);
    *ret_sum = (tacit_sum_t){.node = NULL};
    if (!tacit_planner_may_merge(planner) || node == NULL || strcmp(node->op->name, "Add") != 0) {
        return false;
    }
    int other = node->inputs[0] == value ? node->inputs[1] : node->inputs[0];
    int slot = tacit_planner_slot(planner, other);
    if (slot == TACIT_NO_SLOT || planner->plan->slots[slot].constant ||
        !tacit_shape_equal(&planner->plan->slots[slot].tensor.shape, shape)) {
        return false;
    }
    tacit_planner_absorb(planner, node);
    *ret_sum = (tacit_sum_t){.node = node, .other = other};
    return true;
}

int tacit_planner_merge_activation(tacit_planner_t *planner, int value,
                                   tacit_activation_t *ret_activation)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, value);
    tacit_activation_t activation = {.alg = dnnl_alg_kind_undef};
    if (tacit_planner_may_merge(planner) && node != NULL &&
        tacit_activation_of(planner, node, &activation)) {
        tacit_planner_absorb(planner, node);
        value = node->outputs[0];
    }
    *ret_activation = activation;
    return value;
}

dnnl_primitive_attr_t tacit_planner_attributes(const tacit_activation_t *activation)
{
    return tacit_planner_attributes_with(activation, false);
}

dnnl_primitive_attr_t tacit_planner_attributes_with(const tacit_activation_t *activation, bool sum)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    bool active = activation->alg != dnnl_alg_kind_undef;
    if (status == dnnl_success && (active || sum)) {
        status = dnnl_post_ops_create(&operations);
    }
    if (status == dnnl_success && sum) {
        status = dnnl_post_ops_append_sum(operations, 1.0F);
    }
    if (status == dnnl_success && active) {
        status = dnnl_post_ops_append_eltwise(operations, 1.0F, activation->alg, activation->alpha,
                                              activation->beta);
    }
    if (status == dnnl_success && operations != NULL) {
        status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    }
    if (operations != NULL) {
        (void)dnnl_post_ops_destroy(operations);
    }
    if (status != dnnl_success && attributes != NULL) {
        (void)dnnl_primitive_attr_destroy(attributes);
        attributes = NULL;
    }
    return attributes;
}
