/*  quantized_product_plan.c - oneDNN's products of 8-bit numbers, where the weights are constant
   int8 around 0. MatMulInteger is planned as the bare product and a step that takes the zero points
   out of it, as they may come with the input, and makes reals of it where scaled.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/portable.h"

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

tacit_status_t tacit_quantized_product(tacit_planner_t *planner, const tacit_operands_t *o,
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
    tacit_quantized_reals(inputs, input_count, of->columns, factors, shifts);
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
            sums[i] += (uint32_t)(0 + b[k * of->columns + i]);
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
    int b = tacit_planner_slot(planner, inference->node->inputs[tacit_operands_sums.b]);
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
    int slots[7] = {sums,
                    tacit_planner_plain(
                        planner, tacit_planner_slot(planner, node->inputs[tacit_operands_sums.a])),
                    s_zero_slot(planner, inference, tacit_operands_sums.a_zero),
                    s_zero_slot(planner, inference, tacit_operands_sums.b_zero)};
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

tacit_status_t tacit_quantized_sums(tacit_planner_t *planner, const tacit_inference_t *inference,
                                    bool scaled, bool *ret_done)
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
    if (scaled || s_zero_slot(planner, inference, tacit_operands_sums.a_zero) != TACIT_NO_SLOT ||
        s_zero_slot(planner, inference, tacit_operands_sums.b_zero) != TACIT_NO_SLOT) {
        return s_correct_step(planner, inference, &request, sums, scaled);
    }
    tacit_planner_bind(planner, inference->node->outputs[0], sums);
    return TACIT_OK;
}
