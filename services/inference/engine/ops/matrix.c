/*  matrix.c - Gemm and MatMul.

    Against constant weights both are oneDNN's inner product, with the weights packed once; other
    products are oneDNN's matmul over the tensors as they lie. An Add of a constant vector and an
    activation that follow are merged.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/planner.h"
#include "services/inference/engine/portable/attention.h"

#include <string.h>

/* --- shapes ----------------------------------------------------------------------------------- */

TACIT_INFER(gemm)
{
    const tacit_graph_node_t *node = inference->node;
    tacit_parameters_t *parameters = inference->parameters;
    const tacit_shape_t *a = &inference->inputs[0].shape;
    const tacit_shape_t *b = &inference->inputs[1].shape;
    parameters->gemm.alpha = tacit_graph_node_real(node, "alpha", 1.0F);
    parameters->gemm.beta = tacit_graph_node_real(node, "beta", 1.0F);
    parameters->gemm.transpose_a = tacit_graph_node_integer(node, "transA", 0) != 0;
    parameters->gemm.transpose_b = tacit_graph_node_integer(node, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_MALFORMED,
                                       "its operands are no matrices");
    }
    bool ta = parameters->gemm.transpose_a;
    bool tb = parameters->gemm.transpose_b;
    if (a->dims[ta ? 0 : 1] != b->dims[tb ? 1 : 0]) {
        return tacit_graph_node_refuse(node, inference->error, TACIT_MALFORMED,
                                       "a row of %lld elements does not meet a column of %lld",
                                       (long long)a->dims[ta ? 0 : 1],
                                       (long long)b->dims[tb ? 1 : 0]);
    }
    tacit_shape_t shape = {.rank = 2, .dims = {a->dims[ta ? 1 : 0], b->dims[tb ? 0 : 1]}};
    if (node->input_count > 2 && inference->inputs[2].dtype != TACIT_DTYPE_NONE) {
        tacit_shape_t common;
        if (!tacit_shape_broadcast(&shape, &inference->inputs[2].shape, &common) ||
            !tacit_shape_equal(&shape, &common)) {
            return tacit_graph_node_refuse(node, inference->error, TACIT_MALFORMED,
                                           "its third operand does not broadcast to the product");
        }
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/*  A matrix product with batches in front, ranks made equal.  */
typedef struct s_product {
    size_t rank;     /* of the padded shapes, >= 2 */
    tacit_shape_t a; /* [batch.., m, k] */
    tacit_shape_t b; /* [batch.., k, n] */
    tacit_shape_t y; /* [batch.., m, n] */
    size_t m, k, n;
} s_product_t;

/*  By numpy's rules; false where the operands do not fit.  */
static bool s_product(const tacit_shape_t *a, const tacit_shape_t *b, s_product_t *ret_product)
{
    if (a->rank == 0 || b->rank == 0) {
        return false;
    }
    s_product_t product = {0};
    tacit_shape_t left = *a;
    tacit_shape_t right = *b;
    if (a->rank == 1) {
        left = (tacit_shape_t){.rank = 2, .dims = {1, a->dims[0]}};
    }
    if (b->rank == 1) {
        right = (tacit_shape_t){.rank = 2, .dims = {b->dims[0], 1}};
    }
    int64_t m = left.dims[left.rank - 2];
    int64_t k = left.dims[left.rank - 1];
    int64_t n = right.dims[right.rank - 1];
    if (right.dims[right.rank - 2] != k) {
        return false;
    }
    tacit_shape_t batch_a = {.rank = left.rank - 2};
    tacit_shape_t batch_b = {.rank = right.rank - 2};
    memcpy(batch_a.dims, left.dims, batch_a.rank * sizeof(int64_t));
    memcpy(batch_b.dims, right.dims, batch_b.rank * sizeof(int64_t));
    if (!tacit_shape_broadcast(&batch_a, &batch_b, &product.y)) {
        return false;
    }
    size_t batch = product.y.rank;
    product.rank = batch + 2;
    product.a.rank = product.b.rank = product.y.rank = product.rank;
    for (size_t i = 0; i < batch; i++) {
        size_t skip_a = batch - batch_a.rank;
        size_t skip_b = batch - batch_b.rank;
        product.a.dims[i] = i < skip_a ? 1 : batch_a.dims[i - skip_a];
        product.b.dims[i] = i < skip_b ? 1 : batch_b.dims[i - skip_b];
    }
    product.a.dims[batch] = product.y.dims[batch] = m;
    product.a.dims[batch + 1] = product.b.dims[batch] = k;
    product.b.dims[batch + 1] = product.y.dims[batch + 1] = n;
    product.m = (size_t)m;
    product.k = (size_t)k;
    product.n = (size_t)n;
    *ret_product = product;
    return true;
}

TACIT_INFER(matmul)
{
    const tacit_shape_t *a = &inference->inputs[0].shape;
    const tacit_shape_t *b = &inference->inputs[1].shape;
    s_product_t product;
    if (!s_product(a, b, &product)) {
        char left[TACIT_SHAPE_TEXT_MAX];
        char right[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(a->rank, a->dims, left);
        tacit_shape_text(b->rank, b->dims, right);
        return tacit_graph_node_refuse(inference->node, inference->error, TACIT_MALFORMED,
                                       "shapes %s and %s do not multiply", left, right);
    }
    /* A vector on either side loses the dimension that it was lent.  */
    tacit_shape_t shape = {.rank = 0};
    for (size_t i = 0; i < product.rank; i++) {
        bool lent =
            (a->rank == 1 && i == product.rank - 2) || (b->rank == 1 && i == product.rank - 1);
        if (!lent) {
            shape.dims[shape.rank++] = product.y.dims[i];
        }
    }
    inference->outputs[0].shape = shape;
    return TACIT_OK;
}

/* --- kernels ---------------------------------------------------------------------------------- */

/*  A matrix as it lies: steps between rows and between columns.  */
typedef struct s_matrix {
    const void *data;
    size_t row, column;
} s_matrix_t;

/*  y = a * b. Integers are multiplied as unsigned ones: they wrap.  */
#define MULTIPLY(name, type)                                                                       \
    static void s_multiply_##name(s_matrix_t a, s_matrix_t b, type *y, size_t m, size_t k,         \
                                  size_t n)                                                        \
    {                                                                                              \
        memset(y, 0, m *n * sizeof(type));                                                         \
        for (size_t i = 0; i < m; i++) {                                                           \
            type *to = y + i * n;                                                                  \
            for (size_t p = 0; p < k; p++) {                                                       \
                type factor = ((const type *)a.data)[i * a.row + p * a.column];                    \
                const type *from = (const type *)b.data + p * b.row;                               \
                if (b.column == 1) {                                                               \
                    for (size_t j = 0; j < n; j++) {                                               \
                        to[j] += factor * from[j];                                                 \
                    }                                                                              \
                } else {                                                                           \
                    for (size_t j = 0; j < n; j++) {                                               \
                        to[j] += factor * from[j * b.column];                                      \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

MULTIPLY(float32, float)
MULTIPLY(float64, double)
MULTIPLY(int32, uint32_t)
MULTIPLY(int64, uint64_t)

static void s_multiply(tacit_dtype_t dtype, s_matrix_t a, s_matrix_t b, void *y, size_t m, size_t k,
                       size_t n)
{
    switch (dtype) {
    case TACIT_DTYPE_FLOAT32:
        s_multiply_float32(a, b, y, m, k, n);
        break;
    case TACIT_DTYPE_FLOAT64:
        s_multiply_float64(a, b, y, m, k, n);
        break;
    case TACIT_DTYPE_INT32:
        s_multiply_int32(a, b, y, m, k, n);
        break;
    default:
        s_multiply_int64(a, b, y, m, k, n);
        break;
    }
}

/*  y = alpha * y + beta * c, c seen through its strides; c may be NULL.  */
#define FINISH(name, type)                                                                         \
    static void s_finish_##name(const tacit_parameters_t *parameters, const type *c,               \
                                const size_t *strides, type *y, size_t m, size_t n)                \
    {                                                                                              \
        type alpha = (type)parameters->gemm.alpha;                                                 \
        type beta = (type)parameters->gemm.beta;                                                   \
        for (size_t i = 0; alpha != 1 && i < m * n; i++) {                                         \
            y[i] *= alpha;                                                                         \
        }                                                                                          \
        for (size_t i = 0; c != NULL && i < m * n; i++) {                                          \
            y[i] += beta * c[i / n * strides[0] + i % n * strides[1]];                             \
        }                                                                                          \
    }

FINISH(float32, float)
FINISH(float64, double)

TACIT_KERNEL(gemm)
{
    (void)output_count;
    size_t m = (size_t)outputs[0].shape.dims[0];
    size_t n = (size_t)outputs[0].shape.dims[1];
    size_t k = (size_t)inputs[0].shape.dims[parameters->gemm.transpose_a ? 0 : 1];
    s_matrix_t a = {inputs[0].data, k, 1};
    s_matrix_t b = {inputs[1].data, n, 1};
    if (parameters->gemm.transpose_a) {
        a = (s_matrix_t){inputs[0].data, 1, m};
    }
    if (parameters->gemm.transpose_b) {
        b = (s_matrix_t){inputs[1].data, 1, k};
    }
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    const void *c = input_count > 2 ? inputs[2].data : NULL;
    if (c != NULL) {
        tacit_shape_strides(&inputs[2].shape, &outputs[0].shape, strides);
    }
    s_multiply(outputs[0].dtype, a, b, outputs[0].data, m, k, n);
    if (outputs[0].dtype == TACIT_DTYPE_FLOAT32) {
        s_finish_float32(parameters, c, strides, outputs[0].data, m, n);
    } else {
        s_finish_float64(parameters, c, strides, outputs[0].data, m, n);
    }
    return NULL;
}

/*  Where the operands of batch i begin, in elements.  */
static void s_batch(const s_product_t *product, size_t i, size_t *ret_a, size_t *ret_b)
{
    size_t strides_a[TACIT_ENGINE_RANK_MAX];
    size_t strides_b[TACIT_ENGINE_RANK_MAX];
    tacit_shape_strides(&product->a, &product->y, strides_a);
    tacit_shape_strides(&product->b, &product->y, strides_b);
    *ret_a = *ret_b = 0;
    for (size_t d = product->rank - 2; d-- > 0;) {
        size_t dim = (size_t)product->y.dims[d];
        *ret_a += product->a.dims[d] == 1 ? 0 : i % dim * strides_a[d];
        *ret_b += product->b.dims[d] == 1 ? 0 : i % dim * strides_b[d];
        i /= dim;
    }
}

TACIT_KERNEL(matmul)
{
    (void)parameters, (void)input_count, (void)output_count;
    s_product_t product;
    if (!s_product(&inputs[0].shape, &inputs[1].shape, &product)) {
        return NULL;
    }
    size_t element = tacit_dtype_size(outputs[0].dtype);
    size_t batches = tacit_shape_span(&product.y, 0, product.rank - 2);
    for (size_t i = 0; i < batches; i++) {
        size_t at_a = 0;
        size_t at_b = 0;
        s_batch(&product, i, &at_a, &at_b);
        s_matrix_t a = {(const uint8_t *)inputs[0].data + at_a * element, product.k, 1};
        s_matrix_t b = {(const uint8_t *)inputs[1].data + at_b * element, product.n, 1};
        s_multiply(outputs[0].dtype, a, b,
                   (uint8_t *)outputs[0].data + i * product.m * product.n * element, product.m,
                   product.k, product.n);
    }
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  What both operators come down to.  */
typedef struct s_request {
    int a, b, bias;              /* slots; bias may be TACIT_NO_SLOT */
    dnnl_memory_desc_t a_layout; /* as the operator sees them */
    dnnl_memory_desc_t b_layout;
    dnnl_memory_desc_t bias_layout;
    dnnl_memory_desc_t y_layout;
    bool weights;               /* b is constant, [n, k]: an inner product */
    bool reduced;               /* a and b are taken in bfloat16 */
    int value;                  /* the output */
    const tacit_shape_t *shape; /* of it */
} s_request_t;

static dnnl_status_t s_describe(const s_request_t *request, const_dnnl_primitive_attr_t attributes,
                                dnnl_engine_t engine, dnnl_primitive_desc_t *ret_desc)
{
    const dnnl_memory_desc_t *bias = request->bias != TACIT_NO_SLOT ? &request->bias_layout : NULL;
    if (request->weights) {
        dnnl_inner_product_desc_t desc;
        dnnl_memory_desc_t any = tacit_onednn_any(2, request->b_layout.dims);
        dnnl_memory_desc_t a = request->a_layout;
        any = request->reduced ? tacit_onednn_reduced(any) : any;
        a = request->reduced ? tacit_onednn_reduced(a) : a;
        dnnl_status_t status = dnnl_inner_product_forward_desc_init(
            &desc, dnnl_forward_inference, &a, &any, bias, &request->y_layout);
        return status == dnnl_success
                   ? dnnl_primitive_desc_create(ret_desc, &desc, attributes, engine, NULL)
                   : status;
    }
    dnnl_matmul_desc_t desc;
    dnnl_status_t status = dnnl_matmul_desc_init(&desc, &request->a_layout, &request->b_layout,
                                                 bias, &request->y_layout);
    return status == dnnl_success
               ? dnnl_primitive_desc_create(ret_desc, &desc, attributes, engine, NULL)
               : status;
}

static tacit_status_t s_add_steps(tacit_planner_t *planner, const s_request_t *request, int value,
                                  const_dnnl_primitive_desc_t desc, const tacit_sum_t *sum)
{
    dnnl_memory_desc_t wanted = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    int a = request->a;
    int b = request->b;
    dnnl_memory_desc_t taken = request->a_layout;
    if (request->reduced) {
        taken = tacit_onednn_reduced(taken);
        a = tacit_planner_arrange(planner, a, &request->a_layout, &taken);
    }
    if (request->weights) {
        b = tacit_planner_arrange(planner, b, &request->b_layout, &wanted);
    } else {
        wanted = request->b_layout;
    }
    dnnl_memory_desc_t plain = tacit_onednn_plain(request->shape);
    int y = sum->node != NULL
                ? tacit_planner_take_place(planner, sum->other, sum->node, &plain)
                : tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, request->shape, NULL);
    if (a == TACIT_NO_SLOT || b == TACIT_NO_SLOT || y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_argument_t arguments[4] = {{DNNL_ARG_SRC, a, taken},
                                     {DNNL_ARG_WEIGHTS, b, wanted},
                                     {DNNL_ARG_DST, y, request->y_layout},
                                     {DNNL_ARG_BIAS, request->bias, request->bias_layout}};
    tacit_planner_bind(planner, value, y);
    return tacit_planner_primitive(planner, desc, arguments,
                                   request->bias != TACIT_NO_SLOT ? 4 : 3);
}

static tacit_status_t s_plan_product(tacit_planner_t *planner, const s_request_t *request,
                                     bool *ret_done)
{
    tacit_activation_t activation;
    tacit_sum_t sum;
    int value = request->value;
    if (tacit_planner_merge_sum(planner, value, request->shape, &sum)) {
        value = sum.node->outputs[0];
    }
    value = tacit_planner_merge_activation(planner, value, &activation);
    dnnl_primitive_attr_t attributes = tacit_planner_attributes_with(&activation, sum.node != NULL);
    dnnl_engine_t engine = tacit_onednn_engine(tacit_planner_onednn(planner));
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes == NULL || s_describe(request, attributes, engine, &desc) != dnnl_success) {
        status = tacit_error_set(tacit_planner_error(planner), TACIT_INTERNAL,
                                 "oneDNN does not multiply matrices");
    } else {
        status = s_add_steps(planner, request, value, desc, &sum);
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    *ret_done = true;
    return status;
}

/*  A matrix of rows x columns, or that matrix seen from the side.  */
static dnnl_memory_desc_t s_layout(int64_t rows, int64_t columns, bool transposed)
{
    int64_t dims[] = {rows, columns};
    int64_t strides[] = {transposed ? 1 : columns, transposed ? rows : 1};
    return tacit_onednn_strided(2, dims, strides);
}

/*  One number per column, known to be so from the shape.  */
static bool s_is_row(const tacit_shape_t *shape, int64_t columns)
{
    return shape->rank > 0 && shape->dims[shape->rank - 1] == columns &&
           tacit_shape_span(shape, 0, shape->rank) == (size_t)columns;
}

static int s_plain_input(tacit_planner_t *planner, const tacit_graph_node_t *node, size_t i)
{
    return tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[i]));
}

TACIT_ACCELERATE(gemm)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_parameters_t *parameters = inference->parameters;
    bool biased = tacit_graph_node_input(node, 2) != TACIT_NO_VALUE;
    int64_t m = inference->outputs[0].shape.dims[0];
    int64_t n = inference->outputs[0].shape.dims[1];
    int64_t k = inference->inputs[0].shape.dims[parameters->gemm.transpose_a ? 0 : 1];
    if (parameters->gemm.alpha != 1.0F || (biased && parameters->gemm.beta != 1.0F) ||
        (biased && !s_is_row(&inference->inputs[2].shape, n))) {
        return TACIT_OK;
    }
    s_request_t request = {
        .a = s_plain_input(planner, node, 0),
        .b = s_plain_input(planner, node, 1),
        .bias = biased ? s_plain_input(planner, node, 2) : TACIT_NO_SLOT,
        .weights = inference->inputs[1].data != NULL && !parameters->gemm.transpose_a,
        .reduced = tacit_planner_is_reduced(planner) && inference->inputs[1].data != NULL &&
                   !parameters->gemm.transpose_a,
        .y_layout = s_layout(m, n, false),
        .value = node->outputs[0],
        .shape = &inference->outputs[0].shape};
    if (request.a == TACIT_NO_SLOT || request.b == TACIT_NO_SLOT ||
        (biased && request.bias == TACIT_NO_SLOT)) {
        return tacit_planner_error(planner)->code;
    }
    request.a_layout = s_layout(m, k, parameters->gemm.transpose_a);
    request.b_layout = request.weights ? s_layout(n, k, !parameters->gemm.transpose_b)
                                       : s_layout(k, n, parameters->gemm.transpose_b);
    int64_t row[] = {1, n};
    request.bias_layout =
        request.weights ? tacit_onednn_strided(1, &n, NULL) : tacit_onednn_strided(2, row, NULL);
    return s_plan_product(planner, &request, ret_done);
}

TACIT_ACCELERATE(matmul)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *a = &inference->inputs[0].shape;
    const tacit_shape_t *b = &inference->inputs[1].shape;
    s_product_t product;
    if (a->rank < 2 || b->rank < 2 || !s_product(a, b, &product)) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_portable_attention(planner, inference, ret_done);
    if (status != TACIT_OK || *ret_done) {
        return status;
    }
    s_request_t request = {.a = s_plain_input(planner, node, 0),
                           .b = s_plain_input(planner, node, 1),
                           .bias = TACIT_NO_SLOT,
                           .weights = inference->inputs[1].data != NULL && b->rank == 2,
                           .a_layout = tacit_onednn_plain(&product.a),
                           .b_layout = tacit_onednn_plain(&product.b),
                           .y_layout = tacit_onednn_plain(&product.y),
                           .value = node->outputs[0],
                           .shape = &inference->outputs[0].shape};
    if (request.a == TACIT_NO_SLOT || request.b == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    if (request.weights) {
        int64_t n = (int64_t)product.n;
        int64_t k = (int64_t)product.k;
        int64_t rows = (int64_t)tacit_shape_span(&product.y, 0, product.rank - 1);
        request.a_layout = s_layout(rows, k, false);
        request.b_layout = s_layout(n, k, true);
        request.y_layout = s_layout(rows, n, false);
        request.bias = tacit_planner_merge_bias(planner, &request.value, request.shape);
        request.bias_layout = tacit_onednn_strided(1, &n, NULL);
        request.reduced = tacit_planner_is_reduced(planner);
    }
    return s_plan_product(planner, &request, ret_done);
}

#define MULTIPLIED (FLOAT | TACIT_TYPE_BIT(TACIT_DTYPE_INT32) | TACIT_TYPE_BIT(TACIT_DTYPE_INT64))

/* clang-format off */
TACIT_OPERATORS(matrix) = {
    {"Gemm", 6, 6, FLOAT, "TTT|T", 3, "alpha:f beta:f transA:i transB:i broadcast:i", 0, 0, I(gemm), K(gemm), A(gemm)},
    {"Gemm", 7, 17, FLOAT, "TTT|T", 2, "alpha:f beta:f transA:i transB:i", 0, 0, I(gemm), K(gemm), A(gemm)},
    {"MatMul", 1, 17, MULTIPLIED, "TT|T", 2, "", 0, 0, I(matmul), K(matmul), A(matmul)},
    TACIT_OPERATORS_END
};
/* clang-format on */
