/*  identity.c - identity.json: {"curve_secret": hex, "signing_seed": hex}. Public keys follow from
    these, so that the file cannot contradict itself.  */

#include "clients/lib/identity.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/key_file.h"

enum { S_SEED_SIZE = crypto_sign_SEEDBYTES, S_FIELDS = 2 };

static tacit_status_t s_new(tacit_identity_t **ret_identity)
{
    tacit_identity_t *self = calloc(1, sizeof *self);
    if (!self || tacit_secret_new(32, &self->secret_key) ||
        tacit_secret_new(crypto_sign_SECRETKEYBYTES, &self->signing_secret)) {
        tacit_identity_destroy(&self);
        return TACIT_NO_MEMORY;
    }
    *ret_identity = self;
    return TACIT_OK;
}

void tacit_identity_destroy(tacit_identity_t **identity)
{
    if (*identity) {
        tacit_secret_destroy(&(*identity)->secret_key);
        tacit_secret_destroy(&(*identity)->signing_secret);
        free(*identity);
        *identity = NULL;
    }
}

static tacit_status_t s_path(const char *folder, char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    if (snprintf(ret_path, PATH_MAX, "%s/identity.json", folder) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "the identity folder's path is too long");
    }
    return TACIT_OK;
}

/*  What the file holds.  */
static void s_fields(const tacit_identity_t *identity, uint8_t seed[S_SEED_SIZE],
                     tacit_key_field_t ret_fields[S_FIELDS])
{
    ret_fields[0] = (tacit_key_field_t){"curve_secret", identity->secret_key->data, 32};
    ret_fields[1] = (tacit_key_field_t){"signing_seed", seed, S_SEED_SIZE};
}

tacit_status_t tacit_identity_load(const char *folder, tacit_identity_t **ret_identity,
                                   tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t seed[S_SEED_SIZE];
    tacit_key_field_t fields[S_FIELDS];
    tacit_identity_t *self = NULL;
    tacit_status_t status = s_path(folder, path, ret_error);
    if (status) {
        return status;
    }
    status = s_new(&self);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    s_fields(self, seed, fields);
    status = tacit_key_file_read(path, fields, S_FIELDS, ret_error);
    if (status == TACIT_NOT_FOUND) {
        tacit_error_set(ret_error, status, "no identity at %s", path);
        tacit_error_remedy(ret_error, "make one, or name another folder");
    }
    if (!status &&
        (crypto_scalarmult_base(self->public_key, self->secret_key->data) != 0 ||
         crypto_sign_seed_keypair(self->signing_public, self->signing_secret->data, seed) != 0)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s holds no usable keys", path);
    }
    sodium_memzero(seed, sizeof seed);
    if (status) {
        tacit_identity_destroy(&self);
        return status;
    }
    *ret_identity = self;
    return TACIT_OK;
}

tacit_status_t tacit_identity_random(tacit_identity_t **ret_identity)
{
    tacit_identity_t *self = NULL;
    tacit_status_t status = s_new(&self);
    if (status) {
        return status;
    }
    crypto_box_keypair(self->public_key, self->secret_key->data);
    crypto_sign_keypair(self->signing_public, self->signing_secret->data);
    *ret_identity = self;
    return TACIT_OK;
}

static tacit_status_t s_make(const char *folder, const char *path, tacit_error_t *ret_error)
{
    tacit_identity_t *self = NULL;
    uint8_t seed[S_SEED_SIZE];
    tacit_key_field_t fields[S_FIELDS];
    tacit_status_t status = tacit_key_folder_make(folder, ret_error);
    if (status) {
        return status;
    }
    status = tacit_identity_random(&self);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    (void)crypto_sign_ed25519_sk_to_seed(seed, self->signing_secret->data);
    s_fields(self, seed, fields);
    /*  Of two that are started at once one makes it, and the other one loads that.  */
    status = tacit_key_file_create(path, fields, S_FIELDS, ret_error);
    sodium_memzero(seed, sizeof seed);
    tacit_identity_destroy(&self);
    return status == TACIT_ALREADY_EXISTS ? TACIT_OK : status;
}

tacit_status_t tacit_identity_open(const char *folder, tacit_identity_t **ret_identity,
                                   bool *ret_made, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = tacit_identity_load(folder, ret_identity, ret_error);
    *ret_made = status == TACIT_NOT_FOUND;
    if (!*ret_made) {
        return status;
    }
    status = s_path(folder, path, ret_error);
    if (!status) {
        status = s_make(folder, path, ret_error);
    }
    return status ? status : tacit_identity_load(folder, ret_identity, ret_error);
}
