/*  pair.c - a convolution with a window of 1 and a depthwise one as one step, as MobileNets have
    them: what is between them is the largest map of all, and stays in the second cache, band by
    band.

    Wide first: some blocks of features at a time, from the top to the bottom; the last rows of a
    band are the first ones of the next. Depthwise first: a band of all channels at a time.

    Input and output may lie in blocks, or with the channels side by side (as oneDNN has them).  */

#include "services/inference/engine/portable/convolution.h"

#include <omp.h>
#include <string.h>

/*  The map between: it pays from so many bytes on; and so many of it are there at once.  */
enum { BETWEEN_MIN = 1 << 20, BAND_SIZE = 256 * 1024, BATCH_AXES = 4 };

typedef struct s_pair {
    tacit_convolution_t first, second;
    size_t x_pixel, x_block; /* steps of the input.. */
    size_t y_pixel, y_block; /* ..and of the output */
    size_t rows;             /* of the map between that are there at once */
    size_t unit;             /* blocks of it that are there at once */
    size_t band;             /* rows of outputs */
    int threads;
} s_pair_t;

static size_t s_between_size(const s_pair_t *pair)
{
    return pair->unit * pair->rows * pair->first.to.width * TACIT_BLOCK;
}

static float *s_between(const s_pair_t *pair, const tacit_tensor_t *scratch)
{
    return (float *)scratch->data + (size_t)omp_get_thread_num() * s_between_size(pair);
}

/*  Elements of one image of the input, and of the output.  */
static size_t s_image(const tacit_blocked_t *map, size_t pixel)
{
    size_t area = map->height * map->width;
    return pixel == TACIT_BLOCK ? map->blocks * area * TACIT_BLOCK : area * pixel;
}

/* --- wide first ------------------------------------------------------------------------------- */

/*  Some blocks of features, and which rows of them are there.  */
typedef struct s_window {
    const s_pair_t *pair;
    const float *x; /* the image */
    float *between;
    size_t block, count;
    size_t from, to;
} s_window_t;

/*  Rows [from, to) of the map between; those that are there already move to the front.  */
static void s_widen(s_window_t *window, size_t from, size_t to)
{
    const s_pair_t *pair = window->pair;
    const tacit_convolution_t *first = &pair->first;
    size_t row = first->to.width * TACIT_BLOCK;
    size_t map = pair->rows * row;
    size_t kept = window->to > from ? window->to - from : 0;
    for (size_t b = 0; kept > 0 && b < window->count; b++) {
        float *at = window->between + b * map;
        memmove(at, at + (from - window->from) * row, kept * row * sizeof(float));
    }
    tacit_tile_t tile = tacit_convolution_tile(first);
    tile.x = window->x + (from + kept) * first->from.width * pair->x_pixel;
    tile.x_pixel = pair->x_pixel;
    tile.x_block = pair->x_block;
    tile.w = first->w + window->block * first->blocks * TACIT_BLOCK * TACIT_BLOCK;
    tile.bias = first->bias != NULL ? first->bias + window->block * TACIT_BLOCK : NULL;
    tile.y = window->between + kept * row;
    tile.y_block = map;
    tile.pixels = (to - from - kept) * first->to.width;
    tile.features = window->count * TACIT_BLOCK;
    tacit_vector()->convolve(&tile);
    for (size_t b = 0; b < window->count; b++) {
        tacit_finish_run(&first->finish, tile.y + b * map, tile.pixels * TACIT_BLOCK);
    }
    window->from = from;
    window->to = to;
}

/*  Rows of outputs [first, end) of the blocks, the rows below them being there.  */
static void s_narrow(const s_window_t *window, size_t first, size_t end, float *y)
{
    const s_pair_t *pair = window->pair;
    const tacit_convolution_t *second = &pair->second;
    size_t map = pair->rows * second->from.width * TACIT_BLOCK;
    for (size_t b = 0; b < window->count; b++) {
        tacit_depth_t depth =
            tacit_convolution_depth(second, window->block + b, window->between + b * map);
        depth.height = window->to - window->from;
        depth.y_pixel = pair->y_pixel;
        for (size_t row = first; row < end; row++) {
            depth.top = (ptrdiff_t)(row * (size_t)second->frame.window.stride[1]) -
                        (ptrdiff_t)second->frame.window.begin[1] - (ptrdiff_t)window->from;
            depth.y =
                y + (window->block + b) * pair->y_block + row * second->to.width * pair->y_pixel;
            tacit_vector()->depthwise(&depth);
        }
    }
}

/*  All rows of some blocks.  */
static void s_run_blocks(s_window_t *window, float *y)
{
    const s_pair_t *pair = window->pair;
    const tacit_window_t *of = &pair->second.frame.window;
    size_t reach = (size_t)((of->kernel[1] - 1) * of->dilation[1]) + 1;
    size_t height = pair->first.to.height;
    for (size_t row = 0; row < pair->second.to.height; row += pair->band) {
        size_t left = pair->second.to.height - row;
        size_t end = row + (left < pair->band ? left : pair->band);
        size_t top = row * (size_t)of->stride[1];
        size_t bottom = (end - 1) * (size_t)of->stride[1] + reach;
        size_t before = (size_t)of->begin[1];
        size_t from = top > before ? top - before : 0;
        size_t to = bottom > before ? bottom - before : 0;
        from = from < height ? from : height;
        to = to < height ? to : height;
        if (to > window->to) {
            s_widen(window, from, to);
        }
        s_narrow(window, row, end, y);
    }
}

static const char *s_run_wide_first(const tacit_parameters_t *parameters,
                                    const tacit_tensor_t *inputs, size_t input_count,
                                    tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const s_pair_t *pair = parameters->recipe;
    size_t blocks = pair->first.to.blocks;
    size_t units = (blocks + pair->unit - 1) / pair->unit;
    size_t size_x = s_image(&pair->first.from, pair->x_pixel);
    size_t size_y = s_image(&pair->second.to, pair->y_pixel);
#pragma omp parallel for schedule(static) num_threads(pair->threads) if (pair->threads > 1)
    for (size_t n = 0; n < pair->first.from.batch * units; n++) {
        size_t block = n % units * pair->unit;
        size_t left = blocks - block;
        s_window_t window = {.pair = pair,
                             .x = (const float *)inputs[0].data + n / units * size_x,
                             .between = s_between(pair, &outputs[output_count]),
                             .block = block,
                             .count = left < pair->unit ? left : pair->unit};
        s_run_blocks(&window, (float *)outputs[0].data + n / units * size_y);
    }
    tacit_finish_run(&pair->second.finish, outputs[0].data, pair->second.to.batch * size_y);
    return NULL;
}

/* --- depthwise first -------------------------------------------------------------------------- */

/*  Rows [first, end) of the outputs of one image.  */
static void s_run_band(const s_pair_t *pair, const float *x, float *between, size_t first,
                       size_t end, float *y)
{
    const tacit_convolution_t *depthwise = &pair->first;
    size_t row_size = depthwise->to.width * TACIT_BLOCK;
    size_t map = pair->rows * row_size;
    for (size_t b = 0; b < depthwise->to.blocks; b++) {
        tacit_depth_t depth = tacit_convolution_depth(depthwise, b, x + b * pair->x_block);
        depth.x_pixel = pair->x_pixel;
        for (size_t row = first; row < end; row++) {
            depth.top = (ptrdiff_t)(row * (size_t)depthwise->frame.window.stride[1]) -
                        (ptrdiff_t)depthwise->frame.window.begin[1];
            depth.y = between + b * map + (row - first) * row_size;
            tacit_vector()->depthwise(&depth);
        }
        tacit_finish_run(&depthwise->finish, between + b * map, (end - first) * row_size);
    }
    tacit_tile_t tile = tacit_convolution_tile(&pair->second);
    tile.x = between;
    tile.x_block = map;
    tile.w = pair->second.w;
    tile.bias = pair->second.bias;
    tile.y = y + first * pair->second.to.width * pair->y_pixel;
    tile.y_pixel = pair->y_pixel;
    tile.y_block = pair->y_block;
    tile.pixels = (end - first) * pair->second.to.width;
    tile.features = pair->second.to.blocks * TACIT_BLOCK;
    tacit_vector()->convolve(&tile);
}

static const char *s_run_depthwise_first(const tacit_parameters_t *parameters,
                                         const tacit_tensor_t *inputs, size_t input_count,
                                         tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const s_pair_t *pair = parameters->recipe;
    size_t height = pair->second.to.height;
    size_t bands = (height + pair->band - 1) / pair->band;
    size_t size_x = s_image(&pair->first.from, pair->x_pixel);
    size_t size_y = s_image(&pair->second.to, pair->y_pixel);
#pragma omp parallel for schedule(static) num_threads(pair->threads) if (pair->threads > 1)
    for (size_t n = 0; n < pair->first.from.batch * bands; n++) {
        size_t row = n % bands * pair->band;
        size_t end = row + pair->band < height ? row + pair->band : height;
        s_run_band(pair, (const float *)inputs[0].data + n / bands * size_x,
                   s_between(pair, &outputs[output_count]), row, end,
                   (float *)outputs[0].data + n / bands * size_y);
    }
    tacit_finish_run(&pair->second.finish, outputs[0].data, pair->second.to.batch * size_y);
    return NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

/*  What stands behind the first convolution.  */
typedef struct s_found {
    const tacit_graph_node_t *between; /* an activation, or NULL */
    const tacit_graph_node_t *next;
    tacit_activation_t activation;
    s_pair_t pair;
    tacit_shape_t shape; /* of the output */
} s_found_t;

static bool s_find_next(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                        s_found_t *found)
{
    int value = node->outputs[0];
    found->activation.alg = dnnl_alg_kind_undef;
    found->next = tacit_planner_follower(planner, value);
    if (found->next != NULL && tacit_activation_of(planner, found->next, &found->activation)) {
        found->between = found->next;
        value = found->next->outputs[0];
        found->next = tacit_planner_follower(planner, value);
    }
    return tacit_graph_node_is(found->next, "Conv") && found->next->inputs[0] == value;
}

/*  A constant input of the next node; left out ones stay so.  */
static bool s_take_constant(const tacit_planner_t *planner, const tacit_graph_node_t *next,
                            size_t i, tacit_tensor_t *ret_tensor)
{
    int value = tacit_graph_node_input(next, i);
    int slot = tacit_planner_slot(planner, value);
    *ret_tensor = (tacit_tensor_t){0};
    if (slot == TACIT_NO_SLOT) {
        return value == TACIT_NO_VALUE && i > 1;
    }
    *ret_tensor = *tacit_planner_tensor(planner, slot);
    return ret_tensor->data != NULL;
}

static bool s_describe_next(const tacit_planner_t *planner, const tacit_inference_t *inference,
                            s_found_t *found)
{
    tacit_tensor_t inputs[] = {inference->outputs[0], {0}, {0}};
    tacit_tensor_t output = {.dtype = TACIT_DTYPE_FLOAT32};
    tacit_parameters_t parameters = {{0}};
    size_t scratch = 0;
    tacit_error_t error = {0};
    const tacit_inference_t next = {.graph = inference->graph,
                                    .node = found->next,
                                    .inputs = inputs,
                                    .outputs = &output,
                                    .parameters = &parameters,
                                    .scratch = &scratch,
                                    .error = &error};
    bool fits = s_take_constant(planner, found->next, 1, &inputs[1]) &&
                s_take_constant(planner, found->next, 2, &inputs[2]) &&
                found->next->op->infer(&next) == TACIT_OK &&
                tacit_shape_count(&output.shape, output.dtype, &output.count) && output.count > 0 &&
                tacit_convolution_describe(&next, &found->pair.second);
    found->shape = output.shape;
    return fits;
}

/*  Whether the two are of these kinds; and how to divide the work.  */
static bool s_divide(s_pair_t *pair)
{
    const tacit_window_t *window = &pair->second.frame.window;
    size_t area = pair->first.to.height * pair->first.to.width;
    size_t row = pair->first.to.width * TACIT_BLOCK * sizeof(float);
    bool wide = pair->first.flat && pair->first.groups == 1 &&
                tacit_convolution_is_depthwise(&pair->second);
    bool narrow = tacit_convolution_is_depthwise(&pair->first) && pair->second.flat &&
                  pair->second.groups == 1;
    if ((!wide && !narrow) ||
        area * pair->first.to.blocks * TACIT_BLOCK * sizeof(float) < BETWEEN_MIN) {
        return false;
    }
    pair->threads = tacit_portable_threads();
    pair->unit = wide ? tacit_vector()->blocks : pair->first.to.blocks;
    size_t most = BAND_SIZE / (pair->unit * row);
    if (wide) {
        size_t reach = (size_t)((window->kernel[1] - 1) * window->dilation[1]) + 1;
        size_t stride = (size_t)window->stride[1];
        pair->band = most > reach + stride ? (most - reach) / stride + 1 : 2;
        pair->rows = (pair->band - 1) * stride + reach;
    } else {
        pair->band = pair->rows = most > 0 ? most : 1;
    }
    return true;
}

static bool s_find(const tacit_planner_t *planner, const tacit_inference_t *inference,
                   s_found_t *found)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_tensor_t *bias =
        tacit_graph_node_input(node, 2) != TACIT_NO_VALUE ? &inference->inputs[2] : NULL;
    return tacit_planner_may_merge(planner) && !tacit_planner_is_reduced(planner) &&
           inference->outputs[0].shape.rank == BATCH_AXES && (bias == NULL || bias->data != NULL) &&
           tacit_convolution_describe(inference, &found->pair.first) &&
           s_find_next(planner, node, found) && s_describe_next(planner, inference, found) &&
           s_divide(&found->pair) &&
           tacit_convolution_possible(planner, node, &found->pair.first) &&
           tacit_convolution_possible(planner, found->next, &found->pair.second);
}

/*  The weights stay as they came where oneDNN may want them for another shape.  */
static tacit_status_t s_pack(tacit_planner_t *planner, const tacit_graph_node_t *node,
                             tacit_convolution_t *convolution)
{
    tacit_way_t way;
    tacit_status_t status = tacit_convolution_prepare(planner, node, convolution, &way);
    if (status == TACIT_OK && tacit_planner_onednn(planner) != NULL) {
        tacit_planner_keep(planner, tacit_planner_slot(planner, node->inputs[1]));
    }
    return status;
}

/*  The steps of a map of this layout.  */
static void s_steps(const tacit_blocked_t *map, bool last, size_t *ret_pixel, size_t *ret_block)
{
    *ret_pixel = last ? map->channels : TACIT_BLOCK;
    *ret_block = last ? TACIT_BLOCK : map->height * map->width * TACIT_BLOCK;
}

static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_inference_t *inference,
                                 s_found_t *found, const int slots[2])
{
    tacit_activation_t activation;
    s_pair_t *pair = tacit_planner_room(planner, sizeof(*pair));
    if (pair == NULL) {
        return tacit_planner_error(planner)->code;
    }
    if (found->between != NULL) {
        tacit_planner_absorb(planner, found->between);
    }
    tacit_planner_absorb(planner, found->next);
    int value = tacit_planner_merge_activation(planner, found->next->outputs[0], &activation);
    found->pair.first.finish = tacit_finish_of(&found->activation);
    found->pair.second.finish = tacit_finish_of(&activation);
    tacit_status_t status = s_pack(planner, inference->node, &found->pair.first);
    if (status == TACIT_OK) {
        status = s_pack(planner, found->next, &found->pair.second);
    }
    if (status != TACIT_OK) {
        return status;
    }
    *pair = found->pair;
    tacit_planner_bind(planner, value, slots[1]);
    bool wide = tacit_convolution_is_depthwise(&pair->second);
    return tacit_planner_kernel(planner, wide ? s_run_wide_first : s_run_depthwise_first, "pair",
                                pair, slots, 1, 1,
                                (size_t)pair->threads * s_between_size(pair) * sizeof(float));
}

tacit_status_t tacit_portable_pair(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    s_found_t found = {.next = NULL};
    int slots[2] = {tacit_planner_slot(planner, inference->node->inputs[0]), TACIT_NO_SLOT};
    bool portable = tacit_planner_onednn(planner) == NULL;
    if (!s_find(planner, inference, &found)) {
        return TACIT_OK;
    }
    bool last = !portable && tacit_convolution_is_side_by_side(planner, slots[0]);
    bool whole = found.pair.second.to.channels % TACIT_BLOCK == 0 &&
                 found.pair.first.to.channels % TACIT_BLOCK == 0;
    if (!portable && (!last || !whole)) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t layout =
        last ? tacit_onednn_channels_last(&found.shape) : tacit_blocked_layout(&found.shape);
    slots[0] = portable ? tacit_blocked_slot(planner, slots[0]) : slots[0];
    slots[1] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &found.shape, &layout);
    if (slots[0] == TACIT_NO_SLOT || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    s_steps(&found.pair.first.from, last, &found.pair.x_pixel, &found.pair.x_block);
    s_steps(&found.pair.second.to, last, &found.pair.y_pixel, &found.pair.y_block);
    *ret_done = true;
    return s_add_step(planner, inference, &found, slots);
}
