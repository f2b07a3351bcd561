/*  codec_internal.h - what encoding and decoding share: the kinds, and the bounds that hold in both
    directions. Nobody else includes this.  */

#ifndef TACIT_RPC_CODEC_INTERNAL_H
#define TACIT_RPC_CODEC_INTERNAL_H

#include "enclave/seal.h"
#include "rpc/codec.h"

enum { TACIT__NUMBER_TEXT = 64 /* bytes of a bound or a count in words */ };

/*  What a kind is in memory and in words; integers by their range.  */
typedef struct {
    const char *name;
    size_t size; /* of the value in the struct; 0: the record's */
    int64_t least;
    uint64_t most;
} tacit__kind_t;

/*  By tacit_kind_t.  */
extern const tacit__kind_t tacit__kinds[];

/*  How the generated list structs lie in memory, whatever their items are.  */
typedef struct {
    void *items;
    size_t count;
} tacit__list_t;

static inline size_t tacit__item_size(const tacit_field_t *field)
{
    return field->kind == TACIT_KIND_STRUCT ? field->record->size : tacit__kinds[field->kind].size;
}

/*  Refusals with BAD_INPUT and the field as claim; of depth with TOO_LARGE.  */
tacit_status_t tacit__refuse(const tacit_field_t *field, const char *expected, const char *got,
                             tacit_error_t *error);
tacit_status_t tacit__refuse_count(const tacit_field_t *field, uint64_t min, uint64_t max,
                                   uint64_t got, const char *unit, tacit_error_t *error);
tacit_status_t tacit__too_deep(tacit_error_t *error);

/*  Length, and that strings are text.  */
TACIT_MUST_CHECK tacit_status_t tacit__check_span(const tacit_field_t *field, tacit_span_t span,
                                                  tacit_error_t *error);
TACIT_MUST_CHECK tacit_status_t tacit__check_enum(const tacit_field_t *field, uint64_t value,
                                                  tacit_error_t *error);

/*  What a sealed field is bound to, so that it opens nowhere else; NO_SESSION without keys.  */
TACIT_MUST_CHECK tacit_status_t tacit__secret_place(const tacit_secret_context_t *secrets,
                                                    const tacit_field_t *field,
                                                    tacit_transcript_t *ret_place,
                                                    tacit_error_t *error);

#endif
