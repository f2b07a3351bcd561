/*  convolution.c - Conv in one to three dimensions, with groups.

    oneDNN chooses the layouts of input, weights and output (it falls to a reference sixty times
    slower when it is given a layout that it does not like); weights are packed once, activations
    that follow are merged.  */

#include "services/inference/engine/portable/convolution.h"
#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/window.h"
#include "services/inference/engine/planner.h"

#include <string.h>

static tacit_status_t s_refuse(const tacit_inference_t *inference, const char *reason)
{
    return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED, "%s",
                                   reason);
}

TACIT_INFER(convolution)
{
    const tacit_tensor_t *x = &inference->inputs[0];
    const tacit_tensor_t *w = &inference->inputs[1];
    tacit_shape_t *y = &inference->outputs[0].shape;
    if (w->shape.rank != x->shape.rank) {
        return s_refuse(inference, "weights and input have different ranks");
    }
    tacit_window_t *window = &inference->parameters->window;
    int64_t output[TACIT_SPATIAL_MAX];
    tacit_status_t status = tacit_window_read(inference, &w->shape.dims[2], window, output);
    if (status != TACIT_OK) {
        return status;
    }
    int64_t channels = x->shape.dims[1];
    int64_t features = w->shape.dims[0];
    int64_t group = window->group;
    if (group < 1 || features < 1 || group > features || features % group != 0 ||
        channels % group != 0 || channels / group != w->shape.dims[1]) {
        char text[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(w->shape.rank, w->shape.dims, text);
        return tacit_graph_node_refuse(
            inference->node, inference->error, TACIT_MALFORMED,
            "weights %s in %lld groups do not fit an input of %lld channels", text,
            (long long)group, (long long)channels);
    }
    bool biased = inference->node->input_count > 2;
    if (biased &&
        (inference->inputs[2].shape.rank != 1 || inference->inputs[2].shape.dims[0] != features)) {
        return s_refuse(inference, "the bias has not one number per feature");
    }
    *y = (tacit_shape_t){.rank = x->shape.rank, .dims = {x->shape.dims[0], features}};
    memcpy(&y->dims[2], output, window->spatial * sizeof(int64_t));
    return TACIT_OK;
}

/* --- kernel ----------------------------------------------------------------------------------- */

/*  The outputs [from, to) whose input lies inside, in dimension i for one place of the kernel.  */
typedef struct s_span {
    int64_t from, to;
    int64_t shift; /* input = output * stride + shift */
} s_span_t;

static s_span_t s_span(const tacit_frame_t *frame, size_t i, int64_t place)
{
    int64_t stride = frame->window.stride[i];
    int64_t shift = place * frame->window.dilation[i] - frame->window.begin[i];
    int64_t from = shift < 0 ? (-shift + stride - 1) / stride : 0;
    int64_t room = frame->input[i] - shift;
    int64_t to = room > 0 ? (room + stride - 1) / stride : 0;
    return (s_span_t){from, to < frame->output[i] ? to : frame->output[i], shift};
}

/*  Add one weight's contribution to a map, row by row.  */
static void s_add_place(const tacit_frame_t *frame, const s_span_t *spans, const float *x,
                        float weight, float *y)
{
    const int64_t *stride = frame->window.stride;
    for (int64_t z = spans[0].from; z < spans[0].to; z++) {
        int64_t at_z = z * stride[0] + spans[0].shift;
        for (int64_t r = spans[1].from; r < spans[1].to; r++) {
            int64_t at_r = r * stride[1] + spans[1].shift;
            const float *row = x + (at_z * frame->input[1] + at_r) * frame->input[2];
            float *to = y + (z * frame->output[1] + r) * frame->output[2];
            if (stride[2] == 1) {
                for (int64_t c = spans[2].from; c < spans[2].to; c++) {
                    to[c] += weight * row[c + spans[2].shift];
                }
                continue;
            }
            for (int64_t c = spans[2].from; c < spans[2].to; c++) {
                to[c] += weight * row[c * stride[2] + spans[2].shift];
            }
        }
    }
}

/*  One channel's contribution to one feature's map.  */
static void s_accumulate(const tacit_frame_t *frame, const float *x, const float *w, float *y)
{
    const int64_t *kernel = frame->window.kernel;
    for (int64_t i = 0; i < kernel[0] * kernel[1] * kernel[2]; i++) {
        s_span_t spans[] = {s_span(frame, 0, i / kernel[2] / kernel[1]),
                            s_span(frame, 1, i / kernel[2] % kernel[1]),
                            s_span(frame, 2, i % kernel[2])};
        s_add_place(frame, spans, x, w[i], y);
    }
}

TACIT_KERNEL(convolution)
{
    (void)output_count;
    const float *bias = input_count > 2 ? inputs[2].data : NULL;
    tacit_frame_t frame =
        tacit_window_frame(&parameters->window, &inputs[0].shape, &outputs[0].shape);
    size_t group = (size_t)parameters->window.group;
    size_t batch = (size_t)outputs[0].shape.dims[0];
    size_t features = (size_t)outputs[0].shape.dims[1];
    size_t channels = (size_t)inputs[1].shape.dims[1];
    size_t area_x = tacit_shape_span(&inputs[0].shape, 2, inputs[0].shape.rank);
    size_t area_y = tacit_shape_span(&outputs[0].shape, 2, outputs[0].shape.rank);
    size_t area_w = tacit_shape_span(&inputs[1].shape, 2, inputs[1].shape.rank);
    for (size_t n = 0; n < batch * features; n++) {
        size_t feature = n % features;
        float *y = (float *)outputs[0].data + n * area_y;
        for (size_t i = 0; i < area_y; i++) {
            y[i] = bias != NULL ? bias[feature] : 0.0F;
        }
        size_t first = n / features * group * channels + feature / (features / group) * channels;
        for (size_t c = 0; c < channels; c++) {
            s_accumulate(&frame, (const float *)inputs[0].data + (first + c) * area_x,
                         (const float *)inputs[1].data + (feature * channels + c) * area_w, y);
        }
    }
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  The weights as oneDNN sees them: with groups in front where there are several.  */
static size_t s_weights_dims(const tacit_inference_t *inference, int64_t *ret_dims)
{
    const tacit_shape_t *w = &inference->inputs[1].shape;
    int64_t group = inference->parameters->window.group;
    size_t lead = group > 1 ? 1 : 0;
    ret_dims[0] = group;
    memcpy(ret_dims + lead, w->dims, w->rank * sizeof(int64_t));
    ret_dims[lead] /= group;
    return w->rank + lead;
}

/*  Winograd's way, in tiles of 2 x 2 outputs: 4 multiplications instead of 9 for windows of 3 x 3.
   Its sums and differences lose about two bits, and turn infinity into NaN, so it is not for plans
    that are careful. It pays where enough channels share the transforms. Tiles of 4 x 4 are left
    out: they lose more, and take four times the memory for weights.  */
enum { WINOGRAD_CHANNELS = 32, WINOGRAD_FEATURES = 64, WINOGRAD_AREA = 100 };

static bool s_may_transform(const tacit_planner_t *planner, const tacit_inference_t *inference)
{
    const tacit_window_t *window = &inference->parameters->window;
    bool fits = tacit_planner_may_merge(planner) && window->spatial == 2 && window->group == 1 &&
                inference->inputs[1].shape.dims[1] >= WINOGRAD_CHANNELS &&
                inference->inputs[1].shape.dims[0] >= WINOGRAD_FEATURES &&
                tacit_shape_span(&inference->outputs[0].shape, 2, 4) >= WINOGRAD_AREA;
    for (size_t i = 0; fits && i < window->spatial; i++) {
        fits = window->kernel[i] == 3 && window->stride[i] == 1 && window->dilation[i] == 1;
    }
    return fits;
}

/*  The implementation that has these words in its name; false where there is none.  */
static bool s_find_implementation(const dnnl_convolution_desc_t *desc, dnnl_engine_t engine,
                                  const_dnnl_primitive_attr_t attributes, const char *words,
                                  dnnl_primitive_desc_t *ret_desc)
{
    dnnl_primitive_desc_iterator_t iterator = NULL;
    dnnl_status_t status =
        dnnl_primitive_desc_iterator_create(&iterator, desc, attributes, engine, NULL);
    bool found = false;
    while (status == dnnl_success && !found) {
        dnnl_primitive_desc_t candidate = dnnl_primitive_desc_iterator_fetch(iterator);
        const char *name = "";
        found = candidate != NULL &&
                dnnl_primitive_desc_query(candidate, dnnl_query_impl_info_str, 0, (void *)&name) ==
                    dnnl_success &&
                strstr(name, words) != NULL;
        if (found) {
            *ret_desc = candidate;
        } else {
            (void)dnnl_primitive_desc_destroy(candidate);
            status = dnnl_primitive_desc_iterator_next(iterator);
        }
    }
    if (iterator != NULL) {
        (void)dnnl_primitive_desc_iterator_destroy(iterator);
    }
    return found;
}

/*  Directly, in float32 or bfloat16, or by a transform.  */
typedef enum s_way { DIRECT, REDUCED, TRANSFORM } s_way_t;

static dnnl_status_t s_describe(const tacit_inference_t *inference, dnnl_engine_t engine,
                                const_dnnl_primitive_attr_t attributes, s_way_t way,
                                dnnl_primitive_desc_t *ret_desc)
{
    tacit_onednn_window_t window = tacit_window_onednn(&inference->parameters->window);
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    size_t rank = s_weights_dims(inference, dims);
    dnnl_memory_desc_t source = tacit_onednn_any(x->rank, x->dims);
    dnnl_memory_desc_t weights = tacit_onednn_any(rank, dims);
    dnnl_memory_desc_t bias = tacit_onednn_strided(1, &y->dims[1], NULL);
    dnnl_memory_desc_t target = tacit_onednn_any(y->rank, y->dims);
    if (way == REDUCED) {
        source = tacit_onednn_reduced(source);
        weights = tacit_onednn_reduced(weights);
        target = tacit_onednn_reduced(target);
    }
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_inference,
        way == TRANSFORM ? dnnl_convolution_winograd : dnnl_convolution_direct, &source, &weights,
        inference->node->input_count > 2 ? &bias : NULL, &target, window.stride, window.dilation,
        window.begin, window.end);
    if (status == dnnl_success && way != DIRECT) {
        return s_find_implementation(&desc, engine, attributes,
                                     way == TRANSFORM ? "wino_2x3" : "bf16", ret_desc)
                   ? dnnl_success
                   : dnnl_unimplemented;
    }
    return status == dnnl_success
               ? dnnl_primitive_desc_create(ret_desc, &desc, attributes, engine, NULL)
               : status;
}

/*  The first way that oneDNN has.  */
static dnnl_status_t s_choose(const tacit_planner_t *planner, const tacit_inference_t *inference,
                              const_dnnl_primitive_attr_t attributes,
                              dnnl_primitive_desc_t *ret_desc)
{
    dnnl_engine_t engine = tacit_onednn_engine(tacit_planner_onednn(planner));
    dnnl_status_t status = dnnl_unimplemented;
    if (tacit_planner_is_reduced(planner)) {
        status = s_describe(inference, engine, attributes, REDUCED, ret_desc);
    } else if (s_may_transform(planner, inference)) {
        status = s_describe(inference, engine, attributes, TRANSFORM, ret_desc);
    }
    return status == dnnl_success ? status
                                  : s_describe(inference, engine, attributes, DIRECT, ret_desc);
}

static tacit_status_t s_add_steps(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  const_dnnl_primitive_desc_t desc, int value,
                                  const tacit_sum_t *sum)
{
    const tacit_graph_node_t *node = inference->node;
    int64_t dims[TACIT_ENGINE_RANK_MAX];
    size_t rank = s_weights_dims(inference, dims);
    dnnl_memory_desc_t source = *dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
    dnnl_memory_desc_t weights = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t target = *dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    dnnl_memory_desc_t seen = tacit_onednn_strided(rank, dims, NULL);
    bool biased = node->input_count > 2;
    int w = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[1]));
    int bias = biased ? tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[2]))
                      : TACIT_NO_SLOT;
    int x =
        tacit_planner_arrange(planner, tacit_planner_slot(planner, node->inputs[0]), NULL, &source);
    w = w != TACIT_NO_SLOT ? tacit_planner_arrange(planner, w, &seen, &weights) : w;
    int y = sum->node != NULL ? tacit_planner_take_place(planner, sum->other, sum->node, &target)
                              : tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32,
                                                       &inference->outputs[0].shape, &target);
    if (x == TACIT_NO_SLOT || w == TACIT_NO_SLOT || y == TACIT_NO_SLOT ||
        (biased && bias == TACIT_NO_SLOT)) {
        return tacit_planner_error(planner)->code;
    }
    tacit_argument_t arguments[4] = {{DNNL_ARG_SRC, x, source},
                                     {DNNL_ARG_WEIGHTS, w, weights},
                                     {DNNL_ARG_DST, y, target},
                                     {DNNL_ARG_BIAS, bias, {0}}};
    arguments[3].layout = tacit_onednn_strided(1, &inference->outputs[0].shape.dims[1], NULL);
    tacit_planner_bind(planner, value, y);
    return tacit_planner_primitive(planner, desc, arguments, biased ? 4 : 3);
}

/*  Whether oneDNN itself has the transform for this one; where it has not, the portable loops may
   do it between oneDNN's maps.  */
static bool s_transforms(const tacit_planner_t *planner, const tacit_inference_t *inference)
{
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    bool has = attributes != NULL && s_may_transform(planner, inference) &&
               s_describe(inference, tacit_onednn_engine(tacit_planner_onednn(planner)), attributes,
                          TRANSFORM, &desc) == dnnl_success;
    (void)dnnl_primitive_desc_destroy(desc);
    (void)dnnl_primitive_attr_destroy(attributes);
    return has;
}

TACIT_ACCELERATE(convolution)
{
    if (inference->outputs[0].shape.rank + 1 > TACIT_ENGINE_RANK_MAX) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_portable_pair(planner, inference, ret_done);
    if (status == TACIT_OK && !*ret_done && !s_transforms(planner, inference)) {
        status = tacit_portable_winograd(planner, inference, ret_done);
    }
    if (status != TACIT_OK || *ret_done) {
        return status;
    }
    tacit_activation_t activation;
    dnnl_primitive_desc_t desc = NULL;
    int value = inference->node->outputs[0];
    tacit_sum_t sum;
    if (tacit_planner_merge_sum(planner, value, &inference->outputs[0].shape, &sum)) {
        value = sum.node->outputs[0];
    }
    value = tacit_planner_merge_activation(planner, value, &activation);
    dnnl_primitive_attr_t attributes = tacit_planner_attributes_with(&activation, sum.node != NULL);
    if (attributes == NULL || s_choose(planner, inference, attributes, &desc) != dnnl_success) {
        status = tacit_error_set(tacit_planner_error(planner), TACIT_INTERNAL,
                                 "oneDNN does not convolve");
    } else {
        status = s_add_steps(planner, inference, desc, value, &sum);
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    *ret_done = true;
    return status;
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* clang-format off */
TACIT_OPERATORS(convolution) = {
    {"Conv", 1, 17, FLOAT32, "TTT|T", 2, WINDOW " dilations:I group:i", 0, HALF, I(convolution), K(convolution), A(convolution)},
    TACIT_OPERATORS_END
};
/* clang-format on */
