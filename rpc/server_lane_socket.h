/*  server_lane_socket.h - the socket of a server's bulk lanes, beside its own.

    Bound when the first lane is asked for. ZAP admits only connections that were announced, by
    their token and once; frames that come are handed to server_lane.c, and a connection that ended
    ends its lane.  */

#ifndef TACIT_RPC_SERVER_LANE_SOCKET_H
#define TACIT_RPC_SERVER_LANE_SOCKET_H

#include "rpc/server_internal.h"

/*  Bind, once. UNSUPPORTED where the socket cannot be, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_socket_listen(tacit_server_t *server);
void tacit_lane_socket_close(tacit_server_t *server);

/*  What the monitor has to say: lanes whose connection ended are over.  */
void tacit_lane_socket_read_events(tacit_server_t *server);

/*  A frame to that lane, and where faults may meet it. False where it is not taken; closed then. */
bool tacit_lane_socket_send(tacit_server_t *server, const tacit_server_lane_t *row,
                            zmq_msg_t *frame);

#endif
