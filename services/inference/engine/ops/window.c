/*  window.c - the sliding window.  */

#include "services/inference/engine/ops/window.h"

#include <string.h>

static tacit_status_t s_refuse(const tacit_inference_t *inference, const char *reason)
{
    return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED, "%s",
                                   reason);
}

/*  A list attribute of `count` numbers in [lowest, TACIT_WINDOW_MAX]; the fallback where absent. */
static bool s_list(const tacit_graph_node_t *node, const char *name, size_t count, int64_t lowest,
                   int64_t fallback, int64_t *ret_items)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, name);
    if (attribute != NULL && attribute->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ret_items[i] = attribute != NULL ? attribute->integers[i] : fallback;
        if (ret_items[i] < lowest || ret_items[i] > TACIT_WINDOW_MAX) {
            return false;
        }
    }
    return true;
}

static tacit_status_t s_read_lists(const tacit_inference_t *inference, const int64_t *kernel,
                                   tacit_window_t *window)
{
    const tacit_graph_node_t *node = inference->node;
    size_t spatial = window->spatial;
    int64_t pads[2 * TACIT_SPATIAL_MAX];
    if (kernel == NULL && tacit_graph_node_attribute(node, "kernel_shape") == NULL) {
        return s_refuse(inference, "it has no kernel_shape");
    }
    if (!s_list(node, "kernel_shape", spatial, 1, 1, window->kernel) ||
        !s_list(node, "strides", spatial, 1, 1, window->stride) ||
        !s_list(node, "dilations", spatial, 1, 1, window->dilation) ||
        !s_list(node, "pads", 2 * spatial, 0, 0, pads)) {
        return s_refuse(inference, "kernel_shape, strides, dilations or pads do not fit its input, "
                                   "or are out of bounds");
    }
    for (size_t i = 0; i < spatial; i++) {
        window->begin[i] = pads[i];
        window->end[i] = pads[spatial + i];
        if (kernel == NULL) {
            continue;
        }
        if (tacit_graph_node_attribute(node, "kernel_shape") != NULL &&
            window->kernel[i] != kernel[i]) {
            return s_refuse(inference, "kernel_shape differs from its weights");
        }
        window->kernel[i] = kernel[i];
        if (kernel[i] < 1 || kernel[i] > TACIT_WINDOW_MAX) {
            return s_refuse(inference, "its window is empty or too large");
        }
    }
    return TACIT_OK;
}

/*  How far the window reaches, with dilation.  */
static int64_t s_reach(const tacit_window_t *window, size_t i)
{
    return (window->kernel[i] - 1) * window->dilation[i] + 1;
}

/*  The stride, which is at least 1 once it was read.  */
static int64_t s_stride(const tacit_window_t *window, size_t i)
{
    return window->stride[i] > 1 ? window->stride[i] : 1;
}

/*  Padding such that the output has ceil(input / stride) places.  */
static void s_pad_same(tacit_window_t *window, size_t i, int64_t input, bool upper)
{
    int64_t output = (input + s_stride(window, i) - 1) / s_stride(window, i);
    int64_t total = (output - 1) * s_stride(window, i) + s_reach(window, i) - input;
    total = total > 0 ? total : 0;
    window->begin[i] = upper ? total / 2 : total - total / 2;
    window->end[i] = total - window->begin[i];
}

static tacit_status_t s_auto_pad(const tacit_inference_t *inference, tacit_window_t *window)
{
    const char *mode = tacit_graph_node_text(inference->node, "auto_pad", "NOTSET");
    bool upper = strcmp(mode, "SAME_UPPER") == 0;
    bool valid = strcmp(mode, "VALID") == 0;
    if (strcmp(mode, "NOTSET") == 0) {
        return TACIT_OK;
    }
    if (!upper && !valid && strcmp(mode, "SAME_LOWER") != 0) {
        return s_refuse(inference, "auto_pad is none of the four modes");
    }
    for (size_t i = 0; i < window->spatial; i++) {
        window->begin[i] = window->end[i] = 0;
        if (!valid) {
            s_pad_same(window, i, inference->inputs[0].shape.dims[i + 2], upper);
        }
    }
    return TACIT_OK;
}

static bool s_output_size(const tacit_window_t *window, size_t i, int64_t input,
                          int64_t *ret_output)
{
    int64_t room = input + window->begin[i] + window->end[i] - s_reach(window, i);
    if (room < 0) {
        return false;
    }
    int64_t up = window->ceil_mode ? s_stride(window, i) - 1 : 0;
    int64_t output = (room + up) / s_stride(window, i) + 1;
    /* The last window starts inside the input or its left padding, not in the right one.  */
    if (window->ceil_mode && (output - 1) * s_stride(window, i) >= input + window->begin[i]) {
        output--;
    }
    *ret_output = output;
    return true;
}

tacit_status_t tacit_window_attributes(const tacit_inference_t *inference, const int64_t *kernel,
                                       tacit_window_t *ret_window)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    const tacit_graph_node_t *node = inference->node;
    if (shape->rank < 3 || shape->rank > 2 + TACIT_SPATIAL_MAX) {
        return s_refuse(inference, "its input has not 1 to 3 spatial dimensions");
    }
    *ret_window = (tacit_window_t){
        .spatial = shape->rank - 2,
        .group = tacit_graph_node_integer(node, "group", 1),
        .ceil_mode = tacit_graph_node_integer(node, "ceil_mode", 0) != 0,
        .count_padding = tacit_graph_node_integer(node, "count_include_pad", 0) != 0,
        .column_major = tacit_graph_node_integer(node, "storage_order", 0) != 0};
    return s_read_lists(inference, kernel, ret_window);
}

tacit_status_t tacit_window_read(const tacit_inference_t *inference, const int64_t *kernel,
                                 tacit_window_t *ret_window, int64_t ret_output[TACIT_SPATIAL_MAX])
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    tacit_window_t window = {.spatial = 0};
    tacit_status_t status = tacit_window_attributes(inference, kernel, &window);
    if (status == TACIT_OK) {
        status = s_auto_pad(inference, &window);
    }
    if (status != TACIT_OK) {
        return status;
    }
    for (size_t i = 0; i < window.spatial; i++) {
        if (kernel == NULL &&
            (window.begin[i] >= s_reach(&window, i) || window.end[i] >= s_reach(&window, i))) {
            return s_refuse(inference, "its padding is not smaller than its window");
        }
        if (!s_output_size(&window, i, shape->dims[i + 2], &ret_output[i])) {
            return s_refuse(inference, "its input is smaller than its window");
        }
    }
    *ret_window = window;
    return TACIT_OK;
}

tacit_frame_t tacit_window_frame(const tacit_window_t *window, const tacit_shape_t *input,
                                 const tacit_shape_t *output)
{
    tacit_frame_t frame = {.window = *window};
    size_t lead = TACIT_SPATIAL_MAX - window->spatial;
    frame.window.spatial = TACIT_SPATIAL_MAX;
    for (size_t i = 0; i < TACIT_SPATIAL_MAX; i++) {
        bool real = i >= lead;
        frame.window.kernel[i] = real ? window->kernel[i - lead] : 1;
        frame.window.stride[i] = real ? window->stride[i - lead] : 1;
        frame.window.dilation[i] = real ? window->dilation[i - lead] : 1;
        frame.window.begin[i] = real ? window->begin[i - lead] : 0;
        frame.window.end[i] = real ? window->end[i - lead] : 0;
        frame.input[i] = real ? input->dims[2 + i - lead] : 1;
        frame.output[i] = real ? output->dims[2 + i - lead] : 1;
    }
    return frame;
}

tacit_onednn_window_t tacit_window_onednn(const tacit_window_t *window)
{
    tacit_onednn_window_t same;
    memset(&same, 0, sizeof(same));
    for (size_t i = 0; i < window->spatial; i++) {
        same.stride[i] = window->stride[i];
        same.dilation[i] = window->dilation[i] - 1;
        same.begin[i] = window->begin[i];
        same.end[i] = window->end[i];
    }
    return same;
}
