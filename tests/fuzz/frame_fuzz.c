/*  frame_fuzz.c - foreign frames, as a server and as a client reads them, alone and in batches.

    What parses must survive being written and parsed again.  */

#include <stdlib.h>

#include "rpc/batch.h"
#include "rpc/frame.h"
#include "rpc/stream_frame.h"
#include "rpc/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void s_check_request(const tacit_frame_request_t *request)
{
    char method[TACIT_METHOD_NAME_MAX + 1] = {0};
    tacit_frame_request_t again;
    tacit_buffer_t buffer;
    uint64_t msgid = 0;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    memcpy(method, request->method.data, request->method.size);
    /*  It fits again: numbers are written in their shortest form, and unknown meta is gone.  */
    s_must(tacit_frame_request_begin(&buffer, request->msgid, method) == TACIT_OK);
    s_must(tacit_buffer_append(&buffer, request->args.data, request->args.size) == TACIT_OK);
    s_must(tacit_frame_request_end(&buffer, &request->meta) == TACIT_OK);
    tacit_span_t frame = tacit_buffer_span(&buffer);
    s_must(tacit_frame_parse_request(frame, &again, NULL) == TACIT_OK);
    s_must(tacit_frame_request_msgid(frame, &msgid) && msgid == request->msgid);
    s_must(again.msgid == request->msgid && tacit_span_equal(again.args, request->args));
    s_must(again.meta.deadline_ms == request->meta.deadline_ms);
    s_must(tacit_span_equal(again.meta.traceparent, request->meta.traceparent));
    s_must(tacit_span_equal(again.meta.idempotency_key, request->meta.idempotency_key));
    tacit_buffer_free(&buffer);
}

static void s_check_reply(const tacit_frame_reply_t *reply)
{
    tacit_frame_reply_t again;
    tacit_buffer_t buffer;
    if (!reply->failed) {
        s_must(reply->result.size > 0);
        return;
    }
    s_must(reply->error.message[0] != '\0' && reply->error.name[0] != '\0');
    s_must(tacit_text_valid(tacit_span_string(reply->error.message)));
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    s_must(tacit_frame_error(&buffer, reply->msgid, &reply->error) == TACIT_OK);
    s_must(tacit_frame_parse_reply(tacit_buffer_span(&buffer), &again, NULL) == TACIT_OK);
    s_must(again.failed && again.error.code == reply->error.code);
    s_must(strcmp(again.error.message, reply->error.message) == 0);
    s_must(strcmp(again.error.remedy, reply->error.remedy) == 0);
    tacit_buffer_free(&buffer);
}

static void s_check_notification(tacit_span_t frame)
{
    tacit_stream_frame_t notification;
    tacit_stream_frame_t again;
    uint8_t bytes[TACIT_STREAM_FRAME_MAX];
    if (tacit_stream_frame_parse(frame, &notification) == TACIT_OK) {
        size_t size = tacit_stream_frame_write(&notification, bytes);
        s_must(size <= sizeof bytes);
        s_must(tacit_stream_frame_parse(tacit_span(bytes, size), &again) == TACIT_OK);
        s_must(again.msgid == notification.msgid && again.event == notification.event);
        s_must(again.number == notification.number);
    }
}

static void s_read_frame(tacit_span_t frame)
{
    tacit_frame_request_t request;
    tacit_frame_reply_t reply;
    tacit_error_t error;
    uint64_t msgid = 0;
    if (tacit_frame_parse_request(frame, &request, &error) == TACIT_OK) {
        s_check_request(&request);
    } else {
        (void)tacit_frame_request_msgid(frame, &msgid);
    }
    if (tacit_frame_parse_reply(frame, &reply, &error) == TACIT_OK) {
        s_check_reply(&reply);
    }
    s_check_notification(frame);
}

/*  The frames of a batch lie in it one after the other.  */
static void s_read_batch(tacit_span_t frame)
{
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX];
    const uint8_t *end = frame.data;
    size_t count = 0;
    if (tacit_batch_parse(frame, frames, &count) != TACIT_OK) {
        return;
    }
    s_must(tacit_batch_is(frame) && count > 0 && count <= TACIT_BATCH_FRAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        s_must(frames[i].data > end && frames[i].size <= frame.size);
        end = frames[i].data + frames[i].size;
        s_read_frame(frames[i]);
    }
    s_must(end == frame.data + frame.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_span_t frame = tacit_span(data, size);
    s_read_frame(frame);
    s_read_batch(frame);
    return 0;
}
