/*  activation.c - Relu, LeakyRelu, Sigmoid, Tanh, Clip, Elu, HardSwish, and what fuse.c makes:
   alone, or merged into their producer.

    The kernels keep NaN. oneDNN's relu and clip give a number for it; such plans are made only
    where no NaN came in (engine.c).  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/vector.h"

#include <math.h>
#include <string.h>

TACIT_INFER(leaky_relu)
{
    inference->parameters->real.alpha = tacit_graph_node_real(inference->node, "alpha", 0.01F);
    return tacit_infer_same(inference);
}

/*  Bounds are attributes before opset 11, inputs since.  */
TACIT_INFER(clip)
{
    inference->parameters->clip.low = tacit_graph_node_real(inference->node, "min", -INFINITY);
    inference->parameters->clip.high = tacit_graph_node_real(inference->node, "max", INFINITY);
    for (size_t i = 1; i < inference->node->input_count; i++) {
        if (inference->inputs[i].dtype != TACIT_DTYPE_NONE && inference->inputs[i].count != 1) {
            return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                           "a bound is not one number");
        }
    }
    return tacit_infer_same(inference);
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define RELU(type)                                                                                 \
    do {                                                                                           \
        const type *from = inputs[0].data;                                                         \
        type *to = outputs[0].data;                                                                \
        for (size_t i = 0; i < outputs[0].count; i++) {                                            \
            to[i] = (type)(from[i] < 0 ? 0 : from[i]);                                             \
        }                                                                                          \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

TACIT_KERNEL(relu)
{
    (void)parameters, (void)input_count, (void)output_count;
    switch (outputs[0].dtype) {
    case TACIT_DTYPE_FLOAT32:
        RELU(float);
        break;
    case TACIT_DTYPE_FLOAT64:
        RELU(double);
        break;
    case TACIT_DTYPE_INT8:
        RELU(int8_t);
        break;
    case TACIT_DTYPE_INT32:
        RELU(int32_t);
        break;
    case TACIT_DTYPE_INT64:
        RELU(int64_t);
        break;
    default:
        memcpy(outputs[0].data, inputs[0].data, tacit_tensor_size(&outputs[0]));
        break;
    }
    return NULL;
}

/*  Of vector.h; a is the node's alpha.  */
#define CURVE(name, number)                                                                        \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        (void)input_count, (void)output_count;                                                     \
        tacit_vector()->curve(number, parameters->real.alpha, 0.0F, inputs[0].data,                \
                              outputs[0].data, outputs[0].count);                                  \
        return NULL;                                                                               \
    }

CURVE(leaky_relu, TACIT_CURVE_LEAKY)
CURVE(sigmoid_real, TACIT_CURVE_SIGMOID)
CURVE(tanh_real, TACIT_CURVE_TANH)
CURVE(gelu, TACIT_CURVE_GELU)
CURVE(gelu_tanh, TACIT_CURVE_GELU_TANH)
CURVE(swish, TACIT_CURVE_SWISH)
CURVE(elu_real, TACIT_CURVE_ELU)
CURVE(hard_swish_real, TACIT_CURVE_HARD_SWISH)

TACIT_KERNEL(sigmoid)
{
    if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        return tacit_kernel_sigmoid_real(parameters, inputs, input_count, outputs, output_count);
    }
    for (size_t i = 0; i < outputs[0].count; i++) {
        ((double *)outputs[0].data)[i] = 1.0 / (1.0 + exp(-((const double *)inputs[0].data)[i]));
    }
    return NULL;
}

TACIT_KERNEL(tanh)
{
    if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        return tacit_kernel_tanh_real(parameters, inputs, input_count, outputs, output_count);
    }
    for (size_t i = 0; i < outputs[0].count; i++) {
        ((double *)outputs[0].data)[i] = tanh(((const double *)inputs[0].data)[i]);
    }
    return NULL;
}

TACIT_KERNEL(elu)
{
    if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        return tacit_kernel_elu_real(parameters, inputs, input_count, outputs, output_count);
    }
    for (size_t i = 0; i < outputs[0].count; i++) {
        double x = ((const double *)inputs[0].data)[i];
        ((double *)outputs[0].data)[i] =
            x < 0 ? (double)parameters->real.alpha * (exp(x) - 1.0) : x;
    }
    return NULL;
}

TACIT_KERNEL(hard_swish)
{
    if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        return tacit_kernel_hard_swish_real(parameters, inputs, input_count, outputs, output_count);
    }
    for (size_t i = 0; i < outputs[0].count; i++) {
        double x = ((const double *)inputs[0].data)[i];
        ((double *)outputs[0].data)[i] = x * fmax(0.0, fmin(1.0, x / 6.0 + 0.5));
    }
    return NULL;
}

TACIT_INFER(elu)
{
    inference->parameters->real.alpha = tacit_graph_node_real(inference->node, "alpha", 1.0F);
    return tacit_infer_same(inference);
}

/*  A bound is the input where it is given, else what the type or the attribute allows.  */
/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define CLIP(name, type, lowest, highest)                                                          \
    static void s_clip_##name(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,  \
                              const void *low_given, const void *high_given, void *output)         \
    {                                                                                              \
        (void)parameters;                                                                          \
        type low = low_given != NULL ? *(const type *)low_given : (type)(lowest);                  \
        type high = high_given != NULL ? *(const type *)high_given : (type)(highest);              \
        const type *from = inputs[0].data;                                                         \
        type *to = output;                                                                         \
        for (size_t i = 0; i < inputs[0].count; i++) {                                             \
            type x = from[i] < low ? low : from[i];                                                \
            to[i] = x > high ? high : x;                                                           \
        }                                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

CLIP(float, float, parameters->clip.low, parameters->clip.high)
CLIP(double, double, parameters->clip.low, parameters->clip.high)
CLIP(uint8, uint8_t, 0, UINT8_MAX)
CLIP(int8, int8_t, INT8_MIN, INT8_MAX)
CLIP(int32, int32_t, INT32_MIN, INT32_MAX)
CLIP(int64, int64_t, INT64_MIN, INT64_MAX)

typedef void (*s_clip_t)(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         const void *low_given, const void *high_given, void *output);

static s_clip_t s_clip(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return s_clip_float;
    case TACIT_DTYPE_FLOAT64:
        return s_clip_double;
    case TACIT_DTYPE_UINT8:
        return s_clip_uint8;
    case TACIT_DTYPE_INT8:
        return s_clip_int8;
    case TACIT_DTYPE_INT32:
        return s_clip_int32;
    default:
        return s_clip_int64;
    }
}

TACIT_KERNEL(clip)
{
    (void)output_count;
    s_clip(outputs[0].dtype)(parameters, inputs, input_count > 1 ? inputs[1].data : NULL,
                             input_count > 2 ? inputs[2].data : NULL, outputs[0].data);
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  Clip's bound as a number known while planning; false where it is not.  */
static bool s_bound(const tacit_planner_t *planner, const tacit_graph_node_t *node, size_t i,
                    const char *attribute, float fallback, float *ret_bound)
{
    *ret_bound = tacit_graph_node_real(node, attribute, fallback);
    int slot = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    if (tacit_graph_node_input(node, i) == TACIT_NO_VALUE) {
        return true;
    }
    const tacit_tensor_t *tensor =
        slot != TACIT_NO_SLOT ? tacit_planner_tensor(planner, slot) : NULL;
    if (tensor == NULL || tensor->data == NULL || tensor->count != 1) {
        return false;
    }
    *ret_bound = *(const float *)tensor->data;
    return true;
}

typedef struct s_row {
    const char *name;
    dnnl_alg_kind_t alg;
    float alpha; /* of LeakyRelu: the default */
} s_row_t;

static const s_row_t s_rows[] = {
    {"Relu", dnnl_eltwise_relu, 0.0F},           {"LeakyRelu", dnnl_eltwise_relu, 0.01F},
    {"Sigmoid", dnnl_eltwise_logistic, 0.0F},    {"Tanh", dnnl_eltwise_tanh, 0.0F},
    {"Gelu", dnnl_eltwise_gelu_erf, 0.0F},       {"Swish", dnnl_eltwise_swish, 1.0F},
    {"GeluTanh", dnnl_eltwise_gelu_tanh, 0.0F},  {"Elu", dnnl_eltwise_elu, 1.0F},
    {"HardSwish", dnnl_eltwise_hardswish, 0.0F}, {"Clip", dnnl_eltwise_clip, 0.0F},
};

bool tacit_activation_of(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                         tacit_activation_t *ret_activation)
{
    for (size_t i = 0; i < sizeof(s_rows) / sizeof(s_rows[0]); i++) {
        if (strcmp(s_rows[i].name, node->op->name) != 0) {
            continue;
        }
        tacit_activation_t activation = {
            .alg = s_rows[i].alg, .alpha = tacit_graph_node_real(node, "alpha", s_rows[i].alpha)};
        if (activation.alg == dnnl_eltwise_clip &&
            (!s_bound(planner, node, 1, "min", -INFINITY, &activation.alpha) ||
             !s_bound(planner, node, 2, "max", INFINITY, &activation.beta) ||
             !(activation.alpha <= activation.beta))) {
            return false;
        }
        *ret_activation = activation;
        return true;
    }
    return false;
}

TACIT_ACCELERATE(activation)
{
    tacit_activation_t activation;
    int from = tacit_planner_slot(planner, inference->node->inputs[0]);
    if (!tacit_activation_of(planner, inference->node, &activation)) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t layout = *tacit_planner_layout(planner, from);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_eltwise_desc_t desc;
    dnnl_primitive_desc_t primitive = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_eltwise_forward_desc_init(&desc, dnnl_forward_inference, activation.alg, &layout,
                                       activation.alpha, activation.beta) == dnnl_success &&
        dnnl_primitive_desc_create(&primitive, &desc, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        int to = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &inference->outputs[0].shape,
                                        &layout);
        tacit_argument_t arguments[] = {{DNNL_ARG_SRC, from, layout}, {DNNL_ARG_DST, to, layout}};
        status = to != TACIT_NO_SLOT ? tacit_planner_primitive(planner, primitive, arguments, 2)
                                     : tacit_planner_error(planner)->code;
        tacit_planner_bind(planner, inference->node->outputs[0], to);
        *ret_done = true;
        (void)dnnl_primitive_desc_destroy(primitive);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* --- the table -----------------------------------------------------------------------------------
 */

/* clang-format off */
TACIT_OPERATORS(activation) = {
    {"Relu", 6, 17, NUMBER, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(relu), A(activation)},
    {"LeakyRelu", 6, 17, FLOAT32, "T|T", 1, "alpha:f", 0, NAN_ | HALF, I(leaky_relu), K(leaky_relu), A(activation)},
    {"Elu", 6, 17, FLOAT, "T|T", 1, "alpha:f", 0, NAN_ | HALF, I(elu), K(elu), A(activation)},
    {"HardSwish", 14, 17, FLOAT, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(hard_swish), A(activation)},
    {"Sigmoid", 6, 17, FLOAT, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(sigmoid), A(activation)},
    {"Tanh", 6, 17, FLOAT, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(tanh), A(activation)},
    {"Clip", 6, 10, FLOAT32, "T|T", 1, "min:f max:f", 0, NAN_ | HALF, I(clip), K(clip), A(activation)},
    {"Clip", 11, 17, NUMBER, "TTT|T", 1, "", 0, NAN_ | HALF, I(clip), K(clip), A(activation)},
    TACIT_OPERATORS_END
};
/* clang-format on */

/* clang-format off */
const tacit_operator_t tacit_operator_gelu =
    {"Gelu", 1, 17, FLOAT32, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(gelu), A(activation)};
const tacit_operator_t tacit_operator_gelu_tanh =
    {"GeluTanh", 1, 17, FLOAT32, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(gelu_tanh), A(activation)};
const tacit_operator_t tacit_operator_swish =
    {"Swish", 1, 17, FLOAT32, "T|T", 1, "", 0, NAN_ | HALF, I(same), K(swish), A(activation)};
/* clang-format on */
