/*  schedule.h - the key schedule of the attested binding: from what both sides said to everything
    that proves or encrypts. Apart from the states (binding.c), so that it can be read and tested
    alone.

        T      = SHA-512(transcript "tacit/binding/v1": client role, server role, client CURVE key,
                 server CURVE key, Ec, Es, Nc, Ns, audience (the server role's name), mesh id,
                 policy head, session id)
        K      = HKDF-Extract-SHA512(salt T, X25519(Ec, Es))
        X(label, side, context) = HKDF-Expand-SHA512(K, transcript label: side, context)
        rd     = SHA-512(transcript "tacit/binding/rd/v1": side, T, X("tacit/binding/bind/v1",
   side))

    Transcripts are those of seal.h; side is "client" or "server". T holds both CURVE keys, so that
    one leaked key does not make the other end; the DH secret inside rd ties the quote to this
    channel; side and order stop reflection; audience and policy head stop use elsewhere.  */

#ifndef TACIT_ENCLAVE_SCHEDULE_H
#define TACIT_ENCLAVE_SCHEDULE_H

#include "enclave/error.h"
#include "enclave/role.h"
#include "enclave/secret.h"

enum {
    TACIT_SCHEDULE_HASH_SIZE = 64,   /* of T, K and whatever is expanded at most */
    TACIT_SCHEDULE_SESSION_SIZE = 16 /* of a session id */
};

typedef enum tacit_side { TACIT_SIDE_CLIENT = 0, TACIT_SIDE_SERVER = 1 } tacit_side_t;

/*  What one side contributes, as both see it.  */
typedef struct tacit_schedule_end {
    tacit_role_t role;
    uint8_t curve[32];     /* CURVE public key, from the socket */
    uint8_t ephemeral[32]; /* X25519 public key */
    uint8_t nonce[32];
} tacit_schedule_end_t;

typedef struct tacit_schedule_facts {
    tacit_schedule_end_t ends[2]; /* by tacit_side_t */
    uint8_t mesh_id[32];
    uint8_t policy_head[32];
    uint8_t session_id[TACIT_SCHEDULE_SESSION_SIZE];
} tacit_schedule_facts_t;

typedef struct tacit_schedule {
    uint8_t transcript[TACIT_SCHEDULE_HASH_SIZE]; /* T */
    tacit_secret_t *root;                         /* K, owned */
} tacit_schedule_t;

/*  ephemeral_secret is that of one's own end. PROTOCOL_ERROR where the peer's X25519 key is of
    small order, so that the shared secret would be known to all.  */
TACIT_MUST_CHECK tacit_status_t tacit_schedule_start(const tacit_schedule_facts_t *facts,
                                                     tacit_side_t own_side,
                                                     const uint8_t ephemeral_secret[32],
                                                     tacit_schedule_t *ret_schedule);
void tacit_schedule_clear(tacit_schedule_t *schedule);

/*  X above; size at most TACIT_SCHEDULE_HASH_SIZE.  */
void tacit_schedule_expand(const tacit_schedule_t *schedule, const char *label, tacit_side_t side,
                           tacit_span_t context, uint8_t *ret_bytes, size_t size);

/*  rd above: what that side's quote commits to.  */
void tacit_schedule_commitment(const tacit_schedule_t *schedule, tacit_side_t side,
                               uint8_t ret_commitment[TACIT_SCHEDULE_HASH_SIZE]);

#endif
