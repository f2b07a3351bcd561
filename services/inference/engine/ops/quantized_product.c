/*  quantized_product.c - products of matrices of 8-bit numbers: MatMulInteger, QLinearMatMul,
   QGemm.

    quantized_product_plan.c has oneDNN multiply where it can, integer_product.c tiles elsewhere.
   The plain kernel is for what neither takes.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"

#include <math.h>

/* --- shapes ----------------------------------------------------------------------------------- */

/*  Rows of a, columns of b, and what both are deep; b may lie transposed.  */
typedef struct s_matrix {
    size_t rows, depth, columns;
    bool turned;
} s_matrix_t;

static s_matrix_t s_matrix(const tacit_operands_t *o, const tacit_parameters_t *parameters,
                           const tacit_tensor_t *inputs, const tacit_tensor_t *output)
{
    const tacit_shape_t *a = &inputs[o->a].shape;
    const tacit_shape_t *y = &output->shape;
    return (s_matrix_t){.rows = (size_t)y->dims[y->rank - 2],
                        .depth = (size_t)a->dims[a->rank - 1],
                        .columns = (size_t)y->dims[y->rank - 1],
                        .turned = parameters->gemm.transpose_b};
}

/*  What the kernel needs beside: b in 16 bits, transposed; a row of a; its sums, their scales, and
    what is added to them.  */
static size_t s_scratch(size_t depth, size_t columns)
{
    return columns * (depth * sizeof(int16_t) + sizeof(int32_t) + 2 * sizeof(float)) +
           depth * sizeof(int16_t) + sizeof(int64_t);
}

static bool s_quantities_fit(const tacit_inference_t *inference, const tacit_operands_t *o,
                             int64_t rows, int64_t columns)
{
    return tacit_quantized_fit(inference, o->a_zero, rows) &&
           tacit_quantized_fit(inference, o->b_zero, columns) &&
           tacit_quantized_fit(inference, o->a_scale, rows) &&
           tacit_quantized_fit(inference, o->b_scale, columns) &&
           tacit_quantized_fit(inference, o->y_scale, 1) &&
           tacit_quantized_fit(inference, o->y_zero, 1) &&
           tacit_quantized_fit(inference, o->factor, columns) &&
           tacit_quantized_fit(inference, o->shift, columns);
}

static tacit_status_t s_infer_product(const tacit_inference_t *inference, const tacit_operands_t *o)
{
    const tacit_shape_t *a = &inference->inputs[o->a].shape;
    const tacit_shape_t *b = &inference->inputs[o->b].shape;
    tacit_shape_t batch_a = *a;
    tacit_shape_t batch_b = *b;
    tacit_shape_t shape = {.rank = 0};
    bool fits = a->rank >= 2 && b->rank >= 2 && a->dims[a->rank - 1] == b->dims[b->rank - 2];
    if (fits) {
        batch_a.rank -= 2;
        batch_b.rank -= 2;
        fits = tacit_shape_broadcast(&batch_a, &batch_b, &shape);
    }
    if (fits) {
        int64_t rows = a->dims[a->rank - 2];
        int64_t columns = b->dims[b->rank - 1];
        shape.dims[shape.rank] = rows;
        shape.dims[shape.rank + 1] = columns;
        shape.rank += 2;
        fits = s_quantities_fit(inference, o, rows, columns);
        *inference->scratch = s_scratch((size_t)a->dims[a->rank - 1], (size_t)columns);
    }
    inference->outputs[0].shape = shape;
    return fits ? TACIT_OK : tacit_infer_refuse(inference, "its operands do not multiply");
}

TACIT_INFER(integer_product)
{
    return s_infer_product(inference, &tacit_operands_sums);
}

TACIT_INFER(scaled_product)
{
    return s_infer_product(inference, &tacit_operands_reals);
}

TACIT_INFER(linear_product)
{
    return s_infer_product(inference, &tacit_operands_linear);
}

/*  QGemm: y = a b + bias, the bias in steps of both scales' product.  */
TACIT_INFER(linear_gemm)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *a = &inputs[tacit_operands_gemm.a].shape;
    const tacit_shape_t *b = &inputs[tacit_operands_gemm.b].shape;
    bool turned = tacit_graph_node_integer(node, "transB", 0) != 0;
    bool fits = a->rank == 2 && b->rank == 2 && a->dims[1] == b->dims[turned ? 1 : 0] &&
                tacit_graph_node_real(node, "alpha", 1.0F) == 1.0F &&
                tacit_graph_node_integer(node, "transA", 0) == 0;
    if (fits) {
        int64_t columns = b->dims[turned ? 0 : 1];
        bool biased = tacit_given(inputs, node->input_count, tacit_operands_gemm.bias);
        inference->parameters->gemm.transpose_b = turned;
        inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {a->dims[0], columns}};
        fits = s_quantities_fit(inference, &tacit_operands_gemm, 1, columns) &&
               (!biased || (inputs[tacit_operands_gemm.bias].shape.rank == 1 &&
                            inputs[tacit_operands_gemm.bias].shape.dims[0] == columns));
        fits &= tacit_given(inputs, node->input_count, tacit_operands_gemm.y_scale) ==
                tacit_given(inputs, node->input_count, tacit_operands_gemm.y_zero);
        *inference->scratch = s_scratch((size_t)a->dims[1], (size_t)columns);
    }
    return fits ? TACIT_OK
                : tacit_infer_refuse(inference, "its operands do not multiply as this build does");
}

/* --- the kernel ------------------------------------------------------------------------------- */

/*  Parts of the scratch memory.  */
typedef struct s_room {
    float *scales, *shifts;
    int32_t *sums;
    int16_t *b;   /* [columns, depth] */
    int16_t *row; /* [depth] */
} s_room_t;

static s_room_t s_room(const s_matrix_t *matrix, void *scratch)
{
    s_room_t room = {.scales = scratch};
    room.shifts = room.scales + matrix->columns;
    room.sums = (int32_t *)(void *)(room.shifts + matrix->columns);
    room.b = (int16_t *)(void *)(room.sums + matrix->columns);
    room.row = room.b + matrix->columns * matrix->depth;
    return room;
}

static void s_turn(const tacit_operands_t *o, const tacit_tensor_t *inputs, size_t count,
                   const s_matrix_t *matrix, size_t from, int16_t *ret_b)
{
    const tacit_tensor_t *b = &inputs[o->b];
    for (size_t column = 0; column < matrix->columns; column++) {
        int32_t zero = tacit_quantized_zero(inputs, count, o->b_zero, column);
        for (size_t k = 0; k < matrix->depth; k++) {
            size_t at = matrix->turned ? column * matrix->depth + k : k * matrix->columns + column;
            ret_b[column * matrix->depth + k] =
                (int16_t)(tacit_quantized_byte(b, from + at) - zero);
        }
    }
}

void tacit_quantized_reals(const tacit_tensor_t *inputs, size_t count, size_t columns,
                           float *factors, float *shifts)
{
    bool shifted = tacit_given(inputs, count, tacit_operands_reals.shift);
    for (size_t i = 0; i < columns; i++) {
        factors[i] = tacit_quantized_scale(&inputs[tacit_operands_reals.factor], i);
        shifts[i] = shifted ? tacit_quantized_scale(&inputs[tacit_operands_reals.shift], i) : 0.0F;
    }
}

/*  The sums of a row become elements of the output.  */
static void s_put_row(const tacit_operands_t *o, const tacit_tensor_t *inputs, size_t count,
                      const s_matrix_t *matrix, const s_room_t *room, size_t row,
                      tacit_tensor_t *output, size_t at)
{
    if (o->bias > 0 && tacit_given(inputs, count, o->bias)) {
        const int32_t *bias = inputs[o->bias].data;
        for (size_t i = 0; i < matrix->columns; i++) {
            room->sums[i] = (int32_t)((uint32_t)room->sums[i] + (uint32_t)bias[i]);
        }
    }
    if (output->dtype == TACIT_DTYPE_INT32) {
        memcpy((int32_t *)output->data + at, room->sums, matrix->columns * sizeof(int32_t));
        return;
    }
    if (o->factor > 0) {
        tacit_quantized_reals(inputs, count, matrix->columns, room->scales, room->shifts);
        const tacit_reals_t reals = {room->scales, room->shifts, -HUGE_VALF, HUGE_VALF};
        tacit_integer()->real(room->sums, matrix->columns, &reals, (float *)output->data + at);
        return;
    }
    tacit_quantized_scales(o, inputs, count, row, matrix->columns, room->scales);
    if (output->dtype == TACIT_DTYPE_FLOAT32) {
        float *y = (float *)output->data + at;
        for (size_t i = 0; i < matrix->columns; i++) {
            y[i] = (float)room->sums[i] * room->scales[i];
        }
        return;
    }
    tacit_grid_t grid = {.zero = tacit_quantized_zero(inputs, count, o->y_zero, 0),
                         .sign = output->dtype == TACIT_DTYPE_INT8};
    tacit_integer()->place(room->sums, room->scales, matrix->columns, grid,
                           (uint8_t *)output->data + at);
}

static void s_product(const tacit_operands_t *o, const tacit_parameters_t *parameters,
                      const tacit_tensor_t *inputs, size_t count, tacit_tensor_t *output,
                      void *scratch)
{
    const tacit_tensor_t *a = &inputs[o->a];
    s_matrix_t matrix = s_matrix(o, parameters, inputs, output);
    s_room_t room = s_room(&matrix, scratch);
    tacit_shape_t batch = output->shape;
    tacit_shape_t batch_a = a->shape;
    tacit_shape_t batch_b = inputs[o->b].shape;
    size_t strides_a[TACIT_ENGINE_RANK_MAX] = {0};
    size_t strides_b[TACIT_ENGINE_RANK_MAX] = {0};
    batch.rank -= 2;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    tacit_shape_strides(&batch_a, &batch, strides_a);
    tacit_shape_strides(&batch_b, &batch, strides_b);
    size_t last = SIZE_MAX;
    for (size_t n = 0; n < output->count; n += matrix.columns) {
        size_t at[TACIT_ENGINE_RANK_MAX] = {0};
        tacit_coordinates(&output->shape, n, at);
        size_t row = at[output->shape.rank - 2];
        size_t from_a =
            (tacit_offset(batch.rank, at, strides_a) * matrix.rows + row) * matrix.depth;
        size_t from_b = tacit_offset(batch.rank, at, strides_b) * matrix.depth * matrix.columns;
        if (from_b != last) {
            s_turn(o, inputs, count, &matrix, from_b, room.b);
            last = from_b;
        }
        tacit_integer()->widen((const uint8_t *)a->data + from_a, matrix.depth,
                               tacit_quantized_zero(inputs, count, o->a_zero, row),
                               a->dtype == TACIT_DTYPE_INT8, room.row);
        tacit_integer()->dot(room.row, room.b, matrix.depth, matrix.columns, room.sums);
        s_put_row(o, inputs, count, &matrix, &room, row, output, n);
    }
}

TACIT_KERNEL(integer_product)
{
    s_product(&tacit_operands_sums, parameters, inputs, input_count, &outputs[0],
              outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(scaled_product)
{
    s_product(&tacit_operands_reals, parameters, inputs, input_count, &outputs[0],
              outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(linear_product)
{
    s_product(&tacit_operands_linear, parameters, inputs, input_count, &outputs[0],
              outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(linear_gemm)
{
    s_product(&tacit_operands_gemm, parameters, inputs, input_count, &outputs[0],
              outputs[output_count].data);
    return NULL;
}

/* --- faster ways ------------------------------------------------------------------------------ */

/*  oneDNN where it gives the same, else tiles.  */
static tacit_status_t s_accelerate(tacit_planner_t *planner, const tacit_operands_t *o,
                                   const tacit_inference_t *inference, bool *ret_done)
{
    tacit_status_t status = TACIT_OK;
    if (tacit_planner_onednn(planner) != NULL) {
        status = o->y_scale > 0 ? tacit_quantized_product(planner, o, inference, ret_done)
                                : tacit_quantized_sums(planner, inference, o->factor > 0, ret_done);
    }
    return status == TACIT_OK && !*ret_done ? tacit_quantized_tiles(planner, o, inference, ret_done)
                                            : status;
}

TACIT_ACCELERATE(integer_product)
{
    return s_accelerate(planner, &tacit_operands_sums, inference, ret_done);
}

TACIT_ACCELERATE(scaled_product)
{
    return s_accelerate(planner, &tacit_operands_reals, inference, ret_done);
}

TACIT_ACCELERATE(linear_product)
{
    return s_accelerate(planner, &tacit_operands_linear, inference, ret_done);
}

TACIT_ACCELERATE(linear_gemm)
{
    return s_accelerate(planner, &tacit_operands_gemm, inference, ret_done);
}

/* clang-format off */
TACIT_OPERATORS(quantized_product) = {
    {"MatMulInteger", 10, 17, ANY, "QWQW|d", 2, "", 0, BYTES | BOTH, I(integer_product), K(integer_product), A(integer_product)},
    {"QLinearMatMul", 10, 17, ANY, "QfQWfWfY|Y", 8, "", 0, BYTES | BOTH, I(linear_product), K(linear_product), A(linear_product)},
    {"QGemm", 1, 1, ANY, "QfQWfWdfY|p", 6, "transA:i transB:i alpha:f", 0, MS | BYTES | BOTH, I(linear_gemm), K(linear_gemm), A(linear_gemm)},
    TACIT_OPERATORS_END
};
const tacit_operator_t tacit_operator_scaled_product =
    {"MatMulInteger", 10, 17, ANY, "QWQWff|f", 5, "", 0, BYTES | BOTH, I(scaled_product), K(scaled_product), A(scaled_product)};
/* clang-format on */
