/*  input_csv.c - two passes: the first settles the shape, the second reads the numbers into it.  */

#include "clients/lib/input_csv.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct s_table {
    tacit_span_t rows; /* the lines after the heading */
    size_t first_line; /* number of the first of them, from 1 */
    size_t row_count;  /* lines */
    size_t columns;    /* fields of the first of them */
    locale_t locale;   /* "C": a decimal point everywhere */
} s_table_t;

static tacit_status_t s_refuse(tacit_error_t *ret_error, size_t line, size_t column,
                               const char *message)
{
    (void)tacit_error_set(ret_error, TACIT_MALFORMED, "line %zu, column %zu: %s", line, column,
                          message);
    if (ret_error) {
        (void)snprintf(ret_error->claim, sizeof ret_error->claim, "line %zu, column %zu", line,
                       column);
    }
    return TACIT_MALFORMED;
}

/*  Cut what stands before the separator off rest. False at the end.  */
static bool s_cut(tacit_span_t *rest, char separator, tacit_span_t *ret_part)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, separator, rest->size);
    *ret_part = tacit_span(rest->data, end ? (size_t)(end - rest->data) : rest->size);
    size_t taken = ret_part->size + (end ? 1 : 0);
    rest->data += taken;
    rest->size -= taken;
    return true;
}

static bool s_line(tacit_span_t *rest, tacit_span_t *ret_line)
{
    if (!s_cut(rest, '\n', ret_line)) {
        return false;
    }
    if (ret_line->size > 0 && ret_line->data[ret_line->size - 1] == '\r') {
        ret_line->size--;
    }
    return true;
}

static tacit_span_t s_trim(tacit_span_t field)
{
    while (field.size > 0 && (field.data[0] == ' ' || field.data[0] == '\t')) {
        field.data++;
        field.size--;
    }
    while (field.size > 0 &&
           (field.data[field.size - 1] == ' ' || field.data[field.size - 1] == '\t')) {
        field.size--;
    }
    return field;
}

/*  The digits at text, and how many.  */
static size_t s_digits(const char *text)
{
    size_t count = 0;
    while (text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/*  strtof knows more than this format allows (hexadecimal, "nan(...)"), so that the spelling is
    judged first.  */
static bool s_is_decimal(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t whole = s_digits(text);
    text += whole;
    size_t fraction = 0;
    if (*text == '.') {
        fraction = s_digits(++text);
        text += fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        size_t exponent = s_digits(text);
        if (exponent == 0) {
            return false;
        }
        text += exponent;
    }
    return *text == '\0';
}

static bool s_is_word(const char *text)
{
    text += *text == '+' || *text == '-';
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "inf") == 0 ||
           strcasecmp(text, "infinity") == 0;
}

/*  NULL, or what is wrong with the field.  */
static const char *s_number(const s_table_t *table, tacit_span_t field, float *ret_value)
{
    char text[TACIT_CSV_FIELD_MAX + 1];
    const char *wrong = NULL;
    field = s_trim(field);
    if (field.size == 0) {
        return "the field is empty";
    }
    if (field.size > TACIT_CSV_FIELD_MAX || memchr(field.data, '\0', field.size)) {
        return "not a number";
    }
    memcpy(text, field.data, field.size);
    text[field.size] = '\0';
    bool word = s_is_word(text);
    if (!word && !s_is_decimal(text)) {
        wrong = "not a number";
    } else {
        float value = strtof_l(text, NULL, table->locale);
        if (!word && isinf(value)) {
            wrong = "beyond the range of float32";
        } else {
            *ret_value = value;
        }
    }
    explicit_bzero(text, sizeof text);
    return wrong;
}

/*  A heading may hold separators in double quotes.  */
static size_t s_heading_columns(tacit_span_t line)
{
    size_t columns = 1;
    bool quoted = false;
    for (size_t i = 0; i < line.size; i++) {
        quoted ^= line.data[i] == '"';
        columns += line.data[i] == ',' && !quoted;
    }
    return columns;
}

static bool s_is_heading(const s_table_t *table, tacit_span_t line)
{
    tacit_span_t field;
    float value = 0;
    bool something = false;
    while (s_cut(&line, ',', &field)) {
        if (!s_number(table, field, &value)) {
            return false;
        }
        something |= s_trim(field).size > 0;
    }
    return something;
}

static tacit_status_t s_check_shape(const s_table_t *table, size_t heading_columns,
                                    tacit_error_t *ret_error)
{
    if (table->row_count == 0) {
        return s_refuse(ret_error, table->first_line, 1, "there are no numbers");
    }
    if (table->columns > TACIT_CSV_COLUMNS_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "more than %d columns",
                               TACIT_CSV_COLUMNS_MAX);
    }
    if (table->row_count > TACIT_CSV_ROWS_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "more than %d rows", TACIT_CSV_ROWS_MAX);
    }
    if (heading_columns > 0 && heading_columns != table->columns) {
        (void)s_refuse(ret_error, table->first_line, 1,
                       "not as many fields as the heading has columns");
        if (ret_error) {
            (void)snprintf(ret_error->expected, sizeof ret_error->expected, "%zu", heading_columns);
            (void)snprintf(ret_error->got, sizeof ret_error->got, "%zu", table->columns);
        }
        return TACIT_MALFORMED;
    }
    return TACIT_OK;
}

/*  First pass. A field list of an empty line is one empty field, which the second pass refuses.  */
static tacit_status_t s_measure(s_table_t *table, tacit_span_t text, tacit_error_t *ret_error)
{
    tacit_span_t line = tacit_span(NULL, 0);
    tacit_span_t rest = text;
    size_t heading_columns = 0;
    table->rows = text;
    table->first_line = 1;
    if (s_line(&rest, &line) && s_is_heading(table, line)) {
        heading_columns = s_heading_columns(line);
        table->rows = rest;
        table->first_line = 2;
    }
    rest = table->rows;
    while (s_line(&rest, &line)) {
        if (table->row_count++ == 0) {
            table->columns = 1;
            for (size_t i = 0; i < line.size; i++) {
                table->columns += line.data[i] == ',';
            }
        }
    }
    return s_check_shape(table, heading_columns, ret_error);
}

static tacit_status_t s_read_row(const s_table_t *table, size_t line_number, tacit_span_t line,
                                 uint8_t *ret_elements, tacit_error_t *ret_error)
{
    tacit_span_t field;
    bool more = true; /* a comma at the end is followed by an empty field */
    for (size_t column = 0; column < table->columns; column++) {
        float value = 0;
        if (!more) {
            return s_refuse(ret_error, line_number, column + 1, "the line has too few fields");
        }
        const uint8_t *end = line.data + line.size;
        field = tacit_span(line.data, 0);
        more = s_cut(&line, ',', &field) && field.data + field.size < end;
        const char *wrong = s_number(table, field, &value);
        if (wrong) {
            (void)s_refuse(ret_error, line_number, column + 1, wrong);
            if (line_number == 1) {
                tacit_error_remedy(ret_error, "the first line is either all numbers or all names");
            } else if (memchr(field.data, ';', field.size)) {
                tacit_error_remedy(ret_error, "separate the fields with commas");
            }
            return TACIT_MALFORMED;
        }
        memcpy(ret_elements + column * sizeof value, &value, sizeof value);
    }
    return more ? s_refuse(ret_error, line_number, table->columns + 1,
                           "the line has too many fields")
                : TACIT_OK;
}

static tacit_status_t s_read(const s_table_t *table, tacit_tensor_t *tensor,
                             tacit_error_t *ret_error)
{
    tacit_span_t rest = table->rows;
    tacit_span_t line;
    size_t row = 0;
    while (s_line(&rest, &line)) {
        uint8_t *elements = tensor->data->data + row * table->columns * sizeof(float);
        tacit_status_t status =
            s_read_row(table, table->first_line + row, line, elements, ret_error);
        if (status != TACIT_OK) {
            return status;
        }
        row++;
    }
    return TACIT_OK;
}

static tacit_span_t s_skip_byte_order_mark(tacit_span_t text)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t size = sizeof mark - 1;
    if (text.size >= size && memcmp(text.data, mark, size) == 0) {
        return tacit_span(text.data + size, text.size - size);
    }
    return text;
}

tacit_status_t tacit_csv_parse(tacit_span_t text, tacit_tensor_t *ret_tensor,
                               tacit_error_t *ret_error)
{
    s_table_t table = {0};
    tacit_tensor_t tensor = {0};
    tacit_status_t status = TACIT_OK;
    if (text.size > TACIT_CSV_BYTES_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the text is larger than %d bytes",
                               TACIT_CSV_BYTES_MAX);
    }
    table.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (table.locale == (locale_t)0) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    status = s_measure(&table, s_skip_byte_order_mark(text), ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    const int64_t dims[] = {(int64_t)table.row_count, (int64_t)table.columns};
    status = tacit_tensor_allocate(TACIT_INFERENCE_DTYPE_FLOAT32, 2, dims, &tensor, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    status = s_read(&table, &tensor, ret_error);
    if (status != TACIT_OK) {
        goto out;
    }
    *ret_tensor = tensor;
    memset(&tensor, 0, sizeof tensor);
out:
    tacit_tensor_release(&tensor);
    freelocale(table.locale);
    return status;
}
