/*  quantize_pass.c - what stands between DequantizeLinear and QuantizeLinear becomes an operator
   over bytes, where that gives the same but for rounding in float32.

    A node is rewritten in place: it takes the bytes that its inputs were made of, and makes what
   the QuantizeLinear after it made. DequantizeLinear that nobody uses any more goes.  */

#include "services/inference/engine/operator.h"
#include "services/inference/engine/passes.h"

#include <math.h>
#include <string.h>

/*  A tensor of bytes with its grid: values; zero is TACIT_NO_VALUE where left out.  */
typedef struct s_bytes {
    int bytes, scale, zero;
} s_bytes_t;

static const tacit_tensor_t *s_content(const tacit_graph_t *graph, int value)
{
    const tacit_tensor_t *content = value != TACIT_NO_VALUE ? &graph->values[value].content : NULL;
    return content != NULL && content->data != NULL ? content : NULL;
}

static bool s_is(const tacit_graph_node_t *node, const char *name)
{
    return !node->removed && strcmp(node->op->name, name) == 0;
}

/*  The grid of a QuantizeLinear or DequantizeLinear: constants.  */
static bool s_grid(const tacit_graph_t *graph, const tacit_graph_node_t *node, s_bytes_t *ret_grid)
{
    int zero = tacit_graph_node_input(node, 2);
    *ret_grid = (s_bytes_t){.bytes = TACIT_NO_VALUE, .scale = node->inputs[1], .zero = zero};
    return s_content(graph, node->inputs[1]) != NULL &&
           (zero == TACIT_NO_VALUE || s_content(graph, zero) != NULL);
}

static const tacit_graph_node_t *s_dequantizer(const tacit_graph_t *graph, int value)
{
    int producer = value != TACIT_NO_VALUE ? graph->values[value].producer : TACIT_NO_NODE;
    const tacit_graph_node_t *node = producer != TACIT_NO_NODE ? &graph->nodes[producer] : NULL;
    return node != NULL && s_is(node, "DequantizeLinear") ? node : NULL;
}

/*  What the value was made from: activations, with one scale.  */
static bool s_map(const tacit_graph_t *graph, int value, s_bytes_t *ret_map)
{
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !s_grid(graph, node, ret_map)) {
        return false;
    }
    ret_map->bytes = node->inputs[0];
    tacit_dtype_t dtype = graph->values[node->inputs[0]].dtype;
    return s_content(graph, ret_map->scale)->count == 1 &&
           (dtype == TACIT_DTYPE_UINT8 || dtype == TACIT_DTYPE_INT8);
}

/*  Constant int8 weights around 0, with a scale for all or one per place of that axis.  */
static bool s_weights(const tacit_graph_t *graph, int value, int64_t axis, s_bytes_t *ret_weights)
{
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !s_grid(graph, node, ret_weights)) {
        return false;
    }
    ret_weights->bytes = node->inputs[0];
    const tacit_tensor_t *content = s_content(graph, node->inputs[0]);
    const tacit_tensor_t *zero = s_content(graph, ret_weights->zero);
    size_t scales = s_content(graph, ret_weights->scale)->count;
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
static bool s_bias(const tacit_graph_t *graph, int value, const s_bytes_t *x, const s_bytes_t *w,
                   int *ret_bias)
{
    *ret_bias = TACIT_NO_VALUE;
    s_bytes_t bias;
    if (value == TACIT_NO_VALUE) {
        return true;
    }
    const tacit_graph_node_t *node = s_dequantizer(graph, value);
    if (node == NULL || !s_grid(graph, node, &bias)) {
        return false;
    }
    const tacit_tensor_t *content = s_content(graph, node->inputs[0]);
    const tacit_tensor_t *zero = s_content(graph, bias.zero);
    const tacit_tensor_t *scale = s_content(graph, bias.scale);
    const tacit_tensor_t *of_w = s_content(graph, w->scale);
    float of_x = ((const float *)s_content(graph, x->scale)->data)[0];
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

static tacit_graph_node_t *s_follower(tacit_graph_t *graph, int value)
{
    const tacit_value_t *known = &graph->values[value];
    return known->consumers == 1 && !known->output ? &graph->nodes[known->consumer] : NULL;
}

/*  The ends of what a QuantizeLinear makes, as reals.  */
static void s_ends(const tacit_graph_t *graph, const tacit_graph_node_t *quantizer,
                   const s_bytes_t *grid, float *ret_low, float *ret_high, float *ret_scale)
{
    bool sign = graph->values[quantizer->outputs[0]].dtype == TACIT_DTYPE_INT8;
    const tacit_tensor_t *zero = s_content(graph, grid->zero);
    int32_t middle = zero == NULL ? 0
                     : sign       ? ((const int8_t *)zero->data)[0]
                                  : ((const uint8_t *)zero->data)[0];
    float scale = ((const float *)s_content(graph, grid->scale)->data)[0];
    *ret_scale = scale;
    *ret_low = (float)((sign ? INT8_MIN : 0) - middle);
    *ret_high = (float)((sign ? INT8_MAX : UINT8_MAX) - middle);
}

static bool s_number(const tacit_graph_t *graph, const tacit_graph_node_t *node, size_t i,
                     float fallback, float *ret_number)
{
    int value = tacit_graph_node_input(node, i);
    const tacit_tensor_t *content = s_content(graph, value);
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
                      const tacit_graph_node_t *quantizer, const s_bytes_t *grid)
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
static tacit_graph_node_t *s_quantizer(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                       s_bytes_t *ret_grid)
{
    tacit_graph_node_t *next = s_follower(graph, node->outputs[0]);
    tacit_graph_node_t *between = NULL;
    if (next != NULL && (s_is(next, "Relu") || s_is(next, "Clip")) &&
        next->inputs[0] == node->outputs[0]) {
        between = next;
        next = s_follower(graph, next->outputs[0]);
    }
    if (next == NULL || !s_is(next, "QuantizeLinear") || !s_grid(graph, next, ret_grid) ||
        s_content(graph, ret_grid->scale)->count != 1) {
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
static tacit_status_t s_rewrite(tacit_graph_t *graph, tacit_graph_node_t *node,
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
        for (tacit_graph_node_t *next = s_follower(graph, node->outputs[0]); next != last;
             next = s_follower(graph, next->outputs[0])) {
            next->removed = true;
        }
        node->outputs = last->outputs;
        graph->values[node->outputs[0]].producer = (int)(node - graph->nodes);
        last->removed = true;
    }
    return TACIT_OK;
}

/* --- the operators ---------------------------------------------------------------------------- */

enum { LINEAR_OPSET = 13 };

static tacit_status_t s_convolution(tacit_graph_t *graph, tacit_graph_node_t *node,
                                    tacit_error_t *error)
{
    s_bytes_t x;
    s_bytes_t w;
    s_bytes_t y;
    int bias = TACIT_NO_VALUE;
    if (!s_map(graph, node->inputs[0], &x) || !s_weights(graph, node->inputs[1], 0, &w) ||
        !s_bias(graph, tacit_graph_node_input(node, 2), &x, &w, &bias)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = s_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, y.scale, y.zero, bias};
    return last != NULL
               ? s_rewrite(graph, node, last, tacit_operator_find("QLinearConv", 0, LINEAR_OPSET),
                           inputs, 9, error)
               : TACIT_OK;
}

/*  Without a QuantizeLinear after it the product stays real.  */
static tacit_status_t s_gemm(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    s_bytes_t x;
    s_bytes_t w;
    s_bytes_t y = {.scale = TACIT_NO_VALUE, .zero = TACIT_NO_VALUE};
    int bias = TACIT_NO_VALUE;
    int64_t axis = tacit_graph_node_integer(node, "transB", 0) != 0 ? 0 : 1;
    if (tacit_graph_node_real(node, "alpha", 1.0F) != 1.0F ||
        tacit_graph_node_real(node, "beta", 1.0F) != 1.0F ||
        tacit_graph_node_integer(node, "transA", 0) != 0 || !s_map(graph, node->inputs[0], &x) ||
        !s_weights(graph, node->inputs[1], axis, &w) ||
        !s_bias(graph, tacit_graph_node_input(node, 2), &x, &w, &bias)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = s_quantizer(graph, node, &y);
    if (last == NULL || y.zero == TACIT_NO_VALUE) {
        y.scale = y.zero = TACIT_NO_VALUE;
        last = NULL;
    }
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, bias, y.scale, y.zero};
    return s_rewrite(graph, node, last, tacit_operator_find("QGemm", TACIT_OPERATOR_MICROSOFT, 1),
                     inputs, 9, error);
}

static tacit_status_t s_product(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    s_bytes_t x;
    s_bytes_t w;
    s_bytes_t y;
    if (!s_map(graph, node->inputs[0], &x) || !s_weights(graph, node->inputs[1], 1, &w) ||
        s_content(graph, w.bytes)->shape.rank != 2) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = s_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, w.bytes, w.scale, w.zero, y.scale, y.zero};
    return last != NULL
               ? s_rewrite(graph, node, last, tacit_operator_find("QLinearMatMul", 0, LINEAR_OPSET),
                           inputs, 8, error)
               : TACIT_OK;
}

static tacit_status_t s_pair(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error)
{
    s_bytes_t a;
    s_bytes_t b;
    s_bytes_t y;
    if (!s_map(graph, node->inputs[0], &a) || !s_map(graph, node->inputs[1], &b) ||
        graph->values[a.bytes].dtype != graph->values[b.bytes].dtype) {
        return TACIT_OK;
    }
    const char *name = s_is(node, "Add") ? "QLinearAdd" : "QLinearMul";
    tacit_graph_node_t *last = s_quantizer(graph, node, &y);
    int inputs[] = {a.bytes, a.scale, a.zero, b.bytes, b.scale, b.zero, y.scale, y.zero};
    return last != NULL && graph->values[last->outputs[0]].dtype == graph->values[a.bytes].dtype
               ? s_rewrite(graph, node, last,
                           tacit_operator_find(name, TACIT_OPERATOR_MICROSOFT, 1), inputs, 8, error)
               : TACIT_OK;
}

static tacit_status_t s_average(tacit_graph_t *graph, tacit_graph_node_t *node,
                                tacit_error_t *error)
{
    s_bytes_t x;
    s_bytes_t y;
    if (!s_map(graph, node->inputs[0], &x)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = s_quantizer(graph, node, &y);
    int inputs[] = {x.bytes, x.scale, x.zero, y.scale, y.zero};
    const tacit_operator_t *op =
        tacit_operator_find("QLinearGlobalAveragePool", TACIT_OPERATOR_MICROSOFT, 1);
    return last != NULL && graph->values[last->outputs[0]].dtype == graph->values[x.bytes].dtype
               ? s_rewrite(graph, node, last, op, inputs, 5, error)
               : TACIT_OK;
}

static bool s_same_content(const tacit_graph_t *graph, int a, int b)
{
    const tacit_tensor_t *left = s_content(graph, a);
    const tacit_tensor_t *right = s_content(graph, b);
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
    s_bytes_t x;
    s_bytes_t y;
    if (node->output_count != 1 || node->input_count > TACIT_NODE_INPUTS_MAX ||
        !s_map(graph, node->inputs[0], &x)) {
        return TACIT_OK;
    }
    tacit_graph_node_t *last = s_follower(graph, node->outputs[0]);
    if (last == NULL || !s_is(last, "QuantizeLinear") || !s_grid(graph, last, &y) ||
        !s_same_content(graph, x.scale, y.scale) || !s_same_content(graph, x.zero, y.zero) ||
        graph->values[last->outputs[0]].dtype != graph->values[x.bytes].dtype) {
        return TACIT_OK;
    }
    int inputs[TACIT_NODE_INPUTS_MAX];
    memcpy(inputs, node->inputs, node->input_count * sizeof(int));
    inputs[0] = x.bytes;
    return s_rewrite(graph, node, last, node->op, inputs, node->input_count, error);
}

/* --- all -------------------------------------------------------------------------------------- */

typedef struct s_pattern {
    const char *name;
    tacit_status_t (*fuse)(tacit_graph_t *graph, tacit_graph_node_t *node, tacit_error_t *error);
} s_pattern_t;

static const s_pattern_t s_patterns[] = {
    {"Conv", s_convolution}, {"Gemm", s_gemm},         {"MatMul", s_product},
    {"Add", s_pair},         {"Mul", s_pair},          {"GlobalAveragePool", s_average},
    {"MaxPool", s_movement}, {"Flatten", s_movement},  {"Reshape", s_movement},
    {"Squeeze", s_movement}, {"Unsqueeze", s_movement}};

/*  DequantizeLinear whose reals nobody wants.  */
static void s_drop_unused(tacit_graph_t *graph)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        tacit_graph_node_t *node = &graph->nodes[n];
        if (s_is(node, "DequantizeLinear")) {
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
            done = s_is(node, s_patterns[i].name);
            status = done ? s_patterns[i].fuse(graph, node, error) : status;
        }
    }
    tacit_graph_link(graph);
    s_drop_unused(graph);
    tacit_graph_link(graph);
    return status;
}
