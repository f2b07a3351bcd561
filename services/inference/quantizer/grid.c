/*  grid.c - see grid.h.  */

#include "services/inference/quantizer/grid.h"

#include <float.h>
#include <math.h>

enum { STEPS = 255, WEIGHT_STEPS = 127 };

/*  No scale is less: its inverse and its square are numbers, too.  */
static const float s_scale_min = 1e-18F;

/*  None is more: all steps are numbers.  */
static const float s_scale_max = FLT_MAX / 256;

/*  A bias has at most so many steps: sums of products are added to it.  */
static const double s_bias_steps = 1 << 30;

tacit_grid_t tacit_grid(float low, float high)
{
    double first = fmin((double)low, 0);
    double last = fmax((double)high, 0);
    if (last - first <= 0) {
        return (tacit_grid_t){.scale = 1, .zero = 0};
    }
    double even = fmin((last - first) / STEPS, (double)s_scale_max);
    float scale = fmaxf((float)even, s_scale_min);
    double zero = fmin(rint(-first / (double)scale), STEPS);
    return (tacit_grid_t){.scale = scale, .zero = (uint8_t)zero};
}

uint8_t tacit_grid_step(const tacit_grid_t *grid, float number)
{
    float step = rintf(number / grid->scale) + (float)grid->zero;
    return (uint8_t)fminf(fmaxf(step, 0), STEPS);
}

float tacit_grid_number(const tacit_grid_t *grid, uint8_t step)
{
    return (float)((int)step - (int)grid->zero) * grid->scale;
}

bool tacit_grid_within(const tacit_grid_t *grid, float low, float high)
{
    return rintf(low / grid->scale) <= -(float)grid->zero &&
           rintf(high / grid->scale) >= (float)(STEPS - (int)grid->zero);
}

float tacit_weights_scale(const tacit_weights_t *weights, float bias, float input_scale)
{
    double most = 0;
    for (size_t r = 0; r < weights->runs; r++) {
        const float *run = weights->numbers + r * weights->stride;
        for (size_t i = 0; i < weights->length; i++) {
            most = fmax(most, fabs((double)run[i]));
        }
    }
    double scale = most * fabs((double)weights->factor) / WEIGHT_STEPS;
    double steps = fabs((double)bias) / (double)input_scale;
    if (scale <= 0) {
        scale = bias != 0 ? steps / (1 << 16) : 1;
    }
    scale = fmax(scale, steps / s_bias_steps);
    return fminf(fmaxf((float)scale, s_scale_min), 1 / s_scale_min);
}

void tacit_weights_steps(const tacit_weights_t *weights, float scale, int8_t *ret_steps)
{
    for (size_t r = 0; r < weights->runs; r++) {
        const float *run = weights->numbers + r * weights->stride;
        int8_t *steps = ret_steps + r * weights->stride;
        for (size_t i = 0; i < weights->length; i++) {
            float step = rintf(run[i] * weights->factor / scale);
            steps[i] = (int8_t)fminf(fmaxf(step, -WEIGHT_STEPS), WEIGHT_STEPS);
        }
    }
}

int32_t tacit_bias_step(float bias, float scale)
{
    double step = rint((double)bias / (double)scale);
    return (int32_t)fmin(fmax(step, -s_bias_steps), s_bias_steps);
}
