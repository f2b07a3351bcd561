/*  quantized_convolution.c - convolutions of 8-bit numbers: ConvInteger, QLinearConv.

    The plain kernel gathers what is under a window as 16-bit numbers and multiplies it with the
    weights of each feature. Padding counts as the zero point.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/ops/window.h"

static bool s_biased(const tacit_operands_t *o, const tacit_tensor_t *inputs, size_t count)
{
    return o->bias > 0 && tacit_given(inputs, count, o->bias);
}

/*  What the kernel needs beside: the weights in 16 bits; a window and its places; sums, scales and
    bytes of one place of the output.  */
static size_t s_scratch(const tacit_shape_t *w)
{
    size_t features = (size_t)w->dims[0];
    size_t depth = tacit_shape_span(w, 1, w->rank);
    return (features + 1) * depth * sizeof(int16_t) +
           tacit_shape_span(w, 2, w->rank) * sizeof(int64_t) +
           features * (sizeof(int32_t) + sizeof(float) + 1);
}

static tacit_status_t s_infer_convolution(const tacit_inference_t *inference,
                                          const tacit_operands_t *o)
{
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *x = &inputs[o->a].shape;
    const tacit_shape_t *w = &inputs[o->b].shape;
    tacit_window_t *window = &inference->parameters->window;
    int64_t output[TACIT_SPATIAL_MAX];
    if (w->rank != x->rank) {
        return tacit_infer_refuse(inference, "weights and input have different ranks");
    }
    tacit_status_t status = tacit_window_read(inference, &w->dims[2], window, output);
    if (status != TACIT_OK) {
        return status;
    }
    int64_t group = window->group;
    int64_t features = w->dims[0];
    bool fits = group >= 1 && features >= 1 && group <= features && features % group == 0 &&
                x->dims[1] % group == 0 && x->dims[1] / group == w->dims[1] &&
                tacit_quantized_fit(inference, o->a_zero, 1) &&
                tacit_quantized_fit(inference, o->b_zero, features) &&
                tacit_quantized_fit(inference, o->a_scale, 1) &&
                tacit_quantized_fit(inference, o->b_scale, features) &&
                tacit_quantized_fit(inference, o->y_scale, 1) &&
                tacit_quantized_fit(inference, o->y_zero, 1);
    if (fits && s_biased(o, inputs, inference->node->input_count)) {
        const tacit_shape_t *bias = &inputs[o->bias].shape;
        fits = bias->rank == 1 && bias->dims[0] == features;
    }
    if (!fits) {
        return tacit_infer_refuse(inference, "its weights, scales or bias do not fit its input");
    }
    tacit_shape_t *y = &inference->outputs[0].shape;
    *y = (tacit_shape_t){.rank = x->rank, .dims = {x->dims[0], features}};
    memcpy(&y->dims[2], output, window->spatial * sizeof(int64_t));
    *inference->scratch = s_scratch(w);
    return TACIT_OK;
}

TACIT_INFER(integer_convolution)
{
    return s_infer_convolution(inference, &tacit_operands_sums);
}

TACIT_INFER(linear_convolution)
{
    return s_infer_convolution(inference, &tacit_operands_linear);
}

/* --- the kernel ------------------------------------------------------------------------------- */

/*  A convolution under way.  */
typedef struct s_work {
    const tacit_operands_t *o;
    const tacit_tensor_t *inputs;
    size_t count;
    tacit_tensor_t *output;
    tacit_frame_t frame;
    size_t features, groups, channels; /* channels of a group */
    size_t area_x, area_y, area_w, depth;
    int32_t zero_x;
    bool sign;
    tacit_grid_t grid;
    int64_t *places; /* of the window, in a map */
    float *scales;
    int32_t *sums;
    int16_t *w;      /* [features, depth] */
    int16_t *window; /* [depth] */
    uint8_t *bytes;
} s_work_t;

static void s_divide_scratch(s_work_t *work, void *scratch)
{
    work->places = scratch;
    work->scales = (float *)(void *)(work->places + work->area_w);
    work->sums = (int32_t *)(void *)(work->scales + work->features);
    work->w = (int16_t *)(void *)(work->sums + work->features);
    work->window = work->w + work->features * work->depth;
    work->bytes = (uint8_t *)(work->window + work->depth);
}

static s_work_t s_begin(const tacit_operands_t *o, const tacit_parameters_t *parameters,
                        const tacit_tensor_t *inputs, size_t count, tacit_tensor_t *output,
                        void *scratch)
{
    const tacit_tensor_t *x = &inputs[o->a];
    const tacit_shape_t *w = &inputs[o->b].shape;
    s_work_t work = {.o = o,
                     .inputs = inputs,
                     .count = count,
                     .output = output,
                     .frame = tacit_window_frame(&parameters->window, &x->shape, &output->shape),
                     .features = (size_t)output->shape.dims[1],
                     .groups = (size_t)parameters->window.group,
                     .channels = (size_t)w->dims[1],
                     .area_x = tacit_shape_span(&x->shape, 2, x->shape.rank),
                     .area_y = tacit_shape_span(&output->shape, 2, output->shape.rank),
                     .area_w = tacit_shape_span(w, 2, w->rank),
                     .depth = tacit_shape_span(w, 1, w->rank),
                     .zero_x = tacit_quantized_zero(inputs, count, o->a_zero, 0),
                     .sign = x->dtype == TACIT_DTYPE_INT8,
                     .grid = {.zero = tacit_quantized_zero(inputs, count, o->y_zero, 0),
                              .sign = output->dtype == TACIT_DTYPE_INT8}};
    s_divide_scratch(&work, scratch);
    for (size_t f = 0; f < work.features; f++) {
        tacit_integer()->widen((const uint8_t *)inputs[o->b].data + f * work.depth, work.depth,
                               tacit_quantized_zero(inputs, count, o->b_zero, f),
                               inputs[o->b].dtype == TACIT_DTYPE_INT8, work.w + f * work.depth);
    }
    if (o->y_scale > 0) {
        tacit_quantized_scales(o, inputs, count, 0, work.features, work.scales);
    }
    return work;
}

/*  Where place i of the window is in a channel's map; -1 outside of it.  */
static int64_t s_place(const tacit_frame_t *frame, const size_t *at, int64_t i)
{
    const int64_t *size = frame->window.kernel;
    int64_t place[] = {i / size[2] / size[1], i / size[2] % size[1], i % size[2]};
    int64_t from = 0;
    for (size_t d = 0; d < TACIT_SPATIAL_MAX; d++) {
        int64_t of = (int64_t)at[d] * frame->window.stride[d] +
                     place[d] * frame->window.dilation[d] - frame->window.begin[d];
        if (of < 0 || of >= frame->input[d]) {
            return -1;
        }
        from = from * frame->input[d] + of;
    }
    return from;
}

/*  What is under the window, less the zero point: that is 0 where there is padding.  */
static void s_gather(const s_work_t *work, const uint8_t *maps)
{
    for (size_t c = 0, k = 0; c < work->channels; c++) {
        const uint8_t *map = maps + c * work->area_x;
        for (size_t i = 0; i < work->area_w; i++, k++) {
            int64_t from = work->places[i];
            int32_t byte = from < 0 ? work->zero_x : map[from];
            byte = from >= 0 && work->sign ? (int8_t)byte : byte;
            work->window[k] = (int16_t)(byte - work->zero_x);
        }
    }
}

/*  All features of one place become elements of the output.  */
static void s_put_place(const s_work_t *work, size_t batch, size_t place)
{
    size_t first = batch * work->features * work->area_y + place;
    if (s_biased(work->o, work->inputs, work->count)) {
        const int32_t *bias = work->inputs[work->o->bias].data;
        for (size_t f = 0; f < work->features; f++) {
            work->sums[f] = (int32_t)((uint32_t)work->sums[f] + (uint32_t)bias[f]);
        }
    }
    if (work->o->y_scale == 0) {
        int32_t *y = (int32_t *)work->output->data + first;
        for (size_t f = 0; f < work->features; f++) {
            y[f * work->area_y] = work->sums[f];
        }
        return;
    }
    tacit_integer()->place(work->sums, work->scales, work->features, work->grid, work->bytes);
    uint8_t *y = (uint8_t *)work->output->data + first;
    for (size_t f = 0; f < work->features; f++) {
        y[f * work->area_y] = work->bytes[f];
    }
}

static void s_convolve(const s_work_t *work)
{
    tacit_shape_t places = {.rank = TACIT_SPATIAL_MAX};
    memcpy(places.dims, work->frame.output, sizeof(work->frame.output));
    size_t batches = (size_t)work->output->shape.dims[0];
    size_t each = work->features / work->groups;
    const uint8_t *x = work->inputs[work->o->a].data;
    for (size_t batch = 0; batch < batches; batch++) {
        for (size_t place = 0; place < work->area_y; place++) {
            size_t at[TACIT_ENGINE_RANK_MAX] = {0};
            tacit_coordinates(&places, place, at);
            for (size_t i = 0; i < work->area_w; i++) {
                work->places[i] = s_place(&work->frame, at, (int64_t)i);
            }
            for (size_t g = 0; g < work->groups; g++) {
                size_t map = (batch * work->groups + g) * work->channels;
                s_gather(work, x + map * work->area_x);
                tacit_integer()->dot(work->window, work->w + g * each * work->depth, work->depth,
                                     each, work->sums + g * each);
            }
            s_put_place(work, batch, place);
        }
    }
}

TACIT_KERNEL(integer_convolution)
{
    s_work_t work = s_begin(&tacit_operands_sums, parameters, inputs, input_count, &outputs[0],
                            outputs[output_count].data);
    s_convolve(&work);
    return NULL;
}

TACIT_KERNEL(linear_convolution)
{
    s_work_t work = s_begin(&tacit_operands_linear, parameters, inputs, input_count, &outputs[0],
                            outputs[output_count].data);
    s_convolve(&work);
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  The weights as oneDNN sees them: with groups in front where there are several.  */
static size_t s_weights_dims(const tacit_inference_t *inference, const tacit_operands_t *o,
                             int64_t *ret_dims)
{
    const tacit_shape_t *w = &inference->inputs[o->b].shape;
    int64_t group = inference->parameters->window.group;
    size_t lead = group > 1 ? 1 : 0;
    ret_dims[0] = group;
    memcpy(ret_dims + lead, w->dims, w->rank * sizeof(int64_t));
    ret_dims[lead] /= group;
    return w->rank + lead;
}

static dnnl_memory_desc_t s_any(const tacit_tensor_t *tensor)
{
    return tacit_onednn_retyped(tacit_onednn_any(tensor->shape.rank, tensor->shape.dims),
                                tensor->dtype);
}

static dnnl_memory_desc_t s_bias_layout(const tacit_inference_t *inference)
{
    return tacit_onednn_retyped(tacit_onednn_strided(1, &inference->outputs[0].shape.dims[1], NULL),
                                TACIT_DTYPE_INT32);
}

static dnnl_status_t s_describe(const tacit_operands_t *o, const tacit_inference_t *inference,
                                dnnl_engine_t engine, const_dnnl_primitive_attr_t attributes,
                                dnnl_primitive_desc_t *ret_desc)
{
    tacit_onednn_window_t window = tacit_window_onednn(&inference->parameters->window);
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    size_t rank = s_weights_dims(inference, o, dims);
    dnnl_memory_desc_t source = s_any(&inference->inputs[o->a]);
    dnnl_memory_desc_t weights =
        tacit_onednn_retyped(tacit_onednn_any(rank, dims), TACIT_DTYPE_INT8);
    dnnl_memory_desc_t target = s_any(&inference->outputs[0]);
    dnnl_memory_desc_t bias = s_bias_layout(inference);
    bool biased = s_biased(o, inference->inputs, inference->node->input_count);
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_inference, dnnl_convolution_direct, &source, &weights,
        biased ? &bias : NULL, &target, window.stride, window.dilation, window.begin, window.end);
    return status == dnnl_success
               ? dnnl_primitive_desc_create(ret_desc, &desc, attributes, engine, NULL)
               : status;
}

/*  Whether oneDNN has a fast way; its reference is slower than the plain kernel.  */
static bool s_is_fast(const_dnnl_primitive_desc_t desc)
{
    const char *name = "";
    return dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&name) ==
               dnnl_success &&
           strncmp(name, "ref", 3) != 0;
}

/*  Whether oneDNN really makes what it promises: of some windows over groups it does not. What it
    made it remembers.  */
static bool s_is_made(const_dnnl_primitive_desc_t desc)
{
    dnnl_primitive_t primitive = NULL;
    bool made = dnnl_primitive_create(&primitive, desc) == dnnl_success;
    if (made) {
        (void)dnnl_primitive_destroy(primitive);
    }
    return made;
}

static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_operands_t *o,
                                 const tacit_inference_t *inference,
                                 const_dnnl_primitive_desc_t desc)
{
    const tacit_graph_node_t *node = inference->node;
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    size_t rank = s_weights_dims(inference, o, dims);
    dnnl_memory_desc_t source = *dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
    dnnl_memory_desc_t weights = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t target = *dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    dnnl_memory_desc_t seen =
        tacit_onednn_retyped(tacit_onednn_strided(rank, dims, NULL), TACIT_DTYPE_INT8);
    bool biased = s_biased(o, inference->inputs, node->input_count);
    int w = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[o->b]));
    w = w != TACIT_NO_SLOT ? tacit_planner_arrange(planner, w, &seen, &weights) : w;
    int bias =
        biased ? tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[o->bias]))
               : TACIT_NO_SLOT;
    int x = tacit_planner_arrange(planner, tacit_planner_slot(planner, node->inputs[o->a]), NULL,
                                  &source);
    int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                   &inference->outputs[0].shape, &target);
    if (x == TACIT_NO_SLOT || w == TACIT_NO_SLOT || y == TACIT_NO_SLOT ||
        (biased && bias == TACIT_NO_SLOT)) {
        return tacit_planner_error(planner)->code;
    }
    tacit_argument_t arguments[] = {{DNNL_ARG_SRC, x, source},
                                    {DNNL_ARG_WEIGHTS, w, weights},
                                    {DNNL_ARG_DST, y, target},
                                    {DNNL_ARG_BIAS, bias, s_bias_layout(inference)}};
    tacit_planner_bind(planner, node->outputs[0], y);
    return tacit_planner_primitive(planner, desc, arguments, biased ? 4 : 3);
}

static tacit_status_t s_convolve_onednn(tacit_planner_t *planner, const tacit_operands_t *o,
                                        const tacit_inference_t *inference, bool *ret_done)
{
    const tacit_shape_t *w = &inference->inputs[o->b].shape;
    size_t depth = tacit_shape_span(w, 1, w->rank);
    tacit_quantized_weights_t weights = {
        .channels = (size_t)w->dims[0], .depth = depth, .channel_step = depth, .step = 1};
    if (w->rank + 1 > TACIT_ENGINE_RANK_MAX || !tacit_quantized_known(o, inference)) {
        return TACIT_OK;
    }
    bool exact = false;
    tacit_status_t status = tacit_quantized_exact(planner, o, inference, &weights, &exact);
    if (status != TACIT_OK || !exact) {
        return status;
    }
    dnnl_engine_t engine = tacit_onednn_engine(tacit_planner_onednn(planner));
    dnnl_primitive_attr_t attributes = tacit_quantized_attributes(o, inference, weights.channels);
    dnnl_primitive_desc_t desc = NULL;
    if (attributes != NULL && s_describe(o, inference, engine, attributes, &desc) == dnnl_success) {
        *ret_done = s_is_fast(desc) && s_is_made(desc);
        status = *ret_done ? s_add_step(planner, o, inference, desc) : TACIT_OK;
        (void)dnnl_primitive_desc_destroy(desc);
    }
    if (attributes != NULL) {
        (void)dnnl_primitive_attr_destroy(attributes);
    }
    return status;
}

/*  oneDNN where it gives the same, else the portable loops.  */
static tacit_status_t s_accelerate(tacit_planner_t *planner, const tacit_operands_t *o,
                                   const tacit_inference_t *inference, bool *ret_done)
{
    tacit_status_t status = tacit_planner_onednn(planner) != NULL
                                ? s_convolve_onednn(planner, o, inference, ret_done)
                                : TACIT_OK;
    return status == TACIT_OK && !*ret_done
               ? tacit_quantized_windows(planner, o, inference, ret_done)
               : status;
}

TACIT_ACCELERATE(integer_convolution)
{
    return s_accelerate(planner, &tacit_operands_sums, inference, ret_done);
}

TACIT_ACCELERATE(linear_convolution)
{
    return s_accelerate(planner, &tacit_operands_linear, inference, ret_done);
}

/* clang-format off */
TACIT_OPERATORS(quantized_convolution) = {
    {"ConvInteger", 10, 17, ANY, "QWQW|d", 2, WINDOW " dilations:I group:i", 0, BYTES | BOTH, I(integer_convolution), K(integer_convolution), A(integer_convolution)},
    {"QLinearConv", 10, 17, ANY, "QfQWfWfYd|Y", 8, WINDOW " dilations:I group:i", 0, BYTES | BOTH, I(linear_convolution), K(linear_convolution), A(linear_convolution)},
    TACIT_OPERATORS_END
};
/* clang-format on */
