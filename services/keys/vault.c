/*  vault.c - the tables, their records, and the release.

    A method checks, begins, writes record and audit entry, commits, and only then changes memory:
    a commit that fails changes nothing.  */

#include "services/keys/vault.h"

#include <sodium.h>
#include <stdlib.h>
#include <uthash.h>

#include "enclave/clock.h"
#include "enclave/layout.h"
#include "idl/keys.h"

/*  Kinds of records; stored, so never renumbered.  */
enum { S_KIND_USER = 1, S_KIND_MODEL_KEY = 2, S_KIND_GRANT = 3, S_KIND_REQUEST_KEY = 4 };

enum { S_WRAPPED_SIZE = TACIT_KEY_SIZE + TACIT_SEAL_OVERHEAD };

typedef struct {
    uint8_t key[32]; /* CURVE */
    uint8_t signing_key[32];
    UT_hash_handle hh;
} s_user_t;

/*  Record keys are these structs' bytes: no padding, unused name bytes zero.  */
typedef struct {
    tacit_model_ref_t model;
    uint8_t version[4]; /* little-endian */
} s_model_key_id_t;

typedef struct {
    tacit_model_ref_t model;
    uint8_t user[32];
    uint8_t measurement[32];
} s_access_id_t; /* of grants and of request keys */

typedef struct {
    s_model_key_id_t id;
    uint8_t wrapped[S_WRAPPED_SIZE];
    uint8_t content_sha256[32];
    uint64_t created_ms;
    UT_hash_handle hh;
} s_model_key_t;

typedef struct {
    s_access_id_t id;
    tacit_grant_t grant;
    uint8_t recent[TACIT_VAULT_RECENT_MAX][16]; /* request ids that spent a use */
    UT_hash_handle hh;
} s_grant_t;

typedef struct {
    s_access_id_t id;
    uint8_t wrapped[S_WRAPPED_SIZE];
    UT_hash_handle hh;
} s_request_key_t;

struct tacit_vault {
    tacit_sealed_store_t *store;
    tacit_secret_t *wrap_key; /* of this process: keys in memory are sealed under it */
    s_user_t *users;
    s_model_key_t *model_keys;
    s_grant_t *grants;
    s_request_key_t *request_keys;
};

/*  --- small things ---------------------------------------------------------------------------- */

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

static tacit_status_t s_refuse(tacit_error_t *ret_error, int code)
{
    for (size_t i = 0; i < tacit_keys_service.error_count; i++) {
        const tacit_error_row_t *row = &tacit_keys_service.errors[i];
        if (row->code == code) {
            return tacit_error_set_named(ret_error, (tacit_status_t)code, row->name, "%s",
                                         row->text);
        }
    }
    return tacit_error_set(ret_error, (tacit_status_t)code, NULL);
}

static tacit_span_t s_wrap_associated(void)
{
    return tacit_span_string("tacit/keys/memory/v1");
}

static void s_wrap(const tacit_vault_t *self, const uint8_t key[TACIT_KEY_SIZE],
                   uint8_t ret_wrapped[S_WRAPPED_SIZE])
{
    tacit_seal(self->wrap_key->data, s_wrap_associated(), tacit_span(key, TACIT_KEY_SIZE),
               ret_wrapped);
}

static tacit_status_t s_unwrap(const tacit_vault_t *self, const uint8_t wrapped[S_WRAPPED_SIZE],
                               uint8_t ret_key[TACIT_KEY_SIZE])
{
    return tacit_seal_open(self->wrap_key->data, s_wrap_associated(),
                           tacit_span(wrapped, S_WRAPPED_SIZE), ret_key);
}

static s_model_key_id_t s_model_key_id(const tacit_model_ref_t *model, uint32_t version)
{
    s_model_key_id_t id = {.model = *model};
    tacit_writer_t writer = {.next = id.version, .rest = sizeof id.version};
    tacit_writer_little(&writer, version, sizeof id.version);
    return id;
}

static s_access_id_t s_access_id(const tacit_model_ref_t *model, const uint8_t user[32],
                                 const uint8_t measurement[32])
{
    s_access_id_t id = {.model = *model};
    memcpy(id.user, user, 32);
    memcpy(id.measurement, measurement, 32);
    return id;
}

static uint32_t s_version(const s_model_key_t *entry)
{
    tacit_cursor_t cursor = tacit_cursor(tacit_span(entry->id.version, 4));
    return tacit_cursor_u32(&cursor);
}

static bool s_same_model(const tacit_model_ref_t *a, const tacit_model_ref_t *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static s_user_t *s_find_user(const tacit_vault_t *self, const uint8_t user[32])
{
    s_user_t *entry = NULL;
    HASH_FIND(hh, self->users, user, 32, entry);
    return entry;
}

/*  version 0: the newest.  */
static s_model_key_t *s_find_model_key(const tacit_vault_t *self, const tacit_model_ref_t *model,
                                       uint32_t version)
{
    s_model_key_t *found = NULL;
    if (version) {
        s_model_key_id_t id = s_model_key_id(model, version);
        HASH_FIND(hh, self->model_keys, &id, sizeof id, found);
        return found;
    }
    for (s_model_key_t *entry = self->model_keys; entry; entry = entry->hh.next) {
        if (s_same_model(&entry->id.model, model) &&
            (!found || s_version(entry) > s_version(found))) {
            found = entry;
        }
    }
    return found;
}

static s_grant_t *s_find_grant(const tacit_vault_t *self, const s_access_id_t *id)
{
    s_grant_t *entry = NULL;
    HASH_FIND(hh, self->grants, id, sizeof *id, entry);
    return entry;
}

static s_request_key_t *s_find_request_key(const tacit_vault_t *self, const s_access_id_t *id)
{
    s_request_key_t *entry = NULL;
    HASH_FIND(hh, self->request_keys, id, sizeof *id, entry);
    return entry;
}

/*  --- the audit chain ------------------------------------------------------------------------- */

static void s_audit(tacit_vault_t *self, const char *action, const uint8_t actor[32],
                    const tacit_model_ref_t *model, const uint8_t *user, const char *outcome)
{
    tacit_audit_record_t record = {.time_ms = tacit_now_ms()};
    char owner[17] = "";
    char other[17] = "";
    snprintf(record.action, sizeof record.action, "%s", action);
    snprintf(record.outcome, sizeof record.outcome, "%s", outcome);
    memcpy(record.actor, actor, 32);
    if (model) {
        sodium_bin2hex(owner, sizeof owner, model->owner, 8);
    }
    if (user) {
        sodium_bin2hex(other, sizeof other, user, 8);
    }
    if (model) {
        snprintf(record.subject, sizeof record.subject, "model %s/%.64s%s%s", owner, model->name,
                 user ? " user " : "", other);
    } else if (user) {
        snprintf(record.subject, sizeof record.subject, "user %s", other);
    }
    tacit_sealed_store_audit(self->store, &record);
}

/*  --- record values --------------------------------------------------------------------------- */

enum {
    S_USER_VALUE_SIZE = 32,
    S_MODEL_KEY_VALUE_SIZE = TACIT_KEY_SIZE + 32 + 8,
    S_GRANT_VALUE_SIZE = 16 + 8 + 4 + 4 + 1 + TACIT_VAULT_RECENT_MAX * 16
};

static void s_write_grant(const s_grant_t *entry, uint8_t ret_value[S_GRANT_VALUE_SIZE])
{
    tacit_writer_t writer = {.next = ret_value, .rest = S_GRANT_VALUE_SIZE};
    tacit_writer_bytes(&writer, entry->grant.id, 16);
    tacit_writer_little(&writer, entry->grant.expires_ms, 8);
    tacit_writer_little(&writer, entry->grant.uses, 4);
    tacit_writer_little(&writer, entry->grant.used, 4);
    tacit_writer_little(&writer, entry->grant.revoked, 1);
    tacit_writer_bytes(&writer, entry->recent, sizeof entry->recent);
}

static void s_put_grant(tacit_vault_t *self, const s_grant_t *entry)
{
    uint8_t value[S_GRANT_VALUE_SIZE];
    s_write_grant(entry, value);
    tacit_sealed_store_put(self->store, S_KIND_GRANT, tacit_span(&entry->id, sizeof entry->id),
                           tacit_span(value, sizeof value));
}

/*  --- memory ---------------------------------------------------------------------------------- */

static tacit_status_t s_hold_user(tacit_vault_t *self, const uint8_t user[32],
                                  const uint8_t signing_key[32])
{
    s_user_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    memcpy(entry->key, user, 32);
    memcpy(entry->signing_key, signing_key, 32);
    HASH_ADD(hh, self->users, key, sizeof entry->key, entry);
    return TACIT_OK;
}

static tacit_status_t s_hold_model_key(tacit_vault_t *self, const s_model_key_id_t *id,
                                       const uint8_t key[TACIT_KEY_SIZE],
                                       const uint8_t content_sha256[32], uint64_t created_ms)
{
    s_model_key_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    entry->id = *id;
    entry->created_ms = created_ms;
    s_wrap(self, key, entry->wrapped);
    memcpy(entry->content_sha256, content_sha256, 32);
    HASH_ADD(hh, self->model_keys, id, sizeof entry->id, entry);
    return TACIT_OK;
}

static tacit_status_t s_hold_grant(tacit_vault_t *self, const s_grant_t *grant)
{
    s_grant_t *entry = s_find_grant(self, &grant->id);
    if (entry) {
        entry->grant = grant->grant;
        memcpy(entry->recent, grant->recent, sizeof entry->recent);
        return TACIT_OK;
    }
    entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    entry->id = grant->id;
    entry->grant = grant->grant;
    memcpy(entry->recent, grant->recent, sizeof entry->recent);
    HASH_ADD(hh, self->grants, id, sizeof entry->id, entry);
    return TACIT_OK;
}

static tacit_status_t s_hold_request_key(tacit_vault_t *self, const s_access_id_t *id,
                                         const uint8_t key[TACIT_KEY_SIZE])
{
    s_request_key_t *entry = s_find_request_key(self, id);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry) {
            return TACIT_NO_MEMORY;
        }
        entry->id = *id;
        HASH_ADD(hh, self->request_keys, id, sizeof entry->id, entry);
    }
    s_wrap(self, key, entry->wrapped);
    return TACIT_OK;
}

/*  --- loading --------------------------------------------------------------------------------- */

static tacit_status_t s_load_user(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != 32 || value.size != S_USER_VALUE_SIZE) {
        return TACIT_CORRUPT;
    }
    return s_hold_user(self, key.data, value.data);
}

static tacit_status_t s_load_model_key(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    s_model_key_id_t id;
    if (key.size != sizeof id || value.size != S_MODEL_KEY_VALUE_SIZE) {
        return TACIT_CORRUPT;
    }
    memcpy(&id, key.data, sizeof id);
    tacit_cursor_t cursor = tacit_cursor(value);
    const uint8_t *model_key = tacit_cursor_take(&cursor, TACIT_KEY_SIZE).data;
    const uint8_t *content = tacit_cursor_take(&cursor, 32).data;
    return s_hold_model_key(self, &id, model_key, content, tacit_cursor_u64(&cursor));
}

static tacit_status_t s_load_grant(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    s_grant_t entry = {0};
    if (key.size != sizeof entry.id || value.size != S_GRANT_VALUE_SIZE) {
        return TACIT_CORRUPT;
    }
    memcpy(&entry.id, key.data, sizeof entry.id);
    tacit_cursor_t cursor = tacit_cursor(value);
    tacit_cursor_copy(&cursor, entry.grant.id, 16);
    entry.grant.expires_ms = tacit_cursor_u64(&cursor);
    entry.grant.uses = tacit_cursor_u32(&cursor);
    entry.grant.used = tacit_cursor_u32(&cursor);
    entry.grant.revoked = tacit_cursor_u8(&cursor) != 0;
    tacit_cursor_copy(&cursor, entry.recent, sizeof entry.recent);
    entry.grant.model = entry.id.model;
    memcpy(entry.grant.user, entry.id.user, 32);
    memcpy(entry.grant.measurement, entry.id.measurement, 32);
    return s_hold_grant(self, &entry);
}

static tacit_status_t s_load_request_key(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    s_access_id_t id;
    if (key.size != sizeof id || value.size != TACIT_KEY_SIZE) {
        return TACIT_CORRUPT;
    }
    memcpy(&id, key.data, sizeof id);
    return s_hold_request_key(self, &id, value.data);
}

typedef tacit_status_t (*s_load_fn)(tacit_vault_t *, tacit_span_t, tacit_span_t);

static tacit_status_t s_load(void *context, unsigned kind, tacit_span_t key, tacit_span_t value)
{
    static const s_load_fn loaders[] = {
        [S_KIND_USER] = s_load_user,
        [S_KIND_MODEL_KEY] = s_load_model_key,
        [S_KIND_GRANT] = s_load_grant,
        [S_KIND_REQUEST_KEY] = s_load_request_key,
    };
    if (kind >= sizeof loaders / sizeof *loaders || !loaders[kind]) {
        return TACIT_CORRUPT;
    }
    return loaders[kind](context, key, value);
}

tacit_status_t tacit_vault_open(const char *folder, const tacit_secret_t *key,
                                tacit_platform_t *platform, const uint8_t mesh_id[32],
                                tacit_vault_t **ret_vault, tacit_error_t *ret_error)
{
    tacit_vault_t *self = calloc(1, sizeof *self);
    if (!self || tacit_secret_random(TACIT_KEY_SIZE, &self->wrap_key)) {
        free(self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    uint8_t counter[32];
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/counter/keys/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    crypto_hash_sha256(counter, transcript.data, transcript.size);
    char path[1024];
    snprintf(path, sizeof path, "%s/keys.db", folder);
    tacit_status_t status = tacit_sealed_store_open(path, key, platform, counter, s_load, self,
                                                    &self->store, ret_error);
    if (status) {
        tacit_vault_destroy(&self);
        return status;
    }
    *ret_vault = self;
    return TACIT_OK;
}

/*  Each table of its own type: uthash is macros.  */
#define S_CLEAR(type, table)                                                                       \
    do {                                                                                           \
        type *entry = NULL;                                                                        \
        type *next = NULL;                                                                         \
        HASH_ITER(hh, table, entry, next)                                                          \
        {                                                                                          \
            HASH_DEL(table, entry);                                                                \
            free(entry);                                                                           \
        }                                                                                          \
    } while (0)

void tacit_vault_destroy(tacit_vault_t **vault)
{
    if (*vault) {
        tacit_vault_t *self = *vault;
        S_CLEAR(s_user_t, self->users);
        S_CLEAR(s_model_key_t, self->model_keys);
        S_CLEAR(s_grant_t, self->grants);
        S_CLEAR(s_request_key_t, self->request_keys);
        tacit_sealed_store_destroy(&self->store);
        tacit_secret_destroy(&self->wrap_key);
        free(self);
        *vault = NULL;
    }
}

/*  --- users ----------------------------------------------------------------------------------- */

bool tacit_vault_enrolled(const tacit_vault_t *vault, const uint8_t user[32])
{
    return s_find_user(vault, user) != NULL;
}

tacit_status_t tacit_vault_enrol(tacit_vault_t *vault, const uint8_t user[32],
                                 const uint8_t signing_key[32], tacit_error_t *ret_error)
{
    const s_user_t *known = s_find_user(vault, user);
    if (known) {
        return memcmp(known->signing_key, signing_key, 32) == 0
                   ? TACIT_OK
                   : tacit_error_claim(ret_error, TACIT_ALREADY_EXISTS, "signing key",
                                       "the one enrolled before", "another");
    }
    if (HASH_COUNT(vault->users) >= TACIT_VAULT_USERS_MAX) {
        return s_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    tacit_sealed_store_begin(vault->store);
    tacit_sealed_store_put(vault->store, S_KIND_USER, tacit_span(user, 32),
                           tacit_span(signing_key, 32));
    s_audit(vault, "enrol", user, NULL, user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    return status ? status : s_hold_user(vault, user, signing_key);
}

/*  --- model keys ------------------------------------------------------------------------------ */

static size_t s_count_model_keys(const tacit_vault_t *self, const uint8_t owner[32])
{
    size_t count = 0;
    for (const s_model_key_t *entry = self->model_keys; entry; entry = entry->hh.next) {
        count += memcmp(entry->id.model.owner, owner, 32) == 0;
    }
    return count;
}

/*  The same key and content again is no change, and no error.  */
static bool s_is_same_key(const tacit_vault_t *self, const s_model_key_t *entry,
                          const uint8_t key[TACIT_KEY_SIZE], const uint8_t content_sha256[32])
{
    uint8_t known[TACIT_KEY_SIZE];
    bool same = s_unwrap(self, entry->wrapped, known) == TACIT_OK &&
                sodium_memcmp(known, key, sizeof known) == 0 &&
                memcmp(entry->content_sha256, content_sha256, 32) == 0;
    sodium_memzero(known, sizeof known);
    return same;
}

static void s_put_model_key(tacit_vault_t *self, const s_model_key_id_t *id,
                            const uint8_t key[TACIT_KEY_SIZE], const uint8_t content_sha256[32],
                            uint64_t created_ms)
{
    uint8_t value[S_MODEL_KEY_VALUE_SIZE];
    tacit_writer_t writer = {.next = value, .rest = sizeof value};
    tacit_writer_bytes(&writer, key, TACIT_KEY_SIZE);
    tacit_writer_bytes(&writer, content_sha256, 32);
    tacit_writer_little(&writer, created_ms, 8);
    tacit_sealed_store_put(self->store, S_KIND_MODEL_KEY, tacit_span(id, sizeof *id),
                           tacit_span(value, sizeof value));
    sodium_memzero(value, sizeof value);
}

tacit_status_t tacit_vault_put_model_key(tacit_vault_t *vault, const tacit_model_ref_t *model,
                                         uint32_t version, const uint8_t key[TACIT_KEY_SIZE],
                                         const uint8_t content_sha256[32], tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, model->owner)) {
        return s_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    const s_model_key_t *newest = s_find_model_key(vault, model, 0);
    if (newest && version == s_version(newest) &&
        s_is_same_key(vault, newest, key, content_sha256)) {
        return TACIT_OK;
    }
    if (version == 0 || (newest && version <= s_version(newest))) {
        return s_refuse(ret_error, TACIT_KEYS_STALE_VERSION);
    }
    if (s_count_model_keys(vault, model->owner) >= TACIT_VAULT_MODEL_KEYS_MAX) {
        return s_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    s_model_key_id_t id = s_model_key_id(model, version);
    uint64_t now_ms = tacit_now_ms();
    tacit_sealed_store_begin(vault->store);
    s_put_model_key(vault, &id, key, content_sha256, now_ms);
    s_audit(vault, "put_model_key", model->owner, model, NULL, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    return status ? status : s_hold_model_key(vault, &id, key, content_sha256, now_ms);
}

static bool s_is_meant(const s_model_key_t *entry, const tacit_model_ref_t *model, uint32_t version)
{
    return s_same_model(&entry->id.model, model) && (!version || s_version(entry) == version);
}

tacit_status_t tacit_vault_remove_model_key(tacit_vault_t *vault, const tacit_model_ref_t *model,
                                            uint32_t version, tacit_error_t *ret_error)
{
    if (!s_find_model_key(vault, model, version)) {
        return s_refuse(ret_error, TACIT_KEYS_NO_MODEL_KEY);
    }
    s_model_key_t *entry = NULL;
    s_model_key_t *next = NULL;
    tacit_sealed_store_begin(vault->store);
    HASH_ITER(hh, vault->model_keys, entry, next)
    {
        if (s_is_meant(entry, model, version)) {
            tacit_sealed_store_remove(vault->store, S_KIND_MODEL_KEY,
                                      tacit_span(&entry->id, sizeof entry->id));
        }
    }
    s_audit(vault, "remove_model_key", model->owner, model, NULL, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (status) {
        return status;
    }
    HASH_ITER(hh, vault->model_keys, entry, next)
    {
        if (s_is_meant(entry, model, version)) {
            HASH_DEL(vault->model_keys, entry);
            free(entry);
        }
    }
    return TACIT_OK;
}

/*  --- grants ---------------------------------------------------------------------------------- */

static size_t s_count_grants(const tacit_vault_t *self, const uint8_t owner[32])
{
    size_t count = 0;
    for (const s_grant_t *entry = self->grants; entry; entry = entry->hh.next) {
        count += memcmp(entry->id.model.owner, owner, 32) == 0;
    }
    return count;
}

tacit_status_t tacit_vault_grant(tacit_vault_t *vault, const tacit_grant_t *grant,
                                 uint8_t ret_id[16], tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, grant->model.owner)) {
        return s_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    if (!s_find_model_key(vault, &grant->model, 0)) {
        return s_refuse(ret_error, TACIT_KEYS_NO_MODEL_KEY);
    }
    s_grant_t entry = {.id = s_access_id(&grant->model, grant->user, grant->measurement),
                       .grant = *grant};
    if (!s_find_grant(vault, &entry.id) &&
        s_count_grants(vault, grant->model.owner) >= TACIT_VAULT_GRANTS_MAX) {
        return s_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    randombytes_buf(entry.grant.id, sizeof entry.grant.id);
    entry.grant.used = 0;
    entry.grant.revoked = false;
    tacit_sealed_store_begin(vault->store);
    s_put_grant(vault, &entry);
    s_audit(vault, "grant", grant->model.owner, &grant->model, grant->user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (!status) {
        status = s_hold_grant(vault, &entry);
    }
    if (!status) {
        memcpy(ret_id, entry.grant.id, 16);
    }
    return status;
}

tacit_status_t tacit_vault_revoke(tacit_vault_t *vault, const uint8_t owner[32],
                                  const uint8_t id[16], tacit_error_t *ret_error)
{
    s_grant_t *found = vault->grants;
    while (found && (memcmp(found->grant.id, id, 16) != 0 ||
                     memcmp(found->id.model.owner, owner, 32) != 0)) {
        found = found->hh.next;
    }
    if (!found) {
        return tacit_error_set(ret_error, TACIT_NOT_FOUND, "no such grant of yours");
    }
    if (found->grant.revoked) {
        return TACIT_OK;
    }
    s_grant_t revoked = *found;
    revoked.grant.revoked = true;
    tacit_sealed_store_begin(vault->store);
    s_put_grant(vault, &revoked);
    s_audit(vault, "revoke", owner, &found->id.model, found->id.user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    return status ? status : s_hold_grant(vault, &revoked);
}

/*  --- request keys ---------------------------------------------------------------------------- */

static size_t s_count_request_keys(const tacit_vault_t *self, const uint8_t user[32])
{
    size_t count = 0;
    for (const s_request_key_t *entry = self->request_keys; entry; entry = entry->hh.next) {
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
        return s_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    s_access_id_t id = s_access_id(model, user, measurement);
    if (!s_find_request_key(vault, &id) &&
        s_count_request_keys(vault, user) >= TACIT_VAULT_REQUEST_KEYS_MAX) {
        return s_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    tacit_sealed_store_begin(vault->store);
    tacit_sealed_store_put(vault->store, S_KIND_REQUEST_KEY, tacit_span(&id, sizeof id),
                           tacit_span(key, TACIT_KEY_SIZE));
    s_audit(vault, "put_request_key", user, model, user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    return status ? status : s_hold_request_key(vault, &id, key);
}

/*  --- release --------------------------------------------------------------------------------- */

/*  Everything that the decision rests on.  */
typedef struct {
    const s_user_t *owner;
    const s_model_key_t *model_key;
    const s_request_key_t *request_key;
    s_grant_t *grant;
    bool spends; /* this request uses up one of a counted grant */
} s_decision_t;

static bool s_is_recent(const s_grant_t *grant, const uint8_t request_id[16])
{
    uint32_t remembered =
        grant->grant.used < TACIT_VAULT_RECENT_MAX ? grant->grant.used : TACIT_VAULT_RECENT_MAX;
    for (uint32_t i = 0; i < remembered; i++) {
        if (memcmp(grant->recent[i], request_id, 16) == 0) {
            return true;
        }
    }
    return false;
}

static int s_judge_grant(const s_grant_t *grant, const uint8_t request_id[16], bool *ret_spends)
{
    if (!grant) {
        return TACIT_KEYS_NOT_GRANTED;
    }
    if (grant->grant.revoked) {
        return TACIT_KEYS_GRANT_REVOKED;
    }
    if (grant->grant.expires_ms && tacit_now_ms() >= grant->grant.expires_ms) {
        return TACIT_KEYS_GRANT_EXPIRED;
    }
    *ret_spends = grant->grant.uses && !s_is_recent(grant, request_id);
    if (*ret_spends && grant->grant.used >= grant->grant.uses) {
        return TACIT_KEYS_GRANT_USED_UP;
    }
    return TACIT_OK;
}

static int s_decide(const tacit_vault_t *self, const tacit_release_request_t *request,
                    s_decision_t *ret_decision)
{
    s_access_id_t id = s_access_id(&request->model, request->user, request->measurement);
    ret_decision->owner = s_find_user(self, request->model.owner);
    if (!ret_decision->owner || !s_find_user(self, request->user)) {
        return TACIT_KEYS_NOT_ENROLLED;
    }
    ret_decision->grant = s_find_grant(self, &id);
    int code = s_judge_grant(ret_decision->grant, request->request_id, &ret_decision->spends);
    if (code) {
        return code;
    }
    ret_decision->model_key = s_find_model_key(self, &request->model, request->version);
    if (!ret_decision->model_key) {
        return TACIT_KEYS_NO_MODEL_KEY;
    }
    ret_decision->request_key = s_find_request_key(self, &id);
    return ret_decision->request_key ? TACIT_OK : TACIT_KEYS_NO_REQUEST_KEY;
}

static void s_explain(const tacit_release_request_t *request, int code, tacit_error_t *ret_error)
{
    char measurement[65];
    sodium_bin2hex(measurement, sizeof measurement, request->measurement, 32);
    s_refuse(ret_error, code);
    if (ret_error && code == TACIT_KEYS_NOT_GRANTED) {
        snprintf(ret_error->claim, sizeof ret_error->claim, "grant");
        snprintf(ret_error->expected, sizeof ret_error->expected,
                 "a grant for this user and model in workers measured %s", measurement);
        snprintf(ret_error->got, sizeof ret_error->got, "none");
        tacit_error_remedy(ret_error, "the model's owner grants it: tacit-mlowner grant");
    } else if (code == TACIT_KEYS_GRANT_REVOKED) {
        tacit_error_remedy(ret_error, "ask the model's owner");
    } else if (code == TACIT_KEYS_NO_REQUEST_KEY) {
        tacit_error_remedy(ret_error, "tacit-dataowner infer puts one by itself");
    }
}

static void s_spend(const s_grant_t *grant, const uint8_t request_id[16], s_grant_t *ret_spent)
{
    *ret_spent = *grant;
    memcpy(ret_spent->recent[grant->grant.used % TACIT_VAULT_RECENT_MAX], request_id, 16);
    ret_spent->grant.used++;
}

static tacit_status_t s_record(tacit_vault_t *self, const tacit_release_request_t *request,
                               const s_decision_t *decision, const char *outcome,
                               tacit_error_t *ret_error)
{
    s_grant_t spent;
    tacit_sealed_store_begin(self->store);
    if (decision->spends) {
        s_spend(decision->grant, request->request_id, &spent);
        s_put_grant(self, &spent);
    }
    s_audit(self, "release", request->worker, &request->model, request->user, outcome);
    tacit_status_t status = tacit_sealed_store_commit(self->store, ret_error);
    if (!status && decision->spends) {
        status = s_hold_grant(self, &spent);
    }
    return status;
}

static tacit_status_t s_hand_out(const tacit_vault_t *self, const s_decision_t *decision,
                                 tacit_release_t *ret_release)
{
    tacit_release_t release = {
        .version = s_version(decision->model_key),
        .lease_ms = decision->grant->grant.uses ? 0 : TACIT_VAULT_LEASE_MS,
    };
    memcpy(release.owner_signing_key, decision->owner->signing_key, 32);
    memcpy(release.content_sha256, decision->model_key->content_sha256, 32);
    tacit_status_t status = s_unwrap(self, decision->model_key->wrapped, release.model_key);
    if (!status) {
        status = s_unwrap(self, decision->request_key->wrapped, release.request_key);
    }
    if (!status) {
        *ret_release = release;
    }
    sodium_memzero(&release, sizeof release);
    return status;
}

tacit_status_t tacit_vault_release(tacit_vault_t *vault, const tacit_release_request_t *request,
                                   tacit_release_t *ret_release, tacit_error_t *ret_error)
{
    s_decision_t decision = {0};
    int code = s_decide(vault, request, &decision);
    if (code) {
        tacit_error_t refusal = {.code = TACIT_OK};
        s_explain(request, code, &refusal);
        decision.spends = false;
        tacit_status_t status = s_record(vault, request, &decision, refusal.name, ret_error);
        if (!status && ret_error) {
            *ret_error = refusal;
        }
        return status ? status : (tacit_status_t)code;
    }
    tacit_status_t status = s_record(vault, request, &decision, "ok", ret_error);
    return status ? status : s_hand_out(vault, &decision, ret_release);
}

/*  --- lists ----------------------------------------------------------------------------------- */

size_t tacit_vault_list_models(const tacit_vault_t *vault, const uint8_t owner[32], size_t offset,
                               tacit_model_key_entry_t *ret_entries, size_t max)
{
    size_t count = 0;
    for (const s_model_key_t *entry = vault->model_keys; entry && count < max;
         entry = entry->hh.next) {
        if (memcmp(entry->id.model.owner, owner, 32) == 0 && offset-- == 0) {
            offset = 0;
            ret_entries[count++] = (tacit_model_key_entry_t){
                .model = entry->id.model,
                .version = s_version(entry),
                .created_ms = entry->created_ms,
            };
        }
    }
    return count;
}

size_t tacit_vault_list_grants(const tacit_vault_t *vault, const uint8_t user[32], size_t offset,
                               tacit_grant_t *ret_grants, size_t max)
{
    size_t count = 0;
    for (const s_grant_t *entry = vault->grants; entry && count < max; entry = entry->hh.next) {
        bool mine =
            memcmp(entry->id.model.owner, user, 32) == 0 || memcmp(entry->id.user, user, 32) == 0;
        if (mine && offset-- == 0) {
            offset = 0;
            ret_grants[count++] = entry->grant;
        }
    }
    return count;
}

tacit_status_t tacit_vault_read_audit(tacit_vault_t *vault, uint64_t from,
                                      tacit_audit_record_t *ret_records, size_t max,
                                      size_t *ret_count)
{
    return tacit_sealed_store_read_audit(vault->store, from, ret_records, max, ret_count);
}
