/*  up.c - tacit-operator up: identity, supervisor, policy, and the wait until all are attested.  */

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients/lib/progress.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "clients/operator/spawn.h"
#include "enclave/clock.h"
#include "enclave/whole_file.h"
#include "idl/attestation.h"
#include "idl/mesh.h"

enum {
    S_WAIT_MS = 60 * 1000, /* default for everything to be ready */
    S_POLL_MS = 100,
    S_RESTARTS_MAX = 5 /* of one process before up gives up waiting for it */
};

typedef struct {
    const tacit_invocation_t *invocation;
    tacit_identity_t *identity;
    char bin[PATH_MAX];
    char manifest[PATH_MAX]; /* empty: the embedded one */
    pid_t supervisor;
    uint64_t until_ms; /* monotonic */
    bool applied;      /* a policy was */
} s_up_t;

static void s_pause(void)
{
    struct timespec pause = {.tv_nsec = S_POLL_MS * 1000000L};
    nanosleep(&pause, NULL);
}

/*  --- identity -------------------------------------------------------------------------------- */

static bool s_make_folder(const char *state, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", state, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/*  What the supervisor may know of the operator.  */
static tacit_status_t s_publish(const s_up_t *up, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    char curve[65];
    char signing[65];
    char text[256];
    tacit_status_t status =
        tacit_control_path(up->invocation->state, "operator/public.json", path, ret_error);
    if (status) {
        return status;
    }
    sodium_bin2hex(curve, sizeof curve, up->identity->public_key, 32);
    sodium_bin2hex(signing, sizeof signing, up->identity->signing_public, 32);
    snprintf(text, sizeof text, "{\"curve_key\": \"%s\", \"signing_key\": \"%s\"}\n", curve,
             signing);
    status = tacit_whole_file_replace(path, tacit_span_string(text), 0600);
    return status ? tacit_error_set(ret_error, status, "cannot write %s", path) : TACIT_OK;
}

static tacit_status_t s_prepare(s_up_t *up, tacit_error_t *ret_error)
{
    const char *state = up->invocation->state;
    if (!s_make_folder(state, "operator") || !s_make_folder(state, "log")) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot make %s: %s", state,
                               strerror(errno));
    }
    bool made = false;
    tacit_status_t status =
        tacit_identity_open(up->invocation->identity, &up->identity, &made, ret_error);
    if (!status) {
        status = tacit_control_bin(up->bin, ret_error);
    }
    if (!status && up->invocation->operand_count &&
        !realpath(up->invocation->operands[0], up->manifest)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read the manifest %s: %s",
                                 up->invocation->operands[0], strerror(errno));
    }
    return status ? status : s_publish(up, ret_error);
}

/*  --- ^C -------------------------------------------------------------------------------------- */

static volatile sig_atomic_t s_asked; /* to stop */

static void s_on_signal(int number)
{
    (void)number;
    s_asked = 1;
}

/*  From here on ^C stops what was launched, too, which is in a session of its own.  */
static void s_watch_signals(void)
{
    const struct sigaction action = {.sa_handler = s_on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static tacit_status_t s_say_stopped(tacit_error_t *ret_error)
{
    return tacit_error_set(ret_error, TACIT_INTERRUPTED,
                           "stopped before the mesh was up; nothing of it runs");
}

/*  --- waiting --------------------------------------------------------------------------------- */

/*  What a look at the processes found.  */
typedef struct {
    size_t count;
    size_t ready;
    bool noted;
    char waited_for[96]; /* one that is not ready, and how its last life ended, where it had one */
    char why[192];
} s_view_t;

static void s_note(const tacit_mesh_process_t *process, s_view_t *view)
{
    view->count++;
    if (process->state == TACIT_MESH_PROCESS_STATE_READY) {
        view->ready++;
        return;
    }
    bool says = process->last_exit.size > 0;
    if (view->why[0] || (view->noted && !says)) {
        return; /* who said why counts, else the first */
    }
    view->noted = true;
    snprintf(view->waited_for, sizeof view->waited_for, "%.*s", (int)process->name.size,
             (const char *)process->name.data);
    snprintf(view->why, sizeof view->why, "%.*s", (int)process->last_exit.size,
             process->last_exit.data ? (const char *)process->last_exit.data : "");
}

/*  Who ended again and again says why: FAILED NAME: REASON.  */
static tacit_status_t s_status_of_why(const char *why)
{
    static const char failed[] = "FAILED ";
    const char *name = strncmp(why, failed, sizeof failed - 1) == 0 ? why + sizeof failed - 1 : "";
    return tacit_spawn_status(name, strcspn(name, ":"));
}

static tacit_status_t s_say_who(tacit_status_t status, const s_view_t *view,
                                tacit_error_t *ret_error)
{
    tacit_error_set(ret_error, status, "%zu of %zu processes are ready, %s is not%s%s", view->ready,
                    view->count, view->waited_for, view->why[0] ? ": " : "", view->why);
    tacit_error_remedy(ret_error, "see log/%s.log in the state folder%s", view->waited_for,
                       status == TACIT_DEADLINE_EXCEEDED ? "; more time: --timeout" : "");
    return status;
}

/*  What is not even started, and why: these programs and this state do not belong together.  */
static tacit_status_t s_say_never(const s_view_t *view, tacit_error_t *ret_error)
{
    tacit_error_set(ret_error, TACIT_WRONG_MESH, "%s", view->why);
    tacit_error_remedy(ret_error, "launch it by the programs and with the keys that it was made "
                                  "with, or make another mesh: --state DIR");
    return TACIT_WRONG_MESH;
}

/*  One look; a process that keeps failing ends it.  */
static tacit_status_t s_look(tacit_client_t *supervisor, const char *only, s_view_t *ret_view,
                             tacit_error_t *ret_error)
{
    tacit_mesh_status_args_t args = {0};
    tacit_mesh_status_result_t result = {0};
    tacit_status_t status = tacit_mesh_status_call(supervisor, &args, &result, ret_error);
    *ret_view = (s_view_t){.waited_for = "supervisor"};
    for (size_t i = 0; i < result.processes.count && !status; i++) {
        const tacit_mesh_process_t *process = &result.processes.items[i];
        s_note(process, ret_view);
        if (process->state == TACIT_MESH_PROCESS_STATE_FAILED && ret_view->why[0]) {
            status = s_say_never(ret_view, ret_error);
        } else if (process->state != TACIT_MESH_PROCESS_STATE_READY &&
                   process->restarts >= S_RESTARTS_MAX) {
            status = s_say_who(s_status_of_why(ret_view->why), ret_view, ret_error);
        }
        if (only && tacit_span_equal(process->name, tacit_span_string(only))) {
            break; /* those after it wait for the policy */
        }
    }
    return status;
}

static tacit_status_t s_await(const s_up_t *up, tacit_client_t *supervisor, const char *only,
                              tacit_error_t *ret_error)
{
    tacit_progress_t progress;
    tacit_progress_start(&progress, stderr, only ? "attesting" : "starting", 0);
    s_view_t view;
    bool whole = false;
    tacit_status_t status = TACIT_OK;
    do {
        status = s_look(supervisor, only, &view, ret_error);
        whole = view.count > 0 && view.ready == view.count;
        progress.total = view.count;
        tacit_progress_update(&progress, view.ready);
        if (!status && !whole && tacit_monotonic_ms() >= up->until_ms) {
            status = s_say_who(TACIT_DEADLINE_EXCEEDED, &view, ret_error);
        } else if (!status && !whole) {
            s_pause();
        }
    } while (!status && !whole && !s_asked);
    tacit_progress_end(&progress);
    return status;
}

static tacit_status_t s_bring_up(s_up_t *up, tacit_error_t *ret_error)
{
    tacit_client_t *supervisor = NULL;
    tacit_status_t status =
        tacit_control_connect(up->invocation, up->identity, &supervisor, ret_error);
    if (!status) {
        status = s_await(up, supervisor, "attestation", ret_error);
    }
    if (!status) {
        status = tacit_policy_ensure(up->invocation, up->bin, &up->applied, ret_error);
    }
    if (!status) {
        status = s_await(up, supervisor, NULL, ret_error);
    }
    tacit_client_destroy(&supervisor);
    return status;
}

/*  --- the command ----------------------------------------------------------------------------- */

/*  Until ^C; the supervisor is of the same process group and hears it too.  */
static void s_stay(const s_up_t *up)
{
    int wait_status = 0;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    while (waitpid(up->supervisor, &wait_status, 0) < 0 && errno == EINTR) {
    }
}

/*  Where the policy in force asks for more signatures than the operator's, a policy for new
   programs takes the others first, and they need the attestation service: what is refused meanwhile
   waits for it, as after a revocation.  */
static bool s_waits_for_signatures(const s_up_t *up, tacit_status_t status,
                                   tacit_error_t *ret_error)
{
    if ((int)status != TACIT_ATTESTATION_POLICY_UNSIGNED ||
        tacit_invocation_count(up->invocation, "foreground")) {
        return false;
    }
    if (ret_error) {
        snprintf(ret_error->message, sizeof ret_error->message,
                 "the mesh waits for a policy that lists these programs");
    }
    tacit_error_remedy(ret_error,
                       "tacit-operator policy generate > next.yaml; policy sign next.yaml "
                       "(each of the others); policy apply next.yaml. Or down");
    return true;
}

/*  A mesh that did not come up is not left half running.  */
static void s_give_up(const s_up_t *up)
{
    if (up->supervisor > 0) {
        int wait_status = 0;
        (void)kill(up->supervisor, SIGTERM);
        (void)waitpid(up->supervisor, &wait_status, 0);
    }
}

tacit_status_t tacit_command_up(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    uint32_t wait_ms = invocation->timeout_ms ? invocation->timeout_ms : S_WAIT_MS;
    s_up_t up = {.invocation = invocation, .until_ms = tacit_monotonic_ms() + wait_ms};
    tacit_status_t status = s_prepare(&up, ret_error);
    if (!status) {
        s_watch_signals();
        const tacit_spawn_t spawn = {
            .invocation = invocation,
            .bin = up.bin,
            .manifest = up.manifest[0] ? up.manifest : NULL,
        };
        status = tacit_spawn_supervisor(&spawn, &up.supervisor, ret_error);
    }
    if (!status) {
        status = s_bring_up(&up, ret_error);
    }
    bool stopped = s_asked != 0;
    if (stopped || (status && !s_waits_for_signatures(&up, status, ret_error))) {
        s_give_up(&up);
        status = stopped ? s_say_stopped(ret_error) : status;
    } else if (!status) {
        if (!invocation->json) {
            printf("The mesh is up in %s (SIMULATED platform)%s.\n\n", invocation->state,
                   up.applied ? "; a policy for these programs was signed and applied" : "");
        }
        status = tacit_status_print(invocation, up.identity, ret_error);
        fflush(stdout);
        if (!status && tacit_invocation_count(invocation, "foreground")) {
            s_stay(&up);
        }
    }
    tacit_identity_destroy(&up.identity);
    return status;
}
