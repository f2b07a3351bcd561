/*  vectors_test.c - the C code agrees with tests/vectors, which the protocol's second
   implementation made: frames, records, sessions, lanes, commitments,
    layouts.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/envelope.h"
#include "enclave/platform.h"
#include "enclave/result.h"
#include "enclave/schedule.h"
#include "idl/inference.h"
#include "idl/keys.h"
#include "idl/models.h"
#include "idl/session.h"
#include "rpc/frame.h"
#include "rpc/introduction.h"
#include "rpc/lane_seal.h"
#include "rpc/lane_ticket.h"
#include "rpc/limits.h"
#include "rpc/mesh.h"
#include "rpc/secret_field.h"

enum { S_BYTES_MAX = 64 * 1024, S_ENCODED_MAX = 1 << 20 };

/*  --- vectors --------------------------------------------------------------------------------- */

static json_t *s_load(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", TACIT_VECTORS, name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

static json_t *s_member(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    if (!member) {
        fail_msg("no %s", name);
    }
    return member;
}

static const char *s_text(json_t *object, const char *name)
{
    const char *text = json_string_value(s_member(object, name));
    assert_non_null(text);
    return text;
}

static uint64_t s_number(json_t *object, const char *name)
{
    json_t *member = s_member(object, name);
    const char *text = json_string_value(member); /* "u64:" and digits: what JSON may not hold */
    return text ? strtoull(text + 4, NULL, 10) : (uint64_t)json_integer_value(member);
}

/*  The bytes of a hex member: of exactly size, where that is not 0; freed by s_free_all.  */
static void *s_allocated[512];
static size_t s_allocated_count;

static tacit_span_t s_bytes(json_t *object, const char *name, size_t size)
{
    const char *hex = s_text(object, name);
    size_t got = 0;
    uint8_t *bytes = malloc(S_BYTES_MAX);
    assert_non_null(bytes);
    assert_true(s_allocated_count < sizeof s_allocated / sizeof *s_allocated);
    s_allocated[s_allocated_count++] = bytes;
    assert_int_equal(sodium_hex2bin(bytes, S_BYTES_MAX, hex, strlen(hex), NULL, &got, NULL), 0);
    if (size > 0) {
        assert_int_equal(got, size);
    }
    return tacit_span(bytes, got);
}

static int s_free_all(void **state)
{
    (void)state;
    while (s_allocated_count > 0) {
        free(s_allocated[--s_allocated_count]);
    }
    return 0;
}

static void s_assert_span(tacit_span_t got, tacit_span_t expected)
{
    assert_int_equal(got.size, expected.size);
    if (expected.size > 0) {
        assert_memory_equal(got.data, expected.data, expected.size);
    }
}

/*  --- frames ---------------------------------------------------------------------------------- */

/*  What is read is what was meant, and written again it is the same bytes.  */
static void s_check_request(json_t *vector)
{
    tacit_span_t frame = s_bytes(vector, "frame", 0);
    tacit_span_t args = s_bytes(vector, "args", 0);
    tacit_frame_request_t request;
    assert_int_equal(tacit_frame_parse_request(frame, &request, NULL), TACIT_OK);
    assert_int_equal(request.msgid, s_number(vector, "msgid"));
    s_assert_span(request.method, tacit_span_string(s_text(vector, "method")));
    s_assert_span(request.args, args);
    json_t *meta = s_member(vector, "meta");
    assert_int_equal(request.meta.has_deadline_ms, json_object_get(meta, "1") != NULL);
    assert_int_equal(request.meta.has_traceparent, json_object_get(meta, "2") != NULL);
    assert_int_equal(request.meta.has_idempotency_key, json_object_get(meta, "3") != NULL);
    if (request.meta.has_deadline_ms) {
        assert_int_equal(request.meta.deadline_ms, s_number(meta, "1"));
    }
    if (json_object_get(meta, "4")) {
        return; /* only a newer peer writes that */
    }
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    assert_int_equal(tacit_frame_request_begin(&buffer, request.msgid, s_text(vector, "method")),
                     TACIT_OK);
    assert_int_equal(tacit_buffer_append(&buffer, args.data, args.size), TACIT_OK);
    assert_int_equal(tacit_frame_request_end(&buffer, &request.meta), TACIT_OK);
    s_assert_span(tacit_buffer_span(&buffer), frame);
    tacit_buffer_free(&buffer);
}

static void s_check_reply(json_t *vector)
{
    tacit_frame_reply_t reply;
    json_t *error = json_object_get(vector, "error");
    assert_int_equal(tacit_frame_parse_reply(s_bytes(vector, "frame", 0), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.msgid, s_number(vector, "msgid"));
    assert_int_equal(reply.failed, error != NULL);
    if (!error) {
        s_assert_span(reply.result, s_bytes(vector, "result", 0));
        return;
    }
    assert_int_equal(reply.error.code, s_number(error, "code"));
    assert_string_equal(reply.error.name, s_text(error, "name"));
    assert_string_equal(reply.error.claim, s_text(error, "claim"));
    assert_string_equal(reply.error.expected, s_text(error, "expected"));
    assert_string_equal(reply.error.got, s_text(error, "got"));
    assert_string_equal(reply.error.remedy, s_text(error, "remedy"));
}

static void test_frames(void **state)
{
    (void)state;
    json_t *root = s_load("frames.json");
    json_t *vector = NULL;
    size_t index = 0;
    tacit_frame_request_t request;
    tacit_frame_reply_t reply;
    json_array_foreach(s_member(root, "requests"), index, vector)
    {
        s_check_request(vector);
    }
    json_array_foreach(s_member(root, "replies"), index, vector)
    {
        s_check_reply(vector);
    }
    json_array_foreach(s_member(root, "refused_requests"), index, vector)
    {
        tacit_status_t status =
            tacit_frame_parse_request(s_bytes(vector, "frame", 0), &request, NULL);
        assert_string_equal(tacit_status_name(status), s_text(vector, "name"));
    }
    json_array_foreach(s_member(root, "refused_replies"), index, vector)
    {
        tacit_status_t status = tacit_frame_parse_reply(s_bytes(vector, "frame", 0), &reply, NULL);
        assert_string_equal(tacit_status_name(status), s_text(vector, "name"));
    }
    json_decref(root);
}

/*  --- records --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const tacit_record_t *record;
} s_records[] = {
    {"keys.grant_args", &tacit_keys_grant_args_record},
    {"keys.list_result", &tacit_keys_list_result_record},
    {"models.list_args", &tacit_models_list_args_record},
    {"inference.request", &tacit_inference_request_record},
    {"inference.response", &tacit_inference_response_record},
    {"session.open_args", &tacit_session_open_args_record},
};

static const tacit_record_t *s_record(json_t *vector)
{
    const char *name = s_text(vector, "record");
    for (size_t i = 0; i < sizeof s_records / sizeof *s_records; i++) {
        if (strcmp(s_records[i].name, name) == 0) {
            return s_records[i].record;
        }
    }
    fail_msg("no record %s", name);
    return NULL;
}

static void test_records(void **state)
{
    (void)state;
    json_t *root = s_load("codec.json");
    json_t *vector = NULL;
    size_t index = 0;
    tacit_arena_t *arena = tacit_arena_new();
    assert_non_null(arena);
    json_array_foreach(s_member(root, "records"), index, vector)
    {
        const tacit_record_t *record = s_record(vector);
        tacit_span_t bytes = s_bytes(vector, "bytes", 0);
        tacit_buffer_t buffer;
        void *value = calloc(1, record->size);
        tacit_buffer_init(&buffer, S_ENCODED_MAX);
        assert_int_equal(tacit_codec_decode(record, bytes, NULL, arena, value, NULL), TACIT_OK);
        assert_int_equal(tacit_codec_encode(record, value, NULL, &buffer, NULL), TACIT_OK);
        s_assert_span(tacit_buffer_span(&buffer), bytes);
        tacit_buffer_free(&buffer);
        free(value);
    }
    json_array_foreach(s_member(root, "refused"), index, vector)
    {
        const tacit_record_t *record = s_record(vector);
        void *value = calloc(1, record->size);
        tacit_status_t status =
            tacit_codec_decode(record, s_bytes(vector, "bytes", 0), NULL, arena, value, NULL);
        if (strcmp(tacit_status_name(status), s_text(vector, "name")) != 0) {
            fail_msg("%s: %s", s_text(vector, "why"), tacit_status_name(status));
        }
        free(value);
    }
    tacit_arena_destroy(&arena);
    json_decref(root);
}

/*  --- sessions -------------------------------------------------------------------------------- */

static const char *const s_sides[] = {"client", "server"};

static void s_read_end(json_t *vector, tacit_schedule_end_t *ret_end)
{
    ret_end->role = (tacit_role_t)s_number(vector, "role");
    memcpy(ret_end->curve, s_bytes(vector, "curve_key", 32).data, 32);
    memcpy(ret_end->ephemeral, s_bytes(vector, "ephemeral", 32).data, 32);
    memcpy(ret_end->nonce, s_bytes(vector, "nonce", 32).data, 32);
}

static void s_check_expansions(json_t *vector, const tacit_schedule_t *schedule)
{
    tacit_span_t evidence = s_bytes(vector, "evidence", 64);
    uint8_t expanded[64];
    for (int side = 0; side < 2; side++) {
        tacit_schedule_commitment(schedule, (tacit_side_t)side, expanded);
        s_assert_span(tacit_span(expanded, 64),
                      s_bytes(s_member(vector, "commitment"), s_sides[side], 64));
        tacit_schedule_expand(schedule, "tacit/binding/confirm/v1", (tacit_side_t)side, evidence,
                              expanded, 64);
        s_assert_span(tacit_span(expanded, 64),
                      s_bytes(s_member(vector, "mac"), s_sides[side], 64));
        tacit_schedule_expand(schedule, "tacit/binding/key/v1", (tacit_side_t)side, evidence,
                              expanded, 32);
        s_assert_span(tacit_span(expanded, 32),
                      s_bytes(s_member(vector, "key"), s_sides[side], 32));
    }
    tacit_schedule_expand(schedule, "tacit/binding/exporter/v1", TACIT_SIDE_SERVER, evidence,
                          expanded, 32);
    s_assert_span(tacit_span(expanded, 32), s_bytes(vector, "exporter", 32));
}

/*  Both sides derive the same from their own secret.  */
static void s_check_binding(json_t *vector)
{
    tacit_schedule_facts_t facts;
    for (int side = 0; side < 2; side++) {
        s_read_end(s_member(vector, s_sides[side]), &facts.ends[side]);
    }
    memcpy(facts.mesh_id, s_bytes(vector, "mesh_id", 32).data, 32);
    memcpy(facts.policy_head, s_bytes(vector, "policy_head", 32).data, 32);
    memcpy(facts.session_id, s_bytes(vector, "session_id", 16).data, 16);
    for (int side = 0; side < 2; side++) {
        tacit_schedule_t schedule;
        tacit_span_t secret = s_bytes(s_member(vector, s_sides[side]), "ephemeral_secret", 32);
        assert_int_equal(tacit_schedule_start(&facts, (tacit_side_t)side, secret.data, &schedule),
                         TACIT_OK);
        s_assert_span(tacit_span(schedule.transcript, 64), s_bytes(vector, "transcript", 64));
        s_assert_span(tacit_secret_span(schedule.root), s_bytes(vector, "root", 64));
        s_check_expansions(vector, &schedule);
        tacit_schedule_clear(&schedule);
    }
}

static void s_check_secret(json_t *vector)
{
    tacit_span_t sealed = s_bytes(vector, "sealed", 72);
    uint8_t plaintext[32];
    tacit_secret_context_t secrets = {
        .key = s_bytes(vector, "key", 32).data,
        .session = s_bytes(vector, "session_id", 16).data,
        .msgid = s_number(vector, "msgid"),
        .method = s_text(vector, "method"),
    };
    uint32_t field = (uint32_t)s_number(vector, "field");
    assert_int_equal(tacit_secret_field_open(&secrets, field, sealed, plaintext, NULL), TACIT_OK);
    s_assert_span(tacit_span(plaintext, 32), s_bytes(vector, "plaintext", 32));
    assert_int_equal(tacit_secret_field_open(&secrets, field + 1, sealed, plaintext, NULL),
                     TACIT_CORRUPT);
    secrets.msgid++;
    assert_int_equal(tacit_secret_field_open(&secrets, field, sealed, plaintext, NULL),
                     TACIT_CORRUPT);
}

static void test_sessions(void **state)
{
    (void)state;
    json_t *root = s_load("sessions.json");
    json_t *vector = NULL;
    size_t index = 0;
    json_array_foreach(s_member(root, "bindings"), index, vector)
    {
        s_check_binding(vector);
    }
    json_array_foreach(s_member(root, "secrets"), index, vector)
    {
        s_check_secret(vector);
    }
    json_decref(root);
}

/*  --- lanes ----------------------------------------------------------------------------------- */

/*  Opened, and sealed again the same bytes.  */
static void s_check_lane_frame(json_t *lane, json_t *vector)
{
    uint8_t bytes[1024];
    const uint8_t *exporter = s_bytes(lane, "exporter", 32).data;
    const uint8_t *id = s_bytes(lane, "lane_id", TACIT_LANE_ID_SIZE).data;
    tacit_lane_cipher_t cipher = (tacit_lane_cipher_t)s_number(lane, "cipher");
    tacit_side_t side =
        strcmp(s_text(vector, "side"), "client") == 0 ? TACIT_SIDE_CLIENT : TACIT_SIDE_SERVER;
    tacit_span_t plaintext = s_bytes(vector, "plaintext", 0);
    tacit_span_t frame = s_bytes(vector, "frame", plaintext.size + TACIT_LANE_OVERHEAD);
    uint64_t sequence = s_number(vector, "sequence");
    tacit_lane_seal_t *out = NULL;
    tacit_lane_seal_t *in = NULL;
    assert_int_equal(tacit_lane_seal_new(exporter, id, cipher, side, true, &out), TACIT_OK);
    assert_int_equal(tacit_lane_seal_new(exporter, id, cipher, side, false, &in), TACIT_OK);
    assert_int_equal(tacit_lane_seal_open(in, sequence, frame, bytes), TACIT_OK);
    s_assert_span(tacit_span(bytes, plaintext.size), plaintext);
    assert_int_equal(tacit_lane_seal(out, sequence, plaintext, bytes), TACIT_OK);
    s_assert_span(tacit_span(bytes, frame.size), frame);
    tacit_lane_seal_destroy(&out);
    tacit_lane_seal_destroy(&in);
}

static void s_check_lane(json_t *lane)
{
    uint8_t token[TACIT_LANE_TOKEN_SIZE];
    json_t *vector = NULL;
    size_t index = 0;
    tacit_lane_token(s_bytes(lane, "exporter", 32).data,
                     s_bytes(lane, "lane_id", TACIT_LANE_ID_SIZE).data, token);
    s_assert_span(tacit_span(token, sizeof token), s_bytes(lane, "token", sizeof token));
    json_array_foreach(s_member(lane, "frames"), index, vector)
    {
        s_check_lane_frame(lane, vector);
    }
}

static void s_check_tickets(json_t *root)
{
    json_t *vector = NULL;
    size_t index = 0;
    tacit_lane_ticket_t ticket;
    uint64_t granted = 0;
    json_array_foreach(s_member(root, "tickets"), index, vector)
    {
        assert_int_equal(tacit_lane_ticket_parse(s_bytes(vector, "bytes", 0), &ticket), TACIT_OK);
        assert_int_equal(ticket.first, s_number(vector, "first"));
        assert_int_equal(ticket.size, s_number(vector, "size"));
    }
    json_array_foreach(s_member(root, "bad_tickets"), index, vector)
    {
        assert_int_not_equal(tacit_lane_ticket_parse(s_bytes(vector, "bytes", 0), &ticket),
                             TACIT_OK);
    }
    json_array_foreach(s_member(root, "credits"), index, vector)
    {
        assert_int_equal(tacit_lane_credit_parse(s_bytes(vector, "bytes", 0), &granted), TACIT_OK);
        assert_int_equal(granted, s_number(vector, "granted"));
    }
}

static void test_lanes(void **state)
{
    (void)state;
    json_t *root = s_load("lanes.json");
    json_t *lane = NULL;
    size_t index = 0;
    json_array_foreach(s_member(root, "lanes"), index, lane)
    {
        s_check_lane(lane);
    }
    s_check_tickets(root);
    json_decref(root);
}

/*  --- commitments ----------------------------------------------------------------------------- */

static void s_check_trust(json_t *vector)
{
    char path[] = "/tmp/tacit-vectors-XXXXXX";
    int file = mkstemp(path);
    tacit_trust_t trust;
    uint8_t mesh_id[32];
    assert_true(file >= 0);
    assert_int_equal(json_dumpfd(s_member(vector, "trust"), file, 0), 0);
    close(file);
    tacit_status_t status = tacit_trust_load(path, &trust, NULL);
    unlink(path);
    assert_int_equal(status, TACIT_OK);
    tacit_trust_mesh_id(&trust, mesh_id);
    s_assert_span(tacit_span(mesh_id, 32), s_bytes(vector, "mesh_id", 32));
}

static void s_check_report_data(json_t *vector, tacit_quote_purpose_t purpose,
                                const uint8_t commitment[64])
{
    uint8_t report_data[64];
    s_assert_span(tacit_span(commitment, 64), s_bytes(vector, "commitment", 64));
    tacit_report_data(purpose, commitment, report_data);
    s_assert_span(tacit_span(report_data, 64), s_bytes(vector, "report_data", 64));
}

static void test_commitments(void **state)
{
    (void)state;
    json_t *root = s_load("commitments.json");
    json_t *vector = NULL;
    size_t index = 0;
    uint8_t commitment[64];
    json_array_foreach(s_member(root, "trust"), index, vector)
    {
        s_check_trust(vector);
    }
    vector = s_member(root, "introduction");
    tacit_introduction_commitment(
        s_bytes(vector, "nonce", 32).data, s_bytes(vector, "curve_key", 32).data,
        s_bytes(vector, "result_key", 32).data, s_bytes(vector, "mesh_id", 32).data, commitment);
    s_check_report_data(vector, TACIT_QUOTE_INTRODUCTION, commitment);
    vector = s_member(root, "attest");
    tacit_attest_commitment(
        (tacit_role_t)s_number(vector, "role"), s_bytes(vector, "exporter", 32).data,
        s_bytes(vector, "curve_key", 32).data, s_bytes(vector, "signing_key", 32).data,
        s_bytes(vector, "mesh_id", 32).data, commitment);
    s_check_report_data(vector, TACIT_QUOTE_BINDING, commitment);
    json_decref(root);
}

/*  --- layouts --------------------------------------------------------------------------------- */

static void s_check_result(json_t *vector)
{
    tacit_span_t bytes = s_bytes(vector, "bytes", TACIT_RESULT_SIZE);
    const uint8_t *issuer = s_bytes(vector, "issuer", 32).data;
    const uint8_t *mesh_id = s_bytes(vector, "mesh_id", 32).data;
    uint64_t issued = s_number(vector, "issued_ms");
    uint8_t again[TACIT_RESULT_SIZE];
    tacit_result_t result;
    assert_int_equal(tacit_result_verify(bytes, issuer, mesh_id, issued, &result, NULL), TACIT_OK);
    assert_int_equal(result.role, s_number(vector, "role"));
    assert_int_equal(result.svn, s_number(vector, "svn"));
    s_assert_span(tacit_span(result.curve_key, 32), s_bytes(vector, "curve_key", 32));
    s_assert_span(tacit_span(result.mrenclave, 32), s_bytes(vector, "mrenclave", 32));
    s_assert_span(tacit_span(result.policy_head, 32), s_bytes(vector, "policy_head", 32));
    tacit_result_sign(&result, s_bytes(vector, "issuer_secret", 64).data, again);
    s_assert_span(tacit_span(again, sizeof again), bytes);
    assert_int_equal(
        tacit_result_verify(bytes, issuer, mesh_id, s_number(vector, "expires_ms"), &result, NULL),
        TACIT_RESULT_EXPIRED);
}

static void s_check_model(json_t *vector)
{
    tacit_span_t bytes = s_bytes(vector, "manifest", TACIT_MODEL_MANIFEST_SIZE);
    tacit_span_t signature = s_bytes(vector, "signature", 64);
    json_t *chunk = s_member(vector, "last_chunk");
    tacit_span_t sealed = s_bytes(chunk, "sealed", 0);
    tacit_span_t plaintext = s_bytes(chunk, "plaintext", sealed.size - TACIT_SEAL_OVERHEAD);
    uint32_t index = (uint32_t)s_number(chunk, "index");
    tacit_model_manifest_t manifest;
    uint8_t again[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signed_again[64];
    uint8_t opened[256];
    assert_int_equal(tacit_model_manifest_verify(bytes, signature, &manifest, NULL), TACIT_OK);
    assert_string_equal(manifest.name, s_text(vector, "name"));
    assert_int_equal(manifest.version, s_number(vector, "version"));
    assert_int_equal(manifest.plaintext_size, s_number(vector, "size"));
    tacit_model_manifest_sign(&manifest, s_bytes(vector, "signing_secret", 64).data, again,
                              signed_again);
    s_assert_span(tacit_span(again, sizeof again), bytes);
    s_assert_span(tacit_span(signed_again, 64), signature);
    assert_int_equal(tacit_model_chunk_sealed_size(manifest.plaintext_size, index), sealed.size);
    assert_true(plaintext.size <= sizeof opened);
    const uint8_t *key = s_bytes(vector, "model_key", 32).data;
    assert_int_equal(tacit_model_chunk_open(&manifest, index, key, sealed, opened), TACIT_OK);
    s_assert_span(tacit_span(opened, plaintext.size), plaintext);
    assert_int_equal(tacit_model_chunk_open(&manifest, 0, key, sealed, opened), TACIT_CORRUPT);
}

static void s_check_envelope(json_t *vector, const tacit_envelope_t *envelope,
                             tacit_direction_t direction, const char *sealed_name,
                             const char *plaintext_name)
{
    tacit_span_t sealed = s_bytes(vector, sealed_name, 0);
    tacit_span_t plaintext = s_bytes(vector, plaintext_name, sealed.size - TACIT_SEAL_OVERHEAD);
    const uint8_t *key = s_bytes(vector, "request_key", 32).data;
    tacit_direction_t other =
        direction == TACIT_DIRECTION_REQUEST ? TACIT_DIRECTION_RESPONSE : TACIT_DIRECTION_REQUEST;
    uint8_t opened[1024];
    assert_true(plaintext.size <= sizeof opened);
    assert_int_equal(tacit_envelope_open(envelope, direction, key, sealed, opened), TACIT_OK);
    s_assert_span(tacit_span(opened, plaintext.size), plaintext);
    assert_int_equal(tacit_envelope_open(envelope, other, key, sealed, opened), TACIT_CORRUPT);
}

static void s_check_inference(json_t *vector)
{
    tacit_span_t bytes = s_bytes(vector, "receipt", TACIT_RECEIPT_SIZE);
    uint8_t again[TACIT_RECEIPT_SIZE];
    tacit_receipt_t receipt;
    assert_int_equal(
        tacit_receipt_verify(bytes, s_bytes(vector, "signing_key", 32).data, &receipt, NULL),
        TACIT_OK);
    assert_int_equal(receipt.time_ms, s_number(vector, "time_ms"));
    assert_string_equal(receipt.envelope.name, s_text(vector, "name"));
    s_assert_span(tacit_span(receipt.mrenclave, 32), s_bytes(vector, "mrenclave", 32));
    s_assert_span(tacit_span(receipt.model_sha256, 32), s_bytes(vector, "model_sha256", 32));
    tacit_receipt_sign(&receipt, s_bytes(vector, "signing_secret", 64).data, again);
    s_assert_span(tacit_span(again, sizeof again), bytes);
    tacit_envelope_t envelope = receipt.envelope;
    assert_int_equal(envelope.version, s_number(vector, "version_answered"));
    s_check_envelope(vector, &envelope, TACIT_DIRECTION_RESPONSE, "sealed_response",
                     "response_plaintext");
    envelope.version = (uint32_t)s_number(vector, "version_asked");
    s_check_envelope(vector, &envelope, TACIT_DIRECTION_REQUEST, "sealed_request",
                     "request_plaintext");
}

static void test_layouts(void **state)
{
    (void)state;
    json_t *root = s_load("layouts.json");
    s_check_result(s_member(root, "result"));
    s_check_model(s_member(root, "model"));
    s_check_inference(s_member(root, "inference"));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_frames, s_free_all),
        cmocka_unit_test_teardown(test_records, s_free_all),
        cmocka_unit_test_teardown(test_sessions, s_free_all),
        cmocka_unit_test_teardown(test_lanes, s_free_all),
        cmocka_unit_test_teardown(test_commitments, s_free_all),
        cmocka_unit_test_teardown(test_layouts, s_free_all),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
