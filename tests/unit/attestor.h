/*  attestor.h - an attestation service for tests of who attests to one: it believes whoever asks,
   and counts. The test is signed as the attestation service (tacit_enclave), so that its evidence
   is genuine; a platform runs (platform_fixture.h).  */

#ifndef TACIT_TESTS_ATTESTOR_H
#define TACIT_TESTS_ATTESTOR_H

#include <czmq.h>
#include <stdatomic.h>

#include "rpc/server.h"
#include "rpc/trust.h"

typedef struct attestor {
    tacit_trust_t trust; /* of its mesh; the introduction's port stays the same in all its lives */
    atomic_int attested; /* calls, in this life */
    atomic_int looked;   /* calls that asked who there is, in this life */
    atomic_uchar policy; /* the first byte of the policy's head: another one is another policy */
    uint8_t result_public[32];
    uint8_t result_secret[64];
    uint8_t public_key[32]; /* CURVE, of this life */
    uint8_t secret_key[32];
    uint8_t result[TACIT_RESULT_SIZE]; /* its own */
    uint8_t head[32];
    tacit_claims_t claims; /* of this program's quotes */
    tacit_platform_t *platform;
    tacit_party_t party;
    tacit_server_t *server;
    zactor_t *actor;
} attestor_t;

/*  Makes the trust of a mesh whose platform keeps its state below that folder. Not started.  */
void attestor_init(attestor_t *attestor, const char *folder);

/*  A life of it: with another CURVE key, and knowing nobody. Both end the test where they fail.  */
void attestor_start(attestor_t *attestor);
void attestor_stop(attestor_t *attestor);

#endif
