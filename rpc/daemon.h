/*  daemon.h - what turns an actor into an executable: options, readiness, stop by signal.  */

#ifndef TACIT_RPC_DAEMON_H
#define TACIT_RPC_DAEMON_H

#include "enclave/command_line.h"
#include "rpc/actor.h"
#include "rpc/log.h"

enum { TACIT_PATH_MAX = 512 };

/*  The first member of the structure that a daemon's options fill, and its actor gets as args.  */
typedef struct tacit_daemon_settings {
    int ready_fd; /* where to say READY or FAILED */
    tacit_log_level_t level;
} tacit_daemon_settings_t;

bool tacit_daemon_take_ready_fd(void *settings, const char *value);
bool tacit_daemon_take_level(void *settings, const char *value);

/*  Rows that every daemon's table ends with.  */
#define TACIT_DAEMON_OPTIONS                                                                       \
    {.name = "ready-fd",                                                                           \
     .argument = "N",                                                                              \
     .help = "where to write READY or FAILED (default: 1)",                                        \
     .kind = TACIT_OPTION_TAKE,                                                                    \
     .take = tacit_daemon_take_ready_fd},                                                          \
    {                                                                                              \
        .name = "log-level", .argument = "LEVEL",                                                  \
        .help = "debug, info, warning or error (default: info)", .kind = TACIT_OPTION_TAKE,        \
        .take = tacit_daemon_take_level                                                            \
    }

/*  What the notes of help say of every daemon.  */
#define TACIT_DAEMON_NOTES                                                                         \
    "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failed, 2 usage. The first signal lets it "     \
    "finish what it accepted, a second one ends it at once.\n"                                     \
    "Usually started by `tacit-operator up`."

typedef struct tacit_daemon {
    const tacit_command_line_t *line;
    zactor_fn *actor;
    /*  Optional: after the options, before the actor starts.  */
    tacit_status_t (*prepare)(void *args, tacit_error_t *ret_error);
} tacit_daemon_t;

/*  Parse options into args (which begins with tacit_daemon_settings_t), start the actor, write
    "READY <endpoint>\n" or "FAILED <name>: <text>\n" to the ready fd (default: standard output),
    run until SIGTERM or SIGINT: the actor then gets $TERM and may take its time to finish what it
    accepted; another signal gives it a second $TERM and little time. Returns the exit code: 0, 1
   failed, 2 usage.  */
int tacit_daemon_main(int argc, char **argv, const tacit_daemon_t *daemon, void *args);

#endif
