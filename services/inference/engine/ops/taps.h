/*  taps.h - what operators share that take numbers from between the points of a tensor.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_TAPS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_TAPS_H

#include "services/inference/engine/ops/ops.h"

enum { TACIT_TAPS = 4 /* places that one dimension takes from, at most */ };

/*  What one place of a dimension is made of.  */
typedef struct tacit_tap {
    int64_t places[TACIT_TAPS];
    double weights[TACIT_TAPS];
    size_t count;
    bool outside; /* the extrapolation value stands here */
} tacit_tap_t;

/*  Resize by copying, from the taps of each dimension; last: both maps have their channels side by
    side. false where an element is made of several, or of none (resize_pick.c).  */
bool tacit_resize_pick(const tacit_tensor_t *x, tacit_tensor_t *y, tacit_tap_t *const *taps,
                       bool last);

/*  Weights of the four neighbours at distance x behind the second, for Keys' cubic.  */
static inline void tacit_cubic(double x, double a, double *ret_weights)
{
    ret_weights[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    ret_weights[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    ret_weights[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    ret_weights[3] = ((a * (2 - x) - 5 * a) * (2 - x) + 8 * a) * (2 - x) - 4 * a;
}

/*  The nearest place within.  */
static inline int64_t tacit_inside(int64_t at, int64_t size)
{
    return at < 0 ? 0 : (at >= size ? size - 1 : at);
}

/*  Whether a mode is one of the names, which NULL ends.  */
static inline bool tacit_is_one_of(const char *text, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

#endif
