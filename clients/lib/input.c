/*  input.c - which parser reads a file, and how several files become one batch.  */

#include "clients/lib/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "clients/lib/file.h"
#include "clients/lib/input_csv.h"
#include "clients/lib/input_jpeg.h"
#include "clients/lib/input_npy.h"
#include "clients/lib/input_png.h"

typedef tacit_status_t s_parse_t(tacit_span_t file, const tacit_input_options_t *options,
                                 tacit_tensor_t *ret_tensor, tacit_error_t *ret_error);

typedef struct s_format {
    const char *name;
    const char *suffixes[3]; /* NULL ends the list */
    const char *magic;       /* what a file begins with; "" where that says nothing */
    size_t bytes_max;        /* of a file */
    s_parse_t *parse;
} s_format_t;

static tacit_status_t s_parse_csv(tacit_span_t file, const tacit_input_options_t *options,
                                  tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    (void)options;
    return tacit_csv_parse(file, ret_tensor, ret_error);
}

static tacit_status_t s_parse_npy(tacit_span_t file, const tacit_input_options_t *options,
                                  tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    tacit_npy_float64_t float64 = TACIT_NPY_FLOAT64_REFUSED;
    if (options && (options->narrow_float64 || options->keep_float64)) {
        float64 = options->keep_float64 ? TACIT_NPY_FLOAT64_KEPT : TACIT_NPY_FLOAT64_NARROWED;
    }
    return tacit_npy_parse(file, float64, ret_tensor, ret_error);
}

static tacit_status_t s_parse_png(tacit_span_t file, const tacit_input_options_t *options,
                                  tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    (void)options;
    return tacit_png_parse(file, ret_tensor, ret_error);
}

static tacit_status_t s_parse_jpeg(tacit_span_t file, const tacit_input_options_t *options,
                                   tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    (void)options;
    return tacit_jpeg_parse(file, ret_tensor, ret_error);
}

static const s_format_t s_formats[] = {
    {"CSV", {".csv"}, "", TACIT_CSV_BYTES_MAX, s_parse_csv},
    {"NPY", {".npy"}, "\x93NUMPY", TACIT_NPY_BYTES_MAX, s_parse_npy},
    {"PNG", {".png"}, "\x89PNG\r\n\x1a\n", TACIT_IMAGE_BYTES_MAX, s_parse_png},
    {"JPEG", {".jpg", ".jpeg"}, "\xff\xd8\xff", TACIT_IMAGE_BYTES_MAX, s_parse_jpeg},
};

enum {
    S_FORMAT_COUNT = sizeof s_formats / sizeof *s_formats,
    S_FILE_MAX = TACIT_CSV_BYTES_MAX /* the largest of the above */
};

static bool s_ends_in(const char *path, const char *suffix)
{
    size_t size = strlen(path);
    size_t suffix_size = strlen(suffix);
    return size > suffix_size && strcasecmp(path + size - suffix_size, suffix) == 0;
}

static const s_format_t *s_by_name(const char *path)
{
    for (size_t i = 0; i < S_FORMAT_COUNT; i++) {
        for (size_t j = 0; s_formats[i].suffixes[j]; j++) {
            if (s_ends_in(path, s_formats[i].suffixes[j])) {
                return &s_formats[i];
            }
        }
    }
    return NULL;
}

static const s_format_t *s_by_magic(tacit_span_t file)
{
    for (size_t i = 0; i < S_FORMAT_COUNT; i++) {
        size_t size = strlen(s_formats[i].magic);
        if (size > 0 && file.size >= size && memcmp(file.data, s_formats[i].magic, size) == 0) {
            return &s_formats[i];
        }
    }
    return NULL;
}

static tacit_status_t s_choose(const char *path, tacit_span_t file, const s_format_t **ret_format,
                               tacit_error_t *ret_error)
{
    const s_format_t *named = s_by_name(path);
    const s_format_t *found = s_by_magic(file);
    if (!named && !found) {
        (void)tacit_error_set(ret_error, TACIT_UNSUPPORTED, "not a kind of file known here");
        tacit_error_remedy(ret_error, "give .csv, .npy, .png or .jpeg files");
        return TACIT_UNSUPPORTED;
    }
    if (named && named != found && (found || *named->magic)) {
        (void)tacit_error_set(ret_error, TACIT_BAD_INPUT, "named as %s, but its content is %s",
                              named->name, found ? found->name : "something else");
        tacit_error_remedy(ret_error, "rename the file, or send the one that you meant");
        return TACIT_BAD_INPUT;
    }
    *ret_format = found ? found : named;
    return TACIT_OK;
}

static tacit_status_t s_load_one(const char *path, const tacit_input_options_t *options,
                                 tacit_tensor_t *ret_tensor, tacit_error_t *ret_error)
{
    tacit_secret_t *file = NULL;
    const s_format_t *format = NULL;
    tacit_status_t status = tacit_file_read(path, S_FILE_MAX, &file, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    status = s_choose(path, tacit_secret_span(file), &format, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    if (file->size > format->bytes_max) {
        status = TACIT_TOO_LARGE;
        (void)tacit_error_set(ret_error, status, "a %s file of more than %zu bytes", format->name,
                              format->bytes_max);
        goto out;
    }
    status = format->parse(tacit_secret_span(file), options, ret_tensor, ret_error);
out:
    tacit_secret_destroy(&file);
    if (status != TACIT_OK) {
        tacit_error_about(ret_error, path);
    }
    return status;
}

static tacit_status_t s_check_fit(const tacit_tensor_t *first, const tacit_tensor_t *other,
                                  tacit_error_t *ret_error)
{
    char expected[TACIT_TENSOR_SHAPE_TEXT_MAX];
    char got[TACIT_TENSOR_SHAPE_TEXT_MAX];
    bool fits = first->rank > 0 && first->rank == other->rank && first->dtype == other->dtype;
    for (size_t i = 1; fits && i < first->rank; i++) {
        fits = first->dims[i] == other->dims[i];
    }
    if (fits) {
        return TACIT_OK;
    }
    tacit_tensor_shape_text(first, expected);
    tacit_tensor_shape_text(other, got);
    (void)tacit_error_set(ret_error, TACIT_BAD_INPUT,
                          "does not fit in a batch with the first file");
    if (ret_error) {
        (void)snprintf(ret_error->expected, sizeof ret_error->expected, "%s %s",
                       tacit_tensor_type_name(first->dtype), expected);
        (void)snprintf(ret_error->got, sizeof ret_error->got, "%s %s",
                       tacit_tensor_type_name(other->dtype), got);
    }
    tacit_error_remedy(ret_error, "bring all files to one shape, or send them one by one");
    return TACIT_BAD_INPUT;
}

/*  Bounded by 4096 files of 16 MiB, so that the sum of first dimensions cannot wrap.  */
static tacit_status_t s_join(const tacit_tensor_t *parts, size_t count, tacit_tensor_t *ret_tensor,
                             tacit_error_t *ret_error)
{
    int64_t dims[TACIT_TENSOR_RANK_MAX];
    size_t used = 0;
    memcpy(dims, parts[0].dims, sizeof dims);
    for (size_t i = 1; i < count; i++) {
        dims[0] += parts[i].dims[0];
    }
    tacit_status_t status =
        tacit_tensor_allocate(parts[0].dtype, parts[0].rank, dims, ret_tensor, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(ret_tensor->data->data + used, parts[i].data->data, parts[i].data->size);
        used += parts[i].data->size;
    }
    return TACIT_OK;
}

static tacit_status_t s_load_all(const char *const *paths, size_t count,
                                 const tacit_input_options_t *options, tacit_tensor_t *parts,
                                 tacit_error_t *ret_error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        tacit_status_t status = s_load_one(paths[i], options, &parts[i], ret_error);
        if (status != TACIT_OK) {
            return status;
        }
        status = count > 1 ? s_check_fit(&parts[0], &parts[i], ret_error) : TACIT_OK;
        if (status != TACIT_OK) {
            tacit_error_about(ret_error, paths[i]);
            return status;
        }
        bytes += parts[i].data->size;
        if (bytes > TACIT_TENSOR_BYTES_MAX) {
            (void)tacit_error_set(ret_error, TACIT_TOO_LARGE,
                                  "the files together are more than %d bytes of elements",
                                  TACIT_TENSOR_BYTES_MAX);
            tacit_error_remedy(ret_error, "send fewer files at once");
            return TACIT_TOO_LARGE;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_input_load(const char *const *paths, size_t count,
                                const tacit_input_options_t *options, tacit_tensor_t *ret_tensor,
                                tacit_error_t *ret_error)
{
    if (count == 0 || count > TACIT_INPUT_FILES_MAX) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "give 1 to %d files",
                               TACIT_INPUT_FILES_MAX);
    }
    tacit_tensor_t *parts = calloc(count, sizeof *parts);
    if (!parts) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_load_all(paths, count, options, parts, ret_error);
    if (status == TACIT_OK && count == 1) {
        *ret_tensor = parts[0];
        memset(&parts[0], 0, sizeof parts[0]);
    } else if (status == TACIT_OK) {
        status = s_join(parts, count, ret_tensor, ret_error);
    }
    for (size_t i = 0; i < count; i++) {
        tacit_tensor_release(&parts[i]);
    }
    free(parts);
    return status;
}
