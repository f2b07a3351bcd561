/*  server_limits.c - calls between their arrival, the queue of their method and their turn.  */

#include "rpc/server_limits.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "rpc/server_internal.h"
#include "rpc/server_work.h"

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

/*  --- turns ----------------------------------------------------------------------------------- */

static void s_begin(tacit_server_t *self, tacit_call_t *call)
{
    if (call->entry->gate->pooled) {
        tacit_server_work_begin(self, call);
    } else {
        tacit_server_run(self, call);
    }
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
        tacit_server_park(server, call);
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

static void s_resume(tacit_server_t *self, tacit_call_t *call)
{
    if (tacit_server_unpark(self, call)) {
        s_begin(self, call);
    }
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
    (void)!read(item->fd, &count, sizeof count);
    self->limits->woken = false;
    tacit_server_work_settle(self);
    s_run_turns(self);
    tacit_server_tell(self);
    tacit_server_lane_settle(self);
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

static tacit_status_t s_open(tacit_server_t *self)
{
    tacit_server_limits_t *limits = calloc(1, sizeof *limits);
    if (!limits) {
        return TACIT_NO_MEMORY;
    }
    limits->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    limits->admission = tacit_admission_new(self->threads);
    self->limits = limits;
    if (limits->wake < 0 || !limits->admission ||
        !tacit_server_poll(self, (zmq_pollitem_t){.fd = limits->wake, .events = ZMQ_POLLIN},
                           s_on_wake)) {
        tacit_server_limits_destroy(self);
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

tacit_status_t tacit_server_limits_open(tacit_server_t *server)
{
    return server->limits ? TACIT_OK : s_open(server);
}

tacit_status_t tacit_server_limits_start(tacit_server_t *server)
{
    bool limited = false;
    bool blocking = false;
    for (size_t i = 0; i < server->methods.count; i++) {
        limited |= server->methods.entries[i].gate != NULL;
        blocking |= server->methods.entries[i].method->blocking;
    }
    tacit_status_t status = limited ? tacit_server_limits_open(server) : TACIT_OK;
    return status == TACIT_OK && blocking ? tacit_server_work_open(server) : status;
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
