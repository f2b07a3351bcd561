/*  node.h - an attested member of the mesh: what every service does before it serves.

    Connects to the platform and is measured, seals the process, makes its CURVE and Ed25519 keys
    (in secret memory, never stored), opens the mesh, sends evidence over the bound channel, and
    holds the attestation result, renewing it in good time on the owner's zloop. If it cannot be
    renewed the result expires and peers refuse this node: it fails closed. One thread only,
    except where it says otherwise.  */

#ifndef TACIT_RPC_NODE_H
#define TACIT_RPC_NODE_H

#include "rpc/channel.h"
#include "rpc/mesh.h"
#include "rpc/server.h"

typedef struct tacit_node tacit_node_t;

typedef struct tacit_node_config {
    tacit_role_t role;
    const tacit_trust_t *trust;
    const char *platform_socket;
    uint32_t connect_ms; /* how long to wait for platform and attestation service; 0: 20 s */
} tacit_node_config_t;

/*  Platform, keys, process seal. Not yet attested.  */
TACIT_MUST_CHECK tacit_status_t tacit_node_new(const tacit_node_config_t *config,
                                               tacit_node_t **ret_node, tacit_error_t *ret_error);
void tacit_node_destroy(tacit_node_t **node);

/*  Was it refused since it attested? Then its loop has ended.  */
bool tacit_node_is_evicted(const tacit_node_t *node);

/*  Attest, announcing the endpoint where this node serves ("" where it only calls).  */
TACIT_MUST_CHECK tacit_status_t tacit_node_attest(tacit_node_t *node, const char *endpoint,
                                                  tacit_error_t *ret_error);

/*  Renew on that loop: well before the result expires, and at once when another policy came into
    force. Where that one refuses this node the loop ends: an enclave that is not wanted any more
    gives up its keys, its sessions and what it was doing. It ends, too, when the platform is lost:
    a new start connects to it again, and settles what was not counted.  */
TACIT_MUST_CHECK tacit_status_t tacit_node_attach(tacit_node_t *node, zloop_t *loop);

/*  The policy in force as this node knows it: for its servers, and for who decides about users. To
    be read on the node's loop.  */
const tacit_standing_t *tacit_node_standing(const tacit_node_t *node);

/*  For tacit_server_config_t: sessions that the node's servers refused; the node reports them.  */
tacit_refusals_t *tacit_node_refusals(tacit_node_t *node);

/*  For tacit_server_config_t: changes in place when the result is renewed.  */
const tacit_party_t *tacit_node_party(const tacit_node_t *node);
const uint8_t *tacit_node_public_key(const tacit_node_t *node);
const uint8_t *tacit_node_secret_key(const tacit_node_t *node);
const uint8_t *tacit_node_signing_secret_key(const tacit_node_t *node); /* Ed25519, 64 bytes */
const tacit_trust_t *tacit_node_trust(const tacit_node_t *node);
tacit_platform_t *tacit_node_platform(const tacit_node_t *node);

/*  Connect and bind to a role as this node. Any thread, as the two that follow.  */
TACIT_MUST_CHECK tacit_status_t tacit_node_connect(tacit_node_t *node, tacit_role_t role,
                                                   tacit_client_t **ret_client,
                                                   tacit_error_t *ret_error);

/*  The two halves: who has that role, newest first, and connecting to one of them.  */
TACIT_MUST_CHECK tacit_status_t tacit_node_lookup(tacit_node_t *node, tacit_role_t role,
                                                  tacit_peer_t *ret_peers, size_t max,
                                                  size_t *ret_count, tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_node_connect_to(
    tacit_node_t *node, tacit_role_t role, const char *endpoint, const uint8_t server_key[32],
    const atomic_bool *stop, tacit_client_t **ret_client, tacit_error_t *ret_error);

/*  A channel to all that have a role, for calls that survive their restarts. The node outlives it.
 */
TACIT_MUST_CHECK tacit_status_t tacit_node_channel(tacit_node_t *node, tacit_role_t role,
                                                   uint32_t patience_ms,
                                                   tacit_channel_t **ret_channel,
                                                   tacit_error_t *ret_error);

/*  The result at this moment, for who must show it to others. Any thread.  */
void tacit_node_copy_result(tacit_node_t *node, uint8_t ret_bytes[TACIT_RESULT_SIZE],
                            tacit_result_t *ret_result);

/*  What separates the sealing keys of meshes and purposes.  */
void tacit_sealing_context(const uint8_t mesh_id[32], const char *purpose, uint8_t ret_context[32]);

/*  Sealing key of this signer for this mesh and purpose.  */
TACIT_MUST_CHECK tacit_status_t tacit_node_sealing_key(tacit_node_t *node, const char *purpose,
                                                       tacit_secret_t **ret_key,
                                                       tacit_error_t *ret_error);

#endif
