/*  actor.h - what an actor and who started it say to each other.

    A service is one function that runs in a CZMQ zactor; tests start many in one process, a small
    main starts one. An actor signals its pipe at once (an actor that fails before signalling hangs
    its parent), initialises, and then says READY or FAILED on the pipe; after either it stays
    until $TERM.  */

#ifndef TACIT_RPC_ACTOR_H
#define TACIT_RPC_ACTOR_H

#include <czmq.h>

#include "enclave/error.h"
#include "rpc/trust.h"

/*  For actors, once each.  */
void tacit_actor_ready(zsock_t *pipe, const char *endpoint);
void tacit_actor_failed(zsock_t *pipe, const tacit_error_t *error);

/*  For who started the actor: waits for READY or FAILED. ret_endpoint has TACIT_ENDPOINT_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_actor_wait(zactor_t *actor, uint32_t timeout_ms,
                                                 char *ret_endpoint, tacit_error_t *ret_error);

/*  The last thing that a main does, after it destroyed its actors: closes CZMQ and waits, a second
    at most, until no other thread is left. zactor_destroy returns while the actor's thread still
    ends; libraries that free what is theirs at exit must not meet one that does the same.  */
void tacit_actors_end(void);

/*  Until $TERM: for an actor that failed, or that has no loop. One that serves drains: rpc/drain.h.
 */
void tacit_actor_linger(zsock_t *pipe);

#endif
