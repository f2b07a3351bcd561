/*  server_work.c - jobs of calls: submitted, run, taken back, and the pool's end.  */

#include "rpc/server_work.h"

#include "rpc/log.h"
#include "rpc/server_internal.h"

/*  --- in the pool ----------------------------------------------------------------------------- */

static tacit_status_t s_invoke(tacit_call_job_t *job)
{
    tacit_call_t *call = job->call;
    const tacit_entry_t *entry = call->entry;
    return job->part
               ? job->part->work(job->context, call, job->result)
               : entry->method->invoke(entry->handlers, entry->self, call, call->args, job->result);
}

static void s_run(tacit_job_t *argument)
{
    tacit_call_job_t *job = (tacit_call_job_t *)argument;
    tacit_trace_t before = tacit_trace_enter(&job->call->trace);
    job->status = tacit_call_alive(job->call) ? s_invoke(job) : TACIT_INTERRUPTED;
    tacit_trace_enter(&before);
}

/*  --- on the server's thread ------------------------------------------------------------------ */

/*  Chunks that come meanwhile are news for later.  */
static void s_on_news(void *argument, tacit_call_t *call)
{
    (void)argument;
    if (call->work && call->state != TACIT_CALL_PENDING) {
        atomic_store(&call->work->over, true);
    }
}

/*  Of all parts of a call, one after the other.  */
static tacit_call_job_t *s_job(tacit_call_t *call)
{
    size_t size = call->entry->method->result->size;
    tacit_call_job_t *job = call->job;
    if (!job) {
        job = tacit_arena_alloc(call->arena, sizeof *job);
        void *result = tacit_arena_alloc(call->arena, size);
        if (!job || !result) {
            return NULL;
        }
        job->result = result;
        call->job = job;
    }
    *job = (tacit_call_job_t){.job.run = s_run,
                              .call = call,
                              .session = tacit_call_session(call),
                              .result = memset(job->result, 0, size)};
    atomic_init(&job->over, false);
    return job;
}

/*  The job's part has ended, or never began: its owner goes on.  */
static tacit_status_t s_end_part(tacit_call_job_t *job)
{
    tacit_call_t *call = job->call;
    tacit_server_hear(call, job->ready, job->ready_self);
    if (call->stream) {
        call->stream->moved_ms = tacit_server_now();
    }
    tacit_trace_t before = tacit_trace_enter(&call->trace);
    tacit_status_t status = job->part->done(job->context, call, job->status, job->result);
    tacit_trace_enter(&before);
    call->news |= status == TACIT_PENDING; /* it may have missed some */
    return status;
}

/*  From here on the call is this thread's again.  */
static void s_complete(tacit_call_job_t *job)
{
    tacit_call_t *call = job->call;
    tacit_status_t status = job->status;
    call->work = NULL;
    if (call->state == TACIT_CALL_PENDING) {
        call->error = job->error;
    }
    if (job->part) {
        status = s_end_part(job);
    } else if (status == TACIT_PENDING) {
        status = TACIT_INTERNAL; /* who runs in the pool answers by what it returns */
    }
    if (status != TACIT_PENDING) {
        tacit_server_finish(call, status, job->result);
    }
}

/*  Of a call that is kept, unless it is over already.  */
static void s_submit(tacit_server_t *self, tacit_call_t *call, tacit_call_job_t *job)
{
    job->ready = call->ready;
    job->ready_self = call->ready_self;
    tacit_server_hear(call, s_on_news, NULL);
    call->work = job;
    tacit_status_t status = call->state == TACIT_CALL_PENDING
                                ? tacit_worker_pool_submit(self->limits->pool, &job->job)
                                : TACIT_INTERRUPTED;
    if (status != TACIT_OK) { /* else it is the pool's */
        job->status = status;
        s_complete(job);
    }
}

void tacit_server_work_begin(tacit_server_t *server, tacit_call_t *call)
{
    tacit_call_job_t *job = s_job(call);
    if (!job) {
        tacit_server_answer(server, call, TACIT_NO_MEMORY, NULL);
        tacit_server_give_call(server, call);
        return;
    }
    tacit_server_keep(server, call);
    s_submit(server, call, job);
}

void tacit_server_work_part(tacit_server_t *server, tacit_call_t *call)
{
    call->asked = false;
    s_submit(server, call, call->job);
}

tacit_status_t tacit_call_work(tacit_call_t *call, const tacit_call_part_t *work, void *context)
{
    if (!call->server || call->work || call->asked) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = tacit_server_work_open(call->server);
    if (status != TACIT_OK) {
        return status;
    }
    tacit_call_job_t *job = s_job(call);
    if (!job) {
        return TACIT_NO_MEMORY;
    }
    job->part = work;
    job->context = context;
    call->asked = true;
    if (call->state != TACIT_CALL_RUNNING) { /* else when its handler has returned */
        tacit_server_work_part(call->server, call);
    }
    return TACIT_PENDING;
}

void tacit_server_work_settle(tacit_server_t *server)
{
    tacit_worker_pool_t *pool = server->limits->pool;
    tacit_job_t *job = NULL;
    while (pool && (job = tacit_worker_pool_take(pool))) {
        s_complete((tacit_call_job_t *)job);
    }
}

/*  --- the pool -------------------------------------------------------------------------------- */

tacit_status_t tacit_server_work_open(tacit_server_t *server)
{
    tacit_status_t status = tacit_server_limits_open(server);
    return status != TACIT_OK || server->limits->pool
               ? status
               : tacit_worker_pool_new(server->threads, TACIT_CALLS_PENDING_HARD_MAX,
                                       server->limits->wake, &server->limits->pool);
}

static void s_log_stuck(void)
{
    tacit_error_t error = {.code = TACIT_OK};
    (void)tacit_error_set(&error, TACIT_INTERNAL, "a handler did not end in %d ms",
                          TACIT_POOL_STOP_MS);
    tacit_log_error("pool_stuck", &error);
}

bool tacit_server_stop(tacit_server_t *server)
{
    tacit_server_limits_t *limits = server ? server->limits : NULL;
    if (!limits || !limits->pool || limits->stuck) {
        return !limits || !limits->stuck;
    }
    tacit_job_t *never_begun = NULL;
    for (tacit_call_t *call = server->pending; call; call = call->next) {
        if (call->work) {
            atomic_store(&call->work->over, true);
        }
    }
    bool stopped = tacit_worker_pool_stop(limits->pool, TACIT_POOL_STOP_MS, &never_begun);
    while (never_begun) {
        tacit_call_job_t *job = (tacit_call_job_t *)never_begun;
        never_begun = never_begun->next;
        job->status = TACIT_INTERRUPTED;
        s_complete(job);
    }
    tacit_server_work_settle(server);
    limits->stuck = !stopped;
    if (!stopped) {
        s_log_stuck();
    }
    return stopped;
}
