/*  executor.h - one inference in a worker: keys, model, open, run, seal, receipt.

    The only place in the mesh where a user's plaintext and an owner's model meet. Owns its
    connections to key service and model store, its leases and its models; one thread uses it.  */

#ifndef TACIT_SERVICES_INFERENCE_EXECUTOR_H
#define TACIT_SERVICES_INFERENCE_EXECUTOR_H

#include "enclave/envelope.h"
#include "rpc/node.h"
#include "rpc/trace.h"
#include "services/inference/engine/engine.h"
#include "services/inference/scheduler.h"

/*  A job of the gateway, and after tacit_executor_run its outcome. Owned by whoever holds it.  */
typedef struct tacit_task {
    uint64_t job;              /* the gateway's number */
    tacit_trace_t trace;       /* of the user's call; not set where the gateway told none */
    tacit_envelope_t envelope; /* version as the user asked */
    uint8_t *sealed;           /* the request; owned */
    size_t sealed_size;
    uint8_t sealed_sha256[32]; /* set by tacit_executor_run */
    tacit_status_t status;     /* of the outcome */
    tacit_error_t error;       /* where status is not TACIT_OK */
    uint8_t *answer;           /* sealed; shared bytes; where status is TACIT_OK, as all below */
    size_t answer_size;
    uint8_t receipt[TACIT_RECEIPT_SIZE];
    uint8_t result[TACIT_RESULT_SIZE]; /* the worker's own, when it signed */
    uint64_t answer_us;                /* spent on sealing the answer */
    uint64_t receipt_us;               /* and on hashing and signing the receipt */
    tacit_model_id_t residents[TACIT_SCHEDULER_RESIDENTS_MAX]; /* held afterwards */
    size_t resident_count;
    _Atomic bool given; /* to another thread, through a pipe: orders what both do to it */
} tacit_task_t;

/*  Frees, wiping nothing: a task holds ciphertext only.  */
void tacit_task_destroy(tacit_task_t **task);

typedef struct tacit_executor tacit_executor_t;

/*  The node is borrowed, and used from the executor's thread (rpc/node.h says what is allowed).
    Receipts tell the isolation and the backend.  */
TACIT_MUST_CHECK tacit_status_t tacit_executor_new(tacit_node_t *node,
                                                   const tacit_engine_options_t *options,
                                                   tacit_isolation_t isolation,
                                                   tacit_executor_t **ret_executor,
                                                   tacit_error_t *ret_error);
void tacit_executor_destroy(tacit_executor_t **executor);

/*  Does the task; its status and error say how it went.  */
void tacit_executor_run(tacit_executor_t *executor, tacit_task_t *task);

/*  To be called now and then while there is no task: wipes keys whose lease is over, and keeps
    connections up.  */
void tacit_executor_idle(tacit_executor_t *executor);

#endif
