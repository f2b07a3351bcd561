/*  connect.c - which way leads to a service.  */

#include "clients/rpc/connect.h"

#include <jansson.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "enclave/whole_file.h"

enum { S_PLACE_MAX = 4096 };

static const struct {
    const char *service;
    tacit_role_t role;
} s_services[] = {
    {"attestation", TACIT_ROLE_ATTESTATION},
    {"inference", TACIT_ROLE_GATEWAY},
    {"keys", TACIT_ROLE_KEYS},
    {"models", TACIT_ROLE_MODELS},
};

/*  Without a word about who calls, somebody without a name may: a user that nobody knows.  */
static tacit_status_t s_identify(const tacit_invocation_t *invocation, tacit_identity_t **ret,
                                 tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_identity_load(invocation->identity, ret, ret_error);
    if (status == TACIT_NOT_FOUND && !tacit_invocation_value(invocation, "identity")) {
        status = tacit_identity_random(ret);
    }
    return status;
}

/*  --- of no mesh ------------------------------------------------------------------------------ */

static tacit_status_t s_connect(const char *endpoint, const uint8_t server_key[32],
                                tacit_role_t role, tacit_link_to_t *link, tacit_error_t *ret_error)
{
    const tacit_party_t party = {.role = role, .curve_public = link->identity->public_key};
    const tacit_client_config_t config = {
        .endpoint = endpoint,
        .server_key = server_key,
        .public_key = link->identity->public_key,
        .secret_key = link->identity->secret_key->data,
        .party = &party,
        .peer_role = TACIT_ROLE_MESH,
        .metrics = link->metrics,
    };
    tacit_status_t status = tacit_client_new(&config, &link->own, ret_error);
    link->client = link->own;
    return status;
}

static tacit_status_t s_open_direct(const tacit_invocation_t *invocation, tacit_link_to_t *link,
                                    tacit_error_t *ret_error)
{
    uint8_t key[32];
    const char *endpoint = tacit_invocation_value(invocation, "endpoint");
    const char *text = tacit_invocation_value(invocation, "server-key");
    if (!endpoint || !text || !tacit_hex_read(text, key, sizeof key)) {
        return tacit_usage_error(invocation, ret_error,
                                 "--endpoint needs --server-key, 64 hex digits, and the other way "
                                 "round");
    }
    return s_connect(endpoint, key, TACIT_ROLE_USER, link, ret_error);
}

/*  --- the supervisor -------------------------------------------------------------------------- */

static tacit_status_t s_open_supervisor(const tacit_invocation_t *invocation, tacit_link_to_t *link,
                                        tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    uint8_t key[32];
    int length = snprintf(path, sizeof path, "%s/run/mesh.json", invocation->state);
    if (length < 0 || (size_t)length >= sizeof path ||
        tacit_whole_file_read(path, S_PLACE_MAX, &text, &size)) {
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, "no mesh was launched in %s",
                               invocation->state);
    }
    json_t *place = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *endpoint = json_string_value(json_object_get(place, "endpoint"));
    const char *hex = json_string_value(json_object_get(place, "curve_key"));
    tacit_status_t status =
        endpoint && hex && tacit_hex_read(hex, key, sizeof key)
            ? s_connect(endpoint, key, TACIT_ROLE_OPERATOR, link, ret_error)
            : tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is not whole", path);
    json_decref(place);
    free(text);
    return status;
}

/*  --- the mesh -------------------------------------------------------------------------------- */

static tacit_status_t s_open_mesh(const tacit_invocation_t *invocation, tacit_link_to_t *link,
                                  tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_trust_t trust;
    int length = snprintf(path, sizeof path, "%s/trust.json", invocation->state);
    if (length < 0 || (size_t)length >= sizeof path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
    }
    tacit_status_t status = tacit_trust_load(path, &trust, ret_error);
    if (status) {
        return status;
    }
    bool is_operator = memcmp(trust.operator_curve_key, link->identity->public_key, 32) == 0;
    const tacit_mesh_config_t config = {
        .trust = &trust,
        .role = is_operator ? TACIT_ROLE_OPERATOR : TACIT_ROLE_USER,
        .public_key = link->identity->public_key,
        .secret_key = link->identity->secret_key->data,
        .metrics = link->metrics,
    };
    return tacit_mesh_open(&config, &link->mesh, ret_error);
}

static tacit_status_t s_open_role(const tacit_invocation_t *invocation, tacit_role_t role,
                                  tacit_link_to_t *link, tacit_error_t *ret_error)
{
    tacit_status_t status = s_open_mesh(invocation, link, ret_error);
    if (!status && role == TACIT_ROLE_ATTESTATION) {
        link->client = tacit_mesh_attestation(link->mesh);
    } else if (!status) {
        status = tacit_mesh_connect(link->mesh, role, &link->own, ret_error);
        link->client = link->own;
    }
    return status;
}

tacit_status_t tacit_link_open(const tacit_invocation_t *invocation, const char *service,
                               tacit_link_to_t *link, tacit_error_t *ret_error)
{
    link->metrics = invocation->metrics;
    tacit_status_t status = s_identify(invocation, &link->identity, ret_error);
    if (status) {
        return status;
    }
    if (tacit_invocation_value(invocation, "endpoint") ||
        tacit_invocation_value(invocation, "server-key")) {
        return s_open_direct(invocation, link, ret_error);
    }
    if (strcmp(service, "mesh") == 0) {
        return s_open_supervisor(invocation, link, ret_error);
    }
    for (size_t i = 0; i < sizeof s_services / sizeof *s_services; i++) {
        if (strcmp(s_services[i].service, service) == 0) {
            return s_open_role(invocation, s_services[i].role, link, ret_error);
        }
    }
    tacit_error_claim(ret_error, TACIT_BAD_INPUT, "service",
                      "attestation, inference, keys, mesh or models", service);
    tacit_error_remedy(ret_error, "name another service's place with --endpoint and --server-key");
    return TACIT_BAD_INPUT;
}

void tacit_link_close(tacit_link_to_t *link)
{
    tacit_client_destroy(&link->own);
    tacit_mesh_destroy(&link->mesh);
    tacit_identity_destroy(&link->identity);
}
