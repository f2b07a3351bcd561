/*  service.h - the body of every attested service's actor: node, state, endpoint, loop.

    What a service brings is its contract, its handlers and how its state is opened and closed;
    what is always the same stands here once: zap, node, server, attestation, readiness, orderly
   end.  */

#ifndef TACIT_RPC_SERVICE_H
#define TACIT_RPC_SERVICE_H

#include "rpc/daemon.h"
#include "rpc/node.h"

/*  What every service is started with; an actor's args. Options of the executables by that name. */
typedef struct tacit_service_args {
    tacit_daemon_settings_t daemon;
    const char *trust_file;                /* --trust FILE */
    tacit_trust_t trust;                   /* what it says */
    char platform[TACIT_PATH_MAX];         /* --platform SOCKET */
    char state[TACIT_PATH_MAX];            /* --state DIR: this service's own folder */
    char listen[TACIT_ENDPOINT_MAX];       /* --listen ENDPOINT, default tcp://127.0.0.1:* */
    char introduction[TACIT_ENDPOINT_MAX]; /* --introduction ENDPOINT (attestation service only) */
} tacit_service_args_t;

/*  The main of a service's executable: parses the options above and runs the actor with them.  */
int tacit_service_main(int argc, char **argv, const char *name, const char *summary,
                       zactor_fn *actor);

typedef struct tacit_attested_service {
    tacit_role_t role;
    const tacit_service_t *service;
    const void *handlers; /* of that service; called with what open gave */
    /*  Opens the state; before the endpoint exists. *ret_self may be set on failure too: close is
        called with whatever it is.  */
    tacit_status_t (*open)(tacit_node_t *node, const tacit_service_args_t *args, void **ret_self,
                           tacit_error_t *ret_error);
    /*  NULL-safe.  */
    void (*close)(void **self);
    /*  Optional: after the server exists, before it serves: timers, sockets of its own.  */
    tacit_status_t (*attach)(void *self, tacit_server_t *server, zloop_t *loop,
                             tacit_error_t *ret_error);
    uint32_t drain_ms; /* for what was accepted, at the end; 0: TACIT_DRAIN_MAX_MS */
} tacit_attested_service_t;

/*  To be called by the actor function with its pipe and arguments; returns when it ends.  */
void tacit_attested_service_run(zsock_t *pipe, const tacit_service_args_t *args,
                                const tacit_attested_service_t *service);

#endif
