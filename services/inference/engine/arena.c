/*  arena.c - one block of memory for all activations: largest first, lowest free place.  */

#include "services/inference/engine/plan_internal.h"

#include <stdlib.h>

/*  What is placed, by its offset.  */
typedef struct s_placed {
    tacit_slot_t *slots; /* of the plan */
    int *order;          /* those placed */
    size_t count;
} s_placed_t;

/*  Largest first, then by life and number, so that plans are always the same.  */
static int s_compare(const void *a, const void *b, void *slots)
{
    int left = *(const int *)a;
    int right = *(const int *)b;
    const tacit_slot_t *one = (const tacit_slot_t *)slots + left;
    const tacit_slot_t *other = (const tacit_slot_t *)slots + right;
    if (one->size != other->size) {
        return one->size < other->size ? 1 : -1;
    }
    int lives = (one->first > other->first) - (one->first < other->first);
    return lives != 0 ? lives : (left > right) - (left < right);
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
        for (size_t k = 0; step->slots != NULL && k <= step->input_count + step->output_count;
             k++) {
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

static void s_place(s_placed_t *placed, int number)
{
    tacit_slot_t *slot = &placed->slots[number];
    size_t offset = 0;
    for (size_t i = 0; i < placed->count; i++) {
        const tacit_slot_t *other = &placed->slots[placed->order[i]];
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
    for (; at > 0 && placed->slots[placed->order[at - 1]].offset > offset; at--) {
        placed->order[at] = placed->order[at - 1];
    }
    placed->order[at] = number;
}

/*  The slots that need a place, their sizes rounded up to whole units.  */
static size_t s_gather(tacit_plan_t *plan, int *ret_order)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->slot_count; i++) {
        tacit_slot_t *slot = &plan->slots[i];
        if (!slot->constant && slot->root == (int)i && slot->first >= 0) {
            slot->size = (slot->size + TACIT_MEMORY_ALIGNMENT) &
                         ~(size_t)(TACIT_MEMORY_ALIGNMENT - 1); /* at least one unit */
            ret_order[count++] = (int)i;
        }
    }
    return count;
}

tacit_status_t tacit_plan_place(tacit_plan_t *plan, size_t *ret_size, tacit_error_t *error)
{
    int *order = calloc(2 * plan->slot_count + 1, sizeof(int));
    if (order == NULL) {
        return tacit_error_set(error, TACIT_NO_MEMORY, NULL);
    }
    s_find_lives(plan);
    size_t count = s_gather(plan, order);
    qsort_r(order, count, sizeof(int), s_compare, plan->slots);
    s_placed_t placed = {.slots = plan->slots, .order = order + count};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const tacit_slot_t *slot = &plan->slots[order[i]];
        s_place(&placed, order[i]);
        size = slot->offset + slot->size > size ? slot->offset + slot->size : size;
    }
    free(order);
    *ret_size = size;
    return TACIT_OK;
}
