/*  shelf.c - the plans that an engine keeps, by the shapes of the inputs.  */

#include "services/inference/engine/shelf.h"

void tacit_shelf_drop(tacit_kept_t *kept)
{
    tacit_plan_destroy(&kept->plan);
    tacit_memory_free(kept->shapes);
    *kept = (tacit_kept_t){0};
}

void tacit_shelf_clear(tacit_shelf_t *shelf)
{
    for (size_t i = 0; i < TACIT_ENGINE_PLANS_MAX; i++) {
        tacit_shelf_drop(&shelf->kept[i]);
    }
}

tacit_kept_t *tacit_shelf_find(tacit_shelf_t *shelf, const tacit_tensor_t *inputs, bool careful)
{
    for (size_t i = 0; i < TACIT_ENGINE_PLANS_MAX; i++) {
        tacit_kept_t *kept = &shelf->kept[i];
        bool same = kept->plan != NULL && kept->careful == careful;
        for (size_t k = 0; same && k < shelf->request.graph->input_count; k++) {
            same = tacit_shape_equal(&kept->shapes[k], &inputs[k].shape);
        }
        if (same) {
            return kept;
        }
    }
    return NULL;
}

/*  The place of the plan that was not used for longest.  */
static tacit_kept_t *s_free_place(tacit_shelf_t *shelf)
{
    tacit_kept_t *oldest = &shelf->kept[0];
    for (size_t i = 0; i < TACIT_ENGINE_PLANS_MAX; i++) {
        oldest = shelf->kept[i].used < oldest->used ? &shelf->kept[i] : oldest;
    }
    tacit_shelf_drop(oldest);
    return oldest;
}

tacit_status_t tacit_shelf_make(tacit_shelf_t *shelf, const tacit_tensor_t *inputs, bool careful,
                                tacit_kept_t **ret_kept, tacit_error_t *error)
{
    tacit_plan_request_t request = shelf->request;
    request.inputs = inputs;
    request.careful = careful;
    tacit_kept_t *kept = s_free_place(shelf);
    tacit_status_t status = tacit_plan_new(&request, &kept->plan, error);
    if (status == TACIT_TOO_LARGE) {
        tacit_shelf_clear(shelf); /* others may hold the memory that it needs */
        status = tacit_plan_new(&request, &kept->plan, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    size_t count = shelf->request.graph->input_count;
    kept->shapes =
        tacit_memory_new(shelf->request.graph->budget, count * sizeof(tacit_shape_t), error);
    if (kept->shapes == NULL) {
        tacit_shelf_drop(kept);
        return error->code;
    }
    for (size_t i = 0; i < count; i++) {
        kept->shapes[i] = inputs[i].shape;
    }
    kept->careful = careful;
    *ret_kept = kept;
    return TACIT_OK;
}

const tacit_plan_t *tacit_shelf_last(const tacit_shelf_t *shelf)
{
    const tacit_kept_t *last = &shelf->kept[0];
    for (size_t i = 1; i < TACIT_ENGINE_PLANS_MAX; i++) {
        const tacit_kept_t *kept = &shelf->kept[i];
        bool newer = kept->plan != NULL && (last->plan == NULL || kept->used > last->used);
        last = newer ? kept : last;
    }
    return last->plan;
}
