/*  process.c - fork, exec, pidfd, and the words of the exit.  */

#include "services/mesh/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/clock.h"

enum { S_READY_FD = 3 };

tacit_status_t tacit_process_add(tacit_process_t *process, const char *argument)
{
    if (process->argument_count == TACIT_PROCESS_ARGUMENTS_MAX) {
        return TACIT_BAD_INPUT;
    }
    char *to = process->arguments[process->argument_count];
    if (snprintf(to, TACIT_PROCESS_ARGUMENT_MAX, "%s", argument) >= TACIT_PROCESS_ARGUMENT_MAX) {
        return TACIT_BAD_INPUT;
    }
    process->argument_count++;
    return TACIT_OK;
}

tacit_status_t tacit_process_describe(tacit_process_t *process, const char *name, const char *bin,
                                      const char *executable, const char *log_folder,
                                      tacit_error_t *ret_error)
{
    *process = (tacit_process_t){
        .state = TACIT_PROCESS_STOPPED,
        .pidfd = -1,
        .ready_fd = -1,
        .backoff_ms = TACIT_PROCESS_BACKOFF_MS,
    };
    char path[TACIT_PROCESS_ARGUMENT_MAX];
    int path_size = snprintf(path, sizeof path, "%s/%s", bin, executable);
    int log_size = snprintf(process->log, sizeof process->log, "%s/%s.log", log_folder, name);
    if (path_size >= (int)sizeof path || log_size >= (int)sizeof process->log ||
        tacit_process_add(process, path)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the paths of the mesh are too long");
    }
    snprintf(process->name, sizeof process->name, "%s", name);
    snprintf(process->executable, sizeof process->executable, "%s", executable);
    return TACIT_OK;
}

/*  --- starting -------------------------------------------------------------------------------- */

static int s_open_log(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && info.st_size > TACIT_PROCESS_LOG_MAX) {
        char aside[TACIT_PROCESS_ARGUMENT_MAX + 8];
        snprintf(aside, sizeof aside, "%s.1", path);
        (void)rename(path, aside);
    }
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/*  In the child, between fork and exec: async-signal-safe calls only.  */
static void s_become(char *const *arguments, int ready_fd, int log_fd, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(127);
    }
    int null_fd = open("/dev/null", O_RDONLY);
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0) {
        _exit(127);
    }
    /*  dup2 onto itself would keep close-on-exec.  */
    if (ready_fd == S_READY_FD ? fcntl(ready_fd, F_SETFD, 0) < 0 : dup2(ready_fd, S_READY_FD) < 0) {
        _exit(127);
    }
    close_range(S_READY_FD + 1, ~0U, 0);
    execv(arguments[0], arguments);
    _exit(127);
}

static tacit_status_t s_fork(tacit_process_t *self, int ready_fd, int log_fd)
{
    char *arguments[TACIT_PROCESS_ARGUMENTS_MAX + 1] = {NULL};
    for (size_t i = 0; i < self->argument_count; i++) {
        arguments[i] = self->arguments[i];
    }
    if (!arguments[0]) {
        return TACIT_INTERNAL; /* not described */
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        s_become(arguments, ready_fd, log_fd, parent);
    }
    if (pid < 0) {
        return TACIT_NO_MEMORY;
    }
    self->pid = pid;
    self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return self->pidfd >= 0 ? TACIT_OK : TACIT_INTERNAL;
}

tacit_status_t tacit_process_start(tacit_process_t *process, uint64_t now_ms,
                                   tacit_error_t *ret_error)
{
    int ready[2] = {-1, -1};
    int log_fd = s_open_log(process->log);
    tacit_status_t status = TACIT_STORAGE_FAILED;
    if (log_fd >= 0 && pipe2(ready, O_CLOEXEC | O_NONBLOCK) == 0) {
        status = s_fork(process, ready[1], log_fd);
        close(ready[1]);
    }
    if (log_fd >= 0) {
        close(log_fd);
    }
    if (status) {
        if (ready[0] >= 0) {
            close(ready[0]);
        }
        return tacit_error_set(ret_error, status, "cannot start %s (log %s): %s", process->name,
                               process->log, strerror(errno));
    }
    process->ready_fd = ready[0];
    process->launched_ms = now_ms;
    process->started_ms = tacit_now_ms();
    process->state = TACIT_PROCESS_STARTING;
    process->endpoint[0] = '\0';
    return TACIT_OK;
}

/*  --- what it says and how it ends ------------------------------------------------------------ */

void tacit_process_on_ready(tacit_process_t *process)
{
    char line[TACIT_PROCESS_TEXT_MAX];
    ssize_t size = read(process->ready_fd, line, sizeof line - 1);
    close(process->ready_fd);
    process->ready_fd = -1;
    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "READY", 5) == 0) {
        if (process->state == TACIT_PROCESS_STARTING) {
            process->state = TACIT_PROCESS_READY;
        }
        snprintf(process->endpoint, sizeof process->endpoint, "%s", line[5] ? line + 6 : "");
    } else if (line[0]) {
        snprintf(process->last_exit, sizeof process->last_exit, "%s", line);
    }
}

static void s_describe_exit(tacit_process_t *self, int status)
{
    if (WIFSIGNALED(status)) {
        snprintf(self->last_exit, sizeof self->last_exit, "killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == 127) {
        snprintf(self->last_exit, sizeof self->last_exit, "cannot execute %.200s",
                 self->arguments[0]);
    } else if (strncmp(self->last_exit, "FAILED", 6) != 0) {
        snprintf(self->last_exit, sizeof self->last_exit, "exit code %d", WEXITSTATUS(status));
    }
}

void tacit_process_on_exit(tacit_process_t *process, uint64_t now_ms)
{
    if (process->ready_fd >= 0) {
        tacit_process_on_ready(process); /* it may have said why */
    }
    int status = 0;
    waitpid(process->pid, &status, 0);
    close(process->pidfd);
    process->pidfd = -1;
    process->pid = 0;
    process->endpoint[0] = '\0';
    if (process->state == TACIT_PROCESS_STOPPING) {
        process->state = TACIT_PROCESS_STOPPED;
        return;
    }
    s_describe_exit(process, status);
    if (now_ms >= process->launched_ms + TACIT_PROCESS_STABLE_MS) {
        process->backoff_ms = TACIT_PROCESS_BACKOFF_MS;
    }
    process->state = TACIT_PROCESS_BACKING_OFF;
    process->due_ms = now_ms + process->backoff_ms;
    process->restarts++;
    uint32_t doubled = process->backoff_ms * 2;
    process->backoff_ms =
        doubled < TACIT_PROCESS_BACKOFF_MAX_MS ? doubled : TACIT_PROCESS_BACKOFF_MAX_MS;
}

void tacit_process_stop(tacit_process_t *process, int signal_number)
{
    if (process->pid) {
        process->state = TACIT_PROCESS_STOPPING;
        (void)kill(process->pid, signal_number);
    } else {
        process->state = TACIT_PROCESS_STOPPED;
    }
}
