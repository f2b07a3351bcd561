/*  model_sample.h - models for tests of their store: a signed manifest and its sealed chunks, which
    are noise, since the store has no key.  */

#ifndef TACIT_TESTS_MODEL_SAMPLE_H
#define TACIT_TESTS_MODEL_SAMPLE_H

#include "enclave/model_package.h"
#include "services/models/upload_table.h"

enum { MODEL_SAMPLE_CHUNK = TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD };

typedef struct model_sample {
    tacit_model_manifest_t manifest;
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
} model_sample_t;

/*  The owner is 32 times that byte, or that CURVE key. The manifest is signed and true.  */
model_sample_t model_sample(uint8_t owner, const char *name, uint32_t version, uint64_t size);
model_sample_t model_sample_of(const uint8_t owner[32], const char *name, uint32_t version,
                               uint64_t size);

/*  A sealed chunk of it, borrowed until the next.  */
tacit_span_t model_sample_chunk(const model_sample_t *sample, uint32_t index);

/*  Into an upload: the manifest's part.  */
void model_sample_fill(const model_sample_t *sample, tacit_upload_t *upload);

#endif
