/*  planner_merge.c - what follows a node and is done with it: bias, sum, activation.  */

#include "services/inference/engine/planner.h"

#include "services/inference/engine/plan_internal.h"


const tacit_graph_node_t *tacit_planner_follower(const tacit_planner_t *planner, int value)
{
    const tacit_value_t *known = &planner->graph->values[value];
    return known->consumers == 1 && !known->output ? &planner->graph->nodes[known->consumer] : NULL;
}

size_t tacit_planner_users(const tacit_planner_t *planner, int value,
                           const tacit_graph_node_t **ret_users, size_t room)
{
    const tacit_value_t *known = &planner->graph->values[value];
    const int *uses = planner->uses[value];
    if (known->output || known->consumers > room || known->consumers > 2) {
        return 0;
    }
    for (size_t i = 0; i < known->consumers; i++) {
        ret_users[i] = &planner->graph->nodes[uses[i]];
    }
    return known->consumers;
}

void tacit_planner_absorb(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    planner->absorbed[node - planner->graph->nodes] = true;
}

/*  The step of a kernel that makes the slot, if no other one touches it; else NULL.  */
static tacit_step_t *s_maker(const tacit_planner_t *planner, int slot)
{
    tacit_plan_t *plan = planner->plan;
    const tacit_slot_t *known = &plan->slots[slot];
    tacit_step_t *found = NULL;
    bool shared = known->constant || known->root != slot || known->viewed || known->taken;
    for (size_t i = plan->step_count; !shared && i-- > 0;) {
        tacit_step_t *step = &plan->steps[i];
        size_t count = step->input_count + step->output_count;
        for (size_t k = 0; step->slots != NULL && k < count; k++) {
            if (step->slots[k] == slot) {
                shared |= found != NULL || k < step->input_count || step->output_count != 1;
                found = step;
            }
        }
        for (size_t k = 0; k < step->argument_count; k++) {
            shared |= step->arguments[k].slot == slot;
        }
    }
    return shared ? NULL : found;
}

/*  Whether another value was written over this one, as nobody was to read it any more.  */
static bool s_is_gone(const tacit_planner_t *planner, int slot)
{
    const tacit_plan_t *plan = planner->plan;
    bool gone = false;
    for (size_t i = slot != TACIT_NO_SLOT ? (size_t)slot + 1 : plan->slot_count;
         i < plan->slot_count; i++) {
        gone |= plan->slots[i].taken && plan->slots[i].root == plan->slots[slot].root;
    }
    return gone;
}

const tacit_graph_node_t *tacit_planner_unread(const tacit_planner_t *planner, int value)
{
    const tacit_value_t *known = &planner->graph->values[value];
    int slot = tacit_planner_slot(planner, value);
    if (known->producer == TACIT_NO_NODE || known->consumers != 1 || known->output ||
        slot == TACIT_NO_SLOT) {
        return NULL;
    }
    const tacit_graph_node_t *node = &planner->graph->nodes[known->producer];
    const tacit_step_t *step = s_maker(planner, slot);
    bool there = step != NULL && step->node == node;
    for (size_t i = 0; there && i < node->input_count; i++) {
        there = !s_is_gone(planner, tacit_planner_slot(planner, node->inputs[i]));
    }
    return there ? node : NULL;
}

void tacit_planner_forget(tacit_planner_t *planner, int value)
{
    tacit_step_t *step = s_maker(planner, tacit_planner_slot(planner, value));
    if (step != NULL) {
        *step = (tacit_step_t){.node = step->node};
    }
}

/*  One number per column, known to be so from the shape.  */
static bool s_is_row(const tacit_shape_t *shape, int64_t columns)
{
    return shape->rank > 0 && shape->dims[shape->rank - 1] == columns &&
           tacit_shape_span(shape, 0, shape->rank) == (size_t)columns;
}

int tacit_planner_merge_bias(tacit_planner_t *planner, int *value, const tacit_shape_t *shape)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, *value);
    if (!tacit_planner_may_merge(planner) || !tacit_graph_node_is(node, "Add")) {
        return TACIT_NO_SLOT;
    }
    int other = node->inputs[0] == *value ? node->inputs[1] : node->inputs[0];
    int slot = tacit_planner_slot(planner, other);
    if (slot == TACIT_NO_SLOT || tacit_planner_tensor(planner, slot)->data == NULL) {
        return TACIT_NO_SLOT;
    }
    const tacit_shape_t *vector = &tacit_planner_tensor(planner, slot)->shape;
    if (vector->rank > shape->rank || !s_is_row(vector, shape->dims[shape->rank - 1])) {
        return TACIT_NO_SLOT;
    }
    tacit_planner_absorb(planner, node);
    *value = node->outputs[0];
    return slot;
}

bool tacit_planner_merge_sum(tacit_planner_t *planner, int value, const tacit_shape_t *shape,
                             tacit_sum_t *ret_sum)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, value);
    *ret_sum = (tacit_sum_t){.node = NULL};
    if (!tacit_planner_may_merge(planner) || !tacit_graph_node_is(node, "Add")) {
        return false;
    }
    int other = node->inputs[0] == value ? node->inputs[1] : node->inputs[0];
    int slot = tacit_planner_slot(planner, other);
    if (slot == TACIT_NO_SLOT || planner->plan->slots[slot].constant ||
        !tacit_shape_equal(&planner->plan->slots[slot].tensor.shape, shape)) {
        return false;
    }
    tacit_planner_absorb(planner, node);
    *ret_sum = (tacit_sum_t){.node = node, .other = other};
    return true;
}

int tacit_planner_merge_activation(tacit_planner_t *planner, int value,
                                   tacit_activation_t *ret_activation)
{
    const tacit_graph_node_t *node = tacit_planner_follower(planner, value);
    tacit_activation_t activation = {.alg = dnnl_alg_kind_undef};
    if (tacit_planner_may_merge(planner) && node != NULL &&
        tacit_activation_of(planner, node, &activation)) {
        tacit_planner_absorb(planner, node);
        value = node->outputs[0];
    }
    *ret_activation = activation;
    return value;
}

/* --- attributes for oneDNN -------------------------------------------------------------------- */

dnnl_primitive_attr_t tacit_planner_attributes(const tacit_activation_t *activation)
{
    return tacit_planner_attributes_with(activation, false);
}

dnnl_primitive_attr_t tacit_planner_attributes_with(const tacit_activation_t *activation, bool sum)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    bool active = activation->alg != dnnl_alg_kind_undef;
    if (status == dnnl_success && (active || sum)) {
        status = dnnl_post_ops_create(&operations);
    }
    if (status == dnnl_success && sum) {
        status = dnnl_post_ops_append_sum(operations, 1.0F);
    }
    if (status == dnnl_success && active) {
        status = dnnl_post_ops_append_eltwise(operations, 1.0F, activation->alg, activation->alpha,
                                              activation->beta);
    }
    if (status == dnnl_success && operations != NULL) {
        status = dnnl_primitive_attr_set_post_ops(attributes, operations);
    }
    if (operations != NULL) {
        (void)dnnl_post_ops_destroy(operations);
    }
    if (status != dnnl_success && attributes != NULL) {
        (void)dnnl_primitive_attr_destroy(attributes);
        attributes = NULL;
    }
    return attributes;
}
