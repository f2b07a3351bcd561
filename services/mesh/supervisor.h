/*  supervisor.h - the set of processes of one mesh on one host, in the order they need each other.

    platform, then attestation, then all others. Who ends without being asked is started again with
    back-off. The platform is to the others what a CPU is: when it goes, they go, and all start
    anew. Runs on the owner's zloop; one thread.  */

#ifndef TACIT_SERVICES_MESH_SUPERVISOR_H
#define TACIT_SERVICES_MESH_SUPERVISOR_H

#include <czmq.h>

#include "services/mesh/folders.h"
#include "services/mesh/manifest.h"
#include "services/mesh/process.h"

enum { TACIT_PROCESSES_MAX = 5 + TACIT_MANIFEST_WORKERS_MAX };

typedef struct tacit_supervisor tacit_supervisor_t;

/*  state and bin are folders; the manifest is copied; tee is what the platform is.  */
TACIT_MUST_CHECK tacit_status_t tacit_supervisor_new(const char *state, const char *bin,
                                                     const tacit_manifest_t *manifest,
                                                     tacit_tee_t tee, zloop_t *loop,
                                                     tacit_supervisor_t **ret_supervisor,
                                                     tacit_error_t *ret_error);
/*  Kills what still runs.  */
void tacit_supervisor_destroy(tacit_supervisor_t **supervisor);

/*  Start the platform; the rest follows on the loop.  */
TACIT_MUST_CHECK tacit_status_t tacit_supervisor_start(tacit_supervisor_t *supervisor,
                                                       tacit_error_t *ret_error);

/*  Set the number of workers; gives the number before. TOO_LARGE beyond the manifest's bound.  */
TACIT_MUST_CHECK tacit_status_t tacit_supervisor_scale(tacit_supervisor_t *supervisor,
                                                       uint32_t workers, uint32_t *ret_before);

/*  Stop everything, the gateway first, then workers, and the platform last, each when those before
    have finished what they had accepted; the loop ends when all have. Asked again: all at once, and
    who was asked already leaves what it has.  */
void tacit_supervisor_stop(tacit_supervisor_t *supervisor);

/*  The processes that are wanted or still run. Borrowed until the loop goes on.  */
size_t tacit_supervisor_processes(const tacit_supervisor_t *supervisor,
                                  const tacit_process_t **ret_processes, size_t max);

#endif
