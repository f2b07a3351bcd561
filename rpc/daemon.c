/*  daemon.c - options, start, readiness and stop of every service executable.

    The main thread only waits for signals and for the actor; the actor's thread does the work.  */

#include "rpc/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "enclave/secret.h"
#include "rpc/log.h"

enum { S_EXIT_OK = 0, S_EXIT_FAILED = 1, S_EXIT_USAGE = 2, S_START_MS = 60 * 1000 };
enum { S_END_MS = 1000, S_TASK_LINKS = 2 /* of a folder without sub-folders */ };

/*  --- the pipe between an actor and who started it -------------------------------------------- */

void tacit_actor_ready(zsock_t *pipe, const char *endpoint)
{
    zstr_sendx(pipe, "READY", endpoint, NULL);
}

void tacit_actor_failed(zsock_t *pipe, const tacit_error_t *error)
{
    tacit_log_error("start_failed", error);
    char code[16];
    snprintf(code, sizeof code, "%d", (int)error->code);
    zstr_sendx(pipe, "FAILED", code, error->name, error->message, error->claim, error->expected,
               error->got, error->policy, error->remedy, NULL);
}

static void s_take(zmsg_t *message, char *to, size_t size)
{
    char *text = zmsg_popstr(message);
    snprintf(to, size, "%s", text ? text : "");
    freen(text);
}

static tacit_status_t s_take_error(zmsg_t *message, tacit_error_t *ret_error)
{
    char code[16];
    tacit_error_t error = {.code = TACIT_INTERNAL};
    s_take(message, code, sizeof code);
    long number = strtol(code, NULL, 10);
    error.code = number > 0 ? (tacit_status_t)number : TACIT_INTERNAL;
    s_take(message, error.name, sizeof error.name);
    s_take(message, error.message, sizeof error.message);
    s_take(message, error.claim, sizeof error.claim);
    s_take(message, error.expected, sizeof error.expected);
    s_take(message, error.got, sizeof error.got);
    s_take(message, error.policy, sizeof error.policy);
    s_take(message, error.remedy, sizeof error.remedy);
    if (ret_error) {
        *ret_error = error;
    }
    return error.code;
}

tacit_status_t tacit_actor_wait(zactor_t *actor, uint32_t timeout_ms, char *ret_endpoint,
                                tacit_error_t *ret_error)
{
    zpoller_t *poller = zpoller_new(actor, NULL);
    void *ready = poller ? zpoller_wait(poller, (int)timeout_ms) : NULL;
    bool stopped = poller && zpoller_terminated(poller);
    zpoller_destroy(&poller);
    if (!ready) {
        return tacit_error_set(ret_error, stopped ? TACIT_INTERRUPTED : TACIT_DEADLINE_EXCEEDED,
                               "the service did not get ready in time");
    }
    zmsg_t *message = zmsg_recv(actor);
    if (!message) {
        return tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL);
    }
    char verb[16];
    s_take(message, verb, sizeof verb);
    tacit_status_t status = TACIT_OK;
    if (strcmp(verb, "READY") == 0) {
        s_take(message, ret_endpoint, TACIT_ENDPOINT_MAX);
    } else {
        status = s_take_error(message, ret_error);
    }
    zmsg_destroy(&message);
    return status;
}

static long s_thread_count(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 ? (long)tasks.st_nlink - S_TASK_LINKS : 1;
}

void tacit_actors_end(void)
{
    zsys_shutdown();
    uint64_t until_ms = tacit_now_ms() + S_END_MS;
    while (s_thread_count() > 1 && tacit_now_ms() < until_ms) {
        struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
    }
}

void tacit_actor_linger(zsock_t *pipe)
{
    for (bool terminated = false; !terminated;) {
        char *command = zstr_recv(pipe);
        terminated = !command || strcmp(command, "$TERM") == 0;
        freen(command);
    }
}

static int s_on_pipe(zloop_t *loop, zsock_t *pipe, void *argument)
{
    (void)loop;
    (void)argument;
    char *command = zstr_recv(pipe);
    bool terminated = !command || strcmp(command, "$TERM") == 0;
    freen(command);
    return terminated ? -1 : 0;
}

void tacit_actor_attach(zsock_t *pipe, zloop_t *loop)
{
    /*  Signals are for main alone: an actor ends by $TERM, after it finished what it accepted.  */
    zloop_set_nonstop(loop, true);
    zloop_reader(loop, pipe, s_on_pipe, NULL);
    zloop_reader_set_tolerant(loop, pipe);
}

/*  --- the executable -------------------------------------------------------------------------- */

typedef struct {
    tacit_service_args_t args;
    const char *trust;
    int ready_fd;
    tacit_log_level_t level;
} s_options_t;

typedef struct {
    const char *name;
    const char *value;
    const char *help;
} s_help_row_t;

static const s_help_row_t s_help_rows[] = {
    {"--trust", "FILE", "trust.json: roots, operator, attestation service (required)"},
    {"--platform", "SOCKET", "socket of this host's tacit-platformd (required)"},
    {"--state", "DIR", "folder of this service's state"},
    {"--listen", "ENDPOINT", "where to serve (default: tcp://127.0.0.1:*)"},
    {"--introduction", "ENDPOINT", "plaintext endpoint, of the attestation service only"},
    {"--ready-fd", "N", "where to write READY or FAILED (default: 1)"},
    {"--log-level", "LEVEL", "debug, info, warning or error (default: info)"},
    {"--help", "", "this text"},
    {"--version", "", "the version"},
};

static void s_print_help(const tacit_daemon_t *daemon)
{
    printf("%s - %s\n\nUsage: %s --trust FILE --platform SOCKET [OPTION]...\n\n", daemon->name,
           daemon->summary, daemon->name);
    for (size_t i = 0; i < sizeof s_help_rows / sizeof *s_help_rows; i++) {
        const s_help_row_t *row = &s_help_rows[i];
        printf("  %-15s %-9s %s\n", row->name, row->value, row->help);
    }
    printf("\nUsually started by `tacit-operator up`.\n");
}

static int s_usage(const tacit_daemon_t *daemon, const char *what, const char *value)
{
    fprintf(stderr, "%s: %s%s%s; see %s --help\n", daemon->name, what, value ? ": " : "",
            value ? value : "", daemon->name);
    return S_EXIT_USAGE;
}

enum {
    S_TRUST = 256,
    S_PLATFORM,
    S_STATE,
    S_LISTEN,
    S_INTRODUCTION,
    S_READY_FD,
    S_LOG_LEVEL,
    S_HELP,
    S_VERSION
};

static const struct option s_long_options[] = {
    {"trust", required_argument, NULL, S_TRUST},
    {"platform", required_argument, NULL, S_PLATFORM},
    {"state", required_argument, NULL, S_STATE},
    {"listen", required_argument, NULL, S_LISTEN},
    {"introduction", required_argument, NULL, S_INTRODUCTION},
    {"ready-fd", required_argument, NULL, S_READY_FD},
    {"log-level", required_argument, NULL, S_LOG_LEVEL},
    {"help", no_argument, NULL, S_HELP},
    {"version", no_argument, NULL, S_VERSION},
    {NULL, 0, NULL, 0},
};

static bool s_set(char *to, size_t size, const char *value)
{
    return (size_t)snprintf(to, size, "%s", value) < size;
}

static bool s_set_fd(int *ret_fd, const char *value)
{
    char *end = NULL;
    long number = strtol(value, &end, 10);
    if (end == value || *end || number < 0 || number > 1023) {
        return false;
    }
    *ret_fd = (int)number;
    return true;
}

static bool s_option(s_options_t *options, int option, const char *value)
{
    tacit_service_args_t *args = &options->args;
    switch (option) {
    case S_TRUST:
        options->trust = value;
        return true;
    case S_PLATFORM:
        return s_set(args->platform, sizeof args->platform, value);
    case S_STATE:
        return s_set(args->state, sizeof args->state, value);
    case S_LISTEN:
        return s_set(args->listen, sizeof args->listen, value);
    case S_INTRODUCTION:
        return s_set(args->introduction, sizeof args->introduction, value);
    case S_READY_FD:
        return s_set_fd(&options->ready_fd, value);
    case S_LOG_LEVEL:
        return tacit_log_level_from_name(value, &options->level);
    default:
        return false;
    }
}

/*  Returns -1 to go on, or the exit code.  */
static int s_parse(int argc, char **argv, const tacit_daemon_t *daemon, s_options_t *options)
{
    for (;;) {
        int option = getopt_long(argc, argv, "", s_long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == S_HELP) {
            s_print_help(daemon);
            return S_EXIT_OK;
        }
        if (option == S_VERSION) {
            printf("%s %s\n", daemon->name, TACIT_VERSION);
            return S_EXIT_OK;
        }
        if (!s_option(options, option, optarg)) {
            return s_usage(daemon, "bad option", optarg);
        }
    }
    if (optind < argc) {
        return s_usage(daemon, "unexpected argument", argv[optind]);
    }
    if (!options->trust || !options->args.platform[0]) {
        return s_usage(daemon, "--trust and --platform are required", NULL);
    }
    return -1;
}

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

static int s_serve(const s_options_t *options, zactor_t *actor, int signal_fd)
{
    if (s_await(actor, signal_fd, S_START_MS) == S_SIGNALLED) {
        tacit_log(TACIT_LOG_INFO, "stopping", "asked to stop before it was ready");
        return S_EXIT_OK;
    }
    char endpoint[TACIT_ENDPOINT_MAX] = "";
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_actor_wait(actor, 0, endpoint, &error)) {
        s_tell_failed(options->ready_fd, &error);
        return S_EXIT_FAILED;
    }
    s_tell_ready(options->ready_fd, endpoint);
    tacit_log(TACIT_LOG_INFO, "ready", "serving at %s", endpoint[0] ? endpoint : "no endpoint");
    bool stopped = s_await(actor, signal_fd, -1) == S_SIGNALLED;
    tacit_log(stopped ? TACIT_LOG_INFO : TACIT_LOG_ERROR, "stopping",
              stopped ? "asked to stop" : "the service ended by itself");
    return stopped ? S_EXIT_OK : S_EXIT_FAILED;
}

static int s_run(const tacit_daemon_t *daemon, s_options_t *options, const sigset_t *signals)
{
    int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
    zactor_t *actor = signal_fd >= 0 ? zactor_new(daemon->actor, &options->args) : NULL;
    int code = actor ? s_serve(options, actor, signal_fd) : S_EXIT_FAILED;
    zactor_destroy(&actor);
    if (signal_fd >= 0) {
        close(signal_fd);
    }
    tacit_actors_end();
    return code;
}

int tacit_daemon_main(int argc, char **argv, const tacit_daemon_t *daemon)
{
    s_options_t options = {.ready_fd = STDOUT_FILENO, .level = TACIT_LOG_INFO};
    snprintf(options.args.listen, sizeof options.args.listen, "tcp://127.0.0.1:*");
    int code = s_parse(argc, argv, daemon, &options);
    if (code >= 0) {
        return code;
    }
    tacit_log_open(daemon->name, options.level);

    /*  Blocked in every thread started from here on; main takes them with a signalfd.  */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, not the end */
    zsys_handler_set(NULL);

    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_process_init() || tacit_trust_load(options.trust, &options.args.trust, &error)) {
        tacit_log_error("start_failed", &error);
        s_tell_failed(options.ready_fd, &error);
        return S_EXIT_FAILED;
    }
    return s_run(daemon, &options, &signals);
}
