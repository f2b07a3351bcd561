/*  binding_pair.c - two ends of a binding and the steps between them.  */

#include "tests/unit/binding_pair.h"

#include "enclave/clock.h"

#include <sodium.h>

void binding_pair_init(binding_pair_t *pair)
{
    memset(pair, 0, sizeof *pair);
    randombytes_buf(pair->client_curve, 32);
    randombytes_buf(pair->server_curve, 32);
    memcpy(pair->client_seen, pair->client_curve, 32);
    memcpy(pair->server_seen, pair->server_curve, 32);
    pair->expected = TACIT_ROLE_MESH;
    pair->now_ms = tacit_now_ms();
    pair->client = (tacit_party_t){.role = TACIT_ROLE_USER, .curve_public = pair->client_curve};
    pair->server = (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = pair->server_curve};
    memset(pair->client.mesh_id, 0x3e, 32);
    memset(pair->server.mesh_id, 0x3e, 32);
    memset(pair->server.policy_head, 0x4e, 32);
}

void binding_pair_clear(binding_pair_t *pair)
{
    tacit_binding_destroy(&pair->client_binding);
    tacit_binding_destroy(&pair->server_binding);
    tacit_session_destroy(&pair->client_session);
    tacit_session_destroy(&pair->server_session);
}

tacit_status_t binding_pair_open(binding_pair_t *pair)
{
    return tacit_binding_client(&pair->client, pair->server_seen, pair->expected,
                                &pair->client_binding, &pair->open);
}

tacit_status_t binding_pair_accept(binding_pair_t *pair)
{
    return tacit_binding_server(&pair->server, pair->client_seen, pair->now_ms, &pair->open,
                                &pair->server_binding, &pair->accept, &pair->error);
}

tacit_status_t binding_pair_confirm(binding_pair_t *pair)
{
    return tacit_binding_client_confirm(pair->client_binding, pair->now_ms, &pair->accept,
                                        &pair->confirm, &pair->error);
}

tacit_status_t binding_pair_server_finish(binding_pair_t *pair)
{
    return tacit_binding_server_finish(pair->server_binding, pair->now_ms, &pair->confirm,
                                       pair->mac, &pair->server_session, &pair->error);
}

tacit_status_t binding_pair_client_finish(binding_pair_t *pair)
{
    return tacit_binding_client_finish(pair->client_binding, pair->mac, &pair->client_session,
                                       &pair->error);
}

tacit_status_t binding_pair_run(binding_pair_t *pair, int from)
{
    static tacit_status_t (*const steps[])(binding_pair_t *) = {
        binding_pair_open,          binding_pair_accept,        binding_pair_confirm,
        binding_pair_server_finish, binding_pair_client_finish,
    };
    for (size_t i = (size_t)from; i < sizeof steps / sizeof steps[0]; i++) {
        tacit_status_t status = steps[i](pair);
        if (status != TACIT_OK) {
            return status;
        }
    }
    return TACIT_OK;
}
