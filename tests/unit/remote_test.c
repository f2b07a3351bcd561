/*  remote_test.c - a contract that a service tells: tables from it, JSON by them, and that no lie
    in it leads anywhere.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clients/rpc/excerpt.h"
#include "clients/rpc/json_value.h"
#include "enclave/secret.h"
#include "idl/inference.h"
#include "idl/keys.h"
#include "idl/mesh.h"
#include "rpc/codec.h"
#include "rpc/limits.h"

static const tacit_service_t *const s_services[] = {&tacit_inference_service, &tacit_keys_service,
                                                    &tacit_mesh_service};

static tacit_span_t s_told(const tacit_service_t *service)
{
    return tacit_span(service->contract, service->contract_size);
}

static tacit_remote_t *s_open(const tacit_service_t *service)
{
    tacit_remote_t *remote = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status = tacit_remote_new(s_told(service), &remote, &error);
    assert_string_equal(status ? error.message : "", "");
    return remote;
}

/*  --- tables ---------------------------------------------------------------------------------- */

static void s_assert_same_record(const tacit_record_t *told, const tacit_record_t *built)
{
    assert_int_equal(told->field_count, built->field_count);
    for (size_t i = 0; i < told->field_count; i++) {
        const tacit_field_t *one = &told->fields[i];
        const tacit_field_t *other = &built->fields[i];
        assert_string_equal(one->name, other->name);
        assert_int_equal(one->number, other->number);
        assert_int_equal(one->kind, other->kind);
        assert_int_equal(one->list, other->list);
        assert_int_equal(one->optional, other->optional);
        assert_int_equal(one->min, other->min);
        assert_int_equal(one->max, other->max);
        assert_int_equal(one->list_max, other->list_max);
        assert_int_equal(one->enum_count, other->enum_count);
        if (one->record) {
            s_assert_same_record(one->record, other->record);
        }
    }
}

static void what_a_service_tells_is_what_it_was_built_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_services / sizeof *s_services; i++) {
        tacit_remote_t *remote = s_open(s_services[i]);
        for (size_t j = 0; j < s_services[i]->method_count; j++) {
            const tacit_method_t *built = &s_services[i]->methods[j];
            const tacit_method_t *told = tacit_remote_method(remote, built->name);
            assert_non_null(told);
            assert_int_equal(told->caller, built->caller);
            assert_int_equal(told->roles, built->roles);
            assert_int_equal(told->deadline_ms, built->deadline_ms);
            assert_int_equal(told->bulk_in_max, built->bulk_in_max);
            assert_int_equal(told->bulk_out_max, built->bulk_out_max);
            assert_int_equal(told->idempotent, built->idempotent);
            assert_int_equal(told->stream_in.chunk_max, built->stream_in.chunk_max);
            assert_int_equal(told->stream_out.total_max, built->stream_out.total_max);
            assert_int_equal(told->stream_in.resumable, built->stream_in.resumable);
            assert_int_equal(told->stream_out.resumable, built->stream_out.resumable);
            s_assert_same_record(told->args, built->args);
            s_assert_same_record(told->result, built->result);
        }
        assert_null(tacit_remote_method(remote, "keys.nothing"));
        tacit_remote_destroy(&remote);
    }
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    tacit_span_t told = s_told(&tacit_mesh_service);
    for (size_t size = 0; size < told.size; size++) {
        tacit_remote_t *remote = NULL;
        assert_int_not_equal(tacit_remote_new(tacit_span(told.data, size), &remote, NULL),
                             TACIT_OK);
        assert_null(remote);
    }
}

/*  --- lies ------------------------------------------------------------------------------------ */

/*  A contract of one record that may hold fields, and one method.  */
typedef struct {
    tacit_contract_field_t fields[2];
    tacit_contract_record_t records[2];
    tacit_contract_value_t values[2];
    tacit_contract_enumeration_t enums[1];
    tacit_contract_call_t calls[1];
    tacit_contract_contract_t contract;
} s_small_t;

static void s_fill(s_small_t *small)
{
    tacit_span_t name = tacit_span_string("x");
    memset(small, 0, sizeof *small);
    small->fields[0] =
        (tacit_contract_field_t){.number = 1, .name = name, .kind = TACIT_CONTRACT_KIND_U8};
    small->fields[1] =
        (tacit_contract_field_t){.number = 2, .name = name, .kind = TACIT_CONTRACT_KIND_U8};
    for (size_t i = 0; i < 2; i++) {
        small->records[i].name = name;
        small->values[i] = (tacit_contract_value_t){.number = (uint32_t)i, .name = name};
    }
    small->records[1].fields.items = small->fields;
    small->records[1].fields.count = 2;
    small->enums[0].name = name;
    small->enums[0].values.items = small->values;
    small->enums[0].values.count = 2;
    small->calls[0] = (tacit_contract_call_t){
        .name = name, .args = 0, .result = 1, .caller = TACIT_CONTRACT_CALLER_USER};
    small->contract.name = name;
    small->contract.records.items = small->records;
    small->contract.records.count = 2;
    small->contract.enums.items = small->enums;
    small->contract.enums.count = 1;
    small->contract.calls.items = small->calls;
    small->contract.calls.count = 1;
}

static tacit_status_t s_judge(const s_small_t *small)
{
    tacit_buffer_t buffer;
    tacit_remote_t *remote = NULL;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    assert_int_equal(
        tacit_codec_encode(&tacit_contract_contract_record, &small->contract, NULL, &buffer, NULL),
        TACIT_OK);
    tacit_status_t status = tacit_remote_new(tacit_buffer_span(&buffer), &remote, NULL);
    tacit_remote_destroy(&remote);
    tacit_buffer_free(&buffer);
    return status;
}

static void s_target(s_small_t *small, uint32_t kind, bool has, uint32_t target)
{
    small->fields[0].kind = kind;
    small->fields[0].has_target = has;
    small->fields[0].target = target;
}

static void lies_about_what_there_is_are_refused(void **state)
{
    (void)state;
    s_small_t small;
    s_fill(&small);
    assert_int_equal(s_judge(&small), TACIT_OK);
    s_target(&small, TACIT_CONTRACT_KIND_STRUCTURE, true, 0);
    assert_int_equal(s_judge(&small), TACIT_OK);
    s_target(&small, TACIT_CONTRACT_KIND_STRUCTURE, true, 1); /* itself */
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_target(&small, TACIT_CONTRACT_KIND_STRUCTURE, true, 2);
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_target(&small, TACIT_CONTRACT_KIND_STRUCTURE, false, 0);
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_target(&small, TACIT_CONTRACT_KIND_ENUMERATION, true, 0);
    assert_int_equal(s_judge(&small), TACIT_OK);
    s_target(&small, TACIT_CONTRACT_KIND_ENUMERATION, true, 1);
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.calls[0].args = 2;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.calls[0].bulk_in_max = UINT64_MAX;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
}

static void lies_about_streams_are_refused(void **state)
{
    (void)state;
    const struct {
        uint32_t chunk;
        uint64_t total;
        tacit_status_t status;
    } rows[] = {{1, 1, TACIT_OK},
                {TACIT_STREAM_CHUNK_MAX, UINT64_MAX, TACIT_OK},
                {TACIT_STREAM_CHUNK_MAX + 1, UINT64_MAX, TACIT_BAD_INPUT},
                {0, 1, TACIT_BAD_INPUT},
                {2, 1, TACIT_BAD_INPUT}};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        s_small_t small;
        s_fill(&small);
        tacit_contract_call_t *call = &small.calls[0];
        const tacit_contract_stream_t stream = {.chunk_max = rows[i / 2].chunk,
                                                .total_max = rows[i / 2].total};
        *(i % 2 ? &call->stream_in : &call->stream_out) = stream;
        *(i % 2 ? &call->has_stream_in : &call->has_stream_out) = true;
        assert_int_equal(s_judge(&small), rows[i / 2].status);
    }
}

static void lies_about_resuming_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        s_small_t small;
        s_fill(&small);
        tacit_contract_call_t *call = &small.calls[0];
        const tacit_contract_stream_t stream = {.chunk_max = 1,
                                                .total_max = 1,
                                                .has_resumable = true,
                                                .resumable = true,
                                                .has_offset_field = i != 1,
                                                .offset_field = i == 2 ? 77 : 1};
        small.fields[0].kind = i == 3 ? TACIT_CONTRACT_KIND_U32 : TACIT_CONTRACT_KIND_U64;
        small.fields[0].optional = i == 4;
        call->args = 1;
        call->stream_out = stream;
        call->has_stream_out = true;
        call->stream_in = (tacit_contract_stream_t){.chunk_max = 1, .total_max = 1};
        call->has_stream_in = i == 5;
        assert_int_equal(s_judge(&small), i == 0 ? TACIT_OK : TACIT_BAD_INPUT);
    }
}

static void lies_about_order_and_bounds_are_refused(void **state)
{
    (void)state;
    s_small_t small;
    s_fill(&small);
    small.fields[1].number = 1;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.fields[0].number = 0;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.fields[0].has_min = true;
    small.fields[0].min = 2;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.values[1].number = 0;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
    s_fill(&small);
    small.enums[0].values.count = 0;
    assert_int_equal(s_judge(&small), TACIT_BAD_INPUT);
}

/*  Each record holds the one before it, count times.  */
static tacit_status_t s_judge_tower(size_t height, size_t width)
{
    tacit_contract_record_t records[16];
    tacit_contract_field_t fields[16][64];
    s_small_t small;
    memset(records, 0, sizeof records);
    memset(fields, 0, sizeof fields);
    s_fill(&small);
    for (size_t i = 0; i < height; i++) {
        records[i].name = tacit_span_string("r");
        records[i].fields.items = fields[i];
        records[i].fields.count = i == 0 ? 0 : width;
        for (size_t j = 0; j < width; j++) {
            fields[i][j] = (tacit_contract_field_t){
                .number = (uint32_t)j + 1,
                .name = tacit_span_string("f"),
                .kind = TACIT_CONTRACT_KIND_STRUCTURE,
                .has_target = true,
                .target = (uint32_t)(i > 0 ? i - 1 : 0),
            };
        }
    }
    small.calls[0].result = 0;
    small.contract.records.items = records;
    small.contract.records.count = height;
    return s_judge(&small);
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(s_judge_tower(TACIT_REMOTE_DEPTH_MAX, 1), TACIT_OK);
    assert_int_equal(s_judge_tower(TACIT_REMOTE_DEPTH_MAX + 1, 1), TACIT_TOO_LARGE);
    assert_int_equal(s_judge_tower(2, 64), TACIT_OK);
    assert_int_equal(s_judge_tower(4, 64), TACIT_TOO_LARGE);
}

/*  --- JSON ------------------------------------------------------------------------------------ */

/*  Read, and written again; NULL where it is refused.  */
static char *s_through(const tacit_remote_t *remote, const char *method, const char *text,
                       tacit_error_t *ret_error)
{
    const tacit_record_t *record = tacit_remote_method(remote, method)->args;
    tacit_arena_t *arena = tacit_arena_new();
    void *value = calloc(1, record->size);
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    char *again = NULL;
    assert_true(arena && value && json);
    if (tacit_json_read(remote, record, json, arena, value, ret_error) == TACIT_OK) {
        json_t *written = tacit_json_write(remote, record, value);
        again = json_dumps(written, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(written);
    }
    json_decref(json);
    free(value);
    tacit_arena_destroy(&arena);
    return again;
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    static const char list[] = "{\"residents\":[{\"name\":\"m\",\"owner\":\"00ff\",\"version\":7},"
                               "{\"name\":\"n\",\"owner\":\"\",\"version\":0}]}";
    tacit_remote_t *remote = s_open(&tacit_inference_service);
    tacit_error_t error;
    char *again = s_through(remote, "inference.heartbeat", list, &error);
    assert_non_null(again);
    assert_string_equal(again, list);
    free(again);
    tacit_remote_destroy(&remote);
}

static void large_numbers_are_digits(void **state)
{
    (void)state;
    static const char text[] = "{\"from\":\"18446744073709551615\",\"limit\":4294967295}";
    tacit_remote_t *remote = s_open(&tacit_keys_service);
    tacit_error_t error;
    char *again = s_through(remote, "keys.audit", text, &error);
    assert_non_null(again);
    assert_string_equal(again, text);
    free(again);
    tacit_remote_destroy(&remote);
}

static void secrets_are_not_written(void **state)
{
    (void)state;
    tacit_remote_t *remote = s_open(&tacit_keys_service);
    tacit_error_t error;
    char *again = s_through(remote, "keys.put_request_key",
                            "{\"owner\":\"01\",\"name\":\"m\",\"measurement\":\"02\","
                            "\"request_key\":\"0badc0de\"}",
                            &error);
    assert_non_null(again);
    assert_null(strstr(again, "0badc0de"));
    assert_non_null(strstr(again, "secret of 4 bytes"));
    free(again);
    tacit_remote_destroy(&remote);
}

static void refuses_what_the_contract_does_not_have(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{\"from\":1}",
        "{\"from\":1,\"limit\":1,\"more\":1}",
        "{\"from\":-1,\"limit\":1}",
        "{\"from\":\"1x\",\"limit\":1}",
        "{\"from\":\"18446744073709551616\",\"limit\":1}",
        "{\"from\":1.5,\"limit\":1}",
        "{\"from\":1,\"limit\":4294967296}",
        "{\"from\":1,\"limit\":null}",
        "{\"from\":1,\"limit\":[1]}",
    };
    tacit_remote_t *remote = s_open(&tacit_keys_service);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tacit_error_t error = {.code = TACIT_OK};
        assert_null(s_through(remote, "keys.audit", bad[i], &error));
        assert_int_equal(error.code, TACIT_BAD_INPUT);
    }
    tacit_error_t error = {.code = TACIT_OK};
    assert_null(s_through(remote, "keys.revoke", "{\"grant_id\":\"0\"}", &error));
    assert_null(s_through(remote, "keys.revoke", "{\"grant_id\":\"zz\"}", &error));
    tacit_remote_destroy(&remote);
}

#define CASE(name) cmocka_unit_test(name)

/*  --- a method of the text -------------------------------------------------------------------- */

static void s_assert_excerpt(const char *text, const char *name, const char *wanted)
{
    tacit_span_t part = tacit_excerpt_method(tacit_span_string(text), name);
    assert_true(tacit_span_equal(part, tacit_span_string(wanted)));
}

static void finds_a_method_and_its_comment_in_a_text(void **state)
{
    (void)state;
    static const char text[] = "# a\n\n## One.\n## And more.\nmethod one (1 a: u8) -> ()\n"
                               "    deadline 1s\n\nmethod one_more -> ()\n\n## Last.\nmethod last";
    s_assert_excerpt(text, "one",
                     "## One.\n## And more.\nmethod one (1 a: u8) -> ()\n    deadline 1s\n");
    s_assert_excerpt(text, "one_more", "method one_more -> ()\n");
    s_assert_excerpt(text, "last", "## Last.\nmethod last");
    static const char *const others[] = {"", "o", "on", "one_", "last_one", "method", "lasting"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(tacit_excerpt_method(tacit_span_string(text), others[i]).data);
    }
    for (size_t size = 0; size < sizeof text; size++) { /* cut anywhere */
        (void)tacit_excerpt_method(tacit_span(text, size), "last");
    }
}

int main(void)
{
    if (tacit_process_init() != TACIT_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        CASE(finds_a_method_and_its_comment_in_a_text),
        CASE(what_a_service_tells_is_what_it_was_built_with),
        CASE(refuses_every_truncation),
        CASE(lies_about_what_there_is_are_refused),
        CASE(lies_about_streams_are_refused),
        CASE(lies_about_resuming_are_refused),
        CASE(lies_about_order_and_bounds_are_refused),
        CASE(depth_and_size_are_bounded),
        CASE(reads_what_it_writes),
        CASE(large_numbers_are_digits),
        CASE(secrets_are_not_written),
        CASE(refuses_what_the_contract_does_not_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
