/*  grid_sample.c - GridSample: pictures read at the places that a grid names.  */

#include "services/inference/engine/ops/taps.h"

#include <math.h>

typedef enum s_border { ZEROS, BORDER, REFLECTION } s_border_t;

TACIT_INFER(grid_sample)
{
    static const char *const modes[] = {"bilinear", "nearest", "bicubic", NULL};
    static const char *const borders[] = {"zeros", "border", "reflection", NULL};
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *grid = &inference->inputs[1].shape;
    const tacit_graph_node_t *node = inference->node;
    if (!tacit_is_one_of(tacit_graph_node_text(node, "mode", "bilinear"), modes) ||
        !tacit_is_one_of(tacit_graph_node_text(node, "padding_mode", "zeros"), borders) ||
        x->rank != 4 || grid->rank != 4 || grid->dims[3] != 2 || grid->dims[0] != x->dims[0] ||
        x->dims[2] < 1 || x->dims[3] < 1) {
        return tacit_infer_refuse(inference, "its grid or modes do not fit its input");
    }
    inference->parameters->node.node = node;
    inference->outputs[0].shape =
        (tacit_shape_t){.rank = 4, .dims = {x->dims[0], x->dims[1], grid->dims[1], grid->dims[2]}};
    return TACIT_OK;
}

typedef struct s_sampler {
    const char *mode;
    s_border_t border;
    bool align;
    int64_t height, width;
} s_sampler_t;

/*  A coordinate brought back between low and high by reflection.  */
static double s_reflected(double x, double low, double high)
{
    double range = high - low;
    if (range <= 0) {
        return low;
    }
    double away = fmod(fabs(x - low), 2 * range);
    return low + (away > range ? 2 * range - away : away);
}

static double s_place(const s_sampler_t *sampler, double x, int64_t size)
{
    double span = (double)size;
    x = sampler->align ? (x + 1) / 2 * (span - 1) : ((x + 1) * span - 1) / 2;
    return isfinite(x) ? fmax(-1e9, fmin(x, 1e9)) : -1e9;
}

static int64_t s_bordered(const s_sampler_t *sampler, double x, int64_t size, bool *inside)
{
    double span = (double)size;
    if (sampler->border == BORDER) {
        x = fmax(0, fmin(x, span - 1));
    } else if (sampler->border == REFLECTION) {
        x = sampler->align ? s_reflected(x, 0, span - 1) : s_reflected(x, -0.5, span - 0.5);
        x = fmax(0, fmin(x, span - 1));
    }
    *inside &= x >= 0 && x <= span - 1;
    return tacit_inside((int64_t)x, size);
}

static double s_pixel(const s_sampler_t *sampler, const float *map, double y, double x)
{
    bool inside = true;
    int64_t row = s_bordered(sampler, y, sampler->height, &inside);
    int64_t column = s_bordered(sampler, x, sampler->width, &inside);
    return inside ? (double)map[row * sampler->width + column] : 0;
}

static double s_sample(const s_sampler_t *sampler, const float *map, double y, double x)
{
    y = s_place(sampler, y, sampler->height);
    x = s_place(sampler, x, sampler->width);
    if (strcmp(sampler->mode, "nearest") == 0) {
        return s_pixel(sampler, map, rint(y), rint(x));
    }
    bool cubic = strcmp(sampler->mode, "bicubic") == 0;
    double rows[TACIT_TAPS] = {1 - (y - floor(y)), y - floor(y)};
    double columns[TACIT_TAPS] = {1 - (x - floor(x)), x - floor(x)};
    if (cubic) {
        tacit_cubic(y - floor(y), -0.75, rows);
        tacit_cubic(x - floor(x), -0.75, columns);
    }
    size_t count = cubic ? 4 : 2;
    double first = cubic ? 1 : 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            double weight = rows[i] * columns[k];
            sum += weight * s_pixel(sampler, map, floor(y) + (double)i - first,
                                    floor(x) + (double)k - first);
        }
    }
    return sum;
}

TACIT_KERNEL(grid_sample)
{
    (void)input_count, (void)output_count;
    const tacit_graph_node_t *node = parameters->node.node;
    const char *border = tacit_graph_node_text(node, "padding_mode", "zeros");
    s_sampler_t sampler = {.mode = tacit_graph_node_text(node, "mode", "bilinear"),
                           .border =
                               border[0] == 'z' ? ZEROS : (border[0] == 'b' ? BORDER : REFLECTION),
                           .align = tacit_graph_node_integer(node, "align_corners", 0) != 0,
                           .height = inputs[0].shape.dims[2],
                           .width = inputs[0].shape.dims[3]};
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t area = tacit_shape_span(shape, 2, 4);
    size_t channels = (size_t)shape->dims[1];
    const float *grid = inputs[1].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t map = n / area;
        const float *at = grid + 2 * (map / channels * area + n % area);
        const float *from =
            (const float *)inputs[0].data + map * (size_t)(sampler.height * sampler.width);
        ((float *)outputs[0].data)[n] =
            (float)s_sample(&sampler, from, (double)at[1], (double)at[0]);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(grid_sample) = {
    {"GridSample", 16, 17, FLOAT32, "TT|T", 2, "align_corners:i mode:s padding_mode:s", 0, 0, I(grid_sample), K(grid_sample), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
