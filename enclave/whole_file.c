/*  whole_file.c - see whole_file.h.

    The temporary file's name is made unique by mkostemp, so that writers in parallel never share
    one; link() publishes a file that must be new, rename() one that may replace.  */

#include "enclave/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static tacit_status_t s_status(int error)
{
    switch (error) {
    case ENOENT:
        return TACIT_NOT_FOUND;
    case EEXIST:
        return TACIT_ALREADY_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return TACIT_STORAGE_FULL;
    default:
        return TACIT_STORAGE_FAILED;
    }
}

static bool s_read_all(int fd, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, bytes + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false; /* failed, or cut short while it was read */
        }
        done += (size_t)count;
    }
    return true;
}

static tacit_status_t s_read(int fd, size_t size_max, uint8_t **ret_bytes, size_t *ret_size)
{
    struct stat state;
    if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode)) {
        return TACIT_STORAGE_FAILED;
    }
    if (state.st_size < 0 || (uint64_t)state.st_size > size_max) {
        return TACIT_TOO_LARGE;
    }
    size_t size = (size_t)state.st_size;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        return TACIT_NO_MEMORY;
    }
    if (!s_read_all(fd, bytes, size)) {
        free(bytes);
        return TACIT_STORAGE_FAILED;
    }
    bytes[size] = '\0';
    *ret_bytes = bytes;
    *ret_size = size;
    return TACIT_OK;
}

tacit_status_t tacit_whole_file_read(const char *path, size_t size_max, uint8_t **ret_bytes,
                                     size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0) {
        return s_status(errno);
    }
    tacit_status_t status = s_read(fd, size_max, ret_bytes, ret_size);
    close(fd);
    return status;
}

static bool s_write_all(int fd, tacit_span_t bytes)
{
    while (bytes.size > 0) {
        ssize_t count = write(fd, bytes.data, bytes.size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        bytes.data += count;
        bytes.size -= (size_t)count;
    }
    return true;
}

static bool s_sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return synced;
}

typedef int s_publish_fn(const char *from, const char *to);

static tacit_status_t s_put(const char *path, tacit_span_t bytes, mode_t mode,
                            s_publish_fn *publish)
{
    char beside[PATH_MAX];
    if ((size_t)snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= sizeof beside) {
        return TACIT_TOO_LARGE;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return s_status(errno);
    }
    bool written = s_write_all(fd, bytes) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (written) {
        written = publish(beside, path) == 0;
        error = errno;
    }
    (void)unlink(beside); /* gone already after a rename */
    if (!written) {
        return s_status(error);
    }
    return s_sync_folder(path) ? TACIT_OK : TACIT_STORAGE_FAILED;
}

tacit_status_t tacit_whole_file_replace(const char *path, tacit_span_t bytes, mode_t mode)
{
    return s_put(path, bytes, mode, rename);
}

tacit_status_t tacit_whole_file_create(const char *path, tacit_span_t bytes, mode_t mode)
{
    return s_put(path, bytes, mode, link);
}
