/*  publish.c - seal, upload, hand the key over; and the same from what is in the store.  */

#include "clients/mlowner/publish.h"

#include <stdio.h>

#include "clients/lib/model_keys.h"
#include "clients/lib/model_reference.h"
#include "clients/lib/progress.h"
#include "clients/mlowner/upload.h"
#include "clients/mlowner/withdraw.h"
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

static tacit_status_t s_publish(tacit_owner_t *owner, const tacit_package_t *package,
                                const tacit_secret_t *key, tacit_error_t *ret_error)
{
    tacit_status_t status = tacit_owner_upload(owner, package, ret_error);
    return status ? status : s_hand_over(owner, &package->manifest, key, ret_error);
}

/*  What a publication's source gives, watched on a terminal.  */
typedef struct {
    const tacit_publication_t *publication;
    tacit_progress_t progress;
} s_watched_t;

static void s_watch(const tacit_publication_t *publication, const char *label,
                    s_watched_t *ret_watched)
{
    ret_watched->publication = publication;
    tacit_progress_start(&ret_watched->progress, stderr, label, publication->size);
}

static tacit_status_t s_watched_chunk(void *context, uint32_t index, uint8_t *ret_plaintext,
                                      size_t size, tacit_error_t *ret_error)
{
    s_watched_t *watched = context;
    const tacit_publication_t *publication = watched->publication;
    tacit_progress_update(&watched->progress, (uint64_t)index * TACIT_MODEL_CHUNK_SIZE);
    return publication->source(publication->context, index, ret_plaintext, size, ret_error);
}

/*  Is that package what is to be published? TACIT_NOT_FOUND where not; its key where it is.  */
static tacit_status_t s_fits(const tacit_owner_t *owner, const tacit_publication_t *publication,
                             const tacit_package_t *package, tacit_secret_t **ret_key,
                             tacit_error_t *ret_error)
{
    const tacit_model_manifest_t *manifest = &package->manifest;
    if (publication->anew || manifest->plaintext_size != publication->size ||
        manifest->precision != publication->precision ||
        memcmp(manifest->owner, owner->user.identity->public_key, 32) != 0 ||
        tacit_model_keys_load(owner->invocation->identity, manifest->name, manifest->version,
                              ret_key, NULL)) {
        return TACIT_NOT_FOUND;
    }
    s_watched_t watched;
    s_watch(publication, "comparing", &watched);
    tacit_status_t status =
        tacit_package_compare(package, *ret_key, s_watched_chunk, &watched, ret_error);
    tacit_progress_end(&watched.progress);
    return status == TACIT_BAD_INPUT || status == TACIT_CORRUPT ? TACIT_NOT_FOUND : status;
}

/*  Carries on what a push of the same content left behind. TACIT_NOT_FOUND where there is nothing
    of that kind, or where it came too late: then nothing is left of it.  */
static tacit_status_t s_carry_on(tacit_owner_t *owner, const tacit_publication_t *publication,
                                 uint32_t *ret_version, tacit_error_t *ret_error)
{
    tacit_package_place_t place = tacit_owner_place(owner);
    tacit_package_t package = {.file = -1};
    tacit_secret_t *key = NULL;
    tacit_status_t status = tacit_package_find(publication->name, &place, &package, ret_error);
    if (!status) {
        status = s_fits(owner, publication, &package, &key, ret_error);
    }
    if (!status) {
        if (!owner->invocation->json) {
            fprintf(stderr, "Carrying on with %s, version %u, whose push broke off.\n",
                    publication->name, package.manifest.version);
        }
        status = s_publish(owner, &package, key, ret_error);
        status = status == (tacit_status_t)TACIT_MODELS_STALE_VERSION ? TACIT_NOT_FOUND : status;
    }
    if (!status || status == TACIT_NOT_FOUND) {
        *ret_version = package.manifest.version;
        tacit_package_forget(&package, &place);
    }
    tacit_package_release(&package);
    tacit_secret_destroy(&key);
    return status;
}

static tacit_status_t s_publish_new(tacit_owner_t *owner, const tacit_publication_t *publication,
                                    const tacit_model_manifest_t *manifest,
                                    const tacit_secret_t *key, tacit_error_t *ret_error)
{
    tacit_package_place_t place = tacit_owner_place(owner);
    tacit_package_t package = {.file = -1};
    s_watched_t watched;
    s_watch(publication, "sealing", &watched);
    tacit_status_t status = tacit_package_seal(manifest, key, owner->invocation->identity,
                                               s_watched_chunk, &watched, &package, ret_error);
    tacit_progress_end(&watched.progress);
    if (!status) {
        tacit_package_keep(&package, &place);
        status = s_publish(owner, &package, key, ret_error);
    }
    if (!status || status == (tacit_status_t)TACIT_MODELS_STALE_VERSION) {
        tacit_package_forget(&package, &place);
    } else if (package.kept && ret_error && !*ret_error->remedy) {
        tacit_error_remedy(ret_error, "push the same file again: it goes on from what is there");
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
    tacit_status_t status = s_carry_on(owner, publication, ret_version, ret_error);
    if (status != TACIT_NOT_FOUND) {
        return status;
    }
    status = tacit_owner_newest(owner, name, &newest, ret_error);
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
        status = s_publish_new(owner, publication, &manifest, key, ret_error);
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
                                                 .anew = true,
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
