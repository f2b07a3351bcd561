/*  softmax.c - what normalizes each line along an axis: Softmax, LogSoftmax and Hardmax in both
    meanings, LpNormalization.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/vector.h"

#include <math.h>

/* --- Softmax ---------------------------------------------------------------------------------- */

static tacit_status_t s_softmax_axis(const tacit_inference_t *inference, int64_t fallback)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    int64_t axis = tacit_graph_node_integer(inference->node, "axis", fallback);
    if (!tacit_shape_axis(axis, shape->rank, &inference->parameters->axis.axis)) {
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "axis %lld is outside its input", (long long)axis);
    }
    inference->outputs[0].shape = *shape;
    return TACIT_OK;
}

/*  Before opset 13 everything from the axis on was one row.  */
TACIT_INFER(softmax_flat)
{
    return s_softmax_axis(inference, 1);
}

TACIT_INFER(softmax)
{
    return s_softmax_axis(inference, -1);
}

/*  The tensor as [outer, length, inner], normalised over length.  */
static void s_softmax(const float *x, float *y, size_t outer, size_t length, size_t inner)
{
    if (inner == 1) {
        tacit_vector()->softmax(x, y, outer, length);
        return;
    }
    for (size_t row = 0; row < outer * inner; row++) {
        size_t base = row / inner * length * inner + row % inner;
        float largest = -INFINITY;
        float sum = 0.0F;
        for (size_t i = 0; i < length; i++) {
            float item = x[base + i * inner];
            largest = item > largest ? item : largest;
        }
        for (size_t i = 0; i < length; i++) {
            float item = expf(x[base + i * inner] - largest);
            y[base + i * inner] = item;
            sum += item;
        }
        for (size_t i = 0; i < length; i++) {
            y[base + i * inner] /= sum;
        }
    }
}

/*  The same in float64; or the logarithm of that.  */
static void s_softmax_wide(const double *x, double *y, size_t outer, size_t length, size_t inner,
                           bool logarithm)
{
    for (size_t row = 0; row < outer * inner; row++) {
        size_t base = row / inner * length * inner + row % inner;
        double largest = -(double)INFINITY;
        double sum = 0;
        for (size_t i = 0; i < length; i++) {
            largest = x[base + i * inner] > largest ? x[base + i * inner] : largest;
        }
        for (size_t i = 0; i < length; i++) {
            sum += exp(x[base + i * inner] - largest);
        }
        double shift = largest + log(sum);
        for (size_t i = 0; i < length; i++) {
            double away = x[base + i * inner] - largest;
            y[base + i * inner] = logarithm ? x[base + i * inner] - shift : exp(away) / sum;
        }
    }
}

/*  end: the axis behind what makes a row.  */
static const char *s_softmax_of(const tacit_tensor_t *input, tacit_tensor_t *output, size_t axis,
                                size_t end)
{
    const tacit_shape_t *shape = &output->shape;
    size_t outer = tacit_shape_span(shape, 0, axis);
    size_t length = tacit_shape_span(shape, axis, end);
    size_t inner = tacit_shape_span(shape, end, shape->rank);
    if (output->dtype == TACIT_DTYPE_FLOAT64) {
        s_softmax_wide(input->data, output->data, outer, length, inner, false);
    } else {
        s_softmax(input->data, output->data, outer, length, inner);
    }
    return NULL;
}

TACIT_KERNEL(softmax_flat)
{
    (void)input_count, (void)output_count;
    return s_softmax_of(&inputs[0], &outputs[0], parameters->axis.axis, outputs[0].shape.rank);
}

TACIT_KERNEL(softmax)
{
    (void)input_count, (void)output_count;
    return s_softmax_of(&inputs[0], &outputs[0], parameters->axis.axis, parameters->axis.axis + 1);
}

static tacit_status_t s_accelerate_softmax(tacit_planner_t *planner,
                                           const tacit_inference_t *inference, size_t end,
                                           bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    size_t axis = inference->parameters->axis.axis;
    int64_t dims[] = {(int64_t)tacit_shape_span(shape, 0, axis),
                      (int64_t)tacit_shape_span(shape, axis, end),
                      (int64_t)tacit_shape_span(shape, end, shape->rank)};
    dnnl_memory_desc_t layout = tacit_onednn_strided(dims[2] == 1 ? 2 : 3, dims, NULL);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_softmax_desc_t desc;
    dnnl_primitive_desc_t primitive = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_softmax_forward_desc_init(&desc, dnnl_forward_inference, &layout, 1) == dnnl_success &&
        dnnl_primitive_desc_create(&primitive, &desc, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        int x = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0]));
        int y = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, NULL);
        tacit_argument_t arguments[] = {{DNNL_ARG_SRC, x, layout}, {DNNL_ARG_DST, y, layout}};
        status = x != TACIT_NO_SLOT && y != TACIT_NO_SLOT
                     ? tacit_planner_primitive(planner, primitive, arguments, 2)
                     : tacit_planner_error(planner)->code;
        tacit_planner_bind(planner, node->outputs[0], y);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(primitive);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

TACIT_ACCELERATE(softmax_flat)
{
    return s_accelerate_softmax(planner, inference, inference->outputs[0].shape.rank, ret_done);
}

TACIT_ACCELERATE(softmax)
{
    return s_accelerate_softmax(planner, inference, inference->parameters->axis.axis + 1, ret_done);
}

/* --- LogSoftmax, Hardmax ---------------------------------------------------------------------- */

static void s_log_softmax(const float *x, float *y, size_t length, size_t step)
{
    float largest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < length; i++) {
        largest = x[i * step] > largest ? x[i * step] : largest;
    }
    for (size_t i = 0; i < length; i++) {
        sum += exp((double)x[i * step] - (double)largest);
    }
    double shift = log(sum) + (double)largest;
    for (size_t i = 0; i < length; i++) {
        y[i * step] = (float)((double)x[i * step] - shift);
    }
}

static void s_hardmax(const float *x, float *y, size_t length, size_t step)
{
    size_t best = 0;
    for (size_t i = 0; i < length; i++) {
        best = x[i * step] > x[best * step] ? i : best;
        y[i * step] = 0.0F;
    }
    if (length > 0) {
        y[best * step] = 1.0F;
    }
}

/*  Apply to each line along the axis, or to each row from the axis on.  */
typedef void (*s_line_t)(const float *x, float *y, size_t length, size_t step);

static const char *s_lines(s_line_t function, const tacit_parameters_t *parameters,
                           const tacit_tensor_t *input, tacit_tensor_t *output, bool flat)
{
    const tacit_shape_t *shape = &output->shape;
    size_t axis = parameters->axis.axis;
    size_t end = flat ? shape->rank : axis + 1;
    size_t length = tacit_shape_span(shape, axis, end);
    size_t inner = tacit_shape_span(shape, end, shape->rank);
    if (output->dtype == TACIT_DTYPE_FLOAT64) { /* LogSoftmax alone */
        s_softmax_wide(input->data, output->data, tacit_shape_span(shape, 0, axis), length, inner,
                       true);
        return NULL;
    }
    for (size_t n = 0; length > 0 && n < output->count / length; n++) {
        size_t base = n / inner * length * inner + n % inner;
        function((const float *)input->data + base, (float *)output->data + base, length, inner);
    }
    return NULL;
}

#define LINES(name, function, flat)                                                                \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        (void)input_count, (void)output_count;                                                     \
        return s_lines(function, parameters, &inputs[0], &outputs[0], flat);                       \
    }

LINES(log_softmax, s_log_softmax, false)
LINES(log_softmax_flat, s_log_softmax, true)
LINES(hardmax, s_hardmax, false)
LINES(hardmax_flat, s_hardmax, true)

/* --- LpNormalization -------------------------------------------------------------------------- */

TACIT_INFER(lp)
{
    int64_t p = tacit_graph_node_integer(inference->node, "p", 2);
    if (p != 1 && p != 2) {
        return tacit_infer_refuse(inference, "its p is neither 1 nor 2");
    }
    inference->parameters->axis.last = p == 1;
    return s_softmax_axis(inference, -1);
}

static void s_norm_one(const float *x, float *y, size_t length, size_t step)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += fabs((double)x[i * step]);
    }
    for (size_t i = 0; i < length; i++) {
        y[i * step] = sum != 0 ? (float)((double)x[i * step] / sum) : 0.0F;
    }
}

static void s_norm_two(const float *x, float *y, size_t length, size_t step)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += (double)x[i * step] * (double)x[i * step];
    }
    for (size_t i = 0; i < length; i++) {
        y[i * step] = sum != 0 ? (float)((double)x[i * step] / sqrt(sum)) : 0.0F;
    }
}

TACIT_KERNEL(lp)
{
    (void)input_count, (void)output_count;
    return s_lines(parameters->axis.last ? s_norm_one : s_norm_two, parameters, &inputs[0],
                   &outputs[0], false);
}

/* clang-format off */
TACIT_OPERATORS(softmax) = {
    {"Softmax", 1, 12, FLOAT, "T|T", 1, "axis:i", 0, NAN_, I(softmax_flat), K(softmax_flat), A(softmax_flat)},
    {"Softmax", 13, 17, FLOAT, "T|T", 1, "axis:i", 0, NAN_, I(softmax), K(softmax), A(softmax)},
    {"LogSoftmax", 1, 12, FLOAT, "T|T", 1, "axis:i", 0, 0, I(softmax_flat), K(log_softmax_flat), NULL},
    {"LogSoftmax", 13, 17, FLOAT, "T|T", 1, "axis:i", 0, 0, I(softmax), K(log_softmax), NULL},
    {"Hardmax", 1, 12, FLOAT32, "T|T", 1, "axis:i", 0, 0, I(softmax_flat), K(hardmax_flat), NULL},
    {"Hardmax", 13, 17, FLOAT32, "T|T", 1, "axis:i", 0, 0, I(softmax), K(hardmax), NULL},
    {"LpNormalization", 1, 17, FLOAT32, "T|T", 1, "axis:i p:i", 0, 0, I(lp), K(lp), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
