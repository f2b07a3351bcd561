/*  result.h - the attestation result: the attestation service's word on one CURVE key.

    A passport (RFC 9334, section 5.1) of fixed layout, signed with Ed25519 by the result key that
    the attestation service's own evidence commits to. Little-endian; layout in docs/PROTOCOL.md. */

#ifndef TACIT_ENCLAVE_RESULT_H
#define TACIT_ENCLAVE_RESULT_H

#include "enclave/error.h"
#include "enclave/evidence.h"
#include "enclave/role.h"
#include "enclave/tier.h"

enum {
    TACIT_RESULT_SIZE = 512,                  /* bytes, signature included, zero-padded */
    TACIT_RESULT_LIFETIME_MS = 5 * 60 * 1000, /* at most; never beyond the collateral */
    TACIT_RESULT_CLOCK_SKEW_MS = 2 * 1000     /* tolerated where issued_ms lies ahead */
};

typedef struct tacit_result {
    tacit_role_t role; /* what the key's holder may act as */
    bool simulated;
    bool debug;
    tacit_tcb_status_t tcb_status; /* says nothing where the kind has none (tee.h) */
    tacit_tee_t tee;
    tacit_tier_t tier; /* what verification thinks of it, whatever the policy accepts */
    uint16_t product_id;
    uint16_t svn;
    uint8_t curve_key[32];              /* whom it speaks of */
    uint8_t signing_key[32];            /* that enclave's Ed25519 public key, for receipts */
    uint8_t attestation_key_sha256[32]; /* its platform's, as verified with collateral */
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint8_t platform_id[16];
    uint8_t root_sha256[32];
    uint8_t policy_head[32]; /* SHA-256 of the policy it was judged by */
    uint64_t policy_number;  /* and its number: a later policy has a higher one */
    uint8_t mesh_id[32];
    uint8_t issuer[32]; /* Ed25519 public key that signed this */
    uint64_t issued_ms; /* Unix ms */
    uint64_t expires_ms;
} tacit_result_t;

/*  Encode and sign; result->issuer is set from the secret key (Ed25519, 64 bytes).  */
void tacit_result_sign(tacit_result_t *result, const uint8_t secret_key[64],
                       uint8_t ret_bytes[TACIT_RESULT_SIZE]);

/*  Decode; refuse (RESULT_INVALID, RESULT_EXPIRED) unless exactly TACIT_RESULT_SIZE bytes, signed
    by that issuer, of that mesh, issued and not expired at now_ms.  */
TACIT_MUST_CHECK tacit_status_t tacit_result_verify(tacit_span_t bytes, const uint8_t issuer[32],
                                                    const uint8_t mesh_id[32], uint64_t now_ms,
                                                    tacit_result_t *ret_result,
                                                    tacit_error_t *ret_error);

#endif
