/*  blocked.c - maps in blocks of 16 channels, and the operators that work on them channel by
    channel.  */

#include "services/inference/engine/portable/portable.h"

#include <math.h>
#include <omp.h>
#include <string.h>

int tacit_portable_threads(void)
{
    return omp_get_max_threads();
}

dnnl_memory_desc_t tacit_blocked_layout(const tacit_shape_t *shape)
{
    dnnl_dims_t dims = {0};
    dnnl_memory_desc_t layout;
    memcpy(dims, shape->dims, shape->rank * sizeof(int64_t));
    memset(&layout, 0, sizeof(layout));
    (void)dnnl_memory_desc_init_by_tag(&layout, (int)shape->rank, dims, dnnl_f32,
                                       shape->rank == 3 ? dnnl_nCw16c : dnnl_nChw16c);
    return layout;
}

bool tacit_blocked_is(const tacit_planner_t *planner, int slot)
{
    return !tacit_planner_is_plain(planner, slot);
}

tacit_blocked_t tacit_blocked_of(const tacit_shape_t *shape)
{
    bool flat = shape->rank == 3;
    size_t channels = (size_t)shape->dims[1];
    return (tacit_blocked_t){.batch = (size_t)shape->dims[0],
                             .channels = channels,
                             .blocks = (channels + TACIT_BLOCK - 1) / TACIT_BLOCK,
                             .height = flat ? 1 : (size_t)shape->dims[2],
                             .width = (size_t)shape->dims[flat ? 2 : 3]};
}

/* --- reorders --------------------------------------------------------------------------------- */

/*  One block of channels of one image; the lanes that no channel fills become 0.  */
static void s_to_block(const float *x, float *y, size_t channels, size_t area)
{
    for (size_t i = 0; i < area; i++) {
        for (size_t lane = 0; lane < channels; lane++) {
            y[i * TACIT_BLOCK + lane] = x[lane * area + i];
        }
        for (size_t lane = channels; lane < TACIT_BLOCK; lane++) {
            y[i * TACIT_BLOCK + lane] = 0.0F;
        }
    }
}

static void s_from_block(const float *x, float *y, size_t channels, size_t area)
{
    for (size_t lane = 0; lane < channels; lane++) {
        for (size_t i = 0; i < area; i++) {
            y[lane * area + i] = x[i * TACIT_BLOCK + lane];
        }
    }
}

static const char *s_reorder(const tacit_tensor_t *input, const tacit_tensor_t *output,
                             bool blocking)
{
    tacit_blocked_t map = tacit_blocked_of(&input->shape);
    size_t area = map.height * map.width;
    const float *x = input->data;
    float *y = output->data;
    for (size_t n = 0; n < map.batch * map.blocks; n++) {
        size_t block = n % map.blocks;
        size_t plain = (n / map.blocks * map.channels + block * TACIT_BLOCK) * area;
        size_t left = map.channels - block * TACIT_BLOCK;
        size_t channels = left < TACIT_BLOCK ? left : TACIT_BLOCK;
        if (blocking) {
            s_to_block(x + plain, y + n * area * TACIT_BLOCK, channels, area);
        } else {
            s_from_block(x + n * area * TACIT_BLOCK, y + plain, channels, area);
        }
    }
    return NULL;
}

static const char *s_block(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                           size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)input_count, (void)output_count;
    return s_reorder(inputs, outputs, true);
}

static const char *s_unblock(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)input_count, (void)output_count;
    return s_reorder(inputs, outputs, false);
}

static const char *s_copy(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                          size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    memcpy(outputs[0].data, inputs[0].data, *(const size_t *)parameters->recipe);
    return NULL;
}

tacit_status_t tacit_blocked_reorder(tacit_planner_t *planner, int from, int to)
{
    int slots[] = {from, to};
    bool before = tacit_blocked_is(planner, from);
    bool after = tacit_blocked_is(planner, to);
    size_t *size = tacit_planner_room(planner, sizeof(*size));
    if (size == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *size = tacit_planner_slot_size(planner, to);
    return tacit_planner_kernel(planner,
                                before == after ? s_copy
                                : after         ? s_block
                                                : s_unblock,
                                "reorder", size, slots, 1, 1, 0);
}

int tacit_blocked_slot(tacit_planner_t *planner, int slot)
{
    dnnl_memory_desc_t layout = tacit_blocked_layout(&tacit_planner_tensor(planner, slot)->shape);
    if (tacit_blocked_is(planner, slot)) {
        return slot;
    }
    int to = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32,
                                    &tacit_planner_tensor(planner, slot)->shape, &layout);
    return to != TACIT_NO_SLOT && tacit_blocked_reorder(planner, slot, to) == TACIT_OK
               ? to
               : TACIT_NO_SLOT;
}

typedef struct s_vector_recipe {
    size_t count;
} s_vector_recipe_t;

static void s_fill_vector(const void *recipe, const void *source, void *ret_packed)
{
    memcpy(ret_packed, source, ((const s_vector_recipe_t *)recipe)->count * sizeof(float));
}

tacit_status_t tacit_blocked_vector(tacit_planner_t *planner, int slot, size_t count,
                                    const float **ret_vector)
{
    s_vector_recipe_t recipe = {count};
    size_t size = (count + TACIT_BLOCK - 1) / TACIT_BLOCK * TACIT_BLOCK * sizeof(float);
    *ret_vector = NULL;
    if (slot == TACIT_NO_SLOT) {
        return TACIT_OK;
    }
    *ret_vector = tacit_planner_pack(planner, slot, 1, size, s_fill_vector, &recipe);
    return *ret_vector != NULL ? TACIT_OK : tacit_planner_error(planner)->code;
}

/* --- activations ------------------------------------------------------------------------------ */

tacit_finish_t tacit_finish_of(const tacit_activation_t *activation)
{
    tacit_finish_t finish = {.low = -INFINITY, .high = INFINITY};
    switch (activation->alg) {
    case dnnl_eltwise_relu:
        finish.curved = activation->alpha != 0.0F;
        finish.low = finish.curved ? -INFINITY : 0.0F;
        finish.curve = TACIT_CURVE_LEAKY;
        finish.a = activation->alpha;
        break;
    case dnnl_eltwise_clip:
        finish.low = activation->alpha;
        finish.high = activation->beta;
        break;
    case dnnl_eltwise_logistic:
        finish.curved = true;
        finish.curve = TACIT_CURVE_SIGMOID;
        break;
    case dnnl_eltwise_tanh:
        finish.curved = true;
        finish.curve = TACIT_CURVE_TANH;
        break;
    case dnnl_eltwise_gelu_erf:
        finish.curved = true;
        finish.curve = TACIT_CURVE_GELU;
        break;
    case dnnl_eltwise_swish:
        finish.curved = true;
        finish.curve = TACIT_CURVE_SWISH;
        break;
    case dnnl_eltwise_elu:
        finish.curved = true;
        finish.curve = TACIT_CURVE_ELU;
        finish.a = activation->alpha;
        break;
    case dnnl_eltwise_hardswish:
        finish.curved = true;
        finish.curve = TACIT_CURVE_HARD_SWISH;
        break;
    default:
        break;
    }
    return finish;
}

void tacit_finish_run(const tacit_finish_t *finish, float *y, size_t count)
{
    if (finish->curved) {
        tacit_vector()->curve(finish->curve, finish->a, finish->b, y, y, count);
    }
}

typedef struct s_flat {
    tacit_finish_t finish;
    size_t count; /* floats, those that fill up blocks included */
} s_flat_t;

static const char *s_run_activation(const tacit_parameters_t *parameters,
                                    const tacit_tensor_t *inputs, size_t input_count,
                                    tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_flat_t *flat = parameters->recipe;
    const tacit_finish_t *finish = &flat->finish;
    tacit_vector()->curve(finish->curved ? finish->curve : TACIT_CURVE_CLAMP,
                          finish->curved ? finish->a : finish->low,
                          finish->curved ? finish->b : finish->high, inputs[0].data,
                          outputs[0].data, flat->count);
    return NULL;
}

static const char *s_run_sum(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                             size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_flat_t *flat = parameters->recipe;
    const tacit_finish_t *finish = &flat->finish;
    float *y = outputs[0].data;
    tacit_vector()->add(inputs[0].data, inputs[1].data, y, flat->count);
    if (finish->low > -INFINITY || finish->high < INFINITY) {
        tacit_vector()->curve(TACIT_CURVE_CLAMP, finish->low, finish->high, y, y, flat->count);
    }
    tacit_finish_run(finish, y, flat->count);
    return NULL;
}

/*  A kernel over all elements of slots of one layout.  */
static tacit_status_t s_plan_flat(tacit_planner_t *planner, tacit_kernel_t kernel, const char *how,
                                  const tacit_finish_t *finish, const int *inputs, size_t count,
                                  int value)
{
    int slots[3] = {inputs[0], inputs[count - 1], TACIT_NO_SLOT};
    const tacit_shape_t shape = tacit_planner_tensor(planner, inputs[0])->shape;
    dnnl_memory_desc_t layout = *tacit_planner_layout(planner, inputs[0]);
    s_flat_t *flat = tacit_planner_room(planner, sizeof(*flat));
    slots[count] =
        tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &shape,
                               tacit_planner_is_plain(planner, inputs[0]) ? NULL : &layout);
    if (flat == NULL || slots[count] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *flat = (s_flat_t){.finish = *finish,
                       .count = tacit_planner_slot_size(planner, slots[0]) / sizeof(float)};
    tacit_planner_bind(planner, value, slots[count]);
    return tacit_planner_kernel(planner, kernel, how, flat, slots, count, 1, 0);
}

static tacit_status_t s_activation(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    tacit_activation_t activation;
    if (!tacit_activation_of(planner, inference->node, &activation)) {
        return TACIT_OK;
    }
    *ret_done = true;
    tacit_finish_t finish = tacit_finish_of(&activation);
    int x = tacit_planner_slot(planner, inference->node->inputs[0]);
    return s_plan_flat(planner, s_run_activation, "vector", &finish, &x, 1,
                       inference->node->outputs[0]);
}

/*  An Add of two maps where one is in blocks already.  */
static tacit_status_t s_sum(tacit_planner_t *planner, const tacit_inference_t *inference,
                            bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[2] = {tacit_planner_slot(planner, node->inputs[0]),
                    tacit_planner_slot(planner, node->inputs[1])};
    bool blocked = tacit_blocked_is(planner, slots[0]) || tacit_blocked_is(planner, slots[1]);
    if (!tacit_shape_equal(&inference->inputs[0].shape, &inference->inputs[1].shape)) {
        return TACIT_OK;
    }
    for (size_t i = 0; blocked && i < 2; i++) {
        slots[i] = tacit_blocked_slot(planner, slots[i]);
        if (slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    tacit_activation_t activation;
    int value = tacit_planner_merge_activation(planner, node->outputs[0], &activation);
    tacit_finish_t finish = tacit_finish_of(&activation);
    *ret_done = true;
    return s_plan_flat(planner, s_run_sum, blocked ? "blocked" : "vector", &finish, slots, 2,
                       value);
}

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

static tacit_status_t s_batch_normalization(tacit_planner_t *planner,
                                            const tacit_inference_t *inference, bool *ret_done)
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
static tacit_status_t s_concat(tacit_planner_t *planner, const tacit_inference_t *inference,
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

/* --- pools ------------------------------------------------------------------------------------ */

typedef struct s_pool {
    tacit_frame_t frame;
    bool largest;
    tacit_blocked_t from, to;
} s_pool_t;

/*  The window's places inside the input: the first, and how many.  */
static size_t s_places(const s_pool_t *pool, size_t i, size_t at, int64_t *ret_first)
{
    const tacit_window_t *window = &pool->frame.window;
    int64_t start = (int64_t)at * window->stride[i] - window->begin[i];
    int64_t apart = window->dilation[i];
    int64_t skipped = start < 0 ? (-start + apart - 1) / apart : 0;
    int64_t first = start + skipped * apart;
    int64_t room = pool->frame.input[i] - first;
    int64_t fit = room > 0 ? (room + apart - 1) / apart : 0;
    int64_t left = window->kernel[i] - skipped;
    *ret_first = first;
    return (size_t)(fit < left ? fit : left > 0 ? left : 0);
}

/*  How many places an average is over, where the padding counts.  */
static size_t s_padded(const s_pool_t *pool, size_t i, size_t at)
{
    const tacit_window_t *window = &pool->frame.window;
    int64_t from = (int64_t)at * window->stride[i] - window->begin[i];
    int64_t end = pool->frame.input[i] + window->end[i];
    int64_t to = from + (window->kernel[i] - 1) * window->dilation[i] + 1;
    to = to < end ? to : end;
    return (size_t)((to - from + window->dilation[i] - 1) / window->dilation[i]);
}

static void s_pool_at(const s_pool_t *pool, const float *map, size_t row, size_t column, float *y)
{
    const tacit_vector_t *vector = tacit_vector();
    const tacit_window_t *window = &pool->frame.window;
    int64_t top = 0;
    int64_t left = 0;
    size_t rows = s_places(pool, 1, row, &top);
    size_t places = s_places(pool, 2, column, &left);
    const tacit_places_t under = {.rows = rows,
                                  .row_step = (size_t)window->dilation[1] * pool->from.width,
                                  .places = places,
                                  .step = (size_t)window->dilation[2]};
    const float *x = map + (top * (int64_t)pool->from.width + left) * TACIT_BLOCK;
    if (pool->largest) {
        vector->largest(x, &under, y);
    } else {
        vector->sum(x, &under, y);
    }
    if (!pool->largest) {
        size_t count = window->count_padding ? s_padded(pool, 1, row) * s_padded(pool, 2, column)
                                             : rows * places;
        float factor = 1.0F / (float)(count > 0 ? count : 1);
        for (size_t lane = 0; lane < TACIT_BLOCK; lane++) {
            y[lane] *= factor;
        }
    }
}

static const char *s_run_pool(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count, (void)output_count;
    const s_pool_t *pool = parameters->recipe;
    size_t area_x = pool->from.height * pool->from.width * TACIT_BLOCK;
    size_t area_y = pool->to.height * pool->to.width * TACIT_BLOCK;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < pool->to.batch * pool->to.blocks; n++) {
        float *y = (float *)outputs[0].data + n * area_y;
        for (size_t i = 0; i < pool->to.height * pool->to.width; i++) {
            s_pool_at(pool, (const float *)inputs[0].data + n * area_x, i / pool->to.width,
                      i % pool->to.width, y + i * TACIT_BLOCK);
        }
    }
    return NULL;
}

static tacit_status_t s_plan_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                  bool largest, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    int slots[2] = {tacit_planner_slot(planner, node->inputs[0]), TACIT_NO_SLOT};
    if (node->output_count > 1 || !tacit_blocked_is(planner, slots[0])) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t layout = tacit_blocked_layout(shape);
    s_pool_t *pool = tacit_planner_room(planner, sizeof(*pool));
    slots[1] = tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, &layout);
    if (pool == NULL || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    *pool = (s_pool_t){.frame = tacit_window_frame(&inference->parameters->window,
                                                   &inference->inputs[0].shape, shape),
                       .largest = largest,
                       .from = tacit_blocked_of(&inference->inputs[0].shape),
                       .to = tacit_blocked_of(shape)};
    tacit_planner_bind(planner, node->outputs[0], slots[1]);
    *ret_done = true;
    return tacit_planner_kernel(planner, s_run_pool, "blocked", pool, slots, 1, 1, 0);
}

static tacit_status_t s_max_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                 bool *ret_done)
{
    return s_plan_pool(planner, inference, true, ret_done);
}

static tacit_status_t s_average_pool(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done)
{
    return s_plan_pool(planner, inference, false, ret_done);
}

/* --- the table -----------------------------------------------------------------------------------
 */

typedef struct s_row {
    const char *name;
    tacit_accelerate_t plan;
} s_row_t;

static const s_row_t s_rows[] = {
    {"Conv", tacit_portable_convolution},
    {"Gemm", tacit_portable_gemm},
    {"MatMul", tacit_portable_matmul},
    {"Relu", s_activation},
    {"LeakyRelu", s_activation},
    {"Sigmoid", s_activation},
    {"Tanh", s_activation},
    {"Clip", s_activation},
    {"Elu", s_activation},
    {"HardSwish", s_activation},
    {"Gelu", s_activation},
    {"Swish", s_activation},
    {"Add", s_sum},
    {"BatchNormalization", s_batch_normalization},
    {"Concat", s_concat},
    {"MaxPool", s_max_pool},
    {"GlobalMaxPool", s_max_pool},
    {"AveragePool", s_average_pool},
    {"GlobalAveragePool", s_average_pool},
};

tacit_accelerate_t tacit_portable_find(const char *name)
{
    for (size_t i = 0; i < sizeof(s_rows) / sizeof(s_rows[0]); i++) {
        if (strcmp(s_rows[i].name, name) == 0) {
            return s_rows[i].plan;
        }
    }
    return NULL;
}
