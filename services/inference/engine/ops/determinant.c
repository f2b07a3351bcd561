/*  determinant.c - Det.  */

#include "services/inference/engine/ops/ops.h"

#include <math.h>

TACIT_INFER(determinant)
{
    tacit_shape_t shape = inference->inputs[0].shape;
    if (shape.rank < 2 || shape.dims[shape.rank - 1] != shape.dims[shape.rank - 2]) {
        return tacit_infer_refuse(inference, "its input is no square matrix");
    }
    size_t side = (size_t)shape.dims[shape.rank - 1];
    *inference->scratch = side * side * sizeof(double);
    shape.rank -= 2;
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

static void s_swap_rows(double *m, size_t side, size_t a, size_t b)
{
    for (size_t i = 0; i < side; i++) {
        double held = m[a * side + i];
        m[a * side + i] = m[b * side + i];
        m[b * side + i] = held;
    }
}

/*  By elimination; the matrix is used up.  */
static double s_determinant(double *m, size_t side)
{
    double product = 1;
    for (size_t k = 0; k < side; k++) {
        size_t best = k;
        for (size_t i = k + 1; i < side; i++) {
            best = fabs(m[i * side + k]) > fabs(m[best * side + k]) ? i : best;
        }
        if (m[best * side + k] == 0) {
            return 0;
        }
        if (best != k) {
            s_swap_rows(m, side, best, k);
            product = -product;
        }
        product *= m[k * side + k];
        for (size_t i = k + 1; i < side; i++) {
            double factor = m[i * side + k] / m[k * side + k];
            for (size_t j = k; j < side; j++) {
                m[i * side + j] -= factor * m[k * side + j];
            }
        }
    }
    return product;
}

TACIT_KERNEL(determinant)
{
    (void)parameters, (void)input_count;
    const tacit_shape_t *shape = &inputs[0].shape;
    size_t side = (size_t)shape->dims[shape->rank - 1];
    double *matrix = outputs[output_count].data;
    for (size_t n = 0; n < outputs[0].count; n++) {
        for (size_t i = 0; i < side * side; i++) {
            matrix[i] = (double)((const float *)inputs[0].data)[n * side * side + i];
        }
        ((float *)outputs[0].data)[n] = (float)s_determinant(matrix, side);
    }
    return NULL;
}

/* clang-format off */
TACIT_OPERATORS(determinant) = {
    {"Det", 11, 17, FLOAT32, "T|T", 1, "", 0, 0, I(determinant), K(determinant), NULL},
    TACIT_OPERATORS_END
};
/* clang-format on */
