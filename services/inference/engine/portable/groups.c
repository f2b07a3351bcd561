/*  groups.c - Conv in groups that do not fill blocks of 16 channels.

    A block of 16 features takes the channels of all groups that it has a part of, which lie side by
    side; the weights of what is not of a feature's own group are 0. That multiplies more than there
    is to multiply, by whole vectors.  */

#include "services/inference/engine/portable/convolution.h"

/*  How often as much may be multiplied.  */
enum { WASTE_MAX = 8 };

/*  The channels that a block of features takes.  */
typedef struct s_reach {
    size_t from, to;
} s_reach_t;

static s_reach_t s_reach(const tacit_convolution_t *recipe, size_t block)
{
    size_t features = recipe->groups * recipe->features;
    size_t end = (block + 1) * TACIT_BLOCK;
    end = end < features ? end : features;
    return (s_reach_t){block * TACIT_BLOCK / recipe->features * recipe->channels,
                       ((end - 1) / recipe->features + 1) * recipe->channels};
}

static size_t s_blocks(s_reach_t reach)
{
    return (reach.to - 1) / TACIT_BLOCK - reach.from / TACIT_BLOCK + 1;
}

bool tacit_groups_fit(tacit_convolution_t *recipe)
{
    size_t work = 0;
    size_t most = 0;
    for (size_t block = 0; recipe->channels > 0 && block < recipe->to.blocks; block++) {
        s_reach_t reach = s_reach(recipe, block);
        work += reach.to - reach.from;
        most = s_blocks(reach) > most ? s_blocks(reach) : most;
    }
    bool fits = work > 0 && work <= WASTE_MAX * recipe->to.blocks * recipe->channels;
    recipe->spread = fits;
    recipe->blocks = fits ? most : recipe->blocks;
    return fits;
}

void tacit_groups_fill(const void *given, const void *source, void *ret_packed)
{
    const tacit_convolution_t *recipe = given;
    const float *from = source;
    float *to = ret_packed;
    size_t window = tacit_convolution_window(recipe);
    for (size_t n = 0; n < recipe->groups * recipe->features * recipe->channels; n++) {
        size_t f = n / recipe->channels;
        size_t c = f / recipe->features * recipe->channels + n % recipe->channels;
        size_t block = f / TACIT_BLOCK;
        size_t first = s_reach(recipe, block).from / TACIT_BLOCK;
        size_t row = (block * recipe->blocks + c / TACIT_BLOCK - first) * window;
        for (size_t i = 0; i < window; i++) {
            to[((row + i) * TACIT_BLOCK + c % TACIT_BLOCK) * TACIT_BLOCK + f % TACIT_BLOCK] =
                from[n * window + i];
        }
    }
}

size_t tacit_groups_aim(const tacit_convolution_t *recipe, size_t block, tacit_tile_t *tile)
{
    s_reach_t reach = s_reach(recipe, block);
    tile->blocks = s_blocks(reach);
    tile->first = reach.from % TACIT_BLOCK;
    tile->last = (reach.to - 1) % TACIT_BLOCK + 1;
    return reach.from / TACIT_BLOCK;
}
