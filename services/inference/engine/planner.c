/*  planner.c - slots, steps and packs: what operators make while they are planned.  */

#include "services/inference/engine/planner.h"

#include "services/inference/engine/plan_internal.h"

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
    const tacit_pack_t pack = {from->origin, &from->tensor.shape, kind, size};
    const void *known = from->permanent ? tacit_packs_find(packs, &pack) : NULL;
    planner->plan->slots[slot].packed = from->permanent;
    if (known != NULL) {
        return known;
    }
    if (from->spent) {
        (void)tacit_error_set(planner->error, TACIT_INTERNAL, "the weights were let go");
        return NULL;
    }
    void *packed = from->permanent ? tacit_packs_add(packs, &pack, planner->error)
                                   : tacit_planner_own_elements(planner, size);
    if (packed != NULL) {
        fill(recipe, from->tensor.data, packed);
    }
    return packed;
}

bool tacit_planner_may_pack(const tacit_planner_t *planner, int slot, uint64_t kind)
{
    const tacit_slot_t *from = &planner->plan->slots[slot];
    const tacit_pack_t pack = {from->origin, &from->tensor.shape, kind, 0};
    return !from->spent || tacit_packs_find(planner->plan->packs, &pack) != NULL;
}

void tacit_planner_keep(tacit_planner_t *planner, int slot)
{
    planner->plan->slots[slot].packed = false;
}
