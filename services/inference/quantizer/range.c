/*  range.c - see range.h.  */

#include "services/inference/quantizer/range.h"

#include <math.h>
#include <string.h>

/*  Twice the span: two bins become one, nearer to the middle.  */
static void s_widen(tacit_range_t *range)
{
    enum { HALF = TACIT_RANGE_BINS / 2, QUARTER = TACIT_RANGE_BINS / 4 };
    uint64_t *bins = range->bins;
    /* outwards from the middle, so that nothing is read after it was written over */
    for (size_t i = 0; i < QUARTER; i++) {
        bins[HALF + i] = bins[HALF + 2 * i] + bins[HALF + 2 * i + 1];
        bins[HALF - 1 - i] = bins[HALF - 1 - 2 * i] + bins[HALF - 2 - 2 * i];
    }
    memset(bins, 0, QUARTER * sizeof *bins);
    memset(bins + HALF + QUARTER, 0, QUARTER * sizeof *bins);
    range->span *= 2;
}

static void s_count(tacit_range_t *range, const float *numbers, size_t count)
{
    double most = fmax(fabs((double)range->low), fabs((double)range->high));
    if (range->span == 0 && most > 0) {
        int exponent = 0;
        (void)frexp(most, &exponent);
        range->span = ldexp(1, exponent);
        /* what came before was 0 */
        range->bins[TACIT_RANGE_BINS / 2] = range->count - count;
    }
    while (range->span > 0 && range->span < most) {
        s_widen(range);
    }
    if (range->span == 0) {
        return;
    }
    double each = (double)TACIT_RANGE_BINS / (2 * range->span);
    for (size_t i = 0; i < count; i++) {
        size_t bin = (size_t)(((double)numbers[i] + range->span) * each);
        range->bins[bin < TACIT_RANGE_BINS ? bin : TACIT_RANGE_BINS - 1]++;
    }
}

bool tacit_range_add(tacit_range_t *range, const float *numbers, size_t count, size_t *ret_at)
{
    float low = range->count > 0 ? range->low : INFINITY;
    float high = range->count > 0 ? range->high : -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i])) {
            *ret_at = i;
            return false;
        }
        low = numbers[i] < low ? numbers[i] : low;
        high = numbers[i] > high ? numbers[i] : high;
    }
    if (count == 0) {
        return true;
    }
    range->low = low;
    range->high = high;
    range->count += count;
    if (range->bins != NULL) {
        s_count(range, numbers, count);
    }
    return true;
}

void tacit_range_ends(const tacit_range_t *range, double percent, float *ret_low, float *ret_high)
{
    *ret_low = range->low;
    *ret_high = range->high;
    if (range->bins == NULL || range->span == 0 || percent >= 100) {
        return;
    }
    double cut = (100 - percent) / 200 * (double)range->count;
    double width = 2 * range->span / TACIT_RANGE_BINS;
    double below = 0;
    double above = 0;
    size_t first = 0;
    size_t last = TACIT_RANGE_BINS - 1;
    while (first < last && below + (double)range->bins[first] <= cut) {
        below += (double)range->bins[first++];
    }
    while (last > first && above + (double)range->bins[last] <= cut) {
        above += (double)range->bins[last--];
    }
    *ret_low = fmaxf(range->low, (float)((double)first * width - range->span));
    *ret_high = fminf(range->high, (float)((double)(last + 1) * width - range->span));
}
