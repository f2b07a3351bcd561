/*  key_ring.c - keys as files of hex.  */

#include "clients/lib/key_ring.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enclave/seal.h"
#include "enclave/whole_file.h"

enum { S_TEXT_SIZE = 2 * TACIT_KEY_SIZE + 1 };

static tacit_status_t s_path(const char *identity, const char *kind, const char *name,
                             char ret_path[PATH_MAX], tacit_error_t *ret_error)
{
    int size = snprintf(ret_path, PATH_MAX, "%s/%s/%s.key", identity, kind, name);
    return size < PATH_MAX
               ? TACIT_OK
               : tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
}

tacit_status_t tacit_key_ring_load(const char *identity, const char *kind, const char *name,
                                   tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    uint8_t *text = NULL;
    size_t size = 0;
    size_t key_size = 0;
    tacit_secret_t *key = NULL;
    tacit_status_t status = s_path(identity, kind, name, path, ret_error);
    if (status) {
        return status;
    }
    status = tacit_whole_file_read(path, S_TEXT_SIZE, &text, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "no key %s/%s in this identity", kind, name);
    }
    status = tacit_secret_new(TACIT_KEY_SIZE, &key);
    if (status) {
        tacit_error_set(ret_error, status, NULL);
    } else if (size < S_TEXT_SIZE - 1 ||
               sodium_hex2bin(key->data, key->size, (const char *)text, S_TEXT_SIZE - 1, NULL,
                              &key_size, NULL) != 0 ||
               key_size != TACIT_KEY_SIZE) {
        status = tacit_error_set(ret_error, TACIT_CORRUPT, "%s is not a key", path);
    }
    sodium_memzero(text, size);
    free(text);
    if (status) {
        tacit_secret_destroy(&key);
        return status;
    }
    *ret_key = key;
    return TACIT_OK;
}

tacit_status_t tacit_key_ring_make(const char *identity, const char *kind, const char *name,
                                   tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    char folder[PATH_MAX];
    char text[S_TEXT_SIZE];
    tacit_secret_t *key = NULL;
    tacit_status_t status = s_path(identity, kind, name, path, ret_error);
    if (status) {
        return status;
    }
    snprintf(folder, sizeof folder, "%s/%s", identity, kind);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot make %s: %s", folder,
                               strerror(errno));
    }
    status = tacit_secret_random(TACIT_KEY_SIZE, &key);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    sodium_bin2hex(text, sizeof text, key->data, key->size);
    status = tacit_whole_file_replace(path, tacit_span(text, sizeof text - 1), 0600);
    sodium_memzero(text, sizeof text);
    if (status) {
        tacit_secret_destroy(&key);
        return tacit_error_set(ret_error, status, "cannot write %s", path);
    }
    *ret_key = key;
    return TACIT_OK;
}

void tacit_key_ring_remove(const char *identity, const char *kind, const char *name)
{
    char path[PATH_MAX];
    if (!s_path(identity, kind, name, path, NULL)) {
        (void)unlink(path);
    }
}
