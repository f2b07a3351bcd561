/*  quantize_chain.c - what DequantizeLinear and QuantizeLinear around a node say of it.  */

#include "services/inference/engine/quantize_chain.h"

#include <math.h>
#include <string.h>

const tacit_tensor_t *tacit_chain_content(const tacit_graph_t *graph, int value)
{
    const tacit_tensor_t *content = value != TACIT_NO_VALUE ? &graph->values[value].content : NULL;
    return content != NULL && content->data != NULL ? content : NULL;
}

bool tacit_chain_is(const tacit_graph_node_t *node, const char *name)
{
    return !node->removed && tacit_graph_node_is(node, name);
}

/*  The grid of a QuantizeLinear or DequantizeLinear: constants.  */
bool tacit_chain_grid(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                      tacit_chain_t *ret_grid)
{
    int value = tacit_graph_node_input(node, 2);
    const tacit_tensor_t *scale = tacit_chain_content(graph, node->inputs[1]);
    const tacit_tensor_t *zero = tacit_chain_content(graph, value);
    *ret_grid = (tacit_chain_t){.bytes = TACIT_NO_VALUE, .scale = node->inputs[1], .zero = value};
    return scale != NULL && scale->count > 0 &&
           (value == TACIT_NO_VALUE || (zero != NULL && zero->count == scale->count));
}

/*  One scale that turns no order around: what is the largest byte is the largest real.  */
static bool s_is_even(const tacit_graph_t *graph, const tacit_chain_t *grid)
{
    const tacit_tensor_t *scale = tacit_chain_content(graph, grid->scale);
    return scale->count == 1 && isfinite(*(const float *)scale->data) &&
           *(const float *)scale->data > 0;
}

static const tacit_graph_node_t *s_dequantizer(const tacit_graph_t *graph, int value)
{
    int producer = value != TACIT_NO_VALUE ? graph->values[value].producer : TACIT_NO_NODE;
    const tacit_graph_node_t *node = producer != TACIT_NO_NODE ? &graph->nodes[producer] : NULL;
    return node != NULL && tacit_chain_is(node, "DequantizeLinear") ? node : NULL;
}

/*  What the value was made from: activations, with one scale.  */
bool tacit_chain_map(const tacit_graph_t *graph, int value, tacit_chain_t *ret_map)
{
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !tacit_chain_grid(graph, node, ret_map)) {
        return false;
    }
    ret_map->bytes = node->inputs[0];
    tacit_dtype_t dtype = graph->values[node->inputs[0]].dtype;
    return s_is_even(graph, ret_map) && (dtype == TACIT_DTYPE_UINT8 || dtype == TACIT_DTYPE_INT8);
}

/*  Constant int8 weights around 0, with a scale for all or one per place of that axis.  */
bool tacit_chain_weights(const tacit_graph_t *graph, int value, int64_t axis,
                         tacit_chain_t *ret_weights)
{
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !tacit_chain_grid(graph, node, ret_weights)) {
        return false;
    }
    ret_weights->bytes = node->inputs[0];
    const tacit_tensor_t *content = tacit_chain_content(graph, node->inputs[0]);
    const tacit_tensor_t *zero = tacit_chain_content(graph, ret_weights->zero);
    size_t scales = tacit_chain_content(graph, ret_weights->scale)->count;
    bool fits = content != NULL && content->dtype == TACIT_DTYPE_INT8 &&
                content->shape.rank > (size_t)axis &&
                (scales == 1 || (tacit_graph_node_integer(node, "axis", 1) == axis &&
                                 scales == (size_t)content->shape.dims[axis]));
    for (size_t i = 0; fits && zero != NULL && i < zero->count; i++) {
        fits = ((const int8_t *)zero->data)[i] == 0;
    }
    return fits;
}

/*  A bias whose numbers are steps of both scales' product; TACIT_NO_VALUE where there is none.  */
bool tacit_chain_bias(const tacit_graph_t *graph, int value, const tacit_chain_t *x,
                      const tacit_chain_t *w, int *ret_bias)
{
    *ret_bias = TACIT_NO_VALUE;
    tacit_chain_t bias;
    if (value == TACIT_NO_VALUE) {
        return true;
    }
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !tacit_chain_grid(graph, node, &bias)) {
        return false;
    }
    const tacit_tensor_t *content = tacit_chain_content(graph, node->inputs[0]);
    const tacit_tensor_t *zero = tacit_chain_content(graph, bias.zero);
    const tacit_tensor_t *scale = tacit_chain_content(graph, bias.scale);
    const tacit_tensor_t *of_w = tacit_chain_content(graph, w->scale);
    float of_x = ((const float *)tacit_chain_content(graph, x->scale)->data)[0];
    bool fits = content != NULL && content->dtype == TACIT_DTYPE_INT32 &&
                content->shape.rank == 1 &&
                (scale->count == of_w->count || (scale->count == 1 && of_w->count == 1));
    for (size_t i = 0; fits && zero != NULL && i < zero->count; i++) {
        fits = zero->dtype == TACIT_DTYPE_INT32 && ((const int32_t *)zero->data)[i] == 0;
    }
    for (size_t i = 0; fits && i < scale->count; i++) {
        float product = of_x * ((const float *)of_w->data)[i];
        fits = fabsf(((const float *)scale->data)[i] - product) <= 1e-5F * fabsf(product);
    }
    *ret_bias = node->inputs[0];
    return fits;
}

/* --- what follows ----------------------------------------------------------------------------- */

tacit_graph_node_t *tacit_chain_follower(tacit_graph_t *graph, int value)
{
    const tacit_value_t *known = &graph->values[value];
    return known->consumers == 1 && !known->output ? &graph->nodes[known->consumer] : NULL;
}

/*  The ends of what a QuantizeLinear makes, as reals.  */
static void s_ends(const tacit_graph_t *graph, const tacit_graph_node_t *quantizer,
                   const tacit_chain_t *grid, float *ret_low, float *ret_high, float *ret_scale)
{
    bool sign = graph->values[quantizer->outputs[0]].dtype == TACIT_DTYPE_INT8;
    const tacit_tensor_t *zero = tacit_chain_content(graph, grid->zero);
    int32_t middle = zero == NULL ? 0
                     : sign       ? ((const int8_t *)zero->data)[0]
                                  : ((const uint8_t *)zero->data)[0];
    float scale = ((const float *)tacit_chain_content(graph, grid->scale)->data)[0];
    *ret_scale = scale;
    *ret_low = (float)((sign ? INT8_MIN : 0) - middle);
    *ret_high = (float)((sign ? INT8_MAX : UINT8_MAX) - middle);
}

static bool s_number(const tacit_graph_t *graph, const tacit_graph_node_t *node, size_t i,
                     float fallback, float *ret_number)
{
    int value = tacit_graph_node_input(node, i);
    const tacit_tensor_t *content = tacit_chain_content(graph, value);
    *ret_number = fallback;
    if (value == TACIT_NO_VALUE) {
        return true;
    }
    if (content == NULL || content->dtype != TACIT_DTYPE_FLOAT32 || content->count != 1) {
        return false;
    }
    *ret_number = ((const float *)content->data)[0];
    return true;
}

/*  Whether the bounds of a Relu or Clip lie at or beyond the ends of the bytes: it does nothing. */
static bool s_is_idle(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                      const tacit_graph_node_t *quantizer, const tacit_chain_t *grid)
{
    float low = 0;
    float high = HUGE_VALF;
    float first = 0;
    float last = 0;
    float scale = 1;
    bool clip = strcmp(node->op->name, "Clip") == 0;
    if (!clip && strcmp(node->op->name, "Relu") != 0) {
        return false;
    }
    if (clip) {
        if (!s_number(graph, node, 1, tacit_graph_node_real(node, "min", -HUGE_VALF), &low) ||
            !s_number(graph, node, 2, tacit_graph_node_real(node, "max", HUGE_VALF), &high)) {
            return false;
        }
    }
    s_ends(graph, quantizer, grid, &first, &last, &scale);
    return rintf(low / scale) <= first && rintf(high / scale) >= last;
}

/*  The QuantizeLinear that alone follows, maybe behind a Relu or Clip that does nothing.  */
tacit_graph_node_t *tacit_chain_quantizer(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                          tacit_chain_t *ret_grid)
{
    tacit_graph_node_t *next = tacit_chain_follower(graph, node->outputs[0]);
    tacit_graph_node_t *between = NULL;
    if (next != NULL && (tacit_chain_is(next, "Relu") || tacit_chain_is(next, "Clip")) &&
        next->inputs[0] == node->outputs[0]) {
        between = next;
        next = tacit_chain_follower(graph, next->outputs[0]);
    }
    if (next == NULL || !tacit_chain_is(next, "QuantizeLinear") ||
        !tacit_chain_grid(graph, next, ret_grid) || !s_is_even(graph, ret_grid)) {
        return NULL;
    }
    if (between != NULL) {
        if (next->inputs[0] != between->outputs[0] || !s_is_idle(graph, between, next, ret_grid)) {
            return NULL;
        }
    }
    return next->inputs[0] == (between != NULL ? between : node)->outputs[0] ? next : NULL;
}

/*  The node becomes that operator of these inputs, and makes what `last` made.  */
tacit_status_t tacit_chain_rewrite(tacit_graph_t *graph, tacit_graph_node_t *node,
                                   tacit_graph_node_t *last, const tacit_operator_t *op,
                                   const int *inputs, size_t count, tacit_error_t *error)
{
    while (count > 0 && inputs[count - 1] == TACIT_NO_VALUE) {
        count--;
    }
    int *copy = tacit_pool_take(graph->pool, count, sizeof(int), error);
    if (copy == NULL) {
        return error->code;
    }
    memcpy(copy, inputs, count * sizeof(int));
    node->op = op;
    node->inputs = copy;
    node->input_count = count;
    if (last != NULL) {
        for (tacit_graph_node_t *next = tacit_chain_follower(graph, node->outputs[0]); next != last;
             next = tacit_chain_follower(graph, next->outputs[0])) {
            next->removed = true;
        }
        node->outputs = last->outputs;
        graph->values[node->outputs[0]].producer = (int)(node - graph->nodes);
        last->removed = true;
    }
    return TACIT_OK;
}
