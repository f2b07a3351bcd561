/*  quantize_table.c - a function of single reals between DequantizeLinear and QuantizeLinear, as a
    table: what each byte becomes. The function's own kernel fills it, once at load.  */

#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/quantize_chain.h"

#include <string.h>

enum { BYTES = 256, INPUTS_MAX = 3 };

/*  The function of these reals; false where its other inputs are not constants, or it wants more
    than a kernel's parameters.  */
static bool s_evaluate(const tacit_graph_t *graph, const tacit_graph_node_t *node, float *reals,
                       float *ret_reals)
{
    const tacit_shape_t shape = {.rank = 1, .dims = {BYTES}};
    tacit_tensor_t inputs[INPUTS_MAX] = {
        {.dtype = TACIT_DTYPE_FLOAT32, .shape = shape, .count = BYTES, .data = reals}};
    tacit_tensor_t outputs[2] = {{.dtype = TACIT_DTYPE_FLOAT32}};
    tacit_parameters_t parameters = {.recipe = NULL};
    tacit_error_t error = {0};
    size_t scratch = 0;
    bool known = node->input_count <= INPUTS_MAX && node->output_count == 1;
    for (size_t i = 1; known && i < node->input_count; i++) {
        const tacit_tensor_t *content = tacit_chain_content(graph, node->inputs[i]);
        known = content != NULL || node->inputs[i] == TACIT_NO_VALUE;
        inputs[i] = content != NULL ? *content : (tacit_tensor_t){0};
    }
    const tacit_inference_t inference = {.graph = graph,
                                         .node = node,
                                         .inputs = inputs,
                                         .outputs = outputs,
                                         .parameters = &parameters,
                                         .scratch = &scratch,
                                         .error = &error};
    if (!known || node->op->infer(&inference) != TACIT_OK || scratch > 0 ||
        !tacit_shape_equal(&outputs[0].shape, &shape)) {
        return false;
    }
    outputs[0].count = BYTES;
    outputs[0].data = ret_reals;
    return node->op->kernel(&parameters, inputs, node->input_count, outputs, 1) == NULL;
}

static tacit_grid_t s_grid(const tacit_graph_t *graph, const tacit_chain_t *chain,
                           tacit_dtype_t dtype)
{
    const tacit_tensor_t *zero = tacit_chain_content(graph, chain->zero);
    return (tacit_grid_t){.scale =
                              tacit_quantized_scale(tacit_chain_content(graph, chain->scale), 0),
                          .zero = zero != NULL ? tacit_quantized_byte(zero, 0) : 0,
                          .sign = dtype == TACIT_DTYPE_INT8};
}

tacit_status_t tacit_chain_table(tacit_graph_t *graph, tacit_graph_node_t *node,
                                 tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t y;
    uint8_t bytes[BYTES];
    float reals[BYTES];
    float results[BYTES];
    const tacit_shape_t shape = {.rank = 1, .dims = {BYTES}};
    tacit_graph_node_t *last =
        tacit_chain_map(graph, node->inputs[0], &x) ? tacit_chain_quantizer(graph, node, &y) : NULL;
    if (last == NULL) {
        return TACIT_OK;
    }
    tacit_dtype_t from = graph->values[x.bytes].dtype;
    tacit_dtype_t to = graph->values[last->outputs[0]].dtype;
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (uint8_t)i;
    }
    tacit_integer()->dequantize(bytes, BYTES, s_grid(graph, &x, from), reals);
    if (from != to || !s_evaluate(graph, node, reals, results)) {
        return TACIT_OK;
    }
    int inputs[] = {x.bytes, TACIT_NO_VALUE};
    tacit_status_t status =
        tacit_graph_constant(graph, TACIT_DTYPE_UINT8, &shape, &inputs[1], error);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_integer()->quantize(results, BYTES, s_grid(graph, &y, to),
                              graph->values[inputs[1]].content.data);
    return tacit_chain_rewrite(graph, node, last, &tacit_operator_byte_table, inputs, 2, error);
}
