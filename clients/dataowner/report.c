/*  report.c - see report.h. Text of predictions passes through ordinary memory on its way out,
   which is wiped.  */

#include "clients/dataowner/report.h"

#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/interrupts.h"
#include "clients/lib/output_npy.h"
#include "clients/lib/table.h"
#include "enclave/whole_file.h"

static const char *s_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void s_row_name(const tacit_report_rows_t *rows, size_t row, char *ret_text, size_t size)
{
    if (rows->files) {
        (void)snprintf(ret_text, size, "%s", s_base_name(rows->files[row]));
    } else {
        (void)snprintf(ret_text, size, "%zu", row + 1);
    }
}

/*  --- the table ------------------------------------------------------------------------------- */

/*  What the columns are; headings live here as long as the table.  */
typedef struct s_columns {
    tacit_column_t columns[2 + TACIT_REPORT_COLUMNS_MAX];
    char headings[TACIT_REPORT_COLUMNS_MAX][64];
    size_t count;
} s_columns_t;

static void s_add_column(s_columns_t *columns, const char *heading, tacit_align_t align)
{
    columns->columns[columns->count++] = (tacit_column_t){heading, align};
}

static void s_class_columns(const tacit_predictions_t *predictions, s_columns_t *columns)
{
    size_t classes = tacit_predictions_classes(predictions);
    s_add_column(columns, "LABEL", TACIT_ALIGN_LEFT);
    if (classes > TACIT_REPORT_COLUMNS_MAX) {
        s_add_column(columns, "PROBABILITY", TACIT_ALIGN_RIGHT);
        return;
    }
    for (size_t class = 0; class < classes; class ++) {
        char text[TACIT_VALUE_TEXT_SIZE];
        (void)snprintf(columns->headings[class], sizeof columns->headings[class], "%s",
                       tacit_predictions_label(predictions, class, text));
        s_add_column(columns, columns->headings[class], TACIT_ALIGN_RIGHT);
    }
}

static void s_value_columns(const tacit_predictions_t *predictions, s_columns_t *columns)
{
    const tacit_tensor_t *output = &predictions->outputs[0];
    size_t width = tacit_predictions_width(predictions, 0);
    const char *name = output->name[0] ? output->name : "value";
    for (size_t i = 0; i < width; i++) {
        (void)snprintf(columns->headings[i], sizeof columns->headings[i],
                       width == 1 ? "%.40s" : "%.40s[%zu]", name, i);
        s_add_column(columns, columns->headings[i], TACIT_ALIGN_RIGHT);
    }
}

static tacit_status_t s_add_class_row(const tacit_predictions_t *predictions, size_t row,
                                      const char *name, size_t columns, tacit_table_t *table)
{
    const char *cells[2 + TACIT_REPORT_COLUMNS_MAX] = {name};
    char values[TACIT_REPORT_COLUMNS_MAX][TACIT_VALUE_TEXT_SIZE];
    char label[TACIT_VALUE_TEXT_SIZE];
    size_t best = tacit_predictions_best(predictions, row);
    size_t classes = tacit_predictions_classes(predictions);
    cells[1] = tacit_predictions_label(predictions, best, label);
    for (size_t i = 2; i < columns; i++) {
        size_t class = classes > TACIT_REPORT_COLUMNS_MAX ? best : i - 2;
        float probability = tacit_predictions_probability(predictions, row, class);
        (void)snprintf(values[i - 2], sizeof values[i - 2], "%.6f", (double)probability);
        cells[i] = values[i - 2];
    }
    tacit_status_t status = tacit_table_add(table, cells);
    sodium_memzero(values, sizeof values);
    return status;
}

static tacit_status_t s_add_value_row(const tacit_predictions_t *predictions, size_t row,
                                      const char *name, size_t columns, tacit_table_t *table)
{
    const char *cells[2 + TACIT_REPORT_COLUMNS_MAX] = {name};
    char values[TACIT_REPORT_COLUMNS_MAX][TACIT_VALUE_TEXT_SIZE];
    size_t width = columns - 1;
    for (size_t i = 0; i < width; i++) {
        tacit_value_text(&predictions->outputs[0], row * width + i, values[i]);
        cells[i + 1] = values[i];
    }
    tacit_status_t status = tacit_table_add(table, cells);
    sodium_memzero(values, sizeof values);
    return status;
}

/*  Outputs that make no table: what they are, and where to get them.  */
static void s_print_shapes(const tacit_predictions_t *predictions, FILE *stream)
{
    for (size_t i = 0; i < predictions->output_count; i++) {
        char shape[TACIT_TENSOR_SHAPE_TEXT_MAX];
        const tacit_tensor_t *output = &predictions->outputs[i];
        tacit_tensor_shape_text(output, shape);
        (void)fprintf(stream, "output %s: %s %s\n", output->name[0] ? output->name : "?",
                      tacit_tensor_type_name(output->dtype), shape);
    }
    (void)fprintf(stream, "too wide for a table: --json prints the values, --output FILE.npy "
                          "saves the first output\n");
}

tacit_status_t tacit_report_table(const tacit_predictions_t *predictions,
                                  const tacit_report_rows_t *rows, FILE *stream)
{
    s_columns_t columns = {.count = 0};
    tacit_table_t *table = NULL;
    bool classes = tacit_predictions_are_probabilities(predictions);
    if (!classes && (!predictions->joined ||
                     tacit_predictions_width(predictions, 0) > TACIT_REPORT_COLUMNS_MAX)) {
        s_print_shapes(predictions, stream);
        return TACIT_OK;
    }
    s_add_column(&columns, rows->files ? "FILE" : "ROW",
                 rows->files ? TACIT_ALIGN_LEFT : TACIT_ALIGN_RIGHT);
    if (classes) {
        s_class_columns(predictions, &columns);
    } else {
        s_value_columns(predictions, &columns);
    }
    tacit_status_t status = tacit_table_new(columns.columns, columns.count, &table);
    for (size_t row = 0; row < predictions->rows && !status; row++) {
        char name[TACIT_TABLE_CELL_MAX];
        s_row_name(rows, row, name, sizeof name);
        status = classes ? s_add_class_row(predictions, row, name, columns.count, table)
                         : s_add_value_row(predictions, row, name, columns.count, table);
    }
    if (!status) {
        tacit_table_print(table, stream);
    }
    tacit_table_destroy(&table);
    return status;
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

bool tacit_report_can_save(const char *path)
{
    return s_ends_with(path, ".csv") || s_ends_with(path, ".npy");
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
        s_csv_field(s_base_name(rows->files[row]), stream);
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
                                    tacit_status_text(status))
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

tacit_status_t tacit_report_save(const tacit_predictions_t *predictions,
                                 const tacit_report_rows_t *rows, const char *path,
                                 tacit_error_t *ret_error)
{
    tacit_secret_t *file = NULL;
    if (s_ends_with(path, ".csv")) {
        return s_save_csv(predictions, rows, path, ret_error);
    }
    tacit_status_t status = tacit_npy_format(&predictions->outputs[0], &file, ret_error);
    if (status) {
        return status;
    }
    status = s_write(path, tacit_secret_span(file), ret_error);
    tacit_secret_destroy(&file);
    return status;
}
