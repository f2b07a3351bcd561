/*  lane_receiver.c - parked frames, expected bulks, and the one that is being put together.  */

#include "rpc/lane_receiver.h"

#include <stdlib.h>

#include "rpc/limits.h"

typedef struct {
    tacit_lane_ticket_t ticket;
    tacit_lane_target_t target;
} s_expected_t;

struct tacit_lane_receiver {
    tacit_lane_seal_t *seal;                       /* owned */
    tacit_lane_pool_t *pool;                       /* borrowed */
    zmq_msg_t parked[TACIT_LANE_WINDOW];           /* a ring, by sequence */
    s_expected_t expected[TACIT_LANE_TICKETS_MAX]; /* a ring */
    size_t head;
    size_t count;
    uint64_t ticketed;   /* sequence of the next ticket */
    uint64_t taken;      /* of the next frame to come */
    uint64_t opened;     /* of the next frame to be opened */
    uint64_t granted;    /* frames that may come in all */
    uint64_t waiting;    /* bytes of those that are parked */
    uint64_t frames_max; /* that come under this key */
    uint8_t *buffer;     /* owned; of the first expected bulk, where that takes several frames */
};

tacit_lane_receiver_t *tacit_lane_receiver_new(tacit_lane_seal_t **seal, tacit_lane_pool_t *pool)
{
    tacit_lane_receiver_t *self = calloc(1, sizeof *self);
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

static void s_drop_buffer(tacit_lane_receiver_t *self)
{
    if (self->buffer) {
        tacit_lane_pool_give(self->buffer, self->pool);
        self->buffer = NULL;
    }
}

void tacit_lane_receiver_destroy(tacit_lane_receiver_t **receiver)
{
    tacit_lane_receiver_t *self = *receiver;
    if (!self) {
        return;
    }
    for (; self->opened < self->taken; self->opened++) {
        zmq_msg_close(&self->parked[self->opened % TACIT_LANE_WINDOW]);
    }
    s_drop_buffer(self);
    tacit_lane_seal_destroy(&self->seal);
    free(self);
    *receiver = NULL;
}

/*  --- tickets --------------------------------------------------------------------------------- */

tacit_status_t tacit_lane_receiver_expect(tacit_lane_receiver_t *receiver,
                                          const tacit_lane_ticket_t *ticket)
{
    uint64_t frames = tacit_lane_frames(ticket->size);
    if (ticket->first != receiver->ticketed || ticket->size == 0 || ticket->size > TACIT_BULK_MAX ||
        ticket->first + frames > receiver->frames_max ||
        receiver->count == TACIT_LANE_TICKETS_MAX) {
        return TACIT_PROTOCOL_ERROR;
    }
    size_t place = (receiver->head + receiver->count) % TACIT_LANE_TICKETS_MAX;
    receiver->expected[place] = (s_expected_t){.ticket = *ticket};
    receiver->count++;
    receiver->ticketed += frames;
    return TACIT_OK;
}

tacit_lane_target_t *tacit_lane_receiver_target(tacit_lane_receiver_t *receiver, size_t index)
{
    return index < receiver->count
               ? &receiver->expected[(receiver->head + index) % TACIT_LANE_TICKETS_MAX].target
               : NULL;
}

void tacit_lane_receiver_aim(tacit_lane_receiver_t *receiver, const tacit_lane_target_t *target)
{
    *tacit_lane_receiver_target(receiver, receiver->count - 1) = *target;
}

/*  --- frames ---------------------------------------------------------------------------------- */

static tacit_span_t s_bytes(zmq_msg_t *message)
{
    return tacit_span(zmq_msg_data(message), zmq_msg_size(message));
}

static tacit_status_t s_take_hello(tacit_lane_receiver_t *self, zmq_msg_t *frame)
{
    uint8_t nothing = 0;
    if (zmq_msg_size(frame) != TACIT_LANE_OVERHEAD) {
        return TACIT_PROTOCOL_ERROR;
    }
    tacit_status_t status = tacit_lane_seal_open(self->seal, 0, s_bytes(frame), &nothing);
    if (status == TACIT_OK) {
        self->taken = 1;
        self->opened = 1;
    }
    return status;
}

tacit_status_t tacit_lane_receiver_take(tacit_lane_receiver_t *receiver, zmq_msg_t *frame)
{
    uint64_t sequence = 0;
    if (receiver->taken == 0) {
        return s_take_hello(receiver, frame);
    }
    if (!tacit_lane_seal_sequence(receiver->seal, s_bytes(frame), &sequence) ||
        sequence != receiver->taken || sequence >= receiver->granted ||
        receiver->taken - receiver->opened == TACIT_LANE_WINDOW ||
        zmq_msg_size(frame) > TACIT_LANE_FRAME_MAX) {
        return TACIT_PROTOCOL_ERROR;
    }
    zmq_msg_t *place = &receiver->parked[sequence % TACIT_LANE_WINDOW];
    zmq_msg_init(place);
    zmq_msg_move(place, frame);
    receiver->waiting += zmq_msg_size(place);
    receiver->taken++;
    return TACIT_OK;
}

bool tacit_lane_receiver_greeted(const tacit_lane_receiver_t *receiver)
{
    return receiver->taken > 0;
}

/*  --- bulks ----------------------------------------------------------------------------------- */

typedef struct {
    zmq_msg_t frame; /* the bulk is inside */
} s_loan_t;

static void s_return_loan(void *data, void *hint)
{
    (void)data;
    s_loan_t *loan = hint;
    zmq_msg_close(&loan->frame);
    free(loan);
}

/*  A message whose data is the plaintext within that frame, which it keeps.  */
static tacit_status_t s_lend(zmq_msg_t *frame, zmq_msg_t *ret_bulk)
{
    s_loan_t *loan = malloc(sizeof *loan);
    if (!loan) {
        return TACIT_NO_MEMORY;
    }
    zmq_msg_init(&loan->frame);
    zmq_msg_move(&loan->frame, frame);
    uint8_t *data = zmq_msg_data(&loan->frame);
    size_t size = zmq_msg_size(&loan->frame) - TACIT_LANE_OVERHEAD;
    if (zmq_msg_init_data(ret_bulk, data + TACIT_LANE_HEADER_SIZE, size, s_return_loan, loan) !=
        0) {
        s_return_loan(NULL, loan);
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

/*  Where the next frame's plaintext goes: into itself, or into the bulk's buffer.  */
static uint8_t *s_place(tacit_lane_receiver_t *self, const s_expected_t *expected, zmq_msg_t *frame)
{
    size_t size = (size_t)expected->ticket.size;
    if (size <= TACIT_LANE_FRAGMENT || expected->target.aim == TACIT_LANE_NOBODY) {
        s_drop_buffer(self);
        return (uint8_t *)zmq_msg_data(frame) + TACIT_LANE_HEADER_SIZE;
    }
    if (!self->buffer) {
        self->buffer = tacit_lane_pool_take(self->pool, size);
    }
    return self->buffer
               ? self->buffer + (self->opened - expected->ticket.first) * TACIT_LANE_FRAGMENT
               : NULL;
}

/*  Opens the next frame, which is the caller's to close.  */
static tacit_status_t s_open(tacit_lane_receiver_t *self, const s_expected_t *expected,
                             zmq_msg_t *frame)
{
    uint64_t done = (self->opened - expected->ticket.first) * TACIT_LANE_FRAGMENT;
    uint64_t left = expected->ticket.size - done;
    uint64_t size = left < TACIT_LANE_FRAGMENT ? left : TACIT_LANE_FRAGMENT;
    if (zmq_msg_size(frame) != size + TACIT_LANE_OVERHEAD) {
        return TACIT_PROTOCOL_ERROR;
    }
    uint8_t *place = s_place(self, expected, frame);
    return place ? tacit_lane_seal_open(self->seal, self->opened, s_bytes(frame), place)
                 : TACIT_NO_MEMORY;
}

/*  The first expected bulk is complete; frame is its last.  */
static tacit_status_t s_complete(tacit_lane_receiver_t *self, zmq_msg_t *frame, size_t size,
                                 zmq_msg_t *ret_bulk)
{
    if (!self->buffer) {
        return s_lend(frame, ret_bulk);
    }
    uint8_t *buffer = self->buffer;
    self->buffer = NULL;
    if (zmq_msg_init_data(ret_bulk, buffer, size, tacit_lane_pool_give, self->pool) != 0) {
        tacit_lane_pool_give(buffer, self->pool);
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

/*  One frame of the first expected bulk; PENDING where that is not complete.  */
static tacit_status_t s_advance(tacit_lane_receiver_t *self, tacit_lane_target_t *ret_target,
                                zmq_msg_t *ret_bulk)
{
    const s_expected_t *expected = &self->expected[self->head];
    zmq_msg_t *frame = &self->parked[self->opened % TACIT_LANE_WINDOW];
    size_t size = zmq_msg_size(frame);
    tacit_status_t status = s_open(self, expected, frame);
    if (status == TACIT_OK) {
        self->opened++;
        self->waiting -= size;
        status = TACIT_PENDING;
        bool last =
            self->opened == expected->ticket.first + tacit_lane_frames(expected->ticket.size);
        if (last && expected->target.aim != TACIT_LANE_NOBODY) {
            *ret_target = expected->target;
            status = s_complete(self, frame, (size_t)expected->ticket.size, ret_bulk);
        }
        if (last) {
            self->head = (self->head + 1) % TACIT_LANE_TICKETS_MAX;
            self->count--;
        }
        zmq_msg_close(frame);
    }
    return status;
}

tacit_status_t tacit_lane_receiver_next(tacit_lane_receiver_t *receiver,
                                        tacit_lane_target_t *ret_target, zmq_msg_t *ret_bulk)
{
    tacit_status_t status = TACIT_PENDING;
    while (status == TACIT_PENDING && receiver->count > 0 && receiver->opened < receiver->taken) {
        status = s_advance(receiver, ret_target, ret_bulk);
    }
    return status;
}

bool tacit_lane_receiver_is_idle(const tacit_lane_receiver_t *receiver)
{
    return receiver->count == 0 && receiver->opened == receiver->taken;
}

void tacit_lane_receiver_limit(tacit_lane_receiver_t *receiver, uint64_t frames)
{
    receiver->frames_max = frames;
}

bool tacit_lane_receiver_is_spent(const tacit_lane_receiver_t *receiver)
{
    return receiver->ticketed + tacit_lane_frames(TACIT_BULK_MAX) > receiver->frames_max;
}

uint64_t tacit_lane_receiver_parked(const tacit_lane_receiver_t *receiver)
{
    return receiver->waiting;
}

/*  A quarter of the window at a time: the sender never waits while this end keeps up.  */
bool tacit_lane_receiver_credit_due(const tacit_lane_receiver_t *receiver, uint64_t *ret_granted)
{
    uint64_t granted = receiver->opened + TACIT_LANE_WINDOW;
    if (granted - receiver->granted < TACIT_LANE_WINDOW / 4 || receiver->taken == 0) {
        return false;
    }
    *ret_granted = granted;
    return true;
}

void tacit_lane_receiver_credit_sent(tacit_lane_receiver_t *receiver, uint64_t granted)
{
    receiver->granted = granted;
}
