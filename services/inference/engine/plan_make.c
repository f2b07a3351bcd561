/*  plan_make.c - makes a plan: constants, inputs, node by node, outputs.  */

#include "services/inference/engine/plan_internal.h"

#include <string.h>

static void s_find_uses(tacit_planner_t *planner)
{
    const tacit_graph_t *graph = planner->graph;
    for (size_t i = 0; i < graph->value_count; i++) {
        planner->uses[i][0] = planner->uses[i][1] = TACIT_NO_NODE;
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        const tacit_graph_node_t *node = &graph->nodes[n];
        for (size_t i = 0; !node->removed && i < node->input_count; i++) {
            if (node->inputs[i] != TACIT_NO_VALUE) {
                int *uses = planner->uses[node->inputs[i]];
                uses[1] = uses[0];
                uses[0] = (int)n;
            }
        }
    }
}

static tacit_status_t s_plan_constants(tacit_planner_t *planner)
{
    const tacit_graph_t *graph = planner->graph;
    for (size_t i = 0; i < graph->value_count; i++) {
        planner->plan->value_slots[i] = TACIT_NO_SLOT;
        const tacit_value_t *value = &graph->values[i];
        if (value->content.data == NULL || (value->consumers == 0 && !value->output)) {
            continue;
        }
        int slot = tacit_planner_constant_slot(planner, &value->content, true);
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        planner->plan->slots[slot].origin = value;
        planner->plan->slots[slot].spent = value->spent;
        planner->plan->value_slots[i] = slot;
    }
    return TACIT_OK;
}

static tacit_status_t s_plan_inputs(tacit_planner_t *planner, const tacit_tensor_t *inputs)
{
    for (size_t i = 0; i < planner->graph->input_count; i++) {
        int value = planner->graph->input_values[i];
        tacit_tensor_t tensor = inputs[i];
        int slot = TACIT_NO_SLOT;
        if (planner->graph->values[value].decides_shapes) {
            tensor.data = tacit_planner_own_elements(planner, tacit_tensor_size(&tensor));
            if (tensor.data == NULL) {
                return planner->error->code;
            }
            if (tensor.count > 0) {
                memcpy(tensor.data, inputs[i].data, tacit_tensor_size(&tensor));
            }
            slot = tacit_planner_constant_slot(planner, &tensor, false);
        } else {
            slot = tacit_planner_new_slot(planner, tensor.dtype, &tensor.shape, NULL);
        }
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        planner->plan->value_slots[value] = slot;
    }
    return TACIT_OK;
}

/*  Whether the inputs have one shape only.  */
static bool s_is_fixed(const tacit_graph_t *graph)
{
    bool fixed = !graph->input_decides_shapes;
    for (size_t i = 0; i < graph->input_count; i++) {
        const tacit_engine_value_t *input = &graph->inputs[i];
        fixed &= input->ranked;
        for (size_t k = 0; k < input->rank; k++) {
            fixed &= input->dims[k] >= 0;
        }
    }
    return fixed;
}

/*  What the model declared about an output must be true where inputs have one shape. Of others
    exporters declare what they saw once.  */
static tacit_status_t s_check_output(tacit_planner_t *planner, const tacit_engine_value_t *declared,
                                     const tacit_tensor_t *tensor)
{
    bool fits = !declared->ranked || declared->rank == tensor->shape.rank;
    if (!s_is_fixed(planner->graph)) {
        return TACIT_OK;
    }
    for (size_t i = 0; fits && declared->ranked && i < declared->rank; i++) {
        fits = declared->dims[i] < 0 || declared->dims[i] == tensor->shape.dims[i];
    }
    if (fits) {
        return TACIT_OK;
    }
    char expected[TACIT_SHAPE_TEXT_MAX];
    char got[TACIT_SHAPE_TEXT_MAX];
    tacit_shape_text(declared->rank, declared->dims, expected);
    tacit_shape_text(tensor->shape.rank, tensor->shape.dims, got);
    return tacit_error_claim(planner->error, TACIT_MALFORMED, declared->name, expected, got);
}

static tacit_status_t s_plan_outputs(tacit_planner_t *planner)
{
    const tacit_graph_t *graph = planner->graph;
    for (size_t i = 0; i < graph->output_count; i++) {
        int slot = tacit_planner_slot(planner, graph->output_values[i]);
        slot = slot != TACIT_NO_SLOT ? tacit_planner_plain(planner, slot) : slot;
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code != TACIT_OK
                       ? planner->error->code
                       : tacit_error_set(planner->error, TACIT_INTERNAL, "an output was not made");
        }
        tacit_status_t status =
            s_check_output(planner, &graph->outputs[i], tacit_planner_tensor(planner, slot));
        if (status != TACIT_OK) {
            return status;
        }
        planner->plan->output_slots[i] = slot;
    }
    return TACIT_OK;
}

static tacit_status_t s_plan_all(tacit_planner_t *planner, const tacit_tensor_t *inputs)
{
    tacit_status_t status = s_plan_constants(planner);
    if (status == TACIT_OK) {
        status = s_plan_inputs(planner, inputs);
    }
    for (size_t i = 0; status == TACIT_OK && i < planner->graph->node_count; i++) {
        const tacit_graph_node_t *node = &planner->graph->nodes[i];
        if (!node->removed && !planner->absorbed[i] && tacit_planner_is_taken(planner, node)) {
            status = tacit_budget_check(planner->graph->budget, planner->error);
            status = status == TACIT_OK ? tacit_planner_node(planner, node) : status;
        }
    }
    if (status == TACIT_OK) {
        status = s_plan_outputs(planner);
    }
    return status == TACIT_OK ? tacit_plan_finish(planner->plan, planner->error) : status;
}

tacit_status_t tacit_plan_new(const tacit_plan_request_t *request, tacit_plan_t **ret_plan,
                              tacit_error_t *error)
{
    const tacit_graph_t *graph = request->graph;
    tacit_plan_t *plan = tacit_memory_new(graph->budget, sizeof(*plan), error);
    if (plan == NULL) {
        return error->code;
    }
    *error = (tacit_error_t){0};
    plan->graph = graph;
    plan->onednn = request->onednn;
    plan->packs = request->packs;
    plan->profiled = request->profiled;
    plan->budget = graph->budget;
    plan->pool = tacit_pool_new(graph->budget, error);
    tacit_planner_t planner = {.plan = plan,
                               .graph = graph,
                               .spends = request->spends,
                               .careful = request->careful,
                               .reduced = request->reduced,
                               .error = error};
    tacit_status_t status = error->code;
    if (plan->pool != NULL) {
        plan->value_slots = tacit_pool_take(plan->pool, graph->value_count, sizeof(int), error);
        plan->output_slots = tacit_pool_take(plan->pool, graph->output_count, sizeof(int), error);
        planner.absorbed = tacit_pool_take(plan->pool, graph->node_count, sizeof(bool), error);
        planner.uses = tacit_pool_take(plan->pool, graph->value_count, 2 * sizeof(int), error);
        bool taken = plan->value_slots != NULL && plan->output_slots != NULL &&
                     planner.absorbed != NULL && planner.uses != NULL;
        if (taken) {
            s_find_uses(&planner);
        }
        status = taken ? s_plan_all(&planner, request->inputs) : error->code;
    }
    if (status != TACIT_OK) {
        tacit_plan_destroy(&plan);
        return status;
    }
    *ret_plan = plan;
    return TACIT_OK;
}
