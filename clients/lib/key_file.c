/*  key_file.c - see key_file.h.  */

#include "clients/lib/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/lib/interrupts.h"
#include "enclave/whole_file.h"

enum {
    S_FIELD_MAX = TACIT_KEY_FILE_NAME_MAX + 2 * TACIT_KEY_FILE_VALUE_MAX + 8,
    S_FILE_MAX = TACIT_KEY_FILE_FIELDS_MAX * S_FIELD_MAX + 8
};

/*  --- reading --------------------------------------------------------------------------------- */

static tacit_status_t s_check(int file, const char *path, size_t *ret_size,
                              tacit_error_t *ret_error)
{
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is not a regular file", path);
    }
    if (about.st_uid != geteuid()) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s belongs to another user", path);
    }
    if (about.st_mode & (S_IRWXG | S_IRWXO)) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "others may read %s", path);
        tacit_error_remedy(ret_error, "its keys may be known: make new ones; if they surely are "
                                      "not, chmod 600 it");
        return TACIT_BAD_INPUT;
    }
    if (about.st_size <= 0 || about.st_size > S_FILE_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s holds no keys", path);
    }
    *ret_size = (size_t)about.st_size;
    return TACIT_OK;
}

static tacit_status_t s_open(const char *path, int *ret_file, size_t *ret_size,
                             tacit_error_t *ret_error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    if (file < 0) {
        tacit_status_t status = errno == ENOENT ? TACIT_NOT_FOUND : TACIT_BAD_INPUT;
        return tacit_error_set(ret_error, status, "cannot open %s: %s", path, strerror(errno));
    }
    tacit_status_t status = s_check(file, path, ret_size, ret_error);
    if (status) {
        (void)close(file);
        return status;
    }
    *ret_file = file;
    return TACIT_OK;
}

static bool s_take_text(tacit_cursor_t *cursor, const char *text)
{
    size_t size = strlen(text);
    tacit_span_t taken = tacit_cursor_take(cursor, size);
    return !cursor->failed && memcmp(taken.data, text, size) == 0;
}

static bool s_take_field(tacit_cursor_t *cursor, const tacit_key_field_t *field)
{
    bool opened = s_take_text(cursor, "\"") && s_take_text(cursor, field->name) &&
                  s_take_text(cursor, "\": \"");
    tacit_span_t hex = tacit_cursor_take(cursor, 2 * field->size);
    size_t size = 0;
    return opened && !cursor->failed &&
           sodium_hex2bin(field->bytes, field->size, (const char *)hex.data, hex.size, NULL, &size,
                          NULL) == 0 &&
           size == field->size && s_take_text(cursor, "\"");
}

static bool s_parse(tacit_span_t text, const tacit_key_field_t *fields, size_t count)
{
    tacit_cursor_t cursor = tacit_cursor(text);
    for (size_t i = 0; i < count; i++) {
        if (!s_take_text(&cursor, i == 0 ? "{" : ", ") || !s_take_field(&cursor, &fields[i])) {
            return false;
        }
    }
    return s_take_text(&cursor, "}\n") && tacit_cursor_done(&cursor);
}

/*  One read: what is shorter than it was a moment ago is not the file that was written.  */
static tacit_status_t s_read(int file, size_t size, const char *path,
                             const tacit_key_field_t *fields, size_t count,
                             tacit_error_t *ret_error)
{
    tacit_secret_t *text = NULL;
    tacit_status_t status = tacit_secret_new(size, &text);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    if (read(file, text->data, size) != (ssize_t)size ||
        !s_parse(tacit_secret_span(text), fields, count)) {
        for (size_t i = 0; i < count; i++) {
            sodium_memzero(fields[i].bytes, fields[i].size);
        }
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is not whole", path);
        tacit_error_remedy(ret_error, "put it back from a backup, byte for byte");
    }
    tacit_secret_destroy(&text);
    return status;
}

tacit_status_t tacit_key_file_read(const char *path, const tacit_key_field_t *fields, size_t count,
                                   tacit_error_t *ret_error)
{
    int file = -1;
    size_t size = 0;
    tacit_status_t status = s_open(path, &file, &size, ret_error);
    if (status) {
        return status;
    }
    status = s_read(file, size, path, fields, count, ret_error);
    (void)close(file);
    return status;
}

/*  --- writing --------------------------------------------------------------------------------- */

static size_t s_render(const tacit_key_field_t *fields, size_t count, char *text, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s\"%s\": \"", i == 0 ? "{" : ", ",
                                 fields[i].name);
        (void)sodium_bin2hex(text + used, room - used, fields[i].bytes, fields[i].size);
        used += 2 * fields[i].size;
        text[used++] = '"';
    }
    text[used++] = '}';
    text[used++] = '\n';
    return used;
}

typedef tacit_status_t s_put_fn(const char *path, tacit_span_t bytes, mode_t mode);

static tacit_status_t s_write(const char *path, const tacit_key_field_t *fields, size_t count,
                              s_put_fn *put, tacit_error_t *ret_error)
{
    sigset_t before;
    tacit_secret_t *text = NULL;
    tacit_status_t status = tacit_secret_new(S_FILE_MAX, &text);
    if (status) {
        return tacit_error_set(ret_error, status, NULL);
    }
    size_t size = s_render(fields, count, (char *)text->data, text->size);
    tacit_interrupts_hold(&before);
    status = put(path, tacit_span(text->data, size), 0600);
    tacit_interrupts_allow(&before);
    tacit_secret_destroy(&text);
    return status ? tacit_error_set(ret_error, status, "cannot write %s: %s", path,
                                    tacit_status_text(status))
                  : TACIT_OK;
}

tacit_status_t tacit_key_file_create(const char *path, const tacit_key_field_t *fields,
                                     size_t count, tacit_error_t *ret_error)
{
    return s_write(path, fields, count, tacit_whole_file_create, ret_error);
}

tacit_status_t tacit_key_file_replace(const char *path, const tacit_key_field_t *fields,
                                      size_t count, tacit_error_t *ret_error)
{
    return s_write(path, fields, count, tacit_whole_file_replace, ret_error);
}

/*  --- folders --------------------------------------------------------------------------------- */

static bool s_make_folders(char *folder)
{
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool made = mkdir(folder, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made) {
            return false;
        }
    }
    return mkdir(folder, 0700) == 0 || errno == EEXIST;
}

tacit_status_t tacit_key_folder_make(const char *folder, tacit_error_t *ret_error)
{
    char path[PATH_MAX];
    struct stat about;
    if (*folder == '\0' || snprintf(path, sizeof path, "%s", folder) >= PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the folder's path is too long");
    }
    if (!s_make_folders(path) || stat(path, &about) != 0) {
        return tacit_error_set(ret_error,
                               errno == ENOSPC ? TACIT_STORAGE_FULL : TACIT_STORAGE_FAILED,
                               "cannot make the folder %s: %s", folder, strerror(errno));
    }
    if (!S_ISDIR(about.st_mode) || (about.st_mode & (S_IWGRP | S_IWOTH))) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no folder of one's own", folder);
        tacit_error_remedy(ret_error, "it must be a folder that only its owner may write: chmod "
                                      "700 it, or name another one");
        return TACIT_BAD_INPUT;
    }
    return TACIT_OK;
}
