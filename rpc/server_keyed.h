/*  server_keyed.h - a server's calls with idempotency keys: answered with what is kept, or made to
    wait for the call that runs, or run and kept (rpc/reply_cache.h).  */

#ifndef TACIT_RPC_SERVER_KEYED_H
#define TACIT_RPC_SERVER_KEYED_H

#include "rpc/call.h"

/*  Of a call that is about to run: true where it is not to, and the server has done with it.  */
bool tacit_server_keyed_take(tacit_server_t *server, tacit_call_t *call);

/*  Its handler has finished, with that result where status is OK: keep it, and answer those who
    wait for it. To be called before its own answer.  */
void tacit_server_keyed_end(tacit_server_t *server, tacit_call_t *call, tacit_status_t status,
                            const void *result);

/*  Let go of those who wait, and of all that is kept.  */
void tacit_server_keyed_close(tacit_server_t *server);

#endif
