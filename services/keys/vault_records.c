/*  vault_records.c - rows and records: how a row is found, what it is as a record, and back.  */

#include "services/keys/vault_internal.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "enclave/layout.h"

/*  Kinds of records; stored, so never renumbered.  */
enum { S_KIND_USER = 1, S_KIND_MODEL_KEY = 2, S_KIND_GRANT = 3, S_KIND_REQUEST_KEY = 4 };

/*  Sizes of their values.  */
enum {
    S_USER_SIZE = 32,
    S_MODEL_KEY_SIZE = TACIT_KEY_SIZE + 32 + 8,
    S_GRANT_SIZE = 16 + 8 + 4 + 4 + 1 + TACIT_VAULT_RECENT_MAX * 16
};

/*  --- keys in memory -------------------------------------------------------------------------- */

static tacit_span_t s_wrap_associated(void)
{
    return tacit_span_string("tacit/keys/memory/v1");
}

void tacit__vault_wrap(const tacit_vault_t *vault, const uint8_t key[TACIT_KEY_SIZE],
                       uint8_t ret_wrapped[TACIT__WRAPPED_SIZE])
{
    tacit_seal(vault->wrap_key->data, s_wrap_associated(), tacit_span(key, TACIT_KEY_SIZE),
               ret_wrapped);
}

tacit_status_t tacit__vault_unwrap(const tacit_vault_t *vault,
                                   const uint8_t wrapped[TACIT__WRAPPED_SIZE],
                                   uint8_t ret_key[TACIT_KEY_SIZE])
{
    return tacit_seal_open(vault->wrap_key->data, s_wrap_associated(),
                           tacit_span(wrapped, TACIT__WRAPPED_SIZE), ret_key);
}

/*  --- rows ------------------------------------------------------------------------------------ */

tacit__model_key_id_t tacit__vault_model_key_id(const tacit_model_ref_t *model, uint32_t version)
{
    tacit__model_key_id_t id = {.model = *model};
    tacit_writer_t writer = {.next = id.version, .rest = sizeof id.version};
    tacit_writer_little(&writer, version, sizeof id.version);
    return id;
}

tacit__access_id_t tacit__vault_access_id(const tacit_model_ref_t *model, const uint8_t user[32],
                                          const uint8_t measurement[32])
{
    tacit__access_id_t id = {.model = *model};
    memcpy(id.user, user, 32);
    memcpy(id.measurement, measurement, 32);
    return id;
}

uint32_t tacit__vault_version(const tacit__model_key_t *entry)
{
    tacit_cursor_t cursor = tacit_cursor(tacit_span(entry->id.version, 4));
    return tacit_cursor_u32(&cursor);
}

bool tacit__vault_same_model(const tacit_model_ref_t *a, const tacit_model_ref_t *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

tacit__user_t *tacit__vault_find_user(const tacit_vault_t *vault, const uint8_t user[32])
{
    return (tacit__user_t *)tacit_map_find(&vault->users, tacit_span(user, 32));
}

static tacit__model_key_t *s_find_newest(const tacit_vault_t *self, const tacit_model_ref_t *model)
{
    tacit__model_key_t *found = NULL;
    for (tacit__model_key_t *entry = TACIT__FIRST(tacit__model_key_t, self->model_keys); entry;
         entry = TACIT__NEXT(tacit__model_key_t, entry)) {
        if (tacit__vault_same_model(&entry->id.model, model) &&
            (!found || tacit__vault_version(entry) > tacit__vault_version(found))) {
            found = entry;
        }
    }
    return found;
}

tacit__model_key_t *tacit__vault_find_model_key(const tacit_vault_t *vault,
                                                const tacit_model_ref_t *model, uint32_t version)
{
    if (version == 0) {
        return s_find_newest(vault, model);
    }
    tacit__model_key_id_t id = tacit__vault_model_key_id(model, version);
    return (tacit__model_key_t *)tacit_map_find(&vault->model_keys, tacit_span(&id, sizeof id));
}

tacit__grant_t *tacit__vault_find_grant(const tacit_vault_t *vault, const tacit__access_id_t *id)
{
    return (tacit__grant_t *)tacit_map_find(&vault->grants, tacit_span(id, sizeof *id));
}

tacit__request_key_t *tacit__vault_find_request_key(const tacit_vault_t *vault,
                                                    const tacit__access_id_t *id)
{
    return (tacit__request_key_t *)tacit_map_find(&vault->request_keys, tacit_span(id, sizeof *id));
}

/*  --- writing --------------------------------------------------------------------------------- */

void tacit__vault_put_user(tacit_vault_t *vault, const tacit__user_t *entry)
{
    tacit_sealed_store_put(vault->store, S_KIND_USER, tacit_span(entry->key, sizeof entry->key),
                           tacit_span(entry->signing_key, S_USER_SIZE));
}

void tacit__vault_put_model_key(tacit_vault_t *vault, const tacit__model_key_t *entry,
                                const uint8_t key[TACIT_KEY_SIZE])
{
    uint8_t value[S_MODEL_KEY_SIZE];
    tacit_writer_t writer = {.next = value, .rest = sizeof value};
    tacit_writer_bytes(&writer, key, TACIT_KEY_SIZE);
    tacit_writer_bytes(&writer, entry->content_sha256, 32);
    tacit_writer_little(&writer, entry->created_ms, 8);
    tacit_sealed_store_put(vault->store, S_KIND_MODEL_KEY, tacit_span(&entry->id, sizeof entry->id),
                           tacit_span(value, sizeof value));
    sodium_memzero(value, sizeof value);
}

void tacit__vault_remove_model_key(tacit_vault_t *vault, const tacit__model_key_t *entry)
{
    tacit_sealed_store_remove(vault->store, S_KIND_MODEL_KEY,
                              tacit_span(&entry->id, sizeof entry->id));
}

void tacit__vault_put_grant(tacit_vault_t *vault, const tacit__grant_t *entry)
{
    uint8_t value[S_GRANT_SIZE];
    tacit_writer_t writer = {.next = value, .rest = sizeof value};
    tacit_writer_bytes(&writer, entry->grant.id, 16);
    tacit_writer_little(&writer, entry->grant.expires_ms, 8);
    tacit_writer_little(&writer, entry->grant.uses, 4);
    tacit_writer_little(&writer, entry->grant.used, 4);
    tacit_writer_little(&writer, entry->grant.revoked, 1);
    tacit_writer_bytes(&writer, entry->recent, sizeof entry->recent);
    tacit_sealed_store_put(vault->store, S_KIND_GRANT, tacit_span(&entry->id, sizeof entry->id),
                           tacit_span(value, sizeof value));
}

void tacit__vault_put_request_key(tacit_vault_t *vault, const tacit__access_id_t *id,
                                  const uint8_t key[TACIT_KEY_SIZE])
{
    tacit_sealed_store_put(vault->store, S_KIND_REQUEST_KEY, tacit_span(id, sizeof *id),
                           tacit_span(key, TACIT_KEY_SIZE));
}

static void s_state_subject(const tacit_model_ref_t *model, const uint8_t *user, char *ret_text,
                            size_t size)
{
    char owner[17] = "";
    char other[17] = "";
    if (user) {
        sodium_bin2hex(other, sizeof other, user, 8);
    }
    if (model) {
        sodium_bin2hex(owner, sizeof owner, model->owner, 8);
        snprintf(ret_text, size, "model %s/%.64s%s%s", owner, model->name, user ? " user " : "",
                 other);
    } else if (user) {
        snprintf(ret_text, size, "user %s", other);
    }
}

void tacit__vault_audit(tacit_vault_t *vault, const char *action, const uint8_t actor[32],
                        const tacit_model_ref_t *model, const uint8_t *user, const char *outcome)
{
    tacit_audit_record_t record = {.time_ms = tacit_now_ms()};
    snprintf(record.action, sizeof record.action, "%s", action);
    snprintf(record.outcome, sizeof record.outcome, "%s", outcome);
    memcpy(record.actor, actor, 32);
    s_state_subject(model, user, record.subject, sizeof record.subject);
    tacit_sealed_store_audit(vault->store, &record);
}

/*  --- loading --------------------------------------------------------------------------------- */

static tacit_status_t s_load_user(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != 32 || value.size != S_USER_SIZE) {
        return TACIT_CORRUPT;
    }
    tacit__user_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    memcpy(entry->key, key.data, 32);
    memcpy(entry->signing_key, value.data, 32);
    tacit_map_add(&self->users, &entry->node, tacit_span(&entry->key, sizeof entry->key));
    return TACIT_OK;
}

static tacit_status_t s_load_model_key(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != sizeof(tacit__model_key_id_t) || value.size != S_MODEL_KEY_SIZE) {
        return TACIT_CORRUPT;
    }
    tacit__model_key_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    tacit_cursor_t cursor = tacit_cursor(value);
    memcpy(&entry->id, key.data, sizeof entry->id);
    tacit__vault_wrap(self, tacit_cursor_take(&cursor, TACIT_KEY_SIZE).data, entry->wrapped);
    tacit_cursor_copy(&cursor, entry->content_sha256, 32);
    entry->created_ms = tacit_cursor_u64(&cursor);
    tacit_map_add(&self->model_keys, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    return TACIT_OK;
}

static tacit_status_t s_load_grant(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != sizeof(tacit__access_id_t) || value.size != S_GRANT_SIZE) {
        return TACIT_CORRUPT;
    }
    tacit__grant_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    tacit_cursor_t cursor = tacit_cursor(value);
    memcpy(&entry->id, key.data, sizeof entry->id);
    tacit_cursor_copy(&cursor, entry->grant.id, 16);
    entry->grant.expires_ms = tacit_cursor_u64(&cursor);
    entry->grant.uses = tacit_cursor_u32(&cursor);
    entry->grant.used = tacit_cursor_u32(&cursor);
    entry->grant.revoked = tacit_cursor_u8(&cursor) != 0;
    tacit_cursor_copy(&cursor, entry->recent, sizeof entry->recent);
    entry->grant.model = entry->id.model;
    memcpy(entry->grant.user, entry->id.user, 32);
    memcpy(entry->grant.measurement, entry->id.measurement, 32);
    tacit_map_add(&self->grants, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    return TACIT_OK;
}

static tacit_status_t s_load_request_key(tacit_vault_t *self, tacit_span_t key, tacit_span_t value)
{
    if (key.size != sizeof(tacit__access_id_t) || value.size != TACIT_KEY_SIZE) {
        return TACIT_CORRUPT;
    }
    tacit__request_key_t *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return TACIT_NO_MEMORY;
    }
    memcpy(&entry->id, key.data, sizeof entry->id);
    tacit__vault_wrap(self, value.data, entry->wrapped);
    tacit_map_add(&self->request_keys, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    return TACIT_OK;
}

typedef tacit_status_t (*s_load_fn)(tacit_vault_t *, tacit_span_t, tacit_span_t);

tacit_status_t tacit__vault_load(void *context, unsigned kind, tacit_span_t key, tacit_span_t value)
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
