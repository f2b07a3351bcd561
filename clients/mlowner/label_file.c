/*  label_file.c - see label_file.h.  */

#include "clients/mlowner/label_file.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clients/mlowner/array_file.h"
#include "enclave/whole_file.h"

enum { S_FIELD_MAX = 256 /* bytes of a class in a table */ };

/*  types: which numbers may stand there, where there is a choice.  */
static tacit_status_t s_refuse_count(const char *path, const char *types, tacit_error_t *ret_error)
{
    return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has not one class for each row%s", path,
                           types);
}

/* --- arrays ----------------------------------------------------------------------------------- */

static tacit_status_t s_read_array(const char *path, size_t rows, int64_t *ret_labels,
                                   tacit_error_t *ret_error)
{
    tacit_array_file_t *file = NULL;
    tacit_npy_view_t view;
    tacit_status_t status = tacit_array_file_open(path, &file, ret_error);
    if (!status) {
        status = tacit_array_file_read(file, "labels", &view, ret_error);
    }
    if (!status) {
        bool whole = view.dtype == TACIT_INFERENCE_DTYPE_INT64 ||
                     view.dtype == TACIT_INFERENCE_DTYPE_INT32 ||
                     view.dtype == TACIT_INFERENCE_DTYPE_UINT8;
        bool fits = whole && view.elements.size / tacit_tensor_element_size(view.dtype) == rows;
        for (size_t i = 0; fits && i < rows; i++) {
            ret_labels[i] = tacit_tensor_integer(view.dtype, view.elements.data, i);
        }
        status = fits ? TACIT_OK : s_refuse_count(path, " (int64, int32 or uint8)", ret_error);
    }
    tacit_array_file_close(&file);
    return status;
}

/* --- tables ----------------------------------------------------------------------------------- */

/*  The place of that name among those; below 0 where it is none.  */
static int64_t s_place(const char *names, const char *name)
{
    size_t size = strlen(name);
    int64_t place = 0;
    for (const char *at = names; *at != '\0'; place++) {
        size_t length = strcspn(at, ",");
        if (length == size && strncmp(at, name, size) == 0) {
            return place;
        }
        at += length + (at[length] == ',');
    }
    return -1;
}

/*  A class by its name, or by its number.  */
static bool s_class(const char *names, const char *text, int64_t *ret_class)
{
    char *end = NULL;
    *ret_class = s_place(names, text);
    if (*ret_class >= 0) {
        return true;
    }
    errno = 0;
    *ret_class = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

/*  The last field of a line, without quotation marks; false for one that is too long.  */
static bool s_last_field(const char *line, size_t length, char ret_field[S_FIELD_MAX])
{
    size_t from = length;
    while (from > 0 && line[from - 1] != ',') {
        from--;
    }
    if (length - from >= 2 && line[from] == '"' && line[length - 1] == '"') {
        from++;
        length--;
    }
    bool fits = length - from < S_FIELD_MAX;
    if (fits) {
        memcpy(ret_field, line + from, length - from);
        ret_field[length - from] = '\0';
    }
    return fits;
}

static tacit_status_t s_parse(const char *path, const char *text, const char *names, size_t rows,
                              int64_t *ret_labels, tacit_error_t *ret_error)
{
    size_t count = 0;
    size_t line = 0;
    char field[S_FIELD_MAX];
    tacit_status_t status = TACIT_OK;
    while (!status && *text != '\0') {
        size_t whole = strcspn(text, "\n");
        size_t length = whole > 0 && text[whole - 1] == '\r' ? whole - 1 : whole;
        int64_t number = 0;
        bool known = s_last_field(text, length, field) && s_class(names, field, &number);
        line++;
        if (!known && line > 1) {
            status = tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                     "%s, line %zu: neither a class of the model nor a number",
                                     path, line);
        } else if (known && count == rows) {
            status = s_refuse_count(path, "", ret_error);
        } else if (known) { /* else a heading */
            ret_labels[count++] = number;
        }
        text += whole + (text[whole] == '\n');
    }
    sodium_memzero(field, sizeof field);
    return status || count == rows ? status : s_refuse_count(path, "", ret_error);
}

static tacit_status_t s_read_table(const char *path, const char *names, size_t rows,
                                   int64_t *ret_labels, tacit_error_t *ret_error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, TACIT_LABEL_FILE_MAX, &bytes, &size);
    if (status) {
        return tacit_error_set(ret_error, status, "%s cannot be read", path);
    }
    status = s_parse(path, (const char *)bytes, names, rows, ret_labels, ret_error);
    sodium_memzero(bytes, size);
    free(bytes);
    return status;
}

/* --- both ------------------------------------------------------------------------------------- */

tacit_status_t tacit_label_file_read(const char *path, const char *names, size_t rows,
                                     int64_t **ret_labels, tacit_error_t *ret_error)
{
    size_t length = strlen(path);
    bool table = length > 4 && strcasecmp(path + length - 4, ".csv") == 0;
    int64_t *labels = calloc(rows + 1, sizeof *labels);
    if (labels == NULL) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = table ? s_read_table(path, names, rows, labels, ret_error)
                                  : s_read_array(path, rows, labels, ret_error);
    if (status) {
        sodium_memzero(labels, rows * sizeof *labels);
        free(labels);
        return status;
    }
    *ret_labels = labels;
    return TACIT_OK;
}
