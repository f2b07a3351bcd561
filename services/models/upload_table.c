/*  upload_table.c - an array of rows, searched in full.  */

#include "services/models/upload_table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "idl/models.h"
#include "services/models/model_store.h"

struct tacit_upload_table {
    tacit_upload_t rows[TACIT_UPLOADS_MAX];
};

tacit_upload_table_t *tacit_upload_table_new(void)
{
    return calloc(1, sizeof(tacit_upload_table_t));
}

void tacit_upload_table_destroy(tacit_upload_table_t **table)
{
    free(*table);
    *table = NULL;
}

/*  --- rows ------------------------------------------------------------------------------------ */

static bool s_is_of(const tacit_upload_t *upload, const uint8_t *owner)
{
    return upload->used && (!owner || memcmp(upload->manifest.owner, owner, 32) == 0);
}

tacit_upload_t *tacit_upload_table_row(tacit_upload_table_t *table, size_t index)
{
    return index < TACIT_UPLOADS_MAX ? &table->rows[index] : NULL;
}

tacit_upload_t *tacit_upload_table_find(tacit_upload_table_t *table,
                                        const uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE])
{
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = &table->rows[i];
        if (row->used && memcmp(row->manifest_bytes, manifest, sizeof row->manifest_bytes) == 0) {
            return row;
        }
    }
    return NULL;
}

void tacit_upload_table_remove(tacit_upload_table_t *table, tacit_upload_t *upload)
{
    (void)table;
    *upload = (tacit_upload_t){.used = false};
}

/*  How many, of an owner; NULL: of all.  */
static size_t s_count(const tacit_upload_table_t *self, const uint8_t *owner)
{
    size_t count = 0;
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        count += s_is_of(&self->rows[i], owner);
    }
    return count;
}

/*  --- who gives way --------------------------------------------------------------------------- */

/*  The one that nobody carries on and that was quiet the longest, if that was long enough. Times of
    the system's clock may lie ahead.  */
static tacit_upload_t *s_quiet(tacit_upload_table_t *self, const uint8_t *owner, uint64_t now_ms,
                               uint64_t patience_ms)
{
    tacit_upload_t *quiet = NULL;
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        tacit_upload_t *row = &self->rows[i];
        bool waits = s_is_of(row, owner) && !row->carrier;
        if (waits && (!quiet || row->heard_ms < quiet->heard_ms)) {
            quiet = row;
        }
    }
    return quiet && now_ms >= quiet->heard_ms && now_ms - quiet->heard_ms >= patience_ms ? quiet
                                                                                         : NULL;
}

tacit_upload_t *tacit_upload_table_stale(tacit_upload_table_t *table, uint64_t now_ms)
{
    return s_quiet(table, NULL, now_ms, TACIT_UPLOAD_KEPT_MS);
}

static bool s_owner_is_full(const tacit_upload_table_t *self, const uint8_t *owner, uint64_t bytes)
{
    return s_count(self, owner) >= TACIT_UPLOADS_PER_OWNER_MAX ||
           tacit_upload_table_sum(self, owner).owner_bytes + bytes > TACIT_UPLOADS_OWNER_BYTES_MAX;
}

tacit_upload_t *tacit_upload_table_in_the_way(tacit_upload_table_t *table, const uint8_t owner[32],
                                              uint64_t bytes, uint64_t now_ms)
{
    if (s_owner_is_full(table, owner, bytes)) {
        return s_quiet(table, owner, now_ms, TACIT_UPLOAD_PATIENCE_MS);
    }
    return s_count(table, NULL) >= TACIT_UPLOADS_MAX
               ? s_quiet(table, NULL, now_ms, TACIT_UPLOAD_PATIENCE_MS)
               : NULL;
}

/*  --- adding ---------------------------------------------------------------------------------- */

static tacit_status_t s_refuse(const char *claim, const char *most, tacit_error_t *ret_error)
{
    tacit_error_claim(ret_error, TACIT_MODELS_QUOTA_EXCEEDED, claim, most, "one more");
    tacit_error_remedy(ret_error, "end the others, or try again in half a minute");
    return TACIT_MODELS_QUOTA_EXCEEDED;
}

static tacit_status_t s_check_limits(const tacit_upload_table_t *self,
                                     const tacit_model_manifest_t *manifest,
                                     tacit_error_t *ret_error)
{
    uint64_t bytes = tacit_model_sealed_size(manifest);
    if (s_count(self, manifest->owner) >= TACIT_UPLOADS_PER_OWNER_MAX) {
        return s_refuse("uploads of the owner at once", "fewer", ret_error);
    }
    if (s_owner_is_full(self, manifest->owner, bytes)) {
        return s_refuse("bytes of the owner's uploads at once", "fewer", ret_error);
    }
    return s_count(self, NULL) < TACIT_UPLOADS_MAX
               ? TACIT_OK
               : s_refuse("uploads of all at once", "fewer", ret_error);
}

tacit_status_t tacit_upload_table_add(tacit_upload_table_t *table,
                                      const tacit_model_manifest_t *manifest,
                                      const uint8_t *manifest_bytes, const uint8_t signature[64],
                                      uint64_t now_ms, tacit_upload_t **ret_upload,
                                      tacit_error_t *ret_error)
{
    tacit_status_t status = s_check_limits(table, manifest, ret_error);
    if (status) {
        return status;
    }
    tacit_upload_t *upload = table->rows;
    while (upload->used) {
        upload++;
    }
    *upload = (tacit_upload_t){.used = true, .manifest = *manifest, .heard_ms = now_ms};
    memcpy(upload->manifest_bytes, manifest_bytes, sizeof upload->manifest_bytes);
    memcpy(upload->signature, signature, sizeof upload->signature);
    crypto_hash_sha256_init(&upload->hash);
    upload->kept_hash = upload->hash;
    *ret_upload = upload;
    return TACIT_OK;
}

tacit_upload_sum_t tacit_upload_table_sum(const tacit_upload_table_t *table,
                                          const uint8_t owner[32])
{
    tacit_upload_sum_t sum = {0};
    for (size_t i = 0; i < TACIT_UPLOADS_MAX; i++) {
        const tacit_upload_t *row = &table->rows[i];
        if (row->used) {
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

/*  --- one upload ------------------------------------------------------------------------------ */

static tacit_status_t s_wrong_size(uint64_t expected, uint64_t got, tacit_error_t *ret_error)
{
    char want[32];
    char have[32];
    snprintf(want, sizeof want, "%" PRIu64, expected);
    snprintf(have, sizeof have, "%" PRIu64, got);
    return tacit_error_claim(ret_error, TACIT_MODELS_CONTENT_MISMATCH, "bytes", want, have);
}

tacit_status_t tacit_upload_append(tacit_upload_t *upload, tacit_span_t sealed,
                                   tacit_error_t *ret_error)
{
    uint64_t whole = tacit_model_sealed_size(&upload->manifest);
    if (sealed.size > whole - upload->size) {
        return s_wrong_size(whole, upload->size + sealed.size, ret_error);
    }
    tacit_status_t status = tacit_blob_append(upload->writer, sealed);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    crypto_hash_sha256_update(&upload->hash, sealed.data, sealed.size);
    upload->size += sealed.size;
    return TACIT_OK;
}

tacit_status_t tacit_upload_check(const tacit_upload_t *upload, tacit_error_t *ret_error)
{
    const tacit_model_manifest_t *manifest = &upload->manifest;
    uint64_t whole = tacit_model_sealed_size(manifest);
    if (upload->size != whole) {
        return s_wrong_size(whole, upload->size, ret_error);
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
