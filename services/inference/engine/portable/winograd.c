/*  winograd.c - windows of 3 x 3 by Winograd's transforms, F(2 x 2, 3 x 3).

    A group of tiles is transformed to 16 matrices, [channels / 16, tiles, 16] each; those are
    multiplied with the 16 of the weights, some features at a time, and transformed back. The group
    is such that it stays in the second cache.  */

#include "services/inference/engine/portable/convolution.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { SIDE = 4, ITEMS = SIDE * SIDE, WINDOW = 3, PLACES = WINDOW * WINDOW };

/*  What pays: channels and features that share the transforms, and outputs that share weights.  */
enum { CHANNELS_MIN = 32, FEATURES_MIN = 32, AREA_MIN = 64 };

/*  Of a group: tiles, and tiles times channels.  */
enum { TILES_MAX = 56, GROUP_MAX = 7168 };

static size_t s_tiles_across(const tacit_convolution_t *recipe)
{
    return (recipe->to.width + 1) / 2;
}

static size_t s_tiles(const tacit_convolution_t *recipe)
{
    return s_tiles_across(recipe) * ((recipe->to.height + 1) / 2);
}

bool tacit_winograd_fits(const tacit_planner_t *planner, tacit_convolution_t *recipe)
{
    const tacit_window_t *window = &recipe->frame.window;
    bool fits = tacit_planner_may_merge(planner) && recipe->groups == 1 && !recipe->plain &&
                !recipe->volume && recipe->channels >= CHANNELS_MIN &&
                recipe->features >= FEATURES_MIN &&
                recipe->to.height * recipe->to.width >= AREA_MIN;
    for (size_t i = 1; fits && i < TACIT_SPATIAL_MAX; i++) {
        fits = window->kernel[i] == WINDOW && window->stride[i] == 1 && window->dilation[i] == 1;
    }
    size_t most = GROUP_MAX / (recipe->blocks * TACIT_BLOCK);
    most = most < TILES_MAX ? most : TILES_MAX;
    most = most < TACIT_TILE_MAX ? TACIT_TILE_MAX : most;
    size_t groups = fits ? (s_tiles(recipe) + most - 1) / most : 1;
    recipe->tiles = (s_tiles(recipe) + groups - 1) / groups;
    recipe->threads = tacit_portable_threads();
    return fits;
}

/* --- weights ---------------------------------------------------------------------------------- */

size_t tacit_winograd_size(const tacit_convolution_t *recipe)
{
    return ITEMS * recipe->to.blocks * recipe->blocks * TACIT_BLOCK * TACIT_BLOCK * sizeof(float);
}

/*  Three numbers that are `apart` become four.  */
static void s_widen(const float *from, size_t apart, float *to, size_t to_apart)
{
    float outer = from[0] + from[2 * apart];
    to[0] = from[0];
    to[to_apart] = 0.5F * (outer + from[apart]);
    to[2 * to_apart] = 0.5F * (outer - from[apart]);
    to[3 * to_apart] = from[2 * apart];
}

void tacit_winograd_fill(const void *given, const void *source, void *ret_packed)
{
    const tacit_convolution_t *recipe = given;
    const float *from = source;
    float *to = ret_packed;
    size_t size = tacit_winograd_size(recipe) / ITEMS / sizeof(float);
    for (size_t n = 0; n < recipe->features * recipe->channels; n++, from += PLACES) {
        size_t f = n / recipe->channels;
        size_t c = n % recipe->channels;
        float rows[SIDE * WINDOW];
        float items[ITEMS];
        for (size_t i = 0; i < WINDOW; i++) {
            s_widen(from + i, WINDOW, rows + i, WINDOW);
        }
        for (size_t i = 0; i < SIDE; i++) {
            s_widen(rows + i * WINDOW, 1, items + i * SIDE, 1);
        }
        size_t block = f / TACIT_BLOCK * recipe->blocks + c / TACIT_BLOCK;
        size_t at = (block * TACIT_BLOCK + c % TACIT_BLOCK) * TACIT_BLOCK + f % TACIT_BLOCK;
        for (size_t i = 0; i < ITEMS; i++) {
            to[i * size + at] = items[i];
        }
    }
}

/* --- running ---------------------------------------------------------------------------------- */

/*  As many blocks of features at once as suits the loops.  */
static size_t s_unit(const tacit_convolution_t *recipe)
{
    const tacit_vector_t *vector = tacit_vector();
    return recipe->tiles <= vector->narrow ? vector->wide : vector->blocks;
}

/*  The transformed group, and each thread's products.  */
static size_t s_group_size(const tacit_convolution_t *recipe)
{
    return ITEMS * recipe->blocks * recipe->tiles * TACIT_BLOCK;
}

static size_t s_products_size(const tacit_convolution_t *recipe)
{
    return ITEMS * s_unit(recipe) * recipe->tiles * TACIT_BLOCK;
}

size_t tacit_winograd_scratch(const tacit_convolution_t *recipe)
{
    return (s_group_size(recipe) + (size_t)recipe->threads * s_products_size(recipe)) *
           sizeof(float);
}

/*  Steps of a map to the next pixel, and to the next block of channels.  */
static size_t s_pixel(const tacit_convolution_t *recipe, const tacit_blocked_t *map)
{
    return recipe->side_by_side ? map->channels : TACIT_BLOCK;
}

static size_t s_block(const tacit_convolution_t *recipe, const tacit_blocked_t *map)
{
    return recipe->side_by_side ? TACIT_BLOCK : map->height * map->width * TACIT_BLOCK;
}

/*  Tiles [first, first + count) of one image, and those of them that are side by side.  */
typedef struct s_group {
    const tacit_convolution_t *recipe;
    size_t first, count;
} s_group_t;

typedef struct s_row {
    size_t row, column; /* of the first tile */
    size_t count;
} s_row_t;

static s_row_t s_row(const s_group_t *group, size_t at)
{
    size_t across = s_tiles_across(group->recipe);
    size_t tile = group->first + at;
    size_t room = across - tile % across;
    size_t left = group->count - at;
    return (s_row_t){tile / across, tile % across, left < room ? left : room};
}

/*  A tile that is partly outside: 0 there.  */
static void s_copy_edge(const tacit_blocked_t *from, const float *x, size_t pixel, ptrdiff_t top,
                        ptrdiff_t left, float ret_tile[ITEMS * TACIT_BLOCK])
{
    memset(ret_tile, 0, ITEMS * TACIT_BLOCK * sizeof(float));
    for (ptrdiff_t i = 0; i < ITEMS; i++) {
        ptrdiff_t row = top + i / SIDE;
        ptrdiff_t column = left + i % SIDE;
        if (row >= 0 && row < (ptrdiff_t)from->height && column >= 0 &&
            column < (ptrdiff_t)from->width) {
            memcpy(ret_tile + i * TACIT_BLOCK,
                   x + (row * (ptrdiff_t)from->width + column) * (ptrdiff_t)pixel,
                   TACIT_BLOCK * sizeof(float));
        }
    }
}

/*  How many tiles from this place on are all inside.  */
static size_t s_inside(const tacit_blocked_t *from, ptrdiff_t top, ptrdiff_t left, size_t count)
{
    ptrdiff_t room = (ptrdiff_t)from->width - left - SIDE;
    if (top < 0 || left < 0 || room < 0 || top + SIDE > (ptrdiff_t)from->height) {
        return 0;
    }
    size_t fit = (size_t)room / 2 + 1;
    return fit < count ? fit : count;
}

/*  One block of channels of the group, transformed.  */
static void s_transform(const s_group_t *group, const float *x, float *y, size_t step)
{
    const tacit_convolution_t *recipe = group->recipe;
    const tacit_blocked_t *from = &recipe->from;
    float edge[ITEMS * TACIT_BLOCK];
    size_t pixel = s_pixel(recipe, from);
    for (size_t at = 0; at < group->count;) {
        s_row_t row = s_row(group, at);
        ptrdiff_t top = (ptrdiff_t)(2 * row.row) - (ptrdiff_t)recipe->frame.window.begin[1];
        ptrdiff_t left = (ptrdiff_t)(2 * row.column) - (ptrdiff_t)recipe->frame.window.begin[2];
        size_t tiles = s_inside(from, top, left, row.count);
        tacit_into_t into = {.y = y + at * TACIT_BLOCK, .step = step, .tiles = tiles};
        if (tiles > 0) {
            into.x = x + (top * (ptrdiff_t)from->width + left) * (ptrdiff_t)pixel;
            into.pixel = pixel;
            into.row = from->width * pixel;
        } else {
            s_copy_edge(from, x, pixel, top, left, edge);
            into.x = edge;
            into.pixel = TACIT_BLOCK;
            into.row = SIDE * TACIT_BLOCK;
            into.tiles = 1;
        }
        tacit_vector()->into(&into);
        at += into.tiles;
    }
}

/*  The products of some features, one of the 16 matrices after the other.  */
static void s_multiply(const s_group_t *group, const float *x, size_t block, size_t count,
                       float *products)
{
    const tacit_convolution_t *recipe = group->recipe;
    size_t each = recipe->blocks * TACIT_BLOCK * TACIT_BLOCK;
    tacit_tile_t tile = {.x_pixel = TACIT_BLOCK,
                         .x_channel = 1,
                         .x_block = recipe->tiles * TACIT_BLOCK,
                         .blocks = recipe->blocks,
                         .last = recipe->last,
                         .rows = 1,
                         .places = 1,
                         .y_pixel = TACIT_BLOCK,
                         .y_block = recipe->tiles * TACIT_BLOCK,
                         .pixels = group->count,
                         .features = count * TACIT_BLOCK,
                         .low = -INFINITY,
                         .high = INFINITY};
    for (size_t i = 0; i < ITEMS; i++) {
        tile.x = x + i * recipe->blocks * tile.x_block;
        tile.w = recipe->w + (i * recipe->to.blocks + block) * each;
        tile.y = products + i * count * tile.y_block;
        tacit_vector()->convolve(&tile);
    }
}

/*  The outputs of one block of features.  */
static void s_finish(const s_group_t *group, const float *products, size_t step, const float *bias,
                     float *y)
{
    const tacit_convolution_t *recipe = group->recipe;
    const tacit_blocked_t *to = &recipe->to;
    size_t pixel = s_pixel(recipe, to);
    for (size_t at = 0; at < group->count;) {
        s_row_t row = s_row(group, at);
        size_t rows = to->height - 2 * row.row;
        size_t columns = to->width - 2 * row.column;
        const tacit_out_of_t out = {.x = products + at * TACIT_BLOCK,
                                    .step = step,
                                    .bias = bias,
                                    .y = y + (2 * row.row * to->width + 2 * row.column) * pixel,
                                    .row = to->width * pixel,
                                    .pixel = pixel,
                                    .rows = rows < 2 ? rows : 2,
                                    .columns = columns < 2 * row.count ? columns : 2 * row.count,
                                    .add = recipe->add,
                                    .low = recipe->finish.low,
                                    .high = recipe->finish.high};
        tacit_vector()->out_of(&out);
        at += row.count;
    }
}

static void s_run_group(const s_group_t *group, const float *x, float *y, float *scratch)
{
    const tacit_convolution_t *recipe = group->recipe;
    size_t block_x = s_block(recipe, &recipe->from);
    size_t block_y = s_block(recipe, &recipe->to);
    size_t map = recipe->tiles * TACIT_BLOCK;
    size_t unit = s_unit(recipe);
    size_t units = (recipe->to.blocks + unit - 1) / unit;
#pragma omp parallel for schedule(static) num_threads(recipe->threads) if (recipe->threads > 1)
    for (size_t block = 0; block < recipe->blocks; block++) {
        s_transform(group, x + block * block_x, scratch + block * map, recipe->blocks * map);
    }
#pragma omp parallel for schedule(static) num_threads(recipe->threads) if (recipe->threads > 1)
    for (size_t n = 0; n < units; n++) {
        float *products =
            scratch + s_group_size(recipe) + (size_t)omp_get_thread_num() * s_products_size(recipe);
        size_t first = n * unit;
        size_t left = recipe->to.blocks - first;
        size_t count = left < unit ? left : unit;
        s_multiply(group, scratch, first, count, products);
        for (size_t b = first; b < first + count; b++) {
            s_finish(group, products + (b - first) * map, count * map,
                     recipe->bias != NULL ? recipe->bias + b * TACIT_BLOCK : NULL, y + b * block_y);
        }
    }
}

const char *tacit_winograd_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                               size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const tacit_convolution_t *recipe = parameters->recipe;
    const tacit_blocked_t *from = &recipe->from;
    const tacit_blocked_t *to = &recipe->to;
    size_t size_x = from->blocks * from->height * from->width * TACIT_BLOCK;
    size_t size_y = to->blocks * to->height * to->width * TACIT_BLOCK;
    s_group_t group = {.recipe = recipe};
    for (size_t n = 0; n < from->batch; n++) {
        float *y = (float *)outputs[0].data + n * size_y;
        for (group.first = 0; group.first < s_tiles(recipe); group.first += group.count) {
            size_t left = s_tiles(recipe) - group.first;
            group.count = left < recipe->tiles ? left : recipe->tiles;
            s_run_group(&group, (const float *)inputs[0].data + n * size_x, y,
                        outputs[output_count].data);
        }
        tacit_finish_run(&recipe->finish, y, size_y);
    }
    return NULL;
}
