/*  codec_decode.c - foreign msgpack to structs.

    Nothing is trusted: tokens come from rpc/reader.h, and each is compared with the field's row.
    Recurses over nested records, at most TACIT_CODEC_DEPTH_MAX deep.  */

#include <inttypes.h>
#include <stdio.h>

#include "rpc/codec_internal.h"

/*  Integers are read and written by their low bytes.  */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian host");

static tacit_status_t s_refuse_kind(const tacit_field_t *field, const tacit_token_t *token,
                                    tacit_error_t *error)
{
    return tacit__refuse(field, field->list ? "list" : tacit__kinds[field->kind].name,
                         tacit_token_kind_name(token->kind), error);
}

static tacit_status_t s_malformed(tacit_error_t *error, const char *what)
{
    return tacit_error_set(error, TACIT_MALFORMED, "%s", what);
}

typedef struct {
    tacit_reader_t reader;
    const tacit_secret_context_t *secrets;
    tacit_arena_t *arena;
    tacit_error_t *error;
} s_decoder_t;

static tacit_status_t s_get_record(s_decoder_t *decoder, const tacit_record_t *record,
                                   uint64_t pairs, uint8_t *value, size_t depth);

static tacit_status_t s_next(s_decoder_t *decoder, tacit_token_t *token)
{
    tacit_status_t status = tacit_reader_next(&decoder->reader, token);
    return status == TACIT_OK
               ? TACIT_OK
               : s_malformed(decoder->error, "the message ends early or is not msgpack");
}

/*  Memory of the arena, or why there is none.  */
static tacit_status_t s_take(s_decoder_t *decoder, bool secret, size_t size, void **ret_memory)
{
    if (!decoder->arena) {
        (void)tacit_error_set(decoder->error, TACIT_INTERNAL, "decoding needs an arena");
        return TACIT_INTERNAL;
    }
    if (!tacit_arena_fits(decoder->arena, size)) {
        (void)tacit_error_set(decoder->error, TACIT_TOO_LARGE, "the lists take too much memory");
        return TACIT_TOO_LARGE;
    }
    void *memory = secret ? tacit_arena_alloc_secret(decoder->arena, size)
                          : tacit_arena_alloc(decoder->arena, size);
    if (!memory) {
        (void)tacit_error_set(decoder->error, TACIT_NO_MEMORY, NULL);
        return TACIT_NO_MEMORY;
    }
    *ret_memory = memory;
    return TACIT_OK;
}

static void s_store_unsigned(uint8_t *place, uint64_t value, size_t size)
{
    memcpy(place, &value, size); /* little-endian; checked against the kind's range before */
}

static tacit_status_t s_get_integer(s_decoder_t *decoder, const tacit_field_t *field,
                                    const tacit_token_t *token, uint8_t *place)
{
    const tacit__kind_t *kind = &tacit__kinds[field->kind];
    char got[TACIT__NUMBER_TEXT];
    if (token->kind == TACIT_TOKEN_UNSIGNED) {
        if (token->number <= kind->most) {
            s_store_unsigned(place, token->number, kind->size);
            return TACIT_OK;
        }
        snprintf(got, sizeof got, "%" PRIu64, token->number);
    } else if (token->kind == TACIT_TOKEN_NEGATIVE) {
        if (token->integer >= kind->least) {
            s_store_unsigned(place, (uint64_t)token->integer, kind->size);
            return TACIT_OK;
        }
        snprintf(got, sizeof got, "%" PRId64, token->integer);
    } else {
        return s_refuse_kind(field, token, decoder->error);
    }
    return tacit__refuse(field, kind->name, got, decoder->error);
}

static tacit_status_t s_get_enum(s_decoder_t *decoder, const tacit_field_t *field,
                                 const tacit_token_t *token, uint8_t *place)
{
    if (token->kind != TACIT_TOKEN_UNSIGNED) {
        return s_refuse_kind(field, token, decoder->error);
    }
    tacit_status_t status = tacit__check_enum(field, token->number, decoder->error);
    if (status == TACIT_OK) {
        s_store_unsigned(place, token->number, sizeof(uint32_t));
    }
    return status;
}

static tacit_status_t s_get_secret(s_decoder_t *decoder, const tacit_field_t *field,
                                   tacit_span_t sealed, tacit_span_t *ret_plaintext)
{
    tacit_transcript_t place;
    void *plaintext = NULL;
    tacit_status_t status = tacit__secret_place(decoder->secrets, field, &place, decoder->error);
    if (status != TACIT_OK) {
        return status;
    }
    if (sealed.size < TACIT_SEAL_OVERHEAD) {
        return tacit__refuse(field, "sealed bytes", "too few", decoder->error);
    }
    tacit_span_t opened = tacit_span(NULL, sealed.size - TACIT_SEAL_OVERHEAD);
    status = tacit__check_span(field, opened, decoder->error);
    if (status == TACIT_OK) {
        status = s_take(decoder, true, opened.size, &plaintext);
    }
    if (status != TACIT_OK) {
        return status;
    }
    status =
        tacit_seal_open(decoder->secrets->key, tacit_transcript_span(&place), sealed, plaintext);
    if (status != TACIT_OK) {
        return tacit_error_claim(decoder->error, TACIT_CORRUPT, field->name,
                                 "sealed for this session and call", "something else");
    }
    *ret_plaintext = tacit_span(plaintext, opened.size);
    return TACIT_OK;
}

static tacit_status_t s_get_span(s_decoder_t *decoder, const tacit_field_t *field,
                                 const tacit_token_t *token, uint8_t *place)
{
    tacit_token_kind_t wanted =
        field->kind == TACIT_KIND_STRING ? TACIT_TOKEN_STRING : TACIT_TOKEN_BYTES;
    tacit_status_t status;
    if (token->kind != wanted) {
        return s_refuse_kind(field, token, decoder->error);
    }
    tacit_span_t span = token->bytes;
    if (field->kind == TACIT_KIND_SECRET) {
        status = s_get_secret(decoder, field, token->bytes, &span);
    } else {
        status = tacit__check_span(field, span, decoder->error);
    }
    if (status == TACIT_OK) {
        memcpy(place, &span, sizeof span);
    }
    return status;
}

/*  A scalar, a span or a nested record, whose first token was read.  */
static tacit_status_t s_get_value(s_decoder_t *decoder, const tacit_field_t *field,
                                  const tacit_token_t *token, uint8_t *place, size_t depth)
{
    switch (field->kind) {
    case TACIT_KIND_BOOL:
        if (token->kind != TACIT_TOKEN_BOOL) {
            return s_refuse_kind(field, token, decoder->error);
        }
        s_store_unsigned(place, token->number, sizeof(bool));
        return TACIT_OK;
    case TACIT_KIND_U8:
    case TACIT_KIND_U16:
    case TACIT_KIND_U32:
    case TACIT_KIND_U64:
    case TACIT_KIND_I32:
    case TACIT_KIND_I64:
        return s_get_integer(decoder, field, token, place);
    case TACIT_KIND_F64:
        if (token->kind != TACIT_TOKEN_FLOAT) {
            return s_refuse_kind(field, token, decoder->error);
        }
        memcpy(place, &token->real, sizeof token->real);
        return TACIT_OK;
    case TACIT_KIND_STRING:
    case TACIT_KIND_BYTES:
    case TACIT_KIND_SECRET:
        return s_get_span(decoder, field, token, place);
    case TACIT_KIND_ENUM:
        return s_get_enum(decoder, field, token, place);
    case TACIT_KIND_STRUCT:
        if (token->kind != TACIT_TOKEN_MAP) {
            return s_refuse_kind(field, token, decoder->error);
        }
        return s_get_record(decoder, field->record, token->number, place, depth + 1);
    }
    return tacit_error_set(decoder->error, TACIT_INTERNAL, "a field of no known kind");
}

static tacit_status_t s_get_list(s_decoder_t *decoder, const tacit_field_t *field,
                                 const tacit_token_t *token, uint8_t *place, size_t depth)
{
    tacit__list_t list = {.items = NULL};
    if (token->kind != TACIT_TOKEN_ARRAY) {
        return s_refuse_kind(field, token, decoder->error);
    }
    if (depth + 1 > TACIT_CODEC_DEPTH_MAX) {
        return tacit__too_deep(decoder->error);
    }
    if (token->number > field->list_max) {
        return tacit__refuse_count(field, 0, field->list_max, token->number, "elements",
                                   decoder->error);
    }
    list.count = (size_t)token->number;
    size_t size = tacit__item_size(field);
    if (list.count > 0) { /* 32-bit count times a record's size: no overflow in 64 bits */
        tacit_status_t status = s_take(decoder, false, list.count * size, &list.items);
        if (status != TACIT_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < list.count; i++) {
        tacit_token_t item;
        tacit_status_t status = s_next(decoder, &item);
        if (status == TACIT_OK) {
            status =
                s_get_value(decoder, field, &item, (uint8_t *)list.items + i * size, depth + 1);
        }
        if (status != TACIT_OK) {
            return status;
        }
    }
    memcpy(place, &list, sizeof list);
    return TACIT_OK;
}

static tacit_status_t s_get_field(s_decoder_t *decoder, const tacit_field_t *field, uint8_t *value,
                                  size_t depth)
{
    tacit_token_t token;
    tacit_status_t status = s_next(decoder, &token);
    if (status == TACIT_OK) {
        uint8_t *place = value + field->offset;
        status = field->list ? s_get_list(decoder, field, &token, place, depth)
                             : s_get_value(decoder, field, &token, place, depth);
    }
    if (status == TACIT_OK && field->optional) {
        value[field->has_offset] = true;
    }
    return status;
}

/*  The keys of one map that were met.  */
typedef struct {
    uint64_t seen; /* bit set over the record's fields */
    size_t next;   /* where the next key is looked for first: ours come in order */
    uint32_t unknown[TACIT_CODEC_UNKNOWN_MAX];
    size_t unknown_count;
} s_keys_t;

static tacit_status_t s_next_key(s_decoder_t *decoder, uint32_t *ret_key)
{
    tacit_token_t token;
    tacit_status_t status = s_next(decoder, &token);
    if (status != TACIT_OK) {
        return status;
    }
    if (token.kind != TACIT_TOKEN_UNSIGNED || token.number == 0 || token.number > UINT32_MAX) {
        return s_malformed(decoder->error, "a key is no field number");
    }
    *ret_key = (uint32_t)token.number;
    return TACIT_OK;
}

/*  The index of the field with that number; field_count where there is none.  */
static size_t s_find(const tacit_record_t *record, uint32_t key, size_t hint)
{
    if (hint < record->field_count && record->fields[hint].number == key) {
        return hint;
    }
    for (size_t i = 0; i < record->field_count; i++) {
        if (record->fields[i].number == key) {
            return i;
        }
    }
    return record->field_count;
}

/*  Pass over a field that only a newer peer knows.  */
static tacit_status_t s_skip_unknown(s_decoder_t *decoder, s_keys_t *keys, uint32_t key,
                                     size_t depth)
{
    tacit_span_t skipped;
    for (size_t i = 0; i < keys->unknown_count; i++) {
        if (keys->unknown[i] == key) {
            return s_malformed(decoder->error, "a key comes twice");
        }
    }
    if (keys->unknown_count == TACIT_CODEC_UNKNOWN_MAX) {
        return tacit_error_set(decoder->error, TACIT_TOO_LARGE, "more than %d unknown fields",
                               TACIT_CODEC_UNKNOWN_MAX);
    }
    keys->unknown[keys->unknown_count++] = key;
    tacit_status_t status =
        tacit_reader_skip(&decoder->reader, TACIT_CODEC_DEPTH_MAX - depth, &skipped);
    if (status == TACIT_TOO_LARGE) {
        return tacit__too_deep(decoder->error);
    }
    return status == TACIT_OK ? TACIT_OK
                              : s_malformed(decoder->error, "an unknown field is not msgpack");
}

static tacit_status_t s_get_pair(s_decoder_t *decoder, const tacit_record_t *record, s_keys_t *keys,
                                 uint8_t *value, size_t depth)
{
    uint32_t key = 0;
    tacit_status_t status = s_next_key(decoder, &key);
    if (status != TACIT_OK) {
        return status;
    }
    size_t index = s_find(record, key, keys->next);
    if (index == record->field_count) {
        return s_skip_unknown(decoder, keys, key, depth);
    }
    if (keys->seen & UINT64_C(1) << index) {
        return s_malformed(decoder->error, "a key comes twice");
    }
    keys->seen |= UINT64_C(1) << index;
    keys->next = index + 1;
    return s_get_field(decoder, &record->fields[index], value, depth);
}

static tacit_status_t s_get_record(s_decoder_t *decoder, const tacit_record_t *record,
                                   uint64_t pairs, uint8_t *value, size_t depth)
{
    s_keys_t keys = {.seen = 0};
    if (depth > TACIT_CODEC_DEPTH_MAX) {
        return tacit__too_deep(decoder->error);
    }
    if (record->field_count > TACIT_CODEC_FIELDS_MAX) {
        return tacit_error_set(decoder->error, TACIT_INTERNAL, "a record of too many fields");
    }
    for (uint64_t i = 0; i < pairs; i++) {
        tacit_status_t status = s_get_pair(decoder, record, &keys, value, depth);
        if (status != TACIT_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < record->field_count; i++) {
        const tacit_field_t *field = &record->fields[i];
        if (!field->optional && !(keys.seen & UINT64_C(1) << i)) {
            return tacit__refuse(field, tacit__kinds[field->kind].name, "nothing", decoder->error);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_get_all(s_decoder_t *decoder, const tacit_record_t *record, uint8_t *value)
{
    tacit_token_t token;
    tacit_status_t status = s_next(decoder, &token);
    if (status != TACIT_OK) {
        return status;
    }
    if (token.kind != TACIT_TOKEN_MAP) {
        return s_malformed(decoder->error, "not a map of fields");
    }
    status = s_get_record(decoder, record, token.number, value, 1);
    if (status == TACIT_OK && !tacit_reader_done(&decoder->reader)) {
        return s_malformed(decoder->error, "bytes are left over after the message");
    }
    return status;
}

tacit_status_t tacit_codec_decode(const tacit_record_t *record, tacit_span_t bytes,
                                  const tacit_secret_context_t *secrets, tacit_arena_t *arena,
                                  void *ret_value, tacit_error_t *ret_error)
{
    s_decoder_t decoder = {
        .reader = tacit_reader(bytes), .secrets = secrets, .arena = arena, .error = ret_error};
    memset(ret_value, 0, record->size);
    tacit_status_t status = s_get_all(&decoder, record, ret_value);
    if (status != TACIT_OK) {
        memset(ret_value, 0, record->size);
    }
    return status;
}
