/*  table.c - rows are kept until all are known, because widths depend on all of them.  */

#include "clients/lib/table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/terminal.h"

struct tacit_table {
    const tacit_column_t *columns;
    size_t column_count;
    char **cells; /* row by row; each owned */
    size_t row_count;
    size_t row_room; /* rows that cells has room for */
    size_t widths[TACIT_TABLE_COLUMNS_MAX];
};

tacit_status_t tacit_table_new(const tacit_column_t *columns, size_t count,
                               tacit_table_t **ret_table)
{
    if (count == 0 || count > TACIT_TABLE_COLUMNS_MAX) {
        return TACIT_BAD_INPUT;
    }
    tacit_table_t *table = calloc(1, sizeof *table);
    if (!table) {
        return TACIT_NO_MEMORY;
    }
    table->columns = columns;
    table->column_count = count;
    for (size_t i = 0; i < count; i++) {
        table->widths[i] = tacit_text_width(columns[i].heading);
    }
    *ret_table = table;
    return TACIT_OK;
}

static void s_wipe_cells(char **cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cells[i]) {
            sodium_memzero(cells[i], strlen(cells[i]));
            free(cells[i]);
        }
    }
}

void tacit_table_destroy(tacit_table_t **table)
{
    if (table && *table) {
        s_wipe_cells((*table)->cells, (*table)->row_count * (*table)->column_count);
        free((*table)->cells);
        free(*table);
        *table = NULL;
    }
}

static tacit_status_t s_make_room(tacit_table_t *table)
{
    if (table->row_count == TACIT_TABLE_ROWS_MAX) {
        return TACIT_TOO_LARGE;
    }
    if (table->row_count < table->row_room) {
        return TACIT_OK;
    }
    size_t room = table->row_room == 0 ? 16 : table->row_room * 2;
    char **cells = reallocarray(table->cells, room * table->column_count, sizeof *cells);
    if (!cells) {
        return TACIT_NO_MEMORY;
    }
    table->cells = cells;
    table->row_room = room;
    return TACIT_OK;
}

tacit_status_t tacit_table_add(tacit_table_t *table, const char *const *cells)
{
    char clean[TACIT_TABLE_CELL_MAX];
    tacit_status_t status = s_make_room(table);
    if (status != TACIT_OK) {
        return status;
    }
    char **row = table->cells + table->row_count * table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        (void)tacit_terminal_clean(cells[i] ? cells[i] : "", clean, sizeof clean);
        row[i] = strdup(clean);
        if (!row[i]) {
            s_wipe_cells(row, i);
            status = TACIT_NO_MEMORY;
            goto out;
        }
    }
    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = tacit_text_width(row[i]);
        table->widths[i] = width > table->widths[i] ? width : table->widths[i];
    }
    table->row_count++;
out:
    sodium_memzero(clean, sizeof clean);
    return status;
}

static void s_spaces(FILE *stream, size_t count)
{
    (void)fprintf(stream, "%*s", (int)count, "");
}

static void s_print_row(const tacit_table_t *table, const char *const *row, FILE *stream)
{
    size_t spaces = 0; /* that are due before the next text, if there is any */
    for (size_t i = 0; i < table->column_count; i++) {
        bool right = table->columns[i].align == TACIT_ALIGN_RIGHT;
        size_t padding = table->widths[i] - tacit_text_width(row[i]);
        spaces += right ? padding : 0;
        if (*row[i]) {
            s_spaces(stream, spaces);
            spaces = 0;
        }
        (void)fputs(row[i], stream);
        spaces += (right ? 0 : padding) + 2;
    }
}

void tacit_table_print_or(const tacit_table_t *table, const char *none, FILE *stream)
{
    if (table->row_count > 0) {
        tacit_table_print(table, stream);
    } else {
        (void)fprintf(stream, "%s\n", none);
    }
}

void tacit_table_print(const tacit_table_t *table, FILE *stream)
{
    const char *headings[TACIT_TABLE_COLUMNS_MAX];
    bool colour = tacit_terminal_colour(stream);
    for (size_t i = 0; i < table->column_count; i++) {
        headings[i] = table->columns[i].heading;
    }
    (void)fputs(colour ? "\033[1m" : "", stream);
    s_print_row(table, headings, stream);
    (void)fputs(colour ? "\033[0m\n" : "\n", stream);
    for (size_t i = 0; i < table->row_count; i++) {
        s_print_row(table, (const char *const *)table->cells + i * table->column_count, stream);
        (void)fputc('\n', stream);
    }
}
