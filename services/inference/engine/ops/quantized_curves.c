/*  quantized_curves.c - what ONNX Runtime's quantizer writes for functions of single bytes
    (com.microsoft): QLinearSigmoid, QLinearLeakyRelu; and QLinearSoftmax, over lines of bytes.

    A function of bytes is a table of 256: what each of them stands for, through the function, and
    onto the result's grid.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/maps.h"

#include <math.h>

enum { X = 0, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO, BYTES_OF_TABLE = 256 };

static bool s_fits(const tacit_inference_t *inference)
{
    bool fits = true;
    for (size_t i = X_SCALE; i <= Y_ZERO; i++) {
        fits &= tacit_quantized_fit(inference, i, 1);
    }
    return fits;
}

TACIT_INFER(curve)
{
    inference->parameters->real.alpha = tacit_graph_node_real(inference->node, "alpha", 0.01F);
    return s_fits(inference) ? tacit_infer_same(inference)
                             : tacit_infer_refuse(inference, "its grids are not single numbers");
}

typedef float (*s_curve_t)(float x, float alpha);

static float s_sigmoid(float x, float alpha)
{
    (void)alpha;
    return 1.0F / (1.0F + expf(-x));
}

static float s_leaky(float x, float alpha)
{
    return x < 0 ? alpha * x : x;
}

static const char *s_apply(s_curve_t curve, float alpha, const tacit_tensor_t *inputs, size_t count,
                           tacit_tensor_t *output)
{
    uint8_t bytes[BYTES_OF_TABLE];
    float reals[BYTES_OF_TABLE];
    uint8_t table[BYTES_OF_TABLE];
    for (size_t i = 0; i < BYTES_OF_TABLE; i++) {
        bytes[i] = (uint8_t)i;
    }
    tacit_integer()->dequantize(bytes, BYTES_OF_TABLE,
                                tacit_quantized_grid(inputs, count, X, X_SCALE, X_ZERO), reals);
    for (size_t i = 0; i < BYTES_OF_TABLE; i++) {
        reals[i] = curve(reals[i], alpha);
    }
    tacit_integer()->quantize(reals, BYTES_OF_TABLE,
                              tacit_quantized_grid(inputs, count, X, Y_SCALE, Y_ZERO), table);
    tacit_maps()->look_up(inputs[X].data, output->count, table, output->data);
    return NULL;
}

TACIT_KERNEL(sigmoid)
{
    (void)parameters, (void)output_count;
    return s_apply(s_sigmoid, 0.0F, inputs, input_count, &outputs[0]);
}

TACIT_KERNEL(leaky_relu)
{
    (void)output_count;
    return s_apply(s_leaky, parameters->real.alpha, inputs, input_count, &outputs[0]);
}

/*  The same with alpha as its recipe.  */
static const char *s_leaky_relu(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)output_count;
    return s_apply(s_leaky, *(const float *)parameters->recipe, inputs, input_count, &outputs[0]);
}

static const size_t s_maps[] = {X};

TACIT_ACCELERATE(sigmoid)
{
    return tacit_quantized_elements(planner, inference, s_maps, 1, ret_done);
}

TACIT_ACCELERATE(leaky_relu)
{
    float *alpha = tacit_planner_room(planner, sizeof(*alpha));
    if (alpha == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *alpha = inference->parameters->real.alpha;
    return tacit_quantized_elements_by(planner, inference, s_maps, 1, s_leaky_relu, alpha,
                                       ret_done);
}

/* --- tables that the graph holds -------------------------------------------------------------- */

TACIT_KERNEL(table)
{
    (void)parameters, (void)input_count, (void)output_count;
    tacit_maps()->look_up(inputs[X].data, outputs[0].count, inputs[1].data, outputs[0].data);
    return NULL;
}

TACIT_ACCELERATE(table)
{
    return tacit_quantized_elements(planner, inference, s_maps, 1, ret_done);
}

/* --- QLinearSoftmax --------------------------------------------------------------------------- */

/*  The attribute opset says which meaning of the axis is meant (softmax.c).  */
TACIT_INFER(softmax)
{
    const tacit_shape_t *shape = &inference->inputs[X].shape;
    tacit_parameters_t *parameters = inference->parameters;
    parameters->node.opset = tacit_graph_node_integer(inference->node, "opset", 13);
    int64_t axis = tacit_graph_node_integer(inference->node, "axis", -1);
    if (!s_fits(inference) || !tacit_shape_axis(axis, shape->rank, &parameters->node.axis)) {
        return tacit_infer_refuse(inference, "its axis or its grids do not fit its input");
    }
    bool flat = parameters->node.opset < 13;
    size_t length = flat ? tacit_shape_span(shape, parameters->node.axis, shape->rank)
                         : (size_t)shape->dims[parameters->node.axis];
    *inference->scratch = length * (sizeof(float) + 1);
    return tacit_infer_same(inference);
}

/*  What each number below the largest byte is, as a share before it is divided.  */
static void s_exponents(float scale, float ret_exponents[BYTES_OF_TABLE])
{
    for (size_t i = 0; i < BYTES_OF_TABLE; i++) {
        ret_exponents[i] = expf(-(float)i * scale);
    }
}

/*  One line of elements that are `step` apart; bytes with a sign are compared with it turned.  */
static void s_softmax(const uint8_t *x, size_t length, size_t step, uint8_t flip,
                      const float *exponents, tacit_grid_t of_y, float *line, uint8_t *y)
{
    uint8_t largest = 0;
    float sum = 0.0F;
    uint8_t *bytes = (uint8_t *)(line + length);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = x[i * step] ^ flip;
        largest = byte > largest ? byte : largest;
    }
    for (size_t i = 0; i < length; i++) {
        line[i] = exponents[largest - (x[i * step] ^ flip)];
        sum += line[i];
    }
    for (size_t i = 0; i < length; i++) {
        line[i] /= sum;
    }
    tacit_integer()->quantize(line, length, of_y, bytes);
    for (size_t i = 0; i < length; i++) {
        y[i * step] = bytes[i];
    }
}

TACIT_KERNEL(softmax)
{
    const tacit_shape_t *shape = &outputs[0].shape;
    size_t axis = parameters->node.axis;
    size_t end = parameters->node.opset < 13 ? shape->rank : axis + 1;
    size_t length = tacit_shape_span(shape, axis, end);
    size_t inner = tacit_shape_span(shape, end, shape->rank);
    tacit_grid_t of_x = tacit_quantized_grid(inputs, input_count, X, X_SCALE, X_ZERO);
    tacit_grid_t of_y = tacit_quantized_grid(inputs, input_count, X, Y_SCALE, Y_ZERO);
    float exponents[BYTES_OF_TABLE];
    s_exponents(of_x.scale, exponents);
    for (size_t n = 0; length > 0 && n < outputs[0].count / length; n++) {
        size_t first = n / inner * length * inner + n % inner;
        s_softmax((const uint8_t *)inputs[X].data + first, length, inner,
                  of_x.sign ? INT8_MAX + 1 : 0, exponents, of_y, outputs[output_count].data,
                  (uint8_t *)outputs[0].data + first);
    }
    return NULL;
}

/* clang-format off */
#define EIGHT_BITS (TACIT_TYPE_BIT(TACIT_DTYPE_UINT8) | TACIT_TYPE_BIT(TACIT_DTYPE_INT8))
TACIT_OPERATORS(quantized_curves) = {
    {"QLinearSigmoid", 1, 1, EIGHT_BITS, "TfTfT|T", 4, "", 0, MS | BYTES | BOTH, I(curve), K(sigmoid), A(sigmoid)},
    {"QLinearLeakyRelu", 1, 1, EIGHT_BITS, "TfTfT|T", 4, "alpha:f", 0, MS | BYTES | BOTH, I(curve), K(leaky_relu), A(leaky_relu)},
    {"QLinearSoftmax", 1, 1, EIGHT_BITS, "TfTfT|T", 4, "axis:i opset:i", 0, MS, I(softmax), K(softmax), NULL},
    TACIT_OPERATORS_END
};
const tacit_operator_t tacit_operator_byte_table =
    {"ByteTable", 1, 17, EIGHT_BITS, "Tu|T", 2, "", 0, BYTES | BOTH, tacit_infer_same, K(table), A(table)};
/* clang-format on */
