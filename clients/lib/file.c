/*  file.c - a whole file into secret memory; the size is known before memory is taken.  */

#include "clients/lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static tacit_status_t s_errno(tacit_error_t *ret_error, tacit_status_t status, const char *what)
{
    char text[TACIT_ERROR_VALUE_MAX];
    const char *reason = strerror_r(errno, text, sizeof text);
    return tacit_error_set(ret_error, status, "%s: %s", what, reason);
}

static tacit_status_t s_check_size(int file, size_t size_max, size_t *ret_size,
                                   tacit_error_t *ret_error)
{
    struct stat about;
    if (fstat(file, &about) != 0) {
        return s_errno(ret_error, TACIT_BAD_INPUT, "cannot be read");
    }
    if (!S_ISREG(about.st_mode)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "not a regular file");
    }
    if (about.st_size <= 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the file is empty");
    }
    if ((uint64_t)about.st_size > size_max) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the file is larger than %zu bytes",
                               size_max);
    }
    *ret_size = (size_t)about.st_size;
    return TACIT_OK;
}

static tacit_status_t s_read_all(int file, tacit_secret_t *bytes, tacit_error_t *ret_error)
{
    size_t done = 0;
    while (done < bytes->size) {
        ssize_t got = read(file, bytes->data + done, bytes->size - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return s_errno(ret_error, TACIT_BAD_INPUT, "cannot be read");
        }
        if (got == 0) {
            return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the file shrank while being read");
        }
        done += (size_t)got;
    }
    return TACIT_OK;
}

tacit_status_t tacit_file_read(const char *path, size_t size_max, tacit_secret_t **ret_bytes,
                               tacit_error_t *ret_error)
{
    size_t size = 0;
    tacit_secret_t *bytes = NULL;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer; regular files do not care */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        return s_errno(ret_error, TACIT_BAD_INPUT, "cannot be opened");
    }
    tacit_status_t status = s_check_size(file, size_max, &size, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    status = tacit_secret_new(size, &bytes);
    if (status != TACIT_OK) {
        (void)tacit_error_set(ret_error, status, NULL);
        tacit_error_remedy(ret_error, "raise the limit of locked memory (ulimit -l) or send less");
        goto out;
    }
    status = s_read_all(file, bytes, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    *ret_bytes = bytes;
    bytes = NULL;
out:
    tacit_secret_destroy(&bytes);
    (void)close(file);
    return status;
}
