/*  product.c - plans Gemm and MatMul over row-major matrices (product.h).  */

#include "services/inference/engine/portable/product.h"
#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/attention.h"

/*  Multiplications that are worth a second thread: fewer take less than its start and end.  */
enum { THREADED_MIN = 200000 };

/*  The recipe is complete but for weights, bias and finish.  */
static tacit_status_t s_plan(tacit_planner_t *planner, const tacit_inference_t *inference,
                             tacit_product_t *recipe, int bias, int value)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[3] = {tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0])),
                    tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[1])),
                    TACIT_NO_SLOT};
    tacit_activation_t activation;
    tacit_sum_t sum;
    if (slots[0] == TACIT_NO_SLOT || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    if (tacit_planner_merge_sum(planner, value, shape, &sum)) {
        value = sum.node->outputs[0];
    }
    value = tacit_planner_merge_activation(planner, value, &activation);
    recipe->finish = tacit_finish_of(&activation);
    recipe->add = sum.node != NULL;
    recipe->threads = recipe->m * recipe->n * recipe->k * recipe->batches >= THREADED_MIN
                          ? tacit_portable_threads()
                          : 1;
    bool constant = inference->inputs[1].data != NULL && recipe->batches == 1;
    if (constant) {
        recipe->b = tacit_planner_pack(
            planner, slots[1], recipe->turned ? TACIT_PRODUCT_COLUMNS : TACIT_PRODUCT_ROWS,
            tacit_product_packed_size(recipe), tacit_product_fill, recipe);
        slots[1] = TACIT_NO_SLOT; /* as they came they are not read */
    }
    tacit_status_t status = tacit_blocked_vector(planner, bias, recipe->n, &recipe->bias);
    if (status != TACIT_OK || (constant && recipe->b == NULL)) {
        return tacit_planner_error(planner)->code;
    }
    dnnl_memory_desc_t plain = tacit_onednn_plain(shape);
    slots[2] = recipe->add ? tacit_planner_take_place(planner, sum.other, sum.node, &plain)
                           : tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, NULL);
    if (slots[2] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[2]);
    return tacit_planner_kernel(planner, tacit_product_run, "tiles", recipe, slots, 2, 1,
                                tacit_product_scratch(recipe));
}

bool tacit_portable_restore(const tacit_packs_t *packs, const void *origin,
                            const tacit_tensor_t *tensor, void *ret_elements)
{
    const tacit_shape_t *shape = &tensor->shape;
    const void *rows =
        tacit_packs_find(packs, &(tacit_pack_t){origin, shape, TACIT_PRODUCT_ROWS, 0});
    const void *columns =
        tacit_packs_find(packs, &(tacit_pack_t){origin, shape, TACIT_PRODUCT_COLUMNS, 0});
    if (tensor->dtype != TACIT_DTYPE_FLOAT32 || (rows == NULL && columns == NULL) ||
        shape->rank < 2 || tacit_shape_span(shape, 0, shape->rank - 2) != 1) {
        return false;
    }
    size_t height = (size_t)shape->dims[shape->rank - 2];
    size_t width = (size_t)shape->dims[shape->rank - 1];
    tacit_product_t product = {.k = height, .n = width, .b_row = width, .b_column = 1};
    if (rows == NULL) {
        product = (tacit_product_t){.k = width, .n = height, .b_row = 1, .b_column = width};
    }
    tacit_product_unpack(&product, rows != NULL ? rows : columns, ret_elements);
    return true;
}

static bool s_is_row(const tacit_shape_t *shape, size_t columns)
{
    return shape->rank > 0 && shape->dims[shape->rank - 1] == (int64_t)columns &&
           tacit_shape_span(shape, 0, shape->rank) == columns;
}

/*  The recipe with room for its batches' offsets.  */
static tacit_product_t *s_new(tacit_planner_t *planner, const tacit_product_t *found)
{
    tacit_product_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    size_t(*offsets)[2] = tacit_planner_room(planner, found->batches * sizeof(*offsets));
    if (recipe == NULL || offsets == NULL) {
        return NULL;
    }
    *recipe = *found;
    recipe->offsets = offsets;
    return recipe;
}

tacit_status_t tacit_portable_gemm(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_parameters_t *parameters = inference->parameters;
    int bias = tacit_graph_node_input(node, 2);
    bool biased = bias != TACIT_NO_VALUE;
    tacit_product_t found = {.m = (size_t)inference->outputs[0].shape.dims[0],
                             .n = (size_t)inference->outputs[0].shape.dims[1],
                             .k = (size_t)inference->inputs[0].shape.dims[1],
                             .batches = 1,
                             .turned = parameters->gemm.transpose_b};
    found.b_row = parameters->gemm.transpose_b ? 1 : found.n;
    found.b_column = parameters->gemm.transpose_b ? found.k : 1;
    if (parameters->gemm.transpose_a || parameters->gemm.alpha != 1.0F || found.k == 0 ||
        (biased && (parameters->gemm.beta != 1.0F || inference->inputs[2].data == NULL ||
                    !s_is_row(&inference->inputs[2].shape, found.n)))) {
        return TACIT_OK;
    }
    tacit_product_t *recipe = s_new(planner, &found);
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *ret_done = true;
    return s_plan(planner, inference, recipe,
                  biased ? tacit_planner_slot(planner, bias) : TACIT_NO_SLOT, node->outputs[0]);
}

/*  Where batch number i lies in an operand, whose batches broadcast to those of the output.  */
static size_t s_batch_offset(const tacit_shape_t *operand, const tacit_shape_t *output, size_t i)
{
    size_t strides[TACIT_ENGINE_RANK_MAX];
    size_t offset = 0;
    tacit_dense_strides(operand, strides);
    for (size_t d = output->rank - 2; d-- > 0;) {
        size_t at = i % (size_t)output->dims[d];
        i /= (size_t)output->dims[d];
        size_t missing = output->rank - operand->rank;
        if (d >= missing && operand->dims[d - missing] != 1) {
            offset += at * strides[d - missing];
        }
    }
    return offset;
}

tacit_status_t tacit_portable_matmul(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *a = &inference->inputs[0].shape;
    const tacit_shape_t *b = &inference->inputs[1].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    if (a->rank < 2 || b->rank < 2 || a->dims[a->rank - 1] == 0) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_portable_attention(planner, inference, ret_done);
    if (status != TACIT_OK || *ret_done) {
        return status;
    }
    bool single = b->rank == 2;
    tacit_product_t found = {
        .k = (size_t)a->dims[a->rank - 1], .n = (size_t)b->dims[b->rank - 1], .b_column = 1};
    found.b_row = found.n;
    found.m = single ? tacit_shape_span(a, 0, a->rank - 1) : (size_t)a->dims[a->rank - 2];
    found.batches = single ? 1 : tacit_shape_span(y, 0, y->rank - 2);
    tacit_product_t *recipe = s_new(planner, &found);
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    for (size_t i = 0; !single && i < found.batches; i++) {
        recipe->offsets[i][0] = s_batch_offset(a, y, i);
        recipe->offsets[i][1] = s_batch_offset(b, y, i);
    }
    int value = node->outputs[0];
    int bias = single && inference->inputs[1].data != NULL
                   ? tacit_planner_merge_bias(planner, &value, y)
                   : TACIT_NO_SLOT;
    *ret_done = true;
    return s_plan(planner, inference, recipe, bias, value);
}
