/*  keyd.c - the actor and its handlers: from the wire to the vault and back.  */

#include "services/keys/keyd.h"

#include <sodium.h>
#include <stdlib.h>

#include "enclave/clock.h"
#include "idl/keys.h"
#include "rpc/node.h"
#include "rpc/reply_cache.h"
#include "rpc/service.h"
#include "services/keys/vault.h"

enum { S_PAGE = 256 };

/*  The caller's key: of the session that the dispatch table demanded.  */
static const uint8_t *s_caller(const tacit_call_t *call)
{
    return tacit_call_session(call)->peer_curve;
}

static tacit_status_t s_enrol(void *vault, tacit_call_t *call, const tacit_keys_enrol_args_t *args,
                              tacit_keys_enrol_result_t *ret_result)
{
    (void)ret_result;
    return tacit_vault_enrol(vault, s_caller(call), args->signing_key.data, tacit_call_error(call));
}

static tacit_status_t s_put_model_key(void *vault, tacit_call_t *call,
                                      const tacit_keys_put_model_key_args_t *args,
                                      tacit_keys_put_model_key_result_t *ret_result)
{
    (void)ret_result;
    tacit_model_ref_t model;
    tacit_error_t *error = tacit_call_error(call);
    tacit_status_t status = tacit_model_ref(s_caller(call), args->name, &model, error);
    return status ? status
                  : tacit_vault_put_model_key(vault, &model, args->version, args->model_key.data,
                                              args->content_sha256.data, error);
}

static tacit_status_t s_remove_model_key(void *vault, tacit_call_t *call,
                                         const tacit_keys_remove_model_key_args_t *args,
                                         tacit_keys_remove_model_key_result_t *ret_result)
{
    (void)ret_result;
    tacit_model_ref_t model;
    tacit_error_t *error = tacit_call_error(call);
    tacit_status_t status = tacit_model_ref(s_caller(call), args->name, &model, error);
    return status ? status : tacit_vault_remove_model_key(vault, &model, args->version, error);
}

static tacit_status_t s_grant(void *vault, tacit_call_t *call, const tacit_keys_grant_args_t *args,
                              tacit_keys_grant_result_t *ret_result)
{
    tacit_grant_t grant = {.expires_ms = args->expires_ms, .uses = args->uses};
    tacit_error_t *error = tacit_call_error(call);
    tacit_status_t status = tacit_model_ref(s_caller(call), args->name, &grant.model, error);
    if (status) {
        return status;
    }
    uint8_t *id = tacit_arena_alloc(tacit_call_arena(call), sizeof grant.id);
    if (!id) {
        return TACIT_NO_MEMORY;
    }
    const tacit_reply_key_t *key = tacit_call_reply_key(call);
    if (key) { /* the same call again finds its grant by it */
        memcpy(grant.id, key->id, sizeof grant.id);
    }
    memcpy(grant.user, args->user.data, sizeof grant.user);
    memcpy(grant.measurement, args->measurement.data, sizeof grant.measurement);
    status = tacit_vault_grant(vault, &grant, id, error);
    ret_result->grant_id = tacit_span(id, sizeof grant.id);
    return status;
}

static tacit_status_t s_revoke(void *vault, tacit_call_t *call,
                               const tacit_keys_revoke_args_t *args,
                               tacit_keys_revoke_result_t *ret_result)
{
    (void)ret_result;
    return tacit_vault_revoke(vault, s_caller(call), args->grant_id.data, tacit_call_error(call));
}

static tacit_status_t s_put_request_key(void *vault, tacit_call_t *call,
                                        const tacit_keys_put_request_key_args_t *args,
                                        tacit_keys_put_request_key_result_t *ret_result)
{
    (void)ret_result;
    tacit_model_ref_t model;
    tacit_error_t *error = tacit_call_error(call);
    tacit_status_t status = tacit_model_ref(args->owner.data, args->name, &model, error);
    return status
               ? status
               : tacit_vault_put_request_key(vault, s_caller(call), &model, args->measurement.data,
                                             args->request_key.data, error);
}

/*  --- release --------------------------------------------------------------------------------- */

static tacit_status_t s_answer_release(tacit_call_t *call, const tacit_release_t *release,
                                       tacit_keys_release_result_t *ret_result)
{
    tacit_release_t *answer = tacit_arena_alloc_secret(tacit_call_arena(call), sizeof *answer);
    if (!answer) {
        return TACIT_NO_MEMORY;
    }
    *answer = *release;
    *ret_result = (tacit_keys_release_result_t){
        .version = answer->version,
        .model_key = tacit_span(answer->model_key, TACIT_KEY_SIZE),
        .request_key = tacit_span(answer->request_key, TACIT_KEY_SIZE),
        .owner_signing_key = tacit_span(answer->owner_signing_key, 32),
        .content_sha256 = tacit_span(answer->content_sha256, 32),
        .lease_ms = answer->lease_ms,
    };
    return TACIT_OK;
}

static tacit_status_t s_release(void *vault, tacit_call_t *call,
                                const tacit_keys_release_args_t *args,
                                tacit_keys_release_result_t *ret_result)
{
    const tacit_session_t *session = tacit_call_session(call);
    tacit_error_t *error = tacit_call_error(call);
    tacit_release_request_t request = {
        .worker = session->peer_curve,
        .measurement = session->peer_result.mrenclave,
        .user = args->user.data,
        .user_revoked = tacit_call_revokes(call, args->user.data),
        .version = args->version,
        .request_id = args->request_id.data,
    };
    tacit_status_t status = tacit_model_ref(args->owner.data, args->name, &request.model, error);
    tacit_release_t release;
    if (!status) {
        status = tacit_vault_release(vault, &request, &release, error);
    }
    if (!status) {
        status = s_answer_release(call, &release, ret_result);
        sodium_memzero(&release, sizeof release);
    }
    return status;
}

/*  --- lists ----------------------------------------------------------------------------------- */

static tacit_span_t s_name(const tacit_model_ref_t *model)
{
    return tacit_span(model->name, strnlen(model->name, sizeof model->name));
}

static uint32_t s_state(const tacit_grant_t *grant)
{
    if (grant->revoked) {
        return TACIT_KEYS_GRANT_STATE_REVOKED;
    }
    if (grant->expires_ms && tacit_now_ms() >= grant->expires_ms) {
        return TACIT_KEYS_GRANT_STATE_EXPIRED;
    }
    return grant->uses && grant->used >= grant->uses ? TACIT_KEYS_GRANT_STATE_USED_UP
                                                     : TACIT_KEYS_GRANT_STATE_ACTIVE;
}

static tacit_status_t s_list_models(const tacit_vault_t *vault, tacit_call_t *call, size_t offset,
                                    tacit_keys_list_result_t *ret_result)
{
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_model_key_entry_t *entries = tacit_arena_alloc(arena, (S_PAGE + 1) * sizeof *entries);
    tacit_keys_model_key_info_t *items = tacit_arena_alloc(arena, S_PAGE * sizeof *items);
    if (!entries || !items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = tacit_vault_list_models(vault, s_caller(call), offset, entries, S_PAGE + 1);
    ret_result->more |= count > S_PAGE;
    ret_result->models.count = count < S_PAGE ? count : S_PAGE;
    ret_result->models.items = items;
    for (size_t i = 0; i < ret_result->models.count; i++) {
        items[i].name = s_name(&entries[i].model);
        items[i].version = entries[i].version;
        items[i].created_ms = entries[i].created_ms;
    }
    return TACIT_OK;
}

static tacit_status_t s_list_grants(const tacit_vault_t *vault, tacit_call_t *call, size_t offset,
                                    tacit_keys_list_result_t *ret_result)
{
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_grant_t *grants = tacit_arena_alloc(arena, (S_PAGE + 1) * sizeof *grants);
    tacit_keys_grant_info_t *items = tacit_arena_alloc(arena, S_PAGE * sizeof *items);
    if (!grants || !items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = tacit_vault_list_grants(vault, s_caller(call), offset, grants, S_PAGE + 1);
    ret_result->more |= count > S_PAGE;
    ret_result->grants.count = count < S_PAGE ? count : S_PAGE;
    ret_result->grants.items = items;
    for (size_t i = 0; i < ret_result->grants.count; i++) {
        items[i] = (tacit_keys_grant_info_t){
            .grant_id = tacit_span(grants[i].id, sizeof grants[i].id),
            .owner = tacit_span(grants[i].model.owner, 32),
            .name = s_name(&grants[i].model),
            .user = tacit_span(grants[i].user, 32),
            .measurement = tacit_span(grants[i].measurement, 32),
            .expires_ms = grants[i].expires_ms,
            .uses = grants[i].uses,
            .used = grants[i].used,
            .state = s_state(&grants[i]),
        };
    }
    return TACIT_OK;
}

static tacit_status_t s_list(void *vault, tacit_call_t *call, const tacit_keys_list_args_t *args,
                             tacit_keys_list_result_t *ret_result)
{
    if (!tacit_vault_enrolled(vault, s_caller(call))) {
        return tacit_error_set_named(tacit_call_error(call),
                                     (tacit_status_t)TACIT_KEYS_NOT_ENROLLED, "not_enrolled",
                                     "this CURVE key is not enrolled");
    }
    tacit_status_t status = s_list_models(vault, call, args->offset, ret_result);
    return status ? status : s_list_grants(vault, call, args->offset, ret_result);
}

static tacit_status_t s_audit(void *vault, tacit_call_t *call, const tacit_keys_audit_args_t *args,
                              tacit_keys_audit_result_t *ret_result)
{
    size_t limit = args->limit && args->limit < S_PAGE ? args->limit : S_PAGE;
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_audit_record_t *records = tacit_arena_alloc(arena, limit * sizeof *records);
    tacit_keys_audit_entry_t *items = tacit_arena_alloc(arena, limit * sizeof *items);
    if (!records || !items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = 0;
    tacit_status_t status = tacit_vault_read_audit(vault, args->from, records, limit, &count);
    for (size_t i = 0; i < count; i++) {
        items[i] = (tacit_keys_audit_entry_t)TACIT_AUDIT_ENTRY(records[i]);
    }
    ret_result->entries.items = items;
    ret_result->entries.count = count;
    return status;
}

static const tacit_keys_handlers_t s_handlers = {
    .enrol = s_enrol,
    .put_model_key = s_put_model_key,
    .remove_model_key = s_remove_model_key,
    .grant = s_grant,
    .revoke = s_revoke,
    .put_request_key = s_put_request_key,
    .release = s_release,
    .list = s_list,
    .audit = s_audit,
};

/*  --- the actor ------------------------------------------------------------------------------- */

static tacit_status_t s_open(tacit_node_t *node, const tacit_service_args_t *args, void **ret_self,
                             tacit_error_t *ret_error)
{
    tacit_secret_t *key = NULL;
    tacit_vault_t *vault = NULL;
    tacit_status_t status = tacit_node_sealing_key(node, "keys database", &key, ret_error);
    if (!status) {
        status = tacit_vault_open(args->state, key, tacit_node_platform(node),
                                  tacit_node_party(node)->mesh_id, &vault, ret_error);
    }
    tacit_secret_destroy(&key);
    *ret_self = vault;
    return status;
}

static void s_close(void **self)
{
    tacit_vault_t *vault = *self;
    tacit_vault_destroy(&vault);
    *self = NULL;
}

void tacit_keyd_actor(zsock_t *pipe, void *args)
{
    static const tacit_attested_service_t service = {
        .role = TACIT_ROLE_KEYS,
        .service = &tacit_keys_service,
        .handlers = &s_handlers,
        .open = s_open,
        .close = s_close,
    };
    tacit_attested_service_run(pipe, args, &service);
}
