/*  table.h - aligned columns of text, for people.

    Columns are as wide as their widest cell, two spaces apart, without trailing spaces. The
    heading is bold on a terminal with colours and plain everywhere else, so that output can be
    piped. Cells are copied, cleaned (clients/lib/terminal.h), and wiped when the table goes, as
    they may be predictions.  */

#ifndef TACIT_CLIENTS_TABLE_H
#define TACIT_CLIENTS_TABLE_H

#include <stdio.h>

#include "enclave/status.h"

enum {
    TACIT_TABLE_COLUMNS_MAX = 64,
    TACIT_TABLE_ROWS_MAX = 1048576,
    TACIT_TABLE_CELL_MAX = 256 /* bytes; longer text is cut */
};

typedef enum tacit_align { TACIT_ALIGN_LEFT, TACIT_ALIGN_RIGHT } tacit_align_t;

typedef struct tacit_column {
    const char *heading; /* borrowed, as long as the table lives */
    tacit_align_t align;
} tacit_column_t;

typedef struct tacit_table tacit_table_t;

/*  Columns are borrowed. BAD_INPUT unless 1..TACIT_TABLE_COLUMNS_MAX.  */
TACIT_MUST_CHECK tacit_status_t tacit_table_new(const tacit_column_t *columns, size_t count,
                                                tacit_table_t **ret_table);
void tacit_table_destroy(tacit_table_t **table);

/*  Adds a row, one cell for each column; NULL is an empty cell.  */
TACIT_MUST_CHECK tacit_status_t tacit_table_add(tacit_table_t *table, const char *const *cells);

/*  Prints heading and rows; and the same, or that line where there are no rows.  */
void tacit_table_print(const tacit_table_t *table, FILE *stream);
void tacit_table_print_or(const tacit_table_t *table, const char *none, FILE *stream);

#endif
