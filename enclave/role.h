/*  role.h - who a peer can be. The numbers are on the wire and in attestation results; for an
    enclave the role is also its product id (ISVPRODID), fixed by its signer.  */

#ifndef TACIT_ENCLAVE_ROLE_H
#define TACIT_ENCLAVE_ROLE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum tacit_role {
    TACIT_ROLE_NONE = 0,
    TACIT_ROLE_ATTESTATION = 1,
    TACIT_ROLE_KEYS = 2,
    TACIT_ROLE_MODELS = 3,
    TACIT_ROLE_GATEWAY = 4,
    TACIT_ROLE_WORKER = 5,
    TACIT_ROLE_USER = 16,     /* a person's client: identified by its CURVE key alone */
    TACIT_ROLE_OPERATOR = 17, /* the user whose CURVE key is the operator's in trust.json */
    TACIT_ROLE_MESH = 18      /* the supervisor: a host process, not an enclave */
} tacit_role_t;

/*  True for roles that only a measured enclave may take.  */
static inline bool tacit_role_is_enclave(tacit_role_t role)
{
    return role >= TACIT_ROLE_ATTESTATION && role <= TACIT_ROLE_WORKER;
}

/*  "attestation", "keys", "models", "gateway", "worker", "user", "operator", "mesh"; "none".  */
const char *tacit_role_name(tacit_role_t role);

/*  The role of that name, TACIT_ROLE_NONE where there is none.  */
tacit_role_t tacit_role_from_name(const char *name);

#endif
