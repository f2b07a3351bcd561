/*  trust.h - trust.json: all that a remote user has to be handed, and what it must match.  */

#ifndef TACIT_RPC_TRUST_H
#define TACIT_RPC_TRUST_H

#include "enclave/error.h"
#include "enclave/evidence.h"

enum { TACIT_ENDPOINT_MAX = 256 };

/*  The JSON keys are the fields' names; binary values are lowercase hex. Measurements and signers
    are in the words of the kind (enclave/tee.h).  */
typedef struct tacit_trust {
    bool simulated;                   /* must agree with the anchor's name */
    tacit_tee_t tee;                  /* what its enclaves are; left out of the file for SGX */
    uint8_t root_sha256[32];          /* trust anchor of evidence */
    uint8_t operator_signing_key[32]; /* Ed25519: signs policy */
    uint8_t operator_curve_key[32];   /* who is the operator on the wire */
    uint8_t attestation_mrsigner[32]; /* the attestation service: its signer, */
    uint16_t attestation_svn;         /* at least that SVN (its product id is its role) */
    bool has_attestation_mrenclave;   /* and exactly that code, where given */
    uint8_t attestation_mrenclave[32];
    char introduction[TACIT_ENDPOINT_MAX]; /* its plaintext endpoint */
} tacit_trust_t;

TACIT_MUST_CHECK tacit_status_t tacit_trust_load(const char *path, tacit_trust_t *ret_trust,
                                                 tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_trust_save(const tacit_trust_t *trust, const char *path,
                                                 tacit_error_t *ret_error);

/*  Names the mesh: SHA-256 over the transcript "tacit/mesh/v1" of everything above but the
   endpoint, an absent MRENCLAVE as an empty field; the kind last, where it is not SGX.  */
void tacit_trust_mesh_id(const tacit_trust_t *trust, uint8_t ret_mesh_id[32]);

#endif
