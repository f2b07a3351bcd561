/*  byte_convolution_run.c - runs convolutions of bytes: what sums start with, the copy of a map
   that the loops cannot read as it lies, and the loops, shared by threads.  */

#include "services/inference/engine/ops/ops.h"
#include "services/inference/engine/portable/byte_convolution.h"
#include "services/inference/engine/portable/maps.h"

enum {
    TOP_BIT = 0x80,
    OVER_READ = 64,               /* bytes behind a copy that may be read */
    WEIGHTS_AT_ONCE = 256 * 1024, /* that stay in the cache while rows pass */
    ROWS_AT_ONCE = 4,
    BLOCKS_MANY = 4 /* of features, for each thread */
};

/* --- weights ---------------------------------------------------------------------------------- */

/*  Bytes of a group's packed weights.  */
static size_t s_group_size(const tacit_byte_convolution_t *recipe)
{
    return recipe->depthwise ? tacit_byte_filters_size(&recipe->filters)
                             : tacit_byte_weights_size(&recipe->weights);
}

static size_t s_groups(const tacit_byte_convolution_t *recipe)
{
    return recipe->depthwise ? 1 : recipe->groups;
}

size_t tacit_byte_convolution_size(const tacit_byte_convolution_t *recipe)
{
    return s_groups(recipe) * s_group_size(recipe);
}

void tacit_byte_convolution_fill(const void *given, const void *source, void *ret_packed)
{
    const tacit_byte_convolution_t *recipe = given;
    if (recipe->depthwise) {
        tacit_byte_filters_pack(&recipe->filters, source, ret_packed);
        return;
    }
    for (size_t g = 0; g < recipe->groups; g++) {
        tacit_byte_weights_pack(&recipe->weights,
                                (const uint8_t *)source +
                                    g * recipe->features * recipe->weights.feature,
                                (int8_t *)ret_packed + g * s_group_size(recipe));
    }
}

/* --- what a run needs beside ------------------------------------------------------------------ */

/*  Features of a group, filled up to whole blocks.  */
static size_t s_filled(const tacit_byte_convolution_t *recipe)
{
    size_t block = recipe->depthwise ? TACIT_DEPTH_BLOCK : TACIT_BLOCK;
    size_t features = recipe->depthwise ? recipe->groups : recipe->features;
    return (features + block - 1) / block * block;
}

/*  Bytes of the copy of one image.  */
static size_t s_copy_size(const tacit_byte_convolution_t *recipe)
{
    return recipe->copy ? recipe->height * recipe->width * recipe->from.channels + OVER_READ : 0;
}

static size_t s_area(const tacit_byte_convolution_t *recipe)
{
    return recipe->to.height * recipe->to.width;
}

size_t tacit_byte_convolution_scratch(const tacit_byte_convolution_t *recipe)
{
    size_t sums = recipe->sums ? s_area(recipe) * recipe->to.channels * sizeof(int32_t) : 0;
    return (2 * s_groups(recipe) * s_filled(recipe) + recipe->to.channels) * sizeof(int32_t) +
           sums + s_copy_size(recipe);
}

/*  A convolution under way.  */
typedef struct s_work {
    const tacit_byte_convolution_t *recipe;
    int32_t *start; /* of each group, as scales are */
    float *scales;
    int32_t *sums; /* of one image */
    uint8_t *copy;
    uint8_t around; /* what padding is, as x came */
    tacit_grid_t grid;
} s_work_t;

/*  Vectors over features become ones over groups of whole blocks.  */
static void s_start(s_work_t *work, const tacit_tensor_t *inputs, size_t count, const float *scales)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    const tacit_operands_t *o = recipe->operands;
    size_t features = recipe->depthwise ? recipe->groups : recipe->features;
    bool biased = o->bias > 0 && tacit_given(inputs, count, o->bias);
    uint32_t zero = (uint32_t)(tacit_quantized_zero(inputs, count, o->a_zero, 0) +
                               (recipe->flip ? TOP_BIT : 0));
    for (size_t g = 0; g < s_groups(recipe); g++) {
        const int8_t *packed = recipe->packed + g * s_group_size(recipe);
        const int32_t *sums = recipe->depthwise ? tacit_byte_filters_sums(&recipe->filters, packed)
                                                : tacit_byte_weights_sums(&recipe->weights, packed);
        const int32_t *bias = biased ? (const int32_t *)inputs[o->bias].data + g * features : NULL;
        int32_t *start = work->start + g * s_filled(recipe);
        for (size_t f = 0; f < features; f++) {
            uint32_t first = bias != NULL ? (uint32_t)bias[f] : 0;
            start[f] = (int32_t)(first - zero * (uint32_t)sums[f]);
        }
        memcpy(work->scales + g * s_filled(recipe), scales + g * features,
               features * sizeof(float));
    }
}

static s_work_t s_begin(const tacit_byte_convolution_t *recipe, const tacit_tensor_t *inputs,
                        size_t count, const tacit_tensor_t *output, void *scratch)
{
    const tacit_operands_t *o = recipe->operands;
    size_t filled = s_groups(recipe) * s_filled(recipe);
    s_work_t work = {.recipe = recipe,
                     .start = scratch,
                     .around = (uint8_t)tacit_quantized_zero(inputs, count, o->a_zero, 0),
                     .grid = {.zero = tacit_quantized_zero(inputs, count, o->y_zero, 0),
                              .sign = output->dtype == TACIT_DTYPE_INT8}};
    work.scales = (float *)(void *)(work.start + filled);
    float *scales = work.scales + filled;
    work.sums = (int32_t *)(void *)(scales + recipe->to.channels);
    work.copy = (uint8_t *)(work.sums + (recipe->sums ? s_area(recipe) * recipe->to.channels : 0));
    memset(work.start, 0, (2 * filled + recipe->to.channels) * sizeof(int32_t));
    if (!recipe->sums) {
        tacit_quantized_scales(o, inputs, count, 0, recipe->to.channels, scales);
    }
    s_start(&work, inputs, count, scales);
    return work;
}

/* --- the copy --------------------------------------------------------------------------------- */

/*  One row of the map, without its padding.  */
static void s_copy_row(const tacit_byte_convolution_t *recipe, const uint8_t *x, size_t row,
                       uint8_t *to)
{
    size_t channels = recipe->from.channels;
    size_t width = recipe->from.width;
    if (recipe->plain) {
        tacit_maps()->turn(x + row * width, channels, recipe->from.height * width, width, to,
                           channels);
    } else {
        memcpy(to, x + row * width * channels, width * channels);
    }
    for (size_t i = 0; recipe->flip && !recipe->depthwise && i < width * channels; i++) {
        to[i] ^= TOP_BIT;
    }
}

static void s_copy(const s_work_t *work, const uint8_t *x)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    bool padded = !recipe->depthwise;
    size_t top = padded ? (size_t)recipe->frame.window.begin[1] : 0;
    size_t left = padded ? (size_t)recipe->frame.window.begin[2] * recipe->from.channels : 0;
    size_t row = recipe->width * recipe->from.channels;
    size_t inner = recipe->from.width * recipe->from.channels;
    int around = work->around ^ (recipe->flip ? TOP_BIT : 0);
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t i = 0; i < recipe->height; i++) {
        uint8_t *to = work->copy + i * row;
        if (i < top || i - top >= recipe->from.height) {
            memset(to, around, row);
            continue;
        }
        memset(to, around, left);
        s_copy_row(recipe, x, i - top, to + left);
        memset(to + left + inner, around, row - inner - left);
    }
    memset(work->copy + recipe->height * row, 0, OVER_READ);
}

/* --- the loops -------------------------------------------------------------------------------- */

/*  Where an image's result goes: sums are turned from there.  */
static uint8_t *s_target(const s_work_t *work, const tacit_tensor_t *output, size_t image)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    return recipe->sums ? (uint8_t *)work->sums
                        : (uint8_t *)output->data + image * s_area(recipe) * recipe->to.channels;
}

static tacit_byte_tile_t s_tile(const s_work_t *work, size_t group)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    const tacit_window_t *window = &recipe->frame.window;
    size_t pixel = recipe->from.channels;
    size_t places = (size_t)window->kernel[2];
    bool joined = recipe->weights.joined;
    return (tacit_byte_tile_t){
        .x_pixel = pixel * (size_t)window->stride[2],
        .x_row = recipe->width * pixel * (size_t)window->dilation[1],
        .x_place = pixel * (size_t)window->dilation[2],
        .rows = (size_t)window->kernel[1],
        .places = joined ? 1 : places,
        .depth = recipe->channels * (joined ? places : 1),
        .w = recipe->packed + group * s_group_size(recipe),
        .pixels = recipe->to.width,
        .features = recipe->features,
        .start = work->start + group * s_filled(recipe),
        .finish = recipe->sums ? TACIT_BYTE_SUMS : TACIT_BYTE_BYTES,
        .scales = work->scales + group * s_filled(recipe),
        .grid = work->grid,
        .y_pixel = recipe->to.channels,
    };
}

/*  How one image is divided: groups, features of each, rows (or stretches of the one row).  */
typedef struct s_units {
    size_t blocks; /* of features, in a part.. */
    size_t parts;
    size_t rows;    /* ..in all.. */
    size_t stretch; /* ..and pixels of each */
    size_t count;
} s_units_t;

/*  Bytes of one block's weights.  */
static size_t s_block_size(const tacit_byte_convolution_t *recipe)
{
    size_t blocks = tacit_byte_blocks(recipe->features);
    return s_group_size(recipe) / blocks - TACIT_BLOCK * sizeof(int32_t);
}

static s_units_t s_divide(const tacit_byte_convolution_t *recipe)
{
    size_t blocks = tacit_byte_blocks(recipe->features);
    size_t threads = (size_t)tacit_portable_threads();
    size_t most = WEIGHTS_AT_ONCE / s_block_size(recipe) / 2 * 2;
    s_units_t units = {.blocks = blocks, .rows = recipe->to.height, .stretch = recipe->to.width};
    if (recipe->flat) {
        /* the tile divides pixels, and threads share features where these are many */
        bool many = threads > 1 && blocks >= BLOCKS_MANY * threads;
        size_t pixels = s_area(recipe);
        units.stretch = threads > 1 && !many ? (pixels + threads - 1) / threads : pixels;
        units.rows = (pixels + units.stretch - 1) / units.stretch;
        most = many ? (blocks + threads - 1) / threads : blocks;
    }
    units.blocks = blocks < most ? blocks : most > 0 ? most : 1;
    units.parts = (blocks + units.blocks - 1) / units.blocks;
    units.count = recipe->groups * units.parts * units.rows;
    return units;
}

static void s_run_unit(const s_work_t *work, const s_units_t *units, size_t unit, const uint8_t *x,
                       uint8_t *y)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    size_t row = unit % units->rows;
    size_t part = unit / units->rows % units->parts;
    size_t group = unit / units->rows / units->parts;
    size_t first = part * units->blocks * TACIT_BLOCK;
    tacit_byte_tile_t tile = s_tile(work, group);
    size_t down =
        recipe->flat ? units->stretch : (size_t)recipe->frame.window.stride[1] * recipe->width;
    size_t pixel = row * units->stretch;
    size_t left = recipe->features - first;
    size_t most = units->blocks * TACIT_BLOCK;
    tile.x = x + row * down * recipe->from.channels + group * recipe->channels;
    tile.w += part * units->blocks * s_block_size(recipe);
    tile.start += first;
    tile.scales += first;
    tile.features = left < most ? left : most;
    tile.pixels = s_area(recipe) - pixel < units->stretch ? s_area(recipe) - pixel : units->stretch;
    tile.y = y + (pixel * recipe->to.channels + group * recipe->features + first) *
                     (recipe->sums ? sizeof(int32_t) : 1);
    tacit_bytes()->tile(&tile);
}

static void s_run_depth(const s_work_t *work, size_t block, size_t first, size_t count,
                        const uint8_t *x, uint8_t *y)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    const tacit_window_t *window = &recipe->frame.window;
    size_t channel = block * TACIT_DEPTH_BLOCK;
    size_t left = recipe->groups - channel;
    tacit_byte_depth_t depth = {
        .x = x + channel,
        .height = recipe->height,
        .width = recipe->width,
        .x_pixel = recipe->from.channels,
        .channels = left < TACIT_DEPTH_BLOCK ? left : TACIT_DEPTH_BLOCK,
        .around = work->around,
        .flip = recipe->flip ? TOP_BIT : 0,
        .w = recipe->packed + block * tacit_byte_filters_block(&recipe->filters),
        .start = work->start + channel,
        .scales = work->scales + channel,
        .grid = work->grid,
        .sums = recipe->sums,
        .y = y + (first * recipe->to.width * recipe->to.channels + channel) *
                     (recipe->sums ? sizeof(int32_t) : 1),
        .y_pixel = recipe->to.channels,
        .first = first,
        .count = count,
        .pixels = recipe->to.width,
        .rows = (size_t)window->kernel[1],
        .places = (size_t)window->kernel[2],
        .top = -(ptrdiff_t)window->begin[1],
        .left = -(ptrdiff_t)window->begin[2],
        .down = (size_t)window->stride[1],
        .right = (size_t)window->stride[2],
        .apart_down = (size_t)window->dilation[1],
        .apart_right = (size_t)window->dilation[2],
    };
    tacit_bytes()->depthwise(&depth);
}

static void s_run_image(const s_work_t *work, const uint8_t *x, uint8_t *y)
{
    const tacit_byte_convolution_t *recipe = work->recipe;
    if (recipe->depthwise) {
        size_t blocks = (recipe->groups + TACIT_DEPTH_BLOCK - 1) / TACIT_DEPTH_BLOCK;
        size_t rows = recipe->to.height;
        size_t bands = tacit_portable_threads() > 1 ? (rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE : 1;
        size_t each = (rows + bands - 1) / bands;
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
        for (size_t unit = 0; unit < blocks * bands; unit++) {
            size_t first = unit % bands * each;
            size_t left = first < rows ? rows - first : 0;
            s_run_depth(work, unit / bands, first, left < each ? left : each, x, y);
        }
        return;
    }
    s_units_t units = s_divide(recipe);
#pragma omp parallel for schedule(static) if (tacit_portable_threads() > 1)
    for (size_t unit = 0; unit < units.count; unit++) {
        s_run_unit(work, &units, unit, x, y);
    }
}

/*  Sums of one image become row-major.  */
static void s_turn_sums(const s_work_t *work, int32_t *y)
{
    size_t area = s_area(work->recipe);
    size_t channels = work->recipe->to.channels;
    for (size_t i = 0; i < area; i++) {
        for (size_t c = 0; c < channels; c++) {
            y[c * area + i] = work->sums[i * channels + c];
        }
    }
}

const char *tacit_byte_convolution_run(const tacit_parameters_t *parameters,
                                       const tacit_tensor_t *inputs, size_t input_count,
                                       tacit_tensor_t *outputs, size_t output_count)
{
    const tacit_byte_convolution_t *recipe = parameters->recipe;
    s_work_t work = s_begin(recipe, inputs, input_count, &outputs[0], outputs[output_count].data);
    size_t size = recipe->from.channels * recipe->from.height * recipe->from.width;
    for (size_t n = 0; n < recipe->from.batch; n++) {
        const uint8_t *x = (const uint8_t *)inputs[recipe->operands->a].data + n * size;
        if (recipe->copy) {
            s_copy(&work, x);
            x = work.copy;
        }
        s_run_image(&work, x, s_target(&work, &outputs[0], n));
        if (recipe->sums) {
            s_turn_sums(&work,
                        (int32_t *)outputs[0].data + n * s_area(recipe) * recipe->to.channels);
        }
    }
    return NULL;
}
