/*  native_model.c - what a model's owner does: keys of models, and models sealed for the store.  */

#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/model_keys.h"
#include "clients/mlowner/package.h"
#include "clients/python/native/native_internal.h"

struct tacit_native_package {
    tacit_package_t package;
    uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
};

int tacit_native_model_key_make(const char *identity, const char *name, uint32_t version,
                                tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    return tacit_model_keys_make(identity, name, version, ret_key, ret_error);
}

uint32_t tacit_native_model_key_newest(const char *identity, const char *name)
{
    return tacit_model_keys_newest(identity, name);
}

/*  Chunks of bytes that the caller holds.  */
static tacit_status_t s_chunk(void *context, uint32_t index, uint8_t *ret_plaintext, size_t size,
                              tacit_error_t *ret_error)
{
    const tacit_span_t *content = context;
    uint64_t at = (uint64_t)index * TACIT_MODEL_CHUNK_SIZE;
    if (at > content->size || size > content->size - at) {
        return tacit_error_set(ret_error, TACIT_INTERNAL, "a chunk beyond the model");
    }
    memcpy(ret_plaintext, content->data + at, size);
    return TACIT_OK;
}

static tacit_status_t s_seal(tacit_native_package_t *self, const tacit_identity_t *identity,
                             const char *folder, const tacit_model_manifest_t *manifest,
                             const tacit_secret_t *key, tacit_span_t content,
                             tacit_error_t *ret_error)
{
    tacit_status_t status =
        tacit_package_seal(manifest, key, folder, s_chunk, &content, &self->package, ret_error);
    if (!status) {
        tacit_model_manifest_sign(&self->package.manifest, identity->signing_secret->data,
                                  self->manifest, self->signature);
    }
    return status;
}

int tacit_native_package_seal(const tacit_identity_t *identity, const char *folder,
                              const char *name, uint32_t version, const tacit_secret_t *key,
                              const uint8_t *content, size_t size,
                              tacit_native_package_t **ret_package, tacit_error_t *ret_error)
{
    tacit_model_manifest_t manifest = {.version = version, .plaintext_size = size};
    if (!tacit_model_name_valid(tacit_span_string(name)) || version == 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "that is no model name and version");
    }
    if (size == 0 || size > TACIT_MODEL_SIZE_MAX || key->size != TACIT_KEY_SIZE) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "a model has 1 to %d bytes",
                               TACIT_MODEL_SIZE_MAX);
    }
    tacit_native_package_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->package.file = -1;
    snprintf(manifest.name, sizeof manifest.name, "%s", name);
    memcpy(manifest.owner, identity->public_key, sizeof manifest.owner);
    memcpy(manifest.signing_key, identity->signing_public, sizeof manifest.signing_key);
    tacit_status_t status =
        s_seal(self, identity, folder, &manifest, key, tacit_span(content, size), ret_error);
    if (status) {
        tacit_native_package_destroy(self);
        return status;
    }
    *ret_package = self;
    return TACIT_OK;
}

void tacit_native_package_destroy(tacit_native_package_t *package)
{
    if (package) {
        tacit_package_release(&package->package);
        free(package);
    }
}

void tacit_native_package_facts(const tacit_native_package_t *package, uint8_t ret_manifest[256],
                                uint8_t ret_signature[64], uint8_t ret_content_sha256[32],
                                uint32_t *ret_chunks)
{
    memcpy(ret_manifest, package->manifest, sizeof package->manifest);
    memcpy(ret_signature, package->signature, sizeof package->signature);
    memcpy(ret_content_sha256, package->package.manifest.content_sha256, 32);
    *ret_chunks = package->package.manifest.chunk_count;
}

int tacit_native_package_chunk(const tacit_native_package_t *package, uint32_t index,
                               uint8_t *ret_sealed, size_t capacity, size_t *ret_size,
                               tacit_error_t *ret_error)
{
    if (index >= package->package.manifest.chunk_count || capacity < TACIT_PACKAGE_CHUNK_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "no such chunk, or too little room");
    }
    return tacit_package_chunk(&package->package, index, ret_sealed, ret_size, ret_error);
}
