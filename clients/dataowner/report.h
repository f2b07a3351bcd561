/*  report.h - predictions as their owner wants them: a table, JSON, CSV and NPY files.  */

#ifndef TACIT_CLIENTS_DATAOWNER_REPORT_H
#define TACIT_CLIENTS_DATAOWNER_REPORT_H

#include <stdio.h>

#include "clients/dataowner/predictions.h"

/*  More columns than this make no table; --json and --output have them.  */
enum { TACIT_REPORT_COLUMNS_MAX = 16 };

/*  What was asked: where each row comes from.  */
typedef struct tacit_report_rows {
    const char *const *files; /* as many as rows: a file each; else NULL, and rows are counted */
} tacit_report_rows_t;

/*  The name of a row's file, without its folders. Where rows have files.  */
const char *tacit_report_file(const tacit_report_rows_t *rows, size_t row);

/*  The label where the first output is probabilities, and the outputs' values, as many of them as
    have room; then what outputs there are besides.  */
TACIT_MUST_CHECK tacit_status_t tacit_report_table(const tacit_predictions_t *predictions,
                                                   const tacit_report_rows_t *rows, FILE *stream);

/*  The members "predictions" (where the first output is probabilities) and "outputs" of a JSON
    object, without braces around them.  */
void tacit_report_json(const tacit_predictions_t *predictions, const tacit_report_rows_t *rows,
                       FILE *stream);

/*  A string of JSON, quotes included.  */
void tacit_report_json_string(const char *text, FILE *stream);

/*  Writes FILE.csv (one line per row: row or file, label, the values of all outputs, the first
   one's under the classes' names), FILE.npy (the first output) or NAME=FILE.npy (the output of that
    name), durably and in one step. BAD_INPUT for CSV of outputs that do not go row by row, or where
    there is no such output.  */
TACIT_MUST_CHECK tacit_status_t tacit_report_save(const tacit_predictions_t *predictions,
                                                  const tacit_report_rows_t *rows,
                                                  const char *target, tacit_error_t *ret_error);
/*  Whether the target is of such a form: to be asked before anything is sent.  */
bool tacit_report_can_save(const char *target);

#endif
