/*  request_keys.c - see request_keys.h. A name in the folder that is no measurement's is left
    alone.  */

#include "clients/lib/request_keys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "clients/lib/hex.h"
#include "clients/lib/key_file.h"
#include "enclave/model_package.h"

enum { S_DIGITS = TACIT_HEX_KEY_SIZE - 1 };

static tacit_status_t s_folder(const char *identity, const uint8_t owner[32], const char *name,
                               char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    char hex[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(owner, hex);
    if (!tacit_model_name_valid(tacit_span_string(name))) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "\"%s\" is no model name", name);
    }
    if (snprintf(ret_path, PATH_MAX, "%s/request-keys/%s/%s", identity, hex, name) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
    }
    return TACIT_OK;
}

static tacit_status_t s_file(const char *folder, const uint8_t measurement[32],
                             char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    char hex[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(measurement, hex);
    if (snprintf(ret_path, PATH_MAX, "%s/%s.json", folder, hex) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
    }
    return TACIT_OK;
}

static tacit_key_field_t s_field(const tacit_secret_t *key)
{
    return (tacit_key_field_t){.name = "request_key", .bytes = key->data, .size = key->size};
}

/*  --- what is no longer accepted -------------------------------------------------------------- */

static bool s_is_accepted(const uint8_t measurement[32], const uint8_t (*measurements)[32],
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(measurement, measurements[i], 32) == 0) {
            return true;
        }
    }
    return false;
}

/*  The measurement that a file is for.  */
static bool s_measurement(const char *file, uint8_t ret_measurement[32])
{
    char digits[TACIT_HEX_KEY_SIZE];
    if (strnlen(file, S_DIGITS) < S_DIGITS || strcmp(file + S_DIGITS, ".json") != 0) {
        return false;
    }
    memcpy(digits, file, S_DIGITS);
    digits[S_DIGITS] = '\0';
    return tacit_hex_read(digits, ret_measurement, 32);
}

/*  Looks whether the folder has keys for others than these; with remove it removes every key.  */
static bool s_has_others(const char *folder, const uint8_t (*measurements)[32], size_t count,
                         bool remove)
{
    bool others = false;
    DIR *files = opendir(folder);
    const struct dirent *file = NULL;
    while (files && (file = readdir(files))) {
        uint8_t measurement[32];
        if (s_measurement(file->d_name, measurement)) {
            others = others || !s_is_accepted(measurement, measurements, count);
            if (remove) {
                (void)unlinkat(dirfd(files), file->d_name, 0);
            }
        }
    }
    if (files) {
        (void)closedir(files);
    }
    return others;
}

/*  --- loading and making ---------------------------------------------------------------------- */

/*  Loads what is there into key; the first that is found decides. MALFORMED where two differ.  */
static tacit_status_t s_load(const char *folder, const uint8_t (*measurements)[32], size_t count,
                             tacit_secret_t *key, bool *ret_fresh, tacit_error_t *ret_error)
{
    uint8_t other[TACIT_KEY_SIZE];
    bool found = false;
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        char path[PATH_MAX];
        tacit_key_field_t field = {"request_key", other, sizeof other};
        status = s_file(folder, measurements[i], path, ret_error);
        if (!status) {
            status = tacit_key_file_read(path, &field, 1, ret_error);
        }
        ret_fresh[i] = status == TACIT_NOT_FOUND;
        if (status == TACIT_OK && found && sodium_memcmp(other, key->data, sizeof other) != 0) {
            status = TACIT_MALFORMED;
        } else if (status == TACIT_OK) {
            memcpy(key->data, other, sizeof other);
            found = true;
        }
        status = status == TACIT_NOT_FOUND ? TACIT_OK : status;
    }
    sodium_memzero(other, sizeof other);
    if (!status && !found) {
        randombytes_buf(key->data, key->size);
    }
    return status;
}

static tacit_status_t s_store(const char *folder, const uint8_t (*measurements)[32], size_t count,
                              const tacit_secret_t *key, const bool *fresh,
                              tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        char path[PATH_MAX];
        tacit_key_field_t field = s_field(key);
        status = fresh[i] ? s_file(folder, measurements[i], path, ret_error) : TACIT_OK;
        if (!status && fresh[i]) {
            status = tacit_key_file_create(path, &field, 1, ret_error);
        }
    }
    return status;
}

static tacit_status_t s_open(const char *folder, const uint8_t (*measurements)[32], size_t count,
                             tacit_secret_t *key, bool *ret_fresh, tacit_error_t *ret_error)
{
    if (s_has_others(folder, measurements, count, false)) {
        (void)s_has_others(folder, measurements, count, true);
    }
    tacit_status_t status = s_load(folder, measurements, count, key, ret_fresh, ret_error);
    if (status == TACIT_MALFORMED) {
        (void)s_has_others(folder, measurements, count, true);
        status = s_load(folder, measurements, count, key, ret_fresh, ret_error);
    }
    return status ? status : s_store(folder, measurements, count, key, ret_fresh, ret_error);
}

tacit_status_t tacit_request_keys_open(const char *identity, const uint8_t owner[32],
                                       const char *name, const uint8_t (*measurements)[32],
                                       size_t count, tacit_secret_t **ret_key, bool *ret_fresh,
                                       tacit_error_t *ret_error)
{
    char folder[PATH_MAX];
    tacit_secret_t *key = NULL;
    if (count == 0 || count > TACIT_REQUEST_KEYS_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "one to %d measurements share a key",
                               TACIT_REQUEST_KEYS_MAX);
    }
    tacit_status_t status = s_folder(identity, owner, name, folder, ret_error);
    if (!status) {
        status = tacit_key_folder_make(folder, ret_error);
    }
    if (status) {
        return status;
    }
    status = tacit_secret_new(TACIT_KEY_SIZE, &key);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = s_open(folder, measurements, count, key, ret_fresh, ret_error);
    if (status == TACIT_ALREADY_EXISTS) { /* another process of this user made it meanwhile */
        status = s_open(folder, measurements, count, key, ret_fresh, ret_error);
    }
    if (status) {
        tacit_secret_destroy(&key);
        return status;
    }
    *ret_key = key;
    return TACIT_OK;
}
