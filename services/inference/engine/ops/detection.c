/*  detection.c - boxes: NonMaxSuppression, RoiAlign, MaxRoiPool.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>
#include <stdlib.h>

/* --- NonMaxSuppression ------------------------------------------------------------------------ */

typedef struct s_box {
    float top, left, bottom, right;
} s_box_t;

static s_box_t s_box(const float *numbers, bool centre)
{
    if (centre) {
        return (s_box_t){numbers[1] - numbers[3] / 2, numbers[0] - numbers[2] / 2,
                         numbers[1] + numbers[3] / 2, numbers[0] + numbers[2] / 2};
    }
    return (s_box_t){fminf(numbers[0], numbers[2]), fminf(numbers[1], numbers[3]),
                     fmaxf(numbers[0], numbers[2]), fmaxf(numbers[1], numbers[3])};
}

static float s_overlap(s_box_t a, s_box_t b)
{
    float height = fminf(a.bottom, b.bottom) - fmaxf(a.top, b.top);
    float width = fminf(a.right, b.right) - fmaxf(a.left, b.left);
    float common = height > 0 && width > 0 ? height * width : 0;
    float both = (a.bottom - a.top) * (a.right - a.left) + (b.bottom - b.top) * (b.right - b.left);
    return both - common > 0 ? common / (both - common) : 0;
}

/*  The node's numbers.  */
typedef struct s_limits {
    int64_t most; /* boxes of a class */
    float overlap, score;
    bool centre;
} s_limits_t;

static s_limits_t s_limits(const tacit_tensor_t *inputs, size_t count, bool centre)
{
    s_limits_t limits = {.most = 0, .score = -INFINITY, .centre = centre};
    if (tacit_given(inputs, count, 2)) {
        limits.most = tacit_element_integer(&inputs[2], 0);
    }
    if (tacit_given(inputs, count, 3)) {
        limits.overlap = *(const float *)inputs[3].data;
    }
    if (tacit_given(inputs, count, 4)) {
        limits.score = *(const float *)inputs[4].data;
    }
    return limits;
}

/*  Choose the best box that is left until none is; gone has a byte per box. The chosen ones go to
    ret_rows unless it is NULL. Returns how many.  */
static int64_t s_choose(const float *boxes, const float *scores, size_t count,
                        const s_limits_t *limits, uint8_t *gone, const int64_t *names,
                        int64_t *ret_rows)
{
    int64_t chosen = 0;
    memset(gone, 0, count);
    while (chosen < limits->most) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            bool better = best == count || scores[i] > scores[best];
            best = gone[i] == 0 && scores[i] > limits->score && better ? i : best;
        }
        if (best == count) {
            break;
        }
        s_box_t box = s_box(boxes + 4 * best, limits->centre);
        for (size_t i = 0; i < count; i++) {
            gone[i] |= s_overlap(box, s_box(boxes + 4 * i, limits->centre)) > limits->overlap;
        }
        gone[best] = 1;
        if (ret_rows != NULL) {
            int64_t row[] = {names[0], names[1], (int64_t)best};
            memcpy(ret_rows + 3 * chosen, row, sizeof(row));
        }
        chosen++;
    }
    return chosen;
}

static int64_t s_suppress(const tacit_tensor_t *inputs, const s_limits_t *limits, uint8_t *gone,
                          int64_t *ret_rows)
{
    size_t classes = (size_t)inputs[1].shape.dims[1];
    size_t boxes = (size_t)inputs[0].shape.dims[1];
    int64_t chosen = 0;
    for (size_t n = 0; n < (size_t)inputs[1].shape.dims[0] * classes; n++) {
        int64_t names[] = {(int64_t)(n / classes), (int64_t)(n % classes)};
        chosen += s_choose((const float *)inputs[0].data + n / classes * boxes * 4,
                           (const float *)inputs[1].data + n * boxes, boxes, limits, gone, names,
                           ret_rows != NULL ? ret_rows + 3 * chosen : NULL);
    }
    return chosen;
}

TACIT_INFER(suppress)
{
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *boxes = &inputs[0].shape;
    const tacit_shape_t *scores = &inputs[1].shape;
    size_t count = inference->node->input_count;
    bool fits = boxes->rank == 3 && scores->rank == 3 && boxes->dims[2] == 4 &&
                boxes->dims[0] == scores->dims[0] && boxes->dims[1] == scores->dims[2];
    for (size_t i = 2; fits && i < count; i++) {
        fits = !tacit_given(inputs, count, i) || inputs[i].count == 1;
    }
    if (!fits) {
        return tacit_infer_refuse(inference, "its boxes, scores and limits do not fit");
    }
    bool centre = tacit_graph_node_integer(inference->node, "center_point_box", 0) != 0;
    s_limits_t limits = s_limits(inputs, count, centre);
    uint8_t *gone = malloc((size_t)boxes->dims[1] + 1);
    if (gone == NULL) {
        return tacit_error_set(inference->error, TACIT_NO_MEMORY, NULL);
    }
    int64_t chosen = s_suppress(inputs, &limits, gone, NULL);
    free(gone);
    inference->parameters->node.mode = centre;
    *inference->scratch = (size_t)boxes->dims[1] + 1;
    inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {chosen, 3}};
    return TACIT_OK;
}

TACIT_KERNEL(suppress)
{
    s_limits_t limits = s_limits(inputs, input_count, parameters->node.mode != 0);
    (void)s_suppress(inputs, &limits, outputs[output_count].data, outputs[0].data);
    return NULL;
}

/* --- RoiAlign --------------------------------------------------------------------------------- */

TACIT_INFER(roi_align)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *regions = &inference->inputs[1].shape;
    int64_t height = tacit_graph_node_integer(node, "output_height", 1);
    int64_t width = tacit_graph_node_integer(node, "output_width", 1);
    int64_t ratio = tacit_graph_node_integer(node, "sampling_ratio", 0);
    bool fits = x->rank == 4 && regions->rank == 2 && regions->dims[1] == 4 &&
                inference->inputs[2].shape.rank == 1 &&
                inference->inputs[2].shape.dims[0] == regions->dims[0] && height > 0 && width > 0 &&
                height <= TACIT_WINDOW_MAX && width <= TACIT_WINDOW_MAX && ratio >= 0 &&
                ratio <= TACIT_WINDOW_MAX && x->dims[2] > 0 && x->dims[3] > 0;
    if (!fits) {
        return tacit_infer_refuse(inference, "its regions or sizes do not fit its input");
    }
    inference->parameters->node.node = node;
    inference->parameters->node.opset = inference->graph->opset;
    inference->outputs[0].shape =
        (tacit_shape_t){.rank = 4, .dims = {regions->dims[0], x->dims[1], height, width}};
    return TACIT_OK;
}

/*  The map between its points; 0 beyond its borders.  */
static float s_between(const float *map, int64_t height, int64_t width, float y, float x)
{
    if (!(y >= -1.0F && y <= (float)height && x >= -1.0F && x <= (float)width)) {
        return 0.0F;
    }
    y = fmaxf(y, 0.0F);
    x = fmaxf(x, 0.0F);
    int64_t top = (int64_t)y;
    int64_t left = (int64_t)x;
    top = top >= height - 1 ? height - 1 : top;
    left = left >= width - 1 ? width - 1 : left;
    int64_t bottom = top >= height - 1 ? top : top + 1;
    int64_t right = left >= width - 1 ? left : left + 1;
    float low = top == bottom ? 0.0F : y - (float)top;
    float far = left == right ? 0.0F : x - (float)left;
    return (1 - low) * ((1 - far) * map[top * width + left] + far * map[top * width + right]) +
           low * ((1 - far) * map[bottom * width + left] + far * map[bottom * width + right]);
}

/*  The four weighted corners are taken apart in mode max, as ONNX defines it.  */
static float s_largest_corner(const float *map, int64_t height, int64_t width, float y, float x)
{
    if (!(y >= -1.0F && y <= (float)height && x >= -1.0F && x <= (float)width)) {
        return 0.0F;
    }
    y = fmaxf(y, 0.0F);
    x = fmaxf(x, 0.0F);
    int64_t top = (int64_t)y >= height - 1 ? height - 1 : (int64_t)y;
    int64_t left = (int64_t)x >= width - 1 ? width - 1 : (int64_t)x;
    int64_t bottom = top >= height - 1 ? top : top + 1;
    int64_t right = left >= width - 1 ? left : left + 1;
    float low = top == bottom ? 0.0F : y - (float)top;
    float far = left == right ? 0.0F : x - (float)left;
    float upper = fmaxf((1 - low) * (1 - far) * map[top * width + left],
                        (1 - low) * far * map[top * width + right]);
    float lower = fmaxf(low * (1 - far) * map[bottom * width + left],
                        low * far * map[bottom * width + right]);
    return fmaxf(upper, lower);
}

/*  What hostile regions may cost, as a kernel is not cancelled.  */
static const int64_t s_samples_max = (int64_t)1 << 27;

/*  A region's place and the steps in it.  */
typedef struct s_region {
    float top, left, bin_height, bin_width;
    int64_t rows, columns; /* samples per bin */
    bool max;
} s_region_t;

static s_region_t s_region(const tacit_parameters_t *parameters, const float *corners,
                           const tacit_shape_t *output)
{
    const tacit_graph_node_t *node = parameters->node.node;
    const char *mode =
        tacit_graph_node_text(node, "coordinate_transformation_mode",
                              parameters->node.opset >= 16 ? "half_pixel" : "output_half_pixel");
    bool half = strcmp(mode, "half_pixel") == 0;
    float scale = tacit_graph_node_real(node, "spatial_scale", 1.0F);
    int64_t ratio = tacit_graph_node_integer(node, "sampling_ratio", 0);
    float shift = half ? 0.5F : 0.0F;
    float height = (corners[3] - corners[1]) * scale;
    float width = (corners[2] - corners[0]) * scale;
    if (!half) {
        height = fmaxf(height, 1.0F);
        width = fmaxf(width, 1.0F);
    }
    s_region_t region = {.top = corners[1] * scale - shift,
                         .left = corners[0] * scale - shift,
                         .bin_height = height / (float)output->dims[2],
                         .bin_width = width / (float)output->dims[3]};
    region.rows =
        ratio > 0 ? ratio : tacit_saturate(ceil((double)region.bin_height), 1, TACIT_WINDOW_MAX);
    region.columns =
        ratio > 0 ? ratio : tacit_saturate(ceil((double)region.bin_width), 1, TACIT_WINDOW_MAX);
    region.max = strcmp(tacit_graph_node_text(node, "mode", "avg"), "max") == 0;
    return region;
}

static float s_bin(const s_region_t *region, const float *map, const tacit_shape_t *x, int64_t row,
                   int64_t column)
{
    float sum = 0.0F;
    float largest = -INFINITY;
    for (int64_t i = 0; i < region->rows; i++) {
        float y_at = region->top + (float)row * region->bin_height +
                     ((float)i + 0.5F) * region->bin_height / (float)region->rows;
        for (int64_t k = 0; k < region->columns; k++) {
            float x_at = region->left + (float)column * region->bin_width +
                         ((float)k + 0.5F) * region->bin_width / (float)region->columns;
            if (region->max) {
                largest = fmaxf(largest, s_largest_corner(map, x->dims[2], x->dims[3], y_at, x_at));
            } else {
                sum += s_between(map, x->dims[2], x->dims[3], y_at, x_at);
            }
        }
    }
    return region->max ? largest : sum / (float)(region->rows * region->columns);
}

TACIT_KERNEL(roi_align)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *x = &inputs[0].shape;
    const tacit_shape_t *y = &outputs[0].shape;
    size_t area = (size_t)(x->dims[2] * x->dims[3]);
    int64_t samples = 0;
    float *to = outputs[0].data;
    for (int64_t r = 0; r < y->dims[0]; r++) {
        int64_t batch = ((const int64_t *)inputs[2].data)[r];
        if (batch < 0 || batch >= x->dims[0]) {
            return "a region lies in no picture";
        }
        s_region_t region = s_region(parameters, (const float *)inputs[1].data + 4 * r, y);
        samples += region.rows * region.columns * y->dims[1] * y->dims[2] * y->dims[3];
        if (samples > s_samples_max) {
            return "its regions have too many samples";
        }
        for (int64_t c = 0; c < y->dims[1]; c++) {
            const float *map =
                (const float *)inputs[0].data + (size_t)(batch * x->dims[1] + c) * area;
            for (int64_t i = 0; i < y->dims[2] * y->dims[3]; i++) {
                *to++ = s_bin(&region, map, x, i / y->dims[3], i % y->dims[3]);
            }
        }
    }
    return NULL;
}

/* --- MaxRoiPool ------------------------------------------------------------------------------- */

TACIT_INFER(roi_pool)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *regions = &inference->inputs[1].shape;
    const tacit_attribute_t *size = tacit_graph_node_attribute(node, "pooled_shape");
    bool fits = x->rank == 4 && regions->rank == 2 && regions->dims[1] == 5 && size != NULL &&
                size->count == 2 && size->integers[0] > 0 && size->integers[1] > 0 &&
                size->integers[0] <= TACIT_WINDOW_MAX && size->integers[1] <= TACIT_WINDOW_MAX;
    if (!fits) {
        return tacit_infer_refuse(inference, "its regions or sizes do not fit its input");
    }
    inference->parameters->node.node = node;
    inference->outputs[0].shape = (tacit_shape_t){
        .rank = 4, .dims = {regions->dims[0], x->dims[1], size->integers[0], size->integers[1]}};
    return TACIT_OK;
}

/*  The largest element of a bin; 0 where that is empty.  */
static float s_bin_largest(const float *map, const tacit_shape_t *x, const int64_t from[2],
                           const int64_t to[2])
{
    float largest = -INFINITY;
    for (int64_t i = from[0]; i < to[0]; i++) {
        for (int64_t k = from[1]; k < to[1]; k++) {
            largest = fmaxf(largest, map[i * x->dims[3] + k]);
        }
    }
    return from[0] < to[0] && from[1] < to[1] ? largest : 0.0F;
}

/*  Bin `at` of a region along a dimension: corners are rounded to elements, both included.  */
static void s_cut(double first, double last, int64_t bins, int64_t at, int64_t limit,
                  int64_t *ret_from, int64_t *ret_to)
{
    int64_t start = tacit_saturate(round(first), -(1LL << 32), 1LL << 32);
    int64_t end = tacit_saturate(round(last), -(1LL << 32), 1LL << 32);
    int64_t size = end - start + 1 > 1 ? end - start + 1 : 1;
    double step = (double)size / (double)bins;
    *ret_from = start + (int64_t)floor((double)at * step);
    *ret_to = start + (int64_t)ceil((double)(at + 1) * step);
    *ret_from = *ret_from < 0 ? 0 : *ret_from;
    *ret_to = *ret_to > limit ? limit : *ret_to;
}

TACIT_KERNEL(roi_pool)
{
    (void)input_count, (void)output_count;
    const tacit_shape_t *x = &inputs[0].shape;
    const tacit_shape_t *y = &outputs[0].shape;
    double scale = (double)tacit_graph_node_real(parameters->node.node, "spatial_scale", 1.0F);
    float *to = outputs[0].data;
    for (int64_t r = 0; r < y->dims[0]; r++) {
        const float *region = (const float *)inputs[1].data + 5 * r;
        int64_t batch = tacit_saturate((double)region[0], -1, x->dims[0]);
        if (batch < 0 || batch >= x->dims[0]) {
            return "a region lies in no picture";
        }
        for (int64_t n = 0; n < y->dims[1] * y->dims[2] * y->dims[3]; n++) {
            int64_t begin[2];
            int64_t end[2];
            int64_t map = batch * x->dims[1] + n / (y->dims[2] * y->dims[3]);
            s_cut((double)region[2] * scale, (double)region[4] * scale, y->dims[2],
                  n / y->dims[3] % y->dims[2], x->dims[2], &begin[0], &end[0]);
            s_cut((double)region[1] * scale, (double)region[3] * scale, y->dims[3], n % y->dims[3],
                  x->dims[3], &begin[1], &end[1]);
            *to++ = s_bin_largest((const float *)inputs[0].data + map * x->dims[2] * x->dims[3], x,
                                  begin, end);
        }
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(detection) = {
    {"MaxRoiPool", 1, 17, FLOAT32, "TT|T", 2, "pooled_shape:I spatial_scale:f", 0, 0, I(roi_pool), K(roi_pool), NULL},
    {"NonMaxSuppression", 10, 17, FLOAT32, "TTiff|i", 2, "center_point_box:i", 0x1f, 0, I(suppress), K(suppress), NULL},
    {"RoiAlign", 10, 17, FLOAT32, "TTi|T", 3, "mode:s output_height:i output_width:i sampling_ratio:i spatial_scale:f coordinate_transformation_mode:s", 0, 0, I(roi_align), K(roi_align), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
