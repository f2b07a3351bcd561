/*  main.c - tacit-platformd, the executable: options, readiness, stop by signal.

    Not rpc/daemon.c's: that starts services which have a platform and a trust; this one is below
    both.  */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "enclave/secret.h"
#include "rpc/daemon.h"
#include "rpc/log.h"
#include "services/platform/platformd.h"

enum { S_EXIT_OK = 0, S_EXIT_FAILED = 1, S_EXIT_USAGE = 2, S_START_MS = 60 * 1000 };

typedef struct {
    tacit_platformd_args_t args;
    int ready_fd;
    tacit_log_level_t level;
} s_options_t;

static void s_print_help(void)
{
    printf("tacit-platformd - the SIMULATED trusted platform of one host\n\n"
           "Usage: tacit-platformd --state DIR --socket PATH [OPTION]...\n\n"
           "  --state DIR        keys, counters and the SIMULATED root (required)\n"
           "  --socket PATH      where services connect (required)\n"
           "  --ready-fd N       where to write READY or FAILED (default: 1)\n"
           "  --log-level LEVEL  debug, info, warning or error (default: info)\n"
           "  --help             this text\n"
           "  --version          the version\n\n"
           "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failed, 2 usage.\n"
           "Usually started by `tacit-operator up`.\n");
}

static int s_usage(const char *what)
{
    fprintf(stderr, "tacit-platformd: %s; see tacit-platformd --help\n", what);
    return S_EXIT_USAGE;
}

enum { S_STATE = 256, S_SOCKET, S_READY_FD, S_LOG_LEVEL, S_HELP, S_VERSION };

static const struct option s_long_options[] = {
    {"state", required_argument, NULL, S_STATE},
    {"socket", required_argument, NULL, S_SOCKET},
    {"ready-fd", required_argument, NULL, S_READY_FD},
    {"log-level", required_argument, NULL, S_LOG_LEVEL},
    {"help", no_argument, NULL, S_HELP},
    {"version", no_argument, NULL, S_VERSION},
    {NULL, 0, NULL, 0},
};

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
    tacit_platformd_args_t *args = &options->args;
    switch (option) {
    case S_STATE:
        return (size_t)snprintf(args->state, sizeof args->state, "%s", value) < sizeof args->state;
    case S_SOCKET:
        return (size_t)snprintf(args->socket, sizeof args->socket, "%s", value) <
               sizeof args->socket;
    case S_READY_FD:
        return s_set_fd(&options->ready_fd, value);
    case S_LOG_LEVEL:
        return tacit_log_level_from_name(value, &options->level);
    default:
        return false;
    }
}

/*  Returns -1 to go on, or the exit code.  */
static int s_parse(int argc, char **argv, s_options_t *options)
{
    for (;;) {
        int option = getopt_long(argc, argv, "", s_long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == S_HELP) {
            s_print_help();
            return S_EXIT_OK;
        }
        if (option == S_VERSION) {
            printf("tacit-platformd %s\n", TACIT_VERSION);
            return S_EXIT_OK;
        }
        if (!s_option(options, option, optarg)) {
            return s_usage("bad option");
        }
    }
    if (optind < argc) {
        return s_usage("unexpected argument");
    }
    if (!options->args.state[0] || !options->args.socket[0]) {
        return s_usage("--state and --socket are required");
    }
    return -1;
}

static void s_tell(int fd, const char *verb, const char *text)
{
    char line[TACIT_ERROR_MESSAGE_MAX + TACIT_ERROR_NAME_MAX + TACIT_PLATFORMD_PATH_MAX];
    int size = snprintf(line, sizeof line, "%s %s\n", verb, text);
    if (size > 0 && (size_t)size < sizeof line && write(fd, line, (size_t)size) != size) {
        tacit_log(TACIT_LOG_WARNING, "ready_not_told", "cannot write to fd %d: %s", fd,
                  strerror(errno));
    }
}

/*  Until a signal asks to stop (true) or the actor ends by itself (false).  */
static bool s_wait_for_end(zactor_t *actor, int signals)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(actor), .events = ZMQ_POLLIN},
        {.fd = signals, .events = ZMQ_POLLIN},
    };
    int found = 0;
    do {
        found = zmq_poll(items, 2, -1);
    } while (found < 0 && errno == EINTR);
    return found > 0 && (items[1].revents & ZMQ_POLLIN);
}

static int s_run(s_options_t *options, int signals)
{
    zactor_t *actor = zactor_new(tacit_platformd_actor, &options->args);
    if (!actor) {
        return S_EXIT_FAILED;
    }
    char endpoint[TACIT_ENDPOINT_MAX] = "";
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_actor_wait(actor, S_START_MS, endpoint, &error)) {
        char text[TACIT_ERROR_MESSAGE_MAX + TACIT_ERROR_NAME_MAX + 2];
        snprintf(text, sizeof text, "%s: %s", error.name, error.message);
        s_tell(options->ready_fd, "FAILED", text);
        zactor_destroy(&actor);
        return S_EXIT_FAILED;
    }
    s_tell(options->ready_fd, "READY", endpoint);
    bool stopped = s_wait_for_end(actor, signals);
    tacit_log(stopped ? TACIT_LOG_INFO : TACIT_LOG_ERROR, "stopping",
              stopped ? "asked to stop" : "the platform ended by itself");
    zactor_destroy(&actor);
    return stopped ? S_EXIT_OK : S_EXIT_FAILED;
}

/*  Blocked in every thread started from here on; main takes them from the descriptor.  */
static int s_block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    zsys_handler_set(NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    s_options_t options = {.ready_fd = STDOUT_FILENO, .level = TACIT_LOG_INFO};
    int code = s_parse(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    tacit_log_open("tacit-platformd", options.level);
    int signals = s_block_signals();
    if (signals < 0 || tacit_process_init() || tacit_process_seal()) {
        s_tell(options.ready_fd, "FAILED", "internal: cannot protect the process");
        return S_EXIT_FAILED;
    }
    code = s_run(&options, signals);
    close(signals);
    tacit_actors_end();
    return code;
}
