/*  process.h - one supervised child: started, watched, started again with back-off.

    The child gets its log file as standard output and error, a pipe on descriptor 3 where it says
    READY or FAILED, and dies with its supervisor. Times are milliseconds of the monotonic clock,
    given by the caller: whoever sets the wall clock neither hastens a restart nor delays it.  */

#ifndef TACIT_SERVICES_MESH_PROCESS_H
#define TACIT_SERVICES_MESH_PROCESS_H

#include <sys/types.h>

#include "enclave/error.h"

enum {
    TACIT_PROCESS_ARGUMENTS_MAX = 24,
    TACIT_PROCESS_ARGUMENT_MAX = 640, /* bytes of one, with NUL */
    TACIT_PROCESS_NAME_MAX = 64,
    TACIT_PROCESS_TEXT_MAX = 256,
    TACIT_PROCESS_BACKOFF_MS = 100, /* before the first restart; doubles */
    TACIT_PROCESS_BACKOFF_MAX_MS = 5000,
    TACIT_PROCESS_STABLE_MS = 10 * 1000, /* after so long the back-off starts anew */
    TACIT_PROCESS_LOG_MAX = 16 << 20     /* bytes; a longer log is put aside once at a start */
};

/*  The numbers are those of mesh.idl's process_state.  */
typedef enum tacit_process_state {
    TACIT_PROCESS_STARTING = 1,
    TACIT_PROCESS_READY = 2,
    TACIT_PROCESS_BACKING_OFF = 3,
    TACIT_PROCESS_STOPPING = 4,
    TACIT_PROCESS_STOPPED = 5
} tacit_process_state_t;

typedef struct tacit_process {
    char name[TACIT_PROCESS_NAME_MAX];                                       /* "worker-1" */
    char executable[TACIT_PROCESS_NAME_MAX];                                 /* "tacit-workerd" */
    char arguments[TACIT_PROCESS_ARGUMENTS_MAX][TACIT_PROCESS_ARGUMENT_MAX]; /* [0]: the path */
    size_t argument_count;
    char log[TACIT_PROCESS_ARGUMENT_MAX];
    tacit_process_state_t state;
    pid_t pid;    /* 0 while it does not run */
    int pidfd;    /* readable when it ended; -1 */
    int ready_fd; /* where it says READY; -1 */
    uint32_t restarts;
    uint64_t launched_ms;
    uint64_t started_ms; /* the same moment in Unix time, for who asks */
    uint64_t due_ms;     /* when to start again, while backing off */
    uint32_t backoff_ms;
    char endpoint[TACIT_PROCESS_TEXT_MAX];  /* it said after READY */
    char last_exit[TACIT_PROCESS_TEXT_MAX]; /* why it ended last time */
} tacit_process_t;

/*  A process of that name and program in folder bin, logging to folder log; not started.  */
TACIT_MUST_CHECK tacit_status_t tacit_process_describe(tacit_process_t *process, const char *name,
                                                       const char *bin, const char *executable,
                                                       const char *log_folder,
                                                       tacit_error_t *ret_error);
/*  An argument more. BAD_INPUT where it is too long or one too many.  */
TACIT_MUST_CHECK tacit_status_t tacit_process_add(tacit_process_t *process, const char *argument);

TACIT_MUST_CHECK tacit_status_t tacit_process_start(tacit_process_t *process, uint64_t now_ms,
                                                    tacit_error_t *ret_error);

/*  To be called when ready_fd is readable: reads what it said. Closes ready_fd.  */
void tacit_process_on_ready(tacit_process_t *process);

/*  To be called when pidfd is readable: reaps it; BACKING_OFF with a due time, or STOPPED where it
    was being stopped.  */
void tacit_process_on_exit(tacit_process_t *process, uint64_t now_ms);

/*  Ask it to stop (SIGTERM), or make it (SIGKILL). A process that does not run is STOPPED.  */
void tacit_process_stop(tacit_process_t *process, int signal_number);

#endif
