/*  platformd.h - the simulated TEE of one host as an actor: measures who connects, then quotes,
    derives sealing keys and keeps counters for them.

    Callers are processes of this host on an AF_UNIX SOCK_SEQPACKET socket. Who they are says the
    kernel: SO_PEERCRED and a pidfd when they connect, SCM_CREDENTIALS with every packet. Only
    processes of the platform's own user are served, or of any user where it runs as root.  */

#ifndef TACIT_PLATFORM_PLATFORMD_H
#define TACIT_PLATFORM_PLATFORMD_H

#include "rpc/daemon.h"

enum {
    TACIT_PLATFORMD_PATH_MAX = 512,
    TACIT_PLATFORMD_TEE_MAX = 16,
    TACIT_PLATFORMD_CONNECTIONS_MAX = 256,   /* measured callers at once */
    TACIT_PLATFORMD_TICK_MS = 60 * 60 * 1000 /* collateral is looked after so often */
};

typedef struct tacit_platformd_args {
    tacit_daemon_settings_t daemon;
    char state[TACIT_PLATFORMD_PATH_MAX];  /* folder; made where there is none */
    char socket[TACIT_PLATFORMD_PATH_MAX]; /* path; at most 107 bytes, as the system has it */
    char tee[TACIT_PLATFORMD_TEE_MAX];     /* "sgx", "tdx", "nitro"; empty: as the state has it */
} tacit_platformd_args_t;

/*  A zactor: args is a tacit_platformd_args_t. Says READY with the socket's path, or FAILED
    (rpc/actor.h: tacit_actor_wait).  */
void tacit_platformd_actor(zsock_t *pipe, void *args);

#endif
