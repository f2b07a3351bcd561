/*  vault_grants.c - who may run which model in which workers, until when and how often.  */

#include <sodium.h>
#include <stdlib.h>

#include "idl/keys.h"
#include "services/keys/vault_internal.h"

static size_t s_count(const tacit_vault_t *self, const uint8_t owner[32])
{
    size_t count = 0;
    for (const tacit__grant_t *entry = TACIT__FIRST(tacit__grant_t, self->grants); entry;
         entry = TACIT__NEXT(tacit__grant_t, entry)) {
        count += memcmp(entry->id.model.owner, owner, 32) == 0;
    }
    return count;
}

/*  The row to write to: the one there is, or a new one, not yet in the table.  */
static tacit__grant_t *s_row(const tacit_vault_t *self, const tacit__access_id_t *id, bool *ret_new)
{
    tacit__grant_t *entry = tacit__vault_find_grant(self, id);
    *ret_new = entry == NULL;
    return entry ? entry : calloc(1, sizeof *entry);
}

static tacit_status_t s_keep(tacit_vault_t *self, const tacit__grant_t *wanted,
                             tacit_error_t *ret_error)
{
    bool new = false;
    tacit__grant_t *entry = s_row(self, &wanted->id, &new);
    if (!entry) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_sealed_store_begin(self->store);
    tacit__vault_put_grant(self, wanted);
    tacit__vault_audit(self, "grant", wanted->id.model.owner, &wanted->id.model, wanted->id.user,
                       "ok");
    tacit_status_t status = tacit_sealed_store_commit(self->store, ret_error);
    if (status) {
        if (new) {
            free(entry);
        }
        return status;
    }
    entry->id = wanted->id;
    entry->grant = wanted->grant;
    memcpy(entry->recent, wanted->recent, sizeof entry->recent);
    if (new) {
        tacit_map_add(&self->grants, &entry->node, tacit_span(&entry->id, sizeof entry->id));
    }
    return TACIT_OK;
}

static tacit__grant_t *s_find_by_id(const tacit_vault_t *self, const uint8_t owner[32],
                                    const uint8_t id[16])
{
    tacit__grant_t *entry = TACIT__FIRST(tacit__grant_t, self->grants);
    while (entry && (memcmp(entry->grant.id, id, 16) != 0 ||
                     memcmp(entry->id.model.owner, owner, 32) != 0)) {
        entry = TACIT__NEXT(tacit__grant_t, entry);
    }
    return entry;
}

/*  Was this very grant made before? NOT_FOUND: no; KEY_REUSED: another one has its id.  */
static tacit_status_t s_made_before(const tacit_vault_t *self, const tacit__grant_t *wanted,
                                    tacit_error_t *ret_error)
{
    const tacit_grant_t *grant = &wanted->grant;
    const tacit__grant_t *made = sodium_is_zero(grant->id, sizeof grant->id)
                                     ? NULL
                                     : s_find_by_id(self, grant->model.owner, grant->id);
    if (!made) {
        return TACIT_NOT_FOUND;
    }
    bool same = memcmp(&made->id, &wanted->id, sizeof made->id) == 0 &&
                made->grant.expires_ms == grant->expires_ms && made->grant.uses == grant->uses;
    return same ? TACIT_OK : tacit_error_set(ret_error, TACIT_KEY_REUSED, NULL);
}

tacit_status_t tacit_vault_grant(tacit_vault_t *vault, const tacit_grant_t *grant,
                                 uint8_t ret_id[16], tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, grant->model.owner)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    if (!tacit__vault_find_model_key(vault, &grant->model, 0)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NO_MODEL_KEY);
    }
    tacit__grant_t wanted = {
        .id = tacit__vault_access_id(&grant->model, grant->user, grant->measurement),
        .grant = *grant,
    };
    tacit_status_t before = s_made_before(vault, &wanted, ret_error);
    if (before != TACIT_NOT_FOUND) {
        if (before == TACIT_OK) {
            memcpy(ret_id, wanted.grant.id, 16);
        }
        return before;
    }
    if (!tacit__vault_find_grant(vault, &wanted.id) &&
        s_count(vault, grant->model.owner) >= TACIT_VAULT_GRANTS_MAX) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_QUOTA_EXCEEDED);
    }
    if (sodium_is_zero(wanted.grant.id, sizeof wanted.grant.id)) {
        randombytes_buf(wanted.grant.id, sizeof wanted.grant.id);
    }
    wanted.grant.used = 0;
    wanted.grant.revoked = false;
    tacit_status_t status = s_keep(vault, &wanted, ret_error);
    if (!status) {
        memcpy(ret_id, wanted.grant.id, 16);
    }
    return status;
}

tacit_status_t tacit_vault_revoke(tacit_vault_t *vault, const uint8_t owner[32],
                                  const uint8_t id[16], tacit_error_t *ret_error)
{
    if (!tacit_vault_enrolled(vault, owner)) {
        return tacit__vault_refuse(ret_error, TACIT_KEYS_NOT_ENROLLED);
    }
    tacit__grant_t *found = s_find_by_id(vault, owner, id);
    if (!found) {
        return tacit_error_set(ret_error, TACIT_NOT_FOUND, "no such grant of yours");
    }
    if (found->grant.revoked) {
        return TACIT_OK;
    }
    tacit__grant_t revoked = *found;
    revoked.grant.revoked = true;
    tacit_sealed_store_begin(vault->store);
    tacit__vault_put_grant(vault, &revoked);
    tacit__vault_audit(vault, "revoke", owner, &found->id.model, found->id.user, "ok");
    tacit_status_t status = tacit_sealed_store_commit(vault->store, ret_error);
    if (!status) {
        found->grant.revoked = true;
    }
    return status;
}

size_t tacit_vault_list_grants(const tacit_vault_t *vault, const uint8_t user[32], size_t offset,
                               tacit_grant_t *ret_grants, size_t max)
{
    size_t count = 0;
    for (const tacit__grant_t *entry = TACIT__FIRST(tacit__grant_t, vault->grants);
         entry && count < max; entry = TACIT__NEXT(tacit__grant_t, entry)) {
        if (memcmp(entry->id.model.owner, user, 32) != 0 && memcmp(entry->id.user, user, 32) != 0) {
            continue;
        }
        if (offset > 0) {
            offset--;
        } else {
            ret_grants[count++] = entry->grant;
        }
    }
    return count;
}
