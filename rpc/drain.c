/*  drain.c - see drain.h.  */

#include "rpc/drain.h"

#include "rpc/limits.h"
#include "rpc/log.h"

/*  Connections stay up a little longer than there is work: what arrived already is refused and not
    left unread, and callers read their last answers, which libzmq drops at a peer that has not read
    them when the connection ends (with ZMQ_IMMEDIATE or without reconnecting).  */
static int s_on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_drain_t *self = argument;
    uint64_t now = (uint64_t)zclock_mono();
    bool idle = tacit_server_is_idle(self->server);
    if (!idle && now >= self->until_ms) {
        tacit_log(TACIT_LOG_WARNING, "draining", "calls were not finished in time");
        tacit_server_interrupt(self->server);
        self->until_ms = UINT64_MAX; /* whatever is left has no further chance */
        idle = true;
    }
    if (!idle && self->until_ms < UINT64_MAX) {
        self->idle_ms = 0;
    } else if (self->idle_ms == 0) {
        self->idle_ms = now;
    }
    return self->idle_ms > 0 && now - self->idle_ms >= TACIT_DRAIN_QUIET_MS ? -1 : 0;
}

int tacit_drain_ask(tacit_drain_t *drain, zloop_t *loop)
{
    if (drain->until_ms > 0) {
        tacit_log(TACIT_LOG_WARNING, "draining", "asked again: ends at once");
        return -1;
    }
    uint32_t max_ms = drain->max_ms ? drain->max_ms : TACIT_DRAIN_MAX_MS;
    drain->until_ms = (uint64_t)zclock_mono() + max_ms;
    tacit_server_drain(drain->server);
    return zloop_timer(loop, TACIT_DRAIN_TICK_MS, 0, s_on_tick, drain) < 0 ? -1 : 0;
}

static int s_on_pipe(zloop_t *loop, zsock_t *pipe, void *argument)
{
    char *command = zstr_recv(pipe);
    bool terminated = !command || strcmp(command, "$TERM") == 0;
    freen(command);
    return terminated ? tacit_drain_ask(argument, loop) : 0;
}

void tacit_drain_attach(tacit_drain_t *drain, zsock_t *pipe, zloop_t *loop)
{
    /*  Signals are for main alone: an actor ends by $TERM, after it finished what it accepted.  */
    zloop_set_nonstop(loop, true);
    zloop_reader(loop, pipe, s_on_pipe, drain);
    zloop_reader_set_tolerant(loop, pipe);
}
