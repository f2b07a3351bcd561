/*  publish.c - seal, upload, hand the key over; and the same from what is in the store.  */

#include "clients/mlowner/publish.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/model_keys.h"
#include "clients/lib/model_reference.h"
#include "clients/lib/progress.h"
#include "enclave/clock.h"
#include "idl/keys.h"
#include "idl/models.h"
#include "rpc/resume.h"

/*  --- the owner ------------------------------------------------------------------------------- */

tacit_status_t tacit_owner_open(const tacit_invocation_t *invocation, tacit_owner_t *ret_owner,
                                tacit_error_t *ret_error)
{
    *ret_owner = (tacit_owner_t){.invocation = invocation};
    tacit_status_t status = tacit_user_open(invocation, &ret_owner->user, ret_error);
    if (!status) {
        status = tacit_user_connect(&ret_owner->user, TACIT_ROLE_KEYS, &ret_owner->keys, ret_error);
    }
    if (!status) {
        status =
            tacit_user_connect(&ret_owner->user, TACIT_ROLE_MODELS, &ret_owner->models, ret_error);
    }
    return status;
}

void tacit_owner_close(tacit_owner_t *owner)
{
    tacit_client_destroy(&owner->keys);
    tacit_client_destroy(&owner->models);
    tacit_user_close(&owner->user);
}

tacit_status_t tacit_owner_parse(const char *text, char ret_name[TACIT_MODEL_NAME_MAX + 1],
                                 uint32_t *ret_version, tacit_error_t *ret_error)
{
    static const uint8_t own[32];
    tacit_model_reference_t reference;
    tacit_status_t status = tacit_model_reference_parse(text, own, &reference, ret_error);
    if (!status && strchr(text, '/')) {
        status = tacit_error_claim(ret_error, TACIT_BAD_INPUT, "model",
                                   "NAME or NAME@VERSION: your own", text);
    }
    if (!status) {
        memcpy(ret_name, reference.name, sizeof reference.name);
        *ret_version = reference.version;
    }
    return status;
}

/*  --- versions -------------------------------------------------------------------------------- */

static tacit_status_t s_newest_stored(tacit_owner_t *owner, const char *name,
                                      tacit_model_manifest_t *ret_manifest,
                                      tacit_error_t *ret_error)
{
    tacit_models_get_args_t args = {
        .owner = tacit_span(owner->user.identity->public_key, 32),
        .name = tacit_span_string(name),
    };
    tacit_models_get_result_t result = {0};
    tacit_status_t status = tacit_models_get_call(owner->models, &args, &result, ret_error);
    return status ? status
                  : tacit_model_manifest_verify(result.manifest, result.signature, ret_manifest,
                                                ret_error);
}

static tacit_status_t s_newest_key(tacit_owner_t *owner, const char *name, uint32_t *ret_version,
                                   tacit_error_t *ret_error)
{
    tacit_keys_list_args_t args = {0};
    tacit_keys_list_result_t result = {0};
    tacit_status_t status = TACIT_OK;
    uint32_t newest = 0;
    do {
        status = tacit_keys_list_call(owner->keys, &args, &result, ret_error);
        for (size_t i = 0; !status && i < result.models.count; i++) {
            const tacit_keys_model_key_info_t *model = &result.models.items[i];
            if (tacit_span_equal(model->name, tacit_span_string(name)) && model->version > newest) {
                newest = model->version;
            }
        }
        args.offset += TACIT_KEYS_LIST_RESULT_MODELS_MAX;
    } while (!status && result.more);
    *ret_version = newest;
    return status;
}

tacit_status_t tacit_owner_newest(tacit_owner_t *owner, const char *name, uint32_t *ret_version,
                                  tacit_error_t *ret_error)
{
    tacit_model_manifest_t manifest = {0};
    uint32_t key = 0;
    tacit_status_t status = s_newest_stored(owner, name, &manifest, ret_error);
    if (status == TACIT_NOT_FOUND) {
        manifest.version = 0;
        status = TACIT_OK;
    }
    if (!status) {
        status = s_newest_key(owner, name, &key, ret_error);
    }
    if (!status) {
        /*  A push that broke off left its key in the ring: that number is used up.  */
        uint32_t ring = tacit_model_keys_newest(owner->invocation->identity, name);
        uint32_t known = manifest.version > key ? manifest.version : key;
        *ret_version = known > ring ? known : ring;
    }
    return status;
}

/*  --- publishing ------------------------------------------------------------------------------ */

/*  An upload under way, and who watches it.  */
typedef struct {
    tacit_owner_t *owner;
    const tacit_package_t *package;
    tacit_progress_t progress;
} s_upload_t;

static const double s_mib = 1024.0 * 1024.0;

static tacit_status_t s_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size,
                             tacit_error_t *ret_error)
{
    const s_upload_t *upload = context;
    return tacit_package_read(upload->package, offset, ret_bytes, size, ret_error);
}

/*  What outlives a session outlives the one with the attestation service, too.  */
static tacit_status_t s_connect_again(tacit_user_t *user, tacit_role_t role,
                                      tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_user_connect(user, role, ret_client, ret_error);
    if (status == TACIT_NO_SESSION || status == TACIT_SESSION_EXPIRED ||
        status == TACIT_UNREACHABLE) {
        status = tacit_user_renew(user, ret_error);
        status = status ? status : tacit_user_connect(user, role, ret_client, ret_error);
    }
    return status;
}

static tacit_status_t s_connect_models(void *context, tacit_client_t **ret_client,
                                       tacit_error_t *ret_error)
{
    const s_upload_t *upload = context;
    return s_connect_again(&upload->owner->user, TACIT_ROLE_MODELS, ret_client, ret_error);
}

static void s_on_progress(void *context, uint64_t bytes, bool resumed, const tacit_error_t *why)
{
    s_upload_t *upload = context;
    bool tells = !upload->owner->invocation->json;
    if (tells && (resumed || why)) {
        tacit_progress_end(&upload->progress);
    }
    if (tells && why) {
        fprintf(stderr, "The upload was lost (%s); trying again.\n", tacit_status_name(why->code));
    }
    if (tells && resumed) {
        fprintf(stderr, "Resumed at %.1f MiB of %.1f MiB.\n", (double)bytes / s_mib,
                (double)tacit_package_size(upload->package) / s_mib);
    }
    tacit_progress_update(&upload->progress, bytes);
}

static tacit_status_t s_upload(tacit_owner_t *owner, const tacit_package_t *package,
                               tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_manifest_sign(&package->manifest, owner->user.identity->signing_secret->data, bytes,
                              signature);
    const tacit_models_push_args_t args = {
        .manifest = tacit_span(bytes, sizeof bytes),
        .signature = tacit_span(signature, sizeof signature),
    };
    s_upload_t upload = {.owner = owner, .package = package};
    const tacit_resume_t resume = {
        .client = &owner->models,
        .connect = s_connect_models,
        .progress = s_on_progress,
        .self = &upload,
    };
    tacit_progress_start(&upload.progress, stderr, "pushing", tacit_package_size(package));
    tacit_status_t status =
        tacit_resume_send(&resume, &tacit_models_push, &args, tacit_package_size(package), s_read,
                          &upload, NULL, ret_error);
    tacit_progress_end(&upload.progress);
    return status;
}

/*  Connected long ago, perhaps: the same key once more changes nothing.  */
static tacit_status_t s_hand_over(tacit_owner_t *owner, const tacit_model_manifest_t *manifest,
                                  const tacit_secret_t *key, tacit_error_t *ret_error)
{
    tacit_keys_put_model_key_args_t args = {
        .name = tacit_span_string(manifest->name),
        .version = manifest->version,
        .model_key = tacit_secret_span(key),
        .content_sha256 = tacit_span(manifest->content_sha256, 32),
    };
    tacit_keys_put_model_key_result_t result = {0};
    return tacit_user_call_again(&owner->user, TACIT_ROLE_KEYS, &owner->keys,
                                 &tacit_keys_put_model_key, &args, &result, ret_error);
}

static tacit_status_t s_publish(tacit_owner_t *owner, const tacit_model_manifest_t *manifest,
                                const tacit_secret_t *key, tacit_chunk_source_t *source,
                                void *context, tacit_error_t *ret_error)
{
    tacit_package_t package = {.file = -1};
    tacit_status_t status = tacit_package_seal(manifest, key, owner->invocation->identity, source,
                                               context, &package, ret_error);
    if (!status) {
        status = s_upload(owner, &package, ret_error);
    }
    if (!status) {
        status = s_hand_over(owner, &package.manifest, key, ret_error);
    }
    tacit_package_release(&package);
    return status;
}

tacit_status_t tacit_owner_publish(tacit_owner_t *owner, const tacit_publication_t *publication,
                                   uint32_t *ret_version, tacit_error_t *ret_error)
{
    uint32_t newest = 0;
    tacit_secret_t *key = NULL;
    const char *name = publication->name;
    tacit_model_manifest_t manifest = {.plaintext_size = publication->size,
                                       .precision = publication->precision};
    tacit_status_t status = tacit_owner_newest(owner, name, &newest, ret_error);
    if (status) {
        return status;
    }
    manifest.version = newest + 1;
    snprintf(manifest.name, sizeof manifest.name, "%s", name);
    memcpy(manifest.owner, owner->user.identity->public_key, 32);
    memcpy(manifest.signing_key, owner->user.identity->signing_public, 32);
    status =
        tacit_model_keys_make(owner->invocation->identity, name, manifest.version, &key, ret_error);
    if (!status) {
        status =
            s_publish(owner, &manifest, key, publication->source, publication->context, ret_error);
    }
    tacit_secret_destroy(&key);
    if (!status) {
        *ret_version = manifest.version;
    }
    return status;
}

/*  --- rotating -------------------------------------------------------------------------------- */

/*  A version in the store, as a source of chunks.  */
typedef struct {
    tacit_owner_t *owner;
    tacit_model_manifest_t manifest;
    tacit_secret_t *key;
} s_stored_t;

static tacit_status_t s_stored_chunk(void *context, uint32_t index, uint8_t *ret_plaintext,
                                     size_t size, tacit_error_t *ret_error)
{
    const s_stored_t *stored = context;
    tacit_models_get_chunk_args_t args = {
        .owner = tacit_span(stored->manifest.owner, 32),
        .name = tacit_span_string(stored->manifest.name),
        .version = stored->manifest.version,
        .index = index,
    };
    tacit_models_get_chunk_result_t none = {0};
    tacit_span_t sealed = tacit_span(NULL, 0);
    tacit_status_t status =
        tacit_models_get_chunk_call(stored->owner->models, &args, &none, &sealed, ret_error);
    if (!status && (sealed.size != size + TACIT_SEAL_OVERHEAD ||
                    tacit_model_chunk_open(&stored->manifest, index, stored->key->data, sealed,
                                           ret_plaintext))) {
        status = tacit_error_set(ret_error, TACIT_CORRUPT, "the store's copy was altered");
        tacit_error_remedy(ret_error, "push the model again from its file");
    }
    return status;
}

static tacit_status_t s_open_stored(tacit_owner_t *owner, const char *name, s_stored_t *ret_stored,
                                    tacit_error_t *ret_error)
{
    const tacit_identity_t *identity = owner->user.identity;
    ret_stored->owner = owner;
    tacit_status_t status = s_newest_stored(owner, name, &ret_stored->manifest, ret_error);
    if (status == TACIT_NOT_FOUND) {
        tacit_error_set(ret_error, status, "you have no model %s", name);
    }
    if (!status && (memcmp(ret_stored->manifest.signing_key, identity->signing_public, 32) != 0 ||
                    memcmp(ret_stored->manifest.owner, identity->public_key, 32) != 0)) {
        status = tacit_error_set(ret_error, TACIT_SIGNATURE_INVALID,
                                 "the store's copy is signed by another");
    }
    return status
               ? status
               : tacit_model_keys_load(owner->invocation->identity, name,
                                       ret_stored->manifest.version, &ret_stored->key, ret_error);
}

tacit_status_t tacit_owner_rotate(tacit_owner_t *owner, const char *name, uint32_t *ret_version,
                                  tacit_error_t *ret_error)
{
    s_stored_t stored = {.key = NULL};
    tacit_status_t status = s_open_stored(owner, name, &stored, ret_error);
    if (!status) {
        const tacit_publication_t publication = {.name = name,
                                                 .size = stored.manifest.plaintext_size,
                                                 .precision = stored.manifest.precision,
                                                 .source = s_stored_chunk,
                                                 .context = &stored};
        status = tacit_owner_publish(owner, &publication, ret_version, ret_error);
    }
    if (!status) {
        status = tacit_owner_remove(owner, name, stored.manifest.version, ret_error);
    }
    tacit_secret_destroy(&stored.key);
    return status;
}

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
    if (!models) {
        models = tacit_model_keys_remove(owner->invocation->identity, name, version, ret_error);
    }
    return models;
}
