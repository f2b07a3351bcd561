/*  codec.c - the kinds, and the bounds that hold for encoding and decoding alike.  */

#include "rpc/codec.h"

#include <inttypes.h>
#include <stdio.h>

#include "enclave/binding.h"
#include "rpc/codec_internal.h"
#include "rpc/text.h"

const tacit__kind_t tacit__kinds[] = {
    [TACIT_KIND_BOOL] = {"bool", sizeof(bool), 0, 1},
    [TACIT_KIND_U8] = {"u8", sizeof(uint8_t), 0, UINT8_MAX},
    [TACIT_KIND_U16] = {"u16", sizeof(uint16_t), 0, UINT16_MAX},
    [TACIT_KIND_U32] = {"u32", sizeof(uint32_t), 0, UINT32_MAX},
    [TACIT_KIND_U64] = {"u64", sizeof(uint64_t), 0, UINT64_MAX},
    [TACIT_KIND_I32] = {"i32", sizeof(int32_t), INT32_MIN, INT32_MAX},
    [TACIT_KIND_I64] = {"i64", sizeof(int64_t), INT64_MIN, INT64_MAX},
    [TACIT_KIND_F64] = {"f64", sizeof(double), 0, 0},
    [TACIT_KIND_STRING] = {"string", sizeof(tacit_span_t), 0, 0},
    [TACIT_KIND_BYTES] = {"bytes", sizeof(tacit_span_t), 0, 0},
    [TACIT_KIND_SECRET] = {"secret", sizeof(tacit_span_t), 0, 0},
    [TACIT_KIND_ENUM] = {"enum", sizeof(uint32_t), 0, UINT32_MAX},
    [TACIT_KIND_STRUCT] = {"struct", 0, 0, 0},
};

tacit_status_t tacit__refuse(const tacit_field_t *field, const char *expected, const char *got,
                             tacit_error_t *error)
{
    return tacit_error_claim(error, TACIT_BAD_INPUT, field->name, expected, got);
}

tacit_status_t tacit__refuse_count(const tacit_field_t *field, uint64_t min, uint64_t max,
                                   uint64_t got, const char *unit, tacit_error_t *error)
{
    char expected[TACIT__NUMBER_TEXT];
    char found[TACIT__NUMBER_TEXT];
    snprintf(expected, sizeof expected, "%" PRIu64 "..%" PRIu64 " %s", min, max, unit);
    snprintf(found, sizeof found, "%" PRIu64 " %s", got, unit);
    return tacit__refuse(field, expected, found, error);
}

tacit_status_t tacit__too_deep(tacit_error_t *error)
{
    return tacit_error_set(error, TACIT_TOO_LARGE, "nested more than %d containers deep",
                           TACIT_CODEC_DEPTH_MAX);
}

tacit_status_t tacit__check_span(const tacit_field_t *field, tacit_span_t span,
                                 tacit_error_t *error)
{
    if (span.size < field->min || span.size > field->max) {
        return tacit__refuse_count(field, field->min, field->max, span.size, "bytes", error);
    }
    if (field->kind == TACIT_KIND_STRING && !tacit_text_valid(span)) {
        return tacit__refuse(field, "UTF-8 without NUL", "other bytes", error);
    }
    return TACIT_OK;
}

tacit_status_t tacit__check_enum(const tacit_field_t *field, uint64_t value, tacit_error_t *error)
{
    size_t low = 0;
    size_t high = field->enum_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (field->enum_values[middle] == value) {
            return TACIT_OK;
        }
        if (field->enum_values[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    char got[TACIT__NUMBER_TEXT];
    snprintf(got, sizeof got, "%" PRIu64, value);
    return tacit__refuse(field, "a value of the enum", got, error);
}

tacit_status_t tacit__secret_place(const tacit_secret_context_t *secrets,
                                   const tacit_field_t *field, tacit_transcript_t *ret_place,
                                   tacit_error_t *error)
{
    if (!secrets || !secrets->key || !secrets->session || !secrets->method) {
        return tacit_error_claim(error, TACIT_NO_SESSION, field->name, "an attested session",
                                 "none");
    }
    tacit_transcript_start(ret_place, "tacit/secret/v1");
    tacit_transcript_add(ret_place, tacit_span(secrets->session, TACIT_SESSION_ID_SIZE));
    tacit_transcript_add_u64(ret_place, secrets->msgid);
    tacit_transcript_add(ret_place, tacit_span_string(secrets->method));
    tacit_transcript_add_u64(ret_place, field->number);
    return TACIT_OK;
}
