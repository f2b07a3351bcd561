/*  inputs.c - inputs of a run: count, names, types, shapes, sizes, and what is extreme in them.  */

#include "services/inference/engine/inputs.h"

#include <stdio.h>
#include <string.h>

static tacit_status_t s_refuse_input(tacit_error_t *error, const char *name, const char *expected,
                                     const char *got)
{
    tacit_status_t status = tacit_error_claim(error, TACIT_BAD_INPUT, name, expected, got);
    tacit_error_remedy(error, "send the inputs that the model declares");
    return status;
}

static tacit_status_t s_refuse_decision(tacit_error_t *error, const char *name, size_t count)
{
    char expected[64];
    char got[32];
    (void)snprintf(expected, sizeof(expected), "at most %d elements, as they decide shapes",
                   TACIT_PLAN_CONSTANT_MAX);
    (void)snprintf(got, sizeof(got), "%zu elements", count);
    (void)tacit_error_claim(error, TACIT_BAD_INPUT, name, expected, got);
    tacit_error_remedy(error, "send less at once, or export the model without what selects by "
                              "values, such as NonZero or NonMaxSuppression");
    return TACIT_BAD_INPUT;
}

static const tacit_engine_tensor_t *s_find_input(const char *name,
                                                 const tacit_engine_tensor_t *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool only = count == 1 && inputs[i].name.size == 0;
        if (only || tacit_span_equal(inputs[i].name, tacit_span_string(name))) {
            return &inputs[i];
        }
    }
    return NULL;
}

static tacit_status_t s_check_shape(const tacit_engine_value_t *declared,
                                    const tacit_engine_tensor_t *input, tacit_tensor_t *tensor,
                                    tacit_error_t *error)
{
    bool fits = input->rank <= TACIT_ENGINE_RANK_MAX &&
                (!declared->ranked || declared->rank == input->rank);
    for (size_t i = 0; fits && i < input->rank; i++) {
        fits = input->dims[i] >= 0 &&
               (!declared->ranked || declared->dims[i] < 0 || declared->dims[i] == input->dims[i]);
        tensor->shape.dims[i] = input->dims[i];
    }
    tensor->dtype = input->dtype;
    tensor->shape.rank = input->rank;
    char expected[TACIT_SHAPE_TEXT_MAX];
    char got[TACIT_SHAPE_TEXT_MAX];
    if (!fits) {
        size_t rank = input->rank < TACIT_ENGINE_RANK_MAX ? input->rank : TACIT_ENGINE_RANK_MAX;
        tacit_shape_text(declared->rank, declared->dims, expected);
        tacit_shape_text(rank, input->dims, got);
        return s_refuse_input(error, declared->name, declared->ranked ? expected : "any shape",
                              got);
    }
    if (!tacit_shape_count(&tensor->shape, tensor->dtype, &tensor->count) ||
        tacit_tensor_size(tensor) != input->data.size) {
        (void)snprintf(expected, sizeof(expected), "%zu bytes", tacit_tensor_size(tensor));
        (void)snprintf(got, sizeof(got), "%zu bytes", input->data.size);
        return s_refuse_input(error, declared->name, expected, got);
    }
    return TACIT_OK;
}

/*  NaN and infinity have all exponent bits set.  */
static bool s_extreme(tacit_span_t data)
{
    uint32_t found = 0;
    for (size_t i = 0; i + sizeof(uint32_t) <= data.size; i += sizeof(uint32_t)) {
        uint32_t bits;
        memcpy(&bits, data.data + i, sizeof(bits));
        found |= (bits & 0x7f800000U) == 0x7f800000U;
    }
    return found != 0;
}

static tacit_status_t s_take_input(const tacit_graph_t *graph, size_t i,
                                   const tacit_engine_tensor_t *inputs, size_t count,
                                   tacit_inputs_t *given, tacit_error_t *error)
{
    const tacit_engine_value_t *declared = &graph->inputs[i];
    const tacit_engine_tensor_t *input = s_find_input(declared->name, inputs, count);
    if (input == NULL) {
        return s_refuse_input(error, declared->name, "a tensor of this name", "none");
    }
    if (input->dtype != declared->dtype) {
        return s_refuse_input(error, declared->name, tacit_dtype_name(declared->dtype),
                              tacit_dtype_name(input->dtype));
    }
    tacit_tensor_t *tensor = &given->tensors[i];
    *tensor = (tacit_tensor_t){0};
    tacit_status_t status = s_check_shape(declared, input, tensor, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (graph->values[graph->input_values[i]].decides_shapes) {
        if (tensor->count > TACIT_PLAN_CONSTANT_MAX) {
            return s_refuse_decision(error, declared->name, tensor->count);
        }
        tensor->data = (void *)(uintptr_t)input->data.data; /* the planner copies it */
    }
    given->data[i] = input->data;
    given->extreme |= input->dtype == TACIT_DTYPE_FLOAT32 && s_extreme(input->data);
    return TACIT_OK;
}

tacit_status_t tacit_inputs_take(const tacit_graph_t *graph, const tacit_engine_tensor_t *inputs,
                                 size_t count, tacit_inputs_t *given, tacit_error_t *error)
{
    tacit_status_t status = TACIT_OK;
    given->extreme = graph->extreme_constants;
    if (count != graph->input_count) {
        char expected[32];
        char got[32];
        (void)snprintf(expected, sizeof(expected), "%zu inputs", graph->input_count);
        (void)snprintf(got, sizeof(got), "%zu inputs", count);
        return s_refuse_input(error, "inputs", expected, got);
    }
    for (size_t i = 0; status == TACIT_OK && i < count; i++) {
        status = s_take_input(graph, i, inputs, count, given, error);
    }
    return status;
}
