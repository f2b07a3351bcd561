/*  control.c - finding the supervisor and the mesh from the state folder.  */

#include "clients/operator/control.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/whole_file.h"

enum { S_MESH_FILE_MAX = 4096 };

tacit_status_t tacit_control_path(const char *state, const char *name, char ret_path[PATH_MAX],
                                  tacit_error_t *ret_error)
{
    if (snprintf(ret_path, PATH_MAX, "%s/%s", state, name) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
    }
    return TACIT_OK;
}

tacit_status_t tacit_control_bin(char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    ssize_t size = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
    char *slash = NULL;
    if (size > 0) {
        ret_path[size] = '\0';
        slash = strrchr(ret_path, '/');
    }
    if (!slash) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, "cannot tell where this program lies");
    }
    *slash = '\0';
    return TACIT_OK;
}

/*  --- the supervisor -------------------------------------------------------------------------- */

typedef struct {
    char endpoint[TACIT_ENDPOINT_MAX];
    uint8_t key[32];
    char worker[TACIT_CONTROL_PROGRAM_MAX];
} s_place_t;

static bool s_parse_place(const uint8_t *text, size_t size, s_place_t *ret_place)
{
    json_t *object = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *endpoint = json_string_value(json_object_get(object, "endpoint"));
    const char *key = json_string_value(json_object_get(object, "curve_key"));
    const char *worker = json_string_value(json_object_get(object, "worker"));
    size_t key_size = 0;
    bool whole = endpoint && key && worker && strlen(worker) < sizeof ret_place->worker &&
                 !strchr(worker, '/') && strlen(endpoint) < sizeof ret_place->endpoint &&
                 strlen(key) == 64 &&
                 sodium_hex2bin(ret_place->key, 32, key, 64, NULL, &key_size, NULL) == 0;
    if (whole) {
        snprintf(ret_place->endpoint, sizeof ret_place->endpoint, "%s", endpoint);
        snprintf(ret_place->worker, sizeof ret_place->worker, "%s", worker);
    }
    json_decref(object);
    return whole;
}

static tacit_status_t s_find(const char *state, s_place_t *ret_place, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_control_path(state, "run/mesh.json", path, ret_error);
    if (status) {
        return status;
    }
    status = tacit_whole_file_read(path, S_MESH_FILE_MAX, &text, &size);
    bool whole = !status && s_parse_place(text, size, ret_place);
    free(text);
    if (!whole) {
        tacit_error_set(ret_error, TACIT_UNREACHABLE, "no mesh was launched in %s", state);
        tacit_error_remedy(ret_error, "launch one with tacit-operator up, or name its folder with "
                                      "--state");
        return TACIT_UNREACHABLE;
    }
    return TACIT_OK;
}

tacit_status_t tacit_control_worker(const char *state, char ret_program[TACIT_CONTROL_PROGRAM_MAX],
                                    tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    s_place_t place = {.worker = "tacit-workerd"};
    tacit_status_t status = tacit_control_path(state, "run/mesh.json", path, ret_error);
    if (!status && access(path, F_OK) == 0) {
        status = s_find(state, &place, ret_error);
    }
    if (!status) {
        memcpy(ret_program, place.worker, sizeof place.worker);
    }
    return status;
}

tacit_status_t tacit_control_connect(const tacit_invocation_t *invocation,
                                     const tacit_identity_t *identity, tacit_client_t **ret_client,
                                     tacit_error_t *ret_error)
{
    s_place_t place;
    tacit_status_t status = s_find(invocation->state, &place, ret_error);
    if (status) {
        return status;
    }
    /*  The supervisor is no enclave: its key in run/mesh.json is all that vouches for it, and
        nothing secret is told to it.  */
    tacit_party_t party = {
        .role = TACIT_ROLE_OPERATOR,
        .curve_public = identity->public_key,
    };
    tacit_client_config_t config = {
        .endpoint = place.endpoint,
        .server_key = place.key,
        .public_key = identity->public_key,
        .secret_key = identity->secret_key->data,
        .party = &party,
        .peer_role = TACIT_ROLE_MESH,
        .metrics = invocation->metrics,
    };
    status = tacit_client_new(&config, ret_client, ret_error);
    if (status == TACIT_UNREACHABLE) {
        tacit_error_set(ret_error, status, "no mesh runs in %s", invocation->state);
        tacit_error_remedy(ret_error, "launch it with tacit-operator up");
    }
    return status;
}

/*  --- the mesh -------------------------------------------------------------------------------- */

tacit_status_t tacit_control_mesh(const tacit_invocation_t *invocation,
                                  const tacit_identity_t *identity, uint32_t patience_ms,
                                  tacit_mesh_t **ret_mesh, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_trust_t trust;
    tacit_status_t status = tacit_control_path(invocation->state, "trust.json", path, ret_error);
    if (!status) {
        status = tacit_trust_load(path, &trust, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_mesh_config_t config = {
        .trust = &trust,
        .role = TACIT_ROLE_OPERATOR,
        .public_key = identity->public_key,
        .secret_key = identity->secret_key->data,
        .patience_ms = patience_ms,
        .metrics = invocation->metrics,
    };
    return tacit_mesh_open(&config, ret_mesh, ret_error);
}
