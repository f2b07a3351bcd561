/*  pools.c - largest and mean of windows of blocked maps.  */

#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/portable.h"

#include <math.h>

typedef struct s_pool {
    tacit_frame_t frame;
    bool largest;
    tacit_blocked_t from, to;
} s_pool_t;

/*  The window's places inside the input: the first, and how many.  */
static size_t s_places(const s_pool_t *pool, size_t i, size_t at, int64_t *ret_first)
{
    const tacit_window_t *window = &pool->frame.window;
    int64_t start = (int64_t)at * window->stride[i] - window->begin[i];
    int64_t apart = window->dilation[i];
    int64_t skipped = start < 0 ? (-start + apart - 1) / apart : 0;
    int64_t first = start + skipped * apart;
    int64_t room = pool->frame.input[i] - first;
    int64_t fit = room > 0 ? (room + apart - 1) / apart : 0;
    int64_t left = window->kernel[i] - skipped;
    *ret_first = first;
    return (size_t)(fit < left ? fit : left > 0 ? left : 0);
}

/*  How many places an average is over, where the padding counts.  */
static size_t s_padded(const s_pool_t *pool, size_t i, size_t at)
{
    const tacit_window_t *window = &pool->frame.window;
    int64_t from = (int64_t)at * window->stride[i] - window->begin[i];
    int64_t end = pool->frame.input[i] + window->end[i];
    int64_t to = from + (window->kernel[i] - 1) * window->dilation[i] + 1;
    to = to < end ? to : end;
    return (size_t)((to - from + window->dilation[i] - 1) / window->dilation[i]);
}

static void s_pool_at(const s_pool_t *pool, const float *map, size_t row, size_t column, float *y)
{
    const tacit_vector_t *vector = tacit_vector();
    const tacit_window_t *window = &pool->frame.window;
    int64_t top = 0;
    int64_t left = 0;
    size_t rows = s_places(pool, 1, row, &top);
    size_t places = s_places(pool, 2, column, &left);
    const tacit_places_t under = {.rows = rows,
                                  .row_step = (size_t)window->dilation[1] * pool->from.width,
                                  .places = places,
                                  .step = (size_t)window->dilation[2]};
    const float *x = map + (top * (int64_t)pool->from.width + left) * TACIT_BLOCK;
    if (pool->largest) {
        vector->largest(x, &under, y);
    } else {
        vector->sum(x, &under, y);
    }
    if (!pool->largest) {
        size_t count = window->count_padding ? s_padded(pool, 1, row) * s_padded(pool, 2, column)
                                             : rows * places;
        float factor = 1.0F / (float)(count > 0 ? count : 1);
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            y[lane] *= factor;
        }
    }
}

static const char *s_run_pool(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_pool_t *pool = parameters->recipe;
    size_t area_x = pool->from.height * pool->from.width * TACIT_BLOCK;
    size_t area_y = pool->to.height * pool->to.width * TACIT_BLOCK;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < pool->to.batch * pool->to.blocks; n++) {
        float *y = (float *)outputs[0].data + n * area_y;
        for (size_t i = 0; i < pool->to.height * pool->to.width; i++) {
            s_pool_at(pool, (const float *)inputs[0].data + n * area_x, i / pool->to.width,
                      i % pool->to.width, y + i * TACIT_BLOCK);
        }
    }
    return NULL;
}

static tacit_status_t s_plan_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  bool largest, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[2] = {tacit_planner_slot(planner, node->inputs[0]), TACIT_NO_SLOT};
    if (node->output_count > 1 || !tacit_blocked_is(planner, slots[0])) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t layout = tacit_blocked_layout(shape);
    s_pool_t *pool = tacit_planner_room(planner, sizeof(*pool));
    slots[1] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    if (pool == NULL || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *pool = (s_pool_t){.frame = tacit_window_frame(&inference->parameters->window,
                                                   &inference->inputs[0].shape, shape),
                       .largest = largest,
                       .from = tacit_blocked_of(&inference->inputs[0].shape),
                       .to = tacit_blocked_of(shape)};
    tacit_planner_bind(planner, node->outputs[0], slots[1]);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_run_pool, "blocked", pool, slots, 1, 1, 0);
}

tacit_status_t tacit_portable_max_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                       bool *ret_done)
{
    return inference->inputs[0].dtype == TACIT_DTYPE_FLOAT32
               ? s_plan_pool(planner, inference, true, ret_done)
               : tacit_last_max_pool(planner, inference, ret_done);
}

tacit_status_t tacit_portable_average_pool(tacit_planner_t *planner,
                                           const tacit_inference_t *inference, bool *ret_done)
{
    return s_plan_pool(planner, inference, false, ret_done);
}
