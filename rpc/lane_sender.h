/*  lane_sender.h - what one end of a lane sends: bulks that were announced, cut into sealed frames.

    Nothing here sends: the owner asks for a ticket, sends it over CURVE, puts the bulk, and sends
    frames as they come out while there is credit. Bulks are sealed in the order of their tickets,
    straight from their own memory, when their frames may go.  */

#ifndef TACIT_RPC_LANE_SENDER_H
#define TACIT_RPC_LANE_SENDER_H

#include "rpc/lane_pool.h"
#include "rpc/lane_seal.h"
#include "rpc/lane_ticket.h"

typedef struct tacit_lane_sender tacit_lane_sender_t;

/*  Takes *seal where it succeeds; the pool is borrowed. NULL without memory.  */
tacit_lane_sender_t *tacit_lane_sender_new(tacit_lane_seal_t **seal, tacit_lane_pool_t *pool);
void tacit_lane_sender_destroy(tacit_lane_sender_t **sender);

/*  The first frame: empty, it shows that this end has the key.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_sender_hello(tacit_lane_sender_t *sender,
                                                        zmq_msg_t *ret_frame);

/*  May a bulk of that size go this way now, and under which ticket? Not where it is small, where
    too many wait, or where the key was used enough.  */
bool tacit_lane_sender_offer(const tacit_lane_sender_t *sender, uint64_t size,
                             tacit_lane_ticket_t *ret_ticket);
/*  True where all of it could be sent at once, so that memory need not outlast the putting.  */
bool tacit_lane_sender_flows(const tacit_lane_sender_t *sender, uint64_t size);
/*  True where nothing waits to be sent.  */
bool tacit_lane_sender_is_idle(const tacit_lane_sender_t *sender);
/*  True where the key was used so much that the largest bulk may find no place any more.  */
bool tacit_lane_sender_is_spent(const tacit_lane_sender_t *sender);
/*  Fewer frames under this key than TACIT_LANE_FRAMES_MAX.  */
void tacit_lane_sender_limit(tacit_lane_sender_t *sender, uint64_t frames);
/*  The ticket of that bulk was sent: the bulk is moved in.  */
void tacit_lane_sender_put(tacit_lane_sender_t *sender, zmq_msg_t *bulk);

/*  The next frame to be sent: OK, PENDING (none, or no credit), NO_MEMORY, INTERNAL.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_sender_next(tacit_lane_sender_t *sender,
                                                       zmq_msg_t *ret_frame);

/*  The receiver's word, cumulative. PROTOCOL_ERROR where it shrinks or is beyond the window.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_sender_credit(tacit_lane_sender_t *sender,
                                                         uint64_t granted);

#endif
