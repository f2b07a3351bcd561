/*  peer_evidence.h - is the peer of this channel the enclave it says?

    An attestation result says which code holds a CURVE key; a fresh quote, made over this
    channel's commitment with the attestation key that the result names, says that this code is
    here now. Both must say the same of everything.  */

#ifndef TACIT_ENCLAVE_PEER_EVIDENCE_H
#define TACIT_ENCLAVE_PEER_EVIDENCE_H

#include "enclave/result.h"

/*  What the evidence must match. All borrowed.  */
typedef struct tacit_peer_expected {
    const uint8_t *issuer;      /* whose results are believed, 32 bytes; NULL: nobody's */
    const uint8_t *mesh_id;     /* 32 bytes */
    const uint8_t *curve_key;   /* the peer's, from the socket, 32 bytes */
    const uint8_t *policy_head; /* that the peer claims for its result, 32 bytes; NULL: any */
    const uint8_t *commitment;  /* that its quote must be made for, 64 bytes */
    tacit_role_t role;
    uint64_t now_ms; /* Unix ms */
} tacit_peer_expected_t;

TACIT_MUST_CHECK tacit_status_t tacit_peer_evidence_judge(const tacit_peer_expected_t *expected,
                                                          tacit_span_t result, tacit_span_t quote,
                                                          tacit_result_t *ret_result,
                                                          tacit_error_t *ret_error);

#endif
