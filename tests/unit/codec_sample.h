/*  codec_sample.h - records with a field of every kind, as idlc would write them, for tests and
    fuzzing of the codec.  */

#ifndef TACIT_TESTS_CODEC_SAMPLE_H
#define TACIT_TESTS_CODEC_SAMPLE_H

#include "rpc/schema.h"

enum {
    SAMPLE_TEXT_MAX = 8,
    SAMPLE_BLOB_MIN = 2,
    SAMPLE_BLOB_MAX = 16,
    SAMPLE_LIST_MAX = 4,
    SAMPLE_KEY_SIZE = 32
};

typedef struct sample_point {
    int32_t x;
    tacit_span_t label; /* string[..8] */
} sample_point_t;

typedef struct sample {
    bool flag;
    uint8_t small;
    uint16_t middle;
    uint32_t large;
    uint64_t huge;
    int32_t signed32;
    int64_t signed64;
    double real;
    tacit_span_t text; /* string[1..8] */
    tacit_span_t blob; /* bytes[2..16] */
    uint32_t color;    /* enum { 1, 5, 9 } */
    sample_point_t point;
    struct {
        uint32_t *items;
        size_t count;
    } numbers; /* list[..4] u32 */
    struct {
        sample_point_t *items;
        size_t count;
    } points; /* list[..4] point */
    struct {
        tacit_span_t *items;
        size_t count;
    } names; /* list[..4] string[..8] */
    bool has_maybe_number;
    uint32_t maybe_number;
    bool has_maybe_text;
    tacit_span_t maybe_text; /* string[..8] */
    bool has_maybe_point;
    sample_point_t maybe_point;
} sample_t;

typedef struct sample_secret {
    tacit_span_t key; /* secret[32] */
    bool has_spare;
    tacit_span_t spare; /* secret[..32] optional */
} sample_secret_t;

/*  A tree, to nest as deep as one likes.  */
typedef struct sample_node {
    struct {
        struct sample_node *items;
        size_t count;
    } children; /* list[..4] node */
} sample_node_t;

extern const tacit_record_t sample_point_record;
extern const tacit_record_t sample_record;
extern const tacit_record_t sample_secret_record;
extern const tacit_record_t sample_node_record;

/*  Every field set to something that is valid.  */
void sample_fill(sample_t *ret_sample);

#endif
