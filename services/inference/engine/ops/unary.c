/*  unary.c - functions of one number: exponentials, trigonometry, rounding, activations, tests.  */

#include <tgmath.h>

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/vector.h"

/*  A loop over reals; x is the element, a and b the node's numbers.  */
/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types and expressions */
#define LOOP(type, from_type, expression)                                                          \
    do {                                                                                           \
        const from_type *from = inputs[0].data;                                                    \
        type *to = outputs[0].data;                                                                \
        for (size_t i = 0; i < outputs[0].count; i++) {                                            \
            from_type x = from[i];                                                                 \
            to[i] = (type)(expression);                                                            \
        }                                                                                          \
    } while (0)

#define REAL(name, expression)                                                                     \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        (void)input_count, (void)output_count;                                                     \
        if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {                                             \
            const float a = parameters->reals.a, b = parameters->reals.b;                          \
            (void)a, (void)b;                                                                      \
            LOOP(float, float, expression);                                                        \
        } else {                                                                                   \
            const double a = (double)parameters->reals.a, b = (double)parameters->reals.b;         \
            (void)a, (void)b;                                                                      \
            LOOP(double, double, expression);                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }

/*  The same, float32 by the vectors' loops.  */
#define CURVE(name, curve_number, expression)                                                      \
    REAL(name##_real, expression)                                                                  \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        if (outputs[0].dtype != TACIT_DTYPE_FLOAT32) {                                             \
            return tacit_kernel_##name##_real(parameters, inputs, input_count, outputs,            \
                                              output_count);                                       \
        }                                                                                          \
        tacit_vector()->curve(curve_number, 0.0F, 0.0F, inputs[0].data, outputs[0].data,           \
                              outputs[0].count);                                                   \
        return NULL;                                                                               \
    }

/*  The same for all numbers: integers wrap.  */
#define NUMERIC(name, real, integer)                                                               \
    REAL(name##_real, real)                                                                        \
    TACIT_KERNEL(name)                                                                             \
    {                                                                                              \
        switch (outputs[0].dtype) {                                                                \
        case TACIT_DTYPE_UINT8:                                                                    \
            LOOP(uint8_t, uint8_t, integer);                                                       \
            return NULL;                                                                           \
        case TACIT_DTYPE_INT8:                                                                     \
            LOOP(int8_t, int8_t, integer);                                                         \
            return NULL;                                                                           \
        case TACIT_DTYPE_INT32:                                                                    \
            LOOP(int32_t, int32_t, integer);                                                       \
            return NULL;                                                                           \
        case TACIT_DTYPE_INT64:                                                                    \
            LOOP(int64_t, int64_t, integer);                                                       \
            return NULL;                                                                           \
        default:                                                                                   \
            return tacit_kernel_##name##_real(parameters, inputs, input_count, outputs,            \
                                              output_count);                                       \
        }                                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

static uint64_t s_size(int64_t x)
{
    return x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
}

static int s_sign(int64_t x)
{
    return (x > 0) - (x < 0);
}

NUMERIC(abs, fabs(x), s_size(x))
NUMERIC(neg, -x, 0 - (uint64_t)x)
NUMERIC(sign, x > 0 ? 1 : (x < 0 ? -1 : x), s_sign(x))
CURVE(exp, TACIT_CURVE_EXP, exp(x))
REAL(log, log(x))
REAL(sqrt, sqrt(x))
REAL(reciprocal, 1 / x)
REAL(ceil, ceil(x))
REAL(floor, floor(x))
REAL(round, rint(x))
CURVE(erf, TACIT_CURVE_ERF, erf(x))
REAL(sin, sin(x))
REAL(cos, cos(x))
REAL(tan, tan(x))
REAL(asin, asin(x))
REAL(acos, acos(x))
REAL(atan, atan(x))
REAL(sinh, sinh(x))
REAL(cosh, cosh(x))
REAL(asinh, asinh(x))
REAL(acosh, acosh(x))
REAL(atanh, atanh(x))
REAL(celu, x < 0 ? a * expm1(x / a) : x)
REAL(selu, b *(x > 0 ? x : a * expm1(x)))
REAL(softplus, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)))
REAL(softsign, x / (1 + fabs(x)))
REAL(thresholded_relu, x > a ? x : (isnan(x) ? x : 0))
REAL(hard_sigmoid, isnan(x) ? x : fmax(0, fmin(1, a *x + b)))
NUMERIC(
    shrink, x < -b ? x + a : (x > b ? x - a : x * 0),
    tacit_saturate((double)x<-(double)parameters->reals.b ? (double)x + (double)parameters->reals.a
                                                          : (double)x>(double) parameters->reals.b
                       ? (double)x - (double)parameters->reals.a
                       : 0,
                   INT64_MIN, INT64_MAX))

TACIT_KERNEL(negation)
{
    (void)parameters, (void)input_count, (void)output_count;
    LOOP(uint8_t, uint8_t, x == 0);
    return NULL;
}

TACIT_KERNEL(is_nan)
{
    (void)parameters, (void)input_count, (void)output_count;
    if (inputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        LOOP(uint8_t, float, isnan(x) != 0);
    } else {
        LOOP(uint8_t, double, isnan(x) != 0);
    }
    return NULL;
}

TACIT_KERNEL(is_inf)
{
    (void)input_count, (void)output_count;
    bool negative = parameters->reals.first;
    bool positive = parameters->reals.second;
    if (inputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        LOOP(uint8_t, float, isinf(x) && (x > 0 ? positive : negative));
    } else {
        LOOP(uint8_t, double, isinf(x) && (x > 0 ? positive : negative));
    }
    return NULL;
}

/* --- attributes ------------------------------------------------------------------------------- */

/*  Two real attributes with their defaults.  */
static tacit_status_t s_reals(const tacit_inference_t *inference, const char *a, float default_a,
                              const char *b, float default_b)
{
    inference->parameters->reals.a = tacit_graph_node_real(inference->node, a, default_a);
    inference->parameters->reals.b = tacit_graph_node_real(inference->node, b, default_b);
    return tacit_infer_same(inference);
}

#define REALS(name, a, default_a, b, default_b)                                                    \
    TACIT_INFER(name)                                                                              \
    {                                                                                              \
        return s_reals(inference, a, default_a, b, default_b);                                     \
    }

REALS(alpha_one, "alpha", 1.0F, "", 0.0F)
REALS(selu, "alpha", 1.67326319217681884765625F, "gamma", 1.05070102214813232421875F)
REALS(hard_sigmoid, "alpha", 0.2F, "beta", 0.5F)
REALS(shrink, "bias", 0.0F, "lambd", 0.5F)

TACIT_INFER(is_inf)
{
    const tacit_graph_node_t *node = inference->node;
    inference->parameters->reals.first = tacit_graph_node_integer(node, "detect_negative", 1) != 0;
    inference->parameters->reals.second = tacit_graph_node_integer(node, "detect_positive", 1) != 0;
    return tacit_infer_same(inference);
}

/* clang-format off */
TACIT_OPERATORS(unary) = {
    {"Abs", 6, 17, NUMBER, "T|T", 1, "", 0, 0, I(same), K(abs), NULL},
    {"Neg", 6, 17, NUMBER, "T|T", 1, "", 0, 0, I(same), K(neg), NULL},
    {"Sign", 9, 17, NUMBER, "T|T", 1, "", 0, 0, I(same), K(sign), NULL},
    {"Exp", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(exp), NULL},
    {"Log", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(log), NULL},
    {"Sqrt", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(sqrt), NULL},
    {"Reciprocal", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(reciprocal), NULL},
    {"Ceil", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(ceil), NULL},
    {"Floor", 6, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(floor), NULL},
    {"Round", 11, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(round), NULL},
    {"Erf", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(erf), NULL},
    {"Sin", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(sin), NULL},
    {"Cos", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(cos), NULL},
    {"Tan", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(tan), NULL},
    {"Asin", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(asin), NULL},
    {"Acos", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(acos), NULL},
    {"Atan", 7, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(atan), NULL},
    {"Sinh", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(sinh), NULL},
    {"Cosh", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(cosh), NULL},
    {"Asinh", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(asinh), NULL},
    {"Acosh", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(acosh), NULL},
    {"Atanh", 9, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(atanh), NULL},
    {"Celu", 12, 17, FLOAT, "T|T", 1, "alpha:f", 0, 0, I(alpha_one), K(celu), NULL},
    {"Selu", 6, 17, FLOAT, "T|T", 1, "alpha:f gamma:f", 0, 0, I(selu), K(selu), NULL},
    {"Softplus", 1, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(softplus), NULL},
    {"Softsign", 1, 17, FLOAT, "T|T", 1, "", 0, 0, I(same), K(softsign), NULL},
    {"ThresholdedRelu", 10, 17, FLOAT, "T|T", 1, "alpha:f", 0, 0, I(alpha_one), K(thresholded_relu), NULL},
    {"HardSigmoid", 6, 17, FLOAT, "T|T", 1, "alpha:f beta:f", 0, 0, I(hard_sigmoid), K(hard_sigmoid), NULL},
    {"Shrink", 9, 17, NUMBER, "T|T", 1, "bias:f lambd:f", 0, 0, I(shrink), K(shrink), NULL},
    {"Not", 1, 17, BOOLEAN, "T|T", 1, "", 0, 0, I(same), K(negation), NULL},
    {"IsNaN", 9, 17, FLOAT, "T|b", 1, "", 0, 0, I(same), K(is_nan), NULL},
    {"IsInf", 10, 17, FLOAT, "T|b", 1, "detect_negative:i detect_positive:i", 0, 0, I(is_inf), K(is_inf), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
