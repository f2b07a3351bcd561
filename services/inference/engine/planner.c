/*  planner.c - makes a plan: shapes, constants, oneDNN or kernels, node by node.  */

#include "services/inference/engine/planner.h"

#include "services/inference/engine/plan_internal.h"

#include <stdlib.h>
#include <string.h>

enum { GROW_STEP = 64 };

struct tacit_planner {
    tacit_plan_t *plan;
    const tacit_graph_t *graph;
    bool careful;
    bool *absorbed; /* nodes merged into others */
    tacit_error_t *error;
};

/*  Room for one more item.  */
static void *s_grow(void *items, size_t count, size_t *capacity, size_t size, tacit_error_t *error)
{
    if (count < *capacity) {
        return items;
    }
    void *grown = realloc(items, (*capacity + *capacity / 2 + GROW_STEP) * size);
    if (grown == NULL) {
        (void)tacit_error_set(error, TACIT_NO_MEMORY, NULL);
        return NULL;
    }
    *capacity += *capacity / 2 + GROW_STEP;
    return grown;
}

/* --- slots ------------------------------------------------------------------------------------ */

tacit_onednn_t *tacit_planner_onednn(const tacit_planner_t *planner)
{
    return planner->plan->onednn;
}

tacit_error_t *tacit_planner_error(tacit_planner_t *planner)
{
    return planner->error;
}

bool tacit_planner_may_merge(const tacit_planner_t *planner)
{
    return !planner->careful;
}

int tacit_planner_slot(const tacit_planner_t *planner, int value)
{
    return value == TACIT_NO_VALUE ? TACIT_NO_SLOT : planner->plan->value_slots[value];
}

const tacit_tensor_t *tacit_planner_tensor(const tacit_planner_t *planner, int slot)
{
    return &planner->plan->slots[slot].tensor;
}

const dnnl_memory_desc_t *tacit_planner_layout(const tacit_planner_t *planner, int slot)
{
    return &planner->plan->slots[slot].layout;
}

bool tacit_planner_is_plain(const tacit_planner_t *planner, int slot)
{
    return planner->plan->slots[slot].plain;
}

static int s_add_slot(tacit_planner_t *planner, const tacit_slot_t *slot)
{
    tacit_plan_t *plan = planner->plan;
    tacit_slot_t *slots = s_grow(plan->slots, plan->slot_count, &plan->slot_capacity,
                                 sizeof(tacit_slot_t), planner->error);
    if (slots == NULL) {
        return TACIT_NO_SLOT;
    }
    int number = (int)plan->slot_count++;
    plan->slots = slots;
    slots[number] = *slot;
    slots[number].root = slot->root == TACIT_NO_SLOT ? number : slot->root;
    slots[number].plain_copy = TACIT_NO_SLOT;
    return number;
}

/*  A slot without memory of its own yet. false with the error set where it is too large.  */
static bool s_describe(tacit_planner_t *planner, tacit_dtype_t dtype, const tacit_shape_t *shape,
                       const dnnl_memory_desc_t *layout, tacit_slot_t *ret_slot)
{
    tacit_slot_t slot = {.tensor = {.dtype = dtype, .shape = *shape}, .root = TACIT_NO_SLOT};
    if (!tacit_shape_count(shape, dtype, &slot.tensor.count)) {
        char text[TACIT_SHAPE_TEXT_MAX];
        tacit_shape_text(shape->rank, shape->dims, text);
        (void)tacit_error_set(planner->error, TACIT_TOO_LARGE, "a tensor of shape %s is too large",
                              text);
        return false;
    }
    dnnl_memory_desc_t plain = {0};
    if (dtype == TACIT_DTYPE_FLOAT32 && slot.tensor.count > 0) {
        plain = tacit_onednn_plain(shape);
    }
    slot.layout = layout != NULL ? *layout : plain;
    slot.plain = layout == NULL || dnnl_memory_desc_equal(layout, &plain) != 0;
    slot.size = slot.plain ? tacit_tensor_size(&slot.tensor) : dnnl_memory_desc_get_size(layout);
    *ret_slot = slot;
    return true;
}

int tacit_planner_new_slot(tacit_planner_t *planner, tacit_dtype_t dtype,
                           const tacit_shape_t *shape, const dnnl_memory_desc_t *layout)
{
    tacit_slot_t slot;
    return s_describe(planner, dtype, shape, layout, &slot) ? s_add_slot(planner, &slot)
                                                            : TACIT_NO_SLOT;
}

static int s_constant_slot(tacit_planner_t *planner, const tacit_tensor_t *tensor, bool permanent)
{
    tacit_slot_t slot;
    if (!s_describe(planner, tensor->dtype, &tensor->shape, NULL, &slot)) {
        return TACIT_NO_SLOT;
    }
    slot.tensor.data = tensor->data;
    slot.constant = true;
    slot.permanent = permanent;
    return s_add_slot(planner, &slot);
}

/*  Zeroed elements that live as long as the plan.  */
static void *s_own_elements(tacit_planner_t *planner, size_t size)
{
    tacit_plan_t *plan = planner->plan;
    void **owned = s_grow((void *)plan->owned, plan->owned_count, &plan->owned_capacity,
                          sizeof(void *), planner->error);
    if (owned == NULL) {
        return NULL;
    }
    plan->owned = owned;
    void *elements = tacit_memory_new(plan->budget, size, planner->error);
    if (elements != NULL) {
        owned[plan->owned_count++] = elements;
    }
    return elements;
}

void tacit_planner_bind(tacit_planner_t *planner, int value, int slot)
{
    planner->plan->value_slots[value] = slot;
}

/* --- steps ------------------------------------------------------------------------------------ */

static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_step_t *step)
{
    tacit_plan_t *plan = planner->plan;
    tacit_step_t *steps = s_grow(plan->steps, plan->step_count, &plan->step_capacity,
                                 sizeof(tacit_step_t), planner->error);
    if (steps == NULL) {
        return planner->error->code;
    }
    plan->steps = steps;
    steps[plan->step_count++] = *step;
    return TACIT_OK;
}

/*  The arguments of the step with the scratch memory that the primitive wants.  */
static tacit_status_t s_keep_arguments(tacit_planner_t *planner, const_dnnl_primitive_desc_t desc,
                                       const tacit_argument_t *arguments, size_t count,
                                       tacit_step_t *step)
{
    tacit_argument_t *copy =
        tacit_pool_take(planner->plan->pool, count + 1, sizeof(tacit_argument_t), planner->error);
    if (copy == NULL) {
        return planner->error->code;
    }
    memcpy(copy, arguments, count * sizeof(tacit_argument_t));
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    size_t scratch_size = scratch != NULL ? dnnl_memory_desc_get_size(scratch) : 0;
    if (scratch_size > 0) {
        tacit_slot_t slot = {.tensor = {.dtype = TACIT_DTYPE_UINT8},
                             .size = scratch_size,
                             .root = TACIT_NO_SLOT,
                             .plain = true};
        int number = s_add_slot(planner, &slot);
        if (number == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        copy[count++] = (tacit_argument_t){DNNL_ARG_SCRATCHPAD, number, *scratch};
    }
    step->arguments = copy;
    step->argument_count = count;
    return TACIT_OK;
}

tacit_status_t tacit_planner_primitive(tacit_planner_t *planner, const_dnnl_primitive_desc_t desc,
                                       const tacit_argument_t *arguments, size_t count)
{
    tacit_step_t step = {0};
    tacit_status_t status = s_keep_arguments(planner, desc, arguments, count, &step);
    if (status != TACIT_OK) {
        return status;
    }
    if (dnnl_primitive_create(&step.primitive, desc) != dnnl_success) {
        return tacit_error_set(planner->error, TACIT_INTERNAL, "oneDNN makes no primitive");
    }
    status = s_add_step(planner, &step);
    if (status != TACIT_OK) {
        (void)dnnl_primitive_destroy(step.primitive);
    }
    return status;
}

static tacit_status_t s_add_reorder(tacit_planner_t *planner, int from, int to,
                                    const dnnl_memory_desc_t *seen,
                                    const dnnl_memory_desc_t *wanted)
{
    dnnl_engine_t engine = tacit_onednn_engine(planner->plan->onednn);
    tacit_activation_t none = {.alg = dnnl_alg_kind_undef};
    dnnl_primitive_attr_t attributes = tacit_planner_attributes(&none);
    dnnl_primitive_desc_t desc = NULL;
    tacit_status_t status = TACIT_OK;
    if (attributes == NULL ||
        dnnl_reorder_primitive_desc_create(&desc, seen, engine, wanted, engine, attributes) !=
            dnnl_success) {
        status = tacit_error_set(planner->error, TACIT_INTERNAL, "oneDNN does not reorder");
    } else {
        tacit_argument_t arguments[] = {{DNNL_ARG_FROM, from, *seen}, {DNNL_ARG_TO, to, *wanted}};
        status = tacit_planner_primitive(planner, desc, arguments, 2);
        (void)dnnl_primitive_desc_destroy(desc);
    }
    (void)dnnl_primitive_attr_destroy(attributes);
    return status;
}

int tacit_planner_plain(tacit_planner_t *planner, int slot)
{
    tacit_slot_t from = planner->plan->slots[slot];
    if (from.plain || from.plain_copy != TACIT_NO_SLOT) {
        return from.plain ? slot : from.plain_copy;
    }
    dnnl_memory_desc_t wanted = tacit_onednn_plain(&from.tensor.shape);
    int to = tacit_planner_new_slot(planner, from.tensor.dtype, &from.tensor.shape, NULL);
    if (to == TACIT_NO_SLOT ||
        s_add_reorder(planner, slot, to, &from.layout, &wanted) != TACIT_OK) {
        return TACIT_NO_SLOT;
    }
    planner->plan->slots[slot].plain_copy = to;
    return to;
}

/*  A constant in another layout, now.  */
static int s_pack(tacit_planner_t *planner, const tacit_slot_t *from,
                  const dnnl_memory_desc_t *seen, const dnnl_memory_desc_t *wanted)
{
    tacit_onednn_t *onednn = planner->plan->onednn;
    const void *packed = NULL;
    if (from->permanent) {
        packed = tacit_onednn_pack(onednn, seen, from->tensor.data, wanted, planner->error);
    } else {
        void *own = s_own_elements(planner, dnnl_memory_desc_get_size(wanted));
        if (own != NULL && tacit_onednn_reorder(onednn, seen, from->tensor.data, wanted, own,
                                                planner->error) == TACIT_OK) {
            packed = own;
        }
    }
    if (packed == NULL) {
        return TACIT_NO_SLOT;
    }
    tacit_slot_t slot = *from;
    slot.tensor.data = (void *)(uintptr_t)packed; /* read only, as every constant */
    slot.layout = *wanted;
    slot.plain = false;
    slot.root = TACIT_NO_SLOT;
    return s_add_slot(planner, &slot);
}

int tacit_planner_arrange(tacit_planner_t *planner, int slot, const dnnl_memory_desc_t *seen,
                          const dnnl_memory_desc_t *wanted)
{
    tacit_slot_t from = planner->plan->slots[slot];
    const dnnl_memory_desc_t *layout = seen != NULL ? seen : &from.layout;
    if (dnnl_memory_desc_equal(layout, wanted)) {
        return slot;
    }
    if (from.constant) {
        return s_pack(planner, &from, layout, wanted);
    }
    tacit_slot_t moved = from;
    moved.layout = *wanted;
    moved.plain = false;
    moved.root = TACIT_NO_SLOT;
    moved.size = dnnl_memory_desc_get_size(wanted);
    int to = s_add_slot(planner, &moved);
    if (to == TACIT_NO_SLOT || s_add_reorder(planner, slot, to, layout, wanted) != TACIT_OK) {
        return TACIT_NO_SLOT;
    }
    return to;
}

/* --- merging ---------------------------------------------------------------------------------- */

const tacit_graph_node_t *tacit_planner_follower(const tacit_planner_t *planner, int value)
{
    const tacit_value_t *known = &planner->graph->values[value];
    return known->consumers == 1 && !known->output ? &planner->graph->nodes[known->consumer] : NULL;
}

void tacit_planner_absorb(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    planner->absorbed[node - planner->graph->nodes] = true;
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

dnnl_primitive_attr_t tacit_planner_attributes(const tacit_activation_t *activation)
{
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t operations = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success) {
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    }
    if (status == dnnl_success && activation->alg != dnnl_alg_kind_undef) {
        status = dnnl_post_ops_create(&operations);
    }
    if (status == dnnl_success && operations != NULL) {
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

/* --- nodes ------------------------------------------------------------------------------------ */

/*  One node with its tensors, on the stack while it is planned.  */
typedef struct s_work {
    tacit_tensor_t inputs[TACIT_NODE_INPUTS_MAX];
    tacit_tensor_t outputs[TACIT_NODE_OUTPUTS_MAX];
    tacit_parameters_t parameters;
    bool constant; /* all inputs are */
} s_work_t;

static tacit_status_t s_infer(tacit_planner_t *planner, const tacit_graph_node_t *node,
                              s_work_t *work)
{
    work->constant = true;
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        work->inputs[i] = (tacit_tensor_t){0};
        if (slot != TACIT_NO_SLOT) {
            const tacit_slot_t *known = &planner->plan->slots[slot];
            work->inputs[i] = known->tensor;
            work->constant &= known->constant;
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
                                   .error = planner->error};
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
        output->data = s_own_elements(planner, tacit_tensor_size(output));
        int slot = output->data != NULL ? s_constant_slot(planner, output, false) : TACIT_NO_SLOT;
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
        tacit_planner_bind(planner, node->outputs[i], slot);
    }
    node->op->kernel(&work->parameters, work->inputs, node->input_count, work->outputs,
                     node->output_count);
    return TACIT_OK;
}

/*  The output is the input, seen with another shape.  */
static tacit_status_t s_view(tacit_planner_t *planner, const tacit_graph_node_t *node,
                             s_work_t *work)
{
    int from = tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0]));
    if (from == TACIT_NO_SLOT) {
        return planner->error->code;
    }
    tacit_slot_t slot;
    tacit_slot_t source = planner->plan->slots[from];
    if (!s_describe(planner, source.tensor.dtype, &work->outputs[0].shape, NULL, &slot)) {
        return planner->error->code;
    }
    slot.tensor.data = source.tensor.data;
    slot.constant = source.constant;
    slot.permanent = source.permanent;
    slot.root = source.root;
    int to = s_add_slot(planner, &slot);
    if (to == TACIT_NO_SLOT) {
        return planner->error->code;
    }
    tacit_planner_bind(planner, node->outputs[0], to);
    return TACIT_OK;
}

static tacit_status_t s_kernel_step(tacit_planner_t *planner, const tacit_graph_node_t *node,
                                    s_work_t *work)
{
    size_t count = node->input_count + node->output_count;
    int *slots = tacit_pool_take(planner->plan->pool, count, sizeof(int), planner->error);
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
    tacit_step_t step = {.kernel = node->op->kernel,
                         .parameters = work->parameters,
                         .slots = slots,
                         .input_count = node->input_count,
                         .output_count = node->output_count};
    return s_add_step(planner, &step);
}

static bool s_may_accelerate(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                             const s_work_t *work)
{
    bool may = planner->plan->onednn != NULL && node->op->accelerate != NULL &&
               !(planner->careful && (node->op->flags & TACIT_OPERATOR_DROPS_NAN) != 0);
    for (size_t i = 0; i < node->input_count; i++) {
        const tacit_tensor_t *input = &work->inputs[i];
        may &= input->dtype == TACIT_DTYPE_NONE ||
               (input->dtype == TACIT_DTYPE_FLOAT32 && input->count > 0);
    }
    return may && work->outputs[0].count > 0 && work->outputs[0].shape.rank > 0;
}

static tacit_status_t s_plan_node(tacit_planner_t *planner, const tacit_graph_node_t *node)
{
    s_work_t work;
    tacit_status_t status = s_infer(planner, node, &work);
    if (status != TACIT_OK) {
        return status;
    }
    if ((node->op->flags & TACIT_OPERATOR_VIEW) != 0 && node->output_count == 1) {
        return s_view(planner, node, &work);
    }
    if (work.constant) {
        return s_fold(planner, node, &work);
    }
    bool done = false;
    if (s_may_accelerate(planner, node, &work)) {
        tacit_inference_t inference = {.graph = planner->graph,
                                       .node = node,
                                       .inputs = work.inputs,
                                       .outputs = work.outputs,
                                       .parameters = &work.parameters,
                                       .error = planner->error};
        status = node->op->accelerate(planner, &inference, &done);
    }
    return status == TACIT_OK && !done ? s_kernel_step(planner, node, &work) : status;
}

/* --- the plan --------------------------------------------------------------------------------- */

static tacit_status_t s_plan_constants(tacit_planner_t *planner)
{
    const tacit_graph_t *graph = planner->graph;
    for (size_t i = 0; i < graph->value_count; i++) {
        planner->plan->value_slots[i] = TACIT_NO_SLOT;
        const tacit_value_t *value = &graph->values[i];
        if (value->content.data == NULL || (value->consumers == 0 && !value->output)) {
            continue;
        }
        int slot = s_constant_slot(planner, &value->content, true);
        if (slot == TACIT_NO_SLOT) {
            return planner->error->code;
        }
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
            tensor.data = s_own_elements(planner, tacit_tensor_size(&tensor));
            if (tensor.data == NULL) {
                return planner->error->code;
            }
            if (tensor.count > 0) {
                memcpy(tensor.data, inputs[i].data, tacit_tensor_size(&tensor));
            }
            slot = s_constant_slot(planner, &tensor, false);
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

/*  What the model declared about an output must be true.  */
static tacit_status_t s_check_output(tacit_planner_t *planner, const tacit_engine_value_t *declared,
                                     const tacit_tensor_t *tensor)
{
    bool fits = !declared->ranked || declared->rank == tensor->shape.rank;
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
        if (!node->removed && !planner->absorbed[i]) {
            status = s_plan_node(planner, node);
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
    plan->budget = graph->budget;
    plan->pool = tacit_pool_new(graph->budget, error);
    tacit_planner_t planner = {
        .plan = plan, .graph = graph, .careful = request->careful, .error = error};
    tacit_status_t status = error->code;
    if (plan->pool != NULL) {
        plan->value_slots = tacit_pool_take(plan->pool, graph->value_count, sizeof(int), error);
        plan->output_slots = tacit_pool_take(plan->pool, graph->output_count, sizeof(int), error);
        planner.absorbed = tacit_pool_take(plan->pool, graph->node_count, sizeof(bool), error);
        bool taken =
            plan->value_slots != NULL && plan->output_slots != NULL && planner.absorbed != NULL;
        status = taken ? s_plan_all(&planner, request->inputs) : error->code;
    }
    if (status != TACIT_OK) {
        tacit_plan_destroy(&plan);
        return status;
    }
    *ret_plan = plan;
    return TACIT_OK;
}
