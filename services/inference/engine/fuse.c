/*  fuse.c - what exporters spread over many nodes becomes one again: LayerNormalization, GELU,
    x * sigmoid(x), HardSwish, products of bytes that become reals.

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
    return node != NULL && !node->removed && strcmp(node->op->name, name) == 0 ? node : NULL;
}

tacit_graph_node_t *tacit_fuse_used_by(const tacit_graph_t *graph, int value, const char *name)
{
    const tacit_value_t *known = &graph->values[value];
    if (known->consumers != 1 || known->output) {
        return NULL;
    }
    tacit_graph_node_t *node = &graph->nodes[known->consumer];
    return strcmp(node->op->name, name) == 0 ? node : NULL;
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
    return items != NULL && count == 1 && fabsf(items[0] - number) <= 1e-4F * fabsf(number);
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

/* --- x * sigmoid(x) --------------------------------------------------------------------------- */

static tacit_status_t s_swish(tacit_graph_t *graph, tacit_graph_node_t *sigmoid,
                              tacit_error_t *error)
{
    int x = sigmoid->inputs[0];
    tacit_graph_node_t *product = tacit_fuse_used_by(graph, sigmoid->outputs[0], "Mul");
    if (product == NULL || tacit_fuse_other(product, sigmoid->outputs[0]) != x ||
        graph->values[x].dtype != TACIT_DTYPE_FLOAT32) {
        return TACIT_OK;
    }
    sigmoid->removed = true;
    return tacit_fuse_rewrite(graph, product, &tacit_operator_swish, &x, 1, error);
}

/* --- GELU: x (1 + erf(x / sqrt 2)) / 2, the factors in any order ------------------------------ */

/*  The x of what erf is taken of; TACIT_NO_VALUE.  */
static int s_gelu_of(const tacit_graph_t *graph, const tacit_graph_node_t *inside)
{
    bool divided = strcmp(inside->op->name, "Div") == 0;
    if (divided) {
        return tacit_fuse_is_number(graph, inside->inputs[1], 1.41421356F) ? inside->inputs[0]
                                                                           : TACIT_NO_VALUE;
    }
    for (size_t i = 0; i < 2; i++) {
        if (tacit_fuse_is_number(graph, inside->inputs[i], 0.70710678F)) {
            return inside->inputs[1 - i];
        }
    }
    return TACIT_NO_VALUE;
}

/*  The last node of the product of x, 1/2 and `grown`, the others being marked.  */
static tacit_graph_node_t *s_gelu_end(tacit_graph_t *graph, int x, int grown)
{
    tacit_graph_node_t *first = tacit_fuse_used_by(graph, grown, "Mul");
    if (first == NULL) {
        return NULL;
    }
    int other = tacit_fuse_other(first, grown);
    tacit_graph_node_t *half = tacit_fuse_made_by(graph, other, "Mul");
    if (half != NULL && tacit_fuse_private(graph, other, 1) &&
        ((half->inputs[0] == x && tacit_fuse_is_number(graph, half->inputs[1], 0.5F)) ||
         (half->inputs[1] == x && tacit_fuse_is_number(graph, half->inputs[0], 0.5F)))) {
        half->removed = true;
        return first;
    }
    tacit_graph_node_t *second = tacit_fuse_used_by(graph, first->outputs[0], "Mul");
    if (second == NULL) {
        return NULL;
    }
    int last = tacit_fuse_other(second, first->outputs[0]);
    bool fits = (other == x && tacit_fuse_is_number(graph, last, 0.5F)) ||
                (last == x && tacit_fuse_is_number(graph, other, 0.5F));
    first->removed = fits;
    return fits ? second : NULL;
}

static tacit_status_t s_gelu(tacit_graph_t *graph, tacit_graph_node_t *erf, tacit_error_t *error)
{
    tacit_graph_node_t *inside = tacit_fuse_made_by(graph, erf->inputs[0], "Div");
    inside = inside != NULL ? inside : tacit_fuse_made_by(graph, erf->inputs[0], "Mul");
    tacit_graph_node_t *grown = tacit_fuse_used_by(graph, erf->outputs[0], "Add");
    if (inside == NULL || !tacit_fuse_private(graph, erf->inputs[0], 1) || grown == NULL ||
        !tacit_fuse_is_number(graph, tacit_fuse_other(grown, erf->outputs[0]), 1.0F)) {
        return TACIT_OK;
    }
    int x = s_gelu_of(graph, inside);
    if (x == TACIT_NO_VALUE || graph->values[x].dtype != TACIT_DTYPE_FLOAT32) {
        return TACIT_OK;
    }
    tacit_graph_node_t *end = s_gelu_end(graph, x, grown->outputs[0]);
    if (end == NULL) {
        return TACIT_OK;
    }
    inside->removed = erf->removed = grown->removed = true;
    return tacit_fuse_rewrite(graph, end, &tacit_operator_gelu, &x, 1, error);
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
    int scale, bias; /* values */
} s_layer_t;

/*  The nodes that make the divisor: root of the mean square of the centred values.  */
static bool s_find_divisor(const tacit_graph_t *graph, s_layer_t *layer)
{
    int centred = layer->division->inputs[0];
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
    if (!s_is_mean(layer->variance) || number == NULL || count != 1) {
        return false;
    }
    layer->epsilon = number[0];
    int square = layer->variance->inputs[0];
    layer->square = tacit_fuse_made_by(graph, square, "Pow");
    bool power =
        layer->square != NULL && tacit_fuse_is_number(graph, layer->square->inputs[1], 2.0F);
    layer->square =
        layer->square != NULL ? layer->square : tacit_fuse_made_by(graph, square, "Mul");
    return layer->square != NULL && layer->square->inputs[0] == centred &&
           (power || layer->square->inputs[1] == centred) &&
           tacit_fuse_private(graph, centred, power ? 2 : 3) &&
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
        !tacit_fuse_private(graph, layer.mean->outputs[0], 1) || !s_find_divisor(graph, &layer)) {
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
    static const s_pattern_t patterns[] = {
        {"Div", s_layer},          {"Erf", s_gelu},
        {"Sigmoid", s_swish},      {"HardSigmoid", tacit_fuse_hard_sigmoid},
        {"Clip", tacit_fuse_clip}, {"MatMulInteger", s_scaled}};
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
