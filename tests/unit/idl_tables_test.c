/*  idl_tables_test.c - what idlc wrote and what rpc/codec.c reads are the same language.

    Runs on golden/sample.idl, which has every construct once, and on the project's own tables.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/seal.h"
#include "idl/attestation.h"
#include "idl/inference.h"
#include "idl/introduction.h"
#include "idl/keys.h"
#include "idl/mesh.h"
#include "idl/models.h"
#include "idl/sample.h"
#include "idl/session.h"
#include "rpc/arena.h"
#include "rpc/buffer.h"
#include "rpc/codec.h"

enum { BUFFER_MAX = 1024 * 1024, CONTENT_MAX = 65536 };

static const tacit_service_t *const s_services[] = {
    &tacit_attestation_service, &tacit_inference_service, &tacit_introduction_service,
    &tacit_keys_service,        &tacit_mesh_service,      &tacit_models_service,
    &tacit_sample_service,      &tacit_session_service,   NULL,
};

typedef struct {
    tacit_buffer_t buffer;
    tacit_arena_t *arena;
    uint8_t content[CONTENT_MAX];
} s_fixture_t;

static int s_setup(void **state)
{
    s_fixture_t *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    tacit_buffer_init(&fixture->buffer, BUFFER_MAX);
    fixture->arena = tacit_arena_new();
    memset(fixture->content, 'x', sizeof fixture->content);
    *state = fixture;
    return sodium_init() < 0;
}

static int s_teardown(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_buffer_free(&fixture->buffer);
    tacit_arena_destroy(&fixture->arena);
    free(fixture);
    return 0;
}

static void s_encode(s_fixture_t *fixture, const tacit_record_t *record, const void *value,
                     const tacit_secret_context_t *secrets)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_buffer_clear(&fixture->buffer);
    if (tacit_codec_encode(record, value, secrets, &fixture->buffer, &error) != TACIT_OK) {
        fail_msg("%s: %s", error.claim, error.message);
    }
}

static void s_decode(s_fixture_t *fixture, const tacit_record_t *record, void *value,
                     const tacit_secret_context_t *secrets)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_span_t bytes = tacit_span(fixture->buffer.data, fixture->buffer.size);
    if (tacit_codec_decode(record, bytes, secrets, fixture->arena, value, &error) != TACIT_OK) {
        fail_msg("%s: %s", error.claim, error.message);
    }
}

/*  Shapes of the largest kind, all alike.  */
static tacit_sample_shape_t s_largest_shape(const s_fixture_t *fixture)
{
    static tacit_sample_point_t points[TACIT_SAMPLE_SHAPE_POINTS_MAX];
    tacit_sample_shape_t shape = {.name = tacit_span(fixture->content, 64),
                                  .ended = TACIT_SAMPLE_OUTCOME_BAD,
                                  .has_ended = true};
    for (size_t i = 0; i < TACIT_SAMPLE_SHAPE_POINTS_MAX; i++) {
        points[i] = (tacit_sample_point_t){.x = 0.1 * (double)i, .y = -1e300};
    }
    shape.points.items = points;
    shape.points.count = TACIT_SAMPLE_SHAPE_POINTS_MAX;
    return shape;
}

static tacit_sample_convert_args_t s_largest_args(const s_fixture_t *fixture)
{
    static tacit_sample_shape_t shapes[TACIT_SAMPLE_CONVERT_ARGS_SHAPES_MAX];
    for (size_t i = 0; i < TACIT_SAMPLE_CONVERT_ARGS_SHAPES_MAX; i++) {
        shapes[i] = s_largest_shape(fixture);
    }
    return (tacit_sample_convert_args_t){
        .flag = true,
        .tiny = UINT8_MAX,
        .small = UINT16_MAX,
        .count = UINT32_MAX,
        .large = UINT64_MAX,
        .has_large = true,
        .signed_small = INT32_MIN,
        .signed_large = INT64_MIN,
        .ratio = 0.1,
        .title = tacit_span(fixture->content, 255),
        .digest = tacit_span(fixture->content, 32),
        .content = tacit_span(fixture->content, 65536),
        .has_content = true,
        .shapes = {.items = shapes, .count = TACIT_SAMPLE_CONVERT_ARGS_SHAPES_MAX},
    };
}

static void test_largest_values_reach_encoded_max(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_sample_convert_args_t args = s_largest_args(fixture);
    tacit_sample_convert_result_t result = {
        .switch_ = true, .best = s_largest_shape(fixture), .has_best = true};
    s_encode(fixture, tacit_sample_convert.args, &args, NULL);
    assert_int_equal(fixture->buffer.size, tacit_sample_convert.args->encoded_max);
    s_encode(fixture, tacit_sample_convert.result, &result, NULL);
    assert_int_equal(fixture->buffer.size, tacit_sample_convert.result->encoded_max);
    tacit_sample_transfer_args_t nothing = {.reserved = 0};
    s_encode(fixture, tacit_sample_transfer.args, &nothing, NULL);
    assert_int_equal(fixture->buffer.size, tacit_sample_transfer.args->encoded_max);
}

static void test_every_kind_comes_back(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_sample_convert_args_t args = s_largest_args(fixture);
    tacit_sample_convert_args_t got;
    s_encode(fixture, tacit_sample_convert.args, &args, NULL);
    s_decode(fixture, tacit_sample_convert.args, &got, NULL);
    assert_true(got.flag && got.has_large && got.has_content);
    assert_int_equal(got.tiny, UINT8_MAX);
    assert_int_equal(got.small, UINT16_MAX);
    assert_int_equal(got.count, UINT32_MAX);
    assert_true(got.large == UINT64_MAX);
    assert_int_equal(got.signed_small, INT32_MIN);
    assert_true(got.signed_large == INT64_MIN);
    assert_true(got.ratio == args.ratio);
    assert_true(tacit_span_equal(got.title, args.title));
    assert_true(tacit_span_equal(got.content, args.content));
    assert_int_equal(got.shapes.count, args.shapes.count);
    const tacit_sample_shape_t *last = &got.shapes.items[got.shapes.count - 1];
    assert_int_equal(last->ended, TACIT_SAMPLE_OUTCOME_BAD);
    assert_int_equal(last->points.count, TACIT_SAMPLE_SHAPE_POINTS_MAX);
    assert_true(last->points.items[7].x == args.shapes.items[0].points.items[7].x);
    assert_true(last->points.items[7].y == -1e300);
}

static void test_absent_stays_absent(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_sample_convert_args_t args = {.digest = tacit_span(fixture->content, 32)};
    tacit_sample_convert_args_t got;
    s_encode(fixture, tacit_sample_convert.args, &args, NULL);
    s_decode(fixture, tacit_sample_convert.args, &got, NULL);
    assert_false(got.has_large || got.has_content);
    assert_null(got.content.data);
    assert_int_equal(got.shapes.count, 0);
}

static void test_lists_of_scalars_and_spans_come_back(void **state)
{
    s_fixture_t *fixture = *state;
    tacit_span_t pages[] = {tacit_span(fixture->content, 1024), tacit_span(NULL, 0)};
    tacit_span_t tags[] = {tacit_span_string("a"), tacit_span_string("tag")};
    uint32_t states[] = {TACIT_SAMPLE_OUTCOME_GOOD, TACIT_SAMPLE_OUTCOME_BAD};
    tacit_sample_document_t document = {
        .pages = {pages, 2}, .tags = {tags, 2}, .states = {states, 2}};
    tacit_sample_document_t got;
    s_encode(fixture, &tacit_sample_document_record, &document, NULL);
    s_decode(fixture, &tacit_sample_document_record, &got, NULL);
    assert_int_equal(got.pages.count, 2);
    assert_int_equal(got.pages.items[0].size, 1024);
    assert_true(tacit_span_equal(got.tags.items[1], tags[1]));
    assert_int_equal(got.states.items[1], TACIT_SAMPLE_OUTCOME_BAD);
}

static void test_secrets_are_sealed_and_measured(void **state)
{
    s_fixture_t *fixture = *state;
    const uint8_t key[TACIT_KEY_SIZE] = {7};
    const uint8_t session[16] = {9};
    const tacit_secret_context_t secrets = {
        .key = key, .session = session, .msgid = 1, .method = tacit_sample_register.name};
    tacit_sample_register_args_t args = {.owner = tacit_span(fixture->content, 32),
                                         .key = tacit_span(fixture->content, 32),
                                         .long_ = UINT32_MAX};
    tacit_sample_register_args_t got;
    s_encode(fixture, tacit_sample_register.args, &args, &secrets);
    assert_int_equal(fixture->buffer.size, tacit_sample_register.args->encoded_max);
    s_decode(fixture, tacit_sample_register.args, &got, &secrets);
    assert_true(tacit_span_equal(got.key, args.key));
}

/*  --- tables --------------------------------------------------------------------------------- */

static void test_text_is_what_its_hash_says(void **state)
{
    (void)state;
    for (size_t i = 0; s_services[i]; i++) {
        const tacit_service_t *service = s_services[i];
        uint8_t digest[crypto_hash_sha256_BYTES];
        (void)crypto_hash_sha256(digest, (const uint8_t *)service->text, strlen(service->text));
        assert_memory_equal(digest, service->sha256, sizeof digest);
    }
}

static void s_check_record(const tacit_record_t *record)
{
    uint32_t before = 0;
    for (size_t i = 0; i < record->field_count; i++) {
        const tacit_field_t *field = &record->fields[i];
        assert_true(field->number > before);
        before = field->number;
        assert_true(field->offset < record->size);
        assert_true(!field->optional || field->has_offset < record->size);
        assert_true(field->min <= field->max);
        assert_int_equal(field->list, field->list_max > 0);
        assert_int_equal(field->kind == TACIT_KIND_STRUCT, field->record != NULL);
        assert_int_equal(field->kind == TACIT_KIND_ENUM, field->enum_count > 0);
        for (size_t k = 1; k < field->enum_count; k++) {
            assert_true(field->enum_values[k - 1] < field->enum_values[k]);
        }
        if (field->record) {
            s_check_record(field->record);
        }
    }
}

static void test_methods_and_fields_ascend(void **state)
{
    (void)state;
    for (size_t i = 0; s_services[i]; i++) {
        const tacit_service_t *service = s_services[i];
        for (size_t k = 0; k < service->method_count; k++) {
            const tacit_method_t *method = &service->methods[k];
            assert_true(k == 0 || strcmp(service->methods[k - 1].name, method->name) < 0);
            assert_true(method->deadline_ms > 0);
            assert_non_null(method->invoke);
            assert_int_equal(method->caller == TACIT_CALLER_ENCLAVE, method->roles != 0);
            s_check_record(method->args);
            s_check_record(method->result);
        }
    }
}

static void test_clauses_are_in_the_table(void **state)
{
    (void)state;
    assert_ptr_equal(&tacit_sample_close, &tacit_sample_service.methods[0]);
    assert_string_equal(tacit_sample_close.name, "sample.close");
    assert_int_equal(tacit_sample_close.caller, TACIT_CALLER_OPERATOR);
    assert_int_equal(tacit_sample_close.deadline_ms, 60000);
    assert_int_equal(tacit_sample_convert.caller, TACIT_CALLER_ANYONE);
    assert_int_equal(tacit_sample_convert.deadline_ms, 500);
    assert_int_equal(tacit_sample_register.caller, TACIT_CALLER_OWNER);
    assert_int_equal(tacit_sample_register.owner_offset,
                     offsetof(tacit_sample_register_args_t, owner));
    assert_int_equal(tacit_sample_transfer.caller, TACIT_CALLER_ENCLAVE);
    assert_int_equal(tacit_sample_transfer.roles, 1U << TACIT_ROLE_WORKER | 1U << TACIT_ROLE_KEYS);
    assert_int_equal(tacit_sample_transfer.bulk_in_max, TACIT_SAMPLE_TRANSFER_BULK_IN_MAX);
    assert_int_equal(tacit_sample_transfer.bulk_out_max, 262184);
    assert_int_equal(tacit_sample_convert.bulk_in_max, 0);
}

static void test_errors_and_enums_have_names(void **state)
{
    (void)state;
    assert_int_equal(tacit_sample_service.error_count, 2);
    assert_int_equal(tacit_sample_service.errors[1].code, TACIT_SAMPLE_TOO_MANY);
    assert_string_equal(tacit_sample_service.errors[1].name, "too_many");
    assert_string_equal(tacit_sample_outcome_name(300), "bad");
    assert_string_equal(tacit_sample_outcome_name(2), "unknown");
}

/*  --- handlers ------------------------------------------------------------------------------- */

static tacit_status_t s_close(void *self, tacit_call_t *call, const tacit_sample_close_args_t *args,
                              tacit_sample_close_result_t *ret_result)
{
    (void)call;
    (void)ret_result;
    *(uint64_t *)self = args->number;
    return TACIT_SAMPLE_REFUSED;
}

static void test_invoke_calls_the_typed_handler(void **state)
{
    (void)state;
    const tacit_sample_handlers_t handlers = {.close = s_close};
    const tacit_sample_close_args_t args = {.number = 42};
    tacit_sample_close_result_t result;
    uint64_t seen = 0;
    assert_int_equal(tacit_sample_close.invoke(&handlers, &seen, NULL, &args, &result),
                     TACIT_SAMPLE_REFUSED);
    assert_int_equal(seen, 42);
}

static void test_invoke_without_handler_is_refused(void **state)
{
    (void)state;
    const tacit_sample_handlers_t handlers = {.close = NULL};
    for (size_t i = 0; i < tacit_sample_service.method_count; i++) {
        const tacit_method_t *method = &tacit_sample_service.methods[i];
        assert_int_equal(method->invoke(&handlers, NULL, NULL, NULL, NULL), TACIT_UNKNOWN_METHOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_largest_values_reach_encoded_max, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_every_kind_comes_back, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_absent_stays_absent, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_lists_of_scalars_and_spans_come_back, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(test_secrets_are_sealed_and_measured, s_setup, s_teardown),
        cmocka_unit_test(test_text_is_what_its_hash_says),
        cmocka_unit_test(test_methods_and_fields_ascend),
        cmocka_unit_test(test_clauses_are_in_the_table),
        cmocka_unit_test(test_errors_and_enums_have_names),
        cmocka_unit_test(test_invoke_calls_the_typed_handler),
        cmocka_unit_test(test_invoke_without_handler_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
