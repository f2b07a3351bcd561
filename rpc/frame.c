/*  frame.c - the envelope of calls.

    meta and an error's detail are records like any other and go through the codec, so that only
    the few fixed positions around them are read here.  */

#include "rpc/frame.h"

#include <msgpack.h>

#include "rpc/codec.h"
#include "rpc/text.h"

enum { S_REQUEST = 0, S_REPLY = 1, S_ENVELOPE = 4, S_BODY = 2, S_ERROR = 4 };

#define S_TEXT_FIELD(type, number_, name_, least, most)                                            \
    {                                                                                              \
        .name = #name_, .number = (number_), .kind = TACIT_KIND_STRING, .optional = true,          \
        .offset = offsetof(type, name_), .has_offset = offsetof(type, has_##name_),                \
        .min = (least), .max = (most)                                                              \
    }

static const tacit_field_t s_meta_fields[] = {
    {.name = "deadline_ms",
     .number = 1,
     .kind = TACIT_KIND_U32,
     .optional = true,
     .offset = offsetof(tacit_frame_meta_t, deadline_ms),
     .has_offset = offsetof(tacit_frame_meta_t, has_deadline_ms)},
    S_TEXT_FIELD(tacit_frame_meta_t, 2, traceparent, 1, TACIT_TRACEPARENT_MAX),
    {.name = "idempotency_key",
     .number = 3,
     .kind = TACIT_KIND_BYTES,
     .optional = true,
     .offset = offsetof(tacit_frame_meta_t, idempotency_key),
     .has_offset = offsetof(tacit_frame_meta_t, has_idempotency_key),
     .min = 1,
     .max = TACIT_IDEMPOTENCY_KEY_MAX},
};

static const tacit_record_t s_meta_record = {.name = "meta",
                                             .size = sizeof(tacit_frame_meta_t),
                                             .fields = s_meta_fields,
                                             .field_count =
                                                 sizeof s_meta_fields / sizeof *s_meta_fields};

enum { S_RETRY_AFTER = 6 };

typedef struct {
    bool has_claim, has_expected, has_got, has_policy, has_remedy;
    tacit_span_t claim, expected, got, policy, remedy;
    bool has_retry_after_ms;
    uint32_t retry_after_ms;
} s_detail_t;

static const tacit_field_t s_detail_fields[] = {
    S_TEXT_FIELD(s_detail_t, 1, claim, 0, TACIT_ERROR_WIRE_MAX),
    S_TEXT_FIELD(s_detail_t, 2, expected, 0, TACIT_ERROR_WIRE_MAX),
    S_TEXT_FIELD(s_detail_t, 3, got, 0, TACIT_ERROR_WIRE_MAX),
    S_TEXT_FIELD(s_detail_t, 4, policy, 0, TACIT_ERROR_WIRE_MAX),
    S_TEXT_FIELD(s_detail_t, 5, remedy, 0, TACIT_ERROR_WIRE_MAX),
    {.name = "retry_after_ms",
     .number = S_RETRY_AFTER,
     .kind = TACIT_KIND_U32,
     .optional = true,
     .offset = offsetof(s_detail_t, retry_after_ms),
     .has_offset = offsetof(s_detail_t, has_retry_after_ms)},
};

static const tacit_record_t s_detail_record = {.name = "detail",
                                               .size = sizeof(s_detail_t),
                                               .fields = s_detail_fields,
                                               .field_count = sizeof s_detail_fields /
                                                              sizeof *s_detail_fields};

/*  --- writing -------------------------------------------------------------------------------- */

typedef struct {
    msgpack_packer packer;
    tacit_buffer_t *buffer;
    tacit_status_t status; /* the first failure */
} s_writer_t;

static int s_write(void *data, const char *bytes, size_t size)
{
    s_writer_t *writer = data;
    if (writer->status == TACIT_OK) {
        writer->status = tacit_buffer_append(writer->buffer, bytes, size);
    }
    return writer->status == TACIT_OK ? 0 : -1;
}

static void s_writer_start(s_writer_t *writer, tacit_buffer_t *buffer)
{
    writer->buffer = buffer;
    writer->status = TACIT_OK;
    msgpack_packer_init(&writer->packer, writer, s_write);
}

static void s_put_head(s_writer_t *writer, uint8_t type, uint64_t msgid)
{
    (void)msgpack_pack_array(&writer->packer, S_ENVELOPE);
    (void)msgpack_pack_uint8(&writer->packer, type);
    (void)msgpack_pack_uint64(&writer->packer, msgid);
}

tacit_status_t tacit_frame_request_begin(tacit_buffer_t *buffer, uint64_t msgid, const char *method)
{
    s_writer_t writer;
    size_t before = buffer->size;
    tacit_span_t name = tacit_span_string(method);
    if (name.size == 0 || name.size > TACIT_METHOD_NAME_MAX || !tacit_text_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    s_writer_start(&writer, buffer);
    s_put_head(&writer, S_REQUEST, msgid);
    (void)msgpack_pack_str_with_body(&writer.packer, name.data, name.size);
    (void)msgpack_pack_array(&writer.packer, S_BODY);
    if (writer.status != TACIT_OK) {
        buffer->size = before;
    }
    return writer.status;
}

tacit_status_t tacit_frame_request_end(tacit_buffer_t *buffer, const tacit_frame_meta_t *meta)
{
    const tacit_frame_meta_t nothing = {.has_deadline_ms = false};
    return tacit_codec_encode(&s_meta_record, meta ? meta : &nothing, NULL, buffer, NULL);
}

tacit_status_t tacit_frame_reply_begin(tacit_buffer_t *buffer, uint64_t msgid)
{
    s_writer_t writer;
    size_t before = buffer->size;
    s_writer_start(&writer, buffer);
    s_put_head(&writer, S_REPLY, msgid);
    (void)msgpack_pack_nil(&writer.packer);
    if (writer.status != TACIT_OK) {
        buffer->size = before;
    }
    return writer.status;
}

/*  Text of an error may have been cut in the middle of a character, or quote foreign bytes.  */
static void s_put_text(s_writer_t *writer, const char *text)
{
    char clean[TACIT_ERROR_MESSAGE_MAX];
    size_t size = strnlen(text, sizeof clean - 1);
    memcpy(clean, text, size);
    tacit_text_clean(clean, size);
    (void)msgpack_pack_str_with_body(&writer->packer, clean, size);
}

static void s_put_detail(s_writer_t *writer, const tacit_error_t *error)
{
    const char *texts[] = {error->claim, error->expected, error->got, error->policy, error->remedy};
    size_t count = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        count += texts[i][0] != '\0';
    }
    count += error->retry_after_ms > 0;
    (void)msgpack_pack_map(&writer->packer, count);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i][0] != '\0') {
            (void)msgpack_pack_uint32(&writer->packer, s_detail_fields[i].number);
            s_put_text(writer, texts[i]);
        }
    }
    if (error->retry_after_ms > 0) {
        (void)msgpack_pack_uint32(&writer->packer, S_RETRY_AFTER);
        (void)msgpack_pack_uint32(&writer->packer, error->retry_after_ms);
    }
}

_Static_assert(TACIT_ERROR_REMEDY_MAX <= TACIT_ERROR_MESSAGE_MAX &&
                   TACIT_ERROR_VALUE_MAX <= TACIT_ERROR_MESSAGE_MAX &&
                   TACIT_ERROR_CLAIM_MAX <= TACIT_ERROR_MESSAGE_MAX &&
                   TACIT_ERROR_NAME_MAX <= TACIT_ERROR_MESSAGE_MAX,
               "message is an error's largest text");

tacit_status_t tacit_frame_error(tacit_buffer_t *buffer, uint64_t msgid, const tacit_error_t *error)
{
    s_writer_t writer;
    tacit_error_t internal;
    size_t before = buffer->size;
    if ((int)error->code <= (int)TACIT_PENDING) {
        (void)tacit_error_set(&internal, TACIT_INTERNAL, NULL);
        error = &internal;
    }
    s_writer_start(&writer, buffer);
    s_put_head(&writer, S_REPLY, msgid);
    (void)msgpack_pack_array(&writer.packer, S_ERROR);
    (void)msgpack_pack_uint32(&writer.packer, (uint32_t)error->code);
    s_put_text(&writer, error->name);
    s_put_text(&writer, error->message);
    s_put_detail(&writer, error);
    (void)msgpack_pack_nil(&writer.packer);
    if (writer.status != TACIT_OK) {
        buffer->size = before;
    }
    return writer.status;
}

/*  --- reading -------------------------------------------------------------------------------- */

static tacit_status_t s_malformed(tacit_error_t *error, const char *what)
{
    return tacit_error_set(error, TACIT_MALFORMED, "%s", what);
}

static bool s_get_number(tacit_reader_t *reader, uint64_t most, uint64_t *ret_number)
{
    tacit_token_t token;
    if (tacit_reader_next(reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_UNSIGNED ||
        token.number > most) {
        return false;
    }
    *ret_number = token.number;
    return true;
}

static bool s_get_array(tacit_reader_t *reader, uint64_t count)
{
    tacit_token_t token;
    return tacit_reader_next(reader, &token) == TACIT_OK && token.kind == TACIT_TOKEN_ARRAY &&
           token.number == count;
}

static bool s_get_text(tacit_reader_t *reader, size_t most, tacit_span_t *ret_text)
{
    tacit_token_t token;
    if (tacit_reader_next(reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_STRING ||
        token.bytes.size > most || !tacit_text_valid(token.bytes)) {
        return false;
    }
    *ret_text = token.bytes;
    return true;
}

/*  `[type, msgid,` of exactly that type.  */
static bool s_get_head(tacit_reader_t *reader, uint64_t type, uint64_t *ret_msgid)
{
    uint64_t found = 0;
    return s_get_array(reader, S_ENVELOPE) && s_get_number(reader, UINT8_MAX, &found) &&
           found == type && s_get_number(reader, UINT64_MAX, ret_msgid);
}

static tacit_status_t s_get_raw(tacit_reader_t *reader, tacit_span_t *ret_value,
                                tacit_error_t *error)
{
    tacit_status_t status = tacit_reader_skip(reader, TACIT_CODEC_DEPTH_MAX, ret_value);
    if (status == TACIT_TOO_LARGE) {
        return tacit_error_set(error, status, "nested more than %d containers deep",
                               TACIT_CODEC_DEPTH_MAX);
    }
    return status == TACIT_OK ? TACIT_OK : s_malformed(error, "the body is not msgpack");
}

static tacit_status_t s_check_size(tacit_span_t frame, tacit_error_t *error)
{
    if (frame.size > TACIT_FRAME_MAX) {
        return tacit_error_set(error, TACIT_TOO_LARGE, "the frame is larger than %d bytes",
                               TACIT_FRAME_MAX);
    }
    return TACIT_OK;
}

static tacit_status_t s_get_body(tacit_reader_t *reader, tacit_frame_request_t *request,
                                 tacit_error_t *error)
{
    tacit_span_t meta;
    tacit_status_t status = s_get_raw(reader, &request->args, error);
    if (status == TACIT_OK) {
        status = s_get_raw(reader, &meta, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    if (!tacit_reader_done(reader)) {
        return s_malformed(error, "bytes are left over after the request");
    }
    return tacit_codec_decode(&s_meta_record, meta, NULL, NULL, &request->meta, error);
}

tacit_status_t tacit_frame_parse_request(tacit_span_t frame, tacit_frame_request_t *ret_request,
                                         tacit_error_t *ret_error)
{
    tacit_frame_request_t request = {.msgid = 0};
    tacit_reader_t reader = tacit_reader(frame);
    tacit_status_t status = s_check_size(frame, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    if (!s_get_head(&reader, S_REQUEST, &request.msgid) ||
        !s_get_text(&reader, TACIT_METHOD_NAME_MAX, &request.method) || request.method.size == 0 ||
        !s_get_array(&reader, S_BODY)) {
        return s_malformed(ret_error, "not a request");
    }
    status = s_get_body(&reader, &request, ret_error);
    if (status == TACIT_OK) {
        *ret_request = request;
    }
    return status;
}

bool tacit_frame_request_msgid(tacit_span_t frame, uint64_t *ret_msgid)
{
    tacit_reader_t reader = tacit_reader(frame);
    return s_get_head(&reader, S_REQUEST, ret_msgid);
}

/*  Cut to size - 1 bytes at a character; control characters, which could drive a terminal, become
    '?' (U+0080..U+009F too, in both of their bytes).  */
static void s_take_text(tacit_span_t text, char *to, size_t size)
{
    size_t most = text.size < size - 1 ? text.size : size - 1;
    size_t taken = tacit_text_valid_prefix(tacit_span(text.data, most));
    for (size_t i = 0; i < taken; i++) {
        uint8_t byte = text.data[i];
        bool last = i + 1 == taken;
        if (byte == 0xc2 && !last && text.data[i + 1] < 0xa0) {
            to[i++] = '?';
            to[i] = '?';
        } else {
            to[i] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
        }
    }
    to[taken] = '\0';
}

static void s_take_detail(const s_detail_t *detail, tacit_error_t *error)
{
    s_take_text(detail->claim, error->claim, sizeof error->claim);
    s_take_text(detail->expected, error->expected, sizeof error->expected);
    s_take_text(detail->got, error->got, sizeof error->got);
    s_take_text(detail->policy, error->policy, sizeof error->policy);
    s_take_text(detail->remedy, error->remedy, sizeof error->remedy);
    error->retry_after_ms = detail->has_retry_after_ms ? detail->retry_after_ms : 0;
}

/*  `[code, name, message, detail]` after its head.  */
static tacit_status_t s_get_error(tacit_reader_t *reader, tacit_error_t *ret_received,
                                  tacit_error_t *error)
{
    uint64_t code = 0;
    tacit_span_t name;
    tacit_span_t message;
    tacit_span_t raw;
    s_detail_t detail;
    if (!s_get_number(reader, INT32_MAX, &code) || code <= (uint64_t)TACIT_PENDING ||
        !s_get_text(reader, TACIT_ERROR_WIRE_MAX, &name) ||
        !s_get_text(reader, TACIT_ERROR_WIRE_MAX, &message)) {
        return s_malformed(error, "the reply's error is not one");
    }
    tacit_status_t status = s_get_raw(reader, &raw, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (tacit_codec_decode(&s_detail_record, raw, NULL, NULL, &detail, NULL) != TACIT_OK) {
        return s_malformed(error, "the reply's error has no proper detail");
    }
    (void)tacit_error_set(ret_received, (tacit_status_t)code, NULL);
    if (name.size > 0) {
        s_take_text(name, ret_received->name, sizeof ret_received->name);
    }
    if (message.size > 0) {
        s_take_text(message, ret_received->message, sizeof ret_received->message);
    }
    s_take_detail(&detail, ret_received);
    return TACIT_OK;
}

static tacit_status_t s_get_outcome(tacit_reader_t *reader, tacit_frame_reply_t *reply,
                                    tacit_error_t *error)
{
    tacit_token_t token;
    if (tacit_reader_next(reader, &token) != TACIT_OK) {
        return s_malformed(error, "the reply ends early");
    }
    if (token.kind == TACIT_TOKEN_NIL) {
        return s_get_raw(reader, &reply->result, error);
    }
    if (token.kind != TACIT_TOKEN_ARRAY || token.number != S_ERROR) {
        return s_malformed(error, "the reply's error is not one");
    }
    reply->failed = true;
    tacit_status_t status = s_get_error(reader, &reply->error, error);
    if (status != TACIT_OK) {
        return status;
    }
    if (tacit_reader_next(reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_NIL) {
        return s_malformed(error, "the reply has both an error and a result");
    }
    return TACIT_OK;
}

tacit_status_t tacit_frame_parse_reply(tacit_span_t frame, tacit_frame_reply_t *ret_reply,
                                       tacit_error_t *ret_error)
{
    tacit_frame_reply_t reply = {.msgid = 0};
    tacit_reader_t reader = tacit_reader(frame);
    tacit_status_t status = s_check_size(frame, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    if (!s_get_head(&reader, S_REPLY, &reply.msgid)) {
        return s_malformed(ret_error, "not a reply");
    }
    status = s_get_outcome(&reader, &reply, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    if (!tacit_reader_done(&reader)) {
        return s_malformed(ret_error, "bytes are left over after the reply");
    }
    *ret_reply = reply;
    return TACIT_OK;
}
