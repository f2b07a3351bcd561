/*  graph_choice.c - If: a node that holds two graphs.

    Their nodes become nodes of the one graph, each with a guard: what must hold for it to be
    planned. The condition decides shapes (operator.h), so it is known then, and only the branch
    that it names costs anything. The If itself is left as a node that reads the condition and what
    both branches make, and names one of them.  */

#include "services/inference/engine/graph_build.h"

#include "services/inference/engine/operator.h"

#include <string.h>

static const Onnx__GraphProto *s_branch(const Onnx__NodeProto *proto, const char *name)
{
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = proto->attribute[i];
        if (strcmp(attribute->name, name) == 0 &&
            attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH) {
            return attribute->g;
        }
    }
    return NULL;
}

static tacit_status_t s_refuse(tacit_build_t *build, const tacit_graph_node_t *node,
                               const char *reason)
{
    return tacit_build_refuse_named(build, TACIT_MALFORMED, "node", node->name, reason);
}

/*  The nodes of a branch, and what it gives out.  */
static tacit_status_t s_add_branch(tacit_build_t *build, const tacit_graph_node_t *node,
                                   const Onnx__GraphProto *proto, bool wanted, int *ret_values)
{
    tacit_graph_t *graph = build->graph;
    const Onnx__GraphProto *around = build->proto;
    int outer = build->guard;
    build->proto = proto;
    build->guard = (int)graph->guard_count;
    graph->guards[graph->guard_count++] =
        (tacit_guard_t){.condition = node->inputs[0], .wanted = wanted, .outer = outer};
    tacit_status_t status = tacit_build_initializers(build);
    for (size_t i = 0; status == TACIT_OK && i < proto->n_node; i++) {
        status = tacit_build_node(build, i);
    }
    for (size_t i = 0; status == TACIT_OK && i < proto->n_output; i++) {
        const char *name = proto->output[i]->name;
        ret_values[i] = tacit_build_find(build, name != NULL ? name : "");
        status = ret_values[i] >= 0 ? TACIT_OK
                                    : s_refuse(build, node, "a branch gives what nothing makes");
    }
    build->proto = around;
    build->guard = outer;
    return status;
}

/*  What it makes has the types that both branches give.  */
static tacit_status_t s_set_types(tacit_build_t *build, const tacit_graph_node_t *node)
{
    tacit_value_t *values = build->graph->values;
    size_t count = (node->input_count - 1) / 2;
    for (size_t i = 0; i < count; i++) {
        const tacit_value_t *one = &values[node->inputs[1 + i]];
        if (one->dtype != values[node->inputs[1 + count + i]].dtype) {
            return s_refuse(build, node, "its branches give different types");
        }
        if (i < node->output_count && node->outputs[i] != TACIT_NO_VALUE) {
            values[node->outputs[i]].dtype = one->dtype;
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_check(tacit_build_t *build, const tacit_graph_node_t *node,
                              const Onnx__NodeProto *proto, const Onnx__GraphProto *const *branches)
{
    for (size_t i = 0; i < 2; i++) {
        if (branches[i] == NULL || branches[i]->n_input > 0 ||
            branches[i]->n_output != proto->n_output || proto->n_output == 0 ||
            proto->n_output > TACIT_NODE_OUTPUTS_MAX || proto->n_attribute != 2 ||
            branches[i]->n_sparse_initializer > 0) {
            return s_refuse(build, node, "its branches do not fit it");
        }
    }
    bool known = node->input_count == 1 && node->inputs[0] != TACIT_NO_VALUE;
    return known && build->graph->values[node->inputs[0]].dtype == TACIT_DTYPE_BOOL
               ? TACIT_OK
               : s_refuse(build, node, "its condition is not one bool");
}

tacit_status_t tacit_build_choice(tacit_build_t *build, size_t index, tacit_graph_node_t *node)
{
    const Onnx__NodeProto *proto = build->proto->node[index];
    const Onnx__GraphProto *branches[] = {s_branch(proto, "then_branch"),
                                          s_branch(proto, "else_branch")};
    tacit_status_t status = tacit_build_inputs(build, index, node);
    if (status == TACIT_OK) {
        status = s_check(build, node, proto, branches);
    }
    if (status != TACIT_OK || branches[0] == NULL || branches[1] == NULL) {
        return status;
    }
    size_t count = proto->n_output;
    int *inputs = tacit_pool_take(build->graph->pool, 1 + 2 * count, sizeof(int), build->error);
    if (inputs == NULL) {
        return build->error->code;
    }
    inputs[0] = node->inputs[0];
    status = s_add_branch(build, node, branches[0], true, inputs + 1);
    if (status == TACIT_OK) {
        status = s_add_branch(build, node, branches[1], false, inputs + 1 + count);
    }
    node->inputs = inputs;
    node->input_count = 1 + 2 * count;
    if (status == TACIT_OK) {
        status = tacit_build_outputs(build, proto, node);
    }
    if (status == TACIT_OK) {
        status = s_set_types(build, node);
    }
    if (status == TACIT_OK) {
        build->graph->nodes[build->graph->node_count++] = *node;
    }
    return status;
}
