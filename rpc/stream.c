/*  stream.c - sequence, credit and bounds of a call's streams.  */

#include "rpc/stream.h"

#include <stdlib.h>
#include <string.h>

tacit_stream_t *tacit_stream_new(const tacit_stream_bounds_t *in, const tacit_stream_bounds_t *out,
                                 uint64_t now_ms)
{
    tacit_stream_t *self = calloc(1, sizeof *self);
    if (self) {
        self->in.bounds = *in;
        self->in.granted = TACIT_STREAM_WINDOW;
        self->in.ended = in->chunk_max == 0;
        self->in.placed = !in->resumable;
        self->out.bounds = *out;
        self->out.granted = TACIT_STREAM_WINDOW;
        self->out.ended = out->chunk_max == 0;
        self->out.placed = !out->resumable;
        self->moved_ms = now_ms;
        zmq_msg_init(&self->current);
    }
    return self;
}

void tacit_stream_destroy(tacit_stream_t **stream)
{
    tacit_stream_t *self = *stream;
    if (!self) {
        return;
    }
    for (size_t i = 0; i < self->in.count; i++) {
        zmq_msg_close(&self->in.queue[(self->in.head + i) % TACIT_STREAM_WINDOW]);
    }
    zmq_msg_close(&self->current);
    free(self);
    *stream = NULL;
}

/*  --- resumable ones -------------------------------------------------------------------------- */

bool tacit_stream_place(tacit_stream_t *stream, const tacit_method_t *method, const void *args)
{
    uint64_t offset = 0;
    if (!method->stream_out.resumable) {
        return true;
    }
    memcpy(&offset, (const uint8_t *)args + method->stream_out.offset_place, sizeof offset);
    stream->in.total = stream->out.total = offset;
    stream->in.placed = stream->out.placed = true;
    stream->in.bounds.resumable = stream->out.bounds.resumable = false; /* nobody says it again */
    return offset <= method->stream_out.total_max;
}

tacit_status_t tacit_stream_keep(tacit_stream_t *stream, uint64_t bytes)
{
    tacit_inflow_t *in = &stream->in;
    uint64_t most = in->placed ? in->total : in->bounds.total_max;
    if (!in->bounds.resumable || bytes < in->kept || bytes > most) {
        return TACIT_BAD_INPUT;
    }
    in->kept = bytes;
    in->total = in->placed ? in->total : bytes;
    in->placed = true;
    return TACIT_OK;
}

/*  What is kept only grows, and nobody keeps what was not sent.  */
static tacit_status_t s_take_kept(tacit_outflow_t *out, uint64_t bytes)
{
    uint64_t most = out->placed ? out->total : out->bounds.total_max;
    if (!out->bounds.resumable || bytes < out->kept || bytes > most) {
        return TACIT_PROTOCOL_ERROR;
    }
    out->kept = bytes;
    out->total = out->placed ? out->total : bytes;
    out->placed = true;
    return TACIT_OK;
}

/*  --- what comes in --------------------------------------------------------------------------- */

/*  bulk is empty where the bytes come by the lane.  */
static tacit_status_t s_take_chunk(tacit_inflow_t *in, uint64_t number, zmq_msg_t *bulk,
                                   uint64_t size)
{
    if (in->ended || !in->placed || number != in->next || number >= in->granted ||
        in->count == TACIT_STREAM_WINDOW || size == 0 || size > in->bounds.chunk_max ||
        size > in->bounds.total_max - in->total) {
        return TACIT_PROTOCOL_ERROR;
    }
    size_t place = (in->head + in->count) % TACIT_STREAM_WINDOW;
    zmq_msg_init(&in->queue[place]);
    in->filled[place] = bulk != NULL;
    if (bulk) {
        zmq_msg_move(&in->queue[place], bulk);
    } else {
        in->lacking++;
    }
    in->count++;
    in->next++;
    in->total += size;
    return TACIT_OK;
}

static tacit_status_t s_take_end(tacit_inflow_t *in, uint64_t number)
{
    if (in->ended || !in->placed || number != in->next) {
        return TACIT_PROTOCOL_ERROR;
    }
    in->ended = true;
    return TACIT_OK;
}

/*  Credit only grows, and never beyond a window that is empty. What it says of a stream that this
    end has ended is late.  */
static tacit_status_t s_take_credit(tacit_outflow_t *out, uint64_t granted)
{
    if (out->bounds.chunk_max == 0 || granted <= out->granted ||
        granted - out->next > TACIT_STREAM_WINDOW) {
        return TACIT_PROTOCOL_ERROR;
    }
    out->granted = granted;
    return TACIT_OK;
}

tacit_status_t tacit_stream_take(tacit_stream_t *stream, const tacit_stream_frame_t *frame,
                                 zmq_msg_t *bulk, bool has_bulk, uint64_t now_ms)
{
    if (has_bulk != (frame->event == TACIT_STREAM_CHUNK)) {
        return TACIT_PROTOCOL_ERROR;
    }
    stream->moved_ms = now_ms;
    stream->news = true;
    switch (frame->event) {
    case TACIT_STREAM_CHUNK:
        return s_take_chunk(&stream->in, frame->number, bulk, zmq_msg_size(bulk));
    case TACIT_STREAM_CREDIT:
        return s_take_credit(&stream->out, frame->number);
    case TACIT_STREAM_END:
        return s_take_end(&stream->in, frame->number);
    case TACIT_STREAM_KEPT:
        return s_take_kept(&stream->out, frame->number);
    case TACIT_STREAM_CANCEL:
        return frame->number == 0 ? TACIT_INTERRUPTED : TACIT_PROTOCOL_ERROR;
    }
    return TACIT_PROTOCOL_ERROR;
}

tacit_status_t tacit_stream_await(tacit_stream_t *stream, const tacit_stream_frame_t *frame,
                                  uint64_t size, uint64_t now_ms)
{
    stream->moved_ms = now_ms;
    return frame->event == TACIT_STREAM_CHUNK ? s_take_chunk(&stream->in, frame->number, NULL, size)
                                              : TACIT_PROTOCOL_ERROR;
}

void tacit_stream_fill(tacit_stream_t *stream, uint64_t number, zmq_msg_t *bulk, uint64_t now_ms)
{
    tacit_inflow_t *in = &stream->in;
    uint64_t first = in->next - in->count;
    if (number < first || number >= in->next) {
        return;
    }
    size_t place = (in->head + (size_t)(number - first)) % TACIT_STREAM_WINDOW;
    if (!in->filled[place]) {
        zmq_msg_move(&in->queue[place], bulk);
        in->filled[place] = true;
        in->lacking--;
        stream->moved_ms = now_ms;
        stream->news = true;
    }
}

tacit_status_t tacit_stream_read(tacit_stream_t *stream, tacit_span_t *ret_chunk)
{
    tacit_inflow_t *in = &stream->in;
    if (in->count == 0) {
        if (in->ended) {
            *ret_chunk = tacit_span(NULL, 0);
        }
        return in->ended ? TACIT_OK : TACIT_PENDING;
    }
    if (!in->filled[in->head]) {
        return TACIT_PENDING;
    }
    zmq_msg_t *first = &in->queue[in->head];
    zmq_msg_move(&stream->current, first);
    zmq_msg_close(first);
    in->head = (in->head + 1) % TACIT_STREAM_WINDOW;
    in->count--;
    *ret_chunk = tacit_span(zmq_msg_data(&stream->current), zmq_msg_size(&stream->current));
    return TACIT_OK;
}

/*  Half a window at a time: the sender never waits while its receiver keeps up.  */
bool tacit_stream_credit_due(const tacit_stream_t *stream, uint64_t *ret_granted)
{
    const tacit_inflow_t *in = &stream->in;
    uint64_t granted = in->next - in->count + TACIT_STREAM_WINDOW;
    if (in->ended || granted - in->granted < TACIT_STREAM_WINDOW / 2) {
        return false;
    }
    *ret_granted = granted;
    return true;
}

void tacit_stream_credit_sent(tacit_stream_t *stream, uint64_t granted)
{
    stream->in.granted = granted;
}

/*  --- what goes out --------------------------------------------------------------------------- */

tacit_status_t tacit_stream_may_send(const tacit_stream_t *stream, size_t size)
{
    const tacit_outflow_t *out = &stream->out;
    if (size == 0 || out->ended) {
        return TACIT_BAD_INPUT;
    }
    if (!out->placed) {
        return TACIT_PENDING;
    }
    if (size > out->bounds.chunk_max || size > out->bounds.total_max - out->total) {
        return TACIT_TOO_LARGE;
    }
    return out->next < out->granted ? TACIT_OK : TACIT_PENDING;
}

void tacit_stream_sent(tacit_stream_t *stream, size_t size, uint64_t now_ms)
{
    stream->out.next++;
    stream->out.total += size;
    stream->moved_ms = now_ms;
}
