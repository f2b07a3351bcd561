/*  quantized_product.c - products of matrices of 8-bit numbers: MatMulInteger, QLinearMatMul,
   QGemm.

    oneDNN multiplies where the weights are constant int8 around 0. MatMulInteger is planned as the
    bare product and a step that takes the zero points out of it, as they may come with the input.
 */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/portable.h"

#include <math.h>

static const tacit_operands_t s_integer = {.a = 0, .b = 1, .a_zero = 2, .b_zero = 3};
static const tacit_operands_t s_scaled = {
    .a = 0, .b = 1, .a_zero = 2, .b_zero = 3, .factor = 4, .shift = 5};
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
    return s_infer_product(inference, &s_integer);
}

TACIT_INFER(scaled_product)
{
    return s_infer_product(inference, &s_scaled);
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

/*  What reals the sums stand for: a row of factors, and one of shifts.  */
static void s_fill_reals(const tacit_operands_t *o, const tacit_tensor_t *inputs, size_t count,
                         size_t columns, float *factors, float *shifts)
{
    bool shifted = tacit_given(inputs, count, o->shift);
    for (size_t i = 0; i < columns; i++) {
        factors[i] = tacit_quantized_scale(&inputs[o->factor], i);
        shifts[i] = shifted ? tacit_quantized_scale(&inputs[o->shift], i) : 0.0F;
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
        s_fill_reals(o, inputs, count, matrix->columns, room->scales, room->shifts);
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
    s_product(&s_integer, parameters, inputs, input_count, &outputs[0], outputs[output_count].data);
    return NULL;
}

TACIT_KERNEL(scaled_product)
{
    s_product(&s_scaled, parameters, inputs, input_count, &outputs[0], outputs[output_count].data);
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
    bool exact = false;
    tacit_status_t status = tacit_quantized_exact(planner, o, inference, &weights, &exact);
    if (status != TACIT_OK || !exact) {
        return status;
    }
    int y = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                   &inference->outputs[0].shape, NULL);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    status = s_multiply(planner, o, inference, &request, y, ret_done);
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

/*  Sums of the columns of b, made once; and the bounds of reals.  */
typedef struct s_columns {
    size_t depth, columns;
    const int32_t *sums;
    tacit_finish_t finish;
} s_columns_t;

/*  A row of bare sums less what the zero points made of them. Inputs: sums, a, its zero point, that
    of b (absent: 0).  */
static void s_correct_row(const s_columns_t *of, const tacit_tensor_t *inputs, size_t count,
                          size_t row, int32_t *ret_sums)
{
    const int32_t *x = (const int32_t *)inputs[0].data + row * of->columns;
    size_t of_a = inputs[2].count > 1 ? row % inputs[2].count : 0;
    int32_t zero = tacit_quantized_zero(inputs, count, 2, of_a);
    tacit_integer()->lessen(x, of->sums, zero, of->columns, ret_sums);
    if (!tacit_given(inputs, count, 3)) {
        return;
    }
    uint32_t total = 0;
    for (size_t k = 0; k < of->depth; k++) {
        total += (uint32_t)(tacit_quantized_byte(&inputs[1], row * of->depth + k) - zero);
    }
    for (size_t i = 0; i < of->columns; i++) {
        uint32_t other = (uint32_t)tacit_quantized_zero(inputs, count, 3, i);
        ret_sums[i] = (int32_t)((uint32_t)ret_sums[i] - other * total);
    }
}

static const char *s_correct(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)output_count;
    const s_columns_t *of = parameters->recipe;
    for (size_t row = 0; row < outputs[0].count / of->columns; row++) {
        s_correct_row(of, inputs, input_count, row, (int32_t *)outputs[0].data + row * of->columns);
    }
    return NULL;
}

/*  The same as reals. Inputs 4 and 5: factors and shifts.  */
static const char *s_make_reals(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    const s_columns_t *of = parameters->recipe;
    int32_t *sums = outputs[output_count].data;
    float *factors = (float *)(void *)(sums + of->columns);
    float *shifts = factors + of->columns;
    s_fill_reals(&s_scaled, inputs, input_count, of->columns, factors, shifts);
    const tacit_reals_t reals = {factors, shifts, of->finish.low, of->finish.high};
    for (size_t row = 0; row < outputs[0].count / of->columns; row++) {
        float *y = (float *)outputs[0].data + row * of->columns;
        s_correct_row(of, inputs, input_count, row, sums);
        tacit_integer()->real(sums, of->columns, &reals, y);
        tacit_finish_run(&of->finish, y, of->columns);
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

static tacit_status_t s_fill_columns(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     const s_request_t *request, s_columns_t *recipe)
{
    recipe->depth = (size_t)request->depth;
    recipe->columns = (size_t)request->columns;
    int b = tacit_planner_slot(planner, inference->node->inputs[s_integer.b]);
    recipe->sums = tacit_planner_pack(planner, b, PACK_COLUMNS, recipe->columns * sizeof(int32_t),
                                      s_sum_columns, recipe);
    return recipe->sums != NULL ? TACIT_OK : tacit_planner_error(planner)->code;
}

/*  What is done with the bare sums: zero points are taken out, and reals made where scaled.  */
static tacit_status_t s_correct_step(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     const s_request_t *request, int sums, bool scaled)
{
    const tacit_graph_node_t *node = inference->node;
    int value = node->outputs[0];
    tacit_activation_t activation = {.alg = dnnl_alg_kind_undef};
    s_columns_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (recipe == NULL || s_fill_columns(planner, inference, request, recipe) != TACIT_OK) {
        return tacit_planner_error(planner)->code;
    }
    value = scaled ? tacit_planner_merge_activation(planner, value, &activation) : value;
    recipe->finish = tacit_finish_of(&activation);
    int slots[7] = {
        sums, tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[s_integer.a])),
        s_zero_slot(planner, inference, s_integer.a_zero),
        s_zero_slot(planner, inference, s_integer.b_zero)};
    size_t count = scaled ? 6 : 4;
    for (size_t i = 4; i < count; i++) {
        slots[i] = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    }
    slots[count] = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                          &inference->outputs[0].shape, NULL);
    if (slots[1] == TACIT_NO_SLOT || slots[count] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[count]);
    return tacit_planner_kernel(planner, scaled ? s_make_reals : s_correct,
                                scaled ? "reals" : "zero points", recipe, slots, count, 1,
                                scaled ? 3 * recipe->columns * sizeof(float) : 0);
}

static tacit_status_t s_accelerate_sums(tacit_planner_t *planner,
                                        const tacit_inference_t *inference, bool scaled,
                                        bool *ret_done)
{
    static const tacit_operands_t bare = {.a = 0, .b = 1};
    const tacit_tensor_t *inputs = inference->inputs;
    if (inputs[bare.b].shape.rank != 2 || inputs[bare.b].data == NULL ||
        inputs[bare.b].dtype != TACIT_DTYPE_INT8 || !tacit_onednn_sums_bytes()) {
        return TACIT_OK;
    }
    s_request_t request = s_request(&bare, inference);
    request.y = tacit_onednn_retyped(request.y, TACIT_DTYPE_INT32);
    int sums =
        tacit_planner_new_slot(planner, TACIT_DTYPE_INT32, &inference->outputs[0].shape, NULL);
    if (sums == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_status_t status = s_multiply(planner, &bare, inference, &request, sums, ret_done);
    if (status != TACIT_OK || !*ret_done) {
        return status;
    }
    if (scaled || s_zero_slot(planner, inference, s_integer.a_zero) != TACIT_NO_SLOT ||
        s_zero_slot(planner, inference, s_integer.b_zero) != TACIT_NO_SLOT) {
        return s_correct_step(planner, inference, &request, sums, scaled);
    }
    tacit_planner_bind(planner, inference->node->outputs[0], sums);
    return TACIT_OK;
}

TACIT_ACCELERATE(integer_product)
{
    return s_accelerate_sums(planner, inference, false, ret_done);
}

TACIT_ACCELERATE(scaled_product)
{
    return s_accelerate_sums(planner, inference, true, ret_done);
}

/* clang-format off */
TACIT_OPERATORS(quantized_product) = {
    {"MatMulInteger", 10, 17, ANY, "QWQW|d", 2, "", 0, BYTES, I(integer_product), K(integer_product), A(integer_product)},
    {"QLinearMatMul", 10, 17, ANY, "QfQWfWfY|Y", 8, "", 0, BYTES, I(linear_product), K(linear_product), A(linear_product)},
    {"QGemm", 1, 1, ANY, "QfQWfWdfY|p", 6, "transA:i transB:i alpha:f", 0, MS | BYTES, I(linear_gemm), K(linear_gemm), A(linear_gemm)},
    TACIT_OPERATORS_END
};
const tacit_operator_t tacit_operator_scaled_product =
    {"MatMulInteger", 10, 17, ANY, "QWQWff|f", 5, "", 0, BYTES, I(scaled_product), K(scaled_product), A(scaled_product)};
/* clang-format on */
