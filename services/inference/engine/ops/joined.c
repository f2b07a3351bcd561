/*  joined.c - gathering, scaling and shifting maps in one pass.  */

#include "services/inference/engine/ops/joined.h"

#include "services/inference/engine/portable/portable.h"

#include <math.h>
#include <string.h>

/*  Pixels that are gathered at once, so that they stay in the first cache.  */
enum { PARTS_MAX = 96, TILE = 16, BN_INPUTS = 5, USERS_MAX = 2 };

typedef struct s_recipe {
    size_t pixels, channels; /* of the whole */
    size_t parts[PARTS_MAX]; /* channels of each */
    const float *scale, *shift;
    float low;
} s_recipe_t;

/* --- Concat ----------------------------------------------------------------------------------- */

/*  A normalization of the value by constants.  */
static bool s_normalizes(const tacit_inference_t *inference, const tacit_graph_node_t *node)
{
    bool fits = tacit_graph_node_is(node, "BatchNormalization") &&
                node->inputs[0] == inference->node->outputs[0] &&
                tacit_graph_node_integer(node, "training_mode", 0) == 0;
    for (size_t i = 1; fits && i < BN_INPUTS; i++) {
        const tacit_tensor_t *vector = &inference->graph->values[node->inputs[i]].content;
        fits = node->inputs[i] != inference->node->outputs[0] && vector->data != NULL &&
               vector->count == (size_t)inference->outputs[0].shape.dims[1];
    }
    return fits;
}

/*  Whoever reads the value takes it in parts; one at least does so for good.  */
static bool s_is_read_in_parts(const tacit_planner_t *planner, const tacit_inference_t *inference)
{
    const tacit_graph_node_t *users[USERS_MAX];
    size_t count = tacit_planner_users(planner, inference->node->outputs[0], users, USERS_MAX);
    bool fits = count > 0;
    size_t normalized = 0;
    for (size_t i = 0; i < count; i++) {
        bool normalizes = s_normalizes(inference, users[i]);
        normalized += normalizes ? 1 : 0;
        fits = fits && (normalizes || tacit_graph_node_is(users[i], "Concat"));
    }
    return fits && normalized > 0;
}

/*  All parts, with those of parts that are joined themselves; 0 where there are too many.  */
static size_t s_collect(const tacit_planner_t *planner, const tacit_graph_node_t *node,
                        int ret_parts[PARTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        const int *parts = &slot;
        size_t more = tacit_planner_parts(planner, slot, &parts);
        more = more > 0 ? more : 1;
        if (more > PARTS_MAX - count) {
            return 0;
        }
        memcpy(ret_parts + count, parts, more * sizeof(int));
        count += more;
    }
    return count;
}

tacit_status_t tacit_joined_concat(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int parts[PARTS_MAX];
    bool fits = tacit_planner_may_merge(planner) && inference->parameters->axis.axis == 1 &&
                inference->outputs[0].shape.rank == 4 && s_is_read_in_parts(planner, inference);
    size_t count = fits ? s_collect(planner, node, parts) : 0;
    if (count == 0 || tacit_planner_is_plain(planner, parts[0])) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t first =
        tacit_onednn_channels_last(&tacit_planner_tensor(planner, parts[0])->shape);
    if (dnnl_memory_desc_equal(&first, tacit_planner_layout(planner, parts[0])) == 0) {
        return TACIT_OK;
    }
    for (size_t i = 1; i < count; i++) {
        dnnl_memory_desc_t layout =
            tacit_onednn_channels_last(&tacit_planner_tensor(planner, parts[i])->shape);
        parts[i] = tacit_planner_arrange(planner, parts[i], NULL, &layout);
        if (parts[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    dnnl_memory_desc_t whole = tacit_onednn_channels_last(&inference->outputs[0].shape);
    int joined = tacit_planner_join(planner, &inference->outputs[0].shape, &whole, parts, count);
    if (joined == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, node->outputs[0], joined);
    *ret_done = true;
    return TACIT_OK;
}

/* --- BatchNormalization ----------------------------------------------------------------------- */

static const char *s_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)output_count;
    const s_recipe_t *recipe = parameters->recipe;
    const tacit_vector_t *vector = tacit_vector();
    size_t tiles = (recipe->pixels + TILE - 1) / TILE;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < tiles; n++) {
        size_t first = n * TILE;
        size_t left = recipe->pixels - first;
        size_t at = 0;
        for (size_t i = 0; i < input_count; at += recipe->parts[i++]) {
            const tacit_rows_t rows = {
                .x = (const float *)inputs[i].data + first * recipe->parts[i],
                .scale = recipe->scale + at,
                .shift = recipe->shift + at,
                .low = recipe->low,
                .y = (float *)outputs[0].data + first * recipe->channels + at,
                .length = recipe->parts[i],
                .step = recipe->channels,
                .count = left < TILE ? left : TILE};
            vector->affine_rows(&rows);
        }
    }
    return NULL;
}

/*  y = x scale + shift, as the four vectors have it.  */
static bool s_fill_vectors(tacit_planner_t *planner, const tacit_inference_t *inference,
                           s_recipe_t *recipe)
{
    float *scale = tacit_planner_own_elements(planner, 2 * recipe->channels * sizeof(float));
    if (scale == NULL) {
        return false;
    }
    float *shift = scale + recipe->channels;
    const float *vectors[BN_INPUTS];
    for (size_t i = 1; i < BN_INPUTS; i++) {
        vectors[i] = inference->inputs[i].data;
    }
    for (size_t c = 0; c < recipe->channels; c++) {
        scale[c] = vectors[1][c] / sqrtf(vectors[4][c] + inference->parameters->real.alpha);
        shift[c] = vectors[2][c] - vectors[3][c] * scale[c];
    }
    recipe->scale = scale;
    recipe->shift = shift;
    return true;
}

static tacit_status_t s_add_step(tacit_planner_t *planner, const tacit_inference_t *inference,
                                 s_recipe_t *recipe, int value)
{
    int slots[PARTS_MAX + 1];
    const int *parts = NULL;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    size_t count = tacit_planner_parts(
        planner, tacit_planner_slot(planner, inference->node->inputs[0]), &parts);
    dnnl_memory_desc_t layout = tacit_onednn_channels_last(shape);
    for (size_t i = 0; i < count; i++) {
        slots[i] = parts[i];
        recipe->parts[i] = (size_t)tacit_planner_tensor(planner, parts[i])->shape.dims[1];
    }
    slots[count] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    if (slots[count] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[count]);
    return tacit_planner_kernel(planner, s_run, "gathered", recipe, slots, count, 1, 0);
}

tacit_status_t tacit_joined_normalize(tacit_planner_t *planner, const tacit_inference_t *inference,
                                      bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int value = node->outputs[0];
    const tacit_graph_node_t *next = tacit_planner_follower(planner, value);
    s_recipe_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *recipe = (s_recipe_t){.channels = (size_t)shape->dims[1],
                           .pixels = tacit_shape_span(shape, 2, 4) * (size_t)shape->dims[0],
                           .low = -INFINITY};
    if (tacit_planner_may_merge(planner) && tacit_graph_node_is(next, "Relu")) {
        tacit_planner_absorb(planner, next);
        value = next->outputs[0];
        recipe->low = 0.0F;
    }
    *ret_done = true;
    return s_fill_vectors(planner, inference, recipe)
               ? s_add_step(planner, inference, recipe, value)
               : tacit_planner_error(planner)->code;
}
