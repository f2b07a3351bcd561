/*  report_table.c - predictions as a table: a row for each, the label where the first output is
    probabilities, and columns of values as far as they fit.

    Text of predictions passes through ordinary memory on its way out, which is wiped.  */

#include <sodium.h>

#include "clients/dataowner/report.h"
#include "clients/lib/table.h"

enum { S_BEST = -1 /* the element of the most probable class */ };

typedef struct s_value {
    size_t output;
    int element; /* of a row of it, or S_BEST */
} s_value_t;

/*  What the columns are; headings live here as long as the table.  */
typedef struct s_columns {
    const tacit_predictions_t *predictions;
    bool classes; /* the first output is probabilities: LABEL stands before the values */
    tacit_column_t columns[2 + TACIT_REPORT_COLUMNS_MAX];
    size_t count;
    s_value_t values[TACIT_REPORT_COLUMNS_MAX];
    char headings[TACIT_REPORT_COLUMNS_MAX][64];
    size_t value_count;
    bool shown[TACIT_ANSWER_OUTPUTS_MAX];
} s_columns_t;

/*  --- columns --------------------------------------------------------------------------------- */

static void s_add_column(s_columns_t *self, const char *heading, tacit_align_t align)
{
    self->columns[self->count++] = (tacit_column_t){heading, align};
}

static void s_add_value(s_columns_t *self, size_t output, int element, const char *heading)
{
    char *place = self->headings[self->value_count];
    (void)snprintf(place, sizeof self->headings[0], "%s", heading);
    self->values[self->value_count++] = (s_value_t){output, element};
    s_add_column(self, place, TACIT_ALIGN_RIGHT);
}

/*  The heading of an element: its class's label, the output's name, or both name and number.  */
static void s_name_value(const s_columns_t *self, size_t output, size_t element, char ret_text[64])
{
    const tacit_tensor_t *tensor = &self->predictions->outputs[output];
    const char *name = tensor->name[0] ? tensor->name : "value";
    char label[TACIT_VALUE_TEXT_SIZE];
    if (self->classes && output == 0) {
        (void)snprintf(ret_text, 64, "%s",
                       tacit_predictions_label(self->predictions, element, label));
    } else if (tacit_predictions_width(self->predictions, output) == 1) {
        (void)snprintf(ret_text, 64, "%.40s", name);
    } else {
        (void)snprintf(ret_text, 64, "%.40s[%zu]", name, element);
    }
}

/*  All of an output's elements, where there is room for them.  */
static void s_add_output(s_columns_t *self, size_t output)
{
    size_t width = tacit_predictions_width(self->predictions, output);
    bool best = self->classes && output == 0 && width > TACIT_REPORT_COLUMNS_MAX;
    self->shown[output] = best || width <= TACIT_REPORT_COLUMNS_MAX - self->value_count;
    if (best) {
        s_add_value(self, output, S_BEST, "PROBABILITY");
        return;
    }
    for (size_t i = 0; i < width && self->shown[output]; i++) {
        char heading[64];
        s_name_value(self, output, i, heading);
        s_add_value(self, output, (int)i, heading);
    }
}

static void s_make_columns(s_columns_t *self, const tacit_predictions_t *predictions,
                           const tacit_report_rows_t *rows)
{
    *self = (s_columns_t){.predictions = predictions};
    self->classes = tacit_predictions_are_probabilities(predictions);
    s_add_column(self, rows->files ? "FILE" : "ROW",
                 rows->files ? TACIT_ALIGN_LEFT : TACIT_ALIGN_RIGHT);
    if (self->classes) {
        s_add_column(self, "LABEL", TACIT_ALIGN_LEFT);
    }
    for (size_t i = 0; predictions->joined && i < predictions->output_count; i++) {
        s_add_output(self, i);
    }
}

/*  --- rows ------------------------------------------------------------------------------------ */

static void s_value_text(const s_columns_t *self, const s_value_t *value, size_t row,
                         char ret_text[TACIT_VALUE_TEXT_SIZE])
{
    const tacit_predictions_t *predictions = self->predictions;
    size_t element = value->element == S_BEST ? tacit_predictions_best(predictions, row)
                                              : (size_t)value->element;
    if (self->classes && value->output == 0) {
        float probability = tacit_predictions_probability(predictions, row, element);
        (void)snprintf(ret_text, TACIT_VALUE_TEXT_SIZE, "%.6f", (double)probability);
        return;
    }
    size_t width = tacit_predictions_width(predictions, value->output);
    tacit_value_text(&predictions->outputs[value->output], row * width + element, ret_text);
}

static tacit_status_t s_add_row(const s_columns_t *self, const tacit_report_rows_t *rows,
                                size_t row, tacit_table_t *table)
{
    char name[TACIT_TABLE_CELL_MAX];
    char label[TACIT_VALUE_TEXT_SIZE];
    char values[TACIT_REPORT_COLUMNS_MAX][TACIT_VALUE_TEXT_SIZE];
    const char *cells[2 + TACIT_REPORT_COLUMNS_MAX] = {name};
    size_t count = 1;
    if (rows->files) {
        (void)snprintf(name, sizeof name, "%s", tacit_report_file(rows, row));
    } else {
        (void)snprintf(name, sizeof name, "%zu", row + 1);
    }
    if (self->classes) {
        size_t best = tacit_predictions_best(self->predictions, row);
        cells[count++] = tacit_predictions_label(self->predictions, best, label);
    }
    for (size_t i = 0; i < self->value_count; i++) {
        s_value_text(self, &self->values[i], row, values[i]);
        cells[count++] = values[i];
    }
    tacit_status_t status = tacit_table_add(table, cells);
    sodium_memzero(values, sizeof values);
    return status;
}

static tacit_status_t s_print_rows(const s_columns_t *self, const tacit_report_rows_t *rows,
                                   FILE *stream)
{
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(self->columns, self->count, &table);
    for (size_t row = 0; row < self->predictions->rows && !status; row++) {
        status = s_add_row(self, rows, row, table);
    }
    if (!status) {
        tacit_table_print(table, stream);
    }
    tacit_table_destroy(&table);
    return status;
}

/*  Outputs without columns: what they are, and where to get them.  */
static void s_print_others(const s_columns_t *self, FILE *stream)
{
    const tacit_predictions_t *predictions = self->predictions;
    bool any = false;
    for (size_t i = 0; i < predictions->output_count; i++) {
        char shape[TACIT_TENSOR_SHAPE_TEXT_MAX];
        const tacit_tensor_t *output = &predictions->outputs[i];
        if (self->shown[i]) {
            continue;
        }
        tacit_tensor_shape_text(output, shape);
        (void)fprintf(stream, "output %s: %s %s\n", output->name[0] ? output->name : "?",
                      tacit_tensor_type_name(output->dtype), shape);
        any = true;
    }
    if (any) {
        (void)fprintf(stream, "too wide for a table: --json prints the values, --output "
                              "NAME=FILE.npy saves them\n");
    }
}

tacit_status_t tacit_report_table(const tacit_predictions_t *predictions,
                                  const tacit_report_rows_t *rows, FILE *stream)
{
    s_columns_t columns;
    s_make_columns(&columns, predictions, rows);
    tacit_status_t status =
        columns.value_count > 0 ? s_print_rows(&columns, rows, stream) : TACIT_OK;
    if (!status) {
        s_print_others(&columns, stream);
    }
    return status;
}
