/*  model_keys.c - see model_keys.h.  */

#include "clients/lib/model_keys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/lib/key_file.h"
#include "enclave/model_package.h"

static tacit_status_t s_folder(const char *identity, const char *name, char ret_path[PATH_MAX],
                               tacit_error_t *ret_error)
{
    if (!tacit_model_name_valid(tacit_span_string(name))) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "\"%s\" is no model name", name);
    }
    if (snprintf(ret_path, PATH_MAX, "%s/model-keys/%s", identity, name) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
    }
    return TACIT_OK;
}

static tacit_status_t s_file(const char *folder, uint32_t version, char ret_path[PATH_MAX],
                             tacit_error_t *ret_error)
{
    if (snprintf(ret_path, PATH_MAX, "%s/%u.json", folder, version) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
    }
    return TACIT_OK;
}

static tacit_key_field_t s_field(const tacit_secret_t *key)
{
    return (tacit_key_field_t){.name = "model_key", .bytes = key->data, .size = key->size};
}

tacit_status_t tacit_model_keys_make(const char *identity, const char *name, uint32_t version,
                                     tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    tacit_secret_t *key = NULL;
    tacit_status_t status = s_folder(identity, name, folder, ret_error);
    if (!status) {
        status = tacit_key_folder_make(folder, ret_error);
    }
    if (!status) {
        status = s_file(folder, version, path, ret_error);
    }
    if (status) {
        return status;
    }
    status = tacit_secret_random(TACIT_KEY_SIZE, &key);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    tacit_key_field_t field = s_field(key);
    status = tacit_key_file_create(path, &field, 1, ret_error);
    if (status) {
        tacit_secret_destroy(&key);
        return status;
    }
    *ret_key = key;
    return TACIT_OK;
}

tacit_status_t tacit_model_keys_load(const char *identity, const char *name, uint32_t version,
                                     tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    tacit_secret_t *key = NULL;
    tacit_status_t status = s_folder(identity, name, folder, ret_error);
    if (!status) {
        status = s_file(folder, version, path, ret_error);
    }
    if (status) {
        return status;
    }
    status = tacit_secret_new(TACIT_KEY_SIZE, &key);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    tacit_key_field_t field = s_field(key);
    status = tacit_key_file_read(path, &field, 1, ret_error);
    if (status) {
        tacit_secret_destroy(&key);
    } else {
        *ret_key = key;
    }
    if (status == TACIT_NOT_FOUND) {
        tacit_error_set(ret_error, status, "there is no key of %s@%u in this identity", name,
                        version);
        tacit_error_remedy(ret_error, "use the identity that pushed it, or push the model again");
    }
    return status;
}

/*  --- the whole ring -------------------------------------------------------------------------- */

/*  The version that a file is for; 0 where its name is none of ours.  */
static uint32_t s_version(const char *file)
{
    char *end = NULL;
    if (*file < '1' || *file > '9') {
        return 0;
    }
    unsigned long number = strtoul(file, &end, 10);
    return strcmp(end, ".json") == 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

uint32_t tacit_model_keys_newest(const char *identity, const char *name)
{
    char folder[PATH_MAX];
    uint32_t newest = 0;
    DIR *files = s_folder(identity, name, folder, NULL) ? NULL : opendir(folder);
    const struct dirent *file = NULL;
    while (files && (file = readdir(files))) {
        uint32_t version = s_version(file->d_name);
        newest = version > newest ? version : newest;
    }
    if (files) {
        (void)closedir(files);
    }
    return newest;
}

static tacit_status_t s_remove(const char *folder, uint32_t version, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    tacit_status_t status = s_file(folder, version, path, ret_error);
    if (!status && unlink(path) != 0 && errno != ENOENT) {
        status = tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot remove %s: %s", path,
                                 strerror(errno));
    }
    return status;
}

tacit_status_t tacit_model_keys_remove(const char *identity, const char *name, uint32_t version,
                                       tacit_error_t *ret_error)
{
    char folder[PATH_MAX];
    tacit_status_t status = s_folder(identity, name, folder, ret_error);
    if (!status && version) {
        return s_remove(folder, version, ret_error);
    }
    for (uint32_t newest = 0; !status && (newest = tacit_model_keys_newest(identity, name)) > 0;) {
        status = s_remove(folder, newest, ret_error);
    }
    if (!status) {
        (void)rmdir(folder);
    }
    return status;
}
