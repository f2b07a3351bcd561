/*  package.c - see package.h.  */

#include "clients/mlowner/package.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/clock.h"

/*  A file that is gone when it is closed, whatever happens to this process.  */
static int s_make_file(const char *folder)
{
    char path[PATH_MAX];
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || snprintf(path, sizeof path, "%s/sealed.XXXXXX", folder) >= PATH_MAX) {
        return file;
    }
    file = mkostemp(path, O_CLOEXEC); /* a file system without O_TMPFILE */
    if (file >= 0) {
        (void)unlink(path);
    }
    return file;
}

static bool s_write_all(int file, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file, bytes, size);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static bool s_read_all(int file, uint8_t *bytes, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t got = pread(file, bytes, size, at);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        bytes += got > 0 ? got : 0;
        at += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

static tacit_status_t s_file_failed(tacit_error_t *ret_error)
{
    tacit_status_t status =
        errno == ENOSPC || errno == EDQUOT ? TACIT_STORAGE_FULL : TACIT_STORAGE_FAILED;
    tacit_error_set(ret_error, status, "the sealed model cannot be kept: %s", strerror(errno));
    if (status == TACIT_STORAGE_FULL) {
        tacit_error_remedy(ret_error, "it is as large as the model, and waits in the identity's "
                                      "folder: make room there, or name another with --identity");
    }
    return status;
}

/*  One chunk after the other: plaintext in, sealed out, digest.  */
static tacit_status_t s_seal_all(tacit_package_t *package, const tacit_secret_t *key,
                                 tacit_chunk_source_t *source, void *context, uint8_t *plaintext,
                                 uint8_t *sealed, tacit_error_t *ret_error)
{
    tacit_model_manifest_t *manifest = &package->manifest;
    crypto_hash_sha256_state hash;
    (void)crypto_hash_sha256_init(&hash);
    tacit_status_t status = TACIT_OK;
    for (uint32_t i = 0; i < manifest->chunk_count && !status; i++) {
        size_t size = tacit_model_chunk_sealed_size(manifest->plaintext_size, i);
        size_t plain = size - TACIT_SEAL_OVERHEAD;
        status = source(context, i, plaintext, plain, ret_error);
        if (!status) {
            tacit_model_chunk_seal(manifest, i, key->data, tacit_span(plaintext, plain), sealed);
            (void)crypto_hash_sha256_update(&hash, sealed, size);
            status = s_write_all(package->file, sealed, size) ? TACIT_OK : s_file_failed(ret_error);
        }
    }
    (void)crypto_hash_sha256_final(&hash, manifest->content_sha256);
    return status;
}

tacit_status_t tacit_package_seal(const tacit_model_manifest_t *manifest, const tacit_secret_t *key,
                                  const char *folder, tacit_chunk_source_t *source, void *context,
                                  tacit_package_t *ret_package, tacit_error_t *ret_error)
{
    *ret_package = (tacit_package_t){.manifest = *manifest, .file = s_make_file(folder)};
    ret_package->manifest.chunk_count = tacit_model_chunk_count(manifest->plaintext_size);
    ret_package->manifest.created_ms = tacit_now_ms();
    if (ret_package->file < 0) {
        return s_file_failed(ret_error);
    }
    tacit_secret_t *plaintext = NULL;
    uint8_t *sealed = malloc(TACIT_PACKAGE_CHUNK_MAX);
    tacit_status_t status = tacit_secret_new(TACIT_MODEL_CHUNK_SIZE, &plaintext);
    if (status || !sealed) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    } else {
        status = s_seal_all(ret_package, key, source, context, plaintext->data, sealed, ret_error);
    }
    tacit_secret_destroy(&plaintext);
    free(sealed);
    return status;
}

tacit_status_t tacit_package_chunk(const tacit_package_t *package, uint32_t index,
                                   uint8_t *ret_sealed, size_t *ret_size, tacit_error_t *ret_error)
{
    size_t size = tacit_model_chunk_sealed_size(package->manifest.plaintext_size, index);
    off_t at = (off_t)index * TACIT_PACKAGE_CHUNK_MAX; /* all before it are whole ones */
    if (!s_read_all(package->file, ret_sealed, size, at)) {
        return s_file_failed(ret_error);
    }
    *ret_size = size;
    return TACIT_OK;
}

uint64_t tacit_package_size(const tacit_package_t *package)
{
    const tacit_model_manifest_t *manifest = &package->manifest;
    return manifest->plaintext_size + (uint64_t)manifest->chunk_count * TACIT_SEAL_OVERHEAD;
}

tacit_status_t tacit_package_read(const tacit_package_t *package, uint64_t offset,
                                  uint8_t *ret_bytes, size_t size, tacit_error_t *ret_error)
{
    uint64_t whole = tacit_package_size(package);
    if (offset > whole || size > whole - offset) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "beyond the sealed model");
    }
    return s_read_all(package->file, ret_bytes, size, (off_t)offset) ? TACIT_OK
                                                                     : s_file_failed(ret_error);
}

void tacit_package_release(tacit_package_t *package)
{
    if (package->file >= 0) {
        (void)close(package->file);
    }
    package->file = -1;
}
