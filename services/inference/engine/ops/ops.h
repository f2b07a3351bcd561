/*  ops.h - what the files of operators share.

    Each file holds a family: infer, kernel, and accelerate where oneDNN is faster (operator.h), and
    at its end the rows of its operators; operators.c lists the families.  */

#ifndef TACIT_SERVICES_INFERENCE_ENGINE_OPS_OPS_H
#define TACIT_SERVICES_INFERENCE_ENGINE_OPS_OPS_H

#include "services/inference/engine/operator.h"

#include <string.h>

#define TACIT_INFER(name)                                                                          \
    static tacit_status_t tacit_infer_##name(const tacit_inference_t *inference)
#define TACIT_KERNEL(name)                                                                         \
    static const char *tacit_kernel_##name(const tacit_parameters_t *parameters,                   \
                                           const tacit_tensor_t *inputs, size_t input_count,       \
                                           tacit_tensor_t *outputs, size_t output_count)
#define TACIT_ACCELERATE(name)                                                                     \
    static tacit_status_t tacit_accelerate_##name(                                                 \
        tacit_planner_t *planner, const tacit_inference_t *inference, bool *ret_done)

/*  The rows. Columns: name, opsets, types of T, signature, required inputs, attributes ("a:i=0"
    allows only that number), inputs that decide shapes, flags, infer, kernel, accelerate.  */
#define TACIT_OPERATORS(family)                                                                    \
    extern const tacit_operator_t tacit_operators_##family[];                                      \
    const tacit_operator_t tacit_operators_##family[]
#define TACIT_OPERATORS_END                                                                        \
    {                                                                                              \
        NULL, 0, 0, 0, NULL, 0, NULL, 0, 0, NULL, NULL, NULL                                       \
    }

#undef I /* of complex.h, by way of tgmath.h */
#define I(name) tacit_infer_##name
#define K(name) tacit_kernel_##name
#define A(name) tacit_accelerate_##name

#define ANY     TACIT_TYPES_ANY
#define NUMBER  TACIT_TYPES_NUMBER
#define FLOAT   TACIT_TYPES_FLOAT
#define FLOAT32 TACIT_TYPES_FLOAT32
#define BOOLEAN TACIT_TYPE_BIT(TACIT_DTYPE_BOOL)

#define VIEW   TACIT_OPERATOR_VIEW
#define NAN_   TACIT_OPERATOR_DROPS_NAN
#define SHAPES TACIT_OPERATOR_SHAPES
#define ML     TACIT_OPERATOR_ML
#define SPARSE TACIT_OPERATOR_SPARSE
#define MS     TACIT_OPERATOR_MICROSOFT
#define BYTES  TACIT_OPERATOR_BYTES
#define HALF   TACIT_OPERATOR_HALF
#define CHOICE TACIT_OPERATOR_CHOICE
#define BOTH   TACIT_OPERATOR_BOTH

#define WINDOW "kernel_shape:I strides:I pads:I auto_pad:s"

/*  The output has the shape of the first input; of all inputs, broadcast.  */
tacit_status_t tacit_infer_same(const tacit_inference_t *inference);
tacit_status_t tacit_infer_broadcast(const tacit_inference_t *inference);

/*  Set a refusal of the node: its graph is not sound.  */
tacit_status_t tacit_infer_refuse(const tacit_inference_t *inference, const char *reason);

/*  An axis attribute in [-rank, rank), or a refusal.  */
TACIT_MUST_CHECK tacit_status_t tacit_infer_axis(const tacit_inference_t *inference,
                                                 const char *attribute, int64_t fallback,
                                                 size_t rank, size_t *ret_axis);

/*  Whether input i of a node is given.  */
static inline bool tacit_given(const tacit_tensor_t *inputs, size_t input_count, size_t i)
{
    return i < input_count && inputs[i].dtype != TACIT_DTYPE_NONE;
}

/*  An element as a number, whatever its type.  */
double tacit_element_real(const tacit_tensor_t *tensor, size_t i);
int64_t tacit_element_integer(const tacit_tensor_t *tensor, size_t i);

/*  The nearest number below or at a real one that fits; 0 for NaN.  */
int64_t tacit_saturate(double x, int64_t lowest, int64_t highest);

/*  Where tables of loops by type have that type.  */
enum { TACIT_COLUMNS = 6 };

static inline size_t tacit_column(tacit_dtype_t dtype)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        return 0;
    case TACIT_DTYPE_FLOAT64:
        return 1;
    case TACIT_DTYPE_UINT8:
        return 2;
    case TACIT_DTYPE_INT8:
        return 3;
    case TACIT_DTYPE_INT32:
        return 4;
    default:
        return 5;
    }
}

/*  Copy one element of 1, 4 or 8 bytes.  */
static inline void tacit_element_copy(size_t size, void *to, size_t at, const void *from, size_t of)
{
    if (size == sizeof(uint32_t)) {
        ((uint32_t *)to)[at] = ((const uint32_t *)from)[of];
    } else if (size == sizeof(uint64_t)) {
        ((uint64_t *)to)[at] = ((const uint64_t *)from)[of];
    } else {
        ((uint8_t *)to)[at] = ((const uint8_t *)from)[of];
    }
}

/*  The coordinates of element n; and the sum of coordinates times strides.  */
static inline void tacit_coordinates(const tacit_shape_t *shape, size_t n,
                                     size_t ret_at[TACIT_ENGINE_RANK_MAX])
{
    for (size_t i = shape->rank; i-- > 0;) {
        size_t dim = (size_t)shape->dims[i];
        ret_at[i] = n % dim;
        n /= dim;
    }
}

static inline size_t tacit_offset(size_t rank, const size_t *at, const size_t *strides)
{
    size_t offset = 0;
    for (size_t i = 0; i < rank; i++) {
        offset += at[i] * strides[i];
    }
    return offset;
}

/*  Row-major strides of a shape; unlike tacit_shape_strides, also where a dimension is 1.  */
static inline void tacit_dense_strides(const tacit_shape_t *shape, size_t *ret_strides)
{
    size_t stride = 1;
    for (size_t i = shape->rank; i-- > 0;) {
        ret_strides[i] = stride;
        stride *= (size_t)shape->dims[i];
    }
}

#endif
