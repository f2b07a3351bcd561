/*  node_channel.c - a channel's source that asks the attestation service who there is.  */

#include <stdlib.h>

#include "rpc/node.h"

typedef struct {
    tacit_node_t *node;
    tacit_role_t role;
} s_source_t;

static tacit_status_t s_resolve(void *self, tacit_target_t *ret_targets, size_t max,
                                size_t *ret_count, tacit_error_t *ret_error)
{
    const s_source_t *source = self;
    tacit_peer_t peers[TACIT_MESH_PEERS_MAX];
    size_t found = 0;
    size_t count = 0;
    tacit_status_t status = tacit_node_lookup(source->node, source->role, peers,
                                              TACIT_MESH_PEERS_MAX, &found, ret_error);
    for (size_t i = 0; i < found && count < max && !status; i++) {
        if (peers[i].endpoint[0]) {
            tacit_target_t *target = &ret_targets[count++];
            memcpy(target->endpoint, peers[i].endpoint, sizeof target->endpoint);
            memcpy(target->server_key, peers[i].result.curve_key, sizeof target->server_key);
        }
    }
    if (!status && count == 0) {
        status = tacit_error_set(ret_error, TACIT_UNREACHABLE, "no %s service has attested",
                                 tacit_role_name(source->role));
    }
    *ret_count = count;
    return status;
}

static tacit_status_t s_connect(void *self, const tacit_target_t *target, const atomic_bool *stop,
                                tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    const s_source_t *source = self;
    return tacit_node_connect_to(source->node, source->role, target->endpoint, target->server_key,
                                 stop, ret_client, ret_error);
}

tacit_status_t tacit_node_channel(tacit_node_t *node, tacit_role_t role, uint32_t patience_ms,
                                  tacit_channel_t **ret_channel, tacit_error_t *ret_error)
{
    s_source_t *source = calloc(1, sizeof *source);
    if (!source) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    source->node = node;
    source->role = role;
    const tacit_channel_config_t config = {
        .source = {.resolve = s_resolve,
                   .connect = s_connect,
                   .destroy = free,
                   .self = source,
                   .lane = role == TACIT_ROLE_MODELS},
        .patience_ms = patience_ms,
    };
    return tacit_channel_new(&config, ret_channel, ret_error);
}
