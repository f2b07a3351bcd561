/*  attention_see.c - through Transposes, scales and repetition.  */

#include "services/inference/engine/portable/attention_see.h"

#include "services/inference/engine/ops/ops.h"

#include <string.h>

/*  A constant of one number.  */
bool tacit_see_number(const tacit_planner_t *planner, int value, float *ret_number)
{
    int slot = tacit_planner_slot(planner, value);
    const tacit_tensor_t *tensor =
        slot != TACIT_NO_SLOT ? tacit_planner_tensor(planner, slot) : NULL;
    if (tensor == NULL || tensor->data == NULL || tensor->count != 1 ||
        tensor->dtype != TACIT_DTYPE_FLOAT32) {
        return false;
    }
    *ret_number = *(const float *)tensor->data;
    return true;
}

/*  What a Mul or Div by one number multiplies with; *ret_value is its other input.  */
static bool s_is_scaled(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                        int *ret_value, float *ret_scale)
{
    float number = 0;
    bool product = tacit_graph_node_is(node, "Mul");
    if (!product && !tacit_graph_node_is(node, "Div")) {
        return false;
    }
    size_t at = product && tacit_see_number(planner, node->inputs[0], &number) ? 0 : 1;
    if (at == 1 && !tacit_see_number(planner, node->inputs[1], &number)) {
        return false;
    }
    int slot = tacit_planner_slot(planner, node->inputs[at]);
    *ret_value = node->inputs[1 - at];
    *ret_scale = product ? number : 1.0F / number;
    return tacit_planner_tensor(planner, slot)->shape.rank <=
           tacit_planner_tensor(planner, tacit_planner_slot(planner, *ret_value))->shape.rank;
}

bool tacit_see_transpose(const tacit_graph_node_t *node, size_t rank, size_t *order)
{
    const tacit_attribute_t *perm = tacit_graph_node_attribute(node, "perm");
    size_t made[TACIT_ENGINE_RANK_MAX];
    unsigned seen = 0;
    if (perm != NULL && perm->count != rank) {
        return false;
    }
    for (size_t i = 0; i < rank; i++) {
        int64_t from = perm != NULL ? perm->integers[order[i]] : (int64_t)(rank - 1 - order[i]);
        if (from < 0 || from >= (int64_t)rank) {
            return false;
        }
        made[i] = (size_t)from;
        seen |= 1U << made[i];
    }
    if (seen != (1U << rank) - 1) {
        return false;
    }
    memcpy(order, made, rank * sizeof(*made));
    return true;
}

/*  The value through the Transposes and scales that made it, whose steps go once all is found.  */
bool tacit_see(tacit_sight_t *sight, int value, tacit_seen_t *ret_seen)
{
    tacit_planner_t *planner = sight->planner;
    int slot = tacit_planner_slot(planner, value);
    if (slot == TACIT_NO_SLOT ||
        tacit_planner_tensor(planner, slot)->dtype != TACIT_DTYPE_FLOAT32 ||
        tacit_onednn_is_reduced(tacit_planner_layout(planner, slot))) {
        return false;
    }
    const tacit_shape_t shape = tacit_planner_tensor(planner, slot)->shape;
    tacit_seen_t seen = {.rank = shape.rank, .scale = 1.0F};
    size_t order[TACIT_ENGINE_RANK_MAX];
    for (size_t i = 0; i < TACIT_ENGINE_RANK_MAX; i++) {
        order[i] = i;
    }
    for (const tacit_graph_node_t *node = tacit_planner_unread(planner, value);
         node != NULL && sight->passed_count < TACIT_SIGHT_MAX;
         node = tacit_planner_unread(planner, value)) {
        float scale = 1.0F;
        int from = node->inputs[0];
        bool turned =
            tacit_graph_node_is(node, "Transpose") && tacit_see_transpose(node, shape.rank, order);
        if (!turned && !s_is_scaled(planner, node, &from, &scale)) {
            break;
        }
        seen.scale *= scale;
        sight->passed[sight->passed_count++] = value;
        value = from;
    }
    seen.slot = tacit_planner_plain(planner, tacit_planner_slot(planner, value));
    if (seen.slot == TACIT_NO_SLOT) {
        return false;
    }
    size_t steps[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(&tacit_planner_tensor(planner, seen.slot)->shape, steps);
    for (size_t i = 0; i < shape.rank; i++) {
        seen.dims[i] = shape.dims[i];
        seen.steps[i] = steps[order[i]];
    }
    *ret_seen = seen;
    return true;
}

/*  What is added to scores, or chooses them: as it lies, repeated where it is smaller.  */
bool tacit_see_repeated(tacit_planner_t *planner, int value, tacit_dtype_t dtype,
                        const tacit_shape_t *to, tacit_seen_t *ret_seen)
{
    int slot = tacit_planner_slot(planner, value);
    tacit_shape_t common;
    if (slot == TACIT_NO_SLOT || tacit_planner_tensor(planner, slot)->dtype != dtype ||
        !tacit_shape_broadcast(&tacit_planner_tensor(planner, slot)->shape, to, &common) ||
        !tacit_shape_equal(&common, to)) {
        return false;
    }
    tacit_seen_t seen = {.slot = tacit_planner_plain(planner, slot), .rank = to->rank};
    if (seen.slot == TACIT_NO_SLOT) {
        return false;
    }
    memcpy(seen.dims, to->dims, sizeof(seen.dims));
    tacit_shape_strides(&tacit_planner_tensor(planner, slot)->shape, to, seen.steps);
    *ret_seen = seen;
    return true;
}
