/*  pooling.c - MaxPool, AveragePool and their global forms.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/window.h"
#include "services/inference/engine/planner.h"

#include <math.h>
#include <string.h>

static void s_set_shape(const tacit_inference_t *inference, const int64_t *spatial)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    tacit_shape_t y = *x;
    memcpy(&y.dims[2], spatial, (x->rank - 2) * sizeof(int64_t));
    for (size_t i = 0; i < inference->node->output_count; i++) {
        inference->outputs[i].shape = y;
    }
}

TACIT_INFER(pool)
{
    int64_t output[TACIT_SPATIAL_MAX];
    tacit_status_t status =
        tacit_window_read(inference, NULL, &inference->parameters->window, output);
    if (status == TACIT_OK) {
        s_set_shape(inference, output);
    }
    return status;
}

TACIT_INFER(global_pool)
{
    const tacit_shape_t *x = &inference->inputs[0].shape;
    tacit_window_t window = {.spatial = x->rank - 2, .group = 1};
    const int64_t ones[TACIT_SPATIAL_MAX] = {1, 1, 1};
    if (x->rank < 3 || x->rank > 2 + TACIT_SPATIAL_MAX) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "its input has not 1 to 3 spatial dimensions");
    }
    for (size_t i = 0; i < window.spatial; i++) {
        window.kernel[i] = x->dims[i + 2];
        window.stride[i] = window.dilation[i] = 1;
        if (x->dims[i + 2] < 1) {
            return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                           "its input is empty");
        }
    }
    inference->parameters->window = window;
    s_set_shape(inference, ones);
    return TACIT_OK;
}

/* --- kernels ---------------------------------------------------------------------------------- */

/*  Where a window lies in the input: [from, to) by step, cut at the borders.  */
typedef struct s_range {
    int64_t from, to, step;
} s_range_t;

static s_range_t s_range(const tacit_frame_t *frame, size_t i, int64_t at)
{
    const tacit_window_t *window = &frame->window;
    int64_t step = window->dilation[i];
    int64_t from = at * window->stride[i] - window->begin[i];
    int64_t to = from + (window->kernel[i] - 1) * step + 1;
    if (from < 0) {
        from += (-from + step - 1) / step * step;
    }
    return (s_range_t){from, to < frame->input[i] ? to : frame->input[i], step};
}

/*  The position of a window's largest element, which is also put out; NaN counts as largest. Of a
    window that is all padding it is the least number that there is.  */
/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LARGEST(name, type, least)                                                                 \
    static int64_t s_##name(const tacit_frame_t *frame, const void *map, const s_range_t *ranges,  \
                            void *to)                                                              \
    {                                                                                              \
        const type *items = map;                                                                   \
        const s_range_t *z = &ranges[0], *r = &ranges[1], *c = &ranges[2];                         \
        int64_t best = -1;                                                                         \
        for (int64_t i = z->from; i < z->to; i += z->step) {                                       \
            for (int64_t j = r->from; j < r->to; j += r->step) {                                   \
                int64_t row = (i * frame->input[1] + j) * frame->input[2];                         \
                for (int64_t k = c->from; k < c->to; k += c->step) {                               \
                    if (best < 0 || items[row + k] > items[best] ||                                \
                        (items[row + k] != items[row + k] && items[best] == items[best])) {        \
                        best = row + k;                                                            \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        *(type *)to = best < 0 ? (type)(least) : items[best];                                      \
        return best;                                                                               \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

LARGEST(float, float, -INFINITY)
LARGEST(double, double, -INFINITY)
LARGEST(int8, int8_t, INT8_MIN)
LARGEST(uint8, uint8_t, 0)

typedef int64_t (*s_largest_t)(const tacit_frame_t *frame, const void *map, const s_range_t *ranges,
                               void *to);

static s_largest_t s_largest(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return s_float;
    case TACIT_DTYPE_FLOAT64:
        return s_double;
    case TACIT_DTYPE_INT8:
        return s_int8;
    default:
        return s_uint8;
    }
}

/*  MaxPool's index into the whole input; column-major turns the map over.  */
static int64_t s_index(const tacit_frame_t *frame, int64_t map, int64_t best)
{
    int64_t area = frame->input[0] * frame->input[1] * frame->input[2];
    if (!frame->window.column_major) {
        return map * area + best;
    }
    int64_t column = best % frame->input[2];
    int64_t row = best / frame->input[2] % frame->input[1];
    int64_t depth = best / frame->input[2] / frame->input[1];
    return map * area + (column * frame->input[1] + row) * frame->input[0] + depth;
}

/*  The place of output number n, in three dimensions.  */
static void s_place(const tacit_frame_t *frame, size_t n, s_range_t *ret_ranges)
{
    size_t rest = n;
    for (size_t i = TACIT_SPATIAL_MAX; i-- > 0;) {
        size_t dim = (size_t)frame->output[i];
        ret_ranges[i] = s_range(frame, i, (int64_t)(rest % dim));
        rest /= dim;
    }
}

TACIT_KERNEL(max_pool)
{
    (void)input_count;
    tacit_frame_t frame =
        tacit_window_frame(&parameters->window, &inputs[0].shape, &outputs[0].shape);
    s_largest_t largest = s_largest(inputs[0].dtype);
    int64_t *indices = output_count > 1 ? outputs[1].data : NULL;
    size_t area_x = tacit_shape_span(&inputs[0].shape, 2, inputs[0].shape.rank);
    size_t area_y = tacit_shape_span(&outputs[0].shape, 2, outputs[0].shape.rank);
    size_t element = tacit_dtype_size(inputs[0].dtype);
    for (size_t n = 0; n < outputs[0].count; n++) {
        size_t map = n / area_y;
        s_range_t ranges[TACIT_SPATIAL_MAX];
        s_place(&frame, n % area_y, ranges);
        int64_t best = largest(&frame, (const uint8_t *)inputs[0].data + map * area_x * element,
                               ranges, (uint8_t *)outputs[0].data + n * element);
        if (indices != NULL) {
            indices[n] = s_index(&frame, (int64_t)map, best);
        }
    }
    return NULL;
}

/*  The places of a window that count for the average: those in the input, or in the padded one.  */
static int64_t s_counted(const tacit_frame_t *frame, size_t i, int64_t at)
{
    const tacit_window_t *window = &frame->window;
    s_range_t range = s_range(frame, i, at);
    if (!window->count_padding) {
        return range.to > range.from ? (range.to - range.from + range.step - 1) / range.step : 0;
    }
    int64_t from = at * window->stride[i] - window->begin[i];
    int64_t to = from + (window->kernel[i] - 1) * window->dilation[i] + 1;
    int64_t end = frame->input[i] + window->end[i];
    to = to < end ? to : end;
    return (to - from + range.step - 1) / range.step;
}

static float s_average(const tacit_frame_t *frame, const float *map, const int64_t *at)
{
    s_range_t z = s_range(frame, 0, at[0]);
    s_range_t r = s_range(frame, 1, at[1]);
    s_range_t c = s_range(frame, 2, at[2]);
    int64_t counted =
        s_counted(frame, 0, at[0]) * s_counted(frame, 1, at[1]) * s_counted(frame, 2, at[2]);
    float sum = 0.0F;
    for (int64_t i = z.from; i < z.to; i += z.step) {
        for (int64_t j = r.from; j < r.to; j += r.step) {
            const float *row = map + (i * frame->input[1] + j) * frame->input[2];
            for (int64_t k = c.from; k < c.to; k += c.step) {
                sum += row[k];
            }
        }
    }
    return sum / (float)(counted > 0 ? counted : 1);
}

void tacit_window_average(const tacit_window_t *window, const tacit_tensor_t *x, tacit_tensor_t *y)
{
    tacit_frame_t frame = tacit_window_frame(window, &x->shape, &y->shape);
    size_t area = tacit_shape_span(&x->shape, 2, x->shape.rank);
    size_t maps = tacit_shape_span(&y->shape, 0, 2);
    float *to = y->data;
    for (size_t map = 0; map < maps; map++) {
        const float *from = (const float *)x->data + map * area;
        int64_t at[TACIT_SPATIAL_MAX];
        for (at[0] = 0; at[0] < frame.output[0]; at[0]++) {
            for (at[1] = 0; at[1] < frame.output[1]; at[1]++) {
                for (at[2] = 0; at[2] < frame.output[2]; at[2]++) {
                    *to++ = s_average(&frame, from, at);
                }
            }
        }
    }
}

TACIT_KERNEL(average_pool)
{
    (void)input_count, (void)output_count;
    tacit_window_average(&parameters->window, &inputs[0], &outputs[0]);
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

static dnnl_status_t s_describe(const tacit_inference_t *inference, dnnl_alg_kind_t alg,
                                const dnnl_memory_desc_t *source, dnnl_engine_t engine,
                                const_dnnl_primitive_attr_t attributes,
                                dnnl_primitive_desc_t *ret_desc)
{
    const tacit_window_t *window = &inference->parameters->window;
    const tacit_shape_t *x = &inference->inputs[0].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    dnnl_memory_desc_t target = tacit_onednn_any(y->rank, y->dims);
    target.data_type = source->data_type;
    tacit_onednn_window_t moves = tacit_window_onednn(window);
    dnnl_dims_t kernel = {0};
    for (size_t i = 0; i < window->spatial; i++) {
        int64_t reach = (window->kernel[i] - 1) * window->dilation[i] + 1;
        kernel[i] = window->kernel[i];
        moves.end[i] =
            (y->dims[i + 2] - 1) * window->stride[i] + reach - x->dims[i + 2] - window->begin[i];
    }
    dnnl_pooling_v2_desc_t desc;
    dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(
        &desc, dnnl_forward_inference, alg, source, &target, moves.stride, kernel, moves.dilation,
        moves.begin, moves.end);
    return status == dnnl_success
               ? dnnl_primitive_desc_create(ret_desc, &desc, attributes, engine, NULL)
               : status;
}

static tacit_status_t s_accelerate(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   dnnl_alg_kind_t alg, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int x = tacit_planner_slot(planner, node->inputs[0]);
    dnnl_memory_desc_t source = *tacit_planner_layout(planner, x);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        s_describe(inference, alg, &source, tacit_onednn_engine(tacit_planner_onednn(planner)),
                   attributes, &desc) == dnnl_success) {
        dnnl_memory_desc_t target = *dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
        int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                       &inference->outputs[0].shape, &target);
        tacit_argument_t arguments[] = {{DNNL_ARG_SRC, x, source}, {DNNL_ARG_DST, y, target}};
        status = y != TACIT_NO_SLOT ? tacit_planner_primitive(planner, desc, arguments, 2)
                                    : tacit_planner_error(planner)->code;
        tacit_planner_bind(planner, node->outputs[0], y);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

TACIT_ACCELERATE(max_pool)
{
    if (inference->node->output_count > 1 || !tacit_onednn_has_type(inference->inputs[0].dtype)) {
        return TACIT_OK; /* oneDNN's indices are not ONNX's */
    }
    return s_accelerate(planner, inference, dnnl_pooling_max, ret_done);
}

TACIT_ACCELERATE(average_pool)
{
    const tacit_window_t *window = &inference->parameters->window;
    if (window->count_padding && window->ceil_mode) {
        return TACIT_OK; /* oneDNN would count what lies beyond the padding too */
    }
    return s_accelerate(planner, inference,
                        window->count_padding ? dnnl_pooling_avg_include_padding
                                              : dnnl_pooling_avg_exclude_padding,
                        ret_done);
}

/* --- the table -----------------------------------------------------------------------------------
 */

#define POOLED                                                                                     \
    (TACIT_TYPES_FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT8) | TACIT_TYPE_BIT(TACIT_DTYPE_UINT8))

/* clang-format off */
TACIT_OPERATORS(pooling) = {
    {"MaxPool", 1, 17, POOLED, "T|Ti", 1, WINDOW " dilations:I ceil_mode:i storage_order:i", 0, NAN_ | BYTES | HALF, I(pool), K(max_pool), A(max_pool)},
    {"AveragePool", 1, 17, FLOAT32, "T|T", 1, WINDOW " ceil_mode:i count_include_pad:i", 0, HALF, I(pool), K(average_pool), A(average_pool)},
    {"GlobalMaxPool", 1, 17, FLOAT32, "T|T", 1, "", 0, NAN_ | HALF, I(global_pool), K(max_pool), A(max_pool)},
    {"GlobalAveragePool", 1, 17, FLOAT32, "T|T", 1, "", 0, HALF, I(global_pool), K(average_pool), A(average_pool)},
    TACIT_OPERATORS_END
};
/* clang-format on */
