/*  quantized_product.c - products of matrices of 8-bit numbers: MatMulInteger, QLinearMatMul,
   QGemm.

    oneDNN multiplies where the weights are constant int8 around 0. MatMulInteger is planned as the
    bare product and a step that takes the zero points out of it, as they may come with the input.
 */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"

static const tacit_operands_t s_integer = {.a = 0, .b = 1, .a_zero = 2, .b_zero = 3};
static const tacit_operands_t s_linear = {.a = 0,
                                          .a_scale = 1,
                                          .a_zero = 2,
                                          .b = 3,
                                          .b_scale = 4,
                                          .b_zero = 5,
                                          .y_scale = 6,
                                          .y_zero = 7};
static const tacit_operands_t s_gemm = {.a = 0,
                                        .a_scale = 1,
                                        .a_zero = 2,
                                        .b = 3,
                                        .b_scale = 4,
                                        .b_zero = 5,
                                        .bias = 6,
                                        .y_scale = 7,
                                        .y_zero = 8};

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

/*  What the kernel needs beside: b in 16 bits, transposed; a row of a; its sums, and their scales.
 */
static size_t s_scratch(size_t depth, size_t columns)
{
    return columns * (depth * sizeof(int16_t) + sizeof(int32_t) + sizeof(float)) +
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
           tacit_quantized_fit(inference, o->y_zero, 1);
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
    return s_infer_product(inference, &s_integer);
}

TACIT_INFER(linear_product)
{
    return s_infer_product(inference, &s_linear);
}

/*  QGemm: y = a b + bias, the bias in steps of both scales' product.  */
TACIT_INFER(linear_gemm)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *a = &inputs[s_gemm.a].shape;
    const tacit_shape_t *b = &inputs[s_gemm.b].shape;
    bool turned = tacit_graph_node_integer(node, "transB", 0) != 0;
    bool fits = a->rank == 2 && b->rank == 2 && a->dims[1] == b->dims[turned ? 1 : 0] &&
                tacit_graph_node_real(node, "alpha", 1.0F) == 1.0F &&
                tacit_graph_node_integer(node, "transA", 0) == 0;
    if (fits) {
        int64_t columns = b->dims[turned ? 0 : 1];
        bool biased = tacit_given(inputs, node->input_count, s_gemm.bias);
        inference->parameters->gemm.transpose_b = turned;
        inference->outputs[0].shape = (tacit_shape_t){.rank = 2, .dims = {a->dims[0], columns}};
        fits = s_quantities_fit(inference, &s_gemm, 1, columns) &&
               (!biased || (inputs[s_gemm.bias].shape.rank == 1 &&
                            inputs[s_gemm.bias].shape.dims[0] == columns));
        fits &= tacit_given(inputs, node->input_count, s_gemm.y_scale) ==
                tacit_given(inputs, node->input_count, s_gemm.y_zero);
        *inference->scratch = s_scratch((size_t)a->dims[1], (size_t)columns);
    }
    return fits ? TACIT_OK
                : tacit_infer_refuse(inference, "its operands do not multiply as this build does");
}

/* --- the kernel ------------------------------------------------------------------------------- */

/*  Parts of the scratch memory.  */
typedef struct s_room {
    float *scales;
    int32_t *sums;
    int16_t *b;   /* [columns, depth] */
    int16_t *row; /* [depth] */
} s_room_t;

static s_room_t s_room(const s_matrix_t *matrix, void *scratch)
{
    s_room_t room = {.scales = scratch};
    room.sums = (int32_t *)(void *)(room.scales + matrix->columns);
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
    s_product(&s_integer, parameters, inputs, input_count, &outputs[0], outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(linear_product)
{
    s_product(&s_linear, parameters, inputs, input_count, &outputs[0], outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(linear_gemm)
{
    s_product(&s_gemm, parameters, inputs, input_count, &outputs[0], outputs[output_count].data);
    return NULL;
}

/* --- oneDNN ----------------------------------------------------------------------------------- */

/*  A product of rows by constant weights.  */
typedef struct s_request {
    int64_t rows, depth, columns;
    bool turned, biased;
    tacit_dtype_t dtype; /* of a */
    dnnl_memory_desc_t a, b, y, bias;
} s_request_t;

static s_request_t s_request(const tacit_operands_t *o, const tacit_inference_t *inference)
{
    const tacit_shape_t *a = &inference->inputs[o->a].shape;
    s_request_t r = {.depth = a->dims[a->rank - 1],
                     .turned = inference->parameters->gemm.transpose_b,
                     .biased = o->bias > 0 && tacit_given(inference->inputs,
                                                          inference->node->input_count, o->bias),
                     .dtype = inference->inputs[o->a].dtype};
    r.rows = (int64_t)tacit_shape_span(a, 0, a->rank - 1);
    r.columns = inference->outputs[0].shape.dims[inference->outputs[0].shape.rank - 1];
    int64_t turned[] = {1, r.depth};
    int64_t of_a[] = {r.rows, r.depth};
    int64_t of_b[] = {r.depth, r.columns};
    int64_t of_y[] = {r.rows, r.columns};
    int64_t of_bias[] = {1, r.columns};
    r.a = tacit_onednn_retyped(tacit_onednn_strided(2, of_a, NULL), r.dtype);
    r.b = tacit_onednn_retyped(tacit_onednn_strided(2, of_b, r.turned ? turned : NULL),
                               TACIT_DTYPE_INT8);
    r.y = tacit_onednn_retyped(tacit_onednn_strided(2, of_y, NULL), inference->outputs[0].dtype);
    r.bias = tacit_onednn_retyped(tacit_onednn_strided(2, of_bias, NULL), TACIT_DTYPE_INT32);
    return r;
}

static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_operands_t *o,
                                 const tacit_inference_t *inference, const s_request_t *r,
                                 const_dnnl_primitive_desc_t desc, int y)
{
    const tacit_graph_node_t *node = inference->node;
    dnnl_memory_desc_t weights = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    int a = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[o->a]));
    int b = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[o->b]));
    b = b != TACIT_NO_SLOT ? tacit_planner_arrange(planner, b, &r->b, &weights) : b;
    int bias =
        r->biased ? tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[o->bias]))
                  : TACIT_NO_SLOT;
    if (a == TACIT_NO_SLOT || b == TACIT_NO_SLOT || (r->biased && bias == TACIT_NO_SLOT)) {
        return tacit_planner_error(planner)->code;
    }
    tacit_argument_t arguments[] = {{DNNL_ARG_SRC, a, r->a},
                                    {DNNL_ARG_WEIGHTS, b, weights},
                                    {DNNL_ARG_DST, y, r->y},
                                    {DNNL_ARG_BIAS, bias, r->bias}};
    return tacit_planner_primitive(planner, desc, arguments, r->biased ? 4 : 3);
}

/*  The product as one primitive into slot y; not done where oneDNN has none.  */
static tacit_status_t s_multiply(tacit_planner_t *planner, const tacit_operands_t *o,
                                 const tacit_inference_t *inference, const s_request_t *r, int y,
                                 bool *ret_done)
{
    int64_t dims[] = {r->depth, r->columns};
    dnnl_memory_desc_t any = tacit_onednn_retyped(tacit_onednn_any(2, dims), TACIT_DTYPE_INT8);
    dnnl_primitive_attr_t attributes = tacit_quantized_attributes(o, inference, (size_t)r->columns);
    dnnl_primitive_desc_t desc = NULL;
    dnnl_matmul_desc_t product;
    tacit_status_t status = TACIT_OK;
    if (attributes != NULL &&
        dnnl_matmul_desc_init(&product, &r->a, &any, r->biased ? &r->bias : NULL, &r->y) ==
            dnnl_success &&
        dnnl_primitive_desc_create(&desc, &product, attributes,
                                   tacit_onednn_engine(tacit_planner_onednn(planner)),
                                   NULL) == dnnl_success) {
        status = s_add_step(planner, o, inference, r, desc, y);
        (void)dnnl_primitive_desc_destroy(desc);
        *ret_done = true;
    }
    if (attributes != NULL) {
        (void)dnnl_primitive_attr_destroy(attributes);
    }
    return status;
}

static tacit_quantized_weights_t s_weights(const s_request_t *r)
{
    return (tacit_quantized_weights_t){.channels = (size_t)r->columns,
                                       .depth = (size_t)r->depth,
                                       .channel_step = r->turned ? (size_t)r->depth : 1,
                                       .step = r->turned ? 1 : (size_t)r->columns};
}

static tacit_status_t s_accelerate(tacit_planner_t *planner, const tacit_operands_t *o,
                                   const tacit_inference_t *inference, bool *ret_done)
{
    const tacit_tensor_t *inputs = inference->inputs;
    if (inputs[o->b].shape.rank != 2 || !tacit_quantized_known(o, inference) ||
        inputs[o->a_scale].count != 1 ||
        (tacit_given(inputs, inference->node->input_count, o->a_zero) &&
         inputs[o->a_zero].count != 1)) {
        return TACIT_OK;
    }
    s_request_t request = s_request(o, inference);
    tacit_quantized_weights_t weights = s_weights(&request);
    if (!tacit_quantized_exact(o, inference, &weights)) {
        return TACIT_OK;
    }
    int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                   &inference->outputs[0].shape, NULL);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_status_t status = s_multiply(planner, o, inference, &request, y, ret_done);
    if (*ret_done) {
        tacit_planner_bind(planner, inference->node->outputs[0], y);
    }
    return status;
}

TACIT_ACCELERATE(linear_product)
{
    return s_accelerate(planner, &s_linear, inference, ret_done);
}

TACIT_ACCELERATE(linear_gemm)
{
    return s_accelerate(planner, &s_gemm, inference, ret_done);
}

/* --- MatMulInteger ---------------------------------------------------------------------------- */

/*  Sums of the columns of b, made once.  */
typedef struct s_columns {
    size_t depth, columns;
    const int32_t *sums;
} s_columns_t;

/*  The bare sums less what the zero points made of them. Inputs: sums, a, its zero point, that of b
    (absent: 0).  */
static const char *s_correct(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)output_count;
    const s_columns_t *of = parameters->recipe;
    const int32_t *x = inputs[0].data;
    int32_t *y = outputs[0].data;
    for (size_t n = 0, row = 0; n < outputs[0].count; n += of->columns, row++) {
        size_t of_a = inputs[2].count > 1 ? row % inputs[2].count : 0;
        int32_t zero = tacit_quantized_zero(inputs, input_count, 2, of_a);
        tacit_integer()->lessen(x + n, of->sums, zero, of->columns, y + n);
        uint32_t total = 0;
        for (size_t k = 0; tacit_given(inputs, input_count, 3) && k < of->depth; k++) {
            total += (uint32_t)(tacit_quantized_byte(&inputs[1], row * of->depth + k) - zero);
        }
        for (size_t i = 0; tacit_given(inputs, input_count, 3) && i < of->columns; i++) {
            uint32_t other = (uint32_t)tacit_quantized_zero(inputs, input_count, 3, i);
            y[n + i] = (int32_t)((uint32_t)y[n + i] - other * total);
        }
    }
    return NULL;
}

static void s_sum_columns(const void *recipe, const void *source, void *ret_packed)
{
    const s_columns_t *of = recipe;
    const int8_t *b = source;
    uint32_t *sums = ret_packed;
    for (size_t k = 0; k < of->depth; k++) {
        for (size_t i = 0; i < of->columns; i++) {
            int32_t weight = b[k * of->columns + i];
            sums[i] += (uint32_t)weight;
        }
    }
}

/*  Input i, unless it is known to be 0 everywhere.  */
static int s_zero_slot(const tacit_planner_t *planner, const tacit_inference_t *inference, size_t i)
{
    bool matters = tacit_given(inference->inputs, inference->node->input_count, i);
    const tacit_tensor_t *zero = &inference->inputs[matters ? i : 0];
    bool known = matters && zero->data != NULL;
    for (size_t k = 0; known && k < zero->count; k++) {
        known = tacit_quantized_byte(zero, k) == 0;
    }
    return matters && !known
               ? tacit_planner_slot(planner, tacit_graph_node_input(inference->node, i))
               : TACIT_NO_SLOT;
}

enum { PACK_COLUMNS = 0x636f6c73 }; /* a way of packing of its own */

static tacit_status_t s_correct_step(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     const s_request_t *request, int sums)
{
    const tacit_graph_node_t *node = inference->node;
    s_columns_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *recipe = (s_columns_t){.depth = (size_t)request->depth, .columns = (size_t)request->columns};
    int b = tacit_planner_slot(planner, node->inputs[s_integer.b]);
    recipe->sums = tacit_planner_pack(planner, b, PACK_COLUMNS, recipe->columns * sizeof(int32_t),
                                      s_sum_columns, recipe);
    int y = tacit_planner_new_slot(planner, TACIT_DTYPE_INT32, &inference->outputs[0].shape, NULL);
    if (recipe->sums == NULL || y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    int slots[] = {
        sums, tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[s_integer.a])),
        s_zero_slot(planner, inference, s_integer.a_zero),
        s_zero_slot(planner, inference, s_integer.b_zero), y};
    tacit_planner_bind(planner, node->outputs[0], y);
    return slots[1] != TACIT_NO_SLOT
               ? tacit_planner_kernel(planner, s_correct, "zero points", recipe, slots, 4, 1, 0)
               : tacit_planner_error(planner)->code;
}

TACIT_ACCELERATE(integer_product)
{
    static const tacit_operands_t bare = {.a = 0, .b = 1};
    const tacit_tensor_t *inputs = inference->inputs;
    if (inputs[bare.b].shape.rank != 2 || inputs[bare.b].data == NULL ||
        inputs[bare.b].dtype != TACIT_DTYPE_INT8 || !tacit_onednn_sums_bytes()) {
        return TACIT_OK;
    }
    s_request_t request = s_request(&bare, inference);
    int sums =
        tacit_planner_new_slot(planner, TACIT_DTYPE_INT32, &inference->outputs[0].shape, NULL);
    if (sums == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_status_t status = s_multiply(planner, &bare, inference, &request, sums, ret_done);
    if (status != TACIT_OK || !*ret_done) {
        return status;
    }
    if (s_zero_slot(planner, inference, s_integer.a_zero) != TACIT_NO_SLOT ||
        s_zero_slot(planner, inference, s_integer.b_zero) != TACIT_NO_SLOT) {
        return s_correct_step(planner, inference, &request, sums);
    }
    tacit_planner_bind(planner, inference->node->outputs[0], sums);
    return TACIT_OK;
}

/* clang-format off */
TACIT_OPERATORS(quantized_product) = {
    {"MatMulInteger", 10, 17, ANY, "QWQW|d", 2, "", 0, BYTES, I(integer_product), K(integer_product), A(integer_product)},
    {"QLinearMatMul", 10, 17, ANY, "QfQWfWfY|Y", 8, "", 0, BYTES, I(linear_product), K(linear_product), A(linear_product)},
    {"QGemm", 1, 1, ANY, "QfQWfWdfY|p", 6, "transA:i transB:i alpha:f", 0, MS | BYTES, I(linear_gemm), K(linear_gemm), A(linear_gemm)},
    TACIT_OPERATORS_END
};
/* clang-format on */
