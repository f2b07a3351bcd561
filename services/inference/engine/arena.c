/*  arena.c - one block of memory for all activations: largest first, lowest free place.  */

#include "services/inference/engine/plan_internal.h"

#include <stdlib.h>

/*  What is placed, by its offset.  */
typedef struct s_placed {
    tacit_slot_t **slots;
    size_t count;
} s_placed_t;

static int s_compare(const void *a, const void *b)
{
    const tacit_slot_t *left = *(tacit_slot_t *const *)a;
    const tacit_slot_t *right = *(tacit_slot_t *const *)b;
    if (left->size != right->size) {
        return left->size < right->size ? 1 : -1;
    }
    return left->first != right->first ? (left->first < right->first ? -1 : 1)
                                       : (left < right ? -1 : 1);
}

static void s_use(tacit_plan_t *plan, int slot, int step)
{
    if (slot != TACIT_NO_SLOT) {
        tacit_slot_t *root = &plan->slots[plan->slots[slot].root];
        root->first = root->first < 0 || step < root->first ? step : root->first;
        root->last = step > root->last ? step : root->last;
    }
}

/*  Step 0 is the arrival of the inputs, the last one the departure of the outputs.  */
static void s_find_lives(tacit_plan_t *plan)
{
    for (size_t i = 0; i < plan->slot_count; i++) {
        plan->slots[i].first = plan->slots[i].last = -1;
    }
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        s_use(plan, plan->value_slots[plan->graph->input_values[i]], 0);
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const tacit_step_t *step = &plan->steps[i];
        for (size_t k = 0; k < step->input_count + step->output_count; k++) {
            s_use(plan, step->slots[k], (int)i + 1);
        }
        for (size_t k = 0; k < step->argument_count; k++) {
            s_use(plan, step->arguments[k].slot, (int)i + 1);
        }
    }
    for (size_t i = 0; i < plan->graph->output_count; i++) {
        s_use(plan, plan->output_slots[i], (int)plan->step_count + 1);
    }
}

static bool s_live_together(const tacit_slot_t *a, const tacit_slot_t *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static void s_place(s_placed_t *placed, tacit_slot_t *slot)
{
    size_t offset = 0;
    for (size_t i = 0; i < placed->count; i++) {
        const tacit_slot_t *other = placed->slots[i];
        if (!s_live_together(slot, other)) {
            continue;
        }
        if (other->offset >= offset && other->offset - offset >= slot->size) {
            break;
        }
        size_t end = other->offset + other->size;
        offset = end > offset ? end : offset;
    }
    slot->offset = offset;
    size_t at = placed->count++;
    for (; at > 0 && placed->slots[at - 1]->offset > offset; at--) {
        placed->slots[at] = placed->slots[at - 1];
    }
    placed->slots[at] = slot;
}

tacit_status_t tacit_arena_place(tacit_plan_t *plan, size_t *ret_size, tacit_error_t *error)
{
    tacit_slot_t **order = calloc(2 * plan->slot_count + 1, sizeof(tacit_slot_t *));
    if (order == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    s_find_lives(plan);
    size_t count = 0;
    for (size_t i = 0; i < plan->slot_count; i++) {
        tacit_slot_t *slot = &plan->slots[i];
        if (!slot->constant && slot->root == (int)i && slot->first >= 0) {
            slot->size = (slot->size + TACIT_MEMORY_ALIGNMENT) &
                         ~(size_t)(TACIT_MEMORY_ALIGNMENT - 1); /* at least one unit */
            order[count++] = slot;
        }
    }
    qsort(order, count, sizeof(order[0]), s_compare);
    s_placed_t placed = {.slots = order + count};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        s_place(&placed, order[i]);
        size_t end = order[i]->offset + order[i]->size;
        size = end > size ? end : size;
    }
    free((void *)order);
    *ret_size = size;
    return TACIT_OK;
}
