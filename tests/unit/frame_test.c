/*  frame_test.c - the envelope of requests and replies.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "rpc/codec.h"
#include "rpc/frame.h"
#include "rpc/text.h"
#include "tests/unit/codec_sample.h"

#define BYTES(literal) tacit_span(literal, sizeof(literal) - 1)

static void s_put(uint8_t *at, tacit_span_t bytes)
{
    memcpy(at, bytes.data, bytes.size);
}

static const char s_traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static int s_setup(void **state)
{
    static tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    *state = &buffer;
    return 0;
}

static int s_teardown(void **state)
{
    tacit_buffer_free(*state);
    return 0;
}

static tacit_span_t s_request(tacit_buffer_t *buffer, const tacit_frame_meta_t *meta)
{
    const sample_point_t point = {.x = 5, .label = tacit_span_string("here")};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_request_begin(buffer, UINT64_MAX, "sample.move"), TACIT_OK);
    assert_int_equal(tacit_codec_encode(&sample_point_record, &point, NULL, buffer, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_frame_request_end(buffer, meta), TACIT_OK);
    return tacit_buffer_span(buffer);
}

static tacit_frame_meta_t s_full_meta(void)
{
    static const uint8_t key[TACIT_IDEMPOTENCY_KEY_MAX] = {0xff};
    return (tacit_frame_meta_t){.has_deadline_ms = true,
                                .deadline_ms = UINT32_MAX,
                                .has_traceparent = true,
                                .traceparent = tacit_span_string(s_traceparent),
                                .has_idempotency_key = true,
                                .idempotency_key = tacit_span(key, sizeof key)};
}

static void a_request_comes_back(void **state)
{
    tacit_frame_meta_t meta = s_full_meta();
    tacit_frame_request_t request;
    sample_point_t point;
    uint64_t msgid = 0;
    tacit_span_t frame = s_request(*state, &meta);
    assert_int_equal(tacit_frame_parse_request(frame, &request, NULL), TACIT_OK);
    assert_true(request.msgid == UINT64_MAX);
    assert_true(tacit_span_equal(request.method, tacit_span_string("sample.move")));
    assert_true(request.meta.has_deadline_ms && request.meta.deadline_ms == UINT32_MAX);
    assert_true(tacit_span_equal(request.meta.traceparent, meta.traceparent));
    assert_true(tacit_span_equal(request.meta.idempotency_key, meta.idempotency_key));
    assert_int_equal(
        tacit_codec_decode(&sample_point_record, request.args, NULL, NULL, &point, NULL), TACIT_OK);
    assert_int_equal(point.x, 5);
    assert_true(tacit_frame_request_msgid(frame, &msgid) && msgid == UINT64_MAX);
}

static void a_request_has_the_documented_bytes(void **state)
{
    tacit_buffer_t *buffer = *state;
    const tacit_frame_meta_t meta = {.has_deadline_ms = true, .deadline_ms = 9};
    const sample_point_t point = {.x = 1, .label = tacit_span_string("")};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_request_begin(buffer, 3, "a.b"), TACIT_OK);
    assert_int_equal(tacit_codec_encode(&sample_point_record, &point, NULL, buffer, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_frame_request_end(buffer, &meta), TACIT_OK);
    assert_true(tacit_span_equal(tacit_buffer_span(buffer),
                                 BYTES("\x94\x00\x03\xa3"
                                       "a.b\x92\x82\x01\x01\x02\xa0\x81\x01\x09")));
}

static void meta_may_be_empty(void **state)
{
    tacit_frame_request_t request;
    tacit_span_t frame = s_request(*state, NULL);
    assert_int_equal(tacit_frame_parse_request(frame, &request, NULL), TACIT_OK);
    assert_false(request.meta.has_deadline_ms || request.meta.has_traceparent ||
                 request.meta.has_idempotency_key);
}

/*  Every prefix of a frame, and the frame with a byte more, are refused.  */
static void s_check_exact(tacit_span_t frame, tacit_status_t (*parse)(tacit_span_t frame))
{
    uint8_t *longer = malloc(frame.size + 1);
    memcpy(longer, frame.data, frame.size);
    longer[frame.size] = 0xc0;
    assert_int_equal(parse(tacit_span(longer, frame.size)), TACIT_OK);
    assert_int_equal(parse(tacit_span(longer, frame.size + 1)), TACIT_MALFORMED);
    free(longer);
    for (size_t size = 0; size < frame.size; size++) {
        uint8_t *prefix = malloc(size ? size : 1);
        memcpy(prefix, frame.data, size);
        assert_int_equal(parse(tacit_span(prefix, size)), TACIT_MALFORMED);
        free(prefix);
    }
}

static tacit_status_t s_parse_request(tacit_span_t frame)
{
    tacit_error_t error;
    tacit_frame_request_t request = {.msgid = 12345};
    tacit_status_t status = tacit_frame_parse_request(frame, &request, &error);
    assert_true(status == TACIT_OK || (request.msgid == 12345 && error.code == status));
    return status;
}

static tacit_status_t s_parse_reply(tacit_span_t frame)
{
    tacit_error_t error;
    tacit_frame_reply_t reply = {.msgid = 12345};
    tacit_status_t status = tacit_frame_parse_reply(frame, &reply, &error);
    assert_true(status == TACIT_OK || (reply.msgid == 12345 && error.code == status));
    return status;
}

static void requests_are_consumed_exactly(void **state)
{
    tacit_frame_meta_t meta = s_full_meta();
    s_check_exact(s_request(*state, &meta), s_parse_request);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    const tacit_span_t frames[] = {
        BYTES("\x94\x01\x03\xa1m\x92\x80\x80"),     /* a reply's type */
        BYTES("\x94\x02\x03\xa1m\x92\x80\x80"),     /* a notification's */
        BYTES("\x94\xff\x03\xa1m\x92\x80\x80"),     /* negative */
        BYTES("\x94\xa1x\x03\xa1m\x92\x80\x80"),    /* type a string */
        BYTES("\x94\x00\xff\xa1m\x92\x80\x80"),     /* msgid negative */
        BYTES("\x94\x00\xa1x\xa1m\x92\x80\x80"),    /* msgid a string */
        BYTES("\x94\x00\x03\xc4\x01m\x92\x80\x80"), /* method bytes */
        BYTES("\x94\x00\x03\xa0\x92\x80\x80"),      /* method empty */
        BYTES("\x94\x00\x03\xa1\xff\x92\x80\x80"),  /* method no text */
        BYTES("\x94\x00\x03\xa1m\x91\x80"),         /* no meta */
        BYTES("\x94\x00\x03\xa1m\x93\x80\x80\x80"), /* too much */
        BYTES("\x94\x00\x03\xa1m\x82\x80\x80\x80\x80"),
        BYTES("\x94\x00\x03\xa1m\x92\x80\xc0"), /* meta nil */
        BYTES("\x94\x00\x03\xa1m\x92\x80\x90"), /* meta a list */
        BYTES("\x94\x00\x03\xa1m\x92\xc1\x80"), /* reserved byte */
        BYTES("\x94\x00\x03\xa1m\x92\xd4\x01\x00\x80"),
        BYTES("\x93\x00\x03\xa1m"),
        BYTES("\x95\x00\x03\xa1m\x92\x80\x80\xc0"),
        BYTES("\xdd\xff\xff\xff\xff\x00\x03"),
        BYTES("\x94\x00\x03\xa1m\xdd\x10\x00\x00\x00"),
        BYTES("\x94\x00\x03\xa1m\x92\xdd\x10\x00\x00\x00\x80"),
        BYTES("\x94\x00\x03\xdb\xff\xff\xff\xffm\x92\x80\x80"),
        BYTES("\xc0"),
        BYTES(""),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        assert_int_equal(s_parse_request(frames[i]), TACIT_MALFORMED);
    }
    assert_int_equal(s_parse_request(BYTES("\x94\x00\x03\xa1m\x92\x80\x80")), TACIT_OK);
}

static tacit_status_t s_named(tacit_buffer_t *buffer, size_t size)
{
    char name[TACIT_METHOD_NAME_MAX + 2] = {0};
    uint8_t frame[TACIT_METHOD_NAME_MAX + 16] = {0x94, 0x00, 0x03, 0xd9, (uint8_t)size};
    memset(name, 'm', size);
    memset(frame + 5, 'm', size);
    s_put(frame + 5 + size, BYTES("\x92\x80\x80"));
    tacit_status_t parsed = s_parse_request(tacit_span(frame, size + 8));
    tacit_buffer_clear(buffer);
    tacit_status_t written = tacit_frame_request_begin(buffer, 3, name);
    assert_int_equal(parsed == TACIT_OK, written == TACIT_OK);
    return parsed;
}

static void method_names_are_bounded(void **state)
{
    assert_int_equal(s_named(*state, 0), TACIT_MALFORMED);
    assert_int_equal(s_named(*state, 1), TACIT_OK);
    assert_int_equal(s_named(*state, TACIT_METHOD_NAME_MAX), TACIT_OK);
    assert_int_equal(s_named(*state, TACIT_METHOD_NAME_MAX + 1), TACIT_MALFORMED);
}

/*  A request with that meta map.  */
static tacit_status_t s_with_meta(tacit_span_t meta)
{
    uint8_t frame[128] = "\x94\x00\x03\xa1m\x92\x80";
    memcpy(frame + 7, meta.data, meta.size);
    return s_parse_request(tacit_span(frame, 7 + meta.size));
}

static void meta_is_bounded(void **state)
{
    tacit_buffer_t *buffer = *state;
    uint8_t text[64] = {0x81, 0x02, 0xd9};
    uint8_t key[64] = {0x81, 0x03, 0xc4};
    memset(text + 4, '0', sizeof text - 4);
    for (size_t size = 0; size <= TACIT_TRACEPARENT_MAX + 1; size++) {
        text[3] = (uint8_t)size;
        bool good = size >= 1 && size <= TACIT_TRACEPARENT_MAX;
        assert_int_equal(s_with_meta(tacit_span(text, size + 4)),
                         good ? TACIT_OK : TACIT_BAD_INPUT);
    }
    for (size_t size = 0; size <= TACIT_IDEMPOTENCY_KEY_MAX + 1; size++) {
        key[3] = (uint8_t)size;
        bool good = size >= 1 && size <= TACIT_IDEMPOTENCY_KEY_MAX;
        assert_int_equal(s_with_meta(tacit_span(key, size + 4)), good ? TACIT_OK : TACIT_BAD_INPUT);
    }
    assert_int_equal(s_with_meta(BYTES("\x81\x01\xcf\0\0\0\1\0\0\0\0")), TACIT_BAD_INPUT);
    assert_int_equal(s_with_meta(BYTES("\x81\x01\xff")), TACIT_BAD_INPUT);
    assert_int_equal(s_with_meta(BYTES("\x82\x01\x05\x01\x05")), TACIT_MALFORMED);
    assert_int_equal(s_with_meta(BYTES("\x81\x63\x93\x01\x02\x03")), TACIT_OK); /* a newer peer */
    tacit_frame_meta_t meta = {.has_traceparent = true,
                               .traceparent = tacit_span(text, TACIT_TRACEPARENT_MAX + 1)};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_request_end(buffer, &meta), TACIT_BAD_INPUT);
    assert_int_equal(buffer->size, 0);
}

static tacit_status_t s_with_depth(size_t containers)
{
    uint8_t frame[64] = "\x94\x00\x03\xa1m\x92";
    memset(frame + 6, 0x91, containers);
    frame[6 + containers] = 0xc0;
    frame[7 + containers] = 0x80;
    return s_parse_request(tacit_span(frame, containers + 8));
}

static void depth_is_limited(void **state)
{
    (void)state;
    assert_int_equal(s_with_depth(TACIT_CODEC_DEPTH_MAX), TACIT_OK);
    assert_int_equal(s_with_depth(TACIT_CODEC_DEPTH_MAX + 1), TACIT_TOO_LARGE);
}

static tacit_status_t s_with_size(tacit_status_t (*parse)(tacit_span_t frame), size_t size)
{
    bool request = parse == s_parse_request;
    uint8_t *frame = calloc(1, size);
    size_t at = 0;
    memcpy(frame, request ? "\x94\x00\x03\xa1m\x92" : "\x94\x01\x03\xc0", request ? 6 : 4);
    at = request ? 6 : 4;
    size_t content = size - at - 5 - (request ? 1 : 0);
    frame[at++] = 0xc6;
    for (size_t i = 0; i < 4; i++) {
        frame[at++] = (uint8_t)(content >> (24 - 8 * i));
    }
    if (request) {
        frame[size - 1] = 0x80;
    }
    tacit_status_t status = parse(tacit_span(frame, size));
    free(frame);
    return status;
}

static void frames_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(s_with_size(s_parse_request, TACIT_FRAME_MAX), TACIT_OK);
    assert_int_equal(s_with_size(s_parse_request, TACIT_FRAME_MAX + 1), TACIT_TOO_LARGE);
    assert_int_equal(s_with_size(s_parse_reply, TACIT_FRAME_MAX), TACIT_OK);
    assert_int_equal(s_with_size(s_parse_reply, TACIT_FRAME_MAX + 1), TACIT_TOO_LARGE);
}

static void a_broken_request_still_tells_its_number(void **state)
{
    uint64_t msgid = 0;
    (void)state;
    assert_true(tacit_frame_request_msgid(BYTES("\x94\x00\x2a\xa0\xc0"), &msgid));
    assert_int_equal(msgid, 42);
    assert_false(tacit_frame_request_msgid(BYTES("\x94\x01\x2a\xa0"), &msgid));
    assert_false(tacit_frame_request_msgid(BYTES("\x94\x00"), &msgid));
}

/*  --- replies -------------------------------------------------------------------------------- */

static tacit_span_t s_reply(tacit_buffer_t *buffer)
{
    const sample_point_t point = {.x = 5, .label = tacit_span_string("here")};
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_reply_begin(buffer, 77), TACIT_OK);
    assert_int_equal(tacit_codec_encode(&sample_point_record, &point, NULL, buffer, NULL),
                     TACIT_OK);
    return tacit_buffer_span(buffer);
}

static tacit_span_t s_error_reply(tacit_buffer_t *buffer, const tacit_error_t *error)
{
    tacit_buffer_clear(buffer);
    assert_int_equal(tacit_frame_error(buffer, 78, error), TACIT_OK);
    return tacit_buffer_span(buffer);
}

static tacit_error_t s_full_error(void)
{
    tacit_error_t error;
    (void)tacit_error_claim(&error, TACIT_MEASUREMENT_REFUSED, "mrenclave", "a", "b");
    tacit_error_policy(&error, "line 3");
    tacit_error_remedy(&error, "add it");
    return error;
}

static void a_result_comes_back(void **state)
{
    tacit_frame_reply_t reply;
    sample_point_t point;
    assert_int_equal(tacit_frame_parse_reply(s_reply(*state), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.msgid, 77);
    assert_false(reply.failed);
    assert_int_equal(
        tacit_codec_decode(&sample_point_record, reply.result, NULL, NULL, &point, NULL), TACIT_OK);
    assert_int_equal(point.x, 5);
}

static void an_error_comes_back(void **state)
{
    tacit_error_t sent = s_full_error();
    tacit_frame_reply_t reply;
    assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.msgid, 78);
    assert_true(reply.failed);
    assert_int_equal(reply.result.size, 0);
    assert_memory_equal(&reply.error, &sent, sizeof sent);
}

static void a_service_error_keeps_its_name(void **state)
{
    tacit_error_t sent;
    tacit_frame_reply_t reply;
    (void)tacit_error_set_named(&sent, (tacit_status_t)4031, "not_granted", "no grant");
    assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL), TACIT_OK);
    assert_int_equal((int)reply.error.code, 4031);
    assert_string_equal(reply.error.name, "not_granted");
    assert_string_equal(reply.error.message, "no grant");
}

static void replies_are_consumed_exactly(void **state)
{
    tacit_error_t error = s_full_error();
    s_check_exact(s_reply(*state), s_parse_reply);
    s_check_exact(s_error_reply(*state, &error), s_parse_reply);
}

static void what_is_no_reply_is_refused(void **state)
{
    (void)state;
    const tacit_span_t frames[] = {
        BYTES("\x94\x00\x03\xc0\x80"),                                   /* a request's type */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x80\x80"),             /* error and result */
        BYTES("\x94\x01\x03\x94\x00\xa1n\xa1m\x80\xc0"),                 /* code OK */
        BYTES("\x94\x01\x03\x94\x01\xa1n\xa1m\x80\xc0"),                 /* code PENDING */
        BYTES("\x94\x01\x03\x94\xff\xa1n\xa1m\x80\xc0"),                 /* code negative */
        BYTES("\x94\x01\x03\x94\xce\x80\x00\x00\x00\xa1n\xa1m\x80\xc0"), /* beyond an int */
        BYTES("\x94\x01\x03\x93\xcc\xc8\xa1n\xa1m\xc0"),                 /* no detail */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\xc0\xc0"),             /* detail nil */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1\xff\xa1m\x80\xc0"),          /* name no text */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1\xff\x80\xc0"),          /* message no text */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1\x00\x80\xc0"),          /* NUL */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x81\x01\xa1\xff\xc0"), /* claim no text */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x81\x01\x05\xc0"),     /* claim a number */
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x82\x01\xa0\x01\xa0\xc0"),
        BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x81\x06\xa1x\xc0"), /* a time, no number */
        BYTES("\x94\x01\x03\xa1x\xc0"),
        BYTES("\x94\x01\x03\xc0\xc1"),
        BYTES("\x93\x01\x03\xc0"),
        BYTES("\x80"),
        BYTES(""),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        assert_int_equal(s_parse_reply(frames[i]), TACIT_MALFORMED);
    }
    assert_int_equal(s_parse_reply(BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xa1m\x80\xc0")), TACIT_OK);
    assert_int_equal(s_parse_reply(BYTES("\x94\x01\x03\xc0\x80")), TACIT_OK);
}

static void an_error_without_texts_gets_the_known_ones(void **state)
{
    tacit_frame_reply_t reply;
    (void)state;
    assert_int_equal(
        tacit_frame_parse_reply(BYTES("\x94\x01\x03\x94\xcc\xc8\xa0\xa0\x80\xc0"), &reply, NULL),
        TACIT_OK);
    assert_string_equal(reply.error.name, "unreachable");
    assert_string_equal(reply.error.message, tacit_status_text(TACIT_UNREACHABLE));
}

/*  A reply whose message is those bytes.  */
static tacit_status_t s_with_message(tacit_span_t message, tacit_frame_reply_t *ret_reply)
{
    uint8_t *frame = malloc(message.size + 32);
    s_put(frame, BYTES("\x94\x01\x03\x94\xcc\xc8\xa1n\xda"));
    frame[9] = (uint8_t)(message.size >> 8);
    frame[10] = (uint8_t)message.size;
    memcpy(frame + 11, message.data, message.size);
    s_put(frame + 11 + message.size, BYTES("\x80\xc0"));
    tacit_status_t status =
        tacit_frame_parse_reply(tacit_span(frame, message.size + 13), ret_reply, NULL);
    free(frame);
    return status;
}

static void long_texts_are_cut_at_a_character(void **state)
{
    static uint8_t text[TACIT_ERROR_WIRE_MAX + 2];
    tacit_frame_reply_t reply;
    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2) {
        s_put(text + i, BYTES("\xc3\xbc"));
    }
    assert_int_equal(s_with_message(tacit_span(text, TACIT_ERROR_WIRE_MAX), &reply), TACIT_OK);
    assert_int_equal(strlen(reply.error.message), TACIT_ERROR_MESSAGE_MAX - 2);
    assert_true(tacit_text_valid(tacit_span_string(reply.error.message)));
    assert_int_equal(s_with_message(tacit_span(text, TACIT_ERROR_WIRE_MAX + 2), &reply),
                     TACIT_MALFORMED);
    assert_int_equal(s_with_message(tacit_span(text, TACIT_ERROR_WIRE_MAX - 1), &reply),
                     TACIT_MALFORMED); /* half a character, though beyond what is kept */
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
    tacit_frame_reply_t reply;
    (void)state;
    assert_int_equal(s_with_message(BYTES("a\x1b[2Jb\nc\x7f\xc2\x9bz\xc2\xa0"), &reply), TACIT_OK);
    assert_string_equal(reply.error.message, "a?[2Jb?c???z\xc2\xa0");
}

static void any_error_can_be_sent(void **state)
{
    tacit_frame_reply_t reply;
    tacit_error_t sent;
    memset(&sent, 0xff, sizeof sent); /* no text, no NUL, and a negative code */
    assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.error.code, TACIT_INTERNAL);
    sent.code = TACIT_BUSY;
    assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.error.code, TACIT_BUSY);
    assert_int_equal(reply.error.claim[0], '?');
    memset(&sent, 0, sizeof sent);
    assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL), TACIT_OK);
    assert_int_equal(reply.error.code, TACIT_INTERNAL);
}

static void a_busy_service_says_when_to_come_again(void **state)
{
    tacit_frame_reply_t reply;
    tacit_error_t sent;
    const uint32_t times[] = {0, 1, 250, UINT32_MAX};
    tacit_error_set(&sent, TACIT_BUSY, NULL);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        sent.retry_after_ms = times[i];
        assert_int_equal(tacit_frame_parse_reply(s_error_reply(*state, &sent), &reply, NULL),
                         TACIT_OK);
        assert_int_equal(reply.error.retry_after_ms, times[i]);
    }
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    tacit_error_t error = s_full_error();
    size_t whole = s_error_reply(*state, &error).size;
    for (size_t max = 0; max <= whole; max++) {
        tacit_buffer_t buffer;
        tacit_buffer_init(&buffer, max);
        assert_int_equal(tacit_frame_error(&buffer, 78, &error),
                         max == whole ? TACIT_OK : TACIT_TOO_LARGE);
        assert_int_equal(buffer.size, max == whole ? whole : 0);
        tacit_buffer_free(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_back),
        cmocka_unit_test(a_request_has_the_documented_bytes),
        cmocka_unit_test(meta_may_be_empty),
        cmocka_unit_test(requests_are_consumed_exactly),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(method_names_are_bounded),
        cmocka_unit_test(meta_is_bounded),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(frames_are_bounded),
        cmocka_unit_test(a_broken_request_still_tells_its_number),
        cmocka_unit_test(a_result_comes_back),
        cmocka_unit_test(an_error_comes_back),
        cmocka_unit_test(a_service_error_keeps_its_name),
        cmocka_unit_test(replies_are_consumed_exactly),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(an_error_without_texts_gets_the_known_ones),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(any_error_can_be_sent),
        cmocka_unit_test(a_busy_service_says_when_to_come_again),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
