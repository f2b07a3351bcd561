/*  codec_sample.c - the tables of the sample records.  */

#include "tests/unit/codec_sample.h"

#define FIELD(type, number_, name_, kind_, ...)                                                    \
    {                                                                                              \
        .name = #name_, .number = (number_), .kind = TACIT_KIND_##kind_,                           \
        .offset = offsetof(type, name_), __VA_ARGS__                                               \
    }
#define MAYBE(type, name_) .optional = true, .has_offset = offsetof(type, has_##name_)
#define RECORD(name_, type, fields_)                                                               \
    {                                                                                              \
        .name = (name_), .size = sizeof(type), .fields = (fields_),                                \
        .field_count = sizeof(fields_) / sizeof *(fields_)                                         \
    }

static const uint32_t s_colors[] = {1, 5, 9};

static const tacit_field_t s_point_fields[] = {
    FIELD(sample_point_t, 1, x, I32, ),
    FIELD(sample_point_t, 2, label, STRING, .max = SAMPLE_TEXT_MAX),
};

const tacit_record_t sample_point_record = RECORD("sample.point", sample_point_t, s_point_fields);

static const tacit_field_t s_fields[] = {
    FIELD(sample_t, 1, flag, BOOL, ),
    FIELD(sample_t, 2, small, U8, ),
    FIELD(sample_t, 3, middle, U16, ),
    FIELD(sample_t, 4, large, U32, ),
    FIELD(sample_t, 5, huge, U64, ),
    FIELD(sample_t, 6, signed32, I32, ),
    FIELD(sample_t, 7, signed64, I64, ),
    FIELD(sample_t, 8, real, F64, ),
    FIELD(sample_t, 9, text, STRING, .min = 1, .max = SAMPLE_TEXT_MAX),
    FIELD(sample_t, 10, blob, BYTES, .min = SAMPLE_BLOB_MIN, .max = SAMPLE_BLOB_MAX),
    FIELD(sample_t, 11, color, ENUM, .enum_values = s_colors, .enum_count = 3),
    FIELD(sample_t, 12, point, STRUCT, .record = &sample_point_record),
    FIELD(sample_t, 13, numbers, U32, .list = true, .list_max = SAMPLE_LIST_MAX),
    FIELD(sample_t, 14, points, STRUCT, .list = true, .list_max = SAMPLE_LIST_MAX,
          .record = &sample_point_record),
    FIELD(sample_t, 15, names, STRING, .list = true, .list_max = SAMPLE_LIST_MAX,
          .max = SAMPLE_TEXT_MAX),
    FIELD(sample_t, 16, maybe_number, U32, MAYBE(sample_t, maybe_number)),
    FIELD(sample_t, 17, maybe_text, STRING, .max = SAMPLE_TEXT_MAX, MAYBE(sample_t, maybe_text)),
    FIELD(sample_t, 300, maybe_point, STRUCT, .record = &sample_point_record,
          MAYBE(sample_t, maybe_point)),
};

const tacit_record_t sample_record = RECORD("sample", sample_t, s_fields);

static const tacit_field_t s_secret_fields[] = {
    FIELD(sample_secret_t, 1, key, SECRET, .min = SAMPLE_KEY_SIZE, .max = SAMPLE_KEY_SIZE),
    FIELD(sample_secret_t, 2, spare, SECRET, .max = SAMPLE_KEY_SIZE, MAYBE(sample_secret_t, spare)),
};

const tacit_record_t sample_secret_record =
    RECORD("sample.secret", sample_secret_t, s_secret_fields);

static const tacit_field_t s_node_fields[] = {
    FIELD(sample_node_t, 1, children, STRUCT, .list = true, .list_max = SAMPLE_LIST_MAX,
          .record = &sample_node_record),
};

const tacit_record_t sample_node_record = RECORD("sample.node", sample_node_t, s_node_fields);

void sample_fill(sample_t *ret_sample)
{
    static uint32_t numbers[] = {0, 127, UINT32_MAX};
    static sample_point_t points[2];
    static tacit_span_t names[2];
    points[0] = (sample_point_t){.x = -1, .label = tacit_span_string("a")};
    points[1] = (sample_point_t){.x = INT32_MIN, .label = tacit_span_string("")};
    names[0] = tacit_span_string("eins");
    names[1] = tacit_span_string("zw\xc3\xb6lf");
    *ret_sample = (sample_t){
        .flag = true,
        .small = UINT8_MAX,
        .middle = UINT16_MAX,
        .large = UINT32_MAX,
        .huge = UINT64_MAX,
        .signed32 = INT32_MIN,
        .signed64 = INT64_MIN,
        .real = -0.5,
        .text = tacit_span_string("gr\xc3\xbc\xc3\x9f"),
        .blob = tacit_span("\x00\xff\x7f", 3),
        .color = 5,
        .point = {.x = INT32_MAX, .label = tacit_span_string("here")},
        .numbers = {.items = numbers, .count = 3},
        .points = {.items = points, .count = 2},
        .names = {.items = names, .count = 2},
        .has_maybe_number = true,
        .maybe_number = 65536,
        .has_maybe_text = true,
        .maybe_text = tacit_span_string("perhaps"),
        .has_maybe_point = true,
        .maybe_point = {.x = 7, .label = tacit_span_string("there")},
    };
}
