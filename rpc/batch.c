/*  batch.c - see batch.h.  */

#include "rpc/batch.h"

#include <msgpack.h>

#include "rpc/reader.h"

enum { S_NOTIFICATION = 2, S_ENVELOPE = 3 };

static const char s_name[] = "$batch";

/*  --- writing --------------------------------------------------------------------------------- */

void tacit_batch_init(tacit_batch_t *batch)
{
    tacit_buffer_init(&batch->frames, TACIT_BATCH_BYTES_MAX);
    batch->count = 0;
}

void tacit_batch_free(tacit_batch_t *batch)
{
    tacit_buffer_free(&batch->frames);
    batch->count = 0;
}

bool tacit_batch_fits(const tacit_batch_t *batch, size_t size)
{
    return size <= TACIT_BATCH_FRAME_MAX && batch->count < TACIT_BATCH_HOLD_MAX &&
           batch->frames.size + TACIT_BATCH_HEAD_MAX + size <= TACIT_BATCH_BYTES_MAX;
}

typedef struct {
    uint8_t bytes[TACIT_BATCH_HEAD_MAX];
    size_t size;
} s_head_t;

static int s_write(void *data, const char *bytes, size_t size)
{
    s_head_t *head = data;
    if (size > sizeof head->bytes - head->size) {
        return -1;
    }
    memcpy(head->bytes + head->size, bytes, size);
    head->size += size;
    return 0;
}

static size_t s_put_size(s_head_t *head, size_t size)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, head, s_write);
    (void)msgpack_pack_bin(&packer, size);
    return head->size;
}

tacit_status_t tacit_batch_add(tacit_batch_t *batch, tacit_span_t frame)
{
    s_head_t head = {.size = 0};
    uint8_t *to = NULL;
    if (!tacit_batch_fits(batch, frame.size)) {
        return TACIT_TOO_LARGE;
    }
    size_t before = s_put_size(&head, frame.size);
    tacit_status_t status = tacit_buffer_extend(&batch->frames, before + frame.size, &to);
    if (!status) {
        memcpy(to, head.bytes, before);
        memcpy(to + before, frame.data, frame.size);
        batch->count++;
    }
    return status;
}

static void s_put_envelope(s_head_t *head, size_t count)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, head, s_write);
    (void)msgpack_pack_array(&packer, S_ENVELOPE);
    (void)msgpack_pack_uint8(&packer, S_NOTIFICATION);
    (void)msgpack_pack_str_with_body(&packer, s_name, sizeof s_name - 1);
    (void)msgpack_pack_array(&packer, count);
}

tacit_status_t tacit_batch_seal(tacit_batch_t *batch, zmq_msg_t *ret_message)
{
    s_head_t head = {.size = 0};
    tacit_span_t frames = tacit_buffer_span(&batch->frames);
    if (batch->count > 1) {
        s_put_envelope(&head, batch->count);
    } else {
        tacit_reader_t reader = tacit_reader(frames);
        tacit_token_t only;
        if (tacit_reader_next(&reader, &only) == TACIT_OK) {
            frames = only.bytes;
        }
    }
    bool made = zmq_msg_init_size(ret_message, head.size + frames.size) == 0;
    if (made) {
        uint8_t *data = zmq_msg_data(ret_message);
        memcpy(data, head.bytes, head.size);
        memcpy(data + head.size, frames.data, frames.size);
    }
    tacit_buffer_clear(&batch->frames);
    batch->count = 0;
    return made ? TACIT_OK : TACIT_NO_MEMORY;
}

/*  --- reading --------------------------------------------------------------------------------- */

static bool s_read_array(tacit_reader_t *reader, uint64_t *ret_count)
{
    tacit_token_t token;
    if (tacit_reader_next(reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_ARRAY) {
        return false;
    }
    *ret_count = token.number;
    return true;
}

static bool s_read_name(tacit_reader_t *reader)
{
    tacit_token_t token;
    return tacit_reader_next(reader, &token) == TACIT_OK && token.kind == TACIT_TOKEN_STRING &&
           tacit_span_equal(token.bytes, tacit_span_string(s_name));
}

/*  Up to the list of frames.  */
static bool s_read_envelope(tacit_reader_t *reader)
{
    tacit_token_t token;
    uint64_t count = 0;
    return s_read_array(reader, &count) && count == S_ENVELOPE &&
           tacit_reader_next(reader, &token) == TACIT_OK && token.kind == TACIT_TOKEN_UNSIGNED &&
           token.number == S_NOTIFICATION && s_read_name(reader);
}

bool tacit_batch_is(tacit_span_t frame)
{
    tacit_reader_t reader = tacit_reader(frame);
    return s_read_envelope(&reader);
}

tacit_status_t tacit_batch_parse(tacit_span_t frame,
                                 tacit_span_t ret_frames[TACIT_BATCH_FRAMES_MAX], size_t *ret_count)
{
    tacit_reader_t reader = tacit_reader(frame);
    uint64_t count = 0;
    if (frame.size > TACIT_FRAME_MAX) {
        return TACIT_TOO_LARGE;
    }
    if (!s_read_envelope(&reader) || !s_read_array(&reader, &count) || count == 0) {
        return TACIT_MALFORMED;
    }
    if (count > TACIT_BATCH_FRAMES_MAX) {
        return TACIT_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        tacit_token_t token;
        if (tacit_reader_next(&reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_BYTES) {
            return TACIT_MALFORMED;
        }
        ret_frames[i] = token.bytes;
    }
    if (!tacit_reader_done(&reader)) {
        return TACIT_MALFORMED;
    }
    *ret_count = (size_t)count;
    return TACIT_OK;
}
