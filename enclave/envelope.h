/*  envelope.h - one inference, sealed end to end between a data owner and a worker, and the
    receipt that the worker signs for it.  */

#ifndef TACIT_ENCLAVE_ENVELOPE_H
#define TACIT_ENCLAVE_ENVELOPE_H

#include "enclave/error.h"
#include "enclave/isolation.h"
#include "enclave/precision.h"
#include "enclave/model_package.h"
#include "enclave/seal.h"

enum {
    TACIT_REQUEST_ID_SIZE = 16,
    TACIT_RECEIPT_SIZE = 512 /* encoded, Ed25519 signature included, zero-padded */
};

/*  What both directions are bound to, as associated data.  */
typedef struct tacit_envelope {
    uint8_t request_id[TACIT_REQUEST_ID_SIZE]; /* random, one per request */
    uint8_t user[32];                          /* the data owner's CURVE public key */
    uint8_t owner[32];                         /* the model owner's */
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version;
} tacit_envelope_t;

typedef enum tacit_direction {
    TACIT_DIRECTION_REQUEST = 1,
    TACIT_DIRECTION_RESPONSE = 2
} tacit_direction_t;

/*  As tacit_seal and tacit_seal_open, under the request key.  */
void tacit_envelope_seal(const tacit_envelope_t *envelope, tacit_direction_t direction,
                         const uint8_t request_key[TACIT_KEY_SIZE], tacit_span_t plaintext,
                         uint8_t *ret_sealed);
TACIT_MUST_CHECK tacit_status_t tacit_envelope_open(const tacit_envelope_t *envelope,
                                                    tacit_direction_t direction,
                                                    const uint8_t request_key[TACIT_KEY_SIZE],
                                                    tacit_span_t sealed, uint8_t *ret_plaintext);

typedef struct tacit_receipt {
    tacit_envelope_t envelope;
    uint8_t request_sha256[32];  /* of the sealed request */
    uint8_t response_sha256[32]; /* of the sealed response */
    uint8_t model_sha256[32];    /* the manifest's content_sha256 */
    uint8_t mrenclave[32];       /* the worker's measurement */
    uint8_t policy_head[32];     /* policy in force */
    uint8_t mesh_id[32];
    bool simulated;
    tacit_isolation_t isolation; /* of the worker, as its measured configuration has it */
    tacit_backend_t backend;     /* as that has it */
    tacit_precision_t precision; /* as the model's manifest has it */
    uint64_t time_ms;            /* Unix ms, the worker's clock */
} tacit_receipt_t;

/*  Encode and sign with the worker's Ed25519 secret key.  */
void tacit_receipt_sign(const tacit_receipt_t *receipt, const uint8_t secret_key[64],
                        uint8_t ret_bytes[TACIT_RECEIPT_SIZE]);

/*  Decode and check the signature by the key that the worker's attestation result names.  */
TACIT_MUST_CHECK tacit_status_t tacit_receipt_verify(tacit_span_t bytes,
                                                     const uint8_t signing_key[32],
                                                     tacit_receipt_t *ret_receipt,
                                                     tacit_error_t *ret_error);

#endif
