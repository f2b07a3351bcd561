/*  model_fetch.c - manifest, chunks, hash, plaintext, engine.  */

#include "services/inference/model_fetch.h"

#include <sodium.h>
#include <stdio.h>

#include "idl/inference.h"
#include "idl/models.h"

static tacit_status_t s_differs(tacit_error_t *ret_error, tacit_status_t code, const char *claim)
{
    tacit_status_t status =
        tacit_error_claim(ret_error, code, claim, "what the key service knows of this version",
                          "something else from the model store");
    tacit_error_remedy(ret_error, "the store was tampered with, or holds an old copy; the owner "
                                  "pushes the model again");
    return status;
}

static tacit_status_t s_check_manifest(const tacit_model_manifest_t *manifest,
                                       const tacit_lease_t *lease, tacit_error_t *ret_error)
{
    if (memcmp(manifest->owner, lease->owner, 32) != 0 ||
        strcmp(manifest->name, lease->name) != 0) {
        return s_differs(ret_error, TACIT_CORRUPT, "model");
    }
    if (sodium_memcmp(manifest->signing_key, lease->owner_signing_key, 32) != 0) {
        return s_differs(ret_error, TACIT_SIGNATURE_INVALID, "owner's signing key");
    }
    if (manifest->version != lease->version) {
        return s_differs(ret_error, TACIT_ROLLBACK_DETECTED, "version");
    }
    if (sodium_memcmp(manifest->content_sha256, lease->content_sha256, 32) != 0) {
        return s_differs(ret_error, TACIT_CORRUPT, "content digest");
    }
    return TACIT_OK;
}

static tacit_status_t s_get_manifest(tacit_channel_t *models, const tacit_lease_t *lease,
                                     tacit_model_manifest_t *ret_manifest, tacit_error_t *ret_error)
{
    tacit_models_get_args_t args = {
        .owner = tacit_span(lease->owner, 32),
        .name = tacit_span_string(lease->name),
        .version = lease->version,
    };
    tacit_models_get_result_t result = {0};
    const tacit_request_t request = {.method = &tacit_models_get, .args = &args};
    tacit_status_t status = tacit_channel_call(models, &request, &result, NULL, ret_error);
    if (!status) {
        status =
            tacit_model_manifest_verify(result.manifest, result.signature, ret_manifest, ret_error);
    }
    return status ? status : s_check_manifest(ret_manifest, lease, ret_error);
}

static tacit_status_t s_get_chunk(tacit_channel_t *models, const tacit_model_manifest_t *manifest,
                                  uint32_t index, const uint8_t model_key[TACIT_KEY_SIZE],
                                  crypto_hash_sha256_state *hash, uint8_t *ret_plaintext,
                                  tacit_error_t *ret_error)
{
    tacit_models_get_chunk_args_t args = {
        .owner = tacit_span(manifest->owner, 32),
        .name = tacit_span_string(manifest->name),
        .version = manifest->version,
        .index = index,
    };
    const tacit_request_t request = {.method = &tacit_models_get_chunk, .args = &args};
    tacit_span_t sealed = tacit_span(NULL, 0);
    tacit_status_t status = tacit_channel_call(models, &request, NULL, &sealed, ret_error);
    if (status) {
        return status;
    }
    if (sealed.size != tacit_model_chunk_sealed_size(manifest->plaintext_size, index)) {
        return s_differs(ret_error, TACIT_CORRUPT, "chunk size");
    }
    crypto_hash_sha256_update(hash, sealed.data, sealed.size);
    status = tacit_model_chunk_open(manifest, index, model_key, sealed, ret_plaintext);
    return status ? s_differs(ret_error, status, "chunk") : TACIT_OK;
}

static tacit_status_t s_get_content(tacit_channel_t *models, const tacit_model_manifest_t *manifest,
                                    const tacit_lease_t *lease, uint8_t *ret_plaintext,
                                    tacit_error_t *ret_error)
{
    crypto_hash_sha256_state hash;
    crypto_hash_sha256_init(&hash);
    size_t at = 0;
    for (uint32_t index = 0; index < manifest->chunk_count; index++) {
        tacit_status_t status = s_get_chunk(models, manifest, index, lease->model_key, &hash,
                                            ret_plaintext + at, ret_error);
        if (status) {
            return status;
        }
        at += tacit_model_chunk_sealed_size(manifest->plaintext_size, index) - TACIT_SEAL_OVERHEAD;
    }
    uint8_t digest[32];
    crypto_hash_sha256_final(&hash, digest);
    return sodium_memcmp(digest, manifest->content_sha256, 32) == 0
               ? TACIT_OK
               : s_differs(ret_error, TACIT_CORRUPT, "content digest");
}

/*  The store knows the precision anyway: it stands in the manifest.  */
static tacit_status_t s_refuse_precision(const tacit_engine_options_t *options,
                                         tacit_error_t *ret_error)
{
    tacit_error_set_named(ret_error, TACIT_INFERENCE_MODEL_REFUSED, "model_refused",
                          "the worker cannot compute in %s, as the model's owner wants it",
                          tacit_precision_name(options->precision));
    (void)snprintf(ret_error->claim, sizeof ret_error->claim, "precision");
    (void)snprintf(ret_error->expected, sizeof ret_error->expected, "%s",
                   tacit_precision_name(options->precision));
    (void)snprintf(ret_error->got, sizeof ret_error->got, "%s",
                   options->portable ? "the portable backend" : "a processor without it");
    tacit_error_remedy(ret_error, "its owner pushes it with --precision fp32, or the operator runs "
                                  "workers with oneDNN on processors with AVX-512 BF16");
    return TACIT_INFERENCE_MODEL_REFUSED;
}

/*  What the engine says of the graph is the owner's secret: the user learns that it was refused. */
static tacit_status_t s_load(tacit_engine_text_t **text, const tacit_engine_options_t *options,
                             tacit_engine_t **ret_engine, tacit_error_t *ret_error)
{
    tacit_error_t reason = {.code = TACIT_OK};
    if (!tacit_engine_offers(options->precision, options->portable)) {
        return s_refuse_precision(options, ret_error);
    }
    tacit_status_t status = tacit_engine_load_text(text, options, ret_engine, &reason);
    if (!status) {
        return TACIT_OK;
    }
    tacit_error_set_named(ret_error, TACIT_INFERENCE_MODEL_REFUSED, "model_refused",
                          "the worker cannot run this model (%s)", tacit_status_name(status));
    tacit_error_remedy(ret_error, "its owner checks the model's operators, types and shapes");
    return TACIT_INFERENCE_MODEL_REFUSED;
}

tacit_status_t tacit_model_fetch(tacit_channel_t *models, const tacit_lease_t *lease,
                                 const tacit_engine_options_t *options, tacit_engine_t **ret_engine,
                                 tacit_error_t *ret_error)
{
    tacit_model_manifest_t manifest;
    tacit_engine_text_t *plaintext = NULL;
    tacit_status_t status = s_get_manifest(models, lease, &manifest, ret_error);
    if (status) {
        return status;
    }
    status = tacit_engine_text_new((size_t)manifest.plaintext_size, true, &plaintext, ret_error);
    if (status) {
        tacit_error_set(ret_error, status,
                        "the worker cannot lock memory for a model of %llu bytes",
                        (unsigned long long)manifest.plaintext_size);
        tacit_error_remedy(ret_error, "the operator raises the workers' memlock limit");
        return status;
    }
    status = s_get_content(models, &manifest, lease, tacit_engine_text_data(plaintext), ret_error);
    if (!status) {
        tacit_engine_options_t chosen = *options;
        chosen.precision = manifest.precision;
        status = s_load(&plaintext, &chosen, ret_engine, ret_error);
    }
    tacit_engine_text_destroy(&plaintext);
    return status;
}
