/*  server_lane.h - a server's bulk lanes: one for a session that asks, on a socket of their own.

    What lanes carry is here; server_lane_table.h has them, server_lane_life.h begins and ends them,
    server_lane_socket.h is their socket. What is no frame of the lane whose connection it comes
    from is dropped and counted. A lane ends with its session, its connection, or the first frame,
    ticket or credit that is not what must come next; a request that waits for it is then answered
    BULK_LOST, a stream INTERRUPTED, and all else goes over CURVE.  */

#ifndef TACIT_RPC_SERVER_LANE_H
#define TACIT_RPC_SERVER_LANE_H

#include "idl/session.h"
#include "rpc/call.h"
#include "rpc/endpoint.h"
#include "rpc/lane_pool.h"
#include "rpc/server_lane_table.h"

typedef struct tacit_server_lanes {
    tacit_endpoint_t *endpoint; /* NULL until a lane is asked for */
    char domain[32];            /* of ZAP */
    tacit_lane_pool_t *pool;
    uint64_t trim_ms;   /* monotonic; when idle memory is next let go */
    uint32_t recall_ms; /* that recalled lanes last at least */
    tacit_lane_table_t table;
    uint64_t bulks_in;  /* that came by lanes, in all */
    uint64_t bulks_out; /* that went */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t dropped;  /* frames of nobody's */
    uint64_t broken;   /* lanes that ended because their peer broke the rules */
    uint64_t recalled; /* lanes that were idle, or gave way to others */
} tacit_server_lanes_t;

void tacit_server_lane_init(tacit_server_t *server);

/*  session.lane. NO_SESSION, BUSY where there are too many and none is idle, BAD_INPUT for no
   cipher, UNSUPPORTED where the socket cannot be.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_lane_open(tacit_server_t *server, tacit_call_t *call,
                                                       uint8_t cipher,
                                                       tacit_session_lane_result_t *ret_result);

/*  A message was read: its ticket, if any, is the next one of its caller's lane. OK without one;
    BULK_LOST where there is no such lane (any more).  */
TACIT_MUST_CHECK tacit_status_t tacit_server_lane_expect(tacit_server_t *server,
                                                         tacit_call_t *call);

/*  A request that was admitted waits for its bulk; then it runs. Takes the call.  */
void tacit_server_lane_await(tacit_server_t *server, tacit_call_t *call);

/*  Whose the bulk of the last ticket of that connection is.  */
void tacit_server_lane_aim(tacit_server_t *server, const tacit_connection_id_t *id,
                           const tacit_lane_target_t *target);

/*  A message that is a lane's credit; false: it is none.  */
bool tacit_server_lane_event(tacit_server_t *server, const tacit_call_t *carrier);

/*  Send what follows a frame 0 to that connection: the bulk itself, or by its lane, with a ticket
    in its place. False where half a message was sent.  */
bool tacit_server_lane_carry(tacit_server_t *server, const tacit_connection_id_t *id,
                             zmq_msg_t *bulk);

/*  True where that would seal a bulk of that size at once, so that its memory may be borrowed.  */
bool tacit_server_lane_flows(const tacit_server_t *server, const tacit_connection_id_t *id,
                             size_t size);

/*  What is read and sent here passes these; so does what a fault kept back. A frame that came from
    that connection (it stays the caller's to close), and one that goes there: false where it is
    not taken; closed then.  */
void tacit_server_lane_take(tacit_server_t *server, const uint8_t routing[TACIT_ROUTING_ID_SIZE],
                            zmq_msg_t *frame);
bool tacit_server_lane_send(const tacit_server_t *server,
                            const uint8_t routing[TACIT_ROUTING_ID_SIZE], zmq_msg_t *frame);

/*  True where every bulk that was announced has been sent.  */
bool tacit_server_lane_is_idle(const tacit_server_t *server);

/*  Let go of calls that are over and of lanes that ended; to be called when the loop's work is
    done, and sweep now and then.  */
void tacit_server_lane_settle(tacit_server_t *server);
void tacit_server_lane_sweep(tacit_server_t *server);

/*  All of it, for good.  */
void tacit_server_lane_close(tacit_server_t *server);

#endif
