/*  last_reals.c - between maps of reals, which the portable backend has in blocks of 16 channels,
    and those of bytes, whose channels lie side by side: no reorder is needed between the two.  */

#include "services/inference/engine/ops/quantized.h"
#include "services/inference/engine/portable/last.h"
#include "services/inference/engine/portable/portable.h"

#include <string.h>

enum { X = 0, SCALE, ZERO, INPUTS, PIECE = 64 }; /* places that are moved at a time */

/*  One piece of one block of channels.  */
typedef struct s_piece {
    size_t places, channels;  /* that are there */
    size_t in_block, in_last; /* where it begins: in elements of the blocked map, and bytes */
} s_piece_t;

static size_t s_pieces(const tacit_blocked_t *map)
{
    return (map->height * map->width + PIECE - 1) / PIECE;
}

static s_piece_t s_piece(const tacit_blocked_t *map, size_t n)
{
    size_t area = map->height * map->width;
    size_t first = n % s_pieces(map) * PIECE;
    size_t block = n / s_pieces(map) % map->blocks;
    size_t batch = n / s_pieces(map) / map->blocks;
    size_t left = map->channels - block * TACIT_BLOCK;
    return (s_piece_t){
        .places = area - first < PIECE ? area - first : PIECE,
        .channels = left < TACIT_BLOCK ? left : TACIT_BLOCK,
        .in_block = ((batch * map->blocks + block) * area + first) * TACIT_BLOCK,
        .in_last = (batch * area + first) * map->channels + block * TACIT_BLOCK,
    };
}

static const char *s_quantize(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                              size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    tacit_blocked_t map = tacit_blocked_of(&inputs[X].shape);
    tacit_grid_t grid = {.scale = tacit_quantized_scale(&inputs[SCALE], 0),
                         .zero = tacit_quantized_zero(inputs, input_count, ZERO, 0),
                         .sign = outputs[0].dtype == TACIT_DTYPE_INT8};
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < map.batch * map.blocks * s_pieces(&map); n++) {
        s_piece_t piece = s_piece(&map, n);
        uint8_t bytes[PIECE * TACIT_BLOCK];
        tacit_integer()->quantize((const float *)inputs[X].data + piece.in_block,
                                  piece.places * TACIT_BLOCK, grid, bytes);
        uint8_t *y = (uint8_t *)outputs[0].data + piece.in_last;
        for (size_t i = 0; i < piece.places; i++) {
            memcpy(y + i * map.channels, bytes + i * TACIT_BLOCK, piece.channels);
        }
    }
    return NULL;
}

static const char *s_dequantize(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                                size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)parameters, (void)output_count;
    tacit_blocked_t map = tacit_blocked_of(&inputs[X].shape);
    tacit_grid_t grid = tacit_quantized_grid(inputs, input_count, X, SCALE, ZERO);
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t n = 0; n < map.batch * map.blocks * s_pieces(&map); n++) {
        s_piece_t piece = s_piece(&map, n);
        uint8_t bytes[PIECE * TACIT_BLOCK];
        memset(bytes, grid.zero, sizeof(bytes)); /* lanes that no channel fills become 0 */
        const uint8_t *x = (const uint8_t *)inputs[X].data + piece.in_last;
        for (size_t i = 0; i < piece.places; i++) {
            memcpy(bytes + i * TACIT_BLOCK, x + i * map.channels, piece.channels);
        }
        tacit_integer()->dequantize(bytes, piece.places * TACIT_BLOCK, grid,
                                    (float *)outputs[0].data + piece.in_block);
    }
    return NULL;
}

tacit_status_t tacit_last_linear(tacit_planner_t *planner, const tacit_inference_t *inference,
                                 bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    const tacit_tensor_t *y = &inference->outputs[0];
    int slots[INPUTS + 1];
    for (size_t i = 0; i < INPUTS; i++) {
        slots[i] = tacit_planner_slot(planner, tacit_graph_node_input(node, i));
    }
    bool back = y->dtype == TACIT_DTYPE_FLOAT32;
    if (tacit_planner_is_plain(planner, slots[X]) || y->shape.rank < 3 || y->shape.rank > 4) {
        return TACIT_OK;
    }
    dnnl_memory_desc_t blocked = tacit_blocked_layout(&y->shape);
    int to = back ? tacit_planner_new_slot(planner, y->dtype, &y->shape, &blocked)
                  : tacit_last_new(planner, y->dtype, &y->shape);
    if (to == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    slots[INPUTS] = to;
    *ret_done = true;
    tacit_planner_bind(planner, node->outputs[0], to);
    return tacit_planner_kernel(planner, back ? s_dequantize : s_quantize, "channels", NULL, slots,
                                INPUTS, 1, 0);
}
