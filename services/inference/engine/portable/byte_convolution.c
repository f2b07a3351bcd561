/*  byte_convolution.c - plans ConvInteger and QLinearConv with the tiles of byte_tile.h and the
    loops of byte_depth.h. For both backends, where oneDNN has nothing exact.  */

#include "services/inference/engine/portable/byte_convolution.h"

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/last.h"

enum { HALF_OF_BYTES = 128, KIND_WINDOWS = 0x77696e64 };

/*  Whether weights are around 0, once those of uint8 are 128 less.  */
static bool s_is_around_zero(const tacit_operands_t *o, const tacit_inference_t *inference)
{
    const tacit_tensor_t *inputs = inference->inputs;
    size_t count = inference->node->input_count;
    int32_t middle = inputs[o->b].dtype == TACIT_DTYPE_UINT8 ? HALF_OF_BYTES : 0;
    if (!tacit_given(inputs, count, o->b_zero)) {
        return middle == 0;
    }
    bool around = inputs[o->b_zero].data != NULL;
    for (size_t i = 0; around && i < inputs[o->b_zero].count; i++) {
        around = tacit_quantized_zero(inputs, count, o->b_zero, i) == middle;
    }
    return around;
}

/*  What the loops of byte_depth.h have room for.  */
static bool s_is_depthwise(const tacit_byte_convolution_t *recipe)
{
    const tacit_window_t *window = &recipe->frame.window;
    return recipe->groups > 1 && recipe->channels == 1 && recipe->features == 1 &&
           window->kernel[1] <= TACIT_DEPTH_ROWS_MAX &&
           window->kernel[2] <= TACIT_DEPTH_PLACES_MAX &&
           (window->kernel[2] - 1) * window->dilation[2] < TACIT_DEPTH_SPAN_MAX;
}

static void s_describe_weights(const tacit_inference_t *inference, tacit_byte_convolution_t *recipe)
{
    const tacit_window_t *window = &recipe->frame.window;
    size_t rows = (size_t)window->kernel[1];
    size_t places = (size_t)window->kernel[2];
    bool flip = inference->inputs[recipe->operands->b].dtype == TACIT_DTYPE_UINT8;
    recipe->weights =
        (tacit_byte_weights_t){.features = recipe->features,
                               .rows = rows,
                               .places = places,
                               .channels = recipe->channels,
                               .feature = recipe->channels * rows * places,
                               .row = places,
                               .place = 1,
                               .channel = rows * places,
                               .joined = recipe->groups == 1 && window->dilation[2] == 1,
                               .flip = flip};
    recipe->filters = (tacit_byte_filters_t){
        .channels = recipe->groups, .rows = rows, .places = places, .flip = flip};
}

/*  What the shapes say; false where these loops do not take it.  */
static bool s_describe(const tacit_operands_t *o, const tacit_inference_t *inference,
                       tacit_byte_convolution_t *ret_recipe)
{
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *x = &inputs[o->a].shape;
    const tacit_shape_t *w = &inputs[o->b].shape;
    if ((x->rank != 3 && x->rank != 4) || inputs[o->b].data == NULL ||
        !s_is_around_zero(o, inference)) {
        return false;
    }
    size_t groups = (size_t)inference->parameters->window.group;
    tacit_byte_convolution_t recipe = {.operands = o,
                                       .frame = tacit_window_frame(&inference->parameters->window,
                                                                   x, &inference->outputs[0].shape),
                                       .from = tacit_blocked_of(x),
                                       .to = tacit_blocked_of(&inference->outputs[0].shape),
                                       .groups = groups,
                                       .channels = (size_t)w->dims[1],
                                       .features = (size_t)w->dims[0] / groups,
                                       .flip = inputs[o->a].dtype == TACIT_DTYPE_INT8,
                                       .sums = o->y_scale == 0};
    recipe.depthwise = s_is_depthwise(&recipe);
    s_describe_weights(inference, &recipe);
    *ret_recipe = recipe;
    return true;
}

/*  How the input is read, given the order it lies in.  */
static void s_choose_copy(tacit_byte_convolution_t *recipe, bool plain)
{
    const tacit_window_t *window = &recipe->frame.window;
    size_t down = (size_t)(window->begin[1] + window->end[1]);
    size_t right = (size_t)(window->begin[2] + window->end[2]);
    bool one = window->kernel[1] == 1 && window->kernel[2] == 1 && window->stride[1] == 1 &&
               window->stride[2] == 1;
    size_t run = recipe->channels * (recipe->weights.joined ? recipe->weights.places : 1);
    recipe->plain =
        plain && recipe->from.channels > 1 && recipe->from.height * recipe->from.width > 1;
    recipe->copy = recipe->depthwise ? recipe->plain
                                     : recipe->plain || recipe->flip || down + right > 0 ||
                                           run < TACIT_BYTE_GROUP;
    bool padded = recipe->copy && !recipe->depthwise;
    recipe->height = recipe->from.height + (padded ? down : 0);
    recipe->width = recipe->from.width + (padded ? right : 0);
    recipe->flat = one && down + right == 0;
}

/*  The way of packing: nodes that share weights may differ in dilations, which decide it.  */
static uint64_t s_kind(const tacit_byte_convolution_t *recipe)
{
    return KIND_WINDOWS + 4 * (uint64_t)recipe->groups + (recipe->depthwise ? 2 : 0) +
           (recipe->weights.joined ? 1 : 0);
}

tacit_status_t tacit_quantized_windows(tacit_planner_t *planner, const tacit_operands_t *o,
                                       const tacit_inference_t *inference, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    tacit_byte_convolution_t found;
    int w = tacit_planner_slot(planner, node->inputs[o->b]);
    if (!s_describe(o, inference, &found) || !tacit_planner_may_pack(planner, w, s_kind(&found))) {
        return TACIT_OK;
    }
    tacit_byte_convolution_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    for (size_t i = 0; recipe != NULL && i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        bool skipped = slot == TACIT_NO_SLOT || i == o->b;
        bool map = i == o->a && !tacit_planner_is_plain(planner, slot);
        slots[i] = skipped ? TACIT_NO_SLOT
                   : map   ? tacit_last_slot(planner, slot)
                           : tacit_planner_plain(planner, slot);
        recipe = skipped || slots[i] != TACIT_NO_SLOT ? recipe : NULL;
    }
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *recipe = found;
    s_choose_copy(recipe, tacit_planner_is_plain(planner, slots[o->a]));
    recipe->packed =
        tacit_planner_pack(planner, w, s_kind(&found), tacit_byte_convolution_size(recipe),
                           tacit_byte_convolution_fill, recipe);
    if (tacit_planner_onednn(planner) != NULL) {
        tacit_planner_keep(planner, w); /* another shape may be one for oneDNN */
    }
    const tacit_tensor_t *y = &inference->outputs[0];
    int to = found.sums ? tacit_planner_new_slot(planner, y->dtype, &y->shape, NULL)
                        : tacit_last_new(planner, y->dtype, &y->shape);
    if (recipe->packed == NULL || to == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[node->input_count] = to;
    *ret_done = true;
    tacit_planner_bind(planner, node->outputs[0], to);
    return tacit_planner_kernel(planner, tacit_byte_convolution_run,
                                found.depthwise ? "bytes depthwise" : "bytes", recipe, slots,
                                node->input_count, 1, tacit_byte_convolution_scratch(recipe));
}
