/*  array_file.c - see array_file.h.  */

#include "clients/mlowner/array_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/input.h"
#include "clients/lib/npz.h"

struct tacit_array_file {
    char *path;
    uint8_t *bytes;
    size_t size;
    tacit_tensor_t made; /* of a table or pictures; no data: the file is mapped */
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

/* --- tables and pictures ---------------------------------------------------------------------- */

static bool s_is_table(const char *path)
{
    static const char *const suffixes[] = {".csv", ".png", ".jpg", ".jpeg"};
    size_t size = strlen(path);
    bool table = false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(suffixes[i]);
        table |= size > length && strcasecmp(path + size - length, suffixes[i]) == 0;
    }
    return table;
}

/*  float64 is narrowed later, where the model takes float32.  */
static const tacit_input_options_t s_as_they_are = {.keep_float64 = true};

static int s_is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/*  The files of a folder, "PATH/NAME", in the order of their names.  */
static tacit_status_t s_load_folder(tacit_array_file_t *file, const char *path,
                                    tacit_error_t *error)
{
    struct dirent **entries = NULL;
    char **paths = NULL;
    size_t made = 0;
    tacit_status_t status = TACIT_OK;
    int count = scandir(path, &entries, s_is_visible, alphasort);
    if (count < 1 || count > TACIT_INPUT_FILES_MAX) {
        status = tacit_error_set(error, TACIT_BAD_INPUT, "a folder of no files, or of more than %d",
                                 TACIT_INPUT_FILES_MAX);
        goto out;
    }
    paths = calloc((size_t)count, sizeof *paths);
    while (paths != NULL && made < (size_t)count &&
           asprintf(&paths[made], "%s/%s", path, entries[made]->d_name) >= 0) {
        made++;
    }
    if (made < (size_t)count) {
        status = tacit_error_set(error, TACIT_NO_MEMORY, NULL);
        goto out;
    }
    status = tacit_input_load((const char *const *)paths, made, &s_as_they_are, &file->made, error);
out:
    for (int i = 0; i < count; i++) {
        if (paths != NULL && (size_t)i < made) {
            free(paths[i]);
        }
        free(entries[i]);
    }
    free(paths);
    free(entries);
    return status;
}

/* --- all -------------------------------------------------------------------------------------- */

static tacit_status_t s_open(tacit_array_file_t *file, const char *path, tacit_error_t *error)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        return s_load_folder(file, path, error);
    }
    return s_is_table(path) ? tacit_input_load(&path, 1, &s_as_they_are, &file->made, error)
                            : s_map(file, path, error);
}

tacit_status_t tacit_array_file_open(const char *path, tacit_array_file_t **ret_file,
                                     tacit_error_t *ret_error)
{
    tacit_error_t error = {0};
    tacit_array_file_t *file = calloc(1, sizeof *file);
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_open(file, path, &error);
    if (status != TACIT_OK) {
        tacit_array_file_close(&file);
        if (strncmp(error.message, path, strlen(path)) != 0) {
            tacit_error_about(&error, path);
        }
        if (ret_error != NULL) {
            *ret_error = error;
        }
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
    if (file->made.data != NULL) {
        *ret_view = (tacit_npy_view_t){.dtype = file->made.dtype,
                                       .rank = file->made.rank,
                                       .elements = tacit_secret_span(file->made.data)};
        memcpy(ret_view->dims, file->made.dims, sizeof ret_view->dims);
        return TACIT_OK;
    }
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
        tacit_tensor_release(&self->made);
        free(self->path);
        free(self);
        *file = NULL;
    }
}
