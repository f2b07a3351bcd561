/*  channels.c - BatchNormalization and Concat of blocked maps.  */

#include "services/inference/engine/portable/portable.h"

#include <math.h>
#include <string.h>

/* --- BatchNormalization ----------------------------------------------------------------------- */

typedef struct s_affine {
    tacit_finish_t finish;
    const float *scale, *shift;
    size_t maps, blocks, area; /* maps: batch * blocks */
} s_affine_t;

static const char *s_run_affine(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_affine_t *recipe = parameters->recipe;
    const tacit_vector_t *vector = tacit_vector();
    size_t size = recipe->area * TACIT_BLOCK;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < recipe->maps; n++) {
        size_t at = n % recipe->blocks * TACIT_BLOCK;
        float *y = (float *)outputs[0].data + n * size;
        vector->affine((const float *)inputs[0].data + n * size, recipe->scale + at,
                       recipe->shift + at, recipe->finish.low, recipe->finish.high, y,
                       recipe->area);
        tacit_finish_run(&recipe->finish, y, size);
    }
    return NULL;
}

static bool s_affine_vectors(tacit_planner_t *planner, const tacit_inference_t *inference,
                             s_affine_t *recipe)
{
    size_t channels = (size_t)inference->inputs[0].shape.dims[1];
    float *vectors =
        tacit_planner_own_elements(planner, 2 * recipe->blocks * TACIT_BLOCK * sizeof(float));
    if (vectors == NULL) {
        return false;
    }
    float *shift = vectors + recipe->blocks * TACIT_BLOCK;
    for (size_t c = 0; c < channels; c++) {
        const float *scale = inference->inputs[1].data;
        const float *bias = inference->inputs[2].data;
        const float *mean = inference->inputs[3].data;
        const float *variance = inference->inputs[4].data;
        vectors[c] = scale[c] / sqrtf(variance[c] + inference->parameters->real.alpha);
        shift[c] = bias[c] - mean[c] * vectors[c];
    }
    recipe->scale = vectors;
    recipe->shift = shift;
    return true;
}

tacit_status_t tacit_portable_batch_normalization(tacit_planner_t *planner,
                                                  const tacit_inference_t *inference,
                                                  bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[2] = {tacit_planner_slot(planner, node->inputs[0]), TACIT_NO_SLOT};
    bool constant = tacit_blocked_is(planner, slots[0]) && !inference->parameters->real.training;
    for (size_t i = 1; i < 5; i++) {
        constant = constant && inference->inputs[i].data != NULL;
    }
    if (!constant) {
        return TACIT_OK;
    }
    tacit_activation_t activation;
    int value = tacit_planner_merge_activation(planner, node->outputs[0], &activation);
    dnnl_memory_desc_t layout = tacit_blocked_layout(&inference->outputs[0].shape);
    tacit_blocked_t map = tacit_blocked_of(&inference->outputs[0].shape);
    s_affine_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    slots[1] =
        tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &inference->outputs[0].shape, &layout);
    if (recipe == NULL || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *recipe = (s_affine_t){.finish = tacit_finish_of(&activation),
                           .maps = map.batch * map.blocks,
                           .blocks = map.blocks,
                           .area = map.height * map.width};
    if (!s_affine_vectors(planner, inference, recipe)) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[1]);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_run_affine, "blocked", recipe, slots, 1, 1, 0);
}

/* --- Concat ----------------------------------------------------------------------------------- */

static const char *s_run_concat(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    float *y = outputs[0].data;
    for (size_t n = 0; n < (size_t)outputs[0].shape.dims[0]; n++) {
        for (size_t i = 0; i < input_count; i++) {
            tacit_blocked_t map = tacit_blocked_of(&inputs[i].shape);
            size_t size = map.blocks * map.height * map.width * TACIT_BLOCK;
            memcpy(y, (const float *)inputs[i].data + n * size, size * sizeof(float));
            y += size;
        }
    }
    return NULL;
}

/*  Of channels, where all but the last input fill their blocks.  */
tacit_status_t tacit_portable_concat(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    bool fits = (shape->rank == 3 || shape->rank == 4) && inference->parameters->axis.axis == 1;
    bool any = false;
    for (size_t i = 0; fits && i < node->input_count; i++) {
        slots[i] = tacit_planner_slot(planner, node->inputs[i]);
        any |= tacit_blocked_is(planner, slots[i]);
        fits = i + 1 == node->input_count || inference->inputs[i].shape.dims[1] % TACIT_BLOCK == 0;
    }
    if (!fits || !any) {
        return TACIT_OK;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        slots[i] = tacit_blocked_slot(planner, slots[i]);
        if (slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    dnnl_memory_desc_t layout = tacit_blocked_layout(shape);
    int y = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    if (y == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[node->input_count] = y;
    tacit_planner_bind(planner, node->outputs[0], y);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_run_concat, "blocked", NULL, slots, node->input_count, 1,
                                0);
}
