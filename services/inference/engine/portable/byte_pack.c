/*  byte_pack.c - weights of products of bytes as the tile wants them, and which tile.  */

#include "services/inference/engine/portable/byte_depth.h"

const tacit_bytes_t *tacit_bytes(void)
{
#if defined(__x86_64__)
    static const tacit_bytes_t *const all[TACIT_ISAS] = {&tacit_bytes_baseline, &tacit_bytes_avx2,
                                                         &tacit_bytes_avx512, &tacit_bytes_vnni};
    return all[tacit_vector_isa()];
#else
    return &tacit_bytes_baseline;
#endif
}

enum { STEP = TACIT_BLOCK * TACIT_BYTE_GROUP }; /* bytes of a block's weights for one group */

size_t tacit_byte_blocks(size_t features)
{
    return (features + TACIT_BLOCK - 1) / TACIT_BLOCK;
}

static size_t s_runs(const tacit_byte_weights_t *weights)
{
    return weights->rows * (weights->joined ? 1 : weights->places);
}

static size_t s_depth(const tacit_byte_weights_t *weights)
{
    return weights->channels * (weights->joined ? weights->places : 1);
}

/*  Bytes of one run of one block.  */
static size_t s_run_size(const tacit_byte_weights_t *weights)
{
    return (s_depth(weights) + TACIT_BYTE_GROUP - 1) / TACIT_BYTE_GROUP * TACIT_BYTE_GROUP *
           TACIT_BLOCK;
}

static size_t s_size(const tacit_byte_weights_t *weights)
{
    return tacit_byte_blocks(weights->features) * s_runs(weights) * s_run_size(weights);
}

size_t tacit_byte_weights_size(const tacit_byte_weights_t *weights)
{
    return s_size(weights) + tacit_byte_blocks(weights->features) * TACIT_BLOCK * sizeof(int32_t);
}

const int32_t *tacit_byte_weights_sums(const tacit_byte_weights_t *weights, const void *packed)
{
    return (const int32_t *)(const void *)((const int8_t *)packed + s_size(weights));
}

/*  Where byte k of a run is in its packed form, before the lanes of the features: the last group
    ends where the run does, as the tile reads it so.  */
static size_t s_place(size_t k, size_t depth)
{
    size_t rest = depth % TACIT_BYTE_GROUP;
    size_t shift =
        depth > TACIT_BYTE_GROUP && rest > 0 && k >= depth - rest ? TACIT_BYTE_GROUP - rest : 0;
    return k + shift;
}

/*  One run of one feature, byte by byte. Returns the weights' sum.  */
static int32_t s_pack_run(const tacit_byte_weights_t *weights, const uint8_t *from, int8_t *to)
{
    size_t depth = s_depth(weights);
    uint8_t flip = weights->flip ? 0x80 : 0;
    int32_t sum = 0;
    for (size_t k = 0; k < depth; k++) {
        size_t place = k / weights->channels;
        size_t at = s_place(k, depth);
        int8_t w = (int8_t)(from[place * weights->place +
                                 (k - place * weights->channels) * weights->channel] ^
                            flip);
        to[at / TACIT_BYTE_GROUP * STEP + at % TACIT_BYTE_GROUP] = w;
        sum += w;
    }
    return sum;
}

/*  All runs of one feature.  */
static int32_t s_pack_feature(const tacit_byte_weights_t *weights, const uint8_t *from, int8_t *to)
{
    size_t size = s_run_size(weights);
    int32_t sum = 0;
    for (size_t run = 0; run < s_runs(weights); run++) {
        size_t row = weights->joined ? run : run / weights->places;
        size_t place = weights->joined ? 0 : run % weights->places;
        sum += s_pack_run(weights, from + row * weights->row + place * weights->place,
                          to + run * size);
    }
    return sum;
}

/*  Four channels of a block of features; where the steps are known they are constants here.  */
static inline __attribute__((always_inline)) void s_pack_group(const uint8_t *restrict from,
                                                               size_t feature, size_t channel,
                                                               uint8_t flip, int8_t *restrict to,
                                                               int32_t *restrict sums)
{
    for (size_t f = 0; f < TACIT_BLOCK; f++) {
        const uint8_t *group = from + f * feature;
        int8_t *four = to + f * TACIT_BYTE_GROUP;
        four[0] = (int8_t)(group[0] ^ flip);
        four[1] = (int8_t)(group[channel] ^ flip);
        four[2] = (int8_t)(group[2 * channel] ^ flip);
        four[3] = (int8_t)(group[3 * channel] ^ flip);
        sums[f] += four[0] + four[1] + four[2] + four[3];
    }
}

/*  A whole block of features whose places have whole groups of channels: each byte is read near
    those that were read before, and written once.  */
static void s_pack_block(const tacit_byte_weights_t *weights, const uint8_t *from, int8_t *to,
                         int32_t *sums)
{
    uint8_t flip = weights->flip ? 0x80 : 0;
    size_t channel = weights->channel;
    size_t size = weights->channels * TACIT_BLOCK; /* of one place, joined or not */
    for (size_t k = 0; k < weights->channels; k += TACIT_BYTE_GROUP, to += STEP) {
        for (size_t run = 0; run < weights->rows * weights->places; run++) {
            const uint8_t *group = from + k * channel + run / weights->places * weights->row +
                                   run % weights->places * weights->place;
            if (weights->feature == 1) {
                s_pack_group(group, 1, channel, flip, to + run * size, sums);
            } else if (channel == 1) {
                s_pack_group(group, weights->feature, 1, flip, to + run * size, sums);
            } else {
                s_pack_group(group, weights->feature, channel, flip, to + run * size, sums);
            }
        }
    }
}

void tacit_byte_weights_pack(const void *given, const void *source, void *ret_packed)
{
    const tacit_byte_weights_t *weights = given;
    size_t block = s_runs(weights) * s_run_size(weights);
    int32_t *sums = (int32_t *)(void *)((int8_t *)ret_packed + s_size(weights));
    bool whole = weights->channels % TACIT_BYTE_GROUP == 0;
    for (size_t f = 0; f < weights->features;) {
        const uint8_t *from = (const uint8_t *)source + f * weights->feature;
        int8_t *to = (int8_t *)ret_packed + f / TACIT_BLOCK * block;
        if (whole && f % TACIT_BLOCK == 0 && weights->features - f >= TACIT_BLOCK) {
            s_pack_block(weights, from, to, sums + f);
            f += TACIT_BLOCK;
        } else {
            to += f % TACIT_BLOCK * TACIT_BYTE_GROUP;
            sums[f++] = s_pack_feature(weights, from, to);
        }
    }
}

/* --- filters ---------------------------------------------------------------------------------- */

static size_t s_row_groups(const tacit_byte_filters_t *filters)
{
    return (filters->rows + TACIT_BYTE_GROUP - 1) / TACIT_BYTE_GROUP;
}

static size_t s_filter_blocks(const tacit_byte_filters_t *filters)
{
    return (filters->channels + TACIT_DEPTH_BLOCK - 1) / TACIT_DEPTH_BLOCK;
}

size_t tacit_byte_filters_block(const tacit_byte_filters_t *filters)
{
    return filters->places * s_row_groups(filters) * TACIT_DEPTH_BLOCK * TACIT_BYTE_GROUP;
}

size_t tacit_byte_filters_size(const tacit_byte_filters_t *filters)
{
    return s_filter_blocks(filters) *
           (tacit_byte_filters_block(filters) + TACIT_DEPTH_BLOCK * sizeof(int32_t));
}

const int32_t *tacit_byte_filters_sums(const tacit_byte_filters_t *filters, const void *packed)
{
    return (const int32_t *)(const void *)((const int8_t *)packed +
                                           s_filter_blocks(filters) *
                                               tacit_byte_filters_block(filters));
}

void tacit_byte_filters_pack(const void *given, const void *source, void *ret_packed)
{
    const tacit_byte_filters_t *filters = given;
    const uint8_t *from = source;
    size_t block = tacit_byte_filters_block(filters);
    int32_t *sums = (int32_t *)(void *)((int8_t *)ret_packed + s_filter_blocks(filters) * block);
    for (size_t c = 0; c < filters->channels; c++) {
        int8_t *to = (int8_t *)ret_packed + c / TACIT_DEPTH_BLOCK * block +
                     c % TACIT_DEPTH_BLOCK * TACIT_BYTE_GROUP;
        sums[c] = 0;
        for (size_t i = 0; i < filters->rows * filters->places; i++) {
            size_t row = i / filters->places;
            size_t at = i % filters->places * s_row_groups(filters) + row / TACIT_BYTE_GROUP;
            int8_t w = (int8_t)(*from++ ^ (filters->flip ? 0x80 : 0));
            to[at * TACIT_DEPTH_BLOCK * TACIT_BYTE_GROUP + row % TACIT_BYTE_GROUP] = w;
            sums[c] += w;
        }
    }
}
