/*  kept_package.c - see kept_package.h.  */

#include "clients/mlowner/kept_package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clients/lib/key_file.h"

/*  What stands behind the sealed chunks.  */
typedef struct {
    uint8_t manifest[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    uint8_t mesh_id[32];
} s_tail_t;

static bool s_path(const tacit_package_place_t *place, const char *name, char ret_path[PATH_MAX])
{
    int size =
        snprintf(ret_path, PATH_MAX, "%s/uploads%s%s", place->identity, *name ? "/" : "", name);
    return size < PATH_MAX;
}

/*  --- keeping --------------------------------------------------------------------------------- */

static void s_sweep_one(int folder, const char *name, time_t now)
{
    struct stat about;
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        return;
    }
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_mtime < now - TACIT_PACKAGE_KEPT_S && flock(file, LOCK_EX | LOCK_NB) == 0) {
        (void)unlinkat(folder, name, 0);
    }
    (void)close(file);
}

static void s_sweep(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder && (entry = readdir(folder))) {
        s_sweep_one(dirfd(folder), entry->d_name, time(NULL));
    }
    if (folder) {
        (void)closedir(folder);
    }
}

void tacit_package_keep(tacit_package_t *package, const tacit_package_place_t *place)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    char own[64];
    s_tail_t tail;
    tacit_model_manifest_sign(&package->manifest, place->signing_secret, tail.manifest,
                              tail.signature);
    memcpy(tail.mesh_id, place->mesh_id, sizeof tail.mesh_id);
    snprintf(own, sizeof own, "/proc/self/fd/%d", package->file);
    if (!s_path(place, "", folder) || !s_path(place, package->manifest.name, path) ||
        tacit_key_folder_make(folder, NULL)) {
        return;
    }
    s_sweep(folder);
    package->kept = pwrite(package->file, &tail, sizeof tail, (off_t)tacit_package_size(package)) ==
                        sizeof tail &&
                    flock(package->file, LOCK_EX | LOCK_NB) == 0 &&
                    linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

void tacit_package_forget(tacit_package_t *package, const tacit_package_place_t *place)
{
    char path[PATH_MAX];
    if (package->kept && s_path(place, package->manifest.name, path)) {
        (void)unlink(path);
    }
    package->kept = false;
}

/*  --- finding --------------------------------------------------------------------------------- */

/*  The manifest behind the chunks, and whether all of it is what this owner kept for this mesh.  */
static bool s_read_tail(tacit_package_t *package, const tacit_package_place_t *place,
                        const char *name)
{
    s_tail_t tail;
    struct stat about;
    if (fstat(package->file, &about) != 0 || !S_ISREG(about.st_mode) ||
        about.st_size < (off_t)sizeof tail ||
        pread(package->file, &tail, sizeof tail, about.st_size - (off_t)sizeof tail) !=
            (ssize_t)sizeof tail) {
        return false;
    }
    return tacit_model_manifest_verify(tacit_span(tail.manifest, sizeof tail.manifest),
                                       tacit_span(tail.signature, sizeof tail.signature),
                                       &package->manifest, NULL) == TACIT_OK &&
           memcmp(tail.mesh_id, place->mesh_id, 32) == 0 &&
           memcmp(package->manifest.signing_key, place->signing_public, 32) == 0 &&
           strcmp(package->manifest.name, name) == 0 &&
           tacit_package_size(package) + sizeof tail == (uint64_t)about.st_size;
}

static tacit_status_t s_lock(const tacit_package_t *package, const char *name,
                             tacit_error_t *ret_error)
{
    struct stat about;
    if (flock(package->file, LOCK_EX | LOCK_NB) != 0) {
        tacit_error_set(ret_error, TACIT_BUSY, "another push of %s is under way", name);
        tacit_error_remedy(ret_error, "wait until it ends; or stop it, and push again");
        return TACIT_BUSY;
    }
    /*  Who had it until now may have ended well, and removed it.  */
    return fstat(package->file, &about) == 0 && about.st_nlink > 0 ? TACIT_OK : TACIT_NOT_FOUND;
}

tacit_status_t tacit_package_find(const char *name, const tacit_package_place_t *place,
                                  tacit_package_t *ret_package, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    *ret_package = (tacit_package_t){.file = -1};
    if (!s_path(place, name, path)) {
        return TACIT_NOT_FOUND;
    }
    ret_package->file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (ret_package->file < 0) {
        return TACIT_NOT_FOUND;
    }
    tacit_status_t status = s_lock(ret_package, name, ret_error);
    if (!status && !s_read_tail(ret_package, place, name)) {
        (void)unlink(path);
        status = TACIT_NOT_FOUND;
    }
    ret_package->kept = !status;
    return status;
}

/*  --- comparing ------------------------------------------------------------------------------- */

/*  Room for one chunk in each of its forms.  */
typedef struct {
    uint8_t *sealed;
    tacit_secret_t *opened;
    tacit_secret_t *given;
} s_room_t;

static tacit_status_t s_compare_chunk(const tacit_package_t *package, const tacit_secret_t *key,
                                      uint32_t index, tacit_chunk_source_t *source, void *context,
                                      const s_room_t *room, tacit_error_t *ret_error)
{
    size_t size = 0;
    tacit_status_t status = tacit_package_chunk(package, index, room->sealed, &size, ret_error);
    if (!status) {
        status = tacit_model_chunk_open(&package->manifest, index, key->data,
                                        tacit_span(room->sealed, size), room->opened->data);
    }
    size -= status ? 0 : TACIT_SEAL_OVERHEAD;
    if (!status) {
        status = source(context, index, room->given->data, size, ret_error);
    }
    if (!status && sodium_memcmp(room->given->data, room->opened->data, size) != 0) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "the content is another");
    }
    return status;
}

static tacit_status_t s_compare(const tacit_package_t *package, const tacit_secret_t *key,
                                tacit_chunk_source_t *source, void *context, const s_room_t *room,
                                tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    uint8_t digest[32];
    crypto_hash_sha256_state hash;
    (void)crypto_hash_sha256_init(&hash);
    for (uint32_t i = 0; i < package->manifest.chunk_count && !status; i++) {
        status = s_compare_chunk(package, key, i, source, context, room, ret_error);
        (void)crypto_hash_sha256_update(
            &hash, room->sealed,
            tacit_model_chunk_sealed_size(package->manifest.plaintext_size, i));
    }
    (void)crypto_hash_sha256_final(&hash, digest);
    if (!status && memcmp(digest, package->manifest.content_sha256, 32) != 0) {
        status = tacit_error_set(ret_error, TACIT_CORRUPT, "the sealed model was altered");
    }
    return status;
}

tacit_status_t tacit_package_compare(const tacit_package_t *package, const tacit_secret_t *key,
                                     tacit_chunk_source_t *source, void *context,
                                     tacit_error_t *ret_error)
{
    s_room_t room = {.sealed = malloc(TACIT_PACKAGE_CHUNK_MAX)};
    tacit_status_t status = tacit_secret_new(TACIT_MODEL_CHUNK_SIZE, &room.opened);
    if (!status) {
        status = tacit_secret_new(TACIT_MODEL_CHUNK_SIZE, &room.given);
    }
    if (status || !room.sealed) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    } else {
        status = s_compare(package, key, source, context, &room, ret_error);
    }
    tacit_secret_destroy(&room.opened);
    tacit_secret_destroy(&room.given);
    free(room.sealed);
    return status;
}
