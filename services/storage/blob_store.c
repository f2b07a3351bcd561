/*  blob_store.c - files below one folder's descriptor: no path of ours can be moved under us.  */

#include "services/storage/blob_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char s_part[] = ".part"; /* a dot: no name of a blob ends so */

enum { S_FILE_NAME_SIZE = TACIT_BLOB_NAME_MAX + sizeof s_part };

struct tacit_blob_store {
    int folder;
};

struct tacit_blob_writer {
    const tacit_blob_store_t *store;
    char name[TACIT_BLOB_NAME_MAX + 1];
    char part[S_FILE_NAME_SIZE]; /* what it is called until it is finished */
    int fd;                      /* -1 after a failure */
    uint64_t size;
    uint64_t synced; /* bytes of them that are durable */
    bool named;      /* the folder knows of the unfinished file durably */
    tacit_status_t failed;
};

static tacit_status_t s_status(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* a limit on the size of files is a full disk, too */
        return TACIT_STORAGE_FULL;
    case ENOENT:
        return TACIT_NOT_FOUND;
    case EEXIST:
        return TACIT_ALREADY_EXISTS;
    case ENOMEM:
        return TACIT_NO_MEMORY;
    default:
        return TACIT_STORAGE_FAILED;
    }
}

static tacit_status_t s_check(int result)
{
    return result < 0 ? s_status(errno) : TACIT_OK;
}

bool tacit_blob_name_valid(const char *name)
{
    size_t length = strnlen(name, TACIT_BLOB_NAME_MAX + 1);
    return length > 0 && length <= TACIT_BLOB_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/*  --- the folder ------------------------------------------------------------------------------ */

static bool s_is_part(const char *name)
{
    size_t length = strlen(name);
    size_t tail = sizeof s_part - 1;
    return length > tail && strcmp(name + length - tail, s_part) == 0;
}

/*  What to do with one name of the folder.  */
typedef tacit_status_t (*s_visit_fn)(const tacit_blob_store_t *self, void *context,
                                     const char *name);

static tacit_status_t s_visit(const tacit_blob_store_t *self, s_visit_fn visit, void *context)
{
    int fd = openat(self->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        tacit_status_t status = s_status(errno);
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    tacit_status_t status = TACIT_OK;
    while (!status) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (!entry) {
            status = errno ? TACIT_STORAGE_FAILED : TACIT_OK;
            break;
        }
        status = visit(self, context, entry->d_name);
    }
    closedir(entries);
    return status;
}

typedef struct {
    tacit_blob_keep_fn keep; /* NULL: nothing is kept */
    void *context;
    size_t removed;
} s_sweep_t;

static tacit_status_t s_remove_part(const tacit_blob_store_t *self, void *context, const char *name)
{
    const s_sweep_t *sweep = context;
    char blob[TACIT_BLOB_NAME_MAX + 1] = "";
    bool keep = false;
    if (!s_is_part(name)) {
        return TACIT_OK;
    }
    size_t length = strlen(name) - (sizeof s_part - 1);
    if (sweep->keep && length <= TACIT_BLOB_NAME_MAX) {
        memcpy(blob, name, length);
        tacit_status_t status = sweep->keep(sweep->context, blob, &keep);
        if (status) {
            return status;
        }
    }
    return keep ? TACIT_OK : s_check(unlinkat(self->folder, name, 0));
}

static tacit_status_t s_open_folder(tacit_blob_store_t *self, const char *folder,
                                    tacit_blob_keep_fn keep, void *context)
{
    s_sweep_t sweep = {.keep = keep, .context = context};
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return s_status(errno);
    }
    self->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tacit_status_t status = s_check(self->folder);
    return status ? status : s_visit(self, s_remove_part, &sweep);
}

tacit_status_t tacit_blob_store_open(const char *folder, tacit_blob_keep_fn keep, void *context,
                                     tacit_blob_store_t **ret_store, tacit_error_t *ret_error)
{
    tacit_blob_store_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->folder = -1;
    tacit_status_t status = s_open_folder(self, folder, keep, context);
    if (status) {
        tacit_blob_store_destroy(&self);
        tacit_error_set(ret_error, status, "cannot use the folder %s", folder);
        tacit_error_remedy(ret_error, "check that the folder above exists and is writable");
        return status;
    }
    *ret_store = self;
    return TACIT_OK;
}

void tacit_blob_store_destroy(tacit_blob_store_t **store)
{
    if (*store) {
        if ((*store)->folder >= 0) {
            close((*store)->folder);
        }
        free(*store);
        *store = NULL;
    }
}

/*  --- writing --------------------------------------------------------------------------------- */

/*  A writer on its unfinished file, opened with those flags beside what every writer needs.  */
static tacit_status_t s_new_writer(const tacit_blob_store_t *store, const char *name, int flags,
                                   tacit_blob_writer_t **ret_writer)
{
    if (!tacit_blob_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    if (faccessat(store->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return TACIT_ALREADY_EXISTS;
    }
    tacit_blob_writer_t *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return TACIT_NO_MEMORY;
    }
    writer->store = store;
    snprintf(writer->name, sizeof writer->name, "%s", name);
    snprintf(writer->part, sizeof writer->part, "%s%s", name, s_part);
    writer->fd = openat(store->folder, writer->part,
                        O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
    if (writer->fd < 0) {
        tacit_status_t status = s_status(errno);
        free(writer);
        return status;
    }
    *ret_writer = writer;
    return TACIT_OK;
}

tacit_status_t tacit_blob_create(tacit_blob_store_t *store, const char *name,
                                 tacit_blob_writer_t **ret_writer)
{
    return s_new_writer(store, name, O_CREAT | O_EXCL, ret_writer);
}

tacit_status_t tacit_blob_resume(tacit_blob_store_t *store, const char *name, uint64_t size,
                                 tacit_blob_writer_t **ret_writer)
{
    tacit_blob_writer_t *writer = NULL;
    struct stat found;
    tacit_status_t status = s_new_writer(store, name, 0, &writer);
    if (status) {
        return status;
    }
    status = s_check(fstat(writer->fd, &found));
    if (!status &&
        (!S_ISREG(found.st_mode) || size > INT64_MAX || size > (uint64_t)found.st_size)) {
        status = TACIT_CORRUPT;
    }
    if (!status &&
        (ftruncate(writer->fd, (off_t)size) != 0 || lseek(writer->fd, (off_t)size, SEEK_SET) < 0)) {
        status = s_status(errno);
    }
    writer->size = size;
    if (status) {
        tacit_blob_leave(&writer);
        return status;
    }
    *ret_writer = writer;
    return TACIT_OK;
}

void tacit_blob_leave(tacit_blob_writer_t **writer)
{
    if (*writer) {
        if ((*writer)->fd >= 0) {
            close((*writer)->fd);
        }
        free(*writer);
        *writer = NULL;
    }
}

tacit_status_t tacit_blob_discard(tacit_blob_store_t *store, const char *name)
{
    char part[S_FILE_NAME_SIZE];
    if (!tacit_blob_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    snprintf(part, sizeof part, "%s%s", name, s_part);
    tacit_status_t status = s_check(unlinkat(store->folder, part, 0));
    return status == TACIT_NOT_FOUND ? TACIT_OK : status;
}

const char *tacit_blob_writer_name(const tacit_blob_writer_t *writer)
{
    return writer->name;
}

/*  Closes and removes at once, so that a full disk is less full again.  */
static tacit_status_t s_fail(tacit_blob_writer_t *writer, tacit_status_t status)
{
    if (writer->fd >= 0) {
        close(writer->fd);
        (void)unlinkat(writer->store->folder, writer->part, 0);
        writer->fd = -1;
    }
    writer->failed = status;
    return status;
}

tacit_status_t tacit_blob_append(tacit_blob_writer_t *writer, tacit_span_t bytes)
{
    if (writer->failed) {
        return writer->failed;
    }
    uint64_t from = writer->size;
    while (bytes.size > 0) {
        ssize_t count = write(writer->fd, bytes.data, bytes.size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return s_fail(writer, count < 0 ? s_status(errno) : TACIT_STORAGE_FAILED);
        }
        bytes.data += count;
        bytes.size -= (size_t)count;
        writer->size += (uint64_t)count;
    }
    /*  Starts writing back now, so that the sync at the end has little left to wait for. What it
        says does not matter: that sync decides.  */
    (void)sync_file_range(writer->fd, (off64_t)from, (off64_t)(writer->size - from),
                          SYNC_FILE_RANGE_WRITE);
    return TACIT_OK;
}

tacit_status_t tacit_blob_sync(tacit_blob_writer_t *writer)
{
    if (writer->failed || (writer->named && writer->synced == writer->size)) {
        return writer->failed;
    }
    if (fdatasync(writer->fd) != 0 || (!writer->named && fsync(writer->store->folder) != 0)) {
        return s_fail(writer, s_status(errno));
    }
    writer->named = true;
    writer->synced = writer->size;
    return TACIT_OK;
}

static tacit_status_t s_publish(const tacit_blob_writer_t *writer)
{
    int folder = writer->store->folder;
    if (writer->synced != writer->size && fsync(writer->fd) != 0) {
        return s_status(errno);
    }
    if (renameat2(folder, writer->part, folder, writer->name, RENAME_NOREPLACE) != 0) {
        return s_status(errno);
    }
    if (fsync(folder) != 0) {
        tacit_status_t status = s_status(errno);
        (void)unlinkat(folder, writer->name, 0);
        return status;
    }
    return TACIT_OK;
}

tacit_status_t tacit_blob_finish(tacit_blob_writer_t **writer)
{
    tacit_status_t status = (*writer)->failed;
    if (!status) {
        status = s_publish(*writer);
        if (!status) {
            close((*writer)->fd);
            (*writer)->fd = -1;
        }
    }
    tacit_blob_abort(writer);
    return status;
}

void tacit_blob_abort(tacit_blob_writer_t **writer)
{
    if (*writer) {
        (void)s_fail(*writer, TACIT_INTERRUPTED);
        free(*writer);
        *writer = NULL;
    }
}

/*  --- reading --------------------------------------------------------------------------------- */

static tacit_status_t s_open(const tacit_blob_store_t *self, const char *name, int *ret_fd)
{
    if (!tacit_blob_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    int fd = openat(self->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return s_status(errno);
    }
    *ret_fd = fd;
    return TACIT_OK;
}

/*  flags: of preadv2.  */
static tacit_status_t s_read(int fd, int flags, uint64_t offset, size_t size, uint8_t *ret_bytes)
{
    while (size > 0) {
        const struct iovec to = {.iov_base = ret_bytes, .iov_len = size};
        ssize_t count = preadv2(fd, &to, 1, (off_t)offset, flags);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return flags ? TACIT_PENDING : TACIT_STORAGE_FAILED;
        }
        if (count == 0) {
            return TACIT_CORRUPT;
        }
        ret_bytes += count;
        offset += (uint64_t)count;
        size -= (size_t)count;
    }
    return TACIT_OK;
}

static tacit_status_t s_read_blob(const tacit_blob_store_t *self, const char *name, int flags,
                                  uint64_t offset, size_t size, uint8_t *ret_bytes)
{
    int fd = -1;
    if (offset > INT64_MAX - size) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = s_open(self, name, &fd);
    if (!status) {
        status = s_read(fd, flags, offset, size, ret_bytes);
        close(fd);
    }
    return status;
}

tacit_status_t tacit_blob_read(tacit_blob_store_t *store, const char *name, uint64_t offset,
                               size_t size, uint8_t *ret_bytes)
{
    return s_read_blob(store, name, 0, offset, size, ret_bytes);
}

tacit_status_t tacit_blob_read_cached(tacit_blob_store_t *store, const char *name, uint64_t offset,
                                      size_t size, uint8_t *ret_bytes)
{
    return s_read_blob(store, name, RWF_NOWAIT, offset, size, ret_bytes);
}

tacit_status_t tacit_blob_size(tacit_blob_store_t *store, const char *name, uint64_t *ret_size)
{
    struct stat found;
    if (!tacit_blob_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = s_check(fstatat(store->folder, name, &found, AT_SYMLINK_NOFOLLOW));
    if (!status && !S_ISREG(found.st_mode)) {
        status = TACIT_CORRUPT;
    }
    if (!status) {
        *ret_size = (uint64_t)found.st_size;
    }
    return status;
}

/*  --- removing -------------------------------------------------------------------------------- */

tacit_status_t tacit_blob_remove(tacit_blob_store_t *store, const char *name)
{
    if (!tacit_blob_name_valid(name)) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = s_check(unlinkat(store->folder, name, 0));
    return status ? status : s_check(fsync(store->folder));
}

static tacit_status_t s_sweep_one(const tacit_blob_store_t *self, void *context, const char *name)
{
    s_sweep_t *sweep = context;
    bool keep = true;
    if (!tacit_blob_name_valid(name)) {
        return TACIT_OK; /* not ours */
    }
    tacit_status_t status = sweep->keep(sweep->context, name, &keep);
    if (!status && !keep) {
        status = s_check(unlinkat(self->folder, name, 0));
        sweep->removed += !status;
    }
    return status;
}

tacit_status_t tacit_blob_sweep(tacit_blob_store_t *store, tacit_blob_keep_fn keep, void *context,
                                size_t *ret_removed)
{
    s_sweep_t sweep = {.keep = keep, .context = context};
    tacit_status_t status = s_visit(store, s_sweep_one, &sweep);
    if (!status && sweep.removed) {
        status = s_check(fsync(store->folder));
    }
    if (!status) {
        *ret_removed = sweep.removed;
    }
    return status;
}
