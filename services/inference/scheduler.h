/*  scheduler.h - which worker gets which request: a pure data structure, no sockets, no clock.

    Requests wait in one bounded queue, in order. A worker that asks for work gets the first waiting
    request whose model it holds in memory, unless the oldest has waited longer than
    TACIT_SCHEDULER_PATIENCE_MS: then that one, so that no model starves. A new request goes to an
    idle worker that holds its model, else to any idle one. A worker not heard of for
    TACIT_SCHEDULER_LIVENESS_MS is lost, and what it worked on waits again, at the front, up to
    TACIT_SCHEDULER_TRIES_MAX workers.

    Jobs are the caller's: the scheduler holds what it needs to choose, and a pointer.  */

#ifndef TACIT_SERVICES_INFERENCE_SCHEDULER_H
#define TACIT_SERVICES_INFERENCE_SCHEDULER_H

#include "enclave/model_package.h"

enum {
    TACIT_SCHEDULER_WORKERS_MAX = 128,   /* what inference.status can list */
    TACIT_SCHEDULER_QUEUE_MAX = 256,     /* waiting requests */
    TACIT_SCHEDULER_USER_QUEUE_MAX = 64, /* of them of one user */
    TACIT_SCHEDULER_RESIDENTS_MAX = 64,  /* models that one worker says it holds */
    TACIT_SCHEDULER_TRIES_MAX = 3,
    TACIT_SCHEDULER_LIVENESS_MS = 1500,
    TACIT_SCHEDULER_PATIENCE_MS = 50
};

/*  A model in memory; version 0 in a request means any.  */
typedef struct tacit_model_id {
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version;
} tacit_model_id_t;

typedef struct tacit_job {
    uint64_t id; /* set by the scheduler, from 1 */
    tacit_model_id_t model;
    uint8_t user[32];
    uint64_t queued_ms;          /* when it came */
    uint64_t started_ms;         /* when a worker got it; 0 while it waits */
    unsigned tries;              /* workers that got it */
    void *context;               /* the caller's */
    struct tacit_job *next;      /* the scheduler's: queue */
    struct tacit_worker *worker; /* the scheduler's: who has it */
} tacit_job_t;

typedef struct tacit_worker {
    uint8_t key[32]; /* CURVE */
    uint8_t measurement[32];
    bool idle;        /* waits for a job: has asked and got none */
    bool draining;    /* has left, or is about to */
    tacit_job_t *job; /* what it works on; NULL: nothing */
    tacit_model_id_t residents[TACIT_SCHEDULER_RESIDENTS_MAX];
    size_t resident_count;
    uint64_t seen_ms;
    uint64_t answered;
    uint64_t failed;
    void *context;             /* the caller's */
    struct tacit_worker *next; /* the scheduler's */
} tacit_worker_t;

typedef struct tacit_scheduler tacit_scheduler_t;

/*  give hands a job to an idle worker (which is no longer idle then); lost tells that a job gave up
    after its worker died the last time. Both may free the job's context, not the job's memory
    before they return it with tacit_scheduler_end, which give may call.  */
typedef struct tacit_scheduler_events {
    void (*give)(void *context, tacit_worker_t *worker, tacit_job_t *job);
    void (*lost)(void *context, tacit_job_t *job);
    void (*gone)(void *context, tacit_worker_t *worker); /* is forgotten after this */
} tacit_scheduler_events_t;

tacit_scheduler_t *tacit_scheduler_new(const tacit_scheduler_events_t *events, void *context);
/*  Frees workers and jobs; contexts are the caller's to end before.  */
void tacit_scheduler_destroy(tacit_scheduler_t **scheduler);

/*  Workers. BUSY at the limit. find and seen: NULL where it is not registered.  */
TACIT_MUST_CHECK tacit_status_t tacit_scheduler_register(tacit_scheduler_t *scheduler,
                                                         const uint8_t key[32],
                                                         const uint8_t measurement[32],
                                                         uint64_t now_ms);
tacit_worker_t *tacit_scheduler_seen(tacit_scheduler_t *scheduler, const uint8_t key[32],
                                     uint64_t now_ms);
/*  The worker asks for a job: gets one at once, or is idle from now on. Asking again while idle
    changes nothing; a worker that has a job or drains is not heard.  */
void tacit_scheduler_ask(tacit_scheduler_t *scheduler, tacit_worker_t *worker, uint64_t now_ms);
/*  The worker does not work on the job that it was given: it never got it, or forgot it with its
    connection. The job is tried again, as if its worker was lost.  */
void tacit_scheduler_reclaim(tacit_scheduler_t *scheduler, tacit_worker_t *worker);
/*  The worker's question ended without a job.  */
void tacit_scheduler_unask(tacit_scheduler_t *scheduler, tacit_worker_t *worker);
/*  The worker leaves: what it works on it may finish; then it is forgotten.  */
void tacit_scheduler_leave(tacit_scheduler_t *scheduler, tacit_worker_t *worker);

/*  A request comes: given to a worker at once, or queued. BUSY where the queue is full, NOT_FOUND
    where no worker is registered that does not drain. The job's memory is the scheduler's until it
    ends; ret_job is set before it is given.  */
TACIT_MUST_CHECK tacit_status_t tacit_scheduler_submit(tacit_scheduler_t *scheduler,
                                                       const tacit_model_id_t *model,
                                                       const uint8_t user[32], uint64_t now_ms,
                                                       void *context, tacit_job_t **ret_job);
/*  The job of that id that this worker works on; NULL otherwise.  */
tacit_job_t *tacit_scheduler_job(tacit_scheduler_t *scheduler, const tacit_worker_t *worker,
                                 uint64_t id);
/*  The job ended, however: forget it.  */
void tacit_scheduler_end(tacit_scheduler_t *scheduler, tacit_job_t *job, bool answered);

/*  Time passes: lost workers, their jobs, patience.  */
void tacit_scheduler_tick(tacit_scheduler_t *scheduler, uint64_t now_ms);

/*  For status: first worker (next by ->next), waiting jobs (next by ->next), and counts.  */
const tacit_worker_t *tacit_scheduler_workers(const tacit_scheduler_t *scheduler);
tacit_job_t *tacit_scheduler_queue(const tacit_scheduler_t *scheduler);
size_t tacit_scheduler_queued(const tacit_scheduler_t *scheduler);

#endif
