/*  turn.c - see prepare.h: exporters leave weights in another framework's order behind a Transpose.
 */

#include "services/inference/quantizer/prepare.h"

/*  The order of dimensions; false where the node's is none.  */
static bool s_order(const Onnx__NodeProto *node, size_t rank, size_t ret_order[])
{
    const Onnx__AttributeProto *order = tacit_draft_attribute(node, "perm");
    bool seen[TACIT_ENGINE_RANK_MAX] = {false};
    bool fits = order == NULL || order->n_ints == rank;
    for (size_t i = 0; fits && i < rank; i++) {
        int64_t from = order != NULL ? order->ints[i] : (int64_t)(rank - 1 - i);
        fits = from >= 0 && from < (int64_t)rank && !seen[from];
        if (fits) {
            seen[from] = true;
            ret_order[i] = (size_t)from;
        }
    }
    return fits;
}

/*  The elements in that order.  */
static void s_turn(const float *numbers, const tacit_shape_t *shape, const size_t *order,
                   const tacit_shape_t *turned, size_t count, float *ret_numbers)
{
    size_t strides[TACIT_ENGINE_RANK_MAX];
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    for (size_t i = 0; i < shape->rank; i++) {
        strides[i] = tacit_shape_span(shape, order[i] + 1, shape->rank);
    }
    for (size_t n = 0; n < count; n++) {
        size_t from = 0;
        for (size_t i = 0; i < turned->rank; i++) {
            from += at[i] * strides[i];
        }
        ret_numbers[n] = numbers[from];
        for (size_t i = turned->rank; i > 0 && ++at[i - 1] == (size_t)turned->dims[i - 1]; i--) {
            at[i - 1] = 0;
        }
    }
}

/*  Gives a constant to all who use what the node makes; they are later.  */
static void s_hand_on(tacit_draft_t *draft, size_t node, const char *name)
{
    int made = tacit_draft_output(draft, draft->nodes[node], 0);
    for (size_t n = node + 1; n < draft->node_count; n++) {
        for (size_t i = 0; i < draft->nodes[n]->n_input; i++) {
            if (tacit_draft_input(draft, draft->nodes[n], i) == made) {
                draft->nodes[n]->input[i] = (char *)(uintptr_t)name;
            }
        }
    }
}

tacit_status_t tacit_prepare_constants(tacit_draft_t *draft, tacit_error_t *error)
{
    for (size_t n = 0; n < draft->node_count; n++) {
        const Onnx__NodeProto *node = draft->nodes[n];
        tacit_shape_t shape = {.rank = 0};
        tacit_shape_t turned = {.rank = 0};
        size_t count = 0;
        size_t order[TACIT_ENGINE_RANK_MAX] = {0};
        int made = tacit_draft_output(draft, node, 0);
        if (!tacit_draft_is(node, "Transpose") || made < 0 || draft->values[made].output ||
            draft->values[made].captured) {
            continue;
        }
        const float *numbers =
            tacit_draft_floats(draft, tacit_draft_input(draft, node, 0), &shape, &count, error);
        if (numbers == NULL || !s_order(node, shape.rank, order)) {
            continue;
        }
        turned.rank = shape.rank;
        for (size_t i = 0; i < shape.rank; i++) {
            turned.dims[i] = shape.dims[order[i]];
        }
        const char *name = tacit_draft_name(draft, node->output[0], "turned", error);
        float *elements =
            name != NULL ? tacit_draft_constant(draft, name, TACIT_DTYPE_FLOAT32, &turned, error)
                         : NULL;
        if (elements == NULL) {
            return error->code;
        }
        s_turn(numbers, &shape, order, &turned, count, elements);
        s_hand_on(draft, n, name);
        draft->nodes[n] = NULL;
    }
    return tacit_draft_close_ranks(draft, error);
}
