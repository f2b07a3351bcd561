/*  outstanding.h - a client's calls that were sent and not yet given back.

    A slot holds a call until its answer was looked at: waiting, then ended (with the received
    messages, or with an error), then taken by the caller, whose spans borrow from the slot until
    it is released.  */

#ifndef TACIT_RPC_OUTSTANDING_H
#define TACIT_RPC_OUTSTANDING_H

#include <zmq.h>

#include "rpc/client.h"
#include "rpc/frame.h"
#include "rpc/lane_receiver.h"
#include "rpc/stream.h"

typedef enum tacit_slot_state {
    TACIT_SLOT_FREE,
    TACIT_SLOT_WAITING,
    TACIT_SLOT_ENDED,
    TACIT_SLOT_TAKEN
} tacit_slot_state_t;

typedef struct tacit_slot {
    tacit_slot_state_t state;
    uint64_t msgid;
    const tacit_method_t *method;
    uint64_t deadline_ms;   /* monotonic */
    tacit_error_t error;    /* ended: how, where code is not OK */
    zmq_msg_t frame;        /* ended: frame 0 of the reply, or empty */
    zmq_msg_t bulk;         /* ended: its bulk, or empty */
    tacit_stream_t *stream; /* owned; NULL where the method has none */
    tacit_meter_t meter;    /* counts it, once */
    size_t result_offset;   /* of the result in frame */
    size_t result_size;
    bool awaits; /* waiting: frame is there, bulk comes by the lane */
} tacit_slot_t;

/*  The slot that is taken needs a place beside those that are outstanding.  */
enum { TACIT_SLOTS = TACIT_CLIENT_CALLS_MAX + 1 };

typedef struct tacit_outstanding {
    tacit_slot_t slots[TACIT_SLOTS];
    size_t count;        /* waiting or ended */
    uint64_t last_msgid; /* 0: none was issued */
} tacit_outstanding_t;

/*  A waiting slot with the next msgid; NULL at TACIT_CLIENT_CALLS_MAX.  */
tacit_slot_t *tacit_outstanding_open(tacit_outstanding_t *table, const tacit_method_t *method,
                                     uint64_t deadline_ms);

/*  The waiting slot of that msgid, or NULL.  */
tacit_slot_t *tacit_outstanding_find(tacit_outstanding_t *table, uint64_t msgid);
/*  The slot of that msgid that lacks bytes of the lane, or NULL: streams may be answered before. */
tacit_slot_t *tacit_outstanding_lacking(tacit_outstanding_t *table, uint64_t msgid);

/*  End a slot with a parsed reply, whose messages are moved in (bulk may be empty).  */
void tacit_outstanding_answer(tacit_slot_t *slot, const tacit_frame_reply_t *reply,
                              zmq_msg_t *frame, zmq_msg_t *bulk);
/*  The same for a reply whose bulk comes by the lane: the slot waits on, and lacks it until fill
    moves it in (bulk of calls that lack none is left alone).  */
void tacit_outstanding_await(tacit_slot_t *slot, const tacit_frame_reply_t *reply,
                             zmq_msg_t *frame);
void tacit_outstanding_fill(tacit_slot_t *slot, const tacit_lane_target_t *target, zmq_msg_t *bulk,
                            uint64_t now_ms);
bool tacit_outstanding_lacks(const tacit_slot_t *slot);
void tacit_outstanding_fail(tacit_slot_t *slot, const tacit_error_t *error);
void tacit_outstanding_fail_all(tacit_outstanding_t *table, const tacit_error_t *error);

/*  End waiting slots whose deadline has come; the earliest deadline left, UINT64_MAX for none.  */
uint64_t tacit_outstanding_expire(tacit_outstanding_t *table, uint64_t now_ms);

/*  The slot that ended and was sent first, or NULL. Calls with streams are asked for by number.  */
tacit_slot_t *tacit_outstanding_ended(tacit_outstanding_t *table);

/*  An ended slot is the caller's to read until it is released.  */
void tacit_outstanding_take(tacit_outstanding_t *table, tacit_slot_t *slot);
/*  Free any slot, whatever its state.  */
void tacit_outstanding_release(tacit_outstanding_t *table, tacit_slot_t *slot);
void tacit_outstanding_clear(tacit_outstanding_t *table);

#endif
