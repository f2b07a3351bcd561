/*  fuse.c - what exporters spread over many nodes becomes one again: LayerNormalization,
    products of bytes that become reals; and, in files of their own, curves.

    Each pattern is found from its last characteristic node. The node that makes the result is
    rewritten in place, as all that it needs exists before it; the others go, so nothing outside may
    use what they make.  */

#include "services/inference/engine/fuse.h"
#include "services/inference/engine/passes.h"

#include <math.h>
#include <string.h>

tacit_graph_node_t *tacit_fuse_made_by(const tacit_graph_t *graph, int value, const char *name)
{
    int producer = value != TACIT_NO_VALUE ? graph->values[value].producer : TACIT_NO_NODE;
    tacit_graph_node_t *node = producer != TACIT_NO_NODE ? &graph->nodes[producer] : NULL;
    return tacit_graph_node_is(node, name) && !node->removed ? node : NULL;
}

tacit_graph_node_t *tacit_fuse_used_by(const tacit_graph_t *graph, int value, const char *name)
{
    const tacit_value_t *known = &graph->values[value];
    if (known->consumers != 1 || known->output) {
        return NULL;
    }
    tacit_graph_node_t *node = &graph->nodes[known->consumer];
    return tacit_graph_node_is(node, name) ? node : NULL;
}

bool tacit_fuse_private(const tacit_graph_t *graph, int value, size_t consumers)
{
    return graph->values[value].consumers == consumers && !graph->values[value].output;
}

const float *tacit_fuse_constant(const tacit_graph_t *graph, int value, size_t *ret_count)
{
    const tacit_tensor_t *content = value != TACIT_NO_VALUE ? &graph->values[value].content : NULL;
    if (content == NULL || content->data == NULL || content->dtype != TACIT_DTYPE_FLOAT32) {
        return NULL;
    }
    *ret_count = content->count;
    return content->data;
}

bool tacit_fuse_is_number(const tacit_graph_t *graph, int value, float number)
{
    size_t count = 0;
    const float *items = tacit_fuse_constant(graph, value, &count);
    /* one of a higher rank would give its rank to what it is combined with */
    return items != NULL && count == 1 && graph->values[value].content.shape.rank <= 1 &&
           fabsf(items[0] - number) <= 1e-4F * fabsf(number);
}

int tacit_fuse_other(const tacit_graph_node_t *node, int known)
{
    return node->inputs[0] == known ? node->inputs[1] : node->inputs[0];
}

tacit_status_t tacit_fuse_rewrite(tacit_graph_t *graph, tacit_graph_node_t *node,
                                  const tacit_operator_t *op, const int *inputs, size_t count,
                                  tacit_error_t *error)
{
    int *copy = tacit_pool_take(graph->pool, count, sizeof(int), error);
    if (copy == NULL) {
        return error->code;
    }
    memcpy(copy, inputs, count * sizeof(int));
    node->op = op;
    node->inputs = copy;
    node->input_count = count;
    node->attributes = NULL;
    node->attribute_count = 0;
    return TACIT_OK;
}

/* --- LayerNormalization ----------------------------------------------------------------------- */

/*  A ReduceMean over the last axis, which stays.  */
static bool s_is_mean(const tacit_graph_node_t *node)
{
    const tacit_attribute_t *axes = node != NULL ? tacit_graph_node_attribute(node, "axes") : NULL;
    return axes != NULL && axes->count == 1 && axes->integers[0] == -1 &&
           tacit_graph_node_integer(node, "keepdims", 1) != 0;
}

/*  The parts of a layer's normalization, from the division.  */
typedef struct s_layer {
    tacit_graph_node_t *centre, *mean, *square, *variance, *shifted, *root, *division, *scaled,
        *end;
    float epsilon;
    tacit_graph_node_t *again; /* centres for the variance alone; or NULL */
    int scale, bias;           /* values */
} s_layer_t;

/*  Whether what is squared is what is divided; or another Sub of the same two.  */
static bool s_is_centred(const tacit_graph_t *graph, s_layer_t *layer, bool power)
{
    int centred = layer->division->inputs[0];
    int squared = layer->square->inputs[0];
    size_t uses = power ? 1 : 2;
    if (squared == centred) {
        return tacit_fuse_private(graph, centred, uses + 1);
    }
    layer->again = tacit_fuse_made_by(graph, squared, "Sub");
    return layer->again != NULL && layer->again->inputs[0] == layer->centre->inputs[0] &&
           layer->again->inputs[1] == layer->centre->inputs[1] &&
           tacit_fuse_private(graph, squared, uses) && tacit_fuse_private(graph, centred, 1);
}

/*  The nodes that make the divisor: root of the mean square of the centred values.  */
static bool s_find_divisor(const tacit_graph_t *graph, s_layer_t *layer)
{
    layer->root = tacit_fuse_made_by(graph, layer->division->inputs[1], "Sqrt");
    layer->shifted =
        layer->root != NULL ? tacit_fuse_made_by(graph, layer->root->inputs[0], "Add") : NULL;
    if (layer->shifted == NULL) {
        return false;
    }
    layer->variance = tacit_fuse_made_by(graph, layer->shifted->inputs[0], "ReduceMean");
    int epsilon = layer->shifted->inputs[layer->variance != NULL ? 1 : 0];
    if (layer->variance == NULL) {
        layer->variance = tacit_fuse_made_by(graph, layer->shifted->inputs[1], "ReduceMean");
    }
    size_t count = 0;
    const float *number = tacit_fuse_constant(graph, epsilon, &count);
    if (!s_is_mean(layer->variance) || number == NULL || count != 1 ||
        graph->values[epsilon].content.shape.rank > 1) {
        return false;
    }
    layer->epsilon = number[0];
    int square = layer->variance->inputs[0];
    layer->square = tacit_fuse_made_by(graph, square, "Pow");
    bool power =
        layer->square != NULL && tacit_fuse_is_number(graph, layer->square->inputs[1], 2.0F);
    layer->square =
        layer->square != NULL ? layer->square : tacit_fuse_made_by(graph, square, "Mul");
    return layer->square != NULL && s_is_centred(graph, layer, power) &&
           (power || layer->square->inputs[1] == layer->square->inputs[0]) &&
           tacit_fuse_private(graph, square, 1) &&
           tacit_fuse_private(graph, layer->variance->outputs[0], 1) &&
           tacit_fuse_private(graph, layer->shifted->outputs[0], 1) &&
           tacit_fuse_private(graph, layer->root->outputs[0], 1);
}

static bool s_find_layer(const tacit_graph_t *graph, tacit_graph_node_t *division,
                         s_layer_t *ret_layer)
{
    s_layer_t layer = {.division = division};
    layer.centre = tacit_fuse_made_by(graph, division->inputs[0], "Sub");
    layer.mean = layer.centre != NULL
                     ? tacit_fuse_made_by(graph, layer.centre->inputs[1], "ReduceMean")
                     : NULL;
    if (!s_is_mean(layer.mean) || layer.mean->inputs[0] != layer.centre->inputs[0] ||
        !s_find_divisor(graph, &layer) ||
        !tacit_fuse_private(graph, layer.mean->outputs[0], layer.again != NULL ? 2 : 1)) {
        return false;
    }
    layer.scaled = tacit_fuse_used_by(graph, division->outputs[0], "Mul");
    layer.end =
        layer.scaled != NULL ? tacit_fuse_used_by(graph, layer.scaled->outputs[0], "Add") : NULL;
    if (layer.end == NULL) {
        return false;
    }
    layer.scale = tacit_fuse_other(layer.scaled, division->outputs[0]);
    layer.bias = tacit_fuse_other(layer.end, layer.scaled->outputs[0]);
    size_t scales = 0;
    size_t biases = 0;
    bool constant = tacit_fuse_constant(graph, layer.scale, &scales) != NULL &&
                    tacit_fuse_constant(graph, layer.bias, &biases) != NULL && scales == biases &&
                    scales > 1 && graph->values[layer.scale].content.shape.rank == 1 &&
                    graph->values[layer.bias].content.shape.rank == 1;
    *ret_layer = layer;
    return constant;
}

static tacit_status_t s_layer(tacit_graph_t *graph, tacit_graph_node_t *division,
                              tacit_error_t *error)
{
    s_layer_t layer;
    if (!s_find_layer(graph, division, &layer)) {
        return TACIT_OK;
    }
    tacit_attribute_t *epsilon = tacit_pool_take(graph->pool, 1, sizeof(tacit_attribute_t), error);
    if (epsilon == NULL) {
        return error->code;
    }
    *epsilon = (tacit_attribute_t){.name = "epsilon", .type = 'f', .real = layer.epsilon};
    int inputs[] = {layer.centre->inputs[0], layer.scale, layer.bias};
    tacit_status_t status = tacit_fuse_rewrite(
        graph, layer.end, tacit_operator_find("LayerNormalization", 0, 17), inputs, 3, error);
    if (status == TACIT_OK) {
        layer.end->attributes = epsilon;
        layer.end->attribute_count = 1;
        layer.centre->removed = layer.mean->removed = layer.square->removed = true;
        layer.variance->removed = layer.shifted->removed = layer.root->removed = true;
        layer.division->removed = layer.scaled->removed = true;
        if (layer.again != NULL) {
            layer.again->removed = true;
        }
    }
    return status;
}

/* --- products of bytes whose sums become reals ------------------------------------------------ */

/*  Constant reals: one, or one per column.  */
static bool s_is_row(const tacit_graph_t *graph, int value, size_t columns)
{
    size_t count = 0;
    return tacit_fuse_constant(graph, value, &count) != NULL && (count == 1 || count == columns) &&
           graph->values[value].content.shape.rank <= 1;
}

/*  The scale that a DynamicQuantizeLinear found.  */
static bool s_is_found(const tacit_graph_t *graph, int value)
{
    const tacit_graph_node_t *node = tacit_fuse_made_by(graph, value, "DynamicQuantizeLinear");
    return node != NULL && node->output_count > 1 && node->outputs[1] == value;
}

/*  A scale of the input, times that of the weights.  */
static bool s_is_scale(const tacit_graph_t *graph, int value, size_t columns)
{
    const tacit_graph_node_t *product = tacit_fuse_made_by(graph, value, "Mul");
    if (product == NULL) {
        return s_is_found(graph, value) || s_is_row(graph, value, columns);
    }
    int other = s_is_found(graph, product->inputs[0]) ? product->inputs[1] : product->inputs[0];
    return s_is_found(graph, tacit_fuse_other(product, other)) && s_is_row(graph, other, columns);
}

/*  MatMulInteger, Cast, Mul by a scale, maybe Add of a bias.  */
static tacit_status_t s_scaled(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    const tacit_tensor_t *weights = &graph->values[node->inputs[1]].content;
    tacit_graph_node_t *cast = tacit_fuse_used_by(graph, node->outputs[0], "Cast");
    tacit_graph_node_t *end =
        cast != NULL && graph->values[cast->outputs[0]].dtype == TACIT_DTYPE_FLOAT32
            ? tacit_fuse_used_by(graph, cast->outputs[0], "Mul")
            : NULL;
    if (end == NULL || weights->data == NULL || weights->shape.rank != 2) {
        return TACIT_OK;
    }
    size_t columns = (size_t)weights->shape.dims[1];
    int inputs[] = {node->inputs[0],
                    node->inputs[1],
                    tacit_graph_node_input(node, 2),
                    tacit_graph_node_input(node, 3),
                    tacit_fuse_other(end, cast->outputs[0]),
                    TACIT_NO_VALUE};
    if (!s_is_scale(graph, inputs[4], columns)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *sum = tacit_fuse_used_by(graph, end->outputs[0], "Add");
    int bias = sum != NULL ? tacit_fuse_other(sum, end->outputs[0]) : TACIT_NO_VALUE;
    if (sum != NULL && s_is_row(graph, bias, columns)) {
        inputs[5] = bias;
        end->removed = true;
        end = sum;
    }
    node->removed = cast->removed = true;
    return tacit_fuse_rewrite(graph, end, &tacit_operator_scaled_product, inputs,
                              inputs[5] != TACIT_NO_VALUE ? 6 : 5, error);
}

/* --- all -------------------------------------------------------------------------------------- */

typedef struct s_pattern {
    const char *name; /* of the node that it is found from */
    tacit_status_t (*fuse)(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error);
} s_pattern_t;

tacit_status_t tacit_pass_fuse(tacit_graph_t *graph, tacit_error_t *error)
{
    static const s_pattern_t patterns[] = {{"Div", s_layer},
                                           {"Erf", tacit_fuse_gelu},
                                           {"Tanh", tacit_fuse_gelu_tanh},
                                           {"Sigmoid", tacit_fuse_swish},
                                           {"HardSigmoid", tacit_fuse_hard_sigmoid},
                                           {"Clip", tacit_fuse_clip},
                                           {"MatMulInteger", s_scaled}};
    tacit_status_t status = TACIT_OK;
    for (size_t n = 0; n < graph->node_count; n++) {
        tacit_graph_node_t *node = &graph->nodes[n];
        for (size_t i = 0; status == TACIT_OK && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
            if (!node->removed && strcmp(node->op->name, patterns[i].name) == 0) {
                status = patterns[i].fuse(graph, node, error);
            }
        }
    }
    tacit_graph_link(graph);
    return status;
}
