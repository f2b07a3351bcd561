/*  last_pools.c - largest and mean of windows of maps of bytes whose channels lie side by side.  */

#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/maps.h"
#include "services/inference/engine/portable/portable.h"

#include <omp.h>
#include <string.h>

typedef struct s_pool {
    tacit_frame_t frame;
    size_t channels, row; /* bytes of a place, and of a row of places */
    size_t area_x;        /* bytes of a batch.. */
    size_t places_y;      /* ..and places of its output */
} s_pool_t;

/*  What of a window is in the input, in one dimension; and how many places an average is over.  */
typedef struct s_reach {
    size_t first, count, counted;
} s_reach_t;

static s_reach_t s_reach(const tacit_frame_t *frame, size_t i, size_t at)
{
    const tacit_window_t *window = &frame->window;
    int64_t step = window->dilation[i];
    int64_t from = (int64_t)at * window->stride[i] - window->begin[i];
    int64_t to = from + (window->kernel[i] - 1) * step + 1;
    int64_t first = from < 0 ? from + (-from + step - 1) / step * step : from;
    int64_t end = to < frame->input[i] ? to : frame->input[i];
    int64_t count = end > first ? (end - first + step - 1) / step : 0;
    int64_t padded = frame->input[i] + window->end[i];
    padded = ((to < padded ? to : padded) - from + step - 1) / step;
    return (s_reach_t){.first = count > 0 ? (size_t)first : 0,
                       .count = (size_t)count,
                       .counted = (size_t)(window->count_padding ? padded : count)};
}

/*  The places under one window.  */
typedef struct s_under {
    const uint8_t *x;
    tacit_places_t places;
    size_t counted;
} s_under_t;

static s_under_t s_under(const s_pool_t *pool, const uint8_t *map, size_t place)
{
    const tacit_frame_t *frame = &pool->frame;
    size_t width = (size_t)frame->output[2];
    s_reach_t rows = s_reach(frame, 1, place / width);
    s_reach_t columns = s_reach(frame, 2, place % width);
    const int64_t *apart = frame->window.dilation;
    return (s_under_t){.x = map + rows.first * pool->row + columns.first * pool->channels,
                       .places = {.rows = columns.count > 0 ? rows.count : 0,
                                  .row_step = (size_t)apart[1] * pool->row,
                                  .places = columns.count,
                                  .step = (size_t)apart[2] * pool->channels},
                       .counted = rows.counted * columns.counted};
}

/*  Windows over lines or planes; over what is deep the plain kernel goes.  */
static bool s_takes(const tacit_inference_t *inference)
{
    const tacit_tensor_t *x = &inference->inputs[0];
    return inference->node->output_count == 1 && (x->shape.rank == 3 || x->shape.rank == 4) &&
           (x->dtype == TACIT_DTYPE_UINT8 || x->dtype == TACIT_DTYPE_INT8);
}

/*  A step from the first input, turned to channels side by side, to a map of that kind.  */
static tacit_status_t s_plan(tacit_planner_t *planner, const tacit_inference_t *inference,
                             tacit_kernel_t kernel, size_t scratch)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    s_pool_t *pool = tacit_planner_room(planner, sizeof(*pool));
    if (pool == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *pool = (s_pool_t){.frame = tacit_window_frame(&inference->parameters->window, x, y),
                       .channels = (size_t)x->dims[1],
                       .row = (size_t)(x->dims[1] * x->dims[x->rank - 1]),
                       .area_x = tacit_shape_span(x, 1, x->rank),
                       .places_y = tacit_shape_span(y, 2, y->rank)};
    slots[0] = tacit_last_slot(planner, tacit_planner_slot(planner, node->inputs[0]));
    for (size_t i = 1; i < node->input_count; i++) {
        slots[i] = tacit_planner_slot(planner, node->inputs[i]);
    }
    int to = slots[0] != TACIT_NO_SLOT ? tacit_last_new(planner, inference->outputs[0].dtype, y)
                                       : TACIT_NO_SLOT;
    if (to == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[node->input_count] = to;
    tacit_planner_bind(planner, node->outputs[0], to);
    return tacit_planner_kernel(planner, kernel, "channels", pool, slots, node->input_count, 1,
                                (size_t)tacit_portable_threads() * scratch);
}

/* --- MaxPool ---------------------------------------------------------------------------------- */

enum { LEAST_WITH_SIGN = 0x80 };

static const char *s_run_largest(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                 size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_pool_t *pool = parameters->recipe;
    bool sign = inputs[0].dtype == TACIT_DTYPE_INT8;
    size_t places = (size_t)outputs[0].shape.dims[0] * pool->places_y;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < places; n++) {
        const uint8_t *map = (const uint8_t *)inputs[0].data + n / pool->places_y * pool->area_x;
        uint8_t *y = (uint8_t *)outputs[0].data + n * pool->channels;
        s_under_t under = s_under(pool, map, n % pool->places_y);
        if (under.places.rows > 0) {
            tacit_maps()->largest(under.x, &under.places, pool->channels, sign, y);
        } else {
            memset(y, sign ? LEAST_WITH_SIGN : 0, pool->channels); /* all is padding */
        }
    }
    return NULL;
}

tacit_status_t tacit_last_max_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    *ret_done = s_takes(inference);
    return *ret_done ? s_plan(planner, inference, s_run_largest, 0) : TACIT_OK;
}

/* --- QLinearAveragePool ----------------------------------------------------------------------- */

enum { X = 0, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO };

/*  Averages of reals, which are placed on the grid at last: as the plain kernel.  */
static const char *s_run_mean(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    const s_pool_t *pool = parameters->recipe;
    tacit_grid_t of_x = tacit_quantized_grid(inputs, input_count, X, X_SCALE, X_ZERO);
    tacit_grid_t of_y = tacit_quantized_grid(inputs, input_count, X, Y_SCALE, Y_ZERO);
    size_t places = (size_t)outputs[0].shape.dims[0] * pool->places_y;
    float *scratch = outputs[output_count].data;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < places; n++) {
        float *sums = scratch + (size_t)omp_get_thread_num() * pool->channels;
        const uint8_t *map = (const uint8_t *)inputs[X].data + n / pool->places_y * pool->area_x;
        s_under_t under = s_under(pool, map, n % pool->places_y);
        float counted = (float)(under.counted > 0 ? under.counted : 1);
        memset(sums, 0, pool->channels * sizeof(float));
        tacit_maps()->gather(under.x, &under.places, pool->channels, of_x, sums);
        for (size_t c = 0; c < pool->channels; c++) {
            sums[c] /= counted;
        }
        tacit_integer()->quantize(sums, pool->channels, of_y,
                                  (uint8_t *)outputs[0].data + n * pool->channels);
    }
    return NULL;
}

tacit_status_t tacit_last_average_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                       bool *ret_done)
{
    *ret_done = s_takes(inference);
    return *ret_done ? s_plan(planner, inference, s_run_mean,
                              (size_t)inference->inputs[0].shape.dims[1] * sizeof(float))
                     : TACIT_OK;
}
