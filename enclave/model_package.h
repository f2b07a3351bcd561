/*  model_package.h - an encrypted model as its owner publishes it.

    The plaintext is cut into chunks, each sealed under the model key with owner, name, version,
    index and count as associated data; the manifest carries the SHA-256 of the whole ciphertext
    and is signed by the owner (Ed25519). The store holds manifest, signature and ciphertext and
    can check both without any key; a worker checks both, then opens the chunks.  */

#ifndef TACIT_ENCLAVE_MODEL_PACKAGE_H
#define TACIT_ENCLAVE_MODEL_PACKAGE_H

#include "enclave/error.h"
#include "enclave/precision.h"
#include "enclave/seal.h"

enum {
    TACIT_MODEL_NAME_MAX = 64,           /* bytes, without NUL: [a-z0-9] then [a-z0-9._-] */
    TACIT_MODEL_CHUNK_SIZE = 256 * 1024, /* plaintext bytes of every chunk but the last */
    TACIT_MODEL_SIZE_MAX = 1 << 30,      /* plaintext bytes of a model */
    TACIT_MODEL_MANIFEST_SIZE = 256      /* encoded, without the signature, zero-padded */
};

typedef struct tacit_model_manifest {
    uint8_t owner[32];       /* CURVE public key of the owner */
    uint8_t signing_key[32]; /* the owner's Ed25519 public key */
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version;           /* from 1 */
    uint64_t plaintext_size;    /* bytes, 1..TACIT_MODEL_SIZE_MAX */
    uint32_t chunk_count;       /* follows from plaintext_size; checked */
    uint8_t content_sha256[32]; /* of all sealed chunks, in order */
    tacit_precision_t precision; /* to compute in */
    uint64_t created_ms;        /* Unix ms */
} tacit_model_manifest_t;

/*  1..64 characters, [a-z0-9] first, then [a-z0-9._-].  */
bool tacit_model_name_valid(tacit_span_t name);

/*  Number of chunks of so many bytes, and the sealed size of chunk index (index < count).  */
uint32_t tacit_model_chunk_count(uint64_t plaintext_size);
size_t tacit_model_chunk_sealed_size(uint64_t plaintext_size, uint32_t index);

/*  Encode and sign with the owner's Ed25519 secret key (64 bytes).  */
void tacit_model_manifest_sign(const tacit_model_manifest_t *manifest, const uint8_t secret_key[64],
                               uint8_t ret_bytes[TACIT_MODEL_MANIFEST_SIZE],
                               uint8_t ret_signature[64]);

/*  Decode; MALFORMED unless exact, canonical and in bounds; SIGNATURE_INVALID unless signed by
    the key that it names. Who that key belongs to is the caller's to check.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_manifest_verify(tacit_span_t bytes,
                                                            tacit_span_t signature,
                                                            tacit_model_manifest_t *ret_manifest,
                                                            tacit_error_t *ret_error);

/*  Seal and open one chunk; sizes as tacit_model_chunk_sealed_size says, less the overhead for
    plaintext. Opening gives CORRUPT for a chunk of another place, version, model or owner.  */
void tacit_model_chunk_seal(const tacit_model_manifest_t *manifest, uint32_t index,
                            const uint8_t model_key[TACIT_KEY_SIZE], tacit_span_t plaintext,
                            uint8_t *ret_sealed);
TACIT_MUST_CHECK tacit_status_t tacit_model_chunk_open(const tacit_model_manifest_t *manifest,
                                                       uint32_t index,
                                                       const uint8_t model_key[TACIT_KEY_SIZE],
                                                       tacit_span_t sealed, uint8_t *ret_plaintext);

#endif
