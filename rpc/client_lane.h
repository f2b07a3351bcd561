/*  client_lane.h - a client's end of its session's bulk lane.

    The client opens a lane when it first has a large bulk to send, or got one; then both ends send
    large bulks by it. Where there is none they go over CURVE as all else does. A lane that was lost
    is opened again, in time (lane_reopen.h), with a fresh name and fresh keys; one that the service
    recalls, or whose keys were used enough, is let go between two calls. Calls that are under way
    when a lane is lost end once: as the service says (BULK_LOST: it did not run), or INTERRUPTED
    where it ran and the answer's bulk never comes.  */

#ifndef TACIT_RPC_CLIENT_LANE_H
#define TACIT_RPC_CLIENT_LANE_H

#include "rpc/client.h"
#include "rpc/endpoint.h"
#include "rpc/lane_receiver.h"
#include "rpc/lane_reopen.h"
#include "rpc/lane_sender.h"

typedef struct tacit_client_lane {
    tacit_lane_reopen_t reopen; /* when another one may be opened */
    bool asked;                 /* for one, ever: what is said of none may be late */
    bool opening;               /* one is being asked for */
    bool wanted;                /* large bulk comes from this service */
    bool missed;                /* large bulk went or came over CURVE since there was one */
    bool polled;                /* the owner waits on sockets itself, and opens the lane itself */
    bool linked;                /* the connection is there */
    bool recalled;              /* nothing more is sent by it */
    bool over;                  /* the service ended it; what it announced is taken in */
    uint64_t used_ms;           /* monotonic; of the last bulk */
    tacit_endpoint_t *endpoint; /* NULL: there is no lane */
    tacit_lane_pool_t *pool;
    tacit_lane_sender_t *sender;
    tacit_lane_receiver_t *receiver;
    uint64_t sent;     /* bulks that went by it */
    uint64_t received; /* that came */
    uint64_t opened;   /* lanes, one after the other */
} tacit_client_lane_t;

/*  Is a lane of use to such a call? Then, before it is sent: open one where there is none, within
    that time at most. refresh sees first what happened to the one that there is, and lets go of it
    where it should end.  */
bool tacit_client_lane_pays(const tacit_client_t *client, const tacit_method_t *method,
                            size_t bulk_size);
void tacit_client_lane_prepare(tacit_client_t *client, uint32_t within_ms);
void tacit_client_lane_refresh(tacit_client_t *client, uint64_t now_ms);

/*  Both ends have greeted.  */
bool tacit_client_lane_is_up(const tacit_client_lane_t *lane);

/*  True where a bulk of that size would be sealed at once, so that its memory may be borrowed.  */
bool tacit_client_lane_flows(const tacit_client_t *client, size_t size);

/*  Send what follows a frame 0: the bulk itself, or by the lane, with a ticket in its place. Moved
    or closed in any case; false where half a message was sent.  */
bool tacit_client_lane_carry(tacit_client_t *client, zmq_msg_t *bulk);

/*  A message came with a ticket (bytes of its third frame); false where that ends the connection.
    The bulk is nobody's until it is aimed.  */
bool tacit_client_lane_expect(tacit_client_t *client, tacit_span_t bytes,
                              tacit_lane_ticket_t *ret_ticket);
void tacit_client_lane_aim(tacit_client_t *client, const tacit_lane_target_t *target);

/*  A notification of the lane's credit; false where the message is none.  */
bool tacit_client_lane_credit(tacit_client_t *client, tacit_span_t bytes);

/*  Take in, give out, and send what may be; false where there was nothing.  */
bool tacit_client_lane_take_in(tacit_client_t *client);
/*  What the lane's monitor has to say; false where there was nothing.  */
bool tacit_client_lane_read_events(tacit_client_t *client);

/*  The lane is over, and what waits for its bulk with it. what NULL: without a word.  */
void tacit_client_lane_end(tacit_client_t *client, const char *what);

#endif
