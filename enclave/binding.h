/*  binding.h - the attested binding: after the CURVE handshake, both sides prove inside the
    channel which code speaks and that it speaks on this channel.

        client                                   server
          | open: role, mesh, Nc, Ec               |
          |--------------------------------------->|  T over both CURVE keys, roles, audience,
          |            accept: session, Ns, Es,    |  mesh, policy head, session, Nc Ns Ec Es
          |                 [result, quote_s]      |  K = HKDF-SHA512(X25519(Ec,Es), T)
          |<---------------------------------------|  quote: report_data commits to
          | confirm: [result, quote_c], MAC_c      |    SHA-512("rd", role, T, HMAC(K, "bind"|role))
          |--------------------------------------->|
          |            established: MAC_s          |  MAC = HMAC(K, "confirm"|role|H(evidences))
          |<---------------------------------------|

    Enclaves prove themselves with an attestation result and a fresh quote; a user is its CURVE
    key, which the handshake proved. The roles operator and mesh are only claims here: whether the
    peer's CURVE key is theirs is for the caller to compare. Two small state machines, one per
    side, each used once; every wrong order, short field or failed check ends in the failed state
    and no key. Peer CURVE keys come from the sockets (User-Id, server key), never from a message.
    The key schedule is in schedule.h, the states in binding.c.  */

#ifndef TACIT_ENCLAVE_BINDING_H
#define TACIT_ENCLAVE_BINDING_H

#include "enclave/platform.h"
#include "enclave/result.h"
#include "enclave/secret.h"

enum {
    TACIT_BINDING_OPEN_MS = 30 * 1000,          /* a nonce lives so long */
    TACIT_SESSION_LIFETIME_MS = 10 * 60 * 1000, /* at most, and never beyond a result */
    TACIT_SESSION_ID_SIZE = 16
};

/*  What one side is and believes. A binding copies it when it starts, so that a renewed result
    changes nothing under way; only the platform must outlive the binding.  */
typedef struct tacit_party {
    tacit_role_t role;           /* own role; an enclave's needs platform and result */
    const uint8_t *curve_public; /* own CURVE key, 32 bytes */
    tacit_platform_t *platform;  /* NULL where the party is no enclave */
    tacit_span_t result;         /* own result, TACIT_RESULT_SIZE; empty where it is no enclave */
    const uint8_t *issuer;       /* the attestation service's result key, 32 bytes; NULL: none
                                    trusted yet, so that no attested peer is accepted */
    uint8_t mesh_id[32];
    uint8_t policy_head[32]; /* of the policy that this party's own result was judged by */
} tacit_party_t;

typedef struct tacit_binding tacit_binding_t;

typedef struct tacit_binding_open {
    uint8_t role; /* tacit_role_t of the client */
    uint8_t mesh_id[32];
    uint8_t nonce[32];
    uint8_t ephemeral[32]; /* X25519 public key */
} tacit_binding_open_t;

typedef struct tacit_binding_accept {
    uint8_t session_id[TACIT_SESSION_ID_SIZE];
    uint8_t policy_head[32];
    uint8_t nonce[32];
    uint8_t ephemeral[32];
    tacit_span_t result; /* empty, or TACIT_RESULT_SIZE bytes */
    tacit_span_t quote;  /* empty, or a quote */
} tacit_binding_accept_t;

typedef struct tacit_binding_confirm {
    tacit_span_t result; /* empty where the client is no enclave */
    tacit_span_t quote;  /* empty where the client is no enclave */
    uint8_t mac[64];
} tacit_binding_confirm_t;

/*  An established session, at either side.  */
typedef struct tacit_session {
    uint8_t id[TACIT_SESSION_ID_SIZE];
    tacit_role_t peer_role;
    uint8_t peer_curve[32];
    bool peer_attested; /* peer_result is meant */
    tacit_result_t peer_result;
    uint8_t policy_head[32];
    uint64_t expires_ms;      /* Unix ms */
    tacit_secret_t *send_key; /* TACIT_KEY_SIZE each; wraps secret fields on this session */
    tacit_secret_t *receive_key;
    uint8_t exporter[32]; /* unique to this channel; evidence sent on it commits to it */
} tacit_session_t;

void tacit_session_destroy(tacit_session_t **session);

/*  Client side. peer_curve is the socket's server key, peer_role who the client wants to speak to;
    a server of any other role is refused. An enclave that has no result yet opens as
    TACIT_ROLE_USER, which its key alone proves, and sends evidence over the exporter.  */
TACIT_MUST_CHECK tacit_status_t tacit_binding_client(const tacit_party_t *party,
                                                     const uint8_t peer_curve[32],
                                                     tacit_role_t peer_role,
                                                     tacit_binding_t **ret_binding,
                                                     tacit_binding_open_t *ret_open);
/*  The spans of ret_confirm live in the binding.  */
TACIT_MUST_CHECK tacit_status_t tacit_binding_client_confirm(tacit_binding_t *binding,
                                                             uint64_t now_ms,
                                                             const tacit_binding_accept_t *accept,
                                                             tacit_binding_confirm_t *ret_confirm,
                                                             tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_binding_client_finish(tacit_binding_t *binding,
                                                            const uint8_t mac[64],
                                                            tacit_session_t **ret_session,
                                                            tacit_error_t *ret_error);

/*  Server side. peer_curve is the ZAP User-Id of the connection. The spans of ret_accept live in
    the binding.  */
TACIT_MUST_CHECK tacit_status_t tacit_binding_server(const tacit_party_t *party,
                                                     const uint8_t peer_curve[32], uint64_t now_ms,
                                                     const tacit_binding_open_t *open,
                                                     tacit_binding_t **ret_binding,
                                                     tacit_binding_accept_t *ret_accept,
                                                     tacit_error_t *ret_error);
/*  A client role that is an enclave's needs result and quote; a user must send neither.  */
TACIT_MUST_CHECK tacit_status_t tacit_binding_server_finish(
    tacit_binding_t *binding, uint64_t now_ms, const tacit_binding_confirm_t *confirm,
    uint8_t ret_mac[64], tacit_session_t **ret_session, tacit_error_t *ret_error);

/*  The role that the peer says it has; nothing of it is proved yet.  */
tacit_role_t tacit_binding_peer_role(const tacit_binding_t *binding);

void tacit_binding_destroy(tacit_binding_t **binding);

#endif
