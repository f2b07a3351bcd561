/*  power.c - Mod, Pow and PRelu, with numpy's broadcasting.  */

#include "services/inference/engine/ops/pairwise.h"

#include <math.h>

/*  The sign of the divisor (Python), and that of the dividend (C).  */
#define PYTHON(p, q) ((q) == 0 || (q) == -1 ? 0 : ((p) % (q) + (q)) % (q))
#define WITH_C(p, q) ((q) == 0 || (q) == -1 ? 0 : (p) % (q))

LOOP(s_mod_f32, float, fmodf(p, q) != 0 && (p < 0) != (q < 0) ? fmodf(p, q) + q : fmodf(p, q))
LOOP(s_mod_f64, double, fmod(p, q) != 0 && (p < 0) != (q < 0) ? fmod(p, q) + q : fmod(p, q))
LOOP(s_mod_u8, uint8_t, q == 0 ? 0 : p % q)
LOOP(s_mod_i8, int8_t, PYTHON(p, q))
LOOP(s_mod_i32, int32_t, PYTHON((int64_t)p, (int64_t)q))
LOOP(s_mod_i64, int64_t,
     q == 0 || q == -1 ? 0 : (p % q != 0 && (p < 0) != (q < 0) ? p % q + q : p % q))
LOOP(s_fmod_f32, float, fmodf(p, q))
LOOP(s_fmod_f64, double, fmod(p, q))
LOOP(s_fmod_u8, uint8_t, q == 0 ? 0 : p % q)
LOOP(s_fmod_i8, int8_t, WITH_C(p, q))
LOOP(s_fmod_i32, int32_t, WITH_C(p, q))
LOOP(s_fmod_i64, int64_t, WITH_C(p, q))
BINARY(mod)
BINARY(fmod)

TACIT_INFER(modulo)
{
    inference->parameters->node.mode = tacit_graph_node_integer(inference->node, "fmod", 0) != 0;
    return tacit_infer_broadcast(inference);
}

TACIT_KERNEL(modulo)
{
    return parameters->node.mode != 0
               ? tacit_kernel_fmod(parameters, inputs, input_count, outputs, output_count)
               : tacit_kernel_mod(parameters, inputs, input_count, outputs, output_count);
}

LOOP(s_pow_f32, float, q == 2.0F ? p * p : powf(p, q))
LOOP(s_pow_f64, double, pow(p, q))

static void s_pow_element(const tacit_tensor_t *base, size_t i, double exponent,
                          tacit_tensor_t *output, size_t n)
{
    double power = pow(tacit_element_real(base, i), exponent);
    switch (output->dtype) {
    case TACIT_DTYPE_FLOAT32:
        ((float *)output->data)[n] = (float)power;
        break;
    case TACIT_DTYPE_FLOAT64:
        ((double *)output->data)[n] = power;
        break;
    case TACIT_DTYPE_INT32:
        ((int32_t *)output->data)[n] = (int32_t)tacit_saturate(power, INT32_MIN, INT32_MAX);
        break;
    default:
        ((int64_t *)output->data)[n] = tacit_saturate(power, INT64_MIN, INT64_MAX);
        break;
    }
}

/*  The exponent may have another type than the base.  */
TACIT_KERNEL(pow)
{
    (void)parameters, (void)input_count, (void)output_count;
    if (inputs[0].dtype == inputs[1].dtype && inputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        tacit_pairwise(s_pow_f32, &inputs[0], &inputs[1], &outputs[0]);
        return NULL;
    }
    if (inputs[0].dtype == inputs[1].dtype && inputs[0].dtype == TACIT_DTYPE_FLOAT64) {
        tacit_pairwise(s_pow_f64, &inputs[0], &inputs[1], &outputs[0]);
        return NULL;
    }
    size_t a[TACIT_ENGINE_RANK_MAX];
    size_t b[TACIT_ENGINE_RANK_MAX];
    size_t at[TACIT_ENGINE_RANK_MAX];
    size_t rank = outputs[0].shape.rank;
    tacit_shape_strides(&inputs[0].shape, &outputs[0].shape, a);
    tacit_shape_strides(&inputs[1].shape, &outputs[0].shape, b);
    for (size_t n = 0; n < outputs[0].count; n++) {
        tacit_coordinates(&outputs[0].shape, n, at);
        s_pow_element(&inputs[0], tacit_offset(rank, at, a),
                      tacit_element_real(&inputs[1], tacit_offset(rank, at, b)), &outputs[0], n);
    }
    return NULL;
}

/*  The slope is broadcast to the input, not the input to the slope.  */
LOOP(s_prelu_f32, float, p < 0 ? p * q : p)
LOOP(s_prelu_f64, double, p < 0 ? p * q : p)
LOOP(s_prelu_u8, uint8_t, p)
LOOP(s_prelu_i8, int8_t, p < 0 ? p * q : p)
LOOP(s_prelu_i32, int32_t, p < 0 ? WRAP(p) * WRAP(q) : WRAP(p))
LOOP(s_prelu_i64, int64_t, p < 0 ? WRAP(p) * WRAP(q) : WRAP(p))
BINARY(prelu)

TACIT_INFER(prelu)
{
    tacit_status_t status = tacit_infer_broadcast(inference);
    if (status == TACIT_OK &&
        !tacit_shape_equal(&inference->outputs[0].shape, &inference->inputs[0].shape)) {
        return tacit_infer_refuse(inference, "its slope does not broadcast to its input");
    }
    return status;
}

/*  Before opset 7 a vector had one slope per channel.  */
static tacit_tensor_t s_channels(const tacit_tensor_t *slope, const tacit_shape_t *shape)
{
    tacit_tensor_t seen = *slope;
    if (slope->shape.rank == 1 && slope->count > 1 && shape->rank > 1) {
        seen.shape = (tacit_shape_t){.rank = shape->rank - 1};
        for (size_t i = 0; i < seen.shape.rank; i++) {
            seen.shape.dims[i] = i == 0 ? slope->shape.dims[0] : 1;
        }
    }
    return seen;
}

TACIT_INFER(prelu_channels)
{
    const tacit_shape_t *shape = &inference->inputs[0].shape;
    tacit_tensor_t slope = s_channels(&inference->inputs[1], shape);
    inference->outputs[0].shape = *shape;
    tacit_shape_t common;
    if (!tacit_shape_broadcast(shape, &slope.shape, &common) ||
        !tacit_shape_equal(shape, &common)) {
        return tacit_infer_refuse(inference, "its slope has not one number per channel");
    }
    return TACIT_OK;
}

TACIT_KERNEL(prelu_channels)
{
    tacit_tensor_t seen[] = {inputs[0], s_channels(&inputs[1], &inputs[0].shape)};
    return tacit_kernel_prelu(parameters, seen, input_count, outputs, output_count);
}

/* clang-format off */
TACIT_OPERATORS(power) = {
    {"Mod", 10, 17, NUMBER, "TT|T", 2, "fmod:i", 0, 0, I(modulo), K(modulo), NULL},
    {"Pow", 7, 17, FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64), "TU|T", 2, "", 0, 0, I(broadcast), K(pow), NULL},
    {"PRelu", 6, 6, NUMBER, "TT|T", 2, "", 0, 0, I(prelu_channels), K(prelu_channels), NULL},
    {"PRelu", 7, 17, NUMBER, "TT|T", 2, "", 0, 0, I(prelu), K(prelu), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
