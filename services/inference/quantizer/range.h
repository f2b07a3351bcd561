/*  range.h - how far the numbers of a value reach, seen over many rows.

    The ends are the least and the largest number, or those that a share of all numbers lies
    between: for that, numbers are counted in a histogram whose span doubles as they come.  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_RANGE_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TACIT_RANGE_BINS = 8192 };

typedef struct tacit_range {
    float low, high; /* 0 where nothing was seen */
    uint64_t count;
    uint64_t *bins; /* TACIT_RANGE_BINS over -span..span; NULL: nothing is counted */
    double span;    /* a power of 2; 0 while all numbers were 0 */
} tacit_range_t;

/*  Takes numbers in; ret_at is the first that is NaN or infinite, and nothing is taken in then.  */
bool tacit_range_add(tacit_range_t *range, const float *numbers, size_t count, size_t *ret_at);

/*  The ends that `percent` of the numbers lie between, half of the rest beyond each; 100, or
   without bins: all.  */
void tacit_range_ends(const tacit_range_t *range, double percent, float *ret_low, float *ret_high);

#endif
