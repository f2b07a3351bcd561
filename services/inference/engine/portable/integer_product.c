/*  integer_product.c - products of matrices of bytes with the tiles of byte_tile.h: MatMulInteger,
    QLinearMatMul, QGemm. For both backends, where oneDNN has nothing exact.

    The right matrix is packed once where it is constant, else in each run. Zero points are numbers
    that sums start with: each column's sum times that of the left matrix. What weights that are not
    around 0 add is taken out row by row.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/byte_tile.h"
#include "services/inference/engine/portable/portable.h"

#include <omp.h>

enum { HALF_OF_BYTES = 128, ROWS_CORRECTED = 4, KIND_PRODUCT = 0x70726f64 };

typedef struct s_recipe {
    const tacit_operands_t *operands;
    size_t m, k, n;
    size_t batches;
    size_t (*offsets)[2]; /* of each batch in a and b */
    tacit_byte_weights_t weights;
    const int8_t *packed; /* NULL: in each run */
    size_t packed_size;
    bool flip; /* a is int8 */
    tacit_finish_t finish;
} s_recipe_t;

/*  Vectors over the columns, filled up to whole blocks, and what is made in each run.  */
typedef struct s_room {
    int32_t *start, *zeros; /* of b, less what flipping took */
    float *scales, *shifts;
    int32_t *sums; /* of a few rows, for each thread */
    int8_t *packed;
    uint8_t *a;
} s_room_t;

static size_t s_columns(const s_recipe_t *recipe)
{
    return (recipe->n + TACIT_BLOCK - 1) / TACIT_BLOCK * TACIT_BLOCK;
}

static size_t s_sums_count(const s_recipe_t *recipe)
{
    return (size_t)tacit_portable_threads() * ROWS_CORRECTED * s_columns(recipe);
}

static size_t s_scratch(const s_recipe_t *recipe)
{
    return (4 * s_columns(recipe) + s_sums_count(recipe)) * sizeof(int32_t) +
           (recipe->packed == NULL ? recipe->packed_size : 0) +
           (recipe->flip ? recipe->m * recipe->k : 0);
}

static s_room_t s_divide(const s_recipe_t *recipe, void *scratch)
{
    s_room_t room = {.start = scratch};
    size_t columns = s_columns(recipe);
    room.zeros = room.start + columns;
    room.scales = (float *)(void *)(room.zeros + columns);
    room.shifts = room.scales + columns;
    room.sums = (int32_t *)(void *)(room.shifts + columns);
    room.packed = (int8_t *)(room.sums + s_sums_count(recipe));
    room.a = (uint8_t *)room.packed + (recipe->packed == NULL ? recipe->packed_size : 0);
    return room;
}

/*  A product under way.  */
typedef struct s_work {
    const s_recipe_t *recipe;
    s_room_t room;
    const int8_t *packed;
    int32_t zero;   /* of a, flipped */
    bool corrected; /* b has zero points that are not 0 */
    tacit_byte_finish_t finish;
    tacit_grid_t grid;
    size_t size; /* of an element of y */
} s_work_t;

static s_work_t s_begin(const s_recipe_t *recipe, const tacit_tensor_t *inputs, size_t count,
                        const tacit_tensor_t *output, void *scratch)
{
    const tacit_operands_t *o = recipe->operands;
    s_work_t work = {
        .recipe = recipe,
        .room = s_divide(recipe, scratch),
        .packed = recipe->packed,
        .zero =
            tacit_quantized_zero(inputs, count, o->a_zero, 0) + (recipe->flip ? HALF_OF_BYTES : 0),
        .finish = output->dtype == TACIT_DTYPE_INT32     ? TACIT_BYTE_SUMS
                  : output->dtype == TACIT_DTYPE_FLOAT32 ? TACIT_BYTE_REALS
                                                         : TACIT_BYTE_BYTES,
        .grid = {.zero = tacit_quantized_zero(inputs, count, o->y_zero, 0),
                 .sign = output->dtype == TACIT_DTYPE_INT8},
        .size = tacit_dtype_size(output->dtype),
    };
    memset(work.room.start, 0, 4 * s_columns(recipe) * sizeof(int32_t));
    for (size_t i = 0; i < recipe->n; i++) {
        work.room.zeros[i] = tacit_quantized_zero(inputs, count, o->b_zero, i) -
                             (recipe->weights.flip ? HALF_OF_BYTES : 0);
        work.corrected |= work.room.zeros[i] != 0;
    }
    if (o->factor > 0) {
        tacit_quantized_reals(inputs, count, recipe->n, work.room.scales, work.room.shifts);
    } else if (o->a_scale > 0) {
        tacit_quantized_scales(o, inputs, count, 0, recipe->n, work.room.scales);
    }
    return work;
}

/*  What the sums start with, once the weights are packed.  */
static void s_start(s_work_t *work, const tacit_tensor_t *inputs, size_t count)
{
    const s_recipe_t *recipe = work->recipe;
    const int32_t *sums = tacit_byte_weights_sums(&recipe->weights, work->packed);
    size_t bias = recipe->operands->bias;
    const int32_t *first = bias > 0 && tacit_given(inputs, count, bias) ? inputs[bias].data : NULL;
    for (size_t i = 0; i < recipe->n; i++) {
        uint32_t begin = first != NULL ? (uint32_t)first[i] : 0;
        work->room.start[i] = (int32_t)(begin - (uint32_t)work->zero * (uint32_t)sums[i]);
    }
}

static tacit_byte_tile_t s_tile(const s_work_t *work, const uint8_t *a, size_t rows, void *y)
{
    const s_recipe_t *recipe = work->recipe;
    return (tacit_byte_tile_t){.x = a,
                               .x_pixel = recipe->k,
                               .rows = 1,
                               .places = 1,
                               .depth = recipe->k,
                               .w = work->packed,
                               .pixels = rows,
                               .features = recipe->n,
                               .start = work->room.start,
                               .finish = work->finish,
                               .scales = work->room.scales,
                               .shifts = work->room.shifts,
                               .low = recipe->finish.low,
                               .high = recipe->finish.high,
                               .grid = work->grid,
                               .y = y,
                               .y_pixel = recipe->n};
}

/*  Row `row` of sums, without what b's zero points made of them, becomes elements.  */
static void s_correct(const s_work_t *work, const uint8_t *row, int32_t *sums, void *y)
{
    const s_recipe_t *recipe = work->recipe;
    uint32_t total = 0U - (uint32_t)work->zero * (uint32_t)recipe->k;
    for (size_t k = 0; k < recipe->k; k++) {
        total += row[k];
    }
    tacit_integer()->lessen(sums, work->room.zeros, (int32_t)total, recipe->n, sums);
    if (work->finish == TACIT_BYTE_SUMS) {
        memcpy(y, sums, recipe->n * sizeof(int32_t));
    } else if (work->finish == TACIT_BYTE_BYTES) {
        tacit_integer()->place(sums, work->room.scales, recipe->n, work->grid, y);
    } else {
        const tacit_reals_t reals = {work->room.scales, work->room.shifts, recipe->finish.low,
                                     recipe->finish.high};
        tacit_integer()->real(sums, recipe->n, &reals, y);
    }
}

static void s_corrected_rows(const s_work_t *work, const uint8_t *a, size_t rows, uint8_t *y)
{
    const s_recipe_t *recipe = work->recipe;
    size_t units = (rows + ROWS_CORRECTED - 1) / ROWS_CORRECTED;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t unit = 0; unit < units; unit++) {
        int32_t *sums =
            work->room.sums + (size_t)omp_get_thread_num() * ROWS_CORRECTED * s_columns(recipe);
        size_t first = unit * ROWS_CORRECTED;
        size_t count = rows - first < ROWS_CORRECTED ? rows - first : ROWS_CORRECTED;
        tacit_byte_tile_t tile = s_tile(work, a + first * recipe->k, count, sums);
        tile.finish = TACIT_BYTE_SUMS;
        tacit_bytes()->tile(&tile);
        for (size_t i = 0; i < count; i++) {
            s_correct(work, a + (first + i) * recipe->k, sums + i * recipe->n,
                      y + (first + i) * recipe->n * work->size);
        }
    }
}

enum { COLUMNS_AT_ONCE = 64, ROWS_AT_ONCE = 48 };

/*  Parts of the result: some columns of some rows, whose weights stay in the processor's cache.  */
static void s_rows(const s_work_t *work, const uint8_t *a, size_t rows, uint8_t *y)
{
    const s_recipe_t *recipe = work->recipe;
    size_t across = (recipe->n + COLUMNS_AT_ONCE - 1) / COLUMNS_AT_ONCE;
    size_t down = (rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    size_t block = (recipe->k + TACIT_BYTE_GROUP - 1) / TACIT_BYTE_GROUP * TACIT_BYTE_GROUP;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t unit = 0; unit < across * down; unit++) {
        size_t column = unit / down * COLUMNS_AT_ONCE;
        size_t row = unit % down * ROWS_AT_ONCE;
        size_t left = recipe->n - column;
        size_t count = rows - row < ROWS_AT_ONCE ? rows - row : ROWS_AT_ONCE;
        tacit_byte_tile_t tile =
            s_tile(work, a + row * recipe->k, count, y + (row * recipe->n + column) * work->size);
        tile.features = left < COLUMNS_AT_ONCE ? left : COLUMNS_AT_ONCE;
        tile.w += column * block;
        tile.start += column;
        tile.scales += column;
        tile.shifts += column;
        tacit_bytes()->tile(&tile);
    }
}

static const char *s_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    const s_recipe_t *recipe = parameters->recipe;
    const tacit_operands_t *o = recipe->operands;
    s_work_t work = s_begin(recipe, inputs, input_count, &outputs[0], outputs[output_count].data);
    for (size_t i = 0; i < recipe->batches; i++) {
        const uint8_t *a = (const uint8_t *)inputs[o->a].data + recipe->offsets[i][0];
        if (recipe->packed == NULL &&
            (i == 0 || recipe->offsets[i][1] != recipe->offsets[i - 1][1])) {
            memset(work.room.packed, 0, recipe->packed_size);
            tacit_byte_weights_pack(&recipe->weights,
                                    (const uint8_t *)inputs[o->b].data + recipe->offsets[i][1],
                                    work.room.packed);
            work.packed = work.room.packed;
        }
        for (size_t k = 0; recipe->flip && k < recipe->m * recipe->k; k++) {
            work.room.a[k] = a[k] ^ HALF_OF_BYTES;
        }
        a = recipe->flip ? work.room.a : a;
        s_start(&work, inputs, input_count);
        uint8_t *y = (uint8_t *)outputs[0].data + i * recipe->m * recipe->n * work.size;
        if (work.corrected) {
            s_corrected_rows(&work, a, recipe->m, y);
        } else {
            s_rows(&work, a, recipe->m, y);
        }
    }
    if (work.finish == TACIT_BYTE_REALS) {
        tacit_finish_run(&recipe->finish, outputs[0].data, outputs[0].count);
    }
    return NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

/*  Where batch number i lies in an operand, whose batches broadcast to those of the output.  */
static size_t s_offset(const tacit_shape_t *operand, const tacit_shape_t *output, size_t i)
{
    tacit_shape_t batch = *output;
    tacit_shape_t of = *operand;
    size_t strides[TACIT_ENGINE_RANK_MAX] = {0};
    size_t at[TACIT_ENGINE_RANK_MAX] = {0};
    batch.rank -= 2;
    of.rank -= 2;
    tacit_shape_strides(&of, &batch, strides);
    tacit_coordinates(&batch, i, at);
    return tacit_offset(batch.rank, at, strides) *
           tacit_shape_span(operand, operand->rank - 2, operand->rank);
}

static s_recipe_t *s_describe(tacit_planner_t *planner, const tacit_operands_t *o,
                              const tacit_inference_t *inference)
{
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *a = &inputs[o->a].shape;
    const tacit_shape_t *b = &inputs[o->b].shape;
    const tacit_shape_t *y = &inference->outputs[0].shape;
    bool turned = inference->parameters->gemm.transpose_b;
    bool single = b->rank == 2;
    s_recipe_t *recipe = tacit_planner_room(planner, sizeof(*recipe));
    size_t batches = single ? 1 : tacit_shape_span(y, 0, y->rank - 2);
    size_t(*offsets)[2] = tacit_planner_room(planner, batches * sizeof(*offsets));
    if (recipe == NULL || offsets == NULL) {
        return NULL;
    }
    for (size_t i = 0; !single && i < batches; i++) {
        offsets[i][0] = s_offset(a, y, i);
        offsets[i][1] = s_offset(b, y, i);
    }
    *recipe = (s_recipe_t){.operands = o,
                           .k = (size_t)a->dims[a->rank - 1],
                           .n = (size_t)y->dims[y->rank - 1],
                           .batches = batches,
                           .offsets = offsets,
                           .flip = inputs[o->a].dtype == TACIT_DTYPE_INT8};
    recipe->m = single ? tacit_shape_span(a, 0, a->rank - 1) : (size_t)a->dims[a->rank - 2];
    recipe->weights = (tacit_byte_weights_t){.features = recipe->n,
                                             .rows = 1,
                                             .places = 1,
                                             .channels = recipe->k,
                                             .feature = turned ? recipe->k : 1,
                                             .channel = turned ? 1 : recipe->n,
                                             .flip = inputs[o->b].dtype == TACIT_DTYPE_UINT8};
    recipe->packed_size = tacit_byte_weights_size(&recipe->weights);
    return recipe;
}

/*  Whether input i is one number for all rows, whatever the shape of a.  */
static bool s_is_single(const tacit_inference_t *inference, size_t i)
{
    return i == 0 || !tacit_given(inference->inputs, inference->node->input_count, i) ||
           inference->inputs[i].shape.rank == 0 || inference->inputs[i].data != NULL;
}

/*  Where a has one grid, and runs are as long as tiles ask for.  */
static bool s_takes(const tacit_operands_t *o, const tacit_inference_t *inference)
{
    const tacit_tensor_t *inputs = inference->inputs;
    const tacit_shape_t *a = &inputs[o->a].shape;
    bool zeroed = o->a_zero > 0 && tacit_given(inputs, inference->node->input_count, o->a_zero);
    return a->dims[a->rank - 1] >= TACIT_BYTE_GROUP && (!zeroed || inputs[o->a_zero].count == 1) &&
           (o->a_scale == 0 || inputs[o->a_scale].count == 1);
}

tacit_status_t tacit_quantized_tiles(tacit_planner_t *planner, const tacit_operands_t *o,
                                     const tacit_inference_t *inference, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    int b = tacit_planner_slot(planner, node->inputs[o->b]);
    if (!s_takes(o, inference)) {
        return TACIT_OK;
    }
    s_recipe_t *recipe = s_describe(planner, o, inference);
    if (recipe == NULL) {
        return tacit_planner_error(planner)->code;
    }
    uint64_t kind = KIND_PRODUCT + (inference->parameters->gemm.transpose_b ? 1 : 0);
    bool constant = inference->inputs[o->b].data != NULL && recipe->batches == 1;
    if (constant && !tacit_planner_may_pack(planner, b, kind)) {
        return TACIT_OK;
    }
    recipe->packed = constant ? tacit_planner_pack(planner, b, kind, recipe->packed_size,
                                                   tacit_byte_weights_pack, &recipe->weights)
                              : NULL;
    if (constant && (tacit_planner_onednn(planner) != NULL || !s_is_single(inference, o->a_zero) ||
                     !s_is_single(inference, o->a_scale))) {
        tacit_planner_keep(planner, b); /* another shape may be one for others */
    }
    int slots[TACIT_NODE_INPUTS_MAX + 1];
    for (size_t i = 0; i < node->input_count; i++) {
        int slot = tacit_planner_slot(planner, node->inputs[i]);
        bool skipped = slot == TACIT_NO_SLOT || (i == o->b && constant);
        slots[i] = skipped ? TACIT_NO_SLOT : tacit_planner_plain(planner, slot);
        if (!skipped && slots[i] == TACIT_NO_SLOT) {
            return tacit_planner_error(planner)->code;
        }
    }
    tacit_activation_t activation = {.alg = dnnl_alg_kind_undef};
    int value = node->outputs[0];
    value = o->factor > 0 ? tacit_planner_merge_activation(planner, value, &activation) : value;
    recipe->finish = tacit_finish_of(&activation);
    slots[node->input_count] = tacit_planner_new_slot(planner, inference->outputs[0].dtype,
                                                      &inference->outputs[0].shape, NULL);
    if (slots[node->input_count] == TACIT_NO_SLOT || (constant && recipe->packed == NULL)) {
        return tacit_planner_error(planner)->code;
    }
    *ret_done = true;
    tacit_planner_bind(planner, value, slots[node->input_count]);
    return tacit_planner_kernel(planner, s_run, "bytes", recipe, slots, node->input_count, 1,
                                s_scratch(recipe));
}
