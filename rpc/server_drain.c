/*  server_drain.c - what a server that is to end still takes, and whether it has finished.  */

#include "rpc/server_internal.h"

/*  Who may wait elsewhere, or for a while. Enclaves may be what a pending call waits for.  */
static const bool s_refused[] = {
    [TACIT_CALLER_ANYONE] = false,  [TACIT_CALLER_USER] = true,     [TACIT_CALLER_OWNER] = true,
    [TACIT_CALLER_OPERATOR] = true, [TACIT_CALLER_ENCLAVE] = false,
};

/*  Sessions and what every service has are the rpc layer's own: reading metrics keeps nobody.  */
static bool s_is_own(const tacit_entry_t *entry)
{
    return entry->service == &tacit_session_service || !entry->handlers;
}

tacit_status_t tacit_server_drain_check(tacit_call_t *call)
{
    if (!s_refused[call->entry->method->caller] || s_is_own(call->entry)) {
        return TACIT_OK;
    }
    tacit_error_set(&call->error, TACIT_DRAINING, NULL);
    call->error.retry_after_ms = TACIT_DRAINING_RETRY_MS;
    return TACIT_DRAINING;
}

void tacit_server_drain(tacit_server_t *server)
{
    server->draining = true;
}

bool tacit_server_is_draining(const tacit_server_t *server)
{
    return server->draining;
}

bool tacit_server_is_idle(const tacit_server_t *server)
{
    const tacit_call_t *call = server->pending;
    while (call && call->state != TACIT_CALL_PENDING) {
        call = call->next; /* answered; its handler has not finished it yet */
    }
    return !call && tacit_server_lane_is_idle(server);
}

void tacit_server_interrupt(tacit_server_t *server)
{
    for (tacit_call_t *call = server->pending; call; call = call->next) {
        if (call->state == TACIT_CALL_PENDING) {
            tacit_server_end(server, call, TACIT_INTERRUPTED);
        }
    }
    tacit_server_tell(server);
}
