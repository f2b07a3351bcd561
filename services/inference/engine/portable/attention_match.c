/*  attention_match.c - finds attention while its first product is planned.

    MatMul of q and k, maybe a scale, a choice (Where), a sum (Add), Softmax over the last axis,
    MatMul by v. Nothing else may read what is between them. Transposes and scales before q, k and
    v, and a Transpose behind, become steps from element to element.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/attention.h"
#include "services/inference/engine/portable/attention_see.h"

#include <string.h>

/*  What was found so far.  */
typedef struct s_match {
    tacit_sight_t sight;  /* of q, k and v */
    tacit_shape_t scores; /* [.., rows, keys] */
    int value;            /* made by the last node that was taken */
    const tacit_graph_node_t *taken[8];
    size_t taken_count;
    tacit_seen_t seen[TACIT_ATTENTION_SLOTS]; /* but for y */
    bool added, chosen, kept;
    float scale, instead;
    tacit_shape_t y;                     /* as it is given out */
    size_t order[TACIT_ENGINE_RANK_MAX]; /* its dimension i is order[i] of the product's */
} s_match_t;

/*  What pays where no Transpose goes: rows that share packed keys and values; and, beside oneDNN's
    own products, scores of one head that the second cache does not hold beside everything else.  */
enum { ROWS_MIN = 4, SCORES_MIN = 65536 };

/* --- the nodes in between --------------------------------------------------------------------- */

/*  The only node that uses what was made last.  */
static const tacit_graph_node_t *s_next(const s_match_t *match)
{
    return tacit_planner_follower(match->sight.planner, match->value);
}

static void s_take(s_match_t *match, const tacit_graph_node_t *node)
{
    match->taken[match->taken_count++] = node;
    match->value = node->outputs[0];
}

static void s_take_scale(s_match_t *match)
{
    const tacit_graph_node_t *node = s_next(match);
    float number = 0;
    bool product = tacit_graph_node_is(node, "Mul");
    if (!product && !tacit_graph_node_is(node, "Div")) {
        return;
    }
    int other = node->inputs[node->inputs[0] == match->value ? 1 : 0];
    if (!tacit_see_number(match->sight.planner, other, &number) ||
        (!product && node->inputs[1] != other)) {
        return;
    }
    int slot = tacit_planner_slot(match->sight.planner, other);
    if (tacit_planner_tensor(match->sight.planner, slot)->shape.rank <= match->scores.rank) {
        match->scale *= product ? number : 1.0F / number;
        s_take(match, node);
    }
}

static void s_take_choice(s_match_t *match)
{
    const tacit_graph_node_t *node = s_next(match);
    if (!tacit_graph_node_is(node, "Where") || node->inputs[0] == match->value) {
        return;
    }
    bool kept = node->inputs[1] == match->value;
    int slot = tacit_planner_slot(match->sight.planner, node->inputs[kept ? 2 : 1]);
    if (tacit_see_number(match->sight.planner, node->inputs[kept ? 2 : 1], &match->instead) &&
        tacit_planner_tensor(match->sight.planner, slot)->shape.rank <= match->scores.rank &&
        tacit_see_repeated(match->sight.planner, node->inputs[0], TACIT_DTYPE_BOOL, &match->scores,
                           &match->seen[TACIT_ATTENTION_CHOSEN])) {
        match->chosen = true;
        match->kept = kept;
        s_take(match, node);
    }
}

static void s_take_sum(s_match_t *match)
{
    const tacit_graph_node_t *node = s_next(match);
    if (!tacit_graph_node_is(node, "Add")) {
        return;
    }
    int other = node->inputs[node->inputs[0] == match->value ? 1 : 0];
    if (other != match->value &&
        tacit_see_repeated(match->sight.planner, other, TACIT_DTYPE_FLOAT32, &match->scores,
                           &match->seen[TACIT_ATTENTION_ADDED])) {
        match->added = true;
        s_take(match, node);
    }
}

/*  Softmax over the last axis, and the product with v.  */
static bool s_take_end(s_match_t *match)
{
    const tacit_graph_node_t *node = s_next(match);
    size_t axis = 0;
    if (!tacit_graph_node_is(node, "Softmax") ||
        !tacit_shape_axis(tacit_graph_node_integer(node, "axis", node->op->since < 13 ? 1 : -1),
                          match->scores.rank, &axis) ||
        axis + 1 != match->scores.rank) {
        return false;
    }
    s_take(match, node);
    node = s_next(match);
    if (!tacit_graph_node_is(node, "MatMul") || node->inputs[0] != match->value ||
        !tacit_see(&match->sight, node->inputs[1], &match->seen[TACIT_ATTENTION_V])) {
        return false;
    }
    s_take(match, node);
    return true;
}

/*  The dimensions before the last two are those of the scores, or 1.  */
static bool s_fits(const s_match_t *match, size_t i)
{
    const tacit_seen_t *seen = &match->seen[i];
    bool fits = seen->rank == match->scores.rank;
    for (size_t d = 0; fits && d + 2 < seen->rank; d++) {
        fits = seen->dims[d] == match->scores.dims[d] || seen->dims[d] == 1;
    }
    return fits;
}

/*  The output, through the Transpose that follows, if it leaves the last dimension there.  */
static void s_find_output(s_match_t *match)
{
    size_t rank = match->scores.rank;
    tacit_shape_t made = match->scores;
    made.dims[rank - 1] = match->seen[TACIT_ATTENTION_V].dims[rank - 1];
    for (size_t i = 0; i < TACIT_ENGINE_RANK_MAX; i++) {
        match->order[i] = i;
    }
    const tacit_graph_node_t *node = s_next(match);
    if (tacit_graph_node_is(node, "Transpose")) {
        size_t order[TACIT_ENGINE_RANK_MAX];
        memcpy(order, match->order, sizeof(order));
        if (tacit_see_transpose(node, rank, order) && order[rank - 1] == rank - 1) {
            memcpy(match->order, order, sizeof(order));
            s_take(match, node);
        }
    }
    match->y = made;
    for (size_t i = 0; i < rank; i++) {
        match->y.dims[i] = made.dims[match->order[i]];
    }
}

static bool s_pays(const s_match_t *match)
{
    const tacit_shape_t *scores = &match->scores;
    int64_t rows = scores->dims[scores->rank - 2];
    bool turned = match->sight.passed_count > 0;
    for (size_t i = 0; i < scores->rank; i++) {
        turned |= match->order[i] != i;
    }
    return turned || (rows >= ROWS_MIN && (tacit_planner_onednn(match->sight.planner) == NULL ||
                                           rows * scores->dims[scores->rank - 1] >= SCORES_MIN));
}

static bool s_find(s_match_t *match, const tacit_inference_t *inference)
{
    const tacit_graph_node_t *node = inference->node;
    match->scores = inference->outputs[0].shape;
    match->value = node->outputs[0];
    match->scale = 1.0F;
    size_t rank = match->scores.rank;
    if (inference->inputs[0].shape.rank != rank || inference->inputs[1].shape.rank != rank ||
        rank < 3 || match->scores.dims[rank - 1] < 1) {
        return false;
    }
    s_take_scale(match);
    s_take_choice(match);
    s_take_sum(match);
    if (!s_take_end(match) ||
        !tacit_see(&match->sight, node->inputs[0], &match->seen[TACIT_ATTENTION_Q]) ||
        !tacit_see(&match->sight, node->inputs[1], &match->seen[TACIT_ATTENTION_K])) {
        return false;
    }
    const tacit_seen_t *v = &match->seen[TACIT_ATTENTION_V];
    bool fits = s_fits(match, TACIT_ATTENTION_Q) && s_fits(match, TACIT_ATTENTION_K) &&
                s_fits(match, TACIT_ATTENTION_V) &&
                v->dims[rank - 2] == match->scores.dims[rank - 1] && v->dims[rank - 1] > 0;
    if (fits) {
        s_find_output(match);
    }
    return fits && s_pays(match);
}

/* --- the step --------------------------------------------------------------------------------- */

/*  Where head number `head` begins in what is seen so.  */
static size_t s_begin(const s_match_t *match, const tacit_seen_t *seen, size_t head)
{
    size_t at = 0;
    for (size_t d = match->scores.rank - 2; d-- > 0;) {
        size_t dim = (size_t)match->scores.dims[d];
        at += seen->dims[d] == 1 ? 0 : head % dim * seen->steps[d];
        head /= dim;
    }
    return at;
}

/*  The output as the product sees it.  */
static void s_see_output(s_match_t *match, int slot)
{
    tacit_seen_t seen = {.slot = slot, .rank = match->scores.rank};
    size_t steps[TACIT_ENGINE_RANK_MAX] = {0};
    tacit_dense_strides(&match->y, steps);
    for (size_t i = 0; i < seen.rank; i++) {
        seen.dims[match->order[i]] = match->y.dims[i];
        seen.steps[match->order[i]] = steps[i];
    }
    match->seen[TACIT_ATTENTION_Y] = seen;
}

static tacit_attention_t *s_recipe(const s_match_t *match)
{
    size_t rank = match->scores.rank;
    const tacit_seen_t *seen = match->seen;
    tacit_attention_t *recipe = tacit_planner_room(match->sight.planner, sizeof(*recipe));
    size_t heads = tacit_shape_span(&match->scores, 0, rank - 2);
    size_t(*at)[TACIT_ATTENTION_SLOTS] =
        tacit_planner_room(match->sight.planner, heads * sizeof(*at));
    if (recipe == NULL || at == NULL) {
        return NULL;
    }
    *recipe = (tacit_attention_t){.heads = heads,
                                  .rows = (size_t)match->scores.dims[rank - 2],
                                  .length = (size_t)seen[TACIT_ATTENTION_Q].dims[rank - 1],
                                  .keys = (size_t)match->scores.dims[rank - 1],
                                  .width = (size_t)seen[TACIT_ATTENTION_V].dims[rank - 1],
                                  .scale = match->scale * seen[TACIT_ATTENTION_Q].scale *
                                           seen[TACIT_ATTENTION_K].scale,
                                  .value_scale = seen[TACIT_ATTENTION_V].scale,
                                  .at = at,
                                  .added = match->added,
                                  .chosen = match->chosen,
                                  .kept = match->kept,
                                  .instead = match->instead};
    for (size_t i = 0; i < TACIT_ATTENTION_SLOTS; i++) {
        bool there = (i != TACIT_ATTENTION_ADDED || match->added) &&
                     (i != TACIT_ATTENTION_CHOSEN || match->chosen);
        for (size_t head = 0; there && head < heads; head++) {
            at[head][i] = s_begin(match, &seen[i], head);
        }
        if (there) {
            recipe->places[i] =
                (tacit_attention_place_t){seen[i].steps[rank - 2], seen[i].steps[rank - 1]};
        }
    }
    return recipe;
}

static tacit_status_t s_plan(s_match_t *match)
{
    tacit_planner_t *planner = match->sight.planner;
    int slots[TACIT_ATTENTION_SLOTS];
    for (size_t i = 0; i < TACIT_ATTENTION_Y; i++) {
        slots[i] = match->seen[i].slot;
    }
    slots[TACIT_ATTENTION_ADDED] = match->added ? slots[TACIT_ATTENTION_ADDED] : TACIT_NO_SLOT;
    slots[TACIT_ATTENTION_CHOSEN] = match->chosen ? slots[TACIT_ATTENTION_CHOSEN] : TACIT_NO_SLOT;
    int y = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &match->y, NULL);
    s_see_output(match, y);
    slots[TACIT_ATTENTION_Y] = y;
    tacit_attention_t *recipe = y != TACIT_NO_SLOT ? s_recipe(match) : NULL;
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    for (size_t i = 0; i < match->taken_count; i++) {
        tacit_planner_absorb(planner, match->taken[i]);
    }
    for (size_t i = 0; i < match->sight.passed_count; i++) {
        tacit_planner_forget(planner, match->sight.passed[i]);
    }
    tacit_planner_bind(planner, match->value, y);
    return tacit_planner_kernel(planner, tacit_attention_run, "attention", recipe, slots,
                                TACIT_ATTENTION_Y, 1, tacit_attention_divide(recipe));
}

tacit_status_t tacit_portable_attention(tacit_planner_t *planner,
                                        const tacit_inference_t *inference, bool *ret_done)
{
    s_match_t match = {.sight.planner = planner};
    if (!tacit_planner_may_merge(planner) || !s_find(&match, inference)) {
        return tacit_planner_error(planner)->code;
    }
    *ret_done = true;
    return s_plan(&match);
}
