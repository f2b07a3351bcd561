/*  vault.c - users, model keys, request keys, and the vault as a whole. Grants are in
    vault_grants.c, the release in vault_release.c, rows and records in vault_records.c.

    A method checks, allocates, begins, writes record and audit entry, commits, and only then
   changes memory: a commit that fails changes nothing.  */

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "idl/keys.h"
#include "services/keys/vault_internal.h"

tacit_status_t tacit_model_ref(const uint8_t owner[32], tacit_span_t name,
                               tacit_model_ref_t *ret_ref, tacit_error_t *ret_error)
{
    if (!tacit_model_name_valid(name)) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "name",
                                 "1 to 64 of a-z 0-9 . _ -, the first a letter or digit", NULL);
    }
    memset(ret_ref, 0, sizeof *ret_ref);
    memcpy(ret_ref->owner, owner, 32);
    memcpy(ret_ref->name, name.data, name.size);
    return TACIT_OK;
}

tacit_status_t tacit__vault_refuse(tacit_error_t *ret_error, tacit_status_t code)
{
    for (size_t i = 0; i < tacit_keys_service.error_count; i++) {
        const tacit_error_row_t *row = &tacit_keys_service.errors[i];
        if (row->code == (int)code) {
            return tacit_error_set_named(ret_error, code, row->name, "%s", row->text);
        }
    }
    return tacit_error_set(ret_error, code, NULL);
}

/*  --- opening --------------------------------------------------------------------------------- */

static void s_name_counter(const uint8_t mesh_id[32], uint8_t ret_name[32])
{
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/counter/keys/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha256(ret_name, transcript.data, transcript.size);
}

static tacit_status_t s_prepare(tacit_vault_t *self)
{
    tacit_map_t *const maps[] = {&self->users, &self->model_keys, &self->grants,
                                 &self->request_keys};
    tacit_status_t status = tacit_secret_random(TACIT_KEY_SIZE, &self->wrap_key);
    for (size_t i = 0; !status && i < sizeof maps / sizeof maps[0]; i++) {
        status = tacit_map_init(maps[i]);
    }
    return status;
}

tacit_status_t tacit_vault_open(const char *folder, const tacit_secret_t *key,
                                tacit_platform_t *platform, const uint8_t mesh_id[32],
                                tacit_vault_t **ret_vault, tacit_error_t *ret_error)
{
    char path[1024];
    uint8_t counter[32];
    if ((size_t)snprintf(path, sizeof path, "%s/keys.db", folder) >= sizeof path) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the folder's path is too long");
    }
    tacit_vault_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    s_name_counter(mesh_id, counter);
    tacit_status_t status = s_prepare(self);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
    } else {
        status = tacit_sealed_store_open(path, key, platform, counter, tacit__vault_load, self,
                                         &self->store, ret_error);
    }
    if (status) {
        tacit_vault_destroy(&self);
        return status;
    }
    *ret_vault = self;
    return TACIT_OK;
}

void tacit_vault_destroy(tacit_vault_t **vault)
{
    if (*vault) {
        tacit_vault_t *self = *vault;
        tacit_map_clear(&self->users);
        tacit_map_clear(&self->model_keys);
        tacit_map_clear(&self->grants);
        tacit_map_clear(&self->request_keys);
        tacit_sealed_store_destroy(&self->store);
        tacit_secret_destroy(&self->wrap_key);
        free(self);
        *vault = NULL;
    }
}

/*  --- users ----------------------------------------------------------------------------------- */

bool tacit_vault_enrolled(const tacit_vault_t *vault, const uint8_t user[32])
{
    return tacit__vault_find_user(vault, user) != NULL;
}

tacit_status_t tacit_vault_enrol(tacit_vault_t *vault, const uint8_t user[32],
                                 const uint8_t signing_key[32], tacit_error_t *ret_error)
{
    const tacit__user_t *known = tacit__vault_find_user(vault, user);
    if (known) {
        return memcmp(known->signing_key, signing_key, 32) == 0
                   ? TACIT_OK
                   : tacit_error_claim(ret_error, TACIT_ALREADY_EXISTS, "signing key",
                                       "the one enrolled before", "another");
    }
    if (vault->users.count >= TACIT_VAULT_USERS_MAX) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    tacit__user_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    memcpy(entry->key, user, 32);
    memcpy(entry->signing_key, signing_key, 32);
    tacit_sealed_store_begin(vault->store);
    tacit__vault_put_user(vault, entry);
    tacit__vault_audit(vault, "enrol", user, NULL, user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (status) {
        free(entry);
        return status;
    }
    tacit_map_add(&vault->users, &entry->node, tacit_span(&entry->key, sizeof entry->key));
    return TACIT_OK;
}

/*  --- model keys ------------------------------------------------------------------------------ */

static size_t s_count_model_keys(const tacit_vault_t *self, const uint8_t owner[32])
{
    size_t count = 0;
    for (const tacit__model_key_t *entry = TACIT__FIRST(tacit__model_key_t, self->model_keys);
         entry; entry = TACIT__NEXT(tacit__model_key_t, entry)) {
        count += memcmp(entry->id.model.owner, owner, 32) == 0;
    }
    return count;
}

/*  The same key and content again is no change, and no error.  */
static bool s_is_same_key(const tacit_vault_t *self, const tacit__model_key_t *entry,
                          const uint8_t key[TACIT_KEY_SIZE], const uint8_t content_sha256[32])
{
    uint8_t known[TACIT_KEY_SIZE];
    bool same = tacit__vault_unwrap(self, entry->wrapped, known) == TACIT_OK &&
                sodium_memcmp(known, key, sizeof known) == 0 &&
                memcmp(entry->content_sha256, content_sha256, 32) == 0;
    sodium_memzero(known, sizeof known);
    return same;
}

/*  May this version be put? Says also whether it is there already, the very same.  */
static tacit_status_t s_check_put(const tacit_vault_t *self, const tacit_model_ref_t *model,
                                  uint32_t version, const uint8_t key[TACIT_KEY_SIZE],
                                  const uint8_t content_sha256[32], bool *ret_same,
                                  tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(self, model->owner)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    const tacit__model_key_t *newest = tacit__vault_find_model_key(self, model, 0);
    *ret_same = newest && version == tacit__vault_version(newest) &&
                s_is_same_key(self, newest, key, content_sha256);
    if (*ret_same) {
        return TACIT_OK;
    }
    if (version == 0 || (newest && version <= tacit__vault_version(newest))) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_STALE_VERSION);
    }
    return s_count_model_keys(self, model->owner) < TACIT_VAULT_MODEL_KEYS_MAX
               ? TACIT_OK
               : tacit__vault_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
}

tacit_status_t tacit_vault_put_model_key(tacit_vault_t *vault, const tacit_model_ref_t *model,
                                         uint32_t version, const uint8_t key[TACIT_KEY_SIZE],
                                         const uint8_t content_sha256[32], tacit_error_t *ret_error)
{
    bool same = false;
    tacit_status_t status =
        s_check_put(vault, model, version, key, content_sha256, &same, ret_error);
    if (status || same) {
        return status;
    }
    tacit__model_key_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    entry->id = tacit__vault_model_key_id(model, version);
    entry->created_ms = tacit_now_ms();
    memcpy(entry->content_sha256, content_sha256, 32);
    tacit__vault_wrap(vault, key, entry->wrapped);
    tacit_sealed_store_begin(vault->store);
    tacit__vault_put_model_key(vault, entry, key);
    tacit__vault_audit(vault, "put_model_key", model->owner, model, NULL, "ok");
    status = tacit_sealed_store_commit(vault->store, ret_error);
    if (status) {
        free(entry);
        return status;
    }
    tacit_map_add(&vault->model_keys, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    return TACIT_OK;
}

static bool s_is_meant(const tacit__model_key_t *entry, const tacit_model_ref_t *model,
                       uint32_t version)
{
    return tacit__vault_same_model(&entry->id.model, model) &&
           (!version || tacit__vault_version(entry) == version);
}

static void s_forget_model_keys(tacit_vault_t *self, const tacit_model_ref_t *model,
                                uint32_t version)
{
    tacit__model_key_t *entry = TACIT__FIRST(tacit__model_key_t, self->model_keys);
    while (entry) {
        tacit__model_key_t *next = TACIT__NEXT(tacit__model_key_t, entry);
        if (s_is_meant(entry, model, version)) {
            tacit_map_remove(&self->model_keys, &entry->node);
            free(entry);
        }
        entry = next;
    }
}

tacit_status_t tacit_vault_remove_model_key(tacit_vault_t *vault, const tacit_model_ref_t *model,
                                            uint32_t version, tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, model->owner)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    if (!tacit__vault_find_model_key(vault, model, version)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NO_MODEL_KEY);
    }
    tacit_sealed_store_begin(vault->store);
    for (const tacit__model_key_t *entry = TACIT__FIRST(tacit__model_key_t, vault->model_keys);
         entry; entry = TACIT__NEXT(tacit__model_key_t, entry)) {
        if (s_is_meant(entry, model, version)) {
            tacit__vault_remove_model_key(vault, entry);
        }
    }
    tacit__vault_audit(vault, "remove_model_key", model->owner, model, NULL, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (!status) {
        s_forget_model_keys(vault, model, version);
    }
    return status;
}

size_t tacit_vault_list_models(const tacit_vault_t *vault, const uint8_t owner[32], size_t offset,
                               tacit_model_key_entry_t *ret_entries, size_t max)
{
    size_t count = 0;
    for (const tacit__model_key_t *entry = TACIT__FIRST(tacit__model_key_t, vault->model_keys);
         entry && count < max; entry = TACIT__NEXT(tacit__model_key_t, entry)) {
        if (memcmp(entry->id.model.owner, owner, 32) != 0) {
            continue;
        }
        if (offset > 0) {
            offset--;
            continue;
        }
        ret_entries[count++] = (tacit_model_key_entry_t){
            .model = entry->id.model,
            .version = tacit__vault_version(entry),
            .created_ms = entry->created_ms,
        };
    }
    return count;
}

/*  --- request keys ---------------------------------------------------------------------------- */

static size_t s_count_request_keys(const tacit_vault_t *self, const uint8_t user[32])
{
    size_t count = 0;
    for (const tacit__request_key_t *entry = TACIT__FIRST(tacit__request_key_t, self->request_keys);
         entry; entry = TACIT__NEXT(tacit__request_key_t, entry)) {
        count += memcmp(entry->id.user, user, 32) == 0;
    }
    return count;
}

tacit_status_t tacit_vault_put_request_key(tacit_vault_t *vault, const uint8_t user[32],
                                           const tacit_model_ref_t *model,
                                           const uint8_t measurement[32],
                                           const uint8_t key[TACIT_KEY_SIZE],
                                           tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, user)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    tacit__access_id_t id = tacit__vault_access_id(model, user, measurement);
    tacit__request_key_t *entry = tacit__vault_find_request_key(vault, &id);
    bool new = entry == NULL;
    if (new &&s_count_request_keys(vault, user) >= TACIT_VAULT_REQUEST_KEYS_MAX) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    if (new && !(entry = calloc(1, sizeof *entry))) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_sealed_store_begin(vault->store);
    tacit__vault_put_request_key(vault, &id, key);
    tacit__vault_audit(vault, "put_request_key", user, model, user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (status) {
        if (new) {
            free(entry);
        }
        return status;
    }
    tacit__vault_wrap(vault, key, entry->wrapped);
    if (new) {
        entry->id = id;
        tacit_map_add(&vault->request_keys, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    }
    return TACIT_OK;
}

/*  --- the audit chain ------------------------------------------------------------------------- */

tacit_status_t tacit_vault_read_audit(tacit_vault_t *vault, uint64_t from,
                                      tacit_audit_record_t *ret_records, size_t max,
                                      size_t *ret_count)
{
    return tacit_sealed_store_read_audit(vault->store, from, ret_records, max, ret_count);
}
