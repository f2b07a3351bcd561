/*  server_limits.h - methods with limits: their calls' turns. What runs in the pool of threads when
    its turn has come is rpc/server_work.h's.

    A call that waits is pending: its deadline, its cancellation and its caller's end reach it, and
    it leaves the queue. One that is answered while its handler runs keeps its turn until that
    returned, so that limits bound what really runs.  */

#ifndef TACIT_RPC_SERVER_LIMITS_H
#define TACIT_RPC_SERVER_LIMITS_H

#include "rpc/admission.h"
#include "rpc/server.h"
#include "rpc/worker_pool.h"

typedef struct tacit_server_limits {
    tacit_admission_t *admission;
    tacit_worker_pool_t *pool; /* NULL until something blocks */
    int wake;                  /* eventfd: jobs ended, or turns are due */
    bool woken;                /* by this thread */
    bool stuck;                /* the pool did not stop */
} tacit_server_limits_t;

/*  For a server that is attached: what its methods need, once. NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_limits_start(tacit_server_t *server);
/*  ... and what any of them would.  */
TACIT_MUST_CHECK tacit_status_t tacit_server_limits_open(tacit_server_t *server);

/*  Run that call of a method with a gate, keep it until its turn, or refuse it. Takes the call.  */
void tacit_server_limits_enter(tacit_server_t *server, tacit_call_t *call);

/*  It has been answered, and its handler has returned.  */
void tacit_server_limits_leave(tacit_server_t *server, tacit_call_t *call);

/*  After tacit_server_stop.  */
void tacit_server_limits_destroy(tacit_server_t *server);

/*  For metrics.  */
uint32_t tacit_server_limits_threads(const tacit_server_t *server);
uint32_t tacit_server_limits_busy(const tacit_server_t *server);

#endif
