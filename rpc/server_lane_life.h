/*  server_lane_life.h - how a server's lanes begin and end.

    session.lane announces one, under a fresh random id and so under keys of its own. It ends with
    its session, its connection, or the first thing that is not what must come next. Where it is
    only in the way (idle, or its place is wanted) it is recalled first: its client sends nothing
    more by it and says when it is done; at the latest it ends after TACIT_LANE_RECALL_MS, once
    nothing is under way, so that no call is lost with it.

    A lane that is to end is marked first, since calls of its own may be on the stack, and taken
    down when the loop has nothing else to do with it (server_lane.h, settle).  */

#ifndef TACIT_RPC_SERVER_LANE_LIFE_H
#define TACIT_RPC_SERVER_LANE_LIFE_H

#include "rpc/server_internal.h"

/*  Tell its client a number of credit; false where the connection takes nothing.  */
bool tacit_server_lane_tell(const tacit_server_t *server, const tacit_server_lane_t *row,
                            uint64_t granted);

/*  It is over, and the client is told. broken: since the peer broke a rule.  */
void tacit_server_lane_end(tacit_server_t *server, tacit_server_lane_t *row, bool broken);

/*  Forget and free one that is in no table any more.  */
void tacit_server_lane_discard(tacit_server_t *server, tacit_server_lane_t *row);

#endif
