/*  supervisor.c - one timer looks at every process; pidfds and ready pipes are polled with it.

    The set is small and a tick is 50 ms, so that every decision is taken in one place, s_tend, from
    the state that the processes are in, rather than in many handlers.  */

#include "services/mesh/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "rpc/limits.h"
#include "rpc/log.h"

enum {
    S_TICK_MS = 50,
    S_STOP_MS = 35 * 1000, /* then SIGKILL */
};

/*  Each finishes what it accepted before those end whom it may need for that.  */
_Static_assert((int)S_STOP_MS > (int)TACIT_DRAIN_LONGEST_MS + 3 * (int)TACIT_DRAIN_MAX_MS,
               "no service is killed while it drains");

/*  What runs beside the workers. wave: who must be ready before (0: nobody). rank: who must have
    ended before, when all are stopped.  */
typedef struct {
    const char *name;
    const char *executable;
    unsigned wave;
    unsigned rank;
} s_row_t;

enum { S_PLATFORM = 0, S_ATTESTATION = 1, S_FIXED = 5, S_LAST_WAVE = 2 };
enum { S_WORKER_RANK = 1, S_RANKS = 5 };

static const s_row_t s_rows[S_FIXED] = {
    {"platform", "tacit-platformd", 0, 4}, {"attestation", "tacit-attestd", 1, 3},
    {"keys", "tacit-keyd", 2, 2},          {"models", "tacit-modeld", 2, 2},
    {"gateway", "tacit-gatewayd", 2, 0},
};

struct tacit_supervisor {
    char state[TACIT_FOLDER_MAX];
    char bin[TACIT_FOLDER_MAX];
    tacit_manifest_t manifest;
    tacit_tee_t tee;
    zloop_t *loop;
    tacit_process_t processes[TACIT_PROCESSES_MAX]; /* the fixed ones, then workers */
    uint32_t workers;                               /* wanted */
    uint64_t platform_life;                         /* counts starts of the platform */
    uint64_t life[TACIT_PROCESSES_MAX]; /* of the platform that a process was started under */
    tacit_trust_t trust;                /* once the platform is ready */
    bool trusted;                       /* trust is there */
    bool stopping;
    uint64_t kill_ms; /* monotonic; when patience ends */
};

/*  --- command lines --------------------------------------------------------------------------- */

static tacit_status_t s_add_path(tacit_supervisor_t *self, tacit_process_t *process,
                                 const char *option, const char *name, tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_status_t status = tacit_folder_path(self->state, name, path, ret_error);
    if (!status && (tacit_process_add(process, option) || tacit_process_add(process, path))) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "too many arguments");
    }
    return status;
}

static tacit_status_t s_add_text(tacit_process_t *process, const char *option, const char *value,
                                 tacit_error_t *ret_error)
{
    if (tacit_process_add(process, option) || tacit_process_add(process, value)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "an argument of %s is too long",
                               process->name);
    }
    return TACIT_OK;
}

static tacit_status_t s_add_service_options(tacit_supervisor_t *self, tacit_process_t *process,
                                            const char *folder, tacit_error_t *ret_error)
{
    tacit_status_t status = s_add_path(self, process, "--trust", "trust.json", ret_error);
    if (!status) {
        status = s_add_path(self, process, "--platform", "run/platform.sock", ret_error);
    }
    if (!status) {
        status = s_add_path(self, process, "--state", folder, ret_error);
    }
    if (!status) {
        status = s_add_text(process, "--listen", self->manifest.listen, ret_error);
    }
    return status;
}

static tacit_status_t s_describe(tacit_supervisor_t *self, size_t index, const char *name,
                                 const char *executable, const char *folder,
                                 tacit_error_t *ret_error)
{
    char log[TACIT_FILE_MAX];
    tacit_process_t *process = &self->processes[index];
    tacit_status_t status = tacit_folder_path(self->state, "log", log, ret_error);
    if (!status) {
        status = tacit_process_describe(process, name, self->bin, executable, log, ret_error);
    }
    if (!status && index == S_PLATFORM) {
        status = s_add_path(self, process, "--state", "platform", ret_error);
        if (!status) {
            status = s_add_path(self, process, "--socket", "run/platform.sock", ret_error);
        }
        if (!status) {
            status = s_add_text(process, "--tee", tacit_tee_name(self->tee), ret_error);
        }
    } else if (!status) {
        status = s_add_service_options(self, process, folder, ret_error);
    }
    if (!status) {
        status = s_add_text(process, "--log-level", self->manifest.log_level, ret_error);
    }
    if (!status) {
        status = s_add_text(process, "--ready-fd", "3", ret_error);
    }
    return status;
}

static tacit_status_t s_describe_all(tacit_supervisor_t *self, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < TACIT_PROCESSES_MAX && !status; i++) {
        if (i < S_FIXED) {
            status = s_describe(self, i, s_rows[i].name, s_rows[i].executable, s_rows[i].name,
                                ret_error);
        } else {
            char name[TACIT_PROCESS_NAME_MAX];
            snprintf(name, sizeof name, "worker-%zu", i - S_FIXED + 1);
            status = s_describe(self, i, name, tacit_manifest_worker(&self->manifest), "worker",
                                ret_error);
        }
    }
    return status;
}

/*  --- tending --------------------------------------------------------------------------------- */

static unsigned s_wave(size_t index)
{
    return index < S_FIXED ? s_rows[index].wave : S_LAST_WAVE;
}

static unsigned s_rank(size_t index)
{
    return index < S_FIXED ? s_rows[index].rank : S_WORKER_RANK;
}

static bool s_is_wanted(const tacit_supervisor_t *self, size_t index)
{
    return !self->stopping && index < S_FIXED + self->workers;
}

static bool s_is_ready(const tacit_supervisor_t *self, size_t index)
{
    return self->processes[index].state == TACIT_PROCESS_READY &&
           self->life[index] == self->platform_life;
}

/*  Everything of the waves before must be ready. The attestation service needs no more than the
    platform, and the rest no more than it: each waits for its policy by itself.  */
static bool s_may_start(const tacit_supervisor_t *self, size_t index)
{
    switch (s_wave(index)) {
    case 0:
        return true;
    case 1:
        return s_is_ready(self, S_PLATFORM) && self->trusted;
    default:
        return s_is_ready(self, S_ATTESTATION);
    }
}

static void s_read_events(tacit_supervisor_t *self, size_t index, uint64_t now_ms)
{
    tacit_process_t *process = &self->processes[index];
    struct pollfd fds[2] = {
        {.fd = process->ready_fd, .events = POLLIN},
        {.fd = process->pidfd, .events = POLLIN},
    };
    if (poll(fds, 2, 0) <= 0) {
        return;
    }
    if (fds[0].revents && !(fds[1].revents & POLLIN)) {
        tacit_process_on_ready(process);
        tacit_log(TACIT_LOG_INFO, "process", "%s: %s", process->name,
                  process->state == TACIT_PROCESS_READY ? "ready" : process->last_exit);
    }
    if (fds[1].revents & POLLIN) {
        tacit_process_on_exit(process, now_ms);
        tacit_log(self->stopping ? TACIT_LOG_INFO : TACIT_LOG_WARNING, "process", "%s ended: %s",
                  process->name, process->last_exit[0] ? process->last_exit : "as asked");
    }
}

static void s_launch(tacit_supervisor_t *self, size_t index, uint64_t now_ms)
{
    tacit_process_t *process = &self->processes[index];
    tacit_error_t error = {.code = TACIT_OK};
    if (index == S_PLATFORM) {
        self->platform_life++;
        self->trusted = false;
    }
    self->life[index] = self->platform_life;
    if (tacit_process_start(process, now_ms, &error)) {
        tacit_log_error("process", &error);
        process->state = TACIT_PROCESS_BACKING_OFF;
        process->due_ms = now_ms + TACIT_PROCESS_BACKOFF_MAX_MS;
        snprintf(process->last_exit, sizeof process->last_exit, "%s", error.message);
    }
}

static void s_tend(tacit_supervisor_t *self, size_t index, uint64_t now_ms)
{
    tacit_process_t *process = &self->processes[index];
    bool orphaned = index != S_PLATFORM && process->pid && self->life[index] != self->platform_life;
    bool wanted = s_is_wanted(self, index);
    if (process->pid) {
        if ((!wanted || orphaned) && process->state != TACIT_PROCESS_STOPPING && !self->stopping) {
            tacit_process_stop(process, SIGTERM);
        }
        return;
    }
    if (!wanted) {
        process->state = TACIT_PROCESS_STOPPED;
        return;
    }
    bool due = process->state == TACIT_PROCESS_STOPPED || now_ms >= process->due_ms;
    if (due && s_may_start(self, index)) {
        s_launch(self, index, now_ms);
    }
}

/*  The platform's root decides what may be trusted: known once it is ready.  */
static void s_establish_trust(tacit_supervisor_t *self)
{
    if (self->trusted || !s_is_ready(self, S_PLATFORM)) {
        return;
    }
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_folders_trust(self->state, self->bin, self->manifest.introduction, self->tee,
                            &self->trust, &error)) {
        tacit_process_t *attestation = &self->processes[S_ATTESTATION];
        if (strcmp(attestation->last_exit, error.message) != 0) {
            tacit_log_error("trust", &error);
            snprintf(attestation->last_exit, sizeof attestation->last_exit, "%s", error.message);
        }
        return;
    }
    self->trusted = true;
}

/*  --- stopping -------------------------------------------------------------------------------- */

/*  The gateway first, as long as there are workers for what it accepted. True when nothing runs any
    more.  */
static bool s_stop_ranks(tacit_supervisor_t *self, uint64_t now_ms)
{
    for (unsigned rank = 0; rank < S_RANKS; rank++) {
        bool running = false;
        for (size_t i = 0; i < TACIT_PROCESSES_MAX; i++) {
            tacit_process_t *process = &self->processes[i];
            if (s_rank(i) != rank || !process->pid) {
                continue;
            }
            running = true;
            if (now_ms >= self->kill_ms) {
                tacit_process_stop(process, SIGKILL);
            } else if (process->state != TACIT_PROCESS_STOPPING) {
                tacit_process_stop(process, SIGTERM);
            }
        }
        if (running) {
            return false;
        }
    }
    return true;
}

static int s_on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    tacit_supervisor_t *self = argument;
    uint64_t now_ms = tacit_monotonic_ms();
    for (size_t i = 0; i < TACIT_PROCESSES_MAX; i++) {
        s_read_events(self, i, now_ms);
    }
    s_establish_trust(self);
    for (size_t i = 0; i < TACIT_PROCESSES_MAX; i++) {
        s_tend(self, i, now_ms);
    }
    return self->stopping && s_stop_ranks(self, now_ms) ? -1 : 0;
}

/*  --- public ---------------------------------------------------------------------------------- */

tacit_status_t tacit_supervisor_new(const char *state, const char *bin,
                                    const tacit_manifest_t *manifest, tacit_tee_t tee,
                                    zloop_t *loop, tacit_supervisor_t **ret_supervisor,
                                    tacit_error_t *ret_error)
{
    tacit_supervisor_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    if (snprintf(self->state, sizeof self->state, "%s", state) >= (int)sizeof self->state ||
        snprintf(self->bin, sizeof self->bin, "%s", bin) >= (int)sizeof self->bin) {
        free(self);
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the folders' paths are too long");
    }
    self->manifest = *manifest;
    self->tee = tee;
    self->workers = manifest->workers;
    self->loop = loop;
    tacit_status_t status = s_describe_all(self, ret_error);
    if (status) {
        free(self);
        return status;
    }
    *ret_supervisor = self;
    return TACIT_OK;
}

void tacit_supervisor_destroy(tacit_supervisor_t **supervisor)
{
    if (*supervisor) {
        for (size_t i = 0; i < TACIT_PROCESSES_MAX; i++) {
            tacit_process_stop(&(*supervisor)->processes[i], SIGKILL);
        }
        free(*supervisor);
        *supervisor = NULL;
    }
}

tacit_status_t tacit_supervisor_start(tacit_supervisor_t *supervisor, tacit_error_t *ret_error)
{
    if (zloop_timer(supervisor->loop, S_TICK_MS, 0, s_on_tick, supervisor) < 0) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    return TACIT_OK;
}

tacit_status_t tacit_supervisor_scale(tacit_supervisor_t *supervisor, uint32_t workers,
                                      uint32_t *ret_before)
{
    if (workers > TACIT_MANIFEST_WORKERS_MAX) {
        return TACIT_TOO_LARGE;
    }
    *ret_before = supervisor->workers;
    supervisor->workers = workers;
    return TACIT_OK;
}

void tacit_supervisor_stop(tacit_supervisor_t *supervisor)
{
    if (!supervisor->stopping) {
        supervisor->stopping = true;
        supervisor->kill_ms = tacit_monotonic_ms() + S_STOP_MS;
        return;
    }
    for (size_t i = 0; i < TACIT_PROCESSES_MAX; i++) {
        tacit_process_stop(&supervisor->processes[i], SIGTERM);
    }
}

size_t tacit_supervisor_processes(const tacit_supervisor_t *supervisor,
                                  const tacit_process_t **ret_processes, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < TACIT_PROCESSES_MAX && count < max; i++) {
        if (supervisor->processes[i].pid || s_is_wanted(supervisor, i)) {
            ret_processes[count++] = &supervisor->processes[i];
        }
    }
    return count;
}
