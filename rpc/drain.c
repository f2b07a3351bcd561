/*  drain.c - see drain.h.  */

#include "rpc/drain.h"

#include "rpc/limits.h"
#include "rpc/log.h"

/*  The first look is a tick later: what had arrived already is then refused, and not left unread.
 */
static int s_on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    const tacit_drain_t *self = argument;
    if (tacit_server_is_idle(self->server)) {
        return -1;
    }
    if ((uint64_t)zclock_mono() < self->until_ms) {
        return 0;
    }
    tacit_log(TACIT_LOG_WARNING, "draining", "calls were not finished in time");
    tacit_server_interrupt(self->server);
    return -1;
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
