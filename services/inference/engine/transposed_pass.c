/*  transposed_pass.c - ConvTranspose as a convolution whose outputs are spread afterwards.

    An output at q * stride + phase takes from the inputs at q, q - 1, .. by every stride-th place
   of the window. So one Conv over the input has, per feature, a feature for each phase; Spread
    (ops/spread.c) puts them side by side, and cuts off what padding does. Both backends' Conv is
   far faster than going through the output point by point.  */

#include "services/inference/engine/passes.h"

#include "services/inference/engine/limits.h"
#include "services/inference/engine/operator.h"

#include <string.h>

enum { S_SPATIAL = 2, S_WASTE = 4 /* times the weights, at most */ };

/*  What the weights of a ConvTranspose are, in two dimensions (the first of 1 where there is one).
 */
typedef struct s_spread {
    size_t groups, channels, features; /* the latter of a group */
    size_t spatial;
    size_t kernel[S_SPATIAL], stride[S_SPATIAL], taps[S_SPATIAL];
} s_spread_t;

static const tacit_tensor_t *s_constant(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                                        size_t i)
{
    int value = tacit_graph_node_input(node, i);
    const tacit_tensor_t *content = value != TACIT_NO_VALUE ? &graph->values[value].content : NULL;
    return content != NULL && content->data != NULL && content->dtype == TACIT_DTYPE_FLOAT32
               ? content
               : NULL;
}

/*  Item i of a list attribute: `fallback` where there is none, 0 where it is not sound.  */
static size_t s_item(const tacit_graph_node_t *node, const char *name, size_t i, size_t count,
                     size_t fallback)
{
    const tacit_attribute_t *list = tacit_graph_node_attribute(node, name);
    if (list == NULL) {
        return fallback;
    }
    bool sound =
        list->count == count && list->integers[i] >= 1 && list->integers[i] <= TACIT_WINDOW_MAX;
    return sound ? (size_t)list->integers[i] : 0;
}

/*  false where it has to stay as it is; what is wrong with it is for its own shape function.  */
static bool s_read(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                   s_spread_t *ret_spread)
{
    const tacit_tensor_t *w = s_constant(graph, node, 1);
    int64_t groups = tacit_graph_node_integer(node, "group", 1);
    if (strcmp(node->op->name, "ConvTranspose") != 0 || w == NULL || w->count == 0 ||
        w->shape.rank < 3 || w->shape.rank > 2 + S_SPATIAL || groups < 1 ||
        w->shape.dims[0] % groups != 0) {
        return false;
    }
    s_spread_t spread = {.groups = (size_t)groups,
                         .channels = (size_t)(w->shape.dims[0] / groups),
                         .features = (size_t)w->shape.dims[1],
                         .spatial = w->shape.rank - 2};
    size_t before = 1;
    size_t after = 1;
    for (size_t i = 0; i < S_SPATIAL; i++) {
        bool there = i + spread.spatial >= S_SPATIAL;
        size_t at = there ? i + spread.spatial - S_SPATIAL : 0;
        size_t kernel = there ? (size_t)w->shape.dims[at + 2] : 1;
        spread.kernel[i] = kernel;
        spread.stride[i] = there ? s_item(node, "strides", at, spread.spatial, 1) : 1;
        if (spread.stride[i] == 0 || kernel > TACIT_WINDOW_MAX ||
            (there && (s_item(node, "dilations", at, spread.spatial, 1) != 1 ||
                       s_item(node, "kernel_shape", at, spread.spatial, kernel) != kernel))) {
            return false;
        }
        spread.taps[i] = (kernel + spread.stride[i] - 1) / spread.stride[i];
        before *= kernel;
        after *= spread.taps[i] * spread.stride[i];
    }
    size_t all = spread.groups * spread.features;
    const tacit_tensor_t *bias = s_constant(graph, node, 2);
    bool none = tacit_graph_node_input(node, 2) == TACIT_NO_VALUE;
    *ret_spread = spread;
    return after <= S_WASTE * before && (none || (bias != NULL && bias->count == all));
}

/*  [channels, features, window] becomes [groups, phases, features, channels, taps], the taps in the
    order in which the input passes.  */
static void s_fill(const s_spread_t *s, const float *w, float *ret_w)
{
    size_t area = s->kernel[0] * s->kernel[1];
    size_t phases = s->stride[0] * s->stride[1];
    size_t all = s->groups * phases * s->features * s->channels;
    for (size_t n = 0; n < all; n++) {
        size_t channel = n % s->channels;
        size_t feature = n / s->channels % s->features;
        size_t phase = n / s->channels / s->features % phases;
        size_t group = n / s->channels / s->features / phases;
        const float *from = w + ((group * s->channels + channel) * s->features + feature) * area;
        for (size_t t = 0; t < s->taps[0] * s->taps[1]; t++) {
            size_t row = phase / s->stride[1] + s->stride[0] * (s->taps[0] - 1 - t / s->taps[1]);
            size_t place = phase % s->stride[1] + s->stride[1] * (s->taps[1] - 1 - t % s->taps[1]);
            bool inside = row < s->kernel[0] && place < s->kernel[1];
            *ret_w++ = inside ? from[row * s->kernel[1] + place] : 0.0F;
        }
    }
}

static tacit_status_t s_weights(tacit_graph_t *graph, const tacit_graph_node_t *node,
                                const s_spread_t *s, int *ret_inputs, tacit_error_t *error)
{
    size_t phases = s->stride[0] * s->stride[1];
    size_t features = s->groups * phases * s->features;
    tacit_shape_t shape = {.rank = s->spatial + 2,
                           .dims = {(int64_t)features, (int64_t)s->channels}};
    for (size_t i = 0; i < s->spatial; i++) {
        shape.dims[i + 2] = (int64_t)s->taps[i + S_SPATIAL - s->spatial];
    }
    tacit_status_t status =
        tacit_graph_constant(graph, TACIT_DTYPE_FLOAT32, &shape, &ret_inputs[1], error);
    if (status == TACIT_OK) {
        s_fill(s, s_constant(graph, node, 1)->data, graph->values[ret_inputs[1]].content.data);
    }
    const tacit_tensor_t *bias = s_constant(graph, node, 2);
    shape = (tacit_shape_t){.rank = 1, .dims = {(int64_t)features}};
    if (status == TACIT_OK && bias != NULL) {
        status = tacit_graph_constant(graph, TACIT_DTYPE_FLOAT32, &shape, &ret_inputs[2], error);
        for (size_t n = 0; status == TACIT_OK && n < features; n++) {
            size_t group = n / (phases * s->features);
            ((float *)graph->values[ret_inputs[2]].content.data)[n] =
                ((const float *)bias->data)[group * s->features + n % s->features];
        }
    }
    return status;
}

/*  Attributes of the two nodes.  */
static tacit_status_t s_attributes(tacit_graph_t *graph, const s_spread_t *s,
                                   tacit_graph_node_t *conv, tacit_graph_node_t *spread,
                                   tacit_error_t *error)
{
    size_t count = spread->attribute_count;
    int64_t *lists = tacit_pool_take(graph->pool, 3 * s->spatial, sizeof(int64_t), error);
    tacit_attribute_t *taken =
        tacit_pool_take(graph->pool, count + 3, sizeof(tacit_attribute_t), error);
    if (lists == NULL || taken == NULL) {
        return error->code;
    }
    for (size_t i = 0; i < s->spatial; i++) {
        size_t at = i + S_SPATIAL - s->spatial;
        lists[i] = (int64_t)s->kernel[at];
        lists[s->spatial + i] = lists[2 * s->spatial + i] = (int64_t)s->taps[at] - 1;
    }
    taken[0] = (tacit_attribute_t){
        .name = "pads", .type = 'I', .count = 2 * s->spatial, .integers = lists + s->spatial};
    taken[1] = (tacit_attribute_t){.name = "group", .type = 'i', .integer = (int64_t)s->groups};
    taken[2] = (tacit_attribute_t){
        .name = "kernel_shape", .type = 'I', .count = s->spatial, .integers = lists};
    if (count > 0) {
        memcpy(taken + 3, spread->attributes, count * sizeof(tacit_attribute_t));
    }
    conv->attributes = taken;
    conv->attribute_count = 2;
    spread->attributes = taken + 2; /* found first, as the file's own says the same */
    spread->attribute_count = count + 1;
    return TACIT_OK;
}

/*  The node as two.  */
static tacit_status_t s_split(tacit_graph_t *graph, const tacit_graph_node_t *node,
                              const s_spread_t *s, tacit_graph_node_t *ret_nodes,
                              tacit_error_t *error)
{
    tacit_graph_node_t conv = *node;
    tacit_graph_node_t spread = *node;
    int *numbers = tacit_pool_take(graph->pool, 6, sizeof(int), error);
    bool bias = tacit_graph_node_input(node, 2) != TACIT_NO_VALUE;
    if (numbers == NULL) {
        return error->code;
    }
    tacit_status_t status = s_attributes(graph, s, &conv, &spread, error);
    if (status == TACIT_OK) {
        numbers[0] = node->inputs[0];
        status = s_weights(graph, node, s, numbers, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    int made = (int)graph->value_count++;
    graph->values[made] = (tacit_value_t){.name = node->name,
                                          .dtype = TACIT_DTYPE_FLOAT32,
                                          .guard = node->guard,
                                          .producer = TACIT_NO_NODE};
    numbers[3] = numbers[4] = made;
    numbers[5] = bias ? node->inputs[2] : TACIT_NO_VALUE;
    conv.op = tacit_operator_find("Conv", 0, graph->opset);
    conv.inputs = numbers;
    conv.input_count = bias ? 3 : 2;
    conv.outputs = numbers + 3;
    conv.output_count = 1;
    spread.op = &tacit_operator_spread;
    spread.inputs = numbers + 4;
    spread.input_count = bias ? 2 : 1;
    ret_nodes[0] = conv;
    ret_nodes[1] = spread;
    return TACIT_OK;
}

/*  Elements that nobody reads any more.  */
static void s_drop(tacit_graph_t *graph, int value)
{
    if (graph->values[value].consumers == 1 && !graph->values[value].output) {
        tacit_graph_spend(graph, value);
    }
}

static size_t s_count(const tacit_graph_t *graph)
{
    s_spread_t spread;
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        count += !graph->nodes[i].removed && s_read(graph, &graph->nodes[i], &spread);
    }
    return count;
}

tacit_status_t tacit_pass_transposed(tacit_graph_t *graph, tacit_error_t *error)
{
    size_t count = s_count(graph);
    if (count == 0 || graph->value_count + 3 * count > graph->value_capacity) {
        return TACIT_OK;
    }
    tacit_graph_node_t *nodes =
        tacit_pool_take(graph->pool, graph->node_count + count, sizeof(*nodes), error);
    tacit_status_t status = TACIT_OK;
    if (nodes == NULL) {
        return error->code;
    }
    size_t to = 0;
    for (size_t i = 0; status == TACIT_OK && i < graph->node_count; i++) {
        const tacit_graph_node_t *node = &graph->nodes[i];
        s_spread_t spread;
        if (node->removed || !s_read(graph, node, &spread)) {
            nodes[to++] = *node;
            continue;
        }
        status = s_split(graph, node, &spread, &nodes[to], error);
        to += 2;
        s_drop(graph, node->inputs[1]);
    }
    if (status != TACIT_OK) {
        return status;
    }
    graph->nodes = nodes;
    graph->node_count = to;
    for (size_t i = 0; i < to; i++) {
        for (size_t k = 0; !nodes[i].removed && k < nodes[i].output_count; k++) {
            if (nodes[i].outputs[k] != TACIT_NO_VALUE) {
                graph->values[nodes[i].outputs[k]].producer = (int)i;
            }
        }
    }
    tacit_graph_link(graph);
    return TACIT_OK;
}
