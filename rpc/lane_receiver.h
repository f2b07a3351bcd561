/*  lane_receiver.h - what one end of a lane receives: frames, matched with tickets.

    Tickets come in the order of their sequences, and so do frames: two queues are matched from
    their heads. Frames that come before their ticket are parked, within the lane's window. A bulk
    of one frame is opened where it came in and lent from there; a larger one is opened into one
    buffer, taken when its first frame is there, so that a lane has at most one of them. Whatever
    is not exactly what must come next is PROTOCOL_ERROR or CORRUPT, and the lane's end.  */

#ifndef TACIT_RPC_LANE_RECEIVER_H
#define TACIT_RPC_LANE_RECEIVER_H

#include "rpc/lane_pool.h"
#include "rpc/lane_seal.h"
#include "rpc/lane_ticket.h"

typedef struct tacit_lane_receiver tacit_lane_receiver_t;

/*  Whose bulk it is, in the owner's words.  */
typedef enum tacit_lane_aim {
    TACIT_LANE_NOBODY, /* thrown away */
    TACIT_LANE_CALL,   /* of a request or a reply */
    TACIT_LANE_CHUNK   /* of a stream */
} tacit_lane_aim_t;

typedef struct tacit_lane_target {
    tacit_lane_aim_t aim;
    void *call;
    uint64_t msgid;
    uint64_t number; /* of a chunk */
} tacit_lane_target_t;

/*  Takes *seal where it succeeds; the pool is borrowed. NULL without memory.  */
tacit_lane_receiver_t *tacit_lane_receiver_new(tacit_lane_seal_t **seal, tacit_lane_pool_t *pool);
void tacit_lane_receiver_destroy(tacit_lane_receiver_t **receiver);

/*  A ticket from CURVE, its bulk nobody's; PROTOCOL_ERROR where it is not the next one, or one too
    many. aim then says whose the bulk of the last ticket is.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_receiver_expect(tacit_lane_receiver_t *receiver,
                                                           const tacit_lane_ticket_t *ticket);
void tacit_lane_receiver_aim(tacit_lane_receiver_t *receiver, const tacit_lane_target_t *target);

/*  The target of a bulk that is not complete, from the first on; NULL behind the last. The owner
    may change it.  */
tacit_lane_target_t *tacit_lane_receiver_target(tacit_lane_receiver_t *receiver, size_t index);

/*  A frame from the lane's connection is moved in. The first one must be the sender's hello.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_receiver_take(tacit_lane_receiver_t *receiver,
                                                         zmq_msg_t *frame);
/*  The hello came.  */
bool tacit_lane_receiver_greeted(const tacit_lane_receiver_t *receiver);

/*  The next complete bulk, in the order of tickets: OK, PENDING (not all of it is here), or what
    ends the lane. Those that are nobody's are passed over. ret_bulk need not be initialised.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_receiver_next(tacit_lane_receiver_t *receiver,
                                                         tacit_lane_target_t *ret_target,
                                                         zmq_msg_t *ret_bulk);

/*  True where nothing is waited for and nothing waits.  */
bool tacit_lane_receiver_is_idle(const tacit_lane_receiver_t *receiver);
/*  True where so much came under this key that the largest bulk may find no place any more.  */
bool tacit_lane_receiver_is_spent(const tacit_lane_receiver_t *receiver);
/*  Fewer frames under this key than TACIT_LANE_FRAMES_MAX.  */
void tacit_lane_receiver_limit(tacit_lane_receiver_t *receiver, uint64_t frames);

/*  Bytes of frames that wait for their ticket.  */
uint64_t tacit_lane_receiver_parked(const tacit_lane_receiver_t *receiver);

/*  True where the sender should be told of credit, and how much; granted once that was sent.  */
bool tacit_lane_receiver_credit_due(const tacit_lane_receiver_t *receiver, uint64_t *ret_granted);
void tacit_lane_receiver_credit_sent(tacit_lane_receiver_t *receiver, uint64_t granted);

#endif
