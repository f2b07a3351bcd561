/*  volume.c - Conv in three dimensions: the tiles of convolution.c, whose windows have planes too.

    The input is copied to blocks of channels, with its padding (a few channels stay as they lie);
    each plane of the output is made in blocks, some features at a time, and copied to where it lies
    row-major.  */

#include "services/inference/engine/portable/convolution.h"

#include <omp.h>
#include <string.h>

typedef struct s_volume {
    tacit_convolution_t convolution;
    size_t from, to; /* planes of input and output */
    size_t step;     /* blocks of features at once */
    int threads;
} s_volume_t;

/*  Channels that lie side by side in the padded input, and how many such maps there are.  */
static size_t s_pixel(const tacit_convolution_t *recipe)
{
    return recipe->plain ? 1 : TACIT_BLOCK;
}

static size_t s_maps(const tacit_convolution_t *recipe)
{
    return recipe->plain ? recipe->from.channels : recipe->from.blocks;
}

/*  The padded input, in floats; and each thread's part of a plane of the output.  */
static size_t s_input_size(const s_volume_t *volume)
{
    const tacit_convolution_t *recipe = &volume->convolution;
    size_t area = recipe->height * recipe->width;
    return s_maps(recipe) * recipe->depth * area * s_pixel(recipe);
}

static size_t s_plane_size(const s_volume_t *volume)
{
    const tacit_blocked_t *to = &volume->convolution.to;
    return volume->step * to->height * to->width * TACIT_BLOCK;
}

/*  Bytes of both; false where no number says so.  */
static bool s_scratch(const s_volume_t *volume, size_t *ret_size)
{
    const tacit_convolution_t *recipe = &volume->convolution;
    size_t sides[] = {recipe->depth, recipe->height, recipe->width,
                      s_pixel(recipe) * sizeof(float)};
    size_t size = s_maps(recipe);
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        if (__builtin_mul_overflow(size, sides[i], &size)) {
            return false;
        }
    }
    size_t planes = (size_t)volume->threads * s_plane_size(volume) * sizeof(float);
    return !__builtin_add_overflow(size, planes, ret_size);
}

/* --- running ---------------------------------------------------------------------------------- */

/*  One plane of one map, with its padding; what no channel fills is 0.  */
static void s_pad_plane(const s_volume_t *volume, const float *x, size_t channels, float *y)
{
    const tacit_convolution_t *recipe = &volume->convolution;
    const tacit_blocked_t *from = &recipe->from;
    size_t top = (size_t)recipe->frame.window.begin[1];
    size_t left = (size_t)recipe->frame.window.begin[2];
    size_t apart = volume->from * from->height * from->width;
    size_t pixel = s_pixel(recipe);
    memset(y, 0, recipe->height * recipe->width * pixel * sizeof(float));
    for (size_t row = 0; row < from->height; row++) {
        float *to = y + ((row + top) * recipe->width + left) * pixel;
        for (size_t i = 0; i < from->width; i++) {
            for (size_t c = 0; c < channels; c++) {
                to[i * pixel + c] = x[c * apart + row * from->width + i];
            }
        }
    }
}

static void s_pad(const s_volume_t *volume, const float *x, float *padded)
{
    const tacit_convolution_t *recipe = &volume->convolution;
    size_t front = (size_t)recipe->frame.window.begin[0];
    size_t area = recipe->from.height * recipe->from.width;
    size_t pixel = s_pixel(recipe);
    size_t size = recipe->height * recipe->width * pixel;
#pragma omp parallel for schedule(static) num_threads(volume->threads) if (volume->threads > 1)
    for (size_t n = 0; n < s_maps(recipe) * recipe->depth; n++) {
        size_t plane = n % recipe->depth;
        size_t first = n / recipe->depth * pixel;
        size_t left = recipe->from.channels - first;
        if (plane < front || plane - front >= volume->from) {
            memset(padded + n * size, 0, size * sizeof(float));
        } else {
            s_pad_plane(volume, x + (first * volume->from + plane - front) * area,
                        left < pixel ? left : pixel, padded + n * size);
        }
    }
}

/*  Some blocks of features of one plane of the output, from where they were made.  */
static void s_give(const s_volume_t *volume, const float *plane, size_t block, size_t count,
                   float *y)
{
    const tacit_blocked_t *to = &volume->convolution.to;
    size_t area = to->height * to->width;
    size_t end = (block + count) * TACIT_BLOCK;
    end = end < to->channels ? end : to->channels;
    for (size_t f = block * TACIT_BLOCK; f < end; f++) {
        const float *from =
            plane + (f / TACIT_BLOCK - block) * area * TACIT_BLOCK + f % TACIT_BLOCK;
        for (size_t i = 0; i < area; i++) {
            y[f * volume->to * area + i] = from[i * TACIT_BLOCK];
        }
    }
}

static void s_run_image(const s_volume_t *volume, const float *padded, float *planes, float *y)
{
    const tacit_convolution_t *recipe = &volume->convolution;
    size_t area = recipe->height * recipe->width * s_pixel(recipe);
    size_t down = (size_t)recipe->frame.window.stride[0] * area;
    size_t units = (recipe->to.blocks + volume->step - 1) / volume->step;
#pragma omp parallel for schedule(static) num_threads(volume->threads) if (volume->threads > 1)
    for (size_t n = 0; n < units * volume->to; n++) {
        size_t block = n / volume->to * volume->step;
        size_t left = recipe->to.blocks - block;
        size_t count = left < volume->step ? left : volume->step;
        size_t at = n % volume->to;
        float *plane = planes + (size_t)omp_get_thread_num() * s_plane_size(volume);
        tacit_convolution_run_blocks(recipe, padded + at * down, plane, block, count);
        s_give(volume, plane, block, count, y + at * recipe->to.height * recipe->to.width);
    }
}

static const char *s_run(const tacit_parameters_t *parameters, const tacit_tensor_t *inputs,
                         size_t input_count, tacit_tensor_t *outputs, size_t output_count)
{
    (void)input_count;
    const s_volume_t *volume = parameters->recipe;
    const tacit_blocked_t *from = &volume->convolution.from;
    const tacit_blocked_t *to = &volume->convolution.to;
    size_t size_x = from->channels * volume->from * from->height * from->width;
    size_t size_y = to->channels * volume->to * to->height * to->width;
    float *padded = outputs[output_count].data;
    for (size_t n = 0; n < from->batch; n++) {
        s_pad(volume, (const float *)inputs[0].data + n * size_x, padded);
        s_run_image(volume, padded, padded + s_input_size(volume),
                    (float *)outputs[0].data + n * size_y);
    }
    return NULL;
}

/* --- planning --------------------------------------------------------------------------------- */

tacit_status_t tacit_portable_volume(tacit_planner_t *planner, const tacit_inference_t *inference,
                                     const tacit_convolution_t *found, bool *ret_done)
{
    const tacit_graph_node_t *node = inference->node;
    size_t scratch = 0;
    s_volume_t given = {.convolution = *found,
                        .from = (size_t)found->frame.input[0],
                        .to = (size_t)found->frame.output[0],
                        .step = tacit_convolution_step(found),
                        .threads = tacit_portable_threads()};
    given.convolution.plain = found->groups == 1 && found->channels < TACIT_BLOCK / 2;
    if (tacit_convolution_is_depthwise(found) || !s_scratch(&given, &scratch)) {
        return TACIT_OK;
    }
    s_volume_t *volume = tacit_planner_room(planner, sizeof(*volume));
    int slots[2] = {
        tacit_planner_plain(planner, tacit_planner_slot(planner, node->inputs[0])),
        tacit_planner_new_slot(planner, TACIT_DTYPE_FLOAT32, &inference->outputs[0].shape, NULL)};
    if (volume == NULL || slots[0] == TACIT_NO_SLOT || slots[1] == TACIT_NO_SLOT) {
        return tacit_planner_error(planner)->code;
    }
    tacit_activation_t activation;
    tacit_way_t way;
    int value = tacit_planner_merge_activation(planner, node->outputs[0], &activation);
    given.convolution.finish = tacit_finish_of(&activation);
    tacit_status_t status = tacit_convolution_prepare(planner, node, &given.convolution, &way);
    if (status != TACIT_OK) {
        return status;
    }
    *volume = given;
    *ret_done = true;
    tacit_planner_bind(planner, value, slots[1]);
    return tacit_planner_kernel(planner, s_run, "volume", volume, slots, 1, 1, scratch);
}
