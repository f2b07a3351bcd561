/*  plan_weights.c - weights that go once they are packed, and come back where they are needed.  */

#include "services/inference/engine/plan_internal.h"
#include "services/inference/engine/portable/portable.h"

#include <string.h>

/*  Packed weights are as large as those that came: once they are packed, they go. What needs them
    later as they came has them restored.  */
enum { SPEND_SIZE_MIN = 64 * 1024 };

static const char *const s_spenders[] = {"Conv",  "QLinearConv",   "ConvInteger", "QLinearMatMul",
                                         "QGemm", "MatMulInteger", "Gemm",        "MatMul"};

/*  oneDNN packs so that it can be undone, but for what rounds. The portable backend's packs do for
    every shape; those of products of reals, which choose their way by the shape, can be undone.  */
static bool s_may_spend(const tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    if (planner->reduced) {
        return false;
    }
    size_t count = sizeof(s_spenders) / sizeof(*s_spenders);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(node->op->name, s_spenders[i]) == 0) {
            return true;
        }
    }
    return false;
}

/*  Whether one of the steps from `first` on reads the slot.  */
static bool s_is_read(const tacit_plan_t *plan, size_t first, int slot)
{
    for (size_t i = first; i < plan->step_count; i++) {
        const tacit_step_t *step = &plan->steps[i];
        for (size_t k = 0; step->slots != NULL && k < step->input_count; k++) {
            if (step->slots[k] == slot) {
                return true;
            }
        }
        for (size_t k = 0; k < step->argument_count; k++) {
            if (step->arguments[k].slot == slot) {
                return true;
            }
        }
    }
    return false;
}

void tacit_planner_spend(tacit_planner_t *planner, size_t first)
{
    const tacit_graph_node_t *node = planner->node;
    for (size_t i = 1; i < node->input_count && s_may_spend(planner, node); i++) {
        int value = node->inputs[i];
        int slot = tacit_planner_slot(planner, value);
        if (slot == TACIT_NO_SLOT) {
            continue;
        }
        const tacit_value_t *known = &planner->graph->values[value];
        tacit_slot_t *weights = &planner->plan->slots[slot];
        bool ours = known->consumers == 1 && !known->output && !known->decides_shapes &&
                    weights->origin == known && !weights->viewed;
        if (ours && weights->packed && !weights->spent &&
            tacit_tensor_size(&weights->tensor) >= SPEND_SIZE_MIN &&
            !s_is_read(planner->plan, first, slot)) {
            tacit_graph_spend(planner->spends, value);
            weights->spent = known->spent;
            weights->tensor.data = known->content.data;
        }
    }
}

/*  Elements that went, for the steps from `first` on that read them.  */
tacit_status_t tacit_planner_restore(tacit_planner_t *planner, size_t first)
{
    tacit_plan_t *plan = planner->plan;
    const tacit_graph_node_t *node = planner->node;
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        if (slot == TACIT_NO_SLOT || !plan->slots[slot].spent || !s_is_read(plan, first, slot)) {
            continue;
        }
        void *elements =
            tacit_planner_own_elements(planner, tacit_tensor_size(&plan->slots[slot].tensor));
        if (elements == NULL) {
            return planner->error->code;
        }
        int output = tacit_planner_slot(planner, node->outputs[0]);
        const tacit_tensor_t *tensor = &plan->slots[slot].tensor;
        bool idle = output != TACIT_NO_SLOT && plan->slots[output].tensor.count == 0;
        tacit_status_t status =
            plan->onednn != NULL ? tacit_onednn_restore(plan->onednn, plan->slots[slot].origin,
                                                        elements, planner->error)
            : idle ||
                    tacit_portable_restore(plan->packs, plan->slots[slot].origin, tensor, elements)
                ? TACIT_OK
                : tacit_error_set(planner->error, TACIT_INTERNAL, "the weights were let go");
        if (status != TACIT_OK) {
            return status;
        }
        plan->slots[slot].tensor.data = elements;
        plan->slots[slot].spent = false;
    }
    return TACIT_OK;
}
