/*  packs.c - packed constants, found by where they came from.  */

#include "services/inference/engine/packs.h"

#include <stdlib.h>

enum { GROW_STEP = 64 };

typedef struct s_pack {
    const void *source;
    tacit_shape_t shape;
    uint64_t kind;
    size_t size;
    void *data; /* owned */
} s_pack_t;

struct tacit_packs {
    tacit_budget_t *budget;
    s_pack_t *items;
    size_t count, capacity;
};

tacit_status_t tacit_packs_new(tacit_budget_t *budget, tacit_packs_t **ret_packs,
                               tacit_error_t *error)
{
    tacit_packs_t *packs = tacit_memory_new(budget, sizeof(*packs), error);
    if (packs == NULL) {
        return error->code;
    }
    packs->budget = budget;
    *ret_packs = packs;
    return TACIT_OK;
}

void tacit_packs_destroy(tacit_packs_t **packs)
{
    tacit_packs_t *self = *packs;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        tacit_memory_free(self->items[i].data);
    }
    free(self->items);
    tacit_memory_free(self);
    *packs = NULL;
}

const void *tacit_packs_find(const tacit_packs_t *packs, const tacit_pack_t *wanted)
{
    for (size_t i = 0; i < packs->count; i++) {
        const s_pack_t *pack = &packs->items[i];
        if (pack->source == wanted->source && pack->kind == wanted->kind &&
            tacit_shape_equal(&pack->shape, wanted->shape) &&
            (wanted->size == 0 || pack->size == wanted->size)) {
            return pack->data;
        }
    }
    return NULL;
}

void *tacit_packs_add(tacit_packs_t *packs, const tacit_pack_t *wanted, tacit_error_t *error)
{
    if (packs->count == packs->capacity) {
        s_pack_t *items = realloc(packs->items, (packs->capacity + GROW_STEP) * sizeof(s_pack_t));
        if (items == NULL) {
            (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
            return NULL;
        }
        packs->items = items;
        packs->capacity += GROW_STEP;
    }
    void *data = tacit_memory_new(packs->budget, wanted->size, error);
    if (data != NULL) {
        packs->items[packs->count++] = (s_pack_t){.source = wanted->source,
                                                  .shape = *wanted->shape,
                                                  .kind = wanted->kind,
                                                  .size = wanted->size,
                                                  .data = data};
    }
    return data;
}
