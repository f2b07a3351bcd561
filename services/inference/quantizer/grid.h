/*  grid.h - from numbers to steps: the grid of an activation (uint8, one scale and zero point), of
    weights (int8 around 0, a scale per feature), of biases (int32 in steps of both scales'
    product).  */

#ifndef TACIT_SERVICES_INFERENCE_QUANTIZER_GRID_H
#define TACIT_SERVICES_INFERENCE_QUANTIZER_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tacit_grid {
    float scale; /* of a step, above 0 */
    uint8_t zero;
} tacit_grid_t;

/*  The grid over low..high and 0, which has a step of its own. The ends are met to half a step,
    but those of a span whose steps float32 could not hold. Both are finite, and low <= high.  */
tacit_grid_t tacit_grid(float low, float high);

uint8_t tacit_grid_step(const tacit_grid_t *grid, float number);
float tacit_grid_number(const tacit_grid_t *grid, uint8_t step);

/*  Whether a clip to low..high changes nothing that the grid holds: its ends are no further.  */
bool tacit_grid_within(const tacit_grid_t *grid, float low, float high);

/*  Where the weights of one feature lie: `runs` runs of `length`, `stride` apart.  */
typedef struct tacit_weights {
    const float *numbers;
    size_t runs, length, stride;
    float factor; /* of all */
} tacit_weights_t;

/*  The scale of a feature's weights. Where a bias comes with them its steps are this scale times
    the input's: the scale is made larger where it would not fit an int32 then, and is of the bias
    alone where all weights are 0.  */
float tacit_weights_scale(const tacit_weights_t *weights, float bias, float input_scale);

/*  Writes the steps where the weights lie, in an array of the same order.  */
void tacit_weights_steps(const tacit_weights_t *weights, float scale, int8_t *ret_steps);

int32_t tacit_bias_step(float bias, float scale);

#endif
