/*  channels.c - BatchNormalization, gates and Concat of blocked maps.  */

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

/* --- a map times one number per channel ---------------------------------------------------------
 */

enum { S_EIGHT = 8 };

typedef struct s_gate {
    tacit_finish_t finish;
    size_t batch, blocks, area;
    size_t lanes; /* channels of a block: 16, or 8 of oneDNN's */
    size_t step;  /* of the gate, from image to image */
} s_gate_t;

static void s_gate_eight(const float *x, const float *gate, float *y, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        for (size_t lane = 0; lane < S_EIGHT; lane++) {
            y[i * S_EIGHT + lane] = x[i * S_EIGHT + lane] * gate[lane];
        }
    }
}

static const char *s_run_gate(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    static const float zeros[TACIT_BLOCK] = {0};
    const s_gate_t *recipe = parameters->recipe;
    const tacit_finish_t *finish = &recipe->finish;
    const tacit_vector_t *vector = tacit_vector();
    size_t size = recipe->area * recipe->lanes;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < recipe->batch * recipe->blocks; n++) {
        const float *gate = (const float *)inputs[1].data + n / recipe->blocks * recipe->step +
                            n % recipe->blocks * recipe->lanes;
        const float *x = (const float *)inputs[0].data + n * size;
        float *y = (float *)outputs[0].data + n * size;
        if (recipe->lanes == TACIT_BLOCK) {
            vector->affine(x, gate, zeros, finish->low, finish->high, y, recipe->area);
        } else {
            s_gate_eight(x, gate, y, recipe->area);
            vector->curve(TACIT_CURVE_CLAMP, finish->low, finish->high, y, y, size);
        }
        tacit_finish_run(finish, y, size);
    }
    return NULL;
}

/*  The layout of a shape of rank 3 or 4 in blocks of that many channels.  */
static dnnl_memory_desc_t s_layout(const tacit_shape_t *shape, size_t lanes)
{
    dnnl_dims_t dims = {0};
    dnnl_memory_desc_t layout;
    if (lanes == TACIT_BLOCK) {
        return tacit_blocked_layout(shape);
    }
    memcpy(dims, shape->dims, shape->rank * sizeof(int64_t));
    memset(&layout, 0, sizeof(layout));
    (void)dnnl_memory_desc_init_by_tag(&layout, (int)shape->rank, dims, dnnl_f32,
                                       shape->rank == 3 ? dnnl_nCw8c : dnnl_nChw8c);
    return layout;
}

/*  The channels of a block, 16 or 8, where that slot holds floats in such; else 0.  */
static size_t s_lanes(const tacit_planner_t *planner, int slot)
{
    const tacit_shape_t *shape = &tacit_planner_tensor(planner, slot)->shape;
    bool may = !tacit_planner_is_plain(planner, slot) && (shape->rank == 3 || shape->rank == 4);
    for (size_t lanes = TACIT_BLOCK; may && lanes >= S_EIGHT; lanes /= 2) {
        dnnl_memory_desc_t layout = s_layout(shape, lanes);
        if (dnnl_memory_desc_equal(tacit_planner_layout(planner, slot), &layout) != 0) {
            return lanes;
        }
    }
    return 0;
}

/*  Whether one operand is a map in blocks, the other a number for each of its channels.  */
static bool s_is_gated(const tacit_planner_t *planner, const tacit_shape_t *shape, int map,
                       int gate)
{
    const tacit_shape_t *numbers = &tacit_planner_tensor(planner, gate)->shape;
    bool fits = s_lanes(planner, map) > 0 && numbers->rank == shape->rank &&
                tacit_shape_equal(&tacit_planner_tensor(planner, map)->shape, shape) &&
                (numbers->dims[0] == 1 || numbers->dims[0] == shape->dims[0]) &&
                numbers->dims[1] == shape->dims[1];
    for (size_t i = 2; fits && i < shape->rank; i++) {
        fits = numbers->dims[i] == 1;
    }
    return fits;
}

static tacit_status_t s_plan_gate(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  int map, int gate)
{
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    tacit_shape_t numbers = tacit_planner_tensor(planner, gate)->shape;
    size_t lanes = s_lanes(planner, map) == S_EIGHT ? S_EIGHT : TACIT_BLOCK;
    dnnl_memory_desc_t layout = s_layout(&numbers, lanes);
    int slots[] = {map,
                   tacit_planner_onednn(planner) != NULL
                       ? tacit_planner_arrange(planner, gate, NULL, &layout)
                       : tacit_blocked_slot(planner, gate),
                   TACIT_NO_SLOT};
    tacit_activation_t activation;
    int value = tacit_planner_merge_activation(planner, inference->node->outputs[0], &activation);
    layout = s_layout(shape, lanes);
    slots[2] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    s_gate_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    if (slots[1] == TACIT_NO_SLOT || slots[2] == TACIT_NO_SLOT || recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    tacit_blocked_t of = tacit_blocked_of(shape);
    size_t blocks = (of.channels + lanes - 1) / lanes;
    *recipe = (s_gate_t){.finish = tacit_finish_of(&activation),
                         .batch = of.batch,
                         .blocks = blocks,
                         .area = of.height * of.width,
                         .lanes = lanes,
                         .step = numbers.dims[0] > 1 ? blocks * lanes : 0};
    tacit_planner_bind(planner, value, slots[2]);
    return tacit_planner_kernel(planner, s_run_gate, "blocked", recipe, slots, 2, 1, 0);
}

tacit_status_t tacit_portable_gate(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[2] = {tacit_planner_slot(planner, inference->node->inputs[0]),
                    tacit_planner_slot(planner, inference->node->inputs[1])};
    for (size_t i = 0; i < 2; i++) {
        if (s_is_gated(planner, shape, slots[i], slots[1 - i])) {
            *ret_done = true;
            return s_plan_gate(planner, inference, slots[i], slots[1 - i]);
        }
    }
    return TACIT_OK;
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
