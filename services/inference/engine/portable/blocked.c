/*  blocked.c - maps in blocks of 16 channels: their layout, reorders, and vectors beside them.  */

#include "services/inference/engine/portable/portable.h"

#include <string.h>

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
    size_t last = shape->rank - 1;
    size_t channels = (size_t)shape->dims[1];
    return (tacit_blocked_t){.batch = (size_t)shape->dims[0],
                             .channels = channels,
                             .blocks = (channels + TACIT_BLOCK - 1) / TACIT_BLOCK,
                             .height = flat ? 1 : (size_t)shape->dims[last - 1],
                             .width = (size_t)shape->dims[last]};
}

/* --- reorders --------------------------------------------------------------------------------- */

typedef float s_four_t __attribute__((vector_size(16), aligned(4), may_alias));

/*  Four rows of four become columns.  */
static inline void s_turn(const float *x, size_t x_row, float *y, size_t y_row)
{
    s_four_t rows[4];
    s_four_t pairs[4];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        rows[i] = *(const s_four_t *)(x + i * x_row);
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++) {
        pairs[i] = __builtin_shufflevector(rows[i], rows[i + 2], 0, 4, 1, 5);
        pairs[i + 2] = __builtin_shufflevector(rows[i], rows[i + 2], 2, 6, 3, 7);
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < 4; i += 2) {
        *(s_four_t *)(y + i * y_row) = __builtin_shufflevector(pairs[i], pairs[i + 1], 0, 4, 1, 5);
        *(s_four_t *)(y + (i + 1) * y_row) =
            __builtin_shufflevector(pairs[i], pairs[i + 1], 2, 6, 3, 7);
    }
}

/*  One block of channels of one image; the lanes that no channel fills become 0.  */
static void s_to_block(const float *x, float *y, size_t channels, size_t area)
{
    size_t lanes = channels / 4 * 4;
    size_t turned = area / 4 * 4;
    for (size_t i = 0; i < turned; i += 4) {
        for (size_t lane = 0; lane < lanes; lane += 4) {
            s_turn(x + lane * area + i, area, y + i * TACIT_BLOCK + lane, TACIT_BLOCK);
        }
    }
    for (size_t i = 0; i < area; i++) {
        for (size_t lane = i < turned ? lanes : 0; lane < TACIT_BLOCK; lane++) {
            y[i * TACIT_BLOCK + lane] = lane < channels ? x[lane * area + i] : 0.0F;
        }
    }
}

static void s_from_block(const float *x, float *y, size_t channels, size_t area)
{
    size_t lanes = channels / 4 * 4;
    size_t turned = area / 4 * 4;
    for (size_t i = 0; i < turned; i += 4) {
        for (size_t lane = 0; lane < lanes; lane += 4) {
            s_turn(x + i * TACIT_BLOCK + lane, TACIT_BLOCK, y + lane * area + i, area);
        }
    }
    for (size_t lane = 0; lane < channels; lane++) {
        for (size_t i = lane < lanes ? turned : 0; i < area; i++) {
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
