/*  plan.c - finishing, running and ending a plan. planner.c makes it.  */

#include "services/inference/engine/plan_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/clock.h"

static void s_set_addresses(tacit_plan_t *plan)
{
    for (size_t i = 0; i < plan->slot_count; i++) {
        tacit_slot_t *slot = &plan->slots[i];
        const tacit_slot_t *root = &plan->slots[slot->root];
        if (!slot->constant) {
            slot->tensor.data = root->constant ? root->tensor.data : plan->arena + root->offset;
        }
    }
}

static tacit_status_t s_finish_kernel(tacit_plan_t *plan, tacit_step_t *step, tacit_error_t *error)
{
    size_t count = step->input_count + step->output_count + 1;
    step->tensors = tacit_pool_take(plan->pool, count, sizeof(tacit_tensor_t), error);
    if (step->tensors == NULL) {
        return error->code;
    }
    for (size_t i = 0; i < count; i++) {
        if (step->slots[i] != TACIT_NO_SLOT) {
            step->tensors[i] = plan->slots[step->slots[i]].tensor;
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_finish_primitive(tacit_plan_t *plan, tacit_step_t *step,
                                         tacit_error_t *error)
{
    step->memories =
        tacit_pool_take(plan->pool, step->argument_count, sizeof(dnnl_exec_arg_t), error);
    if (step->memories == NULL) {
        return error->code;
    }
    for (size_t i = 0; i < step->argument_count; i++) {
        const tacit_argument_t *argument = &step->arguments[i];
        dnnl_exec_arg_t *memory = &step->memories[i];
        memory->arg = argument->id;
        if (dnnl_memory_create(&memory->memory, &argument->layout,
                               tacit_onednn_engine(plan->onednn),
                               plan->slots[argument->slot].tensor.data) != dnnl_success) {
            return tacit_error_set(error, TACIT_NO_MEMORY, "oneDNN refuses a memory");
        }
    }
    return TACIT_OK;
}

/*  Steps that were forgotten leave no gap.  */
static void s_close_ranks(tacit_plan_t *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].kernel != NULL || plan->steps[i].primitive != NULL) {
            plan->steps[count++] = plan->steps[i];
        }
    }
    plan->step_count = count;
}

tacit_status_t tacit_plan_finish(tacit_plan_t *plan, tacit_error_t *error)
{
    s_close_ranks(plan);
    tacit_status_t status = tacit_plan_place(plan, &plan->arena_size, error);
    if (status != TACIT_OK) {
        return status;
    }
    plan->arena = tacit_memory_new(plan->budget, plan->arena_size, error);
    if (plan->arena == NULL) {
        return error->code;
    }
    s_set_addresses(plan);
    for (size_t i = 0; status == TACIT_OK && i < plan->step_count; i++) {
        tacit_step_t *step = &plan->steps[i];
        status = step->primitive != NULL ? s_finish_primitive(plan, step, error)
                                         : s_finish_kernel(plan, step, error);
    }
    return status;
}

static tacit_status_t s_run_step(tacit_plan_t *plan, const tacit_step_t *step, tacit_error_t *error)
{
    if (step->primitive == NULL) {
        const char *complaint = step->kernel(&step->parameters, step->tensors, step->input_count,
                                             step->tensors + step->input_count, step->output_count);
        return complaint == NULL
                   ? TACIT_OK
                   : tacit_graph_node_refuse(step->node, error, TACIT_BAD_INPUT, "%s", complaint);
    }
    dnnl_status_t status =
        dnnl_primitive_execute(step->primitive, tacit_onednn_stream(plan->onednn),
                               (int)step->argument_count, step->memories);
    return status == dnnl_success ? TACIT_OK
                                  : tacit_error_set(error, TACIT_INTERNAL,
                                                    "oneDNN does not run a step (%d)", (int)status);
}

static tacit_status_t s_time_step(tacit_plan_t *plan, tacit_step_t *step, tacit_error_t *error)
{
    uint64_t start = tacit_monotonic_ns();
    tacit_status_t status = s_run_step(plan, step, error);
    step->nanoseconds += tacit_monotonic_ns() - start;
    return status;
}

size_t tacit_plan_profile(const tacit_plan_t *plan, tacit_engine_step_t *ret_steps, size_t room)
{
    for (size_t i = 0; i < plan->step_count && i < room; i++) {
        const tacit_step_t *step = &plan->steps[i];
        ret_steps[i] = (tacit_engine_step_t){.node = step->node->name,
                                             .op = step->node->op->name,
                                             .how = step->how,
                                             .nanoseconds = step->nanoseconds};
    }
    return plan->step_count;
}

size_t tacit_plan_arena(const tacit_plan_t *plan)
{
    return plan->arena_size;
}

tacit_status_t tacit_plan_run(tacit_plan_t *plan, const tacit_span_t *inputs, tacit_error_t *error)
{
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        const tacit_slot_t *slot = &plan->slots[plan->value_slots[plan->graph->input_values[i]]];
        const tacit_slot_t *root = &plan->slots[slot->root];
        if (!slot->constant && root->first >= 0 && inputs[i].size > 0) {
            memcpy(slot->tensor.data, inputs[i].data, inputs[i].size);
        }
    }
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; status == TACIT_OK && i < plan->step_count; i++) {
        status = tacit_budget_check(plan->budget, error);
        if (status == TACIT_OK) {
            status = plan->profiled ? s_time_step(plan, &plan->steps[i], error)
                                    : s_run_step(plan, &plan->steps[i], error);
        }
    }
    if (status == TACIT_OK && plan->onednn != NULL &&
        dnnl_stream_wait(tacit_onednn_stream(plan->onednn)) != dnnl_success) {
        status = tacit_error_set(error, TACIT_INTERNAL, "oneDNN does not finish");
    }
    return status;
}

const tacit_tensor_t *tacit_plan_output(const tacit_plan_t *plan, size_t i)
{
    return &plan->slots[plan->output_slots[i]].tensor;
}

void tacit_plan_wipe(tacit_plan_t *plan)
{
    sodium_memzero(plan->arena, plan->arena_size);
}

static void s_destroy_step(const tacit_step_t *step)
{
    for (size_t i = 0; step->memories != NULL && i < step->argument_count; i++) {
        if (step->memories[i].memory != NULL) {
            (void)dnnl_memory_destroy(step->memories[i].memory);
        }
    }
    if (step->primitive != NULL) {
        (void)dnnl_primitive_destroy(step->primitive);
    }
}

void tacit_plan_destroy(tacit_plan_t **plan)
{
    tacit_plan_t *self = *plan;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->step_count; i++) {
        s_destroy_step(&self->steps[i]);
    }
    for (size_t i = 0; i < self->owned_count; i++) {
        tacit_memory_free(self->owned[i]);
    }
    free((void *)self->owned);
    free(self->steps);
    free(self->slots);
    tacit_memory_free(self->arena);
    tacit_pool_destroy(&self->pool);
    tacit_memory_free(self);
    *plan = NULL;
}
