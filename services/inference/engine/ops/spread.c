/*  spread.c - what a ConvTranspose's convolution made, put in its places (transposed_pass.c).

    Channels are [groups, phases, features]: the pixel q of a phase stands at q * stride + phase,
    less the padding before.  */

#include "services/inference/engine/ops/transposed.h"
#include "services/inference/engine/portable/portable.h"

#include <math.h>

/*  The shape that the ConvTranspose had for input.  */
static bool s_before(const tacit_inference_t *inference, const tacit_attribute_t *kernel,
                     tacit_tensor_t *ret_before)
{
    const tacit_attribute_t *strides = tacit_graph_node_attribute(inference->node, "strides");
    *ret_before = inference->inputs[0];
    for (size_t i = 0; i < kernel->count; i++) {
        int64_t stride = strides != NULL ? strides->integers[i] : 1;
        int64_t taps = (kernel->integers[i] + stride - 1) / stride;
        ret_before->shape.dims[i + 2] -= taps - 1;
    }
    return kernel->count + 2 == ret_before->shape.rank;
}

TACIT_INFER(spread)
{
    tacit_tensor_t before;
    tacit_window_t *window = &inference->parameters->window;
    const tacit_attribute_t *kernel = tacit_graph_node_attribute(inference->node, "kernel_shape");
    int64_t output[TACIT_SPATIAL_MAX] = {0};
    if (kernel == NULL || !s_before(inference, kernel, &before)) {
        return tacit_infer_refuse(inference, "weights and input have different ranks");
    }
    tacit_inference_t seen = *inference;
    seen.inputs = &before;
    tacit_status_t status = tacit_window_attributes(&seen, kernel->integers, window);
    if (status != TACIT_OK) {
        return status;
    }
    if (!tacit_transposed_sizes(&seen, window, output)) {
        return tacit_infer_refuse(inference, "its weights or output do not fit its input");
    }
    int64_t phases = 1;
    for (size_t i = 0; i < window->spatial; i++) {
        phases *= window->stride[i];
    }
    tacit_shape_t *y = &inference->outputs[0].shape;
    *y = (tacit_shape_t){.rank = before.shape.rank,
                         .dims = {before.shape.dims[0], before.shape.dims[1] / phases}};
    memcpy(&y->dims[2], output, window->spatial * sizeof(int64_t));
    return TACIT_OK;
}

/*  The pixels of one phase in one dimension.  */
typedef struct s_run {
    size_t from;  /* the first of the phase that is not cut off */
    size_t to;    /* where it stands */
    size_t count; /* of them */
} s_run_t;

static s_run_t s_run(const tacit_frame_t *frame, size_t i, size_t phase)
{
    int64_t stride = frame->window.stride[i];
    int64_t begin = frame->window.begin[i];
    int64_t ahead = begin - (int64_t)phase;
    int64_t from = ahead > 0 ? (ahead + stride - 1) / stride : 0;
    int64_t to = from * stride + (int64_t)phase - begin;
    int64_t room = to < frame->output[i] ? (frame->output[i] - to + stride - 1) / stride : 0;
    int64_t there = frame->input[i] > from ? frame->input[i] - from : 0;
    return (s_run_t){(size_t)from, (size_t)to, (size_t)(room < there ? room : there)};
}

/*  Whether outputs lie beyond what any input reaches.  */
static bool s_has_gaps(const tacit_frame_t *frame)
{
    bool gaps = false;
    for (size_t i = 0; i < TACIT_SPATIAL_MAX; i++) {
        gaps |=
            frame->output[i] + frame->window.begin[i] > frame->input[i] * frame->window.stride[i];
    }
    return gaps;
}

/*  Pixels of `lanes` floats.  */
static void s_place(const tacit_frame_t *frame, size_t phase, const float *x, size_t lanes,
                    float *y)
{
    size_t across = (size_t)frame->window.stride[2];
    s_run_t rows = s_run(frame, 1, phase / across);
    s_run_t places = s_run(frame, 2, phase % across);
    size_t width = (size_t)frame->input[2];
    size_t wide = (size_t)frame->output[2];
    for (size_t r = 0; r < rows.count; r++) {
        const float *from = x + ((rows.from + r) * width + places.from) * lanes;
        float *to =
            y + ((rows.to + r * (size_t)frame->window.stride[1]) * wide + places.to) * lanes;
        for (size_t p = 0; p < places.count; p++) {
            if (lanes == 1) {
                to[p * across] = from[p];
            } else {
                memcpy(to + p * across * lanes, from + p * lanes, lanes * sizeof(float));
            }
        }
    }
}

static size_t s_area(const int64_t *dims)
{
    return (size_t)(dims[0] * dims[1] * dims[2]);
}

TACIT_KERNEL(spread)
{
    (void)output_count;
    tacit_frame_t frame =
        tacit_window_frame(&parameters->window, &inputs[0].shape, &outputs[0].shape);
    size_t phases = (size_t)(frame.window.stride[1] * frame.window.stride[2]);
    size_t features = (size_t)outputs[0].shape.dims[1];
    size_t each = features / (size_t)parameters->window.group;
    size_t before = s_area(frame.input);
    size_t after = s_area(frame.output);
    size_t maps = (size_t)outputs[0].shape.dims[0] * features;
    bool gaps = s_has_gaps(&frame);
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < maps; n++) {
        size_t feature = n % features;
        float *y = (float *)outputs[0].data + n * after;
        for (size_t i = 0; gaps && i < after; i++) {
            y[i] = input_count > 1 ? ((const float *)inputs[1].data)[feature] : 0.0F;
        }
        size_t first = n / features * features * phases + feature / each * each * phases;
        for (size_t phase = 0; phase < phases; phase++) {
            size_t channel = first + phase * each + feature % each;
            s_place(&frame, phase, (const float *)inputs[0].data + channel * before, 1, y);
        }
    }
    return NULL;
}

/* --- blocks of 16 channels -------------------------------------------------------------------- */

typedef struct s_recipe {
    tacit_frame_t frame;
    tacit_finish_t finish;
    size_t batch, blocks, phases;
} s_recipe_t;

static const char *s_run_blocks(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_recipe_t *recipe = parameters->recipe;
    const tacit_finish_t *finish = &recipe->finish;
    size_t before = s_area(recipe->frame.input) * TACIT_BLOCK;
    size_t after = s_area(recipe->frame.output) * TACIT_BLOCK;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < recipe->batch * recipe->blocks; n++) {
        float *y = (float *)outputs[0].data + n * after;
        size_t first = n / recipe->blocks * recipe->blocks * recipe->phases;
        for (size_t phase = 0; phase < recipe->phases; phase++) {
            size_t block = first + phase * recipe->blocks + n % recipe->blocks;
            s_place(&recipe->frame, phase, (const float *)inputs[0].data + block * before,
                    TACIT_BLOCK, y);
        }
        if (finish->low > -INFINITY || finish->high < INFINITY) {
            tacit_vector()->curve(TACIT_CURVE_CLAMP, finish->low, finish->high, y, y, after);
        }
        tacit_finish_run(finish, y, after);
    }
    return NULL;
}

/*  Where features fill their blocks, and the convolution left blocks.  */
tacit_status_t tacit_spread_blocks(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    const tacit_window_t *window = &inference->parameters->window;
    int slots[] = {tacit_planner_slot(planner, inference->node->inputs[0]), TACIT_NO_SLOT};
    const tacit_shape_t *from = &tacit_planner_tensor(planner, slots[0])->shape;
    s_recipe_t found = {.frame = tacit_window_frame(window, from, shape)};
    dnnl_memory_desc_t layout = tacit_blocked_layout(from);
    if (tacit_planner_is_plain(planner, slots[0]) || window->group != 1 ||
        shape->dims[1] % TACIT_BLOCK != 0 || s_has_gaps(&found.frame) ||
        dnnl_memory_desc_equal(tacit_planner_layout(planner, slots[0]), &layout) == 0) {
        return TACIT_OK;
    }
    tacit_activation_t activation;
    int value = tacit_planner_merge_activation(planner, inference->node->outputs[0], &activation);
    layout = tacit_blocked_layout(shape);
    slots[1] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    s_recipe_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (slots[1] == TACIT_NO_SLOT || recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    found.finish = tacit_finish_of(&activation);
    found.batch = (size_t)shape->dims[0];
    found.blocks = (size_t)shape->dims[1] / TACIT_BLOCK;
    found.phases = (size_t)(found.frame.window.stride[1] * found.frame.window.stride[2]);
    *recipe = found;
    tacit_planner_bind(planner, value, slots[1]);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_run_blocks, "blocked", recipe, slots, 1, 1, 0);
}

/* clang-format off */
const tacit_operator_t tacit_operator_spread =
    {"Spread", 1, 17, FLOAT32, "TT|T", 1, "", 0, 0, I(spread), K(spread), tacit_spread_blocks};
/* clang-format on */
