/*  product.c - Gemm and MatMul over row-major matrices: tiles of rows and columns (vector.h).

    The right matrix is packed into columns of 16, once where it is constant, else in each run. The
    left one is turned into panels of as many rows as a tile has, where it has more than a few.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/attention.h"

#include <math.h>
#include <string.h>

enum { ROWS_FEW = 3 };

typedef struct s_recipe {
    size_t m, k, n;
    size_t batches;
    size_t (*offsets)[2];   /* of each batch in a and b */
    const float *b;         /* packed; NULL: to be packed in each run */
    size_t b_row, b_column; /* steps in the matrix as it lies */
    const float *bias;
    bool add;
    tacit_finish_t finish;
} s_recipe_t;

static size_t s_blocks(size_t count)
{
    return (count + TACIT_BLOCK - 1) / TACIT_BLOCK;
}

/*  [columns / 16, k / 16, 16 rows, 16 columns], both filled up.  */
static size_t s_packed_count(const s_recipe_t *recipe)
{
    return s_blocks(recipe->n) * s_blocks(recipe->k) * TACIT_BLOCK * TACIT_BLOCK;
}

static void s_fill_block(const s_recipe_t *recipe, const float *b, size_t block, float *to)
{
    size_t first = block * TACIT_BLOCK;
    size_t left = recipe->n - first;
    size_t columns = left < TACIT_BLOCK ? left : TACIT_BLOCK;
    for (size_t k = 0; k < recipe->k; k++) {
        const float *from = b + k * recipe->b_row + first * recipe->b_column;
        if (recipe->b_column == 1 && columns == TACIT_BLOCK) {
            memcpy(to + k * TACIT_BLOCK, from, TACIT_BLOCK * sizeof(float));
            continue;
        }
        for (size_t i = 0; i < columns; i++) {
            to[k * TACIT_BLOCK + i] = from[i * recipe->b_column];
        }
        for (size_t i = columns; i < TACIT_BLOCK; i++) {
            to[k * TACIT_BLOCK + i] = 0.0F;
        }
    }
}

static void s_fill(const void *given, const void *source, void *ret_packed)
{
    const s_recipe_t *recipe = given;
    size_t size = s_blocks(recipe->k) * TACIT_BLOCK * TACIT_BLOCK;
    for (size_t block = 0; block < s_blocks(recipe->n); block++) {
        s_fill_block(recipe, source, block, (float *)ret_packed + block * size);
    }
}

/*  [rows / 14, k, 14]: as many rows side by side as a tile takes.  */
static size_t s_panel_count(const s_recipe_t *recipe)
{
    size_t panels = (recipe->m + TACIT_TILE_MAX - 1) / TACIT_TILE_MAX;
    return recipe->m > ROWS_FEW ? panels * TACIT_TILE_MAX * recipe->k : 0;
}

static void s_fill_panels(const s_recipe_t *recipe, const float *a, float *to)
{
    for (size_t row = 0; row < recipe->m; row++) {
        float *panel =
            to + row / TACIT_TILE_MAX * TACIT_TILE_MAX * recipe->k + row % TACIT_TILE_MAX;
        for (size_t k = 0; k < recipe->k; k++) {
            panel[k * TACIT_TILE_MAX] = a[row * recipe->k + k];
        }
    }
}

/* --- running ---------------------------------------------------------------------------------- */

static tacit_tile_t s_make_tile(const s_recipe_t *recipe)
{
    size_t blocks = s_blocks(recipe->k);
    return (tacit_tile_t){.blocks = blocks,
                          .last = recipe->k - (blocks - 1) * TACIT_BLOCK,
                          .rows = 1,
                          .places = 1,
                          .y_pixel = recipe->n,
                          .y_block = TACIT_BLOCK,
                          .dense = true,
                          .add = recipe->add,
                          .low = recipe->finish.low,
                          .high = recipe->finish.high};
}

/*  Some columns of a product: all rows.  */
static void s_run_columns(const s_recipe_t *recipe, const float *a, const float *panels,
                          const float *b, float *y, size_t block, size_t count)
{
    tacit_tile_t tile = s_make_tile(recipe);
    size_t left = recipe->n - block * TACIT_BLOCK;
    size_t pitch = panels != NULL ? TACIT_TILE_MAX : recipe->m;
    tile.w = b + block * tile.blocks * TACIT_BLOCK * TACIT_BLOCK;
    tile.bias = recipe->bias != NULL ? recipe->bias + block * TACIT_BLOCK : NULL;
    tile.features = left < count * TACIT_BLOCK ? left : count * TACIT_BLOCK;
    tile.x_pixel = panels != NULL ? 1 : recipe->k;
    tile.x_channel = panels != NULL ? TACIT_TILE_MAX : 1;
    tile.x_block = tile.x_channel * TACIT_BLOCK;
    for (size_t row = 0; row < recipe->m; row += pitch) {
        tile.x = panels != NULL ? panels + row * recipe->k : a + row * recipe->k;
        tile.y = y + row * recipe->n + block * TACIT_BLOCK;
        tile.pixels = recipe->m - row < pitch ? recipe->m - row : pitch;
        tacit_vector()->convolve(&tile);
    }
}

static void s_multiply(const s_recipe_t *recipe, const float *a, const float *b, float *scratch,
                       float *y)
{
    const tacit_vector_t *vector = tacit_vector();
    size_t step = recipe->m <= vector->narrow ? vector->wide : vector->blocks;
    size_t units = (s_blocks(recipe->n) + step - 1) / step;
    float *panels = recipe->m > ROWS_FEW ? scratch : NULL;
    const float *packed = recipe->b;
    if (panels != NULL) {
        s_fill_panels(recipe, a, panels);
    }
    if (packed == NULL && scratch != NULL) {
        s_fill(recipe, b, scratch + s_panel_count(recipe));
        packed = scratch + s_panel_count(recipe);
    }
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t unit = 0; unit < units; unit++) {
        size_t left = s_blocks(recipe->n) - unit * step;
        s_run_columns(recipe, a, panels, packed, y, unit * step, left < step ? left : step);
    }
    tacit_finish_run(&recipe->finish, y, recipe->m * recipe->n);
}

static const char *s_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const s_recipe_t *recipe = parameters->recipe;
    const float *a = inputs[0].data;
    const float *b = inputs[1].data;
    float *y = outputs[0].data;
    for (size_t i = 0; i < recipe->batches; i++) {
        s_multiply(recipe, a + recipe->offsets[i][0], b + recipe->offsets[i][1],
                   outputs[output_count].data, y + i * recipe->m * recipe->n);
    }
    return NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

/*  The recipe is complete but for weights, bias and finish.  */
static tacit_status_t s_plan(tacit_planner_t *planner, const tacit_inference_t *inference,
                             s_recipe_t *recipe, int bias, int value)
{
    const tacit_graph_node_t *node = inference->node;
    int slots[3] = {tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0])),
                    tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[1])),
                    TACIT_NO_SLOT};
    tacit_activation_t activation;
    tacit_sum_t sum;
    if (slots[0] == TACIT_NO_SLOT || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    const tacit_shape_t *shape = &inference->outputs[0].shape;
    if (tacit_planner_merge_sum(planner, value, shape, &sum)) {
        value = sum.node->outputs[0];
    }
    value = tacit_planner_merge_activation(planner, value, &activation);
    recipe->finish = tacit_finish_of(&activation);
    recipe->add = sum.node != NULL;
    size_t size = s_packed_count(recipe) * sizeof(float);
    bool constant = inference->inputs[1].data != NULL && recipe->batches == 1;
    if (constant) {
        recipe->b = tacit_planner_pack(planner, slots[1], recipe->b_column == 1 ? 3 : 4, size,
                                       s_fill, recipe);
    }
    tacit_status_t status = tacit_blocked_vector(planner, bias, recipe->n, &recipe->bias);
    if (status != TACIT_OK || (constant && recipe->b == NULL)) {
        return tacit_planner_error(planner)->code;
    }
    dnnl_memory_desc_t plain = tacit_onednn_plain(shape);
    slots[2] = recipe->add ? tacit_planner_take_place(planner, sum.other, sum.node, &plain)
                           : tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, shape, NULL);
    if (slots[2] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_planner_bind(planner, value, slots[2]);
    return tacit_planner_kernel(planner, s_run, "tiles", recipe, slots, 2, 1,
                                s_panel_count(recipe) * sizeof(float) + (constant ? 0 : size));
}

static bool s_is_row(const tacit_shape_t *shape, size_t columns)
{
    return shape->rank > 0 && shape->dims[shape->rank - 1] == (int64_t)columns &&
           tacit_shape_span(shape, 0, shape->rank) == columns;
}

/*  The recipe with room for its batches' offsets.  */
static s_recipe_t *s_new(tacit_planner_t *planner, const s_recipe_t *found)
{
    s_recipe_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    size_t(*offsets)[2] = tacit_planner_room(planner, found->batches * sizeof(*offsets));
    if (recipe == NULL || offsets == NULL) {
        return NULL;
    }
    *recipe = *found;
    recipe->offsets = offsets;
    return recipe;
}

tacit_status_t tacit_portable_gemm(tacit_planner_t *planner, const tacit_inference_t *inference,
                                   bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_parameters_t *parameters = inference->parameters;
    int bias = tacit_graph_node_input(node, 2);
    bool biased = bias != TACIT_NO_VALUE;
    s_recipe_t found = {.m = (size_t)inference->outputs[0].shape.dims[0],
                        .n = (size_t)inference->outputs[0].shape.dims[1],
                        .k = (size_t)inference->inputs[0].shape.dims[1],
                        .batches = 1};
    found.b_row = parameters->gemm.transpose_b ? 1 : found.n;
    found.b_column = parameters->gemm.transpose_b ? found.k : 1;
    if (parameters->gemm.transpose_a || parameters->gemm.alpha != 1.0F || found.k == 0 ||
        (biased && (parameters->gemm.beta != 1.0F || inference->inputs[2].data == NULL ||
                    !s_is_row(&inference->inputs[2].shape, found.n)))) {
        return TACIT_OK;
    }
    s_recipe_t *recipe = s_new(planner, &found);
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    *ret_done = true;
    return s_plan(planner, inference, recipe,
                  biased ? tacit_planner_slot(planner, bias) : TACIT_NO_SLOT, node->outputs[0]);
}

/*  Where batch number i lies in an operand, whose batches broadcast to those of the output.  */
static size_t s_batch_offset(const tacit_shape_t *operand, const tacit_shape_t *output, size_t i)
{
    size_t strides[TACIT_ENGINE_RANK_MAX];
    size_t offset = 0;
    tacit_dense_strides(operand, strides);
    for (size_t d = output->rank - 2; d-- > 0;) {
        size_t at = i % (size_t)output->dims[d];
        i /= (size_t)output->dims[d];
        size_t missing = output->rank - operand->rank;
        if (d >= missing && operand->dims[d - missing] != 1) {
            offset += at * strides[d - missing];
        }
    }
    return offset;
}

tacit_status_t tacit_portable_matmul(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_shape_t *a = &inference->inputs[0].shape;
    const tacit_shape_t *b = &inference->inputs[1].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    if (a->rank < 2 || b->rank < 2 || a->dims[a->rank - 1] == 0) {
        return TACIT_OK;
    }
    tacit_status_t status = tacit_portable_attention(planner, inference, ret_done);
    if (status != TACIT_OK || *ret_done) {
        return status;
    }
    bool single = b->rank == 2;
    s_recipe_t found = {
        .k = (size_t)a->dims[a->rank - 1], .n = (size_t)b->dims[b->rank - 1], .b_column = 1};
    found.b_row = found.n;
    found.m = single ? tacit_shape_span(a, 0, a->rank - 1) : (size_t)a->dims[a->rank - 2];
    found.batches = single ? 1 : tacit_shape_span(y, 0, y->rank - 2);
    s_recipe_t *recipe = s_new(planner, &found);
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    for (size_t i = 0; !single && i < found.batches; i++) {
        recipe->offsets[i][0] = s_batch_offset(a, y, i);
        recipe->offsets[i][1] = s_batch_offset(b, y, i);
    }
    int value = node->outputs[0];
    int bias = single && inference->inputs[1].data != NULL
                   ? tacit_planner_merge_bias(planner, &value, y)
                   : TACIT_NO_SLOT;
    *ret_done = true;
    return s_plan(planner, inference, recipe, bias, value);
}
