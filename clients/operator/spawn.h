/*  spawn.h - tacit-supervisord as a process of its own, which outlives the command that starts it.
 */

#ifndef TACIT_CLIENTS_SPAWN_H
#define TACIT_CLIENTS_SPAWN_H

#include <sys/types.h>

#include "clients/lib/options.h"

typedef struct tacit_spawn {
    const tacit_invocation_t *invocation; /* of up: state folder, and options that it hands on */
    const char *bin;                      /* folder of Tacit's programs */
    const char *manifest;                 /* NULL: the embedded one */
} tacit_spawn_t;

/*  Starts it and waits for its first word; where it failed, the error says why in its own words. It
    may be a process (ret_supervisor > 0) all the same, which ends by itself.  */
TACIT_MUST_CHECK tacit_status_t tacit_spawn_supervisor(const tacit_spawn_t *spawn,
                                                       pid_t *ret_supervisor,
                                                       tacit_error_t *ret_error);

/*  The status of that name, as processes say it: FAILED NAME: REASON. INTERNAL: none of ours.  */
tacit_status_t tacit_spawn_status(const char *name, size_t size);

#endif
