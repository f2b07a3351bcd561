/*  model_store.c - one table, one folder.

    A blob's name is random, not the content's hash: two owners may store the same bytes, and what
    one removes must stay the other's.  */

#include "services/models/model_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "idl/models.h"
#include "services/storage/database.h"

enum { S_BLOB_NAME_BYTES = 16, S_PATH_MAX = 1024 };

struct tacit_model_store {
    tacit_database_t *database;
    tacit_blob_store_t *blobs;
    tacit_model_limits_t limits;
};

static const char s_schema[] =
    "CREATE TABLE IF NOT EXISTS models(owner BLOB NOT NULL, name TEXT NOT NULL, "
    "version INTEGER NOT NULL, size INTEGER NOT NULL, sealed_size INTEGER NOT NULL, "
    "created_ms INTEGER NOT NULL, content_sha256 BLOB NOT NULL, manifest BLOB NOT NULL, "
    "signature BLOB NOT NULL, blob TEXT NOT NULL UNIQUE, PRIMARY KEY(owner, name, version));"
    "CREATE TABLE IF NOT EXISTS uploads(blob TEXT NOT NULL PRIMARY KEY, manifest BLOB NOT NULL, "
    "signature BLOB NOT NULL, kept INTEGER NOT NULL, hash BLOB NOT NULL, "
    "heard_ms INTEGER NOT NULL);";

uint64_t tacit_model_sealed_size(const tacit_model_manifest_t *manifest)
{
    return manifest->plaintext_size + (uint64_t)manifest->chunk_count * TACIT_SEAL_OVERHEAD;
}

/*  --- opening --------------------------------------------------------------------------------- */

/*  A finished blob is kept for its model, an unfinished one for its upload.  */
static tacit_status_t s_has(tacit_model_store_t *self, const char *sql, const char *name,
                            bool *ret_keep)
{
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_text(statement, 1, tacit_span_string(name));
    tacit_status_t status = tacit_step(statement);
    sqlite3_reset(statement);
    if (!status || status == TACIT_NOT_FOUND) {
        *ret_keep = !status;
        status = TACIT_OK;
    }
    return status;
}

static tacit_status_t s_has_row(void *context, const char *name, bool *ret_keep)
{
    static const char sql[] = "SELECT 1 FROM models WHERE blob = ?1";
    return s_has(context, sql, name, ret_keep);
}

static tacit_status_t s_has_upload(void *context, const char *name, bool *ret_keep)
{
    static const char sql[] = "SELECT 1 FROM uploads WHERE blob = ?1";
    return s_has(context, sql, name, ret_keep);
}

static uint64_t s_lower(uint64_t wanted, uint64_t most)
{
    return wanted && wanted < most ? wanted : most;
}

static tacit_status_t s_open(tacit_model_store_t *self, const char *folder,
                             tacit_error_t *ret_error)
{
    char path[S_PATH_MAX];
    size_t removed = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/blobs", folder) >= sizeof path) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the folder's path is too long");
    }
    (void)snprintf(path, sizeof path, "%s/models.db", folder);
    tacit_status_t status = tacit_database_open(path, s_schema, &self->database, ret_error);
    if (!status) {
        (void)snprintf(path, sizeof path, "%s/blobs", folder);
        status = tacit_blob_store_open(path, s_has_upload, self, &self->blobs, ret_error);
    }
    if (!status) {
        status = tacit_blob_sweep(self->blobs, s_has_row, self, &removed);
        status = status ? tacit_error_set(ret_error, status, "cannot tidy up the model store")
                        : TACIT_OK;
    }
    return status;
}

tacit_status_t tacit_model_store_open(const char *folder, const tacit_model_limits_t *limits,
                                      tacit_model_store_t **ret_store, tacit_error_t *ret_error)
{
    tacit_model_store_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->limits = (tacit_model_limits_t){
        .models_per_owner = (uint32_t)s_lower(limits->models_per_owner, TACIT_MODELS_PER_OWNER_MAX),
        .owner_bytes = s_lower(limits->owner_bytes, TACIT_MODELS_OWNER_BYTES_MAX),
        .total_bytes = s_lower(limits->total_bytes, TACIT_MODELS_TOTAL_BYTES_MAX),
    };
    tacit_status_t status = s_open(self, folder, ret_error);
    if (status) {
        tacit_model_store_destroy(&self);
        return status;
    }
    *ret_store = self;
    return TACIT_OK;
}

void tacit_model_store_destroy(tacit_model_store_t **store)
{
    if (*store) {
        tacit_database_destroy(&(*store)->database);
        tacit_blob_store_destroy(&(*store)->blobs);
        free(*store);
        *store = NULL;
    }
}

tacit_database_t *tacit_model_store_database(tacit_model_store_t *store)
{
    return store->database;
}

tacit_blob_store_t *tacit_model_store_blobs(tacit_model_store_t *store)
{
    return store->blobs;
}

/*  --- adding ---------------------------------------------------------------------------------- */

static tacit_status_t s_check_version(tacit_model_store_t *self,
                                      const tacit_model_manifest_t *manifest,
                                      tacit_error_t *ret_error)
{
    static const char sql[] =
        "SELECT coalesce(max(version), 0) FROM models WHERE owner = ?1 AND name = ?2";
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_blob(statement, 1, tacit_span(manifest->owner, 32));
    tacit_bind_text(statement, 2, tacit_span_string(manifest->name));
    tacit_status_t status = tacit_step(statement);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    uint64_t newest = tacit_column_u64(statement, 0);
    sqlite3_reset(statement);
    if (manifest->version > newest) {
        return TACIT_OK;
    }
    char want[48];
    char have[32];
    snprintf(want, sizeof want, "above %" PRIu64, newest);
    snprintf(have, sizeof have, "%" PRIu32, manifest->version);
    return tacit_error_claim(ret_error, TACIT_MODELS_STALE_VERSION, "version", want, have);
}

/*  What is stored and under way, of that owner and of all.  */
static tacit_status_t s_sum(tacit_model_store_t *self, const uint8_t owner[32],
                            tacit_upload_sum_t *sum)
{
    static const char sql[] =
        "SELECT count(*) FILTER (WHERE owner = ?1), "
        "coalesce(sum(sealed_size) FILTER (WHERE owner = ?1), 0), coalesce(sum(sealed_size), 0) "
        "FROM models";
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_blob(statement, 1, tacit_span(owner, 32));
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        sum->owner_models += (uint32_t)tacit_column_u64(statement, 0);
        sum->owner_bytes += tacit_column_u64(statement, 1);
        sum->total_bytes += tacit_column_u64(statement, 2);
        sqlite3_reset(statement);
    }
    return status;
}

static tacit_status_t s_check_quota(tacit_model_store_t *self,
                                    const tacit_model_manifest_t *manifest,
                                    const tacit_upload_sum_t *under_way, tacit_error_t *ret_error)
{
    tacit_upload_sum_t sum = *under_way;
    tacit_status_t status = s_sum(self, manifest->owner, &sum);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    uint64_t bytes = tacit_model_sealed_size(manifest);
    const struct {
        const char *claim;
        uint64_t needed;
        uint64_t most;
    } rows[] = {
        {"models of the owner", (uint64_t)sum.owner_models + 1, self->limits.models_per_owner},
        {"bytes of the owner", sum.owner_bytes + bytes, self->limits.owner_bytes},
        {"bytes of the store", sum.total_bytes + bytes, self->limits.total_bytes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].needed > rows[i].most) {
            char want[48];
            char have[32];
            snprintf(want, sizeof want, "at most %" PRIu64, rows[i].most);
            snprintf(have, sizeof have, "%" PRIu64, rows[i].needed);
            tacit_error_claim(ret_error, TACIT_MODELS_QUOTA_EXCEEDED, rows[i].claim, want, have);
            tacit_error_remedy(ret_error, "remove old versions: tacit-mlowner rm");
            return TACIT_MODELS_QUOTA_EXCEEDED;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_model_store_begin(tacit_model_store_t *store,
                                       const tacit_model_manifest_t *manifest,
                                       const tacit_upload_sum_t *under_way,
                                       tacit_blob_writer_t **ret_writer, tacit_error_t *ret_error)
{
    /*  Signed or not, it is a number that SQLite has to hold.  */
    if (manifest->created_ms > INT64_MAX) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "manifest.created_ms", "a time",
                                 "beyond 2^63");
    }
    tacit_status_t status = s_check_version(store, manifest, ret_error);
    if (!status) {
        status = s_check_quota(store, manifest, under_way, ret_error);
    }
    if (status) {
        return status;
    }
    uint8_t random[S_BLOB_NAME_BYTES];
    char name[2 * S_BLOB_NAME_BYTES + 1];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(name, sizeof name, random, sizeof random);
    status = tacit_blob_create(store->blobs, name, ret_writer);
    return status ? tacit_error_set(ret_error, status, NULL) : TACIT_OK;
}

static tacit_status_t s_insert(tacit_model_store_t *self, const tacit_upload_t *upload,
                               const char *blob)
{
    static const char sql[] = "INSERT INTO models(owner, name, version, size, sealed_size, "
                              "created_ms, content_sha256, manifest, signature, blob) "
                              "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    const tacit_model_manifest_t *manifest = &upload->manifest;
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_blob(statement, 1, tacit_span(manifest->owner, 32));
    tacit_bind_text(statement, 2, tacit_span_string(manifest->name));
    tacit_bind_u64(statement, 3, manifest->version);
    tacit_bind_u64(statement, 4, manifest->plaintext_size);
    tacit_bind_u64(statement, 5, tacit_model_sealed_size(manifest));
    tacit_bind_u64(statement, 6, manifest->created_ms);
    tacit_bind_blob(statement, 7, tacit_span(manifest->content_sha256, 32));
    tacit_bind_blob(statement, 8, tacit_span(upload->manifest_bytes, TACIT_MODEL_MANIFEST_SIZE));
    tacit_bind_blob(statement, 9, tacit_span(upload->signature, sizeof upload->signature));
    tacit_bind_text(statement, 10, tacit_span_string(blob));
    return tacit_step_done(statement);
}

tacit_status_t tacit_model_store_add(tacit_model_store_t *store, tacit_upload_t *upload,
                                     tacit_error_t *ret_error)
{
    char blob[TACIT_BLOB_NAME_MAX + 1];
    tacit_status_t status = s_check_version(store, &upload->manifest, ret_error);
    if (status) {
        tacit_blob_abort(&upload->writer);
        return status;
    }
    snprintf(blob, sizeof blob, "%s", tacit_blob_writer_name(upload->writer));
    status = tacit_blob_finish(&upload->writer);
    if (!status) {
        status = s_insert(store, upload, blob);
        if (status) {
            (void)!tacit_blob_remove(store->blobs, blob); /* else the next start does */
        }
    }
    return status ? tacit_error_set(ret_error, status, NULL) : TACIT_OK;
}

/*  --- reading --------------------------------------------------------------------------------- */

/*  The row of a version, or of the newest: manifest, signature, size, blob.  */
static tacit_status_t s_find(tacit_model_store_t *self, const uint8_t owner[32], tacit_span_t name,
                             uint32_t version, sqlite3_stmt **ret_row)
{
    static const char sql[] = "SELECT manifest, signature, size, blob FROM models WHERE owner = ?1 "
                              "AND name = ?2 AND (?3 = 0 OR version = ?3) "
                              "ORDER BY version DESC LIMIT 1";
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_blob(statement, 1, tacit_span(owner, 32));
    tacit_bind_text(statement, 2, name);
    tacit_bind_u64(statement, 3, version);
    tacit_status_t status = tacit_step(statement);
    if (!status) {
        *ret_row = statement;
    }
    return status;
}

tacit_status_t tacit_model_store_get(tacit_model_store_t *store, const uint8_t owner[32],
                                     tacit_span_t name, uint32_t version,
                                     uint8_t ret_manifest[TACIT_MODEL_MANIFEST_SIZE],
                                     uint8_t ret_signature[64])
{
    sqlite3_stmt *row = NULL;
    tacit_status_t status = s_find(store, owner, name, version, &row);
    if (status) {
        return status;
    }
    if (!tacit_column_copy(row, 0, ret_manifest, TACIT_MODEL_MANIFEST_SIZE) ||
        !tacit_column_copy(row, 1, ret_signature, 64)) {
        status = TACIT_CORRUPT;
    }
    sqlite3_reset(row);
    return status;
}

/*  The host may have changed the row: what does not hold together is no chunk.  */
static tacit_status_t s_place_chunk(sqlite3_stmt *row, uint32_t index,
                                    tacit_model_chunk_t *ret_chunk)
{
    uint64_t size = tacit_column_u64(row, 2);
    tacit_span_t blob = tacit_column_span(row, 3);
    if (size < 1 || size > TACIT_MODEL_SIZE_MAX || blob.size < 1 ||
        blob.size > TACIT_BLOB_NAME_MAX) {
        return TACIT_CORRUPT;
    }
    if (index >= tacit_model_chunk_count(size)) {
        return TACIT_NOT_FOUND;
    }
    tacit_model_chunk_t chunk = {
        .offset = (uint64_t)index * (TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD),
        .size = tacit_model_chunk_sealed_size(size, index),
    };
    memcpy(chunk.blob, blob.data, blob.size);
    *ret_chunk = chunk;
    return TACIT_OK;
}

tacit_status_t tacit_model_store_find_chunk(tacit_model_store_t *store, const uint8_t owner[32],
                                            tacit_span_t name, uint32_t version, uint32_t index,
                                            tacit_model_chunk_t *ret_chunk)
{
    sqlite3_stmt *row = NULL;
    tacit_status_t status = s_find(store, owner, name, version, &row);
    if (!status) {
        status = s_place_chunk(row, index, ret_chunk);
        sqlite3_reset(row);
    }
    return status;
}

tacit_status_t tacit_model_store_read_chunk(tacit_model_store_t *store,
                                            const tacit_model_chunk_t *chunk, bool cached,
                                            uint8_t *ret_bytes)
{
    tacit_status_t status = (cached ? tacit_blob_read_cached : tacit_blob_read)(
        store->blobs, chunk->blob, chunk->offset, chunk->size, ret_bytes);
    /*  There is a row, so that a blob that is none or not there was altered.  */
    return status == TACIT_NOT_FOUND || status == TACIT_BAD_INPUT ? TACIT_CORRUPT : status;
}

/*  --- lists ----------------------------------------------------------------------------------- */

static tacit_status_t s_read_entry(sqlite3_stmt *row, tacit_model_entry_t *ret_entry)
{
    tacit_span_t name = tacit_column_span(row, 1);
    tacit_model_entry_t entry = {
        .version = (uint32_t)tacit_column_u64(row, 2),
        .size = tacit_column_u64(row, 3),
        .created_ms = tacit_column_u64(row, 4),
    };
    if (!tacit_model_name_valid(name) || !tacit_column_copy(row, 0, entry.owner, 32) ||
        !tacit_column_copy(row, 5, entry.content_sha256, 32)) {
        return TACIT_CORRUPT;
    }
    memcpy(entry.name, name.data, name.size);
    *ret_entry = entry;
    return TACIT_OK;
}

tacit_status_t tacit_model_store_list(tacit_model_store_t *store, const uint8_t *owner,
                                      size_t offset, tacit_model_entry_t *ret_entries, size_t max,
                                      size_t *ret_count)
{
    static const char sql_all[] =
        "SELECT owner, name, version, size, created_ms, content_sha256 FROM models "
        "ORDER BY owner, name, version LIMIT ?1 OFFSET ?2";
    static const char sql_owner[] =
        "SELECT owner, name, version, size, created_ms, content_sha256 FROM models "
        "WHERE owner = ?3 ORDER BY owner, name, version LIMIT ?1 OFFSET ?2";
    sqlite3_stmt *rows = tacit_database_query(store->database, owner ? sql_owner : sql_all);
    tacit_bind_u64(rows, 1, max);
    tacit_bind_u64(rows, 2, offset);
    if (owner) {
        tacit_bind_blob(rows, 3, tacit_span(owner, 32));
    }
    size_t count = 0;
    tacit_status_t status = TACIT_OK;
    while (count < max && !(status = tacit_step(rows))) {
        status = s_read_entry(rows, &ret_entries[count]);
        if (status) {
            break;
        }
        count++;
    }
    sqlite3_reset(rows);
    if (status && status != TACIT_NOT_FOUND) {
        return status;
    }
    *ret_count = count;
    return TACIT_OK;
}

/*  --- removing -------------------------------------------------------------------------------- */

tacit_status_t tacit_model_store_remove(tacit_model_store_t *store, const uint8_t owner[32],
                                        tacit_span_t name, uint32_t version)
{
    static const char sql[] = "DELETE FROM models WHERE owner = ?1 AND name = ?2 AND "
                              "(?3 = 0 OR version = ?3) RETURNING blob";
    char blobs[TACIT_MODELS_PER_OWNER_MAX][TACIT_BLOB_NAME_MAX + 1];
    size_t count = 0;
    size_t removed = 0;
    sqlite3_stmt *rows = tacit_database_query(store->database, sql);
    tacit_bind_blob(rows, 1, tacit_span(owner, 32));
    tacit_bind_text(rows, 2, name);
    tacit_bind_u64(rows, 3, version);
    tacit_status_t status = TACIT_OK;
    while (!(status = tacit_step(rows))) {
        const char *blob = (const char *)sqlite3_column_text(rows, 0);
        if (blob && count < TACIT_MODELS_PER_OWNER_MAX) {
            snprintf(blobs[count], sizeof blobs[count], "%s", blob);
        }
        removed++;
        count += count < TACIT_MODELS_PER_OWNER_MAX;
    }
    if (status != TACIT_NOT_FOUND) {
        return status; /* rolled back: the rows are there, and so must be the blobs */
    }
    for (size_t i = 0; i < count; i++) {
        (void)!tacit_blob_remove(store->blobs, blobs[i]); /* else the next start does */
    }
    return removed ? TACIT_OK : TACIT_NOT_FOUND;
}
