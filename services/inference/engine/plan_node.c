/*  plan_node.c - plans one node: its shapes, folded, seen as another value, or a step of oneDNN's,
   of the portable loops or of the plain kernel.  */

#include "services/inference/engine/plan_internal.h"
#include "services/inference/engine/portable/portable.h"

#include <string.h>

/*  One node with its tensors, on the stack while it is planned.  */
typedef struct s_work {
    tacit_tensor_t inputs[TACIT_NODE_INPUTS_MAX];
    tacit_tensor_t outputs[TACIT_NODE_OUTPUTS_MAX + 1]; /* and scratch memory */
    tacit_parameters_t parameters;
    size_t scratch; /* bytes */
    bool constant;  /* all inputs are */
} s_work_t;

static tacit_tensor_t s_scratch(size_t size)
{
    return (tacit_tensor_t){
        .dtype = TACIT_DTYPE_UINT8, .shape = {.rank = 1, .dims = {(int64_t)size}}, .count = size};
}

static tacit_status_t s_infer(tacit_planner_t *planner, const tacit_graph_node_t *node,
                              s_work_t *work)
{
    bool shapes = (node->op->flags & TACIT_OPERATOR_SHAPES) != 0;
    work->constant = true;
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        work->inputs[i] = (tacit_tensor_t){0};
        if (slot != TACIT_NO_SLOT) {
            const tacit_slot_t *known = &planner->plan->slots[slot];
            work->inputs[i] = known->tensor;
            work->constant &= known->constant || shapes;
        }
    }
    for (size_t i = 0; i < node->output_count; i++) {
        int value = node->outputs[i];
        work->outputs[i] = (tacit_tensor_t){.dtype = value == TACIT_NO_VALUE
                                                         ? TACIT_DTYPE_NONE
                                                         : planner->graph->values[value].dtype};
    }
    tacit_inference_t inference = {.graph = planner->graph,
                                   .node = node,
                                   .inputs = work->inputs,
                                   .outputs = work->outputs,
                                   .parameters = &work->parameters,
                                   .scratch = &work->scratch,
                                   .error = planner->error};
    work->scratch = 0;
    memset(&work->parameters, 0, sizeof(work->parameters));
    tacit_status_t status = node->op->infer(&inference);
    for (size_t i = 0; status == TACIT_OK && i < node->output_count; i++) {
        tacit_tensor_t *output = &work->outputs[i];
        if (output->dtype != TACIT_DTYPE_NONE &&
            !tacit_shape_count(&output->shape, output->dtype, &output->count)) {
            char text[TACIT_SHAPE_TEXT_MAX];
            tacit_shape_text(output->shape.rank, output->shape.dims, text);
            status = tacit_graph_node_refuse(node, planner->error, TACIT_TOO_LARGE,
                                             "its output of shape %s is too large", text);
        }
    }
    if (status == TACIT_OK && work->scratch > TACIT_TENSOR_SIZE_MAX) {
        status = tacit_graph_node_refuse(node, planner->error, TACIT_TOO_LARGE,
                                         "it needs too much memory beside");
    }
    work->outputs[node->output_count] = s_scratch(work->scratch);
    return status;
}

/*  What depends on constants only is computed now, by the kernel.  */
static tacit_status_t s_fold(tacit_planner_t *planner, const tacit_graph_node_t *node,
                             s_work_t *work)
{
    for (size_t i = 0; i < node->output_count; i++) {
        tacit_tensor_t *output = &work->outputs[i];
        if (output->dtype == TACIT_DTYPE_NONE) {
            continue;
        }
        output->data = tacit_planner_own_elements(planner, tacit_tensor_size(output));
        int slot = output->data != NULL ? tacit_planner_constant_slot(planner, output, false)
                                        : TACIT_NO_SLOT;
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        tacit_planner_bind(planner, node->outputs[i], slot);
    }
    tacit_tensor_t *scratch = &work->outputs[node->output_count];
    if (scratch->count > 0) {
        scratch->data = tacit_planner_own_elements(planner, scratch->count);
        if (scratch->data == NULL) {
            return planner->error->code;
        }
    }
    const char *complaint = node->op->kernel(&work->parameters, work->inputs, node->input_count,
                                             work->outputs, node->output_count);
    return complaint == NULL
               ? TACIT_OK
               : tacit_graph_node_refuse(node, planner->error, TACIT_MALFORMED, "%s", complaint);
}

/*  A value is another one, seen with that shape, or its own (NULL).  */
static tacit_status_t s_view(tacit_planner_t *planner, int seen, const tacit_shape_t *shape,
                             int value)
{
    int from = tacit_planner_plain(planner, tacit_planner_slot(planner, seen));
    if (from == TACIT_NO_SLOT) {
        return planner->error->code;
    }
    tacit_slot_t slot;
    tacit_slot_t source = planner->plan->slots[from];
    if (!tacit_planner_describe(planner, source.tensor.dtype,
                                shape != NULL ? shape : &source.tensor.shape, NULL, &slot)) {
        return planner->error->code;
    }
    slot.tensor.data = source.tensor.data;
    slot.constant = source.constant;
    slot.permanent = source.permanent;
    slot.origin = source.origin;
    slot.spent = source.spent;
    slot.root = source.root;
    planner->plan->slots[source.root].viewed = true;
    planner->plan->slots[from].viewed = true;
    int to = tacit_planner_add_slot(planner, &slot);
    if (to == TACIT_NO_SLOT) {
        return planner->error->code;
    }
    tacit_planner_bind(planner, value, to);
    return TACIT_OK;
}

/* --- branches --------------------------------------------------------------------------------- */

/*  The condition of an If, which decides shapes: it is known now. false where it is not.  */
static bool s_condition(const tacit_planner_t *planner, int value, bool *ret_condition)
{
    int slot = tacit_planner_slot(planner, value);
    const tacit_tensor_t *tensor =
        slot != TACIT_NO_SLOT ? tacit_planner_tensor(planner, slot) : NULL;
    if (tensor == NULL || tensor->data == NULL || tensor->count != 1) {
        return false;
    }
    *ret_condition = *(const uint8_t *)tensor->data != 0;
    return true;
}

/*  Whether a node is in no branch, or in one that is taken.  */
bool tacit_planner_is_taken(const tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    bool taken = true;
    for (int guard = node->guard; taken && guard != TACIT_ALWAYS;) {
        const tacit_guard_t *held = &planner->graph->guards[guard];
        bool condition = false;
        taken = s_condition(planner, held->condition, &condition) && condition == held->wanted;
        guard = held->outer;
    }
    return taken;
}

/*  What an If gives out is what the branch made.  */
static tacit_status_t s_choose(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    bool condition = false;
    if (!s_condition(planner, node->inputs[0], &condition)) {
        return tacit_graph_node_refuse(node, planner->error, TACIT_MALFORMED,
                                       "its condition is not one bool");
    }
    tacit_status_t status = TACIT_OK;
    const int *made = node->inputs + 1 + (condition ? 0 : (node->input_count - 1) / 2);
    for (size_t i = 0; status == TACIT_OK && i < node->output_count; i++) {
        if (node->outputs[i] != TACIT_NO_VALUE) {
            status = s_view(planner, made[i], NULL, node->outputs[i]);
        }
    }
    return status;
}

static tacit_status_t s_kernel_step(tacit_planner_t *planner, const tacit_graph_node_t *node,
                                    s_work_t *work)
{
    size_t count = node->input_count + node->output_count;
    int *slots = tacit_pool_take(planner->plan->pool, count + 1, sizeof(int), planner->error);
    if (slots == NULL) {
        return planner->error->code;
    }
    for (size_t i = 0; i < count; i++) {
        bool input = i < node->input_count;
        int value = input ? node->inputs[i] : node->outputs[i - node->input_count];
        slots[i] = TACIT_NO_SLOT;
        if (value == TACIT_NO_VALUE) {
            continue;
        }
        const tacit_tensor_t *output = input ? NULL : &work->outputs[i - node->input_count];
        slots[i] = input ? tacit_planner_plain(planner, tacit_planner_slot(planner, value))
                         : tacit_planner_new_slot(planner, output->dtype, &output->shape, NULL);
        if (slots[i] == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        tacit_planner_bind(planner, value, input ? tacit_planner_slot(planner, value) : slots[i]);
    }
    const tacit_tensor_t *scratch = &work->outputs[node->output_count];
    slots[count] = scratch->count > 0
                       ? tacit_planner_new_slot(planner, TACIT_DTYPE_UINT8, &scratch->shape, NULL)
                       : TACIT_NO_SLOT;
    if (scratch->count > 0 && slots[count] == TACIT_NO_SLOT) {
        return planner->error->code;
    }
    tacit_step_t step = {.how = "plain C",
                         .kernel = node->op->kernel,
                         .parameters = work->parameters,
                         .slots = slots,
                         .input_count = node->input_count,
                         .output_count = node->output_count};
    return tacit_planner_add_step(planner, &step);
}

/*  Who is faster than the plain kernel, of the backend in use; or NULL.  */
static tacit_accelerate_t s_faster(const tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    return planner->plan->onednn != NULL || (node->op->flags & TACIT_OPERATOR_BOTH) != 0
               ? node->op->accelerate
               : tacit_portable_find(node->op->name);
}

static bool s_may_accelerate(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                             const s_work_t *work)
{
    bool bytes = (node->op->flags & TACIT_OPERATOR_BYTES) != 0;
    bool may = s_faster(planner, node) != NULL &&
               !(planner->careful && (node->op->flags & TACIT_OPERATOR_DROPS_NAN) != 0);
    for (size_t i = 0; i < node->input_count; i++) {
        const tacit_tensor_t *input = &work->inputs[i];
        may &= input->dtype == TACIT_DTYPE_NONE ||
               ((bytes || input->dtype == TACIT_DTYPE_FLOAT32) && input->count > 0);
    }
    return may && work->outputs[0].count > 0 && work->outputs[0].shape.rank > 0;
}

/*  What does not take bfloat16 gets float32 in the same order.  */
static tacit_status_t s_widen(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    bool takes = (node->op->flags & TACIT_OPERATOR_HALF) != 0;
    for (size_t i = 0; !takes && i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        if (slot == TACIT_NO_SLOT ||
            !tacit_onednn_is_reduced(tacit_planner_layout(planner, slot))) {
            continue;
        }
        dnnl_memory_desc_t wide =
            tacit_onednn_retyped(*tacit_planner_layout(planner, slot), TACIT_DTYPE_FLOAT32);
        slot = tacit_planner_arrange(planner, slot, NULL, &wide);
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        tacit_planner_bind(planner, node->inputs[i], slot);
    }
    return TACIT_OK;
}

/* --- one by one ------------------------------------------------------------------------------- */

tacit_status_t tacit_planner_node(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    s_work_t work;
    planner->node = node;
    if ((node->op->flags & TACIT_OPERATOR_CHOICE) != 0) {
        return s_choose(planner, node);
    }
    tacit_status_t status = s_infer(planner, node, &work);
    if (status != TACIT_OK) {
        return status;
    }
    if ((node->op->flags & TACIT_OPERATOR_VIEW) != 0 && node->output_count == 1) {
        return s_view(planner, node->inputs[0], &work.outputs[0].shape, node->outputs[0]);
    }
    if (work.constant) {
        return s_fold(planner, node, &work);
    }
    bool done = false;
    size_t steps = planner->plan->step_count;
    if (s_may_accelerate(planner, node, &work)) {
        status = planner->reduced ? s_widen(planner, node) : TACIT_OK;
    }
    if (status == TACIT_OK && s_may_accelerate(planner, node, &work)) {
        tacit_inference_t inference = {.graph = planner->graph,
                                       .node = node,
                                       .inputs = work.inputs,
                                       .outputs = work.outputs,
                                       .parameters = &work.parameters,
                                       .error = planner->error};
        status = s_faster(planner, node)(planner, &inference, &done);
    }
    if (status == TACIT_OK && !done) {
        status = s_kernel_step(planner, node, &work);
    }
    if (status == TACIT_OK) {
        status = tacit_planner_restore(planner, steps);
    }
    if (status == TACIT_OK && planner->spends != NULL) {
        tacit_planner_spend(planner, steps);
    }
    return status;
}
