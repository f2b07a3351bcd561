/*  lp_pool.c - LpPool and GlobalLpPool: the p-norm of each window, where padding counts as 0.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/window.h"

#include <math.h>

enum { NORM_MAX = 1024 };

static tacit_status_t s_finish(const tacit_inference_t *inference, const tacit_window_t *window,
                               const int64_t *spatial)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    int64_t p = tacit_graph_node_integer(inference->node, "p", 2);
    if (p < 1 || p > NORM_MAX) {
        return tacit_infer_refuse(inference, "its p is no norm");
    }
    inference->parameters->node.window = *window;
    inference->parameters->node.mode = p;
    inference->outputs[0].shape = *x;
    memcpy(&inference->outputs[0].shape.dims[2], spatial, window->spatial * sizeof(int64_t));
    return TACIT_OK;
}

TACIT_INFER(lp_pool)
{
    tacit_window_t window;
    int64_t spatial[TACIT_SPATIAL_MAX];
    tacit_status_t status = tacit_window_read(inference, NULL, &window, spatial);
    return status == TACIT_OK ? s_finish(inference, &window, spatial) : status;
}

TACIT_INFER(global_lp_pool)
{
    static const int64_t ones[TACIT_SPATIAL_MAX] = {1, 1, 1};
    const tacit_shape_t *x = &inference->inputs[0].shape;
    if (x->rank < 3 || x->rank > 2 + TACIT_SPATIAL_MAX) {
        return tacit_infer_refuse(inference, "its input has not 1 to 3 spatial dimensions");
    }
    tacit_window_t window = {.spatial = x->rank - 2, .group = 1};
    for (size_t i = 0; i < window.spatial; i++) {
        window.kernel[i] = x->dims[i + 2];
        window.stride[i] = window.dilation[i] = 1;
    }
    return s_finish(inference, &window, ones);
}

/*  Positions [from, to) that a window covers along one dimension.  */
static void s_range(const tacit_frame_t *frame, size_t i, int64_t at, int64_t *ret_from,
                    int64_t *ret_to)
{
    int64_t from = at * frame->window.stride[i] - frame->window.begin[i];
    int64_t to = from + frame->window.kernel[i];
    *ret_from = from > 0 ? from : 0;
    *ret_to = to < frame->input[i] ? to : frame->input[i];
}

static double s_power(double x, int64_t p)
{
    if (p == 1) {
        return fabs(x);
    }
    return p == 2 ? x * x : pow(fabs(x), (double)p);
}

static float s_norm(const tacit_frame_t *frame, const float *map, size_t n, int64_t p)
{
    int64_t from[TACIT_SPATIAL_MAX];
    int64_t to[TACIT_SPATIAL_MAX];
    double sum = 0;
    size_t rest = n;
    for (size_t i = TACIT_SPATIAL_MAX; i-- > 0;) {
        s_range(frame, i, (int64_t)(rest % (size_t)frame->output[i]), &from[i], &to[i]);
        rest /= (size_t)frame->output[i];
    }
    for (int64_t i = from[0]; i < to[0]; i++) {
        for (int64_t j = from[1]; j < to[1]; j++) {
            const float *row = map + (i * frame->input[1] + j) * frame->input[2];
            for (int64_t k = from[2]; k < to[2]; k++) {
                sum += s_power((double)row[k], p);
            }
        }
    }
    return (float)(p == 1 ? sum : pow(sum, 1.0 / (double)p));
}

TACIT_KERNEL(lp_pool)
{
    (void)input_count, (void)output_count;
    tacit_frame_t frame =
        tacit_window_frame(&parameters->node.window, &inputs[0].shape, &outputs[0].shape);
    size_t area = (size_t)(frame.input[0] * frame.input[1] * frame.input[2]);
    size_t places = (size_t)(frame.output[0] * frame.output[1] * frame.output[2]);
    for (size_t n = 0; places > 0 && n < outputs[0].count; n++) {
        ((float *)outputs[0].data)[n] =
            s_norm(&frame, (const float *)inputs[0].data + n / places * area, n % places,
                   parameters->node.mode);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(lp_pool) = {
    {"LpPool", 2, 17, FLOAT32, "T|T", 1, WINDOW " p:i", 0, 0, I(lp_pool), K(lp_pool), NULL},
    {"GlobalLpPool", 2, 17, FLOAT32, "T|T", 1, "p:i", 0, 0, I(global_lp_pool), K(lp_pool), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
