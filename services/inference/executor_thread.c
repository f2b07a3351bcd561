/*  executor_thread.c - tasks by pointer through the actor's pipe.  */

#include "services/inference/executor_thread.h"

#include <stdatomic.h>

#include "rpc/log.h"

enum { S_IDLE_MS = 250 /* between two looks after the keys */ };

/*  The flag orders both threads' work on the task for who cannot see that a pipe does.  */
static tacit_task_t *s_given(void *given)
{
    tacit_task_t *task = given;
    (void)atomic_load(&task->given);
    return task;
}

/*  NULL when the thread is to end. Nobody waits for a key's end while there is work: then the lease
    is looked at anyway.  */
static tacit_task_t *s_next(zsock_t *pipe, tacit_executor_t *executor)
{
    char *command = NULL;
    void *given = NULL;
    while (zsock_recv(pipe, "sp", &command, &given)) {
        if (errno != EAGAIN) {
            return NULL;
        }
        if (executor) {
            tacit_executor_idle(executor);
        }
    }
    bool run = strcmp(command, "RUN") == 0;
    freen(command);
    return run ? s_given(given) : NULL;
}

void tacit_executor_thread(zsock_t *pipe, void *args)
{
    tacit_executor_thread_args_t self = *(tacit_executor_thread_args_t *)args;
    tacit_executor_t *executor = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    tacit_status_t status =
        tacit_executor_new(self.node, &self.options, self.isolation, &executor, &error);
    if (status) {
        tacit_log_error("start_failed", &error);
    }
    zsock_signal(pipe, status ? 1 : 0);
    zsock_set_rcvtimeo(pipe, S_IDLE_MS);
    tacit_task_t *task = NULL;
    while ((task = s_next(pipe, executor))) {
        if (executor) {
            tacit_executor_run(executor, task);
        } else {
            task->status = tacit_error_set(&task->error, TACIT_NO_MEMORY, NULL);
        }
        task->given = true;
        zsock_send(pipe, "p", task);
    }
    tacit_executor_destroy(&executor);
}

void tacit_executor_thread_give(zactor_t *thread, tacit_task_t *task)
{
    task->given = true;
    zsock_send(thread, "sp", "RUN", task);
}

tacit_task_t *tacit_executor_thread_take(zsock_t *reader)
{
    void *given = NULL;
    return zsock_recv(reader, "p", &given) == 0 ? s_given(given) : NULL;
}
