/*  worker_pool.h - a few threads that run jobs, and a file that tells when one has ended.

    For work that blocks: it is submitted on the owner's thread, run on any of the pool's, and taken
    back on the owner's. Both ways are bounded by the number of jobs that the owner may submit.
    Signals are left to other threads.  */

#ifndef TACIT_RPC_WORKER_POOL_H
#define TACIT_RPC_WORKER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "enclave/error.h"

typedef struct tacit_worker_pool tacit_worker_pool_t;

/*  Part of what the owner submits; not to be touched until it was taken.  */
typedef struct tacit_job {
    void (*run)(struct tacit_job *job); /* on a thread of the pool */
    struct tacit_job *next;
} tacit_job_t;

/*  Starts that many threads (1 to TACIT_POOL_THREADS_MAX; else BAD_INPUT). jobs_max: submitted and
    not yet taken. wake is an eventfd, borrowed, that is written when a job has ended.  */
TACIT_MUST_CHECK tacit_status_t tacit_worker_pool_new(uint32_t threads, size_t jobs_max, int wake,
                                                      tacit_worker_pool_t **ret_pool);

/*  Jobs run in the order in which they were submitted. BUSY at jobs_max, and once it is stopped. */
TACIT_MUST_CHECK tacit_status_t tacit_worker_pool_submit(tacit_worker_pool_t *pool,
                                                         tacit_job_t *job);

/*  A job that has ended, in the order in which they did; NULL where there is none.  */
tacit_job_t *tacit_worker_pool_take(tacit_worker_pool_t *pool);

/*  Nothing more is begun; true when all threads have ended within that time. What ended is still to
    be taken; what was never begun stands in the list. May be called again.  */
bool tacit_worker_pool_stop(tacit_worker_pool_t *pool, uint32_t timeout_ms,
                            tacit_job_t **ret_never_begun);

/*  NULL-safe; after stop. Where it did not stop its memory is left to the threads that still run. */
void tacit_worker_pool_destroy(tacit_worker_pool_t **pool);

#endif
