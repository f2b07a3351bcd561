/*  spawn.c - fork, exec, and the first line that the supervisor says.  */

#include "clients/operator/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/operator/control.h"

enum { S_WORDS_MAX = 14 }; /* of the supervisor's command line, with the NULL at its end */

static void s_write_words(const tacit_spawn_t *spawn, const char *program,
                          const char *ret_words[S_WORDS_MAX])
{
    const struct {
        const char *option;
        const char *value;
    } rows[] = {
        {"--state", spawn->invocation->state},
        {"--bin", spawn->bin},
        {"--manifest", spawn->manifest},
        {"--tee", tacit_invocation_value(spawn->invocation, "tee")},
        {"--isolation", tacit_invocation_value(spawn->invocation, "isolation")},
        {"--backend", tacit_invocation_value(spawn->invocation, "backend")},
    };
    size_t count = 0;
    ret_words[count++] = program;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].value) {
            ret_words[count++] = rows[i].option;
            ret_words[count++] = rows[i].value;
        }
    }
    ret_words[count] = NULL;
}

static void s_become_supervisor(const tacit_spawn_t *spawn, int out_fd, int log_fd)
{
    char program[PATH_MAX + 32];
    const char *words[S_WORDS_MAX];
    snprintf(program, sizeof program, "%s/tacit-supervisord", spawn->bin);
    s_write_words(spawn, program, words);
    if (tacit_invocation_count(spawn->invocation, "foreground") == 0) {
        setsid();
    }
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv(program, (char *const *)words);
    _exit(127);
}

enum { S_STATUS_MAX = 1000 }; /* beyond are services' own */

tacit_status_t tacit_spawn_status(const char *name, size_t size)
{
    for (int code = TACIT_INTERNAL; code < S_STATUS_MAX; code++) {
        const char *known = tacit_status_name((tacit_status_t)code);
        if (strlen(known) == size && memcmp(known, name, size) == 0) {
            return (tacit_status_t)code;
        }
    }
    return TACIT_INTERNAL;
}

/*  FAILED NAME: REASON, or nothing.  */
static tacit_status_t s_say_failed(const char *line, tacit_error_t *ret_error)
{
    static const char failed[] = "FAILED ";
    bool says = strncmp(line, failed, sizeof failed - 1) == 0;
    const char *name = says ? line + sizeof failed - 1 : line;
    const char *reason = says ? strstr(name, ": ") : NULL;
    if (!reason) {
        tacit_error_set(ret_error, TACIT_INTERNAL, "the supervisor did not start: %s",
                        line[0] ? line : "no word from it");
        tacit_error_remedy(ret_error, "see log/supervisor.log in the state folder");
        return TACIT_INTERNAL;
    }
    tacit_status_t status = tacit_spawn_status(name, (size_t)(reason - name));
    tacit_error_set(ret_error, status, "%s", reason + 2);
    if (status == TACIT_ALREADY_EXISTS) {
        tacit_error_remedy(ret_error, "tacit-operator status shows the mesh that runs; "
                                      "tacit-operator down stops it");
    } else if (status != TACIT_BAD_INPUT) {
        tacit_error_remedy(ret_error, "see log/supervisor.log in the state folder");
    }
    return status;
}

/*  Its first line: READY ENDPOINT, or FAILED NAME: REASON.  */
static tacit_status_t s_read_verdict(int fd, tacit_error_t *ret_error)
{
    char line[TACIT_ERROR_MESSAGE_MAX] = "";
    size_t size = 0;
    ssize_t got = 0;
    while (size < sizeof line - 1 && !memchr(line, '\n', size) &&
           (got = read(fd, line + size, sizeof line - 1 - size)) > 0) {
        size += (size_t)got;
    }
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "READY ", 6) == 0) {
        return TACIT_OK;
    }
    return s_say_failed(line, ret_error);
}

tacit_status_t tacit_spawn_supervisor(const tacit_spawn_t *spawn, pid_t *ret_supervisor,
                                      tacit_error_t *ret_error)
{
    char log[PATH_MAX];
    int out[2] = {-1, -1};
    tacit_status_t status =
        tacit_control_path(spawn->invocation->state, "log/supervisor.log", log, ret_error);
    if (status) {
        return status;
    }
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot write %s: %s", log,
                               strerror(errno));
    }
    pid_t child = pipe2(out, O_CLOEXEC) == 0 ? fork() : -1;
    if (child == 0) {
        s_become_supervisor(spawn, out[1], log_fd);
    }
    if (child < 0) {
        status = tacit_error_set(ret_error, TACIT_INTERNAL, "the supervisor cannot be started: %s",
                                 strerror(errno));
    }
    close(log_fd);
    if (out[1] >= 0) {
        close(out[1]);
    }
    if (!status) {
        *ret_supervisor = child;
        status = s_read_verdict(out[0], ret_error);
    }
    if (out[0] >= 0) {
        close(out[0]);
    }
    return status;
}
