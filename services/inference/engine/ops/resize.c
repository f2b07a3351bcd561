/*  resize.c - Resize and Upsample: between the points of a tensor.

    A dimension of the output takes from at most four places of the input, with weights; these taps
    are made once per dimension, and all dimensions' taps multiply.  */

#include "services/inference/engine/ops/taps.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/portable.h"

#include <math.h>

typedef tacit_tap_t s_tap_t;

/*  The node's choices.  */
typedef struct s_choices {
    const char *mode, *coordinates, *nearest;
    double cubic, extrapolation;
    bool exclude;
} s_choices_t;

static s_choices_t s_choices(const tacit_graph_node_t *node, int64_t opset)
{
    const char *old = "asymmetric";
    return (s_choices_t){
        .mode = tacit_graph_node_text(node, "mode", "nearest"),
        .coordinates = tacit_graph_node_text(node, "coordinate_transformation_mode",
                                             opset >= 11 ? "half_pixel" : old),
        .nearest = tacit_graph_node_text(node, "nearest_mode",
                                         opset >= 11 ? "round_prefer_floor" : "floor"),
        .cubic = (double)tacit_graph_node_real(node, "cubic_coeff_a", -0.75F),
        .extrapolation = (double)tacit_graph_node_real(node, "extrapolation_value", 0.0F),
        .exclude = tacit_graph_node_integer(node, "exclude_outside", 0) != 0};
}

/*  Which inputs hold what: Upsample and Resize before opset 11 have scales second.  */
typedef struct s_sources {
    const tacit_tensor_t *regions, *scales, *sizes; /* NULL where not given */
} s_sources_t;

static const tacit_tensor_t *s_source(const tacit_tensor_t *inputs, size_t count, size_t i)
{
    return tacit_given(inputs, count, i) && inputs[i].count > 0 ? &inputs[i] : NULL;
}

static s_sources_t s_sources(const tacit_tensor_t *inputs, size_t count, int64_t opset)
{
    if (opset < 11) {
        return (s_sources_t){NULL, s_source(inputs, count, 1), NULL};
    }
    return (s_sources_t){s_source(inputs, count, 1), s_source(inputs, count, 2),
                         s_source(inputs, count, 3)};
}

static tacit_status_t s_output(const tacit_inference_t *inference, s_sources_t sources,
                               const tacit_attribute_t *attribute, bool align)
{
    bool whole = true;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    tacit_shape_t shape = *x;
    size_t count = attribute != NULL ? attribute->count : 0;
    count = sources.scales != NULL ? sources.scales->count : count;
    count = sources.sizes != NULL ? sources.sizes->count : count;
    if (count != x->rank || (sources.scales != NULL && sources.sizes != NULL)) {
        return tacit_infer_refuse(inference, "its scales or sizes do not fit its input");
    }
    for (size_t i = 0; i < x->rank; i++) {
        double size = 0;
        if (sources.sizes != NULL) {
            size = (double)tacit_element_integer(sources.sizes, i);
        } else {
            double scale = attribute != NULL ? (double)attribute->reals[i]
                                             : tacit_element_real(sources.scales, i);
            size = (double)x->dims[i] * scale;
            whole &= fabs(size - rint(size)) < 1e-4;
        }
        /* ONNX's own tests divide by the size before it is cut, ONNX Runtime by the one after.  */
        if (align && !whole) {
            return tacit_graph_node_refuse(inference->node, inference->error, TACIT_UNSUPPORTED,
                                           "align_corners with a size that is no whole number has "
                                           "two meanings");
        }
        size = floor(size);
        if (!(size >= 0 && size <= TACIT_TENSOR_SIZE_MAX) || (size > 0 && x->dims[i] == 0)) {
            return tacit_infer_refuse(inference, "a scale or size is out of bounds");
        }
        shape.dims[i] = (int64_t)size;
        *inference->scratch += (size_t)shape.dims[i] * sizeof(s_tap_t);
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

TACIT_INFER(resize)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const coordinates[] = {
        "half_pixel", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn",
        NULL};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil", NULL};
    const tacit_graph_node_t *node = inference->node;
    int64_t opset = inference->graph->opset;
    s_choices_t choices = s_choices(node, opset);
    s_sources_t sources = s_sources(inference->inputs, node->input_count, opset);
    if (!tacit_is_one_of(choices.mode, modes) ||
        !tacit_is_one_of(choices.coordinates, coordinates) ||
        !tacit_is_one_of(choices.nearest, nearest)) {
        return tacit_infer_refuse(inference, "a mode is unknown");
    }
    if (strcmp(choices.coordinates, "tf_crop_and_resize") == 0 &&
        (sources.regions == NULL ||
         sources.regions->count != 2 * inference->inputs[0].shape.rank)) {
        return tacit_infer_refuse(inference, "its regions do not fit its input");
    }
    bool real = inference->inputs[0].dtype == TACIT_DTYPE_FLOAT32;
    if (!real && strcmp(choices.mode, "nearest") != 0) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_UNSUPPORTED,
                                       "between elements of this type is not computed");
    }
    inference->parameters->node.node = node;
    inference->parameters->node.opset = opset;
    return s_output(inference, sources, tacit_graph_node_attribute(node, "scales"),
                    strcmp(choices.coordinates, "align_corners") == 0);
}

/*  One dimension: sizes before and after, the scale, the region.  */
typedef struct s_dimension {
    double from, to, scale, start, end;
} s_dimension_t;

static s_dimension_t s_dimension(const tacit_parameters_t *parameters, s_sources_t sources,
                                 const tacit_tensor_t *x, const tacit_tensor_t *y, size_t i)
{
    const tacit_attribute_t *scales = tacit_graph_node_attribute(parameters->node.node, "scales");
    s_dimension_t dimension = {.from = (double)x->shape.dims[i], .to = (double)y->shape.dims[i]};
    dimension.scale = dimension.to / dimension.from;
    if (scales != NULL) {
        dimension.scale = (double)scales->reals[i];
    } else if (sources.scales != NULL) {
        dimension.scale = tacit_element_real(sources.scales, i);
    }
    if (sources.regions != NULL && sources.regions->count == 2 * x->shape.rank) {
        dimension.start = tacit_element_real(sources.regions, i);
        dimension.end = tacit_element_real(sources.regions, i + x->shape.rank);
    }
    return dimension;
}

/*  Where the output's point stands in the input: in float32, as everybody computes it, because a
    point that falls between two elements goes to one of them by its last bit.  */
static float s_original(const char *mode, const s_dimension_t *d, float at)
{
    float from = (float)d->from;
    float to = (float)d->to;
    float scale = (float)d->scale;
    if (strcmp(mode, "align_corners") == 0) {
        return to > 1 ? at * (from - 1) / (to - 1) : 0;
    }
    if (strcmp(mode, "asymmetric") == 0) {
        return at / scale;
    }
    if (strcmp(mode, "tf_half_pixel_for_nn") == 0) {
        return (at + 0.5F) / scale;
    }
    if (strcmp(mode, "tf_crop_and_resize") == 0) {
        float start = (float)d->start;
        float end = (float)d->end;
        return to > 1 ? start * (from - 1) + at * (end - start) * (from - 1) / (to - 1)
                      : 0.5F * (start + end) * (from - 1);
    }
    if (strcmp(mode, "pytorch_half_pixel") == 0 && to <= 1) {
        return 0;
    }
    return (at + 0.5F) / scale - 0.5F;
}

static double s_nearest(const char *mode, double x)
{
    if (strcmp(mode, "floor") == 0) {
        return floor(x);
    }
    if (strcmp(mode, "ceil") == 0) {
        return ceil(x);
    }
    return strcmp(mode, "round_prefer_ceil") == 0 ? floor(x + 0.5) : ceil(x - 0.5);
}

static s_tap_t s_tap(const s_choices_t *choices, const s_dimension_t *dimension, double at)
{
    s_tap_t tap = {.count = 1, .weights = {1}};
    int64_t size = (int64_t)dimension->from;
    double x = (double)s_original(choices->coordinates, dimension, (float)at);
    x = isfinite(x) ? fmax(-4.0, fmin(x, dimension->from + 4)) : 0;
    tap.outside = strcmp(choices->coordinates, "tf_crop_and_resize") == 0 &&
                  (x < 0 || x > dimension->from - 1);
    if (strcmp(choices->mode, "nearest") == 0) {
        tap.places[0] = tacit_inside((int64_t)s_nearest(choices->nearest, x), size);
        return tap;
    }
    bool cubic = strcmp(choices->mode, "cubic") == 0;
    double low = floor(x);
    double weights[TACIT_TAPS] = {1 - (x - low), x - low};
    if (cubic) {
        tacit_cubic(x - low, choices->cubic, weights);
    }
    double sum = 0;
    tap.count = cubic ? 4 : 2;
    for (size_t i = 0; i < tap.count; i++) {
        int64_t place = (int64_t)low + (int64_t)i - (cubic ? 1 : 0);
        bool excluded = choices->exclude && (place < 0 || place >= size);
        tap.weights[i] = excluded ? 0 : weights[i];
        tap.places[i] = tacit_inside(place, size);
        sum += tap.weights[i];
    }
    for (size_t i = 0; choices->exclude && sum != 0 && i < tap.count; i++) {
        tap.weights[i] /= sum;
    }
    return tap;
}

/*  The sum over all combinations of taps.  */
static double s_sum(const float *x, const s_tap_t *const *taps, const size_t *strides, size_t rank)
{
    size_t turns[TACIT_ENGINE_RANK_MAX] = {0};
    double sum = 0;
    for (;;) {
        double weight = 1;
        size_t at = 0;
        for (size_t i = 0; i < rank; i++) {
            weight *= taps[i]->weights[turns[i]];
            at += (size_t)taps[i]->places[turns[i]] * strides[i];
        }
        sum += weight != 0 ? weight * (double)x[at] : 0;
        size_t i = rank;
        while (i > 0 && ++turns[i - 1] == taps[i - 1]->count) {
            turns[--i] = 0;
        }
        if (i == 0) {
            return sum;
        }
    }
}

static void s_resize_element(const tacit_tensor_t *x, tacit_tensor_t *y, size_t n,
                             const s_tap_t *const *taps, const size_t *strides,
                             double extrapolation)
{
    size_t rank = y->shape.rank;
    bool outside = false;
    bool single = true;
    size_t at = 0;
    for (size_t i = 0; i < rank; i++) {
        outside |= taps[i]->outside;
        single &= taps[i]->count == 1;
        at += (size_t)taps[i]->places[0] * strides[i];
    }
    if (outside && y->dtype == TACIT_DTYPE_FLOAT32) {
        ((float *)y->data)[n] = (float)extrapolation;
    } else if (single) {
        tacit_element_copy(tacit_dtype_size(y->dtype), y->data, n, x->data, at);
    } else {
        ((float *)y->data)[n] = (float)s_sum(x->data, taps, strides, rank);
    }
}

/* --- planes ----------------------------------------------------------------------------------- */

enum { S_ROW_MAX = 2048 /* elements of a row that is put together on the stack */ };

/*  Whether only the last two dimensions change, and each element is made of what is inside.  */
static bool s_is_planes(const tacit_tensor_t *x, const tacit_tensor_t *y, s_tap_t *const *taps)
{
    size_t rank = y->shape.rank;
    bool fits = rank >= 2 && x->dtype == TACIT_DTYPE_FLOAT32 && y->count > 0 &&
                x->shape.dims[rank - 1] <= S_ROW_MAX;
    for (size_t i = 0; fits && i < rank; i++) {
        for (int64_t k = 0; fits && k < y->shape.dims[i]; k++) {
            const s_tap_t *tap = &taps[i][k];
            fits = !tap->outside && (i + 2 >= rank || (tap->count == 1 && tap->places[0] == k &&
                                                       x->shape.dims[i] == y->shape.dims[i]));
        }
    }
    return fits;
}

/*  What a row of the output is made of: rows of the input, put together.  */
static void s_join_rows(const float *x, size_t width, const s_tap_t *tap, float *ret_row)
{
    for (size_t k = 0; k < tap->count; k++) {
        const float *from = x + (size_t)tap->places[k] * width;
        float weight = (float)tap->weights[k];
        for (size_t i = 0; i < width && weight != 0; i++) {
            ret_row[i] = weight * from[i] + (k > 0 ? ret_row[i] : 0.0F);
        }
        if (k == 0 && weight == 0) {
            memset(ret_row, 0, width * sizeof(float));
        }
    }
}

/*  A place that has no weight is not looked at: there may be NaN.  */
static void s_spread_row(const float *row, const s_tap_t *taps, size_t count, float *ret_y)
{
    for (size_t i = 0; i < count; i++) {
        const s_tap_t *tap = &taps[i];
        float sum = 0;
        for (size_t k = 0; k < tap->count; k++) {
            float weight = (float)tap->weights[k];
            sum += weight != 0 ? weight * row[tap->places[k]] : 0;
        }
        ret_y[i] = sum;
    }
}

static void s_resize_planes(const tacit_tensor_t *x, tacit_tensor_t *y, s_tap_t *const *taps)
{
    size_t rank = y->shape.rank;
    size_t height = (size_t)y->shape.dims[rank - 2];
    size_t width = (size_t)y->shape.dims[rank - 1];
    size_t before = (size_t)x->shape.dims[rank - 1];
    size_t plane = (size_t)x->shape.dims[rank - 2] * before;
    size_t rows = y->count / width;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < rows; n++) {
        float row[S_ROW_MAX];
        s_join_rows((const float *)x->data + n / height * plane, before,
                    &taps[rank - 2][n % height], row);
        s_spread_row(row, taps[rank - 1], width, (float *)y->data + n * width);
    }
}

/*  The taps of all dimensions, into room for as many as there are places.  */
static void s_make_taps(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                        size_t input_count, const tacit_tensor_t *output, s_tap_t *next,
                        s_tap_t **ret_taps)
{
    s_choices_t choices = s_choices(parameters->node.node, parameters->node.opset);
    s_sources_t sources = s_sources(inputs, input_count, parameters->node.opset);
    const tacit_shape_t *shape = &output->shape;
    for (size_t i = 0; i < shape->rank; i++) {
        s_dimension_t dimension = s_dimension(parameters, sources, &inputs[0], output, i);
        bool same = shape->dims[i] == inputs[0].shape.dims[i] && dimension.scale == 1 &&
                    strcmp(choices.coordinates, "tf_crop_and_resize") != 0;
        ret_taps[i] = next;
        for (int64_t k = 0; k < shape->dims[i]; k++) {
            *next++ = same ? (s_tap_t){.places = {k}, .weights = {1}, .count = 1}
                           : s_tap(&choices, &dimension, (double)k);
        }
    }
}

TACIT_KERNEL(resize)
{
    s_choices_t choices = s_choices(parameters->node.node, parameters->node.opset);
    s_tap_t *taps[TACIT_ENGINE_RANK_MAX] = {NULL};
    const s_tap_t *chosen[TACIT_ENGINE_RANK_MAX] = {NULL};
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    const tacit_shape_t *shape = &outputs[0].shape;
    s_make_taps(parameters, inputs, input_count, &outputs[0], outputs[output_count].data, taps);
    if (tacit_resize_pick(&inputs[0], &outputs[0], taps, false)) {
        return NULL;
    }
    if (s_is_planes(&inputs[0], &outputs[0], taps)) {
        s_resize_planes(&inputs[0], &outputs[0], taps);
        return NULL;
    }
    tacit_dense_strides(&inputs[0].shape, strides);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(shape, n, at);
        for (size_t i = 0; i < shape->rank; i++) {
            chosen[i] = &taps[i][at[i]];
        }
        s_resize_element(&inputs[0], &outputs[0], n, chosen, strides, choices.extrapolation);
    }
    return NULL;
}

/*  Of bytes whose channels lie side by side; the recipe is the parameters.  */
static const char *s_resize_last(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                 size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    s_tap_t *taps[TACIT_ENGINE_RANK_MAX] = {NULL};
    s_make_taps(parameters->recipe, inputs, input_count, &outputs[0], outputs[output_count].data,
                taps);
    return tacit_resize_pick(&inputs[0], &outputs[0], taps, true) ? NULL : "its places lie outside";
}

TACIT_ACCELERATE(resize)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[TACIT_NODE_INPUTS_MAX + 1] = {tacit_planner_slot(planner, node->inputs[0])};
    s_choices_t choices = s_choices(node, inference->parameters->node.opset);
    size_t places = 0;
    if (inference->inputs[0].dtype == TACIT_DTYPE_FLOAT32 || !tacit_last_is(planner, slots[0]) ||
        strcmp(choices.coordinates, "tf_crop_and_resize") == 0) {
        return TACIT_OK;
    }
    for (size_t i = 0; i < shape->rank; i++) {
        places += (size_t)shape->dims[i];
    }
    for (size_t i = 1; i < node->input_count; i++) {
        slots[i] = tacit_planner_slot(planner, node->inputs[i]);
    }
    tacit_parameters_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    int y = tacit_last_new(planner, inference->outputs[0].dtype, shape);
    if (recipe == NULL || y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *recipe = *inference->parameters;
    slots[node->input_count] = y;
    *ret_done = true;
    tacit_planner_bind(planner, node->outputs[0], y);
    return tacit_planner_kernel(planner, s_resize_last, "channels", recipe, slots,
                                node->input_count, 1, places * sizeof(s_tap_t));
}

/* clang-format off */
#define RESIZED "mode:s coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i extrapolation_value:f nearest_mode:s"
TACIT_OPERATORS(resize) = {
    {"Upsample", 7, 8, ANY, "T|T", 1, "mode:s scales:F", 0, BYTES | BOTH, I(resize), K(resize), A(resize)},
    {"Upsample", 9, 9, ANY, "Tf|T", 2, "mode:s", 1 << 1, BYTES | BOTH, I(resize), K(resize), A(resize)},
    {"Resize", 10, 10, ANY, "Tf|T", 2, "mode:s", 1 << 1, BYTES | BOTH, I(resize), K(resize), A(resize)},
    {"Resize", 11, 17, ANY, "Trfi|T", 1, RESIZED, 0xe, BYTES | BOTH, I(resize), K(resize), A(resize)},
    TACIT_OPERATORS_END
};
/* clang-format on */
