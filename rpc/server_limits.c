/*  server_limits.c - calls between the queue, the pool and their answer.  */

#include "rpc/server_limits.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "rpc/log.h"
#include "rpc/server_internal.h"

static tacit_call_t *s_call_of(tacit_place_t *place)
{
    return (tacit_call_t *)((uint8_t *)place - offsetof(tacit_call_t, place));
}

/*  Handlers never run inside of each other: whose turn has come runs when the loop comes by.  */
static void s_wake(tacit_server_limits_t *limits)
{
    const uint64_t one = 1;
    if (!limits->woken) {
        limits->woken = write(limits->wake, &one, sizeof one) == sizeof one;
    }
}

/*  --- in the pool ----------------------------------------------------------------------------- */

static void s_work(tacit_job_t *job)
{
    tacit_call_job_t *work = (tacit_call_job_t *)job;
    tacit_call_t *call = work->call;
    const tacit_entry_t *entry = call->entry;
    tacit_trace_t before = tacit_trace_enter(&call->trace);
    work->status = tacit_call_alive(call) ? entry->method->invoke(entry->handlers, entry->self,
                                                                  call, call->args, work->result)
                                          : TACIT_INTERRUPTED;
    tacit_trace_enter(&before);
}

/*  Over before its handler returned.  */
static void s_on_over(void *argument, tacit_call_t *call)
{
    (void)argument;
    atomic_store(&call->work->over, true);
}

static tacit_call_job_t *s_new_work(tacit_call_t *call)
{
    tacit_call_job_t *work = tacit_arena_alloc(call->arena, sizeof *work);
    void *result = tacit_arena_alloc(call->arena, call->entry->method->result->size);
    if (!work || !result) {
        return NULL;
    }
    work->job.run = s_work;
    work->call = call;
    work->session = tacit_call_session(call);
    work->result = result;
    atomic_init(&work->over, false);
    return work;
}

/*  A thread is free for it: that is part of its turn.  */
static void s_submit(tacit_server_t *self, tacit_call_t *call)
{
    tacit_call_job_t *work = s_new_work(call);
    if (!work) {
        tacit_server_answer(self, call, TACIT_NO_MEMORY, NULL);
        tacit_server_give_call(self, call);
        return;
    }
    tacit_call_on_end(call, s_on_over, NULL);
    tacit_server_keep(self, call);
    if (call->state != TACIT_CALL_PENDING) {
        tacit_server_finish(call, TACIT_NO_MEMORY, NULL);
        return;
    }
    call->work = work;
    tacit_status_t status = tacit_worker_pool_submit(self->limits->pool, &work->job);
    if (status != TACIT_OK) {
        call->work = NULL;
        tacit_server_finish(call, status, NULL);
    }
}

/*  Its handler has returned: from here on the call is this thread's again.  */
static void s_complete(tacit_job_t *job)
{
    tacit_call_job_t *work = (tacit_call_job_t *)job;
    tacit_call_t *call = work->call;
    call->work = NULL;
    if (call->state == TACIT_CALL_PENDING) {
        call->error = work->error;
    }
    tacit_server_finish(call, work->status, work->result);
}

static void s_complete_all(tacit_server_limits_t *limits)
{
    tacit_job_t *job = NULL;
    while (limits->pool && (job = tacit_worker_pool_take(limits->pool))) {
        s_complete(job);
    }
}

/*  --- turns ----------------------------------------------------------------------------------- */

static void s_begin(tacit_server_t *self, tacit_call_t *call)
{
    if (call->entry->gate->pooled) {
        s_submit(self, call);
    } else {
        tacit_server_run(self, call);
    }
}

/*  News of a call that waits: it is over, or chunks came, which its handler will find.  */
static void s_on_news(void *argument, tacit_call_t *call)
{
    (void)argument;
    if (!call->server || call->state == TACIT_CALL_ZOMBIE) {
        tacit_call_finish(&call, TACIT_INTERRUPTED, NULL);
    }
}

static void s_wait(tacit_server_t *self, tacit_call_t *call)
{
    tacit_call_on_end(call, s_on_news, NULL);
    tacit_server_keep(self, call);
}

/*  Gives way to a call of somebody who has fewer.  */
static void s_evict(tacit_server_t *self, tacit_place_t *place, const tacit_gate_t *gate)
{
    tacit_call_t *call = s_call_of(place);
    if (call->state == TACIT_CALL_PENDING) {
        (void)tacit_error_set(&call->error, TACIT_BUSY, NULL);
        call->error.retry_after_ms = tacit_admission_retry_ms(self->limits->admission, gate);
        tacit_server_end(self, call, TACIT_BUSY);
    }
    tacit_server_finish(call, TACIT_BUSY, NULL);
}

static void s_refuse(tacit_server_t *self, tacit_call_t *call, tacit_status_t status)
{
    if (status == TACIT_BUSY) {
        (void)tacit_error_set(&call->error, TACIT_BUSY, NULL);
        call->error.retry_after_ms =
            tacit_admission_retry_ms(self->limits->admission, call->entry->gate);
    }
    tacit_server_answer(self, call, status, NULL);
    tacit_server_give_call(self, call);
}

void tacit_server_limits_enter(tacit_server_t *server, tacit_call_t *call)
{
    tacit_gate_t *gate = call->entry->gate;
    tacit_connection_id_t caller = call->id;
    tacit_place_t *evicted = NULL;
    if (call->curve) { /* all connections of a key are one caller's */
        memset(caller.routing, 0, sizeof caller.routing);
    }
    tacit_status_t status = tacit_admission_enter(server->limits->admission, gate, &caller,
                                                  tacit_monotonic_ns(), &call->place, &evicted);
    if (status == TACIT_OK) {
        s_begin(server, call);
    } else if (status == TACIT_PENDING) {
        s_wait(server, call);
    } else {
        s_refuse(server, call, status);
    }
    if (evicted) {
        s_evict(server, evicted, gate);
    }
}

void tacit_server_limits_leave(tacit_server_t *server, tacit_call_t *call)
{
    if (tacit_admission_leave(server->limits->admission, &call->place, tacit_monotonic_ns())) {
        s_wake(server->limits);
    }
}

/*  A call that waited, taken out of the pending ones.  */
static void s_resume(tacit_server_t *self, tacit_call_t *call)
{
    if (!tacit_call_alive(call)) {
        bool late = tacit_call_remaining_ms(call) == 0;
        tacit_server_finish(call, late ? TACIT_DEADLINE_EXCEEDED : TACIT_SESSION_EXPIRED, NULL);
        return;
    }
    tacit_server_unkeep(self, call);
    self->listeners--;
    call->ready = NULL;
    call->state = TACIT_CALL_RUNNING;
    s_begin(self, call);
}

static void s_run_turns(tacit_server_t *self)
{
    tacit_place_t *place = NULL;
    for (int i = 0; i < TACIT_SERVER_BATCH; i++) {
        place = tacit_admission_next(self->limits->admission, tacit_monotonic_ns());
        if (!place) {
            return;
        }
        s_resume(self, s_call_of(place));
    }
    s_wake(self->limits); /* others of the loop first */
}

static int s_on_wake(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    tacit_server_t *self = argument;
    uint64_t count = 0;
    ssize_t got = read(item->fd, &count, sizeof count);
    (void)got;
    self->limits->woken = false;
    s_complete_all(self->limits);
    s_run_turns(self);
    tacit_server_tell(self);
    tacit_server_lane_settle(self);
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

static bool s_poll(tacit_server_t *self)
{
    zmq_pollitem_t item = {.fd = self->limits->wake, .events = ZMQ_POLLIN};
    if (zloop_poller(self->loop, &item, s_on_wake, self) != 0) {
        return false;
    }
    zloop_poller_set_tolerant(self->loop, &item);
    return true;
}

static tacit_status_t s_open(tacit_server_t *self)
{
    tacit_server_limits_t *limits = calloc(1, sizeof *limits);
    if (!limits) {
        return TACIT_NO_MEMORY;
    }
    limits->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    limits->admission = tacit_admission_new(self->threads);
    self->limits = limits;
    if (limits->wake < 0 || !limits->admission || !s_poll(self)) {
        tacit_server_limits_destroy(self);
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

tacit_status_t tacit_server_limits_start(tacit_server_t *server)
{
    bool limited = false;
    bool blocking = false;
    for (size_t i = 0; i < server->methods.count; i++) {
        limited |= server->methods.entries[i].gate != NULL;
        blocking |= server->methods.entries[i].method->blocking;
    }
    tacit_status_t status = limited && !server->limits ? s_open(server) : TACIT_OK;
    if (status == TACIT_OK && blocking && !server->limits->pool) {
        status = tacit_worker_pool_new(server->threads, server->threads, server->limits->wake,
                                       &server->limits->pool);
    }
    return status;
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
        tacit_job_t *job = never_begun;
        never_begun = job->next;
        ((tacit_call_job_t *)job)->status = TACIT_INTERRUPTED;
        s_complete(job);
    }
    s_complete_all(limits);
    limits->stuck = !stopped;
    if (!stopped) {
        tacit_error_t error = {.code = TACIT_OK};
        (void)tacit_error_set(&error, TACIT_INTERNAL, "a handler did not end in %d ms",
                              TACIT_POOL_STOP_MS);
        tacit_log_error("pool_stuck", &error);
    }
    return stopped;
}

void tacit_server_limits_destroy(tacit_server_t *server)
{
    tacit_server_limits_t *limits = server->limits;
    if (!limits) {
        return;
    }
    tacit_worker_pool_destroy(&limits->pool);
    tacit_admission_destroy(&limits->admission);
    if (limits->wake >= 0) {
        close(limits->wake);
    }
    free(limits);
    server->limits = NULL;
}

uint32_t tacit_server_limits_threads(const tacit_server_t *server)
{
    return server->limits && server->limits->pool ? server->threads : 0;
}

uint32_t tacit_server_limits_busy(const tacit_server_t *server)
{
    return server->limits ? tacit_admission_pooled(server->limits->admission) : 0;
}
