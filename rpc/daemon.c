/*  daemon.c - the main of every service.

    Signals are blocked before the first thread starts and read from a descriptor by main alone, so
    that no handler runs in the middle of anything.  */

#include "rpc/daemon.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "enclave/secret.h"

enum {
    S_EXIT_OK = 0,
    S_EXIT_FAILED = 1,
    S_START_MS = 60 * 1000,
    S_AT_ONCE_MS = 500, /* for an actor that was asked twice */
    S_FD_MAX = 1023
};

/*  --- options --------------------------------------------------------------------------------- */

bool tacit_daemon_take_ready_fd(void *settings, const char *value)
{
    unsigned long number = 0;
    if (!tacit_command_line_number(value, S_FD_MAX, &number)) {
        return false;
    }
    ((tacit_daemon_settings_t *)settings)->ready_fd = (int)number;
    return true;
}

bool tacit_daemon_take_level(void *settings, const char *value)
{
    return tacit_log_level_from_name(value, &((tacit_daemon_settings_t *)settings)->level);
}

/*  --- saying how the start went --------------------------------------------------------------- */

static void s_tell(int fd, const char *line, size_t size)
{
    if (write(fd, line, size) != (ssize_t)size) {
        tacit_log(TACIT_LOG_WARNING, "ready_not_told", "cannot write to fd %d: %s", fd,
                  strerror(errno));
    }
}

static void s_tell_ready(int fd, const char *endpoint)
{
    char line[TACIT_ENDPOINT_MAX + 16];
    int size = snprintf(line, sizeof line, "READY %s\n", endpoint);
    s_tell(fd, line, (size_t)size);
}

/*  All that is known of why, in one line: whoever started us shows it to people.  */
static void s_tell_failed(int fd, const tacit_error_t *error)
{
    char line[sizeof *error + 64];
    int size = snprintf(line, sizeof line, "FAILED %s: %s", error->name, error->message);
    if (error->claim[0]) {
        size += snprintf(line + size, sizeof line - (size_t)size, "; %s: expected %s, got %s",
                         error->claim, error->expected, error->got);
    }
    if (error->remedy[0]) {
        size += snprintf(line + size, sizeof line - (size_t)size, "; to do: %s", error->remedy);
    }
    line[size] = '\n';
    s_tell(fd, line, (size_t)size + 1);
}

/*  --- running --------------------------------------------------------------------------------- */

typedef enum { S_SIGNALLED, S_ACTOR_SPOKE, S_TIME_IS_UP } s_event_t;

/*  Whichever comes first: a signal that asks to stop, or word from the actor. timeout_ms -1: none.
 */
static s_event_t s_await(zactor_t *actor, int signal_fd, int timeout_ms)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(actor), .events = ZMQ_POLLIN},
        {.fd = signal_fd, .events = ZMQ_POLLIN},
    };
    int found = 0;
    do {
        found = zmq_poll(items, 2, timeout_ms);
    } while (found < 0 && errno == EINTR);
    if (items[1].revents & ZMQ_POLLIN) {
        return S_SIGNALLED;
    }
    return found > 0 ? S_ACTOR_SPOKE : S_TIME_IS_UP;
}

/*  The actor finishes what it accepted. Who asks again does not want to wait for that: an actor
   that is not done then has nothing that was acknowledged and not stored.  */
static void s_end(zactor_t *actor, int signal_fd)
{
    struct signalfd_siginfo info;
    zsock_set_sndtimeo(actor, 0); /* it may have ended by itself meanwhile */
    for (int asked = 0; asked < 2; asked++) {
        if (read(signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
            return;
        }
        (void)zstr_send(actor, "$TERM");
        if (s_await(actor, signal_fd, asked == 0 ? -1 : S_AT_ONCE_MS) == S_ACTOR_SPOKE) {
            return;
        }
    }
    tacit_log(TACIT_LOG_WARNING, "stopping", "asked again: what was under way is left");
    _exit(S_EXIT_OK);
}

static int s_serve(zactor_t *actor, int ready_fd, int signal_fd)
{
    if (s_await(actor, signal_fd, S_START_MS) == S_SIGNALLED) {
        tacit_log(TACIT_LOG_INFO, "stopping", "asked to stop before it was ready");
        return S_EXIT_OK;
    }
    char endpoint[TACIT_ENDPOINT_MAX] = "";
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_actor_wait(actor, 0, endpoint, &error)) {
        s_tell_failed(ready_fd, &error);
        return S_EXIT_FAILED;
    }
    s_tell_ready(ready_fd, endpoint);
    tacit_log(TACIT_LOG_INFO, "ready", "serving at %s", endpoint[0] ? endpoint : "no endpoint");
    bool stopped = s_await(actor, signal_fd, -1) == S_SIGNALLED;
    tacit_log(stopped ? TACIT_LOG_INFO : TACIT_LOG_ERROR, "stopping",
              stopped ? "asked to stop" : "the service ended by itself");
    if (stopped) {
        s_end(actor, signal_fd);
    }
    return stopped ? S_EXIT_OK : S_EXIT_FAILED;
}

/*  Blocked in every thread started from here on.  */
static int s_block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, not the end */
    zsys_handler_set(NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static tacit_status_t s_prepare(const tacit_daemon_t *daemon, void *args, tacit_error_t *ret_error)
{
    if (tacit_process_init()) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, "cannot initialise libsodium");
    }
#ifndef TACIT_FAULTS
    if (getenv("TACIT_FAULTS")) { /* a test that believes in its faults must not pass */
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED, "this build has no fault points");
    }
#endif
    return daemon->prepare ? daemon->prepare(args, ret_error) : TACIT_OK;
}

int tacit_daemon_main(int argc, char **argv, const tacit_daemon_t *daemon, void *args)
{
    tacit_daemon_settings_t *settings = args;
    *settings = (tacit_daemon_settings_t){.ready_fd = STDOUT_FILENO, .level = TACIT_LOG_INFO};
    int code = tacit_command_line_parse(daemon->line, argc, argv, args, NULL);
    if (code >= 0) {
        return code;
    }
    tacit_log_open(daemon->line->name, settings->level);
    int signal_fd = s_block_signals();
    tacit_error_t error = {.code = TACIT_OK};
    if (s_prepare(daemon, args, &error)) {
        tacit_log_error("start_failed", &error);
        s_tell_failed(settings->ready_fd, &error);
        return S_EXIT_FAILED;
    }
    zactor_t *actor = signal_fd >= 0 ? zactor_new(daemon->actor, args) : NULL;
    code = actor ? s_serve(actor, settings->ready_fd, signal_fd) : S_EXIT_FAILED;
    zactor_destroy(&actor);
    if (signal_fd >= 0) {
        close(signal_fd);
    }
    tacit_actors_end();
    return code;
}
