/*  publish.c - seal, upload, hand the key over; fetch and open.  */

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

/*  All sealed chunks, one after the other; the manifest's digest is set from them.  */
static uint8_t *s_seal(tacit_model_manifest_t *manifest, const tacit_secret_t *key,
                       tacit_span_t plaintext)
{
    size_t size = plaintext.size + (size_t)manifest->chunk_count * TACIT_SEAL_OVERHEAD;
    uint8_t *sealed = malloc(size);
    size_t from = 0;
    size_t to = 0;
    for (uint32_t i = 0; sealed && i < manifest->chunk_count; i++) {
        size_t chunk = tacit_model_chunk_sealed_size(manifest->plaintext_size, i);
        size_t plain = chunk - TACIT_SEAL_OVERHEAD;
        tacit_model_chunk_seal(manifest, i, key->data, tacit_span(plaintext.data + from, plain),
                               sealed + to);
        from += plain;
        to += chunk;
    }
    if (sealed) {
        crypto_hash_sha256(manifest->content_sha256, sealed, size);
    }
    return sealed;
}

static tacit_status_t s_begin(tacit_owner_t *owner, const tacit_model_manifest_t *manifest,
                              uint64_t *ret_upload, tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_manifest_sign(manifest, owner->user.identity->signing_secret->data, bytes,
                              signature);
    tacit_models_begin_args_t args = {
        .manifest = tacit_span(bytes, sizeof bytes),
        .signature = tacit_span(signature, sizeof signature),
    };
    tacit_models_begin_result_t result = {0};
    tacit_status_t status = tacit_models_begin_call(owner->models, &args, &result, ret_error);
    if (!status) {
        *ret_upload = result.upload;
    }
    return status;
}

static tacit_status_t s_upload(tacit_owner_t *owner, const tacit_model_manifest_t *manifest,
                               const uint8_t *sealed, tacit_error_t *ret_error)
{
    tacit_progress_t progress;
    tacit_models_put_chunk_args_t chunk = {0};
    tacit_models_put_chunk_result_t none = {0};
    size_t at = 0;
    tacit_status_t status = s_begin(owner, manifest, &chunk.upload, ret_error);
    tacit_progress_start(&progress, stderr, "pushing", manifest->chunk_count);
    for (; !status && chunk.index < manifest->chunk_count; chunk.index++) {
        size_t size = tacit_model_chunk_sealed_size(manifest->plaintext_size, chunk.index);
        status = tacit_models_put_chunk_call(owner->models, &chunk, tacit_span(sealed + at, size),
                                             &none, ret_error);
        at += size;
        tacit_progress_update(&progress, chunk.index + 1);
    }
    tacit_progress_end(&progress);
    if (!status) {
        tacit_models_commit_args_t args = {.upload = chunk.upload};
        tacit_models_commit_result_t result = {0};
        status = tacit_models_commit_call(owner->models, &args, &result, ret_error);
    }
    return status;
}

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
    return tacit_keys_put_model_key_call(owner->keys, &args, &result, ret_error);
}

static void s_describe(const tacit_owner_t *owner, const char *name, uint32_t version,
                       tacit_span_t plaintext, tacit_model_manifest_t *ret_manifest)
{
    *ret_manifest = (tacit_model_manifest_t){
        .version = version,
        .plaintext_size = plaintext.size,
        .chunk_count = tacit_model_chunk_count(plaintext.size),
        .created_ms = tacit_now_ms(),
    };
    snprintf(ret_manifest->name, sizeof ret_manifest->name, "%s", name);
    memcpy(ret_manifest->owner, owner->user.identity->public_key, 32);
    memcpy(ret_manifest->signing_key, owner->user.identity->signing_public, 32);
}

tacit_status_t tacit_owner_publish(tacit_owner_t *owner, const char *name, tacit_span_t plaintext,
                                   uint32_t *ret_version, tacit_error_t *ret_error)
{
    uint32_t newest = 0;
    tacit_secret_t *key = NULL;
    uint8_t *sealed = NULL;
    tacit_model_manifest_t manifest;
    tacit_status_t status = tacit_owner_newest(owner, name, &newest, ret_error);
    if (status) {
        return status;
    }
    status = tacit_model_keys_make(owner->invocation->identity, name, newest + 1, &key, ret_error);
    if (status) {
        return status;
    }
    s_describe(owner, name, newest + 1, plaintext, &manifest);
    sealed = s_seal(&manifest, key, plaintext);
    status = sealed ? s_upload(owner, &manifest, sealed, ret_error)
                    : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (!status) {
        status = s_hand_over(owner, &manifest, key, ret_error);
    }
    free(sealed);
    tacit_secret_destroy(&key);
    if (!status) {
        *ret_version = manifest.version;
    }
    return status;
}

/*  --- fetching -------------------------------------------------------------------------------- */

static tacit_status_t s_open_chunks(tacit_owner_t *owner, const tacit_model_manifest_t *manifest,
                                    const tacit_secret_t *key, uint8_t *ret_plaintext,
                                    tacit_error_t *ret_error)
{
    tacit_models_get_chunk_args_t args = {
        .owner = tacit_span(manifest->owner, 32),
        .name = tacit_span_string(manifest->name),
        .version = manifest->version,
    };
    tacit_models_get_chunk_result_t none = {0};
    tacit_span_t sealed = tacit_span(NULL, 0);
    tacit_status_t status = TACIT_OK;
    for (; !status && args.index < manifest->chunk_count; args.index++) {
        size_t size = tacit_model_chunk_sealed_size(manifest->plaintext_size, args.index);
        status = tacit_models_get_chunk_call(owner->models, &args, &none, &sealed, ret_error);
        if (!status &&
            (sealed.size != size ||
             tacit_model_chunk_open(manifest, args.index, key->data, sealed, ret_plaintext))) {
            status = tacit_error_set(ret_error, TACIT_CORRUPT, "the store's copy was altered");
        }
        ret_plaintext += size - TACIT_SEAL_OVERHEAD;
    }
    return status;
}

tacit_status_t tacit_owner_fetch(tacit_owner_t *owner, const char *name, uint32_t version,
                                 tacit_secret_t **ret_plaintext, uint32_t *ret_version,
                                 tacit_error_t *ret_error)
{
    tacit_model_manifest_t manifest;
    tacit_secret_t *key = NULL;
    tacit_secret_t *plaintext = NULL;
    tacit_models_get_args_t args = {
        .owner = tacit_span(owner->user.identity->public_key, 32),
        .name = tacit_span_string(name),
        .version = version,
    };
    tacit_models_get_result_t result = {0};
    tacit_status_t status = tacit_models_get_call(owner->models, &args, &result, ret_error);
    if (!status) {
        status =
            tacit_model_manifest_verify(result.manifest, result.signature, &manifest, ret_error);
    }
    if (status) {
        return status;
    }
    if (memcmp(manifest.signing_key, owner->user.identity->signing_public, 32) != 0) {
        return tacit_error_set(ret_error, TACIT_SIGNATURE_INVALID,
                               "the store's copy is signed by another");
    }
    status =
        tacit_model_keys_load(owner->invocation->identity, name, manifest.version, &key, ret_error);
    if (!status) {
        status = tacit_secret_new((size_t)manifest.plaintext_size, &plaintext);
    }
    if (!status) {
        status = s_open_chunks(owner, &manifest, key, plaintext->data, ret_error);
    }
    tacit_secret_destroy(&key);
    if (status) {
        tacit_secret_destroy(&plaintext);
        return status;
    }
    *ret_plaintext = plaintext;
    *ret_version = manifest.version;
    return TACIT_OK;
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
