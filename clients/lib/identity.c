/*  identity.c - identity.json: {"curve_secret": hex, "signing_seed": hex}. Public keys follow from
    these, so that the file cannot contradict itself.  */

#include "clients/lib/identity.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "enclave/whole_file.h"

enum { S_FILE_MAX = 1024, S_SEED_SIZE = crypto_sign_SEEDBYTES, S_HEX_SIZE = 2 * 32 + 1 };

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

/*  --- loading --------------------------------------------------------------------------------- */

static tacit_status_t s_check_mode(const char *path, tacit_error_t *ret_error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        tacit_status_t status = errno == ENOENT ? TACIT_NOT_FOUND : TACIT_BAD_INPUT;
        tacit_error_set(ret_error, status, "no identity at %s", path);
        tacit_error_remedy(ret_error, "make one with init, or name its folder with --identity");
        return status;
    }
    if (info.st_mode & (S_IRWXG | S_IRWXO)) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "others may read %s", path);
        tacit_error_remedy(ret_error, "its keys may be known: make a new identity; if they surely "
                                      "are not, chmod 600 it");
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}

static bool s_take_hex(const json_t *object, const char *name, uint8_t *ret_bytes)
{
    const char *hex = json_string_value(json_object_get(object, name));
    size_t size = 0;
    return hex && strlen(hex) == 64 &&
           sodium_hex2bin(ret_bytes, 32, hex, 64, NULL, &size, NULL) == 0 && size == 32;
}

static bool s_parse(const uint8_t *text, size_t size, tacit_identity_t *identity)
{
    uint8_t seed[S_SEED_SIZE];
    json_t *object = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    bool whole = json_object_size(object) == 2 &&
                 s_take_hex(object, "curve_secret", identity->secret_key->data) &&
                 s_take_hex(object, "signing_seed", seed) &&
                 crypto_scalarmult_base(identity->public_key, identity->secret_key->data) == 0 &&
                 crypto_sign_seed_keypair(identity->signing_public, identity->signing_secret->data,
                                          seed) == 0;
    sodium_memzero(seed, sizeof seed);
    json_decref(object);
    return whole;
}

tacit_status_t tacit_identity_load(const char *folder, tacit_identity_t **ret_identity,
                                   tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_identity_t *self = NULL;
    tacit_status_t status = s_path(folder, path, ret_error);
    if (!status) {
        status = s_check_mode(path, ret_error);
    }
    if (status) {
        return status;
    }
    if (tacit_whole_file_read(path, S_FILE_MAX, &text, &size)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read %s", path);
    }
    status = s_new(&self);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
    } else if (!s_parse(text, size, self)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is not an identity", path);
    }
    sodium_memzero(text, size);
    free(text);
    if (status) {
        tacit_identity_destroy(&self);
        return status;
    }
    *ret_identity = self;
    return TACIT_OK;
}

/*  --- making ---------------------------------------------------------------------------------- */

/*  With its parents, as mkdir -p; the last for its owner alone.  */
static bool s_make_folder(const char *folder)
{
    char partial[PATH_MAX];
    snprintf(partial, sizeof partial, "%s", folder);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST) {
            return false;
        }
        *slash = '/';
    }
    return mkdir(partial, 0700) == 0 || errno == EEXIST;
}

static tacit_status_t s_store(const tacit_identity_t *identity, const char *path)
{
    uint8_t seed[S_SEED_SIZE];
    char text[S_FILE_MAX];
    char curve_hex[S_HEX_SIZE];
    char seed_hex[S_HEX_SIZE];
    crypto_sign_ed25519_sk_to_seed(seed, identity->signing_secret->data);
    sodium_bin2hex(curve_hex, sizeof curve_hex, identity->secret_key->data, 32);
    sodium_bin2hex(seed_hex, sizeof seed_hex, seed, sizeof seed);
    snprintf(text, sizeof text, "{\"curve_secret\": \"%s\", \"signing_seed\": \"%s\"}\n", curve_hex,
             seed_hex);
    /*  Of two that are started at once one makes it, and the other one loads that.  */
    tacit_status_t status = tacit_whole_file_create(path, tacit_span_string(text), 0600);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(curve_hex, sizeof curve_hex);
    sodium_memzero(seed_hex, sizeof seed_hex);
    return status;
}

static tacit_status_t s_make(const char *folder, const char *path, tacit_error_t *ret_error)
{
    tacit_identity_t *self = NULL;
    if (!s_make_folder(folder)) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot make %s: %s", folder,
                               strerror(errno));
    }
    tacit_status_t status = s_new(&self);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    crypto_box_keypair(self->public_key, self->secret_key->data);
    crypto_sign_keypair(self->signing_public, self->signing_secret->data);
    status = s_store(self, path);
    tacit_identity_destroy(&self);
    if (status && status != TACIT_ALREADY_EXISTS) {
        return tacit_error_set(ret_error, status, "cannot write %s", path);
    }
    return TACIT_OK;
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
