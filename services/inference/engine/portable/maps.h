/*  maps.h - the inner loops over maps of bytes whose channels lie side by side, built once per
    instruction set (as vector.h). All of them give the same bytes.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_MAPS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_PORTABLE_MAPS_H

#include "services/inference/engine/portable/integer.h"
#include "services/inference/engine/portable/vector.h"

typedef struct tacit_maps {
    /* y[column][row] = x[row][column]; steps from row to row of either.  */
    void (*turn)(const uint8_t *x, size_t rows, size_t x_step, size_t columns, uint8_t *y,
                 size_t y_step);
    /* The largest of places that are as many bytes apart as they say; of at least one.  */
    void (*largest)(const uint8_t *x, const tacit_places_t *places, size_t channels, bool sign,
                    uint8_t *y);
    /* sums[c] += what the bytes of the places are, less the grid's zero point, times its scale, one
       after the other.  */
    void (*gather)(const uint8_t *x, const tacit_places_t *places, size_t channels,
                   tacit_grid_t grid, float *sums);
    /* y = table[x].  */
    void (*look_up)(const uint8_t *x, size_t count, const uint8_t *table, uint8_t *y);
} tacit_maps_t;

/*  Those of the instruction set that vector.h chose.  */
const tacit_maps_t *tacit_maps(void);

extern const tacit_maps_t tacit_maps_baseline;
extern const tacit_maps_t tacit_maps_avx2;
extern const tacit_maps_t tacit_maps_avx512;

#endif
