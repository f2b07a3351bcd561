/*  upload_table.c - an array of rows, searched in full.  */

#include "services/models/upload_table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "idl/models.h"
#include "services/models/model_store.h"

struct tacit_upload_table {
    tacit_upload_t rows[TACIT_UPLOADS_MAX];
    uint64_t last_id;
};

tacit_upload_table_t *tacit_upload_table_new(void)
{
    return calloc(1, sizeof(tacit_upload_table_t));
}

void tacit_upload_table_destroy(tacit_upload_table_t **table)
{
    if (*table) {
        for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
            tacit_upload_table_end(*table, &(*table)->rows[i]);
        }
        free(*table);
        *table = NULL;
    }
}

/*  --- rows ------------------------------------------------------------------------------------ */

static bool s_is_of(const tacit_upload_t *upload, const uint8_t *caller)
{
    return upload->id && (!caller || memcmp(upload->caller, caller, 32) == 0);
}

/*  Of a caller; NULL: of all.  */
static size_t s_count(const tacit_upload_table_t *self, const uint8_t *caller)
{
    size_t count = 0;
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        count += s_is_of(&self->rows[i], caller);
    }
    return count;
}

/*  Ends the upload that was quiet the longest, where that was long enough.  */
static bool s_make_room(tacit_upload_table_t *self, const uint8_t *caller, uint64_t now_ms)
{
    tacit_upload_t *quiet = NULL;
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = &self->rows[i];
        if (s_is_of(row, caller) && (!quiet || row->heard_ms < quiet->heard_ms)) {
            quiet = row;
        }
    }
    if (!quiet || now_ms < quiet->heard_ms + TACIT_UPLOAD_PATIENCE_MS) {
        return false;
    }
    tacit_upload_table_end(self, quiet);
    return true;
}

static tacit_upload_t *s_free_row(tacit_upload_table_t *self)
{
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        if (!self->rows[i].id) {
            return &self->rows[i];
        }
    }
    return NULL;
}

tacit_status_t tacit_upload_table_add(tacit_upload_table_t *table, const uint8_t caller[32],
                                      const uint8_t *session, uint64_t now_ms,
                                      tacit_upload_t **ret_upload)
{
    (void)tacit_upload_table_expire(table, now_ms);
    if (s_count(table, caller) >= TACIT_UPLOADS_PER_CALLER_MAX &&
        !s_make_room(table, caller, now_ms)) {
        return TACIT_BUSY;
    }
    if (s_count(table, NULL) >= TACIT_UPLOADS_MAX && !s_make_room(table, NULL, now_ms)) {
        return TACIT_BUSY;
    }
    tacit_upload_t *upload = s_free_row(table);
    *upload = (tacit_upload_t){.id = ++table->last_id, .begun_ms = now_ms, .heard_ms = now_ms};
    memcpy(upload->caller, caller, sizeof upload->caller);
    memcpy(upload->session, session, sizeof upload->session);
    crypto_hash_sha256_init(&upload->hash);
    *ret_upload = upload;
    return TACIT_OK;
}

tacit_upload_t *tacit_upload_table_find(tacit_upload_table_t *table, const uint8_t caller[32],
                                        const uint8_t *session, uint64_t id, uint64_t now_ms)
{
    (void)tacit_upload_table_expire(table, now_ms);
    for (size_t i = 0; id && i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = &table->rows[i];
        if (row->id == id && s_is_of(row, caller) &&
            memcmp(row->session, session, sizeof row->session) == 0) {
            row->heard_ms = now_ms;
            return row;
        }
    }
    return NULL;
}

void tacit_upload_table_end(tacit_upload_table_t *table, tacit_upload_t *upload)
{
    (void)table;
    tacit_blob_abort(&upload->writer);
    *upload = (tacit_upload_t){.id = 0};
}

size_t tacit_upload_table_expire(tacit_upload_table_t *table, uint64_t now_ms)
{
    size_t ended = 0;
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = &table->rows[i];
        if (row->id && now_ms >= row->begun_ms + TACIT_UPLOAD_LIFETIME_MS) {
            tacit_upload_table_end(table, row);
            ended++;
        }
    }
    return ended;
}

tacit_upload_sum_t tacit_upload_table_sum(const tacit_upload_table_t *table,
                                          const uint8_t owner[32])
{
    tacit_upload_sum_t sum = {0};
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        const tacit_upload_t *row = &table->rows[i];
        if (row->id && row->manifest.chunk_count) {
            uint64_t bytes = tacit_model_sealed_size(&row->manifest);
            sum.total_bytes += bytes;
            if (s_is_of(row, owner)) {
                sum.owner_models++;
                sum.owner_bytes += bytes;
            }
        }
    }
    return sum;
}

/*  --- chunks ---------------------------------------------------------------------------------- */

static tacit_status_t s_wrong_chunk(const char *claim, uint64_t expected, uint64_t got,
                                    tacit_error_t *ret_error)
{
    char want[32];
    char have[32];
    snprintf(want, sizeof want, "%" PRIu64, expected);
    snprintf(have, sizeof have, "%" PRIu64, got);
    return tacit_error_claim(ret_error, TACIT_MODELS_WRONG_CHUNK, claim, want, have);
}

tacit_status_t tacit_upload_put_chunk(tacit_upload_t *upload, uint32_t index, tacit_span_t sealed,
                                      tacit_error_t *ret_error)
{
    const tacit_model_manifest_t *manifest = &upload->manifest;
    if (upload->next_chunk == manifest->chunk_count) {
        tacit_status_t status = tacit_error_claim(ret_error, TACIT_MODELS_WRONG_CHUNK, "index",
                                                  "no more: all chunks are here", NULL);
        tacit_error_remedy(ret_error, "commit the upload");
        return status;
    }
    if (index != upload->next_chunk) {
        return s_wrong_chunk("index", upload->next_chunk, index, ret_error);
    }
    size_t size = tacit_model_chunk_sealed_size(manifest->plaintext_size, index);
    if (sealed.size != size) {
        return s_wrong_chunk("bytes", size, sealed.size, ret_error);
    }
    tacit_status_t status = tacit_blob_append(upload->writer, sealed);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    crypto_hash_sha256_update(&upload->hash, sealed.data, sealed.size);
    upload->next_chunk++;
    return TACIT_OK;
}

tacit_status_t tacit_upload_check(const tacit_upload_t *upload, tacit_error_t *ret_error)
{
    const tacit_model_manifest_t *manifest = &upload->manifest;
    if (upload->next_chunk != manifest->chunk_count) {
        char want[32];
        char have[32];
        snprintf(want, sizeof want, "%" PRIu32, manifest->chunk_count);
        snprintf(have, sizeof have, "%" PRIu32, upload->next_chunk);
        return tacit_error_claim(ret_error, TACIT_MODELS_CONTENT_MISMATCH, "chunks", want, have);
    }
    crypto_hash_sha256_state hash = upload->hash;
    uint8_t digest[32];
    crypto_hash_sha256_final(&hash, digest);
    if (memcmp(digest, manifest->content_sha256, sizeof digest) != 0) {
        char want[65];
        char have[65];
        sodium_bin2hex(want, sizeof want, manifest->content_sha256, 32);
        sodium_bin2hex(have, sizeof have, digest, sizeof digest);
        return tacit_error_claim(ret_error, TACIT_MODELS_CONTENT_MISMATCH, "content SHA-256", want,
                                 have);
    }
    return TACIT_OK;
}
