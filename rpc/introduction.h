/*  introduction.h - the attestation service's own evidence, which nobody else can judge: verified
   in full against trust.json, over a nonce of the one who asks.  */

#ifndef TACIT_RPC_INTRODUCTION_H
#define TACIT_RPC_INTRODUCTION_H

#include "enclave/role.h"
#include "idl/introduction.h"
#include "rpc/trust.h"

/*  What quotes commit to: for the introduction, and for attesting over a session's exporter.  */
void tacit_introduction_commitment(const uint8_t nonce[32], const uint8_t curve_key[32],
                                   const uint8_t result_key[32], const uint8_t mesh_id[32],
                                   uint8_t ret_commitment[64]);
void tacit_attest_commitment(tacit_role_t role, const uint8_t exporter[32],
                             const uint8_t curve_key[32], const uint8_t signing_key[32],
                             const uint8_t mesh_id[32], uint8_t ret_commitment[64]);

/*  Its word is genuine as of now_ms, and of the attestation service that trust.json means.  */
TACIT_MUST_CHECK tacit_status_t tacit_introduction_verify(
    const tacit_trust_t *trust, const tacit_introduction_introduce_result_t *intro,
    const uint8_t nonce[32], uint64_t now_ms, tacit_claims_t *ret_claims, tacit_error_t *ret_error);

/*  The same of one that was stored, encoded; gives its result key.  */
TACIT_MUST_CHECK tacit_status_t tacit_introduction_verify_stored(
    const tacit_trust_t *trust, tacit_span_t introduction, const uint8_t nonce[32], uint64_t now_ms,
    uint8_t ret_result_key[32], tacit_claims_t *ret_claims, tacit_error_t *ret_error);

#endif
