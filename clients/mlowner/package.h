/*  package.h - a model sealed and ready to be uploaded, chunk after chunk.

    The manifest, which names the digest of all sealed chunks, has to be signed before the first of
    them is sent. So they wait in a file without a name: of the plaintext no more than one chunk is
    in memory at a time, however large the model.  */

#ifndef TACIT_CLIENTS_MLOWNER_PACKAGE_H
#define TACIT_CLIENTS_MLOWNER_PACKAGE_H

#include "enclave/model_package.h"
#include "enclave/secret.h"

/*  Gives the plaintext of a chunk: exactly size bytes.  */
typedef tacit_status_t tacit_chunk_source_t(void *context, uint32_t index, uint8_t *ret_plaintext,
                                            size_t size, tacit_error_t *ret_error);

typedef struct tacit_package {
    tacit_model_manifest_t manifest;
    int file;  /* -1: none */
    bool kept; /* it has a name (kept_package.h) */
} tacit_package_t;

/*  Seals all chunks under the key into a file in folder. The manifest says whose, what, which
    version and how large; chunk count, digest and time are set here. Release it in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_package_seal(const tacit_model_manifest_t *manifest,
                                                   const tacit_secret_t *key, const char *folder,
                                                   tacit_chunk_source_t *source, void *context,
                                                   tacit_package_t *ret_package,
                                                   tacit_error_t *ret_error);

/*  The sealed bytes of a chunk into room for TACIT_PACKAGE_CHUNK_MAX.  */
enum { TACIT_PACKAGE_CHUNK_MAX = TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD };
TACIT_MUST_CHECK tacit_status_t tacit_package_chunk(const tacit_package_t *package, uint32_t index,
                                                    uint8_t *ret_sealed, size_t *ret_size,
                                                    tacit_error_t *ret_error);

/*  The same as one row of bytes: those at an offset are the same each time.  */
uint64_t tacit_package_size(const tacit_package_t *package);
TACIT_MUST_CHECK tacit_status_t tacit_package_read(const tacit_package_t *package, uint64_t offset,
                                                   uint8_t *ret_bytes, size_t size,
                                                   tacit_error_t *ret_error);

void tacit_package_release(tacit_package_t *package);

#endif
