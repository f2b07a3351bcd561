/*  device_files.c - reading and writing made-up files.  */

#include "enclave/device_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*  --- the system's calls ---------------------------------------------------------------------- */

static int s_make_folder(void *self, const char *path)
{
    (void)self;
    return mkdir(path, 0700);
}

static int s_remove_folder(void *self, const char *path)
{
    (void)self;
    return rmdir(path);
}

static int s_open(void *self, const char *path, int flags)
{
    (void)self;
    return open(path, flags | O_CLOEXEC);
}

static ssize_t s_read(void *self, int fd, void *bytes, size_t size)
{
    (void)self;
    return read(fd, bytes, size);
}

static ssize_t s_write(void *self, int fd, const void *bytes, size_t size)
{
    (void)self;
    return write(fd, bytes, size);
}

static int s_close(void *self, int fd)
{
    (void)self;
    return close(fd);
}

const tacit_device_files_t tacit_device_files_system = {
    .make_folder = s_make_folder,
    .remove_folder = s_remove_folder,
    .open = s_open,
    .read = s_read,
    .write = s_write,
    .close = s_close,
};

/*  --- failures -------------------------------------------------------------------------------- */

tacit_status_t tacit_device_failed(const char *path, tacit_error_t *ret_error)
{
    static const struct {
        int number;
        tacit_status_t status;
    } rows[] = {
        {EBUSY, TACIT_BUSY},
        {EAGAIN, TACIT_BUSY},
        {ETXTBSY, TACIT_BUSY},
        {ENOENT, TACIT_NOT_FOUND},
        {ENXIO, TACIT_UNSUPPORTED},
        {ENOTTY, TACIT_UNSUPPORTED},
        {EOPNOTSUPP, TACIT_UNSUPPORTED},
        {EINVAL, TACIT_BAD_INPUT},
        {EFBIG, TACIT_TOO_LARGE},
        {EMSGSIZE, TACIT_TOO_LARGE},
    };
    int number = errno;
    tacit_status_t status = TACIT_STORAGE_FAILED;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        status = rows[i].number == number ? rows[i].status : status;
    }
    return tacit_error_set(ret_error, status, "%s: %s", path, strerror(number));
}

/*  --- reading and writing --------------------------------------------------------------------- */

static tacit_status_t s_open_file(const tacit_device_files_t *files, const char *folder,
                                  const char *name, int flags, char path[TACIT_DEVICE_PATH_MAX],
                                  int *ret_fd, tacit_error_t *ret_error)
{
    if (snprintf(path, TACIT_DEVICE_PATH_MAX, "%s/%s", folder, name) >= TACIT_DEVICE_PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the device's path is too long");
    }
    int fd = files->open(files->self, path, flags);
    if (fd < 0) {
        return tacit_device_failed(path, ret_error);
    }
    *ret_fd = fd;
    return TACIT_OK;
}

static tacit_status_t s_read_all(const tacit_device_files_t *files, int fd, const char *path,
                                 uint8_t *bytes, size_t max, size_t *ret_size,
                                 tacit_error_t *ret_error)
{
    uint8_t beyond;
    size_t size = 0;
    for (;;) {
        bool full = size == max; /* then one byte more is one too many */
        ssize_t got =
            files->read(files->self, fd, full ? &beyond : bytes + size, full ? 1 : max - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return tacit_device_failed(path, ret_error);
        }
        if (got == 0) {
            *ret_size = size;
            return TACIT_OK;
        }
        if (full) {
            return tacit_error_set(ret_error, TACIT_TOO_LARGE, "%s says more than %zu bytes", path,
                                   max);
        }
        size += (size_t)got;
    }
}

tacit_status_t tacit_device_read(const tacit_device_files_t *files, const char *folder,
                                 const char *name, uint8_t *ret_bytes, size_t max, size_t *ret_size,
                                 tacit_error_t *ret_error)
{
    char path[TACIT_DEVICE_PATH_MAX];
    int fd = -1;
    tacit_status_t status = s_open_file(files, folder, name, O_RDONLY, path, &fd, ret_error);
    if (!status) {
        status = s_read_all(files, fd, path, ret_bytes, max, ret_size, ret_error);
        (void)files->close(files->self, fd);
    }
    return status;
}

tacit_status_t tacit_device_read_line(const tacit_device_files_t *files, const char *folder,
                                      const char *name, char *ret_line, size_t size,
                                      tacit_error_t *ret_error)
{
    size_t length = 0;
    tacit_status_t status =
        tacit_device_read(files, folder, name, (uint8_t *)ret_line, size - 1, &length, ret_error);
    if (!status) {
        length -= length > 0 && ret_line[length - 1] == '\n';
        ret_line[length] = '\0';
    }
    return status;
}

tacit_status_t tacit_device_write(const tacit_device_files_t *files, const char *folder,
                                  const char *name, tacit_span_t bytes, tacit_error_t *ret_error)
{
    char path[TACIT_DEVICE_PATH_MAX];
    int fd = -1;
    tacit_status_t status = s_open_file(files, folder, name, O_WRONLY, path, &fd, ret_error);
    if (status) {
        return status;
    }
    ssize_t done = 0;
    do {
        done = files->write(files->self, fd, bytes.data, bytes.size);
    } while (done < 0 && errno == EINTR);
    if (done < 0) {
        status = tacit_device_failed(path, ret_error);
    } else if ((size_t)done != bytes.size) { /* the rest would replace what was taken */
        status = tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "%s took a part only", path);
    }
    if (files->close(files->self, fd) != 0 && !status) {
        status = tacit_device_failed(path, ret_error);
    }
    return status;
}
