/*  json_value.c - one row per kind says how it is read and written.  */

#include "clients/rpc/json_value.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

/*  The form of every list in a struct, as generated.  */
typedef struct {
    void *items;
    size_t count;
} s_list_t;

typedef struct {
    const tacit_remote_t *remote;
    tacit_arena_t *arena;
    tacit_error_t *error;
} s_reader_t;

static tacit_status_t s_refuse(const s_reader_t *reader, const tacit_field_t *field,
                               const char *expected)
{
    return tacit_error_claim(reader->error, TACIT_BAD_INPUT, field->name, expected,
                             "another JSON value");
}

/*  --- reading --------------------------------------------------------------------------------- */

typedef tacit_status_t(s_read_fn)(const s_reader_t *reader, const tacit_field_t *field,
                                  const json_t *json, void *at);

static tacit_status_t s_read_record(const s_reader_t *reader, const tacit_record_t *record,
                                    const json_t *json, void *at);

static tacit_status_t s_read_bool(const s_reader_t *reader, const tacit_field_t *field,
                                  const json_t *json, void *at)
{
    bool value = json_is_true(json);
    memcpy(at, &value, sizeof value);
    return json_is_boolean(json) ? TACIT_OK : s_refuse(reader, field, "true or false");
}

/*  A number, or a string of its digits.  */
static bool s_digits(const json_t *json, uint64_t *ret_number)
{
    const char *text = json_string_value(json);
    char *end = NULL;
    if (json_is_integer(json)) {
        *ret_number = (uint64_t)json_integer_value(json);
        return json_integer_value(json) >= 0;
    }
    if (!text || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static tacit_status_t s_read_unsigned(const s_reader_t *reader, const tacit_field_t *field,
                                      const json_t *json, void *at)
{
    static const size_t sizes[] = {
        [TACIT_KIND_U8] = 1, [TACIT_KIND_U16] = 2, [TACIT_KIND_U32] = 4, [TACIT_KIND_U64] = 8};
    uint64_t number;
    size_t size = sizes[field->kind];
    if (!s_digits(json, &number) || (size < 8 && number >> (8 * size) != 0)) {
        return s_refuse(reader, field, "an unsigned integer within its range");
    }
    memcpy(at, &number, size); /* little-endian, as everything here */
    return TACIT_OK;
}

static tacit_status_t s_read_signed(const s_reader_t *reader, const tacit_field_t *field,
                                    const json_t *json, void *at)
{
    int64_t number = json_integer_value(json);
    bool narrow = field->kind == TACIT_KIND_I32;
    if (!json_is_integer(json) || (narrow && (number < INT32_MIN || number > INT32_MAX))) {
        return s_refuse(reader, field, "an integer within its range");
    }
    memcpy(at, &number, narrow ? sizeof(int32_t) : sizeof(int64_t));
    return TACIT_OK;
}

static tacit_status_t s_read_double(const s_reader_t *reader, const tacit_field_t *field,
                                    const json_t *json, void *at)
{
    double number = json_number_value(json);
    memcpy(at, &number, sizeof number);
    return json_is_number(json) ? TACIT_OK : s_refuse(reader, field, "a number");
}

static tacit_status_t s_read_string(const s_reader_t *reader, const tacit_field_t *field,
                                    const json_t *json, void *at)
{
    if (!json_is_string(json)) {
        return s_refuse(reader, field, "a string");
    }
    tacit_span_t text = tacit_span(json_string_value(json), json_string_length(json));
    memcpy(at, &text, sizeof text);
    return TACIT_OK;
}

static tacit_status_t s_read_bytes(const s_reader_t *reader, const tacit_field_t *field,
                                   const json_t *json, void *at)
{
    const char *text = json_string_value(json);
    size_t digits = text ? json_string_length(json) : 1;
    size_t size = digits / 2;
    size_t got = 0;
    bool secret = field->kind == TACIT_KIND_SECRET;
    if (!text || digits % 2 != 0 || size > TACIT_FRAME_MAX) {
        return s_refuse(reader, field, "an even number of hex digits");
    }
    uint8_t *bytes = secret ? tacit_arena_alloc_secret(reader->arena, size ? size : 1)
                            : tacit_arena_alloc(reader->arena, size ? size : 1);
    if (!bytes) {
        return tacit_error_set(reader->error, TACIT_NO_MEMORY, NULL);
    }
    if (sodium_hex2bin(bytes, size ? size : 1, text, digits, NULL, &got, NULL) != 0 ||
        got != size) {
        return s_refuse(reader, field, "hex digits");
    }
    tacit_span_t span = tacit_span(bytes, size);
    memcpy(at, &span, sizeof span);
    return TACIT_OK;
}

static tacit_status_t s_read_enum(const s_reader_t *reader, const tacit_field_t *field,
                                  const json_t *json, void *at)
{
    uint32_t number;
    const char *name = json_string_value(json);
    if (!name || !tacit_remote_enum_number(reader->remote, field, name, &number)) {
        return s_refuse(reader, field, "the name of one of its values");
    }
    memcpy(at, &number, sizeof number);
    return TACIT_OK;
}

static tacit_status_t s_read_struct(const s_reader_t *reader, const tacit_field_t *field,
                                    const json_t *json, void *at)
{
    return s_read_record(reader, field->record, json, at);
}

/*  --- writing --------------------------------------------------------------------------------- */

typedef json_t *(s_write_fn)(const tacit_remote_t *remote, const tacit_field_t *field,
                             const void *at);

static json_t *s_write_bool(const tacit_remote_t *remote, const tacit_field_t *field,
                            const void *at)
{
    (void)remote;
    (void)field;
    bool value;
    memcpy(&value, at, sizeof value);
    return json_boolean(value);
}

static json_t *s_write_number(uint64_t number)
{
    char digits[24];
    if (number <= INT64_MAX) {
        return json_integer((json_int_t)number);
    }
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    return json_string(digits);
}

static json_t *s_write_unsigned(const tacit_remote_t *remote, const tacit_field_t *field,
                                const void *at)
{
    (void)remote;
    static const size_t sizes[] = {
        [TACIT_KIND_U8] = 1, [TACIT_KIND_U16] = 2, [TACIT_KIND_U32] = 4, [TACIT_KIND_U64] = 8};
    uint64_t number = 0;
    memcpy(&number, at, sizes[field->kind]);
    return s_write_number(number);
}

static json_t *s_write_signed(const tacit_remote_t *remote, const tacit_field_t *field,
                              const void *at)
{
    (void)remote;
    int32_t narrow;
    int64_t wide;
    memcpy(&narrow, at, sizeof narrow);
    if (field->kind == TACIT_KIND_I32) {
        return json_integer(narrow);
    }
    memcpy(&wide, at, sizeof wide);
    return json_integer(wide);
}

/*  JSON has no infinity and no NaN.  */
static json_t *s_write_double(const tacit_remote_t *remote, const tacit_field_t *field,
                              const void *at)
{
    (void)remote;
    (void)field;
    double number;
    memcpy(&number, at, sizeof number);
    json_t *json = json_real(number);
    return json ? json : json_null();
}

static json_t *s_write_string(const tacit_remote_t *remote, const tacit_field_t *field,
                              const void *at)
{
    (void)remote;
    (void)field;
    tacit_span_t text;
    memcpy(&text, at, sizeof text);
    return json_stringn(text.data ? (const char *)text.data : "", text.size);
}

static json_t *s_write_bytes(const tacit_remote_t *remote, const tacit_field_t *field,
                             const void *at)
{
    (void)remote;
    (void)field;
    tacit_span_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    char *text = malloc(2 * bytes.size + 1);
    if (!text) {
        return NULL;
    }
    sodium_bin2hex(text, 2 * bytes.size + 1, bytes.data, bytes.size);
    json_t *json = json_stringn(text, 2 * bytes.size);
    free(text);
    return json;
}

/*  That there was one is told, not what it is: what is printed is kept by terminals.  */
static json_t *s_write_secret(const tacit_remote_t *remote, const tacit_field_t *field,
                              const void *at)
{
    (void)remote;
    (void)field;
    tacit_span_t secret;
    memcpy(&secret, at, sizeof secret);
    return json_sprintf("secret of %zu bytes, not shown", secret.size);
}

static json_t *s_write_enum(const tacit_remote_t *remote, const tacit_field_t *field,
                            const void *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    const char *name = tacit_remote_enum_name(remote, field, number);
    return name ? json_string(name) : s_write_number(number);
}

static json_t *s_write_struct(const tacit_remote_t *remote, const tacit_field_t *field,
                              const void *at)
{
    return tacit_json_write(remote, field->record, at);
}

/*  --- kinds ----------------------------------------------------------------------------------- */

static const struct {
    s_read_fn *read;
    s_write_fn *write;
    size_t size; /* of an element of a list; 0: the record's */
} s_kinds[] = {
    [TACIT_KIND_BOOL] = {s_read_bool, s_write_bool, sizeof(bool)},
    [TACIT_KIND_U8] = {s_read_unsigned, s_write_unsigned, sizeof(uint8_t)},
    [TACIT_KIND_U16] = {s_read_unsigned, s_write_unsigned, sizeof(uint16_t)},
    [TACIT_KIND_U32] = {s_read_unsigned, s_write_unsigned, sizeof(uint32_t)},
    [TACIT_KIND_U64] = {s_read_unsigned, s_write_unsigned, sizeof(uint64_t)},
    [TACIT_KIND_I32] = {s_read_signed, s_write_signed, sizeof(int32_t)},
    [TACIT_KIND_I64] = {s_read_signed, s_write_signed, sizeof(int64_t)},
    [TACIT_KIND_F64] = {s_read_double, s_write_double, sizeof(double)},
    [TACIT_KIND_STRING] = {s_read_string, s_write_string, sizeof(tacit_span_t)},
    [TACIT_KIND_BYTES] = {s_read_bytes, s_write_bytes, sizeof(tacit_span_t)},
    [TACIT_KIND_SECRET] = {s_read_bytes, s_write_secret, sizeof(tacit_span_t)},
    [TACIT_KIND_ENUM] = {s_read_enum, s_write_enum, sizeof(uint32_t)},
    [TACIT_KIND_STRUCT] = {s_read_struct, s_write_struct, 0},
};

static size_t s_element_size(const tacit_field_t *field)
{
    return field->record ? field->record->size : s_kinds[field->kind].size;
}

static tacit_status_t s_read_list(const s_reader_t *reader, const tacit_field_t *field,
                                  const json_t *json, void *at)
{
    size_t size = s_element_size(field);
    s_list_t list = {.count = json_array_size(json)};
    if (!json_is_array(json) || list.count > field->list_max ||
        list.count > TACIT_ARENA_MAX / size) {
        return s_refuse(reader, field, "an array within its bound");
    }
    list.items = tacit_arena_alloc(reader->arena, list.count ? list.count * size : 1);
    if (!list.items) {
        return tacit_error_set(reader->error, TACIT_NO_MEMORY, NULL);
    }
    memset(list.items, 0, list.count * size);
    for (size_t i = 0; i < list.count; i++) {
        tacit_status_t status = s_kinds[field->kind].read(reader, field, json_array_get(json, i),
                                                          (uint8_t *)list.items + i * size);
        if (status) {
            return status;
        }
    }
    memcpy(at, &list, sizeof list);
    return TACIT_OK;
}

static json_t *s_write_list(const tacit_remote_t *remote, const tacit_field_t *field,
                            const void *at)
{
    s_list_t list;
    memcpy(&list, at, sizeof list);
    json_t *array = json_array();
    for (size_t i = 0; array && i < list.count; i++) {
        const uint8_t *item = (const uint8_t *)list.items + i * s_element_size(field);
        if (json_array_append_new(array, s_kinds[field->kind].write(remote, field, item)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/*  --- records --------------------------------------------------------------------------------- */

static const tacit_field_t *s_find(const tacit_record_t *record, const char *name)
{
    for (size_t i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static tacit_status_t s_check_names(const s_reader_t *reader, const tacit_record_t *record,
                                    const json_t *json)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json)) {
        return tacit_error_claim(reader->error, TACIT_BAD_INPUT, record->name, "a JSON object",
                                 "another JSON value");
    }
    json_object_foreach((json_t *)json, name, value)
    {
        if (!s_find(record, name)) {
            return tacit_error_claim(reader->error, TACIT_BAD_INPUT, record->name,
                                     "fields of the contract", name);
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_read_field(const s_reader_t *reader, const tacit_field_t *field,
                                   const json_t *json, uint8_t *record)
{
    if (!json && !field->optional) {
        return tacit_error_claim(reader->error, TACIT_BAD_INPUT, field->name, "a value", "nothing");
    }
    if (!json) {
        return TACIT_OK;
    }
    if (field->optional) {
        record[field->has_offset] = true;
    }
    s_read_fn *read = field->list ? s_read_list : s_kinds[field->kind].read;
    return read(reader, field, json, record + field->offset);
}

static tacit_status_t s_read_record(const s_reader_t *reader, const tacit_record_t *record,
                                    const json_t *json, void *at)
{
    tacit_status_t status = s_check_names(reader, record, json);
    for (size_t i = 0; i < record->field_count && !status; i++) {
        const tacit_field_t *field = &record->fields[i];
        status = s_read_field(reader, field, json_object_get(json, field->name), at);
    }
    return status;
}

tacit_status_t tacit_json_read(const tacit_remote_t *remote, const tacit_record_t *record,
                               const json_t *object, tacit_arena_t *arena, void *ret_value,
                               tacit_error_t *ret_error)
{
    const s_reader_t reader = {.remote = remote, .arena = arena, .error = ret_error};
    return s_read_record(&reader, record, object, ret_value);
}

json_t *tacit_json_write(const tacit_remote_t *remote, const tacit_record_t *record,
                         const void *value)
{
    const uint8_t *bytes = value;
    json_t *object = json_object();
    for (size_t i = 0; object && i < record->field_count; i++) {
        const tacit_field_t *field = &record->fields[i];
        if (field->optional && !bytes[field->has_offset]) {
            continue;
        }
        s_write_fn *write = field->list ? s_write_list : s_kinds[field->kind].write;
        if (json_object_set_new(object, field->name, write(remote, field, bytes + field->offset)) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
