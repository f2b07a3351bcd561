/*  codec_encode.c - structs to msgpack.

    The caller's struct is trusted, its values are not: every bound is checked before the value is
    written, so that nothing is sent that the other side must refuse. Recurses over nested records,
    at most TACIT_CODEC_DEPTH_MAX deep.  */

#include <msgpack.h>

#include "rpc/codec_internal.h"

/*  Integers are read and written by their low bytes.  */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian host");

typedef struct {
    msgpack_packer packer;
    tacit_buffer_t *buffer;
    const tacit_secret_context_t *secrets;
    tacit_status_t status; /* of the last write that failed */
    tacit_error_t *error;
} s_encoder_t;

static int s_write(void *data, const char *bytes, size_t size)
{
    s_encoder_t *encoder = data;
    tacit_status_t status = tacit_buffer_append(encoder->buffer, bytes, size);
    if (status != TACIT_OK) {
        encoder->status = status;
        return -1;
    }
    return 0;
}

/*  The packer's result as a status: only our own write can fail.  */
static tacit_status_t s_packed(s_encoder_t *encoder, int result)
{
    return result == 0 ? TACIT_OK : tacit_error_set(encoder->error, encoder->status, NULL);
}

static tacit_status_t s_put_record(s_encoder_t *encoder, const tacit_record_t *record,
                                   const uint8_t *value, size_t depth);

static bool s_is_span(const tacit_field_t *field)
{
    return !field->list && (field->kind == TACIT_KIND_STRING || field->kind == TACIT_KIND_BYTES ||
                            field->kind == TACIT_KIND_SECRET);
}

static uint64_t s_load_unsigned(const void *place, size_t size)
{
    uint64_t wide = 0;
    memcpy(&wide, place, size); /* little-endian hosts only, as the platform's messages */
    return wide;
}

static int64_t s_load_signed(const void *place, size_t size)
{
    int64_t wide;
    int32_t narrow;
    if (size == sizeof wide) {
        memcpy(&wide, place, sizeof wide);
        return wide;
    }
    memcpy(&narrow, place, sizeof narrow);
    return narrow;
}

static tacit_status_t s_put_secret(s_encoder_t *encoder, const tacit_field_t *field,
                                   tacit_span_t plaintext)
{
    tacit_transcript_t place;
    uint8_t *sealed = NULL;
    tacit_status_t status = tacit__secret_place(encoder->secrets, field, &place, encoder->error);
    if (status != TACIT_OK) {
        return status;
    }
    size_t size = plaintext.size + TACIT_SEAL_OVERHEAD;
    status = s_packed(encoder, msgpack_pack_bin(&encoder->packer, size));
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit_buffer_extend(encoder->buffer, size, &sealed);
    if (status != TACIT_OK) {
        return tacit_error_set(encoder->error, status, NULL);
    }
    tacit_seal(encoder->secrets->key, tacit_transcript_span(&place), plaintext, sealed);
    return TACIT_OK;
}

static tacit_status_t s_put_span(s_encoder_t *encoder, const tacit_field_t *field,
                                 const uint8_t *place)
{
    tacit_span_t span;
    memcpy(&span, place, sizeof span);
    tacit_status_t status = tacit__check_span(field, span, encoder->error);
    if (status != TACIT_OK) {
        return status;
    }
    if (field->kind == TACIT_KIND_SECRET) {
        return s_put_secret(encoder, field, span);
    }
    if (field->kind == TACIT_KIND_STRING) {
        return s_packed(encoder,
                        msgpack_pack_str_with_body(&encoder->packer, span.data, span.size));
    }
    return s_packed(encoder, msgpack_pack_bin_with_body(&encoder->packer, span.data, span.size));
}

static tacit_status_t s_put_enum(s_encoder_t *encoder, const tacit_field_t *field,
                                 const uint8_t *place)
{
    uint64_t value = s_load_unsigned(place, sizeof(uint32_t));
    tacit_status_t status = tacit__check_enum(field, value, encoder->error);
    return status == TACIT_OK ? s_packed(encoder, msgpack_pack_uint64(&encoder->packer, value))
                              : status;
}

static tacit_status_t s_put_double(s_encoder_t *encoder, const uint8_t *place)
{
    double real;
    memcpy(&real, place, sizeof real);
    return s_packed(encoder, msgpack_pack_double(&encoder->packer, real));
}

/*  One value: a field's, or an element's.  */
static tacit_status_t s_put_value(s_encoder_t *encoder, const tacit_field_t *field,
                                  const uint8_t *place, size_t depth)
{
    msgpack_packer *packer = &encoder->packer;
    size_t size = tacit__kinds[field->kind].size;
    switch (field->kind) {
    case TACIT_KIND_BOOL:
        return s_packed(encoder, *place ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
    case TACIT_KIND_U8:
    case TACIT_KIND_U16:
    case TACIT_KIND_U32:
    case TACIT_KIND_U64:
        return s_packed(encoder, msgpack_pack_uint64(packer, s_load_unsigned(place, size)));
    case TACIT_KIND_I32:
    case TACIT_KIND_I64:
        return s_packed(encoder, msgpack_pack_int64(packer, s_load_signed(place, size)));
    case TACIT_KIND_F64:
        return s_put_double(encoder, place);
    case TACIT_KIND_STRING:
    case TACIT_KIND_BYTES:
    case TACIT_KIND_SECRET:
        return s_put_span(encoder, field, place);
    case TACIT_KIND_ENUM:
        return s_put_enum(encoder, field, place);
    case TACIT_KIND_STRUCT:
        return s_put_record(encoder, field->record, place, depth + 1);
    }
    return tacit_error_set(encoder->error, TACIT_INTERNAL, "a field of no known kind");
}

static tacit_status_t s_put_list(s_encoder_t *encoder, const tacit_field_t *field,
                                 const uint8_t *place, size_t depth)
{
    tacit__list_t list;
    memcpy(&list, place, sizeof list);
    if (list.count > field->list_max) {
        return tacit__refuse_count(field, 0, field->list_max, list.count, "elements",
                                   encoder->error);
    }
    if (depth + 1 > TACIT_CODEC_DEPTH_MAX) {
        return tacit__too_deep(encoder->error);
    }
    tacit_status_t status = s_packed(encoder, msgpack_pack_array(&encoder->packer, list.count));
    const uint8_t *item = list.items;
    for (size_t i = 0; status == TACIT_OK && i < list.count; i++) {
        status = s_put_value(encoder, field, item, depth + 1);
        item += tacit__item_size(field);
    }
    return status;
}

static bool s_is_there(const tacit_field_t *field, const uint8_t *value)
{
    if (!field->optional) {
        return true;
    }
    tacit_span_t span = tacit_span(NULL, 0);
    if (s_is_span(field)) {
        memcpy(&span, value + field->offset, sizeof span);
    }
    return value[field->has_offset] || span.data;
}

static tacit_status_t s_put_field(s_encoder_t *encoder, const tacit_field_t *field,
                                  const uint8_t *value, size_t depth)
{
    tacit_status_t status = s_packed(encoder, msgpack_pack_uint32(&encoder->packer, field->number));
    if (status != TACIT_OK) {
        return status;
    }
    return field->list ? s_put_list(encoder, field, value + field->offset, depth)
                       : s_put_value(encoder, field, value + field->offset, depth);
}

static tacit_status_t s_put_record(s_encoder_t *encoder, const tacit_record_t *record,
                                   const uint8_t *value, size_t depth)
{
    size_t count = 0;
    if (depth > TACIT_CODEC_DEPTH_MAX) {
        return tacit__too_deep(encoder->error);
    }
    for (size_t i = 0; i < record->field_count; i++) {
        count += s_is_there(&record->fields[i], value);
    }
    tacit_status_t status = s_packed(encoder, msgpack_pack_map(&encoder->packer, count));
    for (size_t i = 0; status == TACIT_OK && i < record->field_count; i++) {
        if (s_is_there(&record->fields[i], value)) {
            status = s_put_field(encoder, &record->fields[i], value, depth);
        }
    }
    return status;
}

tacit_status_t tacit_codec_encode(const tacit_record_t *record, const void *value,
                                  const tacit_secret_context_t *secrets, tacit_buffer_t *buffer,
                                  tacit_error_t *ret_error)
{
    s_encoder_t encoder = {.buffer = buffer, .secrets = secrets, .error = ret_error};
    size_t before = buffer->size;
    msgpack_packer_init(&encoder.packer, &encoder, s_write);
    tacit_status_t status = s_put_record(&encoder, record, value, 1);
    if (status != TACIT_OK) {
        buffer->size = before;
    }
    return status;
}
