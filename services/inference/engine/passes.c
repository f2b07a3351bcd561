/*  passes.c - BatchNormalization folded into Conv.  */

#include "services/inference/engine/passes.h"

#include "services/inference/engine/operator.h"

#include <math.h>
#include <string.h>

/*  Where the four vectors of a BatchNormalization stand in its inputs.  */
enum { INPUT_SCALE = 1, INPUT_SHIFT = 2, INPUT_MEAN = 3, INPUT_VARIANCE = 4 };

static const tacit_tensor_t *s_constant(const tacit_graph_t *graph, const tacit_graph_node_t *node,
                                        size_t i)
{
    int value = tacit_graph_node_input(node, i);
    const tacit_tensor_t *content = value != TACIT_NO_VALUE ? &graph->values[value].content : NULL;
    return content != NULL && content->data != NULL ? content : NULL;
}

static bool s_is_vector(const tacit_tensor_t *tensor, int64_t length)
{
    return tensor != NULL && tensor->shape.rank == 1 && tensor->shape.dims[0] == length;
}

/*  The BatchNormalization that follows a Conv and can be folded into it, or NULL.  */
static tacit_graph_node_t *s_foldable(tacit_graph_t *graph, const tacit_graph_node_t *node)
{
    const tacit_value_t *output = &graph->values[node->outputs[0]];
    const tacit_tensor_t *weights = s_constant(graph, node, 1);
    if (strcmp(node->op->name, "Conv") != 0 || weights == NULL || weights->shape.rank < 3 ||
        output->consumers != 1 || output->output) {
        return NULL;
    }
    int64_t features = weights->shape.dims[0];
    tacit_graph_node_t *next = &graph->nodes[output->consumer];
    bool fits = strcmp(next->op->name, "BatchNormalization") == 0 &&
                next->inputs[0] == node->outputs[0] &&
                (node->input_count < 3 || s_is_vector(s_constant(graph, node, 2), features));
    for (size_t i = INPUT_SCALE; fits && i <= INPUT_VARIANCE; i++) {
        fits = s_is_vector(s_constant(graph, next, i), features);
    }
    fits = fits && tacit_graph_node_integer(next, "training_mode", 0) == 0;
    float epsilon = tacit_graph_node_real(next, "epsilon", 1e-5F);
    for (int64_t i = 0; fits && i < features; i++) {
        float variance = ((const float *)s_constant(graph, next, INPUT_VARIANCE)->data)[i];
        fits = variance + epsilon > 0;
    }
    return fits ? next : NULL;
}

/*  The weights to scale: the constant itself where nobody else uses it, else a copy.  */
static tacit_status_t s_own_weights(tacit_graph_t *graph, int value, int *ret_value,
                                    tacit_error_t *error)
{
    if (graph->values[value].consumers == 1 && !graph->values[value].output) {
        *ret_value = value;
        return TACIT_OK;
    }
    tacit_tensor_t content = graph->values[value].content;
    tacit_status_t status =
        tacit_graph_constant(graph, content.dtype, &content.shape, ret_value, error);
    if (status == TACIT_OK) {
        memcpy(graph->values[*ret_value].content.data, content.data, tacit_tensor_size(&content));
    }
    return status;
}

static void s_scale(const tacit_graph_t *graph, const tacit_graph_node_t *normalization,
                    const tacit_tensor_t *weights, const float *bias, float *ret_bias)
{
    const float *scale = s_constant(graph, normalization, INPUT_SCALE)->data;
    const float *shift = s_constant(graph, normalization, INPUT_SHIFT)->data;
    const float *mean = s_constant(graph, normalization, INPUT_MEAN)->data;
    const float *variance = s_constant(graph, normalization, INPUT_VARIANCE)->data;
    float epsilon = tacit_graph_node_real(normalization, "epsilon", 1e-5F);
    size_t features = (size_t)weights->shape.dims[0];
    size_t each = features > 0 ? weights->count / features : 0;
    float *items = weights->data;
    for (size_t f = 0; f < features; f++) {
        float factor = scale[f] / sqrtf(variance[f] + epsilon);
        for (size_t i = f * each; i < (f + 1) * each; i++) {
            items[i] *= factor;
        }
        ret_bias[f] = ((bias != NULL ? bias[f] : 0.0F) - mean[f]) * factor + shift[f];
    }
}

static tacit_status_t s_fold(tacit_graph_t *graph, tacit_graph_node_t *node,
                             tacit_graph_node_t *next, tacit_error_t *error)
{
    int weights = TACIT_NO_VALUE;
    int bias = TACIT_NO_VALUE;
    tacit_shape_t vector = {.rank = 1};
    int *inputs = tacit_pool_take(graph->pool, 3, sizeof(int), error);
    if (inputs == NULL) {
        return error->code;
    }
    tacit_status_t status = s_own_weights(graph, node->inputs[1], &weights, error);
    if (status == TACIT_OK) {
        vector.dims[0] = graph->values[weights].content.shape.dims[0];
        status = tacit_graph_constant(graph, TACIT_DTYPE_FLOAT32, &vector, &bias, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    const tacit_tensor_t *old = s_constant(graph, node, 2);
    s_scale(graph, next, &graph->values[weights].content, old != NULL ? old->data : NULL,
            graph->values[bias].content.data);
    inputs[0] = node->inputs[0];
    inputs[1] = weights;
    inputs[2] = bias;
    node->inputs = inputs;
    node->input_count = 3;
    node->outputs = next->outputs;
    graph->values[node->outputs[0]].producer = (int)(node - graph->nodes);
    next->removed = true;
    return TACIT_OK;
}

tacit_status_t tacit_pass_fold_normalization(tacit_graph_t *graph, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < graph->node_count; i++) {
        tacit_graph_node_t *node = &graph->nodes[i];
        tacit_graph_node_t *next = node->removed ? NULL : s_foldable(graph, node);
        if (next != NULL) {
            status = s_fold(graph, node, next, error);
        }
    }
    tacit_graph_link(graph);
    return status;
}
