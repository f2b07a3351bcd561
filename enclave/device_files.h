/*  device_files.h - small files that a kernel or library OS makes up as they are opened, read and
    written, as those of configfs and of Gramine.

    The calls are a table, so that tests can stand in for the kernel. Such files take a value in one
    write and give one in reads up to the end; nothing is ever at an offset.  */

#ifndef TACIT_ENCLAVE_DEVICE_FILES_H
#define TACIT_ENCLAVE_DEVICE_FILES_H

#include <sys/types.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_DEVICE_PATH_MAX = 256 }; /* bytes of a file's path, with the final NUL */

/*  As the system's calls of those names: -1 with errno where they fail.  */
typedef struct tacit_device_files {
    void *self; /* first argument of each */
    int (*make_folder)(void *self, const char *path);
    int (*remove_folder)(void *self, const char *path);
    int (*open)(void *self, const char *path, int flags);
    ssize_t (*read)(void *self, int fd, void *bytes, size_t size);
    ssize_t (*write)(void *self, int fd, const void *bytes, size_t size);
    int (*close)(void *self, int fd);
} tacit_device_files_t;

/*  The system's own.  */
extern const tacit_device_files_t tacit_device_files_system;

/*  Everything that FOLDER/NAME has to say, at most max bytes (TOO_LARGE beyond). BUSY where the
    device says so, NOT_FOUND, UNSUPPORTED where there is no provider, BAD_INPUT where it refuses
    what was written before; else STORAGE_FAILED.  */
TACIT_MUST_CHECK tacit_status_t tacit_device_read(const tacit_device_files_t *files,
                                                  const char *folder, const char *name,
                                                  uint8_t *ret_bytes, size_t max, size_t *ret_size,
                                                  tacit_error_t *ret_error);

/*  The same without the newline at its end, as a string of at most size - 1 characters.  */
TACIT_MUST_CHECK tacit_status_t tacit_device_read_line(const tacit_device_files_t *files,
                                                       const char *folder, const char *name,
                                                       char *ret_line, size_t size,
                                                       tacit_error_t *ret_error);

/*  The whole value in one call: each call replaces what was there. Takes effect when the file is
    closed, which it is.  */
TACIT_MUST_CHECK tacit_status_t tacit_device_write(const tacit_device_files_t *files,
                                                   const char *folder, const char *name,
                                                   tacit_span_t bytes, tacit_error_t *ret_error);

/*  The status that errno stands for, with the path in the error.  */
tacit_status_t tacit_device_failed(const char *path, tacit_error_t *ret_error);

#endif
