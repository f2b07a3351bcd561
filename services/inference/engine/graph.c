/*  graph.c - the checked graph: access, links, constants, end of life. graph_build.c makes it.  */

#include "services/inference/engine/graph.h"

#include "services/inference/engine/operator.h"
#include "services/inference/engine/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWNED_STEP = 64 };

const tacit_attribute_t *tacit_graph_node_attribute(const tacit_graph_node_t *node,
                                                    const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return &node->attributes[i];
        }
    }
    return NULL;
}

int64_t tacit_graph_node_integer(const tacit_graph_node_t *node, const char *name, int64_t fallback)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, name);
    return attribute != NULL ? attribute->integer : fallback;
}

float tacit_graph_node_real(const tacit_graph_node_t *node, const char *name, float fallback)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, name);
    return attribute != NULL ? attribute->real : fallback;
}

const char *tacit_graph_node_text(const tacit_graph_node_t *node, const char *name,
                                  const char *fallback)
{
    const tacit_attribute_t *attribute = tacit_graph_node_attribute(node, name);
    return attribute != NULL ? attribute->text : fallback;
}

bool tacit_graph_node_is(const tacit_graph_node_t *node, const char *name)
{
    return node != NULL && strcmp(node->op->name, name) == 0;
}

int tacit_graph_node_input(const tacit_graph_node_t *node, size_t i)
{
    return i < node->input_count ? node->inputs[i] : TACIT_NO_VALUE;
}

tacit_status_t tacit_graph_node_refuse(const tacit_graph_node_t *node, tacit_error_t *error,
                                       tacit_status_t status, const char *format, ...)
{
    char reason[TACIT_ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    (void)tacit_error_set(error, status, "node '%s' (%s): %s", node->name, node->op->name, reason);
    (void)snprintf(error->claim, sizeof(error->claim), "node %s", node->name);
    return status;
}

/*  Room for one more block.  */
static bool s_grow(tacit_graph_t *graph)
{
    if (graph->owned_count < graph->owned_capacity) {
        return true;
    }
    size_t capacity = graph->owned_capacity + OWNED_STEP;
    void **owned = realloc(graph->owned, capacity * sizeof(void *));
    if (owned != NULL) {
        graph->owned = owned;
        graph->owned_capacity = capacity;
    }
    return owned != NULL;
}

void *tacit_graph_elements(tacit_graph_t *graph, size_t size, tacit_error_t *error)
{
    if (!s_grow(graph)) {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
        return NULL;
    }
    void *elements = tacit_memory_new(graph->budget, size, error);
    if (elements != NULL) {
        graph->owned[graph->owned_count++] = elements;
    }
    return elements;
}

void *tacit_graph_keep(tacit_graph_t *graph, tacit_span_t bytes)
{
    void *elements = graph->text != NULL && s_grow(graph)
                         ? tacit_engine_text_keep(graph->text, bytes, graph->budget)
                         : NULL;
    if (elements != NULL) {
        graph->owned[graph->owned_count++] = elements;
    }
    return elements;
}

void tacit_graph_spend(tacit_graph_t *graph, int value)
{
    static uint8_t nothing[TACIT_MEMORY_ALIGNMENT]; /* an address that is not NULL */
    tacit_value_t *constant = &graph->values[value];
    for (size_t i = 0; i < graph->owned_count; i++) {
        if (graph->owned[i] == constant->content.data) {
            tacit_memory_free(graph->owned[i]);
            graph->owned[i] = NULL;
            constant->content.data = nothing;
            constant->spent = true;
            return;
        }
    }
}

tacit_status_t tacit_graph_constant(tacit_graph_t *graph, tacit_dtype_t dtype,
                                    const tacit_shape_t *shape, int *ret_value,
                                    tacit_error_t *error)
{
    tacit_tensor_t content = {.dtype = dtype, .shape = *shape};
    if (graph->value_count == graph->value_capacity ||
        !tacit_shape_count(shape, dtype, &content.count)) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "too many values in the graph");
    }
    content.data = tacit_graph_elements(graph, tacit_tensor_size(&content), error);
    if (content.data == NULL) {
        return error->code;
    }
    *ret_value = (int)graph->value_count;
    graph->values[graph->value_count++] =
        (tacit_value_t){.name = "", .dtype = dtype, .producer = TACIT_NO_NODE, .content = content};
    return TACIT_OK;
}

static void s_count_consumers(tacit_graph_t *graph, int node_index)
{
    const tacit_graph_node_t *node = &graph->nodes[node_index];
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] != TACIT_NO_VALUE) {
            tacit_value_t *value = &graph->values[node->inputs[i]];
            value->consumer = node_index;
            value->consumers++;
        }
    }
}

static void s_spread_decisions(tacit_graph_t *graph, const tacit_graph_node_t *node)
{
    bool whole = false;
    for (size_t i = 0; i < node->output_count; i++) {
        whole |=
            node->outputs[i] != TACIT_NO_VALUE && graph->values[node->outputs[i]].decides_shapes;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        bool decides = (whole && (node->op->flags & TACIT_OPERATOR_SHAPES) == 0) ||
                       (i < 32 && (node->op->decides >> i & 1) != 0);
        if (decides && node->inputs[i] != TACIT_NO_VALUE) {
            graph->values[node->inputs[i]].decides_shapes = true;
        }
    }
}

void tacit_graph_link(tacit_graph_t *graph)
{
    for (size_t i = 0; i < graph->value_count; i++) {
        graph->values[i].consumers = 0;
        graph->values[i].consumer = TACIT_NO_NODE;
        graph->values[i].decides_shapes = false;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!graph->nodes[i].removed) {
            s_count_consumers(graph, (int)i);
        }
    }
    for (size_t i = graph->node_count; i-- > 0;) {
        if (!graph->nodes[i].removed) {
            s_spread_decisions(graph, &graph->nodes[i]);
        }
    }
    graph->input_decides_shapes = false;
    for (size_t i = 0; i < graph->input_count; i++) {
        graph->input_decides_shapes |= graph->values[graph->input_values[i]].decides_shapes;
    }
}

void tacit_graph_destroy(tacit_graph_t **graph)
{
    tacit_graph_t *self = *graph;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->owned_count; i++) {
        tacit_memory_free(self->owned[i]);
    }
    free(self->owned);
    tacit_pool_destroy(&self->pool);
    tacit_memory_free(self);
    *graph = NULL;
}
