/*  upload_keeper.c - the table of uploads, its rows in the database, their unfinished blobs.  */

#include "services/models/upload_keeper.h"

#include <stdlib.h>

#include "enclave/clock.h"
#include "services/storage/database.h"

struct tacit_upload_keeper {
    tacit_model_store_t *store;
    tacit_database_t *database;
    tacit_blob_store_t *blobs;
    tacit_upload_table_t *table;
};

/*  --- what is written down -------------------------------------------------------------------- */

static tacit_status_t s_write_row(tacit_upload_keeper_t *self, const tacit_upload_t *upload)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO uploads(blob, manifest, signature, kept, hash, heard_ms) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_text(statement, 1, tacit_span_string(upload->blob));
    tacit_bind_blob(statement, 2, tacit_span(upload->manifest_bytes, TACIT_MODEL_MANIFEST_SIZE));
    tacit_bind_blob(statement, 3, tacit_span(upload->signature, sizeof upload->signature));
    tacit_bind_u64(statement, 4, upload->size);
    tacit_bind_blob(statement, 5, tacit_span(&upload->hash, sizeof upload->hash));
    tacit_bind_u64(statement, 6, upload->heard_ms);
    return tacit_step_done(statement);
}

static tacit_status_t s_remove_row(tacit_upload_keeper_t *self, const char *blob)
{
    static const char sql[] = "DELETE FROM uploads WHERE blob = ?1";
    sqlite3_stmt *statement = tacit_database_query(self->database, sql);
    tacit_bind_text(statement, 1, tacit_span_string(blob));
    return tacit_step_done(statement);
}

/*  --- reading it again ------------------------------------------------------------------------ */

/*  The host may have changed the row: what does not hold together is none. Whether the hash's state
    is true shows at the end.  */
static bool s_read_row(sqlite3_stmt *row, tacit_upload_t *ret_upload)
{
    tacit_upload_t upload = {.used = true};
    tacit_span_t blob = tacit_column_span(row, 0);
    upload.kept = upload.size = tacit_column_u64(row, 3);
    upload.heard_ms = tacit_column_u64(row, 5);
    if (blob.size < 1 || blob.size > TACIT_BLOB_NAME_MAX ||
        !tacit_column_copy(row, 1, upload.manifest_bytes, sizeof upload.manifest_bytes) ||
        !tacit_column_copy(row, 2, upload.signature, sizeof upload.signature) ||
        !tacit_column_copy(row, 4, &upload.hash, sizeof upload.hash)) {
        return false;
    }
    memcpy(upload.blob, blob.data, blob.size);
    upload.kept_hash = upload.hash;
    *ret_upload = upload;
    return true;
}

static bool s_holds(tacit_upload_keeper_t *self, tacit_upload_t *upload)
{
    uint64_t finished = 0;
    return upload->kept > 0 &&
           !tacit_model_manifest_verify(
               tacit_span(upload->manifest_bytes, sizeof upload->manifest_bytes),
               tacit_span(upload->signature, sizeof upload->signature), &upload->manifest, NULL) &&
           upload->kept <= tacit_model_sealed_size(&upload->manifest) &&
           !tacit_upload_table_find(self->table, upload->manifest_bytes) &&
           tacit_blob_size(self->blobs, upload->blob, &finished) == TACIT_NOT_FOUND;
}

static tacit_status_t s_take_row(tacit_upload_keeper_t *self, tacit_upload_t *found)
{
    tacit_upload_t *upload = NULL;
    if (!s_holds(self, found) ||
        tacit_upload_table_add(self->table, &found->manifest, found->manifest_bytes,
                               found->signature, found->heard_ms, &upload, NULL)) {
        tacit_status_t status = tacit_blob_discard(self->blobs, found->blob);
        return status && status != TACIT_BAD_INPUT ? status : s_remove_row(self, found->blob);
    }
    *upload = *found;
    return TACIT_OK;
}

static tacit_status_t s_load(tacit_upload_keeper_t *self)
{
    static const char sql[] = "SELECT blob, manifest, signature, kept, hash, heard_ms FROM uploads "
                              "WHERE blob > ?1 OR (?1 = '' AND blob = '') ORDER BY blob LIMIT 1";
    tacit_upload_t found = {.used = false};
    tacit_status_t status = TACIT_OK;
    while (!status) {
        char last[TACIT_BLOB_NAME_MAX + 1];
        memcpy(last, found.blob, sizeof last);
        sqlite3_stmt *row = tacit_database_query(self->database, sql);
        tacit_bind_text(row, 1, tacit_span_string(last));
        status = tacit_step(row);
        if (status) {
            break;
        }
        bool read = s_read_row(row, &found);
        sqlite3_reset(row);
        status = read ? s_take_row(self, &found) : TACIT_CORRUPT;
    }
    return status == TACIT_NOT_FOUND ? TACIT_OK : status;
}

/*  A row that cannot even be read costs the half uploads, and nothing that was acknowledged.  */
static tacit_status_t s_forget_all(tacit_upload_keeper_t *self)
{
    static const char sql[] = "DELETE FROM uploads";
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = tacit_upload_table_row(self->table, i);
        if (row->used) {
            tacit_upload_keeper_drop(self, row);
        }
    }
    return tacit_step_done(tacit_database_query(self->database, sql));
}

tacit_status_t tacit_upload_keeper_open(tacit_model_store_t *store,
                                        tacit_upload_keeper_t **ret_keeper,
                                        tacit_error_t *ret_error)
{
    tacit_upload_keeper_t *self = calloc(1, sizeof *self);
    if (!self || !(self->table = tacit_upload_table_new())) {
        free(self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->store = store;
    self->database = tacit_model_store_database(store);
    self->blobs = tacit_model_store_blobs(store);
    tacit_status_t status = s_load(self);
    if (status == TACIT_CORRUPT) {
        status = s_forget_all(self);
    }
    if (status) {
        tacit_upload_keeper_destroy(&self);
        return tacit_error_set(ret_error, status, "cannot read the uploads under way");
    }
    *ret_keeper = self;
    return TACIT_OK;
}

void tacit_upload_keeper_destroy(tacit_upload_keeper_t **keeper)
{
    tacit_upload_keeper_t *self = *keeper;
    if (self) {
        for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
            tacit_upload_t *row = tacit_upload_table_row(self->table, i);
            if (row->used && row->writer) {
                tacit_upload_keeper_leave(self, row);
            }
        }
        tacit_upload_table_destroy(&self->table);
        free(self);
        *keeper = NULL;
    }
}

/*  --- beginning ------------------------------------------------------------------------------- */

void *tacit_upload_keeper_carrier(tacit_upload_keeper_t *keeper,
                                  const uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE])
{
    const tacit_upload_t *upload = tacit_upload_table_find(keeper->table, manifest);
    return upload ? upload->carrier : NULL;
}

/*  What the file lacks of what was written down, the host took: begun anew.  */
static bool s_take_up(tacit_upload_keeper_t *self, tacit_upload_t *upload)
{
    if (tacit_blob_resume(self->blobs, upload->blob, upload->kept, &upload->writer)) {
        tacit_upload_keeper_drop(self, upload);
        return false;
    }
    upload->size = upload->kept;
    upload->hash = upload->kept_hash;
    upload->heard_ms = tacit_now_ms();
    return true;
}

static bool s_is_stored(tacit_upload_keeper_t *self, const tacit_model_manifest_t *manifest,
                        const uint8_t *manifest_bytes)
{
    uint8_t stored[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    return !tacit_model_store_get(self->store, manifest->owner, tacit_span_string(manifest->name),
                                  manifest->version, stored, signature) &&
           memcmp(stored, manifest_bytes, sizeof stored) == 0;
}

static tacit_status_t s_begin_new(tacit_upload_keeper_t *self,
                                  const tacit_model_manifest_t *manifest,
                                  const uint8_t *manifest_bytes, const uint8_t signature[64],
                                  tacit_upload_t **ret_upload, tacit_error_t *ret_error)
{
    uint64_t now = tacit_now_ms();
    uint64_t bytes = tacit_model_sealed_size(manifest);
    tacit_upload_t *old = NULL;
    while ((old = tacit_upload_table_in_the_way(self->table, manifest->owner, bytes, now))) {
        tacit_upload_keeper_drop(self, old);
    }
    tacit_upload_sum_t sum = tacit_upload_table_sum(self->table, manifest->owner);
    tacit_blob_writer_t *writer = NULL;
    tacit_status_t status =
        tacit_model_store_begin(self->store, manifest, &sum, &writer, ret_error);
    if (!status) {
        status = tacit_upload_table_add(self->table, manifest, manifest_bytes, signature, now,
                                        ret_upload, ret_error);
    }
    if (status) {
        tacit_blob_abort(&writer);
        return status;
    }
    (*ret_upload)->writer = writer;
    snprintf((*ret_upload)->blob, sizeof(*ret_upload)->blob, "%s", tacit_blob_writer_name(writer));
    return TACIT_OK;
}

tacit_status_t tacit_upload_keeper_begin(tacit_upload_keeper_t *keeper,
                                         const tacit_model_manifest_t *manifest,
                                         const uint8_t *manifest_bytes, const uint8_t signature[64],
                                         void *carrier, tacit_upload_t **ret_upload,
                                         tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    (void)tacit_upload_keeper_expire(keeper);
    if (s_is_stored(keeper, manifest, manifest_bytes)) {
        return TACIT_ALREADY_EXISTS;
    }
    tacit_upload_t *upload = tacit_upload_table_find(keeper->table, manifest_bytes);
    if (!upload || !s_take_up(keeper, upload)) {
        status = s_begin_new(keeper, manifest, manifest_bytes, signature, &upload, ret_error);
    }
    if (!status) {
        upload->carrier = carrier;
        *ret_upload = upload;
    }
    return status;
}

/*  --- under way ------------------------------------------------------------------------------- */

tacit_status_t tacit_upload_keeper_sync(tacit_upload_keeper_t *keeper, tacit_upload_t *upload)
{
    upload->heard_ms = tacit_now_ms();
    tacit_status_t status = tacit_blob_sync(upload->writer);
    if (!status) {
        status = s_write_row(keeper, upload);
    }
    if (!status) {
        upload->kept = upload->size;
        upload->kept_hash = upload->hash;
    }
    return status;
}

void tacit_upload_keeper_leave(tacit_upload_keeper_t *keeper, tacit_upload_t *upload)
{
    upload->carrier = NULL;
    if (upload->size == 0 || tacit_upload_keeper_sync(keeper, upload)) {
        tacit_upload_keeper_drop(keeper, upload);
        return;
    }
    tacit_blob_leave(&upload->writer);
}

/*  A row that stays behind has no blob, and goes when this is opened again.  */
void tacit_upload_keeper_drop(tacit_upload_keeper_t *keeper, tacit_upload_t *upload)
{
    if (upload->writer) {
        tacit_blob_abort(&upload->writer);
    } else {
        (void)!tacit_blob_discard(keeper->blobs, upload->blob);
    }
    if (upload->kept > 0) {
        (void)!s_remove_row(keeper, upload->blob);
    }
    tacit_upload_table_remove(keeper->table, upload);
}

/*  Index and what was written down change together.  */
static tacit_status_t s_add(tacit_upload_keeper_t *self, tacit_upload_t *upload,
                            tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_database_begin(self->database);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = tacit_model_store_add(self->store, upload, ret_error);
    if (status) {
        tacit_database_rollback(self->database);
        return status;
    }
    status = upload->kept > 0 ? s_remove_row(self, upload->blob) : TACIT_OK;
    if (!status) {
        status = tacit_database_commit(self->database);
    }
    if (status) {
        tacit_database_rollback(self->database);
        (void)!tacit_blob_remove(self->blobs, upload->blob); /* else the next start does */
        return tacit_error_set(ret_error, status, NULL);
    }
    return TACIT_OK;
}

tacit_status_t tacit_upload_keeper_finish(tacit_upload_keeper_t *keeper, tacit_upload_t *upload,
                                          tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_upload_check(upload, ret_error);
    if (!status) {
        status = s_add(keeper, upload, ret_error);
    }
    if (status) {
        tacit_upload_keeper_drop(keeper, upload);
    } else {
        tacit_upload_table_remove(keeper->table, upload);
    }
    return status;
}

size_t tacit_upload_keeper_expire(tacit_upload_keeper_t *keeper)
{
    size_t ended = 0;
    uint64_t now = tacit_now_ms();
    tacit_upload_t *old = NULL;
    while ((old = tacit_upload_table_stale(keeper->table, now))) {
        tacit_upload_keeper_drop(keeper, old);
        ended++;
    }
    return ended;
}
