/*  lane_sender.c - tickets, credit, and a ring of bulks that wait to be sealed.  */

#include "rpc/lane_sender.h"

#include <stdlib.h>

#include "rpc/limits.h"

struct tacit_lane_sender {
    tacit_lane_seal_t *seal;                /* owned */
    tacit_lane_pool_t *pool;                /* borrowed */
    zmq_msg_t queue[TACIT_LANE_QUEUED_MAX]; /* a ring */
    size_t head;
    size_t count;
    size_t offset;       /* bytes of the first that were sealed */
    uint64_t ticketed;   /* sequence of the next ticket */
    uint64_t next;       /* of the next frame */
    uint64_t granted;    /* frames that may be sent in all */
    uint64_t frames_max; /* that go under this key */
};

tacit_lane_sender_t *tacit_lane_sender_new(tacit_lane_seal_t **seal, tacit_lane_pool_t *pool)
{
    tacit_lane_sender_t *self = calloc(1, sizeof *self);
    if (self) {
        self->seal = *seal;
        self->pool = pool;
        self->ticketed = 1;
        self->granted = 1 + TACIT_LANE_WINDOW;
        self->frames_max = TACIT_LANE_FRAMES_MAX;
        *seal = NULL;
    }
    return self;
}

bool tacit_lane_sender_is_idle(const tacit_lane_sender_t *sender)
{
    return sender->count == 0;
}

bool tacit_lane_sender_is_spent(const tacit_lane_sender_t *sender)
{
    return sender->ticketed + tacit_lane_frames(TACIT_BULK_MAX) > sender->frames_max;
}

void tacit_lane_sender_limit(tacit_lane_sender_t *sender, uint64_t frames)
{
    sender->frames_max = frames;
}

static zmq_msg_t *s_first(tacit_lane_sender_t *self)
{
    return &self->queue[self->head];
}

static void s_drop_first(tacit_lane_sender_t *self)
{
    zmq_msg_close(s_first(self));
    self->head = (self->head + 1) % TACIT_LANE_QUEUED_MAX;
    self->count--;
    self->offset = 0;
}

void tacit_lane_sender_destroy(tacit_lane_sender_t **sender)
{
    tacit_lane_sender_t *self = *sender;
    if (!self) {
        return;
    }
    while (self->count > 0) {
        s_drop_first(self);
    }
    tacit_lane_seal_destroy(&self->seal);
    free(self);
    *sender = NULL;
}

/*  --- bulks ----------------------------------------------------------------------------------- */

bool tacit_lane_sender_offer(const tacit_lane_sender_t *sender, uint64_t size,
                             tacit_lane_ticket_t *ret_ticket)
{
    if (size < TACIT_LANE_BULK_MIN || size > TACIT_BULK_MAX ||
        sender->count == TACIT_LANE_QUEUED_MAX ||
        sender->ticketed + tacit_lane_frames(size) > sender->frames_max) {
        return false;
    }
    *ret_ticket = (tacit_lane_ticket_t){.first = sender->ticketed, .size = size};
    return true;
}

bool tacit_lane_sender_flows(const tacit_lane_sender_t *sender, uint64_t size)
{
    tacit_lane_ticket_t ticket;
    return sender->next > 0 && tacit_lane_sender_offer(sender, size, &ticket) &&
           ticket.first + tacit_lane_frames(size) <= sender->granted;
}

void tacit_lane_sender_put(tacit_lane_sender_t *sender, zmq_msg_t *bulk)
{
    zmq_msg_t *place = &sender->queue[(sender->head + sender->count) % TACIT_LANE_QUEUED_MAX];
    sender->ticketed += tacit_lane_frames(zmq_msg_size(bulk));
    zmq_msg_init(place);
    zmq_msg_move(place, bulk);
    sender->count++;
}

/*  --- frames ---------------------------------------------------------------------------------- */

static tacit_status_t s_seal(tacit_lane_sender_t *self, tacit_span_t plaintext,
                             zmq_msg_t *ret_frame)
{
    size_t size = plaintext.size + TACIT_LANE_OVERHEAD;
    uint8_t *frame = tacit_lane_pool_take(self->pool, size);
    if (!frame) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = tacit_lane_seal(self->seal, self->next, plaintext, frame);
    if (status == TACIT_OK &&
        zmq_msg_init_data(ret_frame, frame, size, tacit_lane_pool_give, self->pool) != 0) {
        status = TACIT_NO_MEMORY;
    }
    if (status != TACIT_OK) {
        tacit_lane_pool_give(frame, self->pool);
        return status;
    }
    self->next++;
    return TACIT_OK;
}

tacit_status_t tacit_lane_sender_hello(tacit_lane_sender_t *sender, zmq_msg_t *ret_frame)
{
    return sender->next == 0 ? s_seal(sender, tacit_span("", 0), ret_frame) : TACIT_PENDING;
}

tacit_status_t tacit_lane_sender_next(tacit_lane_sender_t *sender, zmq_msg_t *ret_frame)
{
    if (sender->count == 0 || sender->next == 0 || sender->next >= sender->granted) {
        return TACIT_PENDING;
    }
    zmq_msg_t *bulk = s_first(sender);
    size_t left = zmq_msg_size(bulk) - sender->offset;
    size_t size = left < TACIT_LANE_FRAGMENT ? left : TACIT_LANE_FRAGMENT;
    const uint8_t *data = zmq_msg_data(bulk);
    tacit_status_t status = s_seal(sender, tacit_span(data + sender->offset, size), ret_frame);
    if (status != TACIT_OK) {
        return status;
    }
    sender->offset += size;
    if (size == left) {
        s_drop_first(sender);
    }
    return TACIT_OK;
}

tacit_status_t tacit_lane_sender_credit(tacit_lane_sender_t *sender, uint64_t granted)
{
    if (granted <= sender->granted || granted > sender->next + TACIT_LANE_WINDOW) {
        return TACIT_PROTOCOL_ERROR;
    }
    sender->granted = granted;
    return TACIT_OK;
}
