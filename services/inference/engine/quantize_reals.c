/*  quantize_reals.c - a product of bytes by constant weights whose result stays real, and what is
    added to it for each column, become one node: what a QuantizeLinear would round away stays.  */

#include "services/inference/engine/quantize_chain.h"

/*  Constant reals: one, or one per column.  */
static bool s_is_row(const tacit_graph_t *graph, int value, size_t columns)
{
    const tacit_tensor_t *content = tacit_chain_content(graph, value);
    return content != NULL && content->dtype == TACIT_DTYPE_FLOAT32 && content->shape.rank <= 1 &&
           (content->count == 1 || content->count == columns);
}

/*  The Add of such a row that alone follows; ret_row is the row.  */
static tacit_graph_node_t *s_sum(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                 size_t columns, int *ret_row)
{
    tacit_graph_node_t *next = tacit_chain_follower(graph, node->outputs[0]);
    if (next == NULL || !tacit_chain_is(next, "Add")) {
        return NULL;
    }
    *ret_row = next->inputs[next->inputs[0] == node->outputs[0] ? 1 : 0];
    return s_is_row(graph, *ret_row, columns) ? next : NULL;
}

/*  Of what a sum of steps is multiplied with: both scales, for each column.  */
static tacit_status_t s_factors(tacit_graph_t *graph, const tacit_chain_t *x,
                                const tacit_chain_t *w, size_t columns, int *ret_value,
                                tacit_error_t *error)
{
    tacit_shape_t shape = {.rank = 1, .dims = {(int64_t)columns}};
    tacit_status_t status =
        tacit_graph_constant(graph, TACIT_DTYPE_FLOAT32, &shape, ret_value, error);
    if (status != TACIT_OK) {
        return status;
    }
    float of_x = ((const float *)tacit_chain_content(graph, x->scale)->data)[0];
    const tacit_tensor_t *of_w = tacit_chain_content(graph, w->scale);
    float *factors = graph->values[*ret_value].content.data;
    for (size_t i = 0; i < columns; i++) {
        factors[i] = of_x * ((const float *)of_w->data)[of_w->count > 1 ? i : 0];
    }
    return TACIT_OK;
}

tacit_status_t tacit_chain_reals(tacit_graph_t *graph, tacit_graph_node_t *node,
                                 tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t w;
    int row = TACIT_NO_VALUE;
    int factors = TACIT_NO_VALUE;
    if (!tacit_chain_is(node, "MatMul") || !tacit_chain_map(graph, node->inputs[0], &x) ||
        !tacit_chain_weights(graph, node->inputs[1], 1, &w) ||
        tacit_chain_content(graph, w.bytes)->shape.rank != 2) {
        return TACIT_OK;
    }
    size_t columns = (size_t)tacit_chain_content(graph, w.bytes)->shape.dims[1];
    tacit_graph_node_t *sum = s_sum(graph, node, columns, &row);
    tacit_status_t status = s_factors(graph, &x, &w, columns, &factors, error);
    int inputs[] = {x.bytes, w.bytes, x.zero, w.zero, factors, sum != NULL ? row : TACIT_NO_VALUE};
    return status == TACIT_OK
               ? tacit_chain_rewrite(graph, node, sum, &tacit_operator_scaled_product, inputs, 6,
                                     error)
               : status;
}
