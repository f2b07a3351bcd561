/*  server_work.h - what calls do in the pool of threads: whole handlers of blocking methods, or a
    part of the work of any other (tacit_call_work).

    The server's thread alone reads and answers. A job has its call's arguments, bulk, arena and
    reply bulk to itself until it returns, and an error and a result of its own; then the thread
    that owns the socket is woken by a file of the loop. Whether its call is over meanwhile it is
    told by a flag (tacit_call_over). Its result borrows from the request, the arena, and what never
    changes.  */

#ifndef TACIT_RPC_SERVER_WORK_H
#define TACIT_RPC_SERVER_WORK_H

#include "rpc/server.h"

/*  The pool, if there is none yet. NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_work_open(tacit_server_t *server);

/*  Run the handler of that call there: a thread is free for it. Takes the call.  */
void tacit_server_work_begin(tacit_server_t *server, tacit_call_t *call);

/*  The handler of a call that is pending from now on asked for a part of its work there.  */
void tacit_server_work_part(tacit_server_t *server, tacit_call_t *call);

/*  Take back what has ended.  */
void tacit_server_work_settle(tacit_server_t *server);

#endif
