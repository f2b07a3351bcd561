/*  worker_isolation.h - what a worker does to its own process before it sees a key.

    Both fail closed: a worker that cannot have them does not start.  */

#ifndef TACIT_SERVICES_INFERENCE_WORKER_ISOLATION_H
#define TACIT_SERVICES_INFERENCE_WORKER_ISOLATION_H

#include "enclave/isolation.h"
#include "rpc/node.h"
#include "services/inference/engine/engine.h"

/*  No page of the process goes to a swap device: locked, or there is none. NO_MEMORY otherwise.  */
TACIT_MUST_CHECK tacit_status_t tacit_worker_lock_memory(tacit_error_t *ret_error);

/*  Isolation level and backend of the node's measured configuration, which also sets the options'
    backend. Where it is the portable one no memory can become code from here on.  */
TACIT_MUST_CHECK tacit_status_t tacit_worker_isolate(const tacit_node_t *node,
                                                     tacit_isolation_t *ret_isolation,
                                                     tacit_engine_options_t *options,
                                                     tacit_error_t *ret_error);

#endif
