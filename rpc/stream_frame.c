/*  stream_frame.c - four small numbers, written by hand since there is one per chunk.  */

#include "rpc/stream_frame.h"

#include "rpc/reader.h"

enum { S_NOTIFICATION = 2, S_FIELDS = 4, S_ARRAY = 0x94, S_U64 = 0xcf, S_FIXNUM_MAX = 0x7f };

/*  In its shortest form or in nine bytes: both are read alike.  */
static size_t s_put(uint8_t *to, uint64_t number)
{
    if (number <= S_FIXNUM_MAX) {
        to[0] = (uint8_t)number;
        return 1;
    }
    to[0] = S_U64;
    for (int i = 0; i < 8; i++) {
        to[1 + i] = (uint8_t)(number >> (8 * (7 - i)));
    }
    return 9;
}

size_t tacit_stream_frame_write(const tacit_stream_frame_t *frame, uint8_t *to)
{
    size_t size = 0;
    to[size++] = S_ARRAY;
    to[size++] = S_NOTIFICATION;
    size += s_put(to + size, frame->msgid);
    to[size++] = (uint8_t)frame->event;
    return size + s_put(to + size, frame->number);
}

tacit_status_t tacit_stream_frame_parse(tacit_span_t bytes, tacit_stream_frame_t *ret_frame)
{
    uint64_t numbers[S_FIELDS];
    tacit_reader_t reader = tacit_reader(bytes);
    tacit_token_t token;
    if (tacit_reader_next(&reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_ARRAY ||
        token.number != S_FIELDS) {
        return TACIT_MALFORMED;
    }
    for (size_t i = 0; i < S_FIELDS; i++) {
        if (tacit_reader_next(&reader, &token) != TACIT_OK || token.kind != TACIT_TOKEN_UNSIGNED) {
            return TACIT_MALFORMED;
        }
        numbers[i] = token.number;
    }
    if (!tacit_reader_done(&reader) || numbers[0] != S_NOTIFICATION ||
        numbers[2] < TACIT_STREAM_CHUNK || numbers[2] > TACIT_STREAM_KEPT) {
        return TACIT_MALFORMED;
    }
    *ret_frame = (tacit_stream_frame_t){
        .msgid = numbers[1], .event = (tacit_stream_event_t)numbers[2], .number = numbers[3]};
    return TACIT_OK;
}
