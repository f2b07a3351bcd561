/*  executor_thread.h - the executor on a thread of its own, so that a model's run stops no
   heartbeat.

    A task goes to the thread and comes back with its outcome, one at a time; whoever has it owns
    it. Keys whose lease is over are wiped there, too, while there is nothing to do.  */

#ifndef TACIT_SERVICES_INFERENCE_EXECUTOR_THREAD_H
#define TACIT_SERVICES_INFERENCE_EXECUTOR_THREAD_H

#include <czmq.h>

#include "services/inference/executor.h"

typedef struct tacit_executor_thread_args {
    tacit_node_t *node; /* borrowed, as tacit_executor_new says */
    tacit_engine_options_t options;
    tacit_isolation_t isolation;
} tacit_executor_thread_args_t;

/*  A zactor_fn; args is a tacit_executor_thread_args_t, copied before it signals. Without an
    executor (which is logged) it answers every task with NO_MEMORY.  */
void tacit_executor_thread(zsock_t *pipe, void *args);

/*  Gives it a task, which is not the caller's any more.  */
void tacit_executor_thread_give(zactor_t *thread, tacit_task_t *task);

/*  The task that is done, from the actor's socket; NULL where none came in the socket's time.  */
tacit_task_t *tacit_executor_thread_take(zsock_t *reader);

#endif
