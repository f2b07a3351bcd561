/*  upload_table.h - models that are being uploaded: bounded, and chunk by chunk in order.

    An upload belongs to the session that began it; nobody else, not even the same user in another
    session, can go on with it. It ends with its last chunk's commit, by a failure, or after
    TACIT_UPLOAD_LIFETIME_MS. Where the caller or the table is at its limit an upload that was quiet
    for TACIT_UPLOAD_PATIENCE_MS gives way, so that clients that vanished shut nobody out. No clock
    and no socket here. One thread only.  */

#ifndef TACIT_SERVICES_MODELS_UPLOAD_TABLE_H
#define TACIT_SERVICES_MODELS_UPLOAD_TABLE_H

#include <sodium.h>

#include "enclave/binding.h"
#include "enclave/model_package.h"
#include "services/storage/blob_store.h"

enum {
    TACIT_UPLOADS_MAX = 64,
    TACIT_UPLOADS_PER_CALLER_MAX = 4,
    TACIT_UPLOAD_LIFETIME_MS = 10 * 60 * 1000,
    TACIT_UPLOAD_PATIENCE_MS = 30 * 1000
};

typedef struct tacit_upload {
    uint64_t id; /* set by the table, from 1; 0: a free row */
    uint8_t caller[32];
    uint8_t session[TACIT_SESSION_ID_SIZE];
    tacit_model_manifest_t manifest; /* verified */
    uint8_t manifest_bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_blob_writer_t *writer;   /* owned */
    crypto_hash_sha256_state hash; /* of the sealed chunks so far */
    uint32_t next_chunk;
    uint64_t begun_ms;
    uint64_t heard_ms;
} tacit_upload_t;

typedef struct tacit_upload_table tacit_upload_table_t;

/*  NULL without memory.  */
tacit_upload_table_t *tacit_upload_table_new(void);
/*  Aborts every upload. NULL-safe.  */
void tacit_upload_table_destroy(tacit_upload_table_t **table);

/*  A new upload of that caller and session, its hash begun; the caller fills in manifest and
    writer. BUSY at a limit.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_table_add(tacit_upload_table_t *table,
                                                       const uint8_t caller[32],
                                                       const uint8_t *session, uint64_t now_ms,
                                                       tacit_upload_t **ret_upload);

/*  The upload of that number, caller and session, marked as heard of; NULL where there is none. */
tacit_upload_t *tacit_upload_table_find(tacit_upload_table_t *table, const uint8_t caller[32],
                                        const uint8_t *session, uint64_t id, uint64_t now_ms);

/*  The upload ended: aborts what was written, unless the writer was taken, and frees the row.  */
void tacit_upload_table_end(tacit_upload_table_t *table, tacit_upload_t *upload);

/*  Ends what is too old. Returns how many.  */
size_t tacit_upload_table_expire(tacit_upload_table_t *table, uint64_t now_ms);

/*  What uploads under way will take: of an owner, and of all.  */
typedef struct tacit_upload_sum {
    uint32_t owner_models;
    uint64_t owner_bytes;
    uint64_t total_bytes;
} tacit_upload_sum_t;
tacit_upload_sum_t tacit_upload_table_sum(const tacit_upload_table_t *table,
                                          const uint8_t owner[32]);

/*  The next chunk. TACIT_MODELS_WRONG_CHUNK (the upload goes on) where it is not the one that
    comes next or not of its sealed size; a status of storage ends the upload: the caller calls
    tacit_upload_table_end.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_put_chunk(tacit_upload_t *upload, uint32_t index,
                                                       tacit_span_t sealed,
                                                       tacit_error_t *ret_error);

/*  Are all chunks there, and are they what the manifest names? TACIT_MODELS_CONTENT_MISMATCH.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_check(const tacit_upload_t *upload,
                                                   tacit_error_t *ret_error);

#endif
