/*  user.c - what every command of an owner begins with.  */

#include "clients/lib/user.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "idl/inference.h"
#include "idl/keys.h"
#include "rpc/frame.h"

enum {
    S_RESTART_MS = 5000, /* an attestation service that is away: it starts in less */
    S_ATTEST_MS = 2000,  /* anybody else: attests to it in less */
    S_PAUSE_MS = 100
};

tacit_status_t tacit_user_trust(const tacit_invocation_t *invocation, tacit_trust_t *ret_trust,
                                tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/trust.json", invocation->state) >= (int)sizeof path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
    }
    tacit_status_t status = tacit_trust_load(path, ret_trust, ret_error);
    if (status == TACIT_NOT_FOUND) {
        tacit_error_set(ret_error, status, "there is no %s", path);
        tacit_error_remedy(ret_error, "put the trust.json of the mesh's operator there, or name "
                                      "the mesh's folder with --state");
    }
    return status;
}

/*  An operator's identity is made by the first up, an owner's by init.  */
static void s_no_identity(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    const char *program = invocation->program->name;
    bool launches = strcmp(program, "tacit-operator") == 0;
    int size = snprintf(path, sizeof path, "%s/trust.json", invocation->state);
    if (launches && size < (int)sizeof path && access(path, F_OK) != 0) {
        tacit_error_set(ret_error, TACIT_NOT_FOUND, "there is no mesh in %s", invocation->state);
        tacit_error_remedy(ret_error,
                           "launch one with tacit-operator up, or name the mesh's folder "
                           "with --state");
    } else {
        tacit_error_set(ret_error, TACIT_NOT_FOUND, "no identity at %s/identity.json",
                        invocation->identity);
        tacit_error_remedy(ret_error, "make one with %s %s, or name its folder with --identity",
                           program, launches ? "up" : "init");
    }
}

tacit_status_t tacit_user_identity(const tacit_invocation_t *invocation,
                                   tacit_identity_t **ret_identity, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_identity_load(invocation->identity, ret_identity, ret_error);
    if (status == TACIT_NOT_FOUND && ret_error) {
        s_no_identity(invocation, ret_error);
    }
    return status;
}

/*  The user's patience, and at most so much of it.  */
static uint32_t s_patience(const tacit_user_t *user, uint32_t most_ms)
{
    return user->timeout_ms && user->timeout_ms < most_ms ? user->timeout_ms : most_ms;
}

/*  The mesh that there is stays until there is another one.  */
tacit_status_t tacit_user_renew(tacit_user_t *user, tacit_error_t *ret_error)
{
    tacit_mesh_t *mesh = NULL;
    tacit_mesh_config_t config = {
        .trust = &user->trust,
        .role = TACIT_ROLE_USER,
        .public_key = user->identity->public_key,
        .secret_key = user->identity->secret_key->data,
        .connect_ms = user->timeout_ms,
        .patience_ms = s_patience(user, S_RESTART_MS),
        .metrics = user->metrics,
    };
    tacit_status_t status = tacit_mesh_open(&config, &mesh, ret_error);
    if (status) {
        return status;
    }
    tacit_mesh_destroy(&user->mesh);
    user->mesh = mesh;
    return tacit_policy_remember(mesh, &user->trust, user->folder, &user->policy, ret_error);
}

tacit_status_t tacit_user_open(const tacit_invocation_t *invocation, tacit_user_t *ret_user,
                               tacit_error_t *ret_error)
{
    *ret_user =
        (tacit_user_t){.timeout_ms = invocation->timeout_ms, .metrics = invocation->metrics};
    memcpy(ret_user->folder, invocation->identity, sizeof ret_user->folder);
    tacit_status_t status = tacit_user_trust(invocation, &ret_user->trust, ret_error);
    if (!status) {
        status = tacit_user_identity(invocation, &ret_user->identity, ret_error);
    }
    return status ? status : tacit_user_renew(ret_user, ret_error);
}

void tacit_user_close(tacit_user_t *user)
{
    tacit_mesh_destroy(&user->mesh);
    tacit_identity_destroy(&user->identity);
}

/*  --- waiting for who is about to come -------------------------------------------------------- */

static void s_pause(void)
{
    const struct timespec pause = {.tv_nsec = S_PAUSE_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

typedef struct {
    uint64_t until_ms; /* monotonic */
    bool renewed;      /* the mesh was opened anew meanwhile */
} s_waiting_t;

static s_waiting_t s_waiting(const tacit_user_t *user)
{
    return (s_waiting_t){.until_ms = tacit_monotonic_ms() + s_patience(user, S_ATTEST_MS)};
}

/*  Before another look for somebody: false once that was long enough. An attestation service that
    was started again meanwhile is found again, and whoever is to attest to it has its time anew:
    once, since one that starts again and again would be waited for without an end.  */
static bool s_wait(tacit_user_t *user, s_waiting_t *waiting)
{
    if (tacit_monotonic_ms() >= waiting->until_ms) {
        return false;
    }
    s_pause();
    if (tacit_mesh_is_lost(user->mesh)) {
        if (waiting->renewed || tacit_user_renew(user, NULL)) {
            return false;
        }
        *waiting = s_waiting(user);
        waiting->renewed = true;
    }
    return true;
}

tacit_status_t tacit_user_connect(tacit_user_t *user, tacit_role_t role,
                                  tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    s_waiting_t waiting = s_waiting(user);
    tacit_status_t status = TACIT_OK;
    do {
        status = tacit_mesh_connect(user->mesh, role, ret_client, ret_error);
    } while (status == TACIT_UNREACHABLE && s_wait(user, &waiting));
    return status;
}

uint32_t tacit_user_deadline(const tacit_user_t *user, const tacit_method_t *method)
{
    bool sooner = user->timeout_ms > 0 && user->timeout_ms < method->deadline_ms;
    return sooner ? user->timeout_ms : method->deadline_ms;
}

/*  --- calls that are made once, however often they are sent ----------------------------------- */

static const uint64_t s_again_ns = 30 * (uint64_t)1000000000;

static bool s_may_be_lost(tacit_status_t status)
{
    return status == TACIT_UNREACHABLE || status == TACIT_DRAINING || status == TACIT_NO_SESSION ||
           status == TACIT_SESSION_EXPIRED || status == TACIT_INTERRUPTED ||
           status == TACIT_BULK_LOST || status == TACIT_DEADLINE_EXCEEDED;
}

/*  A service that is started anew has another endpoint and key: whatever is in the way of that is
    tried again.  */
static tacit_status_t s_reconnect(tacit_user_t *user, tacit_role_t role, uint64_t until_ns,
                                  tacit_client_t **client, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_UNREACHABLE;
    tacit_client_destroy(client);
    while (status && tacit_monotonic_ns() < until_ns) {
        s_pause();
        status = tacit_user_connect(user, role, client, ret_error);
    }
    return status;
}

tacit_status_t tacit_user_call_again(tacit_user_t *user, tacit_role_t role, tacit_client_t **client,
                                     const tacit_method_t *method, const void *args,
                                     void *ret_result, tacit_error_t *ret_error)
{
    uint8_t key[TACIT_OWN_KEY_SIZE];
    bool keyed = method->keyed != TACIT_KEYED_NONE;
    tacit_request_t request = {.method = method, .args = args};
    uint64_t until_ns = tacit_monotonic_ns() + s_again_ns;
    randombytes_buf(key, sizeof key);
    request.idempotency_key = tacit_span(key, keyed ? sizeof key : 0);
    tacit_status_t status =
        tacit_client_call_request(*client, &request, ret_result, NULL, ret_error);
    while (s_may_be_lost(status) && (keyed || method->idempotent) &&
           tacit_monotonic_ns() < until_ns) {
        status = s_reconnect(user, role, until_ns, client, ret_error);
        if (!status) {
            status = tacit_client_call_request(*client, &request, ret_result, NULL, ret_error);
        }
    }
    return status;
}

/*  --- init ------------------------------------------------------------------------------------ */

static tacit_status_t s_enrol(tacit_user_t *user, tacit_error_t *ret_error)
{
    tacit_client_t *keys = NULL;
    tacit_keys_enrol_args_t args = {.signing_key = tacit_span(user->identity->signing_public, 32)};
    tacit_keys_enrol_result_t result = {0};
    tacit_status_t status = tacit_user_connect(user, TACIT_ROLE_KEYS, &keys, ret_error);
    if (!status) {
        status = tacit_user_call_again(user, TACIT_ROLE_KEYS, &keys, &tacit_keys_enrol, &args,
                                       &result, ret_error);
    }
    tacit_client_destroy(&keys);
    return status;
}

tacit_status_t tacit_user_init(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    tacit_identity_t *identity = NULL;
    tacit_user_t user = {0};
    bool made = false;
    tacit_status_t status = tacit_identity_open(invocation->identity, &identity, &made, ret_error);
    tacit_identity_destroy(&identity);
    if (!status) {
        status = tacit_user_open(invocation, &user, ret_error);
    }
    if (!status) {
        status = s_enrol(&user, ret_error);
    }
    if (!status) {
        char id[65];
        sodium_bin2hex(id, sizeof id, user.identity->public_key, 32);
        if (invocation->json) {
            printf("{\"user\": \"%s\", \"made\": %s}\n", id, made ? "true" : "false");
        } else {
            printf("%s identity %s, enrolled at the key service.\nUser id: %s\n",
                   made ? "New" : "Known", invocation->identity, id);
        }
    }
    tacit_user_close(&user);
    return status;
}

/*  --- workers --------------------------------------------------------------------------------- */

static bool s_is_known(uint8_t (*measurements)[32], size_t count, const uint8_t measurement[32])
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(measurements[i], measurement, 32) == 0) {
            return true;
        }
    }
    return false;
}

static tacit_status_t s_find_workers(tacit_user_t *user, uint8_t (*ret_measurements)[32],
                                     size_t max, size_t *ret_count, size_t *ret_workers,
                                     tacit_error_t *ret_error)
{
    tacit_peer_t peers[TACIT_MESH_PEERS_MAX];
    size_t found = 0;
    size_t count = 0;
    tacit_status_t status = tacit_mesh_lookup(user->mesh, TACIT_ROLE_WORKER, peers,
                                              TACIT_MESH_PEERS_MAX, &found, ret_error);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < found && count < max; i++) {
        if (!s_is_known(ret_measurements, count, peers[i].result.mrenclave)) {
            memcpy(ret_measurements[count++], peers[i].result.mrenclave, 32);
        }
    }
    *ret_count = count;
    *ret_workers = found;
    return TACIT_OK;
}

tacit_status_t tacit_user_workers(tacit_user_t *user, uint8_t (*ret_measurements)[32], size_t max,
                                  size_t *ret_count, size_t *ret_workers, tacit_error_t *ret_error)
{
    s_waiting_t waiting = s_waiting(user);
    size_t count = 0;
    size_t workers = 0;
    tacit_status_t status = TACIT_OK;
    do {
        status = s_find_workers(user, ret_measurements, max, &count, &workers, ret_error);
    } while ((status == TACIT_UNREACHABLE || (!status && count == 0)) && s_wait(user, &waiting));
    if (!status && count == 0) {
        status = TACIT_INFERENCE_NO_WORKER;
        tacit_error_set_named(ret_error, status, "no_worker",
                              "no worker is attested at this moment");
        tacit_error_remedy(ret_error, "the operator starts one: tacit-operator scale --workers 1");
    }
    *ret_count = count;
    if (ret_workers) {
        *ret_workers = workers;
    }
    return status;
}
