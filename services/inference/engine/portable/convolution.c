/*  convolution.c - Conv over blocked maps: tiles of outputs and features (vector.h), rows of blocks
    where each channel has a filter of its own.

    Padding is copied around the input first, so that the inner loop knows no borders; depthwise
    rows look where the input ends instead. An input of a few channels is read as it lies.  */

#include "services/inference/engine/portable/convolution.h"

#include <string.h>

bool tacit_convolution_is_depthwise(const tacit_convolution_t *recipe)
{
    return recipe->groups > 1 && recipe->channels == 1 && !recipe->spread;
}

/* --- weights ---------------------------------------------------------------------------------- */

size_t tacit_convolution_window(const tacit_convolution_t *recipe)
{
    const int64_t *kernel = recipe->frame.window.kernel;
    return (size_t)(kernel[0] * kernel[1] * kernel[2]);
}

static void s_fill(const void *given, const void *source, void *ret_packed)
{
    const tacit_convolution_t *recipe = given;
    const float *from = source;
    float *to = ret_packed;
    size_t window = tacit_convolution_window(recipe);
    size_t features = recipe->groups * recipe->features;
    for (size_t f = 0; f < features; f++) {
        for (size_t c = 0; c < recipe->channels; c++) {
            size_t row = (f / TACIT_BLOCK * recipe->blocks + c / TACIT_BLOCK) * window;
            for (size_t i = 0; i < window; i++) {
                to[((row + i) * TACIT_BLOCK + c % TACIT_BLOCK) * TACIT_BLOCK + f % TACIT_BLOCK] =
                    from[(f * recipe->channels + c) * window + i];
            }
        }
    }
}

static void s_fill_depthwise(const void *given, const void *source, void *ret_packed)
{
    const tacit_convolution_t *recipe = given;
    const float *from = source;
    float *to = ret_packed;
    size_t window = tacit_convolution_window(recipe);
    for (size_t c = 0; c < recipe->groups; c++) {
        for (size_t i = 0; i < window; i++) {
            to[(c / TACIT_BLOCK * window + i) * TACIT_BLOCK + c % TACIT_BLOCK] =
                from[c * window + i];
        }
    }
}

static size_t s_packed_size(const tacit_convolution_t *recipe)
{
    size_t blocks = (recipe->groups * recipe->features + TACIT_BLOCK - 1) / TACIT_BLOCK;
    size_t each = tacit_convolution_is_depthwise(recipe)
                      ? TACIT_BLOCK
                      : recipe->blocks * TACIT_BLOCK * TACIT_BLOCK;
    return blocks * each * tacit_convolution_window(recipe) * sizeof(float);
}

/* --- running ---------------------------------------------------------------------------------- */

/*  One image with its padding, in blocks or as it lies.  */
static void s_pad(const tacit_convolution_t *recipe, const float *x, float *padded)
{
    size_t step = recipe->plain ? 1 : TACIT_BLOCK;
    size_t maps = recipe->plain ? recipe->from.channels : recipe->from.blocks;
    size_t left = (size_t)recipe->frame.window.begin[2] * step;
    size_t top = (size_t)recipe->frame.window.begin[1];
    size_t row = recipe->from.width * step;
    size_t right = recipe->width * step - row - left;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < maps; n++) {
        float *to = padded + n * recipe->height * recipe->width * step;
        const float *from = x + n * recipe->from.height * row;
        for (size_t i = 0; i < recipe->height; i++, to += recipe->width * step) {
            if (i < top || i - top >= recipe->from.height) {
                memset(to, 0, recipe->width * step * sizeof(float));
                continue;
            }
            memset(to, 0, left * sizeof(float));
            memcpy(to + left, from + (i - top) * row, row * sizeof(float));
            memset(to + left + row, 0, right * sizeof(float));
        }
    }
}

tacit_tile_t tacit_convolution_tile(const tacit_convolution_t *recipe)
{
    const tacit_window_t *window = &recipe->frame.window;
    size_t step = recipe->plain ? 1 : TACIT_BLOCK;
    size_t area = recipe->height * recipe->width;
    return (tacit_tile_t){.x_pixel = step * (size_t)window->stride[2],
                          .x_channel = recipe->plain ? recipe->depth * area : 1,
                          .x_block = recipe->depth * area * TACIT_BLOCK,
                          .x_row = recipe->width * step * (size_t)window->dilation[1],
                          .x_place = step * (size_t)window->dilation[2],
                          .blocks = recipe->blocks,
                          .last = recipe->last,
                          .rows = (size_t)window->kernel[1],
                          .places = (size_t)window->kernel[2],
                          .deep = (size_t)window->kernel[0] - 1,
                          .x_plane = area * step * (size_t)window->dilation[0],
                          .y_pixel = TACIT_BLOCK,
                          .y_block = recipe->to.height * recipe->to.width * TACIT_BLOCK,
                          .pixels = recipe->flat ? area : recipe->to.width,
                          .add = recipe->add,
                          .low = recipe->finish.low,
                          .high = recipe->finish.high};
}

/*  Some blocks of features of one image: all rows.  */
void tacit_convolution_run_blocks(const tacit_convolution_t *recipe, const float *x, float *y,
                                  size_t block, size_t count)
{
    tacit_tile_t tile = tacit_convolution_tile(recipe);
    size_t first = recipe->spread ? tacit_groups_aim(recipe, block, &tile)
                                  : block * TACIT_BLOCK / recipe->features * recipe->blocks;
    size_t size = recipe->blocks * tacit_convolution_window(recipe) * TACIT_BLOCK * TACIT_BLOCK;
    size_t down =
        (size_t)recipe->frame.window.stride[1] * recipe->width * (recipe->plain ? 1 : TACIT_BLOCK);
    tile.w = recipe->w + block * size;
    tile.bias = recipe->bias != NULL ? recipe->bias + block * TACIT_BLOCK : NULL;
    tile.features = count * TACIT_BLOCK;
    x += first * tile.x_block;
    size_t rows = recipe->flat ? 1 : recipe->to.height;
    for (size_t row = 0; row < rows; row++) {
        tile.x = x + row * down;
        tile.y = y + row * recipe->to.width * TACIT_BLOCK;
        tacit_vector()->convolve(&tile);
    }
    for (size_t b = 0; recipe->finish.curved && b < count; b++) {
        tacit_finish_run(&recipe->finish, y + b * tile.y_block, tile.y_block);
    }
}

/*  As many blocks at once as a tile takes; a step does not cross a group.  */
size_t tacit_convolution_step(const tacit_convolution_t *recipe)
{
    const tacit_vector_t *vector = tacit_vector();
    size_t pixels = recipe->flat ? recipe->height * recipe->width : recipe->to.width;
    size_t step = pixels <= vector->narrow ? vector->wide : vector->blocks;
    while (recipe->groups > 1 && recipe->features / TACIT_BLOCK % step != 0) {
        step--;
    }
    return recipe->spread ? 1 : step;
}

static const char *s_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const tacit_convolution_t *recipe = parameters->recipe;
    const tacit_blocked_t *from = &recipe->from;
    float *padded = outputs[output_count].data;
    size_t maps = recipe->plain ? from->channels : from->blocks * TACIT_BLOCK;
    size_t size_x = maps * from->height * from->width;
    size_t size_b = recipe->to.height * recipe->to.width * TACIT_BLOCK;
    size_t size_y = recipe->to.blocks * size_b;
    size_t step = tacit_convolution_step(recipe);
    size_t units = (recipe->to.blocks + step - 1) / step;
    for (size_t n = 0; n < from->batch; n++) {
        const float *x = (const float *)inputs[0].data + n * size_x;
        float *y = (float *)outputs[0].data + n * size_y;
        if (padded != NULL) {
            s_pad(recipe, x, padded);
            x = padded;
        }
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
        for (size_t unit = 0; unit < units; unit++) {
            size_t left = recipe->to.blocks - unit * step;
            tacit_convolution_run_blocks(recipe, x, y + unit * step * size_b, unit * step,
                                         left < step ? left : step);
        }
    }
    return NULL;
}

tacit_depth_t tacit_convolution_depth(const tacit_convolution_t *recipe, size_t block,
                                      const float *x)
{
    const tacit_window_t *window = &recipe->frame.window;
    return (tacit_depth_t){.x = x,
                           .width = recipe->from.width,
                           .height = recipe->from.height,
                           .x_pixel = TACIT_BLOCK,
                           .w = recipe->w + block * tacit_convolution_window(recipe) * TACIT_BLOCK,
                           .bias = recipe->bias != NULL ? recipe->bias + block * TACIT_BLOCK : NULL,
                           .y_pixel = TACIT_BLOCK,
                           .pixels = recipe->to.width,
                           .left = -(ptrdiff_t)window->begin[2],
                           .rows = (size_t)window->kernel[1],
                           .places = (size_t)window->kernel[2],
                           .stride = (size_t)window->stride[2],
                           .apart = (size_t)window->dilation[2],
                           .add = recipe->add,
                           .low = recipe->finish.low,
                           .high = recipe->finish.high};
}

static const char *s_run_depthwise(const tacit_parameters_t *parameters,
                                   const tacit_tensor_t *inputs, size_t input_count,
                                   tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const tacit_convolution_t *recipe = parameters->recipe;
    const tacit_window_t *window = &recipe->frame.window;
    const tacit_blocked_t *from = &recipe->from;
    const tacit_blocked_t *to = &recipe->to;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < from->batch * from->blocks; n++) {
        float *y = (float *)outputs[0].data + n * to->height * to->width * TACIT_BLOCK;
        tacit_depth_t depth = tacit_convolution_depth(
            recipe, n % from->blocks,
            (const float *)inputs[0].data + n * from->height * from->width * TACIT_BLOCK);
        for (size_t row = 0; row < to->height; row++) {
            depth.top = (ptrdiff_t)row * (ptrdiff_t)window->stride[1] - (ptrdiff_t)window->begin[1];
            depth.y = y + row * to->width * TACIT_BLOCK;
            tacit_vector()->depthwise(&depth);
        }
        tacit_finish_run(&recipe->finish, y, to->height * to->width * TACIT_BLOCK);
    }
    return NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

/*  What the shapes say; false where these kernels do not take it.  */
bool tacit_convolution_describe(const tacit_inference_t *inference, tacit_convolution_t *ret_recipe)
{
    const tacit_shape_t *w = &inference->inputs[1].shape;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    size_t groups = (size_t)inference->parameters->window.group;
    if (x->rank < 3 || x->rank > 5 || inference->inputs[1].data == NULL) {
        return false;
    }
    tacit_convolution_t recipe = {.frame = tacit_window_frame(&inference->parameters->window, x,
                                                              &inference->outputs[0].shape),
                                  .from = tacit_blocked_of(x),
                                  .to = tacit_blocked_of(&inference->outputs[0].shape),
                                  .volume = x->rank == 5,
                                  .groups = groups,
                                  .features = (size_t)w->dims[0] / groups,
                                  .channels = (size_t)w->dims[1]};
    const tacit_window_t *window = &recipe.frame.window;
    recipe.blocks = (recipe.channels + TACIT_BLOCK - 1) / TACIT_BLOCK;
    recipe.last = recipe.channels - (recipe.blocks - 1) * TACIT_BLOCK;
    recipe.depth = (size_t)(recipe.frame.input[0] + window->begin[0] + window->end[0]);
    recipe.height = recipe.from.height + (size_t)(window->begin[1] + window->end[1]);
    recipe.width = recipe.from.width + (size_t)(window->begin[2] + window->end[2]);
    bool one = window->kernel[1] == 1 && window->kernel[2] == 1 && window->stride[1] == 1 &&
               window->stride[2] == 1;
    recipe.flat = one && recipe.height == recipe.from.height && recipe.width == recipe.from.width;
    bool whole = recipe.channels % TACIT_BLOCK == 0 && recipe.features % TACIT_BLOCK == 0;
    bool depthwise = recipe.channels == 1 && recipe.features == 1;
    bool even = window->dilation[1] == window->dilation[2];
    *ret_recipe = recipe;
    return groups == 1 || whole || (depthwise && even) || tacit_groups_fit(ret_recipe);
}

/*  Bytes for the padded image; 0 where there is nothing to pad.  */
static size_t s_scratch(const tacit_convolution_t *recipe)
{
    bool same = recipe->height == recipe->from.height && recipe->width == recipe->from.width;
    size_t maps = recipe->plain ? recipe->from.channels : recipe->from.blocks * TACIT_BLOCK;
    return same || tacit_convolution_is_depthwise(recipe)
               ? 0
               : maps * recipe->height * recipe->width * sizeof(float);
}

enum { KIND_WINOGRAD = 3, KIND_TILES = 2, KIND_SPREAD = 1, KIND_GROUP = 4 };

/*  Once the weights were let go, what is packed of them decides.  */
static tacit_way_t s_choose(const tacit_planner_t *planner, tacit_convolution_t *recipe, int w)
{
    if (tacit_winograd_fits(planner, recipe) && tacit_planner_may_pack(planner, w, KIND_WINOGRAD)) {
        return (tacit_way_t){.how = "winograd",
                             .kind = KIND_WINOGRAD,
                             .size = tacit_winograd_size(recipe),
                             .scratch = tacit_winograd_scratch(recipe),
                             .fill = tacit_winograd_fill,
                             .run = tacit_winograd_run};
    }
    if (recipe->spread) {
        return (tacit_way_t){.how = "groups",
                             .kind = KIND_SPREAD + KIND_GROUP * (uint64_t)recipe->groups,
                             .size = s_packed_size(recipe),
                             .scratch = s_scratch(recipe),
                             .fill = tacit_groups_fill,
                             .run = s_run};
    }
    bool depthwise = tacit_convolution_is_depthwise(recipe);
    return (tacit_way_t){.how = depthwise ? "depthwise" : "tiles",
                         .kind = KIND_TILES + KIND_GROUP * (uint64_t)recipe->groups,
                         .size = s_packed_size(recipe),
                         .scratch = s_scratch(recipe),
                         .fill = depthwise ? s_fill_depthwise : s_fill,
                         .run = depthwise ? s_run_depthwise : s_run};
}

bool tacit_convolution_possible(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                                tacit_convolution_t *recipe)
{
    int w = tacit_planner_slot(planner, node->inputs[1]);
    return tacit_planner_may_pack(planner, w, s_choose(planner, recipe, w).kind);
}

tacit_status_t tacit_convolution_prepare(tacit_planner_t *planner, const tacit_graph_node_t *node,
                                         tacit_convolution_t *recipe, tacit_way_t *ret_way)
{
    int bias = tacit_graph_node_input(node, 2);
    int w = tacit_planner_slot(planner, node->inputs[1]);
    tacit_way_t way = s_choose(planner, recipe, w);
    recipe->w = tacit_planner_pack(planner, w, way.kind, way.size, way.fill, recipe);
    if (way.kind == KIND_WINOGRAD || recipe->spread) {
        tacit_planner_keep(planner, w); /* other shapes may want another way */
    }
    *ret_way = way;
    return recipe->w != NULL
               ? tacit_blocked_vector(planner,
                                      bias != TACIT_NO_VALUE ? tacit_planner_slot(planner, bias)
                                                             : TACIT_NO_SLOT,
                                      recipe->to.channels, &recipe->bias)
               : tacit_planner_error(planner)->code;
}

bool tacit_convolution_is_side_by_side(const tacit_planner_t *planner, int slot)
{
    dnnl_memory_desc_t last =
        tacit_onednn_channels_last(&tacit_planner_tensor(planner, slot)->shape);
    return dnnl_memory_desc_equal(&last, tacit_planner_layout(planner, slot)) != 0;
}

static bool s_is_blocked(const tacit_planner_t *planner, int slot)
{
    dnnl_memory_desc_t blocked = tacit_blocked_layout(&tacit_planner_tensor(planner, slot)->shape);
    return dnnl_memory_desc_equal(&blocked, tacit_planner_layout(planner, slot)) != 0;
}

/*  The step from slot x, with the sum and the activation that follow.  */
static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_inference_t *inference,
                                 const tacit_convolution_t *found, int x)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    tacit_convolution_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (x == TACIT_NO_SLOT || recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    tacit_activation_t activation;
    tacit_sum_t sum;
    tacit_way_t way;
    int value = node->outputs[0];
    if (tacit_planner_merge_sum(planner, value, shape, &sum)) {
        value = sum.node->outputs[0];
    }
    value = tacit_planner_merge_activation(planner, value, &activation);
    *recipe = *found;
    recipe->finish = tacit_finish_of(&activation);
    recipe->add = sum.node != NULL;
    tacit_status_t status = tacit_convolution_prepare(planner, node, recipe, &way);
    if (status != TACIT_OK) {
        return status;
    }
    dnnl_memory_desc_t layout =
        found->side_by_side ? tacit_onednn_channels_last(shape) : tacit_blocked_layout(shape);
    int slots[2] = {x, sum.node != NULL
                           ? tacit_planner_take_place(planner, sum.other, sum.node, &layout)
                           : tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout)};
    if (slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[1]);
    return tacit_planner_kernel(planner, way.run, way.how, recipe, slots, 1, 1, way.scratch);
}

static bool s_takes(const tacit_inference_t *inference, tacit_convolution_t *ret_found)
{
    bool biased = tacit_graph_node_input(inference->node, 2) != TACIT_NO_VALUE;
    return tacit_convolution_describe(inference, ret_found) &&
           (!biased || inference->inputs[2].data != NULL);
}

tacit_status_t tacit_portable_convolution(tacit_planner_t *planner,
                                          const tacit_inference_t *inference, bool *ret_done)
{
    tacit_convolution_t found;
    tacit_status_t status = tacit_portable_pair(planner, inference, ret_done);
    if (status != TACIT_OK || *ret_done || !s_takes(inference, &found) ||
        (found.spread && !tacit_planner_may_merge(planner))) {
        return status;
    }
    if (found.volume) {
        return tacit_portable_volume(planner, inference, &found, ret_done);
    }
    int x = tacit_planner_slot(planner, inference->node->inputs[0]);
    found.plain = found.groups == 1 && found.from.channels < TACIT_BLOCK / 2 &&
                  tacit_planner_is_plain(planner, x);
    *ret_done = true;
    return s_add_step(planner, inference, &found, found.plain ? x : tacit_blocked_slot(planner, x));
}

tacit_status_t tacit_portable_winograd(tacit_planner_t *planner, const tacit_inference_t *inference,
                                       bool *ret_done)
{
    tacit_convolution_t found;
    int x = tacit_planner_slot(planner, inference->node->inputs[0]);
    int w = tacit_planner_slot(planner, inference->node->inputs[1]);
    bool side_by_side = tacit_convolution_is_side_by_side(planner, x);
    if (tacit_planner_is_reduced(planner) || inference->outputs[0].shape.rank != 4 ||
        !s_takes(inference, &found) || found.from.channels % TACIT_BLOCK != 0 ||
        found.to.channels % TACIT_BLOCK != 0 || (!side_by_side && !s_is_blocked(planner, x)) ||
        !tacit_winograd_fits(planner, &found) ||
        !tacit_planner_may_pack(planner, w, KIND_WINOGRAD)) {
        return TACIT_OK;
    }
    found.side_by_side = side_by_side;
    *ret_done = true;
    return s_add_step(planner, inference, &found, x);
}
