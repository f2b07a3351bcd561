/*  drain.h - the orderly end of an actor that serves: what was accepted is finished.

    The first $TERM on the actor's pipe begins it: the server refuses new calls of users with
    DRAINING (rpc/server.h), pending calls, their streams and their lanes' frames go on, and the
    loop ends as soon as nothing is left, or when the limit is over: what is still pending is then
    answered INTERRUPTED. A second $TERM ends the loop at once.  */

#ifndef TACIT_RPC_DRAIN_H
#define TACIT_RPC_DRAIN_H

#include "rpc/server.h"

typedef struct tacit_drain {
    tacit_server_t *server; /* borrowed */
    uint32_t max_ms;        /* 0: TACIT_DRAIN_MAX_MS */
    uint64_t until_ms;      /* monotonic; 0: it has not begun. Its own, as is the next one */
    uint64_t idle_ms;       /* since when nothing is left; 0: something is */
} tacit_drain_t;

/*  Serve the pipe on the actor's loop; the struct must stay until that has ended.  */
void tacit_drain_attach(tacit_drain_t *drain, zsock_t *pipe, zloop_t *loop);

/*  The same for who has no pipe: begins, or ends at once where it had begun. What a handler of the
    loop is to return.  */
int tacit_drain_ask(tacit_drain_t *drain, zloop_t *loop);

#endif
