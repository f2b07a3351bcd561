/*  upload_table.h - models of which not all is here yet: whose, how much, and within which limits.

    An upload is known by its manifest, which its owner signed and which names the digest of all its
    sealed bytes: whoever brings the same manifest as the same owner goes on with it, over another
    connection and after a restart of the service too (upload_keeper.h keeps it). It ends when it is
    whole, by a failure of storage or content, or TACIT_UPLOAD_KEPT_MS after it was last heard of.
    Where the owner or the table is at its limit an upload that nobody carries on, and that was
    quiet for TACIT_UPLOAD_PATIENCE_MS, gives way: clients that vanished shut nobody out. No clock,
    no file and no socket here. One thread only.  */

#ifndef TACIT_SERVICES_MODELS_UPLOAD_TABLE_H
#define TACIT_SERVICES_MODELS_UPLOAD_TABLE_H

#include <sodium.h>

#include "enclave/model_package.h"
#include "services/storage/blob_store.h"

enum {
    TACIT_UPLOADS_MAX = 64,
    TACIT_UPLOADS_PER_OWNER_MAX = 4,
    TACIT_UPLOAD_KEPT_MS = 24 * 60 * 60 * 1000,
    TACIT_UPLOAD_PATIENCE_MS = 30 * 1000
};

#define TACIT_UPLOADS_OWNER_BYTES_MAX ((uint64_t)3 << 30) /* sealed, of what they will be whole */

typedef struct tacit_upload {
    bool used;                       /* else a free row */
    tacit_model_manifest_t manifest; /* verified */
    uint8_t manifest_bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    char blob[TACIT_BLOB_NAME_MAX + 1];
    tacit_blob_writer_t *writer;        /* owned; NULL: nobody carries it on */
    crypto_hash_sha256_state hash;      /* of the sealed bytes so far */
    uint64_t size;                      /* how many */
    crypto_hash_sha256_state kept_hash; /* the same of those that are durable */
    uint64_t kept;
    uint64_t heard_ms; /* Unix */
    void *carrier;     /* who carries it on; the caller's */
} tacit_upload_t;

typedef struct tacit_upload_table tacit_upload_table_t;

/*  NULL without memory. Rows are given up before destroy, which is NULL-safe.  */
tacit_upload_table_t *tacit_upload_table_new(void);
void tacit_upload_table_destroy(tacit_upload_table_t **table);

/*  The owner's upload of exactly that manifest, or NULL.  */
tacit_upload_t *tacit_upload_table_find(tacit_upload_table_t *table,
                                        const uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE]);

/*  A row that must end: too old, or, where owner is not NULL, in the way of a new upload of that
    owner and so many bytes (0: of any). NULL: there is none.  */
tacit_upload_t *tacit_upload_table_stale(tacit_upload_table_t *table, uint64_t now_ms);
tacit_upload_t *tacit_upload_table_in_the_way(tacit_upload_table_t *table, const uint8_t owner[32],
                                              uint64_t bytes, uint64_t now_ms);

/*  A new row of that manifest, its hash begun. TACIT_MODELS_QUOTA_EXCEEDED at a limit.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_table_add(tacit_upload_table_t *table,
                                                       const tacit_model_manifest_t *manifest,
                                                       const uint8_t *manifest_bytes,
                                                       const uint8_t signature[64], uint64_t now_ms,
                                                       tacit_upload_t **ret_upload,
                                                       tacit_error_t *ret_error);

/*  Frees the row; its writer must have ended.  */
void tacit_upload_table_remove(tacit_upload_table_t *table, tacit_upload_t *upload);

/*  Rows in use, from index 0; NULL beyond the last row, which may not be in use itself.  */
tacit_upload_t *tacit_upload_table_row(tacit_upload_table_t *table, size_t index);

/*  What uploads under way will take: of an owner, and of all.  */
typedef struct tacit_upload_sum {
    uint32_t owner_models;
    uint64_t owner_bytes;
    uint64_t total_bytes;
} tacit_upload_sum_t;
tacit_upload_sum_t tacit_upload_table_sum(const tacit_upload_table_t *table,
                                          const uint8_t owner[32]);

/*  --- one upload ------------------------------------------------------------------------------ */

/*  The bytes that come next. TACIT_MODELS_CONTENT_MISMATCH where they are more than the manifest's;
    a status of storage ends the upload.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_append(tacit_upload_t *upload, tacit_span_t sealed,
                                                    tacit_error_t *ret_error);

/*  Is all there, and is it what the manifest names? TACIT_MODELS_CONTENT_MISMATCH.  */
TACIT_MUST_CHECK tacit_status_t tacit_upload_check(const tacit_upload_t *upload,
                                                   tacit_error_t *ret_error);

#endif
