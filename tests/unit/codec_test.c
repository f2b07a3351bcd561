/*  codec_test.c - encoding and decoding under a schema: bounds, refusals, sealed fields.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <sodium.h>

#include "enclave/binding.h"
#include "enclave/seal.h"
#include "rpc/codec.h"
#include "tests/unit/codec_sample.h"

#define BYTES(literal) tacit_span(literal, sizeof(literal) - 1)

static void s_put(uint8_t *at, tacit_span_t bytes)
{
    memcpy(at, bytes.data, bytes.size);
}

enum { S_BUFFER_MAX = 64 * 1024 };

/*  A record of one field with number 1, whatever its kind.  */
typedef struct {
    bool has_value;
    union {
        bool flag;
        uint64_t number;
        int64_t integer;
        int32_t narrow;
        double real;
        tacit_span_t span;
        struct {
            void *items;
            size_t count;
        } list;
    } value;
} s_slot_t;

typedef struct {
    tacit_buffer_t buffer;
    tacit_arena_t *arena;
    tacit_error_t error;
} s_fixture_t;

static int s_setup(void **state)
{
    static s_fixture_t fixture;
    tacit_buffer_init(&fixture.buffer, S_BUFFER_MAX);
    fixture.arena = tacit_arena_new();
    *state = &fixture;
    return fixture.arena && sodium_init() >= 0 ? 0 : -1;
}

static int s_teardown(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_buffer_free(&fixture->buffer);
    tacit_arena_destroy(&fixture->arena);
    return 0;
}

static tacit_record_t s_record_of(tacit_field_t *field)
{
    field->name = "value";
    field->number = 1;
    field->offset = offsetof(s_slot_t, value);
    field->has_offset = offsetof(s_slot_t, has_value);
    return (tacit_record_t){
        .name = "slot", .size = sizeof(s_slot_t), .fields = field, .field_count = 1};
}

/*  Decode `{1: bytes}`.  */
static tacit_status_t s_decode_one(s_fixture_t *fixture, tacit_field_t field, tacit_span_t bytes,
                                   s_slot_t *ret_slot)
{
    uint8_t frame[512] = {0x81, 0x01};
    tacit_record_t record = s_record_of(&field);
    assert_true(bytes.size <= sizeof frame - 2);
    memcpy(frame + 2, bytes.data, bytes.size);
    tacit_arena_reset(fixture->arena);
    return tacit_codec_decode(&record, tacit_span(frame, bytes.size + 2), NULL, fixture->arena,
                              ret_slot, &fixture->error);
}

static tacit_status_t s_decode(s_fixture_t *fixture, const tacit_record_t *record,
                               tacit_span_t bytes, void *ret_value)
{
    tacit_arena_reset(fixture->arena);
    return tacit_codec_decode(record, bytes, NULL, fixture->arena, ret_value, &fixture->error);
}

static tacit_status_t s_encode(s_fixture_t *fixture, const tacit_record_t *record,
                               const void *value)
{
    tacit_buffer_clear(&fixture->buffer);
    return tacit_codec_encode(record, value, NULL, &fixture->buffer, &fixture->error);
}

static tacit_span_t s_encoded_sample(s_fixture_t *fixture)
{
    sample_t sample;
    sample_fill(&sample);
    assert_int_equal(s_encode(fixture, &sample_record, &sample), TACIT_OK);
    return tacit_buffer_span(&fixture->buffer);
}

static void s_assert_points_equal(const sample_point_t *a, const sample_point_t *b)
{
    assert_int_equal(a->x, b->x);
    assert_true(tacit_span_equal(a->label, b->label));
}

static void s_assert_samples_equal(const sample_t *a, const sample_t *b)
{
    assert_int_equal(a->flag, b->flag);
    assert_int_equal(a->small, b->small);
    assert_int_equal(a->middle, b->middle);
    assert_int_equal(a->large, b->large);
    assert_true(a->huge == b->huge);
    assert_int_equal(a->signed32, b->signed32);
    assert_true(a->signed64 == b->signed64);
    assert_memory_equal(&a->real, &b->real, sizeof a->real);
    assert_true(tacit_span_equal(a->text, b->text));
    assert_true(tacit_span_equal(a->blob, b->blob));
    assert_int_equal(a->color, b->color);
    s_assert_points_equal(&a->point, &b->point);
    assert_int_equal(a->numbers.count, b->numbers.count);
    assert_memory_equal(a->numbers.items, b->numbers.items, 3 * sizeof(uint32_t));
    assert_int_equal(a->points.count, b->points.count);
    s_assert_points_equal(&a->points.items[1], &b->points.items[1]);
    assert_int_equal(a->names.count, b->names.count);
    assert_true(tacit_span_equal(a->names.items[1], b->names.items[1]));
    assert_true(a->has_maybe_number == b->has_maybe_number && a->maybe_number == b->maybe_number);
    assert_true(a->has_maybe_text == b->has_maybe_text);
    assert_true(tacit_span_equal(a->maybe_text, b->maybe_text));
    assert_int_equal(a->has_maybe_point, b->has_maybe_point);
    s_assert_points_equal(&a->maybe_point, &b->maybe_point);
}

static void every_kind_comes_back(void **state)
{
    s_fixture_t *fixture = *state;
    sample_t sent;
    sample_t received;
    sample_fill(&sent);
    tacit_span_t bytes = s_encoded_sample(fixture);
    assert_int_equal(s_decode(fixture, &sample_record, bytes, &received), TACIT_OK);
    s_assert_samples_equal(&sent, &received);
    /*  Spans are borrowed, not copied.  */
    assert_true(received.text.data > bytes.data && received.text.data < bytes.data + bytes.size);
}

static void absent_optionals_are_absent(void **state)
{
    s_fixture_t *fixture = *state;
    sample_t sent;
    sample_t received;
    sample_fill(&sent);
    sent.has_maybe_number = false;
    sent.has_maybe_text = false;
    sent.maybe_text = tacit_span(NULL, 0);
    sent.has_maybe_point = false;
    assert_int_equal(s_encode(fixture, &sample_record, &sent), TACIT_OK);
    assert_int_equal(fixture->buffer.data[0], 0x8f); /* 15 required fields */
    memset(&received, 0xff, sizeof received);
    assert_int_equal(
        s_decode(fixture, &sample_record, tacit_buffer_span(&fixture->buffer), &received),
        TACIT_OK);
    assert_false(received.has_maybe_number || received.has_maybe_text || received.has_maybe_point);
    assert_null(received.maybe_text.data);
    assert_int_equal(received.maybe_number, 0);
}

static void an_optional_span_is_there_with_data_or_flag(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_field_t field = {.kind = TACIT_KIND_BYTES, .max = 4, .optional = true};
    tacit_record_t record = s_record_of(&field);
    s_slot_t slot = {.value.span = BYTES("x")};
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_OK);
    assert_int_equal(fixture->buffer.size, 5);
    slot = (s_slot_t){.has_value = true};
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_OK);
    assert_int_equal(fixture->buffer.size, 4);
    slot = (s_slot_t){.has_value = false};
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_OK);
    assert_int_equal(fixture->buffer.size, 1);
}

static void every_prefix_is_refused(void **state)
{
    s_fixture_t *fixture = *state;
    sample_t received;
    sample_t zero;
    memset(&zero, 0, sizeof zero);
    tacit_span_t bytes = s_encoded_sample(fixture);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, bytes.data, size);
        uint8_t *prefix = realloc(exact, size ? size : 1);
        tacit_status_t status =
            s_decode(fixture, &sample_record, tacit_span(prefix, size), &received);
        assert_int_equal(status, TACIT_MALFORMED);
        assert_memory_equal(&received, &zero, sizeof zero);
        free(prefix);
    }
}

static void trailing_bytes_are_refused(void **state)
{
    s_fixture_t *fixture = *state;
    sample_point_t point;
    assert_int_equal(s_decode(fixture, &sample_point_record, BYTES("\x82\x01\x05\x02\xa0"), &point),
                     TACIT_OK);
    assert_int_equal(
        s_decode(fixture, &sample_point_record, BYTES("\x82\x01\x05\x02\xa0\xc0"), &point),
        TACIT_MALFORMED);
}

static void keys_in_any_order_and_width(void **state)
{
    s_fixture_t *fixture = *state;
    sample_point_t point;
    assert_int_equal(
        s_decode(fixture, &sample_point_record,
                 BYTES("\x82\xcd\x00\x02\xa1z\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xff"), &point),
        TACIT_OK);
    assert_int_equal(point.x, -1);
    assert_true(tacit_span_equal(point.label, BYTES("z")));
}

static void duplicate_and_strange_keys_are_refused(void **state)
{
    s_fixture_t *fixture = *state;
    const tacit_span_t frames[] = {
        BYTES("\x83\x01\x05\x02\xa0\x01\x05"),         /* a known key twice */
        BYTES("\x84\x01\x05\x02\xa0\x09\xc0\x09\xc0"), /* an unknown key twice */
        BYTES("\x83\x01\x05\x02\xa0\xa1x\xc0"),        /* a string */
        BYTES("\x83\x01\x05\x02\xa0\xff\xc0"),         /* negative */
        BYTES("\x83\x01\x05\x02\xa0\x00\xc0"),         /* zero */
        BYTES("\x83\x01\x05\x02\xa0\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xc0"), /* beyond u32 */
        BYTES("\x83\x01\x05\x02\xa0\xc0\xc0"),
        BYTES("\x92\x05\xa0"), /* an array is no record */
        BYTES("\xc0"),
        BYTES(""),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        sample_point_t point;
        assert_int_equal(s_decode(fixture, &sample_point_record, frames[i], &point),
                         TACIT_MALFORMED);
        assert_int_equal(fixture->error.code, TACIT_MALFORMED);
    }
}

static void missing_required_fields_are_named(void **state)
{
    s_fixture_t *fixture = *state;
    sample_point_t point;
    assert_int_equal(s_decode(fixture, &sample_point_record, BYTES("\x81\x01\x05"), &point),
                     TACIT_BAD_INPUT);
    assert_string_equal(fixture->error.claim, "label");
    assert_string_equal(fixture->error.got, "nothing");
    assert_int_equal(s_decode(fixture, &sample_point_record, BYTES("\x80"), &point),
                     TACIT_BAD_INPUT);
    assert_string_equal(fixture->error.claim, "x");
}

static void unknown_keys_of_every_type_are_skipped(void **state)
{
    s_fixture_t *fixture = *state;
    const tacit_span_t values[] = {
        BYTES("\xc0"),
        BYTES("\xc2"),
        BYTES("\x05"),
        BYTES("\xff"),
        BYTES("\xcc\xff"),
        BYTES("\xcd\xff\xff"),
        BYTES("\xce\xff\xff\xff\xff"),
        BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\xd0\x80"),
        BYTES("\xd1\x80\x00"),
        BYTES("\xd2\x80\x00\x00\x00"),
        BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
        BYTES("\xca\x00\x00\x00\x00"),
        BYTES("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
        BYTES("\xa2\xff\xff"),
        BYTES("\xd9\x01x"),
        BYTES("\xda\x00\x01x"),
        BYTES("\xdb\x00\x00\x00\x01x"),
        BYTES("\xc4\x01x"),
        BYTES("\xc5\x00\x01x"),
        BYTES("\xc6\x00\x00\x00\x01x"),
        BYTES("\x92\x01\x91\xc0"),
        BYTES("\xdc\x00\x01\xc0"),
        BYTES("\xdd\x00\x00\x00\x01\xc0"),
        BYTES("\x82\x01\x02\xa1k\x80"),
        BYTES("\xde\x00\x01\xc0\xc0"),
        BYTES("\xdf\x00\x00\x00\x01\xc0\xc0"),
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t frame[64] = "\x83\x01\x05\x02\xa0\x09";
        sample_point_t point;
        memcpy(frame + 6, values[i].data, values[i].size);
        assert_int_equal(
            s_decode(fixture, &sample_point_record, tacit_span(frame, 6 + values[i].size), &point),
            TACIT_OK);
        assert_int_equal(point.x, 5);
        for (size_t size = 6; size < 6 + values[i].size; size++) {
            assert_int_equal(
                s_decode(fixture, &sample_point_record, tacit_span(frame, size), &point),
                TACIT_MALFORMED);
        }
    }
}

static tacit_status_t s_decode_unknown(s_fixture_t *fixture, size_t count)
{
    uint8_t frame[512] = {0xde, 0x00, (uint8_t)(2 + count), 0x01, 0x05, 0x02, 0xa0};
    size_t size = 7;
    sample_point_t point;
    for (size_t i = 0; i < count; i++) {
        frame[size++] = (uint8_t)(3 + i);
        frame[size++] = 0xc0;
    }
    return s_decode(fixture, &sample_point_record, tacit_span(frame, size), &point);
}

static void unknown_keys_are_limited(void **state)
{
    s_fixture_t *fixture = *state;
    assert_int_equal(s_decode_unknown(fixture, TACIT_CODEC_UNKNOWN_MAX), TACIT_OK);
    assert_int_equal(s_decode_unknown(fixture, TACIT_CODEC_UNKNOWN_MAX + 1), TACIT_TOO_LARGE);
}

/*  {1: 5, 2: "", 9: [[..nil..]]}  */
static tacit_status_t s_decode_nested_unknown(s_fixture_t *fixture, size_t containers)
{
    uint8_t frame[64] = "\x83\x01\x05\x02\xa0\x09";
    sample_point_t point;
    memset(frame + 6, 0x91, containers);
    frame[6 + containers] = 0xc0;
    return s_decode(fixture, &sample_point_record, tacit_span(frame, 7 + containers), &point);
}

/*  Records in lists of records: 2 * levels + 1 containers with the empty list at the end.  */
static tacit_status_t s_decode_tree(s_fixture_t *fixture, size_t levels)
{
    uint8_t frame[64];
    size_t size = 0;
    sample_node_t node;
    for (size_t i = 0; i < levels; i++) {
        s_put(frame + size, BYTES("\x81\x01\x91"));
        size += 3;
    }
    s_put(frame + size, BYTES("\x81\x01\x90"));
    return s_decode(fixture, &sample_node_record, tacit_span(frame, size + 3), &node);
}

static void depth_is_limited(void **state)
{
    s_fixture_t *fixture = *state;
    assert_int_equal(s_decode_nested_unknown(fixture, TACIT_CODEC_DEPTH_MAX - 1), TACIT_OK);
    assert_int_equal(s_decode_nested_unknown(fixture, TACIT_CODEC_DEPTH_MAX), TACIT_TOO_LARGE);
    /*  levels + 1 records and as many lists  */
    assert_int_equal(s_decode_tree(fixture, TACIT_CODEC_DEPTH_MAX / 2 - 1), TACIT_OK);
    assert_int_equal(s_decode_tree(fixture, TACIT_CODEC_DEPTH_MAX / 2), TACIT_TOO_LARGE);
}

static void encoding_limits_depth_too(void **state)
{
    s_fixture_t *fixture = *state;
    sample_node_t nodes[TACIT_CODEC_DEPTH_MAX] = {{{NULL, 0}}};
    for (size_t i = 0; i + 1 < TACIT_CODEC_DEPTH_MAX; i++) {
        nodes[i].children.items = &nodes[i + 1];
        nodes[i].children.count = 1;
    }
    assert_int_equal(s_encode(fixture, &sample_node_record, nodes), TACIT_TOO_LARGE);
    assert_int_equal(fixture->buffer.size, 0);
    assert_int_equal(s_encode(fixture, &sample_node_record, &nodes[TACIT_CODEC_DEPTH_MAX / 2]),
                     TACIT_OK);
}

static void integers_are_held_to_their_kind(void **state)
{
    s_fixture_t *fixture = *state;
    const struct {
        tacit_kind_t kind;
        tacit_span_t bytes;
        tacit_status_t status;
        uint64_t value;
    } rows[] = {
        {TACIT_KIND_U8, BYTES("\xcc\xff"), TACIT_OK, 255},
        {TACIT_KIND_U8, BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x07"), TACIT_OK, 7},
        {TACIT_KIND_U8, BYTES("\xd3\x00\x00\x00\x00\x00\x00\x00\x07"), TACIT_OK, 7},
        {TACIT_KIND_U8, BYTES("\xcd\x01\x00"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_U8, BYTES("\xff"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_U16, BYTES("\xcd\xff\xff"), TACIT_OK, 65535},
        {TACIT_KIND_U16, BYTES("\xce\x00\x01\x00\x00"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_U32, BYTES("\xce\xff\xff\xff\xff"), TACIT_OK, UINT32_MAX},
        {TACIT_KIND_U32, BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_U64, BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), TACIT_OK, UINT64_MAX},
        {TACIT_KIND_U64, BYTES("\xd0\xff"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_U64, BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_I32, BYTES("\xce\x7f\xff\xff\xff"), TACIT_OK, INT32_MAX},
        {TACIT_KIND_I32, BYTES("\xce\x80\x00\x00\x00"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_I32, BYTES("\xd2\x80\x00\x00\x00"), TACIT_OK, 0x80000000U},
        {TACIT_KIND_I32, BYTES("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"), TACIT_BAD_INPUT, 0},
        {TACIT_KIND_I64, BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), TACIT_OK,
         UINT64_C(1) << 63},
        {TACIT_KIND_I64, BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), TACIT_OK, INT64_MAX},
        {TACIT_KIND_I64, BYTES("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), TACIT_BAD_INPUT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_slot_t slot;
        tacit_status_t status =
            s_decode_one(fixture, (tacit_field_t){.kind = rows[i].kind}, rows[i].bytes, &slot);
        assert_int_equal(status, rows[i].status);
        assert_true(slot.value.number == rows[i].value);
        if (status != TACIT_OK) {
            assert_string_equal(fixture->error.claim, "value");
        }
    }
}

static void a_kind_takes_only_its_own_type(void **state)
{
    s_fixture_t *fixture = *state;
    static const uint32_t values[] = {5};
    const tacit_span_t samples[] = {
        BYTES("\xc0"),  BYTES("\xc3"),      BYTES("\x05"), BYTES("\xcb\0\0\0\0\0\0\0\0"),
        BYTES("\xa1x"), BYTES("\xc4\x01x"), BYTES("\x90"), BYTES("\x80"),
    };
    const struct {
        tacit_field_t field;
        size_t fits; /* the one of samples that does */
    } rows[] = {
        {{.kind = TACIT_KIND_BOOL}, 1},
        {{.kind = TACIT_KIND_U8}, 2},
        {{.kind = TACIT_KIND_I64}, 2},
        {{.kind = TACIT_KIND_F64}, 3},
        {{.kind = TACIT_KIND_STRING, .max = 4}, 4},
        {{.kind = TACIT_KIND_BYTES, .max = 4}, 5},
        {{.kind = TACIT_KIND_ENUM, .enum_values = values, .enum_count = 1}, 2},
        {{.kind = TACIT_KIND_U8, .list = true, .list_max = 1}, 6},
        {{.kind = TACIT_KIND_STRUCT, .record = &(tacit_record_t){.name = "empty", .size = 1}}, 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t j = 0; j < sizeof samples / sizeof *samples; j++) {
            s_slot_t slot;
            assert_int_equal(s_decode_one(fixture, rows[i].field, samples[j], &slot),
                             j == rows[i].fits ? TACIT_OK : TACIT_BAD_INPUT);
        }
    }
}

static void s_check_length(s_fixture_t *fixture, tacit_kind_t kind, size_t size,
                           tacit_status_t expected)
{
    tacit_field_t field = {.kind = kind, .min = 2, .max = 40};
    tacit_record_t record = s_record_of(&field);
    uint8_t frame[64] = {kind == TACIT_KIND_STRING ? 0xd9 : 0xc4, (uint8_t)size};
    s_slot_t slot;
    memset(frame + 2, 'x', size);
    assert_int_equal(s_decode_one(fixture, field, tacit_span(frame, size + 2), &slot), expected);
    slot = (s_slot_t){.value.span = tacit_span(frame + 2, size)};
    assert_int_equal(s_encode(fixture, &record, &slot), expected);
    if (expected != TACIT_OK) {
        assert_string_equal(fixture->error.claim, "value");
        assert_string_equal(fixture->error.expected, "2..40 bytes");
        assert_int_equal(fixture->buffer.size, 0);
    }
}

static void lengths_are_bounded_both_ways(void **state)
{
    const tacit_kind_t kinds[] = {TACIT_KIND_STRING, TACIT_KIND_BYTES};
    for (size_t i = 0; i < 2; i++) {
        s_check_length(*state, kinds[i], 1, TACIT_BAD_INPUT);
        s_check_length(*state, kinds[i], 2, TACIT_OK);
        s_check_length(*state, kinds[i], 40, TACIT_OK);
        s_check_length(*state, kinds[i], 41, TACIT_BAD_INPUT);
    }
}

static void strings_must_be_text_both_ways(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_field_t field = {.kind = TACIT_KIND_STRING, .max = 8};
    tacit_record_t record = s_record_of(&field);
    s_slot_t slot;
    assert_int_equal(s_decode_one(fixture, field, BYTES("\xa2\xc3\x28"), &slot), TACIT_BAD_INPUT);
    assert_int_equal(s_decode_one(fixture, field, BYTES("\xa2x\x00"), &slot), TACIT_BAD_INPUT);
    slot = (s_slot_t){.value.span = BYTES("\xff")};
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_BAD_INPUT);
}

static void enums_have_only_their_members(void **state)
{
    s_fixture_t *fixture = *state;
    static const uint32_t values[] = {1, 5, 9, UINT32_MAX};
    tacit_field_t field = {.kind = TACIT_KIND_ENUM, .enum_values = values, .enum_count = 4};
    tacit_record_t record = s_record_of(&field);
    const struct {
        uint32_t value;
        tacit_status_t status;
    } rows[] = {{0, TACIT_BAD_INPUT}, {1, TACIT_OK},         {4, TACIT_BAD_INPUT},  {5, TACIT_OK},
                {9, TACIT_OK},        {10, TACIT_BAD_INPUT}, {UINT32_MAX, TACIT_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t value = rows[i].value;
        uint8_t bytes[5] = {0xce, (uint8_t)(value >> 24), (uint8_t)(value >> 16),
                            (uint8_t)(value >> 8), (uint8_t)value};
        s_slot_t slot;
        assert_int_equal(s_decode_one(fixture, field, tacit_span(bytes, 5), &slot), rows[i].status);
        slot = (s_slot_t){.value.number = value};
        assert_int_equal(s_encode(fixture, &record, &slot), rows[i].status);
    }
    s_slot_t slot; /* 2^32 + 1 must not pass for 1 */
    assert_int_equal(
        s_decode_one(fixture, field, BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x01"), &slot),
        TACIT_BAD_INPUT);
}

static void lists_are_bounded_both_ways(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_field_t field = {.kind = TACIT_KIND_U16, .list = true, .list_max = 3};
    tacit_record_t record = s_record_of(&field);
    uint16_t items[4] = {1, 2, 3, 4};
    s_slot_t slot;
    assert_int_equal(s_decode_one(fixture, field, BYTES("\x90"), &slot), TACIT_OK);
    assert_true(slot.value.list.items == NULL && slot.value.list.count == 0);
    assert_int_equal(s_decode_one(fixture, field, BYTES("\x93\x01\x02\x03"), &slot), TACIT_OK);
    assert_int_equal(slot.value.list.count, 3);
    assert_memory_equal(slot.value.list.items, items, 3 * sizeof *items);
    assert_int_equal(s_decode_one(fixture, field, BYTES("\x94\x01\x02\x03\x04"), &slot),
                     TACIT_BAD_INPUT);
    assert_string_equal(fixture->error.expected, "0..3 elements");
    assert_int_equal(s_decode_one(fixture, field, BYTES("\x93\x01\x02\xff"), &slot),
                     TACIT_BAD_INPUT);
    slot = (s_slot_t){.value.list = {items, 3}};
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_OK);
    slot.value.list.count = 4;
    assert_int_equal(s_encode(fixture, &record, &slot), TACIT_BAD_INPUT);
}

static void huge_counts_are_refused_before_any_allocation(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_field_t field = {.kind = TACIT_KIND_U64, .list = true, .list_max = UINT32_MAX};
    tacit_record_t record = s_record_of(&field);
    const tacit_span_t frames[] = {
        BYTES("\x81\x01\xdd\x10\x00\x00\x00"),     BYTES("\x81\x01\xdd\xff\xff\xff\xff\x00\x00"),
        BYTES("\x81\x01\xdf\xff\xff\xff\xff\x00"), BYTES("\x81\x01\xdb\xff\xff\xff\xffx"),
        BYTES("\x81\x01\xc6\xff\xff\xff\xffx"),    BYTES("\xdf\xff\xff\xff\xff\x01\x90"),
        BYTES("\x82\x02\xdd\x10\x00\x00\x00\x01"), BYTES("\x81\x02\xc9\xff\xff\xff\xff\x01"),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        s_slot_t slot; /* without an arena an allocation would be INTERNAL */
        assert_int_equal(tacit_codec_decode(&record, frames[i], NULL, NULL, &slot, &fixture->error),
                         TACIT_MALFORMED);
    }
}

static void lists_stay_within_the_arena(void **state)
{
    s_fixture_t *fixture = *state;
    static uint8_t frame[8 + TACIT_ARENA_MAX / 8 + 1] = {0x81, 0x01, 0xdd};
    tacit_field_t field = {.kind = TACIT_KIND_U64, .list = true, .list_max = UINT32_MAX};
    tacit_record_t record = s_record_of(&field);
    for (uint32_t extra = 0; extra < 2; extra++) {
        uint32_t count = TACIT_ARENA_MAX / 8 + extra;
        s_slot_t slot;
        for (size_t i = 0; i < 4; i++) {
            frame[3 + i] = (uint8_t)(count >> (24 - 8 * i));
        }
        assert_int_equal(s_decode(fixture, &record, tacit_span(frame, 7 + count), &slot),
                         extra ? TACIT_TOO_LARGE : TACIT_OK);
    }
}

static void floats_of_both_widths(void **state)
{
    s_fixture_t *fixture = *state;
    s_slot_t slot;
    double expected = 1.5;
    assert_int_equal(s_decode_one(fixture, (tacit_field_t){.kind = TACIT_KIND_F64},
                                  BYTES("\xca\x3f\xc0\x00\x00"), &slot),
                     TACIT_OK);
    assert_memory_equal(&slot.value.real, &expected, sizeof expected);
}

/*  --- sealed fields -------------------------------------------------------------------------- */

static const uint8_t s_key[TACIT_KEY_SIZE] = {1};
static const uint8_t s_session[TACIT_SESSION_ID_SIZE] = {2};
static const tacit_secret_context_t s_secrets = {
    .key = s_key, .session = s_session, .msgid = 7, .method = "keys.put"};

static tacit_span_t s_encoded_secret(s_fixture_t *fixture)
{
    static const uint8_t plaintext[SAMPLE_KEY_SIZE] = "the canary that must not show up";
    sample_secret_t sent = {.key = tacit_span(plaintext, sizeof plaintext),
                            .spare = BYTES("short")};
    tacit_buffer_clear(&fixture->buffer);
    assert_int_equal(tacit_codec_encode(&sample_secret_record, &sent, &s_secrets, &fixture->buffer,
                                        &fixture->error),
                     TACIT_OK);
    return tacit_buffer_span(&fixture->buffer);
}

static tacit_status_t s_open(s_fixture_t *fixture, tacit_span_t bytes,
                             const tacit_secret_context_t *secrets, sample_secret_t *ret_received)
{
    tacit_arena_reset(fixture->arena);
    return tacit_codec_decode(&sample_secret_record, bytes, secrets, fixture->arena, ret_received,
                              &fixture->error);
}

static void secrets_travel_sealed(void **state)
{
    s_fixture_t *fixture = *state;
    sample_secret_t received;
    tacit_span_t bytes = s_encoded_secret(fixture);
    assert_null(memmem(bytes.data, bytes.size, "canary", 6));
    assert_int_equal(s_open(fixture, bytes, &s_secrets, &received), TACIT_OK);
    assert_int_equal(received.key.size, SAMPLE_KEY_SIZE);
    assert_memory_equal(received.key.data, "the canary that must not show up", SAMPLE_KEY_SIZE);
    assert_true(received.has_spare && tacit_span_equal(received.spare, BYTES("short")));
    assert_true(received.key.data < bytes.data || received.key.data >= bytes.data + bytes.size);
}

static void the_sealed_form_is_the_documented_one(void **state)
{
    s_fixture_t *fixture = *state;
    uint8_t opened[SAMPLE_KEY_SIZE];
    tacit_transcript_t place;
    tacit_span_t bytes = s_encoded_secret(fixture);
    /*  {1: bin 8 of 72 bytes, ...  */
    assert_memory_equal(bytes.data, "\x82\x01\xc4\x48", 4);
    tacit_transcript_start(&place, "tacit/secret/v1");
    tacit_transcript_add(&place, tacit_span(s_session, sizeof s_session));
    tacit_transcript_add_u64(&place, 7);
    tacit_transcript_add(&place, tacit_span_string("keys.put"));
    tacit_transcript_add_u64(&place, 1);
    assert_int_equal(tacit_seal_open(s_key, tacit_transcript_span(&place),
                                     tacit_span(bytes.data + 4, 72), opened),
                     TACIT_OK);
}

static void secrets_open_only_in_their_place(void **state)
{
    s_fixture_t *fixture = *state;
    const uint8_t other[TACIT_KEY_SIZE] = {9};
    tacit_secret_context_t wrong[4];
    sample_secret_t received;
    tacit_span_t bytes = s_encoded_secret(fixture);
    for (size_t i = 0; i < 4; i++) {
        wrong[i] = s_secrets;
    }
    wrong[0].key = other;
    wrong[1].session = other;
    wrong[2].msgid = 8;
    wrong[3].method = "keys.get";
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(s_open(fixture, bytes, &wrong[i], &received), TACIT_CORRUPT);
        assert_string_equal(fixture->error.claim, "key");
        assert_null(received.key.data);
    }
}

static void a_secret_of_another_field_is_refused(void **state)
{
    s_fixture_t *fixture = *state;
    sample_secret_t received;
    uint8_t moved[256];
    tacit_span_t bytes = s_encoded_secret(fixture);
    s_put(moved, BYTES("\x82\x02")); /* what was sealed as field 1, as field 2 too */
    memcpy(moved + 2, bytes.data + 2, 74);
    memcpy(moved + 76, bytes.data + 1, 75);
    assert_int_equal(s_open(fixture, tacit_span(moved, 151), &s_secrets, &received), TACIT_CORRUPT);
    assert_string_equal(fixture->error.claim, "spare");
}

static void secrets_need_keys_both_ways(void **state)
{
    s_fixture_t *fixture = *state;
    sample_secret_t received;
    tacit_span_t bytes = s_encoded_secret(fixture);
    const tacit_secret_context_t keyless = {.session = s_session, .msgid = 7, .method = "keys.put"};
    assert_int_equal(s_open(fixture, bytes, NULL, &received), TACIT_NO_SESSION);
    assert_int_equal(s_open(fixture, bytes, &keyless, &received), TACIT_NO_SESSION);
    sample_secret_t sent = {.key = tacit_span(s_key, SAMPLE_KEY_SIZE)};
    assert_int_equal(s_encode(fixture, &sample_secret_record, &sent), TACIT_NO_SESSION);
    assert_int_equal(fixture->buffer.size, 0);
}

static void altered_and_short_secrets_are_refused(void **state)
{
    s_fixture_t *fixture = *state;
    sample_secret_t received;
    tacit_span_t bytes = s_encoded_secret(fixture);
    for (size_t i = 4; i < 4 + 72; i++) {
        uint8_t altered[256];
        memcpy(altered, bytes.data, bytes.size);
        altered[i] ^= 1;
        assert_int_equal(s_open(fixture, tacit_span(altered, bytes.size), &s_secrets, &received),
                         TACIT_CORRUPT);
    }
    uint8_t shorter[4 + 71] = {0x81, 0x01, 0xc4, 71};
    assert_int_equal(s_open(fixture, tacit_span(shorter, sizeof shorter), &s_secrets, &received),
                     TACIT_BAD_INPUT);
    assert_int_equal(s_open(fixture, BYTES("\x81\x01\xc4\x01x"), &s_secrets, &received),
                     TACIT_BAD_INPUT);
}

/*  --- against msgpack-c ---------------------------------------------------------------------- */

static void msgpack_c_reads_what_we_write(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_span_t bytes = s_encoded_sample(fixture);
    msgpack_unpacked unpacked;
    size_t offset = 0;
    msgpack_unpacked_init(&unpacked);
    assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, bytes.size);
    const msgpack_object_map *map = &unpacked.data.via.map;
    assert_int_equal(unpacked.data.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(map->size, sample_record.field_count);
    assert_int_equal(map->ptr[0].val.type, MSGPACK_OBJECT_BOOLEAN);
    assert_true(map->ptr[4].val.via.u64 == UINT64_MAX);
    assert_true(map->ptr[6].val.via.i64 == INT64_MIN);
    assert_int_equal(map->ptr[8].val.type, MSGPACK_OBJECT_STR);
    assert_int_equal(map->ptr[9].val.type, MSGPACK_OBJECT_BIN);
    assert_int_equal(map->ptr[13].val.via.array.size, 2);
    assert_int_equal(map->ptr[17].key.via.u64, 300);
    msgpack_unpacked_destroy(&unpacked);
}

static void we_read_what_msgpack_c_writes(void **state)
{
    s_fixture_t *fixture = *state;
    sample_t sent;
    sample_t received;
    msgpack_unpacked unpacked;
    msgpack_sbuffer again;
    msgpack_packer packer;
    size_t offset = 0;
    sample_fill(&sent);
    tacit_span_t bytes = s_encoded_sample(fixture);
    msgpack_unpacked_init(&unpacked);
    (void)msgpack_unpack_next(&unpacked, (const char *)bytes.data, bytes.size, &offset);
    msgpack_sbuffer_init(&again);
    msgpack_packer_init(&packer, &again, msgpack_sbuffer_write);
    assert_int_equal(msgpack_pack_object(&packer, unpacked.data), 0);
    assert_int_equal(
        s_decode(fixture, &sample_record, tacit_span(again.data, again.size), &received), TACIT_OK);
    s_assert_samples_equal(&sent, &received);
    msgpack_sbuffer_destroy(&again);
    msgpack_unpacked_destroy(&unpacked);
}

/*  --- memory --------------------------------------------------------------------------------- */

static void a_full_buffer_refuses_and_keeps_what_it_had(void **state)
{
    s_fixture_t *fixture = *state;
    sample_t sample;
    size_t whole = s_encoded_sample(fixture).size;
    sample_fill(&sample);
    for (size_t max = 0; max <= whole + 3; max++) {
        tacit_buffer_t buffer;
        tacit_buffer_init(&buffer, max);
        tacit_status_t status = tacit_buffer_append(&buffer, "abc", 3);
        if (status == TACIT_OK) {
            status = tacit_codec_encode(&sample_record, &sample, NULL, &buffer, NULL);
        }
        assert_int_equal(status, max == whole + 3 ? TACIT_OK : TACIT_TOO_LARGE);
        assert_int_equal(buffer.size, max == whole + 3 ? max : max < 3 ? 0 : 3);
        tacit_buffer_free(&buffer);
        tacit_buffer_free(&buffer);
    }
}

static void the_arena_is_zeroed_aligned_and_bounded(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_arena_reset(fixture->arena);
    for (size_t round = 0; round < 3; round++) {
        size_t taken = 0;
        for (size_t size = 0; size < 3000; size += 7) {
            uint8_t *plain = tacit_arena_alloc(fixture->arena, size);
            assert_non_null(plain);
            assert_int_equal((uintptr_t)plain % _Alignof(max_align_t), 0);
            assert_true(sodium_is_zero(plain, size));
            memset(plain, 0xff, size);
            taken += size;
        }
        uint8_t *secret = tacit_arena_alloc_secret(fixture->arena, 40);
        assert_non_null(secret);
        assert_true(sodium_is_zero(secret, 40));
        memset(secret, 0xff, 40);
        assert_false(tacit_arena_fits(fixture->arena, TACIT_ARENA_MAX - taken));
        assert_null(tacit_arena_alloc(fixture->arena, TACIT_ARENA_MAX - taken));
        assert_null(tacit_arena_alloc(fixture->arena, SIZE_MAX));
        assert_null(tacit_arena_alloc_secret(fixture->arena, SIZE_MAX));
        tacit_arena_reset(fixture->arena);
    }
    void *whole = tacit_arena_alloc(fixture->arena, TACIT_ARENA_MAX);
    assert_non_null(whole);
    assert_null(tacit_arena_alloc(fixture->arena, 1));
}

static void reset_wipes_opened_secrets(void **state)
{
    s_fixture_t *fixture = *state;
    sample_secret_t received;
    tacit_span_t bytes = s_encoded_secret(fixture);
    assert_int_equal(s_open(fixture, bytes, &s_secrets, &received), TACIT_OK);
    tacit_arena_reset(fixture->arena);
    /*  Small locked blocks are kept, so that this still may be read.  */
    assert_true(sodium_is_zero(received.key.data, received.key.size));
}

static void copies_live_in_the_arena(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_arena_reset(fixture->arena);
    tacit_span_t copy = tacit_arena_copy(fixture->arena, BYTES("bytes"));
    assert_true(tacit_span_equal(copy, BYTES("bytes")));
    copy = tacit_arena_copy(fixture->arena, tacit_span(NULL, 0));
    assert_true(copy.data && copy.size == 0);
    copy = tacit_arena_copy(fixture->arena, tacit_span(s_key, SIZE_MAX));
    assert_null(copy.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(absent_optionals_are_absent),
        cmocka_unit_test(an_optional_span_is_there_with_data_or_flag),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(keys_in_any_order_and_width),
        cmocka_unit_test(duplicate_and_strange_keys_are_refused),
        cmocka_unit_test(missing_required_fields_are_named),
        cmocka_unit_test(unknown_keys_of_every_type_are_skipped),
        cmocka_unit_test(unknown_keys_are_limited),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(encoding_limits_depth_too),
        cmocka_unit_test(integers_are_held_to_their_kind),
        cmocka_unit_test(a_kind_takes_only_its_own_type),
        cmocka_unit_test(lengths_are_bounded_both_ways),
        cmocka_unit_test(strings_must_be_text_both_ways),
        cmocka_unit_test(enums_have_only_their_members),
        cmocka_unit_test(lists_are_bounded_both_ways),
        cmocka_unit_test(huge_counts_are_refused_before_any_allocation),
        cmocka_unit_test(lists_stay_within_the_arena),
        cmocka_unit_test(floats_of_both_widths),
        cmocka_unit_test(secrets_travel_sealed),
        cmocka_unit_test(the_sealed_form_is_the_documented_one),
        cmocka_unit_test(secrets_open_only_in_their_place),
        cmocka_unit_test(a_secret_of_another_field_is_refused),
        cmocka_unit_test(secrets_need_keys_both_ways),
        cmocka_unit_test(altered_and_short_secrets_are_refused),
        cmocka_unit_test(msgpack_c_reads_what_we_write),
        cmocka_unit_test(we_read_what_msgpack_c_writes),
        cmocka_unit_test(a_full_buffer_refuses_and_keeps_what_it_had),
        cmocka_unit_test(the_arena_is_zeroed_aligned_and_bounded),
        cmocka_unit_test(reset_wipes_opened_secrets),
        cmocka_unit_test(copies_live_in_the_arena),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
