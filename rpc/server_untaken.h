/*  server_untaken.h - who does not read gets no more answers: rpc/untaken.h at work in a server.

    Calls of a connection that has too much to read wait, before their handlers begin, until it has
    read; within their deadline. An answer beyond the limits is let go of: its call is INTERRUPTED.
 */

#ifndef TACIT_RPC_SERVER_UNTAKEN_H
#define TACIT_RPC_SERVER_UNTAKEN_H

#include "rpc/server.h"

/*  True where the call waits, and is the server's.  */
bool tacit_server_untaken_hold(tacit_server_t *server, tacit_call_t *call);

/*  OK, or INTERRUPTED with what to say for an answer of so many bytes to that call.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_untaken_check(tacit_server_t *server,
                                                           tacit_call_t *call, size_t size);

/*  Counts a message that goes to the caller, if it is large; bulk may go by its lane. False without
    memory.  */
bool tacit_server_untaken_count(tacit_server_t *server, const tacit_call_t *call,
                                zmq_msg_t *message, bool bulk);

/*  Now and then: cuts who stands in the way of all, and lets those go on that may.  */
void tacit_server_untaken_sweep(tacit_server_t *server);

#endif
