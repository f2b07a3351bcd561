/*  model_store.h - models that are whole: an index in SQLite (FOLDER/models.db), their sealed
   chunks as one blob each (FOLDER/blobs).

    The order of an upload's end is: blob synced and renamed, then the index row, so that a row
    always has its blob; what a crash leaves without a row, of a model or of an upload that is kept,
    is removed when the store opens. Removing
    goes the other way. Everything here is ciphertext and signed manifests: who reads checks them,
    the store only keeps nonsense out. One thread only, but any may read a chunk.  */

#ifndef TACIT_SERVICES_MODELS_MODEL_STORE_H
#define TACIT_SERVICES_MODELS_MODEL_STORE_H

#include "enclave/model_package.h"
#include "services/models/upload_table.h"
#include "services/storage/database.h"

enum { TACIT_MODELS_PER_OWNER_MAX = 256 /* versions, of all of an owner's models together */ };

#define TACIT_MODELS_OWNER_BYTES_MAX ((uint64_t)16 << 30)  /* sealed bytes of one owner */
#define TACIT_MODELS_TOTAL_BYTES_MAX ((uint64_t)256 << 30) /* sealed bytes of all */

/*  Lower limits than those; 0: those.  */
typedef struct tacit_model_limits {
    uint32_t models_per_owner;
    uint64_t owner_bytes;
    uint64_t total_bytes;
} tacit_model_limits_t;

typedef struct tacit_model_store tacit_model_store_t;

/*  Open FOLDER/models.db and FOLDER/blobs; removes blobs without a row.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_open(const char *folder,
                                                       const tacit_model_limits_t *limits,
                                                       tacit_model_store_t **ret_store,
                                                       tacit_error_t *ret_error);
/*  NULL-safe. Uploads must have ended.  */
void tacit_model_store_destroy(tacit_model_store_t **store);

/*  For uploads that are kept (upload_keeper.h): their rows stand beside the index, their unfinished
    blobs beside the others. Borrowed.  */
tacit_database_t *tacit_model_store_database(tacit_model_store_t *store);
tacit_blob_store_t *tacit_model_store_blobs(tacit_model_store_t *store);

/*  Bytes of all sealed chunks of a model.  */
uint64_t tacit_model_sealed_size(const tacit_model_manifest_t *manifest);

/*  May this model be uploaded, beside the uploads under way? TACIT_MODELS_STALE_VERSION,
    TACIT_MODELS_QUOTA_EXCEEDED. Gives the writer of its chunks.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_begin(tacit_model_store_t *store,
                                                        const tacit_model_manifest_t *manifest,
                                                        const tacit_upload_sum_t *under_way,
                                                        tacit_blob_writer_t **ret_writer,
                                                        tacit_error_t *ret_error);

/*  Makes an upload that was checked durable and visible; takes its writer, also where it fails.
    TACIT_MODELS_STALE_VERSION where another upload was faster; STORAGE_FULL changes nothing.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_add(tacit_model_store_t *store,
                                                      tacit_upload_t *upload,
                                                      tacit_error_t *ret_error);

/*  Manifest and signature; version 0: of the newest. NOT_FOUND.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_get(
    tacit_model_store_t *store, const uint8_t owner[32], tacit_span_t name, uint32_t version,
    uint8_t ret_manifest[TACIT_MODEL_MANIFEST_SIZE], uint8_t ret_signature[64]);

/*  Where a sealed chunk lies. NOT_FOUND, also beyond the last chunk.  */
typedef struct tacit_model_chunk {
    char blob[TACIT_BLOB_NAME_MAX + 1];
    uint64_t offset;
    size_t size;
} tacit_model_chunk_t;
TACIT_MUST_CHECK tacit_status_t tacit_model_store_find_chunk(tacit_model_store_t *store,
                                                             const uint8_t owner[32],
                                                             tacit_span_t name, uint32_t version,
                                                             uint32_t index,
                                                             tacit_model_chunk_t *ret_chunk);
/*  Its chunk->size bytes; any thread. CORRUPT where the blob is gone or short. cached: PENDING
   where the disk must be waited for.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_read_chunk(tacit_model_store_t *store,
                                                             const tacit_model_chunk_t *chunk,
                                                             bool cached, uint8_t *ret_bytes);

typedef struct tacit_model_entry {
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX + 1];
    uint32_t version;
    uint64_t size; /* plaintext bytes */
    uint64_t created_ms;
    uint8_t content_sha256[32];
} tacit_model_entry_t;

/*  By owner, name and version, those after skipping offset, at most max. owner NULL: of all.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_list(tacit_model_store_t *store,
                                                       const uint8_t *owner, size_t offset,
                                                       tacit_model_entry_t *ret_entries, size_t max,
                                                       size_t *ret_count);

/*  Removes a version of the owner's model; 0: all versions. NOT_FOUND.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_store_remove(tacit_model_store_t *store,
                                                         const uint8_t owner[32], tacit_span_t name,
                                                         uint32_t version);

#endif
