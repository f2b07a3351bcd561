/*  report.c - predictions as JSON and in files. Their text passes through ordinary memory on its
   way out, which is wiped.  */

#include "clients/dataowner/report.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/interrupts.h"
#include "clients/lib/output_npy.h"
#include "enclave/whole_file.h"

const char *tacit_report_file(const tacit_report_rows_t *rows, size_t row)
{
    const char *slash = strrchr(rows->files[row], '/');
    return slash ? slash + 1 : rows->files[row];
}

/*  --- JSON ------------------------------------------------------------------------------------ */

void tacit_report_json_string(const char *text, FILE *stream)
{
    json_t *value = json_string(text);
    if (!value || json_dumpf(value, stream, JSON_ENCODE_ANY) != 0) {
        (void)fputs("null", stream); /* not UTF-8: a file name that JSON cannot say */
    }
    json_decref(value);
}

/*  JSON has no NaN and no infinity: they are strings there.  */
static void s_json_value(const tacit_tensor_t *tensor, size_t index, FILE *stream)
{
    char text[TACIT_VALUE_TEXT_SIZE];
    tacit_value_text(tensor, index, text);
    bool finite =
        strcspn(text, "n") == strlen(text) || tensor->dtype == TACIT_INFERENCE_DTYPE_BOOL8;
    (void)fprintf(stream, finite ? "%s" : "\"%s\"", text);
    sodium_memzero(text, sizeof text);
}

/*  The elements, nested as the shape says; an iterative walk, one step for each element.  */
static void s_json_data(const tacit_tensor_t *tensor, FILE *stream)
{
    size_t count = tensor->data->size / tacit_tensor_element_size(tensor->dtype);
    for (size_t i = 0; i < count; i++) {
        size_t block = 1;
        (void)fputs(i > 0 ? ", " : "", stream);
        for (size_t dim = tensor->rank; dim-- > 0;) {
            block *= (size_t)tensor->dims[dim];
            (void)fputs(i % block == 0 ? "[" : "", stream);
        }
        s_json_value(tensor, i, stream);
        block = 1;
        for (size_t dim = tensor->rank; dim-- > 0;) {
            block *= (size_t)tensor->dims[dim];
            (void)fputs((i + 1) % block == 0 ? "]" : "", stream);
        }
    }
}

static void s_json_prediction(const tacit_predictions_t *predictions,
                              const tacit_report_rows_t *rows, size_t row, FILE *stream)
{
    char label[TACIT_VALUE_TEXT_SIZE];
    size_t classes = tacit_predictions_classes(predictions);
    size_t best = tacit_predictions_best(predictions, row);
    (void)fprintf(stream, "%s\n    {\"row\": %zu, ", row > 0 ? "," : "", row + 1);
    if (rows->files) {
        (void)fputs("\"file\": ", stream);
        tacit_report_json_string(rows->files[row], stream);
        (void)fputs(", ", stream);
    }
    (void)fputs("\"label\": ", stream);
    tacit_report_json_string(tacit_predictions_label(predictions, best, label), stream);
    (void)fputs(", \"probability\": ", stream);
    s_json_value(&predictions->outputs[0], row * classes + best, stream);
    (void)fputc('}', stream);
}

static void s_json_labels(const tacit_predictions_t *predictions, FILE *stream)
{
    size_t classes = tacit_predictions_classes(predictions);
    (void)fputs("  \"labels\": [", stream);
    for (size_t class = 0; class < classes; class ++) {
        char label[TACIT_VALUE_TEXT_SIZE];
        (void)fputs(class > 0 ? ", " : "", stream);
        tacit_report_json_string(tacit_predictions_label(predictions, class, label), stream);
    }
    (void)fputs("],\n", stream);
}

void tacit_report_json(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                       FILE *stream)
{
    if (tacit_predictions_are_probabilities(predictions)) {
        s_json_labels(predictions, stream);
        (void)fputs("  \"predictions\": [", stream);
        for (size_t row = 0; row < predictions->rows; row++) {
            s_json_prediction(predictions, rows, row, stream);
        }
        (void)fputs("\n  ],\n", stream);
    }
    (void)fputs("  \"outputs\": [", stream);
    for (size_t i = 0; i < predictions->output_count; i++) {
        const tacit_tensor_t *output = &predictions->outputs[i];
        (void)fprintf(stream, "%s\n    {\"name\": ", i > 0 ? "," : "");
        tacit_report_json_string(output->name, stream);
        (void)fprintf(stream, ", \"type\": \"%s\", \"shape\": [",
                      tacit_tensor_type_name(output->dtype));
        for (size_t dim = 0; dim < output->rank; dim++) {
            (void)fprintf(stream, "%s%lld", dim > 0 ? ", " : "", (long long)output->dims[dim]);
        }
        (void)fputs("], \"data\": ", stream);
        s_json_data(output, stream);
        (void)fputc('}', stream);
    }
    (void)fputs("\n  ]", stream);
}

/*  --- files ----------------------------------------------------------------------------------- */

static bool s_ends_with(const char *path, const char *ending)
{
    size_t size = strlen(path);
    size_t end = strlen(ending);
    return size > end && strcmp(path + size - end, ending) == 0;
}

/*  Where FILE begins in NAME=FILE, or in FILE alone: a path with a slash before = has no name.  */
static const char *s_file_of(const char *target)
{
    size_t size = strcspn(target, "=/");
    return target[size] == '=' ? target + size + 1 : target;
}

bool tacit_report_can_save(const char *target)
{
    const char *path = s_file_of(target);
    bool named = path != target;
    return s_ends_with(path, ".npy") || (!named && s_ends_with(path, ".csv"));
}

/*  A field of RFC 4180.  */
static void s_csv_field(const char *text, FILE *stream)
{
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, stream);
        return;
    }
    (void)fputc('"', stream);
    for (; *text; text++) {
        (void)fputs(*text == '"' ? "\"" : "", stream);
        (void)fputc(*text, stream);
    }
    (void)fputc('"', stream);
}

static void s_csv_heading(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                          bool classes, FILE *stream)
{
    (void)fprintf(stream, "%s%s", rows->files ? "file" : "row", classes ? ",label" : "");
    for (size_t i = 0; i < predictions->output_count; i++) {
        size_t width = tacit_predictions_width(predictions, i);
        for (size_t at = 0; at < width; at++) {
            char text[TACIT_VALUE_TEXT_SIZE];
            char name[TACIT_TENSOR_NAME_MAX + TACIT_VALUE_TEXT_SIZE];
            (void)snprintf(name, sizeof name, width == 1 ? "%s" : "%s[%zu]",
                           predictions->outputs[i].name, at);
            (void)fputc(',', stream);
            s_csv_field(classes && i == 0 ? tacit_predictions_label(predictions, at, text) : name,
                        stream);
        }
    }
    (void)fputc('\n', stream);
}

static void s_csv_row(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                      bool classes, size_t row, FILE *stream)
{
    char text[TACIT_VALUE_TEXT_SIZE];
    if (rows->files) {
        s_csv_field(tacit_report_file(rows, row), stream);
    } else {
        (void)fprintf(stream, "%zu", row + 1);
    }
    if (classes) {
        (void)fputc(',', stream);
        s_csv_field(
            tacit_predictions_label(predictions, tacit_predictions_best(predictions, row), text),
            stream);
    }
    for (size_t i = 0; i < predictions->output_count; i++) {
        size_t width = tacit_predictions_width(predictions, i);
        for (size_t at = 0; at < width; at++) {
            tacit_value_text(&predictions->outputs[i], row * width + at, text);
            (void)fprintf(stream, ",%s", text);
        }
    }
    (void)fputc('\n', stream);
    sodium_memzero(text, sizeof text);
}

static tacit_status_t s_write(const char *path, tacit_span_t bytes, tacit_error_t *ret_error)
{
    sigset_t before;
    tacit_interrupts_hold(&before);
    tacit_status_t status = tacit_whole_file_replace(path, bytes, 0600);
    tacit_interrupts_allow(&before);
    return status ? tacit_error_set(ret_error, status, "cannot write %s: %s", path,
                                    status == TACIT_NOT_FOUND ? "no such folder"
                                                              : tacit_status_text(status))
                  : TACIT_OK;
}

static tacit_status_t s_save_csv(const tacit_predictions_t *predictions,
                                 const tacit_report_rows_t *rows, const char *path,
                                 tacit_error_t *ret_error)
{
    char *text = NULL;
    size_t size = 0;
    bool classes = tacit_predictions_are_probabilities(predictions);
    if (!predictions->joined) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "these outputs do not go row by row");
        tacit_error_remedy(ret_error, "use --output FILE.npy or --json");
        return TACIT_BAD_INPUT;
    }
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    s_csv_heading(predictions, rows, classes, stream);
    for (size_t row = 0; row < predictions->rows; row++) {
        s_csv_row(predictions, rows, classes, row, stream);
    }
    bool whole = !ferror(stream);
    whole = fclose(stream) == 0 && whole;
    tacit_status_t status = whole ? s_write(path, tacit_span(text, size), ret_error)
                                  : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (text) {
        sodium_memzero(text, size);
    }
    free(text);
    return status;
}

/*  The output that NAME= says, the first one without it; output_count: there is none.  */
static size_t s_find_output(const tacit_predictions_t *predictions, const char *target,
                            const char *path)
{
    size_t found = 0;
    size_t size = path > target ? (size_t)(path - target) - 1 : 0;
    while (path > target && found < predictions->output_count &&
           (strlen(predictions->outputs[found].name) != size ||
            memcmp(predictions->outputs[found].name, target, size) != 0)) {
        found++;
    }
    return found;
}

static tacit_status_t s_save_npy(const tacit_predictions_t *predictions, const char *target,
                                 const char *path, tacit_error_t *ret_error)
{
    tacit_secret_t *file = NULL;
    size_t output = s_find_output(predictions, target, path);
    if (output == predictions->output_count) {
        tacit_error_set(ret_error, TACIT_BAD_INPUT, "the model has no output %.*s",
                        (int)(path - target) - 1, target);
        tacit_error_remedy(ret_error, "--json names its outputs");
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = tacit_npy_format(&predictions->outputs[output], &file, ret_error);
    if (status) {
        return status;
    }
    status = s_write(path, tacit_secret_span(file), ret_error);
    tacit_secret_destroy(&file);
    return status;
}

tacit_status_t tacit_report_save(const tacit_predictions_t *predictions,
                                 const tacit_report_rows_t *rows, const char *target,
                                 tacit_error_t *ret_error)
{
    const char *path = s_file_of(target);
    return s_ends_with(path, ".csv") ? s_save_csv(predictions, rows, path, ret_error)
                                     : s_save_npy(predictions, target, path, ret_error);
}
