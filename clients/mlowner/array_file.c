/*  array_file.c - see array_file.h.  */

#include "clients/mlowner/array_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/npz.h"

struct tacit_array_file {
    char *path;
    uint8_t *bytes;
    size_t size;
};

static tacit_status_t s_map(tacit_array_file_t *file, const char *path, tacit_error_t *error)
{
    struct stat about = {.st_size = 0};
    int number = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tacit_status_t status = TACIT_OK;
    if (number < 0 || fstat(number, &about) != 0) {
        status = tacit_error_set(error, TACIT_BAD_INPUT, "cannot be opened: %s", strerror(errno));
    } else if (!S_ISREG(about.st_mode) || about.st_size <= 0) {
        status = tacit_error_set(error, TACIT_BAD_INPUT, "not a regular file, or an empty one");
    } else {
        file->size = (size_t)about.st_size;
        file->bytes = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, number, 0);
        if (file->bytes == MAP_FAILED) {
            file->bytes = NULL;
            status = tacit_error_set(error, TACIT_NO_MEMORY, "cannot be mapped");
        }
    }
    if (number >= 0) {
        (void)close(number);
    }
    return status;
}

tacit_status_t tacit_array_file_open(const char *path, tacit_array_file_t **ret_file,
                                     tacit_error_t *ret_error)
{
    tacit_array_file_t *file = calloc(1, sizeof *file);
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_map(file, path, ret_error);
    if (status != TACIT_OK) {
        tacit_array_file_close(&file);
        tacit_error_about(ret_error, path);
        return status;
    }
    *ret_file = file;
    return TACIT_OK;
}

bool tacit_array_file_is_archive(const tacit_array_file_t *file)
{
    return file->size >= 4 && memcmp(file->bytes, "PK", 2) == 0;
}

tacit_status_t tacit_array_file_read(const tacit_array_file_t *file, const char *name,
                                     tacit_npy_view_t *ret_view, tacit_error_t *ret_error)
{
    tacit_span_t bytes = tacit_span(file->bytes, file->size);
    tacit_status_t status = TACIT_OK;
    if (tacit_array_file_is_archive(file)) {
        status = tacit_npz_find(bytes, name, &bytes, ret_error);
    }
    if (status == TACIT_OK) {
        status = tacit_npy_view(bytes, ret_view, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_error_about(ret_error, file->path);
    }
    return status;
}

void tacit_array_file_close(tacit_array_file_t **file)
{
    tacit_array_file_t *self = *file;
    if (self != NULL) {
        if (self->bytes != NULL) {
            (void)munmap(self->bytes, self->size);
        }
        free(self->path);
        free(self);
        *file = NULL;
    }
}
