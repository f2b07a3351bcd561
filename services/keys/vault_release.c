/*  vault_release.c - the one decision that hands keys out: everything is looked at, the use is
    spent and the record durable before a key leaves.  */

#include <sodium.h>

#include "enclave/clock.h"
#include "idl/keys.h"
#include "services/keys/vault_internal.h"

/*  Everything that the decision rests on.  */
typedef struct {
    const tacit__user_t *owner;
    const tacit__model_key_t *model_key;
    const tacit__request_key_t *request_key;
    tacit__grant_t *grant;
    bool spends; /* this request uses up one of a counted grant */
} s_decision_t;

static bool s_is_recent(const tacit__grant_t *grant, const uint8_t request_id[16])
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

static tacit_status_t s_judge_grant(const tacit__grant_t *grant, const uint8_t request_id[16],
                                    bool *ret_spends)
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

static tacit_status_t s_decide(const tacit_vault_t *self, const tacit_release_request_t *request,
                               s_decision_t *ret_decision)
{
    tacit__access_id_t id =
        tacit__vault_access_id(&request->model, request->user, request->measurement);
    if (request->user_revoked) {
        return TACIT_USER_REVOKED;
    }
    if (!tacit__vault_find_user(self, request->user)) {
        return TACIT_KEYS_NOT_ENROLLED;
    }
    /*  An owner that nobody knows has granted nothing, and the user is not told which it was.  */
    ret_decision->owner = tacit__vault_find_user(self, request->model.owner);
    if (!ret_decision->owner) {
        return TACIT_KEYS_NOT_GRANTED;
    }
    ret_decision->grant = tacit__vault_find_grant(self, &id);
    tacit_status_t code =
        s_judge_grant(ret_decision->grant, request->request_id, &ret_decision->spends);
    if (code) {
        return code;
    }
    ret_decision->model_key = tacit__vault_find_model_key(self, &request->model, request->version);
    if (!ret_decision->model_key) {
        return TACIT_KEYS_NO_MODEL_KEY;
    }
    ret_decision->request_key = tacit__vault_find_request_key(self, &id);
    return ret_decision->request_key ? TACIT_OK : TACIT_KEYS_NO_REQUEST_KEY;
}

static void s_explain(const tacit_release_request_t *request, tacit_status_t code,
                      tacit_error_t *ret_error)
{
    char measurement[65];
    sodium_bin2hex(measurement, sizeof measurement, request->measurement, 32);
    tacit__vault_refuse(ret_error, code);
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

static void s_spend(tacit__grant_t *grant, const uint8_t request_id[16])
{
    memcpy(grant->recent[grant->grant.used % TACIT_VAULT_RECENT_MAX], request_id, 16);
    grant->grant.used++;
}

/*  Spends the use and records the outcome, in one transaction.  */
static tacit_status_t s_record(tacit_vault_t *self, const tacit_release_request_t *request,
                               const s_decision_t *decision, const char *outcome,
                               tacit_error_t *ret_error)
{
    tacit_sealed_store_begin(self->store);
    if (decision->spends) {
        tacit__grant_t spent = *decision->grant;
        s_spend(&spent, request->request_id);
        tacit__vault_put_grant(self, &spent);
    }
    tacit__vault_audit(self, "release", request->worker, &request->model, request->user, outcome);
    tacit_status_t status = tacit_sealed_store_commit(self->store, ret_error);
    if (!status && decision->spends) {
        s_spend(decision->grant, request->request_id);
    }
    return status;
}

static tacit_status_t s_hand_out(const tacit_vault_t *self, const s_decision_t *decision,
                                 tacit_release_t *ret_release)
{
    tacit_release_t release = {
        .version = tacit__vault_version(decision->model_key),
        .lease_ms = decision->grant->grant.uses ? 0 : TACIT_VAULT_LEASE_MS,
    };
    memcpy(release.owner_signing_key, decision->owner->signing_key, 32);
    memcpy(release.content_sha256, decision->model_key->content_sha256, 32);
    tacit_status_t status =
        tacit__vault_unwrap(self, decision->model_key->wrapped, release.model_key);
    if (!status) {
        status = tacit__vault_unwrap(self, decision->request_key->wrapped, release.request_key);
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
    tacit_status_t code = s_decide(vault, request, &decision);
    if (code) {
        tacit_error_t refusal = {.code = TACIT_OK};
        s_explain(request, code, &refusal);
        decision.spends = false;
        tacit_status_t status = s_record(vault, request, &decision, refusal.name, ret_error);
        if (!status && ret_error) {
            *ret_error = refusal;
        }
        return status ? status : code;
    }
    tacit_status_t status = s_record(vault, request, &decision, "ok", ret_error);
    return status ? status : s_hand_out(vault, &decision, ret_release);
}
