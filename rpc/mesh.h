/*  mesh.h - a member's view of the mesh: the attestation service it verified, and through it
    everybody else.

    Opening asks the introduction endpoint with a fresh nonce, verifies the attestation service's
    evidence in full against trust.json, connects to it over CURVE and binds. Roles are then looked
    up there; each answer is an attestation result whose signature, mesh and expiry are checked
    before its CURVE key is used. One thread only.  */

#ifndef TACIT_RPC_MESH_H
#define TACIT_RPC_MESH_H

#include "rpc/client.h"
#include "rpc/trust.h"

enum {
    TACIT_MESH_PEERS_MAX = 64,          /* results of one look-up */
    TACIT_INTRODUCTION_MAX = 512 * 1024 /* bytes of an encoded introduction */
};

typedef struct tacit_mesh tacit_mesh_t;

/*  Own keys of a member that is no enclave: 32-byte CURVE keys, borrowed for the mesh's life.  */
typedef struct tacit_mesh_config {
    const tacit_trust_t *trust;
    tacit_role_t role; /* TACIT_ROLE_USER or TACIT_ROLE_OPERATOR; services use rpc/node.h */
    const uint8_t *public_key;
    const uint8_t *secret_key;
    uint32_t connect_ms;  /* 0: TACIT_CLIENT_CONNECT_MS */
    uint32_t patience_ms; /* so long an attestation service that is away is waited for: it
                             may be starting anew; 0: not at all */
    tacit_client_metrics_t *metrics; /* where calls of all its clients are counted; may be NULL */
} tacit_mesh_config_t;

TACIT_MUST_CHECK tacit_status_t tacit_mesh_open(const tacit_mesh_config_t *config,
                                                tacit_mesh_t **ret_mesh, tacit_error_t *ret_error);
void tacit_mesh_destroy(tacit_mesh_t **mesh);

/*  What the attestation service's evidence said, and the evidence itself (encoded as
    attestation.introduction's result), which with the nonce proves it to others later.  */
const tacit_claims_t *tacit_mesh_claims(const tacit_mesh_t *mesh);
tacit_span_t tacit_mesh_introduction(const tacit_mesh_t *mesh);
const uint8_t *tacit_mesh_nonce(const tacit_mesh_t *mesh);      /* 32 bytes */
const uint8_t *tacit_mesh_result_key(const tacit_mesh_t *mesh); /* Ed25519, 32 bytes */
const uint8_t *tacit_mesh_id(const tacit_mesh_t *mesh);
/*  The bound connection to the attestation service; lost, where a call over it has shown that: then
    the mesh is of no use any more.  */
tacit_client_t *tacit_mesh_attestation(tacit_mesh_t *mesh);
bool tacit_mesh_is_lost(const tacit_mesh_t *mesh);

typedef struct tacit_peer {
    tacit_result_t result;
    uint8_t result_bytes[TACIT_RESULT_SIZE];
    char endpoint[TACIT_ENDPOINT_MAX]; /* empty for members that only call */
} tacit_peer_t;

/*  Verified members of a role (TACIT_ROLE_NONE: of all), at most max.  */
TACIT_MUST_CHECK tacit_status_t tacit_mesh_lookup(tacit_mesh_t *mesh, tacit_role_t role,
                                                  tacit_peer_t *ret_peers, size_t max,
                                                  size_t *ret_count, tacit_error_t *ret_error);

/*  Connects to the first of them that can be reached; UNREACHABLE, or why the last one could not.
   They stand newest first: what was restarted before what its former life left behind.  */
typedef tacit_status_t tacit_peer_connect_t(void *self, const tacit_peer_t *peer,
                                            tacit_client_t **ret_client, tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_peers_connect(const tacit_peer_t *peers, size_t count,
                                                    tacit_role_t role,
                                                    tacit_peer_connect_t *connect, void *self,
                                                    tacit_client_t **ret_client,
                                                    tacit_error_t *ret_error);

/*  Look a role up, connect and bind to it. The client is the caller's.  */
TACIT_MUST_CHECK tacit_status_t tacit_mesh_connect(tacit_mesh_t *mesh, tacit_role_t role,
                                                   tacit_client_t **ret_client,
                                                   tacit_error_t *ret_error);

#endif
