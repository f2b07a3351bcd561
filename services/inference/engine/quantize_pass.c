/*  quantize_pass.c - what stands between DequantizeLinear and QuantizeLinear becomes an operator
   over bytes, where that gives the same but for rounding in float32.

    A node is rewritten in place: it takes the bytes that its inputs were made of, and makes what
   the QuantizeLinear after it made. DequantizeLinear that nobody uses any more goes.  */

#include "services/inference/engine/passes.h"
#include "services/inference/engine/quantize_chain.h"

#include <string.h>

/* --- the operators ---------------------------------------------------------------------------- */

enum { LINEAR_OPSET = 13 };

static tacit_status_t s_convolution(tacit_graph_t *graph, tacit_graph_node_t *node,
                                    tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t w;
    tacit_chain_t y;
    int bias = TACIT_NO_VALUE;
    if (!tacit_chain_map(graph, node->inputs[0], &x) ||
        !tacit_chain_weights(graph, node->inputs[1], 0, &w) ||
        !tacit_chain_bias(graph, tacit_graph_node_input(node, 2), &x, &w, &bias)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, y.scale, y.zero, bias};
    return last != NULL ? tacit_chain_rewrite(graph, node, last,
                                              tacit_operator_find("QLinearConv", 0, LINEAR_OPSET),
                                              inputs, 9, error)
                        : TACIT_OK;
}

/*  Whether a bias has a number for each column: one for all of them would broadcast.  */
static bool s_is_whole(const tacit_graph_t *graph, int bias, int64_t columns)
{
    return bias == TACIT_NO_VALUE || tacit_chain_content(graph, bias)->count == (size_t)columns;
}

/*  Without a QuantizeLinear after it the product stays real.  */
static tacit_status_t s_gemm(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t w;
    tacit_chain_t y = {.scale = TACIT_NO_VALUE, .zero = TACIT_NO_VALUE};
    int bias = TACIT_NO_VALUE;
    int64_t axis = tacit_graph_node_integer(node, "transB", 0) != 0 ? 0 : 1;
    if (tacit_graph_node_real(node, "alpha", 1.0F) != 1.0F ||
        tacit_graph_node_real(node, "beta", 1.0F) != 1.0F ||
        tacit_graph_node_integer(node, "transA", 0) != 0 ||
        !tacit_chain_map(graph, node->inputs[0], &x) ||
        !tacit_chain_weights(graph, node->inputs[1], axis, &w) ||
        !tacit_chain_bias(graph, tacit_graph_node_input(node, 2), &x, &w, &bias) ||
        !s_is_whole(graph, bias, tacit_chain_content(graph, w.bytes)->shape.dims[axis])) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    if (last == NULL || y.zero == TACIT_NO_VALUE) {
        y.scale = y.zero = TACIT_NO_VALUE;
        last = NULL;
    }
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, bias, y.scale, y.zero};
    return tacit_chain_rewrite(graph, node, last,
                               tacit_operator_find("QGemm", TACIT_OPERATOR_MICROSOFT, 1), inputs, 9,
                               error);
}

/*  Whether a value is known to have more than one dimension, which products of bytes ask for.  */
static bool s_is_turned(const tacit_graph_t *graph, int value)
{
    int producer = graph->values[value].producer;
    const tacit_graph_node_t *node = producer != TACIT_NO_NODE ? &graph->nodes[producer] : NULL;
    const tacit_attribute_t *order = node != NULL && tacit_chain_is(node, "Transpose")
                                         ? tacit_graph_node_attribute(node, "perm")
                                         : NULL;
    return order != NULL && order->count >= 2;
}

/*  By weights, or of two maps, one of which is turned first (as in attention).  */
static tacit_status_t s_product(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t w;
    tacit_chain_t y;
    bool maps = tacit_chain_map(graph, node->inputs[0], &x);
    bool single = maps && tacit_chain_map(graph, node->inputs[1], &w) &&
                  (s_is_turned(graph, x.bytes) || s_is_turned(graph, w.bytes));
    if (!maps || (!single && (!tacit_chain_weights(graph, node->inputs[1], 1, &w) ||
                              tacit_chain_content(graph, w.bytes)->shape.rank != 2))) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, y.scale, y.zero};
    return last != NULL ? tacit_chain_rewrite(graph, node, last,
                                              tacit_operator_find("QLinearMatMul", 0, LINEAR_OPSET),
                                              inputs, 8, error)
                        : TACIT_OK;
}

static tacit_status_t s_pair(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    tacit_chain_t a;
    tacit_chain_t b;
    tacit_chain_t y;
    if (!tacit_chain_map(graph, node->inputs[0], &a) ||
        !tacit_chain_map(graph, node->inputs[1], &b) ||
        graph->values[a.bytes].dtype != graph->values[b.bytes].dtype) {
        return TACIT_OK;
    }
    const char *name = tacit_chain_is(node, "Add") ? "QLinearAdd" : "QLinearMul";
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    int inputs[] = {a.bytes, a.scale, a.zero, b.bytes, b.scale, b.zero, y.scale, y.zero};
    return last != NULL && graph->values[last->outputs[0]].dtype == graph->values[a.bytes].dtype
               ? tacit_chain_rewrite(graph, node, last,
                                     tacit_operator_find(name, TACIT_OPERATOR_MICROSOFT, 1), inputs,
                                     8, error)
               : TACIT_OK;
}

/*  What has one map and, as an operator over bytes, the grids of both beside it.  */
static tacit_status_t s_single(tacit_graph_t *graph, tacit_graph_node_t *node, const char *name,
                               tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t y;
    if (!tacit_chain_map(graph, node->inputs[0], &x)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, y.scale, y.zero};
    const tacit_operator_t *op = tacit_operator_find(name, TACIT_OPERATOR_MICROSOFT, 1);
    return last != NULL && graph->values[last->outputs[0]].dtype == graph->values[x.bytes].dtype
               ? tacit_chain_rewrite(graph, node, last, op, inputs, 5, error)
               : TACIT_OK;
}

static tacit_status_t s_global_average(tacit_graph_t *graph, tacit_graph_node_t *node,
                                       tacit_error_t *error)
{
    return s_single(graph, node, "QLinearGlobalAveragePool", error);
}

static tacit_status_t s_average(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    return s_single(graph, node, "QLinearAveragePool", error);
}

/*  Of maps that have grids of their own.  */
static tacit_status_t s_concat(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    tacit_chain_t y;
    int inputs[TACIT_NODE_INPUTS_MAX];
    size_t count = 2 + 3 * node->input_count;
    tacit_graph_node_t *last = tacit_chain_quantizer(graph, node, &y);
    bool fits = last != NULL && y.zero != TACIT_NO_VALUE && count <= TACIT_NODE_INPUTS_MAX;
    for (size_t i = 0; fits && i < node->input_count; i++) {
        tacit_chain_t x;
        fits = tacit_chain_map(graph, node->inputs[i], &x) && x.zero != TACIT_NO_VALUE &&
               graph->values[x.bytes].dtype == graph->values[last->outputs[0]].dtype;
        const int part[] = {x.bytes, x.scale, x.zero};
        memcpy(inputs + 2 + 3 * i, part, sizeof(part));
    }
    if (!fits) {
        return TACIT_OK;
    }
    inputs[0] = y.scale;
    inputs[1] = y.zero;
    return tacit_chain_rewrite(graph, node, last,
                               tacit_operator_find("QLinearConcat", TACIT_OPERATOR_MICROSOFT, 1),
                               inputs, count, error);
}

static bool s_same_content(const tacit_graph_t *graph, int a, int b)
{
    const tacit_tensor_t *left = tacit_chain_content(graph, a);
    const tacit_tensor_t *right = tacit_chain_content(graph, b);
    if (left == NULL || right == NULL) {
        return left == NULL && right == NULL;
    }
    return left->dtype == right->dtype && left->count == right->count &&
           memcmp(left->data, right->data, tacit_tensor_size(left)) == 0;
}

/*  What moves or chooses elements does so with bytes as well, where the grid stays.  */
static tacit_status_t s_movement(tacit_graph_t *graph, tacit_graph_node_t *node,
                                 tacit_error_t *error)
{
    tacit_chain_t x;
    tacit_chain_t y;
    if (node->output_count != 1 || node->input_count > TACIT_NODE_INPUTS_MAX ||
        !tacit_chain_map(graph, node->inputs[0], &x)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = tacit_chain_follower(graph, node->outputs[0]);
    if (last == NULL || !tacit_chain_is(last, "QuantizeLinear") ||
        !tacit_chain_grid(graph, last, &y) || !s_same_content(graph, x.scale, y.scale) ||
        !s_same_content(graph, x.zero, y.zero) ||
        graph->values[last->outputs[0]].dtype != graph->values[x.bytes].dtype) {
        return TACIT_OK;
    }
    int inputs[TACIT_NODE_INPUTS_MAX];
    memcpy(inputs, node->inputs, node->input_count * sizeof(int));
    inputs[0] = x.bytes;
    return tacit_chain_rewrite(graph, node, last, node->op, inputs, node->input_count, error);
}

static tacit_status_t s_nearest(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    bool outside = strcmp(tacit_graph_node_text(node, "coordinate_transformation_mode", ""),
                          "tf_crop_and_resize") == 0; /* has a value of its own there */
    return !outside && strcmp(tacit_graph_node_text(node, "mode", "nearest"), "nearest") == 0
               ? s_movement(graph, node, error)
               : TACIT_OK;
}

/* --- all -------------------------------------------------------------------------------------- */

typedef struct s_pattern {
    const char *name;
    tacit_status_t (*fuse)(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error);
} s_pattern_t;

static const s_pattern_t s_patterns[] = {
    {"Conv", s_convolution},
    {"Gemm", s_gemm},
    {"MatMul", s_product},
    {"Add", s_pair},
    {"Mul", s_pair},
    {"Concat", s_concat},
    {"GlobalAveragePool", s_global_average},
    {"AveragePool", s_average},
    {"MaxPool", s_movement},
    {"Flatten", s_movement},
    {"Reshape", s_movement},
    {"Squeeze", s_movement},
    {"Unsqueeze", s_movement},
    {"Transpose", s_movement},
    {"Slice", s_movement},
    {"Gather", s_movement},
    {"DepthToSpace", s_movement},
    {"SpaceToDepth", s_movement},
    {"Expand", s_movement},
    {"Tile", s_movement},
    {"Upsample", s_nearest},
    {"Resize", s_nearest},
};

/*  Functions of single reals.  */
static const char *const s_functions[] = {
    "Sigmoid", "LeakyRelu", "Relu", "Clip",  "HardSigmoid", "HardSwish",       "Elu",
    "Tanh",    "Erf",       "Gelu", "Swish", "Softplus",    "Softsign",        "Selu",
    "Celu",    "Exp",       "Log",  "Sqrt",  "Reciprocal",  "ThresholdedRelu", "Abs",
    "Neg",     "Floor",     "Round"};

/*  DequantizeLinear whose reals nobody wants.  */
static void s_drop_unused(tacit_graph_t *graph)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        tacit_graph_node_t *node = &graph->nodes[n];
        if (tacit_chain_is(node, "DequantizeLinear")) {
            const tacit_value_t *value = &graph->values[node->outputs[0]];
            node->removed = value->consumers == 0 && !value->output;
        }
    }
}

tacit_status_t tacit_pass_quantize(tacit_graph_t *graph, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t n = 0; n < graph->node_count; n++) {
        tacit_graph_node_t *node = &graph->nodes[n];
        bool done = false;
        for (size_t i = 0;
             status == TACIT_OK && !done && i < sizeof(s_patterns) / sizeof(s_patterns[0]); i++) {
            done = tacit_chain_is(node, s_patterns[i].name);
            status = done ? s_patterns[i].fuse(graph, node, error) : status;
        }
        for (size_t i = 0;
             status == TACIT_OK && !done && i < sizeof(s_functions) / sizeof(s_functions[0]); i++) {
            done = tacit_chain_is(node, s_functions[i]);
            status = done ? tacit_chain_table(graph, node, error) : status;
        }
    }
    for (size_t n = 0; status == TACIT_OK && n < graph->node_count; n++) {
        status = tacit_chain_reals(graph, &graph->nodes[n], error);
    }
    tacit_graph_link(graph);
    s_drop_unused(graph);
    tacit_graph_link(graph);
    return status;
}
