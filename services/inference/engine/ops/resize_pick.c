/*  resize_pick.c - Resize where each element is one of the input's: rows of places, copied, in
    whichever order a map lies.  */

#include "services/inference/engine/ops/taps.h"
#include "services/inference/engine/portable/portable.h"

/*  Dimensions in the order in which both maps lie, and steps in the input.  */
typedef struct s_walk {
    size_t rank;
    size_t dims[TACIT_ENGINE_RANK_MAX];
    size_t steps[TACIT_ENGINE_RANK_MAX];
    const tacit_tap_t *taps[TACIT_ENGINE_RANK_MAX];
    bool whole; /* the last dimension is as it was */
} s_walk_t;

static s_walk_t s_walk(const tacit_tensor_t *x, const tacit_tensor_t *y, tacit_tap_t *const *taps,
                       bool last)
{
    s_walk_t walk = {.rank = y->shape.rank, .whole = true};
    size_t step = 1;
    for (size_t i = walk.rank; i-- > 0;) {
        size_t from = !last || i == 0 ? i : i + 1 < walk.rank ? i + 1 : 1;
        walk.dims[i] = (size_t)y->shape.dims[from];
        walk.steps[i] = step;
        walk.taps[i] = taps[from];
        step *= (size_t)x->shape.dims[from];
    }
    size_t inner = walk.rank - 1;
    for (size_t k = 0; walk.whole && k < walk.dims[inner]; k++) {
        walk.whole = walk.taps[inner][k].places[0] == (int64_t)k;
    }
    return walk;
}

/*  A row: all of it, or place by place.  */
static void s_copy_row(const s_walk_t *walk, size_t size, const uint8_t *x, uint8_t *y)
{
    size_t inner = walk->rank - 1;
    const tacit_tap_t *taps = walk->taps[inner];
    if (walk->whole) {
        memcpy(y, x, walk->dims[inner] * size);
        return;
    }
    for (size_t k = 0; k < walk->dims[inner]; k++) {
        tacit_element_copy(size, y, k, x, (size_t)taps[k].places[0]);
    }
}

static bool s_is_pick(const tacit_tensor_t *y, tacit_tap_t *const *taps)
{
    bool pick = y->shape.rank > 0 && y->count > 0;
    for (size_t i = 0; pick && i < y->shape.rank; i++) {
        for (int64_t k = 0; pick && k < y->shape.dims[i]; k++) {
            pick = taps[i][k].count == 1 && !taps[i][k].outside;
        }
    }
    return pick;
}

bool tacit_resize_pick(const tacit_tensor_t *x, tacit_tensor_t *y, tacit_tap_t *const *taps,
                       bool last)
{
    if (!s_is_pick(y, taps)) {
        return false;
    }
    const s_walk_t walk = s_walk(x, y, taps, last);
    size_t size = tacit_dtype_size(y->dtype);
    size_t row = walk.dims[walk.rank - 1];
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < y->count / row; n++) {
        size_t at = 0;
        for (size_t i = walk.rank - 1, rest = n; i-- > 0; rest /= walk.dims[i]) {
            at += (size_t)walk.taps[i][rest % walk.dims[i]].places[0] * walk.steps[i];
        }
        s_copy_row(&walk, size, (const uint8_t *)x->data + at * size,
                   (uint8_t *)y->data + n * row * size);
    }
    return true;
}
