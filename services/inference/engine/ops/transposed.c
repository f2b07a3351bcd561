/*  transposed.c - ConvTranspose and MaxUnpool: windows that spread what they see.  */

#include "services/inference/engine/ops/transposed.h"

/* --- ConvTranspose ---------------------------------------------------------------------------- */

/*  A list attribute per spatial dimension, or NULL where absent; false where it has another length
    or a number out of bounds.  */
static bool s_list(const tacit_graph_node_t *node, const char *name, size_t spatial, int64_t most,
                   const int64_t **ret_items)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, name);
    *ret_items = attribute != NULL ? attribute->integers : NULL;
    if (attribute != NULL && attribute->count != spatial) {
        return false;
    }
    for (size_t i = 0; attribute != NULL && i < spatial; i++) {
        if (attribute->integers[i] < 0 || attribute->integers[i] > most) {
            return false;
        }
    }
    return true;
}

bool tacit_transposed_sizes(const tacit_inference_t *inference, tacit_window_t *window,
                            int64_t *ret_output)
{
    const tacit_graph_node_t *node = inference->node;
    const char *mode = tacit_graph_node_text(node, "auto_pad", "NOTSET");
    bool same = strncmp(mode, "SAME_", 5) == 0;
    bool upper = strcmp(mode, "SAME_UPPER") == 0;
    const int64_t *extra = NULL;
    const int64_t *wanted = NULL;
    if (!s_list(node, "output_padding", window->spatial, TACIT_WINDOW_MAX, &extra) ||
        !s_list(node, "output_shape", window->spatial, TACIT_TENSOR_SIZE_MAX, &wanted)) {
        return false;
    }
    for (size_t i = 0; i < window->spatial; i++) {
        int64_t input = inference->inputs[0].shape.dims[i + 2];
        int64_t full = window->stride[i] * (input - 1) + (extra != NULL ? extra[i] : 0) +
                       (window->kernel[i] - 1) * window->dilation[i] + 1;
        if (wanted != NULL || same) {
            int64_t size = wanted != NULL ? wanted[i] : input * window->stride[i];
            int64_t total = full > size ? full - size : 0;
            window->begin[i] = upper ? total / 2 : total - total / 2;
            window->end[i] = total - window->begin[i];
            ret_output[i] = size;
        } else {
            ret_output[i] = full - window->begin[i] - window->end[i];
        }
        if (input < 1 || ret_output[i] < 1) {
            return false;
        }
    }
    return true;
}

TACIT_INFER(transposed)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *w = &inference->inputs[1].shape;
    tacit_window_t *window = &inference->parameters->window;
    int64_t output[TACIT_SPATIAL_MAX] = {0};
    if (w->rank != x->rank) {
        return tacit_infer_refuse(inference, "weights and input have different ranks");
    }
    tacit_status_t status = tacit_window_attributes(inference, &w->dims[2], window);
    if (status != TACIT_OK) {
        return status;
    }
    int64_t features = w->dims[1] * window->group;
    bool fits = window->group >= 1 && window->group <= x->dims[1] && x->dims[1] == w->dims[0] &&
                x->dims[1] % window->group == 0 && features >= 1;
    if (fits && inference->node->input_count > 2) {
        fits = inference->inputs[2].count == (size_t)features;
    }
    if (!fits || !tacit_transposed_sizes(inference, window, output)) {
        return tacit_infer_refuse(inference, "its weights or output do not fit its input");
    }
    tacit_shape_t *y = &inference->outputs[0].shape;
    *y = (tacit_shape_t){.rank = x->rank, .dims = {x->dims[0], features}};
    memcpy(&y->dims[2], output, window->spatial * sizeof(int64_t));
    return TACIT_OK;
}

/*  Which inputs a place of the kernel carries into the output, in one dimension.  */
typedef struct s_reach {
    int64_t first, end; /* inputs */
    int64_t to;         /* where the first one goes */
} s_reach_t;

static s_reach_t s_reach(const tacit_frame_t *frame, size_t i, int64_t place)
{
    int64_t stride = frame->window.stride[i];
    int64_t shift = place * frame->window.dilation[i] - frame->window.begin[i];
    int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    int64_t room = frame->output[i] - shift;
    int64_t end = room > 0 ? (room + stride - 1) / stride : 0;
    end = end < frame->input[i] ? end : frame->input[i];
    return (s_reach_t){first, end, first * stride + shift};
}

/*  One map of the input, by one place of the window, into one of the output.  */
static void s_carry(const tacit_frame_t *frame, const s_reach_t *reach, const float *x,
                    float weight, float *y)
{
    const int64_t *stride = frame->window.stride;
    for (int64_t z = reach[0].first; z < reach[0].end; z++) {
        int64_t deep = reach[0].to + (z - reach[0].first) * stride[0];
        for (int64_t r = reach[1].first; r < reach[1].end; r++) {
            int64_t row = reach[1].to + (r - reach[1].first) * stride[1];
            const float *from = x + (z * frame->input[1] + r) * frame->input[2];
            float *to = y + (deep * frame->output[1] + row) * frame->output[2] + reach[2].to;
            for (int64_t c = reach[2].first; c < reach[2].end; c++) {
                to[(c - reach[2].first) * stride[2]] += weight * from[c];
            }
        }
    }
}

static void s_carry_all(const tacit_frame_t *frame, const float *x, const float *w, float *y)
{
    const int64_t *kernel = frame->window.kernel;
    for (int64_t place = 0; place < kernel[0] * kernel[1] * kernel[2]; place++) {
        const s_reach_t reach[] = {s_reach(frame, 0, place / kernel[2] / kernel[1]),
                                   s_reach(frame, 1, place / kernel[2] % kernel[1]),
                                   s_reach(frame, 2, place % kernel[2])};
        s_carry(frame, reach, x, w[place], y);
    }
}

TACIT_KERNEL(transposed)
{
    (void)output_count;
    const tacit_tensor_t *x = &inputs[0];
    const tacit_tensor_t *w = &inputs[1];
    tacit_frame_t frame = tacit_window_frame(&parameters->window, &x->shape, &outputs[0].shape);
    size_t features = (size_t)outputs[0].shape.dims[1];
    size_t per_group = (size_t)w->shape.dims[1];
    size_t channels = (size_t)x->shape.dims[1] / (size_t)parameters->window.group;
    size_t area_x = tacit_shape_span(&x->shape, 2, x->shape.rank);
    size_t area_y = tacit_shape_span(&outputs[0].shape, 2, outputs[0].shape.rank);
    size_t area_w = tacit_shape_span(&w->shape, 2, w->shape.rank);
    for (size_t n = 0; n < (size_t)x->shape.dims[0] * features; n++) {
        size_t feature = n % features;
        size_t first = feature / per_group * channels;
        float *y = (float *)outputs[0].data + n * area_y;
        for (size_t i = 0; i < area_y; i++) {
            y[i] = input_count > 2 ? ((const float *)inputs[2].data)[feature] : 0.0F;
        }
        for (size_t c = first; c < first + channels; c++) {
            size_t map = (n / features * (size_t)x->shape.dims[1] + c) * area_x;
            s_carry_all(&frame, (const float *)x->data + map,
                        (const float *)w->data + (c * per_group + feature % per_group) * area_w, y);
        }
    }
    return NULL;
}

/* --- MaxUnpool -------------------------------------------------------------------------------- */

TACIT_INFER(unpool)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_tensor_t *wanted = &inference->inputs[2];
    tacit_window_t window;
    bool given = tacit_given(inference->inputs, inference->node->input_count, 2);
    if (!tacit_shape_equal(x, &inference->inputs[1].shape) ||
        (given && (wanted->count != x->rank || wanted->shape.rank != 1))) {
        return tacit_infer_refuse(inference, "its indices or shape do not fit its input");
    }
    tacit_status_t status = tacit_window_attributes(inference, NULL, &window);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_shape_t natural = *x;
    for (size_t i = 0; i < window.spatial; i++) {
        natural.dims[i + 2] = (x->dims[i + 2] - 1) * window.stride[i] + window.kernel[i] -
                              window.begin[i] - window.end[i];
    }
    inference->outputs[0].shape = natural;
    for (size_t i = 0; given && i < x->rank; i++) {
        inference->outputs[0].shape.dims[i] = ((const int64_t *)wanted->data)[i];
    }
    /* Indices count in the natural shape.  */
    memcpy(inference->parameters->places.start, natural.dims, sizeof(natural.dims));
    return TACIT_OK;
}

TACIT_KERNEL(unpool)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *shape = &outputs[0].shape;
    tacit_shape_t natural = {.rank = shape->rank};
    memcpy(natural.dims, parameters->places.start, sizeof(natural.dims));
    size_t strides[TACIT_ENGINE_RANK_MAX];
    size_t at[TACIT_ENGINE_RANK_MAX];
    int64_t total = 0;
    size_t count = 0;
    if (tacit_shape_count(&natural, TACIT_DTYPE_FLOAT32, &count)) {
        total = (int64_t)count;
    }
    tacit_dense_strides(shape, strides);
    memset(outputs[0].data, 0, tacit_tensor_size(&outputs[0]));
    for (size_t n = 0; n < inputs[0].count; n++) {
        int64_t index = ((const int64_t *)inputs[1].data)[n];
        if (index < 0 || index >= total) {
            return "an index is outside its tensor";
        }
        tacit_coordinates(&natural, (size_t)index, at);
        size_t to = 0;
        for (size_t i = 0; i < shape->rank; i++) {
            if (at[i] >= (size_t)shape->dims[i]) {
                return "an index is outside its tensor";
            }
            to += at[i] * strides[i];
        }
        ((float *)outputs[0].data)[to] = ((const float *)inputs[0].data)[n];
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(transposed) = {
    {"ConvTranspose", 1, 17, FLOAT32, "TTT|T", 2, WINDOW " dilations:I group:i output_padding:I output_shape:I", 0, 0, I(transposed), K(transposed), NULL},
    {"MaxUnpool", 9, 17, FLOAT32, "Tii|T", 2, "kernel_shape:I strides:I pads:I", 1 << 2, 0, I(unpool), K(unpool), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
