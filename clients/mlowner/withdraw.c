/*  withdraw.c - see withdraw.h.  */

#include "clients/mlowner/withdraw.h"

#include "clients/lib/model_keys.h"
#include "clients/mlowner/upload.h"
#include "idl/keys.h"
#include "idl/models.h"

/*  --- taking grants back ---------------------------------------------------------------------- */

enum { S_REVOKE_MAX = TACIT_KEYS_LIST_RESULT_GRANTS_MAX };

/*  Ids of active grants of the model to that user (NULL: anybody), at most S_REVOKE_MAX.  */
static tacit_status_t s_find_grants(tacit_owner_t *owner, const char *name, const uint8_t *user,
                                    uint8_t (*ret_ids)[16], size_t *ret_count,
                                    tacit_error_t *ret_error)
{
    tacit_keys_list_args_t args = {0};
    tacit_keys_list_result_t result = {0};
    tacit_status_t status = TACIT_OK;
    size_t count = 0;
    do {
        status = tacit_keys_list_call(owner->keys, &args, &result, ret_error);
        for (size_t i = 0; !status && i < result.grants.count && count < S_REVOKE_MAX; i++) {
            const tacit_keys_grant_info_t *grant = &result.grants.items[i];
            if (tacit_span_equal(grant->name, tacit_span_string(name)) &&
                memcmp(grant->owner.data, owner->user.identity->public_key, 32) == 0 &&
                (!user || memcmp(grant->user.data, user, 32) == 0) &&
                grant->state == TACIT_KEYS_GRANT_STATE_ACTIVE) {
                memcpy(ret_ids[count++], grant->grant_id.data, 16);
            }
        }
        args.offset += TACIT_KEYS_LIST_RESULT_GRANTS_MAX;
    } while (!status && result.more);
    *ret_count = count;
    return status;
}

tacit_status_t tacit_owner_revoke(tacit_owner_t *owner, const char *name, const uint8_t *user,
                                  size_t *ret_count, tacit_error_t *ret_error)
{
    uint8_t ids[S_REVOKE_MAX][16];
    size_t found = 0;
    tacit_status_t status = TACIT_OK;
    *ret_count = 0;
    do {
        status = s_find_grants(owner, name, user, ids, &found, ret_error);
        for (size_t i = 0; i < found && !status; i++) {
            tacit_keys_revoke_args_t args = {.grant_id = tacit_span(ids[i], 16)};
            tacit_keys_revoke_result_t result = {0};
            status = tacit_keys_revoke_call(owner->keys, &args, &result, ret_error);
            *ret_count += status == TACIT_OK;
        }
    } while (!status && found == S_REVOKE_MAX);
    return status;
}

/*  --- removing -------------------------------------------------------------------------------- */

/*  Half an upload of that model, if nobody is at it.  */
static void s_forget_kept(tacit_owner_t *owner, const char *name)
{
    tacit_package_place_t place = tacit_owner_place(owner);
    tacit_package_t package = {.file = -1};
    if (tacit_package_find(name, &place, &package, NULL) == TACIT_OK) {
        tacit_package_forget(&package, &place);
    }
    tacit_package_release(&package);
}

tacit_status_t tacit_owner_remove(tacit_owner_t *owner, const char *name, uint32_t version,
                                  tacit_error_t *ret_error)
{
    tacit_keys_remove_model_key_args_t key_args = {.name = tacit_span_string(name),
                                                   .version = version};
    tacit_keys_remove_model_key_result_t key_result = {0};
    tacit_models_remove_args_t args = {.name = tacit_span_string(name), .version = version};
    tacit_models_remove_result_t result = {0};
    size_t revoked = 0;
    if (version == 0) {
        /*  Else a model pushed under this name later would be granted already.  */
        tacit_status_t status = tacit_owner_revoke(owner, name, NULL, &revoked, ret_error);
        if (status) {
            return status;
        }
    }
    /*  Keys first: from then on nobody can run it, whatever the store still holds.  */
    tacit_status_t keys =
        tacit_keys_remove_model_key_call(owner->keys, &key_args, &key_result, ret_error);
    if (keys && keys != TACIT_KEYS_NO_MODEL_KEY) {
        return keys;
    }
    tacit_status_t models = tacit_models_remove_call(owner->models, &args, &result, ret_error);
    if (models == TACIT_NOT_FOUND && !keys) {
        models = TACIT_OK;
    } else if (models == TACIT_NOT_FOUND && version) {
        tacit_error_set(ret_error, models, "you have no %s@%u", name, version);
    } else if (models == TACIT_NOT_FOUND) {
        tacit_error_set(ret_error, models, "you have no model %s", name);
    }
    if (!version) {
        s_forget_kept(owner, name);
    }
    if (!models) {
        models = tacit_model_keys_remove(owner->invocation->identity, name, version, ret_error);
    }
    return models;
}
