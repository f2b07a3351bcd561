/*  server_untaken.c - calls that wait for their callers to read, oldest first.

    The file that says that something was read is looked at from the first call on that waited.  */

#include "rpc/server_untaken.h"

#include <unistd.h>

#include "rpc/server_internal.h"
#include "rpc/server_observe.h"

/*  --- answers --------------------------------------------------------------------------------- */

bool tacit_server_untaken_count(tacit_server_t *server, const tacit_call_t *call,
                                zmq_msg_t *message, bool bulk)
{
    size_t size = zmq_msg_size(message);
    if (!tacit_untaken_is_large(size) ||
        (bulk && tacit_server_lane_flows(server, &call->id, size))) {
        return true; /* what the lane seals at once waits for nobody */
    }
    int fd = zmq_msg_get((zmq_msg_t *)&call->frame, ZMQ_SRCFD); /* which takes no const */
    return tacit_untaken_count(server->untaken, &call->id, fd, message) == TACIT_OK;
}

tacit_status_t tacit_server_untaken_check(tacit_server_t *server, tacit_call_t *call, size_t size)
{
    if (tacit_untaken_fits(server->untaken, &call->id, size)) {
        return TACIT_OK;
    }
    server->untaken_refused++;
    return tacit_error_set(&call->error, TACIT_INTERRUPTED,
                           "it ran, but too many bytes of answers wait to be read");
}

/*  --- calls ----------------------------------------------------------------------------------- */

/*  The oldest one whose caller has read enough, or that is over.  */
static tacit_call_t *s_next(const tacit_server_t *self)
{
    tacit_call_t *oldest = NULL;
    for (tacit_call_t *call = self->held > 0 ? self->pending : NULL; call; call = call->next) {
        if (call->held && !tacit_untaken_holds(self->untaken, &call->id)) {
            oldest = call;
        }
    }
    return oldest;
}

/*  Others of the loop have their turn after some.  */
static void s_go_on(tacit_server_t *self)
{
    if (self->held > 0) {
        tacit_untaken_await(self->untaken); /* before looking: what is read from here on is told */
    }
    for (int i = 0; i < TACIT_SERVER_BATCH; i++) {
        tacit_call_t *call = s_next(self);
        if (!call) {
            return;
        }
        call->held = false;
        self->held--;
        if (tacit_server_unpark(self, call)) {
            tacit_server_proceed(self, call);
        }
    }
    tacit_untaken_wake(self->untaken);
}

static int s_on_taken(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    tacit_server_t *self = argument;
    uint64_t count = 0;
    (void)!read(item->fd, &count, sizeof count);
    s_go_on(self);
    tacit_server_tell(self);
    tacit_server_lane_settle(self);
    return 0;
}

/*  Without it the sweep lets them go on.  */
static void s_listen(tacit_server_t *self)
{
    if (!self->untaken_polled) {
        self->untaken_polled = tacit_server_poll(
            self, (zmq_pollitem_t){.fd = tacit_untaken_file(self->untaken), .events = ZMQ_POLLIN},
            s_on_taken);
    }
}

static bool s_has_held(const tacit_server_t *self, const tacit_connection_id_t *id)
{
    const tacit_call_t *call = self->held > 0 ? self->pending : NULL;
    while (call && !(call->held && memcmp(&call->id, id, sizeof *id) == 0)) {
        call = call->next;
    }
    return call != NULL;
}

/*  Nobody overtakes a call of the same connection that waits.  */
static bool s_must_wait(tacit_server_t *self, const tacit_call_t *call)
{
    if (s_has_held(self, &call->id)) {
        return true;
    }
    if (!tacit_untaken_holds(self->untaken, &call->id)) {
        return false;
    }
    s_listen(self);
    tacit_untaken_await(self->untaken);
    return tacit_untaken_holds(self->untaken, &call->id); /* unless it was read meanwhile */
}

bool tacit_server_untaken_hold(tacit_server_t *server, tacit_call_t *call)
{
    if (!s_must_wait(server, call)) {
        return false;
    }
    call->held = true;
    server->held++;
    tacit_server_park(server, call);
    return true;
}

void tacit_server_untaken_sweep(tacit_server_t *server)
{
    server->untaken_cut += tacit_untaken_sweep(server->untaken, tacit_server_now());
    s_go_on(server);
}
