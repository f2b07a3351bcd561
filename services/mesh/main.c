/*  main.c - tacit-supervisord: launches one mesh on one host and keeps it running.

    Started by `tacit-operator up`, which it answers as idl/mesh.idl on a CURVE endpoint of its own
    (run/mesh.json says where). It is a host process, trusted with nothing: it sees no key but the
    one of that endpoint.  */

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "enclave/command_line.h"
#include "enclave/secret.h"
#include "enclave/whole_file.h"
#include "idl/mesh.h"
#include "rpc/actor.h"
#include "rpc/fault.h"
#include "rpc/log.h"
#include "rpc/server.h"
#include "rpc/zap.h"
#include "services/mesh/supervisor.h"

typedef struct {
    const char *state;
    const char *bin;
    const char *manifest;  /* NULL: the default */
    const char *tee;       /* NULL: as the state is; a new one is SGX */
    const char *isolation; /* NULL: as the manifest has it */
    const char *backend;   /* NULL: as the manifest has it */
    tacit_manifest_t wanted;
    int lock_fd;
    uint8_t operator_curve[32];
    uint8_t operator_signing[32];
    uint8_t curve_public[32];
    tacit_secret_t *curve_secret;
    tacit_party_t party;
    tacit_server_t *server;
    tacit_supervisor_t *supervisor;
    zloop_t *loop;
    int signal_fd;
    tacit_call_t *down; /* answered when everything has stopped */
} s_main_t;

/*  --- handlers -------------------------------------------------------------------------------- */

/*  One that was never started, though there is a reason written down, cannot be.  */
static uint32_t s_state_of(const tacit_process_t *process)
{
    if (process->state != TACIT_PROCESS_STOPPED) {
        return (uint32_t)process->state;
    }
    return process->started_ms == 0 && process->last_exit[0] ? TACIT_MESH_PROCESS_STATE_FAILED
                                                             : TACIT_MESH_PROCESS_STATE_STARTING;
}

static void s_state_process(const tacit_process_t *from, tacit_mesh_process_t *ret_process)
{
    *ret_process = (tacit_mesh_process_t){
        .name = tacit_span_string(from->name),
        .executable = tacit_span_string(from->executable),
        .pid = (uint32_t)from->pid,
        .state = s_state_of(from),
        .restarts = from->restarts,
        .started_ms = from->started_ms,
        .last_exit = tacit_span_string(from->last_exit),
    };
}

static tacit_status_t s_status(void *argument, tacit_call_t *call,
                               const tacit_mesh_status_args_t *args,
                               tacit_mesh_status_result_t *ret_result)
{
    (void)args;
    const s_main_t *self = argument;
    const tacit_process_t *processes[TACIT_PROCESSES_MAX];
    size_t count = tacit_supervisor_processes(self->supervisor, processes, TACIT_PROCESSES_MAX);
    tacit_mesh_process_t *items =
        tacit_arena_alloc(tacit_call_arena(call), TACIT_PROCESSES_MAX * sizeof *items);
    if (!items) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        s_state_process(processes[i], &items[i]);
    }
    ret_result->processes.items = items;
    ret_result->processes.count = count;
    ret_result->simulated = true;
    ret_result->isolation = tacit_span_string(self->wanted.isolation);
    ret_result->backend = tacit_span_string(self->wanted.backend);
    return TACIT_OK;
}

static tacit_status_t s_scale(void *argument, tacit_call_t *call,
                              const tacit_mesh_scale_args_t *args,
                              tacit_mesh_scale_result_t *ret_result)
{
    s_main_t *self = argument;
    if (tacit_supervisor_scale(self->supervisor, args->workers, &ret_result->before)) {
        return tacit_error_claim(tacit_call_error(call), TACIT_TOO_LARGE, "workers", "0 to 64",
                                 "more");
    }
    tacit_log(TACIT_LOG_INFO, "scale", "from %u to %u workers", ret_result->before, args->workers);
    return TACIT_OK;
}

static tacit_status_t s_down(void *argument, tacit_call_t *call, const tacit_mesh_down_args_t *args,
                             tacit_mesh_down_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    s_main_t *self = argument;
    if (self->down) {
        return tacit_error_set(tacit_call_error(call), TACIT_BUSY, "the mesh is stopping already");
    }
    self->down = call;
    tacit_supervisor_stop(self->supervisor);
    return TACIT_PENDING;
}

static const tacit_mesh_handlers_t s_handlers = {
    .status = s_status,
    .scale = s_scale,
    .down = s_down,
};

/*  --- start and end --------------------------------------------------------------------------- */

static int s_on_signal(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    s_main_t *self = argument;
    struct signalfd_siginfo info;
    if (read(item->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        tacit_log(TACIT_LOG_INFO, "stopping", "signal %u", info.ssi_signo);
    }
    tacit_supervisor_stop(self->supervisor);
    return 0;
}

static tacit_status_t s_watch_signals(s_main_t *self)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    self->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    zmq_pollitem_t item = {.fd = self->signal_fd, .events = ZMQ_POLLIN};
    return self->signal_fd >= 0 && zloop_poller(self->loop, &item, s_on_signal, self) == 0
               ? TACIT_OK
               : TACIT_INTERNAL;
}

static tacit_status_t s_open_endpoint(s_main_t *self, tacit_error_t *ret_error)
{
    if (tacit_secret_new(32, &self->curve_secret)) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    crypto_box_keypair(self->curve_public, self->curve_secret->data);
    self->party = (tacit_party_t){
        .role = TACIT_ROLE_MESH,
        .curve_public = self->curve_public,
    };
    tacit_server_config_t config = {
        .endpoint = "tcp://127.0.0.1:*",
        .public_key = self->curve_public,
        .secret_key = self->curve_secret->data,
        .party = &self->party,
        .operator_key = self->operator_curve,
        .zap_domain = "mesh",
    };
    /*  Only the operator has business here.  */
    tacit_status_t status = tacit_zap_admit("mesh", &self->operator_curve, 1);
    if (!status) {
        status = tacit_server_new(&config, &self->server, ret_error);
    }
    if (!status) {
        status = tacit_server_add(self->server, &tacit_mesh_service, &s_handlers, self);
    }
    if (!status) {
        status = tacit_server_attach(self->server, self->loop);
    }
    return status;
}

#ifdef TACIT_FAULTS
/*  Where the operator may change the faults of all services while they run; they begin with those
    of the environment.  */
static tacit_status_t s_offer_faults(const s_main_t *self, tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    const char *rules = getenv("TACIT_FAULTS");
    tacit_faults_t *faults = NULL;
    tacit_status_t status = tacit_faults_new(rules, &faults, ret_error);
    tacit_faults_destroy(&faults);
    if (!status) {
        status = tacit_folder_path(self->state, "run/faults", path, ret_error);
    }
    if (!status && (tacit_whole_file_replace(path, tacit_span_string(rules ? rules : ""), 0600) ||
                    setenv("TACIT_FAULTS_FILE", path, 1) != 0)) {
        status = tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot write %s", path);
    }
    return status;
}
#else
static tacit_status_t s_offer_faults(const s_main_t *self, tacit_error_t *ret_error)
{
    char path[TACIT_FILE_MAX];
    tacit_status_t status = tacit_folder_path(self->state, "run/faults", path, ret_error);
    if (!status) {
        (void)unlink(path);
    }
    return status;
}
#endif

static tacit_status_t s_start(s_main_t *self, tacit_error_t *ret_error)
{
    tacit_tee_t tee = TACIT_TEE_SGX;
    tacit_status_t status = tacit_manifest_load(self->manifest, &self->wanted, ret_error);
    if (!status) {
        status = tacit_manifest_isolate(&self->wanted, self->isolation, self->backend, ret_error);
    }
    if (!status) {
        status = tacit_folders_tee(self->state, self->tee ? self->tee : "", &tee, ret_error);
    }
    if (!status) {
        status = tacit_folders_make(self->state, ret_error);
    }
    if (!status) {
        status = tacit_folders_lock(self->state, &self->lock_fd, ret_error);
    }
    if (!status) {
        status = tacit_folders_operator(self->state, self->operator_curve, self->operator_signing,
                                        ret_error);
    }
    if (!status) {
        status = s_offer_faults(self, ret_error);
    }
    if (!status) {
        status = s_open_endpoint(self, ret_error);
    }
    if (!status) {
        status = tacit_supervisor_new(self->state, self->bin, &self->wanted, tee, self->loop,
                                      &self->supervisor, ret_error);
    }
    if (!status) {
        status = s_watch_signals(self);
    }
    if (!status) {
        status = tacit_supervisor_start(self->supervisor, ret_error);
    }
    return status ? status
                  : tacit_folders_announce(self->state, tacit_server_endpoint(self->server),
                                           self->curve_public, tacit_manifest_worker(&self->wanted),
                                           ret_error);
}

static int s_run(s_main_t *self)
{
    tacit_error_t error = {.code = TACIT_OK};
    self->loop = zloop_new();
    tacit_zap_start();
    tacit_status_t status = self->loop ? s_start(self, &error) : TACIT_NO_MEMORY;
    if (status) {
        tacit_log_error("start_failed", &error);
        printf(error.claim[0] ? "FAILED %s: %s; %s: expected %s, got %s\n" : "FAILED %s: %s\n",
               error.name, error.message, error.claim, error.expected, error.got);
    } else {
        printf("READY %s\n", tacit_server_endpoint(self->server));
        fflush(stdout);
        zloop_set_nonstop(self->loop, true);
        zloop_start(self->loop);
        if (self->down) {
            tacit_mesh_down_result_t result = {0};
            tacit_call_finish(&self->down, TACIT_OK, &result);
        }
    }
    tacit_supervisor_destroy(&self->supervisor);
    zloop_destroy(&self->loop);
    tacit_server_destroy(&self->server);
    tacit_secret_destroy(&self->curve_secret);
    tacit_zap_stop();
    tacit_actors_end();
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*  --- options --------------------------------------------------------------------------------- */

static const tacit_line_option_t s_options[] = {
    {.name = "state",
     .argument = "DIR",
     .help = "folder of the mesh's state",
     .kind = TACIT_OPTION_WORD,
     .required = true,
     .offset = offsetof(s_main_t, state)},
    {.name = "bin",
     .argument = "DIR",
     .help = "folder of Tacit's programs",
     .kind = TACIT_OPTION_WORD,
     .required = true,
     .offset = offsetof(s_main_t, bin)},
    {.name = "manifest",
     .argument = "FILE",
     .help = "what to run (default: embedded)",
     .kind = TACIT_OPTION_WORD,
     .offset = offsetof(s_main_t, manifest)},
    {.name = "tee",
     .argument = "KIND",
     .help = "sgx, tdx or nitro: what the SIMULATED platform is (default: as before, else sgx)",
     .kind = TACIT_OPTION_WORD,
     .offset = offsetof(s_main_t, tee)},
    {.name = "isolation",
     .argument = "LEVEL",
     .help = "of workers: standard or strict (default: as the manifest has it)",
     .kind = TACIT_OPTION_WORD,
     .offset = offsetof(s_main_t, isolation)},
    {.name = "backend",
     .argument = "NAME",
     .help = "of workers: onednn or portable (default: as the manifest has it)",
     .kind = TACIT_OPTION_WORD,
     .offset = offsetof(s_main_t, backend)},
};

static const tacit_command_line_t s_line = {
    .name = "tacit-supervisord",
    .summary = "launches the mesh's processes and keeps them running",
    .usage = "--state DIR --bin DIR [--manifest FILE] [--tee KIND] [--isolation LEVEL] "
             "[--backend NAME]",
    .options = s_options,
    .option_count = sizeof s_options / sizeof *s_options,
    .notes = "Started by `tacit-operator up`. Says READY ENDPOINT or FAILED REASON on standard "
             "output.",
};

int main(int argc, char **argv)
{
    s_main_t self = {.lock_fd = -1, .signal_fd = -1};
    int code = tacit_command_line_parse(&s_line, argc, argv, &self, NULL);
    if (code >= 0) {
        return code;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    zsys_handler_set(NULL);
    tacit_log_open("tacit-supervisord", TACIT_LOG_INFO);
    if (tacit_process_init()) {
        fprintf(stderr, "tacit-supervisord: cannot initialise libsodium\n");
        return EXIT_FAILURE;
    }
    return s_run(&self);
}
