/*  lifecycle.c - tacit-operator scale and down.  */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clients/lib/user.h"
#include "clients/operator/commands.h"
#include "clients/operator/control.h"
#include "enclave/clock.h"
#include "idl/inference.h"
#include "idl/mesh.h"

enum { S_WAIT_MS = 60 * 1000, S_POLL_MS = 50, S_WORKERS_MAX = 64, S_DOWN_MS = 60 * 1000 };

static void s_pause(void)
{
    struct timespec pause = {.tv_nsec = S_POLL_MS * 1000000L};
    nanosleep(&pause, NULL);
}

static tacit_status_t s_open(const tacit_invocation_t *invocation, tacit_identity_t **ret_identity,
                             tacit_client_t **ret_supervisor, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_user_identity(invocation, ret_identity, ret_error);
    return status ? status
                  : tacit_control_connect(invocation, *ret_identity, ret_supervisor, ret_error);
}

/*  --- scale ----------------------------------------------------------------------------------- */

static tacit_status_t s_take_number(const tacit_invocation_t *invocation, uint32_t *ret_workers,
                                    tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(invocation, "workers");
    char *end = NULL;
    unsigned long number = text ? strtoul(text, &end, 10) : 0;
    if (!text || end == text || *end || number > S_WORKERS_MAX) {
        return tacit_usage_error(invocation, ret_error, "scale needs --workers N, 0 to %d",
                                 S_WORKERS_MAX);
    }
    *ret_workers = (uint32_t)number;
    return TACIT_OK;
}

/*  Workers that the gateway has, attested and registered; SIZE_MAX where it does not answer.  */
static size_t s_count(tacit_client_t *gateway)
{
    tacit_inference_status_args_t args = {0};
    tacit_inference_status_result_t result = {0};
    return tacit_inference_status_call(gateway, &args, &result, NULL) ? SIZE_MAX
                                                                      : result.workers.count;
}

static tacit_status_t s_await(const tacit_invocation_t *invocation,
                              const tacit_identity_t *identity, uint32_t workers,
                              tacit_error_t *ret_error)
{
    tacit_mesh_t *mesh = NULL;
    tacit_client_t *gateway = NULL;
    uint32_t wait_ms = invocation->timeout_ms ? invocation->timeout_ms : S_WAIT_MS;
    uint64_t until_ms = tacit_monotonic_ms() + wait_ms;
    tacit_status_t status =
        tacit_control_mesh(invocation, identity, TACIT_CONTROL_PATIENCE_MS, &mesh, ret_error);
    if (!status) {
        status = tacit_mesh_connect(mesh, TACIT_ROLE_GATEWAY, &gateway, ret_error);
    }
    size_t count = SIZE_MAX;
    while (!status && (count = s_count(gateway)) != workers) {
        if (tacit_monotonic_ms() >= until_ms) {
            status = tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED,
                                     "the mesh has %zu workers and not yet %u", count, workers);
            tacit_error_remedy(ret_error, "it goes on; tacit-operator status shows how far it is");
        } else {
            s_pause();
        }
    }
    tacit_client_destroy(&gateway);
    tacit_mesh_destroy(&mesh);
    return status;
}

tacit_status_t tacit_command_scale(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_identity_t *identity = NULL;
    tacit_client_t *supervisor = NULL;
    tacit_mesh_scale_args_t args = {0};
    tacit_mesh_scale_result_t result = {0};
    tacit_status_t status = s_take_number(invocation, &args.workers, ret_error);
    if (!status) {
        status = s_open(invocation, &identity, &supervisor, ret_error);
    }
    if (!status) {
        status = tacit_mesh_scale_call(supervisor, &args, &result, ret_error);
    }
    if (!status) {
        status = s_await(invocation, identity, args.workers, ret_error);
    }
    if (!status) {
        printf(invocation->json ? "{\"before\": %u, \"workers\": %u}\n"
                                : "Scaled from %u to %u workers.\n",
               result.before, args.workers);
    }
    tacit_client_destroy(&supervisor);
    tacit_identity_destroy(&identity);
    return status;
}

/*  --- down ------------------------------------------------------------------------------------ */

/*  The supervisor holds run/lock as long as it lives; that it let go is the proof that the mesh is
    down, whether or not its last word still reached us.  */
static tacit_status_t s_await_end(const char *state, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = tacit_control_path(state, "run/lock", path, ret_error);
    if (status) {
        return status;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t until_ms = tacit_monotonic_ms() + S_DOWN_MS;
    bool held = fd >= 0;
    while (held && flock(fd, LOCK_SH | LOCK_NB) != 0) {
        if (tacit_monotonic_ms() >= until_ms) {
            status = tacit_error_set(ret_error, TACIT_DEADLINE_EXCEEDED,
                                     "the supervisor has not ended yet");
            break;
        }
        s_pause();
    }
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

tacit_status_t tacit_command_down(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_identity_t *identity = NULL;
    tacit_client_t *supervisor = NULL;
    tacit_mesh_down_args_t args = {0};
    tacit_status_t status = s_open(invocation, &identity, &supervisor, ret_error);
    if (!status) {
        status = tacit_client_call(supervisor, &tacit_mesh_down, &args, tacit_span(NULL, 0),
                                   S_DOWN_MS, NULL, NULL, ret_error);
        if (!status || status == TACIT_UNREACHABLE) {
            status = s_await_end(invocation->state, ret_error);
        }
    }
    if (!status && invocation->json) {
        printf("{\"down\": true}\n");
    } else if (!status) {
        printf("The mesh is down; its state stays in %s.\n", invocation->state);
    }
    tacit_client_destroy(&supervisor);
    tacit_identity_destroy(&identity);
    return status;
}
